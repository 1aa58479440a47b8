package propose

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// description is what is known of a table: which column is what, and how its cells are written.
type description struct {
	t      *table
	rows   []record // as wide as the table: what columns are judged by
	all    []record // every row below the titles
	cols   []*profile
	role   map[string]*profile // by role of the dictionary
	byWord map[string]bool     // roles that a title told; the others were told by content

	decimal, group rune
	markSure       bool
	implied        bool     // decimals without a mark
	minor          int      // decimals of the currency of most amounts
	currency       string   // of the file, where it is not EUR and no column tells it
	dollars        bool     // it was told by a dollar sign alone
	loose          string   // what told it, where other currencies are called so, too
	unread         *profile // a column of currencies that nobody understands
	abroad         bool     // some columns are in the document's currency, the others in the house's
	foreign        *profile // the currency of documents whose balance is in the house's own
	dates          []string
	datesSure      bool
	order          string // of day and month: dmy, mdy
	short          map[byte]shortYear

	operation   bool
	longNumbers *bool // the documents' numbers are longer than a count; nil: not looked at
	flags       []flag
	sheets      []string // of the workbook, with the same titles, that are not read
	shape       shape
}

// describe finds out what the columns of a table are. The error says what is missing for a mapping.
func (t *table) describe() (*description, error) {
	if t.format != "fixed" {
		t.findHeader()
		if err := t.cutOther(); err != nil {
			return nil, err
		}
	}
	d := &description{t: t, all: t.data(), role: map[string]*profile{}, byWord: map[string]bool{}}
	if len(d.all) == 0 {
		return nil, refuse("propose.no_rows")
	}
	d.rows = d.all
	if t.header >= 0 { // titles that are repeated say nothing of what stands below them
		d.rows = slices.DeleteFunc(slices.Clone(d.all), func(r record) bool { return slices.Equal(r.cells, t.records[t.header].cells) })
	}
	if t.format == "csv" { // rows of another width are no rows of the table
		d.rows = slices.DeleteFunc(slices.Clone(d.rows), func(r record) bool { return len(r.cells) != t.width })
		if len(d.rows) == 0 {
			d.rows = d.all
		}
	}
	for i := range t.width {
		title := ""
		if i < len(t.titles) {
			title = t.titles[i]
		}
		d.cols = append(d.cols, profileOf(i, title, d.rows))
	}
	d.markForeign()
	d.byTitle()
	d.byContent()
	d.accountAsCustomer()
	d.findFlags()
	d.operation = d.role["operation"] != nil
	if !d.operation && d.amountColumn() == nil && (d.role["debit"] == nil || d.role["credit"] == nil) {
		return nil, refuse("propose.no_amount", "columns", d.columnNames())
	}
	if d.reference() == nil && (!d.operation || d.role["transaction_id"] == nil) {
		return nil, refuse("propose.no_reference", "columns", d.columnNames())
	}
	if err := d.owed(); err != nil {
		return nil, err
	}
	d.findMarks()
	d.runningBalance()
	d.checkOpen()
	d.findGross()
	d.findInstalment()
	d.pairCurrency()
	d.findCurrency()
	d.name()
	d.findMarks()
	d.findDates()
	d.findShape()
	if d.wholeEntries() {
		return nil, refuse("propose.whole_entries", "columns", d.columnNames())
	}
	return d, nil
}

func (d *description) columnNames() string {
	var names []string
	for i, c := range d.cols {
		if names = append(names, cmp.Or(c.title, "="+letter(i))); len(names) == 12 {
			break
		}
	}
	return strings.Join(names, ", ")
}

