package main

import (
	"fmt"
	"io"

	lang "campaign/internal/language"
	"campaign/internal/report"
)

// inWords is text for people in the language of the locale, line by line. What is for
// programs never passes through it.
func inWords(text string) string {
	if language() == "zh" {
		return lang.Lines(text)
	}
	return text
}

// speak writes to people, in the language of the locale.
func speak(w io.Writer, format string, args ...any) {
	_, _ = io.WriteString(w, inWords(fmt.Sprintf(format, args...))) // output remembers what was not written
}

// verbatim is where what is for programs, or others' words, is written as it is.
func verbatim(w io.Writer) io.Writer {
	switch s := w.(type) {
	case *screen:
		return unspoken{s}
	case *together:
		return verbatim(s.w)
	}
	return w
}

type unspoken struct{ s *screen }

func (u unspoken) Write(p []byte) (int, error) { return u.s.write(p) }

// spokenVerdict is a report in one line, in the language of the locale.
func spokenVerdict(r report.Report) string {
	warnings := make([]string, len(r.Warnings))
	for i, text := range r.Warnings {
		warnings[i] = inWords(text)
	}
	r.Warnings, r.Reason = warnings, inWords(r.Reason)
	return report.VerdictIn(language(), r)
}

// sign is the punctuation of the language of the locale.
func sign(english, chinese string) string {
	if language() == "zh" {
		return chinese
	}
	return english
}
