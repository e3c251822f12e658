// Package sandbox emulates both upstreams on loopback: 政企通 (zqt) and 传播通
// (chuanbo), with an OAuth 2.0 token endpoint beside them.
//
// It is an independent reading of the two upstream documents and therefore
// imports nothing else of this module: what the program sends is checked by
// something that does not share its mistakes. Where a document says what a value
// must be, anything else is refused; names that it does not list and names that
// are given twice are refused as well, because they are a misspelt field more
// often than anything else.
//
// # Addresses
//
//	POST [/ENV][/AGCS_zqc]/v3_1/msgcenter/send   zqt, ENV as in /YX or /JS
//	GET  [/ENV]/openapi/chuanbo/group_list       chuanbo
//	POST [/ENV]/openapi/chuanbo/push_create      chuanbo
//	POST [/ENV]/oauth/token                      OAuth 2.0 client credentials
//	     /_sandbox/...                           the record and the faults (control.go)
//
// The control pages are also served on a second port (Server.ControlURL), which
// stays open while a refuse fault keeps the first one closed.
//
// # The record
//
// A request counts as accepted exactly when it is in the record, and it is in the
// record (in memory, and written to Options.RecordFile) before the first byte of
// its answer leaves. A request whose body did not arrive whole is never accepted.
// A client that leaves after the whole body arrived does not undo an acceptance.
//
// # The trace
//
// Each request is noted when its header has been read, by a clock that nobody sets:
// when, which account (two accounts of a system are told apart by what stands before
// the path, as in /YX), which channel, and how many requests of the account were in
// flight. A request is in flight until the last byte of its answer is about to
// leave, or until it is noticed that its client has left. /_sandbox/rates folds the
// trace: the most requests in any window of one second, counts second by second.
// What a busy machine takes to read a request adds to the time of its arrival.
//
// # Faults
//
// A fault has a kind, a selection and parameters; ParseFault reads
// "kind:key=value,key=value", the control pages read the same keys as JSON.
// FaultKinds lists the kinds. Selection, the same for each kind:
//
//	system       zqt, chuanbo or oauth; without it both upstreams, never oauth
//	endpoint     send, group_list, push_create or token
//	recipient    only requests that carry this userid, userid/orgid or group id
//	             (a|b|c for several)
//	after        skips the first N requests that it sees
//	every        then fires for every Nth only, beginning with the first
//	times        fires at most so often
//	probability  then fires with this probability; seed makes the choice another
//	             one. The choice for the nth request depends on seed and n alone.
//
// Faults stand in the order in which they were given, and a request passes them in
// that order. What it passes, it is counted by. There are three families:
//
//   - An ending (reset, stall, a made-up answer, …) that fires takes the request;
//     the faults after it do not see that request at all.
//   - A modifier (latency, drip) that fires changes the request and lets it go on
//     to the next fault. Delays add up; the last drip counts. Latency comes before
//     acceptance, a request whose client gave up meanwhile is accepted all the
//     same. Drip slows whatever is answered, made-up answers included.
//   - A switch (refuse, expire-tokens) changes the sandbox between two requests:
//     with after=N it acts when the Nth request has come in, before the next one,
//     and with after=0 when it is installed. times is 1 unless given. The request
//     that sets it off is itself not touched by it.
//
// All choices for a request are made at once when it comes in, so concurrent
// requests never share the firing of a fault.
//
// The refuse fault closes the listening socket, so that a new connection gets the
// operating system's own "connection refused". Idle connections are closed, busy
// ones finish their request and are closed then. Nobody can count attempts at a
// closed port, so the fault ends after its for= duration, or, without one, with
// Server.ClearFaults or DELETE /_sandbox/faults on the control port; times counts
// how often the port closes. The port belongs to both systems: system only says
// whose requests are counted.
package sandbox
