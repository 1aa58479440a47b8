package journal

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/navette-connect/navette/connector/payment"
)

// Command is a person's decision: written by the command line, applied by whoever writes the journal.
type Command struct {
	ID                            int64
	Verb                          string // release, refuse, resolve, retry, pause, resume
	Subject                       string // r12, f3, a flow, a gateway
	Argument                      string
	Reason                        string
	ActorKind, ActorID, ActorName string // "user", uid, login
	WrittenAt, AppliedAt          int64
	State, Result                 string // new, done, failed; what it did, or why not
}

// WriteCommand journals a command, beside the daemon if there is one.
func (j *Journal) WriteCommand(ctx context.Context, c Command) (id int64, err error) {
	conn, err := j.d.Writer.Take(ctx)
	if err != nil {
		return 0, fmt.Errorf("journal: %w", err)
	}
	defer j.d.Writer.Put(conn)
	err = conn.Each(ctx, j.d.Bind(`INSERT INTO command (id, verb, subject, argument, reason, actor_kind, actor_id, actor_name, written_at, state)
 SELECT coalesce(max(id), 0) + 1, ?, ?, ?, ?, ?, ?, ?, ?, 'new' FROM command RETURNING id`),
		[]any{c.Verb, c.Subject, c.Argument, c.Reason, c.ActorKind, c.ActorID, c.ActorName, micro(j.now())}, func(r Record) error { return r.Scan(&id) })
	if err != nil {
		return 0, fmt.Errorf("journal: write the command: %w", err)
	}
	return id, nil
}

const commandColumns = "id, verb, subject, argument, reason, actor_kind, actor_id, actor_name, written_at, applied_at, state, result"

func (c *Command) scan(row Record) error {
	return row.Scan(&c.ID, &c.Verb, &c.Subject, &c.Argument, &c.Reason, &c.ActorKind, &c.ActorID, &c.ActorName, &c.WrittenAt, &c.AppliedAt, &c.State, &c.Result)
}

// Command reads one command.
func (j *Journal) Command(ctx context.Context, id int64) (c Command, err error) {
	err = c.scan(j.one(ctx, "SELECT "+commandColumns+" FROM command WHERE id = ?", id))
	return c, err
}

// NewCommands lists what waits to be applied, oldest first.
func (j *Journal) NewCommands(ctx context.Context) (list []Command, err error) {
	err = j.each(ctx, "SELECT "+commandColumns+" FROM command WHERE state = 'new' ORDER BY id LIMIT 100", nil, func(r Record) error {
		var c Command
		err := c.scan(r)
		list = append(list, c)
		return err
	})
	return list, err
}

// Decided journals a decision that came by another way than a command and was applied at once.
func (tx *Tx) Decided(c Command, state, result string) error {
	_, err := tx.exec(`INSERT INTO command (id, verb, subject, argument, reason, actor_kind, actor_id, actor_name, written_at, applied_at, state, result)
 SELECT coalesce(max(id), 0) + 1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ? FROM command`, c.Verb, c.Subject, c.Argument, c.Reason, c.ActorKind, c.ActorID, c.ActorName, tx.Now, tx.Now, state, result)
	return err
}

// DecidedBy finds a decision that came with a file of decisions, by the file's sha256 and the id decided about.
func (tx *Tx) DecidedBy(digest, subject string) (c Command, seen bool, err error) {
	err = c.scan(tx.one("SELECT "+commandColumns+" FROM command WHERE subject = ? AND argument = ? AND actor_kind = 'file' ORDER BY id LIMIT 1", subject, digest))
	if errors.Is(err, ErrMissing) {
		return c, false, nil
	}
	return c, err == nil, err
}

// Applied notes what a command did; state is done or failed.
func (tx *Tx) Applied(id int64, state, result string) error {
	_, err := tx.exec("UPDATE command SET state = ?, result = ?, applied_at = ? WHERE id = ? AND state = 'new'", state, result, tx.Now, id)
	return err
}

