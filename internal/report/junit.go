package report

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"

	"campaign/internal/campaign"
)

// junitWriter writes the run as a test suite, for CI systems: a case an outcome,
// which fails when there are recipients that it should not have. The counts are
// properties of the suite.
type junitWriter struct{ w io.Writer }

func openJUnit(w io.Writer, _ campaign.Run, _ Facts) (writer, error) { return junitWriter{w}, nil }

type junitSuites struct {
	XMLName xml.Name   `xml:"testsuites"`
	Suite   junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name       string          `xml:"name,attr"`
	Tests      int             `xml:"tests,attr"`
	Failures   int             `xml:"failures,attr"`
	Errors     int             `xml:"errors,attr"`
	Skipped    int             `xml:"skipped,attr"`
	Time       string          `xml:"time,attr"`
	Timestamp  string          `xml:"timestamp,attr"`
	Properties []junitProperty `xml:"properties>property"`
	Cases      []junitCase     `xml:"testcase"`
	Output     string          `xml:"system-out"`
}

type junitProperty struct {
	Name  string `xml:"name,attr"`
	Value string `xml:"value,attr"`
}

type junitCase struct {
	Name    string     `xml:"name,attr"`
	Class   string     `xml:"classname,attr"`
	Failure *junitText `xml:"failure"`
	Error   *junitText `xml:"error"`
	Skipped *junitText `xml:"skipped"`
}

type junitText struct {
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

func (j junitWriter) end(r Report) error {
	name := plain(r.Run.Campaign)
	s := junitSuite{
		Name: name, Time: fmt.Sprintf("%.3f", r.Times.Active), Timestamp: r.Run.Began.Format("2006-01-02T15:04:05"),
		Properties: junitProperties(r), Output: strings.Join(r.Sentences, "\n"),
	}
	for _, o := range campaign.Outcomes {
		c := junitCase{Name: o.String(), Class: name}
		if n := r.Recipients.Of(o); n > 0 {
			text := &junitText{Message: campaign.Grouped(n) + " " + english.noun(r, n) + " " + o.String(), Text: said(r, o)}
			switch o {
			case campaign.Accepted:
			case campaign.Skipped:
				c.Skipped, s.Skipped = text, s.Skipped+1
			case campaign.Unknown:
				c.Error, s.Errors = text, s.Errors+1
			default:
				c.Failure, s.Failures = text, s.Failures+1
			}
		}
		s.Cases = append(s.Cases, c)
	}
	s.Tests = len(s.Cases)
	if _, err := io.WriteString(j.w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(j.w)
	e.Indent("", "  ")
	if err := e.Encode(junitSuites{Suite: s}); err != nil {
		return err
	}
	_, err := io.WriteString(j.w, "\n")
	return err
}

func junitProperties(r Report) []junitProperty {
	all := []junitProperty{
		{"run", plain(r.Run.ID)}, {"profile", plain(r.Run.Profile)}, {"state", string(r.State)},
		{"plan_digest", plain(r.Run.PlanDigest)}, {"records_digest", r.Records},
	}
	for _, c := range []struct {
		what   string
		counts campaign.Counts
	}{{"recipients", r.Recipients}, {"requests", r.Requests}} {
		all = append(all, junitProperty{c.what + ".planned", fmt.Sprint(c.counts.Planned)})
		for _, o := range campaign.Outcomes {
			all = append(all, junitProperty{c.what + "." + o.String(), fmt.Sprint(c.counts.Of(o))})
		}
	}
	return all
}

// said lists the reasons of an outcome, a line each.
func said(r Report, o campaign.Outcome) string {
	var b strings.Builder
	for _, reason := range r.Reasons {
		if reason.Outcome != o {
			continue
		}
		fmt.Fprintf(&b, "%s %s", campaign.Grouped(reason.Recipients), plain(reason.Code))
		for _, t := range reason.Texts {
			fmt.Fprintf(&b, "; %s ×%s", plain(t.Text), campaign.Grouped(t.Recipients))
		}
		b.WriteByte('\n')
	}
	return b.String()
}
