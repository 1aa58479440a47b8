package propose

import (
	"cmp"
	"math/big"
	"slices"
	"strings"
)

// pairCurrency sees to it that an amount of the bookkeeper's own money is not read in the document's currency, nor the
// other way round, where the file has a column of currencies for each.
func (d *description) pairCurrency() {
	amount, c := d.amountColumn(), d.role["currency"]
	if amount == nil || c == nil || amount.local == c.local {
		return
	}
	for _, p := range d.cols {
		if p.local == amount.local && p.named >= 0.6 && p.n > 0 && (p == c || !d.used(p)) {
			d.role["currency"] = p
			return
		}
	}
	if amount.local {
		delete(d.role, "currency")
		if d.abroad {
			d.foreign = c
		}
	}
}

// worth is the number that a cell holds; nil for none. Where one mark may be either, it is what it is in the whole file.
func (d *description) worth(cell string) *big.Rat {
	n := readNumber(cell)
	if isDash(cell) {
		return new(big.Rat)
	}
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
