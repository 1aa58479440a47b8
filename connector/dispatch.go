package connector

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/time/rate"

	"github.com/navette-connect/navette/connector/journal"
	"github.com/navette-connect/navette/connector/message"
	"github.com/navette-connect/navette/connector/payment"
)

// dispatch sends what one account has to send. The order that keeps money safe:
//
//	feed    takes sendable instructions and makes them durable as `sending`, a group in one commit
//	work    checks the fence, submits, judges the answer: done, refused, retry, unknown
//	record  commits answers in groups, with the next group where one waits; an answer is kept in memory until it is durable
//	doubt   looks up what is unknown, `settle` after the doubt began, before anything is sent again
type dispatch struct {
	*engine
	account *Account
	log     zerolog.Logger
	gate    gate
	limit   *rate.Limiter
	alarms  *once
	lang    string

	halt    halt
	queue   chan *journal.Item // durable as sending, not yet taken by a worker
	answers chan journal.Answer
	rides   chan *ride    // answers that the next group's commit may take along
	fed     atomic.Bool   // the loop has found something to send, and comes back for more
	crowded atomic.Bool   // a settled doubt has found no room
	landed  chan struct{} // nothing is flying any more
	vain    lasting       // looks at what waits that failed
	leaving atomic.Int64  // until when answers are tried to be kept at the end, in nanoseconds since 1970; 0: no end is near

	mu      sync.Mutex
	flying  int // durable as sending, in the queue or with a worker
	pending int // answers not yet durable
	moves   int // see moved
}

// run works until ctx ends, then gives back what certainly did not leave and records what is known.
func (d *dispatch) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var workers, recorder sync.WaitGroup
	defer context.AfterFunc(ctx, func() { d.leaving.Store(time.Now().Add(farewell).UnixNano()) })()
	recorder.Go(func() { d.record(context.WithoutCancel(ctx)) })
	for range d.account.Concurrency {
		workers.Go(func() { d.work(ctx) })
	}
	err := d.loop(ctx)
	cancel() // the loop may have ended by itself: the workers end with it
	workers.Wait()
	var left []int64
drain:
	for {
		select {
		case it := <-d.queue:
			if it.Doubted { // it was sent once: it goes back to doubt
				d.count(0, 1)
				d.answers <- d.unknown(it, context.Cause(ctx))
				continue
			}
			left = append(left, it.ID)
		default:
			break drain
		}
	}
	close(d.answers)
	recorder.Wait()
	if len(left) > 0 {
		err = errors.Join(err, d.j.Do(context.WithoutCancel(ctx), func(tx *journal.Tx) error { return tx.Unsend(left, 0) }))
	}
	return err
}

// begin turns what a dead process left in flight into doubt: it may have been sent until this moment.
func (d *dispatch) begin(ctx context.Context) error {
	var n int
	err := d.j.Do(ctx, func(tx *journal.Tx) (err error) {
		at := d.lookAt(tx.Now, tx.Now)
		n, err = tx.Interrupted(d.account.Account, at, "NV-2101", message.New("NV-2101.crash").In(d.lang))
		if err == nil {
			err = tx.StopGateway(d.account.Account, "") // a restart is a reason to try again
		}
		return err
	})
	if n > 0 {
		d.log.Warn().Str("event", "dispatch.interrupted").Int("instructions", n).Msg("stopped while sending: each is looked up before it is sent again")
	}
	return err
}

// loop feeds and settles doubt until ctx ends, or until the journal is no longer ours to write.
func (d *dispatch) loop(ctx context.Context) error {
	cursor := map[int64]int64{}
	var looked time.Time
	defer d.fed.Store(false)
	for ctx.Err() == nil {
		stopped, err := d.stopped(ctx)
		next := onGrid(30 * time.Second)
		if err == nil && !stopped {
			var fed int
			fed, err = d.feed(ctx, cursor)
			d.fed.Store(fed > 0)
			if err == nil && (fed == 0 || time.Since(looked) > often) {
				looked = time.Now()
				var soon time.Duration
				if soon, err = d.chores(ctx); soon > 0 {
					next = min(next, soon)
				}
			}
			if fed > 0 {
				continue
			}
		}
		if fatal(err) {
			return err
		}
		if err != nil && ctx.Err() == nil {
			d.alarms.report(d.log, "dispatch:"+d.account.Name, err)
			next = time.Second
		} else {
			d.alarms.clear(d.log, "dispatch:"+d.account.Name)
		}
		d.sleep(ctx, "dispatch:"+d.account.Account, next)
	}
	return nil
}

// farewell is how long the end waits for a journal that takes nothing, as on a full disk: less than what systemd gives a service
// to stop. What is not kept then stays as sending, and is looked up at the next start.
const farewell = time.Minute

// often is how seldom chores are looked for while there is enough to send.
const often = 50 * time.Millisecond

