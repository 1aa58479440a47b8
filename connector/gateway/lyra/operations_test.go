package lyra_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/navette-connect/navette/connector/gateway/gatewaytest"
	"github.com/navette-connect/navette/connector/gateway/lyra"
	"github.com/navette-connect/navette/connector/gateway/lyrasim"
	"github.com/navette-connect/navette/connector/payment"
)

const day = 24 * time.Hour

func eur(minor int64) payment.Amount { return payment.Amount{Minor: minor, Currency: "EUR"} }

// ask makes a payment order of 100.00 and gives its id; edit changes the request first.
func (w *world) ask(t *testing.T, n int, edit func(*payment.Instruction)) (*payment.Instruction, string) {
	t.Helper()
	in := gatewaytest.Request(n)
	in.Part, in.Amount = "", eur(10000)
	if edit != nil {
		edit(in)
	}
	in.Key = payment.NewKey(in)
	out, err := w.Submit(t.Context(), in)
	if err != nil || out.State != payment.Open || out.PaymentID == "" || !strings.Contains(out.Link, out.PaymentID) {
		t.Fatalf("Submit(%s) = %+v, %v; want it open, with id and link", in.Reference, out, err)
	}
	return in, out.PaymentID
}

// paid makes an order, has it paid and gives the transaction.
func (w *world) paid(t *testing.T, n int, edit func(*payment.Instruction)) (in *payment.Instruction, order, tx string) {
	t.Helper()
	in, order = w.ask(t, n, edit)
	if !w.psp.Act(lyrasim.Deed{PaymentOrderID: order, Do: "pay"}) {
		t.Fatal("the order cannot be paid")
	}
	s := w.now(t, order)
	if s.TransactionID == "" {
		t.Fatalf("Read after the payment = %+v, want its transaction", s)
	}
	return in, order, s.TransactionID
}

func (w *world) now(t *testing.T, order string) payment.Snapshot {
	t.Helper()
	s, err := w.Read(t.Context(), &payment.Instruction{PaymentID: order})
	if err != nil {
		t.Fatalf("Read(%s): %v", order, err)
	}
	return s
}

func manual(in *payment.Instruction) { in.Capture.Mode = "manual" }

// act submits an operation and says in one line what came of it.
func (w *world) act(t *testing.T, in payment.Instruction) string {
	t.Helper()
	out, err := w.Submit(t.Context(), operation(&in))
	return told(out, err)
}

func operation(in *payment.Instruction) *payment.Instruction {
	in.Kind, in.Account = payment.Operate, "lyra"
	in.Key = payment.NewKey(in)
	return in
}

func told(out payment.Outcome, err error) string {
	if err != nil {
		for _, k := range []error{payment.ErrUncertain, payment.ErrNotSent, payment.ErrStopped, payment.ErrUnknown, payment.ErrUnsupported} {
			if errors.Is(err, k) {
				return k.Error()
			}
		}
		return err.Error()
	}
	if out.Verdict == payment.VerdictRefused {
		code, _, _ := strings.Cut(out.Message, " ")
		return out.Code + " " + code
	}
	return strings.TrimSpace(fmt.Sprintf("%s %s %s", out.State, out.TransactionState, out.Amount))
}

// shows are the variants of answers that nobody has verified: the gateway must come to the same with each.
func shows() map[string]lyrasim.Shows {
	return map[string]lyrasim.Shows{
		"least":        {},
		"transactions": {OrderTransactions: true},
		"metadata":     {OrderMetadata: true},
		"order id":     {PaymentOrderID: true},
		"most":         {OrderTransactions: true, OrderMetadata: true, PaymentOrderID: true, Comments: true, OwnOrderID: true},
	}
}

