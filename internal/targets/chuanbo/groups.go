package chuanbo

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"campaign/internal/campaign"
	"campaign/internal/targets"
)

// GroupPage builds the request for a page of user groups (document: 一、获取用户组).
// The parameters stand in the multipart body of the GET, as documented, or in
// the address when the account says group_list_params: query.
func (a *account) GroupPage(page, size int, s targets.Secrets) (targets.Request, error) {
	if page < 1 || size < 1 {
		return targets.Request{}, fmt.Errorf("there is no page %d of %d user groups", page, size)
	}
	number, err := secretField(s)
	if err != nil {
		return targets.Request{}, err
	}
	address := a.base.String() + groupList
	list := []field{
		number,
		{name: "size", value: strconv.Itoa(size)},
		{name: "current", value: strconv.Itoa(page)},
	}
	if a.groupParams == "query" {
		query := url.Values{}
		for _, f := range list {
			query.Set(f.name, f.value)
		}
		return targets.Request{Method: http.MethodGet, URL: address + "?" + query.Encode(), Header: http.Header{}}, nil
	}
	return form(http.MethodGet, address, list), nil
}

// Groups reads a page of user groups.
func (a *account) Groups(answer targets.Answer) ([]campaign.Group, int64, error) {
	body, documented := readAnswer(answer.Body)
	switch {
	case documented && body.code != 0 && refuses(answer.Status):
		return nil, 0, errors.New("the upstream did not list its user groups: " + refusal(body))
	case !documented || body.code != 0 || answer.Status != http.StatusOK:
		return nil, 0, errors.New("the upstream did not list its user groups: " + targets.Unexpected(answer).Reason)
	}
	var data struct {
		List struct {
			Records []map[string]json.RawMessage `json:"records"`
			Total   json.RawMessage              `json:"total"`
		} `json:"list"`
	}
	if json.Unmarshal(body.data, &data) != nil || data.List.Records == nil {
		return nil, 0, errors.New("the upstream's list of user groups has no data.list.records")
	}
	total, ok := number(data.List.Total)
	if !ok || total < 0 {
		return nil, 0, errors.New("the upstream's list of user groups has no total")
	}
	groups := make([]campaign.Group, len(data.List.Records))
	for i, record := range data.List.Records {
		var err error
		if groups[i], err = readGroup(record); err != nil {
			return nil, 0, fmt.Errorf("the upstream's list of user groups, record %d: %w", i+1, err)
		}
	}
	return groups, total, nil
}

// readGroup reads a record. Its type is empty when it is not a documented one.
func readGroup(record map[string]json.RawMessage) (campaign.Group, error) {
	id, ok := number(record["id"])
	if !ok || id < 1 {
		return campaign.Group{}, errors.New("its id is not a number from 1")
	}
	people, ok := number(record["pnum"])
	if given := targets.Reference(record["pnum"]) != ""; given && !ok || people < 0 {
		return campaign.Group{}, fmt.Errorf("the pnum of group %d is not a number of people", id)
	}
	group := campaign.Group{
		ID:         id,
		Title:      targets.Reference(record["title"]),
		Department: targets.Reference(record["department"]),
		People:     people,
	}
	switch kind, _ := number(record["type"]); kind {
	case 1:
		group.Type = "imported"
	case 2:
		group.Type = "tags"
	}
	return group, nil
}

// number reads a whole number that may also stand in a string: the document's
// table and its example differ.
func number(raw json.RawMessage) (int64, bool) {
	if text, ok := targets.String(raw); ok {
		raw = json.RawMessage(text)
	}
	return targets.Integer(raw)
}
