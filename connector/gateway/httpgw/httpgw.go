// Package httpgw is the generic gateway over HTTP (`type: http`): the protocol that navette asks of a payment service
// provider (PSP), or of the few lines of glue in front of one. docs/gateway-http.md describes it.
package httpgw

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/navette-connect/navette/connector/gateway"
	"github.com/navette-connect/navette/connector/payment"
)

// Options of the generic gateway.
type Options struct {
	URL           string         // base address, with or without a slash at its end
	Token         gateway.Secret // bearer token; "" sends none
	WebhookSecret gateway.Secret // Standard Webhooks secret; "" takes no webhooks
	HTTP          gateway.Options
}

// Gateway speaks the generic protocol. It may be used from many goroutines.
type Gateway struct {
	client      *gateway.Client
	url         string
	read, write http.Header // of every request
	bodies      sync.Pool   // *[]byte: room for a body
	hookKey     []byte
}

// New makes the gateway; an error says which setting cannot be used. Nothing is sent.
func New(o Options) (*Gateway, error) {
	u, err := url.Parse(o.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, errors.New("url: not an address such as https://psp.example/v1")
	}
	if u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, errors.New("url: no user, query or fragment here; the token has its own key")
	}
	if strings.ContainsFunc(string(o.Token), func(r rune) bool { return r <= ' ' || r > '~' }) {
		return nil, errors.New("token: only printable ASCII without blanks (is there a line end in its file?)")
	}
	g := &Gateway{url: strings.TrimRight(o.URL, "/")}
	o.HTTP.Secrets = append(o.HTTP.Secrets[:len(o.HTTP.Secrets):len(o.HTTP.Secrets)], o.Token, o.WebhookSecret)
	if g.client, err = gateway.NewClient(o.HTTP); err != nil {
		return nil, err
	}
	g.read = http.Header{"Accept": {"application/json, application/problem+json"}, "User-Agent": {"navette"}}
	if o.Token != "" {
		g.read["Authorization"] = []string{"Bearer " + string(o.Token)}
	}
	g.write = g.read.Clone()
	g.write["Content-Type"] = []string{"application/json"}
	g.bodies.New = func() any { return new([]byte) }
	if o.WebhookSecret != "" {
		if g.hookKey, err = gateway.WebhookKey(o.WebhookSecret); err != nil {
			return nil, err
		}
	}
	return g, nil
}

// Close gives idle connections up.
func (g *Gateway) Close() { g.client.Close() }

// Supports tells whether the protocol knows the instruction: it knows all of them.
func (*Gateway) Supports(payment.Kind, payment.Operation) bool { return true }

// path of the collection an instruction belongs to.
func path(k payment.Kind) string {
	if k == payment.Request {
		return "/payment-requests"
	}
	return "/operations"
}

// Submit sends an instruction once, under its key. A nil error means that the PSP answered: the outcome's verdict is
// done, refused or retry. Else the error's kind is payment.ErrUncertain, ErrNotSent or ErrStopped, and the outcome
// still carries its NV code and message.
func (g *Gateway) Submit(ctx context.Context, in *payment.Instruction) (payment.Outcome, error) {
	if in.Key == "" { // would be a payment nobody can ask about
		return payment.Outcome{}, &gateway.Error{Kind: payment.ErrStopped, Code: gateway.CodeAddress, Text: "an instruction without a key"}
	}
	body := g.bodies.Get().(*[]byte)
	defer g.bodies.Put(body)
	*body = appendBody((*body)[:0], in)
	a, err := g.client.Do(ctx, &gateway.Request{Method: http.MethodPost, URL: g.url + path(in.Kind), Header: g.write, Key: in.Key, Body: *body})
	if err != nil {
		return payment.Outcome{Code: gateway.CodeOf(err), Message: err.Error()}, err
	}
	return g.judge(in, a)
}

