package targets

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"campaign/internal/campaign"
)

const secretText = "s3cr3t-va1ue"

// TestMain is also the command that gives secrets: commands under test run this
// binary with CREDENTIAL_COMMAND set.
func TestMain(m *testing.M) {
	switch os.Getenv("CREDENTIAL_COMMAND") {
	case "":
		os.Exit(m.Run())
	case "print":
		fmt.Fprint(os.Stderr, "diagnostics with "+secretText)
		fmt.Print(strings.Join(os.Args[1:], "|"))
	case "folder":
		dir, _ := os.Getwd()
		fmt.Println(filepath.Base(dir))
	case "fail":
		fmt.Print(secretText)
		fmt.Fprint(os.Stderr, secretText)
		os.Exit(3)
	case "flood":
		for range 100 {
			fmt.Print(strings.Repeat(secretText, 1000))
		}
	case "orphan":
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), "CREDENTIAL_COMMAND=linger")
		child.Stdout = os.Stdout
		if child.Start() != nil {
			os.Exit(4)
		}
		fmt.Print(secretText)
	case "linger":
		time.Sleep(5 * time.Second)
	case "share":
		shareTokens()
	case "hang":
		fmt.Print(secretText)
		time.Sleep(time.Minute)
	}
	os.Exit(0)
}

// never fails the test when an error shows a secret.
func never(t *testing.T, err error) {
	t.Helper()
	if err != nil && strings.Contains(err.Error(), secretText[:8]) {
		t.Errorf("the error shows the secret: %v", err)
	}
}

func TestCredentialFromEnv(t *testing.T) {
	env := map[string]string{"GOOD": secretText, "EMPTY": "", "LINE": secretText + "\n", "NUL": secretText + "\x00", "SPACE": "two words"}
	r := Resolver{Env: func(name string) (string, bool) { value, ok := env[name]; return value, ok }}
	for name, want := range map[string]string{
		"GOOD": "", "SPACE": "",
		"ABSENT": "environment variable ABSENT: it is not set: set it, for example with export ABSENT=…",
		"EMPTY":  "environment variable EMPTY: it gives an empty secret: put the secret there",
		"LINE":   "environment variable LINE: it gives a secret with a line break or another control character: a secret is one line",
		"NUL":    "environment variable NUL: it gives a secret with a line break or another control character: a secret is one line",
	} {
		secret, err := r.Resolve(t.Context(), campaign.Credential{Env: name})
		never(t, err)
		if got := fmt.Sprint(err); want != "" && got != want || want == "" && (err != nil || secret.Reveal() != env[name]) {
			t.Errorf("%s: %v, want %s", name, err, want)
		}
	}
	t.Setenv("CREDENTIAL_TEST_TOKEN", secretText)
	if secret, err := (Resolver{}).Resolve(t.Context(), campaign.Credential{Env: "CREDENTIAL_TEST_TOKEN"}); err != nil || secret.Reveal() != secretText {
		t.Errorf("from the process: %v", err)
	}
	if secret, err := (Resolver{}).Resolve(t.Context(), campaign.Credential{Literal: "6"}); err != nil || secret.Reveal() != "6" {
		t.Errorf("literal: %v", err)
	}
}

func TestCredentialFromFile(t *testing.T) {
	dir := t.TempDir()
	for content, want := range map[string]string{
		secretText:                              secretText,
		secretText + "\n":                       secretText,
		secretText + "\r\n":                     secretText,
		"\ufeff" + secretText + "\r\n":          secretText,
		" " + secretText:                        " " + secretText,
		secretText + "\n\n":                     "",
		secretText + "\r":                       "",
		"line1\n" + secretText:                  "",
		"":                                      "",
		"\n":                                    "",
		"\ufeff":                                "",
		"\xff\xfes\x003\x00":                    "",
		strings.Repeat("x", secretLimit):        strings.Repeat("x", secretLimit),
		strings.Repeat("x", secretLimit) + "\n": "",
		secretText + strings.Repeat("x", 2<<20): "",
	} {
		if err := os.WriteFile(filepath.Join(dir, "token"), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"token", filepath.Join(dir, "token")} {
			secret, err := Resolver{Dir: dir}.Resolve(t.Context(), campaign.Credential{File: name})
			never(t, err)
			if (err == nil) != (want != "") || secret.Reveal() != want {
				t.Errorf("%.40q: %v", content, err)
			}
		}
	}
	_, err := Resolver{Dir: dir}.Resolve(t.Context(), campaign.Credential{File: "absent"})
	if fmt.Sprint(err) != "file absent: it does not exist: write the secret there: file does not exist" || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("absent: %v", err)
	}
	if _, err := (Resolver{Dir: dir}).Resolve(t.Context(), campaign.Credential{File: "."}); err == nil || !strings.Contains(err.Error(), "file .: it cannot be") {
		t.Errorf("a folder: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "token"), []byte("\xff\xfes\x003\x00"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := (Resolver{Dir: dir}).Resolve(t.Context(), campaign.Credential{File: "token"}); err == nil || !strings.Contains(err.Error(), "it gives UTF-16: save it as UTF-8") {
		t.Errorf("UTF-16: %v", err)
	}
}

