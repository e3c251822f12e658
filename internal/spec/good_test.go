package spec

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"campaign/internal/campaign"
)

func files(pairs ...string) fstest.MapFS {
	fsys := fstest.MapFS{}
	for i := 0; i < len(pairs); i += 2 {
		fsys[pairs[i]] = &fstest.MapFile{Data: []byte(pairs[i+1]), Mode: 0o644}
	}
	return fsys
}

func noDiagnostics(t *testing.T, diags []campaign.Diagnostic) {
	t.Helper()
	for _, d := range diags {
		t.Errorf("%s\n\t%s", d.Error(), d.Hint)
	}
	if t.Failed() {
		t.FailNow()
	}
}

const fullZQT = `# yaml-language-server: $schema=../schema/campaign.schema.json
version: 1
name: census-supplement
description: 第四次全国经济普查单位清查补充登记公告
labels: {dept: stats, year: 2026}
channel:
  type: zqt.message
  target: gov
  from: 统计局
content:
  title: "[环科园] {{ .company }} 清查补充登记公告"
  body: {file: ../content/census.html}
  sender: 宜兴人民政府
  category: 通知公告
  level: 一般
  push: false
  sms: false
  needs_reply: true
  attachments: [{name: 附件1, path: www.path.com}]
  redirect: {pc: "http://xxx", app: "ZQT_xx/#/detail?id=xxx"}
  ext: {test: 测试扩展, n: 12, deep: {on: true}, file: x}
  display_recipient: {org: org-1, tags: [c-1, c-2], companies: [t-1], contact_types: [t-1]}
vars: {deadline: 2026-12-31, phone: 13800138000, on: true, half: 1.50, 截止: 周五}
recipients:
  file: ../recipients/companies.csv
  columns: {userid: 用户ID, orgid: 企业ID, company: 企业名称}
  defaults: {usertype: enterprise, code: 42}
  dedupe: [userid]
  exclude: [{file: ../recipients/optout.csv, columns: {userid: 用户}}]
delivery:
  batch: 50
  rate: 20/m
  concurrency: 8
  timeout: 1m30s
  retry: {attempts: 3, base: 500ms, cap: 10s}
  max_recipients: 5000
  unknown: resend
  expires: 72h
  window: {open: [13:30-24:00, 8:30-12:00], days: [mon-fri, sun]}
  abort: {failed: {count: 5, share: 12.5%}, unknown: {count: 3}}
  stages: [{upto: 20, then: confirm}, {upto: 10%, then: 10m}]
`

// asJSON compares mappings that plug-ins decode by what they say.
var asJSON = cmp.Comparer(func(a, b campaign.Raw) bool {
	return a.Pointer == b.Pointer && string(a.Text()) == string(b.Text())
})

func TestLoadCampaignWhole(t *testing.T) {
	fsys := files("mail/census.yaml", fullZQT, "content/census.html", "\uFEFF<p>一</p>\r\n<p>二</p>\r\n",
		"recipients/companies.csv", "x", "recipients/optout.csv", "x")
	c, _, diags := LoadCampaign(fsys, "mail/census.yaml")
	noDiagnostics(t, diags)
	want := &campaign.Campaign{
		File: "mail/census.yaml", Name: "census-supplement", Description: "第四次全国经济普查单位清查补充登记公告",
		Labels:  map[string]string{"dept": "stats", "year": "2026"},
		Channel: campaign.Channel{Type: "zqt.message", Target: "gov", Raw: campaign.Raw{Pointer: "/channel", JSON: json.RawMessage(`{"from":"统计局","target":"gov","type":"zqt.message"}`)}},
		Content: campaign.Content{
			Raw: campaign.Raw{Pointer: "/content", JSON: json.RawMessage(`{"attachments":[{"name":"附件1","path":"www.path.com"}],` +
				`"body":{"file":"content/census.html"},"category":"通知公告",` +
				`"display_recipient":{"companies":["t-1"],"contact_types":["t-1"],"org":"org-1","tags":["c-1","c-2"]},` +
				`"ext":{"deep":{"on":true},"file":"x","n":12,"test":"测试扩展"},"level":"一般","needs_reply":true,"push":false,` +
				`"redirect":{"app":"ZQT_xx/#/detail?id=xxx","pc":"http://xxx"},"sender":"宜兴人民政府","sms":false,` +
				`"title":"[环科园] {{ .company }} 清查补充登记公告"}`)},
			Files: map[string]string{"content/census.html": "<p>一</p>\n<p>二</p>\n"},
		},
		Vars: map[string]string{"deadline": "2026-12-31", "phone": "13800138000", "on": "true", "half": "1.50", "截止": "周五"},
		Recipients: campaign.Recipients{
			File:     "recipients/companies.csv",
			Columns:  map[string]string{"userid": "用户ID", "orgid": "企业ID", "company": "企业名称"},
			Defaults: map[string]string{"usertype": "enterprise", "code": "42"},
			Dedupe:   []string{"userid"},
			Exclude:  []campaign.Exclusion{{File: "recipients/optout.csv", Columns: map[string]string{"userid": "用户"}}},
		},
		Policy: campaign.Policy{
			Batch: 50, Rate: campaign.Rate{N: 20, Per: time.Minute}, Concurrency: 8, Timeout: 90 * time.Second,
			Retry: campaign.Retry{Attempts: 3, Base: 500 * time.Millisecond, Cap: 10 * time.Second}, MaxRecipients: 5000,
			Resend: true, Expires: 72 * time.Hour,
			Window: &campaign.Window{Open: []campaign.Span{{From: 510, To: 720}, {From: 810, To: 1440}}, Days: [7]bool{true, true, true, true, true, true, false}},
			Abort:  campaign.Abort{Failed: campaign.Threshold{Count: 5, Share: 0.125}, Unknown: campaign.Threshold{Count: 3, Share: 0.05}},
			Stages: []campaign.Stage{{Upto: 20, Confirm: true}, {Share: 0.1, Wait: 10 * time.Minute}},
		},
	}
	if diff := cmp.Diff(want, c, asJSON); diff != "" {
		t.Errorf("campaign (-want +got):\n%s", diff)
	}
}

