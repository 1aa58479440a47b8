package lyra

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/navette-connect/navette/connector/gateway"
	"github.com/navette-connect/navette/connector/message"
	"github.com/navette-connect/navette/connector/payment"
)

// target is what an operation acts on: an order, a transaction, or both.
type target struct {
	order *order
	tx    *transaction
	uuid  string
	why   *message.Text // navette's own refusal; nothing is sent
}

// find reads an operation's target. Only its transaction_id needs no read. The kind of an error is missing where the PSP
// knows no such thing.
func (g *Gateway) find(ctx context.Context, in *payment.Instruction, missing error) (t target, err error) {
	if in.TransactionID != "" {
		t.uuid = in.TransactionID
		return t, nil
	}
	orderID, key, paymentID := in.Reference, "", in.PaymentID
	if paymentID == "" { // the journal knows which request the reference means
		paymentID = in.Target.PaymentID
	}
	switch rest, found := strings.CutPrefix(paymentID, foundPrefix); {
	case found:
		orderID, key, _ = strings.Cut(rest, "/")
	case paymentID == "" && !plain(orderID):
		t.why = g.say("NV-2002.target")
		return t, nil
	case paymentID != "":
		if t.order, err = g.order(ctx, paymentID, missing); err != nil {
			return t, err
		}
		if o := t.order; o.Status != "PAID" && (o.Status != "RUNNING" || o.Transactions != nil) && len(o.Transactions) == 0 {
			return t, nil
		}
		orderID = string(t.order.OrderID)
	}
	list, err := g.ordered(ctx, orderID, missing)
	switch {
	case err == nil:
	case t.order != nil && t.order.Status == "RUNNING" && isNothing(err): // nobody has tried to pay yet
		return t, nil
	case t.order != nil && len(t.order.Transactions) > 0 && errors.Is(err, missing):
		list = &orderTransactions{Transactions: t.order.Transactions}
	default:
		return t, err
	}
	own := list.Transactions
	switch {
	case t.order != nil:
		own = ofOrder(t.order, own)
	case key != "":
		own = stamped(own, key)
	}
	good := candidates(own)
	if len(good) > 1 {
		t.why = g.say("NV-2002.several", "number", strconv.Itoa(len(good)))
		return t, nil
	}
	switch {
	case len(good) == 1:
		t.tx, t.uuid = &good[0], string(good[0].UUID)
	case t.order == nil || t.order.Status == "PAID" && len(own) > 0: // attempts, and none that came to anything
		t.why = g.say("NV-2002.nothing")
	case t.order.Status == "PAID": // its transaction is still to come
		return t, errNoneYet
	}
	return t, nil
}

// errNoneYet is a paid order whose transaction the PSP does not show yet: what acts on it is early.
var errNoneYet = &gateway.Error{Kind: payment.ErrUncertain, Code: gateway.CodeBusy, Text: "a paid order without a transaction of its own"}

// candidates are the debits that came to something; those that ended count only when there is no other.
func candidates(list []transaction) []transaction {
	var live, ended []transaction
	for _, t := range list {
		switch st := statuses()[string(t.Detailed)].stage; {
		case !t.debit() || st == stageFailed:
		case st == stageEnded:
			ended = append(ended, t)
		default:
			live = append(live, t)
		}
	}
	if len(live) > 0 {
		return live
	}
	return ended
}

// load reads the target's transaction, if that was not done yet.
func (g *Gateway) load(ctx context.Context, t *target, missing error) (err error) {
	if t.tx == nil && t.uuid != "" {
		t.tx, err = g.transaction(ctx, t.uuid, missing)
	}
	return err
}

// operate sends one operation. What is read beforehand has no effect: a failure there is "not sent".
func (g *Gateway) operate(ctx context.Context, in *payment.Instruction) (payment.Outcome, error) {
	t, err := g.find(ctx, in, payment.ErrUnsupported)
	if errors.Is(err, errNoneYet) { // this row alone waits
		return payment.Outcome{Verdict: payment.VerdictRetry, Code: gateway.CodeBusy, Message: errNoneYet.Text, Wait: noneYetWait, Alone: true}, nil
	}
	if err != nil {
		return before(err)
	}
	if t.why != nil {
		return g.refuse(*t.why), nil
	}
	if t.uuid == "" {
		return g.onOrder(ctx, in, &t)
	}
	switch in.Operation {
	case payment.Capture:
		return g.capture(ctx, in, &t)
	case payment.Cancel:
		return g.cancel(ctx, in, &t)
	case payment.Refund:
		return g.refund(ctx, in, &t)
	case payment.Modify:
		return g.modify(ctx, in, &t)
	case payment.Duplicate:
		return g.duplicate(ctx, in, &t)
	}
	if err := g.load(ctx, &t, payment.ErrUnsupported); err != nil {
		return before(err)
	}
	return g.showing(in, t.tx)
}

