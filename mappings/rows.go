package mappings

import (
	"context"
	"errors"
	"iter"
	"slices"
	"strconv"
	"strings"

	"github.com/navette-connect/navette/connector/payment"
)

// rowState is what is used again for each row.
type rowState struct {
	kinds  []CellKind
	cells  []string // of the record, as the format gave them
	own    []string // where they are not the format's
	values []value
	found  []found
	filled []string // of the row above, by column of fill
	above  []CellKind
	kind   string // of a fixed record: its type
	length int    // of a fixed record
	cut    int    // the column in which it ends; -1 = none
	arena  []byte // where raw bytes are kept, many rows at a time
	kept   []byte
}

// found is a problem with the column it is ordered by.
type found struct {
	column int
	Problem
}

// behindColumns orders problems that are no column's.
const behindColumns = 1 << 30

func (s *rowState) init(r *Reading) {
	s.values = make([]value, len(r.m.fields))
	s.filled = nil
}

// Documents yields what each row (or group of rows) became, in the order of the file, while reading it. A *FileError
// ends the sequence: nothing of the file may be taken then. The connector calls it once; each further call reads anew.
func (r *Reading) Documents(ctx context.Context) iter.Seq2[*Document, error] {
	return func(yield func(*Document, error) bool) {
		r.counted, r.open, r.current, r.ranks = counts{}, map[string]*gathering{}, nil, map[string]int{}
		r.row.init(r)
		n := 0
		for rec, err := range r.section() {
			if n++; n <= r.start {
				continue
			}
			if n%256 == 0 && ctx.Err() != nil {
				yield(nil, ctx.Err())
				return
			}
			doc, err := r.record(rec, err)
			if err != nil {
				yield(nil, err)
				return
			}
			if doc == nil {
				continue
			}
			r.count(doc)
			r.mark(doc)
			if !yield(doc, nil) {
				return
			}
		}
		r.rest(func(doc *Document) bool {
			r.count(doc)
			r.mark(doc)
			return yield(doc, nil)
		})
	}
}

// record turns one record into a document; nil for what is no row.
func (r *Reading) record(rec Record, err error) (*Document, error) {
	switch {
	case err != nil:
		return r.unread(err)
	case rec.Blank:
		return nil, nil
	case rec.Comment:
		r.counted.leftOut++
		return nil, nil
	}
	rec = r.padded(rec)
	r.cut(rec)
	if r.m.records != nil {
		r.reading, _ = r.recordOf()
	}
	if r.scope != nil {
		r.setTitles(rec.Line)
	}
	if out, err := r.leftOut(); out || err != nil {
		if err == nil {
			r.counted.leftOut++
			return nil, nil
		}
		if err := r.another(); err != nil {
			return nil, err
		}
		if r.m.records != nil {
			r.counted.rows--
			return r.strayRecord(rec.Line, rec.Raw, expressionProblem(rec.Line, err))
		}
		r.begin()
		r.add(behindColumns, expressionProblem(rec.Line, err))
		return r.unshaped(rec.Line, rec.Raw)
	}
	if r.m.records != nil {
		return r.typedRecord(rec)
	}
	if err := r.another(); err != nil {
		return nil, err
	}
	return r.dataRow(rec)
}

// unread answers a record that could not be read.
func (r *Reading) unread(err error) (*Document, error) {
	var spoilt *RowError
	switch {
	case errors.Is(err, errOutside):
		return nil, nil
	case !errors.As(err, &spoilt):
		return nil, err
	}
	if err := r.another(); err != nil {
		return nil, err
	}
	r.row.filled, r.row.cells = nil, nil
	return r.spoiltRow(spoilt)
}

// another counts a data row against the mapping's bound.
func (r *Reading) another() error {
	if r.counted.rows++; r.counted.rows > r.m.source.MaxRows {
		return Refuse(0, "NV-1003.rows", "limit", strconv.Itoa(r.m.source.MaxRows))
	}
	return nil
}

// cut takes the row's cells, without the blanks around them.
func (r *Reading) cut(rec Record) {
	s := &r.row
	s.kinds = append(s.kinds[:0], rec.Kinds...)
	if r.fixed() {
		s.cells = s.own[:0]
		r.cutFixed(rec)
		s.own = s.cells
		return
	}
	if r.m.fill == nil { // cells are trimmed when they are asked for
		s.cells = rec.Cells
		return
	}
	s.own = append(s.own[:0], rec.Cells...)
	s.cells = s.own
}

// setTitles shows the row's cells to expressions.
func (r *Reading) setTitles(line int) {
	env := r.scope.env
	env["line"] = line
	for i, t := range r.m.titles {
		if t.shown {
			env[t.name] = r.cell(r.titleAt(i))
		}
	}
}

// titleAt is the column of a row["…"] in the record being read; -1 where it is of another type.
func (r *Reading) titleAt(i int) int {
	if t := r.m.titles[i].ref.record; t != nil && t != r.reading {
		return -1
	}
	return r.atTitles[i]
}

