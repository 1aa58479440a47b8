package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/navette-connect/navette/connector/gateway/sandbox"
	"github.com/navette-connect/navette/transports/sftpbox"
	"github.com/navette-connect/navette/transports/sftpbox/sshdtest"
)

const oneRow = "Facture;Montant;Echeance;Courriel\r\nA1;10,00;;\r\n"

// ask runs a command that must end well, and gives what it says.
func (w *world) ask(t *testing.T, args ...string) string {
	t.Helper()
	cmd, out := w.command(t, args...)
	if err := cmd.Run(); err != nil {
		t.Fatalf("%q: %v\n%s", args, err, out)
	}
	return out.String()
}

// edit changes a world's configuration.
func (w *world) edit(t *testing.T, old, now string) {
	t.Helper()
	file := filepath.Join(w.dir, "etc/navette.yaml")
	b, err := os.ReadFile(file)
	if err != nil || !strings.Contains(string(b), old) {
		t.Fatalf("%q is not in the configuration: %v", old, err)
	}
	if err := os.WriteFile(file, []byte(strings.Replace(string(b), old, now, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestSFTPOutMarker: an empty marker follows each return on a real server, never before it, and once.
func TestSFTPOutMarker(t *testing.T) {
	w := newWorld(t, 31, sandbox.None, sandbox.Faults{})
	w.onServer(t, sshdtest.Start(t, sshdtest.Options{}), "")
	w.edit(t, "mapping: w", `out_marker: ".fin", mapping: w`)
	w.put(t, "a.csv", []byte(oneRow))
	w.want["A1"] = "1000"
	log := w.finish(t)
	w.sentOnce(t, log)
	entries, err := os.ReadDir(filepath.Join(w.dir, "out"))
	if err != nil {
		t.Fatal(err)
	}
	returns, markers := map[string]os.FileInfo{}, map[string]os.FileInfo{}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		if of, ok := strings.CutSuffix(e.Name(), ".fin"); ok {
			markers[of] = info
		} else {
			returns[e.Name()] = info
		}
	}
	for name, info := range returns {
		if m := markers[name]; m == nil || m.Size() != 0 || m.ModTime().Before(info.ModTime()) {
			t.Errorf("the marker of %s: %+v", name, m)
		}
	}
	for _, name := range []string{"a.ack.csv", "a.ret.csv"} {
		if returns[name] == nil {
			t.Errorf("no %s", name)
		}
	}
	if len(markers) != len(returns) {
		t.Errorf("%d markers of %d returns", len(markers), len(returns))
	}
}

// TestSFTPCapitals: a server that writes every name in capitals takes part in the whole round.
func TestSFTPCapitals(t *testing.T) {
	w := newWorld(t, 32, sandbox.None, sandbox.Faults{})
	w.onPartner(t, "", "upper_case")
	w.put(t, "A.CSV", []byte(oneRow))
	w.want["A1"] = "1000"
	log := w.finish(t)
	w.sentOnce(t, log)
	for _, name := range []string{"A.ACK.CSV", "A.RET.CSV"} {
		if rows, err := readCSV(filepath.Join(w.dir, "out", name)); err != nil || len(rows) != 1 {
			t.Errorf("%s: %d rows, %v\n%s", name, len(rows), err, tail(log))
		}
	}
	if left, _ := filepath.Glob(filepath.Join(w.dir, "in/*")); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
}

// TestSFTPLatinNames: a file whose name is no UTF-8 comes back under the same bytes, from a real server.
func TestSFTPLatinNames(t *testing.T) {
	w := newWorld(t, 33, sandbox.None, sandbox.Faults{})
	w.onServer(t, sshdtest.Start(t, sshdtest.Options{}), "")
	w.put(t, "r\xe8glements d'\xe9t\xe9 2.csv", []byte(oneRow))
	w.want["A1"] = "1000"
	log := w.finish(t)
	w.sentOnce(t, log)
	for _, suffix := range []string{".ack.csv", ".ret.csv"} {
		if rows, err := readCSV(filepath.Join(w.dir, "out", "r\xe8glements d'\xe9t\xe9 2"+suffix)); err != nil || len(rows) != 1 {
			t.Errorf("%s: %d rows, %v\n%s", suffix, len(rows), err, tail(log))
		}
	}
}

// TestSFTPDoctor: what doctor finds out about a server is kept, and selects how files are taken; `check --online` asks for
// nothing; `hostkey show` shows the key that the partner told.
func TestSFTPDoctor(t *testing.T) {
	for fault, want := range map[string]sftpbox.Claim{"": "rename", "no_rename": "lease", "read_once": "read_once"} {
		t.Run("with "+fault, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, 34, sandbox.None, sandbox.Faults{})
			p := w.onPartnerIn(t, "", strings.Fields(fault)...)
			w.ask(t, "check", "--online")
			if asked := p.Requests(); len(asked) > 0 || p.Logins() == 0 {
				t.Errorf("check --online: %d logins, requests %v", p.Logins(), asked)
			}
			cmd, out := w.command(t, "doctor", "f", "--yes")
			_ = cmd.Run() // what it finds may be bad
			profile, err := sftpbox.LoadProfile(filepath.Join(w.dir, "state/transports/partner.json"))
			if err != nil || profile.Claim != want {
				t.Fatalf("kept %+v, %v, want %s\n%s", profile, err, want, out)
			}
			p.Requests()
			w.put(t, "a.csv", []byte(oneRow))
			w.want["A1"] = "1000"
			log := w.finish(t)
			w.sentOnce(t, log)
			if renamed := p.Requests()["Rename"] > 0; renamed != (want == "rename") {
				t.Errorf("a profile of %s: renamed %v", want, renamed)
			}
		})
	}
	t.Run("asks first", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, 35, sandbox.None, sandbox.Faults{})
		p := w.onPartnerIn(t, "")
		cmd, out := w.command(t, "doctor", "f") // nobody answers
		_ = cmd.Run()
		if asked := p.Requests(); asked["Put"] > 0 || asked["List"] == 0 {
			t.Errorf("requests %v, want nothing written\n%s", asked, out)
		}
		if _, err := os.Stat(filepath.Join(w.dir, "state/transports/partner.json")); err == nil {
			t.Error("a profile is kept of what was not tried")
		}
	})
	t.Run("hostkey show", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, 36, sandbox.None, sandbox.Faults{})
		s := sshdtest.Start(t, sshdtest.Options{HostKeys: []string{"ed25519", "rsa"}})
		shown := w.ask(t, "hostkey", "show", s.Address)
		for _, line := range s.Hosts {
			key, err := sftpbox.ParseHostKey(line)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(shown, ssh.FingerprintSHA256(key)) || !strings.Contains(shown, strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key)))) {
				t.Errorf("%s is not shown:\n%s", ssh.FingerprintSHA256(key), shown)
			}
		}
	})
}

