package targets

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
	"unicode"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"campaign/internal/campaign"
)

const (
	secretLimit    = 64 << 10         // bytes of a file or a command's output
	commandTimeout = 30 * time.Second // of a command that gives a secret
	commandGrace   = time.Second      // for what a killed command left running to let go of its output
)

// Credential reads where a secret comes from. Problems never quote a value: it
// may be the secret itself.
func (n Node) Credential() campaign.Credential {
	var c campaign.Credential
	if !n.Exists() {
		return c
	}
	if !n.IsMapping() {
		n.Report("secret-in-file", "a secret must not stand in this file",
			"say where it comes from: {env: NAME}, {file: PATH} or {command: [PROGRAM, ARGUMENT]}")
		return c
	}
	sources := 0
	for _, key := range []string{"env", "file", "command", "oauth2"} {
		if n.Get(key).Exists() {
			sources++
		}
	}
	if sources != 1 {
		n.Report("credential", "must say exactly one of env, file, command and oauth2", "")
		return c
	}
	c.Env = n.Get("env").Text()
	c.File = n.Get("file").Text()
	c.Command = n.Get("command").Texts()
	switch {
	case n.Get("oauth2").Exists():
		c.OAuth2 = n.Get("oauth2").grant()
	case len(c.Command) > 0 && strings.TrimSpace(c.Command[0]) != "":
	case strings.ContainsAny(c.Env, "=\x00") || strings.TrimSpace(c.Env+c.File) == "":
		n.Report("credential", "does not name where the secret comes from", "for example {env: ZQT_TOKEN}")
	}
	return c
}

// grant reads the mapping of an OAuth 2.0 client-credentials grant.
func (n Node) grant() *campaign.OAuth2 {
	grant := &campaign.OAuth2{
		ClientID: n.Get("client_id").Required().Text(),
		Scopes:   n.Get("scopes").Texts(),
	}
	if u := n.Get("token_url").Required().URL(true); u != nil {
		grant.TokenURL = u.String()
	}
	node := n.Get("client_secret").Required()
	secret := node.Credential()
	if secret.OAuth2 != nil {
		node.Report("credential", "cannot come from another oauth2", "use env, file or command")
	}
	grant.ClientSecret = &secret
	return grant
}

// Describe names a credential's source for people: never its value.
func Describe(c campaign.Credential) string {
	switch {
	case c.Env != "":
		return "environment variable " + c.Env
	case c.File != "":
		return "file " + c.File
	case len(c.Command) > 0:
		return "command " + c.Command[0]
	case c.OAuth2 != nil:
		if u, err := url.Parse(c.OAuth2.TokenURL); err == nil {
			return "token endpoint " + u.Scheme + "://" + u.Host + u.EscapedPath()
		}
		return "token endpoint"
	case c.Literal != "":
		return "value in targets.yaml"
	}
	return "nothing"
}

// Resolver fetches secrets from where credentials say. Its errors say what to
// do and never hold a value, nor what a command or an endpoint said.
type Resolver struct {
	Dir    string                      // the project: files and commands are relative to it
	Client *http.Client                // reaches token endpoints; without it oauth2 is an error
	Env    func(string) (string, bool) // nil: os.LookupEnv
}

// Resolve fetches a secret. Every call reads its source anew.
func (r Resolver) Resolve(ctx context.Context, c campaign.Credential) (campaign.Secret, error) {
	got, err := r.fetch(ctx, c)
	return got.token, err
}

// fetch also tells when the secret expires, where its source says so.
func (r Resolver) fetch(ctx context.Context, c campaign.Credential) (held, error) {
	var value string
	var expires time.Time
	var err error
	switch {
	case c.Env != "":
		value, err = r.fromEnv(c.Env)
	case c.File != "":
		value, err = r.fromFile(c.File)
	case len(c.Command) > 0:
		value, err = r.fromCommand(ctx, c.Command)
	case c.OAuth2 != nil:
		value, expires, err = r.fromEndpoint(ctx, c)
	default:
		value = c.Literal
	}
	if err == nil {
		err = check(value)
	}
	if err != nil {
		return held{}, fmt.Errorf("%s: %w", Describe(c), err)
	}
	return held{token: campaign.NewSecret(value), expires: expires}, nil
}

// check refuses what cannot be a secret: in a header or a form it would fail
// later, and say less.
func check(value string) error {
	switch {
	case value == "":
		return errors.New("it gives an empty secret: put the secret there")
	case strings.HasPrefix(value, "\xff\xfe") || strings.HasPrefix(value, "\xfe\xff"):
		return errors.New("it gives UTF-16: save it as UTF-8")
	case strings.ContainsFunc(value, unicode.IsControl):
		return errors.New("it gives a secret with a line break or another control character: a secret is one line")
	}
	return nil
}

func (r Resolver) fromEnv(name string) (string, error) {
	lookup := r.Env
	if lookup == nil {
		lookup = os.LookupEnv
	}
	value, ok := lookup(name)
	if !ok {
		return "", fmt.Errorf("it is not set: set it, for example with export %s=…", name)
	}
	return value, nil
}

