package propose

import (
	"cmp"
	"errors"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/navette-connect/navette/mappings"
)

// record is one record of a sample.
type record struct {
	cells   []string // trimmed
	comment bool
}

// filled counts the cells that hold something.
func (r record) filled() (n int) {
	for _, c := range r.cells {
		if c != "" {
			n++
		}
	}
	return n
}

func (r record) blank() bool {
	return !slices.ContainsFunc(r.cells, func(c string) bool { return c != "" })
}

// table is a sample cut into records and cells in one of the ways it may be meant.
type table struct {
	s         *sample
	format    string // csv, fixed, xlsx
	sheet     int    // of a workbook: its number among the visible ones
	delimiter rune
	quote     rune // 0: none
	comment   string
	records   []record
	width     int // cells of most records
	steady    float64

	framed  bool // fixed records without line ends
	length  int  // of every record, 0 where they differ
	columns []mappings.Column
	kind    string // what data records begin with, where others have other kinds; "" = all are data

	from        string       // the titles of a file of fixed positions, below which its rows begin; "" for none
	overpunched map[int]bool // where columns of fixed positions begin whose last digit carries the sign
	rules       bool         // lines of dashes stand among them
	until       string       // the first cell of the line at which another table begins; "" for none
	header      int          // index of the row of titles, -1: none
	headerRows  int
	titles      []string // of the columns; made up where the file has none
}

// maxRecords is how many records of a sample are looked at.
const maxRecords = 3000

// tables gives the ways in which the sample may be cut, the likeliest first.
func (s *sample) tables() []*table {
	var out []*table
	for _, d := range []rune{';', '\t', '|', ',', '^', '~', '¤', '§'} {
		if strings.ContainsRune(s.text, d) {
			if t := s.delimited(d); t.width > 1 {
				out = append(out, t)
			}
		}
	}
	slices.SortStableFunc(out, func(a, b *table) int { return -cmp.Compare(a.score(), b.score()) })
	if len(out) > 0 { // a decimal comma is no delimiter where semicolons cut every line alike
		most := out[0].score()
		out = slices.DeleteFunc(out, func(t *table) bool { return t.score() < most/2 })
	}
	if !s.cutBySigns() && (len(out) == 0 || out[0].steady < 0.8 || out[0].width < 3) {
		if t := s.fixed(); t != nil && (len(out) == 0 || out[0].steady < 0.8 || t.length > 0) {
			out = append([]*table{t}, out...)
		}
	}
	return out
}

// cutBySigns tells a file whose lines all hold several of one delimiter: whatever else is odd about it, its figures do
// not stand in fixed positions.
func (s *sample) cutBySigns() bool {
	lines, with := 0, map[rune]int{}
	for line := range strings.FieldsFuncSeq(s.text[:min(len(s.text), 1<<18)], func(r rune) bool { return r == '\n' || r == '\r' || r == '\u0085' }) {
		if lines++; lines > 500 {
			break
		}
		for _, d := range []rune{';', '\t', '|', ','} {
			if strings.Count(line, string(d)) >= 3 {
				with[d]++
			}
		}
	}
	for _, n := range with {
		if lines > 1 && n*10 >= lines*8 {
			return true
		}
	}
	return false
}

// score says how much the delimiter is one: wide rows, all of a width.
func (t *table) score() float64 { return t.steady * t.steady * float64(min(t.width, 12)) }

// delimited cuts the sample at a delimiter.
func (s *sample) delimited(d rune) *table {
	t := &table{s: s, format: "csv", delimiter: d, quote: '"', header: -1, headerRows: 1}
	opening, bare, single := quotes(s.text, d)
	switch {
	case bare > 0 && (opening == 0 || t.ordinary(s.text)):
		t.quote = 0
	case opening == 0 && single > 0:
		t.quote = '\''
	}
	t.records = t.split(s.text)
	t.measure()
	t.findComments()
	return t
}

// ordinary tells whether quotes are ordinary characters, "Le Nord" hôtel: without them every row has one width, and no cell
// stands in quotes as a whole.
func (t *table) ordinary(text string) bool {
	plain := *t
	plain.quote = 0
	width := 0
	for _, r := range plain.split(text) {
		if r.blank() {
			continue
		}
		if width == 0 {
			width = len(r.cells)
		}
		if len(r.cells) != width || slices.ContainsFunc(r.cells, func(c string) bool { return len(c) > 1 && c[0] == '"' && c[len(c)-1] == '"' }) {
			return false
		}
	}
	return width > 1
}

// quotes counts cells that begin and end with a quote, quotes that are ordinary characters, and cells in apostrophes.
func quotes(text string, d rune) (opening, bare, single int) {
	rs := []rune(text[:min(len(text), 1<<20)])
	edge := func(i int) bool {
		return i < 0 || i >= len(rs) || rs[i] == d || rs[i] == '\n' || rs[i] == '\r' || rs[i] == '\u0085'
	}
	inside := false
	for i := 0; i < len(rs); i++ {
		switch {
		case rs[i] == '\'' && !inside && edge(i-1):
			if j := slices.Index(rs[i+1:min(len(rs), i+200)], '\''); j > 0 && edge(i+j+2) {
				single++
			}
		case rs[i] != '"':
		case inside && i+1 < len(rs) && rs[i+1] == '"':
			i++
		case inside && edge(i+1):
			inside = false
		case inside:
			bare++
		case edge(i - 1):
			inside = true
			opening++
		default:
			bare++
		}
	}
	return opening, bare, single
}

