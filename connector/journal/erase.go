package journal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/navette-connect/navette/connector/payment"
)

// Personal data is blanked where it stands, and the bytes that hold it leave the spool. What stays is the accounts' own:
// reference, amount, dates, states, events, and digests (the fingerprint by which a row that comes again is known). Events
// are never touched: the chain over them still holds.

// Reasons of what is noted as erased.
const (
	ErasedPerson    = "person"    // somebody asked for it
	ErasedRetention = "retention" // its time was over
)

// ErrInUse tells that what was to be erased is still needed: see Standing for what.
var ErrInUse = errors.New("still needed")

// blanked stands in personal.customer of a document whose personal data was erased; no reader knows its name.
var blanked = appendPair(nil, "erased", "1")

// Strip are the pure functions that take what is personal out of kept bytes and leave what returns still need.
type Strip struct {
	Fields func([]byte) []byte // of a document
	Layout func([]byte) []byte // of a file
}

// Erasure is what an erasure has found and done.
type Erasure struct {
	Documents, Rows int64
	Files           []File     // those that hold them
	Returns         []Delivery // those that may hold them
	Digests         int        // bytes that leave the spool
}

// inUse makes the error of something that still needs the data; what is r12, f3 or d5.
func inUse(kind byte, id int64, state string) error {
	return &InUseError{fmt.Sprintf("%c%d", kind, id), state}
}

// InUseError names what still needs data that was to be erased.
type InUseError struct {
	ID    string // r12, f3, d5
	State string // where it stands
}

func (e *InUseError) Error() string { return fmt.Sprintf("%s is %s: %v", e.ID, e.State, ErrInUse) }

// Unwrap makes it an ErrInUse.
func (e *InUseError) Unwrap() error { return ErrInUse }

// Erase blanks the documents of rows, and notes the bytes that hold them as erased; they leave the spool by Pending and
// Gone. An InUseError, and nothing is changed, while one of the rows may still be paid or is not finished, a file of theirs
// is not answered, or a return that may hold them is not published.
func (tx *Tx) Erase(rows []int64, strip Strip) (e Erasure, err error) {
	docs, files, err := tx.documents(rows)
	if err != nil {
		return e, err
	}
	if len(docs) == 0 {
		return e, fmt.Errorf("%w: none of the rows", ErrMissing)
	}
	for part := range slices.Chunk(docs, parts) {
		if err := tx.settled(part); err != nil {
			return e, err
		}
	}
	for _, id := range files {
		f, err := tx.File(id)
		if err != nil {
			return e, err
		}
		e.Files = append(e.Files, f)
	}
	if e.Returns, err = tx.holding(e.Files, docs); err != nil {
		return e, err
	}
	digests, err := tx.releasable(&e)
	if err != nil {
		return e, err
	}
	if err := tx.forgetWords(docs); err != nil {
		return e, err
	}
	for part := range slices.Chunk(docs, parts) {
		n, err := tx.blank(part, strip)
		if err != nil {
			return e, err
		}
		e.Rows += n
	}
	for i := range e.Files {
		if err := tx.blankFile(&e.Files[i], strip); err != nil {
			return e, err
		}
	}
	e.Documents, e.Digests = int64(len(docs)), len(digests)
	return e, tx.MarkErased(digests, ErasedPerson)
}

// parts bounds how many numbers one statement takes.
const parts = 500

// documents are those of rows, and the files they are in.
func (tx *Tx) documents(rows []int64) (docs, files []int64, err error) {
	for part := range slices.Chunk(rows, parts) {
		err := tx.list("SELECT DISTINCT document, file_id FROM row WHERE id IN ("+ids(part)+")", func(r Record) error {
			var doc, file int64
			err := r.Scan(&doc, &file)
			docs, files = append(docs, doc), append(files, file)
			return err
		})
		if err != nil {
			return nil, nil, err
		}
	}
	slices.Sort(docs)
	slices.Sort(files)
	return slices.Compact(docs), slices.Compact(files), nil
}

// settled refuses documents of which something may still happen.
func (tx *Tx) settled(docs []int64) error {
	return tx.list("SELECT row_id, state FROM instruction WHERE row_id IN ("+ids(docs)+") ORDER BY id", func(r Record) error {
		var row int64
		var state payment.State
		if err := r.Scan(&row, &state); err != nil {
			return err
		}
		if alive(state) {
			return inUse('r', row, string(state))
		}
		return nil
	})
}

