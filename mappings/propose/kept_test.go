package propose_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/navette-connect/navette/mappings/presets"
)

// moreProducts are exports with what is particular to each: local and document currency side by side, kinds of entries
// in letters, payments among the invoices, reports that are grouped and summed, titles nobody expects.
func moreProducts() []product {
	return []product{
		{name: "SAP S4 FBL5N", file: "FBL5N.csv", text: "Customer;Assignment;Document Number;Document Type;Document Date;Net Due Date;Amount in Local Currency;Local Currency;Amount in Doc. Curr.;Document Currency;Clearing Document;Text\n" +
			"1000012;90001234;1800000451;RV;03.11.2026;03.12.2026;1.234,56;EUR;1.234,56;EUR;;Rechnung 90001234\n1000013;90001235;1800000452;RV;04.11.2026;04.12.2026;2.150,40;EUR;2.500,00;USD;;Rechnung\n" +
			"1000012;90001236;1600000017;RG;05.11.2026;05.11.2026;210,00-;EUR;210,00-;EUR;;Gutschrift\n1000014;90001230;1800000440;RV;01.10.2026;01.11.2026;88,00;EUR;88,00;EUR;1400000099;bezahlt\n",
			want: []string{"2 1800000451|90001234 123456 2026-12-03 2026-11-03", "3 1800000452|90001235 250000@USD 2026-12-04 2026-11-04", "4 - - - - skipped", "5 - - - - out"}},
		{name: "SAP liste à barres", file: "liste.txt", text: "03.11.2026              Dynamic List Display                       1\n\n---------------------------------------------------------------------------\n|Customer|DocumentNo|Ty|Doc. Date |Net due dt|   Amount in LC|Crcy|\n---------------------------------------------------------------------------\n|100012  |1800000451|RV|03.11.2026|03.12.2026|       1.234,56|EUR |\n|100013  |1800000452|RV|04.11.2026|14.12.2026|         500,00|EUR |\n|100013  |1600000017|RG|05.11.2026|05.11.2026|         210,00-|EUR |\n---------------------------------------------------------------------------\n",
			want: []string{"6 1800000451 123456 2026-12-03 2026-11-03", "7 1800000452 50000 2026-12-14 2026-11-04", "8 - - - - skipped"}},
		{name: "Dynamics 365 Finance", file: "CustOpenTrans.csv", text: "Voucher,Customer account,Name,Invoice,Transaction type,Date,Due date,Currency,Amount in transaction currency,Amount in accounting currency,Balance\n" +
			"FTV-0001,US-001,Contoso Retail,CIV-000701,Sales order,11/3/2026,12/13/2026,USD,\"1,234.56\",\"1,100.00\",\"1,234.56\"\nFTV-0002,FR-002,Lefèvre,CIV-000702,Sales order,11/14/2026,12/14/2026,EUR,500.00,500.00,420.00\n",
			want: []string{"2 CIV-000701 123456@USD 2026-12-13 2026-11-03", "3 CIV-000702 42000 2026-12-14 2026-11-14"}},
		{name: "Business Central français", file: "Écritures comptables client.csv", encoding: "windows-1252", text: "Date comptabilisation;Date document;Type document;N° document;N° client;Nom du client;Description;Code devise;Montant initial;Montant initial DS;Montant restant;Montant restant DS;Date d'échéance;Ouvert\r\n" +
			"03/11/2026;03/11/2026;Facture;FV-103001;C00010;Lefèvre SARL;Facture 1;;1 234,56;1 234,56;1 234,56;1 234,56;03/12/2026;Oui\r\n14/11/2026;14/11/2026;Paiement;P-0042;C00010;Lefèvre SARL;Virement;;-200,00;-200,00;-200,00;-200,00;14/11/2026;Oui\r\n15/11/2026;15/11/2026;Avoir;AV-104001;C00020;Noël;Avoir;;-50,00;-50,00;-50,00;-50,00;15/11/2026;Oui\r\n16/11/2026;16/11/2026;Facture;FV-103002;C00030;Selangor;Facture 2;USD;900,00;815,00;900,00;815,00;16/12/2026;Oui\r\n",
			want: []string{"2 FV-103001 123456 2026-12-03 2026-11-03", "3 - - - - skipped", "4 - - - - skipped", "5 FV-103002 90000@USD 2026-12-16 2026-11-16"}},
		{name: "Sage X3 échéancier", file: "GACCDUDATE.csv", encoding: "windows-1252", text: "Société;Site;Type pièce;N° pièce;Ligne;Tiers payeur;Raison sociale;Date échéance;Devise;Sens;Montant devise;Payé devise;Solde devise;Niveau relance\r\n" +
			"S01;FR011;FACCL;FACFR01100012;1;BPC0012;Lefèvre;03/12/2026;EUR;D;1234,56;0,00;1234,56;0\r\nS01;FR011;FACCL;FACFR01100013;1;BPC0013;Noël;04/12/2026;EUR;D;600,00;100,00;500,00;1\r\nS01;FR011;FACCL;FACFR01100013;2;BPC0013;Noël;04/01/2027;EUR;D;600,00;0,00;600,00;0\r\nS01;FR011;AVCL;AVCFR01100004;1;BPC0012;Lefèvre;05/12/2026;EUR;C;60,00;0,00;60,00;0\r\n",
			want: []string{"2 FACFR01100012 123456 2026-12-03 -", "3 FACFR01100013 50000 2026-12-04 -", "4 FACFR01100013 60000 2027-01-04 -", "5 - - - - skipped"}},
		{name: "Odoo account.move", file: "account.move.csv", text: "\"Number\",\"Invoice Partner Display Name\",\"Invoice/Bill Date\",\"Due Date\",\"Untaxed Amount Signed\",\"Total Signed\",\"Total in Currency Signed\",\"Amount Due Signed\",\"Payment Status\",\"Status\",\"Type\"\n" +
			"\"INV/2026/00012\",\"Azure Interior\",\"2026-11-03\",\"2026-12-03\",\"1028.80\",\"1234.56\",\"1234.56\",\"1234.56\",\"Not Paid\",\"Posted\",\"Customer Invoice\"\n\"INV/2026/00013\",\"Deco Addict\",\"2026-11-04\",\"2026-12-04\",\"100.00\",\"120.00\",\"120.00\",\"0.00\",\"Paid\",\"Posted\",\"Customer Invoice\"\n\"RINV/2026/00002\",\"Deco Addict\",\"2026-11-05\",\"2026-11-05\",\"-10.00\",\"-12.00\",\"-12.00\",\"-12.00\",\"Not Paid\",\"Posted\",\"Customer Credit Note\"\n\"/\",\"Gemini\",\"\",\"2026-12-09\",\"50.00\",\"60.00\",\"60.00\",\"60.00\",\"Not Paid\",\"Draft\",\"Customer Invoice\"\n",
			want: []string{"2 INV/2026/00012 123456 2026-12-03 2026-11-03", "3 - - - - skipped", "4 - - - - skipped", "5 - - - - skipped"}},
		{name: "Odoo français", file: "Factures (account.move).csv", text: "\"Numéro\",\"Nom d'affichage du partenaire de la facture\",\"Date de facturation\",\"Date d'échéance\",\"Hors taxes signé\",\"Total signé\",\"Total en devise signé\",\"Montant dû signé\",\"Statut de paiement\",\"Statut\"\n" +
			"\"FAC/2026/00012\",\"Azure Interior\",\"2026-11-03\",\"2026-12-03\",\"1028.80\",\"1234.56\",\"1234.56\",\"1000.00\",\"Partiellement payé\",\"Comptabilisé\"\n\"FAC/2026/00013\",\"Deco Addict\",\"2026-11-04\",\"2026-12-04\",\"100.00\",\"120.00\",\"120.00\",\"0.00\",\"Payé\",\"Comptabilisé\"\n\"FAC/2026/00014\",\"Gemini\",\"2026-11-05\",\"2026-12-05\",\"100.00\",\"120.00\",\"120.00\",\"120.00\",\"Non payé\",\"Annulé\"\n",
			want: []string{"2 FAC/2026/00012 100000 2026-12-03 2026-11-03", "3 - - - - skipped", "4 - - - - skipped"}},
		{name: "Odoo noms techniques", file: "account_move.csv", text: "id,name,move_type,partner_id/name,partner_id/email,invoice_date,invoice_date_due,amount_untaxed,amount_total,amount_residual,currency_id,payment_state,state\n" +
			"__export__.account_move_12,INV/2026/00012,out_invoice,Azure,azure@example.com,2026-11-03,2026-12-03,1028.8,1234.56,1234.56,EUR,not_paid,posted\n__export__.account_move_13,INV/2026/00013,out_invoice,Deco,deco@example.com,2026-11-04,2026-12-04,100.0,120.0,20.0,EUR,partial,posted\n__export__.account_move_14,RINV/2026/00001,out_refund,Deco,deco@example.com,2026-11-05,2026-12-05,10.0,12.0,12.0,EUR,not_paid,posted\n",
			want: []string{"2 INV/2026/00012 123456 2026-12-03 2026-11-03", "3 INV/2026/00013 2000 2026-12-04 2026-11-04", "4 - - - - skipped"}},
		{name: "Dolibarr liste française", file: "factures.csv", text: "Réf.;Réf. client;Date facturation;Date échéance;Tiers;Ville;Code postal;Mode de règlement;Montant HT;Montant TVA;Montant TTC;Reste à payer;État\n" +
			"FA2611-0001;CMD 77;03/11/2026;03/12/2026;Lefèvre;Nantes;44000;Virement;1028,80;205,76;1234,56;1234,56;Impayée\nFA2611-0002;;04/11/2026;04/12/2026;Noël;Rezé;44400;Chèque;100,00;20,00;120,00;20,00;Règlement commencé\nAV2611-0001;;05/11/2026;05/12/2026;Noël;Rezé;44400;Chèque;-10,00;-2,00;-12,00;-12,00;Impayée\n(PROV12);;06/11/2026;06/12/2026;Ménard;Vannes;56000;Chèque;10,00;2,00;12,00;12,00;Brouillon\n",
			want: []string{"2 FA2611-0001 123456 2026-12-03 2026-11-03", "3 FA2611-0002 2000 2026-12-04 2026-11-04", "4 - - - - skipped", "5 - - - - skipped"}},
		{name: "QuickBooks France", file: "Factures impayées.csv", text: "Ma Société SARL;;;;;;\nFactures impayées;;;;;;\nAu 20 novembre 2026;;;;;;\n;;;;;;\n;Date;Type d'opération;N°;Date d'échéance;Montant;Solde à payer\nLefèvre SARL;;;;;;\n;03/11/2026;Facture;1037;03/12/2026;1 234,56 €;1 234,56 €\n;14/11/2026;Facture;1038;14/12/2026;85,00 €;15,00 €\nTotal pour Lefèvre SARL;;;;;1 319,56 €;1 249,56 €\nNoël;;;;;;\n;15/11/2026;Avoir;1039;15/11/2026;-20,00 €;-20,00 €\nTotal pour Noël;;;;;-20,00 €;-20,00 €\nTOTAL;;;;;1 299,56 €;1 229,56 €\n",
			want: []string{"7 1037 123456 2026-12-03 2026-11-03", "8 1038 1500 2026-12-14 2026-11-14", "11 - - - - skipped"}},
		{name: "QuickBooks anglais groupé", file: "A_R Aging Detail.csv", text: "A/R Aging Detail Report,,,,,,,\nCraig's Design,,,,,,,\nAs of Nov 20 2026,,,,,,,\n,Date,Transaction Type,Num,Customer,Due Date,Amount,Open Balance\nCurrent,,,,,,,\n,11/03/2026,Invoice,1037,Amy's Bird Sanctuary,12/13/2026,239.00,239.00\n,11/14/2026,Payment,,Amy's Bird Sanctuary,11/14/2026,-50.00,-50.00\nTotal for Current,,,,,,$189.00,$189.00\n1 - 30 days past due,,,,,,,\n,09/20/2026,Invoice,1021,Bill's Windsurf,10/20/2026,85.00,85.00\nTotal for 1 - 30 days past due,,,,,,$85.00,$85.00\nTOTAL,,,,,,$274.00,$274.00\n",
			want: []string{"6 1037 23900@USD 2026-12-13 2026-11-03", "7 - - - - skipped|rejected|out", "10 1021 8500@USD 2026-10-20 2026-09-20"}},
		{name: "Xero échu détaillé", file: "Aged_Receivables_Detail.csv", text: "Aged Receivables Detail,,,,,,,,\nDemo Company (FR),,,,,,,,\nAs at 20 November 2026,,,,,,,,\n,,,,,,,,\nInvoice Date,Due Date,Invoice Number,Invoice Reference,Current,< 1 Month,1 Month,Older,Total\nBayside Club,,,,,,,,\n03 Nov 2026,03 Dec 2026,INV-0027,Ref MK815,234.00,,,,234.00\n10 Sep 2026,10 Oct 2026,INV-0013,,,100.00,,,100.00\nTotal Bayside Club,,,,234.00,100.00,0.00,0.00,334.00\nTotal,,,,234.00,100.00,0.00,0.00,334.00\n",
			want: []string{"7 INV-0027 23400 2026-12-03 -", "8 INV-0013 10000 2026-10-10 -"}},
		{name: "Cegid XRP Flex", file: "AR Factures.csv", text: "Type;N° réf.;Client;Nom du client;Date;Échéance;Statut;Devise;Montant;Solde;Description\n" +
			"Facture;000123;C0001;Lefèvre;03/11/2026;03/12/2026;Ouvert;EUR;1 234,56;1 234,56;Maintenance\nNote de crédit;000124;C0001;Lefèvre;04/11/2026;04/11/2026;Ouvert;EUR;100,00;100,00;Geste\nFacture;000125;C0002;Noël;05/11/2026;05/12/2026;Clôturé;EUR;120,00;0,00;\nNote de débit;000126;C0002;Noël;06/11/2026;06/12/2026;Ouvert;EUR;15,00;15,00;Frais\n",
			want: []string{"2 000123 123456 2026-12-03 2026-11-03", "3 - - - - skipped", "4 - - - - skipped", "5 000126 1500 2026-12-06 2026-11-06"}},
		{name: "WaveSoft", file: "PIECES.csv", encoding: "windows-1252", text: "PCVNUM;PCVDATE;TIRCODE;TIRSOCIETE;PCVMNTHT;PCVMNTTTC;PCVSOLDE;PCVDATEECH\r\nFA00012;03/11/2026;CL00012;LEFEVRE;1028,80;1234,56;1234,56;03/12/2026\r\nFA00013;04/11/2026;CL00013;NOEL;100,00;120,00;20,00;04/12/2026\r\n",
			want: []string{"2 FA00012 123456 2026-12-03 2026-11-03", "3 FA00013 2000 2026-12-04 2026-11-04"}},
		{name: "Isacompta", file: "Echeancier.csv", encoding: "windows-1252", text: "Compte;Intitulé;Date;Journal;N° pièce;Libellé;Échéance;Débit;Crédit;Lettre\r\n411LEFEV;LEFEVRE;03/11/26;VT;FA0012;Facture FA0012;03/12/26;1 234,56;;\r\n411NOEL;NOEL;04/11/26;VT;FA0013;Facture FA0013;04/12/26;120,00;;\r\n411NOEL;NOEL;10/11/26;BQ;FA0013;Acompte;;;50,00;\r\n411MENAR;MENARD;05/10/26;VT;FA0009;Facture FA0009;05/11/26;60,00;;AA\r\n411MENAR;MENARD;06/11/26;BQ;FA0009;Règlement;;;60,00;AA\r\n",
			want: []string{"2 FA0012 123456 2026-12-03 2026-11-03", "3 FA0013 7000 2026-12-04 2026-11-04"}},
		{name: "Sellsy", file: "factures.csv", text: "\"Référence\";\"Statut\";\"Client\";\"Date\";\"Date d'échéance\";\"Montant HT\";\"Montant TTC\";\"Montant restant dû\";\"Devise\"\n\"F-2026-00012\";\"Envoyée\";\"Lefèvre\";\"03/11/2026\";\"03/12/2026\";\"1 028,80\";\"1 234,56\";\"1 234,56\";\"EUR\"\n\"F-2026-00013\";\"Paiement partiel\";\"Noël\";\"04/11/2026\";\"04/12/2026\";\"100,00\";\"120,00\";\"20,00\";\"EUR\"\n\"F-2026-00014\";\"Payée\";\"Ménard\";\"05/11/2026\";\"05/12/2026\";\"10,00\";\"12,00\";\"0,00\";\"EUR\"\n",
			want: []string{"2 F-2026-00012 123456 2026-12-03 2026-11-03", "3 F-2026-00013 2000 2026-12-04 2026-11-04", "4 - - - - skipped"}},
		{name: "NetSuite", file: "OpenInvoices.csv", text: "Internal ID,Type,Date,Due Date/Receive By,Document Number,Name,Currency,Amount (Foreign Currency),Amount Remaining (Foreign Currency),Amount,Status\n" +
			"4521,Invoice,3/11/2026,13/12/2026,INV10021,C100 Lefèvre,EUR,\"1,234.56\",\"1,234.56\",\"1,350.10\",Open\n4522,Invoice,14/11/2026,14/12/2026,INV10022,C101 Noël,GBP,500.00,420.00,610.00,Open\n4530,Credit Memo,15/11/2026,15/11/2026,CM1002,C101 Noël,GBP,-20.00,-20.00,-24.40,Open\n",
			want: []string{"2 INV10021 123456 2026-12-13 2026-11-03", "3 INV10022 42000@GBP 2026-12-14 2026-11-14", "4 - - - - skipped"}},
		{name: "JD Edwards", file: "F03B11.csv", text: "Document Number,Do Ty,Do Co,Customer Number,Alpha Name,Invoice Date,Due Date,Gross Amount,Open Amount,Cur Cod\n4501,RI,00001,4242,CAPITAL SYSTEM,11/03/26,12/13/26,1234.56,1234.56,USD\n4502,RI,00001,4243,GLOBAL SYSTEM,11/14/26,12/14/26,500.00,320.00,USD\n112,RM,00001,4243,GLOBAL SYSTEM,11/15/26,12/15/26,50.00-,50.00-,USD\n",
			want: []string{"2 4501 123456@USD 2026-12-13 2026-11-03", "3 4502 32000@USD 2026-12-14 2026-11-14", "4 - - - - skipped"}},
		{name: "Infor M3", file: "ARS200.csv", encoding: "iso-8859-15", text: "Client;Nom;Facture;Date facture;Date échéance;Montant facture;Reste à payer;Dev\nC10012;LEFEVRE;900012;261103;261203;1234,56;1234,56;EUR\nC10013;NOEL;900013;261114;261214;500,00;320,00;EUR\nC10013;NOEL;900014;261115;261215;60,00-;60,00-;EUR\n",
			want: []string{"2 900012 123456 2026-12-03 2026-11-03", "3 900013 32000 2026-12-14 2026-11-14", "4 - - - - skipped"}},
		{name: "Sage 50 UK", file: "Aged Debtors.csv", text: "A/C,Name,Tran No,Type,Date,Due Date,Ref,Details,Amount,O/S Amount\nA1D001,A1 Design Services,1042,SI,03/11/2026,03/12/2026,1001,Goods,1234.56,1234.56\nA1D001,A1 Design Services,1043,SC,14/11/2026,14/11/2026,5,Credit,-11.75,-11.75\nABS001,ABS Garages,1044,SA,15/11/2026,,DD,Payment on Account,-50.00,-50.00\nABS001,ABS Garages,1045,SI,16/11/2026,16/12/2026,1002,Goods,93.99,63.99\n",
			want: []string{"2 1001|1042 123456 2026-12-03 2026-11-03", "3 - - - - skipped", "4 - - - - skipped", "5 1002|1045 6399 2026-12-16 2026-11-16"}},
		{name: "Danea", file: "Documenti.csv", text: "Data;Num. doc.;Cliente;Tot. imponibile;Tot. IVA;Tot. doc.;Scadenza;Importo da saldare;Saldato\n03/11/2026;12/FE;Rossi Srl;1.000,00;220,00;1.220,00;03/12/2026;1.220,00;No\n14/11/2026;13/FE;Bianchi;100,00;22,00;122,00;14/12/2026;0,00;Sì\n",
			want: []string{"2 12/FE 122000 2026-12-03 2026-11-03", "3 - - - - skipped"}},
		{name: "FreshBooks", file: "invoices.csv", text: "Client Name,Invoice #,Date Issued,Invoice Status,Date Paid,Item Name,Line Total,Tax 1 Amount,Currency,Due Date,Invoice Total,Amount Owing\nLefèvre,0000012,2026-11-03,Sent,,Service,1028.80,205.76,EUR,2026-12-03,1234.56,1234.56\nNoël,0000013,2026-11-04,Paid,2026-11-20,Service,100.00,20.00,EUR,2026-12-04,120.00,0.00\n",
			want: []string{"2 0000012 123456 2026-12-03 2026-11-03", "3 - - - - skipped"}},
		{name: "EBP échéances", file: "Échéances.csv", encoding: "windows-1252", text: "Date d'échéance;Code tiers;Nom du tiers;Type d'échéance;N° de document;Date du document;Montant;Montant réglé;Solde;Moyen de paiement\r\n03/12/2026;CL0001;Lefèvre;Échéance client;FA00000123;03/11/2026;1 234,56;0,00;1 234,56;Virement\r\n04/12/2026;CL0002;Noël;Échéance client;FA00000124;04/11/2026;120,00;100,00;20,00;Chèque\r\n05/12/2026;CL0002;Noël;Échéance client;AV00000002;05/11/2026;-12,00;0,00;-12,00;Chèque\r\n",
			want: []string{"2 FA00000123 123456 2026-12-03 2026-11-03", "3 FA00000124 2000 2026-12-04 2026-11-04", "4 - - - - skipped"}},
		{name: "Divalto weavy", file: "MOUVECH.csv", encoding: "windows-1252", text: "Dossier;Tiers;Nom;No pièce;Type;Date pièce;Échéance;Dev;Montant éché.;Montant réglé;Reste\r\n1;C0000012;LEFEVRE;26000123;F;03/11/2026;03/12/2026;EUR;1234,56;,00;1234,56\r\n1;C0000013;NOEL;26000124;F;04/11/2026;04/12/2026;EUR;120,00;100,00;20,00\r\n1;C0000013;NOEL;26000125;A;05/11/2026;05/12/2026;EUR;12,00;,00;12,00\r\n",
			want: []string{"2 26000123 123456 2026-12-03 2026-11-03", "3 26000124 2000 2026-12-04 2026-11-04", "4 - - - - skipped"}},
		{name: "Chorus Pro", file: "factures_emises.csv", text: "Numéro de facture;Date de facture;Statut courant;Désignation du destinataire;SIRET du destinataire;Montant HT;Montant TTC;Montant net à payer;Devise\nF20261103;03/11/2026;Mise à disposition du destinataire;VILLE DE NANTES;21440109300015;1028,80;1234,56;1234,56;EUR\nF20261104;04/11/2026;Mise en paiement;DEPARTEMENT 44;22440002800011;100,00;120,00;120,00;EUR\nF20261105;05/11/2026;Rejetée;DEPARTEMENT 44;22440002800011;100,00;120,00;120,00;EUR\n",
			want: []string{"2 F20261103 123456 - 2026-11-03", "3 - - - - skipped|F20261104", "4 - - - - skipped"}},
		{name: "Batigest", file: "situation.csv", encoding: "windows-1252", text: "N° Facture;Type;Date;Code Client;Nom Client;Affaire;Total H.T.;Total T.T.C.;Acomptes;Retenue Garantie;Net à Payer;Échéance\r\nFA2611012;Situation;03/11/2026;C0012;LEFEVRE;CH-44;10 000,00;12 000,00;3 000,00;600,00;8 400,00;03/12/2026\r\nFA2611013;Facture;04/11/2026;C0013;NOEL;CH-45;100,00;120,00;0,00;0,00;120,00;04/12/2026\r\n",
			want: []string{"2 FA2611012 840000 2026-12-03 2026-11-03", "3 FA2611013 12000 2026-12-04 2026-11-04"}},
		{name: "balance âgée", file: "balance.csv", encoding: "windows-1252", text: "Compte;Intitulé;N° facture;Date;Échéance;Non échu;0-30 jours;31-60 jours;> 60 jours;Total dû\r\n411LEF;LEFEVRE;FA12;03/11/2026;03/12/2026;1234,56;;;;1234,56\r\n411NOE;NOEL;FA09;04/09/2026;04/10/2026;;;120,00;;120,00\r\n;;;;;;;;;\r\nTotaux;;;;;1234,56;0,00;120,00;0,00;1354,56\r\n",
			want: []string{"2 FA12 123456 2026-12-03 2026-11-03", "3 FA09 12000 2026-10-04 2026-09-04"}},
		{name: "francs suisses", file: "debitoren.csv", text: "Rechnung Nr.;Rechnungsdatum;Fällig am;Kunde;Betrag CHF;Offen CHF\nRE-1001;03.11.2026;03.12.2026;Müller AG;1'234.55;1'234.55\nRE-1002;14.11.2026;14.12.2026;Meier;500.00;20.00\n",
			want: []string{"2 RE-1001 123455@CHF 2026-12-03 2026-11-03", "3 RE-1002 2000@CHF 2026-12-14 2026-11-14"}},
		{name: "dollars américains", file: "invoices.csv", text: "Invoice #,Invoice Date,Due Date,Customer,Amount Due (USD)\n1001,11/03/2026,12/03/2026,Acme,\"$1,234.56\"\n1002,11/14/2026,12/14/2026,Umbrella,$85.00\n",
			want: []string{"2 1001 123456@USD 2026-12-03 2026-11-03", "3 1002 8500@USD 2026-12-14 2026-11-14"}},
		{name: "Sage 100 base de données", file: "F_DOCENTETE.csv", encoding: "windows-1252", text: "DO_Piece;DO_Date;DO_Tiers;CT_Intitule;CT_EMail;DO_TotalHT;DO_TotalTTC;DO_NetAPayer;DR_Date\r\nFA00412;03/11/2026;CLEFEV;Lefèvre;compta@lefevre.example;1028,80;1234,56;1234,56;03/12/2026\r\nFA00413;04/11/2026;CNOEL;Noël;noel@garage.example;100,00;120,00;20,00;04/12/2026\r\n",
			want: []string{"2 FA00412 123456 - 2026-11-03", "3 FA00413 2000 - 2026-11-04"}},
		{name: "Ciel Gestion", file: "Factures Ciel.txt", encoding: "windows-1252", text: "N° Facture\tDate\tCode client\tNom\tNet à payer TTC\tAcompte\tSolde dû\tÉchéance\r\nFA0012\t03/11/2026\tLEFEV\tLefèvre\t1 234,56\t0,00\t1 234,56\t03/12/2026\r\nFA0013\t04/11/2026\tNOEL\tNoël\t120,00\t100,00\t20,00\t04/12/2026\r\n",
			want: []string{"2 FA0012 123456 2026-12-03 2026-11-03", "3 FA0013 2000 2026-12-04 2026-11-04"}},
		{name: "Pennylane factures clients", file: "customer_invoices.csv", text: "Numéro de facture,Date d'émission,Date d'échéance,Client,Libellé,Devise,Montant HT,Montant TTC,Montant restant à payer,Statut de paiement,Type\nF-2026-11-1,2026-11-03,2026-12-03,Lefèvre,Facture Lefèvre,EUR,1028.80,1234.56,1234.56,En attente,Facture\nF-2026-11-2,2026-11-04,2026-12-04,Noël,Facture Noël,EUR,100.00,120.00,0.00,Payée,Facture\nA-2026-11-1,2026-11-05,2026-12-05,Noël,Avoir Noël,EUR,-10.00,-12.00,-12.00,En attente,Avoir\n",
			want: []string{"2 F-2026-11-1 123456 2026-12-03 2026-11-03", "3 - - - - skipped", "4 - - - - skipped"}},
		{name: "Axonaut anglais", file: "invoices.csv", text: "Number;Customer;Issue date;Due date;Pre-tax amount;Tax;Total;Outstanding amount;Paid\nF1;Lefèvre;2026-11-03;2026-12-03;1028.80;205.76;1234.56;1234.56;No\nF2;Noël;2026-11-04;2026-12-04;100.00;20.00;120.00;0.00;Yes\n",
			want: []string{"2 F1 123456 2026-12-03 2026-11-03", "3 - - - - skipped"}},
		{name: "Evoliz", file: "factures-evoliz.csv", text: "\"N° doc\";\"Date doc\";\"Client\";\"Code client\";\"Objet\";\"Total HT\";\"Total TVA\";\"Total TTC\";\"Net à payer\";\"Reste à payer\";\"Échéance\";\"État\"\n\"F-20261100012\";\"03/11/2026\";\"Lefèvre\";\"C0012\";\"Maintenance\";\"1 028,80\";\"205,76\";\"1 234,56\";\"1 234,56\";\"1 234,56\";\"03/12/2026\";\"Envoyée\"\n\"F-20261100013\";\"04/11/2026\";\"Noël\";\"C0013\";\"Visite\";\"100,00\";\"20,00\";\"120,00\";\"120,00\";\"20,00\";\"04/12/2026\";\"Partiellement payée\"\n",
			want: []string{"2 F-20261100012 123456 2026-12-03 2026-11-03", "3 F-20261100013 2000 2026-12-04 2026-11-04"}},
		{name: "Cegid Quadra échéancier", file: "ECHEANCIER.csv", encoding: "windows-1252", text: "N° compte;Intitulé du compte;Date écriture;Journal;Réf. pièce;Libellé;Date échéance;Montant Débit;Montant Crédit;Lettrage;Mode\r\n9LEFEV;LEFEVRE;03/11/2026;VE;FA0412;FACT FA0412;03/12/2026;1234,56;;;VIR\r\n9NOEL;NOEL;04/11/2026;VE;FA0413;FACT FA0413;04/12/2026;120,00;;A;VIR\r\n9NOEL;NOEL;10/11/2026;BQ;FA0413;REGLT;;;120,00;A;VIR\r\n",
			want: []string{"2 FA0412 123456 2026-12-03 -"}},
		{name: "MYOB", file: "SALES.TXT", text: "Co./Last Name\tInvoice #\tDate\tCustomer PO\tInc-Tax Amount\tBalance Due Days\tAmount Paid\tOutstanding Balance\tCurrency Code\nLefevre\t00000012\t3/11/2026\tPO7\t$1,234.56\t30\t$0.00\t$1,234.56\tAUD\nNoel\t00000013\t14/11/2026\tPO8\t$120.00\t30\t$100.00\t$20.00\tAUD\n",
			want: []string{"2 00000012 123456@AUD - 2026-11-03", "3 00000013 2000@AUD - 2026-11-14"}},
		{name: "Microsoft GP", file: "RM20101.csv", text: "CUSTNMBR,DOCNUMBR,DOCDATE,DUEDATE,CURNCYID,ORTRXAMT,CURTRXAM,RMDTYPAL\nAARON01,STDINV2261,2026-11-03,2026-12-03,USD,1234.56000,1234.56000,1\nADAM01,STDINV2262,2026-11-04,2026-12-04,USD,120.00000,20.00000,1\n",
			want: []string{"2 STDINV2261 123456@USD 2026-12-03 2026-11-03", "3 STDINV2262 12000|2000@USD 2026-12-04 2026-11-04"}},
		{name: "Wave", file: "wave.csv", text: "Invoice Number,Customer,Invoice Date,Due Date,Currency,Invoice Total,Amount Paid,Amount Due,Status\n12,Lefèvre,2026-11-03,2026-12-03,EUR,1234.56,0.00,1234.56,Sent\n13,Noël,2026-11-04,2026-12-04,EUR,120.00,120.00,0.00,Paid\n",
			want: []string{"2 12 123456 2026-12-03 2026-11-03", "3 - - - - skipped"}},
		{name: "montants arrondis anglais", file: "open.csv", text: "Invoice,Due date,Balance\nA-1,2026-12-03,\"1,200\"\nA-2,2026-12-04,350\nA-3,2026-12-05,\"12,500\"\n",
			want: []string{"2 A-1 120000 2026-12-03 -", "3 A-2 35000 2026-12-04 -", "4 A-3 1250000 2026-12-05 -"}},
		{name: "commande et facture", file: "export.csv", text: "N° commande;N° facture;Client;Total HT;Remise;Total TTC;Date facture;Date échéance\nC-77;F-12;Lefèvre;1028,80;0,00;1234,56;03/11/2026;03/12/2026\nC-78;F-13;Noël;100,00;5,00;120,00;04/11/2026;04/12/2026\n",
			want: []string{"2 F-12 123456 2026-12-03 2026-11-03", "3 F-13 12000 2026-12-04 2026-11-04"}},
		{name: "encours et plafond", file: "encours.csv", text: "Client;Plafond;Encours;Facture;Échéance;Montant TTC;Reste dû\nLefèvre;50000,00;12000,00;F-12;03/12/2026;1234,56;234,56\nNoël;10000,00;120,00;F-13;04/12/2026;120,00;120,00\n",
			want: []string{"2 F-12 23456 2026-12-03 -", "3 F-13 12000 2026-12-04 -"}},
		{name: "numéro de tiers et de pièce", file: "ecr.csv", text: "Numéro;Tiers;Pièce;Montant;Échéance\n1;C12;F-12;1234,56;03/12/2026\n2;C13;F-13;120,00;04/12/2026\n",
			want: []string{"2 F-12 123456 2026-12-03 -", "3 F-13 12000 2026-12-04 -"}},
		{name: "Isagri factures", file: "ISAFACT.csv", encoding: "windows-1252", text: "Code;Nom;Facture;Date;Mt HT;Mt TTC;Mt réglé;Reste;Dt éch.\r\nLEFEV;Lefèvre;412;03/11/26;1028,80;1234,56;0;1234,56;03/12/26\r\nNOEL;Noël;413;04/11/26;100;120;100;20;04/12/26\r\n",
			want: []string{"2 412 123456 2026-12-03 2026-11-03", "3 413 2000 2026-12-04 2026-11-04"}},
		{name: "Exact Online", file: "Openstaande posten.csv", text: "Debiteur;Naam;Factuurnummer;Factuurdatum;Vervaldatum;Valuta;Bedrag;Openstaand bedrag\n1001;Jansen BV;26700012;03-11-2026;03-12-2026;EUR;1.234,56;1.234,56\n1002;De Vries;26700013;14-11-2026;14-12-2026;EUR;500,00;320,00\n",
			want: []string{"2 26700012 123456 2026-12-03 2026-11-03", "3 26700013 32000 2026-12-14 2026-11-14"}},
	}
}

