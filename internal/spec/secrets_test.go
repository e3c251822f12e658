package spec

import (
	"strings"
	"testing"

	"campaign/internal/campaign"
)

// Made-up secrets, put together here so that scanners of this repository stay calm.
var (
	madeUpToken  = "eyJhbGciOiJIUzI1NiJ9" + ".eyJzdWIiOiIxMjM0NTY3ODkwIn0" + ".dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
	madeUpKey    = "ghp" + "_" + strings.Repeat("aB3dE6", 6)
	madeUpHex    = strings.Repeat("0123456789abcdef", 2)
	madeUpBasic  = "YWRtaW46" + "aHVudGVyMjIy" + "MjI=" // admin:…
	madeUpRandom = "q8Zr2LxT0pWv5NyKc7HdB3mJ" + "s6FgA9eU1"
)

func TestSecretsInCampaigns(t *testing.T) {
	tests := []struct {
		name, change, rule string // an empty rule: nothing is said
	}{
		{"bearer", `vars: {note: "Bearer ` + madeUpRandom + `"}`, ruleInlineSecret},
		{"private key", `description: "-----BEGIN RSA PRIVATE KEY----- MIIE"`, ruleInlineSecret},
		{"access key", `labels: {owner: ` + madeUpKey + `}`, ruleInlineSecret},
		{"token", `vars: {link: "https://host/?t=` + madeUpToken + `"}`, ruleLikelySecret},
		{"by its name", `vars: {api_key: abc123}`, ruleLikelySecret},
		{"by its Chinese name", `vars: {密码: abc123}`, ruleLikelySecret},
		{"hex", `vars: {note: ` + madeUpHex + `f}`, ruleLikelySecret},
		{"random", `vars: {note: ` + madeUpRandom + `}`, ruleLikelySecret},
		{"a name that only sounds like one", `vars: {tokens_left: "3"}`, ""},
		{"a UUID", `vars: {note: 1154fcc5-8a3b-4c1d-9e2f-0a1b2c3d4e5f}`, ""},
		{"words", `vars: {note: the-quick-brown-fox-jumps-over-the-lazy-dog}`, ""},
		{"a template", `vars: {secret: "{{ .userid }}"}`, ""},
		{"an empty one", `vars: {password: ""}`, ""},
		{"a user's name and password", `description: Basic ` + madeUpBasic, ruleInlineSecret},
		{"a token in hex", `description: Bearer ` + madeUpHex, ruleInlineSecret},
		{"words behind a scheme", `description: Basic information/registration`, ""},
		{"words and a year behind a scheme", `description: Bearer Certificates-2026-Holders`, ""},
		{"words behind a scheme, as a variable", `vars: {note: Bearer abcdefghijklmnopq}`, ruleLikelySecret},
		{"what speaks of a password", `vars: {reset_password: 请点击这里重置密码}`, ""},
		{"a digest", `vars: {sha256: ` + madeUpHex + madeUpHex + `}`, ""},
		{"an id", `labels: {企业ID: ` + madeUpHex + `}`, ""},
		{"an id that is drawn", `vars: {media_id: ` + madeUpRandom + `}`, ""},
		{"a long number", `vars: {note: "` + strings.Repeat("31", 20) + `"}`, ""},
		{"a path", `vars: {note: Campaigns/2026/SpringSale/HeroImage-1200x600}`, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			text := strings.Replace(minimalSecrets, "CHANGE", test.change, 1)
			_, _, diags := LoadCampaign(files("a.yaml", text), "a.yaml")
			checkSecret(t, diags, test.rule)
		})
	}
}

const minimalSecrets = `version: 1
name: a
CHANGE
channel: {type: zqt.message, target: gov, from: x}
content: {title: t, body: b, sender: s, category: 通知公告, level: 一般}
recipients: {list: [{userid: u, orgid: 0123456789abcdef0123456789abcdef0, usertype: enterprise}]}
`

// checkSecret wants one problem of the rule, which does not show the value.
func checkSecret(t *testing.T, diags []campaign.Diagnostic, rule string) {
	t.Helper()
	if rule == "" {
		if len(diags) > 0 {
			t.Fatalf("got %v", diags)
		}
		return
	}
	if len(diags) != 1 || diags[0].Rule != rule || diags[0].Line == 0 || diags[0].Warning != (rule == ruleLikelySecret) {
		t.Fatalf("want one %s, got %+v", rule, diags)
	}
	for _, shown := range []string{madeUpToken, madeUpKey, madeUpHex, madeUpBasic, madeUpRandom, "abc123", "MIIE"} {
		if strings.Contains(diags[0].Source+diags[0].Message+diags[0].Hint, shown) {
			t.Errorf("the secret is shown: %+v", diags[0])
		}
	}
}

func TestSecretsInHeaders(t *testing.T) {
	tests := []struct{ name, header, rule string }{
		{"token", `x-auth: ` + madeUpToken, ruleInlineSecret},
		{"bearer", `x-forward: Bearer ` + madeUpRandom, ruleInlineSecret},
		{"words behind a scheme", `x-forward: Bearer abcdefghijklmnopq`, ruleInlineSecret},
		{"id", `x-request-id: ` + madeUpHex, ""},
		{"by its name", `x-api-key: abc123`, ruleLikelySecret},
		{"random", `x-request: ` + madeUpRandom, ruleLikelySecret},
		{"reference", `x-api-key: {env: API_KEY}`, ""},
		{"tenant", `x-tenant-id: "6"`, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			text := "version: 1\nproject: p-0001\ntargets:\n  gov:\n    system: zqt\n    base_url: http://127.0.0.1:1\n    app: {id: a, name: b}\n" +
				"    token: {env: T}\n    headers: {" + test.header + "}\n"
			_, _, diags := LoadTargets(files("targets.yaml", text), "targets.yaml")
			checkSecret(t, diags, test.rule)
		})
	}
}
