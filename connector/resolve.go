package connector

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/navette-connect/navette/connector/journal"
	"github.com/navette-connect/navette/connector/message"
	"github.com/navette-connect/navette/connector/payment"
)

// named is what a person names with `resolve --as done --id ID`, and what the PSP has under that id.
type named struct {
	item int64
	id   string
	out  payment.Outcome
}

// argument splits what `resolve` is told: done or not-done, then the PSP's id, if one was named.
func argument(c journal.Command) (as, id string) {
	as, id, _ = strings.Cut(c.Argument, " ")
	return as, id
}

// identify asks the PSP for the id that a resolve names, before anything is decided; nil when it names none. The error is
// what the person is told.
func (e *engine) identify(ctx context.Context, c journal.Command) (*named, error) {
	as, id := argument(c)
	if c.Verb != "resolve" || id == "" {
		return nil, nil
	}
	if as != "done" {
		return nil, e.wrong("ui.resolve.id_done")
	}
	kind, n, err := ParseID(c.Subject)
	if err != nil || kind != 'r' && kind != 'i' {
		return nil, e.wrong("ui.decide.id", "id", c.Subject)
	}
	var items []journal.Item
	if err := e.j.Do(ctx, func(tx *journal.Tx) (err error) { items, err = e.itemsOf(tx, kind, n); return err }); err != nil {
		return nil, e.unknown(c.Subject, err)
	}
	if len(items) != 1 {
		return nil, e.wrong("ui.resolve.one", "id", c.Subject)
	}
	it, err := e.j.Item(ctx, items[0].ID) // with its target
	if err != nil {
		return nil, err
	}
	if it.State != payment.Uncertain && it.Code != "NV-2102" {
		return nil, e.wrong("ui.decide.state", "state", e.stateWord(string(it.State)))
	}
	for _, d := range e.dispatches {
		if d.account.Account == it.Account {
			out, err := d.identified(ctx, &it.Instruction, id)
			return &named{it.ID, id, out}, err
		}
	}
	return nil, e.wrong("ui.resolve.nobody")
}

// identified asks one PSP for an id. What cannot be asked is taken from the person; what contradicts it is not.
func (d *dispatch) identified(ctx context.Context, in *payment.Instruction, id string) (out payment.Outcome, err error) {
	ctx, cancel := context.WithTimeout(ctx, d.account.Timeout+time.Second)
	defer cancel()
	if err := d.limit.Wait(ctx); err != nil {
		return out, d.wrong("ui.resolve.away", "error", err.Error())
	}
	reader, reads := d.account.Gateway.(Reader)
	if g, ok := d.account.Gateway.(Identifier); ok {
		out, err = g.Identify(ctx, in, id)
	} else if reads && in.Kind == payment.Request {
		var s payment.Snapshot
		if s, err = reader.Read(ctx, &payment.Instruction{Account: in.Account, Kind: in.Kind, PaymentID: id}); err == nil {
			out = payment.Outcome{Verdict: payment.VerdictDone, State: payment.Open, PaymentID: s.PaymentID, Amount: s.Amount, Link: s.Link}
		}
	} else {
		err = payment.ErrUnsupported
	}
	differs := out.Matches(in)
	switch {
	case errors.Is(err, payment.ErrUnsupported):
		return payment.Outcome{Verdict: payment.VerdictDone}, nil
	case errors.Is(err, payment.ErrUnknown):
		return out, d.wrong("ui.resolve.unknown", "id", id, "error", err.Error())
	case err != nil:
		return out, d.wrong("ui.resolve.away", "error", err.Error())
	case out.Verdict != payment.VerdictDone:
		return out, d.wrong("ui.resolve.refused", "id", id, "error", out.Message)
	case differs != nil:
		return out, d.wrong("ui.resolve.differs", "id", id, "error", differs.Error())
	}
	return out, nil
}

// resolveDone takes an instruction in doubt for done, under the PSP's id of it where a person named one.
func (e *engine) resolveDone(tx *journal.Tx, it *journal.Item, n *named, text message.Text) error {
	if it.State != payment.Uncertain && it.Code != "NV-2102" {
		return e.wrong("ui.decide.state", "state", e.stateWord(string(it.State)))
	}
	to := payment.Open
	if it.Kind == payment.Operate {
		to = payment.Done
	}
	if it.State == payment.Held { // held by a look-up: back to doubt, then decided
		it.State = payment.Uncertain
		if err := tx.Doubt(it.ID); err != nil {
			return err
		}
	}
	if n != nil && n.item == it.ID {
		if n.out.State == payment.Pending {
			to = payment.Pending
		}
		paymentID, transactionID := or(n.out.PaymentID, n.id), n.out.TransactionID
		if it.Kind == payment.Operate {
			paymentID, transactionID = n.out.PaymentID, or(n.out.TransactionID, n.id)
		}
		if err := tx.Adopt(it, paymentID, transactionID, n.out.Link); errors.Is(err, journal.ErrState) {
			return e.wrong("ui.resolve.taken", "id", n.id)
		} else if err != nil {
			return err
		}
	}
	if it.Kind == payment.Request && it.OwnPaymentID != "" || to == payment.Pending { // read at once what became of it
		if err := tx.SetDue("poll", it.ID, it.Account, tx.Now, 0); err != nil {
			return err
		}
	}
	if err := tx.Decide(it, to, "", text.In(e.localeOf(it.Source.Flow))); err != nil {
		return fmt.Errorf("resolve: %w", err)
	}
	return nil
}
