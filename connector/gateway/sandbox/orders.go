package sandbox

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/navette-connect/navette/connector/payment"
)

// order is a POST that arrived whole. Only what the rules need is kept.
type order struct {
	Key           string `json:"key"`
	Body          string `json:"body"`      // SHA-256 of the body, hex
	Operation     string `json:"operation"` // "request" or an operation
	Reference     string `json:"reference"`
	Part          string `json:"part"`
	Amount        *money `json:"amount"`
	Label         string `json:"label"`
	Capture       string `json:"capture"`
	PaymentID     string `json:"payment_id"`
	TransactionID string `json:"transaction_id"`
	Date          string `json:"date"`

	echo string // credentials and e-mail address, for the Echo fault alone; never kept
}

const requestOrder = "request"

// lateOrder is an order whose effect comes at At.
type lateOrder struct {
	Number int       `json:"number"`
	At     time.Time `json:"at"`
	Order  order     `json:"order"`
	Gone   bool      `json:"gone,omitempty"`
}

// reply is what the PSP would say, and the fault that may keep it from saying so.
type reply struct {
	status  int
	fault   Fault
	request *requestView // one of the two, of a status below 300
	op      *operationView
	problem *problemBody
	bare    bool // a status without anything of the PSP's
	retry   string
}

type problemBody struct {
	Title  string `json:"title"`
	Status int    `json:"status"`
	Code   string `json:"code"`
	Detail string `json:"detail"`
}

func problem(status int, code, detail string) reply {
	return reply{status: status, problem: &problemBody{http.StatusText(status), status, code, detail}}
}

// post takes an order: arrival, fault, effect, answer, in the ledger in that order.
func (p *PSP) post(o order) (reply, time.Duration, error) {
	var r reply
	var latency time.Duration
	err := p.with(func(now time.Time) {
		p.count(func(t *Totals) { t.Arrivals++ })
		e := p.entry(&o)
		e.Arrivals++
		if e.Bodies == nil {
			e.Bodies = map[string]int{}
		}
		e.Bodies[o.Body]++
		r = p.misbehave(&o, p.pick(p.world.totals.Arrivals), now)
		latency = time.Duration(p.faults.Latency)
		switch r.fault {
		case Lost, Cut, Late, Hang, Garbled, Strange, HTML:
			e.answer(string(r.fault))
			p.count(func(t *Totals) { t.Withheld++ })
		default:
			e.answer(strconv.Itoa(r.status))
			p.count(func(t *Totals) {
				t.Answered++
				if r.problem != nil {
					t.Refused++
				}
			})
		}
	})
	return r, latency, err
}

// misbehave gives the reply under a fault.
func (p *PSP) misbehave(o *order, f Fault, now time.Time) reply {
	if status, effect := f.Status(); status != 0 {
		if effect {
			p.effect(o, now)
		}
		r := reply{status: status, bare: true}
		if status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable {
			r.retry = p.faults.RetryAfter
		}
		return r
	}
	switch f {
	case Cut, HTML:
		return reply{status: http.StatusOK, fault: f}
	case Late:
		delay := time.Duration(p.faults.Delay)
		if delay == 0 {
			delay = time.Second
		}
		n := p.world.totals.Arrivals
		l := lateOrder{Number: n, At: now.Add(delay), Order: *o}
		p.world.late[n] = &l
		p.change.Late = append(p.change.Late, l)
		return reply{status: http.StatusOK, fault: f}
	case Refuse:
		return problem(http.StatusUnprocessableEntity, "refused_on_demand", "refused by a fault of the sandbox")
	case Echo:
		return problem(http.StatusUnprocessableEntity, "echo", "you sent "+o.echo)
	}
	r := p.effect(o, now)
	if r.status < 300 { // a refusal is refused whole: there is nothing to lose
		r.fault = f
	}
	return r
}

func (p *PSP) nextLate(now time.Time) *lateOrder {
	var first *lateOrder
	for _, l := range p.world.late {
		if !l.At.After(now) && (first == nil || l.At.Before(first.At) || l.At.Equal(first.At) && l.Number < first.Number) {
			first = l
		}
	}
	return first
}

// effect judges an order by the PSP's personality and rules, and does it.
func (p *PSP) effect(o *order, at time.Time) reply {
	e := p.entry(o)
	if p.opts.Personality != None {
		for _, l := range p.world.late {
			if l.Order.Key == o.Key {
				return problem(http.StatusConflict, "in_flight", "this key is being worked on")
			}
		}
	}
	if len(e.Objects) > 0 {
		switch p.opts.Personality {
		case Idempotent:
			if len(e.Bodies) > 1 {
				return problem(http.StatusUnprocessableEntity, "key_reused", "this key came with another body before")
			}
			return p.again(e.Objects[0], at)
		case Unique:
			return problem(http.StatusConflict, "key_known", "this key was taken before: look it up")
		}
	}
	if o.Operation == requestOrder {
		return p.create(o, e, at)
	}
	return p.operate(o, e, at)
}

// again repeats the answer of an object made before.
func (p *PSP) again(id string, at time.Time) reply {
	if r := p.world.requests[id]; r != nil {
		v := p.view(r)
		return reply{status: http.StatusOK, request: &v}
	}
	if op := p.world.operations[id]; op != nil {
		p.finish(op, at)
		v := viewOperation(op)
		return reply{status: http.StatusOK, op: &v}
	}
	return problem(http.StatusUnprocessableEntity, "lost", "the sandbox has lost this object")
}

