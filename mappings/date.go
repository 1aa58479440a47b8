package mappings

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// ErrPattern is the kind of a date pattern that cannot be read.
var ErrPattern = errors.New("unknown date pattern")

// dateToken is a part of a pattern: 'd', 'm', 'b' (the month's name), 'Y' (four digits), 'y' (two), 'H', 'M', 'S', 'f'
// (the fraction of a second), 'p' (AM or PM), 'z' (Z or +01:00), or 0 for a literal byte.
type dateToken struct {
	what  byte
	text  byte // the literal
	loose bool // stands between separators: one digit will do
}

// dateFormat is one way dates are written.
type dateFormat struct {
	tokens   []dateToken
	excel    bool // day number of a spreadsheet: 1 = 1 January 1900
	noYear   bool
	readOnly bool   // it has parts that are read and never written: names of months, fractions, zones
	fr, en   string // as people write it: JJ/MM/AAAA, DD/MM/YYYY
	strftime string // for functions that write dates
}

// parseDatePattern reads "%d/%m/%Y", "DD/MM/YYYY", "JJ/MM/AAAA", "DD MMM YYYY", "YYMMDD" or "excel".
func parseDatePattern(pattern string) (dateFormat, error) {
	f := dateFormat{}
	if strings.EqualFold(pattern, "excel") {
		f.excel, f.fr, f.en = true, "numéro de jour d'Excel", "Excel day number"
		return f, nil
	}
	rest := pattern
	for rest != "" {
		what, n := dateWord(rest)
		if n == 0 {
			c := rest[0]
			if c == '%' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' && c != 'T' || c >= 'A' && c <= 'Z' && c != 'T' && c != 'Z' {
				return f, fmt.Errorf("%w %q", ErrPattern, pattern)
			}
			what, n = 0, 1
		}
		f.tokens = append(f.tokens, dateToken{what: what, text: rest[0]})
		rest = rest[n:]
	}
	seen := map[byte]int{}
	for i := range f.tokens {
		t := &f.tokens[i]
		t.loose = t.what != 0 && (i == 0 || f.tokens[i-1].what == 0) && (i+1 == len(f.tokens) || f.tokens[i+1].what == 0) && len(f.tokens) > 1
		seen[t.what]++
		f.readOnly = f.readOnly || strings.IndexByte("bfpz", t.what) >= 0
		fr, en, std := shown(*t)
		f.fr, f.en, f.strftime = f.fr+fr, f.en+en, f.strftime+std
	}
	if seen['d'] != 1 || seen['m']+seen['b'] != 1 || seen['Y']+seen['y'] > 1 {
		return f, fmt.Errorf("%w %q: day, month and year once each", ErrPattern, pattern)
	}
	f.noYear = seen['Y']+seen['y'] == 0
	return f, nil
}

// dateWord reads one word of a pattern: what it stands for and its length.
func dateWord(s string) (what byte, n int) {
	if len(s) >= 2 && s[0] == '%' {
		switch what = s[1]; what {
		case 'B':
			what = 'b'
		case 'I':
			what = 'H'
		}
		if strings.IndexByte("dmbYyHMSfpz", what) >= 0 {
			return what, 2
		}
		return 0, 0
	}
	for _, w := range [...]struct {
		word string
		what byte
	}{{"YYYY", 'Y'}, {"AAAA", 'Y'}, {"YY", 'y'}, {"AA", 'y'}, {"DD", 'd'}, {"JJ", 'd'}, {"MMM", 'b'}, {"MM", 'm'}, {"hh", 'H'}, {"HH", 'H'}, {"mm", 'M'}, {"ss", 'S'}, {"SS", 'S'}} {
		if strings.HasPrefix(s, w.word) {
			return w.what, len(w.word)
		}
	}
	return 0, 0
}

func shown(t dateToken) (fr, en, strftime string) {
	switch t.what {
	case 'd':
		return "JJ", "DD", "%d"
	case 'm':
		return "MM", "MM", "%m"
	case 'Y':
		return "AAAA", "YYYY", "%Y"
	case 'y':
		return "AA", "YY", "%y"
	case 'H':
		return "hh", "hh", "%H"
	case 'M':
		return "mm", "mm", "%M"
	case 'S':
		return "ss", "ss", "%S"
	case 'b':
		return "MMM", "MMM", "%b"
	case 'f':
		return "000", "000", "%f"
	case 'p':
		return "AM/PM", "AM/PM", "%p"
	case 'z':
		return "±hh:mm", "±hh:mm", "%z"
	}
	return string(t.text), string(t.text), string(t.text)
}

