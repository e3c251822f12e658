package sandbox

import (
	"crypto/rand"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// maxSeen bounds how many tokens of others are remembered for expire-tokens.
const maxSeen = 100_000

// tokens knows which bearer tokens are good. It is not safe for concurrent use.
type tokens struct {
	lifetime time.Duration
	static   map[string]bool      // nil: any token that is not expired is good
	issued   map[string]time.Time // by this server, with the end of each
	seen     map[string]bool      // good ones that this server did not issue
	expired  map[string]bool
}

func newTokens(static []string, lifetime time.Duration) *tokens {
	t := &tokens{lifetime: lifetime, issued: map[string]time.Time{}, seen: map[string]bool{}, expired: map[string]bool{}}
	for _, token := range static {
		t.add(token)
	}
	return t
}

// add makes token a good one from now on.
func (t *tokens) add(token string) {
	if t.static == nil {
		t.static = map[string]bool{}
	}
	t.static[token] = true
	delete(t.expired, token)
}

// good reports whether a request that comes at this time may use token.
func (t *tokens) good(token string, now time.Time) bool {
	if token == "" || t.expired[token] {
		return false
	}
	if end, ok := t.issued[token]; ok {
		return now.Before(end)
	}
	if t.static != nil {
		return t.static[token]
	}
	if len(t.seen) < maxSeen {
		t.seen[token] = true
	}
	return true
}

func (t *tokens) issue(now time.Time) string {
	if len(t.issued) > maxSeen {
		for token, end := range t.issued {
			if !now.Before(end) {
				delete(t.issued, token)
			}
		}
	}
	token := "sandbox-" + rand.Text()
	t.issued[token] = now.Add(t.lifetime)
	return token
}

// expireAll ends every token that is known: issued, configured, and, where any token is good, used.
func (t *tokens) expireAll() {
	for token := range t.issued {
		t.issued[token] = time.Time{}
	}
	for token := range t.static {
		t.expired[token] = true
	}
	for token := range t.seen {
		t.expired[token] = true
	}
}

// bearer returns the token of an Authorization header, "" when there is none.
func bearer(header http.Header) string {
	scheme, token, ok := strings.Cut(header.Get("Authorization"), " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return token
}

// token answers a request for an access token: RFC 6749, sections 2.3.1, 4.4 and 5.
func (s *Server) token(r *http.Request, body []byte) (answer, bool) {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/x-www-form-urlencoded" {
		return oauthError(http.StatusBadRequest, "invalid_request", "the body must be application/x-www-form-urlencoded"), false
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return oauthError(http.StatusBadRequest, "invalid_request", "the body cannot be read"), false
	}
	for name, values := range form {
		if len(values) > 1 {
			return oauthError(http.StatusBadRequest, "invalid_request", name+" is given twice"), false
		}
	}
	id, secret, basic := r.BasicAuth()
	if basic {
		if form.Has("client_secret") {
			return oauthError(http.StatusBadRequest, "invalid_request", "the client is authenticated twice"), false
		}
		// Both halves are form-encoded inside the header (section 2.3.1).
		if id, err = url.QueryUnescape(id); err == nil {
			secret, err = url.QueryUnescape(secret)
		}
		if err != nil {
			return oauthError(http.StatusBadRequest, "invalid_request", "the Authorization header cannot be read"), false
		}
	} else {
		id, secret = form.Get("client_id"), form.Get("client_secret")
	}
	if !matches(s.options.ClientID, id) || !matches(s.options.ClientSecret, secret) {
		return invalidClient(), false
	}
	if form.Get("grant_type") != "client_credentials" {
		return oauthError(http.StatusBadRequest, "unsupported_grant_type", "grant_type must be client_credentials"), false
	}
	s.mu.Lock()
	token := s.tokens.issue(time.Now())
	s.mu.Unlock()
	a := jsonAnswer(http.StatusOK, struct {
		Token   string `json:"access_token"`
		Type    string `json:"token_type"`
		Expires int64  `json:"expires_in"`
	}{token, "Bearer", int64((s.options.TokenLifetime + time.Second - 1) / time.Second)})
	a.header = map[string]string{"Cache-Control": "no-store"}
	return a, true
}

// matches compares with the configured value; without one any non-empty value is good.
func matches(configured, given string) bool {
	return given != "" && (configured == "" || configured == given)
}

func oauthError(status int, code, description string) answer {
	return jsonAnswer(status, struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}{code, description})
}

func invalidClient() answer {
	a := oauthError(http.StatusUnauthorized, "invalid_client", "unknown client, or wrong secret")
	a.header = map[string]string{"WWW-Authenticate": `Basic realm="sandbox"`}
	return a
}
