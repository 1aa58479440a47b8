package mappings_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/navette-connect/navette/mappings"
)

// labels gives the label of each document, or the code of the file.
func labels(t testing.TB, yaml, text string) string {
	t.Helper()
	_, docs, err := documents(t, parse(t, yaml), text)
	var out []string
	for _, d := range docs {
		if d.State == mappings.Rejected {
			out = append(out, named(d.Problems[0]))
			continue
		}
		for _, in := range d.Instructions {
			out = append(out, in.Label)
		}
	}
	if err != nil {
		out = append(out, fileCode(err))
	}
	return strings.Join(out, "|")
}

// TestSpecEncodings reads literal bytes of every encoding.
func TestSpecEncodings(t *testing.T) {
	const latin = "A;1,00;Caf\xe9 "
	const ebcdic = "\xc1\x5e\xf1\x6b\xf0\xf0\x5e\xc3\x81\x86" // A;1,00;Caf
	tests := []struct{ encoding, text, want string }{
		{"utf-8", "A;1,00;Café €\n", "Café €"},
		{"utf-8-bom", "\xef\xbb\xbfA;1,00;Café €\n", "Café €"},
		{"utf-16le", "\xff\xfeA\x00;\x001\x00;\x00\xe9\x00\xac\x20\n\x00", "é€"},
		{"utf-16be", "\xfe\xff\x00A\x00;\x001\x00;\x00\xe9\x20\xac\x00\n", "é€"},
		{"windows-1252", latin + "\x80 \x9cuvre\n", "Café € œuvre"},
		{"iso-8859-1", latin + "\xa4\n", "Café ¤"},
		{"iso-8859-15", latin + "\xa4 \xbduvre\n", "Café € œuvre"},
		{"cp850", "A;1,00;Caf\x82 \x9b\r\n", "Café ø"},
		{"cp437", "A;1,00;Caf\x82 \x9b\r\n", "Café ¢"},
		{"macintosh", "A;1,00;Caf\x8e \xdb\r", "Café €"},
		{"cp037", ebcdic + "\x51\x40\x9f\x40\xba\x15", "Café ¤ ["},
		{"cp1047", ebcdic + "\x51\x40\x9f\x40\xad\x15", "Café ¤ ["},
		{"cp1140", ebcdic + "\x51\x40\x9f\x40\xba\x15", "Café € ["},
		{"cp297", ebcdic + "\xc0\x40\x9f\x40\x90\x15", "Café ¤ ["},
		{"cp1147", ebcdic + "\xc0\x40\x9f\x40\x90\x15", "Café € ["},
		{"auto", "\xef\xbb\xbfA;1,00;Café\n", "Café"},
		{"auto", "\xff\xfeA\x00;\x001\x00;\x00\xe9\x00\n\x00", "é"},
		{"auto", "A;1,00;Café\n", "Café"},
		{"auto", latin + "\x80\n", "Café €"},
		{"utf-8", latin + "\n", "file NV-1002"},
		{"windows-1252", "\xef\xbb\xbfA;1,00;Café\n", "file NV-1002"},
		{"utf-16le", "A;1,00;x\n", "file NV-1002"},
	}
	covered := map[string]bool{}
	for _, tt := range tests {
		covered[tt.encoding] = true
		yaml := plain(`encoding: `+tt.encoding+`, decimal: ",", header: 0, columns: [Ref, Montant, Texte]`, refAmount+"  - {name: label, column: Texte}\n")
		m := parse(t, yaml)
		got := ""
		if _, err := openText(m, tt.text); err != nil {
			got = fileCode(err)
		} else {
			got = labels(t, yaml, tt.text)
		}
		if got != tt.want {
			t.Errorf("%s %q = %q, want %q", tt.encoding, tt.text, got, tt.want)
		}
	}
	for _, name := range mappings.Charsets() {
		if !covered[name] {
			t.Errorf("%s is read by no case", name)
		}
	}
}

