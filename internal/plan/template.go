package plan

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"text/template/parse"

	"campaign/internal/targets"
)

// Bounds of one template. Sources are written by people: these only stop what
// nobody writes by hand.
const (
	maxSource  = 1 << 20 // bytes of a text with template actions
	maxActions = 10_000  // template actions in a text
	maxOutput  = 1 << 20 // bytes of a rendered text
)

// Rules of complaints about templates.
const (
	ruleSyntax    = "template-syntax"
	ruleForbidden = "template-forbidden"
	ruleFunction  = "unknown-function"
	ruleArguments = "template-arguments"
	ruleVariable  = "unknown-variable"
	ruleContext   = "template-html"
	ruleAddress   = "template-address"
)

// fault is a complaint about a template's source.
type fault struct {
	at      int // byte offset in the source
	rule    string
	message string
	hint    string
	// variable is the one that has the wrong value, as messages name it; empty: none
	variable string
}

// slot is a variable that templates read, resolved once the columns are known.
type slot struct {
	name   string
	header bool // col "…": the name is a column header
	uses   []use
}

// use is a place where a variable stands.
type use struct {
	text int // index into Layout.Texts
	at   int // byte offset in its source
}

// scope collects the variables of all texts of a plan.
type scope struct {
	slots []slot
	index map[slotKey]int
}

type slotKey struct {
	name   string
	header bool
}

func (s *scope) slot(name string, header bool, u use) int {
	key := slotKey{name, header}
	i, ok := s.index[key]
	if !ok {
		if s.index == nil {
			s.index = map[slotKey]int{}
		}
		i = len(s.slots)
		s.index[key] = i
		s.slots = append(s.slots, slot{name: name, header: header})
	}
	s.slots[i].uses = append(s.slots[i].uses, u)
	return i
}

// compiler turns the parse tree of one text into a program. It walks the whole
// tree and refuses what is not listed, so that what a template can do is what
// this file can compile (design: campaign-files, Templates).
type compiler struct {
	text   int
	source string
	scope  *scope
	slots  []int // variables that the text reads
	values []printed
	when   []expr
	faults []fault
}

// printed is a pipeline whose value is written out. slot is at least 0 where
// it is one plain variable: the common case, which needs no evaluation.
type printed struct {
	expr expr
	slot int
}

// compile parses a text that has template actions and checks every node of it.
func compile(number int, text targets.Text, s *scope) (*program, []fault) {
	c := &compiler{text: number, source: text.Source, scope: s}
	if len(text.Source) > maxSource {
		return nil, []fault{{rule: "too-large", message: fmt.Sprintf("the template is longer than %d bytes", maxSource)}}
	}
	if strings.Count(text.Source, "{{") > maxActions {
		return nil, []fault{{rule: "too-large", message: fmt.Sprintf("the template has more than %d actions", maxActions)}}
	}
	tree := parse.New("text")
	tree.Mode = parse.SkipFuncCheck
	set := map[string]*parse.Tree{}
	if _, err := tree.Parse(text.Source, "", "", set); err != nil {
		return nil, []fault{syntaxFault(text.Source, err)}
	}
	for _, other := range set {
		if other != tree {
			c.forbid(definition.FindStringIndex(text.Source), "definitions are not available in templates")
		}
	}
	var html []string
	if text.Escape == targets.HTML {
		html = variantsOf(tree, text.Source) // before its pipelines are exchanged
	}
	c.list(tree.Root)
	if len(c.faults) > 0 {
		slices.SortStableFunc(c.faults, func(a, b fault) int { return a.at - b.at })
		return nil, c.faults
	}
	p, faults := c.program(tree, text.Escape)
	if p != nil {
		p.variants = html
	}
	return p, faults
}

var definition = regexp.MustCompile(`\{\{-?\s*(define|block)\b`)

// forbid adds a complaint at the beginning of span; without one, at the start.
func (c *compiler) forbid(span []int, message string) {
	at := 0
	if len(span) > 0 {
		at = span[0]
	}
	c.fault(parse.Pos(at), ruleForbidden, message, allowed)
}

const allowed = "templates have text, variables such as {{ .company }}, {{ if }}…{{ else }}…{{ end }} and functions"

func (c *compiler) fault(at parse.Pos, rule, message, hint string) {
	c.faults = append(c.faults, fault{at: min(int(at), len(c.source)), rule: rule, message: message, hint: hint})
}

