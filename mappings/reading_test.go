package mappings_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/navette-connect/navette/connector/payment"
	"github.com/navette-connect/navette/mappings"
)

func parse(t testing.TB, yaml string) *mappings.Mapping {
	t.Helper()
	m, err := mappings.Load("m.yaml", []byte(yaml), options())
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func openText(m *mappings.Mapping, text string) (*mappings.Reading, error) {
	return m.Open(mappings.Spooled{ReaderAt: strings.NewReader(text), Size: int64(len(text)), Name: "x.csv"},
		mappings.Env{File: "x.csv", Flow: "f", Today: "2026-11-20"})
}

// documents reads a whole file.
func documents(t testing.TB, m *mappings.Mapping, text string) (*mappings.Reading, []*mappings.Document, error) {
	t.Helper()
	r, err := openText(m, text)
	if err != nil {
		return nil, nil, err
	}
	var docs []*mappings.Document
	for doc, err := range r.Documents(context.Background()) {
		if err != nil {
			return r, docs, err
		}
		for _, p := range doc.Problems {
			if err := p.Text.Check(); err != nil {
				t.Error(err)
			}
		}
		docs = append(docs, doc)
	}
	return r, docs, nil
}

// judge tells what became of each row: "2 R1 12.00 EUR", "3 rejected NV-1203@B NV-1501/rule", "4 skipped NV-1503/rule".
func judge(t testing.TB, yaml, text string) string {
	t.Helper()
	_, docs, err := documents(t, parse(t, yaml), text)
	var out []string
	for _, d := range docs {
		out = append(out, told(d))
	}
	if err != nil {
		out = append(out, fileCode(err))
	}
	return strings.Join(out, "\n")
}

func told(d *mappings.Document) string {
	var lines []string
	for _, r := range d.Rows {
		lines = append(lines, fmt.Sprint(r.Line))
	}
	s := strings.Join(lines, ",") + " "
	switch {
	case d.State == mappings.Accepted && d.Hold != nil:
		s += "held " + named(*d.Hold)
	case d.State == mappings.Accepted:
		s += d.Reference
		for _, in := range d.Instructions {
			if in.Part != "" {
				s += " " + in.Part + ":"
			}
			if !in.Amount.IsZero() {
				s += " " + in.Amount.String()
			}
		}
	default:
		s += d.State.String()
	}
	for _, p := range d.Problems {
		s += " " + named(p)
	}
	return strings.TrimSpace(s)
}

func named(p mappings.Problem) string {
	s := p.Code
	if p.Letter != "" {
		s += "@" + p.Letter
	}
	if p.Rule != "" {
		s += "/" + p.Rule
	}
	return s
}

func fileCode(err error) string {
	var file *mappings.FileError
	if !errors.As(err, &file) {
		return err.Error()
	}
	if file.Incomplete {
		return "file " + file.Problem.Code + "?"
	}
	return "file " + file.Problem.Code
}

// plain is a mapping whose fields are given.
func plain(source, fields string, more ...string) string {
	return "navette: mapping/v1\nname: x\nsource: {" + source + "}\nfields:\n" + fields + strings.Join(more, "\n") + "\n"
}

const (
	refAmount = "  - {name: reference, column: Ref, required: true}\n  - {name: amount, column: Montant, type: amount, required: true}\n"
	euros     = `encoding: utf-8, decimal: ",", dates: ["%d/%m/%Y"]`
)

func TestHeaders(t *testing.T) {
	tests := []struct{ name, source, text, want string }{
		{"row 1", euros, "Ref;Montant\nA;1,00\n", "2 A 1.00 EUR"},
		{"accents, case, punctuation", euros, " réf. ;MONTANT\nA;1,00\n", "2 A 1.00 EUR"},
		{"row 3", euros + ", header: 3", "Export\n\nRef;Montant\nA;1,00\n", "4 A 1.00 EUR"},
		{"row 3, a quote of the preamble never closed", euros + ", header: 3", "Export \"du jour\n\"x\ny\nRef;Montant\nA;1,00\n", "file NV-1005?"},
		{"preamble's quotes out of place", euros + ", header: 2", "Export \"du jour\"\nRef;Montant\nA;1,00\n", "3 A 1.00 EUR"},
		{"auto", euros + ", header: auto", "Export;;\nRef;x\n\nMontant;Ref\n1,00;A\n", "5 A 1.00 EUR"},
		{"auto, none", euros + ", header: auto", "Export;;\nRef;x\nA;1,00\n", "file NV-1101"},
		{"two rows of titles", euros + ", header_rows: 2", "Ref;Montant\nN° facture;TTC\nA;1,00\n", "3 A 1.00 EUR"},
		{"three rows, blank line between", euros + ", header_rows: 3", "Ref;Montant\n\nN° facture;TTC\nA;1,00\n", "4 A 1.00 EUR"},
		{"comment above", euros + `, comment: "#"`, "# export\nRef;Montant\n# x\nA;1,00\n", "4 A 1.00 EUR"},
		{"none, columns named", euros + ", header: 0, columns: [Montant, Ref]", "1,00;A\n", "1 A 1.00 EUR"},
		{"missing", euros, "Reference;Montant\nA;1,00\n", "file NV-1101"},
		{"twice", euros, "Ref;Montant;Montant\nA;1,00;2,00\n", "file NV-1101"},
		{"twice, one as written", euros, "Ref;montant;Montant\nA;1,00;2,00\n", "2 A 2.00 EUR"},
		{"empty", euros, "\n\n", "file NV-1001"},
		{"titles only", euros, "Ref;Montant\n", ""},
		{"our own result", euros, "Ref;Montant;nv_state;nv_code\nA;1,00;sent;\n", "file NV-1104"},
		{"our own rejects", euros, "Ref;Montant;nv_code;nv_message\nA;1,00;NV-1203;montant\nB;2,00\nC;3,00;;\nD;4,00;x;y;z\n", "2 A 1.00 EUR\n3 B 2.00 EUR\n4 C 3.00 EUR\n5 rejected NV-1102"},
		{"our own rejects without titles", euros + ", header: 0, columns: [Ref, Montant]", "A;1,00;NV-1203;montant\nB;2,00\nC;3,00;a;b\n", "1 A 1.00 EUR\n2 B 2.00 EUR\n3 rejected NV-1102"},
		{"our own result without titles", euros + ", header: 0, columns: [Ref, Montant]", "A;1,00;sent;;;PR1;http://x;2026-11-20T10:00:00+01:00;1\n", "file NV-1104"},
		{"ragged rows", euros, "Ref;Montant\nA\nB;1,00;x\nC;1,00\n", "2 rejected NV-1102\n3 rejected NV-1102\n4 C 1.00 EUR"},
		{"blank lines", euros, "Ref;Montant\n\nA;1,00\n\n\n", "3 A 1.00 EUR"},
		{"row of nothing", euros, "Ref;Montant\n;\n", "2 rejected NV-1201@A NV-1201@B"},
		{"sections", euros + `, from: "^##Mvt", until: "^##"`, "##Tiers\nx;y\n##Mvt\nRef;Montant\nA;1,00\n##Fin\nB;2,00\n", "5 A 1.00 EUR"},
		{"sections without titles", euros + `, header: 0, columns: [Ref, Montant], from: "^##Mvt", until: "^##"`, "##Tiers\nx;y\n##Mvt\nA;1,00\n##Fin\nB;2,00\n", "4 A 1.00 EUR"},
		{"unknown columns refused", euros + ", unknown_columns: error", "Ref;Montant;x\nA;1,00;\n", "file NV-1105"},
		{"too many rows", euros + ", max_rows: 1", "Ref;Montant\nA;1,00\nB;1,00\n", "2 A 1.00 EUR\nfile NV-1003"},
		{"last line open", euros, "Ref;Montant\nA;1,0", "file NV-1005?"},
		{"last line open, allowed", euros + ", open_end: true", "Ref;Montant\nA;1,00", "2 A 1.00 EUR"},
		{"trim", euros, "Ref ;Montant\n  A\u00a0; 1,00 \n", "2 A 1.00 EUR"},
		{"no trim", euros + ", trim: false", "Ref;Montant\n A;1,00\n", "2  A 1.00 EUR"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := judge(t, plain(tt.source, refAmount), tt.text); got != tt.want {
				t.Errorf("%q\n got %s\nwant %s", tt.text, got, tt.want)
			}
		})
	}
}

