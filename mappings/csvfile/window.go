package csvfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/navette-connect/navette/mappings"
)

const firstWindow = 64 << 10

// window shows a part of the file's content as bytes that can be searched: the file's own, or, for UTF-16, UTF-8.
type window struct {
	src     io.ReaderAt
	charset *mappings.Charset
	off     int64  // in the source, behind what is in buf
	end     int64  // of the content in the source
	buf     []byte // searchable bytes
	r       int    // where the next record begins in buf
	raw     []byte // of UTF-16: what was read, kept for the next read
	limit   int    // bytes that buf may hold
}

// full tells that buf may not grow any more.
func (w *window) full() bool { return len(w.buf)-w.r >= w.limit }

// atEnd tells that buf holds the content's last byte.
func (w *window) atEnd() bool { return w.off >= w.end }

// more moves what is not read yet to the front and reads on; it returns by how much positions moved.
func (w *window) more() (moved int, err error) {
	moved = w.r
	n := copy(w.buf, w.buf[w.r:])
	w.buf, w.r = w.buf[:n], 0
	room := max(firstWindow, n) // what was too short is doubled
	if w.charset.Wide() {
		return moved, w.moreWide(room)
	}
	room = int(min(int64(room), w.end-w.off))
	w.buf = append(w.buf, make([]byte, room)...)
	read, err := w.src.ReadAt(w.buf[n:], w.off)
	w.buf = w.buf[:n+read]
	w.off += int64(read)
	return moved, w.readError(read, room, err)
}

func (w *window) moreWide(room int) error {
	room = int(min(int64(room&^1), w.end-w.off))
	if cap(w.raw) < room {
		w.raw = make([]byte, room)
	}
	raw := w.raw[:room]
	read, err := w.src.ReadAt(raw, w.off)
	if err := w.readError(read, room, err); err != nil {
		return err
	}
	if w.off+int64(room) < w.end && surrogate(w.charset, raw[room-2:]) {
		raw = raw[:room-2] // a pair is not torn
	}
	w.buf = w.charset.AppendDecoded(w.buf, raw)
	w.off += int64(len(raw))
	return nil
}

// surrogate tells whether two bytes are the first half of a pair.
func surrogate(c *mappings.Charset, b []byte) bool {
	high := b[0]
	if c.Name() == "utf-16le" {
		high = b[1]
	}
	return high >= 0xd8 && high < 0xdc
}

func (w *window) readError(read, want int, err error) error {
	if read >= want {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("reading the source: %w", err)
}

// sourceLen is how many bytes of the source b stands for.
func (w *window) sourceLen(b []byte) int64 {
	if !w.charset.Wide() {
		return int64(len(b))
	}
	units := 0
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		units++
		if r > 0xffff {
			units++
		}
		b = b[n:]
	}
	return int64(2 * units)
}

// finder remembers where the next byte of its kind stands, so that each byte is looked at once.
type finder struct {
	b     byte
	at    int // no b between the last position asked for and at
	found bool
}

// from gives the position of the first b at or behind pos, len(buf) where there is none yet.
func (f *finder) from(buf []byte, pos int) int {
	if f.found && f.at >= pos {
		return f.at
	}
	f.at = max(f.at, pos)
	i := bytes.IndexByte(buf[f.at:], f.b)
	if f.found = i >= 0; !f.found {
		f.at = len(buf)
		return f.at
	}
	f.at += i
	return f.at
}

func (f *finder) moved(by int) {
	f.at = max(0, f.at-by)
	if f.at == 0 && by > 0 {
		f.found = false
	}
}
