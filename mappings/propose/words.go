package propose

import (
	_ "embed" // words.yaml
	"slices"
	"strings"
	"sync"

	"github.com/goccy/go-yaml"
	"golang.org/x/text/unicode/norm"
)

//go:embed words.yaml
var wordsYAML []byte

// vocabulary reads the words of cells once.
var vocabulary = sync.OnceValue(func() map[string][]string {
	raw := map[string][]string{}
	if yaml.Unmarshal(wordsYAML, &raw) != nil {
		return map[string][]string{}
	}
	return raw
})

// says tells whether a cell is one of the words of a family.
func says(family, cell string) bool { return slices.Contains(vocabulary()[family], plain(cell)) }

// plain is a text in small letters without accents: what `lower(plain(…))` of the mapping language gives.
func plain(s string) string {
	var b strings.Builder
	for _, r := range norm.NFD.String(strings.ToLower(s)) {
		if r < 0x300 || r > 0x36f {
			b.WriteRune(r)
		}
	}
	return strings.ReplaceAll(b.String(), "œ", "oe")
}

// operationOf is the operation that a word stands for, "" for none.
func operationOf(cell string) string {
	for _, op := range []string{"capture", "cancel", "refund", "modify", "duplicate", "consult"} {
		if says(op, cell) {
			return op
		}
	}
	return ""
}
