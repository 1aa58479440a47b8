package propose_test

import (
	"strings"
	"testing"
)

// TestBareQuotes: quotes inside cells are ordinary characters where no cell stands in quotes as a whole and all rows have
// one width; otherwise rows that misuse them are rejected, and quotes are never read loosely.
func TestBareQuotes(t *testing.T) {
	const titles = "N° facture;Client;Échéance;Montant TTC\n"
	for _, c := range []struct {
		product
		none bool
	}{
		{product{name: "at the beginning of a cell", file: "liste.csv", text: titles + "F1;\"Le Nord\" hôtel;03/12/2026;70,00\nF2;B;14/12/2026;80,00\n",
			want: []string{"2 F1 7000 2026-12-03 -", "3 F2 8000 2026-12-14 -"}}, true},
		{product{name: "inches", file: "liste.csv", text: titles + "F1;Tube 5\" inox;03/12/2026;70,00\nF2;B;14/12/2026;80,00\n",
			want: []string{"2 F1 7000 2026-12-03 -", "3 F2 8000 2026-12-14 -"}}, true},
		{product{name: "beside cells in quotes", file: "liste.csv", text: titles + "\"F1\";\"Le Nord\" hôtel;03/12/2026;70,00\n\"F2\";\"B;C\";14/12/2026;80,00\n",
			want: []string{"2 - - - - rejected", "3 F2 8000 2026-12-14 -"}}, false},
	} {
		holdTo(t, []product{c.product})
		got, _ := proposed(t, c.file, []byte(c.text), nil)
		if strings.Contains(string(got.YAML), "lazy_quotes") || strings.Contains(string(got.YAML), "quote: none") != c.none {
			t.Errorf("%s\n%s", c.name, got.YAML)
		}
	}
}
