package propose_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/navette-connect/navette/mappings"
	"github.com/navette-connect/navette/mappings/csvfile"
	"github.com/navette-connect/navette/mappings/presets"
	"github.com/navette-connect/navette/mappings/propose"
	"github.com/navette-connect/navette/mappings/xlsxfile"
)

func formats() map[string]func(mappings.Source) (mappings.Format, error) {
	return map[string]func(mappings.Source) (mappings.Format, error){"csv": csvfile.New, "fixed": csvfile.New, "xlsx": xlsxfile.New}
}

func spool(name string, b []byte) mappings.Spooled {
	return mappings.Spooled{ReaderAt: bytes.NewReader(b), Size: int64(len(b)), Name: name}
}

func proposed(t *testing.T, name string, b []byte, preset func(string) ([]byte, error)) (*propose.Proposal, *mappings.Mapping) {
	t.Helper()
	p, err := propose.Propose(spool(name, b), propose.Options{Formats: formats(), Preset: preset, Lang: "fr"})
	if err != nil {
		t.Fatalf("Propose(%s): %v", name, err)
	}
	m, err := mappings.Load(name, p.YAML, mappings.Options{Formats: formats(), Use: presets.Source})
	if err != nil {
		t.Fatalf("the proposal for %s does not load: %v\n%s", name, err, p.YAML)
	}
	return p, m
}

// row is what became of one document.
type row struct{ state, reference, amount, currency, issued, due, part, operation string }

