package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/navette-connect/navette/connector/config"
	"github.com/navette-connect/navette/connector/message"
	"github.com/navette-connect/navette/transports"
	"github.com/navette-connect/navette/transports/sftpbox"
)

// doctorPatience is how long one server may take in all.
const doctorPatience = 2 * time.Minute

// doctorCommand tries what the folders and servers of flows allow, and says what will not work.
func (a *app) doctorCommand() *cobra.Command {
	var yes bool
	c := command("doctor [FLOW]", "", a.arguments(0, 1), func(c *cobra.Command, args []string) error {
		cfg, err := a.load(config.SecretsTried)
		if err != nil {
			return err
		}
		names := slices.Sorted(maps.Keys(cfg.Flows))
		if len(args) == 1 {
			if cfg.Flows[args[0]] == nil {
				return a.fail(exitUsage, "ui.doctor.unknown", "flow", args[0], "known", strings.Join(names, ", "))
			}
			names = args
		}
		d := &doctor{app: a, cfg: cfg, yes: yes}
		for _, name := range names {
			a.printf("%s\n", a.say("ui.doctor.flow", "flow", name))
			d.flow(c.Context(), cfg.Flows[name])
		}
		if d.bad > 0 {
			a.printf("%s\n", a.say("ui.doctor.bad", "n", fmt.Sprint(d.bad)))
			return told(exitFailed)
		}
		return nil
	})
	c.Flags().BoolVar(&yes, "yes", false, "")
	return a.localise(c)
}

type doctor struct {
	*app
	cfg   *config.Config
	yes   bool // writing was agreed to
	asked bool
	bad   int
}

// well and ill tell one finding; noted is neither.
func (d *doctor) well(key string, args ...string) {
	d.printf("  + %s\n", d.say("ui.doctor."+key, args...))
}
func (d *doctor) noted(key string, args ...string) {
	d.printf("  . %s\n", d.say("ui.doctor."+key, args...))
}
func (d *doctor) ill(key string, args ...string) {
	d.bad++
	d.printf("  - %s\n", d.say("ui.doctor."+key, args...))
}

// mayWrite asks once before anything is written.
func (d *doctor) mayWrite() bool {
	if d.yes || d.asked {
		return d.yes
	}
	d.asked = true
	d.printf("%s ", d.say("ui.doctor.ask"))
	answer, _ := bufio.NewReader(d.in).ReadString('\n') // nobody there is a no
	answer = strings.ToLower(strings.TrimSpace(answer))
	d.printf("\n")
	d.yes = slices.Contains([]string{"o", "oui", "y", "yes"}, answer)
	return d.yes
}

func (d *doctor) flow(ctx context.Context, f *config.Flow) {
	out := or(f.OutTransport, f.Transport)
	for _, place := range []struct {
		transport string
		folders   []string
		in, done  string
	}{{f.Transport, []string{f.In, f.Done, f.Rejected}, f.In, f.Done}, {out, []string{f.Out}, f.Out, ""}} {
		t := d.cfg.Transports[place.transport]
		switch t.Type {
		case "local":
			for _, dir := range place.folders {
				d.local(ctx, dir)
			}
		case "sftp":
			within, cancel := context.WithTimeout(ctx, doctorPatience)
			d.server(within, t, place.folders, place.in, place.done, out == f.Transport && place.done == "")
			cancel()
		}
	}
}

// local looks at one folder of this machine.
func (d *doctor) local(ctx context.Context, dir string) {
	if text := folderProblem(dir, unix.R_OK|unix.W_OK|unix.X_OK); text != "" {
		d.ill("problem", "text", message.New(text, "path", dir).In(d.lang()))
		return
	}
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		d.noted("absent", "dir", dir)
		return
	}
	d.well("local", "dir", dir, "free", size(int64(st.Bavail)*int64(st.Bsize), d.lang()))
	if !d.mayWrite() {
		return
	}
	name := filepath.Join(dir, transports.TempPrefix+"doctor")
	if err := os.WriteFile(name, []byte("navette doctor\n"), 0o600); err != nil {
		d.ill("problem", "text", clean(err.Error()))
		return
	}
	defer os.Remove(name)
	box, err := transportTypes(d.hooks)["local"]("", nil)
	if err != nil {
		return
	}
	if l, ok := box.(transports.Leaser); ok {
		if _, known, err := l.Busy(ctx, name); err == nil && known {
			d.well("lease", "dir", dir)
		} else {
			d.noted("nolease", "dir", dir)
		}
	}
}

