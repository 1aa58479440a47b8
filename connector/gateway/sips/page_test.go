package sips_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/navette-connect/navette/connector/gateway"
	"github.com/navette-connect/navette/connector/gateway/gatewaytest"
	"github.com/navette-connect/navette/connector/gateway/sips"
	"github.com/navette-connect/navette/connector/gateway/sipssim"
	"github.com/navette-connect/navette/connector/payment"
)

// opened is a request that navette took, with its own id.
func opened(t *testing.T, b *bench, change func(*payment.Instruction)) *payment.Instruction {
	t.Helper()
	in := gatewaytest.Request(1)
	if change != nil {
		change(in)
	}
	out, err := b.Submit(t.Context(), in)
	if err != nil || out.Verdict != payment.VerdictDone || out.State != payment.Open || out.PaymentID == "" {
		t.Fatalf("submit: %+v, %v", out, err)
	}
	again, err := b.Lookup(t.Context(), in)
	if err != nil || again.PaymentID != out.PaymentID {
		t.Fatalf("look-up: %+v, %v; want the same id", again, err)
	}
	in.PaymentID = out.PaymentID
	return in
}

func form(t *testing.T, b *bench, in *payment.Instruction) payment.Form {
	t.Helper()
	f, err := b.Page(t.Context(), in, payment.Visit{Language: "fr", ReturnURL: "https://pay.example/pay/x/back", NotifyURL: "https://pay.example/hooks/sips"})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// post sends a form as a browser does and follows what stands on the page with one more button.
func post(t *testing.T, f payment.Form, do string) int {
	t.Helper()
	v := url.Values{}
	for _, p := range f.Fields {
		v.Set(p.Name, p.Value)
	}
	r, err := http.PostForm(f.Action, v)
	if err != nil {
		t.Fatal(err)
	}
	page, err := io.ReadAll(r.Body)
	r.Body.Close()
	if err != nil || r.StatusCode != http.StatusOK {
		return r.StatusCode
	}
	data := regexp.MustCompile(`name="data" value="([^"]+)"`).FindSubmatch(page)
	if data == nil {
		t.Fatalf("no form on the page: %s", page)
	}
	r, err = http.PostForm(strings.TrimSuffix(f.Action, "/payment")+"/payment/choice", url.Values{"data": {string(data[1])}, "do": {do}})
	if err != nil {
		t.Fatal(err)
	}
	r.Body.Close()
	return r.StatusCode
}

func read(t *testing.T, b *bench, in *payment.Instruction) payment.Snapshot {
	t.Helper()
	s, err := b.Read(t.Context(), &payment.Instruction{Kind: payment.Request, PaymentID: in.PaymentID})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// The life of a request with each way to take the money.
func TestPageToMoney(t *testing.T) {
	for _, tt := range []struct {
		name    string
		capture payment.CaptureMode
		state   payment.State // once paid
		mode    string
		day     int
		night   string // status after the due night
	}{
		{"immediate", payment.CaptureMode{Mode: "immediate"}, payment.Paid, "AUTHOR_CAPTURE", 0, "CAPTURED"},
		{"deferred", payment.CaptureMode{Mode: "deferred", DelayDays: 3}, payment.Paid, "AUTHOR_CAPTURE", 3, "CAPTURED"},
		{"manual", payment.CaptureMode{Mode: "manual"}, payment.Authorised, "VALIDATION", 6, "EXPIRED"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := open(t, sipssim.Options{})
			in := opened(t, b, func(in *payment.Instruction) { in.Capture = tt.capture })
			if s := read(t, b, in); s.State != payment.Open || s.TransactionID != "" {
				t.Errorf("before: %+v", s)
			}
			if got := post(t, form(t, b, in), "pay"); got != http.StatusOK {
				t.Fatalf("paying: %d", got)
			}
			s := read(t, b, in)
			if s.State != tt.state || s.TransactionID != in.PaymentID || s.Amount != in.Amount || s.Method != "VISA" || s.UpdatedAt.IsZero() {
				t.Errorf("after: %+v, want %s", s, tt.state)
			}
			if tt.state == payment.Paid && s.Paid != in.Amount {
				t.Errorf("paid %v, want %v", s.Paid, in.Amount)
			}
			l := b.psp.LedgerNow()
			if tr := l.Transactions[0]; tr.Mode != tt.mode || tr.Day != tt.day || tr.Order != "FA26-00001-deposit" {
				t.Errorf("transaction %+v", tr)
			}
			if _, err := b.Page(t.Context(), in, payment.Visit{ReturnURL: "https://pay.example/x"}); !errors.Is(err, payment.ErrClosed) {
				t.Errorf("another form once paid: %v, want closed", err)
			}
			b.psp.Advance(time.Duration(tt.day)*24*time.Hour + 14*time.Hour)
			if tr := b.psp.LedgerNow().Transactions[0]; tr.Status != tt.night {
				t.Errorf("after the night: %s, want %s", tr.Status, tt.night)
			}
		})
	}
}

// Two clicks, two tabs: Sips takes one payment of a reference, and the next attempt is open only once the first is refused.
func TestTwoTabsPayOnce(t *testing.T) {
	b := open(t, sipssim.Options{})
	in := opened(t, b, nil)
	one, two := form(t, b, in), form(t, b, in)
	if got := post(t, one, "pay"); got != http.StatusOK {
		t.Fatalf("first tab: %d", got)
	}
	if got := post(t, two, "pay"); got != http.StatusConflict {
		t.Errorf("second tab: %d, want the PSP's refusal", got)
	}
	if l := b.psp.LedgerNow(); len(l.Acts) != 1 || l.Doubles != 0 {
		t.Errorf("%d payments, %d doubles; want one, none", len(l.Acts), l.Doubles)
	}
}

// A refused attempt lets the customer try again under another reference; what is under way does not.
func TestNextAttempt(t *testing.T) {
	b := open(t, sipssim.Options{})
	in := opened(t, b, nil)
	late := form(t, b, in)
	if got := post(t, form(t, b, in), "refuse"); got != http.StatusOK {
		t.Fatal(got)
	}
	if s := read(t, b, in); s.State != payment.Open || s.TransactionID != "" || len(s.Failed) != 1 || s.Failed[0].ID != in.PaymentID || !strings.HasPrefix(s.Failed[0].Reason, "[05] ") || s.Failed[0].At.IsZero() {
		t.Errorf("after a refusal: %+v, want open, one attempt failed", s)
	}
	if got := post(t, form(t, b, in), "pay"); got != http.StatusOK {
		t.Fatal(got)
	}
	if got := post(t, late, "pay"); got != http.StatusConflict {
		t.Errorf("a tab of the first attempt: %d", got)
	}
	if s := read(t, b, in); s.State != payment.Paid || s.TransactionID != in.PaymentID+"2" || len(s.Failed) != 1 {
		t.Errorf("after the second attempt: %+v", s)
	}
	challenged := opened(t, b, func(in *payment.Instruction) { in.Reference = "F9"; in.Key = payment.NewKey(in) })
	if got := post(t, form(t, b, challenged), "challenge"); got != http.StatusOK {
		t.Fatal(got)
	}
	if _, err := b.Page(t.Context(), challenged, payment.Visit{ReturnURL: "https://pay.example/x"}); !errors.Is(err, payment.ErrClosed) {
		t.Errorf("a form beside a payment under review: %v, want closed", err)
	}
	if s := read(t, b, challenged); s.State != payment.Open || s.TransactionID == "" {
		t.Errorf("under review: %+v, want open with its transaction", s)
	}
	if b.psp.LedgerNow().Doubles != 0 {
		t.Error("paid twice")
	}
}

// Operations on a request: its transaction is found by the request's id.
func TestOperationsOnARequest(t *testing.T) {
	b := open(t, sipssim.Options{})
	in := opened(t, b, func(in *payment.Instruction) { in.Capture = payment.CaptureMode{Mode: "manual"} })
	on := func(op payment.Operation) *payment.Instruction {
		o := operation(op, "", eur(0))
		o.Target = payment.Target{ID: 1, PaymentID: in.PaymentID}
		return o
	}
	out, err := b.Submit(t.Context(), on(payment.Cancel))
	if err != nil || out.Verdict != payment.VerdictDone || b.psp.LedgerNow().Calls["cancel"] != 0 {
		t.Errorf("cancel of an unpaid request: %+v, %v", out, err)
	}
	if out, err := b.Submit(t.Context(), on(payment.Capture)); err != nil || out.Verdict != payment.VerdictRefused || !strings.HasPrefix(out.Message, "[25]") {
		t.Errorf("capture of an unpaid request: %+v, %v", out, err)
	}
	if got := post(t, form(t, b, in), "pay"); got != http.StatusOK {
		t.Fatal(got)
	}
	if out, err := b.Submit(t.Context(), on(payment.Capture)); err != nil || out.Verdict != payment.VerdictDone || out.TransactionState != "TO_CAPTURE" {
		t.Errorf("capture: %+v, %v", out, err)
	}
	if out, err := b.Submit(t.Context(), on(payment.Cancel)); err != nil || out.Verdict != payment.VerdictDone || out.TransactionState != "CANCELLED" {
		t.Errorf("cancel: %+v, %v", out, err)
	}
	if s := read(t, b, in); s.State != payment.Cancelled {
		t.Errorf("after the cancel: %s", s.State)
	}
	none := operation(payment.Refund, "", eur(0))
	if out, err := b.Submit(t.Context(), none); err != nil || out.Verdict != payment.VerdictRefused || out.Code != "NV-1407" {
		t.Errorf("no target: %+v, %v", out, err)
	}
}

// Requests that Sips could never take are refused at once.
func TestRequestsRefused(t *testing.T) {
	b := open(t, sipssim.Options{})
	for name, change := range map[string]func(*payment.Instruction){
		"currency": func(in *payment.Instruction) { in.Amount.Currency = "XXX" }, "nothing": func(in *payment.Instruction) { in.Amount.Minor = 0 },
		"negative": func(in *payment.Instruction) { in.Amount.Minor = -5 }, "too much": func(in *payment.Instruction) { in.Amount.Minor = 1_000_000_000_000 },
		"too late": func(in *payment.Instruction) { in.Capture = payment.CaptureMode{Mode: "deferred", DelayDays: 100} },
	} {
		in := gatewaytest.Request(1)
		change(in)
		if text := b.Fits(in); text == nil || !strings.HasPrefix(text.Key, "NV-2002.") || text.Check() != nil {
			t.Errorf("%s: %v at intake, want NV-2002", name, text)
		}
		if out, err := b.Submit(t.Context(), in); err != nil || out.Verdict != payment.VerdictRefused || out.Code != "NV-2002" {
			t.Errorf("%s: %+v, %v", name, out, err)
		}
	}
	if b.Supports(payment.Request, "") != true || b.ByReference() {
		t.Error("requests are taken with a page server; no transaction is found by the ERP's reference")
	}
	without := open(t, sipssim.Options{}, func(o *sips.Options) { o.PaypageURL = "" })
	if without.Supports(payment.Request, "") || !without.Supports(payment.Operate, payment.Refund) {
		t.Error("without a page server operations alone are taken")
	}
}

// An automatic response is believed by its seal alone, and only as to which payment to read.
func TestNotices(t *testing.T) {
	b := open(t, sipssim.Options{})
	got := make(chan []byte, 4)
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- body
	}))
	defer hook.Close()
	in := opened(t, b, nil)
	f, err := b.Page(t.Context(), in, payment.Visit{ReturnURL: "https://pay.example/x", NotifyURL: hook.URL})
	if err != nil {
		t.Fatal(err)
	}
	if got := post(t, f, "pay"); got != http.StatusOK {
		t.Fatal(got)
	}
	body := <-got
	notice, id, err := b.Hook(nil, body, time.Time{})
	if err != nil || id != in.PaymentID || notice == "" {
		t.Fatalf("notice %q, payment %q, error %v", notice, id, err)
	}
	if again, _, err := b.Hook(nil, body, time.Time{}); err != nil || again != notice {
		t.Errorf("the same again: %q, %v; want the same id", again, err)
	}
	for name, forged := range map[string]string{
		"amount": strings.Replace(string(body), "amount%3D123456", "amount%3D1", 1), "no seal": string(body[:strings.Index(string(body), "&Seal=")]), "empty": "", "no form": "%zz",
		"empty data": "Data=&Seal=" + strings.Repeat("0", 64),
	} {
		if forged == string(body) {
			t.Fatalf("%s: not changed", name)
		}
		if _, _, err := b.Hook(nil, []byte(forged), time.Time{}); !errors.Is(err, gateway.ErrForged) {
			t.Errorf("%s: %v, want forged", name, err)
		}
	}
	other := open(t, sipssim.Options{}, func(o *sips.Options) { o.Merchant = "002001000000002" })
	if _, _, err := other.Hook(nil, body, time.Time{}); !errors.Is(err, gateway.ErrForged) {
		t.Errorf("another merchant's: %v", err)
	}
}

