package recipients

import (
	"bytes"
	"fmt"
)

// separators are those that are looked for, the likelier first.
var separators = []byte{',', '\t', ';', '|'}

// nameOf names a separator in messages.
func nameOf(sep byte) string {
	switch sep {
	case ',':
		return "comma"
	case '\t':
		return "tab"
	case ';':
		return "semicolon"
	}
	return fmt.Sprintf("%q", sep)
}

// findSeparator looks for what stands between the cells of a text that begins
// with head: what cuts most records into equally many cells, more than one; of
// equals the file's usual one, then the one that gives more cells. A title above
// the header and a bad row here and there do not matter.
func findSeparator(head []byte, whole bool, usual byte) byte {
	best, bestShare, bestCells := usual, 0, 0
	all := 0
	consider := func(sep byte) {
		share, cells, seen := regularity(head, whole, sep)
		all = seen
		if share > bestShare || share == bestShare && best != usual && cells > bestCells {
			best, bestShare, bestCells = sep, share, cells
		}
	}
	if consider(usual); bestShare == all && all > 0 && bytes.IndexByte(head, '"') < 0 {
		return usual // it cuts all: records without quotes are the same with any other
	}
	for _, sep := range separators {
		if sep != usual {
			consider(sep)
		}
	}
	return best
}

// sampleRecords is how many records are looked at.
const sampleRecords = 200

// regularity gives how many of the records have the most common number of cells
// above one, that number, and how many records there are.
func regularity(head []byte, whole bool, sep byte) (records, cells, seen int) {
	counts := map[int]int{}
	n, begins := 1, true           // cells of the record; nothing of the last one was seen
	opened, quoted := false, false // the cell begins with a quote; we are inside
	from := 0
	end := func(at int) {
		if len(bytes.TrimSpace(head[from:at])) > 0 {
			counts[n]++
			seen++
		}
		n, begins, opened, quoted, from = 1, true, false, false, at
	}
	for i, b := range head {
		switch {
		case seen == sampleRecords:
		case b == '"' && (opened || begins):
			opened, quoted, begins = true, !quoted, false
		case quoted:
		case b == sep:
			n++
			begins, opened = true, false
		case b == '\n' || b == '\r':
			end(i)
		case b != ' ':
			begins = false
		}
	}
	if whole && !quoted {
		end(len(head))
	}
	for c, k := range counts {
		if c > 1 && (k > records || k == records && c > cells) {
			records, cells = k, c
		}
	}
	return records, cells, seen
}
