package journal_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/navette-connect/navette/connector/journal"
	"github.com/navette-connect/navette/connector/payment"
)

// TestStretches: what is marked, and answered, together is exactly what was named, whether its numbers follow one another or
// not; of several one of which somebody has decided about, nothing.
func TestStretches(t *testing.T) {
	const rows = 60
	refs := make([]string, rows)
	for i := range refs {
		refs[i] = fmt.Sprint("R", i)
	}
	upto := func(from, to int) (list []int) {
		for ; from < to; from++ {
			list = append(list, from)
		}
		return list
	}
	for name, named := range map[string][]int{
		"all":                 upto(0, rows),
		"a stretch within":    upto(20, 40),
		"one short of it":     upto(20, 27),
		"two stretches":       append(upto(0, 20), upto(25, 50)...),
		"backwards":           {9, 8, 7, 6, 5, 4, 3, 2, 1, 0},
		"every other":         {0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20},
		"a stretch and a few": append(upto(10, 30), 5, 3, 59),
	} {
		for _, decided := range []int{-1, named[len(named)/2]} {
			t.Run(fmt.Sprint(name, " ", decided), func(t *testing.T) {
				ctx := t.Context()
				j := open(t, t.TempDir(), journal.Options{})
				list, err := j.Sendable(ctx, take(t, j, "a", refs...).ID, 0, 1<<60, rows)
				if err != nil || len(list) != rows {
					t.Fatalf("%d sendable, %v", len(list), err)
				}
				var ids []int64
				var answers []journal.Answer
				for _, k := range named {
					list[k].State = payment.Sending
					ids = append(ids, list[k].ID)
					answers = append(answers, journal.Answer{ID: list[k].ID, State: payment.Open, PaymentID: fmt.Sprint("p", k), Of: &list[k]})
				}
				decide := func(tx *journal.Tx, state string) error {
					if decided < 0 {
						return nil
					}
					return tx.Exec("UPDATE instruction SET state = ? WHERE id = ?", state, list[decided].ID)
				}
				var marked []int64
				err = j.Do(ctx, func(tx *journal.Tx) (err error) {
					if err = decide(tx, "held"); err == nil {
						marked, err = tx.MarkSending(ids)
					}
					return err
				})
				if decided >= 0 {
					if !errors.Is(err, journal.ErrState) {
						t.Fatalf("marked %v, %v; want %v", marked, err, journal.ErrState)
					}
					err = j.Do(ctx, func(tx *journal.Tx) (err error) { marked, err = tx.MarkSending(ids); return err })
				}
				slices.Sort(marked)
				if err != nil || !slices.Equal(marked, slices.Sorted(slices.Values(ids))) {
					t.Fatalf("marked %v, %v; want %v", marked, err, ids)
				}
				if err := j.Do(ctx, func(tx *journal.Tx) error {
					if err := decide(tx, "refused"); err != nil {
						return err
					}
					return tx.RecordAnswers(answers)
				}); err != nil {
					t.Fatal(err)
				}
				for k := range list {
					want := payment.Accepted
					switch {
					case k == decided:
						want = payment.Refused
					case slices.Contains(named, k):
						want = payment.Open
					}
					if it, err := j.Item(ctx, list[k].ID); err != nil || it.State != want || (it.OwnPaymentID != "") != (want == payment.Open) {
						t.Errorf("row %d is %s %q, %v; want %s", k, it.State, it.OwnPaymentID, err, want)
					}
				}
			})
		}
	}
}
