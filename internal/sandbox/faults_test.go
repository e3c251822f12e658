package sandbox

import (
	"context"
	"errors"
	"io"
	"strings"
	"syscall"
	"testing"
)

// wsaRefused and wsaReset are what Windows calls ECONNREFUSED and ECONNRESET.
const (
	wsaRefused = syscall.Errno(10061)
	wsaReset   = syscall.Errno(10054)
)

func isRefused(err error) bool {
	return errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, wsaRefused)
}

// isReset also knows the broken pipe of a client that was still writing.
func isReset(err error) bool {
	return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, wsaReset) || errors.Is(err, syscall.EPIPE)
}

// TestFaultsThatAnswer has the faults whose answer arrives, or does not, by itself;
// both halves: what the client sees, and whether the request was recorded.
func TestFaultsThatAnswer(t *testing.T) {
	documentedRefusal := `{"data":"缺少必要参数","msg":"fail","status":400}` + "\n"
	for _, test := range []struct {
		fault, system string
		failed        func(error) bool // nil: an answer comes
		status        int
		header        string // name: value
		body          string
		recorded      bool
	}{
		{"reset-before", "zqt", isReset, 0, "", "", false},
		{"reset-before", "chuanbo", isReset, 0, "", "", false},
		{"reset-before:recipient=r1", "zqt", isReset, 0, "", "", false},
		{"reset-after", "zqt", isReset, 0, "", "", true},
		{"reset-after", "chuanbo", isReset, 0, "", "", true},
		{"stall:for=1ms", "zqt", isEOF, 0, "", "", false},
		{"stall-after:for=1ms", "zqt", isEOF, 0, "", "", true},
		{"stall-after:for=1ms", "chuanbo", isEOF, 0, "", "", true},
		{"truncate", "zqt", isCut, 0, "", "", true},
		{"truncate:bytes=10000", "zqt", isCut, 0, "", "", true},
		{"truncate:bytes=1", "chuanbo", isCut, 0, "", "", true},
		{"garbage", "zqt", nil, 200, "Content-Type: application/json", "<<<\x00\xff not JSON", false},
		{"garbage:accept=true", "zqt", nil, 200, "", "<<<\x00\xff not JSON", true},
		{"garbage:status=201,body={}", "chuanbo", nil, 201, "", "{}", false},
		{"html-502", "zqt", nil, 502, "Content-Type: text/html", "<h1>502 Bad Gateway</h1>", false},
		{"html-502:accept=true", "chuanbo", nil, 502, "", "<html>", true},
		{"500", "zqt", nil, 500, "", "Internal Server Error", false},
		{"500:accept=true", "zqt", nil, 500, "", "Internal Server Error", true},
		{"503", "zqt", nil, 503, "Retry-After: ", "Service Unavailable", false},
		{"503:retry-after=7s", "zqt", nil, 503, "Retry-After: 7", "", false},
		{"503:accept=true", "chuanbo", nil, 503, "Retry-After: ", "", true},
		{"429", "zqt", nil, 429, "Retry-After: 1", "Too Many Requests", false},
		{"429:retry-after=2m", "chuanbo", nil, 429, "Retry-After: 120", "", false},
		{"unauthorized", "zqt", nil, 401, "", `{"error":"invalid_token","error_description":"Invalid access token: a-token"}`, false},
		{"unauthorized:system=zqt", "chuanbo", nil, 200, "", `{"code":0,"message":"success"}`, true},
		{"expire-tokens", "zqt", nil, 200, "", `"oK":true`, true}, // no token is known yet, and any is good
		{"code", "chuanbo", nil, 200, "", `{"code":1,"message":"系统繁忙"}`, false},
		{"code:code=-3,message=余额不足", "chuanbo", nil, 200, "", `{"code":-3,"message":"余额不足"}`, false},
		{"code", "zqt", nil, 200, "", `"oK":true`, true},
		{"status-400", "zqt", nil, 400, "", documentedRefusal, false},
		{"status-400:message=x", "zqt", nil, 400, "", `"data":"x"`, false},
		{"status-400", "chuanbo", nil, 200, "", `"code":0`, true},
		{"poison:recipient=r2", "zqt", nil, 400, "", documentedRefusal, false},
		{"poison:recipient=x|r2/org-r2", "zqt", nil, 400, "", documentedRefusal, false},
		{"poison:recipient=org-r2", "zqt", nil, 200, "", `"oK":true`, true},
		{"poison:recipient=123", "chuanbo", nil, 200, "", `{"code":400,"message":"缺少必要参数"}`, false},
		{"poison:recipient=12", "chuanbo", nil, 200, "", `"code":0`, true},
		{"redirect:to=http://127.0.0.1:9/x", "zqt", nil, 307, "Location: http://127.0.0.1:9/x", "", false},
		{"redirect:to=http://localhost/x,status=302,accept=true", "chuanbo", nil, 302, "Location: http://localhost/x", "", true},
		{"latency:delay=1ms,jitter=1ms", "zqt", nil, 200, "", `"oK":true`, true},
		{"drip:interval=1us", "zqt", nil, 200, "", `"oK":true`, true},
		{"500:system=oauth", "zqt", nil, 200, "", `"oK":true`, true},
		{"500:endpoint=group_list", "chuanbo", nil, 200, "", `"code":0`, true},
		{"500:endpoint=push_create", "chuanbo", nil, 500, "", "", false},
	} {
		t.Run(test.fault+" "+test.system, func(t *testing.T) {
			s := start(t, Options{})
			addFault(t, s, test.fault)
			r := zqtRequest(t.Context(), s, zqtBodyTo("r1", "r2"))
			if test.system == "chuanbo" {
				r = pushRequest(t.Context(), s, with(smsExample, "tag")...)
			}
			got, err := do(newClient(t), r)
			if test.failed == nil {
				if err != nil || got.status != test.status || !strings.Contains(got.body, test.body) {
					t.Errorf("got %d %q, %v", got.status, got.body, err)
				}
			} else if err == nil || !test.failed(err) {
				t.Errorf("got %d %q, %v", got.status, got.body, err)
			}
			if name, value, ok := strings.Cut(test.header, ": "); ok && got.header.Get(name) != value {
				t.Errorf("%s: %q", name, got.header.Get(name))
			}
			want := Counts{Received: 1, Accepted: len(s.Requests())}
			if f := s.Faults()[0]; f.Fired == 1 && test.fault != "expire-tokens" && f.Fault.Kind != "latency" && f.Fault.Kind != "drip" {
				want.Faulted = 1
			}
			if n := s.Summary().Counts; n != want {
				t.Errorf("counts %+v, want %+v", n, want)
			}
			if recorded := len(s.Requests()) == 1; recorded != test.recorded {
				t.Errorf("recorded: %v", recorded)
			}
		})
	}
}

