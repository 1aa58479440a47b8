package httpgw

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/navette-connect/navette/connector/gateway"
	"github.com/navette-connect/navette/connector/payment"
)

const (
	jsonType    = "application/json"
	problemType = "application/problem+json"
	secret      = "t0ken-that-must-not-show"
)

// answer is what a canned PSP says to everything.
type answer struct {
	status int
	kind   string // Content-Type; "" sends none
	body   string
	after  string // Retry-After
}

// psp serves one answer and keeps the last request.
type psp struct {
	answer
	*http.Request
	got string
}

func (p *psp) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b, _ := io.ReadAll(r.Body)
	p.Request, p.got = r, string(b)
	w.Header()["Content-Type"] = nil
	if p.kind != "" {
		w.Header().Set("Content-Type", p.kind)
	}
	if p.after != "" {
		w.Header().Set("Retry-After", p.after)
	}
	if p.status >= 300 && p.status < 400 {
		w.Header().Set("Location", "/elsewhere")
	}
	w.WriteHeader(p.status)
	io.WriteString(w, p.body)
}

func open(t *testing.T) (*psp, *Gateway) {
	t.Helper()
	p := &psp{}
	srv := httptest.NewServer(p)
	t.Cleanup(srv.Close)
	g, err := New(Options{URL: srv.URL + "/v1/", Token: secret, WebhookSecret: "whsec_aG9va3M="})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.Close)
	return p, g
}

func request() *payment.Instruction {
	in := full()
	in.Key = payment.NewKey(in)
	return in
}

func refund() *payment.Instruction {
	in := &payment.Instruction{Kind: payment.Operate, Operation: payment.Refund, Reference: "FA26-00398", TransactionID: "T-1", Amount: payment.Amount{Minor: 4500, Currency: "EUR"}}
	in.Key = payment.NewKey(in)
	return in
}

func TestRequestOnTheWire(t *testing.T) {
	p, g := open(t)
	p.answer = answer{201, jsonType, `{"id":"pr_1","state":"open","link":"https://pay.example/r/1"}`, ""}
	in := request()
	if _, err := g.Submit(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	got := []string{p.Method, p.URL.Path, p.Header.Get("Authorization"), p.Header.Get("Idempotency-Key"), p.Header.Get("Content-Type"), p.got}
	want := []string{"POST", "/v1/payment-requests", "Bearer " + secret, in.Key, jsonType, string(Body(in))}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("request (-want +got):\n%s", d)
	}
	p.answer = answer{200, jsonType, `{"id":"op_1","state":"done"}`, ""}
	op := refund()
	if _, err := g.Submit(t.Context(), op); err != nil {
		t.Fatal(err)
	}
	if p.URL.Path != "/v1/operations" || p.got != string(Body(op)) {
		t.Errorf("operation: %s %s, want /v1/operations %s", p.URL.Path, p.got, Body(op))
	}
}

