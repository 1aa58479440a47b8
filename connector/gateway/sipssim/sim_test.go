package sipssim

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// ask sends one call as an integrator would write it by hand; change spoils it after it was sealed.
func ask(t *testing.T, p *PSP, path string, in fields, change func(fields)) (int, fields) {
	t.Helper()
	for k, v := range map[string]any{"keyVersion": "1", "merchantId": TestMerchant} {
		if in[k] == nil {
			in[k] = v
		}
	}
	in["seal"] = sign(sealText(in, true), TestKey)
	if change != nil {
		change(in)
	}
	b, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest("POST", "/rs-services/v2/"+path, bytes.NewReader(b))
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	p.Handler().ServeHTTP(w, r)
	var out fields
	if w.Code == http.StatusOK {
		if err := json.NewDecoder(w.Body).Decode(&out); err != nil {
			t.Fatal(err)
		}
	}
	return w.Code, out
}

func simulator(t *testing.T, o Options) *PSP {
	t.Helper()
	p, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	p.Put(Transaction{Reference: "T1", Status: "CAPTURED", Currency: "978", Amount: 1000, Current: 1000})
	return p
}

func refund(more fields) fields {
	in := fields{"interfaceVersion": "CR_WS_2.55", "transactionReference": "T1", "operationAmount": "100", "currencyCode": "978"}
	for k, v := range more {
		in[k] = v
	}
	return in
}

// The simulator is strict: a gateway that passes it has written what Sips checks.
func TestStrictness(t *testing.T) {
	for name, tt := range map[string]struct {
		o      Options
		in     fields
		change func(fields)
		code   string
		field  string
	}{
		"good":                {in: refund(nil), code: "00"},
		"wrong seal":          {in: refund(nil), change: func(f fields) { f["seal"] = "0" }, code: "34"},
		"changed afterwards":  {in: refund(nil), change: func(f fields) { f["operationAmount"] = "200" }, code: "34"},
		"other code for that": {o: Options{BadSeal: "05"}, in: refund(nil), change: func(f fields) { f["seal"] = "0" }, code: "05"},
		"no seal":             {in: refund(nil), change: func(f fields) { delete(f, "seal") }, code: "12", field: "seal"},
		"no amount":           {in: refund(nil), change: func(f fields) { delete(f, "operationAmount") }, code: "12", field: "operationAmount"},
		"key version":         {in: refund(fields{"keyVersion": "9"}), code: "12", field: "keyVersion"},
		"merchant":            {in: refund(fields{"merchantId": "123456789012345"}), code: "03", field: "merchantId"},
		"interface":           {in: refund(fields{"interfaceVersion": "DR_WS_2.9"}), code: "12", field: "interfaceVersion"},
		"reference":           {in: refund(fields{"transactionReference": "T-1"}), code: "30", field: "transactionReference"},
		"amount":              {in: refund(fields{"operationAmount": "1.00"}), code: "30", field: "operationAmount"},
		"currency":            {in: refund(fields{"currencyCode": "EUR"}), code: "30", field: "currencyCode"},
		"other currency":      {in: refund(fields{"currencyCode": "840"}), code: "12", field: "currencyCode"},
		"too much":            {in: refund(fields{"operationAmount": "1001"}), code: "51"},
		"unknown":             {in: refund(fields{"transactionReference": "T2"}), code: "25"},
		"young":               {o: Options{Lag: time.Hour}, in: refund(nil), code: "25"},
		"not active":          {o: Options{Off: []string{"refund"}}, in: refund(nil), code: "40"},
		"remittance":          {o: Options{Now: func() time.Time { return time.Date(2026, 11, 23, 21, 10, 0, 0, time.UTC) }}, in: refund(nil), code: "90"},
	} {
		t.Run(name, func(t *testing.T) {
			p := simulator(t, tt.o)
			status, out := ask(t, p, "cashManagement/refund", tt.in, tt.change)
			if status != http.StatusOK || out.text("responseCode") != tt.code || out.text("errorFieldName") != tt.field {
				t.Errorf("%d %v, want code %s, field %q", status, out, tt.code, tt.field)
			}
			if n := len(p.LedgerNow().Acts); (n == 1) != (tt.code == "00") {
				t.Errorf("%d effects", n)
			}
			if sealed := sign(sealText(out, true), TestKey) == out.text("seal"); sealed != (name != "key version") {
				t.Errorf("sealed: %v", sealed)
			}
		})
	}
}

