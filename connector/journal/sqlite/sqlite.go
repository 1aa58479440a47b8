// Package sqlite opens a journal in one SQLite file: WAL, synchronous=FULL, one writing connection, one process.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
	modernc "modernc.org/sqlite"
	zombiezen "zombiezen.com/go/sqlite"

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
	path := filepath.Join(dir, "journal.db")
	keeper, err := keepLog(ctx, path)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", path, err), release())
	}
	d := dialect(uri(path))
	d.Touched = touched(path)
	d.Release = func() error { return errors.Join(keeper.Close(), release()) }
	if err := os.Chmod(path, 0o640); err != nil && !errors.Is(err, os.ErrPermission) {
		return nil, errors.Join(err, d.Release())
	}
	j, err := journal.Open(ctx, d, opt)
	if err != nil {
		return nil, errors.Join(err, d.Readers.Close(), d.Writer.Close(), d.Release())
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
	d := dialect(uri(path))
	d.Touched = touched(path)
	j, err := journal.View(ctx, d, opt)
	if err != nil {
		return nil, errors.Join(err, d.Readers.Close(), d.Writer.Close())
	}
	return j, nil
}

// uri names a database file to the engine.
func uri(path string) string { return "file:" + (&url.URL{Path: path}).EscapedPath() }

// dialect opens the one writing connection and the readers when they are needed. Caches are small: memory must not grow with
// the journal.
func dialect(uri string) journal.Dialect {
	writer := newPool(1, 1, func(ctx context.Context) (*conn, error) {
		return dial(ctx, uri, "journal_mode(WAL)", "synchronous(FULL)", "cache_size(-4000)", "wal_autocheckpoint(2000)", "temp_store(MEMORY)", "journal_size_limit(67108864)", "secure_delete(1)")
	})
	readers := newPool(4, 2, func(ctx context.Context) (*conn, error) {
		return dial(ctx, uri, "query_only(1)", "cache_size(-400)")
	})
	return journal.Dialect{Name: "sqlite", Blob: "BLOB", ID: "INTEGER", Begin: "BEGIN IMMEDIATE", Spill: "PRAGMA temp_store = FILE", Usual: "PRAGMA temp_store = MEMORY", Bind: func(s string) string { return s }, Readers: readers, Writer: writer, Care: care(readers, writer),
		Broken: func(err error) bool { return zombiezen.ErrCode(err).ToPrimary() == zombiezen.ResultIOErr }}
}

// keepLog leaves the log's empty file beside the database at a stop: who may read the state directory and not write there
// could not open the journal without it. The connection that is closed last decides that. (zombiezen.com/go/sqlite has no
// file controls; modernc.org/sqlite, of which it takes the engine, has.)
func keepLog(ctx context.Context, path string) (io.Closer, error) {
	db, err := sql.Open("sqlite", uri(path)+"?_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=journal_size_limit(67108864)&_pragma=cache_size(-16)")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	conn, err := db.Conn(ctx)
	if err == nil {
		err = conn.Raw(func(driver any) error {
			c, ok := driver.(modernc.FileControl)
			if !ok {
				return nil
			}
			_, err := c.FileControlPersistWAL("main", 1)
			return err
		})
		err = errors.Join(err, conn.Close())
	}
	if err == nil {
		_, err = db.ExecContext(ctx, "SELECT count(*) FROM sqlite_schema") // only who has read of the log looks after it
	}
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
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
