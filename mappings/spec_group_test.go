package mappings_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/navette-connect/navette/mappings"
)

// TestSpecAggregates: what each `agg` makes of three rows, one of them blank.
func TestSpecAggregates(t *testing.T) {
	tests := []struct{ field, want string }{
		{"type: int, agg: sum", "10"}, {"type: int, agg: min", "3"}, {"type: int, agg: max", "7"}, {"type: int, agg: first", "7"}, {"type: int, agg: last", "3"}, {"type: int, agg: same", "NV-1302@C"},
		{"type: amount, agg: sum", "10.00"}, {"type: amount, agg: min", "3.00"}, {"type: amount, agg: max", "7.00"}, {"type: amount, agg: join", "7.00, 3.00"}, {"type: decimal, agg: sum", "10"},
		{"agg: join", "7, 3"}, {"agg: join, separator: ' + '", "7 + 3"}, {"agg: join, separator: ''", "73"}, {"agg: collect", "7, , 3"}, {"type: int, agg: collect", "7, , 3"}, {"agg: min", "3"}, {"agg: max", "7"},
		{"agg: last, required: true", "NV-1201@C"}, {"agg: sum, type: int, zero: ['']", "10"},
	}
	for _, tt := range tests {
		fields := "  - {name: reference, column: Ref}\n  - {name: amount, column: Montant, type: amount, agg: sum}\n  - {name: v, column: V, " + tt.field + "}\n  - {name: label, value: 'string(v)'}\n"
		if got := labels(t, plain(euros, fields, "group: {by: [reference]}"), "Ref;Montant;V\nA;1,00;7\nA;1,00;\nA;1,00;3\n"); got != tt.want {
			t.Errorf("{%s} = %q, want %q", tt.field, got, tt.want)
		}
	}
}

// TestSpecSchedule: instalments of grouped rows are parts "1" to "n" with days of their own; they must add up.
func TestSpecSchedule(t *testing.T) {
	fields := `  - {name: reference, column: Ref}
  - {name: amount, column: Total, type: amount, agg: same}
  - {name: due_on, column: Jour, type: date, agg: first}
  - {name: schedule.on, column: Jour, type: date, agg: collect}
  - {name: schedule.due, column: Montant, type: amount, agg: collect}
`
	text := "Ref;Total;Jour;Montant\nA;3,00;01/12/2026;1,00\nA;3,00;01/01/2027;2,00\nB;3,00;01/12/2026;1,00\nC;3,00;01/12/2026;3,00\nD;3,00;01/12/2026;3,00\nD;3,00;01/12/2026;0,00\n"
	yaml := plain(euros, fields, "group: {by: [reference]}")
	if got, want := judge(t, yaml, text), "2,3 A 1: 1.00 EUR 2: 2.00 EUR\n4 rejected NV-1302\n5 C 1: 3.00 EUR\n6,7 rejected NV-1302"; got != want {
		t.Errorf(" got %s\nwant %s", got, want)
	}
	_, docs, _ := documents(t, parse(t, yaml), text)
	if in := docs[0].Instructions; in[0].DueOn != "2026-12-01" || in[1].DueOn != "2027-01-01" {
		t.Errorf("due on %s and %s", in[0].DueOn, in[1].DueOn)
	}
}

// TestSpecParts: rounding falls on the last part, in the currency's decimals; more than rounding leaves is an error.
func TestSpecParts(t *testing.T) {
	thirds := "parts: [{part: a, amount: amount / 3}, {part: b, amount: amount / 3}, {part: c, amount: amount / 3, due_on: 'addDays(today(), 30)'}]"
	halves := "parts: [{part: a, when: 'amount > 5', amount: 'percent(amount, 50)'}, {part: b, amount: 'amount > 5 ? amount - percent(amount, 50) : amount'}]"
	tests := []struct{ parts, currency, amount, want string }{
		{thirds, "EUR", "100,00", "2 A a: 33.33 EUR b: 33.33 EUR c: 33.34 EUR"}, {thirds, "EUR", "0,05", "2 A a: 0.02 EUR b: 0.02 EUR c: 0.01 EUR"}, {thirds, "JPY", "100", "2 A a: 33 JPY b: 33 JPY c: 34 JPY"},
		{thirds, "KWD", "1,000", "2 A a: 0.333 KWD b: 0.333 KWD c: 0.334 KWD"}, {thirds, "EUR", "0,01", "2 rejected NV-1302"},
		{halves, "EUR", "10,01", "2 A a: 5.01 EUR b: 5.00 EUR"}, {halves, "EUR", "5,00", "2 A b: 5.00 EUR"},
		{"parts: [{part: a, amount: amount - 0.02}]", "EUR", "5,00", "2 rejected NV-1302"}, {"parts: [{part: a, amount: amount * 2}, {part: b, amount: 0 - amount}]", "EUR", "5,00", "2 rejected NV-1302"},
		{"parts: [{part: a, when: 'amount < 0', amount: amount}]", "EUR", "5,00", "2 rejected NV-1302"}, {"parts: rank", "EUR", "5,00", "2 A 1: 5.00 EUR"},
	}
	for _, tt := range tests {
		if got := judge(t, "currency: "+tt.currency+"\n"+plain(euros, refAmount, tt.parts), "Ref;Montant\nA;"+tt.amount+"\n"); got != tt.want {
			t.Errorf("%s of %s %s\n got %s\nwant %s", tt.parts, tt.amount, tt.currency, got, tt.want)
		}
	}
}

