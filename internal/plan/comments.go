package plan

import (
	"bytes"
	"fmt"
	"slices"
	"sort"
	"strings"
	"text/template/parse"

	"golang.org/x/net/html"
)

// hidden are the pieces of HTML comments that stand-ins have taken the place of.
// html/template drops comments, and values in them; what people write is sent as it
// is. With the comment's marks out of sight, values in it are escaped as text: that
// leaves no > in them, so that no value can end the comment (HTML Standard, 13.1.6).
type hidden struct {
	mark   rune
	pieces []string
}

// hideComments puts stand-ins in the place of comments. One that does not begin and
// end in the same branch is left where html/template complains about it.
func hideComments(tree *parse.Tree, source string) *hidden {
	if !strings.Contains(source, "<!--") {
		return &hidden{}
	}
	h := &hidden{mark: 0xE000} // the first private-use character that the source has not
	for strings.ContainsRune(source, h.mark) {
		h.mark++
	}
	texts := textsOf(nil, tree.Root)
	cuts := make([][]extent, len(texts))
	for _, c := range certain(source) {
		first, last := textAt(texts, c.from, len("<!--")), textAt(texts, c.to-len("-->"), len("-->"))
		if first < 0 || last < 0 || texts[first].list != texts[last].list {
			continue
		}
		for i := first; i <= last; i++ {
			cuts[i] = append(cuts[i], c)
		}
	}
	for i, t := range texts {
		h.cut(t, cuts[i])
	}
	return h
}

// placed is a text of a template and the branch that it stands in.
type placed struct {
	*parse.TextNode
	list *parse.ListNode
}

// textsOf appends the texts of a tree, in the order in which they stand.
func textsOf(all []placed, l *parse.ListNode) []placed {
	if l == nil {
		return all
	}
	for _, n := range l.Nodes {
		switch n := n.(type) {
		case *parse.TextNode:
			all = append(all, placed{n, l})
		case *parse.IfNode:
			all = textsOf(textsOf(all, n.List), n.ElseList)
		}
	}
	return all
}

// textAt finds the text that holds n bytes from at on; -1: none.
func textAt(texts []placed, at, n int) int {
	i := sort.Search(len(texts), func(i int) bool { return int(texts[i].Pos) > at }) - 1
	if i < 0 || at+n > int(texts[i].Pos)+len(texts[i].Text) {
		return -1
	}
	return i
}

// cut puts stand-ins in the place of what a text has of comments.
func (h *hidden) cut(t placed, comments []extent) {
	if len(comments) == 0 {
		return
	}
	var out []byte
	done := 0
	for _, c := range comments {
		from, to := max(c.from-int(t.Pos), 0), min(c.to-int(t.Pos), len(t.Text))
		out = append(out, t.Text[done:from]...)
		out = append(out, h.standIn(len(h.pieces))...)
		h.pieces = append(h.pieces, string(t.Text[from:to]))
		done = to
	}
	t.Text = append(out, t.Text[done:]...)
}

// certain finds the comments that are one whatever a template's conditions come to.
func certain(source string) []extent {
	texts := variants(source)
	in := map[extent]int{} // the number of texts that have it
	for _, text := range texts {
		for _, c := range commentsOf(text) {
			in[c]++
		}
	}
	var found []extent
	for c, n := range in {
		begin := 0
		for _, text := range texts {
			if strings.HasPrefix(text[c.from:], "<!--") {
				begin++
			}
		}
		if n == begin {
			found = append(found, c)
		}
	}
	slices.SortFunc(found, func(a, b extent) int { return a.from - b.from })
	return found
}

// extent is a stretch of a source, in bytes.
type extent struct{ from, to int }

// commentsOf finds the comments of a text that have their ends.
func commentsOf(text string) (found []extent) {
	z := html.NewTokenizer(strings.NewReader(text))
	for at := 0; ; {
		kind := z.Next()
		if kind == html.ErrorToken {
			return found
		}
		raw := z.Raw()
		if kind == html.CommentToken && bytes.HasPrefix(raw, []byte("<!--")) && bytes.HasSuffix(raw, []byte(">")) {
			found = append(found, extent{at, at + len(raw)})
		}
		at += len(raw)
	}
}

func (h *hidden) standIn(i int) string { return fmt.Sprintf("%c%d%c", h.mark, i, h.mark) }

// show puts the comments back.
func (h *hidden) show(tree *parse.Tree) {
	if len(h.pieces) == 0 {
		return
	}
	var pairs []string
	for i, piece := range h.pieces {
		pairs = append(pairs, h.standIn(i), piece)
	}
	back := strings.NewReplacer(pairs...)
	for _, t := range textsOf(nil, tree.Root) {
		t.Text = []byte(back.Replace(string(t.Text)))
	}
}
