// Package runner carries a run out: it claims it, paces, sends, judges and
// settles. It is the only room that touches clock, wire and ledger together
// (design: architecture; the guarantees are the rules of design: delivery).
//
// The life of one request:
//
//	queue → build → enter the account → record the intent (durable) → wait for
//	the pace → wire → judge → record the settlement (with the next intent)
//
// Nothing is written to a connection before the Record that holds its intent
// has returned, and nothing goes out again unless the ledger knows that it was
// certainly not accepted.
//
// The processes that use an account agree in a cell of the ledger about who starts
// when, how fast, and until when the upstream asked for silence (cell, Permits), and
// by places about who has a request in flight. Without a word from there nothing
// starts.
package runner
