package connector

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/navette-connect/navette/connector/journal"
	"github.com/navette-connect/navette/connector/payment"
)

// pagePSP has no links: it is told of a request only by a form, and of what the customer did there by state.
type pagePSP struct {
	ops    scripted      // not embedded: it has no feed
	state  payment.State // "" = it never heard of the request
	reads  int
	forms  int
	closed bool
}

func (g *pagePSP) Submit(ctx context.Context, in *payment.Instruction) (payment.Outcome, error) {
	if in.Kind == payment.Request {
		return payment.Outcome{Verdict: payment.VerdictDone, State: payment.Open, PaymentID: "own-" + in.Reference}, nil
	}
	return g.ops.Submit(ctx, in)
}

func (g *pagePSP) Lookup(ctx context.Context, in *payment.Instruction) (payment.Outcome, error) {
	return g.Submit(ctx, in)
}

func (g *pagePSP) Read(_ context.Context, in *payment.Instruction) (payment.Snapshot, error) {
	g.reads++
	s := payment.Snapshot{PaymentID: in.PaymentID, State: payment.Open}
	if g.state != "" {
		s.State, s.TransactionID = g.state, "t-"+in.PaymentID
	}
	return s, nil
}

func (g *pagePSP) Page(_ context.Context, in *payment.Instruction, v payment.Visit) (payment.Form, error) {
	if g.closed {
		return payment.Form{}, payment.ErrClosed
	}
	g.forms++
	return payment.Form{Action: "https://psp.example/pay", Fields: []payment.Pair{{Name: "ref", Value: in.PaymentID}, {Name: "back", Value: v.ReturnURL}, {Name: "notify", Value: v.NotifyURL}}}, nil
}

// pageStage is one request with a page, taken and open.
func pageStage(t *testing.T, row string) (*stage, *pagePSP, string) {
	s := newStage(t, strings.NewReplacer("decimal: \",\"}", "decimal: \",\", dates: [\"DD/MM/YYYY\"]}", "type: amount, required: true}", "type: amount, required: true}\n  - {name: expires_on, column: Fin}").Replace(simMapping), taken)
	psp := &pagePSP{}
	psp.ops.answer = taken
	s.gateway, s.public = psp, "https://pay.example"
	s.drop("a.csv", "Facture;Montant;Fin\n"+row+"\n")
	if err := s.once(); err != nil {
		t.Fatal(err)
	}
	var link string
	s.view(func(j *journal.Journal) error {
		it, err := j.Item(t.Context(), 1)
		link = it.Link
		if it.State != payment.Open {
			t.Fatalf("the request is %s (%s), want open", it.State, it.Message)
		}
		return err
	})
	token, ok := strings.CutPrefix(link, "https://pay.example/pay/")
	if !ok || len(token) != 32 {
		t.Fatalf("link %q, want the page's", link)
	}
	if !strings.Contains(s.result("a.ret.csv"), link) {
		t.Error("the result does not tell the link")
	}
	return s, psp, token
}

// visit opens the page once in a life of the process of its own.
func (s *stage) visit(token string) (p Page, err error) {
	s.after = func(c *Connector) { p, err = c.Page(s.t.Context(), token, "en") }
	if once := s.once(); once != nil {
		s.t.Error(once)
	}
	s.after = nil
	return p, err
}

func (s *stage) request() (it journal.Item) {
	s.view(func(j *journal.Journal) (err error) { it, err = j.Item(s.t.Context(), 1); return err })
	return it
}

const pageOps = `navette: mapping/v1
name: ops
kind: operation
locale: fr
source: {format: csv, encoding: utf-8, delimiter: ";", header: 1, decimal: ","}
fields:
  - {name: operation, column: Operation, required: true}
  - {name: reference, column: Facture, required: true}
  - {name: amount, column: Montant, type: amount}
  - {name: key, column: Cle}
`

func TestPage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, psp, token := pageStage(t, "A1;1,00;")
		if psp.reads != 0 {
			t.Errorf("the PSP was asked %d times about a request it cannot know", psp.reads)
		}
		p, err := s.visit(token)
		if err != nil || p.Form.Action == "" || p.Reference != "A1" || p.Amount.String() != "1.00 EUR" && p.Amount.Minor != 100 {
			t.Fatalf("page %+v, error %v", p, err)
		}
		if want := "https://pay.example/pay/" + token + "/back"; p.Form.Fields[1].Value != want || p.Form.Fields[2].Value != "https://pay.example/hooks/psp" {
			t.Errorf("fields %v", p.Form.Fields)
		}
		if _, err := s.visit("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"); !errors.Is(err, ErrNoPage) {
			t.Errorf("an unknown token: %v", err)
		}
		psp.state = payment.Paid
		if err := s.once(); err != nil {
			t.Fatal(err)
		}
		if it := s.request(); it.State != payment.Paid || it.Paid != 100 || it.OwnTransaction != "t-own-A1" {
			t.Errorf("state %s, paid %d, transaction %s", it.State, it.Paid, it.OwnTransaction)
		}
		if _, err := s.visit(token); !errors.Is(err, ErrPageOver) || psp.forms != 1 {
			t.Errorf("a paid page: %v, %d forms; want over, one", err, psp.forms)
		}
	})
}

