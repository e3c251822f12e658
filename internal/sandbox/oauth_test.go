package sandbox

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"
)

func tokenRequest(ctx context.Context, s *Server, body string) *http.Request {
	return request(ctx, http.MethodPost, s.URL()+"/oauth/token", "application/x-www-form-urlencoded", body)
}

// fetchToken gets a token with the client's id and secret in the body.
func fetchToken(t *testing.T, s *Server) string {
	t.Helper()
	got := mustDo(t, newClient(t), tokenRequest(t.Context(), s, "grant_type=client_credentials&client_id=id&client_secret=a+secret%2B"))
	token, _ := object(t, got.body)["access_token"].(string)
	if got.status != 200 || token == "" {
		t.Fatalf("got %d %s", got.status, got.body)
	}
	return token
}

func sendStatus(t *testing.T, s *Server, token string) int {
	t.Helper()
	r := zqtRequest(t.Context(), s, zqtBodyTo("a"))
	r.Header.Set("Authorization", "Bearer "+token)
	return mustDo(t, newClient(t), r).status
}

func TestToken(t *testing.T) {
	const grant = "grant_type=client_credentials"
	for _, test := range []struct {
		name, body string
		basic      []string
		change     func(*http.Request)
		status     int
		err        string
	}{
		{"body", grant + "&client_id=id&client_secret=a+secret%2B&scope=x", nil, nil, 200, ""},
		{"basic, form-encoded", grant, []string{"id", "a+secret%2B"}, nil, 200, ""},
		{"basic and body", grant + "&client_id=id&client_secret=a+secret%2B", []string{"id", "a+secret%2B"}, nil, 400, "invalid_request"},
		{"wrong secret", grant + "&client_id=id&client_secret=b", nil, nil, 401, "invalid_client"},
		{"wrong id", grant + "&client_id=di&client_secret=a+secret%2B", nil, nil, 401, "invalid_client"},
		{"wrong secret in basic", grant, []string{"id", "b"}, nil, 401, "invalid_client"},
		{"broken basic", grant, []string{"id", "%zz"}, nil, 400, "invalid_request"},
		{"no client", grant, nil, nil, 401, "invalid_client"},
		{"no grant type", "client_id=id&client_secret=a+secret%2B", nil, nil, 400, "unsupported_grant_type"},
		{"other grant type", "grant_type=password&client_id=id&client_secret=a+secret%2B", nil, nil, 400, "unsupported_grant_type"},
		{"twice", grant + "&" + grant + "&client_id=id&client_secret=a+secret%2B", nil, nil, 400, "invalid_request"},
		{"broken body", "%zz", nil, nil, 400, "invalid_request"},
		{"json", `{}`, nil, func(r *http.Request) { r.Header.Set("Content-Type", "application/json") }, 400, "invalid_request"},
		{"get", "", nil, func(r *http.Request) { r.Method = http.MethodGet }, 405, ""},
	} {
		s := start(t, Options{ClientID: "id", ClientSecret: "a secret+", TokenLifetime: 90 * time.Second, Tokens: []string{"static"}})
		r := tokenRequest(t.Context(), s, test.body)
		if test.basic != nil {
			r.SetBasicAuth(test.basic[0], test.basic[1])
		}
		if test.change != nil {
			test.change(r)
		}
		got := mustDo(t, newClient(t), r)
		if got.status != test.status || test.err != "" && object(t, got.body)["error"] != test.err {
			t.Errorf("%s: %d %s", test.name, got.status, got.body)
		}
		if got.status != 200 {
			if n := s.Summary().Endpoints["token"]; n != (Counts{Received: 1, Refused: 1}) {
				t.Errorf("%s: %+v", test.name, n)
			}
			continue
		}
		answer := object(t, got.body)
		token, _ := answer["access_token"].(string)
		if answer["token_type"] != "Bearer" || answer["expires_in"] != 90.0 || got.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %s", test.name, got.body)
		}
		if sendStatus(t, s, token) != 200 || sendStatus(t, s, token+"x") != 401 || sendStatus(t, s, "static") != 200 {
			t.Errorf("%s: the issued token is not the good one", test.name)
		}
		if n := s.Summary().Endpoints["token"]; n != (Counts{Received: 1, Accepted: 1}) {
			t.Errorf("%s: %+v", test.name, n)
		}
	}
}