func isEOF(err error) bool { return errors.Is(err, io.EOF) }
func isCut(err error) bool { return errors.Is(err, io.ErrUnexpectedEOF) }

func TestStallHoldsUntilTheClientLeaves(t *testing.T) {
	for fault, accepted := range map[string]int{"stall": 0, "stall-after": 1} {
		s := start(t, Options{})
		addFault(t, s, fault)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() {
			_, err := do(newClient(t), zqtRequest(ctx, s, zqtBodyTo("a")))
			done <- err
		}()
		eventually(t, "the request is held", func() bool { return s.Summary().Holding == 1 })
		if n := len(s.Requests()); n != accepted {
			t.Errorf("%s: %d recorded", fault, n)
		}
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", fault, err)
		}
		eventually(t, "the request is let go", func() bool { return s.Summary().Holding == 0 })
	}
}

func TestCloseEndsWhatIsHeld(t *testing.T) {
	for fault, want := range map[string]Counts{
		"stall":              {Received: 1, Faulted: 1},
		"stall-after":        {Received: 1, Faulted: 1, Accepted: 1},
		"latency:delay=1h":   {Received: 1, Incomplete: 1},
		"drip:interval=1h":   {Received: 1, Accepted: 1},
		"stall:recipient=a":  {Received: 1, Faulted: 1},
		"stall-after:for=1h": {Received: 1, Faulted: 1, Accepted: 1},
	} {
		s := start(t, Options{})
		addFault(t, s, fault)
		done := make(chan error)
		go func() {
			_, err := do(newClient(t), zqtRequest(t.Context(), s, zqtBodyTo("a")))
			done <- err
		}()
		eventually(t, "the request is held", func() bool { return s.Summary().Holding == 1 })
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if err := <-done; err == nil {
			t.Errorf("%s: answered", fault)
		}
		if got := s.Summary(); got.Counts != want || got.Holding != 0 || got.Listening {
			t.Errorf("%s: %+v", fault, got)
		}
	}
}

