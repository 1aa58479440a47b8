//go:build unix

package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/navette-connect/navette/transports"
)

// batch is how many names are read between two looks at the context.
const batch = 1024

// List implements transports.Box. A file that vanishes while the folder is read is left out.
func (b *Box) List(ctx context.Context, dir string) ([]transports.File, error) {
	files, err := b.list(ctx, dir)
	return files, wrap("list", dir, err)
}

func (b *Box) list(ctx context.Context, dir string) ([]transports.File, error) {
	d, err := b.open(dir)
	if err != nil {
		return nil, err
	}
	defer d.close()
	files := []transports.File{}
	for {
		if err := ctx.Err(); err != nil {
			return nil, before(err)
		}
		entries, err := d.file.ReadDir(batch)
		for _, e := range entries {
			if t := e.Type(); !t.IsRegular() && t != fs.ModeIrregular {
				continue // the folder itself says so: no stat
			}
			st, err := d.plain(e.Name())
			switch {
			case err == nil:
				files = append(files, file(e.Name(), st))
			case errors.Is(err, unix.ENOENT), errors.Is(err, transports.ErrRefused): // gone or replaced since
			default:
				return nil, before(err)
			}
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, folderError(err) // ENOENT: removed while it was read
		}
	}
	slices.SortFunc(files, func(a, b transports.File) int { return strings.Compare(a.Name, b.Name) })
	return files, nil
}

// Stat implements transports.Box.
func (b *Box) Stat(ctx context.Context, path string) (transports.File, error) {
	f, err := b.statFile(ctx, path)
	return f, wrap("stat", path, err)
}

func (b *Box) statFile(ctx context.Context, path string) (transports.File, error) {
	if err := ctx.Err(); err != nil {
		return transports.File{}, before(err)
	}
	dir, name, err := transports.SplitPath(path)
	if err != nil {
		return transports.File{}, err
	}
	var st unix.Stat_t
	if err := again(func() error { return unix.Lstat(path, &st) }); err != nil {
		return transports.File{}, missing(dir, err)
	}
	if err := checkPlain(st); err != nil {
		return transports.File{}, err
	}
	return file(name, st), nil
}

// Open implements transports.Box. What is read is the file that bore the name when it was opened, whatever becomes of
// the name; ctx bounds the opening only.
func (b *Box) Open(ctx context.Context, path string) (io.ReadCloser, error) {
	f, err := b.openFile(ctx, path)
	if err != nil {
		return nil, wrap("open", path, err)
	}
	return f, nil
}

func (b *Box) openFile(ctx context.Context, path string) (*os.File, error) {
	if err := ctx.Err(); err != nil {
		return nil, before(err)
	}
	dir, name, err := transports.SplitPath(path)
	if err != nil {
		return nil, err
	}
	d, err := b.open(dir)
	if err != nil {
		return nil, err
	}
	defer d.close()
	f, _, err := d.openPlain(name)
	return f, err
}

// openPlain opens a plain file for reading. The first look spares pipes and devices an opening, which can have effects;
// the second, on the descriptor, is the one that counts.
func (d *folder) openPlain(name string) (*os.File, unix.Stat_t, error) {
	st, err := d.plain(name)
	if err != nil {
		return nil, st, before(err)
	}
	if err := d.box.ask("open", d.join(name)); err != nil {
		return nil, st, before(err)
	}
	fd, err := openAt(d.fd(), name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, st, before(err)
	}
	if err = unix.Fstat(fd, &st); err == nil {
		err = checkPlain(st)
	}
	if err != nil {
		_ = unix.Close(fd)
		return nil, st, before(err)
	}
	return os.NewFile(uintptr(fd), d.join(name)), st, nil
}

// missing is before for a path: where its folder is gone too, that is the news.
func missing(dir string, err error) error {
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) {
		if _, _, e := place(dir); e != nil {
			return e
		}
	}
	return before(err)
}

func checkPlain(st unix.Stat_t) error {
	var is string
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		return nil
	case unix.S_IFDIR:
		is = "a folder"
	case unix.S_IFLNK:
		is = "a symbolic link"
	case unix.S_IFIFO:
		is = "a pipe"
	case unix.S_IFSOCK:
		is = "a socket"
	default:
		is = "a device"
	}
	return fmt.Errorf("%w: it is %s, no plain file", transports.ErrRefused, is)
}

func file(name string, st unix.Stat_t) transports.File {
	id := make([]byte, 0, 32)
	id = strconv.AppendUint(id, uint64(st.Dev), 16)
	id = append(id, ':')
	id = strconv.AppendUint(id, uint64(st.Ino), 10)
	return transports.File{
		Name:     name,
		Size:     st.Size,
		ModTime:  time.Unix(int64(st.Mtim.Sec), int64(st.Mtim.Nsec)),
		Identity: string(id),
		Owner:    strconv.FormatUint(uint64(st.Uid), 10),
		Editable: st.Mode&(unix.S_IWGRP|unix.S_IWOTH) != 0,
		Links:    int(st.Nlink),
	}
}
