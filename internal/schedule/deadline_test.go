package schedule

import (
	"testing"
	"time"

	"campaign/internal/campaign"
)

func TestDeadline(t *testing.T) {
	shanghai, berlin := zone(t, "Asia/Shanghai"), zone(t, "Europe/Berlin")
	for _, test := range []struct {
		text       string
		zone       *time.Location
		occurrence string
		want       string // empty: none
	}{
		{"", shanghai, "2026-12-01T09:00:00+08:00", ""},
		{"20:00", shanghai, "2026-12-01T09:00:00+08:00", "2026-12-01T20:00:00+08:00"},
		{"20:00", shanghai, "2026-12-01T21:00:00+08:00", "2026-12-01T20:00:00+08:00"}, // is past when it begins
		{"20:00", shanghai, "2026-12-01T17:00:00Z", "2026-12-02T20:00:00+08:00"},      // the day in the zone counts
		{"00:00", shanghai, "2026-12-01T09:00:00+08:00", "2026-12-01T00:00:00+08:00"},
		{"24:00", shanghai, "2026-12-31T09:00:00+08:00", "2027-01-01T00:00:00+08:00"},
		{"02:30", berlin, "2027-03-28T01:00:00+01:00", "2027-03-28T03:00:00+02:00"}, // left out that day
		{"02:30", berlin, "2026-10-25T01:00:00+02:00", "2026-10-25T02:30:00+02:00"}, // comes twice
		{"2026-12-01T20:00", shanghai, "2020-01-01T00:00:00Z", "2026-12-01T20:00:00+08:00"},
		{"2026-12-01T20:00:30Z", shanghai, "2020-01-01T00:00:00Z", "2026-12-02T04:00:30+08:00"},
	} {
		d, problems := ReadDeadline(campaign.Clause{Text: test.text}, test.zone)
		if problems != nil || d.IsZero() != (test.want == "") || d.Daily() != (len(test.text) == 5) {
			t.Errorf("%q: %+v, %v", test.text, d, problems)
		}
		occurrence, err := time.Parse(time.RFC3339, test.occurrence)
		if err != nil {
			t.Fatal(err)
		}
		got := d.Of(occurrence)
		if test.want == "" && !got.IsZero() || test.want != "" && got.Format(time.RFC3339) != test.want {
			t.Errorf("%q of %s is %s, want %s", test.text, test.occurrence, got.Format(time.RFC3339), test.want)
		}
	}
	for _, text := range []string{"2026-02-30T20:00", "24:30", "8pm", "20", "2026-12-01"} {
		d, problems := ReadDeadline(campaign.Clause{Text: text, Pointer: "/delivery/deadline"}, shanghai)
		if len(problems) != 1 || problems[0].Rule != ruleAt || problems[0].Pointer != "/delivery/deadline" || problems[0].Warning || !d.IsZero() {
			t.Errorf("%q: %+v", text, problems)
		}
	}
}
