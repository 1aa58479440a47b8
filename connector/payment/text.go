package payment

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// WithoutMail replaces every word of a text that looks like an e-mail address: events are kept for ever.
func WithoutMail(s string) string {
	if !strings.ContainsRune(s, '@') {
		return s
	}
	edge := func(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune(`"'<>()[]{},;:=`, r) }
	var b strings.Builder
	for s != "" {
		i := strings.IndexFunc(s, edge)
		if i < 0 {
			i = len(s)
		}
		if word := s[:i]; strings.Contains(word, "@") {
			b.WriteString("***")
		} else {
			b.WriteString(word)
		}
		s = s[i:]
		if s != "" {
			_, n := utf8.DecodeRuneInString(s)
			b.WriteString(s[:n])
			s = s[n:]
		}
	}
	return b.String()
}
