package mappings_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/text/encoding/charmap"

	"github.com/navette-connect/navette/mappings"
)

// invoices makes a file of 20 columns and some 200 bytes a row, as a French Excel writes it, with its mapping.
func invoices(tb testing.TB, rows int) (file []byte, m *mappings.Mapping) {
	tb.Helper()
	const titles = "Code société;N° facture;Référence commande;Date facture;Date échéance;Code client;Raison sociale;Civilité;Nom;Prénom;E-mail;Téléphone;Adresse;Code postal;Ville;Pays;Montant TTC;Devise;Libellé;Mode de règlement\r\n"
	r := rand.New(rand.NewPCG(1, 2))
	var b bytes.Buffer
	b.WriteString(titles)
	for i := 1; i <= rows; i++ {
		cents := 100 + r.IntN(5_000_000)
		amount := fmt.Sprintf("%d,%02d", cents/100, cents%100)
		if cents >= 100_000 && cents%3 == 0 {
			amount = fmt.Sprintf("%d %03d,%02d", cents/100_000, cents/100%1000, cents%100)
		}
		label := "Fourniture d'équipement"
		if i%10 == 0 {
			label = fmt.Sprintf(`"%s ; réf. ""%d"""`, label, i)
		}
		fmt.Fprintf(&b, "01;F2026-%08d;CMD%07d;%02d/%02d/2026;%02d/12/2026;C%06d;Société Générale de Tôlerie;Mme;Müller;Éloïse;client%06d@exemple.fr;06%08d;%d rue de la République;%05d;Besançon;FR;%s;EUR;%s;SEPA\r\n",
			i, i, 1+r.IntN(28), 1+r.IntN(12), 1+r.IntN(28), r.IntN(200_000), r.IntN(200_000), r.IntN(100_000_000), 1+r.IntN(200), 1000+r.IntN(94_000), amount, label)
	}
	file, err := charmap.Windows1252.NewEncoder().Bytes(b.Bytes())
	if err != nil {
		tb.Fatal(err)
	}
	const yaml = `
navette: mapping/v1
name: bench
source: {format: csv, encoding: windows-1252, delimiter: ";", header: 1, decimal: ",", group: " ", dates: ["%d/%m/%Y"]}
fields:
  - {name: reference, column: "N° facture", required: true}
  - {name: metadata.order, column: "Référence commande"}
  - {name: issued_on, column: "Date facture", type: date, required: true}
  - {name: due_on, column: "Date échéance", type: date, required: true}
  - {name: customer.id, column: "Code client", required: true}
  - {name: customer.name, column: "Raison sociale", max: 70}
  - {name: customer.email, column: "E-mail", type: email}
  - {name: customer.phone, column: "Téléphone"}
  - {name: customer.address.line1, column: Adresse}
  - {name: customer.address.zip, column: "Code postal"}
  - {name: customer.address.city, column: Ville}
  - {name: customer.address.country, column: Pays}
  - {name: amount, column: "Montant TTC", type: amount, required: true}
  - {name: currency, column: Devise, required: true}
  - {name: label, column: "Libellé", max: 120}
  - {name: metadata.mode, column: "Mode de règlement", enum: [CB, SEPA, VIR]}
`
	if m, err = mappings.Load("bench.yaml", []byte(yaml), options()); err != nil {
		tb.Fatal(err)
	}
	return file, m
}

// readAll reads a file through a mapping and counts the accepted documents.
func readAll(tb testing.TB, m *mappings.Mapping, file []byte) (accepted int) {
	tb.Helper()
	reading, err := m.Open(mappings.Spooled{ReaderAt: bytes.NewReader(file), Size: int64(len(file))}, mappings.Env{Today: "2026-11-20"})
	if err != nil {
		tb.Fatal(err)
	}
	for doc, err := range reading.Documents(context.Background()) {
		if err != nil {
			tb.Fatal(err)
		}
		if doc.State == mappings.Accepted {
			accepted++
		}
	}
	return accepted
}

const benchRows = 5000

func BenchmarkDocuments(b *testing.B) {
	file, m := invoices(b, benchRows)
	b.SetBytes(int64(len(file)))
	b.ReportAllocs()
	for b.Loop() {
		if n := readAll(b, m, file); n != benchRows {
			b.Fatalf("%d accepted, want %d", n, benchRows)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*benchRows), "ns/row")
}

// BenchmarkPassing reads with as many workers as there are processors.
func BenchmarkPassing(b *testing.B) {
	const rows = 50_000
	file, m := invoices(b, rows)
	b.SetBytes(int64(len(file)))
	b.ReportAllocs()
	for b.Loop() {
		reading, err := m.Open(mappings.Spooled{ReaderAt: bytes.NewReader(file), Size: int64(len(file))}, mappings.Env{Today: "2026-11-20"})
		if err != nil {
			b.Fatal(err)
		}
		n := 0
		for _, err := range reading.Passing(context.Background(), runtime.GOMAXPROCS(0)) {
			if err != nil {
				b.Fatal(err)
			}
			n++
		}
		if n != rows {
			b.Fatalf("%d documents, want %d", n, rows)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*rows), "ns/row")
}

// BenchmarkExpressions reads the rows of worked example 01 again and again: skip, computed fields, rules, returns' fields.
func BenchmarkExpressions(b *testing.B) {
	m := load(b, filepath.Join(examples, "01-factures-excel-fr", "mapping.yaml"))
	sample, err := os.ReadFile(filepath.Join(examples, "01-factures-excel-fr", "FACTURES_20261120.csv"))
	if err != nil {
		b.Fatal(err)
	}
	lines := strings.SplitAfter(string(sample), "\r\n")
	file := []byte(strings.Join(lines[:3], "") + strings.Repeat(strings.Join(lines[3:4], ""), benchRows))
	b.SetBytes(int64(len(file)))
	b.ReportAllocs()
	for b.Loop() {
		readAll(b, m, file)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*benchRows), "ns/row")
}

// BenchmarkEncodingCSV is the yardstick: the standard reader behind the same decoder, and nothing else.
func BenchmarkEncodingCSV(b *testing.B) {
	file, _ := invoices(b, benchRows)
	b.SetBytes(int64(len(file)))
	b.ReportAllocs()
	for b.Loop() {
		r := csv.NewReader(charmap.Windows1252.NewDecoder().Reader(bytes.NewReader(file)))
		r.Comma, r.ReuseRecord = ';', true
		for {
			if _, err := r.Read(); err == io.EOF {
				break
			} else if err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*benchRows), "ns/row")
}
