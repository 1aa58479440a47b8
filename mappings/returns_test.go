package mappings_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gocarina/gocsv"

	"github.com/navette-connect/navette/connector/payment"
	"github.com/navette-connect/navette/mappings"
)

// written writes the rows of a text through the first return of a mapping.
func written(t testing.TB, yaml, text string, row func(*mappings.Document) mappings.ReturnRow) (string, *mappings.ReturnWriter) {
	t.Helper()
	m := parse(t, yaml)
	r, docs, err := documents(t, m, text)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	w, err := m.Returns()[0].NewWriter(&b, r.Dialect(), r.Head())
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range docs {
		rr := mappings.ReturnRow{Line: d.Rows[0].Line, Raw: d.Rows[0].Raw, Fields: d.Fields, Status: d.State.String(), Reference: d.Reference}
		rr.Code, rr.Message = mappings.Summary(d.Problems, m.Locale)
		if row != nil {
			add := row(d)
			rr.Event, rr.Part = add.Event, add.Part
		}
		if err := w.Write(rr); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String(), w
}

func TestReturnDialects(t *testing.T) {
	const text = "Ref;Nom;Montant\r\nA;Œuvre « X » ; y;1,00\r\n"
	fields := refAmount + "  - {name: customer.name, column: Nom}\n"
	columns := "columns: [{name: Réf, value: reference}, {name: Nom, value: customer.name}, {name: Montant, value: 'dec(amount, \",\")'}]"
	tests := []struct{ keys, want string }{
		{"", "Réf;Nom;Montant\r\nA;\"Œuvre « X » ; y\";1,00\r\n"},
		{"delimiter: '|', newline: lf, header: false, ", "A|Œuvre « X » ; y|1,00\n"},
		{"encoding: cp850, delimiter: tab, ", "R\x82f\tNom\tMontant\r\nA\tOEuvre \xae X \xaf ; y\t1,00\r\n"},
		{"encoding: cp437, quote: none, ", "R\x82f;Nom;Montant\r\nA;OEuvre \xae X \xaf   y;1,00\r\n"},
		{"encoding: iso-8859-1, header: false, ", "A;\"OEuvre \xab X \xbb ; y\";1,00\r\n"},
		{"encoding: utf-8-bom, header: false, ", "\xef\xbb\xbfA;\"Œuvre « X » ; y\";1,00\r\n"},
		{"encoding: utf-8-bom, bom: false, header: false, ", "A;\"Œuvre « X » ; y\";1,00\r\n"},
		{"encoding: utf-16le, header: false, newline: cr, delimiter: ',', ", "\xff\xfeA\x00,\x00R\x01"[:5]},
	}
	for _, tt := range tests {
		source := `encoding: utf-8, decimal: ",", missing: []`
		got, w := written(t, plain(strings.Replace(source, ", missing: []", "", 1), fields, "returns:\n  r: {on: event, file: x.csv, "+tt.keys+columns+"}"), strings.ReplaceAll(text, "Œuvre « X » ; y", "\"Œuvre « X » ; y\""), nil)
		if strings.Contains(tt.keys, "utf-16") {
			if !strings.HasPrefix(got, tt.want) || strings.Count(got, "\r\x00") != 1 {
				t.Errorf("%s %q", tt.keys, got)
			}
			continue
		}
		if got != tt.want {
			t.Errorf("%s\n got %q\nwant %q", tt.keys, got, tt.want)
		}
		lost := map[bool]int{true: 1}[strings.Contains(tt.want, "OEuvre")]
		if strings.Contains(tt.keys, "quote: none") {
			lost++
		}
		if w.Transliterated() != lost || w.Rows() != 1 {
			t.Errorf("%s transliterated %d, rows %d, want %d and 1", tt.keys, w.Transliterated(), w.Rows(), lost)
		}
	}
}

func TestReturnCells(t *testing.T) {
	fields := refAmount + `  - {name: customer.name, column: Nom}
  - {name: due_on, column: Jour, type: date}
  - {name: n, column: N, type: int}
  - {name: tags, value: 'split(customer.name, " ")'}
  - {name: urgent, value: 'amount > 100'}
`
	date := time.Date(2026, 12, 1, 8, 30, 0, 0, time.FixedZone("CET", 3600))
	event := &mappings.Event{Event: "paid", State: "paid", Date: date, Amount: payment.Amount{Minor: -4500, Currency: "EUR"}, Method: "CB", TransactionID: "T1", Reason: "=x"}
	tests := []struct {
		on, value string
		event     *mappings.Event
		want      string
	}{
		{"intake", "line", nil, "2"}, {"intake", "reference", nil, "A"}, {"intake", "amount", nil, "1234.50"}, {"intake", `dec(amount, ",")`, nil, "1234,50"},
		{"intake", "string(cents(amount))", nil, "123450"}, {"intake", "due_on", nil, "2026-11-02"}, {"intake", `day(due_on, "DD.MM.YY")`, nil, "02.11.26"},
		{"intake", "n", nil, ""}, {"intake", "n == nil", nil, "true"}, {"intake", "n == 0", nil, "false"}, {"intake", "join(tags, \"+\")", nil, "'=Nom+Prénom"},
		{"intake", "urgent", nil, "true"}, {"intake", "not urgent", nil, "false"}, {"intake", "status", nil, "accepted"}, {"intake", `{"rejected": "R"}[status]`, nil, "accepted"},
		{"intake", `{"A": "alpha"}[reference]`, nil, "alpha"}, {"intake", `{"B": "beta"}[reference]`, nil, ""}, {"intake", `event.url ?? "-"`, nil, "-"}, {"intake", "event.date", nil, ""},
		{"intake", `event.event == "paid"`, nil, "false"}, {"intake", "event.amount > 0", nil, "false"},
		{"intake", `customer.name`, nil, "'=Nom Prénom"}, {"intake", `row["Nom"]`, nil, "=Nom Prénom"}, {"intake", `"+" + string(amount)`, nil, "+1234.50"},
		{"event", `customer.name`, nil, "=Nom Prénom"}, {"event", "event.reason", event, "=x"}, {"event", `dec(event.amount, ",")`, event, "-45,00"}, {"event", "event.date", event, "2026-12-01"},
		{"event", "event.at", event, "2026-12-01T08:30:00+01:00"}, {"event", `day(event.at, "%d/%m/%Y %H:%M")`, event, "01/12/2026 08:30"}, {"event", `day(event.date, "%d%m%y")`, event, "011226"},
		{"event", `event.url ?? "-"`, event, ""}, {"event", "event.currency", event, "EUR"}, {"event", `pad(string(cents(abs(event.amount))), 8, "left", "0")`, event, "00004500"},
		{"event", `{"paid": "PAYE"}[event.event]`, event, "PAYE"}, {"event", `{"sent": "X"}[event.event]`, event, "paid"}, {"event", `"REGLT " + reference + " " + event.method`, event, "REGLT A CB"},
		{"event", "part", event, "p1"}, {"event", "customer.name matches \"^=\"", event, "true"}, {"event", `n in [1, 2]`, event, "false"}, {"event", `amount in [1234.5]`, event, "true"},
		{"event", "left(reference, 0) + right(customer.name, 6)", event, "Prénom"}, {"event", "plain(customer.name)", event, "=Nom Prenom"}, {"event", "round(amount / 7, 2)", event, "176.36"},
		{"event", "percent(amount, 30)", event, "370.35"}, {"event", "addMonths(\"2026-01-31\", 1)", event, "2026-02-28"}, {"event", "endOfMonth(due_on)", event, "2026-11-30"},
		{"event", "len(tags)", event, "2"}, {"event", "max(amount, 5000)", event, "5000.00"}, {"event", "sum([amount, 1, 0.25])", event, "1235.75"},
		{"event", "map(tags, upper(#))[1]", event, "PRÉNOM"}, {"event", "let x = amount * 2; x - 1", event, "2468.00"}, {"event", `len(sha256("x"))`, event, "64"},
		{"event", "amount ?? 0", event, "1234.50"}, {"event", "amount > 1000 and amount < 2000.01 ? \"moyen\" : \"autre\"", event, "moyen"}, {"event", `amount("12,50", ",") + 1`, event, "13.5"},
		{"event", "0.1 + 0.2 == 0.3", event, "true"}, {"event", "-amount", event, "-1234.50"}, {"event", "2 ** 10", event, "1024"},
		{"event", `any(tags, # startsWith "P")`, event, "true"}, {"event", "uniq([n, n, 1])", event, ", 1"},
	}
	for _, tt := range tests {
		yaml := plain(euros, fields, "returns:\n  r:\n    on: "+tt.on+"\n    file: x.csv\n    header: false\n    delimiter: '|'\n    columns:\n      - {name: v, value: '"+strings.ReplaceAll(tt.value, "'", "''")+"'}")
		got, _ := written(t, yaml, "Ref;Montant;Nom;Jour;N\nA;1234,50;=Nom Prénom;02/11/2026;\n", func(*mappings.Document) mappings.ReturnRow {
			return mappings.ReturnRow{Event: tt.event, Part: map[bool]string{true: "p1"}[tt.event != nil]}
		})
		got = strings.TrimSuffix(got, "\n")
		if got == `""` {
			got = ""
		}
		if got != tt.want {
			t.Errorf("on %s: %s = %q, want %q", tt.on, tt.value, got, tt.want)
		}
	}
}

func TestReturnOfFailedFields(t *testing.T) {
	yaml := plain(euros, refAmount, "returns:\n  r: {on: intake, file: x.csv, columns: [{name: a, value: 'reference ?? row[\"Ref\"]'}, {name: b, value: amount}, {name: c, value: code}]}")
	yaml = strings.Replace(yaml, "column: Ref,", "column: Ref, pattern: '^F',", 1)
	got, _ := written(t, yaml, "Ref;Montant\nF1;1,00\nG1;1.2\nH1;1,00;x\n", nil)
	if want := "a;b;c\nF1;1.00;\nG1;;NV-1209\nH1;;NV-1102\n"; got != want {
		t.Errorf(" got %q\nwant %q", got, want)
	}
}

func TestReturnRows(t *testing.T) {
	yaml := plain(euros, refAmount, "returns:\n  r: {on: intake, rows: 'status == \"rejected\"', file: '{stem}_{seq}.csv', columns: [{name: a, value: 'row[\"Ref\"]'}]}")
	got, w := written(t, yaml, "Ref;Montant\nF1;1,00\nG1;1.2\n", nil)
	if want := "a\nG1\n"; got != want || w.Rows() != 1 {
		t.Errorf("%d rows, got %q, want %q", w.Rows(), got, want)
	}
}

func TestFileNames(t *testing.T) {
	m := parse(t, plain(euros, refAmount, "returns:\n  a: {on: event, file: '{flow}_{date}_{seq}_{stem}.csv', columns: [{name: a, value: line}]}\n  b: {on: event, file: 'S_{seq}.csv', columns: [{name: a, value: line}]}"))
	a, b := m.Returns()[0], m.Returns()[1]
	parts := mappings.NameParts{Stem: "../x\ny", Flow: "fact", Date: time.Date(2026, 11, 20, 23, 0, 0, 0, time.UTC), Seq: 42}
	if got, want := a.FileName(parts), "fact_20261120_000042_.._x_y.csv"; got != want {
		t.Errorf("name %q, want %q", got, want)
	}
	if !a.PerFile() || b.PerFile() || a.NamesEvents || !a.Events() {
		t.Errorf("per file %v and %v, names events %v, events %v", a.PerFile(), b.PerFile(), a.NamesEvents, a.Events())
	}
}

// TestEchoIsReDroppable: the rejects of a file, mended or not, are read again by the same mapping, and their own
// columns do not pile up.
func TestEchoIsReDroppable(t *testing.T) {
	for _, source := range []string{euros, `encoding: utf-16le, decimal: ","`, `encoding: cp1147, decimal: ","`} {
		yaml := plain(source, refAmount, "returns:\n  r: {on: rejects, file: x.csv}")
		m := parse(t, yaml)
		charset, err := mappings.NewCharset(m.Source().Encoding)
		if err != nil {
			t.Fatal(err)
		}
		raw, _ := charset.Encode(nil, "Ref;Montant;Note\r\nA;1,00;x\r\nÉ;1.00;\"l1\r\nl2\"\r\nC;2,00\r\n")
		text := string(raw)
		var last string
		for round := range 3 {
			r, docs, err := documents(t, m, text)
			if err != nil {
				t.Fatalf("%s, round %d: %v", source, round, err)
			}
			var b bytes.Buffer
			w, err := m.Returns()[0].NewWriter(&b, r.Dialect(), r.Head())
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range docs {
				if d.State == mappings.Rejected {
					code, _ := mappings.Summary(d.Problems, "fr")
					if err := w.Write(mappings.ReturnRow{Line: d.Rows[0].Line, Raw: d.Rows[0].Raw, Fields: d.Fields, Code: code, Message: "à ; corriger"}); err != nil {
						t.Fatal(err)
					}
				}
			}
			text = b.String()
			shown := string(charset.AppendDecoded(nil, []byte(text)))
			want := "Ref;Montant;Note;nv_code;nv_message\r\nÉ;1.00;\"l1\r\nl2\";NV-1203;\"à ; corriger\"\r\nC;2,00;;NV-1102;\"à ; corriger\"\r\n"
			if round == 0 && shown != want {
				t.Errorf("%s\n got %q\nwant %q", source, shown, want)
			}
			if round == 2 && text != last {
				t.Errorf("%s: a rejects file dropped as it is does not come back as it is:\n%q\n%q", source, last, text)
			}
			last = text
		}
	}
}

func TestKeptFieldsThatAreDamaged(t *testing.T) {
	m := parse(t, plain(euros, refAmount, "returns:\n  r: {on: event, file: x.csv, columns: [{name: a, value: amount}]}"))
	_, docs, err := documents(t, m, "Ref;Montant\nA;1,00\n")
	if err != nil {
		t.Fatal(err)
	}
	good := docs[0].Fields
	for i := range good {
		for _, bad := range [][]byte{good[:i], append(slices.Clone(good[:i]), 0xff), {}} {
			w, err := m.Returns()[0].NewWriter(&bytes.Buffer{}, mappings.DefaultDialect("fr"), mappings.Head{})
			if err != nil {
				t.Fatal(err)
			}
			if err := w.Write(mappings.ReturnRow{Fields: bad}); err != nil && !errors.Is(err, mappings.ErrFields) {
				t.Errorf("fields % x: %v, want ErrFields or none", bad, err)
			}
		}
	}
}

// TestWriterServesGocsv: the default returns are written from tagged structs through the dialect.
func TestWriterServesGocsv(t *testing.T) {
	rows := []struct {
		Line    int    `csv:"line"`
		Message string `csv:"message"`
	}{{4, "à voir ; « x »"}, {5, ""}}
	var b bytes.Buffer
	w := mappings.Dialect{Encoding: "windows-1252", Delimiter: ';', Quote: '"', Newline: "\n"}.NewWriter(&b)
	if err := gocsv.MarshalCSV(rows, w); err != nil {
		t.Fatal(err)
	}
	if got, want := b.String(), "line;message\n4;\"\xe0 voir ; \xab x \xbb\"\n5;\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if err := (mappings.Dialect{Encoding: "utf-7"}).NewWriter(&b).Write([]string{"x"}); !errors.Is(err, mappings.ErrCharset) {
		t.Errorf("an unknown encoding: %v, want ErrCharset", err)
	}
}

func TestTransliteration(t *testing.T) {
	tests := []struct{ charset, in, want string }{
		{"cp850", "Cœur : 5 € – “ok” … naïve Łódź", "Coeur : 5 EUR - \"ok\" ... naïve Lódz"},
		{"iso-8859-1", "ŒUVRE Ÿ ﬁn ½ № ™", "OEUVRE Y fin ½ No TM"},
		{"cp437", "ЕВГЕНИЯ Женя Ωmega", "EVGENIYa Zhenya Ωmega"},
		{"windows-1252", "日本 🚚 e\u0301 a\u200bb", "?? ? e ab"},
		{"cp297", "a[b]{c}|d^e~f", "a[b]{c}|d^e~f"},
	}
	for _, tt := range tests {
		c, err := mappings.NewCharset(tt.charset)
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := c.Like(tt.in); got != tt.want {
			t.Errorf("%s: %q becomes %q, want %q", tt.charset, tt.in, got, tt.want)
		}
	}
}
