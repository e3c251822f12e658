package runner

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"time"

	"campaign/internal/campaign"
)

// The codes of wire faults: what a Reason begins with.
const (
	NotSent    = "not-sent" // certainly not one byte of it was written
	answerLost = "answer-lost"
)

// fault is what a request without a whole answer means (design: delivery, rule
// 4): deferred if certainly nothing was sent, else unknown.
func fault(t Trace, err error, timeout time.Duration) campaign.Verdict {
	if t.NotSent {
		return campaign.Verdict{Outcome: campaign.Deferred, Reason: NotSent + ": " + cause(err, timeout)}
	}
	return campaign.Verdict{Outcome: campaign.Unknown, Reason: answerLost + ": " + cause(err, timeout)}
}

// cause says in words what happened, without addresses that may hold secrets.
func cause(err error, timeout time.Duration) string {
	var dns *net.DNSError
	var cert *tls.CertificateVerificationError
	var authority x509.UnknownAuthorityError
	var op *net.OpError
	switch {
	case errors.Is(err, ErrNotLoopback):
		return ErrNotLoopback.Error()
	case errors.Is(err, context.Canceled):
		return "interrupted"
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Sprintf("no answer within %s", timeout)
	case errors.As(err, &dns):
		return "the name " + dns.Name + " was not resolved"
	case errors.As(err, &cert), errors.As(err, &authority):
		return "the certificate is not trusted"
	case errors.Is(err, os.ErrDeadlineExceeded):
		return "timed out while connecting"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "connection reset"
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "the answer was cut off"
	case errors.Is(err, io.EOF), strings.Contains(err.Error(), "server closed idle connection"):
		return "connection closed"
	case errors.As(err, &op) && op.Timeout():
		return "timed out while connecting"
	case errors.As(err, &op):
		return op.Op + ": " + op.Err.Error()
	}
	return err.Error()
}

// kind sorts verdicts by what they say about the upstream's health (rule 7).
type kind uint8

const (
	answered     kind = iota // the upstream spoke, and made sense or asked to wait
	notConnected             // a connection failure: nothing was sent
	lost                     // no answer, or none that says what happened
	neither                  // the request was given up on our side
)

func kindOf(v campaign.Verdict, err error, t Trace) kind {
	switch {
	case errors.Is(err, context.Canceled):
		return neither
	case err != nil && t.NotSent:
		return notConnected
	case v.Outcome == campaign.Unknown:
		return lost
	}
	return answered
}
