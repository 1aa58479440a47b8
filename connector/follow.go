package connector

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/navette-connect/navette/connector/journal"
	"github.com/navette-connect/navette/connector/message"
	"github.com/navette-connect/navette/connector/payment"
)

// follow learns what becomes of one account's requests: from the PSP's feed, else by polling each by its age; a webhook
// only says which one to read at once. Whichever way the news comes, it leads to the same states and is told once.
type follow struct {
	*engine
	account  *Account
	dispatch *dispatch
	log      zerolog.Logger
	alarms   *once
	feed     atomic.Int32 // feedUnknown, feedYes, feedNo
	unread   lasting      // polls that failed
}

const (
	feedUnknown = iota
	feedYes
	feedNo
)

// How long requests that reached a final state are read again, where the PSP has no feed: refunds and charge-backs
// come late.
const (
	finalDaily  = 30 * 24 * time.Hour
	finalWeekly = 396 * 24 * time.Hour // 13 months
)

func (w *follow) run(ctx context.Context) error {
	for fails := 0; ctx.Err() == nil; {
		waiting, err := w.pass(ctx)
		next := w.account.Poll
		switch {
		case err != nil && ctx.Err() == nil: // news may be waiting: sooner than the next poll, and rarer and rarer
			w.alarms.report(w.log, "follow:"+w.account.Name, err)
			fails++
			next = min(next, backoff(fails))
		case err == nil:
			w.alarms.clear(w.log, "follow:"+w.account.Name)
			fails = 0
		}
		if waiting {
			next = min(next, glance)
		}
		w.sleep(ctx, "follow:"+w.account.Account, next)
	}
	return nil
}

// pass learns what there is to learn now; waiting tells that a notification could not be followed up yet.
func (w *follow) pass(ctx context.Context) (waiting bool, err error) {
	g, err := w.j.Gateway(ctx, w.account.Account)
	if err != nil || g.Stopped != "" {
		return false, err // a stopped gateway is not hammered
	}
	err = w.strays(ctx)
	waiting, noted := w.notices(ctx)
	err = errors.Join(err, noted, w.changes(ctx, g.Cursor), w.polls(ctx, w.now().UnixMicro()))
	if err == nil {
		_, err = w.unread.stands(w.now())
	}
	return waiting, err
}

// changes reads the feed from the journal's cursor to its end; each page and the cursor behind it are one commit.
func (w *follow) changes(ctx context.Context, cursor string) error {
	feed, ok := w.account.Gateway.(Feed)
	if !ok {
		w.feed.Store(feedNo)
		return nil
	}
	for ctx.Err() == nil {
		w.pulses.beat("follow:" + w.account.Account)
		list, next, err := feed.Changes(ctx, cursor, page)
		if errors.Is(err, payment.ErrUnsupported) {
			if was := w.feed.Swap(feedNo); was == feedYes || was == feedUnknown && cursor != "" {
				return w.j.Do(ctx, func(tx *journal.Tx) error { return tx.PollAll(w.account.Account, tx.Now) })
			}
			return nil
		}
		if errors.Is(err, payment.ErrStopped) { // the same credentials would be refused for sending, too
			w.dispatch.stop(ctx, err)
		}
		if err != nil {
			return fmt.Errorf("feed: %w", err)
		}
		w.feed.Store(feedYes)
		if len(list) == 0 && (next == "" || next == cursor) {
			return nil
		}
		unsure, err := w.unsure(ctx)
		if err != nil {
			return err
		}
		told := 0
		if err := w.fault("feed"); err != nil {
			return err
		}
		err = w.j.Do(ctx, func(tx *journal.Tx) error {
			told = 0
			for _, c := range list {
				n, err := w.apply(tx, c, unsure)
				if err != nil {
					return err
				}
				told += n
			}
			return tx.SetCursor(w.account.Account, next)
		})
		if err != nil {
			return err
		}
		if told > 0 {
			w.stir()
		}
		if next == "" || next == cursor || len(list) == 0 {
			return nil
		}
		cursor = next
	}
	return nil
}

// unsure tells whether something of ours is on its way whose PSP id is not known yet: news of unknown payments may be its.
func (w *follow) unsure(ctx context.Context) (bool, error) {
	if !w.dispatch.idle() {
		return true, nil
	}
	return w.j.Doubtful(ctx, w.account.Account)
}

