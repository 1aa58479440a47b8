package propose_test

import (
	"encoding/csv"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/navette-connect/navette/mappings"
	"github.com/navette-connect/navette/mappings/presets"
	"github.com/navette-connect/navette/mappings/propose"
)

// sheet is a product's sample as a spreadsheet holds it.
type sheet struct {
	rows    [][]string
	header  int // index of the row of titles
	data    int // index of the first row below
	columns map[string][]int
	comma   rune

	american bool // the month stands first
}

// isData tells rows that have a document's number: a variation leaves the others alone.
func (s *sheet) isData(i int) bool {
	return i >= s.data && len(s.columns["reference"]) > 0 && s.at(i, s.columns["reference"][0]) != ""
}

func (s *sheet) at(i, c int) string {
	if c < len(s.rows[i]) {
		return s.rows[i][c]
	}
	return ""
}

// change rewrites the cells of the fields named, where to gives a text.
func (s *sheet) change(to func(string) string, fields ...string) {
	for i := range s.rows {
		if !s.isData(i) {
			continue
		}
		for _, f := range fields {
			for _, c := range s.columns[f] {
				if c < len(s.rows[i]) && s.rows[i][c] != "" {
					if v := to(s.rows[i][c]); v != "" {
						s.rows[i][c] = v
					}
				}
			}
		}
	}
}

// money takes an amount as these samples write it apart: minus, whole part, decimals.
func money(s string) (minus bool, whole, decimals string, ok bool) {
	keep := strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r == ',' || r == '.' || r == '-' || r == '(' {
			return r
		}
		return -1
	}, s)
	minus = strings.ContainsAny(keep, "-(")
	keep = strings.Trim(keep, "-()")
	i := strings.LastIndexAny(keep, ".,")
	if i < 0 || len(keep)-i-1 > 2 || len(keep)-i-1 < 1 {
		return false, "", "", false
	}
	whole = strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, keep[:i])
	decimals = (keep[i+1:] + "0")[:2]
	return minus, strings.TrimLeft(whole, "0"), decimals, len(whole) > 0
}

func grouped(whole, mark string) string {
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + mark + whole[i:]
	}
	if whole == "" {
		return "0"
	}
	return whole
}

// amounts rewrites amounts with other marks.
func amounts(mark, decimal string) func(s *sheet) {
	return func(s *sheet) {
		s.change(func(c string) string {
			minus, whole, cents, ok := money(c)
			if !ok {
				return ""
			}
			sign := ""
			if minus {
				sign = "-"
			}
			if strings.Contains(c, "$") {
				sign += "$"
			}
			return sign + grouped(whole, mark) + decimal + cents
		}, "amount", "invoiced", "already_paid", "debit", "credit")
	}
}

func dates(layout string) func(s *sheet) {
	return func(s *sheet) {
		s.change(func(c string) string {
			for _, from := range []string{"02/01/2006", "2006-01-02", "02.01.2006", "20060102", "02-01-2006"} {
				if d, err := time.Parse(from, c); err == nil && !s.american && d.Year() > 2000 && d.Year() < 2050 {
					if layout == "excel" {
						return strconv.Itoa(int(d.Sub(time.Date(1899, 12, 30, 0, 0, 0, 0, time.UTC)).Hours() / 24))
					}
					return d.Format(layout)
				}
			}
			return ""
		}, "due_on", "issued_on")
	}
}

// variation is what happens to a file between the program that wrote it and the folder it is dropped in.
type variation struct {
	name     string
	change   func(s *sheet)
	encoding string // windows-1252, utf-16; "" as it was
	comma    rune
	bytes    func([]byte) []byte
}