// TestSubmitAnswers is the table of the contract, §6.
func TestSubmitAnswers(t *testing.T) {
	type want struct {
		verdict payment.Verdict
		kind    error
		state   payment.State
		code    string
		message string // beginning
	}
	doubt := func(code string) want { return want{payment.VerdictUnknown, payment.ErrUncertain, "", code, ""} }
	stop := func(code string) want { return want{payment.VerdictRetry, payment.ErrStopped, "", code, ""} }
	done := func(s payment.State) want { return want{payment.VerdictDone, nil, s, "", ""} }
	no := func(msg string) want {
		return want{payment.VerdictRefused, nil, payment.Refused, "NV-2001", msg}
	}
	const page = "<!doctype html><h1>Hello</h1>"
	tests := []struct {
		name string
		op   bool
		answer
		want want
	}{
		{"created", false, answer{201, jsonType, `{"id":"pr_1","state":"open","link":"https://p.example/1"}`, ""}, done(payment.Open)},
		{"ok", false, answer{200, "application/json; charset=utf-8", `{"id":"pr_1","state":"paid"}`, ""}, done(payment.Paid)},
		{"accepted", false, answer{202, "application/vnd.psp.v2+json", ` {"id":"pr_1","state":"authorised"} `, ""}, done(payment.Authorised)},
		{"no media type", false, answer{201, "", `{"id":"pr_1","state":"open"}`, ""}, done(payment.Open)},
		{"plain text that is JSON", false, answer{201, "text/plain; charset=utf-8", `{"id":"pr_1","state":"open"}`, ""}, done(payment.Open)},
		{"numeric id", false, answer{201, jsonType, `{"id":42,"state":"open"}`, ""}, done(payment.Open)},
		{"fields nobody knows", false, answer{201, jsonType, `{"id":"pr_1","state":"open","link":null,"method":{"a":1},"x":[1]}`, ""}, done(payment.Open)},
		{"every state", false, answer{201, jsonType, `{"id":"pr_1","state":"partially_refunded"}`, ""}, done(payment.PartiallyRefunded)},
		{"refused in a 201", false, answer{201, jsonType, `{"id":"pr_1","state":"refused","code":"R1","message":"blocked"}`, ""}, no("[R1] blocked")},
		{"refused in a 201 without a word", false, answer{201, jsonType, `{"id":"pr_1","state":"refused"}`, ""}, no("refused")},

		{"page", false, answer{200, "text/html", page, ""}, doubt("NV-2107")},
		{"JSON called a page", false, answer{200, "text/html", `{"id":"pr_1","state":"open"}`, ""}, doubt("NV-2107")},
		{"page called JSON", false, answer{200, jsonType, page, ""}, doubt("NV-2107")},
		{"empty", false, answer{200, jsonType, "", ""}, doubt("NV-2107")},
		{"no content", false, answer{204, "", "", ""}, doubt("NV-2107")},
		{"null", false, answer{200, jsonType, "null", ""}, doubt("NV-2107")},
		{"list", false, answer{200, jsonType, `[{"id":"pr_1","state":"open"}]`, ""}, doubt("NV-2107")},
		{"half", false, answer{201, jsonType, `{"id":"pr_1","state":"op`, ""}, doubt("NV-2107")},
		{"two", false, answer{201, jsonType, `{"id":"pr_1","state":"open"}{"id":"pr_2","state":"open"}`, ""}, doubt("NV-2107")},
		{"unknown state", false, answer{201, jsonType, `{"id":"pr_1","state":"quantum"}`, ""}, doubt("NV-2107")},
		{"state in capitals", false, answer{201, jsonType, `{"id":"pr_1","state":"OPEN"}`, ""}, doubt("NV-2107")},
		{"no state", false, answer{201, jsonType, `{"id":"pr_1"}`, ""}, doubt("NV-2107")},
		{"state of no text", false, answer{201, jsonType, `{"id":"pr_1","state":1}`, ""}, doubt("NV-2107")},
		{"one of our own states", false, answer{201, jsonType, `{"id":"pr_1","state":"sending"}`, ""}, doubt("NV-2107")},
		{"an operation's state", false, answer{201, jsonType, `{"id":"pr_1","state":"done"}`, ""}, doubt("NV-2107")},
		{"no id", false, answer{201, jsonType, `{"state":"open"}`, ""}, doubt("NV-2107")},
		{"amount that is no integer", false, answer{201, jsonType, `{"id":"pr_1","state":"open","amount":{"value":12.5,"currency":"EUR"}}`, ""}, doubt("NV-2107")},
		{"amount in no currency", false, answer{201, jsonType, `{"id":"pr_1","state":"open","amount":{"value":12}}`, ""}, doubt("NV-2107")},
		{"another key", false, answer{201, jsonType, `{"id":"pr_1","state":"open","idempotency_key":"other"}`, ""}, doubt("NV-2107")},
		{"success as a problem", false, answer{200, problemType, `{"code":"x","detail":"y"}`, ""}, doubt("NV-2107")},

		{"operation done", true, answer{200, jsonType, `{"id":"op_1","state":"done","transaction_id":"T-9","transaction_state":"CREDITED","amount":{"value":4500,"currency":"EUR"},"code":"","message":""}`, ""}, done(payment.Done)},
		{"operation pending", true, answer{200, jsonType, `{"id":"op_1","state":"pending"}`, ""}, done(payment.Pending)},
		{"operation without id", true, answer{200, jsonType, `{"state":"done","amount":null}`, ""}, done(payment.Done)},
		{"operation refused", true, answer{200, jsonType, `{"id":"op_1","state":"refused","code":"57","message":"carte expirée"}`, ""}, no("[57] carte expirée")},
		{"operation in a request's state", true, answer{200, jsonType, `{"id":"op_1","state":"open"}`, ""}, doubt("NV-2107")},

		{"refused", false, answer{422, problemType, `{"code":"bad_phone","detail":"not a phone number"}`, ""}, no("[bad_phone] not a phone number")},
		{"refused 400", false, answer{400, problemType + "; charset=utf-8", `{"code":12,"detail":"d"}`, ""}, no("[12] d")},
		{"refused 404", true, answer{404, problemType, `{"code":"unknown","detail":"no such transaction"}`, ""}, no("[unknown] no such transaction")},
		{"refused 402", false, answer{402, problemType, `{"code":"declined"}`, ""}, no("[declined]")},
		{"refused without a code", false, answer{422, problemType, `{"title":"Unprocessable","status":422}`, ""}, no("[422] Unprocessable")},
		{"refused without a word", false, answer{422, problemType, `{}`, ""}, no("[422]")},
		{"refused, detail of no text", false, answer{422, problemType, `{"code":"c","detail":{"a":1}}`, ""}, no("[c]")},

		{"422 as plain JSON", false, answer{422, jsonType, `{"code":"bad","detail":"d"}`, ""}, stop("NV-2104")},
		{"404 page", false, answer{404, "text/html", page, ""}, stop("NV-2104")},
		{"404 page called a problem", false, answer{404, problemType, page, ""}, stop("NV-2104")},
		{"problem that is a list", false, answer{400, problemType, `[]`, ""}, stop("NV-2104")},
		{"400 empty", false, answer{400, "", "", ""}, stop("NV-2104")},
		{"405", false, answer{405, "text/plain", "no", ""}, stop("NV-2104")},
		{"405 with a problem", false, answer{405, problemType, `{"code":"c","detail":"d"}`, ""}, stop("NV-2104")},
		{"407", false, answer{407, "text/html", page, ""}, stop("NV-2104")},
		{"418", false, answer{418, "", "", ""}, stop("NV-2104")},
		{"301", false, answer{301, "", "", ""}, stop("NV-2104")},
		{"307", false, answer{307, jsonType, `{"id":"pr_1","state":"open"}`, ""}, stop("NV-2104")},
		{"401", false, answer{401, problemType, `{"code":"c","detail":"d"}`, ""}, stop("NV-2103")},
		{"403", false, answer{403, "text/html", page, ""}, stop("NV-2103")},

		{"409", false, answer{409, problemType, `{"code":"in_flight","detail":"d"}`, ""}, doubt("NV-2101")},
		{"408", false, answer{408, "", "", ""}, doubt("NV-2101")},
		{"425", false, answer{425, "", "", ""}, doubt("NV-2101")},
		{"500", false, answer{500, problemType, `{"code":"c","detail":"d"}`, ""}, doubt("NV-2101")},
		{"502", false, answer{502, "text/html", page, ""}, doubt("NV-2101")},
		{"504", false, answer{504, "", "", ""}, doubt("NV-2101")},
		{"599", false, answer{599, "", "", ""}, doubt("NV-2101")},
	}
	p, g := open(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p.answer = tt.answer
			in := request()
			if tt.op {
				in = refund()
			}
			out, err := g.Submit(t.Context(), in)
			if got := payment.Judge(out, err); got != tt.want.verdict {
				t.Errorf("verdict %v (error %v), want %v", got, err, tt.want.verdict)
			}
			if (err == nil) != (tt.want.kind == nil) || err != nil && !errors.Is(err, tt.want.kind) {
				t.Errorf("error %v, want kind %v", err, tt.want.kind)
			}
			if out.State != tt.want.state || out.Code != tt.want.code || gateway.CodeOf(err) != "" && gateway.CodeOf(err) != tt.want.code {
				t.Errorf("state %q, code %q, error's code %q; want %q, %q", out.State, out.Code, gateway.CodeOf(err), tt.want.state, tt.want.code)
			}
			if !strings.HasPrefix(out.Message, tt.want.message) {
				t.Errorf("message %q, want it to begin with %q", out.Message, tt.want.message)
			}
		})
	}
}

