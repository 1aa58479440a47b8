package connector

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/navette-connect/navette/connector/config"
	"github.com/navette-connect/navette/connector/journal"
	"github.com/navette-connect/navette/connector/message"
	"github.com/navette-connect/navette/connector/payment"
)

// Outlook is how things stand, in a line: what the service tells systemd.
type Outlook struct {
	Flows    int
	Held     int64            // rows that wait for a person
	Waiting  map[string]int64 // by gateway's name: rows not sent yet or without an answer
	Troubles int
}

// watch looks at what waits: for the metrics, for the line above, and for what does not come (a file that was expected,
// an ERP that does not take its returns). It notes nothing but since when a first file is expected. It is used by one goroutine.
type watch struct {
	*engine
	mark      int64                // last event counted
	collected map[string]time.Time // by flow: when its returns were last looked for
	seen      time.Time            // when the journal had last been written, as it was looked at; zero: look again
	waits     bool                 // something did
}

// watchEvery is how often the watch looks. It rests longer where looking takes long, and up to watchRest where nothing waits
// and nobody has written to the journal.
const (
	watchEvery = 10 * time.Second
	watchRest  = time.Minute
)

func (w *watch) run(ctx context.Context) error {
	w.collected = map[string]time.Time{}
	if mark, err := w.j.LastEvent(ctx); err == nil {
		w.mark = mark
	}
	var looked time.Time
	for ctx.Err() == nil {
		begun := time.Now()
		if begun.Sub(looked) < watchRest && !w.waits && w.untouched() {
			w.sleep(ctx, "watch", onGrid(watchEvery))
			continue
		}
		looked = begun
		at := w.j.Touched()
		if err := w.pass(ctx); err != nil && ctx.Err() == nil {
			w.alarms.report(w.log, "watch", err)
		} else if err == nil {
			w.alarms.clear(w.log, "watch")
		}
		if w.seen = (time.Time{}); begun.Sub(at) > time.Second { // the file's clock may be as coarse as that
			w.seen = at
		}
		w.sleep(ctx, "watch", max(onGrid(watchEvery), 50*time.Since(begun)))
	}
	return nil
}

// untouched tells that nobody has written to the journal since it was looked at.
func (w *watch) untouched() bool {
	at := w.j.Touched()
	return !at.IsZero() && at.Equal(w.seen)
}

func (w *watch) pass(ctx context.Context) error {
	now := w.now()
	waiting, err := w.j.Waiting(ctx)
	if err != nil {
		return err
	}
	o := Outlook{Flows: len(w.Flows), Waiting: map[string]int64{}}
	names := map[string]string{} // account -> name of its gateway
	for _, a := range w.Accounts {
		names[a.Account] = a.Name
		o.Waiting[a.Name] = 0
		g, err := w.j.Gateway(ctx, a.Account)
		if err != nil {
			return err
		}
		retries, err := w.j.DueCount(ctx, "look", a.Account)
		if err != nil {
			return err
		}
		w.meter.gateway(a.Name, g.Stopped == "", retries)
	}
	for _, l := range waiting {
		if l.State == string(payment.Held) {
			o.Held += l.N
		} else if name := names[l.Account]; name != "" {
			o.Waiting[name] += l.N
		}
	}
	var errs []error
	for _, f := range w.Flows {
		errs = append(errs, w.flow(ctx, f, waiting, now))
	}
	errs = append(errs, w.events(ctx))
	if err := w.leftBehind(ctx); err != nil && !errors.As(err, new(*Trouble)) { // the trouble stands by itself
		errs = append(errs, err)
	}
	if free, err := w.free(); err == nil {
		w.meter.disk(free, w.DiskFloor)
	}
	o.Troubles = len(w.alarms.list())
	w.waits = len(waiting) > 0 || o.Troubles > 0
	for _, n := range w.intakes {
		w.waits = w.waits || n.oldest.Load() > 0
	}
	w.meter.troubles(o.Troubles)
	if w.Tell != nil {
		w.Tell(o)
	}
	return errors.Join(errs...)
}

