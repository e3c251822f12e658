// Package zqt is the target 政企通: messages from government bodies to companies
// (document zqt-msgcenter-send).
package zqt

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"campaign/internal/campaign"
	"campaign/internal/targets"
)

// Channel is the system's one channel type.
const Channel = "zqt.message"

// System is the plug-in.
type System struct{}

// Name is the `system` of targets.yaml.
func (System) Name() string { return "zqt" }

// Channels lists the channel types.
func (System) Channels() []string { return []string{Channel} }

// Account decodes an account of targets.yaml.
func (System) Account(a campaign.Account) (targets.Account, []campaign.Problem) {
	var problems []campaign.Problem
	n := targets.Read(a.Raw, &problems)
	acc := &account{name: a.Name, notAccepted: a.NotAccepted, senders: map[string]party{}}
	acc.base, acc.prefix = readAddress(n)
	app := n.Get("app").Required()
	if app.Exists() {
		acc.appID = app.Get("id").Required().Filled()
		acc.appName = app.Get("name").Required().Filled()
	}
	acc.token = n.Get("token").Required().Credential()
	senders := n.Get("senders")
	for _, name := range senders.Keys() {
		acc.senders[name] = readParty(senders.Get(name))
	}
	if targets.HasErrors(problems) {
		return nil, problems
	}
	return acc, problems
}

// readAddress reads where the account is: a documented environment, or an
// address of its own. The URL is nil when there was a problem.
func readAddress(n targets.Node) (base *url.URL, prefix string) {
	name, own, route := n.Get("environment"), n.Get("base_url"), n.Get("route_prefix")
	switch {
	case name.Exists() && own.Exists():
		own.Report("conflict", "environment and base_url both say where the account is", "keep one of them")
		return nil, ""
	case name.Exists() && route.Exists():
		route.Report("conflict", "the environment has its own route prefix", "use base_url to give another one")
		return nil, ""
	case name.Exists():
		e, ok := environment(name.Text())
		if !ok {
			if name.IsText() {
				name.Report("unknown-environment", fmt.Sprintf("there is no environment %q", name.Text()),
					targets.Suggest(name.Text(), environmentNames()))
			}
			return nil, ""
		}
		base, _ = url.Parse(e.BaseURL) // a constant: a test parses them all
		return base, e.RoutePrefix
	case !own.Exists():
		n.Report("required", "neither environment nor base_url says where the account is",
			"for example environment: zhuoyi-test")
		return nil, ""
	}
	base = own.URL(false)
	if base != nil {
		base = targets.TrimSlash(base)
	}
	prefix = routePrefix
	if route.Exists() {
		prefix = strings.TrimRight(route.Text(), "/")
		if prefix != "" && !isRoute(prefix) {
			route.Report("route-prefix", `must be a path such as /AGCS_zqc, or "" for none`, "")
		}
	}
	return base, prefix
}

// isRoute reports whether a text is a path that goes into an address as it is.
func isRoute(path string) bool {
	u, err := url.Parse(path)
	return err == nil && strings.HasPrefix(path, "/") && !strings.HasPrefix(path, "//") && u.String() == path && u.Path == path
}

// account is a decoded account.
type account struct {
	name           string
	base           *url.URL
	prefix         string
	appID, appName string
	token          campaign.Credential
	senders        map[string]party
	notAccepted    []int
}

// BaseURL is where the account's requests go.
func (a *account) BaseURL() *url.URL {
	base := *a.base
	return &base
}

// Credentials names the account's one secret.
func (a *account) Credentials() map[string]campaign.Credential {
	return map[string]campaign.Credential{"token": a.token}
}

// sender finds who a campaign's `from` names.
func (a *account) sender(from targets.Node) party {
	if from.IsMapping() {
		return readParty(from)
	}
	name := from.Text()
	sender, ok := a.senders[name]
	if !ok && from.IsText() {
		names := slices.Collect(maps.Keys(a.senders))
		hint := targets.Suggest(name, names)
		if len(names) == 0 {
			hint = "the account has no senders: add it there, or give userid, usertype and orgid here"
		}
		from.Report("unknown-sender", fmt.Sprintf("account %q has no sender %q", a.name, name), hint)
	}
	return sender
}
