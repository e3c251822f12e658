package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/text/encoding/htmlindex"

	"campaign/internal/sandbox"
)

func TestMain(m *testing.M) {
	if strings.Contains(filepath.Base(os.Args[0]), ".test") { // not where a script runs a command: scripts have their own
		os.Setenv("LC_ALL", "C")
	}
	testscript.Main(m, map[string]func(){"campaign": main, "bare-loop": bareLoopMain})
}

// TestScript runs the scripts of testdata/script against the real binary, which
// refuses to dial anything but loopback. Their own commands:
//
//	code N campaign ARG…        runs it and wants this exit code
//	upstream NAME [FAULT…]      starts a sandbox; $NAME is its address
//	fault NAME FAULT            adds a fault; `fault NAME clear` removes all
//	once NAME N [PREFIX]        N recipients (or groups), or N-M, were accepted, each once
//	received NAME ENDPOINT N    so many requests came in
//	waits NAME N                until so many requests came in; +N: so many more
//	adds-up DIR                 every report.json below has sums that add up
//	clean SECRET… -- DIR…       none of the secrets is in the files below, nor in the last output
//	examples                    copies campaigns/ of the repository here
//	companies N FILE            writes a CSV of N companies
//	encode ENCODING FILE        saves a text in another encoding, with CR LF
//	edit FILE OLD NEW           replaces text that must be there
//	run-id NAME CAMPAIGN LABEL  $NAME is the id of this occurrence's run
//	keys RUN OUTCOME NAME       $NAME1, $NAME2, …: the run's requests with this outcome, as reports print them
//	unzip FILE DIR              takes a zip file apart; what is called .json in it must be
//	private FILE                only its owner can read it
//	holds DIR PATTERN…          each pattern is in some file below, or in its name
//	valid-json FILE             it is JSON
//	plan-schema FILE            it is a saved plan as the schema says
//	yesterday NAME              $NAME is yesterday's day of the week
//	soon NAME SECONDS           $NAME is an instant in so many seconds, $NAME_LABEL its occurrence
//	ahead PROJECT PROFILE       what is due until tomorrow was decided: a clock stood wrong
//	head-of NAME                $NAME is the commit that is checked out here
//
// Under the race detector, which makes each start of the binary several times slower,
// those run in which something happens at the same time.
func TestScript(t *testing.T) {
	files, err := filepath.Glob("testdata/script/*.txtar")
	if raceDetector {
		files, err = atOnce, nil
	}
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Files:               files,
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("CAMPAIGN_LOOPBACK_ONLY", "1")
			env.Setenv("HOME", filepath.Join(env.WorkDir, "home"))
			env.Setenv("XDG_CONFIG_HOME", filepath.Join(env.WorkDir, "home", "config"))
			env.Setenv("AppData", filepath.Join(env.WorkDir, "home", "config"))
			env.Setenv("LANG", "C.UTF-8")
			u := &upstreams{servers: map[string]*sandbox.Server{}}
			env.Values["upstreams"] = u
			env.Defer(u.close)
			return os.MkdirAll(filepath.Join(env.WorkDir, "home"), 0o700)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"code": scriptCode, "upstream": scriptUpstream, "fault": scriptFault, "once": scriptOnce,
			"received": scriptReceived, "waits": scriptWaits, "adds-up": scriptAddsUp, "clean": scriptClean,
			"examples": scriptExamples, "companies": scriptCompanies, "edit": scriptEdit,
			"run-id": scriptRunID, "keys": scriptKeys, "unzip": scriptUnzip, "private": scriptPrivate,
			"holds": scriptHolds, "valid-json": scriptValidJSON, "plan-schema": scriptPlanSchema, "yesterday": scriptYesterday,
			"head-of": scriptHeadOf, "encode": scriptEncode,
			"soon": scriptSoon, "ahead": scriptAhead,
		},
	})
}

