package mappings

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"unicode/utf16"
	"unicode/utf8"
)

// Survey is what one pass over a text file's bytes shows: enough to refuse it, or to find it incomplete, before a row
// of it is read.
type Survey struct {
	Charset *Charset // `auto` is decided
	BOM     bool
	Start   int64 // offset of the first character, behind a byte-order mark
	End     int64 // offset behind the content: what follows is an end mark (0x1A)
	Marked  bool  // an end mark closes the file
	Quotes  int64 // how often the byte asked for occurs; 0 for UTF-16
}

const surveyChunk = 64 << 10

// Inspect reads a text file once, in chunks. encoding is a name of Charsets or "auto"; quote is the byte counted in
// Survey.Quotes. A file that is empty, not text, or not in that encoding gives a *FileError (NV-1001, 1002, 1004, 1007);
// one that ends in the middle of a character an incomplete one (NV-1005).
func Inspect(src Spooled, encoding string, quote byte) (Survey, error) {
	var s Survey
	if src.Size == 0 {
		return s, Refuse(0, "NV-1001.empty")
	}
	head := make([]byte, min(src.Size, surveyChunk))
	if err := readFull(src, head, 0); err != nil {
		return s, err
	}
	if kind, detail, err := Sniff(src); err != nil {
		return s, err
	} else if kind != FileText {
		return s, RefuseKind(kind, detail, false)
	}
	bom := markOf(head)
	if encoding == "auto" {
		if encoding = bom; encoding == "" {
			encoding = "auto"
		}
	}
	if bom != "" && encoding != bom && !(encoding == "utf-8-bom" && bom == "utf-8") {
		return s, Refuse(0, "NV-1002.looks_like", "encoding", encoding, "other", bom)
	}
	var err error
	if encoding != "auto" {
		if s.Charset, err = NewCharset(encoding); err != nil {
			return s, err
		}
	}
	if bom != "" {
		s.BOM, s.Start = true, int64(len(s.Charset.Mark()))
	}
	if s.Charset != nil && s.Charset.Wide() {
		err = s.wide(src, head)
	} else {
		err = s.narrow(src, encoding, quote, head)
	}
	if err != nil {
		return s, err
	}
	return s, s.tail(src)
}

// readFull reads len(b) bytes at off.
func readFull(src io.ReaderAt, b []byte, off int64) error {
	if n, err := src.ReadAt(b, off); n < len(b) {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return fmt.Errorf("reading the source: %w", err)
	}
	return nil
}

// markOf names the encoding that a byte-order mark tells.
func markOf(b []byte) string {
	switch {
	case bytes.HasPrefix(b, []byte{0xef, 0xbb, 0xbf}):
		return "utf-8"
	case bytes.HasPrefix(b, []byte{0xff, 0xfe}):
		return "utf-16le"
	case bytes.HasPrefix(b, []byte{0xfe, 0xff}):
		return "utf-16be"
	}
	return ""
}

// narrow surveys a file of one-byte or UTF-8 characters. encoding may still be "auto".
func (s *Survey) narrow(src Spooled, encoding string, quote byte, head []byte) error {
	var seen [256]bool
	buf := make([]byte, surveyChunk)
	valid, high := true, false // UTF-8 so far; a byte above ASCII was seen
	badLine, line := 0, 1
	var rest []byte // of a character that the chunk before cut
	for off := s.Start; off < src.Size; {
		b := buf[:min(surveyChunk, src.Size-off)]
		if err := readFull(src, b, off); err != nil {
			return err
		}
		off += int64(len(b))
		if i := bytes.IndexByte(b, 0); i >= 0 {
			return nulRefused(encoding, head, line+bytes.Count(b[:i], []byte{'\n'}))
		}
		s.Quotes += int64(bytes.Count(b, []byte{quote}))
		for p := b[asciiPrefix(b):]; len(p) > 0; p = p[asciiPrefix(p):] {
			high, seen[p[0]], p = true, true, p[1:]
		}
		if valid {
			if rest, valid = continues(rest, b); !valid {
				badLine = line
			}
		}
		line += bytes.Count(b, []byte{'\n'})
	}
	if encoding == "auto" {
		encoding = "windows-1252"
		if valid && len(rest) == 0 {
			encoding = "utf-8"
		}
		var err error
		if s.Charset, err = NewCharset(encoding); err != nil {
			return err
		}
	}
	if s.Charset.Name() == "utf-8" || s.Charset.Name() == "utf-8-bom" {
		switch {
		case !valid:
			return wrongBytes(encoding, badLine, guess(head, src.Size))
		case len(rest) > 0:
			return Unfinished(0, "NV-1005.character")
		}
		return nil
	}
	if !s.Charset.ASCII() && !high { // every letter and digit of EBCDIC is a high byte
		return Refuse(0, "NV-1002.looks_like", "encoding", s.Charset.Name(), "other", "utf-8")
	}
	return s.plausible(&seen, high && valid && len(rest) == 0, head, src.Size)
}

