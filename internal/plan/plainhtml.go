package plan

import (
	"bytes"
	"slices"
	"text/template/parse"
)

// Most messages have tags such as <p> and <b>, links, and values between them. There
// html/template escapes each value as text and leaves everything else as it is, and
// finding that out by it takes longer than all else that is done with the message. So
// such HTML is recognised here, and only what is more goes through html/template. A
// test holds the two against each other.

// rawText are elements whose content is no HTML (html/template, specialTagEndMarkers).
var rawText = []string{"script", "style", "textarea", "title"}

// plainAttributes hold text or an address: no script, no style and no list.
var plainAttributes = []string{"href", "src", "class", "id", "alt", "title", "target", "align", "width", "height", "border", "colspan", "rowspan"}

// plainHTML reports whether all values of a tree stand between tags, and each text of it
// has whole tags only, without anything that html/template takes care of.
func plainHTML(l *parse.ListNode) bool {
	if l == nil {
		return true
	}
	for _, n := range l.Nodes {
		switch n := n.(type) {
		case *parse.TextNode:
			if !wholeTags(n.Text) {
				return false
			}
		case *parse.IfNode:
			if !plainHTML(n.List) || !plainHTML(n.ElseList) {
				return false
			}
		}
	}
	return true
}

// wholeTags reports whether each < in a text begins a plain tag that ends in it.
func wholeTags(text []byte) bool {
	for {
		at := bytes.IndexByte(text, '<')
		if at < 0 {
			return true
		}
		rest, ok := plainTag(text[at+1:])
		if !ok {
			return false
		}
		text = rest
	}
}

// plainTag gives what follows a tag whose < is read already: a name, attributes of
// plainAttributes with values in double quotes, and perhaps a slash.
func plainTag(text []byte) (rest []byte, ok bool) {
	text = bytes.TrimPrefix(text, []byte("/"))
	name, text := word(text)
	if len(name) == 0 || name[0] <= '9' || slices.Contains(rawText, string(bytes.ToLower(name))) {
		return nil, false
	}
	for {
		attribute := bytes.TrimLeft(text, " \t\r\n")
		spaced := len(attribute) < len(text)
		text = bytes.TrimPrefix(attribute, []byte("/"))
		if len(text) > 0 && text[0] == '>' {
			return text[1:], true
		}
		key, value := word(text)
		if !spaced || len(text) < len(attribute) || !slices.Contains(plainAttributes, string(key)) || !bytes.HasPrefix(value, []byte(`="`)) {
			return nil, false
		}
		end := bytes.IndexAny(value[2:], `"<>`)
		if end < 0 || value[2+end] != '"' {
			return nil, false
		}
		text = value[2+end+1:]
	}
}

// word cuts a text behind the letters and digits that it begins with.
func word(text []byte) (letters, rest []byte) {
	n := 0
	for n < len(text) && ('a' <= text[n]|0x20 && text[n]|0x20 <= 'z' || '0' <= text[n] && text[n] <= '9') {
		n++
	}
	return text[:n], text[n:]
}
