package paybox

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/navette-connect/navette/connector/payment"
)

// order is PBX_CMD, the PSP's id of a request of ours: reference, part, amount with its currency and a stamp of the
// key, between slashes. It is ours alone, it differs for each part and revision, and it tells all that is needed to ask
// for it: Paybox wants the amount along with the reference.
type order struct {
	id     string
	amount payment.Amount
}

// stampLength is how much of the key an order carries: 60 bits.
const stampLength = 12

// orderOf makes the order of a request.
func orderOf(in *payment.Instruction) order {
	plain := func(s string, most int) string { // ASCII alone: what comes back must be what was sent
		s = strings.Map(func(r rune) rune {
			if r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || strings.ContainsRune("-_.", r) {
				return r
			}
			return '_'
		}, s)
		return s[:min(len(s), most)]
	}
	id := plain(in.Reference, 150)
	if in.Part != "" {
		id += "/" + plain(in.Part, 40)
	}
	stamp := in.Key[:min(len(in.Key), stampLength)]
	return order{fmt.Sprintf("%s/%d%s/%s", id, in.Amount.Minor, in.Amount.Currency, stamp), in.Amount}
}

// parseOrder reads an order's id back; false for what is none of ours.
func parseOrder(id string) (order, bool) {
	parts := strings.Split(id, "/")
	if n := len(parts); n == 3 || n == 4 {
		sum := parts[n-2]
		digits := strings.TrimRight(sum, "ABCDEFGHIJKLMNOPQRSTUVWXYZ")
		minor, err := strconv.ParseInt(digits, 10, 64)
		if err == nil && minor > 0 && len(sum)-len(digits) == 3 && len(parts[n-1]) == stampLength && parts[0] != "" && number(digits) {
			return order{id, payment.Amount{Minor: minor, Currency: sum[len(digits):]}}, true
		}
	}
	return order{}, false
}

// open answers a request without calling anybody, and refuses what the page could not take: the customer would find out
// too late.
func (g *Gateway) open(in *payment.Instruction) (payment.Outcome, error) {
	if _, missing := g.form(in, payment.Visit{}); missing != "" {
		return g.refused(in, missing), nil
	}
	return payment.Outcome{Verdict: payment.VerdictDone, State: payment.Open, PaymentID: orderOf(in).id, Reference: in.Reference, Amount: in.Amount}, nil
}

// Page gives the form for one visit of the customer. Paybox takes a second payment under the same PBX_CMD, so it is asked
// first whether there is one: then payment.ErrClosed. Other errors: later.
func (g *Gateway) Page(ctx context.Context, in *payment.Instruction, v payment.Visit) (payment.Form, error) {
	s, err := g.Read(ctx, &payment.Instruction{Kind: payment.Request, PaymentID: orderOf(in).id})
	if err != nil {
		return payment.Form{}, err
	}
	if s.State != payment.Open {
		return payment.Form{}, payment.ErrClosed
	}
	q, missing := g.form(in, v)
	if missing != "" {
		return payment.Form{}, errors.New("the form lacks " + missing)
	}
	f := payment.Form{Action: g.page}
	for _, p := range q.with("PBX_HMAC", q.sign(g.key)) {
		f.Fields = append(f.Fields, payment.Pair{Name: p.name, Value: p.value})
	}
	return f, nil
}

// returned are the values that a notification brings, the signature last, which covers those before it.
const returned = "M:M;R:R;T:T;A:A;E:E;S:S;C:C;K:K"

// form makes the fields of the customer's form but for PBX_HMAC; missing is the sentence that says what it lacks.
func (g *Gateway) form(in *payment.Instruction, v payment.Visit) (q question, missing string) {
	if g.page == "" {
		return nil, "request"
	}
	_, devise, missing := amount(in.Amount)
	if missing != "" {
		return nil, missing
	}
	if e := in.Customer.Email; !strings.Contains(e, "@") || len(e) > 120 || len(e) != len(latin(e)) {
		return nil, "payer"
	}
	q = question{{"PBX_SITE", g.site}, {"PBX_RANG", g.rank}, {"PBX_IDENTIFIANT", g.id}, {"PBX_TOTAL", fmt.Sprintf("%03d", in.Amount.Minor)}, {"PBX_DEVISE", devise},
		{"PBX_CMD", orderOf(in).id}, {"PBX_PORTEUR", in.Customer.Email}, {"PBX_RETOUR", returned}}
	switch in.Capture.Mode {
	case "manual":
		q = q.with("PBX_AUTOSEULE", "O")
	case "deferred":
		if d := in.Capture.DelayDays; d < 1 || d > 7 {
			return nil, "delay"
		}
		q = q.with("PBX_DIFF", fmt.Sprintf("%02d", in.Capture.DelayDays))
	}
	if v.ReturnURL != "" {
		for _, name := range []string{"PBX_EFFECTUE", "PBX_REFUSE", "PBX_ANNULE", "PBX_ATTENTE"} {
			q = q.with(name, v.ReturnURL)
		}
	}
	if v.NotifyURL != "" {
		q = q.with("PBX_REPONDRE_A", v.NotifyURL).with("PBX_RUF1", "POST")
	}
	lang := "GBR"
	if v.Language == "fr" {
		lang = "FRA"
	}
	q = q.with("PBX_LANGUE", lang).with("PBX_HASH", "SHA512")
	return q.with("PBX_TIME", g.now().In(g.paris).Format("2006-01-02T15:04:05-07:00")), ""
}
