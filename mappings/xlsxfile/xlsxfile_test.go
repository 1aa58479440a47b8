package xlsxfile_test

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/navette-connect/navette/mappings"
	"github.com/navette-connect/navette/mappings/xlsxfile"
)

func source() mappings.Source {
	return mappings.Source{Format: "xlsx", Encoding: "utf-8", Delimiter: ';', Quote: '"', SheetAt: 1, Mark: ',', MaxBytes: mappings.DefaultMaxBytes,
		MaxCell: mappings.DefaultMaxCell, MaxRows: mappings.DefaultMaxRows}
}

// parts of a workbook by hand, for what no program writes.
type parts map[string]string

const (
	ns       = `xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"`
	relTypes = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/"
)

// styles: 0 general, 1 date (built-in 14), 2 date by code, 3 red text that is no date, 4 elapsed time, 5 date and time
const styles = `<styleSheet ` + ns + `><numFmts count="4"><numFmt numFmtId="164" formatCode="dd/mm/yyyy"/><numFmt numFmtId="165" formatCode="[Red]#,##0.00&quot; dd&quot;"/><numFmt numFmtId="166" formatCode="[h]:mm"/><numFmt numFmtId="167" formatCode="d/m/yy h:mm"/></numFmts>
<fills count="2"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill></fills>
<cellStyleXfs><xf numFmtId="14"/></cellStyleXfs><cellXfs count="6"><xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="164" fillId="0" xfId="0"><alignment horizontal="left"/></xf><xf numFmtId="165"/><xf numFmtId="166"/><xf numFmtId="167"/></cellXfs></styleSheet>`

// workbook is a whole one of one sheet, whose rows are given as markup.
func workbook(rows string) parts {
	return parts{
		"[Content_Types].xml":        `<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>`,
		"_rels/.rels":                `<Relationships><Relationship Id="rId1" Type="` + relTypes + `officeDocument" Target="xl/workbook.xml"/></Relationships>`,
		"xl/workbook.xml":            `<?xml version="1.0" encoding="UTF-8"?><workbook ` + ns + `><workbookPr/><sheets><sheet name="Factures" sheetId="1" r:id="rId1"/></sheets></workbook>`,
		"xl/_rels/workbook.xml.rels": `<Relationships><Relationship Id="rId1" Type="` + relTypes + `worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="rId2" Type="` + relTypes + `styles" Target="/xl/styles.xml"/><Relationship Id="rId3" Type="` + relTypes + `sharedStrings" Target="sharedStrings.xml"/></Relationships>`,
		"xl/styles.xml":              styles,
		"xl/sharedStrings.xml": `<sst ` + ns + `><si><t>Référence</t></si><si><r><t>Mon</t></r><r><rPr><b/></rPr><t>tant</t></r><rPh sb="0" eb="1"><t>xx</t></rPh></si><si><t xml:space="preserve"> a_x000D_
b_x005F_x </t></si><si/></sst>`,
		"xl/worksheets/sheet1.xml": sheet(rows),
	}
}

func sheet(rows string) string {
	return `<worksheet ` + ns + `><sheetData>` + rows + `</sheetData></worksheet>`
}

func (p parts) with(name, content string) parts {
	p[name] = content
	return p
}

func (p parts) replace(name, old, new string) parts {
	return p.with(name, strings.ReplaceAll(p[name], old, new))
}

func (p parts) without(name string) parts {
	delete(p, name)
	return p
}

