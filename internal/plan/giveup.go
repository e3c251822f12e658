package plan

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"campaign/internal/campaign"
	"campaign/internal/recipients"
)

// mostBad is how many rows of a list may be wrong before the rest is not looked at: the
// file is not what somebody thinks it is, and may be as long as somebody wants.
var mostBad int64 = 100_000

const ruleTooManyProblems = "too-many-problems"

// patient gives rows up to a number of them that cannot be read.
type patient struct {
	list recipients.Rows
	file string
}

// Rows implements recipients.Rows. The problem that ends it is one of the file.
func (p patient) Rows(ctx context.Context) iter.Seq2[recipients.Row, error] {
	return func(yield func(recipients.Row, error) bool) {
		bad := int64(0)
		for row, err := range p.list.Rows(ctx) {
			if !yield(row, err) {
				return
			}
			if err != nil && errors.As(err, new(campaign.Diagnostic)) {
				if bad++; bad > mostBad {
					yield(recipients.Row{}, tooMany(p.file))
					return
				}
			}
		}
	}
}

func tooMany(file string) campaign.Diagnostic {
	return campaign.Diagnostic{File: file, Rule: ruleTooManyProblems,
		Message: fmt.Sprintf("more than %s rows are wrong: the rest was not read", campaign.Grouped(mostBad)),
		Hint:    "is this the list that is meant, with the encoding and the delimiter that it has?"}
}

// gaveUp reports whether a list was not read to its end: what the whole of it shows
// cannot be said.
func (s *summary) gaveUp() bool { return s.counts[ruleTooManyProblems] > 0 }
