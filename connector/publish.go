package connector

import (
	"context"
	"errors"
	"fmt"
	"path"
	"time"

	"github.com/navette-connect/navette/connector/journal"
	"github.com/navette-connect/navette/transports"
)

// publish puts fixed returns into the folder, in the order they were fixed; one that cannot be published waits and holds
// back those behind it.
func (r *report) publish(ctx context.Context) (published int, err error) {
	for {
		list, err := r.j.Outbox(ctx, r.flow.Name, 100)
		if err != nil || len(list) == 0 {
			return published, err
		}
		for i := range list {
			if err := r.deliver(ctx, &list[i]); err != nil {
				r.soonest(time.Second)
				return published, fmt.Errorf("publish %q: %w", list[i].Name, err)
			}
			published++
		}
	}
}

// deliver publishes one return: same name, same bytes, however often it is tried. A name taken by another file gives way
// to the next number, journalled before it is used.
func (r *report) deliver(ctx context.Context, d *journal.Delivery) error {
	box := r.flow.Outbox
	base := d.Name
	for i := 2; ; i++ {
		to := box.Join(d.Folder, d.Name)
		same, taken, err := r.stands(ctx, to, d)
		if err != nil {
			return err
		}
		if same {
			break
		}
		if !taken {
			if err := r.fault("publish"); err != nil {
				return err
			}
			src, err := r.spool.Open(d.SHA256)
			if err != nil {
				return err
			}
			err = box.Publish(ctx, to, src, r.flow.FileMode)
			src.Close()
			if err == nil {
				break
			}
			if !errors.Is(err, transports.ErrExists) {
				if errors.Is(err, transports.ErrFolder) {
					return errors.Join(err, box.MakeDir(ctx, d.Folder))
				}
				return err
			}
		}
		if err := r.j.Do(ctx, func(tx *journal.Tx) error { return tx.Rename(d, base, numbered, i) }); err != nil {
			return err
		}
	}
	if err := r.fault("published"); err != nil {
		return err
	}
	if err := r.j.Do(ctx, func(tx *journal.Tx) error { return tx.Published(d.ID) }); err != nil {
		return err
	}
	r.meter.published(r.flow.Name, d.Kind)
	r.log.Info().Str("event", "return.published").Str("kind", d.Kind).Int64("file", d.FileID).Str("name", path.Base(d.Name)).Int64("bytes", d.Length).Msg("return published")
	return nil
}

// stands tells whether a file stands under a name, and whether it is this return, byte for byte (an earlier try whose
// note was lost).
func (r *report) stands(ctx context.Context, to string, d *journal.Delivery) (same, taken bool, err error) {
	s, err := r.flow.Outbox.Stat(ctx, to)
	if errors.Is(err, transports.ErrGone) {
		return false, false, nil
	}
	if errors.Is(err, transports.ErrRefused) { // a link or pipe of that name
		return false, true, nil
	}
	if err != nil || s.Size != d.Length {
		return false, err == nil, err
	}
	f, err := r.flow.Outbox.Open(ctx, to)
	if err != nil {
		return false, false, err
	}
	defer f.Close()
	digest, err := digestOf(f)
	return digest == d.SHA256, true, err
}
