package lyrasim

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

const day = 24 * time.Hour

func morning() time.Time { return time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC) }

// shop calls the simulator as a merchant's program would.
type shop struct {
	*PSP
	t   *testing.T
	url string
	key string
}

func open(t *testing.T, o Options) *shop {
	t.Helper()
	if o.Now == nil {
		o.Now = morning
	}
	s := &shop{PSP: New(o), t: t, key: DefaultPassword}
	srv := httptest.NewServer(s.Handler())
	t.Cleanup(srv.Close)
	s.url = srv.URL
	return s
}

// call gives the HTTP status, the error code ("" for a success) and the answer.
func (s *shop) call(service, body string) (status int, code string, answer map[string]any) {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.url+"/api-payment/V4/"+service, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	req.SetBasicAuth(DefaultShop, s.key)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	var e struct {
		Status string
		Mode   string
		Answer map[string]any
	}
	if err := json.NewDecoder(resp.Body).Decode(&e); err != nil {
		s.t.Fatalf("%s: %v", service, err)
	}
	code, _ = e.Answer["errorCode"].(string)
	if (code == "") != (e.Status == "SUCCESS") {
		s.t.Fatalf("%s: status %s with code %q", service, e.Status, code)
	}
	return resp.StatusCode, code, e.Answer
}

func (s *shop) code(service, body string) string {
	s.t.Helper()
	_, code, _ := s.call(service, body)
	return code
}

func (s *shop) create(ref, more string) string {
	s.t.Helper()
	_, code, a := s.call("Charge/CreatePaymentOrder", `{"amount":10000,"currency":"EUR","orderId":"`+ref+`"`+more+`}`)
	if code != "" {
		s.t.Fatalf("create %s: %s", ref, code)
	}
	return a["paymentOrderId"].(string)
}

// pay has an order paid and gives the transaction.
func (s *shop) pay(order string) string {
	s.t.Helper()
	if !s.Act(Deed{PaymentOrderID: order, Do: "pay"}) {
		s.t.Fatalf("order %s cannot be paid", order)
	}
	list := s.Ledger().Transactions
	return list[len(list)-1].UUID
}

func (s *shop) detailed(tx string) string {
	s.t.Helper()
	_, code, a := s.call("Transaction/Get", `{"uuid":"`+tx+`"}`)
	if code != "" {
		return code
	}
	return a["detailedStatus"].(string)
}

// TestEnvelope: HTTP says 200 whatever happens; who one is and what one asks for is told in the envelope.
func TestEnvelope(t *testing.T) {
	s := open(t, Options{ProdPassword: "prodpassword_x"})
	tests := []struct{ name, key, service, body, want string }{
		{"probe", DefaultPassword, "Charge/SDKTest", `{"value":"x"}`, ""},
		{"wrong key", "testpassword_other", "Charge/SDKTest", `{"value":"x"}`, "INT_905"},
		{"no such service", DefaultPassword, "Charge/Nothing", `{}`, "INT_901"},
		{"the capture of another continent", DefaultPassword, "Transaction/Capture", `{}`, "INT_901"},
		{"no JSON", DefaultPassword, "Charge/SDKTest", `{`, "INT_902"},
		{"a field nobody knows", DefaultPassword, "Charge/SDKTest", `{"valeur":"x"}`, "INT_902"},
		{"production", "prodpassword_x", "Charge/SDKTest", `{"value":"x"}`, ""},
	}
	for _, tt := range tests {
		s.key = tt.key
		if status, code, _ := s.call(tt.service, tt.body); status != 200 || code != tt.want {
			t.Errorf("%s: HTTP %d, %q; want 200, %q", tt.name, status, code, tt.want)
		}
	}
	s.key = DefaultPassword
	id := s.create("A", "")
	s.key = "prodpassword_x"
	if got := s.code("Charge/PaymentOrder/Get", `{"paymentOrderId":"`+id+`"}`); got != "PSP_010" {
		t.Errorf("a test order seen in production: %q, want PSP_010", got)
	}
}

