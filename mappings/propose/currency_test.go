package propose_test

import (
	"strings"
	"testing"
)

// TestMarksByCurrency: three digits behind the only mark are thousands in a currency without decimals, decimals in one of
// three, and in one of two they are thousands unless all end in zero.
func TestMarksByCurrency(t *testing.T) {
	holdMarked(t, []product{
		{name: "yen", file: "invoices.csv", text: "Invoice,Customer,Due date,Currency,Amount\nF1,A,2026-12-03,JPY,\"12,000\"\nF2,B,2026-12-14,JPY,\"1,300\"\n",
			want: []string{"2 F1 12000@JPY 2026-12-03 -", "3 F2 1300@JPY 2026-12-14 -"}},
		{name: "francs of the Pacific", file: "liste.csv", text: "Facture;Client;Échéance;Devise;Montant\nF1;A;03/12/2026;XPF;12.000\nF2;B;14/12/2026;XPF;1.300\n",
			want: []string{"2 F1 12000@XPF 2026-12-03 -", "3 F2 1300@XPF 2026-12-14 -"}},
		{name: "dinars by the title", file: "liste.csv", text: "Facture;Client;Échéance;Montant TTC (TND)\nF1;A;03/12/2026;1.234\nF2;B;14/12/2026;120.500\n",
			want: []string{"2 F1 1234@TND 2026-12-03 -", "3 F2 120500@TND 2026-12-14 -"}},
		{name: "dinars by a column", file: "liste.csv", text: "Facture;Client;Échéance;Devise;Montant TTC\nF1;A;03/12/2026;TND;1,234\nF2;B;14/12/2026;TND;120,500\n",
			want: []string{"2 F1 1234@TND 2026-12-03 -", "3 F2 120500@TND 2026-12-14 -"}},
		{name: "euros, an odd third digit", file: "liste.csv", text: "Facture;Client;Échéance;Montant TTC\nF1;A;03/12/2026;1,234\nF2;B;14/12/2026;2,500\n",
			want: []string{"2 F1 123400 2026-12-03 -", "3 F2 250000 2026-12-14 -"}},
		{name: "euros, three decimals", file: "liste.csv", text: "Facture;Client;Échéance;Montant TTC\nF1;A;03/12/2026;120.000\nF2;B;14/12/2026;35.500\n",
			want: []string{"2 F1 12000 2026-12-03 -", "3 F2 3550 2026-12-14 -"}},
		{name: "dinars at fixed positions", file: "liste.txt", text: "FA0001  DUPONT      20261203TND0000123456\nFA0002  DURAND      20261214TND0000120500\nFA0003  MARTIN      20261215TND0000020000\n",
			want: []string{"1 FA0001 123456@TND - -", "2 FA0002 120500@TND - -", "3 FA0003 20000@TND - -"}},
		{name: "cents filled up with zeros below titles", file: "liste.txt", text: "FACTURE|CLIENT|ECHEANCE|MONTANT\nF1|A|20261203|000000012345\nF2|B|20261214|000000001000\n",
			want: []string{"2 F1 12345 2026-12-03 -", "3 F2 1000 2026-12-14 -"}},
		{name: "yen among euros, without a mark", file: "liste.txt", text: "FA0001  DUPONT      20261203EUR0000123456\nFA0002  DURAND      20261214EUR0000120500\nFA0003  MARTIN      20261215JPY0000020000\n",
			want: []string{"1 FA0001 123456 - -", "2 FA0002 120500 - -", "3 - - - - held"}},
	})
}

