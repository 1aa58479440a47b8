// Package xlsxfile reads workbooks of Office Open XML (.xlsx, .xlsm) for package mappings, and gives rejected rows back as
// workbooks. It reads what cells hold, never what the sheet shows: a format decides only whether a number is a date.
// ECMA-376 part 1 is the source of its facts about the format; those marked (observed) were seen in files.
//
// The sheet is streamed twice: once to verify the archive's checksum and to find merged cells, once for its rows. Memory
// holds the shared strings, the styles and one row; every part has a bound, counted while it is unpacked.
//
// The sheet also is a text: each row as a line of UTF-8 with semicolons, which is what raw bytes, offsets and the csv
// returns of such a source are made of.
package xlsxfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strconv"
	"strings"

	"github.com/navette-connect/navette/mappings"
)

// ErrOption is the kind of a source that cannot be read as declared.
var ErrOption = errors.New("impossible xlsx option")

// Bounds of what one file may make us hold or walk through, beside the mapping's own.
const (
	lastRow     = 1 << 20   // of a sheet (ECMA-376: 1,048,576)
	lastColumn  = 1 << 14   // of a sheet: XFD
	smallPart   = 32 << 20  // unpacked bytes of workbook, relations, styles
	stringBytes = 256 << 20 // text of all shared strings
	stringCount = 16 << 20
	rowBytes    = 16 << 20 // of a row written as text
	sheetFactor = 10       // unpacked bytes of the sheet's XML for each byte of max_bytes: markup is that much wider than text
	mergeCount  = 1 << 16
)

type format struct{ source mappings.Source }

// New makes the format of a mapping's source `xlsx`. ErrOption when the source names neither a sheet nor a rank.
func New(source mappings.Source) (mappings.Format, error) {
	if source.Sheet == "" && source.SheetAt < 1 {
		return nil, fmt.Errorf("%w: no sheet", ErrOption)
	}
	if source.Mark == 0 {
		source.Mark = '.'
	}
	return format{source}, nil
}

// Open finds the sheet and judges the archive: not a workbook (NV-1007), cut (NV-1005), damaged (NV-1004), beyond bounds
// (NV-1003), no such sheet (NV-1106). Every byte of the sheet is unpacked and its checksum verified.
func (f format) Open(src mappings.Spooled) (mappings.Table, error) { return f.open(src) }

func (f format) open(src mappings.Spooled) (*table, error) {
	if src.Size == 0 {
		return nil, mappings.Refuse(0, "NV-1001.empty")
	}
	if src.Size > f.source.MaxBytes {
		return nil, mappings.Refuse(0, "NV-1003.bytes", "size", strconv.FormatInt(src.Size, 10), "limit", strconv.FormatInt(f.source.MaxBytes, 10))
	}
	b, err := openBook(src, f.source)
	if err != nil {
		return nil, err
	}
	t := &table{source: f.source, book: b}
	if t.sheet, err = b.choose(f.source); err != nil {
		return nil, err
	}
	if t.merged, err = b.survey(t.sheet.path); err != nil {
		return nil, err
	}
	return t, nil
}

// table is one opened sheet. It is not changed once it is open, but for the trouble that its disk tells.
type table struct {
	source mappings.Source
	book   *book
	sheet  sheetEntry
	merged []area // by first row
}

func (t *table) Dialect() mappings.Dialect {
	d := mappings.Dialect{Encoding: "utf-8", BOM: true, Delimiter: ';', Quote: '"', Newline: newline, Sheet: t.sheet.name}
	if t.book.epoch1904 {
		d.Epoch = epoch1904
	}
	return d
}

const (
	byteOrderMark = "\ufeff"
	newline       = "\r\n"
)

// Records yields every row from the first of the sheet on; rows that the file leaves out are blank ones.
func (t *table) Records() iter.Seq2[mappings.Record, error] {
	return func(yield func(mappings.Record, error) bool) {
		var raw []byte
		rec := mappings.Record{End: int64(len(byteOrderMark))}
		line := 0
		blanks := func(upto int) bool {
			for line++; line < upto; line++ {
				rec.End += int64(len(newline))
				if !yield(mappings.Record{Line: line, End: rec.End, Blank: true}, nil) {
					return false
				}
			}
			return true
		}
		for row, err := range t.rows() {
			if err != nil {
				yield(mappings.Record{}, err)
				return
			}
			if !blanks(row.line) {
				return
			}
			rec.Line, rec.Blank, rec.Comment = row.line, true, false
			rec.Cells, rec.Kinds, raw = rec.Cells[:0], rec.Kinds[:0], raw[:0]
			for i := range row.cells {
				c := &row.cells[i]
				if c.text == "" {
					continue
				}
				for len(rec.Cells) < c.column {
					rec.Cells, rec.Kinds = append(rec.Cells, ""), append(rec.Kinds, mappings.CellText)
				}
				rec.Cells, rec.Kinds = append(rec.Cells, c.text), append(rec.Kinds, c.kind)
				rec.Blank = false
			}
			for i, c := range rec.Cells {
				if raw = appendCell(raw, c, i, len(rec.Cells)); len(raw) > rowBytes {
					yield(mappings.Record{}, mappings.Refuse(row.line, "NV-1003.record", "line", strconv.Itoa(row.line), "limit", strconv.Itoa(rowBytes)))
					return
				}
			}
			rec.Raw = raw
			if rec.End += int64(len(raw) + len(newline)); rec.End > t.source.MaxBytes {
				yield(mappings.Record{}, mappings.Refuse(0, "NV-1003.expanded", "limit", strconv.FormatInt(t.source.MaxBytes, 10), "part", t.sheet.name))
				return
			}
			rec.Comment = t.source.Comment != "" && len(rec.Cells) > 0 && strings.HasPrefix(rec.Cells[0], t.source.Comment)
			if !yield(rec, nil) {
				return
			}
		}
	}
}

