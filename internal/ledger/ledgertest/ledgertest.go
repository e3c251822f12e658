// Package ledgertest is the suite that every ledger passes: each sentence of the
// port's contract is a test here. Members call Run from a plain go test.
package ledgertest

import (
	"context"
	"fmt"
	"iter"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"campaign/internal/campaign"
	"campaign/internal/ledger"
)

// Subject is one ledger under test and the processes that use it.
type Subject interface {
	// Open starts a process: its handle on the ledger. It is closed with the test.
	Open(t testing.TB) ledger.Ledger
	// Crash kills every process at this moment. Open then shows what is left.
	Crash(t testing.TB)
	// Expire makes the run claimable while the process that holds it lives on.
	Expire(t testing.TB, run string)
}

// Run runs the suite. fresh makes a subject with an empty ledger.
func Run(t *testing.T, fresh func(t testing.TB) Subject) {
	for _, part := range []struct {
		name  string
		tests []test
	}{
		{"planning", planning}, {"holding", holding}, {"recording", recording},
		{"splitting", splitting}, {"reading", reading}, {"sharing", sharing}, {"crashing", crashing}, {"failing", failing}, {"reserving", reserving}, {"slots", slots},
	} {
		for _, tt := range part.tests {
			t.Run(part.name+"/"+tt.name, func(t *testing.T) {
				s := &scene{TB: t, ctx: t.Context(), fresh: fresh}
				s.renew()
				tt.run(s)
			})
		}
	}
	t.Run("model", func(t *testing.T) { model(t, fresh) })
}

type test struct {
	name string
	run  func(s *scene)
}

// scene is a test with the handle that it works through.
type scene struct {
	testing.TB
	ctx     context.Context
	fresh   func(t testing.TB) Subject
	subject Subject
	l       ledger.Ledger
}

// renew begins with an empty ledger.
func (s *scene) renew() {
	s.Helper()
	s.subject = s.fresh(s)
	s.l = s.subject.Open(s)
}

// at is the scene's clock: seconds after noon of a certain day.
func at(second int) time.Time {
	return time.Date(2026, 3, 1, 12, 0, second, 0, time.UTC)
}

// aRun is a run as a planner brings it.
func aRun(name string) campaign.Run {
	zone := time.FixedZone("", 8*3600)
	return campaign.Run{
		ID: campaign.RunID("test", name, campaign.Once), Project: Project, Profile: "test", Campaign: name,
		Occurrence: campaign.Occurrence{Label: campaign.Once, Time: at(0).In(zone)},
		File:       "campaigns/" + name + ".yaml", Target: "main", Channel: "zqt.message",
		Began: at(0), Planner: 1, PlanDigest: "d1:" + name, Columns: []string{"id", "公司"},
	}
}

// Project is the project of the suite's runs: members that tie a ledger to a
// project tie it to this one.
const Project = "p-suite"

// blocksOf plans blocks with one delivery for each size, a number of recipients,
// and a skip at the end of each block.
func blocksOf(blocks int, sizes ...int) []campaign.Block {
	var out []campaign.Block
	seq, row := int64(0), int64(2)
	person := func() campaign.Recipient {
		row++
		return campaign.Recipient{Row: row - 1, Cells: []string{fmt.Sprintf("u%d", row-1), "甲乙丙有限公司"}}
	}
	for i := range blocks {
		b := campaign.Block{Seq: int64(i)}
		for _, size := range sizes {
			d := campaign.Delivery{Seq: seq, Digest: campaign.Digest{byte(seq), byte(seq >> 8), 7}}
			for range size {
				d.Recipients = append(d.Recipients, person())
			}
			b.Deliveries = append(b.Deliveries, d)
			seq++
		}
		b.Skips = []campaign.Skip{{Recipient: person(), Reason: "duplicate: row 2"}}
		b.Digest = b.Sum()
		out = append(out, b)
	}
	return out
}

func totalsOf(blocks []campaign.Block) campaign.Totals {
	t := campaign.Totals{Blocks: int64(len(blocks))}
	for _, b := range blocks {
		t.Requests += int64(len(b.Deliveries))
		t.Skipped += int64(len(b.Skips))
		t.Recipients += int64(len(b.Skips))
		for _, d := range b.Deliveries {
			t.Recipients += int64(len(d.Recipients))
		}
	}
	return t
}

// open plans a run to its end.
func (s *scene) open(name string, blocks []campaign.Block) campaign.Run {
	s.Helper()
	r, err := s.l.Begin(s.ctx, aRun(name), nil)
	s.must(err)
	s.must(s.l.Add(s.ctx, r.ID, blocks))
	s.must(s.l.Open(s.ctx, r.ID, totalsOf(blocks)))
	return r
}

// held plans a run and claims it.
func (s *scene) held(sizes ...int) (campaign.Run, ledger.Hold) {
	s.Helper()
	r := s.open("held", blocksOf(2, sizes...))
	return r, s.claim(r.ID)
}

func (s *scene) claim(run string) ledger.Hold {
	s.Helper()
	h, err := s.l.Claim(s.ctx, run, "owner", time.Hour)
	s.must(err)
	return h
}

func (s *scene) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

func (s *scene) equal(got, want any) {
	s.Helper()
	if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" {
		s.Fatalf("-want +got:\n%s", d)
	}
}

func whole(seq int64) campaign.Part              { return campaign.Part{Seq: seq} }
func part(seq int64, from, to int) campaign.Part { return campaign.Part{Seq: seq, From: from, To: to} }

func intent(p campaign.Part, second int) ledger.Intent {
	return ledger.Intent{Part: p, At: at(second)}
}

func settled(p campaign.Part, o campaign.Outcome, second int) ledger.Settlement {
	return ledger.Settlement{Part: p, Verdict: campaign.Verdict{Outcome: o}, At: at(second)}
}

// try records intents on parts, one second apart from second on.
func (s *scene) try(h ledger.Hold, second int, parts ...campaign.Part) {
	s.Helper()
	var intents []ledger.Intent
	for _, p := range parts {
		intents = append(intents, intent(p, second))
	}
	s.must(s.l.Record(s.ctx, h, nil, intents))
}

// settle records one settlement.
func (s *scene) settle(h ledger.Hold, p campaign.Part, o campaign.Outcome, second int) {
	s.Helper()
	s.must(s.l.Record(s.ctx, h, []ledger.Settlement{settled(p, o, second)}, nil))
}

// collect reads a sequence to its end.
func collect[T any](t testing.TB, seq iter.Seq2[T, error]) []T {
	t.Helper()
	var out []T
	for v, err := range seq {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, v)
	}
	return out
}

// first gives the error of a sequence that should begin with one.
func first[T any](seq iter.Seq2[T, error]) error {
	for _, err := range seq {
		return err
	}
	return nil
}

// results reads the results of a run without their blocks.
func (s *scene) results(run string) []campaign.Result {
	s.Helper()
	var all []campaign.Result
	for _, b := range collect(s, s.l.Results(s.ctx, run)) {
		all = append(all, b.Results...)
	}
	return all
}

// outcomes reads what became of each leaf of a run.
func (s *scene) outcomes(run string) map[campaign.Part]campaign.Outcome {
	s.Helper()
	all := map[campaign.Part]campaign.Outcome{}
	for _, r := range s.results(run) {
		all[r.Part] = r.Verdict.Outcome
	}
	return all
}
