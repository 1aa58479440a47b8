// Package gatewaytest is the conformance suite of gateways: what each must make of every class of answer, and above all of
// the answers it does not get. A gateway's test gives a rig, its PSP under the suite's control, and calls Run.
package gatewaytest

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/navette-connect/navette/connector/payment"
)

// Gateway is the port, as package connector declares it.
type Gateway interface {
	Submit(ctx context.Context, in *payment.Instruction) (payment.Outcome, error)
	Lookup(ctx context.Context, in *payment.Instruction) (payment.Outcome, error)
}

// Fault is what a controllable PSP does to one submit, or to look-ups.
type Fault string

// The faults. Besides them "503" (any status) is a bare answer of that status without effect, and "done-503" the same
// after the effect.
const (
	Lost    Fault = "lost"    // the effect, then the connection is cut
	Cut     Fault = "cut"     // the connection is cut once the request was read; no effect
	Hang    Fault = "hang"    // the effect, then silence until the client gives up
	Garbled Fault = "garbled" // the effect, then half an answer; as a look-up's: half a list
	Strange Fault = "strange" // the effect, then a state nobody knows
	HTML    Fault = "html"    // a page with status 200
	Refuse  Fault = "refuse"  // refused in the PSP's own words
	Echo    Fault = "echo"    // refused, repeating credentials and the customer's data
)

// Seen is what the PSP saw under a key.
type Seen struct {
	Arrivals int // submits that arrived
	Effects  int
	Bodies   int // different bodies
}

// Rig is a gateway before a PSP that obeys. Each check asks for a new one.
type Rig struct {
	Gateway Gateway
	// Instruction gives what the checks submit, n telling them apart and the same n the same one; nil: Request. A PSP
	// whose requests call nobody is tried with operations.
	Instruction func(n int) *payment.Instruction
	// Break makes the next submit meet a fault; false: this PSP cannot do that, and the check is left out.
	Break func(Fault) bool
	// BreakLookups makes every look-up from now on meet a fault; false as above.
	BreakLookups func(Fault) bool
	Seen         func(key string) Seen
	// Absent is a gateway to an address where nobody listens; nil leaves that check out.
	Absent Gateway
	// Secrets must appear in no outcome and no error.
	Secrets []string
	Close   func()
}

func (r *Rig) request(n int) *payment.Instruction {
	if r.Instruction != nil {
		return r.Instruction(n)
	}
	return Request(n)
}

// Check is one rule.
type Check struct {
	Name string
	Why  string // the rule that is broken when it fails
	run  func(ctx context.Context, r *Rig) error
}

var errLeftOut = errors.New("this PSP cannot be made to do that")

// Run runs every check as a subtest.
func Run(t *testing.T, newRig func() (*Rig, error)) {
	t.Helper()
	for _, c := range Checks() {
		t.Run(c.Name, func(t *testing.T) {
			err := c.Try(t.Context(), newRig)
			if errors.Is(err, errLeftOut) {
				t.Skip(err)
			}
			if err != nil {
				t.Errorf("%v\n\trule: %s", err, c.Why)
			}
		})
	}
}

// Failures runs every check and gives the errors by name: for controls, which must fail.
func Failures(ctx context.Context, newRig func() (*Rig, error)) map[string]error {
	failed := map[string]error{}
	for _, c := range Checks() {
		if err := c.Try(ctx, newRig); err != nil && !errors.Is(err, errLeftOut) {
			failed[c.Name] = err
		}
	}
	return failed
}

// Try runs one check on a rig of its own.
func (c Check) Try(ctx context.Context, newRig func() (*Rig, error)) error {
	r, err := newRig()
	if err != nil {
		return fmt.Errorf("no rig: %w", err)
	}
	if r.Close != nil {
		defer r.Close()
	}
	return c.run(ctx, r)
}

// Request gives a payment request with everything filled in; n tells them apart.
func Request(n int) *payment.Instruction {
	in := &payment.Instruction{
		Account: "gatewaytest", Kind: payment.Request, Reference: fmt.Sprintf("FA26-%05d", n), Part: "deposit",
		Amount: payment.Amount{Minor: 123456, Currency: "EUR"}, DueOn: "2026-12-02", IssuedOn: "2026-11-02", ExpiresOn: "2027-01-31",
		Label: `Four "Lefèvre", 4e trimestre`, Channel: "email", Method: "card", Shop: "nantes",
		Customer: payment.Customer{ID: "C00118-suite", Name: "Boulangerie Lefèvre", Email: "compta@lefevre.example", Phone: "+33240112233",
			Language: "fr", SIREN: "732829320", Address: []payment.Pair{{Name: "line1", Value: "3 rue du Four"}, {Name: "city", Value: "Saint-Éloi"}}},
		Capture:  payment.CaptureMode{Mode: "immediate"},
		Metadata: []payment.Pair{{Name: "depot", Value: "44"}},
		Source:   payment.Source{Flow: "factures", File: "F.csv", Line: n},
	}
	in.Key = payment.NewKey(in)
	return in
}

// Operation gives an operation on a transaction; n tells them apart.
func Operation(op payment.Operation, n int, amount payment.Amount) *payment.Instruction {
	in := &payment.Instruction{Account: "gatewaytest", Kind: payment.Operate, Operation: op, Reference: fmt.Sprintf("CW%08d", n),
		Amount: amount, ERPKey: fmt.Sprintf("op-%s-%d", op, n), Reason: "suite", Source: payment.Source{Flow: "ops", File: "O.csv", Line: n}}
	in.Key = payment.NewKey(in)
	return in
}
