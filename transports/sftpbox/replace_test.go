//go:build unix

package sftpbox_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/navette-connect/navette/transports"
	"github.com/navette-connect/navette/transports/sftpbox"
)

// TestReplaceInterrupted: wherever a Replace ends, one of the two names holds a whole file, the former or the new one; the
// next Replace puts everything right. Each act on the server fails in turn: alone, or with all that come after it.
func TestReplaceInterrupted(t *testing.T) {
	for _, faults := range [][]string{{}, {"no_extensions"}, {"no_extensions", "rename_replaces"}} {
		for _, dead := range []bool{false, true} {
			t.Run(fmt.Sprint(faults, " dead ", dead), func(t *testing.T) {
				t.Parallel()
				var acts, failing atomic.Int64
				r := rehearse(t, func(o *sftpbox.Options) {
					o.Fault = func(op, path string) error {
						n, at := acts.Add(1), failing.Load()
						if at > 0 && (n == at || dead && n > at) {
							return errors.New("fault")
						}
						return nil
					}
				}, faults...)
				replace := func(text string) error {
					return r.box.Replace(t.Context(), "/x", strings.NewReader(text), 0o600)
				}
				for at := int64(1); ; at++ {
					failing.Store(0)
					if err := replace("former"); err != nil {
						t.Fatal(err)
					}
					acts.Store(0)
					failing.Store(at)
					err := replace("new")
					if acts.Load() < at {
						if err != nil || at < 4 {
							t.Errorf("%d acts met no fault: %v", acts.Load(), err)
						}
						return
					}
					got, e := os.ReadFile(filepath.Join(r.dir, "x"))
					if errors.Is(e, os.ErrNotExist) {
						got, e = os.ReadFile(filepath.Join(r.dir, transports.Former("x")))
					}
					if e != nil || !slices.Contains([]string{"former", "new"}, string(got)) || err == nil && string(got) != "new" {
						t.Errorf("after act %d (%v): %q, %v", at, err, got, e)
					}
					failing.Store(0)
					if err := replace("next"); err != nil {
						t.Errorf("after act %d: the next one: %v", at, err)
					}
					if got, err := os.ReadFile(filepath.Join(r.dir, "x")); err != nil || string(got) != "next" {
						t.Errorf("after act %d: the next one: %q, %v", at, got, err)
					}
					if names := r.names(t); !slices.Equal(names, []string{"x"}) {
						t.Errorf("after act %d: %q are left", at, names)
					}
				}
			})
		}
	}
}

// TestReplaceRefused: where files are not taken by renaming nothing is written.
func TestReplaceRefused(t *testing.T) {
	for fault, change := range map[string]func(*sftpbox.Options){
		"no_rename": nil,
		"read_only": nil,
		"read_once": func(o *sftpbox.Options) { o.Claim = transports.ClaimReadOnce },
		"":          func(o *sftpbox.Options) { o.Claim = transports.ClaimLease },
	} {
		r := rehearse(t, change, strings.Fields(fault)...)
		if err := r.box.Replace(t.Context(), "/x", strings.NewReader("text"), 0o600); !errors.Is(err, transports.ErrRefused) {
			t.Errorf("%s: %v, want ErrRefused", fault, err)
		}
		if names := r.names(t); len(names) > 0 {
			t.Errorf("%s: %q are left", fault, names)
		}
	}
}
