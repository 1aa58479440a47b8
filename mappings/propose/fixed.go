package propose

import (
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/navette-connect/navette/mappings"
)

// fixed cuts the sample at positions: lines of one length, or records without line ends. nil where it is none.
func (s *sample) fixed() *table {
	t := &table{s: s, format: "fixed", header: -1, headerRows: 1}
	lines := t.lines()
	if lines == nil {
		return nil
	}
	lengths, longest := map[int]int{}, 0
	for _, l := range lines {
		lengths[len(l)]++
		longest = max(longest, len(l))
	}
	if longest < 12 || longest > 4096 {
		return nil
	}
	best, n := 0, 0
	for l, c := range lengths {
		if c > n || c == n && l > best {
			best, n = l, c
		}
	}
	if n == len(lines) {
		t.length = best
	}
	main := lines
	if kinds, kind := leading(lines, best); kinds != nil { // opening and closing records are shaped otherwise
		main, t.kind = kinds, kind
	}
	if len(main) < 2 && t.length == 0 {
		return nil
	}
	for _, c := range cuts(main) {
		t.columns = append(t.columns, mappings.Column{At: c[0] + 1, Len: c[1] - c[0]})
	}
	if len(t.columns) < 3 {
		return nil
	}
	for _, l := range lines {
		var cells []string
		for _, c := range t.columns {
			from, to := min(c.At-1, len(l)), min(c.At-1+c.Len, len(l))
			cells = append(cells, trim(string(l[from:to])))
		}
		t.records = append(t.records, record{cells: cells, comment: t.kind != "" && !strings.HasPrefix(string(l), t.kind)})
	}
	t.width, t.steady = len(t.columns), float64(n)/float64(len(lines))
	return t
}

// lines gives the records of fixed length as characters; nil where the text cannot be such a file.
func (t *table) lines() (out [][]rune) {
	s := t.s
	text := strings.TrimRight(s.text, "\x1a\f")
	if s.newline != "" {
		for _, l := range strings.Split(strings.TrimSuffix(text, s.newline), s.newline) {
			if strings.TrimSpace(l) != "" && len(out) < maxRecords {
				out = append(out, []rune(l))
			}
		}
		return out
	}
	rs := []rune(strings.TrimRight(text, "\r\n"))
	n := period(rs)
	if n == 0 {
		return nil
	}
	t.framed = true
	for i := 0; i+n <= len(rs) && len(out) < maxRecords; i += n {
		out = append(out, rs[i:i+n])
	}
	return out
}

// class is the kind of a character at a position: what columns of fixed files are told by.
func class(r rune) byte {
	switch {
	case r == ' ' || r == 0:
		return ' '
	case r >= '0' && r <= '9':
		return '9'
	case unicode.IsLetter(r):
		return 'a'
	}
	return '.'
}

// period finds the length of records without line ends: the least distance at which the kinds of characters repeat.
func period(rs []rune) int {
	cs := make([]byte, len(rs))
	for i, r := range rs {
		cs[i] = class(r)
	}
	best, most := 0, 0.0
	for n := 16; n <= min(4096, len(cs)/2); n++ {
		if len(cs)%n != 0 {
			continue
		}
		same := 0
		for i := n; i < len(cs); i++ {
			if cs[i] == cs[i-n] {
				same++
			}
		}
		score := float64(same) / float64(len(cs)-n)
		if score > most+0.02 {
			best, most = n, score
		}
	}
	if most < 0.6 {
		return 0
	}
	return best
}

// leading gives the records of the most frequent kind, where the first characters of a record tell its kind and there
// are others, and these characters; nil where they do not.
func leading(lines [][]rune, length int) ([][]rune, string) {
	for _, n := range []int{2, 1, 3} {
		kinds := map[string][][]rune{}
		for _, l := range lines {
			if len(l) >= n {
				kinds[string(l[:n])] = append(kinds[string(l[:n])], l)
			}
		}
		if len(kinds) < 2 || len(kinds) > 6 {
			continue
		}
		var most [][]rune
		for _, list := range kinds {
			if len(list) > len(most) || len(list) == len(most) && most != nil && string(list[0]) < string(most[0]) {
				most = list
			}
		}
		if len(most)*2 > len(lines) && len(most) < len(lines) {
			return most, string(most[0][:n])
		}
	}
	var same [][]rune
	for _, l := range lines {
		if len(l) == length {
			same = append(same, l)
		}
	}
	if len(same)*2 > len(lines) && len(same) < len(lines) {
		return same, ""
	}
	return nil, ""
}

