package connector

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/navette-connect/navette/connector/journal"
	"github.com/navette-connect/navette/connector/message"
	"github.com/navette-connect/navette/transports"
)

// inFlight tells how many files of a place may be under way at once.
func inFlight(box transports.Box) int {
	if p, ok := box.(transports.Parallel); ok {
		return max(p.InFlight(), 1)
	}
	return 1
}

// claiming tells how files are taken from the inbox.
func (n *intake) claiming() transports.Claim {
	if c, ok := n.flow.Inbox.(transports.Claimer); ok {
		return c.Claiming()
	}
	return transports.ClaimRename
}

// takeGroup takes complete files; more is false when those behind them must wait.
func (n *intake) takeGroup(ctx context.Context, ready []transports.Ready) (more bool, err error) {
	files, err := n.intend(ctx, ready)
	if err != nil {
		return false, fmt.Errorf("%q: %w", ready[0].File.Name, err)
	}
	var errs []error
	brought := n.bring(ctx, files)
	for i, f := range files {
		err := brought[i]
		if err == nil {
			err = n.advance(ctx, f)
		}
		if ctx.Err() != nil || errors.Is(err, errLater) {
			return false, errors.Join(errs...)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%q: %w", f.Name, err))
		}
		if holdsBack(err) {
			return false, errors.Join(errs...)
		}
	}
	return true, errors.Join(errs...)
}

// intend journals the intent to claim complete files: to rename each to a unique name, or to take it where it lies.
func (n *intake) intend(ctx context.Context, ready []transports.Ready) ([]journal.File, error) {
	box := n.flow.Inbox
	inPlace := n.claiming() != transports.ClaimRename
	var files []journal.File
	err := n.j.Do(ctx, func(tx *journal.Tx) error {
		files = files[:0]
		for _, r := range ready {
			markers := ""
			if len(r.Markers) > 0 {
				b, err := json.Marshal(r.Markers)
				if err != nil {
					return err
				}
				markers = string(b)
			}
			place := box.Join(n.flow.In, r.File.Name)
			f, err := tx.NewFile(journal.File{Markers: markers, Flow: n.flow.Name, Account: n.flow.Account, Name: r.File.Name, Place: place, Size: r.File.Size, ModTime: r.File.ModTime.UnixNano(), DroppedBy: r.File.Owner},
				func(id int64) string {
					if inPlace {
						return place
					}
					return box.Join(n.flow.In, n.claimName(id, r.File.Name))
				})
			if err != nil {
				return err
			}
			files = append(files, f)
		}
		return nil
	})
	if err == nil {
		for _, r := range ready {
			n.settler.Forget(r.File.Name)
		}
	}
	return files, err
}

// bring advances files until their bytes are kept and their sources archived, several at once where the place serves
// them faster so. It judges none: that is done afterwards, in order, so that a file whose bytes did not come holds back
// those behind it as ever. errs[i] belongs to files[i].
func (n *intake) bring(ctx context.Context, files []journal.File) (errs []error) {
	errs = make([]error, len(files))
	width := inFlight(n.flow.Inbox)
	if width == 1 || len(files) < 2 {
		return errs
	}
	var all sync.WaitGroup
	places := make(chan struct{}, width)
	for i := range files {
		places <- struct{}{}
		all.Go(func() {
			defer func() { <-places }()
			files[i], errs[i] = n.bringOne(ctx, files[i])
		})
	}
	all.Wait()
	return errs
}

func (n *intake) bringOne(ctx context.Context, f journal.File) (_ journal.File, err error) {
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
			return f, err
		default:
			return f, nil
		}
		if err == nil && f.State == was {
			return f, nil
		}
	}
	return f, err
}

// leased tells whether a file is taken where it lies: renaming is forbidden there.
func (n *intake) leased(f *journal.File) bool {
	return f.Claim == f.Place && f.Claim == n.flow.Inbox.Join(n.flow.In, f.Name)
}

// lease takes a file where it lies. From here on the journal remembers it by name, size and time.
func (n *intake) lease(ctx context.Context, f journal.File) (journal.File, error) {
	if err := n.set(ctx, &f, journal.FileClaiming, "claim", []byte(f.Place)); err != nil {
		return f, err
	}
	f.Claim = f.Place
	return n.claimLeased(ctx, f)
}

// claimLeased is claim where renaming is forbidden.
func (n *intake) claimLeased(ctx context.Context, f journal.File) (journal.File, error) {
	now, err := n.flow.Inbox.Stat(ctx, f.Place)
	if errors.Is(err, transports.ErrGone) {
		n.log.Info().Str("event", "file.gone").Int64("file", f.ID).Msg("the file went away before it could be taken")
		return f, n.set(ctx, &f, journal.FileGone)
	}
	if err != nil {
		return f, err
	}
	if n.once("lease") {
		n.log.Warn().Str("event", "file.lease").Str("code", "NV-3013").Msg(n.say(message.New("NV-3013.left", "folder", n.flow.In)))
	}
	changed := now.Size != f.Size || now.ModTime.UnixNano() != f.ModTime
	err = n.set(ctx, &f, journal.FileClaimed, "size", now.Size, "mtime", now.ModTime.UnixNano())
	f.Size, f.ModTime = now.Size, now.ModTime.UnixNano()
	n.remember(f)
	if err == nil && changed {
		err = n.wait(&f)
	}
	return f, err
}

