package report

import (
	"fmt"
	"iter"
	"maps"
	"time"

	"campaign/internal/campaign"
)

var (
	zone = time.FixedZone("CST", 8*3600)
	t0   = time.Date(2026, 12, 1, 9, 0, 0, 0, zone)
)

// a plan in the making: deliveries in blocks, with their results.
type made struct {
	run    campaign.Run
	facts  Facts
	blocks []campaign.BlockResults
	row    int64
	groups bool
}

func newMade() *made {
	return &made{
		run: campaign.Run{
			ID: campaign.RunID("production", "census-supplement", campaign.Once), Project: "tjj-7f3a", Profile: "production",
			Campaign: "census-supplement", Occurrence: campaign.Occurrence{Label: campaign.Once, Time: t0},
			File: "census-supplement.yaml", Target: "gov", Channel: "zqt.message", Began: t0, State: campaign.Open,
			Planner: 1, PlanDigest: "5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef",
			Columns: []string{"userid", "orgid"},
		},
		facts: Facts{
			Version: "1.2.3", Generated: t0.Add(2 * time.Minute), System: "zqt", BaseURL: "http://127.0.0.1:8080/AGCS_zqc", Title: "清查补充登记公告",
			Limits:     Limits{Rate: campaign.Rate{N: 50, Per: time.Second}, Concurrency: 8, Timeout: 30 * time.Second},
			Invocation: Invocation{Began: t0, Ended: t0.Add(119 * time.Second)},
		},
		row: 1, // the header
	}
}

// block begins a block; what follows goes into it.
func (m *made) block() *made {
	m.blocks = append(m.blocks, campaign.BlockResults{Block: campaign.Block{Seq: int64(len(m.blocks))}})
	return m
}

func (m *made) last() *campaign.BlockResults { return &m.blocks[len(m.blocks)-1] }

func (m *made) recipient() campaign.Recipient {
	m.row++
	if m.groups {
		return campaign.Recipient{Row: m.row - 1, Cells: []string{fmt.Sprint(142 + m.row)}}
	}
	return campaign.Recipient{Row: m.row, Cells: []string{fmt.Sprintf("2fb5c7c3-0000-4000-8000-%012d", m.row), "org"}}
}

// delivery adds a delivery of n recipients with the given results; a result
// without a range stands for the whole.
func (m *made) delivery(n int, results ...campaign.Result) *made {
	d := campaign.Delivery{Seq: m.run.Totals.Requests, Digest: campaign.Digest{0xab, byte(m.run.Totals.Requests)}}
	for range n {
		d.Recipients = append(d.Recipients, m.recipient())
	}
	m.run.Totals.Requests++
	b := m.last()
	b.Block.Deliveries = append(b.Block.Deliveries, d)
	for _, r := range results {
		r.Part.Seq = d.Seq
		b.Results = append(b.Results, r)
	}
	return m
}

func (m *made) skip(reason string) *made {
	m.last().Block.Skips = append(m.last().Block.Skips, campaign.Skip{Recipient: m.recipient(), Reason: reason})
	m.run.Totals.Skipped++
	return m
}

// seal computes digests and totals, as a planner does.
func (m *made) seal() *made {
	m.run.Totals.Blocks = int64(len(m.blocks))
	m.run.Totals.Recipients = 0
	for i := range m.blocks {
		b := &m.blocks[i].Block
		b.Digest = b.Sum()
		m.run.Totals.Recipients += int64(len(b.Skips))
		for _, d := range b.Deliveries {
			m.run.Totals.Recipients += int64(len(d.Recipients))
		}
	}
	return m
}

func (m *made) results() iter.Seq2[campaign.BlockResults, error] {
	return func(yield func(campaign.BlockResults, error) bool) {
		for _, b := range m.blocks {
			if !yield(b, nil) {
				return
			}
		}
	}
}

