package connector

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/navette-connect/navette/connector/journal"
)

// decideAs is decide by somebody else.
func (s *stage) decideAs(uid, verb, subject string) journal.Command {
	var id int64
	s.view(func(j *journal.Journal) (err error) {
		id, err = j.WriteCommand(s.t.Context(), journal.Command{Verb: verb, Subject: subject, Reason: "test", ActorKind: "user", ActorID: uid, ActorName: "user" + uid})
		return err
	})
	_ = s.once()
	var c journal.Command
	s.view(func(j *journal.Journal) (err error) { c, err = j.Command(s.t.Context(), id); return err })
	return c
}

// A wrong file is taken back: the unsent is stopped, the open cancelled, the paid listed; again, it does nothing more.
func TestUndo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, g := newTill(t, simMapping)
		s.flow = func(f *Flow) { f.Limits.Amount = "50.00" }
		s.drop("a.csv", "Facture;Montant\nA1;1,00\nA2;2,00\nA3;99,00\n")
		_ = s.once()
		g.pay("p2")
		_ = s.once()
		c := s.decide("undo", "f1", "")
		if c.State != "done" || !strings.Contains(c.Result, "A2") || !strings.Contains(c.Result, "1 arrêtées") || !strings.Contains(c.Result, "1 en cours d'annulation") {
			t.Errorf("undo: %+v", c)
		}
		_ = s.once()
		var got []string
		for _, r := range s.rows() {
			got = append(got, r.State)
		}
		if w := strings.Join(got, " "); w != "cancelled paid refused" {
			t.Errorf("rows %s, want cancelled paid refused", w)
		}
		n := len(g.log)
		if c := s.decide("undo", "f1", ""); c.State != "done" || len(g.log) != n {
			t.Errorf("again: %+v, %v", c, g.log)
		}
	})
}

// Unsent rows of a file that waits for its delay are stopped without a byte to the PSP.
func TestUndoWithinTheDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, g := newTill(t, simMapping)
		s.flow = func(f *Flow) { f.Delay = time.Hour }
		s.drop("a.csv", "Facture;Montant\nA1;1,00\n")
		_ = s.once()
		if c := s.decide("undo", "f1", ""); c.State != "done" {
			t.Errorf("undo: %+v", c)
		}
		time.Sleep(2 * time.Hour)
		_ = s.once()
		if len(g.log) != 0 || s.rows()[0].State != "refused" {
			t.Errorf("the PSP saw %v; rows %+v", g.log, s.rows())
		}
		if got := s.result("a.ret.csv"); !strings.Contains(got, "NV-2003") {
			t.Errorf("result:\n%s", got)
		}
	})
}

// A refused file is read again from its kept bytes once the mapping is mended, with answers of its own.
func TestReplay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, g := newTill(t, strings.ReplaceAll(simMapping, "column: Montant", "column: Total"))
		s.drop("a.csv", "Facture;Montant\nA1;1,00\n")
		_ = s.once()
		if f := s.file(1); f.State != journal.FileRejected {
			t.Fatalf("file %+v, want rejected", f)
		}
		s.mapping = simMapping
		if c := s.decide("replay", "f1", ""); c.State != "done" {
			t.Fatalf("replay: %+v", c)
		}
		_ = s.once()
		if len(g.log) != 1 || !strings.Contains(s.result("a.2.ret.csv"), ";sent;") {
			t.Errorf("the PSP saw %v", g.log)
		}
		if f := s.file(2); !strings.Contains(f.Place, "/done/") {
			t.Errorf("the source lies at %s", f.Place)
		}
		if c := s.decide("replay", "f2", ""); c.State != "failed" {
			t.Errorf("a file that was taken is read again: %+v", c)
		}
	})
}

// A return that was lost comes back under its name with its bytes; one that stands is left alone.
func TestRedeliver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := newTill(t, simMapping)
		s.drop("a.csv", "Facture;Montant\nA1;1,00\n")
		_ = s.once()
		was := s.result("a.ack.csv")
		if err := os.Remove(filepath.Join(s.dir, "out", "a.ack.csv")); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if c := s.decide("redeliver", "d1", ""); c.State != "done" {
				t.Fatalf("redeliver: %+v", c)
			}
			if got := s.result("a.ack.csv"); got != was {
				t.Errorf("came back as\n%s\nwas\n%s", got, was)
			}
		}
		if names, err := filepath.Glob(filepath.Join(s.dir, "out", "a.ack*")); err != nil || len(names) != 1 {
			t.Errorf("%v, %v", names, err)
		}
	})
}