// TestLife follows one order through everything that becomes of it, whatever the answers show.
func TestLife(t *testing.T) {
	for name, show := range shows() {
		t.Run(name, func(t *testing.T) {
			w := open(t, lyrasim.Options{Shows: show})
			type stand struct {
				State payment.State
				Paid  string
			}
			hold := func(order string, want stand) payment.Snapshot {
				t.Helper()
				s := w.now(t, order)
				if got := (stand{s.State, s.Paid.String()}); got != want {
					t.Errorf("stands at %+v, want %+v", got, want)
				}
				return s
			}
			_, order := w.ask(t, 1, nil)
			hold(order, stand{payment.Open, ""})
			w.psp.Act(lyrasim.Deed{PaymentOrderID: order, Do: "fail"})
			if s := hold(order, stand{payment.Open, ""}); len(s.Failed) != 1 || s.Failed[0].ID == "" || !strings.HasPrefix(s.Failed[0].Reason, "[") || s.Failed[0].At.IsZero() {
				t.Errorf("attempts %+v, want the one that failed", s.Failed)
			}
			w.psp.Act(lyrasim.Deed{PaymentOrderID: order, Do: "pay"})
			s := hold(order, stand{payment.Paid, "100.00 EUR"})
			if len(s.Failed) != 1 || s.Method != "CB" || s.UpdatedAt.IsZero() || s.Amount != eur(10000) {
				t.Errorf("snapshot %+v, want its method, time and amount", s)
			}
			w.psp.Advance(day)
			s = hold(order, stand{payment.Settled, "100.00 EUR"})
			if got := w.act(t, payment.Instruction{Operation: payment.Refund, TransactionID: s.TransactionID, Amount: eur(4500)}); got != "done AUTHORISED 45.00 EUR" {
				t.Errorf("refund: %s", got)
			}
			hold(order, stand{payment.PartiallyRefunded, "55.00 EUR"})
			if got := w.act(t, payment.Instruction{Operation: payment.Refund, TransactionID: s.TransactionID}); got != "done AUTHORISED 55.00 EUR" {
				t.Errorf("refund of the rest: %s", got)
			}
			hold(order, stand{payment.Refunded, "0.00 EUR"})
			w.psp.Advance(day)
			hold(order, stand{payment.Refunded, "0.00 EUR"})

			_, order = w.ask(t, 2, nil)
			w.psp.Act(lyrasim.Deed{PaymentOrderID: order, Do: "refuse"})
			hold(order, stand{payment.Refused, ""})
			_, order = w.ask(t, 3, func(in *payment.Instruction) { in.ExpiresOn = "2026-12-01" })
			w.psp.Advance(10 * day)
			hold(order, stand{payment.Expired, ""})
			_, order = w.ask(t, 4, manual)
			w.psp.Act(lyrasim.Deed{PaymentOrderID: order, Do: "pay"})
			s = hold(order, stand{payment.Authorised, ""})
			if got := w.act(t, payment.Instruction{Operation: payment.Capture, TransactionID: s.TransactionID}); got != "done AUTHORISED 100.00 EUR" {
				t.Errorf("capture: %s", got)
			}
			hold(order, stand{payment.Paid, "100.00 EUR"})
			_, order = w.ask(t, 5, manual)
			w.psp.Act(lyrasim.Deed{PaymentOrderID: order, Do: "pay"})
			w.psp.Advance(8 * day)
			hold(order, stand{payment.Expired, ""}) // nobody validated it
			_, order = w.ask(t, 6, func(in *payment.Instruction) { in.Capture = payment.CaptureMode{Mode: "deferred", DelayDays: 20} })
			w.psp.Act(lyrasim.Deed{PaymentOrderID: order, Do: "pay"})
			hold(order, stand{payment.Open, ""}) // authorised on the eve of its capture, not before
			w.psp.Advance(19 * day)
			hold(order, stand{payment.Paid, "100.00 EUR"})
			w.psp.Advance(2 * day)
			hold(order, stand{payment.Settled, "100.00 EUR"})
			_, order, tx := w.paid(t, 7, nil)
			if got := w.act(t, payment.Instruction{Operation: payment.Cancel, TransactionID: tx}); got != "done CANCELLED 100.00 EUR" {
				t.Errorf("cancel: %s", got)
			}
			hold(order, stand{payment.Refunded, "0.00 EUR"}) // it was paid once: what went in went back
			_, order, _ = w.paid(t, 8, nil)
			w.psp.Act(lyrasim.Deed{PaymentOrderID: order, Do: "capture_failed"})
			hold(order, stand{payment.Refused, ""}) // contradicts what was told: an alarm
		})
	}
}

