package connector

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/navette-connect/navette/transports"
)

// unreadableBox holds a file that navette may not open.
type unreadableBox struct {
	transports.Box
	name string
}

func (b unreadableBox) Busy(_ context.Context, path string) (busy, known bool, err error) {
	if filepath.Base(path) == b.name {
		return false, false, transports.ErrRefused
	}
	return false, false, nil
}

// A file without rights for us stays where it is and is told; the others of its folder do not wait for it.
func TestUnreadableFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, simMapping, taken)
		s.flow = func(f *Flow) { f.Inbox = unreadableBox{f.Inbox, "a.csv"} }
		s.drop("a.csv", "Facture;Montant\nA1;1,00\n")
		s.drop("b.csv", "Facture;Montant\nB1;1,00\n")
		err := s.once()
		if codeOf(err, "") != "NV-3003" || !strings.Contains(err.Error(), "a.csv") {
			t.Errorf("it says %v", err)
		}
		if _, err := os.Stat(filepath.Join(s.dir, "out", "b.ret.csv")); err != nil || len(s.psp.submits) != 1 {
			t.Errorf("the other file: %v, %d requests", err, len(s.psp.submits))
		}
		if _, err := os.Stat(filepath.Join(s.dir, "in", "a.csv")); err != nil {
			t.Error(err)
		}
	})
}
