package connector

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/navette-connect/navette/connector/gateway/sandbox"
	"github.com/navette-connect/navette/connector/journal"
	"github.com/navette-connect/navette/connector/journal/sqlite"
	"github.com/navette-connect/navette/connector/payment"
)

// hasty stands before a PSP and lets the customer act at the worst moments: around each submit.
type hasty struct {
	simGateway
	pay func()
}

func (g hasty) Submit(ctx context.Context, in *payment.Instruction) (payment.Outcome, error) {
	g.pay()
	out, err := g.simGateway.Submit(ctx, in)
	g.pay()
	return out, err
}

// blind is a PSP without a feed: what became of a request is asked one by one.
type blind struct{ Gateway }

func (g blind) Read(ctx context.Context, in *payment.Instruction) (payment.Snapshot, error) {
	return g.Gateway.(Reader).Read(ctx, in)
}

// TestSimulateReplace replaces open requests again and again (on_known: replace_unpaid) while the process ends at acts
// chosen by a seed, the PSP loses and delays answers of cancels and requests, and customers pay in between. SEED runs
// one seed alone, SEEDS as many as wanted.
func TestSimulateReplace(t *testing.T) {
	seeds, first := 18, 1
	if n, err := strconv.Atoi(os.Getenv("SEEDS")); err == nil {
		seeds = n
	}
	if testing.Short() {
		seeds = 6
	}
	if n, err := strconv.Atoi(os.Getenv("SEED")); err == nil {
		first, seeds = n, 1
	}
	for seed := first; seed < first+seeds; seed++ {
		t.Run(fmt.Sprint("seed", seed), func(t *testing.T) {
			t.Parallel() // each waits for its own fsyncs
			synctest.Test(t, func(t *testing.T) { simulateReplace(t, uint64(seed)) })
		})
	}
}

// debts is a simulated exchange in which each reference is one debt that is asked for anew with other amounts.
type debts struct {
	*simWorld
	personality sandbox.Personality
	dropped     map[string]int // rows of each file
	lives       int
}

func newDebts(t *testing.T, seed uint64, personality sandbox.Personality, faults sandbox.Faults, rules string) *debts {
	w := &debts{simWorld: &simWorld{dir: t.TempDir(), rng: rand.New(rand.NewPCG(seed, 11))}, personality: personality, dropped: map[string]int{}}
	script, err := sandbox.ParseScript([]byte(rules))
	if err != nil {
		t.Fatal(err)
	}
	if w.psp, err = sandbox.New(sandbox.Options{Personality: personality, Seed: seed, Script: script, Faults: faults}); err != nil {
		t.Fatal(err)
	}
	w.folders(t)
	w.flow = func(f *Flow) { f.OnKnown = "replace_unpaid" }
	return w
}

func simulateReplace(t *testing.T, seed uint64) {
	personality := []sandbox.Personality{sandbox.None, sandbox.Idempotent, sandbox.Unique}[seed%3]
	rules := `rules: []`
	if seed%5 == 0 { // the PSP takes its time over cancels
		rules = `operations: [{operation: cancel, pending: 90s}]`
	}
	w := newDebts(t, seed, personality, sandbox.Faults{Share: map[sandbox.Fault]float64{sandbox.Lost: 0.15, sandbox.Cut: 0.05, "503": 0.05, sandbox.Late: 0.1, "done-503": 0.05}, RetryAfter: "3", Delay: sandbox.Duration(20 * time.Second)}, rules)
	w.wrap = func(g Gateway) Gateway {
		c := hasty{g.(simGateway), func() {
			if w.chance(12) {
				w.pay(t, fmt.Sprint("D", 1+w.draw(3)))
			}
		}}
		if seed%2 == 0 {
			return blind{c}
		}
		return c
	}
	for file := range 4 {
		var b strings.Builder
		b.WriteString("Facture;Montant\n")
		rows := 0
		for debt := 1; debt <= 3; debt++ {
			if file == 0 || w.chance(2) {
				fmt.Fprintf(&b, "D%d;%d,00\n", debt, file+1)
				rows++
			}
		}
		if rows > 0 {
			w.file(t, fmt.Sprint("s", file, ".csv"), b.String(), rows)
		}
		for range 3 {
			w.life(t, 1+w.draw(90))
			if w.chance(10) {
				w.pay(t, fmt.Sprint("D", 1+w.draw(3)))
			}
			if w.chance(3) {
				w.release(t)
			}
			time.Sleep(time.Duration(w.draw(200)) * time.Second)
		}
	}
	w.rest(t)
	w.settled(t, fmt.Sprint("seed ", seed))
}

func (w *debts) draw(n int) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.rng.IntN(n)
}