func (p *PSP) create(o *order, e *Entry, at time.Time) reply {
	switch {
	case o.Reference == "":
		return problem(http.StatusUnprocessableEntity, "reference_missing", "a payment request needs a reference")
	case o.Amount == nil || o.Amount.Value <= 0:
		return problem(http.StatusUnprocessableEntity, "amount_invalid", "a payment request needs an amount above zero")
	}
	if _, err := payment.Exponent(o.Amount.Currency); err != nil {
		return problem(http.StatusUnprocessableEntity, "currency_unknown", "this currency is not known")
	}
	if p.opts.Personality == Unique {
		for _, id := range p.world.byReference[o.Reference] {
			if r := p.world.requests[id]; r.Part == o.Part && live(r) {
				return problem(http.StatusUnprocessableEntity, "reference_known", "a payment request with this reference is there already")
			}
		}
	}
	number := len(p.world.order) + 1
	rule := p.script.rule(o.Reference, o.Part, number)
	if rule != nil && rule.Refuse != "" && rule.After == 0 {
		return problem(http.StatusUnprocessableEntity, rule.Refuse, firstOf(rule.Reason, "refused by the script"))
	}
	r := &request{ID: p.requestID(o.Key), Number: number, Key: o.Key, Reference: o.Reference, Part: o.Part, Label: o.Label, Amount: *o.Amount,
		State: payment.Open, Capture: o.Capture, Created: at, Updated: at}
	if rule != nil {
		r.Steps = rule.plan(at)
	}
	p.addRequest(r)
	if len(r.Steps) > 0 {
		p.world.due.add(r.Steps[0].At, r.ID)
	}
	p.took(e, r.ID)
	p.tell(r, payment.WordSent, at, 0, "")
	v := p.view(r)
	return reply{status: http.StatusCreated, request: &v}
}

// took notes an effect in the ledger.
func (p *PSP) took(e *Entry, id string) {
	e.Effects++
	e.Objects = append(e.Objects, id)
	p.count(func(t *Totals) { t.Effects++ })
}

// lookup gives what stands under a key, hiding what is younger than the faults' lag.
func (p *PSP) lookup(key string, requests bool) (list []any, fault string, err error) {
	list = []any{}
	err = p.with(func(now time.Time) {
		p.count(func(t *Totals) { t.Lookups++ })
		if fault = p.faults.Lookup; fault != "" {
			return
		}
		e := p.world.keys[key]
		if e == nil {
			return
		}
		seen := now.Add(-time.Duration(p.faults.Lag))
		for _, id := range e.Objects {
			if r := p.world.requests[id]; r != nil && requests && !r.Created.After(seen) {
				list = append(list, p.view(r))
			}
			if op := p.world.operations[id]; op != nil && !requests && !op.Created.After(seen) {
				p.finish(op, now)
				list = append(list, viewOperation(op))
			}
		}
	})
	return list, fault, err
}

// read gives a payment request by its id, nil if there is none.
func (p *PSP) read(id string) (v *requestView, fault string, err error) {
	err = p.with(func(time.Time) {
		p.count(func(t *Totals) { t.Reads++ })
		if fault = p.faults.Lookup; fault != "" {
			return
		}
		if r := p.world.requests[id]; r != nil {
			x := p.view(r)
			v = &x
		}
	})
	return v, fault, err
}

// feed gives the events after a cursor and the next cursor; ok is false for a cursor that is none.
func (p *PSP) feed(after string, limit int) (list []event, next string, ok bool, fault string, err error) {
	err = p.with(func(time.Time) {
		p.count(func(t *Totals) { t.Reads++ })
		if fault = p.faults.Feed; fault != "" {
			return
		}
		n := 0
		if after != "" {
			var bad error
			if n, bad = strconv.Atoi(after); bad != nil || n < 0 {
				return
			}
		}
		if limit <= 0 || limit > 1000 {
			limit = 1000
		}
		from := min(n, len(p.world.events))
		to := min(from+limit, len(p.world.events))
		list, next, ok = append([]event{}, p.world.events[from:to]...), strconv.Itoa(max(n, to)), true
	})
	return list, next, ok, fault, err
}

// Deed is a step done by hand, to the payment request with that id, or to the last one with that reference and part.
type Deed struct {
	ID        string `json:"id"`
	Reference string `json:"reference"`
	Part      string `json:"part"`
	Step
}

// Act does a step now: what a customer or somebody in the PSP's back office would. found tells whether there is such a
// request, done whether the step made sense where it stands.
func (p *PSP) Act(d Deed) (found, done bool, err error) {
	if err := d.check(); err != nil {
		return false, false, err
	}
	err = p.with(func(now time.Time) {
		r := p.world.requests[d.ID]
		if d.ID == "" {
			for _, id := range p.world.byReference[d.Reference] {
				if x := p.world.requests[id]; x.Part == d.Part {
					r = x
				}
			}
		}
		if r != nil {
			found, done = true, p.do(r, d.Step, now)
		}
	})
	return found, done, err
}

func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil { // our own plain structs: cannot be
		return []byte("null")
	}
	return b
}
