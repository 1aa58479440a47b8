package mappings

import (
	"encoding/binary"
	"errors"
	"fmt"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// ErrCharset is the kind of an encoding that is not known.
var ErrCharset = errors.New("unknown encoding")

// Charsets lists the encodings that a mapping may name, `auto` apart.
func Charsets() []string {
	return []string{"utf-8", "utf-8-bom", "utf-16le", "utf-16be", "windows-1252", "iso-8859-1", "iso-8859-15",
		"cp850", "cp437", "macintosh", "cp037", "cp1047", "cp1140", "cp297", "cp1147"}
}

type charsetKind int

const (
	charsetUTF8 charsetKind = iota + 1
	charsetUTF16LE
	charsetUTF16BE
	charsetBytes // one byte a character
)

// Charset is one character encoding, both ways. It is immutable.
type Charset struct {
	name  string
	kind  charsetKind
	ascii bool          // bytes below 0x80 are ASCII
	runes *[256]rune    // of charsetBytes; -1 where no character stands
	text  *[256][]byte  // the same in UTF-8
	bytes map[rune]byte // and back
}

// NewCharset finds an encoding by its name in a mapping; ErrCharset for a name that is not in Charsets.
func NewCharset(name string) (*Charset, error) {
	c := &Charset{name: name, kind: charsetBytes, ascii: true}
	switch name {
	case "utf-8", "utf-8-bom":
		c.kind = charsetUTF8
	case "utf-16le":
		c.kind, c.ascii = charsetUTF16LE, false
	case "utf-16be":
		c.kind, c.ascii = charsetUTF16BE, false
	case "windows-1252":
		c.fill(charmap.Windows1252, nil)
	case "iso-8859-1":
		c.fill(charmap.ISO8859_1, nil)
	case "iso-8859-15":
		c.fill(charmap.ISO8859_15, nil)
	case "cp850":
		c.fill(charmap.CodePage850, nil)
	case "cp437":
		c.fill(charmap.CodePage437, nil)
	case "macintosh":
		c.fill(charmap.Macintosh, nil)
	case "cp037":
		c.fill(charmap.CodePage037, nil)
	case "cp1047":
		c.fill(charmap.CodePage1047, nil)
	case "cp1140":
		c.fill(charmap.CodePage1140, nil)
	case "cp297":
		c.fill(charmap.CodePage037, frenchEBCDIC)
	case "cp1147":
		c.fill(charmap.CodePage037, frenchEBCDIC)
		c.set(0x9f, '€')
	default:
		return nil, fmt.Errorf("%w %q", ErrCharset, name)
	}
	return c, nil
}

// frenchEBCDIC are the bytes where code page 297 (France) differs from 037: pairs of byte and character.
var frenchEBCDIC = []struct {
	b byte
	r rune
}{
	{0x44, '@'}, {0x48, '\\'}, {0x4a, '°'}, {0x4f, '!'}, {0x51, '{'}, {0x54, '}'}, {0x5a, '§'}, {0x5f, '^'}, {0x6a, 'ù'},
	{0x79, 'µ'}, {0x7b, '£'}, {0x7c, 'à'}, {0x90, '['}, {0xa0, '`'}, {0xa1, '¨'}, {0xb0, '¢'}, {0xb1, '#'}, {0xb5, ']'},
	{0xba, '¬'}, {0xbb, '|'}, {0xbd, '~'}, {0xc0, 'é'}, {0xd0, 'è'}, {0xdd, '¦'}, {0xe0, 'ç'},
}

// fill makes the tables of a one-byte encoding.
func (c *Charset) fill(m *charmap.Charmap, differ []struct {
	b byte
	r rune
}) {
	c.runes, c.text, c.bytes = new([256]rune), new([256][]byte), make(map[rune]byte, 256)
	c.ascii = m.DecodeByte('A') == 'A'
	for i := range 256 {
		r := m.DecodeByte(byte(i))
		if r == utf8.RuneError || c.ascii && i >= 0x80 && r >= 0x80 && r < 0xa0 { // C1 controls are no text
			r = -1
		}
		c.runes[i] = r
	}
	for _, d := range differ {
		c.runes[d.b] = d.r
	}
	for i := range 256 {
		c.set(byte(i), c.runes[i])
	}
}

func (c *Charset) set(b byte, r rune) {
	if old := c.runes[b]; old >= 0 && old != r {
		delete(c.bytes, old)
	}
	c.runes[b] = r
	if r < 0 {
		c.text[b] = []byte(string(utf8.RuneError))
		return
	}
	c.text[b] = utf8.AppendRune(nil, r)
	c.bytes[r] = b
}

// Name is the name in a mapping.
func (c *Charset) Name() string { return c.name }

// Wide tells whether the encoding is UTF-16: its bytes cannot be searched for single characters.
func (c *Charset) Wide() bool { return c.kind == charsetUTF16LE || c.kind == charsetUTF16BE }

// Unicode tells whether the encoding has every character.
func (c *Charset) Unicode() bool { return c.kind != charsetBytes }

// ASCII tells whether bytes below 0x80 are ASCII.
func (c *Charset) ASCII() bool { return c.ascii }

// Mark is the byte-order mark of the encoding, nil where there is none.
func (c *Charset) Mark() []byte {
	switch c.kind {
	case charsetUTF8:
		return []byte{0xef, 0xbb, 0xbf}
	case charsetUTF16LE:
		return []byte{0xff, 0xfe}
	case charsetUTF16BE:
		return []byte{0xfe, 0xff}
	}
	return nil
}

// Defined tells whether a byte is a character of a one-byte encoding; true for every byte of the others.
func (c *Charset) Defined(b byte) bool { return c.kind != charsetBytes || c.runes[b] >= 0 }

// AppendDecoded appends src, read in this encoding, to dst as UTF-8. What is no character becomes U+FFFD.
func (c *Charset) AppendDecoded(dst, src []byte) []byte {
	switch c.kind {
	case charsetUTF8:
		return append(dst, src...)
	case charsetBytes:
		return c.appendBytes(dst, src)
	}
	order := c.order()
	for len(src) >= 2 {
		r := rune(order.Uint16(src))
		src = src[2:]
		if utf16.IsSurrogate(r) {
			r2 := rune(0)
			if len(src) >= 2 {
				r2 = rune(order.Uint16(src))
			}
			if r = utf16.DecodeRune(r, r2); r != utf8.RuneError {
				src = src[2:]
			}
		}
		dst = utf8.AppendRune(dst, r)
	}
	if len(src) > 0 {
		dst = utf8.AppendRune(dst, utf8.RuneError)
	}
	return dst
}

func (c *Charset) order() binary.ByteOrder {
	if c.kind == charsetUTF16LE {
		return binary.LittleEndian
	}
	return binary.BigEndian
}

func (c *Charset) appendBytes(dst, src []byte) []byte {
	if !c.ascii {
		for _, b := range src {
			dst = append(dst, c.text[b]...)
		}
		return dst
	}
	for len(src) > 0 {
		n := asciiPrefix(src)
		dst = append(dst, src[:n]...)
		src = src[n:]
		for len(src) > 0 && src[0] >= utf8.RuneSelf {
			dst = append(dst, c.text[src[0]]...)
			src = src[1:]
		}
	}
	return dst
}

// asciiPrefix counts the bytes below 0x80 that b begins with.
func asciiPrefix(b []byte) int {
	const high = 0x8080808080808080
	i := 0
	for ; len(b)-i >= 8; i += 8 {
		if binary.LittleEndian.Uint64(b[i:])&high != 0 {
			break
		}
	}
	for i < len(b) && b[i] < utf8.RuneSelf {
		i++
	}
	return i
}

// Encode appends s in this encoding to dst. Characters that it lacks are transliterated as Like does, and counted.
func (c *Charset) Encode(dst []byte, s string) (out []byte, lost int) {
	s, lost = c.Like(s)
	return c.encode(dst, []byte(s)), lost
}

// encode appends text whose every character the encoding has; another one is left out.
func (c *Charset) encode(dst, text []byte) []byte {
	switch c.kind {
	case charsetUTF8:
		return append(dst, text...)
	case charsetUTF16LE, charsetUTF16BE:
		order := c.order().(binary.AppendByteOrder)
		for _, r := range string(text) {
			if r1, r2 := utf16.EncodeRune(r); r1 != utf8.RuneError {
				dst = order.AppendUint16(order.AppendUint16(dst, uint16(r1)), uint16(r2))
			} else {
				dst = order.AppendUint16(dst, uint16(r))
			}
		}
		return dst
	}
	if c.ascii {
		n := asciiPrefix(text)
		dst, text = append(dst, text[:n]...), text[n:]
	}
	for _, r := range string(text) {
		if b, ok := c.bytes[r]; ok {
			dst = append(dst, b)
		}
	}
	return dst
}

// Like is s with the characters that the encoding lacks written otherwise: œ as oe, € as EUR, and the few that nothing
// resembles as "?". lost counts them.
func (c *Charset) Like(s string) (like string, lost int) {
	if c.kind != charsetBytes || c.holds(s) {
		return s, 0
	}
	var b []byte
	for _, r := range s {
		if _, ok := c.bytes[r]; ok {
			b = utf8.AppendRune(b, r)
			continue
		}
		lost++
		b = c.appendLike(b, r)
	}
	return string(b), lost
}

// holds tells whether the encoding has every character of s.
func (c *Charset) holds(s string) bool {
	for _, r := range s {
		if c.ascii && r < utf8.RuneSelf {
			continue
		}
		if _, ok := c.bytes[r]; !ok {
			return false
		}
	}
	return true
}

// Byte is the byte of a character in a one-byte encoding, or of an ASCII character in UTF-8.
func (c *Charset) Byte(r rune) (byte, bool) {
	if c.kind == charsetUTF8 {
		return byte(r), r < utf8.RuneSelf
	}
	b, ok := c.bytes[r]
	return b, ok
}

// Same tells whether b reads the same in UTF-8, so that it need not be decoded.
func (c *Charset) Same(b []byte) bool {
	return c.kind == charsetUTF8 || c.ascii && asciiPrefix(b) == len(b)
}
