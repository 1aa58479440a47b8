package sftpbox

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/navette-connect/navette/transports"
)

// The waits between attempts to connect: doubled from the first to the last, with jitter. From the third refused login
// on it is the last: accounts are locked by less.
const (
	firstWait    = time.Second
	lastWait     = time.Minute
	refusalsFree = 2
)

// keeper keeps one connection and makes the next when it is broken.
type keeper struct {
	open func(context.Context) (*link, error)

	mu       sync.Mutex
	link     *link
	dialling chan struct{} // closed when the attempt under way is over; nil: none
	fails    int
	refusals int
	until    time.Time // no attempt before
	last     error     // why the last one failed
	closed   bool
}

// get gives the connection. Of those who ask while there is none, one connects and the others wait for it; between
// attempts all are told at once that the server is away.
func (k *keeper) get(ctx context.Context) (*link, error) {
	for {
		if err := ctx.Err(); err != nil {
			return nil, before(err)
		}
		k.mu.Lock()
		switch {
		case k.closed:
			k.mu.Unlock()
			return nil, fmt.Errorf("%w: the transport was closed", transports.ErrRetry)
		case k.link != nil && !k.link.broken():
			l := k.link
			k.mu.Unlock()
			return l, nil
		case k.dialling != nil:
			wait := k.dialling
			k.mu.Unlock()
			select {
			case <-wait:
			case <-ctx.Done():
			}
			continue
		case time.Now().Before(k.until):
			err := k.last
			k.mu.Unlock()
			return nil, before(err)
		}
		done := make(chan struct{})
		k.dialling = done
		k.mu.Unlock()
		l, err := k.open(ctx)
		k.mu.Lock()
		k.dialling = nil
		close(done)
		if k.closed && err == nil {
			k.mu.Unlock()
			return nil, errors.Join(fmt.Errorf("%w: the transport was closed", transports.ErrRetry), l.close())
		}
		k.note(ctx, l, err)
		k.mu.Unlock()
		if err != nil {
			return nil, before(err)
		}
		return l, nil
	}
}

// note records how an attempt went.
func (k *keeper) note(ctx context.Context, l *link, err error) {
	if err == nil {
		k.link, k.fails, k.refusals, k.last = l, 0, 0, nil
		return
	}
	if ctx.Err() != nil && !isRefusal(err) {
		return // given up by the caller: it says nothing of the server
	}
	k.last = err
	k.fails++
	wait := lastWait
	if k.fails < 7 {
		wait = min(firstWait<<(k.fails-1), lastWait)
	}
	if isRefusal(err) {
		if k.refusals++; k.refusals > refusalsFree {
			wait = lastWait
			k.until = time.Now().Add(wait + rand.N(wait/4)) // never less than the minute
			return
		}
	}
	k.until = time.Now().Add(wait/2 + rand.N(wait/2+1))
}

// isRefusal tells a refused login or host key: trying again soon does harm.
func isRefusal(err error) bool {
	var c *coded
	return errors.As(err, &c) && (c.code == codeLogin || c.code == codeHostKey)
}

func (k *keeper) close() error {
	k.mu.Lock()
	l := k.link
	k.closed, k.link = true, nil
	k.mu.Unlock()
	if l == nil {
		return nil
	}
	return l.close()
}
