package csvfile

import (
	"bytes"
	"errors"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/navette-connect/navette/mappings"
)

// scanner walks through one file. Its window holds bytes in the file's encoding, UTF-16 apart (see window).
type scanner struct {
	window
	t                     *table
	source                mappings.Source
	delim, quote, comment []byte
	delimText             string // the delimiter in UTF-8
	cr, lf, nelByte       byte
	nel                   bool // EBCDIC: NEL ends lines too
	lfAt, crAt, nelAt     finder
	quoteAt               finder
	line                  int   // of buf[r]
	offset                int64 // of buf[r] in the source

	spoiltUntil, spoiltFrom int    // lines of a record whose quotes are wrong
	spoiltKey               string // what is wrong with it
	seenUntil               int    // last line that was looked at to tell where a cell ends

	spans  []span
	cells  []string
	ends   []int
	text   []byte
	cell   []byte
	rawOut []byte // of UTF-16
	texts  strings.Builder
}

// span is where one cell's text stands in the window.
type span struct {
	start    int // of the cell, its opening quote included
	from, to int
	doubled  bool // quotes inside are written twice
}

func newScanner(t *table) *scanner {
	c := t.survey.Charset
	s := &scanner{t: t, source: t.source, line: 1, offset: t.survey.Start,
		window: window{src: t.src, charset: c, off: t.survey.Start, end: t.survey.End, limit: 4*t.source.MaxCell + firstWindow}}
	s.delim, s.quote, s.comment = s.searchable(string0(t.delimiter)), s.searchable(string0(t.quote)), s.searchable(t.source.Comment)
	s.delimText = string0(t.delimiter)
	s.cr, s.lf = '\r', '\n'
	if !c.ASCII() && !c.Wide() {
		s.lf, _ = c.Byte('\n')
		s.nelByte, s.nel = c.Byte('\u0085')
	}
	s.resetFinders()
	return s
}

func string0(r rune) string {
	if r == 0 {
		return ""
	}
	return string(r)
}

// searchable is text as the window shows it.
func (s *scanner) searchable(text string) []byte {
	if s.charset.Wide() {
		return []byte(text)
	}
	b, _ := s.charset.Encode(nil, text)
	return b
}

func (s *scanner) resetFinders() {
	s.lfAt, s.crAt, s.nelAt = finder{b: s.lf, at: s.r}, finder{b: s.cr, at: s.r}, finder{b: s.nelByte, at: s.r}
	if len(s.quote) > 0 {
		s.quoteAt = finder{b: s.quote[0], at: s.r}
	}
}

// grow reads more of the file; a record that has no end within the bounds gives NV-1003.
func (s *scanner) grow() error {
	if s.full() {
		return mappings.Refuse(s.line, "NV-1003.record", "line", strconv.Itoa(s.line), "limit", strconv.Itoa(s.limit))
	}
	moved, err := s.more()
	if err != nil {
		return err
	}
	for _, f := range [...]*finder{&s.lfAt, &s.crAt, &s.nelAt, &s.quoteAt} {
		f.moved(moved)
	}
	return nil
}

// physicalLine is a line of the file, wherever quotes stand.
type physicalLine struct {
	end, next int // of its text; behind its line end
	ending    string
}

// eol finds the first line end at or behind from; ok is false where more of the file is needed to tell.
func (s *scanner) eol(from int) (line physicalLine, ok bool) {
	p := s.lfAt.from(s.buf, from)
	if c := s.crAt.from(s.buf, from); c < p {
		p = c
	}
	if s.nel {
		if n := s.nelAt.from(s.buf, from); n < p {
			p = n
		}
	}
	if p == len(s.buf) {
		return physicalLine{p, p, ""}, s.atEnd()
	}
	n, ending, ok := s.lineEnd(p)
	return physicalLine{p, p + n, ending}, ok
}

// lineEnd measures the line end that stands at p; n is 0 where none does.
func (s *scanner) lineEnd(p int) (n int, ending string, ok bool) {
	switch b := s.buf[p]; {
	case b == s.lf:
		return 1, "\n", true
	case s.nel && b == s.nelByte:
		return 1, "\u0085", true
	case b != s.cr:
		return 0, "", true
	case p+1 < len(s.buf):
		if s.buf[p+1] == s.lf {
			return 2, "\r\n", true
		}
	case !s.atEnd():
		return 0, "", false
	}
	return 1, "\r", true
}

