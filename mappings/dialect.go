package mappings

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/navette-connect/navette/connector/message"
)

// Dialect is how a delimited file is written. Returns follow the dialect of their source where the mapping does not say
// otherwise. It is plain data, to be kept beside the file it describes.
type Dialect struct {
	Encoding  string `json:"encoding"`          // one of Charsets
	BOM       bool   `json:"bom,omitempty"`     // a byte-order mark stands first
	Delimiter rune   `json:"delimiter"`         // 0: the default ';'
	Quote     rune   `json:"quote,omitempty"`   // 0: none; cells are never quoted
	Newline   string `json:"newline"`           // "\r\n", "\n", "\r", or "\u0085" (EBCDIC)
	Decimal   byte   `json:"decimal,omitempty"` // '.' or ','; 0: not known
	Width     int    `json:"width,omitempty"`   // cells of a row of the source, 0 where none is declared
	Lazy      bool   `json:"lazy,omitempty"`    // quotes inside cells are ordinary characters
	Fixed     bool   `json:"fixed,omitempty"`   // fixed positions: no delimiter in the source
	Sheet     string `json:"sheet,omitempty"`   // of a workbook: the sheet that was read; the rest is how it is written as text
	Epoch     int    `json:"epoch,omitempty"`   // of a workbook whose day numbers begin in 1904: what to add to them
}

// DefaultDialect is what a file without a source is written in (contract §5): UTF-8, ';', CRLF, and the decimal mark
// of the language.
func DefaultDialect(lang string) Dialect {
	d := Dialect{Encoding: "utf-8", Delimiter: ';', Quote: '"', Newline: "\r\n", Decimal: '.'}
	if lang == "fr" {
		d.Decimal = ','
	}
	return d
}

// Writer writes rows of a dialect. Its methods make it usable where encoding/csv's Writer is asked for (gocsv).
type Writer struct {
	w       io.Writer
	d       Dialect
	charset *Charset
	started bool
	lost    int
	err     error
	text    []byte // the row in UTF-8
	buf     []byte // the row in the dialect's encoding
	delim   []byte // encoded
	quote   []byte
	newline []byte
}

// NewWriter writes to w. A byte-order mark goes before the first row if the dialect has one; to go on behind bytes that
// are written already, clear BOM first. An unknown encoding shows at the first Write (ErrCharset).
func (d Dialect) NewWriter(w io.Writer) *Writer {
	wr := &Writer{w: w, d: d.filled()}
	if wr.charset, wr.err = NewCharset(wr.d.Encoding); wr.err != nil {
		return wr
	}
	wr.delim, _ = wr.charset.Encode(nil, string(wr.d.Delimiter))
	if wr.d.Quote != 0 {
		wr.quote, _ = wr.charset.Encode(nil, string(wr.d.Quote))
	}
	wr.newline, _ = wr.charset.Encode(nil, wr.d.Newline)
	return wr
}

// filled puts defaults where nothing is said.
func (d Dialect) filled() Dialect {
	if d.Encoding == "" {
		d.Encoding = "utf-8"
	}
	if d.Delimiter == 0 {
		d.Delimiter = ';'
		d.Quote = '"'
	}
	if d.Newline == "" {
		d.Newline = "\r\n"
	}
	return d
}

// Write writes one row. Cells are quoted only where they must be.
func (w *Writer) Write(row []string) error {
	if w.err != nil {
		return w.err
	}
	w.text = w.text[:0]
	for i, cell := range row {
		if i > 0 {
			w.text = appendRune(w.text, w.d.Delimiter)
		}
		w.text = w.appendCell(w.text, cell, len(row) == 1)
	}
	return w.end()
}

// end encodes the row in w.text and hands it on with its line end.
func (w *Writer) end() error {
	w.buf = w.start(w.buf[:0])
	w.buf = append(w.charset.encode(w.buf, w.text), w.newline...)
	return w.put(w.buf)
}

// start gives the byte-order mark where it is due.
func (w *Writer) start(buf []byte) []byte {
	if w.err == nil && !w.started && w.d.BOM {
		buf = append(buf, w.charset.Mark()...)
	}
	w.started = true
	return buf
}

func (w *Writer) put(b []byte) error {
	if _, err := w.w.Write(b); err != nil {
		w.err = fmt.Errorf("writing a row: %w", err)
	}
	return w.err
}

// appendCell quotes a cell that holds what would end it. Without a quote character such things become blanks, which
// counts as a transliteration.
func (w *Writer) appendCell(b []byte, cell string, alone bool) []byte {
	cell, lost := w.charset.Like(cell) // before quoting: “ may become "
	w.lost += lost
	if w.d.Quote == 0 {
		for _, r := range cell {
			if r == w.d.Delimiter || r == '\n' || r == '\r' {
				r = ' '
				w.lost++
			}
			b = appendRune(b, r)
		}
		return b
	}
	must := strings.ContainsRune(cell, w.d.Delimiter) || strings.ContainsRune(cell, w.d.Quote) ||
		strings.ContainsAny(cell, "\r\n\u0085") || alone && cell == ""
	if !must {
		return append(b, cell...)
	}
	b = appendRune(b, w.d.Quote)
	for _, r := range cell {
		if r == w.d.Quote {
			b = appendRune(b, r)
		}
		b = appendRune(b, r)
	}
	return appendRune(b, w.d.Quote)
}

