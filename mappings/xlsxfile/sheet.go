package xlsxfile

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"iter"
	"slices"
	"strconv"
	"strings"

	"github.com/navette-connect/navette/mappings"
)

// row is one row of a sheet that the file has; its cells come in order of their columns, blank ones among them.
type row struct {
	line  int
	cells []cell
}

// cell is one cell: what it is taken for, and what the file stores.
type cell struct {
	column int // from 0
	text   string
	kind   mappings.CellKind
	style  int
	typ    string // of the file: n, s, b, e, str, inlineStr, d
	stored string // the file's own number
}

// area is a block of merged cells; rows and columns from 1 and 0.
type area struct{ top, bottom, left, right int }

func (a area) covers(line, column int) bool {
	return line >= a.top && line <= a.bottom && column >= a.left && column <= a.right && (line > a.top || column > a.left)
}

func (b *book) sheetLimit() int64 { return b.source.MaxBytes * sheetFactor }

// survey unpacks the whole sheet, so that a damaged or oversized one is found before a row of it is read, and finds the
// merged cells: a spreadsheet shows the first of a block alone, so what hides below it is blank.
func (b *book) survey(name string) ([]area, error) {
	const what = "sheet"
	p, err := b.unpack(name, what, b.sheetLimit())
	if err != nil {
		return nil, err
	}
	if p == nil {
		return nil, mappings.Refuse(0, "NV-1004.workbook", "part", what)
	}
	defer p.Close()
	var out []area
	const longest = 512 // a tag of a merged block
	buf := make([]byte, 64<<10)
	n := 0
	for {
		read, err := p.Read(buf[n:])
		n += read
		end := errors.Is(err, io.EOF)
		if err != nil && !end {
			return nil, b.fault(err, "NV-1004.workbook", "part", what)
		}
		rest := buf[:n]
		for {
			i := bytes.Index(rest, []byte("mergeCell "))
			if i < 0 || !end && len(rest)-i < longest {
				break
			}
			before := buf[:n-len(rest)+i]
			tag := rest[i:min(len(rest), i+longest)]
			rest = rest[i+len("mergeCell "):]
			if k := bytes.LastIndexByte(before, '<'); k < 0 || bytes.ContainsAny(before[k:], " \t\r\n>\"") {
				continue
			}
			if k := bytes.IndexByte(tag, '>'); k >= 0 {
				tag = tag[:k]
			}
			if a, ok := areaOf(tag); ok {
				out = append(out, a)
			}
			if len(out) > mergeCount {
				return nil, mappings.Refuse(0, "NV-1003.bomb", "part", what)
			}
		}
		if end {
			break
		}
		keep := min(len(rest), 2*longest)
		if i := bytes.LastIndex(rest, []byte("mergeCell ")); i >= 0 {
			keep = max(keep, min(len(rest), len(rest)-i+longest))
		}
		n = copy(buf, buf[n-keep:n])
	}
	slices.SortFunc(out, func(a, b area) int { return a.top - b.top })
	return out, nil
}

// areaOf reads ref="B2:C5" of a merged block's tag.
func areaOf(tag []byte) (area, bool) {
	_, rest, found := bytes.Cut(tag, []byte("ref="))
	if !found || len(rest) < 2 {
		return area{}, false
	}
	quote := rest[0]
	end := bytes.IndexByte(rest[1:], quote)
	if end < 0 {
		return area{}, false
	}
	from, to, block := strings.Cut(string(rest[1:1+end]), ":")
	if !block {
		return area{}, false
	}
	left, top, ok := reference(from)
	right, bottom, ok2 := reference(to)
	return area{top, bottom, left, right}, ok && ok2
}

// reference reads B7: column from 0, row from 1.
func reference(s string) (column, line int, ok bool) {
	i := 0
	for i < len(s) && s[i] >= 'A' && s[i] <= 'Z' && i < 4 {
		column = column*26 + int(s[i]-'A') + 1
		i++
	}
	line, err := strconv.Atoi(s[i:])
	if i == 0 || err != nil || s[i] < '0' || line < 1 || line > lastRow || column > lastColumn {
		return 0, 0, false
	}
	return column - 1, line, true
}

// rows yields the rows that the file has, in order. The row is used again for the next one.
func (t *table) rows() iter.Seq2[*row, error] {
	return func(yield func(*row, error) bool) {
		p, err := t.book.unpack(t.sheet.path, "sheet", t.book.sheetLimit())
		if err == nil && p == nil {
			err = mappings.Refuse(0, "NV-1004.workbook", "part", "sheet")
		}
		if err != nil {
			yield(nil, err)
			return
		}
		defer p.Close()
		s := &sheetReader{table: t, m: newMarkup(p, "sheet", tokenBound(t.source.MaxCell))}
		for {
			r, err := s.next()
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				yield(nil, t.book.fault(err, "NV-1004.sheet_row", "line", strconv.Itoa(s.row.line+1)))
				return
			}
			if !yield(r, nil) {
				return
			}
		}
	}
}

// sheetReader walks through the markup of a sheet once.
type sheetReader struct {
	*table
	m      *markup
	row    row
	value  []byte
	merged []area // those that may cover the row being read
	ahead  int    // of table.merged: the next one
	inside bool   // the rows' element is open
	behind bool   // and closed
}

