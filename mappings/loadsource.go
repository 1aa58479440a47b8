package mappings

import (
	"slices"
	"strconv"
	"strings"
)

var sourceKeys = []string{"format", "encoding", "delimiter", "quote", "lazy_quotes", "header", "header_rows", "comment", "decimal", "group",
	"currency_signs", "dates", "missing", "skip", "from", "until", "fill", "open_end", "framing", "sheet", "cells", "year", "columns", "length",
	"trim_end", "bytes", "trim", "unknown_columns", "max_rows", "max_bytes", "max_cell"}

// source reads the section `source`.
func (l *loader) source(n *node, records bool) {
	m := l.m
	o := l.object(n, "source", sourceKeys...)
	s := &m.source
	s.Format = o.text("format", "csv")
	s.Encoding = o.oneOf("encoding", "auto", append(Charsets(), "auto")...)
	s.Delimiter = o.char("delimiter", ';')
	s.Quote = o.char("quote", '"')
	s.Lazy = o.boolean("lazy_quotes", false)
	l.header(o, s.Format == "fixed" || records)
	s.HeaderRows = o.number("header_rows", 1, 1, 100)
	s.Comment = o.text("comment", "")
	if d := o.oneOf("decimal", "", ",", "."); d != "" {
		s.Decimal = d[0]
	}
	switch g := o.oneOf("group", "", " ", ".", ",", "'", "none"); {
	case g == "" || g == "none":
	case g[0] == s.Decimal:
		l.p.add(o.at("group"), "NV-4020.marks", "mark", g)
	default:
		s.Group = rune(g[0])
	}
	m.number = numberFormat{decimal: s.Decimal, group: s.Group, signs: o.boolean("currency_signs", true), implied: -1}
	m.dates = o.dates("dates")
	s.Missing = o.texts("missing")
	m.from, m.until = o.regexp("from"), o.regexp("until")
	s.OpenEnd = o.boolean("open_end", false)
	s.Trim = o.boolean("trim", true)
	m.unknown = o.oneOf("unknown_columns", "ignore", "ignore", "warn", "error")
	s.MaxRows = o.number("max_rows", DefaultMaxRows, 1, 100_000_000)
	s.MaxBytes = o.size("max_bytes", DefaultMaxBytes, 1<<40)
	s.MaxCell = int(o.size("max_cell", DefaultMaxCell, 64<<20))
	if y := l.object(o.get("year"), "source.year", "line", "column"); y.n != nil {
		m.year = &yearCell{y.number("line", 1, 1, 1000), y.number("column", 1, 1, 10_000) - 1}
	}
	s.Length = o.number("length", 0, 1, 1<<20)
	s.TrimEnd, s.Bytes = o.boolean("trim_end", false), o.boolean("bytes", false)
	s.Framed = o.oneOf("framing", "lines", "lines", "fixed") == "fixed"
	l.columns(o)
	switch s.Format {
	case "fixed":
		l.fixed(o, records)
	case "xlsx":
		l.workbook(o)
	case "csv":
		for _, key := range []string{"framing", "sheet", "cells", "length", "trim_end", "bytes"} {
			if n := o.get(key); n != nil {
				l.p.add(n.pos, "NV-4002.other_type", "key", key, "type", s.Format)
			}
		}
	}
}

// workbook holds a source of sheets to what such a source has: no encoding, no delimiter, no length.
func (l *loader) workbook(o object) {
	s := &l.m.source
	for _, key := range []string{"encoding", "delimiter", "quote", "lazy_quotes", "framing", "length", "trim_end", "bytes", "open_end"} {
		if n := o.get(key); n != nil {
			l.p.add(n.pos, "NV-4002.other_type", "key", key, "type", s.Format)
		}
	}
	if n := o.get("columns"); n != nil && s.Header != 0 {
		l.p.add(n.pos, "NV-4020.columns")
	}
	o.oneOf("cells", "typed", "typed")
	s.SheetAt = 1
	switch n := o.get("sheet"); {
	case n == nil:
	case n.kind == scalarNode && !n.quoted && plainDigits(n.text) == len(n.text):
		s.SheetAt = o.number("sheet", 1, 1, 10_000)
	default:
		s.Sheet = o.text("sheet", "")
	}
	s.Encoding, s.Delimiter, s.Quote, s.Mark = "utf-8", ';', '"', l.m.decimal() // of the text that it becomes
}

// header reads the row number of the titles, or `auto`.
func (l *loader) header(o object, none bool) {
	s := &l.m.source
	if o.text("header", "") == "auto" {
		s.Header = HeaderAuto
		return
	}
	otherwise := 1
	if none {
		otherwise = 0
	}
	s.Header = o.number("header", otherwise, 0, 10_000)
}

