//go:build unix

package local

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/navette-connect/navette/transports"
)

// Move implements transports.Box. Of several movers of one file exactly one gets nil. Between file systems the copy
// keeps mode and times; a file that changes meanwhile stays where it is (ErrRetry).
func (b *Box) Move(ctx context.Context, from, to string) error {
	return wrap("move", from, wrap("to", to, b.move(ctx, from, to)))
}

func (b *Box) move(ctx context.Context, from, to string) error {
	if err := ctx.Err(); err != nil {
		return before(err)
	}
	fromDir, fromName, err := transports.SplitPath(from)
	if err != nil {
		return err
	}
	toDir, toName, err := transports.SplitPath(to)
	if err != nil {
		return err
	}
	src, err := b.open(fromDir)
	if err != nil {
		return err
	}
	defer src.close()
	dst := src
	if toDir != fromDir {
		if dst, err = b.open(toDir); err != nil {
			return err
		}
		defer dst.close()
	}
	was, err := src.plain(fromName)
	if err != nil {
		return before(err)
	}
	err = rename(src, fromName, dst, toName)
	switch {
	case err == nil:
		err = dst.sync()
		if dst != src {
			err = errors.Join(err, src.sync())
		}
		return unsure("moved, but not known to be durable", err)
	case errors.Is(err, unix.EXDEV):
		return copyOver(ctx, src, fromName, dst, toName)
	case errors.Is(err, unix.ENOENT):
		return notThere(was, src, fromName, dst, toName, err)
	default:
		return acted(err)
	}
}

// notThere tells what ENOENT means: the target's folder is no more, or the source is gone; and if the target is the
// source as it was, then the first try of a network file system, or another mover to the same name, did it.
func notThere(was unix.Stat_t, src *folder, from string, dst *folder, to string, err error) error {
	if _, e := src.stat(from); e == nil {
		return fmt.Errorf("%w: %w", transports.ErrFolder, err)
	}
	if now, e := dst.stat(to); e == nil && sameFile(was, now) {
		return unsure("gone, and the target is the file that was to be moved", err)
	}
	return acted(err)
}

// rename gives a file another name and never overwrites (EEXIST). Where the file system knows no such rename, link and
// unlink do the same in two steps.
func rename(src *folder, from string, dst *folder, to string) error {
	err := src.box.ask("rename", src.join(from))
	if err == nil {
		err = again(func() error { return renameNoReplace(src.fd(), from, dst.fd(), to) })
	}
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.ENOTSUP) {
		return relink(src, from, dst, to)
	}
	return err
}

// relink is rename by link and unlink. The unlink decides between several movers: who fails in it takes back the link
// that he made, unless no other is left. An interrupted relink leaves both names; the next one to the same name
// completes it.
func relink(src *folder, from string, dst *folder, to string) error {
	err := src.box.ask("link", src.join(from))
	if err == nil {
		err = again(func() error { return unix.Linkat(src.fd(), from, dst.fd(), to, 0) })
	}
	linked := err == nil
	switch {
	case linked:
	case errors.Is(err, unix.EEXIST):
		if !halfMoved(src, from, dst, to) {
			return err
		}
	case errors.Is(err, unix.EXDEV), errors.Is(err, unix.ENOENT):
		return err
	default:
		return fmt.Errorf("neither rename without overwriting nor link: %w", err)
	}
	if err = src.unlink(from); err == nil {
		return nil
	}
	gone := errors.Is(err, unix.ENOENT)
	switch st, e := dst.stat(to); {
	case gone && !linked:
		return err
	case gone && (e != nil || st.Nlink < 2):
		return unsure("another mover completed it", err)
	case !gone && (!linked || !halfMoved(src, from, dst, to)):
		return unsure("perhaps under both names", err)
	}
	if e := dst.unlink(to); e != nil {
		return unsure("under both names", errors.Join(err, e))
	}
	if gone {
		return err
	}
	return before(err)
}

