package sandbox

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/navette-connect/navette/connector/gateway"
)

const key = "abcdefghijklmnop"

func serve(t *testing.T, o Options) (*PSP, *httptest.Server) {
	t.Helper()
	if o.Script == nil {
		o.Script = &Script{}
	}
	p, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(p.Handler())
	t.Cleanup(srv.Close)
	return p, srv
}

func do(t *testing.T, method, url, body string, header ...string) (int, http.Header, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		return 0, nil, err.Error()
	}
	defer resp.Body.Close()
	b, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, resp.Header, string(b)
}

const one = `{"reference":"FA-1","part":"","amount":{"value":123456,"currency":"EUR"},"label":"Four <b>","customer":{"email":"a@b.example"}}`

func TestServer(t *testing.T) {
	_, srv := serve(t, Options{Token: "secret-token"})
	auth := []string{"Authorization", "Bearer secret-token", "Idempotency-Key", key}
	status, _, body := do(t, "POST", srv.URL+"/payment-requests", one, auth...)
	var made requestView
	if err := json.Unmarshal([]byte(body), &made); err != nil || status != 201 || made.State != "open" || made.Link != srv.URL+"/pay/"+made.ID || made.Amount.Value != 123456 {
		t.Fatalf("%d %s (%v)", status, body, err)
	}
	tests := []struct {
		method, path, body string
		header             []string
		status             int
		contains           string
	}{
		{"GET", "/payment-requests?idempotency_key=" + key, "", auth, 200, `{"data":[{"id":"` + made.ID},
		{"GET", "/payment-requests?idempotency_key=other", "", auth, 200, `{"data":[]}`},
		{"GET", "/operations?idempotency_key=" + key, "", auth, 200, `{"data":[]}`},
		{"GET", "/payment-requests", "", auth, 400, "key_missing"},
		{"GET", "/payment-requests/" + made.ID, "", auth, 200, `"paid":{"value":0,"currency":"EUR"}`},
		{"GET", "/payment-requests/none", "", auth, 404, `"code":"unknown"`},
		{"GET", "/events", "", auth, 200, `"next":"1"`},
		{"GET", "/events?after=1", "", auth, 200, `{"data":[],"next":"1"}`},
		{"GET", "/events?after=x", "", auth, 400, "cursor_unknown"},
		{"POST", "/payment-requests", one, []string{"Idempotency-Key", key}, 401, "token_wrong"},
		{"POST", "/payment-requests", one, []string{"Authorization", "Bearer secret-tokem", "Idempotency-Key", key}, 401, "token_wrong"},
		{"GET", "/events", "", nil, 401, "token_wrong"},
		{"POST", "/payment-requests", one, auth[:2], 400, "key_invalid"},
		{"POST", "/payment-requests", one, []string{"Authorization", "Bearer secret-token", "Idempotency-Key", "short"}, 400, "key_invalid"},
		{"POST", "/payment-requests", one, []string{"Authorization", "Bearer secret-token", "Idempotency-Key", "abcdefghijklmno!"}, 400, "key_invalid"},
		{"POST", "/payment-requests", "{", auth, 400, "body_invalid"},
		{"POST", "/payment-requests", `{"reference":"A","amount":null}`, auth, 422, "amount_invalid"},
		{"POST", "/payment-requests", `{"reference":"A","amount":{"value":1,"currency":"XXX"}}`, auth, 422, "currency_unknown"},
		{"POST", "/payment-requests", `{"reference":"","amount":{"value":1,"currency":"EUR"}}`, auth, 422, "reference_missing"},
		{"POST", "/payment-requests", strings.Repeat("x", maxBody+1), auth, 413, "body_unreadable"},
		{"POST", "/operations", `{"operation":"cancel","reference":"FA-1","amount":null}`, auth, 200, `"state":"done"`},
		{"PUT", "/payment-requests", one, auth, 405, ""},
		{"GET", "/", "", auth, 404, ""},
		{"POST", "/_faults", `{"always":"sulk"}`, nil, 422, "fault_unknown"},
		{"POST", "/_faults", `{"alwayz":"lost"}`, nil, 400, "body_invalid"},
		{"POST", "/_faults", `{"always":"503","retry_after":"7","latency":"1ms"}`, nil, 200, `"latency":"1ms"`},
		{"GET", "/_faults", "", nil, 200, `"always":"503"`},
		{"POST", "/payment-requests", one, auth, 503, ""},
		{"POST", "/_faults", `{"always":"lost","lookup":"404","feed":"html"}`, nil, 200, ""},
		{"POST", "/payment-requests", one, auth, 0, "EOF"},
		{"GET", "/payment-requests?idempotency_key=" + key, "", auth, 404, ""},
		{"GET", "/events", "", auth, 200, "<!doctype html>"},
		{"POST", "/_faults", `{}`, nil, 200, "{}"},
		{"POST", "/_act", `{"reference":"none","pay":"full"}`, nil, 404, "unknown"},
		{"POST", "/_act", `{"reference":"FA-1","pay":"full","expire":true}`, nil, 422, "deed_invalid"},
		{"POST", "/_act", `{"reference":"FA-1","settle":true}`, nil, 409, "not_now"},
		{"POST", "/_act", `{"reference":"FA-1","pay":"10.00"}`, nil, 204, ""},
		{"GET", "/_ledger", "", nil, 200, `"doubled":1`},
	}
	for _, tt := range tests {
		status, h, body := do(t, tt.method, srv.URL+tt.path, tt.body, tt.header...)
		if status != tt.status || !strings.Contains(body, tt.contains) {
			t.Errorf("%s %s: %d %.200s; want %d with %q", tt.method, tt.path, status, body, tt.status, tt.contains)
		}
		if status == 503 && h.Get("Retry-After") != "7" {
			t.Errorf("503 without its Retry-After: %v", h)
		}
		if strings.HasPrefix(body, `{"title"`) && h.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s %s: a problem as %q", tt.method, tt.path, h.Get("Content-Type"))
		}
		if strings.Contains(body, "secret-token") || strings.Contains(body, "a@b.example") {
			t.Errorf("%s %s shows what it should not: %s", tt.method, tt.path, body)
		}
	}
}

