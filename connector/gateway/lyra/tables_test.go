package lyra

import (
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
	restKey = "testpassword_NAVETTE_SIMULATOR_KEY"
	hmacKey = "38-simulator-return-key"
)

// canned is a PSP that says one thing to everything.
type canned struct {
	status int
	kind   string
	body   string
}

func (c *canned) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	w.Header().Set("Content-Type", c.kind)
	w.WriteHeader(c.status)
	_, _ = io.WriteString(w, c.body)
}

func (c *canned) say(status, answer string) {
	c.status, c.kind = 200, "application/json"
	c.body = `{"webService":"x","version":"V4","status":"` + status + `","answer":` + answer + `,"mode":"TEST","_type":"V4/WebService/Response"}`
}

func (c *canned) fault(code, detail string) {
	c.say("ERROR", `{"errorCode":"`+code+`","errorMessage":"words","detailedErrorCode":`+detail+`,"detailedErrorMessage":null,"_type":"V4/WebService/WebServiceError"}`)
}

func before26() time.Time { return time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC) }

func openCanned(t testing.TB) (*canned, *Gateway) {
	t.Helper()
	c := &canned{}
	srv := httptest.NewServer(c)
	t.Cleanup(srv.Close)
	g, err := New(Options{URL: srv.URL, Shop: "12345678", Mode: "test", Password: restKey, HMACKey: hmacKey, Name: "psp", Lang: "fr", HTTP: gateway.Options{Now: before26}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.Close)
	return c, g
}

func request() *payment.Instruction {
	in := &payment.Instruction{Kind: payment.Request, Account: "lyra:12345678:test", Reference: "FA-2026-0042", Amount: payment.Amount{Minor: 12050, Currency: "EUR"}, Label: "Facture 42", Channel: "link"}
	in.Key = payment.NewKey(in)
	return in
}

// TestCodes holds every row of the outcome table against what the facts say of the code: what it means for an act, and for
// a read.
func TestCodes(t *testing.T) {
	const (
		no    = "refused NV-2001"
		gone  = "refused NV-2001 absent" // for a read: there is none
		stop  = "stopped NV-2103"
		wrong = "stopped NV-2104"
		wait  = "later NV-2105"
		lost  = "uncertain NV-2101"
	)
	want := map[string]string{
		"INT_905": stop, "INT_901": wrong, "INT_902": no, "INT_009": no, "INT_015": no, "INT_016": no, "INT_030": no, "INT_064": no, "INT_069": no, "INT_999": lost,
		"PSP_001": no, "PSP_002": no, "PSP_003": no, "PSP_010": gone, "PSP_011": no, "PSP_503": no, "PSP_015": no,
		"PSP_030": no, "PSP_031": no, "PSP_561": no, "PSP_607": no, "PSP_032": no, "PSP_033": no, "PSP_563": no, "PSP_564": no, "PSP_565": no, "PSP_566": no, "PSP_567": no,
		"PSP_042": no, "PSP_075": no, "PSP_076": no, "PSP_083": no, "PSP_099": wait, "PSP_106": wait, "PSP_100": stop, "PSP_101": no, "PSP_104": no, "PSP_105": no,
		"PSP_108": no, "PSP_136": no, "PSP_649": no, "PSP_109": stop, "PSP_202": no, "PSP_508": no, "PSP_112": no,
		"PSP_023": no, "PSP_024": no, "PSP_026": no, "PSP_509": no, "PSP_526": no, "PSP_527": no, "PSP_528": no, "PSP_529": no, "PSP_530": no, "PSP_531": no, "PSP_532": no, "PSP_533": no,
		"PSP_203": no, "PSP_204": no, "PSP_205": no, "PSP_536": no, "PSP_539": no, "PSP_510": no, "PSP_511": no, "PSP_610": no,
		"PSP_999": lost, "PSP_513": lost, "PSP_514": lost, "PSP_515": lost, "PSP_516": lost, "PSP_525": lost, "PSP_538": lost, "PSP_540": lost, "PSP_541": lost,
		"ACQ_999": lost, "AUTH_999": lost, "ACQ_001": no,
	}
	for code := range codes() {
		if want[code] == "" {
			t.Errorf("%s is in the table and not in its test", code)
		}
	}
	for _, unknown := range []string{"PSP_777", "ACQ_777", "AUTH_001", "NEW_001", "x"} { // may have acted
		want[unknown] = lost
	}
	want["INT_777"] = no // our own message, before anything was done with it
	c, g := openCanned(t)
	in := request()
	for code, w := range want {
		c.fault(code, `"51"`)
		out, err := g.Submit(t.Context(), in)
		got := map[payment.Verdict]string{payment.VerdictRefused: "refused ", payment.VerdictRetry: "later "}[out.Verdict]
		switch {
		case errors.Is(err, payment.ErrStopped):
			got = "stopped "
		case errors.Is(err, payment.ErrUncertain):
			got = "uncertain "
		}
		if got += out.Code; got != strings.TrimSuffix(w, " absent") {
			t.Errorf("%s of a submit: %s, want %s", code, got, w)
		}
		if !strings.Contains(out.Message, "["+code+"] words (51)") || out.Verdict == payment.VerdictRefused && !strings.HasPrefix(out.Message, "["+code+"]") {
			t.Errorf("%s: message %q, want the PSP's code in front of its words", code, out.Message)
		}
		_, err = g.Read(t.Context(), &payment.Instruction{PaymentID: "1"})
		kind := payment.ErrUncertain // asked again
		switch w {
		case stop, wrong:
			kind = payment.ErrStopped
		case gone:
			kind = payment.ErrUnknown
		}
		if !errors.Is(err, kind) {
			t.Errorf("%s of a read: %v, want kind %v", code, err, kind)
		}
		_, err = g.Lookup(t.Context(), in)
		switch w {
		case stop, wrong:
			kind = payment.ErrStopped
		case wait, lost:
			kind = payment.ErrUncertain
		default:
			kind = payment.ErrUnsupported
		}
		if !errors.Is(err, kind) || errors.Is(err, payment.ErrUnknown) {
			t.Errorf("%s of a look-up: %v, want kind %v", code, err, kind)
		}
	}
}

// TestStatuses holds every row of the table of transaction statuses: alone on a paid order it makes this of the request.
func TestStatuses(t *testing.T) {
	want := map[string]payment.State{
		"INITIAL": payment.Open, "WAITING_FOR_PAYMENT": payment.Open, "UNDER_VERIFICATION": payment.Open, "SUSPENDED": payment.Open, "PENDING": payment.Open,
		"WAITING_AUTHORISATION": payment.Open, "PRE_AUTHORISED": payment.Open, "REFUND_TO_RETRY": payment.Open, "ACCEPTED": payment.Open,
		"AUTHORISED_TO_VALIDATE": payment.Authorised, "WAITING_AUTHORISATION_TO_VALIDATE": payment.Authorised,
		"AUTHORISED": payment.Paid, "PARTIALLY_AUTHORISED": payment.Paid, "CAPTURED": payment.Settled, "CAPTURE_FAILED": payment.Refused,
		"CANCELLED": payment.Cancelled, "CANCELED": payment.Cancelled, "EXPIRED": payment.Expired,
		"REFUSED": payment.Open, "ERROR": payment.Open, "ABANDONED": payment.Open, "NOT_CREATED": payment.Open,
	}
	_, g := openCanned(t)
	amount := int64(12050)
	for name := range statuses() {
		if want[name] == "" {
			t.Errorf("%s is in the table and not in its test", name)
		}
	}
	show := func(name, validation string) (payment.Snapshot, error) {
		tx := transaction{UUID: "u", Amount: &amount, Currency: "EUR", Detailed: loose(name), Operation: "DEBIT"}
		tx.Details.Card.Validation = loose(validation)
		return g.snapshot(&order{ID: "o", Status: "PAID", Amount: &amount, Currency: "EUR", Transactions: []transaction{tx}})
	}
	for name, state := range want {
		s, err := show(name, "YES")
		if err != nil || s.State != state {
			t.Errorf("%s: state %q, %v; want %q", name, s.State, err, state)
		}
		if moved := s.State == payment.Paid || s.State == payment.Settled; moved != (s.Paid.Minor == amount) {
			t.Errorf("%s: paid %v in state %q", name, s.Paid, s.State)
		}
	}
	if s, err := show("CANCELLED", "NO"); err != nil || s.State != payment.Refunded { // it was paid once
		t.Errorf("cancelled after it was paid: state %q, %v; want refunded", s.State, err)
	}
	if s, err := show("QUANTUM", "NO"); !errors.Is(err, payment.ErrUncertain) {
		t.Errorf("a status nobody knows: %+v, %v; want an error", s, err)
	}
}

func TestOrderStates(t *testing.T) {
	want := map[string]payment.State{"RUNNING": payment.Open, "PAID": payment.Paid, "REFUSED": payment.Refused, "EXPIRED": payment.Expired, "CANCELED": payment.Cancelled, "CANCELLED": payment.Cancelled}
	if d := cmp.Diff(want, orderStates()); d != "" {
		t.Errorf("states of payment orders (-want +got):\n%s", d)
	}
}

// TestMoney: what several transactions of one order amount to.
func TestMoney(t *testing.T) {
	_, g := openCanned(t)
	tx := func(id, op, detailed, parent string, minor int64) transaction {
		x := transaction{UUID: loose(id), Amount: &minor, Currency: "EUR", Detailed: loose(detailed), Operation: loose(op)}
		x.Details.Parent, x.Details.Card.Validation = loose(parent), "NO"
		return x
	}
	debit := func(id, detailed string, minor int64) transaction { return tx(id, "DEBIT", detailed, "", minor) }
	credit := func(id, detailed string, minor int64) transaction { return tx(id, "CREDIT", detailed, "a", minor) }
	refunded := debit("a", "CAPTURED", 10000)
	back := int64(3000)
	refunded.Details.Card.Capture.Refunded = &back
	foreign := debit("a", "CAPTURED", 10000)
	foreign.Currency = "USD"
	tests := []struct {
		name, status string
		list         []transaction
		state        payment.State
		paid         int64
		tx           string
	}{
		{"running without any", "RUNNING", nil, payment.Open, 0, ""},
		{"refused, then paid", "PAID", []transaction{debit("r", "REFUSED", 10000), debit("a", "AUTHORISED", 10000)}, payment.Paid, 10000, "a"},
		{"paid in two, one remitted", "PAID", []transaction{debit("a", "CAPTURED", 4000), debit("b", "AUTHORISED", 6000)}, payment.Paid, 10000, "a"},
		{"a part of a running order", "RUNNING", []transaction{debit("a", "CAPTURED", 4000)}, payment.PartiallyPaid, 4000, "a"},
		{"running, to be validated", "RUNNING", []transaction{debit("a", "AUTHORISED_TO_VALIDATE", 10000)}, payment.Authorised, 0, "a"},
		{"captured for less", "PAID", []transaction{debit("a", "CAPTURED", 7000)}, payment.Settled, 7000, "a"},
		{"refunded in part, credit listed", "PAID", []transaction{debit("a", "CAPTURED", 10000), credit("c", "AUTHORISED", 3000)}, payment.PartiallyRefunded, 7000, "a"},
		{"refunded in part, told by the debit", "PAID", []transaction{refunded}, payment.PartiallyRefunded, 7000, "a"},
		{"refunded in part, told twice", "PAID", []transaction{refunded, credit("c", "CAPTURED", 3000)}, payment.PartiallyRefunded, 7000, "a"},
		{"a credit that was refused", "PAID", []transaction{debit("a", "CAPTURED", 10000), credit("c", "REFUSED", 3000)}, payment.Settled, 10000, "a"},
		{"a credit still to be tried", "PAID", []transaction{debit("a", "CAPTURED", 10000), credit("c", "REFUND_TO_RETRY", 3000)}, payment.Settled, 10000, "a"},
		{"refunded whole, in two", "PAID", []transaction{debit("a", "CAPTURED", 10000), credit("c", "CAPTURED", 3000), credit("d", "AUTHORISED", 7000)}, payment.Refunded, 0, "a"},
		{"voided, then paid anew", "PAID", []transaction{debit("a", "CANCELLED", 10000), debit("b", "AUTHORISED", 10000)}, payment.Paid, 10000, "b"},
		{"a verification", "PAID", []transaction{tx("v", "VERIFICATION", "ACCEPTED", "", 0)}, payment.Open, 0, ""},
		{"expired order with a failed attempt", "EXPIRED", []transaction{debit("r", "REFUSED", 10000)}, payment.Expired, 0, "r"},
		{"cancelled order", "CANCELLED", nil, payment.Cancelled, 0, ""},
		{"another currency", "PAID", []transaction{foreign}, "", 0, ""},
		{"an order status nobody knows", "QUANTUM", nil, "", 0, ""},
	}
	asked := int64(10000)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, err := g.snapshot(&order{ID: "o", Status: loose(tt.status), Amount: &asked, Currency: "EUR", Transactions: tt.list})
			if tt.state == "" {
				if !errors.Is(err, payment.ErrUncertain) {
					t.Errorf("snapshot %+v, %v; want an error", s, err)
				}
				return
			}
			if err != nil || s.State != tt.state || s.Paid.Minor != tt.paid || s.TransactionID != tt.tx {
				t.Errorf("state %q, paid %d, transaction %q, error %v; want %q, %d, %q", s.State, s.Paid.Minor, s.TransactionID, err, tt.state, tt.paid, tt.tx)
			}
		})
	}
}

