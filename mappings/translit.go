package mappings

import (
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// appendLike writes, as UTF-8, the nearest thing to r that the encoding has.
func (c *Charset) appendLike(dst []byte, r rune) []byte {
	if like, ok := similar(r); ok {
		return append(dst, like...)
	}
	plain := false
	for _, d := range norm.NFKD.String(string(r)) { // é is e with an accent; ﬁ is fi
		if _, ok := c.bytes[d]; ok && !unicode.Is(unicode.Mn, d) && d > ' ' {
			dst, plain = append(dst, string(d)...), true
		}
	}
	if plain || unicode.Is(unicode.Mn, r) || unicode.Is(unicode.Cf, r) { // a bare accent, a joiner: nothing is lost with it
		return dst
	}
	return append(dst, '?')
}

// similar are the characters that decomposition does not bring nearer to ASCII.
func similar(r rune) (string, bool) {
	switch r {
	case 'œ':
		return "oe", true
	case 'Œ':
		return "OE", true
	case 'æ':
		return "ae", true
	case 'Æ':
		return "AE", true
	case 'ß':
		return "ss", true
	case 'ẞ':
		return "SS", true
	case 'ø':
		return "o", true
	case 'Ø':
		return "O", true
	case 'ł':
		return "l", true
	case 'Ł':
		return "L", true
	case 'đ', 'ð':
		return "d", true
	case 'Đ', 'Ð':
		return "D", true
	case 'þ':
		return "th", true
	case 'Þ':
		return "TH", true
	case 'ı':
		return "i", true
	case 'ħ':
		return "h", true
	case 'Ħ':
		return "H", true
	case '€':
		return "EUR", true
	case '£':
		return "GBP", true
	case '¥':
		return "JPY", true
	case '‘', '’', '‚', '‛', '′', '‹', '›', '`', '´':
		return "'", true
	case '“', '”', '„', '‟', '″', '«', '»':
		return `"`, true
	case '‐', '‑', '‒', '–', '—', '―', '−':
		return "-", true
	case '…':
		return "...", true
	case '•', '·', '∙':
		return "-", true
	case '×':
		return "x", true
	case '÷':
		return "/", true
	case '°', 'º':
		return "o", true
	case 'ª':
		return "a", true
	case '™':
		return "TM", true
	case '©':
		return "(c)", true
	case '®':
		return "(r)", true
	case '§':
		return "par.", true
	case '\u00a0', '\u202f', '\u2007', '\u2009', '\u2002', '\u2003', '\u3000':
		return " ", true
	case '\u200b', '\u200c', '\u200d', '\u2060', '\ufeff', '\u00ad':
		return "", true
	case '\u0085', '\u2028', '\u2029': // never a line end of ours
		return " ", true
	case '[', '{':
		return "(", true
	case ']', '}':
		return ")", true
	case '|', '¦':
		return "!", true
	case '^', '~':
		return "-", true
	case '\\':
		return "/", true
	}
	if s, ok := greekCyrillic(r); ok {
		return s, true
	}
	return "", false
}

// greekCyrillic gives the usual Latin letters, so that a name stays readable.
func greekCyrillic(r rune) (string, bool) {
	const (
		lowerCyr = "а=a б=b в=v г=g д=d е=e ж=zh з=z и=i й=y к=k л=l м=m н=n о=o п=p р=r с=s т=t у=u ф=f х=kh ц=ts ч=ch ш=sh щ=shch ъ= ы=y ь= э=e ю=yu я=ya ё=yo є=ye і=i ї=yi ґ=g ј=j љ=lj њ=nj ћ=c ђ=dj џ=dz "
		lowerGrk = "α=a β=v γ=g δ=d ε=e ζ=z η=i θ=th ι=i κ=k λ=l μ=m ν=n ξ=x ο=o π=p ρ=r σ=s ς=s τ=t υ=y φ=f χ=ch ψ=ps ω=o ά=a έ=e ή=i ί=i ό=o ύ=y ώ=o "
	)
	if r < 0x370 || r > 0x4ff {
		return "", false
	}
	low := unicode.ToLower(r)
	for _, table := range [...]string{lowerCyr, lowerGrk} {
		rest := table
		for rest != "" {
			entry := rest
			for i := range rest {
				if rest[i] == ' ' {
					entry, rest = rest[:i], rest[i+1:]
					break
				}
			}
			letter := []rune(entry)[0]
			if letter != low {
				continue
			}
			latin := entry[len(string(letter))+1:]
			if r != low && latin != "" {
				latin = string(unicode.ToUpper(rune(latin[0]))) + latin[1:]
			}
			return latin, true
		}
	}
	return "", false
}
