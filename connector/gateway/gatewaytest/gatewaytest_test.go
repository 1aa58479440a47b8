package gatewaytest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/navette-connect/navette/connector/gateway"
	"github.com/navette-connect/navette/connector/gateway/gatewaytest"
	"github.com/navette-connect/navette/connector/gateway/httpgw"
	"github.com/navette-connect/navette/connector/gateway/sandbox"
	"github.com/navette-connect/navette/connector/payment"
)

const token = "tok/en+with=signs_0123456789"

// control gives the suite its hold on a sandbox.
func control(p *sandbox.PSP, r *gatewaytest.Rig) *gatewaytest.Rig {
	r.Break = func(f gatewaytest.Fault) bool { return p.Break(sandbox.Fault(f)) == nil }
	r.BreakLookups = func(f gatewaytest.Fault) bool { return p.SetFaults(sandbox.Faults{Lookup: string(f)}) == nil }
	r.Seen = func(key string) gatewaytest.Seen {
		l, err := p.Ledger()
		if err != nil {
			return gatewaytest.Seen{Arrivals: -1}
		}
		e := l.Keys[key]
		return gatewaytest.Seen{Arrivals: e.Arrivals, Effects: e.Effects, Bodies: len(e.Bodies)}
	}
	return r
}

// overHTTP gives a rig for gateways that speak to the sandbox's server.
func overHTTP(open func(url string) (gatewaytest.Gateway, error)) func() (*gatewaytest.Rig, error) {
	return func() (*gatewaytest.Rig, error) {
		p, err := sandbox.New(sandbox.Options{Token: token, Script: &sandbox.Script{}})
		if err != nil {
			return nil, err
		}
		srv := httptest.NewServer(p.Handler())
		g, err := open(srv.URL)
		if err != nil {
			return nil, err
		}
		// A port that was ours a moment ago: nobody listens there.
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		l.Close()
		absent, err := open("http://" + l.Addr().String())
		if err != nil {
			return nil, err
		}
		return control(p, &gatewaytest.Rig{Gateway: g, Absent: absent, Secrets: []string{token}, Close: srv.Close}), nil
	}
}

func TestGenericGateway(t *testing.T) {
	gatewaytest.Run(t, overHTTP(func(url string) (gatewaytest.Gateway, error) {
		return httpgw.New(httpgw.Options{URL: url, Token: token, HTTP: gateway.Options{Concurrency: 4}})
	}))
}

func TestSandboxInProcess(t *testing.T) {
	gatewaytest.Run(t, func() (*gatewaytest.Rig, error) {
		p, err := sandbox.New(sandbox.Options{Script: &sandbox.Script{}})
		if err != nil {
			return nil, err
		}
		g, err := p.Gateway("http://127.0.0.1:1")
		if err != nil {
			return nil, err
		}
		return control(p, &gatewaytest.Rig{Gateway: g}), nil
	})
}

// naive is what one writes at first: net/http's own client, and every answer that is no clear failure is fine.
type naive struct{ url string }

func (n naive) Submit(ctx context.Context, in *payment.Instruction) (payment.Outcome, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, n.url+"/payment-requests", bytes.NewReader(httpgw.Body(in)))
	if err != nil {
		return payment.Outcome{}, err
	}
	req.Header.Set("Idempotency-Key", in.Key)
	return n.do(req)
}

func (n naive) Lookup(ctx context.Context, in *payment.Instruction) (payment.Outcome, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, n.url+"/payment-requests?idempotency_key="+url.QueryEscape(in.Key), nil)
	if err != nil {
		return payment.Outcome{}, err
	}
	return n.do(req)
}

func (n naive) do(req *http.Request) (payment.Outcome, error) {
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return payment.Outcome{}, errors.Join(payment.ErrNotSent, err)
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	var o struct {
		ID    string        `json:"id"`
		State payment.State `json:"state"`
	}
	json.Unmarshal(body, &o)
	if resp.StatusCode >= 500 {
		return payment.Outcome{Verdict: payment.VerdictRetry}, nil
	}
	return payment.Outcome{Verdict: payment.VerdictDone, State: payment.Open, PaymentID: o.ID, Message: string(body)}, nil
}

// TestControl: a suite that a naive client passes would prove nothing.
func TestControl(t *testing.T) {
	failed := gatewaytest.Failures(t.Context(), overHTTP(func(url string) (gatewaytest.Gateway, error) { return naive{url}, nil }))
	for _, name := range []string{
		"submit-cut", // net/http resends: two arrivals
		"submit-lost", "submit-html", "submit-strange", "submit-garbled", "submit-500", "submit-done-500", "submit-503", "submit-429",
		"submit-302", "submit-307", "submit-401", "submit-404", "refuse", "hang", "deadline", "echo", "lookup-404", "lookup-html", "lookup-500",
		"lookup-never-arrived", "lookup-found",
	} {
		if failed[name] == nil {
			t.Errorf("the naive client passes %q", name)
		}
	}
	t.Logf("the naive client fails %d of %d checks", len(failed), len(gatewaytest.Checks()))
	if err := failed["submit-cut"]; err != nil {
		t.Logf("submit-cut: %v", err)
	}
}
