package propose

import (
	"cmp"
	_ "embed" // currencies.yaml
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode"

	"github.com/goccy/go-yaml"

	"github.com/navette-connect/navette/connector/payment"
)

//go:embed currencies.yaml
var currenciesYAML []byte

// currencyName is a currency that a word names; sure is false where other currencies are called so, too.
type currencyName struct {
	code string
	sure bool
}

// currencyNames reads the names of currencies once; the tests hold them.
var currencyNames = sync.OnceValue(func() map[string]currencyName {
	var raw struct{ Sure, Unsure map[string][]string }
	out := map[string]currencyName{}
	if yaml.Unmarshal(currenciesYAML, &raw) != nil {
		return out
	}
	for sure, list := range map[bool]map[string][]string{true: raw.Sure, false: raw.Unsure} {
		for code, names := range list {
			for _, name := range names {
				out[name] = currencyName{code, sure}
			}
		}
	}
	return out
})

// namedCurrency is the currency that a cell names or numbers: Dollar US, 840.
func namedCurrency(cell string) currencyName {
	if named := currencyNames()[cell]; named.code != "" { // numbers
		return named
	}
	return currencyNames()[strings.Join(words(cell), " ")]
}

// isCode3 tells the code of a currency of ISO 4217.
func isCode3(s string) bool {
	_, err := payment.Exponent(strings.ToUpper(s))
	return len(s) == 3 && err == nil
}

// decimalsOf is how many decimals a currency has.
func decimalsOf(code string) int {
	if n, err := payment.Exponent(code); err == nil {
		return n
	}
	return 2
}

// titleCodes are the currencies that a word of a title can mean: ALL, TOP or PEN are currencies, too, and rarely meant.
const titleCodes = " EUR USD GBP CHF CAD JPY AUD NZD SEK NOK DKK ISK PLN CZK HUF RON BGN RSD UAH TRY MAD TND DZD XOF XAF XPF INR CNY HKD SGD TWD KRW THB MYR IDR PHP VND ZAR NGN KES EGP ILS AED SAR QAR KWD BRL MXN ARS CLP COP MUR "

