package main

import (
	"context"
	"iter"
	"os"
	"slices"
	"strings"

	"campaign/internal/campaign"
	"campaign/internal/ledger"
	"campaign/internal/report"
)

// language is that of what people read: "zh" where the user's locale is Chinese,
// else "en" (POSIX, 8.2: LC_ALL before LC_MESSAGES before LANG).
func language() string {
	locale := firstOf(os.Getenv("LC_ALL"), os.Getenv("LC_MESSAGES"), os.Getenv("LANG"), systemLocale())
	if lang, _, _ := strings.Cut(strings.ToLower(locale), "_"); lang == "zh" || strings.HasPrefix(lang, "zh-") {
		return "zh"
	}
	return "en"
}

// exchanger is a ledger that knows how long attempts took.
type exchanger interface {
	Exchanges(ctx context.Context, run string) iter.Seq2[campaign.Exchange, error]
}

// pageFacts adds what only the page for people shows.
func pageFacts(led ledger.Reader, run campaign.Run, j *job, f report.Facts) (report.Facts, error) {
	ctx := context.Background() // also after an interruption
	f.Language = language()
	if e, ok := led.(exchanger); ok {
		f.Exchanges = e.Exchanges(ctx, run.ID)
	}
	if j == nil {
		return f, nil
	}
	inputs, err := led.Inputs(ctx, run.ID)
	if err != nil {
		return f, stateError(err)
	}
	f.Sources = sentSources(inputs, j)
	return f, nil
}

// sentSources are the campaign file and the content that it names, as they were when
// the run began. Recipients that stand in the file are nobody's business here.
func sentSources(inputs []campaign.Input, j *job) []report.Source {
	var out []report.Source
	for _, in := range inputs {
		switch _, content := j.campaign.Content.Files[in.Path]; {
		case in.Path == j.campaign.File:
			s := report.Source{Path: in.Path, Text: string(in.Data)}
			if names(&j.campaign.Recipients) {
				s.Text, s.Hidden = withoutRecipients(s.Text), true
			}
			out = append([]report.Source{s}, out...)
		case content:
			out = append(out, report.Source{Path: in.Path, Text: string(in.Data)})
		}
	}
	return out
}

// names reports whether a campaign file itself names recipients.
func names(r *campaign.Recipients) bool {
	byID := func(n campaign.Named) bool { return n.ID != "" }
	return r.List != nil || slices.ContainsFunc(r.Audience.MustInclude, byID) || slices.ContainsFunc(r.Audience.MustExclude, byID)
}

// withoutRecipients takes the mapping `recipients` out of a campaign file: its line,
// and what follows up to the next key. A file that is not written that way is not
// shown at all.
func withoutRecipients(file string) string {
	var b strings.Builder
	inside, found := false, false
	for line := range strings.Lines(file) {
		if strings.HasPrefix(line, "recipients:") {
			inside, found = true, true
			b.WriteString("recipients: …\n")
			continue
		}
		if inside && strings.TrimRight(line, "\r\n") != "" && !strings.ContainsAny(line[:1], " \t-#]}") {
			inside = false
		}
		if !inside {
			b.WriteString(line)
		}
	}
	if !found {
		return ""
	}
	return b.String()
}
