package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/navette-connect/navette/connector/gateway"
	"github.com/navette-connect/navette/connector/gateway/sandbox"
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

// peak is the most memory the process ever held, in bytes; 0 where that cannot be told, or says nothing: the race
// detector's own memory counts.
func (s *served) peak(t *testing.T) int64 {
	t.Helper()
	if info, ok := debug.ReadBuildInfo(); ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"}) {
		return 0
	}
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if err != nil {
		return 0
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
		if g, ok := strings.CutPrefix(r, "gateway "); ok {
			gateways += "  " + g + "\n"
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

// TestDropFolderLost: a drop folder that is gone is an alarm and no empty folder; it is taken up again when it is back.
func TestDropFolderLost(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1, sandbox.None, sandbox.Faults{})
	w.configured(t, "", "")
	s := w.serve(t)
	w.place(t, "in", "before.csv", []byte(head+line("LOST-1", "10,00")))
	s.answer(t, "out", "before.ret.csv")

	in := filepath.Join(w.dir, "in")
	takeAway(t, in)
	s.logs(t, "NV-3001", `"flow":"f"`)
	s.eventually(t, "readyz tells it", func() error {
		if code, body := s.get(t, "/readyz"); code != http.StatusOK || !strings.Contains(body, `"ready":true`) || !strings.Contains(body, "intake:f") {
			return fmt.Errorf("%d %s", code, body)
		}
		return nil
	})
	if err := errors.Join(os.Remove(in), os.Mkdir(in, 0o755)); err != nil {
		t.Fatal(err)
	}
	w.place(t, "in", "after.csv", []byte(head+line("LOST-2", "10,00")))
	s.answer(t, "out", "after.ret.csv")
	s.eventually(t, "readyz is well again", func() error {
		if code, body := s.get(t, "/readyz"); code != http.StatusOK || strings.Contains(body, "degraded") {
			return fmt.Errorf("%d %s", code, body)
		}
		return nil
	})
	if n := strings.Count(s.log.String(), `"code":"NV-3001"`); n > 2 { // gone, and then: something else has its name
		t.Errorf("the log repeats the alarm %d times", n)
	}
}

// takeAway removes a folder and puts a file in its place: nobody can make it anew.
func takeAway(t *testing.T, dir string) {
	t.Helper()
	var err error
	for range 100 {
		if err = errors.Join(os.RemoveAll(dir), os.WriteFile(dir, nil, 0o600)); err == nil {
			return
		}
	}
	t.Fatal(err)
}

// TestOutFolderLost: returns whose folder is away wait, through a power cut too, and are published as they were fixed.
func TestOutFolderLost(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1, sandbox.None, sandbox.Faults{})
	w.configured(t, "", "")
	s := w.serve(t)
	out := filepath.Join(w.dir, "out")
	takeAway(t, out)
	const files = 5
	for i := range files {
		w.place(t, "in", fmt.Sprintf("wait-%d.csv", i), []byte(head+line(fmt.Sprintf("WAIT-%d", i), "10,00")+line(fmt.Sprintf("BAD-%d", i), "1.250,00")))
	}
	returns := func() (list []returnView) {
		var all []fileView
		if err := json.Unmarshal([]byte(w.says(t, 0, "files", "--json")), &all); err != nil {
			t.Fatal(err)
		}
		for _, f := range all {
			list = append(list, f.Returns...)
		}
		return list
	}
	s.eventually(t, "all returns are fixed", func() error {
		if n := len(returns()); n != 3*files { // ack, rejects, result
			return fmt.Errorf("%d returns", n)
		}
		return nil
	})
	for _, r := range returns() {
		if r.State == "published" {
			t.Errorf("%s is published, with no folder", r.Name)
		}
	}
	fixed, err := os.ReadDir(filepath.Join(w.dir, "state", "spool"))
	if err != nil {
		t.Fatal(err)
	}
	if code, body := s.get(t, "/readyz"); code != http.StatusOK || !strings.Contains(body, "report:f") {
		t.Errorf("readyz tells %d %s, want 200 and report:f degraded", code, body)
	}
	s.kill(t)
	if err := errors.Join(os.Remove(out), os.Mkdir(out, 0o755)); err != nil {
		t.Fatal(err)
	}
	s = w.serve(t)
	for i := range files {
		if rows := s.answer(t, "out", fmt.Sprintf("wait-%d.ret.csv", i)); len(rows) != 2 || rows[0]["nv_state"] != "sent" || rows[1]["nv_state"] != "rejected" {
			t.Errorf("wait-%d is answered %v", i, rows)
		}
	}
	s.eventually(t, "all returns are published", func() error {
		for _, r := range returns() {
			if r.State != "published" {
				return fmt.Errorf("%s is %s", r.Name, r.State)
			}
		}
		return nil
	})
	for _, r := range returns() {
		b, err := os.ReadFile(filepath.Join(out, r.Name))
		sum := fmt.Sprintf("%x", sha256.Sum256(b))
		if err != nil || !slices.ContainsFunc(fixed, func(e os.DirEntry) bool { return e.Name() == sum }) {
			t.Errorf("%s is not what was fixed while its folder was away (%v)", r.Name, err)
		}
	}
	for i := range files {
		if n, _ := w.effects(t, fmt.Sprintf("WAIT-%d", i)); n != 1 {
			t.Errorf("WAIT-%d had %d effects, want 1", i, n)
		}
	}
}

