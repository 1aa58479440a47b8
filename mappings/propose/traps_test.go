package propose_test

import "testing"

// TestTraps: what looks like one thing and is another, in exports as programs write them.
func TestTraps(t *testing.T) { holdTo(t, traps()) }

func traps() []product {
	return []product{
		{name: "heures de SQL Server", file: "ventes.csv", text: "NumFacture;CodeClient;NomClient;DateFacture;DateEcheance;MontantTTC\nF1;C1;Dupont;2026-11-03 00:00:00.000;2026-12-03 00:00:00.000;100.00\nF2;C2;Durand;2026-11-14 00:00:00.000;2026-12-14 00:00:00.000;20.50\n",
			want: []string{"2 F1 10000 2026-12-03 2026-11-03", "3 F2 2050 2026-12-14 2026-11-14"}},
		{name: "zones horaires", file: "api.csv", text: "number,customer,issued on,due on,total\nF1,Dupont,2026-11-03T10:00:00+01:00,2026-12-03T10:00:00+01:00,100.00\nF2,Durand,2026-11-14T10:00:00.000Z,2026-12-14T10:00:00.000Z,20.50\n",
			want: []string{"2 F1 10000 2026-12-03 2026-11-03", "3 F2 2050 2026-12-14 2026-11-14"}},
		{name: "mois en lettres", file: "factures.csv", text: "Référence;Nom du client;Montant restant;Date de la facture;Date limite de règlement\nF1;Dupont;20,00 €;3 novembre 2026;3 décembre 2026\nF2;Durand;12,00 €;14 nov. 2026;14 déc. 2026\n",
			want: []string{"2 F1 2000 2026-12-03 2026-11-03", "3 F2 1200 2026-12-14 2026-11-14"}},
		{name: "months by name", file: "invoices.csv", text: "Invoice,Customer,Invoice Date,Due Date,Total\nF1,Dupont,\"Nov 3, 2026\",\"Dec 3, 2026\",20.00\nF2,Durand,\"Nov 14, 2026\",\"Dec 14, 2026\",12.00\n",
			want: []string{"2 F1 2000 2026-12-03 2026-11-03", "3 F2 1200 2026-12-14 2026-11-14"}},
		{name: "a.m. and p.m.", file: "invoices.csv", text: "Invoice Number,Customer,Invoice Date,Due Date,Total\nINV-1,Acme,11/03/2026 10:00 AM,12/03/2026 10:00 AM,100.00\nINV-2,Beta,11/14/2026 1:00 PM,12/14/2026 1:00 PM,20.00\n",
			want: []string{"2 INV-1 10000 2026-12-03 2026-11-03", "3 INV-2 2000 2026-12-14 2026-11-14"}},
	}
}
