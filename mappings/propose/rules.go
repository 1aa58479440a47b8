package propose

import (
	"slices"
	"strconv"
	"strings"
)

// operationFields are those of acts on transactions that exist.
func (w *writer) operationFields() {
	d := w.d
	op := d.role["operation"]
	var pairs, unknown []string
	seen := map[string]bool{}
	for _, c := range op.cells {
		if c == "" || seen[c] {
			continue
		}
		seen[c] = true
		if is := operationOf(c); is != "" {
			pairs = append(pairs, quote(c)+": "+is)
		} else {
			unknown = append(unknown, c)
		}
	}
	comment := w.guess("propose.operation", "column", w.shown(op))
	if unknown != nil {
		comment += " " + w.guess("propose.operation.unknown", "words", strings.Join(unknown[:min(len(unknown), 8)], ", "))
	}
	w.fields = append(w.fields, fieldLine{name: "operation", p: op, keys: ", required: true, map: {" + strings.Join(pairs, ", ") + "}", comment: comment, confirm: true})
	for _, f := range []struct{ name, role, keys string }{{"key", "key", ""}, {"reference", "reference", ""}, {"transaction_id", "transaction_id", ""}} {
		if p := d.role[f.role]; p != nil && p != op && !w.has(p) {
			w.fields = append(w.fields, fieldLine{name: f.name, p: p, keys: f.keys})
		}
	}
	if p := d.amountColumn(); p != nil && p != op {
		keys := ", type: amount"
		args := []string{"column", w.shown(p), "example", p.example(), "others", w.otherAmounts(), "mark", string(d.decimal), "decimals", strconv.Itoa(d.minor)}
		comment := w.guess("propose.amount.operation", args...)
		if d.implied {
			keys += ", implied: " + strconv.Itoa(d.minor)
			comment += " " + w.guess("propose.amount.implied", args...)
		} else if !d.markSure {
			comment += " " + w.guess("propose.amount.mark", args...)
		}
		w.fields = append(w.fields, fieldLine{name: "amount", p: p, keys: keys, comment: comment, confirm: true})
	}
	w.currencyField()
	if p := d.role["date"]; p != nil && p.n > 0 {
		w.dateField("date", "date")
	}
	for _, role := range []string{"reason", "label"} {
		if p := d.role[role]; p != nil && p.n > 0 {
			w.fields = append(w.fields, fieldLine{name: "reason", p: p})
			break
		}
	}
}

// rules writes which documents ask for nothing, and which must not go.
func (w *writer) rules() {
	d := w.d
	text := func(key string) string {
		return "{fr: " + quote(sayIn(key, "fr")) + ", en: " + quote(sayIn(key, "en")) + "}"
	}
	if d.operation {
		w.line("rules:")
		ref, tx := d.reference() != nil, d.role["transaction_id"] != nil && d.role["transaction_id"] != d.reference()
		cond := `(reference ?? "") == ""`
		if ref && tx {
			cond += ` and (transaction_id ?? "") == ""`
		} else if tx {
			cond = `(transaction_id ?? "") == ""`
		}
		w.line("  - {id: target, when: %s, do: reject, message: %s}", single(cond), text("propose.rule.target"))
		if d.amountColumn() != nil {
			w.line("  - {id: negative, when: amount < 0, do: reject, message: %s}", text("propose.rule.negative"))
		}
		return
	}
	w.line("rules:   # %s", w.say("propose.rules"))
	w.currencyRules(text)
	if w.d.shape.doubtful && !w.plain {
		w.remark("  ", w.guess("propose.lines.doubtful"))
		w.line("  - {id: lines, when: %s, do: hold, confirm: true, message: %s}", single(`reference != ""`), text("propose.rule.lines"))
	}
	if !w.plain {
		w.totalRules(text)
		w.documentRules(text)
		w.bareRule(text("propose.rule.bare"))
	}
	w.line("  - {id: credit-note, when: amount < 0, do: skip, message: %s}", text("propose.rule.credit"))
	w.line("  - {id: settled, when: amount == 0, do: skip, message: %s}", text("propose.rule.settled"))
	w.remark("", w.say("propose.channel"))
}