// TestKnown: what was seen before is never sent again, whichever way it comes.
func TestKnown(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1, sandbox.None, sandbox.Faults{})
	w.configured(t, "", "")
	s := w.serve(t)
	first := []byte(head + line("K-1", "10,00") + line("K-2", "20,00"))
	w.place(t, "in", "a.csv", first)
	s.answer(t, "out", "a.ret.csv")
	w.place(t, "in", "b.csv", first)
	if rows := s.answer(t, "out", "b.ack.csv"); len(rows) != 1 || rows[0]["line"] != "0" || rows[0]["state"] != "duplicate" || rows[0]["code"] != "NV-1402" {
		t.Errorf("the same bytes again are answered %v, want one duplicate NV-1402", rows)
	}
	w.place(t, "in", "a.csv", first)
	if rows := s.answer(t, "out", "a.2.ack.csv"); len(rows) != 1 || rows[0]["code"] != "NV-1402" {
		t.Errorf("the same bytes under the same name are answered %v, want one duplicate NV-1402", rows)
	}
	w.place(t, "in", "a.csv", []byte(head+line("K-1", "10,00")+line("K-2", "20,01")+line("K-3", "30,00")+line("K-4", "40,00")+line("K-4", "40,00")))
	rows := s.answer(t, "out", "a.3.ack.csv")
	want := [][3]string{{"K-1", "duplicate", "NV-1405"}, {"K-2", "rejected", "NV-1403"}, {"K-3", "accepted", ""}, {"K-4", "accepted", ""}, {"K-4", "rejected", "NV-1401"}}
	for i, x := range want {
		if len(rows) != len(want) {
			t.Fatalf("the ack has %d rows, want %d: %v", len(rows), len(want), rows)
		}
		if got := [3]string{rows[i]["reference"], rows[i]["state"], rows[i]["code"]}; got != x {
			t.Errorf("row %d is answered %v (%s), want %v", i, got, rows[i]["message"], x)
		}
	}
	rows = s.answer(t, "out", "a.3.ret.csv")
	if len(rows) != 5 || rows[0]["nv_state"] != "duplicate" || rows[2]["nv_state"] != "sent" {
		t.Errorf("the result is %v", rows)
	}
	for ref, want := range map[string]int{"K-1": 1, "K-2": 1, "K-3": 1, "K-4": 1} {
		if n, arrivals := w.effects(t, ref); n != want || arrivals != want {
			t.Errorf("%s had %d effects of %d requests, want %d", ref, n, arrivals, want)
		}
	}
}

// rowID finds the id of a reference's row, as `rows` prints it.
func (w *world) rowID(t *testing.T, reference string) string {
	t.Helper()
	var list []rowView
	if err := json.Unmarshal([]byte(w.says(t, 0, "rows", "--json")), &list); err != nil {
		t.Fatal(err)
	}
	for _, r := range list {
		if r.Reference == reference {
			return r.ID
		}
	}
	t.Fatalf("rows --json has no %s", reference)
	return ""
}

// file finds a file by its name, as `files` prints it.
func (w *world) file(t *testing.T, name string) fileView {
	t.Helper()
	var list []fileView
	if err := json.Unmarshal([]byte(w.says(t, 0, "files", "--json")), &list); err != nil {
		t.Fatal(err)
	}
	for _, f := range list {
		if f.Name == name {
			return f
		}
	}
	return fileView{}
}

// TestHeld: what a limit holds goes nowhere until a person says so, on the command line, while the daemon runs.
func TestHeld(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1, sandbox.None, sandbox.Faults{})
	w.configured(t, "", `limits: {amount: "100.00", total: "500.00"}`)
	s := w.serve(t)
	w.place(t, "in", "rows.csv", []byte(head+line("H-1", "10,00")+line("H-2", "200,00")+line("H-3", "200,00")))
	rows := s.answer(t, "out", "rows.ack.csv")
	for i, want := range []string{"accepted ", "held NV-1504", "held NV-1504"} {
		if len(rows) != 3 || rows[i]["state"]+" "+rows[i]["code"] != want {
			t.Fatalf("the ack is %v, want %q in row %d", rows, want, i)
		}
	}
	w.place(t, "in", "whole.csv", []byte(head+line("H-4", "99,00")+line("H-5", "99,00")+line("H-6", "99,00")+line("H-7", "99,00")+line("H-8", "99,00")+line("H-9", "99,00")))
	s.answer(t, "out", "whole.ack.csv")
	whole := w.file(t, "whole.csv")
	if whole.State != "held" || whole.Code != "NV-1504" {
		t.Fatalf("the file beyond the total is %s %s, want held NV-1504", whole.State, whole.Code)
	}
	w.place(t, "in", "beside.csv", []byte(head+line("H-BESIDE", "10,00")))
	s.answer(t, "out", "beside.ret.csv")
	for _, ref := range []string{"H-2", "H-3", "H-4", "H-9"} {
		if _, n := w.effects(t, ref); n != 0 {
			t.Errorf("%s is held and was sent", ref)
		}
	}
	w.says(t, 0, "release", w.rowID(t, "H-2"), "--reason", "known customer")
	w.says(t, 0, "refuse", w.rowID(t, "H-3"), "--reason", "typed twice")
	w.says(t, 0, "release", whole.ID, "--reason", "month end")
	rows = s.answer(t, "out", "rows.ret.csv")
	for i, want := range []string{"sent ", "sent ", "refused NV-2003"} {
		if len(rows) != 3 || rows[i]["nv_state"]+" "+rows[i]["nv_code"] != want {
			t.Errorf("the result is %v, want %q in row %d", rows, want, i)
		}
	}
	if rows = s.answer(t, "out", "whole.ret.csv"); len(rows) != 6 || rows[5]["nv_state"] != "sent" {
		t.Errorf("the released file is answered %v", rows)
	}
	for ref, want := range map[string]int{"H-1": 1, "H-2": 1, "H-3": 0, "H-4": 1, "H-9": 1} {
		if n, arrivals := w.effects(t, ref); n != want || arrivals != want {
			t.Errorf("%s had %d effects of %d requests, want %d", ref, n, arrivals, want)
		}
	}
	w.says(t, 1, "refuse", w.rowID(t, "H-3"), "--reason", "again")
	w.says(t, 1, "release", w.rowID(t, "H-2"), "--reason", "again")
	w.says(t, 1, "release", "r99999", "--reason", "unknown")
	w.says(t, 1, "refuse", "f99999", "--reason", "unknown")
	w.says(t, 2, "release", "r1")
}

