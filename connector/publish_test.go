package connector

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"unicode/utf8"

	"github.com/navette-connect/navette/transports"
)

// barredBox is a folder that one has no right to.
type barredBox struct {
	transports.Box
	barred *bool
}

func (b barredBox) Stat(ctx context.Context, path string) (transports.File, error) {
	if *b.barred {
		return transports.File{}, transports.ErrRefused
	}
	return b.Box.Stat(ctx, path)
}

func (b barredBox) Publish(ctx context.Context, path string, r io.Reader, mode uint32) error {
	if *b.barred {
		return transports.ErrRefused
	}
	return b.Box.Publish(ctx, path, r, mode)
}

// Rights that are missing are no file in the way: the return waits under its name.
func TestPublishWithoutRights(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, simMapping, taken)
		barred := true
		s.flow = func(f *Flow) { f.Outbox = barredBox{f.Outbox, &barred} }
		s.drop("a.csv", "Facture;Montant\nA1;1,00\n")
		if err := s.once(); err == nil {
			t.Error("nothing could be published, and it says nothing")
		}
		barred = false
		if err := s.once(); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"a.ack.csv", "a.ret.csv"} {
			if _, err := os.Stat(filepath.Join(s.dir, "out", name)); err != nil {
				t.Error(err)
			}
		}
	})
}

// Returns whose folder went away are told with the code that says so.
func TestPublishIntoNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, simMapping, taken)
		s.flow = func(f *Flow) { f.Outbox = goneBox{f.Outbox} }
		s.drop("a.csv", "Facture;Montant\nA1;1,00\n")
		if err := s.once(); codeOf(err, "") != "NV-3001" {
			t.Errorf("once says %v, want NV-3001", err)
		}
	})
}

// goneBox is a folder that is away.
type goneBox struct{ transports.Box }

func (goneBox) Stat(context.Context, string) (transports.File, error) {
	return transports.File{}, transports.ErrFolder
}

// A link under a return's name is somebody's: the return takes the next name, and the link stays what it is.
func TestPublishBesideLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, simMapping, taken)
		if err := os.MkdirAll(filepath.Join(s.dir, "out"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink("elsewhere", filepath.Join(s.dir, "out", "a.ack.csv")); err != nil {
			t.Fatal(err)
		}
		s.drop("a.csv", "Facture;Montant\nA1;1,00\n")
		if err := s.once(); err != nil {
			t.Fatal(err)
		}
		if to, err := os.Readlink(filepath.Join(s.dir, "out", "a.ack.csv")); err != nil || to != "elsewhere" {
			t.Errorf("the link leads to %q, %v", to, err)
		}
		if _, err := os.Stat(filepath.Join(s.dir, "out", "a.ack.2.csv")); err != nil {
			t.Error(err)
		}
	})
}

// Names fit a folder, with a marker behind them, and stay apart.
func TestNumberedFits(t *testing.T) {
	for _, name := range []string{"x.csv", "noext", strings.Repeat("a", 251) + ".ack.csv", strings.Repeat("é", 140) + ".ret.csv", strings.Repeat("a", 200) + "." + strings.Repeat("é", 100), strings.Repeat("\xe9", 300) + "_A_APPROUVER.csv"} {
		seen := map[string]bool{}
		for _, i := range []int{1, 2, 10, 1000} {
			got := numbered(name, i)
			if len(got)+len(".done") > transports.MaxName || seen[got] || utf8.ValidString(name) && !utf8.ValidString(got) {
				t.Errorf("%q, %d: %q has %d bytes", name, i, got, len(got))
			}
			seen[got] = true
		}
		if len(name) < 200 && numbered(name, 1) != name {
			t.Errorf("%q became %q", name, numbered(name, 1))
		}
	}
}

// What is wrong with a folder names the folder, in both languages.
func TestAlarmNamesFolder(t *testing.T) {
	for _, code := range []string{"NV-3001", "NV-3002", "NV-3007"} {
		var told *Trouble
		if err := alarm(code, "/srv/x/in", "a.csv", nil); !errors.As(err, &told) {
			t.Fatal(err)
		}
		for _, lang := range []string{"fr", "en"} {
			if s := told.Text.In(lang); !strings.Contains(s, "/srv/x/in") || strings.ContainsAny(s, "‹{") {
				t.Errorf("%s says %q", code, s)
			}
		}
	}
}
