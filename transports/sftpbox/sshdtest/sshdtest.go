//go:build unix

// Package sshdtest runs a real OpenSSH server for one test: its own configuration, port, host keys and user key, in the
// test's folder, as the user who runs the test.
package sshdtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Options change one server.
type Options struct {
	HostKeys []string // kinds for ssh-keygen: ed25519 (the default), ecdsa, rsa
	Config   []string // more lines of sshd_config
	SFTP     string   // of the subsystem: "internal-sftp" where empty
	Wrap     string   // a program that sessions are started through
	LoginAs  string   // "" the user who runs the test
}

// Server is one running sshd.
type Server struct {
	Address string // host:port
	User    string
	Key     string   // the private key that may log in, its text
	KeyFile string   // and its file
	Hosts   []string // the public host keys, as lines
	Dir     string   // where all this stands
	t       testing.TB
	mu      sync.Mutex
	cmd     *exec.Cmd
	waited  chan struct{}
	args    []string
	log     *bytes.Buffer
	logMu   sync.Mutex
}

// Path gives the sshd to run. Without one the test is skipped; where CI is set it fails.
func Path(t testing.TB) string {
	t.Helper()
	for _, p := range []string{"sshd", "/usr/sbin/sshd", "/usr/local/sbin/sshd"} {
		if found, err := exec.LookPath(p); err == nil {
			if abs, err := filepath.Abs(found); err == nil {
				return abs
			}
		}
	}
	if os.Getenv("CI") != "" {
		t.Fatal("there is no sshd: install openssh-server")
	}
	t.Skip("there is no sshd: install openssh-server")
	return ""
}

// SFTPServer gives OpenSSH's own program for the subsystem, which has a log. Without one the test is skipped; where CI is
// set it fails.
func SFTPServer(t testing.TB) string {
	t.Helper()
	for _, p := range []string{"/usr/lib/openssh/sftp-server", "/usr/libexec/openssh/sftp-server", "/usr/libexec/sftp-server", "/usr/lib/ssh/sftp-server"} {
		if _, err := os.Stat(p); err == nil {
			return p
		}
	}
	if os.Getenv("CI") != "" {
		t.Fatal("there is no sftp-server: install openssh-sftp-server")
	}
	t.Skip("there is no sftp-server: install openssh-sftp-server")
	return ""
}

// Start runs a server until the test ends.
func Start(t testing.TB, o Options) *Server {
	t.Helper()
	sshd := Path(t)
	dir, err := os.MkdirTemp("", "navette-sshd-") // short: sshd has sockets; and reachable by other users
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	s := &Server{t: t, Dir: dir, User: o.LoginAs, log: &bytes.Buffer{}}
	if s.User == "" {
		u, err := user.Current()
		if err != nil {
			t.Fatal(err)
		}
		s.User = u.Username
	}
	if os.Geteuid() == 0 {
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil { // where sshd locks itself in
			t.Fatal(err)
		}
	}
	if len(o.HostKeys) == 0 {
		o.HostKeys = []string{"ed25519"}
	}
	config := []string{"ListenAddress 127.0.0.1", "AuthorizedKeysFile " + dir + "/authorized", "PasswordAuthentication no", "KbdInteractiveAuthentication no",
		"StrictModes no", "UsePAM no", "UseDNS no", "PidFile none", "LogLevel ERROR", "MaxStartups 100", "MaxSessions 100", "PrintMotd no", "PermitRootLogin yes"}
	for _, kind := range o.HostKeys {
		file := filepath.Join(dir, "host_"+kind)
		s.keygen(kind, file)
		config = append(config, "HostKey "+file)
		s.Hosts = append(s.Hosts, s.read(file+".pub"))
	}
	s.KeyFile = filepath.Join(dir, "user")
	s.keygen("ed25519", s.KeyFile)
	s.Key = s.read(s.KeyFile)
	s.write("authorized", s.read(s.KeyFile+".pub"))
	sub := o.SFTP
	if sub == "" {
		sub = "internal-sftp"
	}
	config = append(config, "Subsystem sftp "+sub)
	config = append(config, o.Config...)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.Address = l.Addr().String()
	_, port, _ := net.SplitHostPort(s.Address)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	s.write("config", "Port "+port+"\n"+strings.Join(config, "\n")+"\n")
	s.args = []string{sshd, "-D", "-e", "-f", filepath.Join(dir, "config")}
	s.Run()
	t.Cleanup(s.Stop)
	return s
}

