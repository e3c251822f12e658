package diagnostics

import (
	"fmt"
	"io"
	"strings"

	"campaign/internal/campaign"
)

// annotations is how many errors, and how many warnings, GitHub shows of one step.
const annotations = 10

// summaryLimit is how much of a step's summary is filled: GitHub refuses the whole
// from 1 MiB on, and other commands of the step may have written there.
const summaryLimit = 512 << 10

// GitHub writes workflow commands, which become annotations of the changed lines.
// Problems that GitHub would leave out follow as plain lines, which are no commands.
func GitHub(w io.Writer, r Report) error {
	shown, rest := annotated(r.Found)
	var b strings.Builder
	for _, d := range shown {
		b.WriteString(annotation(d))
	}
	if len(rest) > 0 {
		fmt.Fprintf(&b, "%d more are not annotated:\n", len(rest))
	}
	for _, d := range rest {
		fmt.Fprintf(&b, "- %s\n", plain(d))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// Summary writes what GitHub leaves out of its annotations as Markdown for the
// step's summary; nothing when it leaves out nothing.
func Summary(w io.Writer, r Report) error {
	_, rest := annotated(r.Found)
	if len(rest) == 0 {
		return nil
	}
	var b strings.Builder
	fmt.Fprintf(&b, "### %d more problems of the campaign files\n\n", len(rest))
	for i, d := range rest {
		if b.Len() > summaryLimit {
			fmt.Fprintf(&b, "\nand %d more: the step's log has them.\n", len(rest)-i)
			break
		}
		fmt.Fprintf(&b, "- %s\n", asCode(plain(d)))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// annotated divides problems into those that GitHub shows and the rest.
func annotated(found []campaign.Diagnostic) (shown, rest []campaign.Diagnostic) {
	var count [2]int
	for _, d := range found {
		of := &count[0]
		if d.Warning {
			of = &count[1]
		}
		if *of++; *of <= annotations {
			shown = append(shown, d)
		} else {
			rest = append(rest, d)
		}
	}
	return shown, rest
}

func annotation(d campaign.Diagnostic) string {
	var b strings.Builder
	fmt.Fprintf(&b, "::%s file=%s", severity(d), property.Replace(d.File))
	if d.Line > 0 {
		fmt.Fprintf(&b, ",line=%d", d.Line)
	}
	if d.Line > 0 && d.Col > 0 {
		fmt.Fprintf(&b, ",col=%d", d.Col)
		if d.EndCol > d.Col {
			fmt.Fprintf(&b, ",endColumn=%d", d.EndCol-1) // GitHub's is inclusive
		}
	}
	fmt.Fprintf(&b, ",title=%s::%s", property.Replace(d.Rule), data.Replace(sentence(d)))
	return Inert(b.String()) + "\n" // what no escape is for would colour the log
}

// What a workflow command's message and its properties escape (actions/toolkit,
// command: escapeData and escapeProperty).
var (
	data     = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	property = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)

// plain is a problem on a line of the log. A runner finds the older form of commands,
// ##[…], anywhere in a line.
func plain(d campaign.Diagnostic) string {
	line := oneLine(d.Error())
	if d.Warning {
		line = "warning: " + line
	}
	return strings.ReplaceAll(line, "##[", "## [")
}

// asCode is a line as Markdown shows it unchanged: between more backticks than it has
// in a row.
func asCode(line string) string {
	longest, run := 0, 0
	for _, r := range line {
		if r != '`' {
			run = 0
			continue
		}
		run++
		longest = max(longest, run)
	}
	marks := strings.Repeat("`", longest+1)
	return marks + " " + line + " " + marks
}
