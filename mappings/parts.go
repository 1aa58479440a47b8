package mappings

import (
	"strconv"
	"strings"

	"github.com/shopspring/decimal"

	"github.com/navette-connect/navette/connector/payment"
)

// part is one entry of `parts`: one request of several that a document becomes.
type part struct {
	name         string
	when, amount *program
	dueOn, label *program
}

// parts reads the section `parts`: a list, or `rank`.
func (l *loader) parts(top object) {
	m := l.m
	n := top.get("parts")
	if n == nil {
		return
	}
	if m.Kind == KindOperation {
		l.p.add(n.pos, "NV-4020.together", "key", "parts", "other", "kind: operation")
	}
	if n.kind == scalarNode && n.text == "rank" {
		m.ranked = true
		return
	}
	spec := &scopeSpec{names: map[string]nominal{"line": numberType}, titles: true, later: map[string]string{}}
	for _, f := range m.fields {
		spec.names[f.name] = f.seen()
	}
	for _, item := range top.list("parts") {
		o := l.object(item, "parts", "part", "when", "amount", "due_on", "label")
		p := part{name: o.text("part", "")}
		switch {
		case o.n == nil:
			continue
		case p.name == "rank" && o.get("amount") == nil:
			m.ranked = true
			continue
		case p.name == "":
			l.p.add(item.pos, "NV-4003.missing", "key", "parts.part")
		}
		if o.get("amount") == nil {
			l.p.add(item.pos, "NV-4003.missing", "key", "parts.amount")
		}
		p.when, p.amount = l.c.compile(o.get("when"), spec, boolType), l.c.compile(o.get("amount"), spec, numberType)
		p.dueOn, p.label = l.c.compile(o.get("due_on"), spec, textType), l.c.compile(o.get("label"), spec, textType)
		for _, q := range m.parts {
			if q.name == p.name {
				l.p.add(item.pos, "NV-4020.field_twice", "name", p.name)
			}
		}
		m.parts = append(m.parts, p)
	}
	if m.parts != nil && m.byName["part"] != nil {
		l.p.add(n.pos, "NV-4020.together", "key", "parts", "other", "fields.part")
	}
}

// share is what one part of a document asks for.
type share struct {
	name         string
	amount       payment.Amount
	dueOn, label string
}

// shares divides a request into its parts; nil where it is one. A problem says why it cannot be.
func (r *Reading) shares(doc *Document, line int) ([]share, *Problem) {
	if doc.Kind != payment.Request {
		return nil, nil
	}
	list, p := r.scheduled(doc, line)
	if list == nil && p == nil && r.m.parts != nil {
		list, p = r.divided(doc, line)
	}
	return list, p
}

// scheduled makes a request of each instalment (schedule.due, schedule.on): parts "1" to "n", which must add up exactly.
func (r *Reading) scheduled(doc *Document, line int) ([]share, *Problem) {
	due, on := r.valueOf(r.m.byName["schedule.due"]), r.valueOf(r.m.byName["schedule.on"])
	if due == nil || len(due.list) == 0 {
		return nil, nil
	}
	var sum payment.Amount
	list := make([]share, len(due.list))
	for i := range due.list {
		a := due.list[i].asAmount()
		total, err := sum.Add(a)
		if err != nil || a.Minor <= 0 || on != nil && len(on.list) != len(due.list) {
			p := problem(line, "NV-1302.parts", "sum.fr", french(sum), "sum", sum.String(), "amount.fr", french(doc.Amount), "amount", doc.Amount.String())
			return nil, &p
		}
		sum = total
		list[i] = share{name: strconv.Itoa(i + 1), amount: a}
		if on != nil {
			list[i].dueOn = on.list[i].text
		}
	}
	if sum != doc.Amount {
		p := problem(line, "NV-1302.parts", "sum.fr", french(sum), "sum", sum.String(), "amount.fr", french(doc.Amount), "amount", doc.Amount.String())
		return nil, &p
	}
	return list, nil
}

// divided evaluates `parts`. Each is rounded to the currency's decimals, and the last takes what rounding left; more
// than rounding can leave is a problem.
func (r *Reading) divided(doc *Document, line int) ([]share, *Problem) {
	wrong := func(err error) ([]share, *Problem) {
		p := expressionProblem(line, err)
		return nil, &p
	}
	var list []share
	exact, places := decimal.Zero, int32(exponent(doc.Amount.Currency))
	for i := range r.m.parts {
		p := &r.m.parts[i]
		if p.when != nil {
			if holds, err := r.scope.holds(p.when); err != nil {
				return wrong(err)
			} else if !holds {
				continue
			}
		}
		v, err := r.scope.run(p.amount)
		if err != nil {
			return wrong(err)
		}
		n, err := toNum(v)
		if err != nil {
			return wrong(err)
		}
		if n == nil {
			n = &num{}
		}
		s := share{name: p.name, amount: payment.Amount{Minor: n.d.Round(places).Shift(places).IntPart(), Currency: doc.Amount.Currency}}
		exact = exact.Add(n.d)
		if s.dueOn, err = r.textOf(p.dueOn); err != nil {
			return wrong(err)
		}
		if s.label, err = r.textOf(p.label); err != nil {
			return wrong(err)
		}
		list = append(list, s)
	}
	missing := decimal.New(doc.Amount.Minor, -places).Sub(exact)
	most := decimal.New(int64(len(list)), -places).Div(decimal.NewFromInt(2)) // half a cent a part
	if len(list) > 0 && missing.Abs().LessThanOrEqual(most) {
		left := doc.Amount.Minor
		for i := range list {
			if i < len(list)-1 {
				left -= list[i].amount.Minor
			}
		}
		list[len(list)-1].amount.Minor = left
		ok := true
		for _, s := range list {
			ok = ok && s.amount.Minor > 0
		}
		if ok {
			return list, nil
		}
	}
	sums := exact.StringFixed(places) + " " + doc.Amount.Currency
	p := problem(line, "NV-1302.parts", "sum.fr", strings.Replace(sums, ".", ",", 1), "sum", sums, "amount.fr", french(doc.Amount), "amount", doc.Amount.String())
	return nil, &p
}

// textOf evaluates an expression that gives a text; "" where there is none.
func (r *Reading) textOf(p *program) (string, error) {
	if p == nil {
		return "", nil
	}
	v, err := r.scope.run(p)
	return toText(v), err
}

// eachPart makes the instructions of a document's parts out of the one it would be whole.
func eachPart(in payment.Instruction, list []share) []payment.Instruction {
	out := make([]payment.Instruction, len(list))
	for i, s := range list {
		out[i] = in
		out[i].Part, out[i].Amount = s.name, s.amount
		if s.dueOn != "" {
			out[i].DueOn = s.dueOn
		}
		if s.label != "" {
			out[i].Label = s.label
		}
	}
	return out
}
