package journal

import (
	"context"
	"database/sql"
	"time"

	"github.com/navette-connect/navette/connector/payment"
)

// Event is one thing that happened to an instruction. Events are never changed or removed, and hold no personal data.
type Event struct {
	ID, InstructionID        int64
	Flow, Account            string
	Word                     string // payment.Word…
	State, Previous          payment.State
	Amount                   payment.Amount // of this event
	Moved                    int64          // minor units of Amount.Currency that moved, signed
	Method                   string
	PaymentID, TransactionID string
	OccurredAt, RecordedAt   int64 // microseconds
	Code, Reason             string
	PSPEvent                 string
	PSPState                 string // of an operation: the PSP's own word for where its transaction stands
	Tell                     bool   // a status file tells it

	// Read with it:
	Reference, Part, File string
	Line, RowID, FileID   int64
}

// eventInserted are the columns of an event: first what differs from one to the next.
var eventInserted = [...]string{"id", "instruction_id", "amount", "payment_id", "flow", "account", "word", "state", "previous", "currency", "moved",
	"method", "transaction_id", "occurred_at", "recorded_at", "code", "reason", "psp_event", "tell", "psp_state"}

// AddEvents appends events under the next numbers.
func (tx *Tx) AddEvents(list []Event) error {
	if len(list) == 0 {
		return nil
	}
	id, err := tx.next("event", len(list))
	if err != nil {
		return err
	}
	args := tx.pad(padInstructions, len(list)*len(eventInserted))
	for i := range list {
		e := &list[i]
		e.ID, e.RecordedAt = id+int64(i), tx.Now
		args = append(args, e.ID, e.InstructionID, minor(e.Amount), e.PaymentID, e.Flow, e.Account, e.Word, string(e.State), string(e.Previous), e.Amount.Currency, e.Moved,
			e.Method, e.TransactionID, e.OccurredAt, e.RecordedAt, e.Code, e.Reason, e.PSPEvent, e.Tell, e.PSPState)
	}
	if err := tx.insert("event", eventInserted[:], 4, args); err != nil {
		return err
	}
	changes := map[tallyKey]int64{}
	for i := range list {
		e := &list[i]
		changes[tallyKey{e.Flow, class(e.Previous)}]--
		changes[tallyKey{e.Flow, class(e.State)}]++
	}
	if err := tx.tally(changes); err != nil {
		return err
	}
	for i := range list {
		if e := &list[i]; e.Moved != 0 {
			if err := tx.addTransaction(e); err != nil {
				return err
			}
		}
	}
	return tx.link(list)
}

func (tx *Tx) addTransaction(e *Event) error {
	id, err := tx.next("transaction", 1)
	if err != nil {
		return err
	}
	_, err = tx.exec("INSERT INTO transaction_ VALUES (?,?,?,?,?,?,?,?,?,?)", id, e.InstructionID, e.Account, e.TransactionID, e.Word, e.Moved, e.Amount.Currency, e.Method, e.OccurredAt, e.ID)
	return err
}

const eventColumns = `e.id, e.instruction_id, e.flow, e.account, e.word, e.state, e.previous, e.amount, e.currency, e.moved, e.method, e.payment_id, e.transaction_id,
 e.occurred_at, e.recorded_at, e.code, e.reason, e.psp_event, e.tell, e.psp_state, i.reference, i.part, f.name, i.line, i.row_id, i.file_id
 FROM event e JOIN instruction i ON i.id = e.instruction_id JOIN file f ON f.id = i.file_id WHERE `

func (e *Event) scan(r Record) error {
	var amount sql.NullInt64
	var name []byte
	err := r.Scan(&e.ID, &e.InstructionID, &e.Flow, &e.Account, &e.Word, &e.State, &e.Previous, &amount, &e.Amount.Currency, &e.Moved, &e.Method, &e.PaymentID, &e.TransactionID,
		&e.OccurredAt, &e.RecordedAt, &e.Code, &e.Reason, &e.PSPEvent, &e.Tell, &e.PSPState, &e.Reference, &e.Part, &name, &e.Line, &e.RowID, &e.FileID)
	e.File = string(name)
	if amount.Valid {
		e.Amount.Minor = amount.Int64
	} else {
		e.Amount = payment.Amount{}
	}
	return err
}

func (j *Journal) events(ctx context.Context, where string, args ...any) (list []Event, err error) {
	err = j.each(ctx, "SELECT "+eventColumns+where, args, func(r Record) error {
		list = append(list, Event{})
		return list[len(list)-1].scan(r)
	})
	return list, err
}

// Untold lists the events of a flow that a status file must tell, behind after, in order.
func (j *Journal) Untold(ctx context.Context, flow string, after int64, limit int) ([]Event, error) {
	return j.events(ctx, "e.flow = ? AND e.id > ? AND e.tell = 1 ORDER BY e.id LIMIT ?", flow, after, limit)
}

