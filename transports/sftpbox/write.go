package sftpbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/pkg/sftp"

	"github.com/navette-connect/navette/transports"
)

// Publish implements transports.Box: a name beginning with a dot, the size asked of the open file, then the rename. mode
// 0 leaves the rights to the server; a server that refuses to change them keeps its own.
func (b *Box) Publish(ctx context.Context, path string, r io.Reader, mode uint32) error {
	return wrap("publish", path, b.publish(ctx, path, r, mode))
}

func (b *Box) publish(ctx context.Context, path string, r io.Reader, mode uint32) error {
	dir, _, err := transports.SplitPath(path)
	if err != nil {
		return err
	}
	l, err := b.keeper.get(ctx)
	if err != nil {
		return err
	}
	b.tidy(ctx, l)
	taken := make(chan error, 1)
	go func() { taken <- b.free(ctx, l, path) }() // beside the opening: it is awaited below
	t, err := b.temp(ctx, l, dir)
	if e := <-taken; err == nil && e != nil {
		err = t.abandon(ctx, e)
		t.forget()
	}
	if err != nil {
		return before(err)
	}
	defer t.forget()
	if err := t.fill(ctx, r, mode); err != nil {
		return before(t.abandon(ctx, err))
	}
	return t.become(ctx, path)
}

// free asks whether a name can be given: some servers would replace what bears it.
func (b *Box) free(ctx context.Context, l *link, path string) error {
	_, err := l.info(ctx, func() (os.FileInfo, error) { return l.sftp.Lstat(path) })
	switch {
	case err == nil:
		return transports.ErrExists
	case errors.Is(err, os.ErrNotExist), errors.Is(err, transports.ErrRefused): // a server for depositing only tells nothing
		return nil
	}
	return err
}

// temp is a file under a temporary name, open for writing.
type temp struct {
	box  *Box
	link *link
	file *sftp.File
	path string
	size int64
}

func (b *Box) temp(ctx context.Context, l *link, dir string) (*temp, error) {
	name, err := b.tempName()
	if err != nil {
		return nil, err
	}
	t := &temp{box: b, link: l, path: strings.TrimRight(dir, "/") + "/" + name}
	if err := b.ask("open", t.path); err != nil {
		return nil, err
	}
	b.mu.Lock()
	b.live[name] = true
	b.mu.Unlock()
	err = l.do(ctx, func() (err error) {
		t.file, err = l.sftp.OpenFile(t.path, os.O_WRONLY|os.O_CREATE|os.O_EXCL)
		return err
	})
	if err != nil {
		t.forget()
		if errors.Is(err, errLost) {
			b.orphan(t.path)
		}
		if e := b.missing(ctx, l, dir, err); errors.Is(e, transports.ErrFolder) {
			return nil, e
		}
		return nil, b.folderError(ctx, l, dir, err)
	}
	return t, nil
}

// forget ends the protection from Sweep.
func (t *temp) forget() {
	t.box.mu.Lock()
	defer t.box.mu.Unlock()
	delete(t.box.live, t.path[strings.LastIndexByte(t.path, '/')+1:])
}

// fill writes all of r, many packets under way at once, and makes sure that the server has them. A failed write can
// leave a hole: the file is then given up.
func (t *temp) fill(ctx context.Context, r io.Reader, mode uint32) error {
	if err := t.copy(ctx, r); err != nil {
		return err
	}
	l := t.link
	if mode != 0 {
		if err := l.do(ctx, func() error { return t.file.Chmod(os.FileMode(mode & 0o777)) }); errors.Is(err, errLost) {
			return err
		}
	}
	info, err := l.info(ctx, t.file.Stat)
	switch {
	case err == nil && info.Size() != t.size:
		return fmt.Errorf("%w: the server has %d bytes of %d", transports.ErrRetry, info.Size(), t.size)
	case err != nil && !transports.HasKind(err) && errors.Is(err, errLost):
		return err
	} // a server that does not describe an open file has answered for each packet
	if err := t.box.ask("close", t.path); err != nil {
		return err
	}
	f := t.file
	t.file = nil
	return l.do(ctx, f.Close)
}

