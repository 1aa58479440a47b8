package propose_test

import "testing"

// TestCustomerReference: what is called the customer's reference is his number only where it comes again with him.
func TestCustomerReference(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"of his orders", "N° facture;Référence client;Client;Échéance;Montant TTC\nF1;BC-778;A;03/12/2026;70,00\nF2;BC-779;B;14/12/2026;80,00\n", ""},
		{"another each time", "N° facture;Réf. client;Client;Échéance;Montant TTC\nF1;BC-778;A;03/12/2026;70,00\nF2;BC-779;A;14/12/2026;80,00\n", ""},
		{"his own", "N° facture;Réf. client;Client;Échéance;Montant TTC\nF1;C12;A;03/12/2026;70,00\nF2;C13;B;14/12/2026;80,00\nF3;C12;A;14/12/2026;80,00\n", "Réf. client"},
		{"beside his account", "N° facture;Référence client;Compte;Client;Échéance;Montant TTC\nF1;BC-778;C12;A;03/12/2026;70,00\nF2;BC-779;C13;B;14/12/2026;80,00\n", "Compte"},
	} {
		got, _ := proposed(t, "factures.csv", []byte(c.text), nil)
		column := ""
		for _, col := range got.Columns {
			if col.Field == "customer.id" {
				column = col.Title
			}
		}
		if column != c.want {
			t.Errorf("%s: customer.id is %q, want %q", c.name, column, c.want)
		}
	}
}
