package language

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// message is a sentence, or a part of one, as the code makes it.
type message struct {
	english string
	room    string
	place   string // file:line
}

// collection is what the tree says.
type collection struct {
	messages []message
	literals map[string]bool   // every string literal, for single words
	consts   map[string]string // of texts, by room and name
	formats  map[string]int    // functions with a format and what goes into it, by room and name: which argument the format is
}

// collect reads all Go files below root that are not tests.
func collect(t *testing.T, root fs.FS) *collection {
	t.Helper()
	c := &collection{literals: map[string]bool{}, formats: map[string]int{}, consts: map[string]string{}}
	files := token.NewFileSet()
	parsed := map[string]*ast.File{}
	err := fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (strings.HasPrefix(d.Name(), ".") && name != "." || d.Name() == "testdata"):
			return fs.SkipDir
		case d.IsDir() || strings.HasSuffix(name, "_test.go") || exempt(name):
			return nil
		}
		data, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		switch path.Ext(name) {
		case ".go":
			parsed[name], err = parser.ParseFile(files, name, data, 0)
		case ".json":
			if ofFiles[name] {
				err = c.schema(name, data)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	names := slices.Sorted(maps.Keys(parsed))
	for _, name := range names {
		c.findFormats(path.Dir(name), parsed[name])
		c.findConsts(path.Dir(name), parsed[name])
	}
	for _, name := range names {
		w := &walker{c: c, files: files, name: name}
		w.walk(parsed[name])
	}
	return c
}

// findFormats notes functions whose last parameters are a format and anything.
func (c *collection) findFormats(room string, file *ast.File) {
	note := func(name string, f *ast.FuncType) {
		var kinds []ast.Expr
		for _, field := range f.Params.List {
			for range max(len(field.Names), 1) {
				kinds = append(kinds, field.Type)
			}
		}
		if n := len(kinds); n >= 2 {
			rest, variadic := kinds[n-1].(*ast.Ellipsis)
			text, isText := kinds[n-2].(*ast.Ident)
			if variadic && isText && text.Name == "string" && isAny(rest.Elt) {
				c.formats[room+"."+name] = n - 2
			}
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			note(n.Name.Name, n.Type)
		case *ast.AssignStmt:
			for i, right := range n.Rhs {
				if f, ok := right.(*ast.FuncLit); ok && i < len(n.Lhs) {
					if left, ok := n.Lhs[i].(*ast.Ident); ok {
						note(left.Name, f.Type)
					}
				}
			}
		}
		return true
	})
}

// findConsts notes the constants of a file that are one text.
func (c *collection) findConsts(room string, file *ast.File) {
	for _, d := range file.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok || g.Tok != token.CONST {
			continue
		}
		for _, s := range g.Specs {
			v := s.(*ast.ValueSpec)
			for i, name := range v.Names {
				if i < len(v.Values) && isText(v.Values[i]) {
					c.consts[room+"."+name.Name] = value(v.Values[i])
				}
			}
		}
	}
}

func isAny(e ast.Expr) bool {
	name, ok := e.(*ast.Ident)
	return ok && name.Name == "any"
}

// ofFmt are the functions of fmt that take a format.
var ofFmt = map[string]int{"Sprintf": 0, "Errorf": 0, "Printf": 0, "Fprintf": 1, "Appendf": 1}

// walker goes through one file.
type walker struct {
	c     *collection
	files *token.FileSet
	name  string
}

func (w *walker) walk(n ast.Node) {
	ast.Inspect(n, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.ImportSpec:
			return false
		case *ast.Field:
			if n.Tag != nil {
				w.walk(n.Type)
				return false
			}
		case *ast.CaseClause:
			for _, s := range n.Body {
				w.walk(s)
			}
			return false
		case *ast.KeyValueExpr:
			if key, ok := n.Key.(*ast.Ident); ok && help[key.Name] {
				return false
			}
		case *ast.ValueSpec:
			if slices.ContainsFunc(n.Names, func(i *ast.Ident) bool { return helpTexts[i.Name] }) {
				return false
			}
		case *ast.BinaryExpr:
			return w.binary(n)
		case *ast.CallExpr:
			return w.call(n)
		case *ast.BasicLit:
			if n.Kind == token.STRING {
				w.plain([]ast.Expr{n})
			}
		}
		return true
	})
}

// binary takes a sum of texts as a whole; comparisons say nothing to anybody.
func (w *walker) binary(n *ast.BinaryExpr) bool {
	switch n.Op {
	case token.EQL, token.NEQ:
		for _, side := range []ast.Expr{n.X, n.Y} {
			if _, literal := side.(*ast.BasicLit); !literal {
				w.walk(side)
			}
		}
		return false
	case token.ADD:
		parts := terms(n)
		if slices.ContainsFunc(parts, isText) {
			w.plain(parts)
			w.others(parts)
			return false
		}
	}
	return true
}

func (w *walker) others(parts []ast.Expr) {
	for _, p := range parts {
		if !isText(p) {
			w.walk(p)
		}
	}
}

