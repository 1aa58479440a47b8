package journal

import (
	"context"
	"database/sql"
	"errors"
	"strings"

	"github.com/navette-connect/navette/connector/payment"
)

// Line is one source row with what became of its document, for returns.
type Line struct {
	Row
	Part          string        // of an instruction, when the document has several
	Payment       payment.State // "" when the row has no instruction
	AnswerCode    string
	AnswerMessage string
	PaymentID     string
	TransactionID string
	Link          string
	AnsweredAt    int64 // microseconds, 0 = not answered
	DocFields     []byte
	PSPState      string         // of an operation: the PSP's own word for where its transaction stands; read with the fields
	Told          payment.Amount // of the event that led to Payment; read with the fields

	parts []Line // of a row with several instructions, while they are read
}

// inOrder is how the rows of a file behind one of them are read in line order: by their ids, or by row_order where that
// knows the file. It is put behind a FROM clause and before a LIMIT, for a row called r.
func (j *Journal) inOrder(ctx context.Context, file, after int64) (from, where string, args []any, err error) {
	var n int64
	if err := j.one(ctx, "SELECT count(*) FROM (SELECT 1 FROM row_order WHERE file_id = ? LIMIT 1) o", file).Scan(&n); err != nil {
		return "", "", nil, err
	}
	if n == 0 {
		return " FROM row r", " WHERE r.file_id = ? AND r.id > ? ORDER BY r.id", []any{file, after}, nil
	}
	return " FROM row_order o JOIN row r ON r.id = o.row_id", " WHERE o.file_id = ? AND (o.line, o.row_id) > (coalesce((SELECT line FROM row WHERE id = ?), 0), ?) ORDER BY o.line, o.row_id",
		[]any{file, after, after}, nil
}

// Rows lists the rows of a file behind the row after, in line order, as the intake judged them; Raw is not read. The list is
// put in the room of an earlier one, which may be nil.
func (j *Journal) Rows(ctx context.Context, file, after int64, limit int, room []Line) (list []Line, err error) {
	from, where, args, err := j.inOrder(ctx, file, after)
	if err != nil {
		return nil, err
	}
	list = room[:0]
	err = j.each(ctx, "SELECT r.id, r.line, r.document, r.kind, r.reference, r.amount, r.currency, r.state, r.code, r.message"+from+where+" LIMIT ?", append(args, limit), func(rows Record) error {
		list = append(list, Line{})
		l := &list[len(list)-1]
		var amount sql.NullInt64
		err := rows.Scan(&l.ID, &l.Line, &l.Document, &l.Kind, &l.Reference, &amount, &l.Amount.Currency, &l.State, &l.Code, &l.Message)
		l.FileID, l.Amount.Minor = file, amount.Int64
		if !amount.Valid {
			l.Amount = payment.Amount{}
		}
		return err
	})
	return list, err
}

// Lines lists the rows of a file behind the row after, in line order, with their bytes and the first instruction of each row's
// document; fields: with the document's fields, too. The list is put in the room of an earlier one, which may be nil.
func (j *Journal) Lines(ctx context.Context, file, after int64, limit int, fields bool, room []Line) ([]Line, error) {
	from, where, args, err := j.inOrder(ctx, file, after)
	if err != nil {
		return nil, err
	}
	return j.lines(ctx, file, from, where, args, limit, fields, room)
}

