package connector

import (
	"context"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/navette-connect/navette/connector/journal"
	"github.com/navette-connect/navette/connector/payment"
)

// between is a context that does something whenever the journal asks it, before the look at hand.
type between struct {
	context.Context
	do func(look string)
}

func (b between) Err() error {
	stack := string(debug.Stack())
	for _, look := range []string{"SendableFiles", "NextDue"} {
		if strings.Contains(stack, "journal.(*Journal)."+look) {
			b.do(look)
		}
	}
	return b.Context.Err()
}

// TestPassDoesNotEndBetween: while a single pass looks whether it is over, a row leaves and is answered. What came behind it
// in its lane was out of sight when the journal was asked, and is to be sent now.
func TestPassDoesNotEndBetween(t *testing.T) {
	s := newStage(t, simMapping, taken)
	s.drop("a.csv", "Facture;Montant\nA1;1,00\nA2;2,00\n")
	if err := s.once(); err != nil {
		t.Fatal(err)
	}
	s.life = func(ctx context.Context, c *Connector) error {
		d, j := c.e.dispatches[0], c.e.j
		do := func(f func(*journal.Tx) error) {
			t.Helper()
			if err := j.Do(ctx, f); err != nil {
				t.Error(err)
			}
		}
		do(func(tx *journal.Tx) error { return tx.Exec("UPDATE file SET state = 'accepted'") })
		do(func(tx *journal.Tx) error {
			return tx.Exec("UPDATE instruction SET state = 'accepted', finished = 0, lane = 'one'")
		})
		left, answered := false, false
		looks := between{ctx, func(look string) {
			switch {
			case look == "SendableFiles" && !left:
				left = true
				d.count(1, 0)
				do(func(tx *journal.Tx) error { _, err := tx.MarkSending([]int64{1}); return err })
			case look == "NextDue" && !answered:
				answered = true
				d.count(0, 1)
				d.count(-1, 0)
				do(func(tx *journal.Tx) error {
					return tx.RecordAnswers([]journal.Answer{{ID: 1, State: payment.Open, PaymentID: "p9"}})
				})
				d.count(0, -1)
			}
		}}
		if c.e.sent(looks, 0, func(err error) {
			if err != nil {
				t.Error(err)
			}
		}) {
			t.Error("the pass is over, and a row is left")
		}
		if !left || !answered {
			t.Errorf("left %v, answered %v: the looks were not met", left, answered)
		}
		if c.e.sent(ctx, 0, func(error) {}) {
			t.Error("the row that is left is not seen by the next look either")
		}
		return nil
	}
	if err := s.once(); err != nil {
		t.Error(err)
	}
}
