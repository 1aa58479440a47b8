package mappings

import (
	"slices"
	"strconv"
	"strings"
)

// What is particular to workbooks: cells that know what they are, rows without trailing blanks, cells to be marked.

// padded gives a sheet's row, which ends with its last cell that is not empty, the width of the table.
func (r *Reading) padded(rec Record) Record {
	if r.dialect.Sheet == "" {
		return rec
	}
	for len(rec.Cells) < r.width {
		rec.Cells = append(rec.Cells, "")
		rec.Kinds = append(rec.Kinds, CellText)
	}
	return rec
}

// kind is what a cell of the row is; a text where the source knows no types.
func (r *Reading) kind(i int) CellKind {
	if i < 0 || i >= len(r.row.kinds) {
		return CellText
	}
	return r.row.kinds[i]
}

// noValue is why a cell cannot be relied on; nil where it can.
func (r *Reading) noValue(f *field, kind CellKind, text string) *fault {
	field := r.label(f)
	switch kind {
	case CellError:
		return faulty("NV-1211.error", "field", field, "value", text)
	case CellUncomputed:
		return faulty("NV-1211.formula", "field", field)
	case CellRounded:
		return faulty("NV-1211.digits", "field", field)
	case CellNoDate:
		return faulty("NV-1211.no_date", "field", field, "value", text)
	}
	return nil
}

// typedCell reads a cell that knows what it is as the field's type into v: a number needs no declared mark, a date no
// pattern. Everything else is read as the text it is written as.
func (r *Reading) typedCell(kind CellKind, f *field, text string, v *value, currency string) *fault {
	switch f.typ {
	case typeAmount, typeDecimal, typeInt:
		switch kind {
		case CellDate:
			return faulty("NV-1203.date", "value", text)
		case CellNumber:
			typed := *f
			typed.number.decimal, typed.number.group = r.m.source.Mark, 0
			return r.typed(&typed, text, v, currency)
		}
	case typeDate:
		switch kind {
		case CellDate:
			if len(text) < len("2026-12-02") {
				break // a time of day
			}
			v.text = text[:len("2026-12-02")]
			return nil
		case CellNumber: // a day number that is not shown as a date
			if !slices.ContainsFunc(f.dates, func(d dateFormat) bool { return d.excel }) {
				break
			}
			whole, _, _ := strings.Cut(text, string(r.m.source.Mark))
			if n, err := strconv.Atoi(whole); err == nil && r.dialect.Epoch > 0 {
				whole = strconv.Itoa(n + r.dialect.Epoch)
			}
			return r.typed(f, whole, v, currency)
		}
	}
	return r.typed(f, text, v, currency)
}

// mark notes the cells at fault of a rejected document of a workbook beside its kept fields, for the workbook that
// gives them back.
func (r *Reading) mark(doc *Document) {
	if r.dialect.Sheet == "" || doc.State != Rejected {
		return
	}
	b := doc.Fields
	if b == nil {
		b = []byte{keptVersion}
	}
	for _, p := range doc.Problems {
		if i := columnOf(p.Letter); i >= 0 && p.Line > 0 {
			b = appendText(appendUvarint(appendUvarint(append(b, keptMark), p.Line), i), p.Text.In(r.m.Locale))
		}
	}
	doc.Fields = b
}

// Marks gives the cells at fault of one row, from the kept fields of its document; ErrFields where they cannot be read.
func Marks(fields []byte, line int) ([]Mark, error) {
	var out []Mark
	if len(fields) == 0 {
		return nil, nil
	}
	r := &keptReader{b: fields}
	if v := r.kind(); v != keptVersion {
		return nil, ErrFields
	}
	for len(r.b) > 0 && !r.bad {
		switch kind := r.kind(); kind {
		case keptLine:
			r.uvarint0()
		case keptCell:
			r.text()
			r.text()
		case keptMark:
			at := r.uvarint0()
			m := Mark{Column: r.uvarint0(), Text: r.text()}
			if at == line {
				out = append(out, m)
			}
		default:
			r.entry(kind)
		}
	}
	if r.bad {
		return nil, ErrFields
	}
	return out, nil
}

// Mender gives the ability of the source's format to give rejected rows back in a file of its own kind, and the ending
// of such a file's name; nil where they go back as text.
func (m *Mapping) Mender() (Mender, string) {
	if mender, ok := m.format.(Mender); ok {
		return mender, "." + m.source.Format
	}
	return nil, ""
}

// Fills tells whether cells may be taken from the row above: Row.Raw has them then, the source has not.
func (m *Mapping) Fills() bool { return m.fill != nil }
