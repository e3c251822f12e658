package sandbox

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// zqtExample is the document's own example (发送消息, 示例), with redirect_app once.
const zqtExample = `{
  "sendData": {
      "appid": "zqtong_gov_app_client",
      "appname": "政企消息",
      "title": "[环科园(新街街道)]  环科园第四次全国经济普查单位清查补充登记公告",
      "body": "<div class='show_content'>消息正文</div>",
      "extMap":{"test":"测试扩展"},
      "msgtype": 0,
      "needpush": 0,
      "params": {
          "sender": "宜兴人民政府",
          "recipient": "{'orgId':'org-1','esNameList':['c-1','c-2'],'companyIdList':['t-1','t-2'],'linkmenTypeList':['t-1','t-2']}",
          "hasatt": "1",
          "attfiles": "[{'name':'附件1','path':'www.path.com'},{'name':'附件2','path':'www.path.com'}]",
          "msgcategory": "通知公告",
          "msglevel": "一般",
          "needreply": "0",
          "needsms": "0",
          "redirect_pc":"http://xxx",
          "redirect_app":"ZQT_xx/#/detail?id=xxx"
      }
  },
  "from": {
          "deptid": "0ccaea9f-3a2c-4140-90ec-8496752967bd",
          "orgid": "d2eeee46-440c-4102-a71b-2770cd865198",
          "userid": "1154fcc5-58fb-4eb5-ab0e-5ffb95cfc20a",
          "usertype": 1
  },
  "to": [{
      "deptid": "",
      "orgid": "ad0f56d2-4c5a-4b02-9127-6db8cc099820",
      "userid": "2fb5c7c3-6841-4b15-9c4d-b2e807b792e5",
      "usertype": 2
  }]
}`

func TestZQTAcceptsTheDocumentsExampleUnderEveryRoute(t *testing.T) {
	s := start(t, Options{KeepBodies: true})
	ids := map[string]bool{}
	for _, path := range []string{
		"/AGCS_zqc/v3_1/msgcenter/send", "/v3_1/msgcenter/send", "/YX/AGCS_zqc/v3_1/msgcenter/send", "/JS/AGCS_zqc/v3_1/msgcenter/send", "/YX/v3_1/msgcenter/send",
	} {
		r := zqtRequest(t.Context(), s, zqtExample)
		r.URL.Path = path
		got := mustDo(t, newClient(t), r)
		body := object(t, got.body)
		id, _ := body["data"].(string)
		want := map[string]any{"data": id, "msg": "success", "oK": true, "status": 200.0}
		if diff := cmp.Diff(want, body); diff != "" || got.status != 200 || id == "" {
			t.Errorf("%s: %d %s", path, got.status, diff)
		}
		if ids[id] {
			t.Errorf("%s: outbox id %s was given before", path, id)
		}
		ids[id] = true
	}
	last := s.Requests()[4]
	want := Request{
		Seq: 5, At: last.At, Micros: last.Micros, InFlight: 1, Account: "zqt/YX", System: "zqt", Endpoint: "send", Channel: "zqt.message",
		Title: "[环科园(新街街道)]  环科园第四次全国经济普查单位清查补充登记公告", ID: last.ID,
		Recipients: []string{"2fb5c7c3-6841-4b15-9c4d-b2e807b792e5/ad0f56d2-4c5a-4b02-9127-6db8cc099820"},
		Size:       len(zqtExample), SHA256: digest(zqtExample), ContentType: "application/json", Body: zqtExample,
	}
	if diff := cmp.Diff(want, last); diff != "" || !ids[last.ID] {
		t.Errorf("record: %s", diff)
	}
}

func TestZQTRefusesTheSlipOfTheDocumentsExample(t *testing.T) {
	twice := strings.Replace(zqtExample, `"redirect_app":`, `"redirect_app":"http://xxxx","redirect_app":`, 1)
	_, p := decodeZQT([]byte(twice))
	if p == nil || p.String() != "参数错误: sendData.params.redirect_app 重复" {
		t.Errorf("got %v", p)
	}
}

