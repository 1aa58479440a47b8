package sips_test

import (
	"context"
	"errors"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/navette-connect/navette/connector/gateway"
	"github.com/navette-connect/navette/connector/gateway/gatewaytest"
	"github.com/navette-connect/navette/connector/gateway/sips"
	"github.com/navette-connect/navette/connector/gateway/sipssim"
	"github.com/navette-connect/navette/connector/payment"
)

// bench is a gateway before the simulator.
type bench struct {
	*sips.Gateway
	psp *sipssim.PSP
	now time.Time // of the gateway
	mu  sync.Mutex
}

func (b *bench) clock() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.now
}

func (b *bench) sleep(d time.Duration) {
	b.mu.Lock()
	b.now = b.now.Add(d)
	b.mu.Unlock()
	b.psp.Advance(d)
}

func open(t *testing.T, o sipssim.Options, change ...func(*sips.Options)) *bench {
	t.Helper()
	b := &bench{now: time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)}
	var err error
	if b.psp, err = sipssim.New(o); err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(b.psp.Handler())
	t.Cleanup(srv.Close)
	opt := sips.Options{URL: srv.URL, PaypageURL: srv.URL, Merchant: sipssim.TestMerchant, Keys: map[string]gateway.Secret{"1": sipssim.TestKey}, Lang: "en", Production: true, Now: b.clock,
		HTTP: gateway.Options{Timeout: 10 * time.Second}}
	for _, c := range change {
		c(&opt)
	}
	if b.Gateway, err = sips.New(opt); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- b.psp.Run(ctx) }()
	t.Cleanup(func() { stop(); <-ended })
	return b
}

func eur(v int64) payment.Amount { return payment.Amount{Minor: v, Currency: "EUR"} }

// TestSuite tries the suite with duplicates: a payment request calls nobody at Sips.
func TestSuite(t *testing.T) {
	gatewaytest.Run(t, func() (*gatewaytest.Rig, error) {
		psp, err := sipssim.New(sipssim.Options{})
		if err != nil {
			return nil, err
		}
		psp.Put(sipssim.Transaction{Reference: "OLD", Status: "CAPTURED", Currency: "978", Amount: 1, Current: 1})
		srv := httptest.NewServer(psp.Handler())
		o := sips.Options{URL: srv.URL, Merchant: sipssim.TestMerchant, Keys: map[string]gateway.Secret{"1": sipssim.TestKey}, Lang: "en"}
		g, err := sips.New(o)
		if err != nil {
			return nil, err
		}
		o.URL = "http://127.0.0.1:1"
		absent, err := sips.New(o)
		if err != nil {
			return nil, err
		}
		key := func(n int) *payment.Instruction {
			in := gatewaytest.Request(n)
			in.Kind, in.Operation, in.TransactionID, in.ERPKey = payment.Operate, payment.Duplicate, "OLD", in.Reference
			in.Key = payment.NewKey(in)
			return in
		}
		plan := func(function string, f gatewaytest.Fault, always bool) bool {
			return psp.SetFaults(sipssim.Fault{Function: function, What: string(f), Always: always}) == nil
		}
		return &gatewaytest.Rig{Gateway: g, Absent: absent, Instruction: key, Secrets: []string{sipssim.TestKey},
			Break: func(f gatewaytest.Fault) bool { return plan("duplicate", f, false) },
			BreakLookups: func(f gatewaytest.Fault) bool {
				return f != "404" && f != "405" && f != "501" && plan("getTransactionData", f, true)
			},
			Seen: func(key string) gatewaytest.Seen {
				c := psp.LedgerNow().Counts["duplicate/"+key]
				return gatewaytest.Seen{Arrivals: c.Arrivals, Effects: c.Effects, Bodies: c.Bodies}
			},
			Close: func() { srv.CloseClientConnections(); srv.Close(); g.Close() }}, nil
	})
}

// A look-up that is answered by another interface proves nothing and stops the gateway.
func TestLookupAtAWrongAddress(t *testing.T) {
	for _, status := range []string{"404", "405", "301", "407"} {
		b := open(t, sipssim.Options{})
		if err := b.psp.SetFaults(sipssim.Fault{Function: "getTransactionData", What: status}); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Lookup(t.Context(), operation(payment.Refund, "T1", eur(0))); !errors.Is(err, payment.ErrStopped) {
			t.Errorf("%s: %v, want stopped", status, err)
		}
	}
}

