package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/text/encoding/charmap"
)

func made(t *testing.T, o options) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := generate(&b, o); err != nil {
		t.Fatalf("generate(%+v): %v", o, err)
	}
	return b.Bytes()
}

// Figures of different days can only be compared when the rows are the same: the digest is pinned.
func TestSameBytesForEver(t *testing.T) {
	o := options{rows: 1000, quoted: 10, prefix: "F2026"}
	sum := sha256.Sum256(made(t, o))
	const want = "53a9b13d3a835bf5b60c4a5c60d477cc2995085988ca37c8d4899f4fc789aaf0"
	if got := hex.EncodeToString(sum[:]); got != want {
		t.Errorf("sha256 of generate(%+v) = %s, want %s", o, got, want)
	}
}

func TestRows(t *testing.T) {
	tests := []struct {
		name           string
		o              options
		distinct, read int // invoice numbers, amounts that are not "n/a"
	}{
		{"plain", options{rows: 200, prefix: "A"}, 200, 200},
		{"quoted", options{rows: 200, quoted: 10, prefix: "A"}, 200, 200},
		{"dup", options{rows: 200, dup: 50, prefix: "A"}, 196, 200},
		{"bad", options{rows: 200, bad: 20, prefix: "A"}, 200, 190},
		{"utf8", options{rows: 200, quoted: 7, utf8: true, prefix: "A"}, 200, 200},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			raw := made(t, tt.o)
			if !tt.o.utf8 {
				var err error
				if raw, err = charmap.Windows1252.NewDecoder().Bytes(raw); err != nil {
					t.Fatal(err)
				}
			}
			r := csv.NewReader(bytes.NewReader(raw))
			r.Comma = ';'
			all, err := r.ReadAll()
			if err != nil {
				t.Fatalf("generate(%+v) is no CSV: %v", tt.o, err)
			}
			if got := strings.Join(all[0], ";"); got != titles {
				t.Errorf("titles = %q, want %q", got, titles)
			}
			numbers, amounts := map[string]bool{}, 0
			for _, rec := range all[1:] {
				numbers[rec[1]] = true
				if rec[16] != "n/a" {
					amounts++
				}
			}
			if len(all)-1 != tt.o.rows || len(numbers) != tt.distinct || amounts != tt.read {
				t.Errorf("generate(%+v): %d rows, %d numbers, %d amounts, want %d, %d, %d",
					tt.o, len(all)-1, len(numbers), amounts, tt.o.rows, tt.distinct, tt.read)
			}
		})
	}
}

func TestMoney(t *testing.T) {
	for cents, want := range map[int]string{100: "1,00", 99999: "999,99", 100002: "1 000,02", 100000: "1000,00", 123456789: "1234 567,89"} {
		if got := money(cents); got != want {
			t.Errorf("money(%d) = %q, want %q", cents, got, want)
		}
	}
}

func TestRunLeavesNoHalfFile(t *testing.T) {
	dir := t.TempDir()
	if err := run([]string{"-n", "3", "-o", filepath.Join(dir, "a.csv")}, &bytes.Buffer{}); err != nil {
		t.Fatal(err)
	}
	got, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(got) != 1 {
		t.Errorf("files = %q (%v), want a.csv alone", got, err)
	}
	if err := run([]string{"-n", "3"}, &bytes.Buffer{}); err == nil {
		t.Error("run without -o: no error, want one")
	}
}