func (w *walker) call(n *ast.CallExpr) bool {
	name, on := callee(n)
	if silent[name] || silent[on+"."+name] || strings.HasSuffix(name, "Var") || strings.HasSuffix(name, "VarP") || logs(name, on) {
		for _, a := range n.Args {
			if !isText(a) {
				w.walk(a)
			}
		}
		w.walk(n.Fun)
		return false
	}
	if name == "count" && len(n.Args) == 2 && isText(n.Args[1]) {
		w.add(n, "%d "+value(n.Args[1])+"(s)")
		w.walk(n.Args[0])
		return false
	}
	at, known := ofFmt[name]
	if on != "fmt" {
		at, known = w.c.formats[path.Dir(w.name)+"."+name]
	}
	if !known || at >= len(n.Args) {
		return true
	}
	parts := terms(n.Args[at])
	if !slices.ContainsFunc(parts, isText) {
		return true
	}
	if len(n.Args) > at+1 && isTag(n.Args[at+1]) && isText(parts[0]) { // which is taken off before a line is looked up
		w.c.literals[value(parts[0])] = true
		w.add(parts[0], strings.TrimPrefix(value(parts[0]), "%s"))
	} else {
		w.format(n.Args[at], parts)
	}
	for i, a := range n.Args {
		if i != at {
			w.walk(a)
		}
	}
	w.others(parts)
	w.walk(n.Fun)
	return false
}

var asFormat = regexp.MustCompile(`%[sdqvwx]`)

// plain is a text, or texts and values that are put together. A text with verbs is a
// format that is handed on.
func (w *walker) plain(parts []ast.Expr) {
	if slices.ContainsFunc(parts, func(p ast.Expr) bool { return isText(p) && asFormat.MatchString(value(p)) }) {
		w.format(parts[0], parts)
		return
	}
	w.add(parts[0], w.sum(parts, func(text string) string { return strings.ReplaceAll(text, "%", "%%") }))
}

// format is a format string, in pieces or as one.
func (w *walker) format(at ast.Node, parts []ast.Expr) {
	w.add(at, w.sum(parts, func(text string) string { return text }))
}

// sum puts texts together; what is known only when the program runs is a hole.
func (w *walker) sum(parts []ast.Expr, quote func(string) string) string {
	var b strings.Builder
	for _, p := range parts {
		switch text, known := w.constant(p); {
		case isText(p):
			w.c.literals[value(p)] = true
			b.WriteString(quote(value(p)))
		case known:
			b.WriteString(quote(text))
		default:
			b.WriteString("%s")
		}
	}
	return b.String()
}

// constant is the text of a constant of this room, or of another.
func (w *walker) constant(e ast.Expr) (string, bool) {
	switch e := e.(type) {
	case *ast.Ident:
		text, ok := w.c.consts[path.Dir(w.name)+"."+e.Name]
		return text, ok
	case *ast.SelectorExpr:
		if room, ok := e.X.(*ast.Ident); ok {
			text, ok := w.c.consts["internal/"+room.Name+"."+e.Sel.Name]
			return text, ok
		}
	}
	return "", false
}

// add notes what is a sentence, line by line.
func (w *walker) add(at ast.Node, format string) {
	place := w.files.Position(at.Pos())
	if isStatement(w.name, format) {
		return
	}
	for line := range strings.Lines(format) {
		english := normal(line)
		if !sentence(english) || others[english] {
			continue
		}
		w.c.messages = append(w.c.messages, message{english, path.Dir(w.name), w.name + ":" + strconv.Itoa(place.Line)})
	}
}

// terms are the operands of a sum.
func terms(e ast.Expr) []ast.Expr {
	switch e := e.(type) {
	case *ast.ParenExpr:
		return terms(e.X)
	case *ast.BinaryExpr:
		if e.Op == token.ADD {
			return append(terms(e.X), terms(e.Y)...)
		}
	}
	return []ast.Expr{e}
}

func isText(e ast.Expr) bool {
	l, ok := e.(*ast.BasicLit)
	return ok && l.Kind == token.STRING
}

func value(e ast.Expr) string {
	s, _ := strconv.Unquote(e.(*ast.BasicLit).Value)
	return s
}

// callee is the name of what is called, and what it is called on.
func callee(n *ast.CallExpr) (name, on string) {
	switch f := n.Fun.(type) {
	case *ast.Ident:
		return f.Name, ""
	case *ast.IndexExpr:
		if i, ok := f.X.(*ast.Ident); ok {
			return i.Name, ""
		}
	case *ast.SelectorExpr:
		switch x := f.X.(type) {
		case *ast.Ident:
			on = x.Name
		case *ast.SelectorExpr:
			on = x.Sel.Name
		case *ast.CallExpr:
			on, _ = callee(x)
		}
		return f.Sel.Name, on
	}
	return "", ""
}

func isTag(e ast.Expr) bool {
	call, ok := e.(*ast.CallExpr)
	if !ok {
		return false
	}
	name, _ := callee(call)
	return name == "tag"
}

func logs(name, on string) bool {
	return slices.Contains([]string{"Debug", "Info", "Warn", "Error"}, name) && slices.Contains([]string{"log", "Log", "logger", "slog"}, on)
}
