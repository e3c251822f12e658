package recipients

import (
	"io/fs"

	"campaign/internal/campaign"
)

// csvIn is the file r.csv; without a delimiter that is found by itself.
func csvIn(fsys fs.FS, delimiter string) *csvFile {
	return openCSV(textFile{fsys: fsys, path: "r.csv"}, campaign.Sheet{Delimiter: delimiter}).(*csvFile)
}

func (c *csvFile) limited(l limits) *csvFile {
	c.limits = l
	return c
}
