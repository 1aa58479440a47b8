// Package transports is the port to places where files are exchanged: local folders now, SFTP servers beside them.
// A Box moves whole files and knows nothing of flows, mappings or payments.
package transports

import (
	"context"
	"errors"
	"io"
	"time"
)

// Box is one place to exchange files. Paths are absolute within it; dir and name are joined by Join.
// Methods may be called from several goroutines. Errors wrap one of the kinds below where it is known; an error
// without a kind means that the act may have happened (a rename's reply can be lost): look before trying again.
type Box interface {
	// List returns the plain files of dir in name order: no folders, links, pipes or devices, whatever their names.
	// ErrFolder when dir is not there or is no folder: a vanished folder is never an empty one.
	List(ctx context.Context, dir string) ([]File, error)
	// Stat describes one plain file; ErrGone when there is none (a link or pipe of that name is ErrRefused).
	Stat(ctx context.Context, path string) (File, error)
	// Open reads one plain file from its first byte; links are not followed, pipes do not block.
	Open(ctx context.Context, path string) (io.ReadCloser, error)
	// Publish writes r to path whole or not at all (temporary name, fsync, rename, fsync of the folder) and never
	// overwrites: ErrExists when path is taken. mode is the permission bits of the new file.
	Publish(ctx context.Context, path string, r io.Reader, mode uint32) error
	// Move renames a plain file from to to and makes it durable; never overwrites (ErrExists); ErrGone when from is gone.
	// Of several movers of one file exactly one gets nil. Between file systems it copies, fsyncs, and only then removes:
	// an interruption there can leave the file whole under both names, never under none.
	Move(ctx context.Context, from, to string) error
	// MakeDir creates a folder if it is missing; nil when it is there; ErrFolder when something else has its name.
	MakeDir(ctx context.Context, dir string) error
	// Join makes the path of a name in dir. A name that is none ("..", "a/b") gives a path that every act refuses.
	Join(dir, name string) string
	Close() error
}

// File is one plain file as a listing shows it.
type File struct {
	Name     string    // base name, its bytes as they are (perhaps not UTF-8)
	Size     int64     // bytes
	ModTime  time.Time // as the place says; compared for equality, and for max_age
	Identity string    // device and inode where there are such things, else ""
	Owner    string    // number of the user it belongs to, "" when that names nobody here
	Editable bool      // others than its owner may write it, as far as its mode tells
	Links    int       // number of hard links, 0 when unknown
}

// Same tells whether two observations show an unchanged file.
func (f File) Same(g File) bool {
	return f.Name == g.Name && f.Size == g.Size && f.ModTime.Equal(g.ModTime) && f.Identity == g.Identity
}

// Kinds of errors, for errors.Is.
var (
	ErrGone    = errors.New("no such file")
	ErrExists  = errors.New("the name is taken")
	ErrFolder  = errors.New("no such folder")
	ErrRefused = errors.New("refused")          // rights, links, names: trying again is no use until somebody mends it
	ErrRetry   = errors.New("not possible now") // disk full, share busy, server away: certainly not done, try later
)

// Watcher is the ability to be woken when dir changes. It is a hint: List is the truth. Watch calls wake once when it
// stands (a List made then misses nothing), and after changes; wake must not block. It returns when ctx ends (its
// error) or when the watch is lost: ErrFolder when the folder is not there or another one now, ErrRetry else.
type Watcher interface {
	Watch(ctx context.Context, dir string, wake func()) error
}

// Leaser is the ability to tell whether another process still has a file open for writing. known is false where the
// place cannot tell (another owner, a network share): then quiet and the second stat decide.
type Leaser interface {
	Busy(ctx context.Context, path string) (busy, known bool, err error)
}

// Placer is the ability to tell on which device a folder stands, so that an unmounted share is noticed. device changes
// when something is mounted there or no longer; folder changes when it was made anew.
type Placer interface {
	Place(ctx context.Context, dir string) (device, folder string, err error)
}

// Sharer is the ability to tell that a folder stands on a network share (nfs, smb, fuse, other; "" for a disk of this
// machine): there sizes and times may be stale for seconds, and nobody tells who writes.
type Sharer interface {
	Shared(ctx context.Context, dir string) (kind string, err error)
}

// Mounter is the ability to tell what a folder, or the nearest one above it that is there, stands on: a share as in Sharer,
// "disk" for a file system of its own, "" for the machine's root file system, which shows where nothing is mounted. Unlike
// a device number it says the same after a restart.
type Mounter interface {
	Mount(ctx context.Context, dir string) (kind string, err error)
}

// Sweeper is the ability to clear the temporary files (TempPrefix) that an interrupted Publish of ours left in dir.
// A Publish under way is spared where that can be seen, and fails with ErrRetry where it cannot.
type Sweeper interface {
	Sweep(ctx context.Context, dir string) error
}

// Claim is a way of taking files from a place.
type Claim string

// The ways. A place that says nothing is taken from by renaming.
const (
	ClaimRename   Claim = "rename"    // to a unique name: one of several takers wins
	ClaimLease    Claim = "lease"     // renaming is forbidden: the file stays, the taker remembers it
	ClaimReadOnce Claim = "read_once" // as lease; and reading takes it away, so that the bytes must be safe before Close
)

// Claimer is the ability to say how files are taken. A rename that is refused tells ClaimLease by itself.
type Claimer interface {
	Claiming() Claim
}

// Parallel is the ability to serve several files at once faster than one after the other: InFlight is how many.
type Parallel interface {
	InFlight() int
}

// Connecter is the ability to log in without any further effect. The error has the code of the catalogue (NVCode).
type Connecter interface {
	Connect(ctx context.Context) error
}

// Replacer is the ability to write a small file whole in place of another of that name, or of none. Where a place cannot
// do that at once, an interruption can leave path free: then the former file stands under Former(path). After an error
// either of them may be there, whole. ErrRefused where the place allows none of that.
type Replacer interface {
	Replace(ctx context.Context, path string, r io.Reader, mode uint32) error
}

// Former is where Replace leaves the file that path named before, if it is interrupted.
func Former(path string) string { return path + "~" }