func TestLatencyAcceptsAlthoughTheClientLeft(t *testing.T) {
	s := start(t, Options{})
	addFault(t, s, "latency:delay=1s")
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		_, err := do(newClient(t), zqtRequest(ctx, s, zqtBodyTo("a")))
		done <- err
	}()
	eventually(t, "the request is held", func() bool { return s.Summary().Holding == 1 })
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	eventually(t, "the request is accepted", func() bool { return len(s.Requests()) == 1 })
}

func TestDripSendsPieceByPiece(t *testing.T) {
	s := start(t, Options{})
	addFault(t, s, "drip:interval=1h,bytes=3")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	response, err := newClient(t).Do(zqtRequest(ctx, s, zqtBodyTo("a")))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	first := make([]byte, 100)
	n, err := response.Body.Read(first)
	if err != nil || string(first[:n]) != `{"d` || s.Summary().Holding != 1 {
		t.Errorf("got %q, %v", first[:n], err)
	}
	cancel()
	eventually(t, "the request is let go", func() bool { return s.Summary().Holding == 0 })
}

func TestDripSlowsAMadeUpAnswerToo(t *testing.T) {
	s := start(t, Options{})
	addFault(t, s, "drip:interval=1us,bytes=7")
	addFault(t, s, "html-502")
	if got := mustDo(t, newClient(t), zqtRequest(t.Context(), s, zqtBodyTo("a"))); got.status != 502 || !strings.HasSuffix(got.body, "</html>\r\n") {
		t.Errorf("got %+v", got)
	}
	for _, f := range s.Faults() {
		if f.Fired != 1 {
			t.Errorf("%s fired %d times", f.Fault.Kind, f.Fired)
		}
	}
}

func TestRedirectReachesTheOtherServerOnlyWhenFollowed(t *testing.T) {
	other, s := start(t, Options{}), start(t, Options{})
	addFault(t, s, "redirect:to="+other.URL()+zqtPath)
	if got := mustDo(t, newClient(t), zqtRequest(t.Context(), s, zqtBodyTo("a"))); got.status != 307 || len(other.Arrivals()) != 0 {
		t.Errorf("got %d, %d arrivals", got.status, len(other.Arrivals()))
	}
	follower := newClient(t)
	follower.CheckRedirect = nil
	if got := mustDo(t, follower, zqtRequest(t.Context(), s, zqtBodyTo("a"))); got.status != 200 || len(other.Requests()) != 1 || len(s.Requests()) != 0 {
		t.Errorf("got %d, %d recorded there", got.status, len(other.Requests()))
	}
}

func TestIncompleteBodyIsNotAccepted(t *testing.T) {
	s := start(t, Options{})
	body, whole := io.Pipe()
	text := zqtBodyTo("a")
	r := zqtRequest(t.Context(), s, "")
	r.Body, r.ContentLength = body, int64(len(text))+1
	done := make(chan error)
	go func() {
		_, err := do(newClient(t), r)
		done <- err
	}()
	if _, err := io.WriteString(whole, text); err != nil { // valid as it stands, but not all
		t.Fatal(err)
	}
	eventually(t, "the request is seen", func() bool { return s.Summary().Received == 1 })
	whole.CloseWithError(errors.New("the client dies"))
	if err := <-done; err == nil {
		t.Error("answered")
	}
	eventually(t, "the request is given up", func() bool { return s.Summary().Incomplete == 1 })
	if n := len(s.Requests()); n != 0 {
		t.Errorf("%d recorded", n)
	}
}
