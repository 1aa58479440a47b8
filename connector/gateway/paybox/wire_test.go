package paybox

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/navette-connect/navette/connector/gateway"
	"github.com/navette-connect/navette/connector/gateway/payboxsim"
	"github.com/navette-connect/navette/connector/payment"
)

func key(t testing.TB) []byte {
	t.Helper()
	k, err := hex.DecodeString(payboxsim.TestKey)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func parsed(text string) (q question) {
	for part := range strings.SplitSeq(text, "&") {
		n, v, _ := strings.Cut(part, "=")
		q = q.with(n, v)
	}
	return q
}

// TestVectors: signatures computed by the algorithm of two public modules, with the published test key.
func TestVectors(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"VERSION=00104&TYPE=00002&SITE=1999888&RANG=63&NUMQUESTION=0000000001&MONTANT=1000&DEVISE=978&REFERENCE=F2026001&NUMAPPEL=0000782653&NUMTRANS=0000563149&DATEQ=15012026&HASH=SHA512",
			"D1CEF6D13E5242134D128345F1CE1E48255384D57F4DEE989AE84064C46F4DB33FC72B8621EBC01626527BA957F768A41DE7AA61EED13E6DE827CDDC7DE53007"},
		{"PBX_SITE=1999888&PBX_RANG=63&PBX_IDENTIFIANT=109518543&PBX_TOTAL=1000&PBX_DEVISE=978&PBX_CMD=F2026001&PBX_PORTEUR=client@example.test&PBX_RETOUR=M:M;R:R;A:A;E:E;K:K&PBX_HASH=SHA512&PBX_TIME=2026-01-15T10:00:00+01:00",
			"B531501218B11827A22D9ED6E07E45AEB501B866BBAD0A7BA24D31F965DD7F8EA6831DD3FA07C0B4048FDF7D2C6333260F36D2BF3A782316072F38193E45C5FB"},
	} {
		if got := parsed(tt.text).sign(key(t)); got != tt.want {
			t.Errorf("sign(%.40s…) = %s, want %s", tt.text, got, tt.want)
		}
	}
}

// TestQuestion: the fields of an operation, in their order, and the body with its HMAC last.
func TestQuestion(t *testing.T) {
	r := newRig(t, payboxsim.Options{})
	in := act(payment.Capture, 1, 1000)
	in.Reference = "Réf & 1"
	a, ok := aimOf(in)
	if !ok {
		t.Fatal("no aim")
	}
	q, missing := r.act("00002", in, a, a.target)
	if missing != "" {
		t.Fatalf("missing %s", missing)
	}
	text := string(q.numbered(7).text())
	want := "VERSION=00104&TYPE=00002&SITE=1999888&RANG=63&NUMQUESTION=0000000007&MONTANT=0000001000&DEVISE=978&REFERENCE=R\xe9f & 1&NUMAPPEL=0000700001&NUMTRANS=0000500001&DATEQ=" + r.now().In(r.paris).Format("02012006") + "&HASH=SHA512"
	if text != want {
		t.Errorf("signed text\n%q, want\n%q", text, want)
	}
	body := string(q.signed(r.key))
	form, err := url.ParseQuery(body)
	if err != nil || form.Get("REFERENCE") != "R\xe9f & 1" || !strings.Contains(body, "&HMAC=") || strings.Contains(body[strings.Index(body, "&HMAC=")+1:], "&") {
		t.Errorf("body %q: %v", body, err)
	}
}

func TestNumbers(t *testing.T) {
	seen := map[uint32]bool{}
	for i := range 2000 {
		n := askNumber(fmt.Sprint("key", i))
		if n >= acting || n != askNumber(fmt.Sprint("key", i)) {
			t.Fatalf("number %d", n)
		}
		seen[n] = true
	}
	if len(seen) < 1995 {
		t.Errorf("%d numbers of 2000", len(seen))
	}
	for _, n := range []uint32{0, 1, asking, 1<<32 - 1} {
		if got := readNumber(n); got < acting || got > maxNumber {
			t.Errorf("readNumber(%d) = %d: an operation's, or none", n, got)
		}
	}
}

