package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/navette-connect/navette/connector/journal"
)

// busy is how long a statement waits for a lock that another process holds.
const busy = 10 * time.Second

// keep is how many bytes a statement's arguments, and the row at hand, may hold on to once they are of no use.
const keep = 64 << 10

// conn is one connection. The engine is called without database/sql between: that and its locks cost as much again.
type conn struct {
	*sqlite.Conn
	kept map[string]*kept // nil: it is closed, and the engine would not bear to be asked
	raw  []byte           // of the row at hand: what sql.RawBytes show
}

// kept is a prepared statement.
type kept struct {
	*sqlite.Stmt
	busy bool
}

// dial opens a connection to a file: URI and runs the pragmas.
func dial(ctx context.Context, uri string, pragmas ...string) (*conn, error) {
	c, err := sqlite.OpenConn(uri, sqlite.OpenReadWrite, sqlite.OpenCreate, sqlite.OpenURI)
	if err != nil {
		return nil, err
	}
	c.SetBusyTimeout(busy)
	db := &conn{Conn: c, kept: map[string]*kept{}}
	for _, p := range pragmas {
		if _, err := db.Direct(ctx, "PRAGMA "+p, nil, nil); err != nil {
			return nil, errors.Join(err, c.Close())
		}
	}
	return db, nil
}

// Close is that of journal.Conn.
func (c *conn) Close() error {
	c.kept = nil
	return c.Conn.Close()
}

// Exec is that of journal.Conn.
func (c *conn) Exec(ctx context.Context, query string, args ...any) (int64, error) {
	if err := c.Each(ctx, query, args, nothing); err != nil {
		return 0, err
	}
	return int64(c.Changes()), nil
}

// Each is that of journal.Conn.
func (c *conn) Each(ctx context.Context, query string, args []any, to func(journal.Record) error) error {
	s := c.kept[query]
	if c.kept == nil {
		return journal.ErrClosed
	}
	if s == nil {
		stmt, err := c.Prepare(query)
		if err != nil {
			return err
		}
		s = &kept{Stmt: stmt}
		c.kept[query] = s
	}
	if s.busy { // a function that gets its rows asks it again
		return c.once(ctx, query, args, to)
	}
	s.busy = true
	defer func() { s.busy = false }()
	return c.run(ctx, s.Stmt, args, to)
}

// Direct is that of journal.Conn. No other statement of the connection may be under way if ctx can be cancelled: the
// engine stops them all.
func (c *conn) Direct(ctx context.Context, query string, args []any, to func(journal.Record) error) (int64, error) {
	if c.kept == nil {
		return 0, journal.ErrClosed
	}
	if ctx.Done() != nil {
		c.SetInterrupt(ctx.Done())
		defer c.SetInterrupt(nil)
	}
	if to == nil {
		to = nothing
	}
	if err := c.once(ctx, query, args, to); err != nil {
		return 0, err
	}
	return int64(c.Changes()), nil
}

func nothing(journal.Record) error { return nil }

// once prepares a statement, runs it and forgets it.
func (c *conn) once(ctx context.Context, query string, args []any, to func(journal.Record) error) (err error) {
	s, rest, err := c.PrepareTransient(query)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Finalize()) }()
	if rest > 0 {
		return fmt.Errorf("more than one statement in %.80s", query)
	}
	return c.run(ctx, s, args, to)
}

// run steps through a statement from its beginning to its end.
func (c *conn) run(ctx context.Context, s *sqlite.Stmt, args []any, to func(journal.Record) error) (err error) {
	if n := s.BindParamCount(); n != len(args) {
		return fmt.Errorf("%d arguments for %d parameters", len(args), n)
	}
	long := 0
	for i, a := range args {
		n, err := bind(s, i+1, a)
		if err != nil {
			return err
		}
		long += n
	}
	defer func() {
		back := s.Reset()
		if long > keep { // always would cost a twentieth of all work: the engine plans some statements anew
			back = errors.Join(back, s.ClearBindings())
		}
		if err == nil { // else it says the same again
			err = back
		}
		if cap(c.raw) > keep {
			c.raw = nil
		}
	}()
	for {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		more, err := s.Step()
		if err != nil || !more {
			return err
		}
		c.raw = c.raw[:0]
		if err := to(row{c, s}); err != nil {
			return err
		}
	}
}

