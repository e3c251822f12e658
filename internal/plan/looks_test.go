package plan

import (
	"strings"
	"testing"
)

// TestHintsOfCells covers what spreadsheets and input methods make of numbers and days.
func TestHintsOfCells(t *testing.T) {
	for _, c := range []struct {
		say        func(string) string
		cell, want string
	}{
		{asNumber, "１２３４", "full-width"},
		{asNumber, "１２．５", "full-width"},
		{asNumber, "1,234.50", "without separators"},
		{asNumber, "1 234", "without separators"},
		{asNumber, "１，２３４", "without separators"},
		{asNumber, "about 5", "at most one point"},
		{asNumber, "", "at most one point"},
		{asDate, "46387", "spreadsheet holds for a day"},
		{asDate, "46387.5", "spreadsheet holds for a day"},
		{asDate, "４６３８７", "spreadsheet holds for a day"},
		{asDate, "12345", "dates are understood as"}, // of 1933
		{asDate, "463870", "dates are understood as"},
		{asDate, "next week", "dates are understood as"},
	} {
		if got := c.say(c.cell); !strings.Contains(got, c.want) {
			t.Errorf("%q: %q, want %q", c.cell, got, c.want)
		}
	}
}