// onOrder acts on a request that has no transaction: it is cancelled or modified while it runs.
func (g *Gateway) onOrder(ctx context.Context, in *payment.Instruction, t *target) (payment.Outcome, error) {
	o := t.order
	asked, err := o.sum()
	if err != nil {
		return before(err)
	}
	done := payment.Outcome{Verdict: payment.VerdictDone, State: payment.Done, TransactionState: g.word(o.Status)}
	switch state := orderStates()[string(o.Status)]; {
	case in.Operation == payment.Consult:
		done.Amount, done.Message = asked, g.word(o.Status)
		return done, nil
	case in.Operation == payment.Cancel && state == payment.Cancelled:
		return done, nil
	case state != payment.Open || in.Operation != payment.Cancel && in.Operation != payment.Modify:
		return g.refuse(*g.say("NV-2002.paid", "state", g.word(o.Status))), nil
	case in.Operation == payment.Cancel && !in.Amount.IsZero() && in.Amount != asked:
		return g.refuse(*g.say("NV-2002.partial")), nil
	}
	service, body := "Charge/PaymentOrder/Cancel", encode(map[string]string{"paymentOrderId": string(o.ID)})
	if in.Operation == payment.Modify {
		service, body = "Charge/PaymentOrder/Update", updateBody(in, o, asked)
	}
	var after order
	out, err := g.act(ctx, in, service, body, &after)
	if err == nil && out.Verdict == payment.VerdictRefused && in.Operation == payment.Cancel && ruleOf(out.TransactionState).class == already {
		now, err := g.order(ctx, string(o.ID), payment.ErrUnsupported) // cancelled since it was read: believed after a read
		switch {
		case err != nil && !isNothing(err):
			return g.unreadable(in, out.Message)
		case err == nil && orderStates()[string(now.Status)] == payment.Cancelled:
			done.TransactionState, done.Message = g.word(now.Status), out.Message
			return done, nil
		}
	}
	if err != nil || out.Verdict != payment.VerdictDone {
		return g.final(out, err)
	}
	done.TransactionState = g.word(after.Status)
	return done, nil
}

// updateBody changes an order's amount or its expiry; what does not change is sent again, as the PSP wants it.
func updateBody(in *payment.Instruction, o *order, asked payment.Amount) []byte {
	if !in.Amount.IsZero() {
		asked = in.Amount
	}
	b := struct {
		ID         string          `json:"paymentOrderId"`
		Amount     int64           `json:"amount"`
		Currency   string          `json:"currency"`
		Expiration string          `json:"expirationDate,omitempty"`
		Channel    *channelOptions `json:"channelOptions,omitempty"`
	}{ID: string(o.ID), Amount: asked.Minor, Currency: asked.Currency}
	if in.Date != "" {
		b.Expiration = in.Date + "T23:59:59+00:00"
	}
	switch {
	case o.Channel.Mail.Recipient != "":
		b.Channel = &channelOptions{Type: "MAIL", Mail: &mailOptions{Recipient: string(o.Channel.Mail.Recipient)}}
	case o.Channel.SMS.Phone != "":
		b.Channel = &channelOptions{Type: "SMS", SMS: &smsOptions{Phone: string(o.Channel.SMS.Phone)}}
	}
	return encode(b)
}

// onTransaction is the body of calls on a transaction.
type onTransaction struct {
	UUID     string      `json:"uuid"`
	Amount   int64       `json:"amount,omitempty"`
	Currency string      `json:"currency,omitempty"`
	Card     *cardUpdate `json:"cardUpdate,omitempty"`
	OrderID  string      `json:"orderId,omitempty"`
	Comment  string      `json:"comment"`
}

type cardUpdate struct {
	Amount   int64  `json:"amount"`
	Currency string `json:"currency"`
	Expected string `json:"expectedCaptureDate,omitempty"`
}

