package sqlite

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/navette-connect/navette/connector/journal"
)

// resting is after what time an idle service needs no second connection: each holds a cache and its statements.
const resting = 20 * time.Second

// pool hands out connections, the one used last first.
type pool struct {
	open func(ctx context.Context) (*conn, error)
	used chan struct{} // one for each connection in use: as many as it may have
	keep int           // idle ones

	mu     sync.Mutex
	idle   []rested // the one used last at the end
	closed bool
}

type rested struct {
	*conn
	since time.Time
}

func newPool(most, keep int, open func(ctx context.Context) (*conn, error)) *pool {
	return &pool{open: open, used: make(chan struct{}, most), keep: keep}
}

// Take is that of journal.Pool.
func (p *pool) Take(ctx context.Context) (journal.Conn, error) {
	select {
	case p.used <- struct{}{}:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	p.mu.Lock()
	var c *conn
	if n := len(p.idle); n > 0 {
		c = p.idle[n-1].conn
		p.idle = p.idle[:n-1]
	}
	closed := p.closed
	p.mu.Unlock()
	switch {
	case closed:
		<-p.used
		return nil, journal.ErrClosed
	case c != nil:
		return c, nil
	}
	c, err := p.open(ctx)
	if err != nil {
		<-p.used
		return nil, err
	}
	return c, nil
}

// Put is that of journal.Pool. A connection that cannot be closed well has nothing left that could be lost: a write is
// durable before it is put back.
func (p *pool) Put(c journal.Conn) {
	now := time.Now()
	p.mu.Lock()
	var close []*conn
	if own, ok := c.(*conn); ok && p.closed {
		close = append(close, own)
	} else if ok {
		p.idle = append(p.idle, rested{own, now})
	}
	for len(p.idle) > p.keep || len(p.idle) > 1 && now.Sub(p.idle[0].since) > resting {
		close = append(close, p.idle[0].conn)
		p.idle = p.idle[1:]
	}
	p.mu.Unlock()
	for _, c := range close {
		_ = c.Close()
	}
	<-p.used
}

// Close closes what is idle; what is in use is closed when it is put back.
func (p *pool) Close() error {
	p.mu.Lock()
	idle := p.idle
	p.idle, p.closed = nil, true
	p.mu.Unlock()
	var errs []error
	for _, c := range idle {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}
