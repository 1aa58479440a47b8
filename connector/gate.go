package connector

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"
)

// gate closes a gateway for a time; when the time is over one exchange goes through first, and opens it for the others.
type gate struct {
	mu      sync.Mutex
	until   time.Time
	fails   int
	probing bool
	opened  func() // told when the gate opens after it was shut; may be nil
	waiting func() // told now and then while somebody waits to pass; may be nil
}

// closed tells whether nothing may leave now.
func (g *gate) closed(now time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return now.Before(g.until) || g.probing
}

// shut is how long nothing may leave yet.
func (g *gate) shut(now time.Time) time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	return max(g.until.Sub(now), 0)
}

// close keeps the gate shut for wait, or for a growing time when the PSP named none.
func (g *gate) close(now time.Time, wait time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.fails++
	g.probing = false
	if wait <= 0 {
		wait = backoff(g.fails)
	}
	if until := now.Add(wait); until.After(g.until) {
		g.until = until
	}
}

// open lets everything through again.
func (g *gate) open() {
	g.mu.Lock()
	was := g.fails > 0
	g.fails, g.probing = 0, false
	g.mu.Unlock()
	if was && g.opened != nil {
		g.opened()
	}
}

// retry ends the wait: a person wants the next exchange to be tried now, whatever the PSP asked for.
func (g *gate) retry() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.until = time.Time{}
}

// release lets the next exchange be the probe, when this one told nothing.
func (g *gate) release() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.probing = false
}

// pass waits until this exchange may leave; false when ctx ended first.
func (g *gate) pass(ctx context.Context, now func() time.Time) bool {
	for {
		g.mu.Lock()
		wait := g.until.Sub(now())
		switch {
		case wait <= 0 && g.fails == 0:
			g.mu.Unlock()
			return ctx.Err() == nil
		case wait <= 0 && !g.probing:
			g.probing = true
			g.mu.Unlock()
			return ctx.Err() == nil
		}
		g.mu.Unlock()
		if g.waiting != nil {
			g.waiting()
		}
		select {
		case <-ctx.Done():
			return false
		case <-time.After(min(max(wait, 5*time.Millisecond), time.Second)):
		}
	}
}

// backoff grows from a second to a minute, with full jitter above a floor.
func backoff(fails int) time.Duration {
	most := min(time.Second<<min(fails-1, 6), time.Minute)
	return most/2 + rand.N(most/2)
}