// readDate reads a text by the first pattern that fits a day of the calendar; ISO "2006-01-02". year completes patterns
// without one, 0 = none is known.
func readDate(formats []dateFormat, s string, year int) (string, *fault) {
	impossible := false
	for i := range formats {
		y, m, d, fits := formats[i].read(s, year)
		if !fits {
			continue
		}
		if m >= 1 && m <= 12 && d >= 1 && d <= daysIn(y, m) && y >= 1900 && y <= 9999 {
			return isoDate(y, m, d), nil
		}
		impossible = true
	}
	key := "NV-1204.unreadable"
	if impossible {
		key = "NV-1204.impossible"
	}
	fr, en := expected(formats)
	return "", faulty(key, "value", s, "expected.fr", fr, "expected.en", en)
}

// dateMemory is how many dates a reading remembers: files repeat theirs.
const dateMemory = 1024

// knownDate is a date that was read before.
type knownDate struct {
	format *dateFormat // the first of the patterns it was read by
	text   string
	iso    string
}

// readDate is the function of that name, with a memory.
func (r *Reading) readDate(formats []dateFormat, s string) (string, *fault) {
	if len(s) < 6 || len(s) > 20 || len(formats) == 0 {
		return readDate(formats, s, r.year)
	}
	n := len(s)
	at := (uint32(s[0])<<24 | uint32(s[1])<<16 | uint32(s[3])<<8 | uint32(s[4])) ^ uint32(s[n-1])<<12 ^ uint32(s[n-2])<<20
	at = at * 2654435761 >> 22 // Knuth's multiplicative hash
	if r.known == nil {
		r.known = make([]knownDate, dateMemory)
	}
	k := &r.known[at%dateMemory]
	if k.text == s && k.format == &formats[0] {
		return k.iso, nil
	}
	iso, ft := readDate(formats, s, r.year)
	if ft == nil {
		*k = knownDate{&formats[0], strings.Clone(s), iso}
	}
	return iso, ft
}

// expected lists the patterns as people write them.
func expected(formats []dateFormat) (fr, en string) {
	for i, f := range formats {
		if i > 0 {
			fr, en = fr+" ou ", en+" or "
		}
		fr, en = fr+f.fr, en+f.en
	}
	return fr, en
}

// read takes a text apart; fits tells that it has the pattern's shape.
func (f *dateFormat) read(s string, year int) (y, m, d int, fits bool) {
	if f.excel {
		return excelDay(s)
	}
	y = year
	for _, t := range f.tokens {
		if t.what == 0 {
			if s == "" || s[0] != t.text {
				return 0, 0, 0, false
			}
			s = s[1:]
			continue
		}
		if t.what == 'b' || t.what == 'p' || t.what == 'z' || t.what == 'f' {
			v, n := t.word(s)
			if n == 0 {
				return 0, 0, 0, false
			}
			if s = s[n:]; t.what == 'b' {
				m = v
			}
			continue
		}
		width := 2
		if t.what == 'Y' {
			width = 4
		}
		n := plainDigits(s)
		if n > width {
			n = width
		}
		if n < width && !(n == 1 && t.loose && t.what != 'Y' && t.what != 'y') {
			return 0, 0, 0, false
		}
		v := 0
		for _, c := range s[:n] {
			v = v*10 + int(c-'0')
		}
		s = s[n:]
		switch t.what {
		case 'd':
			d = v
		case 'm':
			m = v
		case 'Y':
			y = v
		case 'y':
			if y = 2000 + v; v >= 80 {
				y = 1900 + v
			}
		case 'H':
			fits = v > 23
		case 'M', 'S':
			fits = v > 59
		}
		if fits { // no such hour: the text has not this shape
			return 0, 0, 0, false
		}
	}
	return y, m, d, s == ""
}

// word reads a part that is no number of two or four digits: its value, of a month, and its length; 0 where it is none.
func (t dateToken) word(s string) (v, n int) {
	switch t.what {
	case 'b':
		n = strings.IndexFunc(s, func(r rune) bool { return !unicode.IsLetter(r) })
		if n < 0 {
			n = len(s)
		}
		if v = MonthNamed(s[:n]); v == 0 {
			return 0, 0
		}
		if strings.HasPrefix(s[n:], ".") && n <= 6 { // janv., déc.
			n++
		}
		return v, n
	case 'p':
		if len(s) >= 2 && (strings.EqualFold(s[:2], "am") || strings.EqualFold(s[:2], "pm")) {
			return 0, 2
		}
	case 'f':
		if n = plainDigits(s); n <= 9 {
			return 0, n
		}
	case 'z':
		if strings.HasPrefix(s, "Z") {
			return 0, 1
		}
		if len(s) < 3 || s[0] != '+' && s[0] != '-' || plainDigits(s[1:]) != 2 && plainDigits(s[1:]) != 4 {
			return 0, 0
		}
		if n = 1 + plainDigits(s[1:]); n == 3 && len(s) >= 6 && s[3] == ':' && plainDigits(s[4:]) == 2 {
			n = 6
		}
		return 0, n
	}
	return 0, 0
}

