package propose_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/navette-connect/navette/mappings/propose"
)

// TestTraps: what looks like one thing and is another, in exports as programs write them.
func TestTraps(t *testing.T) { holdTo(t, traps()) }

func traps() []product {
	return []product{
		{name: "devises peu connues", file: "invoices.csv", text: "Invoice Number,Customer Name,Currency Code,Due Date,Total,Balance\nINV-1,Acme,INR,2026-12-03,\"1,234.50\",\"1,234.50\"\nINV-2,Beta,SGD,2026-12-14,500.00,400.00\n",
			want: []string{"2 INV-1 123450@INR 2026-12-03 -", "3 INV-2 40000@SGD 2026-12-14 -"}},
		{name: "devise dans le titre", file: "invoices.csv", text: "Invoice,Customer,Due Date,Amount (NZD)\nINV-1,Acme,2026-12-03,1234.50\nINV-2,Beta,2026-12-14,500.00\n",
			want: []string{"2 INV-1 123450@NZD 2026-12-03 -", "3 INV-2 50000@NZD 2026-12-14 -"}},
		{name: "devise au-dessus des titres", file: "aged.csv", text: "Aged receivables\nCurrency: USD\n\nInvoice,Customer,Due Date,Amount Due\nINV-1,Acme,2026-12-03,1234.50\nINV-2,Beta,2026-12-14,500.00\n",
			want: []string{"5 INV-1 123450@USD 2026-12-03 -", "6 INV-2 50000@USD 2026-12-14 -"}},
		{name: "solde en euros à côté d'une devise", file: "impayes.csv", text: "Facture;Client;Échéance;Devise;Montant devise;Reste dû EUR\nF1;Dupont;03/12/2026;USD;120,00;110,00\nF2;Durand;14/12/2026;EUR;20,00;20,00\n",
			want: []string{"2 F1 11000 2026-12-03 -", "3 F2 2000 2026-12-14 -"}},
		{name: "SAP B1, FC", file: "open.csv", text: "Document Number;Due Date;Customer Code;Document Total;Document Total (FC);Document Currency;Balance Due\n1001;03.12.26;C1;120,00;;EUR;100,00\n1002;14.12.26;C2;50,00;55,00;USD;50,00\n",
			want: []string{"2 1001 10000 2026-12-03 -", "3 1002 5000 2026-12-14 -"}},
		{name: "amount et amount_with_vat", file: "invoices.csv", text: "id;number;customer_name;amount;vat;amount_with_vat;deadline\n9001;F-1;Dupont;100.00;20.00;120.00;2026-12-03\n9002;F-2;Durand;10.00;2.00;12.00;2026-12-14\n",
			want: []string{"2 F-1 12000 2026-12-03 -", "3 F-2 1200 2026-12-14 -"}},
		{name: "montant net, TVA, montant", file: "factures.csv", text: "Facture;Client;Échéance;Montant net;TVA;Montant\nF1;Dupont;03/12/2026;100,00;20,00;120,00\nF2;Durand;14/12/2026;20,00;4,00;24,00\n",
			want: []string{"2 F1 12000 2026-12-03 -", "3 F2 2400 2026-12-14 -"}},
		{name: "titres qui ne disent rien", file: "factures.csv", text: "Facture;Client;Échéance;Montant;Part 1;Part 2\nF1;Dupont;03/12/2026;100,00;20,00;120,00\nF2;Durand;14/12/2026;20,00;4,00;24,00\n",
			want: []string{"2 F1 12000 2026-12-03 -", "3 F2 2400 2026-12-14 -"}},
		{name: "sans titres, avec taxe", file: "factures.csv", text: "F1;Dupont;03/11/2026;03/12/2026;100,00;20,00;120,00\nF2;Durand;14/11/2026;14/12/2026;10,00;2,00;12,00\n",
			want: []string{"1 F1 12000 2026-12-03 2026-11-03", "2 F2 1200 2026-12-14 2026-11-14"}},
		{name: "hors taxes et TVA", file: "factures.csv", text: "Facture;Client;Échéance;Montant HT;TVA\nF1;Dupont;03/12/2026;100,00;20,00\nF2;Durand;14/12/2026;20,00;4,00\n",
			want: []string{"2 F1 12000 2026-12-03 -", "3 F2 2400 2026-12-14 -"}},
		{name: "due is an amount", file: "invoices.csv", text: "Invoice Number,Contact,Date,Due Date,Total,Paid,Due\nINV-1,Acme,2026-11-03,2026-12-03,100.00,0.00,100.00\nINV-2,Beta,2026-11-14,2026-12-14,20.00,10.00,10.00\n",
			want: []string{"2 INV-1 10000 2026-12-03 2026-11-03", "3 INV-2 1000 2026-12-14 2026-11-14"}},
		{name: "solde du client", file: "factures.csv", text: "Facture;Client;Échéance;Montant TTC;Solde client\nF1;Dupont;03/12/2026;100,00;320,00\nF2;Durand;14/12/2026;20,00;20,00\nF3;Dupont;14/12/2026;220,00;320,00\n",
			want: []string{"2 F1 10000 2026-12-03 -", "3 F2 2000 2026-12-14 -", "4 F3 22000 2026-12-14 -"}},
		{name: "solde qui est celui du client", file: "factures.csv", text: "Facture;Client;Échéance;Montant TTC;Solde\nF1;Dupont;03/12/2026;100,00;320,00\nF2;Durand;14/12/2026;20,00;20,00\nF3;Dupont;14/12/2026;220,00;320,00\n",
			want: []string{"2 F1 10000 2026-12-03 -", "3 F2 2000 2026-12-14 -", "4 F3 22000 2026-12-14 -"}},
		{name: "pourcentage d'acompte", file: "factures.csv", text: "Facture;Client;Date;Remise %;Acompte (%);Total\nF1;Dupont;03/11/2026;5,00;30,00;84,00\nF2;Durand;14/11/2026;0,00;30,00;24,00\n",
			want: []string{"2 F1 8400 - 2026-11-03", "3 F2 2400 - 2026-11-14"}},
		{name: "montant et montant du transport", file: "factures.csv", text: "Facture;Client;Échéance;Montant;Montant transport\nF1;Dupont;03/12/2026;100,00;7,50\nF2;Durand;14/12/2026;20,00;7,50\n",
			want: []string{"2 F1 10000 2026-12-03 -", "3 F2 2000 2026-12-14 -"}},
		{name: "règlement parmi les factures", file: "pieces.csv", text: "N° pièce;Type;Client;Date;Échéance;Montant\nF1;Facture;Dupont;03/11/2026;03/12/2026;100,00\nF2;Facture;Durand;14/11/2026;14/12/2026;20,00\nR1;Règlement;Durand;15/11/2026;15/11/2026;20,00\n",
			want: []string{"2 F1 10000 2026-12-03 2026-11-03", "3 F2 2000 2026-12-14 2026-11-14", "4 - - - - skipped"}},
		{name: "type sous un titre inconnu", file: "pieces.csv", text: "N° pièce;Quoi;Client;Échéance;Montant\nF1;Facture;Dupont;03/12/2026;100,00\nF2;Facture;Durand;14/12/2026;20,00\nR1;Paiement;Durand;15/11/2026;20,00\nA1;Facture d'avoir;Durand;15/11/2026;5,00\n",
			want: []string{"2 F1 10000 2026-12-03 -", "3 F2 2000 2026-12-14 -", "4 - - - - skipped", "5 - - - - skipped"}},
		{name: "nombre de factures", file: "factures.csv", text: "N° facture;Client;Date;Échéance;Montant TTC\nF1;Dupont;03/11/2026;03/12/2026;100,00\nF2;Durand;14/11/2026;14/12/2026;20,00\n2 factures;;;;120,00\nNombre : 2;;;;120,00\n",
			want: []string{"2 F1 10000 2026-12-03 2026-11-03", "3 F2 2000 2026-12-14 2026-11-14"}},
		{name: "somme qui a l'air d'un numéro", file: "factures.csv", text: "N° facture;Client;Date;Échéance;Montant TTC\nF1;Dupont;03/11/2026;03/12/2026;100,00\nF2;Durand;14/11/2026;14/12/2026;20,00\nNov-2026;;;;120,00\n",
			want: []string{"2 F1 10000 2026-12-03 2026-11-03", "3 F2 2000 2026-12-14 2026-11-14", "4 - - - - held"}},
		{name: "réglée en partie", file: "factures.csv", text: "N° facture;Statut;Client;Date;Échéance;Montant TTC\nF1;Envoyée;Dupont;03/11/2026;03/12/2026;100,00\nF2;Partiellement payée;Durand;14/11/2026;14/12/2026;20,00\nF3;Payée le 12/11/2026;Durand;14/11/2026;14/12/2026;20,00\nF4;Payée (CB);Durand;14/11/2026;14/12/2026;20,00\n",
			want: []string{"2 F1 10000 2026-12-03 2026-11-03", "3 - - - - held", "4 - - - - skipped", "5 - - - - skipped"}},
		{name: "rang et référence", file: "factures.csv", text: "N°;Client;Référence;Échéance;Montant\n1;Dupont;FA26-001;03/12/2026;100,00\n2;Durand;FA26-002;14/12/2026;20,00\n",
			want: []string{"2 FA26-001 10000 2026-12-03 -", "3 FA26-002 2000 2026-12-14 -"}},
		{name: "lignes de même montant", file: "lignes.csv", text: "N° facture;Client;Article;Qté;PU HT;Total HT;Taux TVA;Total TTC\nF1;Dupont;A;1;50,00;50,00;20,00;60,00\nF1;Dupont;B;1;50,00;50,00;20,00;60,00\nF2;Durand;A;1;10,00;10,00;20,00;12,00\n",
			want: []string{"2 F1 12000 - -", "4 F2 1200 - -"}},
		{name: "une facture de deux lignes parmi dix", file: "lignes.csv", text: "N° facture;Client;Article;Montant TTC\nF1;A;Pose;60,00\nF1;A;Fourniture;40,00\nF2;B;Pose;12,00\nF3;C;Pose;12,00\nF4;D;Pose;12,00\nF5;E;Pose;12,00\nF6;F;Pose;12,00\nF7;G;Pose;12,00\n",
			want: []string{"2 F1 10000 - -", "4 F2 1200 - -", "5 F3 1200 - -", "6 F4 1200 - -", "7 F5 1200 - -", "8 F6 1200 - -", "9 F7 1200 - -"}},
		{name: "tranches d'âge", file: "balance.csv", text: "Client;Pièce;Échéance;Solde;Non échu;1-30 j;31-60 j;+ 60 j\nDupont;F1;03/12/2026;84,00;84,00;;;\nDurand;F2;14/10/2026;24,00;;;24,00;\n",
			want: []string{"2 F1 8400 2026-12-03 -", "3 F2 2400 2026-10-14 -"}},
		{name: "numéros de clients en C", file: "factures.txt", encoding: "cp850", text: "FA000123  C00012  DUPONT SARL              202611032026120300000123456EUR\r\nFA000124  C00013  DURAND ET FILS           202611142026121400000009990EUR\r\nFA000125  C00014  MENARD                   202611142026121400000001000EUR\r\n",
			want: []string{"1 FA000123 123456 2026-12-03 2026-11-03", "2 FA000124 9990 2026-12-14 2026-11-14", "3 FA000125 1000 2026-12-14 2026-11-14"}},
		{name: "dollars canadiens", file: "factures.csv", text: "No facture;Client;Date;Sous-total;TPS;TVQ;Total;Solde\n1001;Dupont;2026-11-03;100,00 $;5,00 $;9,98 $;114,98 $;114,98 $\n1002;Durand;2026-11-04;10,00 $;0,50 $;1,00 $;11,50 $;1,50 $\n",
			want: []string{"2 1001 11498@CAD - 2026-11-03", "3 1002 150@CAD - 2026-11-04"}},
		{name: "montant sur la première ligne", file: "orders.csv", text: "Order,Email,Financial Status,Currency,Subtotal,Taxes,Total,Created at,Item,Outstanding Balance\n#1001,a@b.example,pending,EUR,100.00,21.00,121.00,2026-11-03 10:00:00 +0100,A,121.00\n#1001,,,,,,,2026-11-03 10:00:00 +0100,B,\n#1002,c@d.example,paid,EUR,10.00,3.00,13.00,2026-11-04 10:00:00 +0100,A,0.00\n",
			want: []string{"2 #1001 12100 - 2026-11-03", "4 - - - - skipped"}},
		{name: "acompte demandé", file: "factures.csv", text: "N° facture;Date;Client;Total TTC;Acompte 30%\nF26-1;03/11/2026;Dupont;1200,00;360,00\nF26-2;04/11/2026;Durand;120,00;36,00\n",
			want: []string{"2 F26-1 120000 - 2026-11-03", "3 F26-2 12000 - 2026-11-04"}},
		{name: "client fusionné et sous-totaux", file: "relance.csv", text: "Client;N° Fact;Date;Echéance;Mt TTC;Reste à payer\nSARL DUPONT;FA0012;03/11/2026;03/12/2026;1 234,56 €;1 234,56 €\n;FA0013;04/11/2026;04/12/2026;100,00 €;50,00 €\nSous-total SARL DUPONT;;;;1 334,56 €;1 284,56 €\nDURAND;FA0014;05/11/2026;05/12/2026;12,00 €;12,00 €\nSous-total DURAND;;;;12,00 €;12,00 €\nTOTAL GENERAL;;;;1 346,56 €;1 296,56 €\n",
			want: []string{"2 FA0012 123456 2026-12-03 2026-11-03", "3 FA0013 5000 2026-12-04 2026-11-04", "5 FA0014 1200 2026-12-05 2026-11-05", "4 - - - - out", "6 - - - - out", "7 - - - - out"}},
		{name: "bons de livraison et devis", file: "pieces.csv", text: "Numéro;Type;Client;Échéance;TTC\n1;Facture;Dupont;03/12/2026;100,00\n5;BL;Durand;03/12/2026;50,00\n6;Devis;Durand;03/12/2026;50,00\n",
			want: []string{"2 1 10000 2026-12-03 -", "3 - - - - skipped", "4 - - - - skipped"}},
		{name: "date de règlement", file: "factures.csv", text: "Facture;Client;Échéance;Montant TTC;Date de règlement\nF1;A;03/12/2026;12,50;\nF2;B;14/12/2026;350,00;10/11/2026\n",
			want: []string{"2 F1 1250 2026-12-03 -", "3 - - - - skipped"}},
		{name: "paid at", file: "invoices.csv", text: "invoice_number,customer_email,amount_cents,currency,due_date,paid_at\nF1,a@b.example,1250,eur,2026-12-03,\nF2,c@d.example,35000,eur,2026-12-03,2026-11-10\n",
			want: []string{"2 F1 1250 2026-12-03 -", "3 - - - - skipped"}},
		{name: "types d'enregistrement en lettres", file: "factures.txt", encoding: "windows-1252", text: "ENT20261120SOCIETE X                                                            \r\nFACFA000123  C00012  DUPONT SARL              202611032026120300000123456EUR       \r\nFACFA000124  C00013  DURAND ET FILS           202611142026121400000009990EUR       \r\nFACFA000125  C00014  MENARD                   202611142026121400000001000EUR       \r\nFIN0000030000000134446                                                           \r\n",
			want: []string{"2 FA000123 123456 2026-12-03 2026-11-03", "3 FA000124 9990 2026-12-14 2026-11-14", "4 FA000125 1000 2026-12-14 2026-11-14"}},
		{name: "milliers à blancs, positions fixes", file: "factures.txt", encoding: "windows-1252", text: "FA000123  DUPONT SARL              03/11/2026 03/12/2026      1 234,56 EUR\r\nFA000124  DURAND ET FILS           14/11/2026 14/12/2026         99,90 EUR\r\nFA000125  MENARD                   15/11/2026 15/12/2026     12 345,60 EUR\r\n",
			want: []string{"1 FA000123 123456 2026-12-03 2026-11-03", "2 FA000124 9990 2026-12-14 2026-11-14", "3 FA000125 1234560 2026-12-15 2026-11-15"}},
		{name: "état imprimé", file: "etat.txt", encoding: "windows-1252", text: "                       LISTE DES FACTURES NON REGLEES AU 20/11/2026             PAGE   1\n\n N° FACTURE  CLIENT                    DATE        ECHEANCE      MONTANT TTC\n ----------  ------------------------  ----------  ----------  -------------\n FA000123    DUPONT SARL               03/11/2026  03/12/2026       1 234,56\n FA000124    DURAND ET FILS            14/11/2026  14/12/2026          99,90\n                                                   ----------  -------------\n                                       TOTAL                        1 334,46\n",
			want: []string{"5 FA000123 123456 2026-12-03 2026-11-03", "6 FA000124 9990 2026-12-14 2026-11-14", "7 - - - - rejected", "8 - - - - rejected"}},
		{name: "titres au-dessus de positions fixes", file: "liste.txt", text: "Facture  Client      Echeance    Montant\nF1       Dupont      03/12/2026   120,00\nF2       Durand      14/12/2026    12,50\n",
			want: []string{"2 F1 12000 2026-12-03 -", "3 F2 1250 2026-12-14 -"}},
		{name: "deux jours sans séparateur", file: "factures.txt", encoding: "cp850", text: "FA0012  CDUPON  DUPONT SARL         061126031226000000123456D\r\nFA0013  CDURAN  DURAND              071126041226000000009990D\r\nAV0002  CDURAN  DURAND              081126051226000000001000C\r\nFA0014  CMENAR  MENARD & CO         091126061226000000250000D\r\n",
			want: []string{"1 FA0012 123456 2026-12-03 2026-11-06", "2 FA0013 9990 2026-12-04 2026-11-07", "3 - - - - skipped", "4 FA0014 250000 2026-12-06 2026-11-09"}},
		{name: "moins derrière le montant", file: "factures.txt", encoding: "cp850", text: "FA0012  CDUPON  DUPONT SARL         061126031226000000123456 \r\nFA0013  CDURAN  DURAND              071126041226000000009990 \r\nAV0002  CDURAN  DURAND              081126051226000000001000-\r\nFA0014  CMENAR  MENARD & CO         091126061226000000250000 \r\n",
			want: []string{"1 FA0012 123456 2026-12-03 2026-11-06", "2 FA0013 9990 2026-12-04 2026-11-07", "3 - - - - skipped", "4 FA0014 250000 2026-12-06 2026-11-09"}},
		{name: "signe dans le dernier chiffre", file: "factures.txt", encoding: "cp850", text: "FA0012  CDUPON  DUPONT SARL         0611260312260000012345F\r\nFA0013  CDURAN  DURAND              0711260412260000000999{\r\nAV0002  CDURAN  DURAND              0811260512260000000100}\r\nFA0014  CMENAR  MENARD & CO         0911260612260000025000{\r\n",
			want: []string{"1 FA0012 123456 2026-12-03 2026-11-06", "2 FA0013 9990 2026-12-04 2026-11-07", "3 - - - - skipped", "4 FA0014 250000 2026-12-06 2026-11-09"}},
		{name: "signe devant le montant", file: "factures.txt", encoding: "cp850", text: "26000123 00012LEFEVRE SARL          2026110320261203+000000123456EUR\r\n26000124 00013GARAGE NOEL           2026110420261204+000000009990EUR\r\n26000125 00014MENARD                2026110520261205-000000002000EUR\r\n26000126 00015ATELIERS DU PORT      2026110620261206+000001250000EUR\r\n26000127 00012LEFEVRE SARL          2026110720261207+000000000705EUR\r\n",
			want: []string{"1 26000123 123456 2026-12-03 2026-11-03", "2 26000124 9990 2026-12-04 2026-11-04", "3 - - - - skipped", "4 26000126 1250000 2026-12-06 2026-11-06", "5 26000127 705 2026-12-07 2026-11-07"}},
		{name: "moins devant le montant", file: "factures.txt", encoding: "cp850", text: "26000123 00012LEFEVRE SARL          2026110320261203 000000123456EUR\r\n26000124 00013GARAGE NOEL           2026110420261204 000000009990EUR\r\n26000125 00014MENARD                2026110520261205-000000002000EUR\r\n26000126 00015ATELIERS DU PORT      2026110620261206 000001250000EUR\r\n26000127 00012LEFEVRE SARL          2026110720261207 000000000705EUR\r\n",
			want: []string{"1 26000123 123456 2026-12-03 2026-11-03", "2 26000124 9990 2026-12-04 2026-11-04", "3 - - - - skipped", "4 26000126 1250000 2026-12-06 2026-11-06", "5 26000127 705 2026-12-07 2026-11-07"}},
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

// TestTwoTables: what stands below other titles is not read, or the file is refused.
func TestTwoTables(t *testing.T) {
	holdTo(t, []product{
		{name: "deux tableaux", file: "export.csv", text: "Facture;Client;Échéance;Montant TTC\nF1;Dupont;03/12/2026;120,00\nF2;Durand;14/12/2026;12,50\n\nAvoirs;;;\nAvoir;Client;Date;Montant TTC\nA1;Dupont;04/11/2026;50,00\n",
			want: []string{"2 F1 12000 2026-12-03 -", "3 F2 1250 2026-12-14 -"}},
		{name: "deux tableaux, tabulations", file: "export.txt", text: "Facture\tClient\tÉchéance\tMontant TTC\nF1\tDupont\t03/12/2026\t120,00\nF2\tDurand\t14/12/2026\t12,50\n\nAvoirs\t\t\t\nAvoir\tClient\tDate\tMontant TTC\nA1\tDupont\t04/11/2026\t50,00\n",
			want: []string{"2 F1 12000 2026-12-03 -", "3 F2 1250 2026-12-14 -"}},
	})
	var refused *propose.Refusal
	_, err := propose.Propose(spool("export.csv", []byte("Rang;Facture;Client;Échéance;Montant TTC\n1;F1;Dupont;03/12/2026;120,00\n2;F2;Durand;14/12/2026;12,50\n;Avoir;Client;Date;Montant TTC\n1;A1;Dupont;04/11/2026;50,00\n")), propose.Options{Formats: formats(), Lang: "fr"})
	if !errors.As(err, &refused) {
		t.Errorf("a second table is taken for the first: %v", err)
	}
}

// TestStaff: the address of the house's own salesman is not the customer's.
func TestStaff(t *testing.T) {
	for _, title := range []string{"Email commercial", "Vendeur", "Gestionnaire", "Sales rep e-mail", "Account manager", "Créateur"} {
		got, _ := proposed(t, "factures.csv", []byte("Facture;Client;"+title+";Échéance;Montant TTC\nF1;Dupont;paul@nous.example;03/12/2026;100,00\nF2;Durand;anne@nous.example;14/12/2026;20,00\n"), nil)
		for _, c := range got.Columns {
			if c.Field == "customer.email" {
				t.Errorf("%s is taken for the customer's address", c.Title)
			}
		}
	}
}

// TestFilled: a customer that stands once above several documents is the customer of each; of a sum it is not.
func TestFilled(t *testing.T) {
	got, _ := proposed(t, "relance.csv", []byte("Client;N° Fact;Echéance;Reste\nDUPONT;FA0012;03/12/2026;100,00\n;FA0013;04/12/2026;50,00\nDURAND;FA0014;05/12/2026;12,00\n"), nil)
	if !strings.Contains(string(got.YAML), `fill: {key: "Client", columns: []}`) {
		t.Errorf("the customer is not taken from the row above:\n%s", got.YAML)
	}
	got, _ = proposed(t, "relance.csv", []byte("Client;N° Fact;Echéance;Reste\nDUPONT;FA0012;03/12/2026;100,00\nDURAND;FA0014;05/12/2026;12,00\n;Nov-2026;;112,00\n"), nil)
	if strings.Contains(string(got.YAML), "fill:") {
		t.Errorf("a sum is given a customer:\n%s", got.YAML)
	}
}

// TestNothingOwed: lists of credit notes, of suppliers' invoices and of thousands, and whole journals, are refused by name.
func TestNothingOwed(t *testing.T) {
	for _, text := range []string{
		"N° avoir;Date;Client;Montant TTC\nAV1;03/11/2026;Dupont;10,00\nAV2;04/11/2026;Durand;5,00\n",
		"Numéro;Type;Client;Montant TTC\n1;Avoir;Dupont;10,00\n2;Avoir;Durand;5,00\n",
		"Facture fournisseur;Fournisseur;Échéance;Montant TTC\nX1;EDF;03/12/2026;100,00\nX2;Orange;04/12/2026;50,00\n",
		"Compte;Nom;Pièce;Date;Débit;Crédit\n9DUP;DUPONT;F1;03/11/2026;120,00;\n706000;VENTES;F1;03/11/2026;;100,00\n445710;TVA;F1;03/11/2026;;20,00\n9DUR;DURAND;F2;03/11/2026;12,00;\n706000;VENTES;F2;03/11/2026;;10,00\n445710;TVA;F2;03/11/2026;;2,00\n",
		"Numéro;Client;Échéance;Montant (k€)\nX1;EDF;03/12/2026;100,00\nX2;Orange;04/12/2026;50,00\n",
	} {
		var refused *propose.Refusal
		if p, err := propose.Propose(spool("liste.csv", []byte(text)), propose.Options{Formats: formats(), Lang: "fr"}); !errors.As(err, &refused) {
			t.Errorf("proposed for %q: %v\n%s", text, err, p.YAML)
		}
	}
}

// TestOrderNumber: the number of the customer's order is neither the customer's nor the invoice's.
func TestOrderNumber(t *testing.T) {
	got, _ := proposed(t, "factures.csv", []byte("N° cde client;N° facture;Client;Échéance;Dû\nBC-77;F1;Dupont;03/12/2026;100,00\nBC-78;F2;Durand;14/12/2026;20,00\n"), nil)
	want := map[string]string{"N° cde client": "", "N° facture": "reference", "Client": "customer.name", "Échéance": "due_on", "Dû": "amount"}
	for _, c := range got.Columns {
		if c.Field != want[c.Title] {
			t.Errorf("%q is %q, want %q", c.Title, c.Field, want[c.Title])
		}
	}
}

// TestSignToCome: the blank before an amount is read with it, for the minus that another file may have there.
func TestSignToCome(t *testing.T) {
	line := func(sign string) string { return "FA0012  LEFEVRE     20261203 " + sign + "000000123456EUR\n" }
	_, m := proposed(t, "factures.txt", []byte(line(" ")+"FA0013  NOEL        20261204  000000009990EUR\nFA0014  MENARD      20261205  000000001000EUR\n"), nil)
	if rows := read(t, m, []byte(line("-"))); rows[1].state == "accepted" {
		t.Errorf("a credit note is asked for: %+v", rows[1])
	}
}

// TestFixedThousands: where every amount has its thousands behind a blank, nothing tells it from a quantity and a price.
func TestFixedThousands(t *testing.T) {
	text := "FA000123  DUPONT       03/12/2026      1 234,56\nFA000124  DURAND       14/12/2026      2 099,90\nFA000125  MENARD       15/12/2026     12 345,60\n"
	days := "26000123  00012 LEFEVRE SARL          2630026330000000123456EUR\n26000124  00013 GARAGE NOEL           2630126331000000009990EUR\n26000125  00014 MENARD                2630226332000000002000EUR\n26000126  00015 ATELIERS DU PORT      2630326333000001250000EUR\n26000127  00012 LEFEVRE SARL          2630426334000000000705EUR\n"
	for _, text := range []string{text, days} { // days of the year: a run of digits that nothing takes apart
		p, err := propose.Propose(spool("factures.txt", []byte(text)), propose.Options{Formats: formats(), Lang: "fr"})
		var refused *propose.Refusal
		if !errors.As(err, &refused) {
			t.Errorf("proposed: %v\n%s", err, p.YAML)
		}
	}
}
