package httpgw

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tidwall/gjson"

	"github.com/navette-connect/navette/connector/gateway"
	"github.com/navette-connect/navette/connector/payment"
)

// object is a payment request or an operation as a PSP answers it.
type object struct {
	ID               loose
	Key              loose // not asked for; compared when it comes
	State            string
	Reference        loose
	Amount           *money
	Paid             *money
	Method           loose
	TransactionID    loose
	TransactionState loose
	Link             loose
	Code             loose
	Message          loose
	UpdatedAt        loose
}

// errObject says that an answer is no object of the protocol.
var errObject = errors.New("not a JSON object as expected")

// readObject reads an object member by member, once over: it is read for each row that is sent. What it does not know it
// leaves; of a name that comes twice the last counts.
func readObject(body []byte) (o object, err error) {
	if !gjson.ValidBytes(body) {
		return o, errObject
	}
	whole := gjson.ParseBytes(body)
	if !whole.IsObject() {
		return o, errObject
	}
	whole.ForEach(func(name, v gjson.Result) bool {
		switch name.Str {
		case "id":
			o.ID = looseOf(v)
		case "idempotency_key":
			o.Key = looseOf(v)
		case "state":
			if v.Type != gjson.String && v.Type != gjson.Null {
				err = errObject
			}
			o.State = valid(v.Str)
		case "reference":
			o.Reference = looseOf(v)
		case "amount":
			o.Amount, err = moneyOf(v, err)
		case "paid":
			o.Paid, err = moneyOf(v, err)
		case "method":
			o.Method = looseOf(v)
		case "transaction_id":
			o.TransactionID = looseOf(v)
		case "transaction_state":
			o.TransactionState = looseOf(v)
		case "link":
			o.Link = looseOf(v)
		case "code":
			o.Code = looseOf(v)
		case "message":
			o.Message = looseOf(v)
		case "updated_at":
			o.UpdatedAt = looseOf(v)
		}
		return true
	})
	return o, err
}

func looseOf(v gjson.Result) loose {
	switch v.Type {
	case gjson.String:
		return loose(valid(v.Str))
	case gjson.Number:
		return loose(v.Raw)
	}
	return ""
}

// valid copies a text out of the answer's body; bytes that are no UTF-8 become U+FFFD.
func valid(s string) string { return strings.Clone(strings.ToValidUTF8(s, "\uFFFD")) }

// moneyOf reads an amount, if nothing before it has failed: the value a whole number, the currency a text.
func moneyOf(v gjson.Result, before error) (m *money, err error) {
	switch {
	case before != nil || v.Type == gjson.Null:
		return nil, before
	case !v.IsObject():
		return nil, errObject
	}
	m = &money{}
	v.ForEach(func(name, v gjson.Result) bool {
		switch {
		case v.Type == gjson.Null:
		case name.Str == "value":
			n, bad := strconv.ParseInt(v.Raw, 10, 64)
			if bad != nil || v.Type != gjson.Number {
				err = errObject
			}
			m.Value = &n
		case name.Str == "currency":
			if v.Type != gjson.String {
				err = errObject
			}
			m.Currency = valid(v.Str)
		}
		return true
	})
	return m, err
}

type money struct {
	Value    *int64 `json:"value"`
	Currency string `json:"currency"`
}

// exact reads an amount; money that is not clear spoils the answer.
func (m *money) exact() (payment.Amount, error) {
	if m == nil {
		return payment.Amount{}, nil
	}
	if m.Value == nil {
		return payment.Amount{}, errors.New("an amount without a value")
	}
	if _, err := payment.Exponent(m.Currency); err != nil {
		return payment.Amount{}, errors.New("an amount in an unknown currency")
	}
	return payment.Amount{Minor: *m.Value, Currency: m.Currency}, nil
}

// loose is a text whose kind does not matter enough to lose an answer over: a number is taken as it is written,
// anything else as absent.
type loose string

// UnmarshalJSON never fails.
func (l *loose) UnmarshalJSON(b []byte) error {
	*l = ""
	switch {
	case len(b) == 0:
	case b[0] == '"' && bytes.IndexByte(b, '\\') < 0 && utf8.Valid(b): // as it stands: the common case
		*l = loose(b[1 : len(b)-1])
	case b[0] == '"':
		var s string
		if err := json.Unmarshal(b, &s); err != nil {
			return err
		}
		*l = loose(s)
	case b[0] == '-' || b[0] >= '0' && b[0] <= '9':
		*l = loose(b)
	}
	return nil
}

