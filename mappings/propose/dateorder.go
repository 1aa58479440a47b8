package propose

import (
	"cmp"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// findDates settles how dates are written: the patterns that most dates have, day before month unless the file says
// otherwise.
func (d *description) findDates() {
	d.short = shortYears(d.role["due_on"], d.role["issued_on"], d.role["date"])
	dmy, mdy, either := 0, 0, 0
	counts := map[string]int{}
	serial, all := 0, 0
	for _, role := range []string{"due_on", "issued_on", "date"} {
		p := d.role[role]
		if p == nil {
			continue
		}
		for _, c := range p.cells {
			if c == "" {
				continue
			}
			forms := slices.DeleteFunc(datePatterns(c), func(f dateForm) bool { return f.short() && d.short[f.sep].first != (f.order == "ymd") })
			if len(forms) == 0 {
				if isSerial(c) {
					serial++
				}
				continue
			}
			all++
			orders := map[string]bool{}
			for _, f := range forms {
				counts[f.pattern]++
				orders[f.order] = true
			}
			switch {
			case orders["dmy"] && orders["mdy"]:
				either++
			case orders["dmy"]:
				dmy++
			case orders["mdy"]:
				mdy++
			}
		}
	}
	d.order, d.datesSure = "dmy", true
	if mdy > dmy {
		d.order = "mdy"
	}
	if dmy == mdy && either > 0 {
		d.datesSure = false
		if d.american() {
			d.order = "mdy"
		}
	}
	if min(dmy, mdy)*3 > max(dmy, mdy) && min(dmy, mdy) > 0 {
		d.datesSure = false
	}
	d.datePatterns(counts)
	// 031126 is a day of 2026 read one way and of 2003 read the other.
	if len(d.dates) > 0 && (d.dates[0] == "%d%m%y" || d.dates[0] == "%y%m%d") && counts["%d%m%y"] > 0 && counts["%y%m%d"] > 0 {
		d.datesSure = d.datesSure && (counts["%d%m%y"] > 2*counts["%y%m%d"] || counts["%y%m%d"] > 2*counts["%d%m%y"])
	}
	if serial > 0 && (all > 0 || serial > 1) {
		d.dates = append(d.dates, "excel")
	}
	if d.t.format == "xlsx" && !slices.Contains(d.dates, "%Y-%m-%d") {
		d.dates = append(d.dates, "%Y-%m-%d")
	}
}

// datePatterns lists the patterns of the order that was found, the most frequent first.
func (d *description) datePatterns(counts map[string]int) {
	wrong := "mdy"
	if d.order == "mdy" {
		wrong = "dmy"
	}
	patterns := slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(len(b), len(a)), strings.Compare(a, b))
	})
	order := map[string]string{}
	for _, f := range dateForms() {
		order[f.pattern] = f.order
	}
	for _, p := range patterns {
		if order[p] == wrong || len(d.dates) > 0 && (counts[p] < 1 || !strings.ContainsAny(p, "/-. ") && !strings.Contains(p, "T")) {
			continue
		}
		if len(d.dates) > 0 && sameDigits(d.dates[0], p) {
			continue
		}
		d.dates = append(d.dates, p)
	}
	if len(d.dates) > 1 && !strings.ContainsAny(d.dates[0], "/-. ") {
		d.dates = d.dates[:1]
	}
}

// sameDigits tells patterns of digits alone that exclude one another.
func sameDigits(a, b string) bool {
	return !strings.ContainsAny(a, "/-. ") && !strings.ContainsAny(b, "/-. ")
}

// short tells forms of two-digit years between separators: the year may stand at either end.
func (f dateForm) short() bool {
	return strings.Contains(f.pattern, "%y") && f.sep != 0 && f.order != "named"
}

// shortYear is where the two digits of a year stand, and whether anything rules the other end out.
type shortYear struct{ first, sure bool }

