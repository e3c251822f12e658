package recipients

import (
	"fmt"
	"slices"
	"strings"

	"campaign/internal/campaign"
)

// Rules of diagnostics about headers and where lists end, of any table.
const (
	ruleNoHeader       = "no-header"
	ruleEmptyHeader    = "empty-header"
	ruleDuplicate      = "duplicate-header"
	ruleTooManyColumns = "too-many-columns"
	ruleNotHeader      = "not-the-header"
	ruleRepeatedHeader = "repeated-header"
	ruleNoStop         = "stop-not-found"
	ruleAfterStop      = "rows-after-stop"
)

// maxColumns is what spreadsheets have at most.
const maxColumns = 16384

// peekRows is how far below the top a header is looked for.
const peekRows = 30

// header is the row that names the columns.
type header struct {
	file  string
	row   Row
	names []string
	place func(cell int) (line, col int)
}

// check trims the names, drops those at the end that are empty, and complains
// about names that cannot be told apart.
func (h *header) check() []campaign.Diagnostic {
	for i, name := range h.names {
		h.names[i] = strings.TrimSpace(name)
	}
	for n := len(h.names); n > 1 && h.names[n-1] == ""; n-- {
		h.names = h.names[:n-1]
	}
	var ds []campaign.Diagnostic
	add := func(column int, rule, hint, format string, args ...any) {
		line, col := h.place(column)
		message := fmt.Sprintf(format, args...)
		if h.row.Form != nil && h.row.Form.Sheet != "" {
			message = h.row.Where(column) + ": " + message
		}
		ds = append(ds, campaign.Diagnostic{File: h.file, Line: line, Col: col, Rule: rule, Message: message, Hint: hint})
	}
	first := make(map[string]int, len(h.names))
	for i, name := range h.names {
		if name == "" {
			add(i, ruleEmptyHeader, "name the column or delete it; a name that stands in a row above must be in this one too", "column %d has no name", i+1)
			continue
		}
		if j, ok := first[name]; ok {
			add(i, ruleDuplicate, "rename or delete one of them", "column %d has the same name as column %d", i+1, j+1)
			continue
		}
		first[name] = i
	}
	return ds
}

// otherRow says when another of a file's first rows looks like the header: this
// one has a single cell, as a title has, and those below have more.
func (h *header) otherRow(first []Row) *campaign.Diagnostic {
	most, header := 1, int64(0)
	for _, row := range first {
		if n := filled(row.Cells); row.Row > h.row.Row && n > most {
			most, header = n, row.Row
		}
	}
	if header == 0 {
		return nil
	}
	return &campaign.Diagnostic{File: h.file, Line: h.row.Line, Rule: ruleNotHeader,
		Message: fmt.Sprintf("row %d has a single cell, as a title has: row %d looks like the header", h.row.Row, header),
		Hint:    fmt.Sprintf("say header_row: %d if it is, or %d if there is just one column", header, h.row.Row)}
}

// filled counts the cells that are not blank.
func filled(cells []string) (n int) {
	for _, cell := range cells {
		if Plain(cell) != "" {
			n++
		}
	}
	return n
}

// FindHeader looks in a file's first rows for the one that has most of the names,
// and more than the header that was taken: 0 for none.
func FindHeader(first []Row, header, names []string) (number int64) {
	most := named(header, names)
	for _, row := range first {
		if n := named(row.Cells, names); n > most {
			most, number = n, row.Row
		}
	}
	return number
}

// named counts the names that are among cells.
func named(cells, names []string) (n int) {
	for _, name := range names {
		if slices.ContainsFunc(cells, func(cell string) bool { return strings.TrimSpace(cell) == name }) {
			n++
		}
	}
	return n
}

func noHeader(file string, number int64) *campaign.Diagnostic {
	d := &campaign.Diagnostic{File: file, Line: 1, Rule: ruleNoHeader,
		Message: "the file has no rows, not even a header",
		Hint:    "put the names of the columns into the first row"}
	if number > 0 {
		d.Message = fmt.Sprintf("the file ends before row %d, which is to be the header", number)
		d.Hint = "correct header_row, or leave it out"
	}
	return d
}

func blankHeader(file string, line int, number int64) *campaign.Diagnostic {
	return &campaign.Diagnostic{File: file, Line: line, Rule: ruleNoHeader,
		Message: fmt.Sprintf("row %d, which is to be the header, is blank", number),
		Hint:    "correct header_row: it counts as a spreadsheet does, blank rows included"}
}

func tooManyColumns(file string, line, columns int) *campaign.Diagnostic {
	return &campaign.Diagnostic{File: file, Line: line, Rule: ruleTooManyColumns,
		Message: fmt.Sprintf("the header has %d columns, more than %d", columns, maxColumns)}
}

// repeated says that a row has the names of the columns once more, as where files
// were put together.
func repeated(file string, row Row, names []string) *campaign.Diagnostic {
	for i, name := range names {
		if strings.TrimSpace(row.Cells[i]) != name {
			return nil
		}
	}
	return &campaign.Diagnostic{File: file, Line: row.Line, Rule: ruleRepeatedHeader,
		Message: fmt.Sprintf("%s: the header stands here once more", row.Where(-1)), Hint: "delete the row"}
}

// noStop is for a list whose end was said and is not there.
func noStop(file string) campaign.Diagnostic {
	return campaign.Diagnostic{File: file, Rule: ruleNoStop,
		Message: "no row ends the list: none has what stop_at says in its first filled cell",
		Hint:    "stop_at is compared with the whole cell; leave it out when the list goes to the end of the file"}
}

// stopped looks at what stands below the end of a list: notes are left alone, rows
// that could be people are a warning.
type stopped struct {
	file    string
	line    int // of the row that ends the list
	columns int
	rows    int64
	first   int64
}

func (s *stopped) after(row Row) {
	if n := filled(row.Cells); n > 1 && 2*n > s.columns {
		if s.rows++; s.rows == 1 {
			s.first = row.Row
		}
	}
}

func (s *stopped) warning() []campaign.Diagnostic {
	if s.rows == 0 {
		return nil
	}
	return []campaign.Diagnostic{{File: s.file, Line: s.line, Rule: ruleAfterStop, Warning: true,
		Message: fmt.Sprintf("the list ends here as stop_at says, but rows below look like more of it: %d, the first is row %d", s.rows, s.first),
		Hint:    "nobody in them is reached: check that the list is whole"}}
}