// TestSpecEncodingHint: a file in another encoding than declared is told which it looks like.
func TestSpecEncodingHint(t *testing.T) {
	for _, tt := range []struct{ declared, text, want string }{
		{"utf-8", "Ref;Montant\nCaf\xe9 cr\xe8me;1,00\nH\xe9l\xe8ne \xe0 No\xebl;2,00\n", "windows-1252"}, {"windows-1252", "\xef\xbb\xbfRef;Montant\nA;1,00\n", "utf-8"},
	} {
		_, err := openText(parse(t, plain("encoding: "+tt.declared+`, decimal: ","`, refAmount)), tt.text)
		if err == nil || !strings.Contains(err.Error(), "it looks like "+tt.want) {
			t.Errorf("%q declared %s: %v, want a hint at %s", tt.text, tt.declared, err, tt.want)
		}
	}
}

func TestSpecSplit(t *testing.T) {
	const fields = refAmount + "  - {name: label, column: Texte}\n"
	const titles = "Ref;Montant;Texte\n"
	tests := []struct{ name, more, text, want string }{
		{"quotes by default", "", titles + "A;1,00;\"x;\"\"y\"\"\"\n", `x;"y"`},
		{"a bare quote", "", titles + "A;1,00;x\"y\nB;1,00;z\n", "NV-1103|z"},
		{"a bare quote, lazy", ", lazy_quotes: true", titles + "A;1,00;x\"y\n", `x"y`},
		{"no quote at all", ", quote: none", titles + "A;1,00;\"x\n", `"x`},
		{"another quote", `, quote: "'"`, titles + "A;1,00;'x;y'\n", "x;y"},
		{"tab", ", delimiter: tab", "Ref\tMontant\tTexte\nA\t1,00\tx;y\n", "x;y"},
		{"pipe", ", delimiter: '|'", "Ref|Montant|Texte\nA|1,00|x;y\n", "x;y"},
		{"line break in a cell", "", titles + "A;1,00;\"x\ny\"\nB;1,00;z\n", "x\ny|z"},
		{"CRLF, CR", "", "Ref;Montant;Texte\r\nA;1,00;x\r\nB;1,00;y\r\n", "x|y"},
		{"last cell quoted and closed", "", titles + "A;1,00;\"x\"", "x"},
		{"last line open before an end mark", "", titles + "A;1,00;x\x1a", "x"},
		{"last line open", "", titles + "A;1,00;x", "file NV-1005?"},
		{"last line open, allowed", ", open_end: true", titles + "A;1,00;x", "x"},
		{"quote never closed", ", open_end: true", titles + "A;1,00;\"x", "file NV-1005?"},
		{"comment", `, comment: "*"`, titles + "* A;1,00;x\nB;1,00;y\n", "y"},
		{"comment of two signs", `, comment: "--"`, titles + "--;;;;\nB;1,00;-y\n", "-y"},
		{"max_bytes", ", max_bytes: 30", titles + "A;1,00;" + strings.Repeat("x", 30) + "\n", "file NV-1003"},
		{"max_cell", ", max_cell: 10", titles + "A;1,00;" + strings.Repeat("x", 30) + "\n", "file NV-1003"},
		{"max_rows", ", max_rows: 2", titles + "A;1,00;x\nB;1,00;y\nC;1,00;z\n", "x|y|file NV-1003"},
		{"trim", "", titles + "A;1,00; \u00a0x y\u202f \n", "x y"},
		{"no trim", ", trim: false", titles + "A;1,00; x \n", " x "},
		{"skip before widths", `, skip: ['row["Ref"] startsWith "Total"']`, titles + "Total : 3\nA;1,00;x\n", "x"},
		{"skip before length of a title's cell", `, skip: ['row["Texte"] == ""']`, titles + "Total\nA;1,00;x\n", "x"},
		{"two reasons to skip", `, skip: ['row["Ref"] == ""', 'line == 3']`, titles + ";;\nA;1,00;x\nB;1,00;y\n", "y"},
		{"only from", `, from: "^== Factures"`, "x;y\n== Factures ==\n" + titles + "A;1,00;x\n", "x"},
		{"only until", `, until: "^== Fin"`, titles + "A;1,00;x\n== Fin\nB;1,00;y\n", "x"},
		{"two sections", `, header: 0, columns: [Ref, Montant, Texte], from: "^==F", until: "^==/F"`, "==F\nA;1,00;x\n==/F\nT;;;;;\n==F\nB;1,00;y\n==/F\n", "x|y"},
		{"section in another encoding", `, encoding: cp850, from: "^Écritures"`, "\x90critures\nRef;Montant;Texte\nA;1,00;x\n", "x"},
		{"titles: header_rows below a found row", ", header: auto, header_rows: 2", "Export;;\n" + titles + "Pièce;TTC;Libellé\nA;1,00;x\n", "x"},
		{"titles below line 1", ", header: 2", "Export;;\n" + titles + "A;1,00;x\n", "x"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			source := `decimal: ","` + tt.more
			if !strings.Contains(tt.more, "encoding") {
				source = "encoding: utf-8, " + source
			}
			yaml := plain(source, fields)
			got := ""
			if _, err := openText(parse(t, yaml), tt.text); err != nil {
				got = fileCode(err)
			} else {
				got = labels(t, yaml, tt.text)
			}
			if got != tt.want {
				t.Errorf("%q = %q, want %q", tt.text, got, tt.want)
			}
		})
	}
}

