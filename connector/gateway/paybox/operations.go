package paybox

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/navette-connect/navette/connector/gateway"
	"github.com/navette-connect/navette/connector/payment"
)

// target is a transaction of the PSP's: NUMTRANS and NUMAPPEL.
type target struct{ trans, call string }

// String is the transaction id that people and files know: NUMTRANS/NUMAPPEL.
func (t target) String() string {
	if t.trans == "" {
		return ""
	}
	return t.trans + "/" + t.call
}

// parseTarget reads NUMTRANS/NUMAPPEL; spreadsheets drop leading zeros.
func parseTarget(id string) (target, bool) {
	trans, call, ok := strings.Cut(strings.TrimSpace(id), "/")
	if !ok || !number(trans) || !number(call) || len(trans) > 10 || len(call) > 10 {
		return target{}, false
	}
	return target{fmt.Sprintf("%010s", trans), fmt.Sprintf("%010s", call)}, true
}

// aim is what an operation acts on as far as we know it: a transaction, or an order that may have become one.
type aim struct {
	target    target // empty: not known
	order     order  // empty: not one of our requests
	reference string // REFERENCE as the customer's form gave it, else the ERP's own
	whole     payment.Amount
}

// aimOf reads what an operation names, then what the journal knows; false when a transaction id is none of Paybox's.
func aimOf(in *payment.Instruction) (a aim, ok bool) {
	a.reference = in.Reference
	for _, id := range []string{in.PaymentID, in.Target.PaymentID} {
		if o, ours := parseOrder(id); ours {
			a.order, a.reference, a.whole = o, o.id, o.amount
			break
		}
	}
	if t := in.Target; !t.Amount.IsZero() {
		a.whole = t.Amount
		switch {
		case in.Operation == payment.Refund && t.Paid > 0:
			a.whole.Minor = t.Paid - t.Refunded
		case in.Operation == payment.Cancel && t.Paid > 0:
			a.whole.Minor = t.Paid
		}
	}
	for _, id := range []string{in.TransactionID, in.Target.TransactionID} {
		if id != "" {
			a.target, ok = parseTarget(id)
			return a, ok
		}
	}
	return a, true
}

// target finds the transaction an operation acts on: by its numbers, or by asking for the one that paid a request of
// ours. A verdict other than unknown ends the operation here: nothing was ever paid, or there is no target.
func (g *Gateway) target(ctx context.Context, in *payment.Instruction, a aim) (target, payment.Outcome, error) {
	if a.target.trans != "" {
		return a.target, payment.Outcome{}, nil
	}
	if a.order.id == "" {
		return target{}, g.refused(in, "target"), nil
	}
	closed := payment.Outcome{Verdict: payment.VerdictDone, State: payment.Done, TransactionState: string(payment.Cancelled)}
	found, err := g.find(ctx, a.order)
	switch {
	case errors.Is(err, payment.ErrUnknown) && in.Operation == payment.Cancel: // an open request: nothing is there to cancel
		return target{}, closed, nil
	case errors.Is(err, payment.ErrUnknown):
		return target{}, payment.Outcome{Verdict: payment.VerdictRefused, State: payment.Refused, Code: gateway.CodeRefused, Message: g.words(in, found)}, nil
	case err != nil:
		return target{}, payment.Outcome{}, err
	}
	t := found.transaction(target{})
	if in.Operation != payment.Cancel {
		return t, payment.Outcome{}, nil
	}
	// It may have been paid, or tried in vain: only what was authorised can be cancelled.
	s, err := g.inquire(ctx, t)
	if err != nil {
		return target{}, payment.Outcome{}, err
	}
	if requestStates[s.Status] == payment.Open {
		return target{}, closed, nil
	}
	return t, payment.Outcome{}, nil
}

