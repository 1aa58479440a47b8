package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"time"
)

// sftpServer is an OpenSSH server on the loopback, and a port to it that is 20 ms of round trip away.
type sftpServer struct {
	dir, user, key, hostKey string
	near, far               string // ports
	cmd                     *exec.Cmd
	delay                   net.Listener
}

// roundTrip is what the far port adds.
const roundTrip = 20 * time.Millisecond

// sftp measures the Box of SFTP servers beside OpenSSH's sftp and rclone: many small files and one of 20 MB over a
// delayed line, one of 200 MB on the loopback, a folder of 50,000 names.
func (b *bench) sftp(ctx context.Context) (err error) {
	for _, tool := range []string{"/usr/sbin/sshd", "ssh-keygen", "sftp", "rclone"} {
		if _, err := exec.LookPath(tool); err != nil {
			b.report.skip("sftp", "no "+tool)
			return nil
		}
	}
	s, err := b.startSFTP(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	small, middle, large := 200, 20_000_000, 200_000_000
	if b.quick {
		small, middle, large = 60, 4_000_000, 40_000_000
	}
	for dir, files := range map[string]struct{ n, size int }{"small": {small, 2000}, "middle": {1, middle}, "large": {1, large}} {
		if err := fillFolder(filepath.Join(s.dir, dir), files.n, files.size); err != nil {
			return err
		}
	}
	for _, m := range []struct {
		name, dir, port string
		vs              []contender
	}{
		{fmt.Sprintf("%d files of 2 kB at %v", small, roundTrip), "small", s.far, []contender{{"rclone", 4}, {"openssh", 10}}},
		{fmt.Sprintf("%d MB at %v", middle/1e6, roundTrip), "middle", s.far, []contender{{"openssh", 1}}},
		{fmt.Sprintf("%d MB on the loopback", large/1e6), "large", s.near, []contender{{"openssh", 0.8}}},
	} {
		for _, way := range []string{"get", "put"} {
			if err := b.transfer(ctx, s, m.name, way, m.dir, m.port, m.vs); err != nil {
				return err
			}
		}
	}
	return b.listing(ctx, s)
}

// crowd is how many files the folder to list holds.
const crowd = 50_000

// listing lists a large folder with navette's Box, OpenSSH's sftp and rclone in turn.
func (b *bench) listing(ctx context.Context, s *sftpServer) error {
	dir := filepath.Join(s.dir, "crowd")
	if err := fillFolder(dir, 1, 1); err != nil {
		return err
	}
	for i := 1; i < crowd; i++ { // links are quicker made than files
		if err := os.Link(filepath.Join(dir, "f000000"), filepath.Join(dir, fmt.Sprintf("f%06d", i))); err != nil {
			return err
		}
	}
	times := map[string][]float64{}
	for range b.pairs {
		for _, who := range []string{"navette", "openssh", "rclone"} {
			p, err := b.program(s, who, s.near, "list", dir, "")
			if err != nil {
				return err
			}
			u, err := b.measure(ctx, p)
			if err != nil || u.exit != 0 {
				return errors.Join(err, fmt.Errorf("%s ended with %d (%s)", who, u.exit, u.log))
			}
			times[who] = append(times[who], u.wall.Seconds())
		}
	}
	for _, who := range []string{"openssh", "rclone"} {
		var ratios []float64
		for i, t := range times[who] {
			ratios = append(ratios, t/times["navette"][i])
		}
		b.report.atLeast(fmt.Sprintf("sftp list %d names, times as fast as %s", crowd, who), median(ratios), 1,
			fmt.Sprintf("%.2f s, %s %.2f s", median(times["navette"]), who, median(times[who])))
	}
	return nil
}

// contender is who navette is held against, and how many times as fast it must be.
type contender struct {
	name string
	goal float64
}

// transfer runs navette and its rivals in turn; the ratios are the medians of the rounds.
func (b *bench) transfer(ctx context.Context, s *sftpServer, name, way, dir, port string, vs []contender) error {
	ratios := map[string][]float64{}
	var walls, rss []float64
	other, cpu := map[string][]float64{}, map[string][]float64{}
	for range b.pairs {
		own, err := b.moveFiles(ctx, s, "navette", way, dir, port)
		if err != nil {
			return err
		}
		walls, rss = append(walls, own.wall.Seconds()), append(rss, own.rss)
		for _, v := range vs {
			u, err := b.moveFiles(ctx, s, v.name, way, dir, port)
			if err != nil {
				return err
			}
			ratios[v.name] = append(ratios[v.name], u.wall.Seconds()/own.wall.Seconds())
			other[v.name] = append(other[v.name], u.wall.Seconds())
			cpu[v.name] = append(cpu[v.name], own.cpu.Seconds()/u.cpu.Seconds())
		}
	}
	for _, v := range vs {
		b.report.atLeast(fmt.Sprintf("sftp %s %s, times as fast as %s", way, name, v.name), median(ratios[v.name]), v.goal,
			fmt.Sprintf("%.2f s, %s %.2f s; CPU %.2f times its", median(walls), v.name, median(other[v.name]), median(cpu[v.name])))
	}
	b.report.tell(fmt.Sprintf("sftp %s %s, peak RSS", way, name), fmt.Sprintf("%.0f MiB", median(rss)))
	return nil
}

// moveFiles lets one program get or put a folder, and makes sure that it did.
func (b *bench) moveFiles(ctx context.Context, s *sftpServer, who, way, dir, port string) (usage, error) {
	remote, local := filepath.Join(s.dir, dir), filepath.Join(s.dir, "to")
	if way == "put" {
		remote, local = local, remote
	}
	if err := os.RemoveAll(filepath.Join(s.dir, "to")); err != nil {
		return usage{}, err
	}
	if err := os.Mkdir(filepath.Join(s.dir, "to"), 0o755); err != nil {
		return usage{}, err
	}
	p, err := b.program(s, who, port, way, remote, local)
	if err != nil {
		return usage{}, err
	}
	u, err := b.measure(ctx, p)
	if err == nil && u.exit != 0 {
		err = fmt.Errorf("%s ended with %d (%s)", who, u.exit, u.log)
	}
	if err != nil {
		return u, err
	}
	want, err := os.ReadDir(filepath.Join(s.dir, dir))
	if err != nil {
		return u, err
	}
	for _, e := range want {
		a, err := e.Info()
		if err != nil {
			return u, err
		}
		if got, err := os.Stat(filepath.Join(s.dir, "to", e.Name())); err != nil || got.Size() != a.Size() {
			return u, fmt.Errorf("%s did not move %s whole (%w)", who, e.Name(), err)
		}
	}
	return u, nil
}

// program is one of the three at work: way is get, put or list.
func (b *bench) program(s *sftpServer, who, port, way, remote, local string) (process, error) {
	known := filepath.Join(s.dir, "known")
	if err := os.WriteFile(known, []byte("[127.0.0.1]:"+port+" "+s.hostKey+"\n"), 0o600); err != nil {
		return process{}, err
	}
	p := process{name: "sftp-" + who}
	switch who {
	case "navette":
		p.path = filepath.Join(b.bin, "sftp")
		p.args = []string{"-address", "127.0.0.1:" + port, "-user", s.user, "-key", s.key, "-host-key", s.hostKey, way, remote}
		if way != "list" {
			p.args = append(p.args, local)
		}
	case "openssh":
		batch := filepath.Join(s.dir, "batch")
		line := fmt.Sprintf("%s %s/* %s/\n", way, map[string]string{"get": remote, "put": local}[way], filepath.Join(s.dir, "to"))
		if way == "list" {
			line = "ls -1 " + remote + "\n"
		}
		if err := os.WriteFile(batch, []byte(line), 0o600); err != nil {
			return process{}, err
		}
		p.path = "sftp"
		p.args = []string{"-q", "-b", batch, "-F", "none", "-i", s.key, "-o", "IdentitiesOnly=yes", "-o", "UserKnownHostsFile=" + known, "-P", port, s.user + "@127.0.0.1"}
	case "rclone":
		p.path = "rclone"
		server := fmt.Sprintf(":sftp,host=127.0.0.1,port=%s,user=%s,key_file=%s,disable_hashcheck=true:", port, s.user, s.key)
		from, to := server+remote, local
		if way == "put" {
			from, to = local, server+remote
		}
		p.args = []string{"--config", os.DevNull, "copy", "--transfers", "16", "--checkers", "16", from, to}
		if way == "list" {
			p.args = []string{"--config", os.DevNull, "lsf", from}
		}
	}
	if found, err := exec.LookPath(p.path); err == nil {
		p.path = found
	}
	return p, nil
}

// fillFolder makes n files of one size.
func fillFolder(dir string, n, size int) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	chunk := make([]byte, size)
	for i := range chunk {
		chunk[i] = byte(i * 7 >> (i % 5))
	}
	for i := range n {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("f%06d", i)), chunk, 0o644); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) startSFTP(ctx context.Context) (_ *sftpServer, err error) {
	s := &sftpServer{dir: filepath.Join(b.work, "sftp")}
	if err := errors.Join(os.RemoveAll(s.dir), os.MkdirAll(s.dir, 0o755)); err != nil {
		return nil, err
	}
	u, err := user.Current()
	if err != nil {
		return nil, err
	}
	s.user, s.key = u.Username, filepath.Join(s.dir, "user")
	for _, name := range []string{"user", "host"} {
		if msg, err := exec.CommandContext(ctx, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "bench", "-f", filepath.Join(s.dir, name)).CombinedOutput(); err != nil {
			return nil, fmt.Errorf("ssh-keygen: %w: %s", err, msg)
		}
	}
	public, err := os.ReadFile(filepath.Join(s.dir, "host.pub"))
	if err != nil {
		return nil, err
	}
	s.hostKey = strings.TrimSpace(string(public))
	if os.Geteuid() == 0 {
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
			return nil, err
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	_, s.near, _ = net.SplitHostPort(l.Addr().String())
	if err := l.Close(); err != nil {
		return nil, err
	}
	config := fmt.Sprintf("Port %s\nListenAddress 127.0.0.1\nHostKey %[2]s/host\nAuthorizedKeysFile %[2]s/user.pub\nPasswordAuthentication no\nStrictModes no\nUsePAM no\nUseDNS no\nPidFile none\nMaxStartups 100\nMaxSessions 100\nSubsystem sftp internal-sftp\n", s.near, s.dir)
	if err := os.WriteFile(filepath.Join(s.dir, "config"), []byte(config), 0o600); err != nil {
		return nil, err
	}
	s.cmd = exec.Command("/usr/sbin/sshd", "-D", "-f", filepath.Join(s.dir, "config"), "-E", filepath.Join(s.dir, "log"))
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	if s.delay, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	_, s.far, _ = net.SplitHostPort(s.delay.Addr().String())
	go delayed(s.delay, "127.0.0.1:"+s.near, roundTrip/2)
	for range 500 {
		if c, err := net.Dial("tcp", "127.0.0.1:"+s.near); err == nil {
			return s, c.Close()
		}
		time.Sleep(10 * time.Millisecond)
	}
	return nil, errors.Join(errors.New("sshd does not listen"), s.stop())
}

// stop ends the server; its sessions end with their clients.
func (s *sftpServer) stop() error {
	if s.delay != nil {
		_ = s.delay.Close()
	}
	err := s.cmd.Process.Kill()
	_ = s.cmd.Wait()
	return err
}

// delayed forwards connections until the listener is closed, each byte later by d in either direction.
func delayed(l net.Listener, to string, d time.Duration) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			u, err := net.Dial("tcp", to)
			if err != nil {
				_ = c.Close()
				return
			}
			go late(u, c, d)
			late(c, u, d)
		}()
	}
}

type parcel struct {
	due   time.Time
	bytes []byte
}

func late(to, from net.Conn, d time.Duration) {
	line := make(chan parcel, 4096)
	go func() {
		defer close(line)
		for {
			b := make([]byte, 64<<10)
			n, err := from.Read(b)
			if n > 0 {
				line <- parcel{time.Now().Add(d), b[:n]}
			}
			if err != nil {
				return
			}
		}
	}()
	for p := range line {
		time.Sleep(time.Until(p.due))
		if _, err := to.Write(p.bytes); err != nil {
			go func() { _, _ = io.Copy(io.Discard, from) }()
			for range line {
			}
			break
		}
	}
	_ = to.Close()
}
