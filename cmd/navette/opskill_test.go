package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/navette-connect/navette/connector/gateway/payboxsim"
	"github.com/navette-connect/navette/connector/gateway/sipssim"
)

// opsRow is what must become of one operation.
type opsRow struct {
	act    string // the PSP's name of its effect
	person bool   // it may stay with a person, with one effect or none
}

// opsKill kills the daemon again and again while it sends operations to a PSP without idempotency keys whose answers get
// lost: no operation is lost, none is done twice, and what cannot be known is told as such.
type opsKill struct {
	*payboxWorld
	put     func(n int, reference string) (op, target, amount string, row opsRow) // makes a transaction at the PSP
	effects func() (map[string]int, error)                                        // by reference; the error: of a kind nobody asked for
	calls   func() int                                                            // how many questions the PSP has had
	life    func(i int) error                                                     // before the ith life
	want    map[string]opsRow                                                     // by reference
	files   []string
}

func total(calls map[string]int) (n int) {
	for _, k := range calls {
		n += k
	}
	return n
}

// drop puts a file of operations into the folder, and one of requests beside it where navette has an address.
func (k *opsKill) drop(t *testing.T, rows int, requests bool) {
	var b strings.Builder
	b.WriteString("Op;Transaction;Facture;Montant;Cle\r\n")
	for range rows {
		n := len(k.want) + 1
		reference := fmt.Sprintf("T%05d", n)
		op, target, amount, row := k.put(n, reference)
		k.want[reference] = row
		fmt.Fprintf(&b, "%s;%s;%s;%s;K%d\r\n", op, target, reference, amount, n)
	}
	name := fmt.Sprintf("ops%03d.csv", len(k.files)+1)
	k.files = append(k.files, name)
	k.place(t, "in2", name, []byte(b.String()))
	if !requests {
		return
	}
	b.Reset()
	for i := range rows {
		b.WriteString(line(fmt.Sprintf("FA-%s-%d", name, i), "10,00"))
	}
	k.place(t, "in", name, []byte(head+b.String()))
}

// torment runs and kills the daemon, then lets it finish; what is uncertain is told as such in the end.
func (k *opsKill) torment(t *testing.T, lives, rows int, requests bool) (log string) {
	t.Helper()
	for i := range lives {
		if i%2 == 0 {
			k.drop(t, rows+k.rng.IntN(rows), requests)
		}
		if k.life != nil {
			if err := k.life(i); err != nil {
				t.Fatal(err)
			}
		}
		cmd, out := k.command(t, "run")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		untilCalled(k.calls, k.rng.IntN(300))
		if err := cmd.Process.Kill(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		_ = cmd.Wait() // killed
	}
	log = k.finish(t)
	time.Sleep(1100 * time.Millisecond) // patience
	return log + k.finish(t)
}

// check holds every row against what really happened, and every file against its answer.
func (k *opsKill) check(t *testing.T) (uncertain []string, err error) {
	var errs []error
	fail := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	effects, err := k.effects()
	if err != nil {
		errs = append(errs, err)
	}
	answered := 0 // whatever stood as uncertain in its file's answer goes on afterwards
	for _, name := range k.files {
		rows, err := readCSV(filepath.Join(k.dir, "out2", strings.TrimSuffix(name, ".csv")+".ret.csv"))
		if err != nil {
			fail("%s has no answer: %w", name, err)
		}
		answered += len(rows)
	}
	var rows []struct{ ID, Reference, State string }
	if err := json.Unmarshal([]byte(k.says(t, 0, "rows", "--json", "--flow", "o", "--limit", "10000")), &rows); err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		switch n := effects[r.Reference]; {
		case r.State == "done" && n == 1:
		case r.State == "uncertain" && n <= 1 && k.want[r.Reference].person:
			uncertain = append(uncertain, r.ID)
		default:
			fail("%s (%s): %s, %d effects", r.Reference, k.want[r.Reference].act, r.State, n)
		}
	}
	if len(rows) != len(k.want) || answered != len(k.want) {
		fail("%d operations: %d rows, %d answered", len(k.want), len(rows), answered)
	}
	return uncertain, errors.Join(errs...)
}

