//go:build unix

package transportstest_test

import (
	"cmp"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/navette-connect/navette/transports"
	"github.com/navette-connect/navette/transports/local"
	"github.com/navette-connect/navette/transports/transportstest"
)

// The controls: Boxes that are wrong in one way each. The suite must find them out, else its green means nothing.

// inPlace writes under the final name.
type inPlace struct{ *local.Box }

func (inPlace) Publish(_ context.Context, path string, r io.Reader, mode uint32) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, os.FileMode(mode))
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	return errors.Join(err, f.Close())
}

// visibleTemp writes under a temporary name that a pattern can match.
type visibleTemp struct{ *local.Box }

func (b visibleTemp) Publish(ctx context.Context, path string, r io.Reader, mode uint32) error {
	if err := b.Box.Publish(ctx, path+".tmp", spoiltTemp(path, r), mode); err != nil {
		return err
	}
	return b.Move(ctx, path+".tmp", path)
}

func spoiltTemp(path string, r io.Reader) io.Reader {
	_ = os.WriteFile(path+".writing", nil, 0o600)
	return io.MultiReader(r, atEnd(func() { _ = os.Remove(path + ".writing") }))
}

type atEnd func()

func (f atEnd) Read([]byte) (int, error) { f(); return 0, io.EOF }

// overwrites renames over what is there.
type overwrites struct{ *local.Box }

func (b overwrites) Publish(ctx context.Context, path string, r io.Reader, mode uint32) error {
	temp := b.Join(filepath.Dir(path), transports.TempPrefix+time.Now().Format("150405.000000000"))
	if err := b.Box.Publish(ctx, temp, r, mode); err != nil {
		return err
	}
	return os.Rename(temp, path)
}

func (overwrites) Move(_ context.Context, from, to string) error { return os.Rename(from, to) }

// writesOver replaces by writing into what is there.
type writesOver struct{ *local.Box }

func (writesOver) Replace(_ context.Context, path string, r io.Reader, mode uint32) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, os.FileMode(mode))
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	return errors.Join(err, f.Close())
}

// looksFirst asks whether the name is free, then renames: right until two do it at once.
type looksFirst struct{ *local.Box }

func (b looksFirst) Move(ctx context.Context, from, to string) error {
	if _, err := os.Lstat(to); err == nil {
		return transports.ErrExists
	}
	if _, err := b.Stat(ctx, from); err != nil {
		return err
	}
	time.Sleep(time.Millisecond)
	return os.Rename(from, to)
}

// copies moves by copying and removing.
type copies struct{ *local.Box }

func (b copies) Move(ctx context.Context, from, to string) error {
	r, err := b.Open(ctx, from)
	if err != nil {
		return err
	}
	defer r.Close()
	if err := b.Publish(ctx, to, r, 0o640); err != nil {
		return err
	}
	_ = os.Remove(from)
	return nil
}

// followsLinks uses the calls that come to hand first.
type followsLinks struct{ *local.Box }

func (followsLinks) List(_ context.Context, dir string) ([]transports.File, error) {
	entries, err := os.ReadDir(dir)
	var files []transports.File
	for _, e := range entries {
		if info, err := os.Stat(filepath.Join(dir, e.Name())); err == nil && info.Mode().IsRegular() {
			files = append(files, transports.File{Name: e.Name(), Size: info.Size(), ModTime: info.ModTime()})
		}
	}
	return files, err
}

// Open does not block on pipes only so that the control is quick.
func (followsLinks) Open(_ context.Context, path string) (io.ReadCloser, error) {
	return os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
}

// emptyWhenGone takes a vanished folder for an empty one.
type emptyWhenGone struct{ *local.Box }

func (b emptyWhenGone) List(ctx context.Context, dir string) ([]transports.File, error) {
	files, err := b.Box.List(ctx, dir)
	if errors.Is(err, transports.ErrFolder) {
		err = nil
	}
	return files, err
}

// unordered lists by size.
type unordered struct{ *local.Box }

func (b unordered) List(ctx context.Context, dir string) ([]transports.File, error) {
	files, err := b.Box.List(ctx, dir)
	slices.SortFunc(files, func(a, b transports.File) int { return cmp.Compare(len(b.Name), len(a.Name)) })
	return files, err
}

// eatsErrors takes a broken source for a short one.
type eatsErrors struct{ *local.Box }

func (b eatsErrors) Publish(ctx context.Context, path string, r io.Reader, mode uint32) error {
	return b.Box.Publish(ctx, path, deaf{r}, mode)
}

type deaf struct{ r io.Reader }

func (d deaf) Read(p []byte) (int, error) {
	n, err := d.r.Read(p)
	if err != nil {
		err = io.EOF
	}
	return n, err
}

// leaves its temporary file behind when the source breaks.
type leaves struct{ *local.Box }

func (b leaves) Publish(ctx context.Context, path string, r io.Reader, mode uint32) error {
	err := b.Box.Publish(ctx, path, r, mode)
	if err != nil {
		_ = os.WriteFile(b.Join(filepath.Dir(path), transports.TempPrefix+"0"), nil, 0o600)
	}
	return err
}

