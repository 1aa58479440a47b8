package journal

import (
	"context"
	"errors"
)

// ErrEngine is told where the database engine's own tools do what is asked.
var ErrEngine = errors.New("this is for journals in SQLite; PostgreSQL has tools of its own (pg_dump, pg_restore)")

// Care is what an engine does for the care of a journal.
type Care struct {
	Check func(ctx context.Context) (wrong []string, err error) // the whole database file, page by page
	Copy  func(ctx context.Context, file string) error          // a consistent copy into an empty file, beside the writer
	Scrub func(ctx context.Context) error                       // overwrites what was deleted, in every file of the engine
}

// Check reads the whole database and tells what is damaged.
func (j *Journal) Check(ctx context.Context) ([]string, error) {
	if j.d.Care == nil {
		return nil, ErrEngine
	}
	return j.d.Care.Check(ctx)
}

// Copy writes a consistent copy of the journal into an empty file, while its owner goes on.
func (j *Journal) Copy(ctx context.Context, file string) error {
	if j.d.Care == nil {
		return ErrEngine
	}
	return j.d.Care.Copy(ctx, file)
}

// Scrub leaves nothing in the engine's files of what was deleted from the journal.
func (j *Journal) Scrub(ctx context.Context) error {
	if j.d.Care == nil {
		return nil
	}
	return j.d.Care.Scrub(ctx)
}

// grown are the tables that only ever grow: a copy that has less of one is no copy.
var grown = [...]string{"file", "event", "chain", "delivery", "command"}

// Counts tells how many entries each table has that only ever grows.
func (j *Journal) Counts(ctx context.Context) (map[string]int64, error) {
	counts := map[string]int64{}
	for _, t := range grown {
		var n int64
		if err := j.one(ctx, "SELECT count(*) FROM "+t).Scan(&n); err != nil {
			return nil, err
		}
		counts[t] = n
	}
	return counts, nil
}

// Sums lists every digest under which the journal expects bytes in the spool, once each, with who needs it first: "f12",
// "d7".
func (j *Journal) Sums(ctx context.Context, to func(digest, owner string) error) error {
	for _, q := range []string{
		"SELECT sha256, 'f' || min(id) FROM file WHERE sha256 <> '' GROUP BY sha256",
		"SELECT sha256, 'd' || min(id) FROM delivery d WHERE sha256 <> '' AND NOT EXISTS (SELECT 1 FROM file f WHERE f.sha256 = d.sha256) GROUP BY sha256",
	} {
		err := j.each(ctx, q, nil, func(r Record) error {
			var digest, owner string
			if err := r.Scan(&digest, &owner); err != nil {
				return err
			}
			return to(digest, owner)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Erased tells whether the bytes of a digest, or the personal data of a file ("f12"), were erased on purpose. Bytes that
// came again since are not.
func (j *Journal) Erased(ctx context.Context, what string) (bool, error) {
	var n int64
	err := j.one(ctx, "SELECT count(*) FROM erased WHERE what = ?", what).Scan(&n)
	return n > 0, err
}

// Erased is Journal.Erased within a write.
func (tx *Tx) Erased(what string) (bool, error) {
	var n int64
	err := tx.one("SELECT count(*) FROM erased WHERE what = ?", what).Scan(&n)
	return n > 0, err
}
