// Package sftpbox is the Box of folders on a partner's SFTP server.
//
// One connection a Box is kept, watched and made anew; every request on it has a deadline. Names are claimed and given
// by plain RENAME to names that are free, never by replacing (but for what Replace is asked to); bytes that were read are believed only when their number
// is the file's size before and after. Servers differ: what one refuses beyond that (chmod, fstat, fsync, mkdir) is
// done without.
package sftpbox

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/navette-connect/navette/transports"
)

// Options say how a server is reached and what is known of it.
type Options struct {
	Address    string // host:port
	User       string
	Key        string   // private key in PEM or OpenSSH form; "" for none
	Passphrase string   // of the key
	Password   string   // also given to keyboard-interactive; "" for none
	HostKeys   []string // the server's keys, each as "ssh-ed25519 AAAA…"; any of them is accepted
	KnownHosts string   // or the path of a known_hosts file, read at each connection
	Legacy     []string // names of old algorithms that are allowed beside the usual ones
	Timeout    time.Duration
	InFlight   int // files under way at once; 0: 64
	// Claim says how files are taken: ClaimRename, ClaimLease or ClaimReadOnce; "": as the profile says.
	Claim   Claim
	Profile Profile // what Probe found earlier; the zero Profile assumes nothing

	Dial   func(ctx context.Context, address string) (net.Conn, error) // nil: TCP
	Random io.Reader                                                   // names temporary files; nil: crypto/rand
	// Fault, where not nil, is asked before each act on the server and makes it fail with the error it gives. op is open,
	// write, close, rename, unlink or mkdir. It is called from several goroutines.
	Fault func(op, path string) error
}

// Claim is a way of taking files.
type Claim = transports.Claim

// Box exchanges files on one server.
type Box struct {
	o       Options
	login   login
	keeper  keeper
	mu      sync.Mutex
	live    map[string]bool   // temporary names that a Publish is writing
	orphans map[string]string // temporary files left when a connection broke: path -> path
}

var (
	_ transports.Box       = (*Box)(nil)
	_ transports.Sweeper   = (*Box)(nil)
	_ transports.Claimer   = (*Box)(nil)
	_ transports.Parallel  = (*Box)(nil)
	_ transports.Connecter = (*Box)(nil)
	_ transports.Replacer  = (*Box)(nil)
)

// The bounds of one connection.
const (
	defaultTimeout  = 30 * time.Second
	defaultInFlight = 64
)

// New prepares a Box; nothing is connected yet. An error means that the options cannot work: no host key, a key that
// cannot be read, an unknown algorithm.
func New(o Options) (*Box, error) {
	o.Timeout = cmp.Or(o.Timeout, defaultTimeout)
	o.InFlight = cmp.Or(o.InFlight, defaultInFlight)
	if o.Random == nil {
		o.Random = rand.Reader
	}
	if o.Dial == nil {
		o.Dial = func(ctx context.Context, address string) (net.Conn, error) {
			return (&net.Dialer{KeepAlive: 15 * time.Second}).DialContext(ctx, "tcp", address)
		}
	}
	l, err := newLogin(o)
	if err != nil {
		return nil, err
	}
	b := &Box{o: o, login: l, live: map[string]bool{}, orphans: map[string]string{}}
	b.keeper.open = b.connect
	return b, nil
}

// Close ends the connection.
func (b *Box) Close() error { return b.keeper.close() }

// Connect implements transports.Connecter: it logs in, if nobody is, and asks for nothing.
func (b *Box) Connect(ctx context.Context) error {
	_, err := b.keeper.get(ctx)
	return wrap("connect", b.o.Address, err)
}

// InFlight implements transports.Parallel.
func (b *Box) InFlight() int { return b.o.InFlight }

// Claiming implements transports.Claimer.
func (b *Box) Claiming() Claim {
	return cmp.Or(b.o.Claim, b.o.Profile.Claim, transports.ClaimRename)
}

// Join makes the path of a name in dir. What is no base name gives a path that every call refuses.
func (b *Box) Join(dir, name string) string { return transports.JoinPath(dir, name) }

// MakeDir creates a folder, its missing parents too.
func (b *Box) MakeDir(ctx context.Context, dir string) error {
	if err := ctx.Err(); err != nil {
		return wrap("make folder", dir, before(err))
	}
	if !path.IsAbs(dir) || strings.IndexByte(dir, 0) >= 0 {
		return wrap("make folder", dir, fmt.Errorf("%w: not an absolute path", transports.ErrRefused))
	}
	l, err := b.keeper.get(ctx)
	if err != nil {
		return wrap("make folder", dir, err)
	}
	return wrap("make folder", dir, before(b.makeDir(ctx, l, path.Clean(dir))))
}

func (b *Box) makeDir(ctx context.Context, l *link, dir string) error {
	isDir := func() (bool, error) {
		info, err := l.info(ctx, func() (os.FileInfo, error) { return l.sftp.Stat(dir) })
		return err == nil && info.IsDir(), err
	}
	is, err := isDir()
	switch {
	case is:
		return nil
	case err == nil:
		return fmt.Errorf("%w: something else has that name", transports.ErrFolder)
	case errors.Is(err, transports.ErrRefused): // not told: try
	case !errors.Is(err, os.ErrNotExist):
		return err
	}
	if above := path.Dir(dir); above != dir && err != nil && errors.Is(err, os.ErrNotExist) {
		if err := b.makeDir(ctx, l, above); err != nil {
			return err
		}
	}
	if err := b.ask("mkdir", dir); err != nil {
		return err
	}
	made := l.do(ctx, func() error { return l.sftp.Mkdir(dir) })
	if made == nil {
		return nil
	}
	switch is, err := isDir(); { // somebody was faster, or a dangling link is in the way
	case is:
		return nil
	case err == nil:
		return fmt.Errorf("%w: something else has that name", transports.ErrFolder)
	}
	return made
}

// ask lets a test make an act fail.
func (b *Box) ask(op, path string) error {
	if b.o.Fault == nil {
		return nil
	}
	return b.o.Fault(op, path)
}

// tempName makes a name that nobody else uses.
func (b *Box) tempName() (string, error) {
	var raw [10]byte
	b.mu.Lock()
	_, err := io.ReadFull(b.o.Random, raw[:])
	b.mu.Unlock()
	if err != nil {
		return "", fmt.Errorf("naming a temporary file: %w", err)
	}
	return transports.TempPrefix + hex.EncodeToString(raw[:]), nil
}
