package spec

import (
	"bytes"
	"cmp"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"time"

	"campaign/internal/campaign"
)

// approvalsFolder is the folder of a project that holds what was approved.
const approvalsFolder = "approvals"

// ApprovalsFile is the path of a campaign's approvals in the project.
func ApprovalsFile(name string) string { return approvalsFolder + "/" + name + ".yaml" }

// ApprovalsFiles lists the approvals files of a project, sorted. Without the folder
// there are none.
func ApprovalsFiles(fsys fs.FS) []string {
	entries, err := fs.ReadDir(fsys, approvalsFolder)
	if err != nil {
		return nil
	}
	var files []string
	for _, e := range entries {
		if !e.IsDir() && isCampaign(e.Name()) {
			files = append(files, path.Join(approvalsFolder, e.Name()))
		}
	}
	slices.Sort(files)
	return files
}

// LoadApprovals reads what was approved of the campaign that the file's name says.
// With errors the approvals are nil.
func LoadApprovals(fsys fs.FS, file string) ([]campaign.Approval, *Document, []campaign.Diagnostic) {
	return loadAs(fsys, file, maxFile, approvalSchema(), nil, (*loader).approvals)
}

func (l *loader) approvals(root val) []campaign.Approval {
	name := root.key("campaign")
	if want := path.Base(l.doc.file); name.text() != "" && want != name.text()+".yaml" {
		l.problem(name, ruleWrongCampaign, fmt.Sprintf("these are the approvals of %q, which the file's name does not say", clip(name.text())), "`campaign approve` writes approvals/<campaign>.yaml")
	}
	all := []campaign.Approval{}
	seen := map[[2]string]bool{}
	for _, item := range root.key("approvals").items() {
		a := l.approval(item)
		key := [2]string{a.Profile, a.Occurrence}
		if seen[key] && a.Profile != "" {
			l.problem(item, ruleDuplicateItem, fmt.Sprintf("the profile %s has an approval for this already", a.Profile), "keep the newer one")
		}
		seen[key] = true
		all = append(all, a)
	}
	return all
}

func (l *loader) approval(v val) campaign.Approval {
	l.oneOf(v, "occurrence", "schedule")
	a := campaign.Approval{
		Profile: v.key("profile").text(), Occurrence: v.key("occurrence").text(), Planner: int(v.key("planner").number()),
		Plan: v.key("plan").text(), Content: v.key("content").text(), Schedule: v.key("schedule").text(), Audience: v.key("audience").text(),
		People: v.key("people").number(), Requests: v.key("requests").number(), Cost: v.key("cost").text(),
		By: v.key("by").text(), Note: v.key("note").text(),
	}
	if at := v.key("at"); at.text() != "" {
		var err error
		if a.At, err = time.Parse(time.RFC3339, at.text()); err != nil {
			l.problem(at, ruleBadFormat, fmt.Sprintf("%q is no time", clip(at.text())), "for example 2026-12-01T09:00:00Z")
		}
	}
	for _, f := range v.key("files").items() {
		a.Files = append(a.Files, campaign.ApprovedFile{File: f.key("file").text(), Digest: f.key("digest").text()})
	}
	return a
}

// MarshalApprovals writes an approvals file: the same approvals give the same bytes.
// modeline is the line that names the schema for editors; empty: none.
func MarshalApprovals(name, modeline string, all []campaign.Approval) []byte {
	sorted := slices.Clone(all)
	slices.SortStableFunc(sorted, func(a, b campaign.Approval) int {
		return cmp.Or(cmp.Compare(a.Profile, b.Profile), cmp.Compare(a.Occurrence, b.Occurrence))
	})
	var b bytes.Buffer
	b.WriteString(modeline)
	fmt.Fprintf(&b, "# Written by campaign approve, to be committed by who approved.\nversion: 1\ncampaign: %s\napprovals:", yamlText(name))
	if len(sorted) == 0 {
		b.WriteString(" []")
	}
	b.WriteByte('\n')
	for _, a := range sorted {
		marshalApproval(&b, a)
	}
	return b.Bytes()
}

func marshalApproval(b *bytes.Buffer, a campaign.Approval) {
	lead := "  - "
	line := func(key, value string) {
		fmt.Fprintf(b, "%s%s: %s\n", lead, key, value)
		lead = "    "
	}
	given := func(key, value string) {
		if value != "" {
			line(key, yamlText(value))
		}
	}
	given("profile", a.Profile)
	given("occurrence", a.Occurrence)
	line("planner", fmt.Sprint(a.Planner))
	given("plan", a.Plan)
	given("content", a.Content)
	given("schedule", a.Schedule)
	given("audience", a.Audience)
	line("people", fmt.Sprint(a.People))
	line("requests", fmt.Sprint(a.Requests))
	given("cost", a.Cost)
	given("by", a.By)
	given("at", a.At.UTC().Format(time.RFC3339))
	given("note", a.Note)
	if len(a.Files) == 0 {
		line("files", "[]")
		return
	}
	fmt.Fprintf(b, "%sfiles:\n", lead)
	for _, f := range a.Files {
		fmt.Fprintf(b, "      - {file: %s, digest: %s}\n", yamlText(f.File), yamlText(f.Digest))
	}
}
