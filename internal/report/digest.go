package report

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"time"

	"campaign/internal/campaign"
)

// records digests what a ledger says of a run: the run, its blocks, and the last
// word about every leaf. It is the same for every ledger that holds the same, on
// any machine; a note in the run's history changes nothing. A block's own digest
// covers its deliveries, and theirs cover messages and recipients.
type records struct {
	h   hash.Hash
	buf []byte
}

// recordsHead names the form: another form begins with another text.
const recordsHead = "campaign records 1\n"

func newRecords(run campaign.Run) *records {
	d := &records{h: sha256.New()}
	d.h.Write([]byte(recordsHead))
	for _, s := range []string{run.ID, run.Project, run.Profile, run.Campaign, run.Occurrence.Label, run.File, run.Target, run.Channel, run.PlanDigest, run.Reason} {
		d.text(s)
	}
	d.time(run.Occurrence.Time)
	d.flag(run.Trial)
	t := run.Totals
	for _, n := range []int64{int64(run.State), int64(run.Planner), t.Blocks, t.Requests, t.Recipients, t.Skipped} {
		d.number(n)
	}
	d.flush()
	return d
}

func (d *records) block(b campaign.BlockResults) {
	sum := b.Block.Digest
	if sum == ([len(sum)]byte{}) {
		sum = b.Block.Sum()
	}
	d.number(b.Block.Seq)
	d.number(int64(b.Block.Stage))
	d.buf = append(d.buf, sum[:]...)
	d.number(int64(len(b.Results)))
	for i := range b.Results {
		d.result(&b.Results[i])
	}
	d.flush()
}

func (d *records) result(r *campaign.Result) {
	v := &r.Verdict
	for _, n := range []int64{r.Part.Seq, int64(r.Part.From), int64(r.Part.To), int64(v.Outcome), int64(v.Status), int64(v.After), int64(r.Attempts)} {
		d.number(n)
	}
	d.text(v.Reason)
	d.text(v.Ref)
	d.time(r.At)
	d.flag(r.Reopened)
}

// sum is the digest of what was added, in lower-case hex.
func (d *records) sum() string { return hex.EncodeToString(d.h.Sum(nil)) }

func (d *records) number(n int64) { d.buf = binary.AppendVarint(d.buf, n) }

func (d *records) text(s string) {
	d.number(int64(len(s)))
	d.buf = append(d.buf, s...)
}

func (d *records) flag(b bool) {
	if b {
		d.number(1)
		return
	}
	d.number(0)
}

// time has the ledgers' own precision.
func (d *records) time(t time.Time) {
	if t.IsZero() {
		d.text("")
		return
	}
	d.text("at")
	d.number(t.UnixMicro())
}

func (d *records) flush() {
	d.h.Write(d.buf)
	d.buf = d.buf[:0]
}
