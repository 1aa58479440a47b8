package journal

import (
	"cmp"
	"context"
	"database/sql"
	"math"
	"slices"
	"strings"

	"github.com/navette-connect/navette/connector/payment"
)

// States of a row, as the ack says them.
const (
	RowAccepted  = "accepted"
	RowHeld      = "held"
	RowRejected  = "rejected"
	RowSkipped   = "skipped"
	RowDuplicate = "duplicate"
)

// Row is one source row.
type Row struct {
	ID, FileID    int64
	Line          int64
	Document      int64 // id of the first row of its document
	Kind          string
	Reference     string
	Amount        payment.Amount
	State         string
	Code, Message string
	Raw           []byte // erasable
	Fields        []byte // erasable
}

// Staged is one document on its way into the journal: its rows, and its instructions if it has any.
type Staged struct {
	Rows         []Row // State, Code and Message the same on all
	Customer     *payment.Customer
	Fields       []byte
	Instructions []payment.Instruction // Key and Revision set; State says accepted or held
	Held         bool                  // a hold rule of the mapping holds
	Parts        string                // of its document, sorted, for the fingerprint
}

// What is staged of rows and instructions: first what differs from one to the next.
var (
	rowColumns         = [...]string{"id", "line", "document", "reference", "amount", "file_id", "kind", "currency", "state", "code", "message"}
	instructionColumns = [...]string{"id", "row_id", "line", "reference", "lane", "key", "fingerprint", "amount",
		"file_id", "flow", "account", "namespace", "kind", "operation", "part", "revision", "identity", "currency", "state", "code", "message", "body", "transaction_id", "finished"}
)

// Stage writes documents of a file that are invisible until the file is accepted.
func (tx *Tx) Stage(f *File, docs []Staged) error {
	nRows, nIns := 0, 0
	for i := range docs {
		nRows += len(docs[i].Rows)
		nIns += len(docs[i].Instructions)
	}
	rowID, err := tx.next("row", nRows)
	if err != nil {
		return err
	}
	insID, err := tx.next("instruction", nIns)
	if err != nil {
		return err
	}
	rows := tx.pad(padRows, nRows*11)
	personal := tx.pad(padPersonal, nRows*5)
	ins := tx.pad(padInstructions, nIns*24)
	room := tx.room[:0] // of bodies and customers
	if room == nil {
		room = []byte{} // an empty text is no NULL
	}
	since := func(from int) []byte { return room[from:len(room):len(room)] }
	for i := range docs {
		d := &docs[i]
		document := rowID
		for k := range d.Rows {
			r := &d.Rows[k]
			rows = append(rows, rowID, r.Line, document, r.Reference, minor(r.Amount), f.ID, r.Kind, r.Amount.Currency, r.State, r.Code, r.Message)
			var customer, fields, body []byte
			if k == 0 {
				fields = d.Fields
				if len(d.Instructions) > 0 {
					from := len(room)
					room = appendBody(room, &d.Instructions[0])
					body = since(from)
				}
				if d.Customer != nil {
					from := len(room)
					room = appendCustomer(room, d.Customer)
					customer = since(from)
				}
			}
			personal = append(personal, rowID, r.Raw, customer, fields, body)
			rowID++
		}
		for k := range d.Instructions {
			in := &d.Instructions[k]
			state := payment.Accepted
			if d.Held {
				state = payment.Held
			}
			var body any // of the first it stands in personal
			if k > 0 {
				body = encodeBody(in)
			}
			identity := ""
			if in.Kind == payment.Operate {
				identity = payment.Identity(in)
			}
			ins = append(ins, insID, document, in.Source.Line, in.Reference, Lane(in), in.Key, payment.Fingerprint(in, d.Parts), minor(in.Amount),
				f.ID, f.Flow, f.Account, in.Namespace, string(in.Kind), string(in.Operation), in.Part, in.Revision, identity, in.Amount.Currency, string(state), d.Rows[0].Code, d.Rows[0].Message, body, in.TransactionID, 0)
			insID++
		}
	}
	tx.room = room
	if err := tx.insert("row", rowColumns[:], 5, rows); err != nil {
		return err
	}
	if err := tx.bulk("INSERT INTO personal (row_id, raw, customer, fields, body) VALUES ", 5, personal); err != nil {
		return err
	}
	return tx.insert("instruction", instructionColumns[:], 8, ins)
}

