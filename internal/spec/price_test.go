package spec

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"campaign/internal/campaign"
)

func TestPrice(t *testing.T) {
	const text = `version: 1
targets:
  media:
    system: chuanbo
    base_url: http://127.0.0.1:8080
    connect_no: {env: CONNECT_NO}
    price: PRICE
`
	for price, want := range map[string]*campaign.Price{
		"{sms: 0.05}": {Currency: "CNY", Each: map[string]campaign.Money{campaign.KindSMS: 500}},
		"{sms: 0.0525, voice: 12, notification: 0, currency: USD}": {Currency: "USD",
			Each: map[string]campaign.Money{campaign.KindSMS: 525, campaign.KindVoice: 120_000, campaign.KindNotification: 0}},
	} {
		p, _, diags := LoadTargets(files("targets.yaml", strings.Replace(text, "PRICE", price, 1)), "targets.yaml")
		noDiagnostics(t, diags)
		if diff := cmp.Diff(want, p.Profiles[defaultProfile].Targets["media"].Price); diff != "" {
			t.Errorf("%s (-want +got):\n%s", price, diff)
		}
	}
}

// A schedule that is due once may have one instant as its deadline.
func TestDeadlineOfASchedule(t *testing.T) {
	for schedule, deadline := range map[string]string{
		`{at: "2026-12-01T09:00"}`:   "2026-12-01T20:00",
		`{at: ["2026-12-01T09:00"]}`: "2026-12-01T20:00Z",
		`{cron: "0 9 * * *"}`:        "24:00",
	} {
		_, _, diags := LoadCampaign(files("a.yaml", base+"delivery: {deadline: "+deadline+"}\nschedule: "+schedule+"\n"), "a.yaml")
		noDiagnostics(t, diags)
	}
}
