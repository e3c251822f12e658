package report

import (
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"

	"campaign/internal/campaign"
)

// Format is a way to write a report down. A new one is a file of this package
// and a line in Formats, or in Extra.
type Format struct {
	Name string // for --format
	File string // in a run's folder
	open func(w io.Writer, run campaign.Run, facts Facts) (writer, error)
}

// Formats lists the formats in the order in which their files are replaced:
// report.json comes last, so that a new one says that all are new.
var Formats = []Format{
	{Name: "ndjson", File: "recipients.ndjson", open: openRecipients},
	{Name: "markdown", File: "report.md", open: openMarkdown},
	{Name: "html", File: "report.html", open: openHTML},
	{Name: "json", File: "report.json", open: openJSON},
}

// Extra lists the formats that are made only when somebody asks for them.
var Extra = []Format{
	{Name: "csv", File: "report.csv", open: openCSV},
	{Name: "junit", File: "report.xml", open: openJUnit},
}

// writer writes one report: end is called once, when the report stands.
type writer interface {
	end(r Report) error
}

// liner is a writer that wants to see every line.
type liner interface {
	line(l Line) error
}

// Print folds the results and writes one format to w, without keeping a file.
func Print(w io.Writer, format string, run campaign.Run, facts Facts, results iter.Seq2[campaign.BlockResults, error]) (Report, error) {
	all := slices.Concat(Formats, Extra)
	i := slices.IndexFunc(all, func(f Format) bool { return f.Name == format })
	if i < 0 {
		return Report{}, fmt.Errorf("unknown report format %q: the formats are %s", format, strings.Join(Names(), ", "))
	}
	out, err := all[i].open(w, run, facts)
	if err != nil {
		return Report{}, err
	}
	r, err := Fold(run, facts, results, lines([]writer{out})...)
	if err != nil {
		return Report{}, err
	}
	return r, out.end(r)
}

// Names lists the formats' names, sorted.
func Names() []string {
	var names []string
	for _, f := range slices.Concat(Formats, Extra) {
		names = append(names, f.Name)
	}
	slices.Sort(names)
	return names
}

func lines(writers []writer) []func(Line) error {
	var observers []func(Line) error
	for _, w := range writers {
		if l, ok := w.(liner); ok {
			observers = append(observers, l.line)
		}
	}
	return observers
}
