package paybox

import (
	"errors"
	"testing"

	"github.com/navette-connect/navette/connector/gateway/gatewaytest"
	"github.com/navette-connect/navette/connector/gateway/payboxsim"
	"github.com/navette-connect/navette/connector/payment"
)

// TestIdentify: what a person names is the order of this request, or a transaction whose STATUS does not contradict it.
func TestIdentify(t *testing.T) {
	r := newRig(t, payboxsim.Options{})
	first := r.put(t, 1, payboxsim.Authorised)
	captured, err := r.Submit(t.Context(), act(payment.Capture, 1, 10000))
	if err != nil {
		t.Fatal(err)
	}
	waiting := r.put(t, 2, payboxsim.Authorised)
	in := gatewaytest.Request(1)
	for _, c := range []struct {
		name string
		in   *payment.Instruction
		id   string
		want error
	}{
		{"its order", in, orderOf(in).id, nil},
		{"another order", in, orderOf(gatewaytest.Request(2)).id, payment.ErrUnknown},
		{"the capture's number", act(payment.Capture, 1, 10000), captured.TransactionID, nil},
		{"the target's", act(payment.Capture, 1, 10000), first, nil},
		{"not captured", act(payment.Capture, 2, 10000), waiting, payment.ErrUnknown},
		{"no transaction", act(payment.Capture, 2, 10000), "1/1", payment.ErrUnknown},
		{"no numbers", act(payment.Capture, 2, 10000), "FA-1", payment.ErrUnknown},
		{"a part refunded", act(payment.Refund, 1, 100), first, payment.ErrUnsupported},
	} {
		out, err := r.Identify(t.Context(), c.in, c.id)
		if !errors.Is(err, c.want) || c.want == nil && (out.Verdict != payment.VerdictDone || out.PaymentID != c.id) {
			t.Errorf("%s: %+v, %v; want %v", c.name, out, err, c.want)
		}
	}
}
