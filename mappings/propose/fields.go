package propose

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// makeFields settles the entries of `fields` and what has to be said of each.
func (w *writer) makeFields() {
	w.fields, w.guesses = nil, nil
	if w.d.operation {
		w.operationFields()
		return
	}
	d := w.d
	w.fields = append(w.fields, w.referenceField(true))
	if p := d.role["part"]; p != nil && p.n > 0 && !d.shape.group && !d.shape.rank {
		w.fields = append(w.fields, fieldLine{name: "part", p: p, comment: w.say("propose.part")})
	}
	w.dateField("issued_on", "issued_on")
	w.dateField("due_on", "due_on")
	if d.role["due_on"] == nil {
		w.guess("propose.no_due")
	}
	w.customerFields()
	w.amountFields()
	w.currencyField()
	w.doctypeField()
	w.labelField()
	if p := d.role["shop"]; p != nil && p.n > 0 {
		w.fields = append(w.fields, fieldLine{name: "shop", p: p})
	}
}

func (w *writer) referenceField(required bool) fieldLine {
	d := w.d
	f := fieldLine{name: "reference", p: d.reference()}
	if required {
		f.keys = ", required: true"
	}
	if !d.byWord["reference"] {
		f.confirm = true
		f.comment = w.guess("propose.reference", "column", w.shown(f.p), "example", f.p.example())
	}
	return f
}

// shown names a column for people.
func (w *writer) shown(p *profile) string {
	if p.title == "" {
		return letter(p.at)
	}
	return strings.Join(strings.Fields(p.title), " ")
}

func (w *writer) dateField(name, role string) {
	d := w.d
	p := d.role[role]
	if p == nil || len(d.dates) == 0 {
		return
	}
	f := fieldLine{name: name, p: p, keys: ", type: date"}
	switch {
	case p.n == 0:
	case !d.datesSure || d.yearUnsure(p):
		form, other := d.formOf(p), d.otherForm(p)
		f.confirm = true
		f.comment = w.guess("propose.date.order", "column", w.shown(p), "example", p.first(), "form.fr", people(form, "fr"), "form.en", people(form, "en"),
			"other.fr", people(other, "fr"), "other.en", people(other, "en"))
	case !d.byWord[role]:
		f.confirm = true
		f.comment = w.guess("propose.date.content", "column", w.shown(p), "example", p.first(), "field", name)
	}
	if isLate(p) {
		f.confirm = true
		f.comment = strings.TrimSpace(f.comment + " " + w.guess("propose.date.utc", "column", w.shown(p), "example", p.first()))
	}
	w.fields = append(w.fields, f)
}

// people is a date pattern as people write it: JJ/MM/AAAA, DD/MM/YYYY.
func people(pattern, lang string) string {
	day, year := "DD", "YY"
	if lang == "fr" {
		day, year = "JJ", "AA"
	}
	return strings.NewReplacer("%d", day, "%m", "MM", "%Y", year+year, "%y", year, "%b", "MMM", "%H", "hh", "%I", "hh", "%M", "mm", "%S", "ss", "%f", "000", "%z", "±hh:mm", "%p", "AM/PM").Replace(pattern)
}

func (w *writer) customerFields() {
	d := w.d
	if p := d.role["customer.id"]; p != nil && p.n > 0 {
		w.fields = append(w.fields, fieldLine{name: "customer.id", p: p})
	}
	first, name := d.role["customer.first"], d.role["customer.name"]
	switch {
	case name != nil && name.n > 0 && first != nil && name == d.role["customer.last"]:
		w.fields = append(w.fields, fieldLine{name: "first_name", p: first}, fieldLine{name: "last_name", p: name},
			fieldLine{name: "customer.name", computed: `trim(first_name + " " + last_name)`})
	case name != nil && name.n > 0:
		w.fields = append(w.fields, fieldLine{name: "customer.name", p: name})
	}
	if p := d.role["customer.email"]; p != nil && p.n > 0 {
		w.fields = append(w.fields, fieldLine{name: "customer.email", p: p, keys: ", type: email"})
	}
	if p := d.role["customer.phone"]; p != nil && p.n > 0 && p.phone >= 0.9 {
		w.fields = append(w.fields, fieldLine{name: "customer.phone", p: p, keys: ", type: phone, region: " + d.region()})
	} else if p != nil && p.n > 0 {
		w.fields = append(w.fields, fieldLine{name: "customer.phone", p: p, keys: ", type: phone, region: " + d.region(), comment: w.say("propose.phone")})
	}
	if p := d.role["customer.siren"]; p != nil && p.n > 0 && p.siren > 0.8 && p.length < 12 {
		w.fields = append(w.fields, fieldLine{name: "customer.siren", p: p, keys: ", type: siren"})
	}
}

