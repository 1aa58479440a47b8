// Package payboxsim plays Paybox (Verifone; Up2pay e-Transactions) for rehearsals and tests: PPPS on two hosts, the
// hosted page, and notifications signed with a key pair of its own. It is strict where the published modules show what
// the real one checks, keeps an account of each transaction, and has a clock that can be moved. It shares no code with the
// gateway that it tries.
package payboxsim

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	mathrand "math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"
)

// Published test account (BenMorel/Paybox tests). Every integrator knows it.
const (
	TestSite       = "1999888"
	TestRank       = "63"
	TestIdentifier = "109518543"
	TestKey        = "0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF"
)

// Options of a simulator; empty account fields are those of the published test account.
type Options struct {
	Site, Rank, Identifier, Key string // Key in hexadecimal
	Seed                        uint64 // of faults by chance
	Faults                      Faults
	Script                      *Script          // what customers do; nil: they wait for a click
	Now                         func() time.Time // nil = time.Now; Advance adds to it
	Signer                      *rsa.PrivateKey  // of notifications; nil: one of its own
	Unique                      bool             // a second payment under a PBX_CMD that was paid is refused; the real one is not known to
}

// Status is the STATUS of a transaction, in the words of 00017.
type Status string

// The statuses (nexylan/paybox-direct Status).
const (
	Authorised  Status = "Autorisé"
	Captured    Status = "Capturé"
	Cancelled   Status = "Annulé"
	Refunded    Status = "Remboursé"
	Declined    Status = "Refusé"
	ChargedBack Status = "Rejet support"
)

// Transaction is one transaction with its account, in minor units of Currency (ISO 4217 numeric).
type Transaction struct {
	Trans, Call   string // NUMTRANS, NUMAPPEL
	Reference     string
	Currency      string
	Status        Status
	Amount        int64 // authorised
	Captured      int64
	Refunded      int64
	Authorisation string
	Remitted      bool // went out with a night's collection
	CaptureOn     string
	of            string // the transaction it captures
}

// Act is one effect.
type Act struct {
	Type, Number, Trans, Reference string
	Amount                         int64
	At                             time.Time
}

// Count is what came under one question number.
type Count struct{ Arrivals, Effects, Bodies int }

// Ledger is what really happened.
type Ledger struct {
	Calls        map[string]int // by TYPE; "page" for forms of the hosted page
	Acts         []Act
	Doubles      int // effects that repeat an earlier one: same type, transaction, amount and reference
	Withheld     int // effects whose answer was kept back
	Numbers      map[string]Count
	Transactions []Transaction
	Notices      int
}

// PSP is the simulator. It may be used from many goroutines.
type PSP struct {
	key    []byte
	signer *rsa.PrivateKey
	public []byte

	mu      sync.Mutex
	o       Options
	offset  time.Duration
	rng     *mathrand.Rand
	faults  Faults
	posts   int // of acts
	serial  int64
	all     map[string]*Transaction // by NUMTRANS
	order   []string                // NUMTRANS in the order they were made
	used    map[string]bool         // day and question number
	numbers map[string]*Count
	bodies  map[string]map[string]bool
	done    map[string]int // effects by what they do
	ledger  Ledger
	visits  map[string]*visit
	outbox  []notice
	wake    chan struct{}
}

// New makes a simulator; Run delivers its notifications.
func New(o Options) (*PSP, error) {
	for _, f := range []struct {
		to  *string
		std string
	}{{&o.Site, TestSite}, {&o.Rank, TestRank}, {&o.Identifier, TestIdentifier}, {&o.Key, TestKey}} {
		if *f.to == "" {
			*f.to = f.std
		}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	p := &PSP{o: o, faults: o.Faults, rng: mathrand.New(mathrand.NewPCG(o.Seed, 7)), all: map[string]*Transaction{}, used: map[string]bool{},
		numbers: map[string]*Count{}, bodies: map[string]map[string]bool{}, done: map[string]int{}, visits: map[string]*visit{}, wake: make(chan struct{}, 1),
		serial: 563148, ledger: Ledger{Calls: map[string]int{}}}
	var err error
	if p.key, err = hex.DecodeString(o.Key); err != nil {
		return nil, errors.New("the HMAC key is no hexadecimal")
	}
	if p.signer = o.Signer; p.signer == nil {
		if p.signer, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
			return nil, err
		}
	}
	der, err := x509.MarshalPKIXPublicKey(&p.signer.PublicKey)
	if err != nil {
		return nil, err
	}
	p.public = pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	if err := o.Faults.check(); err != nil {
		return nil, err
	}
	if o.Script != nil {
		for _, t := range o.Script.Transactions {
			if err := p.Put(t); err != nil {
				return nil, err
			}
		}
	}
	return p, nil
}

