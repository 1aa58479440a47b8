package propose_test

import "testing"

// TestLinesBelow: lines whose number, customer and dates stand once, above them, are one document with it.
func TestLinesBelow(t *testing.T) {
	const titles = "N° facture;Client;Article;Montant TTC;Échéance\n"
	holdTo(t, []product{
		{name: "the head is a line", file: "liste.csv", text: titles + "F1;A;x;10,00;03/12/2026\n;;y;5,00;\nF2;B;z;7,00;14/12/2026\n;;w;1,00;\nF3;C;z;7,00;14/12/2026\n",
			want: []string{"2 F1 1500 2026-12-03 -", "4 F2 800 2026-12-14 -", "6 F3 700 2026-12-14 -"}},
		{name: "the customer is repeated", file: "liste.csv", text: titles + "F1;A;x;10,00;03/12/2026\n;A;y;5,00;03/12/2026\nF2;B;z;7,00;14/12/2026\n",
			want: []string{"2 F1 1500 2026-12-03 -", "4 F2 700 2026-12-14 -"}},
		{name: "the head is the total", file: "liste.csv", text: titles + "F1;A;;15,00;03/12/2026\n;;x;10,00;\n;;y;5,00;\nF2;B;;7,00;14/12/2026\n;;z;7,00;\n",
			want: []string{"2 F1 1500 2026-12-03 -", "5 F2 700 2026-12-14 -"}},
		{name: "the head is the total with tax", file: "liste.csv", text: titles + "F1;A;;18,00;03/12/2026\n;;x;10,00;\n;;y;5,00;\nF2;B;;8,40;14/12/2026\n;;z;7,00;\n",
			want: []string{"2 F1 1800 2026-12-03 -", "5 F2 840 2026-12-14 -"}},
		{name: "either", file: "liste.csv", text: titles + "F1;A;x;10,00;03/12/2026\n;;y;10,00;\nF2;B;z;7,00;14/12/2026\n;;w;7,00;\n",
			want: []string{"2 - - - - held", "4 - - - - held"}},
		{name: "a line without an amount", file: "liste.csv", text: titles + "F1;A;x;10,00;03/12/2026\n;;y;5,00;\n;;livré le 2;;\nF2;B;z;7,00;14/12/2026\n",
			want: []string{"2 F1 1500 2026-12-03 -", "5 F2 700 2026-12-14 -"}},
		{name: "sub-totals are no lines", file: "liste.csv", text: "N° facture;Type;Montant TTC;Devise;Échéance;Texte\nF1;F;10,00;EUR;03/12/2026;x\nF2;F;5,00;EUR;14/12/2026;y\n;;15,00;EUR;;\nF3;F;7,00;EUR;14/12/2026;z\nF4;F;1,00;EUR;14/12/2026;z\n;;8,00;EUR;;solde\n",
			want: []string{"2 F1 1000 2026-12-03 -", "3 F2 500 2026-12-14 -", "5 F3 700 2026-12-14 -", "6 F4 100 2026-12-14 -"}},
		{name: "amounts alone", file: "liste.csv", text: "N° facture;Client;Montant TTC;Échéance\nF1;A;10,00;03/12/2026\n;;5,00;\nF2;B;7,00;14/12/2026\n;;1,00;\nF3;C;7,00;14/12/2026\n",
			want: []string{"2 - - - - held", "4 - - - - held", "6 - - - - held"}},
		{name: "a sum without a word", file: "liste.csv", text: "N° facture;Client;Montant TTC;Échéance\nF1;A;10,00;03/12/2026\nF2;B;7,00;14/12/2026\n;;917,00;\n",
			want: []string{"2 F1 1000 2026-12-03 -", "3 F2 700 2026-12-14 -"}},
		{name: "payments of other days are no lines", file: "liste.csv", text: "N° facture;Client;Libellé;Montant TTC;Date\nF1;A;Facture;10,00;03/11/2026\n;A;Virement;-5,00;09/11/2026\nF2;B;Facture;7,00;14/11/2026\n",
			want: []string{"2 F1 1000 - 2026-11-03", "4 F2 700 - 2026-11-14"}},
	})
}
