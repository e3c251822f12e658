package spec

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"campaign/internal/campaign"
)

// format is a kind of recipients files, with the keys that say how it is read.
type format struct {
	extension string
	packed    bool // may end in .gz as well
	keys      []string
}

// formats are the files of recipients that can be read. An .xls file may be many
// things: what it is, whoever opens it says.
var formats = []format{
	{".csv", true, delimitedKeys}, {".tsv", true, delimitedKeys}, {".xlsx", false, []string{"sheet", "header_row", "stop_at"}},
	{".ndjson", true, []string{"encoding"}}, {".json", true, []string{"encoding"}},
	{".yaml", true, []string{"encoding"}}, {".yml", true, []string{"encoding"}},
	{".xls", false, sheetKeys},
}

var (
	sheetKeys     = []string{"sheet", "encoding", "delimiter", "header_row", "stop_at"}
	delimitedKeys = []string{"encoding", "delimiter", "header_row", "stop_at"}
)

// saveAs names the formats for hints.
const saveAs = ".csv, .tsv, .xlsx, .ndjson, .json or .yaml; all but .xlsx may be packed as .gz"

func (l *loader) recipients(v val, groups bool) campaign.Recipients {
	if groups {
		return campaign.Recipients{Groups: l.groups(v)}
	}
	l.oneOf(v, "file", "list")
	r := campaign.Recipients{
		Columns:  v.key("columns").table(),
		Defaults: v.key("defaults").table(),
		Exclude:  l.exclusions(v.key("exclude")),
	}
	if v.key("file").given() {
		r.File, r.Sheet = l.table(v)
	} else if columns := v.key("columns"); columns.given() && v.key("list").given() {
		l.keyProblem(columns, ruleConflict, "columns name the columns of a file, and here is none", "use the fields' own names in the list")
	}
	if !v.key("file").given() && v.key("list").given() {
		l.idleKeys(v, nil, "%s is for files, and here is none")
		if lookup := v.key("lookup"); lookup.given() {
			l.keyProblem(lookup, ruleConflict, "lookup is for files, and here is none", "write what is looked up into the list")
		}
	}
	if lookup := v.key("lookup"); lookup.given() {
		r.Lookup = l.lookup(lookup, v.key("columns"))
	}
	for _, row := range v.key("list").items() {
		r.List = append(r.List, row.table())
	}
	switch dedupe := v.key("dedupe"); {
	case dedupe.given():
		l.distinct(dedupe)
		r.Dedupe = dedupe.texts() // false: none
	default:
		r.DedupeDefault = true
	}
	r.Audience = l.audience(v)
	return r
}

// oneOf reports when not exactly one of the keys is given.
func (l *loader) oneOf(v val, keys ...string) {
	if _, ok := v.v.(map[string]any); !ok {
		return
	}
	var first string
	for _, key := range keys {
		switch x := v.key(key); {
		case !x.given():
		case first == "":
			first = key
		default:
			l.keyProblem(x, ruleConflict, fmt.Sprintf("%s and %s cannot both be given", first, key), "keep one of them")
		}
	}
	if first == "" && !meant(v, keys) {
		l.problem(v, ruleMissingKey, fmt.Sprintf("%s needs %s", name(v.at()), strings.Join(keys, " or ")), "add one of them")
	}
}

// sources are the keys that say who a campaign is for, of any channel.
var sources = []string{"file", "list", "groups", "match"}

// meant reports whether a mapping has a key that stands for one of keys: a
// misspelt one, or that of another channel. The schema has reported it.
func meant(v val, keys []string) bool {
	given := v.keys()
	for _, key := range given[:min(len(given), maxMeant)] {
		if nearest(key, keys) != "" || slices.Contains(keys, "list") && slices.Contains(sources, key) || slices.Contains(keys, "groups") && slices.Contains(sources, key) {
			return true
		}
	}
	return false
}