// unasked is what Submit returns when a question before the one that moves money was not answered: it certainly had no
// effect, and is tried again; unless it was answered no.
func (g *Gateway) unasked(in *payment.Instruction, err error) (payment.Outcome, error) {
	if e, ok := errors.AsType[*gateway.Error](err); ok && e.Status == 0 && errors.Is(err, payment.ErrUnsupported) { // Paybox's own no, to this row alone
		return payment.Outcome{Verdict: payment.VerdictRefused, State: payment.Refused, Code: gateway.CodeRefused, Message: g.client.Message(in, e.Text)}, nil
	}
	out, err := g.outcomeOf(in, err)
	if err == nil || errors.Is(err, payment.ErrStopped) || errors.Is(err, payment.ErrNotSent) {
		out.LookFirst = false
		return out, err
	}
	return payment.Outcome{Verdict: payment.VerdictRetry, Code: or(out.Code, gateway.CodeBusy), Message: out.Message}, nil
}

// head begins every question.
func (g *Gateway) head(kind string) question {
	return question{{"VERSION", version}, {"TYPE", kind}, {"SITE", g.site}, {"RANG", g.rank}}
}

// tail ends a question, before its HMAC. The date is the PSP's day, without the hour: an operation's question has
// the same bytes all day.
func (g *Gateway) tail(q question) question {
	return q.with("DATEQ", g.today()).with("HASH", "SHA512")
}

// act makes the question of an operation that moves money; missing is the sentence that says what it lacks. No
// amount means the whole, as far as it is known here.
func (g *Gateway) act(kind string, in *payment.Instruction, a aim, t target) (q question, missing string) {
	whole := in.Amount
	if whole.IsZero() && in.Operation != payment.Modify {
		whole = a.whole
	}
	sum, devise, missing := amount(whole)
	if missing != "" {
		return nil, missing
	}
	q = g.head(kind).with("MONTANT", sum).with("DEVISE", devise)
	if in.Operation != payment.Refund { // refunds alone have none (BenMorel)
		if a.reference == "" || len(latin(a.reference)) > 250 {
			return nil, "reference"
		}
		q = q.with("REFERENCE", a.reference)
	}
	return g.tail(q.with("NUMAPPEL", t.call).with("NUMTRANS", t.trans)), ""
}

// amount gives MONTANT (minor units, 10 digits) and DEVISE.
func amount(a payment.Amount) (sum, devise, missing string) {
	switch devise = currencies[a.Currency]; {
	case a.IsZero():
		return "", "", "amount_needed"
	case a.Minor <= 0 || a.Minor > 9_999_999_999:
		return "", "", "amount"
	case devise == "":
		return "", "", "currency"
	}
	return fmt.Sprintf("%010d", a.Minor), devise, ""
}

// authorisation is the number that a change of amount asks for: mapped as metadata.autorisation, else asked of the PSP.
func (g *Gateway) authorisation(ctx context.Context, in *payment.Instruction, t target) (string, error) {
	for _, m := range in.Metadata {
		if strings.EqualFold(m.Name, "autorisation") && m.Value != "" {
			return m.Value, nil
		}
	}
	a, err := g.inquire(ctx, t)
	if errors.Is(err, payment.ErrUnknown) { // the question itself will say so
		err = nil
	}
	return a.Authorisation, err
}

// consult asks for a transaction's STATUS; it changes nothing.
func (g *Gateway) consult(ctx context.Context, in *payment.Instruction) (payment.Outcome, error) {
	a, ok := aimOf(in)
	if !ok {
		return g.refused(in, "target"), nil
	}
	t, out, err := g.target(ctx, in, a)
	if err != nil {
		return g.unasked(in, err)
	}
	if out.Verdict != payment.VerdictUnknown {
		return out, nil
	}
	s, err := g.inquire(ctx, t)
	if errors.Is(err, payment.ErrUnknown) {
		return payment.Outcome{Verdict: payment.VerdictRefused, State: payment.Refused, Code: gateway.CodeRefused, Message: g.words(in, s)}, nil
	}
	if err != nil {
		return g.unasked(in, err)
	}
	return payment.Outcome{Verdict: payment.VerdictDone, State: payment.Done, PaymentID: t.String(), TransactionID: t.String(), TransactionState: g.client.Clean(s.Status),
		Message: g.client.Clean("[" + s.Code + "] " + s.Status)}, nil
}

func or(a, b string) string {
	if a == "" {
		return b
	}
	return a
}
