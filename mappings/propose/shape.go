package propose

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// shape is how rows make documents, and which rows are none.
type shape struct {
	group    bool     // several rows are one document
	sum      bool     // their amounts are added
	once     bool     // the amount stands in one row of the document, the others have none
	rank     bool     // rows of one reference are instalments, numbered in file order
	fill     *profile // the key of cells that are blank below
	fillCols []*profile
	accounts bool // accounting lines: customers' accounts alone are read
	letters  bool // lettered lines are left out
	blanks   bool // rows without reference and amount are left out
	totals   []*profile
	sums     []*profile // the same, of columns where a customer may be called Total: only rows without a number
	titles   bool       // the titles are repeated
	paid     bool       // amount = amount - paid
	taxed    bool       // amount = net + tax
	gaps     bool       // some lines of a document have no amount
	doubtful bool       // whether a head's amount is its line's or the document's, nothing tells
	repeated bool       // the instalments of each document all have the same amount
}

// name gives columns of files without titles their names.
func (d *description) name() {
	t := d.t
	if t.header >= 0 {
		return
	}
	roles := map[*profile]string{}
	for _, role := range slices.Sorted(maps.Keys(d.role)) {
		if p := d.role[role]; roles[p] == "" {
			name := strings.TrimPrefix(role, "-")
			if base, rest, dotted := strings.Cut(name, "."); dotted && base == "amount" {
				name = "amount"
			} else if dotted && base == "customer" {
				name = rest
			}
			roles[p] = strings.ReplaceAll(name, ".", "_")
		}
	}
	seen := map[string]bool{}
	for i, p := range d.cols {
		p.title = cmp.Or(roles[p], fmt.Sprintf("col%d", i+1))
		for n := 2; seen[p.title]; n++ {
			p.title = fmt.Sprintf("%s%d", cmp.Or(roles[p], "col"), n)
		}
		seen[p.title] = true
		if i < len(t.columns) {
			t.columns[i].Name = p.title
		}
	}
}

// findMarks settles how amounts are written.
func (d *description) findMarks() {
	var all marks
	zeros, bare, n := 0, 0, 0
	for _, role := range []string{"amount.open", "amount.gross", "amount.any", "debit", "credit", "line.amount", "-amount.net", "-amount.paid", "-amount.tax"} {
		p := d.role[role]
		if p == nil || p.n == 0 {
			continue
		}
		all.merge(p.numbers)
		if role[0] != '-' {
			zeros, bare, n = zeros+p.numbers.zeros, bare+p.numbers.bare, n+p.numbers.n
		}
	}
	otherwise := '.'
	if d.t.delimiter == ';' || d.t.delimiter != ',' && d.t.s.opt.Lang == "fr" {
		otherwise = ','
	}
	if d.t.format == "xlsx" {
		otherwise = '.'
	}
	list := d.minors()
	if d.minor = list[0]; len(list) > 1 {
		list[0] = -1
	}
	d.decimal, d.group, d.markSure = all.decide(otherwise, list[0])
	if d.group == d.decimal {
		d.group = 0
	}
	p := d.amountColumn()
	if p != nil && n > 0 && bare*10 >= n*8 {
		w := plainWords(p.title)
		cents := slices.ContainsFunc(w, func(s string) bool {
			return s == "centimes" || s == "cents" || s == "cts" || s == "cent" || s == "ct" || s == "centime" || s == "centimos" || s == "minor"
		})
		d.implied = d.minor > 0 && (cents || d.t.format == "fixed" && zeros*2 >= n || (d.t.header < 0 || padded(p)) && zeros*10 >= n*8)
	}
}

// padded tells amounts that are filled up with zeros to one length, as programs write whom nobody asked for a decimal mark.
func padded(p *profile) bool {
	length := len(p.first())
	return length >= 8 && !slices.ContainsFunc(p.cells, func(c string) bool { return c != "" && len(c) != length })
}

// findShape finds out how rows make documents.
func (d *description) findShape() {
	h := &d.shape
	d.findFill()
	d.findSkips()
	if d.operation {
		return
	}
	h.accounts = d.accountFilter() != nil
	h.letters = d.role["letter"] != nil && d.role["letter"].n > 0 && d.role["letter"].filled() < 0.95
	if open, gross, paid := d.role["amount.open"], d.grossColumn(), d.role["-amount.paid"]; open == nil && gross != nil && paid != nil && paid.number > 0.8 && paid.n > 0 {
		h.paid = true
	}
	d.findGroups()
}

func (d *description) grossColumn() *profile {
	if p := d.role["amount.gross"]; p != nil {
		return p
	}
	return d.role["amount.any"]
}