// atOnce are the scripts with several processes, signals and much in flight, that do
// not depend on the time of day.
var atOnce = []string{
	"testdata/script/cap-race.txtar", "testdata/script/interrupted.txtar", "testdata/script/notify.txtar", "testdata/script/run-examples.txtar",
	"testdata/script/several.txtar", "testdata/script/stop.txtar", "testdata/script/token-renewed.txtar", "testdata/script/unknown.txtar",
}

// upstreams are the sandboxes of a script.
type upstreams struct {
	servers map[string]*sandbox.Server
}

func (u *upstreams) close() {
	for _, s := range u.servers {
		s.Close()
	}
}

func server(ts *testscript.TestScript, name string) *sandbox.Server {
	s := ts.Value("upstreams").(*upstreams).servers[name]
	if s == nil {
		ts.Fatalf("no upstream %s was started", name)
	}
	return s
}

func usage(ts *testscript.TestScript, neg, ok bool, text string) {
	if neg || !ok {
		ts.Fatalf("usage: %s", text)
	}
}

func scriptCode(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) >= 2, "code N COMMAND ARG…")
	err := ts.Exec(args[1], args[2:]...)
	got := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if args[0] != strconv.Itoa(got) {
		ts.Fatalf("exit code %d, want %s", got, args[0])
	}
}

func scriptUpstream(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) >= 1, "upstream NAME [FAULT…]")
	var o sandbox.Options
	for _, text := range args[1:] {
		if secret, ok := strings.CutPrefix(text, "token="); ok {
			o.Tokens = append(o.Tokens, secret)
			continue
		}
		f, err := sandbox.ParseFault(text)
		ts.Check(err)
		o.Faults = append(o.Faults, f)
	}
	s, err := sandbox.Start(o)
	ts.Check(err)
	ts.Value("upstreams").(*upstreams).servers[args[0]] = s
	ts.Setenv(args[0], s.URL())
}

func scriptFault(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 2, "fault NAME FAULT|clear")
	s := server(ts, args[0])
	if args[1] == "clear" {
		ts.Check(s.ClearFaults())
		return
	}
	f, err := sandbox.ParseFault(args[1])
	ts.Check(err)
	_, err = s.AddFault(f)
	ts.Check(err)
}

func scriptOnce(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 2 || len(args) == 3, "once NAME N [TITLE]")
	var filter sandbox.Filter
	if len(args) == 3 {
		filter.Title = args[2]
	}
	sum := server(ts, args[0]).SummaryOf(filter)
	if len(sum.Duplicates)+len(sum.DuplicateGroups) > 0 {
		ts.Fatalf("accepted more than once: %v %v", sum.Duplicates, sum.DuplicateGroups)
	}
	least, most, ok := strings.Cut(args[1], "-")
	if !ok {
		most = least
	}
	from, err1 := strconv.Atoi(least)
	to, err2 := strconv.Atoi(most)
	ts.Check(errors.Join(err1, err2))
	if got := sum.Distinct + sum.DistinctGroups; got < from || got > to {
		ts.Fatalf("%d were accepted, want %s", got, args[1])
	}
}

func scriptReceived(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 3, "received NAME ENDPOINT N")
	if got := strconv.Itoa(server(ts, args[0]).Summary().Endpoints[args[1]].Received); got != args[2] {
		ts.Fatalf("%s requests came to %s, want %s", got, args[1], args[2])
	}
}

func scriptWaits(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 2, "waits NAME N")
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	if strings.HasPrefix(args[1], "+") {
		n += server(ts, args[0]).Summary().Received
	}
	for end := time.Now().Add(time.Minute); server(ts, args[0]).Summary().Received < n; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			ts.Fatalf("%d requests did not come within a minute", n)
		}
	}
}

func scriptAddsUp(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 1, "adds-up DIR")
	found, err := reportsAddUp(ts.MkAbs(args[0]))
	ts.Check(err)
	if found == 0 {
		ts.Fatalf("no report below %s", args[0])
	}
}