func exchanges(all ...campaign.Exchange) iter.Seq2[campaign.Exchange, error] {
	return func(yield func(campaign.Exchange, error) bool) {
		for _, e := range all {
			if !yield(e, nil) {
				return
			}
		}
	}
}

func at(seconds float64) time.Time { return t0.Add(time.Duration(seconds * float64(time.Second))) }

func accepted(ref string, seconds float64) campaign.Result {
	return campaign.Result{Verdict: campaign.Verdict{Outcome: campaign.Accepted, Status: 200, Ref: ref}, Attempts: 1, At: at(seconds)}
}

func refused(reason string, seconds float64) campaign.Result {
	return campaign.Result{Verdict: campaign.Verdict{Outcome: campaign.Rejected, Status: 200, Reason: reason}, Attempts: 1, At: at(seconds)}
}

func lost(reason string, seconds float64) campaign.Result {
	return campaign.Result{Verdict: campaign.Verdict{Outcome: campaign.Unknown, Reason: reason}, Attempts: 2, At: at(seconds)}
}

func deferred(reason string, after time.Duration, seconds float64) campaign.Result {
	return campaign.Result{Verdict: campaign.Verdict{Outcome: campaign.Deferred, Status: 429, After: after, Reason: reason}, Attempts: 3, At: at(seconds)}
}

var pending = campaign.Result{Verdict: campaign.Verdict{Outcome: campaign.Pending}}

// settled is an outcome that no answer gave: a person's word, or the runner's.
func settled(o campaign.Outcome, reason string, attempts int, seconds float64) campaign.Result {
	return campaign.Result{Verdict: campaign.Verdict{Outcome: o, Reason: reason}, Attempts: attempts, At: at(seconds)}
}

func reopened(r campaign.Result) campaign.Result {
	r.Attempts++
	r.Reopened = true
	return r
}

// stage begins a block of a stage, counted from 0.
func (m *made) stage(n int) *made {
	m.block().last().Block.Stage = n
	return m
}

func (m *made) note(kind, by, text string, seconds float64) *made {
	m.facts.Notes = append(m.facts.Notes, campaign.Note{At: at(seconds).UTC(), Kind: kind, By: by, Text: text})
	return m
}

// later makes the report one that is made long after the run's last invocation.
func (m *made) later() *made {
	m.facts.Invocation = Invocation{}
	m.facts.Generated = t0.Add(48 * time.Hour)
	return m
}

const host = "desk-7, process 4711"

