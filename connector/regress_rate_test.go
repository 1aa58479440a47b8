package connector

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/navette-connect/navette/connector/journal"
	"github.com/navette-connect/navette/connector/payment"
)

// Ways in which a PSP was once asked more, or less, than it allows.

// oracle is a PSP each of whose acts the test gives; it notes when each came.
type oracle struct {
	mu      sync.Mutex
	born    time.Time
	submit  func(in *payment.Instruction, n int) (payment.Outcome, error)
	lookup  func(in *payment.Instruction, n int) (payment.Outcome, error)
	submits []time.Duration
	lookups []time.Duration
	keys    []string
}

func newOracle(submit, lookup func(in *payment.Instruction, n int) (payment.Outcome, error)) *oracle {
	return &oracle{born: time.Now(), submit: submit, lookup: lookup}
}

func (g *oracle) Submit(_ context.Context, in *payment.Instruction) (payment.Outcome, error) {
	g.mu.Lock()
	g.submits = append(g.submits, time.Since(g.born))
	g.keys = append(g.keys, in.Key)
	n := len(g.submits)
	g.mu.Unlock()
	return g.submit(in, n)
}

func (g *oracle) Lookup(_ context.Context, in *payment.Instruction) (payment.Outcome, error) {
	g.mu.Lock()
	g.lookups = append(g.lookups, time.Since(g.born))
	n := len(g.lookups)
	g.mu.Unlock()
	return g.lookup(in, n)
}

// alive lets the service run for a while, instead of a single pass.
func (s *stage) alive(d time.Duration) {
	s.life = func(ctx context.Context, c *Connector) error {
		ctx, cancel := context.WithCancel(ctx)
		defer time.AfterFunc(d, cancel).Stop()
		return c.Run(ctx)
	}
}

// TestPendingPolledByAge: an operation that the PSP has not finished is asked for by its age.
func TestPendingPolledByAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, regressOps, nil)
		g := newOracle(func(in *payment.Instruction, n int) (payment.Outcome, error) {
			return payment.Outcome{Verdict: payment.VerdictDone, State: payment.Pending, PaymentID: "o1"}, nil
		}, nil)
		g.lookup = func(in *payment.Instruction, n int) (payment.Outcome, error) {
			st := payment.Pending
			if time.Since(g.born) > 5*time.Minute {
				st = payment.Done
			}
			return payment.Outcome{Verdict: payment.VerdictDone, State: st, PaymentID: "o1"}, nil
		}
		s.gateway = g
		s.alive(20 * time.Minute)
		s.drop("a.csv", "Op;Tx;Montant\ncapture;T1;10,00\n")
		if err := s.once(); err != nil {
			t.Error(err)
		}
		s.view(func(j *journal.Journal) error {
			it, err := j.Item(t.Context(), 1)
			if it.State != payment.Done {
				t.Errorf("the operation was done after 5 minutes, and 20 minutes later it still stands as %s: asked %d time(s)", it.State, len(g.lookups))
			}
			return err
		})
	})
}

// TestRateWhenLookingFirst: the rate is the ceiling of all requests, look-ups before sending too.
func TestRateWhenLookingFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, simMapping, nil)
		g := newOracle(taken, func(in *payment.Instruction, n int) (payment.Outcome, error) {
			return payment.Outcome{}, payment.ErrUnknown
		})
		s.gateway = g
		s.setup = func(o *Setup) { o.Accounts[0].Config.Rate = 1; o.Accounts[0].Config.Concurrency = 4 }
		s.life = func(ctx context.Context, c *Connector) error {
			c.e.j.Do(ctx, func(tx *journal.Tx) error {
				return tx.SetMeta(metaConsult, fmt.Sprint(tx.Now+consultFor.Microseconds()))
			})
			ctx, cancel := context.WithCancel(ctx)
			defer time.AfterFunc(2*time.Minute, cancel).Stop()
			return c.Run(ctx)
		}
		s.drop("a.csv", manyRows(40))
		if err := s.once(); err != nil {
			t.Error(err)
		}
		all := append(append([]time.Duration{}, g.submits...), g.lookups...)
		first, last := all[0], all[0]
		for _, a := range all {
			first, last = min(first, a), max(last, a)
		}
		if n := float64(len(all)); n > (last-first).Seconds()*1+2 {
			t.Errorf("rate 1/s: %d requests within %v", len(all), last-first)
		}
	})
}

