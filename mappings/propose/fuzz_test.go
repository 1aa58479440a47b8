package propose_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/navette-connect/navette/mappings"
	"github.com/navette-connect/navette/mappings/presets"
	"github.com/navette-connect/navette/mappings/propose"
)

// FuzzPropose: whatever the bytes, nothing panics, what is proposed loads, and what is refused says why.
func FuzzPropose(f *testing.F) {
	for _, p := range products() {
		name := p.encoding
		if name == "" {
			name = "utf-8"
		}
		c, err := mappings.NewCharset(name)
		if err != nil {
			f.Fatal(err)
		}
		b, _ := c.Encode(nil, p.text)
		f.Add(b)
	}
	files, err := filepath.Glob(filepath.Join("..", "..", "testdata", "mappings", "erp", "*", "*.*"))
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		if b, err := os.ReadFile(file); err == nil {
			f.Add(b)
		}
	}
	for _, s := range []string{"", "\n", ";", "a;b", "\xff\xfe", "\xff\xfea\x00;\x00", "Facture;Montant\n'\";\n", "N°;N°\n1;2,00\n", "Facture\"x;Mont\\ant\nF1;1,00\n", "Facture;Montant\u2028\u0085\nF1;1,00\nTOTAL;2\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := propose.Propose(spool("sample.csv", b), propose.Options{Formats: formats(), Preset: presets.Source, Lang: "fr"})
		var file *mappings.FileError
		switch {
		case errors.Is(err, propose.ErrNothing) || errors.As(err, &file):
			var why *propose.Refusal
			if errors.As(err, &why) && why.Text.Key == "propose.failed" {
				t.Fatalf("no mapping loads for %q: %v", b, err)
			}
			return
		case err != nil:
			t.Fatalf("%v is neither a refusal nor of the file", err)
		}
		m, err := mappings.Load("sample.yaml", p.YAML, mappings.Options{Formats: formats(), Use: presets.Source})
		if err != nil {
			t.Fatalf("what is proposed does not load: %v\n%s", err, p.YAML)
		}
		if len(m.Confirm()) == 0 {
			t.Fatalf("a proposal without a mark\n%s", p.YAML)
		}
	})
}
