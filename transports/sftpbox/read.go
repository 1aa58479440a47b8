package sftpbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/pkg/sftp"

	"github.com/navette-connect/navette/transports"
)

// List implements transports.Box: one listing, no request for each file.
func (b *Box) List(ctx context.Context, dir string) ([]transports.File, error) {
	var files []transports.File
	err := b.look(ctx, func(l *link) (err error) {
		files, err = b.list(ctx, l, dir)
		return err
	})
	return files, wrap("list", dir, err)
}

// look makes requests that change nothing; on a connection that was found dead they are made once more, on a new one.
func (b *Box) look(ctx context.Context, request func(l *link) error) error {
	for again := false; ; again = true {
		l, err := b.keeper.get(ctx)
		if err != nil {
			return before(err)
		}
		stale := l.used.Load()
		err = request(l)
		if again || !stale || !errors.Is(err, errLost) || ctx.Err() != nil {
			return before(err)
		}
	}
}

func (b *Box) list(ctx context.Context, l *link, dir string) ([]transports.File, error) {
	if !strings.HasPrefix(dir, "/") || strings.IndexByte(dir, 0) >= 0 {
		return nil, fmt.Errorf("%w: not an absolute path", transports.ErrRefused)
	}
	var entries []os.FileInfo
	err := l.do(ctx, func() (err error) {
		entries, err = l.sftp.ReadDirContext(ctx, dir)
		return err
	})
	if err != nil {
		if ctx.Err() != nil {
			return nil, before(context.Cause(ctx))
		}
		return nil, b.folderError(ctx, l, dir, err)
	}
	files := make([]transports.File, 0, len(entries))
	for _, e := range entries {
		if e.Mode().IsRegular() && transports.CheckName(e.Name()) == nil {
			files = append(files, file(e))
		}
	}
	slices.SortFunc(files, func(a, b transports.File) int { return strings.Compare(a.Name, b.Name) })
	return slices.CompactFunc(files, func(a, b transports.File) bool { return a.Name == b.Name }), nil
}

// folderError tells what the failure to open a folder means: some servers say no more than "failure".
func (b *Box) folderError(ctx context.Context, l *link, dir string, err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("%w: %w", transports.ErrFolder, err)
	}
	if !errors.Is(err, errLost) && !transports.HasKind(err) {
		info, e := l.info(ctx, func() (os.FileInfo, error) { return l.sftp.Stat(dir) })
		if errors.Is(e, os.ErrNotExist) || e == nil && !info.IsDir() {
			return fmt.Errorf("%w: %w", transports.ErrFolder, err)
		}
	}
	return err
}

// Stat implements transports.Box.
func (b *Box) Stat(ctx context.Context, path string) (transports.File, error) {
	var f transports.File
	err := b.look(ctx, func(l *link) error {
		info, err := b.plain(ctx, l, path)
		if err == nil {
			f = file(info)
			_, f.Name, _ = transports.SplitPath(path)
		}
		return err
	})
	return f, wrap("stat", path, err)
}

// plain describes one plain file, without following links.
func (b *Box) plain(ctx context.Context, l *link, path string) (os.FileInfo, error) {
	dir, _, err := transports.SplitPath(path)
	if err != nil {
		return nil, err
	}
	info, err := l.info(ctx, func() (os.FileInfo, error) { return l.sftp.Lstat(path) })
	if errors.Is(err, os.ErrNotExist) {
		return nil, b.missing(ctx, l, dir, err)
	}
	if err != nil {
		return nil, err
	}
	return info, checkPlain(info)
}

// missing tells whether a file is gone or its whole folder.
func (b *Box) missing(ctx context.Context, l *link, dir string, err error) error {
	if !errors.Is(err, os.ErrNotExist) {
		return err
	}
	info, e := l.info(ctx, func() (os.FileInfo, error) { return l.sftp.Stat(dir) })
	if errors.Is(e, os.ErrNotExist) || e == nil && !info.IsDir() {
		return fmt.Errorf("%w: %w", transports.ErrFolder, err)
	}
	if e != nil && errors.Is(e, errLost) {
		return e
	}
	return fmt.Errorf("%w: %w", transports.ErrGone, err)
}

func checkPlain(info os.FileInfo) error {
	if info.Mode().IsRegular() {
		return nil
	}
	is := "no plain file"
	switch info.Mode().Type() {
	case fs.ModeDir:
		is = "a folder"
	case fs.ModeSymlink:
		is = "a symbolic link"
	case fs.ModeNamedPipe:
		is = "a pipe"
	}
	return fmt.Errorf("%w: it is %s", transports.ErrRefused, is)
}

func file(info os.FileInfo) transports.File {
	return transports.File{Name: info.Name(), Size: info.Size(), ModTime: info.ModTime()}
}

// Open implements transports.Box. Reading ends with io.EOF only if as many bytes came as the file had before and has
// afterwards, and its time did not change; else with ErrRetry. ctx bounds the reading too.
func (b *Box) Open(ctx context.Context, path string) (io.ReadCloser, error) {
	var r io.ReadCloser
	err := b.look(ctx, func(l *link) error {
		info, err := b.plain(ctx, l, path)
		if err != nil {
			return err
		}
		if err := b.ask("open", path); err != nil {
			return err
		}
		var f *sftp.File
		if err := l.do(ctx, func() (err error) { f, err = l.sftp.Open(path); return err }); err != nil {
			dir, _, _ := transports.SplitPath(path)
			return b.missing(ctx, l, dir, err)
		}
		r = &reader{ctx: ctx, box: b, link: l, file: f, path: path, was: info, once: b.Claiming() == transports.ClaimReadOnce}
		return nil
	})
	if err != nil {
		return nil, wrap("open", path, err)
	}
	return r, nil
}

