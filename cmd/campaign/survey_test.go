package main

import (
	"testing"
	"time"

	"campaign/internal/campaign"
)

// stageBlock is a block of a stage with deliveries of one recipient each.
func stageBlock(stage int, first int64, outcomes ...campaign.Outcome) campaign.BlockResults {
	b := campaign.BlockResults{Block: campaign.Block{Stage: stage}}
	for i, o := range outcomes {
		seq := first + int64(i)
		b.Block.Deliveries = append(b.Block.Deliveries, campaign.Delivery{Seq: seq, Recipients: make([]campaign.Recipient, 1)})
		b.Results = append(b.Results, campaign.Result{Part: campaign.Part{Seq: seq}, Verdict: campaign.Verdict{Outcome: o}})
	}
	return b
}

func TestWaitingStage(t *testing.T) {
	const a, r, u, d, p = campaign.Accepted, campaign.Rejected, campaign.Unknown, campaign.Deferred, campaign.Pending
	confirm, wait := campaign.Stage{Upto: 1, Confirm: true}, campaign.Stage{Upto: 1, Wait: time.Minute}
	passed := func(texts ...string) (notes []campaign.Note) {
		notes = append(notes, campaign.Note{Kind: campaign.NoteResolved, Text: "1: not a stage"})
		for _, text := range texts {
			notes = append(notes, campaign.Note{Kind: campaign.NoteStage, Text: text})
		}
		return notes
	}
	for name, c := range map[string]struct {
		policy campaign.Policy
		blocks []campaign.BlockResults
		notes  []campaign.Note
		want   int
	}{
		"no stages":               {campaign.Policy{}, []campaign.BlockResults{stageBlock(0, 0, a, p)}, nil, -1},
		"not settled":             {campaign.Policy{Stages: []campaign.Stage{confirm}}, []campaign.BlockResults{stageBlock(0, 0, a, d), stageBlock(1, 2, p)}, nil, -1},
		"settled":                 {campaign.Policy{Stages: []campaign.Stage{confirm}}, []campaign.BlockResults{stageBlock(0, 0, a, r), stageBlock(1, 2, p)}, nil, 0},
		"passed":                  {campaign.Policy{Stages: []campaign.Stage{confirm}}, []campaign.BlockResults{stageBlock(0, 0, a), stageBlock(1, 1, p)}, passed("1: confirmed"), -1},
		"nothing behind":          {campaign.Policy{Stages: []campaign.Stage{confirm}}, []campaign.BlockResults{stageBlock(0, 0, a)}, nil, -1},
		"a time":                  {campaign.Policy{Stages: []campaign.Stage{wait, confirm}}, []campaign.BlockResults{stageBlock(0, 0, a), stageBlock(1, 1, p), stageBlock(2, 2, p)}, nil, -1},
		"the second":              {campaign.Policy{Stages: []campaign.Stage{wait, confirm}}, []campaign.BlockResults{stageBlock(0, 0, a), stageBlock(1, 1, a), stageBlock(2, 2, p)}, passed("1: waited 1m0s"), 1},
		"sent again first":        {campaign.Policy{Resend: true, Stages: []campaign.Stage{confirm}}, []campaign.BlockResults{stageBlock(0, 0, u), stageBlock(1, 1, p)}, nil, -1},
		"unknown stays":           {campaign.Policy{Stages: []campaign.Stage{confirm}}, []campaign.BlockResults{stageBlock(0, 0, u), stageBlock(1, 1, p)}, nil, 0},
		"an empty one in between": {campaign.Policy{Stages: []campaign.Stage{confirm, confirm}}, []campaign.BlockResults{stageBlock(0, 0, a), stageBlock(2, 1, p)}, passed("1: confirmed"), 1},
	} {
		v := survey{waits: -1, policy: c.policy}
		for _, b := range c.blocks {
			v.count(b)
		}
		if got := v.waitingStage(c.policy, c.notes); got != c.want {
			t.Errorf("%s: stage %d, want %d", name, got, c.want)
		}
	}
}

func TestStageIsToldWithItsNumbers(t *testing.T) {
	v := survey{waits: 1, policy: campaign.Policy{Stages: make([]campaign.Stage, 3)}}
	split := stageBlock(1, 2, campaign.Accepted)
	split.Block.Deliveries[0].Recipients = make([]campaign.Recipient, 10)
	split.Results = []campaign.Result{
		{Part: campaign.Part{Seq: 2, From: 0, To: 9}, Verdict: campaign.Verdict{Outcome: campaign.Accepted}},
		{Part: campaign.Part{Seq: 2, From: 9, To: 10}, Verdict: campaign.Verdict{Outcome: campaign.Rejected}},
	}
	for _, b := range []campaign.BlockResults{stageBlock(0, 0, campaign.Accepted, campaign.Unknown), split, stageBlock(2, 3, campaign.Pending)} {
		v.count(b)
	}
	got := v.settled(campaign.Run{ID: "abc"})
	want := "stage 2 of 3 is settled: 10 accepted, 1 rejected, 1 unknown; `campaign resume abc` lets the next stage begin"
	if got != want {
		t.Errorf("%s", got)
	}
}

func TestWhatExpiredIsNotWaitedFor(t *testing.T) {
	v := survey{again: wanted{1, 2}}
	v.Requests.Pending, v.Recipients.Pending = 3, 30
	if got := v.waiting(); got != (wanted{4, 32}) || v.Complete() {
		t.Errorf("%+v", got)
	}
	v.expired = time.Now()
	if got := v.waiting(); got != (wanted{}) {
		t.Errorf("expired: %+v", got)
	}
	due := time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC)
	run := campaign.Run{Occurrence: campaign.Occurrence{Time: due}}
	if got := expiry(run, campaign.Policy{Expires: time.Hour}); !got.Equal(due.Add(time.Hour)) {
		t.Errorf("%v", got)
	}
	if got := expiry(run, campaign.Policy{}); !got.IsZero() {
		t.Errorf("never: %v", got)
	}
}
