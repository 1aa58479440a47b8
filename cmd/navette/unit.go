package main

import (
	"fmt"
	"maps"
	"net"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/navette-connect/navette/connector/config"
)

// What the shipped unit lets the service write; systemd/navette.service says the same.
const (
	unitState    = "/var/lib/navette"
	unitExchange = "/srv/navette"
	unitSecrets  = "/etc/navette/credentials"
)

func (a *app) unitCommand() *cobra.Command {
	var dropin bool
	c := command("unit", "", a.arguments(0, 0), func(*cobra.Command, []string) error {
		if !dropin {
			return a.fail(exitUsage, "ui.unit.which")
		}
		cfg, err := a.load(config.SecretsSkipped)
		if err != nil {
			return err
		}
		a.printf("%s", a.dropin(cfg))
		return nil
	})
	c.Flags().BoolVar(&dropin, "print-dropin", false, "")
	return a.localise(c)
}

// dropin is the drop-in of the unit that a configuration asks for: folders to write, credentials to hand over, a port
// below 1024.
func (a *app) dropin(cfg *config.Config) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	note := func(key string, args ...string) {
		for _, l := range wrapped(a.say(key, args...), 118) {
			line("# %s", l)
		}
	}
	note("ui.unit.head")
	line("[Service]")
	places := exchangeFolders(cfg)
	wanted := len(places) > 0
	if len(places) > 0 {
		note("ui.unit.folders")
	}
	home := false
	for _, p := range places {
		switch {
		case strings.ContainsFunc(p, func(r rune) bool { return r < ' ' || r == '"' || r == '\\' }):
			note("ui.unit.name", "path", clean(p))
		case within(p, "/home", "/root", "/run/user"):
			if !home {
				note("ui.unit.home")
				line("ProtectHome=tmpfs")
				home = true
			}
			line("BindPaths=%s", unitPath("-", p))
		case within(p, "/tmp", "/var/tmp"):
			note("ui.unit.tmp")
			line("BindPaths=%s", unitPath("-", p))
		default:
			line("ReadWritePaths=%s", unitPath("-", p))
		}
	}
	if names := cfg.Credentials(); len(names) > 0 {
		wanted = true
		note("ui.unit.credentials", "dir", unitSecrets)
		for _, n := range names {
			line("LoadCredential=%s", unitPath("", n+":"+path.Join(unitSecrets, n)))
		}
	}
	if low := lowPorts(cfg.Process); len(low) > 0 {
		wanted = true
		note("ui.unit.port", "port", strings.Join(low, ", "))
		line("AmbientCapabilities=CAP_NET_BIND_SERVICE\nCapabilityBoundingSet=CAP_NET_BIND_SERVICE\nPrivateUsers=no")
	}
	if !wanted {
		note("ui.unit.nothing")
	}
	return b.String()
}

// exchangeFolders lists the folders of this machine that the service must write and the shipped unit does not open.
// Folders between which files are moved come as one common parent: two openings would be two mounts, and a file cannot be
// renamed from one mount into another.
func exchangeFolders(cfg *config.Config) []string {
	var list []string
	add := func(p string) {
		if p != "" && !within(p, unitState, unitExchange) {
			list = append(list, p)
		}
	}
	add(cfg.Process.StateDir)
	for _, name := range slices.Sorted(maps.Keys(cfg.Flows)) {
		f := cfg.Flows[name]
		if isLocal(cfg, f.Transport) {
			together := []string{f.In, f.Done, f.Rejected}
			if p := commonParent(together); strings.Count(p, "/") >= 2 || p == path.Dir(f.In) && p != "/" {
				add(p)
			} else { // too much would be opened: files are then copied from one to the other
				for _, p := range together {
					add(p)
				}
			}
			add(f.Decisions)
		}
		if isLocal(cfg, or(f.OutTransport, f.Transport)) {
			add(f.Out)
		}
	}
	slices.Sort(list)
	var kept []string
	for _, p := range list { // a parent sorts before what is in it
		if !slices.ContainsFunc(kept, func(k string) bool { return within(p, k) }) {
			kept = append(kept, p)
		}
	}
	return kept
}

// commonParent is the deepest folder that holds all of list (or is one of them).
func commonParent(list []string) string {
	p := list[0]
	for _, other := range list[1:] {
		for !within(other, p) {
			p = filepath.Dir(p)
		}
	}
	return p
}

// within tells whether p is one of the folders or in one of them.
func within(p string, folders ...string) bool {
	return slices.ContainsFunc(folders, func(f string) bool {
		return p == f || f == "/" || strings.HasPrefix(p, f+"/")
	})
}

// unitPath quotes a path for a unit file, where % and blanks have a meaning; mark ("-": it need not be there) comes first.
func unitPath(mark, p string) string {
	p = strings.ReplaceAll(p, "%", "%%")
	if strings.ContainsAny(p, " '") {
		return `"` + mark + p + `"`
	}
	return mark + p
}

// lowPorts lists the ports to listen on that need a privilege.
func lowPorts(p config.Process) (low []string) {
	for _, address := range []string{p.Listen, p.PublicListen} {
		if _, port, err := net.SplitHostPort(address); err == nil {
			if n, err := strconv.Atoi(port); err == nil && n > 0 && n < 1024 {
				low = append(low, port)
			}
		}
	}
	return low
}