func variations() []variation {
	column := func(s *sheet, at int, title string, cell func(i int) string) {
		for i := range s.rows {
			c := ""
			if i == s.header {
				c = title
			} else if i >= s.data {
				c = cell(i)
			}
			if i >= s.header && len(s.rows[i]) >= at {
				s.rows[i] = slices.Insert(slices.Clone(s.rows[i]), at, c)
			}
		}
	}
	return []variation{
		{name: "resaved with semicolons in Windows-1252", encoding: "windows-1252", comma: ';'},
		{name: "resaved as Unicode text", encoding: "utf-16", comma: '\t'},
		{name: "resaved with commas", comma: ','},
		{name: "total row", change: func(s *sheet) {
			total := make([]string, len(s.rows[s.header]))
			total[0] = "Total"
			for _, c := range s.columns["amount"] {
				total[c] = "9" + strings.TrimLeft(s.at(s.data, c), "$")
			}
			s.rows = append(s.rows, total)
		}},
		{name: "total without a word", change: func(s *sheet) {
			total := make([]string, len(s.rows[s.header]))
			for _, c := range s.columns["amount"] {
				total[c] = "9" + strings.TrimLeft(s.at(s.data, c), "$")
			}
			s.rows = append(s.rows, total)
		}},
		{name: "blank rows", change: func(s *sheet) {
			var rows [][]string
			for i, r := range s.rows {
				if rows = append(rows, r); i >= s.data {
					rows = append(rows, make([]string, len(r)))
				}
			}
			s.rows = rows
		}},
		{name: "columns the other way round", change: func(s *sheet) {
			for i := range s.rows {
				if i >= s.header && len(s.rows[i]) == len(s.rows[s.header]) {
					s.rows[i] = slices.Clone(s.rows[i])
					slices.Reverse(s.rows[i])
				}
			}
		}},
		{name: "a column in front", change: func(s *sheet) { column(s, 0, "Commentaire", func(i int) string { return "à relancer" }) }},
		{name: "a column of figures in front", change: func(s *sheet) { column(s, 0, "Prime", func(i int) string { return fmt.Sprint(7000+i) + ",50" }) }},
		{name: "the amount's title twice", change: func(s *sheet) {
			for _, c := range s.columns["amount"] {
				column(s, len(s.rows[s.header]), s.at(s.header, c), func(i int) string { return "7,77" })
				return
			}
		}},
		{name: "narrow blanks between thousands", change: amounts("\u202f", ",")}, {name: "no-break blanks", change: amounts("\u00a0", ",")},
		{name: "decimal point", change: amounts("", ".")}, {name: "decimal comma", change: amounts("", ",")}, {name: "points between thousands", change: amounts(".", ",")},
		{name: "commas between thousands", change: amounts(",", ".")}, {name: "apostrophes between thousands", change: amounts("'", ".")},
		{name: "euro signs behind", change: func(s *sheet) {
			if s.american {
				return
			}
			s.change(func(c string) string {
				if strings.ContainsAny(c, "€$£") {
					return ""
				}
				return c + " €"
			}, "amount")
		}},
		{name: "negative in parentheses", change: func(s *sheet) {
			s.change(func(c string) string {
				if minus, _, _, ok := money(c); ok && minus {
					return "(" + strings.Trim(c, "-()") + ")"
				}
				return ""
			}, "amount", "invoiced")
		}},
		{name: "minus behind", change: func(s *sheet) {
			s.change(func(c string) string {
				if minus, _, _, ok := money(c); ok && minus {
					return strings.Trim(c, "-()") + "-"
				}
				return ""
			}, "amount", "invoiced")
		}},
		{name: "no decimals", change: func(s *sheet) {
			s.change(func(c string) string {
				if _, whole, cents, ok := money(c); ok && cents == "00" && !strings.ContainsAny(c, "-$") {
					return whole
				}
				return ""
			}, "amount", "invoiced")
		}},
		{name: "one decimal", change: func(s *sheet) {
			s.change(func(c string) string {
				if _, _, cents, ok := money(c); ok && strings.HasSuffix(cents, "0") && strings.HasSuffix(c, cents) {
					return strings.TrimSuffix(c, "0")
				}
				return ""
			}, "amount", "invoiced")
		}},
		{name: "dates as day numbers", change: dates("excel")}, {name: "dates as ISO", change: dates("2006-01-02")}, {name: "dates with two figures", change: dates("02/01/06")},
		{name: "dates with a time", change: dates("02/01/2006 15:04:05")}, {name: "dates without marks", change: dates("20060102")},
		{name: "a line break in a cell", change: func(s *sheet) {
			s.change(func(c string) string { return c + "\n2e étage" }, "customer.name", "label")
		}},
		{name: "titles in capitals", change: func(s *sheet) {
			for i, c := range s.rows[s.header] {
				s.rows[s.header][i] = " " + strings.ToUpper(c) + " "
			}
		}},
		{name: "titles twice", change: func(s *sheet) { s.rows = append(s.rows, s.rows[s.header]) }},
		{name: "a report title", change: func(s *sheet) { s.rows = slices.Insert(s.rows, 0, []string{"Édité le 20/11/2026"}, []string{""}) }},
		{name: "the last line cut", bytes: func(b []byte) []byte { return b[:max(0, len(b)-5)] }},
	}
}

