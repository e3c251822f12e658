package diagnostics

import (
	"cmp"
	"io"
	"slices"

	"campaign/internal/campaign"
)

// The parts of a SARIF 2.1.0 log that are written here (OASIS standard, section 3).
type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool       sarifTool     `json:"tool"`
		ColumnKind string        `json:"columnKind"`
		Results    []sarifResult `json:"results"`
	}
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct {
		Name  string      `json:"name"`
		Rules []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID               string    `json:"id"`
		ShortDescription sarifText `json:"shortDescription"`
	}
	sarifText struct {
		Text string `json:"text"`
	}
	sarifResult struct {
		RuleID              string            `json:"ruleId"`
		RuleIndex           int               `json:"ruleIndex"`
		Level               string            `json:"level"`
		Message             sarifText         `json:"message"`
		Locations           []sarifLocation   `json:"locations"`
		PartialFingerprints map[string]string `json:"partialFingerprints"`
		OccurrenceCount     int64             `json:"occurrenceCount,omitempty"`
	}
	sarifLocation struct {
		PhysicalLocation sarifPlace `json:"physicalLocation"`
	}
	sarifPlace struct {
		ArtifactLocation sarifArtifact `json:"artifactLocation"`
		Region           *sarifRegion  `json:"region,omitempty"`
	}
	sarifArtifact struct {
		URI string `json:"uri"`
	}
	sarifRegion struct {
		StartLine   int `json:"startLine"`
		StartColumn int `json:"startColumn,omitempty"`
		EndColumn   int `json:"endColumn,omitempty"`
	}
)

// SARIF writes a log of one run. Columns count code points. The rules are those that
// were broken; no source line is in it.
func SARIF(w io.Writer, r Report) error {
	rules, index := broken(r.Found)
	prints := fingerprints(r.Found)
	results := make([]sarifResult, len(r.Found))
	for i, d := range r.Found {
		results[i] = sarifResult{
			RuleID: d.Rule, RuleIndex: index[d.Rule], Level: severity(d), Message: sarifText{sentence(d)},
			Locations:           []sarifLocation{{sarifPlace{sarifArtifact{reference(d.File)}, region(d)}}},
			PartialFingerprints: map[string]string{"problem/v1": prints[i]}, OccurrenceCount: d.Stands,
		}
	}
	return writeJSON(w, sarifLog{
		Schema: "https://json.schemastore.org/sarif-2.1.0.json", Version: "2.1.0",
		Runs: []sarifRun{{sarifTool{sarifDriver{"campaign", rules}}, "unicodeCodePoints", results}},
	})
}

// broken describes the rules of the problems, sorted, and where each stands.
func broken(found []campaign.Diagnostic) (rules []sarifRule, index map[string]int) {
	rules, index = []sarifRule{}, map[string]int{}
	for _, d := range found {
		if _, known := index[d.Rule]; !known {
			index[d.Rule] = 0
			rules = append(rules, sarifRule{d.Rule, sarifText{cmp.Or(About(d.Rule), d.Rule)}})
		}
	}
	slices.SortFunc(rules, func(a, b sarifRule) int { return cmp.Compare(a.ID, b.ID) })
	for i, r := range rules {
		index[r.ID] = i
	}
	return rules, index
}

// region is the place inside the file; nil: the file as a whole. An end that is not
// behind the beginning is none.
func region(d campaign.Diagnostic) *sarifRegion {
	if d.Line == 0 {
		return nil
	}
	at := &sarifRegion{StartLine: d.Line, StartColumn: d.Col}
	if d.Col > 0 && d.EndCol > d.Col {
		at.EndColumn = d.EndCol
	}
	return at
}
