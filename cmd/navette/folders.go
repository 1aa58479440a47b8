package main

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/navette-connect/navette/connector/config"
	"github.com/navette-connect/navette/connector/message"
)

// checkFolders tries the rights of every local folder as the user who runs the check. Where that is not the service's
// user, what is missing is worth telling and no more: the service may well be allowed.
func (a *app) checkFolders(s *setup) {
	cfg := s.cfg
	owner, ours := serviceUser(cfg.Process.StateDir)
	to := &s.problems
	if !ours {
		to = &s.warnings
		s.note = a.say("ui.check.user", "user", owner)
	}
	check := func(to *[]config.Problem, key, path string, mode uint32) {
		if text := folderProblem(path, mode); text != "" {
			*to = append(*to, cfg.Problem(key, message.New(text, "path", path)))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(cfg.Flows)) {
		f, key := cfg.Flows[name], "flows."+name+"."
		if isLocal(cfg, f.Transport) {
			check(to, key+"in", f.In, unix.R_OK|unix.W_OK|unix.X_OK)
			check(to, key+"done", f.Done, unix.R_OK|unix.W_OK|unix.X_OK)
			check(to, key+"rejected", f.Rejected, unix.W_OK|unix.X_OK)
		}
		if isLocal(cfg, or(f.OutTransport, f.Transport)) {
			check(to, key+"out", f.Out, unix.W_OK|unix.X_OK)
		}
	}
	check(&s.warnings, "", cfg.Process.StateDir, unix.R_OK|unix.W_OK|unix.X_OK)
}

func isLocal(cfg *config.Config, transport string) bool {
	t := cfg.Transports[transport]
	return t != nil && t.Type == "local"
}

// folderProblem gives the sentence of what is wrong with a folder, "" for nothing. A missing folder is made at the
// start, so it is wrong only where it cannot be made.
func folderProblem(path string, mode uint32) string {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		parent := filepath.Dir(path)
		for parent != filepath.Dir(parent) {
			if _, err := os.Stat(parent); !errors.Is(err, fs.ErrNotExist) {
				break
			}
			parent = filepath.Dir(parent)
		}
		if folderProblem(parent, unix.W_OK|unix.X_OK) != "" {
			return "NV-3001.missing"
		}
		return ""
	case err != nil:
		return "NV-3003.read"
	case !info.IsDir():
		return "NV-3001.not_folder"
	}
	for _, want := range []struct {
		mode uint32
		text string
	}{{unix.R_OK | unix.X_OK, "NV-3003.read"}, {unix.W_OK | unix.X_OK, "NV-3003.write"}} {
		if mode&want.mode&^unix.X_OK == 0 {
			continue
		}
		switch err := unix.Faccessat(unix.AT_FDCWD, path, want.mode, unix.AT_EACCESS); {
		case errors.Is(err, unix.EROFS):
			return "NV-3004.read_only"
		case err != nil:
			return want.text
		}
	}
	return ""
}

// serviceUser names the owner of the state directory, who is the service's user; ours tells whether that is who we are,
// or that there is no such directory yet.
func serviceUser(stateDir string) (name string, ours bool) {
	info, err := os.Stat(stateDir)
	if err != nil {
		return "", true
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok || int(stat.Uid) == os.Geteuid() {
		return "", true
	}
	id := strconv.FormatUint(uint64(stat.Uid), 10)
	if u, err := user.LookupId(id); err == nil {
		return u.Username, false
	}
	return id, false
}
