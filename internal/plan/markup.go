package plan

import (
	"bytes"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/net/html"

	"campaign/internal/campaign"
	"campaign/internal/targets"
)

// Rules of warnings about HTML. What is sent stays as it is written: the platform
// shows it in a viewer that nobody here knows, so nothing is repaired.
const (
	ruleTag        = "html-tag"        // a tag or comment without its end
	ruleUnclosed   = "html-unclosed"   // an element that is never closed
	ruleNesting    = "html-nesting"    // end tags in another order than their start tags, or without one
	ruleScript     = "html-script"     // a script
	ruleHandler    = "html-handler"    // an attribute that runs a script
	ruleJavaScript = "html-javascript" // an address that runs a script
	ruleForm       = "html-form"       // a form that sends to another host
)

// Bounds of what is said about one text: who wrote more has another problem.
const (
	markupFaults = 50   // warnings that are shown
	maxFaults    = 1000 // that are counted
	maxDepth     = 500  // elements inside of each other; deeper ones are not held against their end tags
)

// voids have no content and no end tag (HTML Standard, 13.1.2).
var voids = []string{"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr"}

// optional end tags may be left out (HTML Standard, 13.1.2.4).
var optional = []string{"p", "li", "dt", "dd", "rt", "rp", "option", "optgroup", "tr", "td", "th", "thead", "tbody", "tfoot", "colgroup", "caption", "html", "head", "body"}

// addresses are attributes that hold one.
var addresses = []string{"href", "src", "action", "formaction", "xlink:href", "data", "background", "poster", "cite", "longdesc"}

// checkMarkup looks at the HTML of the texts.
func (p *Plan) checkMarkup() (ds []campaign.Diagnostic) {
	for i, t := range p.spec.Layout.Texts {
		if t.Escape != targets.HTML {
			continue
		}
		texts := []string{t.Source}
		if p.programs[i] != nil {
			texts = p.programs[i].variants
		}
		for _, f := range markupOf(texts) {
			d := p.inText(i, f)
			d.Warning = true
			ds = append(ds, d)
		}
	}
	return ds
}

// markupOf gives what is worth a warning in the variants of a text of HTML: template
// actions count as blanks, and every way through its conditions is looked at.
func markupOf(variants []string) (found []fault) {
	for _, text := range variants {
		m := &markup{source: text}
		m.read()
		for _, f := range m.found {
			if !slices.ContainsFunc(found, func(g fault) bool { return g.at == f.at && g.rule == f.rule }) {
				found = append(found, f)
			}
		}
	}
	slices.SortStableFunc(found, func(a, b fault) int { return a.at - b.at })
	if n := len(found) - markupFaults; n > 0 {
		found = found[:markupFaults]
		found[markupFaults-1].message += fmt.Sprintf("; %d more of the same kinds follow", n)
	}
	return found
}

// markup reads one text with a tokenizer of the HTML Standard, which gives no
// positions: they are the sum of what it has read.
type markup struct {
	source  string
	open    []element
	deep    bool     // more than maxDepth were open: which ones is not known any more
	told    []string // names of elements whose missing end was told at another's end tag
	foreign int      // open svg and math elements, in which /> ends an element
	found   []fault
}

type element struct {
	name string
	at   int
}

func (m *markup) fault(at int, rule, message, hint string) {
	if len(m.found) == maxFaults {
		return
	}
	m.found = append(m.found, fault{at: at, rule: rule, message: message, hint: hint})
}

func (m *markup) read() {
	z := html.NewTokenizer(strings.NewReader(m.source))
	for at := 0; ; {
		kind := z.Next()
		raw := z.Raw() // before Token, which changes it
		if kind == html.ErrorToken {
			if at < len(m.source) {
				m.fault(at, ruleTag, "the tag that begins here has no end", "close it with >, and its quotes")
			}
			break
		}
		if kind == html.CommentToken {
			m.comment(at, raw)
		}
		size := len(raw)
		if kind == html.StartTagToken || kind == html.SelfClosingTagToken || kind == html.EndTagToken {
			places := places(raw)
			m.tag(at, kind, z.Token(), places)
		}
		at += size
	}
	for _, e := range m.open {
		if !slices.Contains(optional, e.name) {
			m.unclosed(e)
		}
	}
}

func (m *markup) comment(at int, raw []byte) {
	if bytes.HasPrefix(raw, []byte("<!--")) && !bytes.HasSuffix(raw, []byte("-->")) && !bytes.HasSuffix(raw, []byte("--!>")) {
		m.fault(at, ruleTag, "the comment that begins here has no end: nothing behind it is shown", "end it with -->")
	}
}

func (m *markup) unclosed(e element) {
	m.fault(e.at, ruleUnclosed, fmt.Sprintf("<%s> is never closed", e.name), fmt.Sprintf("add </%s> where it ends", e.name))
}

// tag takes a tag on. places are where its attributes stand in it.
func (m *markup) tag(at int, kind html.TokenType, t html.Token, places map[string]int) {
	if kind == html.EndTagToken {
		m.end(at, t.Data)
		return
	}
	m.attributes(at, t, places)
	if t.Data == "script" {
		m.fault(at, ruleScript, "a script: no reader of messages runs it, and some refuse the message", "remove it")
	}
	void := slices.Contains(voids, t.Data)
	if kind == html.SelfClosingTagToken && !void && m.foreign == 0 && t.Data != "svg" && t.Data != "math" {
		m.fault(at, ruleUnclosed, fmt.Sprintf("/> does not close <%s> in HTML", t.Data), fmt.Sprintf("write <%s></%s>", t.Data, t.Data))
		return
	}
	if kind == html.SelfClosingTagToken || void {
		return
	}
	if t.Data == "svg" || t.Data == "math" {
		m.foreign++
	}
	if m.deep = m.deep || len(m.open) == maxDepth; m.deep {
		m.open = nil
		return
	}
	m.open = append(m.open, element{t.Data, at})
}