// EventsAfter lists every event of a flow's rows behind after, in order, for the returns of mappings. Acts of navette's
// own (the cancel of a replaced request) are no row of the file.
func (j *Journal) EventsAfter(ctx context.Context, flow string, after int64, limit int) ([]Event, error) {
	return j.events(ctx, "e.flow = ? AND e.id > ? AND i.row_id > 0 ORDER BY e.id LIMIT ?", flow, after, limit)
}

// EventsOf lists what happened to an instruction, in order.
func (j *Journal) EventsOf(ctx context.Context, instruction int64) ([]Event, error) {
	return j.events(ctx, "e.instruction_id = ? ORDER BY e.id", instruction)
}

// LastEvent is the number of the newest event.
func (j *Journal) LastEvent(ctx context.Context) (id int64, err error) {
	err = j.one(ctx, "SELECT value FROM counter WHERE name = 'event'").Scan(&id)
	return id, err
}

// Apply holds news against what is known of the request and writes what follows. known is false when nobody here has
// that payment (yet); late is what is said of a request held because an earlier one was paid late; the effect tells a conflict, which deserves an alarm.
func (tx *Tx) Apply(account string, n payment.Change, late string) (known bool, effect payment.Effect, err error) {
	it, err := tx.ByPayment(account, n.Now.PaymentID)
	if err != nil {
		if err == ErrMissing {
			return false, payment.Same, nil
		}
		return false, 0, err
	}
	if n.EventID != "" {
		var seen int64
		if err := tx.one("SELECT count(*) FROM event WHERE account = ? AND psp_event = ? AND psp_event <> ''", account, n.EventID).Scan(&seen); err != nil || seen > 0 {
			return true, payment.Same, err
		}
	}
	s := payment.Standing{State: it.State, Amount: it.Amount, Paid: it.Paid, Refunded: it.Refunded, Method: it.Method, TransactionID: it.OwnTransaction}
	next, happened, effect := payment.Follow(s, n)
	if happened == nil {
		return true, effect, nil
	}
	if _, err := tx.exec("UPDATE instruction SET state = ?, finished = ?, paid = ?, refunded = ?, method = ?, transaction_id = ?, link = CASE WHEN ? = '' THEN link ELSE ? END WHERE id = ?",
		string(next.State), next.State.Answered(), next.Paid, next.Refunded, next.Method, next.TransactionID, n.Now.Link, n.Now.Link, it.ID); err != nil {
		return true, 0, err
	}
	at := micro(n.OccurredAt)
	if at == 0 {
		at = tx.Now
	}
	e := Event{InstructionID: it.ID, Flow: it.Source.Flow, Account: account, Word: happened.Word, State: next.State, Previous: it.State, Amount: happened.Amount, Moved: happened.Moved,
		Method: next.Method, PaymentID: it.OwnPaymentID, TransactionID: next.TransactionID, OccurredAt: at, Reason: n.Reason, PSPEvent: n.EventID, Tell: happened.Tell}
	if payment.Beyond(next.State) && (it.State == payment.Refused || it.State == payment.Expired || it.State == payment.Cancelled) {
		// Paid late: whoever was asked anew must not pay twice. A person decides about what was not sent yet.
		n := 0
		changes := map[tallyKey]int64{}
		if err := tx.each(`UPDATE instruction SET state = 'held', code = 'NV-1404', message = ? WHERE lane = ? AND part = ? AND kind = 'request' AND account = ? AND namespace = ? AND id > ? AND state = 'accepted'
 RETURNING flow, (SELECT judged FROM file WHERE file.id = instruction.file_id)`, []any{late, it.Lane, it.Part, account, it.Namespace, it.ID}, func(r Record) error {
			var flow string
			var judged bool
			err := r.Scan(&flow, &judged)
			n++
			if !judged { // not counted yet
				return err
			}
			changes[tallyKey{flow, payment.Accepted}]--
			changes[tallyKey{flow, payment.Held}]++
			return err
		}); err != nil {
			return true, 0, err
		}
		if err := tx.tally(changes); err != nil {
			return true, 0, err
		}
		if n == 0 { // one that is out already cannot be held: whoever reads the alarm cancels it
			err = tx.one(`SELECT count(*) FROM instruction WHERE lane = ? AND part = ? AND kind = 'request' AND account = ? AND namespace = ? AND id > ?
 AND state IN ('held', 'sending', 'uncertain', 'open', 'authorised', 'partially_paid')`, it.Lane, it.Part, account, it.Namespace, it.ID).Scan(&n)
			if err != nil {
				return true, 0, err
			}
		}
		if n > 0 {
			effect = payment.Conflict
		}
	}
	return true, effect, tx.AddEvents([]Event{e})
}

