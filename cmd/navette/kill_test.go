package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/navette-connect/navette/connector/config"
	"github.com/navette-connect/navette/connector/gateway/sandbox"
)

const (
	asNavette = "TEST_AS_NAVETTE" // run as navette
	killAt    = "TEST_KILL_AT"    // kill ourselves at the Nth act that a crash may cut short
)

// childMain is navette with the hooks of the tests.
func childMain() int {
	a := &app{env: config.ReadEnvironment(), in: os.Stdin, out: os.Stdout, errs: os.Stderr}
	if n, err := strconv.ParseInt(os.Getenv(killAt), 10, 64); err == nil {
		var acts atomic.Int64
		act := func() error {
			if acts.Add(1) == n {
				_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
				select {} // until the signal arrives
			}
			return nil
		}
		a.hooks = hooks{folder: func(string, string) error { return act() }, journal: func(string) error { return act() }, point: func(string) error { return act() }}
		defer func() { fmt.Fprintf(os.Stderr, "acts=%d\n", acts.Load()) }()
	}
	root := a.root()
	root.SetArgs(os.Args[1:])
	err := root.ExecuteContext(context.Background())
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	return exitCode(err)
}

func (w *world) command(t testing.TB, args ...string) (*exec.Cmd, *bytes.Buffer) {
	t.Helper()
	self := w.binary
	if self == "" {
		var err error
		if self, err = os.Executable(); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(self, args...)
	cmd.Env = append(w.environ(), asNavette+"=1")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	return cmd, &out
}

// finish lets navette run in peace until nothing is left to do.
func (w *world) finish(t testing.TB) (log string) {
	t.Helper()
	for pass := range 3 { // the second pass tells what the first one's requests became; the third must find nothing
		if pass > 0 {
			time.Sleep(60 * time.Millisecond)
		}
		cmd, out := w.command(t, "once")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		// The PSP's 503s let some twenty rows a second pass: a file of thousands takes longer than two minutes.
		endless := time.AfterFunc(max(2*time.Minute, time.Duration(len(w.want))*100*time.Millisecond), func() { _ = cmd.Process.Kill() })
		err := cmd.Wait()
		endless.Stop()
		if err != nil {
			t.Fatalf("once: %v\n%s", err, out)
		}
		log += out.String()
	}
	return log
}

// long leaves a test out of a quick run, at home alone.
func long(t *testing.T, why string) {
	t.Helper()
	if testing.Short() && os.Getenv("CI") == "" {
		t.Skip(why)
	}
}

func kills(t testing.TB) int {
	if n, err := strconv.Atoi(os.Getenv("KILLS")); err == nil {
		return n
	}
	if testing.Short() {
		return 12
	}
	return 105
}

// TestKill kills the real daemon again and again while files keep coming, for each personality of PSP: nothing is lost,
// nothing is doubled, and nobody ever sees half a return.
func TestKill(t *testing.T) {
	for _, p := range personalities {
		t.Run(string(p), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, 42, p, sandbox.Faults{Share: map[sandbox.Fault]float64{sandbox.Lost: 0.1, sandbox.Garbled: 0.02, "503": 0.03, "done-500": 0.03, "done-503": 0.03}, RetryAfter: "0"})
			log := w.torment(t, kills(t)/len(personalities))
			if err := w.check(); err != nil {
				t.Errorf("%v\n--- log\n%s", err, tail(log))
			}
			if strings.Contains(log, "canary") {
				t.Error("a secret or an address is in the log")
			}
			before, err := w.psp.Ledger()
			if err != nil {
				t.Fatal(err)
			}
			w.finish(t)
			after, err := w.psp.Ledger()
			if err != nil {
				t.Fatal(err)
			}
			if after.Totals.Arrivals != before.Totals.Arrivals {
				t.Errorf("%d requests were sent after all was quiet", after.Totals.Arrivals-before.Totals.Arrivals)
			}
			t.Logf("%d rows, %d POSTs, %d look-ups, %d answers withheld", len(w.want), after.Totals.Arrivals, after.Totals.Lookups, after.Totals.Withheld)
		})
	}
}

// torment runs and kills the daemon n times, dropping files all along, then lets it finish.
func (w *world) torment(t testing.TB, n int) (log string) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	erp := watch(ctx, filepath.Join(w.dir, "out"))
	for i := range n {
		if i%2 == 0 {
			w.drop(t, 3+w.rng.IntN(150))
		}
		cmd, out := w.command(t, "run")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(20+w.rng.IntN(200)) * time.Millisecond)
		if err := cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
			t.Fatal(err)
		}
		var exit *exec.ExitError
		if err := cmd.Wait(); !errors.As(err, &exit) || exit.ExitCode() >= 0 {
			t.Fatalf("the daemon ended by itself (%v):\n%s", err, out)
		}
		log += out.String()
	}
	log += w.finish(t)
	stop()
	if err := erp.verify(); err != nil {
		t.Error(err)
	}
	return log
}