// end takes an end tag on: it closes the last element of its name, and those inside
// of it whose end tags may be left out.
func (m *markup) end(at int, name string) {
	if slices.Contains(voids, name) {
		m.fault(at, ruleNesting, fmt.Sprintf("</%s>: <%s> has no content and no end tag", name, name), "remove it")
		return
	}
	if m.deep {
		return
	}
	i := len(m.open) - 1
	for i >= 0 && m.open[i].name != name {
		i--
	}
	if i < 0 {
		if j := slices.Index(m.told, name); j >= 0 { // its start tag was complained about
			m.told = slices.Delete(m.told, j, j+1)
			return
		}
		m.fault(at, ruleNesting, fmt.Sprintf("</%s> has no <%s> before it", name, name), "remove it, or add the start tag")
		return
	}
	for _, e := range m.open[i+1:] {
		if slices.Contains(optional, e.name) {
			continue
		}
		m.fault(e.at, ruleNesting, fmt.Sprintf("<%s> is still open where <%s>, which stands around it, ends", e.name, name),
			fmt.Sprintf("write </%s> before </%s>", e.name, name))
		m.told = append(m.told, e.name)
	}
	for _, e := range m.open[i:] {
		if e.name == "svg" || e.name == "math" {
			m.foreign--
		}
	}
	m.open = m.open[:i]
}

func (m *markup) attributes(at int, t html.Token, places map[string]int) {
	for _, a := range t.Attr {
		key := a.Key
		if a.Namespace != "" {
			key = a.Namespace + ":" + a.Key
		}
		at := at + places[key]
		switch {
		case len(key) > 2 && strings.HasPrefix(key, "on"):
			m.fault(at, ruleHandler, key+" runs a script: no reader of messages does, and some refuse the message", "remove it")
		case slices.Contains(addresses, key) && scripted(a.Val):
			m.fault(at, ruleJavaScript, key+" runs a script instead of leading somewhere", "give an address that begins with https://")
		case key == "formaction" || key == "action" && t.Data == "form":
			if host := remote(a.Val); host != "" {
				m.fault(at, ruleForm, fmt.Sprintf("a form that sends what people enter to %s", host), "link to the page that has the form")
			}
		}
	}
}

// scripted reports whether an address is a script. Browsers drop control characters
// and white space at its beginning, and line ends and tabs in it (URL Standard, 4.4).
func scripted(address string) bool {
	address = strings.NewReplacer("\t", "", "\n", "", "\r", "").Replace(address)
	address = strings.ToLower(strings.TrimLeftFunc(address, func(r rune) bool { return r <= ' ' }))
	return strings.HasPrefix(address, "javascript:") || strings.HasPrefix(address, "vbscript:")
}

// remote gives the host of an address that names one.
func remote(address string) string {
	u, err := url.Parse(strings.TrimSpace(address))
	switch {
	case err == nil && u.Host != "":
		return u.Host
	case err != nil && strings.Contains(address, "//"):
		return "another host"
	case err == nil && u.Scheme == "mailto":
		return "a mail address"
	}
	return ""
}

// places gives where each attribute's name begins in a start tag, by the name in
// lower case. It goes by the states of the HTML Standard, 13.2.5.32 to 13.2.5.39,
// as the tokenizer does; of several with one name the first counts.
func places(raw []byte) map[string]int {
	at := 1
	for at < len(raw) && !bytes.ContainsRune([]byte(" \n\r\t\f/>"), rune(raw[at])) {
		at++
	}
	if at < len(raw) && raw[at] == '>' {
		return nil
	}
	found := map[string]int{}
	for at < len(raw) {
		at += skip(raw[at:], " \n\r\t\f/")
		from := at
		if at < len(raw) && raw[at] == '=' {
			at++
		}
		at += span(raw[at:], " \n\r\t\f/>=")
		if at == from {
			break // the end of the tag
		}
		key := strings.ToLower(string(raw[from:at]))
		if _, ok := found[key]; !ok {
			found[key] = from
		}
		at += skip(raw[at:], " \n\r\t\f")
		if at < len(raw) && raw[at] == '=' {
			at++
			at += skip(raw[at:], " \n\r\t\f")
			at += valueSize(raw[at:])
		}
	}
	return found
}

// valueSize is the size of the attribute's value that a text begins with.
func valueSize(raw []byte) int {
	if len(raw) > 0 && (raw[0] == '"' || raw[0] == '\'') {
		if end := bytes.IndexByte(raw[1:], raw[0]); end >= 0 {
			return end + 2
		}
		return len(raw)
	}
	return span(raw, " \n\r\t\f>")
}

// skip counts the bytes of set that a text begins with, span those before one of set.
func skip(raw []byte, set string) int { return len(raw) - len(bytes.TrimLeft(raw, set)) }

func span(raw []byte, set string) int {
	if n := bytes.IndexAny(raw, set); n >= 0 {
		return n
	}
	return len(raw)
}
