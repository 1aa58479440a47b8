package mappings

import (
	"slices"
	"strings"

	"github.com/shopspring/decimal"

	"github.com/navette-connect/navette/connector/payment"
)

// gathering is a document whose rows are still being read.
type gathering struct {
	rows   []Row
	values []value
	count  []int // rows that gave a field its value
	first  []int // line of the first of them
	found  []found
	titles []string // row["…"] of the first row that has it
	seen   []bool
	cells  []byte // kept for returns, row by row
	shaped bool
	index  int // order of its first row
}

// gather begins a document of several rows.
func (r *Reading) gather() *gathering {
	n := len(r.m.fields)
	return &gathering{values: make([]value, n), count: make([]int, n), first: make([]int, n), titles: make([]string, len(r.m.titles)),
		seen: make([]bool, len(r.m.titles)), shaped: true}
}

// addRow takes the row just read into a document: its bytes, its problems, its values.
func (r *Reading) addRow(g *gathering, line int, raw []byte, fields []*field) {
	g.rows = append(g.rows, Row{line, r.keepRaw(raw)})
	g.found = append(g.found, r.row.found...)
	if r.m.keep != nil && len(r.m.keep.titles) > 0 {
		g.cells = r.keepCells(g.cells, line)
	}
	for i := range r.m.titles {
		if at := r.titleAt(i); !g.seen[i] && at >= 0 {
			g.titles[i], g.seen[i] = r.cell(at), true
		}
	}
	for _, f := range fields {
		r.fold(g, f, line)
	}
	if c := r.m.currency; c != nil && c.columns == nil && fields != nil {
		r.fold(g, c, line)
	}
}

// fold adds a row's value of a field to the document's.
func (r *Reading) fold(g *gathering, f *field, line int) {
	v, sum := r.row.values[f.index], &g.values[f.index]
	n := g.count[f.index]
	g.count[f.index]++
	if sum.state == failed || v.state == failed {
		*sum = value{state: failed}
		return
	}
	if f.agg == aggCollect {
		sum.state, sum.isList = present, true
		sum.list = append(sum.list, v)
		return
	}
	if n == 0 {
		*sum, g.first[f.index] = v, line
		return
	}
	switch f.agg {
	case aggSame:
		if !v.same(sum) {
			r.disagree(g, f, &v, sum, line)
			*sum = value{state: failed}
		}
		return
	case aggLast:
		if v.state == present {
			*sum = v
		}
		return
	}
	switch {
	case v.state != present:
	case sum.state != present:
		*sum = v
	default:
		r.combine(g, f, &v, sum, line)
	}
}

// combine joins two values that are there.
func (r *Reading) combine(g *gathering, f *field, v, sum *value, line int) {
	switch f.agg {
	case aggSum:
		if v.number != nil {
			sum.number = &num{sum.number.d.Add(v.number.d), ""}
			sum.text = sum.number.text()
			return
		}
		total, err := sum.amount.Add(v.amount)
		if err != nil { // two currencies, or beyond counting
			r.disagree(g, f, v, sum, line)
			*sum = value{state: failed}
			return
		}
		sum.amount, sum.number = total, nil
	case aggMin, aggMax:
		if c := v.compare(sum); f.agg == aggMin && c < 0 || f.agg == aggMax && c > 0 {
			*sum = *v
		}
	case aggJoin:
		sum.text = sum.plain() + f.separator + v.plain()
		sum.amount, sum.number, sum.isBool = payment.Amount{}, nil, false
	}
}

// same tells whether two rows say the same.
func (v *value) same(o *value) bool {
	if v.number != nil && o.number != nil {
		return v.number.d.Equal(o.number.d)
	}
	return v.state == o.state && v.amount == o.amount && v.truth == o.truth && (v.amount.Currency != "" || v.text == o.text)
}

func (v *value) compare(o *value) int {
	switch {
	case v.number != nil && o.number != nil:
		return v.number.d.Cmp(o.number.d)
	case v.amount.Currency != "":
		return decimal.NewFromInt(v.amount.Minor).Cmp(decimal.NewFromInt(o.amount.Minor))
	}
	return strings.Compare(v.text, o.text)
}

// disagree reports that the rows of a document differ; it stands on the document's first line.
func (r *Reading) disagree(g *gathering, f *field, v, sum *value, line int) {
	first := g.rows[0].Line
	p := problem(first, "NV-1302.differ", "field", r.label(f), "value", r.shown(f, sum.plain()), "line", itoa(g.first[f.index]),
		"other", r.shown(f, v.plain()), "other_line", itoa(line))
	column := r.cols[f.index]
	p.Column, p.Letter, p.Value = r.titleOf(column), letterOf(column), r.shown(f, v.plain())
	if column < 0 {
		column = behindColumns - 1
	}
	g.found = append(g.found, found{column, p})
}

// finishGathering turns a document whose rows are all read into what it is.
func (r *Reading) finishGathering(g *gathering) *Document {
	copy(r.row.values, g.values)
	r.row.found = g.found
	if r.scope != nil {
		r.scope.env["line"] = g.rows[0].Line
		for i, t := range r.m.titles {
			r.scope.env[t.name] = g.titles[i]
		}
	}
	doc := &Document{Rows: g.rows}
	r.gathered = g
	r.finish(doc, nil, g.shaped)
	r.gathered = nil
	g.found = r.row.found
	return doc
}

// groupRow takes a row into the document of its key; it returns a document that is finished by it.
func (r *Reading) groupRow(line int, raw []byte) (*Document, error) {
	key := r.row.kept[:0]
	for _, f := range r.m.group.by {
		v := &r.row.values[f.index]
		if v.state == absent || v.plain() == "" { // a text of the wrong form still tells whose row it is
			return nil, Refuse(line, "NV-1302.key", "field", r.label(f), "line", itoa(line))
		}
		key = appendText(key, v.plain())
	}
	r.row.kept = key
	name := string(key)
	g := r.open[name]
	if g == nil {
		g = r.gather()
		g.index = len(r.open)
		r.open[name] = g
	}
	r.addRow(g, line, raw, r.m.typed) // before another document is finished: that takes the place of the row's values
	if !r.m.group.adjacent {
		return nil, nil
	}
	for other, before := range r.open {
		if other != name {
			delete(r.open, other)
			return r.finishGathering(before), nil
		}
	}
	return nil, nil
}

// rest finishes the documents that are open at the end of the file, in the order of their first rows.
func (r *Reading) rest(yield func(*Document) bool) {
	if r.current != nil {
		g := r.current
		r.current = nil
		yield(r.finishGathering(g))
		return
	}
	open := make([]*gathering, 0, len(r.open))
	for _, g := range r.open {
		open = append(open, g)
	}
	slices.SortFunc(open, func(a, b *gathering) int { return a.index - b.index })
	clear(r.open)
	for i, g := range open {
		open[i] = nil
		if !yield(r.finishGathering(g)) {
			return
		}
	}
}

// Parted tells whether rows and requests are not one to one, or a request is one of several of its reference: answers then
// name the part.
func (m *Mapping) Parted() bool {
	return m.Gathers() || len(m.parts) > 0 || m.ranked || m.byName["part"] != nil || m.byName["schedule.due"] != nil
}

// Gathers tells whether a document may hold rows between which rows of others stand.
func (m *Mapping) Gathers() bool { return m.group != nil || m.records != nil }