// Decide moves one instruction by a person's decision and tells it as an event. ErrState when its state does not allow it.
func (tx *Tx) Decide(it *Item, to payment.State, code, text string) error {
	if payment.Move(it.State, to) != payment.Moved {
		return fmt.Errorf("%w: it is %s", ErrState, it.State)
	}
	f, err := tx.File(it.FileID)
	if err != nil {
		return err
	}
	answered := int64(0)
	if to.Answered() {
		answered = tx.Now
	}
	n, err := tx.exec("UPDATE instruction SET state = ?, finished = ?, code = ?, message = ?, answered_at = ?, not_before = 0 WHERE id = ? AND state = ?", string(to), to.Answered(), code, text, answered, it.ID, string(it.State))
	if err != nil {
		return err
	}
	if n == 0 {
		return fmt.Errorf("%w: it is no longer %s", ErrState, it.State)
	}
	if err := tx.ClearDue("look", it.ID); err != nil {
		return err
	}
	if f.State == FileDone && !to.Answered() { // it has something to do again
		if _, err := tx.exec("UPDATE file SET state = 'accepted' WHERE id = ?", f.ID); err != nil {
			return err
		}
	}
	word := payment.Word(to)
	if to == payment.Accepted {
		word = payment.WordReleased
	}
	return tx.AddEvents([]Event{{InstructionID: it.ID, Flow: it.Source.Flow, Account: it.Account, Word: word, State: to, Previous: it.State, Amount: it.Amount,
		PaymentID: it.OwnPaymentID, TransactionID: it.OwnTransaction, OccurredAt: tx.Now, Code: code, Reason: text, Tell: f.ResultFixed && to.Answered()}})
}

// Adopt gives an instruction in doubt the ids that the PSP knows it by, as a person named them. ErrState when another
// instruction of the account has such an id: one request has one payment id, and a transaction that no operation acts on is
// made by one operation.
func (tx *Tx) Adopt(it *Item, paymentID, transactionID, link string) error {
	var taken int64
	var err error
	switch {
	case it.Kind == payment.Request:
		err = tx.one("SELECT count(*) FROM instruction i WHERE "+paymentIs("i", "?")+" AND i.account = ? AND i.kind = 'request' AND i.id <> ?", paymentID, it.Account, it.ID).Scan(&taken)
	case transactionID != it.TransactionID && (it.Operation == payment.Refund || it.Operation == payment.Duplicate || it.Operation == payment.Capture):
		err = tx.one(`SELECT count(*) FROM instruction i WHERE i.transaction_id = ? AND i.transaction_id <> '' AND i.account = ? AND i.kind = 'operation' AND i.operation = ? AND i.id <> ?
 AND NOT EXISTS (SELECT 1 FROM instruction r WHERE r.transaction_id = i.transaction_id AND r.account = i.account AND r.kind = 'request')`, transactionID, it.Account, string(it.Operation), it.ID).Scan(&taken)
	}
	if err != nil {
		return err
	}
	if taken > 0 {
		return fmt.Errorf("%w: another instruction has that id", ErrState)
	}
	it.OwnPaymentID, it.OwnTransaction, it.Link = firstOf(paymentID, it.OwnPaymentID), firstOf(transactionID, it.OwnTransaction), firstOf(link, it.Link)
	if _, err = tx.exec("UPDATE instruction SET payment_id = ?, transaction_id = ?, link = ? WHERE id = ?", it.OwnPaymentID, it.OwnTransaction, it.Link, it.ID); err != nil {
		return err
	}
	return tx.nowKnown([]Event{{Account: it.Account, PaymentID: it.OwnPaymentID}})
}

func firstOf(a, b string) string {
	if a == "" {
		return b
	}
	return a
}

