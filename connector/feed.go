package connector

import (
	"context"
	"errors"
	"time"

	"github.com/navette-connect/navette/connector/journal"
	"github.com/navette-connect/navette/connector/payment"
)

// groupSize bounds how many instructions one commit makes `sending` beyond those in flight: what a crash leaves in doubt.
func (d *dispatch) groupSize() int { return min(max(32*d.account.Concurrency, 64), 512) }

// refill is how much room makes a new group worth its commit: small enough that the workers do not run dry meanwhile.
func (d *dispatch) refill() int { return d.groupSize() / 4 }

// ride is a batch of answers offered to the group that waits for their room: one commit makes them durable and the group
// `sending`, which spares an fsync.
type ride struct {
	list    []journal.Answer
	durable chan bool // told once; false: whoever offered them writes them
}

// along offers answers to the next group, where it waits or soon will, and tells whether they became durable with it.
func (d *dispatch) along(list []journal.Answer) bool {
	if d.fault("record") != nil {
		return false
	}
	r := &ride{list: list, durable: make(chan bool, 1)}
	select {
	case d.rides <- r:
		return <-r.durable
	default:
	}
	if !d.fed.Load() {
		return false
	}
	late := time.NewTimer(linger)
	defer late.Stop()
	select {
	case d.rides <- r:
		return <-r.durable
	case <-late.C:
		return false
	}
}

// feed makes a group durable as sending and queues it, if there is room for one.
func (d *dispatch) feed(ctx context.Context, cursor map[int64]int64) (int, error) {
	if d.crowded.Swap(false) { // what becomes free is for the doubts
		d.fed.Store(false)
		if d.groupSize()-d.inFlight() < d.refill() {
			d.sleep(ctx, "dispatch:"+d.account.Account, linger)
		}
		return 0, nil
	}
	if room := d.groupSize() - d.inFlight(); room >= d.refill() {
		items, err := d.group(ctx, cursor, room)
		if err != nil {
			return 0, err
		}
		return d.enqueue(ctx, items, nil)
	}
	r := d.awaitRoom(ctx)
	if r == nil {
		return 1, nil
	}
	durable := false
	defer func() { r.durable <- durable }()
	items, err := d.group(ctx, cursor, d.groupSize()-d.inFlight()+len(r.list))
	if err != nil || len(items) == 0 {
		return 0, err
	}
	n, err := d.mark(ctx, items, func(tx *journal.Tx) error { return tx.RecordAnswers(r.list) })
	if durable = err == nil; errors.Is(err, journal.ErrState) { // somebody decided about one of them meanwhile
		clear(cursor)
		return 1, nil
	}
	return n, err
}

// group reads what is to be sent next. Files take turns, so that a large one does not keep a small one waiting.
func (d *dispatch) group(ctx context.Context, cursor map[int64]int64, room int) (items []journal.Item, err error) {
	if d.gate.closed(d.now()) {
		return nil, nil // nothing leaves: nothing more is put in doubt
	}
	if d.full() {
		return nil, nil // its answer might not be kept
	}
	now := d.now().UnixMicro()
	files, err := d.j.SendableFiles(ctx, d.account.Account, now)
	if err != nil || len(files) == 0 {
		clear(cursor)
		return nil, err
	}
	share := max(room/len(files), 1)
	for _, id := range files {
		if len(items) >= room {
			break
		}
		list, err := d.j.Sendable(ctx, id, cursor[id], now, min(share, room-len(items)))
		if err != nil {
			return nil, err
		}
		if len(list) == 0 {
			delete(cursor, id) // from the beginning next time: rows may have become free
			continue
		}
		cursor[id] = list[len(list)-1].ID
		if items == nil {
			items = list
		} else {
			items = append(items, list...)
		}
	}
	return items, nil
}

// enqueue marks instructions as sending, durably, and only then hands them to the workers; where one of them is no longer
// to be sent, each by itself. also, where not nil, is part of the same commit.
func (d *dispatch) enqueue(ctx context.Context, items []journal.Item, also func(*journal.Tx) error) (n int, err error) {
	if n, err = d.mark(ctx, items, also); len(items) == 1 || !errors.Is(err, journal.ErrState) {
		return n, err
	}
	for i := range items {
		k, err := d.mark(ctx, items[i:i+1], also)
		if err != nil {
			return n, err
		}
		n += k
	}
	return n, nil
}

// mark is enqueue for all or none: ErrState when one of several is no longer to be sent.
func (d *dispatch) mark(ctx context.Context, items []journal.Item, also func(*journal.Tx) error) (n int, err error) {
	if len(items) == 0 {
		return 0, nil
	}
	list := make([]int64, len(items))
	for i := range items {
		list[i] = items[i].ID
	}
	if err := d.fault("sending"); err != nil {
		return 0, err
	}
	var marked []int64
	d.count(len(items), 0) // before they are durable as sending: at no moment may they look finished
	if err := d.j.Do(ctx, func(tx *journal.Tx) (err error) {
		if marked, err = tx.MarkSending(list); err == nil && also != nil {
			err = also(tx)
		}
		return err
	}); err != nil {
		d.count(-len(items), 0)
		return 0, err
	}
	d.count(len(marked)-len(items), 0)
	is := make(map[int64]bool, len(marked))
	for _, id := range marked {
		is[id] = true
	}
	for i := range items {
		if is[items[i].ID] {
			items[i].State = payment.Sending
			d.queue <- &items[i] // never blocks: the queue is as long as a group may be
			n++
		}
	}
	return n, nil
}

// awaitRoom waits until enough of what is in flight is answered, and not for long: somebody may have stopped the gateway.
// Where answers wait to be written, it takes them: with them there is room.
func (d *dispatch) awaitRoom(ctx context.Context) *ride {
	const most = 50 * time.Millisecond
	name := "dispatch:" + d.account.Account
	late := time.NewTimer(most)
	defer late.Stop()
	d.pulses.rest(name, most)
	defer d.pulses.beat(name)
	for d.groupSize()-d.inFlight() < d.refill() {
		select {
		case r := <-d.rides:
			return r
		case <-d.wake(name):
		case <-late.C:
			return nil
		case <-ctx.Done():
			return nil
		}
	}
	return nil
}
