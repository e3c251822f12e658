package main

import (
	"bytes"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"campaign/internal/campaign"
	"campaign/internal/ledger"
	"campaign/internal/ledger/sqlite"
	"campaign/internal/report"
	"campaign/internal/sandbox"
)

var serveKills = flag.Int("serve.kills", 6, "how often TestServeIsKilled kills the program")

// killed is a project whose campaigns are due every second, and a program that runs
// its schedules and is killed.
type killed struct {
	*testing.T
	dir      string
	upstream *sandbox.Server
	first    time.Time
	seconds  int
	said     bytes.Buffer
}

// The campaigns: of the first every occurrence must be run, of the second one is
// skipped while the one before it goes on, of the third those that are late are missed.
var killedSchedules = map[string]string{
	"queued":  "overlap: queue, missed: {within: 24h}",
	"forbids": "overlap: forbid, missed: {within: 24h}",
	"misses":  "overlap: queue, missed: {within: 400ms}",
}

const killedPeople = 4

// TestServeIsKilled kills `campaign serve` at random moments around occurrences and
// starts it anew: each occurrence is run once or skipped with its reason, whoever was
// sent to got it once, and what may have gone out at a kill is listed as unknown.
func TestServeIsKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes a second a kill")
	}
	upstream, err := sandbox.Start(sandbox.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer upstream.Close()
	k := &killed{T: t, dir: t.TempDir(), upstream: upstream, seconds: max(*serveKills, 4), first: time.Now().Add(3 * time.Second).Truncate(time.Second)}
	k.write()
	k.tick() // the first look owes nothing
	for range *serveKills {
		k.kill()
	}
	time.Sleep(time.Until(k.first.Add(time.Duration(k.seconds) * time.Second)))
	for range 4 {
		k.tick()
	}
	k.check()
}

