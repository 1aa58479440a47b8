package xlsxfile_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/navette-connect/navette/mappings"
	"github.com/navette-connect/navette/mappings/csvfile"
	"github.com/navette-connect/navette/mappings/xlsxfile"
)

// facts are what an independent program (openpyxl) found in a workbook: of each sheet its size and first rows.
type facts struct {
	Facts struct {
		Error  string
		Sheets map[string]struct {
			Rows, Cols int
			First      [][]string
		}
	}
}

// TestCorpus reads workbooks that others made: each sheet as an independent reader has it, or the file refused for the
// reason that is known.
func TestCorpus(t *testing.T) {
	dir := os.Getenv("CORPUS_DIR")
	if dir == "" {
		if os.Getenv("CI") != "" {
			t.Fatal("CORPUS_DIR is not set")
		}
		t.Skip("CORPUS_DIR is not set: no workbooks of others to read")
	}
	refused := map[string]string{
		"qax-os-excelize__test_encryptSHA1.xlsx": "encrypted",
		"qax-os-excelize__test_BadWorkbook.xlsx": "NV-1106", // it lists no sheet
	}
	files, err := filepath.Glob(filepath.Join(dir, "sheet", "*"))
	if err != nil || len(files) < 17 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		name := filepath.Base(file)
		t.Run(name, func(t *testing.T) {
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			asText(t, b)
			want := refused[name]
			if strings.HasSuffix(name, ".xls") {
				want = "xls"
			}
			if want != "" {
				kind, _, err := mappings.Sniff(spooled(b))
				if err != nil {
					t.Fatal(err)
				}
				got := records(b, source())
				if strings.HasPrefix(want, "NV-") && got != "file!"+want || !strings.HasPrefix(want, "NV-") && (kind != want || got != "file!NV-1007") {
					t.Errorf("a file of kind %q is answered %.100q, want %s", kind, got, want)
				}
				return
			}
			compareSheets(t, dir, name, b)
		})
	}
}

// asText holds that a workbook is never read as text.
func asText(t *testing.T, b []byte) {
	f, err := csvfile.New(mappings.Source{Format: "csv", Encoding: "auto", Delimiter: ';', Quote: '"', MaxBytes: 1 << 30, MaxCell: 1 << 20, MaxRows: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Open(spooled(b)); err == nil || code(err) != "NV-1007" {
		t.Errorf("read as csv: %v, want NV-1007", err)
	}
}

func compareSheets(t *testing.T, dir, name string, b []byte) {
	var want facts
	text, err := os.ReadFile(filepath.Join(dir, "expected", "sheet", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &want); err != nil {
		t.Fatal(err)
	}
	if len(want.Facts.Sheets) == 0 {
		t.Fatal("no facts")
	}
	for sheet, facts := range want.Facts.Sheets {
		s := source()
		s.Sheet, s.Mark = sheet, '.'
		f, err := xlsxfile.New(s)
		if err != nil {
			t.Fatal(err)
		}
		table, err := f.Open(spooled(b))
		if err != nil {
			t.Errorf("sheet %q: %v", sheet, err)
			continue
		}
		line := 0
		for rec, err := range table.Records() {
			if err != nil {
				t.Fatalf("sheet %q: %v", sheet, err)
			}
			if line++; rec.Line != line || line > facts.Rows && !rec.Blank || len(rec.Cells) > facts.Cols {
				t.Errorf("sheet %q: row %d has number %d and %d cells, want at most %d rows of %d", sheet, line, rec.Line, len(rec.Cells), facts.Rows, facts.Cols)
			}
			if line > len(facts.First) {
				continue
			}
			for i, w := range facts.First[line-1] {
				got, kind := "", mappings.CellText
				if i < len(rec.Cells) {
					got, kind = rec.Cells[i], rec.Kinds[i]
				}
				if !sameCell(got, kind, w) {
					t.Errorf("sheet %q, row %d, column %d: %q (kind %d), want %q", sheet, line, i+1, got, kind, w)
				}
			}
		}
		for ; line < facts.Rows; line++ { // what is behind the last value may be formatted, and is empty
			if line < len(facts.First) && slices.ContainsFunc(facts.First[line], func(s string) bool { return s != "" }) {
				t.Errorf("sheet %q ends with row %d", sheet, line)
			}
		}
	}
}

var midnight = regexp.MustCompile(` 00:00:00$`)

// sameCell compares a cell with what Python prints for it: dates with their time, floats with a decimal, fractions of a
// second; days before the calendar's first, which we refuse to name.
func sameCell(got string, kind mappings.CellKind, want string) bool {
	switch kind {
	case mappings.CellNumber:
		return got == strings.TrimSuffix(want, ".0")
	case mappings.CellBool:
		return strings.EqualFold(got, want)
	case mappings.CellDate:
		whole, _, _ := strings.Cut(want, ".")
		return got == midnight.ReplaceAllString(want, "") || len(got) > len("2006-01-02") && strings.HasPrefix(got, whole[:len(whole)-1])
	case mappings.CellNoDate:
		return strings.HasPrefix(want, "18") // 1896, 1899
	}
	return got == want
}
