package mappings

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/shopspring/decimal"

	"github.com/navette-connect/navette/connector/payment"
)

// fault is why a text is not of its field's type: a sentence of the catalogue and its arguments.
type fault struct {
	key  string
	args []string
}

func faulty(key string, args ...string) *fault { return &fault{key, args} }

// numberFormat is how amounts and numbers are written in a source. Nothing is guessed: a mark that is not declared is
// a fault.
type numberFormat struct {
	decimal   byte          // ',' or '.'; 0 = none
	group     rune          // thousands mark; 0 = none
	signs     bool          // currency signs around the amount are no part of it
	implied   int           // decimals without a mark; -1 = not implied
	suffix    map[rune]bool // letter glued behind, and whether it means less than zero; nil = none
	overpunch bool          // the last digit carries the sign (zoned decimal)
}

// digits is a number taken apart; whole and fraction are ASCII digits.
type digits struct {
	negative        bool
	whole, fraction string
	currency        string // the currency written beside it: a code, or "$" for any dollar
}

// maxDigits bounds numbers: far beyond any amount, small enough for exact arithmetic to stay quick.
const maxDigits = 40

// read takes a text apart that is trimmed and not empty.
func (f *numberFormat) read(s string) (digits, *fault) {
	var d digits
	if f.suffix == nil && !f.overpunch && f.implied < 0 { // as most amounts are
		if i := plainDigits(s); i == len(s) {
			d.whole = s
			return f.checked(d, s)
		} else if i > 0 && s[i] == f.decimal && f.decimal != 0 && i+1 < len(s) && plainDigits(s[i+1:]) == len(s)-i-1 {
			d.whole, d.fraction = s[:i], s[i+1:]
			return f.checked(d, s)
		}
	}
	body := s
	if f.suffix != nil {
		r, n := utf8.DecodeLastRuneInString(body)
		negative, known := f.suffix[r]
		if !known {
			return d, faulty("NV-1203.suffix", "value", s, "letters", letters(f.suffix))
		}
		d.negative, body = negative, trimBlanks(body[:len(body)-n])
	}
	body, ft := f.strip(&d, body, s)
	if ft != nil {
		return d, ft
	}
	if f.overpunch {
		if body, ft = overpunched(&d, body, s); ft != nil {
			return d, ft
		}
	}
	if f.implied >= 0 {
		return f.readImplied(d, body, s)
	}
	whole, fraction, marked := body, "", false
	if f.decimal != 0 {
		whole, fraction, marked = strings.Cut(body, string(f.decimal))
	}
	if marked && (fraction == "" || plainDigits(fraction) < len(fraction)) {
		return d, f.diagnose(body, s)
	}
	if plainDigits(whole) < len(whole) {
		compact, ok := f.ungroup(whole)
		if !ok {
			return d, f.diagnose(body, s)
		}
		whole = compact
	}
	if whole == "" && fraction == "" {
		return d, faulty("NV-1203.unreadable", "value", s)
	}
	d.whole, d.fraction = whole, fraction
	return f.checked(d, s)
}

func (f *numberFormat) checked(d digits, s string) (digits, *fault) {
	if len(d.whole)+len(d.fraction) > maxDigits {
		return d, faulty("NV-1203.large", "value", clip(s))
	}
	return d, nil
}

func (f *numberFormat) readImplied(d digits, body, s string) (digits, *fault) {
	if plainDigits(body) < len(body) {
		compact, ok := f.ungroup(body)
		if !ok {
			if strings.ContainsAny(body, ".,") {
				return d, faulty("NV-1203.implied", "value", s, "decimals", string(rune('0'+f.implied)))
			}
			return d, f.diagnose(body, s)
		}
		body = compact
	}
	if body == "" {
		return d, faulty("NV-1203.unreadable", "value", s)
	}
	cut := max(0, len(body)-f.implied)
	d.whole = body[:cut]
	d.fraction = strings.Repeat("0", max(0, f.implied-len(body))) + body[cut:]
	return f.checked(d, s)
}