// A page the PSP says is paid gives no form, and what happened is read at once.
func TestPageClosedAtThePSP(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, psp, token := pageStage(t, "A1;1,00;")
		psp.closed, psp.state = true, payment.Authorised
		if _, err := s.visit(token); !errors.Is(err, ErrPageOver) {
			t.Errorf("error %v, want over", err)
		}
		if err := s.once(); err != nil {
			t.Fatal(err)
		}
		if it := s.request(); it.State != payment.Authorised {
			t.Errorf("state %s, want authorised", it.State)
		}
	})
}

func TestPageExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // the clock begins at 2000-01-01
		s, psp, token := pageStage(t, "A1;1,00;02/01/2000")
		time.Sleep(47 * time.Hour)
		if _, err := s.visit(token); err != nil {
			t.Errorf("on its last day: %v", err)
		}
		time.Sleep(time.Hour)
		if _, err := s.visit(token); !errors.Is(err, ErrPageOver) {
			t.Errorf("after its last day: %v", err)
		}
		if it := s.request(); it.State != payment.Open {
			t.Errorf("state %s while a customer may still be typing, want open", it.State)
		}
		time.Sleep(time.Hour)
		_ = s.once()
		if it := s.request(); it.State != payment.Expired {
			t.Errorf("state %s, want expired", it.State)
		}
		psp.state = payment.Paid // late
		time.Sleep(25 * time.Hour)
		_ = s.once()
		if it := s.request(); it.State != payment.Paid {
			t.Errorf("state %s, want paid: a late payment is taken", it.State)
		}
	})
}

// A cancel by reference closes the page before the PSP hears of it; the request is told cancelled, at once if no form
// was ever given out.
func TestPageCancelled(t *testing.T) {
	for _, opened := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			s, psp, token := pageStage(t, "A1;1,00;")
			if opened {
				if _, err := s.visit(token); err != nil {
					t.Fatal(err)
				}
			}
			s.mapping = pageOps
			s.drop("b.csv", "Operation;Facture;Montant;Cle\ncancel;A1;;K1\n")
			if err := s.once(); err != nil {
				t.Fatal(err)
			}
			if len(psp.ops.submits) != 1 || psp.ops.submits[0].Target.PaymentID != "own-A1" {
				t.Fatalf("submits %+v, want the cancel with the request's id", psp.ops.submits)
			}
			if _, err := s.visit(token); !errors.Is(err, ErrPageOver) {
				t.Errorf("a cancelled page: %v", err)
			}
			if it := s.request(); opened != (it.State == payment.Open) {
				t.Errorf("opened %v: state %s just after the cancel", opened, it.State)
			}
			time.Sleep(time.Hour)
			_ = s.once()
			if it := s.request(); it.State != payment.Cancelled {
				t.Errorf("state %s, want cancelled", it.State)
			}
		})
	}
}

// Without a public address requests are refused at intake, operations are not.
func TestPageNeedsAnAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, simMapping, taken)
		psp := &pagePSP{}
		psp.ops.answer = taken
		s.gateway, s.flow = psp, func(f *Flow) { f.NoPage = true }
		s.drop("a.csv", "Facture;Montant\nA1;1,00\n")
		if err := s.once(); err != nil {
			t.Fatal(err)
		}
		if ack := s.result("a.ack.csv"); !strings.Contains(ack, "NV-2010") {
			t.Errorf("ack %q, want NV-2010", ack)
		}
		s.mapping = pageOps
		s.drop("b.csv", "Operation;Facture;Montant;Cle\nrefund;A9;1,00;K1\n")
		if err := s.once(); err != nil {
			t.Fatal(err)
		}
		if len(psp.ops.submits) != 1 {
			t.Errorf("%d operations reached the PSP, want one", len(psp.ops.submits))
		}
	})
}

