package ledger

import (
	"context"
	"errors"
	"testing"

	"campaign/internal/campaign"
)

// counting is a source that counts how often a group was read.
type counting struct {
	entries int // of each group
	reads   map[int64]int
	err     error
}

func (c *counting) Block(context.Context, int64) (campaign.Block, error) {
	return campaign.Block{}, errors.New("not asked for")
}

func (c *counting) Group(_ context.Context, id int64) (Group, error) {
	c.reads[id]++
	return Group{Settlements: make([]Settlement, c.entries)}, c.err
}

// Groups in use are read once, however many others come and go; what is kept is bounded.
func TestGroupsAreKeptWhileInUse(t *testing.T) {
	src := &counting{entries: 64, reads: map[int64]int{}}
	groups := NewGroups(src)
	const often, others = 1, 1000
	for id := int64(2); id < others; id++ {
		for _, id := range []int64{often, id} {
			if _, err := groups.get(t.Context(), id); err != nil {
				t.Fatal(err)
			}
		}
		if kept := len(groups.young) + len(groups.old); kept > 2*(keepEntries/src.entries+1) {
			t.Fatalf("%d groups are kept", kept)
		}
	}
	if src.reads[often] != 1 {
		t.Errorf("a group in use was read %d times", src.reads[often])
	}
	if _, err := groups.get(t.Context(), 2); err != nil || src.reads[2] != 2 {
		t.Errorf("a group of long ago was read %d times, %v", src.reads[2], err)
	}
}

func TestGroupThatCannotBeRead(t *testing.T) {
	lost := errors.New("lost")
	groups := NewGroups(&counting{reads: map[int64]int{}, err: lost})
	ls := Leaves{{seq: 0, leaf: leaf{ref: 1, outcome: campaign.Accepted}}}
	if _, err := ls.Results(t.Context(), &campaign.Run{}, groups); !errors.Is(err, lost) {
		t.Errorf("error %v", err)
	}
}

// A leaf that points to an entry of another delivery is damage.
func TestResultsThatPointAstray(t *testing.T) {
	groups := NewGroups(&counting{entries: 2, reads: map[int64]int{}})
	for name, l := range map[string]leaf{
		"another delivery": {ref: 1, index: 1},
		"no such entry":    {ref: 1, index: 2},
		"no such attempt":  {ref: 1, index: 0, open: true},
	} {
		if _, err := (Leaves{{seq: 5, leaf: l}}).Results(t.Context(), &campaign.Run{}, groups); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: error %v", name, err)
		}
	}
	if _, err := (Leaves{{seq: 0, leaf: leaf{ref: 1, index: 1}}}).Results(t.Context(), &campaign.Run{}, groups); err != nil {
		t.Error(err)
	}
}
