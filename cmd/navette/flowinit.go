package main

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"os/user"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/navette-connect/navette/connector/config"
	"github.com/navette-connect/navette/mappings/presets"
	"github.com/navette-connect/navette/mappings/propose"
)

// flowView is `flow init --json`; keys are only ever added.
type flowView struct {
	Flow     string   `json:"flow"`
	Gateway  string   `json:"gateway"`
	Mapping  string   `json:"mapping"`
	In       string   `json:"in"`
	Out      string   `json:"out"`
	Done     string   `json:"done"`
	Rejected string   `json:"rejected"`
	Made     []string `json:"made"` // files and folders that were not there
	Kept     []string `json:"kept"` // files that were there and are left as they are
	Proposal initView `json:"proposal"`
	Next     []string `json:"next"` // commands, in order
}

// flowOptions are the flags of `flow init`.
type flowOptions struct {
	gateway, dir string
	json         bool
}

func (a *app) flowCommand() *cobra.Command {
	group := command("flow", "", a.arguments(0, 0), func(c *cobra.Command, _ []string) error { return c.Help() })
	var o flowOptions
	c := command("init NAME FILE", "", a.arguments(2, 2), func(_ *cobra.Command, args []string) error { return a.flowInit(args[0], args[1], o) })
	c.Flags().StringVar(&o.gateway, "gateway", "", "")
	c.Flags().StringVar(&o.dir, "dir", "", "")
	c.Flags().BoolVar(&o.json, "json", false, "")
	group.AddCommand(c)
	return a.localise(group)
}

