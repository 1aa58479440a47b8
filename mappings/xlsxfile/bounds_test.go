package xlsxfile_test

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/navette-connect/navette/mappings"
	"github.com/navette-connect/navette/mappings/xlsxfile"
)

// many repeats a text without holding it.
type many struct {
	text string
	n    int
	rest string
}

func (m *many) Read(p []byte) (int, error) {
	if m.rest == "" {
		if m.n == 0 {
			return 0, io.EOF
		}
		m.n--
		m.rest = m.text
	}
	n := copy(p, m.rest)
	m.rest = m.rest[n:]
	return n, nil
}

// large is a workbook whose sheet has n times the same markup inside.
func large(t testing.TB, part, before, repeated string, n int, after string) []byte {
	t.Helper()
	p := workbook("")
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, name := range []string{"_rels/.rels", "xl/workbook.xml", "xl/_rels/workbook.xml.rels", "xl/styles.xml", "xl/sharedStrings.xml", "xl/worksheets/sheet1.xml"} {
		f, err := w.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		var in io.Reader = strings.NewReader(p[name])
		if name == part {
			in = io.MultiReader(strings.NewReader(before), &many{text: repeated, n: n}, strings.NewReader(after))
		}
		if _, err := io.Copy(f, in); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestBombs(t *testing.T) {
	const s, e = `<worksheet><sheetData>`, `</sheetData></worksheet>`
	little := source()
	little.MaxBytes = 4 << 20
	tests := []struct {
		name  string
		in    []byte
		codes string // refused with
		key   string // a word of the sentence
	}{
		{"a sheet of nothing, without end", large(t, "xl/worksheets/sheet1.xml", s, strings.Repeat(" ", 1<<16), 1600, e), "NV-1003", "proportion"},
		{"strings beyond the bound", large(t, "xl/sharedStrings.xml", "<sst>", "<si><t>x</t></si>", 1<<19, "</sst>"), "NV-1003", "sharedStrings"},
		{"one text without end", large(t, "xl/worksheets/sheet1.xml", s+`<row r="1"><c r="A1" t="inlineStr"><is><t>`, strings.Repeat("x1y2", 1000), 5000, `</t></is></c></row>`+e), "NV-1003", ""},
		{"one name without end", large(t, "xl/worksheets/sheet1.xml", s+`<row `, strings.Repeat("x1y2", 1000), 5000, `="">`+e), "NV-1003", ""},
		{"one text many times", large(t, "xl/worksheets/sheet1.xml", s+`<row r="1">`, `<c t="inlineStr"><is><t>`+strings.Repeat("abcdefgh", 100)+`</t></is></c>`, 16000, `</row>`+e), "NV-1003", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bounds := little
			if tt.key == "proportion" { // so small a bound would be met first
				bounds = source()
			}
			f, err := xlsxfile.New(bounds)
			if err != nil {
				t.Fatal(err)
			}
			if int64(len(tt.in)) > little.MaxBytes {
				t.Fatalf("the file itself is too large: %d", len(tt.in))
			}
			table, err := f.Open(spooled(tt.in))
			if err == nil {
				for _, err = range table.Records() {
				}
			}
			var refused *mappings.FileError
			if !errors.As(err, &refused) || refused.Problem.Code != tt.codes || !strings.Contains(refused.Problem.Text.In("en"), tt.key) {
				t.Errorf("error %v, want %s about %q", err, tt.codes, tt.key)
			}
		})
	}
}

func TestDamaged(t *testing.T) {
	whole := workbook(`<row r="1">` + strings.Repeat(`<c t="s"><v>0</v></c>`, 50) + `</row>`).zip(t)
	changed := func(f func(b []byte)) []byte {
		b := bytes.Clone(whole)
		f(b)
		return b
	}
	sheetAt := bytes.Index(whole, []byte("xl/worksheets/sheet1.xml")) + len("xl/worksheets/sheet1.xml")
	directory := bytes.LastIndex(whole, []byte("PK\x01\x02"))
	tests := []struct {
		name string
		in   []byte
		want string
	}{
		{"empty", nil, "file!NV-1001"},
		{"text", []byte("a;b\n"), "file!NV-1007"},
		{"cut in the middle", whole[:len(whole)/2], "file!NV-1005?"},
		{"cut by one byte", whole[:len(whole)-1], "file!NV-1005?"},
		{"a byte of the sheet changed", changed(func(b []byte) { b[sheetAt+60] ^= 0x55 }), "file!NV-1004"},
		{"the checksum is another", changed(func(b []byte) { b[directory+16] ^= 1 }), "file!NV-1004"},
		{"a way of packing nobody knows", changed(func(b []byte) { binary.LittleEndian.PutUint16(b[directory+10:], 99) }), "file!NV-1004"},
		{"a part with a password", changed(func(b []byte) { b[directory+8] |= 1 }), "file!NV-1007"},
		{"another archive", twice(t, "a.csv", "b.csv"), "file!NV-1007"},
		{"two parts of one name", twice(t, "xl/workbook.xml", "XL\\workbook.xml"), "file!NV-1004"},
		{"too many parts", twice(t, "xl/workbook.xml", make([]string, 10_001)...), "file!NV-1003"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := records(tt.in, source()); got != tt.want {
				t.Errorf("got %.100q, want %q", got, tt.want)
			}
		})
	}
}

func twice(t testing.TB, name string, more ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, n := range append([]string{name}, more...) {
		if _, err := w.Create(n); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// broken is a disk that fails behind some bytes.
type broken struct {
	r     io.ReaderAt
	after int
	reads *int
}

var errDisk = errors.New("disk on fire")

func (b broken) ReadAt(p []byte, off int64) (int, error) {
	if *b.reads++; *b.reads > b.after {
		return 0, errDisk
	}
	return b.r.ReadAt(p, off)
}

// TestDiskTrouble holds that a disk's fault is never told as the file's: a good file would be refused for ever.
func TestDiskTrouble(t *testing.T) {
	whole := workbook(`<row r="1"><c t="s"><v>0</v></c></row>`).zip(t)
	f, err := xlsxfile.New(source())
	if err != nil {
		t.Fatal(err)
	}
	failed := 0
	for after := 0; ; after++ {
		reads := 0
		table, err := f.Open(mappings.Spooled{ReaderAt: broken{bytes.NewReader(whole), after, &reads}, Size: int64(len(whole))})
		if err == nil {
			for _, err = range table.Records() {
			}
		}
		if err == nil {
			break
		}
		failed++
		var refused *mappings.FileError
		if errors.As(err, &refused) || !errors.Is(err, errDisk) {
			t.Fatalf("fault behind %d reads: %v, want the disk's own", after, err)
		}
	}
	if failed < 5 {
		t.Errorf("%d faults, want some", failed)
	}
}
