package lyra

import (
	"encoding/hex"
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/navette-connect/navette/connector/gateway"
)

// vector is a notification whose hashes were computed elsewhere.
const (
	vector     = `{"shopId":"12345678","orderCycle":"CLOSED","orderStatus":"PAID","serverDate":"2026-01-15T09:30:00+00:00","orderDetails":{"orderTotalAmount":12050,"orderEffectiveAmount":12050,"orderCurrency":"EUR","mode":"TEST","orderId":"FA-2026-0042","_type":"V4/OrderDetails"},"transactions":[{"shopId":"12345678","uuid":"00000000000000000000000000000001","amount":12050,"currency":"EUR","paymentMethodType":"CARD","status":"PAID","detailedStatus":"AUTHORISED","operationType":"DEBIT","creationDate":"2026-01-15T09:29:58+00:00","errorCode":null,"_type":"V4/PaymentTransaction"}],"_type":"V4/Payment"}`
	byPassword = "5b34ea4ba5b15bdedee2592f9188ba067362da595c2511e6786be0b2fe8b2b63"
	byHMACKey  = "609121cc7c8378a5359cf5634ac4109a9dcf678d62d06b477ba1e86d68c90cf5"
)

func form(answer, hash, key, algorithm string) string {
	return url.Values{"kr-hash": {hash}, "kr-hash-key": {key}, "kr-hash-algorithm": {algorithm}, "kr-answer-type": {"V4/Payment"}, "kr-answer": {answer}}.Encode()
}

func signed(answer string) string { return hex.EncodeToString(sign([]byte(restKey), answer)) }

func TestHook(t *testing.T) {
	_, g := openCanned(t)
	named := strings.Replace(vector, `"shopId"`, `"paymentOrderId":"0123456789abcdef0123456789abcdef","shopId"`, 1)
	tests := []struct {
		name, body string
		ok         bool
		payment    string
	}{
		{"the vector, by the REST key", form(vector, byPassword, "password", "sha256_hmac"), true, ""},
		{"the vector, by the key of returns", form(vector, byHMACKey, "sha256_hmac", "sha256_hmac"), true, ""},
		{"in capitals", form(vector, strings.ToUpper(byPassword), "password", "sha256_hmac"), true, ""},
		{"slashes escaped on the way", form(strings.ReplaceAll(vector, "/", `\/`), byPassword, "password", "sha256_hmac"), true, ""},
		{"slashes escaped and signed so", form(strings.ReplaceAll(vector, "/", `\/`), signed(strings.ReplaceAll(vector, "/", `\/`)), "password", "sha256_hmac"), true, ""},
		{"naming its payment order", form(named, signed(named), "password", "sha256_hmac"), true, "0123456789abcdef0123456789abcdef"},
		{"naming it beside the order", form(`{"orderDetails":{"paymentOrderId":"p1"}}`, signed(`{"orderDetails":{"paymentOrderId":"p1"}}`), "password", "sha256_hmac"), true, "p1"},
		{"naming it in its own object", form(`{"paymentOrder":{"paymentOrderId":"p1"}}`, signed(`{"paymentOrder":{"paymentOrderId":"p1"}}`), "password", "sha256_hmac"), true, "p1"},
		{"naming it in a transaction", form(`{"transactions":[{"paymentOrderId":"p1"}]}`, signed(`{"transactions":[{"paymentOrderId":"p1"}]}`), "password", "sha256_hmac"), true, "p1"},
		{"of another shop", form(strings.Replace(named, `"12345678"`, `"87654321"`, 1), signed(strings.Replace(named, `"12345678"`, `"87654321"`, 1)), "password", "sha256_hmac"), true, ""},
		{"of the other mode", form(strings.Replace(named, `"TEST"`, `"PRODUCTION"`, 1), signed(strings.Replace(named, `"TEST"`, `"PRODUCTION"`, 1)), "password", "sha256_hmac"), true, ""},
		{"signed, and no JSON", form("[", signed("["), "password", "sha256_hmac"), true, ""},
		{"the other key's name", form(vector, byPassword, "sha256_hmac", "sha256_hmac"), false, ""},
		{"a key nobody knows", form(vector, byPassword, "other", "sha256_hmac"), false, ""},
		{"no key", form(vector, byPassword, "", "sha256_hmac"), false, ""},
		{"another algorithm", form(vector, byPassword, "password", "md5"), false, ""},
		{"one byte changed", form(strings.Replace(vector, "12050", "12051", 1), byPassword, "password", "sha256_hmac"), false, ""},
		{"a blank added", form(vector+" ", byPassword, "password", "sha256_hmac"), false, ""},
		{"cut short", form(vector, byPassword[:62], "password", "sha256_hmac"), false, ""},
		{"no hash", form(vector, "", "password", "sha256_hmac"), false, ""},
		{"no answer", form("", signed(""), "password", "sha256_hmac"), false, ""},
		{"no form", "%zz", false, ""},
		{"nothing", "", false, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			notice, id, err := g.Hook(nil, []byte(tt.body), before26())
			if tt.ok && (err != nil || notice == "" || id != tt.payment) || !tt.ok && (!errors.Is(err, gateway.ErrForged) || notice+id != "") {
				t.Errorf("Hook = %q, %q, %v; want ok %v and %q", notice, id, err, tt.ok, tt.payment)
			}
		})
	}
	quiet, err := New(Options{URL: "https://psp.example", Shop: "12345678", Mode: "test", Password: restKey})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := quiet.Hook(nil, []byte(form(vector, hex.EncodeToString(sign(nil, vector)), "sha256_hmac", "sha256_hmac")), before26()); !errors.Is(err, gateway.ErrForged) {
		t.Errorf("signed with an empty key of returns: %v, want it forged", err)
	}
}

