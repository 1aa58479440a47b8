package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/navette-connect/navette/connector/gateway/sandbox"
)

// TestBackupBeside: copies made while the service writes are whole moments of the journal, one after the other; the service
// loses nothing by it. A copy that was damaged is not put back.
func TestBackupBeside(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 7, sandbox.None, sandbox.Faults{Latency: sandbox.Duration(2 * time.Millisecond)})
	s := w.serve(t)
	var copies []string
	before := int64(0)
	for i := range 6 {
		w.drop(t, 300)
		s.eventually(t, "it is writing", func() error {
			if v := w.inspect(t, filepath.Join(w.dir, "state")); v.LastEvent <= before {
				return fmt.Errorf("nothing new behind event %d", before)
			}
			return nil
		})
		copied := filepath.Join(w.dir, fmt.Sprintf("copy-%d.db", i))
		w.says(t, 0, "backup", copied)
		copies = append(copies, copied)
		before = w.inspect(t, filepath.Join(w.dir, "state")).LastEvent
	}
	spool := filepath.Join(w.dir, "spool-copy")
	copyTree(t, filepath.Join(w.dir, "state", "spool"), spool) // behind the journals: whatever they name is there
	s.eventually(t, "everything is answered", func() error { return w.answered(t) })
	s.stop(t)
	w.finish(t)
	if err := w.check(); err != nil {
		t.Error(err)
	}
	whole := w.inspect(t, filepath.Join(w.dir, "state"))
	last := int64(0)
	for _, copied := range copies {
		state := filepath.Join(w.dir, "of-"+filepath.Base(copied))
		copyTree(t, spool, filepath.Join(state, "spool"))
		w.says(t, 0, "restore", copied, "--state", state)
		v := w.inspect(t, state)
		if !v.Sound || v.Events != v.LastEvent || v.LastEvent <= last || v.LastEvent > whole.LastEvent {
			t.Errorf("%s is %+v behind event %d, of a journal of %d events", copied, v, last, whole.LastEvent)
		}
		last = v.LastEvent
	}
	b, err := os.ReadFile(copies[0])
	if err != nil {
		t.Fatal(err)
	}
	for at := len(b) / 2; at < len(b)/2+4096; at++ {
		b[at] ^= 0x55
	}
	damaged := filepath.Join(w.dir, "damaged.db")
	write(t, damaged, string(b))
	w.says(t, 1, "restore", damaged, "--state", filepath.Join(w.dir, "of-damaged"))
}

// inspect is `verify --json` of a state directory, sound or not.
func (w *world) inspect(t *testing.T, state string) (v verifyView) {
	t.Helper()
	cmd, out := w.command(t, "verify", "--json", "--state", state)
	asMain(cmd)
	_ = cmd.Run() // the view tells
	if err := json.Unmarshal(out.Bytes(), &v); err != nil {
		t.Fatalf("verify of %s: %v\n%s", state, err, out)
	}
	return v
}
