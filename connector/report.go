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

// statusRow is a row of the default status file (contract §5). Columns are only ever added at the end.
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

// answer is a return whose bytes are fixed and whose name awaits the stem, and its number where it is one of a series.
type answer struct {
	journal.Delivery
	naming func(stem string, seq int64) string
	series string // "": none
}

// name gives an answer its name, within the transaction that journals it: no number is left out.
func (a *answer) name(tx *journal.Tx, stem string) (err error) {
	seq := int64(0)
	if a.series != "" {
		if seq, err = tx.Count(a.series); err != nil {
			return err
		}
	}
	a.Name = a.naming(stem, seq)
	return nil
}

// series is the name under which the files of a mapping's own return are counted.
func series(flow, name string) string { return "count:return:" + flow + ":" + name }

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

// lines passes every row of a file, in line order, page by page: memory does not know how many there are. A line is good
// until to returns.
func (e *engine) lines(ctx context.Context, f *journal.File, what int, to func(*journal.Line) error) error {
	file, rows := f.ID, page
	if f.Rows > 0 && f.Size/f.Rows > pageBytes/page { // long rows: fewer at a time
		rows = int(max(pageBytes/(f.Size/f.Rows), 2))
	}
	var list []journal.Line
	read := func(after int64) (err error) {
		if what == judged {
			list, err = e.j.Rows(ctx, file, after, rows, list)
		} else {
			list, err = e.j.Lines(ctx, file, after, rows, what == complete, list)
		}
		return err
	}
	for after := int64(0); ; {
		e.pulses.vouch("intake:" + f.Flow)
		e.pulses.vouch("report:" + f.Flow)
		if err := read(after); err != nil || len(list) == 0 {
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

// result answers every row once all of them have their answer: the source's columns, then ours.
func (e *engine) result(ctx context.Context, f *journal.File, w *mappings.Writer, lay layout) error {
	titles := []string{"nv_state", "nv_code", "nv_message", "nv_payment_id", "nv_link", "nv_at", "nv_line"}
	if lay.Parts {
		titles = append(titles, "nv_part")
	}
	if err := w.WriteHead(lay.Head, titles...); err != nil {
		return err
	}
	return e.lines(ctx, f, answered, func(l *journal.Line) error {
		state, code, text := resultAnswer(l)
		at := f.JudgedAt
		if l.Payment != "" && l.AnsweredAt > 0 {
			at = l.AnsweredAt
		}
		cells := []string{state, code, text, l.PaymentID, l.Link, e.stamp(at), strconv.FormatInt(l.Line, 10)}
		if lay.Parts {
			cells = append(cells, l.Part)
		}
		return w.WriteEcho(l.Raw, cells...)
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
			if err := a.name(tx, f.Stem); err != nil {
				return err
			}
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
	d, err := r.spoken(ctx)
	if err != nil {
		return err
	}
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

// spoken is the dialect of the flow's status files: that of the newest file that was read, else what the mapping declares.
func (r *report) spoken(ctx context.Context) (mappings.Dialect, error) {
	var lay layout
	b, err := r.j.LastLayout(ctx, r.flow.Name)
	if err == nil && len(b) > 0 {
		err = json.Unmarshal(b, &lay)
	}
	if err != nil || len(b) == 0 {
		return r.flow.Mapping.Dialect(), err
	}
	return lay.Dialect, nil
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