// split cuts a text into records, quoted line ends apart.
func (t *table) split(text string) (out []record) {
	var cells []string
	var b strings.Builder
	quoted, begun := false, false
	cell := func() {
		cells = append(cells, trim(b.String()))
		b.Reset()
		begun = false
	}
	for i, n := 0, 0; i < len(text) && len(out) < maxRecords; i += n {
		r, size := utf8.DecodeRuneInString(text[i:])
		n = size
		switch {
		case quoted && r == t.quote:
			if strings.HasPrefix(text[i+n:], string(t.quote)) {
				b.WriteRune(r)
				n += size
			} else {
				quoted = false
			}
		case quoted:
			b.WriteRune(r)
		case r == t.quote && t.quote != 0 && !begun:
			quoted, begun = true, true
		case r == t.delimiter && t.delimiter != 0:
			cell()
		case r == '\n' || r == '\r' || r == '\u0085':
			if r == '\r' && strings.HasPrefix(text[i+n:], "\n") {
				n++
			}
			cell()
			out = append(out, record{cells: cells})
			cells = nil
		default:
			begun = begun || r != ' '
			b.WriteRune(r)
		}
	}
	if (b.Len() > 0 || cells != nil) && len(out) < maxRecords {
		cell()
		out = append(out, record{cells: cells})
	}
	return out
}

func trim(s string) string { return strings.Trim(s, " \t\u00a0\u202f\u2007\ufeff") }

// measure finds how many cells most records have.
func (t *table) measure() {
	counts, all := map[int]int{}, 0
	for _, r := range t.records {
		if r.blank() || r.comment || len(r.cells) == 1 && len(r.cells[0]) > 3 && strings.Trim(r.cells[0], "-=_+ ") == "" { // lines of dashes
			continue
		}
		counts[len(r.cells)]++
		all++
	}
	best := 0
	for w, n := range counts {
		if n > best || n == best && w > t.width {
			t.width, best = w, n
		}
	}
	if all > 0 {
		t.steady = float64(best) / float64(all)
	}
}

// findComments looks for lines that are no rows: they begin with a sign that no other line begins with, and are shaped
// otherwise.
func (t *table) findComments() {
	for _, mark := range []string{"##", "#", "//", "--", "!"} {
		n, wide := 0, 0
		for _, r := range t.records {
			if len(r.cells) > 0 && strings.HasPrefix(r.cells[0], mark) {
				n++
				if len(r.cells) == t.width {
					wide++
				}
			}
		}
		if n == 0 || wide > 0 || n > len(t.records)*2/3 {
			continue
		}
		t.comment = mark
		for i := range t.records {
			r := &t.records[i]
			r.comment = len(r.cells) > 0 && strings.HasPrefix(r.cells[0], mark)
		}
		t.measure()
		return
	}
}

// workbook reads a sheet of a workbook, by its number among the visible ones, by the reader of that format.
func (s *sample) workbook(sheet int) (*table, error) {
	t := &table{s: s, format: "xlsx", sheet: sheet, header: -1, headerRows: 1, steady: 1}
	f, err := s.opt.Formats["xlsx"](mappings.Source{Format: "xlsx", SheetAt: sheet, Mark: '.', Header: mappings.HeaderAuto, HeaderRows: 1, Trim: true,
		MaxRows: mappings.DefaultMaxRows, MaxBytes: mappings.DefaultMaxBytes, MaxCell: mappings.DefaultMaxCell})
	if err != nil {
		return nil, err
	}
	book, err := f.Open(s.src)
	if err != nil {
		return nil, err
	}
	for rec, err := range book.Records() {
		var spoilt *mappings.RowError
		if err != nil && !errors.As(err, &spoilt) {
			return nil, err
		}
		if len(t.records) >= maxRecords {
			break
		}
		r := record{}
		for _, c := range rec.Cells {
			r.cells = append(r.cells, trim(c))
		}
		t.records = append(t.records, r)
		t.width = max(t.width, len(r.cells)) // rows end with their last cell: a table is as wide as its widest
	}
	return t, nil
}

// findHeader finds the row of titles and what columns are called.
func (t *table) findHeader() {
	best, most := -1, 0.0
	seen := 0
	for i, r := range t.records {
		if r.blank() || r.comment {
			continue
		}
		if seen++; seen > 60 {
			break
		}
		if score := t.titleScore(r); score > most+0.01 {
			best, most = i, score
		}
	}
	known := best >= 0
	if !known {
		best = t.contrast()
	}
	t.header, t.headerRows = best, 1
	if best < 0 {
		t.titles = nil
		return
	}
	for i := best + 1; known && i < len(t.records) && t.headerRows < 4; i++ { // translations under the titles
		r := t.records[i]
		if r.blank() || t.titleScore(r) < 0.5*most || slices.Equal(r.cells, t.records[best].cells) {
			break
		}
		t.headerRows++
	}
	t.titles = t.records[best].cells
	t.width = len(t.titles)
	if t.format == "xlsx" {
		for t.width > 0 && t.titles[t.width-1] == "" {
			t.width--
		}
		t.titles = t.titles[:t.width]
	}
}

