package connector

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/navette-connect/navette/connector/journal"
	"github.com/navette-connect/navette/connector/payment"
)

// deafPSP loses every answer and cannot be asked by key; by an id that somebody names it can.
type deafPSP struct {
	lost  bool
	found payment.Outcome
	err   error
	asked []string
	state payment.State // of what is read
}

func (g *deafPSP) Submit(_ context.Context, in *payment.Instruction) (payment.Outcome, error) {
	if g.lost {
		return payment.Outcome{}, payment.ErrUncertain
	}
	return payment.Outcome{Verdict: payment.VerdictDone, State: payment.Open, PaymentID: "own-" + in.Reference}, nil
}

func (*deafPSP) Lookup(context.Context, *payment.Instruction) (payment.Outcome, error) {
	return payment.Outcome{}, payment.ErrUnsupported
}

func (g *deafPSP) Identify(_ context.Context, in *payment.Instruction, id string) (payment.Outcome, error) {
	g.asked = append(g.asked, in.Reference+" "+id)
	return g.found, g.err
}

func (g *deafPSP) Read(_ context.Context, in *payment.Instruction) (payment.Snapshot, error) {
	return payment.Snapshot{PaymentID: in.PaymentID, State: g.state}, nil
}

// A request whose answer was lost, and which a person found at the PSP, gets the PSP's id, once that is checked; then its
// state follows. What the PSP contradicts, or cannot be asked about just now, decides nothing.
func TestResolveWithID(t *testing.T) {
	done := payment.Outcome{Verdict: payment.VerdictDone, State: payment.Open, PaymentID: "pr_1", Link: "https://psp.example/1", Reference: "A1", Amount: payment.Amount{Minor: 100, Currency: "EUR"}}
	other := done
	other.Amount.Minor = 200
	refused := done
	refused.Verdict, refused.Message = payment.VerdictRefused, "[05]"
	taken := done
	taken.PaymentID = "own-A0"
	for _, tt := range []struct {
		name, argument string
		found          payment.Outcome
		err            error
		fails          string // "" = it is taken
		id             string
	}{
		{"found", "done pr_1", done, nil, "", "pr_1"},
		{"cannot be asked", "done pr_2", payment.Outcome{}, payment.ErrUnsupported, "", "pr_2"},
		{"no id", "done", done, nil, "", ""},
		{"unknown", "done pr_3", payment.Outcome{}, payment.ErrUnknown, "pr_3", ""},
		{"away", "done pr_1", payment.Outcome{}, errors.New("no route to it"), "no route to it", ""},
		{"refused there", "done pr_1", refused, nil, "[05]", ""},
		{"another amount", "done pr_1", other, nil, "2.00 EUR", ""},
		{"another row's", "done own-A0", taken, nil, "own-A0", ""},
		{"not done, with an id", "not-done pr_1", done, nil, "--as done", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage(t, simMapping, nil)
				psp := &deafPSP{found: tt.found, err: tt.err, state: payment.Open}
				s.gateway = psp
				s.drop("a.csv", "Facture;Montant\nA0;1,00\n")
				if err := s.once(); err != nil {
					t.Fatal(err)
				}
				psp.lost = true
				s.drop("b.csv", "Facture;Montant\nA1;1,00\n")
				_ = s.once()
				time.Sleep(time.Hour)
				_ = s.once() // the look-up that tells nothing
				if it := s.item(2); it.State != payment.Uncertain {
					t.Fatalf("state %s, want uncertain", it.State)
				}
				c := s.decide("resolve", "i2", tt.argument)
				it := s.item(2)
				if tt.fails != "" {
					if c.State != "failed" || !strings.Contains(c.Result, tt.fails) || it.State != payment.Uncertain || it.OwnPaymentID != "" {
						t.Errorf("%s %q; the row is %s, id %q", c.State, c.Result, it.State, it.OwnPaymentID)
					}
					return
				}
				if c.State != "done" || it.State != payment.Open || it.OwnPaymentID != tt.id || it.Link != tt.found.Link && tt.id == "pr_1" {
					t.Fatalf("%s %q; the row is %s, id %q, link %q", c.State, c.Result, it.State, it.OwnPaymentID, it.Link)
				}
				psp.state = payment.Paid
				_ = s.once()
				want := payment.Paid
				if tt.id == "" { // nobody knows which to follow
					want = payment.Open
				}
				if it := s.item(2); it.State != want {
					t.Errorf("followed: %s, want %s", it.State, want)
				}
			})
		})
	}
}

func (s *stage) item(id int64) (it journal.Item) {
	s.view(func(j *journal.Journal) (err error) { it, err = j.Item(s.t.Context(), id); return err })
	return it
}

// latePSP loses the answer to a request, and shows it once its customer has paid.
type latePSP struct {
	deafPSP
	seen    bool
	lookups int
}

func (g *latePSP) Lookup(_ context.Context, in *payment.Instruction) (payment.Outcome, error) {
	g.lookups++
	if !g.seen {
		return payment.Outcome{}, payment.ErrUnsupported
	}
	return payment.Outcome{Verdict: payment.VerdictDone, State: payment.Open, PaymentID: "late-" + in.Reference}, nil
}

// A request in doubt that shows itself only once it is paid is found without a person, and never sent again.
func TestDoubtThatShowsLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, simMapping, nil)
		psp := &latePSP{deafPSP: deafPSP{lost: true, state: payment.Paid}}
		s.gateway = psp
		s.drop("a.csv", "Facture;Montant\nA1;1,00\n")
		for range 12 {
			_ = s.once()
			time.Sleep(time.Hour)
		}
		if it := s.request(); it.State != payment.Uncertain {
			t.Errorf("before its customer acts: %s, want uncertain", it.State)
		}
		if psp.lookups < 3 || psp.lookups > 8 {
			t.Errorf("%d look-ups in twelve hours, want few", psp.lookups)
		}
		psp.seen = true
		time.Sleep(7 * time.Hour)
		for range 2 {
			if err := s.once(); err != nil {
				t.Error(err)
			}
		}
		if it := s.request(); it.State != payment.Paid || it.OwnPaymentID != "late-A1" {
			t.Errorf("after: %s by %q, want paid by late-A1", it.State, it.OwnPaymentID)
		}
	})
}