// cell is a cell of the row, "" where it has none.
func (r *Reading) cell(i int) string {
	if i < 0 || i >= len(r.row.cells) {
		return ""
	}
	c := r.row.cells[i]
	if r.m.source.Trim {
		c = trimBlanks(c)
	}
	if len(c) > 2 && c[0] == '=' {
		return unwrapped(c)
	}
	return c
}

// unwrapped takes the text out of ="00123": programs that export to CSV write it so that a spreadsheet keeps the zeros.
func unwrapped(c string) string {
	inner, ok := strings.CutPrefix(c, `="`)
	if inner, whole := strings.CutSuffix(inner, `"`); ok && whole && !strings.Contains(strings.ReplaceAll(inner, `""`, ""), `"`) {
		return strings.ReplaceAll(inner, `""`, `"`)
	}
	return c
}

// leftOut asks `skip` whether the row counts.
func (r *Reading) leftOut() (bool, error) {
	for _, p := range r.m.skip {
		if out, err := r.scope.holds(p); out || err != nil {
			return out, err
		}
	}
	return false, nil
}

// dataRow reads a row that counts.
func (r *Reading) dataRow(rec Record) (*Document, error) {
	raw, ok, err := r.fits(rec)
	if err != nil {
		return nil, err
	}
	if !ok {
		r.row.filled = nil // what a ragged row says is no longer known for the rows below
		r.begin()
		p := problem(rec.Line, "NV-1102.columns", "found", strconv.Itoa(len(rec.Cells)), "expected", strconv.Itoa(r.width))
		if r.dialect.Sheet != "" { // rows of a sheet are never too short
			letter := letterOf(len(rec.Cells) - 1)
			p = problem(rec.Line, "NV-1102.beside", "letter", letter, "expected", strconv.Itoa(r.width))
			p.Letter = letter
		}
		if r.fixed() {
			p, _ = r.wrongLength(r.m.typed, rec.Line)
		}
		r.add(behindColumns, p)
		return r.unshaped(rec.Line, rec.Raw)
	}
	if r.fillKey >= 0 && r.fill() {
		raw = r.rewritten(rec.Cells)
	}
	r.begin()
	r.readTyped(r.m.typed, rec.Line, r.m.Currency)
	if r.m.group != nil {
		return r.groupRow(rec.Line, raw)
	}
	return r.document(rec.Line, raw), nil
}

// unshaped answers a row whose cells cannot be put to their fields. Where rows are grouped nobody knows whose it is.
func (r *Reading) unshaped(line int, raw []byte) (*Document, error) {
	if r.m.group != nil {
		return nil, Refuse(line, "NV-1302.key", "field", r.label(r.m.group.by[0]), "line", itoa(line))
	}
	return r.document(line, raw), nil
}

// fits checks the number of cells. Cells that navette itself put behind a row are cut off it.
func (r *Reading) fits(rec Record) (raw []byte, ok bool, err error) {
	if r.fixed() {
		_, wrong := r.wrongLength(r.m.typed, rec.Line)
		return rec.Raw, !wrong, nil
	}
	n := len(rec.Cells)
	if r.width == 0 { // neither titles nor declared columns: the first row tells
		if r.width = n; n > 2 && ourCode(r.cell(n-2)) {
			r.width = n - 2
		}
		for i, c := range slices.Concat(r.cols, r.signs) {
			if c >= r.width {
				f := r.m.fields[i%len(r.m.fields)]
				return nil, false, Refuse(rec.Line, "NV-1101.beyond", "letter", letterOf(f.columns[0].index), "count", strconv.Itoa(n))
			}
		}
		r.dialect.Width = r.width
	}
	switch {
	case n == r.width:
		return rec.Raw, true, nil
	case n > r.width && n <= r.width+r.extra, r.m.source.Header == 0 && n == r.width+2 && ourCode(r.cell(r.width)):
		raw = rec.Raw
		if c, ok := r.table.(Cutter); ok {
			raw = c.Cut(raw, r.width)
		}
		r.row.cells = r.row.cells[:r.width]
		return raw, true, nil
	case r.m.source.Header == 0 && n == r.width+7 && (ourCode(r.cell(r.width+1)) || r.cell(r.width+6) != "") && slices.Contains(resultWords(), r.cell(r.width)):
		return nil, false, Refuse(rec.Line, "NV-1104.result")
	}
	return nil, false, nil
}

// ourCode tells whether a cell is a code of ours.
func ourCode(s string) bool {
	return len(s) == 7 && s[:3] == "NV-" && plainDigits(s[3:]) == 4
}

