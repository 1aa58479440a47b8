package propose_test

import (
	"strings"
	"testing"
)

// TestInstalments: of an instalment its own amount is asked for, and not the invoice's, which is repeated beside it.
func TestInstalments(t *testing.T) {
	const three = "2 F1 40000 2026-12-03 -,3 F1 40000 2027-01-03 -,4 F1 40000 2027-02-03 -,5 F2 5000 2026-12-14 -"
	holdTo(t, []product{
		{name: "numbered", file: "liste.csv", text: "N° facture;Client;Échéance;N° échéance;Montant échéance;Montant TTC facture\nF1;A;03/12/2026;1/3;400,00;1200,00\nF1;A;03/01/2027;2/3;400,00;1200,00\nF1;A;03/02/2027;3/3;400,00;1200,00\nF2;B;14/12/2026;1/1;50,00;50,00\n",
			want: strings.Split(three, ",")},
		{name: "English", file: "liste.csv", text: "Invoice;Customer;Due Date;Installment No;Installment Amount;Total Amount\nF1;A;03/12/2026;1;400,00;1200,00\nF1;A;03/01/2027;2;400,00;1200,00\nF1;A;03/02/2027;3;400,00;1200,00\nF2;B;14/12/2026;1;50,00;50,00\n",
			want: strings.Split(three, ",")},
		{name: "by days", file: "liste.csv", text: "N° facture;Client;Échéance;Montant de l'échéance;Total facture\nF1;A;03/12/2026;400,00;1200,00\nF1;A;03/01/2027;400,00;1200,00\nF1;A;03/02/2027;400,00;1200,00\nF2;B;14/12/2026;50,00;50,00\n",
			want: strings.Split(three, ",")},
		{name: "titles that say nothing", file: "liste.csv", text: "N° facture;Client;Échéance;N° échéance;Montant TTC;Valeur\nF1;A;03/12/2026;1;1200,00;500,00\nF1;A;03/01/2027;2;1200,00;700,00\nF2;B;14/12/2026;1;50,00;50,00\n",
			want: []string{"2 F1 50000 2026-12-03 -", "3 F1 70000 2027-01-03 -", "4 F2 5000 2026-12-14 -"}},
		{name: "one of each invoice", file: "liste.csv", text: "N° facture;Client;Échéance;N° échéance;Montant TTC facture;Montant échéance\nF1;A;03/12/2026;2/3;1200,00;400,00\nF2;B;14/12/2026;1/1;50,00;50,00\n",
			want: []string{"2 F1 40000 2026-12-03 -", "3 F2 5000 2026-12-14 -"}},
		{name: "equal ones, nothing else", file: "liste.csv", text: "N° facture;Client;Échéance;N° échéance;Montant\nF1;A;03/12/2026;1;400,00\nF1;A;03/01/2027;2;400,00\nF2;B;14/12/2026;1;50,00\n",
			want: []string{"2 F1 40000 2026-12-03 -", "3 F1 40000 2027-01-03 -", "4 F2 5000 2026-12-14 -"}},
		{name: "left of each", file: "liste.csv", text: "N° facture;Client;Échéance;N° échéance;Montant échéance;Reste dû\nF1;A;03/12/2026;1;400,00;100,00\nF1;A;03/01/2027;2;400,00;400,00\nF2;B;14/12/2026;1;50,00;50,00\n",
			want: []string{"2 F1 10000 2026-12-03 -", "3 F1 40000 2027-01-03 -", "4 F2 5000 2026-12-14 -"}},
	})
}

// TestRunningBalance: the balance of an account after each row is not what is left of a document.
func TestRunningBalance(t *testing.T) {
	holdTo(t, []product{
		{name: "entries", file: "compte.csv", text: "Date;Code journal;N° pièce;Libellé;Lettrage;Débit;Crédit;Solde\n03/11/26;VTE;F1;Facture F1;;120,00;;120,00\n05/11/26;BQ;R1;Reglt;;;50,00;70,00\n06/11/26;VTE;F2;Facture F2;;60,00;;130,00\n",
			want: []string{"2 F1 12000 - 2026-11-03", "3 - - - - skipped", "4 F2 6000 - 2026-11-06"}},
		{name: "two customers", file: "compte.csv", text: "Client;Date;N° pièce;Débit;Crédit;Solde\nA;03/11/26;F1;120,00;;120,00\nA;06/11/26;F2;60,00;;180,00\nB;06/11/26;F3;10,00;;10,00\nB;07/11/26;F4;5,00;;15,00\n",
			want: []string{"2 F1 12000 - 2026-11-03", "3 F2 6000 - 2026-11-06", "4 F3 1000 - 2026-11-06", "5 F4 500 - 2026-11-07"}},
		{name: "one column of movements", file: "compte.csv", text: "Client;Date;N° pièce;Montant;Solde\nA;03/11/26;F1;120,00;120,00\nA;05/11/26;R1;-50,00;70,00\nA;06/11/26;F2;60,00;130,00\n",
			want: []string{"2 F1 12000 - 2026-11-03", "3 - - - - skipped", "4 F2 6000 - 2026-11-06"}},
		{name: "of each document", file: "compte.csv", text: "Client;Échéance;N° pièce;Débit;Crédit;Solde\nA;03/12/26;F1;120,00;20,00;100,00\nB;06/12/26;F2;60,00;;60,00\n",
			want: []string{"2 F1 10000 2026-12-03 -", "3 F2 6000 2026-12-06 -"}},
	})
}