// alive tells that an instruction is not finished, or that its customer may still pay.
func alive(s payment.State) bool { return s.Unfinished() || s.Followed() }

// ended tells that a file asks for nothing more.
func ended(state string) bool {
	return slices.Contains([]string{FileDone, FileRejected, FileDuplicate, FileSuperseded, FileGone}, state)
}

// holding lists the returns that may hold documents: those of their files, and of the returns of events that go by flow
// the batches that told what happened to them.
func (tx *Tx) holding(files []File, docs []int64) (list []Delivery, err error) {
	seen := map[int64]bool{}
	add := func(d Delivery) {
		if !seen[d.ID] {
			seen[d.ID] = true
			list = append(list, d)
		}
	}
	flows := map[string]int64{} // -> when the first of the files came
	for _, f := range files {
		if first, ok := flows[f.Flow]; !ok || f.ReceivedAt < first {
			flows[f.Flow] = f.ReceivedAt
		}
		of, err := tx.deliveries("file_id = ? ORDER BY id", f.ID)
		if err != nil {
			return nil, err
		}
		for _, d := range of {
			add(d)
		}
	}
	var told []int64 // when something happened to the documents
	for part := range slices.Chunk(docs, parts) {
		err := tx.list("SELECT DISTINCT e.recorded_at FROM event e JOIN instruction i ON i.id = e.instruction_id WHERE i.row_id IN ("+ids(part)+")", func(r Record) error {
			var at int64
			err := r.Scan(&at)
			told = append(told, at)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	for flow, first := range flows {
		batches, err := tx.deliveries("flow = ? AND fixed_at >= ? AND (kind LIKE 'event:%' OR kind LIKE 'settlement:%' OR kind LIKE 'daily:%') ORDER BY kind, fixed_at, id", flow, first)
		if err != nil {
			return nil, err
		}
		for _, d := range telling(batches, told) {
			add(d)
		}
	}
	return list, nil
}

// telling picks from returns of events, by kind and time, those that told what was recorded at some times: of each kind
// the first one fixed behind it, and the next, since an event may be recorded while a batch is being written. Daily ones
// that were late are written a day each, so more of them count.
func telling(batches []Delivery, at []int64) (list []Delivery) {
	for begin := 0; begin < len(batches); {
		end := begin
		var fixed []int64 // distinct, ascending
		for ; end < len(batches) && batches[end].Kind == batches[begin].Kind; end++ {
			if n := len(fixed); n == 0 || fixed[n-1] != batches[end].FixedAt {
				fixed = append(fixed, batches[end].FixedAt)
			}
		}
		next := 2
		if strings.HasPrefix(batches[begin].Kind, "daily:") {
			next = 15
		}
		wanted := map[int64]bool{}
		for _, t := range at {
			i, _ := slices.BinarySearch(fixed, t)
			for _, f := range fixed[i:min(i+next, len(fixed))] {
				wanted[f] = true
			}
		}
		for _, d := range batches[begin:end] {
			if wanted[d.FixedAt] {
				list = append(list, d)
			}
		}
		begin = end
	}
	return list
}

// releasable lists the digests of an erasure's files and returns, once nothing needs them any more.
func (tx *Tx) releasable(e *Erasure) ([]string, error) {
	for i := range e.Files {
		f := &e.Files[i]
		if !ended(f.State) && !(f.State == FileAccepted && f.Judged && f.ResultFixed) {
			return nil, inUse('f', f.ID, f.State)
		}
	}
	var digests []string
	for i := range e.Files {
		if d := e.Files[i].SHA256; d != "" {
			digests = append(digests, d)
		}
	}
	for i := range e.Returns {
		digests = append(digests, e.Returns[i].SHA256)
	}
	slices.Sort(digests)
	digests = slices.Compact(digests)
	for _, d := range digests { // the same bytes, dropped again or replayed, or given back elsewhere
		var id int64
		var state string
		err := tx.one("SELECT id, state FROM file WHERE sha256 = ? AND state NOT IN ('done', 'rejected', 'duplicate', 'superseded', 'gone') AND NOT (state = 'accepted' AND judged = 1 AND result_fixed = 1) ORDER BY id LIMIT 1", d).Scan(&id, &state)
		if err == nil {
			return nil, inUse('f', id, state)
		}
		if !errors.Is(err, ErrMissing) {
			return nil, err
		}
		err = tx.one("SELECT id, state FROM delivery WHERE sha256 = ? AND state = 'fixed' ORDER BY id LIMIT 1", d).Scan(&id, &state)
		if err == nil {
			return nil, inUse('d', id, state)
		}
		if !errors.Is(err, ErrMissing) {
			return nil, err
		}
	}
	return digests, nil
}

// blank takes what is personal out of documents: of their rows and of their instructions. It returns how many rows.
func (tx *Tx) blank(docs []int64, strip Strip) (rows int64, err error) {
	type kept struct {
		id           int64
		fields, body []byte
	}
	var heads, parts []kept
	in := "(" + ids(docs) + ")"
	if err := tx.list("SELECT row_id, fields, body FROM personal WHERE row_id IN "+in, func(r Record) error {
		var k kept
		err := r.Scan(&k.id, &k.fields, &k.body)
		heads = append(heads, k)
		return err
	}); err != nil {
		return 0, err
	}
	if err := tx.list("SELECT id, body FROM instruction WHERE body IS NOT NULL AND row_id IN "+in, func(r Record) error {
		var k kept
		err := r.Scan(&k.id, &k.body)
		parts = append(parts, k)
		return err
	}); err != nil {
		return 0, err
	}
	if rows, err = tx.run("UPDATE personal SET raw = NULL, customer = NULL, fields = NULL, body = NULL WHERE row_id IN (SELECT id FROM row WHERE document IN " + in + ")"); err != nil {
		return 0, err
	}
	for _, k := range heads {
		if _, err := tx.exec("UPDATE personal SET customer = ?, fields = ?, body = ? WHERE row_id = ?", blanked, strip.Fields(k.fields), stripBody(k.body), k.id); err != nil {
			return 0, err
		}
	}
	for _, k := range parts {
		if _, err := tx.exec("UPDATE instruction SET body = ? WHERE id = ?", stripBody(k.body), k.id); err != nil {
			return 0, err
		}
	}
	if _, err := tx.run("UPDATE row SET message = '' WHERE message <> '' AND document IN " + in); err != nil {
		return 0, err
	}
	if _, err := tx.run("UPDATE instruction SET message = '' WHERE message <> '' AND row_id IN " + in); err != nil {
		return 0, err
	}
	_, err = tx.run("DELETE FROM stray WHERE (account, payment_id) IN (SELECT i.account, i.payment_id FROM instruction i WHERE i.row_id IN " + in + " AND i.payment_id <> '')")
	return rows, err
}

// blankFile takes what may be personal out of what is kept of a file itself.
func (tx *Tx) blankFile(f *File, strip Strip) error {
	_, err := tx.exec("UPDATE file SET layout = ?, message = '' WHERE id = ?", strip.Layout(f.Layout), f.ID)
	return err
}

// forgetWords takes a customer out of the reasons that people gave.
func (tx *Tx) forgetWords(docs []int64) error {
	var words []string
	for part := range slices.Chunk(docs, parts) {
		if err := tx.list("SELECT customer FROM personal WHERE customer IS NOT NULL AND row_id IN ("+ids(part)+")", func(r Record) error {
			var b []byte
			if err := r.Scan(&b); err != nil {
				return err
			}
			var c payment.Customer
			decodeCustomer(b, &c)
			for _, w := range []string{c.Email, c.Name, c.Phone} {
				if len(w) >= 5 {
					words = append(words, w)
				}
			}
			return nil
		}); err != nil {
			return err
		}
	}
	slices.Sort(words)
	escape := strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`)
	for _, w := range slices.Compact(words) {
		like := "%" + escape.Replace(strings.ToLower(w)) + "%"
		for _, q := range []string{`UPDATE command SET reason = '***' WHERE lower(reason) LIKE ? ESCAPE '\'`, `UPDATE approval SET reason = '***' WHERE lower(reason) LIKE ? ESCAPE '\'`} {
			if _, err := tx.exec(q, like); err != nil {
				return err
			}
		}
	}
	return nil
}

// stripBody keeps of an instruction's body what the accounts and the PSP know it by.
func stripBody(b []byte) []byte {
	if b == nil {
		return nil
	}
	kept := []byte{}
	eachPair(b, func(name, value string) {
		if slices.Contains([]string{"due_on", "issued_on", "expires_on", "channel", "method", "capture", "delay", "payment_id", "transaction_id", "key", "date"}, name) {
			kept = appendPair(kept, name, value)
		}
	})
	return kept
}

// Blanked tells whether the personal data of a document was erased: it can never be sent again.
func (tx *Tx) Blanked(document int64) (bool, error) {
	return isBlanked(tx.one("SELECT customer FROM personal WHERE row_id = ?", document))
}

// Blanked tells whether the personal data of a document was erased.
func (j *Journal) Blanked(ctx context.Context, document int64) (bool, error) {
	return isBlanked(j.one(ctx, "SELECT customer FROM personal WHERE row_id = ?", document))
}

func isBlanked(s scanner) (bool, error) {
	var customer []byte
	err := s.Scan(&customer)
	if errors.Is(err, ErrMissing) {
		return false, nil
	}
	return bytes.Equal(customer, blanked), err
}

// MarkErased notes bytes as erased on purpose; they leave the spool by Pending and Gone.
func (tx *Tx) MarkErased(digests []string, why string) error {
	for _, d := range digests {
		if _, err := tx.exec("INSERT INTO erased VALUES (?, ?, ?, 0) ON CONFLICT (what) DO UPDATE SET why = excluded.why, at = excluded.at, gone = 0", d, why, tx.Now); err != nil {
			return err
		}
	}
	return tx.SetMeta(metaScrub, "1")
}

// metaScrub says that the engine's files may still hold what was deleted.
const metaScrub = "scrub"

// kept voids what was erased: the same bytes have come again.
func (tx *Tx) kept(digest string) error {
	_, err := tx.exec("DELETE FROM erased WHERE what = ?", digest)
	return err
}

// Pending lists digests whose bytes are to leave the spool.
func (j *Journal) Pending(ctx context.Context, limit int) (list []string, err error) {
	err = j.each(ctx, "SELECT what FROM erased WHERE gone = 0 ORDER BY what LIMIT ?", []any{limit}, func(r Record) error {
		var d string
		err := r.Scan(&d)
		list = append(list, d)
		return err
	})
	return list, err
}

// Leaving tells whether the bytes of a digest are still to leave the spool: they were erased and did not come again.
func (j *Journal) Leaving(ctx context.Context, digest string) (bool, error) {
	var n int64
	err := j.one(ctx, "SELECT count(*) FROM erased WHERE what = ? AND gone = 0", digest).Scan(&n)
	return n > 0, err
}

// Gone notes that bytes have left the spool.
func (tx *Tx) Gone(digests []string) error {
	for _, d := range digests {
		if _, err := tx.exec("UPDATE erased SET gone = ? WHERE what = ? AND gone = 0", tx.Now, d); err != nil {
			return err
		}
	}
	return nil
}

// Scrubbed overwrites what was deleted in every file of the engine, if anything was. An error while somebody reads: try
// again.
func (j *Journal) Scrubbed(ctx context.Context) error {
	todo, err := j.Meta(ctx, metaScrub)
	if err != nil || todo == "" {
		return err
	}
	if err := j.Scrub(ctx); err != nil {
		return err
	}
	return j.Do(ctx, func(tx *Tx) error { return tx.SetMeta(metaScrub, "") })
}

// Unscrubbed tells whether anything of an erasure is still to be done.
func (j *Journal) Unscrubbed(ctx context.Context) (bool, error) {
	var n int64
	err := j.one(ctx, "SELECT (SELECT count(*) FROM erased WHERE gone = 0) + (SELECT count(*) FROM meta WHERE name = 'scrub' AND value <> '')").Scan(&n)
	return n > 0, err
}

func (tx *Tx) deliveries(where string, args ...any) (list []Delivery, err error) {
	err = tx.each("SELECT "+deliveryColumns+" FROM delivery WHERE "+where, args, func(r Record) error {
		var d Delivery
		err := d.scan(r)
		list = append(list, d)
		return err
	})
	return list, err
}

// list is each for a query with numbers of ours in it.
func (tx *Tx) list(query string, to func(Record) error) error {
	_, err := tx.direct(query, nil, to)
	return err
}

// run is list for what returns no rows; it tells how many it changed.
func (tx *Tx) run(query string) (int64, error) { return tx.direct(query, nil, nil) }
