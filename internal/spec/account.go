package spec

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"campaign/internal/campaign"
)

// account reads what means the same for every system. The plug-in decodes the rest.
func (l *loader) account(name string, v val) campaign.Account {
	a := campaign.Account{
		Name: name, System: v.key("system").text(), Raw: v.raw(),
		Limits: campaign.Limits{
			Rate:        v.key("limits").key("rate").rate(),
			Concurrency: int(v.key("limits").key("concurrency").number()),
		},
		Proxy:    v.key("proxy").text(),
		Only:     v.key("only").texts(),
		Suppress: l.exclusions(v.key("suppress")),
		Cap:      l.cap(v.key("cap")),
		Price:    l.price(v.key("price")),
		Headers:  l.headers(v.key("headers")),
	}
	l.distinct(v.key("only"))
	l.duration(v.key("timeout"), &a.Timeout, longest)
	if ca := v.key("ca_file"); ca.given() {
		a.CAFile, _ = l.reference(ca)
	}
	l.distinct(v.key("not_accepted"))
	for _, status := range v.key("not_accepted").items() {
		a.NotAccepted = append(a.NotAccepted, int(status.number()))
	}
	l.address(v.key("proxy"))
	l.address(v.key("base_url"))
	l.address(v.key("token").key("oauth2").key("token_url"))
	if a.System == "zqt" {
		l.place(v)
	}
	return a
}

// longestCap is the longest span of a cap: what is older must not count for ever.
const longestCap = 366 * 24 * time.Hour

// cap reads how many messages a recipient gets in a span of time.
func (l *loader) cap(v val) *campaign.Cap {
	per := v.key("per")
	digits, unit := strings.TrimRight(per.text(), "dh"), time.Hour
	n, err := strconv.Atoi(digits)
	if !v.given() || err != nil {
		return nil
	}
	if strings.HasSuffix(per.text(), "d") {
		unit *= 24
	}
	span := time.Duration(n) * unit
	switch {
	case n == 0:
		l.problem(per, ruleRange, "per must be more than nothing", "for example 7d")
	case span > longestCap:
		l.problem(per, ruleRange, "per must be at most 366d", "")
	}
	return &campaign.Cap{Messages: int(v.key("messages").number()), Per: span}
}

// place checks that a 政企通 account has one address.
func (l *loader) place(v val) {
	l.oneOf(v, "environment", "base_url")
	if prefix := v.key("route_prefix"); prefix.given() && !v.key("base_url").given() {
		l.keyProblem(prefix, ruleConflict, "route_prefix works only with base_url: an environment has its own", "remove it, or give base_url instead of environment")
	}
}

// address checks a URL whose form the schema has looked at.
func (l *loader) address(v val) {
	if v.text() == "" {
		return
	}
	u, err := url.Parse(v.text())
	switch {
	case err != nil, u.Host == "" || u.Hostname() == "":
		if strings.Contains(v.text(), "://") {
			l.problem(v, ruleURL, name(v.at())+" is not a valid address", "for example http://127.0.0.1:8080")
		}
	case u.User != nil:
		l.problem(v, ruleInlineSecret, name(v.at())+" holds a user or password", "addresses carry no secrets: remove what stands before the @")
	}
}

// Headers that are not an account's to fix: they belong to the request, or make
// the HTTP client resend by itself.
var ownHeaders = map[string]bool{
	"host": true, "content-type": true, "content-length": true, "content-encoding": true, "transfer-encoding": true,
	"connection": true, "keep-alive": true, "te": true, "trailer": true, "upgrade": true, "expect": true, "proxy-connection": true,
	"accept-encoding": true, "idempotency-key": true, "x-idempotency-key": true,
}

// Headers whose values are secrets.
var secretHeaders = map[string]bool{"authorization": true, "proxy-authorization": true, "cookie": true}

func (l *loader) headers(v val) map[string]campaign.Credential {
	keys := v.keys()
	if len(keys) == 0 {
		return nil
	}
	out := make(map[string]campaign.Credential, len(keys))
	seen := map[string]string{}
	for _, key := range keys {
		x, lower := v.key(key), strings.ToLower(key)
		switch other := seen[lower]; {
		case other != "":
			l.keyProblem(x, ruleDuplicateKey, fmt.Sprintf("the headers %s and %s are the same", other, key), "keep one: upper and lower case do not matter in headers")
		case ownHeaders[lower]:
			l.keyProblem(x, ruleHeader, fmt.Sprintf("the header %s is set by the program", key), "remove it")
		case secretHeaders[lower] && x.text() != "":
			l.problem(x, ruleInlineSecret, fmt.Sprintf("the secret header %s is written out in the file", key), "refer to it instead: {env: NAME}")
		default:
			l.headerSecret(x, key)
		}
		seen[lower] = key
		out[key] = campaign.Credential{Env: x.key("env").text(), Literal: x.text()}
	}
	return out
}