// TestKillAtEachAct kills navette at every single fsync, rename, commit and submit of a small world, one after another.
func TestKillAtEachAct(t *testing.T) {
	most := 2000
	if testing.Short() {
		most = 10
	}
	for _, p := range []sandbox.Personality{sandbox.None, sandbox.Idempotent} {
		t.Run(string(p), func(t *testing.T) {
			t.Parallel()
			for n := 1; n <= most; n++ {
				w := newWorld(t, uint64(n), p, sandbox.Faults{})
				w.drop(t, 3)
				cmd, out := w.command(t, "once")
				cmd.Env = append(cmd.Env, killAt+"="+strconv.Itoa(n))
				err := cmd.Run()
				if err == nil { // it has fewer acts than that
					if n < 40 {
						t.Errorf("only %d acts: the hooks are not asked", n-1)
					}
					t.Logf("killed at each of %d acts", n-1)
					return
				}
				var exit *exec.ExitError
				if !errors.As(err, &exit) || exit.ExitCode() >= 0 {
					t.Fatalf("act %d: %v\n%s", n, err, out)
				}
				log := w.finish(t)
				if err := w.check(); err != nil {
					t.Fatalf("killed at act %d: %v\n%s", n, err, tail(log))
				}
				if err := os.RemoveAll(w.dir); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// mutant is a deliberately broken navette: texts of its source replaced before it is built.
type mutant struct {
	name  string
	edits []edit
}

type edit struct{ file, old, new string }

// mutants each break one promise. TestKillControls fails when the invariants do not notice one, or when its text is no
// longer found: the control must follow the code.
var mutants = []mutant{
	{"record after sending", []edit{
		{"connector/feed.go", "marked, err = tx.MarkSending(list)", "marked, err = list, nil"},
		{"connector/feed.go", "return tx.RecordAnswers(r.list) })", markedLate("r.list")},
		{"connector/record.go", "return tx.RecordAnswers(list) })", markedLate("list")}}},
	{"resend without look-up", []edit{{"connector/doubt.go", "if d.counts() && now-it.SentAt", "if true || now-it.SentAt"}}},
	{"return written in place", []edit{
		{"connector/publish.go", "import (", "import (\n\t\"io\"\n\t\"os\""},
		{"connector/publish.go", "err = box.Publish(ctx, to, src, r.flow.FileMode)", `
	b, _ := io.ReadAll(src)
	f, _ := os.Create(to)
	_, _ = f.Write(b[:len(b)/2])
	time.Sleep(5 * time.Millisecond)
	_, _ = f.Write(b[len(b)/2:])
	err = f.Close()`}}},
	{"archive before spool", []edit{{"connector/intake.go", "f, err = n.spoolFile(ctx, f)", `
	early := f
	early.Claim = n.flow.Inbox.Join(n.flow.Done, path.Base(f.Claim)[1:])
	if err = n.flow.Inbox.Move(ctx, f.Claim, early.Claim); err != nil {
		_, err = n.spoolFile(ctx, f)
		continue
	}
	time.Sleep(20 * time.Millisecond)
	if early, err = n.spoolFile(ctx, early); err == nil {
		early.Place, early.Claim = early.Claim, f.Claim
		f = early
	}`}}},
	{"forget what was in flight", []edit{{"connector/dispatch.go", "n, err = tx.Interrupted(", "_ = at; n, err = 0, nil; _, _ = tx.Interrupted(\"nobody\" + "}}},
}

// markedLate makes answers' instructions `sending` when they are answered already.
func markedLate(list string) string {
	return strings.ReplaceAll(`
	for i := range LIST {
		if _, err := tx.MarkSending([]int64{LIST[i].ID}); err != nil {
			return err
		}
	}
	return tx.RecordAnswers(LIST)
})`, "LIST", list)
}

// overlay writes the mutated texts and what tells the go command of them.
func (m mutant) overlay(t *testing.T) (file, root string) {
	t.Helper()
	dir := t.TempDir()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{}
	for _, e := range m.edits {
		path := filepath.Join(root, e.file)
		if texts[path] == "" {
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			texts[path] = string(b)
		}
		if strings.Count(texts[path], e.old) != 1 {
			t.Fatalf("%q stands %d times in %s: the control must follow the code", e.old, strings.Count(texts[path], e.old), e.file)
		}
		texts[path] = strings.Replace(texts[path], e.old, e.new, 1)
	}
	replace := map[string]string{}
	for path, text := range texts {
		to := filepath.Join(dir, filepath.Base(path))
		if err := os.WriteFile(to, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		replace[path] = to
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(file, overlay, 0o600); err != nil {
		t.Fatal(err)
	}
	return file, root
}

// build makes the binary of a mutant.
func (m mutant) build(t *testing.T) string {
	t.Helper()
	overlay, root := m.overlay(t)
	binary := filepath.Join(t.TempDir(), "navette")
	cmd := exec.Command("go", "build", "-overlay", overlay, "-o", binary, "./cmd/navette")
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build %q: %v\n%s", m.name, err, out)
	}
	return binary
}

// TestKillControls runs the mutants: each must turn the invariants red, or a green run proves nothing.
func TestKillControls(t *testing.T) {
	t.Parallel()
	for _, m := range mutants {
		t.Run(m.name, func(t *testing.T) {
			binary := m.build(t)
			for seed := uint64(1); seed <= 8; seed++ {
				w := newWorld(t, seed, sandbox.None, sandbox.Faults{Share: map[sandbox.Fault]float64{sandbox.Lost: 0.2}, Latency: sandbox.Duration(5 * time.Millisecond)})
				w.binary = binary
				probe, done := &quiet{TB: t}, make(chan struct{})
				go func() { // ended by its first Fatal
					defer close(done)
					w.torment(probe, 12)
				}()
				<-done
				if err := w.check(); err != nil || probe.failed {
					t.Logf("noticed: %.200v", err)
					return
				}
			}
			t.Errorf("mutation %q was not noticed", m.name)
		})
	}
}

// quiet is a testing.TB whose failures are expected.
type quiet struct {
	testing.TB
	failed bool
}

func (q *quiet) Error(...any)          { q.failed = true }
func (q *quiet) Errorf(string, ...any) { q.failed = true }
func (q *quiet) Helper()               {}
func (q *quiet) Fatal(...any)          { q.failed = true; runtime.Goexit() }
func (q *quiet) Fatalf(string, ...any) { q.failed = true; runtime.Goexit() }

func tail(s string) string {
	const most = 4000
	if len(s) > most {
		return "…" + s[len(s)-most:]
	}
	return s
}
