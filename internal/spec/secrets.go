package spec

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"campaign/internal/campaign"
)

// Texts that are certainly secrets: a key in PEM, and access keys that their makers gave
// a form so that they are found.
var certainSecrets = []struct {
	form  *regexp.Regexp
	what  string
	marks []string // one of them is in each: looking for them is quick
}{
	{regexp.MustCompile(`-----BEGIN [A-Z ]*PRIVATE KEY-----`), "a private key", []string{"PRIVATE KEY"}},
	{regexp.MustCompile(`\b(?:gh[pousr]_[A-Za-z0-9]{36}|glpat-[A-Za-z0-9_-]{20}|(?:AKIA|ASIA)[A-Z0-9]{16}|LTAI[A-Za-z0-9]{16,20})\b`), "an access key",
		[]string{"ghp_", "gho_", "ghu_", "ghs_", "ghr_", "glpat-", "AKIA", "ASIA", "LTAI"}},
}

// authorization is the value of such a header: its scheme, and what follows. A title may
// look like one, as "Basic information/registration" does.
var authorization = regexp.MustCompile(`(?i)^\s*(bearer|basic)\s+([a-z0-9._~+/-]{16,}=*)\s*$`)

// jsonWebToken is a token that says who somebody is. In a message it may be meant.
var jsonWebToken = regexp.MustCompile(`\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{16,}`)

// secretName is a key whose value is a secret by what people call such values.
var secretName = regexp.MustCompile(`(?i)(?:^|[._-])(?:tokens?|secrets?|passwords?|passwd|pwd|authorization|credentials?|(?:api|access|private|secret)[._-]?key)$|(?:口令|密码|密钥)$`)

// secretWords are in each name that secretName finds, letters beyond ASCII aside that
// count as some of it.
var secretWords = []string{"token", "secret", "passw", "pwd", "authorization", "credential", "key"}

// namesSecret reports whether a key's value is a secret by what people call such values.
func namesSecret(key string) bool {
	small := strings.ToLower(key)
	mayBe := strings.ContainsFunc(small, func(r rune) bool { return r >= utf8.RuneSelf }) ||
		slices.ContainsFunc(secretWords, func(word string) bool { return strings.Contains(small, word) })
	return mayBe && secretName.MatchString(key)
}

// otherName is a key whose value is long and has no words by what it is: an id, or a
// digest of something.
var otherName = regexp.MustCompile(`(?i)(?:id|digest|hash|md5|sha[0-9_-]*|checksum|commit|etag)$|(?:编号|摘要|校验和)$`)

// Long texts without a word in them.
var (
	hex        = regexp.MustCompile(`(?i)^[0-9a-f-]*[0-9][0-9a-f-]*$`)
	digits     = regexp.MustCompile(`^[0-9]+$`)
	longHex    = regexp.MustCompile(`^(?:[0-9a-f]{32,}|[0-9A-F]{32,})$`)
	longBase64 = regexp.MustCompile(`^[A-Za-z0-9+/_-]{32,}={0,2}$`)
)

// Bytes that there are at least: in what is certainly a secret, and in a token or a long
// text without a word.
const (
	shortSecret = 20
	shortText   = 32
)

// certainSecret says what secret a text certainly holds; empty: none.
func certainSecret(text string) string {
	if len(text) < shortSecret {
		return ""
	}
	for _, s := range certainSecrets {
		marked := slices.ContainsFunc(s.marks, func(mark string) bool { return strings.Contains(text, mark) })
		if marked && s.form.MatchString(text) {
			return s.what
		}
	}
	if m := headerValue(text); m != nil && grantsAccess(m[1], m[2]) {
		return authorizationValue
	}
	return ""
}

// headerValue gives the whole of an authorization header's value, its scheme and what
// follows; nil: a text is none.
func headerValue(text string) []string {
	if begin := strings.TrimLeft(text, " \t\r\n\f"); begin == "" || begin[0]|0x20 != 'b' { // as both schemes begin
		return nil
	}
	return authorization.FindStringSubmatch(text)
}

const authorizationValue = "the value of an authorization header"

// grantsAccess tells what an authorization header holds from words behind its scheme: a
// user's name and password are packed with a colon between (RFC 7617), tokens are drawn.
func grantsAccess(scheme, credentials string) bool {
	if strings.EqualFold(scheme, "basic") {
		pair, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(credentials, "="))
		return err == nil && bytes.ContainsRune(pair, ':') && utf8.Valid(pair)
	}
	return jsonWebToken.MatchString(credentials) || hex.MatchString(credentials) || drawn(credentials)
}

