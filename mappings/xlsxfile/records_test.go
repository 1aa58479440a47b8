package xlsxfile_test

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"

	"github.com/navette-connect/navette/connector/payment"
	"github.com/navette-connect/navette/mappings"
	"github.com/navette-connect/navette/mappings/xlsxfile"
)

const recordTypes = `navette: mapping/v1
name: fact7
locale: fr
source: {format: xlsx, sheet: Envoi, decimal: ",", dates: ["%d/%m/%Y"]}
records:
  type: type
  unknown: error
  types:
    E: {role: head, columns: [type, numero, date, client, ttc]}
    L: {role: line, columns: [type, article, montant]}
    P: {role: installment, columns: [type, echeance, montant]}
    Z: {role: trailer, columns: [type, nombre, total]}
fields:
  - {name: reference, column: E.numero, required: true}
  - {name: issued_on, column: E.date, type: date}
  - {name: customer.name, column: E.client}
  - {name: amount, column: E.ttc, type: amount, required: true}
  - {name: lines, column: L.montant, type: amount, agg: sum}
  - {name: schedule.on, column: P.echeance, type: date, agg: collect}
  - {name: schedule.due, column: P.montant, type: amount, agg: collect}
rules:
  - {id: lignes, when: 'lines != amount', do: reject, message: {fr: "les lignes ne font pas le total", en: "the lines do not make the total"}}
control:
  - {id: nombre, when: 'file.documents == int(trailer.nombre)', message: {fr: "nombre de factures", en: "number of invoices"}}
`