// paymentInit that is refused gives no form; a form never leads anywhere but to an https:// address.
func TestPageRefused(t *testing.T) {
	for fault, want := range map[string]error{"code-94": payment.ErrUncertain, "code-34": payment.ErrStopped, "code-03": payment.ErrUncertain, "503": payment.ErrUncertain, "html": payment.ErrUncertain, "401": payment.ErrStopped} {
		b := open(t, sipssim.Options{})
		in := opened(t, b, nil)
		if err := b.psp.SetFaults(sipssim.Fault{Function: "paymentInit", What: fault}); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Page(t.Context(), in, payment.Visit{ReturnURL: "https://pay.example/x"}); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", fault, err, want)
		}
	}
}

// An operation right behind the payment is early, not refused: Sips may not know the payment yet.
func TestOperationRightAfterThePayment(t *testing.T) {
	b := open(t, sipssim.Options{Lag: 40 * time.Second})
	in := opened(t, b, func(in *payment.Instruction) { in.Capture = payment.CaptureMode{Mode: "manual"} })
	if got := post(t, form(t, b, in), "pay"); got != http.StatusOK {
		t.Fatal(got)
	}
	capture := func(paymentID string) (out payment.Outcome, tries int) {
		o := operation(payment.Capture, "", eur(0))
		o.Target, o.Trace.Visited = payment.Target{ID: 1, PaymentID: paymentID}, true
		for tries = 1; tries < 20; tries++ {
			var err error
			if out, err = b.Submit(t.Context(), o); err != nil {
				t.Fatal(err)
			}
			if out.Verdict != payment.VerdictRetry || !out.Alone {
				break
			}
			b.sleep(out.Wait)
		}
		return out, tries
	}
	if out, tries := capture(in.PaymentID); out.Verdict != payment.VerdictDone || tries < 2 {
		t.Errorf("capture: %+v after %d tries, want it done, not at once", out, tries)
	}
	if out, tries := capture("nobodyspaidthisone22222222222222"); out.Verdict != payment.VerdictRefused || !strings.HasPrefix(out.Message, "[25]") || tries < 3 {
		t.Errorf("capture of what is not paid: %+v after %d tries, want it refused in the end", out, tries)
	}
}
