package main

import (
	"context"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"time"

	"campaign/internal/campaign"
	"campaign/internal/runner"
	"campaign/internal/spec"
	"campaign/internal/targets"
)

// outbound is the way out to one account: its wire and its secrets. It is made
// by commands that send or ask an upstream, and by no other.
type outbound struct {
	wire    *runner.Wire
	secrets targets.Secrets            // all but the token
	headers map[string]campaign.Secret // the account's fixed headers
	tokens  *targets.TokenSource       // nil: the account has no token
}

// standIns are the secrets that the sandbox is given in the place of real ones:
// a sandbox run resolves none.
type standIns map[string]campaign.Secret

// openOutbound resolves an account's secrets and makes its wire. With standIns
// the account's own sources are not touched.
func (p *project) openOutbound(ctx context.Context, declared campaign.Account, account targets.Account, instead standIns) (*outbound, error) {
	if p.profile.Name == sandboxProfile && instead == nil {
		return nil, fail(exitGuard, "the profile %s reaches no upstream: choose another with --profile", sandboxProfile)
	}
	options := runner.WireOptions{
		MaxConns:     max(declared.Limits.Concurrency, 1),
		LoopbackOnly: instead != nil || loopbackOnly(),
		UserAgent:    "campaign/" + version(),
	}
	if declared.CAFile != "" && instead == nil {
		pem, err := fs.ReadFile(p.files, declared.CAFile)
		if err != nil {
			return nil, fail(exitProblems, "ca_file %s: %w", declared.CAFile, plainPathError(err))
		}
		options.CAFile = pem
	}
	if declared.Proxy != "" && instead == nil {
		proxy, err := url.Parse(declared.Proxy)
		if err != nil {
			return nil, fail(exitProblems, "the proxy of %s is no URL", declared.Name)
		}
		options.Proxy = proxy
	}
	wire, err := runner.NewWire(options)
	if err != nil {
		return nil, fail(exitProblems, "%s: %w", declared.Name, err)
	}
	out := &outbound{wire: wire, secrets: targets.Secrets{}, headers: map[string]campaign.Secret{}}
	resolver := targets.Resolver{Dir: p.dir, Client: &http.Client{Transport: wire.RoundTripper(), Timeout: tokenTimeout}}
	if instead != nil {
		resolver = targets.Resolver{Env: func(name string) (string, bool) {
			s, ok := instead[name]
			return s.Reveal(), ok
		}}
	}
	source := func(name string, c campaign.Credential) campaign.Credential {
		if instead != nil && c.Literal == "" {
			return campaign.Credential{Env: name}
		}
		return c
	}
	credentials := account.Credentials()
	for _, name := range slices.Sorted(maps.Keys(credentials)) {
		c := source(name, credentials[name])
		if name == "token" {
			out.tokens = targets.NewTokenSource(resolver, c)
			continue
		}
		if out.secrets[name], err = resolver.Resolve(ctx, c); err != nil {
			return nil, fail(exitUnfinished, "%s: %s of %s: %w", spec.TargetsFile, name, declared.Name, err)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(declared.Headers)) {
		if out.headers[name], err = resolver.Resolve(ctx, source(name, declared.Headers[name])); err != nil {
			return nil, fail(exitUnfinished, "%s: header %s of %s: %w", spec.TargetsFile, name, declared.Name, err)
		}
	}
	return out, nil
}

// tokenTimeout bounds one request to a token endpoint.
const tokenTimeout = 30 * time.Second

// loopbackOnly reports whether this process must not dial anything but loopback:
// for tests and trials.
func loopbackOnly() bool { return os.Getenv("CAMPAIGN_LOOPBACK_ONLY") != "" }

// ask sends one request that has no effect upstream and gives its answer.
func (o *outbound) ask(ctx context.Context, request targets.Request) (targets.Answer, error) {
	for name, value := range o.headers {
		request.Header.Set(name, value.Reveal())
	}
	answer, _, err := o.wire.Do(ctx, request, tokenTimeout)
	if err != nil {
		return answer, fmt.Errorf("the upstream did not answer: %w", err)
	}
	return answer, nil
}

func (o *outbound) close() { o.wire.Close() }