// TestRateOfPendingPolls: so are the polls of operations.
func TestRateOfPendingPolls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, regressOps, nil)
		pending := func(in *payment.Instruction, n int) (payment.Outcome, error) {
			return payment.Outcome{Verdict: payment.VerdictDone, State: payment.Pending, PaymentID: "o" + in.TransactionID}, nil
		}
		g := newOracle(pending, pending)
		s.gateway = g
		s.setup = func(o *Setup) {
			o.Accounts[0].Config.Rate = 1
			o.Accounts[0].Config.Concurrency = 4
			o.Accounts[0].Config.Poll = 2 * time.Minute
		}
		s.alive(10 * time.Minute)
		var b strings.Builder
		b.WriteString("Op;Tx;Montant\n")
		for i := range 40 {
			fmt.Fprintf(&b, "capture;T%d;10,00\n", i)
		}
		s.drop("a.csv", b.String())
		if err := s.once(); err != nil {
			t.Error(err)
		}
		worst := 0
		for i := range g.lookups {
			n := 0
			for k := i; k < len(g.lookups) && g.lookups[k]-g.lookups[i] < time.Second; k++ {
				n++
			}
			worst = max(worst, n)
		}
		if worst > 3 {
			t.Errorf("rate 1/s: %d look-ups within one second (of %d)", worst, len(g.lookups))
		}
	})
}

// TestStoppedByALookup: credentials refused at a look-up stop the gateway; what never left waits, and is not in doubt.
func TestStoppedByALookup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, simMapping, nil)
		g := newOracle(taken, func(in *payment.Instruction, n int) (payment.Outcome, error) {
			return payment.Outcome{}, payment.ErrStopped
		})
		s.gateway = g
		var stopped []string
		s.life = func(ctx context.Context, c *Connector) error {
			c.e.j.Do(ctx, func(tx *journal.Tx) error {
				return tx.SetMeta(metaConsult, fmt.Sprint(tx.Now+consultFor.Microseconds()))
			})
			ctx, cancel := context.WithCancel(ctx)
			defer time.AfterFunc(time.Minute, func() { stopped = c.Stopped(); cancel() }).Stop()
			return c.Run(ctx)
		}
		s.drop("a.csv", manyRows(300))
		if err := s.once(); err != nil {
			t.Error(err)
		}
		if n := s.tally(300); len(g.lookups) > 10 || len(stopped) == 0 || n[payment.Uncertain] > 0 {
			t.Errorf("%d look-ups were refused for their credentials, stopped %v, states %v", len(g.lookups), stopped, n)
		}
	})
}

// TestLookupWait: a look-up answered with Retry-After is not asked again before.
func TestLookupWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, simMapping, nil)
		g := newOracle(func(in *payment.Instruction, n int) (payment.Outcome, error) {
			return payment.Outcome{}, payment.ErrUncertain
		}, func(in *payment.Instruction, n int) (payment.Outcome, error) {
			return payment.Outcome{Wait: 30 * time.Minute, Code: "NV-2105"}, payment.ErrUncertain
		})
		s.gateway = g
		s.alive(32 * time.Minute)
		s.drop("a.csv", manyRows(3))
		if err := s.once(); err != nil {
			t.Error(err)
		}
		if len(g.lookups) > 6 {
			t.Errorf("%d look-ups of 3 doubts within half an hour, each answered: not before 30 minutes are over; the first %v", len(g.lookups), g.lookups[:9])
		}
	})
}

// TestConsult429: nor one before sending; what never left is not in doubt.
func TestConsult429(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, simMapping, nil)
		g := newOracle(taken, func(in *payment.Instruction, n int) (payment.Outcome, error) {
			return payment.Outcome{Wait: 10 * time.Minute, Code: "NV-2105"}, payment.ErrUncertain
		})
		s.gateway = g
		s.life = func(ctx context.Context, c *Connector) error {
			c.e.j.Do(ctx, func(tx *journal.Tx) error {
				return tx.SetMeta(metaConsult, fmt.Sprint(tx.Now+consultFor.Microseconds()))
			})
			ctx, cancel := context.WithCancel(ctx)
			defer time.AfterFunc(time.Minute, cancel).Stop()
			return c.Run(ctx)
		}
		s.drop("a.csv", manyRows(300))
		_ = s.once()
		if n := s.tally(300); len(g.lookups) > 10 || n[payment.Accepted] != 300 {
			t.Errorf("%d look-ups within a minute, each answered: not before 10 minutes; states %v", len(g.lookups), n)
		}
	})
}

// TestGateBeforeRate: while a 429 waits nothing leaves, not even what waits for the rate.
func TestGateBeforeRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, simMapping, nil)
		g := newOracle(func(in *payment.Instruction, n int) (payment.Outcome, error) {
			time.Sleep(time.Second)
			return payment.Outcome{Verdict: payment.VerdictRetry, Wait: 10 * time.Minute}, nil
		}, nil)
		s.gateway = g
		s.setup = func(o *Setup) { o.Accounts[0].Config.Rate = 0.2; o.Accounts[0].Config.Concurrency = 8 }
		s.alive(9 * time.Minute)
		s.drop("a.csv", manyRows(40))
		_ = s.once()
		if len(g.submits) > 1 {
			t.Errorf("the first POST was answered 429, Retry-After: 600; POSTs left at %v", g.submits)
		}
	})
}