// TestSpecAmountMarks: only the declared marks are read; 0 stands for NV-1203.
func TestSpecAmountMarks(t *testing.T) {
	tests := []struct{ source, cell, want string }{
		{`decimal: ","`, "1234,56", "1234.56"}, {`decimal: ","`, "1 234,56", ""}, {`decimal: ","`, "1.234,56", ""}, {`decimal: ","`, "1234.56", ""},
		{`decimal: "."`, "1234.56", "1234.56"}, {`decimal: "."`, "1,234.56", ""},
		{`decimal: ",", group: " "`, "1 234,56", "1234.56"}, {`decimal: ",", group: " "`, "1\u00a0234,56", "1234.56"}, {`decimal: ",", group: " "`, "1\u202f234,56", "1234.56"},
		{`decimal: ",", group: " "`, "12 34,56", ""}, {`decimal: ",", group: "."`, "1.234,56", "1234.56"}, {`decimal: ",", group: "."`, "1.23,56", ""},
		{`decimal: ".", group: "'"`, "1'234.56", "1234.56"}, {`decimal: ".", group: ","`, "1,234.56", "1234.56"},
		{``, "1234", "1234.00"}, {``, "1234,56", ""}, {``, "1234.56", ""},
		{`decimal: ","`, "12,00 €", "12.00"}, {`decimal: ","`, "EUR 12,00", "12.00"}, {`decimal: ","`, "12,00 $", ""}, {`decimal: ","`, "£12,00", ""},
		{`decimal: ",", currency_signs: false`, "12,00 €", ""}, {`decimal: ",", currency_signs: false`, "12,00", "12.00"},
		{`decimal: ","`, "12,500", "12.50"}, {`decimal: ","`, "12,505", ""}, {`decimal: ","`, "12,", ""}, {`decimal: ","`, ",5", "0.50"},
	}
	for _, tt := range tests {
		want := "2 rejected NV-1203@B"
		if tt.want != "" {
			want = "2 A " + tt.want + " EUR"
		}
		source := strings.TrimSuffix("encoding: utf-8, "+tt.source, ", ")
		if got := judge(t, plain(source, refAmount), "Ref;Montant\nA;"+tt.cell+"\n"); got != want {
			t.Errorf("{%s} %q: %s, want %s", tt.source, tt.cell, got, want)
		}
	}
}