func operation(op payment.Operation, ref string, sum payment.Amount) *payment.Instruction {
	if sum.Minor == 0 {
		sum = payment.Amount{}
	}
	in := &payment.Instruction{Account: "sips:test", Kind: payment.Operate, Operation: op, TransactionID: ref, Reference: "F1", Amount: sum, ERPKey: string(op) + ref + sum.String()}
	in.Key = payment.NewKey(in)
	return in
}

// Each operation in each status: what is sent, what is answered, how the transaction stands then.
func TestOperations(t *testing.T) {
	for _, tt := range []struct {
		name    string
		op      payment.Operation
		status  string
		amount  int64 // of the operation; 0 = whole
		verdict payment.Verdict
		begins  string // the message
		after   string // status
		left    int64
		calls   int // of the function that acts
	}{
		{"validate whole", payment.Capture, "TO_VALIDATE", 0, payment.VerdictDone, "", "TO_CAPTURE", 1000, 1},
		{"validate part", payment.Capture, "TO_VALIDATE", 700, payment.VerdictDone, "", "TO_CAPTURE", 700, 1},
		{"validate too much", payment.Capture, "TO_VALIDATE", 1001, payment.VerdictRefused, "[51]", "TO_VALIDATE", 1000, 1},
		{"validate what needs none", payment.Capture, "TO_CAPTURE", 0, payment.VerdictDone, "", "TO_CAPTURE", 1000, 0},
		{"validate what is cancelled", payment.Capture, "CANCELLED", 0, payment.VerdictRefused, "[24]", "CANCELLED", 1000, 1},
		{"cancel whole", payment.Cancel, "TO_CAPTURE", 0, payment.VerdictDone, "", "CANCELLED", 0, 1},
		{"cancel part", payment.Cancel, "TO_VALIDATE", 300, payment.VerdictDone, "", "TO_VALIDATE", 700, 1},
		{"cancel what is cancelled", payment.Cancel, "CANCELLED", 0, payment.VerdictDone, "", "CANCELLED", 1000, 0},
		{"cancel what is remitted", payment.Cancel, "CAPTURED", 0, payment.VerdictRefused, "[24]", "CAPTURED", 1000, 1},
		{"refund whole", payment.Refund, "CAPTURED", 0, payment.VerdictDone, "", "CREDITED", 0, 1},
		{"refund part", payment.Refund, "CAPTURED", 400, payment.VerdictDone, "", "CAPTURED", 600, 1},
		{"refund too much", payment.Refund, "CAPTURED", 1001, payment.VerdictRefused, "[51]", "CAPTURED", 1000, 1},
		{"refund before the remittance", payment.Refund, "TO_CAPTURE", 0, payment.VerdictRefused, "[24]", "TO_CAPTURE", 1000, 1},
		{"refund what is refunded", payment.Refund, "CREDITED", 0, payment.VerdictDone, "", "CREDITED", 1000, 0},
		{"lower", payment.Modify, "TO_CAPTURE", 600, payment.VerdictDone, "", "TO_CAPTURE", 600, 1},
		{"lower to the same", payment.Modify, "TO_CAPTURE", 1000, payment.VerdictDone, "", "TO_CAPTURE", 1000, 0},
		{"raise", payment.Modify, "TO_CAPTURE", 1001, payment.VerdictRefused, "[51]", "TO_CAPTURE", 1000, 0},
		{"modify nothing", payment.Modify, "TO_CAPTURE", 0, payment.VerdictRefused, "[12]", "TO_CAPTURE", 1000, 0},
		{"duplicate", payment.Duplicate, "EXPIRED", 0, payment.VerdictDone, "", "EXPIRED", 1000, 1},
		{"duplicate for another amount", payment.Duplicate, "CAPTURED", 5000, payment.VerdictDone, "", "CAPTURED", 1000, 1},
		{"consult", payment.Consult, "TO_CHALLENGE", 0, payment.VerdictDone, "TO_CHALLENGE", "TO_CHALLENGE", 1000, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := open(t, sipssim.Options{})
			b.psp.Put(sipssim.Transaction{Reference: "T1", Status: tt.status, Currency: "978", Amount: 1000, Current: 1000})
			in := operation(tt.op, "T1", eur(tt.amount))
			out, err := b.Submit(t.Context(), in)
			if err != nil || out.Verdict != tt.verdict || !strings.HasPrefix(out.Message, tt.begins) {
				t.Fatalf("verdict %v, %q %q, error %v; want %v, %q", out.Verdict, out.Code, out.Message, err, tt.verdict, tt.begins)
			}
			if out.Verdict == payment.VerdictRefused && !strings.HasPrefix(out.Code, "NV-20") {
				t.Errorf("code %q", out.Code)
			}
			l := b.psp.LedgerNow()
			if tr := l.Transactions[0]; tr.Status != tt.after || tr.Current != tt.left {
				t.Errorf("the transaction is %s, %d; want %s, %d", tr.Status, tr.Current, tt.after, tt.left)
			}
			name := map[payment.Operation]string{payment.Capture: "validate", payment.Cancel: "cancel", payment.Refund: "refund", payment.Modify: "cancel", payment.Duplicate: "duplicate", payment.Consult: "none"}[tt.op]
			if l.Calls[name] != tt.calls {
				t.Errorf("%d calls of %s, want %d", l.Calls[name], name, tt.calls)
			}
		})
	}
}

