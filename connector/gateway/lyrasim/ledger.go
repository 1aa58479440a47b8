package lyrasim

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// Ledger is what really happened.
type Ledger struct {
	Calls map[string]int    `json:"calls"` // by service
	Keys  map[string]*Entry `json:"keys"`  // by the key a call was stamped with: in its metadata, else in its comment

	Transactions []Movement `json:"transactions"` // oldest first

	Requests []Request `json:"requests"` // the payment orders, oldest first: what the Back Office lists

	Orders   int `json:"orders"`
	Credits  int `json:"credits"`
	Debits   int `json:"debits"`
	Doubled  int `json:"doubled"`  // keys with more than one effect: to be zero
	Withheld int `json:"withheld"` // effects whose answer was not given
	Unkeyed  int `json:"unkeyed"`  // calls with an effect that bore no stamp: to be zero
}

// Entry is what happened under one key.
type Entry struct {
	Reference string         `json:"reference"` // the order's, or the transaction's id
	Service   string         `json:"service"`
	Arrivals  int            `json:"arrivals"`
	Effects   int            `json:"effects"` // the most that any one service had
	Withheld  int            `json:"withheld"`
	Bodies    map[string]int `json:"bodies"` // SHA-256

	effects map[string]int // by service: lowering and validating are two
}

// Request is a payment order as the Back Office lists it.
type Request struct {
	PaymentOrderID string `json:"paymentOrderId"`
	OrderID        string `json:"orderId"`
	Status         string `json:"status"`
}

// Movement is one transaction as the ledger lists it.
type Movement struct {
	UUID      string `json:"uuid"`
	OrderID   string `json:"orderId"`
	Operation string `json:"operation"` // DEBIT, CREDIT
	Status    string `json:"status"`    // detailed
	Parent    string `json:"parent,omitempty"`
	Amount    int64  `json:"amount"` // minor units
}

type ledger struct {
	calls    map[string]int
	keys     map[string]*Entry
	withheld int
	unkeyed  int
}

func newLedger() ledger { return ledger{calls: map[string]int{}, keys: map[string]*Entry{}} }

// keyOf finds the stamp of a call: 32 characters a-z2-7 among the words of a comment.
func keyOf(in *input) string {
	if k := in.Metadata["navette_key"]; k != "" {
		return k
	}
	for _, word := range strings.Fields(in.Comment) {
		if len(word) == 32 && strings.Trim(word, "abcdefghijklmnopqrstuvwxyz234567") == "" {
			return word
		}
	}
	return ""
}

func (l *ledger) called(c *call, acts bool) {
	l.calls[c.name]++
	switch {
	case !acts:
		return
	case c.key == "":
		l.unkeyed++
		return
	}
	e := l.keys[c.key]
	if e == nil {
		e = &Entry{Reference: c.in.OrderID + c.in.UUID + c.in.PaymentOrderID, Service: c.name, Bodies: map[string]int{}, effects: map[string]int{}}
		l.keys[c.key] = e
	}
	e.Arrivals++
	sum := sha256.Sum256(c.body)
	e.Bodies[hex.EncodeToString(sum[:])]++
}

func (l *ledger) answered(key string, withheld bool) {
	if withheld {
		l.withheld++
		if e := l.keys[key]; e != nil {
			e.Withheld++
		}
	}
}

// effected notes one effect.
func (p *PSP) effected(key, service string) {
	if e := p.ledger.keys[key]; e != nil {
		e.effects[service]++
		e.Effects = max(e.Effects, e.effects[service])
	}
}

// Ledger gives a copy of what happened so far.
func (p *PSP) Ledger() Ledger {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pass()
	l := Ledger{Calls: map[string]int{}, Keys: map[string]*Entry{}, Orders: len(p.list), Withheld: p.ledger.withheld, Unkeyed: p.ledger.unkeyed}
	for name, n := range p.ledger.calls {
		l.Calls[name] = n
	}
	for key, e := range p.ledger.keys {
		x := *e
		x.Bodies = map[string]int{}
		for b, n := range e.Bodies {
			x.Bodies[b] = n
		}
		l.Keys[key] = &x
		if e.Effects > 1 {
			l.Doubled++
		}
	}
	for _, o := range p.list {
		l.Requests = append(l.Requests, Request{o.id, o.orderID, o.status})
	}
	for _, t := range p.history {
		l.Transactions = append(l.Transactions, Movement{t.uuid, t.orderID, t.operation, t.detailed, t.parent, t.amount})
		if t.operation == "CREDIT" {
			l.Credits++
		} else {
			l.Debits++
		}
	}
	return l
}
