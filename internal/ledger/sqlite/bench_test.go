package sqlite_test

import (
	"testing"

	"campaign/internal/ledger/ledgertest"
)

func subjects(t testing.TB) ledgertest.Subject { return fresh(t) }

func BenchmarkRecord(b *testing.B)  { ledgertest.BenchmarkRecord(b, subjects) }
func BenchmarkAdd(b *testing.B)     { ledgertest.BenchmarkAdd(b, subjects) }
func BenchmarkWork(b *testing.B)    { ledgertest.BenchmarkWork(b, subjects) }
func BenchmarkResults(b *testing.B) { ledgertest.BenchmarkResults(b, subjects) }