// Above four_eyes nobody sends alone: not the one who dropped the file, nor one person twice.
func TestFourEyes(t *testing.T) {
	bound := func(f *Flow) { f.FourEyes = "10.00" }
	t.Run("whoever dropped it is nobody known", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s, g := newTill(t, simMapping)
			s.flow = bound
			s.dropper = "0"
			s.drop("a.csv", "Facture;Montant\nA1;10,01\nA2;10,00\n")
			_ = s.once()
			for _, uid := range []string{"1001", "1001"} {
				if c := s.decideAs(uid, "release", "r1"); c.State != "done" || len(g.log) != 1 {
					t.Fatalf("one person: %+v, %v", c, g.log)
				}
			}
			if c := s.decideAs("1001", "refuse", "r1"); c.State != "done" { // and takes the release back
				t.Fatalf("refuse: %+v", c)
			}
			if c := s.decideAs("1002", "release", "r1"); c.State != "done" || len(g.log) != 1 {
				t.Errorf("one person, after another took the own release back: %+v, %v", c, g.log)
			}
			if c := s.decideAs("1003", "release", "r1"); c.State != "done" || len(g.log) != 2 {
				t.Errorf("a second person: %+v, %v", c, g.log)
			}
		})
	})
	t.Run("whoever dropped it is the first", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s, g := newTill(t, simMapping)
			s.flow = bound
			s.dropper = "1001"
			s.drop("a.csv", "Facture;Montant\nA1;10,01\n")
			_ = s.once()
			if c := s.decideAs("1001", "release", "r1"); c.State != "failed" || len(g.log) != 0 {
				t.Errorf("the dropper: %+v, %v", c, g.log)
			}
			if c := s.decideAs("1002", "release", "r1"); c.State != "done" || len(g.log) != 1 {
				t.Errorf("another: %+v, %v", c, g.log)
			}
		})
	})
}

// What a person closed by mistake is released again: by two people above four_eyes, and only while nothing else asks for it.
func TestReleaseWhatWasRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, g := newTill(t, simMapping)
		s.flow = func(f *Flow) { f.FourEyes, f.Limits.Amount = "10.00", "1.00" }
		s.drop("a.csv", "Facture;Montant\nA1;11,00\nA2;2,00\nA3;3,00\n")
		_ = s.once()
		if c := s.decide("refuse", "f1", ""); c.State != "done" {
			t.Fatalf("refuse: %+v", c)
		}
		if c := s.decide("retry", "r2", ""); c.State != "failed" || !strings.Contains(c.Result, "release") {
			t.Errorf("retry: %+v, want it to name release", c)
		}
		s.drop("b.csv", "Facture;Montant\nA2;2,00\nA3;0,50\n")
		_ = s.once()
		if r := s.rows(); r[3].Code != "NV-1405" || !strings.Contains(s.result("b.ack.csv"), "fermée par une personne") || strings.Join(g.log, "") != "request A3 0.50 EUR" {
			t.Errorf("rows %+v, %v\n%s", r, g.log, s.result("b.ack.csv"))
		}
		if c := s.decide("release", "r3", ""); c.State != "failed" {
			t.Errorf("A3 is asked for by another row: %+v", c)
		}
		if c := s.decide("release", "r2", ""); c.State != "done" || len(g.log) != 2 {
			t.Errorf("release: %+v, %v", c, g.log)
		}
		if c := s.decide("release", "r2", ""); c.State != "failed" || len(g.log) != 2 {
			t.Errorf("released twice: %+v, %v", c, g.log)
		}
		for uid, want := range []int{2, 2, 3} {
			if c := s.decideAs([]string{"1001", "1001", "1002"}[uid], "release", "r1"); c.State != "done" || len(g.log) != want {
				t.Errorf("four eyes, release %d: %+v, %v", uid+1, c, g.log)
			}
		}
		told := ""
		s.view(func(j *journal.Journal) error {
			items, err := j.Where(t.Context(), "A2")
			for _, it := range items {
				events, err := j.EventsOf(t.Context(), it.ID)
				if err != nil {
					return err
				}
				for _, e := range events {
					told += e.Word + " " + e.Reason + "\n"
				}
			}
			return err
		})
		if !strings.Contains(told, "released libéré par tester : test") {
			t.Errorf("nobody is named as who released it:\n%s", told)
		}
	})
}

