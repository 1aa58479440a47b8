package connector

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/navette-connect/navette/connector/journal"
	"github.com/navette-connect/navette/connector/message"
	"github.com/navette-connect/navette/connector/payment"
)

// A request that nobody can ask about may show itself once its customer pays: until a person decides, it is looked up again,
// rarer and rarer, as long as PSPs keep one open.
const (
	dusk      = 30 * time.Minute
	lateSight = 100 * 24 * time.Hour
)

// lookAt is when a look-up of something sent at `sent` and in doubt since `since` is believed (microseconds).
func (d *dispatch) lookAt(sent, since int64) int64 {
	if d.counts() && since-sent < d.account.Window.Microseconds() {
		return since + min(d.account.Settle, time.Second).Microseconds() // the same key again is harmless
	}
	return since + d.account.Settle.Microseconds()
}

// counts tells whether the PSP's promise of one effect per key may be counted on. After a journal was lost it may not: when
// a key was first sent, and so when the PSP forgets it, is no longer known.
func (d *dispatch) counts() bool { return d.account.Idempotent && !d.consulting() }

// found adopts what a look-up found, if it is what was sent; other values are held for a person, with an alarm.
func (d *dispatch) found(it *journal.Item, out payment.Outcome) journal.Answer {
	if err := out.Matches(&it.Instruction); err != nil {
		d.log.Error().Str("event", "lookup.differs").Str("code", "NV-2102").Int64("instruction", it.ID).Err(err).Msg("the PSP has other values under our key: held")
		return journal.Answer{ID: it.ID, State: payment.Held, Code: "NV-2102", Message: err.Error(), PaymentID: out.PaymentID}
	}
	if out.Verdict == payment.VerdictRefused {
		return journal.Answer{ID: it.ID, State: payment.Refused, Code: or(out.Code, "NV-2001"), Message: out.Message, PaymentID: out.PaymentID, TransactionID: out.TransactionID, PSPState: out.TransactionState, Amount: out.Amount}
	}
	return d.answer(it, out)
}

// unknown is doubt: looked up once a late effect must have shown.
func (d *dispatch) unknown(it *journal.Item, err error) journal.Answer {
	now := d.now().UnixMicro()
	d.log.Warn().Str("event", "answer.lost").Str("code", "NV-2101").Int64("instruction", it.ID).Err(err).Msg("answer lost: looked up before anything is sent again")
	sent := it.SentAt
	if sent == 0 {
		sent = now
	}
	return journal.Answer{ID: it.ID, State: payment.Uncertain, Code: "NV-2101", Message: message.New("NV-2101.lost").In(d.lang), LookAt: d.lookAt(sent, now)}
}

// doubts settles what is due to be looked up. due is when the first is, 0 = none; it tells how long until there is more to do.
func (d *dispatch) doubts(ctx context.Context, due int64) (next time.Duration, err error) {
	now := d.now().UnixMicro()
	if due == 0 || due > now {
		return until(due, now), nil
	}
	if shut := d.gate.shut(d.now()); shut > 0 { // to wait for it here would keep the loop from everything else
		return min(shut, leisure), nil
	}
	list, err := d.j.DueBefore(ctx, "look", d.account.Account, now, d.account.Concurrency*4)
	if err != nil {
		return 0, err
	}
	return time.Millisecond, d.each(ctx, list, d.account.Concurrency, d.settle)
}

