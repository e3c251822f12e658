package contract

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"campaign/internal/campaign"
)

// Changes says in sentences why what the files say now must not be sent under a plan
// that was saved; none: it is that plan. now is the same campaign's, made with the
// same flags.
func Changes(saved, now *Plan) []string {
	switch {
	case saved.Planner != now.Planner:
		return []string{fmt.Sprintf("it was made by version %d of the planner, and this program has version %d: plan it again", saved.Planner, now.Planner)}
	case saved.Campaign != now.Campaign:
		return []string{fmt.Sprintf("%s is the campaign %s now, and was %s", saved.File, now.Campaign, saved.Campaign)}
	case saved.Profile != now.Profile:
		return []string{fmt.Sprintf("it is for the profile %s, and this is %s", saved.Profile, now.Profile)}
	case saved.Schedule != now.Schedule:
		return append(inputs(saved, now), "the schedule has changed")
	case saved.Digest == now.Digest:
		return edited(saved, now)
	}
	found := inputs(saved, now)
	if len(found) == 0 {
		return []string{"no file of it has changed, and all the same it comes to something else here: plan it again with this version of the program"}
	}
	return found
}

// inputs names the files that differ, and says how many recipients there are now.
func inputs(saved, now *Plan) (found []string) {
	was := digests(saved.Inputs)
	for _, in := range now.Inputs {
		switch digest, known := was[in.File]; {
		case !known:
			found = append(found, in.File+" is new in it")
		case digest != in.Digest:
			found = append(found, in.File+" has changed")
		}
		delete(was, in.File)
	}
	for _, file := range slices.Sorted(maps.Keys(was)) {
		found = append(found, file+" is no part of it any more")
	}
	if a, b := saved.Reached(), now.Reached(); len(found) > 0 && a != b {
		found = append(found, fmt.Sprintf("%d would be sent to now, and %d in the plan", b, a))
	}
	return found
}

func digests(inputs []Input) map[string]string {
	m := map[string]string{}
	for _, in := range inputs {
		m[in.File] = in.Digest
	}
	return m
}

// edited finds what somebody changed in the document itself: what was read in it and
// agreed to must be what is sent.
func edited(saved, now *Plan) (found []string) {
	say := func(what string, same bool) {
		if !same {
			found = append(found, what+" in the plan is not what its digest stands for: the plan was edited, make it again")
		}
	}
	say("the number of recipients", saved.Recipients == now.Recipients && maps.Equal(saved.Skipped, now.Skipped) && slices.Equal(saved.Lists, now.Lists))
	say("the number of requests", saved.Requests == now.Requests)
	say("the account or its address", saved.Target == now.Target && saved.Channel == now.Channel && saved.Address == now.Address)
	say("the run", saved.Run == now.Run && saved.Occurrence == now.Occurrence)
	same := slices.EqualFunc(saved.Sources, now.Sources, Source.same)
	if changed := inputs(saved, now); !same && len(changed) > 0 {
		return append(found, changed...) // a comment, say: the digest is over what a file means
	}
	say("the content", saved.Content == now.Content && same)
	return found
}

// same reports whether a reader sees the same: a checkout may have other line endings.
func (s Source) same(t Source) bool {
	return s.File == t.File && s.Hidden == t.Hidden && endings.Replace(s.Text) == endings.Replace(t.Text)
}

var endings = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\uFEFF", "")

// InputsOf gives what a run freezes in a plan's form.
func InputsOf(inputs []campaign.Input) []Input {
	out := make([]Input, len(inputs))
	for i, in := range inputs {
		out[i] = Input{in.Path, in.Digest}
	}
	return out
}

// Changes says why what a campaign comes to now must not be sent under the document;
// none: it is as saved.
func (d *Document) Changes(now *Plan) []string {
	for i := range d.Plans {
		if d.Plans[i].File == now.File {
			return Changes(&d.Plans[i], now)
		}
	}
	return []string{now.File + " is not in it"}
}