// fixed holds a source of fixed positions to what such a source needs.
func (l *loader) fixed(o object, records bool) {
	s := &l.m.source
	for _, key := range []string{"delimiter", "quote", "lazy_quotes", "sheet", "cells", "header_rows"} {
		if n := o.get(key); n != nil {
			l.p.add(n.pos, "NV-4002.other_type", "key", key, "type", s.Format)
		}
	}
	s.Delimiter, s.Quote = 0, 0
	if s.Header != 0 {
		l.p.add(o.at("header"), "NV-4002.other_type", "key", "header", "type", s.Format)
	}
	if s.Framed && s.Length == 0 {
		l.p.add(o.at("framing"), "NV-4003.missing", "key", "length")
	}
	if s.Columns == nil && !records && o.n != nil {
		l.p.add(o.n.pos, "NV-4003.missing", "key", "source.columns")
	}
}

// columns reads the names of columns where the file has no titles.
func (l *loader) columns(o object) {
	s := &l.m.source
	s.Columns = l.columnList(o)
	if s.Columns != nil && s.Header != 0 && s.Format == "csv" {
		l.p.add(o.at("columns"), "NV-4020.columns")
	}
}

// columnList reads `columns`: names, with positions where records are fixed.
func (l *loader) columnList(o object) []Column {
	s := &l.m.source
	var out []Column
	for _, n := range o.list("columns") {
		c := Column{Name: n.text}
		if n.kind == mapNode {
			co := l.object(n, "columns", "name", "at", "len")
			c = Column{Name: co.text("name", ""), At: co.number("at", 0, 1, 1<<20), Len: co.number("len", 0, 1, 1<<20)}
		}
		switch {
		case s.Format == "csv" && (c.At > 0 || c.Len > 0):
			l.p.add(n.pos, "NV-4002.other_type", "key", "at, len", "type", s.Format)
		case s.Format == "fixed" && (c.At == 0 || c.Len == 0):
			l.p.add(n.pos, "NV-4020.position", "name", c.Name)
		case s.Length > 0 && c.At+c.Len-1 > s.Length:
			l.p.add(n.pos, "NV-4020.beyond", "name", c.Name, "length", strconv.Itoa(s.Length))
		}
		if c.Name == "" || slices.ContainsFunc(out, func(d Column) bool { return fold(d.Name) == fold(c.Name) }) {
			l.p.add(n.pos, "NV-4020.column_name", "name", c.Name)
		}
		out = append(out, c)
	}
	return out
}

func (l *loader) fill(o object) {
	n := o.get("fill")
	if n == nil {
		return
	}
	f := l.object(n, "source.fill", "key", "columns")
	out := &filling{}
	if key := f.get("key"); key == nil {
		l.p.add(n.pos, "NV-4003.missing", "key", "fill.key")
	} else {
		out.key, _ = l.column(key)
	}
	for _, c := range f.list("columns") {
		ref, _ := l.column(c)
		out.columns = append(out.columns, ref)
	}
	l.m.fill = out
}

// column reads one reference to a column: a title, a number from 1, or a letter (=C).
func (l *loader) column(n *node) (columnRef, bool) {
	switch {
	case n.kind != scalarNode || n.text == "":
	case strings.HasPrefix(n.text, "="):
		if i := columnOf(n.text[1:]); i >= 0 {
			return columnRef{index: i}, true
		}
	case !n.quoted && plainDigits(n.text) == len(n.text):
		if i, err := strconv.Atoi(n.text); err == nil && i >= 1 && i <= 100_000 {
			return columnRef{index: i - 1}, true
		}
	case l.m.records != nil:
		return l.recordColumn(n, n.text)
	default:
		return l.titled(n, n.text), true
	}
	l.p.add(n.pos, "NV-4004.value", "key", "column", "value", n.text, "expected.fr", "un titre, un numéro à partir de 1 ou =C", "expected.en", "a title, a number from 1, or =C")
	return columnRef{}, false
}

// titled refers to a title. Where the file has none of its own, the declared names are looked up at once.
func (l *loader) titled(n *node, title string) columnRef {
	s := l.m.source
	if s.Header != 0 {
		return columnRef{title: title, index: -1}
	}
	names := make([]string, len(s.Columns))
	for i, c := range s.Columns {
		names[i] = c.Name
	}
	i, _ := findTitle(names, title)
	if i < 0 {
		noColumn(&l.p, n.pos, title, names)
		return columnRef{index: 0}
	}
	return columnRef{index: i}
}

func noColumn(p *problems, at pos, title string, names []string) {
	if near := nearest(title, names); near != "" {
		p.add(at, "NV-4020.no_column_nearest", "name", title, "nearest", near)
		return
	}
	p.add(at, "NV-4020.no_column", "name", title)
}

// skips compiles the expressions of source.skip, once fields are known.
func (l *loader) skips(n *node) {
	o := object{l, n, "source"}
	spec := &scopeSpec{names: map[string]nominal{"line": numberType}, titles: true, later: map[string]string{}}
	for _, f := range l.m.fields {
		spec.later[f.name] = "NV-4021.field_in_skip"
	}
	for _, item := range o.list("skip") {
		if p := l.c.compile(item, spec, boolType); p != nil {
			l.m.skip = append(l.m.skip, p)
		}
	}
}