func (j *Journal) lines(ctx context.Context, file int64, from, where string, args []any, limit int, fields bool, room []Line) (list []Line, err error) {
	read := 0
	extra, join, last := "NULL, NULL, '', ''", "", ""
	if fields {
		extra, join = "d.fields, e.amount, coalesce(e.currency, ''), coalesce(e.psp_state, '')", " LEFT JOIN personal d ON d.row_id = r.document"
		last = " LEFT JOIN event e ON e.id = (SELECT max(x.id) FROM event x WHERE x.instruction_id = i.id AND x.state = i.state)"
	}
	list = room[:0]
	err = j.each(ctx, "SELECT r.id, r.line, r.document, r.kind, r.reference, r.amount, r.currency, r.state, r.code, r.message, p.raw, "+extra+`,
 coalesce(i.part, ''), coalesce(i.state, ''), coalesce(i.code, ''), coalesce(i.message, ''), coalesce(i.payment_id, ''), coalesce(i.transaction_id, ''), coalesce(i.link, ''), coalesce(i.answered_at, 0)
`+from+` LEFT JOIN personal p ON p.row_id = r.id`+join+` LEFT JOIN instruction i ON i.row_id = r.document`+last+where+", i.id LIMIT ?", append(args, limit), func(rows Record) error {
		var l Line
		var amount, told sql.NullInt64
		err := rows.Scan(&l.ID, &l.Line, &l.Document, &l.Kind, &l.Reference, &amount, &l.Amount.Currency, &l.State, &l.Code, &l.Message, &l.Raw, &l.DocFields, &told, &l.Told.Currency, &l.PSPState,
			&l.Part, &l.Payment, &l.AnswerCode, &l.AnswerMessage, &l.PaymentID, &l.TransactionID, &l.Link, &l.AnsweredAt)
		l.FileID, l.Amount.Minor, l.Told.Minor = file, amount.Int64, told.Int64
		if !amount.Valid {
			l.Amount = payment.Amount{}
		}
		if !told.Valid {
			l.Told = payment.Amount{}
		}
		read++
		if n := len(list); n > 0 && list[n-1].ID == l.ID {
			list[n-1].merge(l)
			return err
		}
		list = append(list, l)
		return err
	})
	if read == limit && len(list) > 1 { // the last one may have parts that are not read yet
		list = list[:len(list)-1]
	}
	return list, err
}

// merge takes a further instruction of the same row: of one part the newer revision counts, of several parts the worst.
func (l *Line) merge(more Line) {
	if l.parts == nil {
		l.parts = []Line{*l}
	}
	newer := false
	for i := range l.parts {
		if l.parts[i].Part == more.Part {
			l.parts[i], newer = more, true
		}
	}
	parts := l.parts
	if !newer {
		parts = append(parts, more)
	}
	worst := parts[0]
	for _, p := range parts[1:] {
		if badness(p.Payment) > badness(worst.Payment) {
			worst = p
		}
	}
	*l = worst
	l.parts = parts
}

// Parts are the names of a row's parts, joined by "|".
func (l *Line) Parts() string {
	if l.parts == nil {
		return l.Part
	}
	var names []string
	for _, p := range l.parts {
		if p.Part != "" {
			names = append(names, p.Part)
		}
	}
	return strings.Join(names, "|")
}

// badness orders states by what a person must hear of first.
func badness(s payment.State) int {
	switch s {
	case payment.Refused:
		return 3
	case payment.Held, payment.Uncertain:
		return 2
	case payment.Sending, payment.Accepted, payment.Pending:
		return 1
	}
	return 0
}

// LineOf reads one row with what became of it.
func (j *Journal) LineOf(ctx context.Context, file, row int64) (Line, error) {
	list, err := j.lines(ctx, file, " FROM row r", " WHERE r.file_id = ? AND r.id >= ? ORDER BY r.id", []any{file, row}, 1, true, nil)
	if err != nil || len(list) == 0 {
		return Line{}, errors.Join(err, ErrMissing)
	}
	return list[0], nil
}

// Unanswered tells whether instructions of a file wait for the gateway, and else whether some wait for a
// person or a look-up: held or in doubt themselves, or behind another row or a cancel that is.
// It is one statement, one moment: a row on its way from doubt to being sent again is never missed by both.
func (j *Journal) Unanswered(ctx context.Context, file int64) (waiting, doubtful bool, err error) {
	const exists = `EXISTS (SELECT 1 FROM instruction i WHERE i.file_id = ? AND i.finished = 0`
	const free = ` AND (i.state = 'sending' OR i.state = 'accepted' AND i.waits = 0 AND NOT EXISTS (SELECT 1 FROM instruction e JOIN file ef ON ef.id = e.file_id
 WHERE e.lane = i.lane AND e.id < i.id AND e.account = i.account AND e.finished = 0 AND (e.state IN ('held', 'uncertain', 'pending') OR e.waits = 1)
 AND (e.code <> 'NV-1407' OR i.kind <> 'request') AND ef.judged = 1))`
	var worst int
	err = j.one(ctx, "SELECT CASE WHEN "+exists+free+") THEN 2 WHEN "+exists+") THEN 1 ELSE 0 END", file, file).Scan(&worst)
	return worst == 2, worst == 1, err
}