func TestSubmitWithoutKey(t *testing.T) {
	p, g := open(t)
	p.answer = answer{201, jsonType, `{"id":"pr_1","state":"open"}`, ""}
	if _, err := g.Submit(t.Context(), &payment.Instruction{Kind: payment.Request, Reference: "FA26-1"}); !errors.Is(err, payment.ErrStopped) || p.Request != nil {
		t.Errorf("error %v, request %v; want kind %v and no request", err, p.Request, payment.ErrStopped)
	}
}

func TestSubmitOutcome(t *testing.T) {
	p, g := open(t)
	p.answer = answer{201, jsonType, `{"id":"pr_7F3K2","state":"open","link":"https://pay.example/r/7F3K2","reference":"FA26-00412","amount":{"value":123456,"currency":"EUR"},"transaction_id":""}`, ""}
	out, err := g.Submit(t.Context(), request())
	want := payment.Outcome{Verdict: payment.VerdictDone, State: payment.Open, PaymentID: "pr_7F3K2", Link: "https://pay.example/r/7F3K2", Reference: "FA26-00412",
		Amount: payment.Amount{Minor: 123456, Currency: "EUR"}}
	if d := cmp.Diff(want, out); d != "" || err != nil {
		t.Errorf("outcome, error %v (-want +got):\n%s", err, d)
	}
}

