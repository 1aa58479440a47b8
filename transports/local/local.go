//go:build unix

// Package local is the Box of folders on this machine, network mounts included.
//
// Every act is made relative to an open folder, so that a folder swapped on the way changes nothing; files are opened
// without following links; new names appear by a rename that does not overwrite, or by link and unlink on file systems
// that have no such rename. What was done is made durable before it is called done.
package local

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/navette-connect/navette/transports"
)

// Options are what tests replace; the zero value is right for production.
type Options struct {
	// Random names temporary files; nil: crypto/rand.
	Random io.Reader
	// Fault, where not nil, is asked before each act on the file system and makes it fail with the error it gives.
	// op is open, write, fsync, close, rename, link, unlink or mkdir; path is what is acted upon (of a rename: the old name).
	// It is called from the goroutines that use the Box.
	Fault func(op, path string) error
}

// Box exchanges files in folders of this machine. It holds nothing between calls.
type Box struct {
	fault  func(op, path string) error
	mu     sync.Mutex // random need not be safe for several goroutines
	random io.Reader
}

var (
	_ transports.Box     = (*Box)(nil)
	_ transports.Watcher = (*Box)(nil)
	_ transports.Leaser  = (*Box)(nil)
	_ transports.Placer  = (*Box)(nil)
	_ transports.Mounter = (*Box)(nil)
	_ transports.Sweeper = (*Box)(nil)
)

// New makes the Box of this machine's folders.
func New(o Options) *Box {
	b := &Box{fault: o.Fault, random: o.Random}
	if b.random == nil {
		b.random = rand.Reader
	}
	return b
}

// Close does nothing: there is nothing to close.
func (b *Box) Close() error { return nil }

// Join makes the path of a name in dir. What is no base name (empty, ".", "..", with a slash) gives a path that every
// call refuses, so that no name of a listing leads out of its folder.
func (b *Box) Join(dir, name string) string { return transports.JoinPath(dir, name) }

// folder is an open folder; acts are made relative to it.
type folder struct {
	box  *Box
	file *os.File
	path string
}

// open opens a folder for reading, following links: which folder is meant is the operator's choice.
func (b *Box) open(dir string) (*folder, error) {
	if err := b.ask("open", dir); err != nil {
		return nil, folderError(err)
	}
	f, err := os.OpenFile(dir, os.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, folderError(err)
	}
	return &folder{box: b, file: f, path: dir}, nil
}

func (d *folder) fd() int { return int(d.file.Fd()) }

func (d *folder) join(name string) string { return strings.TrimRight(d.path, "/") + "/" + name }

// close ends the use of a folder; it was only read, so its error says nothing.
func (d *folder) close() { _ = d.file.Close() }

// stat describes whatever bears the name, without following it.
func (d *folder) stat(name string) (unix.Stat_t, error) {
	var st unix.Stat_t
	err := again(func() error { return unix.Fstatat(d.fd(), name, &st, unix.AT_SYMLINK_NOFOLLOW) })
	return st, err
}

// plain is stat, but for plain files only.
func (d *folder) plain(name string) (unix.Stat_t, error) {
	st, err := d.stat(name)
	if err != nil {
		return st, err
	}
	return st, checkPlain(st)
}

// sync makes the names in the folder durable. File systems that cannot sync a folder say so with EINVAL or ENOTSUP:
// there the rename is all there is.
func (d *folder) sync() error {
	err := d.box.ask("fsync", d.path)
	if err == nil {
		err = d.file.Sync()
	}
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOTSUP) || errors.Is(err, unix.ENOSYS) {
		return nil
	}
	return err
}

// unlink removes a name.
func (d *folder) unlink(name string) error {
	if err := d.box.ask("unlink", d.join(name)); err != nil {
		return err
	}
	return again(func() error { return unix.Unlinkat(d.fd(), name, 0) })
}

// ask lets a test make an act fail.
func (b *Box) ask(op, path string) error {
	if b.fault == nil {
		return nil
	}
	return b.fault(op, path)
}

// again repeats a call that a signal interrupted.
func again(call func() error) error {
	for {
		if err := call(); err != unix.EINTR {
			return err
		}
	}
}

// tempName makes a name that nobody else uses.
func (b *Box) tempName() (string, error) {
	var raw [10]byte
	b.mu.Lock()
	_, err := io.ReadFull(b.random, raw[:])
	b.mu.Unlock()
	if err != nil {
		return "", fmt.Errorf("naming a temporary file: %w", err)
	}
	return transports.TempPrefix + hex.EncodeToString(raw[:]), nil
}

