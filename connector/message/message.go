// Package message is the one catalogue of what navette says to people: stable NV codes, each with its sentences and its
// explanation in French and English.
package message

// Text is something to say, not yet in a language: a key of the catalogue with its arguments, or a literal pair (the
// mapping's own rules).
type Text struct {
	Key    string   // "NV-1204.impossible"; "" for a literal
	Args   []string // name, value, name, value…
	FR, EN string   // the literal
}

// In gives the sentence in "fr" or "en".
func (t Text) In(lang string) string { return t.Key }
