package connector

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/navette-connect/navette/connector/config"
	"github.com/navette-connect/navette/connector/gateway/sandbox"
	"github.com/navette-connect/navette/connector/journal"
	"github.com/navette-connect/navette/connector/journal/sqlite"
	"github.com/navette-connect/navette/connector/payment"
	"github.com/navette-connect/navette/mappings"
	"github.com/navette-connect/navette/mappings/csvfile"
	"github.com/navette-connect/navette/transports"
	"github.com/navette-connect/navette/transports/local"
)

const simMapping = `navette: mapping/v1
name: sim
kind: request
locale: fr
source: {format: csv, encoding: utf-8, delimiter: ";", header: 1, decimal: ","}
fields:
  - {name: reference, column: Facture, required: true}
  - {name: amount, column: Montant, type: amount, required: true}
`

// TestSimulation runs the whole connector on simulated time, with real folders and a real journal, and ends it at acts
// chosen by a seed: before or after a commit, an fsync, a rename, an exchange with a PSP that loses answers. Minutes of
// settling pass in no time. A failure names its seed; SEED runs one alone, SEEDS as many as wanted.
func TestSimulation(t *testing.T) {
	seeds := 24
	if n, err := strconv.Atoi(os.Getenv("SEEDS")); err == nil {
		seeds = n
	}
	if testing.Short() {
		seeds = 8
	}
	first := 1
	if n, err := strconv.Atoi(os.Getenv("SEED")); err == nil {
		first, seeds = n, 1
	}
	for seed := first; seed < first+seeds; seed++ {
		t.Run(fmt.Sprint("seed", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { simulate(t, uint64(seed)) })
		})
	}
}

// simWorld is one simulated exchange.
type simWorld struct {
	dir   string
	rng   *rand.Rand
	psp   *sandbox.PSP
	want  map[string]bool
	mu    sync.Mutex
	acts  int // until the crash; < 0: none
	crash bool
	flow  func(*Flow)           // changes the flow, if not nil
	wrap  func(Gateway) Gateway // stands before the gateway, if not nil
}

// act counts down to the crash; after it nothing takes effect any more.
func (w *simWorld) act() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.crash {
		return errCrash
	}
	if w.acts--; w.acts == 0 {
		w.crash = true
		return errCrash
	}
	return nil
}

func (w *simWorld) crashed() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.crash
}

// simGateway is the sandbox in process, cut off once the crash has come.
type simGateway struct {
	*sandbox.Gateway
	w *simWorld
}

func (g simGateway) Submit(ctx context.Context, in *payment.Instruction) (payment.Outcome, error) {
	if g.w.crashed() {
		return payment.Outcome{}, payment.ErrUncertain
	}
	return g.Gateway.Submit(ctx, in)
}

func simulate(t *testing.T, seed uint64) {
	w := &simWorld{dir: t.TempDir(), rng: rand.New(rand.NewPCG(seed, 7)), want: map[string]bool{}}
	personality := []sandbox.Personality{sandbox.None, sandbox.Idempotent, sandbox.Unique}[seed%3]
	script, err := sandbox.ParseScript([]byte(`rules: [{every: 2, after: 1m, pay: full}]`))
	if err != nil {
		t.Fatal(err)
	}
	if w.psp, err = sandbox.New(sandbox.Options{Personality: personality, Seed: seed, Script: script,
		Faults: sandbox.Faults{Share: map[sandbox.Fault]float64{sandbox.Lost: 0.15, sandbox.Cut: 0.05, "503": 0.05, sandbox.Late: 0.05, "done-503": 0.05}, RetryAfter: "3", Delay: sandbox.Duration(20 * time.Second)}}); err != nil {
		t.Fatal(err)
	}
	w.folders(t)
	for round := 0; ; round++ {
		if round < 6 && w.rng.IntN(2) == 0 || round == 0 {
			w.drop(t, round)
		}
		w.mu.Lock()
		w.crash, w.acts = false, -1
		if round < 12 {
			w.acts = 1 + w.rng.IntN(60)
		}
		w.mu.Unlock()
		err := w.run(t, personality)
		if err == nil && round >= 12 {
			break
		}
		if err != nil && !w.crashed() && !errors.Is(err, ErrTrouble) {
			t.Fatalf("seed %d, round %d: %v", seed, round, err)
		}
		if round > 40 {
			t.Fatalf("seed %d does not come to rest: %v", seed, err)
		}
		time.Sleep(time.Duration(w.rng.IntN(200)) * time.Second)
	}
	w.verify(t, seed)
}

