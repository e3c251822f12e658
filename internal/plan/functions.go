package plan

import (
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"text/template/parse"
	"time"
	"unicode/utf8"
)

// function is one of the functions that templates may call. The value that a
// pipeline hands on is the last argument.
type function struct {
	usage    string // shown in hints
	min, max int    // arguments
	// check refuses arguments that can be judged without a recipient: it gives
	// the index of the argument and what is wrong with it.
	check func(args []parse.Node) (int, string)
	// call computes the value. Missing cells never get here: the result of a
	// function of a missing cell is that missing cell, so that
	// {{ .name | upper | default "…" }} does what it says.
	call func(f *frame, args []value) (value, error)
	// lazy compiles functions that treat missing cells or evaluation themselves.
	lazy func(args []expr) expr
}

// eager evaluates the arguments and calls fn.
func (fn function) eager(args []expr) expr {
	return func(f *frame) (value, error) {
		base := len(f.stack)
		defer func() { f.stack = f.stack[:base] }()
		for _, arg := range args {
			v, err := arg(f)
			if err != nil {
				return value{}, err
			}
			if v.missing() {
				return v, nil
			}
			f.stack = append(f.stack, v)
		}
		return fn.call(f, f.stack[base:])
	}
}

// functions is the whole list (design: campaign-files, Templates).
var functions = map[string]function{
	"and":     {usage: "and .a .b", min: 1, max: 16, lazy: func(args []expr) expr { return pick(args, false) }},
	"or":      {usage: "or .a .b", min: 1, max: 16, lazy: func(args []expr) expr { return pick(args, true) }},
	"not":     {usage: "not .a", min: 1, max: 1, lazy: negate},
	"default": {usage: `default "…" .name`, min: 2, max: 2, lazy: fallback},

	"eq": {usage: "eq .a .b", min: 2, max: 16, lazy: anyEqual},
	"ne": {usage: "ne .a .b", min: 2, max: 2, lazy: func(args []expr) expr { return negate([]expr{anyEqual(args)}) }},
	"lt": {usage: "lt .a .b", min: 2, max: 2, lazy: func(args []expr) expr { return ordered(args, func(n int) bool { return n < 0 }) }},
	"le": {usage: "le .a .b", min: 2, max: 2, lazy: func(args []expr) expr { return ordered(args, func(n int) bool { return n <= 0 }) }},
	"gt": {usage: "gt .a .b", min: 2, max: 2, lazy: func(args []expr) expr { return ordered(args, func(n int) bool { return n > 0 }) }},
	"ge": {usage: "ge .a .b", min: 2, max: 2, lazy: func(args []expr) expr { return ordered(args, func(n int) bool { return n >= 0 }) }},

	"upper":    {usage: "upper .name", min: 1, max: 1, call: textual(strings.ToUpper)},
	"lower":    {usage: "lower .name", min: 1, max: 1, call: textual(strings.ToLower)},
	"trim":     {usage: "trim .name", min: 1, max: 1, call: textual(strings.TrimSpace)},
	"truncate": {usage: `truncate 20 .name or truncate 20 "…" .name`, min: 2, max: 3, check: checkWhole(0, maxOutput), call: truncate},
	"col":      {usage: `col "column header"`, min: 1, max: 1, check: checkLiterals(0)},

	"date":    {usage: `date "2006-01-02" .day`, min: 2, max: 2, check: checkLayout, call: formatDate},
	"toDate":  {usage: `toDate "02.01.2006" .day`, min: 2, max: 2, check: checkLayout, call: toDate},
	"inZone":  {usage: `inZone "Asia/Shanghai" .occurrence`, min: 2, max: 2, check: checkZone, call: inZone},
	"addDays": {usage: "addDays 7 .day", min: 2, max: 2, check: checkWhole(-maxDays, maxDays), call: addDays},

	"number":    {usage: "number .amount", min: 1, max: 1, call: func(_ *frame, args []value) (value, error) { return numeric(args[0].number()) }},
	"fixed":     {usage: "fixed 2 .amount", min: 2, max: 2, check: checkWhole(0, 12), call: fixed},
	"thousands": {usage: "thousands .amount", min: 1, max: 1, call: thousands},
	"add":       {usage: "add .a .b", min: 2, max: 2, call: arithmetic((*big.Rat).Add)},
	"sub":       {usage: "sub .a .b", min: 2, max: 2, call: arithmetic((*big.Rat).Sub)},
	"mul":       {usage: "mul .a .b", min: 2, max: 2, call: arithmetic((*big.Rat).Mul)},
	"div":       {usage: "div .a .b", min: 2, max: 2, call: divide},
}

var functionNames = slices.Sorted(maps.Keys(functions))

// pick gives the first argument that is true (or) or false (and), else the
// last, as Go templates do. Later ones are not evaluated.
func pick(args []expr, want bool) expr {
	return func(f *frame) (v value, err error) {
		for _, arg := range args {
			if v, err = arg(f); err != nil {
				return value{}, err
			}
			if v.holds() == want {
				break
			}
		}
		return v, err
	}
}

func negate(args []expr) expr {
	return func(f *frame) (value, error) {
		v, err := args[0](f)
		if err != nil {
			return value{}, err
		}
		return value{kind: truth, yes: !v.holds()}, nil
	}
}

// fallback is default: its second argument unless that is blank.
func fallback(args []expr) expr {
	return func(f *frame) (value, error) {
		v, err := args[1](f)
		if err != nil || v.kind != text || !blank(v.text) {
			return v, err
		}
		return args[0](f)
	}
}