// apply takes one piece of news. News of a payment nobody here knows is kept while something is on its way, else it is
// another system's and ignored.
func (w *follow) apply(tx *journal.Tx, c payment.Change, unsure bool) (told int, err error) {
	if c.Now.PaymentID == "" {
		return 0, nil
	}
	strays, err := tx.StraysOf(w.account.Account, c.Now.PaymentID)
	if err != nil {
		return 0, err
	}
	if len(strays) > 0 { // older news first
		if _, err := tx.ByPayment(w.account.Account, c.Now.PaymentID); err == nil {
			for _, s := range strays {
				if err := w.applyStray(tx, s); err != nil {
					return 0, err
				}
			}
		}
	}
	known, effect, err := w.take(tx, c)
	switch {
	case err != nil:
		return 0, err
	case !known && unsure:
		body, err := json.Marshal(c)
		if err != nil {
			return 0, err
		}
		return 0, tx.KeepStray(w.account.Account, c, body)
	case !known:
		return 0, nil
	case effect == payment.Conflict:
		w.log.Error().Str("event", "news.conflict").Str("payment", c.Now.PaymentID).Str("state", string(c.Now.State)).Str("word", c.Word).Msg("the PSP's news contradicts what is known: look at this payment")
		w.meter.conflict(w.account.Name)
	}
	return 1, nil
}

// take applies one piece of news. Of an event whose object could not be read the word alone would be believed, and a part taken
// for the whole: the payment is read instead.
func (w *follow) take(tx *journal.Tx, c payment.Change) (known bool, effect payment.Effect, err error) {
	if _, reads := w.account.Gateway.(Reader); !reads || c.Now.State != "" || payment.Remark(c.Word) {
		return tx.Apply(w.account.Account, c, message.New("NV-1404.late").In(w.dispatch.lang))
	}
	it, err := tx.ByPayment(w.account.Account, c.Now.PaymentID)
	if errors.Is(err, journal.ErrMissing) {
		return false, payment.Same, nil
	}
	if err == nil {
		err = tx.SetDue("poll", it.ID, w.account.Account, tx.Now, 0)
	}
	return true, payment.Same, err
}

func (w *follow) applyStray(tx *journal.Tx, s journal.Stray) error {
	var c payment.Change
	if err := json.Unmarshal(s.Body, &c); err != nil {
		return fmt.Errorf("kept news of %s: %w", s.PaymentID, err)
	}
	if _, _, err := w.take(tx, c); err != nil {
		return err
	}
	return tx.DropStray(w.account.Account, s)
}

