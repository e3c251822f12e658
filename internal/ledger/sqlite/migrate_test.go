package sqlite_test

import (
	"archive/zip"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"campaign/internal/campaign"
	"campaign/internal/ledger"
	"campaign/internal/ledger/sqlite"
)

// oldRun is a run as the program of format 1 read it from its ledger.
type oldRun struct {
	Run     campaign.Run
	Results []campaign.BlockResults
}

// TestFormatOne opens ledgers that the program of format 1 wrote, one that was closed and
// one that a kill left with its log: every run says what it said, and schedules work.
func TestFormatOne(t *testing.T) {
	old, err := zip.OpenReader("testdata/format1.zip")
	must(t, err)
	defer old.Close()
	text, err := fs.ReadFile(old, "runs.json")
	must(t, err)
	var want []oldRun
	must(t, json.Unmarshal(text, &want))
	for _, name := range []string{"ended", "killed"} {
		t.Run(name, func(t *testing.T) {
			o := optionsIn(t.TempDir())
			unpack(t, old, name+"/mark.json", o.Mark)
			unpack(t, old, name+"/ledger.db", filepath.Join(o.Dir, "ledger.db"))
			if name == "killed" {
				unpack(t, old, name+"/ledger.db-wal", filepath.Join(o.Dir, "ledger.db-wal"))
			}
			l := open(t, o)
			for _, w := range want {
				run, err := l.Run(ctx, w.Run.ID)
				must(t, err)
				if run.State != w.Run.State || run.Totals != w.Run.Totals || run.PlanDigest != w.Run.PlanDigest {
					t.Errorf("%s: %+v, before it was %+v", w.Run.Campaign, run, w.Run)
				}
				var got []campaign.BlockResults
				for r, err := range l.Results(ctx, run.ID) {
					must(t, err)
					for i := range r.Results {
						r.Results[i].Reopened = false // of this it did not speak
					}
					got = append(got, r)
				}
				if !reflect.DeepEqual(plain(t, got), plain(t, w.Results)) {
					t.Errorf("%s: its results are\n%v, before they were\n%v", w.Run.Campaign, plain(t, got), plain(t, w.Results))
				}
			}
			at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
			taken, err := l.Decide(ctx, "test", []ledger.Decision{{Campaign: "a", Upto: at, Slots: []campaign.Slot{{Label: "x", At: at, Count: 1}}}})
			must(t, err)
			if len(taken) != 1 || !taken[0] {
				t.Error(taken)
			}
			must(t, l.Close())
			after, err := sqlite.Check(ctx, o)
			must(t, err)
			if after.Runs != int64(len(want)) {
				t.Errorf("%+v", after)
			}
		})
	}
}

// plain is a value as JSON has it.
func plain(t *testing.T, v any) (out any) {
	t.Helper()
	text, err := json.Marshal(v)
	must(t, err)
	must(t, json.Unmarshal(text, &out))
	return out
}

func unpack(t *testing.T, from fs.FS, name, to string) {
	t.Helper()
	data, err := fs.ReadFile(from, name)
	must(t, err)
	must(t, os.MkdirAll(filepath.Dir(to), 0o700))
	must(t, os.WriteFile(to, data, 0o600))
}
