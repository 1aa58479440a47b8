package connector

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/navette-connect/navette/connector/payment"
)

// tracePSP refunds under ids of its own, loses the answers of amounts in lost, and keeps what look-ups are told.
type tracePSP struct {
	lost  map[int64]bool
	trace map[int64]payment.Trace
}

func (g *tracePSP) Submit(_ context.Context, in *payment.Instruction) (payment.Outcome, error) {
	if g.lost[in.Amount.Minor] {
		return payment.Outcome{}, payment.ErrUncertain
	}
	return payment.Outcome{Verdict: payment.VerdictDone, State: payment.Done, TransactionID: "c-" + in.ERPKey}, nil
}

func (g *tracePSP) Lookup(_ context.Context, in *payment.Instruction) (payment.Outcome, error) {
	g.trace[in.Amount.Minor] = in.Trace
	return payment.Outcome{}, payment.ErrUnsupported
}

// A look-up of a refund is told when it was sent, what the other refunds of the same target gave, and whether one of them
// is in doubt, too, though its row names the target otherwise.
func TestTraceOfARefund(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const mapping = `navette: mapping/v1
name: ops
kind: operation
locale: fr
source: {format: csv, encoding: utf-8, delimiter: ";", header: 1, decimal: ","}
fields:
  - {name: operation, column: Operation, required: true}
  - {name: transaction_id, column: Transaction}
  - {name: reference, column: Facture}
  - {name: amount, column: Montant, type: amount}
  - {name: key, column: Cle}
`
		s := newStage(t, mapping, nil)
		psp := &tracePSP{lost: map[int64]bool{200: true, 300: true, 400: true}, trace: map[int64]payment.Trace{}}
		s.gateway = psp
		s.drop("a.csv", "Operation;Transaction;Facture;Montant;Cle\nrefund;T1;;1,00;K1\nrefund;T2;;1,00;K2\n")
		if err := s.once(); err != nil {
			t.Fatal(err)
		}
		begun := time.Now().UnixMicro()
		s.drop("b.csv", "Operation;Transaction;Facture;Montant;Cle\nrefund;T1;;2,00;K3\nrefund;T3;;3,00;K4\nrefund;T3;A3;4,00;K5\n")
		_ = s.once()
		time.Sleep(time.Hour)
		_ = s.once()
		for amount, want := range map[int64]payment.Trace{200: {Made: []string{"c-K1"}}, 400: {Others: true}} {
			got := psp.trace[amount]
			if got.SentAt < begun || got.SentAt > begun+time.Minute.Microseconds() || !slices.Equal(got.Made, want.Made) || got.Others != want.Others {
				t.Errorf("refund of %d: %+v, want %+v", amount, got, want)
			}
		}
	})
}
