package csvfile

import "bytes"

type outcome int

const (
	whole    outcome = iota + 1
	needMore         // the window ends inside the record
	unclosed         // the file ends inside quotes
	wrong            // a quote stands where none may
)

// parsed is what split found.
type parsed struct {
	is        outcome
	end, next int    // of a whole record: of its text, behind its line end
	lines     int    // line ends inside the record, or before what is wrong
	closed    bool   // a line end follows, or the last cell's closing quote
	key       string // of what is wrong
	openCell  int    // needMore: length so far of the cell that is not finished
}

// split reads the record that begins at from into s.spans. Quotes are read strictly (RFC 4180): a cell is quoted as a whole
// or not at all, and a quote inside is written twice. Where the source says lazy, the quotes of a cell that breaks this are
// ordinary characters, and the cell ends at the next delimiter or line end: it must not take in what others hold.
func (s *scanner) split(from int) parsed {
	s.spans = s.spans[:0]
	lines := 0
	for at := from; ; {
		var c span
		var p parsed
		quoted := s.at(at, s.quote)
		if quoted {
			c, p = s.quotedCell(at)
		} else if !s.sure(at, s.quote) {
			return parsed{is: needMore}
		}
		if !quoted || p.is == wrong && s.source.Lazy {
			n := len(s.spans)
			s.seenUntil = max(s.seenUntil, s.line+lines+p.lines)
			if p = s.bare(at); quoted && len(s.spans) > n {
				s.spans[n] = s.stripped(s.spans[n])
			}
			if p.is != 0 {
				p.lines = lines
				return p
			}
			at = p.next
			continue
		}
		lines += p.lines
		if p.is != 0 {
			p.lines = lines
			return p
		}
		s.spans = append(s.spans, c)
		after := c.to + len(s.quote)
		switch {
		case after >= len(s.buf):
			return parsed{is: whole, end: after, next: after, lines: lines, closed: true}
		case s.at(after, s.delim):
			if at = after + len(s.delim); at >= len(s.buf) && s.atEnd() {
				return s.emptyEnd(at, lines)
			}
		default:
			n, _, _ := s.lineEnd(after)
			return parsed{is: whole, end: after, next: after + n, lines: lines, closed: true}
		}
	}
}

// emptyEnd closes a record whose last delimiter ends the file.
func (s *scanner) emptyEnd(at, lines int) parsed {
	s.spans = append(s.spans, span{at, at, at, false})
	return parsed{is: whole, end: at, next: at, lines: lines}
}

// bare reads a cell without quotes around it, and the end of the record where it follows. is stays 0 when another cell
// follows, at next.
func (s *scanner) bare(from int) parsed {
	for at := from; ; at++ {
		if at >= len(s.buf) {
			if !s.atEnd() {
				return parsed{is: needMore, openCell: at - from}
			}
			s.spans = append(s.spans, span{from, from, at, false})
			return parsed{is: whole, end: at, next: at}
		}
		switch b := s.buf[at]; {
		case len(s.delim) > 0 && b == s.delim[0]:
			if !s.sure(at, s.delim) {
				return parsed{is: needMore, openCell: at - from}
			}
			if !s.at(at, s.delim) {
				continue
			}
			s.spans = append(s.spans, span{from, from, at, false})
			next := at + len(s.delim)
			if next >= len(s.buf) && s.atEnd() {
				return s.emptyEnd(next, 0)
			}
			return parsed{next: next}
		case b == s.quote[0] && !s.source.Lazy:
			if !s.sure(at, s.quote) {
				return parsed{is: needMore, openCell: at - from}
			}
			if s.at(at, s.quote) {
				return parsed{is: wrong, key: "NV-1103.bare"}
			}
		case b == s.lf, b == s.cr, s.nel && b == s.nelByte:
			n, _, ok := s.lineEnd(at)
			if !ok {
				return parsed{is: needMore, openCell: at - from}
			}
			s.spans = append(s.spans, span{from, from, at, false})
			return parsed{is: whole, end: at, next: at + n, closed: true}
		}
	}
}

// stripped is a cell without the quotes around it, if it ends with one, too.
func (s *scanner) stripped(c span) span {
	if from, to := c.from+len(s.quote), c.to-len(s.quote); from <= to && s.at(to, s.quote) {
		c.from, c.to = from, to
	}
	return c
}

// quotedCell reads a cell from its opening quote to its closing one. lines counts the line ends inside.
func (s *scanner) quotedCell(from int) (span, parsed) {
	c := span{start: from, from: from + len(s.quote)}
	for at := c.from; ; {
		i := bytes.Index(s.buf[at:], s.quote)
		if i < 0 {
			if !s.atEnd() {
				return c, parsed{is: needMore, openCell: len(s.buf) - from}
			}
			return c, parsed{is: unclosed}
		}
		c.to = at + i
		after := c.to + len(s.quote)
		if after >= len(s.buf) {
			if !s.atEnd() {
				return c, parsed{is: needMore, openCell: len(s.buf) - from}
			}
			return c, parsed{lines: s.countLines(c.from, c.to)}
		}
		if !s.sure(after, s.quote) || !s.sure(after, s.delim) {
			return c, parsed{is: needMore, openCell: len(s.buf) - from}
		}
		if s.at(after, s.quote) {
			c.doubled = true
			at = after + len(s.quote)
			continue
		}
		n, _, ok := s.lineEnd(after)
		switch {
		case !ok:
			return c, parsed{is: needMore, openCell: len(s.buf) - from}
		case n > 0 || len(s.delim) > 0 && s.at(after, s.delim):
			return c, parsed{lines: s.countLines(c.from, c.to)}
		}
		return c, parsed{is: wrong, key: "NV-1103.behind", lines: s.countLines(c.from, c.to)}
	}
}

// at tells whether mark stands at p; sure, whether the window shows enough of what follows p to tell.
func (s *scanner) at(p int, mark []byte) bool {
	return len(mark) > 0 && p <= len(s.buf) && bytes.HasPrefix(s.buf[p:], mark)
}

func (s *scanner) sure(p int, mark []byte) bool {
	return s.atEnd() || len(s.buf)-p >= len(mark) && p < len(s.buf)
}

// countLines counts the line ends in a part of the window.
func (s *scanner) countLines(from, to int) int {
	n := 0
	if part := s.buf[from:to]; bytes.IndexByte(part, s.lf) < 0 && bytes.IndexByte(part, s.cr) < 0 && !s.nel {
		return 0
	}
	for p := from; p < to; {
		length, ending, _ := s.lineEnd(p)
		if ending != "" {
			n++
		}
		p += max(1, min(length, to-p))
	}
	return n
}

// prefix is where the first n cells of a record end; all of it where it has fewer.
func (s *scanner) prefix(text []byte, n int) int {
	s.buf, s.r, s.off, s.end = text, 0, 0, 0
	s.source.Lazy = true
	if len(s.quote) == 0 {
		for from := 0; ; {
			i := s.nextDelim(text[from:])
			if i < 0 {
				return len(text)
			}
			if n--; n == 0 {
				return from + i
			}
			from += i + len(s.delim)
		}
	}
	s.split(0)
	if len(s.spans) <= n {
		return len(text)
	}
	return s.spans[n].start - len(s.delim)
}
