package httpgw

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/navette-connect/navette/connector/payment"
)

// Body writes the JSON of a submit. It is a function of the instruction alone: the same key has the same bytes for ever,
// so neither the order of the fields nor the rule for empty ones may change. Texts the protocol always shows are ""
// when empty, dates and amounts null; the other optional fields are left out.
func Body(in *payment.Instruction) []byte {
	return appendBody(make([]byte, 0, 1024), in)
}

func appendBody(b []byte, in *payment.Instruction) []byte {
	if in.Kind == payment.Request {
		return appendRequest(b, in)
	}
	return appendOperation(b, in)
}

func appendRequest(b []byte, in *payment.Instruction) []byte {
	b = text(append(b, '{'), "reference", in.Reference)
	b = text(append(b, ','), "part", in.Part)
	b = amount(append(b, ','), in.Amount)
	b = date(append(b, ','), "due_on", in.DueOn)
	b = date(append(b, ','), "expires_on", in.ExpiresOn)
	b = optional(b, "issued_on", in.IssuedOn)
	b = text(append(b, ','), "label", in.Label)
	b = text(append(b, ','), "channel", in.Channel)
	b = optional(b, "method", in.Method)
	b = optional(b, "shop", in.Shop)
	b = customer(append(b, ','), &in.Customer)
	mode := in.Capture.Mode
	if mode == "" {
		mode = "immediate"
	}
	b = text(append(b, `,"capture":{`...), "mode", mode)
	if in.Capture.DelayDays != 0 {
		b = strconv.AppendInt(append(b, `,"delay_days":`...), int64(in.Capture.DelayDays), 10)
	}
	b = append(b, '}')
	b = pairs(append(b, ','), "metadata", in.Metadata)
	return append(source(append(b, ','), in.Source), '}')
}

func appendOperation(b []byte, in *payment.Instruction) []byte {
	b = text(append(b, '{'), "operation", string(in.Operation))
	b = text(append(b, ','), "reference", in.Reference)
	b = text(append(b, ','), "payment_id", target(in))
	b = text(append(b, ','), "transaction_id", in.TransactionID)
	b = amount(append(b, ','), in.Amount)
	b = date(append(b, ','), "date", in.Date)
	b = text(append(b, ','), "reason", in.Reason)
	return append(source(append(b, ','), in.Source), '}')
}

// target is the PSP's id of the request that an operation acts on: a reference alone may be that of several parts, or of another
// namespace too. It is the same at each attempt, since nothing else of the reference moves while the operation is unfinished.
func target(in *payment.Instruction) string {
	if in.PaymentID == "" && in.TransactionID == "" {
		return in.Target.PaymentID
	}
	return in.PaymentID
}

func customer(b []byte, c *payment.Customer) []byte {
	b = text(append(b, `"customer":{`...), "id", c.ID)
	b = text(append(b, ','), "name", c.Name)
	b = text(append(b, ','), "email", c.Email)
	b = optional(b, "phone", c.Phone)
	b = optional(b, "language", c.Language)
	b = optional(b, "siren", c.SIREN)
	if len(c.Address) > 0 {
		b = pairs(append(b, ','), "address", c.Address)
	}
	return append(b, '}')
}

func source(b []byte, s payment.Source) []byte {
	b = text(append(b, `"source":{`...), "flow", s.Flow)
	b = text(append(b, ','), "file", s.File)
	b = strconv.AppendInt(append(b, `,"line":`...), int64(s.Line), 10)
	return append(b, '}')
}

func amount(b []byte, a payment.Amount) []byte {
	if a.IsZero() {
		return append(b, `"amount":null`...)
	}
	b = strconv.AppendInt(append(b, `"amount":{"value":`...), a.Minor, 10)
	return append(text(append(b, ','), "currency", a.Currency), '}')
}

// pairs are written by name whatever order they come in: an order kept elsewhere could change the bytes.
func pairs(b []byte, name string, ps []payment.Pair) []byte {
	byName := func(x, y payment.Pair) int { return strings.Compare(x.Name, y.Name) }
	if !slices.IsSortedFunc(ps, byName) {
		ps = slices.Clone(ps)
		slices.SortStableFunc(ps, byName)
	}
	b = append(member(b, name), '{')
	for i, p := range ps {
		if i > 0 {
			b = append(b, ',')
		}
		b = quote(append(quote(b, p.Name), ':'), p.Value)
	}
	return append(b, '}')
}

func date(b []byte, name, v string) []byte {
	if v == "" {
		return append(member(b, name), "null"...)
	}
	return text(b, name, v)
}

func optional(b []byte, name, v string) []byte {
	if v == "" {
		return b
	}
	return text(append(b, ','), name, v)
}

// text writes a member; its name needs no quoting.
func text(b []byte, name, v string) []byte { return quote(member(b, name), v) }

func member(b []byte, name string) []byte { return append(append(append(b, '"'), name...), '"', ':') }

// plain tells which bytes stand for themselves in a JSON string.
var plain = func() (is [256]bool) {
	for c := ' '; c < utf8.RuneSelf-1; c++ {
		is[c] = c != '"' && c != '\\'
	}
	return is
}()

// quote appends a JSON string; bytes that are no UTF-8 become U+FFFD.
func quote(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	from := 0
	for i := 0; i < len(s); {
		c := s[i]
		if plain[c] {
			i++
			continue
		}
		if c < utf8.RuneSelf {
			b = append(b, s[from:i]...)
			switch c {
			case '"', '\\':
				b = append(b, '\\', c)
			case '\n':
				b = append(b, '\\', 'n')
			case '\r':
				b = append(b, '\\', 'r')
			case '\t':
				b = append(b, '\\', 't')
			default:
				b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
			}
			i++
			from = i
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && n == 1 {
			b = append(append(b, s[from:i]...), "\uFFFD"...)
			from = i + n
		}
		i += n
	}
	return append(append(b, s[from:]...), '"')
}