// sentBook is what a program sends in a sheet: a type in column A, rows of different width, typed cells, a closing row.
func sentBook(t *testing.T, change func(rows [][]any) [][]any) []byte {
	t.Helper()
	day := func(d int) time.Time { return time.Date(2026, 12, d, 0, 0, 0, 0, time.UTC) }
	rows := [][]any{
		{"E", "F-1", day(1), "Lefèvre", 320.5}, {"L", "A", 300}, {"L", "B", 20.5}, {"P", day(2), 160.25}, {"P", day(30), 160.25},
		{"E", 7002, "03/12/2026", "Noël", "12,00"}, {"L", "C", 12},
		{"E", "F-3", day(4), "Ménard", 50}, {"L", "D", 40},
		{"Z", 3, 382.5},
	}
	if change != nil {
		rows = change(rows)
	}
	f := excelize.NewFile()
	if err := f.SetSheetName("Sheet1", "Envoi"); err != nil {
		t.Fatal(err)
	}
	code := "dd/mm/yyyy"
	style, err := f.NewStyle(&excelize.Style{CustomNumFmt: &code})
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range rows {
		for j, v := range r {
			cell, err := excelize.CoordinatesToCellName(j+1, i+1)
			if err == nil {
				err = f.SetCellValue("Envoi", cell, v)
			}
			if _, is := v.(time.Time); is && err == nil {
				err = f.SetCellStyle("Envoi", cell, cell, style)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	return bytesOf(t, f)
}

// readRecords tells what became of each document, and which controls fail.
func readRecords(t *testing.T, b []byte) (said []string, r *mappings.Reading, docs []*mappings.Document) {
	t.Helper()
	m, err := mappings.Load("fact7", []byte(recordTypes), mappings.Options{Formats: map[string]func(mappings.Source) (mappings.Format, error){"xlsx": xlsxfile.New}})
	if err != nil {
		t.Fatal(err)
	}
	r, err = m.Open(mappings.Spooled{ReaderAt: bytes.NewReader(b), Size: int64(len(b)), Name: "fact7.xlsx"}, mappings.Env{Today: "2026-11-20"})
	if err != nil {
		return []string{err.Error()}, nil, nil
	}
	for doc, err := range r.Documents(context.Background()) {
		if err != nil {
			t.Fatal(err)
		}
		docs = append(docs, doc)
		line := fmt.Sprintf("%d+%d %s %s %s", doc.Rows[0].Line, len(doc.Rows)-1, doc.State, doc.Reference, doc.Amount.Decimal('.'))
		for _, p := range doc.Problems {
			line += fmt.Sprintf(" %s:%d%s", p.Code, p.Line, p.Letter)
		}
		for _, in := range doc.Instructions {
			if in.Kind == payment.Request && in.Part != "" {
				line += " " + in.Part + ":" + in.DueOn + "=" + in.Amount.Decimal('.')
			}
		}
		said = append(said, line)
	}
	for _, p := range r.Control() {
		said = append(said, p.Code+" "+p.Rule)
	}
	return said, r, docs
}

// TestRecords: several types of record in a sheet are read as in a text, typed cells included; the rejected documents go
// back whole in a workbook that can be dropped again.
func TestRecords(t *testing.T) {
	want := []string{"1+4 accepted F-1 320.50 1:2026-12-02=160.25 2:2026-12-30=160.25", "6+1 accepted 7002 12.00", "8+1 rejected F-3 50.00 NV-1501:8"}
	b := sentBook(t, nil)
	said, r, docs := readRecords(t, b)
	if !slices.Equal(said, want) {
		t.Fatalf("read %q\nwant %q", said, want)
	}
	var rejects []mappings.Reject
	for _, row := range docs[2].Rows {
		rejects = append(rejects, mappings.Reject{Line: row.Line, Code: "NV-1501", Message: "non"})
	}
	foot, closed := r.Head().Closing("fr")
	if !closed {
		t.Fatal("the closing row is not kept")
	}
	mender, err := xlsxfile.New(mappings.Source{Format: "xlsx", Sheet: "Envoi", MaxBytes: mappings.DefaultMaxBytes, MaxCell: mappings.DefaultMaxCell})
	if err != nil {
		t.Fatal(err)
	}
	var back bytes.Buffer
	if err := mender.(mappings.Mender).Mend(&back, mappings.Spooled{ReaderAt: bytes.NewReader(b), Size: int64(len(b))}, r.Head(), r.Dialect(), append(rejects, foot)); err != nil {
		t.Fatal(err)
	}
	said, _, _ = readRecords(t, back.Bytes())
	if want := []string{"1+1 rejected F-3 50.00 NV-1501:1"}; !slices.Equal(said, want) { // the control knows that it is a part
		t.Errorf("dropped again: %q, want %q", said, want)
	}
	f, err := excelize.OpenReader(&back)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.SetCellValue("Envoi", "C2", 50); err != nil {
		t.Fatal(err)
	}
	said, _, _ = readRecords(t, bytesOf(t, f))
	if want := []string{"1+1 accepted F-3 50.00"}; !slices.Equal(said, want) {
		t.Errorf("mended: %q, want %q", said, want)
	}
}

// TestRecordsWrong: what is no record of a sheet is told by row, and spoils its document; a sheet without its closing row
// is incomplete.
func TestRecordsWrong(t *testing.T) {
	tests := []struct {
		name   string
		change func(rows [][]any) [][]any
		want   []string
	}{
		{"a cell too many", func(r [][]any) [][]any { r[6] = append(r[6], "reste"); return r }, []string{"6+1 rejected  0.00 NV-1102:7"}},
		{"unknown type", func(r [][]any) [][]any { r[6][0] = "X"; return r }, []string{"6+1 rejected  0.00 NV-1102:7"}},
		{"line before a head", func(r [][]any) [][]any { return append([][]any{{"L", "A", 1}}, r...) }, []string{"1+0 rejected  0.00 NV-1102:1"}},
		{"no number", func(r [][]any) [][]any { r[6][2] = "douze"; return r }, []string{"6+1 rejected 7002 12.00 NV-1203:7C"}},
		{"control", func(r [][]any) [][]any { r[9][1] = 4; return r }, []string{"NV-1301 nombre"}},
		{"no closing row", func(r [][]any) [][]any { return r[:9] }, []string{"NV-1005"}},
	}
	for _, tt := range tests {
		said, _, _ := readRecords(t, sentBook(t, tt.change))
		for _, w := range tt.want {
			if !slices.ContainsFunc(said, func(s string) bool { return len(s) >= len(w) && s[:len(w)] == w }) {
				t.Errorf("%s: read %q, want %q", tt.name, said, w)
			}
		}
	}
}
