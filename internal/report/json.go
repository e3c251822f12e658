package report

import (
	"encoding/json"
	"io"

	"campaign/internal/campaign"
)

// jsonWriter writes report.json (schema/report.schema.json).
type jsonWriter struct{ w io.Writer }

func openJSON(w io.Writer, _ campaign.Run, _ Facts) (writer, error) { return jsonWriter{w}, nil }

func (j jsonWriter) end(r Report) error {
	e := json.NewEncoder(j.w)
	e.SetIndent("", "  ")
	return e.Encode(r)
}