// owed refuses lists of what no customer owes: credit notes, and suppliers' invoices.
func (d *description) owed() error {
	if d.operation {
		return nil
	}
	if ref := d.reference(); ref != nil && creditPhrase.MatchString(strings.Join(words(ref.title), " ")) && ref.likes["reference"] < 80 {
		return refuse("propose.credits_only", "column", ref.title)
	}
	if p := d.role["doctype"]; p != nil {
		if bad, good := credits(p); bad != nil && good == nil {
			return refuse("propose.credits_only", "column", p.title)
		}
	}
	supplier, customer := "", false
	for _, p := range d.cols {
		w := words(p.title)
		switch {
		case slices.ContainsFunc(w, func(s string) bool {
			return slices.Contains([]string{"client", "clients", "customer", "debtor", "kunde", "kunden", "debitor", "cliente", "klant", "tiers"}, s)
		}):
			customer = true
		case slices.ContainsFunc(w, func(s string) bool {
			return slices.Contains([]string{"fournisseur", "fournisseurs", "supplier", "vendor", "lieferant", "kreditor", "proveedor", "fornitore", "leverancier"}, s)
		}) && supplier == "":
			supplier = p.title
		}
	}
	if supplier != "" && !customer && d.t.header >= 0 && d.role["customer.id"] == nil && d.role["customer.name"] == nil {
		return refuse("propose.payables", "column", supplier)
	}
	return nil
}

// documentRules leaves out credit notes and what is paid, void or a draft, as far as a column tells.
func (w *writer) documentRules(text func(string) string) {
	d := w.d
	asked := map[*profile]bool{}
	for i, role := range []string{"doctype", "status", "label"} {
		p := d.role[role]
		if p == nil || asked[p] || role == "label" && p.distinct > 6 {
			continue
		}
		bad, good := credits(p)
		c := w.cell(p)
		if bad == nil || good == nil || c == "" {
			continue
		}
		asked[p] = true
		w.remark("  ", w.guess("propose.credits", "column", w.shown(p), "words", strings.Join(bad, ", ")))
		w.line("  - {id: credit-type%s, when: %s, do: skip, confirm: true, message: %s}", []string{"", "-2", "-3"}[i],
			single("lower(plain("+c+")) in ["+quoted(bad)+"]"), text("propose.rule.credit"))
	}
	if p := d.role["doctype"]; p != nil {
		if list, c := payments(p), w.cell(p); list != nil && c != "" && len(list) < p.distinct {
			w.remark("  ", w.guess("propose.payments", "column", w.shown(p), "words", strings.Join(list[:min(len(list), 8)], ", ")))
			w.line("  - {id: payment, when: %s, do: skip, confirm: true, message: %s}", single("lower(plain("+c+")) in ["+quoted(vocabulary()["payment"])+"]"), text("propose.rule.payment"))
		}
	}
	if p := d.role["doctype"]; p != nil && (wordShare(p, "invoice") > 0 || slices.Contains(p.cells, "FA")) {
		if c := w.cell(p); c != "" && wordShare(p, "nodebt") > 0 {
			w.line("  - {id: no-invoice, when: %s, do: skip, confirm: true, message: %s}", single("lower(plain("+c+")) in ["+quoted(vocabulary()["nodebt"])+"]"), text("propose.rule.no_invoice"))
		}
	}
	if prefix := d.creditPrefix(); prefix != "" {
		w.remark("  ", w.guess("propose.prefix", "prefix", prefix))
		w.line("  - {id: credit-prefix, when: %s, do: skip, confirm: true, message: %s}", single(`reference matches "^`+prefix+`[0-9 ./_-]"`), text("propose.rule.credit"))
	}
	if p := d.paidOn(); p != nil && w.cell(p) != "" && d.amountRole() != "amount.open" && !d.shape.paid {
		w.remark("  ", w.guess("propose.paid_on", "column", w.shown(p)))
		c := w.cell(p)
		w.line("  - {id: paid, when: %s, do: skip, confirm: true, message: %s}", single(c+` != "" and not (`+c+` matches "^[-0 ./:T]*$") and not (left(`+c+`, 10) in [`+quoted(vocabulary()["nodate"])+`])`), text("propose.rule.paid_on"))
	}
	w.flagRules(text)
	for i, p := range d.statuses() {
		c := w.cell(p)
		if c == "" {
			continue
		}
		words := slices.Concat(vocabulary()["paid"], vocabulary()["void"])
		if yesNo(p) {
			words = vocabulary()["yes"]
		}
		w.remark("  ", w.guess("propose.status", "column", w.shown(p), "words", strings.Join(p.values(8), ", ")))
		number := nth(i)
		when := "lower(plain(" + c + ")) in [" + quoted(words) + "]"
		if yesNo(p) {
			w.line("  - {id: status%s, when: %s, do: skip, confirm: true, message: %s}", number, single(when), text("propose.rule.status"))
			continue
		}
		some := `lower(plain(` + c + `)) matches "` + strings.Join(vocabulary()["partial"], "|") + `"`
		when += ` or lower(plain(` + c + `)) matches "` + paidPhrase + `" and not (` + some + `)`
		w.line("  - {id: status%s, when: %s, do: skip, confirm: true, message: %s}", number, single(when), text("propose.rule.status"))
		if role := d.amountRole(); role != "amount.open" && !d.shape.paid && role != "" { // what is left of it is not known
			w.line("  - {id: partial%s, when: %s, do: hold, message: %s}", number, single(some), text("propose.rule.partial"))
		}
		w.line("  - {id: doubt%s, when: %s, do: hold, message: %s}", number, single(`lower(plain(`+c+`)) matches "`+strings.Join(vocabulary()["doubt"], "|")+`"`), text("propose.rule.doubt"))
	}
}

