package paybox

import (
	"context"

	"github.com/navette-connect/navette/connector/gateway"
	"github.com/navette-connect/navette/connector/payment"
)

// Identify shows what Paybox has under the NUMTRANS/NUMAPPEL that a person names: the operation's own (a capture gets new
// numbers), or those of its target. A request's id is the order made from its key.
func (g *Gateway) Identify(ctx context.Context, in *payment.Instruction, id string) (payment.Outcome, error) {
	other := func(why string) (payment.Outcome, error) {
		return payment.Outcome{}, &gateway.Error{Kind: payment.ErrUnknown, Text: why}
	}
	if in.Kind == payment.Request {
		if own := orderOf(in).id; id != own {
			return other("its order is " + own)
		}
		return g.open(in)
	}
	t, ok := parseTarget(id)
	if !ok {
		return other("a transaction is NUMTRANS/NUMAPPEL")
	}
	a, err := g.inquire(ctx, t)
	if err != nil {
		return failed(err)
	}
	switch sights[in.Operation][a.Status] {
	case happened:
		return payment.Outcome{Verdict: payment.VerdictDone, State: payment.Done, PaymentID: t.String(), TransactionID: t.String(), TransactionState: a.Status}, nil
	case notYet:
		return other("STATUS " + a.Status)
	}
	return payment.Outcome{}, gateway.Unsupported("STATUS " + g.client.Clean(a.Status) + " does not tell")
}