func TestColumnsByPlace(t *testing.T) {
	fields := "  - {name: reference, column: 2}\n  - {name: amount, column: '=D', type: amount}\n  - {name: label, column: [Nope, Objet]}\n"
	if got, want := judge(t, plain(euros, fields), "a;b;Objet;d\nx;A;l;1,00\n"), "2 A 1.00 EUR"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := judge(t, plain(euros, fields), "a;b;Objet\nx;A;l\n"), "file NV-1101"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	fields = "  - {name: reference, column: 2}\n  - {name: amount, column: 4, type: amount}\n"
	if got, want := judge(t, plain(euros+", header: 0", fields), "x;A;l;1,00\nx;B;l\ny;C;l;2,00\n"), "1 A 1.00 EUR\n2 rejected NV-1102\n3 C 2.00 EUR"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := judge(t, plain(euros+", header: 0", fields), "x;A;l\n"), "file NV-1101"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestMissingTitles says every missing title at once, and the nearest.
func TestMissingTitles(t *testing.T) {
	_, err := openText(parse(t, plain(euros, refAmount, "rules:", "  - {id: r, when: 'row[\"Typ\"] == \"A\"', do: skip}")), "Reff;Mont;Type\n")
	var file *mappings.FileError
	if !errors.As(err, &file) {
		t.Fatalf("got %v", err)
	}
	want := `column "Ref" not found; near: "Reff" (column A) | column "Montant" not found | column "Typ" not found; near: "Type" (column C)`
	if got := file.Problem.Text.In("en"); got != want {
		t.Errorf(" got %s\nwant %s", got, want)
	}
}

func TestFieldTypes(t *testing.T) {
	tests := []struct{ name, field, cell, want string }{
		{"text", "", "x", "x"}, {"text absent", "", "", "-"},
		{"missing text", "missing: ['-', 'N/C']", "N/C", "-"},
		{"required", "required: true", "", "NV-1201@C"},
		{"required, missing text", "required: true, missing: ['-']", "-", "NV-1201@C"},
		{"default", "default: y", "", "y"},
		{"map", "map: {A: alpha, b: beta}", "A", "alpha"}, {"map, other case", "map: {A: alpha, b: beta}", "B", "beta"},
		{"map, exact case first", "map: {A: alpha, a: other}", "a", "other"},
		{"map, two cases, a third", "map: {Ab: alpha, aB: other}", "AB", "NV-1202@C"},
		{"map, unknown", "map: {A: alpha}", "C", "NV-1202@C"}, {"map, blank", "map: {A: alpha, '': none}", "", "none"},
		{"map to nothing", "map: {X: ''}", "X", "-"}, {"map and default", "map: {A: alpha}, default: A", "", "alpha"}, {"map and free default", "map: {A: alpha}, default: z", "", "z"},
		{"enum", "enum: [a, b]", "b", "b"}, {"enum, other", "enum: [a, b]", "B", "NV-1202@C"},
		{"pattern", "pattern: '^F[0-9]+$'", "F12", "F12"}, {"pattern, other", "pattern: '^F[0-9]+$'", "G", "NV-1209@C"},
		{"max", "max: 3", "éàü", "éàü"}, {"max, longer", "max: 3", "éàüx", "NV-1208@C"},
		{"pattern and max", "max: 3, pattern: '^F'", "éàüx", "NV-1209@C NV-1208@C"},
		{"int", "type: int", "0042", "42"}, {"int, group", "type: int", "4 2", "NV-1203@C"}, {"int, fraction", "type: int", "4,2", "NV-1203@C"},
		{"decimal", "type: decimal", "-4,2000", "-4.2"}, {"decimal, point", "type: decimal", "4.2", "NV-1203@C"}, {"decimal with a currency", "type: decimal", "4 €", "NV-1203@C"},
		{"amount", "type: amount", "12,5", "12.50"}, {"zero", "type: amount, zero: ['-']", "-", "0.00"}, {"amount missing", "type: amount", "", "-"},
		{"date", "type: date", "2/11/2026", "2026-11-02"}, {"date, other", "type: date", "31/11/2026", "NV-1204@C"},
		{"date of its own", "type: date, dates: [YYYYMMDD]", "20261102", "2026-11-02"},
		{"email", "type: email", "a@b.fr", "a@b.fr"}, {"email, other", "type: email", "a@b", "NV-1205@C"},
		{"phone", "type: phone, region: FR", "06 12 34 56 78", "+33612345678"}, {"phone, other", "type: phone, region: FR", "12", "NV-1206@C"},
		{"phone without region", "type: phone", "0612345678", "NV-1206@C"},
		{"iban", "type: iban", "FR76 3000 6000 0112 3456 7890 189", "FR7630006000011234567890189"}, {"iban, other", "type: iban", "FR76", "NV-1207@C"},
		{"siren", "type: siren", "552 100 554", "552100554"}, {"siren, other", "type: siren", "123", "NV-1209@C"},
		{"bool", "type: bool", "Oui", "true"}, {"bool, other", "type: bool", "peut-être", "NV-1202@C"},
		{"implied", "type: amount, implied: 2", "1234", "12.34"},
		{"sign column", "type: amount, sign: {column: S, negative: [C]}", "12,00", "-12.00"},
		{"sign letter unknown", "type: amount, sign: {column: S, negative: [X], positive: [D]}", "12,00", "NV-1202@D"},
		{"sign column and own sign", "type: amount, sign: {column: S, negative: [C]}", "-12,00", "NV-1203@C"},
		{"sign letter, no amount", "type: amount, sign: {column: S, negative: [X], positive: [D]}", "", "-"},
		{"suffix", "type: amount, sign: {suffix: {D: '+', C: '-'}}", "12,00C", "-12.00"},
		{"overpunch", "type: amount, implied: 2, sign: overpunch", "123}", "-12.30"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			comma := ""
			if tt.field != "" {
				comma = ", "
			}
			m := parse(t, plain(euros, refAmount+"  - {name: metadata.v, column: V"+comma+tt.field+"}\n"))
			_, docs, err := documents(t, m, "Ref;Montant;V;S\nA;1,00;"+tt.cell+";C\n")
			if err != nil || len(docs) != 1 {
				t.Fatalf("%v, %d documents", err, len(docs))
			}
			got := "-"
			if d := docs[0]; d.State == mappings.Rejected {
				var codes []string
				for _, p := range d.Problems {
					codes = append(codes, named(p))
				}
				got = strings.Join(codes, " ")
			} else if len(d.Instructions[0].Metadata) > 0 {
				got = d.Instructions[0].Metadata[0].Value
			}
			if got != tt.want {
				t.Errorf("%s of %q = %s, want %s", tt.field, tt.cell, got, tt.want)
			}
		})
	}
}

