package propose

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode"

	"github.com/navette-connect/navette/mappings"
)

// dateForm is a way dates are written that the mapping language reads.
type dateForm struct {
	pattern string
	order   string // dmy, mdy, ymd; named: the month has its name
	sep     byte   // between day and month; 0: none
	timed   bool
	re      *regexp.Regexp
}

// dateForms are the ways dates are written, the usual ones first.
var dateForms = sync.OnceValue(func() (out []dateForm) {
	times := []struct{ form, re string }{{"", "$"}}
	for _, t := range []string{" ", "T"} {
		hour := "[0-9]{1,2}"
		if t == "T" {
			hour = "[0-9]{2}"
		}
		times = append(times, []struct{ form, re string }{{t + "%H:%M", t + hour + ":[0-9]{2}$"}, {t + "%H:%M:%S", t + hour + ":[0-9]{2}:[0-9]{2}$"},
			{t + "%H:%M:%S%z", t + hour + ":[0-9]{2}:[0-9]{2}" + zoneForm + "$"}, {t + "%H:%M:%S.%f", t + hour + `:[0-9]{2}:[0-9]{2}\.[0-9]{1,9}$`},
			{t + "%H:%M:%S.%f%z", t + hour + `:[0-9]{2}:[0-9]{2}\.[0-9]{1,9}` + zoneForm + "$"}, {t + "%H:%M:%S %z", t + hour + ":[0-9]{2}:[0-9]{2} " + zoneForm + "$"}}...)
	}
	times = append(times, []struct{ form, re string }{{" %I:%M %p", " [0-9]{1,2}:[0-9]{2} (?i:[ap]m)$"}, {" %I:%M:%S %p", " [0-9]{1,2}:[0-9]{2}:[0-9]{2} (?i:[ap]m)$"}}...)
	for _, sep := range []string{"/", "-", ".", " "} {
		q := regexp.QuoteMeta(sep)
		for _, f := range []struct{ order, form, re string }{
			{"dmy", "%d-%m-%Y", "^([0-9]{1,2})-([0-9]{1,2})-([0-9]{4})"}, {"mdy", "%m-%d-%Y", "^([0-9]{1,2})-([0-9]{1,2})-([0-9]{4})"},
			{"ymd", "%Y-%m-%d", "^([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})"}, {"dmy", "%d-%m-%y", "^([0-9]{1,2})-([0-9]{1,2})-([0-9]{2})"},
			{"mdy", "%m-%d-%y", "^([0-9]{1,2})-([0-9]{1,2})-([0-9]{2})"}, {"ymd", "%y-%m-%d", "^([0-9]{2})-([0-9]{1,2})-([0-9]{1,2})"},
		} {
			re := strings.ReplaceAll(f.re, ")-(", ")"+q+"(")
			form := strings.ReplaceAll(f.form, "-", sep)
			if f.order == "mdy" && sep == "." { // nobody writes the month first with points
				continue
			}
			for _, time := range times {
				out = append(out, dateForm{form + time.form, f.order, sep[0], time.form != "", regexp.MustCompile(re + time.re)})
			}
		}
	}
	return append(out, dateForm{"%Y%m%d", "ymd", 0, false, regexp.MustCompile(`^(20[0-9]{2}|19[0-9]{2})([0-9]{2})([0-9]{2})$`)},
		dateForm{"%d%m%Y", "dmy", 0, false, regexp.MustCompile(`^([0-9]{1,2})([0-9]{2})(20[0-9]{2}|19[0-9]{2})$`)},
		dateForm{"%d%m%y", "dmy", 0, false, regexp.MustCompile(`^([0-9]{2})([0-9]{2})([0-9]{2})$`)},
		dateForm{"%y%m%d", "ymd", 0, false, regexp.MustCompile(`^([0-9]{2})([0-9]{2})([0-9]{2})$`)})
})

const zoneForm = `(?:Z|[+-][0-9]{2}:?[0-9]{2}|[+-][0-9]{2})`

// named are the ways dates are written with the name of the month, which leaves no doubt about the order.
var named = sync.OnceValue(func() (out []dateForm) {
	for _, f := range [][2]string{{"%d %b %Y", "^([0-9]{1,2}) (X) ([0-9]{4})$"}, {"%d. %b %Y", `^([0-9]{1,2})\. (X) ([0-9]{4})$`}, {"%d-%b-%Y", "^([0-9]{1,2})-(X)-([0-9]{4})$"},
		{"%d-%b-%y", "^([0-9]{1,2})-(X)-([0-9]{2})$"}, {"%d/%b/%Y", "^([0-9]{1,2})/(X)/([0-9]{4})$"}, {"%d %b %y", "^([0-9]{1,2}) (X) ([0-9]{2})$"},
		{"%d de %b de %Y", "^([0-9]{1,2}) de (X) de ([0-9]{4})$"}, {"%b %d, %Y", "^(X) ([0-9]{1,2}), ([0-9]{4})$"}, {"%b %d %Y", "^(X) ([0-9]{1,2}) ([0-9]{4})$"}} {
		out = append(out, dateForm{f[0], "named", 'b', false, regexp.MustCompile(strings.Replace(f[1], "X", `\p{L}{3,10}\.?`, 1))})
	}
	return out
})

