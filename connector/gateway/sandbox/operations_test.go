package sandbox

import (
	"strings"
	"testing"

	"github.com/navette-connect/navette/connector/payment"
)

const before = `
transactions:
  - {id: T-AUTH, reference: A, amount: "100.00"}
  - {id: T-PAID, reference: P, amount: "100.00", state: captured}
  - {id: T-GONE, reference: G, amount: "100.00", state: cancelled}
  - {id: T-OLD, reference: O, amount: "19.90", state: captured, expired: true}
operations:
  - {match: "NEVER*", refuse: closed, reason: "the shop is closed"}
`

// TestOperations: each row is a day at the PSP; "code" is of the last operation, "" when it is done.
func TestOperations(t *testing.T) {
	type act struct {
		op     payment.Operation
		target string
		minor  int64
	}
	tests := []struct {
		name  string
		acts  []act
		code  string
		minor int64 // amount of the last one
		state string
	}{
		{"capture whole", []act{{"capture", "T-AUTH", 0}}, "", 10000, "CAPTURED"},
		{"capture a part", []act{{"capture", "T-AUTH", 4000}}, "", 4000, "CAPTURED"},
		{"capture by reference", []act{{"capture", "A", 0}}, "", 10000, "CAPTURED"},
		{"capture too much", []act{{"capture", "T-AUTH", 10001}}, "beyond_remainder", 0, ""},
		{"capture twice whole is done", []act{{"capture", "T-AUTH", 0}, {"capture", "T-AUTH", 0}}, "", 0, "CAPTURED"},
		{"capture twice in parts", []act{{"capture", "T-AUTH", 4000}, {"capture", "T-AUTH", 4000}}, "not_authorised", 0, ""},
		{"capture cancelled", []act{{"capture", "T-GONE", 0}}, "not_authorised", 0, ""},
		{"cancel", []act{{"cancel", "T-AUTH", 0}}, "", 10000, "CANCELLED"},
		{"cancel a part", []act{{"cancel", "T-AUTH", 4000}, {"capture", "T-AUTH", 0}}, "", 6000, "CAPTURED"},
		{"cancel twice is done", []act{{"cancel", "T-AUTH", 0}, {"cancel", "T-AUTH", 0}}, "", 0, "CANCELLED"},
		{"cancel paid", []act{{"cancel", "T-PAID", 0}}, "already_captured", 0, ""},
		{"refund whole", []act{{"refund", "T-PAID", 0}}, "", 10000, "CREDITED"},
		{"refund a part, then the rest", []act{{"refund", "T-PAID", 2500}, {"refund", "T-PAID", 0}}, "", 7500, "CREDITED"},
		{"refund a part by reference, then the rest", []act{{"refund", "P", 2500}, {"refund", "P", 0}}, "", 7500, "CREDITED"},
		{"refund whole twice is done", []act{{"refund", "T-PAID", 0}, {"refund", "T-PAID", 0}}, "", 0, "CREDITED"},
		{"refund beyond", []act{{"refund", "T-PAID", 2500}, {"refund", "T-PAID", 7501}}, "beyond_remainder", 0, ""},
		{"refund what is not paid", []act{{"refund", "T-AUTH", 0}}, "not_captured", 0, ""},
		{"refund after capture", []act{{"capture", "T-AUTH", 0}, {"refund", "T-AUTH", 0}}, "", 10000, "CREDITED"},
		{"modify", []act{{"modify", "T-AUTH", 9000}, {"capture", "T-AUTH", 0}}, "", 9000, "CAPTURED"},
		{"modify upwards", []act{{"modify", "T-AUTH", 10001}}, "beyond_remainder", 0, ""},
		{"modify paid", []act{{"modify", "T-PAID", 9000}}, "not_modifiable", 0, ""},
		{"modify nothing", []act{{"modify", "T-AUTH", 0}}, "nothing_to_modify", 0, ""},
		{"duplicate", []act{{"duplicate", "T-PAID", 1990}}, "", 1990, "CAPTURED"},
		{"duplicate the same", []act{{"duplicate", "T-PAID", 0}}, "", 10000, "CAPTURED"},
		{"duplicate on an expired card", []act{{"duplicate", "T-OLD", 1990}}, "card_expired", 0, ""},
		{"consult", []act{{"consult", "T-AUTH", 0}}, "", 10000, "AUTHORISED"},
		{"consult after a refund", []act{{"refund", "T-PAID", 1000}, {"consult", "T-PAID", 0}}, "", 9000, "CAPTURED"},
		{"unknown transaction", []act{{"refund", "T-NONE", 0}}, "target_unknown", 0, ""},
		{"unknown reference", []act{{"cancel", "NONE", 0}}, "target_unknown", 0, ""},
		{"unknown payment", []act{{"cancel", "pr_none", 0}}, "target_unknown", 0, ""},
		{"negative", []act{{"refund", "T-PAID", -5}}, "amount_invalid", 0, ""},
		{"by the script", []act{{"cancel", "NEVER", 0}}, "closed", 0, ""},

		// R is a request of 100.00 by the name of its state.
		{"cancel an open request", []act{{"cancel", "R-open", 0}}, "", 10000, "CANCELLED"},
		{"cancel an open request twice is done", []act{{"cancel", "R-open", 0}, {"cancel", "R-open", 0}}, "", 0, "CANCELLED"},
		{"cancel a paid request", []act{{"cancel", "R-paid", 0}}, "already_captured", 0, ""},
		{"cancel an expired request", []act{{"cancel", "R-expired", 0}}, "not_cancellable", 0, ""},
		{"cancel an authorised request", []act{{"cancel", "R-auth", 0}}, "", 10000, "CANCELLED"},
		{"capture an authorised request", []act{{"capture", "R-auth", 0}}, "", 10000, "CAPTURED"},
		{"capture an open request", []act{{"capture", "R-open", 0}}, "not_authorised", 0, ""},
		{"refund an open request", []act{{"refund", "R-open", 0}}, "not_captured", 0, ""},
		{"refund a request paid in two goes", []act{{"refund", "R-two", 9500}}, "", 9500, "CREDITED"},
		{"and no more than was paid", []act{{"refund", "R-two", 9500}, {"refund", "R-two", 501}}, "beyond_remainder", 0, ""},
		{"modify an open request", []act{{"modify", "R-open", 9000}, {"cancel", "R-open", 0}}, "", 9000, "CANCELLED"},
		{"consult an open request", []act{{"consult", "R-open", 0}}, "", 10000, "open"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, g, _ := open(t, Options{Script: script(t, before)})
			for _, r := range []struct {
				name  string
				deeds []Step
			}{{"R-open", nil}, {"R-paid", []Step{{Pay: "full"}}}, {"R-expired", []Step{{Expire: true}}}, {"R-auth", []Step{{Authorise: true}}}, {"R-two", []Step{{Pay: "10.00"}, {Pay: "full"}}}} {
				submit(t, g, ask(r.name, "", 10000))
				for _, s := range r.deeds {
					if found, done, err := p.Act(Deed{Reference: r.name, Step: s}); !found || !done || err != nil {
						t.Fatalf("%s: found %v, done %v, %v", r.name, found, done, err)
					}
				}
			}
			var out payment.Outcome
			for i, a := range tt.acts {
				in := operate(a.op, a.target, a.minor)
				in.ERPKey = tt.name + string(rune('a'+i))
				in.Key = payment.NewKey(in)
				out = submit(t, g, in)
			}
			code := ""
			if out.Verdict == payment.VerdictRefused {
				code, _, _ = strings.Cut(strings.TrimPrefix(out.Message, "["), "]")
			}
			if code != tt.code || out.Amount.Minor != tt.minor || out.TransactionState != tt.state {
				t.Errorf("code %q, amount %d, state %q (%s); want %q, %d, %q", code, out.Amount.Minor, out.TransactionState, out.Message, tt.code, tt.minor, tt.state)
			}
		})
	}
}

