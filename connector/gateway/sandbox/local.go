package sandbox

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/navette-connect/navette/connector/gateway"
	"github.com/navette-connect/navette/connector/gateway/simkit"
	"github.com/navette-connect/navette/connector/payment"
)

// Gateway is the PSP in process, as a gateway: the same rules and faults, and no network between.
type Gateway struct {
	psp  *PSP
	base string
	hook []byte
}

// Gateway gives the PSP as a gateway in process. base is the address its links begin with, where Handler is served; ""
// (and no Options.URL) gives no links.
func (p *PSP) Gateway(base string) (*Gateway, error) {
	g := &Gateway{psp: p, base: strings.TrimRight(base, "/")}
	if p.opts.WebhookSecret != "" {
		key, err := gateway.WebhookKey(p.opts.WebhookSecret)
		if err != nil {
			return nil, err
		}
		g.hook = key
	}
	return g, nil
}

// Supports tells whether the sandbox knows the instruction: it knows all of them.
func (*Gateway) Supports(payment.Kind, payment.Operation) bool { return true }

// Ping is always well.
func (*Gateway) Ping(ctx context.Context) error { return ctx.Err() }

// Submit takes an instruction; the kinds of error are those of every gateway.
func (g *Gateway) Submit(ctx context.Context, in *payment.Instruction) (payment.Outcome, error) {
	if err := ctx.Err(); err != nil {
		return lost(payment.ErrNotSent, gateway.CodeUnreachable, 0, err.Error())
	}
	r, latency, err := g.psp.post(orderOf(in))
	if err != nil {
		return lost(payment.ErrUncertain, gateway.CodeLost, 0, err.Error())
	}
	if r.fault == Hang {
		latency = simkit.Forever
	}
	if !simkit.Sleep(ctx, latency) {
		r.fault = Hang
	}
	switch r.fault {
	case Lost, Cut, Late:
		return lost(payment.ErrUncertain, gateway.CodeLost, 0, "the connection was cut")
	case Hang:
		return lost(payment.ErrUncertain, gateway.CodeLost, 0, "no answer in time")
	case Garbled, Strange, HTML:
		return lost(payment.ErrUncertain, gateway.CodeUnreadable, r.status, "not an answer anybody can read")
	}
	switch c := gateway.Classify(r.status, nil, true); c {
	case gateway.Taken:
		if r.request != nil {
			return g.found(g.psp.linked(*r.request, g.base)), nil
		}
		return g.foundOperation(*r.op), nil
	case gateway.Refusal:
		if r.problem == nil {
			return lost(payment.ErrStopped, gateway.CodeAddress, r.status, "not the PSP's interface")
		}
		return payment.Outcome{Verdict: payment.VerdictRefused, State: payment.Refused, Code: gateway.CodeRefused,
			Message: "[" + r.problem.Code + "] " + r.problem.Detail}, nil
	case gateway.Later, gateway.LaterLook:
		h := http.Header{"Retry-After": {r.retry}}
		return payment.Outcome{Verdict: payment.VerdictRetry, Code: gateway.CodeBusy, Message: "HTTP " + strconv.Itoa(r.status),
			Wait: gateway.RetryAfter(h, g.psp.now()), LookFirst: c == gateway.LaterLook}, nil
	case gateway.Credentials:
		return lost(payment.ErrStopped, gateway.CodeCredentials, r.status, "credentials refused")
	case gateway.Wrong:
		return lost(payment.ErrStopped, gateway.CodeAddress, r.status, "not the PSP's interface")
	}
	return lost(payment.ErrUncertain, gateway.CodeLost, r.status, "")
}

// Lookup asks by key, as every gateway does.
func (g *Gateway) Lookup(ctx context.Context, in *payment.Instruction) (payment.Outcome, error) {
	list, fault, err := g.psp.lookup(in.Key, in.Kind == payment.Request)
	if err := errors.Join(err, ctx.Err()); err != nil {
		return lost(payment.ErrUncertain, gateway.CodeLost, 0, err.Error())
	}
	if fault != "" {
		return faulty(fault, payment.ErrUnsupported)
	}
	switch {
	case len(list) == 0:
		return payment.Outcome{}, &gateway.Error{Kind: payment.ErrUnknown, Text: "no object under this key"}
	case len(list) > 1:
		return lost(payment.ErrUnsupported, gateway.CodeSeveral, 0, strconv.Itoa(len(list))+" objects under one key")
	}
	if op, ok := list[0].(operationView); ok {
		return g.foundOperation(op), nil
	}
	v, _ := list[0].(requestView)
	return g.found(g.psp.linked(v, g.base)), nil
}

// Read gives a payment request by in.PaymentID; payment.ErrUnknown when there is none.
func (g *Gateway) Read(ctx context.Context, in *payment.Instruction) (payment.Snapshot, error) {
	v, fault, err := g.psp.read(in.PaymentID)
	if err := errors.Join(err, ctx.Err()); err != nil {
		return payment.Snapshot{}, err
	}
	if fault != "" {
		_, err := faulty(fault, payment.ErrUnknown)
		return payment.Snapshot{}, err
	}
	if v == nil {
		return payment.Snapshot{}, &gateway.Error{Kind: payment.ErrUnknown, Text: "no such payment request"}
	}
	return g.snapshot(*v), nil
}

