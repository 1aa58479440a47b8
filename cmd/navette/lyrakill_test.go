package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/navette-connect/navette/connector/gateway/lyrasim"
)

// lyraWorld is a small exchange with Lyra's simulator: a PSP that deduplicates nothing, and that cannot even be asked about
// an order nobody has paid. What stays in doubt a person decides; the person of this test looks into the PSP's Back Office.
type lyraWorld struct {
	*world
	psp *lyrasim.PSP
}

func newLyraWorld(t *testing.T, seed uint64, faults lyrasim.Faults) *lyraWorld {
	script, err := lyrasim.ParseScript([]byte(`rules: [{every: 3, after: 50ms, pay: true}, {every: 4, after: 20ms, fail: "51", then: [{after: 30ms, pay: true}]}]`))
	if err != nil {
		t.Fatal(err)
	}
	w := &lyraWorld{psp: lyrasim.New(lyrasim.Options{Seed: seed, Faults: faults, Script: script})}
	w.world = &world{dir: t.TempDir(), rng: rand.New(rand.NewPCG(seed, 1)), want: map[string]string{}, rows: map[string]int{}, dropped: map[string][]byte{}, repeats: map[string]string{}}
	srv := httptest.NewServer(w.psp.Handler())
	t.Cleanup(srv.Close)
	for _, d := range []string{"etc/mappings", "state", "in", "out", "done", "rejected", "ops", "opsout", "opsdone", "opsrejected"} {
		if err := os.MkdirAll(filepath.Join(w.dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	config := fmt.Sprintf(`gateways:
  psp: {type: lyra, mode: test, url: %q, shop: "12345678", password: {file: %[2]s/etc/key}, concurrency: 4, timeout: 2s, settle: 60ms, poll: 100ms}
flows:
  f: {in: %[2]s/in, out: %[2]s/out, done: %[2]s/done, rejected: %[2]s/rejected, quiet: 0s, poll: 50ms, status_every: 100ms, patience: 10m, mapping: w, gateway: psp}
  ops: {in: %[2]s/ops, out: %[2]s/opsout, done: %[2]s/opsdone, rejected: %[2]s/opsrejected, quiet: 0s, poll: 50ms, status_every: 100ms, patience: 10m, mapping: ops, gateway: psp}
`, srv.URL, w.dir)
	const ops = `navette: mapping/v1
name: ops
kind: operation
locale: fr
source: {format: csv, encoding: utf-8, delimiter: ";", header: 1, decimal: ","}
fields:
  - {name: operation, column: Op, required: true}
  - {name: transaction_id, column: Transaction, required: true}
  - {name: amount, column: Montant, type: amount, required: true}
  - {name: key, column: Cle, required: true}
`
	for name, text := range map[string]string{"etc/navette.yaml": config, "etc/mappings/w.yaml": worldMapping, "etc/mappings/ops.yaml": ops, "etc/key": lyrasim.DefaultPassword + "\n"} {
		if err := os.WriteFile(filepath.Join(w.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

// calls counts what has reached the PSP.
func (w *lyraWorld) calls() int { return total(w.psp.Ledger().Calls) }

// untilCalled waits until the PSP hears of something new, and that many milliseconds: a daemon that is killed before it
// sends proves little, and how long it takes to start is the machine's business. After 2s there is nothing to send.
func untilCalled(calls func() int, more int) {
	was := calls()
	for end := time.Now().Add(2 * time.Second); calls() == was && time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
	}
	time.Sleep(time.Duration(more) * time.Millisecond)
}

// cull runs the daemon and kills it, n times; drop is asked before each run.
func (w *lyraWorld) cull(t *testing.T, n int, drop func(i int)) (log string) {
	t.Helper()
	for i := range n {
		drop(i)
		cmd, out := w.command(t, "run")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		untilCalled(w.calls, w.rng.IntN(200))
		if err := cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
			t.Fatal(err)
		}
		var exit *exec.ExitError
		if err := cmd.Wait(); !errors.As(err, &exit) || exit.ExitCode() >= 0 {
			t.Fatalf("the daemon ended by itself (%v):\n%s", err, out)
		}
		log += out.String()
	}
	return log
}

// settleDoubts lets navette finish, and decides what it leaves to a person by what truth says of the row's reference.
func (w *lyraWorld) settleDoubts(t *testing.T, truth func(reference string) bool) (log string, decided int) {
	t.Helper()
	for range 5 {
		log += w.finish(t)
		cmd, out := w.command(t, "rows", "--state", "uncertain", "--json", "--limit", "0")
		if err := cmd.Run(); err != nil {
			t.Fatalf("rows: %v\n%s", err, out)
		}
		var rows []struct{ ID, Reference, Flow string }
		if err := json.Unmarshal(out.Bytes(), &rows); err != nil {
			t.Fatalf("rows: %v\n%s", err, out)
		}
		if len(rows) == 0 {
			return log, decided
		}
		for _, r := range rows {
			as := "not-done"
			if truth(r.Reference) {
				as = "done"
			}
			if cmd, out := w.command(t, "resolve", r.ID, "--as", as, "--reason", "looked up in the Back Office"); cmd.Run() != nil {
				t.Fatalf("resolve %s: %s", r.ID, out)
			}
			decided++
		}
	}
	t.Fatal("doubts do not end")
	return log, decided
}

// TestKillLyra kills the real daemon while it asks for money and while it refunds, with answers lost both ways: each payable
// row becomes one payment order and each refund one credit, none lost and none doubled.
func TestKillLyra(t *testing.T) {
	n := 6
	if testing.Short() {
		n = 4
	}
	faults := lyrasim.Faults{Share: map[lyrasim.Fault]float64{lyrasim.Lost: 0.04, lyrasim.Cut: 0.03, lyrasim.Garbled: 0.01, "503": 0.01, "done-500": 0.01}, RetryAfter: "0"}
	w := newLyraWorld(t, 7, faults)
	log := w.cull(t, n, func(i int) {
		if i%2 == 0 {
			w.drop(t, 10+w.rng.IntN(20))
		}
	})
	calm := func() {
		if err := w.psp.SetFaults(lyrasim.Faults{}); err != nil {
			t.Fatal(err)
		}
	}
	calm()
	orders := func(ref string) (n int) {
		for _, e := range w.psp.Ledger().Keys {
			if e.Reference == ref {
				n += e.Effects
			}
		}
		return n
	}
	more, byPerson := w.settleDoubts(t, func(ref string) bool { return orders(ref) > 0 })
	log += more
	for ref := range w.want {
		if got := orders(ref); got != 1 {
			t.Errorf("%s: %d payment orders, want one", ref, got)
		}
	}
	l := w.psp.Ledger()
	if l.Orders != len(w.want) || l.Doubled != 0 || l.Unkeyed != 0 {
		t.Errorf("%d orders for %d rows, %d doubled, %d without a stamp", l.Orders, len(w.want), l.Doubled, l.Unkeyed)
	}
	for key, e := range l.Keys {
		if len(e.Bodies) != 1 {
			t.Errorf("key %s came with %d bodies", key, len(e.Bodies))
		}
	}
	w.answered(t, "out", w.rows, "nv_state", map[string]bool{"sent": true, "rejected": true})
	t.Logf("requests: %d rows, %d calls to create, %d answers withheld, %d decided by a person", len(w.want), l.Calls["Charge/CreatePaymentOrder"], l.Withheld, byPerson)

	// Refunds: remitted first, then two of each transaction, of different amounts.
	w.psp.Advance(48 * time.Hour)
	if err := w.psp.SetFaults(faults); err != nil {
		t.Fatal(err)
	}
	files, wanted := map[string]int{}, map[string]int64{} // key -> cents
	var captured []string
	for _, m := range w.psp.Ledger().Transactions {
		if m.Operation == "DEBIT" && m.Status == "CAPTURED" && len(captured) < 25 {
			captured = append(captured, m.UUID)
		}
	}
	if len(captured) == 0 {
		t.Fatal("nobody has paid: nothing to refund")
	}
	log += w.cull(t, n, func(i int) {
		from, to := len(captured)*i/n, len(captured)*(i+1)/n
		var b bytes.Buffer
		b.WriteString("Op;Transaction;Montant;Cle\r\n")
		for _, tx := range captured[from:to] {
			for cents := int64(11); cents <= 12; cents++ {
				fmt.Fprintf(&b, "refund;%s;0,%d;%s-%d\r\n", tx, cents, tx[:12], cents)
				wanted[fmt.Sprintf("%s %d", tx, cents)] = cents
			}
		}
		if to == from {
			return
		}
		name := fmt.Sprintf("o%03d.csv", i)
		files[name] = 2 * (to - from)
		if err := os.WriteFile(filepath.Join(w.dir, "."+name), b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(filepath.Join(w.dir, "."+name), filepath.Join(w.dir, "ops", name)); err != nil {
			t.Fatal(err)
		}
	})
	calm()
	credits := func() map[string]int {
		all := map[string]int{}
		for _, m := range w.psp.Ledger().Transactions {
			if m.Operation == "CREDIT" {
				all[fmt.Sprintf("%s %d", m.Parent, m.Amount)]++
			}
		}
		return all
	}
	more, byPerson = w.refundDoubts(t, credits)
	log += more
	got := credits()
	for what := range wanted {
		if got[what] != 1 {
			t.Errorf("refund of %s cents: %d credits, want one", what, got[what])
		}
	}
	l = w.psp.Ledger()
	if l.Credits != len(wanted) || l.Doubled != 0 {
		t.Errorf("%d credits for %d refunds, %d keys doubled", l.Credits, len(wanted), l.Doubled)
	}
	w.answered(t, "opsout", files, "nv_state", map[string]bool{"done": true})
	if strings.Contains(log, "canary") || strings.Contains(log, lyrasim.DefaultPassword) {
		t.Error("a secret or an address is in the log")
	}
	t.Logf("refunds: %d, %d calls, %d decided by a person", len(wanted), l.Calls["Transaction/Refund"], byPerson)
	if t.Failed() {
		t.Logf("--- log\n%s", tail(log))
	}
}

// TestKillLyraControl: a gateway that takes "no such transaction" for "this order never arrived" must turn the ledger red, or
// a green run proves nothing.
func TestKillLyraControl(t *testing.T) {
	t.Parallel()
	long(t, "builds a binary of its own")
	m := mutant{"believe that an order nobody has paid never arrived", []edit{{"connector/gateway/lyra/lyra.go", "g.ordered(ctx, OrderID(in), payment.ErrUnsupported)", "g.ordered(ctx, OrderID(in), payment.ErrUnknown)"}}}
	binary := m.build(t)
	for seed := uint64(1); seed <= 4; seed++ {
		w := newLyraWorld(t, seed, lyrasim.Faults{Share: map[lyrasim.Fault]float64{lyrasim.Lost: 0.3}})
		w.binary = binary
		w.cull(t, 4, func(int) { w.drop(t, 20) })
		w.finish(t)
		if l := w.psp.Ledger(); l.Doubled > 0 {
			t.Logf("noticed: %d keys with two effects", l.Doubled)
			return
		}
	}
	t.Error("the mutation was not noticed")
}

// refundDoubts settles what is left of refunds: a row's cells say which credit to look for.
func (w *lyraWorld) refundDoubts(t *testing.T, credits func() map[string]int) (log string, decided int) {
	t.Helper()
	for range 6 {
		log += w.finish(t)
		cmd, out := w.command(t, "rows", "--state", "uncertain", "--json", "--limit", "0")
		if err := cmd.Run(); err != nil {
			t.Fatalf("rows: %v\n%s", err, out)
		}
		var rows []struct {
			ID, File string
			Line     int
		}
		if err := json.Unmarshal(out.Bytes(), &rows); err != nil {
			t.Fatalf("rows: %v\n%s", err, out)
		}
		if len(rows) == 0 {
			return log, decided
		}
		there := credits()
		for _, r := range rows {
			kept, err := filepath.Glob(filepath.Join(w.dir, "opsdone", "*-"+r.File))
			if err != nil || len(kept) != 1 {
				t.Fatalf("%s: %v, %v", r.File, kept, err)
			}
			b, err := os.ReadFile(kept[0])
			if err != nil {
				t.Fatal(err)
			}
			cells := strings.Split(strings.Split(string(b), "\r\n")[r.Line-1], ";")
			as := "not-done"
			if there[cells[1]+" "+strings.TrimPrefix(cells[2], "0,")] > 0 {
				as = "done"
			}
			if cmd, out := w.command(t, "resolve", r.ID, "--as", as, "--reason", "looked up in the Back Office"); cmd.Run() != nil {
				t.Fatalf("resolve %s: %s", r.ID, out)
			}
			decided++
		}
	}
	t.Fatal("doubts do not end")
	return log, decided
}

// answered holds the results against the files: each row once, in one of the good states.
func (w *lyraWorld) answered(t *testing.T, dir string, files map[string]int, column string, good map[string]bool) {
	t.Helper()
	for name, n := range files {
		rows, err := readCSV(filepath.Join(w.dir, dir, strings.TrimSuffix(name, ".csv")+".ret.csv"))
		if w.repeats[name] != "" && err != nil { // the copy was ready first: it has the answer
			rows, err = readCSV(filepath.Join(w.dir, dir, strings.TrimSuffix(w.repeats[name], ".csv")+".ret.csv"))
		}
		if err != nil || len(rows) != n {
			t.Errorf("%s: %d answers, want %d (%v)", name, len(rows), n, err)
		}
		for _, r := range rows {
			if !good[r[column]] {
				t.Errorf("%s, line %s: %s (%s %s)", name, r["nv_line"], r[column], r["nv_code"], r["nv_message"])
			}
		}
	}
}
