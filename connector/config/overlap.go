package config

import (
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// A pattern is a list of signs: each a set of characters, or a star.
type sign struct {
	star    bool
	negated bool
	ranges  [][2]rune // of characters; any character: negated and empty
}

// parsePattern reads a file name pattern: * ? [a-z] [^a-z] and \ before a sign that means itself. False when it is
// no pattern, or one of more than a name.
func parsePattern(s string, matchCase bool) ([]sign, bool) {
	s = norm.NFC.String(s) // a Mac writes accents apart; names are compared composed
	if !matchCase {
		s = strings.ToLower(s)
	}
	if s == "" || len(s) > 255 || strings.ContainsAny(s, "/\x00") {
		return nil, false
	}
	var signs []sign
	for s != "" {
		var next sign
		var ok bool
		switch s[0] {
		case '*':
			next.star, s, ok = true, s[1:], true
		case '?':
			next.negated, s, ok = true, s[1:], true
		case '[':
			next, s, ok = parseClass(s[1:])
		default:
			var r rune
			r, s, ok = literalRune(s)
			next.ranges = [][2]rune{{r, r}}
		}
		if !ok {
			return nil, false
		}
		if next.star && len(signs) > 0 && signs[len(signs)-1].star {
			continue
		}
		signs = append(signs, next)
	}
	return signs, true
}

// literalRune takes one character, a \ before it apart.
func literalRune(s string) (rune, string, bool) {
	if s[0] == '\\' {
		s = s[1:]
	}
	if s == "" {
		return 0, "", false
	}
	r, n := utf8.DecodeRuneInString(s)
	return r, s[n:], r != utf8.RuneError
}

// parseClass takes the rest of a [ ] class.
func parseClass(s string) (sign, string, bool) {
	var c sign
	if s != "" && s[0] == '^' {
		c.negated, s = true, s[1:]
	}
	for {
		if s == "" {
			return c, "", false
		}
		if s[0] == ']' && len(c.ranges) > 0 {
			return c, s[1:], true
		}
		if s[0] == ']' || s[0] == '-' {
			return c, "", false
		}
		lo, rest, ok := literalRune(s)
		if !ok {
			return c, "", false
		}
		hi := lo
		if s = rest; s != "" && s[0] == '-' {
			if s = s[1:]; s == "" || s[0] == ']' || s[0] == '-' {
				return c, "", false
			}
			if hi, s, ok = literalRune(s); !ok {
				return c, "", false
			}
		}
		if hi < lo {
			return c, "", false
		}
		c.ranges = append(c.ranges, [2]rune{lo, hi})
	}
}

func (s sign) has(r rune) bool {
	in := false
	for _, x := range s.ranges {
		in = in || r >= x[0] && r <= x[1]
	}
	return in != s.negated && r != '/'
}

// widened makes every class any character.
func widened(signs []sign) []sign {
	signs = slices.Clone(signs)
	for i, s := range signs {
		if s.negated || len(s.ranges) > 1 || len(s.ranges) == 1 && s.ranges[0][0] != s.ranges[0][1] {
			signs[i] = sign{negated: true}
		}
	}
	return signs
}

// shared finds a character that both signs allow. The ends of all ranges and their neighbours are enough to try: if
// there is a common character, one of those is.
func shared(a, b sign) (rune, bool) {
	try := []rune{'x', 'a', '0'}
	for _, list := range [][][2]rune{a.ranges, b.ranges} {
		for _, x := range list {
			try = append(try, x[0], x[1], x[0]-1, x[1]+1)
		}
	}
	try = append(try, 0x100, 0x10fffd)
	for _, r := range try {
		if r > 0 && utf8.ValidRune(r) && a.has(r) && b.has(r) {
			return r, true
		}
	}
	return 0, false
}

// common finds a name that both patterns match. Where both flows mind case, or neither does, the answer is exact;
// where only one does, a class counts as any character, so that no overlap is missed.
func common(p, q string, caseP, caseQ bool) (string, bool) {
	a, ok1 := parsePattern(p, caseP && caseQ)
	b, ok2 := parsePattern(q, caseP && caseQ)
	if !ok1 || !ok2 {
		return p, true // a class that small letters turn upside down: told as an overlap rather than missed
	}
	if caseP != caseQ {
		a, b = widened(a), widened(b)
	}
	dead := map[[2]int]bool{}
	var name func(i, j int) (string, bool)
	name = func(i, j int) (string, bool) {
		switch {
		case i == len(a) && j == len(b):
			return "", true
		case dead[[2]int{i, j}]:
			return "", false
		}
		dead[[2]int{i, j}] = true // until proved otherwise, which returns at once
		aStar, bStar := i < len(a) && a[i].star, j < len(b) && b[j].star
		if aStar {
			if s, ok := name(i+1, j); ok {
				return s, true
			}
		}
		if bStar {
			if s, ok := name(i, j+1); ok {
				return s, true
			}
		}
		switch {
		case i == len(a) || j == len(b) || aStar && bStar:
		case aStar:
			if r, ok := shared(sign{negated: true}, b[j]); ok {
				if s, ok := name(i, j+1); ok {
					return string(r) + s, true
				}
			}
		case bStar:
			if r, ok := shared(a[i], sign{negated: true}); ok {
				if s, ok := name(i+1, j); ok {
					return string(r) + s, true
				}
			}
		default:
			if r, ok := shared(a[i], b[j]); ok {
				if s, ok := name(i+1, j+1); ok {
					return string(r) + s, true
				}
			}
		}
		return "", false
	}
	found, ok := name(0, 0)
	if ok && (found == "" || found[0] == '.') && a[0].star && b[0].star {
		found = "x" + found // a name that people drop: hidden files are never taken
	}
	return found, ok
}
