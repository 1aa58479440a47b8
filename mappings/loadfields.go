package mappings

import (
	"cmp"
	"regexp"
	"slices"
	"strings"

	"github.com/navette-connect/navette/connector/payment"
)

// setter says where a canonical field goes in an instruction.
type setter int

const (
	setNothing setter = iota
	setReference
	setPart
	setAmount
	setCurrency
	setDueOn
	setIssuedOn
	setExpiresOn
	setLabel
	setChannel
	setMethod
	setShop
	setCustomerID
	setCustomerName
	setCustomerEmail
	setCustomerPhone
	setCustomerLanguage
	setCustomerSIREN
	setAddress
	setCaptureMode
	setCaptureDelay
	setScheduleOn
	setScheduleDue
	setOperation
	setTransaction
	setKey
	setDate
	setReason
	setKind
	setMetadata
)

// canon is one canonical name: where it goes, and the type that it must have.
type canon struct {
	name   string
	set    setter
	typ    fieldType
	closed []string // the only values it may have
}

// canonicalFields are the names of the contract, §4; `customer.address.*` and `metadata.*` come beside them.
func canonicalFields() []canon {
	ops := make([]string, len(payment.Operations))
	for i, o := range payment.Operations {
		ops[i] = string(o)
	}
	return []canon{
		{"reference", setReference, typeText, nil}, {"part", setPart, typeText, nil}, {"amount", setAmount, typeAmount, nil},
		{"currency", setCurrency, typeText, nil}, {"due_on", setDueOn, typeDate, nil}, {"issued_on", setIssuedOn, typeDate, nil},
		{"expires_on", setExpiresOn, typeDate, nil}, {"label", setLabel, typeText, nil},
		{"channel", setChannel, typeText, []string{"email", "sms", "link", "none"}}, {"method", setMethod, typeText, nil}, {"shop", setShop, typeText, nil},
		{"customer.id", setCustomerID, typeText, nil}, {"customer.name", setCustomerName, typeText, nil}, {"customer.email", setCustomerEmail, typeText, nil},
		{"customer.phone", setCustomerPhone, typeText, nil}, {"customer.language", setCustomerLanguage, typeText, nil}, {"customer.siren", setCustomerSIREN, typeText, nil},
		{"capture.mode", setCaptureMode, typeText, []string{"immediate", "deferred", "manual"}}, {"capture.delay_days", setCaptureDelay, typeInt, nil},
		{"schedule.on", setScheduleOn, typeDate, nil}, {"schedule.due", setScheduleDue, typeAmount, nil},
		{"operation", setOperation, typeText, ops}, {"transaction_id", setTransaction, typeText, nil}, {"key", setKey, typeText, nil},
		{"date", setDate, typeDate, nil}, {"reason", setReason, typeText, nil}, {"kind", setKind, typeText, []string{"request", "operation"}},
	}
}

