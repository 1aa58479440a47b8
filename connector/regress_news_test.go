package connector

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/navette-connect/navette/connector/gateway"
	"github.com/navette-connect/navette/connector/gateway/httpgw"
	"github.com/navette-connect/navette/connector/gateway/sandbox"
	"github.com/navette-connect/navette/connector/journal"
	"github.com/navette-connect/navette/connector/payment"
)

// Ways in which news, or what waits for some, was once believed, lost or kept waiting behind others.

type feedReader struct {
	*scripted
	mu    sync.Mutex
	reads int
	snap  payment.Snapshot
}

func (g *feedReader) Read(_ context.Context, in *payment.Instruction) (payment.Snapshot, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.reads++
	s := g.snap
	s.PaymentID = in.PaymentID
	return s, nil
}

// TestUnreadableEventIsRead: of an event whose object cannot be read the payment is read: its word alone is not money.
func TestUnreadableEventIsRead(t *testing.T) {
	for _, c := range []struct {
		name   string
		change payment.Change
		snap   payment.Snapshot
	}{
		{"a new word", payment.Change{EventID: "e1", Word: "captured"}, payment.Snapshot{State: payment.Paid, Amount: payment.Amount{Minor: 10000, Currency: "EUR"}, Paid: payment.Amount{Minor: 10000, Currency: "EUR"}}},
		{"part, readable amount", payment.Change{EventID: "e1", Word: payment.WordPaid, Amount: payment.Amount{Minor: 4000, Currency: "EUR"}}, payment.Snapshot{State: payment.PartiallyPaid, Amount: payment.Amount{Minor: 10000, Currency: "EUR"}, Paid: payment.Amount{Minor: 4000, Currency: "EUR"}}},
		{"part, no amount", payment.Change{EventID: "e1", Word: payment.WordPaid}, payment.Snapshot{State: payment.PartiallyPaid, Amount: payment.Amount{Minor: 10000, Currency: "EUR"}, Paid: payment.Amount{Minor: 4000, Currency: "EUR"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage(t, simMapping, taken)
				g := &feedReader{scripted: s.psp, snap: c.snap}
				s.gateway = g
				s.drop("a.csv", "Facture;Montant\nA1;100,00\n")
				_ = s.once()
				c.change.Now.PaymentID = "p1"
				s.psp.feed = []payment.Change{c.change}
				s.alive(10 * time.Minute)
				_ = s.once()
				s.view(func(j *journal.Journal) error {
					it, err := j.Item(t.Context(), 1)
					if it.State != c.snap.State || it.Paid != c.snap.Paid.Minor {
						t.Errorf("the PSP shows %s, paid %d; ten minutes after its event the journal says %s, paid %d (%d reads)", c.snap.State, c.snap.Paid.Minor, it.State, it.Paid, g.reads)
					}
					return err
				})
			})
		})
	}
}

// halfBlind cannot show the first 500 payments.
type halfBlind struct {
	*oracle
}

func (g *halfBlind) Read(_ context.Context, in *payment.Instruction) (payment.Snapshot, error) {
	n := 0
	fmt.Sscanf(in.PaymentID, "p%d", &n)
	if n <= 500 {
		return payment.Snapshot{}, payment.ErrUncertain
	}
	return payment.Snapshot{PaymentID: in.PaymentID, State: payment.Paid, Paid: payment.Amount{Minor: 100, Currency: "EUR"}}, nil
}

// TestPollStarvation: requests that cannot be read do not keep the others from being polled.
func TestPollStarvation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, simMapping, nil)
		s.gateway = &halfBlind{newOracle(taken, nil)}
		s.alive(90 * time.Minute)
		s.setup = func(o *Setup) { o.Accounts[0].Config.Poll = 10 * time.Minute }
		s.drop("a.csv", manyRows(520))
		if err := s.once(); err != nil {
			t.Error(err)
		}
		s.view(func(j *journal.Journal) error {
			n := map[payment.State]int{}
			for i := int64(1); i <= 520; i++ {
				it, err := j.Item(t.Context(), i)
				if err != nil {
					return err
				}
				n[it.State]++
			}
			if n[payment.Paid] != 20 {
				t.Errorf("20 of 520 are paid, 500 cannot be read; 90 minutes later the journal says %v", n)
			}
			return nil
		})
	})
}

// hooked notifies: the body is "notice payment".
type hooked struct {
	*oracle
	mu    sync.Mutex
	reads []string
}

func (g *hooked) Hook(_ http.Header, body []byte, _ time.Time) (string, string, error) {
	p := strings.Fields(string(body))
	return p[0], p[1], nil
}