// PaidTwice tells that a request was paid a second time, under another transaction: its own payment and state stay, code and
// message point at it. fresh is false when that was told before.
func (tx *Tx) PaidTwice(it *Item, transactionID string, sum payment.Amount, at time.Time, code, text string) (fresh bool, err error) {
	id := "second:" + transactionID
	var seen int64
	if err := tx.one("SELECT count(*) FROM event WHERE account = ? AND psp_event = ?", it.Account, id).Scan(&seen); err != nil || seen > 0 {
		return false, err
	}
	if _, err := tx.exec("UPDATE instruction SET code = ?, message = ? WHERE id = ?", code, text, it.ID); err != nil {
		return false, err
	}
	occurred := micro(at)
	if occurred == 0 {
		occurred = tx.Now
	}
	return true, tx.AddEvents([]Event{{InstructionID: it.ID, Flow: it.Source.Flow, Account: it.Account, Word: payment.WordPaid, State: it.State, Previous: it.State, Amount: sum, Moved: sum.Minor,
		Method: it.Method, PaymentID: it.OwnPaymentID, TransactionID: transactionID, OccurredAt: occurred, Code: code, Reason: text, PSPEvent: id, Tell: true}})
}

// PaidBy gives the transaction of a request's payment that an earlier notification named, other than one; "" when there is none,
// or the two were told as a second payment before.
func (tx *Tx) PaidBy(account, paymentID, other string) (transactionID string, err error) {
	err = tx.one(`SELECT coalesce(min(n.transaction_id), '') FROM notice n WHERE n.account = ? AND n.payment_id = ? AND n.done = 1 AND n.transaction_id <> '' AND n.transaction_id <> ?
 AND NOT EXISTS (SELECT 1 FROM event e WHERE e.account = n.account AND e.psp_event = 'second:' || n.transaction_id)`, account, paymentID, other).Scan(&transactionID)
	return transactionID, err
}

// NotPaidBy forgets which transaction notifications named: it paid nothing.
func (tx *Tx) NotPaidBy(account string, n Notice) error {
	_, err := tx.exec("UPDATE notice SET transaction_id = '' WHERE account = ? AND payment_id = ? AND transaction_id = ?", account, n.PaymentID, n.TransactionID)
	return err
}

// KeepStray keeps news of a payment that nobody here knows yet.
func (tx *Tx) KeepStray(account string, n payment.Change, body []byte) error {
	_, err := tx.exec("INSERT INTO stray (account, payment_id, psp_event, body, received_at) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING", account, n.Now.PaymentID, n.EventID, body, tx.Now)
	return err
}

// StraysOf lists kept news of one payment, oldest first.
func (tx *Tx) StraysOf(account, paymentID string) (list []Stray, err error) {
	err = tx.each("SELECT payment_id, psp_event, body FROM stray WHERE account = ? AND payment_id = ? ORDER BY received_at, psp_event", []any{account, paymentID}, func(r Record) error {
		var s Stray
		err := r.Scan(&s.PaymentID, &s.PSPEvent, &s.Body)
		list = append(list, s)
		return err
	})
	return list, err
}

// nowKnown marks kept news of the payments that events name: they have become known.
func (tx *Tx) nowKnown(events []Event) error {
	var any int64
	if err := tx.one("SELECT EXISTS (SELECT 1 FROM stray)").Scan(&any); err != nil || any == 0 {
		return err
	}
	for i := range events {
		if e := &events[i]; e.PaymentID != "" {
			if _, err := tx.exec("UPDATE stray SET known = 1 WHERE account = ? AND payment_id = ?", e.Account, e.PaymentID); err != nil {
				return err
			}
		}
	}
	return nil
}

// Strays lists kept news whose payment has become known.
func (j *Journal) Strays(ctx context.Context, account string, limit int) (list []Stray, err error) {
	err = j.each(ctx, "SELECT payment_id, psp_event, body FROM stray WHERE account = ? AND known = 1 ORDER BY received_at LIMIT ?", []any{account, limit}, func(r Record) error {
		var s Stray
		err := r.Scan(&s.PaymentID, &s.PSPEvent, &s.Body)
		list = append(list, s)
		return err
	})
	return list, err
}

// Stray is one piece of kept news.
type Stray struct {
	PaymentID, PSPEvent string
	Body                []byte // JSON of a payment.Change
}

// DropStray removes kept news once it was applied.
func (tx *Tx) DropStray(account string, s Stray) error {
	_, err := tx.exec("DELETE FROM stray WHERE account = ? AND payment_id = ? AND psp_event = ?", account, s.PaymentID, s.PSPEvent)
	return err
}
