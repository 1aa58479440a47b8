package mappings_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/navette-connect/navette/mappings"
)

// minimal is a mapping without a fault; tests replace or add lines.
const minimal = `navette: mapping/v1
name: x
source: {decimal: ",", dates: ["%d/%m/%Y"]}
fields:
  - {name: reference, column: Ref}
  - {name: amount, column: Montant, type: amount}
`

func problemsOf(t testing.TB, yaml string) []string {
	t.Helper()
	_, err := mappings.Load("m.yaml", []byte(yaml), options())
	if err == nil {
		return nil
	}
	var list mappings.LoadError
	if !errors.As(err, &list) || !errors.Is(err, mappings.ErrInvalid) {
		t.Fatalf("Load gives %T (%v), want a LoadError", err, err)
	}
	var out []string
	for _, p := range list {
		if p.File != "m.yaml" {
			t.Errorf("problem of file %q: %v", p.File, p.In("en"))
		}
		if err := p.Text.Check(); err != nil {
			t.Errorf("%v", err)
		}
		out = append(out, fmt.Sprintf("%d:%d %s", p.Line, p.Column, strings.TrimPrefix(p.In("en"), fmt.Sprintf("m.yaml:%d:%d: ", p.Line, p.Column))))
	}
	return out
}

func TestLoadProblems(t *testing.T) {
	if got := problemsOf(t, minimal); got != nil {
		t.Fatalf("the minimal mapping: %q", got)
	}
	tests := []struct {
		name, add string // lines put behind the minimal mapping
		want      []string
	}{
		{"unknown key", "sources: {}\n", []string{`7:1 NV-4002 unknown key "sources"; did you mean "source"?`}},
		{"unknown key of a field", "  - {name: a, colunm: B}\n", []string{`7:15 NV-4002 unknown key "colunm"; did you mean "column"?`, `7:6 NV-4020 field "a": neither ` + "`column` nor `value`"}},
		{"key twice", "name: y\n", []string{`7:1 NV-4001 unreadable YAML: mapping key "name" already defined at [2:1]`}},
		{"unclosed", "rules: [\n", []string{`7:8 NV-4001 unreadable YAML: sequence end token ']' not found`}},
		{"bad type", "  - {name: a, column: B, type: amout}\n", []string{`7:32 NV-4004 type: value "amout"; did you mean "amount"? (expected: text, amount, decimal, int, date, email, phone, iban, siren, bool)`}},
		{"bad type of a known name", "  - {name: due_on, column: B, type: text}\n", []string{`7:37 NV-4020 field "due_on" is of type date`}},
		{"field of the family", "  - {name: customer.emial, column: B}\n", []string{`7:12 NV-4020 field "customer.emial" is unknown; did you mean "customer.email"?`}},
		{"reserved name", "  - {name: row, column: B}\n", []string{`7:12 NV-4020 field name "row" is impossible (letters, digits, _ and dots; row, file, event… are reserved)`}},
		{"field twice", "  - {name: amount, column: B}\n", []string{`7:12 NV-4020 field "amount" is defined twice`}},
		{"column and value", "  - {name: a, column: B, value: '1'}\n", []string{"7:33 NV-4020 field \"a\": `column` or `value`, not both"}},
		{"bad pattern", "  - {name: a, column: B, pattern: '('}\n", []string{"7:35 NV-4020 pattern: wrong regular expression (missing closing ): `(`)"}},
		{"bad date pattern", "  - {name: a, column: B, type: date, dates: ['%d/%q']}\n", []string{`7:46 NV-4004 dates: value "%d/%q"; expected: %d/%m/%Y, DD/MM/YYYY, YYYYMMDD, excel…`}},
		{"bad default", "  - {name: a, column: B, type: date, default: tomorrow}\n", []string{`7:47 NV-4020 field "a": the default "tomorrow" is not of its type`}},
		{"bad region", "  - {name: a, column: B, type: phone, region: XX}\n", []string{`7:47 NV-4004 region: value "XX"; expected: FR, BE, CH, DE, ES, IT, GB…`}},
		{"implied of a text", "  - {name: a, column: B, implied: 2}\n", []string{"7:35 NV-4020 field \"a\": `implied` is for amounts and numbers only"}},
		{"bad number", "  - {name: a, column: B, max: many}\n", []string{`7:31 NV-4004 max: value "many"; expected: a whole number`}},
		{"bad column", "  - {name: a, column: 0}\n", []string{`7:23 NV-4004 column: value "0"; expected: a title, a number from 1, or =C`}},
		{"unknown name", "  - {name: a, value: 'referense + \"x\"'}\n", []string{`7:23 NV-4021 unknown name "referense"; did you mean "reference"?`}},
		{"unknown name in mid-expression", "  - {name: a, value: '\"x\" + ref.x'}\n", []string{`7:29 NV-4021 unknown name "ref.x"`}},
		{"unknown function", "  - {name: a, value: 'uper(reference)'}\n", []string{`7:23 NV-4021 unknown name "uper"; did you mean "upper"?`}},
		{"types", "  - {name: a, value: 'reference > 10'}\n", []string{`7:33 NV-4021 wrong expression: invalid operation: > (mismatched types string and int)`}},
		{"types of amounts", "  - {name: a, value: 'amount + reference'}\n", []string{`7:30 NV-4021 wrong expression: invalid operation: + (mismatched types float64 and string)`}},
		{"syntax", "  - {name: a, value: 'reference +'}\n", []string{`7:33 NV-4021 wrong expression: unexpected token EOF`}},
		{"result", "rules:\n  - {id: r, when: amount, do: skip}\n", []string{`8:19 NV-4021 the expression gives a number; expected: true or false`}},
		{"computed later", "  - {name: a, value: b}\n  - {name: b, value: '\"x\"'}\n", []string{`7:22 NV-4021 "b" is computed further down; put it before`}},
		{"impure", "  - {name: a, value: 'string(now())'}\n", []string{`7:30 NV-4021 unknown name "now"`}},
		{"rule without parts", "rules:\n  - {when: amount < 0}\n", []string{`8:6 NV-4003 "do" is missing`, `8:6 NV-4003 "id" is missing`}},
		{"rule word", "rules:\n  - {id: r, when: amount < 0, do: stop}\n", []string{`8:35 NV-4004 do: value "stop"; expected: skip, hold, reject, warn`}},
		{"rule twice", "rules:\n  - {id: r, when: amount < 0, do: skip}\n  - {id: r, when: amount < 0, do: skip}\n", []string{`9:10 NV-4020 rule "r" is defined twice`}},
		{"statement", "kind: statement\n", []string{`7:7 NV-4020 "kind: statement" is not read by this version`}},
		{"kind", "kind: requests\n", []string{`7:7 NV-4004 kind: value "requests"; did you mean "request"? (expected: request, operation, mixed)`}},
		{"currency", "currency: EURO\n", []string{`7:11 NV-4004 currency: value "EURO"; expected: EUR, CHF, USD… (ISO 4217)`}},
		{"return without on", "returns:\n  a: {file: x.csv, columns: [{name: a, value: line}]}\n", []string{`8:3 NV-4003 "on" is missing`}},
		{"return name", "returns:\n  a: {on: intake, file: '{steam}.csv', columns: [{name: a, value: line}]}\n", []string{`8:25 NV-4004 file: value "{steam}"; expected: {stem}, {flow}, {date}, {seq}, {name}`}},
		{"return path", "returns:\n  a: {on: intake, file: '../{stem}.csv', columns: [{name: a, value: line}]}\n", []string{`8:25 NV-4004 file: value "../{stem}.csv"; expected: a file name`}},
		{"return without columns", "returns:\n  a: {on: event, file: x.csv}\n", []string{`8:3 NV-4003 "returns.a.columns" is missing`}},
		{"return column", "returns:\n  a: {on: event, file: x.csv, columns: [{name: a, value: event.foo}]}\n", []string{`8:58 NV-4021 unknown name "event.foo"; did you mean "event.at"?`}},
		{"control", "control:\n  - {id: c, when: amount > 0}\n", []string{`8:19 NV-4021 "amount" belongs to a row; a control knows file.documents, file.total, file.rows and trailer.…`}},
		{"anchors", "description: &a b\n", []string{`7:14 NV-4001 YAML anchors, aliases, tags and merges are not read here`}},
		{"use of nothing", "use: nowhere\n", []string{`7:6 NV-4020 use: cannot read "nowhere" (no such preset: "nowhere")`}},
		{"test row", "tests:\n  - {file: a.csv, expect: {accepted: 1, rows: {4: {referense: x}}}}\n", []string{`8:52 NV-4021 unknown name "referense"`}},
		{"several at once", "kind: x\nfoo: 1\nrules:\n  - {id: r, when: foo, do: skip}\n", []string{
			`7:7 NV-4004 kind: value "x"; expected: request, operation, mixed`, `8:1 NV-4002 unknown key "foo"`, `10:19 NV-4021 unknown name "foo"`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := problemsOf(t, minimal+tt.add)
			slices.Sort(got)
			slices.Sort(tt.want)
			if !slices.Equal(got, tt.want) {
				t.Errorf("%s\n got %s\nwant %s", tt.add, strings.Join(got, "\n     "), strings.Join(tt.want, "\n     "))
			}
		})
	}
}

