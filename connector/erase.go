package connector

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/navette-connect/navette/connector/journal"
	"github.com/navette-connect/navette/mappings"
)

// Erasing has two halves. In one transaction personal data is blanked and the bytes that hold it are noted as leaving.
// Then they leave the spool, and what the database's own files still hold of them is overwritten: tidy does that, again
// and again until it is done, also after a crash. Bytes that come again meanwhile stay (Spool.Remove).

// strip is what an erasure leaves of kept bytes.
func strip() journal.Strip {
	return journal.Strip{Fields: mappings.Impersonal, Layout: func(b []byte) []byte {
		var lay layout
		if len(b) == 0 || json.Unmarshal(b, &lay) != nil {
			return nil
		}
		lay.Head = lay.Head.Impersonal()
		kept, err := json.Marshal(lay)
		if err != nil {
			return nil
		}
		return kept
	}}
}

// placesSaid bounds how many places an answer to a person names.
const placesSaid = 200

// ItemMark separates the parts of an answer that is a list.
const ItemMark = " ¶ "

// erase blanks the rows that a command names by number: what the person is called stands nowhere in it.
func (e *engine) erase(tx *journal.Tx, c journal.Command) (string, error) {
	var rows []int64
	for s := range strings.SplitSeq(c.Argument, ",") {
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil || n <= 0 {
			return "", e.wrong("ui.decide.id", "id", s)
		}
		rows = append(rows, n)
	}
	done, err := tx.Erase(rows, strip())
	var used *journal.InUseError
	switch {
	case errors.As(err, &used):
		return "", e.wrong("ui.erase.used", "id", used.ID, "state", e.standing(used))
	case errors.Is(err, journal.ErrMissing):
		return "", e.wrong("ui.decide.missing", "id", c.Subject)
	case err != nil:
		return "", err
	}
	said := []string{e.told("ui.erase.done", "rows", strconv.FormatInt(done.Rows, 10), "files", strconv.Itoa(len(done.Files)), "objects", strconv.Itoa(done.Digests))}
	return strings.Join(append(said, e.places(&done)...), ItemMark), nil
}

// standing says where something stands that an erasure would need to be over.
func (e *engine) standing(used *journal.InUseError) string {
	switch used.ID[0] {
	case 'f':
		return e.fileWord(used.State)
	case 'd':
		return e.worded("ui.returnstate.", used.State)
	}
	return e.stateWord(used.State)
}

// places lists where files that were exchanged may still lie: navette gave them away, a person cleans them.
func (e *engine) places(done *journal.Erasure) (list []string) {
	add := func(place string) {
		if len(list) < placesSaid {
			list = append(list, place)
		} else if len(list) == placesSaid {
			list = append(list, "…")
		}
	}
	for i := range done.Files {
		if place := done.Files[i].Place; place != "" {
			add(place)
		}
	}
	for i := range done.Returns {
		if d := &done.Returns[i]; d.State == "published" {
			add(path.Join(d.Folder, d.Name))
		}
	}
	return list
}

// sweepAtOnce is how many kept bytes leave between two notes in the journal.
const sweepAtOnce = 100

// sweep lets bytes leave the spool that were erased, and then overwrites what the database's files hold of them. more:
// something is left to do, at once or, with an error, later.
func (e *engine) sweep(ctx context.Context) (more bool, err error) {
	list, err := e.j.Pending(ctx, sweepAtOnce)
	if err != nil {
		return true, err
	}
	var gone []string
	busy := 0
	for _, digest := range list {
		leaving := func() (bool, error) { return e.j.Leaving(ctx, digest) }
		switch removed, err := e.spool.Remove(digest, leaving); {
		case err != nil:
			return true, err
		case removed:
			gone = append(gone, digest)
		default:
			busy++
		}
	}
	if len(gone) > 0 {
		if err := e.spool.Sync(); err != nil {
			return true, err
		}
		if err := e.fault("erased"); err != nil {
			return true, err
		}
		if err := e.j.Do(ctx, func(tx *journal.Tx) error { return tx.Gone(gone) }); err != nil {
			return true, err
		}
		e.log.Info().Str("event", "bytes.erased").Int("objects", len(gone)).Msg("kept bytes have left the spool")
	}
	switch {
	case len(list) == sweepAtOnce && len(gone) > 0:
		return true, nil
	case busy > 0:
		return true, fmt.Errorf("%d files of the spool are being written again: %w", busy, errLater)
	}
	if due, err := e.j.Unscrubbed(ctx); err != nil || !due {
		return false, err
	}
	if !e.combed {
		if err := e.unnamed(ctx); err != nil {
			return true, err
		}
		e.combed = true
	}
	if err := e.j.Scrubbed(ctx); err != nil {
		return true, err
	}
	e.combed = false
	return false, nil
}

// unnamed removes bytes that no journal names (a write cut short by a crash) along with an erasure: they may be the same
// person's. Where another journal stood before, they may be its own, and stay.
func (e *engine) unnamed(ctx context.Context) error {
	if settled, err := e.j.Meta(ctx, metaSettled); err != nil || settled != "" || e.recovering.Load() {
		return err
	}
	if older, err := filepath.Glob(filepath.Join(e.StateDir, "journal.db.before-*")); err != nil || len(older) > 0 {
		return err
	}
	list, err := e.spool.objects()
	if err != nil {
		return err
	}
	for _, digest := range list {
		_, err := e.spool.Remove(digest, func() (bool, error) {
			named, err := e.j.Named(ctx, digest)
			return !named, err
		})
		if err != nil {
			return err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	return e.spool.Sync()
}

// objects lists the digests of what is kept.
func (s *Spool) objects() (list []string, err error) {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return nil, fmt.Errorf("spool: %w", err)
	}
	for _, e := range entries {
		if objectName(e.Name()) {
			list = append(list, e.Name())
		}
	}
	return list, nil
}

// tidying is the time that care of the journal takes between two looks at people's decisions.
const tidying = 200 * time.Millisecond

// tidyAgain is how long a tidying that could not go on waits.
const tidyAgain = 5 * time.Second

// tidy goes on with an erasure or a purge for a while. It tells when to go on: 0 when nothing is left to do. It is called
// by one goroutine at a time.
func (e *engine) tidy(ctx context.Context) time.Duration {
	began := time.Now()
	for e.untidy && ctx.Err() == nil {
		more, err := e.purgeOn(ctx)
		if err == nil && !more {
			more, err = e.sweep(ctx)
		}
		switch {
		case errors.Is(err, errLater), errors.Is(err, journal.ErrBusy):
			return tidyAgain
		case err != nil:
			if ctx.Err() == nil {
				e.alarms.report(e.log, "care", err)
			}
			return tidyAgain
		case more && time.Since(began) > tidying:
			return time.Millisecond
		case !more:
			e.untidy = false
			e.alarms.clear(e.log, "care")
		}
	}
	return 0
}