// Without a shell: what is held is written to a file; filled in and dropped into `decisions` it releases or refuses.
func TestDecisionsByFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, g := newTill(t, simMapping)
		s.flow = func(f *Flow) { f.Limits.Amount, f.Decisions = "10.00", filepath.Join(s.dir, "decisions") }
		s.dropper = "1001"
		s.drop("a.csv", "Facture;Montant\nA1;11,00\nA2;12,00\nA3;13,00\nA4;14,00\n")
		_ = s.once()
		form := s.result("a_A_APPROUVER.csv")
		if !strings.HasPrefix(form, "id;line;reference;amount;currency;code;message;decision;motif\n") || !strings.Contains(form, "r2;3;A2;12,00;EUR;NV-1504;") {
			t.Fatalf("form:\n%s", form)
		}
		decide := func(name, text string) {
			if err := os.WriteFile(filepath.Join(s.dir, "decisions", name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
			_ = s.once()
		}
		// As Excel saves it: another separator, Windows-1252, columns moved.
		const filled = "decision,motif,id\noui,re\xe7u,r1\nNON,,r2\n,,r3\npeut-\xeatre,,r4\n"
		decide("a_A_APPROUVER.csv", filled)
		if len(g.log) != 0 || !strings.Contains(s.result("a_A_APPROUVER.ack.csv"), "déposé") {
			t.Errorf("whoever dropped the file decided about it: %v\n%s", g.log, s.result("a_A_APPROUVER.ack.csv"))
		}
		s.dropper = "1002"
		// Half of the sheet was sorted: the ids stayed where they were.
		decide("sorted.csv", "id;line;reference;amount;currency;decision\nr1;3;A2;12,00;EUR;oui\nr2;2;A1;11,00;EUR;non\nr3;4;A3;14,00;EUR;oui\nr4;5;A4;14,00;USD;oui\n")
		if sorted := s.result("sorted.ack.csv"); len(g.log) != 0 || strings.Count(sorted, ";failed;") != 4 || !strings.Contains(sorted, "la ligne dit « A2 », mais r1 est « A1 »") || !strings.Contains(sorted, "« 14,00 », mais r3 est « 13,00 »") {
			t.Errorf("a half sorted sheet: the PSP saw %v\n%s", g.log, sorted)
		}
		decide("mine.csv", filled)
		ack := s.result("mine.ack.csv")
		if len(g.log) != 1 || !strings.Contains(ack, "r1;oui;reçu;done;lignes traitées : 1") || !strings.Contains(ack, "r2;NON;;done;") || !strings.Contains(ack, "r4;peut-être;;failed;") || strings.Contains(ack, "r3") {
			t.Errorf("the PSP saw %v\n%s", g.log, ack)
		}
		if r := s.rows(); r[0].State != "open" || r[1].State != "refused" || r[2].State != "held" || !strings.Contains(r[1].Text, "1002") {
			t.Errorf("rows %+v", r)
		}
		left, err := os.ReadDir(filepath.Join(s.dir, "decisions"))
		if err != nil || len(left) != 0 {
			t.Errorf("left in the folder: %v, %v", left, err)
		}
		decide("late.csv", "decision;id\noui;r1\noui;r99\n") // decided already, unknown: said in French
		if late := s.result("late.ack.csv"); !strings.Contains(late, "r1;oui;;failed;\"état actuel : en attente de paiement ;") || !strings.Contains(late, "r99;oui;;failed;r99 n'existe pas") {
			t.Errorf("late:\n%s", late)
		}
		decide("again.csv", filled) // the same bytes again: nothing is decided twice
		if again := s.result("again.ack.csv"); again != ack || len(g.log) != 1 {
			t.Errorf("again:\n%s", again)
		}
	})
}

// Beside a refused file lies a text that says why and what to do.
func TestRefusedFileIsExplained(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := newTill(t, simMapping)
		s.drop("a.csv", "Facture;Autre\nA1;1,00\n")
		_ = s.once()
		names, err := filepath.Glob(filepath.Join(s.dir, "rejected", "*-a.csv.txt"))
		if err != nil || len(names) != 1 {
			t.Fatalf("%v, %v; want one text beside the file", names, err)
		}
		b, err := os.ReadFile(names[0])
		if err != nil || !strings.Contains(string(b), "NV-1101") || !strings.Contains(string(b), "a.csv") || !strings.Contains(string(b), "redéposez") {
			t.Errorf("%s, %v", b, err)
		}
	})
}
