package sftpbox

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"
)

// The bounds of a connection.
const (
	window     = 64               // packets in flight, of all files together: 2 MiB, or 8 where the server takes large ones
	grace      = 3 * time.Second  // what an ended context leaves to a request under way
	slowest    = 1 << 10          // bytes a second below which a connection that works is taken for dead
	longest    = 20               // time-outs that one request may take while the connection moves
	aliveEvery = 20 * time.Second // between two signs of life
)

// link is one connection, used until its first failure.
type link struct {
	wire    *wire
	ssh     *ssh.Client
	sftp    *sftp.Client
	timeout time.Duration
	packet  int         // bytes of one read or write
	buffers chan []byte // packets in flight: one is taken, used and given back; nil: not made yet
	used    atomic.Bool // something was answered on it before

	once  sync.Once
	ended chan struct{} // closed by end
	cause error         // why it ended; to be read once ended is closed
	loops sync.WaitGroup
}

// wire counts what passes.
type wire struct {
	net.Conn
	in    *bufio.Reader // fewer calls of the system than the library makes
	bytes atomic.Int64
}

func (w *wire) Read(p []byte) (int, error) {
	n, err := w.in.Read(p)
	w.bytes.Add(int64(n))
	return n, err
}

func (w *wire) Write(p []byte) (int, error) {
	n, err := w.Conn.Write(p)
	w.bytes.Add(int64(n))
	return n, err
}

// connect makes a connection within the time-out.
func (b *Box) connect(ctx context.Context) (_ *link, err error) {
	ctx, cancel := context.WithTimeout(ctx, b.o.Timeout)
	defer cancel()
	cfg, verdict, err := b.login.config(b.o)
	if err != nil {
		return nil, err
	}
	conn, err := b.o.Dial(ctx, b.o.Address)
	if err != nil {
		return nil, &coded{codeAway, err}
	}
	w := &wire{Conn: conn, in: bufio.NewReaderSize(conn, 64<<10)}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() }) // the handshake knows no context
	defer func() {
		if !stop() && err == nil {
			err = &coded{codeAway, context.Cause(ctx)}
		}
		if err != nil {
			_ = conn.Close()
			if cause := context.Cause(ctx); cause != nil {
				err = &coded{codeAway, fmt.Errorf("%w (%w)", cause, err)}
			}
		}
	}()
	c, channels, requests, err := ssh.NewClientConn(w, b.o.Address, cfg)
	if err != nil {
		return nil, b.login.explain(ctx, b.o, verdict(), err)
	}
	client := ssh.NewClient(c, channels, requests)
	ch, beside, asks, err := start(client)
	if err != nil {
		return nil, &coded{codeAway, fmt.Errorf("the server offers no SFTP: %w", err)}
	}
	l := &link{wire: w, ssh: client, timeout: b.o.Timeout, buffers: make(chan []byte, window), ended: make(chan struct{})}
	for range window {
		l.buffers <- nil
	}
	// These end with the connection, which is closed here if the greeting fails.
	l.loops.Go(func() { ssh.DiscardRequests(asks) })
	l.loops.Go(func() { _, _ = io.Copy(io.Discard, beside) })
	if l.sftp, l.packet, err = greet(ch); err != nil {
		_ = conn.Close()
		l.loops.Wait()
		return nil, &coded{codeAway, fmt.Errorf("the server offers no SFTP: %w", err)}
	}
	l.loops.Go(l.alive)
	l.loops.Go(func() { l.end(fmt.Errorf("%w: %w", errLost, orClosed(l.sftp.Wait()))) })
	return l, nil
}

func orClosed(err error) error {
	if err == nil {
		return net.ErrClosed
	}
	return err
}

// end breaks the connection; everything under way on it fails.
func (l *link) end(cause error) {
	l.once.Do(func() {
		l.cause = cause
		close(l.ended)
		_ = l.wire.Close()
	})
}

