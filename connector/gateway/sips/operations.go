package sips

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/navette-connect/navette/connector/gateway"
	"github.com/navette-connect/navette/connector/message"
	"github.com/navette-connect/navette/connector/payment"
)

// Submit sends an operation once. A payment request calls nobody: Sips hears of it when the customer follows the link.
// A nil error means that the PSP answered: the verdict is done, refused or retry. Else the error's kind is
// payment.ErrUncertain, ErrNotSent or ErrStopped.
func (g *Gateway) Submit(ctx context.Context, in *payment.Instruction) (payment.Outcome, error) {
	if err := ctx.Err(); err != nil {
		return payment.Outcome{}, &gateway.Error{Kind: payment.ErrNotSent, Code: gateway.CodeUnreachable, Text: err.Error()}
	}
	if in.Key == "" { // would be a transaction nobody can ask about
		return payment.Outcome{}, &gateway.Error{Kind: payment.ErrStopped, Code: gateway.CodeAddress, Text: "an instruction without a key"}
	}
	if in.Kind == payment.Request {
		return g.request(in), nil
	}
	if wait := g.closed(); wait > 0 && in.Operation != payment.Consult {
		return payment.Outcome{Verdict: payment.VerdictRetry, Code: gateway.CodeBusy, Message: g.say("ui.sips.closed"), Wait: wait, Alone: true}, nil
	}
	switch in.Operation {
	case payment.Capture, payment.Cancel, payment.Refund:
		return g.act(ctx, in)
	case payment.Modify:
		return g.modify(ctx, in)
	case payment.Duplicate:
		return g.duplicate(ctx, in)
	case payment.Consult:
		return g.consult(ctx, in)
	}
	return g.no(in, gateway.CodeUnsupported, "-", g.say("NV-2002.operation", "gateway", "sips", "operation", string(in.Operation))), nil
}

// Fits says what Sips would never take: another currency, an amount out of its bounds, a capture too late, a transaction
// that is none.
func (g *Gateway) Fits(in *payment.Instruction) *message.Text {
	var t message.Text
	given := !in.Amount.IsZero()
	switch {
	case (given || in.Kind == payment.Request) && (g.currencies[in.Amount.Currency] == "" || in.Amount.Minor <= 0 || in.Amount.Minor > maxAmount):
		t = message.New("NV-2002.amount", "gateway", "sips")
	case !given && in.Operation == payment.Modify:
		t = message.New("NV-2002.amount_needed", "gateway", "sips")
	case in.Capture.DelayDays < 0 || in.Capture.DelayDays > maxCaptureDay:
		t = message.New("NV-2002.delay_beyond", "gateway", "sips", "days", strconv.Itoa(maxCaptureDay))
	case in.Kind == payment.Operate && in.TransactionID != "" && !mayBe(in.TransactionID):
		t = message.New("NV-2002.reference_form", "gateway", "sips", "transaction", in.TransactionID)
	default:
		return nil
	}
	return &t
}

// mayBe tells whether a text can be a transactionReference: 1 to 35 letters and digits.
func mayBe(reference string) bool {
	return len(reference) <= maxReference && !strings.ContainsFunc(reference, func(r rune) bool { return !alphanumeric(r) })
}

// request judges by what can be told without Sips.
func (g *Gateway) request(in *payment.Instruction) payment.Outcome {
	if t := g.Fits(in); t != nil {
		return g.no(in, gateway.CodeUnsupported, "12", t.In(g.lang))
	}
	return payment.Outcome{Verdict: payment.VerdictDone, State: payment.Open, PaymentID: referenceOf(in.Key), Reference: in.Reference, Amount: in.Amount}
}

// closed tells how long Sips takes no operations any more: its remittance runs by night. A test platform is not waited for.
func (g *Gateway) closed() time.Duration {
	now := g.now().In(g.paris)
	if !g.production || now.Hour() < closesAt || now.Hour() >= opensAt {
		return 0
	}
	return time.Date(now.Year(), now.Month(), now.Day(), opensAt, 0, 0, 0, g.paris).Sub(now)
}