// chores does what is due beside feeding: doubts, and what waits for something that happens elsewhere. It tells how long
// until there is more to do, 0 = nothing is due.
func (d *dispatch) chores(ctx context.Context) (next time.Duration, err error) {
	at, err := d.j.NextDue(ctx, d.account.Account, "look", dueReplace, dueTarget)
	if err != nil {
		return 0, err
	}
	var errs []error
	for i, do := range [...]func(int64) (time.Duration, error){
		func(due int64) (time.Duration, error) { return d.doubts(ctx, due) },
		func(due int64) (time.Duration, error) {
			return d.waiting(ctx, dueReplace, due, d.account.Concurrency, d.replace)
		},
		func(due int64) (time.Duration, error) { return d.waiting(ctx, dueTarget, due, 1, d.target) }, // each sees what the one before left of a payment
	} {
		soon, err := do(at[i])
		if err != nil {
			errs = append(errs, err)
		}
		if soon > 0 && (next == 0 || soon < next) {
			next = soon
		}
	}
	if len(errs) == 0 {
		_, err = d.vain.stands(d.now())
	}
	return next, errors.Join(append(errs, err)...)
}

// inFlight counts what stands as sending in the journal: queued, with a worker, or answered and not yet recorded.
func (d *dispatch) inFlight() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.flying + d.pending
}

func (d *dispatch) count(flying, pending int) {
	d.mu.Lock()
	d.flying += flying
	d.pending += pending
	d.moves++
	room := d.flying+d.pending <= d.groupSize()-d.refill()
	landed := flying < 0 && d.flying == 0
	d.mu.Unlock()
	if landed {
		select {
		case d.landed <- struct{}{}:
		default:
		}
	}
	if room && (flying < 0 || pending < 0) {
		d.wakeOne("dispatch:" + d.account.Account)
	}
}

// grounded tells whether nothing is queued or with a worker.
func (d *dispatch) grounded() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.flying == 0
}

// idle tells whether nothing is in flight and every answer is durable.
func (d *dispatch) idle() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.flying == 0 && d.pending == 0
}

// busy tells whether any account has something in flight.
func (e *engine) busy() bool {
	return slices.ContainsFunc(e.dispatches, func(d *dispatch) bool { return !d.idle() })
}

// moved counts how often something took off, landed or became durable.
func (d *dispatch) moved() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.moves
}

// work submits what is queued, one at a time.
func (d *dispatch) work(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case it := <-d.queue:
			a, sent := d.submit(ctx, it)
			if !sent { // certainly not: back to where it can be sent
				err := d.j.Do(context.WithoutCancel(ctx), func(tx *journal.Tx) error { return tx.Unsend([]int64{it.ID}, it.NotBefore) })
				if err != nil {
					d.alarms.report(d.log, "unsend", err) // it is looked up at the next start
				}
				d.count(-1, 0)
				continue
			}
			d.meter.answered(d.account.Name, &it.Instruction, a.State)
			a.Of = it
			d.count(0, 1)
			d.answers <- a
			d.count(-1, 0)
		}
	}
}

// turn waits until one more exchange may leave: the gate is open, the rate allows it, and the gate is open still. False at the end
// of the process.
func (d *dispatch) turn(ctx context.Context) bool {
	for d.gate.pass(ctx, d.now) {
		if d.limit.Wait(ctx) != nil {
			d.gate.release()
			return false
		}
		if d.gate.shut(d.now()) == 0 {
			return true
		}
	}
	return false
}

// submit sends one instruction until it has an answer or doubt. sent is false when it certainly had no effect and is to
// wait: the gateway is stopped, or we are stopping.
func (d *dispatch) submit(ctx context.Context, it *journal.Item) (a journal.Answer, sent bool) {
	lookFirst, maybe := it.Doubted || d.consulting(), it.Doubted
	// back gives an instruction up for now. Once it may have acted, that is doubt and never "not sent".
	back := func(why error) (journal.Answer, bool) {
		if maybe {
			return d.unknown(it, why), true
		}
		return journal.Answer{}, false
	}
	for try := 0; ; try++ {
		if !d.turn(ctx) {
			return back(context.Cause(ctx))
		}
		if d.halt.is() || d.stilled(it.Source.Flow) {
			d.gate.release()
			return back(payment.ErrStopped)
		}
		if lookFirst && !(try == 0 && d.settled(it)) {
			out, err := d.lookup(ctx, &it.Instruction)
			switch {
			case err == nil:
				d.gate.open()
				return d.found(it, out), true
			case errors.Is(err, payment.ErrUnknown):
				if d.limit.Wait(ctx) != nil || d.halt.is() || d.stilled(it.Source.Flow) { // to send is another request
					d.gate.release()
					return back(payment.ErrStopped)
				}
				if d.gate.shut(d.now()) > 0 { // shut meanwhile: it is looked up again behind the wait
					continue
				}
			case errors.Is(err, payment.ErrStopped):
				d.gate.release()
				d.stop(ctx, err)
				return back(err)
			case maybe: // not sure: doubt
				d.gate.release()
				return d.unknown(it, err), true
			case errors.Is(err, payment.ErrUnsupported): // nobody can tell whether it was sent before the journal was lost
				d.gate.open()
				return d.unknown(it, err), true
			default: // it was never sent, and waits until the PSP can be asked
				d.gate.close(d.now(), out.Wait)
				d.alarms.report(d.log, "gateway:"+d.account.Name, trouble(out, err))
				continue
			}
		}
		if err := d.fault("submit"); err != nil {
			d.gate.release()
			return back(err)
		}
		begun := time.Now()
		out, err := d.exchange(ctx, &it.Instruction)
		d.meter.exchange(d.account.Name, "submit", payment.Judge(out, err).String(), time.Since(begun))
		if err := d.fault("submitted"); err != nil {
			d.gate.release()
			return d.unknown(it, err), true
		}
		switch payment.Judge(out, err) {
		case payment.VerdictDone:
			d.gate.open()
			return d.answer(it, out), true
		case payment.VerdictRefused:
			d.gate.open()
			return journal.Answer{ID: it.ID, State: payment.Refused, Code: or(out.Code, "NV-2001"), Message: out.Message, PaymentID: out.PaymentID, TransactionID: out.TransactionID, PSPState: out.TransactionState, Amount: out.Amount}, true
		case payment.VerdictRetry:
			if errors.Is(err, payment.ErrStopped) {
				d.gate.release()
				d.stop(ctx, err)
				return back(err)
			}
			if out.Alone && err == nil { // the PSP is well, this one is early
				d.gate.open()
				it.NotBefore = d.now().Add(out.Wait).UnixMicro()
				return back(fmt.Errorf("not yet: %s", out.Message))
			}
			d.gate.close(d.now(), out.Wait)
			d.alarms.report(d.log, "gateway:"+d.account.Name, trouble(out, err))
			lookFirst, maybe = lookFirst || out.LookFirst, maybe || out.LookFirst
		default:
			d.gate.open()
			return d.unknown(it, err), true
		}
	}
}

