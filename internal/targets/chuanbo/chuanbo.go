// Package chuanbo is the target 传播通: notifications, short messages and voice
// calls to user groups of a media platform (document chuanbo-push).
package chuanbo

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"campaign/internal/campaign"
	"campaign/internal/targets"
)

// The channel types.
const (
	Notification = "chuanbo.notification"
	SMS          = "chuanbo.sms"
	Voice        = "chuanbo.voice"
)

// System is the plug-in.
type System struct{}

// Name is the `system` of targets.yaml.
func (System) Name() string { return "chuanbo" }

// Channels lists the channel types.
func (System) Channels() []string { return []string{Notification, SMS, Voice} }

// Account decodes an account of targets.yaml.
func (System) Account(a campaign.Account) (targets.Account, []campaign.Problem) {
	var problems []campaign.Problem
	n := targets.Read(a.Raw, &problems)
	acc := &account{
		name:         a.Name,
		notAccepted:  a.NotAccepted,
		tagField:     choice(n.Get("tag_field"), "task_tag", "tag"),
		groupParams:  choice(n.Get("group_list_params"), "body", "query"),
		messageTypes: numbers(n.Get("message_types")),
		signatures:   numbers(n.Get("signatures")),
	}
	if base := n.Get("base_url").Required().URL(false); base != nil {
		acc.base = targets.TrimSlash(base)
	}
	acc.section, _ = id(n.Get("section"))
	node := n.Get(connectNo).Required()
	acc.connectNo = node.Credential()
	if acc.connectNo.OAuth2 != nil {
		node.Report("credential", "a connectNo is handed over, no token endpoint gives it", "use env, file or command")
	}
	if targets.HasErrors(problems) {
		return nil, problems
	}
	return acc, problems
}

// connectNo is the name of the account's one secret.
const connectNo = "connect_no"

// account is a decoded account.
type account struct {
	name         string
	base         *url.URL
	connectNo    campaign.Credential
	section      int64 // 0: campaigns name it
	messageTypes map[string]int64
	signatures   map[string]int64
	tagField     string
	groupParams  string
	notAccepted  []int
}

// BaseURL is where the account's requests go.
func (a *account) BaseURL() *url.URL {
	base := *a.base
	return &base
}

// Credentials names the account's one secret.
func (a *account) Credentials() map[string]campaign.Credential {
	return map[string]campaign.Credential{connectNo: a.connectNo}
}

// choice reads one of two words; the first is the default.
func choice(n targets.Node, standard, other string) string {
	text := n.Text()
	if text == other {
		return other
	}
	if n.IsText() && text != standard {
		n.Report("choice", fmt.Sprintf("must be %s or %s", standard, other), "")
	}
	return standard
}

// numbers reads names for ids that the platform handed over.
func numbers(n targets.Node) map[string]int64 {
	named := map[string]int64{}
	for _, name := range n.Keys() {
		named[name], _ = id(n.Get(name).Required())
	}
	return named
}

// id reads an id of the platform: a whole number from 1.
func id(n targets.Node) (int64, bool) {
	value, ok := n.Number()
	if ok && value < 1 {
		n.Report("id", "must be a number from 1", "")
		return 0, false
	}
	return value, ok
}

// named reads an id that stands for itself or under a name of the account.
func named(n targets.Node, what, account string, known map[string]int64) int64 {
	if !n.IsText() {
		value, _ := id(n)
		return value
	}
	name := n.Text()
	value, ok := known[name]
	if !ok {
		hint := targets.Suggest(name, slices.Collect(maps.Keys(known)))
		if len(known) == 0 {
			hint = "the account names none: add it there, or give its number here"
		}
		n.Report("unknown-"+strings.ReplaceAll(what, " ", "-"), fmt.Sprintf("account %q has no %s %q", account, what, name), hint)
	}
	return value
}