// TestCodes holds every CODEREPONSE against what the gateway answers to it, row by row.
func TestCodes(t *testing.T) {
	const refused, doubt, retry, stopped, ok, pending = "refused", "doubt", "retry", "stopped", "done", "pending"
	want := map[string]string{"00000": ok, "00001": retry, "00002": refused, "00003": retry, "00004": refused, "00005": doubt, "00006": stopped, "00007": refused, "00008": refused, "00009": refused,
		"00010": refused, "00011": refused, "00012": refused, "00013": stopped, "00014": refused, "00015": ok, "00016": refused, "00017": refused, "00018": refused, "00020": refused, "00021": refused,
		"00022": refused, "00024": refused, "00029": refused, "00030": refused, "00033": refused, "00039": doubt, "00040": refused, "99999": pending,
		"00100": refused, "00105": refused, "00117": refused, "00133": refused, "00141": refused, "00143": refused, "00151": refused, "00154": refused, "00159": refused, "00196": refused,
		"00168": doubt, "00194": doubt, "00197": doubt, "00041": doubt, "01234": doubt, "98765": doubt}
	for code := range codes {
		if want[code] == "" {
			t.Errorf("code %s is not tested", code)
		}
	}
	for code := range unsureCodes {
		if want[code] == "" {
			t.Errorf("code %s is not tested", code)
		}
	}
	r := newRig(t, payboxsim.Options{})
	r.put(t, 1, payboxsim.Authorised)
	for code, to := range want {
		if err := r.psp.SetFaults(payboxsim.Faults{Hosts: map[string]string{"main": "code-" + code, "second": "code-" + code}}); err != nil {
			t.Fatal(err)
		}
		out, err := r.Submit(t.Context(), act(payment.Capture, 1, 100))
		got := "?"
		switch v := payment.Judge(out, err); {
		case errors.Is(err, payment.ErrStopped):
			got = stopped
		case v == payment.VerdictUnknown:
			got = doubt
		case v == payment.VerdictRetry:
			got = retry
		case v == payment.VerdictRefused:
			got = refused
		case out.State == payment.Pending:
			got = pending
		case out.State == payment.Done:
			got = ok
		}
		if got != to {
			t.Errorf("%s: %s (%+v, %v); want %s", code, got, out, err, to)
		}
		nv := map[string]string{refused: "NV-2001", doubt: "NV-2101", retry: "NV-2105", stopped: "NV-2103"}[to]
		if out.Code != nv {
			t.Errorf("%s: code %q, want %q", code, out.Code, nv)
		}
		if text := out.Message; to != ok && !strings.Contains(text, "["+code+"]") {
			t.Errorf("%s: message %q does not name it", code, text)
		}
		if m := meaningOf(code); m.retryable() != (to == retry || to == stopped) {
			t.Errorf("%s: retryable %v", code, m.retryable())
		}
	}
}

// TestStates holds every STATUS against what it means for a request.
func TestStates(t *testing.T) {
	want := map[payboxsim.Status]payment.State{payboxsim.Authorised: payment.Authorised, payboxsim.Captured: payment.Paid, payboxsim.Cancelled: payment.Cancelled, payboxsim.Refunded: payment.Refunded,
		payboxsim.Declined: payment.Open, payboxsim.ChargedBack: payment.ChargedBack}
	if len(want) != len(requestStates)+len(unsureStates) {
		t.Errorf("%d statuses tested, %d known", len(want), len(requestStates)+len(unsureStates))
	}
	for status, state := range want {
		r := newRig(t, payboxsim.Options{})
		o := "FA-1/12345EUR/abcdefghijkl"
		if err := r.psp.Put(payboxsim.Transaction{Reference: o, Amount: 12345, Status: status}); err != nil {
			t.Fatal(err)
		}
		s, err := r.Read(t.Context(), &payment.Instruction{PaymentID: o})
		if err != nil || s.State != state || s.Amount != (payment.Amount{Minor: 12345, Currency: "EUR"}) || (s.TransactionID == "") != (state == payment.Open) {
			t.Errorf("%s: %+v, %v; want %s", status, s, err, state)
		}
	}
	r := newRig(t, payboxsim.Options{})
	if err := r.psp.Put(payboxsim.Transaction{Reference: "FA-1/12345EUR/abcdefghijkl", Amount: 12345, Status: "Demande de solde (Carte cadeaux)"}); err != nil {
		t.Fatal(err)
	}
	if s, err := r.Read(t.Context(), &payment.Instruction{PaymentID: "FA-1/12345EUR/abcdefghijkl"}); err == nil {
		t.Errorf("a STATUS that says nothing: %+v", s)
	}
	if _, err := r.Read(t.Context(), &payment.Instruction{PaymentID: "someone else's"}); !errors.Is(err, payment.ErrUnknown) {
		t.Errorf("an order that is not ours: %v", err)
	}
}