// TestFirstFile: in production the first file of a flow waits for a person, the next one does not; a changed mapping
// makes a first file again.
func TestFirstFile(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1, sandbox.None, sandbox.Faults{})
	w.configured(t, "mode: production, settle: 60ms", "limits: {amount: none, total: none}")
	s := w.serve(t)
	w.place(t, "in", "one.csv", []byte(head+line("F-1", "10,00")))
	w.place(t, "in", "two.csv", []byte(head+line("F-2", "10,00")))
	for _, name := range []string{"one.ack.csv", "two.ack.csv"} {
		if rows := s.answer(t, "out", name); len(rows) != 1 || rows[0]["state"] != "held" || rows[0]["code"] != "NV-1505" {
			t.Errorf("%s says %v, want one row held with NV-1505", name, rows)
		}
	}
	for _, name := range []string{"one.csv", "two.csv"} {
		if f := w.file(t, name); f.State != "held" || f.Code != "NV-1505" {
			t.Errorf("%s is %s %s, want held NV-1505", name, f.State, f.Code)
		}
	}
	if l, err := w.psp.Ledger(); err != nil || l.Totals.Arrivals != 0 {
		t.Errorf("%d requests left before anybody looked (%v)", l.Totals.Arrivals, err)
	}
	w.says(t, 0, "release", w.file(t, "one.csv").ID, "--reason", "looked at")
	s.answer(t, "out", "one.ret.csv")
	if _, n := w.effects(t, "F-2"); n != 0 {
		t.Error("the second held file went with the first")
	}
	w.place(t, "in", "three.csv", []byte(head+line("F-3", "10,00")))
	s.answer(t, "out", "three.ret.csv")
	w.says(t, 0, "refuse", w.file(t, "two.csv").ID, "--reason", "not this one")
	if rows := s.answer(t, "out", "two.ret.csv"); len(rows) != 1 || rows[0]["nv_state"] != "refused" {
		t.Errorf("the refused file is answered %v, want refused", rows)
	}
	mapping := strings.Replace(worldMapping, "name: customer.email, column: Courriel", "name: customer.email, column: [Courriel, Mail]", 1)
	if err := os.WriteFile(filepath.Join(w.dir, "etc", "mappings", "w.yaml"), []byte(mapping), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	s.logs(t, "config.reloaded")
	w.place(t, "in", "four.csv", []byte(head+line("F-4", "10,00")))
	s.answer(t, "out", "four.ack.csv")
	if f := w.file(t, "four.csv"); f.State != "held" || f.Code != "NV-1505" {
		t.Errorf("the first file under a changed mapping is %s %s, want held NV-1505", f.State, f.Code)
	}
	for ref, want := range map[string]int{"F-1": 1, "F-2": 0, "F-3": 1, "F-4": 0} {
		if n, _ := w.effects(t, ref); n != want {
			t.Errorf("%s had %d effects, want %d", ref, n, want)
		}
	}
}

// front is a payment service provider that can be taken off the network and that counts whatever reaches it.
type front struct {
	*httptest.Server
	seen atomic.Int64 // requests of every kind
}

// inFront counts what goes to a handler.
func inFront(t *testing.T, h http.Handler) *front {
	t.Helper()
	f := &front{}
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.seen.Add(1)
		h.ServeHTTP(w, r)
	}))
	t.Cleanup(f.Close)
	return f
}

