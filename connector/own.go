package connector

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/navette-connect/navette/connector/journal"
	"github.com/navette-connect/navette/connector/payment"
	"github.com/navette-connect/navette/mappings"
)

// own tells whether the mapping has returns of its own for a moment: they replace the default of that moment.
func (f *Flow) own(on mappings.Moment) bool {
	for _, r := range f.Mapping.Returns() {
		if r.On == on {
			return true
		}
	}
	return false
}

// fresh is a flow's mapping with its lookup tables as they are now; as they were last, with an alarm, where one cannot be
// read.
func (e *engine) fresh(f *Flow) *mappings.Mapping {
	if f.Fresh == nil {
		return f.Mapping
	}
	m, err := f.Fresh()
	if err != nil {
		e.alarms.report(e.log, "lookup:"+f.Name, err)
	} else {
		e.alarms.clear(e.log, "lookup:"+f.Name)
	}
	return m
}

// ownAt lists the mapping's returns that are written at a moment of a file: those of the intake that name events wait
// for the answers.
func (e *engine) ownAt(f *Flow, on mappings.Moment, answered bool) (list []*mappings.Return) {
	if !f.own(on) {
		return nil
	}
	for _, r := range e.fresh(f).Returns() {
		waits := r.On == mappings.OnResult || r.On == mappings.OnIntake && r.NamesEvents
		if r.On == on && waits == answered {
			list = append(list, r)
		}
	}
	return list
}

// ownReturns fixes a file's returns of the mapping's own. Beside an error stands what was fixed before it.
func (e *engine) ownReturns(ctx context.Context, flow *Flow, f *journal.File, lay layout, returns []*mappings.Return) ([]answer, error) {
	var list []answer
	for _, r := range returns {
		if mender, _ := flow.Mapping.Mender(); r.Workbook() && mender != nil && lay.Dialect.Sheet != "" {
			a, err := e.mend(ctx, flow, f, string(r.On)+":"+r.Name, lay, mender)
			if err != nil {
				return list, fmt.Errorf("return %s: %w", r.Name, err)
			}
			a.naming, a.series = func(stem string, seq int64) string {
				return e.nameOf(r, flow.Name, stem, label(f.Name), e.now(), seq)
			}, series(flow.Name, r.Name)
			list = append(list, a)
			continue
		}
		digest, size, err := e.spool.Write(ctx, func(w io.Writer) error {
			out, err := r.NewWriter(w, lay.Dialect, lay.Head)
			if err != nil {
				return err
			}
			err = e.lines(ctx, f, complete, func(l *journal.Line) error {
				state, code, text := rowAnswer(f, l)
				if r.On == mappings.OnRejects && state != journal.RowRejected {
					return nil
				}
				if r.On == mappings.OnResult {
					state, code, text = resultAnswer(l)
				}
				row := returnRow(l, state, code, text)
				if l.Payment != "" && l.PaymentID != "" {
					row.Event = &mappings.Event{Event: payment.Word(l.Payment), State: or(l.PSPState, string(l.Payment)), Amount: l.Told, RequestID: l.PaymentID, URL: l.Link, TransactionID: l.TransactionID, Part: l.Part, Reason: l.AnswerMessage, Date: e.at(l.AnsweredAt)}
				}
				return out.Write(row)
			})
			if err != nil {
				return err
			}
			return out.Close()
		})
		if err != nil {
			return list, fmt.Errorf("return %s: %w", r.Name, err)
		}
		list = append(list, answer{Delivery: journal.Delivery{Flow: flow.Name, FileID: f.ID, Kind: string(r.On) + ":" + r.Name, Folder: flow.Out, Length: size, SHA256: digest},
			naming: func(stem string, seq int64) string { return e.nameOf(r, flow.Name, stem, label(f.Name), e.now(), seq) }, series: series(flow.Name, r.Name)})
	}
	return list, nil
}

func returnRow(l *journal.Line, state, code, text string) mappings.ReturnRow {
	return mappings.ReturnRow{Line: int(l.Line), Raw: l.Raw, Fields: l.DocFields, Status: state, Code: code, Message: text, Part: l.Part, Reference: l.Reference}
}

// at is a time as mappings see it, in the zone of the returns.
func (e *engine) at(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return journal.Time(us).In(e.location)
}

