package paybox

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/navette-connect/navette/connector/gateway"
	"github.com/navette-connect/navette/connector/gateway/gatewaytest"
	"github.com/navette-connect/navette/connector/gateway/payboxsim"
	"github.com/navette-connect/navette/connector/payment"
)

// visit takes the form as a browser would, and does what the customer does there.
func visit(t testing.TB, f payment.Form, do string) (status int, location string) {
	t.Helper()
	fields := make([][2]string, len(f.Fields))
	for i, p := range f.Fields {
		fields[i] = [2]string{p.Name, p.Value}
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	status, location, err := payboxsim.Submit(t.Context(), client, f.Action, fields, do)
	if err != nil {
		t.Fatal(err)
	}
	return status, location
}

// notices is where the PSP notifies: bodies as they came.
func notices(t testing.TB) (url string, bodies chan string) {
	t.Helper()
	bodies = make(chan string, 8)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err == nil {
			bodies <- string(b)
		}
	}))
	t.Cleanup(srv.Close)
	return srv.URL + "/hooks/paybox", bodies
}

// TestPage: a form, a payment, its notification, and no form any more.
func TestPage(t *testing.T) {
	for _, tt := range []struct {
		name    string
		capture payment.CaptureMode
		do      string
		want    payment.State
		later   payment.State // eight days on
		back    string
	}{
		{"paid", payment.CaptureMode{}, "pay", payment.Paid, payment.Paid, "E=00000"},
		{"manual", payment.CaptureMode{Mode: "manual"}, "pay", payment.Authorised, payment.Authorised, "E=00000"},
		{"deferred", payment.CaptureMode{Mode: "deferred", DelayDays: 3}, "pay", payment.Authorised, payment.Paid, "E=00000"},
		{"card refused", payment.CaptureMode{}, "refuse", payment.Open, payment.Open, "E=00105"},
		{"left", payment.CaptureMode{}, "leave", payment.Open, payment.Open, "E=00001"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, payboxsim.Options{})
			to, bodies := notices(t)
			in := gatewaytest.Request(1)
			in.Capture = tt.capture
			out, err := r.Submit(t.Context(), in)
			if err != nil {
				t.Fatal(err)
			}
			v := payment.Visit{Language: "fr", ReturnURL: "https://pay.example/pay/done", NotifyURL: to}
			f, err := r.Page(t.Context(), in, v)
			if err != nil {
				t.Fatal(err)
			}
			second, err := r.Page(t.Context(), in, v) // two tabs
			if err != nil || second.Action != f.Action {
				t.Fatalf("second tab: %v", err)
			}
			status, location := visit(t, f, tt.do)
			if status != http.StatusSeeOther || !strings.HasPrefix(location, v.ReturnURL+"?") || !strings.Contains(location, tt.back) {
				t.Errorf("status %d, location %q", status, location)
			}
			if tt.do != "leave" {
				body := <-bodies
				id, paymentID, err := r.Hook(nil, []byte(body), time.Now())
				if err != nil || paymentID != out.PaymentID || id == "" {
					t.Errorf("Hook(%q) = %q, %q, %v", body, id, paymentID, err)
				}
				s, err := r.ReadTransaction(t.Context(), &payment.Instruction{PaymentID: paymentID, TransactionID: r.Transaction([]byte(body))})
				if failed := len(s.Failed) == 1 && s.Failed[0].ID != "" && s.TransactionID == ""; err != nil || s.State != tt.want || failed != (tt.do == "refuse") {
					t.Errorf("its transaction: %+v, %v; want %s", s, err, tt.want)
				}
			}
			s, err := r.Read(t.Context(), &payment.Instruction{PaymentID: out.PaymentID})
			if err != nil || s.State != tt.want {
				t.Errorf("read: %+v, %v; want %s", s, err, tt.want)
			}
			_, err = r.Page(t.Context(), in, v)
			if closed := errors.Is(err, payment.ErrClosed); closed != (tt.want != payment.Open) {
				t.Errorf("another form: %v", err)
			}
			r.psp.Advance(8 * 24 * time.Hour)
			moved := r.now
			r.now = func() time.Time { return moved().Add(8 * 24 * time.Hour) }
			if s, err := r.Read(t.Context(), &payment.Instruction{PaymentID: out.PaymentID}); err != nil || s.State != tt.later {
				t.Errorf("eight days on: %+v, %v; want %s", s, err, tt.later)
			}
			if d := r.psp.Ledger().Doubles; d != 0 {
				t.Errorf("%d payments too many", d)
			}
		})
	}
	t.Run("refused, then paid", func(t *testing.T) {
		r := newRig(t, payboxsim.Options{})
		in := gatewaytest.Request(1)
		for _, do := range []string{"refuse", "pay"} {
			f, err := r.Page(t.Context(), in, payment.Visit{})
			if err != nil {
				t.Fatal(err)
			}
			visit(t, f, do)
		}
		if s, err := r.Read(t.Context(), &payment.Instruction{PaymentID: orderOf(in).id}); err != nil || s.State != payment.Paid {
			t.Errorf("read: %+v, %v; want paid", s, err)
		}
	})
}

