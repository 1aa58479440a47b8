//go:build unix

package local

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/navette-connect/navette/transports"
)

// watchCheck is how often a watch makes sure that its folder is still the one at the path: a mount over it, or the
// renaming of one above it, sends no event.
const watchCheck = 10 * time.Second

// nextCheck is the time until the next check. All watches check at the same moments, so that an idle process wakes once.
func nextCheck() time.Duration {
	return watchCheck - time.Duration(time.Now().UnixNano()%int64(watchCheck))
}

// Watch implements transports.Watcher. wake is called once as soon as the watch stands, so that a List made then misses
// nothing, and after each change; it must not block. Watch returns ctx's error when that ends, ErrFolder when the
// folder at dir is no longer the one that is watched, ErrRetry when the system allows no more watches. Network mounts
// may send no events: poll them.
func (b *Box) Watch(ctx context.Context, dir string, wake func()) error {
	return wrap("watch", dir, watch(ctx, dir, wake))
}

func watch(ctx context.Context, dir string, wake func()) error {
	dir = filepath.Clean(dir) // as events spell it
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return before(err)
	}
	defer w.Close()
	device, folder, err := place(dir)
	if err != nil {
		return err
	}
	if err := w.Add(dir); err != nil {
		return folderError(err)
	}
	same := func() error { // asked after Add too: the folder may have been swapped before
		d, f, err := place(dir)
		if err == nil && (d != device || f != folder || len(w.WatchList()) == 0) {
			err = fmt.Errorf("%w: another one stands there now", transports.ErrFolder)
		}
		return err
	}
	if err := same(); err != nil {
		return err
	}
	wake()
	check := time.NewTimer(nextCheck())
	defer check.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-check.C:
			if err := same(); err != nil {
				return err
			}
			check.Reset(nextCheck())
		case e, open := <-w.Events:
			switch {
			case !open:
				return fmt.Errorf("%w: the watch was closed", transports.ErrRetry)
			case e.Name == dir && e.Has(fsnotify.Remove|fsnotify.Rename):
				if err := same(); err != nil {
					return err
				}
				return fmt.Errorf("%w: removed or renamed", transports.ErrFolder)
			case e.Op != fsnotify.Chmod && e.Op != 0:
				wake()
			}
		case err, open := <-w.Errors:
			switch {
			case !open:
				return fmt.Errorf("%w: the watch was closed", transports.ErrRetry)
			case errors.Is(err, fsnotify.ErrEventOverflow):
				wake()
			default:
				return before(err)
			}
		}
	}
}