// strip takes signs, parentheses and currency signs off both ends.
func (f *numberFormat) strip(d *digits, body, s string) (string, *fault) {
	signed := false
	sign := func(negative bool) bool {
		if signed || d.negative { // "--5", "(-5)", "5-C": nobody knows
			return false
		}
		signed, d.negative = true, negative
		return true
	}
	for {
		body = trimBlanks(body)
		first, n := utf8.DecodeRuneInString(body)
		last, m := utf8.DecodeLastRuneInString(body)
		switch {
		case isMinus(first), first == '+':
			if !sign(first != '+') {
				return "", faulty("NV-1203.two_signs", "value", s)
			}
			body = body[n:]
			continue
		case len(body) > m && (isMinus(last) || last == '+'):
			if !sign(last != '+') {
				return "", faulty("NV-1203.two_signs", "value", s)
			}
			body = body[:len(body)-m]
			continue
		case first == '(' && last == ')' && len(body) > 2:
			if !sign(true) {
				return "", faulty("NV-1203.two_signs", "value", s)
			}
			body = body[1 : len(body)-1]
			continue
		}
		code, rest := currencyAround(body)
		if code == "" {
			return body, nil
		}
		if !f.signs {
			return "", faulty("NV-1203.sign_unexpected", "value", s, "sign", code)
		}
		if d.currency != "" && d.currency != code {
			return "", faulty("NV-1203.unreadable", "value", s)
		}
		d.currency, body = code, rest
	}
}

func isMinus(r rune) bool { return r == '-' || r == '−' || r == '–' }

// currencyAround takes a currency sign or an ISO code off one end of a text.
func currencyAround(s string) (code, rest string) {
	for _, c := range [...]struct{ sign, code string }{{"€", "EUR"}, {"£", "GBP"}, {"$", "$"}} {
		if r, ok := strings.CutSuffix(s, c.sign); ok {
			return c.code, r
		}
		if r, ok := strings.CutPrefix(s, c.sign); ok {
			return c.code, r
		}
	}
	n := len(s) - 3
	if n <= 0 {
		return "", s
	}
	if isWord(s[n:]) && !isLetter(s[n-1]) {
		if c := strings.ToUpper(s[n:]); known(c) {
			return c, s[:n]
		}
	}
	if isWord(s[:3]) && !isLetter(s[3]) {
		if c := strings.ToUpper(s[:3]); known(c) {
			return c, s[3:]
		}
	}
	return "", s
}

func isLetter(b byte) bool { return b|0x20 >= 'a' && b|0x20 <= 'z' }

// isWord tells whether three bytes are letters.
func isWord(s string) bool { return isLetter(s[0]) && isLetter(s[1]) && isLetter(s[2]) }

func known(currency string) bool {
	_, err := payment.Exponent(currency)
	return err == nil
}

// overpunched reads the sign that the last digit of a zoned decimal carries; é and è are what { and } become in
// French EBCDIC.
func overpunched(d *digits, body, s string) (string, *fault) {
	r, n := utf8.DecodeLastRuneInString(body)
	digit, negative := rune(0), false
	switch {
	case r >= '0' && r <= '9':
		digit = r
	case r == '{', r == 'é':
		digit = '0'
	case r == '}', r == 'è':
		digit, negative = '0', true
	case r >= 'A' && r <= 'I':
		digit = r - 'A' + '1'
	case r >= 'J' && r <= 'R':
		digit, negative = r-'J'+'1', true
	default:
		return "", faulty("NV-1203.unreadable", "value", s)
	}
	if negative && d.negative {
		return "", faulty("NV-1203.two_signs", "value", s)
	}
	d.negative = d.negative || negative
	return body[:len(body)-n] + string(digit), nil
}

// ungroup takes the thousands marks out of a whole number; they must stand where they belong.
func (f *numberFormat) ungroup(whole string) (string, bool) {
	if f.group == 0 {
		return "", false
	}
	b := make([]byte, 0, len(whole))
	run, marks := 0, 0
	for _, r := range whole {
		switch {
		case r >= '0' && r <= '9':
			b = append(b, byte(r))
			run++
		case f.isGroup(r):
			if marks == 0 && (run == 0 || run > 3) || marks > 0 && run != 3 {
				return "", false
			}
			marks, run = marks+1, 0
		default:
			return "", false
		}
	}
	if marks > 0 && b[0] == '0' && (f.group == '.' || f.group == ',') { // 0.500: nobody groups a nought, so the mark is another
		return "", false
	}
	return string(b), marks == 0 || run == 3
}

func (f *numberFormat) isGroup(r rune) bool {
	switch f.group {
	case ' ':
		return isBlank(r)
	case '\'':
		return r == '\'' || r == '’'
	}
	return r == f.group
}

