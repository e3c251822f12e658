package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"campaign/internal/diagnostics"
)

// made are rules whose names are put together where they are used.
var made = []string{"unknown-message-type", "unknown-signature"}

// noRules are texts in the place of a rule that only look like one to this test.
var noRules = map[string]bool{
	"": true, // of a variable before it has one
}

// TestEveryRuleIsInTheTable reads the source of every room for the rules that it uses:
// constants called rule…, members called Rule, and arguments of parameters called rule.
func TestEveryRuleIsInTheTable(t *testing.T) {
	used := map[string]string{}
	for _, id := range made {
		used[id] = "made"
	}
	parsed, set := goFiles(t)
	at := ruleArguments(parsed)
	for _, f := range parsed {
		ast.Inspect(f, func(n ast.Node) bool {
			for _, e := range ruleExpressions(n, at, f.Name.Name) {
				text, ok := e.(*ast.BasicLit)
				if !ok || text.Kind != token.STRING {
					continue
				}
				id, err := strconv.Unquote(text.Value)
				if err != nil {
					t.Fatal(err)
				}
				used[id] = set.Position(text.Pos()).String()
			}
			return true
		})
	}
	if len(used) < 130 {
		t.Fatalf("only %d rules were found in the source", len(used))
	}
	for id, where := range used {
		if !noRules[id] && !diagnostics.Known(id) {
			t.Errorf("%s: the rule %q is not in the table of internal/diagnostics/rules.go", where, id)
		}
	}
	for _, r := range diagnostics.Rules {
		if used[r.ID] == "" {
			t.Errorf("nothing uses the rule %s", r.ID)
		}
		if !slices.Contains(diagnostics.Areas, r.Area) {
			t.Errorf("%s: there is no area %q", r.ID, r.Area)
		}
	}
}

// goFiles are the Go files of the program, tests and their kits apart.
func goFiles(t *testing.T) ([]*ast.File, *token.FileSet) {
	t.Helper()
	set := token.NewFileSet()
	var out []*ast.File
	for _, root := range []string{"../../internal", "."} {
		err := filepath.WalkDir(filepath.FromSlash(root), func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() && (d.Name() == "targettest" || d.Name() == "diagnostics") {
				return skipUnless(err)
			}
			if d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
				return nil
			}
			f, err := parser.ParseFile(set, name, nil, parser.SkipObjectResolution)
			out = append(out, f)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return out, set
}

// skipUnless leaves a folder out, unless it could not be read.
func skipUnless(err error) error {
	if err != nil {
		return err
	}
	return fs.SkipDir
}

// argument says which parameter of a function is a rule; -1: none.
type argument map[string]map[string]int // by package and name

// of looks in the package of the call first: names are not the same everywhere.
func (a argument) of(pkg, name string) int {
	if i, ok := a[pkg][name]; ok {
		return i
	}
	for _, others := range a {
		if i, ok := others[name]; ok && i >= 0 {
			return i
		}
	}
	return -1
}

// ruleArguments finds the functions with a parameter called rule.
func ruleArguments(parsed []*ast.File) argument {
	at := argument{}
	for _, f := range parsed {
		pkg := f.Name.Name
		if at[pkg] == nil {
			at[pkg] = map[string]int{}
		}
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			i, name := ruleParameter(fn), fn.Name.Name
			if _, seen := at[pkg][name]; i >= 0 || !seen {
				at[pkg][name] = i
			}
		}
	}
	return at
}

func ruleParameter(fn *ast.FuncDecl) int {
	i := 0
	for _, field := range fn.Type.Params.List {
		for _, name := range field.Names {
			if name.Name == "rule" && isText(field.Type) {
				return i
			}
			i++
		}
	}
	return -1
}

func isText(e ast.Expr) bool {
	id, ok := e.(*ast.Ident)
	return ok && id.Name == "string"
}

// ruleExpressions are what a node uses as rules.
func ruleExpressions(n ast.Node, at argument, pkg string) (out []ast.Expr) {
	switch n := n.(type) {
	case *ast.ValueSpec:
		for i, name := range n.Names {
			if strings.HasPrefix(strings.ToLower(name.Name), "rule") && i < len(n.Values) {
				out = append(out, n.Values[i])
			}
		}
	case *ast.KeyValueExpr:
		if key, ok := n.Key.(*ast.Ident); ok && strings.EqualFold(key.Name, "rule") {
			out = append(out, n.Value)
		}
	case *ast.AssignStmt:
		for i, left := range n.Lhs {
			if strings.EqualFold(nameOf(left), "rule") && i < len(n.Rhs) {
				out = append(out, n.Rhs[i])
			}
		}
	case *ast.CallExpr:
		if i := at.of(pkg, nameOf(n.Fun)); i >= 0 && i < len(n.Args) {
			out = append(out, n.Args[i])
		}
	}
	return out
}

func nameOf(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	}
	return ""
}
