package mappings

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// fold gives what titles are compared by: small letters and digits, without accents, punctuation and blanks.
func fold(s string) string {
	plain := true
	for i := range len(s) {
		if c := s[i]; !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9') {
			plain = false
			break
		}
	}
	if plain {
		return s
	}
	var b strings.Builder
	for _, r := range norm.NFKD.String(s) {
		switch {
		case unicode.Is(unicode.Mn, r):
		case unicode.IsLetter(r) || unicode.IsDigit(r):
			if like, ok := similar(r); ok && r > utf8.RuneSelf && !strings.ContainsAny(like, "?") {
				b.WriteString(strings.ToLower(like))
				continue
			}
			b.WriteRune(unicode.ToLower(r))
		}
	}
	if b.Len() == 0 { // a title of signs alone is itself
		return trimBlanks(s)
	}
	return b.String()
}

// letterOf is the spreadsheet letter of a column counted from 0: A, Z, AA.
func letterOf(i int) string {
	var b []byte
	for i++; i > 0; i = (i - 1) / 26 {
		b = append([]byte{byte('A' + (i-1)%26)}, b...)
	}
	return string(b)
}

// columnOf reads a spreadsheet letter; -1 for what is none.
func columnOf(letters string) int {
	if letters == "" || len(letters) > 3 {
		return -1
	}
	n := 0
	for _, c := range strings.ToUpper(letters) {
		if c < 'A' || c > 'Z' {
			return -1
		}
		n = n*26 + int(c-'A') + 1
	}
	return n - 1
}

// findTitle finds a title among those of a file: exactly as written first, else folded. It gives the column, and a
// second one where the title stands twice; -1 for none.
func findTitle(titles []string, title string) (at, again int) {
	for _, same := range []func(a string) bool{
		func(a string) bool { return trimBlanks(a) == trimBlanks(title) },
		func(a string) bool { return trimBlanks(a) != "" && fold(a) == fold(title) },
	} {
		at, again = -1, -1
		for i, t := range titles {
			switch {
			case !same(t):
			case at < 0:
				at = i
			case again < 0:
				again = i
			}
		}
		if at >= 0 {
			return at, again
		}
	}
	return -1, -1
}
