package connector

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/navette-connect/navette/connector/journal"
	"github.com/navette-connect/navette/connector/message"
	"github.com/navette-connect/navette/connector/payment"
)

// What waits for something else than the gateway's answer: a request that replaces an open one (its cancel, then a look at
// the old one, come first), an operation whose target nobody knows yet. Each stands in the journal as due, so that a crash
// forgets none; each look moves its due on.
const (
	dueReplace = "replace" // subject: the new request; n: the cancel's number, 0 = not made yet
	dueTarget  = "target"  // subject: the operation
	glance     = time.Second
	leisure    = 30 * time.Second
)

// waiting looks at some of what is due to be looked at, as many at a time as there are slots: in between others are sent. due is when the first of a kind is, 0 = none; it tells how long until there is more to do.
func (d *dispatch) waiting(ctx context.Context, kind string, due int64, slots int, look func(context.Context, journal.Due) error) (next time.Duration, err error) {
	now := d.now().UnixMicro()
	if due == 0 || due > now {
		return until(due, now), nil
	}
	list, err := d.j.DueBefore(ctx, kind, d.account.Account, now, d.account.Concurrency*4)
	if err != nil {
		return 0, err
	}
	return time.Millisecond, d.each(ctx, list, slots, func(ctx context.Context, due journal.Due) error {
		err := look(ctx, due)
		if err == nil || fatal(err) || ctx.Err() != nil {
			return err
		}
		// The others are looked at nevertheless, and this one again a while later.
		now := d.now()
		d.vain.note(fmt.Errorf("%s i%d: %w", kind, due.Subject, err), now, now.Add(3*leisure))
		return d.j.Do(ctx, func(tx *journal.Tx) error {
			return tx.SetDue(kind, due.Subject, d.account.Account, tx.Now+leisure.Microseconds(), due.N)
		})
	})
}

// replace brings a request that replaces an open one (on_known: replace_unpaid) a step on: cancel the old one, read it
// again, and only when it is closed let the new one be sent.
func (d *dispatch) replace(ctx context.Context, due journal.Due) error {
	forget := func() error {
		return d.j.Do(ctx, func(tx *journal.Tx) error { return tx.ClearDue(dueReplace, due.Subject) })
	}
	later := func(in time.Duration, n int64) error {
		return d.j.Do(ctx, func(tx *journal.Tx) error {
			return tx.SetDue(dueReplace, due.Subject, d.account.Account, tx.Now+in.Microseconds(), n)
		})
	}
	it, err := d.j.Item(ctx, due.Subject)
	if errors.Is(err, journal.ErrMissing) || err == nil && it.State != payment.Accepted && it.State != payment.Held {
		return forget()
	}
	if err != nil {
		return err
	}
	f, err := d.j.File(ctx, it.FileID)
	if err != nil {
		return err
	}
	w, err := d.j.Flow(ctx, f.Flow)
	if err != nil {
		return err
	}
	if it.State == payment.Held || f.State != journal.FileAccepted || f.SendAfter > d.now().UnixMicro() || w.Paused == "all" {
		return later(leisure, due.N)
	}
	known, err := d.j.Item(ctx, it.RevisionOf)
	if err != nil {
		return err
	}
	locale := d.localeOf(f.Flow)
	holdBack := func(text message.Text) error {
		return d.j.Do(ctx, func(tx *journal.Tx) error {
			if err := tx.HoldBack(&it, "NV-1403", text.In(locale)); err != nil {
				return err
			}
			return tx.ClearDue(dueReplace, it.ID)
		})
	}
	failed := message.New("NV-1403.cancelling", "reference", it.Reference, "state", string(known.State))
	switch known.State {
	case payment.Cancelled, payment.Expired, payment.Refused:
		err := d.j.Do(ctx, func(tx *journal.Tx) error {
			if err := tx.Ready(it.ID); err != nil {
				return err
			}
			return tx.ClearDue(dueReplace, it.ID)
		})
		d.wakeOne("dispatch:" + d.account.Account)
		return err
	case payment.Open:
	default:
		if !known.State.Answered() {
			return later(leisure, due.N)
		}
		return holdBack(failed) // paid meanwhile, or on its way to it
	}
	if due.N == 0 {
		if s, ok := d.account.Gateway.(Supporter); ok && !s.Supports(payment.Operate, payment.Cancel) {
			return holdBack(failed)
		}
		reason := message.New("NV-1403.replaced", "file", label(f.Name)).In(locale)
		return d.j.Do(ctx, func(tx *journal.Tx) error {
			id, err := tx.Cancelling(&known, f.ID, int64(it.Source.Line), reason)
			if err != nil {
				return err
			}
			return tx.SetDue(dueReplace, it.ID, d.account.Account, tx.Now+glance.Microseconds()/4, id)
		})
	}
	cancel, err := d.j.Item(ctx, due.N)
	if err != nil {
		return err
	}
	switch cancel.State {
	case payment.Done, payment.Refused: // whatever was answered, how it stands now is read
		if err := d.reread(ctx, &known, cancel.State); err != nil {
			return errors.Join(err, later(glance, due.N))
		}
		now, err := d.j.Item(ctx, known.ID)
		if err != nil {
			return err
		}
		if now.State == payment.Open && (cancel.State == payment.Refused || d.now().Sub(journal.Time(cancel.AnsweredAt)) > d.closing()) {
			return holdBack(failed)
		}
		// Rarer and rarer: a PSP may take long to show it closed, and a single pass does not wait for that.
		return later(min(max(d.now().Sub(journal.Time(cancel.AnsweredAt)), glance), leisure), due.N)
	case payment.Held, payment.Uncertain, payment.Pending: // a person, a look-up or a poll moves it on
		return later(leisure, due.N)
	case payment.Accepted:
		first, err := d.j.Sendable(ctx, cancel.FileID, cancel.ID-1, d.now().UnixMicro(), 1)
		if err != nil {
			return err
		}
		if len(first) == 0 || first[0].ID != cancel.ID { // behind something else
			return later(leisure, due.N)
		}
	}
	return later(glance, due.N)
}

