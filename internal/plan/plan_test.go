package plan

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"campaign/internal/campaign"
)

// shape writes blocks the way the tables below do: deliveries as [rows], skips
// as row:code, blocks separated by |.
func shape(bs []campaign.Block) string {
	var out []string
	for _, b := range bs {
		var parts []string
		for _, d := range b.Deliveries {
			var rows []string
			for _, r := range d.Recipients {
				rows = append(rows, fmt.Sprint(r.Row))
			}
			parts = append(parts, "["+strings.Join(rows, " ")+"]")
		}
		for _, s := range b.Skips {
			parts = append(parts, fmt.Sprintf("%d:%s", s.Recipient.Row, s.Reason))
		}
		out = append(out, strings.Join(parts, " "))
	}
	return strings.Join(out, " | ")
}

const five = "userid,orgid,company\na,1,X\nb,1,Y\nc,1,X\na,1,Z\nd,1,X\n"

func TestBatches(t *testing.T) {
	for _, c := range []struct {
		name   string
		text   string
		change func(*Spec)
		want   string
	}{
		{"shared", "hello", nil, "[2 3 4 6] 5:duplicate: row 2"},
		{"personalised", "hello {{ .company }}", nil, "[2 4 6] [3] 5:duplicate: row 2"},
		{"batch of 2", "hello {{ .company }}", func(s *Spec) { s.Campaign.Policy.Batch = 2 }, "[2 4] [3] [6] 5:duplicate: row 2"},
		{"batch of 0 is 1", "hello", func(s *Spec) { s.Campaign.Policy.Batch = 0 }, "[2] [3] [4] [6] 5:duplicate: row 2"},
		{"same text by another branch", `{{ if eq .company "X" }}hello{{ else }}hello{{ end }}`, nil, "[2 3 4 6] 5:duplicate: row 2"},
		{"only variables of the campaign", "{{ .campaign }}", nil, "[2 3 4 6] 5:duplicate: row 2"},
		{"no deduplication", "hello", func(s *Spec) { s.Campaign.Recipients.DedupeDefault, s.Campaign.Recipients.Dedupe = false, []string{} }, "[2 3 4 5 6]"},
		{"by organisation", "hello", func(s *Spec) {
			s.Campaign.Recipients.DedupeDefault, s.Campaign.Recipients.Dedupe = false, []string{"orgid"}
		},
			"[2] 3:duplicate: row 2 4:duplicate: row 2 5:duplicate: row 2 6:duplicate: row 2"},
		{"by another column", "hello", func(s *Spec) {
			s.Campaign.Recipients.DedupeDefault, s.Campaign.Recipients.Dedupe = false, []string{"company"}
		},
			"[2 3 5] 4:duplicate: row 2 6:duplicate: row 2"},
		{"excluded", "hello", func(s *Spec) {
			s.Campaign.Recipients.Exclude = []campaign.Exclusion{{File: "out.csv"}}
			s.Open = files{"r.csv": five, "out.csv": "userid\na\n d \n"}.open
		}, "[3 4] 2:excluded: out.csv 5:excluded: out.csv 6:excluded: out.csv"},
		{"suppressed", "hello", func(s *Spec) {
			s.Account.Suppress = []campaign.Exclusion{{File: "never.csv", Columns: map[string]string{"userid": "ID"}}}
			s.Open = files{"r.csv": five, "never.csv": "ID,orgid\nb,1\nc,2\n"}.open
		}, "[2 4 6] 3:suppressed: never.csv 5:duplicate: row 2"},
		{"excluded by the dedupe key", "hello", func(s *Spec) {
			s.Campaign.Recipients.Exclude = []campaign.Exclusion{{File: "out.csv"}}
			s.Campaign.Recipients.DedupeDefault, s.Campaign.Recipients.Dedupe = false, []string{"company"}
			s.Open = files{"r.csv": five, "out.csv": "company\nX\n"}.open
		}, "[3 5] 2:excluded: out.csv 4:excluded: out.csv 6:excluded: out.csv"},
		{"excluded by the campaign's column name", "hello", func(s *Spec) {
			s.Campaign.Recipients.Exclude = []campaign.Exclusion{{File: "out.csv"}}
			s.Campaign.Recipients.Columns = map[string]string{"userid": "用户"}
			s.Open = files{"r.csv": strings.Replace(five, "userid", "用户", 1), "out.csv": "用户\nb\n"}.open
		}, "[2 4 6] 3:excluded: out.csv 5:duplicate: row 2"},
		{"only some", "hello", func(s *Spec) { s.Account.Only = []string{"a", "c"} },
			"[2 4] 3:not-allowed: the account's only list 5:duplicate: row 2 6:not-allowed: the account's only list"},
		{"only nobody", "hello", func(s *Spec) { s.Account.Only = []string{} },
			"2:not-allowed: the account's only list 3:not-allowed: the account's only list 4:not-allowed: the account's only list 5:not-allowed: the account's only list 6:not-allowed: the account's only list"},
		{"no trial", "hello", func(s *Spec) { s.To = []string{} }, "[2 3 4 6] 5:duplicate: row 2"},
		{"a trial", "hello", func(s *Spec) { s.To = []string{"d", "a"} }, "[2 6] 5:duplicate: row 2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			spec := base(five, c.text)
			if c.change != nil {
				c.change(&spec)
			}
			p := mustNew(t, spec)
			bs := blocks(t, p)
			if got := shape(bs); got != c.want {
				t.Errorf("got %s\nwant %s", got, c.want)
			}
			balanced(t, p.Summary(), bs)
		})
	}
}

