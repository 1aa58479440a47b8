package mappings

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/navette-connect/navette/connector/payment"
)

func itoa(n int) string { return strconv.Itoa(n) }

// document finishes a document of one row: computed fields, rules, instruction.
func (r *Reading) document(line int, raw []byte) *Document {
	d := r.slot()
	d.rows[0] = Row{line, r.keepRaw(raw)}
	d.doc.Rows = d.rows[:]
	r.finish(&d.doc, d.ins[:0], r.typedRow())
	return &d.doc
}

// typedRow tells whether the row's cells could be put to their fields at all.
func (r *Reading) typedRow() bool {
	return !slices.ContainsFunc(r.row.found, func(f found) bool { return f.Code == "NV-1102" || f.Code == "NV-1103" || f.Code == "NV-1210" })
}

// finish turns the values in r.row into what the document is. Where the row has no shape, nothing is computed.
func (r *Reading) finish(doc *Document, ins []payment.Instruction, shaped bool) {
	line := doc.Rows[0].Line
	if !shaped {
		r.markFailed()
	} else {
		r.compute(line)
	}
	doc.State = Accepted
	if len(r.row.found) > 0 {
		doc.State = Rejected
	}
	r.describe(doc)
	if shaped {
		r.applyRules(doc, line)
	}
	if doc.State == Accepted {
		r.makesSense(doc, line)
	}
	parts := r.divideAmong(doc, line)
	r.sortProblems(doc)
	if r.m.keep != nil {
		doc.Fields = r.keepFields(doc.Rows)
	}
	if doc.State == Accepted {
		doc.Instructions = append(ins, payment.Instruction{})
		r.instruct(doc, &doc.Instructions[0])
		if parts != nil {
			doc.Instructions = eachPart(doc.Instructions[0], parts)
		}
	}
	if f := r.m.amount; f != nil && r.row.values[f.index].state == failed {
		r.counted.totalBad = true
	}
}

// divideAmong finds the parts of an accepted document; one that does not add up is rejected.
func (r *Reading) divideAmong(doc *Document, line int) []share {
	if r.m.ranked && doc.Kind == payment.Request && doc.Reference != "" {
		r.ranks[doc.Reference]++
	}
	if doc.State != Accepted {
		return nil
	}
	parts, p := r.shares(doc, line)
	if p != nil {
		doc.State, doc.Hold = Rejected, nil
		r.row.found = append(r.row.found[:0], found{behindColumns, *p})
		return nil
	}
	if parts == nil && r.m.ranked && doc.Kind == payment.Request {
		return []share{{name: itoa(r.ranks[doc.Reference]), amount: doc.Amount}}
	}
	return parts
}

// compute evaluates the computed fields, each with the ones before it.
func (r *Reading) compute(line int) {
	if r.scope == nil {
		return
	}
	for _, f := range r.m.typed {
		if f.shown {
			r.show(f)
		}
	}
	currency := r.currency()
	for _, f := range r.m.computed {
		if f.set != setCurrency { // that was needed before the amounts were read
			r.computeField(f, &r.row.values[f.index], currency, line)
		}
		if f.shown {
			r.show(f)
		}
	}
}

// currency is that of the row.
func (r *Reading) currency() string {
	if f := r.m.currency; f != nil {
		if v := &r.row.values[f.index]; v.state == present {
			return v.text
		}
	}
	return r.m.Currency
}

// show puts a field's value where expressions find it.
func (r *Reading) show(f *field) {
	r.scope.env[f.name] = r.row.values[f.index].forExpressions(f)
}

// forExpressions is a value as expressions see it: nil where it failed; where it is absent, "" for texts and nil else.
func (v *value) forExpressions(f *field) any {
	switch {
	case v.state == failed, v.state == remainder:
		return nil
	case v.isList:
		list := make([]any, len(v.list))
		for i := range v.list {
			list[i] = v.list[i].forExpressions(f)
		}
		return list
	case v.state == absent && f.agg == aggCollect:
		return []any{}
	case v.state == absent:
		if f.textual() {
			return ""
		}
		return nil
	case v.number != nil:
		return v.number
	case v.amount.Currency != "":
		v.number = numOf(v.amount)
		return v.number
	case v.isBool:
		return v.truth
	}
	return v.text
}

// computeField evaluates one computed field. One that is computed from what failed fails silently: that is told
// already.
func (r *Reading) computeField(f *field, v *value, currency string, line int) {
	for _, name := range f.value.names {
		if g := r.m.byName[name]; g != nil && r.row.values[g.index].state == failed {
			v.state = failed
			return
		}
	}
	result, err := r.scope.run(f.value)
	if err != nil {
		v.state = failed
		r.fail(f, line, "", "NV-1210.field", "field", f.name, "detail.fr", detail(err, "fr"), "detail", detail(err, "en"))
		return
	}
	if list, ok := isList(result); ok && result != nil && f.set == setNothing {
		v.state, v.isList, v.list = present, true, make([]value, len(list))
		for i, item := range list {
			v.list[i].take(item)
		}
		return
	}
	text := trimBlanks(toText(result))
	if result == nil || text == "" {
		if f.fallback != nil {
			text, result = *f.fallback, *f.fallback
		} else {
			if f.required {
				v.state = failed
				r.fail(f, line, "", "NV-1201.missing", "field", f.name)
			}
			return
		}
	}
	v.state = present
	r.convert(f, v, result, text, currency, line)
}

