package sftpbox

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/navette-connect/navette/transports"
)

// Move implements transports.Box, by plain RENAME alone: of several movers the server lets one win. Where a server
// replaces what bears the new name, the look beforehand is all there is; the names that navette gives are unique.
// Between two file systems of the server it is ErrRefused.
func (b *Box) Move(ctx context.Context, from, to string) error {
	return wrap("move", from, wrap("to", to, b.move(ctx, from, to)))
}

func (b *Box) move(ctx context.Context, from, to string) error {
	if err := ctx.Err(); err != nil {
		return before(err)
	}
	fromDir, _, err := transports.SplitPath(from)
	if err != nil {
		return err
	}
	toDir, _, err := transports.SplitPath(to)
	if err != nil {
		return err
	}
	l, err := b.keeper.get(ctx)
	if err != nil {
		return err
	}
	taken := make(chan error, 1)
	go func() { taken <- b.free(ctx, l, to) }() // both at once; the answer is awaited below
	_, err = b.plain(ctx, l, from)
	if e := <-taken; err == nil {
		err = e
	}
	if err == nil {
		err = b.ask("rename", from)
	}
	if err != nil {
		return before(err)
	}
	err = l.do(ctx, func() error { return l.sftp.Rename(from, to) })
	switch {
	case err == nil:
		return nil
	case errors.Is(err, errLost):
		return unsure("the answer was lost", err)
	}
	return b.notMoved(ctx, l, from, fromDir, to, toDir, err)
}

// notMoved tells what a refused rename means: the answer is often no more than "failure".
func (b *Box) notMoved(ctx context.Context, l *link, from, fromDir, to, toDir string, err error) error {
	lstat := func(path string) error {
		_, e := l.info(ctx, func() (os.FileInfo, error) { return l.sftp.Lstat(path) })
		return e
	}
	source, target := lstat(from), lstat(to)
	switch {
	case errors.Is(source, errLost) || errors.Is(target, errLost):
		return unsure("refused, and what became of it is not known", err)
	case errors.Is(source, os.ErrNotExist): // another was faster; where it went is his affair
		return b.missing(ctx, l, fromDir, source)
	case source != nil && !errors.Is(source, transports.ErrRefused):
		return unsure("refused, and what became of it is not known", err)
	case target == nil:
		return fmt.Errorf("%w: %v", transports.ErrExists, err)
	case errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("%w: %v", transports.ErrFolder, err)
	case transports.HasKind(err):
		return err
	}
	if info, e := l.info(ctx, func() (os.FileInfo, error) { return l.sftp.Stat(toDir) }); errors.Is(e, os.ErrNotExist) || e == nil && !info.IsDir() {
		return fmt.Errorf("%w: %v", transports.ErrFolder, err)
	}
	if fromDir != toDir { // within a folder it may be somebody who has it open; between two it is two disks, or rights
		return fmt.Errorf("%w: is %s on another disk of the server? %v", transports.ErrRefused, toDir, err)
	}
	return before(err)
}
