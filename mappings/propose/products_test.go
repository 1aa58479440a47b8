package propose_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/navette-connect/navette/mappings"
)

// product is a small sample in the manner of an export, invented figures throughout, and what must be read of it: one
// text a document, "line reference amount due issued state".
type product struct {
	name, file, text string
	encoding         string   // of the bytes; "" = utf-8
	want             []string // "-" = nothing; state "" = accepted
	confirm          []string // fields that must carry the mark, besides amount
}

// The layouts are written from the products' public help and from habit; titles may differ from a given version. They
// are here to hold the proposal to a wide range of ways of writing, not as facts about these products.
func products() []product {
	return []product{
		{name: "EBP Gestion", file: "Factures.csv", encoding: "windows-1252", text: "Numéro du document;Date du document;Code client;Nom du client;Date d'échéance;Total HT;Total TVA;Total TTC;Solde dû\r\n" +
			"FA00000123;03/11/2026;CL0001;Boulangerie Lefèvre;03/12/2026;1 000,00;200,00;1 200,00;1 200,00\r\nFA00000124;04/11/2026;CL0002;Garage Noël;04/12/2026;100,00;20,00;120,00;20,00\r\n",
			want: []string{"2 FA00000123 120000 2026-12-03 2026-11-03", "3 FA00000124 2000 2026-12-04 2026-11-04"}},
		{name: "Sage 50 Ciel", file: "echeancier.txt", encoding: "windows-1252", text: "N° pièce\tDate\tCode client\tRaison sociale\tÉchéance\tMontant TTC\tRestant dû\r\nFC0012\t03/11/26\tLEFEV\tLefèvre\t03/12/26\t1234,56\t1234,56\r\nFC0013\t04/11/26\tNOEL\tNoël\t04/12/26\t210,00\t110,00\r\n",
			want: []string{"2 FC0012 123456 2026-12-03 2026-11-03", "3 FC0013 11000 2026-12-04 2026-11-04"}},
		{name: "Sage 100 échéancier", file: "ech.csv", encoding: "windows-1252", text: "Compte tiers;Intitulé;N° facture;Date facture;Date échéance;Débit;Crédit;Solde\r\nCLEFEV;Lefèvre;FA412;031126;031226;1234,56;0,00;1234,56\r\nCNOEL;Noël;FA413;041126;041226;210,00;0,00;210,00\r\n",
			want: []string{"2 FA412 123456 2026-12-03 2026-11-03", "3 FA413 21000 2026-12-04 2026-11-04"}},
		{name: "Sage X3", file: "BPCINV.csv", text: "Site;Facture;Client;Raison sociale;Date comptable;Date échéance;Devise;Montant TTC;Reste à payer\nFR011;FACFR0110001;BPC001;Lefèvre;20261103;20261203;EUR;1234.56;1234.56\nFR011;FACFR0110002;BPC002;Noël;20261104;20261204;EUR;210.00;200.00\n",
			want: []string{"2 FACFR0110001 123456 2026-12-03 -", "3 FACFR0110002 20000 2026-12-04 -"}},
		{name: "Cegid PMI", file: "impayes.csv", encoding: "windows-1252", text: "Tiers;Libellé tiers;N° pièce;Nature;Date pièce;Échéance;Montant devise;Solde;Devise\r\n0000123;LEFEVRE SARL;FAC 001234;FAC;03/11/2026;03/12/2026;1234,56;1234,56;EUR\r\n0000124;NOEL;AVC 000012;AVC;04/11/2026;04/12/2026;-210,00;-210,00;EUR\r\n0000124;NOEL;FAC 001235;FAC;04/11/2026;04/12/2026;310,00;310,00;EUR\r\n",
			want: []string{"2 FAC 001234 123456 2026-12-03 2026-11-03", "3 - - - - skipped", "4 FAC 001235 31000 2026-12-04 2026-11-04"}},
		{name: "Divalto", file: "ENT.csv", text: "\"Tiers\";\"Nom\";\"PiNo\";\"Date pièce\";\"Date échéance\";\"Mt TTC\";\"Mt restant\"\n\"C0001\";\"Lefèvre\";\"10001\";\"2026-11-03\";\"2026-12-03\";\"1234,56\";\"1000,00\"\n\"C0002\";\"Noël\";\"10002\";\"2026-11-04\";\"2026-12-04\";\"99,90\";\"99,90\"\n",
			want: []string{"2 10001 123456|100000 2026-12-03 2026-11-03", "3 10002 9990 2026-12-04 2026-11-04"}},
		{name: "Business Central", file: "Customer Ledger Entries.csv", text: "Posting Date,Document Type,Document No.,Customer No.,Customer Name,Description,Currency Code,Original Amount,Remaining Amount,Due Date\n11/03/2026,Invoice,103001,10000,Cannon Group,Invoice 1,,\"1,234.56\",\"1,234.56\",12/13/2026\n11/04/2026,Credit Memo,104001,10000,Cannon Group,Credit,,-120.00,-120.00,11/04/2026\n11/14/2026,Invoice,103002,20000,Selangor,Invoice 2,,\"2,000.00\",\"1,500.00\",12/14/2026\n",
			want: []string{"2 103001 123456 2026-12-13 2026-11-03", "3 - - - - skipped", "4 103002 150000 2026-12-14 2026-11-14"}},
		{name: "Navision français", file: "ecr.csv", encoding: "windows-1252", text: "Date comptabilisation;Type document;N° document;N° client;Description;Montant;Montant ouvert;Date d'échéance\r\n03/11/26;Facture;FV26-0012;C00010;Commande 1;1.234,56;1.234,56;03/12/26\r\n14/11/26;Facture;FV26-0013;C00020;Commande 2;2.210,00;1.110,00;14/12/26\r\n",
			want: []string{"2 FV26-0012 123456 2026-12-03 2026-11-03|-", "3 FV26-0013 111000 2026-12-14 2026-11-14|-"}},
		{name: "Axonaut", file: "factures.csv", text: "\"Numéro de facture\";\"Date\";\"Date d'échéance\";\"Client\";\"Montant HT\";\"Montant TTC\";\"Reste à payer\";\"Statut\"\n\"F-2026-11-001\";\"03/11/2026\";\"03/12/2026\";\"Lefèvre\";\"1028.80\";\"1234.56\";\"1234.56\";\"Envoyée\"\n\"F-2026-11-002\";\"14/11/2026\";\"14/12/2026\";\"Noël\";\"100.00\";\"120.00\";\"0.00\";\"Payée\"\n",
			want: []string{"2 F-2026-11-001 123456 2026-12-03 2026-11-03", "3 - - - - skipped"}},
		{name: "Pennylane", file: "export_pennylane.csv", text: "Numéro;Date d'émission;Échéance;Client;Email du client;Montant HT (EUR);TVA (EUR);Montant TTC (EUR);Statut\nF-001;2026-11-03;2026-12-03;Lefèvre;compta@lefevre.example;1028,80;205,76;1234,56;À encaisser\nF-002;2026-11-04;2026-12-04;Noël;noel@garage.example;100,00;20,00;120,00;Payée\nF-003;2026-11-05;2026-12-05;Menard;m@menard.example;10,00;2,00;12,00;Annulée\n",
			want: []string{"2 F-001 123456 2026-12-03 2026-11-03", "3 - - - - skipped", "4 - - - - skipped"}},
		{name: "QuickBooks", file: "Open Invoices.csv", text: "Open Invoices Report,,,,,,\nAcme Inc.,,,,,,\n\"As of November 20, 2026\",,,,,,\n,,,,,,\nDate,Transaction Type,Num,Customer,Due Date,Amount,Open Balance\n11/03/2026,Invoice,1037,Amy's Bird Sanctuary,12/13/2026,\"$1,239.00\",$239.00\n11/14/2026,Invoice,1038,Bill's Windsurf Shop,12/14/2026,$85.00,$85.00\nTOTAL,,,,,\"$1,324.00\",$324.00\n",
			want: []string{"6 1037 23900 2026-12-13 2026-11-03", "7 1038 8500 2026-12-14 2026-11-14"}},
		{name: "Xero", file: "SalesInvoices.csv", text: "ContactName,EmailAddress,InvoiceNumber,Reference,InvoiceDate,DueDate,Total,TaxTotal,InvoiceAmountPaid,InvoiceAmountDue,Currency,Type,Status\nLefèvre,compta@lefevre.example,INV-0001,PO 12,03/11/2026,03/12/2026,120.00,20.00,0.00,120.00,EUR,Sales invoice,Awaiting Payment\nNoël,noel@garage.example,INV-0002,,14/11/2026,14/12/2026,240.00,40.00,40.00,200.00,EUR,Sales invoice,Awaiting Payment\nNoël,noel@garage.example,INV-0003,,15/11/2026,15/12/2026,24.00,4.00,24.00,0.00,EUR,Sales invoice,Paid\n",
			want: []string{"2 INV-0001 12000 2026-12-03 2026-11-03", "3 INV-0002 20000 2026-12-14 2026-11-14", "4 - - - - skipped"}},
		{name: "Stripe", file: "invoices.csv", text: "id,Customer,Customer Email,Amount Due,Amount Paid,Currency,Date (UTC),Due Date (UTC),Number,Status,Subtotal,Total\nin_1Abc,cus_A1,compta@lefevre.example,120.00,0.00,eur,2026-11-03 09:12,2026-12-03 09:12,ABC-0001,open,100.00,120.00\nin_1Abd,cus_A2,noel@garage.example,48.00,48.00,eur,2026-11-04 10:00,2026-12-04 10:00,ABC-0002,paid,40.00,48.00\n",
			want: []string{"2 ABC-0001|in_1Abc 12000 2026-12-03 2026-11-03", "3 - - - - skipped"}},
		{name: "WooCommerce", file: "orders.csv", text: "Order Number,Order Status,Order Date,First Name (Billing),Last Name (Billing),Email (Billing),Phone (Billing),Order Total Amount,Order Currency\n1001,pending,2026-11-03 09:12,Élodie,Brun,elodie@brun.example,0612345678,1234.56,EUR\n1002,cancelled,2026-11-04 10:00,Noël,Martin,noel@martin.example,0612345679,99.00,EUR\n",
			want: []string{"2 1001 123456 - 2026-11-03", "3 - - - - skipped"}},
		{name: "PrestaShop", file: "commandes.csv", text: "\"ID\";\"Référence\";\"Nouveau client\";\"Client\";\"Total\";\"Paiement\";\"État\";\"Date\"\n\"12\";\"XKBKNABJK\";\"Oui\";\"J. DOE\";\"55,00 €\";\"Virement\";\"En attente de virement\";\"2026-11-03 09:12:33\"\n\"13\";\"OHSATSERP\";\"Non\";\"A. BRUN\";\"1 234,56 €\";\"Virement\";\"En attente de virement\";\"2026-11-04 10:01:02\"\n",
			want: []string{"2 XKBKNABJK 5500 - 2026-11-03", "3 OHSATSERP 123456 - 2026-11-04"}},
		{name: "Zoho", file: "Invoice.csv", text: "Invoice Date,Invoice ID,Invoice Number,Invoice Status,Customer Name,Due Date,Currency Code,SubTotal,Total,Balance\n2026-11-03,460000000026049,INV-000001,Overdue,Lefèvre,2026-12-03,EUR,100.000,120.000,120.000\n2026-11-04,460000000026050,INV-000002,Draft,Noël,2026-12-04,EUR,10.000,12.000,12.000\n",
			want: []string{"2 INV-000001 12000 2026-12-03 2026-11-03", "3 - - - - skipped"}},
		{name: "Lexware", file: "OP-Liste.csv", encoding: "windows-1252", text: "Kunden-Nr.;Kunde;Rechnungs-Nr.;Rechnungsdatum;Fälligkeit;Bruttobetrag;Bezahlt;Offener Betrag\r\n10001;Müller GmbH;RE2026-001;03.11.2026;03.12.2026;1.234,56;0,00;1.234,56\r\n10002;Söhne KG;RE2026-002;14.11.2026;14.12.2026;2.100,00;100,00;2.000,00\r\n",
			want: []string{"2 RE2026-001 123456 2026-12-03 2026-11-03", "3 RE2026-002 200000 2026-12-14 2026-11-14"}},
		{name: "DATEV OPOS", file: "OPOS.csv", encoding: "windows-1252", text: "Konto;Name;Rechnungsnummer;Datum;Fälligkeit;Betrag Soll;Betrag Haben;Saldo\r\n10042;Müller;RE-001;03.11.2026;03.12.2026;1.234,56;0,00;1.234,56\r\n10043;Söhne;RE-002;14.11.2026;14.12.2026;2.210,00;0,00;2.210,00\r\n",
			want: []string{"2 RE-001 123456 2026-12-03 2026-11-03", "3 RE-002 221000 2026-12-14 2026-11-14"}},
		{name: "Holded", file: "facturas.csv", text: "Fecha;Num;Cliente;Email;Vencimiento;Subtotal;IVA;Total;Pendiente;Estado\n03/11/2026;F260001;Pérez SL;perez@example.com;03/12/2026;100,00;21,00;121,00;121,00;Pendiente\n14/11/2026;F260002;Gómez;gomez@example.com;14/12/2026;200,00;42,00;242,00;42,00;Parcial\n",
			want: []string{"2 F260001 12100 2026-12-03 2026-11-03", "3 F260002 4200 2026-12-14 2026-11-14"}},
		{name: "Fatture in Cloud", file: "fatture.csv", text: "Data,Numero,Cliente,Imponibile,IVA,Totale,Scadenza\n03/11/2026,12,Rossi Srl,\"1.000,00\",\"220,00\",\"1.220,00\",03/12/2026\n14/11/2026,13,Bianchi,\"2.000,00\",\"440,00\",\"2.440,00\",14/12/2026\n",
			want: []string{"2 12 122000 2026-12-03 2026-11-03", "3 13 244000 2026-12-14 2026-11-14"}},
		{name: "Dolibarr liste", file: "facture_1.csv", text: "Réf. facture,Date facturation,Date échéance,Montant HT,Montant TTC,Facture payée,Tiers,Email\nFA2611-0001,2026-11-03,2026-12-03,1028.80,1234.56,0,Lefèvre,compta@lefevre.example\nFA2611-0002,2026-11-04,2026-12-04,100.00,120.00,1,Noël,noel@garage.example\n",
			want: []string{"2 FA2611-0001 123456 2026-12-03 2026-11-03", "3 - - - - skipped"}},
		{name: "avoirs par type", file: "pieces.csv", encoding: "windows-1252", text: "Type;N° pièce;Date;Échéance;Client;Montant TTC\r\nFacture;F1001;03/11/2026;03/12/2026;Lefèvre;100,00\r\nAvoir;F1002;14/11/2026;14/12/2026;Noël;50,00\r\nFacture;F1003;15/11/2026;15/12/2026;Ménard;25,50\r\n",
			want: []string{"2 F1001 10000 2026-12-03 2026-11-03", "3 - - - - skipped", "4 F1003 2550 2026-12-15 2026-11-15"}},
		{name: "avoirs par numéro", file: "pieces.csv", text: "N° pièce;Échéance;Montant TTC\nFA1001;13/12/2026;100,00\nFA1003;13/12/2026;25,50\nAV1002;14/12/2026;50,00\n",
			want: []string{"2 FA1001 10000 2026-12-13 -", "3 FA1003 2550 2026-12-13 -", "4 - - - - skipped"}},
		{name: "avoirs par lettre", file: "pieces.csv", text: "client;num_piece;type_piece;mt_ttc;date_ech\nC1;1001;F;120.00;20261203\nC2;1002;A;60.00;20261204\nC3;1003;F;60.00;20261214\n",
			want: []string{"2 1001 12000 2026-12-03 -", "3 - - - - skipped", "4 1003 6000 2026-12-14 -"}},
		{name: "Shopify", file: "orders_export.csv", text: "Name,Email,Financial Status,Subtotal,Taxes,Total,Outstanding Balance,Currency,Billing Name\n#1001,a@b.example,pending,100.00,20.00,120.00,120.00,EUR,Ann\n#1002,c@d.example,paid,10.00,2.00,12.00,0.00,EUR,Bob\n",
			want: []string{"2 #1001 12000 - -", "3 - - - - skipped"}, confirm: []string{"reference"}},
		{name: "points dans les dates", file: "re.csv", text: "Rechnungsnr,Datum,Faellig am,Brutto,Status\nR-1,03.11.2026,03.12.2026,119.00,offen\nR-2,04.11.2026,04.12.2026,238.00,bezahlt\n",
			want: []string{"2 R-1 11900 2026-12-03 2026-11-03", "3 - - - - skipped"}},
		{name: "réglé déduit", file: "liste.csv", text: "Facture;Échéance;Total TTC;Déjà réglé\nF-1;13/12/2026;100,00;40,00\nF-2;14/12/2026;50,00;\n",
			want: []string{"2 F-1 6000 2026-12-13 -", "3 F-2 5000 2026-12-14 -"}},
		{name: "centimes", file: "cmd.csv", text: "commande|montant_centimes|email\nCMD1|123456|a@b.example\nCMD2|9900|c@d.example\n",
			want: []string{"2 CMD1 123456 - -", "3 CMD2 9900 - -"}},
		{name: "mac", file: "mac.csv", encoding: "macintosh", text: "N° facture;Échéance;Reste dû\rF-1;13/12/2026;1234,56\rF-2;14/12/2026;50,00\r",
			want: []string{"2 F-1 123456 2026-12-13 -", "3 F-2 5000 2026-12-14 -"}},
		{name: "EBCDIC", file: "FACT.EBC", encoding: "cp1147", text: "NUMERO;ECHEANCE;RESTE DU;NOM;EMAIL\u0085F-1;20261213;1234,56;Hélène Brûlé;h@b.example\u0085F-2;20261214;50,00;Noël;n@c.example\u0085",
			want: []string{"2 F-1 123456 2026-12-13 -", "3 F-2 5000 2026-12-14 -"}},
		{name: "guillemets simples", file: "q.csv", text: "'Invoice','Due','Amount'\n'A-1','2026-12-13','1234.56'\n'A-2','2026-12-14','50.00'\n",
			want: []string{"2 A-1 123456 2026-12-13 -", "3 A-2 5000 2026-12-14 -"}},
		{name: "sans titres", file: "nu.csv", text: "F-1001;03/11/2026;03/12/2026;CL01;Lefèvre;compta@lefevre.example;1234,56\nF-1002;14/11/2026;14/12/2026;CL02;Noël;noel@garage.example;99,00\nF-1003;15/11/2026;15/12/2026;CL02;Noël;noel@garage.example;12,00\n",
			want: []string{"1 F-1001 123456 2026-12-03 2026-11-03", "2 F-1002 9900 2026-12-14 2026-11-14", "3 F-1003 1200 2026-12-15 2026-11-15"}, confirm: []string{"reference", "due_on", "issued_on"}},
		{name: "date ambiguë", file: "amb.csv", text: "Facture;Échéance;Solde\nF-1;03/04/2026;10,50\nF-2;05/06/2026;20,00\n",
			want: []string{"2 F-1 1050 2026-04-03 -", "3 F-2 2000 2026-06-05 -"}, confirm: []string{"due_on"}},
		{name: "échéances en lignes", file: "ech.csv", text: "Facture;Échéance;Montant échéance\nF-1;13/12/2026;100,00\nF-1;13/01/2027;100,00\nF-1;13/02/2027;100,00\nF-2;14/12/2026;50,00\n",
			want: []string{"2 F-1 10000 2026-12-13 -", "3 F-1 10000 2027-01-13 -", "4 F-1 10000 2027-02-13 -", "5 F-2 5000 2026-12-14 -"}},
		{name: "écritures", file: "ecr.csv", text: "Journal;Date;Compte;Tiers;Pièce;Libellé;Échéance;Débit;Crédit;Lettrage\nVE;03/11/2026;411000;LEFEV;FA-1;Fact 1;03/12/2026;120,00;;\nVE;03/11/2026;706000;;FA-1;Fact 1;;;100,00;\nVE;03/11/2026;445710;;FA-1;Fact 1;;;20,00;\nVE;14/11/2026;411000;NOEL;FA-2;Fact 2;14/12/2026;60,00;;A\nBQ;20/11/2026;411000;NOEL;FA-2;Règlement;;;60,00;A\nBQ;20/11/2026;512000;;FA-2;Règlement;;60,00;;\n",
			want: []string{"2 FA-1 12000 2026-12-03 2026-11-03"}},
		{name: "fixe", file: "FACT.TXT", encoding: "cp850", text: strings.Join([]string{
			"FA0000101Boulangerie Lefèvre     2026110320261203000000123456EUR", "FA0000102Garage Noël             2026110420261204000000009900EUR", "FA0000103Hôtel du Port           2026111520261215000000150000EUR", ""}, "\r\n"),
			want: []string{"1 FA0000101 123456 2026-12-03 2026-11-03", "2 FA0000102 9900 2026-12-04 2026-11-04", "3 FA0000103 150000 2026-12-15 2026-11-15"}, confirm: []string{"reference", "due_on"}},
		{name: "fixe sans fins de ligne", file: "FACT.DAT", text: "FA0000101 LEFEVRE         20261203    1234.56EURFA0000102 NOEL            20261204      99.00EURFA0000103 PORT            20261215    1500.00EURFA0000104 MENARD          20261216     200.00EUR",
			want: []string{"1 FA0000101 123456 - 2026-12-03", "2 FA0000102 9900 - 2026-12-04", "3 FA0000103 150000 - 2026-12-15", "4 FA0000104 20000 - 2026-12-16"}, confirm: []string{"reference", "issued_on"}},
		{name: "opérations anglaises", file: "ops.csv", text: "Action,Transaction ID,Amount,Currency,Reason\ncapture,T-1,10.50,EUR,shipped\nvoid,T-2,,,\nrefund,T-3,5.00,EUR,gift\n",
			want: []string{"2 - 1050 - -", "3 - - - -", "4 - 500 - -"}},
		{name: "Sage Active", file: "active.csv", text: "InvoiceNumber,InvoiceDate,DueDate,CustomerCode,TotalAmount\nNuméro de facture,Date de facture,Date d'échéance,Code client,Montant total\nF-1,03/11/2026,03/12/2026,C1,120.00\nF-2,14/11/2026,14/12/2026,C2,1240.50\n",
			want: []string{"3 F-1 12000 2026-12-03 2026-11-03", "4 F-2 124050 2026-12-14 2026-11-14"}},
	}
}