// TestTicksOverlap has many ticks look at the same moment: each occurrence is run by
// one of them.
func TestTicksOverlap(t *testing.T) {
	upstream, err := sandbox.Start(sandbox.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer upstream.Close()
	k := &killed{T: t, dir: t.TempDir(), upstream: upstream, seconds: 2, first: time.Now().Add(4 * time.Second).Truncate(time.Second)}
	k.write()
	k.tick()
	time.Sleep(time.Until(k.first.Add(time.Duration(k.seconds-1)*time.Second + 50*time.Millisecond)))
	var all []*exec.Cmd
	for range 6 {
		cmd := k.command("tick")
		cmd.Stderr, cmd.Stdout = nil, nil
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		all = append(all, cmd)
	}
	for _, cmd := range all {
		if code := exitOf(cmd.Wait()); code != exitDone && code != exitProblems {
			t.Errorf("a tick ended with %d", code)
		}
	}
	k.tick()
	k.check()
}

func (k *killed) write() {
	var rows strings.Builder
	rows.WriteString("userid,orgid\n")
	for i := range killedPeople {
		fmt.Fprintf(&rows, "u-%d,o-1\n", i)
	}
	files := map[string]string{"recipients/all.csv": rows.String(), "targets.yaml": `version: 1
project: kill-0001
timezone: UTC
targets:
  gov:
    system: zqt
    base_url: ` + k.upstream.URL() + `
    app: {id: client, name: 政企消息}
    token: {env: ZQT_TOKEN}
    limits: {concurrency: 2}
    senders:
      统计局: {userid: u-1, usertype: government, orgid: o-1}
`}
	for name, how := range killedSchedules {
		var at []string
		for i := range k.seconds {
			at = append(at, k.first.Add(time.Duration(i)*time.Second).UTC().Format(time.RFC3339))
		}
		files[name+".yaml"] = fmt.Sprintf(`version: 1
name: %s
channel: {type: zqt.message, target: gov, from: 统计局}
content: {title: '%s {{ date "15:04:05" .occurrence }}', body: <p>正文</p>, sender: 统计局, category: 通知公告, level: 一般}
recipients: {file: recipients/all.csv, defaults: {usertype: enterprise}}
delivery: {batch: 1, expires: 24h}
schedule: {at: [%s], %s}
`, name, name, strings.Join(at, ", "), how)
	}
	write(k.T, k.dir, files)
}

func (k *killed) command(args ...string) *exec.Cmd {
	cmd := exec.Command("campaign", append(args, "--project", k.dir)...)
	cmd.Env = append(os.Environ(), "ZQT_TOKEN=token-1", "CAMPAIGN_LOOPBACK_ONLY=1", "CAMPAIGN_PROFILE=", "CAMPAIGN_DATA=")
	cmd.Stderr, cmd.Stdout = &k.said, &k.said
	return cmd
}

func (k *killed) tick() {
	k.Helper()
	err := k.command("tick").Run()
	if code := exitOf(err); code != exitDone && code != exitProblems && code != exitUnknown {
		k.Fatalf("tick ended with %d\n%s", code, k.said.String())
	}
}

func exitOf(err error) int {
	if e, ok := err.(*exec.ExitError); ok {
		return e.ExitCode()
	}
	if err != nil {
		return -1
	}
	return exitDone
}

// kill starts serve and kills it at some moment near the next second.
func (k *killed) kill() {
	k.Helper()
	cmd := k.command("serve")
	if err := cmd.Start(); err != nil {
		k.Fatal(err)
	}
	next := time.Now().Truncate(time.Second).Add(time.Second + 100*time.Millisecond)
	time.Sleep(time.Until(next) + time.Duration(rand.N(int64(300*time.Millisecond))) - 100*time.Millisecond)
	if err := cmd.Process.Kill(); err != nil {
		k.Fatal(err)
	}
	if err := cmd.Wait(); err == nil {
		k.Fatalf("serve ended by itself\n%s", k.said.String())
	}
}

// check holds the ledger against the upstream's own record.
func (k *killed) check() {
	k.Helper()
	got := map[string]map[string]int{} // occurrence → recipient → how often it was accepted
	for _, r := range k.upstream.Requests() {
		if got[r.Title] == nil {
			got[r.Title] = map[string]int{}
		}
		for _, id := range r.Recipients {
			got[r.Title][id]++
		}
	}
	led, err := sqlite.OpenReadOnly(k.Context(), sqlite.Options{Dir: filepath.Join(k.dir, ".campaign"), Project: "kill-0001"})
	if err != nil {
		k.Fatal(err)
	}
	defer led.Close()
	counts := map[string]int64{}
	decided, ran := map[string]int64{}, map[string]bool{}
	for s, err := range led.Slots(k.Context(), ledger.SlotFilter{}) {
		if err != nil {
			k.Fatal(err)
		}
		decided[s.Campaign] += s.Count
		code, _, _ := strings.Cut(s.Reason, ":")
		title := titleOf(s)
		switch s.State {
		case campaign.SlotRan:
			counts[s.Campaign+" ran"]++
			ran[title] = true
			k.ran(led, s, got)
		case campaign.SlotSkipped:
			counts[s.Campaign+" "+code] += s.Count
			if code == "" {
				k.Errorf("%s was skipped without a reason", title)
			}
		default:
			k.Errorf("%s is still due", title)
		}
	}
	for title := range got {
		if !ran[title] {
			k.Errorf("something was sent for %s, which was not run", title)
		}
	}
	for name := range killedSchedules {
		if decided[name] != int64(k.seconds) {
			k.Errorf("%s: %d of %d occurrences were decided", name, decided[name], k.seconds)
		}
	}
	if n := counts["queued ran"]; n != int64(k.seconds) {
		k.Errorf("of the campaign that queues %d of %d were run", n, k.seconds)
	}
	k.Logf("%v", counts)
	if k.Failed() {
		k.Log(k.said.String())
	}
}

func titleOf(s campaign.Slot) string { return s.Campaign + s.At.UTC().Format(" 15:04:05") }

// ran checks one occurrence that was run: its run is complete, and every person got it
// once, or not more than once where that is unknown.
func (k *killed) ran(led *sqlite.Reader, s campaign.Slot, got map[string]map[string]int) {
	k.Helper()
	run, err := led.Run(k.Context(), campaign.RunID(s.Profile, s.Campaign, s.Label))
	if err != nil {
		k.Errorf("%s of %s: %v", s.Label, s.Campaign, err)
		return
	}
	r, err := report.Fold(run, report.Facts{}, led.Results(k.Context(), run.ID))
	if err != nil || !r.Complete() {
		k.Errorf("%s of %s: %v, %+v", s.Label, s.Campaign, err, r.Recipients)
	}
	accepted := int64(0)
	for id, n := range got[titleOf(s)] {
		accepted += int64(n)
		if n > 1 {
			k.Errorf("%s of %s: %s got it %d times", s.Label, s.Campaign, id, n)
		}
	}
	c := r.Recipients
	if accepted < c.Accepted || accepted > c.Accepted+c.Unknown || c.Accepted+c.Unknown != killedPeople {
		k.Errorf("%s of %s: the upstream has %d, the report %+v", s.Label, s.Campaign, accepted, c)
	}
}
