package connector

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/navette-connect/navette/connector/config"
	"github.com/navette-connect/navette/connector/journal"
	"github.com/navette-connect/navette/connector/journal/sqlite"
	"github.com/navette-connect/navette/connector/payment"
	"github.com/navette-connect/navette/mappings"
	"github.com/navette-connect/navette/mappings/csvfile"
	"github.com/navette-connect/navette/transports"
	"github.com/navette-connect/navette/transports/local"
)

// Regressions of the money path: each test is a sequence of events that once went wrong, on simulated time.

// scripted is a PSP whose answer to each submit the test gives; it keeps what reached it.
type scripted struct {
	mu      sync.Mutex
	answer  func(in *payment.Instruction, n int) (payment.Outcome, error) // n: the number of this submit, from 1
	submits []payment.Instruction
	lookups int
	feed    []payment.Change
}

func (g *scripted) Submit(_ context.Context, in *payment.Instruction) (payment.Outcome, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.submits = append(g.submits, *in)
	return g.answer(in, len(g.submits))
}

// count is how many requests have come so far.
func (g *scripted) count() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.submits)
}

func (g *scripted) Lookup(_ context.Context, in *payment.Instruction) (payment.Outcome, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.lookups++
	return payment.Outcome{Verdict: payment.VerdictDone, State: payment.Open, PaymentID: "found-" + in.Reference}, nil
}

func (g *scripted) Changes(_ context.Context, cursor string, _ int) ([]payment.Change, string, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := 0
	_, _ = fmt.Sscan(cursor, &n) // "" is the beginning
	return g.feed[n:], fmt.Sprint(len(g.feed)), nil
}

// taken is a PSP that takes everything.
func taken(in *payment.Instruction, n int) (payment.Outcome, error) {
	s := payment.Open
	if in.Kind == payment.Operate {
		s = payment.Done
	}
	return payment.Outcome{Verdict: payment.VerdictDone, State: s, PaymentID: fmt.Sprint("p", n)}, nil
}

// stage is one exchange with a scripted PSP.
type stage struct {
	t          *testing.T
	dir        string
	mapping    string
	psp        *scripted
	gateway    Gateway // instead of psp, if not nil
	idempotent bool
	flow       func(*Flow)
	name       string // of the flow
	public     string
	fault      func(point string) error
	setup      func(*Setup)
	after      func(*Connector)                        // the pass, while the journal is still open
	dropper    string                                  // whom dropped files belong to
	life       func(context.Context, *Connector) error // instead of Once
	commits    func(point string) error                // the journal's fault hook
}

// ownedBox is a plain folder whose files belong to somebody else.
type ownedBox struct {
	transports.Box
	owner string
}

func (b ownedBox) List(ctx context.Context, dir string) ([]transports.File, error) {
	list, err := b.Box.List(ctx, dir)
	for i := range list {
		list[i].Owner = b.owner
	}
	return list, err
}

func (b ownedBox) Stat(ctx context.Context, path string) (transports.File, error) {
	f, err := b.Box.Stat(ctx, path)
	f.Owner = b.owner
	return f, err
}