// likelySecret says why the value of a key looks like a secret; empty: it does not.
func likelySecret(key, text string) string {
	plain := strings.TrimSpace(text)
	switch {
	case plain == "" || strings.Contains(plain, "{{"):
		return ""
	case namesSecret(key) && isASCII(plain): // else it speaks of one
		return "its name says that it is one"
	case len(plain) >= shortText && jsonWebToken.MatchString(plain), headerValue(plain) != nil:
		return "it is a token"
	case len(plain) < shortText:
		return ""
	case otherName.MatchString(key), digits.MatchString(plain):
		return ""
	case longHex.MatchString(plain), longBase64.MatchString(plain) && drawn(plain):
		return "it is long and has no words"
	}
	return ""
}

// drawn reports whether a text of letters and digits looks as if it was drawn by lot:
// capitals, small letters and digits follow each other without order, as they do not in
// words and numbers.
func drawn(text string) bool {
	classes := [4]bool{}
	changes, last := 0, -1
	for i := range len(text) {
		class := 3
		switch c := text[i]; {
		case 'a' <= c && c <= 'z':
			class = 0
		case 'A' <= c && c <= 'Z':
			class = 1
		case '0' <= c && c <= '9':
			class = 2
		}
		if classes[class] = true; class != last && last >= 0 {
			changes++
		}
		last = class
	}
	return classes[0] && classes[1] && classes[2] && 5*changes >= 2*len(text)
}

func isASCII(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r >= utf8.RuneSelf })
}

// secretHints say where a secret belongs.
const (
	secretHint     = "take it out of the file, and have a new one given out: whoever has seen the file knows this one; accounts refer to secrets as {env: NAME} or {file: PATH}"
	mayBeSecret    = "everybody who gets the message or sees the file can read it; if it is none, write # campaign: ignore=likely-secret above it"
	mayBeInAccount = "refer to it instead: {env: NAME}; if it is none, write # campaign: ignore=likely-secret above it"
)

// openSecrets reports texts of a campaign that are secrets, or look like some. Lists of
// recipients are left out but for what is certain: ids look like anything.
func (l *loader) openSecrets(root val) {
	keys, _ := root.v.(map[string]any)
	path := make([]string, 1, maxDepth) // of the value that is looked at
	for key, value := range keys {
		path[0] = key
		l.secretsBelow(value, path, key == "vars" || key == "labels")
	}
}

// secretsBelow looks at a value and what is in it. guess: also at what is only likely.
func (l *loader) secretsBelow(value any, path []string, guess bool) {
	switch v := value.(type) {
	case map[string]any:
		for name, item := range v {
			l.secretsBelow(item, append(path, name), guess || len(path) == 1 && path[0] == "content" && name == "ext")
		}
	case []any:
		for i, item := range v {
			l.secretsBelow(item, append(path, strconv.Itoa(i)), guess)
		}
	case string:
		l.openSecret(v, path, guess)
	}
}

func (l *loader) openSecret(text string, path []string, guess bool) {
	what, why := certainSecret(text), ""
	if what == "" && guess {
		why = likelySecret(path[len(path)-1], text)
	}
	if what == "" && why == "" {
		return
	}
	v := val{v: text}
	for _, segment := range path {
		v.in = join(v.in, segment)
	}
	if what != "" {
		l.problem(v, ruleInlineSecret, fmt.Sprintf("%s is %s, written out in the file", name(v.at()), what), secretHint)
		return
	}
	l.warning(v, ruleLikelySecret, fmt.Sprintf("%s looks like a secret: %s", name(v.at()), why), mayBeSecret)
}

// headerSecret reports the value of an account's header that is a secret, or looks like
// one.
func (l *loader) headerSecret(v val, header string) {
	what := certainSecret(v.text())
	if what == "" && authorization.MatchString(v.text()) {
		what = authorizationValue
	}
	if what == "" && jsonWebToken.MatchString(v.text()) {
		what = "a token"
	}
	if what != "" {
		l.problem(v, ruleInlineSecret, fmt.Sprintf("the header %s is %s, written out in the file", header, what), "refer to it instead: {env: NAME}, and have a new one given out")
		return
	}
	if why := likelySecret(header, v.text()); why != "" {
		l.warning(v, ruleLikelySecret, fmt.Sprintf("the header %s looks like a secret: %s", header, why), mayBeInAccount)
	}
}

// tellsSecret reports whether a problem is about a value that must not be shown.
func tellsSecret(p campaign.Problem) bool {
	return !p.Key && (p.Rule == ruleInlineSecret || p.Rule == ruleLikelySecret || secret(p.Pointer))
}
