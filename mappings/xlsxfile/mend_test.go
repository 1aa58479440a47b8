package xlsxfile_test

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/xuri/excelize/v2"

	"github.com/navette-connect/navette/mappings"
	"github.com/navette-connect/navette/mappings/presets"
	"github.com/navette-connect/navette/mappings/xlsxfile"
)

const invoices = `
navette: mapping/v1
name: factures
locale: fr
source:
  format: xlsx
  sheet: Factures
  header: 4
  dates: ["%d/%m/%Y"]
  decimal: ","
  fill: {key: Code, columns: [Client, E-mail]}
  skip: ['row["N° facture"] startsWith "Total"']
fields:
  - {name: reference, column: "N° facture", required: true}
  - {name: customer.id, column: Code}
  - {name: customer.name, column: Client}
  - {name: customer.email, column: E-mail, type: email}
  - {name: due_on, column: Échéance, type: date, required: true}
  - {name: amount, column: "Reste dû", type: amount, required: true}
  - {name: paid, column: Soldée, type: bool}
`

// invoicesBook is a list as an accountant keeps it: titles above, blocks of merged cells, formats that hide what cells hold,
// a hidden sheet before the one that counts, formulas, a total below. It is written by a library that shares no code with
// the reader.
func invoicesBook(t testing.TB) *excelize.File {
	t.Helper()
	f := excelize.NewFile()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	check(f.SetSheetName("Sheet1", "Brouillon"))
	_, err := f.NewSheet("Factures")
	check(err)
	f.SetActiveSheet(1)
	check(f.SetSheetVisible("Brouillon", false))
	style := func(code string) int {
		id, err := f.NewStyle(&excelize.Style{CustomNumFmt: &code})
		check(err)
		return id
	}
	day, rounded := style("d mmm yy"), style("0")
	set := func(cell string, v any) { check(f.SetCellValue("Factures", cell, v)) }
	set("A1", "Factures ouvertes")
	set("A2", time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC))
	for i, title := range []string{"Code", "Client", "E-mail", "N° facture", "Échéance", "Reste dû", "Soldée"} {
		set(string(rune('A'+i))+"4", title)
	}
	rows := [][]any{
		{"C1", "Boulangerie", "a@example.org", "FA-1", time.Date(2026, 12, 2, 0, 0, 0, 0, time.UTC), 19.99, false},
		{nil, nil, nil, "FA-2", time.Date(2026, 12, 3, 0, 0, 0, 0, time.UTC), 1234.5, true},
		{nil, nil, nil, "FA-3", time.Date(2026, 12, 4, 0, 0, 0, 0, time.UTC), "douze", false},
		{"C2", "Garage; \"Sud\"", "b@example.org", 1004, "05/12/2026", "7,50", false},
		{"C3", "Café", "c@example.org", "FA-5", 46361, 10, false},
		{"C4", "Hôtel", "d@example.org", "FA-6", time.Date(2026, 12, 6, 0, 0, 0, 0, time.UTC), 33.333, false},
		{"C5", "Zoo", "e@example.org", "FA-7", time.Date(2026, 12, 7, 0, 0, 0, 0, time.UTC), nil, false},
		{"C6", "Parc", "f@example.org", "FA-8", time.Date(2026, 12, 8, 0, 0, 0, 0, time.UTC), time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC), false},
		{nil, nil, nil, "Total", nil, 1000, nil},
	}
	for i, r := range rows {
		line := 5 + i
		for k, v := range r {
			cell, err := excelize.CoordinatesToCellName(k+1, line)
			check(err)
			if v != nil {
				set(cell, v)
			}
			if k == 4 && i != 4 {
				check(f.SetCellStyle("Factures", cell, cell, day))
			}
			if k == 5 && i != 7 {
				check(f.SetCellStyle("Factures", cell, cell, rounded))
			}
		}
	}
	check(f.SetCellFormula("Factures", "F11", "F5*2")) // never computed
	for _, block := range []string{"A5:A7", "B5:B7", "C5:C7"} {
		from, to, _ := strings.Cut(block, ":")
		check(f.MergeCell("Factures", from, to))
	}
	check(f.SetRowVisible("Factures", 6, false))
	return f
}

