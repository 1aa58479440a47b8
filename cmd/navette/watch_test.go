package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/navette-connect/navette/connector/gateway/sandbox"
)

// rewrite changes the configuration of a world.
func (w *world) rewrite(t *testing.T, old, by string) {
	t.Helper()
	name := filepath.Join(w.dir, "etc", "navette.yaml")
	text, err := os.ReadFile(name)
	if err != nil || !strings.Contains(string(text), old) {
		t.Fatalf("the configuration has no %q (%v)", old, err)
	}
	if err := os.WriteFile(name, []byte(strings.Replace(string(text), old, by, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestDiskFloor: below the floor no file is taken and it is told why; a reload that lowers the floor lets everything go on.
func TestDiskFloor(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1, sandbox.None, sandbox.Faults{})
	w.rewrite(t, "gateways:", "disk_floor: 8000TB\ngateways:")
	s := w.serve(t)
	w.place(t, "in", "low.csv", []byte(head+line("low-0", "10,00")))
	s.logs(t, `"event":"trouble"`, "NV-3020")
	if _, err := os.Stat(filepath.Join(w.dir, "in", "low.csv")); err != nil {
		t.Errorf("the file is not where it was dropped: %v", err)
	}
	w.rewrite(t, "disk_floor: 8000TB", "disk_floor: 0")
	if err := s.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	s.sent(t, "low", 1)
}

// TestExpected: a file that does not come, and returns that are not taken away, are told, shown by the metrics, and over
// once they come and go.
func TestExpected(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2, sandbox.None, sandbox.Faults{})
	w.rewrite(t, "quiet: 0s", "expect: {every: 1ms, collect: 1ms}, quiet: 0s")
	s := w.serve(t)
	s.logs(t, `"event":"trouble"`, "NV-3021")
	if out := w.says(t, 0, "status"); !strings.Contains(out, "EN RETARD") || !strings.Contains(out, "navette explain NV-3021") {
		t.Errorf("status does not show the late file:\n%s", out)
	}
	s.sends(t, "one", 2)
	s.sent(t, "one", 2)
	s.logs(t, `"event":"trouble"`, "NV-3022")
	metric := func(name string, want string) {
		s.eventually(t, name+" is "+want, func() error {
			_, body := s.get(t, "/metrics")
			for l := range strings.Lines(body) {
				if got, ok := strings.CutPrefix(strings.TrimSpace(l), name+" "); ok && (got == want || want == "!0" && got != "0") {
					return nil
				}
			}
			return fmt.Errorf("it is not")
		})
	}
	metric(`navette_file_late{flow="f"}`, "1")
	metric(`navette_returns_uncollected{flow="f"}`, "!0")
	metric(`navette_events_total{event="sent",flow="f"}`, "2")
	w.rewrite(t, "every: 1ms, collect: 1ms", "every: 1h, collect: 1h")
	if err := s.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	metric(`navette_file_late{flow="f"}`, "0")
	if out := w.says(t, 0, "status"); strings.Contains(out, "EN RETARD") {
		t.Errorf("status shows a file as late that came:\n%s", out)
	}
	metric(`navette_returns_uncollected{flow="f"}`, "0")
}

// TestSystemd: the service says that it is ready, how things stand, that it lives, that it reloads and that it stops.
func TestSystemd(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 3, sandbox.None, sandbox.Faults{})
	socket := filepath.Join(t.TempDir(), "notify")
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	told := make(chan string, 1000)
	go func() {
		b := make([]byte, 4096)
		for {
			n, err := c.Read(b)
			if err != nil {
				close(told)
				return
			}
			told <- string(b[:n])
		}
	}()
	hears := func(want string) {
		t.Helper()
		for m := range told {
			if strings.Contains(m, want) {
				return
			}
		}
		t.Errorf("systemd is never told %q", want)
	}
	s := w.serve(t, "NOTIFY_SOCKET="+socket, "WATCHDOG_USEC=300000", "NAVETTE_LANG=en")
	hears("READY=1")
	hears("STATUS=1 flow, 0 held, 0 waiting for psp")
	hears("WATCHDOG=1")
	if err := s.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	hears("RELOADING=1\nMONOTONIC_USEC=")
	hears("READY=1")
	if code, _ := s.get(t, "/readyz"); code != http.StatusOK {
		t.Errorf("/readyz = %d after a reload, want 200", code)
	}
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	hears("STOPPING=1")
}

// TestReloadStorm: reloads upon reloads end nothing, and stopping in the midst of them is no failure.
func TestReloadStorm(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 4, sandbox.None, sandbox.Faults{})
	s := w.serve(t)
	for range 300 {
		if err := s.cmd.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Millisecond)
	}
	s.sends(t, "storm", 3)
	s.sent(t, "storm", 3)
	if err := s.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	s.stop(t)
}