// region is the country of phone numbers written without one.
func (d *description) region() string {
	for _, p := range d.cols {
		switch strings.ToLower(p.title) {
		case "rechnungsnummer", "fälligkeit", "betrag", "kunde", "kundennummer", "rechnungsdatum", "bruttobetrag":
			return "DE"
		case "factura", "vencimiento", "importe", "cliente":
			return "ES"
		case "fattura", "scadenza", "importo":
			return "IT"
		}
	}
	return "FR"
}

// amountFields writes how the money of a row is read.
func (w *writer) amountFields() {
	d := w.d
	others := w.otherAmounts()
	if d.amountColumn() == nil { // debit and credit stand apart
		w.fields = append(w.fields,
			fieldLine{name: "debit", p: d.role["debit"], keys: `, type: amount, default: "0"` + zero(d.role["debit"]), agg: "sum"},
			fieldLine{name: "credit", p: d.role["credit"], keys: `, type: amount, default: "0"` + zero(d.role["credit"]), agg: "sum"},
			fieldLine{name: "amount", computed: "debit - credit", confirm: true,
				comment: w.guess("propose.amount.entries", "debit", w.shown(d.role["debit"]), "credit", w.shown(d.role["credit"]), "others", others)})
		return
	}
	p, role := d.amountColumn(), d.amountRole()
	keys := ", type: amount" + zero(p)
	if d.implied {
		keys += ", implied: " + strconv.Itoa(d.minor)
	}
	if sign := w.sign(p); sign != "" {
		keys += ", sign: " + sign
	}
	comment := ""
	seen := []string{"column", w.shown(p), "example", p.example(), "others", others, "mark", string(d.decimal), "decimals", strconv.Itoa(d.minor)}
	switch {
	case d.shape.paid:
		comment = w.guess("propose.amount.paid", append(seen, "paid", w.shown(d.role["-amount.paid"]))...)
	case d.shape.taxed:
		comment = w.guess("propose.amount.taxed", append(seen, "tax", w.shown(d.role["-amount.tax"]))...)
	case !d.byWord[role]:
		comment = w.guess("propose.amount.content", seen...)
	case role == "amount.open":
		comment = w.guess("propose.amount.open", seen...)
	case role == "-amount.net":
		comment = w.guess("propose.amount.net", seen...)
	case role == "line.amount":
		comment = w.guess("propose.amount.line", seen...)
	default:
		comment = w.guess("propose.amount.total", seen...)
	}
	switch {
	case d.implied:
		comment += " " + w.guess("propose.amount.implied", seen...)
	case !d.markSure:
		comment += " " + w.guess("propose.amount.mark", seen...)
	}
	if d.shape.repeated {
		comment += " " + w.guess("propose.amount.repeated", seen...)
	}
	agg, required := "same", ", required: true"
	if d.shape.once {
		agg, required = "first", ""
	}
	if d.shape.gaps {
		required = ""
	}
	if d.shape.group && !d.shape.sum && !d.shape.once && d.shape.fill != d.reference() {
		comment += " " + w.guess("propose.amount.same", seen...)
	}
	if d.shape.sum {
		agg = "sum"
		comment += " " + w.guess("propose.amount.sum", seen...)
	}
	if d.shape.paid {
		w.fields = append(w.fields,
			fieldLine{name: "invoiced", p: p, keys: keys + required, agg: agg},
			fieldLine{name: "already_paid", p: d.role["-amount.paid"], keys: `, type: amount, default: "0"` + zero(d.role["-amount.paid"]), agg: agg},
			fieldLine{name: "amount", computed: "invoiced - already_paid", confirm: true, comment: comment})
		return
	}
	if d.shape.taxed {
		w.fields = append(w.fields,
			fieldLine{name: "net", p: p, keys: keys + required, agg: agg},
			fieldLine{name: "tax", p: d.role["-amount.tax"], keys: `, type: amount, default: "0"` + zero(d.role["-amount.tax"]), agg: agg},
			fieldLine{name: "amount", computed: "net + tax", confirm: true, comment: comment})
		return
	}
	w.fields = append(w.fields, fieldLine{name: "amount", p: p, keys: keys + required, comment: comment, confirm: true, agg: agg})
}

// zero lists the cells of a column that mean nothing at all, as the sample has them.
func zero(p *profile) string {
	if p.dashes == 0 {
		return ""
	}
	list := []string{quote("-")}
	for _, c := range p.cells {
		if isDash(c) && !slices.Contains(list, quote(c)) && len(list) < 5 {
			list = append(list, quote(c))
		}
	}
	return ", zero: [" + strings.Join(list, ", ") + "]"
}

// otherAmounts lists the columns of money that were not taken.
func (w *writer) otherAmounts() string {
	var list []string
	for _, p := range w.d.cols {
		if p != w.d.amountColumn() && p.number > 0.7 && (p.decimal > 0.3 || p.numbers.zeros > 0) && p.date < 0.5 && len(list) < 6 {
			list = append(list, w.shown(p))
		}
	}
	if list == nil {
		return w.say("propose.none")
	}
	return strings.Join(list, ", ")
}

