package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/navette-connect/navette/connector/gateway/sandbox"
	"github.com/navette-connect/navette/transports"
	"github.com/navette-connect/navette/transports/sftpbox/partner"
	"github.com/navette-connect/navette/transports/sftpbox/sshdtest"
)

// beside gives a world a second flow, visited before the first: on a transport of its own, its folders under bad.
func (w *world) beside(t testing.TB, transport string) {
	t.Helper()
	for _, d := range []string{"in", "out", "done", "rejected"} {
		if err := os.MkdirAll(filepath.Join(w.dir, "bad", d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(w.dir, "etc/navette.yaml")
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	flow := fmt.Sprintf("  a: {transport: bad, in: %[1]s/in, out: %[1]s/out, done: %[1]s/done, rejected: %[1]s/rejected, quiet: 0s, poll: 50ms, mapping: w, gateway: psp}\n  f: {in:", filepath.Join(w.dir, "bad"))
	config := "transports:\n  bad: {" + transport + "}\n" + strings.Replace(string(b), "  f: {in:", flow, 1)
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
}

// deaf is a server that takes connections and never says a word.
func deaf(t testing.TB) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var conns []net.Conn
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			conns = append(conns, c)
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-done
		for _, c := range conns {
			_ = c.Close()
		}
	})
	return l.Addr().String()
}

// TestBadServer: a flow is answered as if there were no other, while the server of another refuses, hangs, is slow or cuts
// each connection: by the daemon and by `once`. Waiting for a server that hangs would take half an hour here.
func TestBadServer(t *testing.T) {
	const hostKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPzQbITs2NyaqO1QKlaqJh9Yt5H2BizDFMoRu/bKIseR"
	partnerWith := func(faults ...string) func(t testing.TB, w *world) string {
		return func(t testing.TB, w *world) string {
			_, place := w.servePartner(t, faults...)
			return place
		}
	}
	for name, place := range map[string]func(t testing.TB, w *world) string{
		"refused": func(t testing.TB, w *world) string {
			return fmt.Sprintf("type: sftp, address: %q, user: erp, password: {file: %s/etc/token}, host_keys: [%q]", "127.0.0.1:1", w.dir, hostKey)
		},
		"says nothing": func(t testing.TB, w *world) string {
			return fmt.Sprintf("type: sftp, address: %q, user: erp, password: {file: %s/etc/token}, host_keys: [%q]", deaf(t), w.dir, hostKey)
		},
		"hangs at once":  partnerWith("mute=1"),
		"hangs at work":  partnerWith("mute=12"),
		"slow":           partnerWith("slow=20000"),
		"cuts":           partnerWith("cut=2"),
		"refuses login":  partnerWith("refuse_login"),
		"shows no key":   partnerWith("new_key"),
		"forbids itself": partnerWith("read_only", "no_stat"),
	} {
		for _, command := range []string{"once", "run"} {
			t.Run(name+"/"+command, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, 21, sandbox.None, sandbox.Faults{})
				w.beside(t, place(t, w)+", timeout: 30m")
				if err := os.WriteFile(filepath.Join(w.dir, "bad/in/b.csv"), []byte("Facture;Montant;Echeance;Courriel\r\nB1;10,00;;\r\n"), 0o644); err != nil {
					t.Fatal(err)
				}
				w.put(t, "a.csv", []byte("Facture;Montant;Echeance;Courriel\r\nA1;10,00;;\r\n"))
				w.answeredBy(t, command, "a.ret.csv")
			})
		}
	}
}

// answeredBy lets a command work until a result is there, and no longer.
func (w *world) answeredBy(t *testing.T, command, result string) {
	t.Helper()
	cmd, out := w.command(t, command)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	answered := func() bool {
		rows, err := readCSV(filepath.Join(w.dir, "out", result))
		return err == nil && len(rows) == 1 && rows[0]["nv_state"] == "sent"
	}
	running := true
	for deadline := time.Now().Add(2 * time.Minute); running && !answered() && time.Now().Before(deadline); {
		select {
		case <-ended:
			running = false
		case <-time.After(20 * time.Millisecond):
		}
	}
	if running {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		<-ended
	}
	if !answered() {
		t.Errorf("no answer\n%s", tail(out.String()))
	}
}

