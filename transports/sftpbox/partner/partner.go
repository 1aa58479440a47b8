//go:build unix

// Package partner is a rehearsal SFTP server whose faults are switched on by name: what partners' servers do to files,
// done on purpose. It serves a folder of this machine and is for tests and rehearsals, not for the Internet.
package partner

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/subtle"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"
)

// Fault is something a server does wrong.
type Fault string

// The faults. Those with a number take it as "cut=200".
const (
	ShortReads    Fault = "short_reads"     // gives half of what is asked for
	FailLastWrite Fault = "fail_last_write" // refuses the last, short packet of a file
	DropLastWrite Fault = "drop_last_write" // says yes to it and keeps nothing
	Truncate      Fault = "truncate"        // files end at three quarters of the size that is told
	Growing       Fault = "growing"         // files dropped show their bytes only over three seconds
	RenameOver    Fault = "rename_replaces" // a plain rename replaces what bears the name
	NoRename      Fault = "no_rename"       // renaming is forbidden
	ReadOnly      Fault = "read_only"       // every change is forbidden
	ReadOnce      Fault = "read_once"       // a file that was read to its end is gone when it is closed
	UpperCase     Fault = "upper_case"      // names are written in capitals, and found whatever their case
	CoarseTime    Fault = "coarse_time"     // times are even seconds
	NoChmod       Fault = "no_chmod"        // changing rights is refused
	NoMkdir       Fault = "no_mkdir"        // making folders is refused
	NoStat        Fault = "no_stat"         // describing files is refused; listing is not
	NoExtensions  Fault = "no_extensions"   // announces none
	Full          Fault = "full"            // takes no file beyond 100 kB
	RefuseLogin   Fault = "refuse_login"    // nobody may log in
	NewKey        Fault = "new_key"         // shows another host key at each connection
	Cut           Fault = "cut"             // =N: cuts the connection at about each Nth packet
	Slow          Fault = "slow"            // =N: waits N milliseconds before each answer
	Mute          Fault = "mute"            // =N: answers nothing any more from the Nth packet of a connection on
)

// Faults are those switched on, each with its number (0 for none).
type Faults map[Fault]int

// Names are all faults.
func Names() []string {
	all := []Fault{ShortReads, FailLastWrite, DropLastWrite, Truncate, Growing, RenameOver, NoRename, ReadOnly, ReadOnce, UpperCase, CoarseTime,
		NoChmod, NoMkdir, NoStat, NoExtensions, Full, RefuseLogin, NewKey, Cut, Slow, Mute}
	names := make([]string, len(all))
	for i, f := range all {
		names[i] = string(f)
	}
	return names
}

// ParseFaults reads "short_reads" and "cut=200".
func ParseFaults(list []string) (Faults, error) {
	faults := Faults{}
	for _, text := range list {
		name, number, given := strings.Cut(text, "=")
		if !slices.Contains(Names(), name) {
			return nil, fmt.Errorf("fault %q is not known; there are %s", name, strings.Join(Names(), ", "))
		}
		n := 0
		if wants := slices.Contains([]Fault{Cut, Slow, Mute}, Fault(name)); wants || given {
			var err error
			if n, err = strconv.Atoi(number); err != nil || n < 1 || !wants {
				return nil, fmt.Errorf("fault %q: cut, slow and mute take a number from 1 on, as cut=200; the others none", text)
			}
		}
		faults[Fault(name)] = n
	}
	return faults, nil
}

// Options are those of one server.
type Options struct {
	Dir      string // what is served, as "/"
	User     string
	Password string // "" for none
	Key      string // a public key that may log in, "" for none
	HostKey  string // file of the server's key, made if it is missing; "": a new one for each server
	Faults   Faults
}

// Server is a partner.
type Server struct {
	o      Options
	config *ssh.ServerConfig
	host   ssh.Signer
	logins atomic.Int64
	mu     sync.Mutex
	faults Faults
	seen   map[string]time.Time // when a growing file was first looked at
	conns  map[net.Conn]bool
	asked  map[string]int // requests about files, by kind
}

// New prepares a server.
func New(o Options) (*Server, error) {
	s := &Server{o: o, faults: maps.Clone(o.Faults), seen: map[string]time.Time{}, conns: map[net.Conn]bool{}, asked: map[string]int{}}
	if info, err := os.Stat(o.Dir); err != nil || !info.IsDir() {
		return nil, fmt.Errorf("%s is no folder to serve: %w", o.Dir, errors.Join(err, os.ErrInvalid))
	}
	var err error
	if s.host, err = hostKey(o.HostKey); err != nil {
		return nil, fmt.Errorf("host key: %w", err)
	}
	var known []byte
	if o.Key != "" {
		k, _, _, _, err := ssh.ParseAuthorizedKey([]byte(o.Key))
		if err != nil {
			return nil, fmt.Errorf("public key: %w", err)
		}
		known = k.Marshal()
	}
	refused := errors.New("refused")
	s.config = &ssh.ServerConfig{
		PasswordCallback: func(c ssh.ConnMetadata, password []byte) (*ssh.Permissions, error) {
			s.logins.Add(1)
			if s.has(RefuseLogin) || o.Password == "" || c.User() != o.User || subtle.ConstantTimeCompare(password, []byte(o.Password)) != 1 {
				return nil, refused
			}
			return nil, nil
		},
		PublicKeyCallback: func(c ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
			s.logins.Add(1)
			if s.has(RefuseLogin) || known == nil || c.User() != o.User || subtle.ConstantTimeCompare(key.Marshal(), known) != 1 {
				return nil, refused
			}
			return nil, nil
		},
	}
	return s, nil
}

