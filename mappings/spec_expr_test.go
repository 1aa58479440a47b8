package mappings_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/navette-connect/navette/mappings"
)

// evaluated gives what an expression makes of one row, as text; the codes where it cannot be evaluated.
func evaluated(t testing.TB, expression string) string {
	t.Helper()
	yaml := plain(euros, `  - {name: reference, column: Ref}
  - {name: amount, column: Montant, type: amount}
  - {name: nom, column: Nom}
  - {name: jour, column: Jour, type: date}
  - {name: rien, column: Rien}
  - {name: sans, column: Rien, type: amount}
  - {name: nul, column: Zero, type: amount}
  - {name: jamais, column: Rien, type: date}
  - {name: n, column: N, type: int}
  - {name: v, value: '`+strings.ReplaceAll(expression, "'", "''")+`'}
  - {name: label, value: 'string(v)'}
`)
	_, docs, err := documents(t, parse(t, yaml), "Ref;Montant;Nom;Jour;Rien;Zero;N;Réf client\nA-1;1234,50;Élise Ü. & Cœur;31/01/2026;;0,00;7; x \n")
	if err != nil {
		t.Fatal(err)
	}
	if d := docs[0]; d.State != mappings.Accepted {
		return strings.TrimPrefix(told(d), "2 rejected ")
	}
	return docs[0].Instructions[0].Label
}

