package spec

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
	"unicode/utf8"

	"campaign/internal/campaign"
)

func FuzzLoadCampaign(f *testing.F) {
	for _, pattern := range []string{"testdata/broken/*.yaml", "testdata/good/*.yaml"} {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, at := range paths {
			data, err := os.ReadFile(at)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data)
		}
	}
	f.Add([]byte(fullZQT))
	f.Add([]byte(fullTargets))
	f.Fuzz(func(t *testing.T, data []byte) {
		fsys := files("a.yaml", string(data), "content/census.html", "x", "t.csv", "x")
		c, doc, diags := LoadCampaign(fsys, "a.yaml")
		checkFuzzed(t, c == nil, doc, diags)
		p, doc, diags := LoadTargets(fsys, "a.yaml")
		checkFuzzed(t, p == nil, doc, diags)
		groups, doc, diags := LoadGroups(fsys, "a.yaml")
		checkFuzzed(t, groups == nil, doc, diags)
		approvals, doc, diags := LoadApprovals(fsys, "a.yaml")
		checkFuzzed(t, approvals == nil, doc, diags)
	})
}

func checkFuzzed(t *testing.T, none bool, doc *Document, diags []campaign.Diagnostic) {
	t.Helper()
	if doc == nil || none && !campaign.HasErrors(diags) {
		t.Fatal("nothing was loaded and nothing was said")
	}
	for _, d := range diags[:min(len(diags), 200)] { // the rest of a bomb says the same
		if jargon.MatchString(d.Message) && !bytes.ContainsAny([]byte(d.Message), `"`) { // a quoted value may be anything
			t.Errorf("jargon: %q", d.Message)
		}
		if d.Line < 0 || d.Col < 0 || d.Line > len(doc.lines()) {
			t.Errorf("%s is at %d:%d", d.Rule, d.Line, d.Col)
		}
		if d.Source == "" {
			continue // a line that is too long to show, or none
		}
		if d.Col > utf8.RuneCountInString(d.Source)+2 {
			t.Errorf("%s is at %d:%d of %q", d.Rule, d.Line, d.Col, d.Source)
		}
		if d.EndCol != 0 && (d.EndCol <= d.Col || d.EndCol > utf8.RuneCountInString(d.Source)+1) {
			t.Errorf("%s ends at %d, begins at %d of %q", d.Rule, d.EndCol, d.Col, d.Source)
		}
	}
}

// Files that are made to be slow to read are refused or read: what took minutes
// or all memory would end the test.
func TestBombs(t *testing.T) {
	repeat := func(s string, n int) string { return string(bytes.Repeat([]byte(s), n)) }
	for name, text := range map[string]string{
		"nested lists":       "a: " + repeat("[", 60_000),
		"nested block lists": repeat("- ", 60_000),
		"many keys":          "vars:\n" + manyKeys(10_000),
		"many unknown keys":  manyKeys(10_000),
		"long line":          "name: " + repeat("a ", 400_000),
		"open quote":         `name: "` + repeat("a\n", 400_000),
		"syntax error late":  "name: a\n" + repeat("# c\n", 50_000) + "b: c: d\n",
		"one long number":    "version: " + repeat("9", 1_000_000),
		"exponent":           "version: 1e999999999\n",
		"many group ids":     "version: 1\nname: a\nchannel: {type: chuanbo.voice, target: a, message_type: 1}\ncontent: {name: a, text: b}\nrecipients:\n  groups: [" + repeat("1,", 20_000) + "1]\n",
	} {
		began := time.Now()
		c, doc, diags := LoadCampaign(files("a.yaml", text), "a.yaml")
		checkFuzzed(t, c == nil, doc, diags)
		if len(diags) == 0 {
			t.Errorf("%s: nothing was found", name)
		}
		t.Logf("%s: %s, %d problems", name, time.Since(began).Round(time.Millisecond), len(diags))
	}
}

func manyKeys(n int) string {
	var b bytes.Buffer
	for i := range n {
		fmt.Fprintf(&b, "  k%d: {}\n", i)
	}
	return b.String()
}

func BenchmarkLoadCampaign(b *testing.B) {
	fsys := files("mail/census.yaml", fullZQT, "content/census.html", "<p>x</p>", "recipients/companies.csv", "x", "recipients/optout.csv", "x")
	b.SetBytes(int64(len(fullZQT)))
	b.ReportAllocs()
	for b.Loop() {
		if _, _, diags := LoadCampaign(fsys, "mail/census.yaml"); len(diags) > 0 {
			b.Fatal(diags)
		}
	}
}

// An inline list of 5,000 recipients, about the longest that one file should hold.
func BenchmarkLoadCampaignList(b *testing.B) {
	var text bytes.Buffer
	text.WriteString(base)
	for i := range 5000 {
		fmt.Fprintf(&text, "    - {userid: 2fb5c7c3-6841-4b15-9c4d-%012d, orgid: ad0f56d2, company: 企业%d}\n", i, i)
	}
	fsys := files("a.yaml", text.String())
	b.SetBytes(int64(text.Len()))
	b.ReportAllocs()
	for b.Loop() {
		if _, _, diags := LoadCampaign(fsys, "a.yaml"); len(diags) > 0 {
			b.Fatal(diags[0])
		}
	}
}