// TestSpecLookups: a table has a source of its own, and is read again with the mapping.
func TestSpecLookups(t *testing.T) {
	table := "Export\nCode client|E-mail\n# note\n 007 | a@b.fr \n"
	opt := options()
	opt.Lookup = func(path string) ([]byte, error) {
		if path != "contacts.txt" {
			return nil, os.ErrNotExist
		}
		return []byte(table), nil
	}
	yaml := plain(euros, refAmount+"  - {name: customer.id, column: Client}\n  - {name: customer.email, value: 'lookup(\"contacts\", customer.id, \"E-mail\")', type: email}\n",
		"lookups: {contacts: {file: contacts.txt, key: Code client, source: {encoding: utf-8, delimiter: '|', header: 2, comment: '#'}}}")
	find := func() []string {
		m, err := mappings.Load("m.yaml", []byte(yaml), opt)
		if err != nil {
			return []string{err.Error()}
		}
		_, docs, err := documents(t, m, "Ref;Montant;Client\nA;1,00;007\nB;1,00;7\n")
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		for _, d := range docs {
			out = append(out, d.Instructions[0].Customer.Email)
		}
		return out
	}
	if got, want := find(), []string{"a@b.fr", ""}; !slices.Equal(got, want) {
		t.Errorf("found %q, want %q", got, want)
	}
	table = strings.ReplaceAll(table, "a@b.fr", "c@d.fr")
	if got, want := find(), []string{"c@d.fr", ""}; !slices.Equal(got, want) {
		t.Errorf("after the table changed: %q, want %q", got, want)
	}
	table += "007|x@y.fr\n"
	if got := find(); len(got) != 1 || !strings.Contains(got[0], `key "007" is there twice (lines 4 and 5)`) {
		t.Errorf("a key twice: %q", got)
	}
}

// TestSpecControl: the totals count documents after grouping, the rejected ones too.
func TestSpecControl(t *testing.T) {
	fields := "  - {name: reference, column: Ref}\n  - {name: amount, column: Montant, type: amount, agg: sum}\n  - {name: currency, column: Devise, agg: same}\n"
	tests := []struct{ when, rows, want string }{
		{"file.documents == 2", "A;1,00;EUR\nB;2,00;EUR\nA;3,00;EUR\n", ""}, {"file.rows == 3", "A;1,00;EUR\nB;2,00;EUR\nA;3,00;EUR\n", ""}, {"file.total == 6", "A;1,00;EUR\nB;2,00;EUR\nA;3,00;EUR\n", ""},
		{"file.total == 3", "A;1,00;EUR\nB;2,00;EUR\nA;3,00;EUR\n", "NV-1301/c"}, {"file.total == 4", "A;-1,00;EUR\nB;5,00;EUR\n", ""}, {"file.documents == 2", "A;x;EUR\nB;5,00;EUR\n", ""},
		{"file.total == 5", "A;x;EUR\nB;5,00;EUR\n", "NV-1301/c"}, {"file.total == 5 or true", "A;x;EUR\nB;5,00;EUR\n", "NV-1301/c"}, {"file.total > 0", "A;1,00;EUR\nB;2,00;CHF\n", "NV-1301/c"},
		{"file.total == 3", "A;1,00;CHF\nB;2,00;CHF\n", ""}, {"file.documents == 2", "A;1,00;EUR\nB;2,00;CHF\n", ""},
	}
	for _, tt := range tests {
		r, _, err := documents(t, parse(t, plain(euros, fields, "group: {by: [reference]}", "control: [{id: c, when: '"+tt.when+"'}]")), "Ref;Montant;Devise\n"+tt.rows)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, p := range r.Control() {
			got = append(got, named(p))
		}
		if strings.Join(got, " ") != tt.want {
			t.Errorf("%s of %q: %q, want %q", tt.when, tt.rows, got, tt.want)
		}
	}
}

// TestSpecWarn: a warning goes on to the next rules and is told beside the answer, not instead of it.
func TestSpecWarn(t *testing.T) {
	rules := `rules:
  - {id: a, when: 'amount > 1', do: warn, message: {fr: "gros", en: "large"}}
  - {id: b, when: 'amount > 2', do: warn}
  - {id: c, when: 'amount > 3', do: hold}
  - {id: d, when: 'amount > 4', do: skip}
  - {id: e, when: 'amount > 3.5', do: reject}
`
	want := "2 A 1.00 EUR\n3 B 2.00 EUR NV-1507/a\n4 C 3.00 EUR NV-1507/a NV-1507/b\n5 rejected NV-1501/e\n6 skipped NV-1503/d\n7 held NV-1502/c NV-1507/a NV-1507/b"
	if got := judge(t, plain(euros, refAmount, rules), "Ref;Montant\nA;1,00\nB;2,00\nC;3,00\nD;4,00\nE;5,00\nF;3,20\n"); got != want {
		t.Errorf(" got %s\nwant %s", got, want)
	}
}