// TestCreate: what a payment order must have.
func TestCreate(t *testing.T) {
	s := open(t, Options{})
	s.create("TAKEN", `,"channelOptions":{"channelType":"INVOICE"}`)
	tests := []struct{ name, body, want string }{
		{"least", `{"amount":1,"currency":"EUR"}`, ""},
		{"no amount", `{"currency":"EUR"}`, "INT_009"},
		{"zero", `{"amount":0,"currency":"EUR"}`, "INT_009"},
		{"a currency without agreement", `{"amount":1,"currency":"USD"}`, "PSP_610"},
		{"by mail", `{"amount":1,"currency":"EUR","channelOptions":{"channelType":"MAIL","mailOptions":{"recipient":"a@b.example","subject":"s"}}}`, ""},
		{"by mail to nobody", `{"amount":1,"currency":"EUR","channelOptions":{"channelType":"MAIL"}}`, "INT_902"},
		{"by mail without a subject", `{"amount":1,"currency":"EUR","channelOptions":{"channelType":"MAIL","mailOptions":{"recipient":"a@b.example"}}}`, "INT_902"},
		{"by SMS to nobody", `{"amount":1,"currency":"EUR","channelOptions":{"channelType":"SMS"}}`, "INT_902"},
		{"by pigeon", `{"amount":1,"currency":"EUR","channelOptions":{"channelType":"PIGEON"}}`, "INT_902"},
		{"an invoice twice", `{"amount":1,"currency":"EUR","orderId":"TAKEN","channelOptions":{"channelType":"INVOICE"}}`, "INT_902"},
		{"expires in 90 days", `{"amount":1,"currency":"EUR","expirationDate":"2027-02-20T08:59:59+00:00"}`, ""},
		{"expires in more", `{"amount":1,"currency":"EUR","expirationDate":"2027-02-20T09:00:01+00:00"}`, "INT_902"},
		{"has expired", `{"amount":1,"currency":"EUR","expirationDate":"2026-11-22T08:59:59+00:00"}`, "INT_902"},
		{"customer's e-mail", `{"amount":1,"currency":"EUR","customer":{"email":"nobody"}}`, "INT_015"},
		{"long reference", `{"amount":1,"currency":"EUR","orderId":"` + strings.Repeat("x", 65) + `"}`, "INT_902"},
	}
	for _, tt := range tests {
		if got := s.code("Charge/CreatePaymentOrder", tt.body); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

// TestNothingIsDeduplicated: a naive repetition is a second effect, and the ledger shows it.
func TestNothingIsDeduplicated(t *testing.T) {
	s := open(t, Options{})
	const key = "abcdefghijklmnopqrstuvwxyz234567"
	more := `,"metadata":{"navette_key":"` + key + `"}`
	if a, b := s.create("A", more), s.create("A", more); a == b {
		t.Error("the same order twice is one order")
	}
	if l := s.Ledger(); l.Orders != 2 || l.Doubled != 1 || l.Keys[key].Effects != 2 || l.Keys[key].Arrivals != 2 || len(l.Keys[key].Bodies) != 1 {
		t.Errorf("ledger %+v, want two orders under one key", l)
	}
	tx := s.pay(s.create("B", ""))
	s.Advance(day)
	for range 2 {
		if got := s.code("Transaction/Refund", `{"uuid":"`+tx+`","amount":100,"currency":"EUR","comment":"navette zyxwvutsrqponmlkjihgfedcba765432 x"}`); got != "" {
			t.Fatalf("refund: %s", got)
		}
		if got := s.code("Transaction/Duplicate", `{"uuid":"`+tx+`","amount":100,"currency":"EUR","orderId":"C"}`); got != "" {
			t.Fatalf("duplicate: %s", got)
		}
	}
	if l := s.Ledger(); l.Credits != 2 || l.Debits != 3 || l.Doubled != 2 || l.Unkeyed != 3 {
		t.Errorf("%d credits, %d debits, %d doubled, %d without a stamp; want 2, 3, 2, 3", l.Credits, l.Debits, l.Doubled, l.Unkeyed)
	}
}

// TestOrderGet: nothing is found before somebody has tried to pay, and too much is told as such.
func TestOrderGet(t *testing.T) {
	s := open(t, Options{})
	id := s.create("A", "")
	get := func() string { return s.code("Order/Get", `{"orderId":"A"}`) }
	if got := get(); got != "PSP_010" {
		t.Errorf("before anybody pays: %q, want PSP_010", got)
	}
	for range 30 {
		s.Act(Deed{PaymentOrderID: id, Do: "fail"})
	}
	if got := get(); got != "" {
		t.Errorf("thirty attempts: %q, want them", got)
	}
	s.Act(Deed{PaymentOrderID: id, Do: "pay"})
	if got := get(); got != "PSP_015" {
		t.Errorf("thirty-one: %q, want PSP_015", got)
	}
	if got := s.code("Order/Get", `{"orderId":"A","operationType":"CREDIT"}`); got != "PSP_010" {
		t.Errorf("its credits: %q, want PSP_010", got)
	}
}

// TestOrders: statuses by the clock; update and cancel only while it runs.
func TestOrders(t *testing.T) {
	s := open(t, Options{})
	status := func(id string) string {
		_, _, a := s.call("Charge/PaymentOrder/Get", `{"paymentOrderId":"`+id+`"}`)
		return fmt.Sprint(a["paymentOrderStatus"])
	}
	cancel := func(id string) string {
		return s.code("Charge/PaymentOrder/Cancel", `{"paymentOrderId":"`+id+`","comment":""}`)
	}
	update := func(id string) string {
		return s.code("Charge/PaymentOrder/Update", `{"paymentOrderId":"`+id+`","amount":5,"currency":"EUR"}`)
	}
	running, gone, paid, refused, cancelled := s.create("A", ""), s.create("B", `,"expirationDate":"2026-11-23T00:00:00+00:00"`), s.create("C", ""), s.create("D", ""), s.create("E", "")
	s.pay(paid)
	s.Act(Deed{PaymentOrderID: refused, Do: "refuse"})
	if got := cancel(cancelled); got != "" {
		t.Errorf("cancel: %q", got)
	}
	s.Advance(day)
	for id, want := range map[string][3]string{running: {"RUNNING", "", ""}, gone: {"EXPIRED", "PSP_503", "PSP_503"}, paid: {"PAID", "PSP_503", "PSP_503"}, refused: {"REFUSED", "PSP_503", "PSP_503"}, cancelled: {"CANCELED", "PSP_503", "PSP_105"}} {
		if got := [3]string{status(id), update(id), cancel(id)}; got != want {
			t.Errorf("status, update and cancel = %q, want %q", got, want)
		}
	}
	if s.Act(Deed{PaymentOrderID: gone, Do: "pay"}) {
		t.Error("an expired order is paid")
	}
}

// TestTransactions: the state machine by the clock, and exactly the errors of illegal moves.
func TestTransactions(t *testing.T) {
	const manual, late, both = `,"transactionOptions":{"cardOptions":{"manualValidation":"YES"}}`, `,"transactionOptions":{"cardOptions":{"captureDelay":20}}`, `,"transactionOptions":{"cardOptions":{"manualValidation":"YES","captureDelay":20}}`
	type step struct {
		wait       time.Duration
		call, want string // service and code; "" only time passes
		stands     string
	}
	tests := []struct {
		name, more string
		steps      []step
	}{
		{"captured in the evening", "", []step{{stands: "AUTHORISED"}, {wait: 10 * time.Hour, stands: "AUTHORISED"}, {call: "Refund 100", want: "PSP_076", stands: "AUTHORISED"}, {wait: time.Hour, stands: "CAPTURED"},
			{call: "Cancel", want: "PSP_075", stands: "CAPTURED"}, {call: "Validate", want: "PSP_503", stands: "CAPTURED"}, {call: "Update 5000", want: "PSP_011", stands: "CAPTURED"}}},
		{"cancelled", "", []step{{call: "Cancel", stands: "CANCELLED"}, {call: "Cancel", want: "PSP_105", stands: "CANCELLED"}, {call: "Refund 100", want: "PSP_503", stands: "CANCELLED"}, {wait: day, stands: "CANCELLED"}}},
		{"lowered, never raised", "", []step{{call: "Update 5000", stands: "AUTHORISED"}, {call: "Update 5001", want: "PSP_510", stands: "AUTHORISED"}, {call: "Update 0", want: "INT_009", stands: "AUTHORISED"}}},
		{"validated", manual, []step{{stands: "AUTHORISED_TO_VALIDATE"}, {wait: day, stands: "AUTHORISED_TO_VALIDATE"}, {call: "Validate", stands: "AUTHORISED"}, {call: "Validate", want: "PSP_503", stands: "AUTHORISED"}, {wait: day, stands: "CAPTURED"}}},
		{"never validated", manual, []step{{wait: 7 * day, stands: "EXPIRED"}, {call: "Validate", want: "PSP_503", stands: "EXPIRED"}, {call: "Cancel", want: "PSP_503", stands: "EXPIRED"}}},
		{"authorised on the eve", late, []step{{stands: "WAITING_AUTHORISATION"}, {wait: 19*day - time.Minute, stands: "WAITING_AUTHORISATION"}, {wait: time.Minute, stands: "AUTHORISED"}, {wait: 2 * day, stands: "CAPTURED"}}},
		{"delayed and validated", both, []step{{stands: "WAITING_AUTHORISATION_TO_VALIDATE"}, {call: "Validate", stands: "WAITING_AUTHORISATION"}}},
		{"delayed and never validated", both, []step{{wait: 20 * day, stands: "EXPIRED"}}},
		{"refunded", "", []step{{wait: day, stands: "CAPTURED"}, {call: "Refund 10001", want: "PSP_510", stands: "CAPTURED"}, {call: "Refund 4000", stands: "CAPTURED"}, {call: "Refund 6001", want: "PSP_511", stands: "CAPTURED"},
			{call: "Refund 6000", stands: "CAPTURED"}, {call: "Refund 1", want: "PSP_104", stands: "CAPTURED"}}},
		{"cancelled or refunded", "", []step{{call: "CancelOrRefund 10000", stands: "CANCELLED"}}},
		{"refunded or cancelled", "", []step{{wait: day, call: "CancelOrRefund 10000", stands: "CAPTURED"}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := open(t, Options{})
			tx := s.pay(s.create("A", tt.more))
			for i, st := range tt.steps {
				s.Advance(st.wait)
				if st.call != "" {
					name, amount, with := strings.Cut(st.call, " ")
					body := `{"uuid":"` + tx + `","comment":""`
					switch {
					case name == "Update":
						body += `,"cardUpdate":{"amount":` + amount + `,"currency":"EUR"}`
					case with:
						body += `,"amount":` + amount + `,"currency":"EUR"`
					}
					if got := s.code("Transaction/"+name, body+"}"); got != st.want {
						t.Errorf("step %d, %s: %q, want %q", i, st.call, got, st.want)
					}
				}
				if got := s.detailed(tx); got != st.stands {
					t.Errorf("step %d: %s, want %s", i, got, st.stands)
				}
			}
		})
	}
	s := open(t, Options{})
	id := s.create("A", "")
	tx := s.pay(id)
	s.Advance(day)
	if !s.Act(Deed{PaymentOrderID: id, Do: "charge_back"}) {
		t.Fatal("no charge-back")
	}
	if got := s.code("Transaction/Refund", `{"uuid":"`+tx+`","amount":1,"currency":"EUR"}`); got != "PSP_083" {
		t.Errorf("refund of a charge-back: %q, want PSP_083", got)
	}
	if got := s.code("Transaction/Get", `{"uuid":"nobody"}`); got != "PSP_010" {
		t.Errorf("a transaction nobody knows: %q, want PSP_010", got)
	}
}

// TestLate: an effect may come after the connection was cut, but never a stranger's.
func TestLate(t *testing.T) {
	s := open(t, Options{Faults: Faults{Next: []Fault{Late, Late}, Delay: Duration(time.Minute)}})
	for _, key := range []string{DefaultPassword, "testpassword_other"} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/api-payment/V4/Charge/CreatePaymentOrder", strings.NewReader(`{"amount":1,"currency":"EUR"}`))
		if err != nil {
			t.Fatal(err)
		}
		req.SetBasicAuth(DefaultShop, key)
		if resp, err := http.DefaultClient.Do(req); err == nil {
			resp.Body.Close()
			t.Fatal("the call was answered")
		}
	}
	if n := s.Ledger().Orders; n != 0 {
		t.Errorf("%d orders at once, want none", n)
	}
	s.Advance(time.Minute)
	if n := s.Ledger().Orders; n != 1 {
		t.Errorf("%d orders a minute later, want one", n)
	}
}

// TestNotifications: signed over the exact text, tried four times at the quarters of an hour, as they come.
func TestNotifications(t *testing.T) {
	var mu sync.Mutex
	var got []url.Values
	answer := 500
	merchant := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		v, _ := url.ParseQuery(string(b))
		mu.Lock()
		defer mu.Unlock()
		got = append(got, v)
		w.WriteHeader(answer)
	}))
	defer merchant.Close()
	s := open(t, Options{Hook: Hook{URL: merchant.URL}})
	s.pay(s.create("A", ""))
	pump := func(want int) {
		t.Helper()
		_, _ = s.Pump(context.Background()) // refused ones are errors of it
		mu.Lock()
		defer mu.Unlock()
		if len(got) != want {
			t.Errorf("%d deliveries, want %d", len(got), want)
		}
	}
	pump(1)
	pump(1)                     // not before the quarter
	s.Advance(14 * time.Minute) // 9:14
	pump(1)
	s.Advance(time.Minute)
	pump(2)
	for n := 3; n < 6; n++ {
		s.Advance(15 * time.Minute)
		pump(min(n, 4))
	}
	for _, v := range got {
		if want := s.Form(v.Get("kr-answer")); v.Encode() != want.Encode() {
			t.Errorf("form %v, want %v", v, want)
		}
		if !strings.Contains(v.Get("kr-answer"), `"paymentOrderId"`) || !strings.Contains(v.Get("kr-answer"), `"detailedStatus":"AUTHORISED"`) {
			t.Errorf("kr-answer %s", v.Get("kr-answer"))
		}
	}
	answer = 307 // as good as 200
	s.pay(s.create("B", ""))
	pump(5)
	s.Advance(time.Hour)
	pump(5)
}

