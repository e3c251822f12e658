package report

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"reflect"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"golang.org/x/net/html"

	"campaign/internal/campaign"
)

func pageOf(t *testing.T, m *made, language string) string {
	t.Helper()
	m.facts.Language = language
	var out bytes.Buffer
	if _, err := Print(&out, "html", m.run, m.facts, m.results()); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// skeleton lists a page's elements with the names of their attributes, and its
// texts. Their order does not matter: reasons are sorted by their text.
func skeleton(t *testing.T, page string) (elements []string, texts []string) {
	t.Helper()
	for z := html.NewTokenizer(strings.NewReader(page)); ; {
		switch z.Next() {
		case html.ErrorToken:
			if !errors.Is(z.Err(), io.EOF) {
				t.Fatal(z.Err())
			}
			slices.Sort(elements)
			return elements, texts
		case html.TextToken:
			texts = append(texts, z.Token().Data)
		case html.CommentToken:
			elements = append(elements, "comment")
		default:
			token := z.Token()
			name := token.Type.String() + " " + token.Data
			for _, a := range token.Attr {
				name += " " + a.Key
			}
			elements = append(elements, name)
		}
	}
}

func TestPageIsInert(t *testing.T) {
	for _, run := range []func(string) *made{hostileRun, hostileEnd(""), hostileEnd("aborted: "), hostileEnd("stage-waits: ")} {
		for _, language := range []string{"en", "zh"} {
			want, _ := skeleton(t, pageOf(t, run("harmless"), language))
			for _, text := range append(slices.Clone(hostile), "=HYPERLINK(1)", `"><script>alert(1)</script>`, `' onload='alert(1)`, "😀", "{{.}}", "</pre></title></style></script>") {
				got, texts := skeleton(t, pageOf(t, run(text), language))
				if !slices.Equal(got, want) {
					t.Errorf("%q changes the page", text)
				}
				for _, s := range texts {
					for _, char := range s {
						if !unicode.IsPrint(char) && char != '\n' && char != '\t' {
							t.Errorf("%q leaves %U in %q", text, char, s)
						}
					}
				}
			}
		}
	}
}

// What loads something, or could.
var loads = regexp.MustCompile(`(?i)<(link|img|iframe|object|embed|base|form|video|audio|source|use)\b|@import|url\(|\b(src|srcset|action|xlink:href)=|https?://[^ <]*["')]|fetch\(|XMLHttpRequest|import\(`)

func TestPageLoadsNothing(t *testing.T) {
	for name, m := range goldenRuns() {
		got := pageOf(t, m, "en")
		if at := loads.FindString(got); at != "" {
			t.Errorf("%s: %q", name, at)
		}
		for _, want := range []string{"default-src 'none'", digestSource(pageStyle), digestSource(pageScript), "<main>", "<h1>", `<html lang="en">`} {
			if !strings.Contains(got, want) {
				t.Errorf("%s lacks %q", name, want)
			}
		}
		if n := strings.Count(got, "<script"); n != 1 {
			t.Errorf("%s has %d scripts", name, n)
		}
	}
}

// Every sentence has a form in every language.
func TestWordsAreComplete(t *testing.T) {
	for _, w := range []*words{english, chinese} {
		complete(t, w.lang, reflect.ValueOf(*w), reflect.ValueOf(*english))
	}
	if got := slices.Sorted(keysOf(stops)); len(got) == 0 {
		t.Fatal("no words of the runner")
	}
	for word, stop := range stops {
		if stop.reason != "" && chinese.because(stop.reason) == stop.reason {
			t.Errorf("%s: no Chinese for %q", word, stop.reason)
		}
	}
	for reason, want := range map[string]string{
		"stage 2 is settled and waits for a person":                      "第 2 阶段已结束，等待人工确认",
		"the delivery window is closed until 2026-12-02 08:30:00 +08:00": "不在发送时段内，下次开启：2026-12-02 08:30:00 +08:00",
		"the upstream is not available: HTTP 503":                        "平台不可用：HTTP 503",
		"stage 1: 3 of 10 requests were rejected":                        "stage 1: 3 of 10 requests were rejected",
	} {
		if got := chinese.because(reason); got != want || english.because(reason) != reason {
			t.Errorf("%q reads %q", reason, got)
		}
	}
	if in("zh") != chinese || in("en") != english || in("") != english {
		t.Error("a language has the words of another")
	}
}

func keysOf[K comparable, V any](m map[K]V) iter.Seq[K] {
	return func(yield func(K) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// optional are the maps that need no entry where the English word will do.
var optional = []string{"codes", "reasons", "reasonsFrom", "stageSettled"}

func complete(t *testing.T, at string, v, like reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		if v.String() == "" && like.String() != "" || like.String() == "" {
			t.Errorf("%s is empty", at)
		}
		if got, want := strings.Count(v.String(), "%"), strings.Count(like.String(), "%"); got != want {
			t.Errorf("%s takes %d values and the English %d: %q", at, got, want, v.String())
		}
	case reflect.Array:
		for i := range v.Len() {
			complete(t, fmt.Sprint(at, i), v.Index(i), like.Index(i))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			name := v.Type().Field(i).Name
			if !slices.Contains(optional, name) {
				complete(t, at+" "+name, v.Field(i), like.Field(i))
			}
		}
	case reflect.Map:
		for _, k := range like.MapKeys() {
			if !v.MapIndex(k).IsValid() {
				t.Errorf("%s lacks %v", at, k)
				continue
			}
			complete(t, fmt.Sprint(at, k), v.MapIndex(k), like.MapIndex(k))
		}
	default:
		t.Errorf("%s is a %s", at, v.Kind())
	}
}

// How an invocation ended is said in words, in the page's language.
func TestEndedInWords(t *testing.T) {
	for note, want := range map[string][2]string{
		"complete":                        {"complete", "已完成"},
		"interrupted":                     {"by a signal", "收到终止信号"},
		"upstream-unavailable: HTTP 503":  {"the upstream is not available: HTTP 503", "平台不可用：HTTP 503"},
		"something: that nobody knows of": {"something: that nobody knows of", "something: that nobody knows of"},
	} {
		if got := [2]string{english.ended(note), chinese.ended(note)}; got != want {
			t.Errorf("%q reads %q", note, got)
		}
	}
}

// No sentence of the Chinese page is left in English, and none has lost a value.
func TestPageInChinese(t *testing.T) {
	for name, m := range goldenRuns() {
		got := pageOf(t, m, "zh")
		if strings.Contains(got, "%!") || strings.Contains(pageOf(t, m, "en"), "%!") {
			t.Errorf("%s: a sentence lacks a value", name)
		}
		if !strings.Contains(got, `<html lang="zh-CN">`) || !strings.Contains(got, "结论") {
			t.Errorf("%s is not Chinese", name)
		}
		for _, english := range []string{"accepted by the platform", "left out", "Who needs attention", "It can go on"} {
			if strings.Contains(got, english) {
				t.Errorf("%s says %q", name, english)
			}
		}
		if strings.Contains(got, "已送达") {
			t.Errorf("%s claims that something was delivered", name)
		}
	}
}

func TestPageShowsIdsOnlyWhenAsked(t *testing.T) {
	m := goldenRuns()["mixed"]
	const id = "2fb5c7c3-0000-4000-8000-000000000005"
	if strings.Contains(pageOf(t, m, "en"), id) {
		t.Error("an id stands in the page")
	}
	m.facts.ShowRecipients = true
	if !strings.Contains(pageOf(t, m, "en"), id) {
		t.Error("the page does not show the id that was asked for")
	}
}

// A page is small and made in little memory whatever a run was like: here
// everybody was refused, and each refusal reads differently.
func TestPageIsBounded(t *testing.T) {
	const blocks, size = 100, 1000
	run, results := refusedRun(blocks, size)
	m := newMade()
	m.facts.Sources = []Source{{Path: "a.yaml", Text: strings.Repeat("长\n", 1<<20)}, {Path: "b.html", Text: strings.Repeat("<", 1<<20)}}
	m.facts.Exchanges = func(yield func(campaign.Exchange, error) bool) {
		for i := range int64(blocks * size) {
			if !yield(campaign.Exchange{Part: campaign.Part{Seq: i}, Began: at(float64(i)), Ended: at(float64(i) + float64(i%100)), Outcome: campaign.Rejected}, nil) {
				return
			}
		}
	}
	before, peak, n := heapInUse(), uint64(0), 0
	watched := func(yield func(campaign.BlockResults, error) bool) {
		for b, err := range results {
			if n++; n%50 == 0 {
				peak = max(peak, heapInUse())
			}
			if !yield(b, err) {
				return
			}
		}
	}
	var out bytes.Buffer
	r, err := Print(&out, "html", run, m.facts, watched)
	if err != nil {
		t.Fatal(err)
	}
	if r.Recipients.Rejected != blocks*size || len(r.Timeline.Buckets) > maxBuckets || len(r.Slowest) != maxSlowest {
		t.Errorf("%d rejected, %d buckets, %d slowest", r.Recipients.Rejected, len(r.Timeline.Buckets), len(r.Slowest))
	}
	if out.Len() > 2<<20 || peak > before+16<<20 {
		t.Errorf("the page has %d bytes and took %d bytes of memory", out.Len(), peak-before)
	}
	if !strings.Contains(out.String(), "100,000 rejected: 250 listed, and 99,750 more") {
		t.Error("the page does not say how many it leaves out")
	}
}

func heapInUse() uint64 {
	runtime.GC()
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return s.HeapAlloc
}

// refusedRun is a run of requests for one recipient each that were all refused.
func refusedRun(blocks, size int64) (campaign.Run, iter.Seq2[campaign.BlockResults, error]) {
	run := newMade().run
	run.Totals = campaign.Totals{Blocks: blocks, Requests: blocks * size, Recipients: blocks * size}
	return run, func(yield func(campaign.BlockResults, error) bool) {
		for n := range blocks {
			b := campaign.BlockResults{Block: campaign.Block{Seq: n}}
			for i := range size {
				seq := n*size + i
				b.Block.Deliveries = append(b.Block.Deliveries, campaign.Delivery{Seq: seq, Recipients: []campaign.Recipient{
					{Row: seq + 2, Cells: []string{fmt.Sprintf("%s%09d", strings.Repeat("&", 200), seq)}}}})
				b.Results = append(b.Results, refused(fmt.Sprintf("code-%d: %s%d", seq%1000, strings.Repeat("<>", 150), seq), float64(seq)))
				b.Results[i].Part.Seq = seq
			}
			if !yield(b, nil) {
				return
			}
		}
	}
}

func TestTimelineKeepsItsSum(t *testing.T) {
	var tl timeline
	for i := range 5000 {
		when := t0.Add(time.Duration((i*7919)%86400) * time.Second) // in no order
		tl.answer(when, campaign.Outcomes[i%3])
		tl.exchange(campaign.Exchange{Part: campaign.Part{Seq: int64(i)}, Began: when.Add(-time.Duration(i) * time.Millisecond), Ended: when})
	}
	table := tl.table(zone)
	var answers campaign.Counts
	exchanges := int64(0)
	for i, b := range table.Buckets {
		answers.Planned += b.Answers.Planned
		for _, o := range campaign.Outcomes {
			answers.Add(o, b.Answers.Of(o))
		}
		exchanges += b.Exchanges
		if i > 0 && b.At.Sub(table.Buckets[i-1].At).Seconds() < float64(table.Seconds) {
			t.Error("two stretches overlap")
		}
		if b.Median > b.High || b.High > b.Longest {
			t.Errorf("%+v", b)
		}
	}
	if len(table.Buckets) > maxBuckets || answers.Planned != 5000 || !answers.Balanced() || exchanges != 5000 {
		t.Errorf("%d buckets, %+v, %d exchanges", len(table.Buckets), answers, exchanges)
	}
	if len(tl.slow) != maxSlowest || tl.slow[0].Seconds != 4.999 || tl.slow[9].Seconds != 4.99 {
		t.Errorf("%+v", tl.slow)
	}
}

func TestSpread(t *testing.T) {
	var s spread
	for i := 1; i <= 1000; i++ {
		s.add(time.Duration(i) * time.Millisecond)
	}
	for share, want := range map[float64]float64{0.5: 0.5, 0.95: 0.95, 1: 1} {
		if got := s.below(share); got < want*0.9 || got > want*1.1 {
			t.Errorf("%v of the attempts took %v s, want %v", share, got, want)
		}
	}
	s.add(time.Hour)
	if s.below(1) > 3600 || s.longest != time.Hour || (&spread{}).below(0.5) != 0 {
		t.Error(s.below(1), s.longest)
	}
}

// Whatever the ledger says differently of a run changes the digest of its records;
// its history and the making of the report do not.
func TestRecordsDigest(t *testing.T) {
	digest := func(change func(*made)) string {
		m := goldenRuns()["mixed"]
		change(m)
		r, err := Fold(m.run, m.facts, m.results())
		if err != nil {
			t.Fatal(err)
		}
		return r.Records
	}
	was := digest(func(*made) {})
	if got := digest(func(m *made) { m.note("a", "b", "c", 1).later() }); got != was {
		t.Error("a note changes the digest")
	}
	seen := map[string]string{was: "nothing"}
	for name, change := range map[string]func(*made){
		"an outcome": func(m *made) { m.blocks[0].Results[0].Verdict.Outcome = campaign.Rejected },
		"a reason":   func(m *made) { m.blocks[0].Results[1].Verdict.Reason = "refused: 缺少必要参" },
		"a ref":      func(m *made) { m.blocks[0].Results[0].Verdict.Ref = "1002" },
		"a time":     func(m *made) { m.blocks[0].Results[0].At = at(1).Add(time.Microsecond) },
		"a status":   func(m *made) { m.blocks[0].Results[0].Verdict.Status = 201 },
		"attempts":   func(m *made) { m.blocks[0].Results[0].Attempts++ },
		"a message":  func(m *made) { m.blocks[0].Block.Deliveries[0].Digest[7]++; m.seal() },
		"the plan":   func(m *made) { m.run.PlanDigest = "0" },
		"the run":    func(m *made) { m.run.Occurrence.Label = "twice" },
		"the state":  func(m *made) { m.run.Reason = "x" },
		"reopened":   func(m *made) { m.blocks[0].Results[0].Reopened = true },
	} {
		got := digest(change)
		if other, taken := seen[got]; taken {
			t.Errorf("%s changes no more than %s", name, other)
		}
		seen[got] = name
	}
}

func TestExchangesThatCannotBeRead(t *testing.T) {
	m := goldenRuns()["good"]
	broken := errors.New("broken")
	m.facts.Exchanges = func(yield func(campaign.Exchange, error) bool) { yield(campaign.Exchange{}, broken) }
	if _, err := Fold(m.run, m.facts, m.results()); !errors.Is(err, broken) {
		t.Error(err)
	}
}
