package csvfile

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/navette-connect/navette/mappings"
)

// FuzzRoundTrip: what a Writer writes in any dialect is read back cell for cell, but for what the encoding lacks.
func FuzzRoundTrip(f *testing.F) {
	for _, cell := range []string{"", "a", "a;b", "\"", "a\"b\r\nc", "œ €\u202f", "\u0085", " x ", "\r", "'", "=1+1"} {
		for mode := range uint8(12) {
			f.Add(cell, "b", mode)
		}
	}
	f.Fuzz(func(t *testing.T, a, b string, mode uint8) {
		if !utf8.ValidString(a) || !utf8.ValidString(b) || strings.ContainsAny(a+b, "\x00\x1a\ufeff") {
			return
		}
		names := mappings.Charsets()
		encoding := names[int(mode)%len(names)]
		delimiter := []rune{';', ',', '\t', '|'}[mode>>4&3]
		d := mappings.Dialect{Encoding: encoding, BOM: mode&0x40 > 0, Delimiter: delimiter, Quote: '"', Newline: []string{"\r\n", "\n"}[mode>>7]}
		var out bytes.Buffer
		w := d.NewWriter(&out)
		row := []string{"first é", a, b, "last"}
		for range 2 {
			if err := w.Write(row); err != nil {
				t.Fatalf("%q in %+v: %v", row, d, err)
			}
		}
		if w.Transliterated() > 0 {
			return // read back otherwise, as it must be
		}
		s := source(func(s *mappings.Source) { s.Encoding, s.Delimiter = encoding, delimiter })
		format, err := New(s)
		if err != nil {
			return // a dialect that no source may have
		}
		table, err := format.Open(spooled(out.String()))
		if err != nil {
			if code(err) == "NV-1002" {
				return // a text so short that it looks like another encoding
			}
			t.Fatalf("%q in %s: %v", out.String(), encoding, err)
		}
		n := 0
		for rec, err := range table.Records() {
			if err != nil || !slices.Equal(rec.Cells, row) {
				t.Fatalf("%q in %s, %q is read as %q (%v)", row, encoding, out.String(), rec.Cells, err)
			}
			n++
		}
		if n != 2 {
			t.Errorf("%d rows are read, want 2: %q", n, out.String())
		}
	})
}
