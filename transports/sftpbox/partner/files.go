//go:build unix

package partner

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/sys/unix"
)

// handler answers requests about files.
type handler struct{ s *Server }

// growth is how long a growing file grows; fullAt what a full server still takes.
const (
	growth = 3 * time.Second
	fullAt = 100_000
)

// real gives the path on this machine.
func (h *handler) real(p string) string {
	p = filepath.Clean("/" + p)
	if h.s.has(UpperCase) {
		dir, name := filepath.Split(p)
		p = filepath.Join(dir, upper(name))
	}
	return filepath.Join(h.s.o.Dir, p)
}

// upper writes ASCII letters in capitals; other bytes stay. Folders keep their names: they were there before.
func upper(name string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' {
			return r - 'a' + 'A'
		}
		return r
	}, name)
}

func (h *handler) dir(p string) string { return filepath.Join(h.s.o.Dir, filepath.Clean("/"+p)) }

// Fileread opens a file for reading.
func (h *handler) Fileread(r *sftp.Request) (io.ReaderAt, error) {
	h.s.count(r.Method)
	f, err := os.Open(h.real(r.Filepath))
	if err != nil {
		return nil, plain(err)
	}
	return &reading{File: f, h: h, path: h.real(r.Filepath)}, nil
}

type reading struct {
	*os.File
	h      *handler
	path   string
	mu     sync.Mutex
	ended  bool // its last byte was given
	broken bool // the connection ended first
}

func (r *reading) ReadAt(p []byte, at int64) (int, error) {
	info, err := r.Stat()
	if err != nil {
		return 0, err
	}
	size := r.h.shown(r.path, info)
	if r.h.s.has(Truncate) {
		size = size * 3 / 4
	}
	if r.h.s.has(ShortReads) && len(p) > 1 {
		p = p[:len(p)/2]
	}
	if left := size - at; left <= 0 {
		p = nil
	} else if int64(len(p)) > left {
		p = p[:left]
	}
	if len(p) == 0 {
		r.mu.Lock()
		r.ended = true
		r.mu.Unlock()
		return 0, io.EOF
	}
	n, err := r.File.ReadAt(p, at)
	if at+int64(n) >= size {
		r.mu.Lock()
		r.ended = true
		r.mu.Unlock()
	}
	return n, err
}

// TransferError is called when the connection ends before the file was closed.
func (r *reading) TransferError(error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.broken = true
}

func (r *reading) Close() error {
	r.mu.Lock()
	gone := r.ended && !r.broken // what was not closed was not taken
	r.mu.Unlock()
	if r.h.s.has(ReadOnce) && gone {
		_ = os.Remove(r.path)
	}
	return r.File.Close()
}

// Filewrite opens a file for writing.
func (h *handler) Filewrite(r *sftp.Request) (io.WriterAt, error) {
	h.s.count(r.Method)
	if h.s.has(ReadOnly) {
		return nil, sftp.ErrSSHFxPermissionDenied
	}
	f := r.Pflags()
	flags := os.O_WRONLY
	for flag, on := range map[int]bool{os.O_CREATE: f.Creat, os.O_TRUNC: f.Trunc, os.O_EXCL: f.Excl} {
		if on {
			flags |= flag
		}
	}
	w, err := os.OpenFile(h.real(r.Filepath), flags, 0o666)
	if err != nil {
		return nil, plain(err)
	}
	return &writing{File: w, h: h}, nil
}

type writing struct {
	*os.File
	h *handler
}

func (w *writing) WriteAt(p []byte, at int64) (int, error) {
	switch {
	case w.h.s.has(FailLastWrite) && len(p) < 32<<10:
		return 0, sftp.ErrSSHFxFailure
	case w.h.s.has(DropLastWrite) && len(p) < 32<<10:
		return len(p), nil
	case w.h.s.has(Full) && at+int64(len(p)) > fullAt:
		return 0, sftp.ErrSSHFxFailure
	}
	return w.File.WriteAt(p, at)
}

// Filecmd changes names and rights.
func (h *handler) Filecmd(r *sftp.Request) error {
	h.s.count(r.Method)
	if h.s.has(ReadOnly) {
		return sftp.ErrSSHFxPermissionDenied
	}
	path := h.real(r.Filepath)
	switch r.Method {
	case "Setstat":
		if h.s.has(NoChmod) {
			return sftp.ErrSSHFxPermissionDenied
		}
		if r.AttrFlags().Permissions {
			return plain(os.Chmod(path, r.Attributes().FileMode().Perm()))
		}
		return nil
	case "Rename", "PosixRename":
		if h.s.has(NoRename) {
			return sftp.ErrSSHFxPermissionDenied
		}
		to := h.real(r.Target)
		if r.Method == "PosixRename" || h.s.has(RenameOver) {
			return plain(os.Rename(path, to))
		}
		return plain(renameNew(path, to))
	case "Mkdir":
		if h.s.has(NoMkdir) {
			return sftp.ErrSSHFxPermissionDenied
		}
		return plain(os.Mkdir(h.dir(r.Filepath), 0o777))
	case "Rmdir":
		return plain(syscall.Rmdir(h.dir(r.Filepath)))
	case "Remove":
		return plain(syscall.Unlink(path))
	}
	return sftp.ErrSSHFxOpUnsupported
}

