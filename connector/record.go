package connector

import (
	"context"
	"time"

	"github.com/navette-connect/navette/connector/journal"
)

// linger is how long the first answer of a group waits for others: one fsync then serves many, and so does one write of
// a page of the journal's indexes, of which ids that the PSP made up touch another each. No sending waits for it.
const linger = 50 * time.Millisecond

// record commits answers in groups: half of what may be in flight, or what came within linger, or before nothing more can come.
func (d *dispatch) record(ctx context.Context) {
	batch := make([]journal.Answer, 0, d.groupSize()/2)
	for a := range d.answers {
		batch = append(batch[:0], a)
		late := time.NewTimer(linger)
	gather:
		for len(batch) < cap(batch) {
			select {
			case more, ok := <-d.answers:
				if !ok {
					break gather
				}
				batch = append(batch, more)
			case <-d.landed:
				if d.grounded() {
					late.Reset(0) // what is here is all, and taken with it
				}
			case <-late.C:
				batch = d.there(batch)
				break gather
			}
		}
		late.Stop()
		if !d.along(batch) {
			d.keep(ctx, batch)
		}
		d.count(0, -len(batch))
		d.stir()
	}
}

// there adds the answers that need not be waited for, as far as the batch has room.
func (d *dispatch) there(batch []journal.Answer) []journal.Answer {
	for len(batch) < cap(batch) {
		select {
		case more, ok := <-d.answers:
			if !ok {
				return batch
			}
			batch = append(batch, more)
		default:
			return batch
		}
	}
	return batch
}

// keep makes answers durable, however often it must be tried: they are all that is known of money on its way. One that
// the journal will not take while it takes others stays `sending` there, and is looked up at the next start.
func (d *dispatch) keep(ctx context.Context, list []journal.Answer) {
	write := func(list []journal.Answer) error {
		if err := d.fault("record"); err != nil {
			return err
		}
		return d.j.Do(ctx, func(tx *journal.Tx) error { return tx.RecordAnswers(list) })
	}
	works := false
	for try, wait := 1, 50*time.Millisecond; len(list) > 0; try, wait = try+1, min(2*wait, 5*time.Second) {
		err := write(list)
		if err == nil {
			d.alarms.clear(d.log, "record")
			return
		}
		if fatal(err) { // they are `sending` in the journal: looked up at the next start
			return
		}
		if len(list) > 1 { // each alone: one must not hold back the others
			var left []journal.Answer
			for i := range list {
				if write(list[i:i+1]) != nil {
					left = append(left, list[i])
				}
			}
			works, list = works || len(left) < len(list), left
		}
		d.alarms.report(d.log, "record", err)
		if works && try >= 5 {
			d.log.Error().Str("event", "answer.refused").Int("instructions", len(list)).Err(err).Msg("the journal does not take these answers: they stay `sending`, and are looked up at the next start")
			return
		}
		if at := d.leaving.Load(); at != 0 && time.Now().UnixNano() > at {
			d.log.Error().Str("event", "answer.refused").Int("instructions", len(list)).Err(err).Msg("the journal takes nothing, and the process ends: they stay `sending`, and are looked up at the next start")
			return
		}
		time.Sleep(wait)
	}
}
