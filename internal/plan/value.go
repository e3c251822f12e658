package plan

import (
	"fmt"
	"math/big"
	"regexp"
	"strings"
	"time"

	"campaign/internal/recipients"
)

// kind says which field of a value holds it.
type kind uint8

const (
	text kind = iota
	number
	truth
	moment
)

// value is what an expression of a template yields. Numbers are exact.
type value struct {
	kind kind
	yes  bool
	text string
	name string // the variable it was read from, for messages; empty: not a variable
	num  *big.Rat
	at   time.Time
}

// expr computes a value for one recipient. Its errors are *misfit.
type expr func(f *frame) (value, error)

// misfit is a recipient that a template cannot be rendered for. It never holds
// a cell's content.
type misfit struct {
	rule     string
	message  string
	hint     string
	variable string // the one that has the wrong value; empty: none
}

func (m *misfit) Error() string { return m.message }

func nothing(*frame) (value, error) { return value{}, nil }

func constant(v value) expr { return func(*frame) (value, error) { return v, nil } }

// missing reports whether v was read from a cell or var without anything in it.
func (v *value) missing() bool { return v.kind == text && v.name != "" && blank(v.text) }

// empty is the complaint about a missing value that is wanted.
func (v *value) empty() error {
	return &misfit{rule: "empty-value", variable: v.name, message: v.name + " is empty",
		hint: "fill the cell, or give the template a value for such rows: {{ default \"…\" " + v.name + " }}"}
}

// formula is for a variable whose cell has no result, as a spreadsheet shows it.
func (v *value) formula() error {
	return &misfit{rule: "formula-error", variable: v.name, message: v.name + " holds the error of a formula, as #N/A",
		hint: "correct the formula, then save the values"}
}

// blank reports whether s is empty but for white space.
func blank(s string) bool {
	if s == "" {
		return true
	}
	if c := s[0]; c > ' ' && c < 0x80 {
		return false
	}
	return strings.TrimSpace(s) == ""
}

// holds reports whether a condition holds: text that is not blank, a number
// other than zero, true, any moment.
func (v *value) holds() bool {
	switch v.kind {
	case number:
		return v.num.Sign() != 0
	case truth:
		return v.yes
	case moment:
		return true
	}
	return !blank(v.text)
}

// momentLayout is how a moment is printed without the function date.
const momentLayout = "2006-01-02 15:04"

// String is the text that the value prints as.
func (v *value) String() string {
	switch v.kind {
	case number:
		return plainNumber(v.num)
	case truth:
		if v.yes {
			return "true"
		}
		return "false"
	case moment:
		return v.at.Format(momentLayout)
	}
	return v.text
}

// what names the value in messages.
func (v *value) what() string {
	if v.name != "" {
		return v.name
	}
	return "the value"
}

var decimals = regexp.MustCompile(`^[+-]?[0-9]+(\.[0-9]+)?$`)

const maxDigits = 40 // of a number in a cell or template

// decimal reads a number as people write it: digits with at most one point.
func decimal(s string) (*big.Rat, bool) {
	s = strings.TrimSpace(s)
	if len(s) > maxDigits || !decimals.MatchString(s) {
		return nil, false
	}
	return new(big.Rat).SetString(s)
}

// plainNumber writes n without an exponent and without trailing zeros; what has
// no end is rounded to 12 places.
func plainNumber(n *big.Rat) string {
	if n.IsInt() {
		return n.Num().String()
	}
	s := strings.TrimRight(n.FloatString(12), "0")
	s = strings.TrimSuffix(s, ".")
	if s == "-0" {
		return "0"
	}
	return s
}

// number gives the value as a number.
func (v *value) number() (*big.Rat, error) {
	switch v.kind {
	case number:
		return v.num, nil
	case text:
		if n, ok := decimal(v.text); ok {
			return n, nil
		}
	}
	return nil, &misfit{rule: "bad-number", variable: v.name, message: v.what() + " is not a number", hint: asNumber(v.text)}
}

// asNumber says what to do about a text that should be a number, by what it looks like.
func asNumber(text string) string {
	plain := recipients.Plain(text)
	if _, ok := decimal(plain); ok {
		return "write it with the digits 0 to 9 and a point: an input method gives full-width ones that look alike"
	}
	if _, ok := decimal(strings.NewReplacer(",", "", "，", "", " ", "", "'", "").Replace(plain)); ok {
		return "write it without separators between the digits, for example 1234.50"
	}
	return "a number has digits and at most one point, for example 1234.50"
}

// serial is how a spreadsheet holds a day: the number of days since 1900.
var serial = regexp.MustCompile(`^[2-7][0-9]{4}(\.[0-9]+)?$`)

// asDate says what to do about a text that should be a date, by what it looks like.
func asDate(text string) string {
	if serial.MatchString(recipients.Plain(text)) {
		return "it looks like the number that a spreadsheet holds for a day, as 46387 for 2026-12-31: format the column as a date, or as text with the date written out"
	}
	return "dates are understood as 2026-12-31, 2026/12/31, 2026年12月31日 or 20261231, with a time as 2026-12-31 08:30; others with {{ toDate \"LAYOUT\" … }}"
}

// moment gives the value as a moment; text without an offset is in the zone.
func (v *value) moment(zone *time.Location) (time.Time, error) {
	switch v.kind {
	case moment:
		return v.at, nil
	case text:
		if at, ok := parseMoment(v.text, zone); ok {
			return at, nil
		}
	}
	return time.Time{}, &misfit{rule: "bad-date", variable: v.name, message: v.what() + " is not a date", hint: asDate(v.text)}
}

// equal compares as numbers or moments if one of the two is, else as text.
func equal(f *frame, a, b *value) (bool, error) {
	switch {
	case a.missing() || b.missing():
		return blank(a.String()) && blank(b.String()), nil
	case a.kind == number || b.kind == number:
		n, err := compareNumbers(a, b)
		return n == 0, err
	case a.kind == moment || b.kind == moment:
		n, err := compareMoments(f, a, b)
		return n == 0, err
	}
	return a.String() == b.String(), nil
}

// compare orders two numbers or two moments. Texts are taken for the one or the
// other: their alphabetical order would put 10 before 9.
func compare(f *frame, a, b *value) (int, error) {
	for _, v := range []*value{a, b} {
		if v.missing() {
			return 0, v.empty()
		}
	}
	if a.kind == number || b.kind == number {
		return compareNumbers(a, b)
	}
	if a.kind == moment || b.kind == moment {
		return compareMoments(f, a, b)
	}
	if n, err := compareNumbers(a, b); err == nil {
		return n, nil
	}
	if n, err := compareMoments(f, a, b); err == nil {
		return n, nil
	}
	return 0, &misfit{rule: "bad-number", variable: a.name, message: fmt.Sprintf("%s and %s are neither two numbers nor two dates", a.what(), b.what()),
		hint: "lt, le, gt and ge compare numbers or dates; eq and ne compare any text"}
}

func compareNumbers(a, b *value) (int, error) {
	x, err := a.number()
	if err != nil {
		return 0, err
	}
	y, err := b.number()
	if err != nil {
		return 0, err
	}
	return x.Cmp(y), nil
}

func compareMoments(f *frame, a, b *value) (int, error) {
	x, err := a.moment(f.zone)
	if err != nil {
		return 0, err
	}
	y, err := b.moment(f.zone)
	if err != nil {
		return 0, err
	}
	return x.Compare(y), nil
}
