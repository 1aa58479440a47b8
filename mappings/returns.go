package mappings

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/shopspring/decimal"

	"github.com/navette-connect/navette/connector/payment"
)

// Moment says when a return is written.
type Moment string

// The moments.
const (
	OnIntake     Moment = "intake"     // with the ack; waits for the answers if it names events
	OnRejects    Moment = "rejects"    // with the ack, the rejected rows alone
	OnResult     Moment = "result"     // all rows answered
	OnEvent      Moment = "event"      // each change
	OnSettlement Moment = "settlement" // paid and reconciled
	OnDaily      Moment = "daily"
)

// Return is one file that a mapping writes back. It is immutable; its methods are pure functions of their arguments, so
// that the same rows give the same bytes for ever.
type Return struct {
	Name        string
	On          Moment
	NamesEvents bool // an expression names event.*: an intake return of that kind waits for the answers

	m       *Mapping
	file    string
	rows    *program
	first   []returnColumn    // a record above the others
	last    []returnColumn    // a record below them
	fixed   bool              // fixed positions
	columns []returnColumn    // nil: the source's own layout with the reasons behind it
	also    [][]returnColumn  // further lines of each row or event
	set     map[string]string // constants, by their names in expressions
	own     Dialect           // what the mapping says; empty where it is the source's
	bom     *bool
	titled  bool
	safe    bool

	workbook bool // the source's own workbook with the reasons in it
}

type returnColumn struct {
	name       string
	value      *program
	at, length int // of fixed positions, in characters from 1
	fill       rune
	right      bool
}

// NameParts is what the template of a return's name may hold.
type NameParts struct {
	Stem string    // the input's name without extension
	Flow string    // the flow's name
	Name string    // the input's name
	Date time.Time // {date} is its YYYYMMDD, in its own zone
	Seq  int64     // {seq} has six digits at least
}

// FileName fills the template in. Whatever the parts are, it is a plain, visible name.
func (r *Return) FileName(p NameParts) string {
	name := strings.NewReplacer("{stem}", p.Stem, "{flow}", p.Flow, "{date}", p.Date.Format("20060102"), "{seq}", fmt.Sprintf("%06d", p.Seq),
		"{name}", p.Name).Replace(r.file)
	name = strings.Map(func(c rune) rune {
		if c == '/' || c == '\\' || c < ' ' {
			return '_'
		}
		return c
	}, name)
	if name == "" || name[0] == '.' {
		name = "_" + name
	}
	return name
}

// PerFile tells whether the name holds the source file's own: then each source has a return of its own.
func (r *Return) PerFile() bool {
	return strings.Contains(r.file, "{stem}") || strings.Contains(r.file, "{name}")
}

// Events tells whether the return's lines are events, not rows.
func (r *Return) Events() bool { return r.On == OnEvent || r.On == OnSettlement || r.On == OnDaily }

// Echo tells whether the return is the source's own layout with the reasons behind it.
func (r *Return) Echo() bool { return r.columns == nil }

// Workbook tells whether the return is a workbook like the source, to be written by the mapping's Mender.
func (r *Return) Workbook() bool { return r.workbook }

func (r *Return) programs() []*program {
	var out []*program
	if r.rows != nil {
		out = append(out, r.rows)
	}
	for _, c := range slices.Concat(append([][]returnColumn{r.columns, r.first, r.last}, r.also...)...) {
		if c.value != nil {
			out = append(out, c.value)
		}
	}
	return out
}

// Event is what happened to an instruction, as returns may name it (event.*).
type Event struct {
	Event         string // paid, refused…
	State         string // of the object after the event; of an operation, the PSP's own transaction state
	Date          time.Time
	Amount        payment.Amount
	Moved         payment.Amount // money that moved, signed: refunds and charge-backs negative; zero where none did
	Method        string
	TransactionID string
	RequestID     string // the PSP's id of the payment request or operation
	URL           string // where the customer pays
	Reason        string
	Part          string
	Code, Message string
}

// ReturnRow is one row, or one event of a row.
type ReturnRow struct {
	Line                  int
	Raw                   []byte // of the row, as Document.Rows had it
	Fields                []byte // of the document, as Document.Fields had them
	Status, Code, Message string
	Part, Reference       string
	Event                 *Event // nil while there is none
}

// ReturnWriter writes one return file. It belongs to one goroutine.
type ReturnWriter struct {
	r     *Return
	scope *scope
	w     *Writer
	head  Head
	rows  int
	cells []string
	line  []rune
	total payment.Amount
	mixed bool // amounts of several currencies: there is no total
	names map[string]nominal
}

