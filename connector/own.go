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

// ownAt lists the mapping's returns that are written at a moment of a file: those of the intake that name events wait
// for the answers.
func (f *Flow) ownAt(on mappings.Moment, answered bool) (list []*mappings.Return) {
	for _, r := range f.Mapping.Returns() {
		waits := r.On == mappings.OnResult || r.On == mappings.OnIntake && r.NamesEvents
		if r.On == on && waits == answered {
			list = append(list, r)
		}
	}
	return list
}

// ownReturns fixes a file's returns of the mapping's own.
func (e *engine) ownReturns(ctx context.Context, flow *Flow, f *journal.File, lay layout, returns []*mappings.Return) ([]answer, error) {
	var list []answer
	for _, r := range returns {
		if mender, _ := flow.Mapping.Mender(); r.Workbook() && mender != nil && lay.Dialect.Sheet != "" {
			a, err := e.mend(ctx, flow, f, string(r.On)+":"+r.Name, lay, mender)
			if err != nil {
				return nil, fmt.Errorf("return %s: %w", r.Name, err)
			}
			a.naming = func(stem string) string { return e.nameOf(r, flow.Name, stem, label(f.Name), 0) }
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
				row := returnRow(l, state, code, text)
				if l.Payment != "" && l.PaymentID != "" {
					row.Event = &mappings.Event{Event: payment.Word(l.Payment), State: string(l.Payment), RequestID: l.PaymentID, URL: l.Link, TransactionID: l.TransactionID, Part: l.Part, Reason: l.AnswerMessage, Date: e.at(l.AnsweredAt)}
				}
				return out.Write(row)
			})
			if err != nil {
				return err
			}
			return out.Close()
		})
		if err != nil {
			return nil, fmt.Errorf("return %s: %w", r.Name, err)
		}
		list = append(list, answer{Delivery: journal.Delivery{Flow: flow.Name, FileID: f.ID, Kind: string(r.On) + ":" + r.Name, Folder: flow.Out, Length: size, SHA256: digest},
			naming: func(stem string) string { return e.nameOf(r, flow.Name, stem, label(f.Name), 0) }})
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

// nameOf fills a return's name template.
func (e *engine) nameOf(r *mappings.Return, flow, stem, name string, seq int64) string {
	return r.FileName(mappings.NameParts{Stem: stem, Flow: flow, Name: name, Date: e.now().In(e.location), Seq: seq})
}

// events writes the mapping's returns of events: each batch of what happened since the last, at most every status_every.
func (r *report) events(ctx context.Context, hurry bool) error {
	for _, own := range r.flow.Mapping.Returns() {
		if own.On != mappings.OnEvent && own.On != mappings.OnSettlement && own.On != mappings.OnDaily {
			continue
		}
		if err := r.eventReturn(ctx, own, hurry); err != nil {
			return fmt.Errorf("%s: %w", own.Name, err)
		}
	}
	return nil
}

func (r *report) eventReturn(ctx context.Context, own *mappings.Return, hurry bool) error {
	reader := "return:" + r.flow.Name + ":" + own.Name
	after, wrote, err := r.j.Mark(ctx, reader)
	if err != nil {
		return err
	}
	upto, err := r.j.LastEvent(ctx)
	if err != nil || upto <= after {
		return err
	}
	every := r.flow.StatusEvery
	if own.On == mappings.OnDaily {
		every, hurry = 24*time.Hour, false
		if wrote == 0 {
			return r.j.Do(ctx, func(tx *journal.Tx) error { return tx.SetMark(reader, after) }) // the first day begins
		}
	}
	if left := journal.Time(wrote).Add(every).Sub(r.now()); wrote > 0 && left > 0 && !hurry {
		r.soonest(left)
		return nil
	}
	batches, order, err := r.batches(ctx, own, after, upto)
	if err != nil {
		return err
	}
	if len(batches) == 0 {
		return r.j.Do(ctx, func(tx *journal.Tx) error { return tx.SetMark(reader, upto) })
	}
	var answers []answer
	for _, key := range order {
		a, err := r.eventFile(ctx, own, batches[key])
		if err != nil {
			return err
		}
		if a != nil {
			answers = append(answers, *a)
		}
	}
	if err := r.fault("events"); err != nil {
		return err
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
			a.Name = a.naming(f.Stem)
			if _, err := tx.AddDelivery(a.Delivery, numbered); err != nil {
				return err
			}
		}
		return tx.SetMark(reader, upto)
	})
	if err == nil && len(answers) > 0 {
		r.again = time.Nanosecond
	}
	return err
}

// batches gathers the events a return is asked for, by source file when its name holds the stem.
func (r *report) batches(ctx context.Context, own *mappings.Return, after, upto int64) (map[int64][]journal.Event, []int64, error) {
	batches := map[int64][]journal.Event{}
	var order []int64
	for after < upto {
		list, err := r.j.EventsAfter(ctx, r.flow.Name, after, page)
		if err != nil {
			return nil, nil, err
		}
		if len(list) == 0 {
			break
		}
		for _, e := range list {
			after = e.ID
			if e.ID > upto {
				break
			}
			if e.Word == payment.WordUncertain || e.Word == payment.WordHeld || e.Word == payment.WordReleased || e.Word == string(payment.Pending) {
				continue // navette's own knowledge, no event of the contract
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
	return batches, order, nil
}

// eventFile fixes one return of events; nil when none of them is wanted.
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
			row.Event = &mappings.Event{Event: e.Word, State: string(e.State), Date: r.at(e.OccurredAt), Amount: signed(e), Moved: payment.Amount{Minor: e.Moved, Currency: e.Amount.Currency}, Method: e.Method, TransactionID: e.TransactionID, RequestID: e.PaymentID, URL: l.Link, Reason: e.Reason, Part: e.Part}
			if err := out.Write(row); err != nil {
				return err
			}
		}
		wanted = out.Rows()
		return out.Close()
	})
	if err != nil || wanted == 0 {
		return nil, err
	}
	return &answer{Delivery: journal.Delivery{Flow: r.flow.Name, FileID: f.ID, Kind: string(own.On) + ":" + own.Name, Folder: r.flow.Out, Length: size, SHA256: digest},
		naming: func(stem string) string { return r.nameOf(own, r.flow.Name, stem, label(f.Name), events[0].ID) }}, nil
}

// signed is an event's amount as mappings see it: money that went back is negative.
func signed(e *journal.Event) payment.Amount {
	if e.Moved != 0 {
		return payment.Amount{Minor: e.Moved, Currency: e.Amount.Currency}
	}
	return e.Amount
}