// newKillPaybox makes captures, of which the PSP tells whether they were done, and refunds in part, of which it does not.
func newKillPaybox(t *testing.T, seed uint64, share map[string]float64) *opsKill {
	k := &opsKill{payboxWorld: newPayboxWorld(t, payboxsim.Options{Seed: seed, Faults: payboxsim.Faults{Share: share}}, ", settle: 60ms, poll: 100ms"), want: map[string]opsRow{}}
	k.put = func(n int, reference string) (op, target, amount string, row opsRow) {
		tx := payboxsim.Transaction{Trans: fmt.Sprint(100000 + n), Call: fmt.Sprint(200000 + n), Reference: reference, Amount: 10000}
		op, amount, row = "capture", "100,00", opsRow{act: "00002"}
		if n%2 == 0 { // a part: twice would be possible
			op, amount, row, tx.Status = "refund", "10,00", opsRow{act: "00014", person: true}, payboxsim.Captured
		}
		if err := k.sim.Put(tx); err != nil {
			t.Fatal(err)
		}
		return op, tx.Trans + "/" + tx.Call, amount, row
	}
	k.calls = func() int { return total(k.sim.Ledger().Calls) }
	k.effects = func() (map[string]int, error) {
		n, l := map[string]int{}, k.sim.Ledger()
		var errs []error
		for _, a := range l.Acts {
			if n[a.Reference]++; a.Type != k.want[a.Reference].act {
				errs = append(errs, fmt.Errorf("%s: an act of type %s", a.Reference, a.Type))
			}
		}
		if l.Doubles != 0 {
			errs = append(errs, fmt.Errorf("%d doubles", l.Doubles))
		}
		return n, errors.Join(errs...)
	}
	return k
}