func (p parts) zip(t testing.TB) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, name := range []string{"[Content_Types].xml", "_rels/.rels", "xl/workbook.xml", "xl/_rels/workbook.xml.rels", "xl/styles.xml", "xl/sharedStrings.xml", "xl/worksheets/sheet1.xml", "xl/worksheets/sheet2.xml", "xl/worksheets/sheet3.xml"} {
		content, ok := p[name]
		if !ok {
			continue
		}
		f, err := w.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func spooled(b []byte) mappings.Spooled {
	return mappings.Spooled{ReaderAt: bytes.NewReader(b), Size: int64(len(b)), Name: "x.xlsx"}
}

var kindLetters = map[mappings.CellKind]string{mappings.CellText: "", mappings.CellNumber: "n", mappings.CellDate: "d", mappings.CellBool: "b",
	mappings.CellError: "!", mappings.CellUncomputed: "?", mappings.CellRounded: "~", mappings.CellNoDate: "0"}

// records renders what a file gives: "1:a|n5" with a letter before what is no text, or its refusal.
func records(b []byte, s mappings.Source) string {
	f, err := xlsxfile.New(s)
	if err != nil {
		return err.Error()
	}
	table, err := f.Open(spooled(b))
	if err != nil {
		return "file!" + code(err)
	}
	var out []string
	for rec, err := range table.Records() {
		if err != nil {
			return strings.Join(append(out, "file!"+code(err)), " ")
		}
		cells := make([]string, len(rec.Cells))
		for i, c := range rec.Cells {
			cells[i] = kindLetters[rec.Kinds[i]] + c
		}
		out = append(out, fmt.Sprintf("%d:%s", rec.Line, strings.Join(cells, "|")))
	}
	return strings.Join(out, " ")
}

func code(err error) string {
	var file *mappings.FileError
	if !errors.As(err, &file) {
		return err.Error()
	}
	if file.Incomplete {
		return file.Problem.Code + "?"
	}
	return file.Problem.Code
}

func TestCells(t *testing.T) {
	tests := []struct{ name, cell, want string }{
		{"whole", `<v>1250</v>`, "n1250"},
		{"decimal", `<v>1250.5</v>`, "n1250,5"},
		{"as it was typed, not as it is stored", `<v>19.989999999999998</v>`, "n19,99"},
		{"as it was typed, from above", `<v>1234.5600000000001</v>`, "n1234,56"},
		{"noise of a sum", `<v>0.30000000000000004</v>`, "n0,3"},
		{"noise of a difference stays", `<v>0.10000000000002274</v>`, "n0,100000000000023"},
		{"15 digits are exact", `<v>123456789012.345</v>`, "n123456789012,345"},
		{"a third", `<v>33.333333333333336</v>`, "n33,3333333333333"},
		{"negative", `<v>-0.05</v>`, "n-0,05"},
		{"minus zero", `<v>-0</v>`, "n0"},
		{"power", `<v>1.5E3</v>`, "n1500"},
		{"small power", `<v>2.5e-3</v>`, "n0,0025"},
		{"rounds up to a power", `<v>9999999.9999999999</v>`, "n10000000"},
		{"15 digits", `<v>999999999999999</v>`, "n999999999999999"},
		{"16 digits have lost their end", `<v>1234567890123450</v>`, "~1234567890123450"},
		{"16 digits by a power", `<v>1.23456789012345E+15</v>`, "~1.23456789012345E+15"},
		{"no number", `<v>NaN</v>`, "!NaN"},
		{"no number either", `<v>0x1F</v>`, "!0x1F"},
		{"number format is no matter", `<c r="A1" s="3"><v>5</v></c>`, "n5"},
		{"elapsed time is a number", `<c r="A1" s="4"><v>1.5</v></c>`, "n1,5"},
		{"date", `<c r="A1" s="1"><v>46358</v></c>`, "d2026-12-02"},
		{"date by a code", `<c r="A1" s="2"><v>46358</v></c>`, "d2026-12-02"},
		{"date and time", `<c r="A1" s="5"><v>46358.604166666664</v></c>`, "d2026-12-02 14:30:00"},
		{"time", `<c r="A1" s="5"><v>0.5</v></c>`, "d12:00:00"},
		{"last moment of a day", `<c r="A1" s="1"><v>46357.999999999999</v></c>`, "d2026-12-02"},
		{"day 1", `<c r="A1" s="1"><v>1</v></c>`, "d1900-01-01"},
		{"day 59", `<c r="A1" s="1"><v>59</v></c>`, "d1900-02-28"},
		{"day 60 never was", `<c r="A1" s="1"><v>60</v></c>`, "060"},
		{"day 61", `<c r="A1" s="1"><v>61</v></c>`, "d1900-03-01"},
		{"before all days", `<c r="A1" s="1"><v>-1</v></c>`, "0-1"},
		{"behind all days", `<c r="A1" s="1"><v>2958466</v></c>`, "02958466"},
		{"last day", `<c r="A1" s="1"><v>2958465</v></c>`, "d9999-12-31"},
		{"ISO date", `<c r="A1" t="d"><v>2026-12-02T00:00:00</v></c>`, "d2026-12-02"},
		{"ISO no date", `<c r="A1" t="d"><v>2026-02-30</v></c>`, "02026-02-30"},
		{"shared text", `<c r="A1" t="s"><v>0</v></c>`, "Référence"},
		{"shared text in pieces", `<c r="A1" t="s"><v>1</v></c>`, "Montant"},
		{"escapes", `<c r="A1" t="s"><v>2</v></c>`, " a\r\nb_x "},
		{"empty shared text", `<c r="A1" t="s"><v>3</v></c>`, ""},
		{"shared text that is not there", `<c r="A1" t="s"><v>4</v></c>`, "file!NV-1004"},
		{"text that looks like a number", `<c r="A1" t="inlineStr"><is><t>0012,50</t></is></c>`, "0012,50"},
		{"text in pieces", `<c r="A1" t="inlineStr"><is><r><t>a</t></r><r><t>b</t></r></is></c>`, "ab"},
		{"a number, with the text of its former type", `<c r="A1"><v>12</v><is><t>twelve</t></is></c>`, "n12"},
		{"text in the place of a value", `<c r="A1" t="inlineStr"><v>abc</v></c>`, "abc"},
		{"text and a stale value", `<c r="A1" t="inlineStr"><v>old</v><is><t>new</t></is></c>`, "new"},
		{"entities", `<c r="A1" t="inlineStr"><is><t>A &amp; B &#233;</t></is></c>`, "A & B é"},
		{"true", `<c r="A1" t="b"><v>1</v></c>`, "btrue"},
		{"false", `<c r="A1" t="b"><v>0</v></c>`, "bfalse"},
		{"error", `<c r="A1" t="e"><v>#N/A</v></c>`, "!#N/A"},
		{"formula with its number", `<f>B1*2</f><v>19.989999999999998</v>`, "n19,99"},
		{"formula with its text", `<c r="A1" t="str"><f>B1</f><v>abc</v></c>`, "abc"},
		{"formula with an empty text", `<c r="A1" t="str"><f>B1</f><v></v></c>`, ""},
		{"formula with an error", `<c r="A1" t="e"><f>B1</f><v>#REF!</v></c>`, "!#REF!"},
		{"formula never computed", `<f>B1*2</f>`, "?=B1*2"},
		{"formula never computed, empty value", `<f>SUM(B1:B9)</f><v/>`, "?=SUM(B1:B9)"},
		{"shared formula never computed", `<f t="shared" si="0"/>`, "?="},
		{"unknown type", `<c r="A1" t="z"><v>1</v></c>`, "file!NV-1004"},
		{"nothing", ``, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cell := tt.cell
			if !strings.HasPrefix(cell, "<c ") {
				cell = `<c r="A1">` + cell + `</c>`
			}
			want := "1:" + tt.want
			if strings.HasPrefix(tt.want, "file!") {
				want = tt.want
			}
			if got := records(workbook(`<row r="1">`+cell+`</row>`).zip(t), source()); got != want {
				t.Errorf("cell %s\n got %q\nwant %q", tt.cell, got, want)
			}
		})
	}
}

