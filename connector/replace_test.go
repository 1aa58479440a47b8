package connector

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/navette-connect/navette/connector/journal"
	"github.com/navette-connect/navette/connector/payment"
)

// till is a PSP that keeps requests and acts on them; it can be asked how one stands.
type till struct {
	mu       sync.Mutex
	requests map[string]*payment.Snapshot // by payment id
	log      []string                     // what reached it, in order
	before   func(in *payment.Instruction, t *till)
}

func (g *till) Submit(_ context.Context, in *payment.Instruction) (payment.Outcome, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.before != nil {
		g.before(in, g)
	}
	if in.Kind == payment.Request {
		id := fmt.Sprint("p", len(g.log)+1)
		g.log = append(g.log, "request "+in.Reference+" "+in.Amount.String())
		g.requests[id] = &payment.Snapshot{PaymentID: id, State: payment.Open, Amount: in.Amount, UpdatedAt: time.Now()}
		return payment.Outcome{Verdict: payment.VerdictDone, State: payment.Open, PaymentID: id}, nil
	}
	g.log = append(g.log, string(in.Operation)+" "+in.PaymentID+in.TransactionID+" "+in.Amount.String())
	r := g.requests[in.PaymentID]
	if in.Operation == payment.Cancel {
		if r == nil || r.State != payment.Open {
			return payment.Outcome{Verdict: payment.VerdictRefused, State: payment.Refused, Code: "NV-2001", Message: "[paid] too late"}, nil
		}
		r.State = payment.Cancelled
	}
	return payment.Outcome{Verdict: payment.VerdictDone, State: payment.Done}, nil
}

func (g *till) Lookup(context.Context, *payment.Instruction) (payment.Outcome, error) {
	return payment.Outcome{}, payment.ErrUnsupported
}

func (g *till) Read(_ context.Context, in *payment.Instruction) (payment.Snapshot, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if r := g.requests[in.PaymentID]; r != nil {
		return *r, nil
	}
	return payment.Snapshot{}, payment.ErrUnknown
}

func (g *till) pay(id string) {
	r := g.requests[id]
	r.State, r.Paid, r.Method, r.UpdatedAt = payment.Paid, r.Amount, "card", time.Now()
}

func newTill(t *testing.T, mapping string) (*stage, *till) {
	s := newStage(t, mapping, taken)
	g := &till{requests: map[string]*payment.Snapshot{}}
	s.gateway = g
	return s, g
}

func (s *stage) rows() (list []journal.Entry) {
	s.view(func(j *journal.Journal) (err error) { list, err = j.Entries(s.t.Context(), "", "", 100); return err })
	slices.SortFunc(list, func(a, b journal.Entry) int { return int(a.RowID - b.RowID) })
	return list
}

