package payment

import (
	"errors"
	"fmt"
	"time"
)

// Verdict is what one exchange with a gateway means for the instruction. Unknown is the zero value: what nobody
// classified may have taken effect.
type Verdict int

// The four verdicts.
const (
	VerdictUnknown Verdict = iota // it may have acted: look it up before anything is sent again
	VerdictDone                   // the PSP took it; Outcome.State tells where it stands
	VerdictRetry                  // it certainly did not act: send again later
	VerdictRefused                // the PSP said no, finally
)

func (v Verdict) String() string {
	return [...]string{"unknown", "done", "retry", "refused"}[v]
}

// Outcome is a PSP's answer to a submit or a look-up.
type Outcome struct {
	Verdict          Verdict
	State            State  // of VerdictDone: Open… for a request; Done or Pending for an operation
	PaymentID        string // the PSP's id of the request or operation
	TransactionID    string
	TransactionState string        // the PSP's own word, of an operation
	Link             string        // where the customer pays
	Code             string        // NV code, of a refusal or trouble
	Message          string        // for people; begins with the PSP's own code in brackets when it gave one
	Reference        string        // as the PSP knows it; "" when it did not say. A look-up compares it
	Amount           Amount        // as the PSP knows it; zero when it did not say. A look-up compares it
	Wait             time.Duration // of VerdictRetry: not before; 0 = the caller's back-off
	LookFirst        bool          // of VerdictRetry: look it up before sending again (503)
	Alone            bool          // of VerdictRetry: this instruction alone waits, the gateway is well
}

// Kinds of failed exchange, for errors.Is. Any other error of a gateway is ErrUncertain's equal.
var (
	ErrUncertain   = errors.New("the gateway may have acted")                // no answer, or one nobody can read
	ErrNotSent     = errors.New("the request did not leave")                 // DNS, refused connection: certainly no effect
	ErrStopped     = errors.New("the gateway is stopped")                    // credentials, address or proxy wrong: rows wait, a person mends
	ErrUnknown     = errors.New("the gateway does not know the instruction") // of a look-up: never arrived
	ErrUnsupported = errors.New("the gateway cannot be asked")               // of a look-up or feed: a person decides
)

// Judge is the one classifier of lost answers: it turns what Submit returned into a verdict. Errors that are not
// certainly "not sent" are Unknown.
func Judge(out Outcome, err error) Verdict {
	switch {
	case err == nil:
		return out.Verdict
	case errors.Is(err, ErrUncertain): // even beside another kind: doubt wins
		return VerdictUnknown
	case errors.Is(err, ErrNotSent), errors.Is(err, ErrStopped):
		return VerdictRetry
	default:
		return VerdictUnknown
	}
}

// Matches tells whether what a look-up found is the instruction that was sent: same amount, currency and reference, as
// far as the PSP says them.
func (o Outcome) Matches(in *Instruction) error {
	if o.Reference != "" && o.Reference != in.Reference {
		return fmt.Errorf("reference %q at the gateway, %q here", o.Reference, in.Reference)
	}
	if !o.Amount.IsZero() && !in.Amount.IsZero() && o.Amount != in.Amount {
		return fmt.Errorf("amount %v at the gateway, %v here", o.Amount, in.Amount)
	}
	return nil
}

// Snapshot is a payment request as the PSP shows it now.
type Snapshot struct {
	PaymentID     string
	State         State
	Amount        Amount
	Paid          Amount // paid so far; zero when not said
	Method        string
	TransactionID string
	Link          string
	UpdatedAt     time.Time // zero when not said
	Failed        []Attempt // the customer's attempts that came to nothing, oldest first, as far as the PSP shows them
}

// Attempt is a customer's attempt to pay that failed; the request lives on.
type Attempt struct {
	ID     string    // of the PSP: the same attempt is told once
	Reason string    // the PSP's own code in brackets and words, without personal data
	At     time.Time // zero when not said
}

// Change is one event of a PSP's feed.
type Change struct {
	EventID    string
	Word       string // event word, contract §5
	OccurredAt time.Time
	Amount     Amount // of this event; zero when not said
	Reason     string
	Now        Snapshot
}
