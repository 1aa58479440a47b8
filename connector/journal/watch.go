package journal

import (
	"context"
)

// SchemaVersion is the schema that this version writes; an older version refuses a journal of a newer one.
func SchemaVersion() int { return len(migrations) }

// Waiting is how many instructions of a flow stand unfinished in one state.
type Waiting struct {
	Flow, Account, State string
	N                    int64
	Oldest               int64 // when the first of their files came, microseconds since 1970
}

// Waiting counts what is unfinished: held, alone or with its file, not sent, in flight, in doubt, pending. Its cost grows with what waits, not
// with what was done.
func (j *Journal) Waiting(ctx context.Context) (list []Waiting, err error) {
	err = j.each(ctx, "SELECT w.flow, w.account, CASE WHEN f.state = 'held' AND w.state = 'accepted' THEN 'held' ELSE w.state END AS stands, sum(w.n), min(f.received_at) "+
		"FROM (SELECT file_id, flow, account, state, count(*) AS n FROM instruction WHERE finished = 0 GROUP BY file_id, flow, account, state) w JOIN file f ON f.id = w.file_id "+
		"GROUP BY w.flow, w.account, stands", nil, func(s Record) error {
		var w Waiting
		err := s.Scan(&w.Flow, &w.Account, &w.State, &w.N, &w.Oldest)
		list = append(list, w)
		return err
	})
	return list, err
}

// Unsettled lists the flows and accounts with files that are not answered whole, with instructions that are not finished, and
// flows with events that no status file has told; an event names no account here.
func (j *Journal) Unsettled(ctx context.Context) (list []Waiting, err error) {
	for _, q := range []string{
		"SELECT flow, account FROM file WHERE state NOT IN ('done', 'rejected', 'duplicate', 'superseded', 'gone') GROUP BY flow, account",
		"SELECT flow, account FROM instruction WHERE finished = 0 GROUP BY flow, account",
		"SELECT w.name, '' FROM flow w WHERE EXISTS (SELECT 1 FROM event e WHERE e.flow = w.name AND e.tell = 1 AND e.id > w.status_mark)",
	} {
		if err := j.each(ctx, q, nil, func(s Record) error {
			var w Waiting
			err := s.Scan(&w.Flow, &w.Account)
			list = append(list, w)
			return err
		}); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// DueCount counts what is due some time for an account, of a kind.
func (j *Journal) DueCount(ctx context.Context, kind, account string) (n int64, err error) {
	err = j.one(ctx, "SELECT count(*) FROM due WHERE account = ? AND kind = ?", account, kind).Scan(&n)
	return n, err
}

// OldestFile is when the oldest file of a flow that is taken and not judged, or held, came; 0 for none.
func (j *Journal) OldestFile(ctx context.Context, flow string) (at int64, err error) {
	err = j.one(ctx, "SELECT coalesce(min(received_at), 0) FROM file WHERE state NOT IN ('done', 'rejected', 'duplicate', 'superseded', 'gone') AND state <> 'accepted' AND flow = ?", flow).Scan(&at)
	return at, err
}

// OldestReturn is when the oldest return of a flow that is not published yet was fixed; 0 for none.
func (j *Journal) OldestReturn(ctx context.Context, flow string) (at int64, err error) {
	err = j.one(ctx, "SELECT coalesce(min(fixed_at), 0) FROM delivery WHERE state = 'fixed' AND flow = ?", flow).Scan(&at)
	return at, err
}

// PublishedAt is when a flow's return of a name was published; 0 when no such return is ours.
func (j *Journal) PublishedAt(ctx context.Context, flow, name string) (at int64, err error) {
	err = j.one(ctx, "SELECT coalesce(max(published_at), 0) FROM delivery WHERE name = ? AND flow = ? AND state = 'published'", []byte(name), flow).Scan(&at)
	return at, err
}

// EventSum is what happened in a flow, of one word and currency.
type EventSum struct {
	Flow, Word, Currency string
	N, Minor             int64 // events, and their amounts in minor units
}

// EventSums adds up the events behind a number, up to another.
func (j *Journal) EventSums(ctx context.Context, after, upto int64) (list []EventSum, err error) {
	err = j.each(ctx, "SELECT flow, word, currency, count(*), "+summed+" FROM event WHERE id > ? AND id <= ? GROUP BY flow, word, currency", []any{after, upto}, func(s Record) error {
		var e EventSum
		var high, low int64
		err := s.Scan(&e.Flow, &e.Word, &e.Currency, &e.N, &high, &low)
		e.Minor = sumOf(high, low)
		list = append(list, e)
		return err
	})
	return list, err
}
