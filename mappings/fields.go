package mappings

import (
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/navette-connect/navette/connector/message"
	"github.com/navette-connect/navette/connector/payment"
)

// readTyped types the fields of a record, the currency first.
func (r *Reading) readTyped(fields []*field, line int, currency string) {
	c := r.m.currency
	late := c != nil && c.columns == nil
	for _, f := range fields {
		if late && f.typ == typeAmount {
			continue
		}
		v := &r.row.values[f.index]
		r.readField(f, v, currency, line)
		if f.set == setCurrency && v.state == present {
			currency = v.text
		}
		if f.set == setCurrency && v.state == failed {
			currency = ""
		}
	}
	if !late {
		return
	}
	currency = r.computeCurrency(c, currency, line)
	for _, f := range fields {
		if f.typ == typeAmount {
			r.readField(f, &r.row.values[f.index], currency, line)
		}
	}
}

// computeCurrency evaluates a computed currency, from a row's texts and cells, before its amounts are read; "" where it
// failed.
func (r *Reading) computeCurrency(c *field, currency string, line int) string {
	for _, name := range c.value.names {
		if f := r.m.byName[name]; f != nil {
			r.show(f)
		}
	}
	v := &r.row.values[c.index]
	r.computeField(c, v, currency, line)
	switch v.state {
	case present:
		return v.text
	case failed:
		return ""
	}
	return currency
}

// readField reads one cell. What is wrong with it is reported, and the value is failed.
func (r *Reading) readField(f *field, v *value, currency string, line int) {
	text := r.cell(r.cols[f.index])
	kind := r.kind(r.cols[f.index])
	if f.names && isRounded(text) && !f.isMissing(text) {
		v.state = failed
		r.fail(f, line, text, "NV-1211.rounded", "field", r.label(f), "value", r.shown(f, text))
		return
	}
	if f.names && f.set != setKey && kind == CellDate && !f.isMissing(text) {
		v.state = failed
		r.fail(f, line, text, "NV-1211.made_date", "field", r.label(f), "value", r.shown(f, text))
		return
	}
	if kind >= CellError && !f.isMissing(text) {
		v.state = failed
		r.failFault(f, line, text, r.noValue(f, kind, text))
		return
	}
	if f.simple && text != "" && (f.max == 0 || len(text) <= f.max) && !f.isMissing(text) { // as most are
		v.state, v.text = present, text
		return
	}
	if !r.m.source.Trim && trimBlanks(text) == "" {
		text = ""
	}
	zero := false
	switch {
	case f.all != nil && slices.ContainsFunc(f.all, func(s string) bool { return strings.EqualFold(s, text) }):
		v.state = remainder
		return
	case f.zero != nil && f.isZero(text):
		text, kind, zero = "0", CellText, true
	case f.isMissing(text):
		kind = CellText
		word, mapped := f.words[""]
		switch {
		case mapped:
			text = word
		case f.fallback != nil:
			text = *f.fallback
		case f.required:
			v.state = failed
			r.fail(f, line, text, "NV-1201.missing", "field", r.label(f))
			return
		default:
			return
		}
		if text == "" {
			return
		}
	case f.words != nil:
		word, ok := f.translate(text)
		if !ok {
			v.state = failed
			r.fail(f, line, text, "NV-1202.unknown", "value", r.shown(f, text), "field", f.name)
			if !f.sensitive {
				r.row.found[len(r.row.found)-1].More = message.New("NV-1202.words", "values", f.listed)
			}
			return
		}
		if text = word; text == "" {
			return
		}
		kind = CellText
	}
	v.text = text
	if !r.check(f, v, line) {
		v.state = failed
	}
	if currency == "" && f.typ == typeAmount { // its currency is not known: neither is its worth
		v.state = failed
		currency = r.m.Currency
	}
	negative := false
	if zero { // a nought has no sign
		plain := *f
		plain.sign, plain.number.suffix, plain.number.overpunch = nil, nil, false
		f = &plain
	}
	if f.sign != nil {
		var ok bool
		if negative, ok = r.signOf(f, line); !ok {
			v.state = failed
		}
	}
	if ft := r.typedCell(kind, f, text, v, currency); ft != nil {
		v.state = failed
		r.failFault(f, line, text, ft)
	}
	if negative && v.state != failed {
		r.negate(f, v, line, text)
	}
	if v.state == absent {
		v.state = present
	}
}

