package lyra

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/navette-connect/navette/connector/gateway"
	"github.com/navette-connect/navette/connector/message"
	"github.com/navette-connect/navette/connector/payment"
)

// envelope is around every answer. The HTTP status is 200 for errors, too; another one comes from what stands in front.
type envelope struct {
	Status string          `json:"status"`
	Mode   loose           `json:"mode"`
	Type   loose           `json:"_type"`
	Answer json.RawMessage `json:"answer"`
}

// fault is the answer of an envelope whose status is ERROR.
type fault struct {
	Code       loose `json:"errorCode"`
	Text       loose `json:"errorMessage"`
	DetailCode loose `json:"detailedErrorCode"`
	Detail     loose `json:"detailedErrorMessage"`
}

// words are the PSP's own, its code first.
func (f fault) words() string {
	s := "[" + string(f.Code) + "] " + string(f.Text)
	if d := strings.Join(strings.Fields(string(f.DetailCode)+" "+string(f.Detail)), " "); d != "" {
		s += " (" + d + ")"
	}
	return strings.TrimSpace(s)
}

// post sends one call once. It gives the answer and, where the PSP said ERROR, its fault. unread is the reason why a
// success of HTTP cannot be understood.
func (g *Gateway) post(ctx context.Context, service string, body []byte, into any) (a *gateway.Answer, no *fault, unread, err error) {
	if g.keyless {
		return nil, nil, nil, &gateway.Error{Kind: payment.ErrStopped, Code: gateway.CodeCredentials, Text: "no REST key"}
	}
	a, err = g.client.Do(ctx, &gateway.Request{Method: http.MethodPost, URL: g.base + service, Header: g.header.Clone(), Body: body})
	if err != nil {
		return nil, nil, nil, err
	}
	if a.Class() != gateway.Taken {
		return a, nil, nil, nil
	}
	no, unread = g.open(a, into)
	return a, no, unread, nil
}

// open reads the envelope and its answer.
func (g *Gateway) open(a *gateway.Answer, into any) (no *fault, unread error) {
	var e envelope
	if a.Cut || !readable(a.Type) || !isObject(a.Body) || json.Unmarshal(a.Body, &e) != nil {
		return nil, errors.New("not the PSP's envelope")
	}
	switch {
	case e.Status == "ERROR":
		no = &fault{}
		if json.Unmarshal(orNull(e.Answer), no) != nil || no.Code == "" {
			return nil, errors.New("an error without a code")
		}
		return no, nil
	case e.Status != "SUCCESS":
		return nil, errors.New("an envelope without a known status")
	case e.Mode != "" && string(e.Mode) != g.mode:
		return nil, errors.New("an answer in mode " + g.client.Clean(string(e.Mode)) + " while " + g.mode + " is configured")
	case !isObject(e.Answer):
		return nil, errors.New("a success without an answer")
	}
	if json.Unmarshal(e.Answer, into) != nil {
		return nil, errors.New("an answer that is not what was asked for")
	}
	return nil, nil
}

// act makes a call that may move money. Verdict done: the answer is in into.
func (g *Gateway) act(ctx context.Context, in *payment.Instruction, service string, body []byte, into any) (payment.Outcome, error) {
	a, no, unread, err := g.post(ctx, service, body, into)
	if err != nil {
		return payment.Outcome{Code: gateway.CodeOf(err), Message: err.Error()}, err
	}
	switch a.Class() {
	case gateway.Taken:
		switch {
		case unread != nil:
			return g.failed(in, a, payment.ErrUncertain, gateway.CodeUnreadable, unread.Error())
		case no != nil && no.Code == "INT_901" && recent(service): // the gateway is well, the platform is older
			return payment.Outcome{Verdict: payment.VerdictRefused, State: payment.Refused, Code: gateway.CodeUnsupported, Message: g.client.Message(in, no.words())}, nil
		case no != nil:
			return g.judge(in, a, no)
		}
		return payment.Outcome{Verdict: payment.VerdictDone}, nil
	case gateway.Credentials:
		return g.failed(in, a, payment.ErrStopped, gateway.CodeCredentials, "credentials refused")
	case gateway.Refusal, gateway.Wrong: // the PSP itself answers 200: this was somebody else
		if a.Cut {
			return g.failed(in, a, payment.ErrUncertain, gateway.CodeUnreadable, "")
		}
		return g.failed(in, a, payment.ErrStopped, gateway.CodeAddress, "not the PSP's interface")
	case gateway.Later, gateway.LaterLook:
		return payment.Outcome{Verdict: payment.VerdictRetry, Code: gateway.CodeBusy, Message: "HTTP " + strconv.Itoa(a.Status),
			Wait: a.Wait, LookFirst: a.Class() == gateway.LaterLook}, nil
	default:
		return g.failed(in, a, payment.ErrUncertain, gateway.CodeLost, "")
	}
}

// judge is what the PSP's fault means for a call that may move money: a row of the outcome table.
func (g *Gateway) judge(in *payment.Instruction, a *gateway.Answer, no *fault) (payment.Outcome, error) {
	r, words := ruleOf(string(no.Code)), g.client.Message(in, no.words())
	switch r.class {
	case halt:
		return g.failed(in, a, payment.ErrStopped, r.nv, words)
	case busy:
		return payment.Outcome{Verdict: payment.VerdictRetry, Code: r.nv, Message: words, Wait: a.Wait}, nil
	case doubt:
		return g.failed(in, a, payment.ErrUncertain, r.nv, words)
	}
	out := payment.Outcome{Verdict: payment.VerdictRefused, State: payment.Refused, Code: r.nv, Message: words}
	out.TransactionState = string(no.Code) // for callers that read on: `already`, wrong status
	return out, nil
}

