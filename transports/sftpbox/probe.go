package sftpbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/navette-connect/navette/transports"
)

// Profile is what Probe found out about a server; its zero value assumes nothing. It is kept as JSON.
type Profile struct {
	At         time.Time `json:"at"`
	Server     string    `json:"server"`          // how it calls itself
	Extensions []string  `json:"extensions"`      // announced ones
	Claim      Claim     `json:"claim,omitempty"` // how files can be taken
	Replaces   bool      `json:"rename_replaces"` // a plain rename replaces what bears the name
	AnyCase    bool      `json:"any_case"`        // a file is found whatever the case of its name
	Capitals   bool      `json:"capitals"`        // names are stored in capitals
	NoChmod    bool      `json:"no_chmod"`        // changing rights is refused
	NoFstat    bool      `json:"no_fstat"`        // describing an open file is refused
	Step       int       `json:"time_step"`       // seconds between two times that differ; 0: not measured
	Offset     int       `json:"clock_offset"`    // seconds that its clock is ahead of ours
	Free       int64     `json:"free_bytes"`      // -1: it does not tell
	Written    bool      `json:"probed_by_writing"`
}

// LoadProfile reads a profile; the zero Profile where there is no file.
func LoadProfile(file string) (Profile, error) {
	var p Profile
	b, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return p, nil
	}
	if err == nil {
		err = json.Unmarshal(b, &p)
	}
	if err != nil {
		return Profile{}, fmt.Errorf("server profile %s: %w (it may be deleted: `navette doctor` makes it anew)", file, err)
	}
	return p, nil
}

// Save keeps a profile, whole or not at all.
func (p Profile) Save(file string) error {
	b, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
		return err
	}
	part := file + ".part"
	if err := os.WriteFile(part, append(b, '\n'), 0o640); err != nil {
		return err
	}
	return os.Rename(part, file)
}

// announced are the extensions that a profile tells of (OpenSSH's PROTOCOL §4; the rest from other servers).
func announced() []string {
	return []string{"posix-rename@openssh.com", "statvfs@openssh.com", "fstatvfs@openssh.com", "hardlink@openssh.com", "fsync@openssh.com",
		"lsetstat@openssh.com", "limits@openssh.com", "expand-path@openssh.com", "copy-data", "home-directory", "users-groups-by-id@openssh.com",
		"check-file", "md5-hash", "space-available", "vendor-id", "versions"}
}

// Probe finds out what a server can do with the files of dir. With write it makes files of its own there, which no flow
// takes, and removes them; it moves one of them to done, if that is not "", as an archived file is moved. The errors of
// single trials are findings, not failures.
func (b *Box) Probe(ctx context.Context, dir, done string, write bool) (p Profile, moves bool, err error) {
	l, err := b.keeper.get(ctx)
	if err != nil {
		return p, false, wrap("probe", dir, err)
	}
	p = Profile{At: time.Now().UTC().Truncate(time.Second), Server: string(l.ssh.ServerVersion()), Free: -1, Written: write}
	for _, name := range announced() {
		if _, ok := l.sftp.HasExtension(name); ok {
			p.Extensions = append(p.Extensions, name)
		}
	}
	if _, ok := l.sftp.HasExtension("statvfs@openssh.com"); ok {
		_ = l.do(ctx, func() error { // it may announce it and yet refuse
			st, err := l.sftp.StatVFS(dir)
			if err == nil {
				p.Free = int64(st.Bavail) * int64(st.Frsize)
			}
			return err
		})
	}
	if !write {
		return p, false, nil
	}
	t := &trials{box: b, link: l, ctx: ctx, dir: strings.TrimRight(dir, "/"), done: strings.TrimRight(done, "/"), p: &p}
	defer t.clear()
	return p, t.run(), wrap("probe", dir, t.err)
}

// trials are what Probe does by writing.
type trials struct {
	box       *Box
	link      *link
	ctx       context.Context
	dir, done string
	p         *Profile
	made      []string
	err       error // the connection's, after which nothing is known
}

