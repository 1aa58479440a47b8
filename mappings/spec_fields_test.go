package mappings_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/navette-connect/navette/mappings"
)

const computedCurrency = "  - {name: currency, value: 'row[\"D\"] == \"C\" ? \"CHF\" : row[\"D\"] == \"Y\" ? \"JPY\" : \"EUR\"'}\n"

// TestSpecComputedCurrency: amounts are read once, in the currency computed of their own row; faults of other fields
// stay.
func TestSpecComputedCurrency(t *testing.T) {
	number := refAmount + "  - {name: n, column: N, type: int}\n"
	sum := "  - {name: reference, column: Ref}\n  - {name: amount, column: Montant, type: amount, agg: sum}\n"
	by := "group: {by: [reference]}"
	tests := []struct{ name, yaml, text, want string }{
		{"rows", plain(euros, number+computedCurrency), "Ref;Montant;N;D\nA;1,00;1;C\nB;1,00 CHF;1;C\nC;1,00 €;1;C\nD;100;;Y\nE;1,50;;Y\nF;2,00 €;;\n",
			"2 A 1.00 CHF\n3 B 1.00 CHF\n4 rejected NV-1203@B\n5 D 100 JPY\n6 rejected NV-1203@B\n7 F 2.00 EUR"},
		{"a number beside it that cannot be read", plain(euros, number+computedCurrency), "Ref;Montant;N;D\nA;1,00;x;C\nB;;1;C\n", "2 rejected NV-1203@C\n3 rejected NV-1201@B"},
		{"computed amounts", plain(euros, refAmount+"  - {name: metadata.tva, value: 'round(amount * 0.2, 0)'}\n"+computedCurrency, "rules: [{id: r, when: 'metadata.tva != \"20\"', do: reject}]"),
			"Ref;Montant;D\nA;101;Y\n", "2 A 101 JPY"},
		{"rows of a document", plain(euros, sum+computedCurrency, by), "Ref;Montant;D\nA;1,00;C\nB;50,00;C\nA;2,00;C\nC;7,00;\n", "2,4 A 3.00 CHF\n3 B 50.00 CHF\n5 C 7.00 EUR"},
		{"rows of a document in two currencies", plain(euros, sum+computedCurrency, by), "Ref;Montant;D\nA;1,00;C\nA;2,00;\nB;3,00;C\n", "2,3 rejected NV-1302@B NV-1302\n4 B 3.00 CHF"},
		{"rows of a document, adjacent", plain(euros, sum+computedCurrency, "group: {by: [reference], adjacent: true}"), "Ref;Montant;D\nA;1,00;C\nA;2,00;C\nB;300;Y\n", "2,3 A 3.00 CHF\n4 B 300 JPY"},
		{"a currency from what cannot be read", plain(euros, refAmount+"  - {name: own, column: D, enum: [EUR, CHF]}\n  - {name: currency, value: own}\n"), "Ref;Montant;D\nA;1,00;CHF\nB;1,00;X\n", "2 A 1.00 CHF\n3 rejected NV-1202@C"},
		{"no ISO code", plain(euros, refAmount+"  - {name: currency, value: 'row[\"D\"]'}\n"), "Ref;Montant;D\nA;1,00;ZZZ\nB;1,00;chf\n", "2 rejected NV-1202\n3 B 1.00 CHF"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := judge(t, tt.yaml, tt.text); got != tt.want {
				t.Errorf(" got %s\nwant %s", got, tt.want)
			}
		})
	}
	records := strings.Replace(fmt.Sprintf(recordsYAML, "", "error"), "{name: currency, column: E.devise}", `{name: currency, value: '"CHF"'}`, 1)
	if got := problemsOf(t, records); len(got) != 1 || !strings.Contains(got[0], "do not go together") {
		t.Errorf("records with a computed currency: %q, want a refusal", got)
	}
}

// fieldValue gives what a field read: the text in metadata.v, or the codes of what is wrong.
func fieldValue(t testing.TB, source, field, cells string) string {
	t.Helper()
	titles := "Ref;Montant;V;S"
	m := parse(t, plain(source, refAmount+"  - {name: metadata.v, column: V"+field+"}\n"))
	_, docs, err := documents(t, m, titles+"\nA;1,00;"+cells+"\n")
	if err != nil || len(docs) != 1 {
		t.Fatalf("%v, %d documents", err, len(docs))
	}
	d := docs[0]
	if d.State != mappings.Accepted {
		return strings.TrimPrefix(told(d), "2 rejected ")
	}
	if md := d.Instructions[0].Metadata; len(md) > 0 {
		return md[0].Value
	}
	return "-"
}