// NewWriter begins a return file: it writes what stands above the first line. source is the dialect of the file
// answered, head what stood above its data; a return over several files takes those of the first.
func (r *Return) NewWriter(w io.Writer, source Dialect, head Head) (*ReturnWriter, error) {
	out := &ReturnWriter{r: r, scope: newScope(), names: eventNames(), w: r.dialect(source).NewWriter(w), head: head}
	out.constants()
	var err error
	if r.first != nil {
		err = out.record(r.first)
	}
	switch {
	case err != nil:
	case r.Echo():
		err = out.w.WriteHead(head, "nv_code", "nv_message")
	case r.titled:
		names := make([]string, len(r.columns))
		for i, c := range r.columns {
			names[i] = c.name
		}
		err = out.w.Write(names)
	}
	if err != nil {
		return nil, fmt.Errorf("return %s: %w", r.Name, err)
	}
	return out, nil
}

// dialect lays what the mapping says over the source's dialect. A return that echoes the source keeps the source's.
func (r *Return) dialect(source Dialect) Dialect {
	d := source
	if r.Echo() {
		if r.own.Newline != "" {
			d.Newline = r.own.Newline
		}
		return d
	}
	if r.own.Encoding != "" && r.own.Encoding != source.Encoding {
		d.Encoding = r.own.Encoding
		d.BOM = d.Encoding == "utf-8-bom" || d.Encoding == "utf-16le" || d.Encoding == "utf-16be"
		if d.Newline == "\u0085" {
			d.Newline = "\r\n"
		}
	}
	if r.bom != nil {
		d.BOM = *r.bom
	}
	if r.own.Newline != "" {
		d.Newline = r.own.Newline
	}
	d.Delimiter, d.Quote = r.own.Delimiter, r.own.Quote
	d.Width, d.Lazy, d.Fixed = 0, false, false
	return d.filled()
}

// Write writes one row or event, unless `rows` leaves it out. An expression that cannot be evaluated is an error:
// nothing is written in its place.
func (w *ReturnWriter) Write(row ReturnRow) error {
	if w.r.Echo() && w.r.rows == nil {
		w.rows++
		return w.w.WriteReject(row.Raw, row.Code, row.Message)
	}
	if err := w.fill(row); err != nil {
		return fmt.Errorf("return %s, line %d: %w", w.r.Name, row.Line, err)
	}
	if w.r.rows != nil {
		wanted, err := w.scope.holds(w.r.rows)
		if err != nil {
			return fmt.Errorf("return %s, line %d, rows: %w", w.r.Name, row.Line, err)
		}
		if !wanted {
			return nil
		}
	}
	w.rows++
	if w.r.Echo() {
		return w.w.WriteReject(row.Raw, row.Code, row.Message)
	}
	w.add()
	for _, columns := range append([][]returnColumn{w.r.columns}, w.r.also...) {
		if err := w.record(columns); err != nil {
			return fmt.Errorf("return %s, line %d: %w", w.r.Name, row.Line, err)
		}
	}
	return nil
}

// add counts a row's amount, or its event's, for `last`.
func (w *ReturnWriter) add() {
	n, _ := isNum(w.scope.env["amount"])
	if w.r.Events() {
		n, _ = isNum(w.scope.env["event.amount"])
	}
	if n == nil || n.currency == "" || w.r.last == nil {
		return
	}
	places := int32(exponent(n.currency))
	sum, err := w.total.Add(payment.Amount{Minor: n.d.Shift(places).IntPart(), Currency: n.currency})
	w.mixed = w.mixed || err != nil
	w.total = sum
}

// record writes the cells of one record.
func (w *ReturnWriter) record(columns []returnColumn) error {
	w.cells, w.line = w.cells[:0], w.line[:0]
	for _, c := range columns {
		v, err := w.scope.run(c.value)
		if err != nil {
			return fmt.Errorf("column %q: %w", c.name, err)
		}
		cell := toText(v)
		_, text := v.(string)
		if text && w.r.safe && !c.value.lone {
			cell = harmless(cell)
		}
		if !w.r.fixed {
			w.cells = append(w.cells, cell)
			continue
		}
		if err := w.place(c, cell, text || v == nil); err != nil {
			return err
		}
	}
	if w.r.fixed {
		return w.w.WriteLine(string(w.line))
	}
	return w.w.Write(w.cells)
}

// ErrWidth is the kind of a number that its fixed column has no room for.
var ErrWidth = errors.New("no room")

