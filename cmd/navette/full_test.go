package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/navette-connect/navette/connector/gateway/sandbox"
)

// smallDisk puts the state directory of a world on a disk of its own. Only root may mount one.
func (w *world) smallDisk(t *testing.T, bytes int64) (state string) {
	t.Helper()
	state = filepath.Join(w.dir, "state")
	if err := unix.Mount("none", state, "tmpfs", 0, fmt.Sprintf("size=%d,mode=0755", bytes)); err != nil {
		if os.Getenv("CI") != "" && os.Geteuid() == 0 {
			t.Fatalf("no small disk can be mounted: %v", err)
		}
		t.Skipf("no small disk can be mounted (root alone may): %v", err)
	}
	t.Cleanup(func() { // behind the daemon's end
		if err := unix.Unmount(state, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return state
}

// fill leaves some bytes free on a disk; free gives the space back.
func fill(t *testing.T, dir string, leave int64) (free func()) {
	t.Helper()
	name := filepath.Join(dir, "filler")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	block := make([]byte, 4096)
	for {
		var st unix.Statfs_t
		if err := unix.Statfs(dir, &st); err != nil {
			t.Fatal(err)
		}
		if int64(st.Bavail)*st.Bsize <= leave {
			break
		}
		if _, err := f.Write(block); err != nil && !errors.Is(err, unix.ENOSPC) {
			t.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
}

// arrived tells how many submits the PSP has seen.
func (w *world) arrived(t *testing.T) int {
	t.Helper()
	l, err := w.psp.Ledger()
	if err != nil {
		t.Fatal(err)
	}
	return l.Totals.Arrivals
}

// TestFullDisk: the disk of the state runs full while rows are being sent. What cannot be written is not taken and not
// sent again; once there is space everything is answered, and nothing was lost or doubled: also when the process was
// killed meanwhile, and what was in flight is in doubt.
func TestFullDisk(t *testing.T) {
	for i := range 2 * len(personalities) {
		p, killed := personalities[i/2], i%2 == 1
		t.Run(fmt.Sprintf("%s/killed=%v", p, killed), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, 5, p, sandbox.Faults{Latency: sandbox.Duration(20 * time.Millisecond)})
			state := w.smallDisk(t, 12<<20)
			w.rewrite(t, "gateways:", "disk_floor: 0\ngateways:") // nothing keeps it from running full
			s := w.serve(t)
			w.drop(t, 400)
			s.eventually(t, "rows are being sent", func() error {
				if w.arrived(t) < 20 {
					return errors.New("not yet")
				}
				return nil
			})
			free := fill(t, state, 0)
			w.drop(t, 100)
			s.logs(t, `"event":"trouble"`, "full")
			s.logs(t, `"event":"trouble"`, "record", "full") // answers that cannot be written are kept in memory
			sent := w.arrived(t)
			if killed {
				s.kill(t)
				free()
				s = w.serve(t)
			} else {
				free()
			}
			s.eventually(t, "everything is answered", func() error { return w.answered(t) })
			s.stop(t)
			w.finish(t)
			if err := w.check(); err != nil {
				t.Errorf("%v\n%s", err, tail(s.log.String()))
			}
			w.says(t, 0, "verify")
			l, err := w.psp.Ledger()
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("full after %d submits of %d, %d look-ups", sent, l.Totals.Arrivals, l.Totals.Lookups)
		})
	}
}

// answered tells whether every file has its result.
func (w *world) answered(t *testing.T) error {
	t.Helper()
	for name := range w.rows {
		result := filepath.Join(w.dir, "out", strings.TrimSuffix(name, ".csv")+".ret.csv")
		if again := w.repeats[name]; again != "" {
			if _, err := os.Stat(result); err == nil {
				continue
			}
			result = filepath.Join(w.dir, "out", strings.TrimSuffix(again, ".csv")+".ret.csv")
		}
		if _, err := os.Stat(result); err != nil {
			return err
		}
	}
	return nil
}

// TestFloorHolds: with a floor, files stop being taken before the disk is full, and what is in flight is recorded.
func TestFloorHolds(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 6, sandbox.None, sandbox.Faults{Latency: sandbox.Duration(20 * time.Millisecond)})
	state := w.smallDisk(t, 32<<20)
	w.rewrite(t, "gateways:", "disk_floor: 8MB\ngateways:")
	s := w.serve(t)
	w.drop(t, 200)
	s.eventually(t, "rows are being sent", func() error {
		if w.arrived(t) < 20 {
			return errors.New("not yet")
		}
		return nil
	})
	free := fill(t, state, 6<<20)
	w.place(t, "in", "late.csv", []byte(head+line("late-0", "10,00")))
	s.logs(t, `"event":"trouble"`, "NV-3020")
	s.eventually(t, "what was in flight is answered", func() error { return w.answered(t) })
	if _, err := os.Stat(filepath.Join(w.dir, "in", "late.csv")); err != nil {
		t.Errorf("the file was taken below the floor: %v", err)
	}
	if strings.Contains(s.log.String(), "is full") {
		t.Errorf("the journal ran into a full disk above its floor:\n%s", tail(s.log.String()))
	}
	free()
	s.sent(t, "late", 1)
}