// physical finds the next line without reading it as cells; io.EOF behind the last one.
func (s *scanner) physical() (physicalLine, error) {
	for {
		line, ok := s.eol(s.r)
		switch {
		case ok && line.next == s.r:
			return line, io.EOF
		case ok:
			return line, nil
		}
		if err := s.grow(); err != nil {
			return line, err
		}
	}
}

// take moves behind a record that is lines lines long and ends at next, and gives its own offset of the end.
func (s *scanner) take(next, lines int) int64 {
	s.offset += s.sourceLen(s.buf[s.r:next])
	s.r = next
	s.line += lines
	return s.offset
}

// raw is the source's bytes of a part of the window.
func (s *scanner) rawOf(b []byte) []byte {
	if !s.charset.Wide() {
		return b
	}
	s.rawOut, _ = s.charset.Encode(s.rawOut[:0], string(b))
	return s.rawOut
}

// next gives the next record; more is false behind the last one.
func (s *scanner) next() (rec mappings.Record, more bool, err error) {
	for {
		line, err := s.physical()
		if errors.Is(err, io.EOF) {
			return rec, false, nil
		}
		if err != nil {
			return rec, true, err
		}
		text := s.buf[s.r:line.end]
		rec := mappings.Record{Line: s.line}
		switch {
		case s.line <= s.spoiltUntil:
			return rec, true, s.spoilt(line)
		case len(s.comment) > 0 && bytes.HasPrefix(text, s.comment):
			rec.Comment = true
		case len(text) == 0:
			rec.Blank = true
		case len(s.quote) == 0 || s.quoteAt.from(s.buf, s.r) >= line.end:
			if line.ending == "" && !s.t.survey.Marked && !s.source.OpenEnd {
				if err := s.fullLength(text); err != nil {
					return rec, true, err
				}
			}
			if rec.Cells, err = s.plain(text); err != nil {
				return rec, true, err
			}
		default:
			rec, again, err := s.quoted()
			if again {
				continue
			}
			return rec, true, err
		}
		rec.Raw = s.rawOf(text)
		rec.End = s.take(line.next, 1)
		return rec, true, nil
	}
}

// fullLength accepts a last line that is not closed if it is a fixed record of full length.
func (s *scanner) fullLength(text []byte) error {
	if s.source.Length == 0 {
		return mappings.Unfinished(s.line, "NV-1005.open_line")
	}
	n := len(text)
	if !s.source.Bytes {
		if !s.charset.Wide() {
			text = s.charset.AppendDecoded(nil, text)
		}
		n = utf8.RuneCount(text)
	}
	if n >= s.source.Length {
		return nil
	}
	return mappings.Unfinished(s.line, "NV-1005.record", "length", strconv.Itoa(n), "expected", strconv.Itoa(s.source.Length))
}

// spoilt gives one line of a record whose quotes are wrong.
func (s *scanner) spoilt(line physicalLine) error {
	p := mappings.Problem{Code: "NV-1103", Line: s.line}
	p.Text.Key = s.spoiltKey
	if s.line > s.spoiltFrom {
		p.Text.Key, p.Text.Args = "NV-1103.inside", []string{"line", strconv.Itoa(s.spoiltFrom)}
	}
	raw := s.rawOf(s.buf[s.r:line.end])
	at := s.line
	return &mappings.RowError{Line: at, Raw: raw, Problem: p, End: s.take(line.next, 1)}
}

// tooLong refuses a cell beyond the mapping's bounds.
func (s *scanner) tooLong(n int) error {
	if n <= s.source.MaxCell {
		return nil
	}
	return mappings.Refuse(s.line, "NV-1003.cell", "line", strconv.Itoa(s.line), "limit", strconv.Itoa(s.source.MaxCell))
}