// target finds the transaction an operation acts on: t is nil where it was not read (nobody needed it), and reference is ""
// when there is none. alive tells whether the customer of a request has a transaction at all.
func (g *Gateway) target(ctx context.Context, in *payment.Instruction, read bool) (reference string, t *transaction, err error) {
	reference = in.TransactionID
	if reference == "" {
		reference = in.Target.TransactionID
	}
	base := in.PaymentID
	if base == "" {
		base = in.Target.PaymentID
	}
	switch {
	case reference != "" && read:
		t, err = g.transaction(ctx, reference)
		return reference, t, err
	case reference == "" && base != "":
		if t, _, err = g.find(ctx, base); t != nil {
			reference = t.reference
		}
	}
	return reference, t, err
}

// act sends a capture, cancel or refund. A whole one reads the transaction first, since Sips wants the amount; a part of a
// cancel or refund, so that what it is worth afterwards tells whether a lost answer was a yes.
func (g *Gateway) act(ctx context.Context, in *payment.Instruction) (payment.Outcome, error) {
	ref, t, err := g.target(ctx, in, in.Amount.IsZero() || in.Operation != payment.Capture)
	if out, err, ended := g.aimed(in, ref, err); ended {
		return out, err
	}
	sum := in.Amount
	if t != nil {
		if out, ok := g.already(in, t); ok {
			return out, nil
		}
		if sum.IsZero() {
			sum = t.left()
		}
		g.leaves(in.Key, ref, t.current)
	}
	return g.cash(ctx, in, ref, sum)
}

// aimed judges the search for a target: ended is true when nothing is to be sent.
func (g *Gateway) aimed(in *payment.Instruction, ref string, err error) (out payment.Outcome, _ error, ended bool) {
	switch {
	case errors.Is(err, payment.ErrUnknown):
		out = g.notYet(in)
		return out, nil, true
	case errors.Is(err, payment.ErrStopped):
		return payment.Outcome{Code: gateway.CodeOf(err), Message: err.Error()}, err, true
	case isUnclear(err): // this row alone: the others must not wait for it
		out = payment.Outcome{Verdict: payment.VerdictRefused, State: payment.Refused, Code: gateway.CodeRefused, Message: g.client.Message(in, textOf(err))}
		return out, nil, true
	case err != nil: // the question got no answer: nothing was sent that acts
		return payment.Outcome{Verdict: payment.VerdictRetry, Code: gateway.CodeOf(err), Message: err.Error()}, nil, true
	case ref != "":
		return payment.Outcome{}, nil, false
	case in.PaymentID == "" && in.Target.PaymentID == "":
		return g.no(in, "NV-1407", "25", g.say("NV-1407.unknown", "reference", in.Reference)), nil, true
	case in.Operation == payment.Cancel: // an open request: its page is closed, and Sips has nothing to cancel
		return payment.Outcome{Verdict: payment.VerdictDone, State: payment.Done, Message: g.say("ui.sips.unpaid")}, nil, true
	case in.Operation == payment.Consult:
		return payment.Outcome{Verdict: payment.VerdictDone, State: payment.Done, Message: g.say("ui.sips.unpaid")}, nil, true
	}
	if in.Trace.Visited { // who has just paid is not known at once
		if out = g.notYet(in); out.Verdict == payment.VerdictRetry {
			return out, nil, true
		}
	}
	return g.no(in, gateway.CodeRefused, "25", g.say("ui.sips.unpaid")), nil, true
}

func isUnclear(err error) bool {
	_, ok := errors.AsType[*unclear](err)
	return ok
}

// textOf is what an error of the exchange says, without its kind.
func textOf(err error) string {
	if e, ok := errors.AsType[*gateway.Error](err); ok {
		return e.Text
	}
	return err.Error()
}

