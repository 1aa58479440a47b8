package paybox

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/navette-connect/navette/connector/gateway"
	"github.com/navette-connect/navette/connector/gateway/gatewaytest"
	"github.com/navette-connect/navette/connector/gateway/payboxsim"
	"github.com/navette-connect/navette/connector/payment"
)

// rig is the gateway before a simulator with two hosts.
type rig struct {
	*Gateway
	psp *payboxsim.PSP
	url string
}

func options(url string) Options {
	return Options{URLs: []string{url + "/PPPS.php", url + "/second/PPPS.php"}, PageURL: url + "/php/", Site: payboxsim.TestSite, Rank: payboxsim.TestRank,
		Identifier: payboxsim.TestIdentifier, HMACKey: gateway.Secret(payboxsim.TestKey), Name: "pbx", Lang: "en", HTTP: gateway.Options{Concurrency: 4}}
}

// signer is made once: keys take their time.
var signer = sync.OnceValue(func() *rsa.PrivateKey {
	key, _ := rsa.GenerateKey(rand.Reader, 2048) // crypto/rand does not fail
	return key
})

func newRig(t testing.TB, o payboxsim.Options) *rig {
	t.Helper()
	o.Signer = signer()
	psp, err := payboxsim.New(o)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(psp.Handler())
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- psp.Run(ctx) }()
	t.Cleanup(func() { stop(); <-ended; srv.Close() })
	opt := options(srv.URL)
	opt.PublicKey = psp.PublicKey()
	g, err := New(opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.Close)
	return &rig{g, psp, srv.URL}
}

// put makes transaction number n: authorised or captured, of 100.00 EUR.
func (r *rig) put(t testing.TB, n int, s payboxsim.Status) string {
	t.Helper()
	tx := payboxsim.Transaction{Trans: fmt.Sprint(500000 + n), Call: fmt.Sprint(700000 + n), Reference: fmt.Sprintf("CW%08d", n), Amount: 10000, Status: s}
	if err := r.psp.Put(tx); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%010d/%010d", 500000+n, 700000+n)
}

// act is an operation on transaction n.
func act(op payment.Operation, n int, minor int64) *payment.Instruction {
	in := &payment.Instruction{Account: "paybox", Kind: payment.Operate, Operation: op, Reference: fmt.Sprintf("CW%08d", n), TransactionID: fmt.Sprintf("%d/%d", 500000+n, 700000+n)}
	if minor > 0 {
		in.Amount = payment.Amount{Minor: minor, Currency: "EUR"}
	}
	in.Key = payment.NewKey(in)
	return in
}

// TestCapturedOtherwise: a part that was to be captured is not what somebody else captured. The whole is.
func TestCapturedOtherwise(t *testing.T) {
	r := newRig(t, payboxsim.Options{})
	r.put(t, 1, payboxsim.Captured)
	for _, tt := range []struct {
		minor, known int64 // of the request that the transaction paid; 0: the journal does not know it
		want         payment.Verdict
	}{{5000, 10000, payment.VerdictRefused}, {10000, 10000, payment.VerdictDone}, {0, 10000, payment.VerdictDone}, {10000, 0, payment.VerdictDone}} {
		in := act(payment.Capture, 1, tt.minor)
		in.ERPKey = fmt.Sprint(tt)
		in.Key = payment.NewKey(in)
		if tt.known > 0 {
			in.Target.Amount = payment.Amount{Minor: tt.known, Currency: "EUR"}
		}
		out, err := r.Submit(t.Context(), in)
		if err != nil || out.Verdict != tt.want || !strings.HasPrefix(out.Message, "[00015]") {
			t.Errorf("%d of %d: %+v, %v; want verdict %v", tt.minor, tt.known, out, err, tt.want)
		}
	}
}