// table resolves the name of a file of recipients and says how it is read.
func (l *loader) table(v val) (string, campaign.Sheet) {
	file := v.key("file")
	f := formatOf(file.text())
	if f == nil {
		if strings.TrimSpace(file.text()) != "" {
			l.problem(file, ruleFileFormat, fmt.Sprintf("recipients cannot be read from %q", clip(path.Base(file.text()))), "save the list as "+saveAs)
		}
		return "", campaign.Sheet{}
	}
	l.idleKeys(v, f.keys, "%s is not for "+f.extension+" files")
	sheet := campaign.Sheet{
		Name: v.key("sheet").text(), Encoding: v.key("encoding").text(), Delimiter: v.key("delimiter").text(),
		HeaderRow: v.key("header_row").number(), StopAt: v.key("stop_at").text(),
	}
	if sheet.Encoding == "gbk" {
		sheet.Encoding = "gb18030" // which has all of it
	}
	if sheet.Delimiter == "tab" {
		sheet.Delimiter = "\t"
	}
	name, _ := l.reference(file)
	return name, sheet
}

// formatOf finds the format of a file by its name.
func formatOf(name string) *format {
	name = strings.ToLower(name)
	unpacked, packed := strings.CutSuffix(name, ".gz")
	for i, f := range formats {
		if path.Ext(unpacked) == f.extension && (f.packed || !packed) {
			return &formats[i]
		}
	}
	return nil
}

// idleKeys refuses keys that say how a file is read and are not among those that
// mean something here. why is a sentence with a place for the key.
func (l *loader) idleKeys(v val, known []string, why string) {
	for _, key := range sheetKeys {
		if x := v.key(key); x.given() && !slices.Contains(known, key) {
			l.keyProblem(x, ruleConflict, fmt.Sprintf(why, key), "remove it")
		}
	}
}

func (l *loader) exclusions(v val) []campaign.Exclusion {
	var out []campaign.Exclusion
	l.distinct(v)
	for _, item := range v.items() {
		out = append(out, l.exclusion(item))
	}
	return out
}

func (l *loader) exclusion(v val) campaign.Exclusion {
	e := campaign.Exclusion{Columns: v.key("columns").table()}
	e.File, e.Sheet = l.table(v)
	return e
}

// lookup reads a join with a directory. columns are the list's.
func (l *loader) lookup(v, columns val) *campaign.Lookup {
	out := &campaign.Lookup{Key: v.key("key").text(), Take: v.key("take").table(), Skip: v.key("missing").text() == "skip"}
	out.File, out.Sheet = l.table(v)
	for _, name := range v.key("take").keys() {
		if columns.key(name).given() {
			l.keyProblem(v.key("take").key(name), ruleConflict, fmt.Sprintf("%s is taken from the directory and also named under columns", clip(name)), "keep one of them")
		}
	}
	return out
}

func (l *loader) groups(v val) *campaign.Groups {
	l.oneOf(v, "groups", "match")
	g := &campaign.Groups{Disjoint: v.key("groups_disjoint").flag()}
	l.distinct(v.key("groups"))
	for _, id := range v.key("groups").items() {
		g.IDs = append(g.IDs, id.number())
	}
	if match := v.key("match"); match.given() {
		if g.Match = l.match(match); g.Match == nil {
			return nil // nobody can look for its groups
		}
	}
	return g
}

// match reads what groups are looked for by; nil: by nothing that can be.
func (l *loader) match(v val) *campaign.Match {
	m := &campaign.Match{
		Title: v.key("title").text(), Department: v.key("department").text(), Type: v.key("type").text(),
		AcceptChanges: v.key("changes").text() == "accept",
	}
	if _, ok := v.v.(map[string]any); ok && !meant(v, []string{"title", "department", "type"}) {
		l.problem(v, ruleMissingKey, "match needs a condition: title, department or type", `title: "*" matches every group`)
	}
	if _, err := path.Match(m.Title, ""); err != nil {
		l.problem(v.key("title"), ruleGlob, fmt.Sprintf("%q is not a valid pattern", clip(m.Title)), `* stands for any text, ? for one character, [ab] for one of these; write \[ for a bracket itself`)
		return nil
	}
	return m
}
