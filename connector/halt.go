package connector

import (
	"context"
	"sync"

	"github.com/navette-connect/navette/connector/journal"
)

// halt is whether nothing may leave to an account. Workers ask it before each exchange; it follows the journal, but never
// behind a stop that the journal does not hold yet.
type halt struct {
	mu     sync.Mutex
	closed bool
	stops  int    // how many have begun
	flying int    // of these, on their way into the journal
	why    string // of one the journal did not take; "" = none
}

func (h *halt) is() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.closed
}

// begin notes a stop at once, before it is durable; false where sending has stopped already.
func (h *halt) begin() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return false
	}
	h.closed = true
	h.stops++
	h.flying++
	return true
}

// end notes whether the journal took the stop; one it did not take is written again later.
func (h *halt) end(why string, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.flying--
	if err != nil {
		h.why = why
	}
}

// seen is taken before the journal is read, and says what that reading may decide.
func (h *halt) seen() (stops int, sure bool, unwritten string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.stops, h.flying == 0, h.why
}

// follow takes what the journal said, unless a stop was on its way meanwhile.
func (h *halt) follow(stopped bool, stops int, sure bool) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed && (!sure || h.stops != stops) {
		return true
	}
	h.closed = stopped
	return stopped
}

// stopped tells whether nothing may be sent to this account, and lets the workers know.
func (d *dispatch) stopped(ctx context.Context) (bool, error) {
	stops, sure, why := d.halt.seen()
	if why != "" {
		if err := d.j.Do(ctx, func(tx *journal.Tx) error { return tx.StopGateway(d.account.Account, why) }); err != nil {
			return true, err
		}
		d.halt.written()
	}
	g, err := d.j.Gateway(ctx, d.account.Account)
	if err != nil {
		return false, err
	}
	return d.halt.follow(g.Stopped != "" || d.recovering.Load(), stops, sure), nil
}

// written forgets a stop that the journal has taken after all.
func (h *halt) written() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.why = ""
}

// stop ends sending to this account until somebody mends it; rows wait.
func (d *dispatch) stop(ctx context.Context, why error) {
	if !d.halt.begin() {
		return
	}
	d.log.Error().Str("event", "gateway.stopped").Str("code", codeOf(why, "NV-2104")).Err(why).Msg("the gateway is stopped: mend it, then reload or `navette resume " + d.account.Name + "`")
	err := d.j.Do(context.WithoutCancel(ctx), func(tx *journal.Tx) error { return tx.StopGateway(d.account.Account, why.Error()) })
	d.halt.end(why.Error(), err)
	if err != nil {
		d.alarms.report(d.log, "stop", err)
	}
}
