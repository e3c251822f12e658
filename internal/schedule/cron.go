package schedule

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/robfig/cron/v3"

	"campaign/internal/campaign"
)

// expression is a cron expression of five fields, evaluated on clocks that nobody
// changes.
type expression struct {
	spec *cron.SpecSchedule
	// follows: the hour is a wildcard or a step, so it goes by instants: it also fires
	// in the hour that comes twice, and not for one that is left out.
	follows bool
}

// The library evaluates on UTC, which is a calendar without changes of its clocks:
// what it does around them in other zones is not what we promise.
var parser = cron.NewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow)

// leapYears is how far the library is asked: it gives up after five years, and 29
// February may be eight away. In years.
const leapYears = 10

// next gives the first second of the wall clock from wall on at which e fires.
func (e expression) next(wall int64) (int64, bool) {
	from := time.Unix(wall-1, 0).UTC()
	for until := from.AddDate(leapYears, 0, 0); from.Before(until); from = from.AddDate(5, 0, 0) {
		if t := e.spec.Next(from); !t.IsZero() {
			return t.Unix(), true
		}
	}
	return 0, false
}

// field is one of the five, with the values that it may hold.
type field struct {
	name     string
	min, max int
	names    []string // of the values from min on
	whole    int      // values of a full turn, where a step should divide it; 0: none
}

