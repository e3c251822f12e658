package runner

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"campaign/internal/campaign"
	"campaign/internal/ledger"
	"campaign/internal/targets"
)

func TestRunSendsEverybodyOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 57, 3, always(taken))
		s := b.mustRun(t)
		if s.Stop != Complete || s.Requests != 57 || s.Recipients.Accepted != 171 || s.Deliveries.Accepted != 57 || s.InFlight != 0 {
			t.Errorf("summary %+v", s)
		}
		if s.MaxInFlight > 4 || b.up.most > 4 {
			t.Errorf("%d intents and %d requests in flight with a concurrency of 4", s.MaxInFlight, b.up.most)
		}
		f := b.fold(t)
		if f.recipients.Accepted != 171 {
			t.Errorf("counts %+v", f.recipients)
		}
		again := b.mustRun(t)
		if again.Stop != Complete || again.Requests != 0 || len(b.up.calls) != 57 {
			t.Errorf("a second run made %d requests: %+v", again.Requests, again)
		}
	})
}

func TestOnlyDeferredIsRetried(t *testing.T) {
	wait := http.Header{"Retry-After": {"3"}}
	tests := []struct {
		name    string
		first   reply
		outcome campaign.Outcome
		calls   int
		reason  string
	}{
		{"taken", taken, campaign.Accepted, 1, ""},
		{"refused", refusedIt, campaign.Rejected, 1, "refused: no"},
		{"not sent", refused, campaign.Accepted, 2, ""},
		{"429", tooMany("1"), campaign.Accepted, 2, ""},
		{"503 with Retry-After", reply{status: 503, header: wait}, campaign.Accepted, 2, ""},
		{"503", reply{status: 503}, campaign.Unknown, 1, "unexpected-answer"},
		{"500", reply{status: 500}, campaign.Unknown, 1, "unexpected-answer"},
		{"302", reply{status: 302, header: http.Header{"Location": {"http://elsewhere/"}}}, campaign.Unknown, 1, "unexpected-answer"},
		{"lost but taken", lostAfter, campaign.Unknown, 1, "answer-lost: connection reset"},
		{"lost and not taken", lostWhole, campaign.Unknown, 1, "answer-lost: connection reset"},
		{"stalled", reply{take: true, delay: time.Hour}, campaign.Unknown, 1, "answer-lost: no answer within 5s"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, 1, 1, func(c call) reply {
					if c.n == 0 {
						return test.first
					}
					return taken
				})
				s := b.mustRun(t)
				f := b.fold(t)
				if s.Stop != Complete || f.outcome["u0"] != test.outcome || f.reason["u0"] != test.reason || len(b.up.calls) != test.calls {
					t.Errorf("stop %s, outcome %s (%s), %d calls", s.Stop, f.outcome["u0"], f.reason["u0"], len(b.up.calls))
				}
				if s.Recipients.Of(test.outcome) != 1 || s.Recipients.Deferred != 0 {
					t.Errorf("summary %+v", s.Recipients)
				}
				if f.attempts["u0"] != test.calls {
					t.Errorf("%d attempts recorded, %d calls", f.attempts["u0"], test.calls)
				}
			})
		})
	}
}

func TestUnknownIsHeldOverInvocations(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 5, 1, func(c call) reply {
			if c.has("u2") {
				return lostAfter
			}
			return taken
		})
		b.mustRun(t)
		b.mustRun(t)
		if f := b.fold(t); f.recipients.Unknown != 1 || f.recipients.Accepted != 4 || len(b.up.calls) != 5 {
			t.Errorf("%+v after %d calls", f.recipients, len(b.up.calls))
		}
	})
}

func TestAttemptsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 2, 1, func(c call) reply {
			if c.has("u1") {
				return tooMany("")
			}
			return taken
		})
		s := b.mustRun(t)
		f := b.fold(t)
		if s.Stop != Exhausted || s.Recipients.Deferred != 1 || f.attempts["u1"] != 4 || f.outcome["u1"] != campaign.Deferred {
			t.Errorf("summary %+v, %d attempts", s, f.attempts["u1"])
		}
	})
}

func TestLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 10, 3, always(taken))
		b.job.Limit = 10
		for _, want := range []int64{9, 18, 27, 30} {
			s := b.mustRun(t)
			if f := b.fold(t); f.recipients.Accepted != want {
				t.Fatalf("%d recipients after a limit of 10, want %d", f.recipients.Accepted, want)
			}
			if wantStop := map[bool]Stop{true: Complete, false: Limit}[want == 30]; s.Stop != wantStop {
				t.Errorf("stop %s, want %s", s.Stop, wantStop)
			}
		}
	})
}

func TestInterruptFinishesWhatIsInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		b := newBench(t, 50, 1, nil)
		b.up.script = func(c call) reply {
			if c.n == 9 {
				cancel()
			}
			r := taken
			r.delay = time.Second
			return r
		}
		s, err := b.start(ctx)
		if err != nil || s.Stop != Interrupted || s.InFlight != 0 {
			t.Fatalf("%+v, %v", s, err)
		}
		f := b.fold(t)
		if f.recipients.Unknown != 0 || int(f.recipients.Accepted) != len(b.up.calls) || len(b.up.calls) > 13 {
			t.Errorf("%+v after %d calls", f.recipients, len(b.up.calls))
		}
		b.up.script = always(taken)
		if s := b.mustRun(t); s.Stop != Complete || b.fold(t).recipients.Accepted != 50 {
			t.Errorf("resumed: %+v", s)
		}
	})
}

func TestKillLeavesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		kill := make(chan struct{})
		b := newBench(t, 50, 1, nil)
		b.up.script = func(c call) reply {
			if c.n == 3 {
				close(kill)
			}
			return reply{take: true, delay: 4 * time.Second, status: 200, body: "taken"}
		}
		b.job.Kill = kill
		began := time.Now()
		s, err := b.start(t.Context())
		if err != nil || s.Stop != Killed || time.Since(began) > time.Second {
			t.Fatalf("%+v, %v, after %s", s, err, time.Since(began))
		}
		if f := b.fold(t); f.recipients.Unknown != 4 || s.InFlight != 4 {
			t.Errorf("%+v, %d in flight", f.recipients, s.InFlight)
		}
	})
}

func TestStopAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 100, 1, nil)
		b.account.Limits.Rate = campaign.Rate{N: 2, Per: time.Second}
		b.up.script = func(c call) reply {
			if c.n == 5 {
				_ = b.ledger.Stop(context.Background(), b.run.ID)
			}
			return taken
		}
		s := b.mustRun(t)
		if s.Stop != Asked || len(b.up.calls) > 10 {
			t.Errorf("stop %s after %d calls", s.Stop, len(b.up.calls))
		}
		b.fold(t)
	})
}

func TestDiffers(t *testing.T) {
	for name, messages := range map[string]func(context.Context, campaign.Block) ([]targets.Message, error){
		"error": func(_ context.Context, b campaign.Block) ([]targets.Message, error) {
			if b.Seq == 1 {
				return nil, fmt.Errorf("block 1: %w", ErrDiffers)
			}
			return rendered("x")(context.Background(), b)
		},
		"missing message": func(_ context.Context, b campaign.Block) ([]targets.Message, error) {
			messages, err := rendered("x")(context.Background(), b)
			if b.Seq == 1 {
				messages = messages[1:]
			}
			return messages, err
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, 30, 1, always(taken))
				b.job.Messages = messages
				s, err := b.start(t.Context())
				if s.Stop != Differs || !errors.Is(err, ErrDiffers) || len(b.up.calls) > 10 {
					t.Errorf("%s, %v, %d calls", s.Stop, err, len(b.up.calls))
				}
				b.fold(t)
			})
		})
	}
}

type broken struct{ letter }

func (broken) Request(targets.Message, targets.Secrets) (targets.Request, error) {
	return targets.Request{}, errors.New("no such thing")
}

func TestRequestThatCannotBeBuilt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 3, 1, always(taken))
		b.job.Target = broken{}
		s, err := b.start(t.Context())
		if s.Stop != Faulty || err == nil || !strings.Contains(err.Error(), "no such thing") || len(b.up.calls) != 0 {
			t.Errorf("%s, %v", s.Stop, err)
		}
		if f := b.fold(t); f.recipients.Pending != 3 {
			t.Errorf("%+v", f.recipients)
		}
	})
}

func TestHeldRunIsLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 3, 1, always(taken))
		if _, err := b.ledger.Fork().Claim(t.Context(), b.run.ID, "somebody", time.Minute); err != nil {
			t.Fatal(err)
		}
		_, err := b.start(t.Context())
		if !errors.Is(err, ledger.ErrHeld) || errors.Is(err, ErrLedger) || len(b.up.calls) != 0 {
			t.Errorf("%v, %d calls", err, len(b.up.calls))
		}
	})
}

type panicking struct {
	letter
	in string
}

func (p panicking) Request(m targets.Message, s targets.Secrets) (targets.Request, error) {
	if p.in == "request" && m.Recipients[0].ID() == "u7" {
		panic("a bug in request")
	}
	return p.letter.Request(m, s)
}

func (p panicking) Judge(a targets.Answer) campaign.Verdict {
	if p.in == "judge" {
		panic("a bug in judge")
	}
	return p.letter.Judge(a)
}

func TestPanicStopsInOrder(t *testing.T) {
	for _, in := range []string{"request", "judge", "messages"} {
		t.Run(in, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, 30, 1, always(taken))
				usual, messages := b.job.Target, b.job.Messages
				b.job.Target = panicking{letter{url: "http://127.0.0.1:1/"}, in}
				if in == "messages" {
					b.job.Messages = func(context.Context, campaign.Block) ([]targets.Message, error) { panic("a bug in messages") }
				}
				func() {
					defer func() {
						if got := fmt.Sprint(recover()); !strings.Contains(got, "a bug in "+in) || !strings.Contains(got, "runner_test.go") {
							t.Errorf("panicked with %s", got)
						}
					}()
					_, _ = b.start(t.Context())
				}()
				f := b.fold(t)
				if f.recipients.Unknown > 4 {
					t.Errorf("%+v", f.recipients)
				}
				b.job.Target, b.job.Messages = usual, messages // the bug is mended, the hold was given back
				if s := b.mustRun(t); s.Stop != Complete || b.fold(t).recipients.Unknown != f.recipients.Unknown {
					t.Errorf("%+v", s)
				}
			})
		})
	}
}

func TestUpstreamThatEndsTheRunLeavesNobodyWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 4, 1, func(c call) reply {
			if c.n == 0 {
				return refused
			}
			return lostAfter
		})
		b.account.Limits.Concurrency = 1
		b.job.Policy.Retry = campaign.Retry{Attempts: 8, Base: 10 * time.Minute, Cap: 10 * time.Minute}
		began := time.Now()
		if s := b.mustRun(t); s.Stop != Unavailable || time.Since(began) > time.Minute {
			t.Errorf("%s after %s", s.Stop, time.Since(began))
		}
	})
}