// A changed, unpaid request is replaced: the open one is cancelled and read again, and only then the new one is sent.
func TestReplaceUnpaid(t *testing.T) {
	replace := func(f *Flow) { f.OnKnown = "replace_unpaid" }
	t.Run("the open one is cancelled first", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s, g := newTill(t, simMapping)
			s.flow = replace
			s.drop("a.csv", "Facture;Montant\nA1;1,00\n")
			_ = s.once()
			s.drop("b.csv", "Facture;Montant\nA1;2,00\n")
			if err := s.once(); err != nil {
				t.Error(err)
			}
			if got := strings.Join(g.log, ", "); got != "request A1 1.00 EUR, cancel p1 , request A1 2.00 EUR" {
				t.Errorf("the PSP saw %s", got)
			}
			if r := s.rows(); r[0].State != "cancelled" || r[1].State != "open" {
				t.Errorf("rows %+v, want cancelled and open", r)
			}
			if got := s.result("b.ret.csv"); !strings.Contains(got, ";sent;") || strings.Count(got, "\n") != 2 {
				t.Errorf("result:\n%s\nwant one row, sent", got)
			}
		})
	})
	t.Run("paid meanwhile: nothing is asked twice", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s, g := newTill(t, simMapping)
			s.flow = replace
			s.drop("a.csv", "Facture;Montant\nA1;1,00\n")
			_ = s.once()
			g.before = func(in *payment.Instruction, g *till) {
				if in.Operation == payment.Cancel {
					g.pay("p1")
				}
			}
			s.drop("b.csv", "Facture;Montant\nA1;2,00\n")
			_ = s.once()
			if got := strings.Join(g.log, ", "); got != "request A1 1.00 EUR, cancel p1 " {
				t.Errorf("the PSP saw %s", got)
			}
			if r := s.rows(); r[0].State != "paid" || r[1].State != "held" || r[1].Code != "NV-1403" {
				t.Errorf("rows %+v, want paid and held", r)
			}
			if c := s.decide("release", "r2", ""); c.State != "done" {
				t.Errorf("release: %+v", c)
			}
			_ = s.once()
			if len(g.log) != 2 {
				t.Errorf("a release asked for a paid debt again: %v", g.log)
			}
		})
	})
	t.Run("a stop between cancel and request loses neither", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s, g := newTill(t, simMapping)
			s.flow = replace
			s.drop("a.csv", "Facture;Montant\nA1;1,00\n")
			_ = s.once()
			s.drop("b.csv", "Facture;Montant\nA1;2,00\n")
			lost := 0
			g.before = func(in *payment.Instruction, _ *till) {
				if in.Operation == payment.Cancel {
					lost++
				}
			}
			s.view(func(j *journal.Journal) error { return nil })
			for range 3 {
				_ = s.once()
			}
			if lost != 1 || len(g.log) != 3 {
				t.Errorf("%d cancels, %v", lost, g.log)
			}
		})
	})
}

// slow is a till that takes its time over a cancel.
type slow struct {
	*till
	ready time.Time
}

func (g *slow) Submit(ctx context.Context, in *payment.Instruction) (payment.Outcome, error) {
	out, err := g.till.Submit(ctx, in)
	if in.Kind == payment.Operate {
		out.State, g.ready = payment.Pending, time.Now().Add(10*time.Minute)
	}
	return out, err
}

func (g *slow) Lookup(context.Context, *payment.Instruction) (payment.Outcome, error) {
	if time.Now().Before(g.ready) {
		return payment.Outcome{Verdict: payment.VerdictDone, State: payment.Pending}, nil
	}
	return payment.Outcome{Verdict: payment.VerdictDone, State: payment.Done}, nil
}

// A cancel that the PSP has not finished holds nothing up: a single pass ends, and a later one sends the new request.
func TestReplaceBehindASlowCancel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, g := newTill(t, simMapping)
		s.gateway = &slow{till: g}
		s.flow = func(f *Flow) { f.OnKnown = "replace_unpaid" }
		s.life = func(ctx context.Context, c *Connector) error {
			ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
			defer cancel()
			return c.Once(ctx, 10*time.Second)
		}
		s.drop("a.csv", "Facture;Montant\nA1;1,00\n")
		_ = s.once()
		s.drop("b.csv", "Facture;Montant\nA1;2,00\n")
		for range 3 {
			if err := s.once(); err != nil {
				t.Errorf("a single pass does not end: %v", err)
			}
			time.Sleep(20 * time.Minute)
		}
		if r := s.rows(); len(g.log) != 3 || r[1].State != "open" {
			t.Errorf("rows %+v, the PSP saw %v; want the new one open", r, g.log)
		}
	})
}

const targetOps = `navette: mapping/v1
name: ops
kind: mixed
locale: fr
source: {format: csv, encoding: utf-8, delimiter: ";", header: 1, decimal: ","}
fields:
  - {name: kind, value: 'row["Op"] == "" ? "request" : "operation"'}
  - {name: operation, column: Op}
  - {name: reference, column: Ref, required: true}
  - {name: currency, column: Dev, default: EUR}
  - {name: amount, column: Montant, type: amount, all: [TOUT]}
`