func TestSpecExpressions(t *testing.T) {
	tests := []struct{ in, want string }{
		// names
		{`reference`, "A-1"}, {`row["ref client"]`, "x"}, {`row["RÉF CLIENT"]`, "x"}, {`line`, "2"}, {`jour`, "2026-01-31"},
		// absence: "" of texts, nil of numbers and dates
		{`rien == ""`, "true"}, {`rien == nil`, "false"}, {`sans == nil`, "true"}, {`sans == 0`, "false"}, {`sans < 0`, "false"}, {`sans >= 0`, "false"}, {`sans != nil`, "false"}, {`sans != 0`, "true"},
		{`nul == 0`, "true"}, {`nul == nil`, "false"}, {`jamais == nil`, "true"}, {`jamais == ""`, "false"}, {`sans ?? 5`, "5"}, {`sans + 1 == nil`, "true"}, {`not (sans < 0)`, "true"},
		// texts
		{`upper(nom)`, "ÉLISE Ü. & CŒUR"}, {`lower(nom)`, "élise ü. & cœur"}, {`trim("  a ")`, "a"}, {`replace(nom, "&", "et")`, "Élise Ü. et Cœur"}, {`split("a-b-c", "-")[1]`, "b"},
		{`join(split("a-b", "-"), "+")`, "a+b"}, {`join(["x", "y"], "")`, "xy"}, {`uniq(["a", "b", "a"])`, "a, b"}, {`len(nom)`, "15"}, {`len(["a", "b"])`, "2"}, {`len(rien)`, "0"},
		{`plain(nom)`, "Elise U. & Coeur"}, {`left(nom, 3)`, "Éli"}, {`left(nom, 99)`, "Élise Ü. & Cœur"}, {`right(nom, 4)`, "Cœur"}, {`left(rien, 3)`, ""}, {`right("abc", 0)`, ""},
		{`pad("7", 3, "left", "0")`, "007"}, {`pad("é", 3, "right", "_")`, "é__"}, {`pad("abc", 2, "left", "0")`, "abc"}, {`pad("7", 3, "left") + "|"`, "7|"}, {`pad(string(n), 5, "left", "0")`, "00007"},
		{`sha256("abc")`, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
		{`reference + " " + nom`, "A-1 Élise Ü. & Cœur"}, {`rien + "x"`, "x"}, {`nom contains "Ü"`, "true"}, {`nom startsWith "É"`, "true"}, {`reference endsWith "1"`, "true"}, {`reference matches "^A-[0-9]$"`, "true"},
		{`"A-1" in [reference, "B"]`, "true"}, {`reference in ["A"]`, "false"}, {`rien matches "x"`, "false"},
		// numbers: exact
		{`amount`, "1234.50"}, {`string(amount)`, "1234.50"}, {`dec(amount, ",")`, "1234,50"}, {`dec(amount, ".")`, "1234.50"}, {`dec(sans, ",")`, ""}, {`dec(-amount, ",")`, "-1234,50"}, {`dec(n, ",")`, "7"},
		{`cents(amount)`, "123450"}, {`string(cents(amount))`, "123450"}, {`cents(sans) == nil`, "true"}, {`amount("12,50", ",")`, "12.5"}, {`amount("12.50", ".") * 2`, "25"}, {`amount("(3,00)", ",")`, "-3"}, {`amount("", ",") == nil`, "true"},
		{`amount("12.50", ",")`, "NV-1210"}, {`int("042")`, "42"}, {`int("4,2")`, "NV-1210"}, {`int(rien) == nil`, "true"}, {`int(row["N"]) + 1`, "8"}, {`abs(0 - amount)`, "1234.50"}, {`abs(-3)`, "3"},
		{`round(amount / 7, 2)`, "176.36"}, {`round(2.5)`, "3"}, {`round(-2.5)`, "-3"}, {`round(0.125, 2)`, "0.13"}, {`round(1234.5, -2)`, "1200"}, {`percent(amount, 30)`, "370.35"}, {`percent(100, 33.335)`, "33.34"}, {`percent(amount, 5.5)`, "67.90"},
		{`percent(sans, 5) == nil`, "true"}, {`0.1 + 0.2 == 0.3`, "true"}, {`amount - 1234.49 == 0.01`, "true"}, {`amount > 1234.49 and amount < 1234.51`, "true"}, {`1 / 3 * 3 == 1`, "false"}, {`amount / 0`, "NV-1210"}, {`7 % 4`, "3"}, {`2 ** 3`, "8"},
		{`min(amount, 5)`, "5.00"}, {`max(1, 2, 3)`, "3"}, {`sum([1, 2.5])`, "3.5"}, {`mean([1, 2])`, "1.5"}, {`floor(2.7)`, "2"}, {`ceil(2.1)`, "3"},
		// dates
		{`today()`, "2026-11-20"}, {`day(jour, "%d/%m/%Y")`, "31/01/2026"}, {`day(jour, "DDMMYY")`, "310126"}, {`day(jour, "YYYYMMDD")`, "20260131"}, {`day(jour, "excel")`, "46053"}, {`day(jamais, "DDMMYY")`, ""}, {`day("x", "DDMMYY")`, "NV-1210"},
		{`addDays(jour, 1)`, "2026-02-01"}, {`addDays(jour, -31)`, "2025-12-31"}, {`addMonths(jour, 1)`, "2026-02-28"}, {`addMonths(jour, 25)`, "2028-02-29"}, {`addMonths(jour, -2)`, "2025-11-30"}, {`endOfMonth("2026-02-03")`, "2026-02-28"}, {`addDays(jamais, 1) == nil`, "true"},
		{`endOfMonth(addMonths(jour, 1))`, "2026-02-28"}, {`jour < today()`, "true"}, {`jour >= "2026-01-31"`, "true"},
		// lists and the language's own
		{`{"A-1": "alpha"}[reference]`, "alpha"}, {`{"B": "beta"}[reference] ?? "autre"`, "autre"}, {`amount > 1000 ? "gros" : "petit"`, "gros"}, {`filter([1, 2, 3], # > 1)`, "2, 3"}, {`map(["a"], upper(#))`, "A"}, {`any([1, 2], # == 2)`, "true"}, {`all([1, 2], # > 1)`, "false"},
		{`let x = n * 2; x + 1`, "15"}, {`reference | lower()`, "a-1"}, {`"abc"[0:2]`, "ab"}, {`trimPrefix(reference, "A-")`, "1"}, {`repeat("ab", 2)`, "abab"}, {`indexOf(reference, "-")`, "1"},
	}
	for _, tt := range tests {
		if got := evaluated(t, tt.in); got != tt.want {
			t.Errorf("%s = %q, want %q", tt.in, got, tt.want)
		}
	}
}

// TestSpecExpressionProblems: what an expression cannot mean is told when the mapping is loaded.
func TestSpecExpressionProblems(t *testing.T) {
	tests := []struct{ value, want string }{
		{`upper(amount)`, "wrong expression"}, {`amount + reference`, "mismatched types"}, {`reference > 3`, "mismatched types"}, {`left(reference)`, "not enough arguments"}, {`pad(reference, 3)`, "not enough arguments"},
		{`day(due_on, "%q")`, `day: value "%q"`}, {`reference matches "("`, "missing closing )"}, {`refrence`, `did you mean "reference"`}, {`row[reference]`, "row[…] takes a title in quotes"}, {`env("HOME")`, `unknown name "env"`},
		{`now()`, `unknown name "now"`}, {`date("2026-01-01")`, `unknown name "date"`}, {`status`, `unknown name "status"`}, {`event.amount`, `unknown name "event.amount"`}, {`file.total`, `unknown name "file.total"`}, {`trailer.n`, `unknown name "trailer.n"`},
	}
	for _, tt := range tests {
		yaml := plain(euros, refAmount+"  - {name: due_on, column: Jour, type: date}\n  - {name: v, value: '"+strings.ReplaceAll(tt.value, "'", "''")+"'}\n")
		if got := problemsOf(t, yaml); !slices.ContainsFunc(got, func(s string) bool { return strings.Contains(s, "NV-40") && strings.Contains(s, tt.want) }) {
			t.Errorf("%s: %q, want %q", tt.value, got, tt.want)
		}
	}
}

// TestSpecAbsentInRules: a rule does not hold on what is absent or has failed, and a failed field is nil even of a text.
func TestSpecAbsentInRules(t *testing.T) {
	fields := refAmount + "  - {name: customer.email, column: Mail, type: email}\n  - {name: note, column: Note, type: amount}\n"
	for _, tt := range []struct{ when, cells, want string }{
		{`note < 0`, ";", "2 A 1.00 EUR"}, {`note == 0`, ";", "2 A 1.00 EUR"}, {`note == nil`, ";", "2 rejected NV-1501/r"}, {`not (note > 0)`, ";", "2 rejected NV-1501/r"},
		{`customer.email == ""`, ";", "2 rejected NV-1501/r"}, {`customer.email == ""`, "x;", "2 rejected NV-1205@C"}, {`customer.email == nil`, "x;", "2 rejected NV-1205@C NV-1501/r"}, {`customer.email == nil`, ";", "2 A 1.00 EUR"},
		{`customer.email contains "@"`, "a@b.fr;", "2 rejected NV-1501/r"}, {`customer.email contains "@"`, ";", "2 A 1.00 EUR"},
	} {
		rules := "rules:\n  - {id: r, when: '" + tt.when + "', do: reject}"
		if got := judge(t, plain(euros, fields, rules), "Ref;Montant;Mail;Note\nA;1,00;"+tt.cells+"\n"); got != tt.want {
			t.Errorf("%s of %q: %s, want %s", tt.when, tt.cells, got, tt.want)
		}
	}
}

// TestSpecTables: a word that a table lacks is written as it is, with a warning at load that names it.
func TestSpecTables(t *testing.T) {
	for _, tt := range []struct{ on, value, want string }{
		{"intake", `{"accepted": "OK", "rejected": "KO", "held": "W"}[status]`, "skipped, duplicate"}, {"result", `{"sent": "OK"}[status]`, "done, refused, uncertain, held"},
		{"event", `{"paid": "PAYE"}[event.event]`, "refused"}, {"intake", `{"accepted": 1, "rejected": 2, "held": 3, "skipped": 4, "duplicate": 5}[status]`, ""}, {"event", `{"A": "B"}[reference]`, ""},
	} {
		m := parse(t, plain(euros, refAmount, "returns:\n  r: {on: "+tt.on+", file: x.csv, columns: [{name: a, value: '"+tt.value+"'}]}"))
		var got []string
		for _, w := range m.Warnings() {
			got = append(got, w.In("en"))
		}
		if joined := strings.Join(got, "|"); tt.want == "" && joined != "" || !strings.Contains(joined, tt.want) {
			t.Errorf("on %s: %s: warnings %q, want %q", tt.on, tt.value, got, tt.want)
		}
	}
}

// TestSpecFaultsOfExpressions: what cannot be evaluated is told in the reader's language, and without the value where
// the expression names a sensitive field or its column.
func TestSpecFaultsOfExpressions(t *testing.T) {
	tests := []struct{ value, fr, en string }{
		{`amount / int(row["N"])`, "division par zéro", "division by zero"},
		{`int(reference)`, "nombre entier attendu, et non « A »", `a whole number is expected, not "A"`},
		{`addDays(reference, 3)`, "date attendue, et non « A »", `a date is expected, not "A"`},
		{`amount("1.5", ",")`, "montant attendu, et non « 1.5 »", `an amount is expected, not "1.5"`},
		{`amount + amount("1 CHF", ",")`, "EUR et CHF ne vont pas ensemble", "EUR and CHF do not go together"},
		{`int(metadata.s)`, "nombre entier attendu, et non « ••• »", `a whole number is expected, not "•••"`},
		{`int(row["secret"])`, "nombre entier attendu, et non « ••• »", `a whole number is expected, not "•••"`},
	}
	for _, tt := range tests {
		when := "(" + tt.value + ") == nil"
		for shown, in := range map[string]string{tt.value: "  - {name: v, value: '" + tt.value + "'}\n", when: "rules: [{id: r, when: '" + when + "', do: warn}]\n"} {
			yaml := plain(euros, refAmount+"  - {name: metadata.s, column: Secret, sensitive: true}\n"+in)
			_, docs, err := documents(t, parse(t, yaml), "Ref;Montant;N;Secret\nA;1,00;0;S3CR3T\n")
			if err != nil || len(docs[0].Problems) != 1 {
				t.Fatalf("%s: %v, %v", tt.value, err, docs[0].Problems)
			}
			fr, en := docs[0].Problems[0].Text.In("fr"), docs[0].Problems[0].Text.In("en")
			if !strings.HasSuffix(fr, shown+": "+tt.fr) || !strings.HasSuffix(en, shown+": "+tt.en) {
				t.Errorf("%s:\n%s\n%s", tt.value, fr, en)
			}
		}
	}
}