func TestEveryErrorInColumnOrder(t *testing.T) {
	fields := `  - {name: amount, column: Montant, type: amount, required: true}
  - {name: reference, column: Ref, required: true}
  - {name: customer.email, column: Mail, type: email}
  - {name: due_on, column: Jour, type: date}
  - {name: invoiced, column: Montant, type: amount}
`
	rules := "rules:\n  - {id: fr, when: 'row[\"Ref\"] == \"\"', do: reject, message: {fr: sans référence, en: no reference}}"
	m := parse(t, plain(euros, fields, rules))
	_, docs, err := documents(t, m, "Ref;Jour;Mail;Montant\n;31/02/2026;a@;1.250,00\n")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := told(docs[0]), "2 rejected NV-1201@A NV-1204@B NV-1205@C NV-1203@D NV-1203@D NV-1501/fr"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	code, text := mappings.Summary(docs[0].Problems, "fr")
	want := "« Ref » est obligatoire et n'est pas renseigné | date impossible « 31/02/2026 » ; attendu : JJ/MM/AAAA | adresse e-mail invalide « a@ » | " +
		"montant « 1.250,00 » : point trouvé alors que le séparateur décimal déclaré est « , » | sans référence"
	if code != "NV-1201" || text != want {
		t.Errorf("summary %s %s\nwant %s", code, text, want)
	}
}