// text is a cell of text at a place.
func text(ref, s string) string {
	return `<c r="` + ref + `" t="inlineStr"><is><t>` + s + `</t></is></c>`
}

func TestSheets(t *testing.T) {
	rows := `<row r="1">` + text("A1", "a") + text("B1", "b") + `</row><row r="2"><c r="B2"><v>5</v></c></row>`
	three := func() parts {
		return workbook(rows).with("xl/worksheets/sheet2.xml", sheet(`<row>`+text("A1", "zwei")+`</row>`)).with("xl/worksheets/sheet3.xml", sheet(`<row>`+text("A1", "drei")+`</row>`)).
			replace("xl/workbook.xml", "<sheets>", `<sheets><sheet name="Alt" state="hidden" r:id="rId8"/><sheet name="Macro" r:id="rId7"/>`).
			replace("xl/workbook.xml", "</sheets>", `<sheet name="Drei &amp; mehr" r:id="rId9"/></sheets>`).
			replace("xl/_rels/workbook.xml.rels", "</Rel", `<Relationship Id="rId8" Type="`+relTypes+`worksheet" Target="worksheets/sheet2.xml"/><Relationship Id="rId7" Type="`+relTypes+`chartsheet" Target="worksheets/sheet2.xml"/><Relationship Id="rId9" Type="`+relTypes+`worksheet" Target="worksheets\Sheet3.xml"/></Rel`)
	}
	merged := func(refs ...string) parts {
		list := ""
		for _, r := range refs {
			list += `<mergeCell ref="` + r + `"/>`
		}
		return workbook(`<row r="1">`+text("A1", "x")+text("B1", "y")+`</row><row r="2">`+text("A2", "hides")+text("B2", "shows")+`</row><row r="3">`+text("A3", "z")+`</row>`).
			replace("xl/worksheets/sheet1.xml", "</sheetData>", "</sheetData><mergeCells>"+list+"</mergeCells>")
	}
	sheetOf := func(s mappings.Source, name string, at int) mappings.Source {
		s.Sheet, s.SheetAt = name, at
		return s
	}
	small := source()
	small.MaxCell = 8
	tiny := source()
	tiny.MaxBytes = 3000
	comments := source()
	comments.Comment = "#"
	tests := []struct {
		name   string
		parts  parts
		source mappings.Source
		want   string
	}{
		{"rows", workbook(rows), source(), "1:a|b 2:|n5"},
		{"rows left out are blank", workbook(`<row r="3">` + text("B3", "x") + `</row>`), source(), "1: 2: 3:|x"},
		{"rows and cells without references", workbook(`<row>` + strings.ReplaceAll(text("", "a"), ` r=""`, "") + `<c><v>1</v></c></row><row><c><v>2</v></c></row>`), source(), "1:a|n1 2:n2"},
		{"hidden rows are rows", workbook(`<row r="1" hidden="1">` + text("A1", "h") + `</row>`), source(), "1:h"},
		{"formatted cells without a value end no row", workbook(`<row r="1">` + text("A1", "a") + `<c r="F1" s="3"/></row>`), source(), "1:a"},
		{"no rows", workbook(""), source(), ""},
		{"first visible", three(), source(), "1:a|b 2:|n5"},
		{"by name", three(), sheetOf(source(), "Drei & mehr", 1), "1:drei"},
		{"by name, otherwise written", three(), sheetOf(source(), "drei & MEHR ", 1), "1:drei"},
		{"a hidden one by its name", three(), sheetOf(source(), "Alt", 1), "1:zwei"},
		{"by rank", three(), sheetOf(source(), "", 2), "1:drei"},
		{"no such rank", three(), sheetOf(source(), "", 3), "file!NV-1106"},
		{"no such name", three(), sheetOf(source(), "Vier", 1), "file!NV-1106"},
		{"none visible", workbook(rows).replace("xl/workbook.xml", `sheetId="1"`, `state="veryHidden"`), source(), "file!NV-1106"},
		{"from 1904", workbook(`<row r="1"><c r="A1" s="1"><v>44896</v></c></row>`).replace("xl/workbook.xml", "<workbookPr/>", `<workbookPr date1904="1"/>`), source(), "1:d2026-12-02"},
		{"what a merged block hides", merged("A1:A2"), source(), "1:x|y 2:|shows 3:z"},
		{"blocks", merged("A1:B1", "A2:B3"), source(), "1:x 2:hides 3:"},
		{"a prefix", workbook("").with("xl/worksheets/sheet1.xml", `<x:worksheet xmlns:x="u"><x:sheetData><x:row r="1"><x:c r="A1"><x:v>1</x:v></x:c></x:row><x:row r="2"><x:c r="A2"><x:v>2</x:v></x:c></x:row></x:sheetData><x:mergeCells><x:mergeCell ref="A1:A2"/></x:mergeCells></x:worksheet>`), source(), "1:n1 2:"},
		{"comments", workbook(`<row r="1">` + text("A1", "# x") + `</row>`), comments, "1:# x"},
		{"no styles, no strings", workbook(`<row r="1"><c r="A1" s="2"><v>46358</v></c></row>`).without("xl/styles.xml").without("xl/sharedStrings.xml"), source(), "1:n46358"},

		{"rows out of order", workbook(`<row r="2"/><row r="1"/>`), source(), "1: 2: file!NV-1004"},
		{"a row twice", workbook(`<row r="1"/><row r="1"/>`), source(), "1: file!NV-1004"},
		{"a row too many", workbook(`<row r="1048577"/>`), source(), "file!NV-1004"},
		{"cells out of order", workbook(`<row r="1">` + text("B1", "b") + text("A1", "a") + `</row>`), source(), "file!NV-1004"},
		{"a cell of another row", workbook(`<row r="1">` + text("A2", "b") + `</row>`), source(), "file!NV-1004"},
		{"a column too many", workbook(`<row r="1">` + text("XFE1", "b") + `</row>`), source(), "file!NV-1004"},
		{"two bodies", workbook(`<row r="1"/></sheetData><sheetData><row r="2"/>`), source(), "1: file!NV-1004"},
		{"a document type", workbook("").with("xl/worksheets/sheet1.xml", `<!DOCTYPE x [<!ENTITY a "aaaa">]>`+sheet(`<row r="1"><c r="A1"><v>&a;</v></c></row>`)), source(), "file!NV-1004"},
		{"an entity", workbook(`<row r="1"><c r="A1"><v>&a;</v></c></row>`), source(), "file!NV-1004"},
		{"nesting", workbook(strings.Repeat("<a>", 100) + strings.Repeat("</a>", 100)), source(), "file!NV-1004"},
		{"cut markup", workbook("").with("xl/worksheets/sheet1.xml", `<worksheet><sheetData><row r="1">`), source(), "file!NV-1004"},
		{"no markup", workbook("").with("xl/worksheets/sheet1.xml", "hello"), source(), "file!NV-1004"},
		{"no workbook", workbook(rows).without("xl/workbook.xml"), source(), "file!NV-1004"},
		{"no sheet", workbook(rows).without("xl/worksheets/sheet1.xml"), source(), "file!NV-1106"},
		{"a long cell", workbook(`<row r="1">` + text("A1", "123456789") + `</row>`), small, "file!NV-1003"},
		{"a long shared cell", workbook(`<row r="1"><c r="A1" t="s"><v>0</v></c></row>`), small, "file!NV-1003"},
		{"larger than declared, unpacked", workbook(`<row r="1">` + text("A1", strings.Repeat("x", 40_000)) + `</row>`), tiny, "file!NV-1003"},
		{"one text a thousand times", workbook(`<row r="1">` + strings.Repeat(`<c t="s"><v>0</v></c>`, 1000) + `</row>`), tiny, "file!NV-1003"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := records(tt.parts.zip(t), tt.source); got != tt.want {
				t.Errorf("records\n got %q\nwant %q", got, tt.want)
			}
		})
	}
}