// Approve notes a first release of what needs a second person, and tells who else has released it before.
func (tx *Tx) Approve(it *Item, c *Command) (others []string, err error) {
	subject := approvalOf(it)
	if err := tx.each("SELECT actor_name FROM approval WHERE subject = ? AND actor_id <> ? ORDER BY at", []any{subject, c.ActorID}, func(r Record) error {
		var name string
		err := r.Scan(&name)
		others = append(others, name)
		return err
	}); err != nil {
		return nil, err
	}
	_, err = tx.exec("INSERT INTO approval VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING", subject, c.ActorID, c.ActorName, c.Reason, tx.Now)
	return others, err
}

// Close closes what a person does not want sent: the cancel that would make way for it is stopped, and the releases that
// were given before do not count any more.
func (tx *Tx) Close(it *Item, code, text string) error {
	if err := tx.DropCancel(it.ID, code, text); err != nil {
		return err
	}
	if _, err := tx.exec("DELETE FROM approval WHERE subject = ?", approvalOf(it)); err != nil {
		return err
	}
	return tx.Decide(it, payment.Refused, code, text)
}

func approvalOf(it *Item) string { return fmt.Sprint("i", it.ID) }

// Redeliver puts a published return back into the outbox: the same name, the same bytes.
func (tx *Tx) Redeliver(id int64) error {
	n, err := tx.exec("UPDATE delivery SET state = 'fixed' WHERE id = ?", id)
	if err == nil && n == 0 {
		err = fmt.Errorf("%w: return %d", ErrMissing, id)
	}
	return err
}

// Delivery reads one return.
func (j *Journal) Delivery(ctx context.Context, id int64) (Delivery, error) {
	return one(j.deliveries(ctx, "id = ?", id))
}

// Delivery reads one return.
func (tx *Tx) Delivery(id int64) (d Delivery, err error) {
	err = d.scan(tx.one("SELECT "+deliveryColumns+" FROM delivery WHERE id = ?", id))
	return d, err
}

// DeliveryNamed reads the newest return of a name.
func (j *Journal) DeliveryNamed(ctx context.Context, name string) (Delivery, error) {
	return one(j.deliveries(ctx, "name = ? ORDER BY id DESC LIMIT 1", []byte(name)))
}

func one(list []Delivery, err error) (Delivery, error) {
	if err != nil || len(list) == 0 {
		return Delivery{}, errors.Join(err, ErrMissing)
	}
	return list[0], nil
}

// Replay takes a refused file anew: a file of its own with the same bytes, to be judged once more. ErrState when it was
// not refused or is being replayed already.
func (tx *Tx) Replay(f *File) (id int64, err error) {
	if f.State != FileRejected || f.SHA256 == "" {
		return 0, fmt.Errorf("%w: it is %s", ErrState, f.State)
	}
	var live int64
	if err := tx.one("SELECT count(*) FROM file WHERE sha256 = ? AND flow = ? AND state IN ('claiming', 'claimed', 'spooled')", f.SHA256, f.Flow).Scan(&live); err != nil {
		return 0, err
	}
	if live > 0 {
		return 0, fmt.Errorf("%w: it is being read again", ErrState)
	}
	if id, err = tx.next("file", 1); err != nil {
		return 0, err
	}
	_, err = tx.exec(`INSERT INTO file (id, flow, account, name, claim, place, state, size, mtime, sha256, received_at, dropped_by)
 SELECT ?, flow, account, name, ?, place, 'spooled', size, mtime, sha256, ?, dropped_by FROM file WHERE id = ?`, id, []byte{}, tx.Now, f.ID)
	return id, err
}

// OfRow lists the instructions of the document a row belongs to: of each part the newest revision.
func (tx *Tx) OfRow(row int64) (list []Item, err error) {
	err = tx.each("SELECT "+itemColumns+itemFrom+`i.row_id = (SELECT document FROM row WHERE id = ?)
 AND NOT EXISTS (SELECT 1 FROM instruction n WHERE n.row_id = i.row_id AND n.revision_of = i.id) ORDER BY i.id`, []any{row}, func(r Record) error {
		list = append(list, Item{})
		return list[len(list)-1].scan(r)
	})
	return list, err
}

