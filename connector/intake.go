package connector

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/navette-connect/navette/connector/journal"
	"github.com/navette-connect/navette/connector/message"
	"github.com/navette-connect/navette/transports"
)

// intake takes the files of one flow. It is used by one goroutine, which lets others bring the bytes of several files.
type intake struct {
	*engine
	flow        *Flow
	log         zerolog.Logger
	settler     transports.Settler
	approvals   transports.Settler // of the decisions folder
	decidedFile transports.File    // the last file of decisions that was answered
	device      string             // where the inbox stands; it must not change under us
	folder      string
	moved       atomic.Bool // a person says that it stands elsewhere now
	alarms      *once
	swept       bool
	// again is when a file may have settled, due when a held one is overdue, from now; 0 = never. `once` waits for the first alone.
	again    time.Duration
	due      time.Duration
	settling int
	open     map[string]bool // files told to be open in an office program
	down     bool            // the folder could not be listed in this pass
	idleAt   int64           // version of the journal in which no file of the flow was alive, and the flow not paused; 0 = none
	watched  atomic.Bool     // each change of the folder wakes us
	oldest   atomic.Int64    // since when the oldest file lies in the folder, microseconds since 1970; 0 = none
	marked   atomic.Int64    // newest event that the folder's marker tells of
	markedAt atomic.Int64    // version of the journal at which it was the newest
	sight    sight           // of its marker on a server; the engine's mu guards it

	mu    sync.Mutex       // of again, settling and the maps below while bytes are brought
	taken map[string]shape // files that were taken where they lie; nil: not asked yet
	told  map[string]bool  // what was said once
}

