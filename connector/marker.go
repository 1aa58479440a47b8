package connector

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"github.com/navette-connect/navette/connector/journal"
	"github.com/navette-connect/navette/connector/message"
	"github.com/navette-connect/navette/transports"
)

// A journal that was lost, or brought back from a backup, does not know what was sent meanwhile. So each flow's `done`
// holds a marker of the journal that worked there. Where that tells of another journal, or of a later state of this one,
// files are still taken and nothing is sent until a person says `navette recover`: from then on everything is looked up at
// the PSP before it is sent. `navette run --new-journal` takes the journal as it is.

// Entries of the journal's meta.
const (
	metaRecover = "recover" // why nothing is sent; "" = it is
	metaSettled = "settled" // the last reason a person has settled: markers that still tell of it are not written anew yet
	metaConsult = "consult" // until when everything is looked up before it is sent, microseconds since 1970
)

// consultFor is how long after `recover` everything is looked up before it is sent: files dropped again, exports that
// repeat a month.
const consultFor = 90 * 24 * time.Hour

// marker is what stands in a marker file.
type marker struct {
	Journal  string `json:"journal"`
	Host     string `json:"host"`
	StateDir string `json:"state_dir"`
	Event    int64  `json:"event"` // the newest the journal had
}

// markerPath names the marker by machine and state directory: several navettes may share a folder.
func (e *engine) markerPath(f *Flow) (string, error) {
	digest, err := digestOf(bytes.NewReader([]byte(e.Host + "\x00" + e.StateDir)))
	return f.Inbox.Join(f.Done, ".navette-journal-"+digest[:8]), err
}

// takeOver compares the journal with the markers of its folders, and sets whether anything may be sent.
func (e *engine) takeOver(ctx context.Context) error {
	why, err := e.j.Meta(ctx, metaRecover)
	if err != nil {
		return err
	}
	settled, err := e.j.Meta(ctx, metaSettled)
	if err != nil {
		return err
	}
	unread := error(nil)
	if why == "" && e.StateDir != "" {
		if why, unread = e.missing(ctx); why == settled {
			why = ""
		}
	}
	if err := e.j.Do(ctx, func(tx *journal.Tx) error {
		if e.NewJournal && why != "" {
			return errors.Join(tx.SetMeta(metaRecover, ""), tx.SetMeta(metaSettled, why))
		}
		return tx.SetMeta(metaRecover, why)
	}); err != nil {
		return err
	}
	if e.NewJournal {
		why = ""
	}
	e.marked.Store(-1) // nothing is written yet
	until, err := e.j.Meta(ctx, metaConsult)
	if err != nil {
		return err
	}
	n, _ := strconv.ParseInt(until, 10, 64) // "" is never
	e.consult.Store(n)
	e.recovering.Store(why != "" || unread != nil && !e.NewJournal)
	e.unread.Store(why == "" && unread != nil && !e.NewJournal)
	if unread != nil { // it may tell of another journal: nothing is sent until it can be read
		e.alarms.report(e.log, "marker", fmt.Errorf("nothing is sent until the journal's marker can be read: %w", unread))
	}
	if why != "" {
		e.alarms.report(e.log, "journal", errors.New("NV-4011: "+why))
		e.log.Error().Str("event", "journal.lost").Str("code", "NV-4011").Str("why", why).Msg("files are taken and nothing is sent: `navette recover --reason …` looks everything up before it is sent; `navette run --new-journal` takes the journal as it is")
	}
	return nil
}