func (w *simWorld) folders(t *testing.T) {
	for _, d := range []string{"in", "out", "done", "rejected"} {
		if err := os.Mkdir(filepath.Join(w.dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

func (w *simWorld) drop(t *testing.T, round int) {
	var b strings.Builder
	b.WriteString("Facture;Montant\n")
	for i := range 1 + w.rng.IntN(8) {
		ref := fmt.Sprintf("S%d-%d", round, i)
		w.want[ref] = true
		fmt.Fprintf(&b, "%s;%d,00\n", ref, 1+i)
	}
	if err := os.WriteFile(filepath.Join(w.dir, "in", fmt.Sprintf("s%d.csv", round)), []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

// run is one life of the process, until its crash or until nothing is left to do.
func (w *simWorld) run(t *testing.T, p sandbox.Personality) (err error) {
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Hour) // longer than anything a single pass may wait for
	defer cancel()
	hook := func(string) error { return w.act() }
	j, err := sqlite.Open(t.Context(), filepath.Join(w.dir, "state"), journal.Options{Fault: hook})
	if err != nil {
		return err
	}
	defer func() {
		if e := j.Close(); e != nil && err == nil {
			err = e
		}
	}()
	spool, err := OpenSpool(filepath.Join(w.dir, "spool"), hook)
	if err != nil {
		return err
	}
	m, err := mappings.Load("sim", []byte(simMapping), mappings.Options{Formats: map[string]func(mappings.Source) (mappings.Format, error){"csv": csvfile.New}})
	if err != nil {
		t.Fatal(err)
	}
	gw, err := w.psp.Gateway("")
	if err != nil {
		t.Fatal(err)
	}
	box := local.New(local.Options{Fault: func(string, string) error { return w.act() }})
	at := func(d string) string { return filepath.Join(w.dir, d) }
	flow := &Flow{Flow: config.Flow{Name: "f", In: at("in"), Out: at("out"), Done: at("done"), Rejected: at("rejected"), Quiet: time.Second, Poll: time.Second, StatusEvery: time.Minute, Patience: time.Hour,
		Returns: []string{"ack", "rejects", "result", "status"}, OnError: "reject_row", OnKnown: "ignore", FirstFile: "send", FileMode: 0o640, MatchCase: true},
		Inbox: simBox{box}, Outbox: simBox{box}, Mapping: m, Account: "sandbox:test"}
	if w.flow != nil {
		w.flow(flow)
	}
	account := &Account{Config: config.Gateway{Name: "psp", Account: "sandbox:test", Timeout: 10 * time.Second, Concurrency: 3, Settle: 2 * time.Minute, Poll: time.Minute, Window: 24 * time.Hour, Idempotent: p == sandbox.Idempotent}, Gateway: simGateway{gw, w}}
	if w.wrap != nil {
		account.Gateway = w.wrap(account.Gateway)
	}
	return New(Setup{Journal: j, Spool: spool, Log: zerolog.Nop(), Flows: []*Flow{flow}, Accounts: []*Account{account}, Fault: hook}).Once(ctx, time.Hour)
}

// simBox hides the abilities that need the real kernel's time.
type simBox struct{ transports.Box }

func (w *simWorld) verify(t *testing.T, seed uint64) {
	ledger, err := w.psp.Ledger()
	if err != nil {
		t.Fatal(err)
	}
	j, err := sqlite.View(t.Context(), filepath.Join(w.dir, "state"), journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	if differs, err := j.CheckTally(t.Context()); differs != "" || err != nil {
		t.Errorf("seed %d: tally: %s %v", seed, differs, err)
	}
	effects := map[string]int{}
	for _, e := range ledger.Keys {
		effects[e.Reference] += e.Effects
	}
	for ref := range w.want {
		if effects[ref] != 1 {
			t.Errorf("seed %d: %s took effect %d times", seed, ref, effects[ref])
		}
	}
	results, err := filepath.Glob(filepath.Join(w.dir, "out", "*.ret.csv"))
	if err != nil {
		t.Fatal(err)
	}
	lines := 0
	for _, r := range results {
		b, err := os.ReadFile(r)
		if err != nil {
			t.Fatal(err)
		}
		lines += strings.Count(string(b), "\n") - 1
		if n := strings.Count(string(b), ";sent;"); n != strings.Count(string(b), "\n")-1 {
			t.Errorf("seed %d: %s does not say sent of every row:\n%s", seed, filepath.Base(r), b)
		}
	}
	if lines != len(w.want) {
		t.Errorf("seed %d: results answer %d rows, %d were dropped", seed, lines, len(w.want))
	}
	if t.Failed() {
		w.dump(t)
	}
}

// dump shows where everything stands, to understand a failure.
func (w *simWorld) dump(t *testing.T) {
	err := filepath.WalkDir(w.dir, func(p string, _ os.DirEntry, err error) error {
		t.Log(strings.TrimPrefix(p, w.dir), err)
		return nil
	})
	j, err2 := sqlite.View(t.Context(), filepath.Join(w.dir, "state"), journal.Options{})
	if err = errors.Join(err, err2); err != nil {
		t.Log(err)
		return
	}
	defer j.Close()
	files, err := j.RecentFiles(t.Context(), "", 100)
	t.Log(err)
	rows, err := j.Entries(t.Context(), "f", "", 1000)
	t.Log(err)
	for _, r := range rows {
		if r.State != string(payment.Open) && r.State != string(payment.Paid) {
			t.Logf("%+v", r)
		}
	}
	due, err := j.DueBefore(t.Context(), "look", "sandbox:test", 1<<60, 1000)
	t.Logf("due %+v, %v", due, err)
	for _, f := range files {
		t.Logf("%d %s %s %s place %q claim %q rows %d accepted %d", f.ID, f.Name, f.State, f.Code, filepath.Base(f.Place), filepath.Base(f.Claim), f.Rows, f.Accepted)
	}
}