// chance is true once in n times.
func (w *debts) chance(n int) bool { return w.draw(n) == 0 }

func (w *debts) file(t *testing.T, name, text string, rows int) {
	w.dropped[strings.TrimSuffix(name, ".csv")] = rows
	if err := os.WriteFile(filepath.Join(w.dir, "in", name), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// pay lets the customer pay what may be paid of a debt: a PSP takes no money for what is closed.
func (w *debts) pay(t *testing.T, reference string) {
	for _, e := range w.history(t) {
		if e.reference == reference && e.payable {
			if _, _, err := w.psp.Act(sandbox.Deed{ID: e.id, Step: sandbox.Step{Pay: "full"}}); err != nil {
				t.Error(err)
			}
			return
		}
	}
}

// release is a person who lets go on whatever is held.
func (w *debts) release(t *testing.T) {
	if j, err := sqlite.View(t.Context(), filepath.Join(w.dir, "state"), journal.Options{}); err != nil {
		return // it ended before it had a journal
	} else if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	for _, r := range w.rows(t) {
		if r.State != string(payment.Held) {
			continue
		}
		w.view(t, func(j *journal.Journal) error {
			_, err := j.WriteCommand(t.Context(), journal.Command{Verb: "release", Subject: fmt.Sprint("r", r.RowID), Reason: "test", ActorKind: "user", ActorID: "1", ActorName: "tester"})
			return err
		})
	}
}

// life runs the process until it ends at an act (acts < 0: until nothing is left to do).
func (w *debts) life(t *testing.T, acts int) (ended bool) {
	w.mu.Lock()
	w.crash, w.acts = false, acts
	w.mu.Unlock()
	w.lives++
	err := w.run(t, w.personality)
	if err != nil && !w.crashed() && !errors.Is(err, ErrTrouble) {
		t.Fatal(err)
	}
	return err == nil && !w.crashed()
}

// rest lets everything come to an end in peace.
func (w *debts) rest(t *testing.T) {
	quiet := 0
	for range 30 {
		if w.life(t, -1); w.unfinished(t) == 0 {
			if quiet++; quiet == 2 {
				return
			}
			time.Sleep(2 * time.Hour) // past the flow's patience: what is held is answered as such
		}
		time.Sleep(10 * time.Minute)
	}
	t.Errorf("it does not come to rest: %d unfinished", w.unfinished(t))
}

func (w *debts) view(t *testing.T, fn func(*journal.Journal) error) {
	j, err := sqlite.View(t.Context(), filepath.Join(w.dir, "state"), journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	if err := fn(j); err != nil {
		t.Fatal(err)
	}
}

func (w *debts) rows(t *testing.T) (list []journal.Entry) {
	w.view(t, func(j *journal.Journal) (err error) { list, err = j.Entries(t.Context(), "", "", 1000); return err })
	return list
}

// unfinished counts what still has something to do: held rows wait for a person, who is not here.
func (w *debts) unfinished(t *testing.T) (n int) {
	for _, r := range w.rows(t) {
		switch payment.State(r.State) {
		case payment.Accepted, payment.Sending, payment.Uncertain, payment.Pending:
			n++
		}
	}
	return n
}

// asked is one request as the PSP's own book tells of it.
type asked struct {
	id, reference string
	state         payment.State
	payable       bool
}

// history reads the PSP's book: each request as it stands now, in the order they were made. It fails the test where at
// any moment a debt could have been paid twice.
func (w *debts) history(t *testing.T) (list []*asked) {
	g, err := w.psp.Gateway("")
	if err != nil {
		t.Fatal(err)
	}
	ledger, err := w.psp.Ledger()
	if err != nil {
		t.Fatal(err)
	}
	of := map[string]string{}
	for _, e := range ledger.Keys {
		for _, id := range e.Objects {
			of[id] = e.Reference
		}
	}
	known := map[string]*asked{}
	for cursor := ""; ; {
		changes, next, err := g.Changes(context.Background(), cursor, 1000)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range changes {
			a := known[c.Now.PaymentID]
			if a == nil {
				a = &asked{id: c.Now.PaymentID, reference: of[c.Now.PaymentID]}
				known[a.id] = a
				list = append(list, a)
			}
			a.state = c.Now.State
			a.payable = a.state == payment.Open || a.state == payment.Authorised
			var live []string
			for _, b := range list {
				if b.reference == a.reference && (b.payable || b.state == payment.Paid) {
					live = append(live, b.id+" "+string(b.state))
				}
			}
			if len(live) > 1 {
				t.Errorf("debt %s can be paid twice: %v", a.reference, live)
			}
		}
		if next == cursor || len(changes) == 0 {
			return list
		}
		cursor = next
	}
}

// settled holds the end against what was promised.
func (w *debts) settled(t *testing.T, what string) {
	book := map[string]*asked{}
	live := map[string]int{}
	for _, a := range w.history(t) {
		book[a.id] = a
		if a.payable || a.state == payment.Paid {
			live[a.reference]++
		}
	}
	rows := w.rows(t)
	seen := map[string]bool{}
	w.view(t, func(j *journal.Journal) error {
		differs, err := j.CheckTally(t.Context())
		if differs != "" {
			t.Errorf("%s: tally: %s", what, differs)
		}
		for _, r := range rows {
			seen[r.Reference] = true
			items, err := j.Where(t.Context(), r.Reference)
			if err != nil {
				return err
			}
			for _, it := range items {
				if a := book[it.OwnPaymentID]; it.Kind == payment.Request && a != nil && a.state != it.State {
					t.Errorf("%s: %s is %s, the PSP says %s", what, it.OwnPaymentID, it.State, a.state)
				}
			}
		}
		return err
	})
	for ref := range seen {
		if live[ref] != 1 { // none: the debt is no longer asked for, and nobody paid it
			t.Errorf("%s: of debt %s %d requests are open or paid, want one", what, ref, live[ref])
		}
	}
	ledger, err := w.psp.Ledger()
	if err != nil {
		t.Fatal(err)
	}
	if ledger.Doubled != 0 {
		t.Errorf("%s: %d keys took effect twice", what, ledger.Doubled)
	}
	w.answered(t, what)
	if t.Failed() {
		for _, a := range w.history(t) {
			t.Logf("%+v", *a)
		}
		slices.SortFunc(rows, func(a, b journal.Entry) int { return int(a.RowID - b.RowID) })
		for _, r := range rows {
			t.Logf("%+v", r)
		}
	}
}

// answered wants an ack of every row that was dropped, and a result of every file of which something was taken.
func (w *debts) answered(t *testing.T, what string) {
	for stem, rows := range w.dropped {
		ack, err := os.ReadFile(filepath.Join(w.dir, "out", stem+".ack.csv"))
		if err != nil {
			t.Errorf("%s: %v", what, err)
			continue
		}
		if n := strings.Count(string(ack), "\n") - 1; n != rows {
			t.Errorf("%s: %s: %d rows are acknowledged, %d were dropped", what, stem, n, rows)
		}
		if !strings.Contains(string(ack), ";accepted;") {
			continue
		}
		result, err := os.ReadFile(filepath.Join(w.dir, "out", stem+".ret.csv"))
		if err != nil {
			t.Errorf("%s: %v", what, err)
			continue
		}
		if n := strings.Count(string(result), "\n") - 1; n != rows {
			t.Errorf("%s: %s: %d rows are answered, %d were dropped", what, stem, n, rows)
		}
	}
}

// TestReplaceAtEachAct ends the process at every single act of one replacement, one after another; where answers of the
// cancel or of the new request are lost or late there are many more acts, and each 41st is tried. STEP says another.
func TestReplaceAtEachAct(t *testing.T) {
	const well = "all is well"
	for name, next := range map[string][]sandbox.Fault{well: nil, "the cancel's answer is lost": {sandbox.Lost}, "the cancel is late": {sandbox.Late},
		"the request's answer is lost": {"", sandbox.Lost}, "the request is late": {"", sandbox.Late}} {
		step := 41
		if name == well {
			step = 1
		}
		if testing.Short() {
			step *= 9
		}
		if n, err := strconv.Atoi(os.Getenv("STEP")); err == nil {
			step = n
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for n, ended := 1, false; !ended; n += step {
				synctest.Test(t, func(t *testing.T) {
					w := newDebts(t, uint64(n), sandbox.None, sandbox.Faults{}, `rules: []`)
					w.file(t, "a.csv", "Facture;Montant\nD1;1,00\n", 1)
					w.life(t, -1)
					if err := w.psp.SetFaults(sandbox.Faults{Next: next, Delay: sandbox.Duration(20 * time.Second)}); err != nil {
						t.Fatal(err)
					}
					w.file(t, "b.csv", "Facture;Montant\nD1;2,00\n", 1)
					if ended = w.life(t, n); ended && n < 100 {
						t.Errorf("only %d acts: the hooks are not asked", n-1)
					}
					w.rest(t)
					w.settled(t, fmt.Sprint("act ", n))
					if list := w.history(t); len(list) != 2 || list[0].state != payment.Cancelled || list[1].state != payment.Open {
						t.Errorf("act %d: %d requests, want the first cancelled and the second open", n, len(list))
					}
				})
				if t.Failed() {
					return
				}
			}
		})
	}
}
