package propose

import (
	"cmp"
	"math/big"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/navette-connect/navette/connector/payment"
)

// isCode3 tells the code of a currency of ISO 4217.
func isCode3(s string) bool {
	_, err := payment.Exponent(strings.ToUpper(s))
	return len(s) == 3 && err == nil
}

// titleCodes are the currencies that a word of a title can mean: ALL, TOP or PEN are currencies, too, and rarely meant.
const titleCodes = " EUR USD GBP CHF CAD JPY AUD NZD SEK NOK DKK ISK PLN CZK HUF RON BGN RSD UAH TRY MAD TND DZD XOF XAF XPF INR CNY HKD SGD TWD KRW THB MYR IDR PHP VND ZAR NGN KES EGP ILS AED SAR QAR KWD BRL MXN ARS CLP COP MUR "

// titleCurrency is the currency that a title gives its column: Amount (NZD), Montant EUR, Total €; "" for none.
func titleCurrency(title string) string {
	for _, w := range strings.FieldsFunc(title, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
		if len(w) == 3 && strings.Contains(titleCodes, " "+w+" ") {
			return w
		}
		if p := plain(w); p == "euro" || p == "euros" {
			return "EUR"
		}
	}
	return signCurrency(title)
}

// signCurrency is the currency of the sign in a text; "" for none, or for dollars of who knows where.
func signCurrency(s string) string {
	switch i := strings.IndexByte(s, '$'); {
	case i > 0 && unicode.IsLetter(rune(s[i-1])): // C$, R$
		return ""
	case i >= 0:
		return "USD"
	case strings.Contains(s, "€"):
		return "EUR"
	case strings.Contains(s, "£"):
		return "GBP"
	}
	return ""
}

// headCurrency finds the currency that the lines above the titles tell: Currency: USD, Montants en CHF.
func (t *table) headCurrency() string {
	for _, r := range t.records[:max(t.header, 0)] {
		text := strings.Join(r.cells, " ")
		if g := headLine.FindStringSubmatch(text); g != nil {
			code := strings.ToUpper(cmp.Or(g[1], g[2]))
			if isCode3(code) && strings.Contains(titleCodes, " "+code+" ") {
				return code
			}
		}
	}
	return ""
}

var headLine = regexp.MustCompile(`(?i)\b(?:currency|devise|monnaie|w[äa]hrung|waehrung|moneda|divisa|valuta)\b\W*([A-Z]{3})\b|\b(?:amounts?|montants?|betr[äa]ge|importes|importi)\b.*\b(?:in|en)\s+([A-Z]{3})\b`)

// markForeign finds the bookkeeper's own money where a twin column is marked as foreign: Total and Total (FC).
func (d *description) markForeign() {
	foreign := func(p *profile) bool {
		w := words(p.title)
		at := slices.Index(w, "foreign")
		return slices.Contains(w, "fc") || slices.Contains(w, "fcy") || at >= 0 && at+1 < len(w) && w[at+1] == "currency"
	}
	if !slices.ContainsFunc(d.cols, foreign) {
		return
	}
	for _, p := range d.cols {
		if p.number >= 0.6 && p.n > 0 && !foreign(p) {
			p.local = true
		}
	}
}

// pairCurrency sees to it that an amount of the bookkeeper's own money is not read in the document's currency, nor the
// other way round, where the file has a column of currencies for each.
func (d *description) pairCurrency() {
	amount, c := d.amountColumn(), d.role["currency"]
	if amount == nil || c == nil || amount.local == c.local {
		return
	}
	for _, p := range d.cols {
		if p.local == amount.local && p.currency >= 0.6 && p.n > 0 && (p == c || !d.used(p)) {
			d.role["currency"] = p
			return
		}
	}
	if amount.local {
		delete(d.role, "currency")
	}
}

// findCurrency settles what currency the amounts are in where no column tells it, or where the amount's own title
// contradicts the column: Reste dû EUR beside Devise USD.
func (d *description) findCurrency() {
	p := cmp.Or(d.amountColumn(), d.role["debit"])
	if p == nil {
		return
	}
	code, c := titleCurrency(p.title), d.role["currency"]
	if d.t.header < 0 {
		code = ""
	}
	if c != nil && code != "" && slices.ContainsFunc(c.cells, func(s string) bool { return isCurrency(s) && currencyOf(s) != code }) {
		delete(d.role, "currency")
		c = nil
	}
	if c != nil && c.n > 0 {
		return
	}
	for _, cell := range p.cells {
		if code == "" {
			code = codeBeside(cell)
		}
	}
	if code == "" {
		code = d.t.headCurrency()
	}
	for _, cell := range p.cells {
		if code == "" {
			code = signCurrency(cell)
			d.dollars = code == "USD"
		}
	}
	if d.dollars && slices.ContainsFunc(d.cols, func(p *profile) bool { return canadian.MatchString(plain(p.title)) }) {
		code = "CAD"
	}
	if code != "EUR" {
		d.currency = code
	}
}

// canadian knows the taxes of Canada.
var canadian = regexp.MustCompile(`\b(tps|tvq|tvh|qst|hst|pst)\b`)