// TestOperations is what each operation comes to in each state of its transaction.
func TestOperations(t *testing.T) {
	type op = payment.Instruction
	tests := []struct {
		name   string
		manual bool
		wait   time.Duration // after the payment
		ops    []op          // on the transaction
		want   []string
	}{
		{"capture", true, 0, []op{{Operation: payment.Capture}, {Operation: payment.Capture, Date: "2026-11-23"}}, []string{"done AUTHORISED 100.00 EUR", "done AUTHORISED"}},
		{"capture a part", true, 0, []op{{Operation: payment.Capture, Amount: eur(6000)}, {Operation: payment.Consult}}, []string{"done AUTHORISED 60.00 EUR", "done AUTHORISED 60.00 EUR"}},
		{"capture the whole by amount", true, 0, []op{{Operation: payment.Capture, Amount: eur(10000)}}, []string{"done AUTHORISED 100.00 EUR"}},
		{"capture too much", true, 0, []op{{Operation: payment.Capture, Amount: eur(10001)}, {Operation: payment.Consult}}, []string{"NV-2002 the", "done AUTHORISED_TO_VALIDATE 100.00 EUR"}},
		{"capture in another currency", true, 0, []op{{Operation: payment.Capture, Amount: payment.Amount{Minor: 10, Currency: "USD"}}}, []string{"NV-2002 the"}},
		{"capture what captures itself", false, 0, []op{{Operation: payment.Capture}}, []string{"done AUTHORISED"}},
		{"capture what has expired", true, 8 * day, []op{{Operation: payment.Capture}}, []string{"NV-2001 [PSP_503]"}},
		{"cancel", false, 0, []op{{Operation: payment.Cancel}, {Operation: payment.Cancel, Date: "2026-11-23"}}, []string{"done CANCELLED 100.00 EUR", "done CANCELLED"}},
		{"cancel before validation", true, 0, []op{{Operation: payment.Cancel}, {Operation: payment.Capture}}, []string{"done CANCELLED 100.00 EUR", "NV-2001 [PSP_503]"}},
		{"cancel a part", false, 0, []op{{Operation: payment.Cancel, Amount: eur(2500)}, {Operation: payment.Consult}}, []string{"done AUTHORISED 75.00 EUR", "done AUTHORISED 75.00 EUR"}},
		{"cancel the whole by amount", false, 0, []op{{Operation: payment.Cancel, Amount: eur(10000)}}, []string{"done CANCELLED 100.00 EUR"}},
		{"cancel too much", false, 0, []op{{Operation: payment.Cancel, Amount: eur(10001)}}, []string{"NV-2002 the"}},
		{"cancel after the remittance", false, day, []op{{Operation: payment.Cancel}}, []string{"NV-2001 [PSP_075]"}},
		{"refund before the remittance", false, 0, []op{{Operation: payment.Refund, Amount: eur(100)}}, []string{"NV-2001 [PSP_076]"}},
		{"refund", false, day, []op{{Operation: payment.Refund, Amount: eur(4500)}, {Operation: payment.Refund, Amount: eur(5600)}, {Operation: payment.Refund, Amount: eur(10001)}, {Operation: payment.Refund},
			{Operation: payment.Refund, Date: "2026-12-01"}, {Operation: payment.Refund, Amount: eur(1)}},
			[]string{"done AUTHORISED 45.00 EUR", "NV-2001 [PSP_511]", "NV-2001 [PSP_510]", "done AUTHORISED 55.00 EUR", "done CAPTURED", "NV-2001 [PSP_104]"}},
		{"modify", false, 0, []op{{Operation: payment.Modify, Amount: eur(7000)}, {Operation: payment.Modify, Amount: eur(7001)}, {Operation: payment.Modify, Date: "2026-11-25"}},
			[]string{"done AUTHORISED 70.00 EUR", "NV-2001 [PSP_510]", "done AUTHORISED 70.00 EUR"}},
		{"modify after the remittance", false, day, []op{{Operation: payment.Modify, Amount: eur(7000)}}, []string{"NV-2001 [PSP_011]"}},
		{"modify nothing", false, 0, []op{{Operation: payment.Modify}}, []string{"NV-2002 nothing"}},
		{"duplicate", false, day, []op{{Operation: payment.Duplicate, Reference: "FA26-9"}, {Operation: payment.Duplicate, Reference: "FA26-9", Amount: eur(100)}}, []string{"done AUTHORISED 100.00 EUR", "done AUTHORISED 1.00 EUR"}},
		{"consult", false, 0, []op{{Operation: payment.Consult}}, []string{"done AUTHORISED 100.00 EUR"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := open(t, lyrasim.Options{Shows: lyrasim.Shows{OrderTransactions: true}})
			_, _, tx := w.paid(t, 1, func(in *payment.Instruction) {
				if tt.manual {
					manual(in)
				}
			})
			w.psp.Advance(tt.wait)
			var got []string
			for _, in := range tt.ops {
				in.TransactionID = tx
				got = append(got, w.act(t, in))
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Errorf("outcomes (-want +got):\n%s", d)
			}
			if l := w.psp.Ledger(); l.Unkeyed > 0 || l.Doubled > 0 {
				t.Errorf("%d calls without a stamp, %d keys with two effects", l.Unkeyed, l.Doubled)
			}
		})
	}
}

