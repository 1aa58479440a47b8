package lyra

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/navette-connect/navette/connector/gateway"
	"github.com/navette-connect/navette/connector/payment"
)

// TestOrderBody pins the bytes: they may never change for a key that was sent once.
func TestOrderBody(t *testing.T) {
	full := &payment.Instruction{Kind: payment.Request, Reference: "FA26-00412", Part: "deposit", Key: "abcdefghijklmnopqrstuvwxyz234567", Amount: payment.Amount{Minor: 123456, Currency: "EUR"},
		ExpiresOn: "2027-01-31", Label: `Four "Lefèvre"`, Channel: "email", Method: "card", Capture: payment.CaptureMode{Mode: "deferred", DelayDays: 3},
		Customer: payment.Customer{ID: "C00118", Name: "Boulangerie Lefèvre", Email: "compta@lefevre.example", Phone: "+33240112233", Language: "fr", SIREN: "732829320",
			Address: []payment.Pair{{Name: "line1", Value: "3 rue du Four"}, {Name: "zip", Value: "44000"}, {Name: "city", Value: "Nantes"}, {Name: "country", Value: "FR"}, {Name: "other", Value: "x"}}},
		Metadata: []payment.Pair{{Name: "depot", Value: "44"}, {Name: stamp, Value: "forged"}}}
	sms := &payment.Instruction{Kind: payment.Request, Reference: "CW-1", Key: "k", Amount: payment.Amount{Minor: 500, Currency: "XPF"}, Channel: "sms", Customer: payment.Customer{Name: "Mme Vahine", Phone: "+68987000000"}, Capture: payment.CaptureMode{Mode: "manual"}}
	plain := &payment.Instruction{Kind: payment.Request, Reference: "CW-2", Key: "k", Amount: payment.Amount{Minor: 1, Currency: "EUR"}}
	tests := []struct {
		name string
		in   *payment.Instruction
		want string
	}{
		{"full", full, `{"amount":123456,"currency":"EUR","orderId":"FA26-00412-deposit-abcdefghij","channelOptions":{"channelType":"MAIL","mailOptions":{"recipient":"compta@lefevre.example","subject":"Four \"Lefèvre\""}},` +
			`"expirationDate":"2027-01-31T23:59:59+00:00","locale":"fr_FR","description":"Four \"Lefèvre\"","paymentReceiptEmail":"compta@lefevre.example","formAction":"PAYMENT",` +
			`"transactionOptions":{"cardOptions":{"manualValidation":"NO","captureDelay":3}},"paymentMethods":["CARDS"],` +
			`"customer":{"email":"compta@lefevre.example","reference":"C00118","billingDetails":{"category":"COMPANY","legalName":"Boulangerie Lefèvre","cellPhoneNumber":"+33240112233","address":"3 rue du Four","zipCode":"44000","city":"Nantes","country":"FR","language":"fr"}},` +
			`"metadata":{"depot":"44","navette_key":"abcdefghijklmnopqrstuvwxyz234567"}}`},
		{"by SMS, validated by hand", sms, `{"amount":500,"currency":"XPF","orderId":"CW-1","channelOptions":{"channelType":"SMS","smsOptions":{"phoneNumber":"+68987000000"}},"formAction":"PAYMENT",` +
			`"transactionOptions":{"cardOptions":{"manualValidation":"YES","captureDelay":0}},"customer":{"billingDetails":{"lastName":"Mme Vahine","cellPhoneNumber":"+68987000000"}},"metadata":{"navette_key":"k"}}`},
		{"least", plain, `{"amount":1,"currency":"EUR","orderId":"CW-2","channelOptions":{"channelType":"URL"},"formAction":"PAYMENT","metadata":{"navette_key":"k"}}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if d := cmp.Diff(tt.want, string(orderBody(tt.in))); d != "" {
				t.Errorf("body (-want +got):\n%s", d)
			}
		})
	}
}

func TestOrderID(t *testing.T) {
	const key = "abcdefghijklmnopqrstuvwxyz234567"
	long := strings.Repeat("X", 70)
	tests := []struct {
		in   payment.Instruction
		want string
	}{
		{payment.Instruction{Reference: "FA26-00412"}, "FA26-00412"},
		{payment.Instruction{Reference: "FA26-00412", Part: "1"}, "FA26-00412-1-abcdefghij"},
		{payment.Instruction{Reference: "FA26-00412", Part: "solde été"}, "FA26-00412-solde--t--abcdefghij"},
		{payment.Instruction{Reference: "FA26-00412", Revision: 1}, "FA26-00412-abcdefghij"},
		{payment.Instruction{Reference: "FA26-00412", Namespace: "north"}, "FA26-00412-abcdefghij"},
		{payment.Instruction{Reference: "FA/26 00412"}, "FA-26-00412-abcdefghij"},
		{payment.Instruction{Reference: long[:64]}, long[:64]},
		{payment.Instruction{Reference: long}, long[:53] + "-abcdefghij"},
		{payment.Instruction{Reference: "FA26-9", Operation: payment.Duplicate, Kind: payment.Operate}, "FA26-9-abcdefghij"},
		{payment.Instruction{Operation: payment.Duplicate, Kind: payment.Operate}, "-abcdefghij"},
	}
	form := regexp.MustCompile(`^[A-Za-z0-9-]{1,64}$`)
	for _, tt := range tests {
		tt.in.Key = key
		if tt.in.Kind == "" {
			tt.in.Kind = payment.Request
		}
		if got := OrderID(&tt.in); got != tt.want || !form.MatchString(got) {
			t.Errorf("OrderID(%q, part %q) = %q, want %q", tt.in.Reference, tt.in.Part, got, tt.want)
		}
	}
}

func TestFits(t *testing.T) {
	_, g := openCanned(t)
	tests := []struct {
		name string
		edit func(*payment.Instruction)
		want string // key; "" fits
	}{
		{"good", func(*payment.Instruction) {}, ""},
		{"no amount", func(in *payment.Instruction) { in.Amount = payment.Amount{} }, "NV-2002.amount"},
		{"nothing", func(in *payment.Instruction) { in.Amount.Minor = 0 }, "NV-2002.amount"},
		{"less than nothing", func(in *payment.Instruction) { in.Amount.Minor = -5 }, "NV-2002.amount"},
		{"currency whose decimals are disputed", func(in *payment.Instruction) { in.Amount.Currency = "CNY" }, "NV-2002.currency"},
		{"e-mail without address", func(in *payment.Instruction) { in.Channel = "email" }, "NV-2002.email"},
		{"SMS without number", func(in *payment.Instruction) { in.Channel = "sms" }, "NV-2002.phone"},
		{"channel", func(in *payment.Instruction) { in.Channel = "pigeon" }, "NV-2002.channel"},
		{"method", func(in *payment.Instruction) { in.Method = "cheque" }, "NV-2002.method"},
		{"method as the PSP spells it", func(in *payment.Instruction) { in.Method = "IP_WIRE_INST" }, ""},
		{"method by our word", func(in *payment.Instruction) { in.Method = "sepa_debit" }, ""},
		{"captured before it is paid", func(in *payment.Instruction) { in.Capture = payment.CaptureMode{Mode: "manual", DelayDays: -3} }, "NV-2002.delay_beyond"},
		{"captured in a year", func(in *payment.Instruction) { in.Capture = payment.CaptureMode{Mode: "deferred", DelayDays: 365} }, ""},
		{"captured in more than a year", func(in *payment.Instruction) { in.Capture = payment.CaptureMode{Mode: "deferred", DelayDays: 366} }, "NV-2002.delay_beyond"},
		{"expires today", func(in *payment.Instruction) { in.ExpiresOn = "2026-11-22" }, ""},
		{"expired yesterday: told at sending, since it may be known", func(in *payment.Instruction) { in.ExpiresOn = "2026-11-21" }, ""},
		{"expires within 90 days", func(in *payment.Instruction) { in.ExpiresOn = "2027-02-19" }, ""},
		{"expires after 90 days", func(in *payment.Instruction) { in.ExpiresOn = "2027-02-20" }, "NV-2002.expiry"},
		{"expiry that is no date", func(in *payment.Instruction) { in.ExpiresOn = "soon" }, "NV-2002.expiry"},
		{"operation without a target", func(in *payment.Instruction) {
			in.Kind, in.Operation, in.Reference = payment.Operate, payment.Refund, ""
		}, "NV-2002.target"},
		{"operation on a reference the PSP cannot have: the journal may know it", func(in *payment.Instruction) {
			in.Kind, in.Operation, in.Reference = payment.Operate, payment.Refund, "é"
		}, ""},
		{"nothing to modify", func(in *payment.Instruction) {
			in.Kind, in.Operation, in.Amount = payment.Operate, payment.Modify, payment.Amount{}
		}, "NV-2002.modify"},
		{"consultation", func(in *payment.Instruction) {
			in.Kind, in.Operation, in.Amount = payment.Operate, payment.Consult, payment.Amount{}
		}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in := request()
			tt.edit(in)
			got := ""
			if why := g.Fits(in); why != nil {
				got = why.Key
				if why.In("fr") == "" || strings.Contains(why.In("fr"), "‹") {
					t.Errorf("sentence %q", why.In("fr"))
				}
			}
			if got != tt.want {
				t.Errorf("Fits = %q, want %q", got, tt.want)
			}
		})
	}
	in := request()
	in.Channel = "pigeon"
	if out, err := g.Submit(t.Context(), in); err != nil || out.Verdict != payment.VerdictRefused || out.Code != "NV-2002" || !strings.Contains(out.Message, "pigeon") {
		t.Errorf("Submit of what does not fit = %+v, %v; want refused without a call", out, err)
	}
	in = request()
	in.ExpiresOn = "2026-11-21"
	if out, err := g.Submit(t.Context(), in); err != nil || out.Verdict != payment.VerdictRefused || out.Code != "NV-2002" {
		t.Errorf("Submit of what has expired = %+v, %v; want refused without a call", out, err)
	}
}

func TestSupports(t *testing.T) {
	var g *Gateway
	for _, op := range payment.Operations {
		if !g.Supports(payment.Operate, op) || g.Supports(payment.Request, op) {
			t.Errorf("Supports(%s) is not for operations alone", op)
		}
	}
	if !g.Supports(payment.Request, "") || g.Supports(payment.Operate, "") || g.Supports(payment.Operate, "reverse") {
		t.Error("Supports: requests and the contract's operations, nothing else")
	}
}

func TestNew(t *testing.T) {
	good := Options{URL: "https://api.payzen.eu", Shop: "12345678", Mode: "test", Password: restKey}
	tests := []struct {
		name string
		edit func(*Options)
		ok   bool
	}{
		{"good", func(*Options) {}, true},
		{"a slash at the end", func(o *Options) { o.URL += "/" }, true},
		{"production", func(o *Options) { o.Mode, o.Password = "production", "prodpassword_x" }, true},
		{"test key in production", func(o *Options) { o.Mode = "production" }, false},
		{"production key in test", func(o *Options) { o.Password = "prodpassword_x" }, false},
		{"key of the old form", func(o *Options) { o.Password = "testprivatekey_x" }, false},
		{"path", func(o *Options) { o.URL += "/api-payment" }, false},
		{"query", func(o *Options) { o.URL += "?a" }, false},
		{"no URL", func(o *Options) { o.URL = "api.payzen.eu" }, false},
		{"shop", func(o *Options) { o.Shop = "1234567x" }, false},
		{"no key: to say what fits", func(o *Options) { o.Password = "" }, true},
		{"no shop", func(o *Options) { o.Shop = "" }, false},
	}
	for _, tt := range tests {
		o := good
		tt.edit(&o)
		if _, err := New(o); (err == nil) != tt.ok {
			t.Errorf("%s: New: %v, want ok %v", tt.name, err, tt.ok)
		} else if err != nil && strings.Contains(err.Error(), "SIMULATOR_KEY") {
			t.Errorf("%s: the error shows the key", tt.name)
		}
	}
}

func TestWithoutKey(t *testing.T) {
	g, err := New(Options{URL: "http://127.0.0.1:1", Shop: "12345678", Mode: "test"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := g.Submit(t.Context(), request()); !errors.Is(err, payment.ErrStopped) {
		t.Errorf("Submit: %v, want kind %v", err, payment.ErrStopped)
	}
	if err := g.Ping(t.Context()); !errors.Is(err, payment.ErrStopped) {
		t.Errorf("Ping: %v, want kind %v", err, payment.ErrStopped)
	}
	if _, _, err := g.Hook(nil, []byte(form(vector, hex.EncodeToString(sign(nil, vector)), "password", "sha256_hmac")), before26()); !errors.Is(err, gateway.ErrForged) {
		t.Errorf("Hook signed with an empty key: %v, want it forged", err)
	}
}

// FuzzAnswers: whatever a PSP answers, nothing panics, no secret shows, and only a state that is known is done.
func FuzzAnswers(f *testing.F) {
	f.Add([]byte(`{"status":"SUCCESS","answer":{"paymentOrderId":"a","paymentOrderStatus":"PAID","amount":1,"currency":"EUR","transactions":[{"uuid":"u","amount":1,"currency":"EUR","detailedStatus":"CAPTURED","operationType":"DEBIT","transactionDetails":{"cardDetails":{"captureResponse":{"refundAmount":1}}}}]}}`))
	f.Add([]byte(`{"status":"ERROR","answer":{"errorCode":"PSP_010"}}`))
	f.Add([]byte(`{"status":"SUCCESS","mode":"PRODUCTION","answer":[]}`))
	f.Add([]byte(`<p>`))
	g, err := New(Options{URL: "https://psp.example", Shop: "12345678", Mode: "test", Password: restKey})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		a := &gateway.Answer{Status: 200, Type: "application/json", Body: body}
		var o order
		if no, err := g.open(a, &o); err == nil && no == nil {
			s, err := g.snapshot(&o)
			if err == nil && (s.State == "" || s.Paid.Minor < 0 || s.Paid.Minor > 0 && s.State == payment.Open) {
				t.Errorf("snapshot of %q = %+v", body, s)
			}
			if strings.Contains(s.PaymentID+s.Link+s.TransactionID+s.Method, restKey) {
				t.Errorf("the key shows in %+v", s)
			}
		} else if no != nil {
			out, err := g.judge(request(), a, no)
			if out.Verdict == payment.VerdictDone || strings.Contains(out.Message, restKey) || err == nil && out.Verdict == payment.VerdictUnknown {
				t.Errorf("judge of %q = %+v, %v", body, out, err)
			}
		}
		var tx transaction
		if no, err := g.open(a, &tx); err == nil && no == nil {
			if out, err := g.showing(request(), &tx); err == nil && out.TransactionID == "" {
				t.Errorf("showing %q = %+v", body, out)
			}
		}
		var list orderTransactions
		if no, err := g.open(a, &list); err == nil && no == nil {
			candidates(ofOrder(&order{ID: "a"}, list.Transactions))
		}
	})
}

func FuzzOrderBody(f *testing.F) {
	f.Add("FA26-1", "label \"x\" \\ \n", "é\xff\u2028", "email", int64(123))
	f.Fuzz(func(t *testing.T, ref, label, name, channel string, minor int64) {
		in := &payment.Instruction{Kind: payment.Request, Reference: ref, Label: label, Key: "abcdefghijklmnop", Channel: channel, Amount: payment.Amount{Minor: minor, Currency: "EUR"}, Customer: payment.Customer{Name: name}}
		var got struct {
			Amount   int64
			OrderID  string            `json:"orderId"`
			Metadata map[string]string `json:"metadata"`
		}
		if err := json.Unmarshal(orderBody(in), &got); err != nil || got.Amount != minor || got.Metadata[stamp] != in.Key || len(got.OrderID) > 64 || strings.Trim(got.OrderID, "-ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789") != "" {
			t.Errorf("body of %+v: %+v, %v", in, got, err)
		}
	})
}