// pass looks once: what an earlier pass left half done is finished first, then the folder is listed.
func (n *intake) pass(ctx context.Context) error {
	n.again, n.due, n.settling, n.down = 0, 0, 0, false
	if n.moved.Swap(false) { // a person says so: where the folder stands now is where it stands
		n.device, n.folder = "", ""
	}
	if err := n.mounted(ctx, n.flow.Name, n.flow.Inbox, n.flowFolders()...); err != nil { // before a folder is made beneath a share
		n.down = true
		return err
	}
	if err := n.vouch(ctx); err != nil {
		n.down = true
		return err
	}
	var errs []error
	if err := n.prepare(ctx); err != nil {
		errs = append(errs, err)
	}
	if err := n.decisions(ctx); err != nil {
		errs = append(errs, err)
	}
	at := n.j.Version()
	var live []journal.File
	if at != n.idleAt {
		var err error
		if live, err = n.j.LiveFiles(ctx, n.flow.Name); err != nil {
			return err
		}
	}
	var bound []string // names of files that may not be renamed: they are taken already, as far as it goes
	brought := n.bring(ctx, live)
	for i, f := range live {
		err := brought[i]
		if err == nil {
			err = n.advance(ctx, f)
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if holdsBack(err) { // later files wait: a refund must not overtake its capture
			if errors.Is(err, errLater) {
				err = nil
			}
			return errors.Join(append(errs, err)...)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%q: %w", f.Name, err))
		}
		if f.State == journal.FileClaiming && errors.Is(err, transports.ErrRefused) {
			bound = append(bound, path.Base(f.Place))
		}
	}
	if at != n.idleAt {
		paused, err := n.paused(ctx)
		if err != nil || paused {
			return errors.Join(append(errs, err)...)
		}
		if len(live) == 0 {
			n.idleAt = at
		}
	}
	ready, err := n.look(ctx, bound)
	if err != nil {
		errs = append(errs, err)
	}
	width := 4 * inFlight(n.flow.Inbox)
	if width == 4 {
		width = 1
	}
	for group := range slices.Chunk(ready, width) {
		if err := n.room(sizeOf(group)); err != nil { // what is in flight must still be recorded
			return errors.Join(append(errs, err)...)
		}
		more, err := n.takeGroup(ctx, group)
		errs = append(errs, err)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if !more {
			break
		}
	}
	return errors.Join(errs...)
}

// holdsBack tells whether a file that could not be advanced keeps the files behind it waiting: it will go on by itself.
// One that a person must mend (rights) keeps nobody waiting.
func holdsBack(err error) bool { return err != nil && !errors.Is(err, transports.ErrRefused) }

func (n *intake) paused(ctx context.Context) (bool, error) {
	f, err := n.j.Flow(ctx, n.flow.Name)
	return f.Paused != "", err
}

// prepare makes the folders that may be made, once, and clears our own temporary names.
func (n *intake) prepare(ctx context.Context) error {
	if n.swept {
		return nil
	}
	var errs []error
	for _, dir := range []string{n.flow.In, n.flow.Done, n.flow.Rejected, n.flow.Decisions} {
		if dir == "" || dir == n.flow.In && n.device != "" { // a drop folder that was there does not become an empty one
			continue
		}
		errs = append(errs, n.makeDir(ctx, n.flow.Inbox, dir))
	}
	errs = append(errs, n.makeDir(ctx, n.flow.Outbox, n.flow.Out))
	for dir, box := range map[string]transports.Box{n.flow.In: n.flow.Inbox, n.flow.Done: n.flow.Inbox, n.flow.Rejected: n.flow.Inbox, n.flow.Out: n.flow.Outbox} {
		if s, ok := box.(transports.Sweeper); ok {
			if err := s.Sweep(ctx, dir); err != nil && !errors.Is(err, transports.ErrFolder) {
				errs = append(errs, err)
			}
		}
	}
	err := errors.Join(errs...)
	n.swept = err == nil
	return err
}

// makeDir makes a folder if it is missing. A server that forbids it is no trouble: whoever uses the folder finds out
// whether it is there.
func (n *intake) makeDir(ctx context.Context, box transports.Box, dir string) error {
	err := box.MakeDir(ctx, dir)
	_, remote := box.(transports.Claimer)
	switch {
	case err == nil || remote && errors.Is(err, transports.ErrRefused):
		return nil
	case codeOf(err, "") != "":
		return err
	}
	return alarm("NV-3001", dir, "", err)
}

// look lists the folder and tells which files are complete; with them may come an error that speaks of others. A vanished or unmounted folder is an error, never "no file".
func (n *intake) look(ctx context.Context, bound []string) ([]transports.Ready, error) {
	box := n.flow.Inbox
	if p, ok := box.(transports.Placer); ok {
		device, folder, err := p.Place(ctx, n.flow.In)
		if err != nil {
			n.down, n.swept = true, false
			return nil, alarm("NV-3001", n.flow.In, "", err)
		}
		switch {
		case n.device != "" && device != n.device:
			n.down = true
			return nil, alarm("NV-3002", n.flow.In, "", nil)
		case n.folder != "" && folder != n.folder:
			n.log.Warn().Str("event", "folder.renewed").Str("folder", n.flow.In).Msg("the folder was made anew; watched again")
		}
		n.device, n.folder = device, folder
	}
	files, err := box.List(ctx, n.flow.In)
	if err != nil {
		n.down = true
		if codeOf(err, "") != "" { // the server says it better
			return nil, err
		}
		return nil, alarm("NV-3001", n.flow.In, "", err)
	}
	if files, err = n.unseen(ctx, files); err != nil {
		return nil, err
	}
	files = slices.DeleteFunc(files, func(f transports.File) bool { return slices.Contains(bound, f.Name) })
	rules := transports.Rules{Match: n.flow.Match, MatchCase: n.flow.MatchCase, Quiet: n.quiet(ctx), Marker: n.flow.Marker, ByName: n.flow.Order == "name"}
	look := n.settler.Observe(time.Now(), files, rules) // real time: settling is measured by our own monotonic clock
	n.oldest.Store(oldestOf(&look))
	n.tellOpen(&look)
	n.settling += look.Settling
	if look.Settling > 0 {
		n.again = max(n.again, look.Again, 2*time.Millisecond)
	}
	ready := look.Ready[:0]
	var errs []error
	for _, r := range look.Ready {
		if l, ok := box.(transports.Leaser); ok && n.flow.Marker == "" {
			path := box.Join(n.flow.In, r.File.Name)
			busy, known, err := l.Busy(ctx, path)
			if errors.Is(err, transports.ErrRefused) { // its rights must be mended; the others do not wait for it
				errs = append(errs, &Trouble{Code: "NV-3003", Text: message.New("NV-3003.read", "path", path), Err: err})
				continue
			}
			if err != nil && !errors.Is(err, transports.ErrGone) {
				return nil, err
			}
			if known && busy {
				n.settling++
				n.again = max(n.again, 50*time.Millisecond)
				continue
			}
		}
		ready = append(ready, r)
	}
	return ready, errors.Join(errs...)
}

// advance brings a file as far as it can go now. Each case leaves the journal and the folder so that the case can run
// again after a crash at any point of it.
func (n *intake) advance(ctx context.Context, f journal.File) (err error) {
	for err == nil {
		was := f.State
		switch f.State {
		case journal.FileClaiming:
			f, err = n.claim(ctx, f)
		case journal.FileClaimed:
			f, err = n.spoolFile(ctx, f)
		case journal.FileSpooled:
			if f, err = n.archive(ctx, f, n.flow.Done); err == nil {
				err = n.unmark(ctx, &f)
			}
			if err == nil {
				f, err = n.judge(ctx, f)
			}
		case journal.FileHeld:
			return n.overdue(ctx, f)
		case journal.FileAccepted: // only if it could not be archived or unmarked before
			if f, err = n.archive(ctx, f, n.flow.Done); err != nil {
				return err
			}
			return n.unmark(ctx, &f)
		default:
			return nil
		}
		if err == nil && f.State == was {
			return nil
		}
	}
	return err
}

// errLater ends a step without an error: time must pass first.
var errLater = errors.New("later")

// claim renames the file to its claim name; whichever of the two names stands tells how far an earlier try came.
func (n *intake) claim(ctx context.Context, f journal.File) (journal.File, error) {
	if n.leased(&f) {
		return n.claimLeased(ctx, f)
	}
	box := n.flow.Inbox
	now, err := box.Stat(ctx, f.Claim)
	if errors.Is(err, transports.ErrGone) {
		if err := n.fault("claim.rename"); err != nil {
			return f, err
		}
		moved := box.Move(ctx, f.Place, f.Claim)
		if now, err = box.Stat(ctx, f.Claim); errors.Is(err, transports.ErrGone) && moved != nil {
			if errors.Is(moved, transports.ErrRetry) {
				n.settle(200 * time.Millisecond)
			}
			_, remote := box.(transports.Claimer)
			switch _, err := box.Stat(ctx, f.Place); {
			case err == nil && remote && errors.Is(moved, transports.ErrRefused): // taken under a lease
				return n.lease(ctx, f)
			case err == nil && errors.Is(moved, transports.ErrRefused): // the intent stays: a person must give the rights, and is told until then
				return f, &Trouble{Code: "NV-3003", Text: message.New("NV-3003.rename", "path", f.Place), Err: moved}
			case err == nil && !errors.Is(moved, transports.ErrGone): // still there: forget the intent, the file will be found again
				return f, errors.Join(n.set(ctx, &f, journal.FileGone), moved)
			case !errors.Is(err, transports.ErrGone): // not known: the intent stays, and is looked at again
				return f, errors.Join(err, moved)
			}
			n.log.Info().Str("event", "file.gone").Int64("file", f.ID).Msg("the file went away before it could be taken")
			return f, n.set(ctx, &f, journal.FileGone)
		}
	}
	if err != nil {
		return f, err
	}
	if err := n.fault("claim.renamed"); err != nil {
		return f, err
	}
	changed := now.Size != f.Size || now.ModTime.UnixNano() != f.ModTime
	err = n.set(ctx, &f, journal.FileClaimed, "place", []byte(f.Claim), "size", now.Size, "mtime", now.ModTime.UnixNano())
	f.Place, f.Size, f.ModTime = f.Claim, now.Size, now.ModTime.UnixNano()
	if err == nil && changed { // a writer still held it: settle again under the claimed name
		n.log.Warn().Str("event", "file.changed").Int64("file", f.ID).Str("code", "NV-3005").Msg("the file changed while it was claimed; waiting until it is quiet")
		err = n.wait(&f)
	}
	return f, err
}

// wait asks for another pass when a claimed file has had time to become quiet.
func (n *intake) wait(f *journal.File) error {
	n.settle(max(n.flow.Quiet, 50*time.Millisecond))
	return errLater
}

// settle asks for another pass in d, for which `once` waits.
func (n *intake) settle(d time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.settling++
	n.again = max(n.again, d)
}

// spoolFile copies the claimed file into the spool, durably, and only if it did not change meanwhile.
func (n *intake) spoolFile(ctx context.Context, f journal.File) (journal.File, error) {
	box := n.flow.Inbox
	if limit := n.flow.Limits.Bytes; limit > 0 && f.Size > limit && !strings.Contains(f.Released, "NV-1504.bytes") {
		text := message.New("NV-1504.bytes", "size", fmt.Sprint(f.Size), "limit", fmt.Sprint(limit))
		return f, n.hold(ctx, &f, "NV-1504", n.say(text), 0)
	}
	if n.claiming() == transports.ClaimReadOnce && n.leased(&f) {
		return n.readOnce(ctx, f)
	}
	before, err := box.Stat(ctx, f.Claim)
	if errors.Is(err, transports.ErrGone) {
		n.log.Error().Str("event", "file.lost").Int64("file", f.ID).Msg("a claimed file is no longer in the folder")
		return f, n.set(ctx, &f, journal.FileGone)
	}
	if err != nil {
		return f, err
	}
	r, err := box.Open(ctx, f.Claim)
	if err != nil {
		return f, err
	}
	limit := n.flow.Limits.Bytes
	if strings.Contains(f.Released, "NV-1504.bytes") {
		limit = 0 // a person let it through
	}
	digest, size, err := n.spool.Take(ctx, moving{r, func() { n.pulses.beat("intake:" + n.flow.Name) }}, limit)
	defer n.spool.Release(digest)
	if c := r.Close(); err == nil {
		err = c
	}
	if errors.Is(err, ErrTooLarge) { // it grew past the limit meanwhile
		err = nil
		digest = ""
	}
	if err != nil && !errors.Is(err, transports.ErrRetry) {
		return f, err
	}
	failed := err
	after, err := box.Stat(ctx, f.Claim)
	if err != nil || failed != nil && after.Same(before) { // unchanged: the place failed, not the file
		return f, errors.Join(failed, err)
	}
	if digest == "" || !after.Same(before) || size != after.Size || after.Size != f.Size || after.ModTime.UnixNano() != f.ModTime {
		f.Size, f.ModTime = after.Size, after.ModTime.UnixNano()
		if err := n.set(ctx, &f, journal.FileClaimed, "size", f.Size, "mtime", f.ModTime); err != nil {
			return f, err
		}
		if n.leased(&f) {
			n.remember(f)
		}
		return f, n.wait(&f)
	}
	f.SHA256 = digest
	err = n.set(ctx, &f, journal.FileSpooled, "sha256", digest)
	return f, err
}

// hold keeps a file back without an answer of its rows: too large to be read, or incomplete.
func (n *intake) hold(ctx context.Context, f *journal.File, code, text string, deadline int64) error {
	f.State, f.Code, f.Message, f.Deadline = journal.FileHeld, code, text, deadline
	n.log.Warn().Str("event", "file.held").Int64("file", f.ID).Str("code", code).Msg(text)
	return n.j.Do(ctx, func(tx *journal.Tx) error {
		return tx.SetFile(f.ID, []string{journal.FileClaimed, journal.FileSpooled, journal.FileHeld}, "state", journal.FileHeld, "code", code, "message", text, "deadline", deadline)
	})
}

// overdue answers an incomplete file as refused once its patience is over.
func (n *intake) overdue(ctx context.Context, f journal.File) error {
	if f.Judged || f.Deadline == 0 {
		return nil
	}
	if left := journal.Time(f.Deadline).Sub(n.now()); left > 0 {
		n.later(left)
		return nil
	}
	return n.refuse(ctx, &f, f.Code, f.Message)
}

// later asks for another pass without making `once` wait for it.
func (n *intake) later(d time.Duration) { n.soon(d) }

// set moves a file on from the state it is in, with columns to change.
func (n *intake) set(ctx context.Context, f *journal.File, state string, columns ...any) error {
	from := f.State
	err := n.j.Do(ctx, func(tx *journal.Tx) error {
		return tx.SetFile(f.ID, []string{from}, append([]any{"state", state}, columns...)...)
	})
	if err == nil {
		f.State = state
	}
	return err
}

func (n *intake) say(t message.Text) string { return t.In(n.flow.Mapping.Locale) }