// TestMoreProducts: what is proposed reads these exports right, to the currency, or leaves out or refuses; it never sends
// another amount, nor a row that is none.
func TestMoreProducts(t *testing.T) { holdTo(t, moreProducts()) }

// holdTo holds what is proposed for samples to what must be read of them.
func holdTo(t *testing.T, list []product) {
	for _, p := range list {
		t.Run(p.name, func(t *testing.T) {
			b := p.bytes(t)
			got, m := proposed(t, p.file, b, presets.Source)
			rows := read(t, m, b)
			seen := map[int]bool{}
			for _, w := range p.want {
				fields := strings.Fields(w)
				var line int
				fmt.Sscan(fields[0], &line)
				seen[line] = true
				r, there := rows[line]
				if len(fields) > 5 {
					state := r.state
					if !there {
						state = "out"
					}
					if !slices.Contains(strings.Split(fields[5], "|"), state) && state == "accepted" {
						t.Errorf("line %d: sent %+v, want %s", line, r, fields[5])
					}
					continue
				}
				amount, currency, other := strings.Cut(fields[2], "@")
				if !other {
					currency = "EUR"
				}
				one := func(got, want string) bool {
					return want == "-" && got == "" || slices.Contains(strings.Split(want, "|"), got)
				}
				if r.state != "accepted" || !one(r.reference, fields[1]) || !one(r.amount, amount) || !one(r.due, fields[3]) || r.currency != currency {
					t.Errorf("line %d: %+v, want %q", line, r, w)
				}
				if fields[4] != "-" && r.issued != fields[4] {
					t.Errorf("line %d: issued %q, want %q", line, r.issued, fields[4])
				}
			}
			for line, r := range rows {
				if !seen[line] && r.state == "accepted" {
					t.Errorf("line %d is no document, and is sent: %+v", line, r)
				}
			}
			if t.Failed() {
				t.Logf("%s", got.YAML)
			}
		})
	}
}