// TestStrangersAnswer: who is refused at the door is not told to which question.
func TestStrangersAnswer(t *testing.T) {
	for body, want := range map[string]error{
		"CODEREPONSE=00006&COMMENTAIRE=Acc%E8s+refus%E9":                                                 payment.ErrStopped,
		"SITE=&RANG=&NUMQUESTION=&CODEREPONSE=00006":                                                     payment.ErrStopped,
		"SITE=9999999&RANG=01&NUMQUESTION=0000000001&CODEREPONSE=00006":                                  payment.ErrUncertain, // another's
		"CODEREPONSE=00000&NUMTRANS=0000500001&NUMAPPEL=0000700001&COMMENTAIRE=Demande+trait%E9e":        payment.ErrUncertain,
		"SITE=" + payboxsim.TestSite + "&RANG=" + payboxsim.TestRank + "&NUMQUESTION=&CODEREPONSE=00006": payment.ErrUncertain,
	} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, body) }))
		g, err := New(options(srv.URL))
		if err != nil {
			t.Fatal(err)
		}
		if out, err := g.Submit(t.Context(), act(payment.Capture, 1, 10000)); !errors.Is(err, want) {
			t.Errorf("%s: %+v, %v; want kind %v", body, out, err, want)
		}
		g.Close()
		srv.Close()
	}
}

// TestSuite runs the suite of gateways with captures, since requests are not sent.
func TestSuite(t *testing.T) {
	gatewaytest.Run(t, func() (*gatewaytest.Rig, error) {
		psp, err := payboxsim.New(payboxsim.Options{Signer: signer()})
		if err != nil {
			return nil, err
		}
		srv := httptest.NewServer(psp.Handler())
		g, err := New(options(srv.URL))
		if err != nil {
			return nil, err
		}
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		l.Close()
		absent, err := New(options("http://" + l.Addr().String()))
		if err != nil {
			return nil, err
		}
		var missing error
		var mu sync.Mutex // instructions are made by many at once
		return &gatewaytest.Rig{Gateway: g, Absent: absent, Secrets: []string{payboxsim.TestKey}, Close: func() { g.Close(); absent.Close(); srv.Close() },
			Instruction: func(n int) *payment.Instruction {
				in := act(payment.Capture, n, 10000)
				in.Customer = gatewaytest.Request(n).Customer // to see that nothing of it comes back
				put := psp.Put(payboxsim.Transaction{Trans: fmt.Sprint(500000 + n), Call: fmt.Sprint(700000 + n), Reference: in.Reference, Amount: 10000})
				mu.Lock()
				defer mu.Unlock()
				missing = errors.Join(missing, put)
				return in
			},
			Break: func(f gatewaytest.Fault) bool { return psp.Break(string(f)) == nil },
			BreakLookups: func(f gatewaytest.Fault) bool {
				return psp.SetFaults(payboxsim.Faults{Reads: string(f)}) == nil
			},
			Seen: func(key string) gatewaytest.Seen {
				c := psp.Ledger().Numbers[fmt.Sprintf("%010d", askNumber(key))]
				return gatewaytest.Seen{Arrivals: c.Arrivals, Effects: c.Effects, Bodies: c.Bodies}
			}}, missing
	})
}

