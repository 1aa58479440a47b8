package main

import (
	"context"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/navette-connect/navette/connector/config"
	"github.com/navette-connect/navette/connector/message"
	"github.com/navette-connect/navette/connector/payment"
	"github.com/navette-connect/navette/mappings"
)

// runTests reads the samples of a mapping's own `tests` and reports what is not as the mapping says. A preset has its
// samples elsewhere.
func (a *app) runTests(ctx context.Context, s *setup, name string, m *mappings.Mapping) error {
	path := s.cfg.Mappings[name]
	if path == "" {
		return nil
	}
	for _, t := range m.Tests() {
		wrong := func(text string, args ...string) {
			s.problems = append(s.problems, config.Problem{File: path, Line: t.Line, Column: t.Column, Code: "NV-4030", Text: message.New(text, append([]string{"file", t.File}, args...)...)})
		}
		file := t.File
		if !filepath.IsAbs(file) {
			file = filepath.Join(filepath.Dir(path), file)
		}
		src, size, err := openPlain(file)
		if err != nil {
			wrong("NV-4030.open", "detail", detail(err))
			continue
		}
		rows := map[int]map[string]string{}
		sample := &sample{name: filepath.Base(file), src: src, size: size, mapping: m, today: time.Now().In(s.cfg.Process.Location), lang: a.lang(), limit: 1,
			each: func(d *mappings.Document, state string) error {
				for _, r := range d.Rows {
					if t.Rows[r.Line] != nil {
						rows[r.Line] = facts(d, state)
					}
				}
				return nil
			}}
		got, err := sample.examine(ctx)
		src.Close()
		if err != nil {
			return err
		}
		if got.unusable {
			first := got.errors.causes[0].kept[0]
			wrong("NV-4030.unusable", "detail", first.Code+" "+first.Message)
			continue
		}
		compareTest(t, got, rows, wrong)
	}
	return nil
}

// compareTest holds what a sample gave against what its test says.
func compareTest(t mappings.Test, got *tally, rows map[int]map[string]string, wrong func(text string, args ...string)) {
	for _, c := range []struct {
		what string
		want int
		got  int64
	}{{"accepted", t.Accepted, got.accepted}, {"held", t.Held, got.held}, {"rejected", t.Rejected, got.rejected}, {"skipped", t.Skipped, got.skipped}} {
		if c.want >= 0 && int64(c.want) != c.got {
			wrong("NV-4030.count", "what", c.what, "want", strconv.Itoa(c.want), "got", strconv.FormatInt(c.got, 10))
		}
	}
	var sums []string
	for _, currency := range slices.Sorted(maps.Keys(got.total)) {
		sums = append(sums, got.total[currency].Decimal('.'))
	}
	if sum := strings.Join(sums, " + "); t.Total != "" && t.Total != sum {
		wrong("NV-4030.count", "what", "total", "want", t.Total, "got", dash(sum))
	}
	for _, line := range slices.Sorted(maps.Keys(t.Rows)) {
		found := rows[line]
		for _, field := range slices.Sorted(maps.Keys(t.Rows[line])) {
			want := t.Rows[line][field]
			switch is, known := found[field]; {
			case found == nil:
				wrong("NV-4030.no_row", "line", strconv.Itoa(line))
			case !known && want != "":
				wrong("NV-4030.row", "line", strconv.Itoa(line), "field", field, "want", want, "got", "-")
			case is != want:
				wrong("NV-4030.row", "line", strconv.Itoa(line), "field", field, "want", want, "got", dash(is))
			}
			if found == nil {
				break
			}
		}
	}
}

// facts are the fields of a document that a test may name, as it writes them.
func facts(d *mappings.Document, state string) map[string]string {
	f := map[string]string{"state": state, "kind": string(d.Kind), "operation": string(d.Operation), "reference": d.Reference, "amount": decimal(d.Amount), "currency": d.Amount.Currency}
	if len(d.Problems) > 0 {
		f["code"] = d.Problems[0].Code
	}
	if d.Hold != nil {
		f["code"] = d.Hold.Code
	}
	if len(d.Instructions) == 0 {
		return f
	}
	in := &d.Instructions[0]
	maps.Copy(f, map[string]string{"part": in.Part, "due_on": in.DueOn, "issued_on": in.IssuedOn, "expires_on": in.ExpiresOn, "label": in.Label, "channel": in.Channel,
		"method": in.Method, "shop": in.Shop, "customer.id": in.Customer.ID, "customer.name": in.Customer.Name, "customer.email": in.Customer.Email,
		"customer.phone": in.Customer.Phone, "customer.language": in.Customer.Language, "customer.siren": in.Customer.SIREN, "capture.mode": in.Capture.Mode,
		"transaction_id": in.TransactionID, "key": in.ERPKey, "date": in.Date, "reason": in.Reason})
	pairs(f, "customer.address.", in.Customer.Address)
	pairs(f, "metadata.", in.Metadata)
	return f
}

func pairs(to map[string]string, prefix string, list []payment.Pair) {
	for _, p := range list {
		to[prefix+p.Name] = p.Value
	}
}
