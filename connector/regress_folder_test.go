package connector

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/navette-connect/navette/connector/journal"
	"github.com/navette-connect/navette/transports"
	"github.com/navette-connect/navette/transports/local"
)

// Ways in which a folder, or a journal, that could not be used was once misread, or told of at every try.

// placedBox is a plain folder that is told from another in its place.
type placedBox struct {
	transports.Box
	transports.Placer
}

// during runs the service while fn acts beside it.
func (s *stage) during(fn func(c *Connector)) {
	s.life = func(ctx context.Context, c *Connector) error {
		ctx, cancel := context.WithCancel(ctx)
		done := make(chan struct{})
		defer func() { <-done }()
		go func() {
			defer close(done)
			defer cancel()
			fn(c)
		}()
		return c.Run(ctx)
	}
	if err := s.once(); err != nil {
		s.t.Error(err)
	}
}

// TestDropFolderStaysGone: a drop folder that vanishes does not become an empty one; it is told of until somebody puts it back.
func TestDropFolderStaysGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, simMapping, taken)
		s.flow = func(f *Flow) { f.Inbox = placedBox{f.Inbox, local.New(local.Options{})} }
		in := filepath.Join(s.dir, "in")
		s.during(func(c *Connector) {
			time.Sleep(time.Minute)
			if err := os.Remove(in); err != nil {
				t.Error(err)
			}
			time.Sleep(time.Minute)
			if _, err := os.Stat(in); err == nil || !strings.Contains(fmt.Sprint(c.Troubles()["intake:f"]), "NV-3001") {
				t.Errorf("the folder is there again: %v; troubles %v", err == nil, c.Troubles())
			}
			if err := os.Mkdir(in, 0o755); err != nil {
				t.Error(err)
			}
			s.drop("a.csv", "Facture;Montant\nA1;1,00\n")
			time.Sleep(time.Minute)
			if s.psp.count() != 1 || len(c.Troubles()) > 0 {
				t.Errorf("put back: %d requests, troubles %v", s.psp.count(), c.Troubles())
			}
		})
	})
}

// TestDoneFolderIsMadeAgain: an archive folder that is taken away while the service runs is made again.
func TestDoneFolderIsMadeAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, simMapping, taken)
		s.during(func(c *Connector) {
			time.Sleep(time.Minute)
			if err := os.Remove(filepath.Join(s.dir, "done")); err != nil {
				t.Error(err)
			}
			s.drop("a.csv", "Facture;Montant\nA1;1,00\n")
			s.drop("b.csv", "Facture;Montant\nB1;1,00\n")
			time.Sleep(time.Minute)
			if left, _ := os.ReadDir(filepath.Join(s.dir, "in")); len(left) > 0 || len(c.Troubles()) > 0 {
				t.Errorf("left in the drop folder %v, troubles %v", left, c.Troubles())
			}
		})
	})
}

// boundBox lets nothing be renamed while it is bound.
type boundBox struct {
	transports.Box
	bound *atomic.Bool
}

func (b boundBox) Move(ctx context.Context, from, to string) error {
	if b.bound.Load() {
		return fmt.Errorf("%w: %s", transports.ErrRefused, from)
	}
	return b.Box.Move(ctx, from, to)
}

// TestNoRightToRename: a file that may not be renamed is one file, however often it is tried, and one trouble until it may be.
func TestNoRightToRename(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, simMapping, taken)
		bound := new(atomic.Bool)
		bound.Store(true)
		s.flow = func(f *Flow) { f.Inbox = boundBox{f.Inbox, bound} }
		s.drop("a.csv", "Facture;Montant\nA1;1,00\n")
		s.during(func(c *Connector) {
			for range 10 {
				time.Sleep(time.Minute)
				if !strings.Contains(fmt.Sprint(c.Troubles()["intake:f"]), "NV-3003") {
					t.Errorf("troubles %v, want NV-3003", c.Troubles())
				}
			}
			bound.Store(false)
			time.Sleep(time.Minute)
			if s.psp.count() != 1 || len(c.Troubles()) > 0 {
				t.Errorf("with its rights: %d requests, troubles %v", s.psp.count(), c.Troubles())
			}
		})
		s.view(func(j *journal.Journal) error {
			list, err := j.RecentFiles(t.Context(), "", 10)
			if len(list) != 1 {
				t.Errorf("%d files in the journal, want one", len(list))
			}
			return err
		})
	})
}

// TestFarewell: a journal that takes nothing does not keep the process from its end; what was answered is looked up then.
func TestFarewell(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, simMapping, taken)
		full := new(atomic.Bool)
		s.fault = func(point string) error {
			if point == "record" && full.Load() {
				return errors.New("database or disk is full")
			}
			return nil
		}
		full.Store(true)
		s.drop("a.csv", "Facture;Montant\nA1;1,00\n")
		var told time.Time
		s.during(func(c *Connector) {
			time.Sleep(5 * time.Minute)
			told = time.Now()
		})
		if took := time.Since(told); took > 80*time.Second {
			t.Errorf("the end took %v", took)
		}
		full.Store(false)
		s.life = nil
		for range 2 {
			_ = s.once()
			time.Sleep(10 * time.Minute)
		}
		_ = s.once()
		if len(s.psp.submits) != 1 || s.psp.lookups == 0 {
			t.Errorf("%d submits, %d look-ups, want one submit, then a look-up", len(s.psp.submits), s.psp.lookups)
		}
	})
}

// TestGist: what changes with every try is no change of a trouble.
func TestGist(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		same bool
	}{
		{"open /out/.navette-tmp-12ab: no space", "open /out/.navette-tmp-98ff: no space", true},
		{"open /spool/31.part: not there", "open /spool/32.part: not there", true},
		{"open /out/a.csv: no space", "open /out/b.csv: no space", false},
	} {
		if got := gist(errors.New(tt.a)) == gist(errors.New(tt.b)); got != tt.same {
			t.Errorf("%q and %q are the same: %v, want %v", tt.a, tt.b, got, tt.same)
		}
	}
}

// TestBrokenDisk: where the journal's disk fails under a write the process ends, and the next one goes on without a loss or a
// double.
func TestBrokenDisk(t *testing.T) {
	for _, at := range []int{1, 3, 5, 7, 9, 11} {
		synctest.Test(t, func(t *testing.T) {
			s := newStage(t, simMapping, taken)
			n := 0
			s.commits = func(point string) error {
				if point == "commit" {
					if n++; n >= at+4 { // the journal's own come first
						return journal.ErrBroken
					}
				}
				return nil
			}
			s.drop("a.csv", "Facture;Montant\nA1;1,00\nA2;1,00\nA3;1,00\n")
			err := s.once()
			if n >= at+4 && !errors.Is(err, journal.ErrBroken) {
				t.Errorf("commit %d failed: %v, want %v", at, err, journal.ErrBroken)
			}
			s.commits = nil
			for range 4 {
				_ = s.once()
				time.Sleep(10 * time.Minute)
			}
			keys := s.keys()
			slices.Sort(keys)
			err = s.once()
			rows := s.rows()
			waits := slices.ContainsFunc(rows, func(e journal.Entry) bool { return e.State != "open" })
			if err != nil || len(rows) != 3 || waits || len(slices.Compact(keys)) != len(s.psp.submits) {
				t.Errorf("commit %d: %v, rows %+v, keys %v", at, err, rows, s.keys())
			}
		})
	}
}