func TestSubmitMustWait(t *testing.T) {
	p, g := open(t)
	tests := []struct {
		answer
		wait time.Duration
		look bool
	}{
		{answer{429, "", "", "7"}, 7 * time.Second, false},
		{answer{429, jsonType, `{"id":"pr_1","state":"open"}`, ""}, 0, false},
		{answer{503, "text/html", "<p>", "120"}, 2 * time.Minute, true},
		{answer{503, "", "", "31536000"}, time.Hour, true},
		{answer{503, "", "", "later"}, 0, true},
	}
	for _, tt := range tests {
		p.answer = tt.answer
		out, err := g.Submit(t.Context(), request())
		if err != nil || out.Verdict != payment.VerdictRetry || out.Wait != tt.wait || out.LookFirst != tt.look || out.Code != "NV-2105" {
			t.Errorf("%+v: %+v, error %v; want retry after %v, look first %v, NV-2105", tt.answer, out, err, tt.wait, tt.look)
		}
	}
}

func TestLookup(t *testing.T) {
	p, g := open(t)
	retry := errors.New("any other error")
	tests := []struct {
		name string
		answer
		state payment.State
		kind  error
	}{
		{"found", answer{200, jsonType, `{"data":[{"id":"pr_1","state":"paid","reference":"FA26-00412","amount":{"value":123456,"currency":"EUR"}}],"next":null}`, ""}, payment.Paid, nil},
		{"found refused", answer{200, jsonType, `{"data":[{"id":"pr_1","state":"refused"}]}`, ""}, payment.Refused, nil},
		{"empty", answer{200, jsonType, `{"data":[]}`, ""}, "", payment.ErrUnknown},
		{"empty with blanks", answer{200, jsonType, " {\n \"data\" : [ ] } ", ""}, "", payment.ErrUnknown},
		{"null", answer{200, jsonType, `{"data":null}`, ""}, "", retry},
		{"nothing", answer{200, jsonType, `{}`, ""}, "", retry},
		{"empty body", answer{200, jsonType, ``, ""}, "", retry},
		{"no content", answer{204, "", ``, ""}, "", retry},
		{"bare list", answer{200, jsonType, `[]`, ""}, "", retry},
		{"an object as data", answer{200, jsonType, `{"data":{}}`, ""}, "", retry},
		{"half", answer{200, jsonType, `{"data":[`, ""}, "", retry},
		{"empty and more", answer{200, jsonType, `{"data":[]} <p>`, ""}, "", retry},
		{"page", answer{200, "text/html", `<p>`, ""}, "", retry},
		{"empty, called a page", answer{200, "text/html", `{"data":[]}`, ""}, "", retry},
		{"unknown state", answer{200, jsonType, `{"data":[{"id":"pr_1","state":"quantum"}]}`, ""}, "", retry},
		{"no object", answer{200, jsonType, `{"data":[null]}`, ""}, "", retry},
		{"another key", answer{200, jsonType, `{"data":[{"id":"pr_1","state":"open","idempotency_key":"other"}]}`, ""}, "", retry},
		{"two", answer{200, jsonType, `{"data":[{"id":"pr_1","state":"open"},{"id":"pr_2","state":"open"}]}`, ""}, "", payment.ErrUnsupported},
		{"404", answer{404, problemType, `{"code":"c","detail":"d"}`, ""}, "", payment.ErrUnsupported},
		{"404 page", answer{404, "text/html", `<p>`, ""}, "", payment.ErrUnsupported},
		{"405", answer{405, "", ``, ""}, "", payment.ErrUnsupported},
		{"501", answer{501, "", ``, ""}, "", payment.ErrUnsupported},
		{"401", answer{401, "", ``, ""}, "", payment.ErrStopped},
		{"302", answer{302, "", ``, ""}, "", payment.ErrStopped},
		{"429", answer{429, "", ``, "5"}, "", retry},
		{"503", answer{503, "", ``, "5"}, "", retry},
		{"500", answer{500, "", ``, ""}, "", retry},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p.answer = tt.answer
			in := request()
			out, err := g.Lookup(t.Context(), in)
			if tt.kind == nil && (err != nil || out.State != tt.state) {
				t.Errorf("state %q, error %v; want %q", out.State, err, tt.state)
			}
			for _, kind := range []error{payment.ErrUnknown, payment.ErrUnsupported, payment.ErrStopped} {
				if errors.Is(err, kind) != (tt.kind == kind) {
					t.Errorf("error %v; want kind %v", err, tt.kind)
				}
			}
			if tt.kind != nil && err == nil {
				t.Errorf("no error; want kind %v", tt.kind)
			}
			if tt.after == "5" && out.Wait != 5*time.Second {
				t.Errorf("wait %v, want 5s", out.Wait)
			}
			if p.URL.RequestURI() != "/v1/payment-requests?idempotency_key="+in.Key || p.Header.Get("Authorization") == "" {
				t.Errorf("asked %s", p.URL.RequestURI())
			}
		})
	}
	p.answer = answer{200, jsonType, `{"data":[{"id":"op_1","state":"done","transaction_id":"T-9"}]}`, ""}
	if out, err := g.Lookup(t.Context(), refund()); err != nil || out.State != payment.Done || p.URL.Path != "/v1/operations" {
		t.Errorf("operation: %s: state %q, error %v; want done", p.URL.Path, out.State, err)
	}
}

