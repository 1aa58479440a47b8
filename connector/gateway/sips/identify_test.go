package sips_test

import (
	"errors"
	"testing"

	"github.com/navette-connect/navette/connector/gateway/sips"
	"github.com/navette-connect/navette/connector/gateway/sipssim"
	"github.com/navette-connect/navette/connector/payment"
)

// TestIdentify: what a person names must be the reference that only this instruction can have, or the transaction it acts on.
func TestIdentify(t *testing.T) {
	b := open(t, sipssim.Options{}, func(o *sips.Options) { o.Production = false })
	in := opened(t, b, nil)
	b.psp.Put(sipssim.Transaction{Reference: "T1", Status: "TO_CAPTURE", Currency: "978", Amount: 1000, Current: 1000})
	b.psp.Put(sipssim.Transaction{Reference: "T2", Status: "TO_VALIDATE", Currency: "978", Amount: 1000, Current: 1000})
	duplicate := operation(payment.Duplicate, "T1", eur(500))
	made, err := b.Submit(t.Context(), duplicate)
	if err != nil || made.State != payment.Done {
		t.Fatal(made, err)
	}
	for _, c := range []struct {
		name string
		in   *payment.Instruction
		id   string
		want error
	}{
		{"its request", in, in.PaymentID, nil},
		{"another request", in, "T1", payment.ErrUnknown},
		{"its duplicate", duplicate, made.TransactionID, nil},
		{"the original", duplicate, "T1", payment.ErrUnknown},
		{"validated", operation(payment.Capture, "T1", eur(0)), "T1", nil},
		{"not validated", operation(payment.Capture, "T2", eur(0)), "T2", payment.ErrUnknown},
		{"another transaction", operation(payment.Capture, "T2", eur(0)), "T1", payment.ErrUnknown},
		{"no transaction", operation(payment.Refund, "", eur(100)), "T9", payment.ErrUnknown},
		{"a part", operation(payment.Cancel, "T1", eur(100)), "T1", payment.ErrUnsupported},
	} {
		out, err := b.Identify(t.Context(), c.in, c.id)
		if !errors.Is(err, c.want) || c.want == nil && out.Verdict != payment.VerdictDone {
			t.Errorf("%s: %+v, %v; want %v", c.name, out, err, c.want)
		}
	}
}