func command(t *testing.T, does string, arguments ...string) (campaign.Credential, Resolver) {
	t.Setenv("CREDENTIAL_COMMAND", does)
	return campaign.Credential{Command: append([]string{os.Args[0]}, arguments...)}, Resolver{Dir: t.TempDir()}
}

func TestCredentialFromCommand(t *testing.T) {
	// No shell: arguments come through as they are.
	c, r := command(t, "print", "a b", "$HOME", "*", "x;y")
	if secret, err := r.Resolve(t.Context(), c); err != nil || secret.Reveal() != "a b|$HOME|*|x;y" {
		t.Errorf("%q %v", secret.Reveal(), err)
	}
	c, r = command(t, "folder")
	if secret, err := r.Resolve(t.Context(), c); err != nil || secret.Reveal() != filepath.Base(r.Dir) {
		t.Errorf("it ran in %q, %v", secret.Reveal(), err)
	}
	for does, want := range map[string]string{
		"print":  "it gives an empty secret",
		"fail":   "it failed (exit status 3): run it by hand in the project's folder to see why",
		"orphan": "it ended but left a process behind that holds its output open: run it by hand in the project's folder",
		"flood":  "it wrote over 65536 bytes, which is no secret: check its arguments",
	} {
		c, r := command(t, does)
		_, err := r.Resolve(t.Context(), c)
		never(t, err)
		if err == nil || !strings.HasPrefix(err.Error(), "command ") || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", does, err, want)
		}
	}
	_, err := r.Resolve(t.Context(), campaign.Credential{Command: []string{"no-such-program-here", secretText}})
	never(t, err)
	if err == nil || !strings.Contains(err.Error(), "it cannot be started: check the program's name") {
		t.Errorf("no such program: %v", err)
	}
}

func TestCredentialCommandStops(t *testing.T) {
	c, r := command(t, "hang")
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	_, err := r.Resolve(ctx, c)
	never(t, err)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	ctx, cancel = context.WithTimeoutCause(t.Context(), 50*time.Millisecond, errCommandTimeout)
	defer cancel()
	if _, err := r.Resolve(ctx, c); !errors.Is(err, errCommandTimeout) {
		t.Errorf("timed out: %v", err)
	}
}

// tokenEndpoint serves the client-credentials grant on loopback.
func tokenEndpoint(t *testing.T, answer http.HandlerFunc) (campaign.Credential, Resolver) {
	server := httptest.NewServer(answer)
	t.Cleanup(server.Close)
	env := func(name string) (string, bool) { return secretText, name == "CLIENT_SECRET" }
	return campaign.Credential{OAuth2: &campaign.OAuth2{
		TokenURL: server.URL + "/oauth/token?tenant=6", ClientID: "app", ClientSecret: &campaign.Credential{Env: "CLIENT_SECRET"}, Scopes: []string{"a", "b"},
	}}, Resolver{Client: server.Client(), Env: env}
}

func TestCredentialFromEndpoint(t *testing.T) {
	c, r := tokenEndpoint(t, func(w http.ResponseWriter, req *http.Request) {
		id, secret, _ := req.BasicAuth()
		if req.FormValue("grant_type") != "client_credentials" || req.FormValue("scope") != "a b" || id != "app" || secret != secretText {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"access_token": "t-1", "token_type": "bearer", "expires_in": 60})
	})
	if secret, err := r.Resolve(t.Context(), c); err != nil || secret.Reveal() != "t-1" {
		t.Errorf("%q %v", secret.Reveal(), err)
	}
	without := r
	without.Client = nil
	if _, err := without.Resolve(t.Context(), c); err == nil || !strings.Contains(err.Error(), "a token endpoint can only be asked by a run") {
		t.Errorf("without a client: %v", err)
	}
	c.OAuth2.ClientSecret = &campaign.Credential{Env: "OTHER"}
	if _, err := r.Resolve(t.Context(), c); err == nil || !strings.Contains(err.Error(), "client_secret: environment variable OTHER: it is not set") {
		t.Errorf("without its secret: %v", err)
	}
	for _, secret := range []*campaign.Credential{nil, {OAuth2: &campaign.OAuth2{}}} {
		c.OAuth2.ClientSecret = secret
		if _, err := r.Resolve(t.Context(), c); err == nil || !strings.Contains(err.Error(), "it has no client_secret") {
			t.Errorf("client_secret %v: %v", secret, err)
		}
	}
}