// OfFile lists up to limit instructions of a file in a state, behind after.
func (tx *Tx) OfFile(file, after int64, state payment.State, limit int) (list []Item, err error) {
	err = tx.each("SELECT "+itemColumns+itemFrom+"i.file_id = ? AND i.id > ? AND i.state = ? ORDER BY i.id LIMIT ?", []any{file, after, string(state), limit}, func(r Record) error {
		list = append(list, Item{})
		return list[len(list)-1].scan(r)
	})
	return list, err
}

// AcceptRow notes that a held row goes on.
func (tx *Tx) AcceptRow(document int64) error {
	_, err := tx.exec("UPDATE row SET state = 'accepted', code = '', message = '' WHERE document = ? AND state = 'held'", document)
	return err
}

// Live finds another request of the same reference and part that may be paid or was, or that a file asks for which is being
// judged: it was held against what was known before. 0 when there is none.
func (tx *Tx) Live(it *Item) (id int64, err error) {
	if it.Kind != payment.Request {
		return 0, nil
	}
	err = tx.one(`SELECT coalesce(max(i.id), 0) FROM instruction i WHERE i.lane = ? AND i.part = ? AND i.kind = 'request' AND i.account = ? AND i.namespace = ?
 AND i.id <> ? AND i.state NOT IN ('refused', 'expired', 'cancelled')`, it.Lane, it.Part, it.Account, it.Namespace, it.ID).Scan(&id)
	return id, err
}

// Again makes the next revision of a refused instruction: a new one, with a new key, to be sent.
func (tx *Tx) Again(it *Item) (id int64, err error) {
	if it.State != payment.Refused {
		return 0, fmt.Errorf("%w: it is %s", ErrState, it.State)
	}
	var newer int64
	if err := tx.one("SELECT count(*) FROM instruction WHERE revision_of = ? AND revision_of > 0 AND row_id = ?", it.ID, it.RowID).Scan(&newer); err != nil {
		return 0, err
	}
	if newer > 0 {
		return 0, fmt.Errorf("%w: it was sent again already", ErrState)
	}
	if id, err = tx.next("instruction", 1); err != nil {
		return 0, err
	}
	next := it.Instruction
	free := *it
	free.ID = id
	if next.Revision, err = tx.freeRevision(&free); err != nil {
		return 0, err
	}
	_, err = tx.exec(`INSERT INTO instruction (id, file_id, row_id, line, flow, account, namespace, kind, operation, reference, part, lane, revision, key, identity, fingerprint, amount, currency, state, finished, body, revision_of)
 SELECT ?, file_id, row_id, line, flow, account, namespace, kind, operation, reference, part, lane, ?, ?, identity, fingerprint, amount, currency, 'accepted', 0, body, id FROM instruction WHERE id = ?`, id, next.Revision, payment.NewKey(&next), it.ID)
	if err != nil {
		return 0, err
	}
	if err := tx.another(it.Source.Flow); err != nil {
		return 0, err
	}
	_, err = tx.exec("UPDATE file SET state = 'accepted' WHERE id = ? AND state = 'done'", it.FileID)
	return id, err
}

// ReleaseFile lets a held, judged file go on; f.Released says which holds were lifted.
func (tx *Tx) ReleaseFile(f *File, delay, patience time.Duration) error {
	if err := tx.LookSoon(f.ID); err != nil {
		return err
	}
	return tx.SetFile(f.ID, []string{FileHeld}, "state", FileAccepted, "released", f.Released, "code", "", "message", "", "send_after", tx.Now+delay.Microseconds(), "deadline", tx.Now+patience.Microseconds())
}