// next reads up to the end of the next row; io.EOF behind the last one and all that follows it.
func (s *sheetReader) next() (*row, error) {
	for {
		t, err := s.m.next()
		if errors.Is(err, io.EOF) && !s.behind {
			return nil, errXML
		}
		if err != nil {
			return nil, err
		}
		switch t := t.(type) {
		case xml.StartElement:
			switch {
			case t.Name.Local == "sheetData" && len(s.m.open) == 2:
				if s.inside || s.behind {
					return nil, errXML
				}
				s.inside = true
			case t.Name.Local == "row" && s.inside && s.m.parent() == "sheetData":
				return &s.row, s.readRow(t)
			}
		case xml.EndElement:
			if t.Name.Local == "sheetData" && s.inside {
				s.inside, s.behind = false, true
			}
		}
	}
}

func (s *sheetReader) readRow(start xml.StartElement) error {
	line := s.row.line + 1
	if r := attr(start, "r", false); r != "" {
		n, err := strconv.Atoi(r)
		if err != nil || n < line {
			return errXML
		}
		line = n
	}
	if line > lastRow {
		return errXML
	}
	s.row.line, s.row.cells = line, s.row.cells[:0]
	for s.ahead < len(s.table.merged) && s.table.merged[s.ahead].top <= line {
		s.merged = append(s.merged, s.table.merged[s.ahead])
		s.ahead++
	}
	s.merged = slices.DeleteFunc(s.merged, func(a area) bool { return a.bottom < line })
	column := 0
	for {
		t, err := s.m.next()
		if err != nil {
			return err
		}
		switch t := t.(type) {
		case xml.StartElement:
			if t.Name.Local != "c" || s.m.parent() != "row" {
				continue
			}
			c := cell{column: column, typ: attr(t, "t", false)}
			if ref := attr(t, "r", false); ref != "" {
				at, on, ok := reference(ref)
				if !ok || on != line || at < column {
					return errXML
				}
				c.column = at
			}
			if c.column >= lastColumn {
				return errXML
			}
			if c.style, err = strconv.Atoi(attr(t, "s", false)); err != nil || c.style < 0 {
				c.style = 0
			}
			if err := s.readCell(&c); err != nil {
				return err
			}
			for _, a := range s.merged {
				if a.covers(line, c.column) {
					c = cell{column: c.column, style: c.style}
				}
			}
			s.row.cells = append(s.row.cells, c)
			column = c.column + 1
		case xml.EndElement:
			if t.Name.Local == "row" {
				return nil
			}
		}
	}
}

// readCell reads what stands in a cell up to its end.
func (s *sheetReader) readCell(c *cell) error {
	depth := len(s.m.open)
	s.value = s.value[:0]
	var formula []byte
	hasFormula, hasValue, hasText, phonetic := false, false, false, false
	where := ""
	for len(s.m.open) >= depth {
		t, err := s.m.next()
		if err != nil {
			return err
		}
		switch t := t.(type) {
		case xml.StartElement:
			switch t.Name.Local {
			case "v":
				if hasValue = true; !hasText {
					where = "v"
				}
			case "f":
				where, hasFormula = "f", true
			case "rPh":
				phonetic = true
			case "t":
				if c.typ != "inlineStr" || phonetic { // left by a program that changed the cell's type (observed)
					continue
				}
				if where, hasValue = "t", true; !hasText {
					hasText, s.value = true, s.value[:0]
				}
			}
		case xml.EndElement:
			if t.Name.Local == "rPh" {
				phonetic = false
			}
			where = ""
		case xml.CharData:
			switch where {
			case "v", "t":
				s.value = append(s.value, t...)
			case "f":
				formula = append(formula, t[:min(len(t), 100)]...)
			}
		}
	}
	if hasFormula && (!hasValue || len(s.value) == 0 && c.typ != "str") {
		c.text, c.kind = "="+strings.ToValidUTF8(string(formula), ""), mappings.CellUncomputed
		return nil
	}
	if err := s.take(c); err != nil {
		return err
	}
	if len(c.text) > s.source.MaxCell {
		return mappings.Refuse(s.row.line, "NV-1003.sheet_cell", "cell", letters(c.column)+strconv.Itoa(s.row.line), "limit", strconv.Itoa(s.source.MaxCell))
	}
	return nil
}

// take makes of a cell's value what it is taken for.
func (s *sheetReader) take(c *cell) error {
	switch c.typ {
	case "s":
		i, err := strconv.Atoi(strings.TrimSpace(string(s.value)))
		if err != nil && len(s.value) > 0 {
			return errXML
		}
		text, ok := s.book.strings.at(i)
		if !ok && len(s.value) > 0 {
			return errXML
		}
		if len(s.value) > 0 {
			c.text = text
		}
		return nil
	case "str", "inlineStr":
		c.text = string(unescape(s.value))
		return nil
	}
	v := strings.TrimSpace(string(s.value))
	if c.stored = v; v == "" {
		return nil
	}
	switch c.typ {
	case "", "n":
		if c.style < len(s.book.styles) && s.book.styles[c.style] {
			c.text, c.kind = date(v, s.book.epoch1904)
		} else {
			c.text, c.kind = number(v, s.source.Mark)
		}
	case "b":
		switch v {
		case "1", "true":
			c.text, c.kind = "true", mappings.CellBool
		case "0", "false":
			c.text, c.kind = "false", mappings.CellBool
		default:
			c.text, c.kind = v, mappings.CellError
		}
	case "e":
		c.text, c.kind = v, mappings.CellError
	case "d":
		c.text, c.kind = isoDate(v)
	default:
		return errXML
	}
	return nil
}

// letters is the name of a column counted from 0: A, Z, AA.
func letters(i int) string {
	var b []byte
	for i++; i > 0; i = (i - 1) / 26 {
		b = append(b, byte('A'+(i-1)%26))
	}
	slices.Reverse(b)
	return string(b)
}
