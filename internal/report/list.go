package report

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"

	"campaign/internal/campaign"
)

// ErrGroups is wrapped for a run whose recipients are user groups: those stand in
// the campaign file, not in a file of recipients.
var ErrGroups = errors.New("the run goes to user groups: name them in the campaign file")

// Selection says which recipients of a run are meant: those with an outcome, or
// left out for a reason.
type Selection []string

// choices are the words of a Selection, in the order in which they are shown: the
// outcomes of whoever was to be sent to, and why somebody was not after all.
var choices = []string{"accepted", "rejected", "unknown", "deferred", "pending", "cancelled", codeExpired}

// Select reads the words of a selection.
func Select(words []string) (Selection, error) {
	if len(words) == 0 {
		return nil, fmt.Errorf("nobody is selected: give some of %s, with commas between them", strings.Join(choices, ", "))
	}
	for _, w := range words {
		if !slices.Contains(choices, w) {
			return nil, fmt.Errorf("%q selects nobody: there are %s", w, strings.Join(choices, ", "))
		}
	}
	s := Selection(slices.Clone(words))
	slices.Sort(s)
	return slices.Compact(s), nil
}

func (s Selection) String() string { return strings.Join(s, ",") }

// Has reports whether a recipient with this last word is meant.
func (s Selection) Has(v campaign.Verdict) bool {
	word := v.Outcome.String()
	if v.Outcome == campaign.Skipped {
		word = codeOf(v.Reason)
	}
	return slices.Contains(s, word)
}

// List folds a run's results and gives each recipient that is selected to take, in
// plan order; only the counts of the report are of use until it has ended. Who was
// left out by the planner is never selected.
func List(run campaign.Run, facts Facts, results iter.Seq2[campaign.BlockResults, error], s Selection, take func(campaign.Recipient) error) (Report, error) {
	var failed error
	tapped := func(yield func(campaign.BlockResults, error) bool) {
		for b, err := range results {
			if err == nil && failed == nil {
				failed = s.of(&b, take)
			}
			if failed != nil {
				yield(campaign.BlockResults{}, failed)
				return
			}
			if !yield(b, err) {
				return
			}
		}
	}
	return Fold(run, facts, tapped)
}

// of takes the selected recipients of a block.
func (s Selection) of(b *campaign.BlockResults, take func(campaign.Recipient) error) error {
	for i := range b.Results {
		r := &b.Results[i]
		at := r.Part.Seq
		if len(b.Block.Deliveries) > 0 {
			at -= b.Block.Deliveries[0].Seq
		}
		if !s.Has(r.Verdict) || at < 0 || at >= int64(len(b.Block.Deliveries)) || r.Part.To > len(b.Block.Deliveries[at].Recipients) {
			continue // what does not add up is the fold's to say
		}
		for _, who := range r.Part.Of(b.Block.Deliveries[at].Recipients) {
			if err := take(who); err != nil {
				return err
			}
		}
	}
	return nil
}

// Written is what WriteList wrote.
type Written struct {
	Recipients int64
	Marked     int64 // cells that got an apostrophe
}

// WriteList writes the selected recipients as a file that campaigns can name as
// their recipients, with the columns and cells of the run. It is UTF-8 with a mark,
// so that Excel can edit it. A cell that a spreadsheet would take for a formula gets
// an apostrophe before it, and is counted: it is to be taken away again where the
// cell is used as it was. A number with a sign, as of a phone, is no formula.
func WriteList(w io.Writer, run campaign.Run, facts Facts, results iter.Seq2[campaign.BlockResults, error], s Selection) (Written, error) {
	var n Written
	if facts.Groups {
		return n, ErrGroups
	}
	if _, err := io.WriteString(w, byteOrderMark); err != nil {
		return n, err
	}
	out := csv.NewWriter(w)
	out.UseCRLF = true
	if err := out.Write(run.Columns); err != nil {
		return n, err
	}
	cells := make([]string, len(run.Columns))
	_, err := List(run, facts, results, s, func(who campaign.Recipient) error {
		n.Recipients++
		for i := range cells {
			cells[i] = ""
			if i < len(who.Cells) {
				cells[i] = who.Cells[i]
			}
			if formula(cells[i]) {
				cells[i] = "'" + cells[i]
				n.Marked++
			}
		}
		return out.Write(cells)
	})
	if err != nil {
		return n, err
	}
	out.Flush()
	return n, out.Error()
}

// formula reports whether a spreadsheet may take a cell for one.
func formula(cell string) bool {
	rest := strings.TrimLeft(cell, " ")
	if strings.IndexAny(rest, formulas) != 0 {
		return false
	}
	signed := rest[0] == '+' || rest[0] == '-'
	return !signed || strings.Trim(rest[1:], "0123456789 .-") != "" || len(rest) == 1
}
