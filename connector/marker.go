package connector

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"sync"
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

// A marker on a server is read before anything is taken from there; the start waits for no server.
var (
	errUnseen = errors.New("the server was not reached yet")
	errBroken = errors.New("it is no marker")
)

// sight is what a marker on a server told.
type sight struct {
	read   bool
	marker marker
	err    error
}

// marks tells whether a place can hold a marker: not where files are taken without renaming them.
func marks(box transports.Box) bool {
	_, ok := box.(transports.Replacer)
	if c, far := box.(transports.Claimer); far {
		ok = ok && c.Claiming() == transports.ClaimRename
	}
	return ok
}

// far tells a place that may answer late, or never.
func far(box transports.Box) bool {
	_, is := box.(transports.Claimer)
	return is
}

// takeOver compares the journal with the markers of its folders, and sets whether anything may be sent. Servers that were
// not asked yet are reported unless this is the beginning.
func (e *engine) takeOver(ctx context.Context, beginning bool) error {
	e.telling.Lock()
	defer e.telling.Unlock()
	why, err := e.j.Meta(ctx, metaRecover)
	if err != nil {
		return err
	}
	settled, err := e.j.Meta(ctx, metaSettled)
	if err != nil {
		return err
	}
	until, err := e.j.Meta(ctx, metaConsult)
	if err != nil {
		return err
	}
	n, _ := strconv.ParseInt(until, 10, 64) // "" is never
	e.consult.Store(n)
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
	for _, n := range e.intakes {
		n.marked.Store(-1) // nothing is written yet
	}
	e.recovering.Store(why != "" || unread != nil && !e.NewJournal)
	e.unread.Store(why == "" && unread != nil && !e.NewJournal)
	if unread != nil && !(beginning && errors.Is(unread, errUnseen)) { // it may tell of another journal: nothing is sent until it can be read
		e.alarms.report(e.log, "marker", fmt.Errorf("nothing is sent until the journal's marker can be read: %w", unread))
	}
	if why != "" {
		e.alarms.report(e.log, "journal", &Trouble{Code: "NV-4011", Text: message.Literal(why, why)})
		e.log.Error().Str("event", "journal.lost").Str("code", "NV-4011").Str("why", why).Msg("files are taken and nothing is sent: `navette recover --reason …` looks everything up before it is sent; `navette run --new-journal` takes the journal as it is")
	}
	return nil
}

// missing tells what the markers know that the journal does not; "" = nothing. unread: one that is there cannot be read.
// A marker on a server that was not reached, or is spoilt, holds up nothing when another marker knows this journal, or when
// everything is looked up before it is sent: its own flow takes nothing before it was read.
func (e *engine) missing(ctx context.Context) (why string, unread error) {
	last, err := e.j.LastEvent(ctx)
	if err != nil {
		return "", err
	}
	files, err := e.j.RecentFiles(ctx, "", 1)
	if err != nil {
		return "", err
	}
	vouched, distant := e.consulting(), error(nil)
	for _, n := range e.intakes {
		if !marks(n.flow.Inbox) {
			continue
		}
		m, err := n.sighted(ctx)
		if err != nil {
			err = fmt.Errorf("flow %s: %w", n.flow.Name, err)
		}
		switch {
		case errors.Is(err, transports.ErrGone), errors.Is(err, transports.ErrFolder):
		case errors.Is(err, errUnseen) && len(files) == 0: // there is nothing yet that could have been sent
		case err != nil && far(n.flow.Inbox):
			distant = errors.Join(distant, err)
		case err != nil:
			unread = errors.Join(unread, err)
		case m.Journal != e.j.ID:
			return fmt.Sprintf("flow %s: another journal (%s) worked here before", n.flow.Name, m.Journal), nil
		case m.Event > last:
			return fmt.Sprintf("flow %s: this journal knew %d events and now knows %d: an older copy was put back", n.flow.Name, m.Event, last), nil
		default:
			vouched = true
		}
	}
	if !vouched {
		unread = errors.Join(unread, distant)
	}
	return "", unread
}

// sighted gives a flow's marker: read now, or, on a server, as it was read before the first file was taken there.
func (n *intake) sighted(ctx context.Context) (marker, error) {
	if !far(n.flow.Inbox) {
		return n.readMarker(ctx)
	}
	return n.seen()
}

// seen gives the marker on a server as it was read; errUnseen before.
func (n *intake) seen() (marker, error) {
	n.engine.mu.Lock()
	defer n.engine.mu.Unlock()
	if !n.sight.read {
		return marker{}, errUnseen
	}
	return n.sight.marker, n.sight.err
}

// unsighted tells whether a marker on a server was not read yet, or could not be: it may turn out to be a reason to recover.
func (e *engine) unsighted() bool {
	for _, n := range e.intakes {
		if far(n.flow.Inbox) && marks(n.flow.Inbox) {
			if _, err := n.seen(); errors.Is(err, errUnseen) || errors.Is(err, errBroken) {
				return true
			}
		}
	}
	return false
}

