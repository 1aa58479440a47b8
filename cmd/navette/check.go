package main

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/navette-connect/navette/connector"
	"github.com/navette-connect/navette/connector/config"
	"github.com/navette-connect/navette/connector/message"
	"github.com/navette-connect/navette/connector/payment"
	"github.com/navette-connect/navette/mappings"
	"github.com/navette-connect/navette/transports"
)

// pingPatience is how long `check --online` waits for one gateway.
const pingPatience = 20 * time.Second

func (a *app) checkCommand() *cobra.Command {
	var o checkOptions
	var online bool
	c := command("check [FILE]", "", a.arguments(0, 1), func(c *cobra.Command, args []string) error {
		switch {
		case len(args) == 1 && online:
			return a.fail(exitUsage, "ui.check.online_file")
		case len(args) == 1:
			return a.checkFile(c.Context(), args[0], o)
		case o.flow != "" || o.mapping != "":
			return a.fail(exitUsage, "ui.check.needs_file")
		}
		return a.checkAll(c.Context(), online, o.json)
	})
	f := c.Flags()
	f.StringVar(&o.flow, "flow", "", "")
	f.StringVar(&o.mapping, "mapping", "", "")
	f.BoolVar(&o.json, "json", false, "")
	f.IntVar(&o.max, "max-errors", 50, "")
	f.BoolVar(&online, "online", false, "")
	return a.localise(c)
}

// setupView is `check --json` without a file.
type setupView struct {
	OK       bool                    `json:"ok"`
	Problems []problemView           `json:"problems"`
	Warnings []problemView           `json:"warnings"`
	Gateways map[string]setupGateway `json:"gateways"`
	Flows    map[string]setupFlow    `json:"flows"`
}

type problemView struct {
	File    string `json:"file"`
	Line    int    `json:"line"`
	Column  int    `json:"column"`
	Key     string `json:"key"`
	Code    string `json:"code"`
	Message string `json:"message"`
}

type setupGateway struct {
	Type    string `json:"type"`
	Mode    string `json:"mode"`
	Account string `json:"account"`
	Online  string `json:"online"` // ok, failed, skipped, or "" when it was not asked
}

type setupFlow struct {
	In      string `json:"in"`
	Out     string `json:"out"`
	Mapping string `json:"mapping"`
	Gateway string `json:"gateway"`
	Mode    string `json:"mode"`
}

// setup is what a check of the configuration finds.
type setup struct {
	cfg      *config.Config
	problems []config.Problem
	warnings []config.Problem
	trouble  []string // of what was asked online: run-time, not configuration
	online   map[string]string
	note     string // who was asked about folders
}

// checkAll looks at everything that can be looked at without taking a file.
func (a *app) checkAll(ctx context.Context, online, asJSON bool) error {
	s := &setup{online: map[string]string{}}
	var err error
	if s.cfg, err = a.load(config.SecretsTried); err != nil {
		s.problems = configProblems(err)
	} else {
		s.warnings = s.cfg.Warnings
		if err := a.checkMappings(ctx, s); err != nil {
			return err
		}
		a.checkFolders(s)
		if online {
			a.ping(ctx, s)
			a.connect(ctx, s)
		}
	}
	if asJSON {
		err = a.encode(a.viewSetup(s))
	} else {
		err = a.printSetup(s)
	}
	switch {
	case err != nil:
		return err
	case len(s.problems) > 0:
		return told(exitConfig)
	case len(s.trouble) > 0:
		return told(exitFailed)
	}
	return nil
}

// checkMappings loads every mapping there is, used or not, and runs their tests.
func (a *app) checkMappings(ctx context.Context, s *setup) error {
	used := map[string]string{} // by mapping: the first flow
	for _, name := range slices.Sorted(maps.Keys(s.cfg.Flows)) {
		if f := s.cfg.Flows[name]; used[f.Mapping] == "" {
			used[f.Mapping] = name
		}
	}
	all := maps.Clone(used)
	for name := range s.cfg.Mappings {
		all[name] = used[name]
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		m, err := a.mapping(s.cfg, name)
		if err != nil {
			s.problems = append(s.problems, configProblems(err)...)
			continue
		}
		for _, w := range m.Warnings() {
			s.warnings = append(s.warnings, fromMapping(w))
		}
		if guesses := m.Confirm(); len(guesses) > 0 {
			for _, flow := range slices.Sorted(maps.Keys(s.cfg.Flows)) {
				f := s.cfg.Flows[flow]
				if f.Mapping != name || !s.cfg.Gateways[f.Gateway].Production() {
					continue
				}
				s.problems = append(s.problems, s.cfg.Problem("flows."+flow+".mapping",
					message.New("NV-4009.left", "mapping", name, "flow", flow, "fields", strings.Join(guesses, ", "))))
			}
		}
		if err := a.runTests(ctx, s, name, m); err != nil {
			return err
		}
	}
	return nil
}