func TestTokensEndWithTheirLifetime(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	book := newTokens(nil, time.Minute)
	token := book.issue(now)
	if !book.good(token, now.Add(time.Minute-1)) || book.good(token, now.Add(time.Minute)) || book.good("", now) {
		t.Error("a token is good for its lifetime")
	}
	if book.issue(now) == token {
		t.Error("the same token is issued twice")
	}
}

func TestEndedTokensAreForgotten(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	book := newTokens(nil, time.Minute)
	for range maxSeen + 1 {
		book.issue(now)
	}
	last := book.issue(now.Add(time.Second))
	next := book.issue(now.Add(time.Minute))
	if len(book.issued) != 2 || !book.good(last, now.Add(time.Minute)) || !book.good(next, now.Add(time.Minute)) {
		t.Errorf("%d tokens are remembered", len(book.issued))
	}
}

func TestLifetimeIsRoundedUpToSeconds(t *testing.T) {
	s := start(t, Options{TokenLifetime: 1500 * time.Millisecond})
	got := mustDo(t, newClient(t), tokenRequest(t.Context(), s, "grant_type=client_credentials&client_id=i&client_secret=s"))
	// 0 or nothing would mean that the token never ends.
	if object(t, got.body)["expires_in"] != 2.0 {
		t.Error(got.body)
	}
}

func TestExpireTokens(t *testing.T) {
	for name, static := range map[string][]string{"listed": {"one", "two"}, "any": nil} {
		t.Run(name, func(t *testing.T) {
			s := start(t, Options{Tokens: static})
			issued := fetchToken(t, s)
			addFault(t, s, "expire-tokens:after=2")
			// The second request is the last whose token is good.
			for i, want := range []int{200, 200, 401, 401} {
				token := []string{"one", issued}[i%2]
				if got := sendStatus(t, s, token); got != want {
					t.Errorf("request %d: %d, want %d", i+1, got, want)
				}
			}
			if got := sendStatus(t, s, fetchToken(t, s)); got != 200 {
				t.Errorf("a new token: %d", got)
			}
			if err := s.ClearFaults(); err != nil {
				t.Fatal(err)
			}
			if got := sendStatus(t, s, issued); got != 401 {
				t.Errorf("an expired token, after the fault was cleared: %d", got)
			}
			want := 200 // a token that was never seen, where any is good
			if static != nil {
				want = 401
			}
			if got := sendStatus(t, s, "three"); got != want {
				t.Errorf("another token: %d, want %d", got, want)
			}
			s.AddToken("one")
			if got := sendStatus(t, s, "one"); got != 200 {
				t.Errorf("a token that was added again: %d", got)
			}
		})
	}
}

func TestFaultsOfTheTokenEndpoint(t *testing.T) {
	s := start(t, Options{})
	for _, text := range []string{"500", "unauthorized:system=oauth,times=1", "503:endpoint=token,after=1,retry-after=1s,times=1"} {
		addFault(t, s, text)
	}
	var got []int
	for range 4 {
		got = append(got, mustDo(t, newClient(t), tokenRequest(t.Context(), s, "grant_type=client_credentials&client_id=i&client_secret=s")).status)
	}
	// The 500 meets the two upstreams only.
	if want := [...]int{401, 200, 503, 200}; [4]int(got) != want {
		t.Errorf("got %v, want %v", got, want)
	}
	if n := len(s.Requests()); n != 0 || strings.Contains(s.URL(), "localhost") {
		t.Errorf("%d recorded", n)
	}
}
