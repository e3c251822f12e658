package plan

import (
	"bytes"
	"strings"
	"text/template/parse"
)

// exhaustive is the number of different conditions up to which all their
// combinations are looked at.
const exhaustive = 4

// variants gives the texts that a template's conditions can make, everything in
// its place: actions, and branches that are not taken, are blanks. A text without
// actions is its only variant; one that cannot be parsed, about which others
// complain, has none.
func variants(source string) []string {
	if !hasActions(source) {
		return []string{source}
	}
	tree, ok := parsed(source)
	if !ok {
		return nil
	}
	return variantsOf(tree, source)
}

// variantsOf gives the variants of a source that has been parsed.
func variantsOf(tree *parse.Tree, source string) []string {
	conditions := map[string]int{}
	conditionsOf(tree.Root, conditions)
	n := len(conditions)
	var all []string
	add := func(holds func(i int) bool) {
		text := blanks(source)
		write(text, tree.Root, func(c string) bool { return holds(conditions[c]) })
		all = append(all, string(text))
	}
	if n <= exhaustive {
		for set := range 1 << n {
			add(func(i int) bool { return set>>i&1 == 1 })
		}
		return all
	}
	add(func(int) bool { return true })
	add(func(int) bool { return false })
	for one := range min(n, 16) {
		add(func(i int) bool { return i == one })
		add(func(i int) bool { return i != one })
	}
	return all
}

func parsed(source string) (*parse.Tree, bool) {
	tree := parse.New("text")
	tree.Mode = parse.SkipFuncCheck
	_, err := tree.Parse(source, "", "", map[string]*parse.Tree{})
	return tree, err == nil && tree.Root != nil
}

// conditionsOf numbers the different conditions of a tree. One and its `not` are
// the same.
func conditionsOf(l *parse.ListNode, all map[string]int) {
	if l == nil {
		return
	}
	for _, n := range l.Nodes {
		if n, ok := n.(*parse.IfNode); ok {
			c, _ := condition(n)
			if _, ok := all[c]; !ok {
				all[c] = len(all)
			}
			conditionsOf(n.List, all)
			conditionsOf(n.ElseList, all)
		}
	}
}

func condition(n *parse.IfNode) (of string, not bool) {
	of, not = strings.CutPrefix(n.Pipe.String(), "not ")
	return of, not
}

// blanks is a text of blanks of the same size.
func blanks(source string) []byte { return bytes.Repeat([]byte{' '}, len(source)) }

// write puts the texts of a tree in their places.
func write(to []byte, l *parse.ListNode, holds func(condition string) bool) {
	if l == nil {
		return
	}
	for _, n := range l.Nodes {
		switch n := n.(type) {
		case *parse.TextNode:
			copy(to[n.Pos:], n.Text)
		case *parse.IfNode:
			branch := n.ElseList
			if c, not := condition(n); holds(c) != not {
				branch = n.List
			}
			write(to, branch, holds)
		}
	}
}