// two is a world with a sick PSP (w.psp behind the front, under gateway psp, flow f) and a healthy one (under gateway
// well, flow g). An address replaces the front's.
func two(t *testing.T, address string) (*world, *front) {
	t.Helper()
	w := newWorld(t, 1, sandbox.None, sandbox.Faults{})
	f := inFront(t, w.psp.Handler())
	if w.url = f.URL; address != "" {
		w.url = "http://" + address
	}
	healthy := newWorld(t, 2, sandbox.None, sandbox.Faults{})
	w.configured(t, "", "", "gateway well: {type: http, mode: test, url: "+healthy.url+", token: {file: $DIR/etc/token}, timeout: 2s, settle: 60ms, poll: 100ms}",
		"g: {in: $DIR/in2, out: $DIR/out2, done: $DIR/done2, rejected: $DIR/rejected2, quiet: 0s, poll: 50ms, mapping: w, gateway: well}")
	if err := os.Mkdir(filepath.Join(w.dir, "in2"), 0o755); err != nil {
		t.Fatal(err)
	}
	return w, f
}

// waits checks that the rows of flow f went to nobody, while n files of flow g go through.
func (s *served) waits(t *testing.T, n int, result string) {
	t.Helper()
	for i := range n {
		name := fmt.Sprintf("well-%s-%d", result, i)
		s.w.place(t, "in2", name+".csv", []byte(head+line(name, "10,00")))
		if rows := s.answer(t, "out2", name+".ret.csv"); len(rows) != 1 || rows[0]["nv_state"] != "sent" {
			t.Errorf("the healthy gateway's %s is answered %v", name, rows)
		}
	}
	if b, err := os.ReadFile(filepath.Join(s.w.dir, "out", result+".ret.csv")); err == nil {
		t.Errorf("the sick gateway's rows are answered while they should wait:\n%s", b)
	}
}

// sends drops a file of n rows on flow f and waits until it is acknowledged.
func (s *served) sends(t *testing.T, stem string, n int) {
	t.Helper()
	text := head
	for i := range n {
		text += line(fmt.Sprintf("%s-%d", stem, i), "10,00")
	}
	s.w.place(t, "in", stem+".csv", []byte(text))
	if rows := s.answer(t, "out", stem+".ack.csv"); len(rows) != n || rows[0]["state"] != "accepted" {
		t.Fatalf("%s is acknowledged %v, want %d accepted rows", stem, rows, n)
	}
}

// sent waits for the result of what sends dropped: every row sent, with one effect each.
func (s *served) sent(t *testing.T, stem string, n int) {
	t.Helper()
	rows := s.answer(t, "out", stem+".ret.csv")
	if len(rows) != n {
		t.Errorf("%s is answered with %d rows, want %d", stem, len(rows), n)
	}
	for i, r := range rows {
		if r["nv_state"] != "sent" {
			t.Errorf("row %d of %s is %s %s (%s), want sent", i, stem, r["nv_state"], r["nv_code"], r["nv_message"])
		}
		if got, _ := s.w.effects(t, r["Facture"]); got != 1 {
			t.Errorf("%s had %d effects, want 1", r["Facture"], got)
		}
	}
}

func (w *world) faults(t *testing.T, f sandbox.Faults) {
	t.Helper()
	if err := w.psp.SetFaults(f); err != nil {
		t.Fatal(err)
	}
}

// TestGatewayDown: nobody listens at the PSP's address. Rows wait, are sent once it is back, and the other gateway never
// notices.
func TestGatewayDown(t *testing.T) {
	t.Parallel()
	hole, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := hole.Addr().String()
	if err := hole.Close(); err != nil {
		t.Fatal(err)
	}
	w, _ := two(t, address)
	s := w.serve(t)
	s.sends(t, "down", 20)
	s.waits(t, 3, "down")
	s.logs(t, `"event":"trouble"`, `gateway:psp`)
	s.eventually(t, "readyz tells it", func() error {
		if code, body := s.get(t, "/readyz"); code != http.StatusOK || !strings.Contains(body, "psp") {
			return fmt.Errorf("%d %s", code, body)
		}
		return nil
	})
	again, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatalf("the address was taken by somebody else: %v", err)
	}
	srv := &httptest.Server{Listener: again, Config: &http.Server{Handler: w.psp.Handler()}}
	srv.Start()
	t.Cleanup(srv.Close)
	s.sent(t, "down", 20)
	if l, err := w.psp.Ledger(); err != nil || l.Totals.Arrivals != 20 {
		t.Errorf("%d requests arrived for 20 rows (%v)", l.Totals.Arrivals, err)
	}
	s.eventually(t, "readyz is well again", func() error {
		if code, body := s.get(t, "/readyz"); code != http.StatusOK || strings.Contains(body, "degraded") {
			return fmt.Errorf("%d %s", code, body)
		}
		return nil
	})
}

