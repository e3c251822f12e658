package diagnostics

import (
	"encoding/xml"
	"fmt"
	"io"

	"campaign/internal/campaign"
)

type (
	junitSuites struct {
		XMLName  xml.Name     `xml:"testsuites"`
		Name     string       `xml:"name,attr"`
		Tests    int          `xml:"tests,attr"`
		Failures int          `xml:"failures,attr"`
		Errors   int          `xml:"errors,attr"` // always 0: readers require it
		Suites   []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Errors   int         `xml:"errors,attr"` // always 0
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Name    string        `xml:"name,attr"`
		Class   string        `xml:"classname,attr"`
		Failure *junitFailure `xml:"failure,omitempty"`
		Output  string        `xml:"system-out,omitempty"`
	}
	junitFailure struct {
		Type    string `xml:"type,attr"`
		Message string `xml:"message,attr"`
		Text    string `xml:",chardata"`
	}
)

// JUnit writes a test suite a file: a test that fails for every error, one that
// passes and says the warning for every warning, and one that passes for a file
// without either.
func JUnit(w io.Writer, r Report) error {
	all := junitSuites{Name: "campaign validate"}
	found := r.Found
	for _, file := range r.files() {
		n := 0
		for n < len(found) && found[n].File == file {
			n++
		}
		s := suite(file, found[:n])
		found = found[n:]
		all.Suites = append(all.Suites, s)
		all.Tests += s.Tests
		all.Failures += s.Failures
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	if err := e.Encode(all); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func suite(file string, found []campaign.Diagnostic) junitSuite {
	file = oneLine(file)
	s := junitSuite{Name: file}
	for _, d := range found {
		c := junitCase{Name: d.Rule, Class: file}
		if d.Line > 0 {
			c.Name = fmt.Sprintf("%s at %d:%d", d.Rule, d.Line, max(d.Col, 1))
		}
		text := oneLine(d.Error())
		if d.Hint != "" {
			text += "\nhint: " + oneLine(d.Hint)
		}
		if d.Warning {
			c.Output = "warning: " + text
		} else {
			c.Failure = &junitFailure{d.Rule, oneLine(d.Message), text}
			s.Failures++
		}
		s.Cases = append(s.Cases, c)
	}
	if len(s.Cases) == 0 {
		s.Cases = []junitCase{{Name: "valid", Class: file}}
	}
	s.Tests = len(s.Cases)
	return s
}
