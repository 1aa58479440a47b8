// Package sandbox is a payment service provider (PSP) to rehearse with: it takes payment requests and operations, lets
// scripted customers pay, fail or forget, and misbehaves on demand. It keeps a ledger of every arrival, every effect and
// every answer given or withheld, and unless told otherwise it is not idempotent: whoever sends twice has paid twice.
//
// It is served over HTTP (Handler) or called in process (Gateway); both go through the same rules. No money moves.
// docs/sandbox.md describes it.
package sandbox

import (
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"time"

	"github.com/navette-connect/navette/connector/gateway"
	"github.com/navette-connect/navette/connector/payment"
)

// Personality says what the PSP does with what it has seen before.
type Personality string

// The personalities.
const (
	None       Personality = "none"       // each POST is a new effect, whatever its key; look-ups answer by key
	Idempotent Personality = "idempotent" // one effect for each key, for ever
	Unique     Personality = "reference"  // one live request for each reference and part; the same key again is 409
)

// Options of a PSP; the zero value is a PSP in memory that takes everything and whose customers follow DefaultScript.
type Options struct {
	Personality   Personality      // "" = None
	Script        *Script          // nil = DefaultScript
	Faults        Faults           // from the start; SetFaults changes them
	Seed          uint64           // of the faults' chance
	File          string           // JSON lines that keep the PSP's truth through a restart; "" = memory only
	Token         gateway.Secret   // bearer token asked of HTTP clients; "" = none
	URL           string           // base address of the links to pay; "" = the host a client called, else no link
	WebhookURL    string           // where Run sends webhooks; "" = nowhere
	WebhookSecret gateway.Secret   // signs them
	Now           func() time.Time // nil = time.Now
}

// PSP is the sandbox. It may be used from many goroutines.
type PSP struct {
	opts   Options
	script *Script
	now    func() time.Time
	wake   chan struct{} // an event was added, for Run
	store  *store        // nil in memory

	mu       sync.Mutex
	rng      *rand.Rand
	faults   Faults
	world    world
	change   change // what the current call did, one line of the store
	broken   error  // the store failed: nothing more is taken
	hookDone int    // events told to the webhook
}

// world is all the PSP knows.
type world struct {
	requests     map[string]*request
	transactions map[string]*transaction
	operations   map[string]*operation
	order        []string            // ids of requests as they were created
	byReference  map[string][]string // reference -> ids of requests
	transOf      map[string][]string // reference -> ids of transactions
	keys         map[string]*Entry   // the ledger
	late         map[int]*lateOrder  // orders whose connection is gone and whose effect is still to come
	due          agenda              // scripted steps to come
	events       []event
	totals       Totals
}

type money struct {
	Value    int64  `json:"value"`
	Currency string `json:"currency"`
}

func (m money) amount() payment.Amount { return payment.Amount{Minor: m.Value, Currency: m.Currency} }

// request is a payment request. Customers are not kept: a sandbox needs none.
type request struct {
	ID           string        `json:"id"`
	Number       int           `json:"number"` // 1 for the first one created
	Key          string        `json:"key"`
	Reference    string        `json:"reference"`
	Part         string        `json:"part"`
	Label        string        `json:"label"`
	Amount       money         `json:"amount"`
	Paid         int64         `json:"paid"`     // minor units
	Refunded     int64         `json:"refunded"` // minor units
	State        payment.State `json:"state"`
	Method       string        `json:"method"`
	Capture      string        `json:"capture"`
	Transactions []string      `json:"transactions"`
	Steps        []scheduled   `json:"steps"` // to come, in order
	Created      time.Time     `json:"created"`
	Updated      time.Time     `json:"updated"`
}

// Words for the state of a transaction, the PSP's own.
const (
	authorised = "AUTHORISED"
	captured   = "CAPTURED"
	cancelled  = "CANCELLED"
	credited   = "CREDITED" // a refund's own transaction
)

