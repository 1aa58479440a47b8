package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/navette-connect/navette/connector/gateway/sandbox"
	"github.com/navette-connect/navette/transports/sftpbox/sshdtest"
)

// onServer moves a world's folders behind an SFTP server: the same folders, seen through it.
func (w *world) onServer(t testing.TB, s *sshdtest.Server, more string) {
	t.Helper()
	config := fmt.Sprintf(`transports:
  partner: {type: sftp, address: %q, user: %s, key: {file: %s}, host_keys: [%q], timeout: 5s%s}
`, s.Address, s.User, s.KeyFile, strings.TrimSpace(s.Hosts[0]), more)
	file := filepath.Join(w.dir, "etc/navette.yaml")
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	config += strings.Replace(string(b), "  f: {in:", "  f: {transport: partner, in:", 1)
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(w.dir, 0o755); err != nil {
		t.Fatal(err)
	}
}

// TestSFTP is the round trip on a real OpenSSH server: a file put with the stock client, returns fetched with it.
func TestSFTP(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1, sandbox.None, sandbox.Faults{})
	s := sshdtest.Start(t, sshdtest.Options{})
	w.onServer(t, s, "")
	dropped := filepath.Join(w.dir, "in")
	w.drop(t, 20)
	w.repeats = map[string]string{}
	entries, err := os.ReadDir(dropped)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries { // put them there again, but with sftp
		if strings.HasPrefix(e.Name(), "again-") {
			if err := os.Remove(filepath.Join(dropped, e.Name())); err != nil {
				t.Fatal(err)
			}
			continue
		}
		here := filepath.Join(w.dir, e.Name())
		if err := os.Rename(filepath.Join(dropped, e.Name()), here); err != nil {
			t.Fatal(err)
		}
		if _, err := s.SFTP(t.Context(), fmt.Sprintf("put %s %s/in/%s\n", here, w.dir, e.Name())); err != nil {
			t.Fatal(err)
		}
	}
	log := w.finish(t)
	if err := w.check(); err != nil {
		t.Errorf("%v\n--- log\n%s", err, tail(log))
	}
	got := t.TempDir()
	if out, err := s.SFTP(t.Context(), fmt.Sprintf("get %s/out/f0001.ret.csv %s/\n", w.dir, got)); err != nil {
		t.Errorf("the result cannot be fetched: %v\n%s", err, out)
	}
	if rows, err := readCSV(filepath.Join(got, "f0001.ret.csv")); err != nil || len(rows) != 20 {
		t.Errorf("fetched %d rows, %v, want 20", len(rows), err)
	}
}

// TestKillSFTP kills the daemon, and sessions of the server beside it, while files keep coming to the server.
func TestKillSFTP(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 7, sandbox.None, sandbox.Faults{Share: map[sandbox.Fault]float64{sandbox.Lost: 0.05}, RetryAfter: "0"})
	s := sshdtest.Start(t, sshdtest.Options{})
	w.onServer(t, s, "")
	ctx, stop := context.WithCancel(t.Context())
	erp := watch(ctx, filepath.Join(w.dir, "out"))
	log := ""
	for i := range max(kills(t)/7, 4) {
		if i%2 == 0 {
			w.drop(t, 3+w.rng.IntN(60))
			w.drop(t, 3)
		}
		cmd, out := w.command(t, "run")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if i%3 == 1 { // the server's session dies first
			time.Sleep(time.Duration(100+w.rng.IntN(200)) * time.Millisecond)
			s.Cut()
		}
		time.Sleep(time.Duration(100+w.rng.IntN(400)) * time.Millisecond)
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
	if err := errors.Join(erp.verify(), w.check()); err != nil {
		t.Errorf("%v\n--- log\n%s", err, tail(log))
	}
	if strings.Contains(log, "canary") {
		t.Error("a secret or an address is in the log")
	}
}
