package connector

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path"

	"github.com/navette-connect/navette/connector/journal"
	"github.com/navette-connect/navette/transports"
)

// archive moves the source out of the drop folder at once: that is the accountant's receipt. It is also how a refused
// file goes on to `rejected`.
func (n *intake) archive(ctx context.Context, f journal.File, dir string) (journal.File, error) {
	box := n.flow.Inbox
	if f.Place == "" || n.leased(&f) || f.Place != f.Claim && f.Place == box.Join(dir, path.Base(f.Place)) {
		return f, nil
	}
	name := n.archiveName(&f, label(f.Name))
	key := "archive:" + n.flow.Name + ":" + path.Base(dir)
	for i := 1; ; i++ {
		to := box.Join(dir, numbered(name, i))
		if err := n.fault("archive.rename"); err != nil {
			return f, err
		}
		err := box.Move(ctx, f.Place, to)
		switch {
		case err == nil:
		case errors.Is(err, transports.ErrExists) && i < 1000:
			continue
		case errors.Is(err, transports.ErrGone): // moved by an earlier try, whose note was lost
			if s, found := box.Stat(ctx, to); found != nil || s.Size != f.Size {
				if f.SHA256 == "" {
					return f, fmt.Errorf("archive: neither %q nor its archive name is there: %w", path.Base(f.Place), err)
				}
				n.log.Error().Str("event", "file.lost").Int64("file", f.ID).Err(err).Msg("somebody took the source away; its bytes are kept, so it goes on")
				to = ""
			}
		default:
			// It stays claimed: its bytes are kept, so the rest goes on. A folder that is gone is made again, if it may be.
			if errors.Is(err, transports.ErrFolder) {
				n.swept = false
			}
			if !n.alarms.stands(key) { // another file that waits for the same folder is no news
				n.alarms.report(n.log, key, alarm("NV-3007", dir, f.Name, err))
			}
			return f, nil
		}
		n.alarms.clear(n.log, key)
		f.Place = to
		return f, n.set(ctx, &f, f.State, "place", []byte(to))
	}
}

// unmark moves the markers of a taken file away with it; they are in the journal, since a marker left behind would make
// the next file of that name ready at once.
func (n *intake) unmark(ctx context.Context, f *journal.File) error {
	if f.Markers == "" || n.leased(f) { // where nothing may be renamed markers stay, too
		return nil
	}
	var names []string
	if err := json.Unmarshal([]byte(f.Markers), &names); err != nil {
		return fmt.Errorf("markers: %w", err)
	}
	for _, m := range names {
		to := n.flow.Inbox.Join(n.flow.Done, n.archiveName(f, m))
		err := n.flow.Inbox.Move(ctx, n.flow.Inbox.Join(n.flow.In, m), to)
		if err != nil && !errors.Is(err, transports.ErrGone) && !errors.Is(err, transports.ErrExists) {
			n.alarms.report(n.log, "marker:"+n.flow.Name, fmt.Errorf("marker %q: %w", m, err))
			return nil // tried again with the next step
		}
	}
	f.Markers = ""
	n.alarms.clear(n.log, "marker:"+n.flow.Name)
	return n.set(ctx, f, f.State, "markers", "")
}
