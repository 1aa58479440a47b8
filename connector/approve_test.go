package connector

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/navette-connect/navette/connector/journal"
	"github.com/navette-connect/navette/connector/payment"
	"github.com/navette-connect/navette/transports"
)

// meddled is a folder in which somebody writes at the worst moment.
type meddled struct {
	ownedBox
	moved, opened func(path string) // behind the act
}

func (b meddled) Move(ctx context.Context, from, to string) error {
	err := b.ownedBox.Move(ctx, from, to)
	if err == nil && b.moved != nil {
		b.moved(to)
	}
	return err
}

func (b meddled) Open(ctx context.Context, path string) (io.ReadCloser, error) {
	r, err := b.ownedBox.Open(ctx, path)
	if err == nil && b.opened != nil {
		b.opened(path)
	}
	return r, err
}

// A file of decisions that is written after it had settled decides nothing in its owner's name until it has settled anew.
func TestDecisionsAreReadAsTheySettled(t *testing.T) {
	const theirs, forged = "id;decision\nr1;non\n", "id;decision\nr1;oui\n\n"
	for name, meddle := range map[string]func(b *meddled, write func(path string)){
		"before it is read":   func(b *meddled, write func(string)) { b.moved = write },
		"while it is read":    func(b *meddled, write func(string)) { b.opened = write },
		"nobody, the control": func(*meddled, func(string)) {},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, g := newTill(t, simMapping)
				box := meddled{}
				s.dropper = "1001"
				s.flow = func(f *Flow) {
					f.Limits.Amount, f.Decisions = "10.00", filepath.Join(s.dir, "decisions")
					if b, ok := f.Inbox.(ownedBox); ok {
						box.ownedBox = b
					}
					f.Inbox = box
				}
				s.drop("a.csv", "Facture;Montant\nA1;11,00\n")
				_ = s.once()
				s.dropper = "1002"
				times := 0
				meddle(&box, func(path string) {
					if times++; times > 1 || !strings.Contains(path, "decisions") {
						return
					}
					if err := os.WriteFile(path, []byte(forged), 0o644); err != nil { // the same inode, another length
						t.Error(err)
					}
				})
				if err := os.WriteFile(filepath.Join(s.dir, "decisions", "d.csv"), []byte(theirs), 0o644); err != nil {
					t.Fatal(err)
				}
				box.moved, box.opened = onlyDecisions(box.moved), onlyDecisions(box.opened)
				_ = s.once()
				want := "refused"
				if times > 0 {
					want = "open" // it settled anew and was read as it stood then
				}
				if times == 1 {
					t.Error("what was written behind the reader's back was taken for settled")
				}
				if r := s.rows(); string(r[0].State) != want {
					t.Errorf("the row is %s, want %s; %d meddlings, the PSP saw %v", r[0].State, want, times, g.log)
				}
				if left, err := os.ReadDir(filepath.Join(s.dir, "decisions")); err != nil || len(left) != 0 {
					t.Errorf("left in the folder: %v, %v", left, err)
				}
			})
		})
	}
}

// onlyDecisions lets what is done elsewhere alone.
func onlyDecisions(fn func(string)) func(string) {
	return func(path string) {
		if fn != nil && strings.Contains(path, "decisions") && !strings.Contains(path, "done") {
			fn(path)
		}
	}
}

// A file that others may write proves no author: it decides in the folder's name, where nobody must be told apart.
func TestDecisionsByAFileOthersMayWrite(t *testing.T) {
	for name, c := range map[string]struct {
		dropper, fourEyes string
		mode              os.FileMode
		want, author      string
	}{
		"its owner's alone":             {"1001", "", 0o644, "open", "1002"},
		"others', the dropper is known": {"1001", "", 0o664, "held", ""},
		"others', nobody dropped it":    {"0", "", 0o666, "open", "folder:f"},
		"others', above four eyes":      {"0", "10.00", 0o664, "held", ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, _ := newTill(t, simMapping)
				s.dropper = c.dropper
				s.flow = func(f *Flow) {
					f.Limits.Amount, f.FourEyes, f.Decisions = "5.00", c.fourEyes, filepath.Join(s.dir, "decisions")
				}
				s.drop("a.csv", "Facture;Montant\nA1;11,00\n")
				_ = s.once()
				s.dropper = "1002"
				path := filepath.Join(s.dir, "decisions", "d.csv")
				if err := errors.Join(os.WriteFile(path, []byte("id;decision\nr1;oui\n"), 0o600), os.Chmod(path, c.mode)); err != nil {
					t.Fatal(err)
				}
				_ = s.once()
				if r := s.rows(); string(r[0].State) != c.want {
					t.Errorf("the row is %s, want %s\n%s", r[0].State, c.want, s.result("d.ack.csv"))
				}
				s.view(func(j *journal.Journal) error {
					cmd, err := j.Command(t.Context(), 1)
					if c.author == "" && errors.Is(err, journal.ErrMissing) {
						return nil
					}
					if cmd.ActorID != c.author {
						t.Errorf("the journal names %q, want %q", cmd.ActorID, c.author)
					}
					return err
				})
			})
		})
	}
}

