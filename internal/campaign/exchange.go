package campaign

import "time"

// Exchange is one attempt that has an end: a request that went out and what came
// of it.
type Exchange struct {
	Part    Part
	Began   time.Time // the attempt was recorded; its request waited for the limits from then on
	Ended   time.Time
	Outcome Outcome // Superseded: a refused batch that was halved
	Status  int     // HTTP status; 0: no answer
}

// Took is how long the exchange lasted, waiting for the limits included; never
// negative, also where a clock was set back.
func (e Exchange) Took() time.Duration { return max(e.Ended.Sub(e.Began), 0) }