func TestScript(t *testing.T) {
	for _, bad := range []string{"rule: []", "rules: [{after: soon}]", "rules: [{match: '['}]", "rules: [{after: -1s}]"} {
		if _, err := ParseScript([]byte(bad)); err == nil {
			t.Errorf("ParseScript(%q) takes it", bad)
		}
	}
	script, err := ParseScript([]byte(`rules: [{match: "R*", after: 1m, fail: "05", final: true}, {nth: 2, after: 1m, fail: "51", then: [{after: 1m, pay: true}]}, {every: 3, pay: true}]`))
	if err != nil {
		t.Fatal(err)
	}
	s := open(t, Options{Script: script})
	first, second, third, refused := s.create("A", ""), s.create("B", ""), s.create("C", ""), s.create("R-1", "")
	s.Advance(2 * time.Minute)
	for id, want := range map[string]string{first: "RUNNING", second: "PAID", third: "PAID", refused: "REFUSED"} {
		if _, _, a := s.call("Charge/PaymentOrder/Get", `{"paymentOrderId":"`+id+`"}`); a["paymentOrderStatus"] != want {
			t.Errorf("%s is %v, want %s", a["orderId"], a["paymentOrderStatus"], want)
		}
	}
	if n := s.Ledger().Debits; n != 4 {
		t.Errorf("%d attempts, want 4", n)
	}
}

