package csvfile

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"testing"

	"github.com/navette-connect/navette/mappings"
)

// told writes down records with all that is said of them.
func told(records iter.Seq2[mappings.Record, error]) (out []string) {
	for rec, err := range records {
		var row *mappings.RowError
		switch {
		case errors.As(err, &row):
			out = append(out, fmt.Sprintf("%d %d %q %v", row.Line, row.End, row.Raw, row.Problem))
		case err != nil:
			out = append(out, err.Error())
		default:
			out = append(out, fmt.Sprintf("%d %d %q %q %v %v", rec.Line, rec.End, rec.Cells, rec.Raw, rec.Blank, rec.Comment))
		}
	}
	return out
}

// FuzzSections: a file read in parts is the file, whatever it holds and wherever it is cut.
func FuzzSections(f *testing.F) {
	for _, seed := range []string{"a;b\r\nc;d\r\n", "\"a\nb\";c\nd;\"e\"\"f\"\n", "a\"b;\"c\nd;e\n\"x\"y;z\n", "\"a\n\"b\"\nc\n", "\n\n#c;\"\n;\n", "\"open\nline\n", "a\rb\r\nc", "é;\u0085\n"} {
		for mode := range uint8(8) {
			f.Add(seed, uint16(1), uint8(1), mode)
			f.Add(seed, uint16(7), uint8(0), mode)
		}
	}
	f.Fuzz(func(t *testing.T, content string, size uint16, records, mode uint8) {
		s := source(func(s *mappings.Source) {
			s.OpenEnd, s.Lazy, s.MaxCell = mode&1 > 0, mode&2 > 0, 64
			switch mode >> 2 & 7 {
			case 1:
				s.Encoding, s.Comment = "windows-1252", "#"
			case 2:
				s.Encoding = "utf-16le"
			case 3:
				s.Format, s.Encoding, s.Length = "fixed", "cp297", 4
			case 4:
				s.Format, s.Encoding, s.Length, s.Framed = "fixed", "windows-1252", 3, true
			case 5:
				s.Quote = 0
			}
		})
		table, err := open(t, content, s)
		if err != nil {
			return
		}
		whole := told(table.Records())
		d := table.(mappings.Divider)
		within := d.Within()
		var parts []string
		first := true
		for part := range d.Sections(int64(size), int(records)) {
			got := told(within(part))
			if first && len(got) < min(int(records), len(whole)) {
				t.Errorf("the first section holds %d records, want %d", len(got), records)
			}
			first = false
			parts = append(parts, got...)
		}
		if !slices.Equal(whole, parts) {
			t.Errorf("%q mode %d in parts of %d:\nwhole %q\nparts %q", content, mode, size, whole, parts)
		}
	})
}