// balanced checks a summary against the blocks that it counts.
func balanced(t testing.TB, s Summary, bs []campaign.Block) {
	t.Helper()
	var requests, delivered, skipped int64
	for i, b := range bs {
		if b.Seq != int64(i) || b.Sum() != b.Digest {
			t.Errorf("block %d: seq %d, digest wrong: %v", i, b.Seq, b.Sum() != b.Digest)
		}
		if len(b.Deliveries) > maxDeliveries {
			t.Errorf("block %d has %d deliveries", i, len(b.Deliveries))
		}
		people := len(b.Skips)
		for _, d := range b.Deliveries {
			if d.Seq != requests {
				t.Errorf("delivery %d has seq %d", requests, d.Seq)
			}
			requests++
			delivered += int64(len(d.Recipients))
			people += len(d.Recipients)
		}
		if people > maxPeople && len(b.Deliveries)+len(b.Skips) > 1 {
			t.Errorf("block %d has %d people", i, people)
		}
		skipped += int64(len(b.Skips))
	}
	want := campaign.Totals{Blocks: int64(len(bs)), Requests: requests, Recipients: delivered + skipped + s.Invalid, Skipped: skipped}
	if s.Totals != want {
		t.Errorf("totals %+v, blocks say %+v", s.Totals, want)
	}
	var codes int64
	for _, n := range s.Skipped {
		codes += n
	}
	if codes != skipped {
		t.Errorf("reasons count %d skips of %d", codes, skipped)
	}
}

func TestColumns(t *testing.T) {
	spec := base("用户,备注,企业名称,orgid\nu1,n,X,o1\nu2,,,\n", "{{ .company }} {{ col \"企业名称\" }} {{ col \"用户\" }} {{ .备注 }} {{ .region }}")
	spec.Campaign.Recipients.Columns = map[string]string{"userid": "用户", "company": "企业名称"}
	spec.Campaign.Recipients.Defaults = map[string]string{"usertype": "政府", "备注": "无", "company": "贵公司", "region": "宜兴"}
	p := mustNew(t, spec)
	if p.Columns() != nil {
		t.Error("columns are known before the header is read")
	}
	bs := blocks(t, p)
	if diff := cmp.Diff([]string{"userid", "usertype", "orgid", "备注", "企业名称"}, p.Columns()); diff != "" {
		t.Error(diff)
	}
	var cells [][]string
	for _, d := range bs[0].Deliveries {
		cells = append(cells, d.Recipients[0].Cells)
	}
	if diff := cmp.Diff([][]string{{"u1", "1", "o1", "n", "X"}, {"u2", "1", "", "无", "贵公司"}}, cells); diff != "" {
		t.Error(diff)
	}
	ms, err := p.Messages(bs[0])
	if err != nil || ms[0].Texts[0] != "X X u1 n 宜兴" || ms[1].Texts[0] != "贵公司 贵公司 u2 无 宜兴" {
		t.Errorf("got %+v, %v", ms, err)
	}
}