func newStage(t *testing.T, mapping string, answer func(in *payment.Instruction, n int) (payment.Outcome, error)) *stage {
	s := &stage{t: t, dir: t.TempDir(), mapping: mapping, psp: &scripted{answer: answer}, name: "f"}
	for _, d := range []string{"in", "out", "done", "rejected"} {
		if err := os.Mkdir(filepath.Join(s.dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func (s *stage) drop(name, text string) {
	if err := os.WriteFile(filepath.Join(s.dir, "in", name), []byte(text), 0o644); err != nil {
		s.t.Fatal(err)
	}
}

// once is one life of the process; its error is the test's business only where it says so.
func (s *stage) once() error {
	ctx := s.t.Context()
	j, err := sqlite.Open(ctx, filepath.Join(s.dir, "state"), journal.Options{Fault: s.commits})
	if err != nil {
		s.t.Fatal(err)
	}
	defer j.Close()
	spool, err := OpenSpool(filepath.Join(s.dir, "spool"), nil)
	if err != nil {
		s.t.Fatal(err)
	}
	m, err := mappings.Load("regress", []byte(s.mapping), mappings.Options{Formats: map[string]func(mappings.Source) (mappings.Format, error){"csv": csvfile.New}})
	if err != nil {
		s.t.Fatal(err)
	}
	box := ownedBox{local.New(local.Options{}), s.dropper}
	at := func(d string) string { return filepath.Join(s.dir, d) }
	f := &Flow{Flow: config.Flow{Name: s.name, In: at("in"), Out: at("out"), Done: at("done"), Rejected: at("rejected"), Quiet: time.Second, Poll: time.Second, StatusEvery: time.Minute, Patience: time.Hour,
		Returns: []string{"ack", "rejects", "result", "status"}, OnError: "reject_row", OnKnown: "ignore", FirstFile: "send", FileMode: 0o640, MatchCase: true},
		Inbox: box, Outbox: box, Mapping: m, Account: "psp:test"}
	if s.flow != nil {
		s.flow(f)
	}
	account := &Account{Config: config.Gateway{Name: "psp", Account: "psp:test", Timeout: 10 * time.Second, Concurrency: 1, Settle: 2 * time.Minute, Poll: time.Minute, Window: 24 * time.Hour, Idempotent: s.idempotent}, Gateway: s.psp}
	if s.gateway != nil {
		account.Gateway = s.gateway
	}
	setup := Setup{Journal: j, Spool: spool, Log: zerolog.Nop(), Flows: []*Flow{f}, Accounts: []*Account{account}, Fault: s.fault, PublicURL: s.public}
	if s.setup != nil {
		s.setup(&setup)
	}
	c := New(setup)
	if s.life != nil {
		return s.life(ctx, c)
	}
	err = c.Once(ctx, 10*time.Second)
	if differs, err := j.CheckTally(ctx); differs != "" || err != nil {
		s.t.Errorf("tally: %s %v", differs, err)
	}
	if s.after != nil {
		s.after(c)
	}
	return err
}

// decide writes a person's command, lets it be applied, and returns what became of it.
func (s *stage) decide(verb, subject, argument string) journal.Command {
	var id int64
	s.view(func(j *journal.Journal) (err error) {
		id, err = j.WriteCommand(s.t.Context(), journal.Command{Verb: verb, Subject: subject, Argument: argument, Reason: "test", ActorKind: "user", ActorID: "1", ActorName: "tester"})
		return err
	})
	_ = s.once() // what it leaves undone the test sees
	var c journal.Command
	s.view(func(j *journal.Journal) (err error) { c, err = j.Command(s.t.Context(), id); return err })
	return c
}

func (s *stage) view(fn func(*journal.Journal) error) {
	s.t.Helper()
	j, err := sqlite.View(s.t.Context(), filepath.Join(s.dir, "state"), journal.Options{})
	if err != nil {
		s.t.Fatal(err)
	}
	defer j.Close()
	if err := fn(j); err != nil {
		s.t.Fatal(err)
	}
}

func (s *stage) file(id int64) (f journal.File) {
	s.view(func(j *journal.Journal) (err error) { f, err = j.File(s.t.Context(), id); return err })
	return f
}

// keys lists the idempotency keys that reached the PSP.
func (s *stage) keys() (keys []string) {
	for _, in := range s.psp.submits {
		keys = append(keys, in.Key)
	}
	return keys
}

func (s *stage) result(name string) string {
	b, err := os.ReadFile(filepath.Join(s.dir, "out", name))
	if err != nil {
		s.t.Fatal(err)
	}
	return string(b)
}

// A PSP that acts and answers 503 is looked up, even if the process ended while it waited.
func TestRegress503IsLookedUpAfterRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, simMapping, func(in *payment.Instruction, n int) (payment.Outcome, error) {
			if n == 1 {
				return payment.Outcome{Verdict: payment.VerdictRetry, Wait: 5 * time.Minute, LookFirst: true, Message: "503"}, nil
			}
			return taken(in, n)
		})
		s.drop("a.csv", "Facture;Montant\nA1;1,00\n")
		_ = s.once() // gives up: the PSP asks to wait
		time.Sleep(10 * time.Minute)
		if err := s.once(); err != nil {
			t.Error(err)
		}
		if len(s.psp.submits) != 1 || s.psp.lookups == 0 {
			t.Errorf("%d submits, %d look-ups; want one submit, then a look-up", len(s.psp.submits), s.psp.lookups)
		}
	})
}

