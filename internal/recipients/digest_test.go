package recipients

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"
	"testing/fstest"
	"testing/iotest"

	"pgregory.net/rapid"
)

func TestDigest(t *testing.T) {
	want := func(text string) string {
		sum := sha256.Sum256([]byte(text))
		return hex.EncodeToString(sum[:])
	}
	edge := strings.Repeat("x", 64<<10-1)
	for _, test := range []struct{ text, same string }{
		{"a,b\n1,2\n", "a,b\n1,2\n"},
		{"a,b\r\n1,2\r\n", "a,b\n1,2\n"},
		{"a,b\r1,2\r", "a,b\n1,2\n"},
		{"\uFEFFa,b\r\n1,2\n", "a,b\n1,2\n"},
		{"a,b\n1,2", "a,b\n1,2"},
		{"a\uFEFF\n", "a\uFEFF\n"},
		{"\uFEFF\uFEFF", "\uFEFF"},
		{"\r\r\n\n\r", "\n\n\n\n"},
		{"", ""},
		{edge + "\r\nx", edge + "\nx"},
		{edge + "\rx", edge + "\nx"},
		{edge + "\r", edge + "\n"},
		{edge + "\r\n", edge + "\n"},
	} {
		src := csvIn(fstest.MapFS{"r.csv": {Data: []byte(test.text)}}, "")
		if got := digestOf(t, src); got != want(test.same) {
			t.Errorf("%.20q: %s", test.text, got)
		}
	}
}

// TestDigestAnyLineEnds: the digest does not depend on line ends, nor on how the
// file is read.
func TestDigestAnyLineEnds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lines := rapid.SliceOf(rapid.StringMatching(`[a-z,"]{0,3}`)).Draw(t, "lines")
		var text strings.Builder
		for _, line := range lines {
			text.WriteString(line)
			text.WriteString(rapid.SampledFrom([]string{"\r\n", "\n", "\r"}).Draw(t, "end") + "|")
		}
		plain := strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text.String())
		want, err := digestText(t.Context(), strings.NewReader(plain))
		if err != nil {
			t.Fatal(err)
		}
		got, err := digestText(t.Context(), iotest.OneByteReader(strings.NewReader(text.String())))
		if err != nil || got != want {
			t.Fatalf("%q: %s, %v", text.String(), got, err)
		}
	})
}