// guarded are the runs that guards, people and second tries had to do with.
func guarded() map[string]*made {
	staged := newMade().stage(0).delivery(3, accepted("1001", 1)).skip("duplicate: row 3").
		stage(1).delivery(2, accepted("1002", 700)).delivery(1, refused("refused: 缺少必要参数", 701)).
		stage(2).delivery(3, pending).delivery(1, pending).seal().later()
	staged.facts.Stages = []campaign.Stage{{Upto: 3, Wait: 10 * time.Minute}, {Upto: 6, Confirm: true}}
	staged.note(campaign.NoteOpened, "", "0123abc", 0).note(campaign.NoteClaimed, host, "", 0.5).
		note(campaign.NoteStage, host, "1: waited 10m0s", 699).note(campaign.NoteEnded, host, "stage-waits: stage 2 is settled and waits for a person", 702)

	aborted := newMade().block().delivery(1, refused("refused: 参数错误", 1)).delivery(1, refused("refused: 参数错误", 2)).delivery(1, pending).seal().later()
	aborted.note(campaign.NoteOpened, "", "", 0).note(campaign.NoteClaimed, host, "", 0.5).
		note(campaign.NoteEnded, host, "aborted: 2 of 2 requests were rejected: the threshold is 2 and 20%", 3)

	closed := newMade().block().delivery(2, accepted("1001", 1)).delivery(1, pending).seal().later()
	closed.facts.Opens = t0.Add(71*time.Hour + 30*time.Minute)
	closed.note(campaign.NoteClaimed, host, "", 0.5).note(campaign.NoteEnded, host, "window-closed: the window is closed", 3)

	resend := newMade().block().delivery(2, reopened(accepted("1001", 40))).delivery(1, reopened(lost("answer-lost: connection reset", 41))).
		delivery(1, reopened(refused("refused: 用户不存在", 42))).delivery(1, reopened(settled(campaign.Deferred, "resend: the answer was lost", 0, 43))).
		delivery(4, part(0, 2, accepted("1002", 5)), part(2, 4, settled(campaign.Skipped, "expired: not sent by 2026-12-02 09:00", 0, 86401))).
		delivery(1, settled(campaign.Skipped, "expired: not sent by 2026-12-02 09:00", 2, 86401)).seal()
	resend.facts.Resend = true
	resend.facts.Invocation.Stop, resend.facts.Invocation.Reason = Stopped, "by campaign stop"
	resend.note(campaign.NoteApproved, "王五 <wang@example.com>", "2026-11-30T09:00:00Z, plan 0123456789ab, committed by wang@example.com: 会签", 0).
		note(campaign.NoteClaimed, host, "", 0.5).note(campaign.NoteEnded, host, "stop-asked", 86402)

	resolved := newMade().block().delivery(2, accepted("1001", 1)).delivery(3, settled(campaign.Accepted, "resolved: seen in the console", 1, 7200)).
		delivery(1, reopened(settled(campaign.Skipped, "cancelled: wrong text", 0, 7300))).delivery(1, lost("answer-lost: no answer within 30s", 31)).
		delivery(4, settled(campaign.Skipped, "cancelled: wrong text", 0, 0)).seal().later()
	resolved.run.State, resolved.run.Reason = campaign.Cancelled, "wrong text"
	resolved.note(campaign.NoteClaimed, host, "", 0.5).note(campaign.NoteEnded, host, "interrupted", 40).
		note(campaign.NoteClaimed, host, "", 3600).note(campaign.NoteCancelled, "li", "wrong text", 3601).
		note(campaign.NoteClaimed, host, "", 7199).note(campaign.NoteResolved, "li", "1 as accepted, 1 as not accepted: seen in the console", 7301)

	crashed := newMade().block().delivery(1, accepted("1001", 1)).
		delivery(2, settled(campaign.Unknown, "unsettled: the attempt began, and how it ended is not recorded", 1, 5.2)).delivery(1, pending).seal().later()
	for i := range 60 {
		crashed.note(campaign.NoteClaimed, host, "", float64(i)/8)
	}

	return map[string]*made{
		"staged": staged, "aborted": aborted, "closed": closed, "resend": resend, "resolved": resolved, "crashed": crashed,
	}
}

func part(from, to int, r campaign.Result) campaign.Result {
	r.Part.From, r.Part.To = from, to
	return r
}

