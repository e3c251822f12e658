package spec

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"regexp"
	"strings"
	"unicode/utf8"
)

// Bounds of the files that this room reads.
const (
	maxFile = 1 << 20 // campaign files, targets.yaml
	maxLock = 4 << 20 // groups.<target>.lock.yaml
	maxText = 4 << 20 // content files
)

// fault is what is wrong with a file or a reference to one.
type fault struct{ rule, message, hint string }

var drive = regexp.MustCompile(`^[A-Za-z]:`)

// resolve gives the project path that ref means in the file from.
func resolve(from, ref string) (string, *fault) {
	const inside = "files of a project are given relative to the file that names them"
	switch {
	case strings.TrimSpace(ref) == "":
		return "", &fault{ruleEmpty, "the file has no name", ""}
	case strings.Contains(ref, `\`):
		return "", &fault{ruleBadFormat, fmt.Sprintf("%q holds a backslash", clip(ref)), "write / between folders, on Windows too"}
	case strings.HasPrefix(ref, "/"), strings.HasPrefix(ref, "~"), drive.MatchString(ref), strings.Contains(ref, "://"):
		return "", &fault{ruleOutside, fmt.Sprintf("%q is not a path in the project", clip(ref)), inside}
	case strings.ContainsRune(ref, 0):
		return "", &fault{ruleBadFormat, "the file's name holds a zero byte", ""}
	}
	name := path.Join(path.Dir(from), ref)
	if name == ".." || strings.HasPrefix(name, "../") {
		return "", &fault{ruleOutside, fmt.Sprintf("%q leads outside of the project", clip(ref)), inside}
	}
	for _, part := range strings.Split(name, "/") {
		if strings.HasPrefix(part, ".") && part != "." {
			return "", &fault{ruleHidden, fmt.Sprintf("%q names a hidden file or folder", clip(ref)), "move it to a file whose name does not begin with a dot"}
		}
	}
	if !fs.ValidPath(name) {
		return "", &fault{ruleBadFormat, fmt.Sprintf("%q is not a path", clip(ref)), ""}
	}
	return name, nil
}

// regular checks that a project path is a file that can be read.
func regular(fsys fs.FS, name string) *fault {
	info, err := fs.Stat(fsys, name)
	switch {
	case err != nil:
		return unreadable(fsys, name, err)
	case info.IsDir():
		return &fault{ruleFileType, fmt.Sprintf("%s is a folder", name), "name a file in it"}
	case !info.Mode().IsRegular():
		return &fault{ruleFileType, fmt.Sprintf("%s is not a regular file", name), ""}
	}
	return nil
}

// unreadable says why a file could not be opened.
func unreadable(fsys fs.FS, name string, err error) *fault {
	if errors.Is(err, fs.ErrNotExist) {
		f := &fault{ruleMissingFile, fmt.Sprintf("there is no file %s in the project", name), "files of a project are given relative to the file that names them"}
		if near := neighbour(fsys, name); near != "" {
			f.hint = fmt.Sprintf("did you mean %s?", near)
		}
		return f
	}
	if linked(fsys, name) {
		return &fault{ruleOutside, fmt.Sprintf("%s leads outside of the project through a link", name), "copy the file into the project"}
	}
	var pe *fs.PathError
	if errors.As(err, &pe) {
		err = pe.Err
	}
	return &fault{ruleUnreadable, fmt.Sprintf("%s cannot be read: %v", name, err), ""}
}

// linked reports whether a link stands on the way to name.
func linked(fsys fs.FS, name string) bool {
	for i := range len(name) + 1 {
		if i < len(name) && name[i] != '/' {
			continue
		}
		if info, err := fs.Lstat(fsys, name[:i]); err == nil && info.Mode()&fs.ModeSymlink != 0 {
			return true
		}
	}
	return false
}

// neighbour finds a file in name's folder that was probably meant.
func neighbour(fsys fs.FS, name string) string {
	entries, err := fs.ReadDir(fsys, path.Dir(name))
	if err != nil {
		return ""
	}
	var names []string
	for _, e := range entries {
		if !e.IsDir() && !strings.HasPrefix(e.Name(), ".") {
			names = append(names, e.Name())
		}
	}
	return nearest(path.Base(name), names)
}

// inMemory is a file that is in memory already. Nobody changes what it gives.
type inMemory interface{ Contents() []byte }

// read reads a whole file of at most limit bytes. Its bytes must not be changed.
func read(fsys fs.FS, name string, limit int64) ([]byte, *fault) {
	if f := regular(fsys, name); f != nil {
		return nil, f
	}
	file, err := fsys.Open(name)
	if err != nil {
		return nil, unreadable(fsys, name, err)
	}
	defer file.Close()
	if whole, ok := file.(inMemory); ok {
		if data := whole.Contents(); int64(len(data)) <= limit {
			return data, nil
		}
	}
	var size int64
	if info, err := file.Stat(); err == nil {
		size = min(info.Size(), limit+1)
	}
	in := bytes.NewBuffer(make([]byte, 0, size+bytes.MinRead))
	if _, err := in.ReadFrom(io.LimitReader(file, limit+1)); err != nil {
		return nil, unreadable(fsys, name, err)
	}
	data := in.Bytes()
	if int64(len(data)) > limit {
		return nil, &fault{ruleTooBig, fmt.Sprintf("%s is larger than %d MiB", name, limit>>20), ""}
	}
	return data, nil
}

// readText reads a content file: UTF-8, without byte order mark, with LF line endings.
func readText(fsys fs.FS, name string) (string, *fault) {
	data, f := read(fsys, name, maxText)
	if f != nil {
		return "", f
	}
	data = bytes.TrimPrefix(data, []byte("\uFEFF"))
	switch {
	case utf16(data):
		return "", &fault{ruleEncoding, fmt.Sprintf("%s is UTF-16, not UTF-8", name), "save it as UTF-8"}
	case !utf8.Valid(data):
		line := 1 + bytes.Count(data[:invalidAt(data)], []byte("\n"))
		return "", &fault{ruleEncoding, fmt.Sprintf("%s is not UTF-8 (line %d)", name, line), "save it as UTF-8"}
	case bytes.IndexByte(data, 0) >= 0:
		return "", &fault{ruleEncoding, fmt.Sprintf("%s holds a zero byte", name), "save it as plain text in UTF-8"}
	}
	text := strings.ReplaceAll(string(data), "\r\n", "\n")
	if strings.TrimSpace(text) == "" {
		return "", &fault{ruleEmpty, fmt.Sprintf("%s is empty", name), ""}
	}
	return text, nil
}

// invalidAt gives the offset of the first byte that is not UTF-8.
func invalidAt(data []byte) int {
	for i := 0; i < len(data); {
		r, size := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return len(data)
}
