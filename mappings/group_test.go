package mappings_test

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/navette-connect/navette/mappings"
)

const grouped = `  - {name: reference, column: Ref, required: true}
  - {name: amount, column: Montant, type: amount, required: true, agg: sum}
  - {name: customer.id, column: Client, agg: same}
  - {name: articles, column: Art, agg: join, separator: "+"}
  - {name: first_day, column: Jour, type: date, agg: min}
  - {name: due_on, column: Jour, type: date, agg: max}
  - {name: shop, column: Art, agg: last}
  - {name: amounts, column: Montant, type: amount, agg: collect}
  - {name: label, value: 'articles + " " + string(len(amounts)) + " " + string(amounts[0])'}
  - {name: metadata.first, value: 'row["Art"] + " " + first_day'}
`

func TestGroup(t *testing.T) {
	const titles = "Ref;Montant;Client;Art;Jour\n"
	tests := []struct{ name, group, text, want string }{
		{"rows apart", "{by: [reference]}", "A;1,00;c;x;01/12/2026\nB;2,00;c;y;\nA;3,50;c;z;02/12/2026\n", "2,4 A 4.50 EUR\n3 B 2.00 EUR"},
		{"rows together", "{by: [reference], adjacent: true}", "A;1,00;c;x;\nA;3,50;c;z;\nB;2,00;c;y;\nA;1,00;c;x;\n", "2,3 A 4.50 EUR\n4 B 2.00 EUR\n5 A 1.00 EUR"},
		{"rows disagree", "{by: [reference]}", "A;1,00;c;x;\nB;2,00;c;y;\nA;3,50;d;z;\n", "2,4 rejected NV-1302@C\n3 B 2.00 EUR"},
		{"one bad row spoils all", "{by: [reference]}", "A;1,00;c;x;\nA;1.00;c;x;\nA;3,50;c;z;32/12/2026\n", "2,3,4 rejected NV-1203@B NV-1203@B NV-1204@E NV-1204@E"},
		{"no key", "{by: [reference]}", "A;1,00;c;x;\n;2,00;c;y;\n", "file NV-1302"},
		{"ragged", "{by: [reference]}", "A;1,00;c;x;\nA;2,00\n", "file NV-1302"},
		{"quotes out of place", "{by: [reference]}", "A;1,00;c;x;\nA;2,00;c;y\"z;\n", "file NV-1302"},
		{"two keys", "{by: [reference, customer.id]}", "A;1,00;c;x;\nA;2,00;d;x;\n", "2 A 1.00 EUR\n3 A 2.00 EUR"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			fields := grouped
			if strings.Contains(tt.group, "customer.id") {
				fields = strings.Replace(fields, ", agg: same", "", 1)
			}
			if got := judge(t, plain(euros, fields, "group: "+tt.group), titles+tt.text); got != tt.want {
				t.Errorf(" got %s\nwant %s", got, tt.want)
			}
		})
	}
	_, docs, err := documents(t, parse(t, plain(euros, grouped, "group: {by: [reference]}")), titles+"A;1,00;c;x;03/12/2026\nA;3,50;c;;\nA;0,50;c;z;02/12/2026\n")
	if err != nil {
		t.Fatal(err)
	}
	in := docs[0].Instructions[0]
	got := []string{in.Label, in.DueOn, in.Shop, in.Metadata[0].Value, fmt.Sprint(len(docs[0].Rows)), string(docs[0].Rows[1].Raw)}
	want := []string{"x+z 3 1.00", "2026-12-03", "z", "x 2026-12-02", "3", "A;3,50;c;;"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestGroupedReturns: one line per source row, with the row's own cells and the document's fields.
func TestGroupedReturns(t *testing.T) {
	yaml := plain(euros, grouped, "group: {by: [reference]}", "returns:\n  r: {on: intake, file: x.csv, columns: [{name: l, value: line}, {name: a, value: 'row[\"Art\"]'}, {name: t, value: 'dec(amount, \",\")'}, {name: n, value: 'join(map(amounts, dec(#, \",\")), \" \")'}]}")
	m := parse(t, yaml)
	r, docs, err := documents(t, m, "Ref;Montant;Client;Art;Jour\nA;1,00;c;x;\nB;2,00;c;y;\nA;3,50;c;z;\n")
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	w, err := m.Returns()[0].NewWriter(&b, r.Dialect(), r.Head())
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range docs {
		for _, row := range d.Rows {
			if err := w.Write(mappings.ReturnRow{Line: row.Line, Raw: row.Raw, Fields: d.Fields}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if want := "l;a;t;n\n2;x;4,50;1,00 3,50\n4;z;4,50;1,00 3,50\n3;y;2,00;2,00\n"; b.String() != want {
		t.Errorf("got %q, want %q", b.String(), want)
	}
}

func TestGroupProblems(t *testing.T) {
	tests := []struct{ fields, more, want string }{
		{refAmount, "group: {by: [reference]}", "field \"amount\": say how its rows are grouped (`agg`)"},
		{refAmount, "group: {by: [ref]}", `group.by: field "ref" is unknown, or computed`},
		{strings.Replace(refAmount, "type: amount,", "type: amount, agg: sum,", 1), "", "field \"amount\": `agg` needs `group` or `records`"},
		{refAmount + "  - {name: label, column: L, agg: sum}\n", "group: {by: [reference]}", `field "label": agg sum does not go with its type`},
		{refAmount + "  - {name: schedule.due, column: L}\n", "", `field "schedule.due": agg  does not go with its type`},
		{refAmount, "group: {by: [reference], adjacents: true}", `unknown key "adjacents"; did you mean "adjacent"?`},
	}
	for _, tt := range tests {
		if got := problemsOf(t, plain(euros, tt.fields, tt.more)); !slices.ContainsFunc(got, func(s string) bool { return strings.Contains(s, tt.want) }) {
			t.Errorf("%s\n got %q\nwant %q", tt.more, got, tt.want)
		}
	}
}

const recordsYAML = `navette: mapping/v1
name: x
source: {encoding: utf-8, delimiter: "|", decimal: ",", dates: [YYYYMMDD]%s}
records:
  type: 1
  unknown: %s
  types:
    E: {role: head, columns: [type, numero, devise]}
    L: {role: line, columns: [type, art, ttc]}
    P: {role: installment, columns: [type, date, montant]}
    X: {role: ignore}
    Z: {role: trailer, columns: [type, nombre, total]}
fields:
  - {name: reference, column: E.numero, required: true}
  - {name: currency, column: E.devise}
  - {name: amount, column: L.ttc, type: amount, agg: sum}
  - {name: schedule.on, column: P.date, type: date, agg: collect}
  - {name: schedule.due, column: P.montant, type: amount, agg: collect}
  - {name: metadata.art, value: 'row["L.art"]'}
control:
  - {id: n, when: 'int(trailer.nombre) == file.documents'}
`

func TestRecords(t *testing.T) {
	tests := []struct{ name, unknown, text, want string }{
		{"documents", "error", "E|A|EUR\nL|x|1,00\nL|y|2,00\nX|whatever|is|here\nE|B|\nL|z|4,00\nZ|2|7,00\n", "1,2,3 A 3.00 EUR\n5,6 B 4.00 EUR"},
		{"instalments", "error", "E|A|EUR\nL|x|3,00\nP|20261201|1,00\nP|20270101|2,00\nZ|1|\n", "1,2,3,4 A 1: 1.00 EUR 2: 2.00 EUR"},
		{"instalments that do not add up", "error", "E|A|EUR\nL|x|3,00\nP|20261201|1,00\nZ|1|\n", "1,2,3 rejected NV-1302"},
		{"currency of the head", "error", "E|A|JPY\nL|x|3,50\nZ|1|\n", "1,2 rejected NV-1203@C"},
		{"no trailer", "error", "E|A|EUR\nL|x|3,00\n", "file NV-1005?"},
		{"trailer, and more behind it", "error", "E|A|EUR\nL|x|3,00\nZ|1|\nE|B|EUR\n", "file NV-1005?"},
		{"orphan", "error", "L|x|3,00\nE|A|EUR\nL|x|1,00\nZ|2|\n", "1 rejected NV-1102\n2,3 A 1.00 EUR"},
		{"unknown type", "error", "E|A|EUR\nL|x|3,00\nQ|x\nE|B|EUR\nL|x|1,00\nZ|2|\n", "1,2,3 rejected NV-1102\n4,5 B 1.00 EUR"},
		{"unknown type left out", "skip", "E|A|EUR\nL|x|3,00\nQ|x\nZ|1|\n", "1,2 A 3.00 EUR"},
		{"ragged line", "error", "E|A|EUR\nL|x|3,00\nL|x\nE|B|EUR\nL|x|1,00\nZ|2|\n", "1,2,3 rejected NV-1102\n4,5 B 1.00 EUR"},
		{"ragged head", "error", "E|A|EUR\nL|x|3,00\nE|B\nL|x|1,00\nZ|2|\n", "1,2 A 3.00 EUR\n3,4 rejected NV-1102"},
		{"quotes out of place", "error", "E|A|EUR\nL|x\"y|3,00\nE|B|EUR\nL|x|1,00\nZ|2|\n", "1,2 rejected NV-1103\n3,4 B 1.00 EUR"},
		{"our own rejects", "error", "E|A|EUR|NV-1203|x\nL|x|3,00|NV-1203|x\nZ|1|\n", "1,2 A 3.00 EUR"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := judge(t, fmt.Sprintf(recordsYAML, "", tt.unknown), tt.text); got != tt.want {
				t.Errorf(" got %s\nwant %s", got, tt.want)
			}
		})
	}
	r, docs, err := documents(t, parse(t, fmt.Sprintf(recordsYAML, "", "error")), "E|A|EUR\nL|x|3,00\nL|y|1,00\nP|20261201|4,00\nZ|2|7,00\n")
	if err != nil || len(r.Control()) != 1 || r.Control()[0].Rule != "n" || r.Rows() != 4 {
		t.Errorf("%v, control %v, rows %d: want the count to fail", err, r.Control(), r.Rows())
	}
	if in := docs[0].Instructions[0]; in.Part != "1" || in.DueOn != "2026-12-01" || in.Metadata[0].Value != "x" {
		t.Errorf("instruction %+v", in)
	}
}

func TestParts(t *testing.T) {
	yaml := plain(euros, refAmount+"  - {name: rate, column: Taux, type: int, default: '0'}\n  - {name: due_on, column: Jour, type: date}\n",
		"parts:", "  - {part: deposit, when: rate > 0, amount: 'percent(amount, rate)', due_on: 'today()', label: '\"Acompte \" + reference'}",
		"  - {part: balance, amount: 'amount - percent(amount, rate)'}")
	text := "Ref;Montant;Taux;Jour\nA;100,01;30;01/12/2026\nB;10,00;;\nC;10,00;100;\nD;10,00;120;\n"
	want := "2 A deposit: 30.00 EUR balance: 70.01 EUR\n3 B balance: 10.00 EUR\n4 rejected NV-1302\n5 rejected NV-1302"
	if got := judge(t, yaml, text); got != want {
		t.Errorf(" got %s\nwant %s", got, want)
	}
	_, docs, _ := documents(t, parse(t, yaml), text)
	a := docs[0].Instructions
	if a[0].DueOn != "2026-11-20" || a[0].Label != "Acompte A" || a[1].DueOn != "2026-12-01" || a[1].Label != "" {
		t.Errorf("parts %+v", a)
	}
	thirds := plain(euros, refAmount, "parts:", "  - {part: a, amount: amount / 3}", "  - {part: b, amount: amount / 3}", "  - {part: c, amount: amount / 3}")
	if got, want := judge(t, thirds, "Ref;Montant\nA;100,00\nB;0,01\n"), "2 A a: 33.33 EUR b: 33.33 EUR c: 33.34 EUR\n3 rejected NV-1302"; got != want {
		t.Errorf("thirds\n got %s\nwant %s", got, want)
	}
	short := plain(euros, refAmount, "parts:", "  - {part: a, amount: amount / 3}", "  - {part: b, amount: amount / 3}")
	if got, want := judge(t, short, "Ref;Montant\nA;100,00\n"), "2 rejected NV-1302"; got != want {
		t.Errorf("two thirds: got %s, want %s", got, want)
	}
	ranked := plain(euros, refAmount, "parts: rank")
	if got, want := judge(t, ranked, "Ref;Montant\nA;1,00\nB;1,00\nA;2,00\nA;x\nA;3,00\n"), "2 A 1: 1.00 EUR\n3 B 1: 1.00 EUR\n4 A 2: 2.00 EUR\n5 rejected NV-1203@B\n6 A 4: 3.00 EUR"; got != want {
		t.Errorf("ranks\n got %s\nwant %s", got, want)
	}
}

func TestLookups(t *testing.T) {
	tables := map[string]string{"c.csv": "Code;E-mail;Nom\nC1;a@b.fr;Élise\nC2;;\n", "twice.csv": "Code;X\nC1;a\nC1;b\n", "bad.csv": "Code;X\nC1;a;b\n"}
	opt := options()
	opt.Lookup = func(path string) ([]byte, error) {
		if s, ok := tables[path]; ok {
			return []byte(s), nil
		}
		return nil, os.ErrNotExist
	}
	yaml := func(file, value string) string {
		return plain(euros, refAmount+"  - {name: customer.id, column: Client}\n  - {name: customer.email, value: '"+value+"'}\n", "lookups:", "  contacts: {file: "+file+", key: Code, source: {encoding: utf-8}}")
	}
	m, err := mappings.Load("m.yaml", []byte(yaml("c.csv", `lookup("contacts", customer.id, "e-mail")`)), opt)
	if err != nil {
		t.Fatal(err)
	}
	_, docs, err := documents(t, m, "Ref;Montant;Client\nA;1,00;C1\nB;1,00;C2\nC;1,00;C9\nD;1,00;\n")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, d := range docs {
		got = append(got, d.Instructions[0].Customer.Email)
	}
	if want := []string{"a@b.fr", "", "", ""}; !slices.Equal(got, want) || !slices.Equal(m.Lookups(), []string{"c.csv"}) {
		t.Errorf("found %q of %q, want %q", got, m.Lookups(), want)
	}
	for _, tt := range []struct{ file, value, want string }{
		{"twice.csv", `lookup("contacts", customer.id, "X")`, `table "contacts": key "C1" is there twice (lines 2 and 3)`},
		{"bad.csv", `lookup("contacts", customer.id, "X")`, `table "contacts": 3 columns instead of 2`},
		{"none.csv", `lookup("contacts", customer.id, "X")`, `table "contacts": file does not exist`},
		{"c.csv", `lookup("contacts", customer.id, "Nome")`, `column "Nome" is not declared in source.columns; did you mean "Nom"?`},
		{"c.csv", `lookup("contact", customer.id, "Nom")`, `table "contact" is not declared in lookups`},
		{"c.csv", `lookup("contacts", customer.id)`, `not enough arguments`},
	} {
		if _, err := mappings.Load("m.yaml", []byte(yaml(tt.file, tt.value)), opt); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s of %s: %v, want %s", tt.value, tt.file, err, tt.want)
		}
	}
}

func TestFixedPositions(t *testing.T) {
	source := func(more string) string {
		return `format: fixed, encoding: cp850, decimal: ",", columns: [{name: ref, at: 1, len: 4}, {name: nom, at: 5, len: 6}, {name: montant, at: 11, len: 6}]` + more
	}
	fields := "  - {name: reference, column: ref}\n  - {name: customer.name, column: nom}\n  - {name: amount, column: montant, type: amount, implied: 2}\n"
	c, err := mappings.NewCharset("cp850")
	if err != nil {
		t.Fatal(err)
	}
	cp850 := func(s string) string { b, _ := c.Encode(nil, s); return string(b) }
	tests := []struct{ name, more, text, want string }{
		{"lines", ", length: 16", "A1  Élise 000150\r\nB1  Noël  000200\r\n\x1a", "1 A1 1.50 EUR\n2 B1 2.00 EUR"},
		{"too short, too long", ", length: 16", "A1  Élise 00015\r\nB1  Noël  0002001\r\nC1  Zoé   000300\r\n", "1 rejected NV-1102\n2 rejected NV-1102\n3 C1 3.00 EUR"},
		{"cut blanks", ", length: 20, trim_end: true", "A1  Élise 000150\nB1  Noël  000200    \n", "1 A1 1.50 EUR\n2 B1 2.00 EUR"},
		{"no length", "", "A1  Élise 000150 x\nB1  Noël  0002\nC1\n", "1 A1 1.50 EUR\n2 rejected NV-1102\n3 rejected NV-1201@C"},
		{"no length, cut blanks", ", trim_end: true", "B1  Noël  0002\n", "1 B1 0.02 EUR"},
		{"last line open, full", ", length: 16", "A1  Élise 000150\nB1  Noël  000200", "1 A1 1.50 EUR\n2 B1 2.00 EUR"},
		{"last line open, cut", ", length: 16", "A1  Élise 000150\nB1  Noël  0002", "file NV-1005?"},
		{"last line open, no length", "", "A1  Élise 000150\nB1  Noël  0002", "file NV-1005?"},
		{"framed", ", length: 16, framing: fixed", "A1  Élise 000150B1  Noël  000200\r\n", "1 A1 1.50 EUR\n2 B1 2.00 EUR"},
		{"framed, cut", ", length: 16, framing: fixed", "A1  Élise 000150B1  Noël  0002", "file NV-1005?"},
		{"skip before length", `, length: 16, skip: ['row["ref"] == "00"']`, "00\nA1  Élise 000150\n", "2 A1 1.50 EUR"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := judge(t, plain(source(tt.more), fields), cp850(tt.text)); got != tt.want {
				t.Errorf(" got %s\nwant %s", got, tt.want)
			}
		})
	}
	m := parse(t, plain(source(", length: 16"), fields, "returns:\n  r: {on: rejects, file: x.txt}"))
	r, docs, err := documents(t, m, cp850("A1  Élise x00150\r\n"))
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	w, err := m.Returns()[0].NewWriter(&b, r.Dialect(), r.Head())
	if err == nil {
		err = w.Write(mappings.ReturnRow{Line: 1, Raw: docs[0].Rows[0].Raw, Code: "NV-1203", Message: "x"})
	}
	if want := cp850("A1  Élise x00150\r\n"); err != nil || b.String() != want {
		t.Errorf("rejects %q (%v), want the raw line alone", b.String(), err)
	}
}

func TestFixedBytes(t *testing.T) {
	yaml := plain(`format: fixed, encoding: utf-8, decimal: ",", bytes: true, length: 8, columns: [{name: ref, at: 1, len: 5}, {name: montant, at: 6, len: 3}]`,
		"  - {name: reference, column: ref}\n  - {name: amount, column: montant, type: amount, implied: 2}\n")
	if got, want := judge(t, yaml, "Élé150\nAbcde200\nÉlé15\n"), "1 Élé 1.50 EUR\n2 Abcde 2.00 EUR\n3 rejected NV-1102"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestFixedRecords(t *testing.T) {
	yaml := `navette: mapping/v1
name: x
source: {format: fixed, encoding: utf-8, decimal: ",", length: 12}
records:
  type: t
  types:
    E: {role: head, columns: [{name: t, at: 1, len: 1}, {name: ref, at: 2, len: 5}]}
    L: {role: line, columns: [{name: t, at: 1, len: 1}, {name: m, at: 5, len: 8}]}
fields:
  - {name: reference, column: E.ref}
  - {name: amount, column: L.m, type: amount, implied: 2, agg: sum}
`
	if got, want := judge(t, yaml, "EA1          \nL   00000150\nL   00000050\nEB1         \nL   00000100\n"), "1,2,3 rejected NV-1102\n4,5 B1 1.00 EUR"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestFixedReturn(t *testing.T) {
	yaml := plain(euros, refAmount+"  - {name: customer.name, column: Nom}\n", `returns:
  r:
    on: intake
    file: x.txt
    format: fixed
    encoding: cp850
    newline: crlf
    first: [{value: '"00NAVETTE"', at: 1, len: 20}]
    columns:
      - {name: ref, value: reference, at: 3, len: 4}
      - {name: nom, value: customer.name, at: 7, len: 6}
      - {name: m, value: cents(amount), at: 13, len: 8, pad: "0", align: right}
    last: [{value: '"99"', at: 1, len: 2}, {value: count, at: 3, len: 4, pad: "0", align: right}, {value: cents(total), at: 13, len: 8, pad: "0", align: right}]`)
	got, _ := written(t, yaml, "Ref;Montant;Nom\nA1;1,50;Cœur de bœuf\nB2;200,00;Zoé\n", nil)
	want := "00NAVETTE           \r\n  A1  Coeur 00000150\r\n  B2  Zo\x82   00020000\r\n990002      00020150\r\n"
	if got != want {
		t.Errorf(" got %q\nwant %q", got, want)
	}
	m := parse(t, strings.Replace(yaml, "at: 13, len: 8", "at: 13, len: 3", 1))
	_, docs, _ := documents(t, m, "Ref;Montant;Nom\nA1;1234,50;x\n")
	var b bytes.Buffer
	w, err := m.Returns()[0].NewWriter(&b, mappings.DefaultDialect("fr"), mappings.Head{})
	if err == nil {
		err = w.Write(mappings.ReturnRow{Line: 2, Fields: docs[0].Fields})
	}
	if err == nil || !strings.Contains(err.Error(), "no room") {
		t.Errorf("a number cut short: %v, want ErrWidth", err)
	}
}

func TestReturnEdges(t *testing.T) {
	yaml := plain(euros, refAmount, "returns:\n  r: {on: intake, file: x.csv, first: ['\"H\"', '\"v1\"'], columns: [{name: a, value: reference}], last: ['\"T\"', count, 'dec(total, \",\")']}")
	got, _ := written(t, yaml, "Ref;Montant\nA;1,50\nB;2,00\n", nil)
	if want := "H;v1\na\nA\nB\nT;2;3,50\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := problemsOf(t, plain(euros, refAmount, "returns:\n  r: {on: intake, file: x.csv, first: [count], columns: [{name: a, value: 'today()'}]}")); len(got) != 2 {
		t.Errorf("count at the beginning, today() in a return: %q", got)
	}
}
