package sandbox

import (
	"time"

	"github.com/navette-connect/navette/connector/payment"
)

// doScheduled does the next step of a request and makes the appointment for the one after.
func (p *PSP) doScheduled(r *request, at time.Time) {
	if r == nil || len(r.Steps) == 0 {
		return
	}
	s := r.Steps[0].Step
	r.Steps = r.Steps[1:]
	if len(r.Steps) > 0 {
		p.world.due.add(r.Steps[0].At, r.ID)
	}
	p.touch(r)
	p.do(r, s, at)
}

// do carries a step out where it makes sense; false where it does not.
func (p *PSP) do(r *request, s Step, at time.Time) bool {
	move := func(to payment.State) bool {
		if payment.Move(r.State, to) != payment.Moved {
			return false
		}
		r.State, r.Updated = to, at
		p.touch(r)
		return true
	}
	switch {
	case s.Pay != "":
		if r.Capture == "manual" || r.Capture == "deferred" {
			return p.authorise(r, s, at)
		}
		sum := part(s.Pay, r.Amount.Value-r.Paid, r.Amount.Currency)
		return sum > 0 && p.pay(r, s, sum, at)
	case s.Authorise:
		return p.authorise(r, s, at)
	case s.Fail != "":
		if r.State != payment.Open && r.State != payment.PartiallyPaid {
			return false
		}
		p.tell(r, payment.WordFailed, at, 0, s.Fail)
		return true
	case s.View:
		if r.State != payment.Open {
			return false
		}
		p.tell(r, payment.WordViewed, at, 0, s.Reason)
		return true
	case s.Refuse != "":
		return p.end(r, payment.Refused, payment.WordRefused, at, firstOf(s.Reason, s.Refuse))
	case s.Expire:
		return p.end(r, payment.Expired, payment.WordExpired, at, s.Reason)
	case s.Cancel:
		return p.end(r, payment.Cancelled, payment.WordCancelled, at, s.Reason)
	case s.Settle:
		if r.Paid == 0 || !move(payment.Settled) {
			return false
		}
		p.tell(r, payment.WordSettled, at, r.Paid, s.Reason)
		return true
	case s.Refund != "":
		sum := part(s.Refund, r.Paid-r.Refunded, r.Amount.Currency)
		return p.refund(r, sum, at, s.Reason) != ""
	case s.ChargeBack != "":
		sum := part(s.ChargeBack, r.Paid-r.Refunded, r.Amount.Currency)
		if sum <= 0 || !move(payment.ChargedBack) {
			return false
		}
		p.tell(r, payment.WordChargedBack, at, sum, s.Reason)
		return true
	}
	return false
}

// end closes a request that is not paid.
func (p *PSP) end(r *request, to payment.State, word string, at time.Time, reason string) bool {
	if payment.Move(r.State, to) != payment.Moved {
		return false
	}
	r.State, r.Updated = to, at
	p.touch(r)
	for _, id := range r.Transactions {
		if t := p.world.transactions[id]; t != nil && t.State == authorised {
			t.State = cancelled
			p.touchTransaction(t)
		}
	}
	p.tell(r, word, at, 0, reason)
	return true
}

// pay takes money; late payments are taken too.
func (p *PSP) pay(r *request, s Step, sum int64, at time.Time) bool {
	to := payment.Paid
	if r.Paid+sum < r.Amount.Value {
		to = payment.PartiallyPaid
	}
	if payment.Move(r.State, to) != payment.Moved {
		return false
	}
	t := p.newTransaction(r, sum, captured)
	r.State, r.Updated, r.Method = to, at, firstOf(s.Method, "CB")
	r.Paid += sum
	r.Transactions = append(r.Transactions, t.ID)
	p.touch(r)
	p.tell(r, payment.WordPaid, at, sum, s.Reason)
	return true
}

func (p *PSP) authorise(r *request, s Step, at time.Time) bool {
	if payment.Move(r.State, payment.Authorised) != payment.Moved {
		return false
	}
	t := p.newTransaction(r, r.Amount.Value, authorised)
	r.State, r.Updated, r.Method = payment.Authorised, at, firstOf(s.Method, "CB")
	r.Transactions = append(r.Transactions, t.ID)
	p.touch(r)
	p.tell(r, payment.WordAuthorised, at, r.Amount.Value, s.Reason)
	return true
}

// refund gives money back and returns the id of the credit, "" where it cannot be.
func (p *PSP) refund(r *request, sum int64, at time.Time, reason string) string {
	if sum <= 0 || sum > r.Paid-r.Refunded {
		return ""
	}
	to := payment.PartiallyRefunded
	if r.Refunded+sum == r.Paid {
		to = payment.Refunded
	}
	if payment.Move(r.State, to) != payment.Moved {
		return ""
	}
	left := sum
	for _, id := range r.Transactions {
		t := p.world.transactions[id]
		if t == nil || t.State != captured {
			continue
		}
		n := min(left, t.Amount.Value-t.Refunded)
		t.Refunded += n
		left -= n
		p.touchTransaction(t)
	}
	credit := p.newTransaction(r, sum, credited)
	r.Refunded += sum
	r.State, r.Updated = to, at
	p.touch(r)
	p.tell(r, payment.WordRefunded, at, sum, reason)
	return credit.ID
}

func (p *PSP) newTransaction(r *request, sum int64, state string) *transaction {
	t := &transaction{ID: p.transactionID(r.ID), Request: r.ID, Reference: r.Reference, Amount: money{sum, r.Amount.Currency}, State: state}
	p.addTransaction(t)
	return t
}

// part reads "full" or a decimal against what is left; 0 where it fits no such currency.
func part(s string, left int64, currency string) int64 {
	if s == "full" {
		return left
	}
	a, err := payment.ParseDecimal(s, currency)
	if err != nil {
		return 0
	}
	return a.Minor
}

func live(r *request) bool {
	switch r.State {
	case payment.Expired, payment.Cancelled, payment.Refused:
		return false
	}
	return true
}

func firstOf(s, other string) string {
	if s != "" {
		return s
	}
	return other
}