// judge reads the answer to a submit: the table of the contract, §6.
func (g *Gateway) judge(in *payment.Instruction, a *gateway.Answer) (payment.Outcome, error) {
	switch a.Class() {
	case gateway.Taken:
		if a.Cut || !readable(a.Type) {
			return g.failed(in, a, payment.ErrUncertain, gateway.CodeUnreadable, "not a JSON answer")
		}
		out, err := g.outcome(in, a.Body)
		if err != nil {
			return g.failed(in, a, payment.ErrUncertain, gateway.CodeUnreadable, err.Error())
		}
		return out, nil
	case gateway.Refusal:
		if a.Cut { // it may have been the PSP's own words
			return g.failed(in, a, payment.ErrUncertain, gateway.CodeUnreadable, "")
		}
		if p, ok := readProblem(a); ok {
			return g.refused(in, p.label(a.Status), p.text()), nil
		}
		return g.failed(in, a, payment.ErrStopped, gateway.CodeAddress, "not the PSP's interface")
	case gateway.Credentials:
		return g.failed(in, a, payment.ErrStopped, gateway.CodeCredentials, "credentials refused")
	case gateway.Wrong:
		return g.failed(in, a, payment.ErrStopped, gateway.CodeAddress, "not the PSP's interface")
	case gateway.Later, gateway.LaterLook:
		return payment.Outcome{Verdict: payment.VerdictRetry, Code: gateway.CodeBusy, Message: "HTTP " + strconv.Itoa(a.Status),
			Wait: a.Wait, LookFirst: a.Class() == gateway.LaterLook}, nil
	default:
		return g.failed(in, a, payment.ErrUncertain, gateway.CodeLost, "")
	}
}

func (g *Gateway) refused(in *payment.Instruction, code, text string) payment.Outcome {
	msg := text
	switch {
	case code != "":
		msg = strings.TrimSpace("[" + code + "] " + text)
	case text == "":
		msg = "refused without an explanation"
	}
	return payment.Outcome{Verdict: payment.VerdictRefused, State: payment.Refused, Code: gateway.CodeRefused, Message: g.client.Message(in, msg)}
}

// failed makes the error of an answer that is no verdict, with the PSP's own words where there are any.
func (g *Gateway) failed(in *payment.Instruction, a *gateway.Answer, kind error, code, why string) (payment.Outcome, error) {
	if p, ok := readProblem(a); ok {
		why = strings.TrimSpace("[" + p.label(a.Status) + "] " + p.text())
	}
	err := &gateway.Error{Kind: kind, Code: code, Status: a.Status, Text: g.client.Message(in, why)}
	return payment.Outcome{Code: code, Message: err.Error(), Wait: a.Wait}, err
}

// Lookup asks what became of an instruction, by its key. Found: the outcome, to be compared with Outcome.Matches.
// payment.ErrUnknown: it never arrived; payment.ErrUnsupported: the PSP cannot be asked or is not sure; payment.ErrStopped:
// as for Submit. After any other error the look-up may be tried again, not before the outcome's Wait.
func (g *Gateway) Lookup(ctx context.Context, in *payment.Instruction) (payment.Outcome, error) {
	a, err := g.get(ctx, path(in.Kind)+"?idempotency_key="+url.QueryEscape(in.Key))
	if err != nil {
		return payment.Outcome{Code: gateway.CodeOf(err), Message: err.Error()}, err
	}
	if a.Class() != gateway.Taken {
		return g.notRead(in, a, payment.ErrUnsupported)
	}
	found, err := readList(a)
	if err != nil { // no proof of absence
		return g.failed(in, a, payment.ErrUncertain, gateway.CodeUnreadable, err.Error())
	}
	switch len(found) {
	case 0:
		return payment.Outcome{}, &gateway.Error{Kind: payment.ErrUnknown, Status: a.Status, Text: "no object under this key"}
	case 1:
	default: // a list of everything, or a payment made twice: not for a machine
		return g.failed(in, a, payment.ErrUnsupported, gateway.CodeSeveral, strconv.Itoa(len(found))+" objects under one key")
	}
	out, err := g.outcome(in, found[0])
	if err != nil {
		return g.failed(in, a, payment.ErrUncertain, gateway.CodeUnreadable, err.Error())
	}
	return out, nil
}