// Changes gives the feed after cursor, as every gateway with a feed does.
func (g *Gateway) Changes(ctx context.Context, cursor string, limit int) ([]payment.Change, string, error) {
	if limit <= 0 {
		limit = 100
	}
	list, next, ok, fault, err := g.psp.feed(cursor, limit)
	if err := errors.Join(err, ctx.Err()); err != nil {
		return nil, cursor, err
	}
	if fault != "" {
		_, err := faulty(fault, payment.ErrUnsupported)
		return nil, cursor, err
	}
	if !ok {
		return nil, cursor, &gateway.Error{Kind: payment.ErrUncertain, Code: gateway.CodeUnreadable, Text: "this cursor is none of the sandbox's"}
	}
	changes := make([]payment.Change, len(list))
	for i, e := range list {
		changes[i] = payment.Change{EventID: e.ID, Word: e.Type, OccurredAt: e.OccurredAt, Reason: e.Reason, Now: g.snapshot(e.Data)}
		if e.Amount != nil {
			changes[i].Amount = e.Amount.amount()
		}
	}
	return changes, next, nil
}

// Hook checks one of the sandbox's own webhooks; kinds as in package gateway, payment.ErrUnsupported without a secret.
func (g *Gateway) Hook(header http.Header, body []byte, now time.Time) (eventID, objectID string, err error) {
	if g.hook == nil {
		return "", "", gateway.Unsupported("no webhook_secret")
	}
	eventID, err = gateway.VerifyWebhook(header, g.hook, body, now)
	if err != nil {
		return "", "", err
	}
	var e hookBody
	if json.Unmarshal(body, &e) != nil {
		return eventID, "", nil
	}
	return eventID, e.Data.ID, nil
}

func (g *Gateway) found(v requestView) payment.Outcome {
	out := payment.Outcome{Verdict: payment.VerdictDone, State: v.State, PaymentID: v.ID, TransactionID: v.TransactionID, Link: v.Link,
		Reference: v.Reference, Amount: v.Amount.amount()}
	if v.State == payment.Refused {
		out.Verdict, out.Code, out.Message = payment.VerdictRefused, gateway.CodeRefused, "refused without an explanation"
	}
	return out
}

func (g *Gateway) foundOperation(v operationView) payment.Outcome {
	out := payment.Outcome{Verdict: payment.VerdictDone, State: v.State, PaymentID: v.ID, TransactionID: v.TransactionID, TransactionState: v.TransactionState}
	if v.Amount != nil {
		out.Amount = v.Amount.amount()
	}
	if v.State == payment.Refused {
		out.Verdict, out.Code, out.Message = payment.VerdictRefused, gateway.CodeRefused, "["+v.Code+"] "+v.Message
	}
	return out
}

func (g *Gateway) snapshot(v requestView) payment.Snapshot {
	v = g.psp.linked(v, g.base)
	return payment.Snapshot{PaymentID: v.ID, State: v.State, Amount: v.Amount.amount(), Paid: v.Paid.amount(), Method: v.Method,
		TransactionID: v.TransactionID, Link: v.Link, UpdatedAt: v.UpdatedAt}
}

func lost(kind error, code string, status int, text string) (payment.Outcome, error) {
	err := &gateway.Error{Kind: kind, Code: code, Status: status, Text: text}
	return payment.Outcome{Code: code, Message: err.Error()}, err
}

// faulty is what a fault of the reading side means.
func faulty(fault string, absent error) (payment.Outcome, error) {
	status, _ := Fault(fault).Status()
	if status == 0 { // a page, half a list
		return lost(payment.ErrUncertain, gateway.CodeUnreadable, http.StatusOK, "not a list of objects")
	}
	code, kind := gateway.ReadKind(status, absent)
	return lost(kind, code, status, "")
}

// orderOf is an instruction as it would arrive.
func orderOf(in *payment.Instruction) order {
	o := order{Key: in.Key, Operation: string(in.Operation), Reference: in.Reference, Part: in.Part, Label: in.Label, Capture: in.Capture.Mode,
		PaymentID: in.PaymentID, TransactionID: in.TransactionID, Date: in.Date}
	if in.Kind == payment.Request {
		o.Operation, o.PaymentID, o.TransactionID = requestOrder, "", ""
	}
	if !in.Amount.IsZero() {
		o.Amount = &money{in.Amount.Minor, in.Amount.Currency}
	}
	// What a body would hold, so that the ledger sees a drift here too.
	sum := sha256.Sum256(append(encode(o), encode([]any{in.DueOn, in.ExpiresOn, in.IssuedOn, in.Channel, in.Method, in.Shop, in.Customer,
		in.Customer.Address, in.Capture, in.Reason, in.Metadata, in.Source})...))
	o.Body = hex.EncodeToString(sum[:])
	return o
}
