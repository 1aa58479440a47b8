package csvfile

import (
	"bytes"
	"errors"
	"iter"

	"github.com/navette-connect/navette/mappings"
)

// Sections finds where records end, without reading their cells. Where it meets trouble that ends a file, the rest of
// the file is the last section: who reads that finds the trouble in its place.
func (t *table) Sections(size int64, records int) iter.Seq[mappings.Section] {
	return func(yield func(mappings.Section) bool) {
		last := mappings.Section{Start: t.survey.Start, End: t.survey.End, Line: 1}
		if t.source.Framed {
			yield(last)
			return
		}
		s := newScanner(t)
		for n := 1; s.pass() == nil; n++ {
			if n < records || s.offset-last.Start < size || s.line <= max(s.spoiltUntil, s.seenUntil) {
				continue
			}
			part := last
			part.End, last.Start, last.Line = s.offset, s.offset, s.line
			if !yield(part) {
				return
			}
		}
		if last.Start < last.End {
			yield(last)
		}
	}
}

// Within makes a reader of sections that uses its room again for each.
func (t *table) Within() func(mappings.Section) iter.Seq2[mappings.Record, error] {
	if t.source.Framed {
		return func(mappings.Section) iter.Seq2[mappings.Record, error] { return t.framed() }
	}
	s := newScanner(t)
	return func(part mappings.Section) iter.Seq2[mappings.Record, error] {
		return func(yield func(mappings.Record, error) bool) {
			s.line, s.offset, s.off, s.end = part.Line, part.Start, part.Start, part.End
			s.buf, s.r, s.spoiltUntil = s.buf[:0], 0, 0
			s.resetFinders()
			s.records(yield)
		}
	}
}

// errStop ends a walk; what is wrong is told by those who read.
var errStop = errors.New("the walk ends here")

// pass walks behind one record as next reads it: io.EOF behind the last one, errStop before what cannot be read.
func (s *scanner) pass() error {
	for {
		line, err := s.physical()
		if err != nil {
			return err
		}
		text := s.buf[s.r:line.end]
		if s.line <= s.spoiltUntil || len(s.quote) == 0 || s.quoteAt.from(s.buf, s.r) >= line.end ||
			len(s.comment) > 0 && bytes.HasPrefix(text, s.comment) {
			s.take(line.next, 1)
			return nil
		}
		if !s.source.Lazy && len(s.quote) == 1 && bytes.Count(text, s.quote)%2 == 0 { // no cell is open at the end of the line
			s.take(line.next, 1)
			return nil
		}
		switch p := s.split(s.r); p.is {
		case whole:
			s.take(p.next, p.lines+1)
			return nil
		case wrong:
			s.spoiltUntil = s.line + p.lines
		case needMore:
			if s.tooLong(p.openCell) != nil || s.grow() != nil {
				return errStop
			}
		default:
			return errStop
		}
		s.resetFinders()
	}
}
