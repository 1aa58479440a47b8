package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// deadline bounds every wait for a condition: generous, since nothing here measures time.
const deadline = 60 * time.Second

// served is a running daemon: a real process, the whole program with its real signals.
type served struct {
	w    *world
	cmd  *exec.Cmd
	log  *logged
	exit chan error // what Wait told, once
}

// logged collects what a process writes while it runs.
type logged struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// events gives the log's entries of one event.
func (l *logged) events(name string) (list []map[string]any) {
	for line := range strings.Lines(l.String()) {
		var e map[string]any
		if json.Unmarshal([]byte(line), &e) == nil && e["event"] == name {
			list = append(list, e)
		}
	}
	return list
}

// asMain makes cmd the program itself, signals and all, and not the child that the tests of crashes kill.
func asMain(cmd *exec.Cmd) {
	cmd.Args[0] = "navette"
	cmd.Env = slices.DeleteFunc(cmd.Env, func(s string) bool { return strings.HasPrefix(s, asNavette+"=") })
}

// serve starts the daemon with further settings of the environment. At the end of the test it must stop with 0, and its
// log must hold neither the token nor an address.
func (w *world) serve(t *testing.T, env ...string) *served {
	t.Helper()
	cmd, _ := w.command(t, "run")
	asMain(cmd)
	cmd.Env = append(append(cmd.Env, "NAVETTE_LISTEN=127.0.0.1:0", "NAVETTE_LOG_LEVEL=info"), env...)
	s := &served{w: w, cmd: cmd, log: &logged{}, exit: make(chan error, 1)}
	cmd.Stdout, cmd.Stderr = s.log, s.log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { s.exit <- cmd.Wait() }()
	t.Cleanup(func() { s.stop(t) })
	s.eventually(t, "the daemon runs", func() error {
		if len(s.log.events("started")) == 0 {
			return errors.New("not yet")
		}
		return nil
	})
	return s
}

// stop ends the daemon as systemd does, once; it must end with 0, however busy it is.
func (s *served) stop(t *testing.T) {
	t.Helper()
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Signal(syscall.SIGTERM) // it may have ended: Wait tells
	select {
	case err := <-s.exit:
		if err != nil {
			t.Errorf("the daemon ended with %v, want 0\n%s", err, tail(s.log.String()))
		}
	case <-time.After(deadline):
		_ = s.cmd.Process.Kill()
		t.Errorf("the daemon did not stop\n%s", tail(s.log.String()))
	}
	s.cmd = nil
	if strings.Contains(s.log.String(), "canary") {
		t.Errorf("a secret or an address is in the log:\n%s", s.log.String())
	}
}

// kill ends the daemon as a power cut does.
func (s *served) kill(t *testing.T) {
	t.Helper()
	if err := s.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-s.exit
	s.cmd = nil
}

// eventually waits until cond is met.
func (s *served) eventually(t *testing.T, what string, cond func() error) {
	t.Helper()
	var err error
	for end := time.Now().Add(deadline); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if err = cond(); err == nil {
			return
		}
		select {
		case exit := <-s.exit:
			s.cmd = nil
			t.Fatalf("waiting until %s: the daemon ended (%v)\n%s", what, exit, tail(s.log.String()))
		default:
		}
	}
	t.Fatalf("waited in vain until %s: %v\n%s", what, err, tail(s.log.String()))
}

// logs waits for an entry of the log that holds all of the texts.
func (s *served) logs(t *testing.T, texts ...string) {
	t.Helper()
	s.eventually(t, fmt.Sprintf("the log tells %q", texts), func() error {
		for line := range strings.Lines(s.log.String()) {
			if !slices.ContainsFunc(texts, func(x string) bool { return !strings.Contains(line, x) }) {
				return nil
			}
		}
		return errors.New("it does not")
	})
}

// answer waits for a return and gives its rows.
func (s *served) answer(t *testing.T, path ...string) (rows []map[string]string) {
	t.Helper()
	name := filepath.Join(append([]string{s.w.dir}, path...)...)
	s.eventually(t, filepath.Base(name)+" is there", func() (err error) {
		rows, err = readCSV(name)
		return err
	})
	return rows
}

// get asks the daemon's listener.
func (s *served) get(t *testing.T, path string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.address(t)+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	return do(t, r)
}

func (s *served) address(t *testing.T) string {
	t.Helper()
	started := s.log.events("started")
	if len(started) == 0 {
		t.Fatal("the daemon has not started")
	}
	return fmt.Sprintf("http://%v", started[0]["listen"])
}

