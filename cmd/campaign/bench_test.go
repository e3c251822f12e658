package main

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"text/template"
	"time"

	"github.com/google/go-cmp/cmp"
)

// What the benchmark's campaign says.
const (
	benchTitle = "[环科园] {{ .company }} 清查补充登记公告"
	benchBody  = "<p>{{ .company }}：{{ .amount }} 元</p><p>请于规定时间内完成清查补充登记。请于规定时间内完成清查补充登记。</p>"
)

// benchProject writes a project with a list of so many made-up companies.
func benchProject(t testing.TB, rows int) (dir, list string) {
	t.Helper()
	dir = t.TempDir()
	for name, text := range map[string]string{
		"targets.yaml": "version: 1\nproject: notices-0035\ntargets:\n  gov:\n    system: zqt\n    base_url: http://127.0.0.1:1\n" +
			"    app: {id: client, name: 政企消息}\n    token: {env: ZQT_TOKEN}\n    senders:\n      统计局: {userid: u-1, usertype: government, orgid: o-1, deptid: d-1}\n",
		"big.yaml": "version: 1\nname: big\nchannel: {type: zqt.message, target: gov, from: 统计局}\ncontent:\n  title: \"" + benchTitle + "\"\n  body: \"" + benchBody +
			"\"\n  sender: 宜兴人民政府\n  category: 通知公告\n  level: 一般\nrecipients: {file: list.csv}\ndelivery: {max_recipients: 100000000}\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	list = filepath.Join(dir, "list.csv")
	f, err := os.Create(list)
	if err != nil {
		t.Fatal(err)
	}
	w := bufio.NewWriter(f)
	w.WriteString("userid,orgid,usertype,company,amount\n")
	for i := range rows {
		fmt.Fprintf(w, "2fb5c7c3-%08d-4a1b,d2eeee46-%08d,企业,宜兴市第%d号科技有限公司,%d.50\n", i, i, i, i*37%100_000)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return dir, list
}

// bareLoop is the least that a program without guarantees does, on one core: read
// with encoding/csv, render with text/template, encode the same requests with
// encoding/json. It keeps nothing.
func bareLoop(list string, to io.Writer) error {
	type party struct {
		UserID   string `json:"userid"`
		UserType int    `json:"usertype"`
		OrgID    string `json:"orgid"`
		DeptID   string `json:"deptid"`
	}
	type params struct {
		Sender   string `json:"sender"`
		Category string `json:"msgcategory"`
		Level    string `json:"msglevel"`
	}
	type data struct {
		AppID   string `json:"appid"`
		AppName string `json:"appname"`
		Title   string `json:"title"`
		Body    string `json:"body"`
		MsgType int    `json:"msgtype"`
		Params  params `json:"params"`
	}
	type request struct {
		Data data    `json:"sendData"`
		From party   `json:"from"`
		To   []party `json:"to"`
	}
	f, err := os.Open(list)
	if err != nil {
		return err
	}
	defer f.Close()
	title, body := template.Must(template.New("").Parse(benchTitle)), template.Must(template.New("").Parse(benchBody))
	r := csv.NewReader(bufio.NewReader(f))
	header, err := r.Read()
	if err != nil {
		return err
	}
	types := map[string]int{"政府": 1, "企业": 2}
	enc := json.NewEncoder(to)
	enc.SetEscapeHTML(false)
	var texts [2]bytes.Buffer
	for {
		cells, err := r.Read()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		row := make(map[string]string, len(header))
		for i, h := range header {
			row[h] = cells[i]
		}
		for i, part := range []*template.Template{title, body} {
			texts[i].Reset()
			if err := part.Execute(&texts[i], row); err != nil {
				return err
			}
		}
		if err := enc.Encode(request{
			Data: data{AppID: "client", AppName: "政企消息", Title: texts[0].String(), Body: texts[1].String(),
				Params: params{Sender: "宜兴人民政府", Category: "通知公告", Level: "一般"}},
			From: party{"u-1", 1, "o-1", "d-1"},
			To:   []party{{row["userid"], types[row["usertype"]], row["orgid"], ""}},
		}); err != nil {
			return err
		}
	}
}

// bareLoopMain is the bare loop as a program.
func bareLoopMain() {
	if err := bareLoop(os.Args[1], io.Discard); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// TestBareLoop: the benchmark's bare loop encodes what plan shows.
func TestBareLoop(t *testing.T) {
	dir, list := benchProject(t, 3)
	code, out, said := command(t, "plan", "--project", dir, "--requests", filepath.Join(dir, "big.yaml"))
	if code != exitDone {
		t.Fatal(said)
	}
	var planned, bare bytes.Buffer
	for line := range strings.Lines(out) {
		if body := strings.TrimSpace(line); strings.HasPrefix(body, "{") {
			fmt.Fprintln(&planned, body)
		}
	}
	if err := bareLoop(list, &bare); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(planned.String(), bare.String()); diff != "" {
		t.Errorf("(-plan +bare loop)\n%s", diff)
	}
}

// BenchmarkWhole runs the program in a process of its own over a list of
// 1,000,000 rows, or BENCH_ROWS, with every message rendered. It gives its time,
// and the processors' time that it took, against a bare loop over the same file in
// a process with one processor, and the most memory that the program had from the
// system (VmHWM; 0 where there is no /proc). On a machine that others use as well
// the first says little.
func BenchmarkWhole(b *testing.B) {
	rows := 1_000_000
	if n, err := strconv.Atoi(os.Getenv("BENCH_ROWS")); err == nil {
		rows = n
	}
	dir, list := benchProject(b, rows)
	for _, command := range []string{"validate", "plan"} {
		b.Run(command, func(b *testing.B) {
			var loop, cpu, loopCPU time.Duration
			var peak float64
			for b.Loop() {
				b.StopTimer() // side by side, so that a busy machine slows both
				begin := time.Now()
				used, _ := measured(b, []string{"GOMAXPROCS=1"}, "bare-loop", list)
				loop, loopCPU = loop+time.Since(begin), loopCPU+used
				b.StartTimer()
				used, memory := measured(b, nil, "campaign", command, "--project", dir, filepath.Join(dir, "big.yaml"))
				cpu, peak = cpu+used, max(peak, memory)
			}
			b.ReportMetric(float64(rows)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
			b.ReportMetric(b.Elapsed().Seconds()/loop.Seconds(), "x-bare-loop")
			b.ReportMetric(cpu.Seconds()/loopCPU.Seconds(), "cpu-x-bare-loop")
			b.ReportMetric(peak, "peak-MB")
		})
	}
}

// measured runs this binary as another program: by the name that it is called. It
// gives the processors' time and the memory that the program took.
func measured(b *testing.B, env []string, args ...string) (cpu time.Duration, peakMB float64) {
	b.Helper()
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Args, cmd.Env = args, append(os.Environ(), env...)
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for {
		select {
		case err := <-ended:
			if err != nil {
				b.Fatalf("%v\n%s", err, said.String())
			}
			return cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), peakMB
		case <-time.After(20 * time.Millisecond):
			peakMB = max(peakMB, highWater(cmd.Process.Pid))
		}
	}
}

// highWater is the most memory that a process has had, in MB.
func highWater(pid int) float64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		if fields := strings.Fields(line); len(fields) > 1 && fields[0] == "VmHWM:" {
			kB, _ := strconv.ParseFloat(fields[1], 64)
			return kB * 1024 / 1e6
		}
	}
	return 0
}