// appendCell writes one cell of a row as text, in quotes where it must be.
func appendCell(b []byte, cell string, i, n int) []byte {
	if i > 0 {
		b = append(b, ';')
	}
	if !strings.ContainsAny(cell, ";\"\r\n\u0085") && (n > 1 || cell != "") {
		return append(b, cell...)
	}
	b = append(b, '"')
	b = append(b, strings.ReplaceAll(cell, `"`, `""`)...)
	return append(b, '"')
}

// Rendered gives the first n bytes of the sheet as text.
func (t *table) Rendered(n int64) ([]byte, error) {
	b := []byte(byteOrderMark)
	for rec, err := range t.Records() {
		if err != nil {
			return nil, err
		}
		if int64(len(b)) >= n {
			break
		}
		b = append(append(b, rec.Raw...), newline...)
	}
	return b[:min(n, int64(len(b)))], nil
}

// Cut gives the part of a row as text that its first n cells are.
func (t *table) Cut(raw []byte, n int) []byte {
	if end := splitCells(raw, n, nil); end < len(raw) {
		return raw[:end]
	}
	return raw
}

// splitCells walks through a row as text, at most n cells of it (n < 0: all), and gives where they end.
func splitCells(raw []byte, n int, each func(string)) int {
	at := 0
	for k := 0; n < 0 || k < n; k++ {
		if k > 0 {
			if at >= len(raw) {
				break
			}
			at++ // the semicolon
		}
		from := at
		if at < len(raw) && raw[at] == '"' {
			for at++; at < len(raw); at++ {
				if raw[at] != '"' {
					continue
				}
				if at+1 < len(raw) && raw[at+1] == '"' {
					at++
					continue
				}
				at++
				break
			}
			if each != nil {
				each(strings.ReplaceAll(string(bytes.Trim(raw[from:at], `"`)), `""`, `"`))
			}
			continue
		}
		if i := bytes.IndexByte(raw[at:], ';'); i >= 0 {
			at += i
		} else {
			at = len(raw)
		}
		if each != nil {
			each(string(raw[from:at]))
		}
	}
	return at
}

// choose finds the sheet that the mapping names; by rank only visible ones count.
func (b *book) choose(source mappings.Source) (sheetEntry, error) {
	var names []string
	var visible []sheetEntry
	for _, s := range b.sheets {
		if source.Sheet != "" && s.name == source.Sheet {
			return s, nil
		}
		if !s.hidden {
			visible = append(visible, s)
			names = append(names, s.name)
		}
	}
	if source.Sheet != "" {
		i := slices.IndexFunc(b.sheets, func(s sheetEntry) bool {
			return strings.EqualFold(strings.TrimSpace(s.name), strings.TrimSpace(source.Sheet))
		})
		if i >= 0 {
			return b.sheets[i], nil
		}
		const most = 10
		return sheetEntry{}, mappings.Refuse(0, "NV-1106.name", "name", source.Sheet, "sheets", strings.Join(names[:min(len(names), most)], ", "))
	}
	switch {
	case len(visible) == 0:
		return sheetEntry{}, mappings.Refuse(0, "NV-1106.none")
	case source.SheetAt > len(visible):
		return sheetEntry{}, mappings.Refuse(0, "NV-1106.number", "number", strconv.Itoa(source.SheetAt), "count", strconv.Itoa(len(visible)))
	}
	return visible[source.SheetAt-1], nil
}

// fault turns what went wrong with a part into the refusal of the file; trouble of the disk stays what it is.
func (b *book) fault(err error, key string, args ...string) error {
	var file *mappings.FileError
	switch {
	case b.disk.err != nil:
		return fmt.Errorf("reading the source: %w", b.disk.err)
	case errors.As(err, &file):
		return file
	}
	line := 0
	if key == "NV-1004.sheet_row" {
		line, _ = strconv.Atoi(args[1])
	}
	return mappings.Refuse(line, key, args...)
}

// disk remembers the trouble of the reader below, which is none of the file's faults.
type disk struct {
	io.ReaderAt
	err error
}

func (d *disk) ReadAt(p []byte, off int64) (int, error) {
	n, err := d.ReaderAt.ReadAt(p, off)
	if err != nil && !errors.Is(err, io.EOF) {
		d.err = err
	}
	return n, err
}
