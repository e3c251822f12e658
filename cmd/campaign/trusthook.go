package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"text/tabwriter"

	"campaign/internal/campaign"
	"campaign/internal/targets"
)

// webhookKey is where the record of what is trusted has a webhook: beside the
// accounts, which all have a profile.
func webhookKey(project, name string) string { return trustKey(project, "", name) }

// webhookPrint covers what a person must have seen of a webhook: where its address
// comes from, and the host that it names. What is behind the host is a secret.
func webhookPrint(hook campaign.Webhook, address *url.URL) (string, error) {
	data, err := json.Marshal(struct {
		URL  campaign.Credential
		Host string
	}{hook.URL, hostOf(address)})
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:]), nil
}

// hostOf is what may be shown of a webhook's address.
func hostOf(address *url.URL) string { return address.Scheme + "://" + strings.ToLower(address.Host) }

func (p *project) webhookTrust(trust trusted, hook campaign.Webhook, address *url.URL) (string, error) {
	if loopbackHost(address) {
		return "loopback", nil
	}
	print, err := webhookPrint(hook, address)
	if err != nil {
		return "", err
	}
	return trust.state(webhookKey(p.decl.ID, hook.Name), print), nil
}

// guardWebhook refuses a webhook beyond this machine that nobody here has looked at
// as it is now. Where only loopback is reached the wire refuses it.
func (s *sender) guardWebhook(hook campaign.Webhook, address *url.URL) error {
	if s.loopbackHooks() || loopbackHost(address) {
		return nil
	}
	trust, err := readTrust()
	if err != nil {
		return err
	}
	switch state, err := s.webhookTrust(trust, hook, address); {
	case err != nil:
		return err
	case state == "yes":
		return nil
	case state == "no":
		return fmt.Errorf("nobody has trusted it on this machine: look at it with `campaign targets` and record that with `campaign targets trust --webhook %s`", hook.Name)
	}
	return fmt.Errorf("its host or the source of its address has changed since it was trusted: look at it with `campaign targets` and record that with `campaign targets trust --webhook %s`", hook.Name)
}

// warnWebhooks says before work which webhooks will not be told of it because nobody
// trusted them: afterwards it is too late. It keeps nothing from being sent.
func (s *sender) warnWebhooks(ctx context.Context, work []*todo) {
	if len(work) == 0 || s.loopbackHooks() {
		return
	}
	for _, hook := range s.decl.Notify {
		if !hook.Wants(campaign.NoticeEnded) {
			continue
		}
		address, err := s.hookAddress(ctx, hook)
		if err == nil {
			err = s.guardWebhook(hook, address)
		}
		if err != nil {
			fmt.Fprintf(s.stderr, "%sthe webhook %s will not be told: %v\n", s.tag(), hook.Name, err)
		}
	}
}

// listWebhooks shows who is told, beside the accounts.
func (p *project) listWebhooks(ctx context.Context, w *tabwriter.Writer, trust trusted) error {
	if len(p.decl.Notify) == 0 {
		return nil
	}
	fmt.Fprintln(w, "\nWEBHOOK\tEVENTS\tHOST\tADDRESS\tTRUSTED")
	for _, hook := range p.decl.Notify {
		host, state := "not known here", "no"
		if address, err := p.hookAddress(ctx, hook); err == nil {
			host = hostOf(address)
			if state, err = p.webhookTrust(trust, hook, address); err != nil {
				return err
			}
		}
		events := hook.On
		if events == nil {
			events = campaign.NoticeEvents
		}
		fmt.Fprintf(w, "%s\t%s\t%s\tfrom %s\t%s\n", hook.Name, strings.Join(events, ", "), host, targets.Describe(hook.URL), state)
	}
	return nil
}

// trustWebhook records that a person has looked at a webhook, and gives what was
// looked at.
func (p *project) trustWebhook(ctx context.Context, trust trusted, name string) (string, error) {
	var known []string
	for _, hook := range p.decl.Notify {
		if known = append(known, hook.Name); hook.Name != name {
			continue
		}
		address, err := p.hookAddress(ctx, hook)
		if err != nil {
			return "", fail(exitProblems, "the webhook %s: %w", name, err)
		}
		trust[webhookKey(p.decl.ID, name)], err = webhookPrint(hook, address)
		return fmt.Sprintf("webhook %s, at %s, its address from %s", name, hostOf(address), targets.Describe(hook.URL)), err
	}
	if known == nil {
		return "", fail(exitUsage, "targets.yaml has no webhooks (notify)")
	}
	return "", fail(exitUsage, "there is no webhook %q: there are %s", name, strings.Join(known, ", "))
}

// trustAccount does so for an account of the chosen profile.
func (p *project) trustAccount(trust trusted, name string) (string, error) {
	declared, account, err := p.account(name)
	if err != nil {
		return "", err
	}
	trust[trustKey(p.decl.ID, p.profile.Name, name)], err = fingerprint(declared, account)
	return fmt.Sprintf("%s of profile %s, at %s, %s", name, p.profile.Name, account.BaseURL(), sources(account)), err
}
