package sandbox

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The three examples of the document (二、创建推送), with another connectNo.
var (
	tag16               = pair{"tag", strings.Repeat("标签", 8)}
	notificationExample = []pair{
		{"name", "gateway-系统通知"}, {"section_id", "90"}, {"chuanbo_type_id", "38"}, {"connectNo", "number"}, {"notify_way", "1"}, {"chuanbo_group", "123"},
		tag16, {"push_icon", "https://example.invalid/icon.png"}, {"push_title", "1111"}, {"push_content", "2222"},
	}
	smsExample = []pair{
		{"name", "gateway-短信通知"}, {"section_id", "90"}, {"chuanbo_type_id", "38"}, {"connectNo", "number"}, {"notify_way", "2"}, {"chuanbo_group", "123"},
		tag16, {"msg_sign_id", "50"}, {"msg_template", "123123"},
	}
	voiceExample = []pair{
		{"name", "gateway-语音消息"}, {"section_id", "90"}, {"chuanbo_type_id", "38"}, {"connectNo", "number"}, {"notify_way", "3"}, {"voice_content", "333333"},
		{"chuanbo_group", "123"}, tag16,
	}
)

// with returns the fields with one of them given another value, added, or, with no
// value, left out.
func with(fields []pair, name string, value ...string) []pair {
	var out []pair
	for _, f := range fields {
		if f.name != name {
			out = append(out, f)
		}
	}
	for _, v := range value {
		out = append(out, pair{name, v})
	}
	return out
}

func isPushed(t *testing.T, s *Server, fields []pair) (bool, string) {
	t.Helper()
	got := mustDo(t, newClient(t), pushRequest(t.Context(), s, fields...))
	body := object(t, got.body)
	message, _ := body["message"].(string)
	if diff := cmp.Diff(map[string]any{"code": body["code"], "message": message}, body); diff != "" || got.status != 200 || message == "" {
		t.Errorf("not the documented shape: %d %s", got.status, got.body)
	}
	return body["code"] == 0.0, message
}

func TestChuanboExamples(t *testing.T) {
	for channel, example := range map[string][]pair{"chuanbo.notification": notificationExample, "chuanbo.sms": smsExample, "chuanbo.voice": voiceExample} {
		s := start(t, Options{ConnectNo: "number"})
		if ok, message := isPushed(t, s, example); ok || message != "参数错误: tag 最多8个字符" {
			t.Errorf("%s as it is: accepted=%v %s", channel, ok, message)
		}
		short := with(example, "tag")
		for _, fields := range [][]pair{with(short, "task_tag", "标签标签标签标签"), with(short, "tag", "标签")} {
			if ok, message := isPushed(t, s, fields); !ok {
				t.Errorf("%s with a short tag: %s", channel, message)
			}
		}
		got := s.Requests()
		if len(got) != 2 {
			t.Fatalf("%s: %d recorded", channel, len(got))
		}
		want := Request{
			Seq: 1, At: got[0].At, Micros: got[0].Micros, InFlight: 1, Account: "chuanbo", System: "chuanbo", Endpoint: "push_create", Channel: channel, Title: example[0].value,
			Groups: []string{"123"}, Size: got[0].Size, SHA256: got[0].SHA256,
		}
		if diff := cmp.Diff(want, got[0]); diff != "" {
			t.Error(diff)
		}
	}
}

func TestChuanboFields(t *testing.T) {
	notification, sms, voice := with(notificationExample, "tag"), with(smsExample, "tag"), with(voiceExample, "tag")
	long := func(n int) string { return strings.Repeat("字", n) }
	notALong := []string{"", "x", "1.0", "1e3", " 1", "+1", "01", "9223372036854775808", "0x10", "１"}
	for _, test := range []struct {
		example   []pair
		name      string
		required  bool
		good, bad []string
	}{
		{notification, "connectNo", true, nil, []string{""}},
		{notification, "name", true, []string{"中文 & <b>"}, []string{"", "\xff"}},
		{notification, "section_id", true, []string{"9223372036854775807"}, notALong},
		{notification, "chuanbo_type_id", true, []string{"1"}, notALong},
		{notification, "chuanbo_directive_id", false, []string{"7"}, notALong},
		{notification, "notify_way", true, []string{"1"}, []string{"", "0", "4", "1.0", "01", "系统通知"}},
		{notification, "task_tag", false, []string{"", long(8), "𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷"}, []string{long(9)}},
		{notification, "tag", false, []string{"", long(8)}, []string{long(9)}},
		{notification, "link_type", false, []string{"2", "4"}, []string{"", "0", "1", "3", "x"}},
		{notification, "link_content", false, []string{"", "123"}, []string{"\xff"}},
		{notification, "chuanbo_group", true, []string{"1", "1,2,3"}, []string{"", "a", "1,", ",1", "1, 2", "1;2", "1,,2", "1.0"}},
		{notification, "push_icon", false, []string{"", "https://example.invalid"}, nil},
		{notification, "push_title", true, []string{long(1000)}, []string{""}},
		{notification, "push_content", true, []string{long(1000)}, []string{""}},
		{sms, "msg_sign_id", true, []string{"1"}, notALong},
		{sms, "msg_template", true, []string{long(70)}, []string{"", long(71)}},
		{sms, "push_title", false, nil, nil},
		{voice, "voice_content", true, []string{long(500)}, []string{"", long(501)}},
		{voice, "msg_template", false, []string{long(70)}, []string{long(71)}},
		{notification, "sectionId", false, nil, []string{"1"}},
	} {
		s := start(t, Options{})
		want := 0
		if ok, message := isPushed(t, s, with(test.example, test.name)); ok == test.required || !ok && !strings.HasSuffix(message, ": "+test.name) {
			t.Errorf("%s missing: accepted=%v %s", test.name, ok, message)
		} else if ok {
			want++
		}
		for _, value := range test.good {
			if ok, message := isPushed(t, s, with(test.example, test.name, value)); !ok {
				t.Errorf("%s=%s: %s", test.name, value, message)
			}
			want++
		}
		for _, value := range append(test.bad, "twice") {
			fields := with(test.example, test.name, value)
			if value == "twice" {
				fields = with(test.example, test.name, "1", "1")
			}
			if ok, message := isPushed(t, s, fields); ok || !strings.Contains(message, test.name) {
				t.Errorf("%s=%q: accepted=%v %s", test.name, value, ok, message)
			}
		}
		if got := len(s.Requests()); got != want {
			t.Errorf("%s: %d recorded, want %d", test.name, got, want)
		}
	}
}