// read makes a call that has no effect. The error's kind is payment.ErrStopped, missing (there is no such object),
// or payment.ErrUncertain: ask again.
func (g *Gateway) read(ctx context.Context, service string, body []byte, into any, missing error) error {
	none, other := &payment.Instruction{}, payment.ErrUncertain // what is neither there nor absent
	if errors.Is(missing, payment.ErrUnsupported) {
		other = missing
	}
	a, no, unread, err := g.post(ctx, service, body, into)
	if err != nil {
		return err
	}
	fail := func(kind error, code, why string) error {
		_, err := g.failed(none, a, kind, code, why)
		return err
	}
	switch {
	case a.Class() != gateway.Taken:
		code, kind := gateway.ReadKind(a.Status, other)
		return fail(kind, code, "")
	case unread != nil:
		return fail(payment.ErrUncertain, gateway.CodeUnreadable, unread.Error())
	case no == nil:
		return nil
	}
	r, words := ruleOf(string(no.Code)), g.client.Clean(no.words())
	switch r.class {
	case halt:
		return fail(payment.ErrStopped, r.nv, words)
	case absent:
		return &nothing{gateway.Error{Kind: missing, Code: gateway.CodeRefused, Status: a.Status, Text: words}}
	case busy, doubt:
		if _, known := codes()[string(no.Code)]; !known {
			return &puzzle{gateway.Error{Kind: payment.ErrUncertain, Code: r.nv, Status: a.Status, Text: words}}
		}
		return fail(payment.ErrUncertain, r.nv, words)
	}
	return fail(other, gateway.CodeUnsupported, words)
}

// nothing marks the one error by which the PSP itself says that there is no such object.
type nothing struct{ said gateway.Error }

func (n *nothing) Error() string { return n.said.Error() }
func (n *nothing) Unwrap() error { return &n.said }

// puzzle marks the PSP's no under a code that nobody knows: a question may be asked again, and what waits for its answer is
// not sent.
type puzzle struct{ said gateway.Error }

func (p *puzzle) Error() string { return p.said.Error() }
func (p *puzzle) Unwrap() error { return &p.said }

func isPuzzle(err error) bool {
	_, ok := errors.AsType[*puzzle](err)
	return ok
}

func isNothing(err error) bool {
	_, ok := errors.AsType[*nothing](err)
	return ok
}

// before turns the error of a read that preceded an act into one of the act: nothing has left yet.
func before(err error) (payment.Outcome, error) {
	out := payment.Outcome{Code: gateway.CodeOf(err), Message: err.Error()}
	var e *gateway.Error
	switch {
	case errors.Is(err, payment.ErrStopped), errors.Is(err, payment.ErrNotSent):
		return out, err
	case isNothing(err), isPuzzle(err): // this row alone
		if errors.As(err, &e) {
			out.Message = e.Text
		}
		out.Verdict, out.State, out.Code = payment.VerdictRefused, payment.Refused, gateway.CodeRefused
		return out, nil
	case errors.As(err, &e) && e.Kind != payment.ErrUncertain && e.Status != http.StatusOK: // not the PSP's own words
		return out, &gateway.Error{Kind: payment.ErrStopped, Code: gateway.CodeAddress, Status: e.Status, Text: "not the PSP's interface"}
	case e != nil && e.Kind != payment.ErrUncertain: // refused to read: so it would the act
		out.Verdict, out.State, out.Code, out.Message = payment.VerdictRefused, payment.Refused, gateway.CodeRefused, e.Text
		return out, nil
	}
	text, status := err.Error(), 0
	if e != nil {
		text, status = e.Text, e.Status
	}
	return out, &gateway.Error{Kind: payment.ErrNotSent, Code: out.Code, Status: status, Text: text}
}

// failed makes the error of an answer that is no verdict.
func (g *Gateway) failed(in *payment.Instruction, a *gateway.Answer, kind error, code, why string) (payment.Outcome, error) {
	err := &gateway.Error{Kind: kind, Code: code, Status: a.Status, Text: g.client.Message(in, why)}
	return payment.Outcome{Code: code, Message: err.Error(), Wait: a.Wait}, err
}

func (g *Gateway) unreadable(in *payment.Instruction, why string) (payment.Outcome, error) {
	err := &gateway.Error{Kind: payment.ErrUncertain, Code: gateway.CodeUnreadable, Status: http.StatusOK, Text: g.client.Message(in, why)}
	return payment.Outcome{Code: err.Code, Message: err.Error()}, err
}

// refuse is navette's own refusal: nothing was sent.
func (g *Gateway) refuse(why message.Text) payment.Outcome {
	code, _, _ := strings.Cut(why.Key, ".")
	return payment.Outcome{Verdict: payment.VerdictRefused, State: payment.Refused, Code: code, Message: why.In(g.lang)}
}

// id keeps an identifier as it is, but for a secret in it.
func (g *Gateway) id(l loose) string { return g.client.Redact(string(l)) }

// word is a foreign text that goes no further than a return file.
func (g *Gateway) word(l loose) string { return g.client.Clean(string(l)) }

// loose is a text whose kind does not matter enough to lose an answer over: a number is taken as it is written, anything
// else as absent.
type loose string

// UnmarshalJSON never fails on JSON.
func (l *loose) UnmarshalJSON(b []byte) error {
	*l = ""
	switch {
	case len(b) == 0:
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

// readable tells whether a media type may hold JSON.
func readable(mediaType string) bool {
	return mediaType == "application/json" || mediaType == "" || mediaType == "text/plain"
}

func isObject(b []byte) bool {
	b = bytes.TrimLeft(b, " \t\r\n")
	return len(b) > 0 && b[0] == '{'
}

func orNull(b json.RawMessage) json.RawMessage {
	if len(b) == 0 {
		return json.RawMessage("null")
	}
	return b
}
