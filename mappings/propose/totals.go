package propose

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// totalWords is how the mapping language finds the word of a sum, or of a count.
const totalWords = `lower(plain(%s)) matches "^(sous[- ]?total|total|sub-?total|summe|gesamt|zwischensumme|report|a reporter|cumul|solde client|totale?s?|suma)( |:|-|$)|` + countPhrase + `"`

// who and when are the columns that tell whose a document is and of what day: those of sums are blank.
func (d *description) who() []*profile {
	return d.told("customer.id", "customer.name", "customer.email")
}
func (d *description) when() []*profile { return d.told("due_on", "issued_on") }

// told are the columns of these roles that say something.
func (d *description) told(roles ...string) (list []*profile) {
	for _, role := range roles {
		if p := d.role[role]; p != nil && p.n > 0 && !slices.Contains(list, p) {
			list = append(list, p)
		}
	}
	return list
}

// isTotal tells rows of sums: a word says so, and the row is nobody's or of no day. TOTAL-0001 of a customer is a document.
func (d *description) isTotal(i int) bool {
	blank := func(list []*profile, c *profile) bool {
		return len(list) > 0 && !slices.ContainsFunc(list, func(p *profile) bool { return p != c && p.cells[i] != "" })
	}
	for _, c := range d.cols {
		if !isTotalCell(c.cells[i]) {
			continue
		}
		if who, when := d.who(), d.when(); len(who)+len(when) == 0 || blank(who, c) || blank(when, c) {
			return true
		}
	}
	return false
}

// blankCells is an expression that holds where all these columns but one are blank; "" for none of them.
func (w *writer) blankCells(list []*profile, but *profile) string {
	var terms []string
	for _, p := range list {
		if c := w.cell(p); c != "" && p != but {
			terms = append(terms, c+` == ""`)
		}
	}
	return strings.Join(terms, " and ")
}

// totalSkips are the expressions by which rows of sums are left out: nobody's, and of no day.
func (w *writer) totalSkips() (list []string) {
	d := w.d
	for _, p := range d.shape.totals {
		if c := w.cell(p); c != "" {
			list = append(list, also(fmt.Sprintf(totalWords, c), w.blankCells(slices.Concat(d.who(), d.when()), p)))
		}
	}
	for _, p := range d.shape.sums {
		if c, ref := w.cell(p), w.cell(d.reference()); c != "" && ref != "" {
			list = append(list, also(ref+` == "" and `+fmt.Sprintf(totalWords, c), w.blankCells(d.when(), p)))
		}
	}
	return list
}

// also joins two expressions that both must hold.
func also(a, b string) string {
	if b == "" {
		return a
	}
	return a + " and " + b
}

var shortNumber = regexp.MustCompile(`^[0-9]{1,4}$`)

// isCount tells the sub-total of a customer with the number of his documents in place of a number.
func (d *description) isCount(i int) bool {
	ref := d.reference()
	if ref == nil || !shortNumber.MatchString(ref.cells[i]) || !d.numbered() {
		return false
	}
	when := d.when()
	return len(when) > 0 && !slices.ContainsFunc(when, func(p *profile) bool { return p.cells[i] != "" })
}

// numbered tells lists whose documents' numbers are longer than such counts.
func (d *description) numbered() bool {
	ref := d.reference()
	if ref == nil || d.operation {
		return false
	}
	if d.longNumbers != nil {
		return *d.longNumbers
	}
	short, long, when := 0, 0, d.when()
	for i, c := range ref.cells {
		dated := slices.ContainsFunc(when, func(p *profile) bool { return p.cells[i] != "" })
		switch {
		case c == "" || !dated:
		case shortNumber.MatchString(c):
			short++
		default:
			long++
		}
	}
	longer := long > 2*short
	d.longNumbers = &longer
	return longer
}

// totalRules hold what may be a sum: its word beside a customer or a day alone, and a count in place of a number.
func (w *writer) totalRules(text func(string) string) {
	d := w.d
	for i, p := range d.shape.totals {
		c, who, when := w.cell(p), w.blankCells(d.who(), p), w.blankCells(d.when(), p)
		if c != "" && who != "" && when != "" {
			w.line("  - {id: total%s, when: %s, do: hold, message: %s}", nth(i), single(fmt.Sprintf(totalWords, c)+" and ("+who+" or "+when+")"), text("propose.rule.total"))
		}
	}
	var dates []string
	for _, f := range w.fields {
		if f.name == "due_on" && f.p != nil || f.name == "issued_on" && f.p != nil {
			dates = append(dates, f.name+" == nil")
		}
	}
	if ref := d.reference(); ref == nil || len(dates) == 0 || !d.numbered() || !d.dated() {
		return
	}
	w.line("  - {id: count, when: %s, do: hold, message: %s}", single(`reference matches "^[0-9]{1,4}$" and `+strings.Join(dates, " and ")), text("propose.rule.count"))
}

// dated tells lists nearly all of whose documents have a day.
func (d *description) dated() bool {
	rows, dated, when := 0, 0, d.when()
	for i, c := range d.reference().cells {
		if c == "" || d.isTotal(i) || d.isCount(i) {
			continue
		}
		if rows++; slices.ContainsFunc(when, func(p *profile) bool { return p.cells[i] != "" }) {
			dated++
		}
	}
	return rows > 0 && dated*10 >= rows*9
}