// The runs that the golden files show.
func goldenRuns() map[string]*made {
	good := newMade().block().delivery(2, accepted("1001", 0.25)).delivery(1, accepted("1002", 0.5)).
		block().delivery(2, accepted("1003", 1.25)).seal()
	good.facts.Commit = "0123abc"

	gateway := lost("gateway: 502 <html>", 40.5)
	gateway.Verdict.Status = 502
	mixed := newMade().block().
		delivery(3, accepted("1001", 1)).
		delivery(2, refused("refused: 缺少必要参数", 2)).
		delivery(1, refused("refused: 用户 2fb5c7c3-0000-4000-8000-000000000007 不存在", 3.123)).
		skip("duplicate: row 3").skip("duplicate: row 4").skip("excluded: recipients/optout.csv").
		block().
		delivery(2, lost("reset: the connection ended after 512 bytes were written", 4.5)).
		delivery(1, lost("timeout: no answer within 30s", 40)).
		delivery(1, gateway).
		delivery(1, deferred("throttled: 429 too many requests", 90*time.Second, 41)).
		delivery(1, pending).skip("suppressed: optout/gov.csv").seal()
	mixed.facts.Invocation.Stop, mixed.facts.Invocation.Reason = Stopped, "three lost answers in a row at account gov"
	mixed.facts.Exchanges = exchanges(
		campaign.Exchange{Part: campaign.Part{Seq: 0}, Began: at(0.75), Ended: at(1), Outcome: campaign.Accepted, Status: 200},
		campaign.Exchange{Part: campaign.Part{Seq: 1}, Began: at(1.9), Ended: at(2), Outcome: campaign.Rejected, Status: 200},
		campaign.Exchange{Part: campaign.Part{Seq: 4}, Began: at(10), Ended: at(40), Outcome: campaign.Unknown},
	)
	mixed.facts.Sources = []Source{
		{Path: "census-supplement.yaml", Text: "version: 1\nname: census-supplement\n", Hidden: true},
		{Path: "content/census.html", Text: "<p>各单位：</p>\n"},
	}
	mixed.facts.Warnings = []string{"exclusion recipients/old.csv matched nobody"}

	interrupted := newMade().block().delivery(2, accepted("1001", 0.25)).delivery(2, pending).block().delivery(1, pending).seal()
	interrupted.facts.Invocation.Stop, interrupted.facts.Invocation.Reason = Interrupted, "SIGINT"
	interrupted.facts.Sandbox = true

	empty := newMade().seal()
	empty.facts.Invocation = Invocation{}

	left := newMade().block().skip("excluded: recipients/optout.csv").skip("excluded: recipients/optout.csv").seal()

	cancelled := newMade().block().delivery(2, accepted("1001", 0.25)).
		delivery(2, campaign.Result{Verdict: campaign.Verdict{Outcome: campaign.Skipped, Reason: "cancelled: wrong <b>text</b> | `x`"}}).
		delivery(1, lost("reset: the connection ended", 0.5)).seal()
	cancelled.run.State, cancelled.run.Reason = campaign.Cancelled, "wrong <b>text</b> | `x`"
	cancelled.facts.Invocation = Invocation{}
	cancelled.facts.Related = []Related{
		{Run: "aaaabbbbcccc", Campaign: "clean <up> 100%", Follows: true, Which: "rejected"}, {Run: "ddddeeeeffff", Which: "cancelled,rejected"},
	}

	split := newMade().block().
		delivery(8, part(0, 4, accepted("1001", 1)), part(4, 5, refused("refused: 参数错误", 2)), part(5, 6, accepted("1003", 3)), part(6, 8, accepted("1004", 4))).
		delivery(1, accepted("1005", 5)).seal()
	split.facts.Groups = false

	groups := newMade()
	groups.groups = true
	groups.run.Channel, groups.run.Target, groups.run.Columns = "chuanbo.sms", "media", []string{"group"}
	groups.run.Trial = true
	groups.facts.Groups, groups.facts.System, groups.facts.Loopback = true, "chuanbo", true
	groups.facts.Limits.Rate = campaign.Rate{}
	groups.block().delivery(2, lost("unsettled: the attempt began, and how it ended is not recorded", 7)).delivery(1, refused("code 1: 用户组 146 不存在", 9)).seal()
	groups.facts.Running = true

	many := newMade()
	for i := range 3 {
		many.block()
		for j := range 40 {
			n := i*40 + j
			many.delivery(1, refused(fmt.Sprintf("refused-%03d: 参数 %d", n, n), float64(n)))
		}
	}
	for i := range 7 {
		many.skip(fmt.Sprintf("duplicate: row %d", i+2))
	}
	many.seal()
	many.facts.Invocation = Invocation{}

	runs := map[string]*made{
		"good": good, "mixed": mixed, "interrupted": interrupted, "empty": empty, "left-out": left,
		"cancelled": cancelled, "split": split, "groups": groups, "many": many,
	}
	maps.Copy(runs, guarded())
	return runs
}
