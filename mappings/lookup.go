package mappings

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"
)

// lookupTable is a second table, read when the mapping is loaded: lookup("contacts", customer.id, "E-mail").
type lookupTable struct {
	titles []string
	rows   map[string]lookupRow // by key
}

type lookupRow struct {
	line  int
	cells []string
}

// Lookups lists the files of the mapping's tables, as the mapping writes them. A mapping is loaded again when one of
// them changes; its hash stays the same.
func (m *Mapping) Lookups() []string { return m.lookups }

// lookups reads the section `lookups`.
func (l *loader) lookups(top object) {
	n := top.get("lookups")
	if n == nil {
		return
	}
	if n.kind != mapNode {
		top.shape(n, "lookups", "des noms de tables", "names of tables")
		return
	}
	l.c.tables = map[string]*lookupTable{}
	for i, k := range n.keys {
		o := l.object(n.items[i], "lookups."+k.text, "file", "key", "source")
		if o.n == nil || k.text == "confirm" {
			continue
		}
		l.c.tables[k.text] = &lookupTable{} // known by name even if it cannot be read
		for _, key := range []string{"file", "key"} {
			if o.get(key) == nil {
				l.p.add(k.pos, "NV-4003.missing", "key", o.path+"."+key)
			}
		}
		if o.get("file") == nil || o.get("key") == nil {
			continue
		}
		l.m.lookups = append(l.m.lookups, o.text("file", ""))
		t, err := l.table(o)
		if err != nil {
			fr, en := err.Error(), err.Error()
			var spoilt *FileError
			if errors.As(err, &spoilt) {
				fr, en = spoilt.Problem.Text.In("fr"), spoilt.Problem.Text.In("en")
			}
			l.p.add(o.at("file"), "NV-4020.lookup", "name", k.text, "detail.fr", fr, "detail.en", en)
			continue
		}
		if t != nil {
			l.c.tables[k.text] = t
		}
	}
}

// table reads one table; nil where its declaration is wrong, which is reported.
func (l *loader) table(o object) (*lookupTable, error) {
	if l.opt.Lookup == nil {
		return nil, errors.New("no tables can be read here")
	}
	sub := &loader{opt: l.opt, m: &Mapping{Locale: "en", byName: map[string]*field{}, unknown: "ignore"}}
	sub.source(o.get("source"), false)
	sub.m.unknown = "ignore"
	if len(sub.p) > 0 {
		l.p = append(l.p, sub.p...)
		return nil, nil
	}
	make, ok := l.opt.Formats[sub.m.source.Format]
	if !ok {
		return nil, fmt.Errorf("format %s", sub.m.source.Format)
	}
	var err error
	if sub.m.format, err = make(sub.m.source); err != nil {
		return nil, err
	}
	file := o.text("file", "")
	b, err := l.opt.Lookup(file)
	if err != nil {
		return nil, err
	}
	r, err := sub.m.Open(Spooled{ReaderAt: bytes.NewReader(b), Size: int64(len(b)), Name: file}, Env{})
	if err != nil {
		return nil, err
	}
	return r.lookupTable(o.text("key", ""))
}

// lookupTable reads a whole file as a table. A key that stands there twice is an error: nobody can tell which row is
// meant.
func (r *Reading) lookupTable(key string) (*lookupTable, error) {
	t := &lookupTable{titles: slices.Clone(r.titles), rows: map[string]lookupRow{}}
	at, again := findTitle(t.titles, key)
	if at < 0 || again >= 0 {
		return nil, &FileError{Problem: problem(0, "NV-1101.missing", "title", key)}
	}
	n := 0
	for rec, err := range r.section() {
		if n++; n <= r.start || errors.Is(err, errOutside) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if rec.Blank || rec.Comment {
			continue
		}
		rec = r.padded(rec)
		r.cut(rec)
		if err := r.another(); err != nil {
			return nil, err
		}
		if _, ok, err := r.fits(rec); err != nil {
			return nil, err
		} else if !ok {
			return nil, &FileError{Problem: problem(rec.Line, "NV-1102.columns", "found", itoa(len(rec.Cells)), "expected", itoa(r.width))}
		}
		k := r.cell(at)
		if k == "" {
			continue
		}
		if old, twice := t.rows[k]; twice {
			shown := clip(k)
			if strings.Contains(k, "@") { // this goes to the log
				shown = hidden
			}
			return nil, &FileError{Problem: problem(rec.Line, "NV-4020.lookup_key", "key", shown, "line", itoa(old.line), "other", itoa(rec.Line))}
		}
		row := lookupRow{rec.Line, make([]string, len(r.row.cells))}
		for i := range row.cells {
			row.cells[i] = r.cell(i)
		}
		t.rows[k] = row
	}
	return t, nil
}

// lookupCall checks a call of lookup(): table and column must be known when the mapping is loaded.
func (r *rewriter) lookupCall(n *ast.CallNode) {
	if len(n.Arguments) != 3 {
		return // the types say it
	}
	at := r.n.inside(1, start(n))
	name, ok := n.Arguments[0].(*ast.StringNode)
	if !ok || r.c.tables[name.Value] == nil {
		shown := ""
		if ok {
			shown = name.Value
		}
		r.c.p.add(at, "NV-4020.lookup_unknown", "name", shown)
		return
	}
	t := r.c.tables[name.Value]
	column, ok := n.Arguments[2].(*ast.StringNode)
	if !ok {
		r.c.p.add(at, "NV-4021.title")
		return
	}
	if t.rows == nil {
		return // it could not be read, which is told already
	}
	if i, _ := findTitle(t.titles, column.Value); i < 0 {
		noColumn(r.c.p, at, column.Value, t.titles)
	}
}

// lookupConstants puts the table itself, and the column's number, into a call of lookup().
func (r *rewriter) lookupConstants(n *ast.CallNode) {
	name, ok := n.Arguments[0].(*ast.StringNode)
	column, isText := n.Arguments[2].(*ast.StringNode)
	if !ok || !isText || r.c.tables[name.Value] == nil {
		return
	}
	t := r.c.tables[name.Value]
	i, _ := findTitle(t.titles, column.Value)
	n.Arguments[0], n.Arguments[2] = constant(n, t), constant(n, i)
}

// lookup gives a cell of a table, "" where nothing is found.
func lookup(p ...any) (any, error) {
	t, ok := p[0].(*lookupTable)
	i, isNumber := p[2].(int)
	if !ok || !isNumber {
		return nil, errors.New("no table of that name")
	}
	row := t.rows[strings.TrimSpace(toText(p[1]))]
	if i < 0 || i >= len(row.cells) {
		return "", nil
	}
	return row.cells[i], nil
}