// TestServerTurnsBad: a server that was well when navette last ran holds nobody up at the next start, either, though its
// marker of the journal cannot be read: the other flow's knows the journal.
func TestServerTurnsBad(t *testing.T) {
	for _, command := range []string{"once", "run"} {
		t.Run(command, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, 22, sandbox.None, sandbox.Faults{})
			p, place := w.servePartner(t)
			w.beside(t, place+", timeout: 30m")
			w.put(t, "a.csv", []byte("Facture;Montant;Echeance;Courriel\r\nA1;10,00;;\r\n"))
			w.finish(t)
			if names, _ := filepath.Glob(filepath.Join(w.dir, "bad/done/.navette-journal-*")); len(names) != 1 {
				t.Errorf("markers on the server: %q, want one", names)
			}
			p.Switch(partner.Faults{partner.Mute: 1})
			w.put(t, "b.csv", []byte("Facture;Montant;Echeance;Courriel\r\nB1;10,00;;\r\n"))
			w.answeredBy(t, command, "b.ret.csv")
		})
	}
}

// TestMarkerSFTP: a journal that is new, or an older copy, where another worked on a server's folders takes files and sends
// nothing until a person says recover; then each row is looked up first.
func TestMarkerSFTP(t *testing.T) {
	for name, serve := range map[string]func(w *world){
		"OpenSSH":                      func(w *world) { w.onServer(t, sshdtest.Start(t, sshdtest.Options{}), "") },
		"partner":                      func(w *world) { w.onPartner(t, "") },
		"partner with no extensions":   func(w *world) { w.onPartner(t, "", "no_extensions") },
		"partner with interrupted":     func(w *world) { w.onPartner(t, "", "no_extensions") },
		"partner with an older copy":   func(w *world) { w.onPartner(t, "") },
		"partner with marker spoilt":   func(w *world) { w.onPartner(t, "") },
		"partner with rename replaces": func(w *world) { w.onPartner(t, "", "no_extensions", "rename_replaces") },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 23, sandbox.None, sandbox.Faults{})
			serve(w)
			state := filepath.Join(w.dir, "state")
			w.put(t, "a.csv", []byte("Facture;Montant;Echeance;Courriel\r\nA1;10,00;;\r\n"))
			w.finish(t)
			if err := os.CopyFS(filepath.Join(w.dir, "old"), os.DirFS(state)); err != nil {
				t.Fatal(err)
			}
			w.put(t, "b.csv", []byte("Facture;Montant;Echeance;Courriel\r\nB1;10,00;;\r\n"))
			w.finish(t)
			entries, err := os.ReadDir(filepath.Join(w.dir, "done"))
			if err != nil {
				t.Fatal(err)
			}
			marker := ""
			for _, e := range entries {
				if strings.HasPrefix(strings.ToLower(e.Name()), ".navette-") {
					if marker != "" {
						t.Errorf("%q and %q in done, want one marker", marker, e.Name())
					}
					marker = filepath.Join(w.dir, "done", e.Name())
				}
			}
			if err := os.RemoveAll(state); err != nil {
				t.Fatal(err)
			}
			switch {
			case strings.HasSuffix(name, "interrupted"):
				err = os.Rename(marker, transports.Former(marker))
			case strings.HasSuffix(name, "an older copy"):
				err = os.Rename(filepath.Join(w.dir, "old"), state)
			case strings.HasSuffix(name, "marker spoilt"):
				err = os.WriteFile(marker, nil, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
			w.put(t, "c.csv", []byte("Facture;Montant;Echeance;Courriel\r\nB1;10,00;;\r\nC1;10,00;;\r\n"))
			w.want["A1"], w.want["B1"] = "1000", "1000"
			cmd, out := w.command(t, "once")
			if err := cmd.Run(); err == nil || !strings.Contains(out.String(), "marker") && !strings.Contains(out.String(), "NV-4011") {
				t.Errorf("once: %v\n%s", err, tail(out.String()))
			}
			w.sentOnce(t, out.String()) // C1 is not among them
			if _, err := os.Stat(filepath.Join(w.dir, "in/c.csv")); err == nil {
				t.Error("the file was not taken")
			}
			recover, out := w.command(t, "recover", "--reason", "a new disk")
			if err := recover.Run(); err != nil {
				t.Fatalf("recover: %v\n%s", err, out)
			}
			w.want["C1"] = "1000"
			log := w.finish(t)
			w.sentOnce(t, log)
		})
	}
}
