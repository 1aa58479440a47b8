package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/navette-connect/navette/connector/gateway/sandbox"
)

const tableMapping = `navette: mapping/v1
name: w
kind: request
locale: fr
source: {format: csv, encoding: utf-8, delimiter: ";", header: 1, decimal: ","}
lookups:
  contacts: {file: contacts.csv, key: Code, source: {format: csv, encoding: utf-8, delimiter: ";"}}
fields:
  - {name: reference, column: Facture, required: true}
  - {name: amount, column: Montant, type: amount, required: true}
  - {name: shop, value: 'lookup("contacts", row["Client"], "Agence")'}
rules:
  - {id: agence, when: shop == "", do: reject, message: {fr: "client sans agence", en: "no branch"}}
returns:
  suite: {on: event, rows: event.event == "sent", file: "{stem}.suite.csv", columns: [{name: ref, value: reference}, {name: agence, value: 'lookup("contacts", row["Client"], "Agence")'}]}
`

// TestLookupTables: a daemon reads a lookup table again before the next file once its file has changed, for returns too;
// a table that cannot be read changes nothing and is an alarm until it is mended. The mapping's own text waits for a reload.
func TestLookupTables(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1, sandbox.None, sandbox.Faults{})
	write := func(name, text string) {
		t.Helper()
		tmp := filepath.Join(w.dir, "etc", "mappings", name+".tmp")
		if err := os.WriteFile(tmp, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(tmp, filepath.Join(w.dir, "etc", "mappings", name)); err != nil {
			t.Fatal(err)
		}
	}
	write("contacts.csv", "Code;Agence\nC1;Nantes\n")
	write("w.yaml", tableMapping)
	s := w.serve(t)
	expect := func(stem, ref, state, shop string) {
		t.Helper()
		w.put(t, stem+".csv", []byte("Facture;Montant;Client\n"+ref+";1,00;C1\n"))
		if rows := s.answer(t, "out", stem+".ack.csv"); len(rows) != 1 || rows[0]["state"] != state {
			t.Fatalf("%s: %v, want %s", stem, rows, state)
		}
		if shop != "" {
			if rows := s.answer(t, "out", stem+".suite.csv"); len(rows) != 1 || rows[0]["agence"] != shop {
				t.Errorf("%s: %v, want %s", stem, rows, shop)
			}
		}
	}
	expect("un", "F-1", "accepted", "Nantes")
	write("contacts.csv", "Code;Agence\nC1;Rennes\n")
	expect("deux", "F-2", "accepted", "Rennes")
	write("contacts.csv", "Code;Agence\nC2;Brest\n")
	expect("trois", "F-3", "rejected", "")
	write("contacts.csv", "Code;Agence\nC1;Vannes\n")
	expect("quatre", "F-4", "accepted", "Vannes")

	write("contacts.csv", "Code;Agence\nC1;Brest\nC1;Lorient\n")
	expect("cinq", "F-5", "accepted", "Vannes")
	s.logs(t, "lookup:f", "NV-4020")
	if err := os.Remove(filepath.Join(w.dir, "etc", "mappings", "contacts.csv")); err != nil {
		t.Fatal(err)
	}
	expect("six", "F-6", "accepted", "Vannes")
	write("w.yaml", "nonsense: true\n") // not read before a reload
	write("contacts.csv", "Code;Agence\nC1;Quimper\n")
	expect("sept", "F-7", "accepted", "Quimper")
}