// titleCurrency is the currency that a title gives its column: Amount (NZD), Montant EUR, Total €, Montant (FCFA); no code
// for none.
func titleCurrency(title string) currencyName {
	list := strings.FieldsFunc(title, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	for _, w := range list {
		if len(w) == 3 && strings.Contains(titleCodes, " "+w+" ") {
			return currencyName{w, true}
		}
		if p := plain(w); p == "euro" || p == "euros" {
			return currencyName{"EUR", true}
		}
	}
	if code := signCurrency(title); code != "" {
		return currencyName{code, !strings.Contains(title, "$")}
	}
	for _, n := range []int{3, 2, 1} {
		for i := range max(0, len(list)-n+1) {
			text := strings.Join(list[i:i+n], " ")
			if len(text) < 4 && !unitIn(title, text) || plain(text) == "livre" || plain(text) == "livres" { // Dt éch., montant livré
				continue
			}
			if named := currencyNames()[plain(text)]; named.code != "" && !isDigits(text) {
				return named
			}
		}
	}
	return currencyName{}
}

// unitIn tells letters that stand apart in a title as a unit does: Montant (DH), Montant DT, and not IMPORTO DA SALDARE.
func unitIn(title, unit string) bool {
	if unit != strings.ToUpper(unit) {
		return false
	}
	return strings.Contains(title, "("+unit+")") || strings.Contains(title, "["+unit+"]") || strings.HasSuffix(title, " "+unit) && title != strings.ToUpper(title)
}

func isDigits(s string) bool { return strings.Trim(s, "0123456789") == "" }

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

// inCurrency knows titles of the document's own money beside the house's: Total in Currency Signed, Total en devise signé.
var inCurrency = regexp.MustCompile(`\b(in currency|en devises?)\b`)

// markForeign finds the bookkeeper's own money where a twin column is marked as foreign: Total and Total (FC).
func (d *description) markForeign() {
	foreign := func(p *profile) bool {
		w := words(p.title)
		at := slices.Index(w, "foreign")
		return slices.Contains(w, "fc") || slices.Contains(w, "fcy") || at >= 0 && at+1 < len(w) && w[at+1] == "currency"
	}
	if !slices.ContainsFunc(d.cols, foreign) {
		d.abroad = slices.ContainsFunc(d.cols, func(p *profile) bool { return p.isMoney() && inCurrency.MatchString(strings.Join(words(p.title), " ")) })
		foreign = func(p *profile) bool { return inCurrency.MatchString(strings.Join(words(p.title), " ")) }
		if !d.abroad {
			return
		}
	}
	for _, p := range d.cols {
		if p.number >= 0.6 && p.n > 0 && !foreign(p) {
			p.local = true
		}
	}
}

// findCurrency settles what currency the amounts are in where no column tells it, or where the amount's own title
// contradicts the column: Reste dû EUR beside Devise USD.
func (d *description) findCurrency() {
	p := cmp.Or(d.amountColumn(), d.role["debit"])
	if p == nil {
		return
	}
	title, c := titleCurrency(p.title), d.role["currency"]
	if d.t.header < 0 {
		title = currencyName{}
	}
	if c != nil && title.sure && slices.ContainsFunc(c.cells, func(s string) bool { return currencyIn(s) != "" && currencyIn(s) != title.code }) {
		delete(d.role, "currency")
		c = nil
	}
	if c != nil && c.n > 0 {
		return
	}
	d.unread = nil
	for _, q := range d.cols {
		if q.likes["currency"] >= 80 && q.n > 0 && !d.used(q) && q.decimal < 0.3 && q.date < 0.5 && q.named < 0.6 && !title.sure && d.foreign == nil {
			d.unread = q
		}
	}
	code := d.toldCurrency(p)
	d.dollars = code == "USD" && title.code == "" && besideOf(p) == "" && d.t.headCurrency() == ""
	if d.dollars && slices.ContainsFunc(d.cols, func(p *profile) bool { return canadian.MatchString(plain(p.title)) }) {
		code = "CAD"
	}
	if title.code != "" && !title.sure && code == title.code {
		d.loose = p.title
	}
	if code != "EUR" {
		d.currency = code
	}
}

// toldCurrency is the currency that a column's title, its cells or the lines above the titles tell; "" for none.
func (d *description) toldCurrency(p *profile) string {
	code := ""
	if d.t.header >= 0 {
		code = titleCurrency(p.title).code
	}
	code = cmp.Or(code, besideOf(p), d.t.headCurrency())
	for _, cell := range p.cells {
		code = cmp.Or(code, signCurrency(cell))
	}
	return code
}

// besideOf is the code that stands beside the amounts of a column; "" for none.
func besideOf(p *profile) (code string) {
	for _, cell := range p.cells {
		code = cmp.Or(code, codeBeside(cell))
	}
	return code
}

// minors are the numbers of decimals that the currencies of the amounts have, the most frequent first.
func (d *description) minors() []int {
	p := cmp.Or(d.amountColumn(), d.role["debit"])
	if p == nil {
		return []int{2}
	}
	title := titleCurrency(p.title)
	c := d.role["currency"]
	if c == nil || c.n == 0 || title.sure {
		return []int{decimalsOf(cmp.Or(d.toldCurrency(p), "EUR"))}
	}
	counts := map[int]int{}
	for _, cell := range c.cells {
		if code := currencyIn(cell); code != "" {
			counts[decimalsOf(code)]++
		}
	}
	var list []int
	for n := range counts {
		list = append(list, n)
	}
	if list == nil {
		return []int{2}
	}
	slices.SortFunc(list, func(a, b int) int { return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(b, a)) })
	return list
}

// canadian knows the taxes of Canada.
var canadian = regexp.MustCompile(`\b(tps|tvq|tvh|qst|hst|pst)\b`)

// isCurrency tells a currency's code or sign: what tells a column of currencies by its cells alone.
func isCurrency(s string) bool {
	switch strings.ToUpper(s) {
	case "€", "$", "£", "EURO", "EUROS", "EU", "E":
		return true
	}
	return isCode3(s)
}

// currencyIn is the code of the currency that a cell of a column of currencies names; "" for none.
func currencyIn(cell string) string {
	if isCurrency(cell) {
		return currencyOf(cell)
	}
	return namedCurrency(cell).code
}

// currencyOf is the code of a cell that has a currency's code or sign.
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
