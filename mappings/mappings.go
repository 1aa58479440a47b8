// Package mappings turns source files into instructions and journal events back into the lines of return files, as one
// YAML file per mapping says (format mapping/v1, docs/mapping.md). It is pure: bytes in, values out; files, clock and
// lookup tables are handed to it.
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

// Record is one record of a source as a Format yields it.
type Record struct {
	Line  int      // true physical line of its first byte, 1 = first line of the file
	Cells []string // decoded, not trimmed; reused by the Format for the next record
	Raw   []byte   // the source's own bytes of the record without its line end; reused likewise
}

// Format reads one kind of file. The error of a record that is spoilt alone is a *RowError; any other error (a
// *FileError where the cause is the file's) ends the sequence.
type Format interface {
	Records(src Spooled) iter.Seq2[Record, error]
}

// RowError spoils one record; the ones behind it are read.
type RowError struct {
	Line    int
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

// Problem is one thing wrong with (or said of) a row or a file: what, where, and what to do about it.
type Problem struct {
	Code   string       // NV-1204
	Rule   string       // id of the mapping's rule or control, else ""
	Line   int          // physical line, 0 = the file as a whole
	Column string       // title as the source writes it, "" when it is no column's
	Letter string       // spreadsheet letter of that column
	Value  string       // what was read, masked when the field is sensitive
	Text   message.Text // for people; In(lang) gives the sentence
}

// State is what the mapping alone makes of a document, before what is known (contract §4a) and limits are asked.
type State int

// The states of a document.
const (
	Accepted State = iota + 1
	Rejected
	Skipped
)

// Row is one source row of a document.
type Row struct {
	Line int
	Raw  []byte // the source's own bytes, for echo and rejects
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