// TestLoadSheets: how files of recipients are read, and what is looked up.
func TestLoadSheets(t *testing.T) {
	text := strings.Replace(base, "  list:\n    - {userid: u-1, orgid: o-1}\n", `  file: recipients/a.xlsx
  sheet: 名单
  header_row: 3
  stop_at: 合计
  columns: {company: 企业名称}
  exclude: [{file: recipients/out.tsv.gz, delimiter: tab, encoding: gbk, header_row: 2}]
  lookup:
    file: recipients/dir.CSV
    encoding: utf-16
    delimiter: ";"
    key: 统一社会信用代码
    take: {userid: 用户ID, orgid: 企业ID}
    missing: skip
`, 1)
	fsys := files("a.yaml", text)
	for _, name := range []string{"recipients/a.xlsx", "recipients/out.tsv.gz", "recipients/dir.CSV"} {
		fsys[name] = &fstest.MapFile{Data: []byte("x"), Mode: 0o644}
	}
	c, _, diags := LoadCampaign(fsys, "a.yaml")
	noDiagnostics(t, diags)
	want := campaign.Recipients{
		File: "recipients/a.xlsx", Sheet: campaign.Sheet{Name: "名单", HeaderRow: 3, StopAt: "合计"},
		Columns: map[string]string{"company": "企业名称"}, DedupeDefault: true,
		Exclude: []campaign.Exclusion{{File: "recipients/out.tsv.gz", Sheet: campaign.Sheet{Delimiter: "\t", Encoding: "gb18030", HeaderRow: 2}}},
		Lookup: &campaign.Lookup{File: "recipients/dir.CSV", Sheet: campaign.Sheet{Encoding: "utf-16", Delimiter: ";"},
			Key: "统一社会信用代码", Take: map[string]string{"userid": "用户ID", "orgid": "企业ID"}, Skip: true},
	}
	if diff := cmp.Diff(want, c.Recipients); diff != "" {
		t.Errorf("recipients (-want +got):\n%s", diff)
	}
}

func TestLoadCampaignDefaults(t *testing.T) {
	c, _, diags := LoadCampaign(files("a.yaml", base), "a.yaml")
	noDiagnostics(t, diags)
	if diff := cmp.Diff(campaign.DefaultPolicy(), c.Policy); diff != "" {
		t.Errorf("policy (-want +got):\n%s", diff)
	}
	want := campaign.Recipients{List: []map[string]string{{"userid": "u-1", "orgid": "o-1"}}, DedupeDefault: true}
	if diff := cmp.Diff(want, c.Recipients); diff != "" {
		t.Errorf("recipients (-want +got):\n%s", diff)
	}
}

const base = `version: 1
name: a
channel: {type: zqt.message, target: gov, from: {userid: u, usertype: 政府, orgid: o}}
content: {title: t, body: <p>b</p>, sender: s, category: 会议通知, level: 紧急}
recipients:
  list:
    - {userid: u-1, orgid: o-1}
`

