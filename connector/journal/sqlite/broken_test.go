package sqlite

import (
	"errors"
	"testing"

	zombiezen "zombiezen.com/go/sqlite"

	"github.com/navette-connect/navette/connector/journal"
)

// TestBrokenDisk: behind a failed fsync nothing is written any more, for a second try could succeed without writing; a full disk
// is no broken one. The next start reads what is there.
func TestBrokenDisk(t *testing.T) {
	dir := t.TempDir()
	var fault error
	j, err := Open(t.Context(), dir, journal.Options{Fault: func(string) error { return fault }})
	if err != nil {
		t.Fatal(err)
	}
	note := func(j *journal.Journal, value string) error {
		return j.Do(t.Context(), func(tx *journal.Tx) error { return tx.SetMeta("test", value) })
	}
	if err := note(j, "1"); err != nil {
		t.Fatal(err)
	}
	fault = zombiezen.ResultFull.ToError()
	if err := note(j, "2"); err == nil || errors.Is(err, journal.ErrBroken) {
		t.Errorf("on a full disk: %v", err)
	}
	fault = nil
	if err := note(j, "3"); err != nil {
		t.Errorf("with room again: %v", err)
	}
	fault = zombiezen.ResultIOErrFsync.ToError()
	if err := note(j, "4"); !errors.Is(err, journal.ErrBroken) {
		t.Errorf("fsync failed: %v, want %v", err, journal.ErrBroken)
	}
	fault = nil
	if err := note(j, "5"); !errors.Is(err, journal.ErrBroken) {
		t.Errorf("tried again: %v, want %v", err, journal.ErrBroken)
	}
	if err := j.Close(); err != nil {
		t.Error(err)
	}
	if j, err = Open(t.Context(), dir, journal.Options{}); err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	if v, err := j.Meta(t.Context(), "test"); err != nil || v != "3" {
		t.Errorf("after a new start: %q, %v, want 3", v, err)
	}
	if err := note(j, "6"); err != nil {
		t.Error(err)
	}
}