// zqtFields is the table of the document, read once more: required, some good
// values and some bad ones, as JSON.
var zqtFields = []struct {
	path      string
	required  bool
	good, bad []string
}{
	{"sendData", true, nil, []string{`[]`, `"x"`, `null`}},
	{"sendData.appid", true, []string{`"x"`, `"\u4e2d\ud83d\ude00\n"`}, []string{`1`, `null`, `""`, `true`, `{}`, `["x"]`, `"\ud83d"`, `"\x"`}},
	{"sendData.appname", true, []string{`"x"`}, []string{`1`, `null`, `""`}},
	{"sendData.title", true, []string{`"x"`}, []string{`1`, `null`, `""`}},
	{"sendData.body", true, []string{`"<b>x</b>"`}, []string{`1`, `null`, `""`}},
	{"sendData.extMap", false, []string{`{}`, `{"a":[1,-2.5e+3,true,false,null,{"b":""}]}`}, []string{`"{}"`, `[]`, `null`, `1`}},
	{"sendData.msgtype", true, []string{`0`}, []string{`"0"`, `1`, `-1`, `0.0`, `0e0`, `null`, `false`, `""`}},
	{"sendData.needpush", false, []string{`0`, `1`}, []string{`"0"`, `2`, `true`, `null`, `1.0`}},
	{"sendData.params", true, nil, []string{`[]`, `"x"`, `null`}},
	{"sendData.params.sender", true, []string{`"x"`}, []string{`1`, `""`, `null`}},
	{"sendData.params.recipient", false,
		[]string{`"{}"`, `"{'orgId':'it\\'s'}"`, `"{'esNameList':[]}"`, `" { 'orgId' : 'a\"b' } "`},
		[]string{
			`{}`, `{"orgId":"x"}`, `""`, `"x"`, `"[]"`, `"{\"orgId\":\"x\"}"`, `"{'orgId':1}"`, `"{'orgid':'x'}"`, `"{'esNameList':'x'}"`, `"{'esNameList':[1]}"`,
			`"{'orgId':'x'"`, `"{'orgId':'x'}}"`, `"{'orgId':'it's'}"`, `"{'orgId':'x','orgId':'y'}"`, `null`,
		}},
	{"sendData.params.hasatt", false, []string{`"0"`, `"1"`}, []string{`0`, `1`, `true`, `"2"`, `""`, `null`}},
	{"sendData.params.attfiles", false,
		[]string{`"[]"`, `"[{'name':'','path':''}]"`, `"[{'name':'附件','path':'https://x/?a=1&b=2'}]"`},
		[]string{`[]`, `""`, `"{}"`, `"[{'name':'x'}]"`, `"[{'path':'x'}]"`, `"[{'name':'x','path':1}]"`, `"[{\"name\":\"x\",\"path\":\"\"}]"`, `"[{'name':'x','path':'','size':'1'}]"`, `"['x']"`, `null`}},
	{"sendData.params.msgcategory", true, []string{`"公共公示"`, `"新闻通知"`, `"政策公示"`, `"会议通知"`, `"通知公告"`}, []string{`"其他"`, `""`, `0`, `null`}},
	{"sendData.params.msglevel", true, []string{`"紧急"`, `"重要"`, `"普通"`, `"一般"`}, []string{`"高"`, `""`, `1`, `null`}},
	{"sendData.params.needreply", false, []string{`"0"`, `"1"`}, []string{`0`, `1`, `true`, `"2"`, `""`, `null`}},
	{"sendData.params.needsms", false, []string{`"0"`, `"1"`}, []string{`0`, `1`, `true`, `"2"`, `""`, `null`}},
	{"sendData.params.redirect_pc", false, []string{`"http://x"`, `""`}, []string{`1`, `null`}},
	{"sendData.params.redirect_app", false, []string{`"x"`, `""`}, []string{`1`, `null`}},
	{"from", true, nil, []string{`[]`, `"x"`, `null`}},
	{"from.userid", true, []string{`"x"`}, []string{`1`, `""`, `null`}},
	{"from.usertype", true, []string{`1`, `2`}, []string{`"1"`, `0`, `3`, `null`, `1.0`, `true`}},
	{"from.orgid", true, []string{`"x"`}, []string{`1`, `""`, `null`}},
	{"from.deptid", false, []string{`"x"`, `""`}, []string{`1`, `null`}},
	{"to", true, nil, []string{`{}`, `[]`, `null`, `"x"`, `["x"]`, `[null]`, `[[]]`}},
	{"to[0].userid", true, []string{`"x"`}, []string{`1`, `""`, `null`}},
	{"to[0].usertype", true, []string{`1`, `2`}, []string{`"2"`, `0`, `3`, `null`, `2.0`}},
	{"to[0].orgid", true, []string{`"x"`}, []string{`1`, `""`, `null`}},
	{"to[0].deptid", false, []string{`"x"`, `""`}, []string{`1`, `null`}},
}

