package connector

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/navette-connect/navette/connector/journal"
	"github.com/navette-connect/navette/connector/payment"
)

// Ways in which a person's decision, a limit or a pause was once passed by.

func TestRegressRetryIsNoRelease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, g := newTill(t, simMapping)
		s.flow = func(f *Flow) { f.FourEyes = "10.00" }
		s.drop("a.csv", "Facture;Montant\nA1;11,00\n")
		_ = s.once()
		if c := s.decideAs("1001", "refuse", "r1"); c.State != "done" {
			t.Fatalf("refuse: %+v", c)
		}
		if c := s.decideAs("1001", "retry", "r1"); c.State != "failed" || len(g.log) != 0 {
			t.Errorf("one person sent what takes two: %+v, %v", c, g.log)
		}
	})
}

func TestRegressRetryBesideANewerRequest(t *testing.T) {
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
		_ = s.once()
		if c := s.decide("retry", "r1", ""); c.State != "failed" || len(s.psp.submits) != 2 {
			t.Errorf("the debt is asked for twice: %+v, %d submits", c, len(s.psp.submits))
		}
	})
}

// What waited for its target passes the limits, the remainder and the currency when the target comes.
func TestRegressAwaitedTargetIsJudged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, g := newTill(t, targetOps)
		s.flow = func(f *Flow) { f.Blind, f.Patience, f.Limits.Amount = true, 30*time.Minute, "50.00" }
		s.drop("a.csv", "Op;Ref;Dev;Montant\nrefund;A1;EUR;51,00\nrefund;A1;USD;1,00\nrefund;A1;EUR;TOUT\n")
		_ = s.once()
		s.drop("b.csv", "Op;Ref;Dev;Montant\n;A1;EUR;49,00\n")
		_ = s.once()
		time.Sleep(time.Minute)
		_ = s.once()
		var got []string
		for _, r := range s.rows()[:3] {
			got = append(got, string(r.State)+" "+r.Code)
		}
		if w := strings.Join(got, ", "); w != "held NV-1504, refused NV-1406, held NV-1504" || len(g.log) != 1 {
			t.Errorf("rows %s; the PSP saw %v", w, g.log)
		}
	})
}

// The limit of a file's total sees what waits for its target: it goes on by itself.
func TestRegressAwaitedTargetsCountInTheTotal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := newTill(t, targetOps)
		s.flow = func(f *Flow) { f.Blind, f.Limits.Total = true, "50.00" }
		s.drop("a.csv", "Op;Ref;Dev;Montant\nrefund;A1;EUR;30,00\nrefund;A2;EUR;30,00\n")
		_ = s.once()
		if f := s.file(1); f.State != journal.FileHeld || f.Code != "NV-1504" {
			t.Errorf("the file is %s %s, want held NV-1504", f.State, f.Code)
		}
	})
}

func TestRegressPauseStopsWhatIsQueued(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, simMapping, taken)
		s.drop("a.csv", "Facture;Montant\nA1;1,00\n")
		s.after = func(c *Connector) {
			if err := c.e.j.Do(t.Context(), func(tx *journal.Tx) error { return tx.SetFlow("f", "paused", "all") }); err != nil {
				t.Fatal(err)
			}
			it, err := c.e.j.Item(t.Context(), 1)
			if err = errors.Join(err, c.e.pauses(t.Context())); err != nil {
				t.Fatal(err)
			}
			if _, sent := c.e.dispatches[0].submit(t.Context(), &it); sent || len(s.psp.submits) != 1 {
				t.Errorf("%d submits: a paused row left", len(s.psp.submits))
			}
		}
		_ = s.once()
	})
}

// Once a journal was lost, a doubt is looked up even at a PSP that deduplicates: nobody knows how old its key is.
func TestRegressRecoverCountsOnNoWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, simMapping, func(*payment.Instruction, int) (payment.Outcome, error) {
			return payment.Outcome{}, payment.ErrUncertain
		})
		s.drop("a.csv", "Facture;Montant\nA1;1,00\n")
		s.after = func(c *Connector) {
			d := c.e.dispatches[0]
			d.account.Idempotent = true
			c.e.consult.Store(time.Now().Add(time.Hour).UnixMicro())
			if err := d.settle(t.Context(), journal.Due{Kind: "look", Subject: 1}); err != nil {
				t.Fatal(err)
			}
			if s.psp.lookups != 1 || !d.idle() {
				t.Errorf("%d look-ups, idle %v; want a look-up and nothing queued", s.psp.lookups, d.idle())
			}
		}
		_ = s.once()
	})
}

// A refusal in one flow says nothing of the other flow's open request.
func TestRegressRefusedHereOpenElsewhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, simMapping, taken)
		s.drop("a.csv", "Facture;Montant\nA1;1,00\n")
		_ = s.once()
		s.name = "g"
		s.drop("b.csv", "Facture;Montant\nA1;1,00\n")
		_ = s.once()
		s.decide("refuse", "r2", "")
		s.drop("c.csv", "Facture;Montant\nA1;2,00\n")
		_ = s.once()
		if r := s.rows(); r[2].State != "held" || r[2].Code != "NV-1404" || len(s.psp.submits) != 1 {
			t.Errorf("row %+v, %d submits; want held", r[2], len(s.psp.submits))
		}
	})
}

