package propose

import (
	"regexp"
	"strings"
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