// TestWaitIsNoStall: a gateway that asks to be left alone for long is no stall.
func TestWaitIsNoStall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, simMapping, nil)
		g := newOracle(func(in *payment.Instruction, n int) (payment.Outcome, error) {
			if n == 1 {
				return payment.Outcome{}, payment.ErrUncertain
			}
			return payment.Outcome{Verdict: payment.VerdictRetry, Wait: 30 * time.Minute}, nil
		}, func(in *payment.Instruction, n int) (payment.Outcome, error) {
			return payment.Outcome{}, payment.ErrUnknown
		})
		s.gateway = g
		s.life = func(ctx context.Context, c *Connector) error {
			ctx, cancel := context.WithCancel(ctx)
			defer time.AfterFunc(12*time.Minute, cancel).Stop()
			var watch sync.WaitGroup
			defer watch.Wait()
			watch.Go(func() {
				for ctx.Err() == nil {
					time.Sleep(time.Minute)
					if l := c.Stalled(); len(l) > 0 {
						t.Errorf("after %v the watchdog is not fed: stalled %v", time.Since(g.born), l)
						return
					}
				}
			})
			return c.Run(ctx)
		}
		s.drop("a.csv", manyRows(3))
		if err := s.once(); err != nil {
			t.Error(err)
		}
	})
}

// TestPendingPollsStall: slow look-ups of operations are none either.
func TestPendingPollsStall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, regressOps, nil)
		g := newOracle(func(in *payment.Instruction, n int) (payment.Outcome, error) {
			return payment.Outcome{Verdict: payment.VerdictDone, State: payment.Pending, PaymentID: "o" + in.TransactionID}, nil
		}, func(in *payment.Instruction, n int) (payment.Outcome, error) {
			time.Sleep(10 * time.Second)
			return payment.Outcome{}, payment.ErrUncertain
		})
		s.gateway = g
		s.setup = func(o *Setup) { o.Accounts[0].Config.Concurrency = 8 }
		var stalled []string
		s.life = func(ctx context.Context, c *Connector) error {
			ctx, cancel := context.WithCancel(ctx)
			defer time.AfterFunc(20*time.Minute, cancel).Stop()
			var watch sync.WaitGroup
			defer watch.Wait()
			watch.Go(func() {
				for ctx.Err() == nil {
					time.Sleep(10 * time.Second)
					if l := c.Stalled(); len(l) > 0 && stalled == nil {
						stalled = l
					}
				}
			})
			return c.Run(ctx)
		}
		var b strings.Builder
		b.WriteString("Op;Tx;Montant\n")
		for i := range 200 {
			fmt.Fprintf(&b, "capture;T%d;10,00\n", i)
		}
		s.drop("a.csv", b.String())
		_ = s.once()
		if stalled != nil {
			t.Errorf("stalled: %v", stalled)
		}
	})
}

// TestGateBehindALookup: nor does anything that has been looked up, and waits for the rate then.
func TestGateBehindALookup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, simMapping, nil)
		g := newOracle(func(in *payment.Instruction, n int) (payment.Outcome, error) {
			time.Sleep(time.Second)
			return payment.Outcome{Verdict: payment.VerdictRetry, Wait: 10 * time.Minute}, nil
		}, func(in *payment.Instruction, n int) (payment.Outcome, error) {
			time.Sleep(time.Second) // the others ask for their turn meanwhile
			return payment.Outcome{}, payment.ErrUnknown
		})
		s.gateway = g
		s.setup = func(o *Setup) { o.Accounts[0].Config.Rate = 0.2; o.Accounts[0].Config.Concurrency = 8 }
		s.life = func(ctx context.Context, c *Connector) error {
			if err := c.e.j.Do(ctx, func(tx *journal.Tx) error {
				return tx.SetMeta(metaConsult, fmt.Sprint(tx.Now+consultFor.Microseconds()))
			}); err != nil {
				return err
			}
			ctx, cancel := context.WithCancel(ctx)
			defer time.AfterFunc(9*time.Minute, cancel).Stop()
			return c.Run(ctx)
		}
		s.drop("a.csv", manyRows(40))
		_ = s.once()
		if len(g.submits) != 1 {
			t.Errorf("the first POST was answered 429, Retry-After: 600; POSTs left at %v", g.submits)
		}
	})
}

// patientPSP notes how long each exchange may take.
type patientPSP struct {
	*scripted
	least time.Duration
}

func (g *patientPSP) Submit(ctx context.Context, in *payment.Instruction) (payment.Outcome, error) {
	if until, ok := ctx.Deadline(); ok {
		g.least = time.Until(until)
	}
	return g.scripted.Submit(ctx, in)
}

// TestTimeoutBehindATurn: an exchange that has waited a whole time-out for its turn among our own still has its own.
func TestTimeoutBehindATurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, simMapping, taken)
		g := &patientPSP{scripted: s.psp}
		s.gateway = g
		s.drop("a.csv", "Facture;Montant\nA1;1,00\n")
		if err := s.once(); err != nil || g.least < 20*time.Second { // twice the stage's time-out
			t.Errorf("an exchange may take %v (%v)", g.least, err)
		}
	})
}