func TestSpecDates(t *testing.T) {
	tests := []struct{ patterns, cell, want string }{
		{`"%d/%m/%Y"`, "02/11/2026", "2026-11-02"}, {`"DD/MM/YYYY"`, "2/11/2026", "2026-11-02"}, {`"JJ/MM/AAAA"`, "2/1/2026", "2026-01-02"},
		{`"DD/MM/YY"`, "02/11/79", "2079-11-02"}, {`"DD/MM/YY"`, "02/11/80", "1980-11-02"}, {`"DD/MM/YY"`, "02/11/00", "2000-11-02"},
		{`YYMMDD`, "261102", "2026-11-02"}, {`YYYYMMDD`, "20261102", "2026-11-02"}, {`DDMMYY`, "21126", ""}, {`"%Y-%m-%d"`, "2026-11-02", "2026-11-02"},
		{`excel`, "46328", "2026-11-02"}, {`excel`, "60", ""}, {`excel`, "0", ""}, {`"DD.MM.YYYY", "YYYY-MM-DD"`, "2026-11-02", "2026-11-02"},
		{`"DD/MM/YYYY", excel`, "46328", "2026-11-02"}, {`"DD/MM/YYYY"`, "31/11/2026", ""}, {`"DD/MM/YYYY"`, "29/02/2027", ""}, {`"DD/MM/YYYY"`, "29/02/2028", "2028-02-29"},
		{`"DD/MM/YYYY"`, "02/11/26", ""}, {`"DD/MM/YYYY"`, "02-11-2026", ""}, {`"DD/MM/YYYY HH:mm"`, "02/11/2026 09:30", "2026-11-02"}, {`"DD/MM/YYYY"`, "", "-"},
	}
	for _, tt := range tests {
		yaml := plain(`encoding: utf-8, decimal: ",", dates: [`+tt.patterns+`]`, refAmount+"  - {name: due_on, column: Jour, type: date}\n")
		_, docs, err := documents(t, parse(t, yaml), "Ref;Montant;Jour\nA;1,00;"+tt.cell+"\n")
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if d := docs[0]; d.State == mappings.Accepted {
			if got = d.Instructions[0].DueOn; got == "" {
				got = "-"
			}
		} else if told(d) != "2 rejected NV-1204@C" {
			got = told(d)
		}
		if got != tt.want {
			t.Errorf("[%s] %q = %q, want %q", tt.patterns, tt.cell, got, tt.want)
		}
	}
}

// TestSpecMissing: a field's own list stands in place of the source's; a blank is missing whatever the lists say.
func TestSpecMissing(t *testing.T) {
	yaml := plain(`encoding: utf-8, decimal: ",", missing: ["-", "#N/A"]`, `  - {name: reference, column: Ref, required: true}
  - {name: amount, column: Montant, type: amount, required: true, zero: ["-"], missing: ["N/C"]}
  - {name: label, column: Texte, default: rien}
  - {name: shop, column: Texte, missing: [x]}
rules:
  - {id: zero, when: amount == 0, do: skip}
`)
	text := "Ref;Montant;Texte\nA;1,00;-\nB;-;t\nC;#N/A;t\nD;N/C;t\nE;;t\n-;1,00;t\nG;1,00;x\n"
	want := "2 A 1.00 EUR\n3 skipped NV-1503/zero\n4 rejected NV-1203@B\n5 rejected NV-1201@B\n6 rejected NV-1201@B\n7 rejected NV-1201@A\n8 G 1.00 EUR"
	if got := judge(t, yaml, text); got != want {
		t.Errorf(" got %s\nwant %s", got, want)
	}
	_, docs, _ := documents(t, parse(t, yaml), text)
	a, g := docs[0].Instructions[0], docs[6].Instructions[0]
	if a.Label != "rien" || a.Shop != "-" || g.Label != "x" || g.Shop != "" {
		t.Errorf("labels %q and %q, shops %q and %q", a.Label, g.Label, a.Shop, g.Shop)
	}
}