// readable tells whether a media type may hold JSON. Simple servers call it plain text, or nothing.
func readable(mediaType string) bool {
	return mediaType == "application/json" || mediaType == "" || mediaType == "text/plain" ||
		strings.HasPrefix(mediaType, "application/") && strings.HasSuffix(mediaType, "+json")
}

// outcome reads the object of an answer. An error is a reason to be in doubt; it quotes nothing of the body but the
// state's name, redacted.
func (g *Gateway) outcome(in *payment.Instruction, body []byte) (payment.Outcome, error) {
	o, err := readObject(body)
	if err != nil {
		return payment.Outcome{}, err
	}
	if o.Key != "" && string(o.Key) != in.Key {
		return payment.Outcome{}, errors.New("an object of another key")
	}
	sum, err := o.Amount.exact()
	if err != nil {
		return payment.Outcome{}, err
	}
	out := payment.Outcome{
		Verdict:          payment.VerdictDone,
		PaymentID:        g.id(o.ID),
		TransactionID:    g.id(o.TransactionID),
		TransactionState: g.word(o.TransactionState),
		Link:             g.id(o.Link),
		Reference:        g.id(o.Reference),
		Amount:           sum,
	}
	var known bool
	if in.Kind == payment.Request {
		out.State, known = requestState(o.State)
		if known && o.ID == "" {
			return payment.Outcome{}, errors.New("no id")
		}
	} else {
		out.State, known = operationState(o.State)
	}
	if !known {
		return payment.Outcome{}, fmt.Errorf("state %q is unknown", g.client.Clean(o.State))
	}
	switch {
	case out.State == payment.Refused:
		out.Verdict, out.Code = payment.VerdictRefused, gateway.CodeRefused
		out.Message = g.refused(in, string(o.Code), string(o.Message)).Message
	case o.Code != "":
		out.Message = g.client.Message(in, strings.TrimSpace("["+string(o.Code)+"] "+string(o.Message)))
	default:
		out.Message = g.client.Message(in, string(o.Message))
	}
	return out, nil
}

// id keeps an identifier as it is, but for a secret in it.
func (g *Gateway) id(l loose) string { return g.client.Redact(string(l)) }

// word is a foreign text that goes no further than a return file.
func (g *Gateway) word(l loose) string { return g.client.Clean(string(l)) }

// requestState gives the state of a payment request by its word.
func requestState(word string) (payment.State, bool) {
	switch s := payment.State(word); s {
	case payment.Open, payment.Authorised, payment.PartiallyPaid, payment.Paid, payment.Settled, payment.PartiallyRefunded,
		payment.Refunded, payment.ChargedBack, payment.Expired, payment.Cancelled, payment.Refused:
		return s, true
	}
	return "", false
}

// operationState gives the state of an operation by its word.
func operationState(word string) (payment.State, bool) {
	switch s := payment.State(word); s {
	case payment.Done, payment.Refused, payment.Pending:
		return s, true
	}
	return "", false
}

// problem is an application/problem+json body (RFC 9457).
type problem struct {
	Code   loose `json:"code"`
	Detail loose `json:"detail"`
	Title  loose `json:"title"`
}

// readProblem gives the PSP's own words; false when the body is none.
func readProblem(a *gateway.Answer) (problem, bool) {
	var p problem
	if a.Cut || a.Type != "application/problem+json" || !isObject(a.Body) {
		return p, false
	}
	return p, json.Unmarshal(a.Body, &p) == nil
}

func (p problem) label(status int) string { return firstOf(string(p.Code), strconv.Itoa(status)) }
func (p problem) text() string            { return firstOf(string(p.Detail), string(p.Title)) }

func firstOf(s, other string) string {
	if s != "" {
		return s
	}
	return other
}

func isObject(b []byte) bool {
	b = bytes.TrimLeft(b, " \t\r\n")
	return len(b) > 0 && b[0] == '{'
}

