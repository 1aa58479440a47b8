package journal_test

import (
	"testing"

	"github.com/navette-connect/navette/connector/journal"
	"github.com/navette-connect/navette/connector/payment"
)

// TestWhatWaits: what is unfinished is counted by flow and state, with the age of its first file; what is done is not.
func TestWhatWaits(t *testing.T) {
	ctx := t.Context()
	j := open(t, t.TempDir(), journal.Options{})
	f := take(t, j, "a", "R1", "R2", "R3")
	take(t, j, "b", "S1")
	list, err := j.Sendable(ctx, f.ID, 0, 1<<60, 2)
	if err != nil || len(list) != 2 {
		t.Fatalf("sendable: %d, %v; want 2", len(list), err)
	}
	mark, err := j.LastEvent(ctx)
	if err != nil {
		t.Fatal(err)
	}
	err = j.Do(ctx, func(tx *journal.Tx) error {
		if _, err := tx.MarkSending([]int64{list[0].ID, list[1].ID}); err != nil {
			return err
		}
		return tx.RecordAnswers([]journal.Answer{{ID: list[0].ID, State: payment.Open, PaymentID: "p1"}})
	})
	if err != nil {
		t.Fatal(err)
	}
	waiting, err := j.Waiting(ctx)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]int64{}
	for _, w := range waiting {
		got[w.Flow+" "+w.State] = w.N
		if w.Oldest == 0 {
			t.Errorf("%s %s has no age", w.Flow, w.State)
		}
	}
	for what, want := range map[string]int64{"a accepted": 1, "a sending": 1, "b accepted": 1} {
		if got[what] != want {
			t.Errorf("%s: %d wait, want %d (%v)", what, got[what], want, got)
		}
	}
	if len(got) != 3 {
		t.Errorf("%v wait, want three kinds", got)
	}
	last, err := j.LastEvent(ctx)
	if err != nil {
		t.Fatal(err)
	}
	sums, err := j.EventSums(ctx, mark, last)
	if err != nil || len(sums) != 1 || sums[0].Flow != "a" || sums[0].Word != "sent" || sums[0].N != 1 || sums[0].Minor != 1234 {
		t.Errorf("events since: %+v, %v; want one `sent` of 12.34 in flow a", sums, err)
	}
	for what, ask := range map[string]func() (int64, error){
		"returns":               func() (int64, error) { return j.OldestReturn(ctx, "a") },
		"look-ups":              func() (int64, error) { return j.DueCount(ctx, "look", "psp") },
		"a return of another's": func() (int64, error) { return j.PublishedAt(ctx, "a", "x.ret.csv") },
		"files to be judged":    func() (int64, error) { return j.OldestFile(ctx, "a") },
	} {
		if n, err := ask(); err != nil || n != 0 {
			t.Errorf("%s: %d, %v; want none", what, n, err)
		}
	}
}
