// Package csvfile reads text for package mappings, delimited or of fixed positions: any delimiter and quote, every
// encoding that mappings knows, all kinds of line ends, true line numbers, and the source's own bytes of every record.
// A record of fixed positions is one cell; mappings cuts it up.
//
// A record that is spoilt (a quote out of place) spoils its own lines only. Memory is bounded whatever the file holds.
package csvfile

import (
	"errors"
	"fmt"
	"iter"
	"strconv"

	"github.com/navette-connect/navette/mappings"
)

// ErrOption is the kind of a source that cannot be read as declared.
var ErrOption = errors.New("impossible csv option")

type format struct{ source mappings.Source }

// New makes the format of a mapping's source, `csv` or `fixed`. ErrOption when a delimiter or quote cannot be written in
// the encoding, or records without line ends have no length in bytes.
func New(source mappings.Source) (mappings.Format, error) {
	if source.Format == "fixed" {
		source.Delimiter, source.Quote = 0, 0
		if source.Framed && (source.Encoding == "auto" || source.Encoding[:4] == "utf-") && !source.Bytes {
			return nil, fmt.Errorf("%w: framing: fixed needs an encoding of one byte a character, or bytes: true", ErrOption)
		}
	}
	if source.Delimiter != 0 && source.Delimiter == source.Quote {
		return nil, fmt.Errorf("%w: delimiter and quote are both %q", ErrOption, source.Quote)
	}
	if source.Encoding != "auto" {
		charset, err := mappings.NewCharset(source.Encoding)
		if err != nil {
			return nil, err
		}
		for _, r := range []rune{source.Delimiter, source.Quote} {
			if _, lost := charset.Like(string(r)); r != 0 && lost > 0 {
				return nil, fmt.Errorf("%w: %q does not exist in %s", ErrOption, r, source.Encoding)
			}
		}
	}
	return format{source}, nil
}

func (f format) Open(src mappings.Spooled) (mappings.Table, error) {
	if src.Size > f.source.MaxBytes {
		return nil, mappings.Refuse(0, "NV-1003.bytes", "size", strconv.FormatInt(src.Size, 10), "limit", strconv.FormatInt(f.source.MaxBytes, 10))
	}
	survey, err := mappings.Inspect(src, f.source.Encoding, quoteByte(f.source))
	if err != nil {
		return nil, err
	}
	t := &table{source: f.source, src: src, survey: survey, delimiter: f.source.Delimiter, quote: f.source.Quote}
	if f.source.Framed {
		return t, t.framedWhole()
	}
	if err := t.complete(); err != nil {
		return nil, err
	}
	return t, nil
}

// quoteByte is the byte whose number tells whether quotes can be balanced.
func quoteByte(source mappings.Source) byte {
	if charset, err := mappings.NewCharset(source.Encoding); err == nil && source.Quote != 0 {
		if b, ok := charset.Byte(source.Quote); ok {
			return b
		}
	}
	return '"'
}

// table is one file. It is not changed once it is open.
type table struct {
	source           mappings.Source
	src              mappings.Spooled
	survey           mappings.Survey
	delimiter, quote rune
}

func (t *table) Dialect() mappings.Dialect {
	d := mappings.Dialect{Encoding: t.survey.Charset.Name(), BOM: t.survey.BOM, Delimiter: t.delimiter, Quote: t.quote,
		Newline: t.newline(), Decimal: t.source.Decimal, Lazy: t.source.Lazy,
		Fixed: t.source.Format == "fixed"}
	if d.Delimiter == 0 { // one cell a line: what is written behind it needs a delimiter all the same
		d.Delimiter = ';'
	}
	return d
}

// newline is how the first line ends; CRLF where there is but one line.
func (t *table) newline() string {
	s := newScanner(t)
	if line, err := s.physical(); err == nil && line.ending != "" {
		return line.ending
	}
	return "\r\n"
}

// complete tells as early as possible that a file ends in mid-record, so that nothing of it is taken: a last line that
// is not closed, a quote that is not. Only where the last bytes leave it open is the whole file walked through.
func (t *table) complete() error {
	s := newScanner(t)
	last, err := s.lastText()
	if err != nil {
		return err
	}
	closed := last == '\n' || last == '\r' || last == '\u0085' && s.nel || t.survey.Marked || t.source.OpenEnd
	switch {
	case !closed && t.source.Length > 0: // a fixed record of full length is complete; so the last one is measured
	case !closed && (t.quote == 0 || last != t.quote):
		return mappings.Unfinished(0, "NV-1005.open_line")
	case closed && (t.quote == 0 || !t.survey.Charset.Wide() && t.survey.Quotes%2 == 0):
		return nil
	}
	for _, err := range t.Records() {
		var row *mappings.RowError
		if err != nil && !errors.As(err, &row) {
			var file *mappings.FileError
			if errors.As(err, &file) && !file.Incomplete {
				return nil // found again, in its place, when the rows are read
			}
			return err
		}
	}
	return nil
}

// Cut gives the bytes of the first n cells of a record.
func (t *table) Cut(raw []byte, n int) []byte {
	s := newScanner(t)
	text := raw
	if t.survey.Charset.Wide() {
		text = t.survey.Charset.AppendDecoded(nil, raw)
	}
	end := s.prefix(text, n)
	if t.survey.Charset.Wide() {
		out, _ := t.survey.Charset.Encode(nil, string(text[:end]))
		return out
	}
	return raw[:end]
}

func (t *table) Records() iter.Seq2[mappings.Record, error] {
	if t.source.Framed {
		return t.framed()
	}
	return func(yield func(mappings.Record, error) bool) { newScanner(t).records(yield) }
}

// ofRow tells whether an error spoils one record alone.
func ofRow(err error) bool {
	var row *mappings.RowError
	return errors.As(err, &row)
}

// records yields what is left to be read.
func (s *scanner) records(yield func(mappings.Record, error) bool) {
	for {
		rec, more, err := s.next()
		if !more || !yield(rec, err) || err != nil && !ofRow(err) {
			return
		}
	}
}