// shortYears finds, for each separator, at which end of dates the two digits of the year stand: 26-12-03 and 26-12-14 are
// two days of one December, or of 2003 and 2014. The years of a list are of our time, and near one another.
func shortYears(columns ...*profile) map[byte]shortYear {
	type end struct{ fits, near, from, to int }
	ends := map[byte]*[2]end{} // the year last, the year first
	for _, p := range columns {
		if p == nil {
			continue
		}
		for _, c := range p.cells {
			seen := [2]bool{}
			for _, f := range datePatterns(c) {
				at, group := 0, 3
				if f.order == "ymd" {
					at, group = 1, 1
				}
				if !f.short() || seen[at] {
					continue
				}
				seen[at] = true
				if ends[f.sep] == nil {
					ends[f.sep] = &[2]end{{from: 9999}, {from: 9999}}
				}
				e := &ends[f.sep][at]
				year, err := strconv.Atoi(f.re.FindStringSubmatch(c)[group])
				if err != nil {
					continue
				}
				e.fits, e.from, e.to = e.fits+1, min(e.from, year), max(e.to, year)
				if year >= 15 && year < 40 {
					e.near++
				}
			}
		}
	}
	out := map[byte]shortYear{}
	for sep, e := range ends {
		last, first := e[0], e[1]
		better := cmp.Or(cmp.Compare(first.fits, last.fits), cmp.Compare(first.near, last.near), cmp.Compare(last.to-last.from, first.to-first.from))
		out[sep] = shortYear{better > 0, better < 0 && (first.fits < last.fits || first.near < last.near)}
	}
	return out
}

// formOf is the pattern that a column of dates is read by.
func (d *description) formOf(p *profile) string {
	for _, c := range p.cells {
		for _, f := range datePatterns(c) {
			if slices.Contains(d.dates, f.pattern) {
				return f.pattern
			}
		}
	}
	return d.dates[0]
}

// yearUnsure tells a column in which the year may stand at the other end.
func (d *description) yearUnsure(p *profile) bool {
	return slices.ContainsFunc(p.cells, func(c string) bool {
		return slices.ContainsFunc(datePatterns(c), func(f dateForm) bool { return f.short() && !d.short[f.sep].sure })
	})
}

// otherForm is the pattern that a column of dates might have instead.
func (d *description) otherForm(p *profile) string {
	form := d.formOf(p)
	switch {
	case d.yearUnsure(p):
		return strings.NewReplacer("%d", "%y", "%y", "%d").Replace(form)
	case strings.HasPrefix(form, "%d%m%y") || strings.HasPrefix(form, "%y%m%d"):
		return strings.NewReplacer("%d", "%y", "%y", "%d").Replace(form)
	}
	return strings.NewReplacer("%d", "%m", "%m", "%d").Replace(form)
}

// lateUTC knows the midnight of Paris or Brussels as a program without time zones writes it: an hour or two too early, on
// the day before.
var lateUTC = regexp.MustCompile(`[T ]2[23]:00(:00(\.0+)?)? ?(Z|\+00:?00)$`)

// isLate tells a column whose times all are such midnights.
func isLate(p *profile) bool {
	n := 0
	for _, c := range p.cells {
		if len(datePatterns(c)) == 0 {
			continue
		}
		if !lateUTC.MatchString(c) {
			return false
		}
		n++
	}
	return n > 0
}

// american tells files that write the month first: dollars, as a program of that country writes them. A decimal comma, and
// titles in a language whose countries write the day first, are of another country, whatever the currency.
func (d *description) american() bool {
	if d.decimal == ',' || slices.ContainsFunc(d.cols, func(p *profile) bool {
		return slices.ContainsFunc(words(p.title), func(w string) bool { return says("dayfirst", w) })
	}) {
		return false
	}
	if c := d.role["currency"]; c != nil && slices.ContainsFunc(c.cells, func(s string) bool { return s == "USD" || s == "$" }) && !slices.Contains(c.cells, "EUR") {
		return true
	}
	p := d.amountColumn()
	return p != nil && slices.ContainsFunc(p.cells, func(c string) bool { return strings.Contains(c, "$") })
}
