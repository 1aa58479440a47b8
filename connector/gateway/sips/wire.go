package sips

import (
	"bytes"
	"context"
	"crypto/hmac"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/navette-connect/navette/connector/gateway"
	"github.com/navette-connect/navette/connector/payment"
)

// function is one of Sips: its path and the interface version it was seen with.
type function struct{ path, prefix, version string }

func cash(name string) function { return function{"/cashManagement/" + name, "CR_WS_", "2.55"} }

func diagnostic() function { return function{"/diagnostic/getTransactionData", "DR_WS_", "2.9"} }

func paymentInit() function { return function{"/paymentInit", "IR_WS_", "2.55"} }

// reply is an answer of Sips whose seal was right, or that needed none.
type reply map[string]any

func (r reply) text(name string) string {
	switch v := r[name].(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	}
	return ""
}

// call asks Sips once. Without an error the answer is Sips's own. Errors are those of gateway.Client, or a *gateway.Error
// by the class of the answer; wait is what a busy server asks for.
func (g *Gateway) call(ctx context.Context, host string, f function, fields map[string]any) (r reply, wait time.Duration, err error) {
	version := g.version
	if version == "" {
		version = f.version
	}
	fields["interfaceVersion"], fields["keyVersion"], fields["merchantId"] = f.prefix+version, g.keyVersion, g.merchant
	fields["seal"] = seal(sealData(fields), g.keys[g.keyVersion])
	body, err := json.Marshal(fields) // names in order: the same bytes for the same fields
	if err != nil {
		return nil, 0, &gateway.Error{Kind: payment.ErrStopped, Code: gateway.CodeAddress, Text: "the request cannot be written"}
	}
	h := http.Header{"Content-Type": {"application/json"}, "Accept": {"application/json"}, "User-Agent": {"navette"}}
	a, err := g.client.Do(ctx, &gateway.Request{Method: http.MethodPost, URL: host + "/rs-services/v2" + f.path, Header: h, Body: body})
	if err != nil {
		return nil, 0, err
	}
	fail := func(kind error, code, text string) (reply, time.Duration, error) {
		return nil, a.Wait, &gateway.Error{Kind: kind, Code: code, Status: a.Status, Text: text}
	}
	switch a.Class() {
	case gateway.Taken:
	case gateway.Credentials:
		return fail(payment.ErrStopped, gateway.CodeCredentials, "credentials refused")
	case gateway.Refusal, gateway.Wrong: // Sips itself always answers 200
		return fail(payment.ErrStopped, gateway.CodeAddress, "not Sips's interface")
	case gateway.Later:
		return fail(errLater, gateway.CodeBusy, "")
	case gateway.LaterLook:
		return fail(errLaterLook, gateway.CodeBusy, "")
	default:
		return fail(payment.ErrUncertain, gateway.CodeLost, "")
	}
	if a.Cut {
		return fail(payment.ErrUncertain, gateway.CodeUnreadable, "half an answer")
	}
	if r, err = readReply(a.Body); err != nil {
		return fail(payment.ErrUncertain, gateway.CodeUnreadable, err.Error())
	}
	given := r.text("seal")
	wrong := given == "" && g.production || given != "" && !g.sealed(r, given)
	if c := g.codes[r.text("responseCode")+r.text("redirectionStatusCode")]; wrong && c.meaning == stop {
		return fail(payment.ErrStopped, c.nv, g.codeText(c.code, "")) // neither knows the other's key: nothing was done
	}
	switch {
	case given == "" && g.production:
		return fail(payment.ErrUncertain, gateway.CodeUnreadable, "the answer is not sealed")
	case wrong:
		return fail(payment.ErrUncertain, gateway.CodeUnreadable, "the answer's seal is wrong")
	}
	return r, 0, nil
}

// errLater and errLaterLook mark the answers 429 and 503; they do not leave the package.
var (
	errLater     = errors.New("the gateway asks to wait")
	errLaterLook = errors.New("the gateway is away for a time")
)

// sealed tells whether an answer was sealed with one of our keys.
func (g *Gateway) sealed(r reply, given string) bool {
	data, right := sealData(r), false
	for _, key := range g.keys {
		right = hmac.Equal([]byte(strings.ToLower(given)), []byte(seal(data, key))) || right
	}
	return right
}

// readReply reads a JSON object whose numbers stay as they are written.
func readReply(body []byte) (reply, error) {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var r reply
	if err := d.Decode(&r); err != nil || r == nil {
		return nil, errors.New("not a JSON object")
	}
	if d.More() {
		return nil, errors.New("more than one JSON object")
	}
	return r, nil
}

// readError turns the failure of a question into one that says ask again later, unless it says something final.
func readError(err error) error {
	var e *gateway.Error
	if errors.As(err, &e) && (errors.Is(err, errLater) || errors.Is(err, errLaterLook)) {
		again := *e
		again.Kind = payment.ErrUncertain
		return &again
	}
	return err
}

