package connector

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/navette-connect/navette/connector/journal"
	"github.com/navette-connect/navette/transports"
)

// publish puts fixed returns into the folder, in the order they were fixed; one that cannot be published waits and holds
// back those behind it. Where the place serves several files faster at once, the answers of different files go together;
// those of one file, and what speaks of several files, keep their order.
func (r *report) publish(ctx context.Context) (published int, err error) {
	width := inFlight(r.flow.Outbox)
	for {
		list, err := r.j.Outbox(ctx, r.flow.Name, 100)
		if err != nil || len(list) == 0 {
			return published, err
		}
		for len(list) > 0 {
			together := apart(list)
			if width == 1 {
				together = 1
			}
			n, err := r.deliverAll(ctx, list[:together], width)
			published += n
			if err != nil {
				r.soonest(time.Second)
				return published, err
			}
			list = list[together:]
		}
	}
}

// apart counts the returns at the beginning of a list that belong to single files.
func apart(list []journal.Delivery) int {
	alone := func(d *journal.Delivery) bool {
		return d.FileID == 0 || !slices.Contains([]string{"ack", "rejects", "result"}, d.Kind)
	}
	for i := range list {
		if alone(&list[i]) {
			return max(i, 1)
		}
	}
	return len(list)
}

// deliverAll publishes returns: those of one file in their order, several files at once.
func (r *report) deliverAll(ctx context.Context, list []journal.Delivery, width int) (published int, err error) {
	var files [][]*journal.Delivery
	of := map[int64]int{}
	for i := range list {
		d := &list[i]
		at, ok := of[d.FileID]
		if !ok {
			at = len(files)
			of[d.FileID], files = at, append(files, nil)
		}
		files[at] = append(files[at], d)
	}
	var all sync.WaitGroup
	var mu sync.Mutex
	places := make(chan struct{}, width)
	for _, returns := range files {
		places <- struct{}{}
		all.Go(func() {
			defer func() { <-places }()
			for _, d := range returns {
				e := r.deliver(ctx, d)
				mu.Lock()
				if e != nil {
					err = errors.Join(err, fmt.Errorf("publish %q: %w", d.Name, e))
					mu.Unlock()
					return
				}
				published++
				mu.Unlock()
			}
		})
	}
	all.Wait()
	return published, err
}

// deliver publishes one return: same name, same bytes, however often it is tried. A name taken by another file gives way
// to the next number, journalled before it is used.
func (r *report) deliver(ctx context.Context, d *journal.Delivery) error {
	box := r.flow.boxOf(d)
	if short := numbered(d.Name, 1); short != d.Name { // named by a version that let names grow too long
		if err := r.j.Do(ctx, func(tx *journal.Tx) error { return tx.Rename(d, short, numbered, 1) }); err != nil {
			return err
		}
	}
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
			if same, _, err := r.stands(ctx, to, d); same || err != nil { // a rename whose answer was lost came late
				if err != nil {
					return err
				}
				break
			}
		}
		if err := r.j.Do(ctx, func(tx *journal.Tx) error { return tx.Rename(d, base, numbered, i) }); err != nil {
			return err
		}
	}
	if err := r.mark(ctx, d); err != nil {
		return err
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

// mark lets the marker follow a return, where the flow has one: empty, and there already after an earlier try.
func (r *report) mark(ctx context.Context, d *journal.Delivery) error {
	if r.flow.OutMarker == "" {
		return nil
	}
	to := r.flow.Outbox.Join(d.Folder, d.Name+r.flow.OutMarker)
	if err := r.flow.Outbox.Publish(ctx, to, strings.NewReader(""), r.flow.FileMode); err != nil && !errors.Is(err, transports.ErrExists) {
		return fmt.Errorf("marker: %w", err)
	}
	return nil
}

// boxOf is where a return goes: what explains a refused file lies beside it, the rest goes out.
func (f *Flow) boxOf(d *journal.Delivery) transports.Box {
	if d.Kind == kindNotice {
		return f.Inbox
	}
	return f.Outbox
}

// stands tells whether a file stands under a name, and whether it is this return, byte for byte (an earlier try whose
// note was lost).
func (r *report) stands(ctx context.Context, to string, d *journal.Delivery) (same, taken bool, err error) {
	s, err := r.flow.boxOf(d).Stat(ctx, to)
	if errors.Is(err, transports.ErrGone) {
		return false, false, nil
	}
	if errors.Is(err, transports.ErrRefused) { // a link or pipe of that name, or no right to look: publishing tells
		return false, false, nil
	}
	if err != nil || s.Size != d.Length {
		return false, err == nil, err
	}
	f, err := r.flow.boxOf(d).Open(ctx, to)
	if err != nil {
		return false, false, err
	}
	defer f.Close()
	digest, err := digestOf(f)
	return digest == d.SHA256, true, err
}
