package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/navette-connect/navette/connector/gateway/sandbox"
	"github.com/navette-connect/navette/transports/sftpbox/partner"
	"github.com/navette-connect/navette/transports/sftpbox/sshdtest"
)

// onServer moves a world's folders behind an SFTP server: the same folders, seen through it.
func (w *world) onServer(t testing.TB, s *sshdtest.Server, more string) {
	t.Helper()
	w.remote(t, fmt.Sprintf("{type: sftp, address: %q, user: %s, key: {file: %s}, host_keys: [%q], timeout: 5s%s}", s.Address, s.User, s.KeyFile, strings.TrimSpace(s.Hosts[0]), more))
}

// remote lets a world's flow use a transport.
func (w *world) remote(t testing.TB, transport string) {
	t.Helper()
	config := "transports:\n  partner: " + transport + "\n"
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

// servePartner runs the rehearsal server, and gives what a transport says of it: address, user, password and host key.
func (w *world) servePartner(t testing.TB, faults ...string) (*partner.Server, string) {
	t.Helper()
	parsed, err := partner.ParseFaults(faults)
	if err != nil {
		t.Fatal(err)
	}
	p, err := partner.New(partner.Options{Dir: "/", User: "erp", Password: "canary-password", Faults: parsed})
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- p.Serve(ctx, l) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	password := filepath.Join(w.dir, "etc/password")
	if err := os.WriteFile(password, []byte("canary-password\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return p, fmt.Sprintf("type: sftp, address: %q, user: erp, password: {file: %s}, host_keys: [%q]", l.Addr(), password, p.HostKey())
}

// onPartner serves a world's folders by the rehearsal server.
func (w *world) onPartner(t testing.TB, more string, faults ...string) *partner.Server {
	t.Helper()
	p, place := w.servePartner(t, faults...)
	w.remote(t, "{"+place+", timeout: 5s"+more+"}")
	return p
}

// TestSFTPLease: where renaming is forbidden files are taken once and left where they are; one that is replaced is taken
// as a new one.
func TestSFTPLease(t *testing.T) {
	for _, fault := range []string{"no_rename"} {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, 3, sandbox.None, sandbox.Faults{})
			w.onPartnerIn(t, "", fault)
			w.put(t, "a.csv", []byte("Facture;Montant;Echeance;Courriel\r\nA1;10,00;;\r\n"))
			w.want["A1"] = "1000"
			log := w.finish(t)
			if !strings.Contains(log, "NV-3013") {
				t.Error("no warning tells that files stay in place")
			}
			w.put(t, "a.csv", []byte("Facture;Montant;Echeance;Courriel\r\nA1;10,00;;\r\nA2;20,00;;\r\n"))
			w.want["A2"] = "2000"
			log += w.finish(t)
			w.sentOnce(t, log)
			if _, err := os.Stat(filepath.Join(w.dir, "in/a.csv")); err != nil {
				t.Errorf("the file did not stay: %v", err)
			}
			for _, name := range []string{"a.ack.csv", "a.ret.csv", "a.2.ack.csv", "a.2.ret.csv"} {
				if _, err := readCSV(filepath.Join(w.dir, "out", name)); err != nil {
					t.Errorf("%s: %v\n%s", name, err, tail(log))
				}
			}
			if names, _ := filepath.Glob(filepath.Join(w.dir, "out/*ack.csv")); len(names) != 2 {
				t.Errorf("acks: %q, want two", names)
			}
		})
	}
}

