package main

import (
	"cmp"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"campaign/internal/campaign"
	"campaign/internal/ledger"
)

// hider takes the ids of a request's other recipients out of what the upstream
// said about it. The zero hider hides nothing.
type hider struct {
	keep []string // the recipient's own; longest first
	hide []string // the others'; longest first
}

// hiddenText stands where something was taken out.
const hiddenText = "[redacted]"

// freeLength is the length, in bytes, from which an id is taken out wherever it
// stands; a shorter one is as likely a part of a word or a number.
const freeLength = 4

// newHider knows recipients by the cells that say who they are: those numbered in
// names.
func newHider(own campaign.Recipient, others []campaign.Recipient, names []int) hider {
	var h hider
	mine, seen := map[string]bool{}, map[string]bool{}
	for _, i := range names {
		if i < len(own.Cells) {
			mine[own.Cells[i]] = true
			h.keep = append(h.keep, spellings(own.Cells[i])...)
		}
	}
	for _, other := range others {
		for _, i := range names {
			if i >= len(other.Cells) || mine[other.Cells[i]] || seen[other.Cells[i]] {
				continue
			}
			seen[other.Cells[i]] = true
			h.hide = append(h.hide, spellings(other.Cells[i])...)
		}
	}
	longest := func(a, b string) int { return cmp.Compare(len(b), len(a)) }
	slices.SortStableFunc(h.keep, longest)
	slices.SortStableFunc(h.hide, longest)
	return h
}

// spellings are a value and its forms inside JSON.
func spellings(cell string) []string {
	if cell == "" {
		return nil
	}
	out := []string{cell}
	if quoted, err := json.Marshal(cell); err == nil {
		out = append(out, string(quoted[1:len(quoted)-1]))
	}
	ascii := strconv.QuoteToASCII(cell)
	out = append(out, ascii[1:len(ascii)-1])
	slices.Sort(out)
	return slices.Compact(out)
}

// text is a text without other recipients' ids.
func (h hider) text(text string) string {
	if len(h.hide) == 0 {
		return text
	}
	var b strings.Builder
	for i := 0; i < len(text); {
		own, other := standing(text, i, h.keep), standing(text, i, h.hide)
		switch {
		case len(other) > len(own): // also when it begins with the own one
			b.WriteString(hiddenText)
			i += len(other)
		case own != "":
			b.WriteString(own)
			i += len(own)
		default:
			_, size := utf8.DecodeRuneInString(text[i:])
			b.WriteString(text[i : i+size])
			i += size
		}
	}
	return b.String()
}

// standing gives the first of the ids that stands at a place of a text.
func standing(text string, i int, ids []string) string {
	for _, id := range ids {
		if strings.HasPrefix(text[i:], id) && (len(id) >= freeLength || alone(text, i, i+len(id))) {
			return id
		}
	}
	return ""
}

// alone reports whether no letter or digit touches a stretch of text.
func alone(text string, from, to int) bool {
	before, _ := utf8.DecodeLastRuneInString(text[:from])
	after, _ := utf8.DecodeRuneInString(text[to:])
	joins := func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }
	return (from == 0 || !joins(before)) && (to == len(text) || !joins(after))
}

// answer is a raw answer without other recipients' ids, also without one of which
// only the beginning was kept.
func (h hider) answer(raw []byte) string {
	text := string(raw)
	if len(raw) < ledger.AnswerLimit {
		return h.text(text)
	}
	for _, id := range h.hide {
		for n := len(id) - 1; n >= freeLength; n-- {
			if rest, cut := strings.CutSuffix(text, id[:n]); cut {
				return h.text(rest) + hiddenText
			}
		}
	}
	return h.text(text)
}
