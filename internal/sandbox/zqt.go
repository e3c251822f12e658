package sandbox

import (
	"encoding/json"
	"mime"
	"net/http"
	"strings"
)

// parcel is what an accepted request carries, as far as the record keeps it.
type parcel struct {
	channel channel
	title   string
	to      []string // userid/orgid, or group ids
}

// message collects what the rules read. Recipients are gathered in one buffer, so
// that a batch costs one string.
type message struct {
	title []byte
	keys  []byte // userid/orgid, one after the other
	ends  []int
	party party
}

// party is an object of from or to.
type party struct{ userid, orgid []byte }

// The rules of the request body: zqt-msgcenter-send.txt, 请求Body.
var (
	zqtBody = []rule[message]{
		{"sendData", true, func(r *jsonReader, m *message) *problem { return readObject(r, m, zqtSendData) }},
		{"from", true, func(r *jsonReader, m *message) *problem { return readObject(r, &m.party, zqtParty) }},
		{"to", true, readRecipients},
	}
	zqtSendData = []rule[message]{
		{"appid", true, text[message](true)},
		{"appname", true, text[message](true)},
		{"title", true, readTitle},
		{"body", true, text[message](true)},
		{"extMap", false, readExtMap},
		{"msgtype", true, integer[message]("0")},
		{"needpush", false, integer[message]("0", "1")},
		{"params", true, func(r *jsonReader, m *message) *problem { return readObject(r, m, zqtParams) }},
	}
	zqtParams = []rule[message]{
		{"sender", true, text[message](true)},
		{"recipient", false, quoted(readDisplayRecipient)},
		{"hasatt", false, oneOf[message]("0", "1")},
		{"attfiles", false, quoted(readAttachments)},
		// The listed values and those of the document's own example.
		{"msgcategory", true, oneOf[message]("公共公示", "新闻通知", "政策公示", "会议通知", "通知公告")},
		{"msglevel", true, oneOf[message]("紧急", "重要", "普通", "一般")},
		{"needreply", false, oneOf[message]("0", "1")},
		{"needsms", false, oneOf[message]("0", "1")},
		{"redirect_pc", false, text[message](false)},
		{"redirect_app", false, text[message](false)},
	}
	zqtParty = []rule[party]{
		{"userid", true, func(r *jsonReader, p *party) (bad *problem) { p.userid, bad = r.filled(); return bad }},
		{"usertype", true, integer[party]("1", "2")},
		{"orgid", true, func(r *jsonReader, p *party) (bad *problem) { p.orgid, bad = r.filled(); return bad }},
		{"deptid", false, text[party](false)},
	}
	zqtDisplayRecipient = []rule[struct{}]{
		{"orgId", false, text[struct{}](false)},
		{"esNameList", false, texts},
		{"companyIdList", false, texts},
		{"linkmenTypeList", false, texts},
	}
	zqtAttachment = []rule[struct{}]{
		{"name", true, text[struct{}](false)},
		{"path", true, text[struct{}](false)},
	}
)

// filled reads a string that must not be empty.
func (r *jsonReader) filled() ([]byte, *problem) {
	value, p := r.string()
	if p == nil && len(value) == 0 {
		p = missing("")
	}
	return value, p
}

func text[T any](required bool) func(*jsonReader, *T) *problem {
	return func(r *jsonReader, _ *T) *problem {
		value, p := r.string()
		if p == nil && required && len(value) == 0 {
			p = missing("")
		}
		return p
	}
}

func texts(r *jsonReader, _ *struct{}) *problem {
	return r.array(func(int) *problem {
		_, p := r.string()
		return p
	})
}

// integer reads an int that is one of values: a number without fraction or
// exponent, never a string.
func integer[T any](values ...string) func(*jsonReader, *T) *problem {
	return func(r *jsonReader, _ *T) *problem {
		value, ok := r.number()
		if !ok || strings.ContainsAny(string(value), ".eE") {
			return wrong("应为 int")
		}
		return among(value, values)
	}
}

// oneOf reads a string that is one of values.
func oneOf[T any](values ...string) func(*jsonReader, *T) *problem {
	return func(r *jsonReader, _ *T) *problem {
		value, p := r.string()
		if p != nil {
			return p
		}
		return among(value, values)
	}
}