// vouch reads the marker on a server, once, before anything is taken there.
func (n *intake) vouch(ctx context.Context) error {
	if n.StateDir == "" || !far(n.flow.Inbox) || !marks(n.flow.Inbox) {
		return nil
	}
	if _, err := n.seen(); !errors.Is(err, errUnseen) {
		return nil
	}
	m, err := n.readMarker(ctx)
	switch {
	case err == nil, errors.Is(err, transports.ErrGone), errors.Is(err, transports.ErrFolder), errors.Is(err, errBroken):
	case errors.Is(err, transports.ErrRefused): // it could not be written either
		n.log.Warn().Str("event", "marker").Err(err).Msg("the server lets nobody read a marker: this flow will not notice that the journal was lost")
		err = transports.ErrGone
	default:
		return err
	}
	n.engine.mu.Lock()
	n.sight = sight{true, m, err}
	n.engine.mu.Unlock()
	if err := n.takeOver(ctx, true); err != nil {
		return err
	}
	n.stir()
	return nil
}

func (n *intake) readMarker(ctx context.Context) (m marker, err error) {
	path, err := n.markerPath(n.flow)
	if err != nil {
		return m, err
	}
	r, err := n.flow.Inbox.Open(ctx, path)
	if errors.Is(err, transports.ErrGone) && far(n.flow.Inbox) { // replacing it was interrupted
		r, err = n.flow.Inbox.Open(ctx, transports.Former(path))
	}
	if err != nil {
		return m, err
	}
	defer r.Close()
	b, err := io.ReadAll(io.LimitReader(r, 1<<16))
	if err != nil {
		return m, err
	}
	if err := json.Unmarshal(b, &m); err != nil {
		return m, fmt.Errorf("%w: %w", errBroken, err)
	}
	return m, nil
}

// marking are the intakes that write markers: one of those that share a folder.
func (e *engine) marking() (list []*intake) {
	type place struct {
		transport, path string
	}
	taken := map[place]bool{}
	for _, n := range e.intakes {
		path, err := e.markerPath(n.flow)
		if at := (place{n.flow.Transport, path}); err == nil && e.StateDir != "" && marks(n.flow.Inbox) && !taken[at] {
			taken[at] = true
			list = append(list, n)
		}
	}
	return list
}

// mark writes the marker of one folder, if something happened since.
func (n *intake) mark(ctx context.Context) error {
	if n.recovering.Load() {
		return nil // an older marker must not be forgotten
	}
	if _, err := n.seen(); far(n.flow.Inbox) && errors.Is(err, errUnseen) {
		return nil // nor one that nobody has read
	}
	at := n.j.Version()
	if n.markedAt.Load() == at && n.marked.Load() >= 0 {
		return nil // an idle service asks nothing
	}
	last, err := n.j.LastEvent(ctx)
	if err != nil {
		return err
	}
	if last == n.marked.Load() {
		n.markedAt.Store(at)
		return nil
	}
	b, err := json.Marshal(marker{Journal: n.j.ID, Host: n.Host, StateDir: n.StateDir, Event: last})
	if err != nil {
		return err
	}
	path, err := n.markerPath(n.flow)
	if err != nil {
		return err
	}
	box, ok := n.flow.Inbox.(transports.Replacer)
	if !ok {
		return nil
	}
	mode := n.flow.FileMode
	if far(n.flow.Inbox) { // it is the returns' mode: a marker's rights are the server's affair
		mode = 0
	}
	err = box.Replace(ctx, path, bytes.NewReader(b), mode)
	switch {
	case errors.Is(err, transports.ErrFolder):
		return nil
	case errors.Is(err, transports.ErrRefused) && far(n.flow.Inbox):
		if n.once("marker") {
			n.log.Warn().Str("event", "marker").Err(err).Msg("the server takes no marker: this flow will not notice that the journal was lost")
		}
	case err != nil:
		return fmt.Errorf("marker of flow %s: %w", n.flow.Name, err)
	}
	n.marked.Store(last)
	n.markedAt.Store(at)
	return nil
}

// mark writes every marker, at the end.
func (e *engine) mark(ctx context.Context) error {
	list := e.marking()
	errs := make([]error, len(list))
	var all sync.WaitGroup
	for i, n := range list {
		all.Go(func() { errs[i] = n.mark(ctx) })
	}
	all.Wait()
	return errors.Join(errs...)
}

// markEvery is how long a marker may be behind the journal.
const markEvery = 5 * time.Second

// markLoop keeps one folder's marker true until ctx ends.
func (n *intake) markLoop(ctx context.Context) error {
	key := "mark:" + n.flow.Name
	for ctx.Err() == nil {
		if err := n.mark(ctx); err != nil && ctx.Err() == nil {
			n.alarms.report(n.log, key, err)
		} else if err == nil {
			n.alarms.clear(n.log, key)
		}
		n.sleep(ctx, key, onGrid(markEvery))
	}
	return nil
}

// readLoop asks again for the markers that could not be read, until ctx ends.
func (e *engine) readLoop(ctx context.Context) error {
	for ctx.Err() == nil {
		e.sleep(ctx, "marker", onGrid(markEvery))
		if e.unread.Load() {
			if err := e.takeOver(ctx, false); err != nil && ctx.Err() == nil {
				return err
			}
			e.stir()
		}
		if !e.unread.Load() {
			e.alarms.clear(e.log, "marker")
		}
	}
	return nil
}

// recover ends the standstill: from now on everything is looked up before it is sent.
func (e *engine) recover(tx *journal.Tx) (string, error) {
	why, err := tx.Meta(metaRecover)
	if err != nil {
		return "", err
	}
	if why == "" && !e.unread.Load() && !e.unsighted() {
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
