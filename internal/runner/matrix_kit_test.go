package runner

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"campaign/internal/campaign"
	"campaign/internal/sandbox"
	"campaign/internal/targets"
	"campaign/internal/targets/chuanbo"
	"campaign/internal/targets/zqt"
)

// channelContents are small campaigns of each channel type.
var channelContents = map[string]string{
	zqt.Channel:          `{"title": "T", "body": "<p>B</p>", "sender": "office", "category": "新闻通知", "level": "普通"}`,
	chuanbo.Notification: `{"name": "n", "title": "T", "text": "C"}`,
	chuanbo.SMS:          `{"name": "n", "signature": 50, "text": "C"}`,
	chuanbo.Voice:        `{"name": "n", "text": "C"}`,
}

// channelSecrets are made up; the sandbox takes any.
var channelSecrets = targets.Secrets{"connect_no": campaign.NewSecret("number")}

// openChannel opens the target of a channel type, of an account on the sandbox.
func openChannel(t *testing.T, url, channel string, notAccepted []int) targets.Target {
	t.Helper()
	var system targets.System = zqt.System{}
	declared := fmt.Sprintf(`{"system": "zqt", "base_url": %q, "app": {"id": "app", "name": "app"}, "token": {"env": "T"},
		"senders": {"office": {"userid": "u", "usertype": "government", "orgid": "o"}}}`, url)
	from := `{"type": "zqt.message", "target": "account", "from": "office"}`
	if channel != zqt.Channel {
		system = chuanbo.System{}
		declared = fmt.Sprintf(`{"system": "chuanbo", "base_url": %q, "connect_no": {"env": "N"}, "section": 90}`, url)
		from = fmt.Sprintf(`{"type": %q, "target": "account", "message_type": 38}`, channel)
	}
	account, problems := system.Account(campaign.Account{
		Name: "account", System: system.Name(), NotAccepted: notAccepted, Raw: campaign.Raw{JSON: json.RawMessage(declared)},
	})
	if account == nil {
		t.Fatal(problems)
	}
	target, problems := account.Target(&campaign.Campaign{
		Name:    "matrix",
		Channel: campaign.Channel{Type: channel, Target: "account", Raw: campaign.Raw{JSON: json.RawMessage(from)}},
		Content: campaign.Content{Raw: campaign.Raw{JSON: json.RawMessage(channelContents[channel])}},
	})
	if target == nil {
		t.Fatal(problems)
	}
	return target
}

// upstreamID is what the sandbox calls a recipient: user u7 of zqt, group 107 of chuanbo.
func upstreamID(channel, id string) string {
	if channel == zqt.Channel {
		return id
	}
	n, err := strconv.Atoi(strings.TrimPrefix(id, "u"))
	if err != nil {
		panic(err)
	}
	return strconv.Itoa(100 + n)
}

// channelMessages gives recipients the cells that a target wants of them.
func channelMessages(target targets.Target) func(context.Context, campaign.Block) ([]targets.Message, error) {
	layout := target.Layout()
	var texts []string
	for _, text := range layout.Texts {
		texts = append(texts, text.Source)
	}
	cells := func(id string) []string {
		if layout.Groups {
			return []string{upstreamID(chuanbo.Voice, id)}
		}
		return []string{id, "2", "org", ""} // userid, usertype, orgid, deptid
	}
	return func(_ context.Context, b campaign.Block) ([]targets.Message, error) {
		messages := make([]targets.Message, len(b.Deliveries))
		for i := range b.Deliveries {
			d := &b.Deliveries[i]
			for j, r := range d.Recipients {
				d.Recipients[j].Cells = cells(r.ID())
			}
			messages[i] = targets.Message{Texts: texts, Recipients: d.Recipients}
		}
		return messages, nil
	}
}

// acceptedOf counts how often the sandbox accepted each recipient or group.
func acceptedOf(server *sandbox.Server) map[string]int {
	took := map[string]int{}
	for _, q := range server.Requests() {
		for _, id := range append(q.Recipients, q.Groups...) {
			id, _, _ = strings.Cut(id, "/")
			took[id]++
		}
	}
	return took
}

// withSelection adds keys to a fault's text.
func withSelection(fault, selection string) string {
	if strings.Contains(fault, ":") {
		return fault + "," + selection
	}
	return fault + ":" + selection
}
