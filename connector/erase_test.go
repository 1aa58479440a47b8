package connector

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/navette-connect/navette/connector/journal"
	"github.com/navette-connect/navette/connector/journal/sqlite"
)

// eraseBench is a journal and a spool, with a finished file whose bytes were erased and are still to leave.
type eraseBench struct {
	t      *testing.T
	j      *journal.Journal
	spool  *Spool
	digest string
}

const benchBytes = "FA1;10,00;jane@example.com\n"

func newEraseBench(t *testing.T) *eraseBench {
	t.Helper()
	dir := t.TempDir()
	j, err := sqlite.Open(t.Context(), dir, journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	spool, err := OpenSpool(filepath.Join(dir, "spool"), nil)
	if err != nil {
		t.Fatal(err)
	}
	b := &eraseBench{t: t, j: j, spool: spool}
	b.digest = b.write()
	b.name()
	spool.Release(b.digest)
	b.do(func(tx *journal.Tx) error { return tx.MarkErased([]string{b.digest}, journal.ErasedPerson) })
	return b
}

func (b *eraseBench) do(fn func(*journal.Tx) error) {
	b.t.Helper()
	if err := b.j.Do(b.t.Context(), fn); err != nil {
		b.t.Fatal(err)
	}
}

// write keeps the bytes; it is not released.
func (b *eraseBench) write() string {
	b.t.Helper()
	digest, _, err := b.spool.Take(b.t.Context(), strings.NewReader(benchBytes), 0)
	if err != nil {
		b.t.Fatal(err)
	}
	return digest
}

// name lets the journal name the digest, as a file that was just spooled.
func (b *eraseBench) name() {
	b.t.Helper()
	b.do(func(tx *journal.Tx) error {
		f, err := tx.NewFile(journal.File{Flow: "a", Account: "psp", Name: "x.csv", Place: "/in/x.csv"}, func(int64) string { return "/in/.c" })
		if err != nil {
			return err
		}
		return tx.SetFile(f.ID, []string{journal.FileClaiming}, "state", journal.FileSpooled, "sha256", b.digest)
	})
}

func (b *eraseBench) remove() bool {
	b.t.Helper()
	removed, err := b.spool.Remove(b.digest, func() (bool, error) { return b.j.Leaving(b.t.Context(), b.digest) })
	if err != nil {
		b.t.Fatal(err)
	}
	return removed
}

func (b *eraseBench) there() bool {
	_, err := os.Stat(b.spool.path(b.digest))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		b.t.Fatal(err)
	}
	return err == nil
}

// TestRemoveRace: bytes that are dropped again while they leave the spool are never lost, wherever the two meet.
func TestRemoveRace(t *testing.T) {
	t.Run("nobody writes", func(t *testing.T) {
		b := newEraseBench(t)
		if !b.remove() || b.there() {
			t.Error("the bytes did not leave")
		}
	})
	t.Run("written and not named yet", func(t *testing.T) {
		b := newEraseBench(t)
		b.write()
		if b.remove() {
			t.Error("bytes left between being written and being named")
		}
		b.name()
		b.spool.Release(b.digest)
		if b.remove() || !b.there() {
			t.Error("bytes left that the journal names anew")
		}
	})
	t.Run("released too early", func(t *testing.T) { // the control: this order loses them
		b := newEraseBench(t)
		b.write()
		b.spool.Release(b.digest)
		b.remove()
		b.name()
		if b.there() {
			t.Error("the test cannot tell a lost file from a kept one")
		}
	})
	t.Run("gone, then written", func(t *testing.T) {
		b := newEraseBench(t)
		b.remove()
		b.write()
		b.name()
		b.do(func(tx *journal.Tx) error { return tx.Gone([]string{b.digest}) }) // the note of the removal comes late
		b.spool.Release(b.digest)
		erased, err := b.j.Erased(t.Context(), b.digest)
		if err != nil || erased || !b.there() {
			t.Errorf("bytes that came again are noted as erased: %v, %v, there: %v", erased, err, b.there())
		}
	})
	t.Run("written twice, one fails", func(t *testing.T) {
		b := newEraseBench(t)
		b.write()
		b.write()
		b.spool.Release(b.digest)
		if b.remove() {
			t.Error("bytes left though one of two writers is not done")
		}
		b.spool.Release(b.digest)
		if !b.remove() {
			t.Error("bytes stay though both writers gave up")
		}
	})
	t.Run("no digest", func(t *testing.T) {
		b := newEraseBench(t)
		for _, name := range []string{"", "../journal.db", strings.Repeat("g", 64)} {
			if _, err := b.spool.Remove(name, func() (bool, error) { return true, nil }); err == nil {
				t.Errorf("%q was removed", name)
			}
		}
	})
}
