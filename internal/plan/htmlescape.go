package plan

import (
	"errors"
	htmltemplate "html/template"
	"io"
	"strings"
	"text/template/parse"
)

// htmlData is what html/template runs on: the numbered pipelines call it.
type htmlData struct {
	program *program
	frame   *frame
}

// Value gives the text of a printed value.
func (d htmlData) Value(n int) (string, error) {
	v, err := d.program.values[n].expr(d.frame)
	if err != nil {
		return "", err
	}
	if v.missing() {
		return "", v.empty()
	}
	return v.String(), nil
}

// When decides a condition.
func (d htmlData) When(n int) (bool, error) {
	v, err := d.program.when[n](d.frame)
	return err == nil && v.holds(), err
}

// probe renders nothing: executing with it makes html/template escape.
type probe struct{}

func (probe) Value(int) string { return "" }
func (probe) When(int) bool    { return false }

// escapeHTML lets html/template decide how each value is escaped; it edits the
// tree in place.
func escapeHTML(tree *parse.Tree, source string) (*htmltemplate.Template, *fault) {
	t, err := htmltemplate.New("text").AddParseTree("text", tree)
	if err == nil {
		err = t.Execute(io.Discard, probe{})
	}
	if err == nil {
		return t, nil
	}
	f := &fault{rule: ruleContext, message: "the HTML around a value is not clear"}
	var e *htmltemplate.Error
	if !errors.As(err, &e) {
		return nil, f
	}
	f.hint = htmlHints[e.ErrorCode]
	switch {
	case e.Node != nil:
		f.at = int(e.Node.Position())
	case e.ErrorCode == htmltemplate.ErrEndContext:
		f.at = len(strings.TrimRight(source, " \t\n"))
	case e.ErrorCode == htmltemplate.ErrBadHTML:
		f.message += ": " + e.Description
	}
	return nil, f
}

var htmlHints = map[htmltemplate.ErrorCode]string{
	htmltemplate.ErrAmbigContext:   "write the beginning of the URL before the value, for example https://host/?id=",
	htmltemplate.ErrBadHTML:        "check quotes and brackets of the tag",
	htmltemplate.ErrBranchEnd:      "both branches of an {{ if }} must end in the same place: close tags and quotes in the branch that opens them",
	htmltemplate.ErrEndContext:     "the text ends inside a tag, an attribute, a comment, a script or a style: close it",
	htmltemplate.ErrPartialCharset: "a character class of a regular expression must be whole",
	htmltemplate.ErrPartialEscape:  "an escape such as \\n must be whole",
	htmltemplate.ErrSlashAmbig:     "a slash after a value could be a division or a regular expression",
}

// bounded is a writer that refuses to grow past its limit.
type bounded struct {
	buf   []byte
	limit int
}

func (w *bounded) Write(p []byte) (int, error) {
	if len(w.buf)+len(p) > w.limit {
		return 0, errTooLarge
	}
	w.buf = append(w.buf, p...)
	return len(p), nil
}
