package diagnostics

import "io"

// JSON writes one document: {"format_version": 1, "diagnostics": […]}. Lines and
// columns are 1-based, columns count code points, end_column is exclusive; what
// is not known is left out.
func JSON(w io.Writer, r Report) error {
	type diagnostic struct {
		File      string `json:"file"`
		Line      int    `json:"line,omitempty"`
		Column    int    `json:"column,omitempty"`
		EndColumn int    `json:"end_column,omitempty"`
		Severity  string `json:"severity"`
		Rule      string `json:"rule"`
		Message   string `json:"message"`
		Hint      string `json:"hint,omitempty"`
		StandsFor int64  `json:"stands_for,omitempty"` // problems that are not listed
	}
	all := make([]diagnostic, len(r.Found))
	for i, d := range r.Found {
		all[i] = diagnostic{d.File, d.Line, d.Col, d.EndCol, severity(d), d.Rule, d.Message, d.Hint, d.Stands}
	}
	return writeJSON(w, struct {
		FormatVersion int          `json:"format_version"`
		Diagnostics   []diagnostic `json:"diagnostics"`
	}{1, all})
}