// A doubt stays a doubt when its second sending was stopped, and is looked up once the idempotency window is over.
func TestRegressDoubtSurvivesAStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, simMapping, func(in *payment.Instruction, n int) (payment.Outcome, error) {
			switch n {
			case 1:
				return payment.Outcome{}, payment.ErrUncertain
			case 2:
				return payment.Outcome{}, payment.ErrStopped
			}
			return taken(in, n)
		})
		s.idempotent = true
		s.drop("a.csv", "Facture;Montant\nA1;1,00\n")
		_ = s.once()
		time.Sleep(72 * time.Hour)
		_ = s.once()
		if len(s.psp.submits) > 2 || s.psp.lookups == 0 {
			t.Errorf("%d submits, %d look-ups; want a look-up, and no submit after the window", len(s.psp.submits), s.psp.lookups)
		}
	})
}

const regressOps = `navette: mapping/v1
name: ops
kind: operation
locale: fr
source: {format: csv, encoding: utf-8, delimiter: ";", header: 1, decimal: ","}
fields:
  - {name: operation, column: Op, required: true}
  - {name: transaction_id, column: Tx, required: true}
  - {name: amount, column: Montant, type: amount}
`

// Twins that a person releases are acts of their own: no two share a key.
func TestRegressTwinsHaveKeysOfTheirOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, regressOps, taken)
		s.drop("a.csv", "Op;Tx;Montant\nrefund;T1;10,00\nrefund;T1;10,00\nrefund;T1;10,00\n")
		_ = s.once()
		if len(s.psp.submits) != 1 {
			t.Fatalf("%d refunds left before a person released the twins", len(s.psp.submits))
		}
		if c := s.decide("release", "f1", ""); c.State != "done" {
			t.Fatalf("release: %+v", c)
		}
		keys := s.keys()
		if slices.Sort(keys); len(slices.Compact(slices.Clone(keys))) != 3 {
			t.Errorf("keys %v, want three different ones", keys)
		}
	})
}

// A request that another flow knows is, once released, a revision with a key of its own.
func TestRegressReleasedRequestHasItsOwnKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, simMapping, taken)
		s.drop("a.csv", "Facture;Montant\nA1;1,00\n")
		_ = s.once()
		s.name = "g"
		s.drop("b.csv", "Facture;Montant\nA1;2,00\n")
		_ = s.once()
		if c := s.decide("release", "r2", ""); c.State != "done" {
			t.Fatalf("release: %+v", c)
		}
		if keys := s.keys(); len(keys) != 2 || keys[0] == keys[1] {
			t.Errorf("keys %v, want two different ones", keys)
		}
	})
}

func TestRegressRetryAgainAndAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, simMapping, func(in *payment.Instruction, n int) (payment.Outcome, error) {
			if n < 3 {
				return payment.Outcome{Verdict: payment.VerdictRefused, Code: "NV-2001", Message: "[x] no"}, nil
			}
			return taken(in, n)
		})
		s.drop("a.csv", "Facture;Montant\nA1;1,00\n")
		_ = s.once()
		for range 2 {
			if c := s.decide("retry", "r1", ""); c.State != "done" {
				t.Fatalf("retry: %+v", c)
			}
		}
		if keys := s.keys(); len(keys) != 3 || keys[0] == keys[1] || keys[1] == keys[2] {
			t.Errorf("keys %v, want three different ones", keys)
		}
	})
}

func TestRegressReleasedLargeFileIsRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, simMapping, taken)
		s.flow = func(f *Flow) { f.Limits.Bytes = 10 }
		s.drop("a.csv", "Facture;Montant\nA1;1,00\n")
		_ = s.once()
		if f := s.file(1); f.State != journal.FileHeld || f.Code != "NV-1504" {
			t.Fatalf("the file is %s %s, want held", f.State, f.Code)
		}
		s.decide("release", "f1", "")
		if len(s.psp.submits) != 1 {
			t.Errorf("%d submits after the release, want 1 (the file is %s)", len(s.psp.submits), s.file(1).State)
		}
	})
}