// kindless says what went wrong in words only.
type kindless struct{ *local.Box }

func (b kindless) Move(ctx context.Context, from, to string) error {
	if err := b.Box.Move(ctx, from, to); err != nil {
		return errors.New(err.Error())
	}
	return nil
}

// cleansNames makes names what it takes for decent.
type cleansNames struct{ *local.Box }

func (b cleansNames) List(ctx context.Context, dir string) ([]transports.File, error) {
	files, err := b.Box.List(ctx, dir)
	for i := range files {
		files[i].Name = strings.ToValidUTF8(strings.TrimSpace(files[i].Name), "?")
	}
	return files, err
}

// leadsOut joins without a look at the name.
type leadsOut struct{ *local.Box }

func (leadsOut) Join(dir, name string) string { return filepath.Join(dir, name) }

// neverBusy knows of no writers.
type neverBusy struct{ *local.Box }

func (neverBusy) Busy(context.Context, string) (bool, bool, error) { return false, true, nil }

// sweepsAll takes every hidden file for its own.
type sweepsAll struct{ *local.Box }

func (sweepsAll) Sweep(_ context.Context, dir string) error {
	names, err := filepath.Glob(filepath.Join(dir, ".*"))
	for _, n := range names {
		_ = os.Remove(n)
	}
	return err
}

func site(t *testing.T, wrap func(*local.Box) transports.Box) transportstest.Site {
	home := t.TempDir()
	return transportstest.Site{Box: wrap(local.New(local.Options{})), Home: transportstest.Folder{Box: home, Here: home}}
}

func TestControls(t *testing.T) {
	controls := []struct {
		name string
		wrap func(*local.Box) transports.Box
		red  []string // checks that must fail
	}{
		{"inPlace", func(b *local.Box) transports.Box { return inPlace{b} }, []string{"publish/absent", "publish/source"}},
		{"visibleTemp", func(b *local.Box) transports.Box { return visibleTemp{b} }, []string{"publish/absent"}},
		{"overwrites", func(b *local.Box) transports.Box { return overwrites{b} }, []string{"publish/exists", "publish/race", "move/exists", "move/race/target"}},
		{"writesOver", func(b *local.Box) transports.Box { return writesOver{b} }, []string{"replace"}},
		{"looksFirst", func(b *local.Box) transports.Box { return looksFirst{b} }, []string{"move/race/target"}},
		{"copies", func(b *local.Box) transports.Box { return copies{b} }, []string{"move", "move/race/apart"}},
		{"followsLinks", func(b *local.Box) transports.Box { return followsLinks{b} }, []string{"list/plain", "list/folder", "open/hostile"}},
		{"emptyWhenGone", func(b *local.Box) transports.Box { return emptyWhenGone{b} }, []string{"list/folder"}},
		{"unordered", func(b *local.Box) transports.Box { return unordered{b} }, []string{"list/plain"}},
		{"eatsErrors", func(b *local.Box) transports.Box { return eatsErrors{b} }, []string{"publish/source"}},
		{"leaves", func(b *local.Box) transports.Box { return leaves{b} }, []string{"publish/source", "publish/exists"}},
		{"kindless", func(b *local.Box) transports.Box { return kindless{b} }, []string{"move/exists", "move/gone", "move/hostile"}},
		{"cleansNames", func(b *local.Box) transports.Box { return cleansNames{b} }, []string{"names"}},
		{"leadsOut", func(b *local.Box) transports.Box { return leadsOut{b} }, []string{"names/refused"}},
		{"neverBusy", func(b *local.Box) transports.Box { return neverBusy{b} }, []string{"busy"}},
		{"sweepsAll", func(b *local.Box) transports.Box { return sweepsAll{b} }, []string{"sweep", "sweep/live"}},
	}
	for _, c := range controls {
		t.Run(c.name, func(t *testing.T) {
			for _, name := range c.red {
				check := find(t, name)
				err := check.Run(t.Context(), site(t, c.wrap))
				if err == nil || errors.Is(err, transportstest.ErrSkipped) {
					t.Errorf("%s passes %q (%v), want it found out: %s", c.name, name, err, check.Law)
				}
				intact := site(t, func(b *local.Box) transports.Box { return b })
				if err := check.Run(t.Context(), intact); err != nil && !errors.Is(err, transportstest.ErrSkipped) {
					t.Errorf("the intact Box fails %q: %v", name, err)
				}
			}
		})
	}
}

func find(t *testing.T, name string) transportstest.Check {
	t.Helper()
	for _, c := range transportstest.Checks() {
		if c.Name == name {
			return c
		}
	}
	t.Fatalf("there is no check %q", name)
	return transportstest.Check{}
}

// TestLawsAreTold: names are unique, and each check says what is broken when it fails.
func TestLawsAreTold(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range transportstest.Checks() {
		if seen[c.Name] || c.Law == "" {
			t.Errorf("check %q: named twice %v, law %q", c.Name, seen[c.Name], c.Law)
		}
		seen[c.Name] = true
	}
}