func TestRejectedRowsKeepWhatWasRead(t *testing.T) {
	m := parse(t, plain(euros, refAmount+"  - {name: customer.email, column: Mail, type: email}\n"))
	_, docs, _ := documents(t, m, "Ref;Montant;Mail\nA;12,00;x\nB;1.2;\n")
	for i, want := range []string{"A 12.00 EUR", "B "} {
		d := docs[i]
		if got := d.Reference + " " + d.Amount.String(); got != want || d.Kind != payment.Request || d.State != mappings.Rejected {
			t.Errorf("document %d: %q of kind %s, want %q", i, got, d.Kind, want)
		}
	}
}

func TestSensitiveValuesAreMasked(t *testing.T) {
	m := parse(t, plain(euros, refAmount+"  - {name: metadata.iban, column: IBAN, type: iban, sensitive: true}\n"))
	_, docs, _ := documents(t, m, "Ref;Montant;IBAN\nA;12,00;FR7630006000011234567890188\n")
	p := docs[0].Problems[0]
	if s := fmt.Sprint(p, p.Text.In("fr")); strings.Contains(s, "FR76") {
		t.Errorf("the value shows: %s", s)
	}
}

func TestRules(t *testing.T) {
	fields := refAmount + "  - {name: customer.email, column: Mail, type: email}\n  - {name: due_on, column: Jour, type: date}\n"
	rules := `rules:
  - {id: gros, when: amount > 1000, do: hold, message: gros}
  - {id: note, when: 'customer.email == ""', do: warn}
  - {id: avoir, when: amount < 0, do: skip}
  - {id: nul, when: amount == 0, do: skip}
  - {id: zzz, when: 'reference startsWith "Z"', do: reject}
  - {id: tard, when: due_on != nil and due_on < "2026-01-01", do: reject}
  - {id: apres, when: 'reference == "H"', do: hold}
`
	text := "Ref;Montant;Mail;Jour\n" +
		"A;10,00;a@b.fr;01/02/2026\n" + // as it is
		"B;-10,00;;\n" + // a credit note
		"C;0,00;a@b.fr;\n" +
		"D;2000,00;;\n" + // held, and warned of
		"Z;2000,00;a@b.fr;\n" + // reject comes before hold, whatever their order
		"E;10,00;;01/02/2025\n" +
		"F;x;;\n" + // errors: nothing is skipped by what was not read
		"B2;-10,00;bad;\n" + // an error, and a rule that would have left the row out
		"H;5000,00;a@b.fr;\n" // two holds: the first
	want := "2 A 10.00 EUR\n3 skipped NV-1503/avoir\n4 skipped NV-1503/nul\n5 held NV-1502/gros NV-1507/note\n6 rejected NV-1501/zzz\n" +
		"7 rejected NV-1501/tard\n8 rejected NV-1203@B\n9 rejected NV-1205@C\n10 held NV-1502/gros"
	if got := judge(t, plain(euros, fields, rules), text); got != want {
		t.Errorf(" got %s\nwant %s", got, want)
	}
}

