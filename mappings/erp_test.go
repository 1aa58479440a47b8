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

	"github.com/google/go-cmp/cmp"

	"github.com/navette-connect/navette/connector/payment"
	"github.com/navette-connect/navette/mappings"
)

// expected is what a script that knows nothing of mappings computed from an export's own layout.
type expected struct {
	File                              string
	Kind                              string
	Rows                              int
	LeftOut                           int   `json:"left_out"`
	LeftOutLines                      []int `json:"left_out_lines"`
	Accepted, Held, Rejected, Skipped int
	AcceptedRows                      int `json:"accepted_rows"`
	RejectedRows                      int `json:"rejected_rows"`
	SkippedRows                       int `json:"skipped_rows"`
	Total                             map[string]int64
	Instructions                      []struct {
		Line   int
		Lines  []int
		State  string
		Fields map[string]any
	}
	Errors []struct {
		Line          int
		Lines         []int
		Code          any // one, or a list: of the code, then the rule
		Column, Value string
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
	documents, rows := map[string]int{}, map[string]int{}
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
		documents[state]++
		rows[state] += len(lines)
		if state != w.State || !slices.Equal(lines, w.Lines) {
			t.Errorf("lines %v %s %v, want %v %s", lines, state, codes, w.Lines, w.State)
			continue
		}
		for _, line := range lines {
			if slices.Contains(want.LeftOutLines, line) {
				t.Errorf("line %d is a row, want it left out", line)
			}
		}
		compareErrors(t, want, doc, state, codes)
		if state == "accepted" && len(doc.Instructions) != 1 {
			t.Errorf("line %d: %d instructions, want one", w.Line, len(doc.Instructions))
		}
		for _, in := range doc.Instructions {
			if in.Amount.Currency != "" && state == "accepted" {
				total[in.Amount.Currency] += in.Amount.Minor
			}
			if state == "accepted" || state == "held" {
				compareFields(t, w.Line, w.Fields, in)
			}
		}
	}
	if i != len(want.Instructions) || r.Rows() != want.Rows || r.LeftOut() != want.LeftOut {
		t.Errorf("%d documents, %d rows, %d left out, want %d, %d, %d", i, r.Rows(), r.LeftOut(), len(want.Instructions), want.Rows, want.LeftOut)
	}
	if diff := cmp.Diff(want.Total, total); diff != "" {
		t.Errorf("totals (-want +got):\n%s", diff)
	}
	got := []int{documents["accepted"], documents["held"], documents["rejected"], documents["skipped"], rows["accepted"], rows["rejected"], rows["skipped"]}
	if counts := []int{want.Accepted, want.Held, want.Rejected, want.Skipped, want.AcceptedRows, want.RejectedRows, want.SkippedRows}; !slices.Equal(got, counts) {
		t.Errorf("accepted, held, rejected, skipped; rows of them: %v, want %v", got, counts)
	}
}

// compareErrors holds a document's problems to those expected of its line: code, column and what was read.
func compareErrors(t *testing.T, want expected, doc *mappings.Document, state string, codes []string) {
	t.Helper()
	line := doc.Rows[0].Line
	told := 0
	for _, e := range want.Errors {
		if e.Line != line {
			continue
		}
		told++
		code, rule := fmt.Sprint(e.Code), ""
		if list, ok := e.Code.([]any); ok {
			code, rule = fmt.Sprint(list[0]), strings.TrimPrefix(fmt.Sprint(list[1]), "NV-1101") // some readers know a short line by its columns
		}
		if code == "NV-1401" { // known of the whole file, not of the row
			if !slices.Contains(codes, code) {
				t.Errorf("line %d: %v, want %s", line, codes, code)
			}
			continue
		}
		if !slices.ContainsFunc(doc.Problems, func(p mappings.Problem) bool {
			return p.Code == code && p.Rule == rule && (e.Column == "" || p.Column == e.Column && p.Letter != "" && p.Value == e.Value)
		}) {
			t.Errorf("line %d: %+v, want %s %s of %q %q", line, doc.Problems, code, rule, e.Column, e.Value)
		}
	}
	if (state == "rejected") != (told > 0) {
		t.Errorf("line %d: %s, and %d errors are expected", line, state, told)
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

// compareFields holds an instruction to all that is expected of it, and to nothing beside.
func compareFields(t *testing.T, line int, want map[string]any, in payment.Instruction) {
	t.Helper()
	got := map[string]string{"reference": in.Reference, "part": in.Part, "currency": in.Amount.Currency, "due_on": in.DueOn, "issued_on": in.IssuedOn, "expires_on": in.ExpiresOn,
		"label": in.Label, "channel": in.Channel, "method": in.Method, "shop": in.Shop, "customer.id": in.Customer.ID, "customer.name": in.Customer.Name,
		"customer.email": in.Customer.Email, "customer.phone": in.Customer.Phone, "customer.language": in.Customer.Language, "customer.siren": in.Customer.SIREN,
		"operation": string(in.Operation), "transaction_id": in.TransactionID, "date": in.Date, "reason": in.Reason, "key": in.ERPKey}
	if in.Amount.Currency != "" {
		got["amount"] = fmt.Sprint(in.Amount.Minor)
	}
	for _, p := range in.Metadata {
		got["metadata."+p.Name] = p.Value
	}
	for name, value := range got {
		if name == "channel" && value == "link" || name == "key" { // the default; the layout's own numbering
			continue
		}
		if _, expected := want[name]; !expected && value != "" {
			t.Errorf("line %d: %s = %q, want none", line, name, value)
		}
	}
	for name, w := range want {
		switch w := w.(type) {
		case float64:
			if got[name] != fmt.Sprintf("%.0f", w) {
				t.Errorf("line %d: %s = %q, want %.0f", line, name, got[name], w)
			}
		case map[string]any: // one of several ways to write it
			if list, ok := w["any"].([]any); !ok || !slices.Contains(list, any(got[name])) {
				t.Errorf("line %d: %s = %q, want one of %v", line, name, got[name], w)
			}
		default:
			if got[name] != fmt.Sprint(w) {
				t.Errorf("line %d: %s = %q, want %q", line, name, got[name], w)
			}
		}
	}
}
