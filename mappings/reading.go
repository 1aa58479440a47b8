package mappings

import (
	"errors"
	"iter"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/navette-connect/navette/connector/message"
	"github.com/navette-connect/navette/connector/payment"
)

// Env is what a reading is told from outside.
type Env struct {
	File  string // the file's name, a label
	Flow  string
	Today string // ISO date, for today()
}

// Reading is one file being read. It belongs to one goroutine.
type Reading struct {
	m       *Mapping
	env     Env
	src     Spooled
	table   Table
	dialect Dialect
	charset *Charset

	titles   []string // of the columns, without navette's own
	width    int      // cells of a row; 0 = the first row tells
	mended   bool     // a rejects file dropped again: its closing record is that of the whole file
	extra    int      // navette's own columns behind the titles, of a rejects file dropped again
	head     Head
	start    int   // records that stand above the data
	cols     []int // column of each field; -1 of a computed one
	signs    []int // column of its sign; -1
	atTitles []int // column of each row["…"]
	fillKey  int
	fillCols []int
	year     int
	warnings []Problem

	known   []knownDate // dates that were read
	batch   *batch      // of a worker; nil where documents are their receiver's
	scope   *scope      // nil where the mapping has no expression
	row     rowState
	counted counts

	open     map[string]*gathering // documents whose rows are being grouped, by key
	current  *gathering            // the document of the last head
	gathered *gathering            // the one being finished
	reading  *recordType           // of the record being read
	ranks    map[string]int        // rows of each reference so far
}

// counts is what a reading keeps for control totals.
type counts struct {
	rows, leftOut, documents int
	total                    payment.Amount
	totalBad                 bool
}

// Open looks at a file as a whole: its encoding, its end, its titles. The error is a *FileError where the file is the
// cause: refused, or (Incomplete) held until the rest of it comes.
func (m *Mapping) Open(src Spooled, env Env) (*Reading, error) {
	table, err := m.format.Open(src)
	if err != nil {
		return nil, err
	}
	r := &Reading{m: m, env: env, src: src, table: table, dialect: table.Dialect(), fillKey: -1}
	if r.charset, err = NewCharset(r.dialect.Encoding); err != nil {
		return nil, err
	}
	r.dialect.Decimal = m.decimal()
	if err := r.findTitles(); err != nil {
		return nil, err
	}
	r.dialect.Width = r.width
	if m.expressions() {
		r.scope = newScope()
		r.scope.env[todayName] = env.Today
	}
	r.row.init(r)
	if err := r.closing(); err != nil {
		return nil, err
	}
	return r, nil
}

// expressions tells whether the mapping has any that run on rows.
func (m *Mapping) expressions() bool {
	return len(m.skip)+len(m.computed)+len(m.rules)+len(m.control)+len(m.parts) > 0
}

// Titles are the source's titles (or the declared names), without columns of navette's own.
func (r *Reading) Titles() []string { return r.titles }

// Head is what stands above the data, for the returns.
func (r *Reading) Head() Head { return r.head }

// Dialect is how the file is written.
func (r *Reading) Dialect() Dialect { return r.dialect }

// Rows counts the data rows read so far, without those left out by the mapping.
func (r *Reading) Rows() int { return r.counted.rows }

// LeftOut counts the rows that `skip` and `comment` left out so far.
func (r *Reading) LeftOut() int { return r.counted.leftOut }

// Warnings says what is odd about the file and no reason to refuse it: columns that the mapping does not know.
func (r *Reading) Warnings() []Problem { return r.warnings }

// section walks through the records between `from` and `until`; the records outside are passed as skipped ones, so
// that they can be counted.
func (r *Reading) section() iter.Seq2[Record, error] {
	m := r.m
	if m.from == nil && m.until == nil {
		return r.table.Records()
	}
	return func(yield func(Record, error) bool) {
		inside := m.from == nil
		var text []byte
		matches := func(re *regexp.Regexp, raw []byte) bool {
			text = r.charset.AppendDecoded(text[:0], raw)
			return re != nil && re.Match(text)
		}
		for rec, err := range r.table.Records() {
			var row *RowError
			raw := rec.Raw
			if errors.As(err, &row) {
				raw = row.Raw
			} else if err != nil {
				yield(rec, err)
				return
			}
			switch {
			case !inside && matches(m.from, raw):
				inside = true
			case !inside:
			case matches(m.until, raw):
				inside = false
			default:
				if !yield(rec, err) {
					return
				}
				continue
			}
			if !yield(Record{Line: rec.Line, End: rec.End, Comment: true, Cells: nil}, errOutside) {
				return
			}
		}
	}
}

// errOutside marks a record outside the declared section.
var errOutside = errors.New("outside the section")