// TestTargets: an operation may name the request or its reference instead of the transaction.
func TestTargets(t *testing.T) {
	for name, show := range shows() {
		t.Run(name, func(t *testing.T) {
			w := open(t, lyrasim.Options{Shows: show})
			run := func(in payment.Instruction, want string) {
				t.Helper()
				if got := w.act(t, in); got != want {
					t.Errorf("%s %s%s = %q, want %q", in.Operation, in.PaymentID, in.Reference, got, want)
				}
			}
			_, first := w.ask(t, 1, nil)
			run(payment.Instruction{Operation: payment.Consult, PaymentID: first}, "done RUNNING 100.00 EUR")
			run(payment.Instruction{Operation: payment.Modify, PaymentID: first, Amount: eur(9000), Date: "2026-12-24"}, "done RUNNING")
			run(payment.Instruction{Operation: payment.Consult, PaymentID: first, Date: "2026-11-23"}, "done RUNNING 90.00 EUR")
			run(payment.Instruction{Operation: payment.Refund, PaymentID: first}, "NV-2002 the")
			run(payment.Instruction{Operation: payment.Cancel, PaymentID: first, Amount: eur(100)}, "NV-2002 gateway")
			run(payment.Instruction{Operation: payment.Cancel, PaymentID: first}, "done CANCELED")
			run(payment.Instruction{Operation: payment.Cancel, PaymentID: first, Date: "2026-11-23"}, "done CANCELED")
			run(payment.Instruction{Operation: payment.Modify, PaymentID: first, Amount: eur(8000)}, "NV-2002 the")
			run(payment.Instruction{Operation: payment.Cancel, PaymentID: "0000000000000000000000000000beef"}, "NV-2001 [PSP_010]")

			in, second, tx := w.paid(t, 2, nil)
			run(payment.Instruction{Operation: payment.Cancel, PaymentID: second}, "NV-2002 the") // he has paid: not by its request alone
			run(payment.Instruction{Operation: payment.Consult, Reference: in.Reference}, "done AUTHORISED 100.00 EUR")
			run(payment.Instruction{Operation: payment.Refund, TransactionID: tx, Amount: eur(1)}, "NV-2001 [PSP_076]")
			w.psp.Advance(day)
			run(payment.Instruction{Operation: payment.Refund, Reference: in.Reference, Amount: eur(100)}, "done AUTHORISED 1.00 EUR")
			run(payment.Instruction{Operation: payment.Refund, PaymentID: second, Amount: eur(200)}, "done AUTHORISED 2.00 EUR")
			run(payment.Instruction{Operation: payment.Refund, Reference: "NOBODY"}, "NV-2001 [PSP_010]")
			run(payment.Instruction{Operation: payment.Refund, Reference: "with a blank"}, "NV-2002 gateway")

			_, third, _ := w.paid(t, 3, manual)
			run(payment.Instruction{Operation: payment.Cancel, PaymentID: third}, "done CANCELLED 100.00 EUR")

			// What the journal knows of the request under a reference that the PSP knows by another name.
			dep, fourth, _ := w.paid(t, 6, func(in *payment.Instruction) { in.Part = "deposit" })
			run(payment.Instruction{Operation: payment.Consult, Reference: dep.Reference}, "NV-2001 [PSP_010]")
			run(payment.Instruction{Operation: payment.Consult, Reference: dep.Reference, Part: "deposit", Date: "2026-11-24", Target: payment.Target{ID: 1, PaymentID: fourth}}, "done AUTHORISED 100.00 EUR")
			run(payment.Instruction{Operation: payment.Consult, Reference: "with a blank", Target: payment.Target{ID: 1, PaymentID: fourth}}, "done AUTHORISED 100.00 EUR")

			// Two good payments under one reference: a person names the one that is meant.
			a, _, _ := w.paid(t, 4, nil)
			w.paid(t, 5, func(in *payment.Instruction) { in.Reference = a.Reference; in.Metadata = nil })
			run(payment.Instruction{Operation: payment.Consult, Reference: a.Reference}, "NV-2002 2")
		})
	}
}