// server probes one server for the folders of a flow, and keeps what it found.
func (d *doctor) server(ctx context.Context, t *config.Transport, folders []string, dir, done string, again bool) {
	box, err := openSFTP(d.hooks, d.cfg.Process.StateDir, t)
	if err != nil {
		d.ill("problem", "text", t.Name+": "+clean(err.Error()))
		return
	}
	defer box.Close()
	if err := box.Connect(ctx); err != nil {
		d.ill("problem", "text", d.coded(t.Name, err))
		return
	}
	for _, folder := range folders {
		switch files, err := box.List(ctx, folder); {
		case err == nil:
			d.well("listed", "dir", folder, "n", fmt.Sprint(len(files)))
		case errors.Is(err, transports.ErrFolder):
			d.ill("missing", "dir", folder)
		default:
			d.ill("problem", "text", clean(err.Error()))
		}
	}
	if again { // the same server was probed for the inbound folder
		return
	}
	write := d.mayWrite()
	p, moves, err := box.Probe(ctx, dir, done, write)
	if err != nil {
		d.ill("problem", "text", d.coded(t.Name, err))
		return
	}
	d.told(p, dir, done, moves)
	if !write {
		d.noted("unwritten")
		return
	}
	if done == "" { // what holds for a folder of answers says nothing of how files are taken
		p.Claim = ""
	}
	file := profileFile(d.cfg.Process.StateDir, t.Name)
	if err := p.Save(file); err != nil {
		d.ill("problem", "text", clean(err.Error()))
		return
	}
	d.noted("saved", "file", file)
}

// told says what was found.
func (d *doctor) told(p sftpbox.Profile, dir, done string, moves bool) {
	d.noted("server", "server", clean(p.Server), "extensions", or(strings.Join(p.Extensions, ", "), "-"))
	if p.Free >= 0 {
		d.noted("free", "free", size(p.Free, d.lang()))
	}
	if !p.Written {
		return
	}
	switch p.Claim {
	case transports.ClaimRename:
		d.well("rename", "dir", dir)
	case transports.ClaimReadOnce:
		d.noted("readonce", "dir", dir)
	default:
		d.ill("lease_only", "dir", dir)
	}
	if done != "" && p.Claim == transports.ClaimRename {
		if moves {
			d.well("moves", "done", done)
		} else {
			d.ill("stays", "done", done)
		}
	}
	for key, is := range map[string]bool{"replaces": p.Replaces, "anycase": p.AnyCase && !p.Capitals, "capitals": p.Capitals, "nochmod": p.NoChmod, "nofstat": p.NoFstat} {
		if is {
			d.noted(key)
		}
	}
	if p.Step > 0 {
		d.noted("step", "n", fmt.Sprint(p.Step))
	}
	if p.Offset > 60 || p.Offset < -60 {
		d.noted("offset", "n", fmt.Sprint(p.Offset))
	}
}

// coded is an error of a transport with its code and its cure.
func (d *doctor) coded(transport string, err error) string { return d.transportError(transport, err) }

// transportError says what is wrong with a transport: its code's title, the detail, and where the cure is told.
func (a *app) transportError(transport string, err error) string {
	text := transport + ": " + clean(err.Error())
	var coded interface{ NVCode() string }
	if errors.As(err, &coded) && coded.NVCode() != "" {
		text = transport + ": " + message.Title(coded.NVCode(), a.lang()) + " (" + clean(err.Error()) + "); navette explain " + coded.NVCode()
	}
	return text
}

// size writes bytes as people read them.
func size(n int64, lang string) string {
	unit := "B"
	value := strconv.FormatInt(n, 10)
	for _, u := range []struct {
		name string
		of   int64
	}{{"TB", 1e12}, {"GB", 1e9}, {"MB", 1e6}, {"kB", 1e3}} {
		if n >= u.of {
			value, unit = strconv.FormatFloat(float64(n)/float64(u.of), 'f', 1, 64), u.name
			break
		}
	}
	if lang != "fr" {
		return value + " " + unit
	}
	return strings.Replace(value, ".", ",", 1) + "\u00a0" + strings.Replace(unit, "B", "o", 1)
}
