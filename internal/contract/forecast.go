package contract

import (
	"time"

	"campaign/internal/campaign"
)

// Forecast is a forecast as machines read it. What is not sent by the deadline
// or before it expires is there only where there is some.
type Forecast struct {
	Begins     time.Time       `json:"begins"`               // now, or when the schedule is due next
	Occurrence string          `json:"occurrence,omitempty"` // of the schedule
	Ends       time.Time       `json:"ends"`                 // at the earliest; what expires is left out by then
	Seconds    float64         `json:"seconds"`              // between the two
	Openings   int             `json:"window_openings,omitempty"`
	Waits      float64         `json:"stages_wait_seconds,omitempty"`
	Confirms   int             `json:"stages_for_a_person,omitempty"` // each counted as no time
	Latency    float64         `json:"latency_seconds,omitempty"`     // of an answer, as it was estimated
	Expires    time.Time       `json:"expires,omitzero"`
	Expired    campaign.Amount `json:"expired,omitzero"`
	Deadline   time.Time       `json:"deadline,omitzero"`
	Late       campaign.Amount `json:"late,omitzero"`
}
