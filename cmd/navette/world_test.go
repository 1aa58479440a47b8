package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/navette-connect/navette/connector/gateway/sandbox"
)

// world is a small exchange made from one seed: folders, a PSP that keeps its own ledger, files, and what must become of
// each row. Everything is checked from outside, against the ledger and the files.
type world struct {
	dir     string
	rng     *rand.Rand
	psp     *sandbox.PSP
	url     string
	want    map[string]string // reference -> amount: what must reach the PSP, once
	rows    map[string]int    // file -> rows in it
	dropped map[string][]byte
	repeats map[string]string // file -> name under which the same bytes were dropped again
	next    int
	binary  string // navette to run; "" = this test binary
}

const worldMapping = `navette: mapping/v1
name: w
kind: request
locale: fr
source: {format: csv, encoding: utf-8, delimiter: ";", header: 1, decimal: ",", dates: ["%d/%m/%Y"]}
fields:
  - {name: reference, column: Facture, required: true}
  - {name: amount, column: Montant, type: amount, required: true}
  - {name: due_on, column: Echeance, type: date}
  - {name: customer.email, column: Courriel, type: email}
`

// personalities of PSPs (facts: honours keys; only looks up; unique reference).
var personalities = []sandbox.Personality{sandbox.None, sandbox.Idempotent, sandbox.Unique}

func newWorld(t testing.TB, seed uint64, p sandbox.Personality, faults sandbox.Faults) *world {
	t.Helper()
	return newScripted(t, seed, p, faults, `rules: [{every: 3, after: 50ms, pay: full}]`)
}

