package contract

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"campaign/internal/campaign"
)

// Scope is how much of what is about to be sent an approval must be of.
type Scope int

const (
	// Whole: exactly this occurrence, content and recipients, as it was planned.
	Whole Scope = iota
	// Recurring: an occurrence of a schedule. Content and schedule are as approved; the
	// recipients are too, or with max_change about as many.
	Recurring
	// Part: some of the recipients, for whatever occurrence. The content and the whole
	// list are as approved, or with max_change the content, under an approval of the
	// schedule.
	Part
	// Few: a follow-up of a run whose approval covers its recipients, and of which all
	// get the same. The content is as approved, for whatever occurrence.
	Few
)

// Wanted is what is about to be sent.
type Wanted struct {
	Plan
	Scope Scope
	// MaxChange is how large a part of the recipients may be other ones under an approval
	// of the schedule; nil: none. Before is when the occurrence began that they were held
	// against, so that how many were approved before does not count; zero: there is none.
	MaxChange *float64
	Before    time.Time
}

// Refusal is why something must not be sent, and at which value of which approval
// that is seen.
type Refusal struct {
	Nearest *campaign.Approval // nil: there is none
	Key     string             // of Nearest; empty: the approval as a whole
	Why     string             // a sentence's end, after "is not approved: " or the like
}

// want is a condition of an approval. Conditions are asked in order, and the first
// that no approval keeps is the reason.
type want struct {
	key   string
	holds func(*campaign.Approval) bool
	why   func(last *campaign.Approval, all []campaign.Approval) string
}

// Judge finds the approval under which something may be sent, the newest of several;
// without one it says why.
func Judge(w *Wanted, approvals []campaign.Approval) (*campaign.Approval, *Refusal) {
	left := slices.Clone(approvals)
	slices.SortStableFunc(left, func(a, b campaign.Approval) int { return cmp.Compare(a.At.Unix(), b.At.Unix()) })
	if len(left) == 0 {
		return nil, &Refusal{Why: "nobody has approved it"}
	}
	for _, want := range w.wants() {
		kept := slices.DeleteFunc(slices.Clone(left), func(a campaign.Approval) bool { return !want.holds(&a) })
		if len(kept) == 0 {
			last := left[len(left)-1]
			return nil, &Refusal{&last, want.key, want.why(&last, left)}
		}
		left = kept
	}
	return &left[len(left)-1], nil
}

// wants are the conditions of a scope.
func (w *Wanted) wants() []want {
	all := []want{
		{"profile", func(a *campaign.Approval) bool { return a.Profile == w.Profile }, w.otherProfile},
		{"planner", func(a *campaign.Approval) bool { return a.Planner == w.Planner }, w.otherPlanner},
	}
	content := want{"content", func(a *campaign.Approval) bool { return a.Content == w.Content }, w.otherContent}
	audience := want{"audience", func(a *campaign.Approval) bool { return a.Audience == w.Audience }, w.otherPeople}
	switch w.Scope {
	case Whole:
		return append(all, want{"occurrence", func(a *campaign.Approval) bool { return a.Occurrence == w.Occurrence }, w.otherOccurrence}, content, audience,
			want{"plan", func(a *campaign.Approval) bool { return a.Plan == w.Digest }, w.otherPlan})
	case Recurring:
		all = append(all, want{"occurrence", func(a *campaign.Approval) bool { return a.Schedule != "" }, w.noSchedule}, content,
			want{"schedule", func(a *campaign.Approval) bool { return a.Schedule == w.Schedule }, w.otherSchedule})
		if w.MaxChange != nil {
			return append(all, want{"people", w.nearlyAsMany, w.tooMany})
		}
		return append(all, audience)
	case Part:
		audience.holds = func(a *campaign.Approval) bool {
			return a.Audience == w.Audience || w.MaxChange != nil && a.Schedule != ""
		}
		return append(all, content, audience)
	}
	return append(all, content)
}

func (w *Wanted) otherProfile(_ *campaign.Approval, all []campaign.Approval) string {
	profiles := map[string]bool{}
	for _, a := range all {
		profiles[a.Profile] = true
	}
	return fmt.Sprintf("it was approved for the profile %s, and this is %s", strings.Join(slices.Sorted(maps.Keys(profiles)), ", "), w.Profile)
}