// take holds any result as it is.
func (v *value) take(result any) {
	switch x := result.(type) {
	case nil:
		return
	case bool:
		v.truth, v.isBool, v.text = x, true, toText(x)
	case string:
		v.text = x
	default:
		if n, ok := isNum(x); ok && n != nil {
			v.number = n
		}
		v.text = toText(x)
	}
	v.state = present
}

// convert gives a computed result the field's type.
func (r *Reading) convert(f *field, v *value, result any, text, currency string, line int) {
	switch f.typ {
	case typeAmount:
		n, err := toNum(result)
		if err != nil {
			v.state = failed
			r.fail(f, line, text, "NV-1203.unreadable", "value", r.shown(f, text))
			return
		}
		if n.currency != "" {
			currency = n.currency
		}
		whole, fraction, _ := strings.Cut(n.d.Abs().String(), ".")
		d := digits{negative: n.d.IsNegative(), whole: whole, fraction: fraction}
		a, ft := d.amount(text, currency)
		if ft != nil {
			v.state = failed
			r.failFault(f, line, text, ft)
			return
		}
		v.amount = a
		return
	case typeDecimal, typeInt:
		n, err := toNum(result)
		if err != nil || f.typ == typeInt && !n.d.IsInteger() {
			v.state = failed
			r.fail(f, line, text, "NV-1203.whole", "value", r.shown(f, text))
			return
		}
		v.number = n
		return
	case typeDate:
		if _, ok, err := isoDay(text); !ok || err != nil || len(text) != len("2006-01-02") {
			v.state = failed
			r.fail(f, line, text, "NV-1204.unreadable", "value", r.shown(f, text), "expected.fr", "AAAA-MM-JJ", "expected.en", "YYYY-MM-DD")
			return
		}
		v.text = text
		return
	}
	if f.max > 0 && utf8.RuneCountInString(text) > f.max { // a computed text is cut, never refused
		text = strings.TrimRight(string([]rune(text)[:f.max]), " ")
		result = text
	}
	if f.typ == typeText && f.set == setNothing && f.closed == nil {
		v.take(result)
		if _, isText := result.(string); isText {
			v.text = text
		}
	} else {
		v.text = text
	}
	if !r.check(f, v, line) {
		v.state = failed
		return
	}
	if f.typ != typeText {
		if ft := r.typed(f, text, v, currency); ft != nil {
			v.state = failed
			r.failFault(f, line, text, ft)
		}
	}
}

// describe fills in what is known of a document whatever becomes of it.
func (r *Reading) describe(doc *Document) {
	m := r.m
	doc.Kind = m.onlyKind()
	if v := r.valueOf(m.reference); v != nil {
		doc.Reference = v.text
	}
	if v := r.valueOf(m.amount); v != nil {
		doc.Amount = v.amount
	}
	if v := r.valueOf(m.operation); v != nil {
		doc.Operation = payment.Operation(v.text)
	}
	if v := r.valueOf(m.rowKind); v != nil && m.Kind == KindMixed {
		doc.Kind = payment.Kind(v.text)
	}
	if doc.Kind == payment.Request {
		doc.Operation = ""
	}
}

// valueOf is the value of a field, nil where there is none to be used.
func (r *Reading) valueOf(f *field) *value {
	if f == nil || r.row.values[f.index].state != present {
		return nil
	}
	return &r.row.values[f.index]
}

// applyRules asks the rules in order. The first that skips or rejects decides; the first that holds is remembered,
// since what is known of the reference is asked before it. A row with errors stays rejected: it cannot be left out by
// what was read of it, but what a rule finds wrong is told as well.
func (r *Reading) applyRules(doc *Document, line int) {
	for _, rule := range r.m.rules {
		holds, err := r.scope.holds(rule.when)
		if err != nil {
			if doc.State != Rejected {
				doc.State = Rejected
				p := expressionProblem(line, err)
				p.Rule = rule.id
				r.add(behindColumns, p)
			}
			return
		}
		if !holds {
			continue
		}
		p := Problem{Rule: rule.id, Line: line, Text: rule.text}
		switch rule.do {
		case doWarn:
			p.Code = "NV-1507"
			if doc.State == Accepted {
				r.add(behindColumns+1, p)
			}
			continue
		case doHold:
			if p.Code = "NV-1502"; doc.Hold == nil {
				doc.Hold = &p
			}
			continue
		case doSkip:
			if doc.State == Accepted {
				p.Code = "NV-1503"
				doc.State = Skipped
				r.row.found = append(r.row.found[:0], found{0, p})
			}
		case doReject:
			if doc.State == Accepted { // warnings of a rejected row would be taken for its errors
				r.row.found = r.row.found[:0]
			}
			p.Code = "NV-1501"
			doc.State = Rejected
			r.add(behindColumns, p)
		}
		break
	}
	if doc.State != Accepted {
		doc.Hold = nil
	}
}

