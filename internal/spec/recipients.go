package spec

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"campaign/internal/campaign"
)

// formats are the files of recipients that can be read.
var formats = []string{".csv"}

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
	if file := v.key("file"); file.given() {
		r.File = l.table(file)
	} else if columns := v.key("columns"); columns.given() && v.key("list").given() {
		l.keyProblem(columns, ruleConflict, "columns name the columns of a file, and here is none", "use the fields' own names in the list")
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
		l.problem(v, ruleMissingKey, fmt.Sprintf("%s needs %s", name(v.at), strings.Join(keys, " or ")), "")
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

// table resolves the name of a file of recipients.
func (l *loader) table(v val) string {
	ext := strings.ToLower(path.Ext(v.text()))
	for _, known := range formats {
		if ext == known {
			file, _ := l.reference(v)
			return file
		}
	}
	if strings.TrimSpace(v.text()) != "" {
		l.problem(v, ruleFileFormat, fmt.Sprintf("recipients cannot be read from %q", clip(path.Base(v.text()))), "save the list as "+strings.Join(formats, " or "))
	}
	return ""
}

func (l *loader) exclusions(v val) []campaign.Exclusion {
	var out []campaign.Exclusion
	for _, item := range v.items() {
		out = append(out, campaign.Exclusion{File: l.table(item.key("file")), Columns: item.key("columns").table()})
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
		g.Match = l.match(match)
	}
	return g
}

func (l *loader) match(v val) *campaign.Match {
	m := &campaign.Match{
		Title: v.key("title").text(), Department: v.key("department").text(), Type: v.key("type").text(),
		AcceptChanges: v.key("changes").text() == "accept",
	}
	if _, ok := v.v.(map[string]any); ok && !v.key("title").given() && !v.key("department").given() && !v.key("type").given() {
		l.problem(v, ruleMissingKey, "match needs a condition: title, department or type", `title: "*" matches every group`)
	}
	if _, err := path.Match(m.Title, ""); err != nil {
		l.problem(v.key("title"), ruleGlob, fmt.Sprintf("%q is not a valid pattern", clip(m.Title)), `* stands for any text, ? for one character, [ab] for one of these; write \[ for a bracket itself`)
	}
	return m
}
