//go:build unix

package local

import (
	"context"
	"errors"

	"golang.org/x/sys/unix"
)

// Busy implements transports.Leaser: a read lease is to be had only while nobody has the file open for writing. It is
// taken and given back at once. Not known where the file is another user's (without the right to lease it) and on
// network file systems, whose answers speak of this machine only or of something else.
func (b *Box) Busy(ctx context.Context, path string) (busy, known bool, err error) {
	busy, known, err = b.busy(ctx, path)
	return busy, known, wrap("lease", path, err)
}

func (b *Box) busy(ctx context.Context, path string) (busy, known bool, err error) {
	f, err := b.openFile(ctx, path)
	if errors.Is(err, unix.EAGAIN) {
		return true, true, nil // somebody else's lease: a file server's client writes it
	}
	if err != nil {
		return false, false, err
	}
	defer f.Close()
	switch err := tryLease(int(f.Fd())); {
	case err == nil:
		return false, true, nil
	case errors.Is(err, unix.EAGAIN):
		return true, true, nil
	default:
		return false, false, nil
	}
}