func TestChuanboNamesEveryMissingField(t *testing.T) {
	s := start(t, Options{})
	for want, fields := range map[string][]pair{
		"缺少必要参数: connectNo, name, section_id, chuanbo_type_id, notify_way, chuanbo_group": {{"tag", "x"}},
		"缺少必要参数: push_title, push_content":                                                with(with(with(notificationExample, "tag"), "push_title"), "push_content"),
		"缺少必要参数: msg_sign_id, msg_template":                                               with(with(with(smsExample, "tag"), "msg_sign_id"), "msg_template"),
		"参数错误: task_tag 与 tag 重复":                                                         with(with(smsExample, "tag", "x"), "task_tag", "x"),
	} {
		if ok, message := isPushed(t, s, fields); ok || message != want {
			t.Errorf("got %s, want %s", message, want)
		}
	}
}

func TestChuanboForm(t *testing.T) {
	contentType, body := multipartBody(with(smsExample, "tag")...)
	file := strings.Replace(body, `name="msg_template"`, `name="msg_template"; filename="a.txt"`, 1)
	for name, test := range map[string]struct {
		method, contentType, body string
		status                    int
		code                      any
	}{
		"good":            {"POST", contentType, body, 200, 0.0},
		"get":             {"GET", contentType, body, 405, nil},
		"urlencoded":      {"POST", "application/x-www-form-urlencoded", "name=x", 200, 400.0},
		"no content type": {"POST", "", body, 200, 400.0},
		"no boundary":     {"POST", "multipart/form-data", body, 200, 400.0},
		"other boundary":  {"POST", "multipart/form-data; boundary=x", body, 200, 400.0},
		"cut":             {"POST", contentType, body[:len(body)-6], 200, 400.0},
		"cut in a part":   {"POST", contentType, body[:len(body)/2], 200, 400.0},
		"empty":           {"POST", contentType, "", 200, 400.0},
		"file":            {"POST", contentType, file, 200, 400.0},
		"no name":         {"POST", contentType, strings.Replace(body, `; name="msg_template"`, "", 1), 200, 400.0},
	} {
		s := start(t, Options{})
		got := mustDo(t, newClient(t), request(t.Context(), test.method, s.URL()+"/openapi/chuanbo/push_create", test.contentType, test.body))
		var code any
		if got.status == 200 {
			code = object(t, got.body)["code"]
		}
		if got.status != test.status || code != test.code || (len(s.Requests()) == 1) != (test.code == 0.0) {
			t.Errorf("%s: %d %s, %d recorded", name, got.status, got.body, len(s.Requests()))
		}
	}
}

func TestConnectNo(t *testing.T) {
	s := start(t, Options{ConnectNo: "number"})
	if ok, message := isPushed(t, s, with(with(smsExample, "tag"), "connectNo", "other")); ok || message != "connectNo 无效" {
		t.Errorf("accepted=%v %s", ok, message)
	}
	if ok, _ := isPushed(t, s, with(smsExample, "tag")); !ok {
		t.Error("the right number is refused")
	}
	got := mustDo(t, newClient(t), request(t.Context(), "GET", s.URL()+"/openapi/chuanbo/group_list?connectNo=other", "", ""))
	if object(t, got.body)["code"] != 401.0 {
		t.Error(got.body)
	}
}