// lessThan tells whether an operation is for less than its transaction's sum; why: it is for more, or in another currency.
// Without an amount nothing is read.
func (g *Gateway) lessThan(ctx context.Context, in *payment.Instruction, t *target) (less bool, sum payment.Amount, why *message.Text, err error) {
	if in.Amount.IsZero() {
		return false, sum, nil, nil
	}
	if sum, err = g.worth(ctx, t); err == nil && (in.Amount.Currency != sum.Currency || in.Amount.Minor > sum.Minor) {
		why = g.say("NV-2002.beyond", "amount", sum.String())
	}
	return in.Amount.Minor < sum.Minor, sum, why, err
}

// worth is the sum of the target's transaction.
func (g *Gateway) worth(ctx context.Context, t *target) (payment.Amount, error) {
	if err := g.load(ctx, t, payment.ErrUnsupported); err != nil {
		return payment.Amount{}, err
	}
	return t.tx.sum()
}

// capture validates a transaction, for less than its amount after lowering it.
func (g *Gateway) capture(ctx context.Context, in *payment.Instruction, t *target) (payment.Outcome, error) {
	less, _, why, err := g.lessThan(ctx, in, t)
	switch {
	case err != nil:
		return before(err)
	case why != nil:
		return g.refuse(*why), nil
	case less:
		if out, err := g.update(ctx, in, t.uuid, in.Amount, ""); err != nil || out.Verdict != payment.VerdictDone {
			return out, err
		}
	}
	return g.actOn(ctx, in, t, "Transaction/Validate", onTransaction{UUID: t.uuid, Comment: comment(in)}, func(tx *transaction) bool {
		st := statuses()[string(tx.Detailed)]
		return !st.validate && (st.stage == stagePaid || st.stage == stageCaptured || tx.Detailed == "WAITING_AUTHORISATION")
	})
}

// cancel cancels a transaction, or lowers it by a part. Named by its request alone it must not be paid yet: what the
// customer has paid is cancelled by its own id, or refunded.
func (g *Gateway) cancel(ctx context.Context, in *payment.Instruction, t *target) (payment.Outcome, error) {
	if in.TransactionID == "" {
		if st := statuses()[string(t.tx.Detailed)]; st.stage != stageValidate && st.stage != stageEnded && !(st.stage == stagePending && st.cancel) {
			return g.refuse(*g.say("NV-2002.paid", "state", g.word(t.tx.Detailed))), nil
		}
	}
	less, sum, why, err := g.lessThan(ctx, in, t)
	switch {
	case err != nil:
		return before(err)
	case why != nil:
		return g.refuse(*why), nil
	case less:
		return g.update(ctx, in, t.uuid, payment.Amount{Minor: sum.Minor - in.Amount.Minor, Currency: sum.Currency}, "")
	}
	return g.actOn(ctx, in, t, "Transaction/Cancel", onTransaction{UUID: t.uuid, Comment: comment(in)}, cancelled)
}

func cancelled(tx *transaction) bool { return tx.Detailed == "CANCELLED" || tx.Detailed == "CANCELED" }

// refund makes a credit; without an amount, of all that is left.
func (g *Gateway) refund(ctx context.Context, in *payment.Instruction, t *target) (payment.Outcome, error) {
	sum := in.Amount
	if sum.IsZero() {
		if err := g.load(ctx, t, payment.ErrUnsupported); err != nil {
			return before(err)
		}
		left, err := remainder(t.tx)
		if err != nil {
			return before(err)
		}
		if left.Minor == 0 { // refunded whole already
			return payment.Outcome{Verdict: payment.VerdictDone, State: payment.Done, TransactionID: t.uuid, TransactionState: g.word(t.tx.Detailed)}, nil
		}
		sum = left
	}
	body := onTransaction{UUID: t.uuid, Amount: sum.Minor, Currency: sum.Currency, Comment: comment(in)}
	return g.actOn(ctx, in, t, "Transaction/Refund", body, func(tx *transaction) bool {
		left, err := remainder(tx)
		whole, err2 := tx.sum()
		return err == nil && err2 == nil && left.Minor == 0 && (in.Amount.IsZero() || in.Amount == whole)
	})
}

// remainder is what of a transaction has not been refunded.
func remainder(t *transaction) (payment.Amount, error) {
	sum, err := t.sum()
	if err != nil {
		return payment.Amount{}, err
	}
	if r := t.Details.Card.Capture.Refunded; r != nil {
		sum.Minor = max(sum.Minor-*r, 0)
	}
	return sum, nil
}