// quoted lists words as an expression compares them.
func quoted(words []string) string {
	var out []string
	for _, c := range words {
		out = append(out, strconv.Quote(plain(c)))
	}
	slices.Sort(out)
	return strings.Join(slices.Compact(out), ", ")
}

// bareRule holds rows that have a number and an amount and nothing else, where the others tell who and when: a sum, a
// count, a balance brought forward.
func (w *writer) bareRule(message string) {
	var texts, dates []string
	columns := map[string]*profile{}
	for _, f := range w.fields {
		if f.p == nil || f.p.n == 0 {
			continue
		}
		switch f.name {
		case "customer.id", "customer.name", "customer.email", "due_on", "issued_on":
			columns[f.name] = f.p
		}
	}
	rows := 0
	filled := map[string]int{}
	for i := range w.d.rows {
		any := false
		for _, p := range columns {
			any = any || p.cells[i] != ""
		}
		if ref := w.d.reference(); !any || ref.cells[i] == "" || w.d.isTotal(i) || w.d.isCount(i) {
			continue
		}
		rows++
		for name, p := range columns {
			if p.cells[i] != "" {
				filled[name]++
			}
		}
	}
	for _, name := range []string{"customer.id", "customer.name", "customer.email", "due_on", "issued_on"} {
		if n := filled[name]; n == 0 || n*10 < rows*9 {
			continue
		}
		if strings.HasPrefix(name, "customer.") && w.d.shape.fill != nil { // taken from the row above, they say nothing
			continue
		}
		if strings.HasPrefix(name, "customer.") {
			texts = append(texts, "("+name+` ?? "") == ""`)
		} else {
			dates = append(dates, name+" == nil")
		}
	}
	if rows > 0 && (len(texts)+len(dates) > 1 || len(dates) > 0 && w.d.shape.fill != nil) {
		w.line("  - {id: bare, when: %s, do: hold, message: %s}", single(strings.Join(append(texts, dates...), " and ")), message)
	}
}

