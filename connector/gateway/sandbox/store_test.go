package sandbox

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/navette-connect/navette/connector/payment"
)

// TestRestart: what was answered, and what was not, is there again.
func TestRestart(t *testing.T) {
	file := filepath.Join(t.TempDir(), "psp.jsonl")
	rules := `
rules: [{match: "PAY*", after: 10s, pay: full}]
operations: [{operation: refund, pending: 10s}]
transactions: [{id: T-1, reference: OLD, amount: "50.00", state: captured}]`
	o := Options{File: file, Script: script(t, rules), Faults: Faults{Next: []Fault{"", Lost, Late, Cut, ""}, Delay: Duration(10 * time.Second)}}
	p, g, c := open(t, o)
	var ins []*payment.Instruction
	for _, ref := range []string{"PAY-1", "LOST", "PAY-LATE", "CUT"} {
		in := ask(ref, "", 1000)
		g.Submit(t.Context(), in)
		ins = append(ins, in)
	}
	back := operate(payment.Refund, "T-1", 2000)
	if out := submit(t, g, back); out.State != payment.Pending {
		t.Fatalf("refund: %+v, want pending", out)
	}
	before, cursor := words(t, g, "")
	want := truth(t, p)

	// No Close: as after a kill. The last line was cut in the middle of its writing.
	f, err := os.OpenFile(file, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(`{"requests":[{"id":"pr_half`); err != nil {
		t.Fatal(err)
	}
	f.Close()
	o.Now, o.Faults = c.now, Faults{}
	p2, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	defer p2.Close()
	g2, err := p2.Gateway("https://pay.example")
	if err != nil {
		t.Fatal(err)
	}
	got := truth(t, p2)
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("ledger (-before +after):\n%s", d)
	}
	after, _ := words(t, g2, "")
	if d := cmp.Diff(before, after); d != "" {
		t.Errorf("events (-before +after):\n%s", d)
	}
	for i, kind := range []error{nil, nil, payment.ErrUnknown, payment.ErrUnknown} {
		if _, err := g2.Lookup(t.Context(), ins[i]); !errors.Is(err, kind) {
			t.Errorf("%s: %v, want %v", ins[i].Reference, err, kind)
		}
	}
	c.move(10 * time.Second)
	list, _ := words(t, g2, cursor)
	if d := cmp.Diff([]string{"paid 10.00 -> paid", "sent -> open"}, list); d != "" {
		t.Errorf("what was due goes on (-want +got):\n%s", d)
	}
	if out, err := g2.Lookup(t.Context(), back); err != nil || out.State != payment.Done || out.Amount.Minor != 2000 {
		t.Errorf("refund: %+v, %v; want done", out, err)
	}
	if out := submit(t, g2, operate(payment.Refund, "T-1", 3001)); out.State != payment.Pending {
		t.Fatalf("refund: %+v", out)
	}
	c.move(10 * time.Second)
	if out, err := g2.Lookup(t.Context(), operate(payment.Refund, "T-1", 3001)); err != nil || out.Verdict != payment.VerdictRefused {
		t.Errorf("refund beyond what is left after the restart: %+v, %v; want refused", out, err)
	}
}

// TestFullDisk: what cannot be kept is not answered.
func TestFullDisk(t *testing.T) {
	p, g, _ := open(t, Options{File: filepath.Join(t.TempDir(), "psp.jsonl")})
	p.store.f.Close()
	for range 2 {
		if _, err := g.Submit(t.Context(), ask("FA-1", "", 1000)); !errors.Is(err, payment.ErrUncertain) {
			t.Errorf("submit: %v, want kind %v", err, payment.ErrUncertain)
		}
	}
	if _, err := g.Lookup(t.Context(), ask("FA-1", "", 1000)); err == nil || errors.Is(err, payment.ErrUnknown) {
		t.Errorf("look-up: %v, want an error that proves nothing", err)
	}
}

func FuzzStore(f *testing.F) {
	f.Add([]byte(`{"requests":[{"id":"pr_1","reference":"a","state":"open","amount":{"value":1,"currency":"EUR"},"steps":[{"at":"2026-11-22T12:00:00Z","step":{"pay":"full"}}]}]}` + "\n"))
	f.Add([]byte(`{"late":[{"number":1,"at":"2026-11-22T12:00:00Z","order":{"key":"k","operation":"refund","transaction_id":"T"}}],"keys":[{"key":"k","objects":["x"]}]}` + "\n"))
	f.Add([]byte(`{"requests":[null]}` + "\n{"))
	f.Fuzz(func(t *testing.T, src []byte) {
		file := filepath.Join(t.TempDir(), "f")
		if err := os.WriteFile(file, src, 0o600); err != nil {
			t.Fatal(err)
		}
		p, err := New(Options{File: file, Script: &Script{}})
		if err != nil {
			return
		}
		defer p.Close()
		p.Ledger()
		p.lookup("k", true)
		p.post(order{Key: "k", Operation: requestOrder, Reference: "a", Amount: &money{1, "EUR"}})
		p.post(order{Key: "k", Operation: "refund", Reference: "a"})
	})
}
