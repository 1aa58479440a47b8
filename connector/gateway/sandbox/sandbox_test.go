package sandbox

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/navette-connect/navette/connector/payment"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// clock is a time that moves when told.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

func script(t *testing.T, src string) *Script {
	t.Helper()
	s, err := ParseScript([]byte(src))
	if err != nil {
		t.Fatalf("script %s: %v", src, err)
	}
	return s
}

// open makes a PSP at noon, and its gateway.
func open(t *testing.T, o Options) (*PSP, *Gateway, *clock) {
	t.Helper()
	c := &clock{t: noon}
	o.Now = c.now
	if o.Script == nil {
		o.Script = &Script{}
	}
	p, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	g, err := p.Gateway("https://pay.example")
	if err != nil {
		t.Fatal(err)
	}
	return p, g, c
}

func ask(reference, part string, minor int64) *payment.Instruction {
	in := &payment.Instruction{Kind: payment.Request, Reference: reference, Part: part, Amount: payment.Amount{Minor: minor, Currency: "EUR"}}
	in.Key = payment.NewKey(in)
	return in
}

func operate(op payment.Operation, target string, minor int64) *payment.Instruction {
	in := &payment.Instruction{Kind: payment.Operate, Operation: op}
	switch {
	case strings.HasPrefix(target, "T-"):
		in.TransactionID = target
	case strings.HasPrefix(target, "pr_"):
		in.PaymentID = target
	default:
		in.Reference = target
	}
	if minor != 0 {
		in.Amount = payment.Amount{Minor: minor, Currency: "EUR"}
	}
	in.Key = payment.NewKey(in)
	return in
}

func submit(t *testing.T, g *Gateway, in *payment.Instruction) payment.Outcome {
	t.Helper()
	out, err := g.Submit(t.Context(), in)
	if err != nil {
		t.Fatalf("submit %s: %v", payment.Identity(in), err)
	}
	return out
}

