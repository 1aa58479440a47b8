package propose

import (
	"math/big"
	"slices"
)

// findLines finds the lines of a document below its head: the number stands once, and customer and dates with it or again.
// It tells whether there are any. What the head has is its own line, or the total of those below: the figures say which,
// and where they do not, nothing is sent.
func (d *description) findLines() bool {
	key, amount, h := d.reference(), d.amountColumn(), &d.shape
	if key == nil || amount == nil || key.cells[0] == "" || d.operation {
		return false
	}
	below := map[int][]int{} // by row of the head
	head, texts := -1, []*profile(nil)
	for _, p := range d.cols {
		if p != key && p.letters > 0.3 && p.distinct > 1 && p.named < 0.6 && p != d.role["doctype"] && p != d.role["status"] && p != d.role["sense"] && !slices.Contains(d.ofHead(), p) {
			texts = append(texts, p)
		}
	}
	lines, bare, gaps := 0, -1, false // bare: the last that has an amount alone
	heads, sum := 0, new(big.Rat)     // since the last sub-total
	for i, c := range key.cells {
		if d.isTotal(i) {
			continue
		}
		v := d.worth(amount.cells[i])
		if c == "" && v != nil && v.Cmp(sum) == 0 && (heads > 1 || !filledIn(texts, i)) { // of the documents above
			return false
		}
		if v != nil {
			sum.Add(sum, v)
		}
		if c != "" {
			head = i
			heads++
			gaps = gaps || amount.cells[i] == ""
			continue
		}
		if amount.cells[i] == "" {
			gaps = true
			continue
		}
		if head < 0 || slices.ContainsFunc(d.ofHead(), func(p *profile) bool { return p.cells[i] != "" && p.cells[i] != p.cells[head] }) {
			return false
		}
		below[head] = append(below[head], i)
		if lines++; !filledIn(texts, i) {
			bare = i
		}
	}
	if lines == 0 || bare > head { // a sum without a word closes the list
		return false
	}
	own, total, several, either := 0, 0, 0, 0
	for i, list := range below {
		sum := new(big.Rat)
		for _, j := range list {
			if v := d.worth(amount.cells[j]); v != nil {
				sum.Add(sum, v)
			}
		}
		switch v := d.worth(amount.cells[i]); {
		case v == nil:
			own++
		case !filledIn(texts, i): // it has no line of its own
			total++
			several++
		case v.Cmp(sum) != 0:
			own++
		case len(list) > 1:
			total++
			several++
		default:
			either++
		}
	}
	h.fill, h.group, h.gaps = key, true, gaps
	switch {
	case bare >= 0:
		h.sum, h.doubtful = true, true
	case own == 0 && several > 0:
		h.once = true
	case total == 0 && either < own:
		h.sum = true
	default:
		h.sum, h.doubtful = true, true
	}
	for _, c := range d.cols {
		if c != key && d.used(c) && blankWith(c, key) {
			h.fillCols = append(h.fillCols, c)
		}
	}
	return true
}

// filledIn tells whether any of these columns says something in a row.
func filledIn(list []*profile, i int) bool {
	return slices.ContainsFunc(list, func(p *profile) bool { return p.cells[i] != "" })
}

// ofHead are the columns that a document's lines share: who, and when.
func (d *description) ofHead() (list []*profile) {
	for _, role := range []string{"customer.id", "customer.name", "customer.email", "due_on", "issued_on"} {
		if p := d.role[role]; p != nil && p.n > 0 {
			list = append(list, p)
		}
	}
	return list
}
