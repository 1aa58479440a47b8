package mappings

import "strings"

// iban gives an IBAN without blanks, in capitals; false when its length or check digits are wrong.
func iban(s string) (string, bool) {
	s = strings.ToUpper(strings.Map(func(r rune) rune {
		if isBlank(r) || r == '-' {
			return -1
		}
		return r
	}, s))
	if len(s) < 15 || len(s) > 34 || len(s) != ibanLength(s[:2], len(s)) {
		return "", false
	}
	rest := 0
	for i := range len(s) {
		c := s[(i+4)%len(s)]
		switch {
		case c >= '0' && c <= '9':
			rest = (rest*10 + int(c-'0')) % 97
		case c >= 'A' && c <= 'Z':
			rest = (rest*100 + int(c-'A') + 10) % 97
		default:
			return "", false
		}
	}
	return s, rest == 1 && s[0] >= 'A' && s[1] >= 'A' && s[2] <= '9' && s[3] <= '9'
}

// ibanLength is the length of a country's IBANs; that of the text where the country is not listed.
func ibanLength(country string, length int) int {
	const lengths = "AD24 AT20 BE16 BG22 CH21 CY28 CZ24 DE22 DK18 EE20 ES24 FI18 FO18 FR27 GB22 GI23 GL18 GR27 HR21 HU28 IE22 IS26 IT27 LI21 LT20 LU20 LV21 MC27 MT31 NL18 NO15 PL28 PT25 RO24 SE24 SI19 SK24 SM27 VA22 TN24 MA28 TR26 UA29 RS22 ME22 MK19 AL28 BA20 MD24 GE22 IL23 SA24 AE23 QA29 KW30 LB28 JO30 BR29"
	if i := strings.Index(lengths, country); i >= 0 && i%5 == 0 {
		return int(lengths[i+2]-'0')*10 + int(lengths[i+3]-'0')
	}
	return length
}

// siren gives the nine digits of a French company number; false when the check digit is wrong.
func siren(s string) (string, bool) {
	s = strings.Map(func(r rune) rune {
		if isBlank(r) || r == '.' {
			return -1
		}
		return r
	}, s)
	if len(s) != 9 || plainDigits(s) != 9 {
		return "", false
	}
	sum := 0
	for i := range 9 {
		d := int(s[i] - '0')
		if i%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return s, sum%10 == 0
}