// whole tells whether an operation is for all that the transaction is worth.
func whole(in *payment.Instruction, t *transaction) bool {
	return in.Amount.IsZero() || in.Amount == t.amount
}

// already answers an operation whose effect stands: cancelled already, refunded whole already.
func (g *Gateway) already(in *payment.Instruction, t *transaction) (payment.Outcome, bool) {
	is := false
	switch in.Operation {
	case payment.Cancel:
		is = t.name == "CANCELLED" && whole(in, t)
	case payment.Refund:
		is = (t.name == "CREDITED" || t.name == "TO_CREDIT" || t.name == "TO_CONFIRM_CREDIT") && whole(in, t)
	case payment.Capture:
		captured := t.name == "TO_CAPTURE" || t.name == "CAPTURED" || t.name == "TO_CONFIRM_CAPTURE"
		is = captured && (in.Amount.IsZero() || in.Amount == t.current)
	}
	if !is {
		return payment.Outcome{}, false
	}
	return payment.Outcome{Verdict: payment.VerdictDone, State: payment.Done, TransactionID: t.reference, TransactionState: t.name}, true
}

// cash sends one call of cashManagement on a transaction.
func (g *Gateway) cash(ctx context.Context, in *payment.Instruction, ref string, sum payment.Amount) (payment.Outcome, error) {
	number := g.currencies[sum.Currency]
	if number == "" || sum.Minor <= 0 {
		return g.no(in, gateway.CodeUnsupported, "12", g.say("NV-2002.amount", "gateway", "sips")), nil
	}
	name := map[payment.Operation]string{payment.Capture: "validate", payment.Cancel: "cancel", payment.Modify: "cancel", payment.Refund: "refund"}[in.Operation]
	r, wait, err := g.call(ctx, g.office, cash(name), map[string]any{"transactionReference": ref, "operationAmount": strconv.FormatInt(sum.Minor, 10),
		"currencyCode": number, "operationOrigin": "NAVETTE"})
	if err != nil {
		return g.failed(in, wait, err)
	}
	return g.judge(in, r, ref)
}

// modify lowers the amount by a partial cancel; Sips cannot raise it.
func (g *Gateway) modify(ctx context.Context, in *payment.Instruction) (payment.Outcome, error) {
	ref, t, err := g.target(ctx, in, true)
	if out, err, ended := g.aimed(in, ref, err); ended {
		return out, err
	}
	switch {
	case in.Amount.IsZero():
		return g.no(in, gateway.CodeUnsupported, "12", g.say("NV-2002.amount_needed", "gateway", "sips")), nil
	case t.current.IsZero(): // what it is worth now must be known, not guessed
		return g.no(in, gateway.CodeUnsupported, "12", g.say("ui.sips.modify_unknown")), nil
	case t.current == in.Amount:
		return payment.Outcome{Verdict: payment.VerdictDone, State: payment.Done, TransactionID: ref, TransactionState: t.name}, nil
	case t.current.Currency != in.Amount.Currency || in.Amount.Minor > t.current.Minor:
		return g.no(in, gateway.CodeRefused, "51", g.say("ui.sips.modify_up")), nil
	}
	return g.cash(ctx, in, ref, payment.Amount{Minor: t.current.Minor - in.Amount.Minor, Currency: in.Amount.Currency})
}

