package sandbox

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestParseFault(t *testing.T) {
	for text, want := range map[string]Fault{
		"reset-after:times=3,after=10,system=zqt": {Kind: "reset-after", Times: 3, After: 10, System: "zqt"},
		"503:retry-after=2s, every=5":             {Kind: "503", RetryAfter: 2 * time.Second, Every: 5},
		"429":                                     {Kind: "429", RetryAfter: time.Second},
		"refuse:for=1.5s":                         {Kind: "refuse", For: 1500 * time.Millisecond, Times: 1},
		"refuse:times=4":                          {Kind: "refuse", Times: 4},
		"poison:recipient=a|b":                    {Kind: "poison", Recipients: []string{"a", "b"}, Message: "缺少必要参数"},
		"drip":                                    {Kind: "drip", Interval: 100 * time.Millisecond, Bytes: 1},
		"latency:delay=1s,jitter=2s,seed=7,probability=0.25":  {Kind: "latency", Delay: time.Second, Jitter: 2 * time.Second, Seed: 7, Probability: 0.25},
		"redirect:to=http://[::1]:80/,status=308,accept=true": {Kind: "redirect", To: "http://[::1]:80/", Status: 308, Accept: true},
		"unauthorized:system=oauth":                           {Kind: "unauthorized", System: "oauth"},
		"500:endpoint=token":                                  {Kind: "500", Endpoint: "token"},
	} {
		got, err := ParseFault(text)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v %s", text, err, diff)
		}
		// Every form reads back what MarshalJSON writes.
		data, err := json.Marshal(got)
		if err != nil {
			t.Fatal(err)
		}
		var again Fault
		if err := json.Unmarshal(data, &again); err != nil || cmp.Diff(got, again) != "" {
			t.Errorf("%s: %v %s", data, err, cmp.Diff(got, again))
		}
	}
}

func TestParseFaultRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"":                                 `unknown fault "": use one of refuse, reset-before`,
		"reset":                            `unknown fault "reset"`,
		"stall:":                           `"" is not key=value`,
		"stall:times":                      `"times" is not key=value`,
		"stall:times=1,times=2":            "times is given twice",
		"stall:times=x":                    "times=x: use a whole number",
		"stall:times=-1":                   "must not be negative",
		"stall:after=-1":                   "must not be negative",
		"stall:for=3":                      "for=3: use a duration such as 200ms or 2s",
		"stall:for=-3s":                    "must not be negative",
		"stall:delay=1s":                   "fault stall takes no delay=: it takes for",
		"reset-after:bytes=1":              "fault reset-after takes no bytes=",
		"stall:nonsense=1":                 `unknown key "nonsense"`,
		"stall:probability=0":              "probability=0: use a number over 0, up to 1",
		"stall:probability=1.1":            "use a number over 0, up to 1",
		"stall:probability=NaN":            "use a number over 0, up to 1",
		"stall:seed=-1":                    "seed=-1: use a whole number",
		"stall:system=sms":                 "system=sms: use one of zqt, chuanbo, oauth",
		"stall:endpoint=sms":               "endpoint=sms: use one of send, group_list, push_create, token",
		"stall:endpoint=send,system=oauth": "endpoint=send belongs to system zqt",
		"code:system=zqt":                  "system=zqt: use one of chuanbo",
		"code:endpoint=send":               "belongs to system zqt",
		"unauthorized:system=chuanbo":      "system=chuanbo: use one of zqt, oauth",
		"429:retry-after=1500ms":           "whole seconds only",
		"429:accept=true":                  "takes no accept=",
		"500:accept=maybe":                 "use true or false",
		"latency":                          "give delay= or jitter=",
		"poison":                           "give recipient=",
		"poison:recipient=":                "an id is empty",
		"poison:recipient=a||b":            "an id is empty",
		"redirect":                         "give an http URL on a loopback address",
		"redirect:to=http://example.com":   "give an http URL on a loopback address",
		"redirect:to=ftp://127.0.0.1":      "give an http URL on a loopback address",
		"redirect:to=http://127.0.0.1,status=200": "use 301, 302, 303, 307 or 308",
		"garbage:status=99":                       "use 200 to 599",
		"truncate:bytes=-1":                       "must not be negative",
	} {
		if _, err := ParseFault(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", text, err, want)
		}
	}
}