func TestSense(t *testing.T) {
	if got, want := judge(t, plain(euros, "  - {name: reference, column: Ref}\n  - {name: amount, column: Montant, type: amount}\n"),
		"Ref;Montant\nA;0,00\nB;-1,00\n;1,00\nC;\n"), "2 rejected NV-1203@B\n3 rejected NV-1203@B\n4 rejected NV-1201@A\n5 rejected NV-1201@B"; got != want {
		t.Errorf("requests\n got %s\nwant %s", got, want)
	}
	operations := "kind: operation\n" + plain(euros, `  - {name: operation, column: Op, required: true, map: {R: refund, V: capture, A: cancel, M: modify, C: consult}}
  - {name: reference, column: Ref}
  - {name: transaction_id, column: Tr}
  - {name: amount, column: Montant, type: amount, all: [TOUT]}
  - {name: key, column: Cle}
  - {name: date, column: Jour, type: date}
`)
	text := "Op;Ref;Tr;Montant;Cle;Jour\n" + "R;A;;12,00;k1;01/12/2026\n" + "R;A;;;;\n" + "R;A;;tout;;\n" + "V;A;;;;\n" + "V;A;;TOUT;;\n" + "A;;T1;;;\n" +
		"M;A;;;;\n" + "M;A;;TOUT;;\n" + "C;A;;0,00;;\n" + "R;;;1,00;;\n" + "R;A;;-1,00;;\n" + "V;A;;0,00;;\n" + "X;A;;1,00;;\n" + ";A;;1,00;;\n"
	want := "2 A 12.00 EUR\n3 rejected NV-1201@D\n4 A\n5 A\n6 A\n7\n8 A\n9 rejected NV-1201@D\n10 A 0.00 EUR\n11 rejected NV-1201\n12 rejected NV-1203@D\n13 rejected NV-1203@D\n" +
		"14 rejected NV-1202@A\n15 rejected NV-1201@A"
	if got := judge(t, operations, text); got != want {
		t.Errorf("operations\n got %s\nwant %s", got, want)
	}
	_, docs, _ := documents(t, parse(t, operations), text)
	in := docs[0].Instructions[0]
	if in.Kind != payment.Operate || in.Operation != payment.Refund || in.ERPKey != "k1" || in.Date != "2026-12-01" || in.Channel != "" || in.Source.Line != 2 {
		t.Errorf("operation %+v", in)
	}
}

