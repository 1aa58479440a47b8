package connector

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/navette-connect/navette/connector/journal"
	"github.com/navette-connect/navette/connector/payment"
)

// Ways in which a decision, a look-up and a file that is judged once missed each other, and sums that were too large.

// tally counts the first n instructions by their state.
func (s *stage) tally(n int64) map[payment.State]int {
	count := map[payment.State]int{}
	s.view(func(j *journal.Journal) error {
		for i := int64(1); i <= n; i++ {
			it, err := j.Item(s.t.Context(), i)
			if err != nil && !errors.Is(err, journal.ErrMissing) {
				return err
			}
			count[it.State]++
		}
		return nil
	})
	return count
}

// write writes a person's command.
func (s *stage) write(verb, subject, argument string) {
	s.view(func(j *journal.Journal) error {
		_, err := j.WriteCommand(s.t.Context(), journal.Command{Verb: verb, Subject: subject, Argument: argument, Reason: "test", ActorKind: "user", ActorID: "1", ActorName: "tester"})
		return err
	})
}

// TestRetryWhileJudged: a retry while a file asks for the same reference, which has been held against what was known before: one debt, one open request.
func TestRetryWhileJudged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, simMapping, func(in *payment.Instruction, n int) (payment.Outcome, error) {
			if n == 1 {
				return payment.Outcome{Verdict: payment.VerdictRefused, Code: "NV-2001", Message: "[x] no"}, nil
			}
			return taken(in, n)
		})
		s.drop("a.csv", "Facture;Montant\nA1;1,00\n")
		_ = s.once()
		s.drop("b.csv", "Facture;Montant\nA1;2,00\n")
		done := false
		s.fault = func(point string) error {
			if point == "accept" && !done {
				done = true
				s.write("retry", "r1", "")
				time.Sleep(5 * time.Second) // the file is large: it is being judged
			}
			return nil
		}
		s.alive(10 * time.Minute)
		_ = s.once()
		if n := s.tally(3)[payment.Open]; n != 1 {
			t.Errorf("%d requests are open for A1", n)
		}
	})
}

// TestReopenWhileJudged: the release of a closed row does not pass such a file either.
func TestReopenWhileJudged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, simMapping, taken)
		s.flow = func(f *Flow) { f.Limits.Amount = "50.00" }
		s.drop("a.csv", "Facture;Montant\nA1;99,00\n")
		_ = s.once()
		if c := s.decide("refuse", "r1", ""); c.State != "done" {
			t.Fatal(c)
		}
		s.drop("b.csv", "Facture;Montant\nA1;2,00\n")
		done := false
		s.fault = func(point string) error {
			if point == "accept" && !done {
				done = true
				s.write("release", "r1", "")
				time.Sleep(5 * time.Second)
			}
			return nil
		}
		s.alive(10 * time.Minute)
		_ = s.once()
		if n := s.tally(3)[payment.Open]; n != 1 {
			t.Errorf("%d requests are open for A1", n)
		}
	})
}

// disputed is a row that the PSP has under its key with other values, as x1.
func disputed(t *testing.T) (*stage, *oracle) {
	s := newStage(t, simMapping, nil)
	g := newOracle(func(in *payment.Instruction, n int) (payment.Outcome, error) {
		if n == 1 {
			return payment.Outcome{}, payment.ErrUncertain
		}
		return taken(in, n)
	}, func(in *payment.Instruction, n int) (payment.Outcome, error) {
		return payment.Outcome{Verdict: payment.VerdictDone, State: payment.Open, PaymentID: "x1", Amount: payment.Amount{Minor: 101, Currency: "EUR"}}, nil
	})
	s.gateway = g
	s.drop("a.csv", "Facture;Montant\nA1;1,00\n")
	_ = s.once()
	time.Sleep(10 * time.Minute)
	_ = s.once()
	return s, g
}

// TestRefuseOther: what the PSP has under our key with other values is for resolve alone: a refusal would let it be asked for again.
func TestRefuseOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, g := disputed(t)
		for _, verb := range []string{"release", "refuse", "release"} {
			if c := s.decide(verb, "r1", ""); c.State != "failed" || !strings.Contains(c.Result, "resolve") {
				t.Errorf("%s: %+v, want it to name resolve", verb, c)
			}
		}
		if len(g.keys) > 1 {
			t.Errorf("the PSP holds x1 under the first key, and a second request was sent under another: %v", g.keys)
		}
	})
}

// TestRefuseOtherThenChanged: nor does the refusal of its whole file.
func TestRefuseOtherThenChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, g := disputed(t)
		if c := s.decide("refuse", "f1", ""); c.State != "done" {
			t.Fatal(c)
		}
		s.drop("b.csv", "Facture;Montant\nA1;2,00\n")
		_ = s.once()
		if len(g.keys) > 1 {
			t.Errorf("the PSP holds x1, open; `refuse f1` closed its row and the changed row of b.csv was sent beside it: %v", g.keys)
		}
	})
}

