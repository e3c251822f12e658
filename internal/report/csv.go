package report

import (
	"encoding/csv"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode"

	"campaign/internal/campaign"
)

// csvWriter writes a line for each source row, for spreadsheets: UTF-8 with the
// mark that Excel knows it by, CRLF (RFC 4180), ids in full. What a spreadsheet
// would take for a formula stands behind an apostrophe.
type csvWriter struct{ w *csv.Writer }

// byteOrderMark begins a file that Excel reads as UTF-8.
const byteOrderMark = "\uFEFF"

var csvColumns = []string{
	"row", "id", "outcome", "reason", "ref", "attempts", "at", "sent_from", "sent_until", "delivery", "status", "stage", "reopened",
}

func openCSV(w io.Writer, _ campaign.Run, _ Facts) (writer, error) {
	if _, err := io.WriteString(w, byteOrderMark); err != nil {
		return nil, err
	}
	c := csv.NewWriter(w)
	c.UseCRLF = true
	return csvWriter{c}, c.Write(csvColumns)
}

func (c csvWriter) line(l Line) error {
	return c.w.Write([]string{
		strconv.FormatInt(l.Row, 10), noFormula(l.ID), l.Outcome.String(), noFormula(l.Reason), noFormula(l.Ref), strconv.Itoa(l.Attempts),
		instant(l.At), instant(l.From), instant(l.Until), l.Delivery, whole(l.Status), whole(l.Stage), yes(l.Reopened),
	})
}

func (c csvWriter) end(Report) error {
	c.w.Flush()
	return c.w.Error()
}

// formulas begin what Excel, LibreOffice or WPS may take for a formula; the wide
// forms too, which some of them fold.
const formulas = "=+-@＝＋－＠\t\r\n"

// noFormula makes a text a text in a spreadsheet as well. What cannot be printed is
// U+FFFD, and line breaks and tabs are spaces.
func noFormula(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r):
			return unicode.ReplacementChar
		}
		return r
	}, s)
	if strings.IndexAny(strings.TrimLeft(s, " "), formulas) == 0 {
		return "'" + s
	}
	return s
}

func instant(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format(time.RFC3339Nano)
}

// whole is a number that is absent when it is 0.
func whole(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

func yes(b bool) string {
	if b {
		return "true"
	}
	return ""
}
