package journal

import (
	"context"
	"database/sql"
	"errors"

	"github.com/navette-connect/navette/connector/payment"
)

// aim tells operations what the journal knows of the requests they act on.
func (j *Journal) aim(ctx context.Context, list []Item) (err error) {
	for i := range list {
		if it := &list[i]; it.Kind == payment.Operate {
			if it.Target, err = j.TargetOf(ctx, &it.Instruction); err != nil {
				return err
			}
		}
	}
	return nil
}

// TargetOf finds the request an operation acts on, by the PSP's ids (of one payment id the newest) or by its reference (of
// several revisions the newest that the PSP has answered, else the newest). ID 0: it is not known, or a reference has
// several parts and the operation names none.
func (j *Journal) TargetOf(ctx context.Context, in *payment.Instruction) (payment.Target, error) {
	const columns = `SELECT i.id, i.reference, i.part, i.key, i.state, i.payment_id, i.transaction_id, i.method, i.amount, i.currency, i.paid, i.refunded, i.answered_at
 FROM instruction i JOIN file f ON f.id = i.file_id WHERE f.judged = 1 AND i.account = ? AND i.kind = 'request' AND `
	var where string
	args := []any{in.Account}
	switch {
	case in.PaymentID != "":
		where, args = "i.id = "+newestRequest, append(args, in.PaymentID, in.Account)
	case in.TransactionID != "":
		where, args = "i.id = coalesce((SELECT max(r.id) FROM instruction r WHERE r.transaction_id = ? AND r.transaction_id <> '' AND r.kind = 'request' AND r.account = i.account), (SELECT max(t.instruction_id) FROM transaction_ t WHERE t.transaction_id = ? AND t.account = i.account))", append(args, in.TransactionID, in.TransactionID)
	case in.Reference != "":
		where, args = "i.lane = ? AND i.namespace = ? AND (? = '' OR i.part = ?)", append(args, in.Reference, in.Namespace, in.Part, in.Part)
	default:
		return payment.Target{}, nil
	}
	var found payment.Target
	parts := 0
	err := j.each(ctx, columns+where+" ORDER BY i.part, CASE WHEN i.payment_id <> '' THEN 1 ELSE 0 END, i.id", args, func(r Record) error {
		var t payment.Target
		var amount sql.NullInt64
		if err := r.Scan(&t.ID, &t.Reference, &t.Part, &t.Key, &t.State, &t.PaymentID, &t.TransactionID, &t.Method, &amount, &t.Amount.Currency, &t.Paid, &t.Refunded, &t.AnsweredAt); err != nil {
			return err
		}
		t.Amount.Minor = amount.Int64
		if parts == 0 || t.Part != found.Part {
			parts++
		}
		found = t
		return nil
	})
	if err != nil || parts != 1 {
		return payment.Target{Several: parts > 1}, err
	}
	if in.PaymentID == "" && in.TransactionID != "" && in.TransactionID != found.TransactionID { // paid twice: what came in with the second counts, too
		var all int64
		if err := j.one(ctx, "SELECT coalesce(sum(amount), 0) FROM transaction_ WHERE instruction_id = ? AND kind <> 'refunded'", found.ID).Scan(&all); err != nil {
			return payment.Target{}, err
		}
		found.Paid = max(found.Paid, all)
	}
	if in.Operation == payment.Refund { // not every PSP tells of a part that went back: what we sent ourselves counts
		a, err := j.ActsOn(ctx, payment.Refund, in.Account, found, 0, in.ID)
		if err != nil {
			return payment.Target{}, err
		}
		found.Refunded = max(found.Refunded, a.Done)
	}
	return found, nil
}