func bytesOf(t testing.TB, f *excelize.File) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := f.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func load(t testing.TB, yaml string) *mappings.Mapping {
	t.Helper()
	m, err := mappings.Load("test.yaml", []byte(yaml), mappings.Options{Formats: map[string]func(mappings.Source) (mappings.Format, error){"xlsx": xlsxfile.New}})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// read gives each document in one line, and the rejected rows as a Mender takes them.
func read(t testing.TB, m *mappings.Mapping, b []byte) (docs []string, r *mappings.Reading, rejects []mappings.Reject) {
	t.Helper()
	r, err := m.Open(spooled(b), mappings.Env{File: "x.xlsx", Today: "2026-11-22"})
	if err != nil {
		t.Fatal(err)
	}
	for doc, err := range r.Documents(context.Background()) {
		if err != nil {
			t.Fatal(err)
		}
		line := doc.Rows[0].Line
		s := letter(line) + doc.State.String()
		for _, in := range doc.Instructions {
			s += " " + in.Reference + " " + in.Customer.Name + " " + in.DueOn + " " + in.Amount.String()
		}
		for _, p := range doc.Problems {
			s += " " + p.Letter + ":" + p.Code
		}
		docs = append(docs, s)
		if doc.State != mappings.Rejected {
			continue
		}
		code, message := mappings.Summary(doc.Problems, "fr")
		for _, row := range doc.Rows {
			marks, err := mappings.Marks(doc.Fields, row.Line)
			if err != nil {
				t.Fatal(err)
			}
			rejects = append(rejects, mappings.Reject{Line: row.Line, Raw: row.Raw, Code: code, Message: message, Marks: marks})
		}
	}
	return docs, r, rejects
}

func letter(line int) string { return string(rune('0'+line/10)) + string(rune('0'+line%10)) + " " }

func mend(t testing.TB, m *mappings.Mapping, src []byte, r *mappings.Reading, rejects []mappings.Reject) []byte {
	t.Helper()
	mender, ending := m.Mender()
	if mender == nil || ending != ".xlsx" {
		t.Fatalf("Mender() = %v, %q", mender, ending)
	}
	var b bytes.Buffer
	if err := mender.Mend(&b, spooled(src), r.Head(), r.Dialect(), rejects); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestInvoices reads a whole list. Read as it is displayed, FA-1 would ask for 20 and be due on "2 Dec 26".
func TestInvoices(t *testing.T) {
	src := bytesOf(t, invoicesBook(t))
	docs, r, _ := read(t, load(t, invoices), src)
	want := []string{
		"05 accepted FA-1 Boulangerie 2026-12-02 19.99 EUR",
		"06 accepted FA-2 Boulangerie 2026-12-03 1234.50 EUR",
		"07 rejected F:NV-1203",
		`08 accepted 1004 Garage; "Sud" 2026-12-05 7.50 EUR`,
		"09 rejected E:NV-1204", // 46361 is no date unless the mapping says `excel`
		"10 rejected F:NV-1203",
		"11 rejected F:NV-1211",
		"12 rejected F:NV-1203",
	}
	if diff := cmp.Diff(want, docs); diff != "" {
		t.Errorf("documents (-want +got):\n%s", diff)
	}
	if r.LeftOut() != 1 {
		t.Errorf("left out %d, want the total alone", r.LeftOut())
	}
	// The control: what the sheet displays is something else, so a reader of displayed text cannot pass the above.
	f, err := excelize.OpenReader(bytes.NewReader(src))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	shown, err := f.GetCellValue("Factures", "F5")
	if err != nil || shown != "20" {
		t.Errorf("F5 is shown as %q, %v; the test needs a format that hides decimals", shown, err)
	}
	if shown, err := f.GetCellValue("Factures", "E5"); err != nil || shown == "2026-12-02" || shown == "46358" {
		t.Errorf("E5 is shown as %q, %v; the test needs a format that is not ISO", shown, err)
	}
}

func TestMend(t *testing.T) {
	src := bytesOf(t, invoicesBook(t))
	m := load(t, invoices)
	_, r, rejects := read(t, m, src)
	out := mend(t, m, src, r, rejects)
	if again := mend(t, m, src, r, rejects); !bytes.Equal(out, again) {
		t.Error("two times the same rejects gave different bytes")
	}
	if slices.Reverse(rejects); !bytes.Equal(out, mend(t, m, src, r, rejects)) {
		t.Error("the order in which rows are named is seen in the bytes")
	}
	f, err := excelize.OpenReader(bytes.NewReader(out))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if diff := cmp.Diff([]string{"Brouillon", "Factures"}, f.GetSheetList()); diff != "" {
		t.Errorf("sheets (-want +got):\n%s", diff)
	}
	value := func(cell string, raw bool) string {
		t.Helper()
		v, err := f.GetCellValue("Factures", cell, excelize.Options{RawCellValue: raw})
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	for cell, want := range map[string]string{"A1": "Factures ouvertes", "D4": "N° facture", "H4": "nv_code", "I4": "nv_message",
		"A5": "C1", "B5": "Boulangerie", "C5": "a@example.org", "D5": "FA-3", "F5": "douze", "H5": "NV-1203", "E5": "46360", "F7": "33.333", "F8": "#VALUE!", "H8": "NV-1211", "D10": ""} {
		if got := value(cell, true); got != want {
			t.Errorf("%s = %q, want %q", cell, got, want)
		}
	}
	if got := value("E5", false); got != "4 Dec 26" {
		t.Errorf("E5 is shown as %q: its format is lost", got)
	}
	colour := func(cell string) string {
		id, err := f.GetCellStyle("Factures", cell)
		if err != nil {
			t.Fatal(err)
		}
		style, err := f.GetStyle(id)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Join(style.Fill.Color, ",")
	}
	if colour("F5") == "" || colour("E5") != "" || colour("E6") == "" || colour("F6") != "" {
		t.Errorf("fills of F5, E5, E6, F6: %q %q %q %q, want the faulty cells alone", colour("F5"), colour("E5"), colour("E6"), colour("F6"))
	}
	comments, err := f.GetComments("Factures")
	if err != nil || len(comments) != 5 {
		t.Fatalf("%d comments, %v, want one a faulty cell", len(comments), err)
	}
	if c := comments[0]; c.Cell != "F5" || !strings.Contains(c.Text+c.Paragraph[0].Text, "illisible") {
		t.Errorf("first comment %+v", c)
	}

	// Dropped as it is, the same rows are rejected for the same reasons, and given back alike.
	docs, again, rejected := read(t, m, out)
	want := []string{"05 rejected F:NV-1203", "06 rejected E:NV-1204", "07 rejected F:NV-1203", "08 rejected F:NV-1211", "09 rejected F:NV-1203"}
	if diff := cmp.Diff(want, docs); diff != "" {
		t.Errorf("dropped unmended (-want +got):\n%s", diff)
	}
	third, err := excelize.OpenReader(bytes.NewReader(mend(t, m, out, again, rejected)))
	if err != nil {
		t.Fatal(err)
	}
	defer third.Close()
	first, err := f.GetRows("Factures")
	if err != nil {
		t.Fatal(err)
	}
	second, err := third.GetRows("Factures")
	if err != nil {
		t.Fatal(err)
	}
	for i := range first {
		if i == 7 { // the formula that was never computed is an error cell now
			continue
		}
		if diff := cmp.Diff(first[i], second[i]); diff != "" {
			t.Errorf("row %d given back twice (-first +second):\n%s", i+1, diff)
		}
	}

	// Mended in a spreadsheet and dropped again, everything is read as if it had always been right.
	for cell, v := range map[string]any{"F5": 12.0, "E6": time.Date(2026, 12, 5, 0, 0, 0, 0, time.UTC), "F7": 33.33, "F8": 39.98, "F9": 12.01} {
		if err := f.SetCellValue("Factures", cell, v); err != nil {
			t.Fatal(err)
		}
	}
	plain, err := f.GetCellStyle("Factures", "F6")
	if err != nil {
		t.Fatal(err)
	}
	if err := f.SetCellStyle("Factures", "F9", "F9", plain); err != nil { // a number in a cell of dates would still be a date
		t.Fatal(err)
	}
	docs, _, _ = read(t, m, bytesOf(t, f))
	want = []string{
		"05 accepted FA-3 Boulangerie 2026-12-04 12.00 EUR", "06 accepted FA-5 Café 2026-12-05 10.00 EUR", "07 accepted FA-6 Hôtel 2026-12-06 33.33 EUR",
		"08 accepted FA-7 Zoo 2026-12-07 39.98 EUR", "09 accepted FA-8 Parc 2026-12-08 12.01 EUR"}
	if diff := cmp.Diff(want, docs); diff != "" {
		t.Errorf("dropped mended (-want +got):\n%s", diff)
	}
}

// TestPreset reads the same list with the preset: titles found by themselves, no sheet named.
func TestPreset(t *testing.T) {
	yaml, err := presets.Source("excel-xlsx")
	if err != nil {
		t.Fatal(err)
	}
	docs, r, _ := read(t, load(t, string(yaml)), bytesOf(t, invoicesBook(t)))
	want := []string{
		"05 accepted FA-1  2026-12-02 19.99 EUR",
		"06 accepted FA-2  2026-12-03 1234.50 EUR",
		"07 rejected F:NV-1203",
		"08 accepted 1004  2026-12-05 7.50 EUR",
		"09 rejected E:NV-1204",
		"10 rejected F:NV-1203",
		"11 rejected F:NV-1211",
		"12 rejected F:NV-1203",
	}
	if diff := cmp.Diff(want, docs); diff != "" || r.LeftOut() != 1 {
		t.Errorf("left out %d, documents (-want +got):\n%s", r.LeftOut(), diff)
	}
}

// TestDayNumbers holds the two calendars apart where a number is a day by the mapping's word alone.
func TestDayNumbers(t *testing.T) {
	yaml := strings.NewReplacer("header: 4", "header: 1", `"%d/%m/%Y"`, `"excel"`, "  fill: {key: Code, columns: [Client, E-mail]}\n", "", "  sheet: Factures\n", "",
		"  skip: ['row[\"N° facture\"] startsWith \"Total\"']\n", "").Replace(invoices)
	yaml = yaml[:strings.Index(yaml, "fields:")] + "fields:\n  - {name: reference, column: A}\n  - {name: due_on, column: B, type: date}\n  - {name: amount, column: C, type: amount}\n"
	rows := `<row r="1">` + text("A1", "A") + text("B1", "B") + text("C1", "C") + `</row><row r="2">` + text("A2", "R") + `<c r="B2"><v>%</v></c><c r="C2"><v>1</v></c></row>`
	for _, tt := range []struct{ day, workbook, want string }{
		{"46358", "<workbookPr/>", "2026-12-02"},
		{"44896", `<workbookPr date1904="true"/>`, "2026-12-02"},
		{"46358.75", "<workbookPr/>", "2026-12-02"},
	} {
		b := workbook(strings.Replace(rows, "%", tt.day, 1)).replace("xl/workbook.xml", "<workbookPr/>", tt.workbook).zip(t)
		if docs, _, _ := read(t, load(t, yaml), b); len(docs) != 1 || docs[0] != "02 accepted R  "+tt.want+" 1.00 EUR" {
			t.Errorf("day %s of %s: %q, want %s", tt.day, tt.workbook, docs, tt.want)
		}
	}
}

// TestReferenceMadeADate: a spreadsheet makes a date of 12-2025. What was typed is lost, so nothing is asked for under it.
func TestReferenceMadeADate(t *testing.T) {
	yaml := "navette: mapping/v1\nname: dates\nsource: {format: xlsx, header: 1}\nfields:\n  - {name: reference, column: A}\n  - {name: amount, column: B, type: amount}\n  - {name: label, column: C}\n"
	f := excelize.NewFile()
	style, err := f.NewStyle(&excelize.Style{NumFmt: 17}) // mmm-yy
	if err != nil {
		t.Fatal(err)
	}
	for cell, v := range map[string]any{"A1": "A", "B1": "B", "C1": "C", "A2": 45992, "B2": 1, "C2": 45992, "A3": "12-2025", "B3": 1, "C3": "x"} {
		if err := f.SetCellValue("Sheet1", cell, v); err != nil {
			t.Fatal(err)
		}
	}
	for _, cell := range []string{"A2", "C2"} {
		if err := f.SetCellStyle("Sheet1", cell, cell, style); err != nil {
			t.Fatal(err)
		}
	}
	docs, _, _ := read(t, load(t, yaml), bytesOf(t, f))
	if diff := cmp.Diff([]string{"02 rejected A:NV-1211", "03 accepted 12-2025   1.00 EUR"}, docs); diff != "" {
		t.Errorf("documents (-want +got):\n%s", diff)
	}
}
