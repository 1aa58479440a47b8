package connector

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/navette-connect/navette/connector/journal"
	"github.com/navette-connect/navette/connector/message"
	"github.com/navette-connect/navette/connector/payment"
)

// notices reads the payments that notifications named; what a notification itself said is not believed. Only those that
// were there before the PSP was asked are done with afterwards. waiting tells that some wait for an answer of ours.
func (w *follow) notices(ctx context.Context) (waiting bool, err error) {
	var errs []error
	left := 0 // of those before, which are there still
	for ctx.Err() == nil {
		list, err := w.j.Notices(ctx, w.account.Account, left, page)
		if err != nil || len(list) == 0 {
			return waiting, errors.Join(append(errs, err)...)
		}
		n, err := w.noticed(ctx, list)
		if left += n.waiting + n.failed; err != nil {
			errs = append(errs, err)
		}
		if waiting = waiting || n.waiting > 0; n.waiting+n.done == 0 { // none could be read: later
			break
		}
	}
	return waiting, errors.Join(errs...)
}

// noticed counts the notifications of a page: those done with, those that wait for an answer of ours, those that could not be read.
type noticed struct{ done, waiting, failed int }

func (w *follow) noticed(ctx context.Context, list []journal.Notice) (n noticed, err error) {
	var errs []error
	for len(list) > 0 && ctx.Err() == nil {
		first := list[0]
		same := func(n journal.Notice) bool {
			return n.PaymentID == first.PaymentID && n.TransactionID == first.TransactionID
		}
		var ids []string
		for _, n := range list {
			if same(n) {
				ids = append(ids, n.ID)
			}
		}
		list = slices.DeleteFunc(list, same)
		if first.PaymentID == "" { // kept by an older version: there is nothing to read
			if err := w.j.Do(ctx, func(tx *journal.Tx) error { return tx.NoticesDone(w.account.Account, ids) }); err != nil {
				return n, err
			}
			n.done += len(ids)
			continue
		}
		known, err := w.j.Known(ctx, w.account.Account, first.PaymentID)
		if err != nil {
			return n, err
		}
		if !known { // its own answer may still be on its way
			unsure, err := w.unsure(ctx)
			if err != nil {
				return n, err
			}
			if unsure {
				n.waiting += len(ids)
				continue
			}
		}
		after := func(tx *journal.Tx) error { return tx.NoticesDone(w.account.Account, ids) }
		if known && first.TransactionID != "" {
			err = w.readTransaction(ctx, first, after)
		} else {
			err = w.read(ctx, first.PaymentID, after)
		}
		if err != nil { // the others are read nevertheless
			errs = append(errs, fmt.Errorf("notification: %w", err))
			n.failed += len(ids)
			continue
		}
		n.done += len(ids)
	}
	return n, errors.Join(errs...)
}

// readTransaction asks the PSP for the one transaction a notification named. It is the request's payment, or an attempt that
// failed, or a second payment of what was paid before.
func (w *follow) readTransaction(ctx context.Context, n journal.Notice, after func(*journal.Tx) error) error {
	doubler, ok := w.account.Gateway.(Doubler)
	if !ok { // it was one when the notification came
		return w.read(ctx, n.PaymentID, after)
	}
	s, asked, err := w.askTransaction(ctx, doubler, n)
	switch {
	case !asked: // at the end of the process
		return nil
	case errors.Is(err, payment.ErrStopped):
		w.dispatch.stop(ctx, err)
		return err
	case errors.Is(err, payment.ErrUnknown): // not a transaction of the account's: the request itself is read
		return w.read(ctx, n.PaymentID, after)
	case err != nil:
		return err
	}
	s.PaymentID = n.PaymentID
	told := 0
	err = w.j.Do(ctx, func(tx *journal.Tx) (err error) {
		if told, err = w.paidTwice(tx, s); err == nil && told == 0 {
			told, err = w.shown(tx, s)
		}
		if err == nil {
			err = after(tx)
		}
		if err == nil && s.TransactionID == "" { // an attempt that failed is no payment
			err = tx.NotPaidBy(w.account.Account, n)
		}
		return err
	})
	if told > 0 {
		w.stir()
	}
	return err
}

// askTransaction asks the PSP; asked is false when the process ends first.
func (w *follow) askTransaction(ctx context.Context, doubler Doubler, n journal.Notice) (s payment.Snapshot, asked bool, err error) {
	if !w.dispatch.gate.pass(ctx, w.now) {
		return s, false, nil
	}
	defer w.dispatch.gate.release()
	if w.dispatch.limit.Wait(ctx) != nil {
		return s, false, nil
	}
	in := payment.Instruction{Account: w.account.Account, Kind: payment.Request, PaymentID: n.PaymentID, TransactionID: n.TransactionID}
	w.pulses.beat("follow:" + w.account.Account)
	begun := time.Now()
	s, err = doubler.ReadTransaction(ctx, &in)
	w.meter.exchange(w.account.Name, "read", payment.Judge(payment.Outcome{Verdict: payment.VerdictDone}, err).String(), time.Since(begun))
	return s, true, err
}

// paidTwice tells a second payment of a request: once, with an alarm, for a person to refund. The request's own payment and
// state stay as they are. Notifications are held against each other alone: that a PSP's other answers call one payment by
// the same numbers is nowhere said.
func (w *follow) paidTwice(tx *journal.Tx, s payment.Snapshot) (told int, err error) {
	if s.TransactionID == "" || s.State != payment.Paid && s.State != payment.Authorised && s.State != payment.Settled {
		return 0, nil
	}
	it, err := tx.ByPayment(w.account.Account, s.PaymentID)
	if err != nil || !payment.Beyond(it.State) {
		return 0, ignoreMissing(err)
	}
	first, err := tx.PaidBy(w.account.Account, s.PaymentID, s.TransactionID)
	if err != nil || first == "" {
		return 0, err
	}
	sum := s.Amount
	if sum.IsZero() {
		sum = it.Amount
	}
	text := message.New("NV-2109.twice", "amount", sum.String(), "first", first, "transaction", s.TransactionID)
	fresh, err := tx.PaidTwice(&it, s.TransactionID, sum, s.UpdatedAt, "NV-2109", text.In(w.localeOf(it.Source.Flow)))
	if err != nil || !fresh {
		return 1, err
	}
	w.log.Error().Str("event", "news.conflict").Str("code", "NV-2109").Str("payment", s.PaymentID).Str("transaction", s.TransactionID).Msg("paid a second time: refund the second transaction")
	w.meter.conflict(w.account.Name)
	return 1, nil
}

func ignoreMissing(err error) error {
	if errors.Is(err, journal.ErrMissing) {
		return nil
	}
	return err
}

// shown applies what a read shows of a request: the attempts that failed, then how it stands.
func (w *follow) shown(tx *journal.Tx, s payment.Snapshot) (told int, err error) {
	if len(s.Failed) > 0 {
		it, err := tx.ByPayment(w.account.Account, s.PaymentID)
		if err != nil || !it.State.Followed() { // long past
			s.Failed = nil
		}
		if ignoreMissing(err) != nil {
			return 0, err
		}
	}
	for _, f := range s.Failed {
		n, err := w.apply(tx, payment.Change{EventID: "failed:" + f.ID, Word: payment.WordFailed, OccurredAt: f.At, Reason: f.Reason, Now: payment.Snapshot{PaymentID: s.PaymentID}}, false)
		if err != nil {
			return 0, err
		}
		told += n
	}
	n, err := w.apply(tx, payment.Change{OccurredAt: s.UpdatedAt, Now: s}, false)
	return told + n, err
}