// Lane is what keeps the order of instructions: the reference, else the transaction it names.
func Lane(in *payment.Instruction) string {
	switch {
	case in.Reference != "":
		return in.Reference
	case in.TransactionID != "":
		return in.TransactionID
	default:
		return in.PaymentID
	}
}

func minor(a payment.Amount) any {
	if a.IsZero() {
		return nil
	}
	return a.Minor
}

// Unstage removes up to limit invisible rows of a file that is to be staged anew; it returns how many it removed.
func (tx *Tx) Unstage(file int64, limit int) (int64, error) {
	var first, last sql.NullInt64
	if err := tx.one("SELECT min(id), max(id) FROM (SELECT id FROM row WHERE file_id = ? ORDER BY id LIMIT ?) r", file, limit).Scan(&first, &last); err != nil || !first.Valid {
		return 0, err
	}
	if _, err := tx.exec("DELETE FROM row_order WHERE file_id = ? AND file_id IN (SELECT id FROM file WHERE judged = 0)", file); err != nil { // the mapping that is to stage it anew may gather no rows
		return 0, err
	}
	for _, q := range []string{
		"DELETE FROM instruction WHERE row_id BETWEEN ? AND ? AND file_id = ? AND file_id IN (SELECT id FROM file WHERE judged = 0)",
		"DELETE FROM personal WHERE row_id BETWEEN ? AND ? AND EXISTS (SELECT 1 FROM row r WHERE r.id = personal.row_id AND r.file_id = ?)",
	} {
		if _, err := tx.exec(q, first.Int64, last.Int64, file); err != nil {
			return 0, err
		}
	}
	return tx.exec("DELETE FROM row WHERE id BETWEEN ? AND ? AND file_id = ? AND file_id IN (SELECT id FROM file WHERE judged = 0)", first.Int64, last.Int64, file)
}

// Match pairs a staged instruction with one that is known.
type Match struct {
	ID, RowID   int64 // the staged one
	Kind        payment.Kind
	Operation   payment.Operation
	Reference   string
	Fingerprint string
	Keyed       bool // an operation with the ERP's own key
	Held        bool // a hold rule holds

	KnownID                                         int64
	KnownFlow, KnownAccount, KnownFile, KnownTarget string
	KnownLine, KnownRevision                        int64
	KnownState                                      payment.State
	KnownCode, KnownMessage, KnownFingerprint       string
	KnownPaymentID, KnownIdentity, KnownPart        string
	Part                                            string // of the staged one; it differs from KnownPart where one is whole and the other is not
	SameFile                                        bool
	KnownAt                                         int64
}

