package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/user"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/mattn/go-isatty"
	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/navette-connect/navette/connector"
	"github.com/navette-connect/navette/connector/config"
	"github.com/navette-connect/navette/connector/journal"
	"github.com/navette-connect/navette/connector/journal/sqlite"
	"github.com/navette-connect/navette/connector/message"
	"github.com/navette-connect/navette/connector/payment"
	"github.com/navette-connect/navette/mappings"
	"github.com/navette-connect/navette/mappings/presets"
	"github.com/navette-connect/navette/transports"
)

// app is one invocation of the program.
type app struct {
	env       config.Environment
	flags     config.Overrides
	in        io.Reader
	out, errs io.Writer
	hooks     hooks
	spoken    atomic.Pointer[string] // the configuration's language: a reload may change it while loops speak

	args    []string // of the command line
	misused error    // where help was asked of what is no command

	newJournal bool // run --new-journal
	ballast    ballast
}

// hooks are asked at each act that a crash may cut short; tests end the process there. All nil in production.
type hooks struct {
	folder  func(op, path string) error // of local folders
	journal func(op string) error       // commit, committed
	point   func(point string) error    // of the spool and the connector
}

// lang is the language of everything people read.
func (a *app) lang() string {
	chosen := a.flags.Lang
	if of := a.spoken.Load(); chosen == "" && of != nil {
		chosen = *of
	}
	return a.env.Language(chosen)
}

// say gives a sentence of the catalogue in the user's language.
func (a *app) say(key string, args ...string) string { return message.New(key, args...).In(a.lang()) }

// printf writes to standard output; a broken pipe ends the program by itself.
func (a *app) printf(format string, args ...any) { fmt.Fprintf(a.out, format, args...) }

// explainError is an error as the user reads it: configuration errors in their language, the others as they are.
func (a *app) explainError(err error) string {
	var e config.Errors
	if errors.As(err, &e) {
		return e.In(a.lang())
	}
	if errors.Is(err, journal.ErrLocked) {
		return a.say("ui.locked", "detail", err.Error())
	}
	return err.Error()
}

// root is the command line; one command a file.
func (a *app) root() *cobra.Command {
	root := &cobra.Command{Use: "navette", Short: a.say("ui.short"), SilenceErrors: true, SilenceUsage: true, Version: version,
		Args: a.subcommand,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() }}
	root.SetVersionTemplate("navette {{.Version}}\n")
	f := root.PersistentFlags()
	f.StringVar(&a.flags.ConfigDir, "config", "", a.say("ui.flag.config"))
	f.StringVar(&a.flags.StateDir, "state", "", a.say("ui.flag.state"))
	f.StringVar(&a.flags.Lang, "lang", "", a.say("ui.flag.lang"))
	root.SetFlagErrorFunc(a.flagError)
	root.AddCommand(a.runCommand(), a.onceCommand(), a.demoCommand(), a.checkCommand(), a.whereCommand(), a.statusCommand(), a.filesCommand(), a.rowsCommand(),
		a.sandboxCommand(), a.mappingCommand(), a.flowCommand(), a.explainCommand(), a.configCommand(), a.versionCommand())
	root.AddCommand(a.doctorCommand(), a.hostkeyCommand(), a.partnerCommand())
	root.AddCommand(a.unitCommand(), a.manCommand())
	root.AddCommand(a.decisionCommands()...)
	root.AddCommand(a.careCommands()...)
	root.SetOut(a.out) // which the commands of completion take when they are made
	a.ownDefaults(root)
	return a.localise(root)
}

// command makes one command whose arguments are checked by want (cobra's), as wrong usage when they are not right.
func command(use, short string, want cobra.PositionalArgs, fn func(c *cobra.Command, args []string) error) *cobra.Command {
	return &cobra.Command{Use: use, Short: short, RunE: fn, Args: func(c *cobra.Command, args []string) error {
		if err := want(c, args); err != nil {
			return usage(fmt.Errorf("%w (navette %s)", err, use))
		}
		return nil
	}}
}

// load reads and checks the configuration. Warnings go to standard error.
func (a *app) load(secrets config.Secrets) (*config.Config, error) {
	opt := config.Options{Flags: a.flags, Presets: presets.Names(), Secrets: secrets}
	for name := range gatewayTypes() {
		opt.Gateways = append(opt.Gateways, name)
	}
	for name := range transportTypes(a.hooks) {
		opt.Transports = append(opt.Transports, name)
	}
	cfg, err := config.Load(a.env, opt)
	if err != nil {
		return nil, err
	}
	a.spoken.Store(&cfg.Process.Lang)
	return cfg, nil
}

// view opens the journal for reading and for writing commands, beside the service if it runs.
func (a *app) view(ctx context.Context) (*journal.Journal, *config.Config, error) {
	cfg, err := a.load(config.SecretsSkipped)
	if err != nil {
		return nil, nil, err
	}
	j, err := sqlite.View(ctx, cfg.Process.StateDir, journal.Options{})
	return j, cfg, err
}

// terminal tells whether what is written to w is read by a person at once.
func (a *app) terminal(w io.Writer) bool {
	f, isFile := w.(*os.File)
	return isFile && isatty.IsTerminal(f.Fd())
}