// duplicate makes a new transaction with the payment means of an old one, under a reference that only this instruction has.
func (g *Gateway) duplicate(ctx context.Context, in *payment.Instruction) (payment.Outcome, error) {
	ref, t, err := g.target(ctx, in, in.Amount.IsZero())
	if out, err, ended := g.aimed(in, ref, err); ended {
		return out, err
	}
	sum := in.Amount
	if sum.IsZero() {
		sum = t.amount
	}
	number := g.currencies[sum.Currency]
	if number == "" || sum.Minor <= 0 {
		return g.no(in, gateway.CodeUnsupported, "12", g.say("NV-2002.amount", "gateway", "sips")), nil
	}
	own := referenceOf(in.Key)
	fields := map[string]any{"transactionReference": own, "fromTransactionReference": ref, "amount": strconv.FormatInt(sum.Minor, 10), "currencyCode": number, "orderChannel": "INTERNET"}
	captureFields(fields, in.Capture)
	orderFields(fields, in)
	r, wait, err := g.call(ctx, g.office, cash("duplicate"), fields)
	if err != nil {
		return g.failed(in, wait, err)
	}
	if g.codes[r.text("responseCode")].meaning == ours {
		out, err := g.Lookup(ctx, in)
		switch {
		case err == nil && out.Matches(in) == nil:
			return out, nil
		case err == nil || errors.Is(err, payment.ErrUnknown):
			return payment.Outcome{}, &gateway.Error{Kind: payment.ErrUncertain, Code: gateway.CodeLost, Text: g.codeText("94", "")}
		}
		return payment.Outcome{}, err
	}
	return g.judge(in, r, own)
}

// consult shows how the transaction stands.
func (g *Gateway) consult(ctx context.Context, in *payment.Instruction) (payment.Outcome, error) {
	ref, t, err := g.target(ctx, in, true)
	if out, err, ended := g.aimed(in, ref, err); ended {
		return out, err
	}
	return payment.Outcome{Verdict: payment.VerdictDone, State: payment.Done, TransactionID: ref, TransactionState: t.name, Message: t.name}, nil
}

// judge turns an answer of Sips into an outcome.
func (g *Gateway) judge(in *payment.Instruction, r reply, ref string) (payment.Outcome, error) {
	code := r.text("responseCode")
	c := g.codes[code]
	text := g.client.Message(in, g.codeText(code, r.text("errorFieldName")))
	meaning := c.meaning
	if meaning == stop && in.Operation == payment.Duplicate { // suspicion of fraud: this payment alone
		meaning = refused
	}
	switch meaning {
	case accepted:
		g.settle(in.Key)
		g.answered(in.Key, ref)
		out := payment.Outcome{Verdict: payment.VerdictDone, State: payment.Done, TransactionID: ref, TransactionState: g.client.Clean(r.text("newStatus"))}
		if in.Operation == payment.Duplicate { // a transaction of its own, to be named by whoever acts on it next
			out.PaymentID = ref
		}
		return out, nil
	case young:
		return g.notYet(in), nil
	case busy, lookLater:
		return payment.Outcome{Verdict: payment.VerdictRetry, Code: c.nv, Message: text, LookFirst: meaning == lookLater}, nil
	case stop:
		return payment.Outcome{Code: c.nv, Message: text}, &gateway.Error{Kind: payment.ErrStopped, Code: c.nv, Text: text}
	case refused, ours:
		g.answered(in.Key, ref)
		nv := c.nv
		if nv == "" || !strings.HasPrefix(nv, "NV-20") {
			nv = gateway.CodeRefused
		}
		return payment.Outcome{Verdict: payment.VerdictRefused, State: payment.Refused, Code: nv, Message: text}, nil
	}
	return payment.Outcome{Code: gateway.CodeLost, Message: text}, &gateway.Error{Kind: payment.ErrUncertain, Code: gateway.CodeLost, Text: text}
}

// failed is an exchange that gave no answer of Sips's own.
func (g *Gateway) failed(in *payment.Instruction, wait time.Duration, err error) (payment.Outcome, error) {
	out := payment.Outcome{Code: gateway.CodeOf(err), Message: g.client.Message(in, err.Error()), Wait: wait}
	if errors.Is(err, errLater) || errors.Is(err, errLaterLook) {
		out.Verdict, out.LookFirst = payment.VerdictRetry, errors.Is(err, errLaterLook)
		return out, nil
	}
	return out, err
}

