package main

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"github.com/spf13/cobra"
	"golang.org/x/text/encoding/charmap"

	"github.com/navette-connect/navette/connector/config"
	"github.com/navette-connect/navette/connector/gateway/sandbox"
	"github.com/navette-connect/navette/connector/journal"
	"github.com/navette-connect/navette/connector/journal/sqlite"
	"github.com/navette-connect/navette/connector/payment"
)

//go:embed demo
var demoFiles embed.FS

const demoSample = "FACTURES_20261120.csv"

func (a *app) demoCommand() *cobra.Command {
	var dir string
	var exit bool
	c := command("demo", a.say("ui.demo.short"), cobra.NoArgs, func(c *cobra.Command, _ []string) error {
		return a.demo(c.Context(), dir, exit)
	})
	c.Long = a.say("ui.demo.long")
	c.Flags().StringVar(&dir, "dir", "", a.say("ui.demo.flag.dir"))
	c.Flags().BoolVar(&exit, "exit", false, a.say("ui.demo.flag.exit"))
	return c
}

// demo runs the whole product on the sandbox PSP and a sample file, in a folder of its own, and says what happens.
func (a *app) demo(ctx context.Context, dir string, exit bool) (err error) {
	if dir == "" {
		if dir, err = os.MkdirTemp("", "navette-demo-"); err != nil {
			return err
		}
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return err
	}
	fresh, err := prepareDemo(dir)
	if err != nil {
		return err
	}
	// Nothing of the machine's configuration counts here.
	flags := config.Overrides{ConfigDir: filepath.Join(dir, "etc"), StateDir: filepath.Join(dir, "state"), Lang: a.lang()}
	own := &app{flags: flags, in: a.in, out: a.out, errs: a.errs}
	cfg, err := own.load(config.SecretsRequired)
	if err != nil {
		return err
	}
	log := zerolog.New(a.errs).Level(zerolog.ErrorLevel)
	j, err := sqlite.Open(ctx, cfg.Process.StateDir, journal.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, j.Close()) }()
	script, err := readScript(cfg.Gateways["psp"].Script)
	if err != nil {
		return err
	}
	psp, err := sandbox.New(sandbox.Options{Script: script, File: filepath.Join(cfg.Process.StateDir, "sandbox.jsonl")})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, psp.Close()) }()
	web := &listener{journal: j, gather: prometheus.NewRegistry(), log: log, extra: psp.Handler()}
	stopWeb, err := web.start("127.0.0.1:0")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stopWeb()) }()
	place, err := own.openPlace(cfg)
	if err != nil {
		return err
	}
	place.baseURL, place.sandboxes = "http://"+web.address, map[string]*sandbox.PSP{"psp": psp}
	t := &teller{app: a, j: j, dir: dir, files: map[int64]string{}, told: map[string]bool{}, event: map[string]int64{}}
	t.scout = &scout{app: own, teller: a, dir: dir, seen: map[string]sighting{}}
	if err := t.begin(fresh, exit); err != nil {
		return err
	}
	for again := true; again; { // each time with the flows made for foreign files so far
		if again, err = a.demoRound(ctx, own, t, web, func(cfg *config.Config) (*service, error) { return own.build(cfg, j, log, nil, place) }); err != nil {
			return err
		}
	}
	return nil
}

// demoRound runs the demonstration under one configuration; again asks for another round under the one of then.
func (a *app) demoRound(ctx context.Context, own *app, t *teller, web *listener, build func(*config.Config) (*service, error)) (again bool, err error) {
	cfg, err := own.load(config.SecretsRequired)
	if err != nil {
		return false, err
	}
	t.flows = slices.Sorted(maps.Keys(cfg.Flows))
	s, err := build(cfg)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	web.serve(s.connector)
	running, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- s.connector.Run(running) }()
	again, err = t.tell(running)
	stop()
	return again, errors.Join(err, <-ended)
}

