package report

import (
	"strconv"
	"strings"
	"time"
)

// The words of the runner that name guards (design: campaign-files, delivery keys).
const (
	stopAborted = "aborted"
	stopStage   = "stage-waits"
	stopWindow  = "window-closed"
)

// stops says what the runner's words for the end of an invocation mean.
var stops = map[string]struct {
	state  State // empty: it went to its end
	reason string
	alone  bool // the detail, where there is one, says it all
}{
	"complete":             {},
	"deferred":             {Stopped, "what is deferred used up its attempts or must wait", false},
	"interrupted":          {Interrupted, "by a signal", false},
	"killed":               {Interrupted, "by a second signal", false},
	"stop-asked":           {Stopped, "by campaign stop", false},
	"limit":                {Stopped, "the limit of that invocation is reached (--limit)", false},
	"upstream-unavailable": {Stopped, "the upstream is not available", false},
	"token":                {Stopped, "the token was refused or could not be renewed", false},
	stopAborted:            {Stopped, "a threshold was passed", false},
	stopStage:              {Stopped, "a stage waits for a person", true},
	stopWindow:             {Stopped, "the window is closed", true},
	"ledger-failed":        {Stopped, "state, disk or clock failed", false},
	"hold-lost":            {Stopped, "another process took the run over", false},
	"differs":              {Stopped, "the messages render differently than planned", false},
	"faulty":               {Stopped, "a request could not be built, or may not go out", false},
}

// EndedBy says in a report's words how an invocation ended: text is the runner's
// word for it, alone or with ": " and a detail, as the run's notes have it. An
// empty state: it went to its end. A word that is not known is said as it is.
func EndedBy(text string) (State, string) {
	word, detail, _ := strings.Cut(text, ": ")
	stop, known := stops[word]
	switch {
	case !known:
		return Stopped, text
	case stop.state == "" || detail == "":
		return stop.state, stop.reason
	case stop.alone:
		return stop.state, detail
	}
	return stop.state, stop.reason + ": " + detail
}

// Guard is the guard that the run waits at.
type Guard struct {
	Kind   string    `json:"kind"` // the runner's word: aborted, stage-waits or window-closed
	Detail string    `json:"detail,omitempty"`
	Stage  int       `json:"stage,omitempty"`   // that waits for a person, from 1; aborted: it failed too often; 0: it is no stage
	Stages int       `json:"stages,omitempty"`  // how many the campaign has; 0: not known
	Opens  time.Time `json:"opens_at,omitzero"` // window-closed: when requests may start again; zero: not known, or never
}

// guardOf finds the guard that stopped the run, once its state is known.
func (r *Report) guardOf(facts Facts) *Guard {
	if r.State != Stopped || r.Ended == nil {
		return nil
	}
	g := &Guard{Kind: r.Ended.Stop, Detail: r.Ended.Detail}
	switch g.Kind {
	case stopAborted:
		g.Stage = failedStage(g.Detail)
	case stopStage:
		g.Stage = 1
		for _, n := range facts.Notes {
			if number, _, ok := passedStage(n); ok {
				g.Stage = max(g.Stage, number+1)
			}
		}
	case stopWindow:
		g.Opens = stamp(facts.Opens, r.zone)
	default:
		return nil
	}
	if g.Stage > 0 {
		g.Stages = len(facts.Stages)
	}
	return g
}

// failedStage reads which stage failed too often from what the runner says of a
// threshold: "stage 1: 3 of 10 requests were rejected: …". 0: it is of no stage.
func failedStage(detail string) int {
	rest, ok := strings.CutPrefix(detail, "stage ")
	if !ok {
		return 0
	}
	text, _, _ := strings.Cut(rest, ":")
	number, err := strconv.Atoi(text)
	if err != nil {
		return 0
	}
	return max(number, 0)
}
