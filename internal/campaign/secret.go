package campaign

import (
	"fmt"
	"log/slog"
)

const redacted = "[redacted]"

// Secret is a value that prints as [redacted] wherever it goes: fmt with every
// verb, JSON, text, slog. Only Reveal gives it out.
type Secret struct{ value string }

// NewSecret wraps a secret's value.
func NewSecret(value string) Secret { return Secret{value} }

// Reveal returns the value. Callers are the wire and nobody else.
func (s Secret) Reveal() string { return s.value }

// IsZero reports whether there is no value.
func (s Secret) IsZero() bool { return s.value == "" }

func (s Secret) String() string               { return redacted }
func (s Secret) GoString() string             { return redacted }
func (s Secret) Format(f fmt.State, _ rune)   { fmt.Fprint(f, redacted) }
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }
func (s Secret) LogValue() slog.Value         { return slog.StringValue(redacted) }