// findTitles reads the file down to its first data row.
func (r *Reading) findTitles() error {
	m := r.m
	want := m.source.Header
	if err := r.findYear(); err != nil {
		return err
	}
	mark := r.charset.Mark()
	if !r.dialect.BOM {
		mark = nil
	}
	if want == 0 {
		return r.headless(mark)
	}
	var best *titleRow
	seen, n := 0, 0
	begin := int64(len(mark))
	for rec, err := range r.section() {
		seen++
		var spoilt *RowError
		if errors.As(err, &spoilt) {
			rec = Record{Line: spoilt.Line, End: spoilt.End, Raw: spoilt.Raw}
		} else if err != nil && !errors.Is(err, errOutside) {
			return err
		}
		if !errors.Is(err, errOutside) {
			n++
		}
		from := begin
		begin = rec.End
		if rec.Blank || rec.Comment || want != HeaderAuto && n < want {
			continue
		}
		if spoilt != nil {
			if want != HeaderAuto {
				return Refuse(spoilt.Line, "NV-1101.titles", "line", strconv.Itoa(spoilt.Line))
			}
			continue
		}
		t := &titleRow{titles: slices.Clone(rec.Cells), at: int(from), length: len(rec.Raw), line: rec.Line, start: seen, end: rec.End}
		problems := r.resolve(t)
		if want == HeaderAuto {
			if best == nil || len(problems) < best.missing {
				t.missing, best = len(problems), t
			}
			if len(problems) > 0 && seen < titleSearch {
				continue
			}
		} else {
			best = t
		}
		return r.useTitles(best)
	}
	if best != nil {
		return r.useTitles(best)
	}
	if seen == 0 || n == 0 {
		return Refuse(0, "NV-1001.empty")
	}
	return Refuse(0, "NV-1001.no_titles")
}

// titleSearch is how many records `header: auto` looks through.
const titleSearch = 500

// titleRow is a row of titles, or what may be one.
type titleRow struct {
	titles     []string
	at, length int // in the file
	line       int
	start      int   // records down to it
	end        int64 // offset behind it
	missing    int
}

// useTitles takes a row of titles, or refuses the file for what it lacks.
func (r *Reading) useTitles(t *titleRow) error {
	if slices.ContainsFunc(t.titles, func(s string) bool { return fold(s) == "nvstate" }) {
		return Refuse(t.line, "NV-1104.result")
	}
	if problems := r.resolve(t); len(problems) > 0 {
		return severalProblems(t.line, problems)
	}
	r.start = t.start
	end := t.end
	if more := r.m.source.HeaderRows - 1; more > 0 { // translations and examples under the titles
		n := 0
		for rec, err := range r.section() {
			if n++; n <= t.start {
				continue
			}
			var spoilt *RowError
			if errors.As(err, &spoilt) {
				rec = Record{End: spoilt.End}
			} else if err != nil && !errors.Is(err, errOutside) {
				return err
			}
			end = rec.End
			if r.start = n; n == t.start+more {
				break
			}
		}
	}
	if end > 16<<20 {
		return Refuse(t.line, "NV-1003.record", "line", strconv.Itoa(t.line), "limit", strconv.Itoa(16<<20))
	}
	return r.keepHead(t, end)
}

// keepHead keeps the bytes above the data, without the columns that are navette's own.
func (r *Reading) keepHead(t *titleRow, end int64) error {
	b, err := r.sourceText(end)
	if err != nil {
		return err
	}
	r.head = Head{Bytes: b, Titles: r.titles, At: t.at, Length: t.length}
	if r.dialect.Sheet != "" {
		r.head.Rows, r.head.Line = r.start, t.line
	}
	if cutter, ok := r.table.(Cutter); ok && r.extra > 0 {
		own := slices.Clone(cutter.Cut(b[t.at:t.at+t.length], r.width))
		r.head.Bytes = slices.Concat(b[:t.at], own, b[t.at+t.length:])
		r.head.Length = len(own)
	}
	return nil
}

// headless prepares a file without titles.
func (r *Reading) headless(mark []byte) error {
	names := make([]string, len(r.m.source.Columns))
	for i, c := range r.m.source.Columns {
		names[i] = c.Name
	}
	r.width = len(names)
	if r.m.records != nil && r.dialect.Sheet != "" { // every row of a sheet is as wide as the widest type
		for _, t := range r.m.records.types {
			r.width = max(r.width, len(t.columns))
		}
	}
	t := &titleRow{titles: names}
	if problems := r.resolve(t); len(problems) > 0 {
		return severalProblems(0, problems)
	}
	end := int64(len(mark))
	if r.m.from != nil { // the line that opens the section goes back with the rejects
		n := 0
		for rec, err := range r.section() {
			if err != nil && !errors.Is(err, errOutside) {
				break
			}
			if err == nil {
				break
			}
			n++
			end = rec.End
		}
		r.start = n
	}
	b, err := r.sourceText(min(end, 16<<20))
	if err != nil {
		return err
	}
	r.head = Head{Bytes: b}
	if r.dialect.Sheet != "" {
		r.head.Rows = r.start
	}
	return nil
}

// sourceText gives the first n bytes of the source; of a workbook, of what it is as text.
func (r *Reading) sourceText(n int64) ([]byte, error) {
	if t, ok := r.table.(Renderer); ok {
		return t.Rendered(n)
	}
	b := make([]byte, n)
	return b, readFull(r.src, b, 0)
}

