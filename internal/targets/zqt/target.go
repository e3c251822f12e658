package zqt

import (
	"fmt"
	"net/http"

	"campaign/internal/campaign"
	"campaign/internal/targets"
)

// route follows the environment's base URL and route prefix.
const route = "/v3_1/msgcenter/send"

// recipientSize is about what a recipient takes in a request, in bytes.
const recipientSize = 200

// usualSize is about what a request takes beside its recipients and texts, in bytes.
const usualSize = 1 << 10

// target sends one campaign.
type target struct {
	account *account
	layout  targets.Layout
	url     string
	parts   []part
	uses    []string // names of the account
}

// Layout says what recipients and messages consist of.
func (t *target) Layout() targets.Layout { return t.layout }

// Request builds the request of one message (document: 发送政企消息).
func (t *target) Request(m targets.Message, _ targets.Secrets) (targets.Request, error) {
	if len(m.Texts) != len(t.layout.Texts) {
		return targets.Request{}, fmt.Errorf("the message has %d texts where the campaign has %d", len(m.Texts), len(t.layout.Texts))
	}
	if len(m.Recipients) == 0 {
		return targets.Request{}, fmt.Errorf("the message has no recipients")
	}
	body := make([]byte, 0, t.size(m))
	var err error
	for _, p := range t.parts {
		body = append(body, p.json...)
		if p.text < 0 {
			continue
		}
		if body, err = appendString(body, m.Texts[p.text]); err != nil {
			return targets.Request{}, fmt.Errorf("the text of %s %w", t.layout.Texts[p.text].Pointer, err)
		}
	}
	for i := range m.Recipients {
		if i > 0 {
			body = append(body, ',')
		}
		if body, err = appendRecipient(body, m.Recipients[i]); err != nil {
			return targets.Request{}, err
		}
	}
	return targets.Request{
		Method: http.MethodPost,
		URL:    t.url,
		Header: http.Header{"Content-Type": {"application/json"}},
		Body:   append(body, `]}`...),
	}, nil
}

// size is about how long the request's body becomes, in bytes.
func (t *target) size(m targets.Message) int {
	size := len(m.Recipients)*recipientSize + 2
	for _, p := range t.parts {
		size += len(p.json)
	}
	for _, text := range m.Texts {
		size += len(text) + len(text)/8 + 2
	}
	return size
}

// appendRecipient appends an element of `to`. Unlike the sender's, its deptid is
// always there: the document's example sends it empty.
func appendRecipient(to []byte, r campaign.Recipient) ([]byte, error) {
	if len(r.Cells) < len(fields) {
		return nil, fmt.Errorf("the recipient of row %d has %d values where %d are needed", r.Row, len(r.Cells), len(fields))
	}
	userID, userType, orgID, deptID := r.Cells[0], r.Cells[1], r.Cells[2], r.Cells[3]
	switch {
	case userID == "" || orgID == "":
		return nil, fmt.Errorf("the recipient of row %d lacks userid or orgid", r.Row)
	case userType != "1" && userType != "2":
		return nil, fmt.Errorf("the recipient of row %d has a usertype that is neither 1 nor 2", r.Row)
	}
	var errs [3]error
	to, errs[0] = appendString(append(to, `{"userid":`...), userID)
	to = append(to, `,"usertype":`...)
	to = append(to, userType...)
	to, errs[1] = appendString(append(to, `,"orgid":`...), orgID)
	to, errs[2] = appendString(append(to, `,"deptid":`...), deptID)
	for i, err := range errs {
		if err != nil {
			return nil, fmt.Errorf("the recipient of row %d: %s %w", r.Row, [...]string{"userid", "orgid", "deptid"}[i], err)
		}
	}
	return append(to, '}'), nil
}

// Authorize adds the token (document: 请求Header参数).
func (t *target) Authorize(h http.Header, token campaign.Secret) {
	h.Set("Authorization", "Bearer "+token.Reveal())
}