func (g *hooked) Read(_ context.Context, in *payment.Instruction) (payment.Snapshot, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.reads = append(g.reads, in.PaymentID)
	return payment.Snapshot{PaymentID: in.PaymentID, State: payment.Paid, Paid: payment.Amount{Minor: 100, Currency: "EUR"}}, nil
}

// TestNoticesOfOthers: notifications of another system's payments do not keep ours waiting, though a row of ours is in doubt.
func TestNoticesOfOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, simMapping, nil)
		g := &hooked{oracle: newOracle(func(in *payment.Instruction, n int) (payment.Outcome, error) {
			if n == 1 {
				return payment.Outcome{Verdict: payment.VerdictDone, State: payment.Open, PaymentID: "p1"}, nil
			}
			return payment.Outcome{}, payment.ErrUncertain
		}, func(in *payment.Instruction, n int) (payment.Outcome, error) {
			return payment.Outcome{}, payment.ErrUnsupported
		})}
		s.gateway = g
		s.setup = func(o *Setup) { o.Accounts[0].Config.Poll = 6 * time.Hour }
		s.life = func(ctx context.Context, c *Connector) error {
			ctx, cancel := context.WithCancel(ctx)
			defer time.AfterFunc(2*time.Minute, cancel).Stop()
			time.AfterFunc(time.Minute, func() {
				for i := range 500 {
					if err := c.Hook(ctx, "psp", nil, []byte(fmt.Sprintf("n%03d foreign-%d", i, i))); err != nil {
						t.Error(err)
					}
				}
				if err := c.Hook(ctx, "psp", nil, []byte("ours p1")); err != nil {
					t.Error(err)
				}
			})
			return c.Run(ctx)
		}
		s.drop("a.csv", "Facture;Montant\nA1;1,00\nA2;1,00\n")
		if err := s.once(); err != nil {
			t.Error(err)
		}
		s.view(func(j *journal.Journal) error {
			it, err := j.Item(t.Context(), 1)
			if it.State != payment.Paid {
				t.Errorf("A1 is %s a minute after its notification was acknowledged: reads %v", it.State, g.reads)
			}
			return err
		})
	})
}

// blindTill cannot be read.
type blindTill struct{ *till }

func (g blindTill) Read(context.Context, *payment.Instruction) (payment.Snapshot, error) {
	return payment.Snapshot{}, payment.ErrUncertain
}

// TestWaitingHeadOfLine: a replaced request that cannot be read keeps no operation from its target, nor from its answer.
func TestWaitingHeadOfLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, g0 := newTill(t, txOps())
		s.gateway = blindTill{g0}
		s.flow = func(f *Flow) { f.OnKnown, f.Blind, f.Patience = "replace_unpaid", true, 5*time.Minute }
		const head = "Op;Ref;Dev;Montant;Tx;Part\n"
		s.alive(time.Minute)
		s.drop("a.csv", head+";A1;EUR;100,00;;\n")
		_ = s.once()
		s.drop("b.csv", head+";A1;EUR;200,00;;\n")
		_ = s.once()
		s.drop("c.csv", head+"refund;Z9;EUR;1,00;;\n")
		s.alive(20 * time.Minute)
		_ = s.once()
		s.view(func(j *journal.Journal) error {
			for i := int64(1); i <= 4; i++ {
				it, err := j.Item(t.Context(), i)
				if err != nil && !errors.Is(err, journal.ErrMissing) {
					return err
				}
				if it.Reference == "Z9" && it.State != payment.Refused {
					t.Errorf("twenty minutes later, with a patience of five, Z9 is %s", it.State)
				}
			}
			return nil
		})
	})
}

// slowTill takes a second for each read.
type slowTill struct {
	*till
	at map[string]time.Time // when a request reached it
}

func (g slowTill) Submit(ctx context.Context, in *payment.Instruction) (payment.Outcome, error) {
	out, err := g.till.Submit(ctx, in)
	g.mu.Lock()
	if in.Kind == payment.Request {
		g.at[in.Reference] = time.Now()
	}
	g.mu.Unlock()
	return out, err
}

func (g slowTill) Read(ctx context.Context, in *payment.Instruction) (payment.Snapshot, error) {
	time.Sleep(time.Second)
	return g.till.Read(ctx, in)
}

