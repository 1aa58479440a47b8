package propose_test

import (
	"fmt"
	"testing"
)

// TestPaidFlags: a column that answers yes or no is no amount, and what it says is paid is not asked for, whatever it is
// called; a sum that was paid is deducted.
func TestPaidFlags(t *testing.T) {
	list := func(title, open, paid string) product {
		return product{name: title + " " + open + "/" + paid, file: "liste.csv",
			text: fmt.Sprintf("Facture;Client;Échéance;Montant TTC;%s\nF1;A;03/12/2026;120,00;%s\nF2;B;14/12/2026;10,00;%s\n", title, open, paid),
			want: []string{"2 F1 12000 2026-12-03 -", "3 - - - - skipped"}}
	}
	holdTo(t, []product{
		list("Payé", "non", "oui"), list("Soldé", "Non", "Oui"), list("Paid", "No", "Yes"), list("Règlement reçu", "", "X"), list("Payé", "FALSE", "TRUE"), list("Réglé (O/N)", "N", "O"),
		list("Payée", "non", "oui"), list("is_paid", "0", "1"), list("Réglé", "0", "1"), list("Paid", "0", "1"), list("Encaissement", "", "✓"), list("Lettrage", "Non", "Oui"), list("Lettrage", "", "X"),
		list("Impayé", "oui", "non"), list("Non réglée", "oui", "non"), list("Open", "Yes", "No"),
		list("Payée le", "", "04/11/2026"), list("Date encaissement", "00/00/0000", "04/11/2026"), list("Date de paiement", "1900-01-00", "2026-11-04"), list("Paid at", "", "2026-11-04 10:00:00"),
		list("Payé le", "", "46339"), list("Date de règlement", "", "46339"),
		{name: "in part", file: "liste.csv", text: "Facture;Client;Échéance;Montant TTC;Payé\nF1;A;03/12/2026;120,00;non\nF2;B;14/12/2026;10,00;oui\nF3;B;14/12/2026;10,00;partiel\n",
			want: []string{"2 F1 12000 2026-12-03 -", "3 - - - - skipped", "4 - - - - held"}},
		{name: "means of payment", file: "liste.csv", text: "Facture;Client;Échéance;Montant TTC;Règlement\nF1;A;03/12/2026;120,00;Virement\nF2;B;14/12/2026;10,00;Chèque\n",
			want: []string{"2 F1 12000 2026-12-03 -", "3 F2 1000 2026-12-14 -"}},
		{name: "sums that were paid", file: "liste.csv", text: "Facture;Client;Échéance;Montant TTC;Réglé\nF1;A;03/12/2026;120,00;0\nF2;B;14/12/2026;10,00;4\n",
			want: []string{"2 F1 12000 2026-12-03 -", "3 F2 600 2026-12-14 -"}},
		{name: "a deposit", file: "liste.csv", text: "Facture;Client;Échéance;Montant TTC;Acompte versé\nF1;A;03/12/2026;120,00;non\nF2;B;14/12/2026;10,00;oui\n",
			want: []string{"2 F1 12000 2026-12-03 -", "3 - - - - held"}},
		{name: "no flag of payment", file: "liste.csv", text: "Facture;Client;Échéance;Montant TTC;Paiement en ligne\nF1;A;03/12/2026;120,00;non\nF2;B;14/12/2026;10,00;oui\n",
			want: []string{"2 F1 12000 2026-12-03 -", "3 F2 1000 2026-12-14 -"}},
	})
	// Another day's file says something else.
	p := list("Payé", "non", "oui")
	_, m := proposed(t, p.file, p.bytes(t), nil)
	if rows := read(t, m, []byte("Facture;Client;Échéance;Montant TTC;Payé\nF1;A;03/12/2026;120,00;en partie\n")); rows[2].state != "held" {
		t.Errorf("neither yes nor no: %+v", rows[2])
	}
}

// TestStatusWords: words of a status count beside a credit note's, and in a column of kinds of documents; what is in doubt
// is held.
func TestStatusWords(t *testing.T) {
	holdTo(t, []product{
		{name: "a credit note among the states", file: "liste.csv", text: "Facture;Client;Échéance;Montant TTC;Etat\nF1;A;03/12/2026;120,00;A payer\nF2;B;14/12/2026;10,00;Soldée\nF3;B;14/12/2026;10,00;Annulée\nF4;B;14/12/2026;10,00;Avoir émis\nF5;B;14/12/2026;10,00;Acquittée\nF6;B;14/12/2026;10,00;Remboursée\n",
			want: []string{"2 F1 12000 2026-12-03 -", "3 - - - - skipped", "4 - - - - skipped", "5 - - - - skipped", "6 - - - - skipped", "7 - - - - skipped"}},
		{name: "a draft among the kinds", file: "liste.csv", text: "Type;N° facture;Client;Échéance;Solde dû\nFacture;F1;A;03/12/2026;70,00\nBrouillon;F2;B;04/12/2026;80,00\n",
			want: []string{"2 F1 7000 2026-12-03 -", "3 - - - - skipped"}},
		{name: "lost and in doubt", file: "liste.csv", text: "N° facture;Client;Échéance;Montant TTC;Statut\nF1;A;03/12/2026;70,00;Envoyée\nF2;B;04/12/2026;80,00;Irrécouvrable\nF3;B;04/12/2026;80,00;Write-off\nF4;B;04/12/2026;80,00;Pending approval\nF5;B;04/12/2026;80,00;Disputed\nF6;B;04/12/2026;80,00;En litige\n",
			want: []string{"2 F1 7000 2026-12-03 -", "3 - - - - skipped", "4 - - - - skipped", "5 - - - - held", "6 - - - - held", "7 - - - - held"}},
	})
}

// TestDashes: a spreadsheet writes nothing at all as a dash; in a column of money that is a number.
func TestDashes(t *testing.T) {
	holdTo(t, []product{
		{name: "half of them", file: "liste.csv", text: "Facture;Client;Échéance;Montant TTC;Reste dû\nF1;A;03/12/2026;120,00 €;-   €\nF2;B;14/12/2026;50,00 €;-   €\nF3;B;14/12/2026;1 050,00 €;20,00 €\nF4;B;14/12/2026;50,00 €;50,00 €\n",
			want: []string{"2 - - - - skipped", "3 - - - - skipped", "4 F3 2000 2026-12-14 -", "5 F4 5000 2026-12-14 -"}},
		{name: "one of them", file: "liste.csv", text: "Facture;Client;Échéance;Montant TTC;Reste dû\nF1;A;03/12/2026;120,00;-\nF2;-;14/12/2026;50,00;50,00\nF3;B;14/12/2026;1 050,00;20,00\n",
			want: []string{"2 - - - - skipped", "3 F2 5000 2026-12-14 -", "4 F3 2000 2026-12-14 -"}},
		{name: "nothing paid", file: "liste.csv", text: "Facture;Client;Échéance;Montant TTC;Réglé\nF1;A;03/12/2026;120,00;- €\nF2;B;14/12/2026;50,00;10,00 €\n",
			want: []string{"2 F1 12000 2026-12-03 -", "3 F2 4000 2026-12-14 -"}},
		{name: "all paid", file: "liste.csv", text: "Facture;Client;Échéance;Montant TTC;Reste dû\nF1;A;03/12/2026;120,00;- €\nF2;B;14/12/2026;50,00;- €\n",
			want: []string{"2 - - - - skipped", "3 - - - - skipped"}},
	})
}
