package spec

import "campaign/internal/campaign"

// require reads what a profile wants before anything is sent under it.
func (l *loader) require(v val) campaign.Require {
	r := campaign.Require{Approval: v.key("approval").flag(), Clean: v.key("commit").text() == "clean"}
	if r.Clean && !r.Approval {
		l.problem(v.key("commit"), ruleMissingKey, "commit: clean says where an approval comes from: it needs approval: true", "write {approval: true, commit: clean}")
	}
	return r
}