// What a lost answer leaves, by operation: what can be told is told, the rest is for a person; never a second effect.
func TestLookupAfterALostAnswer(t *testing.T) {
	for _, tt := range []struct {
		name   string
		op     payment.Operation
		status string
		amount int64
		fault  string // lost: it acted; cut: it did not
		want   error  // nil: found done
	}{
		{"validate whole", payment.Capture, "TO_VALIDATE", 0, "lost", nil},
		{"validate whole, never arrived", payment.Capture, "TO_VALIDATE", 0, "cut", payment.ErrUnknown},
		{"validate part", payment.Capture, "TO_VALIDATE", 700, "lost", nil},
		{"validate part, never arrived", payment.Capture, "TO_VALIDATE", 700, "cut", payment.ErrUnknown},
		{"cancel whole", payment.Cancel, "TO_CAPTURE", 0, "lost", nil},
		{"cancel whole, never arrived", payment.Cancel, "TO_CAPTURE", 0, "cut", payment.ErrUnknown},
		{"cancel the whole by its amount", payment.Cancel, "TO_CAPTURE", 1000, "lost", nil},
		{"cancel part", payment.Cancel, "TO_CAPTURE", 300, "lost", nil},
		{"cancel part, never arrived", payment.Cancel, "TO_CAPTURE", 300, "cut", payment.ErrUnsupported},
		{"refund whole", payment.Refund, "CAPTURED", 0, "lost", nil},
		{"refund whole, never arrived", payment.Refund, "CAPTURED", 0, "cut", payment.ErrUnknown},
		{"refund part", payment.Refund, "CAPTURED", 300, "lost", nil},
		{"refund part, never arrived", payment.Refund, "CAPTURED", 300, "cut", payment.ErrUnsupported},
		{"lower", payment.Modify, "TO_CAPTURE", 600, "lost", nil},
		{"lower, never arrived", payment.Modify, "TO_CAPTURE", 600, "cut", payment.ErrUnsupported},
		{"duplicate", payment.Duplicate, "CAPTURED", 500, "lost", nil},
		{"duplicate, never arrived", payment.Duplicate, "CAPTURED", 500, "cut", payment.ErrUnknown},
		{"60 after the effect", payment.Capture, "TO_VALIDATE", 0, "done-code-60", nil},
		{"97 without effect", payment.Cancel, "TO_CAPTURE", 0, "code-97", payment.ErrUnknown},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := open(t, sipssim.Options{}, func(o *sips.Options) { o.Production = false })
			b.psp.Put(sipssim.Transaction{Reference: "T1", Status: tt.status, Currency: "978", Amount: 1000, Current: 1000})
			if err := b.psp.SetFaults(sipssim.Fault{What: tt.fault}); err != nil {
				t.Fatal(err)
			}
			in := operation(tt.op, "T1", eur(tt.amount))
			if _, err := b.Submit(t.Context(), in); !errors.Is(err, payment.ErrUncertain) {
				t.Fatalf("submit: %v, want uncertain", err)
			}
			out, err := b.Lookup(t.Context(), in)
			if tt.want == nil && (err != nil || out.Verdict != payment.VerdictDone || out.State != payment.Done) || tt.want != nil && !errors.Is(err, tt.want) {
				t.Errorf("look-up: verdict %v, state %s, error %v; want %v", out.Verdict, out.State, err, tt.want)
			}
		})
	}
}