func TestMixed(t *testing.T) {
	yaml := "kind: mixed\n" + plain(euros, refAmount[:0]+`  - {name: kind, column: K, map: {F: request, O: operation}, required: true}
  - {name: operation, column: Op, map: {R: refund}}
  - {name: reference, column: Ref}
  - {name: amount, column: Montant, type: amount}
  - {name: channel, value: '"email"'}
`)
	_, docs, err := documents(t, parse(t, yaml), "K;Op;Ref;Montant\nF;;A;1,00\nO;R;A;1,00\nO;;A;1,00\nX;;A;1,00\nF;;;1,00\n")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, d := range docs {
		got = append(got, fmt.Sprintf("%s %s %s", told(d), d.Kind, d.Operation))
	}
	want := []string{"2 A 1.00 EUR request ", "3 A 1.00 EUR operation refund", "4 rejected NV-1201@B operation ", "5 rejected NV-1202@A  ", "6 rejected NV-1201@C request "}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if c := docs[0].Instructions[0].Channel + "," + docs[1].Instructions[0].Channel; c != "email," {
		t.Errorf("channels %q: an operation has none", c)
	}
}

func TestCurrencies(t *testing.T) {
	column := refAmount + "  - {name: currency, column: Devise, map: {EUR: EUR, '€': EUR, Fr.: CHF, Yen: JPY, Zzz: ZZZ}}\n"
	text := "Ref;Montant;Devise\nA;1,00 €;€\nB;1,50 CHF;Fr.\nC;100;Yen\nD;1,50;Yen\nE;1,50 €;Fr.\nF;1,50;\nG;1,50;Zzz\n"
	want := "2 A 1.00 EUR\n3 B 1.50 CHF\n4 C 100 JPY\n5 rejected NV-1203@B\n6 rejected NV-1203@B\n7 F 1.50 USD\n8 rejected NV-1202@C"
	if got := judge(t, "currency: USD\n"+plain(euros, column), text); got != want {
		t.Errorf("column\n got %s\nwant %s", got, want)
	}
	computed := refAmount + "  - {name: currency, value: 'row[\"Devise\"] == \"Yen\" ? \"JPY\" : \"EUR\"'}\n"
	want = "2 A 1.00 EUR\n3 rejected NV-1203@B\n4 C 100 JPY\n5 rejected NV-1203@B"
	if got := judge(t, plain(euros, computed), "Ref;Montant;Devise\nA;1,00 €;€\nB;1,50 CHF;Fr.\nC;100;Yen\nD;1,50;Yen\n"); got != want {
		t.Errorf("computed\n got %s\nwant %s", got, want)
	}
}