// ping asks each gateway once whether it can be reached and knows us; nothing takes effect.
func (a *app) ping(ctx context.Context, s *setup) {
	for _, name := range slices.Sorted(maps.Keys(s.cfg.Gateways)) {
		g := s.cfg.Gateways[name]
		s.online[name] = "skipped"
		if g.Type == "sandbox" || withoutSecret(s.cfg, name) {
			continue
		}
		gw, err := openGateway(s.cfg, g)
		if err == nil {
			if p, ok := gw.(connector.Pinger); ok {
				within, cancel := context.WithTimeout(ctx, pingPatience)
				err = p.Ping(within)
				cancel()
				s.online[name] = "ok"
			}
			if c, ok := gw.(connector.Closer); ok {
				c.Close()
			}
		}
		if err == nil || errors.Is(err, payment.ErrUnsupported) { // it answered, if only that it cannot be asked
			continue
		}
		s.online[name] = "failed"
		why := clean(err.Error())
		var coded interface{ NVCode() string }
		if errors.As(err, &coded) && coded.NVCode() != "" {
			code := coded.NVCode()
			why = message.Title(code, a.lang()) + " (" + why + "); navette explain " + code
		}
		s.trouble = append(s.trouble, a.say("ui.check.unreached", "gateway", name, "detail", why))
	}
}

// connect logs in to each transport that has a login, and does no more.
func (a *app) connect(ctx context.Context, s *setup) {
	for _, name := range slices.Sorted(maps.Keys(s.cfg.Transports)) {
		t := s.cfg.Transports[name]
		if t.Type == "local" || slices.ContainsFunc(s.cfg.Warnings, func(p config.Problem) bool {
			return p.Text.Key == "NV-4007.no_credentials" && strings.HasPrefix(p.Key, "transports."+name+".")
		}) {
			continue
		}
		box, err := transportTypes(a.hooks)[t.Type](s.cfg.Process.StateDir, t)
		if err == nil {
			if c, ok := box.(transports.Connecter); ok {
				within, cancel := context.WithTimeout(ctx, pingPatience)
				err = c.Connect(within)
				cancel()
			}
			err = errors.Join(err, box.Close())
		}
		if err != nil {
			s.trouble = append(s.trouble, a.say("ui.check.transport", "detail", a.transportError(name, err)))
		}
	}
}

// withoutSecret tells whether a gateway's credential is given to the service alone.
func withoutSecret(cfg *config.Config, gateway string) bool {
	return slices.ContainsFunc(cfg.Warnings, func(p config.Problem) bool {
		return p.Text.Key == "NV-4007.no_credentials" && strings.HasPrefix(p.Key, "gateways."+gateway+".")
	})
}

// printSetup says what is configured, then everything that is wrong with it, each with the cure.
func (a *app) printSetup(s *setup) error {
	if s.cfg != nil {
		if err := a.printExchanges(s); err != nil {
			return err
		}
	}
	if s.note != "" {
		a.printf("\n%s\n", s.note)
	}
	if len(s.warnings) > 0 {
		a.printf("\n%s\n", a.say("ui.check.warnings"))
		a.printProblems(s.warnings)
	}
	for _, t := range s.trouble {
		a.printf("\n%s\n", t)
	}
	if len(s.problems) > 0 {
		a.printf("\n%s\n", a.count("ui.check.problems.", int64(len(s.problems))))
		a.printProblems(s.problems)
		return nil
	}
	if len(s.trouble) > 0 {
		return nil
	}
	next := "ui.check.fine"
	if len(s.cfg.Flows) == 0 {
		next = "ui.check.fine_noflow"
	}
	a.printf("\n%s\n", a.say(next, "dir", s.cfg.Process.ConfigDir))
	var rehearsing []string
	for _, name := range slices.Sorted(maps.Keys(s.cfg.Flows)) {
		if !s.cfg.Gateways[s.cfg.Flows[name].Gateway].Production() {
			rehearsing = append(rehearsing, name)
		}
	}
	if rehearsing != nil {
		a.printf("%s\n", a.say("ui.check.rehearsing", "flows", strings.Join(rehearsing, ", ")))
	}
	return nil
}

