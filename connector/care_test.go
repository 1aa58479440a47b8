package connector_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/navette-connect/navette/connector"
	"github.com/navette-connect/navette/connector/journal"
	"github.com/navette-connect/navette/connector/journal/sqlite"
)

// Kept bytes are held against their names and against the journal.
func TestInspectSpool(t *testing.T) {
	dir := t.TempDir()
	j, err := sqlite.Open(t.Context(), dir, journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	folder := filepath.Join(dir, "spool")
	spool, err := connector.OpenSpool(folder, nil)
	if err != nil {
		t.Fatal(err)
	}
	digest, size, err := spool.Take(t.Context(), strings.NewReader("FA1;10,00\n"), 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := j.Do(t.Context(), func(tx *journal.Tx) error {
		f, err := tx.NewFile(journal.File{Flow: "a", Account: "psp", Name: "x.csv", Place: "/in/x.csv"}, func(int64) string { return "/in/.c" })
		if err != nil {
			return err
		}
		return tx.SetFile(f.ID, []string{journal.FileClaiming}, "state", journal.FileSpooled, "sha256", digest, "size", size)
	}); err != nil {
		t.Fatal(err)
	}
	found := func() string {
		t.Helper()
		in, err := connector.Inspect(t.Context(), j, folder)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Join(in.Wrong, "\n")
	}
	if got := found(); got != "" {
		t.Errorf("a sound journal: %s", got)
	}
	if err := os.WriteFile(filepath.Join(folder, digest), []byte("FA1;90,00\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := found(); !strings.Contains(got, "other bytes than its name says") {
		t.Errorf("one byte was changed: %q", got)
	}
	if err := os.Remove(filepath.Join(folder, digest)); err != nil {
		t.Fatal(err)
	}
	if got := found(); !strings.Contains(got, "the bytes of f1 are missing") {
		t.Errorf("the bytes are gone: %q", got)
	}
}

// A count that does not agree with the rows is told of the journal in use, and keeps nobody from a copy of it.
func TestInspectCounts(t *testing.T) {
	j, err := sqlite.Open(t.Context(), t.TempDir(), journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	if err := j.Do(t.Context(), func(tx *journal.Tx) error { return tx.Exec("INSERT INTO tally VALUES ('a', 'open', 1)") }); err != nil {
		t.Fatal(err)
	}
	for spool, want := range map[string]string{filepath.Join(t.TempDir(), "spool"): "counts: flow a: +1 open.", "": ""} {
		in, err := connector.Inspect(t.Context(), j, spool)
		if got := strings.Join(in.Wrong, "\n"); err != nil || got != want {
			t.Errorf("spool %q: %q, %v; want %q", spool, got, err, want)
		}
	}
}
