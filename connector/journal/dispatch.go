package journal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/navette-connect/navette/connector/payment"
)

// Item is a journalled instruction with where it stands.
type Item struct {
	payment.Instruction
	FileID, RowID  int64
	Lane           string
	State          payment.State
	Code, Message  string
	OwnPaymentID   string // the PSP's id of it, once answered; Instruction.PaymentID is what an operation targets
	OwnTransaction string
	Link, Method   string
	Paid, Refunded int64 // minor units
	Attempts       int64
	SentAt         int64 // microseconds; first attempt
	AnsweredAt     int64
	RevisionOf     int64
	Fingerprint    string
	Doubted        bool  // it was uncertain before it was queued to be sent again
	NotBefore      int64 // microseconds; of one that goes back unsent
}

const itemColumns = `i.id, i.file_id, i.row_id, i.line, i.flow, i.account, i.namespace, i.kind, i.operation, i.reference, i.part, i.lane, i.revision, i.key, i.amount, i.currency,
 i.state, i.code, i.message, coalesce(i.body, p.body), i.payment_id, i.transaction_id, i.link, i.method, i.paid, i.refunded, i.attempts, i.sent_at, i.answered_at, i.revision_of, i.fingerprint, p.customer, f.name`

const itemFrom = " FROM instruction i JOIN file f ON f.id = i.file_id LEFT JOIN personal p ON p.row_id = i.row_id WHERE "

func (it *Item) scan(row Record) error {
	var amount sql.NullInt64
	var currency string
	var body, customer, name sql.RawBytes
	if err := row.Scan(&it.ID, &it.FileID, &it.RowID, &it.Source.Line, &it.Source.Flow, &it.Account, &it.Namespace, &it.Kind, &it.Operation, &it.Reference, &it.Part, &it.Lane, &it.Revision, &it.Key, &amount, &currency,
		&it.State, &it.Code, &it.Message, &body, &it.OwnPaymentID, &it.OwnTransaction, &it.Link, &it.Method, &it.Paid, &it.Refunded, &it.Attempts, &it.SentAt, &it.AnsweredAt, &it.RevisionOf, &it.Fingerprint, &customer, &name); err != nil {
		return err
	}
	if amount.Valid {
		it.Amount = payment.Amount{Minor: amount.Int64, Currency: currency}
	}
	it.Source.File = string(name)
	decodeBody(body, &it.Instruction)
	decodeCustomer(customer, &it.Customer)
	return nil
}

// Item reads one instruction; ErrMissing when there is none.
func (tx *Tx) Item(id int64) (it Item, err error) {
	err = tx.one("SELECT "+itemColumns+itemFrom+"i.id = ?", id).into(it.scan)
	return it, err
}

// Item reads one instruction; ErrMissing when there is none.
func (j *Journal) Item(ctx context.Context, id int64) (it Item, err error) {
	if err = j.one(ctx, "SELECT "+itemColumns+itemFrom+"i.id = ?", id).into(it.scan); err == nil && it.Kind == payment.Operate {
		if it.Target, err = j.TargetOf(ctx, &it.Instruction); err == nil {
			it.Trace, err = j.traceOf(ctx, &it)
		}
	}
	return it, err
}

func (j *Journal) items(ctx context.Context, where string, args ...any) (list []Item, err error) {
	err = j.each(ctx, "SELECT "+itemColumns+itemFrom+where, args, func(r Record) error {
		list = append(list, Item{})
		return list[len(list)-1].scan(r)
	})
	return list, err
}

// SendableFiles lists the accepted files of an account that have unsent instructions, oldest first, without those of
// the flows in paused. It looks from a file's end: what is being sent stands at its beginning.
func (j *Journal) SendableFiles(ctx context.Context, account string, now int64) (list []int64, err error) {
	err = j.each(ctx, `SELECT f.id FROM file f LEFT JOIN flow w ON w.name = f.flow WHERE f.state = 'accepted' AND f.account = ? AND f.send_after <= ? AND coalesce(w.paused, '') <> 'all'
 AND (SELECT 1 FROM instruction i WHERE i.file_id = f.id AND i.state = 'accepted' AND i.finished = 0 ORDER BY i.id DESC LIMIT 1) = 1 ORDER BY f.id`, []any{account, now}, func(r Record) error {
		var id int64
		err := r.Scan(&id)
		list = append(list, id)
		return err
	})
	return list, err
}