// bytesOf writes a sample in its encoding.
func (p product) bytes(t *testing.T) []byte {
	t.Helper()
	name := p.encoding
	if name == "" {
		name = "utf-8"
	}
	c, err := mappings.NewCharset(name)
	if err != nil {
		t.Fatal(err)
	}
	b, lost := c.Encode(nil, p.text)
	if lost > 0 {
		t.Fatalf("%s cannot be written in %s", p.name, name)
	}
	return b
}

func TestProducts(t *testing.T) {
	for _, p := range products() {
		t.Run(p.name, func(t *testing.T) {
			b := p.bytes(t)
			got, m := proposed(t, p.file, b, nil)
			rows := read(t, m, b)
			bad := len(rows) != len(p.want)
			for _, w := range p.want {
				var line int
				fields := strings.Fields(w)
				fmt.Sscan(fields[0], &line)
				state := "accepted"
				if len(fields) > 5 && (fields[5] == "skipped" || fields[5] == "rejected") {
					state = fields[5]
				}
				if strings.HasPrefix(w, fmt.Sprint(line)+" FAC ") { // a reference of two words
					fields = append([]string{fields[0], fields[1] + " " + fields[2]}, fields[3:]...)
				}
				r := rows[line]
				match := func(got, want string) bool {
					for _, alternative := range strings.Split(want, "|") {
						if got == alternative || alternative == "-" && got == "" {
							return true
						}
					}
					return false
				}
				if r.state != state || state == "accepted" && (!match(r.reference, fields[1]) || !match(r.amount, fields[2]) || !match(r.due, fields[3]) || !match(r.issued, fields[4])) {
					t.Errorf("line %d: %+v, want %q", line, r, w)
					bad = true
				}
			}
			if len(rows) != len(p.want) {
				t.Errorf("%d documents, want %d: %v", len(rows), len(p.want), rows)
			}
			marks := strings.Join(m.Confirm(), " ")
			need := append([]string{"amount"}, p.confirm...)
			for _, field := range need {
				if !strings.Contains(marks, "fields."+field+" ") {
					t.Errorf("%s is a guess without a mark: %s", field, marks)
					bad = true
				}
			}
			if bad {
				t.Logf("%s", got.YAML)
			}
		})
	}
}
