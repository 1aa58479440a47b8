package connector

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// Spool keeps bytes under their sha256: source files as they were received, and returns as they were fixed. What it
// returned a digest for is on the disk, and cannot be removed before Release: until then the journal may not name it yet.
type Spool struct {
	dir   string
	fault func(point string) error

	mu   sync.Mutex     // also held while bytes are removed
	pins map[string]int // by digest: writes that are not released
}

// ErrTooLarge is told by Spool.Take when the source has more bytes than allowed.
var ErrTooLarge = errors.New("more bytes than allowed")

// OpenSpool opens (or makes) the spool folder and clears what an interrupted write left.
func OpenSpool(dir string, fault func(point string) error) (*Spool, error) {
	if fault == nil {
		fault = func(string) error { return nil }
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, fmt.Errorf("spool: %w", err)
	}
	parts, err := filepath.Glob(filepath.Join(dir, "*.part"))
	if err != nil {
		return nil, fmt.Errorf("spool: %w", err)
	}
	for _, p := range parts { // never named by the journal
		if err := os.Remove(p); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("spool: %w", err)
		}
	}
	return &Spool{dir: dir, fault: fault, pins: map[string]int{}}, nil
}

// Write keeps what fill writes; it returns once the bytes are on the disk under their digest. The caller calls Release
// once the journal names the digest, or never will.
func (s *Spool) Write(ctx context.Context, fill func(io.Writer) error) (digest string, size int64, err error) {
	f, err := os.CreateTemp(s.dir, "*.part")
	if err != nil {
		return "", 0, fmt.Errorf("spool: %w", err)
	}
	part := f.Name()
	defer func() {
		if err != nil && part != "" {
			err = errors.Join(err, ignoreClosed(f.Close()), os.Remove(part))
		}
	}()
	h := sha256.New()
	b := bufio.NewWriterSize(io.MultiWriter(f, h), 64<<10) // a return is written line by line
	c := &counter{w: b, ctx: ctx}
	if err := fill(c); err != nil {
		return "", 0, err
	}
	if err := b.Flush(); err != nil {
		return "", 0, fmt.Errorf("spool: %w", err)
	}
	if err := s.fault("spool.fsync"); err != nil {
		return "", 0, err
	}
	if err := f.Sync(); err != nil {
		return "", 0, fmt.Errorf("spool: %w", err)
	}
	if err := f.Close(); err != nil {
		return "", 0, fmt.Errorf("spool: %w", err)
	}
	digest = hex.EncodeToString(h.Sum(nil))
	if err := s.fault("spool.rename"); err != nil {
		return "", 0, err
	}
	s.pin(digest) // before the name is there: bytes of that digest may be leaving at this moment
	defer func() {
		if err != nil {
			s.Release(digest)
		}
	}()
	// The same bytes may be there already: replacing them by themselves harms nobody.
	if err := os.Rename(part, s.path(digest)); err != nil {
		return "", 0, fmt.Errorf("spool: %w", err)
	}
	part = "" // kept from here on, whatever fails
	if err := s.Sync(); err != nil {
		return "", 0, err
	}
	return digest, c.n, nil
}

func (s *Spool) pin(digest string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pins[digest]++
}

// Release says that the journal names the digests that were written, or never will; "" is none.
func (s *Spool) Release(digests ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range digests {
		if s.pins[d]--; s.pins[d] <= 0 {
			delete(s.pins, d)
		}
	}
}

