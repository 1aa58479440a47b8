package connector

import (
	"context"
	"time"

	"github.com/navette-connect/navette/transports"
)

// shareQuiet is the least quiet on a network share: NFS shows sizes and times of up to some seconds ago.
const shareQuiet = 15 * time.Second

// quiet is how long a file of the inbound folder must be unchanged. Where it cannot be told whether that is a share it is
// none; listing the folder says what is wrong. 0 was asked for by hand, and stays.
func (n *intake) quiet(ctx context.Context) time.Duration {
	s, ok := n.flow.Inbox.(transports.Sharer)
	if !ok || n.flow.Quiet == 0 || n.flow.Quiet >= shareQuiet || n.flow.Marker != "" {
		return n.flow.Quiet
	}
	if kind, err := s.Shared(ctx, n.flow.In); err != nil || kind == "" {
		return n.flow.Quiet
	}
	return shareQuiet
}

// tellOpen says once of each file that it waits because somebody has it open in Excel or LibreOffice.
func (n *intake) tellOpen(look *transports.Look) {
	open := map[string]bool{}
	for _, w := range look.Waiting {
		if w.Reason != transports.Locked {
			continue
		}
		if open[w.Name] = true; !n.open[w.Name] {
			n.log.Warn().Str("event", "file.open").Str("file", label(w.Name)).Msg("open in Excel or LibreOffice: it is taken once it is closed there")
		}
	}
	n.open = open
}
