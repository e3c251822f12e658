package sandbox

import (
	"bytes"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// field is one documented parameter of a chuanbo call.
type field struct {
	name     string
	required bool
	forWay   string   // required when notify_way has this value
	long     bool     // an integer
	values   []string // the only values, when there are any
	limit    int      // characters (code points), when over 0
}

// The parameters of push_create: chuanbo-push.txt, 二、创建推送. link_type 0 and 1
// are struck out in the document. The document lost its required column: required
// is what its text and each of its examples require.
var pushFields = []field{
	{name: "connectNo", required: true},
	{name: "name", required: true},
	{name: "section_id", required: true, long: true},
	{name: "chuanbo_type_id", required: true, long: true},
	{name: "chuanbo_directive_id", long: true},
	{name: "notify_way", required: true, values: []string{"1", "2", "3"}},
	{name: "task_tag", limit: 8},
	{name: "tag", limit: 8}, // the examples' name of task_tag
	{name: "link_type", values: []string{"2", "4"}},
	{name: "link_content"},
	{name: "chuanbo_group", required: true},
	{name: "push_icon"},
	{name: "push_title", forWay: "1"},
	{name: "push_content", forWay: "1"},
	{name: "msg_sign_id", forWay: "2", long: true},
	{name: "msg_template", forWay: "2", limit: 70},
	{name: "voice_content", forWay: "3", limit: 500},
}

// The parameters of group_list: chuanbo-push.txt, 一、获取用户组. size is rows a page
// and current the page (the document's two descriptions are swapped).
var groupListFields = []field{
	{name: "connectNo", required: true},
	{name: "size", long: true},
	{name: "current", long: true},
}

// form holds the values of a call's parameters.
type form map[string]string

func (f form) add(name, value string) *problem {
	if _, twice := f[name]; twice {
		return wrong("重复").within(name)
	}
	if !utf8.ValidString(value) {
		return wrong("不是 UTF-8").within(name)
	}
	f[name] = value
	return nil
}

// readMultipart adds the fields of a multipart/form-data body.
func (f form) readMultipart(contentType string, body []byte) *problem {
	kind, params, err := mime.ParseMediaType(contentType)
	if err != nil || kind != "multipart/form-data" || params["boundary"] == "" {
		return wrong("应为 multipart/form-data").within("Content-Type")
	}
	parts := multipart.NewReader(bytes.NewReader(body), params["boundary"])
	for {
		part, err := parts.NextRawPart()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return wrong("表单格式错误")
		}
		value, err := io.ReadAll(part)
		if err != nil {
			return wrong("表单格式错误")
		}
		name := part.FormName()
		if name == "" {
			return wrong("表单缺少参数名称")
		}
		if part.FileName() != "" {
			return wrong("不应为文件").within(name)
		}
		if p := f.add(name, string(value)); p != nil {
			return p
		}
	}
}

// check holds the values against the documented parameters.
func (f form) check(fields []field) *problem {
	for name := range f {
		if !slices.ContainsFunc(fields, func(d field) bool { return d.name == name }) {
			return wrong("文档中没有此参数").within(name)
		}
	}
	var absent []string
	for _, d := range fields {
		if f[d.name] == "" && (d.required || d.forWay != "" && d.forWay == f["notify_way"]) {
			absent = append(absent, d.name)
		}
	}
	if len(absent) > 0 {
		return missing(strings.Join(absent, ", "))
	}
	for _, d := range fields {
		value, given := f[d.name]
		if !given {
			continue
		}
		if p := d.check(value); p != nil {
			return p.within(d.name)
		}
	}
	return nil
}

func (d field) check(value string) *problem {
	if d.long && !isLong(value) {
		return wrong("应为 long")
	}
	if d.values != nil && !slices.Contains(d.values, value) {
		return wrong("应为 %s", strings.Join(d.values, "|"))
	}
	if d.limit > 0 && utf8.RuneCountInString(value) > d.limit {
		return wrong("最多%d个字符", d.limit)
	}
	return nil
}

// isLong reports whether value is a 64-bit integer in its plain decimal form.
func isLong(value string) bool {
	n, err := strconv.ParseInt(value, 10, 64)
	return err == nil && strconv.FormatInt(n, 10) == value
}

// pushChannels names the channel of each notify_way.
var pushChannels = map[string]channel{"1": chuanboNotification, "2": chuanboSMS, "3": chuanboVoice}

// parsePush checks header and body of push_create, connectNo's value excepted.
func parsePush(header http.Header, body []byte) (parcel, form, *problem) {
	f := form{}
	if p := f.readMultipart(header.Get("Content-Type"), body); p != nil {
		return parcel{}, nil, p
	}
	if p := f.check(pushFields); p != nil {
		return parcel{}, nil, p
	}
	if f["task_tag"] != "" && f["tag"] != "" {
		return parcel{}, nil, wrong("与 tag 重复").within("task_tag")
	}
	groups := strings.Split(f["chuanbo_group"], ",")
	for _, id := range groups {
		if !isLong(id) {
			return parcel{}, nil, wrong("应为用户组id, 多个以逗号隔开").within("chuanbo_group")
		}
	}
	return parcel{channel: pushChannels[f["notify_way"]], title: f["name"], to: groups}, f, nil
}

// Codes of refusals: the document knows 0 and 非0 only, so they are the sandbox's own.
const (
	codeParameter = 400
	codeConnectNo = 401
)

// refusedConnectNo tells whether the account's number is not the configured one.
func (s *Server) refusedConnectNo(f form) bool {
	return s.options.ConnectNo != "" && f["connectNo"] != s.options.ConnectNo
}

func chuanboRefused(p *problem) answer { return chuanboAnswer(codeParameter, p.String()) }

func chuanboAnswer(code int, message string) answer {
	return jsonAnswer(http.StatusOK, struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
	}{code, message})
}

// groupList answers group_list; its parameters come in the multipart body of the
// GET, as the document sends them, or in the query.
func (s *Server) groupList(r *http.Request, body []byte) (answer, bool) {
	f := form{}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return chuanboRefused(wrong("查询字符串格式错误")), false
	}
	for name, values := range query {
		for _, v := range values {
			if p := f.add(name, v); p != nil {
				return chuanboRefused(p), false
			}
		}
	}
	if len(body) > 0 {
		if p := f.readMultipart(r.Header.Get("Content-Type"), body); p != nil {
			return chuanboRefused(p), false
		}
	}
	if p := f.check(groupListFields); p != nil {
		return chuanboRefused(p), false
	}
	if s.refusedConnectNo(f) {
		return chuanboAnswer(codeConnectNo, "connectNo 无效"), false
	}
	size, current := f.number("size", 10), f.number("current", 1)
	if size < 1 || current < 1 {
		return chuanboRefused(wrong("应大于 0").within("size, current")), false
	}
	return groupPage(s.options.Groups, size, current), true
}

// number returns a checked integer, or the documented default.
func (f form) number(name string, otherwise int64) int64 {
	if n, err := strconv.ParseInt(f[name], 10, 64); err == nil {
		return n
	}
	return otherwise
}