// TestRequestsOfSuite: a request is answered without a call, and a look-up says the same.
func TestRequests(t *testing.T) {
	r := newRig(t, payboxsim.Options{})
	in := gatewaytest.Request(1)
	out, err := r.Submit(t.Context(), in)
	if err != nil || out.Verdict != payment.VerdictDone || out.State != payment.Open || out.Matches(in) != nil {
		t.Fatalf("submit: %+v, %v", out, err)
	}
	again, err := r.Lookup(t.Context(), in)
	if err != nil || again != out {
		t.Errorf("look-up: %+v, %v; want %+v", again, err, out)
	}
	if len(r.psp.Ledger().Calls) != 0 {
		t.Errorf("the PSP was called: %v", r.psp.Ledger().Calls)
	}
	if !strings.HasPrefix(out.PaymentID, "FA26-00001/deposit/123456EUR/") {
		t.Errorf("order %q", out.PaymentID)
	}
	for _, tt := range []struct {
		want   string
		change func(in *payment.Instruction)
	}{
		{"gateway pbx asks for the customer's e-mail address (plain letters)", func(in *payment.Instruction) { in.Customer.Email = "" }},
		{"gateway pbx asks for the customer's e-mail address (plain letters)", func(in *payment.Instruction) { in.Customer.Email = "é@lefevre.example" }},
		{"gateway pbx does not take currency KWD", func(in *payment.Instruction) { in.Amount.Currency = "KWD" }},
		{"gateway pbx does not take such an amount", func(in *payment.Instruction) { in.Amount.Minor = 10_000_000_000 }},
		{"gateway pbx defers by 1 to 7 days, not by 8", func(in *payment.Instruction) {
			in.Capture = payment.CaptureMode{Mode: "deferred", DelayDays: 8}
		}},
	} {
		bad := *gatewaytest.Request(2)
		tt.change(&bad)
		if out, err := r.Submit(t.Context(), &bad); err != nil || out.Verdict != payment.VerdictRefused || out.Code != gateway.CodeUnsupported || out.Message != tt.want {
			t.Errorf("%s: %+v, %v", tt.want, out, err)
		}
		if why := r.Fits(&bad); why == nil || why.In("en") != tt.want || why.Check() != nil {
			t.Errorf("at intake: %v; want %s", why, tt.want)
		}
	}
	if why := r.Fits(in); why != nil {
		t.Errorf("a good request: %v", why)
	}
}

// TestFits: what is refused of an operation before it is asked.
func TestFits(t *testing.T) {
	g, err := New(options("http://127.0.0.1:1"))
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		want   string // "" = fine
		change func(in *payment.Instruction)
	}{
		"fine":                    {"", func(*payment.Instruction) {}},
		"the whole":               {"", func(in *payment.Instruction) { in.Amount = payment.Amount{} }},
		"by reference":            {"", func(in *payment.Instruction) { in.TransactionID = "" }},
		"no such id":              {"NV-2002.target", func(in *payment.Instruction) { in.TransactionID = "T-1" }},
		"no target":               {"NV-2002.target", func(in *payment.Instruction) { in.TransactionID, in.Reference = "", "" }},
		"currency":                {"NV-2002.currency", func(in *payment.Instruction) { in.Amount.Currency = "KWD" }},
		"amount":                  {"NV-2002.amount", func(in *payment.Instruction) { in.Amount.Minor = 1e10 }},
		"modify without amount":   {"NV-2002.amount_needed", func(in *payment.Instruction) { in.Operation, in.Amount = payment.Modify, payment.Amount{} }},
		"long reference":          {"NV-2002.reference", func(in *payment.Instruction) { in.Reference = strings.Repeat("x", 251) }},
		"a consultation needs id": {"NV-2002.target", func(in *payment.Instruction) { in.Operation, in.TransactionID = payment.Consult, "1/x" }},
	} {
		in := act(payment.Refund, 1, 100)
		tt.change(in)
		why := g.Fits(in)
		if (why == nil) != (tt.want == "") || why != nil && (why.Key != tt.want || why.Check() != nil) {
			t.Errorf("%s: %+v, want %q", name, why, tt.want)
		}
	}
}

func TestSupports(t *testing.T) {
	g, err := New(options("http://127.0.0.1:1"))
	if err != nil {
		t.Fatal(err)
	}
	for _, op := range payment.Operations {
		if got, want := g.Supports(payment.Operate, op), op != payment.Duplicate; got != want {
			t.Errorf("Supports(%s) = %v", op, got)
		}
	}
	o := options("http://127.0.0.1:1")
	o.PageURL, o.Identifier = "", ""
	blind, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	if !g.Supports(payment.Request, "") || blind.Supports(payment.Request, "") {
		t.Error("requests need paypage_url, and nothing else")
	}
	if out, err := g.Submit(t.Context(), act(payment.Duplicate, 1, 100)); err != nil || out.Verdict != payment.VerdictRefused || out.Code != gateway.CodeUnsupported {
		t.Errorf("duplicate: %+v, %v", out, err)
	}
}

