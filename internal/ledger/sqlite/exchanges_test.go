package sqlite_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"campaign/internal/campaign"
	"campaign/internal/ledger"
	"campaign/internal/ledger/ledgertest"
)

// planOf is a run of n deliveries of one recipient each, in one block.
func planOf(n int) (campaign.Run, []campaign.Block) {
	b := campaign.Block{}
	for i := range n {
		b.Deliveries = append(b.Deliveries, campaign.Delivery{
			Seq: int64(i), Digest: campaign.Digest{1, byte(i)},
			Recipients: []campaign.Recipient{{Row: int64(i + 2), Cells: []string{fmt.Sprintf("person-%04d", i), "org"}}},
		})
	}
	b.Digest = b.Sum()
	return campaign.Run{
		ID: campaign.RunID("test", "c", campaign.Once), Project: ledgertest.Project, Profile: "test", Campaign: "c",
		Occurrence: campaign.Occurrence{Label: campaign.Once, Time: time.Date(2026, 12, 1, 8, 0, 0, 0, time.UTC)},
		File:       "c.yaml", Target: "gov", Channel: "zqt.message", Began: time.Date(2026, 12, 1, 8, 0, 0, 0, time.UTC),
		Planner: 1, PlanDigest: strings.Repeat("ab", 32), Columns: []string{"userid", "orgid"},
		Totals: campaign.Totals{Blocks: 1, Requests: int64(n), Recipients: int64(n)},
	}, []campaign.Block{b}
}

// Exchanges are the attempts that ended under the hold that began them: a death
// and a person's word about it are none.
func TestExchanges(t *testing.T) {
	l := open(t, fresh(t).options)
	ctx := t.Context()
	run, blocks := planOf(4)
	t0 := time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC)
	if _, err := l.Begin(ctx, run, nil); err != nil {
		t.Fatal(err)
	}
	if err := l.Add(ctx, run.ID, blocks); err != nil {
		t.Fatal(err)
	}
	if err := l.Open(ctx, run.ID, run.Totals); err != nil {
		t.Fatal(err)
	}
	at := func(s int) time.Time { return t0.Add(time.Duration(s) * time.Second) }
	whole := func(seq int64) campaign.Part { return campaign.Part{Seq: seq} }
	claim := func() ledger.Hold {
		hold, err := l.Claim(ctx, run.ID, "test", time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		return hold
	}
	record := func(hold ledger.Hold, settled []ledger.Settlement, begun ...ledger.Intent) {
		t.Helper()
		if err := l.Record(ctx, hold, settled, begun); err != nil {
			t.Fatal(err)
		}
	}
	settle := func(seq int64, o campaign.Outcome, status, s int) ledger.Settlement {
		return ledger.Settlement{Part: whole(seq), Verdict: campaign.Verdict{Outcome: o, Status: status, Reason: "r"}, At: at(s)}
	}
	first := claim()
	record(first, nil, ledger.Intent{Part: whole(0), At: at(1)}, ledger.Intent{Part: whole(1), At: at(2)}, ledger.Intent{Part: whole(2), At: at(2)})
	record(first, []ledger.Settlement{settle(0, campaign.Deferred, 429, 3)}, ledger.Intent{Part: whole(0), At: at(4)})
	record(first, []ledger.Settlement{settle(0, campaign.Accepted, 200, 9), settle(1, campaign.Unknown, 0, 10)})
	if err := l.Release(ctx, first); err != nil {
		t.Fatal(err)
	}
	second := claim() // delivery 2 died with its process
	record(second, []ledger.Settlement{settle(2, campaign.Accepted, 0, 100), settle(3, campaign.Skipped, 0, 101)})

	var got []campaign.Exchange
	for e, err := range l.Exchanges(ctx, run.ID) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, e)
	}
	want := []campaign.Exchange{
		{Part: whole(0), Began: at(1), Ended: at(3), Outcome: campaign.Deferred, Status: 429},
		{Part: whole(0), Began: at(4), Ended: at(9), Outcome: campaign.Accepted, Status: 200},
		{Part: whole(1), Began: at(2), Ended: at(10), Outcome: campaign.Unknown},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got[0].Took() != 2*time.Second || (campaign.Exchange{Began: at(2), Ended: at(1)}).Took() != 0 {
		t.Error("an exchange does not say how long it took")
	}
	for _, err := range l.Exchanges(ctx, "nothere") {
		if err == nil {
			t.Error("a run that is not there has exchanges")
		}
	}
}