// traceOf tells what the other refunds on the same target gave, of a refund that was sent.
func (j *Journal) traceOf(ctx context.Context, it *Item) (t payment.Trace, err error) {
	if it.Operation != payment.Refund || it.SentAt == 0 {
		return t, nil
	}
	t.SentAt = it.SentAt
	err = j.each(ctx, `SELECT i.state, i.transaction_id FROM instruction i JOIN file f ON f.id = i.file_id WHERE i.lane IN (?, ?, ?, ?, ?) AND i.lane <> '' AND i.account = ? AND i.kind = 'operation'
 AND i.operation = 'refund' AND i.id <> ? AND i.sent_at > 0 AND f.judged = 1`, []any{it.Lane, it.TransactionID, it.Target.Reference, it.Target.TransactionID, it.Target.PaymentID, it.Account, it.ID}, func(r Record) error {
		var state payment.State
		var id string
		err := r.Scan(&state, &id)
		switch {
		case !state.Answered():
			t.Others = true
		case id != "":
			t.Made = append(t.Made, id)
		}
		return err
	})
	return t, err
}

// Acts are the sums of operations of one kind on a request, in minor units, at most beyond.
type Acts struct {
	Done, Unfinished int64
	Whole            bool // one of them, done or on its way, is for the whole remainder
}

// ActsOn sums the captures or refunds that the journal holds for a request, but for the one with the id except; those of
// file, though not judged yet, count as far as they stand before it.
func (j *Journal) ActsOn(ctx context.Context, op payment.Operation, account string, t payment.Target, file, except int64) (a Acts, err error) {
	err = j.each(ctx, `SELECT i.state, i.amount FROM instruction i JOIN file f ON f.id = i.file_id WHERE i.lane IN (?, ?, ?) AND i.lane <> '' AND i.account = ? AND i.kind = 'operation' AND i.operation = ?
 AND i.id <> ? AND i.state <> 'refused' AND (f.judged = 1 OR i.file_id = ? AND i.id < ?) AND (i.lane <> ? OR i.part = '' OR i.part = ?)`, []any{t.Reference, t.TransactionID, t.PaymentID, account, string(op), except, file, except, t.Reference, t.Part}, func(r Record) error {
		var state payment.State
		var amount sql.NullInt64
		if err := r.Scan(&state, &amount); err != nil {
			return err
		}
		switch {
		case !amount.Valid:
			a.Whole = true
		case state == payment.Done:
			a.Done = min(a.Done+min(amount.Int64, beyond), beyond)
		default:
			a.Unfinished = min(a.Unfinished+min(amount.Int64, beyond), beyond)
		}
		return nil
	})
	return a, err
}

// StagedOperations lists the operations of a staged file with ids in (after, upto] that nothing keeps back yet.
func (j *Journal) StagedOperations(ctx context.Context, file, after, upto int64) ([]Item, error) {
	return j.items(ctx, "i.file_id = ? AND i.id > ? AND i.id <= ? AND i.kind = 'operation' AND i.state = 'accepted' ORDER BY i.id", file, after, upto)
}

// SetLanes gives staged instructions of a file the lane of what they act on.
func (tx *Tx) SetLanes(f *File, lanes map[int64]string) error {
	for id, lane := range lanes {
		if _, err := tx.exec("UPDATE instruction SET lane = ? WHERE id = ? AND file_id = ?", lane, id, f.ID); err != nil {
			return err
		}
	}
	return nil
}

// Cancelling makes the operation that cancels an open request, for a file and line; it is no row of the file's. It is the
// next revision where the same cancel was asked before.
func (tx *Tx) Cancelling(of *Item, file, line int64, reason string) (id int64, err error) {
	f, err := tx.File(file)
	if err != nil {
		return 0, err
	}
	in := payment.Instruction{Account: of.Account, Namespace: of.Namespace, Kind: payment.Operate, Operation: payment.Cancel, Reference: of.Reference, Part: of.Part, PaymentID: of.OwnPaymentID, Reason: reason}
	if id, err = tx.next("instruction", 1); err != nil {
		return 0, err
	}
	it := Item{Instruction: in, Lane: of.OwnPaymentID} // a lane of its own: what waits for it waits otherwise
	it.ID = id
	if it.Revision, err = tx.freeRevision(&it); err != nil {
		return 0, err
	}
	in.Revision = it.Revision
	if _, err = tx.exec(`INSERT INTO instruction (id, file_id, row_id, line, flow, account, namespace, kind, operation, reference, part, lane, revision, key, identity, fingerprint, amount, currency, state, finished, body)
 VALUES (?,?,0,?,?,?,?,?,?,?,?,?,?,?,?,?,NULL,'','accepted',0,?)`, id, file, line, f.Flow, of.Account, of.Namespace, string(payment.Operate), string(payment.Cancel), of.Reference, of.Part, it.Lane, in.Revision, payment.NewKey(&in),
		payment.Identity(&in), payment.Fingerprint(&in, ""), encodeBody(&in)); err != nil {
		return 0, err
	}
	if err := tx.another(f.Flow); err != nil {
		return 0, err
	}
	_, err = tx.exec("UPDATE file SET state = 'accepted' WHERE id = ? AND state = 'done'", file)
	return id, err
}

