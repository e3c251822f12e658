package report

import (
	"fmt"
	"iter"
	"strings"
	"time"
	"unicode/utf8"

	"campaign/internal/campaign"
)

// Line is what became of one source row.
type Line struct {
	Row      int64
	ID       string // in full: mask it wherever it is not the recipients file
	Outcome  campaign.Outcome
	Reason   string
	Ref      string // the upstream's id of an accepted message
	Attempts int
	At       time.Time // zero when never tried
	Delivery string    // key of the delivery or part; empty when no delivery covers the row
	Status   int       // HTTP status; 0: no answer
	Stage    int       // of the campaign, from 1; 0: it has none, or they are not known
	Reopened bool      // an unknown outcome was made deferred: it may have been accepted before
	// From and Until: an unknown one was sent between them, to the second; else zero.
	From, Until time.Time
	said        string // Reason fit for a report: cut, and with the ids of its request's recipients masked
}

// Fold makes the report of a run from the results that the ledger yields. It
// reads them once and keeps nothing of a block; observers see every source row
// in plan order: a block's deliveries, then the rows it leaves out. An error of
// the results or of an observer ends it. Numbers that do not add up are an error
// that wraps ErrUnbalanced; observers may have seen lines by then.
func Fold(run campaign.Run, facts Facts, results iter.Seq2[campaign.BlockResults, error], observers ...func(Line) error) (Report, error) {
	if run.State == campaign.Planning {
		return Report{}, fmt.Errorf("run %s: %w", run.ID, ErrPlanning)
	}
	f := fold{report: newReport(run, facts), audit: audit{run: run}, facts: facts, observers: observers, records: newRecords(run)}
	if err := f.timeline.exchanges(facts.Exchanges); err != nil {
		return Report{}, fmt.Errorf("read the attempts of run %s: %w", run.ID, err)
	}
	for b, err := range results {
		if err != nil {
			return Report{}, fmt.Errorf("read the results of run %s: %w", run.ID, err)
		}
		if err := f.block(b); err != nil {
			return Report{}, fmt.Errorf("run %s: %w", run.ID, err)
		}
	}
	r, err := f.end()
	if err != nil {
		return Report{}, fmt.Errorf("run %s: %w", run.ID, err)
	}
	return r, nil
}

type fold struct {
	report    Report
	audit     audit
	facts     Facts
	observers []func(Line) error
	reasons   reasons
	tried     int64  // leaves of which the last attempt's time is known
	stage     *Stage // of the block at hand
	timeline  timeline
	records   *records
}

func (f *fold) block(b campaign.BlockResults) error {
	if err := f.audit.block(&b.Block); err != nil {
		return err
	}
	if err := f.enter(&b.Block); err != nil {
		return err
	}
	f.records.block(b)
	rest := b.Results
	for i := range b.Block.Deliveries {
		d := &b.Block.Deliveries[i]
		n, err := f.audit.delivery(d, rest)
		if err != nil {
			return err
		}
		f.timeline.name(d, f.who)
		if n > 1 {
			f.report.Splits.Requests++
			f.report.Splits.Leaves += int64(n)
		}
		f.stage.Requests.Planned += int64(n)
		f.stage.Recipients.Planned += int64(len(d.Recipients))
		for j := range rest[:n] {
			if err := f.leaf(d, &rest[j]); err != nil {
				return err
			}
		}
		rest = rest[n:]
	}
	if len(rest) > 0 {
		return unbalanced("block %d has a result of delivery %d, which it does not hold: %d results more than its %d deliveries account for",
			b.Block.Seq, rest[0].Part.Seq, len(rest), len(b.Block.Deliveries))
	}
	f.stage.Recipients.Planned += int64(len(b.Block.Skips))
	for i := range b.Block.Skips {
		if err := f.skip(&b.Block.Skips[i]); err != nil {
			return err
		}
	}
	return nil
}

// leaf counts one request and its recipients.
func (f *fold) leaf(d *campaign.Delivery, res *campaign.Result) error {
	covered := res.Part.Of(d.Recipients)
	n, v := int64(len(covered)), res.Verdict
	at := stamp(res.At, f.report.zone)
	f.report.Requests.Add(v.Outcome, 1)
	f.report.Recipients.Add(v.Outcome, n)
	f.stage.Requests.Add(v.Outcome, 1)
	f.stage.Recipients.Add(v.Outcome, n)
	f.report.Attempts += int64(res.Attempts)
	f.report.Retries.add(res.Attempts)
	f.report.doubts(res, n)
	f.times(at, res)
	f.reasons.add(v.Outcome, v.Reason, 1, covered, f.open())
	switch v.Outcome {
	case campaign.Rejected:
		f.list(&f.report.Rejected, d, res, covered, at)
	case campaign.Unknown:
		f.list(&f.report.Unknown, d, res, covered, at)
	}
	if len(f.observers) == 0 {
		return nil
	}
	line := Line{
		Outcome: v.Outcome, Reason: v.Reason, Ref: v.Ref, Attempts: res.Attempts, At: at, Delivery: d.Key(res.Part), Status: v.Status,
		Stage: f.lineStage(), Reopened: res.Reopened, said: f.quote(v.Reason, covered),
	}
	if v.Outcome == campaign.Unknown {
		line.From, line.Until = f.report.spans.of(res.At.In(f.report.zone), v)
	}
	for i := range covered {
		line.Row, line.ID = covered[i].Row, covered[i].ID()
		if err := f.observe(line); err != nil {
			return err
		}
	}
	return nil
}

