package spec

import (
	"fmt"

	"campaign/internal/campaign"
)

// webhooks reads who is told how runs ended and what was missed.
func (l *loader) webhooks(v val) []campaign.Webhook {
	var hooks []campaign.Webhook
	seen := map[string]bool{}
	for _, item := range v.items() {
		h := campaign.Webhook{
			Name: item.key("name").text(), Body: item.key("body").text(),
			URL: campaign.Credential{Env: item.key("url").key("env").text(), File: item.key("url").key("file").text()},
		}
		for _, event := range item.key("on").items() {
			h.On = append(h.On, event.text())
		}
		if seen[h.Name] {
			l.problem(item.key("name"), ruleDuplicateName, fmt.Sprintf("there is a webhook %s already", h.Name), "give each its own name")
		}
		seen[h.Name] = true
		if _, err := campaign.ParseNotice(h.Body); err != nil {
			l.problem(item.key("body"), ruleNotice, "the body of the webhook is no template of JSON: "+err.Error(), "put values in with json, for example {\"text\": {{json .Text}}}")
		}
		hooks = append(hooks, h)
	}
	return hooks
}
