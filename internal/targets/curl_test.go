package targets

import (
	"bytes"
	"errors"
	"mime/multipart"
	"net/http"
	"net/url"
	"os/exec"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"campaign/internal/campaign"
)

// postTarget sends a body as it is; its first text, when there is one, goes into
// a header.
type postTarget struct{ fail error }

func (postTarget) Layout() Layout                { return Layout{} }
func (postTarget) Judge(Answer) campaign.Verdict { return campaign.Verdict{} }
func (p postTarget) Request(m Message, s Secrets) (Request, error) {
	h := http.Header{"Content-Type": {"application/json"}, "X-Empty": {""}}
	return Request{Method: "POST", URL: "http://127.0.0.1:1/[a]?b={c}", Header: h, Body: []byte(strings.Join(m.Texts, ""))}, p.fail
}
func (postTarget) Unauthorized(Answer) bool { return false }
func (postTarget) Authorize(h http.Header, token campaign.Secret) {
	h.Set("Authorization", "Bearer "+token.Reveal())
}

// formTarget sends its texts as fields a, b, … and its secret as key, or only
// the secret, in the address.
type formTarget struct{ inURL, file bool }

func (formTarget) Layout() Layout                { return Layout{} }
func (formTarget) Judge(Answer) campaign.Verdict { return campaign.Verdict{} }
func (f formTarget) Request(m Message, s Secrets) (Request, error) {
	if f.inURL {
		return Request{Method: "GET", URL: "http://127.0.0.1:1/?key=" + url.QueryEscape(s["key"].Reveal()), Header: http.Header{}}, nil
	}
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	_ = w.SetBoundary("fixed-boundary-of-this-test")
	_ = w.WriteField("key", "<"+s["key"].Reveal()+">")
	for i, text := range m.Texts {
		_ = w.WriteField(string(rune('a'+i)), text)
	}
	if f.file {
		part, _ := w.CreateFormFile("f", "name.txt")
		_, _ = part.Write([]byte("content"))
	}
	_ = w.Close()
	return Request{Method: "GET", URL: "http://127.0.0.1:1/", Header: http.Header{"Content-Type": {w.FormDataContentType()}}, Body: body.Bytes()}, nil
}

// argv runs a command in a POSIX shell in which curl only prints its arguments.
func argv(t interface{ Fatalf(string, ...any) }, command string) []string {
	sh := exec.Command("sh", "-c", `curl() { for a in "$@"; do printf '%s\0' "$a"; done; }`+"\n"+command+"\n")
	sh.Env = []string{"ZQT_TOKEN=a b'\"$(x)*", "KEY=k;\n$HOME", "X_TRACE=trace", "HOME=expanded"}
	var stderr bytes.Buffer
	sh.Stderr = &stderr
	out, err := sh.Output()
	if err != nil || stderr.Len() > 0 {
		t.Fatalf("%v %s\n%s", err, stderr.String(), command)
	}
	return strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")
}