var parseError = regexp.MustCompile(`^template: [^:]*:(\d+):(?:\d+:)? ?(.*)$`)

// syntaxFault reads the line out of a parser's error, which is untyped, and
// puts the fault on that line's first action.
func syntaxFault(source string, err error) fault {
	f := fault{rule: ruleSyntax, message: err.Error(), hint: allowed}
	m := parseError.FindStringSubmatch(strings.SplitN(err.Error(), "\n", 2)[0])
	if m == nil {
		return f
	}
	f.message = "the template cannot be read: " + m[2]
	line, _ := strconv.Atoi(m[1])
	rest := source
	for ; line > 1; line-- {
		i := strings.IndexByte(rest, '\n')
		if i < 0 {
			break
		}
		rest = rest[i+1:]
	}
	f.at = len(source) - len(rest)
	first, _, _ := strings.Cut(rest, "\n")
	if i := strings.Index(first, "{{"); i >= 0 {
		f.at += i
	}
	return f
}

// list checks a list of nodes and numbers the pipelines in it: each is replaced
// by a call that carries its number through html/template's escaper.
func (c *compiler) list(l *parse.ListNode) {
	if l == nil {
		return
	}
	for _, n := range l.Nodes {
		switch n := n.(type) {
		case *parse.TextNode, *parse.CommentNode:
		case *parse.ActionNode:
			c.values = append(c.values, printed{c.pipe(n.Pipe), c.plain(n.Pipe)})
			n.Pipe = numbered("Value", len(c.values)-1)
		case *parse.IfNode:
			c.when = append(c.when, c.pipe(n.Pipe))
			n.Pipe = numbered("When", len(c.when)-1)
			c.list(n.List)
			c.list(n.ElseList)
		case *parse.RangeNode:
			c.fault(n.Pos, ruleForbidden, "loops are not available in templates", allowed)
		case *parse.WithNode:
			c.fault(n.Pos, ruleForbidden, `"with" is not available in templates`, allowed)
		case *parse.TemplateNode:
			c.fault(n.Pos, ruleForbidden, "a template cannot call another one", allowed)
		default:
			c.fault(n.Position(), ruleForbidden, "this is not available in templates", allowed)
		}
	}
}

// numbered is the pipeline `.method n`.
func numbered(method string, n int) *parse.PipeNode {
	key := numberedKey{method, n}
	if known, ok := numberedPipes.Load(key); ok {
		return known.(*parse.PipeNode).CopyPipe()
	}
	tree := parse.New("numbered")
	if _, err := tree.Parse(fmt.Sprintf("{{.%s %d}}", method, n), "", "", map[string]*parse.Tree{}); err != nil {
		panic(err) // the text is ours
	}
	pipe := tree.Root.Nodes[0].(*parse.ActionNode).Pipe
	numberedPipes.Store(key, pipe.CopyPipe())
	return pipe
}

// numberedPipes are the pipelines that were made; maxActions bounds them.
var numberedPipes sync.Map

type numberedKey struct {
	method string
	n      int
}

// plain gives the slot of a pipeline that is one variable and nothing else.
func (c *compiler) plain(p *parse.PipeNode) int {
	if len(p.Cmds) == 1 && len(p.Cmds[0].Args) == 1 {
		if f, ok := p.Cmds[0].Args[0].(*parse.FieldNode); ok && len(f.Ident) == 1 {
			return c.scope.index[slotKey{f.Ident[0], false}]
		}
	}
	return -1
}

func (c *compiler) pipe(p *parse.PipeNode) expr {
	if len(p.Decl) > 0 {
		c.fault(p.Decl[0].Pos, ruleForbidden, "variables cannot be declared in templates", allowed)
		return nothing
	}
	var last expr
	var node parse.Node
	for _, cmd := range p.Cmds {
		last = c.command(cmd, last, node)
		node = cmd
	}
	return last
}

// command compiles one command of a pipeline; final is the value of the command
// before it, or nil.
func (c *compiler) command(cmd *parse.CommandNode, final expr, before parse.Node) expr {
	if id, ok := cmd.Args[0].(*parse.IdentifierNode); ok {
		return c.call(id, cmd.Args[1:], final, before)
	}
	value := c.operand(cmd.Args[0])
	if len(cmd.Args) > 1 {
		c.fault(cmd.Args[1].Position(), ruleArguments, "only a function takes arguments", "")
	} else if final != nil {
		c.fault(cmd.Pos, ruleArguments, "only a function can follow |", "")
	}
	return value
}

