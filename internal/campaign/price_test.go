package campaign

import (
	"math"
	"math/big"
	"testing"
)

func TestMoney(t *testing.T) {
	for text, want := range map[string]Money{"0": 0, "0.05": 500, "0.050": 500, "12": 120_000, "0.0001": 1, "10000": 100_000_000, "007.5": 75_000} {
		if got, ok := ParseMoney(text); !ok || got != want {
			t.Errorf("%s is %d (%v), want %d", text, got, ok, want)
		}
	}
	for _, text := range []string{"", ".", ".5", "5.", "-1", "+1", "1e3", "0.00001", "1,5", "0x1", " 1", "99999999999999999999"} {
		if got, ok := ParseMoney(text); ok {
			t.Errorf("%q is read as %d", text, got)
		}
	}
	for _, test := range []struct {
		price Money
		n     int64
		want  string
	}{{500, 3, "0.15"}, {1, 3, "0.0003"}, {525, 10, "0.525"}, {1_200, 400_000, "48000.00"}, {0, 7, "0.00"}, {100_000_000, math.MaxInt64, "92233720368547758070000.00"}} {
		if got := FormatMoney(test.price.Times(test.n)); got != test.want {
			t.Errorf("%d × %d is %s, want %s", test.n, test.price, got, test.want)
		}
	}
	sum := new(big.Rat) // what floating point numbers get wrong
	for range 10 {
		sum.Add(sum, Money(1_000).Times(1))
	}
	if got := FormatMoney(sum); got != "1.00" {
		t.Errorf("ten times 0.1 is %s", got)
	}
}