// TestGatewayStopped: answers that a person must mend stop that gateway alone, and nothing knocks at it until somebody
// says so: by `resume`, by a reload, or by a restart.
func TestGatewayStopped(t *testing.T) {
	t.Parallel()
	tests := []struct {
		fault sandbox.Fault
		code  string
		mend  func(t *testing.T, s *served) *served
	}{
		{"401", "NV-2103", func(t *testing.T, s *served) *served { s.w.says(t, 0, "resume", "psp"); return s }},
		{"403", "NV-2103", func(t *testing.T, s *served) *served {
			if err := s.cmd.Process.Signal(syscall.SIGHUP); err != nil {
				t.Fatal(err)
			}
			return s
		}},
		{"302", "", func(t *testing.T, s *served) *served { s.w.says(t, 0, "resume", "--all"); return s }},
		{"404", "", func(t *testing.T, s *served) *served { s.stop(t); return s.w.serve(t) }}, // HTML, no problem+json: a wrong address
	}
	for _, tt := range tests {
		t.Run(string(tt.fault), func(t *testing.T) {
			t.Parallel()
			w, f := two(t, "")
			s := w.serve(t)
			w.faults(t, sandbox.Faults{Always: tt.fault, Lookup: string(tt.fault), Feed: string(tt.fault)})
			s.sends(t, "stop", 20)
			s.logs(t, "gateway.stopped", `"gateway":"psp"`, tt.code)
			s.eventually(t, "status tells it", func() error {
				var v statusView
				if err := json.Unmarshal([]byte(w.says(t, 0, "status", "--json")), &v); err != nil {
					return err
				}
				if g := v.Gateways["psp"]; !g.Stopped || g.Reason == "" || v.Gateways["well"].Stopped {
					return fmt.Errorf("%+v", v.Gateways)
				}
				if code, body := s.get(t, "/readyz"); code != http.StatusOK || !strings.Contains(body, `"gateway:psp":"stopped"`) || strings.Contains(body, "well") {
					return fmt.Errorf("readyz: %d %s", code, body)
				}
				return nil
			})
			before := f.seen.Load()
			s.waits(t, 5, "stop")
			if after := f.seen.Load(); after != before {
				t.Errorf("a stopped gateway was asked %d times more", after-before)
			}
			if l, err := w.psp.Ledger(); err != nil || l.Totals.Arrivals > 8 {
				t.Errorf("%d POSTs reached a PSP that refuses them all, want no more than were in flight (%v)", l.Totals.Arrivals, err)
			}
			w.faults(t, sandbox.Faults{})
			s = tt.mend(t, s)
			s.sent(t, "stop", 20)
		})
	}
}

// TestGatewayBusy: a PSP that asks for patience is left alone for that time, one that answers nonsense is asked what it
// did; each row ends with one effect, and the other gateway goes on meanwhile.
func TestGatewayBusy(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		faults sandbox.Faults
		posts  int64 // the most POSTs while it lasts
	}{
		{"429", sandbox.Faults{Always: "429", RetryAfter: "600"}, 4},
		{"503", sandbox.Faults{Always: "503", Lookup: "503", Feed: "503", RetryAfter: "600"}, 4},
		{"503-no-header", sandbox.Faults{Always: "503", Lookup: "503", Feed: "503"}, 12},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w, _ := two(t, "")
			w.faults(t, tt.faults)
			s := w.serve(t)
			s.sends(t, "busy", 30)
			s.logs(t, `"event":"trouble"`, "gateway:psp")
			s.waits(t, 5, "busy")
			l, err := w.psp.Ledger()
			if err != nil || int64(l.Totals.Arrivals) > tt.posts || l.Totals.Effects != 0 {
				t.Errorf("%d POSTs with %d effects while the PSP asks to wait, want at most %d (%v)", l.Totals.Arrivals, l.Totals.Effects, tt.posts, err)
			}
			w.faults(t, sandbox.Faults{})
			w.says(t, 0, "resume", "psp") // a person knows better than ten minutes
			s.sent(t, "busy", 30)
		})
	}
}

// TestGatewayDoubt: answers that tell nothing are looked up, never taken for a yes or a no.
func TestGatewayDoubt(t *testing.T) {
	t.Parallel()
	for _, fault := range []sandbox.Fault{sandbox.HTML, sandbox.Lost, sandbox.Cut, sandbox.Garbled, sandbox.Strange, "500", "done-502", "408"} {
		t.Run(string(fault), func(t *testing.T) {
			t.Parallel()
			w, _ := two(t, "")
			w.faults(t, sandbox.Faults{Next: slices.Repeat([]sandbox.Fault{fault}, 6)})
			s := w.serve(t)
			s.sends(t, "doubt", 10)
			s.sent(t, "doubt", 10)
			s.logs(t, "answer.lost", "NV-2101")
		})
	}
}

// TestGatewayRefuses: the PSP's own no is final, with its words and without what it should not repeat.
func TestGatewayRefuses(t *testing.T) {
	t.Parallel()
	w, _ := two(t, "")
	w.faults(t, sandbox.Faults{Next: []sandbox.Fault{sandbox.Echo}})
	s := w.serve(t)
	s.sends(t, "no", 1)
	rows := s.answer(t, "out", "no.ret.csv")
	if len(rows) != 1 || rows[0]["nv_state"] != "refused" || !strings.HasPrefix(rows[0]["nv_code"], "NV-20") || !strings.HasPrefix(rows[0]["nv_message"], "[") {
		t.Errorf("a refused row is answered %v, want refused, NV-20xx and the PSP's own code in brackets", rows)
	}
	if b, err := os.ReadFile(filepath.Join(w.dir, "out", "no.ret.csv")); err != nil || bytes.Contains(b, []byte("canary-token")) {
		t.Errorf("the token that the PSP repeated is in the result (%v)", err)
	}
	if _, n := w.effects(t, "no-0"); n != 1 {
		t.Errorf("a refused row was sent %d times", n)
	}
}

