package mappings

import "unicode/utf8"

// fixed tells whether the source has fixed positions.
func (r *Reading) fixed() bool { return r.m.source.Format == "fixed" }

// cutFixed takes the cells of a fixed record: the declared columns, or those of its type.
func (r *Reading) cutFixed(rec Record) {
	s := &r.row
	line := ""
	if len(rec.Cells) > 0 {
		line = rec.Cells[0]
	}
	p := positions{line: line, raw: rec.Raw, charset: r.charset, bytes: r.m.source.Bytes, ascii: isASCII(line)}
	s.length = p.length()
	columns := r.m.source.Columns
	if t := r.m.records; t != nil {
		s.kind = trimBlanks(p.cell(t.place))
		if found := t.find(s.kind); found != nil {
			columns = found.columns
		}
	}
	s.cut = -1
	for i, c := range columns {
		if c.At <= s.length && s.length < c.At-1+c.Len {
			s.cut = i
		}
		cell := p.cell(c)
		if r.m.source.Trim {
			cell = trimBlanks(cell)
		}
		s.cells = append(s.cells, cell)
	}
}

// wrongLength tells what is wrong with a fixed record's length. Where none is declared blanks may be missing at its end, but a
// number or a date that it ends in would be another one.
func (r *Reading) wrongLength(fields []*field, line int) (p Problem, wrong bool) {
	want := r.m.source.Length
	switch {
	case want != 0:
		p = problem(line, "NV-1102.length", "found", itoa(r.row.length), "expected", itoa(want))
		return p, r.row.length != want && !(r.m.source.TrimEnd && r.row.length < want)
	case r.m.source.TrimEnd || r.row.cut < 0 || r.cell(r.row.cut) == "":
		return p, false
	}
	for _, f := range fields {
		if r.cols[f.index] != r.row.cut || f.record != r.reading {
			continue
		}
		switch f.typ {
		case typeAmount, typeDecimal, typeInt, typeDate, typeIBAN, typeSIREN:
			return problem(line, "NV-1102.cut", "field", r.label(f), "found", itoa(r.row.length)), true
		}
	}
	return p, false
}

// positions finds the columns of one fixed record, counted in characters or in bytes.
type positions struct {
	line    string
	raw     []byte
	charset *Charset
	bytes   bool
	ascii   bool
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

func (p *positions) length() int {
	switch {
	case p.bytes:
		return len(p.raw)
	case p.ascii:
		return len(p.line)
	}
	return utf8.RuneCountInString(p.line)
}

// cell is one column; what a short record has not is blank.
func (p *positions) cell(c Column) string {
	from, to := c.At-1, c.At-1+c.Len
	switch {
	case p.bytes:
		n := len(p.raw)
		return string(p.charset.AppendDecoded(nil, p.raw[min(max(0, from), n):min(max(0, to), n)]))
	case p.ascii:
		n := len(p.line)
		return p.line[min(max(0, from), n):min(max(0, to), n)]
	}
	start, i := len(p.line), 0
	for at := range p.line {
		if i == from {
			start = at
		}
		if i == to {
			return p.line[start:at]
		}
		i++
	}
	return p.line[start:]
}
