// Package spec reads the files that people write: campaigns, targets.yaml and
// the lock files of user groups. It gives the words of internal/campaign, or
// problems with their place: all of them at once, sorted. It is the only room
// that knows YAML and JSON Schema.
//
// Files are read through an fs.FS that is rooted at the project's folder; that
// links do not leave it is the fs.FS's doing (os.Root.FS). No secret is resolved.
package spec

import (
	"fmt"
	"io/fs"
	"strings"
	"unicode"

	"campaign/internal/campaign"
)

// freeCampaign lists what is text in a campaign file whatever it looks like.
var freeCampaign = [][]string{
	{"vars", "*"}, {"labels", "*"}, {"recipients", "list", "*", "*"}, {"recipients", "defaults", "*"},
	{"schedule", "at"}, {"schedule", "at", "*"}, {"delivery", "deadline"}, {"schedule", "starts"}, {"schedule", "ends"},
}

// LoadCampaign reads a campaign file. The campaign is nil when the file does not
// pass the schema. When only values of its content, the files that it names or the
// values between them are wrong it is given, so that others can add what they find: look at the
// diagnostics before using it. The document is never nil.
func LoadCampaign(fsys fs.FS, file string) (*campaign.Campaign, *Document, []campaign.Diagnostic) {
	doc, root, diags, ok := load(fsys, file, maxFile, campaignSchema(), freeCampaign)
	if root == nil {
		return nil, doc, campaign.SortDiagnostics(diags)
	}
	l := &loader{fsys: fsys, doc: doc}
	c := l.campaign(val{v: root})
	diags = campaign.SortDiagnostics(append(append(diags, doc.Diagnostics(l.problems)...), l.others...))
	if !ok {
		return nil, doc, diags
	}
	return c, doc, diags
}

func (l *loader) campaign(root val) *campaign.Campaign {
	channel := root.key("channel")
	c := &campaign.Campaign{
		File:        l.doc.file,
		Name:        root.key("name").text(),
		Description: root.key("description").text(),
		Labels:      root.key("labels").table(),
		Channel:     campaign.Channel{Type: channel.key("type").text(), Target: channel.key("target").text(), Raw: channel.raw()},
		Vars:        l.vars(root.key("vars")),
		Policy:      l.policy(root.key("delivery")),
	}
	c.Content = l.content(root.key("content"), c.Channel.Type)
	c.Recipients = l.recipients(root.key("recipients"), strings.HasPrefix(c.Channel.Type, "chuanbo."))
	l.pauses(root, c)
	l.openSecrets(root)
	c.Schedule = l.schedule(root.key("schedule"), root.key("delivery").key("expires"), c.Policy)
	l.deadline(root.key("delivery").key("deadline"), c.Schedule)
	return c
}

// vars checks that templates can name each variable. That a name is one of those
// which templates have already, whoever knows them says.
func (l *loader) vars(v val) map[string]string {
	for _, key := range v.keys() {
		if !identifier(key) {
			l.keyProblem(v.key(key), ruleVariable, fmt.Sprintf("a template cannot name the variable %q", clip(key)), "use letters, digits and _ only, and begin with a letter")
		}
	}
	return v.table()
}

// identifier reports whether {{ .s }} is a field in a template.
func identifier(s string) bool {
	for i, r := range s {
		if r != '_' && !unicode.IsLetter(r) && (i == 0 || !unicode.IsDigit(r)) {
			return false
		}
	}
	return s != ""
}
