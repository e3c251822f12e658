package main

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// attack makes a good project hostile.
type attack struct {
	name   string
	bad    bool // validate must refuse it
	heavy  bool // it may take time or memory, or wants its own folder
	change func(h *hostileProject)
}

// inTitle changes what the example has in its title.
func inTitle(text string) func(*hostileProject) {
	return func(h *hostileProject) { h.edit("notice.yaml", `"{{ .name }} 通知"`, text) }
}

// inBody changes the text of its content file.
func inBody(text string) func(*hostileProject) {
	return func(h *hostileProject) { h.write("content/body.html", text) }
}

// add puts lines at the end of a file.
func add(name, lines string) func(*hostileProject) {
	return func(h *hostileProject) {
		data, err := os.ReadFile(filepath.Join(h.dir, name))
		if err != nil {
			h.t.Fatal(err)
		}
		h.write(name, string(data)+strings.ReplaceAll(lines, "URL", h.url))
	}
}

// escapes is what turns a terminal's or a reader's head.
const escapes = "\x1b[31m\x1b]0;title\a\u202e\u2066\u200f\u0085\u009b2J\u2028"

// heavyAttacks are after time and memory. They are made when they are needed: this binary
// is the program too, in tests that look at its memory.
func heavyAttacks() []attack {
	return heavy([]attack{
		// What a file may hold.
		{name: "aliases that expand", bad: true, change: func(h *hostileProject) {
			var b strings.Builder
			b.WriteString("version: 1\nx0: &x0 [a, a, a, a, a, a, a, a, a]\n")
			for i := range 20 {
				fmt.Fprintf(&b, "x%d: &x%d [*x%d, *x%d, *x%d, *x%d, *x%d, *x%d, *x%d, *x%d, *x%d]\n", i+1, i+1, i, i, i, i, i, i, i, i, i)
			}
			h.write("notice.yaml", b.String())
			h.write("targets.yaml", b.String())
		}},
		{name: "an alias in itself", bad: true, change: func(h *hostileProject) { h.write("notice.yaml", "version: 1\nname: &a [*a, {b: *a}]\n") }},
		{name: "deep lists", bad: true, change: func(h *hostileProject) { h.write("notice.yaml", strings.Repeat("[", 500_000)) }},
		{name: "deep mappings", bad: true, change: func(h *hostileProject) { h.write("targets.yaml", strings.Repeat("{a: ", 200_000)) }},
		{name: "deep blocks", bad: true, change: func(h *hostileProject) {
			var b strings.Builder
			for i := range 1200 {
				b.WriteString(strings.Repeat(" ", i) + "a:\n")
			}
			h.write("notice.yaml", b.String())
		}},
		{name: "a huge key", bad: true, change: add("notice.yaml", strings.Repeat("k", 900_000)+": x\n")},
		{name: "many keys", bad: true, change: func(h *hostileProject) {
			h.write("notice.yaml", attackNotice+many(60_000, "k%d: 1\n"))
		}},
		{name: "many near keys in one mapping", bad: true, change: func(h *hostileProject) {
			h.write("notice.yaml", attackNotice+"schedule: {"+strings.TrimSuffix(many(60_000, "cron%d: 1, "), ", ")+"}\n")
		}},
		{name: "much on one line", bad: true, change: func(h *hostileProject) {
			h.fill("notice.yaml", "name: ", "x", much(), "\n")
			h.fill("content/body.html", "", "y", much(), "")
		}},
		{name: "much of targets", bad: true, change: func(h *hostileProject) { h.fill("targets.yaml", "", "# x\n", much(), "") }},
		{name: "much of zeros", bad: true, change: func(h *hostileProject) {
			for _, file := range []string{"notice.yaml", "content/body.html", "recipients/people.csv", "groups.media.lock.yaml"} {
				if err := os.Truncate(filepath.Join(h.dir, file), int64(much())); err != nil {
					h.t.Fatal(err)
				}
			}
		}},
		{name: "thousands of campaigns", change: func(h *hostileProject) {
			for i := range 2000 {
				h.write(fmt.Sprintf("more/%d.yaml", i), strings.ReplaceAll(attackPush, "name: push", fmt.Sprintf("name: push-%d", i)))
			}
		}},
		{name: "folders in folders", change: func(h *hostileProject) {
			h.write(strings.Repeat("d/", 1000)+"push.yaml", strings.ReplaceAll(attackPush, "name: push", "name: deep"))
		}},
		{name: "folders that are links to themselves", change: func(h *hostileProject) { h.link("loop", "."); h.link("up", "..") }},

		// What lists may hold.
		{name: "a quoted cell without an end", bad: true, change: func(h *hostileProject) {
			h.fill("recipients/people.csv", "userid,orgid,name\nu-1,o-1,\"", "x\n", much(), "")
		}},
		{name: "an endless header", bad: true, change: func(h *hostileProject) { h.fill("recipients/people.csv", "", "x,", much(), "\n") }},
		{name: "empty lines", bad: true, change: func(h *hostileProject) { h.fill("recipients/people.csv", "", "\n", much(), "") }},
		{name: "every row wrong", bad: true, change: func(h *hostileProject) { h.fill("recipients/people.csv", "userid,orgid,name\n", ",,\n", 8<<20, "") }},
		{name: "every row wrong in its own way", bad: true, change: func(h *hostileProject) {
			h.write("recipients/people.csv", "userid,orgid,name\n"+many(200_000, "u-%d,,\n"))
		}},
		{name: "an exclusion many times", bad: true, change: func(h *hostileProject) {
			h.write("recipients/out.csv", "userid\n"+many(50_000, "u-%d\n"))
			h.edit("notice.yaml", "[{file: recipients/out.csv}]", "["+strings.TrimSuffix(strings.Repeat("{file: recipients/out.csv}, ", 15_000), ", ")+"]")
		}},
		{name: "nested ndjson", bad: true, change: people("ndjson", `{"userid":`+strings.Repeat("[", 1<<20)+"\n")},
		{name: "nested json", bad: true, change: people("json", `[{"userid":`+strings.Repeat(`{"a":`, 1<<20))},
		{name: "nested yaml", bad: true, change: people("yaml", "- userid: "+strings.Repeat("[", 1<<20)+"\n")},
		{name: "a record with a million keys", bad: true, change: people("ndjson", "{"+many(1_000_000, `"k%d":1,`)+`"userid":"u-1"}`+"\n")},
		{name: "a packed list", bad: true, change: func(h *hostileProject) { packed(h, "recipients/people.csv.gz") }},
		{name: "a workbook of zeros", bad: true, change: workbook(map[string]string{"xl/sharedStrings.xml": "0"})},
		{name: "a workbook of blanks", bad: true, change: workbook(map[string]string{"xl/worksheets/sheet1.xml": " "})},
		{name: "a workbook of rows", bad: true, change: workbook(map[string]string{"xl/worksheets/sheet1.xml": `<row r="1"><c r="A1" t="inlineStr"><is><t>x</t></is></c></row>`})},
		{name: "a workbook that is none", bad: true, change: people("xlsx", "PK\x03\x04"+strings.Repeat("\x00", 1<<20))},

		// What is computed.
		{name: "a pattern that goes back", bad: true, change: func(h *hostileProject) {
			h.edit("push.yaml", "居民", "'"+strings.Repeat("*a", 5000)+"*b'")
			h.edit("groups.media.lock.yaml", "居民", strings.Repeat("a", 100_000))
		}},
		{name: "a pattern of classes", bad: true, change: func(h *hostileProject) { h.edit("push.yaml", "居民", "'"+strings.Repeat("[!-~]", 100_000)+"'") }},
		{name: "a wide format", bad: true, change: inTitle(`'{{ printf "%0999999999d" 1 }}'`)},
		{name: "fixed digits", bad: true, change: inTitle(`'{{ fixed 999999999 1.5 }}'`)},
		{name: "a long truncation", change: inTitle(`'{{ truncate 999999999999 .name }}'`)},
		{name: "nested conditions", bad: true, change: inBody(strings.Repeat("{{ if .name }}", 200_000) + "x" + strings.Repeat("{{ end }}", 200_000))},
		{name: "else if without end", bad: true, change: inBody("{{ if .name }}a" + strings.Repeat("{{ else if .name }}b", 150_000) + "{{ end }}")},
		{name: "nested parentheses", bad: true, change: inBody("{{ " + strings.Repeat("(", 1_000_000) + ".name" + strings.Repeat(")", 1_000_000) + " }}")},
		{name: "a long pipeline", bad: true, change: inBody("{{ .name" + strings.Repeat(" | upper", 400_000) + " }}")},
		{name: "a definition in itself", bad: true, change: inBody(`{{ define "a" }}{{ template "a" }}{{ end }}{{ template "a" }}`)},
		{name: "a text that grows", bad: true, change: func(h *hostileProject) {
			h.write("content/body.html", strings.Repeat("{{ .long }}", 300_000))
			add("notice.yaml", "vars: {long: "+strings.Repeat("x", 500_000)+"}\n")(h)
		}},
		{name: "a layout that grows", bad: true, change: inBody("{{ date \"" + strings.Repeat("Monday", 600_000) + "\" .occurrence }}")},
		{name: "variables that are not there", bad: true, change: inBody(strings.Repeat("{{ .nobody }}", 300_000))},
		{name: "a schedule that never comes", bad: true, change: add("notice.yaml", "schedule: {cron: '0 0 30 2 *'}\n")},
		{name: "a schedule that hardly comes", change: add("notice.yaml", "schedule: {cron: '0 0 29 2 1', starts: 1970-01-01, ends: 9999-12-31, calendar: {file: calendars/cn.yaml, on: holidays}}\n")},
		{name: "a schedule of every second", bad: true, change: add("notice.yaml", "schedule: {cron: '@every 1s'}\n")},
		{name: "a schedule far away", change: add("notice.yaml", "schedule: {cron: '* * * * *', starts: 9000-01-01, ends: 9999-12-31, timezone: America/Sao_Paulo}\n")},
		{name: "a schedule with lists", change: add("notice.yaml", "schedule: {cron: '"+strings.Repeat("1,", 300_000)+"1 * * * *'}\n")},
		{name: "a hundred schedules", change: add("notice.yaml", "schedule: {cron: ["+strings.TrimSuffix(strings.Repeat("'*/7 3-5,7-9 1-31 */2 1-5', ", 100), ", ")+"]}\n")},
		{name: "many times", bad: true, change: add("notice.yaml", "schedule: {at: ["+strings.TrimSuffix(many(30_000, "2027-01-01T09:00:00.%09d+08:00, "), ", ")+"]}\n")},
		{name: "a calendar of all years", bad: true, change: func(h *hostileProject) {
			h.write("calendars/cn.yaml", "version: 1\nname: c\nyears:\n"+many(30_000, "  - {year: %d, source: s, holidays: {x: 2026-01-01/2026-01-31}}\n"))
		}},
		{name: "many stages", bad: true, change: add("notice.yaml", "  stages: ["+strings.TrimSuffix(many(30_000, "{upto: 1%05d, then: 1h}, "), ", ")+"]\n")},
		{name: "a zone that is a path", bad: true, change: add("notice.yaml", "schedule: {cron: '0 9 * * *', timezone: ../../../../../../etc/passwd}\n")},
	})
}