// place puts a cell where it stands in a fixed record. A text is cut where it must be; a number never is.
func (w *ReturnWriter) place(c returnColumn, cell string, text bool) error {
	cell = strings.Map(func(r rune) rune {
		if r == '\n' || r == '\r' {
			return ' '
		}
		return r
	}, cell)
	like, _ := w.w.Like(cell)
	chars := []rune(like)
	if len(chars) > c.length {
		if !text {
			return fmt.Errorf("column %q: %w for %d characters in %d", c.name, ErrWidth, len(chars), c.length)
		}
		chars = chars[:c.length]
	}
	from := c.at - 1
	for len(w.line) < from+c.length {
		w.line = append(w.line, ' ')
	}
	room := w.line[from : from+c.length]
	for i := range room {
		room[i] = c.fill
	}
	if c.right {
		room = room[c.length-len(chars):]
	}
	copy(room, chars)
	return nil
}

// Rows counts the rows written so far.
func (w *ReturnWriter) Rows() int { return w.rows }

// Close writes what stands below the last line.
func (w *ReturnWriter) Close() error {
	if w.r.Echo() {
		return w.w.WriteFoot(w.head, w.r.m.Locale)
	}
	if w.r.last != nil {
		clear(w.scope.env)
		w.constants()
		w.scope.env["count"] = w.rows
		if !w.mixed && !w.total.IsZero() {
			w.scope.env["total"] = numOf(w.total)
		}
		if err := w.record(w.r.last); err != nil {
			return fmt.Errorf("return %s, last record: %w", w.r.Name, err)
		}
	}
	return w.w.Error()
}

// Transliterated counts the characters that the encoding lacks.
func (w *ReturnWriter) Transliterated() int { return w.w.Transliterated() }

// fill puts a row's values into the environment.
func (w *ReturnWriter) fill(row ReturnRow) error {
	env := w.scope.env
	clear(env)
	if err := unpackFields(w.r.m, row, env); err != nil {
		return err
	}
	env["line"], env["status"], env["code"], env["message"] = row.Line, row.Status, row.Code, row.Message
	if row.Reference != "" && env["reference"] == nil {
		if f := w.r.m.byName["reference"]; f == nil {
			env["reference"] = row.Reference
		}
	}
	if v, ok := env["part"].(string); !ok || v == "" || row.Part != "" {
		env["part"] = row.Part
	}
	w.constants()
	e := row.Event
	for name, t := range w.names {
		env[name] = nil
		if t == textType && e != nil {
			env[name] = ""
		}
	}
	if e == nil {
		return nil
	}
	env["event.event"], env["event.state"], env["event.currency"] = e.Event, e.State, e.Amount.Currency
	if !e.Date.IsZero() {
		env["event.date"], env["event.at"] = e.Date.Format(time.DateOnly), e.Date.Format(time.RFC3339)
	}
	env["event.method"], env["event.transaction_id"], env["event.request_id"] = e.Method, e.TransactionID, e.RequestID
	env["event.url"], env["event.reason"], env["event.part"], env["event.code"], env["event.message"] = e.URL, e.Reason, e.Part, e.Code, e.Message
	if !e.Amount.IsZero() {
		env["event.amount"] = numOf(e.Amount)
	}
	if !e.Moved.IsZero() {
		env["event.moved"] = numOf(e.Moved)
	}
	return nil
}

// constants gives the expressions the texts of `set`.
func (w *ReturnWriter) constants() {
	for name, text := range w.r.set {
		w.scope.env[name] = text
	}
}

// ReturnPrefix stands before the name of a ready return where Options.Use is asked for it, to tell it from a mapping's.
const ReturnPrefix = "return:"

// numOf is an amount as expressions see it.
func numOf(a payment.Amount) *num {
	return &num{decimal.New(a.Minor, -int32(exponent(a.Currency))), a.Currency}
}

// harmless keeps a spreadsheet from running a cell: text that begins like a formula gets an apostrophe in front.
// Numbers are left as they are.
func harmless(s string) string {
	if len(s) < 2 || strings.IndexByte("=+-@\t\r", s[0]) < 0 {
		return s
	}
	if s[0] == '+' || s[0] == '-' {
		number := true
		for _, r := range s[1:] {
			if (r < '0' || r > '9') && r != '.' && r != ',' && !isBlank(r) {
				number = false
			}
		}
		if number {
			return s
		}
	}
	if r, _ := utf8.DecodeRuneInString(s); r == utf8.RuneError {
		return s
	}
	return "'" + s
}
