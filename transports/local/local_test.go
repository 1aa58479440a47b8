//go:build unix

package local_test

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/navette-connect/navette/transports/local"
	"github.com/navette-connect/navette/transports/transportstest"
)

// folder makes an empty folder that every user can reach, in dir or where temporary files go.
func folder(t *testing.T, dir string) transportstest.Folder {
	t.Helper()
	path, err := os.MkdirTemp(dir, "navette-local-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(path) })
	if err := os.Chmod(path, 0o777); err != nil {
		t.Fatal(err)
	}
	return transportstest.Folder{Box: path, Here: path}
}

// site gives the suite folders of this machine. A second file system is /dev/shm, unless temporary files are there too;
// a full one is a small tmpfs where we may mount it, else a Box whose disk is full by a fault.
func site(t *testing.T, fault func(op, path string) error) transportstest.Site {
	s := transportstest.Site{
		Box:      local.New(local.Options{Fault: fault}),
		Home:     folder(t, ""),
		Deprived: deprived(t),
	}
	if other := otherDevice(t, s.Home.Here); other != "" {
		s.Other = folder(t, other)
	}
	s.Full = folder(t, "")
	if !mountSmall(t, s.Full.Here) {
		s.FullBox = local.New(local.Options{Fault: joined(fullDisk(), fault)})
	}
	return s
}

func otherDevice(t *testing.T, home string) string {
	t.Helper()
	for _, dir := range []string{"/dev/shm", "/var/tmp", "/run"} {
		var a, b unix.Stat_t
		if unix.Stat(home, &a) == nil && unix.Stat(dir, &b) == nil && a.Dev != b.Dev && unix.Access(dir, unix.W_OK) == nil {
			return dir
		}
	}
	return ""
}

// fullDisk refuses each file's third piece.
func fullDisk() func(op, path string) error {
	var mu sync.Mutex
	pieces := map[string]int{}
	return func(op, path string) error {
		mu.Lock()
		defer mu.Unlock()
		if op != "write" {
			if op == "rename" && !strings.HasPrefix(filepath.Base(path), ".") {
				return unix.EXDEV
			}
			return nil
		}
		if pieces[path]++; pieces[path] > 2 {
			return unix.ENOSPC
		}
		return nil
	}
}

func joined(faults ...func(op, path string) error) func(op, path string) error {
	return func(op, path string) error {
		for _, f := range faults {
			if f == nil {
				continue
			}
			if err := f(op, path); err != nil {
				return err
			}
		}
		return nil
	}
}

func TestBox(t *testing.T) {
	transportstest.Test(t, func(t *testing.T) transportstest.Site { return site(t, nil) })
}

// TestBoxWithoutNoReplace is the suite on a file system that has no rename without overwriting: link and unlink.
func TestBoxWithoutNoReplace(t *testing.T) {
	transportstest.Test(t, func(t *testing.T) transportstest.Site {
		return site(t, func(op, path string) error {
			if op == "rename" {
				return unix.EINVAL
			}
			return nil
		})
	})
}

// TestBoxBetweenDevices is the suite with every move made as if between file systems.
func TestBoxBetweenDevices(t *testing.T) {
	transportstest.Test(t, func(t *testing.T) transportstest.Site {
		s := site(t, func(op, path string) error {
			if op == "rename" && !strings.HasPrefix(filepath.Base(path), ".navette-tmp-") {
				return unix.EXDEV
			}
			return nil
		})
		return s
	})
}
