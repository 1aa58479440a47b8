package gateway

import (
	"encoding/base64"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/navette-connect/navette/connector/payment"
)

// maxText bounds texts taken from a PSP, in runes.
const maxText = 500

// redactor replaces secrets, also as URLs and base64 would spell them.
type redactor struct {
	spellings []string
	replace   *strings.Replacer
}

func newRedactor(secrets []Secret) redactor {
	var r redactor
	var pairs []string
	for _, s := range secrets {
		v := string(s)
		if len(v) < 4 { // would maim every text and keep no secret
			continue
		}
		for _, s := range []string{v, url.QueryEscape(v), url.PathEscape(v),
			base64.StdEncoding.EncodeToString([]byte(v)), base64.RawURLEncoding.EncodeToString([]byte(v))} {
			r.spellings, pairs = append(r.spellings, s), append(pairs, s, "***")
		}
	}
	r.replace = strings.NewReplacer(pairs...)
	return r
}

// Replace writes *** for secrets. Hardly any text has one: each is looked for first, which costs nothing.
func (r redactor) Replace(s string) string {
	for _, secret := range r.spellings {
		if strings.Contains(s, secret) {
			return r.replace.Replace(s)
		}
	}
	return s
}

// Redact removes the client's secrets from a text.
func (c *Client) Redact(s string) string { return c.redact.Replace(s) }

// Clean makes a foreign text fit for a message: without secrets, control characters and e-mail addresses, valid UTF-8,
// of bounded length.
func (c *Client) Clean(s string) string {
	if s == "" {
		return ""
	}
	s = c.redact.Replace(s) // before any cut, which could leave half a secret
	if len(s) > 16*maxText {
		s = s[:16*maxText]
	}
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
	s = payment.WithoutMail(strings.TrimSpace(s))
	if utf8.RuneCountInString(s) > maxText {
		s = string([]rune(s)[:maxText-1]) + "…"
	}
	return s
}

// Message is Clean without what an instruction says of its customer: PSPs like to repeat a wrong phone number.
func (c *Client) Message(in *payment.Instruction, s string) string {
	if s == "" {
		return ""
	}
	cu := &in.Customer
	values := []string{cu.Email, cu.Name, cu.Phone, cu.SIREN, cu.ID}
	for _, p := range cu.Address {
		values = append(values, p.Value)
	}
	var pairs []string
	for _, v := range values {
		if utf8.RuneCountInString(v) < 3 { // a country's code, a letter
			continue
		}
		pairs = append(pairs, v, "***", strings.ToLower(v), "***", strings.ToUpper(v), "***")
	}
	if len(pairs) > 0 {
		s = strings.NewReplacer(pairs...).Replace(s)
	}
	return c.Clean(s)
}