// reportsAddUp checks every report.json below a folder, and that recipients.ndjson
// beside it has a line for everybody. It gives the number of reports.
func reportsAddUp(dir string) (found int, err error) {
	return found, filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.Name() != "report.json" {
			return err
		}
		found++
		data, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		var r struct{ Requests, Recipients map[string]int64 }
		if err := json.Unmarshal(data, &r); err != nil {
			return err
		}
		for what, counts := range map[string]map[string]int64{"requests": r.Requests, "recipients": r.Recipients} {
			if !balanced(counts) {
				return fmt.Errorf("%s: %s do not add up: %v", name, what, counts)
			}
		}
		lines, err := os.ReadFile(filepath.Join(filepath.Dir(name), "recipients.ndjson"))
		if err != nil {
			return err
		}
		rows := int64(0)
		for line := range strings.Lines(string(lines)) {
			if strings.Contains(line, `"outcome"`) && strings.Contains(line, `"row"`) {
				rows++
			}
		}
		if rows != r.Recipients["planned"] {
			return fmt.Errorf("%s: %d lines of recipients, planned %d", name, rows, r.Recipients["planned"])
		}
		return nil
	})
}

// balanced reports whether counts of a report add up (design: delivery, the
// conservation law).
func balanced(counts map[string]int64) bool {
	sum := counts["accepted"] + counts["rejected"] + counts["unknown"] + counts["deferred"] + counts["skipped"] + counts["pending"]
	return counts["planned"] == sum && sum != 0
}

func scriptClean(ts *testscript.TestScript, neg bool, args []string) {
	at := slices.Index(args, "--")
	usage(ts, neg, at > 0 && at < len(args)-1, "clean SECRET… -- DIR…")
	check := func(where, text string) {
		for _, secret := range args[:at] {
			if strings.Contains(text, secret) {
				ts.Fatalf("%s holds the secret %s", where, secret)
			}
		}
	}
	check("stdout", ts.ReadFile("stdout"))
	check("stderr", ts.ReadFile("stderr"))
	files := 0
	for _, dir := range args[at+1:] {
		ts.Check(filepath.WalkDir(ts.MkAbs(dir), func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			data, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			files++
			check(name, string(data))
			return nil
		}))
	}
	if files == 0 {
		ts.Fatalf("no file below %v", args[at+1:])
	}
}

func scriptExamples(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 0, "examples")
	from := filepath.FromSlash("../../campaigns")
	ts.Check(filepath.WalkDir(from, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, name)
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == ".campaign" || d.Name() == "reports") {
			return fs.SkipDir
		}
		to := ts.MkAbs(filepath.Join("campaigns", rel))
		if d.IsDir() {
			return os.MkdirAll(to, 0o755)
		}
		data, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		return os.WriteFile(to, data, 0o644)
	}))
}

func scriptCompanies(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 2, "companies N FILE")
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	var b strings.Builder
	b.WriteString("userid,orgid,company\n")
	for i := range n {
		fmt.Fprintf(&b, "u-%06d,o-%06d,示例企业%d\n", i, i, i)
	}
	file := ts.MkAbs(args[1])
	ts.Check(os.MkdirAll(filepath.Dir(file), 0o755))
	ts.Check(os.WriteFile(file, []byte(b.String()), 0o644))
}

func scriptEncode(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 2, "encode ENCODING FILE")
	encoding, err := htmlindex.Get(args[0])
	ts.Check(err)
	text, err := encoding.NewEncoder().String(strings.ReplaceAll(ts.ReadFile(args[1]), "\n", "\r\n"))
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(text), 0o644))
}

func scriptEdit(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 3, "edit FILE OLD NEW")
	text := ts.ReadFile(args[0])
	if !strings.Contains(text, args[1]) {
		ts.Fatalf("%s does not hold %q", args[0], args[1])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.ReplaceAll(text, args[1], args[2])), 0o644))
}