// heavy marks attacks as such.
func heavy(all []attack) []attack {
	for i := range all {
		all[i].heavy = true
	}
	return all
}

// attacks are after secrets, the network, commands, and whoever reads the output.
var attacks = []attack{
	// What could be resolved, run or reached.
	{name: "environment in templates", bad: true, change: inTitle(`'{{ .ATTACK_SECRET }}{{ env "ATTACK_SECRET" }}{{ getenv "ATTACK_SECRET" }}$ATTACK_SECRET ${ATTACK_SECRET}'`)},
	{name: "environment in text", change: inTitle(`'$ATTACK_SECRET ${ATTACK_SECRET} $(leave-mark) %ATTACK_SECRET%'`)},
	{name: "a file in templates", bad: true, change: inTitle(`'{{ readFile "../outside/secret.txt" }}{{ include "../outside/secret.txt" }}'`)},
	{name: "commands for secrets", change: func(h *hostileProject) {
		h.edit("targets.yaml", "token: {env: ATTACK_SECRET}", "token: {command: [leave-mark, x]}")
	}},
	{name: "a secret in /etc", change: func(h *hostileProject) {
		h.edit("targets.yaml", "token: {env: ATTACK_SECRET}", "token: {file: /etc/passwd}")
		h.edit("targets.yaml", "connect_no: {env: ATTACK_SECRET}", "connect_no: {file: ../outside/secret.txt}")
	}},
	{name: "a secret in a pipe", change: func(h *hostileProject) {
		h.fifo("pipe")
		h.edit("targets.yaml", "token: {env: ATTACK_SECRET}", "token: {file: pipe}")
	}},
	{name: "tokens, proxies, headers and webhooks", change: func(h *hostileProject) {
		h.edit("targets.yaml", "token: {env: ATTACK_SECRET}", "token: {oauth2: {token_url: "+h.url+", client_id: a, client_secret: {env: ATTACK_SECRET}}}\n    proxy: "+h.url+"\n    headers: {x-a: {env: ATTACK_SECRET}}")
		add("targets.yaml", "notify: [{name: a, url: {env: ATTACK_SECRET}, body: '{\"a\": {{json .Text}}}'}, {name: b, url: {file: /etc/passwd}}]\n")(h)
	}},
	{name: "keys of other tools", bad: true, change: func(h *hostileProject) {
		add("notice.yaml", "include: ../outside/secret.yaml\nextends: URL/x.yaml\nsecret: !!env ATTACK_SECRET\nfile: !include ../outside/secret.yaml\n$ref: URL/schema.json\n")(h)
	}},
	{name: "a schema elsewhere", change: func(h *hostileProject) {
		h.write("notice.yaml", "# yaml-language-server: $schema="+h.url+"/x.json\n"+attackNotice)
		h.write("schema/campaign.schema.json", `{"$ref": "`+h.url+`/x.json"}`)
	}},
	{name: "git that runs commands", change: func(h *hostileProject) {
		h.write(".git/config", "[core]\n\tfsmonitor = leave-mark\n\tsshCommand = leave-mark\n\thooksPath = hooks\n[diff]\n\texternal = leave-mark\n[filter \"x\"]\n\tclean = leave-mark\n\tsmudge = leave-mark\n")
		h.write(".git/HEAD", "ref: refs/heads/../../../outside/secret.txt\n")
		h.write(".gitattributes", "* filter=x diff=x\n")
		h.write("hooks/post-checkout", "#!/bin/sh\nleave-mark\n")
	}},
	{name: "git elsewhere", change: func(h *hostileProject) { h.write(".git", "gitdir: ../outside\n") }},

	// What is shown.
	{name: "escapes in texts", change: func(h *hostileProject) {
		inTitle(`"{{ .name }} \e[31m\e]0;t\a\u202e\u2066\u0085\u009b2J\u2028 \r\n::error::x"`)(h)
		h.write("content/body.html", "<p>"+escapes+"</p>\r\n::set-output name=x::y\n")
		h.write("recipients/people.csv", "userid,orgid,name\nu"+escapes+",o-1,甲"+escapes+"\n")
	}},
	{name: "escapes in keys and values", bad: true, change: add("notice.yaml", `"k\e[31m\u202e\r\n::error::x": "v\e]0;t\a"`+"\nlabels: {\"a\\e[0m\": \"b\\u202e\"}\nschedule: {cron: \"\\e[31m\\u202e\\r\\n::error::\"}\n")},
	{name: "escapes in names", bad: true, change: func(h *hostileProject) {
		h.edit("notice.yaml", "target: gov", `target: "g\e[31m\u202e\nx"`)
		h.edit("push.yaml", "target: media", `target: "m\e[31m\u202e\nx"`)
		h.edit("targets.yaml", "  gov:", `  "gov\e[31m\u202e\nx":`)
	}},
	{name: "escapes in names of files", bad: true, change: func(h *hostileProject) {
		h.write("x"+escapes+"\n::error::y.yaml", "version: 1\n")
		h.write("\u202elmay.yaml", "name: [\n")
		h.edit("notice.yaml", "content/body.html", `"content/\e[31m\u202e\nx.html"`)
	}},
	{name: "escapes in headers and sheets", bad: true, change: func(h *hostileProject) {
		h.write("recipients/people.csv", "userid,orgid,na"+escapes+"me\nu-1,o-1,x\n")
		h.edit("notice.yaml", "exclude:", `columns: {x: "a\e[31m\u202e\nb"}`+"\n  exclude:")
	}},
	{name: "escapes in raw bytes", bad: true, change: add("notice.yaml", "description: "+escapes+"\n")},
	{name: "bytes that are no text", bad: true, change: func(h *hostileProject) {
		add("notice.yaml", "description: \xff\xfe\xc3\x28\n")(h)
		h.write("content/body.html", "\x80\x81")
		h.write("recipients/people.csv", "userid,orgid,name\n\xff\xfe\xfd,o,\x80\n")
	}},
	{name: "UTF-16", bad: true, change: func(h *hostileProject) {
		h.write("notice.yaml", "\xff\xfev\x00e\x00r\x00s\x00i\x00o\x00n\x00:\x00 \x001\x00")
		h.write("content/body.html", "\xfe\xff\x00<\x00p\x00>")
	}},
	{name: "zeros", bad: true, change: func(h *hostileProject) {
		add("notice.yaml", "a\x00b: c\x00d\n")(h)
		h.write("content/body.html", "a\x00b")
	}},
	{name: "marks and line ends of Windows", change: func(h *hostileProject) {
		for name, text := range attackFiles {
			h.write(name, "\ufeff"+strings.ReplaceAll(strings.ReplaceAll(text, "URL", h.url), "\n", "\r\n"))
		}
	}},
	{name: "lines that end with CR only", change: func(h *hostileProject) { h.write("notice.yaml", strings.ReplaceAll(attackNotice, "\n", "\r")) }},
	{name: "names like flags", bad: true, heavy: true, change: func(h *hostileProject) {
		for _, name := range []string{"--help", "--profile=production.yaml", "-v.yaml", "-", "@secret.yaml", "$(leave-mark).yaml", "`leave-mark`.yaml", "|leave-mark.yaml", "*.yaml"} {
			h.write(name, "version: 1\n")
		}
	}},
}