// A part is found by what the transaction is worth less: not after a restart, nor when two of them left at once.
func TestLookupOfAPart(t *testing.T) {
	b := open(t, sipssim.Options{}, func(o *sips.Options) { o.Production = false })
	b.psp.Put(sipssim.Transaction{Reference: "T1", Status: "CAPTURED", Currency: "978", Amount: 1000, Current: 1000})
	b.psp.Put(sipssim.Transaction{Reference: "T2", Status: "CAPTURED", Currency: "978", Amount: 1000, Current: 1000})
	part := func(transaction, key string) *payment.Instruction {
		in := operation(payment.Refund, transaction, eur(100))
		in.ERPKey = key
		in.Key = payment.NewKey(in)
		if err := b.psp.SetFaults(sipssim.Fault{What: "lost"}); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Submit(t.Context(), in); !errors.Is(err, payment.ErrUncertain) {
			t.Fatalf("submit: %v, want uncertain", err)
		}
		return in
	}
	one := part("T1", "1")
	for range 2 {
		if out, err := b.Lookup(t.Context(), one); err != nil || out.State != payment.Done {
			t.Errorf("one part: %+v, %v; want done", out, err)
		}
	}
	if next := part("T1", "2"); next != nil {
		if out, err := b.Lookup(t.Context(), next); err != nil || out.State != payment.Done {
			t.Errorf("the next part: %+v, %v; want done", out, err)
		}
	}
	restarted := open(t, sipssim.Options{}, func(o *sips.Options) { o.Production = false })
	restarted.psp.Put(sipssim.Transaction{Reference: "T1", Status: "CAPTURED", Currency: "978", Amount: 1000, Current: 900})
	if _, err := restarted.Lookup(t.Context(), one); !errors.Is(err, payment.ErrUnsupported) {
		t.Errorf("after a restart: %v, want a person", err)
	}
	for _, in := range []*payment.Instruction{part("T2", "3"), part("T2", "4")} {
		if _, err := b.Lookup(t.Context(), in); !errors.Is(err, payment.ErrUnsupported) {
			t.Errorf("two at once: %v, want a person", err)
		}
	}
}

// Every responseCode that a cash operation may get, row by row.
func TestCodes(t *testing.T) {
	for code, want := range map[string]struct {
		verdict payment.Verdict
		kind    error
		look    bool
		nv      string
	}{
		"02": {verdict: payment.VerdictRefused, nv: "NV-2001"}, "03": {verdict: payment.VerdictRefused, nv: "NV-2001"}, "05": {verdict: payment.VerdictRefused, nv: "NV-2001"},
		"12": {verdict: payment.VerdictRefused, nv: "NV-2001"}, "14": {verdict: payment.VerdictRefused, nv: "NV-2001"}, "17": {verdict: payment.VerdictRefused, nv: "NV-2001"},
		"24": {verdict: payment.VerdictRefused, nv: "NV-2001"}, "30": {verdict: payment.VerdictRefused, nv: "NV-2001"}, "40": {verdict: payment.VerdictRefused, nv: "NV-2002"},
		"51": {verdict: payment.VerdictRefused, nv: "NV-2001"}, "54": {verdict: payment.VerdictRefused, nv: "NV-2001"}, "63": {verdict: payment.VerdictRefused, nv: "NV-2001"},
		"75": {verdict: payment.VerdictRefused, nv: "NV-2001"}, "94": {verdict: payment.VerdictRefused, nv: "NV-2001"},
		"34": {verdict: payment.VerdictRetry, kind: payment.ErrStopped, nv: "NV-2103"},
		"60": {kind: payment.ErrUncertain, nv: "NV-2101"}, "97": {kind: payment.ErrUncertain, nv: "NV-2101"}, "00": {verdict: payment.VerdictDone},
		"90": {verdict: payment.VerdictRetry, nv: "NV-2105"}, "99": {verdict: payment.VerdictRetry, look: true, nv: "NV-2105"},
		"25": {verdict: payment.VerdictRetry, nv: "NV-2105"},
		"98": {kind: payment.ErrUncertain, nv: "NV-2101"}, // in no table
	} {
		b := open(t, sipssim.Options{})
		b.psp.Put(sipssim.Transaction{Reference: "T1", Status: "CAPTURED", Currency: "978", Amount: 1000, Current: 1000})
		if err := b.psp.SetFaults(sipssim.Fault{Function: "refund", What: "code-" + code}); err != nil {
			t.Fatal(err)
		}
		out, err := b.Submit(t.Context(), operation(payment.Refund, "T1", eur(100)))
		if got := payment.Judge(out, err); got != want.verdict || (want.kind == nil) != (err == nil) || want.kind != nil && !errors.Is(err, want.kind) || out.LookFirst != want.look || out.Code != want.nv {
			t.Errorf("%s: verdict %v, code %q, look %v, error %v; want %+v", code, got, out.Code, out.LookFirst, err, want)
		}
		if code != "00" && !strings.HasPrefix(out.Message, "["+code+"] ") {
			t.Errorf("%s: message %q", code, out.Message)
		}
	}
}