func TestRead(t *testing.T) {
	p, g := open(t)
	p.answer = answer{200, jsonType, `{"id":"a/b","state":"partially_paid","amount":{"value":1000,"currency":"EUR"},"paid":{"value":400,"currency":"EUR"},"method":"CB","transaction_id":"T-1","link":"https://l","updated_at":"2026-11-22T12:00:00+01:00"}`, ""}
	in := &payment.Instruction{Kind: payment.Request, PaymentID: "a/b"}
	got, err := g.Read(t.Context(), in)
	want := payment.Snapshot{PaymentID: "a/b", State: payment.PartiallyPaid, Amount: payment.Amount{Minor: 1000, Currency: "EUR"}, Paid: payment.Amount{Minor: 400, Currency: "EUR"},
		Method: "CB", TransactionID: "T-1", Link: "https://l", UpdatedAt: time.Date(2026, 11, 22, 11, 0, 0, 0, time.UTC)}
	if d := cmp.Diff(want, got); d != "" || err != nil {
		t.Errorf("error %v (-want +got):\n%s", err, d)
	}
	if p.URL.RequestURI() != "/v1/payment-requests/a%2Fb" {
		t.Errorf("asked %s", p.URL.RequestURI())
	}
	for status, kind := range map[int]error{404: payment.ErrUnknown, 410: payment.ErrUnknown, 401: payment.ErrStopped, 500: payment.ErrUncertain, 200: payment.ErrUncertain} {
		p.answer = answer{status, jsonType, `{"id":"a","state":"quantum"}`, ""}
		if _, err := g.Read(t.Context(), in); !errors.Is(err, kind) {
			t.Errorf("%d: error %v, want kind %v", status, err, kind)
		}
	}
	if _, err := g.Read(t.Context(), &payment.Instruction{}); !errors.Is(err, payment.ErrUnsupported) {
		t.Errorf("without an id: error %v, want kind %v", err, payment.ErrUnsupported)
	}
}