func TestZQTFields(t *testing.T) {
	s := start(t, Options{})
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	accepted := 0
	good := func(what, body string) {
		t.Helper()
		if got := mustDo(t, client, zqtRequest(t.Context(), s, body)); got.status != 200 || object(t, got.body)["oK"] != true {
			t.Errorf("%s: refused: %s", what, got.body)
		}
		accepted++
	}
	bad := func(what, path, body string) {
		t.Helper()
		got := mustDo(t, client, zqtRequest(t.Context(), s, body))
		answer := object(t, got.body)
		data, _ := answer["data"].(string)
		if diff := cmp.Diff(map[string]any{"data": data, "msg": "fail", "status": 400.0}, answer); diff != "" || got.status != 400 {
			t.Errorf("%s: %d %s", what, got.status, diff)
		}
		if !strings.Contains(data, ": "+path) {
			t.Errorf("%s: %q does not name %s", what, data, path)
		}
	}
	for _, f := range zqtFields {
		if f.required {
			bad(f.path+" missing", f.path, edit(t, f.path, ""))
		} else {
			good(f.path+" missing", edit(t, f.path, ""))
		}
		for _, value := range f.good {
			good(f.path+"="+value, edit(t, f.path, value))
		}
		for _, value := range f.bad {
			bad(f.path+"="+value, f.path, edit(t, f.path, value))
		}
	}
	for _, path := range []string{"appid", "sendData.APPID", "sendData.params.title", "from.name", "to[0].userId", "sendData.extmap"} {
		bad(path+" unknown", path, edit(t, path, `"x"`))
	}
	if got := s.Summary(); got.Accepted != accepted || len(s.Requests()) != accepted || got.Received != got.Accepted+got.Refused {
		t.Errorf("accepted %d, but the summary is %+v", accepted, got.Counts)
	}
}

// edit returns the document's example with another value at the path, or without
// the path when value is empty.
func edit(t *testing.T, path, value string) string {
	t.Helper()
	root := object(t, zqtExample)
	at := root
	elements := strings.Split(path, ".")
	for _, name := range elements[:len(elements)-1] {
		if name == "to[0]" {
			at = at["to"].([]any)[0].(map[string]any)
			continue
		}
		at = at[name].(map[string]any)
	}
	last := elements[len(elements)-1]
	delete(at, last)
	if value != "" {
		at[last] = "the value"
	}
	text, err := json.Marshal(root)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Replace(string(text), `"the value"`, value, 1)
}

func TestZQTNamesEveryMissingMember(t *testing.T) {
	for body, want := range map[string]string{
		`{}`: "缺少必要参数: sendData, from, to",
		strings.Replace(zqtBodyTo("a"), `"userid":"a","usertype":2,`, "", 1):                      "缺少必要参数: to[0].userid, to[0].usertype",
		strings.Replace(zqtBodyTo("a"), `"appid":"app","appname":"应用",`, "", 1):                   "缺少必要参数: sendData.appid, sendData.appname",
		strings.Replace(zqtBodyTo("a", "b"), `{"userid":"b"`, `{"userid":""`, 1):                  "缺少必要参数: to[1].userid",
		strings.Replace(zqtBodyTo("a"), `"msglevel":"一般"`, `"msglevel":"甲"`, 1):                   "参数错误: sendData.params.msglevel 应为 紧急|重要|普通|一般",
		strings.Replace(zqtBodyTo("a"), `"msgtype":0`, `"msgtype":"0"`, 1):                        "参数错误: sendData.msgtype 应为 int",
		strings.Replace(zqtBodyTo("a"), `"from":{`, `"from":{"usertype":1,`, 1):                   "参数错误: from.usertype 重复",
		strings.Replace(zqtBodyTo("a"), `"sender":"发件人"`, `"sender":"发件人","x":"1"`, 1):            "参数错误: sendData.params.x 文档中没有此参数",
		strings.Replace(zqtBodyTo("a"), `"title":"标题"`, `"title":"`+"\xff"+`"`, 1):                "参数错误: sendData.title 不是 UTF-8",
		strings.Replace(zqtBodyTo("a"), `"title":"标题"`, `"title":"\t`+"\xff"+`"`, 1):              "参数错误: sendData.title 不是 UTF-8",
		strings.Replace(zqtBodyTo("a"), `"msgtype"`, `"extMap":{"a":`+deep(200)+`},"msgtype"`, 1): "参数错误: sendData.extMap JSON 嵌套过深",
	} {
		if _, p := decodeZQT([]byte(body)); p == nil || p.String() != want {
			t.Errorf("%s: got %v, want %s", body, p, want)
		}
	}
}