// transaction is what getTransactionData shows. Amounts are zero when not said; current is what is left of amount (M).
type transaction struct {
	reference, name string
	status          status
	amount, current payment.Amount
	method          string
	at              time.Time
	code            string // why it was refused, as far as it is said
}

// left is what a whole operation acts on.
func (t *transaction) left() payment.Amount {
	if t.current.IsZero() {
		return t.amount
	}
	return t.current
}

// unclear is what Sips says of one transaction when nobody can act on that: the question was refused, or its answer is of
// a kind not known here. The gateway is well, and whatever needs the answer is not sent.
type unclear struct{ said gateway.Error }

func (u *unclear) Error() string { return u.said.Error() }
func (u *unclear) Unwrap() error { return &u.said }

// transaction asks for one transaction. payment.ErrUnknown: Sips does not know it (yet); an *unclear: see there.
func (g *Gateway) transaction(ctx context.Context, reference string) (*transaction, error) {
	r, _, err := g.call(ctx, g.office, diagnostic(), map[string]any{"transactionReference": reference})
	if err != nil {
		return nil, readError(err)
	}
	code := r.text("responseCode")
	name := r.text("transactionStatus")
	c := g.codes[code]
	switch { // responseCode may be that of the transaction: what has a status is there
	case name != "":
	case c.meaning == young:
		return nil, &gateway.Error{Kind: payment.ErrUnknown, Code: gateway.CodeRefused, Text: g.codeText(code, "")}
	case c.meaning == stop:
		return nil, &gateway.Error{Kind: payment.ErrStopped, Code: c.nv, Text: g.codeText(code, "")}
	case c.meaning == refused:
		return nil, &unclear{gateway.Error{Kind: payment.ErrUnsupported, Code: c.nv, Text: g.codeText(code, r.text("errorFieldName"))}}
	default:
		return nil, &gateway.Error{Kind: payment.ErrUncertain, Code: gateway.CodeUnreadable, Text: g.codeText(code, r.text("errorFieldName"))}
	}
	odd := func(why string) error { // it may be clear later
		return &unclear{gateway.Error{Kind: payment.ErrUncertain, Code: gateway.CodeUnreadable, Text: "[" + g.client.Clean(code) + "] " + why}}
	}
	t := &transaction{reference: reference, name: name, method: g.client.Clean(r.text("paymentMeanBrand"))}
	var known bool
	if t.status, known = g.statuses[name]; !known {
		return nil, odd("status " + strconv.Quote(g.client.Clean(name)) + " is unknown")
	}
	currency := g.currencyOf(r.text("currencyCode"))
	if t.amount, err = money(r.text("amount"), currency); err == nil {
		t.current, err = money(r.text("currentAmount"), currency)
	}
	if err != nil {
		return nil, odd(err.Error())
	}
	if at, err := time.Parse(time.RFC3339, r.text("transactionDateTime")); err == nil {
		t.at = at
	}
	for _, field := range []string{"responseCode", "acquirerResponseCode"} { // unverified: which of them is the transaction's own
		if c := r.text(field); t.code == "" && c != "00" {
			t.code = c
		}
	}
	return t, nil
}

// money reads an amount; one that is not clear spoils the answer, since money is never guessed.
func money(text, currency string) (payment.Amount, error) {
	if text == "" || currency == "" {
		return payment.Amount{}, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 {
		return payment.Amount{}, errors.New("an amount that is none")
	}
	return payment.Amount{Minor: n, Currency: currency}, nil
}

func (g *Gateway) currencyOf(number string) string {
	for name, n := range g.currencies {
		if n == number {
			return name
		}
	}
	return ""
}

// find looks through a request's attempts: the one that is alive, nil when there is none; next is the reference that a new
// attempt must use.
func (g *Gateway) find(ctx context.Context, base string) (alive *transaction, next string, err error) {
	alive, _, next, err = g.attempts(ctx, base)
	return alive, next, err
}

// attempts is find, with the attempts that were refused for good, oldest first.
func (g *Gateway) attempts(ctx context.Context, base string) (alive *transaction, dead []*transaction, next string, err error) {
	for n := 1; n <= maxAttempts; n++ {
		ref := attempt(base, n)
		t, err := g.transaction(ctx, ref)
		if errors.Is(err, payment.ErrUnknown) {
			return nil, dead, ref, nil
		}
		if err != nil {
			return nil, nil, "", err
		}
		if !t.status.dead {
			return t, dead, "", nil
		}
		dead = append(dead, t)
	}
	return nil, dead, "", nil
}

// codeText is a responseCode in words, with the code in front.
func (g *Gateway) codeText(code, field string) string {
	key := "ui.sips." + code
	if _, known := g.codes[code]; !known {
		key = "ui.sips.other"
	}
	text := "[" + g.client.Clean(code) + "] " + g.say(key)
	if field != "" {
		text += " (" + g.client.Clean(field) + ")"
	}
	return text
}
