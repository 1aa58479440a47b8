package connector

import (
	"context"
	"strings"

	"github.com/navette-connect/navette/connector/journal"
	"github.com/navette-connect/navette/transports"
)

// A share that is not mounted shows the empty folder beneath it. A running navette sees the device change; one that starts
// sees nothing odd, and would make the missing folders on the local disk. So the journal remembers what each folder stood
// on. `navette resume FLOW` says that a move is meant.

// metaMount is the prefix of the journal's memory of a flow's folders.
func metaMount(flow string) string { return "mount:" + flow + ":" }

// stand is what a folder stood on, and the journal's version that was found to say so.
type stand struct {
	kind    string
	version int64
}

func (e *engine) stands(name string) stand {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.stood[name]
}

// mounted tells whether folders stand on what they stood on last time; NV-3002 where a share or disk is missing.
func (e *engine) mounted(ctx context.Context, flow string, box transports.Box, dirs ...string) error {
	m, ok := box.(transports.Mounter)
	if !ok {
		return nil
	}
	for _, dir := range dirs {
		if dir == "" {
			continue
		}
		kind, err := m.Mount(ctx, dir)
		if err != nil {
			return alarm("NV-3001", dir, "", err)
		}
		name := metaMount(flow) + dir
		now := stand{kind, e.j.Version()}
		if e.stands(name) == now { // an idle journal is not asked again
			continue
		}
		known, err := e.j.Meta(ctx, name)
		if err != nil {
			return err
		}
		switch {
		case kind == known:
			e.mu.Lock()
			e.stood[name] = now
			e.mu.Unlock()
		case unmounted(known, kind):
			return alarm("NV-3002", dir, "", nil)
		default:
			if err := e.j.Do(ctx, func(tx *journal.Tx) error { return tx.SetMeta(name, kind) }); err != nil {
				return err
			}
		}
	}
	return nil
}

// unmounted tells that what a folder stood on is not there now: a share may become another kind of share, and a disk a
// share, but nothing becomes the root file system by itself.
func unmounted(known, now string) bool {
	return now == "" && known != "" || now == "disk" && known != ""
}

// forgetMounts forgets what a flow's folders stood on: a person says that the move is meant.
func forgetMounts(tx *journal.Tx, flow string) error {
	return tx.DropMeta(metaMount(flow))
}

// flowFolders are the folders of a flow that its inbound box serves.
func (n *intake) flowFolders() []string {
	var list []string
	for _, dir := range []string{n.flow.In, n.flow.Done, n.flow.Rejected, n.flow.Decisions} {
		if strings.TrimSpace(dir) != "" {
			list = append(list, dir)
		}
	}
	return list
}
