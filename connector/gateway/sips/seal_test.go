package sips

import (
	"encoding/json"
	"errors"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/navette-connect/navette/connector/gateway"
	"github.com/navette-connect/navette/connector/payment"
)

const simuKey = "002001000000001_KEY1"

// Seals of forms and automatic responses: values that public clients test (sips-sdk-php, SipsClientTest).
func TestPlainSealVectors(t *testing.T) {
	for data, want := range map[string]string{
		"amount=1234|currencyCode=978|merchantId=002001000000001|normalReturnUrl=http://www.normalreturnurl.com|transactionReference=marlon1|keyVersion=1":                                                                                                                                        "65421e720d149e8a79bdc9a29f6c462ed199b78f32e558c6c5fc15f0084e5384",
		"captureDay=0|captureMode=AUTHOR_CAPTURE|currencyCode=978|merchantId=002001000000001|orderChannel=INTERNET|responseCode=17|transactionDateTime=2018-01-04T10:11:13+01:00|transactionReference=2699c2a658d|keyVersion=1|amount=2|customerIpAddress=194.78.195.168|paymentPattern=ONE_SHOT": "2a67c5160fd33b8439e5b3d09a4a5e02123786d7465864d95f8db089de6606eb",
	} {
		if got := plainSeal(data, simuKey); got != want {
			t.Errorf("%.40s…: %s, want %s", data, got, want)
		}
	}
}

// JSON seals: the strings of the SDK's tests, and HMACs computed from them.
func TestJSONSealVectors(t *testing.T) {
	base := func(more map[string]any) map[string]any {
		m := map[string]any{"amount": "2", "automaticResponseUrl": "http://test.com", "currencyCode": "978", "interfaceVersion": "IR_WS_2.19", "normalReturnUrl": "http://localhost/return.php",
			"orderChannel": "INTERNET", "templateName": "custom", "transactionOrigin": "test", "keyVersion": "1", "sealAlgorithm": "HMAC-SHA-256", "seal": "x"}
		for k, v := range more {
			m[k] = v
		}
		return m
	}
	for _, tt := range []struct {
		fields     map[string]any
		data, seal string
	}{
		{base(map[string]any{"customerAddress": map[string]any{"country": "CustomerCountry", "city": "CustomerCity"}, "customerContact": map[string]any{"lastname": "Lastname", "firstname": "Firstname"}}),
			"2http://test.com978CustomerCityCustomerCountryFirstnameLastnameIR_WS_2.19http://localhost/return.phpINTERNETcustomtest", "eca8ab19229f71b318ddaefa1740c775921269761caaca9b425ec295f6300d76"},
		{base(map[string]any{"paymentMeanBrandList": []any{"VISA", "MASTERCARD"}}),
			"2http://test.com978IR_WS_2.19http://localhost/return.phpINTERNETVISAMASTERCARDcustomtest", "c2a8835abf39ec28c77fc3a63f6f3563d72abd718034a1715cd426cbf0e600b7"},
		{map[string]any{"currencyCode": "978", "interfaceVersion": "CR_WS_2.55", "keyVersion": "1", "merchantId": "002001000000001", "operationAmount": "1000", "operationOrigin": "NAVETTE", "transactionReference": "F2026001"},
			"978CR_WS_2.550020010000000011000NAVETTEF2026001", "850c2429df314015684e147ca0fa8baa966e15d6197f7eed61cdcd68c7916de6"},
		{map[string]any{"interfaceVersion": "DR_WS_2.29", "merchantId": "002001000000001", "transactionReference": "F2026001"},
			"DR_WS_2.29002001000000001F2026001", "c3c32395bbe5eb7a328fddad384b635b11d84d61e06da18e00e4ab515b461b8e"},
		{map[string]any{"currencyCode": "978", "interfaceVersion": "CR_WS_2.55", "merchantId": "002001000000001", "operationAmount": "500", "s10TransactionReference": map[string]any{"s10TransactionIdDate": "20260115", "s10TransactionId": "123456"}},
			"978CR_WS_2.5500200100000000150012345620260115", "7633460751fb72a6f8abe12d796eb70ae7581a312bce3a886c10078e98d5b219"},
		{map[string]any{"a": json.Number("1"), "b": true, "c": nil, "d": []any{map[string]any{"y": "2", "x": "1"}}}, "1true12", ""},
	} {
		data := sealData(tt.fields)
		if data != tt.data {
			t.Errorf("data %q, want %q", data, tt.data)
		}
		if got := seal(data, simuKey); tt.seal != "" && got != tt.seal {
			t.Errorf("seal of %.30s…: %s, want %s", data, got, tt.seal)
		}
	}
}

