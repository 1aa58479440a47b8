package sips

import (
	"context"
	"net/url"
	"strconv"

	"github.com/navette-connect/navette/connector/gateway"
	"github.com/navette-connect/navette/connector/payment"
)

// Page initialises a payment at Sips and gives the form that takes the customer there. A request keeps its
// transactionReference until the attempt under it is refused for good, so that of two forms Sips takes one: the other is
// a reference used twice (94). payment.ErrClosed: an attempt succeeded or is under way.
func (g *Gateway) Page(ctx context.Context, in *payment.Instruction, v payment.Visit) (payment.Form, error) {
	if g.pages == "" {
		return payment.Form{}, gateway.Unsupported("no paypage_url")
	}
	alive, ref, err := g.find(ctx, in.PaymentID)
	if err != nil {
		return payment.Form{}, err
	}
	if alive != nil || ref == "" {
		return payment.Form{}, payment.ErrClosed
	}
	fields := map[string]any{"transactionReference": ref, "amount": strconv.FormatInt(in.Amount.Minor, 10), "currencyCode": g.currencies[in.Amount.Currency],
		"orderChannel": "INTERNET", "normalReturnUrl": v.ReturnURL}
	if v.NotifyURL != "" {
		fields["automaticResponseUrl"] = v.NotifyURL
	}
	if in.Customer.Email != "" {
		fields["customerContact"] = map[string]any{"email": in.Customer.Email}
	}
	captureFields(fields, in.Capture)
	orderFields(fields, in)
	r, _, err := g.call(ctx, g.pages, paymentInit(), fields)
	if err != nil {
		return payment.Form{}, readError(err)
	}
	code := r.text("redirectionStatusCode")
	if code != "00" {
		text := g.client.Message(in, g.codeText(code, r.text("errorFieldName")))
		if c := g.codes[code]; c.meaning == stop {
			return payment.Form{}, &gateway.Error{Kind: payment.ErrStopped, Code: c.nv, Text: text}
		}
		return payment.Form{}, &gateway.Error{Kind: payment.ErrUncertain, Code: gateway.CodeRefused, Text: text}
	}
	action := r.text("redirectionUrl")
	u, err := url.Parse(action)
	local := u != nil && (u.Hostname() == "127.0.0.1" || u.Hostname() == "localhost" || u.Hostname() == "::1")
	if err != nil || u.Host == "" || u.User != nil || u.Scheme != "https" && !(u.Scheme == "http" && local) {
		return payment.Form{}, &gateway.Error{Kind: payment.ErrUncertain, Code: gateway.CodeUnreadable, Text: "redirectionUrl is no https:// address"}
	}
	return payment.Form{Action: action, Fields: []payment.Pair{{Name: "redirectionVersion", Value: r.text("redirectionVersion")}, {Name: "redirectionData", Value: r.text("redirectionData")}}}, nil
}