// TestSpecYear: the year stands outside the section that is read, and only dates written without one need it.
func TestSpecYear(t *testing.T) {
	source := `encoding: utf-8, decimal: ",", dates: ["DDMM", "DDMMYY"], header: 0, columns: [Ref, Montant, Jour], from: "^##A", until: "^##", year: {line: 2, column: 3}`
	yaml := plain(source, refAmount+"  - {name: due_on, column: Jour, type: date, required: true}\n  - {name: label, value: due_on}\n")
	if got, want := labels(t, yaml, "x\na;b; 2028 \n##A\nA;1,00;2902\nB;1,00;290228\n##\nC;x\n##A\nD;1,00;3002\n"), "2028-02-29|2028-02-29|NV-1204@C"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	for _, text := range []string{"x\na;b\n##A\nA;1,00;2902\n", "x\na;b;an\n##A\nA;1,00;2902\n", "x\n"} {
		if _, err := openText(parse(t, yaml), text); err == nil || fileCode(err) != "file NV-1101" {
			t.Errorf("%q: %v, want NV-1101", text, err)
		}
	}
}

// TestSpecUnknownColumns: a column is known by any key that names it; navette's own trailing ones are never unknown.
func TestSpecUnknownColumns(t *testing.T) {
	fields := "  - {name: reference, column: [Ref, Pièce]}\n  - {name: amount, column: 2, type: amount, sign: {column: Sens, negative: [C]}}\n  - {name: label, value: 'row[\"Texte\"]'}\n"
	for _, tt := range []struct{ do, titles, want string }{
		{"warn", "Ref;Montant;Sens;Texte;nv_code;nv_message", ""}, {"warn", "Ref;Montant;Sens;Texte;Client;;Autre", "NV-1105@E NV-1105@G"},
		{"error", "Ref;Montant;Sens;Texte;Client", "file NV-1105"}, {"ignore", "Ref;Montant;Sens;Texte;Client", ""}, {"error", "Pièce;Montant;Sens;Texte;nv_code", ""},
		{"error", "Ref;Pièce;Sens;Texte", ""},
	} {
		r, err := openText(parse(t, plain(euros+", unknown_columns: "+tt.do, fields)), tt.titles+"\n")
		var got []string
		if err != nil {
			got = append(got, fileCode(err))
		} else {
			for _, p := range r.Warnings() {
				got = append(got, named(p))
			}
		}
		if strings.Join(got, " ") != tt.want {
			t.Errorf("%s, %s: %q, want %q", tt.do, tt.titles, got, tt.want)
		}
	}
}

// TestSpecColumns: titles, lists of titles, numbers and letters; titles match without case, accents, punctuation.
func TestSpecColumns(t *testing.T) {
	for _, tt := range []struct{ column, titles, want string }{
		{"Échéance", "Ref;Montant; ECHEANCE. ", "v"}, {"[Nom, 'N° client', X]", "Ref;Montant;n° CLIENT", "v"}, {"3", "Ref;Montant;?", "v"}, {"'=C'", "Ref;Montant;?", "v"},
		{"=c", "Ref;Montant;?", "v"}, {"[Absent, =C]", "Ref;Montant;?", "v"}, {`"3"`, "Ref;Montant;3", "v"}, {`"3"`, "Ref;Montant;4", "file NV-1101"}, {"=D", "Ref;Montant;?", "file NV-1101"},
		{"4", "Ref;Montant;?", "file NV-1101"}, {"[A, B]", "Ref;Montant;?", "file NV-1101"}, {"Client", "Ref;Montant;Client;Client", "file NV-1101"},
		{"[Client, Nom]", "Ref;Montant;Nom;Client", "w"},
	} {
		yaml := plain(euros, refAmount+"  - {name: label, column: "+tt.column+"}\n")
		text := tt.titles + "\nA;1,00;v" + strings.Repeat(";w", strings.Count(tt.titles, ";")-2) + "\n"
		got := ""
		if _, err := openText(parse(t, yaml), text); err != nil {
			got = fileCode(err)
		} else {
			got = labels(t, yaml, text)
		}
		if got != tt.want {
			t.Errorf("column %s of %q: %s, want %s", tt.column, tt.titles, got, tt.want)
		}
	}
}

