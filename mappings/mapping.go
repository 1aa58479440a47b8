package mappings

import (
	"regexp"

	"github.com/navette-connect/navette/connector/message"
	"github.com/navette-connect/navette/connector/payment"
)

// Mapping is one compiled mapping. It must not be changed; files are read at the same time by several goroutines.
type Mapping struct {
	Name        string // the mapping's own
	Description string
	Locale      string // language of messages in the returns: fr or en
	Kind        Kind   // what its documents become
	Currency    string // of rows that give none

	source Source
	format Format

	dates   []dateFormat // of fields that name none
	number  numberFormat
	skip    []*program
	fill    *filling
	from    *regexp.Regexp
	until   *regexp.Regexp
	year    *yearCell
	unknown string // what to do with columns nobody names: ignore, warn, error

	fields   []*field // in the mapping's order
	typed    []*field // those with a column, the currency first
	computed []*field
	byName   map[string]*field
	known    []*field // the canonical ones, in the order they are put into instructions
	pairs    int      // how many of them are metadata
	address  int      // how many of them are parts of an address
	// Those of byName that every row needs; nil where the mapping has none.
	reference, amount, currency, operation, rowKind, transaction *field
	titles                                                       []*titleRef // row["…"] of any expression
	group                                                        *grouping
	records                                                      *recordTypes
	parts                                                        []part
	ranked                                                       bool // parts are numbered in file order
	rules                                                        []*rule
	control                                                      []*rule
	returns                                                      []*Return
	lookups                                                      []string
	tests                                                        []Test
	keep                                                         *keeping // what a document's Fields hold; nil when no return names any

	hash     string
	confirm  []string
	warnings []LoadProblem
}

// Kind says what a mapping's documents become.
type Kind string

// The kinds.
const (
	KindRequest   Kind = "request"
	KindOperation Kind = "operation"
	KindMixed     Kind = "mixed" // the field `kind` decides row by row
)

// Source says how its files are read.
func (m *Mapping) Source() Source { return m.source }

// Dialect is how its files are written, as far as the mapping alone says it: for answers to files that could not be
// opened.
func (m *Mapping) Dialect() Dialect {
	d := Dialect{Encoding: m.source.Encoding, Delimiter: m.source.Delimiter, Quote: m.source.Quote, Decimal: m.decimal()}
	switch d.Encoding {
	case "auto":
		d.Encoding = "utf-8"
	case "utf-8-bom", "utf-16le", "utf-16be":
		d.BOM = true
	}
	if m.source.Format == "xlsx" { // answers are opened where the source was made
		d.BOM = true
	}
	return d.filled()
}

// decimal is the mark of amounts in the default returns: the declared one, else that of the language.
func (m *Mapping) decimal() byte {
	if m.source.Decimal != 0 {
		return m.source.Decimal
	}
	return DefaultDialect(m.Locale).Decimal
}

// Hash is a digest of all that decides what is read and returned, `use` included: 64 hexadecimal digits. Layout,
// comments, the description and the tests do not change it.
func (m *Mapping) Hash() string { return m.hash }

// Confirm lists the guesses that nobody has confirmed yet (`confirm: true`), as "fields.amount (line 12)".
func (m *Mapping) Confirm() []string { return m.confirm }

// Warnings lists what is allowed but probably not meant.
func (m *Mapping) Warnings() []LoadProblem { return m.warnings }

// Returns lists the mapping's own returns, in its order.
func (m *Mapping) Returns() []*Return { return m.returns }

// Tests lists the mapping's own tests, for `navette check`.
func (m *Mapping) Tests() []Test { return m.tests }

// Test is one entry of `tests`: a sample beside the mapping and what it must give.
type Test struct {
	File                              string
	Accepted, Held, Rejected, Skipped int // -1: not said
	Total                             string
	Rows                              map[int]map[string]string // by line: fields and their texts
	Line, Column                      int                       // of the entry in the mapping
}

type fieldType int

const (
	typeText fieldType = iota
	typeAmount
	typeDecimal
	typeInt
	typeDate
	typeEmail
	typePhone
	typeIBAN
	typeSIREN
	typeBool
)

// field is one entry of `fields`.
type field struct {
	at        pos
	name      string
	index     int // in Mapping.fields and in a row's values
	typ       fieldType
	columns   []columnRef // alternatives; nil of a computed field
	value     *program    // nil of a source field
	required  bool
	fallback  *string // `default`, as the text after `map`
	missing   []string
	words     map[string]string // `map`, exact
	folded    map[string]string // `map`, in small letters
	listed    string            // `map`, for people
	enum      []string
	closed    []string // the values the product knows under this name
	pattern   *regexp.Regexp
	max       int // characters, 0 = any number
	number    numberFormat
	sign      *signColumn
	all, zero []string
	dates     []dateFormat
	region    region
	sensitive bool
	names     bool // a number or name by which something is known: never a rounded one
	simple    bool // a text that nothing is asked of but its length
	shown     bool // an expression on rows names it
	agg       aggregate
	separator string
	record    *recordType // the type of record it is read from; nil in files of one type
	set       setter      // where a canonical field goes
	key       string      // of a metadata or address field, the part behind the dot
}

// columnRef names a column: by its title, or by its position.
type columnRef struct {
	title  string
	index  int         // from 0; -1 when it is named by its title
	record *recordType // nil in files of one type
}

// signColumn is `sign: {column: …}`.
type signColumn struct {
	column             columnRef
	negative, positive []string
}

// titleRef is a title that expressions name in row["…"]. Its index is its place in a row's cells for expressions.
type titleRef struct {
	title string
	name  string // in the environment
	at    pos
	keep  bool // a return names it
	shown bool // an expression on rows names it
	ref   columnRef
}

type filling struct {
	key     columnRef
	columns []columnRef
}

type yearCell struct{ line, column int }

type ruleDo int

const (
	doSkip ruleDo = iota + 1
	doHold
	doReject
	doWarn
)

type rule struct {
	id   string
	when *program
	do   ruleDo
	text message.Text
}

// value is what a field of one document is.
type value struct {
	state  valueState
	truth  bool
	isBool bool
	isList bool
	text   string         // of texts, dates (ISO) and all that is written as read
	amount payment.Amount // of amounts
	number *num           // of decimals and ints; of amounts once an expression asked
	list   []value        // of collected fields
}

type valueState byte

const (
	absent valueState = iota // nothing written; nil for numbers and dates, "" for texts
	present
	failed    // written, but wrong: nil
	remainder // an amount's `all`: the whole that is left
)