// TestDoneFolderLost: a receipt that cannot be put away keeps nothing back; it follows once its folder is there.
func TestDoneFolderLost(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1, sandbox.None, sandbox.Faults{})
	w.configured(t, "", "")
	done := filepath.Join(w.dir, "done")
	s := w.serve(t)
	takeAway(t, done)
	text := []byte(head + line("DONE-1", "10,00"))
	w.place(t, "in", "one.csv", text)
	s.answer(t, "out", "one.ret.csv")
	s.logs(t, "NV-3007")
	if err := errors.Join(os.Remove(done), os.Mkdir(done, 0o755)); err != nil {
		t.Fatal(err)
	}
	s.eventually(t, "the source is in done", func() error { return w.kept("done", "one.csv", text) })
	s.eventually(t, "readyz is well again", func() error {
		if code, body := s.get(t, "/readyz"); code != http.StatusOK || strings.Contains(body, "degraded") {
			return fmt.Errorf("%d %s", code, body)
		}
		return nil
	})
}

// TestHooks: a notification moves a state at once, as often as it comes; whatever is not certainly the PSP's moves nothing.
func TestHooks(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1, sandbox.None, sandbox.Faults{})
	secret := "whsec_" + base64.StdEncoding.EncodeToString([]byte("canary-token of hooks"))
	if err := os.WriteFile(filepath.Join(w.dir, "etc", "hook"), []byte(secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	key, err := gateway.WebhookKey(gateway.Secret(secret))
	if err != nil {
		t.Fatal(err)
	}
	// No poll in the time of this test.
	w.configure(t, `gateways:
  psp: {type: http, mode: test, url: $URL, token: {file: $DIR/etc/token}, webhook_secret: {file: $DIR/etc/hook}, timeout: 2s, settle: 60ms, poll: 6h}
  deaf: {type: http, mode: test, url: $URL/deaf, token: {file: $DIR/etc/token}, poll: 6h}
flows:
  f: {in: $DIR/in, out: $DIR/out, done: $DIR/done, rejected: $DIR/rejected, quiet: 0s, poll: 50ms, status_every: 100ms, mapping: w, gateway: psp}
`)
	s := w.serve(t)
	w.place(t, "in", "hook.csv", []byte(head+line("HOOK-1", "10,00")))
	rows := s.answer(t, "out", "hook.ret.csv")
	id := rows[0]["nv_payment_id"]
	if id == "" {
		t.Fatalf("the result has no nv_payment_id: %v", rows)
	}
	if found, done, err := w.psp.Act(sandbox.Deed{ID: id, Step: sandbox.Step{Pay: "full"}}); err != nil || !found || !done {
		t.Fatalf("the customer could not pay %q: %v, %v, %v", id, found, done, err)
	}
	type notice struct {
		name, gateway, id, object string
		at                        time.Time
		key                       []byte
		extra                     int // bytes of padding
		want                      int
	}
	now := time.Now()
	send := func(n notice) {
		t.Helper()
		body := []byte(fmt.Sprintf(`{"type":"paid","timestamp":"2026-11-20T10:00:00Z","data":{"id":%q,"state":"refunded"},"x":%q}`, n.object, strings.Repeat("x", n.extra)))
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.address(t)+"/hooks/"+n.gateway, bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if n.key != nil {
			gateway.SignWebhook(r.Header, n.key, n.id, n.at, body)
		}
		if code, answer := do(t, r); code != n.want {
			t.Errorf("%s is answered %d %q, want %d", n.name, code, answer, n.want)
		}
	}
	for _, n := range []notice{
		{"one without a signature", "psp", "m1", id, now, nil, 0, 401},
		{"one of another's key", "psp", "m2", id, now, []byte("other"), 0, 401},
		{"one of ten minutes ago", "psp", "m3", id, now.Add(-10 * time.Minute), key, 0, 401},
		{"one of in ten minutes", "psp", "m4", id, now.Add(10 * time.Minute), key, 0, 401},
		{"one of 300 KiB", "psp", "m5", id, now, key, 300 << 10, 413},
		{"one for a gateway without a secret", "deaf", "m6", id, now, key, 0, 404},
		{"one for no gateway", "nobody", "m7", id, now, key, 0, 404},
		{"one of an unknown payment", "psp", "m8", "pr_of_somebody_else", now, key, 0, 204},
		{"one of no payment", "psp", "m9", "", now, key, 0, 204},
	} {
		send(n)
	}
	paid := func() (list []map[string]string) {
		names, err := filepath.Glob(filepath.Join(w.dir, "out", "STATUS_f_*.csv"))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			rows, err := readCSV(name)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range rows {
				if r["event"] != "sent" {
					list = append(list, r)
				}
			}
		}
		return list
	}
	if l := paid(); len(l) != 0 {
		t.Errorf("status files tell %v before the PSP was asked", l)
	}
	right := notice{"the right one", "psp", "m10", id, now, key, 0, 204}
	send(right)
	s.eventually(t, "the payment is told", func() error {
		if len(paid()) == 0 {
			return errors.New("no status file tells it")
		}
		return nil
	})
	send(right)
	right.id = "m11"
	send(right)
	w.place(t, "in", "next.csv", []byte(head+line("HOOK-2", "10,00"))) // and one more round of everything
	s.answer(t, "out", "next.ret.csv")
	if l := paid(); len(l) != 1 || l[0]["event"] != "paid" || l[0]["reference"] != "HOOK-1" || l[0]["moved"] != "10,00" {
		t.Errorf("status files tell %v, want one payment of 10,00", l)
	}
	for path, want := range map[string]string{"/healthz": "ok", "/readyz": `"ready":true`, "/metrics": `navette_files_total{flow="f",result="accepted"} 2`} {
		if code, body := s.get(t, path); code != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("GET %s is answered %d, want 200 with %q in\n%.2000s", path, code, want, body)
		}
	}
	for _, path := range []string{"/", "/files", "/_ledger", "/debug/pprof/", "/hooks/psp"} {
		if code, _ := s.get(t, path); code != http.StatusNotFound && code != http.StatusMethodNotAllowed {
			t.Errorf("GET %s is answered %d: nothing shows data without a login", path, code)
		}
	}
}

