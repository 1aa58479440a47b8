package gateway

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/navette-connect/navette/connector/payment"
)

func TestClean(t *testing.T) {
	c := client(t, Options{Secrets: []Secret{"tok/en+123", "", "abc"}, Proxy: "http://u:proxy-pass@127.0.0.1:1"})
	tests := []struct{ in, want string }{
		{"plain", "plain"},
		{"you sent Bearer tok/en+123.", "you sent Bearer ***."},
		{"as a query: tok%2Fen%2B123", "as a query: ***"},
		{"in base64: dG9rL2VuKzEyMw==", "in base64: ***"},
		{"proxy-pass", "***"},
		{"abc is too short to be a secret", "abc is too short to be a secret"},
		{"wrong address <compta@lefevre.example>, sorry", "wrong address <***>, sorry"},
		{"email=a@b;x", "email=***;x"},
		{"a\x00b\r\nc\x1b[31m", "a b  c [31m"},
		{"bad\xffbytes", "bad\uFFFDbytes"},
		{"right\u202eleft", "right left"},
		{"  é  ", "é"},
		{strings.Repeat("é", 600), strings.Repeat("é", 499) + "…"},
	}
	for _, tt := range tests {
		if got := c.Clean(tt.in); got != tt.want {
			t.Errorf("Clean(%q) = %q, want %q", tt.in, got, tt.want)
		}
	}
}

func TestMessageHidesTheCustomer(t *testing.T) {
	c := client(t, Options{})
	in := &payment.Instruction{Customer: payment.Customer{ID: "C00118", Name: "Boulangerie Lefèvre", Email: "compta@lefevre.example", Phone: "+33240112233",
		Address: []payment.Pair{{Name: "line1", Value: "3 rue du Four"}, {Name: "country", Value: "FR"}}}}
	in2 := "[bad_phone] +33240112233 of BOULANGERIE LEFÈVRE (C00118, compta@lefevre.example), 3 rue du Four, FRANCE"
	const want = "[bad_phone] *** of *** (***, ***), ***, FRANCE"
	if got := c.Message(in, in2); got != want {
		t.Errorf("Message(%q) = %q, want %q", in2, got, want)
	}
}

func TestSecretDoesNotPrint(t *testing.T) {
	s := Secret("hunter2")
	b, err := json.Marshal(map[string]any{"s": s})
	if err != nil {
		t.Fatal(err)
	}
	o := Options{Secrets: []Secret{s}}
	for _, text := range []string{fmt.Sprint(s), fmt.Sprintf("%v %+v %#v %s %q", s, s, s, s, s), string(b), fmt.Sprintf("%+v %#v", o, o)} {
		if strings.Contains(text, "hunter2") {
			t.Errorf("%q shows the secret", text)
		}
	}
}

func FuzzClean(f *testing.F) {
	f.Add("you sent tok/en+123 and a@b.c")
	f.Add("\xff\x00@ @@ é")
	c, err := NewClient(Options{Secrets: []Secret{"tok/en+123"}})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := c.Clean(s)
		if strings.Contains(got, "tok/en+123") || strings.Contains(got, "@") || strings.ContainsAny(got, "\r\n\x00\x1b") || !utf8.ValidString(got) || utf8.RuneCountInString(got) > maxText {
			t.Errorf("Clean(%q) = %q", s, got)
		}
	})
}