// MakeDir creates a folder, its missing parents too. New folders belong to the owner and group of the one they are in,
// with its rights for both and none for others: the ERP that may use the parent may use them.
func (b *Box) MakeDir(ctx context.Context, dir string) error {
	if err := ctx.Err(); err != nil {
		return wrap("make folder", dir, err)
	}
	if !filepath.IsAbs(dir) || strings.IndexByte(dir, 0) >= 0 {
		return wrap("make folder", dir, fmt.Errorf("%w: not an absolute path", transports.ErrRefused))
	}
	return wrap("make folder", dir, b.makeDir(filepath.Clean(dir)))
}

func (b *Box) makeDir(dir string) error {
	switch info, err := os.Stat(dir); {
	case err == nil && info.IsDir():
		return nil
	case err == nil:
		return fmt.Errorf("%w: something else has that name", transports.ErrFolder)
	case !errors.Is(err, os.ErrNotExist):
		return folderError(err)
	}
	above, name := filepath.Dir(dir), filepath.Base(dir)
	if err := transports.CheckName(name); err != nil {
		return err
	}
	if err := b.makeDir(above); err != nil {
		return err
	}
	d, err := b.open(above)
	if err != nil {
		return err
	}
	defer d.close()
	if err := b.ask("mkdir", dir); err != nil {
		return before(err)
	}
	var up unix.Stat_t
	if err := unix.Fstat(d.fd(), &up); err != nil {
		return before(err)
	}
	mode := uint32(0o700)
	if up.Mode&unix.S_ISGID != 0 { // group and setgid come by themselves, and a confined service may not set the bit later
		mode |= up.Mode & 0o070
	}
	if err := again(func() error { return unix.Mkdirat(d.fd(), name, mode) }); err != nil {
		if errors.Is(err, unix.EEXIST) { // somebody was faster, or a dangling link is in the way
			if info, err := os.Stat(dir); err == nil && info.IsDir() {
				return nil
			}
			return fmt.Errorf("%w: something else has that name", transports.ErrFolder)
		}
		return before(err)
	}
	if err := inherit(d, name, up); err != nil {
		return before(err)
	}
	return d.sync()
}

// inherit gives a new folder the owner, group and rights of the one it is in, as far as that is allowed.
func inherit(above *folder, name string, up unix.Stat_t) error {
	fd, err := openAt(above.fd(), name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if unix.Fchown(fd, int(up.Uid), int(up.Gid)) != nil {
		_ = unix.Fchown(fd, -1, int(up.Gid))
	}
	want := up.Mode&(unix.S_ISGID|0o070) | 0o700
	var now unix.Stat_t
	if err := unix.Fstat(fd, &now); err == nil && now.Mode&0o7777 == want {
		return nil
	}
	return refusable(unix.Fchmod(fd, want))
}

func openAt(dirfd int, name string, flags int, mode uint32) (fd int, err error) {
	err = again(func() error {
		fd, err = unix.Openat(dirfd, name, flags|unix.O_CLOEXEC, mode)
		return err
	})
	return fd, err
}

// Place tells the device and the inode of a folder. They hold while the machine runs: after a reboot a device may have
// another number.
func (b *Box) Place(ctx context.Context, dir string) (device, folder string, err error) {
	if err := ctx.Err(); err != nil {
		return "", "", wrap("place", dir, err)
	}
	device, folder, err = place(dir)
	return device, folder, wrap("place", dir, err)
}

// Shared implements transports.Sharer.
func (b *Box) Shared(ctx context.Context, dir string) (kind string, err error) {
	if err := ctx.Err(); err != nil {
		return "", wrap("statfs", dir, err)
	}
	if kind, err = shared(dir); err != nil {
		err = folderError(err)
	}
	return kind, wrap("statfs", dir, err)
}

// Mount implements transports.Mounter.
func (b *Box) Mount(ctx context.Context, dir string) (kind string, err error) {
	device := ""
	for {
		if err := ctx.Err(); err != nil {
			return "", wrap("mount", dir, err)
		}
		device, _, err = place(dir)
		above := filepath.Dir(dir)
		if !errors.Is(err, transports.ErrFolder) || above == dir {
			break
		}
		dir = above
	}
	if err == nil {
		kind, err = shared(dir)
	}
	if err != nil || kind != "" {
		return kind, wrap("mount", dir, err)
	}
	root, _, err := place("/")
	if err == nil && device != root {
		kind = "disk"
	}
	return kind, wrap("mount", dir, err)
}

func place(dir string) (device, folder string, err error) {
	var st unix.Stat_t
	if err := again(func() error { return unix.Stat(dir, &st) }); err != nil {
		return "", "", folderError(err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFDIR {
		return "", "", folderError(unix.ENOTDIR)
	}
	return strconv.FormatUint(uint64(st.Dev), 16), strconv.FormatUint(uint64(st.Ino), 10), nil
}
