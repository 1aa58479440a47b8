package mappings_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/navette-connect/navette/mappings"
	"github.com/navette-connect/navette/mappings/csvfile"
)

// TestHeaderAuto: `header: auto` takes the first row that holds every mapped title, wherever it stands.
func TestHeaderAuto(t *testing.T) {
	m := loadText(t, `{name: reference, column: ["N° facture", Invoice]}`, `{name: amount, column: Solde, type: amount}`)
	for _, tt := range []struct {
		name, text string
		want       string // references; or the code of the refusal
	}{
		{"first row", "N° facture;Solde\nF-1;1,00\n", "F-1"},
		{"below a banner", "Relevé au 20/11;;\n;;\nN° facture;Client;Solde\nF-1;L;1,00\n", "F-1"},
		{"another order, other case", "SOLDE;n°facture\n1,00;F-1\n", "F-1"},
		{"the other name", "Invoice;Solde\nF-1;1,00\n", "F-1"},
		{"a banner that holds one title", "Solde des clients;Solde\nN° facture;Solde\nF-1;1,00\n", "F-1"},
		{"a cell of two lines above", "\"Relevé\ndes clients\";x\nN° facture;Solde\nF-1;1,00\n", "F-1"},
		{"narrower banner", "Relevé\n\nN° facture;Solde\nF-1;1,00\nF-2;2,00\n", "F-1 F-2"},
		{"below 400 lines", strings.Repeat("x;y\n", 400) + "N° facture;Solde\nF-1;1,00\n", "F-1"},
		{"a spoilt row above", "a\"b;c\nN° facture;Solde\nF-1;1,00\n", "F-1"},
		{"none", "Facture;Montant\nF-1;1,00\n", "NV-1101"},
		{"one missing", "N° facture;Montant\nF-1;1,00\n", "NV-1101"},
		{"twice in the row", "N° facture;Solde;Solde\nF-1;1,00;2,00\n", "NV-1101"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, err := m.Open(mappings.Spooled{ReaderAt: bytes.NewReader([]byte(tt.text)), Size: int64(len(tt.text))}, mappings.Env{})
			var file *mappings.FileError
			if errors.As(err, &file) {
				if file.Problem.Code != tt.want {
					t.Errorf("refused with %s, want %s", file.Problem.Code, tt.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for doc, err := range r.Documents(context.Background()) {
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, doc.Reference)
			}
			if strings.Join(got, " ") != tt.want {
				t.Errorf("read %q, want %q", got, tt.want)
			}
		})
	}
}

func loadText(t *testing.T, fields ...string) *mappings.Mapping {
	t.Helper()
	src := "navette: mapping/v1\nname: auto\nsource: {delimiter: \";\", decimal: \",\", header: auto, encoding: utf-8}\nfields:\n  - " + strings.Join(fields, "\n  - ") + "\n"
	m, err := mappings.Load("auto.yaml", []byte(src), mappings.Options{Formats: map[string]func(mappings.Source) (mappings.Format, error){"csv": csvfile.New}})
	if err != nil {
		t.Fatal(err)
	}
	return m
}
