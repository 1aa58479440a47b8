package propose

import (
	"bytes"
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/navette-connect/navette/mappings"
)

// open decodes a sample.
func open(src mappings.Spooled, opt Options) (*sample, error) {
	s := &sample{src: src, opt: opt, format: "csv"}
	if src.Size == 0 {
		return nil, mappings.Refuse(0, "NV-1001.empty")
	}
	head := make([]byte, min(src.Size, sampleBytes))
	if n, err := src.ReadAt(head, 0); n < len(head) {
		return nil, errors.Join(errors.New("reading the sample"), err)
	}
	kind, _, err := mappings.Sniff(src)
	if err != nil {
		return nil, err
	}
	if kind == mappings.FileXLSX && opt.Formats["xlsx"] != nil {
		s.format, s.whole = "xlsx", true
		return s, nil
	}
	survey, err := mappings.Inspect(src, charsetOf(head), '"')
	var file *mappings.FileError
	if errors.As(err, &file) && file.Incomplete { // cut in the middle of a character: what is there is read
		return nil, file
	}
	if err != nil && strings.HasPrefix(codeOf(err), "NV-1002") {
		survey, err = mappings.Inspect(src, "auto", '"')
	}
	if err != nil {
		return nil, err
	}
	s.encoding, s.bom, s.marked = survey.Charset.Name(), survey.BOM, survey.Marked
	if s.bom && s.encoding == "utf-8" {
		s.encoding = "utf-8-bom"
	}
	end := min(survey.End, int64(len(head)))
	s.whole = end == survey.End
	body := head[survey.Start:max(end, survey.Start)]
	if survey.Charset.Wide() {
		body = body[:len(body)/2*2]
	}
	s.text = strings.ToValidUTF8(string(survey.Charset.AppendDecoded(nil, body)), "\uFFFD")
	if control(s.text) {
		return nil, refuse("propose.binary")
	}
	if strings.TrimSpace(s.text) == "" {
		return nil, mappings.Refuse(0, "NV-1001.empty")
	}
	s.findNewline()
	if !s.whole { // down to the last whole line
		if i := strings.LastIndex(s.text, s.newline); s.newline != "" && i > 0 {
			s.text = s.text[:i+len(s.newline)]
		}
		return s, nil
	}
	s.openEnd = s.newline != "" && !strings.HasSuffix(s.text, s.newline)
	return s, nil
}

func codeOf(err error) string {
	var file *mappings.FileError
	if errors.As(err, &file) {
		return file.Problem.Code
	}
	return ""
}

// control tells whether a text is none: more than a few control characters stand in it.
func control(text string) bool {
	n, all := 0, 0
	for _, r := range text[:min(len(text), 64<<10)] {
		all++
		if r < ' ' && r != '\n' && r != '\r' && r != '\t' && r != '\f' && r != 0x1a {
			n++
		}
	}
	return n > 2 && n > all/200
}

// findNewline tells how lines end.
func (s *sample) findNewline() {
	crlf, lf, cr := strings.Count(s.text, "\r\n"), strings.Count(s.text, "\n"), strings.Count(s.text, "\r")
	nel := strings.Count(s.text, "\u0085")
	switch {
	case crlf > 0 && crlf*2 > lf:
		s.newline = "\r\n"
	case lf > 0:
		s.newline = "\n"
	case cr > 0:
		s.newline = "\r"
	case nel > 0:
		s.newline = "\u0085"
	}
}

// charsetOf names the encoding that a text most probably has, or auto where a mark tells it. An encoding is judged by
// what it makes of the bytes above ASCII: letters between letters speak for it, signs nobody writes against it.
func charsetOf(b []byte) string {
	switch {
	case bytes.HasPrefix(b, []byte{0xef, 0xbb, 0xbf}), bytes.HasPrefix(b, []byte{0xff, 0xfe}), bytes.HasPrefix(b, []byte{0xfe, 0xff}):
		return "auto"
	}
	if wide := wideOf(b); wide != "" {
		return wide
	}
	if ebcdic(b) {
		return best(b, "cp1147", "cp297", "cp1140", "cp037", "cp1047")
	}
	if validPrefix(b) {
		return "utf-8"
	}
	if bytes.IndexByte(b, 0) >= 0 {
		return "auto"
	}
	return best(b, "windows-1252", "iso-8859-15", "cp850", "macintosh", "cp437", "iso-8859-1")
}