// flow looks at one flow.
func (w *watch) flow(ctx context.Context, f *Flow, waiting []journal.Waiting, now time.Time) error {
	known, err := w.j.Flow(ctx, f.Name)
	if err != nil {
		return err
	}
	files, err := w.j.OldestFile(ctx, f.Name)
	if err != nil {
		return err
	}
	outbox, err := w.j.OldestReturn(ctx, f.Name)
	if err != nil {
		return err
	}
	held := map[string]int64{}
	var row int64
	for _, l := range waiting {
		if l.Flow != f.Name {
			continue
		}
		held[l.State] += l.N
		if l.State != string(payment.Held) && (row == 0 || l.Oldest < row) {
			row = l.Oldest
		}
	}
	if dropped := w.dropped(f.Name); dropped > 0 && (files == 0 || dropped < files) {
		files = dropped
	}
	age := func(us int64) float64 {
		if us == 0 {
			return 0
		}
		return max(now.Sub(journal.Time(us)).Seconds(), 0)
	}
	w.meter.waiting(f.Name, held, known.Paused != "", known.LastFileAt, age(files), age(row), age(outbox))
	return errors.Join(w.expected(ctx, f, known, now), w.collect(ctx, f, now))
}

// dropped is since when the oldest file lies in a flow's folder, not taken; 0 for none.
func (w *watch) dropped(flow string) int64 {
	for _, n := range w.intakes {
		if n.flow.Name == flow {
			return n.oldest.Load()
		}
	}
	return 0
}

// expected tells when a flow's file does not come.
func (w *watch) expected(ctx context.Context, f *Flow, known journal.Flow, now time.Time) error {
	if f.Expect == (config.Expect{}) {
		return nil
	}
	if known.LastFileAt == 0 { // it is expected from the first look on; a restart does not make it punctual
		if since, err := w.j.Meta(ctx, metaWatched+f.Name); err != nil {
			return err
		} else if since == "" {
			if err := w.j.Do(ctx, func(tx *journal.Tx) error {
				return tx.SetMeta(metaWatched+f.Name, strconv.FormatInt(now.UnixMicro(), 10))
			}); err != nil {
				return err
			}
		}
	}
	due, late, err := Missing(ctx, w.j, &f.Flow, known, now.In(w.location))
	if err != nil {
		return err
	}
	key := "expect:" + f.Name
	w.meter.late(f.Name, late)
	if !late {
		w.alarms.clear(w.log, key)
		return nil
	}
	w.alarms.report(w.log, key, &Trouble{Code: "NV-3021", Text: MissingText(f.Name, due, known, w.location)})
	return nil
}

// MissingText says that a flow's file was due.
func MissingText(flow string, due time.Time, known journal.Flow, in *time.Location) message.Text {
	if known.LastFileAt == 0 {
		return message.New("NV-3021.none", "flow", flow, "due", due.Format("02/01/2006 15:04"))
	}
	return message.New("NV-3021.since", "flow", flow, "due", due.Format("02/01/2006 15:04"), "last", journal.Time(known.LastFileAt).In(in).Format("02/01/2006 15:04"))
}

// collectLimit bounds how many returns that lie in `out` are held against the journal at a time.
const collectLimit = 50

// collect tells when the ERP does not take its returns: ours lie in `out` for longer than expected.
func (w *watch) collect(ctx context.Context, f *Flow, now time.Time) error {
	within := f.Expect.Collect
	if within <= 0 || now.Sub(w.collected[f.Name]) < min(max(within/10, watchEvery), 10*time.Minute) {
		return nil
	}
	w.collected[f.Name] = now
	files, err := f.Outbox.List(ctx, f.Out)
	if err != nil {
		return nil // the report loop tells of the folder
	}
	left, asked, oldest := 0, 0, int64(0)
	for i := range files {
		if now.Sub(files[i].ModTime) < within || asked == collectLimit {
			continue
		}
		asked++
		at, err := w.j.PublishedAt(ctx, f.Name, files[i].Name)
		if err != nil {
			return err
		}
		if at == 0 || now.Sub(journal.Time(at)) < within {
			continue
		}
		left++
		if oldest == 0 || at < oldest {
			oldest = at
		}
	}
	w.meter.uncollected(f.Name, left)
	key := "collect:" + f.Name
	if left == 0 {
		w.alarms.clear(w.log, key)
		return nil
	}
	w.alarms.report(w.log, key, &Trouble{Code: "NV-3022", Text: message.New("NV-3022.left", "flow", f.Name, "folder", f.Out,
		"since", journal.Time(oldest).In(w.location).Format("02/01/2006 15:04"))})
	return nil
}

// events counts what happened since the last look: by flow, word and currency.
func (w *watch) events(ctx context.Context) error {
	if w.meter == nil {
		return nil
	}
	upto, err := w.j.LastEvent(ctx)
	if err != nil || upto == w.mark {
		return err
	}
	sums, err := w.j.EventSums(ctx, w.mark, upto)
	if err != nil {
		return err
	}
	w.mark = upto
	for _, s := range sums {
		w.meter.event(s)
	}
	return nil
}