func TestChanges(t *testing.T) {
	p, g := open(t)
	p.answer = answer{200, jsonType, `{"data":[
		{"id":"ev_1","type":"paid","occurred_at":"2026-11-22T12:00:00Z","amount":{"value":400,"currency":"EUR"},"reason":"","data":{"id":"pr_1","state":"partially_paid","paid":{"value":400,"currency":"EUR"}}},
		{"id":2,"type":"payment_request.failed","reason":"no funds","data":{"id":"pr_1","state":"partially_paid"}},
		{"id":"ev_3","type":"sublimated","data":{"id":"pr_2","state":"gas"}},
		{"id":"ev_4","type":"paid","amount":"12.00","data":{"id":"pr_3","state":"paid"}},
		17,
		{"id":"ev_5","type":"expired"}],"next":"c6"}`, ""}
	got, next, err := g.Changes(t.Context(), "c&1", 50)
	eur := func(n int64) payment.Amount { return payment.Amount{Minor: n, Currency: "EUR"} }
	want := []payment.Change{
		{EventID: "ev_1", Word: "paid", OccurredAt: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC), Amount: eur(400), Now: payment.Snapshot{PaymentID: "pr_1", State: payment.PartiallyPaid, Paid: eur(400)}},
		{EventID: "2", Word: "failed", Reason: "no funds", Now: payment.Snapshot{PaymentID: "pr_1", State: payment.PartiallyPaid}},
		{EventID: "ev_3", Word: "sublimated", Now: payment.Snapshot{PaymentID: "pr_2"}}, // to be read by its id
		{EventID: "ev_4", Word: "paid", Now: payment.Snapshot{PaymentID: "pr_3"}},
		{EventID: "ev_5", Word: "expired"},
	}
	if d := cmp.Diff(want, got); d != "" || err != nil || next != "c6" {
		t.Errorf("next %q, error %v (-want +got):\n%s", next, err, d)
	}
	if p.URL.RequestURI() != "/v1/events?after=c%261&limit=50" {
		t.Errorf("asked %s", p.URL.RequestURI())
	}
	p.answer = answer{200, jsonType, `{"data":[]}`, ""}
	if _, next, err := g.Changes(t.Context(), "c6", 0); next != "c6" || err != nil || p.URL.Query().Get("limit") != "100" {
		t.Errorf("an empty page: next %q, error %v, limit %s; want c6, 100", next, err, p.URL.Query().Get("limit"))
	}
	for _, tt := range []struct {
		answer
		kind error
	}{
		{answer{404, "", "", ""}, payment.ErrUnsupported}, {answer{401, "", "", ""}, payment.ErrStopped}, {answer{500, "", "", ""}, payment.ErrUncertain},
		{answer{200, jsonType, `{}`, ""}, payment.ErrUncertain}, {answer{200, "text/html", `<p>`, ""}, payment.ErrUncertain},
	} {
		p.answer = tt.answer
		if list, next, err := g.Changes(t.Context(), "c6", 10); !errors.Is(err, tt.kind) || next != "c6" || list != nil {
			t.Errorf("%+v: %v, next %q, error %v; want kind %v and the same cursor", tt.answer, list, next, err, tt.kind)
		}
	}
}