// logger writes to standard error: people at a terminal, JSON elsewhere.
func (a *app) logger(p config.Process) zerolog.Logger {
	level, err := zerolog.ParseLevel(or(p.LogLevel, "info"))
	if err != nil {
		level = zerolog.InfoLevel
	}
	var w io.Writer = a.errs
	terminal := a.terminal(a.errs)
	if p.LogFormat == "console" || p.LogFormat == "" && terminal {
		w = zerolog.ConsoleWriter{Out: a.errs, TimeFormat: time.TimeOnly, NoColor: !terminal}
	}
	return zerolog.New(w).Level(level).With().Timestamp().Logger()
}

// service is everything that runs under one configuration.
type service struct {
	cfg       *config.Config
	connector *connector.Connector
	close     []func() error
}

// Close ends what the service opened, in reverse.
func (s *service) Close() error {
	var errs []error
	for i := len(s.close) - 1; i >= 0; i-- {
		errs = append(errs, s.close[i]())
	}
	return errors.Join(errs...)
}

// build makes the connector of a configuration; nothing runs yet.
func (a *app) build(cfg *config.Config, j *journal.Journal, log zerolog.Logger, meter *connector.Meter, place gatewayPlace) (_ *service, err error) {
	s := &service{cfg: cfg}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	setup := connector.Setup{Journal: j, Spool: place.spool, Log: log, Location: cfg.Process.Location, Meter: meter, Version: version, Lang: cfg.Process.Lang, UID: strconv.Itoa(os.Getuid()), Host: hostname(), StateDir: cfg.Process.StateDir, NewJournal: a.newJournal, UserName: userName, Fault: a.hooks.point, PublicURL: cfg.Process.PublicURL,
		Retention: cfg.Retention, DiskFloor: cfg.Process.FloorBytes, Tell: a.teller(log, cfg.Process.ConfigDir)}
	accounts := map[string]connector.Gateway{}
	for name, g := range cfg.Gateways {
		open := gatewayTypes()[g.Type]
		if open == nil {
			return nil, fmt.Errorf("gateway %s: unknown type %q", name, g.Type)
		}
		gw, err := open(place, g)
		if err != nil {
			return nil, &exitError{exitConfig, fmt.Errorf("gateway %s: %w", name, err)}
		}
		if c, ok := gw.(connector.Closer); ok {
			s.close = append(s.close, func() error { c.Close(); return nil })
		}
		accounts[name] = gw
		setup.Accounts = append(setup.Accounts, &connector.Account{Gateway: gw, Config: *g})
	}
	boxes := map[string]transports.Box{}
	for name, t := range cfg.Transports {
		box, err := transportTypes(a.hooks)[t.Type](cfg.Process.StateDir, t)
		if err != nil {
			return nil, &exitError{exitConfig, fmt.Errorf("transport %s: %w", name, err)}
		}
		s.close = append(s.close, box.Close)
		boxes[name] = box
	}
	texts := &mappingTexts{cfg: cfg, texts: map[string][]byte{}}
	loaded, err := a.mappings(texts)
	if err != nil {
		return nil, err
	}
	for name, f := range cfg.Flows {
		flow := &connector.Flow{Flow: *f, Inbox: boxes[f.Transport], Outbox: boxes[or(f.OutTransport, f.Transport)], Mapping: loaded[f.Mapping],
			Account: cfg.Gateways[f.Gateway].Account, Mode: cfg.Gateways[f.Gateway].Mode}
		flow.Fresh = texts.fresh(f.Mapping, loaded[f.Mapping])
		flow.NoPage = noPage(cfg, accounts[f.Gateway])
		if can, ok := accounts[f.Gateway].(connector.Supporter); ok {
			flow.Can = func(kind payment.Kind, op payment.Operation) bool { return can.Supports(kind, op) }
		}
		if g, ok := accounts[f.Gateway].(connector.Fitter); ok {
			flow.Fits = g.Fits
		}
		if asks, ok := accounts[f.Gateway].(connector.Referrer); ok {
			flow.Blind = !asks.ByReference()
		}
		flow.Name = name
		setup.Flows = append(setup.Flows, flow)
	}
	s.connector = connector.New(setup)
	return s, nil
}

// hostname names this machine; "" where it has no name.
func hostname() string {
	name, err := os.Hostname()
	if err != nil {
		return ""
	}
	return name
}

// userName is the login of a user of this machine.
func userName(uid string) string {
	u, err := user.LookupId(uid)
	if err != nil {
		return ""
	}
	return u.Username
}

// mappings loads every mapping that a flow uses; all errors at once.
func (a *app) mappings(texts *mappingTexts) (map[string]*mappings.Mapping, error) {
	cfg, loaded := texts.cfg, map[string]*mappings.Mapping{}
	var errs []error
	for _, f := range cfg.Flows {
		if loaded[f.Mapping] != nil {
			continue
		}
		m, err := texts.load(f.Mapping)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if guesses := m.Confirm(); len(guesses) > 0 && cfg.Gateways[f.Gateway].Production() {
			errs = append(errs, fmt.Errorf("NV-4009: mapping %s still has `confirm: true` on %s: look at these guesses, then remove the mark", f.Mapping, strings.Join(guesses, ", ")))
		}
		loaded[f.Mapping] = m
	}
	if len(errs) > 0 {
		return nil, &exitError{exitConfig, errors.Join(errs...)}
	}
	return loaded, nil
}

// mapping loads one mapping by the name of its file in mappings/ or of a preset.
func (a *app) mapping(cfg *config.Config, name string) (*mappings.Mapping, error) {
	return (&mappingTexts{cfg: cfg, texts: map[string][]byte{}}).load(name)
}

func or(a, b string) string {
	if a == "" {
		return b
	}
	return a
}
