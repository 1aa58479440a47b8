// Package sqlite opens a journal in one SQLite file: WAL, synchronous=FULL, one writing connection, one process.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
	"modernc.org/sqlite" // the engine, in pure Go

	"github.com/navette-connect/navette/connector/journal"
)

// Open takes the lock of the state directory and opens (or makes) its journal; journal.ErrLocked when another process
// holds it.
func Open(ctx context.Context, dir string, opt journal.Options) (*journal.Journal, error) {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, fmt.Errorf("state directory: %w", err)
	}
	release, err := lock(filepath.Join(dir, "lock"))
	if err != nil {
		return nil, err
	}
	d, err := pools(ctx, filepath.Join(dir, "journal.db"), true)
	if err != nil {
		return nil, errors.Join(err, release())
	}
	d.Release = release
	j, err := journal.Open(ctx, d, opt)
	if err != nil {
		return nil, errors.Join(err, d.Readers.Close(), d.Writer.Close(), release())
	}
	return j, nil
}

// View opens the journal beside its owner, to read it and to write commands.
func View(ctx context.Context, dir string, opt journal.Options) (*journal.Journal, error) {
	path := filepath.Join(dir, "journal.db")
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: no journal in %s", journal.ErrMissing, dir)
	} else if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	d, err := pools(ctx, path, false)
	if err != nil {
		return nil, err
	}
	j, err := journal.View(ctx, d, opt)
	if err != nil {
		return nil, errors.Join(err, d.Readers.Close(), d.Writer.Close())
	}
	return j, nil
}

// pools opens the one writing connection and the readers. Caches are small: memory must not grow with the journal.
func pools(ctx context.Context, path string, owner bool) (journal.Dialect, error) {
	dsn := func(more string) string {
		return "file:" + (&url.URL{Path: path}).EscapedPath() + "?_pragma=busy_timeout(10000)&_pragma=foreign_keys(0)" + more
	}
	w, err := sql.Open("sqlite", dsn("&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=cache_size(-4000)&_pragma=wal_autocheckpoint(2000)&_pragma=temp_store(MEMORY)&_pragma=journal_size_limit(67108864)&_pragma=secure_delete(1)"))
	if err != nil {
		return journal.Dialect{}, err
	}
	w.SetMaxOpenConns(1)
	if owner {
		if err := keepLog(ctx, w); err != nil {
			return journal.Dialect{}, errors.Join(fmt.Errorf("open %s: %w", path, err), w.Close())
		}
		if err := os.Chmod(path, 0o640); err != nil && !errors.Is(err, os.ErrPermission) {
			return journal.Dialect{}, errors.Join(err, w.Close())
		}
	}
	r, err := sql.Open("sqlite", dsn("&_pragma=query_only(1)&_pragma=cache_size(-400)"))
	if err != nil {
		return journal.Dialect{}, errors.Join(err, w.Close())
	}
	r.SetMaxOpenConns(4)
	r.SetMaxIdleConns(2)
	r.SetConnMaxIdleTime(20 * time.Second) // an idle service needs one of them
	return journal.Dialect{Name: "sqlite", Blob: "BLOB", ID: "INTEGER", Begin: "BEGIN IMMEDIATE", Bind: func(s string) string { return s }, Readers: r, Writer: w, Care: care(r, w), Touched: touched(path)}, nil
}

// keepLog leaves the log's empty file beside the database at a stop: who may read the state directory and not write there
// could not open the journal without it.
func keepLog(ctx context.Context, db *sql.DB) error {
	conn, err := db.Conn(ctx) // the only one there will be
	if err != nil {
		return err
	}
	err = conn.Raw(func(driver any) error {
		c, ok := driver.(sqlite.FileControl)
		if !ok {
			return nil
		}
		_, err := c.FileControlPersistWAL("main", 1)
		return err
	})
	return errors.Join(err, conn.Close())
}

// touched tells when a journal's log, or the journal itself, was last written.
func touched(path string) func() time.Time {
	return func() (at time.Time) {
		for _, p := range [...]string{path, path + "-wal"} {
			if info, err := os.Stat(p); err == nil && info.ModTime().After(at) {
				at = info.ModTime()
			}
		}
		return at
	}
}

// lock holds an advisory lock for the life of the process; the kernel gives it up if we die.
func lock(path string) (release func() error, err error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o640)
	if err != nil {
		return nil, fmt.Errorf("lock: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		return nil, fmt.Errorf("%w (%s): %w", journal.ErrLocked, path, err)
	}
	return f.Close, nil
}
