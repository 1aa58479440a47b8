package sips

import (
	"context"
	"errors"

	"github.com/navette-connect/navette/connector/gateway"
	"github.com/navette-connect/navette/connector/payment"
)

// Lookup tells what became of an instruction, as far as Sips can be asked: a duplicate by its own reference; a whole
// capture, cancel or refund, and a modification, by how the transaction stands. Part of an amount was taken when the
// transaction is worth so much less than just before; that it is not proves nothing, since only memory tells that Sips
// shows it (M), and a restart forgets it: payment.ErrUnsupported, a person decides. payment.ErrUnknown: it had no effect. After other errors ask
// again later.
func (g *Gateway) Lookup(ctx context.Context, in *payment.Instruction) (payment.Outcome, error) {
	if in.Kind == payment.Request {
		return g.request(in), nil
	}
	switch in.Operation {
	case payment.Consult:
		return g.consult(ctx, in)
	case payment.Duplicate:
		return g.lookupDuplicate(ctx, in)
	}
	ref, t, err := g.target(ctx, in, true)
	switch {
	case err != nil:
		return payment.Outcome{}, err
	case ref == "" && in.Operation == payment.Cancel && (in.PaymentID != "" || in.Target.PaymentID != ""):
		return payment.Outcome{Verdict: payment.VerdictDone, State: payment.Done, Message: g.say("ui.sips.unpaid")}, nil
	case ref == "":
		return payment.Outcome{}, unknown("no transaction")
	}
	if in.Operation == payment.Modify {
		switch {
		case t.current.IsZero():
			return payment.Outcome{}, gateway.Unsupported("Sips does not say what the transaction is worth now")
		case t.current == in.Amount:
			return payment.Outcome{Verdict: payment.VerdictDone, State: payment.Done, TransactionID: ref, TransactionState: t.name}, nil
		}
		return payment.Outcome{}, gateway.Unsupported("the amount is another: by whom cannot be told")
	}
	if out, ok := g.already(in, t); ok {
		return out, nil
	}
	if g.lowered(in, t) && (in.Operation == payment.Cancel || in.Operation == payment.Refund) {
		return payment.Outcome{Verdict: payment.VerdictDone, State: payment.Done, TransactionID: ref, TransactionState: t.name}, nil
	}
	before := map[payment.Operation][]string{ // the statuses that such an operation, had it acted, would have ended
		payment.Capture: {"TO_VALIDATE"},
		payment.Cancel:  {"TO_CAPTURE", "TO_VALIDATE", "TO_AUTHORIZE", "TO_CHALLENGE", "CAPTURED", "CREDITED", "EXPIRED", "REFUSED"},
		payment.Refund:  {"CAPTURED", "TO_CAPTURE", "TO_VALIDATE", "CANCELLED", "EXPIRED", "REFUSED"},
	}
	for _, name := range before[in.Operation] {
		untouched := name == "TO_VALIDATE" && in.Operation == payment.Capture || whole(in, t)
		if t.name == name && untouched {
			return payment.Outcome{}, unknown("status " + name)
		}
	}
	return payment.Outcome{}, gateway.Unsupported("status " + t.name + " does not tell whether it acted")
}

func unknown(text string) error {
	return &gateway.Error{Kind: payment.ErrUnknown, Code: gateway.CodeRefused, Text: text}
}

func (g *Gateway) lookupDuplicate(ctx context.Context, in *payment.Instruction) (payment.Outcome, error) {
	t, err := g.transaction(ctx, referenceOf(in.Key))
	if err != nil {
		return payment.Outcome{}, err
	}
	out := payment.Outcome{Verdict: payment.VerdictDone, State: payment.Done, PaymentID: t.reference, TransactionID: t.reference, TransactionState: t.name, Amount: t.amount}
	if t.status.dead {
		out = g.no(in, gateway.CodeRefused, "05", g.say("ui.sips.05"))
		out.TransactionState, out.Amount = t.name, t.amount
	}
	return out, nil
}

// Read shows the request in.PaymentID as it stands: the customer's attempt that is alive, or open while there is none;
// and the attempts that failed.
func (g *Gateway) Read(ctx context.Context, in *payment.Instruction) (payment.Snapshot, error) {
	if in.PaymentID == "" {
		return payment.Snapshot{}, gateway.Unsupported("a read needs the request's id")
	}
	t, dead, _, err := g.attempts(ctx, in.PaymentID)
	if err != nil {
		return payment.Snapshot{}, err
	}
	s := payment.Snapshot{PaymentID: in.PaymentID, State: payment.Open}
	for _, d := range dead {
		reason := d.name
		if d.code != "" {
			reason = g.codeText(d.code, "")
		}
		s.Failed = append(s.Failed, payment.Attempt{ID: d.reference, Reason: reason, At: d.at})
	}
	if t == nil {
		return s, nil
	}
	s.State, s.Amount, s.Method, s.TransactionID, s.UpdatedAt = t.status.state, t.amount, t.method, t.reference, t.at
	switch s.State {
	case payment.Paid:
		s.Paid = t.left()
	case payment.Refunded:
		s.Paid = payment.Amount{Currency: t.amount.Currency}
	}
	return s, nil
}

// Ping asks for a transaction that nobody has: address, merchant and key are tried, nothing takes effect.
func (g *Gateway) Ping(ctx context.Context) error {
	_, err := g.transaction(ctx, "navettePing000000000000000000000000")
	if errors.Is(err, payment.ErrUnknown) {
		return nil
	}
	return err
}
