//go:build unix

package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/navette-connect/navette/transports"
)

// bufferSize is the bytes copied between two looks at the context.
const bufferSize = 128 << 10

// Publish implements transports.Box. The file gets the folder's group and then mode; where the file system refuses
// them it is published all the same. An error of fsync gives up what was written for good: the next Publish starts anew.
func (b *Box) Publish(ctx context.Context, path string, r io.Reader, mode uint32) error {
	return wrap("publish", path, b.publish(ctx, path, r, mode))
}

func (b *Box) publish(ctx context.Context, path string, r io.Reader, mode uint32) error {
	if err := ctx.Err(); err != nil {
		return before(err)
	}
	dir, name, err := transports.SplitPath(path)
	if err != nil {
		return err
	}
	d, err := b.open(dir)
	if err != nil {
		return err
	}
	defer d.close()
	if _, err := d.stat(name); err == nil {
		return transports.ErrExists // said again by the rename; here it spares the writing
	}
	t, err := d.temp()
	if err != nil {
		return before(err)
	}
	if err := t.fill(ctx, r, mode); err != nil {
		return before(t.abandon(err))
	}
	return t.become(d, name)
}

// Replace implements transports.Replacer.
func (b *Box) Replace(ctx context.Context, path string, r io.Reader, mode uint32) error {
	return wrap("replace", path, b.replace(ctx, path, r, mode))
}

func (b *Box) replace(ctx context.Context, path string, r io.Reader, mode uint32) error {
	dir, name, err := transports.SplitPath(path)
	if err != nil {
		return err
	}
	d, err := b.open(dir)
	if err != nil {
		return err
	}
	defer d.close()
	t, err := d.temp()
	if err != nil {
		return before(err)
	}
	if err := t.fill(ctx, r, mode); err != nil {
		return before(t.abandon(err))
	}
	if err := unix.Renameat(d.fd(), t.name, d.fd(), name); err != nil {
		return before(t.abandon(err))
	}
	return d.file.Sync()
}

// temp is a file under a temporary name, open for writing and locked, so that no Sweep takes it.
type temp struct {
	folder *folder
	file   *os.File // nil once closed
	name   string
	is     unix.Stat_t // which file it is, once finished
}

func (d *folder) temp() (*temp, error) {
	for range 8 { // a name can be taken when random is not
		name, err := d.box.tempName()
		if err != nil {
			return nil, err
		}
		if err := d.box.ask("open", d.join(name)); err != nil {
			return nil, err
		}
		fd, err := openAt(d.fd(), name, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW, 0o600)
		if errors.Is(err, unix.EEXIST) {
			continue
		}
		if err != nil {
			return nil, missing(d.path, err)
		}
		_ = unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB) // where there are no locks, Sweep runs at starts only
		return &temp{folder: d, file: os.NewFile(uintptr(fd), d.join(name)), name: name}, nil
	}
	return nil, fmt.Errorf("%w: every temporary name is taken", transports.ErrRetry)
}

// fill writes all of r and makes it durable.
func (t *temp) fill(ctx context.Context, r io.Reader, mode uint32) error {
	if _, err := t.copy(ctx, r); err != nil {
		return err
	}
	var up unix.Stat_t
	if err := unix.Fstat(t.folder.fd(), &up); err != nil {
		return err
	}
	fd := int(t.file.Fd())
	_ = unix.Fchown(fd, -1, int(up.Gid)) // best effort: the user may not be of that group
	if err := refusable(unix.Fchmod(fd, mode&0o777)); err != nil {
		return err
	}
	return t.finish()
}

// copy writes r and gives the number of bytes.
func (t *temp) copy(ctx context.Context, r io.Reader) (int64, error) {
	return io.CopyBuffer(checkedWriter{t}, checkedReader{ctx, r}, make([]byte, bufferSize))
}

// finish makes the bytes durable and closes the file.
func (t *temp) finish() error {
	if err := t.ask("fsync"); err != nil {
		return err
	}
	if err := t.file.Sync(); err != nil {
		return err
	}
	if err := unix.Fstat(int(t.file.Fd()), &t.is); err != nil {
		return err
	}
	if err := t.ask("close"); err != nil {
		return err
	}
	f := t.file
	t.file = nil
	return f.Close()
}

func (t *temp) ask(op string) error { return t.folder.box.ask(op, t.folder.join(t.name)) }

// become gives the file its name in d, which is durable when become returns.
func (t *temp) become(d *folder, name string) error {
	if err := rename(t.folder, t.name, d, name); err != nil {
		if errors.Is(err, unix.ENOENT) { // a sweeper's work: no lock held it off
			err = fmt.Errorf("%w: the temporary file is gone: %v", transports.ErrRetry, err)
		}
		err = t.abandon(acted(err))
		if now, e := d.stat(name); e != nil || !unchanged(t.is, now) {
			return err
		} // the answer was lost, or a sweeper did the second half: it has its name
	}
	return unsure("published, but not known to be durable", d.sync())
}

// abandon removes the file after err, to which it adds its own.
func (t *temp) abandon(err error) error {
	if t.file != nil {
		_ = t.file.Close()
		t.file = nil
	}
	if e := t.folder.unlink(t.name); e != nil && !errors.Is(e, unix.ENOENT) {
		return fmt.Errorf("%w (and %s stays behind: %v)", err, t.name, e)
	}
	return err
}

// checkedReader ends the reading with its context. Its errors are the source's: no errno in them speaks of the Box.
type checkedReader struct {
	ctx context.Context
	r   io.Reader
}

func (c checkedReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, before(err)
	}
	n, err := c.r.Read(p)
	switch {
	case err == nil || err == io.EOF:
	case transports.HasKind(err): // of another Box: not of this act
		err = fmt.Errorf("%w: reading the source: %v", transports.ErrRetry, err)
	default:
		err = fmt.Errorf("%w: reading the source: %w", transports.ErrRetry, err)
	}
	return n, err
}

type checkedWriter struct{ t *temp }

func (c checkedWriter) Write(p []byte) (int, error) {
	if err := c.t.ask("write"); err != nil {
		return 0, err
	}
	return c.t.file.Write(p)
}

// Sweep implements transports.Sweeper. Files that a Publish of this or another process is writing are spared.
func (b *Box) Sweep(ctx context.Context, dir string) error {
	return wrap("sweep", dir, b.sweep(ctx, dir))
}

func (b *Box) sweep(ctx context.Context, dir string) error {
	d, err := b.open(dir)
	if err != nil {
		return err
	}
	defer d.close()
	names, err := d.file.Readdirnames(-1)
	if err != nil {
		return folderError(err)
	}
	var errs []error
	for _, name := range names {
		if err := ctx.Err(); err != nil {
			return before(errors.Join(append(errs, err)...))
		}
		if strings.HasPrefix(name, transports.TempPrefix) {
			errs = append(errs, before(d.sweepOne(name)))
		}
	}
	return errors.Join(errs...)
}

func (d *folder) sweepOne(name string) error {
	f, _, err := d.openPlain(name)
	if errors.Is(err, transports.ErrGone) || errors.Is(err, transports.ErrRefused) {
		return nil // gone, or none of ours: we make plain files that we can read
	}
	if err != nil {
		return err
	}
	defer f.Close()
	if unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) == unix.EWOULDBLOCK {
		return nil // being written
	}
	if err := d.unlink(name); err != nil && !errors.Is(err, unix.ENOENT) {
		return err
	}
	return nil
}