// many writes n numbered pieces.
func many(n int, format string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, format, i)
	}
	return b.String()
}

// people gives the recipients in another format.
func people(format, data string) func(*hostileProject) {
	return func(h *hostileProject) {
		h.write("recipients/people."+format, data)
		h.edit("notice.yaml", "recipients/people.csv", "recipients/people."+format)
	}
}

// packed writes a list that unpacks to much.
func packed(h *hostileProject, name string) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	fmt.Fprint(z, "userid,orgid,name\n")
	inflate(h, z, "u-1,o-1,"+strings.Repeat("x", 1000)+"\n")
	if err := z.Close(); err != nil {
		h.t.Fatal(err)
	}
	h.write(name, b.String())
	h.edit("notice.yaml", "recipients/people.csv", name)
}

// inflate writes 200 MB of a piece.
func inflate(h *hostileProject, w io.Writer, piece string) {
	block := []byte(strings.Repeat(piece, max(1, (1<<20)/len(piece))))
	for range 200 {
		if _, err := w.Write(block); err != nil {
			h.t.Fatal(err)
		}
	}
}

// workbook writes an .xlsx file one part of which unpacks to much of a piece.
func workbook(huge map[string]string) func(*hostileProject) {
	const head = `<?xml version="1.0" encoding="UTF-8"?>`
	const ns = ` xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"`
	parts := [][3]string{
		{"[Content_Types].xml", head + `<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="xml" ContentType="application/xml"/>`, `</Types>`},
		{"_rels/.rels", head + `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/>`, `</Relationships>`},
		{"xl/workbook.xml", head + `<workbook` + ns + ` xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="a" sheetId="1" r:id="r1"/></sheets>`, `</workbook>`},
		{"xl/_rels/workbook.xml.rels", head + `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="r2" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/sharedStrings" Target="sharedStrings.xml"/>`, `</Relationships>`},
		{"xl/sharedStrings.xml", head + `<sst` + ns + `><si><t>`, `</t></si></sst>`},
		{"xl/worksheets/sheet1.xml", head + `<worksheet` + ns + `><sheetData>`, `</sheetData></worksheet>`},
	}
	return func(h *hostileProject) {
		var b bytes.Buffer
		z := zip.NewWriter(&b)
		for _, part := range parts {
			w, err := z.Create(part[0])
			if err != nil {
				h.t.Fatal(err)
			}
			io.WriteString(w, part[1])
			if piece := huge[part[0]]; piece != "" {
				inflate(h, w, piece)
			}
			io.WriteString(w, part[2])
		}
		if err := z.Close(); err != nil {
			h.t.Fatal(err)
		}
		people("xlsx", b.String())(h)
	}
}

