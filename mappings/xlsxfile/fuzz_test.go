package xlsxfile_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/navette-connect/navette/mappings"
	"github.com/navette-connect/navette/mappings/xlsxfile"
)

// small bounds keep one input quick.
func bounded() mappings.Source {
	s := source()
	s.MaxBytes, s.MaxCell = 1<<20, 1<<12
	return s
}

// FuzzFile reads bytes as a workbook: they are refused or read, never anything else.
func FuzzFile(f *testing.F) {
	f.Add([]byte("a;b\n"))
	f.Add([]byte(compound))
	whole := workbook(`<row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" s="1"><v>46358</v></c></row>`).zip(f)
	f.Add(whole)
	f.Add(whole[:len(whole)/2])
	f.Fuzz(func(t *testing.T, b []byte) { walk(t, b, bounded()) })
}

const compound = "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"

// walk reads a file, and reports what is neither a row nor a refusal of the file.
func walk(t *testing.T, b []byte, s mappings.Source) (rows []mappings.Record) {
	format, err := xlsxfile.New(s)
	if err != nil {
		t.Fatal(err)
	}
	var refused *mappings.FileError
	table, err := format.Open(spooled(b))
	if err != nil {
		if !errors.As(err, &refused) {
			t.Fatalf("Open: %v, want a *FileError", err)
		}
		return nil
	}
	line, end := 0, int64(3)
	for rec, err := range table.Records() {
		if err != nil {
			if !errors.As(err, &refused) {
				t.Fatalf("Records: %v, want a *FileError", err)
			}
			return nil
		}
		if line++; rec.Line != line || rec.End != end+int64(len(rec.Raw))+2 || len(rec.Kinds) != len(rec.Cells) {
			t.Fatalf("record %d: %+v behind %d", line, rec, end)
		}
		if end = rec.End; line > 2000 { // rows that are left out are cheap to name and long to walk through
			return nil
		}
		rec.Cells, rec.Kinds, rec.Raw = slices.Clone(rec.Cells), slices.Clone(rec.Kinds), slices.Clone(rec.Raw)
		rows = append(rows, rec)
	}
	return rows
}

// FuzzSheet reads markup as a sheet, gives all its rows back as rejected ones, and reads those: the cells are the same.
func FuzzSheet(f *testing.F) {
	for _, rows := range []string{
		`<row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" s="1"><v>46358</v></c></row><row r="2"><c r="A2"><v>19.989999999999998</v></c><c r="C2" t="b"><v>1</v></c></row>`,
		`<row r="1"><c r="A1" t="e"><v>#N/A</v></c></row><row r="4">` + text("A4", " a &amp; b_x000D_ _x005F_x0041_ ") + text("B4", "x;\"y\"\nz") + `</row>`,
		`<row r="1"><c r="A1" t="str"><f>1+1</f><v>2</v></c><c r="B1"><f>1</f></c><c r="C1" t="d"><v>2026-12-02T10:00:00</v></c></row></sheetData><mergeCells><mergeCell ref="A1:B1"/></mergeCells><sheetData>`,
	} {
		f.Add(rows)
	}
	f.Fuzz(func(t *testing.T, rows string) {
		b := workbook(rows).zip(t)
		first := walk(t, b, bounded())
		if len(first) == 0 {
			return
		}
		width := 0
		var rejects []mappings.Reject
		for _, rec := range first {
			width = max(width, len(rec.Cells))
			if !rec.Blank {
				rejects = append(rejects, mappings.Reject{Line: rec.Line, Code: "NV-1203", Message: "x", Marks: []mappings.Mark{{Column: 0, Text: "y"}}})
			}
		}
		if width == 0 || width > 100 {
			return
		}
		format, err := xlsxfile.New(bounded())
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		if err := format.(mappings.Mender).Mend(&out, spooled(b), mappings.Head{}, mappings.Dialect{Width: width}, rejects); err != nil {
			t.Fatalf("Mend: %v", err)
		}
		second := walk(t, out.Bytes(), source())
		if len(second) != len(rejects) {
			t.Fatalf("%d rows given back, %d read", len(rejects), len(second))
		}
		for i, rec := range second {
			was := first[rejects[i].Line-1]
			for k := range width {
				var text string
				var kind mappings.CellKind
				if k < len(was.Cells) {
					text, kind = was.Cells[k], was.Kinds[k]
				}
				if kind == mappings.CellUncomputed {
					text, kind = "#VALUE!", mappings.CellError
				}
				if rec.Cells[k] != text || rec.Kinds[k] != kind {
					t.Fatalf("row %d, cell %d: %q (kind %d) came back as %q (kind %d)", was.Line, k, text, kind, rec.Cells[k], rec.Kinds[k])
				}
			}
			if got := strings.Join(rec.Cells[width:], "|"); got != "NV-1203|x" {
				t.Fatalf("row %d has %q behind it", was.Line, got)
			}
		}
	})
}
