package spec

import (
	"encoding/json"

	"campaign/internal/campaign"
)

// defaultCurrency is that of a price without one.
const defaultCurrency = "CNY"

// price reads what messages of an account cost, as decimal numbers.
func (l *loader) price(v val) *campaign.Price {
	if !v.given() {
		return nil
	}
	p := &campaign.Price{Currency: defaultCurrency, Each: map[string]campaign.Money{}}
	for _, kind := range v.keys() {
		if kind == "currency" {
			p.Currency = v.key(kind).text()
			continue
		}
		n, _ := v.key(kind).v.(json.Number) // the schema has reported what is none
		money, ok := campaign.ParseMoney(string(n))
		if !ok && n != "" && n[0] != '-' {
			l.problem(v.key(kind), ruleRange, name(v.key(kind).at())+" has more than four digits behind the point", "for example 0.05")
		}
		p.Each[kind] = money
	}
	if len(p.Each) == 0 && len(v.keys()) > 0 {
		l.problem(v, ruleMissingKey, "price names no kind of message", "for example {sms: 0.05, currency: CNY}")
	}
	return p
}