// PublicKey gives the PEM of the key that notifications are signed with.
func (p *PSP) PublicKey() []byte { return slices.Clone(p.public) }

// Advance moves the clock, and does what happens on the way: collections at night, deferred captures.
func (p *PSP) Advance(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.offset += max(d, 0)
	p.nights()
}

// now is the simulator's time, at the PSP's place.
func (p *PSP) now() time.Time { return p.o.Now().Add(p.offset).In(paris()) }

func paris() *time.Location {
	if l, err := time.LoadLocation("Europe/Paris"); err == nil {
		return l
	}
	return time.UTC
}

// nights captures what was deferred to today, and remits what was captured before today: the evening's collection.
func (p *PSP) nights() {
	today := p.now().Format("20060102")
	for _, id := range p.order {
		t := p.all[id]
		if t.Status == Authorised && t.CaptureOn != "" && t.CaptureOn <= today {
			t.Status, t.Captured, t.CaptureOn = Captured, t.Amount, today
		}
		if t.Status == Captured && t.CaptureOn < today {
			t.Remitted = true
		}
	}
}

// Put adds a transaction as if a customer had paid; one whose NUMTRANS is there already is left as it is. Empty fields:
// numbers of its own, euro, authorised.
func (p *PSP) Put(t Transaction) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if t.Amount <= 0 || len(t.Trans) > 10 || len(t.Call) > 10 || strings.Trim(t.Trans+t.Call, "0123456789") != "" {
		return fmt.Errorf("transaction %q: an amount, and numbers of at most ten digits", t.Trans)
	}
	if t.Trans == "" {
		t.Trans = p.number()
	}
	t.Trans, t.Call = pad(t.Trans), pad(t.Call)
	if t.Call == pad("") {
		t.Call = pad(fmt.Sprint(p.serial + 219504))
	}
	if p.all[t.Trans] != nil {
		return nil
	}
	if t.Currency == "" {
		t.Currency = "978"
	}
	if t.Status == "" {
		t.Status = Authorised
	}
	if t.Status == Captured && t.Captured == 0 {
		t.Captured, t.CaptureOn = t.Amount, p.now().Format("20060102")
	}
	if t.Authorisation == "" {
		t.Authorisation = "XXXXXX"
	}
	p.all[t.Trans] = &t
	p.order = append(p.order, t.Trans)
	return nil
}

func pad(s string) string { return strings.Repeat("0", max(0, 10-len(s))) + s }

func (p *PSP) number() string {
	for {
		p.serial++
		if n := pad(fmt.Sprint(p.serial)); p.all[n] == nil {
			return n
		}
	}
}

// Ledger gives what really happened so far.
func (p *PSP) Ledger() Ledger {
	p.mu.Lock()
	defer p.mu.Unlock()
	l := p.ledger
	l.Calls, l.Acts = maps.Clone(l.Calls), slices.Clone(l.Acts)
	l.Numbers = map[string]Count{}
	for n, c := range p.numbers {
		l.Numbers[n] = *c
	}
	l.Transactions = nil
	for _, id := range p.order {
		l.Transactions = append(l.Transactions, *p.all[id])
	}
	return l
}

// effect notes that something happened to money.
func (p *PSP) effect(kind, number, trans, reference string, amount int64) {
	p.ledger.Acts = append(p.ledger.Acts, Act{kind, number, trans, reference, amount, p.now()})
	what := fmt.Sprintf("%s|%s|%d|%s", kind, trans, amount, reference)
	if p.done[what]++; p.done[what] > 1 {
		p.ledger.Doubles++
	}
	if c := p.numbers[number]; c != nil {
		c.Effects++
	}
}

// Run delivers notifications until ctx ends.
func (p *PSP) Run(ctx context.Context) error {
	for {
		p.mu.Lock()
		list := p.outbox
		p.outbox = nil
		p.mu.Unlock()
		for _, n := range list {
			n.deliver(ctx)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-p.wake:
		}
	}
}

// Close ends the simulator; nothing outlives it.
func (p *PSP) Close() error { return nil }
