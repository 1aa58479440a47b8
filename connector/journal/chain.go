package journal

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"iter"
	"strconv"
)

// The chain makes a silent edit of the journal visible: each group of events that was appended together has one record,
// digest = sha256(digest of the record before, then every column of its events that never changes, as netstrings). `tell`
// is left out: it is set later. Whoever can write the database can make the whole chain anew, so the newest digest, which
// `verify` shows, is worth noting elsewhere.

// chained are the columns under the chain, in their order.
const chained = "id, instruction_id, flow, account, word, state, previous, amount, currency, moved, method, payment_id, transaction_id, occurred_at, recorded_at, code, reason, psp_event, psp_state"

// link adds the record of events that were just appended.
func (tx *Tx) link(list []Event) error {
	var before string
	if err := tx.one("SELECT digest FROM chain ORDER BY id DESC LIMIT 1").Scan(&before); err != nil && !errors.Is(err, ErrMissing) {
		return err
	}
	h := newLink(before)
	for i := range list {
		h.add(&list[i])
	}
	_, err := tx.exec("INSERT INTO chain VALUES (?, ?, ?)", list[len(list)-1].ID, list[0].ID, h.sum())
	return err
}

// linking digests one record of the chain.
type linking struct {
	h hash.Hash
	b []byte
}

func newLink(before string) *linking {
	l := &linking{h: sha256.New(), b: make([]byte, 0, 512)}
	l.text(before)
	return l
}

func (l *linking) text(s string) {
	l.b = strconv.AppendInt(l.b, int64(len(s)), 10)
	l.b = append(append(append(l.b, ':'), s...), ',')
}

func (l *linking) number(n int64) { l.b = append(strconv.AppendInt(l.b, n, 10), ',') }

// add takes one event; the order is that of chained.
func (l *linking) add(e *Event) {
	l.number(e.ID)
	l.number(e.InstructionID)
	for _, s := range [...]string{e.Flow, e.Account, e.Word, string(e.State), string(e.Previous)} {
		l.text(s)
	}
	if e.Amount.IsZero() {
		l.b = append(l.b, '-', ',')
	} else {
		l.number(e.Amount.Minor)
	}
	l.text(e.Amount.Currency)
	l.number(e.Moved)
	for _, s := range [...]string{e.Method, e.PaymentID, e.TransactionID} {
		l.text(s)
	}
	l.number(e.OccurredAt)
	l.number(e.RecordedAt)
	for _, s := range [...]string{e.Code, e.Reason, e.PSPEvent} {
		l.text(s)
	}
	if e.PSPState != "" { // the events of before have none, and their digests stand
		l.text(e.PSPState)
	}
	l.h.Write(l.b) // a hash takes all
	l.b = l.b[:0]
}

func (l *linking) sum() string {
	l.h.Write(l.b)
	return hex.EncodeToString(l.h.Sum(nil))
}

// Chain is what a walk along the chain has found.
type Chain struct {
	Events  int64    // in the journal
	From    int64    // the first event under the chain, 0 = none is
	Records int64    // of the chain
	Last    int64    // the newest event under the chain
	Digest  string   // of the newest record
	Wrong   []string // what does not hold, at most wrongs of them
}

// wrongs bounds how much of what is wrong is told.
const wrongs = 50

