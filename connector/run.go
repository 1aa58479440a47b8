package connector

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/time/rate"

	"github.com/navette-connect/navette/connector/journal"
	"github.com/navette-connect/navette/transports"
)

// engine is what the loops of one configuration share.
type engine struct {
	Setup
	voice    // of the service
	j        *journal.Journal
	spool    *Spool
	now      func() time.Time
	location *time.Location
	meter    *Meter
	log      zerolog.Logger
	alarms   *once
	judging  sync.Mutex
	pulses   *pulses

	// Of the one that decides: something is to be erased or purged; the spool was looked through for what nobody names.
	untidy, combed bool

	recovering atomic.Bool  // nothing is sent: the journal is not the one that worked here
	unread     atomic.Bool  // so, too, while a marker cannot be read
	consult    atomic.Int64 // until when everything is looked up before it is sent, microseconds since 1970
	telling    sync.Mutex   // of takeOver

	mu    sync.Mutex
	wakes map[string]chan struct{}
	stood map[string]stand // by metaMount: what was found last
	still map[string]bool  // flows of which nothing is sent: a person paused them

	intakes    []*intake
	reports    []*report
	dispatches []*dispatch
	follows    []*follow
}

// errCrash is what tests let a fault point return to stand for the end of the process.
var errCrash = errors.New("crash")

// ErrTrouble ends Once when something could not be done this time: a folder or a gateway was away.
var ErrTrouble = errors.New("not everything could be done")

// Connector runs the flows of one configuration.
type Connector struct{ e *engine }

// New prepares the loops; nothing runs yet.
func New(s Setup) *Connector {
	e := &engine{Setup: s, voice: voice(or(s.Lang, "fr")), j: s.Journal, spool: s.Spool, now: s.Now, location: s.Location, meter: s.Meter, log: s.Log, alarms: newOnce(), wakes: map[string]chan struct{}{}, stood: map[string]stand{}}
	if e.now == nil {
		e.now = time.Now
	}
	if e.location == nil {
		e.location = time.UTC
	}
	for _, a := range s.Accounts {
		log := s.Log.With().Str("gateway", a.Name).Logger()
		limit := rate.NewLimiter(rate.Inf, 1)
		if a.Rate > 0 {
			limit = rate.NewLimiter(rate.Limit(a.Rate), max(int(a.Rate), 1))
		}
		d := &dispatch{engine: e, account: a, log: log, limit: limit, alarms: e.alarms, lang: or(s.Lang, "fr")}
		d.gate.waiting = func() { // both loops exchange something themselves
			e.pulses.vouch("follow:" + a.Account)
			e.pulses.vouch("dispatch:" + a.Account)
		}
		d.gate.opened = func() { e.alarms.clear(log, "gateway:"+a.Name) }
		d.queue, d.answers, d.landed = make(chan *journal.Item, 2*d.groupSize()), make(chan journal.Answer, 1024), make(chan struct{}, 1)
		d.rides = make(chan *ride)
		f := &follow{engine: e, account: a, dispatch: d, log: log, alarms: e.alarms}
		e.dispatches, e.follows = append(e.dispatches, d), append(e.follows, f)
	}
	for _, f := range s.Flows {
		log := s.Log.With().Str("flow", f.Name).Logger()
		e.intakes = append(e.intakes, &intake{engine: e, flow: f, log: log, alarms: e.alarms})
		e.reports = append(e.reports, &report{engine: e, flow: f, log: log, alarms: e.alarms, others: map[string]int64{}})
	}
	e.pulses = newPulses(e.loops())
	return &Connector{e}
}

// loops names the loops that must move; each sleeps under its name.
func (e *engine) loops() []string {
	names := []string{"decide"}
	for _, d := range e.dispatches {
		names = append(names, "dispatch:"+d.account.Account, "follow:"+d.account.Account)
	}
	for _, n := range e.intakes {
		names = append(names, "intake:"+n.flow.Name, "report:"+n.flow.Name)
	}
	return names
}

func (e *engine) fault(point string) error {
	if e.Fault == nil {
		return nil
	}
	return e.Fault(point)
}

// wake gives the channel on which a loop is woken.
func (e *engine) wake(name string) chan struct{} {
	e.mu.Lock()
	defer e.mu.Unlock()
	c := e.wakes[name]
	if c == nil {
		c = make(chan struct{}, 1)
		e.wakes[name] = c
	}
	return c
}

func (e *engine) wakeOne(name string) {
	select {
	case e.wake(name) <- struct{}{}:
	default:
	}
}

// stir wakes what reads the journal: something new stands in it.
func (e *engine) stir() {
	for _, d := range e.dispatches {
		e.wakeOne("dispatch:" + d.account.Account)
	}
	for _, r := range e.reports {
		e.wakeOne("report:" + r.flow.Name)
	}
	e.wakeOne("once")
}

// sleep waits until the loop of a name is woken, time is over, or ctx ends.
func (e *engine) sleep(ctx context.Context, name string, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	e.pulses.rest(name, d)
	defer e.pulses.beat(name)
	select {
	case <-ctx.Done():
	case <-t.C:
	case <-e.wake(name):
	}
}

