package spec

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"campaign/internal/campaign"
)

// brokenDiagnostics loads all of testdata/broken.
func brokenDiagnostics(t *testing.T) []campaign.Diagnostic {
	t.Helper()
	paths, err := filepath.Glob("testdata/broken/*.yaml")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no broken files: %v", err)
	}
	var all []campaign.Diagnostic
	for _, at := range paths {
		data, err := os.ReadFile(at)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, loadAny(t, filepath.Base(at), data)...)
	}
	return all
}

// What no user should read: Go's type names, and the words of the libraries.
var jargon = regexp.MustCompile(`file://|doesn't validate|does not validate|json-?schema|additionalProperties|interface ?\{|map\[|\[\]string|` +
	`\b(?:string|bool|boolean|int64|int|float64|uint|nil|null|struct|yaml: |integer|object|array|regexp?|unmarshal|properties)\b|%!|campaign\.example|0x[0-9a-f]{6,}`)

var kebab = regexp.MustCompile(`^[a-z]+(-[a-z]+)*$`)

func TestMessagesAreForPeople(t *testing.T) {
	for _, d := range brokenDiagnostics(t) {
		if jargon.MatchString(d.Message) || jargon.MatchString(d.Hint) {
			t.Errorf("%s: %q (%q) holds jargon: %q", d.File, d.Message, d.Hint, jargon.FindString(d.Message+" "+d.Hint))
		}
		first, _ := utf8.DecodeRuneInString(d.Message)
		if d.Message == "" || unicode.IsUpper(first) && !strings.HasPrefix(d.Message, "YAML") || strings.HasSuffix(d.Message, ".") || strings.Contains(d.Message, "\n") {
			t.Errorf("%s: message %q is no lower-case sentence without a full stop", d.File, d.Message)
		}
		if !kebab.MatchString(d.Rule) {
			t.Errorf("%s: rule id %q is not kebab-case", d.File, d.Rule)
		}
		if d.Line < 1 || d.Col < 1 || d.EndCol != 0 && d.EndCol <= d.Col || d.EndCol > utf8.RuneCountInString(d.Source)+1 {
			t.Errorf("%s: %s stands at %d:%d-%d of %q", d.File, d.Rule, d.Line, d.Col, d.EndCol, d.Source)
		}
	}
}

// The broken files that hold a secret hold this one.
const planted = "hunter2"

func TestSecretsAreNotShown(t *testing.T) {
	seen := 0
	for _, d := range brokenDiagnostics(t) {
		if d.Rule == ruleInlineSecret {
			seen++
		}
		for _, text := range []string{d.Message, d.Hint, d.Source} {
			if strings.Contains(text, planted) || strings.Contains(text, "4711000") {
				t.Errorf("%s shows a secret: %q", d.File, text)
			}
		}
	}
	if seen < 5 {
		t.Errorf("%d inlined secrets were found, at least 5 are planted", seen)
	}
}

func TestRedact(t *testing.T) {
	for line, want := range map[string]string{
		`  token: abc`:                         `  token: ***`,
		`{connect_no: "a b", section: 90}`:     `{connect_no: *****, section: 90}`,
		`{"client_secret": 密码, x: 1}`:          `{"client_secret": **, x: 1}`,
		`base_url: http://me:pw@h/x`:           `base_url: http://*****@h/x`,
		`token: {env: ZQT_TOKEN}`:              `token: {env: ZQT_TOKEN}`,
		`token: {env: b43b-fc}`:                `token: {env: *******}`,
		`headers: {Authorization: Bearer a.b}`: `headers: {Authorization: **********}`,
		`{token: a, token: bb}`:                `{token: *, token: **}`,
		`tokens: abc`:                          `tokens: abc`,
		`title: 令牌 token`:                      `title: 令牌 token`,
	} {
		if got := redact(line); got != want {
			t.Errorf("redact(%q) = %q, want %q", line, got, want)
		}
	}
}

// Files that cannot stand in testdata/broken because no editor would write them.
func TestEncodings(t *testing.T) {
	for name, test := range map[string]struct{ data, want string }{
		"nothing":              {"", "1:1 empty-file"},
		"blanks":               {" \n\n", "1:1 empty-file"},
		"only a mark":          {"\xEF\xBB\xBF", "1:1 empty-file"},
		"UTF-16 little endian": {"\xFF\xFEv\x00", "1:1 encoding"},
		"UTF-16 big endian":    {"\xFE\xFF\x00v", "1:1 encoding"},
		"UTF-16 without mark":  {"v\x00e\x00r\x00", "1:1 encoding"},
		"UTF-32":               {"\xFF\xFE\x00\x00v\x00\x00\x00", "1:1 encoding"},
		"GBK":                  {"version: 1\ntitle: \xD6\xD0\xCE\xC4\n", "2:8 encoding"},
		"GBK after CRLF":       {"a: 一\r\nb: \xD6\xD0", "2:4 encoding"},
		"a zero byte":          {"version: 1\nname: a\x00b\n", "2:8 encoding"},
		"a bell":               {"version: 1\nname: 名\x07\n", "2:8 encoding"},
		"a C1 control":         {"name: \u0090\n", "1:7 encoding"},
		"lone CR":              {"version: 1\rname: [\r", "2:7 syntax"},
	} {
		_, doc, diags := LoadCampaign(files("a.yaml", test.data), "a.yaml")
		if got := wantLine(diags); got != "# want: "+test.want+"\n" || doc == nil {
			t.Errorf("%s: got %q, want %q", name, got, test.want)
		}
	}
}

func TestPositionOfNothing(t *testing.T) {
	_, doc, _ := LoadCampaign(files("a.yaml", "a: [\n"), "a.yaml")
	if line, col, end := doc.Position("/a", false); line != 0 || col != 0 || end != 0 {
		t.Errorf("a file without values has a position: %d:%d-%d", line, col, end)
	}
	_, doc, _ = LoadCampaign(files("a.yaml", base), "a.yaml")
	for pointer, want := range map[string][3]int{
		"":                       {1, 1, 0},
		"/nosuch":                {1, 1, 0},
		"/name":                  {2, 7, 8},
		"/channel/from/usertype": {3, 71, 73},
		"/channel/nosuch/x":      {3, 10, 85},
		"/recipients":            {5, 1, 11},
		"/recipients/list/0":     {7, 7, 32},
		"/recipients/list/7":     {6, 3, 7},
	} {
		line, col, end := doc.Position(pointer, false)
		if got := [3]int{line, col, end}; got != want {
			t.Errorf("%s stands at %v, want %v", pointer, got, want)
		}
	}
	if line, col, end := doc.Position("/channel/type", true); line != 3 || col != 11 || end != 15 {
		t.Errorf("the key stands at %d:%d-%d", line, col, end)
	}
}