// Delivery is a return whose bytes are fixed.
type Delivery struct {
	ID             int64
	Flow           string
	FileID         int64  // 0: of no single file
	Kind           string // ack, rejects, result, status, receipt of a refused file, or a mapping's own
	Seq            int64  // of status files
	Folder, Name   string
	Length         int64 // bytes
	SHA256         string
	State          string // fixed, published
	FixedAt, PubAt int64
	Attempts       int64
}

const deliveryColumns = "id, flow, file_id, kind, seq, folder, name, length, sha256, state, fixed_at, published_at, attempts"

func (d *Delivery) scan(row Record) error {
	var folder, name []byte
	err := row.Scan(&d.ID, &d.Flow, &d.FileID, &d.Kind, &d.Seq, &folder, &name, &d.Length, &d.SHA256, &d.State, &d.FixedAt, &d.PubAt, &d.Attempts)
	d.Folder, d.Name = string(folder), string(name)
	return err
}

// AddDelivery puts a return into the outbox. number gives the i-th name for its name (X.csv, X.2.csv…): no two returns
// of a folder ever share one, so that a file that stands under a name with the same bytes is this return.
func (tx *Tx) AddDelivery(d Delivery, number func(name string, i int) string) (int64, error) {
	id, err := tx.next("delivery", 1)
	if err != nil {
		return 0, err
	}
	if d.Name, err = tx.freeName(d.Folder, d.Name, number, 1); err != nil {
		return 0, err
	}
	_, err = tx.exec("INSERT INTO delivery (id, flow, file_id, kind, seq, folder, name, length, sha256, state, fixed_at) VALUES (?,?,?,?,?,?,?,?,?,'fixed',?)",
		id, d.Flow, d.FileID, d.Kind, d.Seq, []byte(d.Folder), []byte(d.Name), d.Length, d.SHA256, tx.Now)
	if err == nil {
		err = tx.kept(d.SHA256)
	}
	return id, err
}

func (tx *Tx) freeName(folder, name string, number func(string, int) string, from int) (string, error) {
	for i := from; ; i++ {
		candidate := number(name, i)
		var n int64
		if err := tx.one("SELECT count(*) FROM delivery WHERE name = ? AND folder = ?", []byte(candidate), []byte(folder)).Scan(&n); err != nil || n == 0 {
			return candidate, err
		}
	}
}

// Published notes that a return stands in its folder under its name.
func (tx *Tx) Published(id int64) error {
	_, err := tx.exec("UPDATE delivery SET state = 'published', published_at = ?, attempts = attempts + 1 WHERE id = ?", tx.Now, id)
	return err
}

// Rename gives a return the next free name before it is published: the one it had is taken by a file not ours. base is
// the name it was added with.
func (tx *Tx) Rename(d *Delivery, base string, number func(name string, i int) string, from int) error {
	name, err := tx.freeName(d.Folder, base, number, from)
	if err != nil {
		return err
	}
	d.Name = name
	_, err = tx.exec("UPDATE delivery SET name = ? WHERE id = ? AND state = 'fixed'", []byte(name), d.ID)
	return err
}

func (j *Journal) deliveries(ctx context.Context, where string, args ...any) (list []Delivery, err error) {
	err = j.each(ctx, "SELECT "+deliveryColumns+" FROM delivery WHERE "+where, args, func(r Record) error {
		var d Delivery
		err := d.scan(r)
		list = append(list, d)
		return err
	})
	return list, err
}

// Outbox lists the returns of a flow that are not published, in the order they were fixed.
func (j *Journal) Outbox(ctx context.Context, flow string, limit int) ([]Delivery, error) {
	return j.deliveries(ctx, "flow = ? AND state = 'fixed' ORDER BY id LIMIT ?", flow, limit)
}

