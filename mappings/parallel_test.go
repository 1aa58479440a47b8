package mappings_test

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/navette-connect/navette/mappings"
)

// account writes down all that a reading says of a file, document by document.
func account(t *testing.T, m *mappings.Mapping, src []byte, workers int) string {
	t.Helper()
	var b strings.Builder
	r, err := m.Open(mappings.Spooled{ReaderAt: bytes.NewReader(src), Size: int64(len(src)), Name: "f"}, mappings.Env{File: "f", Flow: "w", Today: "2026-11-20"})
	if err != nil {
		return "open: " + err.Error()
	}
	for doc, err := range r.Passing(context.Background(), workers) {
		if err != nil {
			fmt.Fprintf(&b, "stopped: %v\n", err)
			break
		}
		for _, row := range doc.Rows {
			fmt.Fprintf(&b, "%d %q ", row.Line, row.Raw)
		}
		fmt.Fprintf(&b, "%v %q %s %s %q %v %q\n", doc.State, fmt.Sprint(doc.Problems), doc.Kind, doc.Operation, doc.Reference, doc.Amount, doc.Fields)
		for i := range doc.Instructions {
			fmt.Fprintf(&b, "%q\n", fmt.Sprint(doc.Instructions[i]))
		}
		if doc.Hold != nil {
			fmt.Fprintf(&b, "hold %+v\n", *doc.Hold)
		}
	}
	fmt.Fprintf(&b, "rows %d, left out %d, control %v, warnings %v\n", r.Rows(), r.LeftOut(), r.Control(), r.Warnings())
	return b.String()
}

// TestWorkersAgree reads every sample, and large files made of it with damage of all kinds, alone and with workers: what
// is told must be the same, in the same order.
func TestWorkersAgree(t *testing.T) {
	divided := 0
	err := filepath.WalkDir(examples, func(path string, d fs.DirEntry, err error) error {
		if err != nil || filepath.Base(path) != "mapping.yaml" {
			return err
		}
		entries, err := os.ReadDir(filepath.Dir(path))
		if err != nil {
			return err
		}
		m := load(t, path)
		for _, e := range entries {
			if ext := filepath.Ext(e.Name()); e.IsDir() || ext == ".yaml" || ext == ".json" {
				continue
			}
			src, err := os.ReadFile(filepath.Join(filepath.Dir(path), e.Name()))
			if err != nil {
				return err
			}
			for i, file := range grown(src) {
				alone := account(t, m, file, 1)
				for _, workers := range []int{3} {
					together := account(t, m, file, workers)
					for n, line := range strings.Split(alone, "\n") {
						said, rest, _ := strings.Cut(together, "\n")
						if together = rest; said != line {
							t.Errorf("%s, file %d of %d bytes with %d workers, document %d:\nalone    %.300s\ntogether %.300s", path, i, len(file), workers, n, line, said)
							break
						}
					}
				}
				if strings.Count(alone, "\n") > 300 {
					divided++
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if divided < 20 {
		t.Errorf("%d files were large enough to be divided, want 20", divided)
	}
}

// grown makes large files of a small one: its lines again and again, as they are and damaged.
func grown(src []byte) [][]byte {
	lines := bytes.SplitAfter(src, []byte("\n"))
	head, body := lines[:min(4, len(lines))], lines[min(4, len(lines)):]
	if len(body) == 0 {
		return [][]byte{src}
	}
	files := [][]byte{src}
	for _, odd := range []string{"", "\"", "a\"b;c\r\n", "\"open\r\nmore\r\n\";x\r\n", "\"\"\"\r\n1;2;3\r\n\r"} {
		r := rand.New(rand.NewPCG(7, uint64(len(odd))))
		b := bytes.Join(head, nil)
		for len(b) < 140<<10 {
			b = append(b, body[r.IntN(len(body))]...)
			if r.IntN(40) == 0 {
				b = append(b, odd...)
			}
		}
		files = append(files, b)
	}
	return files
}

// TestWorkersStop gives up in the middle, by leaving and by a context that ends: no goroutine may be left (the test's
// own end waits for those of Passing) and an ended context is told.
func TestWorkersStop(t *testing.T) {
	file, m := invoices(t, 5000)
	open := func() *mappings.Reading {
		r, err := m.Open(mappings.Spooled{ReaderAt: bytes.NewReader(file), Size: int64(len(file))}, mappings.Env{})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	n := 0
	for range open().Passing(context.Background(), 4) {
		if n++; n == 1500 {
			break
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var last error
	n = 0
	for _, err := range open().Passing(ctx, 4) {
		if n++; n == 700 {
			cancel()
		}
		last = err
	}
	if last != context.Canceled {
		t.Errorf("after %d documents: %v, want %v", n, last, context.Canceled)
	}
}