// newScripted is newWorld with customers who do what a script of the sandbox says.
func newScripted(t testing.TB, seed uint64, p sandbox.Personality, faults sandbox.Faults, rules string) *world {
	t.Helper()
	w := &world{dir: t.TempDir(), rng: rand.New(rand.NewPCG(seed, 1)), want: map[string]string{}, rows: map[string]int{}, dropped: map[string][]byte{}, repeats: map[string]string{}}
	script, err := sandbox.ParseScript([]byte(rules))
	if err != nil {
		t.Fatal(err)
	}
	if w.psp, err = sandbox.New(sandbox.Options{Personality: p, Faults: faults, Seed: seed, Script: script}); err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(w.psp.Handler())
	t.Cleanup(srv.Close)
	w.url = srv.URL
	for _, d := range []string{"etc/mappings", "state", "in", "out", "done", "rejected"} {
		if err := os.MkdirAll(filepath.Join(w.dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	config := fmt.Sprintf(`gateways:
  psp: {type: http, mode: test, url: %q, token: {file: %[2]s/etc/token}, concurrency: 4, timeout: 2s, settle: 60ms, poll: 100ms, idempotent: %v}
flows:
  f: {in: %[2]s/in, out: %[2]s/out, done: %[2]s/done, rejected: %[2]s/rejected, quiet: 0s, poll: 50ms, status_every: 100ms, patience: 10m, mapping: w, gateway: psp}
`, w.url, w.dir, p == sandbox.Idempotent)
	for name, text := range map[string]string{"etc/navette.yaml": config, "etc/mappings/w.yaml": worldMapping, "etc/token": "canary-token\n"} {
		if err := os.WriteFile(filepath.Join(w.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

// drop puts a file of n rows into the folder, whole; some of its rows are bad, and some files come a second time.
func (w *world) drop(t testing.TB, n int) {
	t.Helper()
	w.next++
	name := fmt.Sprintf("f%04d.csv", w.next)
	var b bytes.Buffer
	b.WriteString("Facture;Montant;Echeance;Courriel\r\n")
	for i := range n {
		ref := fmt.Sprintf("R%04d-%03d", w.next, i)
		cents := 100 + w.rng.IntN(1000000)
		amount := fmt.Sprintf("%d,%02d", cents/100, cents%100)
		mail := fmt.Sprintf("c%d@canary.example", i)
		if w.rng.IntN(10) == 0 {
			amount = "1.250,00" // refused: never guessed
		} else {
			w.want[ref] = fmt.Sprint(cents)
		}
		fmt.Fprintf(&b, "%s;%s;02/12/2026;%s\r\n", ref, amount, mail)
	}
	w.rows[name] = n
	w.dropped[name] = b.Bytes()
	w.put(t, name, b.Bytes())
	if w.rng.IntN(4) == 0 {
		w.repeats[name] = "again-" + name
		w.put(t, w.repeats[name], b.Bytes())
	}
}

func (w *world) put(t testing.TB, name string, b []byte) {
	t.Helper()
	tmp := filepath.Join(w.dir, "."+name)
	if err := os.WriteFile(tmp, b, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(tmp, filepath.Join(w.dir, "in", name)); err != nil {
		t.Fatal(err)
	}
}

// environ is what a process of this world is started with.
func (w *world) environ() []string {
	return append(os.Environ(), "NAVETTE_CONFIG_DIR="+filepath.Join(w.dir, "etc"), "NAVETTE_STATE_DIR="+filepath.Join(w.dir, "state"), "NAVETTE_LISTEN=off", "NAVETTE_LOG_LEVEL=warn", "NAVETTE_LOG_FORMAT=json", "NAVETTE_LANG=fr")
}

// check holds the invariants against the ledger and the folders; it returns everything that is broken.
func (w *world) check() error {
	var errs []error
	fail := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	ledger, err := w.psp.Ledger()
	if err != nil {
		return err
	}
	effects, keys := map[string]int{}, map[string]int{}
	for _, e := range ledger.Keys {
		effects[e.Reference] += e.Effects
		keys[e.Reference]++
		if len(e.Bodies) > 1 {
			fail("%s: one key with %d bodies", e.Reference, len(e.Bodies))
		}
	}
	for ref := range w.want { // none lost, none doubled, no drift of keys
		if effects[ref] != 1 || keys[ref] != 1 {
			fail("%s: %d effects under %d keys, want one under one", ref, effects[ref], keys[ref])
		}
	}
	for ref := range effects {
		if _, ok := w.want[ref]; !ok {
			fail("%s was sent: it must not be", ref)
		}
	}
	for name, n := range w.rows { // every row in exactly one result line, and every file an answer
		if again := w.repeats[name]; again != "" { // whichever was ready second is the duplicate
			if rows, err := readCSV(w.ack(name)); err == nil && len(rows) == 1 && rows[0]["state"] == "duplicate" {
				name, again = again, name
			}
			if rows, err := readCSV(w.ack(again)); err != nil || len(rows) != 1 || rows[0]["state"] != "duplicate" || rows[0]["code"] != "NV-1402" {
				fail("%s is not answered as a duplicate: %v, %w", again, rows, err)
			}
		}
		stem := strings.TrimSuffix(name, ".csv")
		for suffix, column := range map[string]string{".ack.csv": "state", ".ret.csv": "nv_state"} {
			rows, err := readCSV(filepath.Join(w.dir, "out", stem+suffix))
			if err != nil {
				fail("%s: %w", name, err)
				continue
			}
			if len(rows) != n {
				fail("%s%s has %d rows, want %d", stem, suffix, len(rows), n)
			}
			for _, r := range rows {
				ref := r["reference"] + r["Facture"]
				state := r[column]
				_, good := w.want[ref]
				want := map[string]string{".ack.csv": "accepted", ".ret.csv": "sent"}[suffix]
				if !good {
					want = "rejected"
				}
				if state != want {
					fail("%s%s: %s is %q, want %q", stem, suffix, ref, state, want)
				}
			}
		}
	}
	errs = append(errs, w.checkStatus(ledger)...)
	errs = append(errs, w.checkFolders()...)
	return errors.Join(errs...)
}

func (w *world) ack(name string) string {
	return filepath.Join(w.dir, "out", strings.TrimSuffix(name, ".csv")+".ack.csv")
}

// checkStatus holds the status files against what the PSP's customers paid: each payment told once, numbers gapless.
func (w *world) checkStatus(ledger sandbox.Ledger) (errs []error) {
	names, _ := filepath.Glob(filepath.Join(w.dir, "out", "STATUS_f_*.csv"))
	told := map[string]int{}
	for i, name := range names {
		if !strings.HasSuffix(name, fmt.Sprintf("_%06d.csv", i+1)) {
			errs = append(errs, fmt.Errorf("status files have a gap at %d: %s", i+1, filepath.Base(name)))
		}
		rows, err := readCSV(name)
		if err != nil || len(rows) == 0 {
			errs = append(errs, fmt.Errorf("%s: %d rows, %w", filepath.Base(name), len(rows), err))
		}
		for _, r := range rows {
			if r["event"] == "paid" {
				told[r["reference"]]++
			}
		}
	}
	for ref, n := range told {
		if n != 1 {
			errs = append(errs, fmt.Errorf("%s: paid was told %d times", ref, n))
		}
	}
	return errs
}

// checkFolders: the drop folder is empty, every original is kept byte for byte, nothing temporary lies about.
func (w *world) checkFolders() (errs []error) {
	kept := map[string]int{}
	for _, dir := range []string{"in", "out", "done", "rejected"} {
		entries, err := os.ReadDir(filepath.Join(w.dir, dir))
		if err != nil {
			errs = append(errs, err)
		}
		for _, e := range entries {
			if strings.HasPrefix(e.Name(), ".navette-journal-") && dir == "done" { // the journal's marker
				continue
			}
			if strings.HasPrefix(e.Name(), ".") || dir == "in" {
				errs = append(errs, fmt.Errorf("left behind: %s/%s", dir, e.Name()))
			}
			if dir == "done" {
				b, err := os.ReadFile(filepath.Join(w.dir, dir, e.Name()))
				if err != nil {
					errs = append(errs, err)
				}
				kept[string(b)]++
			}
		}
	}
	total := 0
	for name, b := range w.dropped {
		if kept[string(b)] == 0 {
			errs = append(errs, fmt.Errorf("%s is not in done, byte for byte", name))
		}
		total += kept[string(b)]
	}
	if total != len(w.dropped)+len(w.repeats) {
		errs = append(errs, fmt.Errorf("%d files kept, %d were dropped", total, len(w.dropped)+len(w.repeats)))
	}
	return errs
}

func readCSV(name string) ([]map[string]string, error) {
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	r := csv.NewReader(bytes.NewReader(b))
	r.Comma = ';'
	records, err := r.ReadAll()
	if err != nil || len(records) == 0 {
		return nil, fmt.Errorf("%s: %d bytes, %w", filepath.Base(name), len(b), err)
	}
	var rows []map[string]string
	for _, rec := range records[1:] {
		m := map[string]string{}
		for i, v := range rec {
			m[records[0][i]] = v
		}
		rows = append(rows, m)
	}
	return rows, nil
}

// watcher is an impatient ERP: it reads whatever appears in the folder at once, and remembers it. A return that is ever
// seen partial, or that changes after it was seen, is a fault.
type watcher struct {
	dir   string
	seen  map[string]string
	fault error
	done  chan struct{}
}

func watch(ctx context.Context, dir string) *watcher {
	w := &watcher{dir: dir, seen: map[string]string{}, done: make(chan struct{})}
	go func() {
		defer close(w.done)
		for ctx.Err() == nil {
			w.look()
			time.Sleep(time.Millisecond)
		}
	}()
	return w
}

func (w *watcher) look() {
	entries, _ := os.ReadDir(w.dir)
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") || w.seen[e.Name()] != "" {
			continue
		}
		b, err := os.ReadFile(filepath.Join(w.dir, e.Name()))
		if err != nil {
			continue
		}
		if len(b) == 0 || !bytes.HasSuffix(b, []byte("\r\n")) {
			w.fault = errors.Join(w.fault, fmt.Errorf("%s was seen partial: %d bytes", e.Name(), len(b)))
		}
		w.seen[e.Name()] = string(b)
	}
}

// verify tells what was seen partial, or changed after it was seen. The watcher's context must have ended.
func (w *watcher) verify() error {
	<-w.done
	err := w.fault
	for name, was := range w.seen {
		b, e := os.ReadFile(filepath.Join(w.dir, name))
		if errors.Is(e, fs.ErrNotExist) || string(b) != was {
			err = errors.Join(err, fmt.Errorf("%s changed after it was published", name))
		}
	}
	return err
}