// Lifting one hold of a file shows the next: nothing leaves before a person has seen each.
func TestRegressEachHoldIsLiftedByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, simMapping, taken)
		s.flow = func(f *Flow) { f.MaxAge, f.Limits.Total, f.FirstFile = time.Hour, "10.00", "hold" }
		s.drop("a.csv", "Facture;Montant\nA1;5000,00\n")
		old := time.Now().Add(-48 * time.Hour)
		if err := os.Chtimes(filepath.Join(s.dir, "in", "a.csv"), old, old); err != nil {
			t.Fatal(err)
		}
		_ = s.once()
		for _, code := range []string{"NV-1006", "NV-1504", "NV-1505"} {
			if f := s.file(1); f.State != journal.FileHeld || f.Code != code || len(s.psp.submits) != 0 {
				t.Fatalf("the file is %s %s with %d submits, want held %s", f.State, f.Code, len(s.psp.submits), code)
			}
			if c := s.decide("release", "f1", ""); c.State != "done" {
				t.Fatalf("release: %+v", c)
			}
		}
		if len(s.psp.submits) != 1 {
			t.Errorf("%d submits after the last release, want 1", len(s.psp.submits))
		}
	})
}

const regressParts = `navette: mapping/v1
name: parts
kind: request
locale: fr
source: {format: csv, encoding: utf-8, delimiter: ";", header: 1, decimal: ","}
fields:
  - {name: reference, column: Facture, required: true}
  - {name: amount, column: M, type: amount, required: true}
parts: [{part: a, amount: "amount / 2"}, {part: b, amount: "amount / 2"}]
`

// Of several parts the result tells the worst.
func TestRegressRefusedPartIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, regressParts, func(in *payment.Instruction, n int) (payment.Outcome, error) {
			if in.Part == "b" {
				return payment.Outcome{Verdict: payment.VerdictRefused, Code: "NV-2001", Message: "[x] no"}, nil
			}
			return taken(in, n)
		})
		s.drop("a.csv", "Facture;M\nA1;1,00\n")
		_ = s.once()
		if got := s.result("a.ret.csv"); !strings.Contains(got, ";refused;NV-2001;") {
			t.Errorf("the result hides the refused part:\n%s", got)
		}
	})
}

// The result tells the newest revision of a row that was retried before it was written.
func TestRegressResultTellsTheNewestRevision(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, simMapping, func(in *payment.Instruction, n int) (payment.Outcome, error) {
			if n == 1 {
				return payment.Outcome{Verdict: payment.VerdictRefused, Code: "NV-2001", Message: "[x] no"}, nil
			}
			return taken(in, n)
		})
		s.flow = func(f *Flow) { f.Limits.Amount = "5.00" }
		s.drop("a.csv", "Facture;Montant\nA1;1,00\nA2;9,00\n")
		_ = s.once()
		s.decide("retry", "r1", "")
		s.decide("release", "r2", "")
		if got := s.result("a.ret.csv"); strings.Count(got, ";sent;") != 2 {
			t.Errorf("want sent of both rows:\n%s", got)
		}
	})
}

// A payment that comes after its request had expired holds the request that was to ask anew.
func TestRegressLatePaymentHoldsTheRenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, simMapping, taken)
		s.drop("a.csv", "Facture;Montant\nA1;1,00\n")
		_ = s.once()
		s.psp.feed = append(s.psp.feed, payment.Change{EventID: "e1", Word: payment.WordExpired, Now: payment.Snapshot{PaymentID: "p1", State: payment.Expired}})
		_ = s.once()
		s.flow = func(f *Flow) { f.Delay = time.Hour }
		s.drop("b.csv", "Facture;Montant\nA1;1,50\n")
		_ = s.once()
		euro := payment.Amount{Minor: 100, Currency: "EUR"}
		s.psp.feed = append(s.psp.feed, payment.Change{EventID: "e2", Word: payment.WordPaid, Amount: euro, Now: payment.Snapshot{PaymentID: "p1", State: payment.Paid, Paid: euro}})
		_ = s.once()
		time.Sleep(2 * time.Hour)
		_ = s.once()
		if len(s.psp.submits) != 1 {
			t.Errorf("%d requests for a debt that is paid", len(s.psp.submits))
		}
	})
}
