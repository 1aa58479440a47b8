package mappings

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/shopspring/decimal"
)

// keeping says what of a document is kept for its returns: the fields and titles that they name, and no more.
type keeping struct {
	fields []*field
	titles []int // in Mapping.titles
}

// ErrFields is the kind of kept fields that cannot be read back.
var ErrFields = errors.New("kept fields cannot be read")

// The form of kept fields: a version byte, then entries of kind, name and text, each text with its length before it.
// Names are kept beside values, so that a mapping may change between a file and its returns. Row entries give the line
// whose cells follow.
const (
	keptVersion = 1
	keptText    = 't'
	keptNumber  = 'n' // currency, then the number
	keptTrue    = 'y'
	keptFalse   = 'f'
	keptAbsent  = 'a'
	keptFailed  = 'x'
	keptList    = 'l' // its length, then as many entries
	keptLine    = 'L'
	keptCell    = 'c'
	keptMark    = 'm' // a cell at fault: line, column, sentence
)

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// appendField keeps one field.
func appendField(b []byte, f *field, v *value) []byte {
	kind := keptText
	switch {
	case v.state == failed:
		return appendText(append(b, keptFailed), f.name)
	case v.isList:
		b = binary.AppendUvarint(appendText(append(b, keptList), f.name), uint64(len(v.list)))
		for i := range v.list {
			b = appendField(b, f, &v.list[i])
		}
		return b
	case v.state != present:
		if f.textual() {
			return appendText(appendText(append(b, byte(kind)), f.name), "")
		}
		return appendText(append(b, keptAbsent), f.name)
	case v.number != nil:
		return appendText(appendText(appendText(append(b, keptNumber), f.name), v.number.currency), v.number.text())
	case v.amount.Currency != "":
		return appendText(appendText(appendText(append(b, keptNumber), f.name), v.amount.Currency), v.amount.Decimal('.'))
	case v.isBool:
		if v.truth {
			return appendText(append(b, keptTrue), f.name)
		}
		return appendText(append(b, keptFalse), f.name)
	}
	return appendText(appendText(append(b, byte(kind)), f.name), v.text)
}

// keptReader reads what appendField wrote.
type keptReader struct {
	b   []byte
	bad bool
}

func (r *keptReader) uvarint() int {
	n, size := binary.Uvarint(r.b)
	if size <= 0 || n > uint64(len(r.b)) {
		r.bad = true
		return 0
	}
	r.b = r.b[size:]
	return int(n)
}

func (r *keptReader) text() string {
	n := r.uvarint()
	if r.bad || n > len(r.b) {
		r.bad = true
		return ""
	}
	s := string(r.b[:n])
	r.b = r.b[n:]
	return s
}

// entry reads one value as expressions see it.
func (r *keptReader) entry(kind byte) (name string, v any) {
	name = r.text()
	switch kind {
	case keptText:
		v = r.text()
	case keptNumber:
		currency := r.text()
		d, err := decimal.NewFromString(r.text())
		r.bad = r.bad || err != nil
		v = &num{d, currency}
	case keptTrue:
		v = true
	case keptFalse:
		v = false
	case keptList:
		n := r.uvarint()
		list := make([]any, 0, min(n, 64))
		for ; n > 0 && !r.bad; n-- {
			_, item := r.entry(r.kind())
			list = append(list, item)
		}
		v = list
	case keptAbsent, keptFailed:
	default:
		r.bad = true
	}
	return name, v
}

func (r *keptReader) kind() byte {
	if len(r.b) == 0 {
		r.bad = true
		return 0
	}
	k := r.b[0]
	r.b = r.b[1:]
	return k
}

// unpackFields puts a document's kept fields, and the cells of one of its rows, into an environment. Names that were
// not kept are absent.
func unpackFields(m *Mapping, row ReturnRow, env map[string]any) error {
	for _, f := range m.fields {
		if f.textual() {
			env[f.name] = ""
		} else {
			env[f.name] = nil
		}
	}
	for _, t := range m.titles {
		env[t.name] = ""
	}
	if len(row.Fields) == 0 {
		return nil
	}
	r := &keptReader{b: row.Fields}
	if v := r.kind(); v != keptVersion {
		return fmt.Errorf("%w: version %d", ErrFields, v)
	}
	line := 0
	for len(r.b) > 0 && !r.bad {
		switch kind := r.kind(); kind {
		case keptLine:
			line = r.uvarint0()
		case keptCell:
			title, text := r.text(), r.text()
			if line == row.Line {
				env[titleName(title)] = text
			}
		case keptMark:
			r.uvarint0()
			r.uvarint0()
			r.text()
		default:
			name, v := r.entry(kind)
			if !r.bad {
				env[name] = v
			}
		}
	}
	if r.bad {
		return fmt.Errorf("%w", ErrFields)
	}
	return nil
}

// uvarint0 reads a number that is no length.
func (r *keptReader) uvarint0() int {
	n, size := binary.Uvarint(r.b)
	if size <= 0 || n > 1<<40 {
		r.bad = true
		return 0
	}
	r.b = r.b[size:]
	return int(n)
}

// textual tells whether an absent field is "" to expressions.
func (f *field) textual() bool {
	switch f.typ {
	case typeAmount, typeDecimal, typeInt, typeDate, typeBool:
		return false
	}
	return !(f.value != nil && f.set == setNothing && f.typ == typeText && f.value.result != textType && f.value.result != anyType)
}