// TestTerm: SIGTERM in the midst of everything ends with 0, and nothing is lost or doubled by it.
func TestTerm(t *testing.T) {
	t.Parallel()
	for i, p := range personalities {
		t.Run(string(p), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, uint64(70+i), p, sandbox.Faults{Share: map[sandbox.Fault]float64{sandbox.Lost: 0.05}, Latency: sandbox.Duration(10 * time.Millisecond)})
			for round := range 3 {
				for range 3 {
					w.drop(t, 80)
				}
				before, err := w.psp.Ledger()
				if err != nil {
					t.Fatal(err)
				}
				s := w.serve(t)
				s.eventually(t, "it is sending", func() error {
					if l, err := w.psp.Ledger(); err != nil || l.Totals.Arrivals < before.Totals.Arrivals+20+10*round {
						return fmt.Errorf("%d requests, %w", l.Totals.Arrivals, err)
					}
					return nil
				})
				s.stop(t)
			}
			log := w.finish(t)
			if err := w.check(); err != nil {
				t.Errorf("%v\n%s", err, tail(log))
			}
		})
	}
}

// TestReload: SIGHUP takes a good configuration and refuses a bad one; the old one goes on, and so does every file.
func TestReload(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1, sandbox.None, sandbox.Faults{})
	w.configured(t, "", "")
	s := w.serve(t)
	hup := func() {
		t.Helper()
		if err := s.cmd.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
	}
	w.place(t, "in", "a.csv", []byte(head+line("R-1", "10,00")))
	s.answer(t, "out", "a.ret.csv")

	w.configured(t, "", "queit: 3s")
	hup()
	s.logs(t, "config.refused", "queit", "quiet")
	w.place(t, "in", "b.csv", []byte(head+line("R-2", "10,00")))
	s.answer(t, "out", "b.ret.csv")
	w.configured(t, "", "", "g: {in: $DIR/in, out: $DIR/out, mapping: w, gateway: psp}") // two flows on one folder
	hup()
	s.eventually(t, "it is refused too", func() error {
		if n := len(s.log.events("config.refused")); n != 2 {
			return fmt.Errorf("%d refusals", n)
		}
		return nil
	})
	w.configured(t, "", "", "g: {in: $DIR/in2, out: $DIR/out2, done: $DIR/done2, rejected: $DIR/rejected2, quiet: 0s, poll: 50ms, mapping: w, gateway: psp}")
	mapping := filepath.Join(w.dir, "etc", "mappings", "w.yaml")
	for n, broken := range []string{"navette: mapping/v1\nname: w\nfeilds: []\n", ""} {
		if err := os.WriteFile(mapping, []byte(broken), 0o600); err != nil {
			t.Fatal(err)
		}
		hup()
		s.eventually(t, "a mapping that does not load is refused", func() error {
			if got := len(s.log.events("config.refused")); got != 3+n {
				return fmt.Errorf("%d refusals", got)
			}
			return nil
		})
	}
	if err := os.WriteFile(mapping, []byte(worldMapping), 0o600); err != nil {
		t.Fatal(err)
	}
	hup()
	s.logs(t, "config.reloaded", `"flows":2`)
	s.eventually(t, "in2 is made", func() error { _, err := os.Stat(filepath.Join(w.dir, "in2")); return err })
	w.place(t, "in2", "c.csv", []byte(head+line("R-3", "10,00")))
	w.place(t, "in", "d.csv", []byte(head+line("R-4", "10,00")))
	s.answer(t, "out2", "c.ret.csv")
	s.answer(t, "out", "d.ret.csv")
	for i := 1; i <= 4; i++ {
		if n, _ := w.effects(t, fmt.Sprintf("R-%d", i)); n != 1 {
			t.Errorf("R-%d had %d effects, want 1", i, n)
		}
	}
	if n := len(s.log.events("config.reloaded")); n != 1 {
		t.Errorf("%d reloads are told, want 1", n)
	}
}

// TestReloadUnderLoad: reloads in the midst of sending lose and double nothing.
func TestReloadUnderLoad(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 80, sandbox.None, sandbox.Faults{Latency: sandbox.Duration(5 * time.Millisecond)})
	s := w.serve(t)
	for n := range 4 {
		w.drop(t, 150)
		if err := s.cmd.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		s.eventually(t, "it is reloaded", func() error {
			if got := len(s.log.events("config.reloaded")); got <= n {
				return fmt.Errorf("%d times so far", got)
			}
			return nil
		})
	}
	s.stop(t)
	log := w.finish(t)
	if err := w.check(); err != nil {
		t.Errorf("%v\n%s", err, tail(log))
	}
}