// TestSpecUnknownRow: a title in row[…] that the file lacks refuses it, wherever the expression stands.
func TestSpecUnknownRow(t *testing.T) {
	const title = `row["Unknown"]`
	for _, more := range []string{
		"rules: [{id: r, when: '" + title + " == \"\"', do: warn}]",
		"returns: {r: {on: event, file: x.csv, columns: [{name: a, value: '" + title + "'}]}}",
		"returns: {r: {on: event, file: x.csv, rows: '" + title + " == \"\"', columns: [{name: a, value: line}]}}",
		"parts: [{part: a, amount: amount, label: '" + title + "'}]",
	} {
		if _, err := openText(parse(t, plain(euros, refAmount, more)), "Ref;Montant\n"); err == nil || fileCode(err) != "file NV-1101" {
			t.Errorf("%s: %v, want NV-1101", more, err)
		}
	}
	for _, source := range []string{euros + ", skip: ['" + title + " == \"x\"']", euros + ", fill: {key: Unknown, columns: [Ref]}"} {
		if _, err := openText(parse(t, plain(source, refAmount)), "Ref;Montant\n"); err == nil || fileCode(err) != "file NV-1101" {
			t.Errorf("%s: %v, want NV-1101", source, err)
		}
	}
	if got := problemsOf(t, plain(euros+", header: 0, columns: [Ref, Montant]", refAmount, "rules: [{id: r, when: '"+title+" == \"\"', do: warn}]")); len(got) != 1 || !strings.Contains(got[0], "Unknown") {
		t.Errorf("declared columns: %q", got)
	}
}

// TestSpecOrigin: the kept raw cell is the source's own, whatever is trimmed or read of it.
func TestSpecOrigin(t *testing.T) {
	_, docs, err := documents(t, parse(t, plain(euros, refAmount)), "Ref;Montant\n  A\u00a0; 1,00 \n")
	if err != nil || !slices.Equal(docs[0].Rows[0].Raw, []byte("  A\u00a0; 1,00 ")) {
		t.Errorf("%v, raw %q", err, docs[0].Rows[0].Raw)
	}
}

// TestSpreadsheetNumbers: what a spreadsheet has rounded names nothing any more; what was written so that it keeps its zeros
// is what it shows.
func TestSpreadsheetNumbers(t *testing.T) {
	yaml := plain(`encoding: utf-8, decimal: ","`, "  - {name: reference, column: Ref, required: true}\n  - {name: amount, column: Montant, type: amount, required: true}\n  - {name: label, column: Texte}\n")
	text := "Ref;Montant;Texte\n1,2E+11;1,00;t\n2.35E+05;1,00;t\n3E+08;1,00;t\n\"=\"\"00123\"\"\";\"=\"\"1,50\"\"\";1E+05\nE+11;1,00;=A1\n12E+3;1,00;\"=\"\"a\"\"b\"\"\"\nA1,2E+11;1,00;t\n"
	want := "2 rejected NV-1211@A\n3 rejected NV-1211@A\n4 rejected NV-1211@A\n5 00123 1.50 EUR\n6 E+11 1.00 EUR\n7 12E+3 1.00 EUR\n8 A1,2E+11 1.00 EUR"
	if got := judge(t, yaml, text); got != want {
		t.Errorf(" got %s\nwant %s", got, want)
	}
	_, docs, _ := documents(t, parse(t, yaml), text)
	var got []string
	for _, d := range docs[3:6] {
		got = append(got, d.Instructions[0].Label)
	}
	if want := `1E+05|=A1|="a"b"`; strings.Join(got, "|") != want {
		t.Errorf("labels %q, want %q", got, want)
	}
	bare := plain(`encoding: utf-8, quote: none, decimal: ","`, "  - {name: reference, column: Ref, required: true}\n  - {name: amount, column: Montant, type: amount, required: true}\n")
	if got, want := judge(t, bare, "Ref;Montant\n=\"00123\";=\"1,50\"\n"), "2 00123 1.50 EUR"; got != want {
		t.Errorf("without quotes: %s, want %s", got, want)
	}
}