// Operations are held against what the journal knows of their target (NV-1406), line by line of a file.
func TestRemainders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, g := newTill(t, targetOps)
		s.drop("a.csv", "Op;Ref;Dev;Montant\n;A1;EUR;100,00\n")
		if err := s.once(); err != nil {
			t.Fatal(err)
		}
		g.pay("p1")
		_ = s.once() // learns of the payment
		s.flow = func(f *Flow) { f.Limits.Amount = "50.00" }
		s.drop("b.csv", "Op;Ref;Dev;Montant\nrefund;A1;EUR;30,00\nrefund;A1;USD;1,00\nrefund;A1;EUR;70,01\nrefund;A1;EUR;40,00\nrefund;A1;EUR;TOUT\nrefund;A1;EUR;31,00\nrefund;B9;EUR;TOUT\n")
		_ = s.once()
		var got []string
		for _, r := range s.rows()[1:] {
			got = append(got, r.State+" "+r.Code)
		}
		want := []string{"done ", "rejected NV-1406", "rejected NV-1406", "done ", "done ", "rejected NV-1406", "held NV-1504"}
		if !slices.Equal(got, want) {
			t.Errorf("rows %q, want %q\n%v", got, want, g.log)
		}
	})
}

// An operation on a reference nobody knows waits for it, and is refused when patience ends (NV-1407).
func TestUnknownTarget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, g := newTill(t, targetOps)
		s.flow = func(f *Flow) { f.Blind, f.Patience = true, 30*time.Minute }
		s.drop("a.csv", "Op;Ref;Dev;Montant\nrefund;A1;EUR;1,00\nrefund;B1;EUR;1,00\n")
		_ = s.once()
		if r := s.rows(); r[0].State != "held" || r[0].Code != "NV-1407" || len(g.log) != 0 {
			t.Fatalf("rows %+v, %v; want held", r, g.log)
		}
		time.Sleep(10 * time.Minute)
		s.drop("b.csv", "Op;Ref;Dev;Montant\n;A1;EUR;100,00\n")
		_ = s.once()
		time.Sleep(time.Minute)
		_ = s.once()
		if got := strings.Join(g.log, ", "); got != "request A1 100.00 EUR, refund  1.00 EUR" {
			t.Errorf("the PSP saw %s", got)
		}
		time.Sleep(time.Hour)
		_ = s.once()
		if r := s.rows(); r[0].State != "done" || r[1].State != "refused" || r[1].Code != "NV-1407" {
			t.Errorf("rows %+v, want done and refused", r)
		}
	})
}

const partsMapping = `navette: mapping/v1
name: parts
kind: request
locale: fr
source: {format: csv, encoding: utf-8, delimiter: ";", header: 1, decimal: ","}
fields:
  - {name: reference, column: Ref, required: true}
  - {name: part, column: Part}
  - {name: amount, column: Montant, type: amount}
`

// A debt known whole is not asked for again in parts, nor the other way round (the parts are compared as a set).
func TestWholeAndParts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, g := newTill(t, partsMapping)
		s.drop("a.csv", "Ref;Part;Montant\nA1;;100,00\nB1;deposit;30,00\n")
		_ = s.once()
		s.drop("b.csv", "Ref;Part;Montant\nA1;1;50,00\nA1;2;50,00\nB1;;100,00\nC1;1;5,00\nC1;;10,00\n")
		_ = s.once()
		s.drop("c.csv", "Ref;Part;Montant\nB1;balance;70,00\n")
		_ = s.once()
		var got []string
		for _, r := range s.rows()[2:] {
			got = append(got, r.State+" "+r.Code)
		}
		want := []string{"rejected NV-1403", "rejected NV-1403", "rejected NV-1403", "open ", "rejected NV-1403", "open "}
		if !slices.Equal(got, want) {
			t.Errorf("rows %q, want %q; the PSP saw %v", got, want, g.log)
		}
	})
}