// TestReplacedReadsBlockSending: slow reads of replaced requests keep neither other rows nor the watchdog waiting.
func TestReplacedReadsBlockSending(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, g0 := newTill(t, simMapping)
		g := slowTill{g0, map[string]time.Time{}}
		s.gateway = g
		s.flow = func(f *Flow) { f.OnKnown = "replace_unpaid" }
		s.setup = func(o *Setup) { o.Accounts[0].Config.Concurrency = 8; o.Accounts[0].Config.Poll = 6 * time.Hour }
		rows := func(cents string) string {
			var b strings.Builder
			b.WriteString("Facture;Montant\n")
			for i := range 450 {
				fmt.Fprintf(&b, "R%d;1,%s\n", i, cents)
			}
			return b.String()
		}
		s.alive(time.Minute)
		s.drop("a.csv", rows("00"))
		_ = s.once()
		s.drop("b.csv", rows("50"))
		var dropped time.Time
		var stalled []string
		s.life = func(ctx context.Context, c *Connector) error {
			ctx, cancel := context.WithCancel(ctx)
			defer time.AfterFunc(20*time.Minute, cancel).Stop()
			var watch sync.WaitGroup
			defer watch.Wait()
			watch.Go(func() {
				time.Sleep(30 * time.Second)
				s.drop("c.csv", "Facture;Montant\nN1;1,00\n")
				dropped = time.Now()
				for ctx.Err() == nil {
					time.Sleep(10 * time.Second)
					if l := c.Stalled(); len(l) > 0 && stalled == nil {
						stalled = l
					}
				}
			})
			return c.Run(ctx)
		}
		_ = s.once()
		if at, ok := g.at["N1"]; !ok || at.Sub(dropped) > time.Minute || stalled != nil {
			t.Errorf("N1 of another file was sent after %v (%v); stalled: %v", at.Sub(dropped), ok, stalled)
		}
	})
}

const mixedRows = `navette: mapping/v1
name: mixed
kind: mixed
locale: fr
source: {format: csv, encoding: utf-8, delimiter: ";", header: 1, decimal: ","}
fields:
  - {name: kind, column: Kind, required: true}
  - {name: operation, column: Op}
  - {name: reference, column: Facture, required: true}
  - {name: amount, column: Montant, type: amount}
`

// TestResultBehindAWaitingRequest: a result is written after patience, though something waits behind a request that waits for a cancel in doubt.
func TestResultBehindAWaitingRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, mixedRows, nil)
		s.flow = func(f *Flow) { f.OnKnown, f.Patience = "replace_unpaid", 5*time.Minute }
		g := newOracle(func(in *payment.Instruction, n int) (payment.Outcome, error) {
			if in.Operation == payment.Cancel {
				return payment.Outcome{}, payment.ErrUncertain
			}
			return taken(in, n)
		}, func(in *payment.Instruction, n int) (payment.Outcome, error) {
			return payment.Outcome{}, payment.ErrUnsupported
		})
		s.gateway = g
		s.alive(10 * time.Minute)
		s.drop("a.csv", "Kind;Op;Facture;Montant\nrequest;;A1;1,00\n")
		_ = s.once()
		s.alive(20 * time.Minute)
		s.drop("b.csv", "Kind;Op;Facture;Montant\nrequest;;A1;2,00\noperation;consult;A1;\n")
		_ = s.once()
		if l := s.out("b"); !strings.Contains(strings.Join(l, " "), "ret") {
			t.Errorf("twenty minutes later, with a patience of five, there is no result: %q", l)
		}
	})
}

// TestOrphanAccount: rows of an account that no gateway has any more are told of.
func TestOrphanAccount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, simMapping, func(in *payment.Instruction, n int) (payment.Outcome, error) {
			if n == 1 {
				return payment.Outcome{}, payment.ErrUncertain
			}
			return payment.Outcome{}, payment.ErrStopped
		})
		s.drop("a.csv", "Facture;Montant\nA1;1,00\nA2;1,00\nA3;1,00\n")
		_ = s.once()
		s.flow = func(f *Flow) { f.Account = "psp:shop2" }
		var troubles map[string]string
		var tell Outlook
		s.setup = func(o *Setup) {
			o.Accounts[0].Config.Account = "psp:shop2"
			o.Tell = func(l Outlook) { tell = l }
		}
		s.life = func(ctx context.Context, c *Connector) error {
			ctx, cancel := context.WithCancel(ctx)
			defer time.AfterFunc(5*time.Minute, func() { troubles = c.Troubles(); cancel() }).Stop()
			return c.Run(ctx)
		}
		err := s.once()
		n := map[payment.State]int{}
		s.view(func(j *journal.Journal) error {
			for i := int64(1); i <= 3; i++ {
				it, err := j.Item(t.Context(), i)
				if err != nil {
					return err
				}
				n[it.State]++
			}
			return nil
		})
		if n[payment.Accepted]+n[payment.Uncertain] > 0 && troubles["left"] == "" {
			t.Errorf("five minutes later: %v, error %v, troubles %v, outlook %+v, returns %q", n, err, troubles, tell, s.out("a"))
		}
	})
}

