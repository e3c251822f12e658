package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v5"
	"gopkg.in/yaml.v3"

	"campaign/schema"
)

// checkedTargets is targets.yaml of the projects that are made for validate.
const checkedTargets = `version: 1
project: checked-0001
profiles:
  test:
    targets: &targets
      gov:
        system: zqt
        base_url: http://127.0.0.1:1
        app: {id: client, name: 政企消息}
        token: {env: ZQT_TOKEN}
        senders:
          统计局: {userid: u-1, usertype: government, orgid: o-1, deptid: d-1}
      media:
        system: chuanbo
        base_url: http://127.0.0.1:1
        connect_no: {env: CHUANBO_CONNECT_NO}
        section: 90
        message_types: {应急: 38}
        signatures: {宜兴发布: 50}
  production:
    targets: *targets
`

// checkedHead is the beginning of every file that is made.
const checkedHead = `# yaml-language-server: $schema=../schema/campaign.schema.json
# Announcement %[1]d of the quarter. The office that is named under labels answers for
# its text; whoever changes the list of recipients asks it first.
version: 1
name: notice-%04[1]d
description: 第四次全国经济普查单位清查补充登记公告，第 %[1]d 号
labels:
  dept: stats
  quarter: Q%[2]d
  contact: office-%[2]d

`

// checkedTail is what all channel types have.
const checkedTail = `
schedule:
  cron: "%[1]d 9 * * 1-5"
  timezone: Asia/Shanghai
  starts: "2026-01-05"
  ends: "2035-12-31"
  missed:
    within: 1h
    policy: none
  overlap: forbid

delivery:
  rate: 2/s
  concurrency: 2
  timeout: 20s
  expires: 8h
  retry:
    attempts: 5
    base: 1s
    cap: 30s
  window:
    open: "08:30-20:00"
    days: mon-fri
`

const checkedMessage = `channel:
  type: zqt.message
  target: gov
  from: 统计局

content:
  title: "[环科园] {{ .company }} 清查补充登记公告"
  body: |
    <p>{{ .company }}：</p>
    <p>贵单位还有 {{ .amount }} 项清查信息待补充，请于 {{ .deadline }} 前办理。</p>
    <p>咨询电话见附件，办理地点为各街道政务服务中心。</p>
  sender: 宜兴人民政府
  category: 通知公告
  level: 一般
  push: false
  sms: false
  redirect:
    app: "ZQT_example/#/detail?id={{ .orgid }}"

vars:
  deadline: 12月31日

`

const checkedFile = `recipients:
  file: recipients/companies.csv
  defaults:
    usertype: enterprise
`

const checkedList = `recipients:
  list:
    - {userid: u-11, orgid: o-11, company: 宜兴市第一科技有限公司, amount: 3}
    - {userid: u-12, orgid: o-12, company: 宜兴市第二科技有限公司, amount: 5}
    - {userid: u-13, orgid: o-13, company: 宜兴市第三科技有限公司, amount: 1}
  defaults:
    usertype: enterprise
`

const checkedGroups = `
recipients:
  groups:
    - 101
    - 102
    - 103
`

const checkedPush = `channel:
  type: chuanbo.%s
  target: media
  message_type: 应急

content:
  name: 停水通知
  tag: 民生
`

// checkedContents are what each channel type says.
var checkedContents = []string{
	checkedMessage + checkedFile,
	checkedMessage + checkedList,
	fmt.Sprintf(checkedPush, "sms") + "  signature: 宜兴发布\n  text: |-\n    因管网检修，明日 8:00 至 17:00 太平街道停水，\n    请提前储水。\n" + checkedGroups,
	fmt.Sprintf(checkedPush, "voice") + "  text: |-\n    您好，这里是应急广播。\n    预计今晚至明晨有台风影响，\n    请关好门窗，减少外出。\n" + checkedGroups,
	fmt.Sprintf(checkedPush, "notification") + "  title: 便民服务地图上线了\n  text: |-\n    打开客户端，\n    就近查找政务服务点。\n  icon: https://img.example.com/map.png\n  link:\n    type: notice\n    content: \"20261122\"\n" + checkedGroups,
}

