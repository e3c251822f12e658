// Package schema holds the JSON Schemas of the files that people write and of
// the documents that the program writes: one for editors and for checking.
package schema

import (
	"embed"
	"fmt"
	"io/fs"
	"strings"
)

//go:embed *.schema.json
var files embed.FS

const suffix = ".schema.json"

// Names lists the schemas in alphabetical order, for example campaign, targets.
func Names() []string {
	entries, err := fs.ReadDir(files, ".")
	if err != nil {
		panic(fmt.Sprintf("schema: embedded files: %v", err)) // the compiler put them there
	}
	names := make([]string, 0, len(entries))
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), suffix))
	}
	return names
}

// Bytes returns the schema of that name.
func Bytes(name string) ([]byte, error) {
	data, err := fs.ReadFile(files, name+suffix)
	if err != nil {
		return nil, fmt.Errorf("no schema %q: there are %s", name, strings.Join(Names(), ", "))
	}
	return data, nil
}