// TestCurrencyNames: what a column or a title calls its currency is never read as euros in silence.
func TestCurrencyNames(t *testing.T) {
	holdMarked(t, []product{
		{name: "numbers", file: "liste.csv", text: "Facture;Client;Échéance;Devise;Montant\nF1;A;03/12/2026;978;12,00\nF2;B;14/12/2026;840;13,00\n",
			want: []string{"2 F1 1200 2026-12-03 -", "3 F2 1300@USD 2026-12-14 -"}},
		{name: "names", file: "liste.csv", text: "Facture;Client;Échéance;Devise;Montant\nF1;A;03/12/2026;Euro;12,00\nF2;B;14/12/2026;Dollar US;13,00\nF3;B;14/12/2026;Livre sterling;14,00\n",
			want: []string{"2 F1 1200 2026-12-03 -", "3 F2 1300@USD 2026-12-14 -", "4 F3 1400@GBP 2026-12-14 -"}},
		{name: "unsure names", file: "liste.csv", text: "Facture;Client;Échéance;Devise;Montant\nF1;A;03/12/2026;Euro;12,00\nF2;B;14/12/2026;Dollars;13,00\n", confirm: []string{"currency"},
			want: []string{"2 F1 1200 2026-12-03 -", "3 F2 1300@USD 2026-12-14 -"}},
		{name: "words that nobody knows", file: "liste.csv", text: "Facture;Client;Échéance;Devise;Montant\nF1;A;03/12/2026;Euro;12,00\nF2;B;14/12/2026;Locale;13,00\n", confirm: []string{"currency"},
			want: []string{"2 F1 1200 2026-12-03 -", "3 - - - - rejected"}},
		{name: "nothing but words that nobody knows", file: "liste.csv", text: "Facture;Client;Échéance;Devise;Montant\nF1;A;03/12/2026;Locale;12,00\nF2;B;14/12/2026;Locale;13,00\n", confirm: []string{"currency"},
			want: []string{"2 F1 1200 2026-12-03 -", "3 F2 1300 2026-12-14 -"}},
		{name: "days of value", file: "liste.csv", text: "Rechnungsnummer;Kunde;Valuta;Fälligkeit;Betrag\nF1;A;3. Nov. 2026;03.12.2026;12,00\nF2;B;4. Nov. 2026;14.12.2026;13,00\n",
			want: []string{"2 F1 1200 2026-12-03 -", "3 F2 1300 2026-12-14 -"}},
		{name: "figures that nobody knows", file: "liste.csv", text: "Facture;Client;Échéance;Devise;Montant\nF1;A;03/12/2026;1;12,00\nF2;B;14/12/2026;2;13,00\n", confirm: []string{"currency"},
			want: []string{"2 F1 1200 2026-12-03 -", "3 F2 1300 2026-12-14 -"}},
		{name: "francs CFA in the title", file: "liste.csv", text: "Facture;Client;Échéance;Montant TTC (FCFA)\nF1;A;03/12/2026;13 500\nF2;B;14/12/2026;12 500\n", confirm: []string{"currency"},
			want: []string{"2 F1 13500@XOF 2026-12-03 -", "3 F2 12500@XOF 2026-12-14 -"}},
		{name: "dirhams in the title", file: "liste.csv", text: "Facture;Client;Échéance;Montant TTC (DH)\nF1;A;03/12/2026;13,50\nF2;B;14/12/2026;12,50\n", confirm: []string{"currency"},
			want: []string{"2 F1 1350@MAD 2026-12-03 -", "3 F2 1250@MAD 2026-12-14 -"}},
		{name: "dollars in the title", file: "liste.csv", text: "Facture;Client;Échéance;Montant en dollars\nF1;A;03/12/2026;13,50\nF2;B;14/12/2026;12,50\n", confirm: []string{"currency"},
			want: []string{"2 F1 1350@USD 2026-12-03 -", "3 F2 1250@USD 2026-12-14 -"}},
		{name: "no currency in a title of capitals", file: "liste.csv", text: "FATTURA;CLIENTE;SCADENZA;IMPORTO DA SALDARE\nF1;A;03/12/2026;13,50\nF2;B;14/12/2026;12,50\n",
			want: []string{"2 F1 1350 2026-12-03 -", "3 F2 1250 2026-12-14 -"}},
		{name: "no currency in the title", file: "liste.csv", text: "Facture;Client;Dt éch.;Montant livré\nF1;A;03/12/2026;13,50\nF2;B;14/12/2026;12,50\n",
			want: []string{"2 F1 1350 2026-12-03 -", "3 F2 1250 2026-12-14 -"}},
		{name: "blank means the house's own", file: "liste.csv", text: "Facture;Client;Échéance;Code devise;Montant\nF1;A;03/12/2026;;12,00\nF2;B;14/12/2026;USD;13,00\n", confirm: []string{"currency"},
			want: []string{"2 F1 1200 2026-12-03 -", "3 F2 1300@USD 2026-12-14 -"}},
		{name: "blank today", file: "liste.csv", text: "Facture;Client;Échéance;Code devise;Montant\nF1;A;03/12/2026;;12,00\nF2;B;14/12/2026;;13,00\n", confirm: []string{"currency"},
			want: []string{"2 F1 1200 2026-12-03 -", "3 F2 1300 2026-12-14 -"}},
		{name: "a balance in the house's own money", file: "account.move.csv", text: "Number,Invoice Partner Display Name,Invoice Date,Due Date,Total in Currency Signed,Amount Due Signed,Currency\nF1,A,2026-11-03,2026-12-03,1500.125,450.07,TND\nF2,B,2026-11-03,2026-12-03,20.00,20.00,EUR\n",
			want: []string{"2 - - - - held", "3 F2 2000 2026-12-03 2026-11-03"}},
	})
	got, _ := proposed(t, "liste.csv", []byte("Facture;Client;Échéance;Montant TTC\nF1;A;03/12/2026;1,234\nF2;B;14/12/2026;2,500\n"), nil)
	if strings.Contains(string(got.YAML), "name: currency") {
		t.Errorf("nothing tells a currency, and one is marked\n%s", got.YAML)
	}
}