type transaction struct {
	ID        string `json:"id"`
	Request   string `json:"request"` // id; "" for one the script declares
	Reference string `json:"reference"`
	Amount    money  `json:"amount"`
	Refunded  int64  `json:"refunded"`
	State     string `json:"state"`
	Expired   bool   `json:"expired"` // its card is
}

type operation struct {
	ID               string        `json:"id"`
	Key              string        `json:"key"`
	Operation        string        `json:"operation"`
	State            payment.State `json:"state"` // done, refused or pending
	Then             payment.State `json:"then"`  // of a pending one
	At               time.Time     `json:"at"`    // when Then comes
	TransactionID    string        `json:"transaction_id"`
	TransactionState string        `json:"transaction_state"`
	Amount           *money        `json:"amount"`
	Code             string        `json:"code"`
	Message          string        `json:"message"`
	Created          time.Time     `json:"created"`
}

type event struct {
	ID         string      `json:"id"`
	Type       string      `json:"type"`
	OccurredAt time.Time   `json:"occurred_at"`
	Amount     *money      `json:"amount"`
	Reason     string      `json:"reason"`
	Data       requestView `json:"data"`
}

// requestView is a payment request as clients see it.
type requestView struct {
	ID            string        `json:"id"`
	State         payment.State `json:"state"`
	Reference     string        `json:"reference"`
	Part          string        `json:"part"`
	Amount        money         `json:"amount"`
	Paid          money         `json:"paid"`
	Method        string        `json:"method"`
	TransactionID string        `json:"transaction_id"`
	Link          string        `json:"link"`
	UpdatedAt     time.Time     `json:"updated_at"`
}

// operationView is an operation as clients see it.
type operationView struct {
	ID               string        `json:"id"`
	State            payment.State `json:"state"`
	TransactionID    string        `json:"transaction_id"`
	TransactionState string        `json:"transaction_state"`
	Amount           *money        `json:"amount"`
	Code             string        `json:"code"`
	Message          string        `json:"message"`
}

// New makes a PSP, with what its file remembers if there is one. Close it when it has a file.
func New(o Options) (*PSP, error) {
	switch o.Personality {
	case "":
		o.Personality = None
	case None, Idempotent, Unique:
	default:
		return nil, fmt.Errorf("sandbox: personality %q is none of none, idempotent, reference", o.Personality)
	}
	if err := o.Faults.check(); err != nil {
		return nil, fmt.Errorf("sandbox: %w", err)
	}
	p := &PSP{opts: o, script: o.Script, now: o.Now, faults: o.Faults, wake: make(chan struct{}, 1),
		rng: rand.New(rand.NewPCG(o.Seed, 0x6e617665747465))}
	if p.now == nil {
		p.now = time.Now
	}
	if p.script == nil {
		s, err := ParseScript([]byte(DefaultScript))
		if err != nil {
			return nil, fmt.Errorf("sandbox: %w", err)
		}
		p.script = s
	}
	p.world = world{requests: map[string]*request{}, transactions: map[string]*transaction{}, operations: map[string]*operation{},
		byReference: map[string][]string{}, transOf: map[string][]string{}, keys: map[string]*Entry{}, late: map[int]*lateOrder{}}
	for _, k := range p.script.Known {
		p.addTransaction(&transaction{ID: k.ID, Reference: k.Reference, Amount: k.amount, State: k.state, Expired: k.Expired})
	}
	p.change = change{} // the script is no news
	if o.File != "" {
		s, err := openStore(o.File, p.replay)
		if err != nil {
			return nil, fmt.Errorf("sandbox: %w", err)
		}
		p.store = s
	}
	for _, id := range p.world.order {
		if r := p.world.requests[id]; len(r.Steps) > 0 {
			p.world.due.add(r.Steps[0].At, r.ID)
		}
	}
	return p, nil
}

// Close closes the file, if any.
func (p *PSP) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.store == nil {
		return nil
	}
	return p.store.close()
}

