package sandbox

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestDuplicatesAreCounted(t *testing.T) {
	s := start(t, Options{})
	client := newClient(t)
	other := strings.Replace(zqtBodyTo("a"), `"title":"标题"`, `"title":"另一个"`, 1)
	for _, body := range []string{zqtBodyTo("a", "b"), zqtBodyTo("b", "c", "b"), other, `{}`} {
		mustDo(t, client, zqtRequest(t.Context(), s, body))
	}
	for _, groups := range []string{"1,2", "2,3", "2"} {
		mustDo(t, client, pushRequest(t.Context(), s, with(with(smsExample, "tag"), "chuanbo_group", groups)...))
	}
	got := s.Summary()
	want := Summary{
		Counts: Counts{Received: 7, Accepted: 6, Refused: 1},
		Endpoints: map[string]Counts{
			"send": {Received: 4, Accepted: 3, Refused: 1}, "push_create": {Received: 3, Accepted: 3}, "group_list": {}, "token": {}, "unknown": {},
		},
		Deliveries: 6, Distinct: 3, Duplicates: map[string]int{"a/org-a": 2, "b/org-b": 3},
		DistinctGroups: 3, DuplicateGroups: map[string]int{"2": 3}, Listening: true,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	// Two different messages to the same recipient are no duplicate.
	got = s.SummaryOf(Filter{Title: "标题"})
	if diff := cmp.Diff(map[string]int{"b/org-b": 3}, got.Duplicates); diff != "" || got.Deliveries != 5 || got.DistinctGroups != 0 {
		t.Errorf("%+v %s", got, diff)
	}
	if got = s.SummaryOf(Filter{Channel: "chuanbo.sms"}); got.Distinct != 0 || got.DuplicateGroups["2"] != 3 {
		t.Errorf("%+v", got)
	}
}

func TestRecordOverSeveralBlocks(t *testing.T) {
	const n = 2*blockSize + 100
	r := newRecord("outbox", false)
	long := strings.Repeat("长", 30000)
	for i := range n {
		p := parcel{channel: zqtMessage, title: fmt.Sprint("标题", i), to: []string{fmt.Sprintf("u%d/o", i), fmt.Sprintf("u%d/o", i/2)}}
		if i == 5000 {
			p.title = long
		}
		v := r.arrived(send, "zqt", time.Now())
		id, err := r.accept(v, send, p, "", []byte(p.title))
		r.left(v, zqtMessage, true)
		if err != nil || id != fmt.Sprintf("outbox-%d", i+1) {
			t.Fatal(id, err)
		}
	}
	all := r.requests(0, maxInt)
	if len(all) != n || len(r.trace(0, maxInt)) != n {
		t.Fatalf("%d requests, %d arrivals", len(all), len(r.trace(0, maxInt)))
	}
	for i, q := range all {
		title := fmt.Sprint("标题", i)
		if i == 5000 {
			title = long
		}
		want := []string{fmt.Sprintf("u%d/o", i), fmt.Sprintf("u%d/o", i/2)}
		if q.Seq != uint64(i+1) || q.Title != title || q.SHA256 != digest(title) || q.Size != len(title) || cmp.Diff(want, q.Recipients) != "" {
			t.Fatalf("request %d: %+v", i, q)
		}
		if i > 0 && q.At.Before(all[i-1].At) {
			t.Fatalf("request %d came before the one before it", i)
		}
	}
	if got := r.requests(blockSize-1, 3); len(got) != 3 || got[0].Seq != blockSize || got[2].Seq != blockSize+2 {
		t.Errorf("a page over the edge of a block: %+v", got)
	}
	if got := r.requests(n-1, 10); len(got) != 1 || got[0].Seq != n || len(r.requests(n, 10)) != 0 || len(r.requests(n+50, 10)) != 0 {
		t.Errorf("the last page: %+v", got)
	}
	if got := r.summary(Filter{}); got.Deliveries != 2*n || got.Distinct != n || len(got.Duplicates) != n/2 || got.Duplicates["u0/o"] != 3 || got.Duplicates["u7/o"] != 3 {
		t.Errorf("%d deliveries to %d, %d of them several times", got.Deliveries, got.Distinct, len(got.Duplicates))
	}
	r.clear()
	if got := r.summary(Filter{}); got.Accepted != 0 || got.Distinct != 0 || len(r.requests(0, maxInt)) != 0 || len(r.trace(0, maxInt)) != 0 {
		t.Errorf("after clearing: %+v", got)
	}
	if id, err := r.accept(visit{}, send, parcel{to: []string{"a/b"}}, "", nil); err != nil || id != fmt.Sprintf("outbox-%d", n+1) {
		t.Errorf("after clearing: %s, %v", id, err)
	}
	if got := r.requests(0, 10); len(got) != 1 || got[0].Seq != n+1 || len(r.requests(n+1, 10)) != 0 {
		t.Errorf("after clearing: %+v", got)
	}
}

func TestRecordIsCompact(t *testing.T) {
	const n = 20 * blockSize
	r := newRecord("outbox", false)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for i := range n {
		p := parcel{channel: zqtMessage, title: "标题", to: []string{fmt.Sprintf("2fb5c7c3-6841-4b15-9c4d-%012d/ad0f56d2-4c5a-4b02-9127-%012d", i, i)}}
		if _, err := r.accept(visit{}, send, p, "", []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	each := float64(after.HeapAlloc-before.HeapAlloc) / n
	t.Logf("%.0f bytes for a request with a recipient of its own", each)
	if each > 500 {
		t.Errorf("%.0f bytes for a request with a recipient of its own", each)
	}
	runtime.KeepAlive(r)
}

func TestRecordFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "record.ndjson")
	if err := os.WriteFile(path, []byte("{}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := start(t, Options{RecordFile: path, KeepBodies: true})
	addFault(t, s, "reset-after:after=1,times=1")
	contentType, form := multipartBody(with(smsExample, "tag")...)
	mustDo(t, newClient(t), zqtRequest(t.Context(), s, zqtExample))
	if _, err := do(newClient(t), request(t.Context(), "POST", s.URL()+"/openapi/chuanbo/push_create", contentType, form)); err == nil {
		t.Error("the fault did not fire")
	}
	mustDo(t, newClient(t), zqtRequest(t.Context(), s, `{}`))
	// The lines are there while the sandbox lives on.
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.SplitAfter(data, []byte("\n"))
	if len(lines) != 4 || string(lines[0]) != "{}\n" || len(lines[3]) != 0 {
		t.Fatalf("file: %s", data)
	}
	for i, want := range s.Requests() {
		var got Request
		if err := json.Unmarshal(lines[i+1], &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, cmp.Comparer(time.Time.Equal)); diff != "" {
			t.Error(diff)
		}
	}
	if got := s.Requests()[1]; got.Body != form || got.ContentType != contentType {
		t.Errorf("the body was not kept: %+v", got)
	}
}

// TestNothingIsAcceptedThatCannotBeRecorded takes the file away under the server.
func TestNothingIsAcceptedThatCannotBeRecorded(t *testing.T) {
	s, err := Start(Options{RecordFile: filepath.Join(t.TempDir(), "record.ndjson")})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.file.Close(); err != nil {
		t.Fatal(err)
	}
	for _, r := range []*http.Request{zqtRequest(t.Context(), s, zqtBodyTo("a")), pushRequest(t.Context(), s, with(smsExample, "tag")...)} {
		if got := mustDo(t, newClient(t), r); got.status != 500 || !strings.Contains(got.body, "write the record") {
			t.Errorf("got %d %s", got.status, got.body)
		}
	}
	if got := s.Summary(); got.Accepted != 0 || got.Refused != 2 || len(s.Requests()) != 0 {
		t.Errorf("got %+v", got.Counts)
	}
	if err := s.Close(); err == nil {
		t.Error("closing the file twice went unnoticed")
	}
}

func TestConcurrentClients(t *testing.T) {
	const clients, each = 8, 100
	path := filepath.Join(t.TempDir(), "record.ndjson")
	s := start(t, Options{RecordFile: path})
	addFault(t, s, "reset-after:every=10,times=20")
	addFault(t, s, "500:every=7")
	addFault(t, s, "drip:interval=1us,bytes=40,probability=0.1")
	var answered sync.Map
	var all sync.WaitGroup
	for c := range clients {
		all.Go(func() {
			client := newClient(t)
			for i := range each {
				// Each recipient twice: from this client and from its neighbour.
				body := zqtBodyTo(fmt.Sprintf("%d-%d", c, i), fmt.Sprintf("%d-%d", (c+1)%clients, i))
				got, err := do(client, zqtRequest(t.Context(), s, body))
				if err == nil && got.status == 200 {
					answered.Store(object(t, got.body)["data"], body)
				}
				if i%20 == 0 {
					s.Summary()
					s.Faults()
					s.RequestsSince(uint64(i), 10)
				}
			}
		})
	}
	all.Wait()
	faults := s.Faults()
	// 780 requests pass the resets, and every seventh of them is refused.
	wantFired := []int{20, (clients*each - 20 + 6) / 7}
	if faults[0].Fired != wantFired[0] || faults[1].Fired != wantFired[1] {
		t.Errorf("fired %d and %d times, want %v", faults[0].Fired, faults[1].Fired, wantFired)
	}
	got := s.Summary()
	accepted := clients*each - wantFired[1]
	if want := (Counts{Received: clients * each, Accepted: accepted, Faulted: 20 + wantFired[1]}); got.Counts != want {
		t.Errorf("counts %+v, want %+v", got.Counts, want)
	}
	times := map[string]int{}
	n, lost := 0, 0
	for i, q := range s.Requests() {
		if q.Seq != uint64(i+1) {
			t.Fatalf("seq %d at %d", q.Seq, i)
		}
		if body, ok := answered.Load(q.ID); ok {
			n++
			if digest(body.(string)) != q.SHA256 {
				t.Errorf("%s is recorded with another body", q.ID)
			}
		} else {
			lost++
		}
		for _, to := range q.Recipients {
			times[to]++
		}
	}
	if n != accepted-20 || lost != 20 {
		t.Errorf("%d answered and recorded, %d recorded only", n, lost)
	}
	duplicates := map[string]int{}
	for to, n := range times {
		if n > 1 {
			duplicates[to] = n
		}
	}
	if diff := cmp.Diff(duplicates, got.Duplicates); diff != "" || len(duplicates) == 0 {
		t.Error(diff)
	}
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for i := 1; lines.Scan(); i++ {
		var q Request
		if err := json.Unmarshal(lines.Bytes(), &q); err != nil || q.Seq != uint64(i) {
			t.Fatalf("line %d: %v, %+v", i, err, q)
		}
		accepted--
	}
	if accepted != 0 {
		t.Errorf("the file lacks %d lines", accepted)
	}
}

func BenchmarkSend(b *testing.B) {
	for _, batch := range []int{1, 100} {
		for _, file := range []string{"", filepath.Join(b.TempDir(), "record.ndjson")} {
			b.Run(fmt.Sprintf("batch=%d/file=%v", batch, file != ""), func(b *testing.B) {
				s := start(b, Options{RecordFile: file})
				ids := make([]string, batch)
				for i := range ids {
					ids[i] = fmt.Sprintf("2fb5c7c3-6841-4b15-9c4d-%012d", i)
				}
				body := zqtBodyTo(ids...)
				b.ReportAllocs()
				b.RunParallel(func(p *testing.PB) {
					client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 100}}
					defer client.CloseIdleConnections()
					for p.Next() {
						if got, err := do(client, zqtRequest(b.Context(), s, body)); err != nil || got.status != 200 {
							b.Error(got, err)
						}
					}
				})
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "requests/s")
			})
		}
	}
}
