package lyra_test

import (
	"errors"
	"testing"
	"time"

	"github.com/navette-connect/navette/connector/gateway/gatewaytest"
	"github.com/navette-connect/navette/connector/gateway/lyrasim"
	"github.com/navette-connect/navette/connector/payment"
)

// TestIdentify: what a person names is what the PSP has, or it is not taken.
func TestIdentify(t *testing.T) {
	most := lyrasim.Shows{OrderTransactions: true, OrderMetadata: true, PaymentOrderID: true, Comments: true, OwnOrderID: true}
	for name, show := range map[string]lyrasim.Shows{"little": {}, "most": most} {
		t.Run(name, func(t *testing.T) {
			w := open(t, lyrasim.Options{Shows: show})
			in, order := w.ask(t, 1, nil)
			out, err := w.Identify(t.Context(), in, order)
			if err != nil || out.Verdict != payment.VerdictDone || out.PaymentID != order || out.Link == "" || out.Matches(in) != nil || out.Amount != in.Amount || out.Reference != in.Reference {
				t.Errorf("its order: %+v, %v", out, err)
			}
			if out, err := w.Identify(t.Context(), in, "00000000000000000000000000000000"); !errors.Is(err, payment.ErrUnknown) {
				t.Errorf("no order: %+v, %v", out, err)
			}
			other := gatewaytest.Request(2)
			other.Part, other.Amount = "", eur(10000)
			other.Key = payment.NewKey(other)
			if out, err := w.Identify(t.Context(), other, order); err == nil && out.Matches(other) == nil {
				t.Errorf("another request's order: %+v", out)
			}
			_, _, tx := w.paid(t, 3, nil)
			_, _, stranger := w.paid(t, 4, nil)
			w.psp.Advance(2 * 24 * time.Hour)
			refund := operation(&payment.Instruction{Operation: payment.Refund, TransactionID: tx, Amount: eur(1000)})
			made, err := w.Submit(t.Context(), refund)
			if err != nil || made.State != payment.Done {
				t.Fatal(made, err)
			}
			again := operation(&payment.Instruction{Operation: payment.Refund, TransactionID: tx, Amount: eur(1000), ERPKey: "another"})
			for _, c := range []struct {
				name string
				in   *payment.Instruction
				id   string
				ok   bool
			}{
				{"the credit", refund, made.TransactionID, true},
				{"the debit", refund, tx, false},
				{"another one's stamp", again, made.TransactionID, name != "most"}, // without comments nobody can tell
				{"a captured one", operation(&payment.Instruction{Operation: payment.Capture, TransactionID: tx}), tx, true},
				{"one that was not cancelled", operation(&payment.Instruction{Operation: payment.Cancel, TransactionID: tx}), tx, false},
				{"another target", operation(&payment.Instruction{Operation: payment.Capture, TransactionID: tx}), stranger, false},
				{"no duplicate", operation(&payment.Instruction{Operation: payment.Duplicate, TransactionID: tx, Reference: "D1"}), tx, false},
			} {
				out, err := w.Identify(t.Context(), c.in, c.id)
				if ok := err == nil && out.Verdict == payment.VerdictDone && out.TransactionID == c.id; ok != c.ok || !ok && !errors.Is(err, payment.ErrUnknown) {
					t.Errorf("%s: %+v, %v; want taken %v", c.name, out, err, c.ok)
				}
			}
		})
	}
}
