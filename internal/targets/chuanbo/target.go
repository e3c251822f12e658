package chuanbo

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"

	"campaign/internal/campaign"
	"campaign/internal/targets"
)

// The document's routes.
const (
	pushCreate = "/openapi/chuanbo/push_create"
	groupList  = "/openapi/chuanbo/group_list"
)

// fields are what a recipient has: a user group's id, and its title where it is
// known.
var fields = []targets.Field{
	{Name: "group", Required: true, Parse: parseGroup},
	{Name: "title"},
}

func parseGroup(text string) (string, error) {
	id, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	if err != nil || id < 1 {
		return "", errors.New("is not a user group's number")
	}
	return strconv.FormatInt(id, 10), nil
}

// target sends one campaign.
type target struct {
	account *account
	layout  targets.Layout
	url     string
	entries []entry
	uses    []string // names of the account
}

// Layout says what recipients and messages consist of.
func (t *target) Layout() targets.Layout { return t.layout }

// Request builds the request of one message (document: 二、创建推送).
func (t *target) Request(m targets.Message, s targets.Secrets) (targets.Request, error) {
	if len(m.Texts) != len(t.layout.Texts) {
		return targets.Request{}, fmt.Errorf("the message has %d texts where the campaign has %d", len(m.Texts), len(t.layout.Texts))
	}
	groupIDs, err := joinGroups(m.Recipients)
	if err != nil {
		return targets.Request{}, err
	}
	list := make([]field, 0, len(t.entries))
	for _, e := range t.entries {
		f := field{name: e.name, value: e.value}
		switch e.origin {
		case fromText:
			f.value = m.Texts[e.text]
			if !utf8.ValidString(f.value) {
				return targets.Request{}, fmt.Errorf("the text of %s is not valid UTF-8", t.layout.Texts[e.text].Pointer)
			}
		case fromSecret:
			if f, err = secretField(s); err != nil {
				return targets.Request{}, err
			}
		case fromGroups:
			f.value = groupIDs
		}
		list = append(list, f)
	}
	return form(http.MethodPost, t.url, list), nil
}

func secretField(s targets.Secrets) (field, error) {
	value, ok := s[connectNo]
	if !ok || value.IsZero() {
		return field{}, errors.New("the request needs the account's connect_no, which was not fetched")
	}
	return field{name: "connectNo", value: value.Reveal(), secret: true}, nil
}

// joinGroups writes chuanbo_group: group ids, comma separated.
func joinGroups(recipients []campaign.Recipient) (string, error) {
	if len(recipients) == 0 {
		return "", errors.New("the message has no user groups")
	}
	ids := make([]string, len(recipients))
	seen := make(map[string]bool, len(recipients))
	for i, r := range recipients {
		id, err := parseGroup(r.ID())
		if err != nil {
			return "", fmt.Errorf("user group %d of the campaign: its id %w", r.Row, err)
		}
		if seen[id] {
			return "", fmt.Errorf("user group %s is in the message twice", id)
		}
		seen[id] = true
		ids[i] = id
	}
	return strings.Join(ids, ","), nil
}