// readList reads the answer to a look-up. Only an array that is there and empty proves absence: `null`, no `data` at all
// or a page of something else do not.
func readList(a *gateway.Answer) ([]json.RawMessage, error) {
	var list struct {
		Data []json.RawMessage `json:"data"`
		Next loose             `json:"next"`
	}
	if a.Cut || !readable(a.Type) || !isObject(a.Body) || json.Unmarshal(a.Body, &list) != nil || list.Data == nil {
		return nil, errors.New("not a list of objects")
	}
	return list.Data, nil
}

func (g *Gateway) readSnapshot(a *gateway.Answer) (payment.Snapshot, error) {
	if a.Cut || !readable(a.Type) {
		return payment.Snapshot{}, errors.New("not a JSON answer")
	}
	return g.snapshot(a.Body)
}

func (g *Gateway) snapshot(body []byte) (payment.Snapshot, error) {
	o, err := readObject(body)
	if err != nil {
		return payment.Snapshot{}, err
	}
	state, known := requestState(o.State)
	if !known {
		return payment.Snapshot{}, fmt.Errorf("state %q is unknown", g.client.Clean(o.State))
	}
	sum, err := o.Amount.exact()
	if err != nil {
		return payment.Snapshot{}, err
	}
	paid, err := o.Paid.exact()
	if err != nil {
		return payment.Snapshot{}, err
	}
	return payment.Snapshot{
		PaymentID:     g.id(o.ID),
		State:         state,
		Amount:        sum,
		Paid:          paid,
		Method:        g.word(o.Method),
		TransactionID: g.id(o.TransactionID),
		Link:          g.id(o.Link),
		UpdatedAt:     instant(string(o.UpdatedAt)),
	}, nil
}

// instant reads an RFC 3339 time, zero if it is none.
func instant(s string) time.Time {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return time.Time{}
	}
	return t
}

// readFeed reads a page of events. One event nobody can read must not stop the feed for ever: it keeps its id and its
// object's id, and the reader asks for the object.
func (g *Gateway) readFeed(a *gateway.Answer) ([]payment.Change, string, error) {
	var page struct {
		Data []json.RawMessage `json:"data"`
		Next loose             `json:"next"`
	}
	if a.Cut || !readable(a.Type) || !isObject(a.Body) || json.Unmarshal(a.Body, &page) != nil || page.Data == nil {
		return nil, "", errors.New("not a page of events")
	}
	changes := make([]payment.Change, 0, len(page.Data))
	for _, raw := range page.Data {
		var e struct {
			ID         loose           `json:"id"`
			Type       loose           `json:"type"`
			OccurredAt loose           `json:"occurred_at"`
			Amount     json.RawMessage `json:"amount"`
			Reason     loose           `json:"reason"`
			Data       json.RawMessage `json:"data"`
		}
		if json.Unmarshal(raw, &e) != nil {
			continue // not even an object
		}
		word := string(e.Type)
		word = word[strings.LastIndexByte(word, '.')+1:] // "payment_request.paid" is a common spelling
		c := payment.Change{EventID: g.id(e.ID), Word: g.word(loose(word)), OccurredAt: instant(string(e.OccurredAt)), Reason: g.word(e.Reason)}
		var m *money
		sum, err := payment.Amount{}, json.Unmarshal(orNull(e.Amount), &m)
		if err == nil {
			sum, err = m.exact()
		}
		c.Amount = sum
		now, nowErr := g.snapshot(orNull(e.Data))
		if err != nil || nowErr != nil {
			now = payment.Snapshot{PaymentID: g.id(objectID(e.Data))}
		}
		c.Now = now
		changes = append(changes, c)
	}
	return changes, g.id(page.Next), nil
}

func orNull(b json.RawMessage) json.RawMessage {
	if len(b) == 0 {
		return json.RawMessage("null")
	}
	return b
}

func objectID(b json.RawMessage) loose {
	var o struct {
		ID loose `json:"id"`
	}
	if json.Unmarshal(orNull(b), &o) != nil {
		return ""
	}
	return o.ID
}

// hookObject gives data.id of a webhook's body, "" if there is none.
func hookObject(body []byte) string {
	var e struct {
		Data json.RawMessage `json:"data"`
	}
	if json.Unmarshal(body, &e) != nil {
		return ""
	}
	return string(objectID(e.Data))
}
