package sftpbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/navette-connect/navette/transports"
)

// Replace implements transports.Replacer: by posix-rename where the server announces it, else in steps between which the
// former file stands under transports.Former(path). ErrRefused where files are not taken by renaming: what is read there
// may vanish, and what is written cannot be given a name.
func (b *Box) Replace(ctx context.Context, path string, r io.Reader, mode uint32) error {
	return wrap("replace", path, b.replace(ctx, path, r, mode))
}

func (b *Box) replace(ctx context.Context, path string, r io.Reader, mode uint32) error {
	dir, _, err := transports.SplitPath(path)
	if err != nil {
		return err
	}
	if b.Claiming() != transports.ClaimRename {
		return fmt.Errorf("%w: nothing is renamed on this server", transports.ErrRefused)
	}
	l, err := b.keeper.get(ctx)
	if err != nil {
		return err
	}
	b.tidy(ctx, l)
	t, err := b.temp(ctx, l, dir)
	if err != nil {
		return before(err)
	}
	defer t.forget()
	if err := t.fill(ctx, r, mode); err != nil {
		return before(t.abandon(ctx, err))
	}
	err = t.supplant(ctx, path)
	if errors.Is(err, errLost) {
		b.orphan(t.path)
		return unsure("renaming the temporary file", err)
	}
	if err != nil {
		return before(t.abandon(ctx, err))
	}
	return nil
}

// supplant gives the file the name of another.
func (t *temp) supplant(ctx context.Context, path string) error {
	l, former := t.link, transports.Former(path)
	rename := func(from, to string, request func(from, to string) error) error {
		if err := t.box.ask("rename", from); err != nil {
			return err
		}
		return l.do(ctx, func() error { return request(from, to) })
	}
	if _, ok := l.sftp.HasExtension("posix-rename@openssh.com"); ok {
		if err := rename(t.path, path, l.sftp.PosixRename); err == nil || errors.Is(err, errLost) {
			return err
		} // announced and refused: as if it were not
	}
	if err := rename(t.path, path, l.sftp.Rename); err != nil { // not free, as a rule
		if errors.Is(err, errLost) {
			return err
		}
		if _, e := l.info(ctx, func() (os.FileInfo, error) { return l.sftp.Lstat(path) }); e != nil {
			return err
		}
		// At any moment one of the two names holds a whole file.
		if err := t.box.remove(ctx, l, former); err != nil {
			return err
		}
		if err := rename(path, former, l.sftp.Rename); err != nil {
			return err
		}
		if err := rename(t.path, path, l.sftp.Rename); err != nil {
			return err
		}
	}
	return t.box.remove(ctx, l, former)
}
