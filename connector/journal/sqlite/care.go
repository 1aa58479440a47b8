package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/navette-connect/navette/connector/journal"
)

// ErrNoJournal is told of a file that is no journal, or a damaged one.
var ErrNoJournal = errors.New("no sound journal")

// care is how SQLite looks after a journal. The owner holds its writer: Copy is for others.
func care(readers, writer journal.Pool) *journal.Care {
	with := func(ctx context.Context, p journal.Pool, do func(c journal.Conn) error) error {
		c, err := p.Take(ctx)
		if err != nil {
			return fmt.Errorf("journal: %w", err)
		}
		defer p.Put(c)
		return do(c)
	}
	return &journal.Care{
		Check: func(ctx context.Context) (wrong []string, err error) {
			err = with(ctx, readers, func(c journal.Conn) (err error) { wrong, err = integrity(ctx, c); return err })
			return wrong, err
		},
		Copy: func(ctx context.Context, file string) error {
			return with(ctx, writer, func(c journal.Conn) error {
				_, err := c.Direct(ctx, "VACUUM INTO ?", []any{file}, nil)
				return err
			})
		},
		// Deleted cells and pages are overwritten where they stand (secure_delete); the log beside them is emptied here.
		Scrub: func(ctx context.Context) error {
			return with(ctx, readers, func(c journal.Conn) error { return scrub(ctx, c) })
		},
	}
}

// scrub empties the log beside the database; journal.ErrBusy while somebody reads from it. Nobody can write while it
// waits, so it waits briefly.
func scrub(ctx context.Context, c journal.Conn) error {
	checkpoint := func(ctx context.Context, mode string) (busy bool, err error) {
		var frames, moved int64
		_, err = c.Direct(ctx, "PRAGMA wal_checkpoint("+mode+")", nil, func(r journal.Record) error { return r.Scan(&busy, &frames, &moved) })
		return busy, err
	}
	patience := func(ms string) error {
		_, err := c.Direct(context.WithoutCancel(ctx), "PRAGMA busy_timeout = "+ms, nil, nil)
		return err
	}
	if _, err := checkpoint(ctx, "PASSIVE"); err != nil { // most of the work, in nobody's way
		return fmt.Errorf("empty the journal's log: %w", err)
	}
	if err := patience("100"); err != nil {
		return err
	}
	busy, err := checkpoint(ctx, "TRUNCATE")
	back := patience("10000")
	switch {
	case err != nil || back != nil:
		return fmt.Errorf("empty the journal's log: %w", errors.Join(err, back))
	case busy:
		return fmt.Errorf("the journal's log could not be emptied: %w", journal.ErrBusy)
	}
	return nil
}

// integrity lets SQLite read every page; what is damaged, at most 50 findings.
func integrity(ctx context.Context, c journal.Conn) (wrong []string, err error) {
	_, err = c.Direct(ctx, "PRAGMA integrity_check(50)", nil, func(r journal.Record) error {
		var line string
		if err := r.Scan(&line); err != nil {
			return err
		}
		if line != "ok" {
			wrong = append(wrong, line)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	return wrong, nil
}

// OpenCopy opens a copy of a journal for reading; nothing is written beside it. ErrNoJournal when it is none,
// journal.ErrOlder when an older version wrote it: PutBack takes that, too, and the service upgrades it.
func OpenCopy(ctx context.Context, file string) (*journal.Journal, error) {
	if info, err := os.Stat(file); err != nil {
		return nil, err
	} else if !info.Mode().IsRegular() || info.Size() == 0 {
		return nil, fmt.Errorf("%w: %s", ErrNoJournal, file)
	}
	readers := newPool(4, 4, func(ctx context.Context) (*conn, error) {
		return dial(ctx, uri(file)+"?mode=ro&immutable=1", "query_only(1)", "cache_size(-4000)")
	})
	j, err := journal.View(ctx, journal.Dialect{Name: "sqlite", Blob: "BLOB", Bind: func(s string) string { return s }, Readers: readers, Writer: readers, Care: care(readers, readers)}, journal.Options{})
	switch {
	case errors.Is(err, journal.ErrNewer), errors.Is(err, journal.ErrOlder):
		return nil, errors.Join(err, readers.Close())
	case err != nil:
		return nil, errors.Join(fmt.Errorf("%w: %s: %w", ErrNoJournal, file, err), readers.Close())
	}
	return j, nil
}

// PutBack makes a copy the journal of a state directory. Nobody may hold it (journal.ErrLocked). The journal that stood
// there is moved aside, never deleted; aside is its new name, "" when there was none. Nothing is sent with the journal put
// back until a person says `recover`: why says what is known of it.
func PutBack(ctx context.Context, dir, file, why string, now time.Time) (aside string, err error) {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return "", fmt.Errorf("state directory: %w", err)
	}
	release, err := lock(filepath.Join(dir, "lock"))
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, release()) }()
	path := filepath.Join(dir, "journal.db")
	next := path + ".restoring"
	if err := copyFile(file, next); err != nil {
		return "", errors.Join(fmt.Errorf("copy the journal: %w", err), remove(next))
	}
	if err := setRecover(ctx, next, why); err != nil {
		return "", errors.Join(err, remove(next))
	}
	if err := settle(next); err != nil {
		return "", errors.Join(err, remove(next))
	}
	if err := giveTo(dir, next, filepath.Join(dir, "lock")); err != nil {
		return "", errors.Join(err, remove(next))
	}
	// The log first goes where its database goes: a log that stands beside another database is poison.
	stamp := ".before-" + now.UTC().Format("20060102T150405Z")
	for _, tail := range []string{"", "-wal", "-shm"} {
		err := os.Rename(path+tail, path+stamp+tail)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("move the journal aside: %w", err)
		}
		if err == nil && tail == "" {
			aside = path + stamp
		}
	}
	if err := os.Rename(next, path); err != nil {
		return aside, fmt.Errorf("put the journal back: %w", err)
	}
	return aside, syncDir(dir)
}

