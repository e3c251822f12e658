package recipients

import (
	"fmt"
	"io/fs"
	"path"
	"strings"

	"campaign/internal/campaign"
)

// formats lists the kinds of recipients files by extension: a line a format.
var formats = []struct {
	extension string
	packed    bool // may be packed with gzip, with .gz behind the extension
	open      func(f textFile, sheet campaign.Sheet) Source
}{
	{".csv", true, openCSV},
	{".tsv", true, openTSV},
	{".xlsx", false, openXLSX},
	{".ndjson", true, openNDJSON},
	{".json", true, openJSON},
	{".yaml", true, openYAML},
	{".yml", true, openYAML},
	{".xls", false, openXLS},
}

// Open gives the source for a file of the project; the extension says which
// format it is. The file itself is opened each time that it is read.
func Open(fsys fs.FS, name string, sheet campaign.Sheet) (Source, error) {
	if !fs.ValidPath(name) {
		return nil, fmt.Errorf("%q is not a path inside the project", name)
	}
	unpacked, packed := strings.CutSuffix(strings.ToLower(name), ".gz")
	extension := path.Ext(unpacked)
	var known []string
	for _, f := range formats {
		if f.extension == extension && (f.packed || !packed) {
			return f.open(textFile{fsys: fsys, path: name, encoding: sheet.Encoding, packed: packed}, sheet), nil
		}
		if f.extension != ".xls" {
			known = append(known, f.extension)
		}
	}
	return nil, fmt.Errorf("%s: recipients cannot be read from this kind of file: save it as one of %s",
		name, strings.Join(known, ", "))
}
