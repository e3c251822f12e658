package recipients

import (
	"fmt"
	"io/fs"
	"path"
	"strings"
)

// formats lists the kinds of recipients files by extension: a line a format.
var formats = []struct {
	extension string
	open      func(fsys fs.FS, path string) Source
}{
	{".csv", openCSV},
}

// Open gives the source for a file of the project; the extension says which
// format it is. The file itself is opened each time that it is read.
func Open(fsys fs.FS, name string) (Source, error) {
	if !fs.ValidPath(name) {
		return nil, fmt.Errorf("%q is not a path inside the project", name)
	}
	extension := path.Ext(name)
	known := make([]string, 0, len(formats))
	for _, f := range formats {
		if strings.EqualFold(f.extension, extension) {
			return f.open(fsys, name), nil
		}
		known = append(known, f.extension)
	}
	return nil, fmt.Errorf("%s: recipients cannot be read from this kind of file: save it as one of %s",
		name, strings.Join(known, ", "))
}
