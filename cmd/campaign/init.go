package main

import (
	"crypto/rand"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"campaign/internal/spec"
	"campaign/schema"
)

//go:embed templates
var templates embed.FS

func newInit(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "init",
		Short: "Make a project: targets.yaml, its id and state, schemas for the editor",
		Long: `init makes the working directory (or --project DIR) a project: targets.yaml to fill in, the project's id and its ledger,
schema files for the editor, and .gitignore lines for what must not be committed. It changes no file that is there, except
for adding lines to .gitignore.`,
		Example: `  mkdir notices && cd notices && campaign init`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir, err := filepath.Abs(firstOf(a.flags.project, "."))
			if err != nil {
				return fail(exitUsage, "%w", err)
			}
			if err := a.initFiles(dir); err != nil {
				return err
			}
			return a.initState(cmd.Context(), dir)
		},
	}
}

// initFiles writes a new project's files.
func (a *app) initFiles(dir string) error {
	target := filepath.Join(dir, spec.TargetsFile)
	if _, err := os.Lstat(target); !errors.Is(err, fs.ErrNotExist) {
		return fail(exitUsage, "%s is there already: this is a project; `campaign new TYPE` adds a campaign", target)
	}
	text, err := templates.ReadFile("templates/" + spec.TargetsFile)
	if err != nil {
		return err
	}
	for _, name := range schema.Names() {
		data, err := schema.Bytes(name)
		if err != nil {
			return err
		}
		if err := a.create(filepath.Join(dir, "schema", name+".schema.json"), data); err != nil {
			return err
		}
	}
	if err := addLines(filepath.Join(dir, ".gitignore"), ".campaign/", "reports/", "secrets/"); err != nil {
		return fail(exitState, "%w", err)
	}
	return a.create(target, []byte(strings.ReplaceAll(string(text), "PROJECT_ID", newProjectID(dir))))
}

var notInID = regexp.MustCompile(`[^a-z0-9]+`)

// newProjectID is the folder's name, as far as it goes, and four random digits.
func newProjectID(dir string) string {
	name := strings.Trim(notInID.ReplaceAllString(strings.ToLower(filepath.Base(dir)), "-"), "-")
	if len(name) > 24 {
		name = strings.Trim(name[:24], "-")
	}
	var salt [2]byte
	_, _ = rand.Read(salt[:]) // never fails (crypto/rand)
	return firstOf(name, "project") + "-" + hex.EncodeToString(salt[:])
}

// create writes a file that is not there yet, and says so.
func (a *app) create(file string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return fail(exitState, "%w", err)
	}
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		fmt.Fprintln(a.stderr, file+" is there already and stays as it is")
		return nil
	}
	if err != nil {
		return fail(exitState, "%w", err)
	}
	_, err = f.Write(data)
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return fail(exitState, "%w", err)
	}
	speak(a.stdout, "wrote %s\n", file)
	return nil
}

// addLines appends the lines that a file does not have.
func addLines(file string, lines ...string) error {
	data, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	have := strings.Split(strings.ReplaceAll(string(data), "\r\n", "\n"), "\n")
	text := string(data)
	if text != "" && !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	for _, line := range lines {
		if !slices.Contains(have, line) {
			text += line + "\n"
		}
	}
	if text == string(data) {
		return nil
	}
	return os.WriteFile(file, []byte(text), 0o644)
}

func newNew(a *app) *cobra.Command {
	var types []string
	for _, s := range systems {
		types = append(types, s.Channels()...)
	}
	return &cobra.Command{
		Use:   "new TYPE [NAME]",
		Short: "Write a commented campaign file",
		Long: `new writes NAME.yaml into the project: a campaign file of the given channel type with every key explained.
The types are ` + strings.Join(types, ", ") + `.`,
		Example:   `  campaign new chuanbo.sms water-outage`,
		Args:      cobra.RangeArgs(1, 2),
		ValidArgs: types,
		RunE: func(_ *cobra.Command, args []string) error {
			text, err := templates.ReadFile("templates/" + args[0] + ".yaml")
			if err != nil || !slices.Contains(types, args[0]) {
				return fail(exitUsage, "there is no channel type %q: the types are %s", args[0], strings.Join(types, ", "))
			}
			name := strings.ReplaceAll(args[0], ".", "-")
			if len(args) == 2 {
				name = strings.TrimSuffix(args[1], ".yaml")
			}
			if !campaignName.MatchString(name) {
				return fail(exitUsage, "%q cannot be a campaign's name: lower-case letters, digits and hyphens, 63 at most", name)
			}
			p, found, err := a.openProject()
			if err != nil {
				return err
			}
			if p == nil {
				a.show(a.stderr, found)
				return quit(exitProblems)
			}
			file := filepath.Join(p.dir, name+".yaml")
			if _, err := os.Lstat(file); !errors.Is(err, fs.ErrNotExist) {
				return fail(exitUsage, "%s is there already", file)
			}
			head := p.modeline(name+".yaml", "campaign")
			return a.create(file, []byte(head+strings.ReplaceAll(string(text), "CAMPAIGN_NAME", name)))
		},
	}
}

var campaignName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)
