package main

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"campaign/internal/campaign"
	"campaign/internal/daemon"
)

// What is missed is told once, by the process that decided it, to the webhooks that
// want it; one that fails changes nothing of what ticks do.
func TestMissedIsToldOnce(t *testing.T) {
	address, told := robot(t, 200, `{"errcode":0,"errmsg":"ok"}`)
	broken, refused := robot(t, 500, "")
	others, ended := robot(t, 200, "")
	t.Setenv("ROBOT", address)
	t.Setenv("BROKEN", broken)
	t.Setenv("OTHERS", others)
	dir := t.TempDir()
	write(t, dir, map[string]string{
		"targets.yaml": strings.Replace(servedTargets, "BASE_URL", "http://127.0.0.1:1", 1) + `notify:
  - {name: good, url: {env: ROBOT}, on: [missed]}
  - {name: broken, url: {env: BROKEN}}
  - {name: others, url: {env: OTHERS}, on: [ended]}
`,
		"early.yaml": notice("early", "早", "at: 2999-01-01T09:00:00Z"),
	})
	runCampaign(t, dir, []int{exitDone}, "tick") // makes the ledger
	write(t, dir, map[string]string{"late.yaml": notice("late", "晚", "at: [2026-01-05T09:00:00Z, 2026-01-06T09:00:00Z, 2999-01-01T09:00:00Z]")})
	var ticks []*process
	for range 4 {
		ticks = append(ticks, startCampaign(t, dir, "tick"))
	}
	missed, said := 0, ""
	for _, p := range ticks {
		missed += p.wants(t, exitDone, exitProblems)
		said += p.errs.String()
	}
	if missed != exitProblems || len(told()) != 1 || len(refused()) != 1 || len(ended()) != 0 {
		t.Fatalf("%d ticks missed something; told %q, %q, %q\n%s", missed, told(), refused(), ended(), said)
	}
	if want := "the webhook broken was not told: it answered HTTP 500"; strings.Count(said, want) != 1 || strings.Contains(said, "hunter2") {
		t.Errorf("they say\n%s", said)
	}
	_, body, _ := strings.Cut(told()[0], "utf-8 ")
	var n campaign.Notice
	if err := json.Unmarshal([]byte(body), &n); err != nil {
		t.Fatal(err)
	}
	n.At = time.Time{}
	want := campaign.Notice{Event: "missed", Project: "serve-0001", Profile: "default", Campaign: "late", Occurrence: "2026-01-05T09:00 UTC", State: "skipped", ExitCode: exitProblems,
		Text:   "late: 2 occurrences from 2026-01-05T09:00 UTC to 2026-01-06T09:00 UTC were missed: it was past when the schedule was first looked at",
		Reason: "missed: it was past when the schedule was first looked at", Missed: 2}
	if n != want {
		t.Errorf("told\n%+v\nwant\n%+v", n, want)
	}
	runCampaign(t, dir, []int{exitDone}, "tick")
	if len(told()) != 1 {
		t.Errorf("told again: %q", told())
	}
}

// serve tells as well, by the webhooks that stand in the file by then.
func TestServeTellsMissed(t *testing.T) {
	address, told := robot(t, 200, "")
	t.Setenv("ROBOT", address)
	s := serving(t, map[string]string{"first.yaml": notice("first", "一", "at: "+soon(3600))})
	write(t, s.dir, map[string]string{
		"targets.yaml": strings.Replace(servedTargets, "BASE_URL", s.upstream.URL(), 1) + "notify: [{name: ops, url: {env: ROBOT}}]\n",
		"second.yaml":  notice("second", "二", "at: [2026-01-05T09:00:00Z, 2999-01-01T09:00:00Z]"),
	})
	s.until("it is told", func() bool { return len(told()) == 1 })
	if code := s.end(); code != exitDone || len(told()) != 1 || !strings.Contains(told()[0], "second: the occurrence 2026-01-05T09:00 UTC was missed") {
		t.Errorf("exit code %d, told %q\n%s", code, told(), s.said)
	}
}

// Events that are no news are not told, and neither is what nobody has time for.
func TestMissedNews(t *testing.T) {
	lost := func(name string) daemon.Event {
		return daemon.Event{Kind: daemon.Ended, Slot: campaign.Slot{Campaign: name, State: campaign.SlotSkipped, Reason: campaign.SkipMissed + ": it had expired", Count: 1}}
	}
	var said, told []string
	say := func(format string, args ...any) { said = append(said, fmt.Sprintf(format, args...)) }
	by := func(hook string, tell func(context.Context, campaign.Slot)) func(campaign.Slot) []missedCall {
		return func(s campaign.Slot) []missedCall {
			return []missedCall{{hook, s, func(ctx context.Context) { tell(ctx, s) }}}
		}
	}
	n := newMissedNews(by("good", func(_ context.Context, s campaign.Slot) { told = append(told, s.Campaign) }), say)
	ran, overlap, begun := lost("ran"), lost("overlap"), lost("begun")
	ran.Slot.State, overlap.Slot.Reason, begun.Kind = campaign.SlotRan, campaign.SkipOverlap, daemon.Begun
	for _, e := range []daemon.Event{ran, overlap, begun, lost("a"), lost("b")} {
		n.event(e)
	}
	n.close(time.Minute)
	if strings.Join(told, " ") != "a b" || said != nil {
		t.Errorf("told %q, said %q", told, said)
	}

	took, lines := make(chan bool), make(chan string, 10)
	n = newMissedNews(by("dead", func(ctx context.Context, s campaign.Slot) { took <- true; <-ctx.Done() }), func(format string, args ...any) { lines <- fmt.Sprintf(format, args...) })
	n.event(lost("first"))
	<-took
	for range maxMissedNotices {
		n.waiting <- lost("next").Slot
	}
	n.waiting <- lost("last").Slot
	if got, want := <-lines, "the webhook dead was not told that last was missed: too much waits to be told"; got != want {
		t.Errorf("said %q", got)
	}
	n.close(0)
	if got, want := <-lines, "the webhook dead was not told of what was missed, 1000 occurrences: this process ends"; got != want {
		t.Errorf("said %q", got)
	}
}