// modify lowers a transaction's amount or moves its capture.
func (g *Gateway) modify(ctx context.Context, in *payment.Instruction, t *target) (payment.Outcome, error) {
	sum := in.Amount
	if sum.IsZero() {
		var err error
		if sum, err = g.worth(ctx, t); err != nil {
			return before(err)
		}
	}
	return g.update(ctx, in, t.uuid, sum, in.Date)
}

func (g *Gateway) update(ctx context.Context, in *payment.Instruction, uuid string, to payment.Amount, date string) (payment.Outcome, error) {
	card := cardUpdate{Amount: to.Minor, Currency: to.Currency}
	if date != "" {
		card.Expected = date + "T12:00:00+00:00"
	}
	return g.actOn(ctx, in, &target{uuid: uuid}, "Transaction/Update", onTransaction{UUID: uuid, Card: &card, Comment: comment(in)}, nil)
}

// duplicate charges the same means of payment again, under a reference of its own.
func (g *Gateway) duplicate(ctx context.Context, in *payment.Instruction, t *target) (payment.Outcome, error) {
	sum := in.Amount
	if sum.IsZero() {
		var err error
		if sum, err = g.worth(ctx, t); err != nil {
			return before(err)
		}
	}
	return g.actOn(ctx, in, t, "Transaction/Duplicate", onTransaction{UUID: t.uuid, Amount: sum.Minor, Currency: sum.Currency, OrderID: OrderID(in), Comment: comment(in)}, nil)
}

// actOn makes a call that answers with a transaction. Where the PSP says that the transaction is not in a state for it,
// so tells whether it is because what was asked is so already: believed after a read.
func (g *Gateway) actOn(ctx context.Context, in *payment.Instruction, t *target, service string, body onTransaction, so func(*transaction) bool) (payment.Outcome, error) {
	var tx transaction
	out, err := g.act(ctx, in, service, encode(body), &tx)
	switch {
	case err != nil:
		return out, err
	case out.Verdict == payment.VerdictDone:
		return g.showing(in, &tx)
	case out.Verdict == payment.VerdictRefused && so != nil:
		if code := out.TransactionState; ruleOf(code).class == already || code == "PSP_011" || code == "PSP_503" {
			now, err := g.transaction(ctx, t.uuid, payment.ErrUnsupported)
			switch {
			case err == nil && so(now):
				done, err := g.showing(in, now)
				done.Message, done.Amount = out.Message, payment.Amount{}
				return done, err
			case err != nil && !isNothing(err): // whether it is so already is asked again
				return g.unreadable(in, out.Message)
			}
		}
	}
	return g.final(out, err)
}

// final takes the note of judge out of an outcome.
func (g *Gateway) final(out payment.Outcome, err error) (payment.Outcome, error) {
	if out.Verdict == payment.VerdictRefused {
		out.TransactionState = ""
	}
	return out, err
}

// showing is the outcome that a transaction shows.
func (g *Gateway) showing(in *payment.Instruction, tx *transaction) (payment.Outcome, error) {
	st, known := statuses()[string(tx.Detailed)]
	switch {
	case tx.UUID == "":
		return g.unreadable(in, "a transaction without an id")
	case !known:
		return g.unreadable(in, "transaction status "+string(tx.Detailed)+" is unknown")
	}
	sum, err := tx.sum()
	if err != nil {
		return g.unreadable(in, err.Error())
	}
	out := payment.Outcome{Verdict: payment.VerdictDone, State: payment.Done, TransactionID: g.id(tx.UUID), TransactionState: g.word(tx.Detailed), Amount: sum}
	switch in.Operation {
	case payment.Consult: // what was asked for
		out.Message = g.word(tx.Detailed)
		if tx.Code != "" {
			out.Message += " " + g.client.Clean(fault{tx.Code, tx.Message, tx.DetailCode, tx.Detail}.words())
		}
	case payment.Refund, payment.Duplicate: // a transaction of its own, to be named by whoever acts on it next
		if in.Operation == payment.Duplicate || tx.Operation == "CREDIT" {
			out.PaymentID = out.TransactionID
		}
	}
	if st.stage == stageFailed && (in.Operation == payment.Refund || in.Operation == payment.Duplicate) { // made, and refused by the bank
		f := fault{tx.Code, tx.Message, tx.DetailCode, tx.Detail}
		if f.Code == "" {
			f.Code = tx.Detailed
		}
		out.Verdict, out.State, out.Code, out.Message = payment.VerdictRefused, payment.Refused, gateway.CodeRefused, g.client.Message(in, f.words())
	}
	return out, nil
}
