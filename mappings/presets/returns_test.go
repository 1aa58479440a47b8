package presets_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/navette-connect/navette/connector/payment"
	"github.com/navette-connect/navette/mappings"
	"github.com/navette-connect/navette/mappings/csvfile"
	"github.com/navette-connect/navette/mappings/presets"
)

// TestReadyReturns writes a payment, a refund, a charge-back and an event that moves nothing through each ready return:
// third-party account, document, exact amount, and a line on the suspense account that balances each.
func TestReadyReturns(t *testing.T) {
	want := map[string]string{
		"reglements-excel-fr": "Code journal;Date;Compte général;Compte tiers;Référence pièce;Libellé;Mode règlement;Débit;Crédit;Devise;N° transaction\r\n" +
			"BQP;22/11/2026;411000;C42;FA-7;REGLT FA-7;CB;;1234,56;EUR;T1\r\nBQP;22/11/2026;511700;;FA-7;REGLT FA-7;CB;1234,56;;EUR;T1\r\n" +
			"BQP;22/11/2026;411000;C42;FA-7;REMB FA-7;CB;34,56;;EUR;T1\r\nBQP;22/11/2026;511700;;FA-7;REMB FA-7;CB;;34,56;EUR;T1\r\n" +
			"BQP;22/11/2026;411000;C42;FA-7;IMPAYE FA-7;CB;1200,00;;EUR;T1\r\nBQP;22/11/2026;511700;;FA-7;IMPAYE FA-7;CB;;1200,00;EUR;T1\r\n",
		"reglements-sage100": left("SAS BRÉHIER", 61) + "\r\n" +
			sage("4110000", "C42", "REGLT FA-7", "C", "1234.56") + sage("5117000", "", "REGLT FA-7", "D", "1234.56") +
			sage("4110000", "C42", "REMB FA-7", "D", "34.56") + sage("5117000", "", "REMB FA-7", "C", "34.56") +
			sage("4110000", "C42", "IMPAYE FA-7", "D", "1200.00") + sage("5117000", "", "IMPAYE FA-7", "C", "1200.00"),
		"reglements-cegid": "BQP;22/11/2026;411000;C42;FA-7;REGLT FA-7;;1234.56\r\nBQP;22/11/2026;511700;;FA-7;REGLT FA-7;1234.56;\r\n" +
			"BQP;22/11/2026;411000;C42;FA-7;REMB FA-7;34.56;\r\nBQP;22/11/2026;511700;;FA-7;REMB FA-7;;34.56\r\n" +
			"BQP;22/11/2026;411000;C42;FA-7;IMPAYE FA-7;1200.00;\r\nBQP;22/11/2026;511700;;FA-7;IMPAYE FA-7;;1200.00\r\n",
		"reglements-quadra": quadra("C42", "REGLT FA-7", "C", "000000123456") + quadra("51170000", "REGLT FA-7", "D", "000000123456") +
			quadra("C42", "REMB FA-7", "D", "000000003456") + quadra("51170000", "REMB FA-7", "C", "000000003456") +
			quadra("C42", "IMPAYE FA-7", "D", "000000120000") + quadra("51170000", "IMPAYE FA-7", "C", "000000120000"),
		"reglements-ebp": ",22112026,BQ,C42,,REGLT FA-7,FA-7,0000001234.56,C,,\r\n,22112026,BQ,511700,,REGLT FA-7,FA-7,0000001234.56,D,,\r\n" +
			",22112026,BQ,C42,,REMB FA-7,FA-7,0000000034.56,D,,\r\n,22112026,BQ,511700,,REMB FA-7,FA-7,0000000034.56,C,,\r\n" +
			",22112026,BQ,C42,,IMPAYE FA-7,FA-7,0000001200.00,D,,\r\n,22112026,BQ,511700,,IMPAYE FA-7,FA-7,0000001200.00,C,,\r\n",
		"reglements-fec": "JournalCode\tJournalLib\tEcritureNum\tEcritureDate\tCompteNum\tCompteLib\tCompAuxNum\tCompAuxLib\tPieceRef\tPieceDate\tEcritureLib\tDebit\tCredit\tEcritureLet\tDateLet\tValidDate\tMontantdevise\tIdevise\r\n" +
			fec("411000\tClients\tC42\tC42", "REGLT", "0,00\t1234,56") + fec("511700\tPSP, en attente de remise\t\t", "REGLT", "1234,56\t0,00") +
			fec("411000\tClients\tC42\tC42", "REMB", "34,56\t0,00") + fec("511700\tPSP, en attente de remise\t\t", "REMB", "0,00\t34,56") +
			fec("411000\tClients\tC42\tC42", "IMPAYE", "1200,00\t0,00") + fec("511700\tPSP, en attente de remise\t\t", "IMPAYE", "0,00\t1200,00"),
	}
	for _, name := range presets.Returns() {
		if got := settled(t, name); got != want[name] {
			t.Errorf("%s gives\n%s\nwant\n%s", name, got, want[name])
		}
		delete(want, name)
	}
	for name := range want {
		t.Errorf("there is no ready return %s", name)
	}
}

func sage(account, customer, label, sense, amount string) string {
	return "BQP221126" + left(account, 13) + left(customer, 13) + left(label, 25) + sense + strings.Repeat(" ", 20-len(amount)) + amount + "N" + left("FA-7", 7) + "\r\n"
}

