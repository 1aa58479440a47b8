package connector

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"github.com/gocarina/gocsv"
	"github.com/rs/zerolog"

	"github.com/navette-connect/navette/connector/journal"
	"github.com/navette-connect/navette/connector/payment"
	"github.com/navette-connect/navette/mappings"
)

// page is how many rows or events are read at a time when a return is written, as far as about pageBytes of them go.
const (
	page      = 500
	pageBytes = 1 << 20
)

// ackRow, statusRow are the rows of the default returns (contract §5). Columns are only ever added at the end.
type ackRow struct {
	Line      int64  `csv:"line"`
	Kind      string `csv:"kind"`
	Reference string `csv:"reference"`
	Amount    string `csv:"amount"`
	Currency  string `csv:"currency"`
	State     string `csv:"state"`
	Code      string `csv:"code"`
	Message   string `csv:"message"`
}

type statusRow struct {
	Seq           string `csv:"seq"`
	Event         string `csv:"event"`
	Reference     string `csv:"reference"`
	Part          string `csv:"part"`
	State         string `csv:"state"`
	Previous      string `csv:"previous"`
	Amount        string `csv:"amount"`
	Currency      string `csv:"currency"`
	Method        string `csv:"method"`
	PaymentID     string `csv:"payment_id"`
	TransactionID string `csv:"transaction_id"`
	OccurredAt    string `csv:"occurred_at"`
	Code          string `csv:"code"`
	Reason        string `csv:"reason"`
	File          string `csv:"file"`
	Line          int64  `csv:"line"`
	EventID       int64  `csv:"event_id"`
	Moved         string `csv:"moved"`
}

// answer is a return whose bytes are fixed and whose name awaits the stem.
type answer struct {
	journal.Delivery
	naming func(stem string) string
}

// report writes the returns of one flow. It is used by one goroutine.
type report struct {
	*engine
	flow     *Flow
	log      zerolog.Logger
	alarms   *once
	again    time.Duration    // when something is due by time alone; 0 = nothing
	finished time.Time        // when files were last looked through for finished ones
	others   map[string]int64 // by daily return: the event up to which there is none of this flow behind its mark
}

