package spec

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"campaign/internal/campaign"
)

// tree writes files below a temporary folder.
func tree(t *testing.T, names ...string) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		at := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at, []byte("x"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestFind(t *testing.T) {
	dir := tree(t, "a/targets.yaml", "a/deep/er/x", "b/campaigns/targets.yaml", "b/campaigns/sub/x", "c/targets.yaml/x")
	for _, test := range []struct{ start, explicit, want string }{
		{start: "a", want: "a"},
		{start: "a/deep/er", want: "a"},
		{start: "b", want: "b/campaigns"},
		{start: "b/campaigns/sub", want: "b/campaigns"},
		{start: "b", explicit: "a", want: "a"},
		{start: "a", explicit: "b"}, // what --project names is meant exactly
		{start: "c"},                // a folder is no targets.yaml
		{start: "."},
	} {
		explicit := ""
		if test.explicit != "" {
			explicit = filepath.Join(dir, test.explicit)
		}
		got, err := Find(filepath.Join(dir, test.start), explicit)
		if test.want == "" {
			if !errors.Is(err, errNoProject) || !strings.Contains(err.Error(), TargetsFile) {
				t.Errorf("%+v: got %q, %v", test, got, err)
			}
		} else if err != nil || got != filepath.Join(dir, test.want) {
			t.Errorf("%+v: got %q, %v", test, got, err)
		}
	}
}

func TestDiscover(t *testing.T) {
	fsys := files("b.yaml", "", "a.yml", "", "targets.yaml", "", "groups.media.lock.yaml", "", "x.test.yaml", "", "readme.md", "", ".hidden.yaml", "",
		"sub/c.YAML", "", "sub/deep/d.yaml", "", "content/e.yaml", "", "sub/recipients/f.yaml", "", "calendars/g.yaml", "",
		"approvals/h.yaml", "", "reports/i.yaml", "", ".campaign/j.yaml", "")
	for name, want := range map[string][]string{
		".":            {"a.yml", "b.yaml", "sub/c.YAML", "sub/deep/d.yaml"},
		"sub":          {"sub/c.YAML", "sub/deep/d.yaml"},
		"b.yaml":       {"b.yaml"},
		"content":      {"content/e.yaml"}, // named itself
		"targets.yaml": {"targets.yaml"},
	} {
		got, err := Discover(fsys, name)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", name, err, diff)
		}
	}
	if got, err := Discover(fsys, "nosuch.yaml"); err == nil || err.Error() != "there is no file nosuch.yaml in the project" {
		t.Errorf("got %v, %v", got, err)
	}
}

// rooted opens a folder as the program does.
func rooted(t *testing.T, dir string) fs.FS {
	t.Helper()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	return root.FS()
}

func link(t *testing.T, to, at string) {
	t.Helper()
	if err := os.Symlink(to, at); err != nil {
		t.Skipf("no links here: %v", err)
	}
}