func do(t *testing.T, r *http.Request) (int, string) {
	t.Helper()
	a, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	b, err := io.ReadAll(a.Body)
	if err != nil {
		t.Fatal(err)
	}
	return a.StatusCode, string(b)
}

// peak is the most memory the process ever held, in bytes.
func (s *served) peak(t *testing.T) int64 {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if err != nil {
		t.Skip(err)
	}
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == "VmHWM:" {
			kb, err := strconv.ParseInt(f[1], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return kb << 10
		}
	}
	t.Skip("no VmHWM here")
	return 0
}

// says runs a command beside the daemon; its exit code must be want.
func (w *world) says(t *testing.T, want int, args ...string) string {
	t.Helper()
	cmd, out := w.command(t, args...)
	asMain(cmd)
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if got := cmd.ProcessState.ExitCode(); got != want {
		t.Fatalf("navette %q exits with %d, want %d\n%s", args, got, want, out)
	}
	if strings.Contains(out.String(), "canary-token") {
		t.Errorf("navette %q prints the token", args)
	}
	return out.String()
}

// configure writes the configuration; $DIR and $URL stand for the world's folder and its PSP.
func (w *world) configure(t *testing.T, text string) {
	t.Helper()
	text = strings.NewReplacer("$DIR", w.dir, "$URL", w.url).Replace(text)
	if err := os.WriteFile(filepath.Join(w.dir, "etc", "navette.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// configured is the usual configuration with other settings of the gateway and of the flow, and further flows or gateways.
func (w *world) configured(t *testing.T, gateway, flow string, rest ...string) {
	t.Helper()
	if gateway == "" {
		gateway = "mode: test, settle: 60ms, timeout: 2s"
	}
	gateways, flows := "", ""
	for _, r := range rest {
		if strings.HasPrefix(r, "  gateway ") {
			gateways += "  " + strings.TrimPrefix(r, "  gateway ") + "\n"
		} else {
			flows += "  " + r + "\n"
		}
	}
	if flow != "" {
		flow = ", " + flow
	}
	w.configure(t, "gateways:\n  psp: {type: http, url: $URL, token: {file: $DIR/etc/token}, concurrency: 4, poll: 100ms, "+gateway+"}\n"+gateways+
		"flows:\n  f: {in: $DIR/in, out: $DIR/out, done: $DIR/done, rejected: $DIR/rejected, quiet: 0s, poll: 50ms, status_every: 100ms, mapping: w, gateway: psp"+flow+"}\n"+flows)
}

// place puts a file into a folder of the world, whole; its name may be any bytes.
func (w *world) place(t *testing.T, dir, name string, b []byte) {
	t.Helper()
	tmp := filepath.Join(w.dir, "placing")
	if err := os.WriteFile(tmp, b, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(tmp, filepath.Join(w.dir, dir)+"/"+name); err != nil {
		t.Fatal(err)
	}
}

// head are the titles of the world's files.
const head = "Facture;Montant;Echeance;Courriel\r\n"

// line is one good row of the world's files.
func line(reference, amount string) string {
	return reference + ";" + amount + ";02/12/2026;client@canary.example\r\n"
}

// kept tells whether exactly these bytes stand in a folder, under an archive name of name.
func (w *world) kept(dir, name string, b []byte) error {
	entries, err := os.ReadDir(filepath.Join(w.dir, dir))
	if err != nil {
		return err
	}
	for _, e := range entries {
		got, err := os.ReadFile(filepath.Join(w.dir, dir) + "/" + e.Name())
		if err == nil && bytes.Equal(got, b) && strings.HasSuffix(e.Name(), "-"+name) {
			return nil
		}
	}
	return fmt.Errorf("%s is not in %s, byte for byte", name, dir)
}

// effects counts what the PSP made of a reference, and how often it was asked.
func (w *world) effects(t *testing.T, reference string) (effects, arrivals int) {
	t.Helper()
	l, err := w.psp.Ledger()
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range l.Keys {
		if e.Reference == reference {
			effects += e.Effects
			arrivals += e.Arrivals
		}
	}
	return effects, arrivals
}

// row gives the row of a column's value; nil when there is none.
func row(rows []map[string]string, column, value string) map[string]string {
	for _, r := range rows {
		if r[column] == value {
			return r
		}
	}
	return nil
}
