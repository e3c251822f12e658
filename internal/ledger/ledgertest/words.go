package ledgertest

import (
	"regexp"
	"testing"
	"unicode"
	"unicode/utf8"
)

var typeName = regexp.MustCompile(`\*?\b(ledger|sqlite|mem|sql|campaign|cbor|errors)\.[A-Za-z]`)

// tidy fails when an error would show a user a Go type name, or begins like a
// sentence.
func tidy(t testing.TB, err error) {
	t.Helper()
	text := err.Error()
	first, _ := utf8.DecodeRuneInString(text)
	if typeName.MatchString(text) || unicode.IsUpper(first) || text == "" {
		t.Errorf("error text %q", text)
	}
}
