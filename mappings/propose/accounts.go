package propose

import (
	"slices"
	"strings"
)

// accountShare is the share of cells that begin with the French account of customers, 411, where the others are
// accounts too; 0 for anything else.
func accountShare(p *profile) float64 {
	n, other := 0, 0
	for _, c := range p.cells {
		switch {
		case c == "":
		case strings.HasPrefix(c, "411") && len(c) >= 3:
			n++
		case c[0] >= '1' && c[0] <= '7' && len(c) >= 3:
			other++
		default:
			return 0
		}
	}
	if n+other == 0 {
		return 0
	}
	return float64(n) / float64(n+other)
}

// accountFilter is the column by which accounting lines of customers are told from the others; nil where there are none.
func (d *description) accountFilter() *profile {
	for _, role := range []string{"account", "customer.id"} {
		if p := d.role[role]; p != nil && accountShare(p) > 0 && accountShare(p) < 1 {
			return p
		}
	}
	for _, p := range d.cols {
		if share := accountShare(p); share > 0.05 && share < 0.97 && p.n > 3 {
			return p
		}
	}
	return nil
}

// isCustomer tells whether a row is of a customer's account, where accounts tell.
func (d *description) isCustomer(i int) bool {
	p := d.accountFilter()
	return p == nil || strings.HasPrefix(p.cells[i], "411")
}

// accountAsCustomer takes the customers' own accounts (411DUPON) for their numbers, and the one account of all for none.
func (d *description) accountAsCustomer() {
	own := map[string]bool{}
	collect := func(p *profile) {
		for _, c := range p.cells {
			if strings.HasPrefix(c, "411") {
				own[c] = true
			}
		}
	}
	switch id, account := d.role["customer.id"], d.accountFilter(); {
	case id != nil && accountShare(id) == 1 && id.distinct == 1 && id.n > 1:
		delete(d.role, "customer.id")
	case id == nil && account != nil:
		if collect(account); len(own) > 1 {
			d.role["customer.id"] = account
		}
	}
}

// noOrderRef gives up a customer's number that is called his reference where nothing shows that it is the customer's own and
// not that of his order: it must come again with him, and never another one.
func (d *description) noOrderRef() {
	p, name := d.role["customer.id"], d.role["customer.name"]
	if p == nil || !slices.ContainsFunc(words(p.title), func(w string) bool { return w == "ref" || w == "reference" || w == "references" }) {
		return
	}
	own, again := map[string]string{}, false
	for i, c := range p.cells {
		who := c
		if name != nil {
			who = name.cells[i]
		}
		if c == "" || who == "" {
			continue
		}
		before, known := own[who]
		if known && before != c {
			again = false
			break
		}
		again = again || known
		own[who] = c
	}
	if again {
		return
	}
	delete(d.role, "customer.id")
	for _, q := range d.cols {
		if q != p && !d.used(q) && q.likes["customer.id"] >= 60 && q.fits("customer.id") == 1 {
			d.role["customer.id"] = q
			return
		}
	}
}