// isZero knows the texts of `zero`, also with the currency's sign beside them, as Excel writes -   €.
func (f *field) isZero(text string) bool {
	if slices.Contains(f.zero, text) {
		return true
	}
	code, rest := currencyAround(trimBlanks(text))
	return code != "" && f.number.signs && slices.Contains(f.zero, trimBlanks(rest))
}

func (f *field) isMissing(text string) bool {
	if text == "" {
		return true
	}
	for _, m := range f.missing {
		if m == text {
			return true
		}
	}
	return false
}

// translate looks a word up in `map`: as written first, then whatever its case.
func (f *field) translate(text string) (string, bool) {
	text = trimBlanks(text)
	if w, ok := f.words[text]; ok {
		return w, true
	}
	w, ok := f.folded[strings.ToLower(text)]
	return w, ok && w != ambiguous
}

// wordList lists the words that a `map` knows, as many as a line holds.
func wordList(words map[string]string) string {
	const most, room = 20, 160
	list, length := slices.Sorted(maps.Keys(words)), 0
	for i, w := range list {
		if length += utf8.RuneCountInString(w) + 2; i == most || length > room {
			return strings.Join(append(list[:i:i], "…"), ", ")
		}
		if w == "" {
			list[i] = `""`
		}
	}
	return strings.Join(list, ", ")
}

// check holds a text against the lists, the pattern and the length that are declared.
func (r *Reading) check(f *field, v *value, line int) bool {
	ok := true
	if f.enum != nil && !slices.Contains(f.enum, v.text) {
		r.fail(f, line, v.text, "NV-1202.list", "value", r.shown(f, v.text), "values", strings.Join(f.enum, ", "))
		return false
	}
	if f.closed != nil && !slices.Contains(f.closed, v.text) {
		r.fail(f, line, v.text, "NV-1202.list", "value", r.shown(f, v.text), "values", strings.Join(f.closed, ", "))
		return false
	}
	if f.set == setCurrency {
		if code := strings.ToUpper(v.text); known(code) {
			v.text = code
		} else {
			r.fail(f, line, v.text, "NV-1202.currency", "value", r.shown(f, v.text))
			return false
		}
	}
	if f.pattern != nil && !f.pattern.MatchString(v.text) {
		ok = false
		r.fail(f, line, v.text, "NV-1209.pattern", "value", r.shown(f, v.text), "pattern", f.pattern.String())
	}
	if f.max > 0 && len(v.text) > f.max && f.columns != nil {
		if n := utf8.RuneCountInString(v.text); n > f.max {
			ok = false
			r.fail(f, line, v.text, "NV-1208.long", "value", clip(r.shown(f, v.text)), "length", itoa(n), "max", itoa(f.max))
		}
	}
	return ok
}

// isRounded tells the 1,2E+11 that a spreadsheet leaves of a long number when it saves its display as text.
func isRounded(s string) bool {
	mantissa, exponent, ok := strings.Cut(s, "E+")
	return ok && exponent != "" && mantissa != "" && strings.Trim(exponent, "0123456789") == "" && strings.Trim(mantissa, "0123456789,.") == "" && mantissa[0] >= '1' && mantissa[0] <= '9' &&
		(len(mantissa) == 1 || len(mantissa) > 2 && (mantissa[1] == ',' || mantissa[1] == '.'))
}

// typed reads a text as the field's type into v; a fault says why it is not of that type.
func (r *Reading) typed(f *field, text string, v *value, currency string) *fault {
	switch f.typ {
	case typeText:
		v.text = text
		if f.set == setCurrency {
			v.text = strings.ToUpper(text)
		}
	case typeAmount:
		a, ft := f.number.amount(trimBlanks(text), currency)
		if ft != nil {
			return ft
		}
		v.amount = a
	case typeDecimal, typeInt:
		d, ft := f.number.number(trimBlanks(text))
		if ft != nil {
			return ft
		}
		if f.typ == typeInt && !d.IsInteger() {
			return faulty("NV-1203.whole", "value", text)
		}
		v.number = &num{d: d}
	case typeDate:
		iso, ft := r.readDate(f.dates, trimBlanks(text))
		if ft != nil {
			return ft
		}
		v.text = iso
	case typeEmail:
		if v.text = trimBlanks(text); !validEmail(v.text) {
			return faulty("NV-1205.invalid", "value", text)
		}
	case typePhone:
		e164, ok := f.region.phone(trimBlanks(text))
		if !ok {
			return faulty("NV-1206.invalid", "value", text)
		}
		v.text = e164
	case typeIBAN:
		s, ok := iban(text)
		if !ok {
			return faulty("NV-1207.invalid", "value", text)
		}
		v.text = s
	case typeSIREN:
		s, ok := siren(text)
		if !ok {
			return faulty("NV-1209.siren", "value", text)
		}
		v.text = s
	case typeBool:
		b, ok := truth(text)
		if !ok {
			return faulty("NV-1202.truth", "value", text)
		}
		v.truth, v.isBool, v.text = b, true, "false"
		if b {
			v.text = "true"
		}
	}
	return nil
}