// TestCutWithoutAConnection: where nothing can be hijacked the answer is broken all the same.
func TestCutWithoutAConnection(t *testing.T) {
	p, _ := serve(t, Options{Faults: Faults{Always: Lost}})
	req := httptest.NewRequest("POST", "/payment-requests", strings.NewReader(one))
	req.Header.Set("Idempotency-Key", key)
	w := httptest.NewRecorder()
	p.Handler().ServeHTTP(w, req)
	if w.Body.Len() != 0 || w.Header().Get("Content-Length") == "" {
		t.Errorf("answer %q with headers %v, want none that fits", w.Body, w.Header())
	}
}

func TestPage(t *testing.T) {
	p, srv := serve(t, Options{})
	_, _, body := do(t, "POST", srv.URL+"/payment-requests", one, "Idempotency-Key", key)
	var made requestView
	if err := json.Unmarshal([]byte(body), &made); err != nil {
		t.Fatal(err)
	}
	has := func(when string, status, wantStatus int, page string, want ...string) {
		t.Helper()
		if status != wantStatus {
			t.Errorf("%s: status %d, want %d", when, status, wantStatus)
		}
		for _, s := range want {
			if !strings.Contains(page, s) {
				t.Errorf("%s: the page lacks %q:\n%s", when, s, page)
			}
		}
	}
	status, h, page := do(t, "GET", made.Link, "", "Accept-Language", "fr-FR,fr;q=0.9")
	has("open", status, 200, page, `lang="fr"`, "aucun argent ne circule", "FA-1", "1234.56 EUR", "Four &lt;b&gt;", "à payer", `value="pay"`)
	if !strings.Contains(h.Get("Content-Security-Policy"), "default-src 'none'") {
		t.Errorf("headers %v", h)
	}
	form := func(v string) string { return url.Values{"do": {v}}.Encode() }
	formType := []string{"Content-Type", "application/x-www-form-urlencoded"}
	if status, h, _ := do(t, "POST", made.Link+"?lang=en", form("fail"), formType...); status != 303 || h.Get("Location") != "/pay/"+made.ID+"?lang=en" {
		t.Errorf("fail: %d, to %q", status, h.Get("Location"))
	}
	status, _, page = do(t, "GET", made.Link, "")
	has("after a failure", status, 200, page, `lang="en"`, "to be paid", `value="pay"`)
	do(t, "POST", made.Link, form("pay"), formType...)
	status, _, page = do(t, "GET", made.Link, "")
	has("paid", status, 200, page, "<strong>paid</strong>")
	if strings.Contains(page, "<form") {
		t.Error("a paid request can be paid again")
	}
	do(t, "POST", made.Link, form("pay"), formType...) // a second click
	if status, _, _ := do(t, "POST", made.Link, form("steal"), formType...); status != 400 {
		t.Errorf("an unknown choice: %d, want 400", status)
	}
	status, _, page = do(t, "GET", srv.URL+"/pay/none?lang=fr", "")
	has("unknown", status, 404, page, "n&#39;existe pas")
	list, _, _, _, err := p.feed("", 0)
	if err != nil || len(list) != 3 || list[1].Type != "failed" || list[2].Type != "paid" {
		t.Errorf("events %+v, %v; want sent, failed, paid", list, err)
	}
}

func TestWebhooksOut(t *testing.T) {
	type hook struct {
		id   string
		body hookBody
		err  error
	}
	got := make(chan hook, 10)
	tries := 0
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if tries++; tries == 1 { // must come again
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		raw, _ := io.ReadAll(r.Body)
		var h hook
		h.id, h.err = gateway.VerifyWebhook(r.Header, []byte("hooks"), raw, time.Now())
		json.NewDecoder(bytes.NewReader(raw)).Decode(&h.body)
		got <- h
	}))
	defer receiver.Close()
	p, srv := serve(t, Options{WebhookURL: receiver.URL, WebhookSecret: "whsec_aG9va3M=", Script: script(t, `rules: [{after: 1ms, pay: full}]`)})
	stopped := make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() { stopped <- p.Run(ctx) }()
	do(t, "POST", srv.URL+"/payment-requests", one, "Idempotency-Key", key)
	for i, want := range []string{"payment_request.sent", "payment_request.paid"} {
		h := <-got
		if h.err != nil || h.body.Type != want || !strings.HasPrefix(h.body.Data.ID, "pr_") || h.id == "" {
			t.Errorf("webhook %d: %+v, want %s", i, h, want)
		}
	}
	cancel()
	if err := <-stopped; err != nil {
		t.Errorf("Run: %v", err)
	}
}

func FuzzReadOrder(f *testing.F) {
	f.Add([]byte(one))
	f.Add([]byte(`{"operation":"refund","amount":null}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		o, err := readOrder(body, key, false)
		if err != nil {
			return
		}
		p, err := New(Options{Script: &Script{}})
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := p.post(o); err != nil {
			t.Error(err)
		}
		o.Operation = requestOrder
		r, _, err := p.post(o)
		if err != nil || r.request == nil && r.problem == nil {
			t.Errorf("%q: %+v, %v", body, r, err)
		}
	})
}