// TestOperations: what each does at the PSP, and what it answers when it was done before.
func TestOperations(t *testing.T) {
	type step struct {
		op     payment.Operation
		minor  int64
		tx     int
		want   payment.State
		code   string // of the PSP, in the message
		status string
	}
	for _, tt := range []struct {
		name  string
		start payboxsim.Status
		steps []step
		end   payboxsim.Transaction
	}{
		{"capture whole", payboxsim.Authorised, []step{{payment.Capture, 10000, 1, payment.Done, "", ""}, {payment.Consult, 0, 1, payment.Done, "00000", "Capturé"}},
			payboxsim.Transaction{Status: payboxsim.Captured, Captured: 10000}},
		{"capture part", payboxsim.Authorised, []step{{payment.Capture, 6000, 1, payment.Done, "", ""}}, payboxsim.Transaction{Status: payboxsim.Captured, Captured: 6000}},
		{"capture too much", payboxsim.Authorised, []step{{payment.Capture, 10001, 1, payment.Refused, "00011", ""}}, payboxsim.Transaction{Status: payboxsim.Authorised}},
		{"capture twice is done", payboxsim.Captured, []step{{payment.Capture, 10000, 1, payment.Done, "00015", ""}}, payboxsim.Transaction{Status: payboxsim.Captured, Captured: 10000}},
		{"cancel", payboxsim.Authorised, []step{{payment.Cancel, 10000, 1, payment.Done, "", ""}, {payment.Cancel, 10000, 1, payment.Done, "00015", ""}}, payboxsim.Transaction{Status: payboxsim.Cancelled}},
		{"refund in parts", payboxsim.Captured, []step{{payment.Refund, 4000, 1, payment.Done, "", ""}, {payment.Refund, 7000, 1, payment.Refused, "00011", ""}, {payment.Refund, 6000, 1, payment.Done, "", ""},
			{payment.Consult, 0, 1, payment.Done, "00000", "Remboursé"}, {payment.Refund, 10000, 1, payment.Done, "", "Remboursé"}},
			payboxsim.Transaction{Status: payboxsim.Refunded, Captured: 10000, Refunded: 10000}},
		{"refund of what is not captured", payboxsim.Authorised, []step{{payment.Refund, 100, 1, payment.Refused, "00014", ""}}, payboxsim.Transaction{Status: payboxsim.Authorised}},
		{"modify", payboxsim.Authorised, []step{{payment.Modify, 8000, 1, payment.Done, "", ""}, {payment.Capture, 8001, 1, payment.Refused, "00011", ""}}, payboxsim.Transaction{Status: payboxsim.Authorised}},
		{"unknown transaction", payboxsim.Authorised, []step{{payment.Capture, 100, 9, payment.Refused, "00018", ""}, {payment.Consult, 0, 9, payment.Refused, "00018", ""}}, payboxsim.Transaction{Status: payboxsim.Authorised}},
		{"no amount, and none known", payboxsim.Authorised, []step{{payment.Capture, 0, 1, payment.Refused, "gateway pbx asks for the amount of this operation", ""}}, payboxsim.Transaction{Status: payboxsim.Authorised}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, payboxsim.Options{})
			r.put(t, 1, tt.start)
			for i, s := range tt.steps {
				in := act(s.op, s.tx, s.minor)
				in.ERPKey = fmt.Sprint(i) // each an act of its own
				in.Key = payment.NewKey(in)
				out, err := r.Submit(t.Context(), in)
				if err != nil || out.State != s.want || s.code != "" && !strings.HasPrefix(out.Message, "["+s.code+"]") && out.Message != s.code || s.code == "" && out.Message != "" || s.status != "" && out.TransactionState != s.status {
					t.Errorf("step %d, %s: %+v, %v; want %s, code %q, status %q", i, s.op, out, err, s.want, s.code, s.status)
				}
				if s.want == payment.Refused && !strings.HasPrefix(out.Code, "NV-20") {
					t.Errorf("step %d: code %q", i, out.Code)
				}
			}
			for _, tx := range r.psp.Ledger().Transactions {
				if tx.Trans == "0000500001" && (tx.Status != tt.end.Status || tx.Captured != tt.end.Captured || tx.Refunded != tt.end.Refunded) {
					t.Errorf("in the end %+v; want %+v", tx, tt.end)
				}
			}
		})
	}
}

