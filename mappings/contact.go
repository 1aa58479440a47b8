package mappings

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// validEmail tells whether s is one plain address, local@domain.tld, that mail can be sent to. Letters of any script
// are allowed; names, brackets, comments and lists of addresses are not.
func validEmail(s string) bool {
	at := strings.IndexByte(s, '@')
	if at < 1 || at > 64 || len(s) > 254 || strings.IndexByte(s[at+1:], '@') >= 0 {
		return false
	}
	local, domain := s[:at], s[at+1:]
	if local[0] == '.' || local[at-1] == '.' || strings.Contains(local, "..") {
		return false
	}
	for _, r := range local {
		if r < utf8.RuneSelf {
			if r|0x20 >= 'a' && r|0x20 <= 'z' || r >= '0' && r <= '9' || strings.IndexByte("!#$%&'*+-/=?^_`{|}~.", byte(r)) >= 0 {
				continue
			}
			return false
		}
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.Is(unicode.Mn, r) {
			return false
		}
	}
	return validDomain(domain)
}

func validDomain(s string) bool {
	labels, length, last := 1, 0, rune('.')
	letter := false // in the last label
	for _, r := range s {
		switch {
		case r == '.':
			if length == 0 || last == '-' {
				return false
			}
			labels, length, letter = labels+1, 0, false
		case r == '-':
			if length == 0 {
				return false
			}
			length++
		case r|0x20 >= 'a' && r|0x20 <= 'z', r >= utf8.RuneSelf && (unicode.IsLetter(r) || unicode.Is(unicode.Mn, r)):
			letter = true
			length++
		case r >= '0' && r <= '9', r >= utf8.RuneSelf && unicode.IsDigit(r):
			length++
		default:
			return false
		}
		if length > 63 {
			return false
		}
		last = r
	}
	return labels >= 2 && length >= 2 && last != '-' && letter
}

// region is how a country writes its own telephone numbers.
type region struct {
	code     string // of the country
	trunk    string // what national numbers begin with and international ones leave out
	min, max int    // digits behind the country code
}

// regions are the countries whose national numbers are read.
func regionOf(name string) (region, bool) {
	r, ok := map[string]region{
		"FR": {"33", "0", 9, 9}, "BE": {"32", "0", 8, 9}, "CH": {"41", "0", 9, 9}, "LU": {"352", "", 4, 11}, "DE": {"49", "0", 5, 13},
		"AT": {"43", "0", 4, 13}, "NL": {"31", "0", 9, 9}, "GB": {"44", "0", 9, 10}, "IE": {"353", "0", 7, 9}, "IT": {"39", "", 6, 11},
		"ES": {"34", "", 9, 9}, "PT": {"351", "", 9, 9}, "MC": {"377", "", 8, 9}, "AD": {"376", "", 6, 9}, "PL": {"48", "", 9, 9},
		"CZ": {"420", "", 9, 9}, "SK": {"421", "0", 9, 9}, "HU": {"36", "06", 8, 9}, "RO": {"40", "0", 9, 9}, "BG": {"359", "0", 7, 9},
		"GR": {"30", "", 10, 10}, "DK": {"45", "", 8, 8}, "SE": {"46", "0", 7, 10}, "NO": {"47", "", 8, 8}, "FI": {"358", "0", 5, 11},
		"US": {"1", "1", 10, 10}, "CA": {"1", "1", 10, 10}, "MA": {"212", "0", 9, 9}, "TN": {"216", "", 8, 8}, "DZ": {"213", "0", 8, 9},
		"RE": {"262", "0", 9, 9}, "GP": {"590", "0", 9, 9}, "GF": {"594", "0", 9, 9}, "MQ": {"596", "0", 9, 9},
	}[name]
	return r, ok
}

// phone reads a telephone number and gives it in the international form (E.164, "+33612345678"). National numbers need
// their region; r.code is "" where none is declared.
func (r region) phone(s string) (string, bool) {
	var b []byte
	plus := false
	for i, c := range s {
		switch {
		case c >= '0' && c <= '9':
			b = append(b, byte(c))
		case c == '+' && i == 0:
			plus = true
		case isBlank(c), c == '.', c == '-', c == '/', c == '(', c == ')', c == '‑', c == '–':
		default:
			return "", false
		}
	}
	n := string(b)
	if !plus {
		if rest, ok := strings.CutPrefix(n, "00"); ok {
			n, plus = rest, true
		}
	}
	if plus {
		return international(strings.ReplaceAll(s, " ", ""), n)
	}
	if r.code == "" {
		return "", false
	}
	national, cut := strings.CutPrefix(n, r.trunk)
	if r.trunk != "" && !cut {
		national = n
	}
	if len(national) < r.min || len(national) > r.max || r.code == "33" && national[0] == '0' {
		return "", false
	}
	return "+" + overseas(r.code, national) + national, true
}

// overseas gives the country code of a French number: the departments overseas have their own.
func overseas(code, national string) string {
	if code != "33" {
		return code
	}
	switch national[:3] {
	case "262", "692", "693", "269", "639":
		return "262"
	case "590", "690", "691":
		return "590"
	case "594", "694":
		return "594"
	case "596", "696", "697":
		return "596"
	}
	return code
}

// international checks a number that begins with its country code; a national 0 in parentheses behind it is dropped.
func international(s, n string) (string, bool) {
	if i := strings.Index(s, "(0)"); i > 0 {
		before := 0
		for _, c := range s[:i] {
			if c >= '0' && c <= '9' {
				before++
			}
		}
		if strings.HasPrefix(s, "00") {
			before -= 2
		}
		if before >= 1 && before <= 3 && before < len(n) && n[before] == '0' {
			n = n[:before] + n[before+1:]
		}
	}
	if len(n) < 7 || len(n) > 15 || n[0] == '0' {
		return "", false
	}
	if rest, ok := strings.CutPrefix(n, "33"); ok && (len(rest) != 9 || rest[0] == '0') {
		return "", false
	}
	return "+" + n, true
}