func TestLinksStayInTheProject(t *testing.T) {
	dir := tree(t, "p/targets.yaml", "p/content/in.html", "p/sub/x.yaml", "secret/s.html")
	p := filepath.Join(dir, "p")
	link(t, "in.html", filepath.Join(p, "content", "inside.html"))
	link(t, filepath.Join("..", "..", "secret", "s.html"), filepath.Join(p, "content", "outside.html"))
	link(t, filepath.Join(dir, "secret"), filepath.Join(p, "folder"))
	link(t, "nowhere.html", filepath.Join(p, "content", "broken.html"))
	link(t, filepath.Join("..", "secret", "s.html"), filepath.Join(p, "linked.yaml"))
	for file, want := range map[string]string{
		"content/inside.html":  "",
		"content/outside.html": ruleOutside,
		"folder/s.html":        ruleOutside,
		"content/broken.html":  ruleMissingFile,
	} {
		text := strings.Replace(base, "<p>b</p>", "{file: "+file+"}", 1)
		if err := os.WriteFile(filepath.Join(p, "a.yaml"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		_, _, diags := LoadCampaign(rooted(t, p), "a.yaml")
		got := ""
		for _, d := range diags {
			got += d.Rule
			if strings.Contains(d.Message+d.Hint, dir) {
				t.Errorf("%s: %q names a folder of the machine", file, d.Message)
			}
		}
		if got != want {
			t.Errorf("%s: got %q, want %q: %v", file, got, want, diags)
		}
	}
	if _, _, diags := LoadCampaign(rooted(t, p), "linked.yaml"); len(diags) != 1 || diags[0].Rule != ruleOutside || diags[0].Line != 0 {
		t.Errorf("a campaign file outside: %v", diags)
	}
	found, err := Discover(rooted(t, p), ".")
	if diff := cmp.Diff([]string{"a.yaml", "linked.yaml", "sub/x.yaml"}, found); diff != "" || err != nil {
		t.Errorf("discovered %v (-want +got):\n%s", err, diff)
	}
}

func TestUnreadableFiles(t *testing.T) {
	dir := tree(t, "folder.yaml/x", "big.yaml", "text/big.html", "locked.yaml")
	if err := os.Truncate(filepath.Join(dir, "big.yaml"), maxFile+1); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(filepath.Join(dir, "text", "big.html"), maxText+1); err != nil {
		t.Fatal(err)
	}
	fsys := rooted(t, dir)
	for name, want := range map[string]string{
		"folder.yaml": ruleFileType, "big.yaml": ruleTooBig, "bigg.yaml": ruleMissingFile,
	} {
		c, doc, diags := LoadCampaign(fsys, name)
		if c != nil || doc == nil || len(diags) != 1 || diags[0].Rule != want || diags[0].Line != 0 || diags[0].File != name {
			t.Errorf("%s: %v, want %s", name, diags, want)
		}
	}
	if _, f := readText(fsys, "text/big.html"); f == nil || f.rule != ruleTooBig {
		t.Errorf("a text that is too big: %v", f)
	}
}

func TestSelect(t *testing.T) {
	project := func(names ...string) *campaign.Project {
		p := &campaign.Project{File: "targets.yaml", Profiles: map[string]campaign.Profile{}}
		for _, n := range names {
			p.Profiles[n] = campaign.Profile{Name: n}
		}
		return p
	}
	for _, test := range []struct {
		p         *campaign.Project
		ask, want string
	}{
		{project("production"), "", "production"},
		{project("production", "test"), "", "test"},
		{project("production", "test"), "production", "production"},
		{project("production", "staging"), "", ""},
		{project("production", "test"), "prod", ""},
		{project("default"), "test", ""},
	} {
		got, err := Select(test.p, test.ask)
		if got.Name != test.want || (err == nil) != (test.want != "") {
			t.Errorf("%+v: got %q, %v", test, got.Name, err)
		}
		if err != nil && (!strings.Contains(err.Error(), "targets.yaml has") || !strings.Contains(err.Error(), slices.Sorted(maps.Keys(test.p.Profiles))[0])) {
			t.Errorf("%+v: %v", test, err)
		}
	}
}

func TestAccount(t *testing.T) {
	p := campaign.Profile{Name: "test", Targets: map[string]campaign.Account{
		"gov": {Name: "gov", System: "zqt"}, "media": {Name: "media", System: "chuanbo"},
	}}
	c := &campaign.Campaign{Channel: campaign.Channel{Type: "zqt.message", Target: "gov", Raw: campaign.Raw{Pointer: "/channel"}}}
	if a, problem := Account(c, p); problem != nil || a.Name != "gov" {
		t.Errorf("got %v, %v", a, problem)
	}
	for target, want := range map[string]campaign.Problem{
		"gvo":   {Pointer: "/channel/target", Rule: ruleUnknownTarget, Message: `profile test has no account "gvo"`, Hint: "did you mean gov?"},
		"press": {Pointer: "/channel/target", Rule: ruleUnknownTarget, Message: `profile test has no account "press"`, Hint: "accounts: gov, media"},
		"medai": {Pointer: "/channel/target", Rule: ruleUnknownTarget, Message: `profile test has no account "medai"`, Hint: "did you mean media?"},
		"media": {Pointer: "/channel/target", Rule: ruleWrongSystem, Message: "zqt.message goes through zqt, but media is an account of chuanbo", Hint: "accounts of zqt: gov"},
	} {
		c.Channel.Target = target
		_, got := Account(c, p)
		if got == nil {
			t.Errorf("%s: no problem", target)
		} else if diff := cmp.Diff(want, *got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", target, diff)
		}
	}
}

func TestDuplicateNames(t *testing.T) {
	fsys := files("a.yaml", base, "b.yaml", base, "c.yaml", strings.Replace(base, "name: a", "name: c", 1))
	var loaded []Loaded
	for _, file := range []string{"a.yaml", "b.yaml", "c.yaml", "a.yaml"} { // one file may be named twice
		c, doc, diags := LoadCampaign(fsys, file)
		noDiagnostics(t, diags)
		loaded = append(loaded, Loaded{c, doc})
	}
	var got []string
	for _, d := range DuplicateNames(loaded[:3]) {
		got = append(got, d.Error())
	}
	want := []string{`a.yaml:2:7: b.yaml has the name "a" too [duplicate-name]`, `b.yaml:2:7: a.yaml has the name "a" too [duplicate-name]`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := DuplicateNames([]Loaded{loaded[0], loaded[3], loaded[2]}); len(got) != 0 {
		t.Errorf("one file twice: %v", got)
	}
}
