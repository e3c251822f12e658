package ledger

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"campaign/internal/campaign"
)

func drawPart(t *rapid.T) campaign.Part {
	p := campaign.Part{Seq: rapid.Int64().Draw(t, "seq")}
	if rapid.Bool().Draw(t, "range") {
		p.From = rapid.IntRange(0, 1<<31-1).Draw(t, "from")
		p.To = rapid.IntRange(1, 1<<31-1).Draw(t, "to")
	}
	return p
}

func drawTime(t *rapid.T) time.Time {
	if rapid.IntRange(0, 4).Draw(t, "no time") == 0 {
		return time.Time{}
	}
	return time.UnixMicro(rapid.Int64Range(-1<<53, 1<<53).Draw(t, "µs")).UTC()
}

func drawGroup(t *rapid.T) Group {
	var g Group
	for range rapid.IntRange(0, 5).Draw(t, "settlements") {
		s := Settlement{Part: drawPart(t), At: drawTime(t), Upstream: drawTime(t)}
		s.Verdict = campaign.Verdict{
			Outcome: campaign.Outcome(rapid.Byte().Draw(t, "outcome")),
			Status:  rapid.Int().Draw(t, "status"),
			After:   time.Duration(rapid.Int64().Draw(t, "after")),
			Reason:  rapid.String().Draw(t, "reason"),
			Ref:     rapid.String().Draw(t, "ref"),
		}
		s.Answer = rapid.SliceOfN(rapid.Byte(), 0, 20).Draw(t, "answer")
		for range rapid.IntRange(0, 3).Draw(t, "children") {
			s.Children = append(s.Children, campaign.Part{Seq: s.Part.Seq,
				From: rapid.IntRange(0, 100).Draw(t, "from"), To: rapid.IntRange(0, 100).Draw(t, "to")})
		}
		g.Settlements = append(g.Settlements, s)
	}
	for range rapid.IntRange(0, 5).Draw(t, "intents") {
		g.Intents = append(g.Intents, Intent{Part: drawPart(t), At: drawTime(t)})
	}
	return g
}

func TestGroupsComeBackAsTheyWere(t *testing.T) {
	var reused Group
	rapid.Check(t, func(t *rapid.T) {
		g := drawGroup(t)
		index, detail, err := EncodeGroup(g)
		if err != nil {
			t.Fatal(err)
		}
		again, _, _ := EncodeGroup(g)
		if !bytes.Equal(index, again) {
			t.Error("the same group is packed in two ways")
		}
		got, err := DecodeGroup(index, detail)
		if d := cmp.Diff(g, got, cmpopts.EquateEmpty()); d != "" || err != nil {
			t.Fatalf("%v\n%s", err, d)
		}
		if err := DecodeIndex(index, &reused); err != nil {
			t.Fatal(err)
		}
		for i, s := range reused.Settlements {
			want := Settlement{Part: g.Settlements[i].Part, Verdict: campaign.Verdict{Outcome: g.Settlements[i].Verdict.Outcome}, Children: g.Settlements[i].Children}
			if d := cmp.Diff(want, s, cmpopts.EquateEmpty()); d != "" {
				t.Fatal(d)
			}
		}
	})
}

func TestBlocksComeBackAsTheyWere(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		person := func() campaign.Recipient {
			return campaign.Recipient{Row: rapid.Int64().Draw(t, "row"), Cells: rapid.SliceOfN(rapid.String(), 0, 4).Draw(t, "cells")}
		}
		b := campaign.Block{Seq: rapid.Int64().Draw(t, "block")}
		first := rapid.Int64Range(0, 1<<40).Draw(t, "first")
		for i := range rapid.IntRange(0, 5).Draw(t, "deliveries") {
			d := campaign.Delivery{Seq: first + int64(i), Digest: campaign.Digest(rapid.SliceOfN(rapid.Byte(), 8, 8).Draw(t, "digest"))}
			for range rapid.IntRange(0, 4).Draw(t, "size") {
				d.Recipients = append(d.Recipients, person())
			}
			b.Deliveries = append(b.Deliveries, d)
		}
		for range rapid.IntRange(0, 3).Draw(t, "skips") {
			b.Skips = append(b.Skips, campaign.Skip{Recipient: person(), Reason: rapid.String().Draw(t, "reason")})
		}
		b.Digest = b.Sum()
		packed, err := EncodeBlock(b)
		if err != nil {
			t.Fatal(err)
		}
		got, err := DecodeBlock(packed)
		if d := cmp.Diff(b, got, cmpopts.EquateEmpty()); d != "" || err != nil {
			t.Fatalf("%v\n%s", err, d)
		}
	})
}

