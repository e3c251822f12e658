package main

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/robfig/cron/v3"
)

// The units under deploy/ call commands and flags that are there.
func TestUnitsCallWhatIsThere(t *testing.T) {
	calls := 0
	call := regexp.MustCompile(`(?:/usr/local/bin/|&& )campaign ((?:serve|tick|run)[^>|\n]*)`)
	args := regexp.MustCompile(`args: \[(.*)\]`)
	err := filepath.WalkDir("../../deploy", func(file string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		data, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		var lines [][]string
		for _, m := range call.FindAllStringSubmatch(string(data), -1) {
			lines = append(lines, strings.Fields(m[1]))
		}
		for _, m := range args.FindAllStringSubmatch(string(data), -1) {
			lines = append(lines, strings.Fields(strings.NewReplacer(",", " ", `"`, "").Replace(m[1])))
		}
		for _, line := range lines {
			calls++
			cmd, rest, err := newRoot(&app{stdout: io.Discard, stderr: io.Discard}).Find(line)
			if err != nil || cmd.Name() != line[0] {
				t.Errorf("%s: campaign %v: %v", file, line, err)
				continue
			}
			if err := cmd.ParseFlags(rest); err != nil {
				t.Errorf("%s: campaign %v: %v", file, line, err)
			}
		}
		return nil
	})
	if err != nil || calls < 5 {
		t.Errorf("%d calls were found, %v", calls, err)
	}
}

// systemd reads the units without a complaint, where there is one.
func TestSystemdReadsTheUnits(t *testing.T) {
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skip("no systemd here")
	}
	units, err := filepath.Glob("../../deploy/systemd/*")
	if err != nil || len(units) < 3 {
		t.Fatalf("%d units, %v", len(units), err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	var copies []string
	for _, unit := range units {
		data, err := os.ReadFile(unit)
		if err != nil {
			t.Fatal(err)
		}
		data = bytes.ReplaceAll(data, []byte("/usr/local/bin/campaign"), []byte(self))
		to := filepath.Join(dir, filepath.Base(unit))
		if err := os.WriteFile(to, data, 0o644); err != nil {
			t.Fatal(err)
		}
		copies = append(copies, to)
	}
	out, err := exec.Command("systemd-analyze", append([]string{"verify", "--man=no"}, copies...)...).CombinedOutput()
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, dir) || strings.Contains(line, "campaign") {
			t.Error(line)
		}
	}
	if err != nil && strings.Contains(string(out), dir) {
		t.Errorf("%v\n%s", err, out)
	}
}

// The crontab's and the CronJob's expressions are cron's.
func TestDeployedExpressions(t *testing.T) {
	for file, pattern := range map[string]string{
		"../../deploy/cron/campaign":           `(?m)^((?:\S+ ){4}\S+) campaign `,
		"../../deploy/kubernetes/cronjob.yaml": `schedule: "([^"]*)"`,
	} {
		data, err := os.ReadFile(filepath.FromSlash(file))
		if err != nil {
			t.Fatal(err)
		}
		m := regexp.MustCompile(pattern).FindSubmatch(data)
		if m == nil {
			t.Errorf("%s has no expression", file)
			continue
		}
		if _, err := cron.ParseStandard(string(m[1])); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
}