func TestLoadSourceProblems(t *testing.T) {
	tests := []struct{ source, want string }{
		{"{encoding: utf8}", `3:20 NV-4004 encoding: value "utf8"; did you mean "utf-8"?`},
		{"{delimiter: ';;'}", `3:21 NV-4004 delimiter: value ";;"; expected: one character, or none`},
		{"{decimal: ';'}", `3:19 NV-4004 decimal: value ";"; expected: ,, .`},
		{"{decimal: ',', group: ','}", `3:31 NV-4020 "," cannot be both the decimal and the thousands mark`},
		{"{header: first}", `3:18 NV-4004 header: value "first"; expected: a whole number`},
		{"{columns: [a, b]}", "3:19 NV-4020 `columns` names the columns of a file without titles: write `header: 0`"},
		{"{header: 0, columns: [a, a]}", `3:34 NV-4020 column name "a" is empty or there twice`},
		{"{skip: ['reference == \"\"']}", `3:18 NV-4021 "reference" is not read yet when ` + "`skip`" + ` is asked: name the column, row["…"]`},
		{"{skip: ['row[1] == \"\"']}", `3:18 NV-4021 row[…] takes a title in quotes`},
		{"{from: '('}", `3:16 NV-4020 from: wrong regular expression`},
		{"{max_cell: 0}", `3:20 NV-4004 max_cell: value "0"; expected: 200MB, 4GB`},
		{"{length: 128}", `3:18 NV-4002 key "length" does not go with type csv`},
		{"{format: ods}", `3:18 NV-4020 "source.format: ods" is not read by this version`},
		{"{format: cvs}", `3:18 NV-4004 format: value "cvs"; expected: csv`},
		{"{unknown_columns: warm}", `3:27 NV-4004 unknown_columns: value "warm"; did you mean "warn"?`},
		{"{encoding: cp437, delimiter: '€'}", `3:10 NV-4020 impossible source section: impossible csv option`},
		{"{quote: ';'}", `3:10 NV-4020 impossible source section: impossible csv option`},
	}
	for _, tt := range tests {
		got := problemsOf(t, strings.Replace(minimal, `{decimal: ",", dates: ["%d/%m/%Y"]}`, tt.source, 1))
		if !slices.ContainsFunc(got, func(s string) bool { return strings.HasPrefix(s, tt.want) }) {
			t.Errorf("%s\n got %q\nwant %s", tt.source, got, tt.want)
		}
	}
}

