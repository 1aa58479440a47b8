//go:build unix

package sftpbox_test

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/navette-connect/navette/transports"
	"github.com/navette-connect/navette/transports/sftpbox"
	"github.com/navette-connect/navette/transports/sftpbox/partner"
	"github.com/navette-connect/navette/transports/sftpbox/sshdtest"
)

// codeOf gives the catalogue's code of an error.
func codeOf(err error) string {
	var coded interface{ NVCode() string }
	if errors.As(err, &coded) {
		return coded.NVCode()
	}
	return ""
}

// TestHostKeys: whatever kind of key is pinned, the server is asked for that kind; another key is refused with both
// fingerprints shown.
func TestHostKeys(t *testing.T) {
	s := sshdtest.Start(t, sshdtest.Options{HostKeys: []string{"ed25519", "ecdsa", "rsa"}})
	for i, kind := range []string{"ed25519", "ecdsa", "rsa"} {
		b := box(t, s, func(o *sftpbox.Options) { o.HostKeys = s.Hosts[i : i+1] })
		if err := b.Connect(t.Context()); err != nil {
			t.Errorf("pinned %s: %v", kind, err)
		}
		known := filepath.Join(t.TempDir(), "known_hosts")
		host, port, _ := net.SplitHostPort(s.Address)
		if err := os.WriteFile(known, []byte("["+host+"]:"+port+" "+s.Hosts[i]), 0o600); err != nil {
			t.Fatal(err)
		}
		b = box(t, s, func(o *sftpbox.Options) { o.HostKeys, o.KnownHosts = nil, known })
		if err := b.Connect(t.Context()); err != nil {
			t.Errorf("known_hosts with %s: %v", kind, err)
		}
	}
	keys, err := sftpbox.ShowHostKeys(t.Context(), s.Address, 5*time.Second)
	if err != nil || len(keys) != 3 {
		t.Errorf("ShowHostKeys: %d keys, %v, want 3", len(keys), err)
	}
	other := sshdtest.Start(t, sshdtest.Options{HostKeys: []string{"ed25519"}})
	pin, err := sftpbox.ParseHostKey(other.Hosts[0])
	if err != nil {
		t.Fatal(err)
	}
	shown, err := sftpbox.ParseHostKey(s.Hosts[0])
	if err != nil {
		t.Fatal(err)
	}
	err = box(t, s, func(o *sftpbox.Options) { o.HostKeys = other.Hosts }).Connect(t.Context())
	if codeOf(err) != "NV-3010" || !errors.Is(err, transports.ErrRetry) {
		t.Fatalf("another key: %v (%s), want NV-3010", err, codeOf(err))
	}
	for _, key := range []ssh.PublicKey{pin, shown} {
		if print := ssh.FingerprintSHA256(key); !strings.Contains(err.Error(), print) {
			t.Errorf("%v does not show %s", err, print)
		}
	}
	// The pinned kind is one that the server does not have any more.
	err = box(t, other, func(o *sftpbox.Options) { o.HostKeys = s.Hosts[2:] }).Connect(t.Context())
	if codeOf(err) != "NV-3010" || !strings.Contains(err.Error(), ssh.FingerprintSHA256(pin)) {
		t.Errorf("another kind of key: %v (%s), want NV-3010 and the key that is shown", err, codeOf(err))
	}
	// Several pins: the old one and the next.
	if err := box(t, s, func(o *sftpbox.Options) { o.HostKeys = []string{other.Hosts[0], s.Hosts[0]} }).Connect(t.Context()); err != nil {
		t.Errorf("two pins: %v", err)
	}
}