// TestAnswers: what is no clear answer is doubt, and what is not the PSP's stops the gateway.
func TestAnswers(t *testing.T) {
	const good = `{"paymentOrderId":"abc","paymentOrderStatus":"RUNNING","paymentURL":"https://p.example/1","amount":12050,"currency":"EUR","orderId":"FA-2026-0042","_type":"V4/PaymentOrder"}`
	c, g := openCanned(t)
	tests := []struct {
		name  string
		set   func()
		state payment.State
		kind  error
		code  string
	}{
		{"good", func() { c.say("SUCCESS", good) }, payment.Open, nil, ""},
		{"cancelled at once", func() { c.say("SUCCESS", strings.Replace(good, "RUNNING", "CANCELED", 1)) }, payment.Cancelled, nil, ""},
		{"the other mode", func() { c.say("SUCCESS", good); c.body = strings.Replace(c.body, "TEST", "PRODUCTION", 1) }, "", payment.ErrUncertain, "NV-2107"},
		{"a status nobody knows", func() { c.say("SUCCESS", strings.Replace(good, "RUNNING", "QUANTUM", 1)) }, "", payment.ErrUncertain, "NV-2107"},
		{"no id", func() { c.say("SUCCESS", strings.Replace(good, `"abc"`, "null", 1)) }, "", payment.ErrUncertain, "NV-2107"},
		{"an amount that is none", func() { c.say("SUCCESS", strings.Replace(good, "12050", "-1", 1)) }, "", payment.ErrUncertain, "NV-2107"},
		{"an amount with decimals", func() { c.say("SUCCESS", strings.Replace(good, "12050", "120.5", 1)) }, "", payment.ErrUncertain, "NV-2107"},
		{"a currency that is none", func() { c.say("SUCCESS", strings.Replace(good, "EUR", "EURO", 1)) }, "", payment.ErrUncertain, "NV-2107"},
		{"no answer", func() { c.say("SUCCESS", "null") }, "", payment.ErrUncertain, "NV-2107"},
		{"a list", func() { c.say("SUCCESS", "[]") }, "", payment.ErrUncertain, "NV-2107"},
		{"another envelope status", func() { c.say("MAYBE", good) }, "", payment.ErrUncertain, "NV-2107"},
		{"an error without a code", func() { c.say("ERROR", `{"errorMessage":"x"}`) }, "", payment.ErrUncertain, "NV-2107"},
		{"a page", func() { *c = canned{200, "text/html", "<p>"} }, "", payment.ErrUncertain, "NV-2107"},
		{"nothing", func() { *c = canned{200, "application/json", ""} }, "", payment.ErrUncertain, "NV-2107"},
		{"an envelope with 401", func() { c.fault("INT_905", "null"); c.status = 401 }, "", payment.ErrStopped, "NV-2103"},
		{"404", func() { *c = canned{404, "application/json", "{}"} }, "", payment.ErrStopped, "NV-2104"},
		{"500", func() { *c = canned{500, "application/json", "{}"} }, "", payment.ErrUncertain, "NV-2101"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.set()
			out, err := g.Submit(t.Context(), request())
			if out.State != tt.state || out.Code != tt.code || (err == nil) != (tt.kind == nil) || err != nil && !errors.Is(err, tt.kind) {
				t.Errorf("state %q, code %q, error %v; want %q, %q, %v", out.State, out.Code, err, tt.state, tt.code, tt.kind)
			}
		})
	}
	c.say("SUCCESS", `{"value":"navette"}`)
	if err := g.Ping(t.Context()); err != nil {
		t.Errorf("Ping: %v", err)
	}
	c.say("SUCCESS", `{"value":"another"}`)
	if err := g.Ping(t.Context()); !errors.Is(err, payment.ErrStopped) {
		t.Errorf("Ping of something else: %v, want kind %v", err, payment.ErrStopped)
	}
	c.fault("INT_905", "null")
	if err := g.Ping(t.Context()); !errors.Is(err, payment.ErrStopped) || gateway.CodeOf(err) != "NV-2103" {
		t.Errorf("Ping with a wrong key: %v, want kind %v and NV-2103", err, payment.ErrStopped)
	}
}

