package journal

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strconv"
)

// Purging removes what is older than its class: the personal data of rows, and kept bytes. Only what is finished and
// published goes. Events and the chain over them stay: taking the oldest away would cut the chain's beginning.

// over says that a file asks for nothing more, or that its rows' data does not depend on it any more.
const over = "f.state IN ('done', 'rejected', 'duplicate', 'superseded', 'gone')"

// quiet says of the document with the id r.document that nothing can happen to it any more and nothing did since a time: one
// argument.
const quiet = `NOT EXISTS (SELECT 1 FROM instruction i WHERE i.row_id = r.document AND (i.state IN ('accepted', 'held', 'sending', 'uncertain', 'pending', 'open', 'authorised', 'partially_paid')
 OR EXISTS (SELECT 1 FROM event e WHERE e.instruction_id = i.id AND e.recorded_at >= ?)))`

// Stock is what a class of retention has to remove.
type Stock struct {
	Files, Rows    int64 // whose personal data goes
	Objects, Bytes int64 // of the spool
	Kept           int64 // rows of old files that stay: they may still be paid, or something happened to them lately
	Events         int64 // older than the journal's class: told, never removed
}

// OldPersonal counts the rows whose personal data is older than before (microseconds).
func (j *Journal) OldPersonal(ctx context.Context, before int64) (s Stock, err error) {
	const from = " FROM file f JOIN row r ON r.file_id = f.id JOIN personal p ON p.row_id = r.document WHERE " + over + ` AND f.received_at < ?
 AND NOT EXISTS (SELECT 1 FROM erased x WHERE x.what = 'f' || f.id) AND (p.customer IS NULL OR p.customer <> ?) AND `
	if err := j.one(ctx, "SELECT count(DISTINCT f.id), count(*)"+from+quiet, before, blanked, before).Scan(&s.Files, &s.Rows); err != nil {
		return s, err
	}
	err = j.one(ctx, "SELECT count(*)"+from+"NOT "+quiet, before, blanked, before).Scan(&s.Kept)
	return s, err
}

// OldFile finds the next file behind after whose personal data is older than before; 0: there is none. done tells that it
// was purged whole already.
func (j *Journal) OldFile(ctx context.Context, after, before int64) (id int64, done bool, err error) {
	err = j.one(ctx, "SELECT f.id, EXISTS (SELECT 1 FROM erased x WHERE x.what = 'f' || f.id) FROM file f WHERE f.id > ? AND "+over+" AND f.received_at < ? ORDER BY f.id LIMIT 1", after, before).Scan(&id, &done)
	if err == ErrMissing {
		return 0, false, nil
	}
	return id, done, err
}

// PurgeRows blanks up to limit documents of a file behind the row after that are quiet since before. It returns how many
// rows, how many documents were left as they are, and the last one looked at (0: the file has no more).
func (tx *Tx) PurgeRows(file, after, before int64, limit int, strip Strip) (rows, left, last int64, err error) {
	var all, docs []int64
	err = tx.each("SELECT r.id FROM row r WHERE r.file_id = ? AND r.id > ? AND r.document = r.id ORDER BY r.id LIMIT ?", []any{file, after, limit}, func(r Record) error {
		var id int64
		err := r.Scan(&id)
		all = append(all, id)
		return err
	})
	if err != nil || len(all) == 0 {
		return 0, 0, 0, err
	}
	last = all[len(all)-1]
	err = tx.each("SELECT r.id FROM row r JOIN personal p ON p.row_id = r.id WHERE r.file_id = ? AND r.id > ? AND r.id <= ? AND r.document = r.id AND (p.customer IS NULL OR p.customer <> ?) AND "+quiet,
		[]any{file, after, last, blanked, before}, func(r Record) error {
			var id int64
			err := r.Scan(&id)
			docs = append(docs, id)
			return err
		})
	if err != nil {
		return 0, 0, 0, err
	}
	var done int64
	if err := tx.one("SELECT count(*) FROM personal WHERE row_id IN (SELECT r.id FROM row r WHERE r.file_id = ? AND r.id > ? AND r.id <= ?) AND customer = ?", file, after, last, blanked).Scan(&done); err != nil {
		return 0, 0, 0, err
	}
	left = int64(len(all)-len(docs)) - done
	for part := range slices.Chunk(docs, parts) {
		n, err := tx.blank(part, strip)
		if err != nil {
			return 0, 0, 0, err
		}
		rows += n
	}
	if len(docs) > 0 {
		err = tx.SetMeta(metaScrub, "1")
	}
	return rows, left, last, err
}