// prepareDemo lays the folder out; fresh is false when a demonstration ran there before, whose sample is known by now.
func prepareDemo(dir string) (fresh bool, err error) {
	for _, d := range []string{"etc/mappings", "in", "flows/factures/in", "out", "done", "rejected", "state"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o750); err != nil {
			return false, err
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "state", "journal.db")); err == nil {
		return false, nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	for name, to := range map[string]string{"navette.yaml": "etc/navette.yaml", "script.yaml": "etc/script.yaml", "factures.yaml": "etc/mappings/factures.yaml"} {
		b, err := demoFiles.ReadFile("demo/" + name)
		if err != nil {
			return false, err
		}
		text := strings.ReplaceAll(string(b), "{{DIR}}", dir)
		if err := os.WriteFile(filepath.Join(dir, to), []byte(text), 0o640); err != nil {
			return false, err
		}
	}
	return true, nil
}

func readScript(path string) (*sandbox.Script, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return sandbox.ParseScript(b)
}

// teller says in plain words what the journal tells.
type teller struct {
	*app
	j     *journal.Journal
	dir   string
	scout *scout
	flows []string
	files map[int64]string // state last told
	told  map[string]bool  // returns already shown
	event map[string]int64 // last told, by flow

	fresh, exit, invited bool
}

// begin drops the sample, unless a demonstration ran here before.
func (t *teller) begin(fresh, exit bool) error {
	t.fresh, t.exit = fresh, exit
	t.line("ui.demo.intro", "dir", t.dir)
	t.printf("\n")
	if !fresh {
		return nil
	}
	sample, err := demoFiles.ReadFile("demo/" + demoSample)
	if err != nil {
		return err
	}
	t.line("ui.demo.dropped", "file", demoSample)
	t.show(sample, 100)
	tmp := filepath.Join(t.dir, "in", "."+demoSample)
	if err := os.WriteFile(tmp, sample, 0o640); err != nil {
		return err
	}
	return os.Rename(tmp, filepath.Join(t.dir, "in", demoSample))
}

// tell says what happens until it is over; again asks for another round, with a new flow.
func (t *teller) tell(ctx context.Context) (again bool, err error) {
	if !t.fresh && t.exit {
		t.line("ui.demo.again", "dir", t.dir)
		return false, nil
	}
	for ctx.Err() == nil {
		if err := t.step(ctx); err != nil && ctx.Err() == nil {
			return false, err
		}
		if changed, err := t.scout.look(ctx); err != nil || changed {
			return changed, err
		}
		if !t.invited && (!t.fresh || t.complete(ctx)) {
			if t.invited = true; t.exit {
				t.line("ui.demo.end", "dir", t.dir)
				return false, nil
			}
			t.line("ui.demo.yours", "dir", t.dir)
		}
		select {
		case <-ctx.Done():
		case <-time.After(100 * time.Millisecond):
		}
	}
	return false, nil
}

// step tells what is new.
func (t *teller) step(ctx context.Context) error {
	files, err := t.j.RecentFiles(ctx, "", 50)
	if err != nil {
		return err
	}
	for _, f := range slices.Backward(files) {
		if f.Judged && t.files[f.ID] == "" {
			t.files[f.ID] = f.State
			if err := t.judged(ctx, &f); err != nil {
				return err
			}
		}
	}
	for _, flow := range t.flows {
		if err := t.events(ctx, flow); err != nil {
			return err
		}
	}
	return t.returns(ctx)
}

// events tells what has happened to a flow's requests.
func (t *teller) events(ctx context.Context, flow string) error {
	events, err := t.j.EventsAfter(ctx, flow, t.event[flow], 500)
	if err != nil {
		return err
	}
	for _, e := range events {
		t.event[flow] = e.ID
		detail := ""
		if !e.Amount.IsZero() {
			detail = ", " + t.money(e.Amount)
		}
		if e.Reason != "" {
			detail += " (" + e.Reason + ")"
		}
		t.line("ui.demo.event", "reference", or(e.Reference, e.TransactionID), "word", t.say("ui.event."+e.Word), "detail", detail)
		if e.Word == payment.WordSent {
			if it, err := t.j.Item(ctx, e.InstructionID); err == nil && it.Link != "" {
				t.line("ui.demo.link", "link", it.Link)
			}
		}
	}
	return nil
}