// TestCaptureNumber: a capture has a number of its own, which later operations use.
func TestCaptureNumber(t *testing.T) {
	r := newRig(t, payboxsim.Options{})
	first := r.put(t, 1, payboxsim.Authorised)
	out, err := r.Submit(t.Context(), act(payment.Capture, 1, 10000))
	if err != nil || out.TransactionID == first || out.TransactionID == "" {
		t.Fatalf("capture: %+v, %v; want a number other than %s", out, err, first)
	}
	refund := act(payment.Refund, 1, 500)
	refund.TransactionID = out.TransactionID
	if out, err := r.Submit(t.Context(), refund); err != nil || out.State != payment.Done {
		t.Errorf("refund by the capture's number: %+v, %v", out, err)
	}
}

// TestHosts: what one host certainly did not do is asked of the other, once; what it may have done is not.
func TestHosts(t *testing.T) {
	for _, tt := range []struct {
		main, second string
		verdict      payment.Verdict
		effects      int
		look         bool
	}{
		{"", "", payment.VerdictDone, 1, false},
		{"code-00001", "", payment.VerdictDone, 1, false},
		{"code-00003", "", payment.VerdictDone, 1, false},
		{"code-00003", "code-00001", payment.VerdictRetry, 0, true},
		{"cut", "", payment.VerdictUnknown, 0, false},
		{"lost", "", payment.VerdictUnknown, 1, false},
		{"503", "", payment.VerdictRetry, 0, true},
		{"code-00003", "lost", payment.VerdictUnknown, 1, false},
		{"code-00006", "", payment.VerdictRetry, 0, false}, // stopped
	} {
		t.Run(tt.main+" "+tt.second, func(t *testing.T) {
			r := newRig(t, payboxsim.Options{})
			r.put(t, 1, payboxsim.Captured)
			if err := r.psp.SetFaults(payboxsim.Faults{Hosts: map[string]string{"main": tt.main, "second": tt.second}}); err != nil {
				t.Fatal(err)
			}
			out, err := r.Submit(t.Context(), act(payment.Refund, 1, 100))
			if got := payment.Judge(out, err); got != tt.verdict || out.LookFirst != tt.look {
				t.Errorf("verdict %v, look first %v, %v; want %v, %v", got, out.LookFirst, err, tt.verdict, tt.look)
			}
			if tt.main == "code-00006" && !errors.Is(err, payment.ErrStopped) {
				t.Errorf("error %v; want kind %v", err, payment.ErrStopped)
			}
			if n := len(r.psp.Ledger().Acts); n != tt.effects {
				t.Errorf("%d effects, want %d", n, tt.effects)
			}
		})
	}
	t.Run("nobody at the first", func(t *testing.T) {
		r := newRig(t, payboxsim.Options{})
		r.put(t, 1, payboxsim.Captured)
		r.urls[0] = "http://127.0.0.1:1/PPPS.php"
		for i := range 2 {
			if out, err := r.Submit(t.Context(), act(payment.Refund, 1, int64(100+i))); err != nil || out.State != payment.Done {
				t.Errorf("%+v, %v", out, err)
			}
		}
		if r.preferred.Load() != 1 {
			t.Error("the host that answers is not asked first")
		}
	})
}

