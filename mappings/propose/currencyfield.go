package propose

import (
	"maps"
	"slices"
	"strings"
)

// currencyGuessed tells a file whose currency a person has to look at.
func (d *description) currencyGuessed() bool {
	return d.dollars || d.loose != "" || d.unread != nil
}

// currencyField writes the column of currencies: words that are no codes are translated, and unknown ones reject their
// rows. Without a column a guess at the file's currency is a field, which can carry the mark.
func (w *writer) currencyField() {
	d := w.d
	p := d.role["currency"]
	if p == nil || p.n == 0 {
		if p = d.blankCurrency(); p == nil {
			w.currencyGuess()
			return
		}
	}
	f := fieldLine{name: "currency", p: p, keys: ", default: EUR"}
	pairs := map[string]string{}
	odd, blank := false, false
	var unknown []string
	for i, c := range p.cells {
		ref := d.reference()
		switch code := currencyIn(c); {
		case c == "":
			blank = blank || ref != nil && ref.cells[i] != "" && !d.isTotal(i)
		case code != "":
			pairs[c] = code
			odd = odd || code != strings.ToUpper(c)
			if name := namedCurrency(c); !isCurrency(c) && !name.sure {
				f.comment = w.guess("propose.currency.loose", "name", c, "currency", code)
			}
		case !slices.Contains(unknown, c) && !says("missing", c):
			unknown = append(unknown, c)
		}
	}
	if odd {
		pairs["EUR"] = "EUR"
		var list []string
		for _, k := range slices.Sorted(maps.Keys(pairs)) {
			list = append(list, quote(k)+": "+pairs[k])
		}
		f.keys += ", map: {" + strings.Join(list, ", ") + "}"
	}
	add := func(text string) { f.comment = strings.TrimSpace(f.comment + " " + text) }
	if unknown != nil {
		add(w.guess("propose.currency.words", "column", w.shown(p), "words", strings.Join(unknown[:min(len(unknown), 8)], ", ")))
	}
	if blank {
		add(w.guess("propose.currency.blank", "column", w.shown(p)))
	}
	f.confirm = f.comment != ""
	w.fields = append(w.fields, f)
}

// blankCurrency is a column of currencies in which this sample says nothing, and another day's file may; nil for none.
func (d *description) blankCurrency() *profile {
	amount := d.amountColumn()
	if d.currencyGuessed() || d.currency != "" || d.t.header < 0 || amount != nil && titleCurrency(amount.title).code != "" {
		return nil
	}
	for _, p := range d.cols {
		if p.n == 0 && p.likes["currency"] >= 80 && (amount == nil || amount.local == p.local) && (!d.used(p) || p == d.role["currency"]) {
			return p
		}
	}
	return nil
}

// currencyGuess writes what the file's currency is guessed to be.
func (w *writer) currencyGuess() {
	d := w.d
	if !d.currencyGuessed() {
		return
	}
	code := d.currency
	if code == "" {
		code = "EUR"
	}
	f := fieldLine{name: "currency", computed: quote(code), confirm: true}
	switch {
	case d.unread != nil:
		f.comment = w.guess("propose.currency.unread", "column", w.shown(d.unread), "example", d.unread.example(), "currency", code)
	case d.dollars:
		f.comment = w.guess("propose.dollars", "currency", code)
	default:
		f.comment = w.guess("propose.currency.loose", "name", d.loose, "currency", code)
	}
	w.fields = append(w.fields, f)
}

// currencyRules hold what is in a currency that the amount is not told for: a balance in the house's own money of a
// document in another, and decimals without a mark where currencies have different numbers of them.
func (w *writer) currencyRules(text func(string) string) {
	d := w.d
	if c := d.foreign; c != nil && w.cell(c) != "" {
		w.remark("  ", w.guess("propose.currency.house", "column", w.shown(d.amountColumn()), "currency", w.shown(c)))
		w.line("  - {id: house-currency, when: %s, do: hold, confirm: true, message: %s}", single("not (upper("+w.cell(c)+`) in ["", "EUR", "€"])`), text("propose.rule.currency"))
	}
	c := d.role["currency"]
	if c == nil || !d.implied || len(d.minors()) < 2 {
		return
	}
	var same []string
	for _, cell := range c.cells {
		if code := currencyIn(cell); code != "" && decimalsOf(code) == d.minor && !slices.Contains(same, code) {
			same = append(same, code)
		}
	}
	for i := range same {
		same[i] = quote(same[i])
	}
	w.line("  - {id: decimals, when: %s, do: hold, message: %s}", single("not (currency in ["+strings.Join(same, ", ")+"])"), text("propose.rule.decimals"))
}