// paidOn is a column that tells when a document was paid, blank where it was not; nil for none.
func (d *description) paidOn() *profile {
	has := func(w []string, any ...string) bool {
		return slices.ContainsFunc(w, func(s string) bool { return slices.Contains(any, s) })
	}
	for _, p := range d.cols {
		w := words(p.title)
		if d.used(p) && p != d.role["-date.other"] || p.filled() > 0.95 || p.n > 0 && p.date < 0.5 && serialShare(p) < 0.8 {
			continue
		}
		if has(w, "reglement", "regle", "reglee", "paiement", "paye", "payee", "paid", "payment", "encaissement", "encaisse", "zahlungsdatum", "bezahlt", "zahlung", "cobro", "pago", "pagamento", "betaald") &&
			dayTitle(p.title) && !has(w, "prevu", "prevue", "limite", "echeance", "due", "expected", "terme", "mode", "promis", "promise") {
			return p
		}
	}
	return nil
}

// dayTitle tells titles that say when.
func dayTitle(title string) bool {
	return slices.ContainsFunc(words(title), func(w string) bool {
		return slices.Contains([]string{"date", "le", "at", "on", "am", "datum", "zahlungsdatum", "fecha", "data"}, w)
	})
}

// statuses are the columns that tell how a document stands, three at most: a payment's status and the document's own may
// stand side by side.
func (d *description) statuses() (list []*profile) {
	if p := d.role["status"]; p != nil && p.n > 0 {
		list = append(list, p)
	}
	for _, p := range d.cols {
		if len(list) > 0 && len(list) < 3 && p.n > 0 && p.likes["status"] >= 60 && p.fits("status") > 0 && !d.used(p) && !d.flagged(p) {
			list = append(list, p)
		}
	}
	if p := d.role["doctype"]; p != nil && slices.ContainsFunc(p.cells, func(c string) bool { // Facture, Avoir, Brouillon
		return (says("void", c) || says("paid", c)) && !isCredit(c) && !says("nodebt", c) && !says("payment", c)
	}) {
		list = append(list, p)
	}
	return list
}

// values lists the different cells of a column, at most so many.
func (p *profile) values(most int) (out []string) {
	for _, c := range p.cells {
		if c != "" && !slices.Contains(out, c) && len(out) < most {
			out = append(out, strings.Join(strings.Fields(c), " "))
		}
	}
	return out
}

// paidPhrase is how a status says paid with more behind it: Payée le 12/11/2026, Paid (card).
const paidPhrase = "^(paye|payee|paid|regle|reglee|soldee?|acquittee?|bezahlt|pagad[oa]|pagat[oa]|cobrad[oa]|betaald|fully paid|paid in full)[ ,;(-]"

// yesNo tells a column that answers "is it paid?".
func yesNo(p *profile) bool {
	for _, c := range p.cells {
		if c != "" && !says("yes", c) && !says("no", c) {
			return false
		}
	}
	return true
}

// creditPrefix is the prefix by which credit notes are told among the references, where their amounts have no sign and
// no column tells them.
func (d *description) creditPrefix() string {
	p, amount := d.reference(), d.amountColumn()
	if p == nil || amount == nil {
		return ""
	}
	for _, prefix := range []string{"AV", "AVO", "AVOIR", "NC", "CN", "GS", "AC", "FAV", "RFAC", "RINV", "CRN", "CM", "A"} {
		own, other, negative := 0, 0, 0
		for i, c := range p.cells {
			head := strings.TrimRight(c, "0123456789 ./_-")
			if j := strings.IndexAny(c, "0123456789./_- "); j >= 0 {
				head = c[:j]
			}
			switch {
			case c == "":
			case head == prefix:
				own++
				if readNumber(amount.cells[i]).negative {
					negative++
				}
			default:
				other++
			}
		}
		if own > 0 && other > own && negative == 0 && (prefix != "A" || own*5 < other && strings.HasPrefix(p.values(1)[0], "F")) {
			return prefix
		}
	}
	return ""
}
