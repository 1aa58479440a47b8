package journal_test

import (
	"errors"
	"testing"

	"github.com/navette-connect/navette/connector/journal"
	"github.com/navette-connect/navette/connector/payment"
)

// TestPaymentsOfAllEras: a payment is found by the PSP's id whenever it was made: at the end of an era, at the beginning of the
// next, after eras of which nothing is left.
func TestPaymentsOfAllEras(t *testing.T) {
	ctx := t.Context()
	j := open(t, t.TempDir(), journal.Options{})
	do := func(f func(tx *journal.Tx) error) {
		t.Helper()
		if err := j.Do(ctx, f); err != nil {
			t.Fatal(err)
		}
	}
	number := map[string]int64{}
	send := func(before string, refs ...string) {
		t.Helper()
		do(func(tx *journal.Tx) error {
			return tx.Exec("UPDATE counter SET value = " + before + " WHERE name = 'instruction'")
		})
		list, err := j.Sendable(ctx, take(t, j, "a", refs...).ID, 0, 1<<60, 9)
		if err != nil || len(list) != len(refs) {
			t.Fatalf("%d sendable, %v", len(list), err)
		}
		var all []int64
		var answers []journal.Answer
		for _, it := range list {
			all = append(all, it.ID)
			number[it.Reference] = it.ID
			answers = append(answers, journal.Answer{ID: it.ID, State: payment.Open, PaymentID: "p-" + it.Reference, Page: &journal.Page{Digest: "d-" + it.Reference, ExpiresAt: 1 << 60}})
		}
		do(func(tx *journal.Tx) error {
			if _, err := tx.MarkSending(all); err != nil {
				return err
			}
			return tx.RecordAnswers(answers)
		})
	}
	send("4094", "A", "B")  // 4095 and 4096
	send("20479", "C", "D") // 20480 and 20481
	send("81919", "E", "F") // 81920 and 81921
	want := map[string]int64{"A": 4095, "B": 4096, "C": 20480, "D": 20481, "E": 81920, "F": 81921}
	check := func() {
		t.Helper()
		for ref, id := range want {
			pid := "p-" + ref
			do(func(tx *journal.Tx) error {
				if it, err := tx.ByPayment("psp", pid); err != nil || it.ID != id {
					t.Errorf("%s: number %d, %v; want %d", pid, it.ID, err, id)
				}
				if it, err := tx.ByPayment("other", pid); !errors.Is(err, journal.ErrMissing) {
					t.Errorf("%s of another account: number %d, %v", pid, it.ID, err)
				}
				return nil
			})
			if known, err := j.Known(ctx, "psp", pid); !known || err != nil {
				t.Errorf("%s: known %v, %v", pid, known, err)
			}
			if list, err := j.Where(ctx, pid); err != nil || len(list) != 1 || list[0].ID != id {
				t.Errorf("%s: where %v, %v", pid, list, err)
			}
			if to, err := j.TargetOf(ctx, &payment.Instruction{Account: "psp", Kind: payment.Operate, Operation: payment.Cancel, PaymentID: pid}); err != nil || to.ID != id {
				t.Errorf("%s: target %+v, %v", pid, to, err)
			}
			if p, err := j.PageOf(ctx, "psp", pid); err != nil || p.InstructionID != id {
				t.Errorf("%s: page %+v, %v", pid, p, err)
			}
		}
		if known, err := j.Known(ctx, "psp", "p-Z"); known || err != nil {
			t.Errorf("p-Z is known: %v, %v", known, err)
		}
	}
	for ref, id := range want {
		if number[ref] != id {
			t.Fatalf("%s has number %d, want %d", ref, number[ref], id)
		}
	}
	check()

	do(func(tx *journal.Tx) error {
		for _, id := range []string{"p-G", "p-Z"} {
			if err := tx.KeepStray("psp", payment.Change{EventID: "e-" + id, Now: payment.Snapshot{PaymentID: id}}, []byte("{}")); err != nil {
				return err
			}
		}
		return nil
	})
	if strays, err := j.Strays(ctx, "psp", 9); err != nil || len(strays) != 0 {
		t.Errorf("strays of known payments before there is one: %v, %v", strays, err)
	}
	send("90000", "G")
	if strays, err := j.Strays(ctx, "psp", 9); err != nil || len(strays) != 1 || strays[0].PaymentID != "p-G" {
		t.Errorf("strays of known payments: %v, %v", strays, err)
	}
	// Of two with one id the newest counts, and a person cannot make a third.
	do(func(tx *journal.Tx) error {
		return tx.Exec("UPDATE instruction SET payment_id = 'p-A' WHERE id = 81921")
	})
	do(func(tx *journal.Tx) error {
		if it, err := tx.ByPayment("psp", "p-A"); err != nil || it.ID != 81921 {
			t.Errorf("of two the newest: number %d, %v", it.ID, err)
		}
		it, err := tx.Item(81920)
		if err != nil {
			return err
		}
		if err := tx.Adopt(&it, "p-B", "", ""); !errors.Is(err, journal.ErrState) {
			t.Errorf("adopting what another has: %v", err)
		}
		return tx.Exec("UPDATE instruction SET payment_id = 'p-F' WHERE id = 81921")
	})
	// The oldest are gone.
	do(func(tx *journal.Tx) error { return tx.Exec("DELETE FROM instruction WHERE id < 20480") })
	delete(want, "A")
	delete(want, "B")
	check()
	do(func(tx *journal.Tx) error { return tx.Exec("DELETE FROM instruction") })
	if known, err := j.Known(ctx, "psp", "p-C"); known || err != nil {
		t.Errorf("in an empty journal: known %v, %v", known, err)
	}
}