func TestCurlOfABody(t *testing.T) {
	credentials := map[string]campaign.Credential{"token": {Env: "ZQT_TOKEN"}}
	headers := map[string]campaign.Credential{"x-tenant-id": {Literal: "$HOME `x`"}, "x-trace": {File: "trace"}}
	text := "@/etc/passwd ' \" \\ $ZQT_TOKEN $(x) `x` !! %s\n\t\r\x1b[31m\x7f\u0085\u202e 公告 \u3000\xff"
	command, err := Curl(postTarget{}, Message{Texts: []string{text}}, credentials, headers)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"--globoff", "--request", "POST", "--url", "http://127.0.0.1:1/[a]?b={c}",
		"--header", "Authorization: Bearer a b'\"$(x)*", "--header", "Content-Type: application/json", "--header", "X-Empty;",
		"--header", "X-Tenant-Id: $HOME `x`", "--header", "X-Trace: trace", "--data-raw", text,
	}
	if diff := cmp.Diff(want, argv(t, command)); diff != "" {
		t.Errorf("want (-), got (+)\n%s\n%s", diff, command)
	}
	if !strings.Contains(command, `'Authorization: Bearer '"$ZQT_TOKEN" \`) {
		t.Errorf("the token is not a variable in\n%s", command)
	}
	safeToPaste(t, command)
}

func safeToPaste(t interface{ Fatalf(string, ...any) }, command string) {
	if !utf8.ValidString(command) || strings.ContainsFunc(command, func(r rune) bool {
		return r != '\n' && unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp)
	}) {
		t.Fatalf("not safe to paste: %q", command)
	}
}

// Any texts reach curl as they are, and no text can bring a secret in.
func TestCurlOfAForm(t *testing.T) {
	credentials := map[string]campaign.Credential{"key": {File: "somewhere"}}
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.String(), rapid.StringMatching(`[@<;='"$KEY\\%\r\n\t({!-]*`))
		texts := rapid.SliceOfN(text.Filter(func(s string) bool { return !strings.Contains(s, "\x00") }), 0, 4).Draw(t, "texts")
		command, err := Curl(formTarget{}, Message{Texts: texts}, credentials, nil)
		if err != nil {
			t.Fatalf("%v", err)
		}
		safeToPaste(t, command)
		want := []string{"--globoff", "--request", "GET", "--url", "http://127.0.0.1:1/", "--form-string", "key=<k;\n$HOME>"}
		for i, text := range texts {
			want = append(want, "--form-string", string(rune('a'+i))+"="+text)
		}
		if diff := cmp.Diff(want, argv(t, command)); diff != "" {
			t.Fatalf("want (-), got (+)\n%s\n%s", diff, command)
		}
	})
}

// A form that is more than plain fields goes as the body that it is.
func TestCurlOfAFileForm(t *testing.T) {
	target := formTarget{file: true}
	command, err := Curl(target, Message{}, map[string]campaign.Credential{"key": {Env: "KEY"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	request, _ := target.Request(Message{}, Secrets{"key": campaign.NewSecret("k;\n$HOME")})
	got := argv(t, command)
	want := []string{"--header", "Content-Type: " + request.Header.Get("Content-Type"), "--data-raw", string(request.Body)}
	if diff := cmp.Diff(want, got[len(got)-4:]); diff != "" {
		t.Errorf("want (-), got (+)\n%s", diff)
	}
}

func TestCurlErrors(t *testing.T) {
	broken := errors.New("broken")
	if _, err := Curl(postTarget{fail: broken}, Message{}, nil, nil); !errors.Is(err, broken) {
		t.Errorf("no request: %v", err)
	}
	if _, err := Curl(formTarget{inURL: true}, Message{}, map[string]campaign.Credential{"key": {Env: "KEY"}}, nil); err == nil || !strings.Contains(err.Error(), "secret in its address") {
		t.Errorf("secret in the address: %v", err)
	}
	if _, err := Curl(postTarget{}, Message{Texts: []string{"a\x00b"}}, nil, nil); err == nil || !strings.Contains(err.Error(), "NUL") {
		t.Errorf("NUL: %v", err)
	}
}

type credentialsOnly struct {
	Account
	credentials map[string]campaign.Credential
}

func (c credentialsOnly) Credentials() map[string]campaign.Credential { return c.credentials }

func TestPlaceholders(t *testing.T) {
	secrets := Placeholders(credentialsOnly{credentials: map[string]campaign.Credential{
		"token": {Env: "ZQT_TOKEN"}, "connect_no": {File: "f"}, "a": {Command: []string{"c"}}, "b-b": {Env: "not a name"}, "1": {Env: "A"}, "2": {OAuth2: &campaign.OAuth2{}},
		"lower": {Env: "zqt_token"}, "same": {Env: "ZQT_TOKEN"},
	}})
	got := map[string]string{}
	for name, secret := range secrets {
		got[name] = secret.Reveal()
	}
	want := map[string]string{"token": "$ZQT_TOKEN", "connect_no": "$CONNECT_NO", "a": "$A_", "b-b": "$B_B", "1": "$A", "2": "$_2", "lower": "$zqt_token", "same": "$ZQT_TOKEN"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("want (-), got (+)\n%s", diff)
	}
}
