package propose

import (
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

var (
	grouped = regexp.MustCompile(`^ *[+-]?[0-9]{1,3}([ \x{a0}\x{202f}][0-9]{3})+([.,][0-9]+)?[+-]? *$`)
	below   = regexp.MustCompile(`^ *[+-]?[0-9]{1,3}([.,][0-9]+)?[+-]? *$`)
)

// thousands puts amounts together again that a blank between thousands has cut: 1 234,56 above 99,90. sure is false where
// nothing tells such an amount from two columns, a quantity and a price.
func thousands(lines [][]rune, titles []rune, columns [][2]int) (out [][2]int, sure bool) {
	part := func(l []rune, from, to int) string { return string(l[min(from, len(l)):min(to, len(l))]) }
	for _, c := range columns {
		if len(out) == 0 {
			out = append(out, c)
			continue
		}
		last := out[len(out)-1]
		both, alone, no := 0, 0, false
		for _, l := range lines {
			left, right, whole := part(l, last[0], last[1]), part(l, c[0], c[1]), part(l, last[0], c[1])
			switch {
			case strings.TrimSpace(whole) == "":
			case strings.TrimSpace(left) != "" && strings.TrimSpace(right) != "" && grouped.MatchString(whole):
				both++
			case strings.TrimSpace(left) == "" && below.MatchString(right):
				alone++
			default:
				no = true
			}
		}
		if no || both == 0 {
			out = append(out, c)
			continue
		}
		if titled := titles != nil && strings.Contains(strings.TrimSpace(part(titles, last[0], c[1])), "  "); alone == 0 && (titles == nil || titled) {
			return nil, false
		}
		out[len(out)-1][1] = c[1]
	}
	return out, true
}

var gaps = regexp.MustCompile(` {2,}`)

// printed knows a list as a printer has it: a line of titles above, and lines of dashes. It gives the rows below and the
// titles, which are nil where there are none.
func (t *table) printed(lines [][]rune) (rows [][]rune, titles []rune) {
	for i, l := range lines[:min(len(lines), 15)] {
		cells := gaps.Split(strings.TrimSpace(string(l)), -1)
		if t.framed || len(cells) < 3 || (&table{width: len(cells)}).titleScore(record{cells: cells}) == 0 {
			continue
		}
		for _, below := range lines[i+1:] {
			if text := strings.TrimSpace(string(below)); strings.Trim(text, "-=_ ") == "" {
				t.rules = true
			} else {
				rows = append(rows, below)
			}
		}
		if len(rows) < 2 {
			return lines, nil
		}
		for j, c := range cells {
			cells[j] = regexp.QuoteMeta(c)
		}
		t.from = "^ *" + strings.Join(cells, " +")
		return rows, l
	}
	return lines, nil
}

// zoned puts amounts together again whose last digit carries the sign: 0000012345F is 1234,56, and no letter behind 123,45.
// It gives the columns, and where those of them begin.
func zoned(lines [][]rune, columns [][2]int) (out [][2]int, at map[int]bool) {
	at = map[int]bool{}
	for _, c := range columns {
		if len(out) == 0 || c[1]-c[0] != 1 || out[len(out)-1][1] != c[0] {
			out = append(out, c)
			continue
		}
		last := out[len(out)-1]
		letters, signs, no := map[rune]bool{}, false, false
		for _, l := range lines {
			if len(l) < c[1] {
				no = true
				break
			}
			r := l[c[0]]
			for _, d := range l[last[0]:last[1]] {
				no = no || d < '0' || d > '9'
			}
			switch {
			case r == '{', r == '}', r == 'é', r == 'è':
				signs = true
			case r >= 'A' && r <= 'R':
				letters[r] = true
			case r < '0' || r > '9':
				no = true
			}
		}
		if no || !signs && len(letters) < 3 {
			out = append(out, c)
			continue
		}
		out[len(out)-1][1] = c[1]
		at[last[0]] = true
	}
	return out, at
}

// unzoned writes such an amount as others are written.
func unzoned(s string) string {
	r, n := utf8.DecodeLastRuneInString(s)
	switch body := s[:len(s)-n]; {
	case r == '{', r == 'é':
		return body + "0"
	case r == '}', r == 'è':
		return "-" + body + "0"
	case r >= 'A' && r <= 'I':
		return body + string('1'+r-'A')
	case r >= 'J' && r <= 'R':
		return "-" + body + string('1'+r-'J')
	}
	return s
}

// signed gives amounts that are filled up with zeros the sign beside them: a column of blanks and minuses before, and the
// blank on either side, where the minus of another day's credit note will stand.
func signed(lines [][]rune, columns [][2]int) (out [][2]int) {
	at := func(l []rune, p int) rune {
		if p < 0 || p >= len(l) {
			return ' '
		}
		return l[p]
	}
	all := func(p int, signs string) bool {
		for _, l := range lines {
			if !strings.ContainsRune(signs, at(l, p)) {
				return false
			}
		}
		return true
	}
	for i, c := range columns {
		zeros := 0
		for _, l := range lines {
			if at(l, c[0]) == '0' {
				zeros++
			}
		}
		if c[1]-c[0] < 8 || zeros*2 < len(lines) || !all(c[0], "0123456789") {
			out = append(out, c)
			continue
		}
		switch last := len(out) - 1; {
		case last >= 0 && out[last][1] == c[0] && out[last][1]-out[last][0] == 1 && all(c[0]-1, " -"):
			c[0]--
			out = out[:last]
		case c[0] > 0 && (last < 0 || out[last][1] < c[0]) && all(c[0]-1, " "):
			c[0]--
		}
		if (i+1 == len(columns) || columns[i+1][0] > c[1]) && all(c[1], " ") && slices.ContainsFunc(lines, func(l []rune) bool { return len(l) > c[1] }) {
			c[1]++
		}
		out = append(out, c)
	}
	return out
}