// checkedProject writes a project of so many campaigns of about 60 lines, of all channel
// types, without a problem. It gives the campaign files.
func checkedProject(t testing.TB, campaigns int) (dir string, files []string) {
	t.Helper()
	dir = t.TempDir()
	all := map[string]string{"targets.yaml": checkedTargets}
	var list strings.Builder
	list.WriteString("userid,orgid,company,amount\n")
	for i := range 20 {
		fmt.Fprintf(&list, "u-%d,o-%d,宜兴市第%d号科技有限公司,%d\n", i, i, i, i+1)
	}
	all["recipients/companies.csv"] = list.String()
	for i := range campaigns {
		name := fmt.Sprintf("notice-%04d.yaml", i)
		all[name] = fmt.Sprintf(checkedHead, i, i%4+1) + checkedContents[i%len(checkedContents)] + fmt.Sprintf(checkedTail, i%60)
		files = append(files, filepath.Join(dir, name))
	}
	write(t, dir, all)
	return dir, files
}

// bareChecks is the least that checking files takes, on one core: yaml.v3 into values,
// and the same schema over them.
func bareChecks(files []string, compiled *jsonschema.Schema) error {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // its garbage is collected there as well
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		var value any
		if err := yaml.Unmarshal(data, &value); err != nil {
			return err
		}
		if err := compiled.Validate(value); err != nil {
			return err
		}
	}
	return nil
}

// BenchmarkValidateFiles checks 1,000 campaign files of about 60 lines as `campaign
// validate` does, from the command line to the last line of output, against the bare
// checks of the same files on one core.
func BenchmarkValidateFiles(b *testing.B) {
	dir, files := checkedProject(b, 1000)
	data, err := schema.Bytes("campaign")
	if err != nil {
		b.Fatal(err)
	}
	compiled := jsonschema.MustCompileString("campaign.json", string(data))
	var bare, bareCPU, cpu time.Duration
	for b.Loop() {
		b.StopTimer() // side by side, so that a busy machine slows both
		begin, before := time.Now(), processorTime()
		if err := bareChecks(files, compiled); err != nil {
			b.Fatal(err)
		}
		bare, bareCPU = bare+time.Since(begin), bareCPU+processorTime()-before
		before = processorTime()
		b.StartTimer()
		var out, said bytes.Buffer
		if code := run([]string{"validate", "--project", dir}, strings.NewReader(""), &out, &said); code != exitDone {
			b.Fatalf("exit code %d\n%s%s", code, out.String(), said.String())
		}
		cpu += processorTime() - before
	}
	b.ReportMetric(b.Elapsed().Seconds()*1000/float64(b.N), "ms")
	b.ReportMetric(b.Elapsed().Seconds()/bare.Seconds(), "x-bare-loop")
	if bareCPU > 0 {
		b.ReportMetric(cpu.Seconds()/bareCPU.Seconds(), "x-bare-cpu") // tells on a busy machine too
	}
}

// BenchmarkValidateOne starts the program, as `go build` makes it, to check one campaign
// file, and beside it to say its version, which is what starting takes. It gives the
// median from the start to the end of the process.
func BenchmarkValidateOne(b *testing.B) {
	dir, files := checkedProject(b, 1)
	binary := filepath.Join(b.TempDir(), "campaign.exe")
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	start := func(args ...string) time.Duration {
		begin := time.Now()
		if out, err := exec.Command(binary, args...).CombinedOutput(); err != nil {
			b.Fatalf("%v\n%s", err, out)
		}
		return time.Since(begin)
	}
	start("version") // the first one reads the binary from the disk
	var one, version []time.Duration
	for b.Loop() {
		one = append(one, start("validate", "--project", dir, files[0]))
		b.StopTimer()
		version = append(version, start("version"))
		b.StartTimer()
	}
	b.ReportMetric(float64(median(one).Microseconds())/1000, "ms")
	b.ReportMetric(median(one).Seconds()/median(version).Seconds(), "x-version")
}

func median(all []time.Duration) time.Duration {
	slices.Sort(all)
	return all[len(all)/2]
}
