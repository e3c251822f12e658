package sqlite_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"campaign/internal/campaign"
	"campaign/internal/ledger"
)

// After a purge no byte of people's data is in the ledger's files, and the results
// add up as before; another run keeps what it has.
func TestPurge(t *testing.T) {
	s := fresh(t)
	l := open(t, s.options)
	ctx := t.Context()
	t0 := time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC)
	begin := func(name string) campaign.Run {
		run, blocks := planOf(3)
		run.ID, run.Campaign = campaign.RunID("test", name, campaign.Once), name
		for i := range blocks[0].Deliveries {
			blocks[0].Deliveries[i].Recipients[0].Cells[0] = "person-of-" + name
		}
		blocks[0].Skips = []campaign.Skip{{Recipient: campaign.Recipient{Row: 9, Cells: []string{"skipped-of-" + name, "o"}}, Reason: "excluded: x.csv"}}
		blocks[0].Digest = blocks[0].Sum()
		run.Totals.Recipients, run.Totals.Skipped = 4, 1
		inputs := []campaign.Input{{Path: "own.yaml", Digest: "a", Data: []byte("file-of-" + name)}, {Path: "shared.yaml", Digest: "b", Data: []byte("shared-by-both")}}
		if _, err := l.Begin(ctx, run, inputs); err != nil {
			t.Fatal(err)
		}
		if err := l.Add(ctx, run.ID, blocks); err != nil {
			t.Fatal(err)
		}
		if err := l.Open(ctx, run.ID, run.Totals); err != nil {
			t.Fatal(err)
		}
		return run
	}
	work := func(run campaign.Run, name string) ledger.Hold {
		hold, err := l.Claim(ctx, run.ID, "test", time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		for i := range int64(3) {
			part := campaign.Part{Seq: i}
			if err := l.Record(ctx, hold, nil, []ledger.Intent{{Part: part, At: t0}}); err != nil {
				t.Fatal(err)
			}
			v := campaign.Verdict{Outcome: campaign.Rejected, Status: 200, Reason: "refused: said-of-" + name, Ref: "ref-of-" + name}
			if err := l.Record(ctx, hold, []ledger.Settlement{{Part: part, Verdict: v, At: t0, Answer: []byte("answer-of-" + name)}}, nil); err != nil {
				t.Fatal(err)
			}
		}
		return hold
	}
	old, young := begin("old"), begin("young")
	hold := work(old, "old")
	work(young, "young")
	if err := l.Purge(ctx, hold, false, campaign.Note{At: t0, Kind: campaign.NotePurged, Text: "x"}); err != nil {
		t.Fatal(err)
	}
	words := func(of string) []string {
		var all []string
		for _, w := range []string{"person-of-", "skipped-of-", "file-of-", "said-of-", "ref-of-", "answer-of-"} {
			all = append(all, w+of)
		}
		return all
	}
	for _, w := range words("old") {
		if where := holding(t, s.options.Dir, w); where != "" {
			t.Errorf("%s still holds %s", where, w)
		}
	}
	for _, w := range append(words("young"), "shared-by-both") {
		if holding(t, s.options.Dir, w) == "" {
			t.Errorf("%s is gone", w)
		}
	}
	results := 0
	for b, err := range l.Results(ctx, old.ID) {
		if err != nil {
			t.Fatal(err)
		}
		if b.Block.Sum() != b.Block.Digest || len(b.Block.Skips) != 1 || b.Block.Skips[0].Recipient.Row != 9 {
			t.Errorf("%+v", b.Block)
		}
		for _, r := range b.Results {
			results++
			if r.Verdict.Outcome != campaign.Rejected || r.Verdict.Reason != "refused" || !r.At.Equal(t0) || r.Attempts != 1 {
				t.Errorf("%+v", r)
			}
		}
	}
	notes, err := l.Notes(ctx, old.ID)
	if err != nil || results != 3 || notes[len(notes)-1].Kind != campaign.NotePurged {
		t.Errorf("%d results, %+v, %v", results, notes, err)
	}
	if err := l.Purge(ctx, ledger.Hold{Run: old.ID, Token: 99}, false, campaign.Note{}); err == nil {
		t.Error("a hold that is none may purge")
	}
}

// Cells that are nobody's stay.
func TestPurgeKeepsCells(t *testing.T) {
	s := fresh(t)
	l := open(t, s.options)
	run, blocks := planOf(1)
	if _, err := l.Begin(t.Context(), run, nil); err != nil {
		t.Fatal(err)
	}
	if err := l.Add(t.Context(), run.ID, blocks); err != nil {
		t.Fatal(err)
	}
	if err := l.Open(t.Context(), run.ID, run.Totals); err != nil {
		t.Fatal(err)
	}
	hold, err := l.Claim(t.Context(), run.ID, "test", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Purge(t.Context(), hold, true, campaign.Note{At: time.Now(), Kind: campaign.NotePurged}); err != nil {
		t.Fatal(err)
	}
	for b, err := range l.Results(t.Context(), run.ID) {
		if err != nil || b.Block.Deliveries[0].Recipients[0].ID() != "person-0000" {
			t.Error(b, err)
		}
	}
}

// holding names a file of a folder that holds a text; empty: none does.
func holding(t *testing.T, dir, text string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.IsDir() {
			continue
		}
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(data, []byte(text)) {
			return e.Name()
		}
	}
	return ""
}
