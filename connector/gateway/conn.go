package gateway

import (
	"context"
	"net"
	"net/http/httptrace"
	"sync"
)

// meteredConn counts the bytes handed to the network and can be sealed. Together they prove that a request did not
// leave: sealed with an unchanged count, no byte of it ever will.
type meteredConn struct {
	net.Conn
	mu     sync.Mutex
	n      int64
	sealed bool
}

// Write counts before it writes: a write that fails half-way may still have sent something.
func (c *meteredConn) Write(b []byte) (int, error) {
	c.mu.Lock()
	if c.sealed {
		c.mu.Unlock()
		return 0, net.ErrClosed
	}
	c.n += int64(len(b))
	c.mu.Unlock()
	return c.Conn.Write(b)
}

func (c *meteredConn) count() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.n
}

// seal refuses every later write, then gives the count.
func (c *meteredConn) seal() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sealed = true
	return c.n
}

// dialer opens metered connections.
type dialer struct{ net.Dialer }

func (d *dialer) dial(ctx context.Context, network, address string) (net.Conn, error) {
	c, err := d.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return &meteredConn{Conn: c}, nil
}

// metered finds our connection beneath the layers of TLS.
func metered(c net.Conn) *meteredConn {
	for c != nil {
		switch t := c.(type) {
		case *meteredConn:
			return t
		case interface{ NetConn() net.Conn }:
			c = t.NetConn()
		default:
			return nil
		}
	}
	return nil
}

// witness watches one exchange: did a byte of the request leave? net/http gives a connection to a request through
// GotConn, in the goroutine of RoundTrip, so a request that never got one was not sent (DNS, refused connection, failed
// TLS handshake, a time-out in the queue).
type witness struct {
	mu    sync.Mutex
	got   bool
	conn  *meteredConn
	base  int64
	wrote bool // surely or perhaps, on an earlier connection
}

func (w *witness) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{GotConn: func(i httptrace.GotConnInfo) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.wrote = w.wrote || w.got && (w.conn == nil || w.conn.count() > w.base)
		w.got, w.conn = true, metered(i.Conn)
		if w.conn != nil {
			w.base = w.conn.count()
		}
	}}
}

// failed is asked once RoundTrip gave an error. The connection is dead then; sealing it settles the race with a writer
// that has not noticed yet.
func (w *witness) failed() (wrote bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.got {
		return false
	}
	return w.wrote || w.conn == nil || w.conn.seal() > w.base
}