// Cancelled tells whether a cancel of a request is done or on its way.
func (tx *Tx) Cancelled(of *Item) (bool, error) {
	var n int64
	err := tx.one("SELECT count(*) FROM instruction WHERE lane = ? AND lane <> '' AND account = ? AND operation = 'cancel' AND row_id = 0 AND state <> 'refused'", of.OwnPaymentID, of.Account).Scan(&n)
	return n > 0, err
}

// Wait keeps a staged instruction from being sent until the request it replaces is closed.
func (tx *Tx) Wait(f *File, row int64) error {
	var list []int64
	if err := tx.each("SELECT id FROM instruction WHERE row_id = ? AND file_id = ? AND revision_of > 0 AND kind = 'request'", []any{row, f.ID}, func(r Record) error {
		var id int64
		err := r.Scan(&id)
		list = append(list, id)
		return err
	}); err != nil {
		return err
	}
	for _, id := range list {
		if _, err := tx.exec("UPDATE instruction SET waits = 1 WHERE id = ?", id); err != nil {
			return err
		}
		if err := tx.SetDue("replace", id, f.Account, tx.Now, 0); err != nil {
			return err
		}
	}
	return nil
}

// DropCancel stops the cancel that would make way for a request that is closed instead, as long as it was not sent.
func (tx *Tx) DropCancel(request int64, code, text string) error {
	var cancel int64
	err := tx.one("SELECT n FROM due WHERE kind = 'replace' AND subject = ?", request).Scan(&cancel)
	if errors.Is(err, ErrMissing) || err == nil && cancel == 0 {
		return nil
	}
	if err != nil {
		return err
	}
	it, err := tx.Item(cancel)
	if err != nil || it.State != payment.Accepted {
		return err
	}
	return tx.Decide(&it, payment.Refused, code, text)
}

// LookSoon makes due what waits of a file: it may go on now.
func (tx *Tx) LookSoon(file int64) error {
	_, err := tx.exec("UPDATE due SET at = ? WHERE kind IN ('replace', 'target') AND at > ? AND (SELECT i.file_id FROM instruction i WHERE i.id = due.subject) = ?", tx.Now, tx.Now, file)
	return err
}

// HoldOn leaves a held instruction held, for another reason.
func (tx *Tx) HoldOn(it *Item, code, text string) error {
	if _, err := tx.exec("UPDATE row SET code = ?, message = ? WHERE document = ? AND state = 'held'", code, text, it.RowID); err != nil {
		return err
	}
	_, err := tx.exec("UPDATE instruction SET code = ?, message = ? WHERE id = ? AND state = 'held'", code, text, it.ID)
	return err
}

// Ready lets an instruction that waited for another one be sent.
func (tx *Tx) Ready(id int64) error {
	_, err := tx.exec("UPDATE instruction SET waits = 0 WHERE id = ?", id)
	return err
}

// Waits tells whether an instruction waits for the request it replaces.
func (tx *Tx) Waits(id int64) (waits bool, err error) {
	err = tx.one("SELECT waits FROM instruction WHERE id = ?", id).Scan(&waits)
	if errors.Is(err, ErrMissing) {
		return false, nil
	}
	return waits, err
}

// HoldBack holds an accepted instruction that was not sent, and tells it as an event.
func (tx *Tx) HoldBack(it *Item, code, text string) error {
	return tx.Decide(it, payment.Held, code, text)
}