// strays applies kept news whose payment is known by now.
func (w *follow) strays(ctx context.Context) error {
	list, err := w.j.Strays(ctx, w.account.Account, page)
	if err != nil || len(list) == 0 {
		return err
	}
	err = w.j.Do(ctx, func(tx *journal.Tx) error {
		for _, s := range list {
			if err := w.applyStray(tx, s); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		w.stir()
	}
	return err
}

// read asks the PSP for one payment and applies what it shows; after is part of the same commit.
func (w *follow) read(ctx context.Context, paymentID string, after func(*journal.Tx) error) error {
	reader, ok := w.account.Gateway.(Reader)
	if !ok {
		return w.j.Do(ctx, after)
	}
	ended, asked, err := w.standsAt(ctx, paymentID)
	if err != nil {
		return err
	}
	s := payment.Snapshot{PaymentID: paymentID, State: payment.Open}
	if asked {
		if !w.dispatch.gate.pass(ctx, w.now) {
			return nil
		}
		defer w.dispatch.gate.release()
		if w.dispatch.limit.Wait(ctx) != nil {
			return nil
		}
		in := payment.Instruction{Account: w.account.Account, Kind: payment.Request, PaymentID: paymentID}
		w.pulses.vouch("follow:" + w.account.Account)
		begun := time.Now()
		s, err = reader.Read(ctx, &in)
		w.meter.exchange(w.account.Name, "read", payment.Judge(payment.Outcome{Verdict: payment.VerdictDone}, err).String(), time.Since(begun))
	}
	if errors.Is(err, payment.ErrStopped) {
		w.dispatch.stop(ctx, err)
	}
	if errors.Is(err, payment.ErrUnknown) { // the PSP has forgotten it, or never had it
		w.log.Warn().Str("event", "payment.unknown").Str("payment", paymentID).Msg("the PSP does not know this payment")
		return w.j.Do(ctx, after)
	}
	if err != nil {
		return err
	}
	if s.PaymentID == "" {
		s.PaymentID = paymentID
	}
	if s.State == payment.Open && s.TransactionID == "" && ended != "" {
		s.State = ended
	}
	told := 0
	err = w.j.Do(ctx, func(tx *journal.Tx) (err error) {
		if told, err = w.shown(tx, s); err != nil {
			return err
		}
		return after(tx)
	})
	if told > 0 {
		w.stir()
	}
	return err
}

// polls reads each request whose poll is due; with a feed there is nothing to poll but operations the PSP has not
// finished. Half of the gateway's slots are left to what is to be sent.
func (w *follow) polls(ctx context.Context, now int64) error {
	for ctx.Err() == nil {
		failed, _ := w.unread.stands(w.now())
		list, err := w.j.DueBefore(ctx, "poll", w.account.Account, now, page)
		if err == nil && len(list) > 0 {
			err = w.pollAll(ctx, list) // each is due again later, or no more
		}
		if n, _ := w.unread.stands(w.now()); err != nil || len(list) < page || n > failed { // a PSP that is away is not asked thousands of times
			return err
		}
	}
	return nil
}

// putOff lets others be polled before one that could not be read.
func (w *follow) putOff(ctx context.Context, due journal.Due, why error) error {
	if ctx.Err() != nil || errors.Is(why, payment.ErrStopped) { // a stopped gateway reads nothing: it is due when it goes on
		return why
	}
	now := w.now()
	w.unread.note(why, now, now.Add(w.account.Poll+2*time.Minute))
	return w.j.Do(ctx, func(tx *journal.Tx) error {
		return tx.SetDue("poll", due.Subject, w.account.Account, tx.Now+w.account.Poll.Microseconds(), due.N)
	})
}

func (w *follow) pollAll(ctx context.Context, list []journal.Due) error {
	var wg sync.WaitGroup
	slots := make(chan struct{}, max(w.account.Concurrency/2, 1))
	errs := make([]error, len(list))
	for i, due := range list {
		if ctx.Err() != nil {
			break
		}
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			errs[i] = w.poll(ctx, due)
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

func (w *follow) poll(ctx context.Context, due journal.Due) error {
	it, err := w.j.Item(ctx, due.Subject)
	if err != nil {
		return err
	}
	forget := func(tx *journal.Tx) error { return tx.ClearDue("poll", it.ID) }
	if it.State == payment.Pending {
		return w.pollOperation(ctx, &it, due)
	}
	if it.OwnPaymentID == "" || due.N > 0 && w.feed.Load() == feedYes {
		return w.j.Do(ctx, forget)
	}
	lately := w.visitedLately(ctx, it.OwnPaymentID)
	err = w.read(ctx, it.OwnPaymentID, func(tx *journal.Tx) error {
		now, err := tx.Item(it.ID)
		if err != nil {
			return err
		}
		in, again := w.interval(&now, journal.Time(tx.Now))
		if !again || w.feed.Load() == feedYes {
			return forget(tx)
		}
		if lately && now.State == payment.Open {
			in = w.account.Poll
		}
		return tx.SetDue("poll", it.ID, w.account.Account, tx.Now+in.Microseconds(), due.N+1)
	})
	if err != nil {
		return w.putOff(ctx, due, fmt.Errorf("poll: %w", err))
	}
	return nil
}

// interval is how long to wait for the next look at a request: by its age, and rarely once it is final.
func (w *follow) interval(it *journal.Item, now time.Time) (time.Duration, bool) {
	since := it.AnsweredAt
	if since == 0 { // an operation that the PSP has not finished
		since = it.SentAt
	}
	age := now.Sub(journal.Time(since))
	switch {
	case it.State.Followed():
		return min(max(age/20, w.account.Poll), 6*time.Hour), true
	case it.Kind == payment.Operate || age > finalWeekly:
		return 0, false
	case age > finalDaily:
		return 7 * 24 * time.Hour, true
	}
	return 24 * time.Hour, true
}

// pollOperation asks for the answer to an operation that the PSP took and has not finished.
func (w *follow) pollOperation(ctx context.Context, it *journal.Item, due journal.Due) error {
	if !w.dispatch.gate.pass(ctx, w.now) {
		return nil
	}
	defer w.dispatch.gate.release()
	if w.dispatch.limit.Wait(ctx) != nil {
		return nil
	}
	w.pulses.vouch("follow:" + w.account.Account)
	out, err := w.dispatch.lookup(ctx, &it.Instruction)
	if errors.Is(err, payment.ErrStopped) {
		w.dispatch.stop(ctx, err)
		return err
	}
	if payment.Judge(out, err) == payment.VerdictRetry && out.Wait > 0 {
		w.dispatch.gate.close(w.now(), out.Wait)
	}
	a := w.dispatch.answer(it, out)
	if err == nil && out.Verdict == payment.VerdictRefused {
		a = journal.Answer{ID: it.ID, State: payment.Refused, Code: or(out.Code, "NV-2001"), Message: out.Message, PaymentID: out.PaymentID, TransactionID: out.TransactionID, PSPState: out.TransactionState, Amount: out.Amount}
	}
	done := err == nil && a.State != payment.Pending
	err2 := w.j.Do(ctx, func(tx *journal.Tx) error {
		if !done {
			in, _ := w.interval(it, journal.Time(tx.Now))
			return tx.SetDue("poll", it.ID, w.account.Account, tx.Now+in.Microseconds(), due.N+1)
		}
		a.PollAt = 0
		if err := tx.RecordAnswers([]journal.Answer{a}); err != nil {
			return err
		}
		return tx.ClearDue("poll", it.ID)
	})
	if done && err2 == nil {
		w.stir()
	}
	if err != nil && ctx.Err() == nil {
		now := w.now()
		w.unread.note(fmt.Errorf("poll: %w", err), now, now.Add(w.account.Poll+2*time.Minute))
	}
	return err2
}