// nameOf fills a return's name template; {date} is at's day in the zone of the returns.
func (e *engine) nameOf(r *mappings.Return, flow, stem, name string, at time.Time, seq int64) string {
	return r.FileName(mappings.NameParts{Stem: stem, Flow: flow, Name: name, Date: at.In(e.location), Seq: seq})
}

// events writes the mapping's returns of events: each batch of what happened since the last, at most every status_every.
func (r *report) events(ctx context.Context, hurry bool) error {
	for i, own := range r.flow.Mapping.Returns() {
		if own.On != mappings.OnEvent && own.On != mappings.OnSettlement && own.On != mappings.OnDaily {
			continue
		}
		for more := true; more; { // days that were missed have a file each
			var err error
			if more, err = r.eventReturn(ctx, own, i, hurry); err != nil {
				return fmt.Errorf("%s: %w", own.Name, err)
			}
		}
	}
	return nil
}

// eventReturn writes what is due of one return, the mapping's i-th; it tells whether there may be more to write at once.
func (r *report) eventReturn(ctx context.Context, own *mappings.Return, i int, hurry bool) (more bool, err error) {
	reader := "return:" + r.flow.Name + ":" + own.Name
	after, wrote, err := r.j.Mark(ctx, reader)
	if err != nil {
		return false, err
	}
	upto, err := r.j.LastEvent(ctx)
	if err != nil || upto <= after {
		return false, err
	}
	day, until := r.now().In(r.location), time.Time{}
	if own.On == mappings.OnDaily {
		if day, err = r.firstDay(ctx, reader, after, upto); err != nil || day.IsZero() {
			return false, err
		}
		until = day.AddDate(0, 0, 1)
		if left := until.Sub(r.now()); left > 0 {
			r.soonest(left)
			return false, nil
		}
	} else if left := journal.Time(wrote).Add(r.flow.StatusEvery).Sub(r.now()); wrote > 0 && left > 0 && !hurry {
		r.soonest(left)
		return false, nil
	}
	batches, order, upto, err := r.batches(ctx, own, after, upto, until)
	if err != nil {
		return false, err
	}
	more = own.On == mappings.OnDaily
	if len(batches) == 0 {
		return more, r.j.Do(ctx, func(tx *journal.Tx) error { return tx.SetMark(reader, upto) })
	}
	own = r.fresh(r.flow).Returns()[i]
	var answers []answer
	defer func() { r.release(answers) }()
	for _, key := range order {
		a, err := r.eventFile(ctx, own, batches[key])
		if err != nil {
			return false, err
		}
		if a != nil {
			answers = append(answers, *a)
		}
	}
	if err := r.fault("events"); err != nil {
		return false, err
	}
	err = r.j.Do(ctx, func(tx *journal.Tx) error {
		if again, _, err := tx.Mark(reader); err != nil || again != after {
			return fmt.Errorf("%w: the mark has moved (%w)", journal.ErrState, err)
		}
		for _, a := range answers {
			f, err := tx.File(a.FileID)
			if err != nil {
				return err
			}
			if err := tx.Stem(&f, stem(f.Name)); err != nil {
				return err
			}
			seq, err := tx.Count(series(r.flow.Name, own.Name))
			if err != nil {
				return err
			}
			a.Name = r.nameOf(own, r.flow.Name, f.Stem, label(f.Name), day, seq)
			if _, err := tx.AddDelivery(a.Delivery, numbered); err != nil {
				return err
			}
		}
		return tx.SetMark(reader, upto)
	})
	if err == nil && len(answers) > 0 {
		r.again = time.Nanosecond
	}
	return more, err
}

// firstDay is the beginning of the day, in the zone of the returns, on which the first event behind after was learnt;
// zero where there is none up to upto. What was learnt on a day is in that day's file, whenever the file is written.
func (r *report) firstDay(ctx context.Context, reader string, after, upto int64) (time.Time, error) {
	list, err := r.j.EventsAfter(ctx, r.flow.Name, max(after, r.others[reader]), 1)
	switch {
	case err != nil:
		return time.Time{}, err
	case len(list) == 0: // other flows' events are not looked through again
		r.others[reader] = upto
		return time.Time{}, nil
	}
	y, m, d := r.at(list[0].RecordedAt).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, r.location), nil
}