// cuts finds the columns of fixed records: from and to, counted from 0.
func cuts(lines [][]rune) (out [][2]int) {
	width := 0
	for _, l := range lines {
		width = max(width, len(l))
	}
	at := func(l []rune, p int) rune {
		if p < len(l) {
			return l[p]
		}
		return ' '
	}
	// What stands at each position: '9' digits, ' ' nothing, 'a' letters and words.
	kind := make([]byte, width)
	start := make([]float64, width) // how often something begins there behind a blank
	filled := make([]float64, width)
	for p := range width {
		var n [256]int
		for _, l := range lines {
			c := class(at(l, p))
			n[c]++
			if c != ' ' {
				filled[p]++
				if p == 0 || class(at(l, p-1)) == ' ' {
					start[p]++
				}
			}
		}
		all := len(lines)
		filled[p] /= float64(all)
		start[p] /= float64(all)
		switch {
		case n[' '] == all:
			kind[p] = ' '
		case n['9']+n[' '] >= all-all/20 && n['9'] > 0:
			kind[p] = '9'
		default:
			kind[p] = 'a'
		}
	}
	from := 0
	cut := func(p int) {
		if p > from {
			out = append(out, [2]int{from, p})
			from = p
		}
	}
	for p := 1; p < width; p++ {
		switch {
		case kind[p] != ' ' && kind[p-1] == ' ': // behind blanks that no row fills
			cut(p)
		case kind[p] == '9' && kind[p-1] == 'a' && filled[p] > 0.95: // digits behind words
			if !codeLike(lines, from, p) {
				cut(p)
			}
		case kind[p] == 'a' && kind[p-1] == '9' && filled[p-1] > 0.95:
			cut(p)
		case kind[p] == 'a' && kind[p-1] == 'a' && start[p] > 0.6 && filled[p] > 0.85 && filled[p-1] < 0.5: // left-aligned text behind text that hardly reaches so far
			cut(p)
		}
	}
	cut(width)
	var fine [][2]int
	for _, c := range out {
		fine = append(fine, splitDates(lines, c)...)
	}
	return slices.DeleteFunc(fine, func(c [2]int) bool {
		return !slices.ContainsFunc(kind[c[0]:c[1]], func(k byte) bool { return k != ' ' })
	})
}

// codeLike tells whether the letters before p are the prefix of a code (CW00098112): short, full, and never blank.
func codeLike(lines [][]rune, from, p int) bool {
	if p-from > 3 {
		return false
	}
	letters := 0
	for _, l := range lines {
		for q := from; q < p && q < len(l); q++ {
			if class(l[q]) == 'a' {
				letters++
			}
		}
	}
	return letters == len(lines)*(p-from) && p-from >= 2
}

// splitDates takes dates out of a run of digits: 00000037500EUR2026112020261205.
func splitDates(lines [][]rune, c [2]int) [][2]int {
	width := c[1] - c[0]
	digits := true
	for _, l := range lines {
		for q := c[0]; q < c[1] && q < len(l); q++ {
			if k := class(l[q]); k != '9' && k != ' ' {
				digits = false
			}
		}
	}
	if !digits || width < 6 {
		return [][2]int{c}
	}
	for _, form := range []string{"%Y%m%d", "%d%m%Y", "%y%m%d", "%d%m%y"} {
		n := 6
		if strings.Contains(form, "Y") {
			n = 8
		}
		for p := c[0]; p+n <= c[1]; p++ {
			if !allDates(lines, p, p+n, form) {
				continue
			}
			var out [][2]int
			if p > c[0] {
				out = append(out, splitDates(lines, [2]int{c[0], p})...)
			}
			out = append(out, [2]int{p, p + n})
			if p+n < c[1] {
				out = append(out, splitDates(lines, [2]int{p + n, c[1]})...)
			}
			return out
		}
	}
	return [][2]int{c}
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
		if strings.Trim(text, "0") == "" {
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