// fits says how far the cells of a column can be of a role: 0 not at all, 1 well.
func (p *profile) fits(role string) float64 {
	if p.n == 0 {
		return 0.4
	}
	when := func(ok bool) float64 {
		if ok {
			return 1
		}
		return 0
	}
	base, _, _ := strings.Cut(strings.TrimPrefix(role, "-"), ".")
	switch {
	case p.percent && role != "-amount.tax" && (base == "amount" || base == "debit" || base == "credit" || base == "line"):
		return 0
	case role == "-amount.paid" && (p.asked || p.decimal == 0 && serialShare(p) > 0.8 && dayTitle(p.title)): // Acompte demandé: nothing that was paid; Payé le
		return 0
	case base == "amount", base == "debit", base == "credit", base == "line":
		if p.length > 17 { // a run of digits that nobody could take apart
			return 0
		}
		if p.date > 0.7 && p.decimal < 0.3 && p.numbers.zeros == 0 && p.distinct < 6 && p.length >= 8 {
			return 0
		}
		return when(p.number >= 0.6)
	case base == "due_on", base == "issued_on", base == "date":
		return when(p.date >= 0.5 || p.date > 0.2 && serialShare(p) > 0.2 || serialShare(p) > 0.8)
	case role == "customer.email":
		return when(p.email >= 0.4 && !p.staff)
	case role == "customer.phone":
		return when(p.phone >= 0.4 && !p.staff)
	case role == "customer.siren":
		return when(p.siren >= 0.5)
	case role == "currency":
		return when(p.currency >= 0.6 || p.likes["currency"] >= 80 && p.date < 0.5 && (p.named >= 0.6 || p.named > 0 && p.letters >= 0.6 && p.length <= 24))
	case role == "reference", role == "reference.order", role == "transaction_id", role == "key":
		if p.email > 0.2 || p.decimal > 0.5 || p.code < 0.3 && role != "key" && (p.word < 0.9 || p.unlike() < 0.9) {
			return 0
		}
		if p.date > 0.9 && p.letters < 0.1 && strings.ContainsAny(p.first(), "/.") {
			return 0
		}
		if role != "transaction_id" && p.unlike() < 0.15 && p.n > 12 {
			return 0.3
		}
		return 1
	case role == "customer.id":
		if p.decimal > 0.3 || p.email > 0.3 || p.date > 0.9 && p.letters == 0 && strings.Contains(p.first(), "/") {
			return 0
		}
		return when(p.length <= 24)
	case role == "customer.name", role == "customer.first", role == "customer.last":
		return when(p.letters >= 0.6 && p.email < 0.5 && (p.digits < 0.9 || p.code < 0.9)) // INV/2026/12 is nobody's name
	case role == "sense":
		return when(p.distinct <= 4 && p.length <= 8 && p.number < 0.5)
	case role == "operation":
		return when(p.operation >= 0.5)
	case role == "status", role == "doctype":
		return when(p.distinct <= 12 && p.email == 0 && p.decimal < 0.3 && p.date < 0.5 && serialShare(p) < 0.5)
	case role == "label":
		return when(p.letters >= 0.5 && p.email < 0.5)
	case role == "part":
		return when(p.length <= 8 && p.decimal < 0.2)
	case role == "account":
		return when(p.code > 0.6)
	case role == "letter":
		return when(p.length <= 12 && p.decimal < 0.3)
	}
	return 1
}

// signed is the share of rows where something stands, a lone minus too, which elsewhere means nothing.
func (p *profile) signed() float64 {
	n := 0
	for _, c := range p.cells {
		if c != "" {
			n++
		}
	}
	return float64(n) / float64(max(1, p.rows))
}

func (p *profile) first() string {
	for _, c := range p.cells {
		if c != "" && !(p.dashes > 0 && isDash(c)) {
			return c
		}
	}
	return ""
}

func serialShare(p *profile) float64 {
	n := 0
	for _, c := range p.cells {
		if isSerial(c) {
			n++
		}
	}
	if p.n == 0 {
		return 0
	}
	return float64(n) / float64(p.n)
}

