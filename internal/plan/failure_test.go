package plan

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"testing"

	"campaign/internal/campaign"
	"campaign/internal/recipients"
)

func TestErrorsEndAPlan(t *testing.T) {
	for _, c := range []struct {
		name  string
		files files
		want  string
	}{
		{"no file", files{}, "open recipients: r.csv does not exist"},
		{"header", files{"r.csv": "!!\n"}, "read the header of r.csv: the disk is gone"},
		{"row", files{"r.csv": "userid,orgid\na,1\n!!\n"}, "read r.csv: the disk is gone"},
		{"no list", files{"r.csv": five}, "read out.csv: out.csv does not exist"},
		{"list's header", files{"r.csv": five, "out.csv": "!!\n"}, "read out.csv: the disk is gone"},
		{"list's row", files{"r.csv": five, "out.csv": "userid\n!!\n"}, "read out.csv: the disk is gone"},
	} {
		for _, workers := range []int{1, 3} {
			spec := base("", "x")
			spec.Open, spec.Workers = c.files.open, workers
			if strings.Contains(c.name, "list") {
				spec.Campaign.Recipients.Exclude = []campaign.Exclusion{{File: "out.csv"}}
			}
			p := mustNew(t, spec)
			var got error
			for _, err := range p.Blocks(context.Background()) {
				got = err
			}
			if got == nil || got.Error() != c.want {
				t.Errorf("%s, %d workers: got %v, want %s", c.name, workers, got, c.want)
			}
			if strings.Contains(c.want, "disk") && !errors.Is(got, errBroken) {
				t.Errorf("%s: the cause is lost", c.name)
			}
		}
	}
}

// brokenScreener fails in one of its verbs.
type brokenScreener struct {
	recipients.Screener
	verb   string
	closed bool
}

func (b *brokenScreener) fail(verb string, err error) error {
	if b.verb == verb {
		return errBroken
	}
	return err
}

func (b *brokenScreener) Exclude(list int, kind uint8, key []byte) error {
	return b.fail("exclude", b.Screener.Exclude(list, kind, key))
}

func (b *brokenScreener) Row(row int64, kind uint8, key []byte, dedupe bool) error {
	return b.fail("row", b.Screener.Row(row, kind, key, dedupe))
}

func (b *brokenScreener) Finish(ctx context.Context) (recipients.Screening, error) {
	s, err := b.Screener.Finish(ctx)
	if b.verb == "left" {
		s = brokenScreening{s}
	}
	return s, b.fail("finish", err)
}

func (b *brokenScreener) Close() error {
	b.closed = true
	return b.fail("close", b.Screener.Close())
}

func TestScreenerFails(t *testing.T) {
	for _, verb := range []string{"exclude", "row", "finish", "left", "close"} {
		spec := base("", "x")
		spec.Campaign.Recipients.Exclude = []campaign.Exclusion{{File: "out.csv"}}
		spec.Open = files{"r.csv": five, "out.csv": "userid\na\n"}.open
		p := mustNew(t, spec)
		b := &brokenScreener{verb: verb}
		p.newScreener = func() recipients.Screener {
			b.Screener = recipients.NewScreener(recipients.Options{TempDir: t.TempDir()})
			return b
		}
		var got error
		for _, err := range p.Blocks(context.Background()) {
			got = errors.Join(got, err)
		}
		if !errors.Is(got, errBroken) || !b.closed {
			t.Errorf("%s: got %v, closed %v", verb, got, b.closed)
		}
	}
}

// A list of the guards that cannot be read ends the plan, and the screening before it
// leaves no file.
func TestScreenerIsClosedWhenAListFails(t *testing.T) {
	spec := base(five, "x")
	spec.Campaign.Recipients.Audience.MustInclude = []campaign.Named{{List: campaign.Exclusion{File: "gone.csv"}}}
	p := mustNew(t, spec)
	b := &brokenScreener{}
	p.newScreener = func() recipients.Screener {
		b.Screener = recipients.NewScreener(recipients.Options{TempDir: t.TempDir()})
		return b
	}
	if err := failure(p); err == nil || !b.closed {
		t.Errorf("got %v, closed %v", err, b.closed)
	}
}

// Left breaks off.
type brokenScreening struct{ recipients.Screening }

func (brokenScreening) Left(context.Context) iter.Seq2[recipients.Left, error] {
	return func(yield func(recipients.Left, error) bool) { yield(recipients.Left{}, errBroken) }
}

func TestBlocksStop(t *testing.T) {
	rows := "userid,orgid\n"
	for i := range 20_000 {
		rows += fmt.Sprintf("u%d,1\n", i)
	}
	for _, workers := range []int{1, 4} {
		spec := base(rows, "x")
		spec.Workers = workers
		p := mustNew(t, spec)
		n := 0
		for _, err := range p.Blocks(context.Background()) {
			if err != nil {
				t.Fatal(err)
			}
			if n++; n == 2 {
				break
			}
		}
		if n != 2 {
			t.Errorf("%d workers: %d blocks", workers, n)
		}

		ctx, cancel := context.WithCancel(context.Background())
		var last error
		for _, err := range p.Blocks(ctx) {
			cancel()
			last = err
		}
		cancel()
		if !errors.Is(last, context.Canceled) {
			t.Errorf("%d workers: cancelled, got %v", workers, last)
		}
	}
}

// A panic surfaces in the goroutine that ranges over the blocks.
func TestPanicsSurface(t *testing.T) {
	for name, make := range map[string]func() Spec{
		"worker": func() Spec {
			s := base(five, "x")
			s.Layout.Fields[2].Parse = func(string) (string, error) { panic("field") }
			return s
		},
		"source": func() Spec { return base("userid,orgid\na,1\n!!!\n", "x") },
	} {
		for _, workers := range []int{1, 3} {
			func() {
				defer func() {
					if recover() == nil {
						t.Errorf("%s, %d workers: no panic", name, workers)
					}
				}()
				spec := make()
				spec.Workers = workers
				for range mustNew(t, spec).Blocks(context.Background()) {
				}
			}()
		}
	}
}
