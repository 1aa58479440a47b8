package connector

import (
	"context"
	"slices"

	"github.com/gocarina/gocsv"

	"github.com/navette-connect/navette/connector/journal"
	"github.com/navette-connect/navette/mappings"
)

// ackRow is a row of the default ack (contract §5). Columns are only ever added at the end.
type ackRow struct {
	Line      int64  `csv:"line"`
	Kind      string `csv:"kind"`
	Reference string `csv:"reference"`
	Amount    string `csv:"amount"`
	Currency  string `csv:"currency"`
	State     string `csv:"state"`
	Code      string `csv:"code"`
	Message   string `csv:"message"`
	Part      string `csv:"-"`
}

// ackPartRow is an ackRow of a file whose documents have parts or several rows.
type ackPartRow struct {
	Line      int64  `csv:"line"`
	Kind      string `csv:"kind"`
	Reference string `csv:"reference"`
	Amount    string `csv:"amount"`
	Currency  string `csv:"currency"`
	State     string `csv:"state"`
	Code      string `csv:"code"`
	Message   string `csv:"message"`
	Part      string `csv:"part"`
}

// intakeReturns fixes the bytes of the answers that go with the intake: ack and rejects, or the mapping's own. Beside an
// error stands what was fixed before it.
func (e *engine) intakeReturns(ctx context.Context, flow *Flow, f *journal.File, lay layout) ([]answer, error) {
	var list []answer
	add := func(kind string, naming func(string, int64) string, fill func(*mappings.Writer) error) error {
		a, err := e.fix(ctx, flow, f.ID, kind, lay.Dialect, fill)
		a.naming = naming
		list = append(list, a)
		return err
	}
	whole := f.Rows == 0 && f.State != journal.FileAccepted || f.State == journal.FileDuplicate
	if whole || slices.Contains(flow.Returns, "ack") && !flow.own(mappings.OnIntake) {
		if err := add("ack", suffixed(".ack.csv"), func(w *mappings.Writer) error { return e.ack(ctx, f, w, lay, whole) }); err != nil {
			return list, err
		}
	}
	if whole || f.State == journal.FileDuplicate {
		return list, nil
	}
	own, err := e.ownReturns(ctx, flow, f, lay, e.ownAt(flow, mappings.OnIntake, false))
	if list = append(list, own...); err != nil {
		return list, err
	}
	if flow.Decisions != "" && (f.Held > 0 || f.State == journal.FileHeld) && f.State != journal.FileRejected {
		if err := add("approval", suffixed("_A_APPROUVER.csv"), func(w *mappings.Writer) error { return e.toDecide(ctx, f, w, lay) }); err != nil {
			return list, err
		}
	}
	if f.Rejected == 0 || f.State == journal.FileRejected {
		return list, nil
	}
	if !flow.own(mappings.OnRejects) && slices.Contains(flow.Returns, "rejects") {
		if mender, ending := flow.Mapping.Mender(); mender != nil && lay.Dialect.Sheet != "" {
			a, err := e.mend(ctx, flow, f, "rejects", lay, mender)
			a.naming = suffixed(".rej" + ending)
			return append(list, a), err
		}
		err := add("rejects", suffixed(".rej.csv"), func(w *mappings.Writer) error { return e.rejects(ctx, f, w, lay) })
		return list, err
	}
	own, err = e.ownReturns(ctx, flow, f, lay, e.ownAt(flow, mappings.OnRejects, false))
	return append(list, own...), err
}

func suffixed(s string) func(string, int64) string {
	return func(stem string, _ int64) string { return stem + s }
}

// ack answers the intake: one row per row read; a file refused or repeated whole: one row, line 0.
func (e *engine) ack(ctx context.Context, f *journal.File, w *mappings.Writer, lay layout, whole bool) error {
	parts := lay.Parts && !whole
	titles, what := any([]ackRow{}), judged
	if parts {
		titles, what = []ackPartRow{}, answered
	}
	if err := gocsv.MarshalCSV(titles, w); err != nil {
		return err
	}
	rows, named := make([]ackRow, 0, page), make([]ackPartRow, 0, page)
	flush := func() error {
		defer func() { rows, named = rows[:0], named[:0] }()
		switch {
		case len(rows) == 0:
			return nil
		case !parts:
			return gocsv.MarshalCSVWithoutHeaders(rows, w)
		}
		for _, r := range rows {
			named = append(named, ackPartRow(r))
		}
		return gocsv.MarshalCSVWithoutHeaders(named, w)
	}
	if whole {
		state := f.State
		if state != journal.FileDuplicate && state != journal.FileHeld {
			state = journal.RowRejected
		}
		rows = append(rows, ackRow{State: state, Code: f.Code, Message: f.Message})
		return flush()
	}
	err := e.lines(ctx, f, what, func(l *journal.Line) error {
		state, code, text := rowAnswer(f, l)
		rows = append(rows, ackRow{Line: l.Line, Kind: l.Kind, Reference: l.Reference, Amount: decimal(l.Amount, lay.Dialect), Currency: l.Amount.Currency, State: state, Code: code, Message: text, Part: l.Parts()})
		if len(rows) == page {
			return flush()
		}
		return nil
	})
	if err != nil {
		return err
	}
	return flush()
}

// rowAnswer is what the intake says of a row: a good row of a held file is held with it.
func rowAnswer(f *journal.File, l *journal.Line) (state, code, text string) {
	if f.State == journal.FileHeld && l.State == journal.RowAccepted {
		return journal.RowHeld, f.Code, f.Message
	}
	return l.State, l.Code, l.Message
}

// rejects gives the rejected rows back in the source's own layout, with the reasons: to be mended and dropped again.
func (e *engine) rejects(ctx context.Context, f *journal.File, w *mappings.Writer, lay layout) error {
	if err := w.WriteHead(lay.Head, "nv_code", "nv_message"); err != nil {
		return err
	}
	err := e.lines(ctx, f, answered, func(l *journal.Line) error {
		if l.State != journal.RowRejected {
			return nil
		}
		return w.WriteReject(l.Raw, l.Code, l.Message)
	})
	if err != nil {
		return err
	}
	return w.WriteFoot(lay.Head, lay.Locale)
}
