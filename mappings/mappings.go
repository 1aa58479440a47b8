// Package mappings turns source files into instructions and journal events back into the lines of return files, as one
// YAML file per mapping says (format mapping/v1, docs/mapping.md). It is pure: bytes in, values out; files, clock and
// lookup tables are handed to it.
//
// The path of a file: Load compiles the YAML once; Mapping.Open looks at a file as a whole (encoding, completeness,
// titles); Reading.Documents yields what its rows became; Return writes lines back.
package mappings

import (
	"io"
	"iter"

	"github.com/navette-connect/navette/connector/message"
	"github.com/navette-connect/navette/connector/payment"
)

// Spooled is a source file whose bytes are kept: it can be read from any offset, any number of times.
type Spooled struct {
	io.ReaderAt
	Size int64  // bytes
	Name string // as dropped; a label
}

// Record is one record of a source as a Table yields it: data, titles and preamble alike, and what is no row at all
// (Blank, Comment), so that rows can be counted as a spreadsheet shows them.
type Record struct {
	Line    int      // true physical line of its first byte, 1 = first line of the file
	End     int64    // offset in the source behind the record and its line end
	Cells   []string // decoded, not trimmed; the slice is reused for the next record, the strings are not
	Raw     []byte   // the source's own bytes of the record without its line end; reused likewise
	Blank   bool     // a line of nothing
	Comment bool     // a line that begins with the declared comment mark; not split

	Kinds []CellKind // of each cell where the source knows types, else nil; reused likewise
}

// CellKind says what a cell of a workbook holds; the cell's text is then of one fixed form, whatever the sheet shows.
type CellKind byte

// The kinds of cells. Those from CellError on have no value to rely on: a field that reads one fails (NV-1211), unless
// the mapping lists the text under `missing`.
const (
	CellText       CellKind = iota
	CellNumber              // its text: digits, the source's Mark before decimals, a minus in front; never an exponent
	CellDate                // its text: 2026-12-02, 2026-12-02 14:30:00, or 14:30:00
	CellBool                // its text: true, false
	CellError               // its text: #N/A, #REF! …
	CellUncomputed          // a formula without a stored value; its text: the formula, with = before it
	CellRounded             // a whole number of more digits than a spreadsheet holds
	CellNoDate              // a number shown as a date, and no day of the calendar
)

// Format reads one kind of file. It is made once for a mapping and opens any number of files, also at the same time.
type Format interface {
	// Open judges the file as a whole, before any record is read: empty, too large, unreadable, in another encoding
	// than declared, incomplete. The error is a *FileError where the file is the cause; any other is the reader's.
	Open(src Spooled) (Table, error)
}

// Table is an opened file.
type Table interface {
	// Records yields every record from the first line of the file on, each time it is called. The error of a record
	// that is spoilt alone is a *RowError, and the ones behind it follow; any other error ends the sequence.
	Records() iter.Seq2[Record, error]
	// Dialect says how the file is written, as far as it shows: what was detected stands in the place of `auto`.
	Dialect() Dialect
}

// Cutter is a Table's ability to give the bytes of a record's first n cells: what is ours behind them is dropped.
type Cutter interface {
	Cut(raw []byte, n int) []byte
}

// Renderer is the ability of a Table whose source is no text, a workbook: the file as a delimited text in the table's
// Dialect. Record.Raw is a line of that text and Record.End counts in it.
type Renderer interface {
	// Rendered gives the first n bytes of the text; fewer where it has no more.
	Rendered(n int64) ([]byte, error)
}

// Mender is a Format's ability to give rejected rows back in a file of the source's own kind rather than as text.
type Mender interface {
	// Mend writes the lines above the data of src and the rows named, by line, with code and message behind them. The
	// same arguments give the same bytes.
	Mend(w io.Writer, src Spooled, head Head, d Dialect, rows []Reject) error
}

// Reject is a rejected row for a Mender.
type Reject struct {
	Line          int    // 0: the closing record, which goes behind the others
	Raw           []byte // as Row.Raw; nil where no cell was filled from above
	Code, Message string
	Marks         []Mark
}

