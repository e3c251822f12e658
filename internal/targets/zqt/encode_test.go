package zqt

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

// checkString holds appendString against encoding/json, byte for byte: without
// HTML escaping, and with the two line separators, which it escapes needlessly,
// turned back.
func checkString(t interface{ Fatalf(string, ...any) }, text string) {
	got, err := appendString([]byte("x"), text)
	if !utf8.ValidString(text) {
		if err == nil {
			t.Fatalf("%q is taken", text)
		}
		return
	}
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	var oracle bytes.Buffer
	encoder := json.NewEncoder(&oracle)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(text); err != nil {
		t.Fatalf("%v", err)
	}
	// A backslash in front of u2028 is escaped itself, so that pairs are cut first.
	want := strings.NewReplacer(`\\`, `\\`, `\u2028`, "\u2028", `\u2029`, "\u2029").Replace(strings.TrimSuffix(oracle.String(), "\n"))
	if string(got) != "x"+want {
		t.Fatalf("%q: got %s, want %s", text, got[1:], want)
	}
}

func FuzzString(f *testing.F) {
	for _, seed := range []string{"", "abc", "\x00\x1f\x7f", "\"\\/'", "<a href=\"x\">&</a>", "清查公告\u2028\u2029", `\u2028`, "😀", "\xff", "a\xc3"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) { checkString(t, text) })
}

func TestStringAgainstEncodingJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		checkString(t, rapid.String().Draw(t, "text"))
		checkString(t, string(rapid.SliceOf(rapid.Byte()).Draw(t, "bytes")))
	})
}

// unquote reads single-quoted JSON text by turning its quotes around: \' becomes
// ' and what is left is JSON.
func unquote(text string) string {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '\'':
			b.WriteByte('"')
		case text[i] == '\\' && text[i+1] == '\'':
			b.WriteByte('\'')
			i++
		case text[i] == '\\':
			b.WriteString(text[i : i+2])
			i++
		default:
			b.WriteByte(text[i])
		}
	}
	return b.String()
}

func TestSingleQuoted(t *testing.T) {
	for text, want := range map[string]string{
		"":           `''`,
		"附件1":        `'附件1'`,
		"it's":       `'it\'s'`,
		`\'`:         `'\\\''`,
		"a\\":        `'a\\'`,
		"\n\r\t\x01": `'\n\r\t\u0001'`,
		`"`:          `'\"'`,
	} {
		if got := string(appendSingleQuoted(nil, text)); got != want {
			t.Errorf("%q: got %s, want %s", text, got, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		texts := rapid.SliceOf(rapid.String()).Draw(t, "texts")
		var back []string
		list := string(appendList(nil, texts))
		if err := json.Unmarshal([]byte(unquote(list)), &back); err != nil || len(back) != len(texts) {
			t.Fatalf("%s: %v", list, err)
		}
		for i := range texts {
			if back[i] != texts[i] {
				t.Fatalf("%q came back as %q", texts[i], back[i])
			}
		}
	})
}
