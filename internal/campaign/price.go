package campaign

import (
	"math/big"
	"strconv"
	"strings"
)

// The kinds of messages that are counted, and that an account may have a price for.
const (
	KindMessage      = "message"      // a 政企通 message in somebody's inbox
	KindPush         = "push"         // a push to a phone that announces one
	KindSMS          = "sms"          // an SMS, and a reminder by SMS of a message
	KindNotification = "notification" // a 传播通 notification
	KindVoice        = "voice"        // a voice call
)

// Price is what messages of an account cost.
type Price struct {
	Currency string           // three letters, for example CNY
	Each     map[string]Money // by kind; a kind that is missing has no price that is known
}

// Money is an amount in ten-thousandths of a currency's unit, so that sums are exact.
type Money int64

// moneyDigits are the digits behind the point that Money has.
const moneyDigits = 4

// ParseMoney reads a decimal number such as 0.05. ok is false for anything else, for
// more than four digits behind the point, and for what is too large.
func ParseMoney(text string) (m Money, ok bool) {
	whole, rest, dot := strings.Cut(text, ".")
	if whole == "" || dot && rest == "" || len(rest) > moneyDigits || strings.Trim(whole+rest, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.ParseInt(whole+rest+strings.Repeat("0", moneyDigits-len(rest)), 10, 64)
	return Money(n), err == nil
}

// Times is what n of it come to, exactly.
func (m Money) Times(n int64) *big.Rat {
	units := new(big.Int).Mul(big.NewInt(int64(m)), big.NewInt(n))
	return new(big.Rat).SetFrac(units, big.NewInt(10_000))
}

// FormatMoney writes a sum of Money with two digits behind the point, or with as many
// as it has: 12.50, 0.0525.
func FormatMoney(sum *big.Rat) string {
	text := sum.FloatString(moneyDigits)
	for range moneyDigits - 2 {
		text = strings.TrimSuffix(text, "0")
	}
	return text
}
