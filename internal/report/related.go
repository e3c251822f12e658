package report

// Related is a run that is tied to this one.
type Related struct {
	Run      string `json:"run"`
	Campaign string `json:"campaign,omitempty"` // empty: the ledger does not have it any more
	// Follows: this run follows that one up; else that one follows this one up.
	Follows bool   `json:"follows"`
	Which   string `json:"which"` // outcomes and reasons of the recipients it is about, with commas
}
