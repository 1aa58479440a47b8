package propose

import (
	"net/mail"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// profile is what the cells of one column are like. Shares are of the cells that are not empty.
type profile struct {
	at       int
	title    string
	likes    map[string]float64 // likeness of the title
	cells    []string           // of every data row
	n        int                // not empty
	rows     int
	distinct int
	local    bool    // the title says that its money is the bookkeeper's own
	asked    bool    // the title says that its money is asked for, not paid
	percent  bool    // the title says that it holds rates, or thousands
	staff    bool    // the title says that it is of somebody of the house
	dashes   int     // cells of a column of money that say nothing at all in a spreadsheet's way: -, -   €
	length   float64 // characters, on average

	email, iban, siren, phone, currency, date, number, decimal, code, word, letters, digits, operation, named float64
	numbers                                                                                                   marks
}

func (p *profile) filled() float64 {
	if p.rows == 0 {
		return 0
	}
	return float64(p.n) / float64(p.rows)
}

// unlike is the share of different values.
func (p *profile) unlike() float64 {
	if p.n == 0 {
		return 0
	}
	return float64(p.distinct) / float64(p.n)
}

func profileOf(at int, title string, rows []record) *profile {
	p := &profile{at: at, title: title, likes: likeness(title), rows: len(rows)}
	p.local = slices.ContainsFunc(words(title), func(w string) bool {
		return slices.Contains([]string{"local", "lcy", "lc", "lcurr", "ds", "accounting", "functional", "base", "hauswahrung", "tenue"}, w)
	})
	p.percent, p.staff, p.asked = percentTitle.MatchString(title), ofStaff(title), askedTitle.MatchString(plain(title))
	seen := map[string]bool{}
	dashes, signed := 0, false
	for _, r := range rows {
		c := ""
		if at < len(r.cells) {
			c = r.cells[at]
		}
		p.cells = append(p.cells, c)
		if isDash(c) {
			dashes++
			signed = signed || c != "-"
			continue
		}
		if c == "" || says("missing", c) {
			continue
		}
		p.n++
		seen[c] = true
		p.length += float64(utf8.RuneCountInString(c))
		add := func(to *float64, is bool) {
			if is {
				*to++
			}
		}
		add(&p.email, isEmail(c))
		add(&p.iban, isIBAN(c))
		add(&p.siren, isSIREN(c))
		add(&p.phone, isPhone(c))
		add(&p.currency, isCurrency(c))
		add(&p.named, currencyIn(c) != "")
		add(&p.date, len(datePatterns(c)) > 0)
		num := readNumber(c)
		add(&p.number, num.ok)
		add(&p.decimal, num.ok && (num.decimal != 0 || num.sign))
		add(&p.code, isCode(c))
		add(&p.word, len(c) <= 30 && !strings.ContainsAny(c, " @,;"))
		add(&p.letters, strings.ContainsFunc(c, unicode.IsLetter))
		add(&p.digits, strings.ContainsFunc(c, unicode.IsDigit))
		add(&p.operation, operationOf(c) != "")
		if num.ok {
			p.numbers.add(num)
		}
	}
	p.distinct = len(seen)
	if p.n > 0 {
		for _, share := range []*float64{&p.email, &p.iban, &p.siren, &p.phone, &p.currency, &p.date, &p.number, &p.decimal, &p.code, &p.word, &p.letters, &p.digits, &p.operation, &p.named, &p.length} {
			*share /= float64(p.n)
		}
	}
	if dashes > 0 && (p.n > 0 && p.number >= 0.6 && (p.decimal >= 0.5 || p.called("amount", "debit", "credit", "line")) || p.n == 0 && signed) {
		p.dashes, p.n, p.distinct = dashes, p.n+dashes, p.distinct+1
		p.number = max(p.number, 0.6)
	}
	return p
}

// called tells whether the title sounds like one of these kinds of roles.
func (p *profile) called(kinds ...string) bool {
	for role, like := range p.likes {
		if base, _, _ := strings.Cut(strings.TrimPrefix(role, "-"), "."); like >= 40 && slices.Contains(kinds, base) {
			return true
		}
	}
	return false
}

// isDash tells the zero of a spreadsheet's format for accounts: a minus, with or without the currency's sign.
func isDash(c string) bool {
	switch trim(currencySigns.Replace(c)) {
	case "-", "–", "−":
		return true
	}
	return false
}

// percentTitle knows columns of rates, and of thousands; TVA 20 % is the tax at that rate.
var percentTitle = regexp.MustCompile(`(?i)(^|[^0-9 ]) *%|\b[km] ?(€|eur\b)|\b(milliers|thousands|tausend)\b|\b(taux|rate|pct|pourcent|pourcentage|percent|percentage|prozent|satz)\b`)

// askedTitle knows deposits that are asked for.
var askedTitle = regexp.MustCompile(`%|\b(demande|demandee|a verser|a payer|a regler|prevu|prevus|attendu|requested|required|expected|due)\b`)

// ofStaff tells titles of the house's own people, whose addresses are not the customer's.
func ofStaff(title string) bool {
	return slices.ContainsFunc(words(title), func(w string) bool {
		return slices.Contains([]string{"commercial", "vendeur", "vendeuse", "representant", "gestionnaire", "conseiller", "conseillere", "charge", "responsable", "emetteur", "expediteur", "fournisseur",
			"utilisateur", "createur", "salesperson", "salesman", "rep", "seller", "owner", "manager", "agent", "sender", "supplier", "vendor", "user", "creator", "assigned", "assignee", "collaborateur",
			"vertreter", "sachbearbeiter", "verkaufer", "comercial", "vendedor", "agente", "venditore"}, w)
	})
}

func isEmail(s string) bool {
	a, err := mail.ParseAddress(s)
	if err == nil && a.Address == s {
		return true
	}
	return strings.Count(s, "@") == 1 && !strings.Contains(s, " ") && strings.Contains(s, ".")
}

// isIBAN checks the figures modulo 97 (ISO 13616).
func isIBAN(s string) bool {
	s = strings.ToUpper(strings.ReplaceAll(s, " ", ""))
	if len(s) < 15 || len(s) > 34 || !ibanForm.MatchString(s) {
		return false
	}
	rest := 0
	for _, r := range s[4:] + s[:4] {
		if r >= 'A' {
			rest = (rest*100 + int(r-'A') + 10) % 97
		} else {
			rest = (rest*10 + int(r-'0')) % 97
		}
	}
	return rest == 1
}

var (
	ibanForm  = regexp.MustCompile(`^[A-Z]{2}[0-9]{2}[A-Z0-9]+$`)
	phoneForm = regexp.MustCompile(`^(\+[0-9]{1,3}[ .]?(\(0\))?|00[1-9][0-9]|0)[ .-]?[1-9]([ .-]?[0-9]{1,4}){2,6}$`)
	codeForm  = regexp.MustCompile(`^#?[A-Za-z0-9][A-Za-z0-9/_.#-]*$`)
)

// isSIREN checks 9 figures, or the 14 of a SIRET, by Luhn.
func isSIREN(s string) bool {
	s = strings.ReplaceAll(s, " ", "")
	if len(s) != 9 && len(s) != 14 {
		return false
	}
	sum := 0
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
		d := int(s[i] - '0')
		if (len(s)-i)%2 == 0 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return sum%10 == 0
}

func isPhone(s string) bool {
	digits := 0
	for _, r := range s {
		if r >= '0' && r <= '9' {
			digits++
		}
	}
	return digits >= 8 && digits <= 15 && phoneForm.MatchString(s)
}

// isCode tells a number of an invoice or customer: one word with a digit.
func isCode(s string) bool {
	return len(s) <= 40 && strings.ContainsAny(s, "0123456789") && codeForm.MatchString(strings.ReplaceAll(s, " ", "")) && strings.Count(s, " ") <= 2
}

// number is a text that may be an amount.
type number struct {
	ok       bool
	decimal  rune // the mark before the last digits; 0: none
	decimals int
	group    rune // the thousands mark; 0: none
	unsure   bool // one mark and three digits behind it: either
	odd      bool // the last digit is no zero
	whole    int  // digits before the mark
	zeros    bool // begins with zeros, as in fixed positions
	sign     bool // a currency sign stands beside it
	negative bool
	suffix   rune // D or C glued behind
}

var currencySigns = strings.NewReplacer("€", "", "$", "", "£", "", "EUR", "", "USD", "", "CHF", "", "GBP", "", "Euros", "", "euros", "")

// readNumber takes a text apart whatever marks it has.
func readNumber(s string) (n number) {
	body := currencySigns.Replace(s)
	n.sign = body != s
	body = trim(body)
	if strings.HasPrefix(body, "(") && strings.HasSuffix(body, ")") {
		body, n.negative = body[1:len(body)-1], true
	}
	if k := len(body); k > 1 {
		switch c := body[k-1]; c {
		case 'D', 'C', 'S', 'H':
			n.suffix, body = rune(c), trim(body[:k-1])
		case '-', '+':
			n.negative, body = c == '-', trim(body[:k-1])
		}
	}
	if strings.HasPrefix(body, "-") || strings.HasPrefix(body, "+") || strings.HasPrefix(body, "−") {
		n.negative = body[0] != '+'
		body = trim(strings.TrimLeft(body, "+-−"))
	}
	if body == "" || utf8.RuneCountInString(body) > 24 {
		return n
	}
	var parts []string
	var seps []rune
	from := 0
	for i, r := range body {
		if r >= '0' && r <= '9' {
			continue
		}
		switch r {
		case '.', ',', ' ', '\u00a0', '\u202f', '\'', '’':
			if r == '\u00a0' || r == '\u202f' {
				r = ' '
			} else if r == '’' {
				r = '\''
			}
			parts, seps = append(parts, body[from:i]), append(seps, r)
			from = i + utf8.RuneLen(r)
			if _, size := utf8.DecodeRuneInString(body[i:]); size > 1 {
				from = i + size
			}
		default:
			return n
		}
	}
	parts = append(parts, body[from:])
	last := len(parts) - 1
	n.zeros = len(parts[0]) > 1 && parts[0][0] == '0'
	grouped := func(k int) bool { // parts[1..k] are three digits, all behind one mark
		for i := 1; i <= k; i++ {
			if len(parts[i]) != 3 || seps[i-1] != seps[0] {
				return false
			}
		}
		return len(parts[0]) >= 1 && len(parts[0]) <= 3
	}
	switch {
	case last == 0:
		n.ok, n.whole = true, len(parts[0])
	case last == 1 && (seps[0] == '.' || seps[0] == ','):
		if parts[1] == "" || parts[0] == "" && parts[1] == "" {
			return n
		}
		n.ok, n.decimal, n.decimals, n.whole = true, seps[0], len(parts[1]), len(parts[0])
		n.odd = !strings.HasSuffix(parts[1], "0")
		n.unsure = len(parts[1]) == 3 && len(parts[0]) <= 3 && parts[0] != "0" && parts[0] != ""
	case grouped(last) && seps[0] != '.' && seps[0] != ',' || grouped(last) && last > 1:
		n.ok, n.group = true, seps[0]
	case last > 1 && (seps[last-1] == '.' || seps[last-1] == ',') && seps[last-1] != seps[0] && grouped(last-1) && parts[last] != "":
		n.ok, n.group, n.decimal, n.decimals = true, seps[0], seps[last-1], len(parts[last])
	}
	if n.group != 0 {
		for i, p := range parts {
			if i < last || n.decimal == 0 {
				n.whole += len(p)
			}
		}
	}
	return n
}

// marks counts how numbers are written.
type marks struct {
	n                        int
	comma, point, unsure     int // decimal marks; unsure: three digits behind the only mark
	unsureComma, unsurePoint int
	unsureOdd                int                   // of them, those whose last digit is no zero
	groups                   map[rune]map[rune]int // thousands mark by decimal mark
	large                    map[rune]int          // numbers of four digits and more without thousands mark, by decimal mark
	bare, zeros, negative    int
	decimals                 map[int]int
	suffixes                 map[rune]int
	maxWhole, signs          int
}

func (m *marks) add(n number) {
	if m.groups == nil {
		m.groups, m.large, m.decimals, m.suffixes = map[rune]map[rune]int{}, map[rune]int{}, map[int]int{}, map[rune]int{}
	}
	m.n++
	m.maxWhole = max(m.maxWhole, n.whole)
	switch {
	case n.unsure:
		m.unsure++
		if n.odd {
			m.unsureOdd++
		}
		if n.decimal == ',' {
			m.unsureComma++
		} else {
			m.unsurePoint++
		}
	case n.decimal == ',':
		m.comma++
		m.decimals[n.decimals]++
	case n.decimal == '.':
		m.point++
		m.decimals[n.decimals]++
	default:
		m.bare++
	}
	if n.group != 0 {
		if m.groups[n.group] == nil {
			m.groups[n.group] = map[rune]int{}
		}
		m.groups[n.group][n.decimal]++
	} else if n.whole >= 4 && !n.zeros {
		m.large[n.decimal]++
	}
	if n.zeros {
		m.zeros++
	}
	if n.negative {
		m.negative++
	}
	if n.suffix != 0 {
		m.suffixes[n.suffix]++
	}
	if n.sign {
		m.signs++
	}
}

func (m *marks) merge(o marks) {
	if m.groups == nil {
		m.groups, m.large, m.decimals, m.suffixes = map[rune]map[rune]int{}, map[rune]int{}, map[int]int{}, map[rune]int{}
	}
	m.n, m.comma, m.point, m.unsure, m.bare = m.n+o.n, m.comma+o.comma, m.point+o.point, m.unsure+o.unsure, m.bare+o.bare
	m.unsureComma, m.unsurePoint, m.unsureOdd = m.unsureComma+o.unsureComma, m.unsurePoint+o.unsurePoint, m.unsureOdd+o.unsureOdd
	m.zeros, m.negative, m.signs = m.zeros+o.zeros, m.negative+o.negative, m.signs+o.signs
	for g, by := range o.groups {
		if m.groups[g] == nil {
			m.groups[g] = map[rune]int{}
		}
		for d, k := range by {
			m.groups[g][d] += k
		}
	}
	for d, k := range o.large {
		m.large[d] += k
	}
	for d, k := range o.decimals {
		m.decimals[d] += k
	}
	for r, k := range o.suffixes {
		m.suffixes[r] += k
	}
}

// decide settles the decimal and the thousands mark of amounts whose currency has so many decimals (-1: several have
// others); sure is false where the sample leaves it open.
func (m *marks) decide(otherwise rune, minor int) (decimal, group rune, sure bool) {
	decimal, sure = otherwise, false
	mark, other := '.', ','
	if m.unsureComma > 0 {
		mark, other = ',', '.'
	}
	one := m.unsure > 0 && (m.unsureComma == 0 || m.unsurePoint == 0) // all that are unsure have one mark
	switch {
	case m.comma > m.point:
		decimal, sure = ',', m.point == 0 || m.comma > 2*m.point
	case m.point > m.comma:
		decimal, sure = '.', m.comma == 0 || m.point > 2*m.comma
	case one && (minor == 0 || len(m.groups[mark]) > 0): // 12,000 yen; 1,234,567
		decimal = other
	case one && minor == 3: // 1,234 dinars
		decimal = mark
	case one && m.unsureOdd == 0 && m.bare == 0: // 120.000 and 35.500: three decimals, rather than thousands to the last one
		decimal = mark
	case one: // 1,200 beside 350, and 1,234 of a currency of two decimals: whole numbers with thousands
		decimal = other
	}
	most, all := 0, m.large[decimal]+m.large[0]
	for _, g := range []rune{' ', '.', ',', '\''} {
		n := 0
		for d, k := range m.groups[g] {
			if d == decimal || d == 0 {
				n += k
			}
		}
		if g != decimal {
			if g == ',' {
				n += m.unsureComma
			} else if g == '.' {
				n += m.unsurePoint
			}
			if n > most && n > all {
				most, group = n, g
			}
		}
	}
	if m.unsure > 0 && m.comma+m.point == 0 {
		sure = false
	}
	return decimal, group, sure
}