func read(t *testing.T, m *mappings.Mapping, b []byte) map[int]row {
	t.Helper()
	out, err := tryRead(m, b)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func tryRead(m *mappings.Mapping, b []byte) (map[int]row, error) {
	r, err := m.Open(spool("sample", b), mappings.Env{Today: "2026-11-20"})
	if err != nil {
		return nil, err
	}
	out, known := map[int]row{}, map[string]bool{}
	for doc, err := range r.Documents(context.Background()) {
		if err != nil {
			return nil, err
		}
		x := row{state: doc.State.String()}
		if doc.Hold != nil && x.state == "accepted" {
			x.state = "held"
		}
		for _, in := range doc.Instructions {
			x.reference, x.amount, x.currency, x.issued, x.due, x.part, x.operation = in.Reference, fmt.Sprint(in.Amount.Minor), in.Amount.Currency, in.IssuedOn, in.DueOn, in.Part, string(in.Operation)
			if in.Amount.IsZero() {
				x.amount, x.currency = "", ""
			}
		}
		if id := x.reference + "|" + x.part; x.state == "accepted" && x.operation == "" {
			if known[id] { // as the connector refuses it
				x.state = "rejected"
			}
			known[id] = true
		}
		out[doc.Rows[0].Line] = x
	}
	return out, nil
}

type expectation struct {
	File, Kind   string
	Instructions []struct {
		Line   int
		State  string
		Fields map[string]any
	}
}

// score holds what a mapping reads against what an export's own layout says: of each instruction to be sent its
// reference, amount, currency and dates; of any other one that it is not sent.
func score(want expectation, got map[int]row) (right, all int, wrong []string) {
	for _, w := range want.Instructions {
		all++
		g := got[w.Line]
		sent := w.State == "accepted" || w.State == "held"
		if !sent {
			if g.state == "accepted" {
				wrong = append(wrong, fmt.Sprintf("line %d: sent %+v, want %s", w.Line, g, w.State))
			} else {
				right++
			}
			continue
		}
		text := func(name string) string {
			switch v := w.Fields[name].(type) {
			case string:
				return v
			case float64:
				return fmt.Sprintf("%.0f", v)
			}
			return ""
		}
		ok := (g.state == "accepted" || g.state == "held") && g.reference == text("reference") && g.amount == text("amount") && (g.amount == "" || g.currency == text("currency")) && g.operation == text("operation")
		if due := text("due_on"); due != "" && g.due != due {
			ok = false
		}
		if issued := text("issued_on"); issued != "" && g.issued != issued {
			ok = false
		}
		if ok {
			right++
		} else {
			wrong = append(wrong, fmt.Sprintf("line %d: %+v, want %v", w.Line, g, w.Fields))
		}
	}
	return right, all, wrong
}

// exports are the files as ERPs write them, and how many of their instructions a proposal reads right: by a known layout,
// and by looking alone, which is all that helps with a product nobody has described. What is missing from the full
// number is a rule of the firm's own (no e-mail, no payment; a comment that is too long), or a fact that no sample tells:
// what the kinds of a Cegid or SAP document mean, that N stands before a Sage number.
func exports() map[string]struct{ known, alone, all int } {
	return map[string]struct{ known, alone, all int }{
		"as400-commandes": {11, 8, 11}, "cegid-tra": {6, 5, 6}, "datev-extf": {9, 9, 9}, "ebp-cp850": {8, 8, 8}, "excel-fr-fusion": {8, 8, 9},
		"excel-texte-unicode": {9, 9, 10}, "fec-411": {7, 7, 7}, "odoo-lignes": {8, 8, 8}, "operations-caisse": {13, 13, 13}, "sage100-fixe": {8, 4, 8},
		"sage50-rimport": {6, 6, 6}, "sap-b1-echeances": {11, 9, 11},
	}
}

func TestExports(t *testing.T) {
	root := filepath.Join("..", "..", "testdata", "mappings", "erp")
	for name, pin := range exports() {
		t.Run(name, func(t *testing.T) {
			var want expectation
			text, err := os.ReadFile(filepath.Join(root, name, "expected.json"))
			if err == nil {
				err = json.Unmarshal(text, &want)
			}
			if err != nil {
				t.Fatal(err)
			}
			b, err := os.ReadFile(filepath.Join(root, name, want.File))
			if err != nil {
				t.Fatal(err)
			}
			for _, how := range []struct {
				name   string
				preset func(string) ([]byte, error)
				pin    int
			}{{"by a known layout", presets.Source, pin.known}, {"by looking alone", nil, pin.alone}} {
				p, m := proposed(t, want.File, b, how.preset)
				right, all, wrong := score(want, read(t, m, b))
				if right != how.pin || all != pin.all {
					t.Errorf("%s: %d of %d, pinned %d of %d\n%s\n%s", how.name, right, all, how.pin, pin.all, strings.Join(wrong, "\n"), p.YAML)
				}
				if len(m.Confirm()) == 0 {
					t.Errorf("%s: no guess is marked", how.name)
				}
			}
		})
	}
}

// TestWorkbook proposes a mapping for a sheet: typed numbers and dates, a report title above; with a cover sheet before it.
func TestWorkbook(t *testing.T) {
	for _, cover := range []bool{false, true} {
		b := workbook(t, cover)
		_, m := proposed(t, "f.xlsx", b, nil)
		got := read(t, m, b)
		want := map[int]row{3: {state: "accepted", reference: "F-1", amount: "100025", currency: "EUR", due: "2026-12-03"}, 4: {state: "accepted", reference: "F-2", amount: "9900", currency: "EUR", due: "2026-12-14"}}
		if !maps.Equal(got, want) {
			t.Errorf("cover %v: read %+v, want %+v", cover, got, want)
		}
	}
}

func workbook(t *testing.T, cover bool) []byte {
	t.Helper()
	const space = `xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"`
	const types = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/"
	var rows strings.Builder
	for i, cells := range [][]string{{"Factures ouvertes"}, {"N° facture", "Échéance", "Montant TTC", "Reste dû"}, {"F-1", "=46359", "=1234.5", "=1000.25"}, {"F-2", "=46370", "=99", "=99"}} {
		fmt.Fprintf(&rows, `<row r="%d">`, i+1)
		for j, c := range cells {
			if number, ok := strings.CutPrefix(c, "="); ok {
				style := 0
				if j == 1 {
					style = 1
				}
				fmt.Fprintf(&rows, `<c r="%c%d" s="%d"><v>%s</v></c>`, 'A'+j, i+1, style, number)
			} else {
				fmt.Fprintf(&rows, `<c r="%c%d" t="inlineStr"><is><t>%s</t></is></c>`, 'A'+j, i+1, c)
			}
		}
		rows.WriteString("</row>")
	}
	first, others := "", ""
	if cover {
		first = `<sheet name="Garde" sheetId="2" r:id="rId3"/>`
		others = `<Relationship Id="rId3" Type="` + types + `worksheet" Target="worksheets/sheet2.xml"/>`
	}
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, part := range [][2]string{
		{"[Content_Types].xml", `<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>`},
		{"_rels/.rels", `<Relationships><Relationship Id="rId1" Type="` + types + `officeDocument" Target="xl/workbook.xml"/></Relationships>`},
		{"xl/workbook.xml", `<workbook ` + space + `><workbookPr/><sheets>` + first + `<sheet name="Factures" sheetId="1" r:id="rId1"/></sheets></workbook>`},
		{"xl/_rels/workbook.xml.rels", `<Relationships><Relationship Id="rId1" Type="` + types + `worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="rId2" Type="` + types + `styles" Target="styles.xml"/>` + others + `</Relationships>`},
		{"xl/worksheets/sheet2.xml", `<worksheet ` + space + `><sheetData><row r="1"><c r="A1" t="inlineStr"><is><t>Société X</t></is></c></row></sheetData></worksheet>`},
		{"xl/styles.xml", `<styleSheet ` + space + `><cellXfs count="2"><xf numFmtId="0"/><xf numFmtId="14"/></cellXfs></styleSheet>`},
		{"xl/worksheets/sheet1.xml", `<worksheet ` + space + `><sheetData>` + rows.String() + `</sheetData></worksheet>`},
	} {
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
	return b.Bytes()
}

// TestExamples proposes for the worked examples: what is sent, and the sum of it, before the firm's own rules.
func TestExamples(t *testing.T) {
	for file, want := range map[string]struct {
		sent  int
		total string
	}{
		"01-factures-excel-fr/FACTURES_20261120.csv": {5, "21510.12"}, "02-commandes-largeur-fixe/CDE_20261121.TXT": {2, "1273.97"},
		"03-factures-multilignes/lignes-facture.tsv": {1, "1400.00"}, "04-operations/OPERATIONS_20261122.csv": {8, "1309.90"},
		"05-multi-enregistrements/FACT7.DAT": {2, "1035.50"},
	} {
		b, err := os.ReadFile(filepath.Join("..", "..", "testdata", "mappings", file))
		if err != nil {
			t.Fatal(err)
		}
		p, _ := proposed(t, filepath.Base(file), b, presets.Source)
		sum := p.Tried.Total["EUR"]
		if got := p.Tried.Accepted + p.Tried.Held; got != want.sent || sum.Decimal('.') != want.total {
			t.Errorf("%s: %d sent, %s, want %d, %s\n%s", file, got, sum.Decimal('.'), want.sent, want.total, p.YAML)
		}
	}
}