func deep(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }

func TestZQTRefusesWhatIsNotJSON(t *testing.T) {
	whole := zqtBodyTo("a", `\u00e9\ud83d\uDE00\n`)
	for i := range len(whole) {
		if _, p := decodeZQT([]byte(whole[:i])); p == nil {
			t.Errorf("accepted the first %d bytes of %d", i, len(whole))
		}
	}
	for _, body := range []string{
		whole + "x", whole + "{}", "\ufeff" + whole, "[" + whole + "]", "null", "{,}", strings.Replace(whole, "]", ",]", 1), strings.Replace(whole, `"msgtype":0`, `"msgtype":00`, 1),
		strings.Replace(whole, `"msgtype":0`, `"msgtype":+0`, 1), strings.Replace(whole, `"标题"`, `'标题'`, 1), strings.Replace(whole, "标题", "标\n题", 1), strings.Replace(whole, "标题", `\u12g4`, 1),
		strings.Replace(whole, "标题", `\t`+"\n", 1), strings.Replace(whole, `"msgtype":0`, `"msgtype" 0`, 1), strings.Replace(whole, `"title":`, `title:`, 1),
		strings.Replace(whole, `"title":"标题"`, `"title":"x","extMap":{"a":nul}`, 1), strings.Replace(whole, `"title":"标题"`, `"title":"x","extMap":{"a":1.}`, 1),
		strings.Replace(whole, `"title":"标题"`, `"title":"x","extMap":{"a":1e}`, 1), strings.Replace(whole, `"title":"标题"`, `"title":"x","extMap":{1:1}`, 1),
	} {
		if _, p := decodeZQT([]byte(body)); p == nil {
			t.Errorf("accepted %s", body)
		}
	}
	if p, problem := decodeZQT([]byte(whole + " \r\n\t")); problem != nil || !slices.Equal(p.to, []string{"a/org-a", "é😀\n/org-é😀\n"}) {
		t.Errorf("got %v, %v", p, problem)
	}
}

