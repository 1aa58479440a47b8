package httpgw

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/navette-connect/navette/connector/gateway"
	"github.com/navette-connect/navette/connector/payment"
)

// TestSecretsStayHere: a PSP that repeats the token and the customer in every field it has.
func TestSecretsStayHere(t *testing.T) {
	p, g := open(t)
	in := request()
	leak := `Bearer ` + secret + ` ` + in.Customer.Email + ` ` + in.Customer.Name
	q, err := json.Marshal(leak)
	if err != nil {
		t.Fatal(err)
	}
	l := string(q)
	bodies := []answer{
		{201, jsonType, `{"id":` + l + `,"state":"open","link":` + l + `,"transaction_id":` + l + `,"reference":` + l + `}`, ""},
		{201, jsonType, `{"id":"x","state":` + l + `}`, ""},
		{422, problemType, `{"code":` + l + `,"detail":` + l + `}`, ""},
		{500, problemType, `{"code":` + l + `,"detail":` + l + `}`, ""},
		{401, problemType, `{"code":` + l + `,"detail":` + l + `}`, ""},
		{200, jsonType, `{"id":"x","state":"refused","code":` + l + `,"message":` + l + `}`, ""},
		{200, jsonType, `{"data":[{"id":` + l + `,"type":` + l + `,"reason":` + l + `,"data":{"id":` + l + `,"state":"paid","method":` + l + `}}],"next":"1"}`, ""},
	}
	for _, a := range bodies {
		p.answer = a
		out, err := g.Submit(t.Context(), in)
		snap, err2 := g.Read(t.Context(), &payment.Instruction{PaymentID: "x"})
		changes, _, err3 := g.Changes(t.Context(), "", 1)
		_, err4 := g.Lookup(t.Context(), in)
		text := strings.Join([]string{out.Message, out.Code, out.PaymentID, out.Link, out.TransactionID, out.TransactionState, out.Reference, snap.PaymentID, snap.Method}, " ")
		for _, e := range []error{err, err2, err3, err4} {
			if e != nil {
				text += e.Error()
			}
		}
		for _, c := range changes {
			text += c.EventID + c.Word + c.Reason + c.Now.PaymentID + c.Now.Method
		}
		if strings.Contains(text, secret) {
			t.Errorf("%s: the token shows in %q", a.body, text)
		}
		if msg := out.Message; strings.Contains(msg, in.Customer.Email) || strings.Contains(msg, in.Customer.Name) {
			t.Errorf("%s: the customer shows in %q", a.body, msg)
		}
	}
}

// FuzzAnswers: whatever a PSP answers, nothing panics, only a known state is done, and only an array is an empty list.
func FuzzAnswers(f *testing.F) {
	f.Add(201, jsonType, []byte(`{"id":"pr_1","state":"open","amount":{"value":1,"currency":"EUR"}}`))
	f.Add(200, jsonType, []byte(`{"data":[],"next":"1"}`))
	f.Add(200, jsonType, []byte(`{"data":[{"id":"e","type":"paid","data":{"id":1,"state":"paid"}}]}`))
	f.Add(422, problemType, []byte(`{"code":1,"detail":"d"}`))
	f.Add(200, "text/html", []byte(`<p>`))
	g, err := New(Options{URL: "https://psp.example", Token: secret})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, status int, kind string, body []byte) {
		a := &gateway.Answer{Status: status, Type: kind, Body: body}
		for _, in := range []*payment.Instruction{request(), refund()} {
			out, err := g.judge(in, a)
			if strings.Contains(out.Message+out.PaymentID+out.Link, secret) {
				t.Errorf("the token shows: %+v", out)
			}
			switch payment.Judge(out, err) {
			case payment.VerdictDone:
				if status < 200 || status > 299 || out.State == "" || out.State == payment.Refused {
					t.Errorf("%d %q is done: %+v", status, body, out)
				}
			case payment.VerdictRefused:
				if out.Code != gateway.CodeRefused || out.Message == "" {
					t.Errorf("%d %q is refused without code or message: %+v", status, body, out)
				}
			}
		}
		if list, err := readList(a); err == nil && len(list) == 0 && !strings.Contains(string(body), "[") {
			t.Errorf("%q is an empty list", body)
		}
		g.readFeed(a)
		g.readSnapshot(a)
		hookObject(body)
	})
}