func TestLoadWholeFile(t *testing.T) {
	for _, yaml := range []string{"", "- a\n", "x", "null\n", "a: [[[[", strings.Repeat("[", 5000), strings.Repeat(" ", 20000), strings.Repeat("- ", 4000)} {
		if _, err := mappings.Load("m.yaml", []byte(yaml), options()); !errors.Is(err, mappings.ErrInvalid) {
			t.Errorf("%.20q: %v, want ErrInvalid", yaml, err)
		}
	}
}

func TestUse(t *testing.T) {
	yaml := "navette: mapping/v1\nname: mine\nuse: factures-excel-fr\ncurrency: CHF\nsource: {header: 1, skip: []}\nreturns: {statuts: {file: S.csv}}\n"
	m, err := mappings.Load("m.yaml", []byte(yaml), options())
	if err != nil {
		t.Fatal(err)
	}
	if s := m.Source(); m.Name != "mine" || m.Currency != "CHF" || s.Header != 1 || s.Encoding != "windows-1252" || s.Decimal != ',' {
		t.Errorf("name %q, currency %q, source %+v: want mine, CHF, header 1 and the rest of the preset's", m.Name, m.Currency, s)
	}
	if len(m.Returns()) != 4 || m.Returns()[2].FileName(mappings.NameParts{}) != "S.csv" {
		t.Errorf("%d returns, want the preset's 4, `statuts` with a name of its own", len(m.Returns()))
	}
	base := load(t, "presets/factures-excel-fr.yaml")
	if m.Hash() == base.Hash() {
		t.Error("a mapping that changes its base has the base's hash")
	}
	circle := options()
	circle.Use = func(string) ([]byte, error) { return []byte("use: b\n"), nil }
	if _, err := mappings.Load("m.yaml", []byte("use: b\n"), circle); err == nil || !strings.Contains(err.Error(), "based on itself") {
		t.Errorf("a circle of use: %v", err)
	}
}