// MonthNamed is the month that a word names, whole or cut short, in French, English, German, Spanish, Italian or Dutch; 0 for
// none. No two of these languages give one word to two months; "jui" may be two, and is none.
func MonthNamed(word string) int {
	switch withoutAccents(strings.ToLower(word)) {
	case "janvier", "janv", "jan", "january", "januar", "janner", "enero", "ene", "gennaio", "gen", "januari":
		return 1
	case "fevrier", "fevr", "fev", "february", "feb", "februar", "febrero", "febbraio", "februari":
		return 2
	case "mars", "mar", "march", "marz", "mrz", "marzo", "maart", "mrt":
		return 3
	case "avril", "avr", "april", "apr", "abril", "abr", "aprile":
		return 4
	case "mai", "may", "mayo", "maggio", "mag", "mei":
		return 5
	case "juin", "june", "jun", "juni", "junio", "giugno", "giu":
		return 6
	case "juillet", "juil", "july", "jul", "juli", "julio", "luglio", "lug":
		return 7
	case "aout", "aou", "august", "aug", "agosto", "ago", "augustus":
		return 8
	case "septembre", "sept", "sep", "september", "septiembre", "setiembre", "settembre", "set":
		return 9
	case "octobre", "oct", "october", "oktober", "okt", "octubre", "ottobre", "ott":
		return 10
	case "novembre", "nov", "november", "noviembre":
		return 11
	case "decembre", "dec", "december", "dezember", "dez", "diciembre", "dicembre", "dic":
		return 12
	}
	return 0
}

// excelZero is the day from which Excel's days count since 1 March 1900.
var excelZero = time.Date(1899, 12, 30, 0, 0, 0, 0, time.UTC)

// excelDay is the date of a spreadsheet's day number. Excel believes in a 29 February 1900, its day 60.
func excelDay(s string) (y, m, d int, ok bool) {
	n := 0
	if len(s) == 0 || len(s) > 7 || plainDigits(s) < len(s) {
		return 0, 0, 0, false
	}
	for _, c := range s {
		n = n*10 + int(c-'0')
	}
	switch {
	case n < 1 || n == 60 || n > 2958465:
		return 0, 0, 0, true
	case n < 60:
		n++
	}
	t := excelZero.AddDate(0, 0, n)
	return t.Year(), int(t.Month()), t.Day(), true
}

func daysIn(y, m int) int {
	switch m {
	case 2:
		if y%4 == 0 && (y%100 != 0 || y%400 == 0) {
			return 29
		}
		return 28
	case 4, 6, 9, 11:
		return 30
	}
	return 31
}

func isoDate(y, m, d int) string {
	b := [10]byte{byte('0' + y/1000), byte('0' + y/100%10), byte('0' + y/10%10), byte('0' + y%10), '-',
		byte('0' + m/10), byte('0' + m%10), '-', byte('0' + d/10), byte('0' + d%10)}
	return string(b[:])
}

// write gives an ISO date (or the date of an RFC 3339 time) as the pattern writes it; "" for what is no date.
func (f *dateFormat) write(iso string) string {
	layout := time.DateOnly
	if len(iso) > len(layout) {
		layout = time.RFC3339
	}
	t, err := time.Parse(layout, iso)
	if err != nil {
		return ""
	}
	if f.excel {
		n := int(time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC).Sub(excelZero).Hours() / 24)
		if n <= 60 { // before the day that Excel alone has
			n--
		}
		if n < 1 {
			return "" // it has no number
		}
		return strconv.Itoa(n)
	}
	var b strings.Builder
	for _, tk := range f.tokens {
		switch tk.what {
		case 'd':
			fmt.Fprintf(&b, "%02d", t.Day())
		case 'm':
			fmt.Fprintf(&b, "%02d", int(t.Month()))
		case 'Y':
			fmt.Fprintf(&b, "%04d", t.Year())
		case 'y':
			fmt.Fprintf(&b, "%02d", t.Year()%100)
		case 'H':
			fmt.Fprintf(&b, "%02d", t.Hour())
		case 'M':
			fmt.Fprintf(&b, "%02d", t.Minute())
		case 'S':
			fmt.Fprintf(&b, "%02d", t.Second())
		default:
			b.WriteByte(tk.text)
		}
	}
	return b.String()
}