// validPrefix tells whether b is UTF-8, but for a character that the end of the sample cut.
func validPrefix(b []byte) bool {
	for i := 0; i < 4 && i <= len(b); i++ {
		if utf8.Valid(b[:len(b)-i]) {
			return true
		}
		if i < len(b) && b[len(b)-1-i] < utf8.RuneSelf {
			return false
		}
	}
	return false
}

// wideOf knows UTF-16 without a mark by its NULs.
func wideOf(b []byte) string {
	var at [2]int
	for i, c := range b {
		if c == 0 {
			at[i%2]++
		}
	}
	switch pairs := len(b) / 2; {
	case pairs > 1 && at[1] > pairs*2/3 && at[0] < pairs/10+1:
		return "utf-16le"
	case pairs > 1 && at[0] > pairs*2/3 && at[1] < pairs/10+1:
		return "utf-16be"
	}
	return ""
}

// ebcdic tells EBCDIC by its letters and digits, which are high bytes, and its blank 0x40.
func ebcdic(b []byte) bool {
	own, ascii := 0, 0
	for _, c := range b {
		switch {
		case c >= 0xf0 && c <= 0xf9, c >= 0x81 && c <= 0x89, c >= 0x91 && c <= 0x99, c >= 0xa2 && c <= 0xa9, c >= 0xc1 && c <= 0xc9,
			c >= 0xd1 && c <= 0xd9, c >= 0xe2 && c <= 0xe9, c == 0x40:
			own++
		case c >= '0' && c <= '9', c >= 'a' && c <= 'z', c == ' ':
			ascii++
		}
	}
	return own > len(b)*6/10 && ascii < len(b)/10
}

// best gives the encoding that makes most sense of a text's bytes above ASCII; the first named wins a tie.
func best(b []byte, names ...string) string {
	found, most := names[0], -1<<30
	if len(b) > 1<<20 {
		b = b[:1<<20]
	}
	for _, name := range names {
		c, err := mappings.NewCharset(name)
		if err != nil {
			continue
		}
		if score := sense(string(c.AppendDecoded(nil, b))); score > most {
			found, most = name, score
		}
	}
	return found
}

// sense says how much like a list of invoices a text reads. Only what tells encodings apart is counted.
func sense(text string) (score int) {
	const common, rare = "éèàçêôûîïëâùüöäßñáíóúìòÉÈÀÇÊÔÎÜÖÄœŒ", "ãõåæøÂÛÙËÏÁÍÓÚÑŸÿ"
	rs := []rune(text)
	letter := func(i int) bool { return i >= 0 && i < len(rs) && unicode.IsLetter(rs[i]) }
	small := func(i int) bool { return i >= 0 && i < len(rs) && unicode.IsLower(rs[i]) }
	for i, r := range rs {
		switch {
		case r == '@':
			if letter(i-1) && letter(i+1) {
				score += 3
			}
		case r < utf8.RuneSelf:
			if r < ' ' && r != '\n' && r != '\r' && r != '\t' && r != 0x1a {
				score -= 3
			}
		case r == utf8.RuneError:
			score -= 20
		case strings.ContainsRune(common, r):
			switch {
			case unicode.IsUpper(r) && small(i-1): // no capital stands behind a small letter
				score -= 4
			case letter(i-1) || letter(i+1):
				score += 4
			default:
				score++
			}
		case strings.ContainsRune(rare, r):
			if unicode.IsUpper(r) && small(i-1) {
				score -= 4
			} else {
				score++
			}
		case r == '€' || r == '°' || r == '\u00a0' || r == '’' || r == '«' || r == '»' || r == '£' || r == '–' || r == '…' || r == '“' || r == '”':
			score += 2
		case r == '\u0085':
			score++
		case r >= 0x80 && r < 0xa0:
			score -= 10
		case r == 'º' || r == 'ª' || r == '§' || r == '²' || r == '‘' || r == '—' || r == '·' || r == '•' || r == '®' || r == '©':
		default:
			score -= 4
		}
	}
	return score
}
