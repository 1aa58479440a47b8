package propose_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// holdMarked holds samples to what must be read of them and to the fields that must carry `confirm: true`.
func holdMarked(t *testing.T, list []product) {
	holdTo(t, list)
	for _, p := range list {
		got, _ := proposed(t, p.file, p.bytes(t), nil)
		for _, field := range p.confirm {
			if !slices.ContainsFunc(strings.Split(string(got.YAML), "\n"), func(l string) bool {
				return strings.HasPrefix(l, "  - {name: "+field+",") && strings.HasSuffix(l, "confirm: true}")
			}) {
				t.Errorf("%s: %s carries no mark\n%s", p.name, field, got.YAML)
			}
		}
	}
}

// TestYearFirst: two digits of a year may stand at either end of a date. The years of a list are near one another, and
// where both ends would do a person is asked.
func TestYearFirst(t *testing.T) {
	list := func(name, first, second, want1, want2 string, confirm ...string) product {
		return product{name: name, file: "liste.csv", confirm: confirm,
			text: fmt.Sprintf("Facture;Client;Échéance;Montant TTC\nF1;A;%s;12,00\nF2;B;%s;13,00\n", first, second),
			want: []string{"2 F1 1200 " + want1 + " -", "3 F2 1300 " + want2 + " -"}}
	}
	holdMarked(t, []product{
		list("yy-mm-dd", "26-12-03", "26-12-14", "2026-12-03", "2026-12-14", "due_on"),
		list("yy/mm/dd", "26/12/03", "26/12/14", "2026-12-03", "2026-12-14", "due_on"),
		list("yy.mm.dd", "26.12.03", "26.12.14", "2026-12-03", "2026-12-14", "due_on"),
		list("over the turn of the year", "26-12-14", "27-01-05", "2026-12-14", "2027-01-05", "due_on"),
		list("yy-mm-dd of days after the 15th", "26-12-18", "26-12-29", "2026-12-18", "2026-12-29", "due_on"),
		list("dd-mm-yy", "03-12-26", "14-12-26", "2026-12-03", "2026-12-14"),
		list("dd-mm-yy of days after the 15th", "18/12/26", "29/12/26", "2026-12-18", "2026-12-29", "due_on"),
		list("dd-mm-yy of two years", "28.12.26", "05.01.27", "2026-12-28", "2027-01-05"),
		{name: "without titles, due behind issued", file: "liste.csv", text: "F1;Dupont;26-11-20;26-12-05;12,00\nF2;Durand;26-11-29;26-12-14;13,00\n", confirm: []string{"due_on", "issued_on"},
			want: []string{"1 F1 1200 2026-12-05 2026-11-20", "2 F2 1300 2026-12-14 2026-11-29"}},
	})
}

// TestDollarsDayFirst: dollars do not make the month stand first where amounts or titles are of another country.
func TestDollarsDayFirst(t *testing.T) {
	holdMarked(t, []product{
		{name: "a French list of a customer abroad", file: "liste.csv", text: "N° facture;Client;Date;Échéance;Devise;Montant\nF1;Acme;03/11/2026;03/12/2026;USD;1 200,00\nF2;Acme;04/11/2026;05/12/2026;USD;120,50\n",
			confirm: []string{"due_on", "issued_on"}, want: []string{"2 F1 120000@USD 2026-12-03 2026-11-03", "3 F2 12050@USD 2026-12-05 2026-11-04"}},
		{name: "Business Central, local currency blank", file: "ecritures.csv", text: "N° document;Nom du client;Date document;Date d'échéance;Code devise;Montant restant;Montant restant DS\nF1;Acme;03-11-26;03-12-26;USD;1.234,56;1.100,00\nF2;Noël;04-11-26;04-12-26;;200,00;200,00\n",
			confirm: []string{"due_on", "issued_on"}, want: []string{"2 F1 123456@USD 2026-12-03 2026-11-03", "3 F2 20000 2026-12-04 2026-11-04"}},
		{name: "Quebec", file: "factures.csv", text: "No facture;Client;Date;Échéance;Montant\nF1;Acme;03/11/2026;03/12/2026;1 234,56 $\nF2;Acme;04/11/2026;05/12/2026;120,50 $\n",
			confirm: []string{"due_on", "issued_on"}, want: []string{"2 F1 123456@USD 2026-12-03 2026-11-03", "3 F2 12050@USD 2026-12-05 2026-11-04"}},
		{name: "French titles, points", file: "factures.csv", text: "N° facture,Client,Date,Échéance,Montant\nF1,Acme,03/11/2026,03/12/2026,$1200.00\nF2,Acme,04/11/2026,05/12/2026,$120.50\n",
			confirm: []string{"due_on", "issued_on"}, want: []string{"2 F1 120000@USD 2026-12-03 2026-11-03", "3 F2 12050@USD 2026-12-05 2026-11-04"}},
		{name: "American, clients", file: "invoices.csv", text: "Client Name,Invoice #,Date Issued,Due Date,Invoice Total\nAcme,F1,11/03/2026,12/03/2026,$1200.00\nAcme,F2,11/04/2026,12/05/2026,$120.50\n",
			confirm: []string{"due_on", "issued_on"}, want: []string{"2 F1 120000@USD 2026-12-03 2026-11-03", "3 F2 12050@USD 2026-12-05 2026-11-04"}},
		{name: "American", file: "invoices.csv", text: "Invoice,Customer,Invoice Date,Due Date,Amount\nF1,Acme,11/03/2026,12/03/2026,$1200.00\nF2,Acme,11/04/2026,12/05/2026,$120.50\n",
			confirm: []string{"due_on", "issued_on"}, want: []string{"2 F1 120000@USD 2026-12-03 2026-11-03", "3 F2 12050@USD 2026-12-05 2026-11-04"}},
	})
}

// TestLateUTC: days written as midnight in Paris but in universal time are a day early, and a person is asked.
func TestLateUTC(t *testing.T) {
	text := "N° facture;Client;Échéance;Montant TTC\nF1;A;2026-12-02T23:00:00Z;70,00\nF2;B;2026-07-13T22:00:00.000Z;80,00\n"
	holdMarked(t, []product{{name: "midnights", file: "api.csv", text: text, confirm: []string{"due_on"}, want: []string{"2 F1 7000 2026-12-02 -", "3 F2 8000 2026-07-13 -"}}})
	got, _ := proposed(t, "api.csv", []byte(strings.ReplaceAll(text, "22:00:00.000Z", "09:30:00.000Z")), nil)
	if strings.Count(string(got.YAML), "type: date, confirm: true") > 0 {
		t.Errorf("hours of the day are taken for midnights\n%s", got.YAML)
	}
}