// each does something about what is due, as many at a time as there are slots.
func (d *dispatch) each(ctx context.Context, list []journal.Due, slots int, do func(context.Context, journal.Due) error) error {
	var wg sync.WaitGroup
	free := make(chan struct{}, slots)
	errs := make([]error, len(list))
	for i := range list {
		free <- struct{}{}
		d.pulses.beat("dispatch:" + d.account.Account)
		wg.Go(func() {
			defer func() { <-free }()
			errs[i] = do(ctx, list[i])
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// until is how long it is until something is due; 0: nothing is.
func until(due, now int64) time.Duration {
	if due == 0 {
		return 0
	}
	return max(time.Duration(due-now)*time.Microsecond, time.Millisecond)
}

// settle decides one doubt: found is adopted, twice absent is sent again under the same key, else it stays with a person. due.N
// counts: 1 for having been absent once, 2 for each look-up without an answer.
func (d *dispatch) settle(ctx context.Context, due journal.Due) error {
	absent, vain := due.N%2 == 1, due.N/2
	it, err := d.j.Item(ctx, due.Subject)
	if err != nil {
		return err
	}
	forget := func() error {
		return d.j.Do(ctx, func(tx *journal.Tx) error { return tx.ClearDue("look", it.ID) })
	}
	later := func(n int64, in time.Duration) error {
		return d.j.Do(ctx, func(tx *journal.Tx) error {
			return tx.SetDue("look", it.ID, d.account.Account, tx.Now+in.Microseconds(), n)
		})
	}
	if it.State != payment.Uncertain {
		return forget()
	}
	now := d.now().UnixMicro()
	if d.counts() && now-it.SentAt < d.account.Window.Microseconds() {
		return d.resend(ctx, it, due)
	}
	if absent && !d.roomy() { // it would be sent again: it is asked about once it can be
		return nil
	}
	if !d.gate.pass(ctx, d.now) {
		return nil
	}
	defer d.gate.release()
	if d.limit.Wait(ctx) != nil {
		return nil
	}
	begun := time.Now()
	out, err := d.lookup(ctx, &it.Instruction)
	d.meter.exchange(d.account.Name, "lookup", payment.Judge(out, err).String(), time.Since(begun))
	switch {
	case ctx.Err() != nil:
		return nil
	case err == nil:
		d.gate.open()
		a := d.found(&it, out)
		return d.j.Do(ctx, func(tx *journal.Tx) error {
			now, err := tx.Item(it.ID)
			if err == nil && now.State == payment.Accepted { // a person said meanwhile that it is not done: it is, and has not left again
				_, err = tx.MarkSending([]int64{it.ID})
			}
			if err == nil {
				err = tx.RecordAnswers([]journal.Answer{a})
			}
			if err != nil {
				return err
			}
			return tx.ClearDue("look", it.ID)
		})
	case errors.Is(err, payment.ErrUnknown) && !absent: // absent once: a late effect may still show
		d.gate.open()
		return later(1, d.account.Settle)
	case errors.Is(err, payment.ErrUnknown):
		d.gate.open()
		return d.resend(ctx, it, due)
	case errors.Is(err, payment.ErrUnsupported) && it.Kind == payment.Request && now-it.SentAt < lateSight.Microseconds(): // it may show once its customer has acted
		if due.N == 0 && now-it.SentAt < dusk.Microseconds() {
			d.log.Warn().Str("event", "lookup.unsupported").Str("code", "NV-2101").Int64("instruction", it.ID).Msg("the PSP cannot be asked yet: a person decides (navette resolve)")
		}
		return later(due.N, min(max(time.Duration(now-it.SentAt)*time.Microsecond/2, dusk), 6*time.Hour))
	case errors.Is(err, payment.ErrUnsupported):
		d.log.Warn().Str("event", "lookup.unsupported").Str("code", "NV-2101").Int64("instruction", it.ID).Msg("the PSP cannot be asked: a person decides (navette resolve)")
		return forget()
	case errors.Is(err, payment.ErrStopped):
		d.stop(ctx, err)
		return later(due.N, d.account.Settle)
	default:
		d.alarms.report(d.log, "gateway:"+d.account.Name, err)
		if payment.Judge(out, err) == payment.VerdictRetry && out.Wait > 0 { // it is too much for the PSP, whatever is asked
			d.gate.close(d.now(), out.Wait)
		}
		return later(due.N+2, max(out.Wait, backoff(int(vain)+1)))
	}
}

// roomy tells whether one more may be in flight. Where there is no room, what is fed next leaves some: doubts come first.
func (d *dispatch) roomy() bool {
	roomy := d.inFlight() < d.groupSize()
	if !roomy {
		d.crowded.Store(true)
	}
	return roomy
}

// resend sends an uncertain instruction again under its own key.
func (d *dispatch) resend(ctx context.Context, it journal.Item, due journal.Due) error {
	if d.stilled(it.Source.Flow) {
		return d.j.Do(ctx, func(tx *journal.Tx) error {
			return tx.SetDue("look", it.ID, d.account.Account, tx.Now+leisure.Microseconds(), due.N)
		})
	}
	if !d.roomy() {
		return nil // still due
	}
	it.Doubted = true
	_, err := d.enqueue(ctx, []journal.Item{it}, func(tx *journal.Tx) error { return tx.ClearDue("look", it.ID) })
	return err
}