func TestGroupList(t *testing.T) {
	groups := DefaultGroups()
	if len(groups) < 30 {
		t.Fatalf("%d groups need no second page of 30", len(groups))
	}
	s := start(t, Options{})
	get := func(query string, fields ...pair) map[string]any {
		t.Helper()
		contentType, body := "", ""
		if len(fields) > 0 {
			contentType, body = multipartBody(fields...)
		}
		return object(t, mustDo(t, newClient(t), request(t.Context(), "GET", s.URL()+"/openapi/chuanbo/group_list"+query, contentType, body)).body)
	}
	list := func(answer map[string]any) (ids []int64, about [4]float64) {
		t.Helper()
		if answer["code"] != 0.0 || answer["message"] != "success" {
			t.Fatalf("refused: %v", answer)
		}
		l := answer["data"].(map[string]any)["list"].(map[string]any)
		for _, r := range l["records"].([]any) {
			ids = append(ids, int64(r.(map[string]any)["id"].(float64)))
		}
		return ids, [4]float64{l["total"].(float64), l["size"].(float64), l["current"].(float64), l["pages"].(float64)}
	}
	// Every page of the documented form, a multipart body of the GET, gives each group once.
	var all []int64
	for page := 1; page <= 9; page++ {
		ids, about := list(get("", pair{"connectNo", "number"}, pair{"size", "7"}, pair{"current", strconv.Itoa(page)}))
		if about != [4]float64{60, 7, float64(page), 9} {
			t.Errorf("page %d: %v", page, about)
		}
		all = append(all, ids...)
	}
	var want []int64
	for _, g := range groups {
		want = append(want, g.ID)
	}
	if !slices.Equal(all, want) {
		t.Errorf("got %v, want %v", all, want)
	}
	if ids, about := list(get("?connectNo=number")); len(ids) != 10 || about != [4]float64{60, 10, 1, 6} {
		t.Errorf("defaults: %v %v", ids, about)
	}
	if ids, about := list(get("?connectNo=number&size=100&current=2")); len(ids) != 0 || about != [4]float64{60, 100, 2, 1} {
		t.Errorf("after the end: %v %v", ids, about)
	}
	if ids, _ := list(get("?connectNo=number&size=9223372036854775807&current=9223372036854775807")); len(ids) != 0 {
		t.Errorf("far after the end: %v", ids)
	}
	for _, query := range []string{
		"", "?connectNo=", "?connectNo=n&size=0", "?connectNo=n&current=0", "?connectNo=n&size=x", "?connectNo=n&size=1.0", "?connectNo=n&current=-1", "?connectNo=n&page=1", "?connectNo=n&connectNo=n", "?connectNo=%zz",
	} {
		if answer := get(query); answer["code"] == 0.0 || answer["message"] == "" || len(answer) != 2 {
			t.Errorf("%s: %v", query, answer)
		}
	}
	if answer := get("?connectNo=n", pair{"connectNo", "n"}); answer["code"] == 0.0 {
		t.Errorf("accepted twice the same parameter")
	}
	if n := s.Summary(); n.Endpoints["group_list"] != (Counts{Received: 23, Accepted: 12, Refused: 11}) || n.Received != 0 || len(s.Requests()) != 0 {
		t.Errorf("counts: %+v", n)
	}
}

func TestGroupRecord(t *testing.T) {
	s := start(t, Options{Groups: []Group{
		{ID: 144, Title: "选择标签", Type: 2, Department: "某部门", Status: 1, OperateTime: "2024-06-06 15:19:04", Operator: "demo", People: 3,
			Tags: []Tag{{Code: "work_unit", Name: "工作单位", Value: "太平街道"}}},
		{ID: 145, Title: "导入", Type: 1},
	}})
	got := mustDo(t, newClient(t), request(t.Context(), "GET", s.URL()+"/YX/openapi/chuanbo/group_list?connectNo=n", "", ""))
	records := object(t, got.body)["data"].(map[string]any)["list"].(map[string]any)["records"].([]any)
	// type and status are strings, as in the document's example.
	want := []any{
		map[string]any{
			"id": 144.0, "title": "选择标签", "type": "2", "department": "某部门", "status": "1", "operate_time": "2024-06-06 15:19:04", "operator": "demo", "pnum": 3.0,
			"tags": []any{map[string]any{
				"created_at": 1.7e12, "created_by": "sandbox", "updated_at": 1.7e12, "updated_by": "sandbox", "group_id": 144.0, "tag_code": "work_unit",
				"tag_name": "工作单位", "tenant_id": 1.0, "relational_symbols": "value", "value1": "太平街道",
			}},
		},
		map[string]any{"id": 145.0, "title": "导入", "type": "1", "department": "", "status": "0", "operate_time": "", "operator": "", "pnum": 0.0, "tags": []any{}},
	}
	if diff := cmp.Diff(want, records); diff != "" {
		t.Error(diff)
	}
	if none := start(t, Options{Groups: []Group{}}); !strings.Contains(mustDo(t, newClient(t), request(t.Context(), "GET", none.URL()+"/openapi/chuanbo/group_list?connectNo=n", "", "")).body, `"records":[],"total":0`) {
		t.Error("no groups are not an empty list")
	}
}