// continues checks UTF-8 across chunks: rest is the cut character that the chunk before ended with.
func continues(rest, b []byte) (next []byte, ok bool) {
	for len(rest) > 0 && len(b) > 0 && !utf8.FullRune(rest) {
		rest, b = append(rest, b[0]), b[1:]
	}
	if len(rest) > 0 {
		if !utf8.FullRune(rest) {
			return rest, true
		}
		if !utf8.Valid(rest) {
			return nil, false
		}
	}
	for i := 1; i <= 3 && i <= len(b); i++ {
		if c := b[len(b)-i]; utf8.RuneStart(c) {
			if !utf8.FullRune(b[len(b)-i:]) {
				rest, b = bytes.Clone(b[len(b)-i:]), b[:len(b)-i]
				return rest, utf8.Valid(b)
			}
			break
		}
	}
	return nil, utf8.Valid(b)
}

// plausible refuses a one-byte file whose bytes cannot be, or are surely not, what is declared.
func (s *Survey) plausible(seen *[256]bool, utf8Only bool, head []byte, size int64) error {
	declared := s.Charset.Name()
	if s.Charset.ASCII() && utf8Only {
		return Refuse(0, "NV-1002.looks_like", "encoding", declared, "other", "utf-8")
	}
	for b, there := range seen {
		if there && !s.Charset.Defined(byte(b)) {
			other := guess(head, size)
			if declared != "windows-1252" && b >= 0x80 && b < 0xa0 && other != "cp850" {
				other = "windows-1252"
			}
			if other == declared {
				other = ""
			}
			return wrongBytes(declared, 0, other)
		}
	}
	if other := guess(head, size); other != "" && other != declared && !related(other, declared) {
		return Refuse(0, "NV-1002.looks_like", "encoding", declared, "other", other)
	}
	return nil
}

// related encodings cannot be told apart by the few signs guess looks for.
func related(a, b string) bool {
	family := func(s string) string {
		switch s {
		case "cp850", "cp437":
			return "dos"
		case "windows-1252", "iso-8859-1", "iso-8859-15":
			return "latin"
		case "cp037", "cp1047", "cp1140", "cp297", "cp1147":
			return "ebcdic"
		}
		return s
	}
	return family(a) == family(b) || family(a) == "macintosh" || family(b) == "macintosh"
}

// guess names the encoding that a text looks like, "" when in doubt. It goes by signs that hardly lie: alternate NULs,
// the lines of EBCDIC, and accented letters that stand between small letters in one code page and are a quotation mark
// or a capital there in the other.
func guess(head []byte, size int64) string {
	if wide := wideGuess(head); wide != "" {
		return wide
	}
	var blanks, ebcdicBlanks, newlines, ebcdicLines int
	var dos, latin, upper, c1 int
	small := func(i int) bool { return i >= 0 && i < len(head) && head[i] >= 'a' && head[i] <= 'z' }
	for i, b := range head {
		switch {
		case b == ' ':
			blanks++
		case b == 0x40:
			ebcdicBlanks++
		case b == '\n' || b == '\r':
			newlines++
		case b == 0x15 || b == 0x25:
			ebcdicLines++
		case b >= 0xc0:
			upper++
			switch b {
			case 0xe0, 0xe7, 0xe8, 0xe9, 0xea, 0xee, 0xf4, 0xfb: // à ç è é ê î ô û of windows-1252
				if small(i-1) && small(i+1) {
					latin++
				}
			}
		case b >= 0x80 && b < 0xa0:
			c1++
			switch b {
			case 0x82, 0x87, 0x88, 0x8a: // é ç ê è of cp850
				if small(i-1) && small(i+1) {
					dos++
				}
			}
		}
	}
	high := upper + c1
	switch {
	case size > 40 && high > len(head)/3 && ebcdicLines > 0 && newlines <= ebcdicLines && ebcdicBlanks >= blanks:
		return "cp297"
	case dos > 0 && latin == 0 && upper == 0:
		return "cp850"
	case latin > 0 && dos == 0:
		return "windows-1252"
	case utf8.Valid(head) && high > 0:
		return "utf-8"
	}
	return ""
}