func TestKillPaybox(t *testing.T) {
	t.Parallel()
	k := newKillPaybox(t, 11, map[string]float64{"lost": 0.08, "garbled": 0.02, "503": 0.03, "done-500": 0.03, "done-503": 0.02, "cut": 0.02, "code-00003": 0.03})
	config, err := os.ReadFile(filepath.Join(k.dir, "etc/navette.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	k.configure(t, "public_url: https://pay.example\n"+string(config))
	log := k.torment(t, 10, 6, true)
	doubts, err := k.check(t)
	if err != nil {
		t.Errorf("%v\n%s", err, tail(log))
	}
	links := map[string]bool{}
	for _, name := range k.files { // requests call nobody: each has one link, whatever was killed
		rows, err := readCSV(filepath.Join(k.dir, "out", strings.TrimSuffix(name, ".csv")+".ret.csv"))
		if err != nil {
			t.Error(err)
		}
		for _, r := range rows {
			if r["nv_state"] != "sent" || !strings.HasPrefix(r["nv_link"], "https://pay.example/pay/") || links[r["nv_link"]] {
				t.Errorf("%s: %s, link %q", r["Facture"], r["nv_state"], r["nv_link"])
			}
			links[r["nv_link"]] = true
		}
	}
	if len(links) != len(k.want) {
		t.Errorf("%d of %d requests have a link", len(links), len(k.want))
	}
	if strings.Contains(log, payboxsim.TestKey[:32]) {
		t.Error("the HMAC key is in the log")
	}
	l := k.sim.Ledger()
	t.Logf("%d rows, %d questions that act, %d answers withheld, %d effects, %d doubled, %d left to a person", len(k.want), l.Calls["00002"]+l.Calls["00014"], l.Withheld, len(l.Acts), l.Doubles, len(doubts))

	// On the same day a person may send them all again: the question number keeps those apart that had arrived.
	if err := k.sim.SetFaults(payboxsim.Faults{}); err != nil {
		t.Fatal(err)
	}
	for _, id := range doubts {
		k.says(t, 0, "resolve", id, "--as", "not-done", "--reason", "the same day, under the same number")
	}
	k.finish(t)
	effects, err := k.effects()
	if err != nil {
		t.Error(err)
	}
	for reference := range k.want {
		if effects[reference] != 1 {
			t.Errorf("%s: %d effects in the end", reference, effects[reference])
		}
	}
}

// newKillSips makes one of each operation in turn; of a refund in part Sips does not tell whether it was done.
func newKillSips(t *testing.T, seed uint64, lost float64) *opsKill {
	w := newSipsWorld(t, sipssim.Options{Seed: seed, Lost: lost, Latency: 20 * time.Millisecond}, ", settle: 60ms, poll: 100ms")
	k := &opsKill{payboxWorld: w.payboxWorld, want: map[string]opsRow{}}
	k.put = func(n int, reference string) (op, target, amount string, row opsRow) {
		tx := sipssim.Transaction{Reference: reference, Status: "TO_VALIDATE", Currency: "978", Amount: 10000, Current: 10000}
		op, row = "capture", opsRow{act: "validate"}
		switch n % 4 {
		case 1: // a part: twice would be possible
			op, row, amount, tx.Status = "refund", opsRow{act: "refund", person: true}, "10,00", "CAPTURED"
		case 2:
			op, row, tx.Status = "cancel", opsRow{act: "cancel"}, "TO_CAPTURE"
		case 3:
			op, row, amount = "duplicate", opsRow{act: "duplicate"}, "50,00"
		}
		w.sips.Put(tx)
		return op, tx.Reference, amount, row
	}
	k.calls = func() int { return total(w.sips.LedgerNow().Calls) }
	k.effects = func() (map[string]int, error) {
		n, from, l := map[string]int{}, map[string]string{}, w.sips.LedgerNow()
		for _, tr := range l.Transactions {
			from[tr.Reference] = tr.From
		}
		var errs []error
		for _, a := range l.Acts {
			ref := a.Reference
			if a.Function == "duplicate" {
				ref = from[ref]
			}
			if n[ref]++; a.Function != k.want[ref].act {
				errs = append(errs, fmt.Errorf("%s: a %s", ref, a.Function))
			}
		}
		if l.Doubles != 0 {
			errs = append(errs, fmt.Errorf("%d doubles", l.Doubles))
		}
		return n, errors.Join(errs...)
	}
	faults := []string{"503", "code-99", "done-503", "done-code-60", "garbled", "code-90", "cut", "done-500", "forged"} // one a life: many in a row shut the gate for long
	k.life = func(i int) error {
		return errors.Join(w.sips.SetFaults(), w.sips.SetFaults(sipssim.Fault{What: faults[i%len(faults)]}))
	}
	return k
}

func TestKillSips(t *testing.T) {
	t.Parallel()
	k := newKillSips(t, 7, 0.1)
	log := k.torment(t, 12, 16, false)
	doubts, err := k.check(t)
	if err != nil {
		t.Errorf("%v\n%s", err, tail(log))
	}
	if strings.Contains(log, "KEY1") {
		t.Error("the key is in the log")
	}
	t.Logf("%d rows, %d left to a person", len(k.want), len(doubts))
}

// opsMutants each break what keeps operations safe at a PSP without idempotency keys.
var opsMutants = []struct {
	mutant
	open func(t *testing.T, seed uint64) *opsKill
}{
	{mutant{"Paybox: a part that does not show was never refunded, and each question has a number of its own", []edit{
		{"connector/gateway/paybox/tables.go", `payment.Refund:  {"Remboursé": happened},`, `payment.Refund:  {"Remboursé": happened, "Capturé": notYet},`},
		{"connector/gateway/paybox/paybox.go", "number := askNumber(in.Key)", "number := readNumber(g.reads.Add(1))"}}}, openPayboxControl},
	{mutant{"Paybox: what is authorised was captured", []edit{{"connector/gateway/paybox/tables.go", `payment.Capture: {"Capturé": happened, "Autorisé": notYet},`, `payment.Capture: {"Capturé": happened, "Autorisé": happened},`}}}, openPayboxControl},
	{mutant{"Sips: what the status does not tell never arrived", []edit{{"connector/gateway/sips/lookup.go", `gateway.Unsupported("status " + t.name + " does not tell whether it acted")`, `unknown("status " + t.name)`}}}, openSipsControl},
	{mutant{"Sips: a duplicate has another reference each time", []edit{{"connector/gateway/sips/operations.go", "own := referenceOf(in.Key)", "own := referenceOf(in.Key + g.now().String())"}}}, openSipsControl},
}

func openPayboxControl(t *testing.T, seed uint64) *opsKill {
	return newKillPaybox(t, seed, map[string]float64{"lost": 0.25, "cut": 0.25})
}

func openSipsControl(t *testing.T, seed uint64) *opsKill {
	k := newKillSips(t, seed, 0.3)
	k.life = nil // lost answers are enough, and make it wait for nothing
	return k
}

// TestKillOperationControls runs the mutants: each must turn the kill test red.
func TestKillOperationControls(t *testing.T) {
	t.Parallel()
	long(t, "builds binaries of its own")
	for _, m := range opsMutants {
		t.Run(m.name, func(t *testing.T) {
			binary := m.build(t)
			for seed := uint64(1); seed <= 4; seed++ {
				k := m.open(t, seed)
				k.binary = binary
				k.torment(t, 1, 8, false)
				if _, err := k.check(t); err != nil {
					t.Logf("noticed: %.200v", err)
					return
				}
			}
			t.Error("the mutation was not noticed")
		})
	}
}