// Status is what `navette status` tells of one flow.
type Status struct {
	Files, Rows map[string]int64
	Flow        Flow
}

// FlowStatus counts a flow's files and instructions by state.
func (j *Journal) FlowStatus(ctx context.Context, flow string) (s Status, err error) {
	s = Status{Files: map[string]int64{}, Rows: map[string]int64{}}
	if s.Flow, err = j.Flow(ctx, flow); err != nil {
		return s, err
	}
	into := func(m map[string]int64) func(Record) error {
		return func(r Record) error {
			var state string
			var n int64
			err := r.Scan(&state, &n)
			m[state] += n
			return err
		}
	}
	if err := j.each(ctx, "SELECT state, count(*) FROM file WHERE flow = ? GROUP BY state", []any{flow}, into(s.Files)); err != nil {
		return s, err
	}
	return s, j.tallied(ctx, flow, s.Rows)
}

// Entry is one row with where it stands, as `navette rows` prints it.
type Entry struct {
	RowID, Line                                    int64
	Flow, File, Kind, Reference, State, Code, Text string
}

// Entries lists rows by state (of the instruction, else of the row; "" = all), newest file first. It goes file by file, so
// that it stops when it has enough, and leaves out the files that have none where that can be told.
func (j *Journal) Entries(ctx context.Context, flow, state string, limit int) (list []Entry, err error) {
	const columns = `SELECT r.id, r.line, f.flow, f.name, r.kind, r.reference, coalesce(i.state, r.state), CASE WHEN i.id IS NULL THEN r.code ELSE i.code END, CASE WHEN i.id IS NULL THEN r.message ELSE i.message END `
	files, rows := "", columns+"FROM row r JOIN file f ON f.id = r.file_id LEFT JOIN instruction i ON i.row_id = r.id WHERE r.file_id = ? AND (? = '' OR coalesce(i.state, r.state) = ?) ORDER BY r.id LIMIT ?"
	switch state {
	case "":
	case RowRejected, RowSkipped, RowDuplicate:
		files = " AND n_rejected + n_skipped + n_duplicate > 0"
		rows = columns + "FROM row r JOIN file f ON f.id = r.file_id LEFT JOIN instruction i ON i.row_id = r.id WHERE r.file_id = ? AND r.state <> 'accepted' AND r.state <> 'held' AND (? = '' OR coalesce(i.state, r.state) = ?) ORDER BY r.id LIMIT ?"
	default:
		if !payment.State(state).Answered() {
			files = " AND state NOT IN ('done', 'rejected', 'duplicate', 'superseded', 'gone')"
			rows = columns + "FROM instruction i CROSS JOIN row r ON r.id = i.row_id JOIN file f ON f.id = i.file_id WHERE i.file_id = ? AND i.finished = 0 AND (? = '' OR i.state = ?) ORDER BY i.id LIMIT ?"
			break
		}
		var n int64
		if err := j.one(ctx, "SELECT coalesce(sum(n), 0) FROM tally WHERE state = ? AND (? = '' OR flow = ?)", state, flow, flow).Scan(&n); err != nil || n == 0 {
			return nil, err
		}
	}
	var ids []int64
	if err := j.each(ctx, "SELECT id FROM file WHERE judged = 1 AND (? = '' OR flow = ?)"+files+" ORDER BY id DESC", []any{flow, flow}, func(r Record) error {
		var id int64
		err := r.Scan(&id)
		ids = append(ids, id)
		return err
	}); err != nil {
		return nil, err
	}
	for _, id := range ids {
		if len(list) >= limit {
			break
		}
		err := j.each(ctx, rows, []any{id, state, state, limit - len(list)}, func(r Record) error {
			var e Entry
			var name []byte
			err := r.Scan(&e.RowID, &e.Line, &e.Flow, &name, &e.Kind, &e.Reference, &e.State, &e.Code, &e.Text)
			e.File = string(name)
			list = append(list, e)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return list, nil
}

// Coded lists rows by the code of their instruction, else of the row, and by state ("" = all), newest first. It reads every
// row there is.
func (j *Journal) Coded(ctx context.Context, flow, state, code string, limit int) (list []Entry, err error) {
	err = j.each(ctx, `SELECT r.id, r.line, f.flow, f.name, r.kind, r.reference, coalesce(i.state, r.state), CASE WHEN i.id IS NULL THEN r.code ELSE i.code END, CASE WHEN i.id IS NULL THEN r.message ELSE i.message END
 FROM row r JOIN file f ON f.id = r.file_id LEFT JOIN instruction i ON i.row_id = r.id WHERE f.judged = 1 AND (? = '' OR f.flow = ?) AND (? = '' OR coalesce(i.state, r.state) = ?)
 AND CASE WHEN i.id IS NULL THEN r.code ELSE i.code END = ? ORDER BY r.id DESC LIMIT ?`, []any{flow, flow, state, state, code, limit}, func(r Record) error {
		var e Entry
		var name []byte
		err := r.Scan(&e.RowID, &e.Line, &e.Flow, &name, &e.Kind, &e.Reference, &e.State, &e.Code, &e.Text)
		e.File = string(name)
		list = append(list, e)
		return err
	})
	return list, err
}

// Where finds every instruction of a reference, a transaction or a payment.
func (j *Journal) Where(ctx context.Context, ref string) ([]Item, error) {
	var all []Item
	seen := map[int64]bool{}
	for _, where := range []string{"i.lane = ? AND i.lane <> ''", paymentIs("i", "?"), "i.transaction_id = ? AND i.transaction_id <> ''"} {
		list, err := j.items(ctx, where+" AND f.judged = 1 ORDER BY i.id", ref)
		if err != nil {
			return nil, err
		}
		for _, it := range list {
			if !seen[it.ID] {
				seen[it.ID] = true
				all = append(all, it)
			}
		}
	}
	return all, nil
}

// RowsOf lists the rows of a reference that became no instruction: rejected, skipped, duplicate.
func (j *Journal) RowsOf(ctx context.Context, ref string) (list []Entry, err error) {
	err = j.each(ctx, `SELECT r.id, r.line, f.flow, f.name, r.kind, r.reference, r.state, r.code, r.message FROM row r JOIN file f ON f.id = r.file_id
 WHERE r.reference = ? AND r.state <> 'accepted' AND r.state <> 'held' AND f.judged = 1 AND NOT EXISTS (SELECT 1 FROM instruction i WHERE i.row_id = r.document) ORDER BY r.id`, []any{ref}, func(r Record) error {
		var e Entry
		var name []byte
		err := r.Scan(&e.RowID, &e.Line, &e.Flow, &name, &e.Kind, &e.Reference, &e.State, &e.Code, &e.Text)
		e.File = string(name)
		list = append(list, e)
		return err
	})
	return list, err
}

// Ready tells whether the journal can be written and read now.
func (j *Journal) Ready(ctx context.Context) error {
	if j.jobs == nil {
		return errors.New("the journal is open for reading only")
	}
	return j.Do(ctx, func(tx *Tx) error {
		_, err := tx.exec("UPDATE lease SET epoch = epoch WHERE name = 'writer'")
		return err
	})
}

// Doubt puts an instruction that a look-up held back into doubt, so that a person can resolve it.
func (tx *Tx) Doubt(id int64) error {
	changes := map[tallyKey]int64{}
	err := tx.each("UPDATE instruction SET state = 'uncertain' WHERE id = ? AND state = 'held' AND code = 'NV-2102' RETURNING flow", []any{id}, func(r Record) error {
		var flow string
		err := r.Scan(&flow)
		changes[tallyKey{flow, payment.Held}]--
		changes[tallyKey{flow, payment.Accepted}]++
		return err
	})
	return errors.Join(err, tx.tally(changes))
}
