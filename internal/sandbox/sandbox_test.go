package sandbox

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"
	"time"
)

// start returns a listening sandbox that ends with the test.
func start(t testing.TB, o Options) *Server {
	t.Helper()
	s, err := Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}

// newClient returns a client that opens a connection for each request and follows
// no redirect: what it meets is what this one request met.
func newClient(t testing.TB) *http.Client {
	transport := &http.Transport{DisableKeepAlives: true}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// reply is what a client got.
type reply struct {
	status int
	header http.Header
	body   string
}

func do(client *http.Client, r *http.Request) (reply, error) {
	response, err := client.Do(r)
	if err != nil {
		return reply{}, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return reply{response.StatusCode, response.Header, string(body)}, err
}

func request(ctx context.Context, method, url, contentType, body string) *http.Request {
	r, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		panic(err)
	}
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	return r
}

const zqtPath = "/AGCS_zqc/v3_1/msgcenter/send"

func zqtRequest(ctx context.Context, s *Server, body string) *http.Request {
	r := request(ctx, http.MethodPost, s.URL()+zqtPath, "application/json", body)
	r.Header.Set("Authorization", "Bearer a-token")
	return r
}

// zqtBodyTo builds a valid zqt body with one recipient for each id.
func zqtBodyTo(ids ...string) string {
	var to []string
	for _, id := range ids {
		to = append(to, `{"userid":"`+id+`","usertype":2,"orgid":"org-`+id+`"}`)
	}
	return `{"sendData":{"appid":"app","appname":"应用","title":"标题","body":"<p>正文</p>","msgtype":0,` +
		`"params":{"sender":"发件人","msgcategory":"通知公告","msglevel":"一般"}},` +
		`"from":{"userid":"u","usertype":1,"orgid":"o"},"to":[` + strings.Join(to, ",") + `]}`
}

func digest(body string) string {
	sum := sha256.Sum256([]byte(body))
	return hex.EncodeToString(sum[:])
}

type pair struct{ name, value string }

// multipartBody is the body of a form and its Content-Type.
func multipartBody(fields ...pair) (contentType, body string) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, f := range fields {
		if err := w.WriteField(f.name, f.value); err != nil {
			panic(err)
		}
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	return w.FormDataContentType(), b.String()
}

func pushRequest(ctx context.Context, s *Server, fields ...pair) *http.Request {
	contentType, body := multipartBody(fields...)
	return request(ctx, http.MethodPost, s.URL()+"/openapi/chuanbo/push_create", contentType, body)
}

// mustDo fails the test when there is no answer.
func mustDo(t testing.TB, client *http.Client, r *http.Request) reply {
	t.Helper()
	got, err := do(client, r)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// object decodes a JSON object.
func object(t testing.TB, text string) map[string]any {
	t.Helper()
	var value map[string]any
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		t.Fatalf("%q is not a JSON object: %v", text, err)
	}
	return value
}

// eventually waits until a state that another goroutine brings about is reached.
func eventually(t testing.TB, what string, reached func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !reached(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never happened: %s", what)
		}
	}
}

// addFault installs a fault given as text.
func addFault(t testing.TB, s *Server, text string) {
	t.Helper()
	f, err := ParseFault(text)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.AddFault(f); err != nil {
		t.Fatal(err)
	}
}
