// Package connector is the path of a row, from the drop folder to the return file. Read it in this order:
//
//	intake.go    a file: listed, settled, claimed, spooled, archived
//	judge.go     its rows: mapped, staged, held against what is known (known.go, target.go), accepted in one transaction
//	dispatch.go  its instructions: durable as `sending` (feed.go), then submitted; answers are recorded in groups (record.go)
//	doubt.go     what may or may not have been sent is looked up before anything is sent again
//	replace.go   what waits for something else: the cancel of a replaced request, a target not known yet
//	follow.go    what the PSP says later: feed of events, polls; hooked.go: notifications
//	page.go      the customer's page, for PSPs without links of their own
//	report.go    what goes back: result and status; ack.go: ack and rejects; own.go: what a mapping has of its own
//	decide.go    what people decide: resolve.go (doubt), undo.go, second.go (four eyes), approve.go (by file)
//	erase.go     what is erased or grows too old: blanked, and its bytes out of the spool (purge.go)
//	marker.go    a journal that has forgotten sends nothing
//	run.go       starts, wakes and stops the loops; visit.go: what `once` does instead
//
// The journal is the truth; each step is idempotent, so that recovery is to run the step again.
package connector

import (
	"context"
	"net/http"
	"time"

	"github.com/rs/zerolog"

	"github.com/navette-connect/navette/connector/config"
	"github.com/navette-connect/navette/connector/journal"
	"github.com/navette-connect/navette/connector/message"
	"github.com/navette-connect/navette/connector/payment"
	"github.com/navette-connect/navette/mappings"
	"github.com/navette-connect/navette/transports"
)

// Gateway submits instructions to a payment service provider. Implementations are safe for several goroutines and send
// each instruction at most once a call.
type Gateway interface {
	// Submit sends the instruction once. A nil error means that the PSP answered, well or badly (Outcome.Verdict).
	// payment.ErrNotSent: it certainly did not leave. payment.ErrStopped: nothing can be sent until a person mends
	// the gateway. Any other error: it may have acted, Lookup comes before any resend.
	Submit(ctx context.Context, in *payment.Instruction) (payment.Outcome, error)
	// Lookup asks by the idempotency key. payment.ErrUnknown: it never arrived; payment.ErrUnsupported: a person
	// decides; other errors: ask again later.
	Lookup(ctx context.Context, in *payment.Instruction) (payment.Outcome, error)
}

// Reader is the ability to show one payment request as it stands now.
type Reader interface {
	Read(ctx context.Context, in *payment.Instruction) (payment.Snapshot, error)
}

// Feed is the ability to list what happened behind a cursor ("" = the beginning); payment.ErrUnsupported where the PSP
// has no feed.
type Feed interface {
	Changes(ctx context.Context, cursor string, limit int) (changes []payment.Change, next string, err error)
}

// Hooker is the ability to check a notification's signature: the ids of the notice and of the payment it names.
type Hooker interface {
	Hook(header http.Header, body []byte, now time.Time) (noticeID, paymentID string, err error)
}

// Doubler is the ability of a PSP that takes a second payment of one request, and whose notifications name the transaction
// they speak of: each is read by itself, so that a second one is seen.
type Doubler interface {
	// Transaction gives the id of the transaction in a notification that Hook has checked, "" when it names none.
	Transaction(body []byte) string
	// ReadTransaction shows the request in.PaymentID as its transaction in.TransactionID alone has it; errors as for Read.
	ReadTransaction(ctx context.Context, in *payment.Instruction) (payment.Snapshot, error)
}

// Identifier is the ability to show what the PSP has under an id that a person names for an instruction: the id of a payment
// request, or of the transaction that an operation made or acted on. The outcome tells Reference and Amount as far as the
// PSP does; VerdictRefused: what stands there came to nothing. payment.ErrUnknown: there is no such thing;
// payment.ErrUnsupported: it cannot be asked by such an id; other errors: ask again later.
type Identifier interface {
	Identify(ctx context.Context, in *payment.Instruction, id string) (payment.Outcome, error)
}