// TestSFTPCrowd: a folder with 50,000 files that are not the flow's costs a listing a look, and no question about any file
// but the one that is taken.
func TestSFTPCrowd(t *testing.T) {
	w := newWorld(t, 37, sandbox.None, sandbox.Faults{})
	p := w.onPartnerIn(t, "")
	first := filepath.Join(w.dir, "in/other-0.txt")
	if err := os.WriteFile(first, []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	for i := 1; i < 50_000; i++ {
		if err := os.Link(first, filepath.Join(w.dir, "in", "other-"+strconv.Itoa(i)+".txt")); err != nil {
			t.Fatal(err)
		}
	}
	w.edit(t, "mapping: w", `match: ["*.csv"], mapping: w`)
	w.put(t, "a.csv", []byte(oneRow))
	w.want["A1"] = "1000"
	log := w.ask(t, "once")
	w.sentOnce(t, log)
	asked := p.Requests()
	if asked["Setstat"]+asked["Mkdir"] > 0 {
		t.Errorf("requests %v: neither rights nor folders were to be changed", asked)
	}
	if n := asked["Stat"] + asked["Lstat"]; n > 40 || asked["Get"] > 5 || asked["List"] > 20 {
		t.Errorf("requests %v, want some listings, and questions about one file", asked)
	}
}
