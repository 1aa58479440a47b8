package connector

import (
	"fmt"
	"path"
	"strings"

	"github.com/navette-connect/navette/connector/journal"
	"github.com/navette-connect/navette/connector/message"
	"github.com/navette-connect/navette/connector/payment"
)

// listed bounds how many references an answer to a person names.
const listed = 20

// undo takes a wrong file back as far as that goes: what is unsent is stopped, what is open is cancelled at the PSP, what
// is paid or done is listed. What is on its way is listed too: undo it again once it is answered.
func (e *engine) undo(tx *journal.Tx, c journal.Command, f journal.File) (string, error) {
	if f.State == journal.FileHeld && !f.Judged {
		return (&decider{e, e.voice}).refuseFile(tx, c, f)
	}
	if !f.Judged || f.State == journal.FileRejected || f.State == journal.FileDuplicate {
		return "", e.wrong("ui.decide.untaken", "state", e.fileWord(f.State))
	}
	locale := e.localeOf(f.Flow)
	text := message.New("NV-2003.undone", "author", c.ActorName, "reason", c.Reason).In(locale)
	var stopped, cancelled int
	left := map[string][]string{}
	keep := func(key string, it *journal.Item) {
		left[key] = append(left[key], or(it.Reference, or(it.TransactionID, it.PaymentID)))
	}
	for _, state := range payment.States {
		err := eachOfFile(tx, f.ID, state, func(it *journal.Item) error {
			switch {
			case it.RowID == 0: // an act of navette's own
			case state == payment.Accepted || state == payment.Held && it.Code != "NV-2102":
				stopped++
				return tx.Close(it, "NV-2003", text)
			case !state.Answered():
				keep("ui.undo.flying", it)
			case state == payment.Open && it.Kind == payment.Request && it.OwnPaymentID != "" && e.cancels(it.Account):
				asked, err := tx.Cancelled(it)
				if err != nil || asked {
					return err
				}
				cancelled++
				_, err = tx.Cancelling(it, f.ID, int64(it.Source.Line), c.Reason)
				return err
			case state == payment.Refused, state == payment.Expired, state == payment.Cancelled, it.Operation == payment.Consult:
			case state == payment.Open:
				keep("ui.undo.open", it)
			default:
				keep("ui.undo.paid", it)
			}
			return nil
		})
		if err != nil {
			return "", err
		}
	}
	if f.State == journal.FileHeld {
		if err := tx.SetFile(f.ID, []string{journal.FileHeld}, "state", journal.FileAccepted, "code", "", "message", ""); err != nil {
			return "", err
		}
	}
	lang := or(e.Lang, "fr")
	said := []string{message.New("ui.undo.done", "stopped", fmt.Sprint(stopped), "cancelled", fmt.Sprint(cancelled)).In(lang)}
	for _, key := range []string{"ui.undo.paid", "ui.undo.open", "ui.undo.flying"} {
		if refs := left[key]; len(refs) > 0 {
			names := strings.Join(refs[:min(len(refs), listed)], ", ")
			if len(refs) > listed {
				names += ", …"
			}
			said = append(said, message.New(key, "count", fmt.Sprint(len(refs)), "references", names).In(lang))
		}
	}
	return strings.Join(said, " "), nil
}

// cancels tells whether an account's gateway can cancel a request.
func (e *engine) cancels(account string) bool {
	for _, d := range e.dispatches {
		if d.account.Account == account {
			s, ok := d.account.Gateway.(Supporter)
			return !ok || s.Supports(payment.Operate, payment.Cancel)
		}
	}
	return false
}

// replay judges the kept bytes of a refused file again, after its mapping was mended: as a file of its own, with answers
// of its own.
func (e *engine) replay(tx *journal.Tx, f journal.File) (string, error) {
	if e.intakeOf(f.Flow) == nil {
		return "", e.wrong("ui.decide.flow", "flow", f.Flow)
	}
	if gone, err := e.erased(tx, f.SHA256); err != nil {
		return "", err
	} else if gone {
		return "", e.wrong("ui.decide.erased")
	}
	id, err := tx.Replay(&f)
	if err != nil {
		return "", err
	}
	return message.New("ui.replay.done", "file", fmt.Sprint("f", id)).In(or(e.Lang, "fr")), nil
}

// erased tells whether kept bytes are gone, or about to go.
func (e *engine) erased(tx *journal.Tx, digest string) (bool, error) {
	if gone, err := tx.Erased(digest); err != nil || gone {
		return gone, err
	}
	kept, err := e.spool.Open(digest)
	if err != nil {
		return true, nil
	}
	return false, kept.Close()
}

// redeliver publishes a return once more, under the same name and with the same bytes.
func (e *engine) redeliver(tx *journal.Tx, c journal.Command, id int64) (string, error) {
	if c.Verb != "redeliver" {
		return "", e.wrong("ui.decide.either", "verb", c.Verb)
	}
	d, err := tx.Delivery(id)
	if err != nil {
		return "", e.unknown(fmt.Sprint("d", id), err)
	}
	if gone, err := e.erased(tx, d.SHA256); err != nil {
		return "", err
	} else if gone {
		return "", e.wrong("ui.redeliver.erased", "name", path.Base(d.Name))
	}
	return message.New("ui.redeliver.done", "name", path.Base(d.Name)).In(or(e.Lang, "fr")), tx.Redeliver(id)
}