// bind gives parameter n (from 1) its value, and tells how many bytes that holds. No bytes at all are NULL.
func bind(s *sqlite.Stmt, n int, value any) (bytes int, err error) {
	switch v := value.(type) {
	case nil:
		s.BindNull(n)
	case string:
		s.BindText(n, v)
		return len(v), nil
	case int64:
		s.BindInt64(n, v)
	case int:
		s.BindInt64(n, int64(v))
	case bool:
		s.BindBool(n, v)
	case []byte:
		if v == nil {
			s.BindNull(n)
		} else {
			s.BindBytes(n, v)
		}
		return len(v), nil
	default:
		switch r := reflect.ValueOf(value); r.Kind() {
		case reflect.String:
			s.BindText(n, r.String())
			return r.Len(), nil
		case reflect.Int, reflect.Int64:
			s.BindInt64(n, r.Int())
		default:
			return 0, fmt.Errorf("parameter %d: no way to bind a %T", n, value)
		}
	}
	return 0, nil
}

// row is the row at hand.
type row struct {
	c *conn
	s *sqlite.Stmt
}

var errNull = errors.New("NULL where a value is expected")

// Scan is that of journal.Record.
func (r row) Scan(to ...any) error {
	if n := r.s.ColumnCount(); n != len(to) {
		return fmt.Errorf("%d targets for %d columns", len(to), n)
	}
	for i := range to {
		if err := r.column(i, to[i]); err != nil {
			return fmt.Errorf("column %s: %w", r.s.ColumnName(i), err)
		}
	}
	return nil
}

func (r row) column(i int, to any) (err error) {
	null := r.s.ColumnType(i) == sqlite.TypeNull
	switch to := to.(type) {
	case *[]byte:
		if *to = nil; !null {
			*to = make([]byte, r.s.ColumnLen(i))
			r.s.ColumnBytes(i, *to)
		}
		return nil
	case *sql.RawBytes:
		if *to = nil; !null {
			*to = r.bytes(i)
		}
		return nil
	case *sql.NullInt64:
		if *to = (sql.NullInt64{}); !null {
			to.Valid = true
			to.Int64, err = r.number(i)
		}
		return err
	}
	if null {
		return errNull
	}
	var n int64
	switch to := to.(type) {
	case *string:
		*to = r.s.ColumnText(i)
	case *int64:
		*to, err = r.number(i)
	case *int:
		n, err = r.number(i)
		*to = int(n)
	case *bool:
		n, err = r.number(i)
		*to = n != 0
	default:
		v := reflect.ValueOf(to)
		if v.Kind() != reflect.Pointer {
			return fmt.Errorf("%T is no target", to)
		}
		switch v = v.Elem(); v.Kind() {
		case reflect.String:
			v.SetString(r.s.ColumnText(i))
		case reflect.Int, reflect.Int64:
			n, err = r.number(i)
			v.SetInt(n)
		default:
			return fmt.Errorf("no way to scan into a %T", to)
		}
	}
	return err
}

// number is a column that must be a whole number; the engine by itself makes 0 of any text.
func (r row) number(i int) (int64, error) {
	switch r.s.ColumnType(i) {
	case sqlite.TypeInteger:
		return r.s.ColumnInt64(i), nil
	case sqlite.TypeText:
		return strconv.ParseInt(r.s.ColumnText(i), 10, 64)
	default:
		return 0, errors.New("no whole number")
	}
}

// bytes are a column's bytes, valid as long as the row is.
func (r row) bytes(i int) []byte {
	n, from := r.s.ColumnLen(i), len(r.c.raw)
	if cap(r.c.raw)-from < n { // what was shown of this row stays where it is
		r.c.raw, from = make([]byte, 0, max(2*cap(r.c.raw), n, 1024)), 0
	}
	r.c.raw = r.c.raw[:from+n]
	b := r.c.raw[from : from+n : from+n]
	r.s.ColumnBytes(i, b)
	return b
}
