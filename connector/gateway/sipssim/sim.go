// Package sipssim plays Worldline Sips 2.0 for rehearsals and tests: Office JSON, paymentInit, the customer's page,
// automatic responses, the nightly remittance. It is strict where the published documents say what the real one checks,
// keeps an account of each transaction, and has a clock of its own that can be moved. It shares no code with the gateway
// that it tries.
package sipssim

import (
	"context"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// The public simulation account (sips-sdk-php). Every integrator knows it.
const (
	TestMerchant = "002001000000001"
	TestKey      = "002001000000001_KEY1"
	TestVersion  = "1"
)

// Options of a simulator.
type Options struct {
	Merchant string            // "" = TestMerchant
	Keys     map[string]string // by keyVersion; nil = TestKey under TestVersion
	Lag      time.Duration     // how long a new transaction is unknown to Office (25)
	Unsealed bool              // answers without a seal, as the test platform may give
	Off      []string          // functions that the contract lacks (40): validate, cancel, refund, duplicate
	Script   *Script           // what customers do; nil = they wait for a click
	BadSeal  string            // code of a wrong seal; "" = 34 (unverified)
	Seed     uint64            // of faults by chance
	Latency  time.Duration     // of each answer
	Lost     float64           // share of cash operations whose answer is lost after the effect
	Now      func() time.Time  // where the clock starts; nil = today at ten in the morning in Paris, so that tests meet no night
}

// Transaction is one transaction with its account, in minor units of Currency (ISO 4217 numeric).
type Transaction struct {
	Reference string    `json:"reference"`
	From      string    `json:"from,omitempty"` // of a duplicate
	Order     string    `json:"order,omitempty"`
	Status    string    `json:"status"`
	Mode      string    `json:"capture_mode"`
	Day       int       `json:"capture_day"`
	Currency  string    `json:"currency"`
	Amount    int64     `json:"amount"`
	Current   int64     `json:"current"`
	Refunded  int64     `json:"refunded"`
	Code      string    `json:"response_code"`
	At        time.Time `json:"at"`
}

// Act is one effect.
type Act struct {
	Function  string    `json:"function"`
	Reference string    `json:"reference"`
	Amount    int64     `json:"amount"`
	At        time.Time `json:"at"`
}

// Count is what came for one transactionReference by one function: "duplicate/F2026001".
type Count struct {
	Arrivals int `json:"arrivals"`
	Effects  int `json:"effects"`
	Bodies   int `json:"bodies"`
}

// Ledger is what really happened.
type Ledger struct {
	Calls        map[string]int   `json:"calls"` // by function
	Counts       map[string]Count `json:"counts"`
	Acts         []Act            `json:"acts"`
	Doubles      int              `json:"doubles"`  // effects that repeat an earlier one: function, transaction and amount; or a second payment of an order
	Withheld     int              `json:"withheld"` // effects whose answer was kept back
	Notices      int              `json:"notices"`  // automatic responses that were taken
	Transactions []Transaction    `json:"transactions"`
}

// PSP is the simulator. It may be used from many goroutines.
type PSP struct {
	o     Options
	paris *time.Location

	mu       sync.Mutex
	offset   time.Duration
	rng      *rand.Rand
	faults   []Fault
	standing []Fault // met by every call
	all      map[string]*Transaction
	order    []string
	bodies   map[string]map[string]bool
	counts   map[string]*Count
	ledger   Ledger
	visits   map[string]*visit
	timers   []timer // what customers and notices still have to do
	wake     chan struct{}
}

type timer struct {
	at time.Time
	do func(context.Context)
}

// New makes a simulator; Run does what is due later: customers, automatic responses.
func New(o Options) (*PSP, error) {
	if o.Merchant == "" {
		o.Merchant = TestMerchant
	}
	if len(o.Keys) == 0 {
		o.Keys = map[string]string{TestVersion: TestKey}
	}
	if o.BadSeal == "" {
		o.BadSeal = "34"
	}
	if s := o.Script; s != nil {
		if o.Lag == 0 {
			o.Lag = s.Lag
		}
		o.Off, o.Unsealed = append(slices.Clone(o.Off), s.Off...), o.Unsealed || s.Unsealed
	}
	paris, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		return nil, err
	}
	p := &PSP{o: o, paris: paris, rng: rand.New(rand.NewPCG(o.Seed, 11)), all: map[string]*Transaction{}, bodies: map[string]map[string]bool{}, counts: map[string]*Count{},
		visits: map[string]*visit{}, wake: make(chan struct{}, 1)}
	p.ledger.Calls = map[string]int{}
	start := time.Now().In(paris)
	start = time.Date(start.Year(), start.Month(), start.Day(), 10, 0, 0, 0, paris)
	if o.Now != nil {
		start = o.Now()
	}
	p.offset = time.Until(start)
	return p, nil
}