func truth(t *testing.T, p *PSP) Ledger {
	t.Helper()
	l, err := p.Ledger()
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// words tells the feed in short: "paid 12.34", "failed (no funds)".
func words(t *testing.T, g *Gateway, cursor string) (list []string, next string) {
	t.Helper()
	changes, next, err := g.Changes(t.Context(), cursor, 100)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range changes {
		s := c.Word
		if !c.Amount.IsZero() {
			s += " " + c.Amount.Decimal('.')
		}
		if c.Reason != "" {
			s += " (" + c.Reason + ")"
		}
		list = append(list, s+" -> "+string(c.Now.State))
	}
	return list, next
}

func TestScript(t *testing.T) {
	const src = `
rules:
  - {match: "BAD*", refuse: blocked, reason: "not this one"}
  - {match: "FA/*", after: 2s, pay: full}
  - {match: "P-?", part: "b*", after: 1s, pay: "4.00", method: PRLV, then: [{after: 1s, pay: full}, {after: 1s, refund: "1.00", reason: geste}, {after: 1s, refund: full}]}
  - {match: "LATE", after: 1s, expire: true, then: [{after: 1s, pay: full}, {after: 1s, settle: true}, {after: 1s, charge_back: full}]}
  - {match: "FAIL", view: true, then: [{after: 1s, fail: no funds}, {after: 1s, refuse: stolen}]}
  - {match: "AUTH", after: 1s, authorise: true, then: [{after: 1s, cancel: true}]}
`
	tests := []struct {
		reference, part string
		want            []string
	}{
		{"FA/1", "", []string{"sent -> open", "paid 10.00 -> paid"}},
		{"P-1", "b1", []string{"sent -> open", "paid 4.00 -> partially_paid", "paid 6.00 -> paid", "refunded 1.00 (geste) -> partially_refunded", "refunded 9.00 -> refunded"}},
		{"P-1", "a", []string{"sent -> open"}},
		{"LATE", "", []string{"sent -> open", "expired -> expired", "paid 10.00 -> paid", "settled 10.00 -> settled", "charged_back 10.00 -> charged_back"}},
		{"FAIL", "", []string{"sent -> open", "viewed -> open", "failed (no funds) -> open", "refused (stolen) -> refused"}},
		{"AUTH", "", []string{"sent -> open", "authorised 10.00 -> authorised", "cancelled -> cancelled"}},
		{"other", "", []string{"sent -> open"}},
	}
	for _, tt := range tests {
		_, g, c := open(t, Options{Script: script(t, src)})
		out := submit(t, g, ask(tt.reference, tt.part, 1000))
		if out.State != payment.Open || out.Link != "https://pay.example/pay/"+out.PaymentID {
			t.Errorf("%s: state %q, link %q", tt.reference, out.State, out.Link)
		}
		c.move(time.Minute) // all at once, in order, each at its own time
		got, _ := words(t, g, "")
		if d := cmp.Diff(tt.want, got); d != "" {
			t.Errorf("%s %s (-want +got):\n%s", tt.reference, tt.part, d)
		}
	}
	_, g, _ := open(t, Options{Script: script(t, src)})
	if out := submit(t, g, ask("BAD-1", "", 1000)); out.Verdict != payment.VerdictRefused || out.Message != "[blocked] not this one" {
		t.Errorf("BAD-1: %+v, want refused", out)
	}
}

// TestScriptKeepsTime: nothing happens before its time, and cursors go on.
func TestScriptKeepsTime(t *testing.T) {
	_, g, c := open(t, Options{Script: script(t, `rules: [{after: 2s, fail: "no", then: [{after: 3s, pay: full}]}]`)})
	out := submit(t, g, ask("A", "", 1000))
	var all []string
	cursor := ""
	for i, want := range []int{1, 0, 1, 0, 0, 1, 0} { // seconds 0 to 6
		list, next := words(t, g, cursor)
		if len(list) != want {
			t.Errorf("after %d s: events %v, want %d", i, list, want)
		}
		all, cursor = append(all, list...), next
		c.move(time.Second)
	}
	s, err := g.Read(t.Context(), &payment.Instruction{PaymentID: out.PaymentID})
	if err != nil || s.State != payment.Paid || s.Paid.Minor != 1000 || s.Method != "CB" || !s.UpdatedAt.Equal(noon.Add(5*time.Second)) {
		t.Errorf("read: %+v, %v; want paid at 12:00:05", s, err)
	}
	if len(all) != 3 {
		t.Errorf("events %v", all)
	}
}

func TestDefaultScript(t *testing.T) {
	p, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(p.script.Rules) == 0 || p.world.transactions["T-91200"] == nil {
		t.Error("the default script has no rules or transactions")
	}
}

// TestDocumentedScript: what docs/sandbox.md shows can be used as it is.
func TestDocumentedScript(t *testing.T) {
	b, err := os.ReadFile("../../../docs/sandbox.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(b), "```yaml\nrules:")
	src, _, closed := strings.Cut(rest, "```")
	if !found || !closed {
		t.Fatal("docs/sandbox.md shows no script")
	}
	s := script(t, "rules:"+src)
	if len(s.Rules) != 6 || len(s.Operations) != 2 || len(s.Known) != 3 {
		t.Errorf("%d rules, %d rules of operations, %d transactions; want 6, 2, 3", len(s.Rules), len(s.Operations), len(s.Known))
	}
}

func TestParseScriptRefuses(t *testing.T) {
	for _, src := range []string{
		`rulez: []`, `rules: [{after: soon}]`, `rules: [{after: -2s}]`, `rules: [{pay: "12,50"}]`, `rules: [{pay: "-1"}]`, `rules: [{pay: full, expire: true}]`,
		`rules: [{pay: full, then: [{payy: full}]}]`, `rules: [{then: [{refund: all}]}]`, `operations: [{operation: steal}]`,
		`transactions: [{id: "", amount: "1"}]`, `transactions: [{id: T, amount: "1.234"}]`, `transactions: [{id: T, amount: "1", state: odd}]`, `{`, `- a`,
	} {
		if _, err := ParseScript([]byte(src)); err == nil {
			t.Errorf("ParseScript(%s): no error", src)
		}
	}
	if s, err := ParseScript(nil); err != nil || len(s.Rules) != 0 {
		t.Errorf("an empty script: %+v, %v", s, err)
	}
}

func FuzzParseScript(f *testing.F) {
	f.Add([]byte(DefaultScript))
	f.Add([]byte(`rules: [{match: "*", after: 1s, pay: "1.00", then: [{refund: full}]}]`))
	f.Fuzz(func(t *testing.T, src []byte) {
		s, err := ParseScript(src)
		if err != nil {
			return
		}
		for n := range 3 {
			if r := s.rule("FA26-1", "", n+1); r != nil {
				r.plan(noon)
			}
		}
	})
}

func TestGlob(t *testing.T) {
	tests := []struct {
		pattern, s string
		want       bool
	}{
		{"*", "", true}, {"*", "a/b", true}, {"FA*", "FA26/1", true}, {"FA*", "AFA", false}, {"*-1", "FA-1-1", true}, {"*-1", "FA-12", false},
		{"?", "é", true}, {"?", "", false}, {"a*b*c", "aXbYbZc", true}, {"a*b*c", "aXc", false}, {"", "", true}, {"", "a", false}, {"[a]", "a", false},
	}
	for _, tt := range tests {
		if got := glob(tt.pattern, tt.s); got != tt.want {
			t.Errorf("glob(%q, %q) = %v, want %v", tt.pattern, tt.s, got, tt.want)
		}
	}
}

// TestPersonalities: one key twice, then another key for the same reference.
func TestPersonalities(t *testing.T) {
	type say struct {
		first, again, other string // verdict and state, or the error's kind
		effects             int    // under the key
		twice               int    // references asked twice
	}
	tests := map[Personality]say{
		None:       {"done open", "done open", "done open", 2, 1},
		Idempotent: {"done open", "done open", "done open", 1, 1},
		Unique:     {"done open", payment.ErrUncertain.Error(), "refused refused", 1, 0},
	}
	for who, want := range tests {
		p, g, _ := open(t, Options{Personality: who})
		say1 := func(in *payment.Instruction) string {
			out, err := g.Submit(t.Context(), in)
			if err != nil {
				return errors.Unwrap(fmt.Errorf("%w", err)).(interface{ Unwrap() []error }).Unwrap()[0].Error()
			}
			return out.Verdict.String() + " " + string(out.State)
		}
		in := ask("FA-1", "", 1000)
		other := ask("FA-1", "", 1000)
		other.Revision = 1
		other.Key = payment.NewKey(other)
		got := say{first: say1(in), again: say1(in), other: say1(other)}
		l := truth(t, p)
		got.effects, got.twice = l.Keys[in.Key].Effects, l.AskedTwice
		if d := cmp.Diff(want, got, cmp.AllowUnexported(say{})); d != "" {
			t.Errorf("%s (-want +got):\n%s", who, d)
		}
		if l.Keys[in.Key].Arrivals != 2 || l.Totals.Arrivals != 3 {
			t.Errorf("%s: %+v, want 2 and 3 arrivals", who, l)
		}
	}
}

func TestIdempotentReplays(t *testing.T) {
	p, g, _ := open(t, Options{Personality: Idempotent})
	in := ask("FA-1", "", 1000)
	first, again := submit(t, g, in), submit(t, g, in)
	if first.PaymentID != again.PaymentID {
		t.Errorf("ids %q and %q under one key", first.PaymentID, again.PaymentID)
	}
	drifted := ask("FA-1", "", 1001) // the same key, another body
	if out := submit(t, g, drifted); out.Verdict != payment.VerdictRefused || !strings.HasPrefix(out.Message, "[key_reused]") {
		t.Errorf("another body under the key: %+v, want refused", out)
	}
	if l := truth(t, p); l.Drifted != 1 || l.Doubled != 0 {
		t.Errorf("drifted %d, doubled %d; want 1 and 0", l.Drifted, l.Doubled)
	}
}

func TestUniqueReferenceFreesEndedOnes(t *testing.T) {
	_, g, c := open(t, Options{Personality: Unique, Script: script(t, `rules: [{nth: 1, after: 1s, expire: true}]`)})
	submit(t, g, ask("FA-1", "", 1000))
	c.move(time.Second)
	again := ask("FA-1", "", 1000)
	again.Revision = 1
	again.Key = payment.NewKey(again)
	if out := submit(t, g, again); out.State != payment.Open {
		t.Errorf("a new request after the expired one: %+v, want open", out)
	}
}

// TestLate: the connection is gone, the effect comes later, and look-ups tell the truth of their moment.
func TestLate(t *testing.T) {
	p, g, c := open(t, Options{Faults: Faults{Next: []Fault{Late}, Delay: Duration(5 * time.Second)}})
	in := ask("FA-1", "", 1000)
	if _, err := g.Submit(t.Context(), in); !errors.Is(err, payment.ErrUncertain) {
		t.Fatalf("submit: %v, want kind %v", err, payment.ErrUncertain)
	}
	if _, err := g.Lookup(t.Context(), in); !errors.Is(err, payment.ErrUnknown) {
		t.Errorf("before: %v, want kind %v", err, payment.ErrUnknown)
	}
	c.move(5 * time.Second)
	if out, err := g.Lookup(t.Context(), in); err != nil || out.State != payment.Open {
		t.Errorf("after: %+v, %v; want open", out, err)
	}
	if e := truth(t, p).Keys[in.Key]; e.Effects != 1 || e.Arrivals != 1 {
		t.Errorf("ledger %+v, want one arrival and one effect", e)
	}
}

// TestImpatienceIsPunished is the reason for `settle`: who resends after an early look-up has asked twice.
func TestImpatienceIsPunished(t *testing.T) {
	p, g, c := open(t, Options{Faults: Faults{Next: []Fault{Late}}})
	in := ask("FA-1", "", 1000)
	g.Submit(t.Context(), in)
	if _, err := g.Lookup(t.Context(), in); !errors.Is(err, payment.ErrUnknown) {
		t.Fatal(err)
	}
	submit(t, g, in)
	c.move(time.Second)
	if l := truth(t, p); l.Doubled != 1 || l.AskedTwice != 1 {
		t.Errorf("doubled %d, asked twice %d; want 1 and 1", l.Doubled, l.AskedTwice)
	}
	if _, err := g.Lookup(t.Context(), in); !errors.Is(err, payment.ErrUnsupported) {
		t.Errorf("two objects under one key: %v, want kind %v", err, payment.ErrUnsupported)
	}
}

func TestLookupLag(t *testing.T) {
	_, g, c := open(t, Options{Faults: Faults{Lag: Duration(2 * time.Second)}})
	in := ask("FA-1", "", 1000)
	submit(t, g, in)
	if _, err := g.Lookup(t.Context(), in); !errors.Is(err, payment.ErrUnknown) {
		t.Errorf("at once: %v, want kind %v", err, payment.ErrUnknown)
	}
	c.move(2 * time.Second)
	if _, err := g.Lookup(t.Context(), in); err != nil {
		t.Errorf("2 s later: %v", err)
	}
}

func TestFaultsBySchedule(t *testing.T) {
	run := func(f Faults, n int) string {
		_, g, _ := open(t, Options{Faults: f, Seed: 42})
		var b strings.Builder
		for i := range n {
			out, err := g.Submit(t.Context(), ask(fmt.Sprint("FA-", i), "", 100))
			b.WriteByte("?.rx"[payment.Judge(out, err)])
		}
		return b.String()
	}
	tests := []struct {
		f    Faults
		want string
	}{
		{Faults{}, "............"},
		{Faults{Always: Refuse}, "xxxxxxxxxxxx"},
		{Faults{Next: []Fault{Lost, "", "429", Refuse}}, "?.rx........"},
		{Faults{Every: map[Fault]int{Cut: 4}}, "...?...?...?"},
		{Faults{Every: map[Fault]int{Cut: 4, "503": 3}}, "..r?.r.?r..r"},
		{Faults{Share: map[Fault]float64{Lost: 1}}, "????????????"},
	}
	for _, tt := range tests {
		if got := run(tt.f, 12); got != tt.want {
			t.Errorf("%+v: %s, want %s", tt.f, got, tt.want)
		}
	}
	half := Faults{Share: map[Fault]float64{Lost: 0.25, "429": 0.25}}
	a, b := run(half, 200), run(half, 200)
	if a != b {
		t.Error("the same seed gives other faults")
	}
	if n := strings.Count(a, "."); n < 60 || n > 140 {
		t.Errorf("%d of 200 without fault, want about 100", n)
	}
	for _, f := range []Faults{{Always: "sulk"}, {Next: []Fault{"99"}}, {Every: map[Fault]int{Lost: 0}}, {Share: map[Fault]float64{Lost: 1.5}}, {Lookup: "done-500"}, {Feed: "x"}, {Share: map[Fault]float64{"": 1}}} {
		if _, err := New(Options{Faults: f}); err == nil {
			t.Errorf("New with %+v: no error", f)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	dir := t.TempDir()
	bad := filepath.Join(dir, "bad.jsonl")
	if err := os.WriteFile(bad, []byte("not ours\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, o := range []Options{{Personality: "grumpy"}, {File: filepath.Join(dir, "no", "such")}, {File: bad}} {
		if _, err := New(o); err == nil {
			t.Errorf("New(%+v): no error", o)
		}
	}
}

func TestMany(t *testing.T) {
	p, g, c := open(t, Options{Script: script(t, `rules: [{after: 1s, pay: full}]`)})
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := range 250 {
				g.Submit(t.Context(), ask(fmt.Sprint(w, "-", i), "", 100))
				g.Changes(t.Context(), "", 10)
			}
		})
	}
	wg.Wait()
	c.move(time.Second)
	l := truth(t, p)
	if l.Totals.Effects != 1000 || l.Doubled != 0 || l.Events != 2000 {
		t.Errorf("%d effects, %d doubled, %d events; want 1000, 0, 2000", l.Totals.Effects, l.Doubled, l.Events)
	}
	ids := map[string]bool{}
	for id := range p.world.requests {
		ids[id] = true
	}
	if len(ids) != 1000 {
		t.Errorf("%d ids, want 1000", len(ids))
	}
}