func TestSummaryOfContents(t *testing.T) {
	var rows strings.Builder
	rows.WriteString("userid,orgid\n")
	for i := range 250 {
		fmt.Fprintf(&rows, "u%d,1\n", i)
	}
	for _, c := range []struct {
		text             string
		personalised     bool
		contents, shared int64
	}{{"x", false, 1, 3}, {"{{ .userid }}", true, 250, 3}, {"{{ .orgid }}", true, 1, 3}} {
		p := mustNew(t, base(rows.String(), c.text))
		blocks(t, p)
		s := p.Summary()
		if s.Personalised != c.personalised || s.Contents != c.contents || s.More || s.SharedRequests != c.shared {
			t.Errorf("%s: %+v", c.text, s)
		}
	}
	s := mustNew(t, base(five, "x")).newSummary()
	for i := range maxContents + 10 {
		s.deliver(content{byte(i), byte(i >> 8), byte(i >> 16), 1})
	}
	if !s.more || len(s.contents) != maxContents {
		t.Errorf("%d contents, more %v", len(s.contents), s.more)
	}
}

func TestDefaultsOfSpec(t *testing.T) {
	spec := base(five, "{{ .timezone }} {{ .occurrence }}")
	spec.Workers = 0
	spec.Zone, spec.Occurrence.Time = nil, time.Date(2026, 1, 2, 3, 4, 0, 0, time.UTC)
	p := mustNew(t, spec)
	blocks(t, p)
	if got := p.Summary().First.Texts[0]; got != "UTC 2026-01-02 03:04" {
		t.Errorf("got %q", got)
	}
	after, err := p.Digest(context.Background())
	if err != nil || after != digest(t, spec) {
		t.Errorf("the digest after planning is %s, %v", after, err)
	}
}

// Texts for one and texts for all stand side by side in a campaign: who gets the
// same shares a request, whichever of the texts depend on the recipient.
func TestPersonalAndSharedTexts(t *testing.T) {
	const csv = "userid,orgid,街道\na,1,环科园\nb,1,西渚镇\nc,1,环科园\nd,1,西渚镇\ne,1,环科园\n"
	spec := base(csv, "[{{ .街道 }}] 公告", "<p>同一正文</p>", "{{ if eq .街道 \"环科园\" }}甲{{ else }}乙{{ end }}", "{{ .campaign }}")
	spec.Campaign.Policy.Batch = 2
	p := mustNew(t, spec)
	bs := blocks(t, p)
	if got := shape(bs); got != "[2 4] [3 5] [6]" {
		t.Errorf("got %s", got)
	}
	s := p.Summary()
	if s.Contents != 2 || !s.Personalised || s.SharedRequests != 3 {
		t.Errorf("%d contents, personalised %v, %d requests if all were the same", s.Contents, s.Personalised, s.SharedRequests)
	}
	var got [][]string
	for _, b := range bs {
		messages, err := p.Messages(b)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range messages {
			got = append(got, m.Texts)
		}
	}
	one, other := []string{"[环科园] 公告", "<p>同一正文</p>", "甲", "census"}, []string{"[西渚镇] 公告", "<p>同一正文</p>", "乙", "census"}
	if d := cmp.Diff([][]string{one, other, one}, got); d != "" {
		t.Error(d)
	}
}
