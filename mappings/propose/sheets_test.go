package propose_test

import (
	"archive/zip"
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// sheets is a workbook of sheets of texts.
func sheets(t *testing.T, list ...[][]string) []byte {
	t.Helper()
	const space = `xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"`
	const types = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/"
	parts := [][2]string{
		{"[Content_Types].xml", `<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>`},
		{"_rels/.rels", `<Relationships><Relationship Id="rId1" Type="` + types + `officeDocument" Target="xl/workbook.xml"/></Relationships>`},
	}
	var names, relations strings.Builder
	for n, rows := range list {
		fmt.Fprintf(&names, `<sheet name="%d" sheetId="%d" r:id="rId%d"/>`, 2025+n, n+1, n+1)
		fmt.Fprintf(&relations, `<Relationship Id="rId%d" Type="%sworksheet" Target="worksheets/sheet%d.xml"/>`, n+1, types, n+1)
		var b strings.Builder
		for i, cells := range rows {
			fmt.Fprintf(&b, `<row r="%d">`, i+1)
			for j, c := range cells {
				if c != "" {
					fmt.Fprintf(&b, `<c r="%c%d" t="inlineStr"><is><t>%s</t></is></c>`, 'A'+j, i+1, c)
				}
			}
			b.WriteString("</row>")
		}
		parts = append(parts, [2]string{fmt.Sprintf("xl/worksheets/sheet%d.xml", n+1), `<worksheet ` + space + `><sheetData>` + b.String() + `</sheetData></worksheet>`})
	}
	parts = append(parts, [2]string{"xl/workbook.xml", `<workbook ` + space + `><workbookPr/><sheets>` + names.String() + `</sheets></workbook>`},
		[2]string{"xl/_rels/workbook.xml.rels", `<Relationships>` + relations.String() + `</Relationships>`})
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for _, part := range parts {
		f, err := w.Create(part[0])
		if err == nil {
			_, err = f.Write([]byte(part[1]))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// TestLikeSheets: a second sheet with the same titles is not read, and said.
func TestLikeSheets(t *testing.T) {
	year := func(n string) [][]string {
		return [][]string{{"N° facture", "Client", "Échéance", "Montant TTC"}, {"F1" + n, "A", "03/12/2026", "12,50"}, {"F2" + n, "B", "14/12/2026", "20,00"}}
	}
	for _, c := range []struct {
		name string
		book []byte
		said bool
	}{
		{"two years", sheets(t, year("-25"), year("-26")), true},
		{"one year", sheets(t, year("-25")), false},
		{"notes", sheets(t, year("-25"), [][]string{{"Notes"}, {"à relancer"}}), false},
		{"an empty form", sheets(t, year("-25"), year("-26")[:1]), false},
	} {
		got, _ := proposed(t, "factures.xlsx", c.book, nil)
		if said := strings.Contains(string(got.YAML), "  sheet: 1\n"); said != c.said {
			t.Errorf("%s: said %v\n%s", c.name, said, got.YAML)
		}
	}
}

// TestMergedLines: merged cells above lines with amounts are read in a workbook as in a text.
func TestMergedLines(t *testing.T) {
	b := sheets(t, [][]string{{"N° facture", "Client", "Article", "Montant TTC", "Échéance"}, {"F1", "A", "x", "10,00", "03/12/2026"}, {"", "", "y", "5,00"}, {"F2", "B", "z", "7,00", "14/12/2026"}})
	_, m := proposed(t, "lignes.xlsx", b, nil)
	rows := read(t, m, b)
	if rows[2].amount != "1500" || rows[4].amount != "700" || len(rows) != 2 {
		t.Errorf("read %+v", rows)
	}
}