// reader reads a file with many requests under way, in order.
type reader struct {
	ctx  context.Context
	box  *Box
	link *link
	file *sftp.File
	path string
	was  os.FileInfo
	once bool // the server lets a file be read once, from its beginning, and asked for nothing else meanwhile

	asked   int64 // bytes asked for
	given   int64
	queue   []*piece
	current []byte // what is left of the first piece
	holding bool   // the first piece is the one at hand
	err     error
}

// piece is one request under way.
type piece struct {
	buffer []byte
	done   chan struct{}
	n      int
	err    error
}

func (r *reader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for len(r.current) == 0 {
		if r.err != nil {
			return 0, r.err
		}
		r.next()
	}
	n := copy(p, r.current)
	r.current = r.current[n:]
	r.given += int64(n)
	return n, nil
}

// WriteTo implements io.WriterTo: each piece goes out as it came in.
func (r *reader) WriteTo(w io.Writer) (written int64, err error) {
	for {
		for len(r.current) == 0 {
			if r.err == io.EOF {
				return written, nil
			}
			if r.err != nil {
				return written, r.err
			}
			r.next()
		}
		n, err := w.Write(r.current)
		written, r.given, r.current = written+int64(n), r.given+int64(n), r.current[n:]
		if err != nil {
			return written, err
		}
	}
}

// next makes the next piece current, or sets err.
func (r *reader) next() {
	if r.holding { // the piece at hand was handed out whole
		r.drop()
	}
	if err := r.ctx.Err(); err != nil {
		r.err = wrap("read", r.path, before(err))
		return
	}
	r.ask()
	if len(r.queue) == 0 {
		if r.err == nil {
			r.err = r.verify()
		}
		return
	}
	first := r.queue[0]
	<-first.done
	switch {
	case first.err != nil && first.err != io.EOF:
		r.err = wrap("read", r.path, before(first.err))
	case r.once && first.n == 0 || !r.once && first.n < len(first.buffer):
		if r.once {
			r.drop()
			r.err = io.EOF
			return
		}
		r.err = wrap("read", r.path, fmt.Errorf("%w: the server gave %d bytes of %d", transports.ErrRetry, r.given+int64(first.n), r.was.Size()))
	default:
		r.current, r.holding = first.buffer[:first.n], true
	}
}

func (r *reader) drop() {
	r.link.giveBack(r.queue[0].buffer)
	r.queue, r.holding = r.queue[1:], false
}

// ask keeps requests under way: as far as the file goes and buffers are free. Read-once servers get one at a time, until
// they say that it is the end, whatever size they told.
func (r *reader) ask() {
	for r.err == nil && (r.once && len(r.queue) == 0 || !r.once && r.asked < r.was.Size()) {
		size := r.link.packet
		if !r.once {
			size = int(min(int64(size), r.was.Size()-r.asked))
		}
		b := r.link.buffer(size, len(r.queue) == 0)
		if b == nil {
			if len(r.queue) == 0 {
				r.err = wrap("read", r.path, before(&coded{codeAway, r.link.cause}))
			}
			return
		}
		p, at := &piece{buffer: b, done: make(chan struct{})}, r.asked
		r.asked += int64(len(b))
		r.queue = append(r.queue, p)
		if r.once { // the next position depends on what comes
			p.n, p.err = r.at(b, at)
			r.asked = at + int64(p.n)
			close(p.done)
			return
		}
		go func() { // ends with the request, which has a deadline; Close waits for it
			defer close(p.done)
			p.n, p.err = r.at(b, at)
		}()
	}
}

func (r *reader) at(b []byte, at int64) (n int, err error) {
	ended := false
	err = r.link.do(r.ctx, func() (err error) {
		n, err = r.file.ReadAt(b, at)
		ended = err == io.EOF
		if ended {
			err = nil
		}
		return err
	})
	if err == nil && ended {
		err = io.EOF
	}
	return n, err
}

// verify makes sure at the end that the file is as long as what was read, and did not change meanwhile.
func (r *reader) verify() error {
	now, err := r.link.info(r.ctx, r.file.Stat)
	if err != nil && !errors.Is(err, errLost) { // not every server describes an open file
		now, err = r.link.info(r.ctx, func() (os.FileInfo, error) { return r.link.sftp.Lstat(r.path) })
		if errors.Is(err, transports.ErrRefused) { // nor a file at all: the size that was told before must do
			return io.EOF
		}
	}
	switch {
	case err != nil:
		return wrap("read", r.path, before(err))
	case now.Size() != r.given || r.given != r.was.Size() || !now.ModTime().Equal(r.was.ModTime()):
		return wrap("read", r.path, fmt.Errorf("%w: it changed while it was read: %d bytes before, %d read, %d now", transports.ErrRetry, r.was.Size(), r.given, now.Size()))
	}
	return io.EOF
}

// Close ends the reading. At a read-once server it may be what makes the file go: the bytes must be safe before.
func (r *reader) Close() error {
	for _, p := range r.queue {
		<-p.done
		r.link.giveBack(p.buffer)
	}
	r.queue, r.current, r.err = nil, nil, fs.ErrClosed
	_ = r.link.do(context.WithoutCancel(r.ctx), r.file.Close) // it was only read
	return nil
}