// halfMoved tells whether both names are links to one file, and surely two names: to unlink one is then no loss.
func halfMoved(src *folder, from string, dst *folder, to string) bool {
	a, aErr := src.stat(from)
	b, bErr := dst.stat(to)
	var in, out unix.Stat_t
	if aErr != nil || bErr != nil || unix.Fstat(src.fd(), &in) != nil || unix.Fstat(dst.fd(), &out) != nil {
		return false
	}
	return sameFile(a, b) && a.Nlink > 1 && !(sameFile(in, out) && strings.EqualFold(from, to))
}

func sameFile(a, b unix.Stat_t) bool { return a.Dev == b.Dev && a.Ino == b.Ino }

func unchanged(a, b unix.Stat_t) bool {
	return sameFile(a, b) && a.Size == b.Size && a.Mtim == b.Mtim
}

// copyOver moves between file systems. A lock on the source keeps other movers of this machine from doing the same
// twice; the source goes only when its copy is durable and it did not change.
func copyOver(ctx context.Context, src *folder, from string, dst *folder, to string) error {
	f, was, err := src.openPlain(from)
	if err != nil {
		return err
	}
	defer f.Close()
	if unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) == unix.EWOULDBLOCK {
		return fmt.Errorf("%w: another mover has it", transports.ErrRetry)
	}
	if now, err := src.stat(from); err != nil || !sameFile(was, now) {
		if err == nil {
			err = unix.ENOENT // another file bears the name
		}
		return before(err)
	}
	if _, err := dst.stat(to); err == nil {
		return transports.ErrExists
	}
	t, err := dst.temp()
	if err != nil {
		return before(err)
	}
	copied, err := t.takeOver(ctx, f, was)
	if err == nil {
		err = stillThere(src, from, was)
	}
	if err != nil {
		return before(t.abandon(err))
	}
	if err := t.become(dst, to); err != nil {
		return err
	}
	return dropSource(src, from, was, dst, to, copied)
}

// takeOver copies f with its mode, owner and times as far as that is allowed, and describes the copy.
func (t *temp) takeOver(ctx context.Context, f *os.File, was unix.Stat_t) (unix.Stat_t, error) {
	var st unix.Stat_t
	n, err := t.copy(ctx, f)
	if err != nil {
		return st, err
	}
	if n != was.Size {
		return st, fmt.Errorf("%w: %d bytes copied of %d", transports.ErrRetry, n, was.Size)
	}
	fd := int(t.file.Fd())
	if unix.Fchown(fd, int(was.Uid), int(was.Gid)) != nil {
		_ = unix.Fchown(fd, -1, int(was.Gid))
	}
	if err := refusable(unix.Fchmod(fd, uint32(was.Mode)&0o777)); err != nil {
		return st, err
	}
	times := []unix.Timespec{was.Mtim, was.Mtim}
	if err := refusable(unix.UtimesNanoAt(t.folder.fd(), t.name, times, unix.AT_SYMLINK_NOFOLLOW)); err != nil {
		return st, err
	}
	if err := unix.Fstat(fd, &st); err != nil {
		return st, err
	}
	if st.Size != was.Size {
		return st, fmt.Errorf("%w: the copy has %d bytes of %d", transports.ErrRetry, st.Size, was.Size)
	}
	return st, t.finish()
}

func stillThere(src *folder, from string, was unix.Stat_t) error {
	now, err := src.stat(from)
	if err != nil {
		return err
	}
	if !unchanged(was, now) {
		return fmt.Errorf("%w: it changed while it was copied", transports.ErrRetry)
	}
	return nil
}

// dropSource removes the source of a finished copy. The copy goes instead if the source is seen to be there still, or
// was changed or taken before; where it cannot be told who removed the source, the copy stays.
func dropSource(src *folder, from string, was unix.Stat_t, dst *folder, to string, copied unix.Stat_t) error {
	err := stillThere(src, from, was)
	if err == nil {
		if err = src.unlink(from); err == nil {
			return unsure("moved, but not known to be durable", src.sync())
		}
		if now, e := src.stat(from); e != nil || !sameFile(was, now) {
			return unsure("copied, and the source went in a way that is not known", err)
		}
	}
	if now, e := dst.stat(to); e != nil || !unchanged(copied, now) {
		return unsure("copied, and the copy was taken", err)
	}
	if e := dst.unlink(to); e != nil {
		return unsure("under both names", errors.Join(err, e))
	}
	return before(err)
}
