package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/navette-connect/navette/connector/gateway/sandbox"
)

// TestMendedDocuments: rejected documents of several rows come back whole; mended and dropped again they are taken, and
// what was accepted the first time is not sent again.
func TestMendedDocuments(t *testing.T) {
	t.Parallel()
	const records = `
navette: mapping/v1
name: w
source: {format: csv, encoding: utf-8, delimiter: "|", header: 0, decimal: ",", dates: ["%Y%m%d"]}
records:
  type: 1
  types:
    E: {role: head, columns: [type, numero, email]}
    L: {role: line, columns: [type, texte, ttc]}
    Z: {role: trailer, columns: [type, nombre, total]}
fields:
  - {name: reference, column: E.numero, required: true}
  - {name: customer.email, column: E.email, type: email}
  - {name: amount, column: L.ttc, type: amount, agg: sum}
control:
  - {id: nombre, when: 'int(trailer.nombre) == file.documents', do: reject, message: {fr: "nombre", en: "count"}}
`
	const grouped = `
navette: mapping/v1
name: w
source: {format: csv, encoding: utf-8, delimiter: ";", header: 1, decimal: ","}
group: {by: [reference]}
fields:
  - {name: reference, column: Facture, required: true}
  - {name: customer.email, column: Courriel, type: email, agg: same}
  - {name: amount, column: Montant, type: amount, agg: sum}
`
	const ebcdic = `
navette: mapping/v1
name: w
source:
  format: fixed
  encoding: cp297
  length: 20
  columns: [{name: ref, at: 1, len: 8}, {name: amount, at: 9, len: 12}]
  decimal: ","
fields:
  - {name: reference, column: ref, required: true}
  - {name: amount, column: amount, type: amount, required: true}
`
	const latin = `
navette: mapping/v1
name: w
source:
  format: fixed
  encoding: windows-1252
  length: 20
  columns: [{name: ref, at: 1, len: 8}, {name: amount, at: 9, len: 12}]
  decimal: ","
fields:
  - {name: reference, column: ref, required: true}
  - {name: amount, column: amount, type: amount, required: true}
`
	fixed := func(ref, amount string) string {
		return ref + strings.Repeat(" ", 20-len(ref)-len(amount)) + amount + "\n"
	}
	for _, tt := range []struct {
		name, mapping, file, wrong, right string
		encode                            func(string) []byte
	}{
		{"records", records, "E|MD-1|a@b.example\nL|x|10,00\nE|MD-2|a@b.example\nL|x|10,00\nL|y|1.0,00\nZ|2|30,00\n", "|1.0,00", "|10,00", plain},
		{"grouped", grouped, "Facture;Courriel;Montant\nMD-2;a@b.example;5,00\nMD-1;a@b.example;10,00\nMD-2;a@b.example;1.0,00\n", ";1.0,00", ";10,00", plain},
		{"fixed", latin, fixed("MD-1", "10,00") + fixed("MD-2", "1.0,00"), "1.0,00", " 10,00", plain},
		{"ebcdic", ebcdic, fixed("MD-1", "10,00") + fixed("MD-2", "1.0,00"), "1.0,00", " 10,00", inEBCDIC},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, 1, sandbox.None, sandbox.Faults{})
			write(t, filepath.Join(w.dir, "etc", "mappings", "w.yaml"), tt.mapping)
			w.configured(t, "", "")
			s := w.serve(t)
			w.place(t, "in", "jan.txt", tt.encode(tt.file))
			s.eventually(t, "the rejects", func() error {
				_, err := os.Stat(filepath.Join(w.dir, "out", "jan.rej.csv"))
				return err
			})
			b, err := os.ReadFile(filepath.Join(w.dir, "out", "jan.rej.csv"))
			if err != nil {
				t.Fatal(err)
			}
			mended := bytes.Replace(b, tt.encode(tt.wrong), tt.encode(tt.right), 1)
			if bytes.Equal(mended, b) || bytes.Contains(b, tt.encode("MD-1")) {
				t.Fatalf("the rejects file does not hold the whole of the rejected document, or more:\n%s", b)
			}
			w.place(t, "in", "jan.rej.csv", mended)
			s.eventually(t, "the second answer", func() error {
				_, err := os.Stat(filepath.Join(w.dir, "out", "jan.rej.ret.csv"))
				return err
			})
			ack, err := os.ReadFile(filepath.Join(w.dir, "out", "jan.rej.ack.csv"))
			if err != nil || bytes.Contains(ack, tt.encode("rejected")) {
				t.Errorf("the mended file is answered (%v)\n%s", err, ack)
			}
			for _, ref := range []string{"MD-1", "MD-2"} {
				if n, _ := w.effects(t, ref); n != 1 {
					t.Errorf("%s had %d effects, want 1\n%s", ref, n, ack)
				}
			}
		})
	}
}

func plain(s string) []byte { return []byte(s) }

// inEBCDIC writes the few characters of the test in code page 297, lines ended by NEL.
func inEBCDIC(s string) []byte {
	var b []byte
	for _, c := range []byte(s) {
		switch {
		case c >= '0' && c <= '9':
			c = 0xf0 + c - '0'
		case c >= 'A' && c <= 'I':
			c = 0xc1 + c - 'A'
		case c >= 'J' && c <= 'R':
			c = 0xd1 + c - 'J'
		case c >= 'a' && c <= 'i':
			c = 0x81 + c - 'a'
		case c >= 'j' && c <= 'r':
			c = 0x91 + c - 'j'
		case c >= 's' && c <= 'z':
			c = 0xa2 + c - 's'
		default:
			c = map[byte]byte{' ': 0x40, ',': 0x6b, '.': 0x4b, '-': 0x60, '\n': 0x15}[c]
		}
		b = append(b, c)
	}
	return b
}