var fields = []field{
	{name: "minute", max: 59, whole: 60},
	{name: "hour", max: 23, whole: 24},
	{name: "day of month", min: 1, max: 31},
	{name: "month", min: 1, max: 12, names: []string{"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}},
	{name: "day of week", max: 6, names: []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}},
}

// shorthands are what @ words of other programs mean.
var shorthands = map[string]string{
	"@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *", "@monthly": "0 0 1 * *", "@weekly": "0 0 * * 0",
	"@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@hourly": "0 * * * *",
}

// The rule ids of schedules. They are stable: people filter and search by them.
const (
	ruleCron    = "bad-cron"
	ruleStep    = "cron-step"
	ruleDayOr   = "cron-day-or"
	ruleNever   = "never-due"
	ruleOver    = "schedule-over"
	ruleTwice   = "duplicate-item"
	ruleAt      = "bad-time"
	ruleOutside = "outside-dates"
	ruleYear    = "calendar-year"
)

// complaint is what is wrong with a clause.
type complaint struct {
	rule, message, hint string
	warning             bool
}

func bad(rule, hint, format string, args ...any) *complaint {
	return &complaint{rule: rule, message: fmt.Sprintf(format, args...), hint: hint}
}

const fiveFields = `five fields: minute, hour, day of month, month, day of week, for example "0 9 * * 1-5"`

// parse reads an expression. Everything that the library would read as something
// else than it says is refused before.
func parse(text string) (expression, []complaint) {
	parts := strings.Fields(text)
	if c := form(text, parts); c != nil {
		return expression{}, []complaint{*c}
	}
	var found []complaint
	for i, part := range parts {
		found = append(found, fields[i].check(part)...)
	}
	for _, c := range found {
		if !c.warning {
			return expression{}, found
		}
	}
	parsed, err := parser.Parse(strings.Join(parts, " "))
	spec, ok := parsed.(*cron.SpecSchedule)
	if err != nil || !ok {
		return expression{}, []complaint{*bad(ruleCron, fiveFields, "%q is no cron expression: %v", clip(text), err)}
	}
	spec.Location = time.UTC
	e := expression{spec: spec, follows: strings.ContainsAny(parts[1], "*?/")}
	if spec.Dom&starBit != 0 {
		return e, found // every month has the day, or one of the week
	}
	if _, ok := e.next(0); !ok {
		return e, append(found, *bad(ruleNever, "no such day comes: look at day of month and month", "%q is never due", clip(text)))
	}
	return e, found
}

// form refuses what are not five fields.
func form(text string, parts []string) *complaint {
	first := ""
	if len(parts) > 0 {
		first = strings.ToLower(parts[0])
	}
	switch {
	case strings.Contains(strings.ToLower(text), "tz="):
		return bad(ruleCron, "give the zone beside it, as `timezone: Asia/Shanghai`", "the zone does not belong into the expression %q", clip(text))
	case strings.HasPrefix(first, "@every"):
		return bad(ruleCron, `every quarter of an hour is "*/15 * * * *"`, "%q would count from when the program starts, and shift with every restart", clip(text))
	case strings.HasPrefix(first, "@"):
		if means := shorthands[first]; means != "" {
			return bad(ruleCron, fmt.Sprintf("write %q", means), "%q is not known here", clip(text))
		}
		return bad(ruleCron, fiveFields, "%q is not known here", clip(text))
	case len(parts) == 6 || len(parts) == 7:
		return bad(ruleCron, "leave out seconds and years: "+fiveFields, "%q has %d fields", clip(text), len(parts))
	case len(parts) != len(fields):
		return bad(ruleCron, fiveFields, "%q has %d fields", clip(text), len(parts))
	}
	return nil
}

// item is a part of a field between commas: * or ?, a value or a range, and perhaps a
// step. What is not there is empty.
type item struct{ whole, from, to, step string }

// itemOf takes a part of a field apart; ok is false when it has another form.
func itemOf(text string) (it item, ok bool) {
	head, step, stepped := strings.Cut(text, "/")
	if stepped && !only(step, isDigit) {
		return item{}, false
	}
	if head == "*" || head == "?" {
		return item{whole: head, step: step}, true
	}
	from, to, ranged := strings.Cut(head, "-")
	if !isValue(from) || ranged && !isValue(to) {
		return item{}, false
	}
	return item{from: from, to: to, step: step}, true
}

// isValue reports whether a text is a number or a name.
func isValue(text string) bool { return only(text, isDigit) || only(text, isLetter) }

func isDigit(r rune) bool  { return '0' <= r && r <= '9' }
func isLetter(r rune) bool { return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' }

// only reports whether a text has characters of one kind only, and at least one.
func only(text string, kind func(rune) bool) bool {
	return text != "" && !strings.ContainsFunc(text, func(r rune) bool { return !kind(r) })
}

func (f field) check(text string) (found []complaint) {
	for _, one := range strings.Split(text, ",") {
		if c := f.item(one); c != nil && !slices.Contains(found, *c) {
			found = append(found, *c)
		}
	}
	return found
}

func (f field) item(text string) *complaint {
	it, ok := itemOf(text)
	switch {
	case text == "":
		return bad(ruleCron, "write * for every one, and put something on both sides of a comma", "the %s has nothing before or behind a comma", f.name)
	case !ok:
		return bad(ruleCron, "a number, a range as 1-5, a list as 1,3,5, * or a step as */15; L, W and # are not known", "%q is no %s", clip(text), f.name)
	}
	from, to := f.min, f.max
	if it.whole == "" {
		var c *complaint
		if from, c = f.value(it.from); c != nil {
			return c
		}
		if it.to != "" {
			if to, c = f.value(it.to); c != nil {
				return c
			}
		} else if it.step == "" {
			to = from
		}
	}
	if from > to {
		return bad(ruleCron, fmt.Sprintf("write it in two parts, as %s-%d,%d-%s", it.from, f.max, f.min, it.to), "the %s %q ends before it begins", f.name, clip(text))
	}
	if it.step == "" {
		return nil
	}
	return f.step(text, it.step, from, to, it.whole != "")
}

// step refuses steps that are none: */90 is read as */60, which is 0.
func (f field) step(text, digits string, from, to int, whole bool) *complaint {
	n, err := strconv.Atoi(digits)
	switch {
	case err == nil && n == 0:
		return bad(ruleStep, "a step is 1 or more", "the %s %q has a step of nothing", f.name, clip(text))
	case err != nil || n > to-from:
		return bad(ruleStep, fmt.Sprintf("%s counts from %d to %d within each turn, so this is the same as %d: write that, or a smaller step", f.name, from, to, from),
			"the step of the %s %q is larger than what it steps through", f.name, clip(text))
	case whole && f.whole > 0 && f.whole%n != 0:
		c := bad(ruleStep, fmt.Sprintf("steps begin anew at %d in each turn: a number that divides %d keeps them equal", f.min, f.whole),
			"the %s %q does not come at equal distances", f.name, clip(text))
		c.warning = true
		return c
	}
	return nil
}

func (f field) value(text string) (int, *complaint) {
	for i, name := range f.names {
		if strings.EqualFold(name, text) {
			return f.min + i, nil
		}
	}
	n, err := strconv.Atoi(text)
	if err != nil && text != "" && text[0] >= '0' && text[0] <= '9' {
		n = f.max + 1 // too many digits
	} else if err != nil {
		hint := fmt.Sprintf("%d to %d", f.min, f.max)
		if f.names != nil {
			hint += ", or " + strings.Join(f.names, ", ")
		}
		return 0, bad(ruleCron, hint, "%q is no %s", clip(text), f.name)
	}
	if n < f.min || n > f.max {
		hint := ""
		if f.name == "day of week" && n == 7 {
			hint = "Sunday is 0"
		}
		return 0, bad(ruleCron, hint, "%s is no %s: it goes from %d to %d", clip(text), f.name, f.min, f.max)
	}
	return n, nil
}

// starBit is how the library marks a field that is not limited.
const starBit = 1 << 63

// eitherDay reports that both days are limited: cron takes those on which either
// holds, which hardly anybody means.
func (e expression) eitherDay() bool { return (e.spec.Dom|e.spec.Dow)&starBit == 0 }

// clip shortens a file's own text for a message.
func clip(s string) string {
	if runes := []rune(s); len(runes) > 60 {
		return string(runes[:59]) + "…"
	}
	return s
}

func (c complaint) at(pointer string) campaign.Problem {
	return campaign.Problem{Pointer: pointer, Rule: c.rule, Message: c.message, Hint: c.hint, Warning: c.warning}
}
