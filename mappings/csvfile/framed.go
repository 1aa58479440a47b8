package csvfile

import (
	"bytes"
	"fmt"
	"io"
	"iter"
	"strconv"

	"github.com/navette-connect/navette/mappings"
)

// frame is the length of a record without line end, in bytes.
func (t *table) frame() int64 {
	if t.survey.Charset.Wide() && !t.source.Bytes {
		return 2 * int64(t.source.Length)
	}
	return int64(t.source.Length)
}

// framedWhole refuses a file that does not end with a whole record. Line ends behind the last one are tolerated.
func (t *table) framedWhole() error {
	size := t.survey.End - t.survey.Start
	rest := size % t.frame()
	if rest == 0 {
		return nil
	}
	b := make([]byte, rest)
	if n, err := t.src.ReadAt(b, t.survey.End-rest); n < len(b) {
		return fmt.Errorf("reading the source: %w", err)
	}
	if text := t.survey.Charset.AppendDecoded(nil, b); len(bytes.Trim(text, "\r\n\u0085")) == 0 {
		t.survey.End -= rest
		return nil
	}
	return mappings.Unfinished(0, "NV-1005.record", "length", strconv.FormatInt(rest, 10), "expected", strconv.FormatInt(t.frame(), 10))
}

// framed yields records of one length, numbered as lines.
func (t *table) framed() iter.Seq2[mappings.Record, error] {
	return func(yield func(mappings.Record, error) bool) {
		length := t.frame()
		in := io.NewSectionReader(t.src, t.survey.Start, t.survey.End-t.survey.Start)
		buf := make([]byte, max(length, firstWindow/length*length))
		var text []byte
		line, end := 0, t.survey.Start
		for {
			n, err := io.ReadFull(in, buf)
			for b := buf[:n]; int64(len(b)) >= length; b = b[length:] {
				line++
				end += length
				text = t.survey.Charset.AppendDecoded(text[:0], b[:length])
				if !yield(mappings.Record{Line: line, End: end, Cells: []string{string(text)}, Raw: b[:length]}, nil) {
					return
				}
			}
			if err == io.EOF || err == io.ErrUnexpectedEOF {
				return
			}
			if err != nil {
				yield(mappings.Record{}, fmt.Errorf("reading the source: %w", err))
				return
			}
		}
	}
}
