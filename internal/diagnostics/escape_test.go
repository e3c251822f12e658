package diagnostics

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

func TestEscapeJSON(t *testing.T) {
	for _, text := range []string{"", "plain", "公告", "\x00\x1b[31m\x7f\u0085\u009b2J\u061c\u200f\u202e\u2066\u2028\u2029", "\u202e", "甲\u202e乙", "\U0001f600\u009f", "\xff\x80"} {
		var b strings.Builder
		e := json.NewEncoder(EscapeJSON(&b))
		if err := e.Encode(map[string]string{text: text}); err != nil {
			t.Fatal(err)
		}
		if strings.ContainsFunc(strings.TrimSuffix(b.String(), "\n"), control) {
			t.Errorf("%q is not inert", b.String())
		}
		want, _ := json.Marshal(map[string]string{text: text})
		var got, same map[string]string
		if err := errors.Join(json.Unmarshal([]byte(b.String()), &got), json.Unmarshal(want, &same)); err != nil {
			t.Fatal(err)
		}
		if want := strings.ToValidUTF8(text, "\ufffd\ufffd"); len(got) != 1 || got[want] != same[want] {
			t.Errorf("%q is read as %q", text, got)
		}
	}
	if _, err := EscapeJSON(failing{}).Write([]byte("\u202e")); !errors.Is(err, errFull) {
		t.Error(err)
	}
}