// TestForm: what the PSP checks is there, the HMAC last, and a changed field is refused.
func TestForm(t *testing.T) {
	r := newRig(t, payboxsim.Options{})
	in := gatewaytest.Request(1)
	f, err := r.Page(t.Context(), in, payment.Visit{Language: "en", ReturnURL: "https://pay.example/x", NotifyURL: "https://pay.example/hooks/paybox"})
	if err != nil {
		t.Fatal(err)
	}
	if last := f.Fields[len(f.Fields)-1]; last.Name != "PBX_HMAC" {
		t.Errorf("last field %q", last.Name)
	}
	for _, p := range f.Fields { // of the customer the e-mail address alone
		for _, s := range []string{in.Customer.Name, in.Customer.Phone, in.Customer.ID, in.Label} {
			if strings.Contains(p.Value, s) {
				t.Errorf("%s holds %q", p.Name, p.Value)
			}
		}
	}
	for i := range f.Fields[:len(f.Fields)-1] {
		changed := f
		changed.Fields = append([]payment.Pair{}, f.Fields...)
		changed.Fields[i].Value += "1"
		if status, _ := visit(t, changed, "pay"); status != http.StatusBadRequest {
			t.Errorf("a changed %s is taken (%d)", f.Fields[i].Name, status)
		}
	}
	r.psp.Advance(16 * time.Minute)
	if status, _ := visit(t, f, "pay"); status != http.StatusBadRequest {
		t.Errorf("a form of 16 minutes ago is taken (%d)", status)
	}
}