// TestOptions: what cannot work is refused before anything is connected.
func TestOptions(t *testing.T) {
	good := sftpbox.Options{Address: "h:22", User: "u", Password: "p", HostKeys: []string{"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPzQbITs2NyaqO1QKlaqJh9Yt5H2BizDFMoRu/bKIseR"}}
	if _, err := sftpbox.New(good); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*sftpbox.Options){
		"no host key":   func(o *sftpbox.Options) { o.HostKeys = nil },
		"bad host key":  func(o *sftpbox.Options) { o.HostKeys = []string{"ssh-ed25519 nonsense"} },
		"no login":      func(o *sftpbox.Options) { o.Password = "" },
		"bad key":       func(o *sftpbox.Options) { o.Key = "nonsense" },
		"no port":       func(o *sftpbox.Options) { o.Address = "h" },
		"bad algorithm": func(o *sftpbox.Options) { o.Legacy = []string{"rot13"} },
	} {
		o := good
		spoil(&o)
		if _, err := sftpbox.New(o); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// TestLegacy: old algorithms of each kind work only where they are named.
func TestLegacy(t *testing.T) {
	rsa := func(t *testing.T, s *sshdtest.Server, o *sftpbox.Options) {
		o.Key = newKey(t, s, "rsa", "")
	}
	for name, c := range map[string]struct {
		config, legacy string
		code           string // without its name
		hostKey        string
		key            func(*testing.T, *sshdtest.Server, *sftpbox.Options)
	}{
		"key exchange":       {config: "KexAlgorithms diffie-hellman-group14-sha1", legacy: "diffie-hellman-group14-sha1", code: "NV-3012"},
		"cipher":             {config: "Ciphers aes128-cbc", legacy: "aes128-cbc", code: "NV-3012"},
		"host key by SHA-1":  {config: "HostKeyAlgorithms ssh-rsa", legacy: "ssh-rsa", code: "NV-3012", hostKey: "rsa"},
		"user's key by SHA1": {config: "PubkeyAcceptedAlgorithms ssh-rsa", legacy: "ssh-rsa", code: "NV-3011", key: rsa},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := sshdtest.Options{Config: []string{c.config}}
			if c.hostKey != "" {
				o.HostKeys = []string{c.hostKey}
			}
			s := sshdtest.Start(t, o)
			var key sftpbox.Options
			if key.Key = s.Key; c.key != nil {
				c.key(t, s, &key)
			}
			err := box(t, s, func(o *sftpbox.Options) { o.Key = key.Key }).Connect(t.Context())
			if code := codeOf(err); code != c.code {
				t.Errorf("not named: %v (%s), want %s", err, code, c.code)
			}
			if err := box(t, s, func(o *sftpbox.Options) { o.Key, o.Legacy = key.Key, []string{c.legacy} }).Connect(t.Context()); err != nil {
				t.Errorf("named: %v", err)
			}
		})
	}
}

// newKey makes a key of a kind that alone may log in, and gives its text.
func newKey(t *testing.T, s *sshdtest.Server, kind, passphrase string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "key")
	if out, err := exec.Command("ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-f", file).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	key, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	public, err := os.ReadFile(file + ".pub")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(s.Dir, "authorized"), public, 0o644); err != nil {
		t.Fatal(err)
	}
	return string(key)
}

