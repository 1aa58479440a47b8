package propose

import (
	"slices"
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
	lines, titles := t.printed(lines)
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
	if titles != nil { // sums are shaped otherwise
		main = slices.DeleteFunc(slices.Clone(main), func(l []rune) bool { return isTotalCell(strings.TrimSpace(string(l))) })
	}
	columns, sure := thousands(main, titles, cuts(main, len([]rune(t.kind))))
	columns, t.overpunched = zoned(main, signed(main, columns))
	if !sure {
		return nil
	}
	for _, c := range columns {
		t.columns = append(t.columns, mappings.Column{At: c[0] + 1, Len: c[1] - c[0]})
	}
	if len(t.columns) < 3 {
		return nil
	}
	for _, l := range lines {
		var cells []string
		for _, c := range t.columns {
			from, to := min(c.At-1, len(l)), min(c.At-1+c.Len, len(l))
			cell := trim(string(l[from:to]))
			if t.overpunched[c.At-1] {
				cell = unzoned(cell)
			}
			cells = append(cells, cell)
		}
		t.records = append(t.records, record{cells: cells, comment: t.kind != "" && !strings.HasPrefix(string(l), t.kind)})
	}
	t.width, t.steady = len(t.columns), float64(n)/float64(len(lines))
	for i, c := range t.columns { // what stands above a column, up to the next
		from, to := c.At-1, len(titles)
		if i == 0 {
			from = 0
		}
		if i+1 < len(t.columns) {
			to = t.columns[i+1].At - 1
		}
		if titles != nil {
			t.titles = append(t.titles, trim(string(titles[min(from, len(titles)):min(to, len(titles))])))
		}
	}
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
	if strings.HasPrefix(s.encoding, "utf-8") { // digits and capitals alone: any encoding of one byte a character will do
		s.encoding = "windows-1252"
	}
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
		same, end := 0, min(len(cs), 32<<10) // the first records tell
		for i := n; i < end; i++ {
			if cs[i] == cs[i-n] {
				same++
			}
		}
		score := float64(same) / float64(max(1, end-n))
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
		if len(most)*2 > len(lines) && len(most) < len(lines) && !alike(lines, most, n) {
			return most, string(most[0][:wholeKind(lines, most, n)])
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

// alike tells whether a record of another kind is shaped as those of the most frequent one: AV0002 among FA0012 is a
// document like the others, and no other kind of record.
func alike(lines, most [][]rune, n int) bool {
	for _, l := range lines {
		if string(l[:min(n, len(l))]) == string(most[0][:n]) {
			continue
		}
		for _, m := range most[:min(len(most), 8)] {
			same := 0
			for p := n; p < len(l) && p < len(m); p++ {
				if class(l[p]) == class(m[p]) {
					same++
				}
			}
			if len(l) == len(m) && same*10 >= (len(l)-n)*8 {
				return true
			}
		}
	}
	return false
}

// wholeKind lengthens the kind of records to the letters that the other kinds have: ENT, FAC, FIN, and not FA.
func wholeKind(lines, most [][]rune, n int) int {
	letters := func(l []rune) int {
		i := 0
		for i < len(l) && class(l[i]) == 'a' {
			i++
		}
		return i
	}
	whole := 0
	for _, l := range lines {
		if string(l[:min(n, len(l))]) != string(most[0][:n]) && (whole == 0 || letters(l) < whole) {
			whole = letters(l)
		}
	}
	if whole <= n || whole > 4 {
		return n
	}
	for _, l := range most {
		if len(l) < whole || string(l[:whole]) != string(most[0][:whole]) {
			return n
		}
	}
	return whole
}

// ruler is what stands at each position of fixed records, over all of them.
type ruler struct {
	lines  [][]rune
	kind   []byte    // '9' numbers, with their marks and signs; ' ' nothing; 'a' letters and words
	start  []float64 // share of records in which something begins there behind a blank
	filled []float64 // share of records in which something stands there
}

func rulerOf(lines [][]rune) *ruler {
	width := 0
	for _, l := range lines {
		width = max(width, len(l))
	}
	r := &ruler{lines, make([]byte, width), make([]float64, width), make([]float64, width)}
	marks := make([]float64, width) // . , - / where numbers, dates and codes have them
	signs := make([]float64, width) // blank, - or + alone
	all := float64(len(lines))
	for p := range width {
		n := map[byte]float64{}
		for _, l := range lines {
			c := r.at(l, p)
			n[class(c)]++
			if c == '.' || c == ',' || c == '-' || c == '/' {
				marks[p]++
			}
			if c == ' ' || c == '-' || c == '+' {
				signs[p]++
			}
			if class(c) != ' ' && (p == 0 || class(r.at(l, p-1)) == ' ') {
				r.start[p]++
			}
		}
		r.filled[p] = (all - n[' ']) / all
		r.start[p] /= all
		switch {
		case n[' '] == all:
			r.kind[p] = ' '
		case n['9'] > 0 && n['9']+n[' '] >= all*0.8 && n['9'] >= n['a']:
			r.kind[p] = '9'
		default:
			r.kind[p] = 'a'
		}
	}
	for p := 1; p < width; p++ {
		next := byte(' ')
		if p+1 < width {
			next = r.kind[p+1]
		}
		switch {
		case r.kind[p] == 'a' && r.kind[p-1] == '9' && next == '9' && marks[p] >= all*0.8, // 1234.56
			r.kind[p] == 'a' && r.kind[p-1] == '9' && next != '9' && signs[p] == all: // 4500-
			r.kind[p] = '9'
		}
	}
	return r
}

func (r *ruler) at(l []rune, p int) rune {
	if p < len(l) {
		return l[p]
	}
	return ' '
}

// starts tells whether something new begins at p.
func (r *ruler) starts(from, p int) bool {
	kind, before := r.kind[p], r.kind[p-1]
	switch {
	case kind != ' ' && before == ' ': // behind blanks that no row fills, but for the gap in the one long text
		return !(kind == 'a' && r.filled[p] < 0.9 && (p < 2 || r.kind[p-2] != ' '))
	case kind == '9' && before == 'a': // digits behind words
		if allDates(r.lines, p, p+8, "%Y%m%d") || allDates(r.lines, p, p+8, "%d%m%Y") || allDates(r.lines, p, p+6, "%d%m%y") || r.accounts(p) || p-from == 3 && r.currency(from) {
			return true
		}
		return r.filled[p] > 0.95 && !codeLike(r.lines, from, p)
	case kind == 'a' && before == '9':
		return r.filled[p-1] > 0.95 || r.filled[p] > 0.95
	case kind == 'a' && before == 'a': // left-aligned text behind text that hardly reaches so far; a currency
		return r.start[p] > 0.6 && r.filled[p] > 0.85 && r.filled[p-1] < 0.5 || r.currency(p) || p-from == 3 && r.currency(from)
	}
	return false
}

// currency tells whether nearly all records have a currency code at p.
func (r *ruler) currency(p int) bool {
	n := 0
	for _, l := range r.lines {
		if p+3 <= len(l) && isCurrency(string(l[p:p+3])) {
			n++
		}
	}
	return n*10 >= len(r.lines)*8
}

// accounts tells whether accounts begin at p: those of customers (411) and others.
func (r *ruler) accounts(p int) bool {
	own, other := 0, 0
	for _, l := range r.lines {
		if p+3 > len(l) {
			continue
		}
		switch text := string(l[p : p+3]); {
		case text == "411":
			own++
		case text == "401" || text == "445" || text == "512" || text[0] == '7' || text[0] == '6':
			other++
		}
	}
	return own > 0 && own+other == len(r.lines)
}

// cuts finds the columns of fixed records: from and to, counted from 0. The first is the kind of a record, of so many
// letters, where there are three and more.
func cuts(lines [][]rune, kind int) (out [][2]int) {
	r := rulerOf(lines)
	width, from := len(r.kind), 0
	cut := func(p int) {
		if p > from {
			out = append(out, [2]int{from, p})
			from = p
		}
	}
	for p := 1; p < width; p++ {
		if p == kind && kind > 2 {
			cut(p)
			continue
		}
		if !r.starts(from, p) {
			continue
		}
		if at := p; r.kind[p] == '9' && r.kind[p-1] == ' ' && r.filled[p] < 0.95 { // set to the right: the blanks before it are its own
			for at > from+1 && r.kind[at-1] == ' ' {
				at--
			}
			cut(at)
			continue
		}
		cut(p)
	}
	cut(width)
	var fine [][2]int
	for _, c := range out {
		fine = append(fine, splitDates(lines, c)...)
	}
	return slices.DeleteFunc(fine, func(c [2]int) bool {
		return !slices.ContainsFunc(r.kind[c[0]:c[1]], func(k byte) bool { return k != ' ' })
	})
}

// codeLike tells whether the letters before p are the prefix of a code (CW00098112): short, full, and never blank.
func codeLike(lines [][]rune, from, p int) bool {
	if p-from > 3 {
		return false
	}
	if p-from == 1 { // C00012, but no sense before an amount
		first := lines[0][min(from, len(lines[0])-1)]
		return class(first) == 'a' && first != 'D' && first != 'S' && !slices.ContainsFunc(lines, func(l []rune) bool { return from >= len(l) || l[from] != first })
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