// run makes one trial after the other and tells whether files can be moved to done.
func (t *trials) run() (moves bool) {
	first, err := t.make()
	if err != nil { // nothing may be written here: nor, so it must be believed, renamed
		t.p.Claim = transports.ClaimLease
		t.note(err)
		return false
	}
	info, err := t.link.info(t.ctx, func() (os.FileInfo, error) { return t.link.sftp.Lstat(first) })
	if t.note(err) == nil {
		t.p.Offset = int(time.Until(info.ModTime()).Round(time.Second).Seconds())
		t.step(info.ModTime())
	}
	t.names(first)
	t.p.Claim = transports.ClaimRename
	second := first + "-renamed"
	if err := t.note(t.link.do(t.ctx, func() error { return t.link.sftp.Rename(first, second) })); err != nil {
		t.p.Claim = transports.ClaimLease
	} else {
		t.made = append(t.made, second)
		first = second
	}
	if other, err := t.make(); t.note(err) == nil && t.p.Claim == transports.ClaimRename {
		t.p.Replaces = t.link.do(t.ctx, func() error { return t.link.sftp.Rename(first, other) }) == nil
		if t.p.Replaces {
			first = other
		}
	}
	if t.done != "" {
		to := t.done + first[strings.LastIndexByte(first, '/'):]
		if moves = t.link.do(t.ctx, func() error { return t.link.sftp.Rename(first, to) }) == nil; moves {
			t.made, first = append(t.made, to), to
		}
	}
	t.readOnce(first)
	return moves
}

// note keeps the error of a connection that is gone, and gives err back.
func (t *trials) note(err error) error {
	if errors.Is(err, errLost) && t.err == nil {
		t.err = err
	}
	return err
}

// make makes a file of ours under a new name.
func (t *trials) make() (string, error) {
	name, err := t.box.tempName()
	if err != nil {
		return "", err
	}
	path := t.dir + "/" + name
	f, err := t.link.sftp.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL)
	if err != nil {
		return "", answer(err)
	}
	t.made = append(t.made, path)
	err = t.link.do(t.ctx, func() error { _, err := f.WriteAt([]byte("navette doctor\n"), 0); return err })
	if _, e := t.link.info(t.ctx, f.Stat); e != nil {
		t.p.NoFstat = true
	}
	if e := t.link.do(t.ctx, func() error { return f.Chmod(0o640) }); e != nil {
		t.p.NoChmod = true
	}
	return path, errors.Join(err, t.link.do(t.ctx, f.Close))
}

// step measures how fine the times of files are: whatever divides all the differences seen. One alone would blame the
// server for a moment that was slow.
func (t *trials) step(was time.Time) {
	for range 4 {
		select {
		case <-time.After(1050 * time.Millisecond):
		case <-t.ctx.Done():
			return
		}
		path, err := t.make()
		if t.note(err) != nil {
			return
		}
		info, err := t.link.info(t.ctx, func() (os.FileInfo, error) { return t.link.sftp.Lstat(path) })
		if t.note(err) != nil {
			return
		}
		if t.p.Step = divisor(t.p.Step, int(info.ModTime().Sub(was).Seconds())); t.p.Step == 1 {
			return
		}
	}
}

// divisor is the greatest that divides a and b; 0 is divided by all.
func divisor(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return max(a, -a)
}

// names finds out what becomes of a name's case.
func (t *trials) names(path string) {
	i := strings.LastIndexByte(path, '/') + 1
	name := path[i:]
	_, err := t.link.info(t.ctx, func() (os.FileInfo, error) { return t.link.sftp.Lstat(path[:i] + strings.ToUpper(name)) })
	t.p.AnyCase = t.note(err) == nil
	if !t.p.AnyCase {
		return
	}
	files, err := t.box.List(t.ctx, t.dir+"/")
	if t.note(err) != nil {
		return
	}
	for _, f := range files {
		if f.Name == strings.ToUpper(name) {
			t.p.Capitals = true
		}
	}
}

// readOnce finds out whether a file is gone once it was read.
func (t *trials) readOnce(path string) {
	f, err := t.link.sftp.Open(path)
	if t.note(err) != nil {
		return
	}
	_ = t.link.do(t.ctx, func() error {
		buffer := make([]byte, 64)
		for at := int64(0); ; {
			n, err := f.ReadAt(buffer, at)
			if at += int64(n); err == io.EOF {
				return nil
			} else if err != nil {
				return err
			}
		}
	})
	_ = t.link.do(t.ctx, f.Close)
	_, err = t.link.info(t.ctx, func() (os.FileInfo, error) { return t.link.sftp.Lstat(path) })
	if errors.Is(err, os.ErrNotExist) {
		t.p.Claim = transports.ClaimReadOnce
	}
}

// clear removes what was made.
func (t *trials) clear() {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.ctx), t.link.timeout)
	defer cancel()
	for _, path := range t.made {
		if err := t.box.remove(ctx, t.link, path); err != nil {
			t.box.orphan(path)
		}
	}
}
