package spec

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"campaign/internal/campaign"
)

const cn = `version: 1
name: 示例
years:
  - year: 2026
    source: 公告
    holidays: {国庆节: 2026-10-01/2026-10-03, 元旦: 2026-01-01}
    workdays: [2026-10-10]
`

func TestSchedule(t *testing.T) {
	one := func(key, text string) []campaign.Clause {
		return []campaign.Clause{{Text: text, Pointer: "/schedule/" + key}}
	}
	shanghai, _ := time.LoadLocation("Asia/Shanghai")
	for text, want := range map[string]campaign.Schedule{
		"{cron: 0 9 * * 1-5}": {Cron: one("cron", "0 9 * * 1-5"), Missed: campaign.Missed{Within: time.Hour}},
		"{cron: [0 9 * * 1, 0 9 * * 2], overlap: queue, must_change: [content], suspended: true}": {
			Cron:   []campaign.Clause{{Text: "0 9 * * 1", Pointer: "/schedule/cron/0"}, {Text: "0 9 * * 2", Pointer: "/schedule/cron/1"}},
			Missed: campaign.Missed{Within: time.Hour}, Queue: true, MustChange: true, Suspended: true,
		},
		"{at: 2026-12-01T09:00:00+08:00, overlap: forbid}": {At: one("at", "2026-12-01T09:00:00+08:00"), Missed: campaign.Missed{Within: time.Hour}},
		"{at: 2026-12-01T09:00, timezone: Asia/Shanghai, missed: {within: 10m, policy: latest}}": {
			At: one("at", "2026-12-01T09:00"), Zone: shanghai, Missed: campaign.Missed{Within: 10 * time.Minute, Policy: campaign.CatchLatest},
		},
		"{cron: 0 9 * * *, starts: 2026-12-01, ends: 2026-12-31, missed: {policy: all}}": {
			Cron:   one("cron", "0 9 * * *"),
			Starts: campaign.Date{Year: 2026, Month: 12, Day: 1}, Ends: campaign.Date{Year: 2026, Month: 12, Day: 31},
			Missed: campaign.Missed{Within: time.Hour, Policy: campaign.CatchAll},
		},
	} {
		c, _, diags := LoadCampaign(files("a.yaml", base+"schedule: "+text+"\n"), "a.yaml")
		noDiagnostics(t, diags)
		if diff := cmp.Diff(&want, c.Schedule, cmp.Comparer(func(a, b *time.Location) bool { return a.String() == b.String() }), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
	}
	c, _, diags := LoadCampaign(files("a.yaml", base+"schedule: {cron: 0 9 * * *}\ndelivery: {expires: 2h}\n"), "a.yaml")
	noDiagnostics(t, diags)
	if c.Schedule.Expires != 2*time.Hour {
		t.Errorf("expires is %v", c.Schedule.Expires)
	}
}

func TestCalendar(t *testing.T) {
	c, _, diags := LoadCampaign(files("mail/a.yaml", base+"schedule: {cron: 0 9 * * *, calendar: {file: ../calendars/cn.yaml, on: holidays}}\n"+
		"delivery: {window: {open: 08:00-12:00, calendar: {file: ../calendars/cn.yaml, on: workdays}}}\n", "calendars/cn.yaml", cn), "mail/a.yaml")
	noDiagnostics(t, diags)
	rest, work := c.Schedule.Days, c.Policy.Window.Calendar
	if rest.Pointer != "/schedule/calendar" || work.Pointer != "/delivery/window/calendar" || rest.Calendar.File != "calendars/cn.yaml" {
		t.Errorf("%+v, %+v", rest, work)
	}
	for text, off := range map[string]bool{"2026-10-01": true, "2026-10-03": true, "2026-10-04": true, "2026-10-05": false, "2026-10-10": false, "2026-10-11": true, "2026-01-01": true} {
		day, _ := campaign.ParseDate(text)
		if got, known := rest.Allows(day); got != off || !known {
			t.Errorf("%s is off: %v, %v", text, got, known)
		}
		if got, known := work.Allows(day); got == off || !known {
			t.Errorf("%s is worked on: %v, %v", text, got, known)
		}
	}
	if _, known := rest.Allows(campaign.Date{Year: 2027, Month: 1, Day: 1}); known {
		t.Error("a year that is not there is known")
	}
}
