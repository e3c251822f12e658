package spec

import (
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"campaign/internal/campaign"
)

// ignoring is a comment of the form
//
//	# campaign: ignore=RULE,RULE
//
// that stands on lines of its own. It is about the value that begins on the next line
// that is no comment, as far as that value is one text over several lines.
type ignoring struct {
	line  int // of the comment
	rules []named
	from  int // the lines that it is about; behind the file's last: none
	to    int
}

// named is a rule of a comment and where it stands, in code points from 1.
type named struct {
	rule     string
	col, end int
	spent    bool
	refused  bool // what it names is an error
}

var (
	ignoreComment = regexp.MustCompile(`^\s*#\s*campaign:\s*ignore\b`)
	ignoreRules   = regexp.MustCompile(`^\s*#\s*campaign:\s*ignore\s*=`)
	commentLine   = regexp.MustCompile(`^\s*(#.*)?$`)
)

// Ignore leaves out the warnings that comments of the named YAML files say to ignore.
// An error always stays: a comment never lets something be sent that could not be.
// unused are warnings about comments that ignore nothing. With errors none says that a
// problem is not there: what could not be checked may have it.
func Ignore(fsys fs.FS, files []string, found []campaign.Diagnostic, known func(rule string) bool) (left, unused []campaign.Diagnostic) {
	comments := map[string][]ignoring{}
	lines := map[string][]string{}
	for _, file := range files {
		if data, f := read(fsys, file, maxFile); f == nil && ignoreWord.Match(data) {
			comments[file], lines[file] = ignorings(file, data)
		}
	}
	for _, d := range found {
		if !ignored(comments[d.File], d) {
			left = append(left, d)
		}
	}
	whole := !campaign.HasErrors(left)
	for _, file := range files {
		doc := &Document{file: file, split: func() []string { return lines[file] }}
		for _, c := range comments[file] {
			unused = append(unused, doc.unspent(c, known, whole)...)
		}
	}
	return left, unused
}

// MayIgnore reports whether a file may have a comment that Ignore looks for.
func (d *Document) MayIgnore() bool { return d.ignores }

// ignoreWord is quick to look for in files without such a comment.
var ignoreWord = regexp.MustCompile(`campaign:\s*ignore`)

// ignored reports whether a comment takes d away, and marks its rule as used.
func ignored(comments []ignoring, d campaign.Diagnostic) bool {
	gone := false
	behind := sort.Search(len(comments), func(i int) bool { return comments[i].from > d.Line })
	for i := behind - 1; i >= 0 && comments[i].from == comments[behind-1].from; i-- {
		c := &comments[i]
		if d.Line > c.to {
			return false
		}
		for j := range c.rules {
			if n := &c.rules[j]; n.rule == d.Rule {
				n.spent, gone = n.spent || d.Warning, gone || d.Warning
				n.refused = n.refused || !d.Warning
			}
		}
	}
	return gone
}

// unspent are the warnings about rules of a comment that ignored nothing; whole means
// that everything was checked.
func (d *Document) unspent(c ignoring, known func(rule string) bool, whole bool) (out []campaign.Diagnostic) {
	say := func(at span, message, hint string) {
		w := d.diagnostic(at, ruleUnusedIgnore, message, hint)
		w.Warning = true
		out = append(out, w)
	}
	if len(c.rules) == 0 {
		say(span{line: c.line, col: 1}, "the comment names no rule", "write # campaign: ignore=RULE, or several with commas between them")
	}
	for _, n := range c.rules {
		at := span{c.line, n.col, n.end}
		switch {
		case !known(n.rule):
			say(at, fmt.Sprintf("there is no rule %q", clip(n.rule)), "the rule's name stands in brackets behind the problem")
		case n.refused:
			say(at, n.rule+" is an error here, and only warnings can be ignored", "correct what it says")
		case !n.spent && whole:
			say(at, n.rule+" ignores nothing: there is no such problem in what follows", "remove it")
		}
	}
	return out
}

// ignorings finds the comments of a file, in order. What only looks like one, inside of a text
// over several lines, is none. A file that is not YAML has none.
func ignorings(file string, data []byte) ([]ignoring, []string) {
	doc, problems := parse(file, data)
	if len(problems) > 0 {
		return nil, nil
	}
	starts, _ := contents(doc)
	texts := inTexts(doc)
	var out []ignoring
	next := 0 // lines before this one are comments, or their comments have been looked at
	for i, line := range doc.lines() {
		if !ignoreComment.MatchString(line) || texts[i+1] {
			continue
		}
		next = max(next, i+1)
		for next < len(doc.lines()) && commentLine.MatchString(doc.lines()[next]) {
			next++
		}
		c := ignoring{line: i + 1, rules: rulesOf(line), from: next + 1, to: len(doc.lines())}
		if after, _ := slices.BinarySearch(starts, c.from+1); after < len(starts) {
			c.to = starts[after] - 1 // up to the line on which something else begins
		}
		out = append(out, c)
	}
	return out, doc.lines()
}

// inTexts tells the lines with what looks like a comment and is part of a text. Each
// gets a mark of its own, and those whose mark a value has are none.
func inTexts(doc *Document) map[int]bool {
	marked := slices.Clone(doc.lines())
	for i, line := range marked {
		if ignoreComment.MatchString(line) {
			marked[i] = fmt.Sprintf("%s ignoring-on-line-%d.", line, i+1)
		}
	}
	texts := map[int]bool{}
	again, problems := parse(doc.file, []byte(strings.Join(marked, "\n")))
	if len(problems) > 0 {
		return texts
	}
	_, values := contents(again)
	for _, value := range values {
		for _, m := range markOnLine.FindAllStringSubmatch(value, -1) {
			line, _ := strconv.Atoi(m[1])
			texts[line] = true
		}
	}
	return texts
}

var markOnLine = regexp.MustCompile(`ignoring-on-line-(\d+)\.`)

// contents lists the lines on which values and keys begin, in order, and the texts.
func contents(doc *Document) (starts []int, values []string) {
	var walk func(n *yaml.Node)
	walk = func(n *yaml.Node) {
		starts = append(starts, n.Line)
		if n.Kind == yaml.ScalarNode {
			values = append(values, n.Value)
		}
		for _, child := range n.Content {
			walk(child)
		}
	}
	walk(doc.root)
	slices.Sort(starts)
	return starts, values
}

// ruleList are rules with commas between them; behind white space anything may follow,
// as a reason.
var ruleList = regexp.MustCompile(`^\s*[a-z0-9-]+(\s*,\s*[a-z0-9-]+)*(\s|$)`)

// rulesOf reads the rules of a comment and where they stand. What is no list is given
// as one name, which no rule has.
func rulesOf(line string) (rules []named) {
	head := ignoreRules.FindString(line)
	if head == "" {
		return nil
	}
	at, list := len(head), line[len(head):]
	if m := ruleList.FindString(list); m != "" {
		list = m
	}
	for word := range strings.SplitSeq(list, ",") {
		name := strings.TrimSpace(word)
		col := utf8.RuneCountInString(line[:at+strings.Index(word, name)]) + 1
		if name != "" && !slices.ContainsFunc(rules, func(n named) bool { return n.rule == name }) {
			rules = append(rules, named{rule: name, col: col, end: col + utf8.RuneCountInString(name)})
		}
		at += len(word) + 1
	}
	return rules
}