// makesSense refuses what no rule decided about and no gateway can mean: nobody to identify it by, no amount.
func (r *Reading) makesSense(doc *Document, line int) {
	before := len(r.row.found)
	need := func(f *field, name string) bool {
		if f == nil || r.row.values[f.index].state == absent || r.row.values[f.index].state == remainder {
			if f == nil {
				r.add(behindColumns, problem(line, "NV-1201.missing", "field", name))
			} else {
				r.fail(f, line, "", "NV-1201.missing", "field", r.label(f))
			}
			return false
		}
		return true
	}
	amount := r.m.amount
	switch doc.Kind {
	case payment.Request:
		need(r.m.reference, "reference")
		if need(amount, "amount") && doc.Amount.Minor <= 0 {
			r.fail(amount, line, doc.Amount.Decimal('.'), "NV-1203.not_positive", "value.fr", r.shown(amount, french(doc.Amount)), "value", r.shown(amount, doc.Amount.String()))
		}
	case payment.Operate:
		if need(r.m.operation, "operation") {
			r.operationMakesSense(doc, amount, line)
		}
	default:
		need(r.m.rowKind, "kind")
	}
	if len(r.row.found) > before {
		doc.State, doc.Hold = Rejected, nil
		r.row.found = slices.DeleteFunc(r.row.found, func(f found) bool { return f.Code == "NV-1507" })
	}
}

func (r *Reading) operationMakesSense(doc *Document, amount *field, line int) {
	if doc.Reference == "" && r.valueOf(r.m.transaction) == nil {
		r.add(behindColumns, problem(line, "NV-1201.target"))
	}
	if amount == nil {
		if doc.Operation == payment.Refund {
			r.add(behindColumns, problem(line, "NV-1201.missing", "field", "amount"))
		}
		return
	}
	state := r.row.values[amount.index].state
	switch {
	case state == absent && doc.Operation == payment.Refund: // the whole remainder must be said
		r.fail(amount, line, "", "NV-1201.refund", "field", r.label(amount))
	case state == remainder && doc.Operation != payment.Refund && doc.Operation != payment.Capture && doc.Operation != payment.Cancel:
		r.fail(amount, line, "", "NV-1201.missing", "field", r.label(amount))
	case state == present && (doc.Amount.Minor < 0 || doc.Amount.Minor == 0 && doc.Operation != payment.Consult):
		r.fail(amount, line, doc.Amount.Decimal('.'), "NV-1203.not_positive", "value.fr", r.shown(amount, french(doc.Amount)), "value", r.shown(amount, doc.Amount.String()))
	}
}

// sortProblems gives a document its problems in column order.
func (r *Reading) sortProblems(doc *Document) {
	if len(r.row.found) == 0 {
		return
	}
	slices.SortStableFunc(r.row.found, func(a, b found) int {
		behind := func(f found) int { return max(0, f.column-behindColumns+2) } // what is no column's comes last
		return cmp.Or(behind(a)-behind(b), a.Line-b.Line, a.column-b.column)
	})
	doc.Problems = make([]Problem, len(r.row.found))
	for i, f := range r.row.found {
		doc.Problems[i] = f.Problem
	}
}

// keepFields keeps what returns may name of a document and its rows.
func (r *Reading) keepFields(rows []Row) []byte {
	k := r.m.keep
	if k == nil {
		return nil
	}
	b := append(r.row.kept[:0], keptVersion)
	for _, f := range k.fields {
		b = appendField(b, f, &r.row.values[f.index])
	}
	if r.gathered != nil {
		b = append(b, r.gathered.cells...)
	} else if len(k.titles) > 0 {
		b = r.keepCells(b, rows[0].Line)
	}
	r.row.kept = b
	return r.keepRaw(b)
}

// keepCells keeps the cells of one row that returns may name.
func (r *Reading) keepCells(b []byte, line int) []byte {
	b = appendUvarint(append(b, keptLine), line)
	for _, i := range r.m.keep.titles {
		b = appendText(appendText(append(b, keptCell), r.m.titles[i].title), r.cell(r.titleAt(i)))
	}
	return b
}

// french writes an amount as French sentences do: -5,00 EUR.
func french(a payment.Amount) string { return strings.Replace(a.String(), ".", ",", 1) }