// wanted tells whether an event is one of a return's moment: of settlements, what is paid (and what takes that back) and
// what is reconciled.
func wanted(on mappings.Moment, e *journal.Event) bool {
	switch e.Word {
	case payment.WordUncertain, payment.WordHeld, payment.WordReleased, string(payment.Pending):
		return false // navette's own knowledge, no event of the contract
	case payment.WordPaid, payment.WordReconciled:
		return true
	}
	return on != mappings.OnSettlement || e.Moved != 0
}

// batches gathers the events a return is asked for, by source file when its name holds the stem; those learnt from until
// on, where it is not zero, are left for later. It also gives the last event that was looked at.
func (r *report) batches(ctx context.Context, own *mappings.Return, after, upto int64, until time.Time) (map[int64][]journal.Event, []int64, int64, error) {
	batches := map[int64][]journal.Event{}
	var order []int64
	for after < upto {
		list, err := r.j.EventsAfter(ctx, r.flow.Name, after, page)
		if err != nil {
			return nil, nil, 0, err
		}
		if len(list) == 0 {
			break
		}
		for _, e := range list {
			if e.ID <= upto && !until.IsZero() && !journal.Time(e.RecordedAt).Before(until) {
				return batches, order, e.ID - 1, nil
			}
			after = e.ID
			if e.ID > upto {
				break
			}
			if !wanted(own.On, &e) {
				continue
			}
			key := int64(0)
			if own.PerFile() {
				key = e.FileID
			}
			if _, ok := batches[key]; !ok {
				order = append(order, key)
			}
			batches[key] = append(batches[key], e)
		}
	}
	return batches, order, upto, nil
}

// eventFile fixes one return of events, to be named; nil when none of them is wanted.
func (r *report) eventFile(ctx context.Context, own *mappings.Return, events []journal.Event) (*answer, error) {
	f, err := r.j.File(ctx, events[0].FileID)
	if err != nil {
		return nil, err
	}
	var lay layout
	if err := json.Unmarshal(f.Layout, &lay); err != nil {
		return nil, fmt.Errorf("layout: %w", err)
	}
	wanted := 0
	digest, size, err := r.spool.Write(ctx, func(w io.Writer) error {
		wanted = 0
		out, err := own.NewWriter(w, lay.Dialect, lay.Head)
		if err != nil {
			return err
		}
		for i := range events {
			e := &events[i]
			l, err := r.j.LineOf(ctx, e.FileID, e.RowID)
			if err != nil {
				return err
			}
			row := returnRow(&l, l.State, e.Code, e.Reason)
			row.Part = e.Part
			row.Event = &mappings.Event{Event: e.Word, State: or(e.PSPState, string(e.State)), Date: r.at(e.OccurredAt), Amount: signed(e), Method: e.Method, TransactionID: e.TransactionID, RequestID: e.PaymentID, URL: l.Link, Reason: e.Reason, Part: e.Part}
			if e.Moved != 0 {
				row.Event.Moved = payment.Amount{Minor: e.Moved, Currency: e.Amount.Currency}
			}
			if err := out.Write(row); err != nil {
				blank, asked := r.j.Blanked(ctx, l.Document)
				if asked != nil || !blank {
					return err
				}
				// Whoever it was has been erased: the journal keeps the event, the return cannot tell it.
				r.log.Warn().Str("event", "return.blank").Int64("row", l.ID).Int64("event_id", e.ID).Err(err).Msg("an erased row has nothing left that this return tells")
			}
		}
		wanted = out.Rows()
		return out.Close()
	})
	if err != nil || wanted == 0 {
		r.spool.Release(digest)
		return nil, err
	}
	return &answer{Delivery: journal.Delivery{Flow: r.flow.Name, FileID: f.ID, Kind: string(own.On) + ":" + own.Name, Folder: r.flow.Out, Length: size, SHA256: digest}}, nil
}

// signed is an event's amount as mappings see it: money that went back is negative.
func signed(e *journal.Event) payment.Amount {
	if e.Moved != 0 {
		return payment.Amount{Minor: e.Moved, Currency: e.Amount.Currency}
	}
	return e.Amount
}
