package connector

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/navette-connect/navette/connector/journal"
)

// visit is what `once` does at one pair of places, in and out: its flows are passed one after the other, in the order of
// the configuration. Visits go side by side, so that a server that answers late, or never, keeps no other flow waiting.
type visit struct {
	intakes []*intake
	reports []*report

	under    bool  // a pass is under way: what follows is its own until it is back
	err      error // what could not be done in the last pass
	settling int   // files that need time, and nothing else
}

// pass takes what is complete and publishes what is due; then it waits until a file may have settled.
func (v *visit) pass(ctx context.Context) {
	v.settling = 0
	wait := time.Millisecond
	var errs []error
	for _, n := range v.intakes {
		errs = append(errs, n.pass(ctx))
		if n.settling > 0 {
			v.settling += n.settling
			wait = max(wait, n.again)
		}
	}
	for _, r := range v.reports {
		errs = append(errs, r.pass(ctx, false))
	}
	if v.err = errors.Join(errs...); v.settling > 0 && !fatal(v.err) {
		v.intakes[0].sleep(ctx, "settle", wait)
		v.intakes[0].wakeOne("once")
	}
}

// visits are those of one Once. They belong to the goroutine that made them; each pass has one of its own.
type visits struct {
	list  []*visit
	under int // passes under way
	back  chan *visit
	all   sync.WaitGroup
}

func (e *engine) visits() *visits {
	vs := &visits{}
	of := map[[2]string]*visit{}
	for i, n := range e.intakes {
		places := [2]string{n.flow.Transport, n.flow.OutTransport}
		v := of[places]
		if v == nil {
			v = &visit{}
			of[places] = v
			vs.list = append(vs.list, v)
		}
		v.intakes, v.reports = append(v.intakes, n), append(v.reports, e.reports[i])
	}
	vs.back = make(chan *visit, len(vs.list))
	return vs
}

// late is how long a visit may keep the next pass of the others waiting.
const late = 250 * time.Millisecond

// pass lets each visit pass, but for those still under way, and waits until they are back; once late is over, until one is.
func (vs *visits) pass(ctx context.Context) {
	for _, v := range vs.list {
		if !v.under {
			v.under = true
			vs.under++
			vs.all.Go(func() {
				v.pass(ctx)
				vs.back <- v
			})
		}
	}
	over := time.NewTimer(late)
	defer over.Stop()
	for overdue := false; vs.under > 0 && !(overdue && vs.under < len(vs.list)); {
		select {
		case v := <-vs.back:
			vs.ended(v)
		case <-over.C:
			overdue = true
		}
	}
}

// came tells whether visits came back since.
func (vs *visits) came() (some bool) {
	for {
		select {
		case v := <-vs.back:
			vs.ended(v)
			some = true
		default:
			return some
		}
	}
}

func (vs *visits) ended(v *visit) {
	v.under = false
	vs.under--
}

// done tells whether all are back and found nothing left to take.
func (vs *visits) done() bool {
	for _, v := range vs.list {
		if v.under || v.settling > 0 {
			return false
		}
	}
	return true
}

// err is what the visits that are back could not do.
func (vs *visits) err() error {
	var errs []error
	for _, v := range vs.list {
		if !v.under {
			errs = append(errs, v.err)
		}
	}
	return errors.Join(errs...)
}

// finish publishes what is due at the end, once none is under way.
func (vs *visits) finish(ctx context.Context) error {
	errs := make([]error, len(vs.list))
	var all sync.WaitGroup
	for i, v := range vs.list {
		all.Go(func() {
			for _, r := range v.reports {
				for range 2 { // a result makes a file finished; what it published is noted by the second
					errs[i] = errors.Join(errs[i], r.pass(ctx, true))
				}
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

// sent tells whether nothing is left to send or to look up within patient.
func (e *engine) sent(ctx context.Context, patient time.Duration, note func(error)) bool {
	now := e.now()
	if e.unread.Load() {
		note(errors.New("no marker of the journal could be read: nothing is sent until one can"))
		return true
	}
	if e.recovering.Load() {
		note(errors.New("the journal is not the one that worked here: nothing is sent (navette recover)"))
		return true
	}
	for _, d := range e.dispatches {
		if d.halt.is() {
			_, sure, why := d.halt.seen()
			if g, err := e.j.Gateway(ctx, d.account.Account); sure && why == "" && err == nil && g.Stopped == "" { // it waited for a marker
				e.wakeOne("dispatch:" + d.account.Account)
				return false
			}
			note(fmt.Errorf("gateway %s is stopped", d.account.Name))
			continue
		}
		if wait, fails := d.gate.state(now); wait > patient || fails > 3 {
			note(fmt.Errorf("gateway %s: not reached, or it asks to wait for %v", d.account.Name, wait.Round(time.Second)))
			continue
		}
		moves := d.moved()
		if !d.idle() {
			return false
		}
		files, err := e.j.SendableFiles(ctx, d.account.Account, now.UnixMicro())
		note(err)
		for _, id := range files {
			list, err := e.j.Sendable(ctx, id, 0, now.UnixMicro(), 1)
			note(err)
			if len(list) > 0 {
				e.wakeOne("dispatch:" + d.account.Account)
				return false
			}
		}
		due, err := e.j.NextDue(ctx, d.account.Account, "look", dueReplace, dueTarget)
		note(err)
		look, replace, named := due[0], due[1], due[2]
		if look > 0 && journal.Time(look).Sub(now) <= patient {
			return false
		}
		if replace > 0 && journal.Time(replace).Sub(now) <= 2*glance || named > 0 && named <= now.UnixMicro() { // it goes on by itself soon
			e.wakeOne("dispatch:" + d.account.Account)
			return false
		}
		if d.moved() != moves { // a row was sent meanwhile, and perhaps answered: others of its reference were out of sight
			return false
		}
	}
	return true
}