func TestZQTHeaderAndMethod(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*http.Request)
		status int
		body   string
	}{
		{"good", func(*http.Request) {}, 200, `"oK":true`},
		{"charset", func(r *http.Request) { r.Header.Set("Content-Type", "application/json; charset=utf-8") }, 200, `"oK":true`},
		{"bearer in lower case", func(r *http.Request) { r.Header.Set("Authorization", "bearer good") }, 200, `"oK":true`},
		{"no content type", func(r *http.Request) { r.Header.Del("Content-Type") }, 400, `"data":"参数错误: Content-Type 应为 application/json"`},
		{"wrong content type", func(r *http.Request) { r.Header.Set("Content-Type", "text/json") }, 400, `"msg":"fail"`},
		{"no token", func(r *http.Request) { r.Header.Del("Authorization") }, 401, `"error":"invalid_token"`},
		{"empty token", func(r *http.Request) { r.Header.Set("Authorization", "Bearer ") }, 401, `"error":"invalid_token"`},
		{"basic", func(r *http.Request) { r.SetBasicAuth("good", "good") }, 401, `"error":"invalid_token"`},
		{"wrong token", func(r *http.Request) { r.Header.Set("Authorization", "Bearer bad") }, 401, `{"error":"invalid_token","error_description":"Invalid access token: bad"}`},
		{"get", func(r *http.Request) { r.Method = http.MethodGet }, 405, ""},
		{"path", func(r *http.Request) { r.URL.Path = "/AGCS_zqx" + r.URL.Path }, 404, ""},
		{"two environments", func(r *http.Request) { r.URL.Path = "/YX/JS" + r.URL.Path }, 404, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := start(t, Options{Tokens: []string{"other", "good"}})
			r := zqtRequest(t.Context(), s, zqtBodyTo("a"))
			r.Header.Set("Authorization", "Bearer good")
			test.change(r)
			got := mustDo(t, newClient(t), r)
			if got.status != test.status || !strings.Contains(got.body, test.body) {
				t.Errorf("got %d %s", got.status, got.body)
			}
			if recorded := len(s.Requests()) == 1; recorded != (test.status == 200) {
				t.Errorf("recorded: %v", recorded)
			}
			if arrivals := s.Arrivals(); len(arrivals) != 1 {
				t.Errorf("seen %d", len(arrivals))
			}
		})
	}
}

func TestZQTRefusesWith200WhenTold(t *testing.T) {
	s := start(t, Options{RefuseWith200: true})
	got := mustDo(t, newClient(t), zqtRequest(t.Context(), s, `{}`))
	if got.status != 200 || object(t, got.body)["status"] != 400.0 || len(s.Requests()) != 0 {
		t.Errorf("got %d %s", got.status, got.body)
	}
}

func TestTooLargeABodyIsNotAccepted(t *testing.T) {
	s := start(t, Options{})
	got := mustDo(t, newClient(t), zqtRequest(t.Context(), s, zqtBodyTo("a")+strings.Repeat(" ", maxBody)))
	if n := s.Summary().Counts; got.status != http.StatusRequestEntityTooLarge || n != (Counts{Received: 1, Incomplete: 1}) {
		t.Errorf("got %d, %+v", got.status, n)
	}
}

func FuzzZQT(f *testing.F) {
	f.Add([]byte(zqtExample))
	f.Add([]byte(zqtBodyTo("a", "b\\u0041")))
	for _, field := range zqtFields[:12] {
		for _, bad := range field.bad {
			f.Add([]byte(`{"sendData":{"extMap":{"x":` + bad + `}}}`))
		}
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		got, p := decodeZQT(body)
		if p != nil {
			if p.String() == "" {
				t.Error("refused without a reason")
			}
			return
		}
		// What is accepted is JSON that the standard library reads the same way.
		var want struct {
			SendData struct {
				Title   string
				Msgtype int
				Params  struct{ Recipient, Attfiles, Hasatt, Msgcategory string }
			}
			To []struct {
				Userid, Orgid string
				Usertype      int
			}
		}
		if err := json.Unmarshal(body, &want); err != nil {
			t.Fatalf("accepted %q: %v", body, err)
		}
		var to []string
		for _, r := range want.To {
			to = append(to, r.Userid+"/"+r.Orgid)
			if r.Userid == "" || r.Orgid == "" || r.Usertype != 1 && r.Usertype != 2 {
				t.Errorf("accepted recipient %+v", r)
			}
		}
		if diff := cmp.Diff([]any{want.SendData.Title, to}, []any{got.title, got.to}); diff != "" {
			t.Error(diff)
		}
		// The same values in another notation are accepted as well.
		var value any
		if err := json.Unmarshal(body, &value); err != nil {
			t.Fatal(err)
		}
		again, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		if _, p := decodeZQT(again); p != nil {
			t.Errorf("accepted %q but not %q: %s", body, again, p)
		}
	})
}

func BenchmarkDecodeZQT(b *testing.B) {
	ids := make([]string, 100)
	for i := range ids {
		ids[i] = fmt.Sprintf("2fb5c7c3-6841-4b15-9c4d-%012d", i)
	}
	body := []byte(zqtBodyTo(ids...))
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if _, p := decodeZQT(body); p != nil {
			b.Fatal(p)
		}
	}
}