// onGrid is the time to the next multiple of d: loops that have the same rhythm wake the idle process together, which
// costs it little more than waking one of them.
func onGrid(d time.Duration) time.Duration {
	if d <= 0 {
		return d
	}
	return d - time.Duration(time.Now().UnixNano()%int64(d))
}

// feedOf tells whether an account's PSP is known to have a feed.
func (e *engine) feedOf(a *Account) bool {
	for _, f := range e.follows {
		if f.account == a {
			return f.feed.Load() == feedYes
		}
	}
	return false
}

// pauses learns which flows are paused. What is queued for sending asks it, too: a person who pauses means now.
func (e *engine) pauses(ctx context.Context) error {
	still := map[string]bool{}
	for _, n := range e.intakes {
		w, err := e.j.Flow(ctx, n.flow.Name)
		if err != nil {
			return err
		}
		still[n.flow.Name] = w.Paused == "all"
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.still = still
	return nil
}

func (e *engine) stilled(flow string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.still[flow]
}

// begin takes over what an earlier process left.
func (e *engine) begin(ctx context.Context) error {
	if err := e.takeOver(ctx, true); err != nil {
		return err
	}
	if err := e.pauses(ctx); err != nil {
		return err
	}
	for _, d := range e.dispatches {
		if err := d.begin(ctx); err != nil {
			return err
		}
	}
	e.untidy = true // an erasure or a purge may have been cut short
	e.decide(ctx)   // before anything is sent: a pause or an undo that was written meanwhile
	return nil
}

// Run works until ctx ends; it returns once every loop has stopped and what is known is recorded. The error is the
// journal's: without it nothing can go on.
func (c *Connector) Run(ctx context.Context) error {
	e := c.e
	if err := e.begin(ctx); err != nil {
		if ctx.Err() != nil { // told to stop before it had begun: a reload upon a reload
			return nil
		}
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var loops sync.WaitGroup
	run := func(name string, fn func(context.Context) error) {
		loops.Go(func() {
			if err := fn(ctx); err != nil && ctx.Err() == nil {
				cancel(fmt.Errorf("%s: %w", name, err))
			}
		})
	}
	for _, n := range e.intakes {
		run("intake", n.run)
		if w, ok := n.flow.Inbox.(transports.Watcher); ok {
			run("watch", func(ctx context.Context) error { return n.watch(ctx, w) })
		}
	}
	for _, d := range e.dispatches {
		run("dispatch", d.run)
	}
	for _, f := range e.follows {
		run("follow", f.run)
	}
	for _, r := range e.reports {
		run("report", r.run)
	}
	run("decide", e.decideLoop)
	run("marker", e.readLoop)
	for _, n := range e.marking() {
		run("marker", n.markLoop)
	}
	run("watch", (&watch{engine: e}).run)
	loops.Wait()
	last, done := context.WithTimeout(context.WithoutCancel(ctx), markEvery) // a server may be away
	defer done()
	if err := e.mark(last); err != nil {
		e.log.Warn().Str("event", "marker").Err(err).Msg("the journal's marker was not written")
	}
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
		return cause
	}
	return nil
}

// run passes whenever the folder stirs, a file may have settled, or `poll` is over.
func (n *intake) run(ctx context.Context) error {
	key := "intake:" + n.flow.Name
	for ctx.Err() == nil {
		err := n.pass(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case fatal(err):
			return err
		case err != nil:
			n.alarms.report(n.log, key, err)
		default:
			n.alarms.clear(n.log, key)
		}
		n.meter.listed(n.flow.Name, !n.down)
		next := n.flow.Poll
		if err == nil && n.watched.Load() && n.flow.Decisions == "" && n.oldest.Load() == 0 {
			next = max(next, rarely)
		}
		if _, here := n.flow.Inbox.(transports.Watcher); here { // not servers: they are better asked one after another
			next = onGrid(next)
		}
		for _, d := range []time.Duration{n.again, n.due} {
			if d > 0 {
				next = min(next, d)
			}
		}
		n.sleep(ctx, key, next)
	}
	return nil
}

// rarely is how often an empty folder is listed whose every change rings. The listing is the truth all the same: a ring may
// get lost.
const rarely = time.Minute

// fatal tells an error after which nothing can be trusted: another instance writes the journal, its disk failed, or it is closed.
func fatal(err error) bool {
	return errors.Is(err, journal.ErrFenced) || errors.Is(err, journal.ErrBroken) || errors.Is(err, journal.ErrClosed) || errors.Is(err, errCrash)
}

// watch lets the folder ring; a lost watch is taken up again. The listing is the truth, so a missed ring only costs time.
func (n *intake) watch(ctx context.Context, w transports.Watcher) error {
	for ctx.Err() == nil {
		rings := n.rings(ctx)
		err := w.Watch(ctx, n.flow.In, func() { // the first time once the watch stands
			n.watched.Store(rings)
			n.wakeOne("intake:" + n.flow.Name)
		})
		if n.watched.Swap(false) {
			n.wakeOne("intake:" + n.flow.Name)
		}
		if ctx.Err() == nil {
			n.log.Debug().Str("event", "watch.lost").Err(err).Msg("polling until the folder can be watched again")
			n.sleep(ctx, "watch:"+n.flow.Name, n.flow.Poll)
		}
	}
	return nil
}

// rings tells whether all that writes to the folder writes on this machine: what others write to a share rings nowhere.
func (n *intake) rings(ctx context.Context) bool {
	s, ok := n.flow.Inbox.(transports.Sharer)
	if !ok {
		return false
	}
	kind, err := s.Shared(ctx, n.flow.In)
	return err == nil && kind == ""
}

// soon asks a pass of the intake after d without holding `once` up.
func (n *intake) soon(d time.Duration) {
	if n.due == 0 || d < n.due {
		n.due = d
	}
}

func (r *report) run(ctx context.Context) error {
	key := "report:" + r.flow.Name
	for ctx.Err() == nil {
		err := r.pass(ctx, false)
		switch {
		case ctx.Err() != nil:
			return nil
		case fatal(err):
			return err
		case err != nil:
			r.alarms.report(r.log, key, err)
		default:
			r.alarms.clear(r.log, key)
		}
		next := onGrid(time.Minute)
		if r.again > 0 {
			next = min(next, r.again)
		}
		r.sleep(ctx, "pause", 30*time.Millisecond) // many answers, one look
		r.sleep(ctx, key, next)
	}
	return nil
}

// Once makes one full pass of every loop: files present are waited for until they settle, taken, sent, looked up; open
// requests are asked for once; every return that is due is written. It does not wait longer than patient for doubt or
// for a gateway that asks to be left alone.
func (c *Connector) Once(ctx context.Context, patient time.Duration) error {
	e := c.e
	if err := e.begin(ctx); err != nil {
		return err
	}
	for _, f := range e.follows {
		if _, err := f.pass(ctx); err != nil { // told again at the end, if it lasts
			f.log.Debug().Err(err).Msg("the gateway's news could not be read yet")
		}
	}
	sending, stop := context.WithCancel(ctx)
	var loops sync.WaitGroup
	failed := make(chan error, len(e.dispatches))
	for _, d := range e.dispatches {
		loops.Go(func() {
			err := d.run(sending)
			if fatal(err) { // nothing goes on without the journal
				stop()
				e.wakeOne("once")
			}
			failed <- err
		})
	}
	finish := func() (err error) {
		stop()
		loops.Wait()
		for range e.dispatches {
			err = errors.Join(err, <-failed)
		}
		return err
	}
	passing, end := context.WithCancel(ctx)
	round := e.visits()
	rest := func() {
		end()
		round.all.Wait()
	}
	defer rest()
	var errs []error
	note := func(err error) {
		if err != nil {
			errs = append(errs, err)
		}
	}
	for ctx.Err() == nil {
		errs = nil
		round.pass(passing)
		if err := round.err(); fatal(err) || sending.Err() != nil {
			return errors.Join(err, finish())
		}
		if round.done() && e.sent(ctx, patient, note) {
			break
		}
		e.sleep(ctx, "pause", 30*time.Millisecond)
		for end := time.Now().Add(late); ; { // many answers, one look
			e.sleep(ctx, "once", time.Until(end))
			if !e.busy() || !time.Now().Before(end) || ctx.Err() != nil {
				break
			}
		}
		if round.came() && round.done() && e.sent(ctx, patient, note) { // visited again they would be late again
			break
		}
	}
	rest() // none is under way, unless ctx ended
	note(e.leftBehind(ctx))
	note(round.err())
	for _, f := range e.follows {
		if err := e.j.Do(ctx, func(tx *journal.Tx) error { return tx.PollNow(f.account.Account) }); err != nil {
			note(err)
		}
		_, err := f.pass(ctx)
		note(err)
	}
	note(finish())
	for ctx.Err() == nil && e.tidy(ctx) == time.Millisecond { // what could not be done now is done by the next pass
	}
	marked := make(chan error, 1)
	go func() { marked <- e.mark(ctx) }() // beside the returns: it is awaited below
	note(round.finish(ctx))
	note(<-marked)
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	if err := errors.Join(errs...); err != nil {
		if fatal(err) {
			return err
		}
		return fmt.Errorf("%w: %w", ErrTrouble, err)
	}
	return nil
}

// state tells how long the gate stays shut and how often it was found shut in a row.
func (g *gate) state(now time.Time) (wait time.Duration, fails int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.until.Sub(now), g.fails
}

// Troubles lists what does not work now: loops by name, with the cause.
func (c *Connector) Troubles() map[string]string {
	list := map[string]string{}
	for k, err := range c.e.alarms.list() {
		list[k] = strings.ReplaceAll(err.Error(), "\n", "; ")
	}
	return list
}

// Stopped lists the gateways to which nothing is sent until somebody does something.
func (c *Connector) Stopped() []string {
	var list []string
	for _, d := range c.e.dispatches {
		if d.halt.is() {
			list = append(list, d.account.Name)
		}
	}
	return list
}