func TestInstruction(t *testing.T) {
	fields := `  - {name: reference, column: Ref}
  - {name: amount, column: Montant, type: amount}
  - {name: due_on, column: Jour, type: date}
  - {name: customer.name, column: Nom}
  - {name: customer.address.zip, column: CP}
  - {name: customer.address.city, column: Ville}
  - {name: metadata.z, column: Nom}
  - {name: metadata.a, column: CP}
  - {name: metadata.total, value: amount * 2}
  - {name: own, value: 'upper(customer.name)'}
  - {name: label, value: '"Facture " + reference + " de " + own', max: 20}
  - {name: expires_on, value: 'addDays(due_on, 60)'}
  - {name: capture.mode, value: '"deferred"'}
  - {name: capture.delay_days, value: '2 + 1'}
`
	_, docs, err := documents(t, parse(t, plain(euros, fields)), "Ref;Montant;Jour;Nom;CP;Ville\nA;1234,50;02/11/2026;Élise B;44000;Nantes\n")
	if err != nil {
		t.Fatal(err)
	}
	want := payment.Instruction{Kind: payment.Request, Reference: "A", Amount: payment.Amount{Minor: 123450, Currency: "EUR"}, DueOn: "2026-11-02", ExpiresOn: "2027-01-01",
		Label: "Facture A de ÉLISE B", Channel: "link", Customer: payment.Customer{Name: "Élise B", Address: []payment.Pair{{Name: "zip", Value: "44000"}, {Name: "city", Value: "Nantes"}}},
		Capture:  payment.CaptureMode{Mode: "deferred", DelayDays: 3},
		Metadata: []payment.Pair{{Name: "a", Value: "44000"}, {Name: "total", Value: "2469.00"}, {Name: "z", Value: "Élise B"}}, Source: payment.Source{Flow: "f", File: "x.csv", Line: 2}}
	if docs[0].State != mappings.Accepted {
		t.Fatal(told(docs[0]))
	}
	if diff := cmp.Diff(want, docs[0].Instructions[0]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if docs[0].Fields != nil {
		t.Error("fields are kept though no return names one")
	}
}

func TestFill(t *testing.T) {
	source := euros + ", fill: {key: Client, columns: [Mail]}, skip: ['row[\"Client\"] == \"TOTAL\"']"
	fields := refAmount + "  - {name: customer.id, column: Client, required: true}\n  - {name: customer.email, column: Mail, type: email}\n"
	text := "Client;Mail;Ref;Montant\n" + "C1;a@b.fr;A;1,00\n" + ";;B;2,00\n" + "TOTAL;;;3,00\n" + ";;C;3,00\n" + "C2;;D;4,00\n" + ";;E;5,00\n" + "C3;c@b.fr;F\n" + ";;G;7,00\n"
	r, docs, err := documents(t, parse(t, plain(source, fields)), text)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, d := range docs {
		mail := ""
		if len(d.Instructions) > 0 {
			mail = d.Instructions[0].Customer.ID + " " + d.Instructions[0].Customer.Email
		}
		got = append(got, fmt.Sprintf("%s %s %q", told(d), mail, d.Rows[0].Raw))
	}
	want := []string{`2 A 1.00 EUR C1 a@b.fr "C1;a@b.fr;A;1,00"`, `3 B 2.00 EUR C1 a@b.fr "C1;a@b.fr;B;2,00"`, `5 C 3.00 EUR C1 a@b.fr "C1;a@b.fr;C;3,00"`,
		`6 D 4.00 EUR C2  "C2;;D;4,00"`, `7 E 5.00 EUR C2  "C2;;E;5,00"`, `8 rejected NV-1102  "C3;c@b.fr;F"`, `9 rejected NV-1201@A  ";;G;7,00"`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if r.LeftOut() != 1 || r.Rows() != 7 {
		t.Errorf("left out %d, rows %d, want 1 and 7", r.LeftOut(), r.Rows())
	}
}

func TestYearOfTheFile(t *testing.T) {
	source := `encoding: utf-8, header: 2, decimal: ",", dates: ["%d%m"], year: {line: 1, column: 2}`
	fields := refAmount + "  - {name: due_on, column: Jour, type: date}\n"
	_, docs, err := documents(t, parse(t, plain(source, fields)), "x;20261201\nRef;Montant;Jour\nA;1,00;0311\n")
	if err != nil || docs[0].Instructions[0].DueOn != "2026-11-03" {
		t.Errorf("%v, %v", err, docs)
	}
	if got := judge(t, plain(source, fields), "x;\nRef;Montant;Jour\nA;1,00;0311\n"); got != "file NV-1101" {
		t.Errorf("no year: %s", got)
	}
}

func TestControl(t *testing.T) {
	yaml := plain(euros, refAmount, "control:", `  - {id: trop, when: file.documents < 4 and file.rows == file.documents}`, `  - {id: total, when: 'dec(file.total, ",") == "6,00"'}`)
	tests := []struct{ text, want string }{
		{"Ref;Montant\nA;1,00\nB;5,00\n", ""}, {"Ref;Montant\nA;1,00\nB;4,00\n", "NV-1301/total"}, {"Ref;Montant\nA;1,00\nB;5,00\nC;x\n", "NV-1301/total"},
		{"Ref;Montant\nA;1,00\nB;5,00\nC\n", "NV-1301/total"}, {"Ref;Montant\nA;1,00\nB;1,00\nC;1,00\nD;3,00\n", "NV-1301/trop"}, {"Ref;Montant\n", "NV-1301/total"},
	}
	for _, tt := range tests {
		r, _, err := documents(t, parse(t, yaml), tt.text)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, p := range r.Control() {
			got = append(got, named(p))
		}
		if strings.Join(got, " ") != tt.want {
			t.Errorf("%q: %q, want %q", tt.text, got, tt.want)
		}
	}
}

func TestUnknownColumnsAreWarnedOf(t *testing.T) {
	r, err := openText(parse(t, plain(euros+", unknown_columns: warn", refAmount)), "Ref;Montant;x;;y\n")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range r.Warnings() {
		got = append(got, named(p)+" "+p.Column)
	}
	if want := []string{"NV-1105@C x", "NV-1105@E y"}; !slices.Equal(got, want) {
		t.Errorf("warnings %q, want %q", got, want)
	}
}

func TestExpressionThatCannotBeEvaluated(t *testing.T) {
	rules := "rules:\n  - {id: r, when: 'int(row[\"N\"]) > 3', do: skip}"
	got := judge(t, plain(euros, refAmount+"  - {name: metadata.x, value: 'amount / int(row[\"N\"])'}\n", rules), "Ref;Montant;N\nA;1,00;x\nB;1,00;4\nC;1,00;0\nD;1,00;\n")
	if want := "2 rejected NV-1210\n3 skipped NV-1503/r\n4 rejected NV-1210\n5 D 1.00 EUR"; got != want {
		t.Errorf(" got %s\nwant %s", got, want)
	}
}

func TestDocumentsCanBeStopped(t *testing.T) {
	m := parse(t, plain(euros, refAmount))
	text := "Ref;Montant\n" + strings.Repeat("A;1,00\n", 2000)
	r, err := openText(m, text)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	n := 0
	for _, err := range r.Documents(ctx) {
		if n++; n == 10 {
			cancel()
		}
		if errors.Is(err, context.Canceled) {
			break
		}
	}
	if n > 1000 {
		t.Errorf("%d documents after the context ended", n)
	}
	for range 2 { // reading again starts anew
		n = 0
		for range r.Documents(context.Background()) {
			n++
		}
		if n != 2000 || r.Rows() != 2000 {
			t.Errorf("%d documents, %d rows, want 2000", n, r.Rows())
		}
	}
}

func TestHead(t *testing.T) {
	m := parse(t, plain(euros+", header: 2", refAmount))
	text := "\xef\xbb\xbfExport;\r\n\"Ref\";Montant;nv_code;nv_message\r\nA;x;NV-1203;old\r\nB;y;;\r\n"
	r, docs, err := documents(t, m, text)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	w := r.Dialect().NewWriter(&b)
	w.WriteHead(r.Head(), "nv_code", "nv_message")
	for _, d := range docs {
		code, _ := mappings.Summary(d.Problems, "fr")
		w.WriteEcho(d.Rows[0].Raw, code, "nouveau ; motif")
	}
	want := "\xef\xbb\xbfExport;\r\n\"Ref\";Montant;nv_code;nv_message\r\nA;x;NV-1203;\"nouveau ; motif\"\r\nB;y;NV-1203;\"nouveau ; motif\"\r\n"
	if w.Error() != nil || b.String() != want {
		t.Errorf("%v\n got %q\nwant %q", w.Error(), b.String(), want)
	}
	if got := r.Titles(); !slices.Equal(got, []string{"Ref", "Montant"}) {
		t.Errorf("titles %q", got)
	}
}

// TestOneMappingManyReaders reads with one mapping from several goroutines; the race detector judges.
func TestOneMappingManyReaders(t *testing.T) {
	m := load(t, examples+"/01-factures-excel-fr/mapping.yaml")
	file, err := os.ReadFile(examples + "/01-factures-excel-fr/FACTURES_20261120.csv")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 5 {
				if n := readAll(t, m, file); n != 4 {
					t.Errorf("%d accepted, want 4", n)
				}
			}
		})
	}
	wg.Wait()
}
