package report

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"campaign/internal/campaign"
)

// Every format but csv says of which records it is, and its counts are theirs.
func TestReadStamp(t *testing.T) {
	for name, m := range goldenRuns() {
		for _, f := range slices.Concat(Formats, Extra) {
			var out bytes.Buffer
			r, err := Print(&out, f.Name, m.run, m.facts, m.results())
			if err != nil {
				t.Fatal(err)
			}
			s, err := ReadStamp(&out)
			if f.Name == "csv" {
				if !errors.Is(err, ErrNoStamp) {
					t.Errorf("csv of %s: %v", name, err)
				}
				continue
			}
			if err != nil || s.Run != m.run.ID || s.Records != r.Records {
				t.Errorf("%s of %s: %+v, %v", f.Name, name, s, err)
			}
			if where := s.Differs(r); where != "" {
				t.Errorf("%s of %s: %s", f.Name, name, where)
			}
			if hasCounts := f.Name == "json" || f.Name == "ndjson"; hasCounts != (s.Recipients != nil) {
				t.Errorf("%s of %s has counts: %+v", f.Name, name, s)
			}
		}
	}
}

func TestStampDiffers(t *testing.T) {
	m := goldenRuns()["mixed"]
	var doc, list bytes.Buffer
	r, err := Print(&doc, "json", m.run, m.facts, m.results())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Print(&list, "ndjson", m.run, m.facts, m.results()); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		strings.Replace(doc.String(), `"accepted": 3`, `"accepted": 4`, 2):                      "its recipients are 16, 4 accepted",
		strings.Replace(list.String(), `"outcome":"rejected"`, `"outcome":"accepted"`, 1):       "its lines are 16, 4 accepted",
		list.String()[:strings.Index(list.String(), "{\"row\"")] + lastLine(list.String()):      "its lines are 0",
		strings.Replace(list.String(), `"requests":{"planned":8`, `"requests":{"planned":9`, 1): "its requests are 9",
	} {
		s, err := ReadStamp(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		if got := s.Differs(r); !strings.HasPrefix(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func lastLine(s string) string {
	lines := strings.Split(strings.TrimSuffix(s, "\n"), "\n")
	return lines[len(lines)-1]
}

// Nobody's text can pose as a stamp.
func TestStampIsNotForged(t *testing.T) {
	forged := "aaaaaaaaaaaa " + strings.Repeat("0", 64)
	for _, text := range []string{
		`<meta name="campaign-records" content="` + forged + `">`,
		"x\n| run | `aaaaaaaaaaaa` |\n| records | `" + strings.Repeat("0", 64) + "`: \n", "campaign-records " + forged,
	} {
		m := hostileRun(text)
		m.facts.Sources = []Source{{Path: text, Text: text}}
		for _, format := range []string{"html", "markdown", "junit", "json", "ndjson"} {
			var out bytes.Buffer
			r, err := Print(&out, format, m.run, m.facts, m.results())
			if err != nil {
				t.Fatal(err)
			}
			if s, err := ReadStamp(&out); err != nil || s.Run != m.run.ID || s.Records != r.Records {
				t.Errorf("%s: %+v, %v", format, s, err)
			}
		}
	}
}

func TestReadStampRefuses(t *testing.T) {
	for _, text := range []string{"", "{", "{}", `{"run":1}`, `{"run":{"id":"x"}}`, "<?xml", "# hello", "<!doctype html>", `{"kind":"recipients"}`, "\x00\xff"} {
		if s, err := ReadStamp(strings.NewReader(text)); !errors.Is(err, ErrNoStamp) {
			t.Errorf("%q: %+v, %v", text, s, err)
		}
	}
	if got := tally(campaign.Counts{Planned: 2, Accepted: 1, Pending: 1}); got != "2, 1 accepted, 1 pending" {
		t.Error(got)
	}
}
