package connector

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/navette-connect/navette/connector/journal"
	"github.com/navette-connect/navette/connector/payment"
)

// early is a PSP whose feed tells of a payment before its own answer comes.
type early struct{ *scripted }

func (g early) Submit(_ context.Context, in *payment.Instruction) (payment.Outcome, error) {
	id := "p-" + in.Reference
	g.mu.Lock()
	g.feed = append(g.feed, payment.Change{EventID: "e-" + id, Word: payment.Word(payment.Paid), Now: payment.Snapshot{PaymentID: id, State: payment.Paid, Amount: in.Amount, Paid: in.Amount}},
		payment.Change{EventID: "e-other", Word: payment.Word(payment.Paid), Now: payment.Snapshot{PaymentID: "another-system's", State: payment.Paid, Amount: in.Amount, Paid: in.Amount}})
	g.mu.Unlock()
	time.Sleep(8 * time.Second) // news is looked for several times meanwhile
	return payment.Outcome{Verdict: payment.VerdictDone, State: payment.Open, PaymentID: id}, nil
}

// TestNewsBeforeItsAnswer: news of a payment that nobody knows yet is kept, and told once its answer says whose it is.
func TestNewsBeforeItsAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, simMapping, nil)
		s.gateway = early{s.psp}
		s.setup = func(o *Setup) { o.Accounts[0].Config.Poll = time.Second }
		s.life = func(ctx context.Context, c *Connector) error {
			ctx, cancel := context.WithCancel(ctx)
			defer time.AfterFunc(time.Minute, cancel).Stop()
			return c.Run(ctx)
		}
		s.drop("a.csv", "Facture;Montant\nA1;1,00\n")
		if err := s.once(); err != nil {
			t.Error(err)
		}
		s.view(func(j *journal.Journal) error {
			it, err := j.Item(t.Context(), 1)
			if it.State != payment.Paid {
				t.Errorf("state %q, want %q: the news is lost", it.State, payment.Paid)
			}
			return err
		})
	})
}
