// Package payment is navette's pure core: amounts, instructions, their identity, the states they pass through and the
// verdicts a payment service provider (PSP) may give. It knows no clock, no file, no network and no database.
package payment

// Kind tells a demand for money from an act on an existing transaction.
type Kind string

// The two kinds of instruction.
const (
	Request Kind = "request"   // a payment request: money asked of a customer
	Operate Kind = "operation" // an act on an existing transaction
)

// Operation names the act of an instruction of kind Operate.
type Operation string

// The operations of the contract, §1.
const (
	Capture   Operation = "capture" // validate an authorised transaction
	Cancel    Operation = "cancel"
	Refund    Operation = "refund"
	Modify    Operation = "modify"
	Duplicate Operation = "duplicate"
	Consult   Operation = "consult"
)

// Operations lists every operation, in the contract's order.
var Operations = [...]Operation{Capture, Cancel, Refund, Modify, Duplicate, Consult}

// Instruction is what a row became: one payment request or one operation, ready for a gateway.
// Dates are ISO "2006-01-02", empty when absent.
type Instruction struct {
	ID        int64  // journal's number; 0 before it is journalled
	Account   string // identity of the gateway: type, shop or host, mode; never its name in the YAML
	Namespace string // numbering apart from other flows of the account; usually empty
	Kind      Kind
	Operation Operation // of kind Operate only
	Reference string    // the ERP's own: invoice or order number
	Part      string    // "" or deposit, balance, "1".."n"
	Revision  int       // 0, then +1 by each explicit decision to ask anew
	Key       string    // idempotency key, the same for ever for the same instruction; see NewKey

	Amount                       Amount // zero: none given; for capture, cancel and refund the whole remainder
	DueOn, IssuedOn, ExpiresOn   string
	Label, Channel, Method, Shop string
	Customer                     Customer
	Capture                      CaptureMode
	PaymentID                    string // the PSP's id of the payment request an operation targets
	TransactionID                string // the PSP's id of the transaction an operation targets
	ERPKey                       string // the ERP's own key of an operation, if mapped
	Date                         string // date of the operation
	Reason                       string
	Metadata                     []Pair // sorted by name
	Source                       Source

	// Target is what the journal knows of the request an operation acts on when it is sent; nothing of it goes into the
	// key, nor into a body that must stay the same. The zero value: the journal does not know it.
	Target Target
	// Trace is what the journal knows besides of an operation in doubt when it is looked up; when it is sent, nothing but
	// SentAt and Visited, and those only for PSPs whose pages are ours.
	Trace Trace
}

// Trace helps to tell an operation's own effect from others of its kind on the same target.
type Trace struct {
	SentAt int64    // microseconds since 1970: when it was first sent; 0 = nothing is told
	Made   []string // the PSP's transaction ids of others that are done
	Others bool     // another one is unfinished: what is found may be its

	Visited bool // the customer was on the target's page a short while ago: the PSP may not know the payment yet
}

// Target is a payment request that an operation acts on, as the journal knows it.
type Target struct {
	ID                       int64 // journal's number; 0 = not known
	Several                  bool  // not known because the reference has several parts and the operation names none
	Reference, Part, Key     string
	State                    State
	PaymentID, TransactionID string // the PSP's ids of it, "" while it has not answered
	Method                   string
	Amount                   Amount
	Paid, Refunded           int64 // minor units of Amount.Currency
	AnsweredAt               int64 // microseconds since 1970: when the PSP took it
}

// Customer is who pays. It is personal data: kept apart in the journal, never logged.
type Customer struct {
	ID       string `json:"id,omitempty"`
	Name     string `json:"name,omitempty"`
	Email    string `json:"email,omitempty"`
	Phone    string `json:"phone,omitempty"` // E.164
	Language string `json:"language,omitempty"`
	SIREN    string `json:"siren,omitempty"`
	Address  []Pair `json:"-"` // line1, zip, city, country… in the mapping's order
}

// CaptureMode says when the money is taken after the authorisation.
type CaptureMode struct {
	Mode      string `json:"mode,omitempty"` // immediate, deferred, manual; "" is immediate
	DelayDays int    `json:"delay_days,omitempty"`
}

// Pair is one named text.
type Pair struct{ Name, Value string }

// Source says where an instruction comes from.
type Source struct {
	Flow string `json:"flow"`
	File string `json:"file"`
	Line int    `json:"line"` // true physical line, 1 = first line of the file
}
