package campaign

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestSecretNeverPrints(t *testing.T) {
	const value = "hunter2-秘密"
	s := NewSecret(value)
	holder := struct{ Token Secret }{s}
	asJSON, err := json.Marshal(map[string]any{"s": s, "p": &s, "in": holder})
	if err != nil {
		t.Fatal(err)
	}
	var logged strings.Builder
	log := slog.New(slog.NewJSONHandler(&logged, nil))
	log.Info("x", "s", s, "holder", holder)
	slog.New(slog.NewTextHandler(&logged, nil)).Info("x", "s", s, "holder", holder)
	prints := []string{string(asJSON), logged.String(), s.String()}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%10s"} {
		prints = append(prints, fmt.Sprintf(verb, s), fmt.Sprintf(verb, &s), fmt.Sprintf(verb, holder), fmt.Sprintf(verb, []Secret{s}))
	}
	for _, p := range prints {
		if strings.Contains(p, value) || strings.Contains(p, fmt.Sprintf("%x", value)) || !strings.Contains(p, redacted) {
			t.Errorf("printed %q", p)
		}
	}
	if s.Reveal() != value {
		t.Errorf("Reveal gave %q", s.Reveal())
	}
}

func TestOutcomeText(t *testing.T) {
	for o := Unknown; o <= Superseded; o++ {
		text, _ := o.MarshalText()
		var back Outcome
		if err := back.UnmarshalText(text); err != nil || back != o {
			t.Errorf("%v came back as %v: %v", o, back, err)
		}
	}
	var o Outcome
	if err := o.UnmarshalText([]byte("delivered")); err == nil {
		t.Error("a word that is no outcome was taken")
	}
	if got := Outcome(99).String(); got != "outcome(99)" {
		t.Errorf("got %q", got)
	}
	if (Verdict{}).Outcome != Unknown {
		t.Error("the zero verdict must be unknown")
	}
}

func TestCountsBalance(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var c Counts
		for _, o := range rapid.SliceOf(rapid.SampledFrom(Outcomes)).Draw(t, "outcomes") {
			before := c.Of(o)
			c.Add(o, 1)
			c.Planned++
			if c.Of(o) != before+1 {
				t.Fatalf("%v was not counted", o)
			}
		}
		if !c.Balanced() {
			t.Fatalf("%+v does not balance", c)
		}
		if c.Complete() != (c.Of(Deferred)+c.Of(Pending) == 0) {
			t.Fatalf("%+v: complete is %v", c, c.Complete())
		}
		c.Add(rapid.SampledFrom(Outcomes).Draw(t, "extra"), 1)
		if c.Balanced() {
			t.Fatalf("%+v balances with one too many", c)
		}
	})
}

// The ids of runs are for ever: reports, evidence and other machines name them.
func TestRunIDIsStable(t *testing.T) {
	if got, want := RunID("test", "census", Once), "5rrc2ktn5n77"; got != want {
		t.Errorf("RunID is %s, want %s", got, want)
	}
	if RunID("a", "bc", "d") == RunID("ab", "c", "d") {
		t.Error("names run into each other")
	}
}

func TestKey(t *testing.T) {
	d := Delivery{Seq: 12, Digest: Digest{0xab, 0xcd, 1, 2, 3}, Recipients: make([]Recipient, 4)}
	if got := d.Key(Part{Seq: 12}); got != "12-abcd0102" {
		t.Errorf("got %s", got)
	}
	part := Part{Seq: 12, From: 2, To: 4}
	if got := d.Key(part); got != "12-abcd0102/2-4" {
		t.Errorf("got %s", got)
	}
	if len(part.Of(d.Recipients)) != 2 || len((Part{Seq: 12}).Of(d.Recipients)) != 4 {
		t.Error("a part covers the wrong recipients")
	}
}

func TestBlockSumSeesEveryChange(t *testing.T) {
	make := func() Block {
		return Block{Seq: 3,
			Deliveries: []Delivery{{Seq: 7, Digest: Digest{1}, Recipients: []Recipient{{Row: 2, Cells: []string{"a"}}}}},
			Skips:      []Skip{{Recipient{Row: 3}, "duplicate: row 2"}}}
	}
	base := make()
	for name, change := range map[string]func(*Block){
		"seq":         func(b *Block) { b.Seq++ },
		"delivery":    func(b *Block) { b.Deliveries[0].Seq++ },
		"digest":      func(b *Block) { b.Deliveries[0].Digest[7]++ },
		"recipients":  func(b *Block) { b.Deliveries[0].Recipients = nil },
		"skip row":    func(b *Block) { b.Skips[0].Recipient.Row++ },
		"skip reason": func(b *Block) { b.Skips[0].Reason = "excluded: x" },
		"no skip":     func(b *Block) { b.Skips = nil },
	} {
		b := make()
		change(&b)
		if b.Sum() == base.Sum() {
			t.Errorf("a change of %s is not seen", name)
		}
	}
}

func TestSortDiagnostics(t *testing.T) {
	d := func(file string, line, col int, rule string) Diagnostic {
		return Diagnostic{File: file, Line: line, Col: col, Rule: rule, Message: "m"}
	}
	got := SortDiagnostics([]Diagnostic{d("b", 1, 1, "x"), d("a", 2, 1, "x"), d("a", 1, 9, "x"), d("a", 1, 9, "w"), d("a", 2, 1, "x")})
	want := []Diagnostic{d("a", 1, 9, "w"), d("a", 1, 9, "x"), d("a", 2, 1, "x"), d("b", 1, 1, "x")}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got[0].Error() != "a:1:9: m [w]" || (Diagnostic{File: "a", Message: "m", Rule: "r"}).Error() != "a: m [r]" {
		t.Error("the oneline form changed")
	}
}

func TestCredentialForms(t *testing.T) {
	for src, want := range map[string]Credential{
		`"6"`:                   {Literal: "6"},
		`{"env":"X"}`:           {Env: "X"},
		`{"command":["a","b"]}`: {Command: []string{"a", "b"}},
		`{"oauth2":{"token_url":"http://127.0.0.1/t","client_id":"c","client_secret":{"file":"f"}}}`: {OAuth2: &OAuth2{TokenURL: "http://127.0.0.1/t", ClientID: "c", ClientSecret: &Credential{File: "f"}}},
	} {
		var got Credential
		if err := json.Unmarshal([]byte(src), &got); err != nil {
			t.Errorf("%s: %v", src, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", src, diff)
		}
	}
}

func TestRateInterval(t *testing.T) {
	if (Rate{}).Interval() != 0 || (Rate{N: 50, Per: 1e9}).Interval() != 20e6 {
		t.Error("intervals are wrong")
	}
}
