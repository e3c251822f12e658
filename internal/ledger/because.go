package ledger

import (
	"errors"
	"fmt"
)

// because is an error of a kind that callers branch on, in words of its own.
type because struct {
	kind error
	text string
}

func (b because) Error() string { return b.text }
func (b because) Unwrap() error { return b.kind }

// Because makes an error that is kind for errors.Is and says the given text and
// nothing else, for places where the kind's own words would say too little.
func Because(kind error, format string, args ...any) error {
	return because{kind, fmt.Sprintf(format, args...)}
}

// Said reports whether err says already what went wrong, in words that Because
// was given: such an error needs no context.
func Said(err error) bool {
	var b because
	return errors.As(err, &b)
}