// overHTTP is a flow of operations at the sandbox, through the generic gateway.
func overHTTP(t *testing.T) (*stage, *sandbox.PSP, *httpgw.Gateway) {
	psp, err := sandbox.New(sandbox.Options{})
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(psp.Handler())
	t.Cleanup(srv.Close)
	g, err := httpgw.New(httpgw.Options{URL: srv.URL, HTTP: gateway.Options{Timeout: 5 * time.Second}})
	if err != nil {
		t.Fatal(err)
	}
	s := newStage(t, txOps(), taken)
	s.gateway = g
	return s, psp, g
}

// TestPartOverHTTP: an operation on one part of a reference acts on that part.
func TestPartOverHTTP(t *testing.T) {
	s, psp, g := overHTTP(t)
	s.flow = func(f *Flow) { f.Quiet = 10 * time.Millisecond }
	const head = "Op;Ref;Dev;Montant;Tx;Part\n"
	s.drop("a.csv", head+";A1;EUR;100,00;;deposit\n;A1;EUR;900,00;;balance\n")
	if err := s.once(); err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"deposit", "balance"} {
		if found, done, err := psp.Act(sandbox.Deed{Reference: "A1", Part: part, Step: sandbox.Step{Pay: "full"}}); !found || !done || err != nil {
			t.Fatal(part, found, done, err)
		}
	}
	if err := s.once(); err != nil {
		t.Fatal(err)
	}
	s.drop("b.csv", head+"refund;A1;EUR;60,00;;deposit\n")
	if err := s.once(); err != nil {
		t.Fatal(err)
	}
	s.view(func(j *journal.Journal) error {
		for i := int64(1); i <= 3; i++ {
			it, err := j.Item(t.Context(), i)
			if err != nil {
				return err
			}
			if it.OwnPaymentID != "" && it.Kind == payment.Request {
				snap, err := g.Read(t.Context(), &payment.Instruction{PaymentID: it.OwnPaymentID})
				if err != nil || it.Part == "balance" && snap.State != payment.Paid {
					t.Errorf("60.00 were to go back of the deposit; the balance is %s (%v)", snap.State, err)
				}
			}
		}
		return nil
	})
}

// TestNamespaceOverHTTP: an operation by reference acts within its namespace.
func TestNamespaceOverHTTP(t *testing.T) {
	s, _, _ := overHTTP(t)
	in := func(name string) {
		s.name = name
		s.flow = func(f *Flow) { f.Quiet = 10 * time.Millisecond; f.Namespace = name }
	}
	const head = "Op;Ref;Dev;Montant;Tx;Part\n"
	in("north")
	s.drop("a.csv", head+";A1;EUR;100,00;;\n")
	if err := s.once(); err != nil {
		t.Fatal(err)
	}
	in("south")
	s.drop("b.csv", head+";A1;EUR;900,00;;\n")
	if err := s.once(); err != nil {
		t.Fatal(err)
	}
	in("north")
	s.drop("c.csv", head+"cancel;A1;EUR;;;\n")
	if err := s.once(); err != nil {
		t.Fatal(err)
	}
	s.view(func(j *journal.Journal) error {
		for i := int64(1); i <= 3; i++ {
			it, err := j.Item(t.Context(), i)
			if err != nil {
				return err
			}
			if it.Namespace == "south" && it.State != payment.Open {
				t.Errorf("north's A1 was to be cancelled; south's is %s", it.State)
			}
		}
		return nil
	})
}

// TestLastingTrouble: what cannot be read for long is one trouble, though it is tried again and again while others go on.
func TestLastingTrouble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, g0 := newTill(t, simMapping)
		s.gateway = blindTill{g0}
		s.flow = func(f *Flow) { f.OnKnown = "replace_unpaid" }
		var log strings.Builder
		s.setup = func(o *Setup) { o.Log = zerolog.New(zerolog.SyncWriter(&log)) }
		s.alive(time.Minute)
		s.drop("a.csv", "Facture;Montant\nA1;1,00\n")
		_ = s.once()
		s.drop("b.csv", "Facture;Montant\nA1;2,00\n")
		s.alive(30 * time.Minute)
		_ = s.once()
		for _, what := range []string{"follow:psp", "dispatch:psp"} {
			n := strings.Count(log.String(), `"event":"trouble","code":"","what":"`+what+`"`)
			if over := strings.Count(log.String(), `"event":"trouble.over","what":"`+what+`"`); n < 1 || n > 2 || over > 1 {
				t.Errorf("%s: told %d times, ended %d times\n%s", what, n, over, log.String())
			}
		}
	})
}
