package propose

import (
	"math/big"
	"slices"
	"strings"
)

// findInstalment takes the amount of the instalment where the invoice's own is repeated beside it: 400 three times, and not
// 1200 three times. The figures tell, or the title where the list has one instalment of each invoice.
func (d *description) findInstalment() {
	a, ref := d.amountColumn(), d.reference()
	if a == nil || ref == nil || d.operation {
		return
	}
	groups := map[string][]int{}
	for i, c := range ref.cells {
		if c != "" && !d.isTotal(i) && d.isCustomer(i) {
			groups[c] = append(groups[c], i)
		}
	}
	several := 0
	for _, g := range groups {
		if len(g) < 2 {
			continue
		}
		if several++; !d.instalments(g) || !alikeIn(a, g) {
			return
		}
	}
	part := d.role["part"]
	if several == 0 && (part == nil || part.n == 0) {
		return
	}
	for _, byFigures := range []bool{true, false} {
		for _, b := range d.cols {
			if b == a || !d.mayBeAsked(b) {
				continue
			}
			if byFigures && several > 0 && d.sumsTo(groups, b, a) || !byFigures && instalmentTitle(b.title) && !instalmentTitle(a.title) && d.partOf(groups, b, a) {
				d.takeInstalment(b)
				return
			}
		}
	}
	d.shape.repeated = several > 0
}

// mayBeAsked tells a column of money that is nothing else: no number of the instalment, no tax, nothing that was paid.
func (d *description) mayBeAsked(p *profile) bool {
	for role, q := range d.role {
		if q == p && !strings.HasPrefix(role, "amount.") {
			return false
		}
	}
	return p.isMoney() && (p.decimal > 0.3 || p.called("amount")) && p.likes["-amount.paid"] < 60 && p.likes["-amount.tax"] < 60 && p.likes["-quantity"] < 60
}

// instalments tells rows of one number that have their own number each, or fall due on days of their own.
func (d *description) instalments(g []int) bool {
	for _, role := range []string{"part", "due_on"} {
		p, seen := d.role[role], map[string]bool{}
		if p == nil {
			continue
		}
		for _, i := range g {
			if p.cells[i] != "" {
				seen[p.cells[i]] = true
			}
		}
		if len(seen) == len(g) {
			return true
		}
	}
	return false
}

// alikeIn tells whether a column says the same in all of these rows.
func alikeIn(p *profile, g []int) bool {
	return !slices.ContainsFunc(g, func(i int) bool { return p.cells[i] != p.cells[g[0]] })
}

// sumsTo tells whether the parts add up to the whole in each document of several rows, and are no more than it elsewhere.
func (d *description) sumsTo(groups map[string][]int, part, whole *profile) bool {
	for _, g := range groups {
		sum, all := new(big.Rat), d.worth(whole.cells[g[0]])
		for _, i := range g {
			v := d.worth(part.cells[i])
			if v == nil {
				return false
			}
			sum.Add(sum, v)
		}
		if all == nil || len(g) > 1 && sum.Cmp(all) != 0 || beyond(sum, all) {
			return false
		}
	}
	return true
}

// partOf tells whether one column is never more than the other, and somewhere less.
func (d *description) partOf(groups map[string][]int, part, whole *profile) bool {
	less := false
	for _, g := range groups {
		for _, i := range g {
			x, y := d.worth(part.cells[i]), d.worth(whole.cells[i])
			if x == nil || y == nil || beyond(x, y) {
				return false
			}
			less = less || beyond(y, x)
		}
	}
	return less
}

// beyond tells whether a is more than b, whatever their signs.
func beyond(a, b *big.Rat) bool { return new(big.Rat).Abs(a).Cmp(new(big.Rat).Abs(b)) > 0 }

func instalmentTitle(title string) bool {
	return slices.ContainsFunc(words(title), func(w string) bool {
		return slices.Contains([]string{"echeance", "echeances", "ech", "instalment", "installment", "instalments", "installments", "tranche", "mensualite", "rate", "teilbetrag", "plazo", "cuota", "rata", "termijn"}, w)
	})
}

// takeInstalment makes a column the amount to ask for, before any other.
func (d *description) takeInstalment(p *profile) {
	for role, q := range d.role {
		if q == p || strings.HasPrefix(role, "amount.") {
			delete(d.role, role)
		}
	}
	d.role["amount.any"], d.byWord["amount.any"] = p, p.called("amount")
}

// runningBalance gives up an open balance that is the one before and the row's own movement: what the account comes to, and
// not what is left of the document.
func (d *description) runningBalance() {
	open := d.role["amount.open"]
	if open == nil || open.n == 0 || d.operation {
		return
	}
	debit, credit, amount := d.role["debit"], d.role["credit"], d.role["amount.gross"]
	if amount == nil {
		amount = d.role["amount.any"]
	}
	moved := func(i int) *big.Rat {
		m := new(big.Rat)
		if debit == nil || credit == nil {
			if v := d.worth(amount.cells[i]); v != nil {
				m.Add(m, v)
			}
			return m
		}
		if v := d.worth(debit.cells[i]); v != nil {
			m.Add(m, v)
		}
		if v := d.worth(credit.cells[i]); v != nil {
			m.Sub(m, v)
		}
		return m
	}
	if (debit == nil || credit == nil) && amount == nil {
		return
	}
	var before *big.Rat
	proved := 0
	for i := range open.cells {
		s := d.worth(open.cells[i])
		if s == nil || d.isTotal(i) {
			continue
		}
		m := moved(i)
		switch own := s.Cmp(m) == 0; {
		case before == nil || own: // the first, and the first of the next customer
		case new(big.Rat).Add(before, m).Cmp(s) == 0:
			proved++
		default:
			return
		}
		before = s
	}
	if proved > 0 {
		delete(d.role, "amount.open")
	}
}