// now is the simulator's time.
func (p *PSP) now() time.Time { return time.Now().Add(p.offset).In(p.paris) }

// Advance moves the clock on; nights that pass on the way remit and expire.
func (p *PSP) Advance(d time.Duration) {
	p.mu.Lock()
	p.offset += d
	p.night()
	p.mu.Unlock()
	p.ring()
}

// night remits what is due and lets expire what nobody validated. p.mu is held.
func (p *PSP) night() {
	now := p.now()
	for _, t := range p.all {
		due := time.Date(t.At.Year(), t.At.Month(), t.At.Day()+t.Day, 22, 30, 0, 0, p.paris)
		if due.Before(t.At) {
			due = due.AddDate(0, 0, 1)
		}
		if now.Before(due) {
			continue
		}
		switch t.Status {
		case "TO_CAPTURE":
			t.Status = "CAPTURED"
		case "TO_VALIDATE":
			t.Status = "EXPIRED"
		}
	}
}

// closed tells the hour of the remittance.
func (p *PSP) closed() bool { return p.now().Hour() == 22 }

// LedgerNow copies what happened.
func (p *PSP) LedgerNow() Ledger {
	p.mu.Lock()
	defer p.mu.Unlock()
	l := p.ledger
	l.Calls = maps.Clone(l.Calls)
	l.Acts = slices.Clone(l.Acts)
	l.Counts = map[string]Count{}
	for k, c := range p.counts {
		v := *c
		v.Bodies = len(p.bodies[k])
		l.Counts[k] = v
	}
	for _, ref := range p.order {
		l.Transactions = append(l.Transactions, *p.all[ref])
	}
	return l
}

// Put makes a transaction as it stands, for tests.
func (p *PSP) Put(t Transaction) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if t.At.IsZero() {
		t.At = p.now()
	}
	if t.Code == "" {
		t.Code = "00"
	}
	p.add(&t)
}

func (p *PSP) add(t *Transaction) {
	p.all[t.Reference] = t
	p.order = append(p.order, t.Reference)
}

// effect notes what happened. p.mu is held.
func (p *PSP) effect(function, key string, amount int64) {
	for _, a := range p.ledger.Acts {
		if a.Function == function && a.Reference == key && a.Amount == amount {
			p.ledger.Doubles++
			break
		}
	}
	p.ledger.Acts = append(p.ledger.Acts, Act{function, key, amount, p.now()})
	if c := p.counts[function+"/"+key]; c != nil {
		c.Effects++
	}
}

// Run does what is due until ctx ends.
func (p *PSP) Run(ctx context.Context) error {
	for {
		p.mu.Lock()
		now, next := p.now(), time.Minute
		var due []timer
		p.timers = slices.DeleteFunc(p.timers, func(t timer) bool {
			if !t.at.After(now) {
				due = append(due, t)
				return true
			}
			next = min(next, t.at.Sub(now))
			return false
		})
		p.mu.Unlock()
		for _, t := range due {
			t.do(ctx)
		}
		if len(due) > 0 {
			continue
		}
		wait := time.NewTimer(next)
		select {
		case <-ctx.Done():
			wait.Stop()
			return nil
		case <-wait.C:
		case <-p.wake:
			wait.Stop()
		}
	}
}

// later plans something. p.mu is held.
func (p *PSP) later(in time.Duration, do func(context.Context)) {
	p.timers = append(p.timers, timer{p.now().Add(in), do})
	p.ring()
}

func (p *PSP) ring() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// Close ends nothing: the simulator keeps nothing open.
func (*PSP) Close() error { return nil }

// atoi reads an amount or a day as Sips does: digits alone.
func atoi(s string) (int64, bool) {
	if s == "" || len(s) > 12 || strings.Trim(s, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil
}