// byTitle gives columns their roles by what they are called, as far as their cells agree. Each role has one column,
// each column one role, the surest first.
func (d *description) byTitle() {
	type pair struct {
		role  string
		p     *profile
		score float64
	}
	var all []pair
	for _, p := range d.cols {
		for role, like := range p.likes {
			if score := like * p.fits(role); score >= 40 {
				if p.local && (role == "currency" || strings.HasPrefix(role, "amount.")) { // what the customer owes is in the document's currency
					score = max(score*0.85, 40)
				}
				all = append(all, pair{role, p, score})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b pair) int {
		if c := cmp.Compare(b.score, a.score); c != 0 {
			return c
		}
		if c := cmp.Compare(a.p.at, b.p.at); c != 0 {
			return c
		}
		return strings.Compare(a.role, b.role)
	})
	taken, named := map[*profile]bool{}, map[string]*profile{}
	for _, x := range all {
		if first := named[x.p.title]; first != nil && first != x.p { // the same title again: nobody knows what it is
			continue
		}
		if taken[x.p] || d.role[x.role] != nil && !strings.HasPrefix(x.role, "-") {
			continue
		}
		if !strings.HasPrefix(x.role, "-") || d.role[x.role] == nil {
			d.role[x.role] = x.p
		}
		d.byWord[x.role] = true
		taken[x.p], named[x.p.title] = true, x.p
	}
	d.noRank()
	d.noOrderRef()
	if p := d.role["account"]; p != nil && d.role["customer.id"] == nil && accountShare(p) == 0 && p.letters > 0.5 { // C0001: no account of the ledger
		d.role["customer.id"] = p
	}
	// "Type", "Compte", "Date": words of several roles, settled by what else is there.
	if d.role["customer.id"] == nil && d.role["account"] != nil && d.role["debit"] == nil && d.role["sense"] == nil {
		d.role["customer.id"] = d.role["account"]
	}
	if c := d.role["doctype"]; c != nil && d.role["operation"] == nil && c.operation > 0.6 && c.distinct > 1 && !creditOnly(c) {
		d.role["operation"] = c
		delete(d.role, "doctype")
	}
	if d.role["reference"] == nil && d.role["reference.order"] != nil {
		d.role["reference"], d.byWord["reference"] = d.role["reference.order"], true
	}
	if d.role["operation"] == nil && d.role["date"] != nil && d.role["issued_on"] == nil {
		d.role["issued_on"], d.byWord["issued_on"] = d.role["date"], true
	}
	if d.role["operation"] != nil && d.role["date"] == nil && d.role["issued_on"] != nil {
		d.role["date"], d.byWord["date"] = d.role["issued_on"], true
	}
	if d.role["customer.name"] == nil && d.role["customer.last"] != nil {
		d.role["customer.name"], d.byWord["customer.name"] = d.role["customer.last"], true
	}
}

// noRank gives up a reference that only counts the rows, N° 1, 2, 3, where another column is called like one.
func (d *description) noRank() {
	ref := d.role["reference"]
	if ref == nil || !slices.ContainsFunc([]string{"n", "no", "num", "nr", "numero", "number"}, func(w string) bool { return strings.Join(plainWords(ref.title), " ") == w }) {
		return
	}
	n := 0
	for _, c := range ref.cells {
		if c == "" || isTotalCell(c) {
			continue
		}
		if n++; c != strconv.Itoa(n) {
			return
		}
	}
	for _, p := range d.cols {
		if p != ref && n > 1 && p.likes["reference"] >= 60 && p.fits("reference") == 1 && p.letters > 0.5 && p.unlike() > 0.9 {
			d.role["reference"] = p
			return
		}
	}
}

// creditOnly tells whether the words of a column that are operations are credit notes just as well.
func creditOnly(p *profile) bool {
	for _, c := range p.cells {
		if operationOf(c) != "" && !says("creditnote", c) {
			return false
		}
	}
	return true
}

func (d *description) used(p *profile) bool {
	for _, q := range d.role {
		if p == q {
			return true
		}
	}
	return false
}

// byContent gives roles that no title told by what stands in the cells.
func (d *description) byContent() {
	free := func(ok func(p *profile) bool, better func(a, b *profile) bool) *profile {
		var found *profile
		for _, p := range d.cols {
			if p.n > 0 && !d.used(p) && ok(p) && (found == nil || better(p, found)) {
				found = p
			}
		}
		return found
	}
	never := func(_, _ *profile) bool { return false }
	set := func(role string, p *profile) {
		if p != nil && d.role[role] == nil {
			d.role[role] = p
		}
	}
	set("customer.email", free(func(p *profile) bool { return p.email >= 0.6 && !p.staff }, func(a, b *profile) bool { return a.filled() > b.filled() }))
	set("-iban", free(func(p *profile) bool { return p.iban >= 0.8 }, never))
	set("currency", free(func(p *profile) bool { return p.currency >= 0.8 && p.filled() > 0.5 }, never))
	titled := d.t.header >= 0
	if !titled {
		set("sense", free(func(p *profile) bool {
			return p.distinct <= 3 && p.length <= 2 && p.signed() > 0.8 && wordShare(p, "debit", "credit") > 0.7 && wordShare(p, "debit") > 0 // a lone C begins customers' numbers
		}, never))
		set("operation", free(func(p *profile) bool { return p.operation >= 0.6 && p.letters > 0.8 }, never))
	}
	d.datesByContent(free)
	if d.amountColumn() == nil && (d.role["debit"] == nil || d.role["credit"] == nil) {
		p := free(func(p *profile) bool {
			if p.length > 17 || p.numbers.maxWhole > 12 && p.numbers.zeros*2 < p.numbers.n || p.decimal < 0.5 && p.length < 6 { // a run of digits that nobody could take apart; a customer's number
				return false
			}
			return !p.percent && p.number >= 0.7 && (p.decimal >= 0.5 || p.numbers.zeros*2 > p.numbers.n) && p.date < 0.5
		},
			func(a, b *profile) bool { return moneyWorth(a) > moneyWorth(b)+0.01 })
		if p == nil {
			p = free(func(p *profile) bool {
				return !p.percent && p.number >= 0.8 && p.date < 0.5 && p.phone < 0.5 && p.siren < 0.8 && p.distinct > 1 && p.length >= 2 && p.numbers.comma+p.numbers.point+p.numbers.unsure > 0
			}, func(a, b *profile) bool { return a.distinct > b.distinct })
		}
		set("amount.any", p)
	}
	if !titled {
		set("customer.phone", free(func(p *profile) bool { return p.phone >= 0.7 }, never))
		set("account", free(func(p *profile) bool { return accountShare(p) > 0.05 && accountShare(p) < 0.97 }, never))
	}
	set("doctype", free(func(p *profile) bool {
		return p.distinct <= 12 && p.length <= 24 && wordShare(p, "invoice") > 0 && p.digits < 0.3
	}, never))
	if d.reference() == nil {
		set("reference", free(func(p *profile) bool {
			return p.code >= 0.6 && p.decimal < 0.2 && p.date < 0.8 && serialShare(p) < 0.8 && p.phone < 0.8 && p.filled() >= 0.5 && (p.letters > 0.3 || p.length >= 3) && p.unlike() > 0.25
		}, func(a, b *profile) bool { return codeWorth(a) > codeWorth(b)+0.01 }))
	}
	if !titled && d.role["customer.id"] == nil {
		set("customer.id", free(func(p *profile) bool {
			return p.code >= 0.6 && p.decimal < 0.1 && p.date < 0.5 && p.filled() > 0.6 && p.length >= 3 && p.distinct > 1
		}, never))
	}
	if !titled && d.role["customer.name"] == nil {
		set("customer.name", free(func(p *profile) bool { return p.letters > 0.9 && p.length > 5 && p.email == 0 && p.code < 0.5 }, func(a, b *profile) bool { return false }))
	}
}

// codeWorth says how much a column looks like the numbers of documents: letters and digits, all different.
func codeWorth(p *profile) float64 {
	w := p.unlike() + p.filled()
	if p.letters > 0.5 {
		w += 0.5
	}
	if p.length < 4 {
		w -= 0.5
	}
	return w
}

// moneyWorth says how much a column of numbers looks like money: two decimals, and not the same in each row, as a rate.
func moneyWorth(p *profile) float64 {
	w := p.decimal + p.length/100
	if p.numbers.decimals[2]*2 > p.numbers.n || p.numbers.zeros*2 > p.numbers.n {
		w += 0.5
	}
	if p.distinct > 1 {
		w += 0.5
	}
	if p.local {
		w -= 0.25
	}
	return w
}

func wordShare(p *profile, families ...string) float64 {
	n := 0
	for _, c := range p.cells {
		if c != "" && slices.ContainsFunc(families, func(f string) bool { return says(f, c) }) {
			n++
		}
	}
	if p.n == 0 {
		return 0
	}
	return float64(n) / float64(p.n)
}

// amountColumn is the column of the money to be asked for; nil where debit and credit stand apart, or there is none.
func (d *description) amountColumn() *profile {
	role := d.amountRole()
	if role == "" {
		return nil
	}
	return d.role[role]
}

// amountRole is the role of that column: what is open before what was invoiced, with tax before without.
func (d *description) amountRole() string {
	for _, role := range []string{"amount.open", "amount.gross", "amount.any", "line.amount"} {
		if p := d.role[role]; p != nil && p.n > 0 {
			return role
		}
	}
	if d.role["debit"] != nil && d.role["credit"] != nil {
		return ""
	}
	for _, role := range []string{"-amount.net", "debit", "amount.open", "amount.gross", "amount.any"} {
		if p := d.role[role]; p != nil && p.n > 0 {
			return role
		}
	}
	if d.operation || d.role["operation"] != nil {
		for _, role := range []string{"amount.any", "amount.gross"} {
			if d.role[role] != nil {
				return role
			}
		}
	}
	return ""
}

func (d *description) reference() *profile { return d.role["reference"] }

// letter is the spreadsheet letter of a column counted from 0.
func letter(i int) string {
	var b []byte
	for i++; i > 0; i = (i - 1) / 26 {
		b = append([]byte{byte('A' + (i-1)%26)}, b...)
	}
	return string(b)
}
