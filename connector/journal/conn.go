package journal

import (
	"context"
	"errors"
)

// Record is one row of a result; it and the sql.RawBytes scanned from it are valid until the function that gets it returns.
// Scan takes what sql.Rows takes of numbers, texts, byte strings, booleans, their named types, sql.NullInt64 and
// sql.RawBytes; a NULL is an error where the target has no place for it.
type Record interface{ Scan(to ...any) error }

// Conn is one connection to a database, for one goroutine at a time. package database/sql costs as much for a row of ours
// as the engine does; an engine's package implements this over the engine itself.
type Conn interface {
	// Exec runs a statement, which is kept prepared, and tells how many rows it changed.
	Exec(ctx context.Context, query string, args ...any) (int64, error)
	// Each hands every row of a query, which is kept prepared, to a function until that fails.
	Each(ctx context.Context, query string, args []any, to func(Record) error) error
	// Direct is Each for a statement that is not kept; it can be stopped in the middle. It tells how many rows it changed.
	Direct(ctx context.Context, query string, args []any, to func(Record) error) (int64, error)
	Close() error
}

// Pool hands out connections. Whoever takes one puts it back.
type Pool interface {
	Take(ctx context.Context) (Conn, error)
	Put(Conn)
	Close() error
}

// scanner is the first row of a query, read when it is scanned.
type scanner func(to func(Record) error) error

// errEnough ends a query of which only the first row is wanted.
var errEnough = errors.New("enough")

// Scan is ErrMissing where there is no row.
func (s scanner) Scan(to ...any) error { return s.into(func(r Record) error { return r.Scan(to...) }) }

// into is Scan for what decodes a row while it is there.
func (s scanner) into(scan func(Record) error) error {
	switch err := s(func(r Record) error {
		if err := scan(r); err != nil {
			return err
		}
		return errEnough
	}); {
	case err == nil:
		return ErrMissing
	case errors.Is(err, errEnough):
		return nil
	default:
		return err
	}
}
