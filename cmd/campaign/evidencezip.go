package main

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path"
	"strings"
	"time"

	"campaign/internal/campaign"
	"campaign/internal/diagnostics"
	"campaign/internal/report"
	"campaign/internal/targets"
)

// bundle is the zip file while it is written.
type bundle struct {
	zip  *zip.Writer
	at   time.Time
	sums bytes.Buffer // SHA-256 of every file, as sha256sum writes them
	list []string     // lines about files, for people
}

// save writes the evidence to a new file. One that could not be written as a whole
// is removed.
func (e *evidence) save(name string) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fail(exitUsage, "%s is there already: name a new file", name)
	}
	if err != nil {
		return fail(exitState, "%w", err)
	}
	b := &bundle{zip: zip.NewWriter(f), at: e.generated}
	err = b.fill(e)
	err = errors.Join(err, b.zip.Close(), f.Sync())
	if err = errors.Join(err, f.Close()); err != nil {
		return fail(exitState, "%w", errors.Join(err, os.Remove(name)))
	}
	return nil
}

func (b *bundle) fill(e *evidence) error {
	for i := range e.requests {
		if err := b.proof(e, &e.requests[i]); err != nil {
			return err
		}
	}
	shown, why := e.shownInputs()
	for _, in := range shown {
		file := "inputs/" + in.Path
		if in.Path == "-" {
			file = "inputs/campaign.yaml"
		}
		if err := b.add(file, "as it was frozen when the run began", in.Data); err != nil {
			return err
		}
	}
	if err := b.object("run.json", "the run: facts, numbers, history, digests of its inputs", e.facts()); err != nil {
		return err
	}
	if err := b.add("index.md", "", e.index(b.list, why)); err != nil {
		return err
	}
	return b.add("SHA256SUMS", "", bytes.Clone(b.sums.Bytes()))
}

func (b *bundle) add(name, about string, data []byte) error {
	header := &zip.FileHeader{Name: name, Method: zip.Deflate, Modified: b.at}
	header.SetMode(0o600)
	w, err := b.zip.CreateHeader(header)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(data)
	fmt.Fprintf(&b.sums, "%s  %s\n", hex.EncodeToString(sum[:]), name)
	if about != "" {
		b.list = append(b.list, fmt.Sprintf("- %s: %s", codeSpan(name), about))
	}
	_, err = w.Write(data)
	return err
}

func (b *bundle) object(name, about string, v any) error {
	var data bytes.Buffer
	if err := printJSON(&data, v); err != nil {
		return err
	}
	return b.add(name, about, data.Bytes())
}

// proof writes a folder about one request.
func (b *bundle) proof(e *evidence, p *proof) error {
	dir := fmt.Sprintf("request-%s-row-%d", p.hit.delivery.Key(campaign.Part{Seq: p.hit.delivery.Seq}), p.hit.recipient.Row)
	if err := b.object(path.Join(dir, "verdict.json"), "what became of it, with every attempt", p.verdict()); err != nil {
		return err
	}
	for i, a := range p.attempts {
		if a.Answer == "" {
			continue
		}
		about := fmt.Sprintf("what the upstream answered to attempt %d, the first 1,024 bytes", i+1)
		if err := b.add(fmt.Sprintf("%s/attempt-%d-answer.txt", dir, i+1), about, []byte(a.Answer)); err != nil {
			return err
		}
	}
	if p.message == nil {
		return nil
	}
	for i, t := range e.past.job.target.Layout().Texts {
		if p.message.Texts[i] == "" {
			continue
		}
		name := strings.ReplaceAll(strings.TrimPrefix(t.Pointer, "/"), "/", ".") + ".txt"
		if t.Escape == targets.HTML {
			name = strings.TrimSuffix(name, ".txt") + ".html"
		}
		if err := b.add(path.Join(dir, "message", name), "the message as it was rendered", []byte(p.message.Texts[i])); err != nil {
			return err
		}
	}
	for _, part := range p.parts() {
		if err := b.request(e, p, part, dir); err != nil {
			return err
		}
	}
	return nil
}

// sentRequest is a request as it went out, with stand-ins.
type sentRequest struct {
	Note   string      `json:"note"`
	Method string      `json:"method"`
	URL    string      `json:"url"`
	Header http.Header `json:"header"`
	Body   string      `json:"body"`
}

const rebuiltNote = "Rebuilt from the inputs that were frozen when the run began; its digest is the one in the plan. " +
	"Secrets are stand-ins ($NAME), and other recipients are [redacted]. Headers that every HTTP client adds are not shown."

func (b *bundle) request(e *evidence, p *proof, part campaign.Part, dir string) error {
	request, err := e.past.rebuilt(p, part)
	if err != nil {
		return err
	}
	name := "request"
	if !part.Whole() {
		name = fmt.Sprintf("request-%d-%d", part.From, part.To)
	}
	body := "body.txt"
	if json.Valid(request.Body) {
		body = "body.json"
	}
	err = b.object(fmt.Sprintf("%s/%s.json", dir, name), "the request as it was sent, rebuilt, with stand-ins for secrets and other recipients",
		sentRequest{rebuiltNote, request.Method, request.URL, request.Header, string(request.Body)})
	if err != nil {
		return err
	}
	return b.add(fmt.Sprintf("%s/%s-%s", dir, name, body), "its body", request.Body)
}

// verdict is what machines read of a request.
type verdict struct {
	FormatVersion int       `json:"format_version"`
	Recipient     string    `json:"recipient"`
	Row           int64     `json:"row"`
	Request       string    `json:"request"`
	Others        int       `json:"other_recipients"`
	Outcome       string    `json:"outcome"`
	Reason        string    `json:"reason,omitempty"`
	Digest        string    `json:"digest"`  // of the rendered content and the recipients, as in the plan
	Rebuilt       bool      `json:"rebuilt"` // message and request were rendered again and have that digest
	Why           string    `json:"not_rebuilt,omitempty"`
	Attempts      []attempt `json:"attempts"`
}

