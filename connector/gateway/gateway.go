// Package gateway holds what every gateway over HTTP shares: a client that sends a request once and never again by
// itself, the one classifier of lost answers, the redaction of secrets and personal data, and the Standard Webhooks
// signature. The leaves beside it speak one protocol each.
//
// The rule that shapes all of it: a request that may have reached the payment service provider (PSP) may have moved
// money. "Certainly not sent" must be proved; whatever is not proved is in doubt.
package gateway

import (
	"errors"
	"fmt"

	"github.com/navette-connect/navette/connector/payment"
)

// NV codes that gateways put into outcomes and errors; package message says them in words.
const (
	CodeRefused     = "NV-2001" // the PSP said no, finally
	CodeUnsupported = "NV-2002" // the gateway cannot do this operation
	CodeLost        = "NV-2101" // the answer is lost
	CodeSeveral     = "NV-2102" // a look-up found other values, or several objects under one key
	CodeCredentials = "NV-2103" // token, password or certificate refused
	CodeAddress     = "NV-2104" // not the PSP's interface: wrong URL, proxy, redirect
	CodeBusy        = "NV-2105" // the PSP asks to wait
	CodeUnreachable = "NV-2106" // no connection; certainly not sent
	CodeUnreadable  = "NV-2107" // answered, but nobody can read it
)

// Error is a failed exchange. errors.Is finds its Kind (payment.ErrUncertain, ErrNotSent, ErrStopped, ErrUnknown or
// ErrUnsupported) and, where the context ended it, context.Canceled or context.DeadlineExceeded. Its text is already
// free of secrets and personal data; what lies beneath is deliberately not reachable, since it may not be.
type Error struct {
	Kind   error  // of package payment; never nil
	Code   string // NV code
	Status int    // HTTP status; 0 when no answer came
	Text   string // what happened, redacted
	ctx    error  // context.Canceled, context.DeadlineExceeded or nil
}

func (e *Error) Error() string {
	s := e.Kind.Error()
	if e.Status != 0 {
		s = fmt.Sprintf("%s: HTTP %d", s, e.Status)
	}
	if e.Text != "" {
		s += ": " + e.Text
	}
	return s
}

// Unwrap gives the kind and, if the context ended the exchange, that.
func (e *Error) Unwrap() []error {
	if e.ctx != nil {
		return []error{e.Kind, e.ctx}
	}
	return []error{e.Kind}
}

// NVCode gives the message code, for whoever knows errors that have one without knowing this package.
func (e *Error) NVCode() string { return e.Code }

// CodeOf gives the NV code an error carries, "" if none.
func CodeOf(err error) string {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return ""
}

// Secret is a token, password or key; it prints as ***.
type Secret string

func (Secret) String() string   { return "***" }
func (Secret) GoString() string { return "***" }

// MarshalText never gives the value away.
func (Secret) MarshalText() ([]byte, error) { return []byte("***"), nil }

// Unsupported is the answer to what a gateway does not offer, of kind payment.ErrUnsupported.
func Unsupported(what string) error {
	return &Error{Kind: payment.ErrUnsupported, Code: CodeUnsupported, Text: what}
}