func among(value []byte, values []string) *problem {
	for _, v := range values {
		if string(value) == v {
			return nil
		}
	}
	if len(value) == 0 {
		return missing("")
	}
	return wrong("应为 %s", strings.Join(values, "|"))
}

// quoted reads a JsonString: a string that holds JSON in single quotes.
func quoted(read func(*jsonReader) *problem) func(*jsonReader, *message) *problem {
	return func(r *jsonReader, _ *message) *problem {
		value, p := r.string()
		if p != nil {
			return p
		}
		inner := jsonReader{text: value, quote: '\''}
		if p := read(&inner); p != nil {
			return p
		}
		return inner.end()
	}
}

func readDisplayRecipient(r *jsonReader) *problem {
	return readObject(r, &struct{}{}, zqtDisplayRecipient)
}

func readAttachments(r *jsonReader) *problem {
	return r.array(func(int) *problem { return readObject(r, &struct{}{}, zqtAttachment) })
}

func readTitle(r *jsonReader, m *message) (p *problem) {
	m.title, p = r.filled()
	return p
}

func readExtMap(r *jsonReader, _ *message) *problem {
	if r.peek() != '{' {
		return wrong("应为 object")
	}
	return r.skip()
}

// readRecipients reads to: one or more of the four-member objects.
func readRecipients(r *jsonReader, m *message) *problem {
	p := r.array(func(int) *problem {
		if p := readObject(r, &m.party, zqtParty); p != nil {
			return p
		}
		m.keys = append(append(append(m.keys, m.party.userid...), '/'), m.party.orgid...)
		m.ends = append(m.ends, len(m.keys))
		return nil
	})
	if p == nil && len(m.ends) == 0 {
		return missing("")
	}
	return p
}

// decodeZQT checks the body of a send request against the document.
func decodeZQT(body []byte) (parcel, *problem) {
	var m message
	r := jsonReader{text: body, quote: '"'}
	p := readObject(&r, &m, zqtBody)
	if p == nil {
		p = r.end()
	}
	if p != nil {
		return parcel{}, p
	}
	keys, start := string(m.keys), 0
	out := parcel{channel: zqtMessage, title: string(m.title), to: make([]string, len(m.ends))}
	for i, end := range m.ends {
		out.to[i] = keys[start:end]
		start = end
	}
	return out, nil
}

// parseZQT checks header and body of a send request.
func parseZQT(header http.Header, body []byte) (parcel, *problem) {
	kind := header.Get("Content-Type")
	if kind != "application/json" {
		if parsed, _, err := mime.ParseMediaType(kind); err != nil || parsed != "application/json" {
			return parcel{}, wrong("应为 application/json").within("Content-Type")
		}
	}
	return decodeZQT(body)
}

// zqtAccepted is the documented answer of success; data is the outbox id.
func zqtAccepted(outbox string) answer {
	return jsonAnswer(http.StatusOK, struct {
		Data   string `json:"data"`
		Msg    string `json:"msg"`
		OK     bool   `json:"oK"`
		Status int    `json:"status"`
	}{outbox, "success", true, 200})
}

// zqtRefused is the documented answer 返回失败: 400, with data telling what is
// missing or wrong.
func zqtRefused(httpStatus int, data string) answer {
	return jsonAnswer(httpStatus, struct {
		Data   string `json:"data"`
		Msg    string `json:"msg"`
		Status int    `json:"status"`
	}{data, "fail", 400})
}

// zqtUnauthorized is the documented answer 返回失败: 401. Like the document's
// example it repeats the token: a client must not carry it into its reports.
func zqtUnauthorized(token string) answer {
	return jsonAnswer(http.StatusUnauthorized, struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}{"invalid_token", "Invalid access token: " + token})
}

// jsonAnswer is an answer with a JSON body, characters of HTML left as they are.
func jsonAnswer(status int, value any) answer {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(value); err != nil {
		return answer{status: http.StatusInternalServerError, kind: "text/plain; charset=utf-8", body: err.Error()}
	}
	return answer{status: status, kind: "application/json;charset=UTF-8", body: b.String()}
}