// flowName is narrower than what a configuration takes: the mapping bears the same name.
var flowName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,63}$`)

// flowInit makes everything a flow needs from a sample of its files: folders, a proposed mapping, a gateway to rehearse
// on, and last the entry that brings it to life. Whatever is there already is left as it is, so it can be run again.
func (a *app) flowInit(name, path string, o flowOptions) error {
	if !flowName.MatchString(name) {
		return a.fail(exitUsage, "ui.flow.init.name", "name", clean(name))
	}
	cfg, err := a.startingConfig()
	if err != nil {
		return err
	}
	n := &newFlow{app: a, cfg: cfg, dir: cfg.Process.ConfigDir, view: flowView{Flow: name, Mapping: name, Made: []string{}, Kept: []string{}}}
	if slices.Contains(presets.Names(), name) && cfg.Mappings[name] == "" {
		n.view.Mapping = "flow-" + name // a mapping of the preset's name would hide it
	}
	p, err := a.proposeFor(path, n.view.Mapping)
	if err != nil {
		return err
	}
	if err := n.plan(o); err != nil {
		return err
	}
	if err := n.write(p.YAML, filepath.Base(path)); err != nil {
		return errors.Join(err, n.undo())
	}
	if _, err := a.load(config.SecretsSkipped); err != nil { // an overlap with another flow, say
		return errors.Join(err, n.undo())
	}
	n.view.Proposal = viewProposal(p, path, n.mappingPath(), a.lang())
	n.view.Next = n.next(path, p)
	if o.json {
		return a.encode(n.view)
	}
	n.print(p, path)
	return nil
}

// startingConfig is the configuration as it stands, or an empty one where there is none yet.
func (a *app) startingConfig() (*config.Config, error) {
	cfg, err := a.load(config.SecretsSkipped)
	if err == nil {
		return cfg, nil
	}
	empty, other := config.Default(a.env, a.flags)
	if other != nil {
		return nil, err
	}
	dir := empty.Process.ConfigDir
	entries, _ := filepath.Glob(filepath.Join(dir, "flows.d", "*.yaml"))
	if _, there := os.Lstat(filepath.Join(dir, "navette.yaml")); len(entries) > 0 || !errors.Is(there, fs.ErrNotExist) {
		return nil, err
	}
	return a.mappingConfig()
}

// newFlow is a flow being made.
type newFlow struct {
	*app
	cfg   *config.Config
	dir   string // of the configuration
	view  flowView
	there bool     // the flow was configured before
	makes string   // a gateway to be made, "" for none
	files []string // made, to be taken back if the whole does not load
}

// plan settles the gateway and the folders; nothing is written.
func (n *newFlow) plan(o flowOptions) error {
	v := &n.view
	if f := n.cfg.Flows[v.Flow]; f != nil { // its own entry decides
		n.there = true
		v.Gateway, v.Mapping, v.In, v.Out, v.Done, v.Rejected = f.Gateway, f.Mapping, f.In, f.Out, f.Done, f.Rejected
		if !isLocal(n.cfg, f.Transport) || !isLocal(n.cfg, or(f.OutTransport, f.Transport)) {
			return n.fail(exitUsage, "ui.flow.init.remote", "name", v.Flow)
		}
		return nil
	}
	dir := o.dir
	switch {
	case dir != "":
	case n.dir == "/etc/navette":
		dir = filepath.Join("/srv/navette", v.Flow)
	default: // a configuration of one's own: everything lies together
		dir = filepath.Join(filepath.Dir(n.dir), v.Flow)
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	v.In, v.Out, v.Done, v.Rejected = filepath.Join(dir, "in"), filepath.Join(dir, "out"), filepath.Join(dir, "done"), filepath.Join(dir, "rejected")
	return n.rehearse(o.gateway)
}

// rehearse chooses the gateway: one that moves no money. A guess about money must not reach a PSP in production, and
// production would refuse the mapping and the missing limits anyway, at the service's next start.
func (n *newFlow) rehearse(asked string) error {
	all := n.cfg.Gateways
	var test, sandboxes []string
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if !all[name].Production() {
			test = append(test, name)
		}
		if all[name].Type == "sandbox" {
			sandboxes = append(sandboxes, name)
		}
	}
	switch {
	case asked != "" && all[asked] == nil:
		return n.fail(exitUsage, "ui.flow.init.nogateway", "name", clean(asked), "known", names(all))
	case asked != "" && all[asked].Production():
		return n.fail(exitUsage, "ui.flow.init.production", "name", asked)
	case asked != "":
		n.view.Gateway = asked
	case len(test) == 1:
		n.view.Gateway = test[0]
	case len(sandboxes) > 0:
		n.view.Gateway = sandboxes[0]
	case len(test) > 1:
		return n.fail(exitUsage, "ui.flow.init.which", "known", strings.Join(test, ", "))
	default:
		n.makes = "sandbox"
		for i := 2; all[n.makes] != nil; i++ {
			n.makes = "sandbox-" + strconv.Itoa(i)
		}
		n.view.Gateway = n.makes
	}
	return nil
}

func (n *newFlow) mappingPath() string {
	return or(n.cfg.Mappings[n.view.Mapping], filepath.Join(n.dir, "mappings", n.view.Mapping+".yaml"))
}

func (n *newFlow) flowPath() string { return filepath.Join(n.dir, "flows.d", n.view.Flow+".yaml") }

// write makes what is missing; the entry of the flow comes last, since it brings the flow to life.
func (n *newFlow) write(mapping []byte, sample string) error {
	v := &n.view
	for _, d := range []struct {
		path string
		mode os.FileMode
	}{{v.In, 0o2770}, {v.Out, 0o2770}, {v.Done, 0o2750}, {v.Rejected, 0o2770}} { // `done` is the archive: read, not changed
		if err := n.folder(d.path, d.mode); err != nil {
			return err
		}
	}
	if !slices.Contains(presets.Names(), v.Mapping) || n.cfg.Mappings[v.Mapping] != "" {
		if err := n.file(n.mappingPath(), mapping); err != nil {
			return err
		}
	}
	if n.there {
		return nil
	}
	if n.makes != "" {
		text := remark(n.say("ui.flow.init.file.sandbox"), "") + "gateways:\n  " + n.makes + ":\n    type: sandbox\n"
		if err := n.file(filepath.Join(n.dir, "flows.d", "gateway-"+n.makes+".yaml"), []byte(text)); err != nil {
			return err
		}
	}
	if _, err := os.Lstat(n.flowPath()); err == nil { // it holds something else
		return n.fail(exitUsage, "ui.flow.init.taken", "path", n.flowPath(), "name", v.Flow)
	}
	return n.file(n.flowPath(), []byte(n.entry(sample)))
}

// entry is the flow's YAML.
func (n *newFlow) entry(sample string) string {
	v := &n.view
	var b strings.Builder
	b.WriteString(remark(n.say("ui.flow.init.file.head", "file", clean(sample)), ""))
	b.WriteString("flows:\n  " + v.Flow + ":\n")
	for _, kv := range [][2]string{{"in", strconv.Quote(v.In)}, {"out", strconv.Quote(v.Out)}, {"done", strconv.Quote(v.Done)}, {"rejected", strconv.Quote(v.Rejected)}, {"mapping", v.Mapping}, {"gateway", v.Gateway}} {
		b.WriteString("    " + kv[0] + ": " + kv[1] + "\n")
	}
	b.WriteString(remark(n.say("ui.flow.init.file.production", "mapping", n.mappingPath()), "    "))
	b.WriteString("    # limits: {amount: \"50000.00\", total: \"1000000.00\"}\n")
	b.WriteString("    # four_eyes: \"10000.00\"\n")
	b.WriteString("    # decisions: " + strconv.Quote(filepath.Join(filepath.Dir(v.In), "decisions")) + "\n")
	b.WriteString("    # delay: 10m\n")
	return b.String()
}

// remark is a text as YAML comments.
func remark(text, indent string) string {
	var b strings.Builder
	for _, line := range wrapped(text, 100) {
		b.WriteString(strings.TrimRight(indent+"# "+line, " ") + "\n")
	}
	return b.String()
}

// file writes a file that is not there; one that is there is kept.
func (n *newFlow) file(path string, b []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return n.fail(exitFailed, "ui.mapping.init.write", "path", clean(path), "detail", n.cause(err, detail(err)))
	}
	again, err := writeNew(path, b)
	switch {
	case again || errors.Is(err, fs.ErrExist):
		n.view.Kept = append(n.view.Kept, path)
		return nil
	case err != nil:
		return n.fail(exitFailed, "ui.mapping.init.write", "path", clean(path), "detail", n.cause(err, detail(err)))
	}
	n.view.Made, n.files = append(n.view.Made, path), append(n.files, path)
	return nil
}

// folder makes a folder that the service and its group may use; one that is there keeps its rights.
func (n *newFlow) folder(path string, mode os.FileMode) error {
	var missing []string
	for p := path; ; p = filepath.Dir(p) {
		info, err := os.Stat(p)
		if err == nil && info.IsDir() {
			break
		}
		if err == nil || !errors.Is(err, fs.ErrNotExist) {
			return n.fail(exitFailed, "ui.flow.init.folder", "path", clean(p), "detail", or(detailOf(err), syscall.ENOTDIR.Error()))
		}
		missing = append(missing, p)
	}
	for _, p := range slices.Backward(missing) {
		m := mode
		if p != path {
			m = 0o2770
		}
		err := os.Mkdir(p, 0o700)
		if err == nil && os.Geteuid() == 0 { // made for the service, not for root
			if uid, gid, ok := serviceIDs(n.cfg.Process.StateDir); ok {
				err = os.Lchown(p, uid, gid)
			}
		}
		if err == nil {
			err = unix.Chmod(p, uint32(m)) // the set-group bit, which os.Mkdir does not take; whatever the umask
		}
		if err != nil {
			return n.fail(exitFailed, "ui.flow.init.folder", "path", clean(p), "detail", n.cause(err, detail(err)))
		}
	}
	if len(missing) > 0 {
		n.view.Made = append(n.view.Made, path)
	}
	return nil
}

func detailOf(err error) string {
	if err == nil {
		return ""
	}
	return detail(err)
}

// serviceIDs are the user and group that the service runs as: those of its state directory, else of the account that
// the packages make.
func serviceIDs(stateDir string) (uid, gid int, ok bool) {
	if info, err := os.Stat(stateDir); err == nil {
		if s, is := info.Sys().(*syscall.Stat_t); is {
			return int(s.Uid), int(s.Gid), true
		}
	}
	u, err := user.Lookup("navette")
	if err != nil {
		return 0, 0, false
	}
	uid, err = strconv.Atoi(u.Uid)
	if err != nil {
		return 0, 0, false
	}
	gid, err = strconv.Atoi(u.Gid)
	return uid, gid, err == nil
}

// undo takes back the files that were made; folders stay, they harm nobody.
func (n *newFlow) undo() error {
	var errs []error
	for _, path := range slices.Backward(n.files) {
		errs = append(errs, os.Remove(path))
	}
	return errors.Join(errs...)
}

// next are the commands to go on with, as they are to be typed here.
func (n *newFlow) next(path string, p *propose.Proposal) []string {
	v := &n.view
	return []string{
		n.typed("check", path, "--flow", v.Flow),
		"cp " + shellQuote(path) + " " + shellQuote(v.In) + "/",
		n.typed("once"),
		n.typed("where", or(p.Tried.First, "REF")),
		n.typed("check"),
	}
}

// typed is a command line of this program with the places that were given to this one.
func (a *app) typed(args ...string) string {
	list := []string{"navette"}
	for _, f := range [][2]string{{"--config", a.flags.ConfigDir}, {"--state", a.flags.StateDir}} {
		if f[1] != "" {
			list = append(list, f[0], shellQuote(f[1]))
		}
	}
	for _, arg := range args {
		list = append(list, shellQuote(arg))
	}
	return strings.Join(list, " ")
}

var plainWord = regexp.MustCompile(`^[\pL\pN_./:@%+=,-]+$`)

// shellQuote writes an argument as a shell reads it back.
func shellQuote(s string) string {
	if plainWord.MatchString(s) {
		return s
	}
	return "'" + strings.ReplaceAll(clean(s), "'", `'\''`) + "'"
}

// print says what was seen, what was made, and what to type next.
func (n *newFlow) print(p *propose.Proposal, path string) {
	v := &n.view
	if n.there {
		n.printf("%s\n", n.say("ui.flow.init.there", "name", v.Flow))
	} else {
		n.printSeen(p, path)
	}
	n.printf("\n")
	for _, each := range []struct {
		key  string
		list []string
	}{{"ui.flow.init.made", v.Made}, {"ui.flow.init.kept", v.Kept}} {
		for _, path := range each.list {
			n.printf("%s\n", n.say(each.key, "path", clean(path)))
		}
	}
	n.printf("%s\n", n.say("ui.flow.init.gateway", "name", v.Gateway, "type", n.gatewayType()))
	for _, f := range []struct {
		path string
		mode uint32
	}{{v.In, unix.R_OK | unix.W_OK | unix.X_OK}, {v.Out, unix.W_OK | unix.X_OK}, {v.Done, unix.W_OK | unix.X_OK}, {v.Rejected, unix.W_OK | unix.X_OK}} {
		if text := folderProblem(f.path, f.mode); text != "" {
			n.printf("%s\n", n.say(text, "path", clean(f.path)))
		}
	}
	n.printf("\n%s\n", n.say("ui.next.heading"))
	for i, key := range []string{"ui.flow.init.next.check", "ui.flow.init.next.drop", "ui.flow.init.next.once", "ui.flow.init.next.where", "ui.flow.init.next.production"} {
		n.printf("  %d. %s\n     %s\n", i+1, n.say(key), v.Next[i])
	}
}

func (n *newFlow) gatewayType() string {
	if g := n.cfg.Gateways[n.view.Gateway]; g != nil {
		return g.Type + ", " + n.mode(g.Mode)
	}
	return "sandbox"
}