// TestLookups: after a lost or a cut answer the gateway says what is certain, and nothing else.
func TestLookups(t *testing.T) {
	type op = payment.Instruction
	const (
		never  = "the gateway does not know the instruction" // sent again
		person = "the gateway cannot be asked"
	)
	most := lyrasim.Shows{OrderTransactions: true, OrderMetadata: true, PaymentOrderID: true, Comments: true, OwnOrderID: true}
	sent := payment.Trace{SentAt: today().Add(day).UnixMicro()}
	tests := []struct {
		name   string
		show   lyrasim.Shows
		manual bool
		wait   time.Duration
		before []op
		op     op
		made   bool   // the journal knows what those before gave
		lost   string // the effect was there
		cut    string // it was not
	}{
		{name: "capture", manual: true, op: op{Operation: payment.Capture}, lost: "done AUTHORISED 100.00 EUR", cut: never},
		{name: "cancel", op: op{Operation: payment.Cancel}, lost: "done CANCELLED 100.00 EUR", cut: never},
		{name: "cancel a part", op: op{Operation: payment.Cancel, Amount: eur(1000)}, lost: person, cut: person},
		{name: "modify", op: op{Operation: payment.Modify, Amount: eur(7000)}, lost: "done AUTHORISED 70.00 EUR", cut: never},
		{name: "modify the date", op: op{Operation: payment.Modify, Date: "2026-11-25"}, lost: "done AUTHORISED 100.00 EUR", cut: never},
		{name: "first refund", wait: day, op: op{Operation: payment.Refund, Amount: eur(4500)}, lost: person, cut: never},
		{name: "first refund, comments shown", show: most, wait: day, op: op{Operation: payment.Refund, Amount: eur(4500)}, lost: "done AUTHORISED 45.00 EUR", cut: never},
		{name: "second refund like the first", wait: day, before: []op{{Operation: payment.Refund, Amount: eur(4500)}}, op: op{Operation: payment.Refund, Amount: eur(4500), Date: "2026-11-24"}, lost: person, cut: person},
		{name: "second refund like the first, comments shown", show: most, wait: day, before: []op{{Operation: payment.Refund, Amount: eur(4500)}}, op: op{Operation: payment.Refund, Amount: eur(4500), Date: "2026-11-24"}, lost: "done AUTHORISED 45.00 EUR", cut: never},
		{name: "first refund, the journal asked", wait: day, op: op{Operation: payment.Refund, Amount: eur(4500), Trace: sent}, lost: "done AUTHORISED 45.00 EUR", cut: never},
		{name: "second refund like the first, the journal asked", made: true, wait: day, before: []op{{Operation: payment.Refund, Amount: eur(4500)}}, op: op{Operation: payment.Refund, Amount: eur(4500), Date: "2026-11-24", Trace: sent}, lost: "done AUTHORISED 45.00 EUR", cut: never},
		{name: "second refund like the first, which is unfinished", wait: day, before: []op{{Operation: payment.Refund, Amount: eur(4500)}}, op: op{Operation: payment.Refund, Amount: eur(4500), Date: "2026-11-24", Trace: payment.Trace{SentAt: sent.SentAt, Others: true}}, lost: person, cut: person},
		{name: "a refund like one that the journal does not know", wait: day, before: []op{{Operation: payment.Refund, Amount: eur(4500)}}, op: op{Operation: payment.Refund, Amount: eur(4500), Date: "2026-11-24", Trace: payment.Trace{SentAt: sent.SentAt + time.Hour.Microseconds()}}, lost: person, cut: person},
		{name: "second refund unlike the first", wait: day, before: []op{{Operation: payment.Refund, Amount: eur(1000)}}, op: op{Operation: payment.Refund, Amount: eur(4500)}, lost: person, cut: never},
		{name: "refund of the rest", wait: day, before: []op{{Operation: payment.Refund, Amount: eur(1000)}}, op: op{Operation: payment.Refund}, lost: "done CAPTURED 100.00 EUR", cut: never},
		{name: "duplicate", wait: day, op: op{Operation: payment.Duplicate, Reference: "FA26-9"}, lost: person, cut: person},
		{name: "duplicate under its own reference", show: most, wait: day, op: op{Operation: payment.Duplicate, Reference: "FA26-9"}, lost: "done AUTHORISED 100.00 EUR", cut: person},
	}
	for _, tt := range tests {
		for fault, want := range map[lyrasim.Fault]string{lyrasim.Lost: tt.lost, lyrasim.Cut: tt.cut} {
			t.Run(tt.name+"/"+string(fault), func(t *testing.T) {
				w := open(t, lyrasim.Options{Shows: tt.show})
				_, _, tx := w.paid(t, 1, func(in *payment.Instruction) {
					if tt.manual {
						manual(in)
					}
				})
				w.psp.Advance(tt.wait)
				for _, in := range tt.before {
					in.TransactionID = tx
					if got := w.act(t, in); !strings.HasPrefix(got, "done") {
						t.Fatalf("%s: %s", in.Operation, got)
					}
				}
				if err := w.psp.Break(fault); err != nil {
					t.Fatal(err)
				}
				in := tt.op
				in.TransactionID = tx
				for _, m := range w.psp.Ledger().Transactions {
					if tt.made && m.Operation == "CREDIT" {
						in.Trace.Made = append(in.Trace.Made, m.UUID)
					}
				}
				if got := w.act(t, in); got != payment.ErrUncertain.Error() {
					t.Fatalf("%s: %s; want it uncertain", in.Operation, got)
				}
				out, err := w.Lookup(t.Context(), operation(&in))
				if got := told(out, err); got != want {
					t.Errorf("look-up: %q, want %q", got, want)
				}
				if err == nil {
					if err := out.Matches(&in); err != nil && in.Operation != payment.Cancel {
						t.Errorf("what was found is not what was sent: %v", err)
					}
				}
				if errors.Is(err, payment.ErrUnknown) { // sent again: one effect, and never two
					if got := w.act(t, in); !strings.HasPrefix(got, "done") {
						t.Errorf("sent again: %s", got)
					}
				}
				if l := w.psp.Ledger(); l.Doubled > 0 {
					t.Errorf("%d keys with two effects", l.Doubled)
				}
			})
		}
	}
}