var aGroup = Group{
	Settlements: []Settlement{
		{Part: campaign.Part{Seq: 3}, At: noon, Answer: []byte("ok"), Verdict: campaign.Verdict{Outcome: campaign.Accepted, Reason: "r", Ref: "x"}},
		{Part: campaign.Part{Seq: 4, From: 1, To: 3}, At: noon, Verdict: campaign.Verdict{Outcome: campaign.Superseded},
			Children: []campaign.Part{{Seq: 4, From: 1, To: 2}, {Seq: 4, From: 2, To: 3}}},
	},
	Intents: []Intent{{Part: campaign.Part{Seq: 5, From: 2, To: 4}, At: noon}},
}

var aBlock = campaign.Block{
	Deliveries: []campaign.Delivery{{Recipients: []campaign.Recipient{{Row: 2, Cells: []string{"u1", "甲"}}}}},
	Skips:      []campaign.Skip{{Recipient: campaign.Recipient{Row: 3, Cells: []string{"u1"}}, Reason: "duplicate: row 2"}},
}

// Every flipped bit and every missing end is damage, not another value.
func TestFlippedBitsAreFound(t *testing.T) {
	index, detail, err := EncodeGroup(aGroup)
	if err != nil {
		t.Fatal(err)
	}
	block, err := EncodeBlock(aBlock)
	if err != nil {
		t.Fatal(err)
	}
	for name, sealed := range map[string][]byte{"index": index, "detail": detail, "block": block} {
		decode := map[string]func([]byte) error{
			"index":  func(b []byte) error { return DecodeIndex(b, &Group{}) },
			"detail": func(b []byte) error { _, err := DecodeGroup(index, b); return err },
			"block":  func(b []byte) error { _, err := DecodeBlock(b); return err },
		}[name]
		if err := decode(sealed); err != nil {
			t.Fatal(err)
		}
		for bit := range 8 * len(sealed) {
			flipped := bytes.Clone(sealed)
			flipped[bit/8] ^= 1 << (bit % 8)
			if err := decode(flipped); !errors.Is(err, ErrDamaged) {
				t.Fatalf("%s with bit %d flipped: error %v", name, bit, err)
			}
		}
		for n := range sealed {
			if err := decode(sealed[:n]); !errors.Is(err, ErrDamaged) {
				t.Fatalf("%s cut to %d bytes: error %v", name, n, err)
			}
		}
	}
}

// resealed gives bytes a checksum that fits them.
func resealed(body []byte) []byte {
	return binary.BigEndian.AppendUint32(bytes.Clone(body), crc32.Checksum(body, castagnoli))
}

func TestAnotherFormatIsNotDamage(t *testing.T) {
	index, detail, _ := EncodeGroup(aGroup)
	for _, version := range []byte{0, Format + 1, 255} {
		other := bytes.Clone(index[:len(index)-4])
		other[0] = version
		if err := DecodeIndex(resealed(other), &Group{}); !errors.Is(err, ErrFormat) || errors.Is(err, ErrDamaged) {
			t.Errorf("format %d: error %v", version, err)
		}
	}
	if _, err := DecodeGroup(index, resealed([]byte{Format + 1})); !errors.Is(err, ErrFormat) {
		t.Errorf("details: error %v", err)
	}
	if _, err := DecodeGroup(index, detail); err != nil {
		t.Error(err)
	}
}