func TestDedupe(t *testing.T) {
	for text, want := range map[string]campaign.Recipients{
		"":                       {DedupeDefault: true},
		"  dedupe: false\n":      {},
		"  dedupe: [orgid, a]\n": {Dedupe: []string{"orgid", "a"}},
	} {
		c, _, diags := LoadCampaign(files("a.yaml", base+text), "a.yaml")
		noDiagnostics(t, diags)
		if diff := cmp.Diff(want, c.Recipients, cmpopts.IgnoreFields(campaign.Recipients{}, "List")); diff != "" {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
	}
}

func TestLoadChuanbo(t *testing.T) {
	for name, test := range map[string]struct {
		text string
		want campaign.Groups
	}{
		"sms": {`version: 1
name: sms
channel: {type: chuanbo.sms, target: media, message_type: 应急, section: 90, directive: 9007199254740993}
content: {name: 停水通知, tag: 标签标签标签标签, signature: 50, text: "` + strings.Repeat("水", 70) + `"}
recipients: {groups: [145, 144], groups_disjoint: true}
`, campaign.Groups{IDs: []int64{145, 144}, Disjoint: true}},
		"templates are as long as they render": {`version: 1
name: sms
channel: {type: chuanbo.sms, target: media, message_type: 38}
content: {name: 停水通知, signature: 宜兴发布, text: "{{ .a }}` + strings.Repeat("水", 80) + `"}
recipients: {match: {title: 太平街道*, department: xxx, type: tags, changes: accept}}
`, campaign.Groups{Match: &campaign.Match{Title: "太平街道*", Department: "xxx", Type: "tags", AcceptChanges: true}}},
		"voice": {`version: 1
name: voice
channel: {type: chuanbo.voice, target: media, message_type: 38}
content: {name: 停水通知, text: "` + strings.Repeat("水", 500) + `"}
recipients: {groups: [9223372036854775807]}
`, campaign.Groups{IDs: []int64{9223372036854775807}}},
		"notification": {`version: 1
name: notification
channel: {type: chuanbo.notification, target: media, message_type: 38}
content: {name: n, title: t, text: {file: t.txt}, icon: "https://img.example/a.png", link: {type: article, content: "12"}}
recipients: {match: {type: imported}}
`, campaign.Groups{Match: &campaign.Match{Type: "imported"}}},
	} {
		t.Run(name, func(t *testing.T) {
			c, _, diags := LoadCampaign(files("a.yaml", test.text, "t.txt", "文"), "a.yaml")
			noDiagnostics(t, diags)
			if diff := cmp.Diff(campaign.Recipients{Groups: &test.want}, c.Recipients); diff != "" {
				t.Errorf("recipients (-want +got):\n%s", diff)
			}
		})
	}
}

func TestLongNumbersKeepTheirDigits(t *testing.T) {
	c, _, diags := LoadCampaign(files("a.yaml", `version: 1
name: sms
channel: {type: chuanbo.sms, target: media, message_type: 38, directive: 9007199254740993}
content: {name: n, signature: s, text: t}
recipients: {groups: [1]}
`), "a.yaml")
	noDiagnostics(t, diags)
	const want = `{"directive":9007199254740993,"message_type":38,"target":"media","type":"chuanbo.sms"}`
	if got := string(c.Channel.Raw.Text()); got != want {
		t.Errorf("channel is %s, want %s", got, want)
	}
}

// Aliases are allowed for whole values, and a tag that says text.
func TestAliasesAndTags(t *testing.T) {
	c, doc, diags := LoadCampaign(files("a.yaml", base+`    - &two {userid: !!str 010, orgid: &o "o-2"}
    - {userid: "0012", orgid: *o}
    - *two
`), "a.yaml")
	noDiagnostics(t, diags)
	two := map[string]string{"userid": "010", "orgid": "o-2"}
	want := []map[string]string{{"userid": "u-1", "orgid": "o-1"}, two, {"userid": "0012", "orgid": "o-2"}, two}
	if diff := cmp.Diff(want, c.Recipients.List); diff != "" {
		t.Errorf("list (-want +got):\n%s", diff)
	}
	if line, col, end := doc.Position("/recipients/list/2/orgid", false); line != 9 || col != 31 || end != 33 {
		t.Errorf("an alias stands at %d:%d-%d, want 9:31-33", line, col, end)
	}
}

const fullTargets = `version: 1
project: tjj-7f3a
timezone: Asia/Tokyo
profiles:
  test:
    targets:
      gov:
        system: zqt
        environment: zhuoyi-test
        app: {id: app-1, name: 政企消息}
        token: {oauth2: {token_url: http://127.0.0.1:1/t, client_id: c, client_secret: {env: S}, scopes: [send]}}
        limits: {rate: 50/s, concurrency: 16}
        senders:
          统计局: {userid: u-1, usertype: government, orgid: o-1, deptid: d-1}
        only: [u-7]
        suppress: [{file: lists/optout.csv, columns: {userid: 用户}}]
        ca_file: ca.pem
        proxy: socks5://127.0.0.1:1080
        timeout: 10s
        not_accepted: [503]
  production:
    targets:
      gov: {system: zqt, base_url: "http://127.0.0.1:8080", route_prefix: "", app: {id: a, name: b}, token: {command: [get, token]}}
      media:
        system: chuanbo
        base_url: http://127.0.0.1:8080/x
        connect_no: {file: /run/secrets/no}
        section: 90
        message_types: {应急: 38}
        signatures: {宜兴发布: 50}
        tag_field: tag
        group_list_params: query
        headers: {x-tenant-id: "6", Cookie: {env: COOKIE}}
        only: [144]
`

func TestLoadTargetsWhole(t *testing.T) {
	p, doc, diags := LoadTargets(files("targets.yaml", fullTargets, "lists/optout.csv", "x", "ca.pem", "x"), "targets.yaml")
	noDiagnostics(t, diags)
	if p.ID != "tjj-7f3a" || p.Zone != "Asia/Tokyo" || p.Location.String() != "Asia/Tokyo" || p.File != "targets.yaml" || len(p.Profiles) != 2 {
		t.Errorf("project is %+v", p)
	}
	test := p.Profiles["test"]
	if test.Name != "test" || test.Pointer != "/profiles/test/targets" {
		t.Errorf("profile is %q at %s", test.Name, test.Pointer)
	}
	ignore := cmpopts.IgnoreFields(campaign.Account{}, "Raw")
	if diff := cmp.Diff(campaign.Account{
		Name: "gov", System: "zqt",
		Limits:  campaign.Limits{Rate: campaign.Rate{N: 50, Per: time.Second}, Concurrency: 16},
		Timeout: 10 * time.Second, Proxy: "socks5://127.0.0.1:1080", CAFile: "ca.pem", Only: []string{"u-7"},
		Suppress:    []campaign.Exclusion{{File: "lists/optout.csv", Columns: map[string]string{"userid": "用户"}}},
		NotAccepted: []int{503},
	}, test.Targets["gov"], ignore); diff != "" {
		t.Errorf("gov (-want +got):\n%s", diff)
	}
	media := p.Profiles["production"].Targets["media"]
	if diff := cmp.Diff(campaign.Account{
		Name: "media", System: "chuanbo", Only: []string{"144"},
		Headers: map[string]campaign.Credential{"x-tenant-id": {Literal: "6"}, "Cookie": {Env: "COOKIE"}},
	}, media, ignore); diff != "" {
		t.Errorf("media (-want +got):\n%s", diff)
	}
	var raw struct {
		Section   int64               `json:"section"`
		ConnectNo campaign.Credential `json:"connect_no"`
	}
	if err := json.Unmarshal(media.Raw.Text(), &raw); err != nil || raw.Section != 90 || raw.ConnectNo.File != "/run/secrets/no" {
		t.Errorf("raw account is %s (%v)", media.Raw.Text(), err)
	}
	if media.Raw.Pointer != "/profiles/production/targets/media" {
		t.Errorf("raw pointer is %s", media.Raw.Pointer)
	}
	if line, col, end := doc.Position(media.Raw.Pointer+"/section", false); line != 28 || col != 18 || end != 20 {
		t.Errorf("section stands at %d:%d-%d", line, col, end)
	}
}

func TestLoadTargetsTopLevel(t *testing.T) {
	p, _, diags := LoadTargets(files("targets.yaml", `version: 1
targets:
  media: {system: chuanbo, base_url: http://127.0.0.1:1, connect_no: {env: A}}
`), "targets.yaml")
	noDiagnostics(t, diags)
	got := p.Profiles[defaultProfile]
	if got.Name != "default" || got.Pointer != "/targets" || got.Targets["media"].Raw.Pointer != "/targets/media" || p.Zone != defaultZone {
		t.Errorf("profile is %+v in zone %s", got, p.Zone)
	}
}

// With only references wrong the campaign is given, so that others can go on.
func TestCampaignWithWrongReferences(t *testing.T) {
	text := strings.Replace(base, "<p>b</p>", "{file: nosuch.html}", 1)
	c, _, diags := LoadCampaign(files("a.yaml", text), "a.yaml")
	if c == nil || len(diags) != 1 || diags[0].Rule != ruleMissingFile {
		t.Fatalf("got %v, %v", c, diags)
	}
	c, _, diags = LoadCampaign(files("a.yaml", text+"unknown: x\n"), "a.yaml")
	if c != nil || len(diags) != 2 {
		t.Fatalf("got %v, %v", c, diags)
	}
}

// The files of testdata/good load without a word.
func TestGood(t *testing.T) {
	paths, err := filepath.Glob("testdata/good/*.yaml")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no good files: %v", err)
	}
	for _, at := range paths {
		data, err := os.ReadFile(at)
		if err != nil {
			t.Fatal(err)
		}
		noDiagnostics(t, loadAny(t, filepath.Base(at), data))
	}
}