// Remove takes bytes away for good, if leaving still says so; false when they stay, because they are being written again
// or leaving says no. Sync makes it durable. Whoever writes the same bytes meanwhile finds them kept: a write is
// released after the journal names it, and leaving asks the journal.
func (s *Spool) Remove(digest string, leaving func() (bool, error)) (removed bool, err error) {
	if !objectName(digest) {
		return false, fmt.Errorf("spool: %q is no digest", digest)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pins[digest] > 0 {
		return false, nil
	}
	if ok, err := leaving(); err != nil || !ok {
		return false, err
	}
	if err := s.fault("spool.remove"); err != nil {
		return false, err
	}
	if err := os.Remove(s.path(digest)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, fmt.Errorf("spool: %w", err)
	}
	return true, nil
}

// Sync brings removals to the disk.
func (s *Spool) Sync() error {
	d, err := os.Open(s.dir)
	if err != nil {
		return fmt.Errorf("spool: %w", err)
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		return fmt.Errorf("spool: %w", err)
	}
	return nil
}

// Take keeps what r holds, up to limit bytes (0: no limit; ErrTooLarge).
func (s *Spool) Take(ctx context.Context, r io.Reader, limit int64) (digest string, size int64, err error) {
	return s.Write(ctx, func(w io.Writer) error {
		if limit > 0 {
			r = io.LimitReader(r, limit+1)
		}
		n, err := io.Copy(w, r)
		if err == nil && limit > 0 && n > limit {
			err = ErrTooLarge
		}
		return err
	})
}

// Keep is Take for bytes that come only once: what came stays under key if it is interrupted, for Adopt. Each try has a
// file of its own: an earlier one may have all the bytes, and this one none.
func (s *Spool) Keep(ctx context.Context, key string, r io.Reader, kept func() error) (digest string, size int64, err error) {
	f, err := os.CreateTemp(s.dir, key+".*.once")
	if err != nil {
		return "", 0, fmt.Errorf("spool: %w", err)
	}
	_, err = io.Copy(&counter{w: f, ctx: ctx}, r)
	if e := f.Sync(); err == nil {
		err = e
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = kept()
	}
	if err != nil {
		return "", 0, err
	}
	return s.Adopt(key)
}

// Adopt makes the most that Keep has under key an object of the spool; no digest when there is nothing.
func (s *Spool) Adopt(key string) (digest string, size int64, err error) {
	tries, err := s.tries(key)
	if err != nil || len(tries) == 0 {
		return "", 0, err
	}
	best, most := "", int64(-1)
	for _, t := range tries {
		info, err := os.Stat(t)
		if err != nil {
			return "", 0, fmt.Errorf("spool: %w", err)
		}
		if info.Size() > most {
			best, most = t, info.Size()
		}
	}
	f, err := os.Open(best)
	if err != nil {
		return "", 0, fmt.Errorf("spool: %w", err)
	}
	defer f.Close()
	return s.Write(context.Background(), func(w io.Writer) error { // bounded: both are ours
		_, err := io.Copy(w, f)
		return err
	})
}

// tries are the files that Keep wrote under key. They stay until the journal has the digest: a crash in between must
// find them.
func (s *Spool) tries(key string) ([]string, error) {
	list, err := filepath.Glob(filepath.Join(s.dir, key+".*.once"))
	if err != nil {
		return nil, fmt.Errorf("spool: %w", err)
	}
	return list, nil
}

// Forget removes what Keep has under key.
func (s *Spool) Forget(key string) error {
	tries, err := s.tries(key)
	errs := []error{err}
	for _, t := range tries {
		if err := os.Remove(t); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, fmt.Errorf("spool: %w", err))
		}
	}
	return errors.Join(errs...)
}

// Open opens kept bytes.
func (s *Spool) Open(digest string) (*os.File, error) {
	if len(digest) != 64 || strings.ContainsAny(digest, "/.") {
		return nil, fmt.Errorf("spool: %q is no digest", digest)
	}
	f, err := os.Open(s.path(digest))
	if err != nil {
		return nil, fmt.Errorf("spool: %w", err)
	}
	return f, nil
}

func (s *Spool) path(digest string) string { return filepath.Join(s.dir, digest) }

// counter counts what passes, and stops when ctx does.
type counter struct {
	w   io.Writer
	n   int64
	ctx context.Context
}

func (c *counter) Write(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

func ignoreClosed(err error) error {
	if errors.Is(err, fs.ErrClosed) {
		return nil
	}
	return err
}