// fromFile reads a secret file: a byte order mark and one line end behind the
// secret do not belong to it.
func (r Resolver) fromFile(name string) (string, error) {
	path := name
	if !filepath.IsAbs(path) {
		path = filepath.Join(r.Dir, path)
	}
	file, err := os.Open(path)
	if err != nil {
		if errors.Is(err, os.ErrNotExist) {
			return "", fmt.Errorf("it does not exist: write the secret there: %w", os.ErrNotExist)
		}
		return "", fmt.Errorf("it cannot be opened: %w", err)
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, secretLimit+1))
	if err != nil {
		return "", fmt.Errorf("it cannot be read: %w", err)
	}
	if len(data) > secretLimit {
		return "", fmt.Errorf("it is over %d bytes, which is no secret: check the path", secretLimit)
	}
	return trimLineEnd(string(bytes.TrimPrefix(data, []byte("\ufeff")))), nil
}

// trimLineEnd takes one line end away, LF or CRLF.
func trimLineEnd(s string) string {
	if rest, ok := strings.CutSuffix(s, "\n"); ok {
		return strings.TrimSuffix(rest, "\r")
	}
	return s
}

// fromCommand runs a program without a shell, in the project, and takes what it
// writes to stdout. What it writes to stderr is dropped: it may hold the secret.
func (r Resolver) fromCommand(ctx context.Context, argv []string) (string, error) {
	limited, cancel := context.WithTimeoutCause(ctx, commandTimeout, errCommandTimeout)
	defer cancel()
	command := exec.CommandContext(limited, argv[0], argv[1:]...)
	command.Dir = r.Dir
	command.WaitDelay = commandGrace
	out := &boundedBuffer{limit: secretLimit}
	command.Stdout = out
	err := command.Run()
	var exit *exec.ExitError
	switch {
	case out.over:
		return "", fmt.Errorf("it wrote over %d bytes, which is no secret: check its arguments", secretLimit)
	case err != nil && limited.Err() != nil:
		return "", context.Cause(limited)
	case errors.As(err, &exit):
		return "", fmt.Errorf("it failed (%s): run it by hand in the project's folder to see why", exit.ProcessState)
	case errors.Is(err, exec.ErrWaitDelay):
		return "", errors.New("it ended but left a process behind that holds its output open: run it by hand in the project's folder")
	case err != nil:
		return "", fmt.Errorf("it cannot be started: check the program's name: %w", err)
	}
	return trimLineEnd(string(out.kept)), nil
}

var errCommandTimeout = fmt.Errorf("it took longer than %s: run it by hand in the project's folder to see why", commandTimeout)

// boundedBuffer keeps what fits and ends the writer that goes over. It has no
// other method than Write: io.Copy would prefer a ReadFrom without a bound.
type boundedBuffer struct {
	kept  []byte
	limit int
	over  bool
}

func (b *boundedBuffer) Write(p []byte) (int, error) {
	if len(b.kept)+len(p) > b.limit {
		b.over = true
		return 0, io.ErrShortWrite
	}
	b.kept = append(b.kept, p...)
	return len(p), nil
}

// fromEndpoint asks a token endpoint with the client-credentials grant (RFC
// 6749, section 4.4).
func (r Resolver) fromEndpoint(ctx context.Context, c campaign.Credential) (token string, expires time.Time, err error) {
	grant := c.OAuth2
	if grant.ClientSecret == nil || grant.ClientSecret.OAuth2 != nil {
		return "", time.Time{}, errors.New("it has no client_secret: give one as env, file or command")
	}
	if r.Client == nil {
		return "", time.Time{}, errors.New("there is no way to reach it here: a token endpoint can only be asked by a run")
	}
	secret, err := r.Resolve(ctx, *grant.ClientSecret)
	if err != nil {
		return "", time.Time{}, fmt.Errorf("client_secret: %w", err)
	}
	config := clientcredentials.Config{
		ClientID:     grant.ClientID,
		ClientSecret: secret.Reveal(),
		TokenURL:     grant.TokenURL,
		Scopes:       grant.Scopes,
	}
	granted, err := config.Token(context.WithValue(ctx, oauth2.HTTPClient, r.Client))
	if err != nil {
		return "", time.Time{}, endpointError(ctx, err)
	}
	return granted.AccessToken, granted.Expiry, nil
}

// endpointError says what failed without quoting the answer, which may hold the
// client's secret or a token.
func endpointError(ctx context.Context, err error) error {
	var refused *oauth2.RetrieveError
	var wire *url.Error
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.As(err, &refused):
		return fmt.Errorf("it answered HTTP %d%s: check client_id and client_secret", refused.Response.StatusCode, errorCode(refused.ErrorCode))
	case errors.As(err, &wire):
		return fmt.Errorf("it cannot be reached: %w", wire.Err)
	}
	return errors.New("it gave no token in the form of OAuth 2.0: check token_url")
}

// errorCode keeps the error codes that RFC 6749, section 5.2, defines.
func errorCode(code string) string {
	switch code {
	case "invalid_request", "invalid_client", "invalid_grant", "unauthorized_client", "unsupported_grant_type", "invalid_scope":
		return " (" + code + ")"
	}
	return ""
}
