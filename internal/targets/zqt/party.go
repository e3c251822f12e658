package zqt

import (
	"errors"
	"strconv"
	"strings"

	"campaign/internal/targets"
)

// party is who sends or receives (document: from, to).
type party struct {
	userID, orgID, deptID string
	userType              string // 1 government, 2 enterprise
}

// readParty reads {userid, usertype, orgid, deptid}.
func readParty(n targets.Node) party {
	if !n.IsMapping() {
		n.Report("type", "must be a mapping with userid, usertype and orgid", "")
		return party{}
	}
	p := party{
		userID: n.Get("userid").Required().Filled(),
		orgID:  n.Get("orgid").Required().Filled(),
		deptID: n.Get("deptid").Text(),
	}
	kind := n.Get("usertype").Required()
	if !kind.Exists() {
		return p
	}
	text := ""
	if kind.IsText() {
		text = kind.Text()
	} else if number, ok := kind.Number(); ok {
		text = strconv.FormatInt(number, 10)
	} else {
		return p
	}
	var err error
	if p.userType, err = parseUserType(text); err != nil {
		kind.Report("usertype", "usertype "+err.Error(), "")
	}
	return p
}

// parseUserType gives a user type its normal form, the document's number.
func parseUserType(text string) (string, error) {
	switch strings.ToLower(strings.TrimSpace(text)) {
	case "government", "政府", "1":
		return "1", nil
	case "enterprise", "企业", "2":
		return "2", nil
	case "":
		return "", errors.New("is empty: write government or enterprise (政府 or 企业)")
	}
	// The text is not quoted: in a recipients file it may be somebody's id.
	return "", errors.New("is neither government (政府) nor enterprise (企业)")
}

// fields are what a request needs of each recipient, in the order of cells.
var fields = []targets.Field{
	{Name: "userid", Required: true},
	{Name: "usertype", Required: true, Parse: parseUserType},
	{Name: "orgid", Required: true},
	{Name: "deptid"},
}

// identity is what makes two recipients the same.
var identity = []string{"userid", "orgid"}