// Supporter is the ability to say beforehand what the PSP cannot do.
type Supporter interface {
	Supports(kind payment.Kind, op payment.Operation) bool
}

// Fitter is the ability to say of one instruction, beforehand and without asking anybody, what the PSP would not take: nil
// when nothing is known against it. It is asked before what is known is: only of what no later day makes wrong.
type Fitter interface {
	Fits(in *payment.Instruction) *message.Text
}

// Referrer is the ability to say whether the PSP finds an operation's target by the merchant's reference alone; a gateway
// without it is taken to.
type Referrer interface{ ByReference() bool }

// Pinger is the ability to check credentials and address without effect.
type Pinger interface {
	Ping(ctx context.Context) error
}

// Pager is the ability of a PSP without links of its own: its customers follow a link to navette's page, whose form takes
// them to the PSP's. Submit of a request calls nobody then: it answers open with the PaymentID the PSP will know, and
// navette adds the link; Lookup does the same.
type Pager interface {
	// Page gives the form for one visit; in.PaymentID is the request's own. Two forms of one request must never take
	// money twice where the PSP can refuse the second. payment.ErrClosed: nothing is left to pay; other errors: later.
	Page(ctx context.Context, in *payment.Instruction, v payment.Visit) (payment.Form, error)
}

// Flow is one exchange, ready to run.
type Flow struct {
	config.Flow
	Inbox   transports.Box // of In, Done and Rejected
	Outbox  transports.Box // of Out
	Mapping *mappings.Mapping
	Account string
	Mode    string // test or production
	Can     func(kind payment.Kind, op payment.Operation) bool
	Fits    func(in *payment.Instruction) *message.Text // what the PSP would not take of it; nil: nobody can say
	Blind   bool                                        // the PSP cannot be asked for an operation's target by its reference: the journal must know it
	// Fresh gives the mapping with its lookup tables as they are now; nil: it has none. With an error it gives the last
	// good one: a table that cannot be read changes nothing. It is asked by several goroutines.
	Fresh  func() (*mappings.Mapping, error)
	NoPage bool // its PSP needs navette's page, and there is no public address: requests are refused (NV-2010)
}

// Account is one gateway, ready to run.
type Account struct {
	Config
	Gateway Gateway
}

// Config is the configuration of a gateway.
type Config = config.Gateway

// Setup is everything the loops need.
type Setup struct {
	Journal  *journal.Journal
	Spool    *Spool
	Log      zerolog.Logger
	Now      func() time.Time // wall clock; time.Now when nil
	Location *time.Location   // of the times in returns
	Flows    []*Flow
	Accounts []*Account
	Fault    func(point string) error // tests: asked at named points, an error stops the step there
	Version  string
	Lang     string // of what navette itself says of instructions: fr or en
	// Host and StateDir name the place of the journal: whose marker in `done` is whose. No StateDir, no markers.
	Host, StateDir string
	NewJournal     bool                    // a person knows the journal to be new where an older one stood, and takes it so
	UID            string                  // number of the user the process runs as; "" = not known
	UserName       func(uid string) string // name of a user of this machine, "" when there is none; may be nil
	Meter          *Meter                  // nil: nothing is counted
	// PublicURL is where customers reach /pay and PSPs /hooks, without a slash at its end; "" = nowhere.
	PublicURL string

	// Retention is what a purge goes by.
	Retention config.Retention

	DiskFloor int64                 // bytes it keeps free: nothing is taken below, nothing sent below a quarter; 0: no floor
	Free      func() (int64, error) // free bytes of it; asked of the system when nil
	Tell      func(Outlook)         // told how things stand, every few seconds; may be nil
}

// Closer ends what a gateway keeps open.
type Closer interface{ Close() }