// diagnose says what is wrong with a number, in words that show the cure.
func (f *numberFormat) diagnose(body, s string) *fault {
	mark := string(f.decimal)
	otherMark := func(b byte, key string) *fault {
		if strings.IndexByte(body, b) < 0 || f.decimal == b || f.group == rune(b) {
			return nil
		}
		if f.decimal == 0 {
			return faulty("NV-1203.no_mark", "value", s, "mark", string(b))
		}
		return faulty(key, "value", s, "mark", mark)
	}
	if ft := otherMark('.', "NV-1203.point"); ft != nil {
		return ft
	}
	if ft := otherMark(',', "NV-1203.comma"); ft != nil {
		return ft
	}
	digitsOnly := true
	for _, r := range body {
		if isBlank(r) && f.group != ' ' {
			return faulty("NV-1203.blank", "value", s)
		}
		if (r < '0' || r > '9') && !f.isGroup(r) && r != rune(f.decimal) {
			digitsOnly = false
		}
	}
	switch {
	case digitsOnly && f.decimal != 0 && strings.Count(body, mark) > 1:
		return faulty("NV-1203.two_marks", "value", s, "mark", mark)
	case digitsOnly && f.group != 0:
		return faulty("NV-1203.group", "value", s)
	}
	return faulty("NV-1203.unreadable", "value", s)
}

// amount reads a sum of money in a currency.
func (f *numberFormat) amount(s, currency string) (payment.Amount, *fault) {
	d, ft := f.read(s)
	if ft != nil {
		return payment.Amount{}, ft
	}
	return d.amount(s, currency)
}

func (d digits) amount(s, currency string) (payment.Amount, *fault) {
	if d.currency != "" && d.currency != currency && !(d.currency == "$" && strings.HasSuffix(currency, "D") && known(currency)) {
		return payment.Amount{}, faulty("NV-1203.sign", "value", s, "sign", d.currency, "currency", currency)
	}
	a, err := payment.FromDigits(d.negative, d.whole, d.fraction, currency)
	switch {
	case err == nil:
		return a, nil
	case strings.TrimRight(d.fraction, "0") != "" && len(strings.TrimRight(d.fraction, "0")) > exponent(currency):
		return payment.Amount{}, faulty("NV-1203.decimals", "value", s, "currency", currency, "decimals", string(rune('0'+exponent(currency))))
	}
	return payment.Amount{}, faulty("NV-1203.large", "value", clip(s))
}

// exponent is the number of decimals of a currency, 2 where it is not known.
func exponent(currency string) int {
	if n, err := payment.Exponent(currency); err == nil {
		return n
	}
	return 2
}

// decimal reads a number of any number of decimals.
func (f *numberFormat) number(s string) (decimal.Decimal, *fault) {
	d, ft := f.read(s)
	if ft == nil && d.currency != "" {
		ft = faulty("NV-1203.unreadable", "value", s)
	}
	if ft != nil {
		return decimal.Decimal{}, ft
	}
	return d.decimal(), nil
}

func (d digits) decimal() decimal.Decimal {
	text := "0" + d.whole
	if d.fraction != "" {
		text += "." + d.fraction
	}
	n, err := decimal.NewFromString(text)
	if err != nil { // only digits come here
		return decimal.Zero
	}
	if d.negative {
		return n.Neg()
	}
	return n
}

// plainDigits counts the ASCII digits that s begins with.
func plainDigits(s string) int {
	i := 0
	for i < len(s) && s[i] >= '0' && s[i] <= '9' {
		i++
	}
	return i
}

// isBlank knows the blanks of every width that spreadsheets and typesetters write, no-break ones too.
func isBlank(r rune) bool {
	switch r {
	case ' ', '\t', '\u00a0', '\u202f', '\u2007', '\u2009', '\ufeff', '\u3000':
		return true
	}
	return false
}

// trimBlanks takes blanks and line breaks off both ends.
func trimBlanks(s string) string {
	if s == "" || s[0] > ' ' && s[0] < utf8.RuneSelf && s[len(s)-1] > ' ' && s[len(s)-1] < utf8.RuneSelf {
		return s
	}
	return strings.TrimFunc(s, func(r rune) bool { return isBlank(r) || unicode.IsSpace(r) })
}

// clip keeps a value short enough to be shown.
func clip(s string) string {
	const most = 80
	n := 0
	for i := range s {
		if n++; n > most {
			return s[:i] + "…"
		}
	}
	return s
}

func letters(m map[rune]bool) string {
	var b []rune
	for r := range m {
		b = append(b, r)
	}
	for i := 1; i < len(b); i++ {
		for j := i; j > 0 && b[j] < b[j-1]; j-- {
			b[j], b[j-1] = b[j-1], b[j]
		}
	}
	return strings.Join(strings.Split(string(b), ""), ", ")
}