// shape is by what a file that stays in place is known again.
type shape struct{ size, modTime int64 }

func (n *intake) remember(f journal.File) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.taken != nil {
		n.taken[f.Name] = shape{f.Size, f.ModTime}
	}
}

// unseen leaves out of a listing the files that were taken where they lie. One that vanished is forgotten: the next of
// its name is another.
func (n *intake) unseen(ctx context.Context, files []transports.File) ([]transports.File, error) {
	if _, ok := n.flow.Inbox.(transports.Claimer); !ok {
		return files, nil
	}
	n.mu.Lock()
	loaded := n.taken != nil
	n.mu.Unlock()
	if !loaded {
		list, err := n.j.InPlace(ctx, n.flow.Name)
		if err != nil {
			return nil, err
		}
		n.mu.Lock()
		n.taken = map[string]shape{}
		n.mu.Unlock()
		for _, f := range list {
			if n.leased(&f) {
				n.remember(f)
			}
		}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.taken) == 0 {
		return files, nil
	}
	still := make(map[string]shape, len(n.taken))
	left := files[:0]
	for _, f := range files {
		s, ok := n.taken[f.Name]
		if !ok || s != (shape{f.Size, f.ModTime.UnixNano()}) {
			left = append(left, f)
			continue
		}
		still[f.Name] = s
	}
	n.taken = still
	return left, nil
}

// once tells the first time that it is asked for a key.
func (n *intake) once(key string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.told == nil {
		n.told = map[string]bool{}
	}
	first := !n.told[key]
	n.told[key] = true
	return first
}

// readOnce keeps a file that the server gives only once: its bytes are durable before the reader is closed, which may
// be what makes it go. Fewer bytes than were told are kept and held, never asked for again.
func (n *intake) readOnce(ctx context.Context, f journal.File) (journal.File, error) {
	if f.SHA256 != "" && strings.Contains(f.Released, "NV-3014") { // a person let the short one through
		return f, n.set(ctx, &f, journal.FileSpooled)
	}
	key := fmt.Sprintf("%.8s-%d", n.j.ID, f.ID)
	digest, size, err := n.takeOnce(ctx, f, key)
	defer n.spool.Release(digest)
	if err != nil {
		return f, err
	}
	if digest == "" {
		n.log.Error().Str("event", "file.lost").Int64("file", f.ID).Msg("a claimed file is no longer in the folder")
		return f, n.set(ctx, &f, journal.FileGone)
	}
	f.SHA256 = digest
	if size < f.Size {
		text := n.say(message.New("NV-3014.short", "got", fmt.Sprint(size), "want", fmt.Sprint(f.Size)))
		f.Size = size
		if err := n.set(ctx, &f, journal.FileClaimed, "sha256", digest, "size", size); err != nil {
			return f, err
		}
		return f, errors.Join(n.hold(ctx, &f, "NV-3014", text, 0), n.spool.Forget(key))
	}
	f.Size = size
	return f, errors.Join(n.set(ctx, &f, journal.FileSpooled, "sha256", digest, "size", size), n.spool.Forget(key))
}

// takeOnce reads the file, or takes over what an earlier try kept of it if it is gone since. No digest: neither is there.
func (n *intake) takeOnce(ctx context.Context, f journal.File, key string) (digest string, size int64, err error) {
	r, err := n.flow.Inbox.Open(ctx, f.Claim)
	if errors.Is(err, transports.ErrGone) {
		return n.spool.Adopt(key)
	}
	if err != nil {
		return "", 0, err
	}
	digest, size, err = n.spool.Keep(ctx, key, r, func() error { return n.fault("once.kept") })
	return digest, size, errors.Join(err, r.Close())
}

// oldestOf is since when the oldest file of a folder waits, microseconds since 1970; 0 for none.
func oldestOf(look *transports.Look) (us int64) {
	note := func(at time.Time) {
		if t := at.UnixMicro(); us == 0 || t < us {
			us = t
		}
	}
	for i := range look.Ready {
		note(look.Ready[i].Since)
	}
	for i := range look.Waiting {
		note(look.Waiting[i].Since)
	}
	return us
}

// sizeOf adds up the bytes of files.
func sizeOf(group []transports.Ready) (bytes int64) {
	for i := range group {
		bytes += group[i].File.Size
	}
	return bytes
}
