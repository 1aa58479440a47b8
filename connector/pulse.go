package connector

import (
	"io"
	"maps"
	"slices"
	"sync/atomic"
	"time"
)

// patience is how long a loop may work without a sign of life: longer than any step that gives none (one exchange, one
// page, one commit).
const patience = 5 * time.Minute

// pulses knows of each loop until when it should have moved. It may be used by several goroutines; its loops are fixed.
type pulses struct {
	born  time.Time // monotonic
	until map[string]*atomic.Int64
}

func newPulses(loops []string) *pulses {
	p := &pulses{born: time.Now(), until: map[string]*atomic.Int64{}}
	for _, name := range loops {
		p.until[name] = &atomic.Int64{}
		p.rest(name, 0)
	}
	return p
}

// beat says that a loop moves. A name that is no loop's is nothing.
func (p *pulses) beat(name string) { p.rest(name, 0) }

// rest says that a loop moves, and then sleeps for d.
func (p *pulses) rest(name string, d time.Duration) {
	if u := p.until[name]; u != nil {
		u.Store(int64(time.Since(p.born) + min(d, 400*24*time.Hour) + patience))
	}
}

// vouch says that a loop is not stuck, whoever says it: a loop that sleeps is not expected the sooner for it.
func (p *pulses) vouch(name string) {
	u := p.until[name]
	if u == nil {
		return
	}
	to := int64(time.Since(p.born) + patience)
	for was := u.Load(); was < to && !u.CompareAndSwap(was, to); was = u.Load() {
	}
}

// stalled lists the loops that should have moved by at, counted from born.
func (p *pulses) stalled(at time.Duration) (names []string) {
	for _, name := range slices.Sorted(maps.Keys(p.until)) {
		if int64(at) > p.until[name].Load() {
			names = append(names, name)
		}
	}
	return names
}

// Stalled lists the loops that have not moved for far too long: what the watchdog is not fed for.
func (c *Connector) Stalled() []string { return c.e.pulses.stalled(time.Since(c.e.pulses.born)) }

// moving beats with every piece that is read: a large file on a slow line is no stall.
type moving struct {
	io.Reader
	beat func()
}

func (m moving) Read(p []byte) (int, error) {
	m.beat()
	return m.Reader.Read(p)
}