// A process that ended between the claim and the decisions applies them at its next start, once.
func TestDecisionsClaimedBeforeACrash(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, g := newTill(t, simMapping)
		s.dropper = "1001"
		s.flow = func(f *Flow) { f.Limits.Amount, f.Decisions = "5.00", filepath.Join(s.dir, "decisions") }
		s.drop("a.csv", "Facture;Montant\nA1;11,00\n")
		_ = s.once()
		id := ""
		s.view(func(j *journal.Journal) error { id = j.ID; return nil })
		s.dropper = "1002"
		if err := os.WriteFile(filepath.Join(s.dir, "decisions", transports.SafeName(".navette-"+id[:8]+"-decisions-", "d.csv", 255)), []byte("id;decision\nr1;oui\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			_ = s.once()
		}
		if len(g.log) != 1 || !strings.Contains(s.result("d.ack.csv"), ";done;") {
			t.Errorf("the PSP saw %v\n%s", g.log, s.result("d.ack.csv"))
		}
	})
}

// TestSameAmount: how spreadsheets write an amount again.
func TestSameAmount(t *testing.T) {
	for _, tt := range []struct {
		text, currency string
		minor          int64
		want           bool
	}{
		{"7000,00", "EUR", 700000, true}, {"7000", "EUR", 700000, true}, {"7 000,00 €", "EUR", 700000, true}, {"7\u202f000,0", "EUR", 700000, true},
		{"7,000.00", "EUR", 700000, true}, {"7.000", "EUR", 700000, true}, {"7000.00EUR", "EUR", 700000, true}, {"-60,5", "EUR", -6050, true},
		{"70,00", "EUR", 700000, false}, {"7E+03", "EUR", 700000, false}, {"", "EUR", 0, false}, {"1,234", "TND", 1234, true}, {"1.234", "JPY", 1234, true},
		{"60,00", "USD", 6000, true}, {"60,00 EUR", "USD", 6000, false}, {"12", "", 0, false},
	} {
		if got := sameAmount(tt.text, payment.Amount{Minor: tt.minor, Currency: tt.currency}); got != tt.want {
			t.Errorf("sameAmount(%q, %d %s) = %v, want %v", tt.text, tt.minor, tt.currency, got, tt.want)
		}
	}
}

// The answer to a file of decisions speaks the mapping's language throughout, whatever the service's is.
func TestDecisionsAnswerInOneLanguage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := newTill(t, strings.Replace(simMapping, "locale: fr", "locale: en", 1)) // the service's is French
		s.dropper = "1001"
		s.flow = func(f *Flow) {
			f.Limits.Amount, f.Decisions = "10.00", filepath.Join(s.dir, "decisions")
		}
		s.drop("a.csv", "Facture;Montant\nA1;11,00\nA2;12,00\n")
		_ = s.once()
		s.dropper = "1002"
		if err := os.WriteFile(filepath.Join(s.dir, "decisions", "d.csv"), []byte("id;decision\nr1;yes\nr1;no\nr99;yes\nr2;perhaps\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		_ = s.once()
		answer := s.result("d.ack.csv")
		for _, want := range []string{"r1;yes;;done;rows decided: 1", "r1;no;", "r99;yes;;failed;there is no r99", "r2;perhaps;;failed;\"\"\"perhaps\"\" is no decision: write yes or no\""} {
			if !strings.Contains(answer, want) {
				t.Errorf("the answer lacks %q:\n%s", want, answer)
			}
		}
		for _, french := range []string{"lignes", "état", "existe"} {
			if strings.Contains(answer, french) {
				t.Errorf("the answer says %q:\n%s", french, answer)
			}
		}
	})
}
