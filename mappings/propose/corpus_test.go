package propose_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/navette-connect/navette/mappings"
	"github.com/navette-connect/navette/mappings/csvfile"
	"github.com/navette-connect/navette/mappings/presets"
	"github.com/navette-connect/navette/mappings/propose"
)

func formats() map[string]func(mappings.Source) (mappings.Format, error) {
	return map[string]func(mappings.Source) (mappings.Format, error){"csv": csvfile.New, "fixed": csvfile.New}
}

func spool(name string, b []byte) mappings.Spooled {
	return mappings.Spooled{ReaderAt: bytes.NewReader(b), Size: int64(len(b)), Name: name}
}

func proposed(t *testing.T, name string, b []byte, preset func(string) ([]byte, error)) (*propose.Proposal, *mappings.Mapping) {
	t.Helper()
	p, err := propose.Propose(spool(name, b), propose.Options{Formats: formats(), Preset: preset, Lang: "fr"})
	if err != nil {
		t.Fatalf("Propose(%s): %v", name, err)
	}
	m, err := mappings.Load(name, p.YAML, mappings.Options{Formats: formats(), Use: presets.Source})
	if err != nil {
		t.Fatalf("the proposal for %s does not load: %v\n%s", name, err, p.YAML)
	}
	return p, m
}

// row is what became of one document.
type row struct{ state, reference, amount, currency, issued, due, part, operation string }

func read(t *testing.T, m *mappings.Mapping, b []byte) map[int]row {
	t.Helper()
	r, err := m.Open(spool("sample", b), mappings.Env{Today: "2026-11-20"})
	if err != nil {
		t.Fatal(err)
	}
	out := map[int]row{}
	for doc, err := range r.Documents(context.Background()) {
		if err != nil {
			t.Fatal(err)
		}
		x := row{state: doc.State.String()}
		for _, in := range doc.Instructions {
			x.reference, x.amount, x.currency, x.issued, x.due, x.part, x.operation = in.Reference, fmt.Sprint(in.Amount.Minor), in.Amount.Currency, in.IssuedOn, in.DueOn, in.Part, string(in.Operation)
			if in.Amount.IsZero() {
				x.amount, x.currency = "", ""
			}
		}
		out[doc.Rows[0].Line] = x
	}
	return out
}

type expectation struct {
	File, Kind   string
	Instructions []struct {
		Line   int
		State  string
		Fields map[string]any
	}
}

// score holds what a mapping reads against what an export's own layout says: of each instruction to be sent its
// reference, amount, currency and dates; of any other one that it is not sent.
func score(want expectation, got map[int]row) (right, all int, wrong []string) {
	for _, w := range want.Instructions {
		all++
		g := got[w.Line]
		sent := w.State == "accepted" || w.State == "held"
		if !sent {
			if g.state == "accepted" {
				wrong = append(wrong, fmt.Sprintf("line %d: sent %+v, want %s", w.Line, g, w.State))
			} else {
				right++
			}
			continue
		}
		text := func(name string) string {
			switch v := w.Fields[name].(type) {
			case string:
				return v
			case float64:
				return fmt.Sprintf("%.0f", v)
			}
			return ""
		}
		ok := g.state == "accepted" && g.reference == text("reference") && g.amount == text("amount") && (g.amount == "" || g.currency == text("currency")) && g.operation == text("operation")
		if due := text("due_on"); due != "" && g.due != due {
			ok = false
		}
		if issued := text("issued_on"); issued != "" && g.issued != issued {
			ok = false
		}
		if ok {
			right++
		} else {
			wrong = append(wrong, fmt.Sprintf("line %d: %+v, want %v", w.Line, g, w.Fields))
		}
	}
	return right, all, wrong
}

// exports are the files as ERPs write them, and how many of their instructions a proposal reads right: by a known
// layout, and by looking alone (which is all that helps with a product nobody has described).
func TestExports(t *testing.T) {
	root := filepath.Join("..", "..", "testdata", "mappings", "erp")
	dirs, err := filepath.Glob(filepath.Join(root, "*", "expected.json"))
	if err != nil || len(dirs) < 12 {
		t.Fatalf("%d exports (%v)", len(dirs), err)
	}
	for _, path := range dirs {
		name := filepath.Base(filepath.Dir(path))
		t.Run(name, func(t *testing.T) {
			var want expectation
			text, err := os.ReadFile(path)
			if err == nil {
				err = json.Unmarshal(text, &want)
			}
			if err != nil {
				t.Fatal(err)
			}
			b, err := os.ReadFile(filepath.Join(filepath.Dir(path), want.File))
			if err != nil {
				t.Fatal(err)
			}
			for _, how := range []string{"known", "alone"} {
				preset := presets.Source
				if how == "alone" {
					preset = nil
				}
				p, m := proposed(t, want.File, b, preset)
				right, all, wrong := score(want, read(t, m, b))
				t.Logf("%s %s: %d of %d (%s)\n%s", name, how, right, all, p.Preset, strings.Join(wrong, "\n"))
				if right < all && os.Getenv("SHOW") != "" {
					t.Logf("%s", p.YAML)
				}
			}
		})
	}
}
