package paybox

import (
	"context"
	"errors"

	"github.com/navette-connect/navette/connector/gateway"
	"github.com/navette-connect/navette/connector/payment"
)

// maxAsks bounds how often a question that only asks is asked, hosts and used numbers together.
const maxAsks = 4

// ask asks a question that changes nothing, under a fresh number, until a host answers it. payment.ErrUnknown: there is
// no such transaction (the answer is given too); payment.ErrStopped as for Submit; else it may be asked again later.
func (g *Gateway) ask(ctx context.Context, q question) (answer, error) {
	var err error
	for try := range maxAsks {
		var a answer
		n := readNumber(g.reads.Add(1))
		a, err = g.exchange(ctx, g.host(try), g.tail(q).numbered(n), n)
		if e, ok := errors.AsType[*gateway.Error](err); ok && e.Status != 0 && e.Code != gateway.CodeUnreadable { // it only reads: no answer is a reason for doubt
			e.Code, e.Kind = gateway.ReadKind(e.Status, payment.ErrUnsupported)
		}
		if errors.Is(err, payment.ErrStopped) || ctx.Err() != nil {
			return answer{}, err
		}
		if err != nil {
			if try+1 >= len(g.urls) {
				return answer{}, err
			}
			continue
		}
		switch m := meaningOf(a.Code); m {
		case done:
			return a, nil
		case absent:
			return a, &gateway.Error{Kind: payment.ErrUnknown, Text: "[" + a.Code + "] no such transaction"}
		case noAccess:
			return a, &gateway.Error{Kind: payment.ErrStopped, Code: m.code(), Text: "[" + a.Code + "] " + g.client.Clean(a.Comment)}
		case no: // it would say so again
			return a, &gateway.Error{Kind: payment.ErrUnsupported, Code: m.code(), Text: "[" + a.Code + "] " + g.client.Clean(a.Comment)}
		case otherHost, numberUsed:
			err = &gateway.Error{Kind: payment.ErrUncertain, Code: gateway.CodeBusy, Text: "[" + a.Code + "] " + g.client.Clean(a.Comment)}
		default:
			return a, &gateway.Error{Kind: payment.ErrUncertain, Code: gateway.CodeUnreadable, Text: "[" + a.Code + "] " + g.client.Clean(a.Comment)}
		}
	}
	return answer{}, err
}

// inquire asks for the STATUS of a transaction.
func (g *Gateway) inquire(ctx context.Context, t target) (answer, error) {
	return g.ask(ctx, g.head(typeInquiry).with("NUMTRANS", t.trans))
}

// find asks for the transaction that paid an order of ours. Unverified: that the answer names NUMTRANS and NUMAPPEL, and
// of several attempts under one reference those of the one that succeeded. Without numbers nothing is concluded.
func (g *Gateway) find(ctx context.Context, o order) (answer, error) {
	sum, devise, missing := amount(o.amount)
	if missing != "" {
		return answer{}, gateway.Unsupported(missing)
	}
	a, err := g.ask(ctx, g.head(typeExists).with("MONTANT", sum).with("DEVISE", devise).with("REFERENCE", o.id))
	if err == nil && (a.Trans == "" || a.Call == "") {
		err = &gateway.Error{Kind: payment.ErrUnsupported, Code: gateway.CodeUnreadable, Text: "[" + a.Code + "] the transaction exists, but its numbers are not told"}
	}
	return a, err
}