// Matches finds what is known of the staged instructions of a file with ids in (after, upto]: the same identity in the
// same namespace, earlier in the same file or in a file that was accepted. Ordered by staged id, then known id.
func (j *Journal) Matches(ctx context.Context, f *File, after, upto int64) (list []Match, err error) {
	const columns = `SELECT s.id, s.row_id, s.kind, s.operation, s.reference, s.fingerprint, CASE WHEN s.identity LIKE 'k|%' THEN 1 ELSE 0 END, CASE WHEN s.state = 'held' THEN 1 ELSE 0 END,
 k.id, k.flow, k.account, kf.name, k.line, k.revision, k.state, k.code, k.message, k.fingerprint, k.payment_id, k.identity, k.part, s.part, CASE WHEN k.file_id = s.file_id THEN 1 ELSE 0 END, kf.received_at FROM instruction s `
	const where = ` JOIN file kf ON kf.id = k.file_id WHERE s.file_id = ? AND s.id > ? AND s.id <= ? AND k.namespace = s.namespace
 AND (k.file_id = s.file_id AND k.id < s.id OR k.file_id <> s.file_id AND kf.judged = 1) `
	for _, q := range []string{
		columns + "JOIN instruction k ON k.lane = s.lane AND (k.part = s.part OR k.part = '' OR s.part = '') AND k.kind = s.kind" + where + "AND s.kind = 'request' ORDER BY s.id, k.id",
		columns + "JOIN instruction k ON k.identity = s.identity AND k.identity <> ''" + where + "AND s.kind = 'operation' ORDER BY s.id, k.id",
	} {
		err := j.each(ctx, q, []any{f.ID, after, upto}, func(r Record) error {
			var m Match
			var name []byte
			err := r.Scan(&m.ID, &m.RowID, &m.Kind, &m.Operation, &m.Reference, &m.Fingerprint, &m.Keyed, &m.Held,
				&m.KnownID, &m.KnownFlow, &m.KnownAccount, &name, &m.KnownLine, &m.KnownRevision, &m.KnownState, &m.KnownCode, &m.KnownMessage, &m.KnownFingerprint, &m.KnownPaymentID, &m.KnownIdentity, &m.KnownPart, &m.Part, &m.SameFile, &m.KnownAt)
			m.KnownFile = string(name)
			list = append(list, m)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return list, nil
}

// StagedRange gives the first and last instruction of a staged file; 0, 0 when it has none.
func (j *Journal) StagedRange(ctx context.Context, file int64) (first, last int64, err error) {
	var a, b sql.NullInt64
	err = j.one(ctx, "SELECT min(id), max(id) FROM instruction WHERE file_id = ?", file).Scan(&a, &b)
	return a.Int64, b.Int64, err
}

// Verdict is what became of a staged document once it was held against what is known.
type Verdict struct {
	Document      int64  // id of its first row
	State         string // RowRejected, RowDuplicate, RowHeld; RowAccepted keeps it
	Code, Message string
	Again         bool // what goes on, now or once it is released, is the next revision of what is known: a key of its own
	RevisionOf    int64
	Replaces      bool // RevisionOf is open and is cancelled first; what goes on waits for that
}

// Judge applies verdicts to staged documents. What is not to be sent loses its instructions: only rows that were taken
// count as known.
func (tx *Tx) Judge(f *File, verdicts []Verdict) error {
	for _, v := range verdicts {
		if v.State != RowAccepted {
			if _, err := tx.exec("UPDATE row SET state = ?, code = ?, message = ? WHERE document = ? AND file_id = ?", v.State, v.Code, v.Message, v.Document, f.ID); err != nil {
				return err
			}
		}
		var err error
		switch v.State {
		case RowHeld:
			_, err = tx.exec("UPDATE instruction SET state = 'held', code = ?, message = ? WHERE row_id = ? AND file_id = ?", v.Code, v.Message, v.Document, f.ID)
		case RowRejected, RowDuplicate:
			_, err = tx.exec("DELETE FROM instruction WHERE row_id = ? AND file_id = ?", v.Document, f.ID)
		}
		if err != nil {
			return err
		}
		if v.Again && (v.State == RowAccepted || v.State == RowHeld) {
			if err := tx.revise(f, v); err != nil {
				return err
			}
			if v.Replaces {
				if err := tx.Wait(f, v.Document); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// revise makes the staged instructions of a document the next revisions of what has the same key otherwise, in any file
// or flow of the account, staged ones included: no two instructions ever share a key.
func (tx *Tx) revise(f *File, v Verdict) error {
	var list []int64
	err := tx.each("SELECT id FROM instruction WHERE row_id = ? AND file_id = ?", []any{v.Document, f.ID}, func(r Record) error {
		var id int64
		err := r.Scan(&id)
		list = append(list, id)
		return err
	})
	if err != nil {
		return err
	}
	for _, id := range list {
		it, err := tx.Item(id)
		if err != nil {
			return err
		}
		if it.Revision, err = tx.freeRevision(&it); err != nil {
			return err
		}
		if _, err := tx.exec("UPDATE instruction SET revision = ?, key = ?, revision_of = ? WHERE id = ?", it.Revision, payment.NewKey(&it.Instruction), v.RevisionOf, id); err != nil {
			return err
		}
	}
	return nil
}

// freeRevision is the first revision whose key nothing else has.
func (tx *Tx) freeRevision(it *Item) (revision int, err error) {
	if it.Kind == payment.Request {
		err = tx.one("SELECT coalesce(max(revision), -1) + 1 FROM instruction WHERE lane = ? AND part = ? AND kind = 'request' AND account = ? AND namespace = ? AND id <> ?",
			it.Lane, it.Part, it.Account, it.Namespace, it.ID).Scan(&revision)
	} else {
		err = tx.one("SELECT coalesce(max(revision), -1) + 1 FROM instruction WHERE identity = ? AND identity <> '' AND account = ? AND namespace = ? AND id <> ?",
			payment.Identity(&it.Instruction), it.Account, it.Namespace, it.ID).Scan(&revision)
	}
	return revision, err
}

// Spoil rejects every row of a staged file that was good, and drops its instructions: reject_file, failed controls.
func (tx *Tx) Spoil(f *File, code, message string) error {
	if _, err := tx.exec("UPDATE row SET state = 'rejected', code = ?, message = ? WHERE file_id = ? AND state IN ('accepted', 'held')", code, message, f.ID); err != nil {
		return err
	}
	_, err := tx.exec("DELETE FROM instruction WHERE file_id = ?", f.ID)
	return err
}

// summed sums amounts in two halves: the engine fails where a sum of its own is beyond 64 bits, and a file that says so must be
// answered like any other. sumOf puts them together.
const summed = "coalesce(sum(amount / 1000000000), 0), coalesce(sum(amount % 1000000000), 0)"

// beyond is what larger sums of amounts count as, in minor units: three of them still go into an int64.
const beyond = math.MaxInt64 / 4

func sumOf(high, low int64) int64 {
	const half = 1_000_000_000
	if high += low / half; high >= beyond/half || high <= -beyond/half {
		return beyond * int64(cmp.Compare(high, 0))
	}
	return high*half + low%half
}

// Total is the sum of accepted instructions of one currency.
type Total struct {
	Currency   string
	Minor, Max int64 // minor units
	Count      int64
}

// Totals sums the accepted instructions of a staged file by currency, with those that go on by themselves once their
// target is known. It sorts nothing: a million rows take no memory.
func (j *Journal) Totals(ctx context.Context, file int64) (list []Total, err error) {
	const sums, of = "SELECT coalesce(min(currency), ''), coalesce(max(currency), ''), " + summed + ", coalesce(max(amount), 0), count(*)",
		` FROM instruction WHERE file_id = ? AND (state = 'accepted' OR state = 'held' AND code = 'NV-1407') AND finished = 0 AND amount IS NOT NULL`
	var all Total
	other, high, low := "", int64(0), int64(0)
	if err := j.one(ctx, sums+of, file).Scan(&all.Currency, &other, &high, &low, &all.Max, &all.Count); err != nil || all.Count == 0 {
		return nil, err
	}
	all.Minor = sumOf(high, low)
	if all.Currency == other { // as in nearly every file
		return []Total{all}, nil
	}
	err = j.each(ctx, "SELECT DISTINCT currency"+of, []any{file}, func(r Record) error {
		var t Total
		err := r.Scan(&t.Currency)
		list = append(list, t)
		return err
	})
	if err != nil {
		return nil, err
	}
	for i := range list {
		t := &list[i]
		if err := j.one(ctx, sums+of+" AND currency = ?", file, t.Currency).Scan(&t.Currency, &other, &high, &low, &t.Max, &t.Count); err != nil {
			return nil, err
		}
		t.Minor = sumOf(high, low)
	}
	slices.SortFunc(list, func(a, b Total) int { return strings.Compare(a.Currency, b.Currency) })
	return list, nil
}

// CountRows counts the rows of a file by state, likewise without sorting them.
func (j *Journal) CountRows(ctx context.Context, file int64) (map[string]int64, error) {
	states := [...]string{RowAccepted, RowHeld, RowRejected, RowSkipped, RowDuplicate}
	var n [len(states)]int64
	err := j.one(ctx, `SELECT count(*) FILTER (WHERE state = 'accepted'), count(*) FILTER (WHERE state = 'held'), count(*) FILTER (WHERE state = 'rejected'),
 count(*) FILTER (WHERE state = 'skipped'), count(*) FILTER (WHERE state = 'duplicate') FROM row WHERE file_id = ?`, file).Scan(&n[0], &n[1], &n[2], &n[3], &n[4])
	counts := map[string]int64{}
	for i, s := range states {
		counts[s] = n[i]
	}
	return counts, err
}

// appendBody and its kin write named texts as netstrings, empty ones left out: quick, and readable in a pinch.
func appendBody(b []byte, in *payment.Instruction) []byte {
	for _, p := range [...][2]string{{"due_on", in.DueOn}, {"issued_on", in.IssuedOn}, {"expires_on", in.ExpiresOn}, {"label", in.Label}, {"channel", in.Channel}, {"method", in.Method},
		{"shop", in.Shop}, {"capture", in.Capture.Mode}, {"delay", itoa(in.Capture.DelayDays)}, {"payment_id", in.PaymentID}, {"transaction_id", in.TransactionID}, {"key", in.ERPKey}, {"date", in.Date}, {"reason", in.Reason}} {
		b = appendPair(b, p[0], p[1])
	}
	for _, p := range in.Metadata {
		b = appendPair(b, "m."+p.Name, p.Value)
	}
	return b
}

func decodeBody(b []byte, in *payment.Instruction) {
	eachPair(b, func(name, value string) {
		switch name {
		case "due_on":
			in.DueOn = value
		case "issued_on":
			in.IssuedOn = value
		case "expires_on":
			in.ExpiresOn = value
		case "label":
			in.Label = value
		case "channel":
			in.Channel = value
		case "method":
			in.Method = value
		case "shop":
			in.Shop = value
		case "capture":
			in.Capture.Mode = value
		case "delay":
			in.Capture.DelayDays = atoi(value)
		case "payment_id":
			in.PaymentID = value
		case "transaction_id":
			in.TransactionID = value
		case "key":
			in.ERPKey = value
		case "date":
			in.Date = value
		case "reason":
			in.Reason = value
		default:
			if m, ok := strings.CutPrefix(name, "m."); ok {
				in.Metadata = append(in.Metadata, payment.Pair{Name: m, Value: value})
			}
		}
	})
}

func encodeBody(in *payment.Instruction) []byte { return appendBody(make([]byte, 0, 256), in) }

func appendCustomer(b []byte, c *payment.Customer) []byte {
	for _, p := range [...][2]string{{"id", c.ID}, {"name", c.Name}, {"email", c.Email}, {"phone", c.Phone}, {"language", c.Language}, {"siren", c.SIREN}} {
		b = appendPair(b, p[0], p[1])
	}
	for _, p := range c.Address {
		b = appendPair(b, "a."+p.Name, p.Value)
	}
	return b
}

func decodeCustomer(b []byte, c *payment.Customer) {
	eachPair(b, func(name, value string) {
		switch name {
		case "id":
			c.ID = value
		case "name":
			c.Name = value
		case "email":
			c.Email = value
		case "phone":
			c.Phone = value
		case "language":
			c.Language = value
		case "siren":
			c.SIREN = value
		default:
			if a, ok := strings.CutPrefix(name, "a."); ok {
				c.Address = append(c.Address, payment.Pair{Name: a, Value: value})
			}
		}
	})
}
