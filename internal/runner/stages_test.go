package runner

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"campaign/internal/campaign"
)

// staged plans another run of b, with so many deliveries of batch recipients in each
// stage. No block has more than 3 deliveries.
func staged(b *bench, batch int, stages ...int) campaign.Run {
	run := campaign.Run{
		ID: campaign.RunID("p", "staged", campaign.Once), Profile: "p", Campaign: "staged",
		Occurrence: campaign.Occurrence{Label: campaign.Once}, PlanDigest: "d", Planner: 1, Columns: []string{"id"},
	}
	ctx := context.Background()
	_, err := b.ledger.Begin(ctx, run, nil)
	for stage, n := range stages {
		for n > 0 && err == nil {
			block := campaign.Block{Seq: run.Totals.Blocks, Stage: stage}
			for range min(n, 3) {
				d := campaign.Delivery{Seq: run.Totals.Requests, Digest: campaign.Digest{byte(run.Totals.Requests)}}
				for range batch {
					d.Recipients = append(d.Recipients, campaign.Recipient{
						Row: run.Totals.Recipients + 2, Cells: []string{fmt.Sprintf("u%d", run.Totals.Recipients)}})
					run.Totals.Recipients++
				}
				block.Deliveries = append(block.Deliveries, d)
				run.Totals.Requests++
			}
			n -= len(block.Deliveries)
			run.Totals.Blocks++
			block.Digest = block.Sum()
			err = b.ledger.Add(ctx, run.ID, []campaign.Block{block})
		}
	}
	if err == nil {
		err = b.ledger.Open(ctx, run.ID, run.Totals)
	}
	if err != nil {
		panic(err)
	}
	return run
}

// newStaged is a bench whose run has stages.
func newStaged(t *testing.T, script func(call) reply, policy []campaign.Stage, sizes ...int) *bench {
	b := newBench(t, 1, 1, script)
	b.run = staged(b, 1, sizes...)
	b.job.Run, b.job.Policy.Stages = b.run.ID, policy
	b.job.Policy.Abort = campaign.DefaultAbort()
	return b
}

// notes gives the texts of the run's notes of a kind.
func (b *bench) notes(t *testing.T, kind string) []string {
	t.Helper()
	notes, err := b.ledger.Notes(t.Context(), b.run.ID)
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	for _, n := range notes {
		if n.Kind == kind {
			texts = append(texts, n.Text)
		}
	}
	return texts
}

func (b *bench) wantNotes(t *testing.T, want ...string) {
	t.Helper()
	if got := b.notes(t, campaign.NoteStage); !slices.Equal(got, want) {
		t.Errorf("notes of stages: %q, want %q", got, want)
	}
}

var confirm = campaign.Stage{Upto: 1, Confirm: true}

func TestStagesWaitForAPerson(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newStaged(t, always(reply{take: true, status: 200, body: "taken", delay: time.Second}), []campaign.Stage{confirm, confirm}, 5, 10, 15)
		// A word that was given before anything was sent is no word about the stage.
		b.job.Confirmed = true
		for _, step := range []struct {
			confirmed bool
			calls     int
			stop      Stop
		}{{true, 5, StageWaits}, {false, 5, StageWaits}, {true, 15, StageWaits}, {false, 15, StageWaits}, {true, 30, Complete}, {true, 30, Complete}} {
			b.job.Confirmed = step.confirmed
			s := b.mustRun(t)
			f := b.fold(t)
			if s.Stop != step.stop || len(b.up.calls) != step.calls || int(f.deliveries.Accepted) != step.calls || (s.Detail == "") != (s.Stop == Complete) {
				t.Fatalf("%+v after %d calls, want %+v", s, len(b.up.calls), step)
			}
		}
		b.wantNotes(t, "1: confirmed", "2: confirmed")
	})
}

// Nothing of a stage begins before the one before it is settled to the last.
func TestStageIsSettledFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newStaged(t, nil, []campaign.Stage{{Upto: 4, Wait: time.Nanosecond}}, 4, 8)
		began := time.Now()
		b.up.script = func(c call) reply {
			r := taken
			switch {
			case c.n == 0:
				r = tooMany("60")
			case c.n == 1:
				r.delay = 4 * time.Second
			case c.n == 2:
				r = lostAfter // unknown is settled
			}
			return r
		}
		s := b.mustRun(t)
		for i, c := range b.up.calls {
			if i >= 5 && c.at.Sub(began) < 60*time.Second {
				t.Errorf("call %d after %s", i, c.at.Sub(began))
			}
		}
		if s.Stop != Complete || len(b.up.calls) != 13 || b.fold(t).deliveries.Unknown != 1 {
			t.Errorf("%+v after %d calls", s, len(b.up.calls))
		}
	})
}

func TestStageWaitsItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newStaged(t, always(taken), []campaign.Stage{{Upto: 5, Wait: 10 * time.Minute}, {Upto: 8, Wait: time.Hour}}, 5, 3, 4)
		events := b.waits()
		began := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
		defer cancel()
		if s, err := b.start(ctx); err != nil || s.Stop != Interrupted || len(b.up.calls) != 5 {
			t.Fatalf("%+v, %v", s, err)
		}
		b.wantNotes(t) // it was not passed
		time.Sleep(4 * time.Minute)
		if s := b.mustRun(t); s.Stop != Complete {
			t.Fatalf("%+v", s)
		}
		// The time counts from the stage's last settlement, over the restart.
		second, third := b.up.calls[5].at.Sub(began), b.up.calls[8].at.Sub(began)
		if second != 10*time.Minute || third != 70*time.Minute || len(b.up.calls) != 12 {
			t.Errorf("the second stage began after %s, the third after %s", second, third)
		}
		if len(*events) != 3 || !(*events)[0].Until.Equal(began.Add(10*time.Minute)) || !(*events)[1].Until.Equal((*events)[0].Until) {
			t.Errorf("events %+v", *events)
		}
		b.wantNotes(t, "1: waited 10m0s", "2: waited 1h0m0s")
	})
}

// A stage whose time is over when an invocation begins is not waited for again.
func TestStageWhoseTimeIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newStaged(t, always(taken), []campaign.Stage{{Upto: 5, Wait: 10 * time.Minute}}, 5, 3)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if s, err := b.start(ctx); err != nil || s.Stop != Interrupted {
			t.Fatalf("%+v, %v", s, err)
		}
		time.Sleep(time.Hour)
		began := time.Now()
		if s := b.mustRun(t); s.Stop != Complete || !time.Now().Equal(began) {
			t.Errorf("%+v after %s", s, time.Since(began))
		}
	})
}

func TestStageWithTooManyFailures(t *testing.T) {
	for failures, stops := range map[int]bool{0: false, 1: false, 2: true, 5: true} {
		t.Run(fmt.Sprint(failures), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newStaged(t, nil, []campaign.Stage{{Upto: 5, Wait: time.Minute}}, 5, 30)
				b.up.script = each(func(n int) bool { return n < failures }, refusedIt)
				b.job.Confirmed = true // before anybody could see it
				s := b.mustRun(t)
				if !stops {
					if s.Stop != Complete {
						t.Errorf("%+v", s)
					}
					return
				}
				want := fmt.Sprintf("stage 1: %d of 5 requests were rejected: the threshold is 2 and 20%%", failures)
				if s.Stop != Aborted || s.Detail != want || len(b.up.calls) != 5 {
					t.Fatalf("%s (%s) after %d calls", s.Stop, s.Detail, len(b.up.calls))
				}
				b.job.Confirmed = false
				if s := b.mustRun(t); s.Stop != Aborted || s.Detail != want || len(b.up.calls) != 5 {
					t.Errorf("again: %+v", s)
				}
				b.wantNotes(t)
				b.job.Confirmed = true
				if s := b.mustRun(t); s.Stop != Complete || len(b.up.calls) != 35 {
					t.Errorf("confirmed: %+v", s)
				}
				b.wantNotes(t, fmt.Sprintf("1: confirmed with %d of 5 requests rejected", failures))
			})
		})
	}
}

// Each stage is judged by its own requests, and by leaves of splits.
func TestStageIsJudgedByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stage := campaign.Stage{Upto: 1, Wait: time.Second}
		b := newStaged(t, func(c call) reply {
			if c.has("u0", "u5") { // one in each stage
				return refusedIt
			}
			return taken
		}, []campaign.Stage{stage, stage}, 5, 5, 5)
		if s := b.mustRun(t); s.Stop != Complete {
			t.Errorf("%+v", s)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 1, 1, func(c call) reply {
			if c.has("u2") {
				return refusedIt
			}
			return taken
		})
		b.run = staged(b, 8, 1, 1)
		b.job.Run = b.run.ID
		b.job.Policy.Stages = []campaign.Stage{{Upto: 8, Wait: time.Second}}
		b.job.Policy.Abort = campaign.DefaultAbort()
		if s := b.mustRun(t); s.Stop != Complete || s.Splits == 0 || s.Deliveries.Rejected != 1 {
			t.Errorf("%+v", s)
		}
	})
}

// Without a threshold of failures no stage fails.
func TestStageWithoutThreshold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newStaged(t, always(refusedIt), []campaign.Stage{{Upto: 5, Wait: time.Second}}, 5, 5)
		b.job.Policy.Abort = campaign.Abort{}
		if s := b.mustRun(t); s.Stop != Complete || len(b.up.calls) != 10 {
			t.Errorf("%+v", s)
		}
	})
}

