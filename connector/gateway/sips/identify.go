package sips

import (
	"context"

	"github.com/navette-connect/navette/connector/payment"
)

// Identify shows what Sips has under a transactionReference that a person names. A request and a duplicate have one of their
// own, made from their key; any other operation acts on the transaction it names.
func (g *Gateway) Identify(ctx context.Context, in *payment.Instruction, id string) (payment.Outcome, error) {
	own := referenceOf(in.Key)
	switch {
	case in.Kind == payment.Request && id == own:
		return g.request(in), nil
	case in.Kind == payment.Request, in.Operation == payment.Duplicate && id != own:
		return payment.Outcome{}, unknown("its transactionReference is " + own)
	case in.Operation == payment.Duplicate:
		return g.lookupDuplicate(ctx, in)
	}
	ref, _, err := g.target(ctx, in, false)
	switch {
	case err != nil:
		return payment.Outcome{}, err
	case ref != "" && ref != id:
		return payment.Outcome{}, unknown("the operation acts on another transaction")
	}
	if _, err := g.transaction(ctx, id); err != nil {
		return payment.Outcome{}, err
	}
	here := *in
	here.TransactionID = id
	return g.Lookup(ctx, &here)
}