// spread puts a product's sample into a sheet, by what was proposed for it; nil for one that is no such table.
func spread(t *testing.T, p product, got *propose.Proposal, m *mappings.Mapping) *sheet {
	t.Helper()
	src := m.Source()
	if src.Format != "csv" || src.Header < 1 || src.Quote == 0 || src.Quote != '"' || strings.Contains(p.text, "\u0085") {
		return nil
	}
	text := strings.ReplaceAll(p.text, "\r\n", "\n")
	s := &sheet{columns: map[string][]int{}, comma: src.Delimiter, american: strings.Contains(p.text, "$") || strings.Contains(p.text, "USD")}
	line := 0
	for text != "" { // one line at a time: blank ones count
		line++
		head, rest, _ := strings.Cut(strings.ReplaceAll(text, "\r", "\n"), "\n")
		r := csv.NewReader(strings.NewReader(head))
		r.Comma, r.LazyQuotes, r.FieldsPerRecord = src.Delimiter, true, -1
		cells, _ := r.Read() // a blank line has none
		s.rows, text = append(s.rows, cells), rest
	}
	s.header, s.data = src.Header-1, src.Header-1+src.HeaderRows
	for i, c := range got.Columns {
		if c.Field != "" {
			s.columns[c.Field] = append(s.columns[c.Field], i)
		}
	}
	return s
}

// text writes the sheet as a spreadsheet saves it.
func (s *sheet) text(t *testing.T, v variation) []byte {
	t.Helper()
	comma := s.comma
	if v.comma != 0 {
		comma = v.comma
	}
	var b strings.Builder
	w := csv.NewWriter(&b)
	w.Comma, w.UseCRLF = comma, true
	for _, r := range s.rows {
		if err := w.Write(r); err != nil {
			t.Fatal(err)
		}
	}
	w.Flush()
	out := []byte(b.String())
	switch v.encoding {
	case "utf-16":
		out = []byte{0xff, 0xfe}
		for _, u := range utf16.Encode([]rune(b.String())) {
			out = append(out, byte(u), byte(u>>8))
		}
	case "windows-1252":
		c, err := mappings.NewCharset(v.encoding)
		if err != nil {
			t.Fatal(err)
		}
		out, _ = c.Encode(nil, b.String())
	}
	if v.bytes != nil {
		out = v.bytes(out)
	}
	return out
}

// TestVariations: what people and spreadsheets do to a file is read right or refused, by the mapping made for the file as
// it was and by one made for it as it is now (a quarter of these; all with VARIATIONS=1). No other amount, date or currency
// is ever read.
func TestVariations(t *testing.T) {
	right, refused := 0, 0
	for i, p := range slices.Concat(products(), moreProducts(), traps()) {
		got, m := proposed(t, p.file, p.bytes(t), presets.Source)
		if got.Kind != mappings.KindRequest {
			continue
		}
		want := map[string]row{}
		for _, r := range read(t, m, p.bytes(t)) {
			if r.state == "accepted" {
				want[r.reference+"|"+r.part] = r
			}
		}
		for j, v := range variations() {
			s := spread(t, p, got, m)
			if s == nil {
				break
			}
			if v.change != nil {
				v.change(s)
			}
			b := s.text(t, v)
			hold := func(how string, rows map[int]row) {
				n := 0
				for line, r := range rows {
					if r.state != "accepted" {
						continue
					}
					n++
					if w, ok := want[r.reference+"|"+r.part]; !ok || r.amount != w.amount || r.currency != w.currency || r.due != w.due && r.due != "" {
						t.Errorf("%s, %s, %s: line %d read as %+v, was %+v", p.name, v.name, how, line, r, w)
					}
				}
				if n == len(want) {
					right++
				} else {
					refused++
				}
			}
			if rows, err := tryRead(m, b); err == nil {
				hold("by the mapping it had", rows)
			}
			if v.bytes != nil || (i+j)%4 != 0 && os.Getenv("VARIATIONS") == "" { // a sample that is cut is taken for one that ends so
				continue
			}
			if np, err := propose.Propose(spool(p.file, b), propose.Options{Formats: formats(), Preset: presets.Source, Lang: "fr"}); err == nil {
				nm, err := mappings.Load(p.file, np.YAML, mappings.Options{Formats: formats(), Use: presets.Source})
				if err != nil {
					t.Errorf("%s, %s: %v", p.name, v.name, err)
					continue
				}
				if rows, err := tryRead(nm, b); err == nil {
					hold("by a new one", rows)
				}
			}
		}
	}
	if right < 2*refused {
		t.Errorf("%d files read whole, %d in part: too many are refused", right, refused)
	}
}
