package main

import (
	"bytes"
	"os"
	"path"
	"path/filepath"
	"strings"

	"campaign/internal/spec"
)

// modelineHead begins the comment by which editors find the schema of a file.
const modelineHead = "# yaml-language-server: $schema="

// modeline is the first line of a YAML file that the program writes: it names a schema
// of ours, relative to the file. The schemas lie where targets.yaml says, else in
// schema/. Without one there the line is empty, because it would lead nowhere.
func (p *project) modeline(file, schema string) string {
	for _, folder := range []string{p.schemaFolder(), "schema"} {
		found := path.Join(folder, schema+".schema.json")
		if info, err := os.Stat(filepath.Join(p.dir, filepath.FromSlash(found))); err != nil || !info.Mode().IsRegular() {
			continue
		}
		if rel, err := filepath.Rel(filepath.FromSlash(path.Dir(file)), filepath.FromSlash(found)); err == nil {
			return modelineHead + filepath.ToSlash(rel) + "\n"
		}
	}
	return ""
}

// schemaFolder is where the modeline of targets.yaml looks, relative to the project.
func (p *project) schemaFolder() string {
	data, err := os.ReadFile(filepath.Join(p.dir, spec.TargetsFile))
	if err != nil {
		return ""
	}
	for line := range bytes.Lines(data) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(string(line)), modelineHead); ok && !path.IsAbs(name) && !strings.Contains(name, "://") {
			return path.Dir(name)
		}
		if line[0] != '#' {
			break
		}
	}
	return ""
}