func TestFaultJSON(t *testing.T) {
	for text, want := range map[string]Fault{
		`{"kind":"stall","times":2,"probability":0.5,"for":"2s"}`:    {Kind: "stall", Times: 2, Probability: 0.5, For: 2 * time.Second},
		`{"kind":"poison","recipient":["a","b,c"],"message":"x, y"}`: {Kind: "poison", Recipients: []string{"a", "b,c"}, Message: "x, y"},
		`{"kind":"garbage","body":"{\"status\":200,\"oK\":false}"}`:  {Kind: "garbage", Status: 200, Body: `{"status":200,"oK":false}`},
		`{"kind":"500","accept":true}`:                               {Kind: "500", Accept: true},
		`"500:accept=true"`:                                          {Kind: "500", Accept: true},
	} {
		var got Fault
		if err := json.Unmarshal([]byte(text), &got); err != nil || cmp.Diff(want, got) != "" {
			t.Errorf("%s: %v %s", text, err, cmp.Diff(want, got))
		}
	}
	for text, want := range map[string]string{
		`{}`: `unknown fault ""`, `1`: "a JSON object or a string", `null`: `unknown fault ""`,
		`{"kind":"stall","times":[1]}`: "only recipient may be an array", `{"kind":"stall","for":{}}`: "use a string, a number or a boolean",
		`{"kind":"stall","x":1}`: `unknown key "x"`, `{"kind":"poison","recipient":["a",{}]}`: "use a string", `"x"`: `unknown fault "x"`,
	} {
		var got Fault
		if err := json.Unmarshal([]byte(text), &got); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v", text, err)
		}
	}
}

// fires returns for which of n requests a fault acts.
func fires(t *testing.T, text string, n int) (at []int) {
	t.Helper()
	f, err := ParseFault(text)
	if err != nil {
		t.Fatal(err)
	}
	var l faultList
	if _, act := l.add(f); act {
		at = append(at, 0)
	}
	for i := 1; i <= n; i++ {
		if c := l.choose(send, nil); c.end != nil || c.delay > 0 || c.drip != nil || c.pull != nil {
			at = append(at, i)
		}
	}
	return at
}

func TestSelection(t *testing.T) {
	for text, want := range map[string][]int{
		"500":                              {1, 2, 3, 4, 5, 6, 7, 8, 9},
		"500:times=2":                      {1, 2},
		"500:after=7":                      {8, 9},
		"500:every=4":                      {1, 5, 9},
		"500:after=1,every=3,times=2":      {2, 5},
		"500:recipient=x":                  nil,
		"500:endpoint=token":               nil,
		"500:system=chuanbo":               nil,
		"latency:delay=1s,after=1,times=2": {2, 3},
		"drip:every=8":                     {1, 9},
		// A lever acts between two requests: after the one that is named here.
		"expire-tokens":                  {0},
		"expire-tokens:after=3":          {3},
		"expire-tokens:times=3":          {0, 1, 2},
		"refuse:times=3,every=4,after=1": {1, 5, 9},
	} {
		if got := fires(t, text, 9); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", text, got, want)
		}
	}
}

func TestProbability(t *testing.T) {
	const n = 10000
	first := fires(t, "500:probability=0.2,seed=1", n)
	if share := float64(len(first)) / n; math.Abs(share-0.2) > 0.02 {
		t.Errorf("fired for a share of %v", share)
	}
	if !slices.Equal(first, fires(t, "500:probability=0.2,seed=1", n)) {
		t.Error("the same seed chooses otherwise")
	}
	if slices.Equal(first, fires(t, "500:probability=0.2,seed=2", n)) {
		t.Error("another seed chooses the same")
	}
	if got := fires(t, "500:probability=1", 3); len(got) != 3 {
		t.Errorf("probability 1 fires %v", got)
	}
}

func TestFaultsActInTheirOrder(t *testing.T) {
	var l faultList
	for _, text := range []string{"latency:delay=1s", "500:times=1", "latency:delay=2s", "drip:bytes=5", "drip:bytes=6", "503:times=1,after=1"} {
		f, err := ParseFault(text)
		if err != nil {
			t.Fatal(err)
		}
		l.add(f)
	}
	var got []string
	for range 4 {
		c := l.choose(send, nil)
		line := c.delay.String()
		if c.drip != nil {
			line += " drip " + strings.Repeat("x", c.drip.Bytes)
		}
		if c.end != nil {
			line += " " + c.end.Kind
		}
		got = append(got, line)
	}
	// The 500 takes the first request, which the faults behind it never see.
	want := []string{"1s 500", "3s drip xxxxxx", "3s drip xxxxxx 503", "3s drip xxxxxx"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	var seen []int
	for _, s := range l.states() {
		seen = append(seen, s.Seen)
	}
	if !slices.Equal(seen, []int{4, 4, 3, 3, 3, 3}) {
		t.Errorf("seen %v", seen)
	}
}

func TestJitterVariesWithinItsBounds(t *testing.T) {
	var l faultList
	l.add(Fault{Kind: "latency", Delay: time.Second, Jitter: time.Second})
	different := map[time.Duration]bool{}
	for range 100 {
		d := l.choose(send, nil).delay
		if d < time.Second || d > 2*time.Second {
			t.Errorf("waits %v", d)
		}
		different[d] = true
	}
	if len(different) < 90 {
		t.Errorf("%d different delays of 100", len(different))
	}
}

func TestFaultKindsAreDescribed(t *testing.T) {
	for _, k := range FaultKinds() {
		if k.Help == "" || k.Name == "" {
			t.Errorf("%+v has no help", k)
		}
		for _, key := range k.Keys {
			if !slices.ContainsFunc(faultKeys, func(f faultKey) bool { return f.name == key }) {
				t.Errorf("%s names the unknown key %s", k.Name, key)
			}
		}
	}
}