// skip counts a row that no delivery covers.
func (f *fold) skip(s *campaign.Skip) error {
	f.report.Recipients.Add(campaign.Skipped, 1)
	f.stage.Recipients.Add(campaign.Skipped, 1)
	who := []campaign.Recipient{s.Recipient}
	f.reasons.add(campaign.Skipped, s.Reason, 0, who, f.open())
	if len(f.observers) == 0 {
		return nil
	}
	return f.observe(Line{
		Row: s.Recipient.Row, ID: s.Recipient.ID(), Outcome: campaign.Skipped, Reason: s.Reason, Stage: f.lineStage(), said: f.quote(s.Reason, who),
	})
}

// open reports whether ids stand as they are.
func (f *fold) open() bool { return f.facts.Groups || f.facts.ShowRecipients }

func (f *fold) quote(text string, covered []campaign.Recipient) string {
	if text == "" {
		return ""
	}
	return quote(text, covered, f.open())
}

func (f *fold) lineStage() int {
	if len(f.facts.Stages) == 0 {
		return 0
	}
	return f.stage.Number
}

func (f *fold) observe(line Line) error {
	for _, o := range f.observers {
		if err := o(line); err != nil {
			return err
		}
	}
	return nil
}

func (f *fold) times(at time.Time, res *campaign.Result) {
	t := &f.report.Times
	if answered(res) {
		f.tried++
		f.timeline.answer(at, res.Verdict.Outcome)
		if t.First.IsZero() || at.Before(t.First) {
			t.First = at
		}
		if at.After(t.Last) {
			t.Last = at
		}
	}
	if res.Verdict.Outcome != campaign.Deferred || at.IsZero() {
		return
	}
	if next := at.Add(res.Verdict.After); t.Next.IsZero() || next.Before(t.Next) {
		t.Next = next
	}
}

// list counts a request of a listing and keeps the first ones.
func (f *fold) list(l *Listing, d *campaign.Delivery, res *campaign.Result, covered []campaign.Recipient, at time.Time) {
	l.Requests++
	l.Recipients += int64(len(covered))
	from, until := f.report.spans.of(res.At.In(f.report.zone), res.Verdict)
	if !at.IsZero() && (l.From.IsZero() || from.Before(l.From)) {
		l.From = from
	}
	if until.After(l.Until) {
		l.Until = until
	}
	if len(l.Listed) == maxListed {
		return
	}
	l.Listed = append(l.Listed, Listed{
		Delivery: d.Key(res.Part), Row: covered[0].Row, Recipients: len(covered),
		Status: res.Verdict.Status, Reason: f.quote(res.Verdict.Reason, covered),
		Attempts: res.Attempts, At: at, From: from, Until: until,
		who: f.who(covered[0]),
	})
}

func (f *fold) who(r campaign.Recipient) string {
	if f.open() {
		return r.ID()
	}
	return campaign.Mask(r.ID())
}

// end checks the sums and completes the report.
func (f *fold) end() (Report, error) {
	r := &f.report
	totals := f.audit.run.Totals
	// A split delivery is one of the planner's requests and as many leaves as it
	// has now; the others are one each.
	r.Requests.Planned = totals.Requests + r.Splits.Leaves - r.Splits.Requests
	r.Recipients.Planned = totals.Recipients
	if err := f.audit.end(r); err != nil {
		return Report{}, err
	}
	if err := f.endStages(); err != nil {
		return Report{}, err
	}
	r.Times.Active = r.Times.Last.Sub(r.Times.First).Seconds()
	if f.tried > 1 && r.Times.Active > 0 {
		r.Times.Rate = rounded(float64(f.tried-1) / r.Times.Active)
	}
	r.Reasons = f.reasons.table()
	r.Timeline, r.Slowest, r.Records = f.timeline.table(r.zone), f.timeline.slowest(r.zone), f.records.sum()
	for _, l := range []*Listing{&r.Rejected, &r.Unknown} {
		if l.Listed == nil {
			l.Listed = []Listed{}
		}
	}
	r.settle(f.audit.run, f.facts)
	return *r, nil
}

// rounded keeps two decimals: more would be noise.
func rounded(v float64) float64 { return float64(int64(v*100+0.5)) / 100 }

// quote makes an upstream's text fit for a report: cut, and with the ids of its
// own recipients masked. Group ids are nobody's.
func quote(text string, covered []campaign.Recipient, groups bool) string {
	if !groups {
		for i := range covered {
			if id := covered[i].ID(); utf8.RuneCountInString(id) >= minMasked {
				text = strings.ReplaceAll(text, id, campaign.Mask(id))
			}
		}
	}
	return cut(text, maxText)
}

// minMasked is the length from which an id inside a text is masked: a shorter
// one is as likely a part of a word or number.
const minMasked = 4