// TestLookupOfAnOrder: an order can be found once its customer has tried to pay, not before.
func TestLookupOfAnOrder(t *testing.T) {
	for name, show := range shows() {
		t.Run(name, func(t *testing.T) {
			w := open(t, lyrasim.Options{Shows: show})
			in := gatewaytest.Request(1)
			if err := w.psp.Break(lyrasim.Lost); err != nil {
				t.Fatal(err)
			}
			if _, err := w.Submit(t.Context(), in); !errors.Is(err, payment.ErrUncertain) {
				t.Fatalf("Submit: %v, want it uncertain", err)
			}
			if _, err := w.Lookup(t.Context(), in); !errors.Is(err, payment.ErrUnsupported) {
				t.Fatalf("Lookup before the payment: %v, want a person", err)
			}
			if !w.psp.Act(lyrasim.Deed{OrderID: "FA26-00001-deposit-" + in.Key[:10], Do: "pay"}) {
				t.Fatal("the order is not there under the reference it should have")
			}
			out, err := w.Lookup(t.Context(), in)
			if err != nil || out.State != payment.Open || out.Matches(in) != nil || out.Amount != in.Amount {
				t.Fatalf("Lookup after the payment = %+v, %v; want it open, with its amount", out, err)
			}
			s := w.now(t, out.PaymentID)
			if s.State != payment.Paid || s.Paid != in.Amount || s.PaymentID != out.PaymentID {
				t.Errorf("Read(%s) = %+v, want it paid", out.PaymentID, s)
			}
		})
	}
}