// TestCancelOpen: a request that nobody paid is cancelled without an act at the PSP; one that was paid is cancelled there.
func TestCancelOpen(t *testing.T) {
	r := newRig(t, payboxsim.Options{})
	in := gatewaytest.Request(1)
	out, err := r.Submit(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	cancel := &payment.Instruction{Kind: payment.Operate, Operation: payment.Cancel, Reference: in.Reference, PaymentID: out.PaymentID, Key: "k-cancel"}
	if got, err := r.Submit(t.Context(), cancel); err != nil || got.State != payment.Done || len(r.psp.Ledger().Acts) != 0 {
		t.Errorf("cancel of an open one: %+v, %v", got, err)
	}
	if _, err := r.Lookup(t.Context(), cancel); !errors.Is(err, payment.ErrUnknown) {
		t.Errorf("look-up: %v", err)
	}
	f, err := r.Page(t.Context(), in, payment.Visit{})
	if err != nil {
		t.Fatal(err)
	}
	visit(t, f, "pay")
	if got, err := r.Submit(t.Context(), cancel); err != nil || got.State != payment.Done {
		t.Errorf("cancel of a paid one: %+v, %v", got, err)
	}
	if acts := r.psp.Ledger().Acts; len(acts) != 2 || acts[1].Type != "00005" || acts[1].Amount != in.Amount.Minor {
		t.Errorf("acts %+v", acts)
	}
	// By the reference alone the journal says which request is meant.
	refund := &payment.Instruction{Kind: payment.Operate, Operation: payment.Refund, Reference: in.Reference, Key: "k-refund",
		Target: payment.Target{ID: 1, PaymentID: out.PaymentID, Amount: in.Amount, Paid: in.Amount.Minor, Refunded: 100}}
	if got, err := r.Submit(t.Context(), refund); err != nil || got.State != payment.Refused || !strings.HasPrefix(got.Message, "[00014]") {
		t.Errorf("refund of a cancelled one: %+v, %v", got, err)
	}
	refund.Target.PaymentID = ""
	if got, err := r.Submit(t.Context(), refund); err != nil || got.Code != gateway.CodeUnsupported {
		t.Errorf("no target: %+v, %v", got, err)
	}
}

// TestCaptureOfPage: what a customer authorised is captured by the request's id, whole when no amount is given.
func TestCaptureOfPage(t *testing.T) {
	r := newRig(t, payboxsim.Options{})
	in := gatewaytest.Request(1)
	in.Capture.Mode = "manual"
	f, err := r.Page(t.Context(), in, payment.Visit{})
	if err != nil {
		t.Fatal(err)
	}
	visit(t, f, "pay")
	capture := &payment.Instruction{Kind: payment.Operate, Operation: payment.Capture, Reference: in.Reference, PaymentID: orderOf(in).id, Key: "k-capture"}
	if err := r.psp.Break("lost"); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Submit(t.Context(), capture); !errors.Is(err, payment.ErrUncertain) {
		t.Fatalf("lost: %v", err)
	}
	if out, err := r.Lookup(t.Context(), capture); err != nil || out.State != payment.Done || out.TransactionState != "Capturé" {
		t.Errorf("look-up: %+v, %v", out, err)
	}
	if acts := r.psp.Ledger().Acts; len(acts) != 2 || acts[1].Amount != in.Amount.Minor {
		t.Errorf("acts %+v", acts)
	}
	if s, err := r.Read(t.Context(), &payment.Instruction{PaymentID: orderOf(in).id}); err != nil || s.State != payment.Paid {
		t.Errorf("read: %+v, %v", s, err)
	}
}

// sign makes a notification as Paybox does.
func sign(t testing.TB, key *rsa.PrivateKey, text string) string {
	t.Helper()
	sum := sha1.Sum([]byte(text))
	sig, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA1, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	return text + "&K=" + url.QueryEscape(base64.StdEncoding.EncodeToString(sig))
}

func TestHook(t *testing.T) {
	r := newRig(t, payboxsim.Options{})
	const order = "FA26-00412/123456EUR/abcdefghijkl"
	good := sign(t, signer(), "M=123456&R="+url.QueryEscape(order)+"&A=XXXXXX&E=00000")
	for body, want := range map[string]string{
		good: order,
		strings.NewReplacer("%2B", "+", "%2F", "/", "%3D", "=").Replace(good[strings.Index(good, "&K="):]):                                         "!", // no signed part
		good[:strings.Index(good, "&K=")+3] + strings.NewReplacer("%2B", "+", "%2F", "/", "%3D", "=").Replace(good[strings.Index(good, "&K=")+3:]): order,
		sign(t, signer(), "M=1&R=somebody&E=00000"):                                 "",
		sign(t, signer(), "M=1&E=00000"):                                            "",
		sign(t, signer(), "R="+url.QueryEscape(order)+"&R="+url.QueryEscape(order)): "",
		strings.Replace(good, "M=123456", "M=123457", 1):                            "!",
		strings.Replace(good, "E=00000&", "", 1):                                    "!",
		good + "&E=00000":                                                           "!",
		strings.Split(good, "&K=")[0]:                                               "!",
		"":                                                                          "!",
		"K=":                                                                        "!",
		"M=1&K=":                                                                    "!",
		"M=1&K=%%%":                                                                 "!",
		"M=1&K=" + strings.Repeat("A", 344):                                         "!",
	} {
		id, paymentID, err := r.Hook(nil, []byte(body), time.Now())
		if want == "!" {
			if !errors.Is(err, gateway.ErrForged) {
				t.Errorf("Hook(%q) = %q, %v; want forged", body, paymentID, err)
			}
			continue
		}
		if err != nil || paymentID != want || id == "" {
			t.Errorf("Hook(%q) = %q, %q, %v; want %q", body, id, paymentID, err, want)
		}
	}
	first, _, _ := r.Hook(nil, []byte(good), time.Now())
	again, _, _ := r.Hook(nil, []byte(good), time.Now().Add(time.Hour))
	if first != again {
		t.Errorf("the same notification has two ids, %q and %q", first, again)
	}
	own, err := New(options("http://127.0.0.1:1")) // Paybox's own keys
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := own.Hook(nil, []byte(good), time.Now()); !errors.Is(err, gateway.ErrForged) || len(own.signers) != 2 {
		t.Errorf("signed by a stranger: %v, %d keys", err, len(own.signers))
	}
}

func FuzzHook(f *testing.F) {
	g, err := New(options("http://127.0.0.1:1"))
	if err != nil {
		f.Fatal(err)
	}
	for _, s := range []string{"M=1&R=a&K=AAAA", "&K=", "R=FA-1%2F1EUR%2Fabcdefghijkl&K=%00", "K=&K=&K="} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if id, p, err := g.Hook(nil, body, time.Time{}); err == nil || id != "" || p != "" {
			t.Errorf("Hook(%q) = %q, %q, %v", body, id, p, err)
		}
		if id := g.Transaction(body); id != "" {
			if _, ok := parseTarget(id); !ok {
				t.Errorf("transaction %q", id)
			}
		}
		if o := orderIn(string(body)); o != "" {
			if _, ok := parseOrder(o); !ok {
				t.Errorf("order %q", o)
			}
		}
	})
}
