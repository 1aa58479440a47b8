package propose

import (
	"cmp"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/navette-connect/navette/connector/message"
	"github.com/navette-connect/navette/mappings"
)

// writer writes a mapping with its comments.
type writer struct {
	d       *description
	b       strings.Builder
	fields  []fieldLine
	guesses []message.Text
	plain   bool // without rows left out, rules and grouping: what is left when the full text does not load
	letters bool // columns by their letter
}

// fieldLine is one entry of `fields`.
type fieldLine struct {
	name     string
	p        *profile // nil of a computed one
	keys     string   // behind name and column
	comment  string
	confirm  bool
	agg      string // where rows come together
	computed string
}

// propose writes the mapping, loads it and tries it on the sample.
func (d *description) propose() (*Proposal, error) {
	var last error
	for _, w := range []*writer{{d: d}, {d: d, letters: true}, {d: d, plain: true, letters: true}} {
		text := []byte(w.write())
		m, err := d.t.s.load(text)
		if err != nil {
			last = err
			continue
		}
		p := &Proposal{YAML: text, Name: d.t.s.opt.Name, Kind: mappings.KindRequest, Guesses: w.guesses, Source: d.facts(), Tried: d.t.s.try(m)}
		if d.operation {
			p.Kind = mappings.KindOperation
		}
		for i, c := range d.cols {
			col := Column{Title: c.title, Letter: letter(i), Example: c.example()}
			for _, f := range w.fields {
				if f.p == c && col.Field == "" {
					col.Field, col.Confirm = f.name, f.confirm
				}
			}
			p.Columns = append(p.Columns, col)
		}
		return p, nil
	}
	return nil, &Refusal{message.New("propose.failed", "detail", last.Error())}
}

// example is a value to show: the first one, masked where it is a person's.
func (p *profile) example() string {
	c := p.first()
	if p.email > 0.3 || p.iban > 0.3 || p.phone > 0.3 && p.date < 0.5 {
		return "•••"
	}
	if rs := []rune(c); len(rs) > 30 {
		return string(rs[:29]) + "…"
	}
	return c
}

func quote(s string) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if e.Encode(s) != nil {
		return `""`
	}
	return strings.ReplaceAll(strings.TrimSuffix(b.String(), "\n"), "\u007f", `\u007f`)
}

