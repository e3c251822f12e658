package report

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode"

	"campaign/internal/campaign"
)

// Dir is the folder of a run's report: <profile>/<campaign>/<run> under root.
func Dir(root string, run campaign.Run) string {
	return filepath.Join(root, folder(run.Profile), folder(run.Campaign), folder(run.ID))
}

// folder spells a name so that every file system takes it as one folder, and
// different names differently: bytes of other characters than letters, digits,
// "-" and inner "." are written %XX, and the device names of Windows get a "_"
// (Windows: Naming Files, Paths, and Namespaces).
func folder(name string) string {
	var b strings.Builder
	for i, r := range name {
		inner := i > 0 && i < len(name)-1
		if unicode.IsLetter(r) || unicode.IsDigit(r) || r == '-' || r == '.' && inner {
			b.WriteRune(r)
			continue
		}
		for _, c := range []byte(string(r)) {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	if b.Len() == 0 {
		return "_"
	}
	if stem, _, _ := strings.Cut(strings.ToLower(name), "."); device(stem) {
		b.WriteByte('_')
	}
	return b.String()
}

func device(stem string) bool {
	if slices.Contains([]string{"con", "prn", "aux", "nul"}, stem) {
		return true
	}
	port, isPort := strings.CutPrefix(stem, "com")
	if !isPort {
		port, isPort = strings.CutPrefix(stem, "lpt")
	}
	return isPort && len([]rune(port)) == 1 && strings.Contains("0123456789¹²³", port)
}

// prepare makes the folders and clears away what a killed process left.
func prepare(root, dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	// Failing to look or to remove does no harm.
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") || !strings.HasSuffix(e.Name(), stagedSuffix) {
			continue
		}
		// Another process may be writing this very moment; a file that nobody has
		// written to for an hour has no owner.
		if info, err := e.Info(); err == nil && time.Since(info.ModTime()) > time.Hour {
			_ = os.Remove(filepath.Join(dir, e.Name()))
		}
	}
	return ignore(root)
}

// ignore keeps reports out of version control. A file that is there stays as it is.
func ignore(root string) error {
	f, err := os.OpenFile(filepath.Join(root, ".gitignore"), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if os.IsExist(err) {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = f.WriteString("*\n")
	if closed := f.Close(); err == nil {
		err = closed
	}
	return err
}