// namedDate gives the form by which a text is a date with the name of its month; ok is false for none.
func namedDate(s string) (f dateForm, y, m, d string, ok bool) {
	if !strings.ContainsFunc(s, unicode.IsLetter) {
		return f, "", "", "", false
	}
	for _, f := range named() {
		g := f.re.FindStringSubmatch(s)
		if g == nil {
			continue
		}
		day, month := g[1], g[2]
		if strings.HasPrefix(f.pattern, "%b") {
			day, month = month, day
		}
		n := mappings.MonthNamed(strings.TrimSuffix(month, "."))
		if n == 0 {
			continue
		}
		if v, err := strconv.Atoi(day); err != nil || v < 1 || v > 31 {
			continue
		}
		return f, g[3], strconv.Itoa(n), day, true
	}
	return f, "", "", "", false
}

// datePatterns gives the patterns by which a text is a date: month and day must be possible, but a day that the month
// lacks will do (people do write 31/11).
func datePatterns(s string) (out []dateForm) {
	if f, _, _, _, ok := namedDate(s); ok && len(s) <= 30 {
		return []dateForm{f}
	}
	if len(s) < 6 || len(s) > 36 || s[0] < '0' || s[0] > '9' {
		return nil
	}
	sep, timed := byte(0), strings.IndexByte(s, ':') > 0
	for i := range len(s) {
		if c := s[i]; c == '/' || c == '-' || c == '.' || c == ' ' {
			sep = c
			break
		} else if c < '0' || c > '9' {
			return nil
		}
	}
	for _, f := range dateForms() {
		if f.sep != sep || f.timed != timed {
			continue
		}
		g := f.re.FindStringSubmatch(s)
		if g == nil {
			continue
		}
		d, m, y := g[1], g[2], g[3]
		switch f.order {
		case "mdy":
			d, m = m, d
		case "ymd":
			d, y = y, d
		}
		day, e1 := strconv.Atoi(d)
		month, e2 := strconv.Atoi(m)
		year, e3 := strconv.Atoi(y)
		if len(y) == 2 {
			if year += 2000; len(s) == 6 && (year < 2015 || year > 2039) || f.order == "ymd" && year > 2049 {
				continue
			}
		}
		if e1 == nil && e2 == nil && e3 == nil && day >= 1 && day <= 31 && month >= 1 && month <= 12 && year >= 1950 && year < 2080 {
			out = append(out, f)
		}
	}
	return out
}

// isSerial tells a spreadsheet's day number of 2010 to 2049.
func isSerial(s string) bool {
	n, err := strconv.Atoi(s)
	return err == nil && n >= 40179 && n <= 54788
}

// datesByContent finds the date of the document and the day it falls due among columns of dates: the later one.
func (d *description) datesByContent(free func(func(*profile) bool, func(a, b *profile) bool) *profile) {
	if d.t.header >= 0 && (d.role["due_on"] != nil || d.role["issued_on"] != nil || d.role["date"] != nil) {
		return
	}
	for _, role := range []string{"issued_on", "due_on"} {
		if d.role[role] != nil {
			continue
		}
		if p := free(func(p *profile) bool { return p.date >= 0.6 && p.distinct > 0 && p.length >= 6 && p.filled() > 0.2 }, func(_, _ *profile) bool { return false }); p != nil {
			d.role[role] = p
		}
	}
	a, b := d.role["issued_on"], d.role["due_on"]
	if a == nil || b == nil || d.byWord["issued_on"] || d.byWord["due_on"] {
		return
	}
	later, short := 0, shortYears(a, b)
	for i := range a.cells {
		x, y := iso(a.cells[i], short), iso(b.cells[i], short)
		if x != "" && y != "" {
			later += strings.Compare(y, x)
		}
	}
	if later < 0 {
		d.role["issued_on"], d.role["due_on"] = b, a
	}
}

// iso is a date as YYMMDD by its likeliest pattern, only to compare dates of one file.
func iso(s string, short map[byte]shortYear) string {
	forms := datePatterns(s)
	if len(forms) == 0 {
		return ""
	}
	pad := func(s string) string {
		if len(s) == 1 {
			return "0" + s
		}
		return s
	}
	if _, y, m, d, ok := namedDate(s); ok {
		return y[len(y)-2:] + pad(m) + pad(d)
	}
	f := forms[0]
	if i := slices.IndexFunc(forms, func(f dateForm) bool { return f.short() && f.order == "ymd" }); i >= 0 && short[f.sep].first {
		f = forms[i]
	}
	g := f.re.FindStringSubmatch(s)
	switch f.order {
	case "ymd":
		return g[1][len(g[1])-2:] + pad(g[2]) + pad(g[3])
	case "mdy":
		return g[3][len(g[3])-2:] + pad(g[1]) + pad(g[2])
	}
	return g[3][len(g[3])-2:] + pad(g[2]) + pad(g[1])
}
