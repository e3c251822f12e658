// Package diagnostics prints located problems, a file a format. It finds nothing
// and decides nothing: the rooms that read files do.
package diagnostics

import (
	"io"

	"campaign/internal/campaign"
)

// Format writes problems that are sorted. Colour is for terminals; formats for
// machines ignore it.
type Format func(w io.Writer, found []campaign.Diagnostic, colour bool) error

// Formats lists the formats by the name that --format takes.
var Formats = map[string]Format{
	"text":    Text,
	"oneline": Oneline,
	"json":    JSON,
}

// severity is the word for how much a problem matters.
func severity(d campaign.Diagnostic) string {
	if d.Warning {
		return "warning"
	}
	return "error"
}
