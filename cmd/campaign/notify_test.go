package main

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"campaign/internal/campaign"
	"campaign/internal/report"
)

// robot is a webhook on this machine: what it was told, and what it answers.
func robot(t *testing.T, status int, answer string) (address string, told func() []string) {
	t.Helper()
	var mu sync.Mutex
	var bodies []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		mu.Lock()
		bodies = append(bodies, r.Method+" "+r.Header.Get("Content-Type")+" "+string(body))
		mu.Unlock()
		if status/100 == 3 {
			w.Header().Set("Location", "/elsewhere")
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, answer)
	}))
	t.Cleanup(server.Close)
	return server.URL + "/send?key=hunter2", func() []string {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(bodies)
	}
}

func notifier(t *testing.T, hooks ...campaign.Webhook) (*sender, *strings.Builder) {
	t.Helper()
	var out strings.Builder
	return &sender{
		app:     &app{stderr: &out},
		project: &project{dir: t.TempDir(), decl: &campaign.Project{Notify: hooks}},
	}, &out
}

// The three robots that people use are told, each in its own form.
func TestNotify(t *testing.T) {
	for name, c := range map[string]struct{ body, answer, want string }{
		"wecom":    {`{"msgtype": "text", "text": {"content": {{json .Text}}}}`, `{"errcode":0,"errmsg":"ok"}`, `/text/content`},
		"dingtalk": {`{"msgtype": "text", "text": {"content": {{json .Text}}}}`, `{"errcode":0,"errmsg":"ok"}`, `/text/content`},
		"feishu":   {`{"msg_type": "text", "content": {"text": {{json .Text}}}}`, `{"code":0,"msg":"success","data":{}}`, `/content/text`},
		"own":      {"", "", "/text"},
	} {
		address, told := robot(t, 200, c.answer)
		t.Setenv("ROBOT", address)
		s, out := notifier(t, campaign.Webhook{Name: name, URL: campaign.Credential{Env: "ROBOT"}, Body: c.body})
		r := report.Report{State: report.Complete, Generated: time.Now(), Recipients: campaign.Counts{Planned: 2, Accepted: 2}}
		s.notifyEnded(campaign.Run{Campaign: "notice", ID: "abc"}, r, exitDone)
		s.tellWebhooks(t.Context(), missedNotice("p", campaign.Slot{Campaign: "notice", Label: "2026-12-01T09:00", Count: 1, Reason: campaign.SkipMissed + ": it had \"expired\""}, time.Now()))
		if out.String() != "" || len(told()) != 2 {
			t.Fatalf("%s: %q, told %q", name, out, told())
		}
		for i, want := range []string{"notice: complete: 2 of 2 recipients accepted", "notice: the occurrence 2026-12-01T09:00 was missed: it had \"expired\""} {
			head, body, _ := strings.Cut(told()[i], "utf-8 ")
			var v any
			if err := json.Unmarshal([]byte(body), &v); err != nil || head != "POST application/json; charset=" {
				t.Errorf("%s: %s %v", name, told()[i], err)
			}
			for key := range strings.SplitSeq(strings.TrimPrefix(c.want, "/"), "/") {
				v = v.(map[string]any)[key]
			}
			if text, _ := v.(string); !strings.HasPrefix(text, want) {
				t.Errorf("%s is told %q", name, text)
			}
		}
	}
}

// A webhook that fails is named, its address is not, and the others are told.
func TestNotifyFails(t *testing.T) {
	for _, c := range []struct {
		status       int
		answer, want string
	}{
		{500, "", "it answered HTTP 500"},
		{302, "", "it answered HTTP 302"},
		{200, `{"errcode":93000,"errmsg":"invalid webhook url"}`, "it refused with code 93000"},
		{200, `{"code":19024,"msg":"Key Words Not Found"}`, "it refused with code 19024"},
	} {
		address, told := robot(t, c.status, c.answer)
		t.Setenv("ROBOT", address)
		s, out := notifier(t, campaign.Webhook{Name: "ops", URL: campaign.Credential{Env: "ROBOT"}})
		s.notifyEnded(campaign.Run{}, report.Report{}, exitDone)
		if !strings.Contains(out.String(), "the webhook ops was not told: "+c.want) || strings.Contains(out.String(), "hunter2") || len(told()) != 1 {
			t.Errorf("%q, told %d times", out, len(told()))
		}
	}
	address, told := robot(t, 200, "thanks")
	for value, want := range map[string]string{
		"":                                   "ROBOT",
		"hunter2":                            "its address is no http(s) URL",
		"https://good\u202e.invalid/hunter2": "its address is no http(s) URL",
		"ftp://127.0.0.1/hunter2":            "its address is no http(s) URL",
		"http://\x7f/hunter2":                "a secret is one line",
		"http://127.0.0.1:1/hunter2":         "it cannot be reached",
		"https://robot.invalid.example/?k=hunter2": "only loopback addresses may be dialled here",
	} {
		t.Setenv("CAMPAIGN_LOOPBACK_ONLY", "1")
		t.Setenv("ROBOT", value)
		t.Setenv("GOOD", address)
		s, out := notifier(t, campaign.Webhook{Name: "ops", URL: campaign.Credential{Env: "ROBOT"}}, campaign.Webhook{Name: "good", URL: campaign.Credential{Env: "GOOD"}})
		before := len(told())
		s.notifyEnded(campaign.Run{}, report.Report{}, exitDone)
		if !strings.Contains(out.String(), want) || strings.Contains(out.String(), "hunter2") || len(told()) != before+1 {
			t.Errorf("%q: %q, told %d times", value, out, len(told())-before)
		}
	}
	t.Setenv("ROBOT", address)
	s, _ := notifier(t)
	ended, end := context.WithCancel(t.Context())
	end()
	if err := s.tellWebhook(ended, campaign.Webhook{Name: "ops", URL: campaign.Credential{Env: "ROBOT"}}, campaign.Notice{}); err == nil || err.Error() != "this process ends, and it had not answered" {
		t.Errorf("%v", err)
	}
	s, out := notifier(t, campaign.Webhook{Name: "ops", URL: campaign.Credential{File: filepath.Join("no", "file")}})
	s.notifyEnded(campaign.Run{}, report.Report{}, exitDone)
	if !strings.Contains(out.String(), "the webhook ops was not told") {
		t.Errorf("%q", out)
	}
}