func TestHash(t *testing.T) {
	hash := func(yaml string) string {
		m, err := mappings.Load("m.yaml", []byte(yaml), options())
		if err != nil {
			t.Fatal(err)
		}
		return m.Hash()
	}
	first := hash(minimal)
	for _, same := range []string{"# a comment\n" + minimal, minimal + "description: words\n", strings.ReplaceAll(minimal, "{name: reference, column: Ref}", "{column: Ref,   name: reference}"),
		strings.ReplaceAll(minimal, "column: Ref}", "column: Ref, confirm: true}")} {
		if got := hash(same); got != first {
			t.Errorf("hash changes with\n%s", same)
		}
	}
	for _, other := range []string{strings.ReplaceAll(minimal, "Ref}", "Ref2}"), strings.ReplaceAll(minimal, "Ref}", "1}"), minimal + "currency: CHF\n"} {
		if got := hash(other); got == first {
			t.Errorf("hash does not change with\n%s", other)
		}
	}
	if hash(strings.ReplaceAll(minimal, "Ref}", "1}")) == hash(strings.ReplaceAll(minimal, "Ref}", `"1"}`)) {
		t.Error(`column 1 and title "1" have one hash`)
	}
}

func TestConfirm(t *testing.T) {
	yaml := strings.ReplaceAll(minimal, `decimal: ","`, `decimal: ",", confirm: true`)
	yaml = strings.ReplaceAll(yaml, "type: amount}", "type: amount, confirm: true}")
	m, err := mappings.Load("m.yaml", []byte(yaml), options())
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"source (line 3)", "fields.amount (line 6)"}
	if !slices.Equal(m.Confirm(), want) {
		t.Errorf("Confirm() = %q, want %q", m.Confirm(), want)
	}
}

func TestWarningsOfTables(t *testing.T) {
	m := load(t, filepath.Join(examples, "01-factures-excel-fr", "mapping.yaml"))
	var got []string
	for _, w := range m.Warnings() {
		got = append(got, w.In("en"))
	}
	if len(got) != 2 || !strings.Contains(got[0], "status: the table lacks these words, which are written as they are: duplicate") {
		t.Errorf("warnings %q", got)
	}
}

func FuzzLoad(f *testing.F) {
	f.Add([]byte(minimal))
	for _, p := range []string{"01-factures-excel-fr", "02-commandes-largeur-fixe", "03-factures-multilignes", "04-operations", "05-multi-enregistrements"} {
		b, err := os.ReadFile(filepath.Join(examples, p, "mapping.yaml"))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := mappings.Load("m.yaml", b, options())
		if (m == nil) == (err == nil) {
			t.Fatalf("Load gives %v and %v", m, err)
		}
		if err != nil && !errors.Is(err, mappings.ErrInvalid) {
			t.Fatalf("%v is no ErrInvalid", err)
		}
	})
}