func (p *proof) verdict() verdict {
	return verdict{
		FormatVersion: 1, Recipient: p.hit.recipient.ID(), Row: p.hit.recipient.Row, Request: p.hit.key(), Others: p.others,
		Outcome: p.outcome, Reason: p.reason, Digest: hex.EncodeToString(p.hit.delivery.Digest[:]),
		Rebuilt: p.message != nil, Why: p.why, Attempts: append([]attempt{}, p.attempts...),
	}
}

// runFacts is what machines read of the run.
type runFacts struct {
	FormatVersion int             `json:"format_version"`
	Generated     time.Time       `json:"generated_at"`
	Tool          report.Tool     `json:"tool"`
	Run           report.Run      `json:"run"`
	Upstream      report.Upstream `json:"upstream"`
	State         report.State    `json:"state"`
	Verdict       []string        `json:"verdict"`
	Requests      campaign.Counts `json:"requests"`
	Recipients    campaign.Counts `json:"recipients"`
	History       []shownNote     `json:"history"`
	Inputs        []shownInput    `json:"inputs"`
}

type shownInput struct {
	Path   string `json:"path"`
	SHA256 string `json:"sha256"`
}

func (e *evidence) facts() runFacts {
	r := e.report
	f := runFacts{
		FormatVersion: 1, Generated: r.Generated, Tool: r.Tool, Run: r.Run, Upstream: r.Upstream, State: r.State, Verdict: r.Sentences,
		Requests: r.Requests, Recipients: r.Recipients, History: shownNotes(e.history(context.Background())), Inputs: []shownInput{},
	}
	for _, in := range e.inputs {
		f.Inputs = append(f.Inputs, shownInput{in.Path, in.Digest})
	}
	return f
}

// index is the summary for people.
func (e *evidence) index(files []string, left string) []byte {
	var b bytes.Buffer
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	run := e.past.run
	line("# What %s did about %s\n", codeSpan(run.Campaign), codeSpan(e.id))
	line("- run %s of %s, occurrence %s, profile %s, began %s", codeSpan(run.ID), codeSpan(run.Project), codeSpan(run.Occurrence.Label), codeSpan(run.Profile),
		e.report.Run.Began.Format(timeLayout))
	line("- through the account %s (%s) at %s", codeSpan(run.Target), codeSpan(run.Channel), codeSpan(e.report.Upstream.BaseURL))
	if e.report.Upstream.Sandbox {
		line("- the built-in upstream (sandbox) stood in for that address: nothing left the machine")
	}
	if e.past.groups() {
		line("- the recipient is a user group: who is in it only the upstream knows")
	}
	line("- plan %s, planner %d", codeSpan(run.PlanDigest), run.Planner)
	if commit := e.report.Tool.Commit; commit != "" {
		line("- git commit of the project's files: %s", codeSpan(commit))
	}
	line("- put together %s by campaign %s", e.report.Generated.Format(timeLayout), codeSpan(version()))
	line("- accepted means that the platform took the message on (平台已受理): it is not a proof of receipt")
	for i := range e.requests {
		e.requests[i].index(line)
	}
	for _, why := range e.skipped {
		line("\nAnother row of the same recipient is in no request: %s.", codeSpan(why))
	}
	line("\n## The run's history\n")
	for _, n := range shownNotes(e.history(context.Background())) {
		line("- %s", n.line(codeSpan))
	}
	line("\n## Files\n")
	for _, f := range files {
		line("%s", f)
	}
	line("- %s: the SHA-256 of every file", codeSpan("SHA256SUMS"))
	if left != "" {
		line("\nNot every frozen input is here: %s. %s has the SHA-256 of all of them.", left, codeSpan("run.json"))
	}
	return b.Bytes()
}

func (p *proof) index(line func(string, ...any)) {
	line("\n## Request %s: %s\n", codeSpan(p.hit.key()), p.outcome)
	line("Row %d of the recipients, with %s in the same request, who are not named here.", p.hit.recipient.Row, count(p.others, "other recipient"))
	if p.reason != "" {
		line("Reason: %s.", codeSpan(p.reason))
	}
	if p.message != nil {
		line("Message and request were rebuilt from the frozen inputs; their digest is the one in the plan, %s.", codeSpan(hex.EncodeToString(p.hit.delivery.Digest[:])))
	} else {
		line("Message and request could not be rebuilt: %s.", codeSpan(p.why))
	}
	line("\n| attempt | request | sent (our clock) | ended (our clock) | the upstream's clock | HTTP | outcome | the upstream's id |\n| --: | --- | --- | --- | --- | --: | --- | --- |")
	for i, a := range p.attempts {
		status := ""
		if a.Status != 0 {
			status = fmt.Sprint(a.Status)
		}
		outcome := a.Outcome
		if !a.Covers {
			outcome += ", without this recipient"
		}
		if a.Reason != "" {
			outcome += " " + codeSpan(a.Reason)
		}
		line("| %d | %s | %s | %s | %s | %s | %s | %s |", i+1, codeSpan(a.Request), moment(a.Sent), moment(a.Settled), moment(a.Upstream), status, outcome, codeSpan(a.Ref))
	}
}

// moment is a time for people, empty when there is none.
func moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format("2006-01-02 15:04:05.000 -07:00")
}

// codeSpan shows a text in Markdown as it is, on one line.
func codeSpan(text string) string {
	if text == "" {
		return ""
	}
	return "`" + strings.NewReplacer("`", "'", "|", "¦").Replace(diagnostics.Inert(text)) + "`"
}
