package main

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/santhosh-tekuri/jsonschema/v5"

	"campaign/internal/campaign"
	"campaign/internal/ledger"
	"campaign/internal/ledger/sqlite"
	"campaign/schema"
)

// scriptRunID sets a variable to the id of a run.
func scriptRunID(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 3 || len(args) == 4, "run-id NAME CAMPAIGN OCCURRENCE [PROFILE]")
	ts.Setenv(args[0], campaign.RunID(append(args, "default")[3], args[1], args[2]))
}

// scriptHeadOf sets a variable to the commit that is checked out here.
func scriptHeadOf(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 1, "head-of NAME")
	ts.Check(ts.Exec("git", "rev-parse", "HEAD"))
	ts.Setenv(args[0], strings.TrimSpace(ts.ReadFile("stdout")))
}

// scriptYesterday sets a variable to yesterday's day of the week, as windows name
// days.
func scriptYesterday(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 1, "yesterday NAME")
	zone, err := time.LoadLocation("Asia/Shanghai")
	ts.Check(err)
	ts.Setenv(args[0], strings.ToLower(time.Now().In(zone).AddDate(0, 0, -1).Weekday().String()[:3]))
}

func scriptKeys(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 3, "keys RUN OUTCOME NAME")
	ts.Check(ts.Exec("campaign", "report", args[0], "--format", "ndjson"))
	n := 0
	last := ""
	for line := range strings.Lines(ts.ReadFile("stdout")) {
		var l struct{ Outcome, Delivery string }
		ts.Check(json.Unmarshal([]byte(line), &l))
		if l.Outcome == args[1] && l.Delivery != last {
			n++
			last = l.Delivery
			ts.Setenv(args[2]+strconv.Itoa(n), l.Delivery)
		}
	}
	if n == 0 {
		ts.Fatalf("no request of %s is %s", args[0], args[1])
	}
}

// scriptUnzip takes a zip file apart. What says that it is JSON must be, and what
// is said of the files' SHA-256 must hold.
func scriptUnzip(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 2, "unzip FILE DIR")
	r, err := zip.OpenReader(ts.MkAbs(args[0]))
	ts.Check(err)
	defer r.Close()
	seen := map[string]bool{}
	for _, f := range r.File {
		if !filepath.IsLocal(f.Name) || seen[f.Name] {
			ts.Fatalf("%s has an entry %s twice, or outside", args[0], f.Name)
		}
		seen[f.Name] = true
		in, err := f.Open()
		ts.Check(err)
		data, err := io.ReadAll(in)
		ts.Check(err)
		if strings.HasSuffix(f.Name, ".json") && !json.Valid(data) {
			ts.Fatalf("%s: %s is no JSON", args[0], f.Name)
		}
		file := filepath.Join(ts.MkAbs(args[1]), filepath.FromSlash(f.Name))
		ts.Check(os.MkdirAll(filepath.Dir(file), 0o700))
		ts.Check(os.WriteFile(file, data, 0o600))
	}
	if len(seen) == 0 {
		ts.Fatalf("%s is empty", args[0])
	}
}

// scriptPrivate wants a file that only its owner can read.
func scriptPrivate(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 1, "private FILE")
	info, err := os.Stat(ts.MkAbs(args[0]))
	ts.Check(err)
	if runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		ts.Fatalf("%s has the mode %v", args[0], info.Mode())
	}
}

// scriptHolds wants each pattern in some file below a folder, or in a file's name.
func scriptHolds(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) >= 2, "holds DIR PATTERN…")
	var all strings.Builder
	ts.Check(filepath.WalkDir(ts.MkAbs(args[0]), func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(name)
		all.WriteString(filepath.ToSlash(name) + "\n" + string(data) + "\n")
		return err
	}))
	for _, pattern := range args[1:] {
		re, err := regexp.Compile(pattern)
		ts.Check(err)
		if !re.MatchString(all.String()) {
			ts.Fatalf("nothing below %s holds %q:\n%s", args[0], pattern, all.String())
		}
	}
}

func scriptValidJSON(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 1, "valid-json FILE")
	if !json.Valid([]byte(ts.ReadFile(args[0]))) {
		ts.Fatalf("%s is no JSON", args[0])
	}
}

func scriptPlanSchema(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 1, "plan-schema FILE")
	data, err := schema.Bytes("plan")
	ts.Check(err)
	c := jsonschema.NewCompiler()
	c.AssertFormat = true
	ts.Check(c.AddResource("plan.json", bytes.NewReader(data)))
	compiled, err := c.Compile("plan.json")
	ts.Check(err)
	var doc any
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[0])), &doc))
	ts.Check(compiled.Validate(doc))
}

func scriptSoon(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 2, "soon NAME SECONDS")
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	at := time.Now().UTC().Add(time.Duration(n) * time.Second).Format(time.RFC3339)
	ts.Setenv(args[0], at)
	ts.Setenv(args[0]+"_LABEL", strings.TrimSuffix(strings.TrimSuffix(at, "Z"), ":00")+" UTC")
}

// scriptAhead decides, as a process with a wrong clock would, what is due until tomorrow.
func scriptAhead(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 2, "ahead PROJECT PROFILE")
	ctx := context.Background()
	led, err := sqlite.Open(ctx, sqlite.Options{Dir: ts.MkAbs(".campaign"), Project: args[0], Mark: ts.MkAbs("reports/.ledger-mark.json")})
	ts.Check(err)
	defer led.Close()
	upto, err := led.Decided(ctx, args[1])
	ts.Check(err)
	var all []ledger.Decision
	for name, at := range upto {
		all = append(all, ledger.Decision{Campaign: name, From: at, Upto: time.Now().Add(24 * time.Hour)})
	}
	_, err = led.Decide(ctx, args[1], all)
	ts.Check(err)
}