// What an earlier stage must leave for later ends the invocation, and nothing of
// the next stage begins.
func TestStageWithLeftovers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newStaged(t, func(c call) reply {
			if c.has("u2") {
				return refused
			}
			return taken
		}, []campaign.Stage{confirm}, 5, 5)
		b.job.Confirmed, b.job.Policy.Retry.Attempts = true, 1
		for _, calls := range []int{5, 6, 7} {
			if s := b.mustRun(t); s.Stop != Exhausted || s.Recipients.Deferred != 1 || len(b.up.calls) != calls {
				t.Fatalf("%+v after %d calls", s, len(b.up.calls))
			}
		}
		b.wantNotes(t)
		b.up.script = always(taken)
		if s := b.mustRun(t); s.Stop != StageWaits || len(b.up.calls) != 8 {
			t.Errorf("%+v after %d calls", s, len(b.up.calls))
		}
		if s := b.mustRun(t); s.Stop != Complete || len(b.up.calls) != 13 {
			t.Errorf("%+v after %d calls", s, len(b.up.calls))
		}
	})
}

// A stage without a delivery of its own is passed with the one before it; what it
// waits for is waited for.
func TestStageWithoutDeliveries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newStaged(t, always(taken), []campaign.Stage{{Upto: 5, Wait: time.Minute}, confirm}, 5, 0, 5)
		if s := b.mustRun(t); s.Stop != StageWaits || len(b.up.calls) != 5 {
			t.Errorf("%+v after %d calls", s, len(b.up.calls))
		}
		b.job.Confirmed = true
		if s := b.mustRun(t); s.Stop != Complete || len(b.up.calls) != 10 {
			t.Errorf("%+v after %d calls", s, len(b.up.calls))
		}
		b.wantNotes(t, "1: waited 1m0s", "2: confirmed")
	})
}

// A limit inside a stage is a limit; the stage is not passed by it.
func TestLimitInsideAStage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newStaged(t, always(taken), []campaign.Stage{{Upto: 5, Wait: time.Second}}, 5, 5)
		b.job.Limit = 3
		for _, want := range []int{3, 6, 9, 10} {
			if s := b.mustRun(t); len(b.up.calls) != want || (s.Stop == Complete) != (want == 10) {
				t.Fatalf("%+v after %d calls, want %d", s, len(b.up.calls), want)
			}
		}
	})
}

func TestLedgerThatFailsAtAStage(t *testing.T) {
	for name, test := range map[string]struct {
		sabotage func(*shaky)
		passed   bool // it happened all the same
	}{
		"note":             {func(s *shaky) { s.note = errDisk }, false},
		"note, but it did": {func(s *shaky) { s.note, s.after = errDisk, true }, true},
		"reading notes":    {func(s *shaky) { s.notes = errDisk }, false},
		"reading results":  {func(s *shaky) { s.results = errDisk }, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newStaged(t, always(taken), []campaign.Stage{confirm}, 5, 5)
				b.mustRun(t)
				l := &shaky{Ledger: b.ledger, err: errDisk}
				test.sabotage(l)
				b.job.Ledger, b.job.Confirmed = l, true
				if s, err := b.start(t.Context()); s.Stop != Failed || !errors.Is(err, ErrLedger) || !errors.Is(err, errDisk) || len(b.up.calls) != 5 {
					t.Errorf("%+v, %v after %d calls", s, err, len(b.up.calls))
				}
				b.job.Ledger, b.job.Confirmed = b.ledger, false
				want, calls := StageWaits, 5
				if test.passed { // a stage that was passed is not asked for again
					want, calls = Complete, 10
				}
				if s := b.mustRun(t); s.Stop != want || len(b.up.calls) != calls {
					t.Errorf("%+v after %d calls", s, len(b.up.calls))
				}
			})
		})
	}
}

// A run that stops at a stage can be stopped, and ends at once.
func TestStopWhileAStageWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newStaged(t, always(taken), []campaign.Stage{{Upto: 5, Wait: time.Hour}}, 5, 5)
		began := time.Now()
		time.AfterFunc(10*time.Minute, func() { _ = b.ledger.Stop(context.Background(), b.run.ID) })
		if s := b.mustRun(t); s.Stop != Asked || time.Since(began) > 10*time.Minute+2*time.Second || len(b.up.calls) != 5 {
			t.Errorf("%+v after %s", s, time.Since(began))
		}
	})
}

func TestPassedStages(t *testing.T) {
	note := func(kind, text string) campaign.Note { return campaign.Note{Kind: kind, Text: text} }
	for _, test := range []struct {
		notes []campaign.Note
		want  int
	}{
		{nil, 0},
		{[]campaign.Note{note(campaign.NoteEnded, "9: x")}, 0},
		{[]campaign.Note{note(campaign.NoteStage, "1: confirmed"), note(campaign.NoteStage, "2: waited 10m0s"), note(campaign.NoteEnded, "complete")}, 2},
		{[]campaign.Note{note(campaign.NoteStage, "what"), note(campaign.NoteStage, "1: confirmed: by a person")}, 1},
	} {
		if got := passedStages(test.notes); got != test.want {
			t.Errorf("%v: %d passed, want %d", test.notes, got, test.want)
		}
	}
}
