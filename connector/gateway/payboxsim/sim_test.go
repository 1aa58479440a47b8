package payboxsim

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha512"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

var signer = sync.OnceValue(func() *rsa.PrivateKey {
	key, _ := rsa.GenerateKey(rand.Reader, 2048) // crypto/rand does not fail
	return key
})

// psp is a simulator whose clock stands at noon.
func psp(t testing.TB, o Options) (*PSP, string) {
	t.Helper()
	o.Signer = signer()
	o.Now = func() time.Time { return time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC) }
	p, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(p.Handler())
	t.Cleanup(srv.Close)
	return p, srv.URL
}

// ask asks as a module does: its own words, its own signature.
func ask(t testing.TB, to, text string) url.Values {
	t.Helper()
	key, err := hex.DecodeString(TestKey)
	if err != nil {
		t.Fatal(err)
	}
	m := hmac.New(sha512.New, key)
	m.Write([]byte(text))
	var form []string
	for part := range strings.SplitSeq(text, "&") {
		n, v, _ := strings.Cut(part, "=")
		form = append(form, n+"="+url.QueryEscape(v))
	}
	body := strings.Join(form, "&") + "&HMAC=" + strings.ToUpper(hex.EncodeToString(m.Sum(nil)))
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, to+"/PPPS.php", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	a, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	b, err := io.ReadAll(a.Body)
	if err != nil {
		t.Fatal(err)
	}
	v, err := url.ParseQuery(string(b))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

const good = "VERSION=00104&TYPE=00002&SITE=1999888&RANG=63&NUMQUESTION=0000000001&MONTANT=1000&DEVISE=978&REFERENCE=F2026001&NUMAPPEL=0000782653&NUMTRANS=0000563149&DATEQ=15012026&HASH=SHA512"

// TestStrict: the question of the published vector is taken, each change of it is refused with the code that names it.
func TestStrict(t *testing.T) {
	for _, tt := range []struct{ old, new, code string }{
		{"", "", "00000"},
		{"SITE=1999888", "SITE=1999889", "00006"},
		{"RANG=63", "RANG=64", "00006"},
		{"&HASH=SHA512", "", "00006"},
		{"VERSION=00104", "VERSION=00102", "00013"},
		{"NUMQUESTION=0000000001", "NUMQUESTION=1", "00005"},
		{"NUMQUESTION=0000000001", "NUMQUESTION=2147483648", "00005"},
		{"DATEQ=15012026", "DATEQ=16012026", "00007"},
		{"DATEQ=15012026", "DATEQ=2026", "00007"},
		{"MONTANT=1000", "MONTANT=0", "00011"},
		{"MONTANT=1000", "MONTANT=10.00", "00011"},
		{"MONTANT=1000", "MONTANT=5001", "00011"},
		{"DEVISE=978", "DEVISE=840", "00010"},
		{"REFERENCE=F2026001", "REFERENCE=", "00012"},
		{"REFERENCE=F2026001", "REFERENCE=F2026002", "00012"},
		{"NUMTRANS=0000563149", "NUMTRANS=0000563150", "00018"},
		{"NUMAPPEL=0000782653", "NUMAPPEL=0000782654", "00018"},
		{"TYPE=00002", "TYPE=00053", "00009"},
		{"TYPE=00002", "TYPE=00014", "00014"},
	} {
		p, to := psp(t, Options{})
		if err := p.Put(Transaction{Trans: "563149", Call: "782653", Reference: "F2026001", Amount: 5000}); err != nil {
			t.Fatal(err)
		}
		v := ask(t, to, strings.Replace(good, tt.old, tt.new, 1))
		if v.Get("CODEREPONSE") != tt.code {
			t.Errorf("%s -> %s: %s (%s), want %s", tt.old, tt.new, v.Get("CODEREPONSE"), v.Get("COMMENTAIRE"), tt.code)
		}
		if tt.code == "00000" && (v.Get("NUMTRANS") == "0000563149" || v.Get("NUMQUESTION") != "0000000001" || v.Get("COMMENTAIRE") != "Demande trait\xe9e avec succ\xe8s") {
			t.Errorf("the answer %v; want a number of its own, the question's echoed, ISO-8859-1", v)
		}
	}
	p, to := psp(t, Options{Key: strings.Repeat("AB", 64)})
	if v := ask(t, to, good); v.Get("CODEREPONSE") != "00006" || len(p.Ledger().Acts) != 0 {
		t.Errorf("a wrong signature: %v", v)
	}
}

// TestDays: a question number counts for one day; the evening's collection ends cancels; deferred money is captured.
func TestDays(t *testing.T) {
	p, to := psp(t, Options{})
	for _, tx := range []Transaction{{Trans: "563149", Call: "782653", Reference: "F2026001", Amount: 5000}, {Trans: "563150", Call: "782653", Reference: "F2026001", Amount: 5000, CaptureOn: "20260117"}} {
		if err := p.Put(tx); err != nil {
			t.Fatal(err)
		}
	}
	status := func(trans, number string) string {
		return ask(t, to, "VERSION=00104&TYPE=00017&SITE=1999888&RANG=63&NUMQUESTION="+number+"&NUMTRANS="+trans+"&DATEQ=15012026&HASH=SHA512").Get("STATUS")
	}
	for i, want := range []string{"00000", "00039"} {
		if v := ask(t, to, good); v.Get("CODEREPONSE") != want {
			t.Errorf("time %d: %s, want %s", i, v.Get("CODEREPONSE"), want)
		}
	}
	if s := status("0000563150", "0000000009"); s != "Autoris\xe9" {
		t.Errorf("deferred: %q", s)
	}
	p.Advance(24 * time.Hour)
	if v := ask(t, to, good); v.Get("CODEREPONSE") != "00015" {
		t.Errorf("the number on the next day: %s, want 00015", v.Get("CODEREPONSE"))
	}
	cancel := strings.NewReplacer("TYPE=00002", "TYPE=00005", "NUMQUESTION=0000000001", "NUMQUESTION=0000000002").Replace(good)
	if v := ask(t, to, cancel); v.Get("CODEREPONSE") != "00002" {
		t.Errorf("cancel after the collection: %s, want 00002", v.Get("CODEREPONSE"))
	}
	p.Advance(24 * time.Hour)
	if s := status("0000563150", "0000000009"); s != "Captur\xe9" {
		t.Errorf("deferred, two days on: %q", s)
	}
}

// TestDoubles: the ledger notices what happened twice, or nobody could.
func TestDoubles(t *testing.T) {
	p, to := psp(t, Options{})
	if err := p.Put(Transaction{Trans: "563149", Call: "782653", Reference: "F2026001", Amount: 5000, Status: Captured}); err != nil {
		t.Fatal(err)
	}
	refund := strings.Replace(good, "TYPE=00002", "TYPE=00014", 1)
	for _, n := range []string{"0000000001", "0000000002"} {
		if v := ask(t, to, strings.Replace(refund, "0000000001", n, 1)); v.Get("CODEREPONSE") != "00000" {
			t.Errorf("refund %s: %v", n, v)
		}
	}
	if l := p.Ledger(); l.Doubles != 1 || len(l.Acts) != 2 || l.Calls["00014"] != 2 {
		t.Errorf("ledger %+v", l)
	}
}

func TestScript(t *testing.T) {
	s, err := ParseScript([]byte("rules: [{match: \"FA*\", do: pay}, {match: \"*\", do: leave}]\ntransactions: [{id: 1/2, reference: X, amount: 100, state: captured}]"))
	if err != nil || s.habit("FA-1/deposit/100EUR/x") != "pay" || s.habit("X/1EUR/y") != "leave" || len(s.Transactions) != 1 || s.Transactions[0].Status != Captured {
		t.Errorf("script %+v, %v", s, err)
	}
	for _, bad := range []string{"rules: [{match: \"[\", do: pay}]", "rules: [{match: x, do: dance}]", "transactions: [{id: 1, amount: 1}]", "transactions: [{id: 1/2, state: lost}]", "rule: []", ":"} {
		if s, err := ParseScript([]byte(bad)); err == nil {
			t.Errorf("%q: %+v", bad, s)
		}
	}
	for _, f := range []Faults{{Next: []string{"x"}}, {Reads: "200"}, {Hosts: map[string]string{"main": "code-1"}}, {Notice: "late"}, {Share: map[string]float64{"?": 1}}} {
		if _, err := New(Options{Faults: f, Signer: signer()}); err == nil {
			t.Errorf("faults %+v are taken", f)
		}
	}
}