// sign is how the sense of an amount is told: by a column, or by a letter glued behind it; "" for neither.
func (w *writer) sign(p *profile) string {
	d := w.d
	if p.at < len(d.t.columns) && d.t.overpunched[d.t.columns[p.at].At-1] {
		return "overpunch"
	}
	if n := p.numbers.suffixes; len(n) > 0 {
		var list []string
		for _, r := range slices.Sorted(maps.Keys(n)) {
			mark := "+"
			if r == 'C' || r == 'H' {
				mark = "-"
			}
			list = append(list, fmt.Sprintf("%c: %q", r, mark))
		}
		for _, pair := range [][2]rune{{'D', 'C'}, {'S', 'H'}} { // the other letter will come
			for i, r := range pair {
				if n[pair[1-i]] > 0 && n[r] == 0 {
					list = append(list, fmt.Sprintf("%c: %q", r, []string{"+", "-"}[i]))
				}
			}
		}
		return "{suffix: {" + strings.Join(list, ", ") + "}}"
	}
	s := d.role["sense"]
	if s == nil || s.n == 0 || p.numbers.negative > 0 || wordShare(s, "debit", "credit") < 0.7 {
		return ""
	}
	var plus, minus []string
	for _, c := range s.cells {
		switch {
		case says("credit", c) && !slices.Contains(minus, quote(c)):
			minus = append(minus, quote(c))
		case says("debit", c) && !slices.Contains(plus, quote(c)):
			plus = append(plus, quote(c))
		}
	}
	for _, pair := range [][2]string{{"D", "C"}, {"S", "H"}, {"+", "-"}, {"d", "c"}, {"Debit", "Credit"}, {"Débit", "Crédit"}, {"Soll", "Haben"}} {
		if slices.Contains(plus, quote(pair[0])) && minus == nil {
			minus = append(minus, quote(pair[1]))
		}
		if slices.Contains(minus, quote(pair[1])) && plus == nil {
			plus = append(plus, quote(pair[0]))
		}
	}
	return fmt.Sprintf("{column: %s, negative: [%s], positive: [%s]}", w.column(s), strings.Join(minus, ", "), strings.Join(plus, ", "))
}

// creditPhrase knows a credit note by a part of what a short cell says: Sales credit note, Facture d'avoir.
var creditPhrase = regexp.MustCompile(`\b(avoirs?|credit ?(note|memo)|(note|nota) (de |di )?credito?|gutschrift|rechnungskorrektur|rectificativa|creditnota)\b`)

func isCredit(c string) bool {
	return says("creditnote", c) || len(c) <= 30 && creditPhrase.MatchString(plain(c))
}

// payments are the words in a column that mean money received, which is asked of nobody.
func payments(p *profile) (list []string) {
	for _, c := range p.values(1000) {
		if says("payment", c) {
			list = append(list, c)
		}
	}
	return list
}

// credits are the words in a column that mean a credit note.
func credits(p *profile) (list, others []string) {
	if p == nil {
		return nil, nil
	}
	letters := p.length <= 1 && slices.Contains(p.cells, "F") && slices.Contains(p.cells, "A") // facture, avoir
	for _, c := range p.cells {
		switch {
		case c == "":
		case isCredit(c) || letters && c == "A":
			if !slices.Contains(list, c) {
				list = append(list, c)
			}
		case !slices.Contains(others, c):
			others = append(others, c)
		}
	}
	return list, others
}

// doctypeField holds the kind of document to the words seen: another one may be a credit note.
func (w *writer) doctypeField() {
	p := w.d.role["doctype"]
	bad, good := credits(p)
	if bad == nil || good == nil || len(good) > 6 || p == w.d.role["operation"] {
		return
	}
	var list []string
	for _, c := range slices.Concat(good, bad) {
		list = append(list, quote(c))
	}
	w.fields = append(w.fields, fieldLine{name: "doctype", p: p, keys: ", enum: [" + strings.Join(list, ", ") + "]", comment: w.say("propose.doctype")})
}

func (w *writer) labelField() {
	d := w.d
	if p := d.role["label"]; p != nil && p.n > 0 && p.filled() > 0.5 && p.length < 120 {
		w.fields = append(w.fields, fieldLine{name: "label", p: p})
		return
	}
	word := "Facture"
	if d.role["reference"] == d.role["reference.order"] {
		word = "Commande"
	}
	if w.d.t.s.opt.Lang != "fr" {
		word = map[string]string{"Facture": "Invoice", "Commande": "Order"}[word]
	}
	w.fields = append(w.fields, fieldLine{name: "label", computed: strconv.Quote(word+" ") + " + reference", comment: w.say("propose.label")})
}

func (w *writer) has(p *profile) bool {
	return slices.ContainsFunc(w.fields, func(f fieldLine) bool { return f.p == p })
}