// cutOther ends the table where other titles begin another one; what stands alone above them goes with them. Where the
// line cannot be told from the others the file is refused: the rows below are of another kind.
func (t *table) cutOther() error {
	if t.header < 0 || t.format == "fixed" {
		return nil
	}
	own := t.titleScore(t.records[t.header])
	from := t.header + t.headerRows
	for i := from + 1; i < len(t.records); i++ {
		r := t.records[i]
		if r.blank() || r.comment || own == 0 || t.titleScore(r) < max(1.4, own*0.5) || sameTitles(r.cells, t.titles) {
			continue
		}
		at := i
		for at > from+1 && (t.records[at-1].blank() || t.records[at-1].filled() == 1) {
			at--
		}
		for at < i && t.records[at].blank() {
			at++
		}
		begin := t.records[at].cells[0]
		if begin == "" || isDataCell(begin) || slices.ContainsFunc(t.records[:at], func(r record) bool { return len(r.cells) > 0 && r.cells[0] == begin }) {
			return refuse("propose.two_tables", "titles", strings.Join(r.cells[:min(len(r.cells), 6)], ", "))
		}
		t.until, t.records = begin, t.records[:at]
		return nil
	}
	return nil
}

// sameTitles tells the titles of the table, repeated with or without blanks at the end.
func sameTitles(a, b []string) bool {
	end := func(s []string) []string {
		for len(s) > 0 && s[len(s)-1] == "" {
			s = s[:len(s)-1]
		}
		return s
	}
	return slices.Equal(end(a), end(b))
}

// contrast finds a row of titles that nobody knows: the first row, all words, different ones, above columns of figures,
// dates and addresses; -1 for none.
func (t *table) contrast() int {
	first := slices.IndexFunc(t.records, func(r record) bool { return !r.blank() && !r.comment })
	if first < 0 || len(t.records[first].cells) != t.width || t.width < 3 {
		return -1
	}
	seen := map[string]bool{}
	for _, c := range t.records[first].cells {
		if c == "" || seen[c] || isDataCell(c) || len(c) > 60 {
			return -1
		}
		seen[c] = true
	}
	figures := 0
	for i := range t.width {
		data, n := 0, 0
		for _, r := range t.records[first+1:] {
			if i < len(r.cells) && r.cells[i] != "" && !r.comment {
				n++
				if isDataCell(r.cells[i]) {
					data++
				}
			}
		}
		if n > 0 && data*10 >= n*7 {
			figures++
		}
	}
	if figures*2 < t.width {
		return -1
	}
	return first
}

// titleScore says how much a row looks like titles: names that columns have, no numbers, dates or addresses.
func (t *table) titleScore(r record) float64 {
	hits, data, texts := 0.0, 0, 0
	names := map[string]bool{}
	for _, c := range r.cells {
		if c == "" {
			continue
		}
		if isDataCell(c) {
			data++
			continue
		}
		texts++
		if names[c] {
			continue
		}
		names[c] = true
		if len(c) > 60 {
			continue
		}
		most := 0.0
		for _, v := range likeness(c) {
			most = max(most, v)
		}
		if most >= 55 {
			hits += most / 100
		}
	}
	if hits < 1.4 || data > 0 && float64(data) > hits/3 || float64(texts) < float64(t.width)/4 {
		return 0
	}
	return hits - float64(data)
}

// ageTitle knows the columns of aged balances: 1-30 j, 31 - 60 days, > 90, 60+.
var ageTitle = regexp.MustCompile(`(?i)^([<>+≤≥] ?[0-9]{1,3}|[0-9]{1,3} ?(-|–|à|a|to|bis) ?[0-9]{1,3}|[0-9]{1,3} ?\+)( ?(j|jrs?|jours?|d|days?|tage|d[ií]as|giorni|dagen))?\.?$`)

// isDataCell tells a value from a title.
func isDataCell(c string) bool {
	if strings.Contains(c, "@") {
		return true
	}
	if ageTitle.MatchString(c) {
		return false
	}
	digits := 0
	for _, r := range c {
		if r >= '0' && r <= '9' {
			digits++
		}
	}
	return digits > 0 && digits*2 >= utf8.RuneCountInString(c) || digits >= 5
}

// data gives the records below the titles, without blank and comment lines.
func (t *table) data() []record {
	var out []record
	from := 0
	if t.header >= 0 {
		from = t.header + t.headerRows
	}
	for _, r := range t.records[min(from, len(t.records)):] {
		if !r.blank() && !r.comment {
			out = append(out, r)
		}
	}
	return out
}
