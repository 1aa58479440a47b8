// Package message is the one catalogue of what navette says to people: stable NV codes, each with its sentences and its
// explanation in French and English. The texts are the YAML files in texts/, embedded as texts.json and read once.
package message

import "strings"

// Text is something to say, not yet in a language: a key of the catalogue with its arguments, or a literal pair (the
// mapping's own rules).
type Text struct {
	Key    string   // "NV-1204.impossible", "ui.demo.intro"; a bare code says its title; "" for a literal
	Args   []string // name, value, name, value…; a name "expected.fr" is for that language only and goes before "expected"
	FR, EN string   // the literal
}

// New makes a text of the catalogue: New("NV-1204.impossible", "value", "31/11/2026", "expected", "JJ/MM/AAAA").
func New(key string, args ...string) Text { return Text{Key: key, Args: args} }

// Literal makes a text that is in no catalogue. Where one language is empty the other is said.
func Literal(fr, en string) Text { return Text{FR: fr, EN: en} }

// IsZero tells whether there is nothing to say.
func (t Text) IsZero() bool { return t.Key == "" && t.FR == "" && t.EN == "" }

// In gives the sentence in French for "fr" and in English for anything else. A key that the catalogue lacks gives the
// key itself with its arguments, an argument that was not given its name in ‹ ›: visible, never a failure.
func (t Text) In(lang string) string {
	if t.Key == "" {
		return pair{t.FR, t.EN}.in(lang)
	}
	p, ok := load().sentences[t.Key]
	if !ok {
		return t.raw()
	}
	return fill(p.in(lang), func(name string) (string, bool) { return t.arg(name, lang) })
}

// arg finds an argument, the one of the language first.
func (t Text) arg(name, lang string) (string, bool) {
	value, found := "", false
	for i := 0; i+1 < len(t.Args); i += 2 {
		base, l, tied := strings.Cut(t.Args[i], ".")
		switch {
		case base != name:
		case !tied && !found:
			value, found = t.Args[i+1], true
		case tied && l == lang:
			return t.Args[i+1], true
		}
	}
	return value, found
}

// raw shows a text that the catalogue does not know.
func (t Text) raw() string {
	var said []string
	for i := 0; i+1 < len(t.Args); i += 2 {
		said = append(said, t.Args[i]+": "+t.Args[i+1])
	}
	if said == nil {
		return t.Key
	}
	return t.Key + " (" + strings.Join(said, ", ") + ")"
}

// fill replaces each {name} in one pass, so that braces inside a value stay what they are.
func fill(s string, arg func(name string) (string, bool)) string {
	if !strings.Contains(s, "{") {
		return s
	}
	var b strings.Builder
	for {
		before, name, after, ok := cutPlaceholder(s)
		b.WriteString(before)
		if !ok {
			return b.String()
		}
		if v, found := arg(name); found {
			b.WriteString(v)
		} else {
			b.WriteString("‹" + name + "›")
		}
		s = after
	}
}

// cutPlaceholder splits s around its first {name}, a name being small letters, digits and _. Other braces are text.
func cutPlaceholder(s string) (before, name, after string, ok bool) {
	for from := 0; ; {
		i := strings.IndexByte(s[from:], '{')
		if i < 0 {
			return s, "", "", false
		}
		start := from + i + 1
		end := start
		for end < len(s) && (s[end] >= 'a' && s[end] <= 'z' || s[end] >= '0' && s[end] <= '9' || s[end] == '_') {
			end++
		}
		if end > start && end < len(s) && s[end] == '}' {
			return s[:start-1], s[start:end], s[end+1:], true
		}
		from = start
	}
}