func appendRune(b []byte, r rune) []byte {
	if r < 0x80 {
		return append(b, byte(r))
	}
	return append(b, string(r)...)
}

// WriteEcho writes a row of the source as its bytes were, with cells behind it. A row that is shorter than the titles
// (Dialect.Width) is padded, so that the cells stand under their own titles. Raw must be in the dialect's encoding.
func (w *Writer) WriteEcho(raw []byte, cells ...string) error {
	w.buf = append(w.start(w.buf[:0]), raw...)
	if w.err != nil {
		return w.err
	}
	for n := w.count(raw); n < w.d.Width; n++ {
		w.buf = append(w.buf, w.delim...)
	}
	w.text = w.text[:0]
	for _, cell := range cells {
		w.text = w.appendCell(appendRune(w.text, w.d.Delimiter), cell, false)
	}
	w.buf = append(w.charset.encode(w.buf, w.text), w.newline...)
	return w.put(w.buf)
}

// WriteReject writes a rejected row to be mended and dropped again: the raw bytes with code and message behind them, or,
// of a source with fixed positions, the raw bytes alone, since such a row has no room for more.
func (w *Writer) WriteReject(raw []byte, code, message string) error {
	if w.d.Fixed {
		return w.WriteEcho(raw)
	}
	return w.WriteEcho(raw, code, message)
}

// WriteFoot closes a rejects file with the closing record of its source, if it had one. The code beside it says that its
// totals are of another file: a rejects file that is dropped again is whole if it ends so, and not held against them.
func (w *Writer) WriteFoot(h Head, lang string) error {
	if h.Foot == nil {
		return w.err
	}
	return w.WriteReject(h.Foot, codeFoot, message.New(codeFoot+".foot").In(lang))
}

// Closing is the closing record for a Mender, with what WriteFoot writes beside it; false where the source has none.
func (h Head) Closing(lang string) (Reject, bool) {
	return Reject{Raw: h.Foot, Code: codeFoot, Message: message.New(codeFoot + ".foot").In(lang)}, h.Foot != nil
}

// codeFoot marks the closing record of a rejects file.
const codeFoot = "NV-1304"

// WriteLine writes one line of text as it is.
func (w *Writer) WriteLine(line string) error {
	if w.err != nil {
		return w.err
	}
	like, lost := w.charset.Like(line)
	w.lost += lost
	w.text = append(w.text[:0], like...)
	return w.end()
}

// Like is what becomes of a text in the writer's encoding; see Charset.Like.
func (w *Writer) Like(s string) (like string, lost int) {
	if w.err != nil {
		return s, 0
	}
	return w.charset.Like(s)
}

// Head is what stands above the data of a source, to be written back above what is returned of it. It is plain data.
type Head struct {
	Bytes  []byte   `json:"bytes,omitempty"`  // the source's own: byte-order mark, preamble, titles, with their line ends
	Titles []string `json:"titles,omitempty"` // of the columns, without those that navette added; nil where the file has none
	At     int      `json:"at,omitempty"`     // where in Bytes the row of titles begins
	Length int      `json:"length,omitempty"` // of the row of titles without its line end; 0 = there is none
	Foot   []byte   `json:"foot,omitempty"`   // the record that closes a delimited file of several record types, without its line end
	Rows   int      `json:"rows,omitempty"`   // of a workbook: rows above the data
	Line   int      `json:"line,omitempty"`   // of a workbook: the row of the titles; 0 = there is none
}

// WriteHead writes the lines above the data as they were, with cells behind the titles. No byte-order mark is added:
// the head has its own.
func (w *Writer) WriteHead(h Head, cells ...string) error {
	w.started = true
	if w.err != nil || len(h.Bytes) == 0 {
		return w.err
	}
	end := h.At + h.Length
	if h.Length == 0 || end > len(h.Bytes) {
		return w.put(h.Bytes)
	}
	w.text = w.text[:0]
	for _, cell := range cells {
		w.text = w.appendCell(appendRune(w.text, w.d.Delimiter), cell, false)
	}
	w.buf = append(w.charset.encode(append(w.buf[:0], h.Bytes[:end]...), w.text), h.Bytes[end:]...)
	return w.put(w.buf)
}

// count tells how many cells a raw row has; as many as wanted where it cannot be told.
func (w *Writer) count(raw []byte) int {
	if w.d.Width == 0 || w.d.Fixed {
		return w.d.Width
	}
	if len(w.quote) == 0 || !bytes.Contains(raw, w.quote) {
		if !w.charset.Wide() {
			return bytes.Count(raw, w.delim) + 1
		}
	}
	n, quoted, first := 1, false, true
	for _, r := range string(w.charset.AppendDecoded(nil, raw)) {
		switch {
		case r == w.d.Quote && w.d.Quote != 0 && (quoted || first):
			quoted, first = !quoted, true // a quote right behind a closing one opens again: an escaped quote
		case r == w.d.Delimiter && !quoted:
			n, first = n+1, true
		default:
			first = false
		}
	}
	return n
}

// Flush is there for the interface that gocsv asks for; every row is handed on as it is written.
func (w *Writer) Flush() {}

// Error is the first error of a Write.
func (w *Writer) Error() error { return w.err }

// Transliterated counts the characters written otherwise because the encoding or the dialect has no place for them.
func (w *Writer) Transliterated() int { return w.lost }
