package plan

import (
	"errors"
	"fmt"
	htmltemplate "html/template"
	"net/url"
	"slices"
	"strings"
	"text/template/parse"
	"time"

	"campaign/internal/recipients"
	"campaign/internal/targets"
)

// program is a text that is ready to be rendered. Nodes are run directly: it is
// many times faster than text/template, whose reflection costs microseconds a
// recipient.
type program struct {
	nodes  []node
	slots  []int // variables that it reads
	values []printed
	when   []expr
	// html renders texts whose values stand where only html/template knows how to
	// escape them (scripts, styles, whole URLs, attributes without quotes).
	html *htmltemplate.Template
	// variants are what its conditions can make of HTML, until New has looked at that.
	variants []string
}

// node is literal text, a printed value, or a condition.
type node struct {
	literal string
	value   *printed
	escape  escaping
	when    expr
	then    []node
	other   []node
}

// escaping is what a printed value goes through.
type escaping uint8

const (
	asIs escaping = iota
	query
	htmlText  // as html/template in text and in attributes with quotes
	htmlQuery // as html/template in the query of a URL in an attribute
)

// frame is what a program runs on. It is used by one goroutine at a time.
type frame struct {
	zone  *time.Location
	slots []binding
	cells []string // of the recipient, in the order of the run's columns
	stack []value
}

// binding is where a variable comes from.
type binding struct {
	cell  int // index into the recipient's cells; negative: the value is constant
	name  string
	value value
}

func (f *frame) variable(slot int) value {
	b := &f.slots[slot]
	if b.cell < 0 {
		return b.value
	}
	return value{text: f.cells[b.cell], name: b.name}
}

// program builds the nodes from a tree that list has checked and numbered.
func (c *compiler) program(tree *parse.Tree, escape targets.Escape) (*program, []fault) {
	p := &program{slots: c.slots, values: c.values, when: c.when}
	e := asIs
	switch escape {
	case targets.URL:
		e = query
	case targets.HTML:
		if plainHTML(tree.Root) {
			e = htmlText
			break
		}
		hidden := hideComments(tree, c.source)
		t, f := escapeHTML(tree, c.source)
		if f != nil {
			return nil, []fault{*f}
		}
		hidden.show(tree)
		p.html = t
	}
	if n := firstAction(tree.Root); n != nil && escape == targets.URL {
		return nil, []fault{{at: int(n.Pos), rule: ruleAddress, message: "an address cannot begin with a value: it is escaped, and leads nowhere",
			hint: "write the beginning of the address before it, for example https://host/?id="}}
	}
	nodes, native := p.build(tree.Root, e)
	p.nodes = nodes
	if native {
		p.html = nil
	}
	return p, nil
}

// firstAction gives the printed value that a text may begin with; nil when other
// text always stands before.
func firstAction(l *parse.ListNode) *parse.ActionNode {
	if l == nil {
		return nil
	}
	for _, n := range l.Nodes {
		switch n := n.(type) {
		case *parse.TextNode:
			if len(strings.TrimSpace(string(n.Text))) > 0 {
				return nil
			}
		case *parse.ActionNode:
			return n
		case *parse.IfNode:
			for _, branch := range []*parse.ListNode{n.List, n.ElseList} {
				if first := firstAction(branch); first != nil {
					return first
				}
			}
			if begins(n.List) && begins(n.ElseList) {
				return nil
			}
		}
	}
	return nil
}

// begins reports whether a list has text that is not blank.
func begins(l *parse.ListNode) bool {
	return l != nil && slices.ContainsFunc(l.Nodes, func(n parse.Node) bool {
		text, ok := n.(*parse.TextNode)
		return ok && len(strings.TrimSpace(string(text.Text))) > 0
	})
}

// build turns a tree into nodes. It reports whether it knows every escaping.
func (p *program) build(l *parse.ListNode, e escaping) ([]node, bool) {
	if l == nil {
		return nil, true
	}
	var nodes []node
	native := true
	for _, n := range l.Nodes {
		switch n := n.(type) {
		case *parse.TextNode:
			nodes = append(nodes, node{literal: string(n.Text)})
		case *parse.ActionNode:
			known := true
			how := e
			if p.html != nil {
				how, known = escapers(n.Pipe)
			}
			native = native && known
			nodes = append(nodes, node{value: &p.values[pipeNumber(n.Pipe)], escape: how})
		case *parse.IfNode:
			then, a := p.build(n.List, e)
			other, b := p.build(n.ElseList, e)
			native = native && a && b
			nodes = append(nodes, node{when: p.when[pipeNumber(n.Pipe)], then: then, other: other})
		}
	}
	return nodes, native
}

// pipeNumber reads what numbered wrote.
func pipeNumber(p *parse.PipeNode) int {
	return int(p.Cmds[0].Args[1].(*parse.NumberNode).Int64)
}

