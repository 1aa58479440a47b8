package journal_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/navette-connect/navette/connector/journal"
	"github.com/navette-connect/navette/connector/journal/sqlite"
	"github.com/navette-connect/navette/connector/payment"
)

// BenchmarkRow is what the journal costs a row from staging to its answer, part by part, in groups of 256.
func BenchmarkRow(b *testing.B) {
	const group = 256
	at := func(i int) payment.Instruction {
		ref := fmt.Sprintf("FA26-%07d", i)
		in := payment.Instruction{Account: "psp", Kind: payment.Request, Reference: ref, Amount: payment.Amount{Minor: 1234, Currency: "EUR"}, DueOn: "2026-12-01", Label: "Facture " + ref, Channel: "link",
			Customer: payment.Customer{ID: "C00118", Name: "Lefèvre", Email: "a@b.example", Address: []payment.Pair{{Name: "zip", Value: "44000"}}}, Metadata: []payment.Pair{{Name: "k", Value: "v"}}, Source: payment.Source{Flow: "a", File: "x.csv", Line: i + 2}}
		in.Key = payment.NewKey(&in)
		return in
	}
	stage := func(b *testing.B, j *journal.Journal, n int) journal.File {
		var f journal.File
		write := func(fn func(tx *journal.Tx) error) {
			if err := j.Do(b.Context(), fn); err != nil {
				b.Fatal(err)
			}
		}
		write(func(tx *journal.Tx) (err error) {
			f, err = tx.NewFile(journal.File{Flow: "a", Account: "psp", Name: "x.csv", Place: "/in/x.csv", Size: 10}, func(id int64) string { return fmt.Sprintf("/in/.c-%d", id) })
			return err
		})
		for i := 0; i < n; i += group {
			docs := make([]journal.Staged, min(group, n-i))
			for k := range docs {
				in := at(i + k)
				docs[k] = journal.Staged{Rows: []journal.Row{{Line: int64(i + k + 2), Kind: "request", Reference: in.Reference, Amount: in.Amount, State: journal.RowAccepted, Raw: []byte(strings.Repeat("x", 200))}}, Customer: &in.Customer, Instructions: []payment.Instruction{in}}
			}
			write(func(tx *journal.Tx) error { return tx.Stage(&f, docs) })
		}
		write(func(tx *journal.Tx) error {
			return tx.SetFile(f.ID, []string{journal.FileClaiming}, "state", journal.FileAccepted, "judged", 1, "judged_at", tx.Now, "n_accepted", n)
		})
		return f
	}
	open := func(b *testing.B) *journal.Journal {
		j, err := sqlite.Open(b.Context(), b.TempDir(), journal.Options{})
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { j.Close() })
		return j
	}
	b.Run("stage", func(b *testing.B) {
		j := open(b)
		b.ResetTimer()
		stage(b, j, b.N)
	})
	sendable := func(b *testing.B, j *journal.Journal, f journal.File, to func([]journal.Item)) {
		for after := int64(0); ; {
			list, err := j.Sendable(b.Context(), f.ID, after, 1<<60, group)
			if err != nil {
				b.Fatal(err)
			}
			if len(list) == 0 {
				return
			}
			after = list[len(list)-1].ID
			to(list)
		}
	}
	mark := func(b *testing.B, j *journal.Journal, list []journal.Item) {
		ids := make([]int64, len(list))
		for i := range list {
			ids[i] = list[i].ID
		}
		if err := j.Do(b.Context(), func(tx *journal.Tx) error { _, err := tx.MarkSending(ids); return err }); err != nil {
			b.Fatal(err)
		}
	}
	b.Run("sendable", func(b *testing.B) {
		j := open(b)
		f := stage(b, j, b.N)
		b.ResetTimer()
		sendable(b, j, f, func([]journal.Item) {})
	})
	b.Run("sending", func(b *testing.B) {
		j := open(b)
		f := stage(b, j, b.N)
		var groups [][]journal.Item
		sendable(b, j, f, func(list []journal.Item) { groups = append(groups, list) })
		b.ResetTimer()
		for _, g := range groups {
			mark(b, j, g)
		}
	})
	b.Run("answer", func(b *testing.B) {
		j := open(b)
		f := stage(b, j, b.N)
		var groups [][]journal.Item
		sendable(b, j, f, func(list []journal.Item) { groups = append(groups, list) })
		for _, g := range groups {
			mark(b, j, g)
		}
		b.ResetTimer()
		for _, g := range groups {
			answers := make([]journal.Answer, len(g))
			for i := range g {
				answers[i] = journal.Answer{ID: g[i].ID, State: payment.Open, PaymentID: fmt.Sprintf("pr_%08d", g[i].ID), Link: "https://pay.example/r/abcdef0123456789"}
			}
			if err := j.Do(b.Context(), func(tx *journal.Tx) error { return tx.RecordAnswers(answers) }); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("purge", func(b *testing.B) {
		j := open(b)
		f := stage(b, j, b.N)
		if err := j.Do(b.Context(), func(tx *journal.Tx) error {
			return errors.Join(tx.Exec("UPDATE instruction SET state = 'expired', finished = 1"), tx.Exec("UPDATE file SET state = 'done'"))
		}); err != nil {
			b.Fatal(err)
		}
		whole := func(kept []byte) []byte { return kept }
		slowest := time.Duration(0)
		b.ResetTimer()
		for after := int64(0); ; {
			var last int64
			begun := time.Now()
			if err := j.Do(b.Context(), func(tx *journal.Tx) (err error) {
				_, _, last, err = tx.PurgeRows(f.ID, after, 1<<60, 200, journal.Strip{Fields: whole, Layout: whole})
				return err
			}); err != nil {
				b.Fatal(err)
			}
			if slowest = max(slowest, time.Since(begun)); last == 0 {
				break
			}
			after = last
		}
		b.ReportMetric(float64(slowest.Milliseconds()), "ms/slowest-write")
	})
	b.Run("result", func(b *testing.B) {
		j := open(b)
		f := stage(b, j, b.N)
		b.ResetTimer()
		for after := int64(0); ; {
			lines, err := j.Lines(b.Context(), f.ID, after, group, false, nil)
			if err != nil {
				b.Fatal(err)
			}
			if len(lines) == 0 {
				break
			}
			after = lines[len(lines)-1].ID
		}
	})
}
