package mappings_test

import (
	"bytes"
	"encoding/json"
	"slices"
	"testing"

	"github.com/navette-connect/navette/mappings"
)

// batches reads a file and gives what its documents say, each written down only when a batch of them is whole, as the journal
// does; recycle is called behind every document (early) or behind every batch.
func batches(t *testing.T, m *mappings.Mapping, file []byte, size int, recycle, early bool) (all []string) {
	t.Helper()
	reading, err := m.Open(mappings.Spooled{ReaderAt: bytes.NewReader(file), Size: int64(len(file))}, mappings.Env{Today: "2026-11-20"})
	if err != nil {
		t.Fatal(err)
	}
	var open []*mappings.Document
	flush := func() {
		for _, d := range open {
			b, err := json.Marshal(d)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, string(b))
		}
		open = open[:0]
		if recycle {
			reading.Recycle()
		}
	}
	for d, err := range reading.Documents(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if open = append(open, d); len(open) == size {
			flush()
		}
		if early {
			reading.Recycle()
		}
	}
	flush()
	return all
}

// TestRecycle: documents that take the room of earlier ones say what they say without.
func TestRecycle(t *testing.T) {
	file, m := invoices(t, 500)
	file = bytes.Replace(file, []byte("SEPA\r\n"), []byte("other\r\n"), 1) // one is rejected,
	at := bytes.LastIndex(file[:len(file)/2], []byte("\r\n"))
	file = slices.Concat(file[:at], []byte("\r\nshort;row"), file[at:]) // and one cannot be read
	want := batches(t, m, file, 7, false, false)
	if got := batches(t, m, file, 7, true, false); !slices.Equal(got, want) {
		t.Error("documents in recycled room differ")
	}
	if len(want) != 501 {
		t.Errorf("%d documents, want 501", len(want))
	}
	if got := batches(t, m, file, 7, true, true); slices.Equal(got, want) {
		t.Error("control: room was taken too early, and nothing differs")
	}
}
