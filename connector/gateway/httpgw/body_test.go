package httpgw

import (
	"encoding/json"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/navette-connect/navette/connector/payment"
)

// full has every field a request can have.
func full() *payment.Instruction {
	return &payment.Instruction{
		ID: 9, Account: "http:psp.example/v1:test", Kind: payment.Request, Reference: "FA26-00412", Part: "deposit", Key: "k2345",
		Amount: payment.Amount{Minor: 123456, Currency: "EUR"}, DueOn: "2026-12-02", IssuedOn: "2026-11-02", ExpiresOn: "2027-01-31",
		Label: "Facture \"FA26-00412\"\n\u00e9t\u00e9 \\ \x01", Channel: "email", Method: "card", Shop: "nantes",
		Customer: payment.Customer{ID: "C00118", Name: "Boulangerie Lefèvre", Email: "compta@lefevre.example", Phone: "+33240112233", Language: "fr", SIREN: "732829320",
			Address: []payment.Pair{{Name: "zip", Value: "44000"}, {Name: "city", Value: "Nantes"}}},
		Capture:  payment.CaptureMode{Mode: "deferred", DelayDays: 3},
		Metadata: []payment.Pair{{Name: "depot", Value: "44"}, {Name: "b", Value: "1"}},
		Source:   payment.Source{Flow: "factures", File: "FACTURES_20261120.csv", Line: 4},
	}
}