func TestSpecField(t *testing.T) {
	tests := []struct{ name, field, cells, want string }{
		// sign
		{"suffix", ", type: amount, sign: {suffix: {D: '+', C: '-'}}", "12,00C;", "-12.00"}, {"suffix, plus", ", type: amount, sign: {suffix: {D: '+', C: '-'}}", "12,00 D;", "12.00"},
		{"suffix, none", ", type: amount, sign: {suffix: {D: '+', C: '-'}}", "12,00;", "NV-1203@C"}, {"suffix, other letter", ", type: amount, sign: {suffix: {D: '+', C: '-'}}", "12,00X;", "NV-1203@C"},
		{"suffix of an int", ", type: int, sign: {suffix: {D: '+', C: '-'}}", "12C;", "-12"}, {"suffix and minus", ", type: amount, sign: {suffix: {D: '+', C: '-'}}", "-12,00C;", "NV-1203@C"},
		{"column, listed", ", type: amount, sign: {column: S, negative: ['-', C], positive: ['+', D]}", "12,00;c", "-12.00"},
		{"column, positive", ", type: amount, sign: {column: S, negative: ['-', C], positive: ['+', D]}", "12,00;+", "12.00"},
		{"column, another letter", ", type: amount, sign: {column: S, negative: ['-', C], positive: ['+', D]}", "12,00;X", "NV-1202@D"},
		{"column, blank", ", type: amount, sign: {column: S, negative: ['-', C], positive: ['+', D]}", "12,00;", "NV-1202@D"},
		{"column, no list of positives", ", type: amount, sign: {column: S, negative: [C]}", "12,00;X", "12.00"},
		{"overpunch plus", ", type: amount, implied: 2, sign: overpunch", "123A;", "12.31"}, {"overpunch minus", ", type: amount, implied: 2, sign: overpunch", "123J;", "-12.31"},
		{"overpunch minus zero", ", type: amount, implied: 2, sign: overpunch", "123è;", "-12.30"}, {"overpunch plus zero", ", type: amount, implied: 2, sign: overpunch", "123é;", "12.30"},
		{"overpunch, a digit", ", type: amount, implied: 2, sign: overpunch", "1234;", "12.34"}, {"overpunch, a letter that is none", ", type: amount, implied: 2, sign: overpunch", "123S;", "NV-1203@C"},
		{"trailing minus", ", type: amount", "12,00-;", "-12.00"}, {"parentheses", ", type: amount", "(12,00);", "-12.00"}, {"two signs", ", type: amount", "-(12,00);", "NV-1203@C"},
		// zero, implied
		{"zero", ", type: amount, zero: ['-', néant]", "néant;", "0.00"}, {"zero is not for other cells", ", type: amount", "-;", "NV-1203@C"}, {"zero of an int", ", type: int, zero: ['-']", "-;", "0"},
		{"zero as Excel shows it", ", type: amount, zero: ['-']", "-   €;", "0.00"}, {"zero with no-break blanks", ", type: amount, zero: ['-']", "\u00a0-\u00a0\u00a0EUR\u00a0;", "0.00"},
		{"zero with a letter for a sign", ", type: amount, zero: ['-'], sign: {suffix: {D: '+', C: '-'}}", "-;", "0.00"}, {"zero with a sign elsewhere", ", type: amount, zero: ['-'], sign: {column: S, negative: [C], positive: [D]}", "-;", "0.00"},
		{"a sign alone is no zero", ", type: amount, zero: ['-']", "€;", "NV-1203@C"},
		{"zero, implied", ", type: amount, implied: 2, zero: ['-']", "-;", "0.00"},
		{"implied 0", ", type: amount, implied: 0", "12;", "12.00"}, {"implied 3", ", type: decimal, implied: 3", "12;", "0.012"}, {"implied, mark written", ", type: amount, implied: 2", "1,20;", "NV-1203@C"},
		// map, default, enum, pattern, max
		{"map is trimmed", ", map: {'  A b ': x}", " A b ;", "x"}, {"map before typing", ", type: amount, map: {dix: '10,00'}", "dix;", "10.00"}, {"map before typing, other", ", type: amount, map: {dix: '10,00'}", "10,00;", "NV-1202@C"},
		{"map before pattern", ", map: {A: x1}, pattern: '^x'", "A;", "x1"}, {"map before enum", ", map: {A: x, B: y}, enum: [x]", "B;", "NV-1202@C"}, {"map before max", ", map: {A: longer}, max: 3", "A;", "NV-1208@C"},
		{"map exact first", ", map: {e: small, E: big}", "E;", "big"}, {"map, accents are letters", ", map: {É: big}", "é;", "big"}, {"map, empty is not unmapped", ", map: {A: x}", ";", "-"},
		{"map, missing text", ", map: {A: x, '': y}, missing: ['-']", "-;", "y"}, {"map, default", ", map: {A: x}, default: A", ";", "x"},
		{"default is typed", ", type: date, default: 02/11/2026", ";", "2026-11-02"}, {"default does not mend", ", type: date, default: 02/11/2026", "x;", "NV-1204@C"},
		{"pattern is not anchored", ", pattern: 'F'", "xFx;", "xFx"}, {"pattern of a blank", ", pattern: 'F'", ";", "-"}, {"max on a column", ", max: 2", "abc;", "NV-1208@C"}, {"max counts characters", ", max: 2", "éé;", "éé"},
		{"required, blanks", ", required: true", " \u00a0 ;", "NV-1201@C"},
		// types
		{"int", ", type: int", "-3;", "-3"}, {"decimal", ", type: decimal", "3,14159;", "3.14159"}, {"bool, no", ", type: bool", "non;", "false"}, {"bool, 1", ", type: bool", "1;", "true"},
		{"phone, international", ", type: phone, region: FR", "+32 470 12 34 56;", "+32470123456"}, {"phone, 00", ", type: phone, region: FR", "0032470123456;", "+32470123456"},
		{"phone of a region", ", type: phone, region: BE", "0470 12 34 56;", "+32470123456"}, {"email, two", ", type: email", "a@b.fr,c@d.fr;", "NV-1205@C"}, {"iban, small letters", ", type: iban", "fr7630006000011234567890189;", "FR7630006000011234567890189"},
		{"siren, wrong key", ", type: siren", "552100555;", "NV-1209@C"}, {"siren of a siret", ", type: siren", "55210055400013;", "NV-1209@C"},
		{"dates of its own, not the source's", ", type: date, dates: [YYYYMMDD]", "02/11/2026;", "NV-1204@C"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := fieldValue(t, euros, tt.field, tt.cells); got != tt.want {
				t.Errorf("{%s} of %q = %s, want %s", strings.TrimPrefix(tt.field, ", "), tt.cells, got, tt.want)
			}
		})
	}
}

