package propose_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/navette-connect/navette/mappings/propose"
)

// TestBankFiles: statements and remittances are refused by name; no balance and no movement becomes a request.
func TestBankFiles(t *testing.T) {
	record := func(length int, s string) string { return s + strings.Repeat(" ", length-len(s)) }
	statement := []string{
		record(120, "0130004    00170EUR2 00000000000  031126                                                  0000000166956A"),
		record(120, "0430004    00170EUR2E00000000000B1031126  031126VIR DUPONT                       000000 0000000020000}"),
		record(120, "0530004    00170EUR2E00000000000B1031126     NPYDUPONT"),
		record(120, "0730004    00170EUR2 00000000000  041126                                                  0000000166956A"),
	}
	wide := []string{record(240, "3110000000000000000000FR76300040"), record(240, "3410000000000000000000000000012345"), record(240, "3410000000000000000000000000099900"), record(240, "3910000000000000000000000000112245")}
	orders := []string{record(160, "0302        123456       03116DUPONT SA"), record(160, "0602        123456 F1    LEFEVRE 0000000012345"), record(160, "0802        123456       0000000012345")}
	for _, c := range []struct{ kind, key, text string }{
		{"CFONB 120", "propose.statement", strings.Join(statement, "\r\n") + "\r\n"},
		{"CFONB 120", "propose.statement", strings.Join(statement, "")},
		{"CFONB 120", "propose.statement", strings.Join([]string{statement[0], statement[3]}, "\n")},
		{"CFONB 240", "propose.statement", strings.Join(wide, "\n") + "\n"},
		{"CFONB 160", "propose.remittance", strings.Join(orders, "\n") + "\n"},
		{"MT940, MT942", "propose.statement", ":20:STARTUMS\n:25:30004/00000000000\n:60F:C261103EUR1669,56\n:61:2611031103C200,00NTRF\n:62F:C261103EUR1869,56\n"},
		{"OFX", "propose.statement", "OFXHEADER:100\nDATA:OFXSGML\n\n<OFX>\n<STMTTRN><TRNAMT>200.00\n"},
		{"camt", "propose.statement", `<?xml version="1.0"?><Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.02"><BkToCstmrStmt/></Document>`},
		{"pain", "propose.remittance", `<?xml version="1.0"?><Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.008.001.02"><CstmrDrctDbtInitn/></Document>`},
	} {
		p, err := propose.Propose(spool("releve.txt", []byte(c.text)), propose.Options{Formats: formats(), Lang: "fr"})
		var why *propose.Refusal
		if !errors.As(err, &why) || why.Text.Key != c.key || !strings.Contains(why.Text.In("fr"), c.kind) || !strings.Contains(why.Text.In("en"), c.kind) {
			t.Errorf("%s: %v, %v", c.kind, err, p)
		}
	}
	var invoices strings.Builder
	for i := range 4 {
		fmt.Fprintf(&invoices, "%s\n", record(120, fmt.Sprintf("FA%05d  DUPONT SARL       2026110320261203%012d", i, 12345+i)))
	}
	if _, err := propose.Propose(spool("factures.txt", []byte(invoices.String())), propose.Options{Formats: formats(), Lang: "fr"}); err != nil {
		t.Errorf("invoices of 120 characters: %v", err)
	}
}