// DeliveriesOf lists the returns of a file.
func (j *Journal) DeliveriesOf(ctx context.Context, file int64) ([]Delivery, error) {
	return j.deliveries(ctx, "file_id = ? ORDER BY id", file)
}

// StatusFile is the status file of a flow that was fixed first at a time or behind it; ErrMissing when there is none.
func (j *Journal) StatusFile(ctx context.Context, flow string, at int64) (Delivery, error) {
	list, err := j.deliveries(ctx, "flow = ? AND kind = 'status' AND fixed_at >= ? ORDER BY fixed_at, id LIMIT 1", flow, at)
	if err != nil || len(list) == 0 {
		return Delivery{}, errors.Join(err, ErrMissing)
	}
	return list[0], nil
}

// HasDelivery tells whether a file has a return of a kind.
func (tx *Tx) HasDelivery(file int64, kind string) (bool, error) {
	var n int64
	err := tx.one("SELECT count(*) FROM delivery WHERE file_id = ? AND kind = ?", file, kind).Scan(&n)
	return n > 0, err
}

// TellLate makes status files tell the answers to a file's instructions that came behind after: its result was being
// written meanwhile.
func (tx *Tx) TellLate(file, after int64) error {
	_, err := tx.exec(`UPDATE event SET tell = 1 WHERE id > ? AND tell = 0 AND word IN ('sent', 'done', 'refused', 'authorised', 'paid', 'expired', 'cancelled', 'refunded', 'charged_back', 'settled')
 AND EXISTS (SELECT 1 FROM instruction i WHERE i.id = event.instruction_id AND i.file_id = ?)`, after, file) // no list of a file's ids: it may be long
	return err
}

// Mark reads how far a reader of events has come, and when it last wrote.
func (j *Journal) Mark(ctx context.Context, reader string) (event, at int64, err error) {
	err = j.one(ctx, "SELECT event_id, at FROM mark WHERE reader = ?", reader).Scan(&event, &at)
	if errors.Is(err, ErrMissing) {
		return 0, 0, nil
	}
	return event, at, err
}

// Count gives the next number of a series, from 1 on: within a transaction, so that none is left out.
func (tx *Tx) Count(series string) (n int64, err error) {
	err = tx.one("INSERT INTO mark VALUES (?, 1, ?) ON CONFLICT (reader) DO UPDATE SET event_id = mark.event_id + 1, at = excluded.at RETURNING event_id", series, tx.Now).Scan(&n)
	return n, err
}

// SetMark moves a reader's mark.
func (tx *Tx) SetMark(reader string, event int64) error {
	_, err := tx.exec("INSERT INTO mark VALUES (?, ?, ?) ON CONFLICT (reader) DO UPDATE SET event_id = excluded.event_id, at = excluded.at", reader, event, tx.Now)
	return err
}

// FilesAwaiting lists the files of a flow whose result is not fixed yet.
func (j *Journal) FilesAwaiting(ctx context.Context, flow string) ([]File, error) {
	return j.files(ctx, "flow = ? AND state = 'accepted' AND result_fixed = 0 AND state NOT IN ('done', 'rejected', 'duplicate', 'superseded', 'gone') ORDER BY id", flow)
}

// Finish moves accepted files to done that have nothing left to answer or to publish.
func (tx *Tx) Finish(flow string) error {
	_, err := tx.exec(`UPDATE file SET state = 'done' WHERE flow = ? AND state = 'accepted' AND result_fixed = 1 AND place <> claim AND state NOT IN ('done', 'rejected', 'duplicate', 'superseded', 'gone')
 AND NOT EXISTS (SELECT 1 FROM instruction i WHERE i.file_id = file.id AND i.finished = 0)
 AND NOT EXISTS (SELECT 1 FROM delivery d WHERE d.file_id = file.id AND d.state = 'fixed')`, flow)
	return err
}

// Mark reads how far a reader of events has come, and when it last wrote, within a write.
func (tx *Tx) Mark(reader string) (event, at int64, err error) {
	err = tx.one("SELECT event_id, at FROM mark WHERE reader = ?", reader).Scan(&event, &at)
	if errors.Is(err, ErrMissing) {
		return 0, 0, nil
	}
	return event, at, err
}