// printExchanges shows each gateway with its mode, and each flow in two lines.
func (a *app) printExchanges(s *setup) error {
	cfg := s.cfg
	a.printf("%s\n", a.say("ui.check.places", "config", cfg.Process.ConfigDir, "state", cfg.Process.StateDir))
	rows := [][]string{}
	for _, name := range slices.Sorted(maps.Keys(cfg.Gateways)) {
		g := cfg.Gateways[name]
		online := ""
		if said := s.online[name]; said != "" {
			online = a.say("ui.online." + said)
		}
		rows = append(rows, []string{"  " + name, a.mode(g.Mode), g.Type, g.Account, online})
	}
	if len(rows) > 0 {
		a.printf("\n%s\n", a.say("ui.check.gateways"))
		if err := a.table(rows); err != nil {
			return err
		}
	}
	if len(cfg.Flows) > 0 {
		a.printf("\n%s\n", a.say("ui.check.flows"))
	}
	for _, name := range slices.Sorted(maps.Keys(cfg.Flows)) {
		f := cfg.Flows[name]
		match := strings.Join(f.Match, ", ")
		if match == "" {
			match = "*"
		}
		a.printf("  %s\n    %s\n    %s\n", name,
			a.say("ui.check.flow", "in", f.In, "match", match, "mapping", f.Mapping, "gateway", f.Gateway, "mode", a.mode(cfg.Gateways[f.Gateway].Mode), "out", f.Out),
			a.say("ui.check.rules", "first", a.say("ui.first."+f.FirstFile), "on_error", f.OnError, "on_known", f.OnKnown, "amount", bound(f.Limits.Amount), "total", bound(f.Limits.Total)))
	}
	return nil
}

func bound(limit string) string {
	if limit == "" {
		return "none"
	}
	return limit
}

// printProblems prints problems by code, with the cure below each code.
func (a *app) printProblems(list []config.Problem) {
	var order []string
	by := map[string][]config.Problem{}
	for _, p := range list {
		if by[p.Code] == nil {
			order = append(order, p.Code)
		}
		by[p.Code] = append(by[p.Code], p)
	}
	for _, code := range order {
		if code != "" {
			a.printf("  %s (%d)  %s\n", titleOf(code, a.lang()), len(by[code]), code)
		}
		for _, p := range by[code] {
			at := config.Position{File: p.File, Line: p.Line, Column: p.Column}.String()
			if at != "" {
				at += ": "
			}
			a.printf("    %s%s\n", at, clean(p.Text.In(a.lang())))
		}
		if cure := message.Explain(code, a.lang()); cure != "" {
			for i, line := range wrapped(cure, helpWidth-6) {
				mark := "  "
				if i == 0 {
					mark = "→ "
				}
				a.printf("    %s%s\n", mark, line)
			}
		}
	}
}

func titleOf(code, lang string) string { return message.Title(code, lang) }

// configProblems takes an error of loading apart: each problem by itself.
func configProblems(err error) []config.Problem {
	var list []config.Problem
	switch e := err.(type) {
	case config.Errors:
		return e
	case mappings.LoadError:
		for _, p := range e {
			list = append(list, fromMapping(p))
		}
		return list
	case interface{ Unwrap() []error }:
		for _, each := range e.Unwrap() {
			list = append(list, configProblems(each)...)
		}
		return list
	}
	var wrong config.Errors
	var load mappings.LoadError
	switch {
	case errors.As(err, &wrong):
		return wrong
	case errors.As(err, &load):
		return configProblems(load)
	}
	return []config.Problem{{Text: message.Literal(err.Error(), err.Error())}}
}

func fromMapping(p mappings.LoadProblem) config.Problem {
	return config.Problem{File: p.File, Line: p.Line, Column: p.Column, Code: p.Code, Text: p.Text}
}

func (a *app) viewSetup(s *setup) setupView {
	show := func(list []config.Problem) []problemView {
		out := []problemView{}
		for _, p := range list {
			out = append(out, problemView{p.File, p.Line, p.Column, p.Key, p.Code, p.Text.In(a.lang())})
		}
		return out
	}
	v := setupView{OK: len(s.problems)+len(s.trouble) == 0, Problems: show(s.problems), Warnings: show(s.warnings), Gateways: map[string]setupGateway{}, Flows: map[string]setupFlow{}}
	if s.cfg == nil {
		return v
	}
	for name, g := range s.cfg.Gateways {
		v.Gateways[name] = setupGateway{g.Type, g.Mode, g.Account, s.online[name]}
	}
	for name, f := range s.cfg.Flows {
		v.Flows[name] = setupFlow{f.In, f.Out, f.Mapping, f.Gateway, s.cfg.Gateways[f.Gateway].Mode}
	}
	return v
}