// notYet lets an instruction wait while Sips may still be writing the transaction down; then it is refused.
func (g *Gateway) notYet(in *payment.Instruction) payment.Outcome {
	now := g.now()
	g.mu.Lock()
	since, waiting := g.early[in.Key]
	if !waiting {
		if len(g.early) > 10_000 { // bounded: whoever is forgotten begins to wait anew
			clear(g.early)
		}
		since = now
		g.early[in.Key] = now
	}
	if at := in.Trace.SentAt; at > 0 && time.UnixMicro(at).Before(since) { // an earlier life of the process began to wait
		since = time.UnixMicro(at)
	}
	over := now.Sub(since) >= lag
	if over {
		delete(g.early, in.Key)
	}
	g.mu.Unlock()
	if over {
		return g.no(in, gateway.CodeRefused, "25", g.say("ui.sips.25"))
	}
	return payment.Outcome{Verdict: payment.VerdictRetry, Code: gateway.CodeBusy, Message: g.codeText("25", ""), Wait: lagWait, Alone: true}
}

// leaves remembers what a transaction is worth before an operation leaves. Of two at once neither is told by it; a restart
// forgets it.
func (g *Gateway) leaves(key, ref string, sum payment.Amount) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.before) > 10_000 {
		clear(g.before)
	}
	if w, busy := g.before[ref]; busy && w.key != key && w.key != "" && !w.told {
		key = ""
	}
	g.before[ref] = worth{key: key, sum: sum}
}

// lowered tells whether a transaction is worth less by exactly an operation's amount than just before it left.
func (g *Gateway) lowered(in *payment.Instruction, t *transaction) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	was := g.before[t.reference]
	was.told = was.key == in.Key && !t.current.IsZero() && was.sum.Currency == in.Amount.Currency && t.current.Currency == in.Amount.Currency &&
		in.Amount.Minor > 0 && t.current.Minor == was.sum.Minor-in.Amount.Minor
	if was.told {
		g.before[t.reference] = was
	}
	return was.told
}

// answered forgets it: Sips said yes or no.
func (g *Gateway) answered(key, ref string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.before[ref].key == key {
		delete(g.before, ref)
	}
}

func (g *Gateway) settle(key string) {
	g.mu.Lock()
	delete(g.early, key)
	g.mu.Unlock()
}

// no is a refusal in our own words under the code that Sips would give.
func (g *Gateway) no(in *payment.Instruction, nv, code, text string) payment.Outcome {
	return payment.Outcome{Verdict: payment.VerdictRefused, State: payment.Refused, Code: nv, Message: g.client.Message(in, "["+code+"] "+text)}
}

// captureFields say when the money is taken.
func captureFields(fields map[string]any, c payment.CaptureMode) {
	mode, day := "AUTHOR_CAPTURE", 0
	switch c.Mode {
	case "deferred":
		day = c.DelayDays
	case "manual":
		mode, day = "VALIDATION", validationDays
		if c.DelayDays > 0 {
			day = c.DelayDays
		}
	}
	fields["captureMode"], fields["captureDay"] = mode, strconv.Itoa(day)
}

// orderFields stamp a transaction with what it is of, so that it can be found again in the back office and the journals.
func orderFields(fields map[string]any, in *payment.Instruction) {
	id := in.Reference
	if in.Part != "" {
		id += "-" + in.Part
	}
	safe := func(r rune) bool { return !alphanumeric(r) && r != '-' && r != '_' }
	if id != "" && len(id) <= maxOrderID && !strings.ContainsFunc(id, safe) {
		fields["orderId"] = id
	}
	stamp := strings.Map(func(r rune) rune {
		if safe(r) {
			return '_'
		}
		return r
	}, id)
	fields["returnContext"] = "navette " + referenceOf(in.Key) + " " + stamp[:min(len(stamp), 100)]
}