// Sendable lists instructions of a file that may be sent now: accepted, behind after, and with nothing unfinished
// before them in their lane (contract §6: one at a time for a reference). What waits for its target (NV-1407) keeps back
// later operations on it, and never the target itself.
func (j *Journal) Sendable(ctx context.Context, file, after, now int64, limit int) (list []Item, err error) {
	var name []byte
	var flow string
	if err := j.one(ctx, "SELECT name, flow FROM file WHERE id = ?", file).Scan(&name, &flow); err != nil {
		return nil, err
	}
	list = make([]Item, 0, min(limit, 512)) // an item is a kilobyte: to grow by doubling costs as much again
	err = j.each(ctx, `SELECT i.id, i.line, i.account, i.namespace, i.kind, i.operation, i.reference, i.part, i.revision, i.key, i.amount, i.currency, coalesce(i.body, p.body), i.sent_at, p.customer
 FROM instruction i LEFT JOIN personal p ON p.row_id = i.row_id WHERE i.file_id = ? AND i.id > ? AND i.state = 'accepted' AND i.finished = 0 AND i.not_before <= ? AND i.waits = 0
 AND NOT EXISTS (SELECT 1 FROM instruction e JOIN file ef ON ef.id = e.file_id WHERE e.lane = i.lane AND e.id < i.id AND e.account = i.account
  AND e.finished = 0 AND (e.code <> 'NV-1407' OR i.kind <> 'request') AND ef.judged = 1) ORDER BY i.id LIMIT ?`, []any{file, after, now, limit}, func(r Record) error {
		list = append(list, Item{State: payment.Accepted, FileID: file})
		it := &list[len(list)-1]
		var amount sql.NullInt64
		var currency string
		var body, customer sql.RawBytes
		if err := r.Scan(&it.ID, &it.Source.Line, &it.Account, &it.Namespace, &it.Kind, &it.Operation, &it.Reference, &it.Part, &it.Revision, &it.Key, &amount, &currency, &body, &it.SentAt, &customer); err != nil {
			return err
		}
		if amount.Valid {
			it.Amount = payment.Amount{Minor: amount.Int64, Currency: currency}
		}
		it.Source.Flow, it.Source.File = flow, string(name)
		decodeBody(body, &it.Instruction)
		decodeCustomer(customer, &it.Customer)
		return nil
	})
	if err == nil {
		err = j.aim(ctx, list)
	}
	return list, err
}

// MarkSending makes instructions durable as `sending` before their first byte leaves. All of them or none: ErrState when
// one of several is no longer sendable (try each alone); one alone that is not sendable is simply not returned.
func (tx *Tx) MarkSending(list []int64) (marked []int64, err error) {
	if len(list) == 0 {
		return nil, nil
	}
	const set = `UPDATE instruction SET state = 'sending', attempts = attempts + 1, sent_at = CASE WHEN sent_at = 0 THEN ? ELSE sent_at END WHERE state IN ('accepted', 'uncertain') AND id `
	for _, part := range chosen(list) {
		n, err := tx.exec(set+part.in, append([]any{tx.Now}, part.args...)...)
		if err != nil {
			return nil, fmt.Errorf("journal: mark as sending: %w", err)
		}
		switch {
		case int(n) == len(part.list):
			marked = append(marked, part.list...)
		case len(list) > 1:
			return nil, fmt.Errorf("%w: one of %d instructions is no longer to be sent", ErrState, len(list))
		}
	}
	return marked, nil
}

// Unsend puts instructions that certainly did not leave back where they can be sent.
func (tx *Tx) Unsend(list []int64, notBefore int64) error {
	if len(list) == 0 {
		return nil
	}
	_, err := tx.direct(`UPDATE instruction SET state = 'accepted', not_before = ? WHERE id IN (`+ids(list)+`) AND state IN ('sending', 'uncertain')`, []any{notBefore}, nil)
	return err
}