// Columns that fit their checksum and not each other are damage too.
func TestColumnsThatContradictEachOther(t *testing.T) {
	good := indexOf(aGroup)
	for name, change := range map[string]func(ix *groupIndex){
		"more outcomes":         func(ix *groupIndex) { ix.Outcomes = append(ix.Outcomes, 1) },
		"fewer outcomes":        func(ix *groupIndex) { ix.Outcomes = ix.Outcomes[:1] },
		"half a number":         func(ix *groupIndex) { ix.Settled = append(ix.Settled, 0x80) },
		"half an intent":        func(ix *groupIndex) { ix.Intents = append(ix.Intents, 0x80) },
		"a range of nobody":     func(ix *groupIndex) { ix.Ranges = number(number(number(nil, 9), 1), 2) },
		"half a range":          func(ix *groupIndex) { ix.Ranges = number(nil, 1) },
		"a negative range":      func(ix *groupIndex) { ix.Ranges = number(number(number(nil, 0), -1), 2) },
		"children of nobody":    func(ix *groupIndex) { ix.Children = number(number(nil, 2), 0) },
		"too many children":     func(ix *groupIndex) { ix.Children = number(number(nil, 0), 1<<40) },
		"children without ends": func(ix *groupIndex) { ix.Children = number(number(number(nil, 0), 1), 1) },
	} {
		ix := good
		ix.Outcomes, ix.Settled, ix.Intents = bytes.Clone(ix.Outcomes), bytes.Clone(ix.Settled), bytes.Clone(ix.Intents)
		change(&ix)
		sealed, err := seal(ix)
		if err != nil {
			t.Fatal(err)
		}
		if err := DecodeIndex(sealed, &Group{}); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: error %v", name, err)
		}
	}
	index, _, _ := EncodeGroup(aGroup)
	for name, change := range map[string]func(d *groupDetail){
		"a time more":   func(d *groupDetail) { d.Times = number(d.Times, 1) },
		"no status":     func(d *groupDetail) { d.Status = nil },
		"text left":     func(d *groupDetail) { d.Text = append(d.Text, 'x') },
		"text missing":  func(d *groupDetail) { d.Text = nil },
		"wait missing":  func(d *groupDetail) { d.After = nil },
		"clock missing": func(d *groupDetail) { d.Upstream = nil },
	} {
		d := detailOf(aGroup)
		change(&d)
		sealed, err := seal(d)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := DecodeGroup(index, sealed); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

// FuzzDecode feeds payloads with a right checksum: none may panic, take memory
// beyond its own size times a small factor, or come back as something that does
// not pack to a payload that reads the same.
func FuzzDecode(f *testing.F) {
	index, detail, _ := EncodeGroup(aGroup)
	block, _ := EncodeBlock(aBlock)
	f.Add(index[1:len(index)-4], detail[1:len(detail)-4])
	f.Add(block[1:len(block)-4], []byte{})
	f.Fuzz(func(t *testing.T, a, b []byte) {
		first, second := resealed(append([]byte{Format}, a...)), resealed(append([]byte{Format}, b...))
		if g, err := DecodeGroup(first, second); err == nil {
			index, detail, err := EncodeGroup(g)
			if err != nil {
				t.Fatal(err)
			}
			again, err := DecodeGroup(index, detail)
			if d := cmp.Diff(g, again, cmpopts.EquateEmpty()); err != nil || d != "" {
				t.Fatalf("%v\n%s", err, d)
			}
		}
		if b, err := DecodeBlock(first); err == nil {
			packed, err := EncodeBlock(b)
			if err != nil {
				t.Fatal(err)
			}
			again, err := DecodeBlock(packed)
			if d := cmp.Diff(b, again, cmpopts.EquateEmpty()); err != nil || d != "" {
				t.Fatalf("%v\n%s", err, d)
			}
		}
	})
}