// operand compiles a node that stands where a value is wanted.
func (c *compiler) operand(n parse.Node) expr {
	switch n := n.(type) {
	case *parse.FieldNode:
		return c.field(n)
	case *parse.StringNode:
		return constant(value{kind: text, text: n.Text})
	case *parse.NumberNode:
		num, ok := decimal(n.Text)
		if !ok {
			c.fault(n.Pos, ruleArguments, fmt.Sprintf("%s is not a decimal number", n.Text), "")
		}
		return constant(value{kind: number, num: num})
	case *parse.BoolNode:
		return constant(value{kind: truth, yes: n.True})
	case *parse.PipeNode:
		return c.pipe(n)
	case *parse.IdentifierNode:
		return c.call(n, nil, nil, nil)
	case *parse.ChainNode:
		c.fault(n.Pos, ruleForbidden, "a value has no fields", allowed)
	case *parse.VariableNode:
		c.fault(n.Pos, ruleForbidden, fmt.Sprintf("%s is not available in templates", n.Ident[0]), allowed)
	case *parse.DotNode:
		c.fault(n.Pos, ruleForbidden, "the dot alone is not available in templates", "name a variable, for example {{ .company }}")
	default:
		c.fault(n.Position(), ruleForbidden, fmt.Sprintf("%s is not available in templates", n), allowed)
	}
	return nothing
}

func (c *compiler) field(n *parse.FieldNode) expr {
	if len(n.Ident) > 1 {
		c.fault(n.Pos, ruleForbidden, fmt.Sprintf("%s: a variable has no fields", n),
			`for a column header with a dot write {{ col "the header" }}`)
		return nothing
	}
	return c.read(n.Ident[0], false, n.Pos)
}

// read compiles the reading of a variable, or of a column by its header.
func (c *compiler) read(name string, header bool, at parse.Pos) expr {
	i := c.scope.slot(name, header, use{c.text, int(at)})
	if !slices.Contains(c.slots, i) {
		c.slots = append(c.slots, i)
	}
	return func(f *frame) (value, error) { return f.variable(i), nil }
}

// call compiles a function call: args as written, then the value that the
// pipeline hands on.
func (c *compiler) call(id *parse.IdentifierNode, nodes []parse.Node, final expr, before parse.Node) expr {
	fn, ok := functions[id.Ident]
	if !ok {
		c.unknownFunction(id)
		return nothing
	}
	if final != nil {
		nodes = append(slices.Clone(nodes), before)
	}
	if len(nodes) < fn.min || len(nodes) > fn.max {
		c.fault(id.Pos, ruleArguments, fmt.Sprintf("%s has %d arguments", id.Ident, len(nodes)), "write {{ "+fn.usage+" }}")
		return nothing
	}
	if fn.check != nil {
		if i, message := fn.check(nodes); message != "" {
			c.fault(nodes[i].Position(), ruleArguments, message, "write {{ "+fn.usage+" }}")
			return nothing
		}
	}
	if id.Ident == "col" {
		s, _ := literal(nodes[0])
		return c.read(s, true, id.Pos)
	}
	args := make([]expr, 0, len(nodes))
	for i, n := range nodes {
		if final != nil && i == len(nodes)-1 {
			args = append(args, final)
			break
		}
		args = append(args, c.operand(n))
	}
	if fn.lazy != nil {
		return fn.lazy(args)
	}
	return fn.eager(args)
}

func (c *compiler) unknownFunction(id *parse.IdentifierNode) {
	hint := "a variable has a dot before its name; the functions are " + strings.Join(functionNames, ", ")
	if near := nearest(id.Ident, functionNames); near != "" {
		hint = fmt.Sprintf("did you mean %s?", near)
	}
	c.fault(id.Pos, ruleFunction, fmt.Sprintf("there is no function %s", id.Ident), hint)
}

// literal gives the text of a node that is a text in quotes, also inside
// parentheses or as a command of its own.
func literal(n parse.Node) (string, bool) {
	switch n := n.(type) {
	case *parse.StringNode:
		return n.Text, true
	case *parse.CommandNode:
		if len(n.Args) == 1 {
			return literal(n.Args[0])
		}
	case *parse.PipeNode:
		if len(n.Cmds) == 1 && len(n.Decl) == 0 {
			return literal(n.Cmds[0])
		}
	}
	return "", false
}