// findYear reads the cell that holds the year of dates written without one.
func (r *Reading) findYear() error {
	y := r.m.year
	if y == nil {
		return nil
	}
	for rec, err := range r.table.Records() {
		if rec.Line > y.line || err != nil {
			break
		}
		if rec.Line < y.line || y.column >= len(rec.Cells) {
			continue
		}
		text := trimBlanks(rec.Cells[y.column])
		if plainDigits(text) >= 4 {
			r.year, _ = strconv.Atoi(text[:4])
		}
		break
	}
	if r.year < 1900 {
		return Refuse(y.line, "NV-1101.year", "line", strconv.Itoa(y.line), "column", letterOf(y.column))
	}
	return nil
}

// resolve finds the columns of every reference among the titles; what is missing is returned.
func (r *Reading) resolve(t *titleRow) []Problem {
	m := r.m
	r.titles = t.titles
	r.extra = 0
	if m.source.Header != 0 {
		n := len(t.titles)
		for n > 0 && strings.HasPrefix(strings.ToLower(trimBlanks(t.titles[n-1])), "nv_") {
			n--
		}
		r.extra, r.titles, r.width = len(t.titles)-n, t.titles[:n], n
	}
	var missing []Problem
	find := func(refs []columnRef) int {
		for _, ref := range refs {
			if ref.index >= 0 && (r.width == 0 || ref.index < r.width) {
				return ref.index
			}
			if ref.index >= 0 {
				continue
			}
			at, again := findTitle(r.titles, ref.title)
			if again >= 0 {
				missing = append(missing, r.titleProblem(t.line, "NV-1101.twice", "title", ref.title, "letter", letterOf(at), "other", letterOf(again)))
				return at
			}
			if at >= 0 {
				return at
			}
		}
		missing = append(missing, r.noTitle(t.line, refs[0]))
		return 0
	}
	r.cols, r.signs, r.atTitles = make([]int, len(m.fields)), make([]int, len(m.fields)), make([]int, len(m.titles))
	for i, f := range m.fields {
		r.cols[i], r.signs[i] = -1, -1
		if f.columns != nil {
			r.cols[i] = find(f.columns)
		}
		if f.sign != nil {
			r.signs[i] = find([]columnRef{f.sign.column})
		}
	}
	for i, title := range m.titles {
		r.atTitles[i] = find([]columnRef{title.ref})
	}
	if m.fill != nil {
		r.fillKey, r.fillCols = find([]columnRef{m.fill.key}), nil
		for _, c := range m.fill.columns {
			r.fillCols = append(r.fillCols, find([]columnRef{c}))
		}
	}
	if len(missing) == 0 {
		missing = r.unknownColumns(t.line)
	}
	return missing
}

// unknownColumns looks for columns that nothing names.
func (r *Reading) unknownColumns(line int) []Problem {
	m := r.m
	if m.unknown == "ignore" || m.source.Header == 0 {
		return nil
	}
	var unknown []Problem
	for i, title := range r.titles {
		if slices.Contains(r.cols, i) || slices.Contains(r.signs, i) || slices.Contains(r.atTitles, i) || slices.Contains(r.fillCols, i) || r.fillKey == i ||
			trimBlanks(title) == "" {
			continue
		}
		unknown = append(unknown, r.titleProblem(line, "NV-1105.unknown", "title", title, "letter", letterOf(i)))
	}
	if m.unknown == "warn" {
		r.warnings = unknown
		return nil
	}
	return unknown
}

func (r *Reading) titleProblem(line int, key string, args ...string) Problem {
	p := problem(line, key, args...)
	for i := 0; i+1 < len(args); i += 2 {
		switch args[i] {
		case "title":
			p.Column = args[i+1]
		case "letter":
			p.Letter = args[i+1]
		}
	}
	return p
}

// noTitle says which column is missing, and what it may be called in this file.
func (r *Reading) noTitle(line int, ref columnRef) Problem {
	if ref.index >= 0 {
		return r.titleProblem(line, "NV-1101.beyond", "letter", letterOf(ref.index), "count", strconv.Itoa(r.width))
	}
	if near := nearest(ref.title, r.titles); near != "" {
		at, _ := findTitle(r.titles, near)
		p := r.titleProblem(line, "NV-1101.nearest", "title", ref.title, "nearest", near, "letter", letterOf(at))
		p.Letter = ""
		return p
	}
	return r.titleProblem(line, "NV-1101.missing", "title", ref.title)
}

// severalProblems refuses a file for several reasons at once.
func severalProblems(line int, list []Problem) error {
	list = slices.CompactFunc(list, func(a, b Problem) bool { return a.Text.In("en") == b.Text.In("en") })
	p := list[0]
	if len(list) > 1 {
		const most = 10
		var fr, en []string
		for _, q := range list[:min(most, len(list))] {
			fr, en = append(fr, q.Text.In("fr")), append(en, q.Text.In("en"))
		}
		p.Text = message.Literal(strings.Join(fr, " | "), strings.Join(en, " | "))
	}
	p.Line = line
	return &FileError{Problem: p}
}