// TestSameNumber: a question that arrived before does not act again the same day, and what it did is looked up.
func TestSameNumber(t *testing.T) {
	r := newRig(t, payboxsim.Options{})
	r.put(t, 1, payboxsim.Captured)
	part, whole := act(payment.Refund, 1, 4000), act(payment.Refund, 1, 6000)
	for _, in := range []*payment.Instruction{part, whole} {
		if err := r.psp.Break("lost"); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Submit(t.Context(), in); !errors.Is(err, payment.ErrUncertain) {
			t.Fatalf("lost: %v", err)
		}
		if in == part { // nothing tells whether this part went back
			if _, err := r.Lookup(t.Context(), in); !errors.Is(err, payment.ErrUnsupported) {
				t.Errorf("look-up of a part: %v", err)
			}
			if _, err := r.Submit(t.Context(), in); !errors.Is(err, payment.ErrUncertain) || !strings.Contains(err.Error(), "[00039]") {
				t.Errorf("a second time: %v; want uncertain, [00039]", err)
			}
		}
	}
	if out, err := r.Submit(t.Context(), whole); err != nil || out.State != payment.Done { // the rest: the whole is back
		t.Errorf("the rest a second time: %+v, %v", out, err)
	}
	if l := r.psp.Ledger(); len(l.Acts) != 2 || l.Doubles != 0 {
		t.Errorf("effects %v, doubles %d", l.Acts, l.Doubles)
	}
}

// TestNumberSpent: an operation that was refused, its answer lost, is not asked again and again the same day; on the next
// one it is refused in words.
func TestNumberSpent(t *testing.T) {
	r := newRig(t, payboxsim.Options{})
	r.put(t, 1, payboxsim.Authorised)
	if err := r.psp.Break("lost"); err != nil {
		t.Fatal(err)
	}
	in := act(payment.Capture, 1, 10001)
	for _, want := range []error{payment.ErrUnknown, payment.ErrUnsupported} {
		if _, err := r.Submit(t.Context(), in); !errors.Is(err, payment.ErrUncertain) {
			t.Fatalf("submit: %v, want uncertain", err)
		}
		if _, err := r.Lookup(t.Context(), in); !errors.Is(err, want) {
			t.Errorf("look-up: %v, want %v", err, want)
		}
	}
	r.psp.Advance(24 * time.Hour)
	today := r.now
	r.now = func() time.Time { return today().Add(24 * time.Hour) }
	if _, err := r.Lookup(t.Context(), in); !errors.Is(err, payment.ErrUnknown) {
		t.Errorf("look-up on the next day: %v", err)
	}
	if out, err := r.Submit(t.Context(), in); err != nil || out.State != payment.Refused || !strings.HasPrefix(out.Message, "[00011]") {
		t.Errorf("on the next day: %+v, %v", out, err)
	}
}

// TestLookup holds every line of the table of sights against the simulator, and what is in none.
func TestLookup(t *testing.T) {
	for _, tt := range []struct {
		op    payment.Operation
		start payboxsim.Status
		kind  error // nil: done
	}{
		{payment.Capture, payboxsim.Authorised, payment.ErrUnknown},
		{payment.Capture, payboxsim.Captured, nil},
		{payment.Capture, payboxsim.Cancelled, payment.ErrUnsupported},
		{payment.Capture, payboxsim.Declined, payment.ErrUnsupported},
		{payment.Cancel, payboxsim.Authorised, payment.ErrUnknown},
		{payment.Cancel, payboxsim.Captured, payment.ErrUnknown},
		{payment.Cancel, payboxsim.Cancelled, nil},
		{payment.Cancel, payboxsim.Refunded, payment.ErrUnsupported},
		{payment.Refund, payboxsim.Captured, payment.ErrUnsupported},
		{payment.Refund, payboxsim.Refunded, nil},
		{payment.Modify, payboxsim.Authorised, payment.ErrUnsupported},
		{payment.Consult, payboxsim.Authorised, nil},
	} {
		r := newRig(t, payboxsim.Options{})
		r.put(t, 1, tt.start)
		out, err := r.Lookup(t.Context(), act(tt.op, 1, 10000))
		if tt.kind == nil && (err != nil || out.State != payment.Done) || tt.kind != nil && !errors.Is(err, tt.kind) {
			t.Errorf("%s of %s: %+v, %v; want %v", tt.op, tt.start, out, err, tt.kind)
		}
		if out, err := r.Lookup(t.Context(), act(tt.op, 2, 10000)); tt.op != payment.Consult && !errors.Is(err, payment.ErrUnsupported) {
			t.Errorf("%s of nothing: %+v, %v; want unsupported", tt.op, out, err)
		}
	}
}

