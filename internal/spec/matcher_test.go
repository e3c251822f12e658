package spec

import (
	"regexp"
	"testing"
)

// TestMatcher holds what is found without a regular expression against one.
func TestMatcher(t *testing.T) {
	texts := []string{"", " ", "a", "A", "{{", "{ {", "x {{ .a }}", "\u3000\t\r\n", "\u3000一", "9", "é", "\xff", "\uFFFD", "\n", "kK\u212A"}
	for _, pattern := range []string{`\{\{`, `[^ \t\r\n　]`, `[a-f]`, `[^a]`, `(?i)k`, `(?i)[k]`, `^a`, `a$`, `a|b`, `[0-9]+`, ``, `.`, `[^\x{FFFD}]`} {
		match, want := matcher(pattern), regexp.MustCompile(pattern)
		for _, text := range texts {
			if got := match(text); got != want.MatchString(text) {
				t.Errorf("%s in %q: %v", pattern, text, got)
			}
		}
	}
}

// TestNamesSecret looks for words before a regular expression does, and finds the same.
func TestNamesSecret(t *testing.T) {
	for _, key := range []string{"token", "Tokens", "api-key", "api_key", "APIKEY", "apikey", "my.secret", "secretary", "passwd", "db_password", "PWD", "x-credentials",
		"authorization", "monkey", "privatekey", "口令", "登录密码", "密钥", "密码本", "company", "", "to\u212Aen", "pa\u017F\u017Fwd", "api\u212Aey", "private-\u212Aey"} {
		if got := namesSecret(key); got != secretName.MatchString(key) {
			t.Errorf("%q: %v", key, got)
		}
	}
}