// A webhook that hangs keeps no other one from what it is to be told.
func TestMissedOfOneThatHangs(t *testing.T) {
	told, began := make(chan string, 10), make(chan bool)
	var said []string
	n := newMissedNews(func(s campaign.Slot) []missedCall {
		return []missedCall{
			{"dead", s, func(ctx context.Context) { began <- true; <-ctx.Done() }},
			{"good", s, func(context.Context) { told <- s.Campaign }},
		}
	}, func(format string, args ...any) { said = append(said, fmt.Sprintf(format, args...)) })
	for _, name := range []string{"a", "b", "c"} {
		n.event(daemon.Event{Kind: daemon.Decided, Slot: campaign.Slot{Campaign: name, State: campaign.SlotSkipped, Reason: campaign.SkipMissed, Count: 2}})
	}
	for _, name := range []string{"a", "b", "c"} {
		if got := <-told; got != name {
			t.Errorf("told of %s, not %s", got, name)
		}
	}
	<-began
	n.close(0)
	if want := []string{"the webhook dead was not told of what was missed, 4 occurrences: this process ends"}; !slices.Equal(said, want) {
		t.Errorf("said %q", said)
	}
}

// Nothing holds the process up beyond its time, not even what does not listen.
func TestMissedEnds(t *testing.T) {
	hangs := make(chan bool)
	defer close(hangs)
	n := newMissedNews(func(s campaign.Slot) []missedCall {
		return []missedCall{{"deaf", s, func(context.Context) { <-hangs }}}
	}, func(string, ...any) {})
	n.waiting <- campaign.Slot{}
	ended := make(chan bool)
	go func() { n.close(0); close(ended) }()
	select {
	case <-ended:
	case <-time.After(time.Minute):
		t.Fatal("it does not end")
	}
}

// A webhook beyond this machine is told once somebody has looked at it, and not any
// more when its host or the source of its address is another one.
func TestWebhookTrust(t *testing.T) {
	config := t.TempDir()
	t.Setenv("XDG_CONFIG_HOME", config)
	t.Setenv("AppData", config)
	t.Setenv("HOME", config)
	t.Setenv("CAMPAIGN_LOOPBACK_ONLY", "")
	t.Setenv("ROBOT", "https://Robot.invalid/send?key=hunter2")
	hook := campaign.Webhook{Name: "ops", URL: campaign.Credential{Env: "ROBOT"}}
	s, out := notifier(t, hook)
	guarded := func(hook campaign.Webhook) string {
		address, err := s.hookAddress(t.Context(), hook)
		if err == nil {
			err = s.guardWebhook(hook, address)
		}
		return fmt.Sprint(err)
	}
	s.warnWebhooks(t.Context(), []*todo{{}})
	s.warnWebhooks(t.Context(), nil) // nothing is sent
	s.tellWebhooks(t.Context(), campaign.Notice{Event: campaign.NoticeMissed})
	if strings.Count(out.String(), "will not be told") != 1 {
		t.Errorf("%q", out)
	}
	for _, want := range []string{"the webhook ops will not be told: nobody has trusted it on this machine", "the webhook ops was not told: nobody has trusted it on this machine"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q does not say %q", out, want)
		}
	}
	trust := trusted{}
	seen, err := s.trustWebhook(t.Context(), trust, "ops")
	if err != nil || seen != "webhook ops, at https://robot.invalid, its address from environment variable ROBOT" {
		t.Fatalf("%q, %v", seen, err)
	}
	if err := trust.write(); err != nil {
		t.Fatal(err)
	}
	if got := guarded(hook); got != "<nil>" {
		t.Errorf("trusted: %s", got)
	}
	t.Setenv("ROBOT", "https://robot.invalid/send?key=other")
	if got := guarded(hook); got != "<nil>" {
		t.Errorf("with another key: %s", got)
	}
	t.Setenv("OTHER", "https://robot.invalid/send")
	if got := guarded(campaign.Webhook{Name: "ops", URL: campaign.Credential{Env: "OTHER"}}); !strings.Contains(got, "has changed since") {
		t.Errorf("from elsewhere: %s", got)
	}
	for _, elsewhere := range []string{"https://evil.invalid/send", "http://robot.invalid/send", "https://robot.invalid:444/send"} {
		t.Setenv("ROBOT", elsewhere)
		if got := guarded(hook); !strings.Contains(got, "has changed since") {
			t.Errorf("%s: %s", elsewhere, got)
		}
	}
	if _, err := s.trustWebhook(t.Context(), trust, "nobody"); exitCode(err) != exitUsage || !strings.Contains(err.Error(), "there are ops") {
		t.Errorf("%v", err)
	}
	s.decl.Notify[0].URL = campaign.Credential{File: filepath.Join("no", "file")}
	if _, err := s.trustWebhook(t.Context(), trust, "ops"); exitCode(err) != exitProblems {
		t.Errorf("%v", err)
	}
	s.decl.Notify = nil
	if _, err := s.trustWebhook(t.Context(), trust, "ops"); exitCode(err) != exitUsage || !strings.Contains(err.Error(), "no webhooks") {
		t.Errorf("%v", err)
	}
}