func TestPing(t *testing.T) {
	r := newRig(t, payboxsim.Options{})
	if err := r.Ping(t.Context()); err != nil {
		t.Errorf("Ping: %v", err)
	}
	if l := r.psp.Ledger(); len(l.Acts) != 0 || l.Calls["00017"] != 1 || len(l.Calls) != 1 {
		t.Errorf("Ping asked %v, with effects %v", l.Calls, l.Acts)
	}
	o := options(r.url)
	o.HMACKey = gateway.Secret(strings.Repeat("AB", 64))
	wrong, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := wrong.Ping(t.Context()); !errors.Is(err, payment.ErrStopped) || gateway.CodeOf(err) != gateway.CodeCredentials {
		t.Errorf("Ping with a wrong key: %v", err)
	}
}

func TestNewRefuses(t *testing.T) {
	for name, change := range map[string]func(*Options){
		"urls":       func(o *Options) { o.URLs = nil },
		"address":    func(o *Options) { o.URLs = []string{"ppps.paybox.com"} },
		"site":       func(o *Options) { o.Site = "199988" },
		"rank":       func(o *Options) { o.Rank = "6x" },
		"identifier": func(o *Options) { o.Identifier = "" },
		"hmac_key":   func(o *Options) { o.HMACKey = "not hexadecimal" },
		"public_key": func(o *Options) { o.PublicKey = []byte("no PEM") },
	} {
		o := options("http://127.0.0.1:1")
		change(&o)
		if _, err := New(o); err == nil || strings.Contains(err.Error(), "not hexadecimal") {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

// TestQuestionsRefused: what Paybox says no to before an operation leaves, or tells without numbers, refuses that row; it is
// no reason to keep the others waiting.
func TestQuestionsRefused(t *testing.T) {
	for answer, want := range map[string]payment.Verdict{"CODEREPONSE=00012&COMMENTAIRE=R%E9f%E9rence": payment.VerdictRefused, "CODEREPONSE=00000&NUMTRANS=&NUMAPPEL=": payment.VerdictRefused,
		"CODEREPONSE=00003&COMMENTAIRE=Erreur": payment.VerdictRetry} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprintf(w, "SITE=%s&RANG=%s&NUMQUESTION=%s&%s", payboxsim.TestSite, payboxsim.TestRank, r.PostFormValue("NUMQUESTION"), answer)
		}))
		g, err := New(options(srv.URL))
		if err != nil {
			t.Fatal(err)
		}
		in := act(payment.Capture, 1, 10000)
		in.TransactionID, in.Target.PaymentID = "", "FA-1/10000EUR/abcdefghijkl"
		out, err := g.Submit(t.Context(), in)
		if err != nil || out.Verdict != want || want == payment.VerdictRefused && !strings.HasPrefix(out.Message, "[000") {
			t.Errorf("%s: %+v, %v; want verdict %v", answer, out, err, want)
		}
		if err := g.Ping(t.Context()); (err == nil) != (want == payment.VerdictRefused) { // it was read, and judged
			t.Errorf("%s: ping: %v", answer, err)
		}
		g.Close()
		srv.Close()
	}
}