func (t *teller) judged(ctx context.Context, f *journal.File) error {
	t.line("ui.demo.taken", append([]string{"file", f.Name, "accepted", t.count("ui.counts.rows.", f.Accepted), "left", t.count("ui.counts.left.", f.LeftOut)}, t.counted(f)...)...)
	if f.Code != "" {
		t.printf("   %s  %s\n", f.Code, f.Message)
	}
	rows, err := t.j.Entries(ctx, f.Flow, "", 200)
	if err != nil {
		return err
	}
	for _, r := range rows {
		if r.File == f.Name && r.Code != "" {
			t.printf("   %s\n", t.say("ui.demo.row", "line", fmt.Sprint(r.Line), "reference", r.Reference, "state", t.say("ui.state."+r.State), "code", r.Code, "message", r.Text))
		}
	}
	t.printf("\n")
	return nil
}

// returns shows each file written back, once.
func (t *teller) returns(ctx context.Context) error {
	entries, err := os.ReadDir(filepath.Join(t.dir, "out"))
	if err != nil {
		return err
	}
	for _, e := range entries {
		if t.told[e.Name()] || strings.HasPrefix(e.Name(), ".") {
			continue
		}
		t.told[e.Name()] = true
		b, err := os.ReadFile(filepath.Join(t.dir, "out", e.Name()))
		if err != nil {
			return err
		}
		t.printf("\n")
		t.line("ui.demo.written", "file", path.Join("out", e.Name()), "what", t.say("ui.demo.kind."+kindOf(e.Name())))
		t.show(b, 30)
	}
	return nil
}

func kindOf(name string) string {
	for suffix, kind := range map[string]string{".ack.csv": "ack", ".rej.csv": "rejects", ".ret.csv": "result"} {
		if strings.HasSuffix(name, suffix) {
			return kind
		}
	}
	return "status"
}

// complete tells whether the sample, and whatever else was dropped, has made its whole round: everything answered,
// paid and told.
func (t *teller) complete(ctx context.Context) bool {
	for _, flow := range t.flows {
		s, err := t.j.FlowStatus(ctx, flow)
		files := s.Files[journal.FileDone] + s.Files[journal.FileAccepted]
		if err != nil || flow == "factures" && (files == 0 || s.Flow.StatusMark == 0 || s.Rows[string(payment.Paid)] == 0) || flow != "factures" && len(s.Files) == 0 {
			return false
		}
		for _, state := range []payment.State{payment.Accepted, payment.Sending, payment.Uncertain, payment.Open, payment.PartiallyPaid} {
			if s.Rows[string(state)] > 0 {
				return false
			}
		}
		if awaiting, err := t.j.FilesAwaiting(ctx, flow); err != nil || len(awaiting) > 0 {
			return false
		}
		untold, err := t.j.Untold(ctx, flow, s.Flow.StatusMark, 1)
		waiting, err2 := t.j.Outbox(ctx, flow, 1)
		if err != nil || err2 != nil || len(untold)+len(waiting) > 0 {
			return false
		}
	}
	return !t.scout.waiting()
}

func (t *teller) line(key string, args ...string) { t.printf("%s\n", t.say(key, args...)) }

// show prints a file as text, indented: UTF-8 if it is, else Windows-1252, as the sample and its answers are.
func (t *teller) show(b []byte, most int) {
	text := string(b)
	if read, err := charmap.Windows1252.NewDecoder().String(text); err == nil && !utf8.ValidString(text) {
		text = read
	}
	lines := strings.Split(strings.TrimRight(strings.ReplaceAll(text, "\r\n", "\n"), "\n"), "\n")
	for i, l := range lines {
		if i == most {
			t.printf("     …\n")
			break
		}
		t.printf("     %s\n", l)
	}
	t.printf("\n")
}
