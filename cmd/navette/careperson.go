package main

import (
	"context"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/tidwall/gjson"

	"github.com/navette-connect/navette/connector/journal"
	"github.com/navette-connect/navette/connector/payment"
	"github.com/navette-connect/navette/mappings"
)

// personView is `person export`; keys are only ever added.
type personView struct {
	Person string          `json:"person"`
	Rows   []personRowView `json:"rows"`
}

type personRowView struct {
	Row        string            `json:"row"`
	FileID     string            `json:"file_id"`
	Flow       string            `json:"flow"`
	File       string            `json:"file"`
	Line       int64             `json:"line"`
	Reference  string            `json:"reference"`
	State      string            `json:"state"`
	ReceivedAt string            `json:"received_at"`
	Source     string            `json:"source"` // the row as the file holds it
	Fields     map[string]any    `json:"fields"` // the mapping's values kept for returns
	Customer   map[string]string `json:"customer"`
	Label      string            `json:"label"`
	Metadata   map[string]string `json:"metadata"`
	Payments   []instructionView `json:"payments"`
}

func (a *app) personCommand() *cobra.Command {
	c := &cobra.Command{Use: "person", Args: a.subcommand, RunE: func(c *cobra.Command, _ []string) error { return c.Help() }}
	c.AddCommand(command("export ID", "", a.arguments(1, 1), func(c *cobra.Command, args []string) (err error) {
		j, cfg, err := a.look(c.Context())
		if err != nil {
			return err
		}
		if j == nil {
			return a.fail(exitFailed, "ui.nojournal", "dir", cfg.Process.StateDir)
		}
		defer closing(j, &err)
		at, v := clock{cfg.Process.Location}, personView{Person: args[0], Rows: []personRowView{}}
		payments := map[string][]instructionView{} // by reference
		spelled := map[int64]*mappings.Charset{}   // by file
		err = j.PersonRows(c.Context(), args[0], func(h journal.Held) error {
			charset, seen := spelled[h.FileID]
			if !seen {
				if charset, err = charsetOf(c.Context(), j, h.FileID); err != nil {
					return err
				}
				spelled[h.FileID] = charset
			}
			row := personRow(at, &h, charset)
			known, seen := payments[h.Reference]
			if !seen && h.Reference != "" {
				all, err := whereOf(c.Context(), j, at, h.Reference)
				if err != nil {
					return err
				}
				known = all.Instructions
				payments[h.Reference] = known
			}
			for _, p := range known {
				if p.Row == row.Row {
					row.Payments = append(row.Payments, p)
				}
			}
			v.Rows = append(v.Rows, row)
			return nil
		})
		if err != nil {
			return err
		}
		if len(v.Rows) == 0 {
			return a.fail(exitFailed, "ui.person.unknown")
		}
		return a.encode(v)
	}))
	c.AddCommand(a.eraseCommand())
	return c
}

// charsetOf is the encoding that a file was read in; nil where its layout does not say.
func charsetOf(ctx context.Context, j *journal.Journal, file int64) (*mappings.Charset, error) {
	f, err := j.File(ctx, file)
	if err != nil {
		return nil, err
	}
	charset, err := mappings.NewCharset(gjson.GetBytes(f.Layout, "dialect.encoding").Str)
	if err != nil { // a file whose rows were never read has none
		return nil, nil
	}
	return charset, nil
}

func personRow(at clock, h *journal.Held, charset *mappings.Charset) personRowView {
	text := func(b []byte) string {
		if charset != nil {
			b = charset.AppendDecoded(nil, b)
		}
		return strings.ToValidUTF8(string(b), string(utf8.RuneError))
	}
	fields, err := mappings.KeptFields(h.Fields, int(h.Line))
	if err != nil { // what can be read of them is told
		fields["unreadable"] = err.Error()
	}
	v := personRowView{Row: "r" + strconv.FormatInt(h.RowID, 10), FileID: "f" + strconv.FormatInt(h.FileID, 10), Flow: h.Flow, File: h.File, Line: h.Line, Reference: h.Reference,
		State: h.State, ReceivedAt: at.stamp(h.ReceivedAt), Source: text(h.Raw), Fields: fields, Customer: map[string]string{}, Label: h.Body.Label, Metadata: byName(h.Body.Metadata), Payments: []instructionView{}}
	c := &h.Customer
	for name, value := range map[string]string{"id": c.ID, "name": c.Name, "email": c.Email, "phone": c.Phone, "language": c.Language, "siren": c.SIREN} {
		if value != "" {
			v.Customer[name] = value
		}
	}
	for name, value := range byName(c.Address) {
		v.Customer["address."+name] = value
	}
	return v
}

func byName(list []payment.Pair) map[string]string {
	m := map[string]string{}
	for _, p := range list {
		m[p.Name] = p.Value
	}
	return m
}
