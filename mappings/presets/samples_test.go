package presets_test

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/navette-connect/navette/connector/payment"
	"github.com/navette-connect/navette/mappings"
	"github.com/navette-connect/navette/mappings/csvfile"
	"github.com/navette-connect/navette/mappings/presets"
	"github.com/navette-connect/navette/mappings/xlsxfile"
)

// TestSamples reads each preset's sample as its test entry says; testdata holds one for every preset.
func TestSamples(t *testing.T) {
	formats := map[string]func(mappings.Source) (mappings.Format, error){"csv": csvfile.New, "fixed": csvfile.New, "xlsx": xlsxfile.New}
	for _, name := range presets.Names() {
		t.Run(name, func(t *testing.T) {
			src, err := os.ReadFile(filepath.Join("testdata", name+".yaml"))
			if err != nil {
				t.Fatalf("a preset without a sample: %v", err)
			}
			m, err := mappings.Load(name, src, mappings.Options{Formats: formats, Use: presets.Source})
			if err != nil {
				t.Fatal(err)
			}
			for _, w := range m.Warnings() {
				t.Error(w.In("en"))
			}
			if m.Description == "" {
				t.Error("no description says what it is for")
			}
			if len(m.Tests()) != 1 {
				t.Fatalf("%d tests, want 1", len(m.Tests()))
			}
			want := m.Tests()[0]
			b, err := os.ReadFile(filepath.Join("testdata", want.File))
			if err != nil {
				t.Fatal(err)
			}
			got := tally(t, m, b)
			for state, n := range map[string]int{"accepted": want.Accepted, "held": want.Held, "rejected": want.Rejected, "skipped": want.Skipped} {
				if n >= 0 && got.states[state] != n {
					t.Errorf("%d %s, want %d", got.states[state], state, n)
				}
			}
			if got.states["accepted"] == 0 {
				t.Error("nothing is accepted: the sample shows nothing")
			}
			if want.Total != "" && got.total() != want.Total {
				t.Errorf("total %s, want %s", got.total(), want.Total)
			}
			for line, fields := range want.Rows {
				for field, value := range fields {
					if got.rows[line][field] != value {
						t.Errorf("line %d: %s %q, want %q", line, field, got.rows[line][field], value)
					}
				}
			}
		})
	}
}

// TestRefundsOfThePage reads the file that the French page shows, as it is pasted and as a spreadsheet saves it.
func TestRefundsOfThePage(t *testing.T) {
	page, err := os.ReadFile(filepath.FromSlash("../../docs/fr/mauvais-fichier.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), "```csv\n")
	text, _, _ := strings.Cut(rest, "```")
	latin, err := mappings.NewCharset("windows-1252")
	if err != nil {
		t.Fatal(err)
	}
	saved, lost := latin.Encode(nil, text)
	if lost > 0 || !strings.Contains(text, "Référence") {
		t.Fatalf("the page shows %q", text)
	}
	src, err := presets.Source("operations")
	if err != nil {
		t.Fatal(err)
	}
	for what, b := range map[string][]byte{"pasted": []byte(text), "saved": saved} {
		m, err := mappings.Load("operations", src, mappings.Options{Formats: map[string]func(mappings.Source) (mappings.Format, error){"csv": csvfile.New}, Use: presets.Source})
		if err != nil {
			t.Fatal(err)
		}
		if got := tally(t, m, b); got.states["accepted"] != 2 {
			t.Errorf("%s: %v, want 2 accepted", what, got.states)
		}
	}
}

type result struct {
	states map[string]int
	sums   map[string]payment.Amount
	rows   map[int]map[string]string
}

func (r result) total() string {
	var out []string
	for _, currency := range slices.Sorted(maps.Keys(r.sums)) {
		out = append(out, r.sums[currency].Decimal('.'))
	}
	return strings.Join(out, " + ")
}

// tally reads a sample; a reference that comes again is rejected, as the connector does.
func tally(t *testing.T, m *mappings.Mapping, b []byte) result {
	t.Helper()
	r, err := m.Open(mappings.Spooled{ReaderAt: bytes.NewReader(b), Size: int64(len(b))}, mappings.Env{Today: "2026-11-20"})
	if err != nil {
		t.Fatal(err)
	}
	out := result{map[string]int{}, map[string]payment.Amount{}, map[int]map[string]string{}}
	known := map[string]bool{}
	for doc, err := range r.Documents(context.Background()) {
		if err != nil {
			t.Fatal(err)
		}
		state := doc.State.String()
		if doc.State == mappings.Accepted {
			for i := range doc.Instructions {
				in := &doc.Instructions[i]
				if id := payment.Identity(in); doc.Kind == payment.Request && known[id] {
					state = "rejected"
				} else {
					known[id] = true
				}
			}
			if doc.Hold != nil && state == "accepted" {
				state = "held"
			}
		}
		out.states[state]++
		if state != "accepted" {
			continue
		}
		for _, in := range doc.Instructions {
			out.rows[doc.Rows[0].Line] = map[string]string{"reference": in.Reference, "amount": fmt.Sprint(in.Amount.Decimal('.')), "due_on": in.DueOn, "issued_on": in.IssuedOn, "part": in.Part}
			if in.Amount.IsZero() {
				continue
			}
			sum, ok := out.sums[in.Amount.Currency]
			if !ok {
				out.sums[in.Amount.Currency] = in.Amount
				continue
			}
			if sum, err = sum.Add(in.Amount); err != nil {
				t.Fatal(err)
			}
			out.sums[in.Amount.Currency] = sum
		}
	}
	return out
}
