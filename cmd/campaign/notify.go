package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
	"time"

	"campaign/internal/campaign"
	"campaign/internal/diagnostics"
	"campaign/internal/report"
	"campaign/internal/runner"
	"campaign/internal/targets"
)

// noticeTimeout bounds what webhooks may take, their answers included: a run that
// was asked to stop stops.
const noticeTimeout = 10 * time.Second

// maxNoticeAnswer is how much of a webhook's answer is read, in bytes.
const maxNoticeAnswer = 64 << 10

// notifyEnded tells the project's webhooks how an invocation of a run ended.
func (s *sender) notifyEnded(run campaign.Run, r report.Report, code int) {
	n := campaign.Notice{
		Event: campaign.NoticeEnded, At: r.Generated, Project: run.Project, Profile: run.Profile, Campaign: run.Campaign,
		Occurrence: run.Occurrence.Label, Run: run.ID, State: string(r.State), ExitCode: code,
		Text: run.Campaign + ": " + report.Verdict(r), Recipients: r.Recipients, Requests: r.Requests,
	}
	s.tellWebhooks(context.Background(), n) // also after an interruption
}

// tellWebhooks posts a notice to the webhooks that want its event, all at once. What
// goes wrong is said and changes nothing.
func (s *sender) tellWebhooks(ctx context.Context, n campaign.Notice) {
	failed := make([]error, len(s.decl.Notify))
	var all sync.WaitGroup
	for i, hook := range s.decl.Notify {
		if hook.Wants(n.Event) {
			all.Go(func() { failed[i] = s.tellWebhook(ctx, hook, n) })
		}
	}
	all.Wait()
	for i, err := range failed {
		s.untold(s.decl.Notify[i], err)
	}
}

// untold says why a webhook was not told; without an error it was.
func (s *sender) untold(hook campaign.Webhook, err error) {
	if err != nil {
		fmt.Fprintf(s.stderr, "%sthe webhook %s was not told: %v\n", s.tag(), hook.Name, err)
	}
}

// tellWebhook posts a notice to one webhook. Its address is a secret: no error shows it.
func (s *sender) tellWebhook(ctx context.Context, hook campaign.Webhook, n campaign.Notice) error {
	ctx, cancel := context.WithTimeout(ctx, noticeTimeout)
	defer cancel()
	form, err := campaign.ParseNotice(hook.Body)
	if err != nil {
		return err
	}
	body, err := form.Body(n)
	if err != nil {
		return err
	}
	wire, err := runner.NewWire(runner.WireOptions{MaxConns: 1, LoopbackOnly: s.loopbackHooks(), UserAgent: "campaign/" + version()})
	if err != nil {
		return err
	}
	defer wire.Close()
	address, err := s.hookAddress(ctx, hook)
	if err != nil {
		return err
	}
	if err := s.guardWebhook(hook, address); err != nil {
		return err
	}
	return post(ctx, wire.RoundTripper(), address.String(), body)
}

// loopbackHooks reports whether webhooks on this machine alone are told.
func (s *sender) loopbackHooks() bool { return s.standIn != nil || loopbackOnly() }

// hookAddress resolves the address of a webhook, which no error shows. Its host is what a
// person trusts by the look of it, so that it has no character that hides others.
func (p *project) hookAddress(ctx context.Context, hook campaign.Webhook) (*url.URL, error) {
	secret, err := (targets.Resolver{Dir: p.dir}).Resolve(ctx, hook.URL)
	if err != nil {
		return nil, err
	}
	address, err := url.Parse(secret.Reveal())
	if err != nil || address.Host == "" || diagnostics.Inert(address.Host) != address.Host || address.Scheme != "https" && address.Scheme != "http" {
		return nil, errors.New("its address is no http(s) URL")
	}
	return address, nil
}

// post sends one body and reads whether it was taken. No redirect is followed.
func post(ctx context.Context, through http.RoundTripper, address string, body []byte) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return errors.New("its address is no http(s) URL")
	}
	request.Header.Set("Content-Type", "application/json; charset=utf-8")
	answer, err := through.RoundTrip(request)
	if err != nil {
		if errors.Is(err, runner.ErrNotLoopback) {
			return runner.ErrNotLoopback
		}
		switch ctx.Err() {
		case context.DeadlineExceeded:
			return fmt.Errorf("no answer within %s", noticeTimeout)
		case context.Canceled:
			return errors.New("this process ends, and it had not answered")
		}
		return errors.New("it cannot be reached")
	}
	defer answer.Body.Close()
	said, err := io.ReadAll(io.LimitReader(answer.Body, maxNoticeAnswer))
	if err != nil {
		return errors.New("its answer broke off")
	}
	if answer.StatusCode/100 != 2 {
		return fmt.Errorf("it answered HTTP %d", answer.StatusCode)
	}
	return robotRefused(said)
}

// robotRefused reads the refusals that robots give under status 200: errcode of
// 企业微信 and 钉钉, code of 飞书.
func robotRefused(answer []byte) error {
	var said struct {
		ErrCode *int64 `json:"errcode"`
		Code    *int64 `json:"code"`
	}
	if json.Unmarshal(answer, &said) != nil {
		return nil // who says nothing took it
	}
	for _, code := range []*int64{said.ErrCode, said.Code} {
		if code != nil && *code != 0 {
			return fmt.Errorf("it refused with code %d", *code)
		}
	}
	return nil
}