// TestNoticeID: the same picture is the same notice, another one is another.
func TestNoticeID(t *testing.T) {
	_, g := openCanned(t)
	id := func(answer string) string {
		notice, _, err := g.Hook(nil, []byte(form(answer, signed(answer), "password", "sha256_hmac")), before26())
		if err != nil {
			t.Fatal(err)
		}
		return notice
	}
	first := id(vector)
	if again := id(strings.Replace(vector, "09:30:00", "09:45:00", 1)); again != first { // sent again: the hash differs, the state does not
		t.Errorf("a redelivery is another notice: %s, %s", first, again)
	}
	for _, changed := range []string{strings.Replace(vector, "AUTHORISED", "CAPTURED", 1), strings.Replace(vector, `"amount":12050`, `"amount":7000`, 1), strings.Replace(vector, "0001", "0002", 1)} {
		if id(changed) == first {
			t.Errorf("another state is the same notice: %s", changed)
		}
	}
}

func FuzzHook(f *testing.F) {
	f.Add(form(vector, byPassword, "password", "sha256_hmac"), vector)
	f.Add("kr-hash=00&kr-hash-key=password&kr-hash-algorithm=sha256_hmac&kr-answer=%7B%7D", `{"transactions":[null,{"amount":null}]}`)
	g, err := New(Options{URL: "https://psp.example", Shop: "12345678", Mode: "test", Password: restKey})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, body, answer string) {
		if _, _, err := g.Hook(nil, []byte(body), before26()); err == nil {
			v, _ := url.ParseQuery(body)
			a := v.Get("kr-answer")
			if h := strings.ToLower(v.Get("kr-hash")); h != signed(a) && h != signed(strings.ReplaceAll(a, `\/`, "/")) {
				t.Errorf("a forged notification was believed: %q", body)
			}
		}
		notice, id, err := g.Hook(nil, []byte(form(answer, signed(answer), "password", "sha256_hmac")), before26())
		if answer != "" && (err != nil || notice == "" || strings.Contains(id, restKey)) {
			t.Errorf("Hook of %q = %q, %q, %v", answer, notice, id, err)
		}
	})
}
