package lyra

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/navette-connect/navette/connector/gateway"
	"github.com/navette-connect/navette/connector/payment"
)

// lookOperation says what became of an operation, by the state of what it acted on. payment.ErrUnknown, after which it is
// sent again, is answered only where that cannot have a second effect: the PSP itself refuses the second validation and the
// second cancellation, a modification is the same twice, and a refund is absent when nothing of the kind was refunded.
func (g *Gateway) lookOperation(ctx context.Context, in *payment.Instruction) (payment.Outcome, error) {
	if in.Operation == payment.Duplicate {
		return g.lookDuplicate(ctx, in)
	}
	t, err := g.find(ctx, in, payment.ErrUnsupported)
	if err == nil && t.why == nil && t.uuid != "" {
		err = g.load(ctx, &t, payment.ErrUnsupported)
	}
	switch {
	case err != nil:
		return payment.Outcome{Code: gateway.CodeOf(err), Message: err.Error()}, err
	case t.why != nil:
		return payment.Outcome{}, gateway.Unsupported("not one transaction under this reference")
	case t.uuid == "":
		return g.lookAtOrder(in, t.order)
	}
	now, st := t.tx, statuses()[string(t.tx.Detailed)]
	sum, err := now.sum()
	if err != nil {
		return g.unreadable(in, err.Error())
	}
	switch in.Operation {
	case payment.Consult:
		out, err := g.showing(in, now)
		out.Amount = payment.Amount{} // it asked for none
		return out, err
	case payment.Capture:
		if !st.validate && (st.stage == stagePaid || st.stage == stageCaptured || now.Detailed == "WAITING_AUTHORISATION") {
			return g.showing(in, now)
		}
		return g.never()
	case payment.Cancel:
		switch {
		case cancelled(now) && (in.Amount.IsZero() || in.Amount == sum):
			return g.showing(in, now)
		case in.Amount.IsZero():
			return g.never()
		}
		return payment.Outcome{}, gateway.Unsupported("a partial cancellation leaves no trace of its own")
	case payment.Modify:
		if (in.Amount.IsZero() || sum == in.Amount) && (in.Date == "" || strings.HasPrefix(string(now.Details.Card.Expected), in.Date)) {
			return g.showing(in, now)
		}
		return g.never()
	}
	return g.lookRefund(ctx, in, now)
}

func (g *Gateway) never() (payment.Outcome, error) {
	return payment.Outcome{}, &gateway.Error{Kind: payment.ErrUnknown, Text: "no trace of it at the PSP"}
}

// lookAtOrder is for operations on a request that has no transaction.
func (g *Gateway) lookAtOrder(in *payment.Instruction, o *order) (payment.Outcome, error) {
	asked, err := o.sum()
	if err != nil {
		return g.unreadable(in, err.Error())
	}
	out := payment.Outcome{Verdict: payment.VerdictDone, State: payment.Done, TransactionState: g.word(o.Status)}
	state := orderStates()[string(o.Status)]
	if in.Operation == payment.Consult {
		out.Message = g.word(o.Status)
	}
	if in.Operation == payment.Cancel && state == payment.Cancelled || in.Operation == payment.Consult ||
		in.Operation == payment.Modify && in.Date == "" && asked == in.Amount {
		return out, nil
	}
	return g.never() // done again it is the same, or refused
}

// lookRefund finds a refund among the credits of its transaction. The PSP shows the stamp (in the comment, or in metadata)
// or does not; without it what the journal knows tells: another refund's credit is not ours, and the only one of the amount made
// since ours was sent is. The rest is for a person.
func (g *Gateway) lookRefund(ctx context.Context, in *payment.Instruction, now *transaction) (payment.Outcome, error) {
	left, err := remainder(now)
	if err != nil {
		return g.unreadable(in, err.Error())
	}
	sum, _ := now.sum()
	switch {
	case left == sum: // nothing of it was refunded
		return g.never()
	case in.Amount.IsZero() && left.Minor == 0:
		return g.showing(in, now)
	case in.Amount.IsZero(): // the rest again: never more than there is
		return g.never()
	}
	list, err := g.ordered(ctx, string(now.Order.ID), payment.ErrUnsupported)
	if err != nil {
		return payment.Outcome{Code: gateway.CodeOf(err), Message: err.Error()}, err
	}
	alike := 0               // of the same amount, and perhaps ours
	var fresh []*transaction // of them, those made since it was sent
	for i := range list.Transactions {
		c := &list.Transactions[i]
		if c.Operation != "CREDIT" || c.Details.Parent != now.UUID {
			continue
		}
		if strings.Contains(string(c.Comment), in.Key) || stampOf(c.Metadata) == in.Key {
			return g.showing(in, c)
		}
		if a, err := c.sum(); (err != nil || a == in.Amount) && !anothers(in, c) {
			if alike++; err == nil && in.Trace.SentAt > 0 && instant(c.Created).After(time.UnixMicro(in.Trace.SentAt).Add(-skew)) {
				fresh = append(fresh, c)
			}
		}
	}
	if len(fresh) == 1 && !in.Trace.Others {
		return g.showing(in, fresh[0])
	}
	if alike > 0 {
		return payment.Outcome{}, gateway.Unsupported("a credit of this amount is there, and nothing tells whether it is this one")
	}
	if credited(list.Transactions, now) != sum.Minor-left.Minor { // something was refunded that is not listed
		return payment.Outcome{}, gateway.Unsupported("the credits are not all listed")
	}
	return g.never()
}

// skew is how far the PSP's clock may be from ours.
const skew = 2 * time.Minute

// anothers tells that a credit is certainly not this refund's: it bears another stamp, or another refund of ours has it. Its
// time proves nothing: a journal that was lost has forgotten when something was sent first.
func anothers(in *payment.Instruction, c *transaction) bool {
	if strings.HasPrefix(string(c.Comment), "navette ") { // stamps are shown, and this is not ours
		return true
	}
	return slices.Contains(in.Trace.Made, string(c.UUID))
}

// credited is the sum of the credits of a transaction that were not refused, in minor units.
func credited(list []transaction, of *transaction) (total int64) {
	for _, t := range list {
		if t.Operation == "CREDIT" && t.Details.Parent == of.UUID && t.Amount != nil && statuses()[string(t.Detailed)].stage != stageFailed {
			total += *t.Amount
		}
	}
	return total
}

// lookDuplicate finds a duplicate under the reference it was given.
func (g *Gateway) lookDuplicate(ctx context.Context, in *payment.Instruction) (payment.Outcome, error) {
	list, err := g.ordered(ctx, OrderID(in), payment.ErrUnsupported)
	switch {
	case isNothing(err) && duplicateFound:
		return g.never()
	case isNothing(err):
		return payment.Outcome{}, gateway.Unsupported("no duplicate under its reference, which proves nothing")
	case err != nil:
		return payment.Outcome{Code: gateway.CodeOf(err), Message: err.Error()}, err
	}
	var debits []transaction
	for _, t := range list.Transactions {
		if t.debit() {
			debits = append(debits, t)
		}
	}
	if len(debits) != 1 {
		return payment.Outcome{}, gateway.Unsupported("not one transaction under the duplicate's reference")
	}
	return g.showing(in, &debits[0])
}
