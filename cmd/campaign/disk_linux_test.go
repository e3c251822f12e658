package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"campaign/internal/campaign"
)

// inNamespaceEnv marks the process of TestFullDisk that may mount file systems.
const inNamespaceEnv = "CAMPAIGN_TEST_IN_NAMESPACE"

// The disk under the state gets full, before a run begins, while it is planned,
// and again and again while it sends: sending stops at once, and nothing is lost
// after space returns (design: delivery, rule 8).
//
// The disk is a small tmpfs, mounted where nobody else sees it: the test runs
// again as a process in a user and mount namespace of its own. Where the system
// does not allow that, it is skipped.
func TestFullDisk(t *testing.T) {
	if raceDetector {
		t.Skip("each start of the binary takes too long for it")
	}
	if os.Getenv(inNamespaceEnv) == "" {
		t.Parallel()
		inNamespace(t)
		return
	}
	if testing.Short() {
		d := newFullDisk(t, 600)
		d.fillWhileSending()
		d.goesOn()
		return
	}
	planning := false
	for _, free := range []int64{0, 64 << 10, 96 << 10, 128 << 10, 192 << 10, 256 << 10} {
		t.Run(fmt.Sprintf("%d bytes are free", free), func(t *testing.T) {
			d := newFullDisk(t, 300)
			d.disk.fill(free)
			d.stops(0)
			planning = planning || d.run.state == campaign.Planning
			if n := len(d.up.accepted(t)); n > 0 && d.run.state != campaign.Open {
				t.Errorf("%d requests were accepted before the run was planned", n)
			}
			d.goesOn()
		})
	}
	if !planning {
		t.Error("the disk was never full while a run was planned")
	}
	for _, times := range []int{1, 3} {
		t.Run(fmt.Sprintf("while it sends, times=%d", times), func(t *testing.T) {
			d := newFullDisk(t, 300*(times+1))
			for range times {
				d.fillWhileSending()
			}
			d.goesOn()
		})
	}
}

// inNamespace runs this test again where it may mount.
func inNamespace(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, "-test.run=^TestFullDisk$", "-test.v", fmt.Sprintf("-test.short=%t", testing.Short()))
	cmd.Env = append(os.Environ(), inNamespaceEnv+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	switch {
	case err != nil && !errors.As(err, &exit):
		t.Skipf("this system gives no namespace to mount in: %v", err)
	case err != nil || !strings.Contains(string(out), "--- PASS: TestFullDisk"):
		t.Fatalf("%v\n%s", err, out)
	case strings.Contains(string(out), "--- SKIP"):
		t.Skipf("%s", out)
	}
	t.Logf("%s", out)
}

// smallDisk is a file system that a filler can make full.
type smallDisk struct {
	*testing.T
	filler string
}

const smallDiskSize = 16 << 20