// single quotes an expression for YAML.
func single(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

func (w *writer) line(format string, args ...any) { fmt.Fprintf(&w.b, format+"\n", args...) }

// remark writes a comment, wrapped.
func (w *writer) remark(indent, text string) {
	line := ""
	for word := range strings.FieldsFuncSeq(text, func(r rune) bool { return r < ' ' || r == ' ' || r == '\u0085' || r == '\u2028' || r == '\u2029' }) {
		if line != "" && len([]rune(line))+len([]rune(word)) > 108 {
			w.line("%s# %s", indent, line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	if line != "" {
		w.line("%s# %s", indent, line)
	}
}

func (w *writer) say(key string, args ...string) string { return w.d.t.s.say(key, args...) }

func (w *writer) guess(key string, args ...string) string {
	t := message.New(key, args...)
	w.guesses = append(w.guesses, t)
	return t.In(w.d.t.s.opt.Lang)
}

// unique tells whether a title names its column alone, as the mapping language compares titles.
func (d *description) unique(p *profile) bool {
	if strings.Join(words(p.title), "") == "" || strings.ContainsAny(p.title, "\n\r\uFFFD") {
		return false
	}
	n := 0
	for _, c := range d.cols {
		if strings.Join(words(c.title), "") == strings.Join(words(p.title), "") || c.title == p.title {
			n++
		}
	}
	return n == 1
}

// column refers to a column by its title, by its letter where the title does not do.
func (w *writer) column(p *profile) string {
	if w.letters && w.d.t.header >= 0 || !w.d.unique(p) {
		return "=" + letter(p.at)
	}
	return quote(p.title)
}

// cell is a column in an expression; "" where the title does not do.
func (w *writer) cell(p *profile) string {
	if !w.d.unique(p) {
		return ""
	}
	return "row[" + strconv.Quote(p.title) + "]"
}

// write gives the text of the mapping.
func (w *writer) write() string {
	d, s := w.d, w.d.t.s
	w.makeFields()
	w.remark("", w.say("propose.head", "file", s.src.Name))
	w.remark("", w.say("propose.head.next"))
	if len(w.guesses) > 0 {
		w.remark("", w.say("propose.head.confirm", "n", strconv.Itoa(w.marked())))
	}
	w.line("navette: mapping/v1")
	w.line("name: %s", s.opt.Name)
	kind := "request"
	if d.operation {
		kind = "operation"
	}
	w.line("kind: %s", kind)
	lang := "en"
	if s.opt.Lang == "fr" {
		lang = "fr"
	}
	w.line("locale: %s", lang)
	if d.currency != "" && !d.currencyGuessed() {
		w.line("currency: %s", d.currency)
	}
	w.line("source:")
	w.source()
	if d.shape.group && !w.plain && d.reference() != nil {
		w.line("group:")
		w.line("  by: [reference]   # %s", w.say("propose.group"))
	}
	w.line("fields:")
	w.writeFields()
	if d.shape.rank && !w.plain {
		w.line("parts: rank   # %s", w.say("propose.rank"))
	}
	w.rules()
	return w.b.String()
}

func (w *writer) marked() (n int) {
	for _, f := range w.fields {
		if f.confirm {
			n++
		}
	}
	return n
}

// facts tells how the file is written.
func (d *description) facts() (out []Fact) {
	t := d.t
	fact := func(key, value string) { out = append(out, Fact{key, value}) }
	fact("format", t.format)
	if t.sheet > 1 {
		fact("sheet", strconv.Itoa(t.sheet))
	}
	if t.format != "xlsx" {
		fact("encoding", t.s.encoding)
	}
	if t.format == "csv" {
		fact("delimiter", delimiterName(t.delimiter))
		if t.quote != '"' {
			fact("quote", quoteName(t.quote))
		}
	}
	if t.format == "fixed" && t.length > 0 {
		fact("length", strconv.Itoa(t.length))
		if t.framed {
			fact("framing", "fixed")
		}
	}
	fact("header", strconv.Itoa(t.header+1))
	if t.headerRows > 1 {
		fact("header_rows", strconv.Itoa(t.headerRows))
	}
	fact("decimal", string(d.decimal))
	if d.group != 0 {
		fact("group", string(d.group))
	}
	if len(d.dates) > 0 {
		fact("dates", strings.Join(d.dates, ", "))
	}
	return out
}

func delimiterName(r rune) string {
	if r == '\t' {
		return `\t`
	}
	return string(r)
}

func quoteName(r rune) string {
	if r == 0 {
		return "none"
	}
	return string(r)
}

// source writes the section `source`.
func (w *writer) source() {
	d, t := w.d, w.d.t
	w.line("  format: %s", t.format)
	if d.sheets != nil {
		w.remark("  ", w.guess("propose.sheets", "sheet", strconv.Itoa(t.sheet), "others", strings.Join(d.sheets, ", ")))
	}
	if t.sheet > 1 || d.sheets != nil {
		w.line("  sheet: %d", t.sheet)
	}
	if t.format != "xlsx" {
		w.line("  encoding: %s", t.s.encoding)
	}
	switch t.format {
	case "csv":
		w.line("  delimiter: %s", quote(delimiterName(t.delimiter)))
		if t.quote == 0 {
			w.line("  quote: none   # %s", w.say("propose.quote"))
		} else if t.quote != '"' {
			w.line("  quote: %s", quote(string(t.quote)))
		}
	case "fixed":
		if t.framed {
			w.line("  framing: fixed")
		}
		if t.length > 0 {
			w.line("  length: %d", t.length)
		}
	}
	w.line("  header: %d", t.header+1)
	if t.headerRows > 1 {
		w.line("  header_rows: %d   # %s", t.headerRows, w.say("propose.header_rows"))
	}
	if t.comment != "" {
		w.line("  comment: %s", quote(t.comment))
	}
	if t.from != "" {
		w.line("  from: %s   # %s", single(t.from), w.say("propose.from"))
	}
	if t.until != "" {
		mark := regexp.QuoteMeta(string(cmp.Or(t.delimiter, ';'))) // rows of a sheet are joined by semicolons
		if t.delimiter == '\t' {
			mark = `\t`
		}
		w.line("  until: %s   # %s", single(`^"?`+regexp.QuoteMeta(t.until)+`"?(`+mark+`|$)`), w.guess("propose.until"))
	}
	if t.s.openEnd && t.format == "csv" {
		w.line("  open_end: true   # %s", w.say("propose.open_end"))
	}
	w.line("  decimal: %s", quote(string(d.decimal)))
	if d.group != 0 {
		w.line("  group: %s", quote(string(d.group)))
	}
	if len(d.dates) > 0 {
		var list []string
		for _, p := range d.dates {
			list = append(list, quote(p))
		}
		w.line("  dates: [%s]", strings.Join(list, ", "))
	}
	var missing []string
	for _, p := range d.cols {
		if !d.used(p) {
			continue
		}
		for _, c := range p.cells {
			if c != "" && says("missing", c) && !(p.dashes > 0 && isDash(c)) && !slices.Contains(missing, c) && len(missing) < 12 {
				missing = append(missing, c)
			}
		}
	}
	if missing != nil {
		for i := range missing {
			missing[i] = quote(missing[i])
		}
		w.line("  missing: [\"\", %s]", strings.Join(missing, ", "))
	}
	if d.shape.fill != nil && !w.plain && d.unique(d.shape.fill) {
		var list []string
		for _, c := range d.shape.fillCols {
			if d.unique(c) {
				list = append(list, quote(c.title))
			}
		}
		w.line("  fill: {key: %s, columns: [%s]}   # %s", quote(d.shape.fill.title), strings.Join(list, ", "), w.say("propose.fill"))
	}
	w.columns()
	w.skips()
}

// columns declares the columns of a file without titles.
func (w *writer) columns() {
	t := w.d.t
	if t.header >= 0 {
		return
	}
	if t.format != "fixed" {
		var names []string
		for _, p := range w.d.cols {
			names = append(names, p.title)
		}
		w.line("  columns: [%s]   # %s", strings.Join(names, ", "), w.say("propose.columns"))
		return
	}
	w.remark("  ", w.say("propose.positions"))
	w.line("  columns:")
	for i, c := range t.columns {
		example := w.d.cols[i].example()
		w.line("    - {name: %s, at: %d, len: %d}   # %s", c.Name, c.At, c.Len, strings.Join(strings.FieldsFunc(example, func(r rune) bool { return r < ' ' || r == '\u0085' || r == '\u2028' || r == '\u2029' }), " "))
	}
}

// skips writes which rows are left out without being an error.
func (w *writer) skips() {
	d := w.d
	if w.plain {
		return
	}
	var list []string
	add := func(expr, why string) { list = append(list, fmt.Sprintf("    - %s   # %s", single(expr), why)) }
	if d.t.rules {
		add(`row[`+strconv.Quote(d.cols[0].title)+`] matches "^[-=_]+$"`, w.say("propose.skip.rules"))
	}
	if d.t.kind != "" && len(d.cols) > 0 {
		if n := len([]rune(d.t.kind)); d.t.columns[0].At == 1 && d.t.columns[0].Len >= n {
			add(fmt.Sprintf("left(%s, %d) != %s", w.cell(d.cols[0]), n, strconv.Quote(d.t.kind)), w.say("propose.skip.kind"))
		}
	}
	for _, expr := range w.totalSkips() {
		add(expr, w.say("propose.skip.total"))
	}
	if d.shape.titles {
		for _, p := range d.cols {
			if c := w.cell(p); c != "" {
				add(c+" == "+strconv.Quote(p.title), w.say("propose.skip.titles"))
				break
			}
		}
	}
	if ref, amount := d.reference(), d.amountColumn(); d.shape.blanks && ref != nil && amount != nil {
		if a, b := w.cell(ref), w.cell(amount); a != "" && b != "" {
			add(a+` == "" and `+b+` == ""`, w.say("propose.skip.blank"))
		}
	}
	if p := d.accountFilter(); p != nil && d.shape.accounts {
		if c := w.cell(p); c != "" {
			add(`not (`+c+` startsWith "411")`, w.say("propose.skip.accounts"))
		}
	}
	if p := d.role["letter"]; p != nil && d.shape.letters {
		if c := w.cell(p); c != "" {
			add(c+` != ""`, w.say("propose.skip.letters"))
		}
	}
	if list != nil {
		w.line("  skip:")
		w.b.WriteString(strings.Join(list, "\n") + "\n")
	}
}

// writeFields writes the section `fields`.
func (w *writer) writeFields() {
	grouped := w.d.shape.group && !w.plain
	for _, f := range w.fields {
		if f.comment != "" {
			w.remark("  ", f.comment)
		}
		var b strings.Builder
		fmt.Fprintf(&b, "  - {name: %s", f.name)
		if f.p != nil {
			b.WriteString(", column: " + w.column(f.p))
		} else {
			b.WriteString(", value: " + single(f.computed))
		}
		b.WriteString(f.keys)
		if grouped && f.p != nil && f.name != "reference" {
			agg := f.agg
			if agg == "" {
				agg = w.d.agree(f)
			}
			b.WriteString(", agg: " + agg)
		}
		if f.confirm {
			b.WriteString(", confirm: true")
		}
		w.line("%s}", b.String())
	}
}

// agree is how a field of grouped rows becomes one value: what the rows of most documents agree on must be the same.
func (d *description) agree(f fieldLine) string {
	ref := d.reference()
	if f.name == "label" || f.name == "doctype" || ref == nil {
		return "first"
	}
	first, same, several := map[string]string{}, map[string]bool{}, 0
	for i, c := range ref.cells {
		if c == "" || !d.isCustomer(i) {
			continue
		}
		if v, seen := first[c]; !seen {
			first[c] = f.p.cells[i]
		} else {
			if _, known := same[c]; !known {
				several++
				same[c] = true
			}
			same[c] = same[c] && v == f.p.cells[i]
		}
	}
	agreed := 0
	for _, ok := range same {
		if ok {
			agreed++
		}
	}
	if several > 0 && agreed*2 < several {
		return "first"
	}
	return "same"
}