// A transaction that Sips does not know yet is waited for; one it never knows is refused in the end.
func TestYoungTransaction(t *testing.T) {
	b := open(t, sipssim.Options{Lag: 40 * time.Second})
	b.psp.Put(sipssim.Transaction{Reference: "T1", Status: "TO_VALIDATE", Currency: "978", Amount: 1000, Current: 1000})
	in := operation(payment.Capture, "T1", eur(1000))
	for try := 0; ; try++ {
		out, err := b.Submit(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		if out.Verdict == payment.VerdictDone {
			if try == 0 {
				t.Error("done at once, in spite of the lag")
			}
			break
		}
		if out.Verdict != payment.VerdictRetry || !out.Alone || out.Wait <= 0 || try > 10 {
			t.Fatalf("try %d: %+v", try, out)
		}
		b.sleep(out.Wait)
	}
	never := operation(payment.Capture, "NOBODY", eur(1000))
	for range 20 {
		out, err := b.Submit(t.Context(), never)
		if err != nil {
			t.Fatal(err)
		}
		if out.Verdict == payment.VerdictRefused {
			if !strings.HasPrefix(out.Message, "[25]") {
				t.Errorf("message %q", out.Message)
			}
			return
		}
		b.sleep(out.Wait)
	}
	t.Error("an unknown transaction is waited for for ever")
}

// A process that lives for one pass waits no longer than one that stays.
func TestYoungInAnotherLife(t *testing.T) {
	for _, tt := range []struct {
		since time.Duration
		want  payment.Verdict
	}{{time.Minute, payment.VerdictRetry}, {3 * time.Minute, payment.VerdictRefused}} {
		b := open(t, sipssim.Options{})
		in := operation(payment.Capture, "NOBODY", eur(1000))
		in.Trace.SentAt = b.clock().Add(-tt.since).UnixMicro()
		if out, err := b.Submit(t.Context(), in); err != nil || out.Verdict != tt.want || !strings.HasPrefix(out.Message, "[25]") {
			t.Errorf("first sent %v ago: %+v, %v; want verdict %v", tt.since, out, err, tt.want)
		}
	}
}

// In production nothing that acts leaves while Sips remits: from 22 to 23 hours, in winter and in summer.
func TestClosedHours(t *testing.T) {
	for _, tt := range []struct {
		at   time.Time
		wait time.Duration
	}{
		{time.Date(2026, 11, 23, 21, 30, 0, 0, time.UTC), 30 * time.Minute},
		{time.Date(2026, 7, 23, 20, 10, 0, 0, time.UTC), 50 * time.Minute},
		{time.Date(2026, 11, 23, 20, 59, 59, 0, time.UTC), 0},
		{time.Date(2026, 11, 23, 22, 0, 0, 0, time.UTC), 0},
	} {
		b := open(t, sipssim.Options{})
		b.now = tt.at
		b.psp.Put(sipssim.Transaction{Reference: "T1", Status: "CAPTURED", Currency: "978", Amount: 1000, Current: 1000})
		out, err := b.Submit(t.Context(), operation(payment.Refund, "T1", eur(100)))
		if err != nil || out.Wait != tt.wait || (tt.wait > 0) != (out.Verdict == payment.VerdictRetry) || out.Alone != (tt.wait > 0) {
			t.Errorf("%v: %+v, %v; want a wait of %v", tt.at, out, err, tt.wait)
		}
		if n := b.psp.LedgerNow().Calls["refund"]; (n == 0) != (tt.wait > 0) {
			t.Errorf("%v: %d calls", tt.at, n)
		}
		if out, err := b.Submit(t.Context(), operation(payment.Consult, "T1", eur(0))); err != nil || out.Verdict != payment.VerdictDone {
			t.Errorf("consult at %v: %+v, %v", tt.at, out, err)
		}
	}
}

// Answers must be sealed in production, and rightly sealed everywhere.
func TestSealOfAnswers(t *testing.T) {
	for _, tt := range []struct {
		fault      string
		production bool
		ok         bool
	}{{"unsealed", true, false}, {"unsealed", false, true}, {"forged", true, false}, {"forged", false, false}} {
		b := open(t, sipssim.Options{}, func(o *sips.Options) { o.Production = tt.production })
		b.psp.Put(sipssim.Transaction{Reference: "T1", Status: "CAPTURED", Currency: "978", Amount: 1000, Current: 1000})
		if err := b.psp.SetFaults(sipssim.Fault{What: tt.fault}); err != nil {
			t.Fatal(err)
		}
		_, err := b.Submit(t.Context(), operation(payment.Refund, "T1", eur(100)))
		if tt.ok != (err == nil) || err != nil && !errors.Is(err, payment.ErrUncertain) {
			t.Errorf("%s, production %v: %v", tt.fault, tt.production, err)
		}
	}
}

func TestPing(t *testing.T) {
	b := open(t, sipssim.Options{})
	if err := b.Ping(t.Context()); err != nil {
		t.Error(err)
	}
	wrong := open(t, sipssim.Options{}, func(o *sips.Options) { o.Keys = map[string]gateway.Secret{"1": "another key"}; o.Production = false })
	if err := wrong.Ping(t.Context()); !errors.Is(err, payment.ErrStopped) || gateway.CodeOf(err) != "NV-2103" {
		t.Errorf("a wrong key: %v, want stopped, NV-2103", err)
	}
	if n := len(b.psp.LedgerNow().Acts); n != 0 {
		t.Errorf("%d effects of a ping", n)
	}
}

// A transactionReference that Sips could never have is refused at intake; and one that it does not like is refused for this
// row alone, whether it is asked about first or not: the gateway goes on.
func TestTransactionThatIsNone(t *testing.T) {
	b := open(t, sipssim.Options{})
	for ref, fits := range map[string]bool{"F2026001": true, strings.Repeat("a", 35): true, strings.Repeat("a", 36): false, "FA-26": false, "FA 26": false, "été": false} {
		if why := b.Fits(operation(payment.Refund, ref, eur(1000))); (why == nil) != fits {
			t.Errorf("%q: %v, want it to fit: %v", ref, why, fits)
		}
		if fits {
			continue
		}
		for _, op := range payment.Operations {
			if out, err := b.Submit(t.Context(), operation(op, ref, eur(1000))); err != nil || out.Verdict != payment.VerdictRefused {
				t.Errorf("%s of %q: %+v, %v; want it refused", op, ref, out, err)
			}
		}
	}
	if err := b.psp.SetFaults(sipssim.Fault{Function: "getTransactionData", What: "code-30", Always: true}); err != nil {
		t.Fatal(err)
	}
	for _, op := range payment.Operations {
		in := operation(op, "F2026001", eur(0))
		if op == payment.Modify {
			in.Amount = eur(100)
		}
		if out, err := b.Submit(t.Context(), in); err != nil || out.Verdict != payment.VerdictRefused || !strings.HasPrefix(out.Message, "[30]") {
			t.Errorf("%s after a question refused with 30: %+v, %v; want it refused", op, out, err)
		}
	}
	if l := b.psp.LedgerNow(); len(l.Acts) != 0 {
		t.Errorf("acts %+v", l.Acts)
	}
}