// renameNew renames to a free name, as OpenSSH does: by link and unlink.
func renameNew(from, to string) error {
	if err := os.Link(from, to); err != nil {
		return err
	}
	if err := syscall.Unlink(from); err != nil {
		_ = syscall.Unlink(to)
		return err
	}
	return nil
}

// plain takes the paths of this machine out of an error, and makes of it what the other side is told.
func plain(err error) error {
	var errno syscall.Errno
	switch {
	case err == nil:
		return nil
	case errors.As(err, &errno):
		switch errno {
		case syscall.ENOENT, syscall.ENOTDIR, syscall.ELOOP:
			return sftp.ErrSSHFxNoSuchFile
		case syscall.EACCES, syscall.EPERM:
			return sftp.ErrSSHFxPermissionDenied
		case syscall.EINVAL, syscall.ENAMETOOLONG:
			return sftp.ErrSSHFxBadMessage
		}
	}
	return sftp.ErrSSHFxFailure
}

// Filelist lists folders and describes files.
func (h *handler) Filelist(r *sftp.Request) (sftp.ListerAt, error) {
	h.s.count(r.Method)
	switch r.Method {
	case "List":
		entries, err := os.ReadDir(h.dir(r.Filepath))
		if err != nil {
			return nil, plain(err)
		}
		var list lister
		for _, e := range entries {
			if info, err := e.Info(); err == nil {
				list = append(list, h.seen(filepath.Join(h.dir(r.Filepath), e.Name()), info))
			}
		}
		return list, nil
	case "Stat":
		return h.describe(r.Filepath, os.Stat)
	}
	return nil, sftp.ErrSSHFxOpUnsupported
}

// Lstat describes without following links.
func (h *handler) Lstat(r *sftp.Request) (sftp.ListerAt, error) {
	h.s.count("Lstat")
	return h.describe(r.Filepath, os.Lstat)
}

func (h *handler) describe(p string, stat func(string) (os.FileInfo, error)) (sftp.ListerAt, error) {
	path := h.real(p)
	info, err := stat(path)
	if err != nil {
		if path = h.dir(p); h.s.has(UpperCase) {
			if dir, e := stat(path); e == nil && dir.IsDir() { // folders keep their names
				return lister{dir}, nil
			}
		}
		return nil, plain(err)
	}
	if h.s.has(NoStat) && !info.IsDir() {
		return nil, sftp.ErrSSHFxPermissionDenied
	}
	return lister{h.seen(path, info)}, nil
}

// shown is the size that is told.
func (h *handler) shown(path string, info os.FileInfo) int64 {
	if !h.s.has(Growing) || !info.Mode().IsRegular() || strings.HasPrefix(info.Name(), ".") {
		return info.Size()
	}
	h.s.mu.Lock()
	defer h.s.mu.Unlock()
	first, ok := h.s.seen[path]
	if !ok {
		first = time.Now()
		h.s.seen[path] = first
	}
	return min(info.Size(), info.Size()*int64(time.Since(first))/int64(growth))
}

// seen is a file as the other side is to see it.
func (h *handler) seen(path string, info os.FileInfo) os.FileInfo {
	i := &look{FileInfo: info, size: h.shown(path, info), at: info.ModTime()}
	if h.s.has(CoarseTime) {
		i.at = i.at.Truncate(2 * time.Second)
	}
	return i
}

type look struct {
	os.FileInfo
	size int64
	at   time.Time
}

func (l *look) Size() int64        { return l.size }
func (l *look) ModTime() time.Time { return l.at }

// StatVFS tells the space of the folder's disk.
func (h *handler) StatVFS(r *sftp.Request) (*sftp.StatVFS, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(h.dir(r.Filepath), &st); err != nil {
		return nil, plain(err)
	}
	return &sftp.StatVFS{Bsize: uint64(st.Bsize), Frsize: uint64(st.Bsize), Blocks: st.Blocks, Bfree: st.Bfree, Bavail: uint64(st.Bavail), Namemax: 255}, nil
}

// PosixRename replaces.
func (h *handler) PosixRename(r *sftp.Request) error { return h.Filecmd(r) }

type lister []fs.FileInfo

func (l lister) ListAt(to []fs.FileInfo, at int64) (int, error) {
	if at >= int64(len(l)) {
		return 0, io.EOF
	}
	n := copy(to, l[at:])
	if n < len(to) {
		return n, io.EOF
	}
	return n, nil
}
