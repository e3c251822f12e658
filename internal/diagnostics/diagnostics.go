// Package diagnostics prints located problems, a file a format, and knows what
// each rule is about. It finds nothing and decides nothing: the rooms that read
// files do.
package diagnostics

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"

	"campaign/internal/campaign"
)

// Report is what one check of files found.
type Report struct {
	Found  []campaign.Diagnostic // sorted
	Files  []string              // that were checked: also those without a problem
	Colour bool                  // for terminals; formats for machines ignore it
	Say    func(string) string   // a sentence in the reader's language; nil: English. Formats for machines ignore it
}

// files are those that were checked and those with problems, sorted as these are.
func (r Report) files() []string {
	all := slices.Clone(r.Files)
	for _, d := range r.Found {
		all = append(all, d.File)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Format writes a report.
type Format func(w io.Writer, r Report) error

// Formats lists the formats by the name that --format takes.
var Formats = map[string]Format{
	"text":    Text,
	"oneline": Oneline,
	"json":    JSON,
	"sarif":   SARIF,
	"junit":   JUnit,
	"github":  GitHub,
	"gitlab":  GitLab,
}

// FromRepository lists the formats whose readers look for files from the top of
// the repository, not from that of the project.
var FromRepository = map[string]bool{"sarif": true, "github": true, "gitlab": true}

func (r Report) say(sentence string) string {
	if r.Say == nil {
		return sentence
	}
	return r.Say(sentence)
}

// label is a word before a sentence.
func (r Report) label(word string) string {
	if said := r.say(word); said != word {
		return said + "："
	}
	return word + ": "
}

// severity is the word for how much a problem matters.
func severity(d campaign.Diagnostic) string {
	if d.Warning {
		return "warning"
	}
	return "error"
}

// sentence is what a problem says and what to do about it, on a line each.
func sentence(d campaign.Diagnostic) string {
	if d.Hint == "" {
		return oneLine(d.Message)
	}
	return oneLine(d.Message) + "\n" + oneLine(d.Hint)
}

// fingerprints gives each problem a name that stays when lines are put in before it:
// what it says, where, and the how manieth of those that say the same it is.
func fingerprints(found []campaign.Diagnostic) []string {
	seen := map[string]int{}
	out := make([]string, len(found))
	for i, d := range found {
		what := fmt.Sprintf("%q %q %q %q", d.File, d.Rule, d.Message, strings.TrimSpace(d.Source))
		sum := sha256.Sum256(fmt.Appendf(nil, "%s %d", what, seen[what]))
		seen[what]++
		out[i] = hex.EncodeToString(sum[:16])
	}
	return out
}

// reference is a path as a relative URI reference (RFC 3986).
func reference(file string) string {
	segments := strings.Split(file, "/")
	for i, s := range segments {
		segments[i] = url.PathEscape(s)
	}
	if strings.Contains(segments[0], ":") { // it would be a scheme
		segments[0] = strings.ReplaceAll(segments[0], ":", "%3A")
	}
	return strings.Join(segments, "/")
}

func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(EscapeJSON(w))
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
