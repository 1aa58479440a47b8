package mappings

import (
	"strings"

	"github.com/navette-connect/navette/connector/message"
)

// rules reads `rules` and `control`.
func (l *loader) rules(top object) {
	m := l.m
	spec := &scopeSpec{names: map[string]nominal{"line": numberType}, titles: true, later: map[string]string{}}
	for _, f := range m.fields {
		spec.names[f.name] = f.seen()
	}
	ids := map[string]bool{}
	for _, n := range top.list("rules") {
		o := l.object(n, "rules", "id", "when", "do", "message")
		do := o.oneOf("do", "", "skip", "hold", "reject", "warn")
		r := l.rule(o, ids, spec)
		if do == "" && o.n != nil && o.get("do") == nil {
			l.p.add(o.n.pos, "NV-4003.missing", "key", "do")
		}
		if r.text.IsZero() && do != "" {
			key := map[string]string{"skip": "NV-1503.rule", "hold": "NV-1502.rule", "reject": "NV-1501.rule", "warn": "NV-1507.rule"}[do]
			r.text = message.New(key, "rule", r.id)
		}
		r.do = map[string]ruleDo{"skip": doSkip, "hold": doHold, "reject": doReject, "warn": doWarn}[do]
		m.rules = append(m.rules, r)
	}
	whole := &scopeSpec{names: map[string]nominal{"file.documents": numberType, "file.total": numberType, "file.rows": numberType},
		later: map[string]string{}}
	if m.records != nil && m.records.trailer != nil {
		for _, c := range m.records.trailer.columns {
			whole.names["trailer."+c.Name] = textType
		}
	}
	for _, f := range m.fields {
		whole.later[f.name] = "NV-4021.field_in_control"
	}
	for _, n := range top.list("control") {
		o := l.object(n, "control", "id", "when", "do", "message")
		o.oneOf("do", "reject", "reject")
		c := l.rule(o, ids, whole)
		if c.text.IsZero() {
			c.text = message.New("NV-1301.failed", "control", c.id)
		}
		m.control = append(m.control, c)
	}
}

// seen is the type that rules and returns see a field with.
func (f *field) seen() nominal {
	if f.value != nil && f.typ == typeText && f.set == setNothing {
		return f.value.result
	}
	return f.nominal()
}

func (l *loader) rule(o object, ids map[string]bool, spec *scopeSpec) *rule {
	r := &rule{id: o.text("id", "")}
	if o.n == nil {
		return r
	}
	if r.id == "" {
		l.p.add(o.n.pos, "NV-4003.missing", "key", "id")
	} else if ids[r.id] {
		l.p.add(o.at("id"), "NV-4020.rule_twice", "name", r.id)
	}
	ids[r.id] = true
	if o.get("when") == nil {
		l.p.add(o.n.pos, "NV-4003.missing", "key", "when")
	}
	r.when = l.c.compile(o.get("when"), spec, boolType)
	r.text = l.message(o)
	return r
}

// message reads `message: {fr, en}`, or one text for both.
func (l *loader) message(o object) message.Text {
	n := o.get("message")
	switch {
	case n == nil:
		return message.Text{}
	case n.kind == scalarNode:
		return message.Literal(oneLine(n.text), oneLine(n.text))
	}
	texts := l.object(n, "message", "fr", "en")
	return message.Literal(oneLine(texts.text("fr", "")), oneLine(texts.text("en", "")))
}

// oneLine keeps a message on one line, as returns and logs need it.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// tests reads `tests`.
func (l *loader) tests(top object) {
	for _, n := range top.list("tests") {
		o := l.object(n, "tests", "file", "expect")
		e := l.object(o.get("expect"), "tests.expect", "accepted", "held", "rejected", "skipped", "total", "rows")
		t := Test{File: o.text("file", ""), Total: e.text("total", "")}
		if o.n != nil {
			t.Line, t.Column = o.n.line, o.n.col
		}
		const most = 1 << 30
		t.Accepted, t.Held = e.number("accepted", -1, 0, most), e.number("held", -1, 0, most)
		t.Rejected, t.Skipped = e.number("rejected", -1, 0, most), e.number("skipped", -1, 0, most)
		if t.File == "" && o.n != nil {
			l.p.add(o.n.pos, "NV-4003.missing", "key", "file")
		}
		if rows := e.get("rows"); rows != nil {
			t.Rows = l.testRows(e, rows)
		}
		l.m.tests = append(l.m.tests, t)
	}
}

func (l *loader) testRows(e object, rows *node) map[int]map[string]string {
	out := map[int]map[string]string{}
	if rows.kind != mapNode {
		e.shape(rows, "rows", "des numéros de ligne", "line numbers")
		return nil
	}
	for i, k := range rows.keys {
		line := 0
		for _, c := range k.text {
			if c < '0' || c > '9' || line > 1<<30 {
				line = 0
				break
			}
			line = line*10 + int(c-'0')
		}
		if line == 0 || rows.items[i].kind != mapNode {
			l.p.add(k.pos, "NV-4004.value", "key", "rows", "value", k.text, "expected", "4: {reference: FA-1, amount: \"1234.56\"}")
			continue
		}
		out[line] = map[string]string{}
		for j, name := range rows.items[i].keys {
			if l.m.byName[name.text] == nil && name.text != "state" && name.text != "code" {
				l.p.add(name.pos, "NV-4021.unknown", "name", name.text)
			}
			out[line][name.text] = rows.items[i].items[j].text
		}
	}
	return out
}