// TestRefusedOrder: an order that a bank refused for good tells why, with its code, though nobody looked while it was open.
func TestRefusedOrder(t *testing.T) {
	for _, shows := range []lyrasim.Shows{{}, {OrderTransactions: true, OrderMetadata: true, PaymentOrderID: true}} {
		w := open(t, lyrasim.Options{Shows: shows})
		_, order := w.ask(t, 1, nil)
		if !w.psp.Act(lyrasim.Deed{PaymentOrderID: order, Do: "refuse", Code: "05"}) {
			t.Fatal("the order cannot be refused")
		}
		s := w.now(t, order)
		if s.State != payment.Refused || len(s.Failed) != 1 || !strings.HasPrefix(s.Failed[0].Reason, "[ACQ_001]") || !strings.Contains(s.Failed[0].Reason, "05") {
			t.Errorf("shows %+v: %s, attempts %+v; want it refused, and the bank's code", shows, s.State, s.Failed)
		}
	}
}

// TestBusy: the PSP asks to wait in an envelope like any other; nothing was taken, and the same call is sent again later.
func TestBusy(t *testing.T) {
	w := open(t, lyrasim.Options{})
	for _, code := range []string{"PSP_099", "PSP_106"} {
		if err := w.psp.Break(lyrasim.Fault("code-" + code)); err != nil {
			t.Fatal(err)
		}
		in := gatewaytest.Request(1)
		out, err := w.Submit(t.Context(), in)
		if err != nil || out.Verdict != payment.VerdictRetry || out.LookFirst || out.Code != "NV-2105" || !strings.HasPrefix(out.Message, "["+code+"]") {
			t.Errorf("%s: %+v, %v; want it tried again", code, out, err)
		}
	}
	if l := w.psp.Ledger(); l.Orders != 0 {
		t.Errorf("%d orders, want none", l.Orders)
	}
	if w.psp.Break("code-099") == nil {
		t.Error("a fault that is no code was taken")
	}
}