// TestPassphrase: a locked key needs its passphrase.
func TestPassphrase(t *testing.T) {
	s := sshdtest.Start(t, sshdtest.Options{})
	key := newKey(t, s, "rsa", "open sesame")
	b := box(t, s, func(o *sftpbox.Options) { o.Key, o.Passphrase = key, "open sesame" })
	if err := b.Connect(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := sftpbox.New(sftpbox.Options{Address: s.Address, User: s.User, Key: key, HostKeys: s.Hosts}); err == nil || !strings.Contains(err.Error(), "passphrase") {
		t.Errorf("without its passphrase: %v", err)
	}
}

// TestRefusedLogin: a refused login is not tried again and again.
func TestRefusedLogin(t *testing.T) {
	r := rehearse(t, nil, "refuse_login")
	for range 50 {
		if _, err := r.box.List(t.Context(), "/"); codeOf(err) != "NV-3011" || !errors.Is(err, transports.ErrRetry) {
			t.Fatalf("got %v (%s), want NV-3011", err, codeOf(err))
		}
	}
	if n := r.Logins(); n > 2 { // password, then keyboard-interactive
		t.Errorf("50 acts made %d attempts to log in", n)
	}
}

// TestMute: a server that answers nothing any more costs no more than the time-out, and the next connection works.
func TestMute(t *testing.T) {
	r := rehearse(t, func(o *sftpbox.Options) { o.Timeout = time.Second }, "mute=8")
	r.put(t, "x.csv", text(100_000))
	failed := false
	for range 10 {
		if _, err := read(t, r.box, "/x.csv"); err != nil {
			failed = true
			if codeOf(err) != "NV-3009" {
				t.Errorf("got %v (%s), want NV-3009", err, codeOf(err))
			}
			break
		}
	}
	if !failed {
		t.Fatal("no act failed")
	}
	r.Switch(nil)
	r.box.Forgive()
	if got, err := read(t, r.box, "/x.csv"); err != nil || len(got) != 100_000 {
		t.Errorf("afterwards: read %d, %v", len(got), err)
	}
}

// TestEndedContext: an act under way on a mute server ends soon after its context.
func TestEndedContext(t *testing.T) {
	r := rehearse(t, func(o *sftpbox.Options) { o.Timeout = time.Hour })
	if err := r.box.Connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.Switch(partner.Faults{partner.Mute: 1})
	ctx, cancel := context.WithCancel(t.Context())
	cancelled := time.AfterFunc(50*time.Millisecond, cancel)
	defer cancelled.Stop()
	if err := r.box.Move(ctx, "/x.csv", "/y.csv"); err == nil {
		t.Error("no error")
	}
}

// TestProbe: what a server does wrong is found out, and nothing is left behind.
func TestProbe(t *testing.T) {
	for fault, want := range map[string]func(p sftpbox.Profile) bool{
		"":                func(p sftpbox.Profile) bool { return p.Claim == transports.ClaimRename && !p.Replaces && p.Step == 1 },
		"no_rename":       func(p sftpbox.Profile) bool { return p.Claim == transports.ClaimLease },
		"read_only":       func(p sftpbox.Profile) bool { return p.Claim == transports.ClaimLease },
		"read_once":       func(p sftpbox.Profile) bool { return p.Claim == transports.ClaimReadOnce },
		"rename_replaces": func(p sftpbox.Profile) bool { return p.Replaces },
		"coarse_time":     func(p sftpbox.Profile) bool { return p.Step == 2 },
		"upper_case":      func(p sftpbox.Profile) bool { return p.AnyCase && p.Capitals },
		"no_chmod":        func(p sftpbox.Profile) bool { return p.NoChmod && p.Claim == transports.ClaimRename },
		"no_extensions":   func(p sftpbox.Profile) bool { return len(p.Extensions) == 0 && p.Free == -1 },
	} {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			r := rehearse(t, nil, strings.Fields(fault)...)
			if err := os.Mkdir(filepath.Join(r.dir, "done"), 0o755); err != nil {
				t.Fatal(err)
			}
			p, _, err := r.box.Probe(t.Context(), "/", "/done", true)
			if err != nil || !want(p) {
				t.Errorf("got %+v, %v", p, err)
			}
			if names := r.names(t); len(names) != 1 {
				t.Errorf("left behind: %q", names)
			}
			file := filepath.Join(t.TempDir(), "transports", "p.json")
			if err := p.Save(file); err != nil {
				t.Fatal(err)
			}
			if again, err := sftpbox.LoadProfile(file); err != nil || again.Claim != p.Claim || again.Step != p.Step {
				t.Errorf("kept %+v, read %+v, %v", p, again, err)
			}
		})
	}
}

// TestSlowMoment: one pause of two seconds makes no server whose times are two seconds apart.
func TestSlowMoment(t *testing.T) {
	for _, c := range []struct {
		differences []int // seconds from the first file to each later one
		step        int
	}{
		{[]int{1}, 1}, {[]int{2, 3}, 1}, {[]int{2, 5}, 1}, {[]int{0, 2, 2, 4}, 2}, {[]int{2, 4, 6}, 2}, {[]int{0, 0}, 0}, {[]int{-2, 2}, 2},
	} {
		step := 0
		for _, d := range c.differences {
			step = sftpbox.Divisor(step, d)
		}
		if step != c.step {
			t.Errorf("%v: step %d, want %d", c.differences, step, c.step)
		}
	}
}