// escapers reads the functions that html/template has put behind a value.
func escapers(p *parse.PipeNode) (escaping, bool) {
	var chain []string
	for _, cmd := range p.Cmds[1:] {
		id, ok := cmd.Args[0].(*parse.IdentifierNode)
		if !ok {
			return asIs, false
		}
		chain = append(chain, strings.TrimPrefix(id.Ident, "_html_template_"))
	}
	switch strings.Join(chain, "|") {
	case "htmlescaper", "rcdataescaper", "attrescaper":
		return htmlText, true
	case "urlescaper|attrescaper":
		return htmlQuery, true
	}
	return asIs, false
}

// append renders the program for the frame's recipient behind dst, adding at
// most maxOutput bytes.
func (p *program) append(dst []byte, f *frame) ([]byte, error) {
	limit := len(dst) + maxOutput
	if p.html == nil {
		return appendNodes(dst, limit, p.nodes, f)
	}
	w := &bounded{buf: dst, limit: limit}
	if err := p.html.Execute(w, htmlData{p, f}); err != nil {
		var m *misfit
		if errors.As(err, &m) {
			return w.buf, m
		}
		return w.buf, &misfit{rule: ruleContext, message: "the HTML cannot be rendered"}
	}
	if strings.Contains(string(w.buf[len(dst):]), unsafeMark) {
		return w.buf, &misfit{rule: ruleContext, message: "a value is not safe where it stands in the HTML",
			hint: "a value cannot choose a URL's scheme, an attribute's name or a style: write those in the content itself"}
	}
	return w.buf, nil
}

// unsafeMark stands in html/template's output for values that it refuses
// (html/template documentation, ErrorCode and URL filtering).
const unsafeMark = "ZgotmplZ"

func appendNodes(dst []byte, limit int, nodes []node, f *frame) (_ []byte, err error) {
	for i := range nodes {
		n := &nodes[i]
		switch {
		case n.value != nil:
			dst, err = appendValue(dst, n, f)
		case n.when != nil:
			var v value
			if v, err = n.when(f); err == nil {
				branch := n.other
				if v.holds() {
					branch = n.then
				}
				dst, err = appendNodes(dst, limit, branch, f)
			}
		default:
			dst = append(dst, n.literal...)
		}
		if err != nil {
			return dst, err
		}
		if len(dst) > limit {
			return dst, errTooLarge
		}
	}
	return dst, nil
}

var errTooLarge = &misfit{rule: "too-large", message: fmt.Sprintf("the rendered text is longer than %d bytes", maxOutput)}

func appendValue(dst []byte, n *node, f *frame) ([]byte, error) {
	var s string
	if n.value.slot >= 0 && f.slots[n.value.slot].cell >= 0 {
		b := &f.slots[n.value.slot]
		if s = f.cells[b.cell]; blank(s) {
			v := f.variable(n.value.slot)
			return dst, v.empty()
		}
		if recipients.IsFormulaError(s) {
			v := f.variable(n.value.slot)
			return dst, v.formula()
		}
	} else {
		v, err := n.value.expr(f)
		if err != nil {
			return dst, err
		}
		if v.missing() {
			return dst, v.empty()
		}
		if s = v.String(); v.name != "" && recipients.IsFormulaError(s) {
			return dst, v.formula()
		}
	}
	switch n.escape {
	case query:
		// A blank as %20 is right everywhere in an address; + only in its query.
		return append(dst, strings.ReplaceAll(url.QueryEscape(s), "+", "%20")...), nil
	case htmlText:
		return appendHTML(dst, s), nil
	case htmlQuery:
		return appendPercent(dst, s), nil
	}
	return append(dst, s...), nil
}

// appendHTML escapes as html/template's htmlescaper.
func appendHTML(dst []byte, s string) []byte {
	from := 0
	for i := range len(s) {
		var to string
		switch s[i] {
		case '"':
			to = "&#34;"
		case '&':
			to = "&amp;"
		case '\'':
			to = "&#39;"
		case '+':
			to = "&#43;"
		case '<':
			to = "&lt;"
		case '>':
			to = "&gt;"
		case 0:
			to = "\uFFFD"
		default:
			continue
		}
		dst = append(append(dst, s[from:i]...), to...)
		from = i + 1
	}
	return append(dst, s[from:]...)
}

// appendPercent escapes as html/template's urlescaper: all but the unreserved
// characters of RFC 3986, section 2.3.
func appendPercent(dst []byte, s string) []byte {
	const hex = "0123456789abcdef"
	for i := range len(s) {
		c := s[i]
		if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-._~", c) >= 0 {
			dst = append(dst, c)
			continue
		}
		dst = append(dst, '%', hex[c>>4], hex[c&15])
	}
	return dst
}