// intakeReturns fixes the bytes of the answers that go with the intake: ack and rejects, or the mapping's own. Beside an
// error stands what was fixed before it.
func (e *engine) intakeReturns(ctx context.Context, flow *Flow, f *journal.File, lay layout) ([]answer, error) {
	var list []answer
	add := func(kind string, naming func(string) string, fill func(*mappings.Writer) error) error {
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

func suffixed(s string) func(string) string { return func(stem string) string { return stem + s } }

// fix writes a return into the spool; its name is given in the transaction that journals it.
func (e *engine) fix(ctx context.Context, flow *Flow, file int64, kind string, d mappings.Dialect, fill func(*mappings.Writer) error) (answer, error) {
	digest, size, err := e.spool.Write(ctx, func(w io.Writer) error {
		out := d.NewWriter(w)
		if err := fill(out); err != nil {
			return err
		}
		out.Flush()
		if n := out.Transliterated(); n > 0 {
			e.log.Warn().Str("event", "return.transliterated").Str("flow", flow.Name).Str("kind", kind).Int("characters", n).Msg("characters that the encoding lacks were replaced")
		}
		return out.Error()
	})
	return answer{Delivery: journal.Delivery{Flow: flow.Name, FileID: file, Kind: kind, Folder: flow.Out, Length: size, SHA256: digest}}, err
}

// release lets the spool know that the journal names the answers, or never will.
func (e *engine) release(answers []answer) {
	for i := range answers {
		e.spool.Release(answers[i].SHA256)
	}
}

// What lines reads of each row.
const (
	judged   = iota // what the intake made of it
	answered        // its bytes and its answer, too
	complete        // and the document's fields
)

// lines passes every row of a file, in line order, page by page: memory does not know how many there are.
func (e *engine) lines(ctx context.Context, f *journal.File, what int, to func(*journal.Line) error) error {
	file, rows := f.ID, page
	if f.Rows > 0 && f.Size/f.Rows > pageBytes/page { // long rows: fewer at a time
		rows = int(max(pageBytes/(f.Size/f.Rows), 2))
	}
	read := func(after int64) ([]journal.Line, error) {
		if what == judged {
			return e.j.Rows(ctx, file, after, rows)
		}
		return e.j.Lines(ctx, file, after, rows, what == complete)
	}
	for after := int64(0); ; {
		e.pulses.beat("intake:" + f.Flow)
		e.pulses.beat("report:" + f.Flow)
		list, err := read(after)
		if err != nil || len(list) == 0 {
			return err
		}
		for i := range list {
			if err := to(&list[i]); err != nil {
				return err
			}
		}
		after = list[len(list)-1].ID
	}
}

// ack answers the intake: one row per row read; a file refused or repeated whole: one row, line 0.
func (e *engine) ack(ctx context.Context, f *journal.File, w *mappings.Writer, lay layout, whole bool) error {
	rows := make([]ackRow, 0, page)
	if err := gocsv.MarshalCSV([]ackRow{}, w); err != nil { // the titles
		return err
	}
	flush := func() error {
		defer func() { rows = rows[:0] }()
		if len(rows) == 0 {
			return nil
		}
		return gocsv.MarshalCSVWithoutHeaders(rows, w)
	}
	if whole {
		state := f.State
		if state != journal.FileDuplicate && state != journal.FileHeld {
			state = journal.RowRejected
		}
		rows = append(rows, ackRow{State: state, Code: f.Code, Message: f.Message})
		return flush()
	}
	err := e.lines(ctx, f, judged, func(l *journal.Line) error {
		state, code, text := rowAnswer(f, l)
		rows = append(rows, ackRow{Line: l.Line, Kind: l.Kind, Reference: l.Reference, Amount: decimal(l.Amount, lay.Dialect), Currency: l.Amount.Currency, State: state, Code: code, Message: text})
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

func decimal(a payment.Amount, d mappings.Dialect) string {
	if a.IsZero() {
		return ""
	}
	mark := d.Decimal
	if mark == 0 {
		mark = '.'
	}
	return a.Decimal(mark)
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

// result answers every row once all of them have their answer: the source's columns, then ours.
func (e *engine) result(ctx context.Context, f *journal.File, w *mappings.Writer, lay layout) error {
	if err := w.WriteHead(lay.Head, "nv_state", "nv_code", "nv_message", "nv_payment_id", "nv_link", "nv_at", "nv_line"); err != nil {
		return err
	}
	return e.lines(ctx, f, answered, func(l *journal.Line) error {
		state, code, text := resultAnswer(l)
		at := f.JudgedAt
		if l.Payment != "" && l.AnsweredAt > 0 {
			at = l.AnsweredAt
		}
		return w.WriteEcho(l.Raw, state, code, text, l.PaymentID, l.Link, e.stamp(at), strconv.FormatInt(l.Line, 10))
	})
}

// resultAnswer is what a result says of a row: what became of it at the PSP, else what the intake made of it.
func resultAnswer(l *journal.Line) (state, code, text string) {
	if l.Payment != "" {
		return resultState(l), l.AnswerCode, l.AnswerMessage
	}
	return l.State, l.Code, l.Message
}

// resultState says in the result's words where an instruction stands.
func resultState(l *journal.Line) string {
	switch l.Payment {
	case payment.Held, payment.Accepted: // not sent: it waits for a person, or behind what does
		return journal.RowHeld
	case payment.Sending, payment.Uncertain:
		return "uncertain"
	case payment.Refused:
		return "refused"
	case payment.Done:
		return "done"
	}
	return "sent"
}

// stamp writes a time as RFC 3339 with offset, to the second.
func (e *engine) stamp(us int64) string {
	if us == 0 {
		return ""
	}
	return journal.Time(us).In(e.location).Format(time.RFC3339)
}

// pass writes what is due and publishes what is written.
func (r *report) pass(ctx context.Context, hurry bool) error {
	r.again = 0
	var errs []error
	files, err := r.j.FilesAwaiting(ctx, r.flow.Name)
	if err != nil {
		return err
	}
	for i := range files {
		if err := r.answerFile(ctx, &files[i]); err != nil {
			errs = append(errs, fmt.Errorf("result of %q: %w", files[i].Name, err))
		}
	}
	if err := r.status(ctx, hurry); err != nil {
		errs = append(errs, fmt.Errorf("status file: %w", err))
	}
	if err := r.events(ctx, hurry); err != nil {
		errs = append(errs, fmt.Errorf("returns of the mapping: %w", err))
	}
	published, err := 0, r.mounted(ctx, r.flow.Name, r.flow.Outbox, r.flow.Out)
	if err == nil {
		published, err = r.publish(ctx)
	}
	if err != nil {
		errs = append(errs, err)
	}
	if now := r.now(); published > 0 || now.Sub(r.finished) > 10*time.Second || hurry {
		r.finished = now
		if err := r.j.Do(ctx, func(tx *journal.Tx) error { return tx.Finish(r.flow.Name) }); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// answerFile writes the result of a file once nothing of it waits for the gateway, doubt and holds at most `patience`.
func (r *report) answerFile(ctx context.Context, f *journal.File) error {
	waiting, doubtful, err := r.j.Unanswered(ctx, f.ID)
	if err != nil || waiting {
		return err
	}
	if left := journal.Time(f.Deadline).Sub(r.now()); doubtful && left > 0 {
		r.soonest(left)
		return nil
	}
	var lay layout
	if err := json.Unmarshal(f.Layout, &lay); err != nil {
		return fmt.Errorf("layout: %w", err)
	}
	last, err := r.j.LastEvent(ctx)
	if err != nil {
		return err
	}
	var answers []answer
	defer func() { r.release(answers) }()
	if !r.flow.own(mappings.OnResult) {
		a, err := r.fix(ctx, r.flow, f.ID, "result", lay.Dialect, func(w *mappings.Writer) error { return r.result(ctx, f, w, lay) })
		if err != nil {
			return err
		}
		a.naming = suffixed(".ret.csv")
		answers = append(answers, a)
	}
	for _, on := range []mappings.Moment{mappings.OnIntake, mappings.OnResult} {
		own, err := r.ownReturns(ctx, r.flow, f, lay, r.ownAt(r.flow, on, true))
		if answers = append(answers, own...); err != nil {
			return err
		}
	}
	if err := r.fault("result"); err != nil {
		return err
	}
	err = r.j.Do(ctx, func(tx *journal.Tx) error {
		if err := tx.SetFile(f.ID, []string{journal.FileAccepted}, "result_fixed", 1); err != nil {
			return err
		}
		for _, a := range answers {
			a.Name = a.naming(f.Stem)
			if _, err := tx.AddDelivery(a.Delivery, numbered); err != nil {
				return err
			}
		}
		return tx.TellLate(f.ID, last) // what was answered while the bytes were written
	})
	if err == nil {
		r.log.Info().Str("event", "file.answered").Int64("file", f.ID).Msg("every row is answered")
		r.again = time.Nanosecond
	}
	return err
}

// status tells every event that no result has told, at most every status_every, under the next number of the flow.
func (r *report) status(ctx context.Context, hurry bool) error {
	if !slices.Contains(r.flow.Returns, "status") || r.flow.own(mappings.OnEvent) {
		return nil
	}
	known, err := r.j.Flow(ctx, r.flow.Name)
	if err != nil {
		return err
	}
	first, err := r.j.Untold(ctx, r.flow.Name, known.StatusMark, 1)
	if err != nil || len(first) == 0 {
		return err
	}
	if left := journal.Time(known.StatusAt).Add(r.flow.StatusEvery).Sub(r.now()); known.StatusAt > 0 && left > 0 && !hurry {
		r.soonest(left)
		return nil
	}
	upto, err := r.j.LastEvent(ctx)
	if err != nil {
		return err
	}
	seq := known.StatusSeq + 1
	d := r.flow.Mapping.Dialect()
	a, err := r.fix(ctx, r.flow, 0, "status", d, func(w *mappings.Writer) error { return r.statusRows(ctx, known.StatusMark, upto, seq, w, d) })
	if err != nil {
		return err
	}
	defer r.release([]answer{a})
	now := r.now()
	a.Seq = seq
	a.Name = fmt.Sprintf("STATUS_%s_%s_%06d.csv", r.flow.Name, now.In(r.location).Format("20060102"), seq)
	if err := r.fault("status"); err != nil {
		return err
	}
	err = r.j.Do(ctx, func(tx *journal.Tx) error {
		again, err := tx.Flow(r.flow.Name)
		if err != nil {
			return err
		}
		if again.StatusSeq != known.StatusSeq {
			return fmt.Errorf("%w: status file %d is written", journal.ErrState, seq)
		}
		for column, v := range map[string]int64{"status_seq": seq, "status_mark": upto, "status_at": now.UnixMicro()} {
			if err := tx.SetFlow(r.flow.Name, column, v); err != nil {
				return err
			}
		}
		_, err = tx.AddDelivery(a.Delivery, numbered)
		return err
	})
	if err == nil {
		r.again = time.Nanosecond
	}
	return err
}

func (r *report) statusRows(ctx context.Context, after, upto, seq int64, w *mappings.Writer, d mappings.Dialect) error {
	if err := gocsv.MarshalCSV([]statusRow{}, w); err != nil {
		return err
	}
	for after < upto {
		events, err := r.j.Untold(ctx, r.flow.Name, after, page)
		if err != nil {
			return err
		}
		if len(events) == 0 {
			break
		}
		rows := make([]statusRow, 0, len(events))
		for i := range events {
			e := &events[i]
			after = e.ID
			if e.ID > upto {
				break
			}
			rows = append(rows, statusRow{Seq: strconv.FormatInt(seq, 10), Event: e.Word, Reference: e.Reference, Part: e.Part, State: string(e.State), Previous: string(e.Previous), Amount: decimal(e.Amount, d), Currency: e.Amount.Currency,
				Method: e.Method, PaymentID: e.PaymentID, TransactionID: e.TransactionID, OccurredAt: r.stamp(e.OccurredAt), Code: e.Code, Reason: e.Reason, File: label(e.File), Line: e.Line, EventID: e.ID, Moved: moved(e, d)})
		}
		if len(rows) > 0 {
			if err := gocsv.MarshalCSVWithoutHeaders(rows, w); err != nil {
				return err
			}
		}
	}
	return nil
}

// moved is the money an event moved, signed; 0 if none.
func moved(e *journal.Event, d mappings.Dialect) string {
	if e.Moved == 0 {
		return "0"
	}
	return decimal(payment.Amount{Minor: e.Moved, Currency: e.Amount.Currency}, d)
}

func (r *report) soonest(d time.Duration) {
	if d <= 0 {
		d = time.Millisecond
	}
	if r.again == 0 || d < r.again {
		r.again = d
	}
}
