package campaign

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

func TestNotice(t *testing.T) {
	about := Notice{Event: NoticeEnded, At: time.Unix(0, 0).UTC(), Campaign: "c", ExitCode: 3, Text: "已\"完成\"\n</script>", Recipients: Counts{Planned: 2, Accepted: 2}}
	for body, want := range map[string]string{
		`{"msgtype":"text","text":{"content":{{json .Text}}}}`:              `{"msgtype":"text","text":{"content":"已\"完成\"\n\u003c/script\u003e"}}`,
		`{{if .ExitCode}}{"bad":{{.ExitCode}}}{{else}}{}{{end}}`:            `{"bad":3}`,
		`{"n":{{.Recipients.Accepted}},"all":{{json .Recipients.Planned}}}`: `{"n":2,"all":2}`,
	} {
		n, err := ParseNotice(body)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := n.Body(about); err != nil || string(got) != want {
			t.Errorf("%s gives %s, %v", body, got, err)
		}
	}
	plain, err := ParseNotice("")
	if err != nil {
		t.Fatal(err)
	}
	data, err := plain.Body(about)
	var back Notice
	if err != nil || json.Unmarshal(data, &back) != nil || back != about {
		t.Errorf("%s %v", data, err)
	}
	for body, want := range map[string]string{
		`{"text":"{{.Text}}"}`: "quotes", "{{.Nothing}}": "Nothing", "{{": "unclosed", "hello": "no JSON", `{{call .Text}}`: "call",
	} {
		if _, err := ParseNotice(body); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", body, err)
		}
	}
}
