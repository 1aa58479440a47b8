package propose

import (
	"slices"
	"strconv"
	"strings"
)

// splitDates takes dates out of a run of digits: 00000037500EUR2026112020261205.
func splitDates(lines [][]rune, c [2]int) [][2]int {
	if c[1]-c[0] > 7 && !slices.ContainsFunc(lines, func(l []rune) bool { // the sign behind an amount is its own
		return c[1] <= len(l) && l[c[1]-1] != ' ' && l[c[1]-1] != '-' && l[c[1]-1] != '+'
	}) {
		out := splitDates(lines, [2]int{c[0], c[1] - 1})
		out[len(out)-1][1] = c[1]
		return out
	}
	width := c[1] - c[0]
	digits := true
	for _, l := range lines {
		for q := c[0]; q < c[1] && q < len(l); q++ {
			if k := class(l[q]); k != '9' && k != ' ' {
				digits = false
			}
		}
	}
	if !digits && width > 10 && figures(lines, c[0]+8, c[1]) { // 202612030001234,56
		for _, form := range []string{"%Y%m%d", "%d%m%Y"} {
			if allDates(lines, c[0], c[0]+8, form) {
				return append([][2]int{{c[0], c[0] + 8}}, splitDates(lines, [2]int{c[0] + 8, c[1]})...)
			}
		}
	}
	if !digits || width < 6 {
		return [][2]int{c}
	}
	var best [][2]int // the form that makes dates of most of them: 061126031226 is two days, and no 260312
	most := 0
	for _, form := range []string{"%Y%m%d", "%d%m%Y", "%y%m%d", "%d%m%y"} {
		n := 6
		if strings.Contains(form, "Y") {
			n = 8
		}
		var found [][2]int
		for p := c[0]; p+n <= c[1]; p++ {
			if allDates(lines, p, p+n, form) {
				found = append(found, [2]int{p, p + n})
				p += n - 1
			}
		}
		if len(found)*n > most {
			best, most = found, len(found)*n
		}
	}
	var out [][2]int
	from := c[0]
	for _, d := range best {
		if d[0] > from {
			out = append(out, [2]int{from, d[0]})
		}
		out = append(out, d)
		from = d[1]
	}
	if from < c[1] {
		out = append(out, [2]int{from, c[1]})
	}
	return out
}

// figures tells whether nothing but digits, marks and signs stands between two positions.
func figures(lines [][]rune, from, to int) bool {
	return !slices.ContainsFunc(lines, func(l []rune) bool {
		return strings.Trim(string(l[min(from, len(l)):min(to, len(l))]), "0123456789.,+- ") != ""
	})
}

// allDates tells whether nearly every record has a date of our time (or zeros) between two positions.
func allDates(lines [][]rune, from, to int, form string) bool {
	good, zero, seen := 0, 0, 0
	for _, l := range lines {
		if len(l) < to {
			continue
		}
		text := string(l[from:to])
		if strings.TrimSpace(text) == "" {
			zero++
			continue
		}
		seen++
		if strings.Trim(text, "0") == "" || text == "01011900" || text == "19000101" {
			zero++
			continue
		}
		if digitDate(text, form) {
			good++
		}
	}
	return good >= 2 && good*10 >= (seen-min(zero, seen))*8 && good+zero >= len(lines)*8/10
}

// digitDate tells whether digits are a date of the years 2000 to 2059 in one of the forms of allDates.
func digitDate(text, form string) bool {
	num := func(s string) int {
		n, err := strconv.Atoi(s)
		if err != nil {
			return -1
		}
		return n
	}
	var y, m, d int
	switch form {
	case "%Y%m%d":
		y, m, d = num(text[:4]), num(text[4:6]), num(text[6:])
	case "%d%m%Y":
		d, m, y = num(text[:2]), num(text[2:4]), num(text[4:])
	case "%y%m%d":
		y, m, d = 2000+num(text[:2]), num(text[2:4]), num(text[4:])
	case "%d%m%y":
		d, m, y = num(text[:2]), num(text[2:4]), 2000+num(text[4:])
	}
	if len(text) == 6 && (y < 2015 || y > 2039) {
		return false
	}
	return y >= 2000 && y < 2060 && m >= 1 && m <= 12 && d >= 1 && d <= 31
}
