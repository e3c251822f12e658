package campaign

import "testing"

func TestSwapped(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"gvo", "gov", true}, {"nmae", "name", true}, {"市西", "西市", true}, {"ab", "ba", true},
		{"gov", "gov", false}, {"gov", "go", false}, {"gov", "vog", false}, {"ab", "bc", false}, {"", "", false}, {"aXb", "bXa", false}, {"abcd", "bacc", false},
	} {
		if got := Swapped(c.a, c.b); got != c.want {
			t.Errorf("%q, %q: %v", c.a, c.b, got)
		}
	}
}