func (s *Server) keygen(kind, file string) {
	s.t.Helper()
	args := []string{"-q", "-t", kind, "-N", "", "-C", "test", "-f", file}
	if kind == "rsa" {
		args = append(args, "-b", "2048")
	}
	if out, err := exec.Command("ssh-keygen", args...).CombinedOutput(); err != nil {
		s.t.Fatalf("ssh-keygen: %v: %s", err, out)
	}
}

func (s *Server) read(file string) string {
	s.t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		s.t.Fatal(err)
	}
	return string(b)
}

func (s *Server) write(name, text string) {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.Dir, name), []byte(text), 0o644); err != nil {
		s.t.Fatal(err)
	}
}

// Run starts the server (again), at the same address.
func (s *Server) Run() {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cmd = exec.Command(s.args[0], s.args[1:]...)
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	s.cmd.Stderr = writer(func(p []byte) (int, error) {
		s.logMu.Lock()
		defer s.logMu.Unlock()
		return s.log.Write(p)
	})
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	cmd, waited := s.cmd, make(chan struct{})
	s.waited = waited
	go func() {
		defer close(waited)
		_ = cmd.Wait() // killed, as a rule
	}()
	deadline := time.Now().Add(10 * time.Second)
	for {
		c, err := net.DialTimeout("tcp", s.Address, time.Second)
		if err == nil {
			_ = c.Close()
			return
		}
		select {
		case <-waited:
			s.t.Fatalf("sshd ended: %s", s.Log())
		default:
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("sshd does not listen: %v: %s", err, s.Log())
		}
		time.Sleep(5 * time.Millisecond)
	}
}

type writer func([]byte) (int, error)

func (w writer) Write(p []byte) (int, error) { return w(p) }

// Log is what the server wrote.
func (s *Server) Log() string {
	s.logMu.Lock()
	defer s.logMu.Unlock()
	return s.log.String()
}

// Stop kills the server and its sessions.
func (s *Server) Stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd == nil {
		return
	}
	kill(descendants(s.cmd.Process.Pid))
	<-s.waited
	s.cmd = nil
}

// Cut kills the sessions and lets the server go on.
func (s *Server) Cut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd != nil {
		kill(descendants(s.cmd.Process.Pid)[1:])
	}
}

func kill(pids []int) {
	for _, pid := range pids {
		_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended by itself
	}
}

// descendants lists a process and those below it; sessions have process groups of their own.
func descendants(pid int) []int {
	all := []int{pid}
	for i := 0; i < len(all); i++ {
		tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", all[i]))
		for _, t := range tasks {
			b, _ := os.ReadFile(t)
			for _, f := range strings.Fields(string(b)) {
				if n, err := strconv.Atoi(f); err == nil {
					all = append(all, n)
				}
			}
		}
	}
	return all
}

// SFTP runs the stock client's commands, one a line, and gives what it printed.
func (s *Server) SFTP(ctx context.Context, batch string) (string, error) {
	host, port, err := net.SplitHostPort(s.Address)
	if err != nil {
		return "", err
	}
	known := filepath.Join(s.Dir, "known_hosts")
	if err := os.WriteFile(known, []byte("["+host+"]:"+port+" "+s.Hosts[0]), 0o600); err != nil {
		return "", err
	}
	key := filepath.Join(s.Dir, "client")
	if err := os.WriteFile(key, []byte(s.Key), 0o600); err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, "sftp", "-q", "-b", "-", "-F", "none", "-i", key, "-o", "UserKnownHostsFile="+known, "-o", "IdentitiesOnly=yes", "-P", port, s.User+"@"+host)
	cmd.Stdin = strings.NewReader(batch)
	out, err := cmd.CombinedOutput()
	if err != nil {
		err = errors.Join(err, errors.New(string(out)))
	}
	return string(out), err
}