// references are the places where a project names a file: what to replace in which file,
// and the name of a secret that fits.
var references = []struct{ name, file, from, to, secret string }{
	{"content", "notice.yaml", "content/body.html", "%s", "secret.html"},
	{"recipients", "notice.yaml", "recipients/people.csv", "%s", "secret.csv"},
	{"exclude", "notice.yaml", "recipients/out.csv", "%s", "secret.csv"},
	{"lookup", "notice.yaml", "recipients/names.csv", "%s", "secret.csv"},
	{"calendar", "notice.yaml", "calendars/cn.yaml", "%s", "secret.yaml"},
	{"must_include", "notice.yaml", "  exclude:", "  must_include: [{file: %s}]\n  exclude:", "secret.csv"},
	{"must_exclude", "notice.yaml", "  exclude:", "  must_exclude: [{file: %s}]\n  exclude:", "secret.csv"},
	{"suppress", "targets.yaml", "    senders:", "    suppress: [{file: %s}]\n    senders:", "secret.csv"},
	{"ca_file", "targets.yaml", "    senders:", "    ca_file: %s\n    senders:", "secret.txt"},
}

// attackReferences lead each reference out of the project: by its name, and by a link
// that stands in the project under a name that is right.
func attackReferences() (all []attack) {
	for _, r := range references {
		for how, target := range map[string]string{
			"parent": "../outside/SECRET", "absolute": "OUTSIDE/SECRET", "home": "~/SECRET", "hidden": ".git/SECRET", "windows": `..\outside\SECRET`,
			"drive": "C:/SECRET", "address": "URL/SECRET", "folder": "content", "environment": "$HOME/SECRET", "back": "content/../../outside/SECRET",
		} {
			all = append(all, attack{name: r.name + " by " + how, bad: true, change: func(h *hostileProject) {
				ref := strings.NewReplacer("SECRET", r.secret, "OUTSIDE", h.outside, "URL", h.url).Replace(target)
				h.edit(r.file, r.from, fmt.Sprintf(r.to, "'"+ref+"'"))
			}})
		}
		all = append(all, attack{name: r.name + " by link", bad: true, change: func(h *hostileProject) {
			h.edit(r.file, r.from, fmt.Sprintf(r.to, "content/"+r.secret))
			h.link("content/"+r.secret, "../../outside/"+r.secret)
		}})
	}
	return all
}

