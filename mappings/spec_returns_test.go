package mappings_test

import (
	"strings"
	"testing"
	"time"

	"github.com/navette-connect/navette/connector/payment"
	"github.com/navette-connect/navette/mappings"
)

// TestSpecExcelSafe: cells that a spreadsheet would run are neutralised in files that people open, never what the
// source itself says, and never a number.
func TestSpecExcelSafe(t *testing.T) {
	fields := refAmount + "  - {name: customer.name, column: Nom}\n"
	tests := []struct{ on, more, value, name, want string }{
		{"intake", "", "customer.name", "=1+1", "'=1+1"}, {"intake", "", "customer.name", "@x", "'@x"}, {"intake", "", "customer.name", "+33 6 12", "+33 6 12"}, {"intake", "", "customer.name", "+33x", "'+33x"},
		{"intake", "", "customer.name", "-12,50", "-12,50"}, {"intake", "", "customer.name", "-x", "'-x"}, {"intake", "", "customer.name", "=", "="}, {"intake", "", "customer.name", "a=b", "a=b"},
		{"intake", "", "amount", "x", "1.00"}, {"intake", "", "-amount", "x", "-1.00"}, {"intake", "", `row["Nom"]`, "=1+1", "=1+1"}, {"intake", "", `upper(row["Nom"])`, "=x", "'=X"},
		{"intake", "excel_safe: false, ", "customer.name", "=1+1", "=1+1"}, {"rejects", "", "customer.name", "=1+1", "'=1+1"}, {"result", "", "customer.name", "=1+1", "'=1+1"}, {"result", "", "customer.name", "+33x", "'+33x"}, {"result", "", "customer.name", "-x", "'-x"}, {"result", "", "customer.name", "@x", "'@x"},
		{"result", "", `row["Nom"]`, "=1+1", "=1+1"}, {"result", "excel_safe: false, ", "customer.name", "=1+1", "=1+1"}, {"event", "", "customer.name", "=1+1", "=1+1"}, {"event", "excel_safe: true, ", "customer.name", "=1+1", "'=1+1"},
		{"daily", "", "customer.name", "=1+1", "=1+1"}, {"settlement", "", "customer.name", "=1+1", "=1+1"},
	}
	for _, tt := range tests {
		yaml := plain(euros, fields, "returns:\n  r: {on: "+tt.on+", file: x.csv, header: false, "+tt.more+"columns: [{name: v, value: '"+tt.value+"'}]}")
		got, _ := written(t, yaml, "Ref;Montant;Nom\nA;1,00;"+tt.name+"\n", nil)
		if strings.TrimSuffix(got, "\n") != tt.want {
			t.Errorf("on %s %s%s of %q = %q, want %q", tt.on, tt.more, tt.value, tt.name, got, tt.want)
		}
	}
}

// TestSpecMoments: each moment's return, and what its rows are.
func TestSpecMoments(t *testing.T) {
	for _, tt := range []struct {
		on, value       string
		events, waiting bool
	}{
		{"intake", "line", false, false}, {"intake", "event.url", false, true}, {"rejects", "code", false, false}, {"result", "event.state", false, true},
		{"event", "event.event", true, true}, {"settlement", "event.amount", true, true}, {"daily", "line", true, false},
	} {
		m := parse(t, plain(euros, refAmount, "returns:\n  r: {on: "+tt.on+", file: 'x_{seq}.csv', columns: [{name: v, value: "+tt.value+"}]}"))
		if r := m.Returns()[0]; string(r.On) != tt.on || r.Events() != tt.events || r.NamesEvents != tt.waiting {
			t.Errorf("on %s, %s: events %v, names events %v, want %v and %v", tt.on, tt.value, r.Events(), r.NamesEvents, tt.events, tt.waiting)
		}
	}
	if got := problemsOf(t, plain(euros, refAmount, "returns:\n  r: {on: weekly, file: x.csv, columns: [{name: v, value: line}]}")); len(got) != 1 || !strings.Contains(got[0], "intake, rejects, result, event, settlement, daily") {
		t.Errorf("an unknown moment: %q", got)
	}
}