func TestReadAnswer(t *testing.T) {
	const good = "NUMTRANS=0000563149&NUMAPPEL=0000782653&NUMQUESTION=0000000001&SITE=1999888&RANG=063&AUTORISATION=XXXXXX&CODEREPONSE=00000&COMMENTAIRE=Demande trait%E9e avec succ%E8s&REFABONNE=&PORTEUR="
	want := answer{Site: "1999888", Rank: "063", Number: "0000000001", Code: "00000", Comment: "Demande traitée avec succès", Trans: "0000563149", Call: "0000782653", Authorisation: "XXXXXX"}
	raw := strings.ReplaceAll(strings.ReplaceAll(good, "%E9", "\xe9"), "%E8", "\xe8")
	for _, body := range []string{good, raw, raw + "\r\n", strings.ReplaceAll(good, " ", "+"), strings.NewReplacer("%E9", "é", "%E8", "è").Replace(good)} {
		a, err := readAnswer([]byte(body))
		if err != nil || a != want {
			t.Errorf("readAnswer(%q) = %+v, %v", body, a, err)
		}
		if a.echoes("1999888", "63", 1) != nil {
			t.Error("it is the answer to this question")
		}
		for _, other := range []error{a.echoes("1999889", "63", 1), a.echoes("1999888", "64", 1), a.echoes("1999888", "63", 2)} {
			if other == nil {
				t.Error("the answer to another question is taken")
			}
		}
	}
	for _, body := range []string{"", "<html>", "CODEREPONSE=", "CODEREPONSE=0000", "CODEREPONSE=0000x", good + "&CODEREPONSE=00001", good + "&NUMTRANS=1", strings.Replace(good, "0000563149", "12345678901", 1), strings.Replace(good, "0000782653", "x", 1)} {
		if a, err := readAnswer([]byte(body)); err == nil {
			t.Errorf("readAnswer(%q) = %+v", body, a)
		}
	}
}

func FuzzReadAnswer(f *testing.F) {
	for _, s := range []string{"CODEREPONSE=00000&NUMTRANS=1&COMMENTAIRE=%E9", "CODEREPONSE=00000&STATUS=Captur\xe9", "&&==&CODEREPONSE=00006", "CODEREPONSE=%30%30%30%30%30"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		a, err := readAnswer(body)
		if err != nil {
			if a != (answer{}) {
				t.Errorf("%+v beside %v", a, err)
			}
			return
		}
		if len(a.Code) != 5 || !number(a.Code) || len(a.Trans) > 10 || len(a.Call) > 10 {
			t.Errorf("%+v", a)
		}
		for _, s := range []string{a.Comment, a.Status, a.Site, a.Rank, a.Number, a.Authorisation} {
			if !utf8.ValidString(s) {
				t.Errorf("%q is no UTF-8", s)
			}
		}
	})
}

func TestTargets(t *testing.T) {
	for in, want := range map[string]target{"563149/782653": {"0000563149", "0000782653"}, " 0000563149/0000782653 ": {"0000563149", "0000782653"},
		"": {}, "563149": {}, "a/1": {}, "1/b": {}, "12345678901/1": {}, "1/2/3": {}, "/1": {}} {
		if got, ok := parseTarget(in); got != want || ok != (want != target{}) {
			t.Errorf("parseTarget(%q) = %v, %v", in, got, ok)
		}
	}
}

func FuzzOrder(f *testing.F) {
	f.Add("FA26-00412", "deposit", int64(123456), "EUR")
	f.Add("a/b", "", int64(1), "XOF")
	f.Add("é &=", "1/2", int64(1<<62), "978")
	f.Fuzz(func(t *testing.T, ref, part string, minor int64, currency string) {
		in := &payment.Instruction{Kind: payment.Request, Reference: ref, Part: part, Amount: payment.Amount{Minor: minor, Currency: currency}}
		in.Key = payment.NewKey(in)
		o := orderOf(in)
		if len(currency) != 3 || strings.Trim(currency, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" || minor <= 0 || ref == "" {
			parseOrder(o.id)
			return
		}
		got, ok := parseOrder(o.id)
		if !ok || got != o || got.amount != in.Amount || len(o.id) > 250 || !gatewayText(o.id) {
			t.Errorf("order %q of %q, %q: read back as %+v, %v", o.id, ref, part, got, ok)
		}
	})
}

// gatewayText tells whether a text comes back from the PSP as it went.
func gatewayText(s string) bool {
	for _, r := range s {
		if r > '~' || r <= ' ' || strings.ContainsRune("&=%+", r) {
			return false
		}
	}
	return true
}

// TestSecrets: the key stands in no error and no outcome, whatever comes back.
func TestSecrets(t *testing.T) {
	r := newRig(t, payboxsim.Options{})
	r.put(t, 1, payboxsim.Authorised)
	for _, f := range []string{"echo", "html", "code-00006"} {
		if err := r.psp.Break(f); err != nil {
			t.Fatal(err)
		}
		out, err := r.Submit(t.Context(), act(payment.Capture, 1, 100))
		if text := fmt.Sprintf("%+v %v %+v", out, err, gateway.Secret(payboxsim.TestKey)); strings.Contains(text, payboxsim.TestKey[:32]) {
			t.Errorf("%s: %s", f, text)
		}
	}
}
