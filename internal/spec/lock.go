package spec

import (
	"bytes"
	"cmp"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"campaign/internal/campaign"
)

// GroupsFile is the name of an account's lock file, beside targets.yaml.
func GroupsFile(target string) string { return "groups." + target + ".lock.yaml" }

// LoadGroups reads a lock file of user groups. With errors the groups are nil.
func LoadGroups(fsys fs.FS, file string) ([]campaign.Group, *Document, []campaign.Diagnostic) {
	return loadAs(fsys, file, maxLock, groupsSchema(), nil, (*loader).lockedGroups)
}

func (l *loader) lockedGroups(root val) []campaign.Group {
	target := root.key("target")
	if want := path.Base(l.doc.file); target.text() != "" && want != GroupsFile(target.text()) {
		l.problem(target, ruleWrongTarget, fmt.Sprintf("the groups are those of %q, which the file's name does not say", clip(target.text())), "lock the groups again")
	}
	items := root.key("groups").items()
	groups := make([]campaign.Group, 0, len(items))
	seen := map[int64]bool{}
	for _, item := range items {
		g := campaign.Group{
			ID: item.key("id").number(), Title: item.key("title").text(), Department: item.key("department").text(),
			Type: item.key("type").text(), People: item.key("people").number(),
		}
		if seen[g.ID] && g.ID != 0 {
			l.problem(item.key("id"), ruleDuplicateItem, fmt.Sprintf("group %d stands twice", g.ID), "lock the groups again")
		}
		seen[g.ID] = true
		groups = append(groups, g)
	}
	return groups
}

// MarshalGroups writes a lock file: one group a line, by id, so that a change is
// a line of a diff. The same groups give the same bytes.
func MarshalGroups(target string, groups []campaign.Group) []byte {
	sorted := slices.Clone(groups)
	slices.SortFunc(sorted, func(a, b campaign.Group) int { return cmp.Compare(a.ID, b.ID) })
	var b bytes.Buffer
	fmt.Fprintf(&b, "# Written by: campaign groups --target %s --lock\n", target)
	fmt.Fprintf(&b, "version: 1\ntarget: %s\ngroups:", yamlText(target))
	if len(sorted) == 0 {
		b.WriteString(" []")
	}
	b.WriteByte('\n')
	for _, g := range sorted {
		fmt.Fprintf(&b, "  - {id: %d, title: %s, department: %s, type: %s, people: %d}\n",
			g.ID, yamlText(g.Title), yamlText(g.Department), cmp.Or(g.Type, `""`), g.People)
	}
	return b.Bytes()
}

// yamlText quotes a text. The escapes of a Go string are all known to YAML.
func yamlText(s string) string {
	return strconv.Quote(strings.ToValidUTF8(s, "\uFFFD"))
}
