package main

import (
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"strings"

	"golang.org/x/text/encoding/charmap"
)

// columns that a body is made of, in its order.
const (
	reference = iota
	amount
	currency
	issued
	due
	label
	customer
	name
	email
	phone
	street
	zip
	city
	country
	order
	method
	columns
)

func titles() [columns]string {
	return [columns]string{"N° facture", "Montant TTC", "Devise", "Date facture", "Date échéance", "Libellé", "Code client", "Raison sociale",
		"E-mail", "Téléphone", "Adresse", "Code postal", "Ville", "Pays", "Référence commande", "Mode de règlement"}
}

// reader yields the rows of one file.
type reader struct {
	csv  *csv.Reader
	file string
	at   [columns]int
}

func newReader(in io.Reader, file string) (*reader, error) {
	r := &reader{csv: csv.NewReader(charmap.Windows1252.NewDecoder().Reader(in)), file: file}
	r.csv.Comma, r.csv.ReuseRecord = ';', true
	head, err := r.csv.Read()
	if err != nil {
		return nil, fmt.Errorf("titles: %w", err)
	}
	for i, want := range titles() {
		r.at[i] = -1
		for k, t := range head {
			if t == want {
				r.at[i] = k
			}
		}
		if r.at[i] < 0 {
			return nil, fmt.Errorf("column %q is missing", want)
		}
	}
	return r, nil
}

// row is a payment request, or why there is none.
type row struct {
	key    string // the invoice number
	line   int
	body   []byte
	reason string
}

// next gives the next row, io.EOF after the last.
func (r *reader) next() (row, error) {
	rec, err := r.csv.Read()
	if err != nil {
		return row{}, err
	}
	var v [columns]string
	for i, k := range r.at {
		v[i] = rec[k]
	}
	line, _ := r.csv.FieldPos(0)
	out := row{key: strings.Clone(v[reference]), line: line}
	cents, ok := money(v[amount])
	if !ok {
		out.reason = "amount"
		return out, nil
	}
	if v[issued], ok = day(v[issued]); !ok {
		out.reason = "date"
		return out, nil
	}
	if v[due], ok = day(v[due]); !ok {
		out.reason = "date"
		return out, nil
	}
	b := make([]byte, 0, 768)
	text := func(lead, s string) { b = quote(append(b, lead...), s) }
	text(`{"reference":`, v[reference])
	b = strconv.AppendInt(append(b, `,"part":"","amount":{"value":`...), cents, 10)
	text(`,"currency":`, v[currency])
	text(`},"issued_on":`, v[issued])
	text(`,"due_on":`, v[due])
	text(`,"label":`, v[label])
	text(`,"channel":"link","customer":{"id":`, v[customer])
	text(`,"name":`, v[name])
	text(`,"email":`, v[email])
	text(`,"phone":`, v[phone])
	text(`,"address":{"line1":`, v[street])
	text(`,"zip":`, v[zip])
	text(`,"city":`, v[city])
	text(`,"country":`, v[country])
	text(`}},"metadata":{"order":`, v[order])
	text(`,"mode":`, v[method])
	text(`},"source":{"flow":"f0","file":`, r.file)
	out.body = append(strconv.AppendInt(append(b, `,"line":`...), int64(line), 10), "}}"...)
	return out, nil
}

// money reads cents written with a decimal comma and blanks between thousands.
func money(s string) (int64, bool) {
	var v int64
	decimals := -1
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c >= '0' && c <= '9' && v < 1e15:
			v = v*10 + int64(c-'0')
			if decimals >= 0 {
				decimals++
			}
		case c == ',' && decimals < 0:
			decimals = 0
		case c == ' ' && decimals < 0:
		default:
			return 0, false
		}
	}
	return v, decimals == 2
}

// day turns dd/mm/yyyy round.
func day(s string) (string, bool) {
	if len(s) != 10 || s[2] != '/' || s[5] != '/' {
		return "", false
	}
	return s[6:] + "-" + s[3:5] + "-" + s[:2], true
}

func quote(b []byte, s string) []byte {
	b = append(b, '"')
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c < 0x20:
			b = fmt.Appendf(b, `\u%04x`, c)
		default:
			b = append(b, c)
		}
	}
	return append(b, '"')
}