func mountSmallDisk(t *testing.T, dir string) smallDisk {
	t.Helper()
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d,mode=0700", smallDiskSize)); err != nil {
		t.Skipf("no file system can be mounted here: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return smallDisk{t, filepath.Join(dir, "filler")}
}

// fill leaves so many bytes free.
func (d smallDisk) fill(free int64) {
	d.Helper()
	f, err := os.Create(d.filler)
	if err != nil {
		d.Fatal(err)
	}
	defer f.Close()
	page := make([]byte, 4096)
	for err == nil {
		_, err = f.Write(page)
	}
	if !errors.Is(err, syscall.ENOSPC) {
		d.Fatal(err)
	}
	info, err := f.Stat()
	if err != nil {
		d.Fatal(err)
	}
	if free > 0 {
		if err := f.Truncate(info.Size() - free); err != nil {
			d.Fatal(err)
		}
	}
}

func (d smallDisk) empty() {
	d.Helper()
	if err := os.Remove(d.filler); err != nil {
		d.Fatal(err)
	}
}

// fullDisk is a campaign whose state lies on a small disk.
type fullDisk struct {
	*crashRound
	run  *crashRun
	disk smallDisk
}

func newFullDisk(t *testing.T, people int) *fullDisk {
	r := &crashRound{T: t, dir: t.TempDir(), channel: "zqt.message", batch: 1, concurrency: 4, random: rand.New(rand.NewPCG(1, 1)), pace: &crashPace{}}
	run := newCrashRun("one", 1, letterTo(t, r.dir, "one", r.channel, people, 1, 100_000))
	r.runs = []*crashRun{run}
	r.up = startUpstream(t, "latency:delay=1ms")
	writeProject(t, r.dir, r.up.url, fmt.Sprintf("concurrency: %d", r.concurrency))
	return &fullDisk{r, run, mountSmallDisk(t, filepath.Join(r.dir, ".campaign"))}
}

func (d *fullDisk) start() *process { return startCampaign(d.T, d.dir, "run", "one.yaml", "--yes") }

// stops wants that the full disk stops a run at once, and that it cannot go on
// before space returns; accepted requests are there already.
func (d *fullDisk) stops(accepted int) {
	d.Helper()
	d.saysFull(d.start())
	if accepted > 0 {
		if after := len(d.up.accepted(d.T)); after != accepted {
			d.Errorf("%d requests were accepted while the disk was full", after-accepted)
		}
		d.addsUp()
	}
	d.disk.empty()
	before := len(d.run.unsettled)
	d.run.position = d.look(d.run)
	fresh := len(d.run.unsettled) - before
	if fresh > d.concurrency {
		d.Errorf("%d requests were in flight, and the account allows %d", fresh, d.concurrency)
	}
	d.run.inFlight += fresh
}

// goesOn carries the run out, now that there is space, and checks what became of
// everybody.
func (d *fullDisk) goesOn() {
	d.Helper()
	d.start().wants(d.T, exitDone, exitUnknown)
	d.run.position = d.look(d.run)
	d.verify(d.run)
	d.Logf("%d recipients, %d in flight when the disk got full: %+v", len(d.run.ids), d.run.inFlight, d.row)
	d.everybody()
	runCampaign(d.T, d.dir, []int{exitDone}, "state", "check")
}

// fillWhileSending makes the disk full in the middle of a run.
func (d *fullDisk) fillWhileSending() {
	record := &tail{file: d.up.file}
	enough := record.count() + 50 + d.random.IntN(150)
	p := d.start()
	for record.count() < enough {
		select {
		case <-p.done:
			d.Fatalf("the run ended by itself:\n%s%s", &p.out, &p.errs)
		case <-time.After(200 * time.Microsecond):
		}
	}
	d.disk.fill(0)
	then := record.count()
	d.saysFull(p)
	// What was in flight goes on, and no more than a group or two of intents fits
	// into what the log's last page left.
	after := len(d.up.accepted(d.T))
	if after > then+4*d.concurrency {
		d.Errorf("%d requests were accepted when the disk got full, and %d in the end", then, after)
	}
	d.stops(after)
	if d.run.state != campaign.Open || d.run.left == 0 {
		d.Fatalf("the run is not in the middle: %+v", d.run.position)
	}
	d.addsUp()
}

// addsUp reads the report of a run that is in the middle.
func (d *fullDisk) addsUp() {
	d.Helper()
	t := d.told(d.run)
	if !balanced(t.recipients) || !balanced(t.requests) || t.recipients["planned"] != int64(len(d.run.ids)) || len(t.lines) != len(d.run.ids) {
		d.Errorf("the report does not add up: %v, %d lines", t.recipients, len(t.lines))
	}
}

// saysFull wants that a process ends because the disk is full.
func (d *fullDisk) saysFull(p *process) {
	d.Helper()
	p.wants(d.T, exitState)
	if !strings.Contains(p.errs.String(), "no space") {
		d.Errorf("%v does not say that the disk is full:\n%s", p.cmd.Args, &p.errs)
	}
}