// currencyOf is the code of a cell that names a currency.
func currencyOf(cell string) string {
	switch code := strings.ToUpper(cell); code {
	case "€", "EURO", "EUROS", "EU", "E":
		return "EUR"
	case "$":
		return "USD"
	case "£":
		return "GBP"
	default:
		return code
	}
}

// codeBeside is the code that stands beside an amount: CHF 120.00, 120,00 EUR.
func codeBeside(cell string) string {
	for _, w := range strings.FieldsFunc(cell, func(r rune) bool { return !unicode.IsLetter(r) }) {
		if isCode3(w) && strings.Contains(titleCodes, " "+strings.ToUpper(w)+" ") {
			return strings.ToUpper(w)
		}
	}
	return ""
}

// worth is the number that a cell holds; nil for none. Where one mark may be either, it is what it is in the whole file.
func (d *description) worth(cell string) *big.Rat {
	n := readNumber(cell)
	if !n.ok {
		return nil
	}
	mark := n.decimal
	if n.unsure && mark != d.decimal {
		mark = 0
	}
	body := strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return r
		}
		if r == mark {
			return '.'
		}
		return -1
	}, cell)
	v, ok := new(big.Rat).SetString(body)
	if !ok {
		return nil
	}
	if n.negative {
		v.Neg(v)
	}
	return v
}

// isTax tells whether b could be the tax on a in every row, and g, unless nil, the two together.
func (d *description) isTax(a, b, g *profile) bool {
	least, most := big.NewRat(15, 1000), big.NewRat(28, 100) // rates of value added tax
	taxed := 0
	for i := range a.cells {
		x, y := d.worth(a.cells[i]), d.worth(b.cells[i])
		if x == nil || d.isTotal(i) {
			continue
		}
		if y == nil {
			y = new(big.Rat)
		}
		if g != nil {
			z := d.worth(g.cells[i])
			if z == nil || new(big.Rat).Add(x, y).Cmp(z) != 0 {
				return false
			}
		}
		if y.Sign() == 0 {
			continue
		}
		if x.Sign() == 0 {
			return false
		}
		rate := new(big.Rat).Quo(y, x)
		if rate.Cmp(least) < 0 || rate.Cmp(most) > 0 {
			return false
		}
		taxed++
	}
	return taxed > 0
}

// isMoney tells columns that may hold money.
func (p *profile) isMoney() bool {
	return p.n > 0 && p.number >= 0.6 && p.date < 0.5 && !p.percent
}

// findGross takes the total with tax where what was found is without: the figures themselves tell, whatever the titles
// say. Where there is no such column, net and tax are added up.
func (d *description) findGross() {
	role, a := d.amountRole(), d.amountColumn()
	if a == nil || d.operation || role == "amount.open" || role == "line.amount" {
		return
	}
	for _, w := range words(a.title) {
		if slices.Contains([]string{"ttc", "brutto", "bruttobetrag", "gross", "incl", "including", "inclus"}, w) && d.byWord[role] {
			return
		}
	}
	var tax, gross *profile
	for _, b := range d.cols {
		if b == a || !b.isMoney() || b.likes["-amount.paid"] >= 60 {
			continue
		}
		for _, g := range d.cols {
			if g != a && g != b && g.isMoney() && d.isTax(a, b, g) && (tax == nil || b.likes["-amount.tax"] > tax.likes["-amount.tax"]) {
				tax, gross = b, g
			}
		}
	}
	if gross != nil {
		for _, r := range []string{role, "amount.any"} {
			if d.role[r] == a {
				delete(d.role, r)
			}
		}
		for r, p := range d.role {
			if p == gross {
				delete(d.role, r)
			}
		}
		d.role["amount.gross"], d.byWord["amount.gross"] = gross, false
		d.role["-amount.net"], d.role["-amount.tax"] = a, tax
		return
	}
	if role != "-amount.net" || !d.byWord[role] {
		return
	}
	for _, b := range d.cols {
		if b != a && b.isMoney() && b.likes["-amount.tax"] >= 60 && d.isTax(a, b, nil) {
			d.role["-amount.tax"], d.shape.taxed = b, true
			return
		}
	}
}

// checkOpen gives up a balance that is the customer's and not the document's: the same in each of its documents, and more
// than some of them come to.
func (d *description) checkOpen() {
	open, total := d.role["amount.open"], cmp.Or(d.role["amount.gross"], d.role["amount.any"])
	who := cmp.Or(d.role["customer.id"], d.role["customer.name"])
	ref := d.reference()
	if open == nil || total == nil || who == nil || ref == nil || !total.isMoney() || total.local != open.local || d.operation {
		return
	}
	balance, seen, beyond := map[string]string{}, map[string]bool{}, false
	for i, c := range who.cells {
		x, y := d.worth(open.cells[i]), d.worth(total.cells[i])
		if c == "" || x == nil || y == nil || ref.cells[i] == "" {
			continue
		}
		if b, known := balance[c]; known && b != open.cells[i] || seen[ref.cells[i]] {
			return
		}
		balance[c], seen[ref.cells[i]] = open.cells[i], true
		beyond = beyond || x.Cmp(y) > 0
	}
	if beyond {
		delete(d.role, "amount.open")
	}
}