func (w *Wanted) otherPlanner(last *campaign.Approval, _ []campaign.Approval) string {
	return fmt.Sprintf("it was approved as version %d of the planner made it, and this program has version %d", last.Planner, w.Planner)
}

// mostNamed bounds the occurrences that a sentence names.
const mostNamed = 3

func (w *Wanted) otherOccurrence(_ *campaign.Approval, all []campaign.Approval) string {
	var labels []string
	for _, a := range all {
		if a.Schedule == "" {
			labels = append(labels, a.Occurrence)
		}
	}
	if len(labels) == 0 {
		return fmt.Sprintf("it was approved for its schedule, and this is the occurrence %s", w.Occurrence)
	}
	named := strings.Join(labels[max(0, len(labels)-mostNamed):], ", ")
	if len(labels) < len(all) {
		return fmt.Sprintf("it was approved for its schedule and the occurrence %s, and this is %s", named, w.Occurrence)
	}
	return fmt.Sprintf("it was approved for the occurrence %s, and this is %s", named, w.Occurrence)
}

func (w *Wanted) noSchedule(last *campaign.Approval, _ []campaign.Approval) string {
	return fmt.Sprintf("it was approved for the occurrence %s only, and not for its schedule", last.Occurrence)
}

func (w *Wanted) otherContent(last *campaign.Approval, _ []campaign.Approval) string {
	return "it was approved with other content" + w.changed(last)
}

func (w *Wanted) otherSchedule(last *campaign.Approval, _ []campaign.Approval) string {
	return "it was approved for another schedule" + w.changed(last)
}

func (w *Wanted) otherPeople(last *campaign.Approval, _ []campaign.Approval) string {
	if w.Scope == Part { // of which the number says nothing
		return "it was approved for other recipients" + w.changed(last)
	}
	return fmt.Sprintf("it was approved for other recipients, %d then and %d now", last.People, w.Reached()) + w.changed(last)
}

func (w *Wanted) otherPlan(last *campaign.Approval, _ []campaign.Approval) string {
	return "what was approved comes to something else here" + w.changed(last)
}

// nearlyAsMany reports whether as many are reached as were approved, within
// max_change.
func (w *Wanted) nearlyAsMany(a *campaign.Approval) bool {
	return w.Before.After(a.At) || math.Abs(float64(w.Reached()-a.People)) <= *w.MaxChange*float64(a.People)
}

func (w *Wanted) tooMany(last *campaign.Approval, _ []campaign.Approval) string {
	return fmt.Sprintf("it was approved for other recipients: %d then and %d now, more of a change than max_change allows the first occurrence", last.People, w.Reached())
}

// changed names the files that are not as they were approved.
func (w *Wanted) changed(a *campaign.Approval) string {
	saved := Plan{Inputs: make([]Input, len(a.Files))}
	for i, f := range a.Files {
		saved.Inputs[i] = Input{f.File, f.Digest}
	}
	found := inputs(&saved, &Plan{Inputs: w.Inputs})
	if len(found) == 0 {
		return ""
	}
	return ": " + strings.Join(found, ", ")
}

// Approve makes the approval of a plan. One of a campaign with a schedule, under no
// label of its own, is for every occurrence.
func Approve(p *Plan) campaign.Approval {
	a := campaign.Approval{
		Profile: p.Profile, Occurrence: p.Occurrence, Planner: p.Planner, Plan: p.Digest, Content: p.Content, Audience: p.Audience,
		People: p.Reached(), Requests: p.Requests,
	}
	if p.Cost != nil {
		a.Cost = p.Cost.Price()
	}
	if p.Schedule != "" && p.Occurrence == campaign.Once {
		a.Occurrence, a.Schedule = "", p.Schedule
	}
	for _, in := range p.Inputs {
		a.Files = append(a.Files, campaign.ApprovedFile{File: in.File, Digest: in.Digest})
	}
	return a
}

// Add puts an approval in the place of the one for the same profile and occurrence,
// or behind the others.
func Add(all []campaign.Approval, a campaign.Approval) []campaign.Approval {
	kept := slices.DeleteFunc(slices.Clone(all), func(b campaign.Approval) bool { return b.Profile == a.Profile && b.Occurrence == a.Occurrence })
	return append(kept, a)
}
