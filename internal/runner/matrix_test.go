package runner

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"campaign/internal/campaign"
	"campaign/internal/sandbox"
	"campaign/internal/targets"
	"campaign/internal/targets/zqt"
)

// government opens the zqt target of an account on the sandbox.
func government(t *testing.T, url string) targets.Target {
	t.Helper()
	account, problems := zqt.System{}.Account(campaign.Account{
		Name: "gov", System: "zqt", Raw: campaign.Raw{JSON: json.RawMessage(fmt.Sprintf(`{
			"system": "zqt", "base_url": %q, "app": {"id": "app", "name": "app"}, "token": {"env": "T"},
			"senders": {"office": {"userid": "u", "usertype": "government", "orgid": "o"}}}`, url))},
	})
	if account == nil {
		t.Fatal(problems)
	}
	target, problems := account.Target(&campaign.Campaign{
		Name:    "matrix",
		Channel: campaign.Channel{Type: zqt.Channel, Target: "gov", Raw: campaign.Raw{JSON: json.RawMessage(`{"type": "zqt.message", "target": "gov", "from": "office"}`)}},
		Content: campaign.Content{Raw: campaign.Raw{JSON: json.RawMessage(
			`{"title": "T", "body": "<p>B</p>", "sender": "office", "category": "新闻通知", "level": "普通"}`)}},
	})
	if target == nil {
		t.Fatal(problems)
	}
	return target
}

// Each fault of the sandbox meets the second of six requests, one at a time:
// what the ledger says in the end, and how many requests the upstream saw.
func TestSandboxFaults(t *testing.T) {
	tests := []struct {
		fault    string
		outcome  campaign.Outcome // of the delivery that met it
		arrivals int              // 6 without a retry
		accepted int              // by the sandbox
	}{
		{"reset-before", campaign.Unknown, 6, 5},
		{"reset-after", campaign.Unknown, 6, 6},
		{"stall", campaign.Unknown, 6, 5},
		{"stall-after", campaign.Unknown, 6, 6},
		{"truncate", campaign.Unknown, 6, 6},
		{"garbage", campaign.Unknown, 6, 5},
		{"garbage:accept=true", campaign.Unknown, 6, 6},
		{"html-502", campaign.Unknown, 6, 5},
		{"html-502:accept=true", campaign.Unknown, 6, 6},
		{"500:accept=true", campaign.Unknown, 6, 6},
		{"503:accept=true", campaign.Unknown, 6, 6},
		{"503:retry-after=1s", campaign.Accepted, 7, 6},
		{"429:retry-after=1s", campaign.Accepted, 7, 6},
		{"unauthorized", campaign.Accepted, 7, 6},
		{"status-400", campaign.Rejected, 6, 5},
		{"redirect:to=http://127.0.0.1:1/", campaign.Unknown, 6, 5},
		{"redirect:to=http://127.0.0.1:1/,accept=true", campaign.Unknown, 6, 6},
		{"drip:interval=1ms,bytes=64", campaign.Accepted, 6, 6},
		{"drip:interval=50ms", campaign.Unknown, 6, 6},
		{"latency:delay=20ms", campaign.Accepted, 6, 6},
	}
	for _, test := range tests {
		t.Run(test.fault, func(t *testing.T) {
			t.Parallel()
			server, err := sandbox.Start(sandbox.Options{})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { server.Close() })
			fault, err := sandbox.ParseFault(withSelection(test.fault, "after=1,times=1"))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := server.AddFault(fault); err != nil {
				t.Fatal(err)
			}
			b := newBench(t, 6, 1, nil)
			b.account.Sender = wire(t, WireOptions{LoopbackOnly: true})
			b.account.Limits.Concurrency = 1
			b.account.Tokens = &purse{}
			b.job.Target = government(t, server.URL())
			b.job.Policy.Timeout = time.Second
			b.job.Policy.Retry.Base = 10 * time.Millisecond
			b.job.Messages = withParties(b.job.Target)
			s := b.mustRun(t)

			f := fold(t, b.ledger, b.run)
			took := map[string]int{}
			for _, r := range server.Requests() {
				for _, to := range r.Recipients {
					took[to]++
				}
			}
			if s.Stop != Complete || f.outcome["u1"] != test.outcome {
				t.Errorf("%s; %s (%s), want %s", s.Stop, f.outcome["u1"], f.reason["u1"], test.outcome)
			}
			if len(took) != test.accepted || len(server.Arrivals()) != test.arrivals {
				t.Errorf("the sandbox accepted %d and saw %d requests, want %d and %d", len(took), len(server.Arrivals()), test.accepted, test.arrivals)
			}
			for to, n := range took {
				if n != 1 {
					t.Errorf("%s was accepted %d times", to, n)
				}
			}
			if f.recipients.Accepted != 5 && f.outcome["u1"] != campaign.Accepted || f.recipients.Planned != 6 {
				t.Errorf("%+v", f.recipients)
			}
		})
	}
}

// A port that is closed for a while loses nothing.
func TestSandboxRefuses(t *testing.T) {
	server, err := sandbox.Start(sandbox.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	fault, err := sandbox.ParseFault("refuse:for=300ms")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := server.AddFault(fault); err != nil {
		t.Fatal(err)
	}
	b := newBench(t, 6, 1, nil)
	b.account.Sender = wire(t, WireOptions{LoopbackOnly: true})
	b.account.Limits.Concurrency = 2
	b.account.WaitForUpstream = time.Minute
	b.account.Probe = campaign.Retry{Base: 50 * time.Millisecond, Cap: 100 * time.Millisecond}
	b.account.Tokens = &purse{}
	b.job.Target = government(t, server.URL())
	b.job.Policy.Retry = campaign.Retry{Attempts: 100, Base: 10 * time.Millisecond, Cap: 50 * time.Millisecond}
	b.job.Messages = withParties(b.job.Target)
	s := b.mustRun(t)
	f := fold(t, b.ledger, b.run)
	if s.Stop != Complete || f.recipients.Accepted != 6 || len(server.Requests()) != 6 || len(server.Arrivals()) != 6 {
		t.Errorf("%+v, %+v, %d arrivals", s, f.recipients, len(server.Arrivals()))
	}
}

func withSelection(fault, selection string) string {
	for _, c := range fault {
		if c == ':' {
			return fault + "," + selection
		}
	}
	return fault + ":" + selection
}

// withParties gives recipients the cells that zqt wants: userid, usertype, orgid, deptid.
func withParties(target targets.Target) func(context.Context, campaign.Block) ([]targets.Message, error) {
	var texts []string
	for _, text := range target.Layout().Texts {
		texts = append(texts, text.Source)
	}
	return func(_ context.Context, b campaign.Block) ([]targets.Message, error) {
		messages := make([]targets.Message, len(b.Deliveries))
		for i := range b.Deliveries {
			d := &b.Deliveries[i]
			for j, r := range d.Recipients {
				d.Recipients[j].Cells = []string{r.ID(), "2", "org", ""}
			}
			messages[i] = targets.Message{Texts: texts, Recipients: d.Recipients}
		}
		return messages, nil
	}
}
