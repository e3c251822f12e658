package targets

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"mime/multipart"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"campaign/internal/campaign"
)

// Curl renders the request of a message as a curl command for a POSIX shell.
// It is safe to paste: nothing in a text is expanded by the shell, read as a
// file name by curl, or a control character. The secrets are "$NAME", which the
// shell expands: credentials are the account's, headers its fixed headers.
//
// The command sends the request's exact bytes, except that curl chooses the
// boundary of multipart bodies itself.
func Curl(t Target, m Message, credentials, headers map[string]campaign.Credential) (string, error) {
	names := variables(credentials, headers)
	// The stand-ins must not occur in any text: they are made from the request's
	// own digest, so that no text can hold them.
	plain, err := withHeaders(t, m, standins(names, ""), headers)
	if err != nil {
		return "", err
	}
	digest := sha256.Sum256(slices.Concat([]byte(plain.Method+plain.URL+fmt.Sprint(plain.Header)), plain.Body))
	seed := hex.EncodeToString(digest[:16])
	request, err := withHeaders(t, m, standins(names, seed), headers)
	if err != nil {
		return "", err
	}
	q := quoter{}
	for name, variable := range names {
		q.standins = append(q.standins, standin{marker(seed, name), variable})
	}
	slices.SortFunc(q.standins, func(a, b standin) int { return strings.Compare(a.marker, b.marker) })
	return q.command(request)
}

// marker is the stand-in for a secret: letters and digits, which no encoding changes.
func marker(seed, name string) string {
	digest := sha256.Sum256([]byte(seed + name))
	return "Q" + hex.EncodeToString(digest[:16])
}

func standins(names map[string]string, seed string) Secrets {
	secrets := Secrets{}
	for name := range names {
		secrets[name] = campaign.NewSecret(marker(seed, name))
	}
	return secrets
}

// withHeaders builds a request as the runner would send it.
func withHeaders(t Target, m Message, secrets Secrets, headers map[string]campaign.Credential) (Request, error) {
	request, err := t.Request(m, secrets)
	if err != nil {
		return Request{}, err
	}
	if authorizer, ok := t.(Authorizer); ok {
		authorizer.Authorize(request.Header, secrets["token"])
	}
	for name, c := range headers {
		value := c.Literal
		if value == "" {
			value = secrets[headerPrefix+name].Reveal()
		}
		request.Header.Set(name, value)
	}
	return request, nil
}

// quoter writes texts for the shell and puts variables where markers stand.
type quoter struct {
	standins []standin
}

type standin struct{ marker, variable string }

func (q quoter) command(r Request) (string, error) {
	for _, s := range q.standins {
		if strings.Contains(r.URL, s.marker) {
			return "", errors.New("a request with a secret in its address cannot be shown as a curl command: the shell does not escape it")
		}
	}
	fields, isForm := formFields(r)
	var lines []string
	nul := false // no argument of a program can hold one
	add := func(option, argument string) {
		nul = nul || strings.ContainsRune(argument, 0)
		lines = append(lines, option+" "+q.quote(argument))
	}
	add("curl --globoff --request", r.Method)
	add("--url", r.URL)
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		if isForm && name == "Content-Type" {
			continue // curl writes it, with its own boundary
		}
		for _, value := range r.Header[name] {
			if value == "" {
				add("--header", name+";") // curl's way to send an empty header
				continue
			}
			add("--header", name+": "+value)
		}
	}
	switch {
	case isForm:
		for _, f := range fields {
			add("--form-string", f.name+"="+f.value)
		}
	case len(r.Body) > 0:
		add("--data-raw", string(r.Body))
	}
	if nul {
		return "", errors.New("a request with a NUL character cannot be shown as a curl command")
	}
	return strings.Join(lines, " \\\n  "), nil
}

type formField struct{ name, value string }

// formFields takes a multipart body of plain fields apart. Anything else (a
// file, a header of its own, a name that curl would split) is no such body.
func formFields(r Request) ([]formField, bool) {
	media, parameters, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != "multipart/form-data" {
		return nil, false
	}
	var fields []formField
	reader := multipart.NewReader(bytes.NewReader(r.Body), parameters["boundary"])
	for {
		part, err := reader.NextRawPart()
		if errors.Is(err, io.EOF) {
			return fields, true
		}
		if err != nil || part.FileName() != "" || len(part.Header) != 1 || strings.Contains(part.FormName(), "=") {
			return nil, false
		}
		value, err := io.ReadAll(part)
		if err != nil {
			return nil, false
		}
		fields = append(fields, formField{part.FormName(), string(value)})
	}
}

// quote writes one shell word: single quotes around what stands for itself, in
// double quotes the variables, and printf for what a terminal would act upon.
func (q quoter) quote(text string) string {
	var b strings.Builder
	for text != "" {
		at, found := len(text), standin{}
		for _, s := range q.standins {
			if i := strings.Index(text, s.marker); i >= 0 && i < at {
				at, found = i, s
			}
		}
		writeWord(&b, text[:at])
		if found.marker != "" {
			b.WriteString(`"$` + found.variable + `"`)
		}
		text = text[at+len(found.marker):]
	}
	if b.Len() == 0 {
		return "''"
	}
	return b.String()
}

func writeWord(b *strings.Builder, text string) {
	for text != "" {
		safe := run(text, true)
		if safe > 0 {
			b.WriteString("'" + strings.ReplaceAll(text[:safe], "'", `'\''`) + "'")
			text = text[safe:]
			continue
		}
		acting := run(text, false)
		b.WriteString(`"$(printf '`)
		for _, c := range []byte(text[:acting]) {
			fmt.Fprintf(b, `\%03o`, c)
		}
		b.WriteString(`')"`)
		text = text[acting:]
	}
}

// run is the length of the leading stretch of text that is safe to paste, or
// that is not. A line feed is safe inside quotes (and printf would lose it).
func run(text string, safe bool) int {
	for i, r := range text {
		_, size := utf8.DecodeRuneInString(text[i:])
		acts := r == utf8.RuneError && size == 1 ||
			r != '\n' && unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp)
		if acts == safe {
			return i
		}
	}
	return len(text)
}
