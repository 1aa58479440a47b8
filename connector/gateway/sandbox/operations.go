package sandbox

import (
	"net/http"
	"time"

	"github.com/navette-connect/navette/connector/payment"
)

// verdict is what an operation comes to: a refusal with a code, or a transaction and an amount.
type verdict struct {
	status int // of a refusal; 0 = done
	code   string
	detail string
	trans  string
	state  string
	amount *money
}

func no(code, detail string) verdict {
	return verdict{status: http.StatusUnprocessableEntity, code: code, detail: detail}
}

func done(t *transaction, sum int64) verdict {
	return verdict{trans: t.ID, state: t.State, amount: &money{sum, t.Amount.Currency}}
}

// operate judges an operation and does it.
func (p *PSP) operate(o *order, e *Entry, at time.Time) reply {
	rule := p.script.operation(o)
	op := &operation{ID: p.operationID(o.Key), Key: o.Key, Operation: o.Operation, State: payment.Done, Created: at}
	var v verdict
	if rule != nil && rule.Refuse != "" {
		v = no(rule.Refuse, firstOf(rule.Reason, "refused by the script"))
	} else {
		v = p.perform(o, at)
	}
	pending := rule != nil && rule.Pending > 0
	if v.status != 0 && !pending {
		return problem(v.status, v.code, v.detail)
	}
	op.TransactionID, op.TransactionState, op.Amount = v.trans, v.state, v.amount
	if v.status != 0 {
		op.State, op.Code, op.Message = payment.Refused, v.code, v.detail
	}
	if pending {
		op.Then, op.State, op.At = op.State, payment.Pending, at.Add(time.Duration(rule.Pending))
	}
	p.world.operations[op.ID] = op
	p.touchOperation(op)
	p.took(e, op.ID)
	x := viewOperation(op)
	if op.State == payment.Pending {
		x.Code, x.Message = "", ""
	}
	return reply{status: http.StatusOK, op: &x}
}

// finish ends a pending operation whose time has come.
func (p *PSP) finish(op *operation, now time.Time) {
	if op.State == payment.Pending && !now.Before(op.At) {
		op.State = op.Then
		p.touchOperation(op)
	}
}

// target finds what an operation is about: a transaction, a request, or both. By transaction id, by payment id, or by
// reference: its last request, else its last transaction.
func (p *PSP) target(o *order) (*transaction, *request) {
	last := func(r *request) *transaction {
		for i := len(r.Transactions) - 1; i >= 0; i-- {
			if t := p.world.transactions[r.Transactions[i]]; t != nil && t.State != credited {
				return t
			}
		}
		return nil
	}
	switch {
	case o.TransactionID != "":
		t := p.world.transactions[o.TransactionID]
		if t == nil {
			return nil, nil
		}
		return t, p.world.requests[t.Request]
	case o.PaymentID != "":
		if r := p.world.requests[o.PaymentID]; r != nil {
			return last(r), r
		}
		return nil, nil
	}
	if ids := p.world.byReference[o.Reference]; len(ids) > 0 {
		r := p.world.requests[ids[len(ids)-1]]
		return last(r), r
	}
	ids := p.world.transOf[o.Reference]
	for i := len(ids) - 1; i >= 0; i-- {
		if t := p.world.transactions[ids[i]]; t.State != credited {
			return t, nil
		}
	}
	return nil, nil
}

// perform is the table of operations. An amount of nil means the remainder.
func (p *PSP) perform(o *order, at time.Time) verdict {
	t, r := p.target(o)
	if t == nil && r == nil {
		return verdict{status: http.StatusNotFound, code: "target_unknown", detail: "no such transaction, payment or reference"}
	}
	currency := ""
	if t != nil {
		currency = t.Amount.Currency
	} else {
		currency = r.Amount.Currency
	}
	if o.Amount != nil && (o.Amount.Currency != currency || o.Amount.Value <= 0) {
		return no("amount_invalid", "the amount must be above zero, in "+currency)
	}
	switch payment.Operation(o.Operation) {
	case payment.Consult:
		return consult(t, r)
	case payment.Capture:
		return p.capture(t, r, o.Amount, at)
	case payment.Cancel:
		return p.cancel(t, r, o.Amount, at)
	case payment.Refund:
		return p.credit(o, t, r, at)
	case payment.Modify:
		return p.modify(o, t, r)
	case payment.Duplicate:
		return p.duplicate(t, o.Amount)
	}
	return no("operation_unknown", "this operation is not known")
}

func consult(t *transaction, r *request) verdict {
	if t != nil {
		return done(t, t.Amount.Value-t.Refunded)
	}
	return verdict{state: string(r.State), amount: &money{r.Amount.Value - r.Paid, r.Amount.Currency}}
}

