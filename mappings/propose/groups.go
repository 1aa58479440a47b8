package propose

import (
	"cmp"
	"math/big"
	"slices"
	"strings"
)

// findGroups finds documents of several rows.
func (d *description) findGroups() {
	h, ref := &d.shape, d.reference()
	if d.amountColumn() == nil { // debit and credit: payments lower what was invoiced
		h.group, h.sum = true, true
		return
	}
	if h.group || ref == nil {
		return
	}
	groups, seen := map[string][]int{}, map[string]bool{}
	for i, c := range ref.cells {
		whole := strings.Join(d.rows[i].cells, "\x00")
		if c == "" || !d.isCustomer(i) || seen[whole] || d.isTotal(i) {
			continue
		}
		seen[whole] = true
		groups[c] = append(groups[c], i)
	}
	several, rowsOf := 0, 0
	for _, g := range groups {
		if len(g) > 1 {
			several++
			rowsOf += len(g)
		}
	}
	amount, due := d.amountColumn(), d.role["due_on"]
	if part := d.role["part"]; part != nil && part.n > 0 {
		return // rows are instalments by their own number
	}
	if several == 0 || several*4 < len(groups) && rowsOf < 6 && !d.itemised(groups) {
		return
	}
	equal, dues, once := 0, 0, 0
	for _, g := range groups {
		if len(g) < 2 {
			continue
		}
		amounts, days := map[string]bool{}, map[string]bool{}
		told := 0
		for _, i := range g {
			amounts[amount.cells[i]] = true
			if amount.cells[i] != "" {
				told++
			}
			if due != nil && due.cells[i] != "" {
				days[due.cells[i]] = true
			}
		}
		if len(amounts) == 1 {
			equal++
		}
		if told == 1 {
			once++
		}
		if len(days) == len(g) {
			dues++
		}
	}
	switch {
	case dues*2 > several:
		h.rank = true
	case once == several && d.amountRole() != "line.amount":
		h.group, h.once = true, true
	case equal == several && d.amountRole() != "line.amount" && !d.lineTotals(groups):
		h.group = true
	default:
		h.group, h.sum = true, true
	}
}

// itemised tells whether the rows of one document name different things: they are its lines, and no number twice.
func (d *description) itemised(groups map[string][]int) bool {
	for _, p := range d.cols {
		if max(p.likes["label"], p.likes["-quantity"]) < 60 || p.n == 0 {
			continue
		}
		if holds(groups, func(g []int) bool {
			seen := map[string]bool{}
			for _, i := range g {
				seen[p.cells[i]] = true
			}
			return len(seen) == len(g)
		}) {
			return true
		}
	}
	return false
}

// holds tells whether something is so of every document of several rows.
func holds(groups map[string][]int, so func(g []int) bool) bool {
	for _, g := range groups {
		if len(g) > 1 && !so(g) {
			return false
		}
	}
	return true
}

// lineTotals tells amounts of lines that happen to be alike from a total that is repeated: quantities times prices come to
// more than it.
func (d *description) lineTotals(groups map[string][]int) bool {
	named := func(words ...string) *profile {
		for _, p := range d.cols {
			if p.number >= 0.9 && slices.ContainsFunc(plainWords(p.title), func(w string) bool { return slices.Contains(words, w) }) {
				return p
			}
		}
		return nil
	}
	quantity := named("quantite", "qte", "qty", "quantity", "menge", "anzahl", "cantidad", "quantita")
	price := named("pu", "unitaire", "unit", "einzelpreis", "unitario", "stuckpreis", "price", "puht")
	amount := d.amountColumn()
	if quantity == nil || price == nil || quantity == price || amount == nil || d.amountRole() == "amount.open" {
		return false
	}
	return !holds(groups, func(g []int) bool {
		sum, total := new(big.Rat), d.worth(amount.cells[g[0]])
		for _, i := range g {
			q, p := d.worth(quantity.cells[i]), d.worth(price.cells[i])
			if q == nil || p == nil {
				return true
			}
			sum.Add(sum, q.Mul(q, p))
		}
		return total == nil || sum.Cmp(total) <= 0
	})
}

// wholeEntries tells a ledger whose entries are all complete, with accounts by which customers are not known: each document
// comes to nothing, and nobody knows who owes what.
func (d *description) wholeEntries() bool {
	account := cmp.Or(d.role["account"], d.role["customer.id"])
	if d.amountColumn() != nil || d.shape.accounts || d.operation || account == nil || d.reference() == nil {
		return false
	}
	net, accounts := map[string]*big.Rat{}, map[string]map[string]bool{}
	for i, c := range d.reference().cells {
		if c == "" || d.isTotal(i) {
			continue
		}
		if net[c] == nil {
			net[c], accounts[c] = new(big.Rat), map[string]bool{}
		}
		accounts[c][account.cells[i]] = true
		if v := d.worth(d.role["debit"].cells[i]); v != nil {
			net[c].Add(net[c], v)
		}
		if v := d.worth(d.role["credit"].cells[i]); v != nil {
			net[c].Sub(net[c], v)
		}
	}
	for c, v := range net {
		if v.Sign() != 0 || len(accounts[c]) < 2 {
			return false
		}
	}
	return len(net) > 0
}