// truth reads yes and no as people and programs write them.
func truth(s string) (bool, bool) {
	switch strings.ToLower(trimBlanks(s)) {
	case "true", "vrai", "oui", "yes", "o", "y", "1", "x", "ja", "wahr":
		return true, true
	case "false", "faux", "non", "no", "n", "0", "nein", "falsch":
		return false, true
	}
	return false, false
}

// signOf reads the column that tells whether an amount is less than zero.
func (r *Reading) signOf(f *field, line int) (negative, ok bool) {
	letter := trimBlanks(r.cell(r.signs[f.index]))
	same := func(s string) bool { return strings.EqualFold(trimBlanks(s), letter) }
	switch {
	case slices.ContainsFunc(f.sign.negative, same):
		return true, true
	case f.sign.positive == nil, slices.ContainsFunc(f.sign.positive, same):
		return false, true
	}
	column := r.signs[f.index]
	known := slices.Concat(f.sign.positive, f.sign.negative)
	p := problem(line, "NV-1202.sign", "value", letter, "values", strings.Join(known, ", "))
	p.Column, p.Letter, p.Value = r.titleOf(column), letterOf(column), letter
	r.add(column, p)
	return false, false
}

// negate applies the sign column. An amount that has a sign of its own as well is nobody's guess.
func (r *Reading) negate(f *field, v *value, line int, text string) {
	if v.amount.Minor < 0 || v.number != nil && v.number.d.IsNegative() {
		v.state = failed
		r.fail(f, line, text, "NV-1203.two_signs", "value", r.shown(f, text))
		return
	}
	v.amount.Minor = -v.amount.Minor
	if v.number != nil {
		v.number = &num{v.number.d.Neg(), v.number.currency}
	}
}

// label is what a field is called to people: its column's title, else its own name.
func (r *Reading) label(f *field) string {
	if c := r.cols[f.index]; c >= 0 {
		if f.record != nil {
			return f.record.name + "." + f.record.columns[c].Name
		}
		if t := r.titleOf(c); t != "" {
			return t
		}
	}
	return f.name
}

func (r *Reading) titleOf(column int) string {
	if column >= 0 && column < len(r.titles) {
		return trimBlanks(r.titles[column])
	}
	return ""
}

// hidden stands for the value of a sensitive field.
const hidden = "•••"

// shown is a value as messages may tell it.
func (r *Reading) shown(f *field, text string) string {
	if f.sensitive {
		return hidden
	}
	return clip(text)
}

// fail reports what is wrong with a field.
func (r *Reading) fail(f *field, line int, text, key string, args ...string) {
	p := problem(line, key, args...)
	column := r.cols[f.index]
	order := column
	if column >= 0 {
		p.Column, p.Letter = r.titleOf(column), letterOf(column)
		if f.record != nil {
			p.Column = r.label(f)
		}
	} else {
		order = behindColumns - 1
	}
	p.Value = r.shown(f, text)
	r.add(order, p)
}

// failFault reports a fault of a field's type; values of sensitive fields are masked in its sentence too.
func (r *Reading) failFault(f *field, line int, text string, ft *fault) {
	if f.sensitive {
		for i := 0; i+1 < len(ft.args); i += 2 {
			if ft.args[i] == "value" {
				ft.args[i+1] = hidden
			}
		}
	}
	r.fail(f, line, text, ft.key, ft.args...)
}

// asAmount is a value as an amount of money; zero where it is none.
func (v *value) asAmount() payment.Amount {
	if v.state != present {
		return payment.Amount{}
	}
	return v.amount
}