// TestSpecEdges: a header and a trailer record may count and sum; events are summed by their own amounts.
func TestSpecEdges(t *testing.T) {
	edges := "first: ['\"H\"', set.shop], last: ['\"T\"', count, 'dec(total, \",\")', 'pad(string(count), 6, \"left\", \"0\")'], set: {shop: S1}, header: false, "
	event := func(minor int64, currency string) func(*mappings.Document) mappings.ReturnRow {
		return func(*mappings.Document) mappings.ReturnRow {
			return mappings.ReturnRow{Event: &mappings.Event{Event: "refunded", Amount: payment.Amount{Minor: minor, Currency: currency}, Date: time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)}}
		}
	}
	text := "Ref;Montant\nA;1,50\nB;2,00\n"
	tests := []struct {
		on, rows, want string
		row            func(*mappings.Document) mappings.ReturnRow
	}{
		{"intake", "", "H;S1\nA\nB\nT;2;3,50;000002\n", nil}, {"intake", `rows: 'reference == "B"', `, "H;S1\nB\nT;1;2,00;000001\n", nil}, {"intake", "rows: 'amount > 5', ", "H;S1\nT;0;;000000\n", nil},
		{"event", "", "H;S1\nA\nB\nT;2;0,50;000002\n", event(25, "EUR")}, {"daily", "", "H;S1\nA\nB\nT;2;0,50;000002\n", event(25, "EUR")},
	}
	for _, tt := range tests {
		got, _ := written(t, plain(euros, refAmount, "returns:\n  r: {on: "+tt.on+", file: x.csv, "+tt.rows+edges+"columns: [{name: a, value: reference}]}"), text, tt.row)
		if got != tt.want {
			t.Errorf("on %s %s\n got %q\nwant %q", tt.on, tt.rows, got, tt.want)
		}
	}
	mixed := plain(euros, refAmount+"  - {name: currency, column: Devise}\n", "returns:\n  r: {on: intake, file: x.csv, header: false, columns: [{name: a, value: reference}], last: [count, 'dec(total, \",\")']}")
	if got, _ := written(t, mixed, "Ref;Montant;Devise\nA;1,50;EUR\nB;2,00;CHF\n", nil); got != "A\nB\n2;\n" {
		t.Errorf("two currencies: %q, want no total", got)
	}
}

// TestSpecNames: the parts of a name's template; whatever they hold, the name is plain and visible.
func TestSpecNames(t *testing.T) {
	parts := mappings.NameParts{Stem: "FACT", Flow: "factures", Name: "FACT.csv", Date: time.Date(2026, 12, 1, 23, 59, 0, 0, time.FixedZone("CET", 3600)), Seq: 7}
	for template, want := range map[string]string{
		"{stem}.ret.csv": "FACT.ret.csv", "{flow}_{date}_{seq}.csv": "factures_20261201_000007.csv", "R_{name}": "R_FACT.csv", "{seq}": "000007", "fixe.txt": "fixe.txt", "{stem}{stem}": "FACTFACT",
	} {
		m := parse(t, plain(euros, refAmount, "returns:\n  r: {on: event, file: '"+template+"', columns: [{name: a, value: line}]}"))
		if got := m.Returns()[0].FileName(parts); got != want {
			t.Errorf("%s = %q, want %q", template, got, want)
		}
	}
	parts.Seq = 12345678
	m := parse(t, plain(euros, refAmount, "returns:\n  r: {on: event, file: '{stem}_{seq}', columns: [{name: a, value: line}]}"))
	for stem, want := range map[string]string{".x": "_.x_12345678", "a/b": "a_b_12345678", "": "_12345678"} {
		if parts.Stem = stem; m.Returns()[0].FileName(parts) != want {
			t.Errorf("stem %q gives %q, want %q", stem, m.Returns()[0].FileName(parts), want)
		}
	}
}

// TestSpecReturnDialect: what a return does not say is the source's; fixed positions pad, align and cut.
func TestSpecReturnDialect(t *testing.T) {
	fields := "  - {name: reference, column: Ref}\n  - {name: amount, column: Montant, type: amount}\n  - {name: customer.name, column: Nom}\n"
	source := "Ref|Montant|Nom\rA|1,50|Zo\xeb\r"
	tests := []struct{ keys, want string }{
		{"columns: [{name: n, value: customer.name}, {name: a, value: amount}]", "n|a\rZo\xeb|1.50\r"},
		{"encoding: utf-8, newline: lf, columns: [{name: n, value: customer.name}]", "n\nZoë\n"},
		{"delimiter: ',', columns: [{name: n, value: customer.name}, {name: a, value: 'dec(amount, \",\")'}]", "n,a\rZo\xeb,\"1,50\"\r"},
		{"format: fixed, columns: [{name: n, value: customer.name, at: 2, len: 5, pad: '.', align: right}, {name: a, value: cents(amount), at: 7, len: 6, pad: '0', align: right}]", " ..Zo\xeb000150\r"},
		{"format: fixed, columns: [{name: n, value: customer.name, at: 1, len: 2}]", "Zo\r"},
	}
	for _, tt := range tests {
		got, _ := written(t, plain(`encoding: windows-1252, delimiter: "|", decimal: ","`, fields, "returns:\n  r: {on: event, file: x.csv, "+tt.keys+"}"), source, nil)
		if got != tt.want {
			t.Errorf("%s\n got %q\nwant %q", tt.keys, got, tt.want)
		}
	}
}
