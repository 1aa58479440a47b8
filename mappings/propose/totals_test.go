package propose_test

import "testing"

// TestTotals: a document whose number begins with the word of a sum is a document where it is somebody's and of a day; a
// sum that is in part, and a count in place of a number, are held.
func TestTotals(t *testing.T) {
	holdTo(t, []product{
		{name: "numbers like sums", file: "liste.csv", text: "N° facture;Client;Échéance;Montant TTC\nTOTAL-0001;A;03/12/2026;10,00\nREPORT-12;B;14/12/2026;7,00\nTOTAL-0002;C;14/12/2026;8,00\nTOTAL;;;25,00\n",
			want: []string{"2 TOTAL-0001 1000 2026-12-03 -", "3 REPORT-12 700 2026-12-14 -", "4 TOTAL-0002 800 2026-12-14 -"}},
		{name: "a sum with a day, a sum of a customer", file: "liste.csv", text: "N° facture;Client;Échéance;Montant TTC\nF1;A;03/12/2026;10,00\nF2;B;14/12/2026;7,00\nTotal B;B;;7,00\nTOTAL;;31/12/2026;17,00\n",
			want: []string{"2 F1 1000 2026-12-03 -", "3 F2 700 2026-12-14 -", "4 - - - - held", "5 - - - - held"}},
		{name: "a customer called so", file: "liste.csv", text: "Agence;N° facture;Client;Échéance;Montant TTC\nTotal Énergies;F1;A;03/12/2026;10,00\nNord;F2;B;14/12/2026;7,00\nTotal;;;;17,00\n",
			want: []string{"2 F1 1000 2026-12-03 -", "3 F2 700 2026-12-14 -"}},
		{name: "counts", file: "liste.csv", text: "Client;N° facture;Échéance;Montant TTC\nDUPONT;FA101;03/12/2026;70,00\nDUPONT;FA102;14/12/2026;70,00\nDUPONT;2;;140,00\nDURAND;FA103;14/12/2026;70,00\nDURAND;1;;70,00\n",
			want: []string{"2 FA101 7000 2026-12-03 -", "3 FA102 7000 2026-12-14 -", "4 - - - - held", "5 FA103 7000 2026-12-14 -", "6 - - - - held"}},
		{name: "short numbers", file: "liste.csv", text: "Client;N° facture;Échéance;Montant TTC\nDUPONT;101;03/12/2026;70,00\nDUPONT;102;14/12/2026;70,00\nDURAND;103;;70,00\n",
			want: []string{"2 101 7000 2026-12-03 -", "3 102 7000 2026-12-14 -", "4 103 7000 - -"}},
	})
}