// Purged notes that the personal data of a file is gone as a whole, and blanks what is kept of the file itself.
func (tx *Tx) Purged(file int64, strip Strip) error {
	f, err := tx.File(file)
	if err != nil {
		return err
	}
	if err := tx.blankFile(&f, strip); err != nil {
		return err
	}
	_, err = tx.exec("INSERT INTO erased VALUES (?, ?, ?, ?) ON CONFLICT (what) DO NOTHING", fmt.Sprintf("f%d", file), ErasedRetention, tx.Now, tx.Now)
	return err
}

// PurgedUpTo notes under a name of meta that a file is purged and every one before it, as far as nothing older is still
// unfinished.
func (tx *Tx) PurgedUpTo(name string, file int64) error {
	var live sql.NullInt64
	if err := tx.one("SELECT min(f.id) FROM file f WHERE f.state NOT IN ('done', 'rejected', 'duplicate', 'superseded', 'gone')").Scan(&live); err != nil {
		return err
	}
	if live.Valid && live.Int64 < file {
		return nil
	}
	return tx.SetMeta(name, strconv.FormatInt(file, 10))
}

// Two sorts of kept bytes grow old: sources and returns. Bytes stay while anything younger or unfinished has the same.
var oldBytes = [...]string{
	"SELECT f.id, f.sha256, f.size FROM file f WHERE f.id > ? AND f.received_at < ? AND f.sha256 <> '' AND " + over,
	"SELECT d.id, d.sha256, d.length FROM delivery d WHERE d.id > ? AND d.state = 'published' AND d.published_at < ? AND NOT EXISTS (SELECT 1 FROM file f WHERE f.id = d.file_id AND NOT (" + over + "))",
}

const unneeded = `SELECT NOT EXISTS (SELECT 1 FROM erased WHERE what = ?)
 AND NOT EXISTS (SELECT 1 FROM file f WHERE f.sha256 = ? AND (f.received_at >= ? OR NOT (` + over + `)))
 AND NOT EXISTS (SELECT 1 FROM delivery d WHERE d.sha256 = ? AND (d.state = 'fixed' OR d.published_at >= ? OR EXISTS (SELECT 1 FROM file f WHERE f.id = d.file_id AND NOT (` + over + `))))`

// Old is one entry whose bytes are older than their class.
type Old struct {
	ID     int64
	SHA256 string
	Bytes  int64
}

// OldBytes passes the digests of sources (sort 0) or returns (sort 1) behind an id that are older than before and that
// nothing younger or unfinished needs, at most about limit of them; it returns the last id looked at, 0 when there is no more.
func (j *Journal) OldBytes(ctx context.Context, sort int, after, before int64, limit int, to func(Old) error) (last int64, err error) {
	var list []Old
	err = j.each(ctx, oldBytes[sort]+" ORDER BY 1 LIMIT ?", []any{after, before, limit}, func(r Record) error {
		var o Old
		err := r.Scan(&o.ID, &o.SHA256, &o.Bytes)
		list = append(list, o)
		return err
	})
	if err != nil || len(list) == 0 {
		return 0, err
	}
	for _, o := range list {
		var free bool
		if err := j.one(ctx, unneeded, o.SHA256, o.SHA256, before, o.SHA256, before).Scan(&free); err != nil {
			return 0, err
		}
		if free {
			if err := to(o); err != nil {
				return 0, err
			}
		}
	}
	return list[len(list)-1].ID, nil
}

// PurgeBytes notes old bytes as erased, unless something needs them by now; it returns how many it noted.
func (tx *Tx) PurgeBytes(list []Old, before int64) (n, bytes int64, err error) {
	for _, o := range list {
		var free bool
		if err := tx.one(unneeded, o.SHA256, o.SHA256, before, o.SHA256, before).Scan(&free); err != nil {
			return 0, 0, err
		}
		if !free {
			continue
		}
		if _, err := tx.exec("INSERT INTO erased VALUES (?, ?, ?, 0)", o.SHA256, ErasedRetention, tx.Now); err != nil {
			return 0, 0, err
		}
		n, bytes = n+1, bytes+o.Bytes
	}
	return n, bytes, nil
}

// OldEvents counts the events recorded before a time.
func (j *Journal) OldEvents(ctx context.Context, before int64) (n int64, err error) {
	err = j.one(ctx, "SELECT count(*) FROM event WHERE recorded_at < ?", before).Scan(&n)
	return n, err
}

// Named tells whether a file or a return of the journal has the bytes of a digest.
func (j *Journal) Named(ctx context.Context, digest string) (bool, error) {
	var named bool
	err := j.one(ctx, "SELECT EXISTS (SELECT 1 FROM file WHERE sha256 = ?) OR EXISTS (SELECT 1 FROM delivery WHERE sha256 = ?)", digest, digest).Scan(&named)
	return named, err
}