// Lookup says what became of an instruction. A request has nothing to be lost: its answer is made here. Of an operation
// the PSP keeps no trace that could be asked for; the STATUS of its target tells of captures, of cancels, and of refunds
// once the whole went back (found, or payment.ErrUnknown: it had no effect). Whatever that leaves open is
// payment.ErrUnsupported. Other errors: ask again later.
func (g *Gateway) Lookup(ctx context.Context, in *payment.Instruction) (payment.Outcome, error) {
	if in.Kind == payment.Request {
		return g.open(in)
	}
	if in.Operation == payment.Consult {
		return g.consulted(ctx, in)
	}
	to, ok := aimOf(in)
	t := to.target
	if !ok || t.trans == "" {
		if to.order.id == "" {
			return payment.Outcome{}, gateway.Unsupported("no transaction to ask about")
		}
		a, err := g.find(ctx, to.order)
		if err != nil { // payment.ErrUnknown: never paid, so nothing can have been done to it
			return failed(err)
		}
		t = a.transaction(target{})
	}
	a, err := g.inquire(ctx, t)
	if errors.Is(err, payment.ErrUnknown) { // not the transaction we acted on: nothing is proved
		return payment.Outcome{}, gateway.Unsupported(err.Error())
	}
	if err != nil {
		return failed(err)
	}
	switch sights[in.Operation][a.Status] {
	case happened:
		return payment.Outcome{Verdict: payment.VerdictDone, State: payment.Done, PaymentID: t.String(), TransactionID: t.String(), TransactionState: a.Status}, nil
	case notYet:
		if g.spent.has(in.Key, g.today()) {
			return payment.Outcome{}, gateway.Unsupported("its number arrived before today, without effect: refused, or yet to come")
		}
		return payment.Outcome{}, &gateway.Error{Kind: payment.ErrUnknown, Text: "STATUS " + a.Status}
	}
	return payment.Outcome{}, gateway.Unsupported("STATUS " + g.client.Clean(a.Status) + " does not tell")
}

// consulted asks again: a consultation that was lost had no effect.
func (g *Gateway) consulted(ctx context.Context, in *payment.Instruction) (payment.Outcome, error) {
	out, err := g.consult(ctx, in)
	if err == nil && out.Verdict == payment.VerdictRetry {
		err = &gateway.Error{Kind: payment.ErrUncertain, Code: out.Code, Text: out.Message}
	}
	return out, err
}

// Read gives a request as the PSP shows it now: open until a transaction under its order can be found.
func (g *Gateway) Read(ctx context.Context, in *payment.Instruction) (payment.Snapshot, error) {
	o, ok := parseOrder(in.PaymentID)
	if !ok {
		return payment.Snapshot{}, &gateway.Error{Kind: payment.ErrUnknown, Text: "not an order of ours"}
	}
	s := payment.Snapshot{PaymentID: in.PaymentID, State: payment.Open, Amount: o.amount}
	a, err := g.find(ctx, o)
	if errors.Is(err, payment.ErrUnknown) {
		return s, nil
	}
	if err != nil {
		return payment.Snapshot{}, err
	}
	return g.show(ctx, s, a.transaction(target{}))
}

// ReadTransaction shows a request of ours as one transaction has it.
func (g *Gateway) ReadTransaction(ctx context.Context, in *payment.Instruction) (payment.Snapshot, error) {
	o, ok := parseOrder(in.PaymentID)
	t, numbers := parseTarget(in.TransactionID)
	if !ok || !numbers {
		return payment.Snapshot{}, &gateway.Error{Kind: payment.ErrUnknown, Text: "not an order or a transaction of ours"}
	}
	s := payment.Snapshot{PaymentID: in.PaymentID, State: payment.Open, Amount: o.amount}
	return g.show(ctx, s, t)
}

// show adds to a snapshot what the STATUS of a transaction means for its request.
func (g *Gateway) show(ctx context.Context, s payment.Snapshot, t target) (payment.Snapshot, error) {
	a, err := g.inquire(ctx, t)
	if err != nil {
		return payment.Snapshot{}, err
	}
	state, known := requestStates[a.Status]
	if !known {
		state, known = unsureStates[a.Status]
	}
	if !known {
		return payment.Snapshot{}, &gateway.Error{Kind: payment.ErrUncertain, Code: gateway.CodeUnreadable, Text: "STATUS " + g.client.Clean(a.Status) + " is unknown"}
	}
	s.State = state
	if state == payment.Open { // a refused attempt is not the request's transaction
		s.Failed = []payment.Attempt{{ID: t.String(), Reason: a.Status}}
		return s, nil
	}
	s.TransactionID, s.Method = t.String(), "card"
	return s, nil
}

// Ping tries addresses and signature without any effect: it inquires about a transaction that cannot be.
func (g *Gateway) Ping(ctx context.Context) error {
	_, err := g.inquire(ctx, target{"0000000000", "0000000000"})
	if e, ok := errors.AsType[*gateway.Error](err); errors.Is(err, payment.ErrUnknown) || ok && e.Status == 0 && (e.Code == gateway.CodeUnreadable || e.Code == gateway.CodeRefused) {
		return nil // it was read, and judged
	}
	return err
}