// close ends the connection and waits for its goroutines.
func (l *link) close() error {
	over := time.AfterFunc(grace, func() { l.end(errLost) })
	defer over.Stop()
	_ = l.sftp.Close() // what was written was answered for
	l.end(net.ErrClosed)
	l.loops.Wait()
	return nil
}

func (l *link) broken() bool {
	select {
	case <-l.ended:
		return true
	default:
		return false
	}
}

// alive asks the server for a sign of life from time to time: a dead one is noticed before it is needed, and gateways
// between us and it do not forget the connection.
func (l *link) alive() {
	t := time.NewTicker(aliveEvery)
	defer t.Stop()
	for {
		select {
		case <-l.ended:
			return
		case <-t.C:
			dead := time.AfterFunc(l.timeout, func() { l.end(fmt.Errorf("%w: no sign of life within %v", errLost, l.timeout)) })
			_, _, err := l.ssh.SendRequest("keepalive@openssh.com", true, nil) // an answer, if only "unknown", is enough
			dead.Stop()
			if err != nil {
				l.end(fmt.Errorf("%w: %w", errLost, err))
				return
			}
		}
	}
}

// do makes one request. It ends the connection when there is no answer within the time-out, unless bytes still move,
// or a while after ctx ended. What the server answers is given back with its kind.
func (l *link) do(ctx context.Context, request func() error) error {
	if err := ctx.Err(); err != nil {
		return before(err)
	}
	w := l.watch()
	halt := context.AfterFunc(ctx, func() { w.within(grace, context.Cause(ctx)) })
	err := request()
	halt()
	w.stop()
	switch {
	case err == nil:
		l.used.Store(true)
		return nil
	case answered(err) && !l.broken():
		l.used.Store(true)
		return answer(err)
	}
	l.end(fmt.Errorf("%w: %w", errLost, err))
	<-l.ended
	return &coded{codeAway, l.cause}
}

// info is do for requests that describe a file.
func (l *link) info(ctx context.Context, request func() (os.FileInfo, error)) (info os.FileInfo, err error) {
	err = l.do(ctx, func() (err error) {
		info, err = request()
		return err
	})
	return info, err
}

// watch bounds a request.
func (l *link) watch() *watchdog {
	w := &watchdog{link: l, moved: l.wire.bytes.Load()}
	w.mu.Lock()
	w.timer = time.AfterFunc(l.timeout, w.bite)
	w.mu.Unlock()
	return w
}

type watchdog struct {
	link    *link
	mu      sync.Mutex
	timer   *time.Timer
	moved   int64
	times   int
	stopped bool
}

func (w *watchdog) bite() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stopped {
		return
	}
	moved := w.link.wire.bytes.Load()
	if w.times++; w.times < longest && float64(moved-w.moved) >= slowest*w.link.timeout.Seconds() {
		w.moved = moved
		w.timer.Reset(w.link.timeout)
		return
	}
	w.link.end(fmt.Errorf("%w: no answer within %v", errLost, time.Duration(w.times)*w.link.timeout))
}

// within shortens what is left to d.
func (w *watchdog) within(d time.Duration, cause error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stopped {
		return
	}
	w.timer.Stop()
	w.timer = time.AfterFunc(d, func() { w.link.end(errors.Join(errLost, cause)) })
}

func (w *watchdog) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stopped = true
	w.timer.Stop()
}

// buffer takes a packet's buffer of n bytes; when all are in flight it waits, or gives nil if it may not.
func (l *link) buffer(n int, wait bool) []byte {
	var b []byte
	if wait {
		select {
		case b = <-l.buffers:
		case <-l.ended:
			return nil
		}
	} else {
		select {
		case b = <-l.buffers:
		default:
			return nil
		}
	}
	if cap(b) < n { // most files are small
		b = make([]byte, n)
	}
	return b[:n]
}

func (l *link) giveBack(b []byte) { l.buffers <- b }