// wideGuess knows UTF-16 without a mark by its NULs, which Western text puts in every second byte.
func wideGuess(head []byte) string {
	var odd, even int
	for i, b := range head {
		if b == 0 {
			if i%2 == 0 {
				even++
			} else {
				odd++
			}
		}
	}
	switch pairs := len(head) / 2; {
	case pairs > 1 && odd > pairs*2/3 && even < pairs/10+1:
		return "utf-16le"
	case pairs > 1 && even > pairs*2/3 && odd < pairs/10+1:
		return "utf-16be"
	}
	return ""
}

func nulRefused(encoding string, head []byte, line int) error {
	if wide := wideGuess(head); wide != "" {
		return Refuse(0, "NV-1002.looks_like", "encoding", encoding, "other", wide)
	}
	return Refuse(line, "NV-1004.nul", "line", fmt.Sprint(line))
}

func wrongBytes(encoding string, line int, other string) error {
	switch {
	case other != "" && other != encoding:
		return Refuse(line, "NV-1002.looks_like", "encoding", encoding, "other", other)
	case line > 0:
		return Refuse(line, "NV-1002.line", "encoding", encoding, "line", fmt.Sprint(line))
	}
	return Refuse(0, "NV-1002.wrong", "encoding", encoding)
}

// wide surveys a UTF-16 file: whole characters, surrogates in pairs, no NUL.
func (s *Survey) wide(src Spooled, head []byte) error {
	if !s.BOM {
		if g := wideGuess(head); g != s.Charset.Name() {
			if g == "" && bytes.IndexByte(head, 0) < 0 {
				g = guess(head, src.Size)
				if g == "" && utf8.Valid(head) {
					g = "utf-8"
				}
			}
			if g != "" {
				return wrongBytes(s.Charset.Name(), 0, g)
			}
		}
	}
	order := s.Charset.order()
	buf := make([]byte, surveyChunk)
	var pending uint16 // a high surrogate that waits for its other half
	line := 1
	for off := s.Start; off < src.Size; {
		b := buf[:min(surveyChunk, src.Size-off)]
		if err := readFull(src, b, off); err != nil {
			return err
		}
		off += int64(len(b))
		if len(b)%2 != 0 {
			return Unfinished(0, "NV-1005.character")
		}
		for i := 0; i < len(b); i += 2 {
			u := order.Uint16(b[i:])
			switch {
			case u == 0:
				return Refuse(line, "NV-1004.nul", "line", fmt.Sprint(line))
			case u == '\n':
				line++
			}
			if pair := u >= 0xdc00 && u < 0xe000; pair != (pending != 0) || pair && utf16.DecodeRune(rune(pending), rune(u)) == utf8.RuneError {
				return wrongBytes(s.Charset.Name(), line, "")
			}
			pending = 0
			if u >= 0xd800 && u < 0xdc00 {
				pending = u
			}
		}
	}
	if pending != 0 {
		return Unfinished(0, "NV-1005.character")
	}
	return nil
}

// tail finds the end of the content: MS-DOS and CP/M programs close a text with 0x1A, some fill up with it.
func (s *Survey) tail(src Spooled) error {
	s.End = src.Size
	mark, step := []byte{0x1a}, int64(1)
	switch {
	case s.Charset.Wide():
		mark, step = binaryMark(s.Charset.order()), 2
	case !s.Charset.ASCII():
		if b, ok := s.Charset.Byte(0x1a); ok {
			mark = []byte{b}
		}
	}
	b := make([]byte, step)
	breaks := func() bool { // a line end behind the mark is the mark's, not a row's
		text := string(s.Charset.AppendDecoded(nil, b))
		return text == "\n" || text == "\r" || text == "\u0085"
	}
	end, seen := s.End, false
	for end-step >= s.Start {
		if err := readFull(src, b, end-step); err != nil {
			return err
		}
		if bytes.Equal(b, mark) {
			end, seen = end-step, true
			s.End, s.Marked = end, true
			continue
		}
		if seen || !breaks() || src.Size-end > 8*step {
			break
		}
		end -= step
	}
	if s.End <= s.Start {
		return Refuse(0, "NV-1001.empty")
	}
	return nil
}

func binaryMark(order binary.ByteOrder) []byte {
	b := make([]byte, 2)
	order.PutUint16(b, 0x1a)
	return b
}
