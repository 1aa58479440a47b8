package paybox

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"unicode/utf8"
)

// question is the fields of a question, in the order they are sent: the signature covers that order.
type question []field

type field struct{ name, value string }

// with adds a field; the question it is called on stays as it is.
func (q question) with(name, value string) question {
	return append(q[:len(q):len(q)], field{name, value})
}

// text is what is signed: K=V&K=V, in ISO-8859-1, not URL-encoded.
func (q question) text() []byte {
	var b []byte
	for i, f := range q {
		if i > 0 {
			b = append(b, '&')
		}
		b = append(append(append(b, f.name...), '='), latin(f.value)...)
	}
	return b
}

// sign gives the HMAC of a question: HMAC-SHA512, upper-case hexadecimal.
func (q question) sign(key []byte) string {
	m := hmac.New(sha512.New, key)
	m.Write(q.text())
	return strings.ToUpper(hex.EncodeToString(m.Sum(nil)))
}

// signed gives the body of a question to PPPS, its HMAC last.
func (q question) signed(key []byte) []byte {
	var b strings.Builder
	for _, f := range q.with("HMAC", q.sign(key)) {
		if b.Len() > 0 {
			b.WriteByte('&')
		}
		b.WriteString(f.name + "=" + url.QueryEscape(string(latin(f.value))))
	}
	return []byte(b.String())
}

// numbered puts the question's number in its place, behind the account.
func (q question) numbered(n uint32) question {
	out := make(question, 0, len(q)+1)
	for _, f := range q {
		out = append(out, f)
		if f.name == "RANG" {
			out = append(out, field{"NUMQUESTION", fmt.Sprintf("%010d", n)})
		}
	}
	return out
}

// Question numbers run from 0 to 2147483647 and are unique per site and day. Those of operations are made from their
// key; the last eighth is kept for questions that only ask, so that reading never takes an operation's number.
const (
	maxNumber = 1<<31 - 1
	asking    = 1 << 28
	acting    = maxNumber + 1 - asking
)

// askNumber is the number of an operation's question: the same for ever for the same key.
func askNumber(key string) uint32 {
	sum := sha256.Sum256([]byte("navette/paybox/numquestion\x00" + key))
	return uint32(binary.BigEndian.Uint64(sum[:8]) % acting)
}

// readNumber is the number of the n-th question that only asks.
func readNumber(n uint32) uint32 { return acting + n%asking }

// answer is what PPPS answers. The card's fields (PORTEUR …) are not read.
type answer struct {
	Site, Rank, Number, Code, Comment, Trans, Call, Status, Batch, Authorisation string
}

var errAnswer = errors.New("not an answer of PPPS")

// readAnswer reads the body of an answer: a form in ISO-8859-1; a field that stands twice or no CODEREPONSE spoil it.
func readAnswer(body []byte) (answer, error) {
	var a answer
	into := map[string]*string{"SITE": &a.Site, "RANG": &a.Rank, "NUMQUESTION": &a.Number, "CODEREPONSE": &a.Code, "COMMENTAIRE": &a.Comment,
		"NUMTRANS": &a.Trans, "NUMAPPEL": &a.Call, "STATUS": &a.Status, "REMISE": &a.Batch, "AUTORISATION": &a.Authorisation}
	seen := map[string]bool{}
	for part := range strings.SplitSeq(strings.TrimSpace(string(body)), "&") {
		name, value, _ := strings.Cut(part, "=")
		to := into[name]
		if to == nil {
			continue
		}
		if seen[name] {
			return answer{}, fmt.Errorf("%w: %s stands twice", errAnswer, name)
		}
		seen[name] = true
		if plain, err := url.QueryUnescape(value); err == nil {
			value = plain
		}
		*to = strings.TrimSpace(utf(value))
	}
	if len(a.Code) != 5 || !number(a.Code) {
		return answer{}, fmt.Errorf("%w: no CODEREPONSE", errAnswer)
	}
	for _, s := range []string{a.Trans, a.Call} {
		if s != "" && (!number(s) || len(s) > 10) {
			return answer{}, fmt.Errorf("%w: a transaction number that is none", errAnswer)
		}
	}
	return a, nil
}

// echoes tells whether the answer is that to our question.
func (a answer) echoes(site, rank string, n uint32) error {
	bare := func(s string) string { return strings.TrimLeft(s, "0") }
	if a.Site != site || bare(a.Rank) != bare(rank) || bare(a.Number) != bare(fmt.Sprint(n)) {
		return fmt.Errorf("%w to this question: SITE, RANG or NUMQUESTION differ", errAnswer)
	}
	return nil
}

// transaction gives the numbers of an answer; those it does not name are the target's own.
func (a answer) transaction(t target) target {
	if strings.Trim(a.Trans, "0") != "" { // a capture has a number of its own, to be used from now on
		t.trans = a.Trans
	}
	if strings.Trim(a.Call, "0") != "" {
		t.call = a.Call
	}
	return t
}

func number(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

// utf reads ISO-8859-1; what is already UTF-8 with accents stays: a sequence of ISO-8859-1 letters is almost never that.
func utf(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	r := make([]rune, len(s))
	for i := range len(s) {
		r[i] = rune(s[i])
	}
	return string(r)
}

// latin writes ISO-8859-1; what it does not have becomes a question mark.
func latin(s string) []byte {
	b := make([]byte, 0, len(s))
	for _, r := range s {
		if r > 0xFF {
			r = '?'
		}
		b = append(b, byte(r))
	}
	return b
}