// Every double effect is counted; nights remit and let expire.
func TestLedgerAndNights(t *testing.T) {
	p := simulator(t, Options{})
	for range 2 {
		ask(t, p, "cashManagement/refund", refund(nil), nil)
	}
	if l := p.LedgerNow(); l.Doubles != 1 || l.Calls["refund"] != 2 || l.Transactions[0].Current != 800 {
		t.Errorf("%+v, want two refunds, one of them a double", l)
	}
	p.Put(Transaction{Reference: "T2", Status: "TO_CAPTURE", Day: 1, Currency: "978", Amount: 1, Current: 1})
	p.Put(Transaction{Reference: "T3", Status: "TO_VALIDATE", Currency: "978", Amount: 1, Current: 1})
	status := func() (list []string) {
		for _, t := range p.LedgerNow().Transactions[1:] {
			list = append(list, t.Status)
		}
		return list
	}
	p.Advance(14 * time.Hour)
	if s := status(); s[0] != "TO_CAPTURE" || s[1] != "EXPIRED" {
		t.Errorf("after the first night: %v", s)
	}
	p.Advance(24 * time.Hour)
	if s := status(); s[0] != "CAPTURED" {
		t.Errorf("after the second night: %v", s)
	}
}

// A form lives a quarter of an hour, and a script plays the customers.
func TestPageAndScript(t *testing.T) {
	s, err := ParseScript([]byte("rules: [{match: \"N*\", do: nothing}, {every: 2, do: refuse}, {do: pay, after: 1s}]"))
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"pay", "refuse", "pay"} {
		if do, _, ok := s.customer("A"); !ok || do != want {
			t.Errorf("customer %d: %s, want %s", i+1, do, want)
		}
	}
	if _, _, ok := s.customer("N1"); ok {
		t.Error("who does nothing does something")
	}
	for _, bad := range []string{"rules: [{do: dance}]", "rules: [{do: pay, every: -1}]", "rules: [{do: pay, match: \"[\"}]", "x: 1", "rules: [{do: pay, whom: me}]"} {
		if _, err := ParseScript([]byte(bad)); err == nil {
			t.Errorf("%s was read", bad)
		}
	}
	p := simulator(t, Options{})
	_, out := ask(t, p, "paymentInit", fields{"interfaceVersion": "IR_WS_2.55", "transactionReference": "P1", "amount": "100", "currencyCode": "978", "orderChannel": "INTERNET", "normalReturnUrl": "https://pay.example/x"}, nil)
	if out.text("redirectionStatusCode") != "00" || out.text("redirectionData") == "" {
		t.Fatalf("%v", out)
	}
	p.Advance(16 * time.Minute)
	if _, err := p.choose(out.text("redirectionData"), "pay"); err == nil {
		t.Error("an expired form was taken")
	}
	_, used := ask(t, p, "paymentInit", fields{"interfaceVersion": "IR_WS_2.55", "transactionReference": "T1", "amount": "100", "currencyCode": "978", "orderChannel": "INTERNET", "normalReturnUrl": "https://pay.example/x"}, nil)
	if used.text("redirectionStatusCode") != "94" {
		t.Errorf("a used reference: %v", used)
	}
}

// The controls take what they say and refuse the rest.
func TestControls(t *testing.T) {
	p := simulator(t, Options{})
	post := func(path, body string) int {
		w := httptest.NewRecorder()
		p.Handler().ServeHTTP(w, httptest.NewRequest("POST", path, bytes.NewReader([]byte(body))))
		io.Copy(io.Discard, w.Body)
		return w.Code
	}
	for _, tt := range []struct {
		path, body string
		want       int
	}{
		{"/_faults", `[{"function":"refund","what":"lost"}]`, 200}, {"/_faults", `[{"what":"dance"}]`, 400}, {"/_faults", `x`, 400}, {"/_clock", `{"advance":"36h"}`, 200}, {"/_clock", `{"advance":"-1h"}`, 400},
		{"/_act", `{"reference":"T1","status":"CANCELLED"}`, 200}, {"/_act", `{"reference":"T9","status":"CANCELLED"}`, 409}, {"/_act", `{"reference":"T1","do":"pay"}`, 409}, {"/payment", ``, 410},
	} {
		if got := post(tt.path, tt.body); got != tt.want {
			t.Errorf("%s %s: %d, want %d", tt.path, tt.body, got, tt.want)
		}
	}
}

// A script tells what the account is like, for who has no other hold on the simulator.
func TestAccountByScript(t *testing.T) {
	s, err := ParseScript([]byte("{lag: 40s, off: [refund], unsealed: true}"))
	if err != nil {
		t.Fatal(err)
	}
	p := simulator(t, Options{Script: s})
	if _, out := ask(t, p, "cashManagement/refund", refund(nil), nil); out.text("responseCode") != "40" || out.text("seal") != "" {
		t.Errorf("a refund: %v, want 40 without a seal", out)
	}
	consult := fields{"interfaceVersion": "DR_WS_2.9", "transactionReference": "T1"}
	for _, want := range []string{"25", "00"} {
		if _, out := ask(t, p, "diagnostic/getTransactionData", consult, nil); out.text("responseCode") != want {
			t.Errorf("a consultation: %v, want %s", out, want)
		}
		p.Advance(time.Minute)
	}
	for _, bad := range []string{"off: [payment]", "lag: -1s"} {
		if _, err := ParseScript([]byte(bad)); err == nil {
			t.Errorf("%s was taken", bad)
		}
	}
}
