package mappings

import (
	"errors"
	"slices"
)

// recordOf finds the type of the record whose cells are in r.row.cells; nil for a type that is not declared.
func (r *Reading) recordOf() (t *recordType, name string) {
	if name = r.row.kind; !r.fixed() {
		name = trimBlanks(r.cell(r.m.records.at.index))
	}
	return r.m.records.find(name), name
}

// typedRecord takes one record of a file of several types. It returns a document that is finished by it.
func (r *Reading) typedRecord(rec Record) (*Document, error) {
	t, name := r.recordOf()
	r.begin()
	r.reading = t
	if t == nil {
		if r.m.records.skipRest {
			r.counted.leftOut++
			return nil, nil
		}
		return r.strayRecord(rec.Line, rec.Raw, problem(rec.Line, "NV-1102.type", "type", clip(name)))
	}
	switch t.role {
	case roleIgnore:
		return nil, nil
	case roleTrailer:
		r.takeTrailer(t)
		return nil, nil
	}
	if err := r.another(); err != nil {
		return nil, err
	}
	raw, ok := r.recordFits(t, rec)
	switch {
	case ok:
	case r.fixed():
		p, _ := r.wrongLength(t.fields, rec.Line)
		r.add(behindColumns, p)
	default:
		r.add(behindColumns, problem(rec.Line, "NV-1102.record", "type", t.name, "found", itoa(len(r.row.cells)), "expected", itoa(len(t.columns))))
	}
	var done *Document
	switch {
	case t.role == roleHead:
		if r.current != nil {
			g := r.current
			found := slices.Clone(r.row.found)
			done = r.finishGathering(g)
			r.begin()
			r.row.found = append(r.row.found, found...)
		}
		r.current = r.gather()
	case r.current == nil:
		r.add(behindColumns, problem(rec.Line, "NV-1102.orphan", "type", t.name))
		return r.orphan(rec.Line, raw), nil
	}
	g := r.current
	if !ok {
		g.shaped = false
		r.addRow(g, rec.Line, raw, nil)
		return done, nil
	}
	currency := r.m.Currency
	if c := r.m.currency; c != nil && c.record != t {
		switch v := &g.values[c.index]; v.state {
		case present:
			currency = v.text
		case failed:
			currency = ""
		}
	}
	r.readTyped(t.fields, rec.Line, currency)
	r.addRow(g, rec.Line, raw, t.fields)
	return done, nil
}

// recordFits checks a record's cells against its type; cells that navette itself put behind them are cut off.
func (r *Reading) recordFits(t *recordType, rec Record) ([]byte, bool) {
	n, want := len(r.row.cells), len(t.columns)
	switch {
	case r.dialect.Sheet != "":
		return r.sheetFits(t, rec)
	case r.fixed():
		_, wrong := r.wrongLength(t.fields, rec.Line)
		return rec.Raw, !wrong
	case t.columns == nil || n == want:
		return rec.Raw, true
	case n == want+2 && ourCode(r.cell(want)):
		raw := rec.Raw
		if c, ok := r.table.(Cutter); ok {
			raw = c.Cut(raw, want)
		}
		r.row.cells = r.row.cells[:want]
		return raw, true
	}
	return rec.Raw, false
}

// sheetFits does the same for a row of a sheet, which is as wide as the widest type: cells that its own type lacks are
// empty, and ours stand behind the widest.
func (r *Reading) sheetFits(t *recordType, rec Record) ([]byte, bool) {
	raw := rec.Raw
	if len(r.row.cells) == r.width+2 && ourCode(r.cell(r.width)) {
		if c, ok := r.table.(Cutter); ok {
			raw = c.Cut(raw, r.width)
		}
		r.row.cells = r.row.cells[:r.width]
	}
	for i := range r.row.cells {
		if i >= len(t.columns) && t.columns != nil && r.cell(i) != "" {
			return raw, false
		}
	}
	return raw, true
}

// strayRecord spoils the document it stands in: what it may have said of its amount is not known.
func (r *Reading) strayRecord(line int, raw []byte, p Problem) (*Document, error) {
	if err := r.another(); err != nil {
		return nil, err
	}
	r.begin()
	r.add(behindColumns, p)
	if r.current == nil {
		return r.orphan(line, raw), nil
	}
	r.current.shaped = false
	r.addRow(r.current, line, raw, nil)
	return nil, nil
}

// orphan is a record that belongs to no document: rejected by itself.
func (r *Reading) orphan(line int, raw []byte) *Document {
	g := r.gather()
	g.shaped = false
	r.addRow(g, line, raw, nil)
	r.counted.totalBad = true
	return r.finishGathering(g)
}

// takeTrailer keeps the closing record for the control.
func (r *Reading) takeTrailer(t *recordType) {
	if r.scope == nil {
		return
	}
	for i, c := range t.columns {
		r.scope.env["trailer."+c.Name] = trimBlanks(r.cell(i))
	}
}

// closing tells before a row is read whether the record that must close the file is there.
func (r *Reading) closing() error {
	if r.m.records == nil || r.m.records.trailer == nil {
		return nil
	}
	closed := false
	var foot []byte
	for rec, err := range r.table.Records() {
		var spoilt *RowError
		if errors.As(err, &spoilt) {
			closed = false
			continue
		}
		if err != nil {
			return nil // told when the rows are read
		}
		if rec.Blank || rec.Comment {
			continue
		}
		rec = r.padded(rec)
		r.cut(rec)
		if t, _ := r.recordOf(); t != nil && t.role != roleIgnore {
			if closed = t.role == roleTrailer; closed && !r.fixed() {
				at := len(t.columns)
				if r.dialect.Sheet != "" {
					at = r.width
				}
				r.mended = len(r.row.cells) == at+2 && r.cell(at) == codeFoot
				raw, _ := r.recordFits(t, rec)
				foot = append(foot[:0], raw...)
			}
		}
	}
	r.head.Foot = foot
	if !closed {
		return Unfinished(0, "NV-1005.trailer", "type", r.m.records.trailer.name)
	}
	return nil
}