// findFill looks for cells that are blank because they are merged with the one above.
func (d *description) findFill() {
	key := d.reference()
	if key == nil || d.t.header < 0 {
		return
	}
	blankRows, amounts := 0, 0
	p := d.amountColumn()
	for i, c := range key.cells {
		if c == "" && !d.isTotal(i) {
			blankRows++
			if p != nil && p.cells[i] != "" {
				amounts++
			}
		}
	}
	if key.cells[0] == "" || amounts > 0 && d.findLines() {
		return
	}
	if blankRows > 0 && amounts == 0 && blankRows*8 >= key.rows { // lines of a document under its head
		others := 0
		for _, c := range d.cols {
			for i := range key.cells {
				if key.cells[i] == "" && c != key && c.cells[i] != "" {
					others++
				}
			}
		}
		if others < blankRows {
			return
		}
		d.shape.fill, d.shape.group = key, true
		for _, c := range d.cols {
			if c != key && d.used(c) && blankWith(c, key) {
				d.shape.fillCols = append(d.shape.fillCols, c)
			}
		}
		return
	}
	if d.operation {
		return
	}
	// The customer stands once, above several documents.
	id := cmp.Or(d.role["customer.id"], d.role["customer.name"])
	if id == nil || id == key || id.cells[0] == "" {
		return
	}
	gaps, bare := 0, 0
	for i, c := range id.cells {
		if c == "" && key.cells[i] != "" && p != nil && p.cells[i] != "" && !d.isTotal(i) && !d.isCount(i) {
			gaps++
			for _, role := range []string{"due_on", "issued_on"} {
				if date := d.role[role]; date != nil && date.n > 0 && date.cells[i] == "" {
					bare++ // perhaps a sum: it is nobody's
					break
				}
			}
		}
	}
	if gaps == 0 || gaps*10 < id.rows {
		return
	}
	for _, role := range []string{"customer.name", "customer.email", "customer.phone", "customer.siren"} {
		c := d.role[role]
		if c != nil && c != id && blankWith(c, id) {
			d.shape.fillCols = append(d.shape.fillCols, c)
		}
	}
	if len(d.shape.fillCols) > 0 || bare == 0 {
		d.shape.fill = id
	}
}

// blankWith tells whether a column is blank wherever the key is.
func blankWith(c, key *profile) bool {
	for i := range key.cells {
		if key.cells[i] == "" && c.cells[i] != "" {
			return false
		}
	}
	return c.n > 0
}

func isTotalCell(s string) bool {
	p := plain(s)
	if len(p) > 60 {
		return false
	}
	for _, w := range vocabulary()["total"] {
		if p == w || strings.HasPrefix(p, w) && len(p) > len(w) && strings.ContainsRune(" :-", rune(p[len(w)])) {
			return true
		}
	}
	return countRow.MatchString(p)
}

// countPhrase is how a row says how many there are: 12 factures, Nombre : 12.
const countPhrase = `^(nombre|nbre?|nb|count|anzahl) *:|^(nombre|nbre?|nb) (de |d.)?(factures?|lignes?|pieces?|documents?|enregistrements?|ecritures?)|^[0-9]+ +(factures?|lignes?|pieces?|documents?|enregistrements?|ecritures?|invoices?|rows?|lines?|records?|rechnungen|belege|facturas|fatture)`

var countRow = regexp.MustCompile(countPhrase)

// findSkips looks for rows that are no data: sums, repeated titles, footers.
func (d *description) findSkips() {
	h, t := &d.shape, d.t
	ref, amount := d.reference(), d.amountColumn()
	for i := range d.cols[0].cells {
		for _, c := range d.cols {
			switch named := c == d.role["label"] || c == d.role["customer.name"]; {
			case !isTotalCell(c.cells[i]) || !d.isTotal(i):
			case !named && !slices.Contains(h.totals, c):
				h.totals = append(h.totals, c)
			case named && ref != nil && c != ref && ref.cells[i] == "" && !slices.Contains(h.sums, c):
				h.sums = append(h.sums, c)
			}
			if c.cells[i] != "" {
				break // only what a row begins with
			}
		}
	}
	if ref != nil && !slices.Contains(h.totals, ref) { // another day's file may end in a sum
		h.totals = append(h.totals, ref)
	}
	for _, r := range d.all {
		if t.header >= 0 && slices.Equal(r.cells, t.records[t.header].cells) {
			h.titles = true
		}
		at := func(p *profile) string {
			if p == nil || p.at >= len(r.cells) {
				return ""
			}
			return r.cells[p.at]
		}
		if ref != nil && at(ref) == "" && at(amount) == "" && amount != nil && h.fill != ref && !d.operation {
			h.blanks = true
		}
	}
}