func (t *temp) copy(ctx context.Context, r io.Reader) error {
	var all sync.WaitGroup
	var mu sync.Mutex
	var failed error
	defer all.Wait()
	fail := func(err error) {
		mu.Lock()
		defer mu.Unlock()
		failed = cmpErr(failed, err)
	}
	bad := func() error {
		mu.Lock()
		defer mu.Unlock()
		return failed
	}
	for {
		if err := ctx.Err(); err != nil {
			return before(err)
		}
		b := t.link.buffer(t.link.packet, true)
		if b == nil {
			return cmpErr(bad(), &coded{codeAway, t.link.cause})
		}
		n, err := io.ReadFull(r, b)
		if n == 0 || bad() != nil {
			t.link.giveBack(b)
		} else {
			if e := t.box.ask("write", t.path); e != nil {
				fail(e)
			}
			at := t.size
			t.size += int64(n)
			all.Go(func() { // ends with the request, which has a deadline
				defer t.link.giveBack(b)
				if err := t.link.do(ctx, func() error { _, err := t.file.WriteAt(b[:n], at); return err }); err != nil {
					fail(err)
				}
			})
		}
		switch {
		case err == io.EOF || err == io.ErrUnexpectedEOF:
			all.Wait()
			return bad()
		case err != nil && transports.HasKind(err): // of another Box: not of this act
			return fmt.Errorf("%w: reading the source: %v", transports.ErrRetry, err)
		case err != nil:
			return fmt.Errorf("%w: reading the source: %w", transports.ErrRetry, err)
		case bad() != nil:
			return bad()
		}
	}
}

// become gives the file its name. After an error both names tell what happened.
func (t *temp) become(ctx context.Context, path string) error {
	if err := t.box.ask("rename", t.path); err != nil {
		return t.abandon(ctx, before(err))
	}
	l := t.link
	err := l.do(ctx, func() error { return l.sftp.Rename(t.path, path) })
	if err == nil {
		return nil
	}
	if errors.Is(err, errLost) {
		t.box.orphan(t.path)
		return unsure("renaming the temporary file", err)
	}
	_, own := l.info(ctx, func() (os.FileInfo, error) { return l.sftp.Lstat(t.path) })
	now, other := l.info(ctx, func() (os.FileInfo, error) { return l.sftp.Lstat(path) })
	switch {
	case errors.Is(own, errLost) || errors.Is(other, errLost):
		t.box.orphan(t.path)
		return unsure("renaming the temporary file", err)
	case errors.Is(own, os.ErrNotExist) && other == nil && now.Mode().IsRegular() && now.Size() == t.size:
		return nil // the answer was wrong, or another swept and named it: it has its name
	case errors.Is(own, os.ErrNotExist):
		return fmt.Errorf("%w: the temporary file is gone: %v", transports.ErrRetry, err)
	case other == nil:
		err = fmt.Errorf("%w: %v", transports.ErrExists, err)
	}
	return before(t.abandon(ctx, err))
}

// abandon removes the file after err, to which it adds its own. What cannot be removed now is removed later.
func (t *temp) abandon(ctx context.Context, err error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), t.link.timeout)
	defer cancel()
	if t.file != nil {
		_ = t.link.do(ctx, t.file.Close)
		t.file = nil
	}
	if e := t.box.remove(ctx, t.link, t.path); e != nil {
		t.box.orphan(t.path)
		return fmt.Errorf("%w (and %s stays behind for now: %v)", err, t.path, e)
	}
	return err
}

// remove removes a file of ours; nil when it is gone.
func (b *Box) remove(ctx context.Context, l *link, path string) error {
	if err := b.ask("unlink", path); err != nil {
		return err
	}
	err := l.do(ctx, func() error { return l.sftp.Remove(path) })
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// orphan remembers a temporary file that could not be removed.
func (b *Box) orphan(path string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.orphans[path] = path
}

// tidy removes what broken connections left.
func (b *Box) tidy(ctx context.Context, l *link) {
	b.mu.Lock()
	paths := slices.Collect(maps.Keys(b.orphans))
	b.mu.Unlock()
	for _, p := range paths {
		if err := b.remove(ctx, l, p); err == nil || errors.Is(err, transports.ErrRefused) {
			b.mu.Lock()
			delete(b.orphans, p)
			b.mu.Unlock()
		}
	}
}

// Sweep implements transports.Sweeper. A Publish of this Box is spared; one of another process fails with ErrRetry.
// Servers that write names in capitals are understood.
func (b *Box) Sweep(ctx context.Context, dir string) error {
	files, err := b.List(ctx, dir)
	if err != nil {
		return wrap("sweep", dir, err)
	}
	var errs []error
	for _, f := range files {
		name := strings.ToLower(f.Name)
		if !strings.HasPrefix(name, transports.TempPrefix) {
			continue
		}
		b.mu.Lock()
		busy := b.live[name]
		b.mu.Unlock()
		if busy {
			continue
		}
		l, err := b.keeper.get(ctx)
		if err == nil {
			err = before(b.remove(ctx, l, b.Join(dir, f.Name)))
		}
		errs = append(errs, err)
	}
	return wrap("sweep", dir, errors.Join(errs...))
}
