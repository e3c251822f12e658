package sandbox

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"
)

// maxDepth bounds the nesting that the JSON reader follows.
const maxDepth = 100

// jsonReader reads JSON text once, front to back, without building a tree.
// Names are compared exactly (encoding/json ignores case), and the types of values are those
// that the caller asks for. The quote is a double one, or a single one for the
// notation of zqt's JsonString values, where \' stands for a quote inside a value.
type jsonReader struct {
	text  []byte
	pos   int
	depth int
	quote byte
}

// problem says what is wrong with a request: where (a path such as to[3].userid,
// empty for the whole) and what, in the language of the upstream.
type problem struct {
	path    string
	text    string
	missing bool // a required value is missing or empty
}

func missing(path string) *problem { return &problem{path: path, missing: true} }

func wrong(format string, args ...any) *problem {
	return &problem{text: fmt.Sprintf(format, args...)}
}

// within puts name in front of p's path, or of each path when several are missing.
func (p *problem) within(name string) *problem {
	if p.path == "" {
		p.path = name
		return p
	}
	if p.path[0] != '[' {
		name += "."
	}
	if p.missing {
		p.path = strings.ReplaceAll(p.path, ", ", ", "+name)
	}
	p.path = name + p.path
	return p
}

// String is the text of a refusal: 缺少必要参数 is the documents' own word.
func (p *problem) String() string {
	switch {
	case p.missing:
		return "缺少必要参数: " + p.path
	case p.path == "":
		return "参数错误: " + p.text
	}
	return "参数错误: " + p.path + " " + p.text
}

func (r *jsonReader) syntax() *problem {
	return wrong("JSON 格式错误 (第 %d 字节)", r.pos)
}

func (r *jsonReader) space() {
	for r.pos < len(r.text) {
		switch r.text[r.pos] {
		case ' ', '\t', '\n', '\r':
			r.pos++
		default:
			return
		}
	}
}

// peek returns the first byte of the next token, 0 at the end.
func (r *jsonReader) peek() byte {
	r.space()
	if r.pos == len(r.text) {
		return 0
	}
	return r.text[r.pos]
}

func (r *jsonReader) take(c byte) bool {
	if r.peek() != c {
		return false
	}
	r.pos++
	return true
}

// end makes sure that nothing follows the value.
func (r *jsonReader) end() *problem {
	r.space()
	if r.pos != len(r.text) {
		return r.syntax()
	}
	return nil
}

// list reads the items between opening and closing, separated by commas.
func (r *jsonReader) list(opening, closing byte, item func(i int) *problem) *problem {
	if !r.take(opening) {
		if opening == '{' {
			return wrong("应为 object")
		}
		return wrong("应为 array")
	}
	r.depth++
	defer func() { r.depth-- }()
	if r.depth > maxDepth {
		return wrong("JSON 嵌套过深")
	}
	if r.take(closing) {
		return nil
	}
	for i := 0; ; i++ {
		if p := item(i); p != nil {
			return p
		}
		if r.take(closing) {
			return nil
		}
		if !r.take(',') {
			return r.syntax()
		}
	}
}

func (r *jsonReader) array(item func(i int) *problem) *problem {
	return r.list('[', ']', func(i int) *problem {
		if p := item(i); p != nil {
			return p.within(fmt.Sprintf("[%d]", i))
		}
		return nil
	})
}

// name reads the name of a member and the colon after it.
func (r *jsonReader) name() ([]byte, *problem) {
	if r.peek() != r.quote {
		return nil, r.syntax()
	}
	name, p := r.string()
	if p == nil && !r.take(':') {
		p = r.syntax()
	}
	return name, p
}

// string reads a string. The result may share memory with the text.
func (r *jsonReader) string() ([]byte, *problem) {
	if !r.take(r.quote) {
		return nil, wrong("应为 string")
	}
	start := r.pos
	for i := start; i < len(r.text); i++ {
		switch c := r.text[i]; {
		case c == r.quote:
			r.pos = i + 1
			if !utf8.Valid(r.text[start:i]) {
				return nil, wrong("不是 UTF-8")
			}
			return r.text[start:i], nil
		case c == '\\':
			r.pos = i
			return r.escaped(r.text[start:i])
		case c < ' ':
			r.pos = i
			return nil, r.syntax()
		}
	}
	return nil, r.syntax()
}

