package mappings

import (
	"slices"
	"strings"
)

// aggregate says how the values of several rows become one.
type aggregate int

const (
	aggNone aggregate = iota // one row, one value
	aggSame
	aggSum
	aggFirst
	aggLast
	aggMin
	aggMax
	aggJoin
	aggCollect
)

var aggregates = []string{"", "same", "sum", "first", "last", "min", "max", "join", "collect"}

// grouping is the section `group`: several rows become one document.
type grouping struct {
	by       []*field
	adjacent bool // rows of a document follow each other: it is finished when another begins
}

// role is what a record of a type is to its document.
type role int

const (
	roleHead role = iota + 1
	roleLine
	roleInstallment
	roleTrailer
	roleIgnore
)

// recordTypes is the section `records`: several types of record in one file.
type recordTypes struct {
	at       columnRef // the column that tells the type
	place    Column    // of that column in a fixed record
	types    []*recordType
	skipRest bool // records of other types are left out
	trailer  *recordType
}

// recordType is one type of record.
type recordType struct {
	name    string
	role    role
	columns []Column
	fields  []*field // that are read from it, the currency first
}

func (r *recordTypes) find(name string) *recordType {
	for _, t := range r.types {
		if t.name == name {
			return t
		}
	}
	return nil
}

// grouping reads the section `group`, once the fields are known.
func (l *loader) grouping(top object) {
	m := l.m
	n := top.get("group")
	if n == nil {
		return
	}
	o := l.object(n, "group", "by", "adjacent")
	if m.records != nil {
		l.p.add(n.pos, "NV-4020.together", "key", "group", "other", "records")
		return
	}
	g := &grouping{adjacent: o.boolean("adjacent", false)}
	for _, item := range o.list("by") {
		f := m.byName[item.text]
		if f == nil || f.columns == nil {
			l.p.add(item.pos, "NV-4020.group_field", "name", item.text)
			continue
		}
		f.agg = aggFirst
		g.by = append(g.by, f)
	}
	if o.get("by") == nil {
		l.p.add(n.pos, "NV-4003.missing", "key", "group.by")
	}
	m.group = g
}

// aggregates holds every source field to `agg` where rows come together, and to none where they do not.
func (l *loader) aggregates() {
	m := l.m
	for _, f := range m.fields {
		if f.columns == nil {
			continue
		}
		many := m.group != nil && !slices.Contains(m.group.by, f) || f.record != nil && f.record.role != roleHead
		switch {
		case many && f.agg == aggNone:
			l.p.add(f.at, "NV-4020.agg", "name", f.name)
		case !many && f.agg != aggNone && m.group == nil:
			l.p.add(f.at, "NV-4020.agg_without", "name", f.name)
		case (f.set == setScheduleOn || f.set == setScheduleDue) && f.agg != aggCollect:
			l.p.add(f.at, "NV-4020.agg_type", "name", f.name, "agg", aggregates[f.agg])
		case f.agg == aggSum && f.typ != typeAmount && f.typ != typeDecimal && f.typ != typeInt,
			f.agg == aggCollect && f.set != setNothing && f.set != setMetadata && f.set != setScheduleOn && f.set != setScheduleDue:
			l.p.add(f.at, "NV-4020.agg_type", "name", f.name, "agg", aggregates[f.agg])
		}
	}
}

// recordTypes reads the section `records`, before the fields that name its columns.
func (l *loader) recordTypes(top object) {
	m := l.m
	n := top.get("records")
	if n == nil {
		return
	}
	o := l.object(n, "records", "type", "types", "unknown")
	r := &recordTypes{skipRest: o.oneOf("unknown", "error", "error", "skip") == "skip"}
	m.records = r
	if m.source.Header != 0 {
		l.p.add(n.pos, "NV-4020.together", "key", "records", "other", "source.header")
	}
	types := o.get("types")
	if types == nil || types.kind != mapNode {
		l.p.add(n.pos, "NV-4003.missing", "key", "records.types")
		return
	}
	heads := 0
	for i, k := range types.keys {
		to := l.object(types.items[i], "records.types."+k.text, "role", "columns")
		t := &recordType{name: k.text, columns: l.columnList(to)}
		t.role = role(1 + slices.Index([]string{"head", "line", "installment", "trailer", "ignore"}, to.oneOf("role", "ignore", "head", "line", "installment", "trailer", "ignore")))
		if to.get("role") == nil {
			l.p.add(k.pos, "NV-4003.missing", "key", k.text+".role")
		}
		switch t.role {
		case roleHead:
			heads++
		case roleTrailer:
			r.trailer = t
		}
		r.types = append(r.types, t)
	}
	if heads != 1 {
		l.p.add(types.pos, "NV-4020.record_head")
	}
	l.typeColumn(o, r)
}

// typeColumn finds the column that tells a record's type: by number, or by a name that stands in the same place in
// every type.
func (l *loader) typeColumn(o object, r *recordTypes) {
	n := o.get("type")
	if n == nil {
		l.p.add(o.n.pos, "NV-4003.missing", "key", "records.type")
		return
	}
	if !n.quoted && plainDigits(n.text) == len(n.text) && n.text != "" {
		r.at, _ = l.column(n)
	} else {
		r.at = columnRef{index: -1, title: n.text}
	}
	for i, t := range r.types {
		at := r.at.index
		if at < 0 {
			at = slices.IndexFunc(t.columns, func(c Column) bool { return fold(c.Name) == fold(n.text) })
		}
		switch {
		case at < 0 || at >= len(t.columns) && t.columns != nil, i > 0 && l.m.source.Format != "fixed" && r.at.index >= 0 && at != r.at.index:
			l.p.add(n.pos, "NV-4020.no_column", "name", n.text)
			return
		case l.m.source.Format == "fixed" && t.columns != nil:
			if r.place.At > 0 && (r.place.At != t.columns[at].At || r.place.Len != t.columns[at].Len) {
				l.p.add(n.pos, "NV-4020.no_column", "name", n.text)
				return
			}
			r.place = t.columns[at]
		default:
			r.at.index = at
		}
	}
}

// recordColumn resolves "E.numero".
func (l *loader) recordColumn(n *node, text string) (columnRef, bool) {
	name, column, dotted := strings.Cut(text, ".")
	t := l.m.records.find(name)
	switch {
	case !dotted || column == "":
		l.p.add(n.pos, "NV-4020.record_column", "name", text)
		return columnRef{}, false
	case t == nil:
		l.p.add(n.pos, "NV-4020.record_type", "name", name)
		return columnRef{}, false
	}
	names := make([]string, len(t.columns))
	for i, c := range t.columns {
		names[i] = c.Name
	}
	i, _ := findTitle(names, column)
	if i < 0 {
		noColumn(&l.p, n.pos, text, names)
		return columnRef{}, false
	}
	return columnRef{index: i, record: t}, true
}
