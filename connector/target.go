package connector

import (
	"context"

	"github.com/navette-connect/navette/connector/journal"
	"github.com/navette-connect/navette/connector/message"
	"github.com/navette-connect/navette/connector/payment"
)

// targets holds the staged operations of a file, behind after up to upto, against what the journal knows of the requests
// they act on: beyond the remainder or in another currency they are rejected, of a target nobody knows they wait, and a
// refund of the whole remainder shows its amount to the limits.
func (n *intake) targets(ctx context.Context, f *journal.File, after, upto int64) error {
	list, err := n.j.StagedOperations(ctx, f.ID, after, upto)
	if err != nil {
		return err
	}
	lanes := map[int64]string{}
	for i := range list {
		it := &list[i]
		if it.Target, err = n.j.TargetOf(ctx, &it.Instruction); err != nil {
			return err
		}
		// One that names the transaction alone must not overtake those that name its reference. Of several parts each goes alone.
		if t := it.Target; t.ID != 0 && t.Part == "" && it.Reference == "" && t.Reference != "" {
			lanes[it.ID] = t.Reference
		}
		v, err := n.aimed(ctx, f, it)
		if err != nil {
			return err
		}
		if v == nil {
			continue
		}
		v.Document = it.RowID
		err = n.j.Do(ctx, func(tx *journal.Tx) error {
			if v.Code == "NV-1407" {
				if err := tx.SetDue(dueTarget, it.ID, f.Account, tx.Now, n.flow.Patience.Milliseconds()); err != nil {
					return err
				}
			}
			return tx.Judge(f, []journal.Verdict{*v})
		})
		if err != nil {
			return err
		}
	}
	if len(lanes) == 0 {
		return nil
	}
	return n.j.Do(ctx, func(tx *journal.Tx) error { return tx.SetLanes(f, lanes) })
}

// aimed decides about one operation; nil: it goes on.
func (n *intake) aimed(ctx context.Context, f *journal.File, it *journal.Item) (*journal.Verdict, error) {
	t := it.Target
	named := it.TransactionID != "" || it.PaymentID != "" || it.Operation == payment.Consult
	if t.Several && !named { // the PSP would choose one of them
		return &journal.Verdict{State: journal.RowRejected, Code: "NV-1407", Message: n.say(message.New("NV-1407.several", "reference", it.Reference))}, nil
	}
	blind := n.flow.Blind || it.Part != "" // no PSP is asked by part
	if t.ID == 0 || t.PaymentID == "" && blind {
		if blind && !named {
			until := journal.Time(f.ReceivedAt).Add(n.flow.Patience).In(n.location).Format("02/01/2006 15:04")
			return &journal.Verdict{State: journal.RowHeld, Code: "NV-1407", Message: n.say(message.New("NV-1407.waiting", "reference", it.Reference, "until", until))}, nil
		}
		return n.wholeUnknown(it), nil
	}
	reject := func(text message.Text) *journal.Verdict {
		return &journal.Verdict{State: journal.RowRejected, Code: "NV-1406", Message: n.say(text)}
	}
	money := it.Operation == payment.Capture || it.Operation == payment.Refund
	if money && !it.Amount.IsZero() && it.Amount.Currency != t.Amount.Currency {
		return reject(message.New("NV-1406.currency", "currency", it.Amount.Currency, "expected", t.Amount.Currency)), nil
	}
	left, known, err := n.remainder(ctx, f, it)
	if err != nil || !money {
		return nil, err
	}
	if !known {
		return n.wholeUnknown(it), nil
	}
	rest := payment.Amount{Minor: left, Currency: t.Amount.Currency}
	switch {
	case left <= 0 && it.Operation == payment.Capture:
		return reject(message.New("NV-1406.nothing_capture")), nil
	case left <= 0:
		return reject(message.New("NV-1406.nothing_refund")), nil
	case !it.Amount.IsZero() && it.Amount.Minor > left:
		return reject(message.New("NV-1406.beyond", "amount", n.money(it.Amount), "remainder", n.money(rest))), nil
	case it.Amount.IsZero() && it.Operation == payment.Refund:
		return n.overLimit(rest)
	}
	return nil, nil
}

// remainder is what is left to capture or to refund of an operation's target, in minor units; known is false when the
// journal cannot tell, as for a request whose payment it has not heard of.
func (n *intake) remainder(ctx context.Context, f *journal.File, it *journal.Item) (left int64, known bool, err error) {
	t := it.Target
	acts, err := n.j.ActsOn(ctx, it.Operation, f.Account, t, f.ID, it.ID)
	if err != nil {
		return 0, false, err
	}
	switch it.Operation {
	case payment.Refund:
		if t.Paid == 0 {
			return 0, false, nil
		}
		left = t.Paid - max(t.Refunded, acts.Done) - acts.Unfinished
	case payment.Capture:
		if t.State != payment.Authorised {
			return 0, false, nil // captured already, or not authorised as far as is known: the PSP tells
		}
		left = t.Amount.Minor - max(t.Paid, acts.Done) - acts.Unfinished
	default:
		return 0, false, nil
	}
	if acts.Whole {
		left = 0
	}
	return left, true, nil
}

// wholeUnknown holds a refund of the whole remainder that the journal does not know, where a limit is to see it.
func (n *intake) wholeUnknown(it *journal.Item) *journal.Verdict {
	if it.Operation != payment.Refund || !it.Amount.IsZero() || !bounded(n.flow.Limits.Amount) && !bounded(n.flow.FourEyes) {
		return nil
	}
	return &journal.Verdict{State: journal.RowHeld, Code: "NV-1504", Message: n.say(message.New("NV-1504.remainder"))}
}

// overLimit holds an operation above the limits of one transaction.
func (n *intake) overLimit(rest payment.Amount) (*journal.Verdict, error) {
	for _, l := range n.amountLimits() {
		limit, err := limitOf(l.limit, rest.Currency)
		if err != nil {
			return nil, err
		}
		if rest.Minor > limit.Minor {
			return &journal.Verdict{State: journal.RowHeld, Code: "NV-1504", Message: n.say(message.New(l.text, "amount", n.money(rest), "limit", n.money(limit)))}, nil
		}
	}
	return nil, nil
}
