package connector

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/navette-connect/navette/connector/journal"
	"github.com/navette-connect/navette/connector/payment"
)

// noticePSP notifies: the body is "notice payment transaction".
type noticePSP struct {
	*pagePSP
	during func() // while the PSP is asked
}

func (g *noticePSP) Hook(_ http.Header, body []byte, _ time.Time) (noticeID, paymentID string, err error) {
	parts := append(strings.Fields(string(body)), "") // a payment may be missing
	return parts[0], parts[1], nil
}

func (g *noticePSP) Read(ctx context.Context, in *payment.Instruction) (payment.Snapshot, error) {
	if in.PaymentID == "" { // as every gateway does
		return payment.Snapshot{}, payment.ErrUnsupported
	}
	s, err := g.pagePSP.Read(ctx, in)
	if during := g.during; during != nil {
		g.during = nil
		during()
	}
	return s, err
}

// doublePSP takes a second payment of a request, too.
type doublePSP struct {
	*noticePSP
	transactions map[string]payment.State
}

func (g *doublePSP) Transaction(body []byte) string {
	parts := strings.Fields(string(body))
	return strings.Join(parts[2:], "")
}

func (g *doublePSP) ReadTransaction(_ context.Context, in *payment.Instruction) (payment.Snapshot, error) {
	s := payment.Snapshot{PaymentID: in.PaymentID, State: g.transactions[in.TransactionID], Amount: payment.Amount{Minor: 100, Currency: "EUR"}}
	if s.State == payment.Open {
		s.Failed = []payment.Attempt{{ID: in.TransactionID, Reason: "[05] declined"}}
		return s, nil
	}
	s.TransactionID = in.TransactionID
	return s, nil
}

// hookStage is an open request whose page was visited; hook delivers a notification and lets it be followed up.
func hookStage(t *testing.T, of func(*pagePSP) Gateway) (s *stage, psp *pagePSP, hook func(bodies ...string)) {
	s, psp, token := pageStage(t, "A1;1,00;")
	s.gateway = of(psp)
	if _, err := s.visit(token); err != nil {
		t.Fatal(err)
	}
	return s, psp, func(bodies ...string) {
		t.Helper()
		s.after = func(c *Connector) {
			for _, b := range bodies {
				if err := c.Hook(t.Context(), "psp", nil, []byte(b)); err != nil {
					t.Error(err)
				}
			}
			if _, err := c.e.follows[0].pass(t.Context()); err != nil {
				t.Error(err)
			}
		}
		if err := s.once(); err != nil {
			t.Error(err)
		}
		s.after = nil
	}
}

// A notification that comes while the PSP is asked about the one before it is not done with by that answer, which may be older.
func TestNoticeDuringARead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		notice := &noticePSP{}
		s, psp, _ := hookStage(t, func(p *pagePSP) Gateway { notice.pagePSP = p; return notice })
		s.after = func(c *Connector) {
			hook := func(body string) {
				if err := c.Hook(t.Context(), "psp", nil, []byte(body)); err != nil {
					t.Error(err)
				}
			}
			hook("n1 own-A1")
			notice.during = func() { psp.state = payment.Paid; hook("n2 own-A1") }
			for range 2 {
				if _, err := c.e.follows[0].pass(t.Context()); err != nil {
					t.Error(err)
				}
			}
		}
		if err := s.once(); err != nil {
			t.Fatal(err)
		}
		if it := s.request(); it.State != payment.Paid {
			t.Errorf("state %s, want paid: the second notification was lost", it.State)
		}
	})
}

// A notification that names no payment says nothing, whatever is on its way: it is taken, and nothing is asked about "".
func TestNoticeOfNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		notice := &noticePSP{}
		s, _, _ := hookStage(t, func(p *pagePSP) Gateway { notice.pagePSP = p; return notice })
		s.after = func(c *Connector) {
			c.e.dispatches[0].count(1, 0) // an answer of ours is awaited
			if err := c.Hook(t.Context(), "psp", nil, []byte("n1")); err != nil {
				t.Error(err)
			}
			c.e.dispatches[0].count(-1, 0)
			if err := c.e.j.Do(t.Context(), func(tx *journal.Tx) error { // as an older version kept it
				_, err := tx.Note(c.e.follows[0].account.Account, journal.Notice{ID: "n0"})
				return err
			}); err != nil {
				t.Error(err)
			}
			waiting, err := c.e.follows[0].pass(t.Context())
			if waiting || err != nil {
				t.Errorf("followed up: waiting %v, error %v", waiting, err)
			}
		}
		if err := s.once(); err != nil {
			t.Error(err)
		}
	})
}

// A second payment of one request is told once, with its code, and changes neither the first nor the state; a refund that
// names it knows the request.
func TestPaidTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		double := &doublePSP{transactions: map[string]payment.State{"1/1": payment.Paid, "2/2": payment.Paid, "3/3": payment.Open}}
		s, psp, hook := hookStage(t, func(p *pagePSP) Gateway { double.noticePSP = &noticePSP{pagePSP: p}; return double })
		hook("n0 own-A1 3/3")
		psp.state = payment.Paid // a read that comes first, and calls the payment by another number
		hook("n9 own-A1 3/3")
		hook("n1 own-A1 1/1", "n2 own-A1 2/2")
		hook("n3 own-A1 2/2", "n4 own-A1 1/1", "n5 own-A1 3/3")
		it := s.request()
		if it.State != payment.Paid || it.Paid != 100 || it.OwnTransaction != "t-own-A1" || it.Code != "NV-2109" || !strings.Contains(it.Message, "2/2") {
			t.Errorf("%s, paid %d by %s, %s %q", it.State, it.Paid, it.OwnTransaction, it.Code, it.Message)
		}
		s.view(func(j *journal.Journal) error {
			list, err := j.EventsOf(t.Context(), 1)
			var got []string
			for _, e := range list {
				got = append(got, strings.TrimSpace(e.Word+" "+e.TransactionID+" "+e.Code))
			}
			if want := "sent|failed|paid t-own-A1|paid 2/2 NV-2109"; strings.Join(got, "|") != want {
				t.Errorf("events %q, want %q", strings.Join(got, "|"), want)
			}
			to, err2 := j.TargetOf(t.Context(), &payment.Instruction{Account: "psp:test", Kind: payment.Operate, Operation: payment.Refund, TransactionID: "2/2"})
			if to.ID != 1 || to.Paid != 200 || err2 != nil {
				t.Errorf("target of a refund of the second: %+v, %v", to, err2)
			}
			coded, err3 := j.Coded(t.Context(), "", "", "NV-2109", 10)
			if len(coded) != 1 || coded[0].Reference != "A1" || err3 != nil {
				t.Errorf("rows with the code: %+v, %v", coded, err3)
			}
			return err
		})
	})
}