// TestCancelWithoutTheService: an older platform cannot cancel orders. The row is refused, and the gateway goes on.
func TestCancelWithoutTheService(t *testing.T) {
	w := open(t, lyrasim.Options{})
	_, order := w.ask(t, 1, nil)
	if err := w.psp.Break("code-INT_901"); err != nil {
		t.Fatal(err)
	}
	out, err := w.Submit(t.Context(), operation(&payment.Instruction{Operation: payment.Cancel, PaymentID: order}))
	if err != nil || out.Verdict != payment.VerdictRefused || out.Code != "NV-2002" || !strings.HasPrefix(out.Message, "[INT_901]") {
		t.Errorf("cancel: %+v, %v; want it refused", out, err)
	}
	if err := w.psp.Break("code-INT_901"); err != nil {
		t.Fatal(err)
	}
	if out, err := w.Submit(t.Context(), gatewaytest.Request(2)); !errors.Is(err, payment.ErrStopped) {
		t.Errorf("request: %+v, %v; want the gateway stopped", out, err)
	}
}

// TestRefundedWhole: the whole again, with or without its amount, is done; a part of it is not.
func TestRefundedWhole(t *testing.T) {
	w := open(t, lyrasim.Options{})
	_, _, tx := w.paid(t, 1, nil)
	w.psp.Advance(day)
	if got := w.act(t, payment.Instruction{Operation: payment.Refund, TransactionID: tx, Amount: eur(10000)}); got != "done AUTHORISED 100.00 EUR" {
		t.Errorf("refund: %s", got)
	}
	for _, again := range []struct {
		amount payment.Amount
		want   payment.Verdict
	}{{eur(10000), payment.VerdictDone}, {payment.Amount{}, payment.VerdictDone}, {eur(4500), payment.VerdictRefused}} {
		out, err := w.Submit(t.Context(), operation(&payment.Instruction{Operation: payment.Refund, TransactionID: tx, Amount: again.amount, ERPKey: "again"}))
		if err != nil || out.Verdict != again.want {
			t.Errorf("refund of %v again: %+v, %v; want verdict %v", again.amount, out, err, again.want)
		}
	}
	if l := w.psp.Ledger(); l.Credits != 1 {
		t.Errorf("%d credits, want one", l.Credits)
	}
}

// TestOrderCancelledMeanwhile: an order that somebody cancels between our read and our cancel is cancelled all the same.
func TestOrderCancelledMeanwhile(t *testing.T) {
	psp := lyrasim.New(lyrasim.Options{Now: today})
	cancels := 0
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/PaymentOrder/Cancel") {
			if cancels++; cancels == 1 { // the Back Office is quicker
				body, err := io.ReadAll(r.Body)
				if err != nil {
					t.Error(err)
				}
				first := r.Clone(r.Context())
				first.Body = io.NopCloser(bytes.NewReader(body))
				psp.Handler().ServeHTTP(httptest.NewRecorder(), first)
				r.Body = io.NopCloser(bytes.NewReader(body))
			}
		}
		psp.Handler().ServeHTTP(w, r)
	}))
	defer srv.Close()
	g, err := lyra.New(options(srv.URL))
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	w := &world{psp: psp, url: srv.URL, Gateway: g}
	_, order := w.ask(t, 1, nil)
	out, err := w.Submit(t.Context(), operation(&payment.Instruction{Operation: payment.Cancel, PaymentID: order}))
	if err != nil || out.Verdict != payment.VerdictDone || out.TransactionState != "CANCELED" {
		t.Errorf("cancel: %+v, %v; want it done", out, err)
	}
}

// TestNothingToActOn: a reference under which every attempt failed has nothing to act on. That row is refused; it is no
// reason to keep the others waiting.
func TestNothingToActOn(t *testing.T) {
	w := open(t, lyrasim.Options{})
	in, order := w.ask(t, 1, nil)
	if !w.psp.Act(lyrasim.Deed{PaymentOrderID: order, Do: "refuse"}) {
		t.Fatal("the order cannot be refused")
	}
	for _, op := range []payment.Operation{payment.Capture, payment.Cancel, payment.Refund, payment.Duplicate} {
		out, err := w.Submit(t.Context(), operation(&payment.Instruction{Operation: op, Reference: in.Reference, Amount: eur(100)}))
		if err != nil || out.Verdict != payment.VerdictRefused || out.Code != "NV-2002" {
			t.Errorf("%s: %+v, %v; want it refused", op, out, err)
		}
	}
}
