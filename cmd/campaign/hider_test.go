package main

import (
	"strings"
	"testing"

	"campaign/internal/campaign"
	"campaign/internal/ledger"
)

func person1(cells ...string) campaign.Recipient { return campaign.Recipient{Cells: cells} }

func TestHiderTakesOthersOut(t *testing.T) {
	own := person1("u-10", "2", "o-same", "王\"五")
	others := []campaign.Recipient{
		person1("u-1", "2", "o-same", "x"),
		person1("u-100", "1", "o-other", "李四四四"),
		person1("7", "1", "", "y"),
	}
	h := newHider(own, others, []int{0, 2, 3})
	for text, want := range map[string]string{
		"":                                  "",
		"nothing of anybody":                "nothing of anybody",
		"u-1, u-10 and u-100":               "[redacted], u-10 and [redacted]",
		"u-10u-100":                         "u-10[redacted]",
		"user 7 of 17, 7th, (7)":            "user [redacted] of 17, 7th, ([redacted])",
		"o-same o-other":                    "o-same [redacted]",
		`{"to":"李四四四","code":2}`:            `{"to":"[redacted]","code":2}`,
		`{"to":"\u674e\u56db\u56db\u56db"}`: `{"to":"[redacted]"}`,
		`own 王"五 and 王\"五`:                  `own 王"五 and 王\"五`,
		"\xff u-100 \xfe":                   "\xff [redacted] \xfe",
	} {
		if got := h.text(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestHiderOfCutAnswer(t *testing.T) {
	h := newHider(person1("own-id"), []campaign.Recipient{person1("somebody-else")}, []int{0})
	fill := func(tail string) []byte { return []byte(strings.Repeat(".", ledger.AnswerLimit-len(tail)) + tail) }
	for tail, want := range map[string]string{
		"somebody-el":   hiddenText,
		"somebody-else": hiddenText,
		"some":          hiddenText,
		"som":           "som", // as likely a word
		"own-id":        "own-id",
	} {
		if got := h.answer(fill(tail)); strings.TrimLeft(got, ".") != want {
			t.Errorf("a long answer that ends with %q: ends with %q", tail, strings.TrimLeft(got, "."))
		}
	}
	if got := h.answer([]byte("somebody-el")); got != "somebody-el" {
		t.Errorf("a whole answer is not cut: %q", got)
	}
}

func TestHiderOfNobodyHidesNothing(t *testing.T) {
	if got := (hider{}).text("u-1"); got != "u-1" {
		t.Errorf("%q", got)
	}
}