// onPartnerIn is onPartner for the inbound side alone: answers stay on this machine.
func (w *world) onPartnerIn(t testing.TB, more string, faults ...string) *partner.Server {
	t.Helper()
	p := w.onPartner(t, more, faults...)
	file := filepath.Join(w.dir, "etc/navette.yaml")
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(strings.Replace(string(b), "transport: partner,", "transport: partner, out_transport: local,", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	return p
}

// sentOnce holds the ledger against what must have been sent.
func (w *world) sentOnce(t testing.TB, log string) {
	t.Helper()
	ledger, err := w.psp.Ledger()
	if err != nil {
		t.Fatal(err)
	}
	effects := map[string]int{}
	for _, e := range ledger.Keys {
		effects[e.Reference] += e.Effects
	}
	for ref := range w.want {
		if effects[ref] != 1 {
			t.Errorf("%s was sent %d times\n%s", ref, effects[ref], tail(log))
		}
	}
	if len(effects) != len(w.want) {
		t.Errorf("%d references were sent, want %d", len(effects), len(w.want))
	}
}

// TestSFTPReadOnce: a server that gives each file once loses nothing, wherever the daemon is killed.
func TestSFTPReadOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 5, sandbox.None, sandbox.Faults{})
	w.onPartnerIn(t, ", claim: read_once", "read_once")
	for i := range 8 {
		ref := fmt.Sprintf("O%d", i)
		w.put(t, ref+".csv", []byte("Facture;Montant;Echeance;Courriel\r\n"+ref+";10,00;;\r\n"))
		w.want[ref] = "1000"
		cmd, out := w.command(t, "once")
		cmd.Env = append(cmd.Env, fmt.Sprintf("%s=%d", killAt, 3+i*2))
		_ = cmd.Run() // killed, as a rule
		_ = out
	}
	log := w.finish(t)
	w.sentOnce(t, log)
	if names, _ := filepath.Glob(filepath.Join(w.dir, "in/*")); len(names) > 0 {
		t.Errorf("left: %q", names)
	}
}

// TestSFTPTwo: two navettes with journals of their own on one folder of a server never take one file twice.
func TestSFTPTwo(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 9, sandbox.None, sandbox.Faults{})
	w.onServer(t, sshdtest.Start(t, sshdtest.Options{}), "")
	for i := range 40 {
		ref := fmt.Sprintf("T%02d", i)
		w.put(t, ref+".csv", []byte("Facture;Montant;Echeance;Courriel\r\n"+ref+";10,00;;\r\n"))
		w.want[ref] = "1000"
	}
	first, out1 := w.command(t, "once")
	second, out2 := w.command(t, "once")
	second.Env = append(second.Env, "NAVETTE_STATE_DIR="+filepath.Join(w.dir, "state2"))
	for _, c := range []*exec.Cmd{first, second} {
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
	}
	_ = first.Wait() // a file that the other took is no failure, but a folder swept by the other may be told
	_ = second.Wait()
	log := out1.String() + out2.String()
	for _, state := range []string{"state", "state2"} {
		cmd, out := w.command(t, "once")
		cmd.Env = append(cmd.Env, "NAVETTE_STATE_DIR="+filepath.Join(w.dir, state))
		if err := cmd.Run(); err != nil {
			t.Errorf("%s: %v\n%s", state, err, tail(out.String()))
		}
	}
	w.sentOnce(t, log)
	if names, _ := filepath.Glob(filepath.Join(w.dir, "out/*.ret.csv")); len(names) != 40 {
		t.Errorf("%d results, want 40", len(names))
	}
}

// TestSFTPStump: an upload that broke off is held and sends nothing; the whole file under its name takes its place.
func TestSFTPStump(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 11, sandbox.None, sandbox.Faults{})
	w.onServer(t, sshdtest.Start(t, sshdtest.Options{}), "")
	whole := "Facture;Montant;Echeance;Courriel\r\nS1;10,00;;\r\nS2;20,00;;\r\n"
	w.put(t, "s.csv", []byte(whole[:len(whole)-6]))
	log := w.finish(t)
	if !strings.Contains(log, "NV-1005") {
		t.Errorf("the stump is not held\n%s", tail(log))
	}
	if ledger, err := w.psp.Ledger(); err != nil || len(ledger.Keys) > 0 {
		t.Errorf("%d sent of a stump, %v", len(ledger.Keys), err)
	}
	w.put(t, "s.csv", []byte(whole))
	w.want["S1"], w.want["S2"] = "1000", "2000"
	log += w.finish(t)
	w.sentOnce(t, log)
	if rows, err := readCSV(filepath.Join(w.dir, "out/s.ret.csv")); err != nil || len(rows) != 2 {
		t.Errorf("the whole file is not answered under its name: %d rows, %v", len(rows), err)
	}
}