// Answer is what an exchange with a gateway made of an instruction that was sending or uncertain.
type Answer struct {
	ID                       int64
	State                    payment.State
	Code, Message            string
	PaymentID, TransactionID string
	Link                     string
	PSPState                 string         // of an operation: the PSP's own word for where its transaction stands
	Amount                   payment.Amount // as the PSP says it; counts where the operation gave none
	LookAt                   int64          // of Uncertain: when a look-up is believed; 0 = a person decides
	PollAt                   int64          // of an answer that is followed by polling: first poll; 0 = none
	Page                     *Page          // of an open request whose PSP has no links: Digest and ExpiresAt; nil = none
	Touched                  int64          // of an operation that is done: the request it acted on, to be read again at TouchedAt; 0 = none
	TouchedAt                int64
	Of                       *Item // what it answers, as it was when it was sent; nil: the journal is asked
}

// asked is what an answer is held against.
type asked struct {
	flow, account string
	kind          payment.Kind
	amount        payment.Amount
	state         payment.State
	file          int64
	fixed         bool // its file's result is: status files tell the answer
}

// RecordAnswers writes answers with their events. An answer to an instruction that is no longer waiting for one is
// skipped: somebody decided otherwise, and the event says so.
func (tx *Tx) RecordAnswers(list []Answer) error {
	if len(list) == 0 {
		return nil
	}
	find, err := tx.asked(list)
	if err != nil {
		return err
	}
	events := tx.events[:0]
	updates := tx.pad(padRows, len(list)*9)
	for i := range list {
		a, k := &list[i], &find[i]
		if k.state == "" {
			return fmt.Errorf("%w: instruction %d", ErrMissing, a.ID)
		}
		if payment.Move(k.state, a.State) != payment.Moved || k.state != payment.Sending && k.state != payment.Uncertain && k.state != payment.Pending {
			continue
		}
		answered := tx.Now
		if !a.State.Answered() {
			answered = 0
		}
		var transaction any // nil: what it has
		if a.TransactionID != "" {
			transaction = a.TransactionID
		}
		updates = append(updates, a.ID, a.PaymentID, a.Link, string(a.State), a.State.Answered(), a.Code, a.Message, transaction, answered)
		e := Event{InstructionID: a.ID, Flow: k.flow, Account: k.account, Word: payment.Word(a.State), State: a.State, Previous: k.state,
			PaymentID: a.PaymentID, TransactionID: a.TransactionID, PSPState: a.PSPState, OccurredAt: tx.Now, Code: a.Code, Reason: a.Message,
			Tell: k.fixed && a.State.Answered()}
		if e.Amount = k.amount; e.Amount.IsZero() && k.kind == payment.Operate {
			e.Amount = a.Amount
		}
		events = append(events, e)
		if a.Page != nil {
			if err := tx.addPage(a.Page, a.ID); err != nil {
				return err
			}
		}
		if a.LookAt > 0 {
			if err := tx.SetDue("look", a.ID, k.account, a.LookAt, 0); err != nil {
				return err
			}
		}
		if a.Touched > 0 {
			if err := tx.SetDue("poll", a.Touched, k.account, a.TouchedAt, 0); err != nil {
				return err
			}
		}
		if a.PollAt > 0 {
			if err := tx.SetDue("poll", a.ID, k.account, a.PollAt, 0); err != nil {
				return err
			}
		}
	}
	if err := tx.packed(9, 3, updates, func(tuples string) string {
		return "WITH v (id, payment_id, link) AS (VALUES " + tuples + `) UPDATE instruction SET state = ?, finished = ?, code = ?, message = ?, transaction_id = coalesce(?, instruction.transaction_id), answered_at = ?,
 payment_id = v.payment_id, link = v.link FROM v WHERE instruction.id = v.id`
	}); err != nil {
		return err
	}
	tx.events = events
	if err := tx.nowKnown(events); err != nil {
		return err
	}
	return tx.AddEvents(events)
}

