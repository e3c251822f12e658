package ledgertest

import "testing"

func model(t *testing.T, fresh func(t testing.TB) Subject) {}
