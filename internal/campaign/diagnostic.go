package campaign

import (
	"cmp"
	"fmt"
	"slices"
)

// Problem is a complaint about a value of a Raw. Whoever holds the file turns
// Pointer into a position.
type Problem struct {
	Pointer string // absolute JSON pointer in the file that the block came from
	Key     bool   // the key is meant, not its value
	Rule    string // stable rule id, kebab-case, for example unknown-sender
	Message string // one lower-case sentence without a full stop
	Hint    string // what to do, may be empty
	Warning bool
}

// Diagnostic is a Problem with its place: what a user sees.
type Diagnostic struct {
	File    string // path in the project
	Line    int    // 1-based; 0: the file as a whole
	Col     int    // 1-based, in code points; 0: the line as a whole
	EndCol  int    // exclusive, on the same line; 0: unknown
	Rule    string
	Message string
	Hint    string
	Warning bool
	// Stands is how many problems this one stands for, when they are too many to be
	// listed; 0: for itself.
	Stands int64
	// Source is the line's text for a caret. It is empty where showing it would
	// show a person's data: lines of recipients files.
	Source string
}

// Error formats d as `path:line:col: message [rule]`, the oneline format.
func (d Diagnostic) Error() string {
	at := d.File
	if d.Line > 0 {
		at = fmt.Sprintf("%s:%d:%d", d.File, d.Line, max(d.Col, 1))
	}
	return fmt.Sprintf("%s: %s [%s]", at, d.Message, d.Rule)
}

// SortDiagnostics orders by file, line, column, rule, message and what else they say,
// so that the order in which they were found never shows, and drops exact repetitions.
func SortDiagnostics(ds []Diagnostic) []Diagnostic {
	slices.SortStableFunc(ds, func(a, b Diagnostic) int {
		return cmp.Or(
			cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Col, b.Col),
			cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Message, b.Message), cmp.Compare(a.Hint, b.Hint),
			cmp.Compare(a.EndCol, b.EndCol), cmp.Compare(a.Stands, b.Stands), cmp.Compare(a.Source, b.Source), warningsLast(a, b))
	})
	return slices.Compact(ds)
}

func warningsLast(a, b Diagnostic) int {
	switch {
	case a.Warning == b.Warning:
		return 0
	case b.Warning:
		return -1
	}
	return 1
}

// HasErrors reports whether any of ds is more than a warning.
func HasErrors(ds []Diagnostic) bool {
	return slices.ContainsFunc(ds, func(d Diagnostic) bool { return !d.Warning })
}
