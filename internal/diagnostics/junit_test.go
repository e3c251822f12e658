package diagnostics

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"testing"

	"campaign/internal/campaign"
)

// element is what may stand in an element of a JUnit report.
type element struct {
	required, optional []string // attributes
	children           []string
	text               bool
}

// junitForm is the part of the schema of Jenkins' xUnit plugin (junit-10.xsd) that is
// written here: the elements, the order of children being free, and their attributes.
// That schema requires what Ant's and Surefire's readers look for, errors included.
var junitForm = map[string]element{
	"":           {children: []string{"testsuites"}},
	"testsuites": {optional: []string{"name", "time", "tests", "failures", "errors"}, children: []string{"testsuite"}},
	"testsuite": {required: []string{"name", "tests", "failures", "errors"},
		optional: []string{"skipped", "time", "timestamp", "hostname", "id", "package", "file"}, children: []string{"testcase"}},
	"testcase":   {required: []string{"name"}, optional: []string{"classname", "time", "group"}, children: []string{"failure", "system-out"}},
	"failure":    {optional: []string{"type", "message"}, text: true},
	"system-out": {text: true},
}

// counted are the sums of an element and what they should be.
type counted struct{ tests, failures, cases, failed int }

// readJUnit reads a report strictly. It gives the counts of the whole and of each suite.
func readJUnit(text string) (counts []counted, err error) {
	d := xml.NewDecoder(strings.NewReader(text))
	open := []string{""}
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return counts, nil
		}
		if err != nil {
			return nil, err
		}
		in := open[len(open)-1]
		switch token := token.(type) {
		case xml.StartElement:
			name := token.Name.Local
			if !slices.Contains(junitForm[in].children, name) || token.Name.Space != "" {
				return nil, fmt.Errorf("%s stands in %q", name, in)
			}
			values, err := attributes(token)
			if err != nil {
				return nil, err
			}
			if counts, err = count(counts, name, values); err != nil {
				return nil, err
			}
			open = append(open, name)
		case xml.EndElement:
			open = open[:len(open)-1]
		case xml.CharData:
			if !junitForm[in].text && strings.TrimSpace(string(token)) != "" {
				return nil, fmt.Errorf("%q stands in %q", token, in)
			}
		}
	}
}

// attributes holds those of an element against its form.
func attributes(e xml.StartElement) (map[string]string, error) {
	form, values := junitForm[e.Name.Local], map[string]string{}
	for _, a := range e.Attr {
		if !slices.Contains(slices.Concat(form.required, form.optional), a.Name.Local) {
			return nil, fmt.Errorf("%s has an attribute %s", e.Name.Local, a.Name.Local)
		}
		values[a.Name.Local] = a.Value
	}
	for _, want := range form.required {
		if _, ok := values[want]; !ok {
			return nil, fmt.Errorf("%s has no %s", e.Name.Local, want)
		}
	}
	return values, nil
}

// count reads the sums of a suite, and counts a case or a failure.
func count(counts []counted, name string, values map[string]string) ([]counted, error) {
	switch name {
	case "testsuites", "testsuite":
		tests, err1 := strconv.Atoi(values["tests"])
		failures, err2 := strconv.Atoi(values["failures"])
		if values["errors"] != "0" {
			err1 = fmt.Errorf("errors are %q", values["errors"])
		}
		return append(counts, counted{tests: tests, failures: failures}), errors.Join(err1, err2)
	case "testcase":
		counts[0].cases++
		counts[len(counts)-1].cases++
	case "failure":
		counts[0].failed++
		counts[len(counts)-1].failed++
	}
	return counts, nil
}

func TestJUnit(t *testing.T) {
	for _, found := range [][]campaign.Diagnostic{nil, found, hostile, many()} {
		out := render(t, JUnit, found, true)
		counts, err := readJUnit(out)
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		for _, c := range counts {
			if c.tests != c.cases || c.failures != c.failed || c.tests == 0 {
				t.Errorf("the counts do not add up: %+v\n%s", c, out)
			}
		}
		errs := 0
		for _, d := range found {
			if !d.Warning {
				errs++
			}
		}
		if counts[0].failed != errs {
			t.Errorf("%d failures of %d errors", counts[0].failed, errs)
		}
		if !strings.Contains(out, `<testsuite name="fine.yaml" tests="1" failures="0" errors="0">`) {
			t.Errorf("a file without a problem is not there:\n%s", out)
		}
	}
}

// The form is one that can be broken.
func TestJUnitIsChecked(t *testing.T) {
	out := render(t, JUnit, found, false)
	for _, wrong := range [][2]string{{`errors="0"`, `bugs="0"`}, {"<failure", "<error"}, {`<testcase name=`, `<testcase title=`}, {"<testcase", "text<testcase"}} {
		broken := strings.ReplaceAll(out, wrong[0], wrong[1])
		if broken == out {
			t.Fatalf("%s is not in the report", wrong[0])
		}
		if _, err := readJUnit(broken); err == nil {
			t.Errorf("%s passes", wrong[1])
		}
	}
}
