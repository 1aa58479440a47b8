package journal

import (
	"bytes"
	"context"
	"strings"

	"github.com/navette-connect/navette/connector/payment"
)

// Held is one row with all that is held of the person it speaks of.
type Held struct {
	RowID, FileID, Line          int64
	Flow, File, Reference, State string
	ReceivedAt                   int64 // microseconds
	Raw, Fields                  []byte
	Customer                     payment.Customer
	Body                         payment.Instruction // label, dates, metadata… alone
}

// PersonRows passes every row held about a person, in the order they came: id is a customer's id, e-mail, telephone or a
// reference. Rows that were rejected have no customer: those whose source holds an e-mail asked for are found by that (not
// in EBCDIC). It
// reads every row there is.
func (j *Journal) PersonRows(ctx context.Context, id string, to func(Held) error) error {
	id = strings.TrimSpace(id)
	return j.each(ctx, `SELECT r.id, f.id, r.line, f.flow, f.name, r.reference, r.state, f.received_at, p.raw, p.fields, d.customer, p.body
 FROM personal p JOIN row r ON r.id = p.row_id JOIN file f ON f.id = r.file_id LEFT JOIN personal d ON d.row_id = r.document ORDER BY p.row_id`, nil, func(r Record) error {
		var h Held
		var name, customer, body []byte
		if err := r.Scan(&h.RowID, &h.FileID, &h.Line, &h.Flow, &name, &h.Reference, &h.State, &h.ReceivedAt, &h.Raw, &h.Fields, &customer, &body); err != nil {
			return err
		}
		decodeCustomer(customer, &h.Customer)
		if !h.of(id) {
			return nil
		}
		decodeBody(body, &h.Body)
		h.File = string(name)
		return to(h)
	})
}

// of tells whether a row speaks of the person.
func (h *Held) of(id string) bool {
	c := &h.Customer
	switch {
	case id == "":
		return false
	case id == h.Reference, id == c.ID, strings.EqualFold(id, c.Email):
		return true
	case strings.Contains(id, "@"):
		for _, s := range spelled(strings.ToLower(id)) {
			if bytes.Contains(lowered(h.Raw), s) || bytes.Contains(lowered(h.Fields), s) {
				return true
			}
		}
		return false
	}
	n := digits(id)
	return len(n) >= 8 && n == digits(c.Phone) && strings.Trim(id, "+0123456789 .-/()") == ""
}

// lowered is b with the letters of ASCII lowered, whatever its encoding.
func lowered(b []byte) []byte {
	low := bytes.Clone(b)
	for i, c := range low {
		if c >= 'A' && c <= 'Z' {
			low[i] = c + 'a' - 'A'
		}
	}
	return low
}

// spelled is an e-mail address as sources spell it: one byte a letter, or two (UTF-16, either way round).
func spelled(id string) [][]byte {
	wide := make([]byte, 0, 2*len(id)+1)
	for _, c := range []byte(id) {
		wide = append(wide, 0, c)
	}
	return [][]byte{[]byte(id), wide, append(wide[1:len(wide):len(wide)], 0)}
}

// digits are those of a telephone number, without what people write between them.
func digits(s string) string {
	return strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, s)
}