// TestFoundWhileDecided: a look-up that found the instruction is not thrown away because a person said meanwhile that it is not done.
func TestFoundWhileDecided(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, simMapping, nil)
		g := newOracle(func(in *payment.Instruction, n int) (payment.Outcome, error) {
			if n == 1 {
				return payment.Outcome{}, payment.ErrUncertain
			}
			return taken(in, n)
		}, nil)
		g.lookup = func(in *payment.Instruction, n int) (payment.Outcome, error) {
			if n == 1 { // slow; a person decides meanwhile
				s.view(func(j *journal.Journal) error {
					_, err := j.WriteCommand(t.Context(), journal.Command{Verb: "resolve", Subject: "r1", Argument: "not-done", Reason: "test", ActorKind: "user", ActorID: "1", ActorName: "tester"})
					return err
				})
				time.Sleep(5 * time.Second)
			}
			return payment.Outcome{Verdict: payment.VerdictDone, State: payment.Open, PaymentID: "x1"}, nil
		}
		s.gateway = g
		s.alive(10 * time.Minute)
		s.drop("a.csv", "Facture;Montant\nA1;1,00\n")
		if err := s.once(); err != nil {
			t.Error(err)
		}
		if len(g.submits) > 1 {
			t.Errorf("look-up %v found it, and it was sent again: %v %v", g.lookups, g.submits, g.keys)
		}
	})
}

// TestSumOverflow: a file whose sums go beyond 64 bits is answered, and holds up no other.
func TestSumOverflow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, simMapping, taken)
		s.flow = func(f *Flow) { f.Limits.Amount, f.Limits.Total = "50000.00", "1000000.00" }
		s.drop("a.csv", "Facture;Montant\nA1;90000000000000000,00\nA2;90000000000000000,00\n")
		_ = s.once()
		s.drop("b.csv", "Facture;Montant\nB1;1,00\n")
		_ = s.once()
		s.view(func(j *journal.Journal) error {
			list, err := j.RecentFiles(t.Context(), "", 10)
			for _, f := range list {
				if f.State == journal.FileSpooled || f.State == journal.FileClaimed {
					t.Errorf("%s stands as %s", f.Name, f.State)
				}
			}
			return err
		})
		if len(s.psp.submits) != 1 {
			t.Errorf("%d submits, want that of B1", len(s.psp.submits))
		}
	})
}

const currencyRows = `navette: mapping/v1
name: sim
kind: request
locale: fr
source: {format: csv, encoding: utf-8, delimiter: ";", header: 1, decimal: ","}
fields:
  - {name: reference, column: Facture, required: true}
  - {name: currency, column: Devise, required: true}
  - {name: amount, column: Montant, type: amount, required: true}
`

// TestLimitWithCents: a limit with cents holds, in a currency that has none, and stops no flow.
func TestLimitWithCents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, currencyRows, taken)
		s.flow = func(f *Flow) { f.Limits.Amount = "49999.99" }
		s.drop("a.csv", "Facture;Devise;Montant\nA1;XPF;500\n")
		_ = s.once()
		s.drop("b.csv", "Facture;Devise;Montant\nB1;EUR;1,00\n")
		_ = s.once()
		s.view(func(j *journal.Journal) error {
			list, err := j.RecentFiles(t.Context(), "", 10)
			for _, f := range list {
				if f.State == journal.FileSpooled || f.State == journal.FileClaimed {
					t.Errorf("%s stands as %s", f.Name, f.State)
				}
			}
			return err
		})
		if len(s.psp.submits) != 2 {
			t.Errorf("%d submits, want those of A1 and B1", len(s.psp.submits))
		}
	})
}

// TestActsOverflow: refunds of absurd amounts do not add up to a small one.
func TestActsOverflow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, `navette: mapping/v1
name: mixed
kind: mixed
locale: fr
source: {format: csv, encoding: utf-8, delimiter: ";", header: 1, decimal: ","}
fields:
  - {name: kind, column: Kind, required: true}
  - {name: operation, column: Op}
  - {name: reference, column: Facture, required: true}
  - {name: amount, column: Montant, type: amount}
`, taken)
		s.flow = func(f *Flow) { f.Limits.Amount = "1000.00" }
		s.drop("a.csv", "Kind;Op;Facture;Montant\nrequest;;A1;100,00\n")
		_ = s.once()
		s.drop("b.csv", "Kind;Op;Facture;Montant\noperation;refund;A1;90000000000000000,00\n")
		_ = s.once()
		s.drop("c.csv", "Kind;Op;Facture;Montant\noperation;refund;A1;90000000000000001,00\n")
		_ = s.once()
		s.psp.feed = []payment.Change{{EventID: "e1", Word: payment.WordPaid, Now: payment.Snapshot{PaymentID: "p1", State: payment.Paid, Paid: payment.Amount{Minor: 10000, Currency: "EUR"}}}}
		_ = s.once()
		s.drop("d.csv", "Kind;Op;Facture;Montant\noperation;refund;A1;500,00\n")
		_ = s.once()
		for _, id := range []string{"r2", "r3"} {
			_ = s.decide("refuse", id, "")
		}
		for _, in := range s.psp.submits {
			if in.Operation == payment.Refund && in.Amount.Minor > 10000 {
				t.Errorf("a refund of %v left, of a request of which 100.00 was paid", in.Amount)
			}
		}
	})
}