func (p *PSP) capture(t *transaction, r *request, sum *money, at time.Time) verdict {
	switch {
	case t == nil:
		return no("not_authorised", "nothing is authorised")
	case t.State == captured && sum == nil:
		return done(t, 0) // done before
	case t.State != authorised:
		return no("not_authorised", "the transaction is "+t.State)
	case sum != nil && sum.Value > t.Amount.Value:
		return no("beyond_remainder", "more than was authorised")
	}
	if sum != nil {
		t.Amount.Value = sum.Value // the rest of the authorisation is given up
	}
	t.State = captured
	p.touchTransaction(t)
	if r != nil {
		to := payment.Paid
		if r.Paid+t.Amount.Value < r.Amount.Value {
			to = payment.PartiallyPaid
		}
		if payment.Move(r.State, to) == payment.Moved {
			r.State = to
		}
		r.Paid += t.Amount.Value
		r.Updated = at
		p.touch(r)
		p.tell(r, payment.WordPaid, at, t.Amount.Value, "")
	}
	return done(t, t.Amount.Value)
}

func (p *PSP) cancel(t *transaction, r *request, sum *money, at time.Time) verdict {
	if t == nil || t.State == cancelled {
		switch {
		case t != nil && (r == nil || r.State == payment.Cancelled), t == nil && r.State == payment.Cancelled:
			v := verdict{state: cancelled, amount: &money{0, currencyOf(t, r)}} // done before
			if t != nil {
				v.trans = t.ID
			}
			return v
		case r.Paid > 0:
			return no("already_paid", "the payment was made: refund it")
		case !p.end(r, payment.Cancelled, payment.WordCancelled, at, ""):
			return no("not_cancellable", "the payment request is "+string(r.State))
		}
		return verdict{state: cancelled, amount: &money{r.Amount.Value, r.Amount.Currency}}
	}
	switch {
	case t.State != authorised:
		return no("already_captured", "the transaction is "+t.State+": refund it")
	case sum != nil && sum.Value > t.Amount.Value:
		return no("beyond_remainder", "more than was authorised")
	case sum != nil && sum.Value < t.Amount.Value:
		t.Amount.Value -= sum.Value
		p.touchTransaction(t)
		return done(t, sum.Value)
	}
	t.State = cancelled
	p.touchTransaction(t)
	if r != nil {
		p.end(r, payment.Cancelled, payment.WordCancelled, at, "")
	}
	return done(t, t.Amount.Value)
}

func currencyOf(t *transaction, r *request) string {
	if t != nil {
		return t.Amount.Currency
	}
	return r.Amount.Currency
}

func (p *PSP) credit(o *order, t *transaction, r *request, at time.Time) verdict {
	if t == nil || t.State != captured {
		return no("not_captured", "there is no payment to refund")
	}
	left := t.Amount.Value - t.Refunded
	if r != nil && o.TransactionID == "" {
		left = r.Paid - r.Refunded // several payments of one request
	}
	sum := left
	if o.Amount != nil {
		sum = o.Amount.Value
	}
	switch {
	case sum == 0: // done before
		return verdict{trans: t.ID, state: credited, amount: &money{0, t.Amount.Currency}}
	case sum > left:
		return no("beyond_remainder", "more than is left of the payment")
	}
	if r != nil {
		id := p.refund(r, sum, at, "")
		if id == "" {
			return no("not_refundable", "the payment request is "+string(r.State))
		}
		return verdict{trans: id, state: credited, amount: &money{sum, t.Amount.Currency}}
	}
	t.Refunded += sum
	p.touchTransaction(t)
	c := &transaction{ID: p.transactionID(t.ID), Reference: t.Reference, Amount: money{sum, t.Amount.Currency}, State: credited}
	p.addTransaction(c)
	return done(c, sum)
}

func (p *PSP) modify(o *order, t *transaction, r *request) verdict {
	switch {
	case o.Amount == nil && o.Date == "":
		return no("nothing_to_modify", "give an amount or a date")
	case t != nil && t.State == authorised:
		if o.Amount != nil {
			if o.Amount.Value > t.Amount.Value {
				return no("beyond_remainder", "more than was authorised")
			}
			t.Amount.Value = o.Amount.Value
			p.touchTransaction(t)
		}
		return done(t, t.Amount.Value)
	case t == nil && r.State == payment.Open:
		if o.Amount != nil {
			r.Amount.Value = o.Amount.Value
			p.touch(r)
		}
		return verdict{state: string(r.State), amount: &money{r.Amount.Value, r.Amount.Currency}}
	}
	return no("not_modifiable", "too late to modify it")
}

func (p *PSP) duplicate(t *transaction, sum *money) verdict {
	switch {
	case t == nil:
		return no("not_captured", "there is no transaction to duplicate")
	case t.Expired:
		return no("card_expired", "the card has expired")
	case t.State == cancelled || t.State == credited:
		return no("not_duplicable", "the transaction is "+t.State)
	}
	n := &transaction{ID: p.transactionID(t.ID), Reference: t.Reference, Amount: t.Amount, State: captured}
	if sum != nil {
		n.Amount = *sum
	}
	p.addTransaction(n)
	return done(n, n.Amount.Value)
}
