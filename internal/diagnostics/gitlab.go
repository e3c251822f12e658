package diagnostics

import "io"

// GitLab writes the report of a code_quality artifact: a list of issues, each with a
// fingerprint of its own. What concerns a file as a whole stands on its first line.
func GitLab(w io.Writer, r Report) error {
	type lines struct {
		Begin int `json:"begin"`
	}
	type location struct {
		Path  string `json:"path"`
		Lines lines  `json:"lines"`
	}
	type issue struct {
		Description string   `json:"description"`
		CheckName   string   `json:"check_name"`
		Fingerprint string   `json:"fingerprint"`
		Severity    string   `json:"severity"`
		Location    location `json:"location"`
	}
	prints := fingerprints(r.Found)
	issues := make([]issue, len(r.Found))
	for i, d := range r.Found {
		severity := "critical"
		if d.Warning {
			severity = "minor"
		}
		issues[i] = issue{oneLine(sentence(d)), d.Rule, prints[i], severity, location{d.File, lines{max(d.Line, 1)}}}
	}
	return writeJSON(w, issues)
}