var (
	fieldName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*$`)
	reserved  = []string{"row", "line", "file", "event", "status", "code", "message", "trailer", "true", "false", "nil", "not", "and", "or", "in", "let"}
)

var fieldKeys = []string{"name", "column", "type", "required", "default", "missing", "map", "enum", "pattern", "max", "implied", "sign", "all", "zero",
	"dates", "region", "agg", "separator", "value", "sensitive"}

// fields reads the section `fields`.
func (l *loader) fields(top object) {
	m := l.m
	list := top.list("fields")
	if len(list) == 0 {
		l.p.add(top.at("fields"), "NV-4003.missing", "key", "fields")
		return
	}
	for _, n := range list {
		o := l.object(n, "fields", fieldKeys...)
		if o.n == nil {
			continue
		}
		name := o.text("name", "")
		for i := range m.confirm { // say which field
			m.confirm[i] = strings.Replace(m.confirm[i], "fields (", "fields."+name+" (", 1)
		}
		f := l.field(o, name)
		if f == nil {
			continue
		}
		f.index = len(m.fields)
		m.fields = append(m.fields, f)
		m.byName[f.name] = f
		if f.columns == nil {
			m.computed = append(m.computed, f)
			l.values = append(l.values, o.get("value"))
		} else {
			m.typed = append(m.typed, f)
		}
	}
	slices.SortStableFunc(m.typed, func(a, b *field) int { // amounts need it
		return rank(a) - rank(b)
	})
	for _, f := range m.fields {
		f.simple = f.typ == typeText && f.set != setCurrency && f.words == nil && f.enum == nil && f.closed == nil && f.pattern == nil &&
			f.all == nil && f.zero == nil && m.source.Trim
		f.names = f.typ == typeText && slices.Contains([]setter{setReference, setTransaction, setKey, setCustomerID}, f.set)
		switch f.set {
		case setNothing, setReference, setAmount, setCurrency, setOperation, setKind: // told by the document
		default:
			m.known = append(m.known, f)
		}
		if f.set == setMetadata {
			m.pairs++
		} else if f.set == setAddress {
			m.address++
		}
	}
	slices.SortStableFunc(m.known, func(a, b *field) int { // metadata is sorted once, here
		if a.set == setMetadata && b.set == setMetadata {
			return strings.Compare(a.key, b.key)
		}
		return cmp.Compare(a.set, b.set)
	})
	m.reference, m.amount, m.currency = m.byName["reference"], m.byName["amount"], m.byName["currency"]
	m.operation, m.rowKind, m.transaction = m.byName["operation"], m.byName["kind"], m.byName["transaction_id"]
	for _, f := range m.typed {
		if f.record != nil {
			f.record.fields = append(f.record.fields, f)
		}
	}
}

func rank(f *field) int {
	if f.set == setCurrency {
		return 0
	}
	return 1
}

// field reads one entry; nil where it has no usable name.
func (l *loader) field(o object, name string) *field {
	m := l.m
	f := &field{at: o.at("name"), name: name, number: m.number, dates: m.dates, missing: m.source.Missing}
	if !fieldName.MatchString(name) || slices.Contains(reserved, strings.SplitN(name, ".", 2)[0]) {
		l.p.add(o.at("name"), "NV-4020.field_name", "name", name)
		return nil
	}
	if m.byName[name] != nil {
		l.p.add(o.at("name"), "NV-4020.field_twice", "name", name)
		return nil
	}
	l.canonical(f)
	l.fieldType(f, o)
	if o.get("column") != nil && o.get("value") != nil {
		l.p.add(o.at("value"), "NV-4020.column_or_value", "name", name)
	}
	for _, n := range o.list("column") {
		if ref, ok := l.column(n); ok {
			f.columns = append(f.columns, ref)
		}
	}
	if f.columns == nil && o.get("value") == nil {
		if o.get("column") == nil {
			l.p.add(o.n.pos, "NV-4020.no_value", "name", name)
		}
		return nil
	}
	f.required = o.boolean("required", false)
	f.sensitive = o.boolean("sensitive", false)
	if o.get("missing") != nil {
		f.missing = o.texts("missing")
	}
	f.enum = o.texts("enum")
	f.pattern = o.regexp("pattern")
	f.max = o.number("max", 0, 1, 1<<20)
	f.all, f.zero = o.texts("all"), o.texts("zero")
	if o.get("dates") != nil {
		f.dates = o.dates("dates")
	}
	l.words(f, o)
	l.numbers(f, o)
	f.agg = aggregate(max(0, slices.Index(aggregates, o.oneOf("agg", "", aggregates[1:]...))))
	f.separator = o.text("separator", ", ")
	l.recordOfField(f)
	if f.typ == typeDate && len(f.dates) == 0 && f.columns != nil && o.get("dates") == nil {
		l.p.add(f.at, "NV-4020.no_dates", "name", name)
	}
	if slices.ContainsFunc(f.dates, func(d dateFormat) bool { return d.noYear }) && m.year == nil && f.typ == typeDate {
		l.p.add(f.at, "NV-4020.no_year", "name", name)
	}
	if r := o.get("region"); r != nil {
		var ok bool
		if f.region, ok = regionOf(r.text); !ok {
			l.p.add(r.pos, "NV-4004.value", "key", "region", "value", r.text, "expected", "FR, BE, CH, DE, ES, IT, GB…")
		}
	}
	l.fallback(f, o)
	return f
}

// recordOfField finds the one type of record that a field is read from.
func (l *loader) recordOfField(f *field) {
	for i, c := range f.columns {
		if i == 0 {
			f.record = c.record
		}
		if c.record != f.record || l.m.records != nil && c.record == nil {
			l.p.add(f.at, "NV-4020.record_column", "name", f.name)
			return
		}
	}
	if f.sign != nil && f.sign.column.record != f.record {
		l.p.add(f.at, "NV-4020.record_column", "name", f.name)
	}
}

// nominals checks computed names that only lists can have.
func (l *loader) nominals() {
	for _, f := range l.m.computed {
		if f.set == setScheduleOn || f.set == setScheduleDue {
			l.p.add(f.at, "NV-4020.agg_type", "name", f.name, "agg", "value")
		}
	}
}

// canonical finds what a name is known for.
func (l *loader) canonical(f *field) {
	if key, ok := strings.CutPrefix(f.name, "metadata."); ok {
		f.set, f.key = setMetadata, key
		return
	}
	if key, ok := strings.CutPrefix(f.name, "customer.address."); ok {
		f.set, f.key = setAddress, key
		return
	}
	var names []string
	for _, c := range canonicalFields() {
		if c.name == f.name {
			f.set, f.typ, f.closed = c.set, c.typ, c.closed
			return
		}
		names = append(names, c.name)
	}
	// One's own names are free, but not among those of the product: customer.emial would be lost.
	if head, _, dotted := strings.Cut(f.name, "."); dotted && slices.Contains([]string{"customer", "capture", "schedule"}, head) {
		if near := nearest(f.name, names); near != "" {
			l.p.add(f.at, "NV-4020.field_nearest", "name", f.name, "nearest", near)
		} else {
			l.p.add(f.at, "NV-4020.field_unknown", "name", f.name, "family", head)
		}
	}
}

// fieldType reads `type`, which must agree with what the product takes under that name.
func (l *loader) fieldType(f *field, o object) {
	names := []string{"text", "amount", "decimal", "int", "date", "email", "phone", "iban", "siren", "bool"}
	if o.get("type") == nil {
		return
	}
	i := slices.Index(names, o.oneOf("type", "", names...))
	if i < 0 {
		return
	}
	t := fieldType(i)
	textual := t == typeText || t == typeEmail || t == typePhone || t == typeIBAN || t == typeSIREN
	if f.set != setNothing && f.set != setMetadata && f.set != setAddress && t != f.typ && !(f.typ == typeText && textual) {
		l.p.add(o.at("type"), "NV-4020.field_type", "name", f.name, "type", names[f.typ])
		return
	}
	f.typ = t
}

// words reads `map`.
func (l *loader) words(f *field, o object) {
	n := o.get("map")
	if n == nil {
		return
	}
	if n.kind != mapNode {
		o.shape(n, "map", "des paires", "pairs")
		return
	}
	f.words, f.folded = map[string]string{}, map[string]string{}
	for i, k := range n.keys {
		v := n.items[i]
		if v.kind != scalarNode && v.kind != nullNode {
			o.shape(v, k.text, "un texte", "a text")
			continue
		}
		key := trimBlanks(k.text)
		f.words[key] = v.text
		low := strings.ToLower(key)
		if old, there := f.folded[low]; there && old != v.text {
			f.folded[low] = ambiguous // two spellings with two meanings: only the exact ones are read
			continue
		}
		f.folded[low] = v.text
	}
	f.listed = wordList(f.words)
}

// ambiguous marks a word whose small letters have two translations.
const ambiguous = "\x00"

// numbers reads what only amounts and numbers have.
func (l *loader) numbers(f *field, o object) {
	isNumber := f.typ == typeAmount || f.typ == typeDecimal || f.typ == typeInt
	for _, key := range []string{"implied", "sign", "all", "zero"} {
		if n := o.get(key); n != nil && (!isNumber || key == "all" && f.typ != typeAmount) {
			l.p.add(n.pos, "NV-4020.numbers_only", "key", key, "name", f.name)
		}
	}
	if o.get("implied") != nil {
		f.number.implied = o.number("implied", 0, 0, 6)
	}
	n := o.get("sign")
	switch {
	case n == nil:
	case n.kind == scalarNode && n.text == "overpunch":
		f.number.overpunch = true
	case n.kind == mapNode:
		l.sign(f, l.object(n, "fields.sign", "column", "negative", "positive", "suffix"))
	default:
		l.p.add(n.pos, "NV-4004.value", "key", "sign", "value", n.text, "expected", "{column: …, negative: […]}, {suffix: {…}}, overpunch")
	}
}

func (l *loader) sign(f *field, o object) {
	if n := o.get("suffix"); n != nil {
		f.number.suffix = map[rune]bool{}
		for i, k := range n.keys {
			letter := []rune(k.text)
			if v := n.items[i].text; len(letter) == 1 && (v == "+" || v == "-") {
				f.number.suffix[letter[0]] = v == "-"
				continue
			}
			l.p.add(k.pos, "NV-4004.value", "key", "suffix", "value", k.text+": "+n.items[i].text, "expected", `{D: "+", C: "-"}`)
		}
		if len(n.keys) == 0 {
			o.shape(n, "suffix", "des lettres", "letters")
		}
	}
	if n := o.get("column"); n != nil {
		ref, _ := l.column(n)
		f.sign = &signColumn{column: ref, negative: o.texts("negative"), positive: o.texts("positive")}
		if len(f.sign.negative) == 0 {
			l.p.add(n.pos, "NV-4003.missing", "key", "sign.negative")
		}
		for _, s := range f.sign.negative {
			if slices.Contains(f.sign.positive, s) {
				l.p.add(n.pos, "NV-4020.sign_both", "letter", s)
			}
		}
		if f.number.suffix != nil {
			l.p.add(n.pos, "NV-4004.together", "key", "column", "other", "suffix")
		}
	} else if f.number.suffix == nil {
		l.p.add(o.n.pos, "NV-4003.missing", "key", "sign.column")
	}
}

// fallback reads `default`: a text that stands for an empty cell, as `map` would give it.
func (l *loader) fallback(f *field, o object) {
	n := o.get("default")
	if n == nil {
		return
	}
	if n.kind != scalarNode {
		o.shape(n, "default", "un texte", "a text")
		return
	}
	text := n.text
	if v, ok := f.words[text]; ok {
		text = v
	}
	f.fallback = &text
	if f.closed != nil && !slices.Contains(f.closed, text) {
		l.p.add(n.pos, "NV-4004.one_of", "key", "default", "value", text, "values", strings.Join(f.closed, ", "))
	}
	if f.columns == nil {
		return
	}
	r := &Reading{m: l.m}
	var v value
	if ft := r.typed(f, text, &v, l.m.Currency); ft != nil {
		l.p.add(n.pos, "NV-4020.default", "name", f.name, "value", text)
	}
}

// compute compiles the values of computed fields: each sees every source field and the computed ones before it.
func (l *loader) compute() {
	m := l.m
	values := l.values
	spec := &scopeSpec{names: map[string]nominal{"line": numberType}, titles: true, later: map[string]string{}}
	for _, f := range m.typed {
		spec.names[f.name] = f.nominal()
	}
	for _, f := range m.computed {
		spec.later[f.name] = "NV-4021.defined_later"
	}
	for i, f := range m.computed {
		f.value = l.c.compile(values[i], spec, f.wants())
		delete(spec.later, f.name)
		spec.names[f.name] = anyType
		if f.value != nil {
			spec.names[f.name] = f.value.result
			if f.typ != typeText || f.set != setNothing {
				spec.names[f.name] = f.nominal()
			}
			if f.set == setCurrency {
				l.currencyFirst(f)
			}
		}
	}
}

// currencyFirst holds a computed currency to names that are known before amounts are read.
func (l *loader) currencyFirst(f *field) {
	f.agg = aggSame // of rows that come together
	if l.m.records != nil {
		l.p.add(f.value.at, "NV-4020.together", "key", "fields.currency.value", "other", "records")
	}
	for _, name := range f.value.names {
		if g := l.m.byName[name]; g != nil && (g.columns == nil || g.typ == typeAmount) {
			l.p.add(f.value.at, "NV-4020.currency", "name", name)
		}
	}
}

// nominal is the field's type as expressions are checked with it.
func (f *field) nominal() nominal {
	number := f.typ == typeAmount || f.typ == typeDecimal || f.typ == typeInt
	switch {
	case f.agg == aggCollect && number:
		return numberList
	case f.agg == aggCollect:
		return textList
	case f.agg == aggJoin:
		return textType
	case number:
		return numberType
	}
	switch f.typ {
	case typeBool:
		return boolType
	}
	return textType
}

// wants is what a computed field's expression must give.
func (f *field) wants() nominal {
	if f.set == setNothing && f.typ == typeText || f.set == setMetadata || f.set == setAddress {
		return anyType
	}
	return f.nominal()
}

// needed holds the mapping to the fields without which its kind makes no sense.
func (l *loader) needed(top object) {
	m := l.m
	need := func(names ...string) {
		for _, name := range names {
			if m.byName[name] == nil {
				l.p.add(top.at("fields"), "NV-4020.field_missing", "name", name, "kind", string(m.Kind))
			}
		}
	}
	switch m.Kind {
	case KindRequest:
		need("reference", "amount")
	case KindOperation:
		need("operation")
	case KindMixed:
		need("kind", "operation", "reference", "amount")
	}
	if m.Kind != KindRequest && m.byName["reference"] == nil && m.byName["transaction_id"] == nil {
		need("reference")
	}
}
