package mappings

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// ErrPattern is the kind of a date pattern that cannot be read.
var ErrPattern = errors.New("unknown date pattern")

// dateToken is a part of a pattern: 'd', 'm', 'Y' (four digits), 'y' (two), 'H', 'M', 'S', or 0 for a literal byte.
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
	fr, en   string // as people write it: JJ/MM/AAAA, DD/MM/YYYY
	strftime string // for functions that write dates
}

// parseDatePattern reads "%d/%m/%Y", "DD/MM/YYYY", "JJ/MM/AAAA", "YYMMDD" or "excel".
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
		fr, en, std := shown(*t)
		f.fr, f.en, f.strftime = f.fr+fr, f.en+en, f.strftime+std
	}
	if seen['d'] != 1 || seen['m'] != 1 || seen['Y']+seen['y'] > 1 {
		return f, fmt.Errorf("%w %q: day, month and year once each", ErrPattern, pattern)
	}
	f.noYear = seen['Y']+seen['y'] == 0
	return f, nil
}

// dateWord reads one word of a pattern: what it stands for and its length.
func dateWord(s string) (what byte, n int) {
	if len(s) >= 2 && s[0] == '%' {
		if strings.IndexByte("dmYyHMS", s[1]) >= 0 {
			return s[1], 2
		}
		return 0, 0
	}
	for _, w := range [...]struct {
		word string
		what byte
	}{{"YYYY", 'Y'}, {"AAAA", 'Y'}, {"YY", 'y'}, {"AA", 'y'}, {"DD", 'd'}, {"JJ", 'd'}, {"MM", 'm'}, {"hh", 'H'}, {"HH", 'H'}, {"mm", 'M'}, {"ss", 'S'}, {"SS", 'S'}} {
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
	t := time.Date(1899, 12, 30, 0, 0, 0, 0, time.UTC).AddDate(0, 0, n)
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
		day := time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)
		return fmt.Sprint(int(day.Sub(time.Date(1899, 12, 30, 0, 0, 0, 0, time.UTC)).Hours() / 24))
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