func gatewayFor(t testing.TB) *Gateway {
	g, err := New(Options{URL: "https://office.example", Merchant: "002001000000001", Keys: map[string]gateway.Secret{"1": "an older key", "2": simuKey}, Lang: "en"})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// Each pair parts at its first =, null is nothing, and a key being replaced is still believed.
func TestOpenNotice(t *testing.T) {
	g := gatewayFor(t)
	data := "merchantId=002001000000001|transactionReference=R1|keyVersion=1|authorisationId=null|scoreInfo=A=1;B=2|responseCode=00"
	for _, key := range []string{simuKey, "an older key"} {
		for _, sig := range []string{plainSeal(data, key), strings.ToUpper(plainSeal(data, key)), seal(data, key)} {
			fields, err := g.openNotice(data, sig, "")
			want := map[string]string{"merchantId": "002001000000001", "transactionReference": "R1", "keyVersion": "1", "scoreInfo": "A=1;B=2", "responseCode": "00"}
			if err != nil || !reflect.DeepEqual(fields, want) {
				t.Errorf("%v, %v; want %v", fields, err, want)
			}
		}
	}
	if _, err := g.openNotice(data, plainSeal(data, "a stranger's key"), ""); !errors.Is(err, gateway.ErrForged) {
		t.Errorf("a stranger's: %v", err)
	}
	if g.keyVersion != "2" {
		t.Errorf("sealed with version %s, want the newest", g.keyVersion)
	}
}

// The table of statuses, row by row.
func TestStatuses(t *testing.T) {
	want := map[string]payment.State{"TO_CAPTURE": payment.Paid, "CAPTURED": payment.Paid, "TO_VALIDATE": payment.Authorised, "CREDITED": payment.Refunded, "TO_CREDIT": payment.Refunded,
		"CANCELLED": payment.Cancelled, "EXPIRED": payment.Expired, "TO_AUTHORIZE": payment.Open, "TO_CHALLENGE": payment.Open, "TO_CONFIRM_AUTHOR": payment.Open, "TO_CONFIRM_CAPTURE": payment.Open,
		"TO_CONFIRM_CREDIT": payment.Paid, "REFUSED": payment.Open, "TO_REPLAY": payment.Open, "ABORTED": payment.Open}
	g := gatewayFor(t)
	if len(g.statuses) != len(want) {
		t.Errorf("%d statuses, want %d", len(g.statuses), len(want))
	}
	for name, state := range want {
		if s := g.statuses[name]; s.state != state || s.dead != (name == "REFUSED" || name == "ABORTED") {
			t.Errorf("%s: %+v, want %s", name, s, state)
		}
	}
}

// Every code of the table has words of its own.
func TestCodesHaveWords(t *testing.T) {
	g := gatewayFor(t)
	for _, c := range answerCodes() {
		if text := g.codeText(c.code, ""); !strings.HasPrefix(text, "["+c.code+"] ") || strings.Contains(text, "ui.sips") {
			t.Errorf("%s: %q", c.code, text)
		}
	}
	if text := g.codeText("ZZ", "amount"); text != "[ZZ] unexpected answer from Sips (amount)" {
		t.Errorf("an unknown code: %q", text)
	}
}

func TestReferences(t *testing.T) {
	in := &payment.Instruction{Kind: payment.Request, Reference: "F1"}
	key := payment.NewKey(in)
	for _, k := range []string{key, "short", strings.Repeat("k-_", 20)} {
		ref := referenceOf(k)
		if len(ref) != baseLength || strings.ContainsFunc(ref, func(r rune) bool { return !alphanumeric(r) }) || len(attempt(ref, maxAttempts)) > 35 {
			t.Errorf("%q: reference %q", k, ref)
		}
	}
	if referenceOf(key) != key {
		t.Error("a key of navette's is the reference itself")
	}
}

func TestNewRefuses(t *testing.T) {
	good := Options{URL: "https://office.example", Merchant: "002001000000001", Keys: map[string]gateway.Secret{"1": "k"}}
	for want, change := range map[string]func(*Options){
		"url": func(o *Options) { o.URL = "office.example" }, "paypage_url": func(o *Options) { o.PaypageURL = "ftp://x" }, "merchant": func(o *Options) { o.Merchant = "12" },
		"keys": func(o *Options) { o.Keys = nil }, "keys: \"x\"": func(o *Options) { o.Keys = map[string]gateway.Secret{"x": "k"} },
	} {
		o := good
		change(&o)
		if _, err := New(o); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	if _, err := New(good); err != nil {
		t.Error(err)
	}
}

func FuzzReply(f *testing.F) {
	for _, s := range []string{`{"responseCode":"00","transactionStatus":"TO_CAPTURE","amount":"1000","currentAmount":1000,"currencyCode":"978"}`, `{}`, `[]`, `{"a":{"b":[1,true,null,{"c":"d"}]}}`, `{"amount":1e9}`, "null"} {
		f.Add([]byte(s))
	}
	g := gatewayFor(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := readReply(b)
		if err != nil {
			return
		}
		data := sealData(r)
		if !g.sealed(r, seal(data, simuKey)) || g.sealed(r, seal(data+"x", simuKey)) {
			t.Errorf("the seal of %q", b)
		}
		if a, err := money(r.text("amount"), "EUR"); err == nil && a.Minor < 0 {
			t.Errorf("amount %v", a)
		}
		out, err := g.judge(&payment.Instruction{Kind: payment.Operate, Operation: payment.Refund, Key: "k"}, r, "R")
		if got := payment.Judge(out, err); got == payment.VerdictDone && r.text("responseCode") != "00" {
			t.Errorf("%q is done", b)
		}
	})
}

func FuzzNotice(f *testing.F) {
	f.Add("merchantId=002001000000001|transactionReference=R1|x=null", "", "")
	f.Add("bWVyY2hhbnRJZD0wMDIwMDEwMDAwMDAwMDE=", "00", "base64")
	g := gatewayFor(f)
	f.Fuzz(func(t *testing.T, data, sig, encode string) {
		body := url.Values{"Data": {data}, "Seal": {sig}, "Encode": {encode}}.Encode()
		if _, _, err := g.Hook(nil, []byte(body), time.Time{}); err == nil {
			ok := false
			for _, key := range g.keys {
				ok = ok || strings.EqualFold(sig, plainSeal(data, key)) || strings.EqualFold(sig, seal(data, key))
			}
			if !ok {
				t.Errorf("believed: %q %q", data, sig)
			}
		}
		good := url.Values{"Data": {data}, "Seal": {plainSeal(data, simuKey)}, "Encode": {encode}}.Encode()
		if _, id, err := g.Hook(nil, []byte(good), time.Time{}); err == nil && len(id) > baseLength {
			t.Errorf("id %q", id)
		}
	})
}
