package connector

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/navette-connect/navette/connector/journal"
	"github.com/navette-connect/navette/connector/payment"
)

// A PSP that refuses our credentials is asked once: while the stop is on its way into the journal, and while the journal
// does not take it, nothing more leaves.
func TestRegressAStopHoldsBeforeItIsDurable(t *testing.T) {
	full := errors.New("no space left")
	for name, c := range map[string]struct {
		wait time.Duration // of each commit, once the PSP has refused
		err  error
	}{"a slow commit": {wait: time.Second}, "the journal does not take it": {err: full}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var refused atomic.Int64 // when, by the simulated clock
				s := newStage(t, simMapping, func(*payment.Instruction, int) (payment.Outcome, error) {
					refused.CompareAndSwap(0, time.Now().UnixNano())
					return payment.Outcome{}, payment.ErrStopped
				})
				slow := false
				s.commits = func(point string) error {
					switch at := refused.Load(); {
					case at == 0 || point != "commit":
					case !slow: // the stop's own
						slow = true
						time.Sleep(c.wait)
						return c.err
					case time.Now().UnixNano()-at < int64(3*time.Second):
						return c.err
					}
					return nil
				}
				var b strings.Builder
				for i := range 100 { // more than one group: the loop turns while the workers are at it
					fmt.Fprintf(&b, "A%d;1,00\n", i)
				}
				s.drop("a.csv", "Facture;Montant\n"+b.String())
				s.life = func(ctx context.Context, c *Connector) error {
					ctx, cancel := context.WithCancel(ctx)
					defer time.AfterFunc(time.Minute, cancel).Stop()
					return c.Run(ctx)
				}
				if err := s.once(); err != nil {
					t.Error(err)
				}
				if n := len(s.psp.submits); n != 1 {
					t.Errorf("%d requests left, want one", n)
				}
				s.view(func(j *journal.Journal) error {
					g, err := j.Gateway(t.Context(), "psp:test")
					if g.Stopped == "" {
						t.Error("the journal does not say that the gateway is stopped")
					}
					return err
				})
			})
		})
	}
}

// What the journal said before a stop began does not end that stop.
func TestHaltFollowsTheJournalNeverBehindAStop(t *testing.T) {
	for name, c := range map[string]struct {
		between func(h *halt) // the reading of the journal, which said "not stopped", and what is made of it
		before  func(h *halt)
		want    bool
	}{
		"nothing happens":                {want: false},
		"a stop begins":                  {between: func(h *halt) { h.begin() }, want: true},
		"a stop begins and ends":         {between: func(h *halt) { h.begin(); h.end("x", nil) }, want: true},
		"a stop is on its way":           {before: func(h *halt) { h.begin() }, want: true},
		"a stop on its way ends":         {before: func(h *halt) { h.begin() }, between: func(h *halt) { h.end("x", nil) }, want: true},
		"it was stopped, and is resumed": {before: func(h *halt) { h.begin(); h.end("x", nil) }, want: false},
	} {
		t.Run(name, func(t *testing.T) {
			h := &halt{}
			if c.before != nil {
				c.before(h)
			}
			stops, sure, _ := h.seen()
			if c.between != nil {
				c.between(h)
			}
			if got := h.follow(false, stops, sure); got != c.want || h.is() != c.want {
				t.Errorf("it is stopped: %v, want %v", got, c.want)
			}
		})
	}
}
