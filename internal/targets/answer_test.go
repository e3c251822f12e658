package targets

import (
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"pgregory.net/rapid"

	"campaign/internal/campaign"
)

func TestRetryAfter(t *testing.T) {
	const now = "Tue, 01 Dec 2026 01:00:00 GMT"
	const decade = 10 * 365 * 24 * time.Hour
	for _, c := range []struct {
		values []string
		date   string
		want   time.Duration
		ok     bool
	}{
		{nil, now, 0, false},
		{[]string{""}, now, 0, false},
		{[]string{"soon"}, now, 0, false},
		{[]string{"-5"}, now, 0, false},
		{[]string{"1.5"}, now, 0, false},
		{[]string{"0"}, "", 0, true},
		{[]string{" 120 "}, "", 2 * time.Minute, true},
		{[]string{"99999999999"}, "", decade, true},
		{[]string{strings.Repeat("9", 40)}, "", decade, true},
		{[]string{"Tue, 01 Dec 2026 01:00:45 GMT"}, now, 45 * time.Second, true},
		{[]string{"Tuesday, 01-Dec-26 01:00:45 GMT"}, now, 45 * time.Second, true},
		{[]string{"Tue Dec  1 01:00:45 2026"}, now, 45 * time.Second, true},
		{[]string{"Tue, 01 Dec 2026 00:00:00 GMT"}, now, 0, true},
		{[]string{"Tue, 01 Dec 2099 00:00:00 GMT"}, now, decade, true},
		{[]string{"Tue, 01 Dec 2026 01:00:45 GMT"}, "", 0, true},
		{[]string{"Tue, 01 Dec 2026 01:00:45 GMT"}, "yesterday", 0, true},
		{[]string{"5", "60", "rubbish", "Tue, 01 Dec 2026 01:00:45 GMT"}, now, time.Minute, true},
	} {
		h := http.Header{}
		for _, value := range c.values {
			h.Add("Retry-After", value)
		}
		if c.date != "" {
			h.Set("Date", c.date)
		}
		if got, ok := RetryAfter(h); got != c.want || ok != c.ok {
			t.Errorf("%q at %q: %s %t, want %s %t", c.values, c.date, got, ok, c.want, c.ok)
		}
	}
	if after, ok := RetryAfter(nil); after != 0 || ok {
		t.Errorf("no headers: %s %t", after, ok)
	}
}

// Over every status: what is deferred, and nothing is accepted or rejected.
func TestJudgeStatus(t *testing.T) {
	for status := range 1000 {
		for _, header := range []http.Header{nil, {"Retry-After": {"9"}}} {
			v := JudgeStatus(Answer{Status: status, Header: header}, []int{200, 503, 530})
			want := campaign.Unknown
			switch status {
			case 425, 429, 503, 530:
				want = campaign.Deferred
			}
			if v.Outcome != want || v.Status != status || v.Ref != "" {
				t.Errorf("HTTP %d: %+v", status, v)
			}
			if wait := v.After == 9*time.Second; wait != (header != nil && want == campaign.Deferred) {
				t.Errorf("HTTP %d waits %s", status, v.After)
			}
		}
	}
	reasons := map[int]string{429: "too-many-requests: HTTP 429", 425: "too-early: HTTP 425", 503: "not-accepted: HTTP 503", 502: "unexpected-answer: HTTP 502, no content type, 0 bytes"}
	for status, want := range reasons {
		if got := JudgeStatus(Answer{Status: status}, []int{503}).Reason; got != want {
			t.Errorf("HTTP %d: %q", status, got)
		}
	}
}

func TestObject(t *testing.T) {
	for text, want := range map[string]bool{
		`{}`: true, ` {"a": 1, "b": {"a": [1]}} ` + "\n": true,
		``: false, `[]`: false, `"a"`: false, `null`: false, `{} {}`: false, `{"a":1}x`: false, `{"a":1,}`: false, `{"a" 1}`: false, `{a:1}`: false,
		`{"a":1,"a":1}`: false, `{"a":1,"\u0061":2}`: false, `{"a":1`: false, "\ufeff{}": false, `{"a":01}`: false,
	} {
		object, ok := Object([]byte(text))
		if ok != want || ok != (object != nil) {
			t.Errorf("%s: %v %t", text, object, ok)
		}
	}
	object, _ := Object([]byte(` { "status" : 200 , "oK":true}`))
	if string(object["status"]) != "200" || string(object["oK"]) != "true" || object["ok"] != nil {
		t.Errorf("%q", object)
	}
}

func TestScalars(t *testing.T) {
	for text, want := range map[string]bool{"0": true, "-7": true, "9223372036854775807": true, "9223372036854775808": false,
		"-0": false, "1.0": false, "1e0": false, `"1"`: false, "+1": false, "01": false, "": false, "null": false} {
		if _, ok := Integer([]byte(text)); ok != want {
			t.Errorf("Integer(%s) is %t", text, ok)
		}
	}
	for text, want := range map[string]string{`"a\u4e00"`: "a一", `""`: ""} {
		if got, ok := String([]byte(text)); got != want || !ok {
			t.Errorf("String(%s) is %q", text, got)
		}
	}
	for _, text := range []string{"", "1", "null", "{}", `"open`} {
		if got, ok := String([]byte(text)); got != "" || ok {
			t.Errorf("String(%s) is %q", text, got)
		}
	}
	for text, want := range map[string]string{"": "", "null": "", "12": "12", `"a\nb"`: "a b", `{ "id" : [1, 2] }`: `{"id":[1,2]}`, "{": ""} {
		if got := Reference([]byte(text)); got != want {
			t.Errorf("Reference(%s) is %q", text, got)
		}
	}
}

func TestClean(t *testing.T) {
	for text, want := range map[string]string{
		"": "", "缺少必要参数": "缺少必要参数", " a \r\n\t b ": "a b", "\x1b[31mred\x00": "[31mred", "a\u202eb\u200bc": "a b c", "a\xffb": "a\ufffdb",
		"全角\u3000空格": "全角 空格", strings.Repeat("长", 200): strings.Repeat("长", 199) + "…", strings.Repeat("长", 199): strings.Repeat("长", 199),
	} {
		if got := Clean(text); got != want {
			t.Errorf("%q gives %q, want %q", text, got, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		got := Clean(string(rapid.SliceOf(rapid.Byte()).Draw(t, "text")) + rapid.StringN(0, 300, -1).Draw(t, "more"))
		if utf8.RuneCountInString(got) > ReasonLimit || !utf8.ValidString(got) || strings.ContainsFunc(got, unicode.IsControl) || strings.TrimSpace(got) != got {
			t.Fatalf("%q", got)
		}
	})
}