// fill takes blank cells from the row above where the key is blank; it tells whether it did.
func (r *Reading) fill() bool {
	s := &r.row
	cols := append([]int{r.fillKey}, r.fillCols...)
	if s.filled == nil {
		s.filled, s.above = make([]string, len(cols)), make([]CellKind, len(cols))
	}
	if !r.blank(r.cell(r.fillKey)) {
		for i, c := range cols {
			s.filled[i], s.above[i] = r.cell(c), r.kind(c)
		}
		return false
	}
	did := false
	for i, c := range cols {
		if cell := r.cell(c); r.blank(cell) {
			did = did || s.filled[i] != cell
			s.cells[c] = s.filled[i]
			if c < len(s.kinds) {
				s.kinds[c] = s.above[i]
			}
		}
	}
	if did && r.scope != nil {
		for i, t := range r.m.titles {
			r.scope.env[t.name] = r.cell(r.atTitles[i])
		}
	}
	return did
}

func (r *Reading) blank(s string) bool { return s == "" || slices.Contains(r.m.source.Missing, s) }

// rewritten is a row in the source's dialect with its filled cells, so that it can be dropped again by itself.
func (r *Reading) rewritten(raw []string) []byte {
	row := slices.Clone(raw[:r.width])
	for _, c := range append([]int{r.fillKey}, r.fillCols...) {
		if trimBlanks(raw[c]) != r.cell(c) {
			row[c] = r.cell(c)
		}
	}
	w := r.dialect.NewWriter(nil)
	var text []byte
	for i, c := range row {
		if i > 0 {
			text = appendRune(text, w.d.Delimiter)
		}
		text = w.appendCell(text, c, len(row) == 1)
	}
	return r.charset.encode(nil, text)
}

// begin forgets the row before.
func (r *Reading) begin() {
	r.row.found = r.row.found[:0]
	clear(r.row.values)
}

func (r *Reading) add(column int, p Problem) {
	r.row.found = append(r.row.found, found{column, p})
}

// keepRaw copies bytes that are used again for the next record.
func (r *Reading) keepRaw(raw []byte) []byte {
	const block = 32 << 10
	s := &r.row
	if len(raw) > block/4 {
		return slices.Clone(raw)
	}
	if len(s.arena)+len(raw) > cap(s.arena) {
		s.arena = make([]byte, 0, block)
	}
	from := len(s.arena)
	s.arena = append(s.arena, raw...)
	return s.arena[from:len(s.arena):len(s.arena)]
}

// spoiltRow answers a row that the format could not read.
func (r *Reading) spoiltRow(e *RowError) (*Document, error) {
	if r.m.records != nil {
		r.counted.rows--
		return r.strayRecord(e.Line, e.Raw, e.Problem)
	}
	r.begin()
	if r.m.group != nil {
		return r.unshaped(e.Line, e.Raw)
	}
	r.markFailed()
	d := r.slot()
	d.rows[0] = Row{e.Line, r.keepRaw(e.Raw)}
	d.doc = Document{Rows: d.rows[:], State: Rejected, Problems: []Problem{e.Problem}, Kind: r.m.onlyKind()}
	d.doc.Fields = r.keepFields(d.doc.Rows)
	r.counted.totalBad = true
	return &d.doc, nil
}

// markFailed makes every field unreadable.
func (r *Reading) markFailed() {
	for i := range r.row.values {
		r.row.values[i].state = failed
	}
}

// onlyKind is the kind of every document, "" where rows decide.
func (m *Mapping) onlyKind() payment.Kind {
	switch m.Kind {
	case KindRequest:
		return payment.Request
	case KindOperation:
		return payment.Operate
	}
	return ""
}

// count adds a document to the control totals.
func (r *Reading) count(doc *Document) {
	c := &r.counted
	c.documents++
	if doc.Amount.IsZero() {
		return
	}
	sum, err := c.total.Add(doc.Amount)
	if err != nil {
		c.totalBad = true
		return
	}
	c.total = sum
}

// Control gives the control rules that fail; it is asked behind the last document.
func (r *Reading) Control() []Problem {
	var out []Problem
	if len(r.m.control) == 0 {
		return nil
	}
	env := r.scope.env
	env["file.documents"], env["file.rows"] = r.counted.documents, r.counted.rows
	env["file.total"] = nil
	if !r.counted.totalBad {
		if r.counted.total.IsZero() {
			r.counted.total.Currency = r.m.Currency
		}
		env["file.total"] = numOf(r.counted.total)
	}
	for _, c := range r.m.control {
		if r.mended && c.when.uses("trailer.") {
			continue
		}
		ok, err := r.scope.holds(c.when)
		if r.counted.totalBad && c.when.uses("file.total") {
			ok = false
		}
		if ok && err == nil {
			continue
		}
		out = append(out, Problem{Code: "NV-1301", Rule: c.id, Text: c.text})
	}
	return out
}

// expressionProblem is a row that an expression cannot be asked about.
func expressionProblem(line int, err error) Problem {
	return problem(line, "NV-1210.expression", "detail.fr", detail(err, "fr"), "detail", detail(err, "en"))
}
