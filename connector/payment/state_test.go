package payment

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// TestEveryMove holds each state times each state against the table drawn in docs/states.md: whoever changes the one
// changes the other.
func TestEveryMove(t *testing.T) {
	doc, err := os.ReadFile("../../docs/states.md")
	if err != nil {
		t.Fatal(err)
	}
	drawn := map[State][]State{}
	for line := range strings.SplitSeq(string(doc), "\n") {
		cells := strings.Split(line, "|")
		if len(cells) < 4 || !strings.HasPrefix(strings.TrimSpace(cells[1]), "`") {
			continue
		}
		from := State(strings.Trim(cells[1], " `"))
		drawn[from] = []State{}
		for word := range strings.FieldsSeq(cells[2]) {
			if w := strings.Trim(word, "`,"); w != "–" {
				drawn[from] = append(drawn[from], State(w))
			}
		}
	}
	for _, from := range States {
		if _, ok := drawn[from]; !ok {
			t.Errorf("docs/states.md does not draw %q", from)
		}
		for _, to := range States {
			can := slices.Contains(drawn[from], to)
			if got := Move(from, to) == Moved; got != can {
				t.Errorf("%s -> %s: moved is %v, docs/states.md says %v", from, to, got, can)
			}
		}
		for _, to := range drawn[from] {
			if !slices.Contains(States[:], to) {
				t.Errorf("docs/states.md: %s -> %q is no state", from, to)
			}
		}
	}
}

func TestMoveTellsStaleFromConflict(t *testing.T) {
	for _, c := range []struct {
		from, to State
		want     Effect
	}{
		{Paid, Open, Stale}, {Paid, Authorised, Stale}, {Paid, Paid, Same}, {Paid, Expired, Conflict}, {Paid, Refused, Conflict},
		{Settled, Paid, Stale}, {Refunded, Paid, Stale}, {Expired, Paid, Moved}, {Cancelled, Paid, Moved}, {Refused, Paid, Moved},
		{Expired, Cancelled, Conflict}, {Expired, Open, Stale}, {Cancelled, Refunded, Stale}, {Done, Refused, Conflict}, {Open, Done, Conflict},
		{PartiallyPaid, PartiallyPaid, Moved}, {ChargedBack, Paid, Moved}, {Open, "", Conflict}, {Open, "weird", Stale},
	} {
		if got := Move(c.from, c.to); got != c.want && c.to != "weird" {
			t.Errorf("Move(%s, %s) = %d, want %d", c.from, c.to, got, c.want)
		}
		if c.to == "weird" && Move(c.from, c.to) == Moved {
			t.Errorf("an unknown state moved %s", c.from)
		}
	}
}

// TestMoneyStatesAreNeverLeftForUnpaid: once money came in, no news makes a request look unpaid.
func TestMoneyStatesAreNeverLeftForUnpaid(t *testing.T) {
	for _, from := range []State{Paid, Settled, PartiallyRefunded, Refunded, ChargedBack} {
		for _, to := range []State{Accepted, Held, Sending, Uncertain, Open, Authorised, Expired, Cancelled, Refused} {
			if Move(from, to) == Moved {
				t.Errorf("%s may become %s", from, to)
			}
		}
	}
}

// TestNothingSentIsSentAgain: from no state that the PSP has answered does a way lead back to sending.
func TestNothingSentIsSentAgain(t *testing.T) {
	for _, from := range States {
		if !from.Answered() {
			continue
		}
		for _, to := range []State{Accepted, Sending, Uncertain, Held} {
			if Move(from, to) == Moved {
				t.Errorf("answered %s may become %s", from, to)
			}
		}
	}
}