// with runs f under the lock, after what was due by now, and keeps what changed before anybody hears of it.
func (p *PSP) with(f func(now time.Time)) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.broken != nil {
		return p.broken
	}
	now := p.now().UTC().Round(0)
	told := len(p.world.events)
	p.advance(now)
	f(now)
	if len(p.world.events) > told {
		select {
		case p.wake <- struct{}{}:
		default:
		}
	}
	c := p.change
	p.change = change{}
	if p.store != nil && !c.empty() {
		if err := p.store.append(&c); err != nil { // what is in memory now would be forgotten: stop
			p.broken = fmt.Errorf("sandbox: %w", err)
		}
	}
	return p.broken
}

// advance does what came due: late orders, scripted steps. Pending operations finish when they are looked at.
func (p *PSP) advance(now time.Time) {
	for {
		l := p.nextLate(now)
		id, at, ok := p.world.due.next(now)
		switch {
		case l != nil && (!ok || l.At.Before(at)):
			l.Gone = true
			delete(p.world.late, l.Number)
			p.change.Late = append(p.change.Late, *l)
			p.effect(&l.Order, l.At)
		case ok:
			p.world.due.drop()
			p.doScheduled(p.world.requests[id], at)
		default:
			return
		}
	}
}

func (p *PSP) addRequest(r *request) {
	p.world.requests[r.ID] = r
	p.world.order = append(p.world.order, r.ID)
	p.world.byReference[r.Reference] = append(p.world.byReference[r.Reference], r.ID)
	p.touch(r)
}

func (p *PSP) addTransaction(t *transaction) {
	if _, known := p.world.transactions[t.ID]; !known {
		p.world.transOf[t.Reference] = append(p.world.transOf[t.Reference], t.ID)
	}
	p.world.transactions[t.ID] = t
	p.touchTransaction(t)
}

// tell adds an event to the feed.
func (p *PSP) tell(r *request, word string, at time.Time, amount int64, reason string) {
	e := event{ID: "ev_" + strconv.Itoa(len(p.world.events)+1), Type: word, OccurredAt: at, Reason: reason, Data: p.view(r)}
	if amount != 0 {
		e.Amount = &money{amount, r.Amount.Currency}
	}
	p.world.events = append(p.world.events, e)
	p.change.Events = append(p.change.Events, e)
}

// view has no link yet: see linked.
func (p *PSP) view(r *request) requestView {
	v := requestView{ID: r.ID, State: r.State, Reference: r.Reference, Part: r.Part, Amount: r.Amount,
		Paid: money{r.Paid, r.Amount.Currency}, Method: r.Method, UpdatedAt: r.Updated}
	if n := len(r.Transactions); n > 0 {
		v.TransactionID = r.Transactions[n-1]
	}
	return v
}

// linked adds the address where the customer pays, beneath base.
func (p *PSP) linked(v requestView, base string) requestView {
	if p.opts.URL != "" {
		base = p.opts.URL
	}
	if base != "" {
		v.Link = base + "/pay/" + v.ID
	}
	return v
}

func viewOperation(o *operation) operationView {
	return operationView{o.ID, o.State, o.TransactionID, o.TransactionState, o.Amount, o.Code, o.Message}
}

var alphabet = base32.NewEncoding("0123456789ABCDEFGHJKMNPQRSTVWXYZ").WithPadding(base32.NoPadding)

// newID makes an id from what it is for, so that a rehearsal repeated has the same ids; the count tells repeats apart.
func newID(prefix, of string, taken func(string) bool) string {
	for n := 0; ; n++ {
		sum := sha256.Sum256([]byte(prefix + of + "/" + strconv.Itoa(n)))
		if id := prefix + alphabet.EncodeToString(sum[:])[:9]; !taken(id) {
			return id
		}
	}
}

func (p *PSP) requestID(key string) string {
	return newID("pr_", key, func(id string) bool { return p.world.requests[id] != nil })
}
func (p *PSP) transactionID(of string) string {
	return newID("T-", of, func(id string) bool { return p.world.transactions[id] != nil })
}
func (p *PSP) operationID(key string) string {
	return newID("op_", key, func(id string) bool { return p.world.operations[id] != nil })
}