// TestSpecComputed: a computed field sees the ones before it, is cut by max, typed by its type and held to its lists.
func TestSpecComputed(t *testing.T) {
	tests := []struct{ field, want string }{
		{"name: label, value: 'reference + \" œuvre\"', max: 4", "A œu"}, {"name: label, value: 'reference + \"   x\"', max: 3", "A"}, {"name: label, value: '\"\"', default: rien", "rien"},
		{"name: label, value: '\"\"', required: true", "NV-1201"}, {"name: label, value: 'row[\"Texte\"]', pattern: '^z'", "NV-1209"}, {"name: label, value: 'row[\"Texte\"]', enum: [a, b]", "NV-1202"},
		{"name: due_on, value: 'row[\"Texte\"]'", "NV-1204"}, {"name: customer.email, type: email, value: 'row[\"Texte\"]'", "NV-1205"}, {"name: channel, value: 'row[\"Texte\"]'", "NV-1202"},
		{"name: label, value: 'string(amount / 3)'", "0.33"}, {"name: label, value: 'string(round(amount / 3, 2))'", "0.33"},
	}
	for _, tt := range tests {
		got := labels(t, plain(euros, refAmount+"  - {"+tt.field+"}\n"), "Ref;Montant;Texte\nA;1,00;xyz\n")
		if got != tt.want {
			t.Errorf("{%s} = %q, want %q", tt.field, got, tt.want)
		}
	}
	// what is computed from a failed field fails silently: the cause alone is told
	if got, want := judge(t, plain(euros, refAmount+"  - {name: d, value: amount * 2}\n  - {name: label, value: 'string(d)', required: true}\n"), "Ref;Montant\nA;x\n"), "2 rejected NV-1203@B"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestSpecAll: the text that means the whole remainder, whatever its case; no rule takes it for a number.
func TestSpecAll(t *testing.T) {
	yaml := "kind: operation\n" + plain(euros, `  - {name: operation, column: Op}
  - {name: transaction_id, column: Tr}
  - {name: amount, column: Montant, type: amount, all: [TOUT, solde]}
`, "rules:\n  - {id: gros, when: amount > 5, do: hold}\n  - {id: nul, when: amount == 0, do: skip}\n  - {id: rien, when: 'amount < 0', do: reject}")
	_, docs, err := documents(t, parse(t, yaml), "Op;Tr;Montant\nrefund;T1;Tout\nrefund;T2;SOLDE\nrefund;T3;6,00\nrefund;T4;\nrefund;T5;reste\nconsult;T6;\n")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, d := range docs {
		got = append(got, told(d))
	}
	if want := "2|3|4 held NV-1502/gros|5 rejected NV-1201@C|6 rejected NV-1203@C|7"; strings.Join(got, "|") != want {
		t.Errorf("got %s, want %s", strings.Join(got, "|"), want)
	}
}

// TestSpecSensitive: no sentence of any code shows a sensitive value.
func TestSpecSensitive(t *testing.T) {
	const secret = "S3CR3T"
	for _, field := range []string{", map: {A: b}", ", enum: [a]", ", pattern: '^z'", ", max: 3", ", type: amount", ", type: int", ", type: date", ", type: email", ", type: phone", ", type: iban", ", type: siren", ", type: bool"} {
		m := parse(t, plain(euros, refAmount+"  - {name: metadata.v, column: V"+field+", sensitive: true}\n"))
		_, docs, err := documents(t, m, "Ref;Montant;V\nA;1,00;"+secret+"\n")
		if err != nil || docs[0].State != mappings.Rejected {
			t.Fatalf("%s: %v, accepted", field, err)
		}
		for _, p := range docs[0].Problems {
			if s := p.Value + p.Text.In("fr") + p.Text.In("en"); strings.Contains(s, secret) {
				t.Errorf("%s: %s shows", field, s)
			}
		}
	}
}
