package connector

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/navette-connect/navette/connector/config"
	"github.com/navette-connect/navette/transports"
)

// onShare is a box that shows some names on a share, and nothing else.
type onShare struct {
	transports.Box
	kind  string
	names []string
}

func (l *onShare) List(context.Context, string) (files []transports.File, err error) {
	for _, name := range l.names {
		files = append(files, transports.File{Name: name, Size: 10})
	}
	return files, nil
}

func (l *onShare) Shared(context.Context, string) (string, error) { return l.kind, nil }

// On a share a file must be quiet for longer, and one that is open in Excel is told about once.
func TestShares(t *testing.T) {
	for _, tt := range []struct {
		kind  string
		quiet time.Duration
		long  bool
	}{{"", 3 * time.Second, false}, {"smb", 3 * time.Second, true}, {"nfs", 3 * time.Second, true}, {"smb", 0, false}} {
		flow := &Flow{Flow: config.Flow{In: "/in", Quiet: tt.quiet}, Inbox: &onShare{kind: tt.kind, names: []string{"a.csv"}}}
		n := &intake{engine: &engine{}, flow: flow}
		if got := n.quiet(t.Context()) == shareQuiet; got != tt.long {
			t.Errorf("%q with quiet %s: long %v, want %v", tt.kind, tt.quiet, got, tt.long)
		}
	}
	var log bytes.Buffer
	n := &intake{engine: &engine{}}
	n.log = zerolog.New(&log)
	held := transports.Look{Waiting: []transports.Waiting{{Name: "a.xlsx", Reason: transports.Locked}, {Name: "b.csv", Reason: transports.Settling}}}
	n.tellOpen(&held)
	n.tellOpen(&held)
	if got := log.String(); strings.Count(got, "file.open") != 1 || !strings.Contains(got, "a.xlsx") {
		t.Errorf("told twice:\n%s", got)
	}
	n.tellOpen(&transports.Look{})
	n.tellOpen(&held)
	if strings.Count(log.String(), "file.open") != 2 {
		t.Errorf("opened again, not told:\n%s", log.String())
	}
}

// What other machines write rings nowhere: only a folder of this machine is listed rarely while its watch stands.
func TestOnlyThisMachineRings(t *testing.T) {
	for kind, want := range map[string]bool{"": true, "nfs": false, "smb": false, "fuse": false, "other": false} {
		n := &intake{flow: &Flow{Inbox: &onShare{kind: kind}}}
		if got := n.rings(t.Context()); got != want {
			t.Errorf("a folder on %q: rings %v, want %v", kind, got, want)
		}
	}
	if (&intake{flow: &Flow{Inbox: ownedBox{}}}).rings(t.Context()) {
		t.Error("a place that cannot tell is taken for one that rings")
	}
}