// missing tells what the markers know that the journal does not; "" = nothing. unread: one that is there cannot be read.
func (e *engine) missing(ctx context.Context) (why string, unread error) {
	last, err := e.j.LastEvent(ctx)
	if err != nil {
		return "", err
	}
	for _, n := range e.intakes {
		if _, ok := n.flow.Inbox.(transports.Replacer); !ok {
			continue // no markers there
		}
		m, err := e.readMarker(ctx, n.flow)
		switch {
		case errors.Is(err, transports.ErrGone), errors.Is(err, transports.ErrFolder):
		case err != nil:
			unread = errors.Join(unread, fmt.Errorf("flow %s: %w", n.flow.Name, err))
		case m.Journal != e.j.ID:
			return fmt.Sprintf("flow %s: another journal (%s) worked here before", n.flow.Name, m.Journal), nil
		case m.Event > last:
			return fmt.Sprintf("flow %s: this journal knew %d events and now knows %d: an older copy was put back", n.flow.Name, m.Event, last), nil
		}
	}
	return "", unread
}

func (e *engine) readMarker(ctx context.Context, f *Flow) (m marker, err error) {
	path, err := e.markerPath(f)
	if err != nil {
		return m, err
	}
	r, err := f.Inbox.Open(ctx, path)
	if err != nil {
		return m, err
	}
	defer r.Close()
	b, err := io.ReadAll(io.LimitReader(r, 1<<16))
	if err != nil {
		return m, err
	}
	return m, json.Unmarshal(b, &m)
}

// mark writes the markers, where the folder can and something happened since.
func (e *engine) mark(ctx context.Context) error {
	if e.recovering.Load() || e.StateDir == "" {
		return nil // an older marker must not be forgotten
	}
	last, err := e.j.LastEvent(ctx)
	if err != nil {
		return err
	}
	if last == e.marked.Load() {
		return nil
	}
	b, err := json.Marshal(marker{Journal: e.j.ID, Host: e.Host, StateDir: e.StateDir, Event: last})
	if err != nil {
		return err
	}
	var errs []error
	var written []string
	for _, n := range e.intakes {
		box, ok := n.flow.Inbox.(transports.Replacer)
		path, err := e.markerPath(n.flow)
		if !ok || err != nil || slices.Contains(written, path) {
			errs = append(errs, err)
			continue
		}
		written = append(written, path)
		if err := box.Replace(ctx, path, bytes.NewReader(b), n.flow.FileMode); err != nil && !errors.Is(err, transports.ErrFolder) {
			errs = append(errs, fmt.Errorf("marker of flow %s: %w", n.flow.Name, err))
		}
	}
	err = errors.Join(errs...)
	if err == nil {
		e.marked.Store(last)
	}
	return err
}

// markLoop keeps the markers true until ctx ends.
func (e *engine) markLoop(ctx context.Context) error {
	for ctx.Err() == nil {
		if e.unread.Load() {
			if err := e.takeOver(ctx); err != nil {
				return err
			}
			e.stir()
		}
		if err := e.mark(ctx); err != nil && ctx.Err() == nil {
			e.alarms.report(e.log, "marker", err)
		} else if err == nil && !e.unread.Load() {
			e.alarms.clear(e.log, "marker")
		}
		e.sleep(ctx, "marker", onGrid(5*time.Second))
	}
	return nil
}

// recover ends the standstill: from now on everything is looked up before it is sent.
func (e *engine) recover(tx *journal.Tx) (string, error) {
	why, err := tx.Meta(metaRecover)
	if err != nil {
		return "", err
	}
	if why == "" && !e.unread.Load() {
		return "", e.wrong("ui.recover.nothing")
	}
	until := tx.Now + consultFor.Microseconds()
	if err := errors.Join(tx.SetMeta(metaRecover, ""), tx.SetMeta(metaSettled, why)); err != nil {
		return "", err
	}
	if err := tx.SetMeta(metaConsult, strconv.FormatInt(until, 10)); err != nil {
		return "", err
	}
	e.consult.Store(until)
	e.recovering.Store(false)
	e.unread.Store(false)
	e.alarms.clear(e.log, "journal")
	return message.New("ui.recover.done", "until", journal.Time(until).In(e.location).Format("02/01/2006")).In(or(e.Lang, "fr")), nil
}

// consulting tells whether everything is looked up before it is sent.
func (e *engine) consulting() bool { return e.now().UnixMicro() < e.consult.Load() }