// asked finds what answers are held against, one for each; without a state: there is no such instruction. Who sends requests
// knows all of it but whether they still stand as sending, which is seen in the key and the state alone; else each is read.
func (tx *Tx) asked(list []Answer) ([]asked, error) {
	find, numbers := make([]asked, len(list)), make([]int64, len(list))
	known := true
	for i := range list {
		numbers[i] = list[i].ID
		of := list[i].Of
		if known = known && of != nil && of.State == payment.Sending && of.Kind == payment.Request; known {
			find[i] = asked{of.Source.Flow, of.Account, of.Kind, of.Amount, of.State, of.FileID, false}
		}
	}
	if known {
		sure, err := tx.stillSending(numbers)
		if err != nil {
			return nil, err
		}
		if sure {
			return find, tx.fixed(find)
		}
	}
	at := make(map[int64]asked, len(list))
	for _, part := range parted(numbers) {
		err := tx.each("SELECT i.id, i.flow, i.account, i.currency, i.kind, i.amount, i.state, f.result_fixed, i.file_id FROM instruction i JOIN file f ON f.id = i.file_id WHERE i.id IN (?"+strings.Repeat(",?", len(part)-1)+")", anys(part), func(r Record) error {
			var id int64
			var k asked
			var amount sql.NullInt64
			err := r.Scan(&id, &k.flow, &k.account, &k.amount.Currency, &k.kind, &amount, &k.state, &k.fixed, &k.file)
			if k.amount.Minor = amount.Int64; !amount.Valid {
				k.amount = payment.Amount{}
			}
			at[id] = k
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	for i, id := range numbers {
		find[i] = at[id]
	}
	return find, nil
}

// stillSending tells whether these are different instructions that all stand as sending.
func (tx *Tx) stillSending(list []int64) (bool, error) {
	sorted := slices.Compact(slices.Sorted(slices.Values(list)))
	if len(sorted) < len(list) {
		return false, nil
	}
	for _, part := range chosen(sorted) {
		n := 0
		if err := tx.one("SELECT count(*) FROM instruction WHERE state = 'sending' AND id "+part.in, part.args...).Scan(&n); err != nil || n != len(part.list) {
			return false, err
		}
	}
	return true, nil
}

// fixed learns of which files the result is written.
func (tx *Tx) fixed(find []asked) error {
	files := map[int64]bool{}
	for i := range find {
		k := &find[i]
		fixed, known := files[k.file]
		if !known {
			if err := tx.one("SELECT result_fixed FROM file WHERE id = ?", k.file).Scan(&fixed); err != nil {
				return err
			}
			files[k.file] = fixed
		}
		k.fixed = fixed
	}
	return nil
}

// Interrupted turns what a dead process left as `sending` into `uncertain`, to be looked up at lookAt. It returns how
// many there were.
func (tx *Tx) Interrupted(account string, lookAt int64, code, message string) (int, error) {
	var list []Answer
	err := tx.each("SELECT i.id FROM instruction i WHERE i.state = 'sending' AND i.finished = 0 AND i.account = ?", []any{account}, func(r Record) error {
		a := Answer{State: payment.Uncertain, LookAt: lookAt, Code: code, Message: message}
		err := r.Scan(&a.ID)
		list = append(list, a)
		return err
	})
	if err != nil {
		return 0, err
	}
	for i := 0; i < len(list); i += 500 {
		if err := tx.RecordAnswers(list[i:min(i+500, len(list))]); err != nil {
			return 0, err
		}
	}
	return len(list), nil
}

// Due is something to be done for an instruction (or, by kind, another subject) at a time.
type Due struct {
	Kind    string // look, poll
	Subject int64
	Account string
	At      int64 // microseconds
	N       int64 // how often it was tried
}

// SetDue sets or moves what is due for a subject.
func (tx *Tx) SetDue(kind string, subject int64, account string, at, n int64) error {
	_, err := tx.exec("INSERT INTO due VALUES (?, ?, ?, ?, ?) ON CONFLICT (kind, subject) DO UPDATE SET at = excluded.at, n = excluded.n", kind, subject, account, at, n)
	return err
}

// ClearDue forgets what is due for a subject.
func (tx *Tx) ClearDue(kind string, subject int64) error {
	_, err := tx.exec("DELETE FROM due WHERE kind = ? AND subject = ?", kind, subject)
	return err
}

// DueBefore lists what is due for an account by a time, oldest first.
func (j *Journal) DueBefore(ctx context.Context, kind, account string, at int64, limit int) (list []Due, err error) {
	err = j.each(ctx, "SELECT kind, subject, account, at, n FROM due WHERE account = ? AND kind = ? AND at <= ? ORDER BY at LIMIT ?", []any{account, kind, at, limit}, func(r Record) error {
		var d Due
		err := r.Scan(&d.Kind, &d.Subject, &d.Account, &d.At, &d.N)
		list = append(list, d)
		return err
	})
	return list, err
}

// NextDue tells when the next thing of each kind is due for an account, in the order of kinds; 0 when nothing is.
func (j *Journal) NextDue(ctx context.Context, account string, kinds ...string) ([]int64, error) {
	const first = "coalesce((SELECT min(at) FROM due WHERE account = ? AND kind = ?), 0)"
	at, args, to := make([]int64, len(kinds)), make([]any, 0, 2*len(kinds)), make([]any, len(kinds))
	for i, kind := range kinds {
		args, to[i] = append(args, account, kind), &at[i]
	}
	err := j.one(ctx, "SELECT "+first+strings.Repeat(", "+first, len(kinds)-1), args...).Scan(to...)
	return at, err
}

// ByPayment finds the request an account's PSP knows by an id; ErrMissing when none is.
func (tx *Tx) ByPayment(account, paymentID string) (it Item, err error) {
	err = tx.one("SELECT "+itemColumns+itemFrom+"i.id = "+newestRequest, paymentID, account).into(it.scan)
	return it, err
}

// Notice is one notification: its own id, and what it names.
type Notice struct{ ID, PaymentID, TransactionID string }

// Note keeps a notification before it is acknowledged; known is true when it was kept before.
func (tx *Tx) Note(account string, n Notice) (known bool, err error) {
	done, err := tx.exec("INSERT INTO notice (account, notice_id, payment_id, transaction_id, received_at, done) VALUES (?, ?, ?, ?, ?, 0) ON CONFLICT DO NOTHING", account, n.ID, n.PaymentID, n.TransactionID, tx.Now)
	return done == 0, err
}

// Notices lists notifications of an account that were not followed up yet, oldest first, behind the first skip.
func (j *Journal) Notices(ctx context.Context, account string, skip, limit int) (list []Notice, err error) {
	err = j.each(ctx, "SELECT notice_id, payment_id, transaction_id FROM notice WHERE account = ? AND done = 0 ORDER BY received_at, notice_id LIMIT ? OFFSET ?", []any{account, limit, skip}, func(r Record) error {
		var n Notice
		err := r.Scan(&n.ID, &n.PaymentID, &n.TransactionID)
		list = append(list, n)
		return err
	})
	return list, err
}

// NoticesDone marks notifications as followed up, by their own ids: one that came after the PSP was asked is not.
func (tx *Tx) NoticesDone(account string, ids []string) error {
	for _, id := range ids {
		if _, err := tx.exec("UPDATE notice SET done = 1 WHERE account = ? AND notice_id = ?", account, id); err != nil {
			return err
		}
	}
	return nil
}

// Known tells whether the account has a request the PSP knows by that id.
func (j *Journal) Known(ctx context.Context, account, paymentID string) (bool, error) {
	var n int64
	err := j.one(ctx, "SELECT coalesce("+newestOf("")+", 0)", paymentID, account).Scan(&n)
	return n > 0, err
}

// Doubtful tells whether the account has anything in flight or in doubt, whose PSP id is not known yet.
func (j *Journal) Doubtful(ctx context.Context, account string) (bool, error) {
	var n int64
	err := j.one(ctx, "SELECT id FROM instruction WHERE state IN ('sending', 'uncertain') AND finished = 0 AND account = ? LIMIT 1", account).Scan(&n)
	if errors.Is(err, ErrMissing) {
		return false, nil
	}
	return err == nil, err
}

// PollAll schedules a poll of every request of an account that the PSP may still change: its feed is gone.
func (tx *Tx) PollAll(account string, at int64) error {
	_, err := tx.exec(`INSERT INTO due SELECT 'poll', id, account, ?, 0 FROM instruction WHERE account = ? AND payment_id <> '' AND state IN ('open', 'authorised', 'partially_paid', 'pending')
 ON CONFLICT DO NOTHING`, at, account)
	return err
}

// PollNow makes every poll of an account due at once.
func (tx *Tx) PollNow(account string) error {
	_, err := tx.exec("UPDATE due SET at = ? WHERE kind = 'poll' AND account = ? AND at > ?", tx.Now, account, tx.Now)
	return err
}