// settled tells that a doubt was settled just before the instruction was queued again, and still is: a key that counted on
// the PSP's idempotency must not outlive its window while it waits at the gate.
func (d *dispatch) settled(it *journal.Item) bool {
	return it.Doubted && (!d.account.Idempotent || d.now().UnixMicro()-it.SentAt < d.account.Window.Microseconds())
}

// exchange submits once. Stopping does not cut it short: an answer in flight is awaited, as long as the time-out allows.
func (d *dispatch) exchange(ctx context.Context, in *payment.Instruction) (payment.Outcome, error) {
	// Twice: it may wait for its turn among our own requests before its time-out begins.
	ctx = deadlined{context.WithoutCancel(ctx), time.Now().Add(2*d.account.Timeout + time.Second)}
	if err := d.prepare(ctx, in); err != nil {
		return payment.Outcome{}, err
	}
	return d.account.Gateway.Submit(ctx, in)
}

// deadlined is the context of an exchange: nothing cancels it, and who works under it keeps to its deadline by himself, as
// a connection does. A timer for each exchange would cost as much as the writing of its JSON. A context.WithTimeout made of
// it ends only if its own time is the shorter one.
type deadlined struct {
	context.Context
	until time.Time
}

// Deadline is that of context.Context.
func (p deadlined) Deadline() (time.Time, bool) { return p.until, true }

// Err is that of context.Context.
func (p deadlined) Err() error {
	if time.Now().Before(p.until) {
		return nil
	}
	return context.DeadlineExceeded
}

// lookup asks what became of an instruction.
func (d *dispatch) lookup(ctx context.Context, in *payment.Instruction) (payment.Outcome, error) {
	if err := d.prepare(ctx, in); err != nil {
		return payment.Outcome{}, err
	}
	return d.account.Gateway.Lookup(ctx, in)
}

// answer is what the journal keeps of an instruction the PSP took.
func (d *dispatch) answer(it *journal.Item, out payment.Outcome) journal.Answer {
	a := journal.Answer{ID: it.ID, State: out.State, Message: out.Message, PaymentID: out.PaymentID, TransactionID: out.TransactionID, Link: out.Link, PSPState: out.TransactionState, Amount: out.Amount}
	if a.State == "" {
		a.State = payment.Open
		if it.Kind == payment.Operate {
			a.State = payment.Done
		}
	}
	if a.State == payment.Refused {
		a.Code = or(out.Code, "NV-2001")
	}
	d.page(it, &a)
	poll := d.now().Add(d.account.Poll)
	if a.State == payment.Done && it.Target.ID > 0 && it.Operation != payment.Consult && !d.feeds() {
		a.Touched, a.TouchedAt = it.Target.ID, poll.UnixMicro() // its new state is told soon, not when it would be read next
	}
	switch {
	case a.State == payment.Pending, a.State == payment.Open && !d.feeds():
		a.PollAt = poll.UnixMicro()
	case it.Kind == payment.Request && payment.Beyond(a.State):
		// It is open now, and what became of it since is read at once: money is told in one way only.
		a.State, a.PollAt = payment.Open, d.now().UnixMicro()
	}
	return a
}

func (d *dispatch) feeds() bool { return d.feedOf(d.account) }

func or(a, b string) string {
	if a == "" {
		return b
	}
	return a
}