func quadra(account, label, sense, cents string) string {
	return "M" + left(account, 8) + "BQ000221126 " + left(label, 20) + sense + "+" + cents + strings.Repeat(" ", 44) + left("FA-7", 8) + "EUR\r\n"
}

func fec(account, word, amounts string) string {
	return "BQP\tBanque PSP\tT1\t20261122\t" + account + "\tFA-7\t20261122\t" + word + " FA-7\t" + amounts + "\t\t\t\t\t\r\n"
}

func left(s string, n int) string { return s + strings.Repeat(" ", n-len(s)) }

// settled is what a ready return makes of four events, as UTF-8.
func settled(t *testing.T, name string) string {
	t.Helper()
	set := ""
	if name == "reglements-sage100" {
		set = ", set: {societe: SAS BRÉHIER}"
	}
	src := "navette: mapping/v1\nname: x\nkind: request\nsource: {format: csv, delimiter: \";\", decimal: \",\"}\nfields:\n  - {name: reference, column: Ref}\n  - {name: amount, column: Montant, type: amount}\n" +
		"  - {name: customer.id, column: Client}\nreturns:\n  reglements: {use: " + name + set + ", encoding: utf-8}\n"
	m, err := mappings.Load("x", []byte(src), mappings.Options{Formats: map[string]func(mappings.Source) (mappings.Format, error){"csv": csvfile.New}, Use: presets.Source})
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	text := "Ref;Montant;Client\r\nFA-7;1234,56;C42\r\n"
	r, err := m.Open(mappings.Spooled{ReaderAt: strings.NewReader(text), Size: int64(len(text)), Name: "x.csv"}, mappings.Env{File: "x.csv"})
	if err != nil {
		t.Fatal(err)
	}
	if on := m.Returns()[0].On; on != mappings.OnDaily {
		t.Errorf("%s is written on %s", name, on)
	}
	var b bytes.Buffer
	w, err := m.Returns()[0].NewWriter(&b, r.Dialect(), r.Head())
	if err != nil {
		t.Fatal(err)
	}
	eur := func(minor int64) payment.Amount { return payment.Amount{Minor: minor, Currency: "EUR"} }
	for doc, err := range r.Documents(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range []mappings.Event{{Event: "sent", Amount: eur(123456)}, {Event: "paid", Amount: eur(123456), Moved: eur(123456)},
			{Event: "refunded", Amount: eur(-3456), Moved: eur(-3456)}, {Event: "charged_back", Amount: eur(-120000), Moved: eur(-120000)}} {
			e.Date, e.Method, e.TransactionID = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC), "CB", "T1"
			if err := w.Write(mappings.ReturnRow{Line: 2, Raw: doc.Rows[0].Raw, Fields: doc.Fields, Reference: doc.Reference, Event: &e}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if w.Rows() != 3 {
		t.Errorf("%s: %d events written, want 3", name, w.Rows())
	}
	return b.String()
}

// TestReadyReturnReplaces lays each ready return under the name of a return that the preset below has already: `use` takes
// its place, and a change without `use` is still laid over the inherited one.
func TestReadyReturnReplaces(t *testing.T) {
	load := func(returns string) *mappings.Mapping {
		t.Helper()
		src := "navette: mapping/v1\nname: x\nuse: factures-excel-fr\nreturns:\n" + returns
		m, err := mappings.Load("x", []byte(src), mappings.Options{Formats: map[string]func(mappings.Source) (mappings.Format, error){"csv": csvfile.New}, Use: presets.Source})
		if err != nil {
			t.Fatalf("%s: %v", returns, err)
		}
		return m
	}
	moments := func(m *mappings.Mapping) map[string]mappings.Moment {
		on := map[string]mappings.Moment{}
		for _, r := range m.Returns() {
			on[r.Name] = r.On
		}
		return on
	}
	for _, name := range presets.Returns() {
		if on := moments(load("  reglements: {use: " + name + "}\n")); on["reglements"] != mappings.OnDaily || len(on) != 4 {
			t.Errorf("%s: returns %v, want the four of the preset, reglements daily", name, on)
		}
	}
	if on := moments(load("  reglements: {on: settlement}\n")); on["reglements"] != mappings.OnSettlement || len(on) != 4 {
		t.Errorf("without use: returns %v, want reglements on settlement", on)
	}
}

func TestReadyReturnsRefused(t *testing.T) {
	const head = "navette: mapping/v1\nname: x\nsource: {format: csv}\nfields:\n  - {name: reference, column: Ref}\n  - {name: amount, column: Montant, type: amount}\n  - {name: customer.id, column: Client}\nreturns:\n  r: "
	for text, want := range map[string]string{
		"{use: reglements-nowhere}":                               "reglements-excel-fr",
		"{use: reglements-cegid, also: [{nowhere: set.client}]}":  "nowhere",
		"{use: reglements-cegid, set: {Client: x}}":               "Client",
		"{use: reglements-cegid, rows: set.nowhere == reference}": "set.nowhere",
	} {
		_, err := mappings.Load("x", []byte(head+text+"\n"), mappings.Options{Formats: map[string]func(mappings.Source) (mappings.Format, error){"csv": csvfile.New}, Use: presets.Source})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}