// setRecover keeps the copy from sending anything.
func setRecover(ctx context.Context, file, why string) error {
	c, err := dial(ctx, uri(file), "journal_mode(DELETE)", "synchronous(FULL)")
	if err != nil {
		return fmt.Errorf("%w: %s: %w", ErrNoJournal, file, err)
	}
	if wrong, err := integrity(ctx, c); err != nil || len(wrong) > 0 {
		return errors.Join(fmt.Errorf("%w: %s: %q", ErrNoJournal, file, wrong), err, c.Close())
	}
	_, err = c.Exec(ctx, "INSERT INTO meta VALUES ('recover', ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value", why)
	return errors.Join(err, c.Close())
}

func copyFile(from, to string) (err error) {
	src, err := os.Open(from)
	if err != nil {
		return err
	}
	defer src.Close()
	dst, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o640)
	if err != nil {
		return err
	}
	_, err = io.Copy(dst, src)
	return errors.Join(err, dst.Close())
}

// settle brings a file and its name to the disk.
func settle(file string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close(), syncDir(filepath.Dir(file)))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// giveTo gives files to the owner of the state directory: what root puts back must be the service's.
func giveTo(dir string, files ...string) error {
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok || os.Geteuid() != 0 {
		return nil
	}
	for _, f := range files {
		if err := os.Chown(f, int(owner.Uid), int(owner.Gid)); err != nil {
			return err
		}
	}
	return nil
}

func remove(file string) error {
	if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// Backup copies the journal beside its owner into file, which must not exist, and hands the copy to check before it gets
// that name. Only its owner may read it: it holds personal data.
func Backup(ctx context.Context, j *journal.Journal, file string, check func(copied *journal.Journal) error) error {
	if _, err := os.Lstat(file); err == nil {
		return fmt.Errorf("%s: %w", file, fs.ErrExist)
	}
	part, err := os.CreateTemp(filepath.Dir(file), ".navette-backup-*") // mode 0600
	if err != nil {
		return err
	}
	defer func() { _ = remove(part.Name()) }() // gone already when all went well
	if err := part.Close(); err != nil {
		return err
	}
	if err := j.Copy(ctx, part.Name()); err != nil {
		return fmt.Errorf("copy the journal: %w", err)
	}
	if err := settle(part.Name()); err != nil {
		return err
	}
	copied, err := OpenCopy(ctx, part.Name())
	if err != nil {
		return err
	}
	if err := errors.Join(check(copied), copied.Close()); err != nil {
		return err
	}
	if err := os.Link(part.Name(), file); err != nil { // a link replaces nothing
		if errors.Is(err, fs.ErrExist) {
			return err
		}
		if err := os.Rename(part.Name(), file); err != nil { // a file system without links
			return err
		}
	}
	return syncDir(filepath.Dir(file))
}