// reread asks the PSP how a request stands after its cancel. A PSP that cannot be asked is believed.
func (d *dispatch) reread(ctx context.Context, known *journal.Item, answer payment.State) error {
	for _, w := range d.follows {
		if w.account != d.account {
			continue
		}
		if _, ok := d.account.Gateway.(Reader); ok {
			return w.read(ctx, known.OwnPaymentID, func(*journal.Tx) error { return nil })
		}
		if answer == payment.Done {
			return d.j.Do(ctx, func(tx *journal.Tx) error {
				_, err := w.apply(tx, payment.Change{Word: payment.WordCancelled, Now: payment.Snapshot{PaymentID: known.OwnPaymentID, State: payment.Cancelled, Amount: known.Amount}}, false)
				return err
			})
		}
	}
	return nil
}

// target looks whether the request that an operation names is known by now (contract §4a): then it goes on; after the
// flow's patience it is refused.
func (d *dispatch) target(ctx context.Context, due journal.Due) error {
	it, err := d.j.Item(ctx, due.Subject)
	if errors.Is(err, journal.ErrMissing) || err == nil && (it.State != payment.Held || it.Code != "NV-1407") {
		return d.j.Do(ctx, func(tx *journal.Tx) error { return tx.ClearDue(dueTarget, due.Subject) })
	}
	if err != nil {
		return err
	}
	f, err := d.j.File(ctx, it.FileID)
	if err != nil {
		return err
	}
	n := d.intakeOf(f.Flow)
	later := func(in time.Duration) error {
		return d.j.Do(ctx, func(tx *journal.Tx) error {
			return tx.SetDue(dueTarget, it.ID, d.account.Account, tx.Now+in.Microseconds(), due.N)
		})
	}
	known := it.Target.ID != 0 && it.Target.PaymentID != ""
	if !f.Judged || known && (n == nil || f.State == journal.FileHeld) { // judged, or released by a person, first
		return later(leisure)
	}
	if left := journal.Time(f.ReceivedAt + due.N*1000).Sub(d.now()); !known && left > 0 {
		return later(max(min(left, leisure), 10*time.Millisecond))
	}
	v := &journal.Verdict{State: journal.RowRejected, Code: "NV-1407", Message: message.New("NV-1407.unknown", "reference", it.Reference).In(d.localeOf(f.Flow))}
	if known { // what could not be asked when the file was judged is asked now: remainder, currency, limits
		if v, err = n.aimed(ctx, &f, &it); v == nil && err == nil && !it.Amount.IsZero() {
			v, err = n.overLimit(it.Amount)
		}
		if err != nil {
			return err
		}
	}
	return d.j.Do(ctx, func(tx *journal.Tx) error {
		if err := tx.ClearDue(dueTarget, it.ID); err != nil {
			return err
		}
		switch {
		case v == nil:
			if err := tx.Decide(&it, payment.Accepted, "", ""); err != nil {
				return err
			}
			return tx.AcceptRow(it.RowID)
		case v.State == journal.RowHeld:
			return tx.HoldOn(&it, v.Code, v.Message)
		}
		return tx.Decide(&it, payment.Refused, v.Code, v.Message)
	})
}