// TestExitCodes: what scripts and systemd rely on.
func TestExitCodes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1, sandbox.None, sandbox.Faults{})
	w.configured(t, "", "")
	s := w.serve(t)
	w.place(t, "in", "a.csv", []byte(head+line("X-1", "10,00")))
	s.answer(t, "out", "a.ret.csv")
	for _, tt := range []struct {
		want int
		args []string
	}{
		{0, []string{"version"}},
		{0, []string{"check"}},
		{0, []string{"where", "X-1"}},
		{0, []string{"status", "--json"}},
		{1, []string{"release", "r99999", "--reason", "x"}},
		{1, []string{"retry", "f1"}},
		{2, []string{"nonsense"}},
		{2, []string{"run", "too", "much"}},
		{2, []string{"run", "--nonsense"}},
		{2, []string{"rows", "--flow", "nobody"}},
		{2, []string{"explain", "NV-9999"}},
		{4, []string{"run"}},
		{4, []string{"once"}},
	} {
		w.says(t, tt.want, tt.args...)
	}
	s.stop(t)
	w.configured(t, "", "queit: 3s")
	for _, args := range [][]string{{"run"}, {"once"}, {"check"}} {
		if out := w.says(t, 3, args...); !strings.Contains(out, "queit") {
			t.Errorf("navette %q does not name the wrong key:\n%s", args, out)
		}
	}
	for what, broken := range map[string]func(etc string) error{
		"mapping that does not load": func(etc string) error {
			return os.WriteFile(etc+"/mappings/w.yaml", []byte("navette: mapping/v1\nname: w\nfeilds: []\n"), 0o600)
		},
		"secret that is not there":  func(etc string) error { return os.Remove(etc + "/token") },
		"configuration not there":   func(etc string) error { return os.RemoveAll(etc) },
		"configuration that is nil": func(etc string) error { return os.WriteFile(etc+"/navette.yaml", []byte("flows: {f: }\n"), 0o600) },
	} {
		w := newWorld(t, 1, sandbox.None, sandbox.Faults{})
		if err := broken(filepath.Join(w.dir, "etc")); err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %s", what, strings.TrimSpace(w.says(t, 3, "run")))
	}
}

// TestTermWaiting: a PSP that asks for ten minutes, or never answers, does not keep the daemon from stopping; what waited
// is sent by the next one.
func TestTermWaiting(t *testing.T) {
	t.Parallel()
	for _, fault := range []sandbox.Fault{"429", "503", sandbox.Hang, "401"} {
		t.Run(string(fault), func(t *testing.T) {
			t.Parallel()
			w, f := two(t, "")
			w.faults(t, sandbox.Faults{Always: fault, RetryAfter: "600"})
			s := w.serve(t)
			s.sends(t, "wait", 20)
			seen := f.seen.Load()
			s.eventually(t, "it is waiting", func() error {
				if l, err := w.psp.Ledger(); err != nil || l.Totals.Arrivals == 0 {
					return fmt.Errorf("%d requests since %d, %w", f.seen.Load(), seen, err)
				}
				return nil
			})
			s.stop(t)
			w.faults(t, sandbox.Faults{})
			s = w.serve(t)
			s.sent(t, "wait", 20)
		})
	}
}

// TestBadStart: folders that cannot be are an alarm, and no reason not to serve the others.
func TestBadStart(t *testing.T) {
	t.Parallel()
	w, _ := two(t, "")
	takeAway(t, filepath.Join(w.dir, "in"))
	takeAway(t, filepath.Join(w.dir, "out"))
	s := w.serve(t)
	s.waits(t, 2, "start")
	s.logs(t, "NV-3001", `"flow":"f"`)
	if code, body := s.get(t, "/readyz"); code != http.StatusOK || !strings.Contains(body, "intake:f") {
		t.Errorf("readyz tells %d %s, want 200 and intake:f degraded", code, body)
	}
	if err := errors.Join(os.Remove(filepath.Join(w.dir, "in")), os.Remove(filepath.Join(w.dir, "out"))); err != nil {
		t.Fatal(err)
	}
	s.eventually(t, "the folder is made", func() error { return os.WriteFile(filepath.Join(w.dir, "in", ".here"), nil, 0o600) })
	s.sends(t, "start", 1)
	s.sent(t, "start", 1)
}

// TestFeedRefused: credentials that the feed refuses stop the gateway as those of a POST do, and are not tried for ever.
func TestFeedRefused(t *testing.T) {
	t.Parallel()
	w, f := two(t, "")
	w.faults(t, sandbox.Faults{Feed: "401", Lookup: "401"})
	s := w.serve(t)
	s.logs(t, "feed", "401")
	s.waits(t, 1, "feed")
	before := f.seen.Load()
	s.waits(t, 5, "feed-more")
	if after := f.seen.Load(); after > before {
		t.Errorf("a PSP that answers 401 was asked %d times more", after-before)
	}
}