func TestPing(t *testing.T) {
	p, g := open(t)
	for _, tt := range []struct {
		answer
		kind error
	}{
		{answer{200, jsonType, `{"data":[]}`, ""}, nil}, {answer{404, "", "", ""}, payment.ErrUnsupported}, {answer{403, "", "", ""}, payment.ErrStopped},
		{answer{200, "text/html", `<p>`, ""}, payment.ErrUncertain},
	} {
		p.answer = tt.answer
		if err := g.Ping(t.Context()); !errors.Is(err, tt.kind) || (err == nil) != (tt.kind == nil) {
			t.Errorf("%+v: error %v, want %v", tt.answer, err, tt.kind)
		}
		if p.Method != http.MethodGet {
			t.Errorf("ping sends %s", p.Method)
		}
	}
}

func TestHook(t *testing.T) {
	_, g := open(t)
	now := time.Unix(1_795_348_800, 0)
	for body, want := range map[string]string{`{"type":"paid","data":{"id":"pr_1"}}`: "pr_1", `{"data":{}}`: "", `{"data":[1]}`: "", `not JSON`: "", `{"id":"pr_1"}`: ""} {
		h := http.Header{}
		gateway.SignWebhook(h, []byte("hooks"), "msg_1", now, []byte(body))
		if id, object, err := g.Hook(h, []byte(body), now); id != "msg_1" || object != want || err != nil {
			t.Errorf("%s: %q, %q, %v; want msg_1, %q", body, id, object, err, want)
		}
		if _, _, err := g.Hook(h, []byte(body+" "), now); !errors.Is(err, gateway.ErrForged) {
			t.Errorf("%s changed: error %v, want %v", body, err, gateway.ErrForged)
		}
	}
	deaf, err := New(Options{URL: "https://psp.example"})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := deaf.Hook(http.Header{}, nil, now); !errors.Is(err, payment.ErrUnsupported) {
		t.Errorf("without a secret: error %v, want kind %v", err, payment.ErrUnsupported)
	}
}

func TestNewRefuses(t *testing.T) {
	for _, o := range []Options{{}, {URL: "psp.example"}, {URL: "ftp://psp.example"}, {URL: "https://u:p@psp.example"}, {URL: "https://psp.example?a=b"},
		{URL: "https://psp.example", Token: "with\nline"}, {URL: "https://psp.example", Token: "with blank"}, {URL: "https://psp.example", WebhookSecret: "whsec_!"},
		{URL: "https://psp.example", HTTP: gateway.Options{CA: "/nowhere"}}} {
		if _, err := New(o); err == nil {
			t.Errorf("New(%+v): no error", o)
		}
	}
}

func TestContextReachesTheCall(t *testing.T) {
	_, g := open(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := g.Submit(ctx, request()); !errors.Is(err, payment.ErrNotSent) || !errors.Is(err, context.Canceled) {
		t.Errorf("submit: error %v, want kinds %v and %v", err, payment.ErrNotSent, context.Canceled)
	}
	for name, f := range map[string]func() error{
		"lookup":  func() error { _, err := g.Lookup(ctx, request()); return err },
		"read":    func() error { _, err := g.Read(ctx, &payment.Instruction{PaymentID: "x"}); return err },
		"changes": func() error { _, _, err := g.Changes(ctx, "", 1); return err },
		"ping":    func() error { return g.Ping(ctx) },
	} {
		if err := f(); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: error %v, want %v", name, err, context.Canceled)
		}
	}
}