// plain splits a line that holds no quote. Decoding the line as a whole and splitting it then is quicker than decoding
// cells, and the same: no two characters of an encoding share a byte.
func (s *scanner) plain(text []byte) ([]string, error) {
	s.cells = s.cells[:0]
	if !s.charset.Wide() && !s.charset.Same(text) {
		s.text = s.charset.AppendDecoded(s.text[:0], text)
		text = s.text
	}
	all, rest := s.keep(text), 0
	for {
		i := strings.Index(all[rest:], s.delimText)
		if s.delimText == "" || i < 0 {
			break
		}
		if err := s.tooLong(i); err != nil {
			return nil, err
		}
		s.cells = append(s.cells, all[rest:rest+i])
		rest += i + len(s.delimText)
	}
	s.cells = append(s.cells, all[rest:])
	return s.cells, s.tooLong(len(all) - rest)
}

// keep makes a string of a record's text. The texts of many records share one allocation.
func (s *scanner) keep(text []byte) string {
	const block = 16 << 10
	if len(text) > block/4 {
		return string(text)
	}
	if s.texts.Cap()-s.texts.Len() < len(text) {
		s.texts = strings.Builder{}
		s.texts.Grow(block)
	}
	from := s.texts.Len()
	s.texts.Write(text)
	return s.texts.String()[from:]
}

func (s *scanner) nextDelim(b []byte) int {
	switch len(s.delim) {
	case 0:
		return -1
	case 1:
		return bytes.IndexByte(b, s.delim[0])
	}
	return bytes.Index(b, s.delim)
}

// strings cuts the decoded text of a record into its cells: one allocation a record.
func (s *scanner) strings() []string {
	all, from := s.keep(s.text), 0
	s.cells = s.cells[:0]
	for _, end := range s.ends {
		s.cells = append(s.cells, all[from:end])
		from = end
	}
	return s.cells
}

// quoted reads a record that has quotes. again tells that more of the file was read and the record is to be tried anew.
func (s *scanner) quoted() (rec mappings.Record, again bool, err error) {
	p := s.split(s.r)
	switch p.is {
	case needMore:
		if err := s.tooLong(p.openCell); err != nil {
			return rec, false, err
		}
		if err := s.grow(); err != nil {
			return rec, false, err
		}
		s.resetFinders()
		return rec, true, nil
	case unclosed:
		return rec, false, mappings.Unfinished(s.line, "NV-1005.open_quote", "line", strconv.Itoa(s.line))
	case wrong:
		s.spoiltFrom, s.spoiltUntil, s.spoiltKey = s.line, s.line+p.lines, p.key
		s.resetFinders()
		return rec, true, nil
	}
	if !p.closed && !s.t.survey.Marked && !s.source.OpenEnd {
		return rec, false, mappings.Unfinished(s.line, "NV-1005.open_line")
	}
	rec.Line = s.line
	s.text, s.ends = s.text[:0], s.ends[:0]
	for _, c := range s.spans {
		if err := s.tooLong(c.to - c.from); err != nil {
			return rec, false, err
		}
		s.text = s.appendCell(s.text, s.buf[c.from:c.to], c.doubled)
		s.ends = append(s.ends, len(s.text))
	}
	rec.Cells = s.strings()
	rec.Raw = s.rawOf(s.buf[s.r:p.end])
	rec.End = s.take(p.next, p.lines+1)
	return rec, false, nil
}

// appendCell decodes one cell; a doubled quote is one.
func (s *scanner) appendCell(dst, raw []byte, doubled bool) []byte {
	if doubled {
		s.cell = s.cell[:0]
		for {
			i := bytes.Index(raw, s.quote)
			if i < 0 {
				break
			}
			i += len(s.quote)
			s.cell, raw = append(s.cell, raw[:i]...), raw[i:]
			raw = bytes.TrimPrefix(raw, s.quote)
		}
		raw = append(s.cell, raw...)
		s.cell = raw
	}
	if s.charset.Wide() {
		return append(dst, raw...)
	}
	return s.charset.AppendDecoded(dst, raw)
}

// lastText is the last character of the content.
func (s *scanner) lastText() (rune, error) {
	b := make([]byte, min(4, s.end-s.t.survey.Start))
	if n, err := s.t.src.ReadAt(b, s.end-int64(len(b))); n < len(b) {
		return 0, s.readError(n, len(b), err)
	}
	if !s.charset.Wide() && !s.charset.Unicode() {
		b = b[len(b)-1:]
	}
	r, _ := utf8.DecodeLastRune(s.charset.AppendDecoded(nil, b))
	return r, nil
}