// A folder that does not tell who decided makes no second person.
func TestRegressNobodyIsNoSecondPerson(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, g := newTill(t, simMapping)
		s.flow = func(f *Flow) { f.FourEyes, f.Decisions = "10.00", filepath.Join(s.dir, "decisions") }
		s.drop("a.csv", "Facture;Montant\nA1;11,00\n")
		_ = s.once()
		if err := os.WriteFile(filepath.Join(s.dir, "decisions", "d.csv"), []byte("id;decision\nr1;oui\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		_ = s.once()
		s.decideAs("1001", "release", "r1")
		if len(g.log) != 0 || !strings.Contains(s.result("d.ack.csv"), ";failed;") {
			t.Errorf("the PSP saw %v\n%s", g.log, s.result("d.ack.csv"))
		}
	})
}

// A file whose row waits behind a held one is answered after patience, and goes on later.
func TestRegressRowBehindAHeldOneIsAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, g := newTill(t, targetOps)
		s.flow = func(f *Flow) { f.Limits.Amount = "5.00" }
		s.drop("a.csv", "Op;Ref;Dev;Montant\n;A1;EUR;9,00\n")
		_ = s.once()
		s.drop("b.csv", "Op;Ref;Dev;Montant\ncapture;A1;EUR;1,00\n")
		_ = s.once()
		time.Sleep(2 * time.Hour)
		_ = s.once()
		if got := s.result("b.ret.csv"); !strings.Contains(got, ";held;") {
			t.Errorf("result:\n%s\nwant held", got)
		}
		s.decide("release", "r1", "")
		if len(g.log) != 2 {
			t.Errorf("after the release the PSP saw %v", g.log)
		}
	})
}

// Undoing a file stops the cancel that was to make way for its row, if it has not left yet.
func TestRegressUndoStopsTheCancelToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cancels := 0
		s := newStage(t, simMapping, func(in *payment.Instruction, n int) (payment.Outcome, error) {
			if in.Operation == payment.Cancel {
				cancels++
				return payment.Outcome{Verdict: payment.VerdictRetry, Wait: 5 * time.Minute}, nil
			}
			return taken(in, n)
		})
		s.flow = func(f *Flow) { f.OnKnown = "replace_unpaid" }
		s.drop("a.csv", "Facture;Montant\nA1;1,00\n")
		_ = s.once()
		s.drop("b.csv", "Facture;Montant\nA1;2,00\n")
		_ = s.once()
		if c := s.decide("undo", "f2", ""); c.State != "done" {
			t.Fatalf("undo: %+v", c)
		}
		was := cancels
		time.Sleep(time.Hour)
		_ = s.once()
		if r := s.rows(); cancels != was || r[0].State != "open" || r[1].State != "refused" {
			t.Errorf("%d cancels after the undo, rows %+v", cancels-was, r)
		}
	})
}

// A late payment while a newer request is out is told as a conflict: the customer may pay twice.
func TestRegressLatePaymentBesideAnOpenRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, g := newTill(t, simMapping)
		s.flow = func(f *Flow) { f.OnKnown = "replace_unpaid" }
		s.drop("a.csv", "Facture;Montant\nA1;1,00\n")
		_ = s.once()
		s.drop("b.csv", "Facture;Montant\nA1;2,00\n")
		_ = s.once()
		g.pay("p1")
		var effect payment.Effect
		s.after = func(c *Connector) {
			if err := c.e.j.Do(t.Context(), func(tx *journal.Tx) (err error) {
				_, effect, err = tx.Apply("psp:test", payment.Change{Now: *g.requests["p1"]}, "late")
				return err
			}); err != nil {
				t.Fatal(err)
			}
		}
		s.gateway = unread{g}
		_ = s.once()
		if effect != payment.Conflict {
			t.Errorf("the effect is %v, want a conflict", effect)
		}
	})
}

// unread is a till that cannot be asked how a request stands.
type unread struct{ Gateway }

// What was decided while nothing ran is applied before anything is sent.
func TestRegressPauseBeforeTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, simMapping, taken)
		s.flow = func(f *Flow) { f.Delay = time.Minute }
		s.drop("a.csv", "Facture;Montant\nA1;1,00\n")
		_ = s.once()
		time.Sleep(time.Hour)
		if c := s.decide("pause", "f", ""); c.State != "done" || len(s.psp.submits) != 0 {
			t.Errorf("pause: %+v, %d submits", c, len(s.psp.submits))
		}
	})
}

// What waits with its held file waits for a person, not for the gateway: no alarm says otherwise.
func TestWaitingWithItsFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, simMapping, taken)
		s.flow = func(f *Flow) { f.Limits.Total = "1.00" }
		s.drop("a.csv", "Facture;Montant\nA1;1,00\nA2;1,00\n")
		_ = s.once()
		s.view(func(j *journal.Journal) error {
			list, err := j.Waiting(t.Context())
			if len(list) != 1 || list[0].State != string(payment.Held) || list[0].N != 2 || list[0].Oldest == 0 {
				t.Errorf("waiting: %+v, want two held", list)
			}
			return err
		})
	})
}
