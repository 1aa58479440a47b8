package propose

import (
	_ "embed" // titles.yaml
	"math"
	"slices"
	"strings"
	"sync"
	"unicode"

	"github.com/goccy/go-yaml"
	"golang.org/x/text/unicode/norm"
)

//go:embed titles.yaml
var titlesYAML []byte

// phrase is one way a column is called.
type phrase struct {
	role   string
	words  []string // sorted
	joined string
	whole  string  // joined, with no, number, nr as they are written
	rank   float64 // 0 = the best name of its role
	alone  bool    // a name only where no other word stands beside it; written =due
}

// dictionary is what columns are called, by role.
type dictionary struct {
	phrases []phrase
	exact   map[string][]phrase // by joined
	roles   map[string][]phrase
}

// titles reads the dictionary once. It is embedded and held by the tests, so an unreadable one has no phrases.
var titles = sync.OnceValue(func() *dictionary {
	d := &dictionary{exact: map[string][]phrase{}, roles: map[string][]phrase{}}
	var raw map[string][]string
	if yaml.Unmarshal(titlesYAML, &raw) != nil {
		return d
	}
	for role, lines := range raw {
		n := 0
		for _, line := range lines {
			for _, text := range strings.Split(line, ",") {
				w := plainWords(text)
				if len(w) == 0 {
					continue
				}
				sorted := slices.Sorted(slices.Values(w))
				d.phrases = append(d.phrases, phrase{role, sorted, strings.Join(w, ""), strings.Join(bareWords(text), ""), float64(n), strings.HasPrefix(strings.TrimSpace(text), "=")})
				n++
			}
		}
	}
	slices.SortFunc(d.phrases, func(a, b phrase) int {
		if c := strings.Compare(a.role, b.role); c != 0 {
			return c
		}
		return int(a.rank - b.rank)
	})
	for _, p := range d.phrases {
		d.exact[p.joined] = append(d.exact[p.joined], p)
		if p.whole != p.joined { // INVOICENUMBER
			d.exact[p.whole] = append(d.exact[p.whole], p)
		}
		d.roles[p.role] = append(d.roles[p.role], p)
	}
	return d
})

// likeness says how much a title sounds like each role, 0 to 100.
func likeness(title string) map[string]float64 {
	w := plainWords(title)
	if len(w) == 0 {
		return nil
	}
	d, out := titles(), map[string]float64{}
	raise := func(role string, score float64) { out[role] = max(out[role], score) }
	joined := strings.Join(w, "")
	if parts := glued(w); parts != nil && len(d.exact[joined]) == 0 {
		for role, score := range likeness(strings.Join(parts, " ")) {
			raise(role, score*0.85)
		}
	}
	if len(w) > 1 && len(w[0]) <= 3 && strings.Contains(title, "_") && len(d.exact[joined]) == 0 { // DO_Piece, CT_Intitule: the table's letters in front
		for role, score := range likeness(strings.Join(w[1:], " ")) {
			raise(role, score*0.9)
		}
	}
	for _, p := range d.exact[joined] {
		raise(p.role, 100-min(20, p.rank/4))
	}
	sorted := slices.Sorted(slices.Values(w))
	for _, p := range d.phrases {
		n := len(p.words)
		if p.joined == joined || p.alone || n > len(w) || len(w) > 8 {
			continue
		}
		if !within(p.words, sorted) {
			continue
		}
		covered := float64(n) / float64(len(w))
		if n == 1 && len(p.joined) < 3 && len(w) > 1 { // "n", "s", "ht" alone say little among other words
			covered *= 0.6
		}
		raise(p.role, 30+55*math.Sqrt(covered)*covered-min(10, p.rank/10)+4*float64(n-1))
	}
	return out
}

// glued takes apart the title of a database's column that is one word, from behind: PCVMNTTTC is "mnt ttc"; nil where it
// does not end in words that titles are made of.
func glued(w []string) []string {
	if len(w) != 1 || len(w[0]) < 6 {
		return nil
	}
	known := []string{"montant", "echeance", "facture", "reference", "intitule", "societe", "client", "solde", "reste", "devise", "piece", "tiers", "total", "email", "mail", "date",
		"code", "nom", "num", "mnt", "ttc", "tva", "net", "ech", "ref", "tel", "mt", "ht", "no", "du"}
	rest, parts := w[0], []string(nil)
	for {
		i := slices.IndexFunc(known, func(k string) bool { return strings.HasSuffix(rest, k) })
		if i < 0 {
			break
		}
		parts, rest = append([]string{known[i]}, parts...), strings.TrimSuffix(rest, known[i])
	}
	if len(rest) > 5 || rest == "" && len(parts) < 2 {
		return nil
	}
	return parts
}

// within tells whether every word of a is in b, as often; both sorted.
func within(a, b []string) bool {
	i := 0
	for _, w := range b {
		if i < len(a) && a[i] == w {
			i++
		}
	}
	return i == len(a)
}

// plainWords are the words of a title without the little ones, n° and its like as "n".
func plainWords(title string) []string {
	out := bareWords(title)
	for i, w := range out {
		switch w {
		case "no", "nr", "num", "numero", "number", "nummer", "nro", "nb":
			if len(out) > 1 {
				out[i] = "n"
			}
		}
	}
	return out
}

// bareWords are the words of a title without the little ones.
func bareWords(title string) []string {
	var out []string
	all := words(title)
	for i, w := range all {
		if w == "du" && i == len(all)-1 && i > 0 { // Montant dû is no Montant
			out = append(out, w)
			continue
		}
		switch w {
		case "de", "du", "des", "d", "la", "le", "les", "l", "the", "of", "der", "die", "das", "del", "al", "el":
			if len(all) > 1 {
				continue
			}
		case "in", "en", "eur", "euro", "euros", "f", "chf", "usd":
			if len(all) > 1 {
				continue
			}
		}
		out = append(out, w)
	}
	return out
}

// words takes a title apart: without accents, small letters, cut at signs and where a capital begins a word (PieceRef).
func words(s string) []string {
	s = strings.NewReplacer("n°", "n ", "N°", "n ", "nº", "n ", "Nº", "n ", "#", " n ", "œ", "oe", "Œ", "oe", "ß", "ss", "æ", "ae").Replace(s)
	var out []string
	var b strings.Builder
	flush := func() {
		if b.Len() > 0 {
			out = append(out, b.String())
			b.Reset()
		}
	}
	last := ' '
	for _, r := range norm.NFKD.String(s) {
		switch {
		case unicode.Is(unicode.Mn, r):
			continue
		case unicode.IsUpper(r) && unicode.IsLower(last):
			flush()
			b.WriteRune(unicode.ToLower(r))
		case unicode.IsLetter(r):
			if unicode.IsDigit(last) {
				flush()
			}
			b.WriteRune(unicode.ToLower(r))
		case unicode.IsDigit(r) && r < 0x80:
			if unicode.IsLetter(last) {
				flush()
			}
			b.WriteRune(r)
		default:
			flush()
		}
		last = r
	}
	flush()
	return out
}