// anyEqual reports whether the first argument equals one of the others.
func anyEqual(args []expr) expr {
	return func(f *frame) (value, error) {
		first, err := args[0](f)
		if err != nil {
			return value{}, err
		}
		for _, arg := range args[1:] {
			v, err := arg(f)
			if err != nil {
				return value{}, err
			}
			same, err := equal(f, &first, &v)
			if err != nil {
				return value{}, err
			}
			if same {
				return value{kind: truth, yes: true}, nil
			}
		}
		return value{kind: truth}, nil
	}
}

func ordered(args []expr, holds func(int) bool) expr {
	return func(f *frame) (value, error) {
		a, err := args[0](f)
		if err != nil {
			return value{}, err
		}
		b, err := args[1](f)
		if err != nil {
			return value{}, err
		}
		n, err := compare(f, &a, &b)
		return value{kind: truth, yes: err == nil && holds(n)}, err
	}
}

func textual(change func(string) string) func(*frame, []value) (value, error) {
	return func(_ *frame, args []value) (value, error) {
		return value{text: change(args[0].String())}, nil
	}
}

// truncate cuts after a number of characters; with a third argument, that text
// marks the cut and counts.
func truncate(_ *frame, args []value) (value, error) {
	n := int(args[0].num.Num().Int64())
	v, mark := &args[len(args)-1], ""
	if len(args) == 3 {
		mark = args[1].String()
	}
	s := v.String()
	if utf8.RuneCountInString(s) <= n {
		return value{text: s}, nil
	}
	keep := max(n-utf8.RuneCountInString(mark), 0)
	return value{text: prefix(s, keep) + prefix(mark, n)}, nil
}

// prefix gives the first n characters (code points) of s.
func prefix(s string, n int) string {
	for i := range s {
		if n == 0 {
			return s[:i]
		}
		n--
	}
	return s
}

// maxBits bounds numerator and denominator of a number: far above what digits
// in cells come to, and a long chain of multiplications stays quick.
const maxBits = 2048

func numeric(n *big.Rat, err error) (value, error) {
	if err != nil {
		return value{}, err
	}
	if n.Num().BitLen() > maxBits || n.Denom().BitLen() > maxBits {
		return value{}, &misfit{rule: "bad-number", message: "a number becomes too long to reckon with",
			hint: "take fewer steps, or numbers with fewer digits"}
	}
	return value{kind: number, num: n}, nil
}

func arithmetic(op func(z, x, y *big.Rat) *big.Rat) func(*frame, []value) (value, error) {
	return func(_ *frame, args []value) (value, error) {
		a, err := args[0].number()
		if err != nil {
			return value{}, err
		}
		b, err := args[1].number()
		if err != nil {
			return value{}, err
		}
		return numeric(op(new(big.Rat), a, b), nil)
	}
}

func divide(f *frame, args []value) (value, error) {
	if b, err := args[1].number(); err == nil && b.Sign() == 0 {
		return value{}, &misfit{rule: "bad-number", variable: args[1].name, message: args[1].what() + " is zero and divides"}
	}
	return arithmetic((*big.Rat).Quo)(f, args)
}

// fixed rounds to a number of decimal places, halves away from zero.
func fixed(_ *frame, args []value) (value, error) {
	n, err := args[1].number()
	if err != nil {
		return value{}, err
	}
	return value{text: n.FloatString(int(args[0].num.Num().Int64()))}, nil
}

// thousands puts a comma between groups of three digits. Text keeps its
// decimal places, so that {{ .amount | fixed 2 | thousands }} does.
func thousands(_ *frame, args []value) (value, error) {
	if _, err := args[0].number(); err != nil {
		return value{}, err
	}
	whole, rest, point := strings.Cut(strings.TrimSpace(args[0].String()), ".")
	sign := ""
	if strings.HasPrefix(whole, "-") || strings.HasPrefix(whole, "+") {
		sign, whole = whole[:1], whole[1:]
	}
	var b strings.Builder
	b.WriteString(strings.TrimPrefix(sign, "+"))
	for i := range len(whole) {
		if i > 0 && (len(whole)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteByte(whole[i])
	}
	if point {
		b.WriteString("." + rest)
	}
	return value{text: b.String()}, nil
}

// checkWhole wants the first argument to be a whole number of a range.
func checkWhole(low, high int) func([]parse.Node) (int, string) {
	return func(args []parse.Node) (int, string) {
		if n, ok := args[0].(*parse.NumberNode); ok {
			if v, err := strconv.Atoi(n.Text); err == nil && low <= v && v <= high {
				return 0, ""
			}
		}
		return 0, fmt.Sprintf("the first argument must be a whole number from %d to %d", low, high)
	}
}

// checkLiterals wants texts in quotes at the given places.
func checkLiterals(at ...int) func([]parse.Node) (int, string) {
	return func(args []parse.Node) (int, string) {
		for _, i := range at {
			if s, ok := literal(args[i]); !ok || s == "" {
				return i, "a text in quotes is wanted here"
			}
		}
		return 0, ""
	}
}

func checkZone(args []parse.Node) (int, string) {
	if i, message := checkLiterals(0)(args); message != "" {
		return i, message
	}
	name, _ := literal(args[0])
	if _, err := loadZone(name); err != nil {
		return 0, name + " is not a time zone of the IANA database"
	}
	return 0, ""
}

// loadZone refuses Local: it differs from machine to machine.
func loadZone(name string) (*time.Location, error) {
	if name == "Local" {
		return nil, &misfit{rule: ruleArguments, message: "Local is not a time zone"}
	}
	return time.LoadLocation(name)
}