// Read gives the payment request in.PaymentID as the PSP shows it now. payment.ErrUnknown: the PSP does not know it;
// payment.ErrStopped: as for Submit; after any other error it may be tried again.
func (g *Gateway) Read(ctx context.Context, in *payment.Instruction) (payment.Snapshot, error) {
	if in.PaymentID == "" {
		return payment.Snapshot{}, gateway.Unsupported("a read needs the PSP's id")
	}
	a, err := g.get(ctx, path(payment.Request)+"/"+url.PathEscape(in.PaymentID))
	if err != nil {
		return payment.Snapshot{}, err
	}
	if a.Class() != gateway.Taken {
		_, err := g.notRead(in, a, payment.ErrUnknown)
		return payment.Snapshot{}, err
	}
	s, err := g.readSnapshot(a)
	if err != nil {
		_, err = g.failed(in, a, payment.ErrUncertain, gateway.CodeUnreadable, err.Error())
	}
	return s, err
}

// Changes gives at most limit events of the PSP's feed after cursor ("" = from its beginning), oldest first, and the
// cursor after them. payment.ErrUnsupported: there is no feed; payment.ErrStopped: as for Submit; after any other error
// the same cursor may be tried again. An event whose object cannot be read has no Now.State: read it by its id.
func (g *Gateway) Changes(ctx context.Context, cursor string, limit int) ([]payment.Change, string, error) {
	if limit <= 0 {
		limit = 100
	}
	a, err := g.get(ctx, "/events?after="+url.QueryEscape(cursor)+"&limit="+strconv.Itoa(limit))
	if err != nil {
		return nil, cursor, err
	}
	none := &payment.Instruction{}
	if a.Class() != gateway.Taken {
		_, err := g.notRead(none, a, payment.ErrUnsupported)
		return nil, cursor, err
	}
	changes, next, err := g.readFeed(a)
	if err != nil {
		_, err = g.failed(none, a, payment.ErrUncertain, gateway.CodeUnreadable, err.Error())
		return nil, cursor, err
	}
	if next == "" {
		next = cursor
	}
	return changes, next, nil
}

// Hook checks a webhook and gives its id and the id of the payment request it speaks of, which is to be read again;
// objectID is "" when the body names none. The kinds are gateway.ErrForged and gateway.ErrOld, and
// payment.ErrUnsupported without a webhook secret.
func (g *Gateway) Hook(header http.Header, body []byte, now time.Time) (eventID, objectID string, err error) {
	if g.hookKey == nil {
		return "", "", gateway.Unsupported("no webhook_secret")
	}
	eventID, err = gateway.VerifyWebhook(header, g.hookKey, body, now)
	if err != nil {
		return "", "", err
	}
	return eventID, hookObject(body), nil
}

// Ping tries address and credentials without any effect: it looks up a key that nobody has.
// nil: fine; payment.ErrUnsupported: reached, but look-ups are not offered; else as Lookup.
func (g *Gateway) Ping(ctx context.Context) error {
	_, err := g.Lookup(ctx, &payment.Instruction{Kind: payment.Request, Key: "navette-ping-0000000000000000"})
	if errors.Is(err, payment.ErrUnknown) {
		return nil
	}
	return err
}

func (g *Gateway) get(ctx context.Context, target string) (*gateway.Answer, error) {
	return g.client.Do(ctx, &gateway.Request{Method: http.MethodGet, URL: g.url + target, Header: g.read})
}

// notRead is the error of a GET that was answered without success; absent is the kind of "there is no such thing".
func (g *Gateway) notRead(in *payment.Instruction, a *gateway.Answer, absent error) (payment.Outcome, error) {
	code, kind := gateway.ReadKind(a.Status, absent)
	return g.failed(in, a, kind, code, "")
}
