package mappings_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/navette-connect/navette/connector/payment"
	"github.com/navette-connect/navette/mappings"
)

// expected is what a script that knows nothing of mappings computed from an export's own layout.
type expected struct {
	File                              string
	Rows                              int
	LeftOut                           int `json:"left_out"`
	Accepted, Held, Rejected, Skipped int
	Total                             map[string]int64
	Instructions                      []struct {
		Line   int
		Lines  []int
		State  string
		Fields map[string]any
	}
	Errors []struct {
		Line  int
		Code  any // one, or a list of which any will do
		Value string
	}
}

// TestERPExports reads a dozen exports as ERPs write them.
func TestERPExports(t *testing.T) {
	dirs, err := filepath.Glob(filepath.Join(examples, "erp", "*", "expected.json"))
	if err != nil || len(dirs) < 12 {
		t.Fatalf("%d exports (%v), want 12", len(dirs), err)
	}
	for _, path := range dirs {
		t.Run(filepath.Base(filepath.Dir(path)), func(t *testing.T) {
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			var want expected
			if err := json.Unmarshal(b, &want); err != nil {
				t.Fatal(err)
			}
			compareExport(t, filepath.Dir(path), want)
		})
	}
}

func compareExport(t *testing.T, dir string, want expected) {
	t.Helper()
	m := load(t, filepath.Join(dir, "mapping.yaml"))
	src, err := os.ReadFile(filepath.Join(dir, want.File))
	if err != nil {
		t.Fatal(err)
	}
	r, err := m.Open(mappings.Spooled{ReaderAt: bytes.NewReader(src), Size: int64(len(src))}, mappings.Env{Today: "2026-11-20"})
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	total := map[string]int64{}
	i := 0
	for doc, err := range r.Documents(context.Background()) {
		if err != nil {
			t.Fatal(err)
		}
		if i >= len(want.Instructions) {
			t.Fatalf("document %d: more than expected", i)
		}
		w := want.Instructions[i]
		i++
		state, codes := stateOf(doc, known)
		var lines []int
		for _, row := range doc.Rows {
			lines = append(lines, row.Line)
		}
		if state != w.State || !slices.Equal(lines, w.Lines) {
			t.Errorf("lines %v %s %v, want %v %s", lines, state, codes, w.Lines, w.State)
			continue
		}
		for _, e := range want.Errors {
			if e.Line == w.Line && !slices.ContainsFunc(codes, func(c string) bool { return strings.Contains(fmt.Sprint(e.Code), c) }) {
				t.Errorf("line %d: %v, want %v", e.Line, codes, e.Code)
			}
		}
		for _, in := range doc.Instructions {
			if state == "accepted" {
				total[in.Amount.Currency] += in.Amount.Minor
			}
			for name, v := range w.Fields {
				compareField(t, w.Line, name, v, in)
			}
		}
	}
	if i != len(want.Instructions) || r.Rows() != want.Rows || r.LeftOut() != want.LeftOut {
		t.Errorf("%d documents, %d rows, %d left out, want %d, %d, %d", i, r.Rows(), r.LeftOut(), len(want.Instructions), want.Rows, want.LeftOut)
	}
	for currency, minor := range want.Total {
		if total[currency] != minor {
			t.Errorf("total %d %s, want %d", total[currency], currency, minor)
		}
	}
}

// stateOf is what becomes of a document once references are compared within the file.
func stateOf(doc *mappings.Document, known map[string]bool) (state string, codes []string) {
	for _, p := range doc.Problems {
		codes = append(codes, p.Code)
	}
	switch {
	case doc.State != mappings.Accepted:
		return doc.State.String(), codes
	case doc.Kind == payment.Request:
		for i := range doc.Instructions {
			id := payment.Identity(&doc.Instructions[i])
			if known[id] {
				return "rejected", append(codes, "NV-1401")
			}
			known[id] = true
		}
	}
	if doc.Hold != nil {
		return "held", append(codes, doc.Hold.Code)
	}
	return "accepted", codes
}

func compareField(t *testing.T, line int, name string, want any, in payment.Instruction) {
	t.Helper()
	pairs := map[string]string{"reference": in.Reference, "part": in.Part, "currency": in.Amount.Currency, "due_on": in.DueOn, "issued_on": in.IssuedOn,
		"label": in.Label, "channel": in.Channel, "method": in.Method, "shop": in.Shop, "customer.id": in.Customer.ID, "customer.name": in.Customer.Name,
		"customer.email": in.Customer.Email, "customer.phone": in.Customer.Phone, "amount": fmt.Sprint(in.Amount.Minor), "operation": string(in.Operation),
		"transaction_id": in.TransactionID, "date": in.Date, "reason": in.Reason, "key": in.ERPKey}
	for _, p := range in.Metadata {
		pairs["metadata."+p.Name] = p.Value
	}
	got, ok := pairs[name]
	if f, isNumber := want.(float64); isNumber {
		want = fmt.Sprintf("%.0f", f)
	}
	if !ok || got != fmt.Sprint(want) && !strings.Contains(fmt.Sprint(want), " "+got+"]") {
		t.Errorf("line %d: %s = %q, want %q", line, name, got, want)
	}
}