// TestOperationsTellTheRequest: an act on a request moves it, and the feed says so.
func TestOperationsTellTheRequest(t *testing.T) {
	p, g, _ := open(t, Options{})
	out := submit(t, g, ask("FA-1", "", 10000))
	if _, _, err := p.Act(Deed{ID: out.PaymentID, Step: Step{Authorise: true}}); err != nil {
		t.Fatal(err)
	}
	submit(t, g, operate(payment.Capture, "FA-1", 8000))
	submit(t, g, operate(payment.Refund, out.PaymentID, 3000))
	got, _ := words(t, g, "")
	want := "sent -> open, authorised 100.00 -> authorised, paid 80.00 -> partially_paid, refunded 30.00 -> partially_refunded"
	if strings.Join(got, ", ") != want {
		t.Errorf("events %v, want %s", got, want)
	}
	s, err := g.Read(t.Context(), &payment.Instruction{PaymentID: out.PaymentID})
	if err != nil || s.State != payment.PartiallyRefunded || s.Paid.Minor != 8000 {
		t.Errorf("read %+v, %v", s, err)
	}
}

func TestManualCapture(t *testing.T) {
	_, g, c := open(t, Options{Script: script(t, `rules: [{after: 1s, pay: full}]`)})
	in := ask("FA-1", "", 10000)
	in.Capture.Mode = "manual"
	submit(t, g, in)
	c.move(1e9)
	if got, _ := words(t, g, ""); got[len(got)-1] != "authorised 100.00 -> authorised" {
		t.Errorf("events %v, want an authorisation at the end", got)
	}
}
