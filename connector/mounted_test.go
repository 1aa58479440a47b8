package connector

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"github.com/navette-connect/navette/transports"
)

// mountedBox is a plain folder that says what it stands on.
type mountedBox struct {
	transports.Box
	kind *string
}

func (b mountedBox) Mount(context.Context, string) (string, error) { return *b.kind, nil }

// A share that is missing when navette starts is an alarm: nothing is taken, and no folder is made beneath it.
func TestShareMissingAtStart(t *testing.T) {
	for _, c := range []struct {
		was, is string
		alarm   bool
	}{{"nfs", "", true}, {"smb", "disk", true}, {"disk", "", true}, {"nfs", "smb", false}, {"", "nfs", false}, {"disk", "nfs", false}, {"", "", false}, {"nfs", "nfs", false}} {
		t.Run(c.was+" then "+c.is, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage(t, simMapping, taken)
				kind := c.was
				s.flow = func(f *Flow) { f.Inbox, f.Outbox = mountedBox{f.Inbox, &kind}, mountedBox{f.Outbox, &kind} }
				s.drop("a.csv", "Facture;Montant\nA1;1,00\n")
				if err := s.once(); err != nil {
					t.Fatal(err)
				}
				kind = c.is
				if err := os.Remove(filepath.Join(s.dir, "rejected")); err != nil {
					t.Fatal(err)
				}
				s.drop("b.csv", "Facture;Montant\nA2;1,00\n")
				err := s.once()
				if alarmed := codeOf(err, "") == "NV-3002"; alarmed != c.alarm || len(s.psp.submits) == 2 == c.alarm {
					t.Errorf("it says %v, %d requests; want an alarm: %v", err, len(s.psp.submits), c.alarm)
				}
				if _, err := os.Stat(filepath.Join(s.dir, "rejected")); os.IsNotExist(err) != c.alarm {
					t.Errorf("a folder beneath the share: %v", err)
				}
				if !c.alarm {
					return
				}
				s.decide("pause", "f", "")
				s.decide("resume", "f", "") // ends the pause, and no more
				if err := s.once(); codeOf(err, "") != "NV-3002" {
					t.Errorf("the end of a pause took the missing share for meant: %v", err)
				}
				s.decide("resume", "f", "")
				if err := s.once(); err != nil || len(s.psp.submits) != 2 {
					t.Errorf("it is meant, and still %v; %d requests", err, len(s.psp.submits))
				}
			})
		})
	}
}

// The same with a real mount.
func TestShareMissingAtStartForReal(t *testing.T) {
	mount := func(dir string) error { return unix.Mount("none", dir, "tmpfs", 0, "size=1m") }
	s := newStage(t, simMapping, taken)
	top := filepath.Join(s.dir, "share")
	if err := os.Mkdir(top, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := mount(top); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skipf("nothing can be mounted here: %v", err)
	}
	mounted := true
	t.Cleanup(func() {
		if mounted {
			_ = unix.Unmount(top, 0)
		}
	})
	s.flow = func(f *Flow) {
		f.In, f.Done, f.Rejected, f.Out = filepath.Join(top, "f/in"), filepath.Join(top, "f/done"), filepath.Join(top, "f/rejected"), filepath.Join(top, "f/out")
		f.Quiet = 10 * time.Millisecond
		if box, ok := f.Inbox.(ownedBox); ok {
			f.Inbox, f.Outbox = box.Box, box.Box
		}
	}
	if err := s.once(); err != nil {
		t.Fatal(err)
	}
	if err := unix.Unmount(top, 0); err != nil {
		t.Fatal(err)
	}
	mounted = false
	if err := s.once(); codeOf(err, "") != "NV-3002" {
		t.Errorf("the share is not mounted, and it says %v", err)
	}
	if left, err := os.ReadDir(top); err != nil || len(left) != 0 {
		t.Errorf("made beneath the share: %v, %v", left, err)
	}
	if err := mount(top); err != nil {
		t.Fatal(err)
	}
	mounted = true
	if err := s.once(); err != nil {
		t.Errorf("the share is back, and it says %v", err)
	}
	if err := os.WriteFile(filepath.Join(top, "f/in/a.csv"), []byte("Facture;Montant\nA1;1,00\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := s.once(); err != nil || len(s.psp.submits) != 1 {
		t.Errorf("the share is back: %v, %d requests", err, len(s.psp.submits))
	}
	out, err := filepath.Glob(filepath.Join(top, "f/out/*"))
	if err != nil || !slices.ContainsFunc(out, func(name string) bool { return strings.HasSuffix(name, "a.ret.csv") }) {
		t.Errorf("returns: %v, %v", out, err)
	}
}