func hostKey(file string) (ssh.Signer, error) {
	if file != "" {
		if b, err := os.ReadFile(file); err == nil {
			return ssh.ParsePrivateKey(b)
		}
	}
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	if file != "" {
		block, err := ssh.MarshalPrivateKey(private, "navette partner")
		if err != nil {
			return nil, err
		}
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			return nil, err
		}
	}
	return ssh.NewSignerFromKey(private)
}

// HostKey is the server's public key as a line for `host_keys`.
func (s *Server) HostKey() string {
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(s.host.PublicKey())))
}

// Fingerprint is its SHA256 fingerprint.
func (s *Server) Fingerprint() string { return ssh.FingerprintSHA256(s.host.PublicKey()) }

// Logins counts the attempts to log in.
func (s *Server) Logins() int { return int(s.logins.Load()) }

// Requests counts what was asked about files since the last call, by kind: List (a whole folder), Stat, Lstat, Get, Put,
// Rename and so on.
func (s *Server) Requests() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	asked := s.asked
	s.asked = map[string]int{}
	return asked
}

func (s *Server) count(kind string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked[kind]++
}

// Switch changes the faults; connections that are open have the new ones at once.
func (s *Server) Switch(f Faults) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = maps.Clone(f)
}

// CutAll cuts every connection.
func (s *Server) CutAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		_ = c.Close()
	}
}

func (s *Server) has(f Fault) bool {
	_, ok := s.number(f)
	return ok
}

func (s *Server) number(f Fault) (int, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, ok := s.faults[f]
	return n, ok
}

// Serve serves connections until ctx ends, then cuts them and returns nil once all is quiet.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var all sync.WaitGroup
	all.Go(func() {
		<-ctx.Done()
		_ = l.Close()
		s.CutAll()
	})
	for {
		c, err := l.Accept()
		if err != nil {
			stopped := ctx.Err() != nil
			cancel()
			all.Wait()
			if stopped {
				return nil
			}
			return fmt.Errorf("partner: %w", err)
		}
		s.mu.Lock()
		s.conns[c] = true
		s.mu.Unlock()
		all.Go(func() {
			s.connection(ctx, c)
			_ = c.Close()
			s.mu.Lock()
			delete(s.conns, c)
			s.mu.Unlock()
		})
		if ctx.Err() != nil {
			_ = c.Close()
		}
	}
}

// connection serves one; that it ends with an error is the client's affair.
func (s *Server) connection(ctx context.Context, c net.Conn) {
	config := *s.config
	config.AddHostKey(s.host)
	if s.has(NewKey) {
		other, err := hostKey("")
		if err != nil {
			return
		}
		config = ssh.ServerConfig{PasswordCallback: s.config.PasswordCallback, PublicKeyCallback: s.config.PublicKeyCallback}
		config.AddHostKey(other)
	}
	conn, channels, requests, err := ssh.NewServerConn(c, &config)
	if err != nil {
		return
	}
	defer conn.Close()
	var all sync.WaitGroup
	defer all.Wait()
	all.Go(func() { ssh.DiscardRequests(requests) })
	for ch := range channels {
		if ch.ChannelType() != "session" {
			_ = ch.Reject(ssh.UnknownChannelType, "sessions only")
			continue
		}
		channel, requests, err := ch.Accept()
		if err != nil {
			return
		}
		all.Go(func() {
			for r := range requests {
				ok := r.Type == "subsystem" && len(r.Payload) > 4 && string(r.Payload[4:]) == "sftp"
				if r.WantReply {
					_ = r.Reply(ok, nil)
				}
				if ok {
					all.Go(func() { s.files(ctx, conn, channel) })
				}
			}
		})
	}
}

// files speaks SFTP on a channel.
func (s *Server) files(ctx context.Context, conn ssh.Conn, channel ssh.Channel) {
	h := &handler{s: s}
	rs := sftp.NewRequestServer(&wire{Channel: channel, s: s, conn: conn, ctx: ctx}, sftp.Handlers{FileGet: h, FilePut: h, FileCmd: h, FileList: h})
	_ = rs.Serve() // however it ends, it has
	_ = rs.Close()
	_ = channel.Close()
}

// wire is the channel, with the faults of the line and of the greeting.
type wire struct {
	ssh.Channel
	s       *Server
	conn    ssh.Conn
	ctx     context.Context
	packets int
	greeted bool
}

// Write sends what is one packet, or a part of one.
func (w *wire) Write(p []byte) (int, error) {
	if !w.greeted {
		w.greeted = true
		if w.s.has(NoExtensions) && len(p) >= 9 && p[4] == 2 { // SSH_FXP_VERSION: its extensions follow the number
			if _, err := w.Channel.Write([]byte{0, 0, 0, 5, 2, p[5], p[6], p[7], p[8]}); err != nil {
				return 0, err
			}
			return len(p), nil
		}
	}
	w.packets++
	if n, ok := w.s.number(Cut); ok && w.packets%n == 0 {
		_ = w.conn.Close()
		return 0, io.ErrClosedPipe
	}
	if n, ok := w.s.number(Mute); ok && w.packets >= n {
		<-w.ctx.Done()
		return 0, io.ErrClosedPipe
	}
	if n, ok := w.s.number(Slow); ok {
		select {
		case <-time.After(time.Duration(n) * time.Millisecond):
		case <-w.ctx.Done():
		}
	}
	return w.Channel.Write(p)
}