// An instruction that is early waits alone: the rows behind it go on, and it is sent when its time has come.
func TestEarlyRowWaitsAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		early := 2
		s := newStage(t, simMapping, func(in *payment.Instruction, n int) (payment.Outcome, error) {
			if in.Reference == "A1" && early > 0 {
				early--
				return payment.Outcome{Verdict: payment.VerdictRetry, Alone: true, Wait: 5 * time.Minute, Message: "[25]"}, nil
			}
			return taken(in, n)
		})
		s.drop("a.csv", "Facture;Montant\nA1;1,00\nA2;2,00\n")
		states := func() (a, b payment.State) {
			s.view(func(j *journal.Journal) error {
				one, err := j.Item(t.Context(), 1)
				if err != nil {
					return err
				}
				two, err := j.Item(t.Context(), 2)
				a, b = one.State, two.State
				return err
			})
			return a, b
		}
		for i, want := range []payment.State{payment.Accepted, payment.Accepted, payment.Open} {
			if err := s.once(); err != nil {
				t.Fatal(err)
			}
			if a, b := states(); a != want || b != payment.Open {
				t.Errorf("pass %d: %s and %s, want %s and open", i+1, a, b, want)
			}
			time.Sleep(6 * time.Minute)
		}
		if len(s.psp.submits) != 4 {
			t.Errorf("%d submits, want 4: two early ones, and one for each row", len(s.psp.submits))
		}
	})
}

// A request that a crash cut short, before or after its answer was known, gets one link, which works.
func TestPageAfterACrash(t *testing.T) {
	for _, point := range []string{"sending", "submit", "submitted", "record"} {
		synctest.Test(t, func(t *testing.T) {
			s := newStage(t, simMapping, taken)
			psp := &pagePSP{}
			s.gateway, s.public = psp, "https://pay.example"
			var over atomic.Bool
			s.fault = func(at string) error {
				if at == point {
					over.Store(true)
				}
				if over.Load() {
					return errCrash
				}
				return nil
			}
			s.drop("a.csv", "Facture;Montant\nA1;1,00\n")
			_ = s.once() // the process ends on its way
			if !over.Load() {
				t.Fatalf("%s was never reached", point)
			}
			s.fault = nil
			for range 4 { // settle passes
				if err := s.once(); err != nil {
					t.Error(err)
				}
				time.Sleep(3 * time.Minute)
			}
			it := s.request()
			token, ok := strings.CutPrefix(it.Link, "https://pay.example/pay/")
			if it.State != payment.Open || !ok {
				t.Fatalf("crash at %s: %s, link %q", point, it.State, it.Link)
			}
			if _, err := s.visit(token); err != nil {
				t.Errorf("crash at %s: the link does not work: %v", point, err)
			}
			if !strings.Contains(s.result("a.ret.csv"), it.Link) {
				t.Errorf("crash at %s: the result tells another link", point)
			}
		})
	}
}

// An operation on a request whose customer was on the page just now is told so: the PSP may not know the payment yet.
func TestOperationAfterAVisit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, psp, token := pageStage(t, "A1;1,00;")
		psp.ops.answer = func(*payment.Instruction, int) (payment.Outcome, error) {
			return payment.Outcome{Verdict: payment.VerdictRefused, Message: "[25]"}, nil
		}
		s.mapping = pageOps
		capture := func(key string) {
			t.Helper()
			s.drop(key+".csv", "Operation;Facture;Montant;Cle\ncapture;A1;1,00;"+key+"\n")
			if err := s.once(); err != nil {
				t.Fatal(err)
			}
		}
		capture("K1")
		if _, err := s.visit(token); err != nil {
			t.Fatal(err)
		}
		capture("K2")
		time.Sleep(time.Hour)
		capture("K3")
		var got []bool
		for _, in := range psp.ops.submits {
			got = append(got, in.Trace.Visited)
		}
		if len(got) != 3 || got[0] || !got[1] || got[2] {
			t.Errorf("visited %v, want the second alone", got)
		}
	})
}

// An operation that is early knows since when it has been sent, whichever life of the process sent it first: else a process
// that lives for one pass would wait for ever.
func TestEarlyOperationKnowsSinceWhen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, pageOps, taken)
		psp := &pagePSP{}
		psp.ops.answer = func(*payment.Instruction, int) (payment.Outcome, error) {
			return payment.Outcome{Verdict: payment.VerdictRetry, Alone: true, Wait: 15 * time.Second, Message: "[25]"}, nil
		}
		s.gateway, s.public = psp, "https://pay.example"
		first := time.Now()
		s.drop("a.csv", "Operation;Facture;Montant;Cle\nrefund;A9;1,00;K1\n")
		for range 2 {
			if err := s.once(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(3 * time.Minute)
		}
		if n := len(psp.ops.submits); n != 2 {
			t.Fatalf("%d submits, want one in each life", n)
		}
		for i, in := range psp.ops.submits {
			if at := journal.Time(in.Trace.SentAt); at.Before(first) || at.Sub(first) > time.Minute {
				t.Errorf("submit %d: first sent at %v, want %v", i+1, at, first)
			}
		}
	})
}
