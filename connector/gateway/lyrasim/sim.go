// Package lyrasim is a simulator of Lyra's REST API V4 (PayZen, Systempay), to rehearse and to test with: stateful, strict,
// with a clock that can be advanced, customers that follow a script, faults on demand, notifications, and a ledger of every
// call and every effect. It shares no code with the gateway it is to keep honest, and knows no more of the PSP than the
// facts that gateway's documentation names; where the PSP's answer is unverified, Shows switches between the possibilities.
//
// Like the PSP it does not deduplicate: the same creation, refund or duplication sent twice has two effects, and the ledger
// shows it.
package lyrasim

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"
)

// What the simulated shop is called when nothing else is said; no secret, since no money moves here.
const (
	DefaultShop     = "12345678"
	DefaultPassword = "testpassword_navette-sandbox"
	DefaultHMACKey  = "sandbox-return-key"
)

// The PSP's own times.
const (
	authorisationLife = 7 * 24 * time.Hour  // of a card's authorisation, and of a validation that nobody gives
	orderLife         = 90 * 24 * time.Hour // of a payment order at most
	batchHour         = 20                  // UTC: the evening's remittance
)

// Options of the simulator; the zero value is usable.
type Options struct {
	Shop         string           // "" = DefaultShop
	Password     string           // test key; "" = DefaultPassword
	ProdPassword string           // production key; "" = none
	HMACKey      string           // key of returns; "" = DefaultHMACKey
	Now          func() time.Time // nil = time.Now; Advance moves on from it
	Script       *Script          // what customers do; nil = nothing
	Faults       Faults
	Shows        Shows
	Hook         Hook
	Seed         uint64
}

// Shows says what answers contain where the documentation does not. The zero value shows least.
type Shows struct {
	OrderTransactions bool // PaymentOrder/Get lists the transactions made on the order
	OrderMetadata     bool // … and its metadata
	PaymentOrderID    bool // transactions name their payment order
	Comments          bool // a credit shows the comment it was made with
	OwnOrderID        bool // Duplicate takes the orderId it is given, not that of its source
}

// PSP is the simulator. It may be used from many goroutines.
type PSP struct {
	opts   Options
	client *http.Client // of notifications

	mu     sync.Mutex
	ahead  time.Duration // of Options.Now
	faults Faults
	rng    *rand.Rand
	serial uint64
	acts   int // calls with an effect so far, for faults by turn

	orders  map[string]*order
	list    []*order
	txs     map[string]*transaction
	history []*transaction
	late    []lateCall
	plans   []plan
	ledger  ledger
	notices []*notice
}

type order struct {
	id, orderID, channel, recipient, phone, url, locale string
	status                                              string
	amount                                              int64
	currency                                            string
	created, updated, expires                           time.Time
	manual                                              bool
	delay                                               int
	metadata                                            map[string]string
	mode                                                string
}

type transaction struct {
	uuid, orderID, method, brand, operation, detailed, parent, comment string
	order                                                              *order // nil of a duplicate
	amount, refunded, total                                            int64
	currency                                                           string
	created, expected, captured                                        time.Time
	manual                                                             bool
	chargedBack                                                        bool
	code, detail                                                       string
	metadata                                                           map[string]string
	mode                                                               string
}

// New makes a simulator.
func New(o Options) *PSP {
	set := func(p *string, def string) {
		if *p == "" {
			*p = def
		}
	}
	set(&o.Shop, DefaultShop)
	set(&o.Password, DefaultPassword)
	set(&o.HMACKey, DefaultHMACKey)
	if o.Now == nil {
		o.Now = time.Now
	}
	return &PSP{opts: o, faults: o.Faults, client: &http.Client{Timeout: 30 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
		rng: rand.New(rand.NewPCG(o.Seed, 7)), orders: map[string]*order{}, txs: map[string]*transaction{}, ledger: newLedger()}
}

// Advance moves the clock forward and does everything that falls due on the way.
func (p *PSP) Advance(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ahead += max(d, 0)
	p.pass()
}

// now is the simulator's time. Called under the lock, like all that is not exported.
func (p *PSP) now() time.Time { return p.opts.Now().Add(p.ahead).UTC() }

// newID gives 32 hexadecimal digits, never twice.
func (p *PSP) newID() string {
	p.serial++
	var b [16]byte
	binary.BigEndian.PutUint64(b[:], p.opts.Seed)
	binary.BigEndian.PutUint64(b[8:], p.serial)
	sum := sha256.Sum256(b[:])
	return hex.EncodeToString(sum[:16])
}

// ofRef lists the transactions of an order's reference, oldest first.
func (p *PSP) ofRef(orderID, mode string) (list []*transaction) {
	for _, t := range p.history {
		if t.orderID == orderID && t.mode == mode {
			list = append(list, t)
		}
	}
	return list
}