// TestControl: the clock, faults, deeds, notifications and the customer's page over HTTP.
func TestControl(t *testing.T) {
	s := open(t, Options{})
	id := s.create("A", "")
	post := func(path, body string, want int) {
		t.Helper()
		resp, err := http.Post(s.url+path, "application/x-www-form-urlencoded", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("POST %s %s: %d, want %d", path, body, resp.StatusCode, want)
		}
	}
	page := func() string {
		resp, err := http.Get(s.url + "/pay/" + id)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, _ := io.ReadAll(resp.Body)
		return string(b)
	}
	if !strings.Contains(page(), "<button") {
		t.Error("an open order's page has no button")
	}
	post("/pay/"+id, "do=pay", http.StatusOK)
	if strings.Contains(page(), "<button") {
		t.Error("a paid order's page still has a button")
	}
	post("/_act", `{"orderId":"A","do":"pay"}`, http.StatusConflict)
	post("/_act", `{"orderId":"A","what":"pay"}`, http.StatusBadRequest)
	post("/_clock", `{"advance":"24h"}`, http.StatusOK)
	if list := s.Ledger().Transactions; len(list) != 1 || list[0].Status != "CAPTURED" {
		t.Errorf("transactions %+v, want one, captured", list)
	}
	post("/_clock", `{"advance":"-24h"}`, http.StatusBadRequest)
	post("/_faults", `{"next":["lost"],"reads":"503"}`, http.StatusOK)
	post("/_faults", `{"next":["unheard of"]}`, http.StatusUnprocessableEntity)
	post("/_ipn", `{"orderId":"A"}`, http.StatusNoContent)
	if f := s.FaultsNow(); len(f.Next) != 1 || f.Reads != "503" {
		t.Errorf("faults %+v", f)
	}
}

// FuzzServe: whatever is posted, the simulator answers with an envelope.
func FuzzServe(f *testing.F) {
	f.Add("Charge/CreatePaymentOrder", `{"amount":1,"currency":"EUR","expirationDate":"2026-12-01T00:00:00+00:00"}`)
	f.Add("Transaction/Update", `{"uuid":"x","cardUpdate":{"amount":1,"currency":"EUR"}}`)
	f.Add("Order/Get", `[]`)
	p := New(Options{Now: morning})
	h := p.Handler()
	f.Fuzz(func(t *testing.T, service, body string) {
		r := httptest.NewRequest(http.MethodPost, "/api-payment/V4/x", strings.NewReader(body))
		r.URL.Path = "/api-payment/V4/" + service
		r.SetBasicAuth(DefaultShop, DefaultPassword)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code == http.StatusOK && !json.Valid(w.Body.Bytes()) {
			t.Errorf("%s %q: %q", service, body, w.Body)
		}
	})
}