// TestBody pins the bytes: they may never change for a key that was sent once.
func TestBody(t *testing.T) {
	tests := []struct {
		name string
		in   *payment.Instruction
		want string
	}{
		{"the contract's example", &payment.Instruction{Kind: payment.Request, Reference: "FA26-00412", Amount: payment.Amount{Minor: 123456, Currency: "EUR"},
			DueOn: "2026-12-02", ExpiresOn: "2027-01-31", Label: "Facture FA26-00412", Channel: "email",
			Customer: payment.Customer{ID: "C00118", Name: "Boulangerie Lefèvre", Email: "compta@lefevre.example"},
			Source:   payment.Source{Flow: "factures", File: "FACTURES_20261120.csv", Line: 4}},
			`{"reference":"FA26-00412","part":"","amount":{"value":123456,"currency":"EUR"},"due_on":"2026-12-02","expires_on":"2027-01-31","label":"Facture FA26-00412","channel":"email","customer":{"id":"C00118","name":"Boulangerie Lefèvre","email":"compta@lefevre.example"},"capture":{"mode":"immediate"},"metadata":{},"source":{"flow":"factures","file":"FACTURES_20261120.csv","line":4}}`},
		{"full", full(),
			`{"reference":"FA26-00412","part":"deposit","amount":{"value":123456,"currency":"EUR"},"due_on":"2026-12-02","expires_on":"2027-01-31","issued_on":"2026-11-02","label":"Facture \"FA26-00412\"\nété \\ \u0001","channel":"email","method":"card","shop":"nantes","customer":{"id":"C00118","name":"Boulangerie Lefèvre","email":"compta@lefevre.example","phone":"+33240112233","language":"fr","siren":"732829320","address":{"city":"Nantes","zip":"44000"}},"capture":{"mode":"deferred","delay_days":3},"metadata":{"b":"1","depot":"44"},"source":{"flow":"factures","file":"FACTURES_20261120.csv","line":4}}`},
		{"empty", &payment.Instruction{Kind: payment.Request},
			`{"reference":"","part":"","amount":null,"due_on":null,"expires_on":null,"label":"","channel":"","customer":{"id":"","name":"","email":""},"capture":{"mode":"immediate"},"metadata":{},"source":{"flow":"","file":"","line":0}}`},
		{"refund", &payment.Instruction{Kind: payment.Operate, Operation: payment.Refund, Reference: "FA26-00398", TransactionID: "T-90071",
			Amount: payment.Amount{Minor: 4500, Currency: "EUR"}, Reason: "geste", Source: payment.Source{Flow: "ops", File: "O.csv", Line: 5}},
			`{"operation":"refund","reference":"FA26-00398","payment_id":"","transaction_id":"T-90071","amount":{"value":4500,"currency":"EUR"},"date":null,"reason":"geste","source":{"flow":"ops","file":"O.csv","line":5}}`},
		{"capture of the remainder", &payment.Instruction{Kind: payment.Operate, Operation: payment.Capture, PaymentID: "pr_1", Date: "2026-11-23"},
			`{"operation":"capture","reference":"","payment_id":"pr_1","transaction_id":"","amount":null,"date":"2026-11-23","reason":"","source":{"flow":"","file":"","line":0}}`},
		{"yen", &payment.Instruction{Kind: payment.Operate, Operation: payment.Refund, Amount: payment.Amount{Minor: -500, Currency: "JPY"}},
			`{"operation":"refund","reference":"","payment_id":"","transaction_id":"","amount":{"value":-500,"currency":"JPY"},"date":null,"reason":"","source":{"flow":"","file":"","line":0}}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := string(Body(tt.in))
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Errorf("Body(%+v) (-want +got):\n%s", tt.in, d)
			}
			if !json.Valid([]byte(got)) {
				t.Errorf("not JSON: %s", got)
			}
		})
	}
}

// TestBodyIsStable: what is not the instruction's own never shows in the bytes.
func TestBodyIsStable(t *testing.T) {
	in := full()
	want := string(Body(in))
	again := full()
	again.ID, again.Account, again.Namespace, again.Revision = 77, "other", "ns", 0
	again.PaymentID, again.TransactionID = "pr_1", "T-1" // learnt from the PSP's answer
	again.Customer.Address = []payment.Pair{{Name: "city", Value: "Nantes"}, {Name: "zip", Value: "44000"}}
	again.Metadata = []payment.Pair{{Name: "b", Value: "1"}, {Name: "depot", Value: "44"}}
	if d := cmp.Diff(want, string(Body(again))); d != "" {
		t.Errorf("the same instruction read back has another body (-first +again):\n%s", d)
	}
	if d := cmp.Diff(full(), in); d != "" {
		t.Errorf("Body changed its argument (-before +after):\n%s", d)
	}
}

func FuzzBody(f *testing.F) {
	f.Add("FA26-1", "label \"x\" \\ \n", "é\xff\u2028", int64(123), 4)
	f.Add("", "\x00\x1f\x7f", "\xed\xa0\x80", int64(-1), -1)
	f.Fuzz(func(t *testing.T, ref, label, meta string, minor int64, line int) {
		in := &payment.Instruction{Kind: payment.Request, Reference: ref, Label: label, Amount: payment.Amount{Minor: minor, Currency: "EUR"},
			Metadata: []payment.Pair{{Name: "m", Value: meta}}, Source: payment.Source{Line: line}}
		b := Body(in)
		var got struct {
			Reference, Label string
			Amount           struct{ Value int64 }
			Metadata         map[string]string
			Source           struct{ Line int }
		}
		if err := json.Unmarshal(b, &got); err != nil || !utf8.Valid(b) {
			t.Fatalf("Body(%q, %q, %q) = %q: %v", ref, label, meta, b, err)
		}
		valid := func(s string) string { // as encoding/json reads what is no UTF-8
			q, _ := json.Marshal(s)
			var r string
			json.Unmarshal(q, &r)
			return r
		}
		if got.Reference != valid(ref) || got.Label != valid(label) || got.Metadata["m"] != valid(meta) || got.Amount.Value != minor || got.Source.Line != line {
			t.Errorf("Body(%q, %q, %q, %d, %d) reads back as %+v", ref, label, meta, minor, line, got)
		}
	})
}

func BenchmarkBody(b *testing.B) {
	in := full()
	b.ReportAllocs()
	for b.Loop() {
		Body(in)
	}
}
