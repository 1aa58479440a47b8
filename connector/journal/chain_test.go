package journal_test

import (
	"strings"
	"testing"

	"github.com/navette-connect/navette/connector/journal"
	"github.com/navette-connect/navette/connector/journal/sqlite"
	"github.com/navette-connect/navette/connector/payment"
)

// Every edit that the chain must show, each on a journal of its own; the first is the control.
func TestChain(t *testing.T) {
	tests := []struct {
		name, edit string
		want       string // part of the one finding; "" none
	}{
		{"nothing", "UPDATE event SET tell = 1", ""},
		{"one byte", "UPDATE event SET reason = 'seeN' WHERE id = 2", "events 1 to 3 are not what was written"},
		{"an amount", "UPDATE event SET amount = 1 WHERE id = 5", "events 4 to 6"},
		{"zero made none", "UPDATE event SET amount = NULL WHERE id = 3", "event 3: its amount"},
		{"two texts shifted", "UPDATE event SET code = code || 's', reason = 'een' WHERE id = 2", "events 1 to 3"},
		{"a state given", "UPDATE event SET psp_state = 'PAID' WHERE id = 2", "events 1 to 3"},
		{"a state taken", "UPDATE event SET psp_state = '' WHERE id = 9", "events 7 to 9"},
		{"one removed", "DELETE FROM event WHERE id = 5", "events 4 to 6: 2 of 3 are there"},
		{"the last group removed", "DELETE FROM event WHERE id > 6; DELETE FROM chain WHERE id > 6", "its end was removed"},
		{"the first group removed", "DELETE FROM event WHERE id < 4; DELETE FROM chain WHERE id = 3", "events 4 to 6 are not"},
		{"a record removed", "DELETE FROM chain WHERE id = 6", "stand under no record"},
		{"a record changed", "UPDATE chain SET digest = 'ff' WHERE id = 6", "events 4 to 6 are not"},
		{"one added", "INSERT INTO event SELECT 10, instruction_id, flow, account, word, state, previous, amount, currency, moved, method, payment_id, transaction_id, occurred_at, recorded_at, code, reason, '', tell, psp_state FROM event WHERE id = 9", "from 10 on"},
		{"chain made after the journal", "DELETE FROM chain WHERE id <= 9", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			j, err := sqlite.Open(t.Context(), t.TempDir(), journal.Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer j.Close()
			for range 3 {
				list := make([]journal.Event, 3)
				for i := range list {
					state := ""
					if i == 2 {
						state = "A_REMETTRE"
					}
					list[i] = journal.Event{PSPState: state, InstructionID: 1, Flow: "a", Account: "psp", Word: payment.WordSent, State: payment.Open, Previous: payment.Sending, Amount: payment.Amount{Currency: "EUR"}, Code: "x", Reason: "seen"}
				}
				if err := j.Do(t.Context(), func(tx *journal.Tx) error { return tx.AddEvents(list) }); err != nil {
					t.Fatal(err)
				}
			}
			if err := j.Do(t.Context(), func(tx *journal.Tx) error {
				for q := range strings.SplitSeq(tt.edit, ";") {
					if err := tx.Exec(strings.TrimSpace(q)); err != nil {
						return err
					}
				}
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			c, err := j.CheckChain(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(c.Wrong, "\n"); tt.want == "" && got != "" || !strings.Contains(got, tt.want) {
				t.Errorf("found %q, want %q", got, tt.want)
			}
		})
	}
}
