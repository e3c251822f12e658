package schedule

import (
	"regexp"
	"strings"
	"testing"
)

// TestItemOf takes every text of up to five signs apart as a regular expression does.
func TestItemOf(t *testing.T) {
	form := regexp.MustCompile(`^(?:(\*|\?)|([0-9]+|[A-Za-z]+)(?:-([0-9]+|[A-Za-z]+))?)(?:/([0-9]+))?$`)
	signs := strings.Split("*,?,1,20,m,Z,-,/,é, ", ",")
	var try func(text string, left int)
	try = func(text string, left int) {
		got, ok := itemOf(text)
		m := form.FindStringSubmatch(text)
		if ok != (m != nil) || ok && got != (item{m[1], m[2], m[3], m[4]}) {
			t.Fatalf("%q: %+v, %v instead of %q", text, got, ok, m)
		}
		for _, sign := range signs {
			if left > 0 {
				try(text+sign, left-1)
			}
		}
	}
	try("", 5)
}