// A proxy's page in front of a read that precedes an act stops the gateway; an answer that is lost there has cost nothing.
func TestReadsBeforeActs(t *testing.T) {
	c, g := openCanned(t)
	in := &payment.Instruction{Kind: payment.Operate, Operation: payment.Refund, TransactionID: "u"}
	in.Key = payment.NewKey(in)
	tests := []struct {
		set  func()
		want error
	}{
		{func() { *c = canned{404, "text/html", "<p>"} }, payment.ErrStopped},
		{func() { *c = canned{500, "text/html", "<p>"} }, payment.ErrNotSent},
		{func() { *c = canned{200, "text/html", "<p>"} }, payment.ErrNotSent},
		{func() { c.fault("PSP_999", "null") }, payment.ErrNotSent},
		{func() { c.fault("PSP_099", "null") }, payment.ErrNotSent},
		{func() { c.fault("INT_905", "null") }, payment.ErrStopped},
	}
	for i, tt := range tests {
		tt.set()
		if out, err := g.Submit(t.Context(), in); !errors.Is(err, tt.want) || errors.Is(err, payment.ErrUncertain) {
			t.Errorf("%d: %+v, %v; want kind %v", i, out, err, tt.want)
		}
	}
	c.fault("PSP_010", "null")
	if out, err := g.Submit(t.Context(), in); err != nil || out.Verdict != payment.VerdictRefused || !strings.HasPrefix(out.Message, "[PSP_010]") {
		t.Errorf("a target the PSP does not know: %+v, %v; want refused", out, err)
	}
	c.fault("PSP_777", "null") // new codes may come: nothing was sent, and no other row may wait for what this one means
	if out, err := g.Submit(t.Context(), in); err != nil || out.Verdict != payment.VerdictRefused || !strings.HasPrefix(out.Message, "[PSP_777]") {
		t.Errorf("a question refused for a reason nobody knows: %+v, %v; want refused", out, err)
	}
}
