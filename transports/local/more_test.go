//go:build unix

package local_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/navette-connect/navette/transports"
	"github.com/navette-connect/navette/transports/local"
)

// TestGroup: what is made in a folder belongs to its group, as far as that is allowed.
func TestGroup(t *testing.T) {
	uid, gid := uint32(4321), uint32(1234)
	if os.Geteuid() != 0 { // only a group of one's own can be given then
		uid, gid = uint32(os.Geteuid()), uint32(os.Getegid())
		if more, err := os.Getgroups(); err == nil && len(more) > 0 {
			gid = uint32(more[len(more)-1])
		}
	}
	root := t.TempDir()
	if err := errors.Join(os.Chown(root, int(uid), int(gid)), os.Chmod(root, 0o775)); err != nil {
		t.Fatal(err)
	}
	box := local.New(local.Options{})
	if err := box.Publish(t.Context(), root+"/x.csv", strings.NewReader("x"), 0o640); err != nil {
		t.Fatal(err)
	}
	if err := box.MakeDir(t.Context(), root+"/a/b"); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name     string
		mode     uint32
		uid, gid uint32
	}{
		{"x.csv", unix.S_IFREG | 0o640, uint32(os.Geteuid()), gid},
		{"a", unix.S_IFDIR | 0o770, uid, gid},
		{"a/b", unix.S_IFDIR | 0o770, uid, gid},
	} {
		var st unix.Stat_t
		if err := unix.Stat(filepath.Join(root, c.name), &st); err != nil {
			t.Error(err)
		} else if uint32(st.Mode) != c.mode || st.Uid != c.uid || st.Gid != c.gid {
			t.Errorf("%s: mode %o, owner %d, group %d, want %o, %d, %d", c.name, st.Mode, st.Uid, st.Gid, c.mode, c.uid, c.gid)
		}
	}
}

// TestModeIsBounded: no publication makes a program that runs as somebody else.
func TestModeIsBounded(t *testing.T) {
	path := t.TempDir() + "/x"
	if err := local.New(local.Options{}).Publish(t.Context(), path, strings.NewReader("x"), 0o7777); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode() != 0o777 {
		t.Errorf("mode 7777 gave %v, %v, want only its rights", info.Mode(), err)
	}
}

// TestRandom: a temporary name that is taken is not touched; when all are, that is said.
func TestRandom(t *testing.T) {
	dir := t.TempDir()
	taken := filepath.Join(dir, transports.TempPrefix+strings.Repeat("00", 10))
	if err := os.WriteFile(taken, []byte("another's"), 0o600); err != nil {
		t.Fatal(err)
	}
	publish := func(random io.Reader) error {
		return local.New(local.Options{Random: random}).Publish(t.Context(), dir+"/x.csv", strings.NewReader("x"), 0o600)
	}
	if err := publish(strings.NewReader(strings.Repeat("\x00", 10) + "0123456789")); err != nil {
		t.Errorf("Publish beside a taken temporary name: %v", err)
	}
	os.Remove(dir + "/x.csv")
	if err := publish(strings.NewReader(strings.Repeat("\x00", 1000))); !errors.Is(err, transports.ErrRetry) {
		t.Errorf("Publish where all temporary names are taken: %v, want %v", err, transports.ErrRetry)
	}
	if err := publish(strings.NewReader("")); !errors.Is(err, transports.ErrRetry) {
		t.Errorf("Publish without randomness: %v, want %v", err, transports.ErrRetry)
	}
	if got, err := os.ReadFile(taken); err != nil || string(got) != "another's" {
		t.Errorf("the taken name holds %q, %v", got, err)
	}
}

// TestSweepIsSafe: a sweeper that finds no lock on a temporary file takes it, and the Publish says it is not done.
func TestSweepIsSafe(t *testing.T) {
	dir := t.TempDir()
	fault := func(op, path string) error {
		if op == "close" { // as a Sweep elsewhere that sees no locks of this machine
			return os.Remove(path)
		}
		return nil
	}
	err := local.New(local.Options{Fault: fault}).Publish(t.Context(), dir+"/x.csv", strings.NewReader("x"), 0o600)
	if !errors.Is(err, transports.ErrRetry) {
		t.Errorf("Publish whose temporary file was taken: %v, want %v", err, transports.ErrRetry)
	}
}

// TestOverflow: more events than the system keeps are one wake, and the watch goes on.
func TestOverflow(t *testing.T) {
	dir := folder(t, otherDevice(t, t.TempDir())).Here
	ctx, cancel := context.WithCancel(t.Context())
	held, woken, end := make(chan struct{}), make(chan struct{}, 1), make(chan error, 1)
	stands := make(chan struct{})
	wakes := 0
	go func() {
		end <- local.New(local.Options{}).Watch(ctx, dir, func() {
			switch wakes++; wakes {
			case 1:
				close(stands)
			case 2:
				<-held // a consumer that is busy, against the rule
			}
			select {
			case woken <- struct{}{}:
			default:
			}
		})
	}()
	<-stands
	for i := range 20_000 {
		name := fmt.Sprintf("%s/%d", dir, i)
		if err := errors.Join(os.WriteFile(name, nil, 0o600), os.Remove(name)); err != nil {
			t.Fatal(err)
		}
	}
	close(held)
	for range 3 { // the flood, and something after it
		<-woken
		if err := os.WriteFile(dir+"/x.csv", []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	<-woken
	cancel()
	if err := <-end; !errors.Is(err, context.Canceled) {
		t.Errorf("Watch ended with %v", err)
	}
}

// TestMoveThroughAlias: a file is not lost when it is moved onto itself by another path, however renaming is done.
func TestMoveThroughAlias(t *testing.T) {
	for _, errno := range []unix.Errno{0, unix.EINVAL, unix.EXDEV} {
		root := t.TempDir()
		if err := errors.Join(os.Mkdir(root+"/in", 0o700), os.Symlink("in", root+"/alias"), os.WriteFile(root+"/in/x.csv", []byte("x"), 0o600),
			os.Link(root+"/in/x.csv", root+"/twin")); err != nil {
			t.Fatal(err)
		}
		fault := func(op, path string) error {
			if op == "rename" && errno != 0 {
				return errno
			}
			return nil
		}
		err := local.New(local.Options{Fault: fault}).Move(t.Context(), root+"/in/x.csv", root+"/alias/x.csv")
		if !errors.Is(err, transports.ErrExists) {
			t.Errorf("rename gives %v: Move onto itself = %v, want %v", errno, err, transports.ErrExists)
		}
		if _, err := os.Stat(root + "/in/x.csv"); err != nil {
			t.Errorf("rename gives %v: %v", errno, err)
		}
	}
}