// attackSpecials put what is no regular file in the place of each file and folder.
func attackSpecials() (all []attack) {
	places := []string{"targets.yaml", "notice.yaml", "content/body.html", "recipients/people.csv", "recipients/out.csv", "recipients/names.csv",
		"calendars/cn.yaml", "groups.media.lock.yaml"}
	for _, place := range places {
		all = append(all, attack{name: place + " is a pipe", bad: true, change: func(h *hostileProject) { h.fifo(place) }})
		for name, to := range map[string]string{
			"outside": "OUTSIDE/secret" + filepath.Ext(place), "a device": "/dev/zero", "the environment": "/proc/self/environ", "a link to itself": filepath.Base(place),
			"standard input": "/dev/stdin", "a folder": ".",
		} {
			campaign := place == "notice.yaml" && name == "a folder" // then there is none of that name
			all = append(all, attack{name: place + " leads to " + name, bad: !campaign, change: func(h *hostileProject) {
				h.link(place, strings.ReplaceAll(to, "OUTSIDE", h.outside))
			}})
		}
	}
	for _, folder := range []string{"content", "recipients", "calendars"} {
		all = append(all, attack{name: folder + " leads outside", bad: true, change: func(h *hostileProject) {
			for _, name := range []string{"body.html", "people.csv", "out.csv", "names.csv", "cn.yaml"} {
				write(h.t, h.outside, map[string]string{name: canaryFile + "," + canaryFile + "\n"})
			}
			h.link(folder, "../outside")
		}})
	}
	return append(all,
		attack{name: "other pipes", change: func(h *hostileProject) { h.fifo(".git"); h.fifo(".gitignore"); h.fifo("recipients/other.csv") }},
		attack{name: "a pipe that is named like a campaign", bad: true, change: func(h *hostileProject) { h.fifo("pipe.yaml") }},
		attack{name: "state elsewhere", change: func(h *hostileProject) { h.link("reports", "../outside") }},
	)
}
