package connector

import (
	"fmt"
	"slices"
	"strings"

	"github.com/navette-connect/navette/connector/journal"
	"github.com/navette-connect/navette/connector/payment"
)

// nobody begins the author of decisions by a file whose owner names nobody: whoever may write in the folder.
const nobody = "folder:"

// second holds a release against the flow's four_eyes: above that amount two different people stand behind what is sent.
// Whoever dropped the file is the first, where the folder tells who that was; else the first release is noted and a
// release by somebody else is awaited, which the text says. "" and no error: it may go on.
func (e *decider) second(tx *journal.Tx, c journal.Command, it *journal.Item) (awaits string, err error) {
	if it.State != payment.Held && !closedByPerson(it) {
		return "", nil
	}
	n := e.intakeOf(it.Source.Flow)
	if n == nil { // nobody can tell any more how many it takes
		return "", e.wrong("ui.decide.flow", "flow", it.Source.Flow)
	}
	if !bounded(n.flow.FourEyes) {
		return "", nil
	}
	if !it.Amount.IsZero() {
		limit, err := limitOf(n.flow.FourEyes, it.Amount.Currency)
		if err != nil {
			return "", fmt.Errorf("four_eyes of flow %s: %w", n.flow.Name, err)
		}
		if it.Amount.Minor <= limit.Minor {
			return "", nil
		}
	} else if it.Operation != payment.Refund && it.Operation != payment.Capture && it.Operation != payment.Duplicate {
		return "", nil // moves no money
	}
	f, err := tx.File(it.FileID)
	if err != nil {
		return "", err
	}
	if c.ActorKind == "file" && (strings.HasPrefix(c.ActorID, nobody) || c.ActorID == "0" || c.ActorID == e.UID) {
		return "", e.wrong("ui.second.nobody") // it may be whoever decided before
	}
	// Root and the service itself drop files for others: they are nobody.
	dropper := f.DroppedBy
	if slices.Contains([]string{"0", e.UID}, dropper) {
		dropper = ""
	}
	if dropper != "" && dropper == c.ActorID {
		return "", e.wrong("ui.second.dropper")
	}
	others, err := tx.Approve(it, &c)
	if err != nil || dropper != "" || len(others) > 0 {
		return "", err
	}
	return e.told("ui.second.awaited", "author", c.ActorName, "id", fmt.Sprint("i", it.ID)), nil
}