// CheckChain walks the whole chain with its events; its memory does not grow with them. Findings are in the Chain, the
// error is that of reading.
func (j *Journal) CheckChain(ctx context.Context) (c Chain, err error) {
	conn, err := j.d.Readers.Take(ctx)
	if err != nil {
		return c, fmt.Errorf("journal: %w", err)
	}
	defer j.d.Readers.Put(conn)
	if _, err := conn.Exec(ctx, "BEGIN"); err != nil { // one moment for everything read below
		return c, fmt.Errorf("journal: %w", err)
	}
	defer func() {
		_, back := conn.Exec(context.WithoutCancel(ctx), "ROLLBACK")
		err = errors.Join(err, back)
	}()
	var last int64
	if err := conn.Each(ctx, "SELECT (SELECT count(*) FROM event), (SELECT value FROM counter WHERE name = 'event')", nil, func(r Record) error { return r.Scan(&c.Events, &last) }); err != nil {
		return c, fmt.Errorf("journal: %w", err)
	}
	w := &walk{Chain: &c}
	var failed error
	next, stop := iter.Pull(func(yield func(Event) bool) {
		failed = conn.Each(ctx, j.d.Bind("SELECT "+chained+" FROM event WHERE id >= coalesce((SELECT min(first) FROM chain), ?) ORDER BY id"), []any{last + 1}, func(r Record) error {
			e, err := w.event(r)
			if err == nil && !yield(e) {
				err = errEnough
			}
			return err
		})
	})
	defer stop()
	w.more = func() (Event, bool, error) {
		e, ok := next()
		return e, ok, failed
	}
	if err := conn.Each(ctx, "SELECT id, first, digest FROM chain ORDER BY id", nil, w.link); err != nil {
		return c, fmt.Errorf("journal: %w", err)
	}
	if err := w.end(); err != nil {
		return c, err
	}
	if c.Records > 0 && c.Last != last {
		w.wrong("the journal has given out event %d, the chain ends with %d: its end was removed", last, c.Last)
	}
	return c, nil
}

// walk goes along the records of the chain and the events beside them.
type walk struct {
	*Chain
	before    string // digest of the record before
	more      func() (Event, bool, error)
	next      Event
	has, done bool
}

func (w *walk) wrong(format string, args ...any) {
	if len(w.Wrong) < wrongs {
		w.Wrong = append(w.Wrong, fmt.Sprintf(format, args...))
	}
}

// link holds one record of the chain against its events.
func (w *walk) link(r Record) error {
	var id, first int64
	var digest string
	if err := r.Scan(&id, &first, &digest); err != nil {
		return err
	}
	if w.Records == 0 {
		w.From = first
	} else if first != w.Last+1 {
		w.wrong("events %d to %d stand under no record of the chain", w.Last+1, first-1)
	}
	w.Records++
	h, n := newLink(w.before), int64(0)
	for {
		if err := w.peek(); err != nil {
			return err
		}
		if !w.has || w.next.ID > id {
			break
		}
		if w.has = false; w.next.ID >= first { // those before first were told above
			h.add(&w.next)
			n++
		}
	}
	switch {
	case n != id-first+1:
		w.wrong("events %d to %d: %d of %d are there", first, id, n, id-first+1)
	case h.sum() != digest:
		w.wrong("events %d to %d are not what was written: one of them, or a record of the chain, was changed", first, id)
	}
	w.before, w.Last, w.Digest = digest, id, digest
	return nil
}

// end looks for events behind the last record.
func (w *walk) end() error {
	if err := w.peek(); err != nil {
		return err
	}
	if w.has && w.Records > 0 {
		w.wrong("events from %d on stand under no record of the chain", w.next.ID)
	}
	return nil
}

// peek has the next event at hand, if there is one.
func (w *walk) peek() (err error) {
	if w.has || w.done {
		return nil
	}
	w.next, w.has, err = w.more()
	w.done = !w.has
	return err
}

func (w *walk) event(r Record) (e Event, err error) {
	var amount sql.NullInt64
	if err := r.Scan(&e.ID, &e.InstructionID, &e.Flow, &e.Account, &e.Word, &e.State, &e.Previous, &amount, &e.Amount.Currency, &e.Moved, &e.Method, &e.PaymentID, &e.TransactionID,
		&e.OccurredAt, &e.RecordedAt, &e.Code, &e.Reason, &e.PSPEvent, &e.PSPState); err != nil {
		return e, fmt.Errorf("journal: event: %w", err)
	}
	e.Amount.Minor = amount.Int64
	if amount.Valid == e.Amount.IsZero() { // an amount of nothing and no amount are told apart by the currency alone
		w.wrong("event %d: its amount was changed", e.ID)
	}
	return e, nil
}