func TestCredentialEndpointErrors(t *testing.T) {
	for name, c := range map[string]struct {
		status     int
		kind, body string
		want       string
	}{
		"refused":         {401, "application/json", `{"error":"invalid_client","error_description":"` + secretText + `"}`, "it answered HTTP 401 (invalid_client): check client_id and client_secret"},
		"refused, echo":   {400, "application/json", `{"error":"` + secretText + `"}`, "it answered HTTP 400: check client_id and client_secret"},
		"refused, page":   {500, "text/html", "<p>" + secretText, "it answered HTTP 500: check client_id and client_secret"},
		"error under 200": {200, "application/json", `{"error":"invalid_scope"}`, "it answered HTTP 200 (invalid_scope): check client_id and client_secret"},
		"no token":        {200, "application/json", `{"token":"` + secretText + `"}`, "it gave no token in the form of OAuth 2.0: check token_url"},
		"wrong type":      {200, "application/json", `{"access_token":"x","expires_in":"` + secretText + `"}`, "it gave no token in the form of OAuth 2.0: check token_url"},
		"page":            {200, "text/html", "<p>" + secretText, "it gave no token in the form of OAuth 2.0: check token_url"},
		"control":         {200, "application/json", `{"access_token":"a\u0007"}`, "it gives a secret with a line break or another control character: a secret is one line"},
	} {
		credential, r := tokenEndpoint(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", c.kind)
			w.WriteHeader(c.status)
			_, _ = io.WriteString(w, c.body)
		})
		_, err := r.Resolve(t.Context(), credential)
		never(t, err)
		if err == nil || !strings.HasSuffix(err.Error(), "/oauth/token: "+c.want) || !strings.HasPrefix(err.Error(), "token endpoint http://127.0.0.1:") {
			t.Errorf("%s: %v", name, err)
		}
	}
	c, r := tokenEndpoint(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	if _, err := r.Resolve(t.Context(), c); err == nil || !strings.Contains(err.Error(), "it cannot be reached: ") || strings.Contains(err.Error(), "tenant") {
		t.Errorf("aborted: %v", err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("stopped here"))
	if _, err := r.Resolve(ctx, c); err == nil || !strings.HasSuffix(err.Error(), ": stopped here") {
		t.Errorf("cancelled: %v", err)
	}
}

func TestDescribe(t *testing.T) {
	for want, c := range map[string]campaign.Credential{
		"environment variable A": {Env: "A"}, "file a/b": {File: "a/b"}, "command get": {Command: []string{"get", secretText}},
		"token endpoint https://h/a%2Fb": {OAuth2: &campaign.OAuth2{TokenURL: "https://u:p@h/a%2Fb?c"}},
		"token endpoint":                 {OAuth2: &campaign.OAuth2{TokenURL: "\x00"}},
		"value in targets.yaml":          {Literal: secretText}, "nothing": {},
	} {
		if got := Describe(c); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestReadCredential(t *testing.T) {
	for _, c := range []struct{ json, want string }{
		{`{"env": "A"}`, ""}, {`{"file": "/run/x"}`, ""}, {`{"command": ["a", ""]}`, ""}, {`null`, ""},
		{`{"oauth2": {"token_url": "https://h/t?x=1", "client_id": "i", "client_secret": {"file": "f"}, "scopes": ["s"]}}`, ""},
		{`"s3cr3t-va1ue"`, "/t: a secret must not stand in this file"},
		{`["s3cr3t-va1ue"]`, "/t: a secret must not stand in this file"},
		{`{}`, "/t: must say exactly one of env, file, command and oauth2"},
		{`{"env": "A", "file": "B"}`, "/t: must say exactly one of"},
		{`{"env": ""}`, "/t: does not name where the secret comes from"},
		{`{"env": "A=s3cr3t-va1ue"}`, "/t: does not name where the secret comes from"},
		{`{"file": " "}`, "/t: does not name where"},
		{`{"command": []}`, "/t: does not name where"},
		{`{"command": [""]}`, "/t: does not name where"},
		{`{"command": "get token"}`, "/t/command: must be a list"},
		{`{"command": ["a", null]}`, "/t/command/1: must be text"},
		{`{"oauth2": 1}`, `/t/oauth2: "client_id" is missing`},
		{`{"oauth2": {"token_url": "h", "client_id": "i", "client_secret": {"env": "A"}}}`, "/t/oauth2/token_url: is not an http or https address"},
		{`{"oauth2": {"token_url": "https://h", "client_id": "i", "client_secret": "s3cr3t-va1ue"}}`, "/t/oauth2/client_secret: a secret must not stand in this file"},
		{`{"oauth2": {"token_url": "https://h", "client_id": "i", "client_secret": {"oauth2": {"token_url": "https://h", "client_id": "i", "client_secret": {"env": "A"}}}}}`,
			"/t/oauth2/client_secret: cannot come from another oauth2"},
	} {
		var problems []campaign.Problem
		got := Read(campaign.Raw{JSON: []byte(`{"t": ` + c.json + `}`)}, &problems).Get("t").Credential()
		if c.want == "" {
			var same campaign.Credential
			if err := json.Unmarshal([]byte(c.json), &same); err != nil || len(problems) > 0 || fmt.Sprintf("%+v %+v", got, got.OAuth2) != fmt.Sprintf("%+v %+v", same, got.OAuth2) && got.OAuth2 == nil {
				t.Errorf("%s: %+v, %v", c.json, got, problems)
			}
			continue
		}
		if len(problems) == 0 || !strings.HasPrefix(problems[0].Pointer+": "+problems[0].Message, c.want) || strings.Contains(fmt.Sprint(problems), secretText) {
			t.Errorf("%s: %+v", c.json, problems)
		}
	}
}