// Mark is a cell that is at fault.
type Mark struct {
	Column int // from 0
	Text   string
}

// Section is a part of a file that holds whole records.
type Section struct {
	Start, End int64 // offsets in the source; End stands behind the last record's line end
	Line       int   // of the first byte
}

// Divider is a Table's ability to be read in several places at the same time.
type Divider interface {
	// Sections cuts the file behind records into parts of about size bytes; the first one holds at least as many
	// records as asked. Read one after the other, their records are those of Records, faults included.
	Sections(size int64, records int) iter.Seq[Section]
	// Within makes a reader of sections, one after the other; it belongs to one goroutine.
	Within() func(Section) iter.Seq2[Record, error]
}

// RowError spoils one record; the ones behind it are read.
type RowError struct {
	Line    int
	End     int64 // as in Record
	Raw     []byte
	Problem Problem
}

func (e *RowError) Error() string { return e.Problem.Code + ": " + e.Problem.Text.In("en") }

// FileError is why a whole file cannot be used: refused, or (Incomplete, NV-1005) held until the rest of it comes.
type FileError struct {
	Problem    Problem
	Incomplete bool
}

func (e *FileError) Error() string { return e.Problem.Code + ": " + e.Problem.Text.In("en") }

// Refuse makes a FileError of a sentence of the catalogue ("NV-1004.nul"); line 0 is the file as a whole.
func Refuse(line int, key string, args ...string) *FileError {
	return &FileError{Problem: problem(line, key, args...)}
}

// Unfinished makes the FileError of a file that ends in mid-record.
func Unfinished(line int, key string, args ...string) *FileError {
	return &FileError{Problem: problem(line, key, args...), Incomplete: true}
}

// problem is a Problem whose code is the first part of its sentence's key.
func problem(line int, key string, args ...string) Problem {
	return Problem{Code: key[:len("NV-0000")], Line: line, Text: message.New(key, args...)}
}

// Problem is one thing wrong with (or said of) a row or a file: what, where, and what to do about it.
type Problem struct {
	Code   string       // NV-1204
	Rule   string       // id of the mapping's rule or control, else ""
	Line   int          // physical line, 0 = the file as a whole
	Column string       // title as the source writes it, "" when it is no column's
	Letter string       // spreadsheet letter of that column
	Value  string       // what was read, masked when the field is sensitive
	Text   message.Text // for people; In(lang) gives the sentence
	More   message.Text // what `check` says besides: returns have the sentence alone; zero for nothing
}

// Summary is what a return tells of several problems: the first one's code, and every different sentence joined by
// " | ". Two columns with one fault say it once.
func Summary(problems []Problem, lang string) (code, text string) {
	said := map[string]bool{}
	for i, p := range problems {
		s := p.Text.In(lang)
		switch {
		case i == 0:
			code, text = p.Code, s
		case !said[s]:
			text += " | " + s
		}
		said[s] = true
	}
	return code, text
}

// State is what the mapping alone makes of a document, before what is known (contract §4a) and limits are asked.
type State int

// The states of a document.
const (
	Accepted State = iota + 1
	Rejected
	Skipped
)

func (s State) String() string {
	switch s {
	case Accepted:
		return "accepted"
	case Rejected:
		return "rejected"
	case Skipped:
		return "skipped"
	}
	return "none"
}

// Row is one source row of a document.
type Row struct {
	Line int
	Raw  []byte // the source's own bytes, for echo and rejects; cells that `fill` took from above are written out
}

// Document is what one row (or one group of rows) became.
type Document struct {
	Rows     []Row // in file order, never empty; owned by the receiver
	State    State
	Problems []Problem // Rejected: every error, in column order; Skipped: the rule; Accepted: warnings
	Hold     *Problem  // a hold rule holds; applied after what is known

	// As far as they could be read, also of a rejected document:
	Kind      payment.Kind
	Operation payment.Operation
	Reference string
	Amount    payment.Amount

	Instructions []payment.Instruction // of an Accepted one: one, or one a part. Account, Namespace, Revision and Key are the connector's
	Fields       []byte                // every field as returns may name it, opaque; nil when no return of the mapping names fields
}
