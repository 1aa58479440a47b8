package lyra

import (
	"context"
	"strings"

	"github.com/navette-connect/navette/connector/gateway"
	"github.com/navette-connect/navette/connector/payment"
)

// Identify shows what the PSP has under an id that a person names: a payment order's, or the uuid of the transaction that a
// refund or duplicate made, or that another operation acted on. What bears another instruction's stamp is not this one.
func (g *Gateway) Identify(ctx context.Context, in *payment.Instruction, id string) (payment.Outcome, error) {
	if in.Kind == payment.Request {
		o, err := g.order(ctx, id, payment.ErrUnknown)
		if err != nil {
			return payment.Outcome{}, err
		}
		if s := stampOf(o.Metadata); s != "" && s != in.Key {
			return payment.Outcome{}, &gateway.Error{Kind: payment.ErrUnknown, Text: "the order bears another request's stamp"}
		}
		s, err := g.snapshot(o)
		if err != nil {
			return payment.Outcome{}, err
		}
		out := payment.Outcome{Verdict: payment.VerdictDone, State: payment.Open, PaymentID: s.PaymentID, Link: s.Link, Amount: s.Amount, Reference: g.reference(in, string(o.OrderID))}
		if s.State == payment.Refused {
			out.Verdict, out.State, out.Message = payment.VerdictRefused, payment.Refused, g.word(o.Status)
		}
		return out, nil
	}
	t, err := g.transaction(ctx, id, payment.ErrUnknown)
	if err != nil {
		return payment.Outcome{}, err
	}
	target := in.TransactionID
	if target == "" {
		target = in.Target.TransactionID
	}
	other := func(why string) (payment.Outcome, error) {
		return payment.Outcome{}, &gateway.Error{Kind: payment.ErrUnknown, Text: why}
	}
	if c := string(t.Comment); strings.HasPrefix(c, "navette ") && !strings.Contains(c, in.Key) && (in.Operation == payment.Refund || in.Operation == payment.Duplicate) {
		return other("the transaction bears another operation's stamp")
	}
	switch in.Operation {
	case payment.Refund:
		if t.Operation != "CREDIT" || target != "" && t.Details.Parent != "" && string(t.Details.Parent) != target {
			return other("it is no credit of the transaction")
		}
		return g.showing(in, t)
	case payment.Duplicate:
		if !t.debit() || string(t.UUID) == target || t.Order.ID != "" && string(t.Order.ID) != OrderID(in) {
			return other("it is not under the duplicate's reference")
		}
		return g.showing(in, t)
	}
	if target != "" && string(t.UUID) != target {
		return other("the operation acts on another transaction")
	}
	here := *in
	here.TransactionID = id
	return g.lookOperation(ctx, &here)
}