// escaped reads the rest of a string from its first backslash on.
func (r *jsonReader) escaped(head []byte) ([]byte, *problem) {
	out := append(make([]byte, 0, len(head)+64), head...)
	for r.pos < len(r.text) {
		c := r.text[r.pos]
		switch {
		case c == r.quote:
			r.pos++
			if !utf8.Valid(out) {
				return nil, wrong("不是 UTF-8")
			}
			return out, nil
		case c < ' ':
			return nil, r.syntax()
		case c != '\\':
			out = append(out, c)
			r.pos++
		default:
			decoded, ok := r.escape()
			if !ok {
				return nil, r.syntax()
			}
			out = utf8.AppendRune(out, decoded)
		}
	}
	return nil, r.syntax()
}

// escape reads one escape sequence, a pair of surrogates included; a lone
// surrogate is no character and not ok.
func (r *jsonReader) escape() (rune, bool) {
	if r.pos+1 >= len(r.text) {
		return 0, false
	}
	c := r.text[r.pos+1]
	if c != 'u' {
		i := bytes.IndexByte([]byte(`"\/bfnrt`), c)
		if c == '\'' && r.quote == '\'' {
			r.pos += 2
			return '\'', true
		}
		if i < 0 {
			return 0, false
		}
		r.pos += 2
		return rune("\"\\/\b\f\n\r\t"[i]), true
	}
	high, ok := r.hex()
	if !ok || high < 0xD800 || high > 0xDFFF {
		return high, ok
	}
	low, ok := r.hex()
	if !ok || high > 0xDBFF || low < 0xDC00 || low > 0xDFFF {
		return 0, false
	}
	return 0x10000 + (high-0xD800)<<10 + (low - 0xDC00), true
}

// hex reads an escape of four hexadecimal digits.
func (r *jsonReader) hex() (rune, bool) {
	if r.pos+6 > len(r.text) || r.text[r.pos] != '\\' || r.text[r.pos+1] != 'u' {
		return 0, false
	}
	var n rune
	for _, c := range r.text[r.pos+2 : r.pos+6] {
		switch {
		case c >= '0' && c <= '9':
			n = n<<4 | rune(c-'0')
		case c >= 'a' && c <= 'f':
			n = n<<4 | rune(c-'a'+10)
		case c >= 'A' && c <= 'F':
			n = n<<4 | rune(c-'A'+10)
		default:
			return 0, false
		}
	}
	r.pos += 6
	return n, true
}

// number reads a JSON number and returns its text.
func (r *jsonReader) number() ([]byte, bool) {
	r.space()
	start, i := r.pos, r.pos
	digits := func() bool {
		from := i
		for i < len(r.text) && r.text[i] >= '0' && r.text[i] <= '9' {
			i++
		}
		return i > from
	}
	is := func(set string) bool {
		if i < len(r.text) && bytes.IndexByte([]byte(set), r.text[i]) >= 0 {
			i++
			return true
		}
		return false
	}
	is("-")
	if !is("0") && !digits() {
		return nil, false
	}
	if is(".") && !digits() {
		return nil, false
	}
	if is("eE") {
		is("+-")
		if !digits() {
			return nil, false
		}
	}
	r.pos = i
	return r.text[start:i], true
}

// skip reads any value.
func (r *jsonReader) skip() *problem {
	switch r.peek() {
	case '{':
		return r.list('{', '}', func(int) *problem {
			if _, p := r.name(); p != nil {
				return p
			}
			return r.skip()
		})
	case '[':
		return r.list('[', ']', func(int) *problem { return r.skip() })
	case r.quote:
		_, p := r.string()
		return p
	}
	for _, word := range []string{"true", "false", "null"} {
		if bytes.HasPrefix(r.text[r.pos:], []byte(word)) {
			r.pos += len(word)
			return nil
		}
	}
	if _, ok := r.number(); !ok {
		return r.syntax()
	}
	return nil
}

// rule is one documented member of an object.
type rule[T any] struct {
	name     string
	required bool
	read     func(*jsonReader, *T) *problem
}

// readObject reads an object that has the members of rules and no others, each at
// most once. All required members that are missing are named together.
func readObject[T any](r *jsonReader, into *T, rules []rule[T]) *problem {
	var seen uint64
	p := r.list('{', '}', func(int) *problem {
		name, p := r.name()
		if p != nil {
			return p
		}
		for i := range rules {
			if rules[i].name != string(name) {
				continue
			}
			if seen&(1<<i) != 0 {
				return wrong("重复").within(rules[i].name)
			}
			seen |= 1 << i
			if p := rules[i].read(r, into); p != nil {
				return p.within(rules[i].name)
			}
			return nil
		}
		return wrong("文档中没有此参数").within(string(name))
	})
	if p != nil {
		return p
	}
	var absent string
	for i := range rules {
		if rules[i].required && seen&(1<<i) == 0 {
			if absent != "" {
				absent += ", "
			}
			absent += rules[i].name
		}
	}
	if absent != "" {
		return missing(absent)
	}
	return nil
}
