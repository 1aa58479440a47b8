package main

import (
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
	"unicode/utf8"

	"github.com/navette-connect/navette/connector"
	"github.com/navette-connect/navette/connector/config"
	"github.com/navette-connect/navette/connector/gateway/sandbox"
	"github.com/navette-connect/navette/mappings/presets"
	"github.com/navette-connect/navette/transports"
)

// checkView is `check FILE --json` (contract §2); keys are only ever added.
type checkView struct {
	File      string            `json:"file"`
	Flow      string            `json:"flow"`
	Mapping   string            `json:"mapping"`
	Rows      int64             `json:"rows"`
	LeftOut   int64             `json:"left_out"`
	Accepted  int64             `json:"accepted"`
	Held      int64             `json:"held"`
	Rejected  int64             `json:"rejected"`
	Skipped   int64             `json:"skipped"`
	Duplicate int64             `json:"duplicate"` // always 0: nothing but the file is looked at
	Total     map[string]string `json:"total"`
	Errors    []finding         `json:"errors"`
	Holds     []finding         `json:"holds"`
	Warnings  []finding         `json:"warnings"`
	Skips     []finding         `json:"skips"`
	Counts    map[string]int64  `json:"counts"`   // of everything said, by code; not only of what is shown
	Unusable  bool              `json:"unusable"` // the file as a whole cannot be used
}

// checkOptions are the flags of `check FILE`.
type checkOptions struct {
	flow, mapping string
	json          bool
	max           int
}

// checkFile reads a file as a flow would, sends nothing and says what would become of it.
func (a *app) checkFile(ctx context.Context, path string, o checkOptions) error {
	if o.flow != "" && o.mapping != "" {
		return a.fail(exitUsage, "ui.check.either")
	}
	if o.max < 0 {
		return a.fail(exitUsage, "ui.check.max")
	}
	f, size, err := openPlain(path)
	if err != nil {
		return a.fail(exitUsage, "ui.check.open", "path", clean(path), "detail", a.cause(err, detail(err)))
	}
	defer f.Close()
	cfg, err := a.checking(o)
	if err != nil {
		return err
	}
	s := &sample{name: filepath.Base(path), src: f, size: size, today: time.Now().In(cfg.Process.Location), lang: a.lang(), limit: o.max}
	name, err := a.choose(cfg, s, o)
	if err != nil {
		return err
	}
	if s.mapping, err = a.mapping(cfg, name); err != nil {
		if o.json {
			a.out = a.errs // scripts read one JSON document or none
		}
		a.printProblems(configProblems(err))
		return told(exitConfig)
	}
	if s.flow != nil {
		a.abilities(cfg, s)
	}
	if a.terminal(a.errs) {
		s.reached = a.progress
	}
	t, err := s.examine(ctx)
	if s.reached != nil {
		fmt.Fprint(a.errs, clearLine)
	}
	if err != nil {
		return err
	}
	if o.json {
		err = a.encode(t.view(s, name))
	} else {
		a.printTally(s, t)
	}
	switch {
	case err != nil:
		return err
	case t.unusable:
		return told(exitUsage)
	case t.errors.count > 0:
		return told(exitFailed)
	}
	return nil
}

// clearLine takes the line of a terminal back.
const clearLine = "\r\x1b[K"

// progress says on a terminal how far the reading of a large file is; the next word takes its place.
func (a *app) progress(line int) {
	fmt.Fprint(a.errs, clearLine+a.say("ui.check.progress", "line", a.number(int64(line))))
}

// checking loads the configuration. A mapping given by its path, or a preset, needs none: a mapping can be written
// before anything else is.
func (a *app) checking(o checkOptions) (*config.Config, error) {
	cfg, err := a.load(config.SecretsSkipped)
	if err == nil || o.mapping == "" || !isPath(o.mapping) && !slices.Contains(presets.Names(), o.mapping) {
		return cfg, err
	}
	return config.Default(a.env, a.flags)
}

// isPath tells a mapping's path from its name.
func isPath(mapping string) bool {
	return strings.ContainsRune(mapping, filepath.Separator) || strings.HasSuffix(mapping, ".yaml")
}

// choose settles by which flow or mapping the sample is read, and gives the mapping's name.
func (a *app) choose(cfg *config.Config, s *sample, o checkOptions) (string, error) {
	switch {
	case o.mapping != "" && isPath(o.mapping):
		path, err := filepath.Abs(o.mapping)
		if err != nil {
			return "", err
		}
		if _, err := os.Stat(path); err != nil {
			return "", a.fail(exitUsage, "ui.check.open", "path", clean(o.mapping), "detail", a.cause(err, detail(err)))
		}
		if cfg.Mappings == nil {
			cfg.Mappings = map[string]string{}
		}
		cfg.Mappings[o.mapping] = path
		return o.mapping, nil
	case o.mapping != "":
		if cfg.Mappings[o.mapping] == "" && !slices.Contains(presets.Names(), o.mapping) {
			known := slices.Concat(slices.Collect(maps.Keys(cfg.Mappings)), presets.Names())
			slices.Sort(known)
			return "", a.fail(exitUsage, "ui.unknown.mapping", "name", clean(o.mapping), "known", strings.Join(slices.Compact(known), ", "))
		}
		return o.mapping, nil
	case o.flow != "":
		if s.flow = cfg.Flows[o.flow]; s.flow == nil {
			return "", a.fail(exitUsage, "ui.unknown.flow", "name", clean(o.flow), "known", names(cfg.Flows))
		}
		return s.flow.Mapping, nil
	}
	var taking []string
	for name, f := range cfg.Flows {
		if !transports.Ignored(s.name) && transports.Match(f.Match, s.name, f.MatchCase) {
			taking = append(taking, name)
			s.flow = f
		}
	}
	slices.Sort(taking)
	switch len(taking) {
	case 1:
		return s.flow.Mapping, nil
	case 0:
		return "", a.fail(exitUsage, "ui.check.noflow", "file", clean(s.name), "known", names(cfg.Flows))
	}
	return "", a.fail(exitUsage, "ui.check.several", "file", clean(s.name), "flows", strings.Join(taking, ", "))
}

// abilities learns what a flow's gateway can do, where that can be told without its secrets.
func (a *app) abilities(cfg *config.Config, s *sample) {
	gw, err := openGateway(cfg, cfg.Gateways[s.flow.Gateway])
	if err != nil {
		return
	}
	if c, ok := gw.(connector.Closer); ok {
		defer c.Close()
	}
	if can, ok := gw.(connector.Supporter); ok {
		s.can = can.Supports
	}
	if g, ok := gw.(connector.Fitter); ok {
		s.fits = g.Fits
	}
	s.noPage = noPage(cfg, gw)
}

// noPage tells that a gateway's payment requests need navette's page, and that it has no public address.
func noPage(cfg *config.Config, gw connector.Gateway) bool {
	_, pages := gw.(connector.Pager)
	return pages && cfg.Process.PublicURL == ""
}

// openGateway makes a gateway that sends nothing: a sandbox is one in memory, not the one of the service.
func openGateway(cfg *config.Config, g *config.Gateway) (connector.Gateway, error) {
	place := gatewayPlace{stateDir: cfg.Process.StateDir, lang: cfg.Process.Lang, unread: true, sandboxes: map[string]*sandbox.PSP{}}
	if g.Type == "sandbox" {
		psp, err := sandbox.New(sandbox.Options{})
		if err != nil {
			return nil, err
		}
		place.sandboxes[g.Name] = psp
	}
	return gatewayTypes()[g.Type](place, g)
}

// view is the tally for scripts.
func (t *tally) view(s *sample, mapping string) checkView {
	v := checkView{File: s.name, Mapping: mapping, Rows: t.rows, LeftOut: t.leftOut, Accepted: t.accepted, Held: t.held, Rejected: t.rejected, Skipped: t.skipped,
		Total: map[string]string{}, Errors: t.errors.list(), Holds: t.holds.list(), Warnings: t.warnings.list(), Skips: t.leftAside.list(), Counts: map[string]int64{}, Unusable: t.unusable}
	if s.flow != nil {
		v.Flow = s.flow.Name
	}
	for currency, m := range t.total {
		v.Total[currency] = m.Decimal('.')
	}
	for _, f := range []*findings{t.errors, t.holds, t.warnings, t.leftAside} {
		for _, c := range f.causes {
			v.Counts[c.code] += c.count
		}
	}
	return v
}

// printTally says what would become of the file: one line of counts, then each cause with its rows.
func (a *app) printTally(s *sample, t *tally) {
	a.printf("%s\n", a.summary(s, t))
	a.printFindings(t.errors, "")
	a.printFindings(t.holds, "ui.check.holds")
	a.printFindings(t.leftAside, "ui.check.skips")
	a.printFindings(t.warnings, "ui.check.warnings")
	a.printf("\n")
	if t.errors.count+t.holds.count+t.warnings.count > 0 {
		a.printf("%s\n", a.say("ui.check.explain"))
	}
	switch {
	case t.errors.count > 0:
	case s.flow != nil:
		a.printf("%s\n", a.say("ui.check.drop", "in", s.flow.In, "once", a.typed("once")))
	default:
		a.printf("%s\n", a.say("ui.check.nothing"))
	}
}

// summary is the first line: FACTURES.csv: 11 rows read, 1 left out, 2 accepted (EUR 1,579.56), …
func (a *app) summary(s *sample, t *tally) string {
	if t.unusable {
		return a.say("ui.check.unusable", "file", clean(s.name))
	}
	list := []string{a.count("ui.check.read.", t.rows+t.leftOut)}
	more := func(key string, n int64) {
		if n > 0 {
			list = append(list, a.count(key, n))
		}
	}
	more("ui.check.left_out.", t.leftOut)
	accepted := a.count("ui.check.accepted.", t.accepted)
	var sums []string
	for _, currency := range slices.Sorted(maps.Keys(t.total)) {
		sums = append(sums, a.money(t.total[currency]))
	}
	if sums != nil {
		accepted += " (" + strings.Join(sums, a.say("ui.and")) + ")"
	}
	list = append(list, accepted)
	more("ui.check.held.", t.held)
	more("ui.check.skipped.", t.skipped)
	more("ui.check.rejected.", t.rejected)
	return a.say("ui.check.summary", "file", clean(s.name), "counts", strings.Join(list, ", "))
}

// printFindings prints each cause with its count and code, and its rows below.
func (a *app) printFindings(f *findings, heading string) {
	if len(f.causes) == 0 {
		return
	}
	if heading != "" {
		a.printf("%s\n", a.say(heading))
	}
	width := 0
	titles := make([]string, len(f.causes))
	for i, c := range f.causes {
		titles[i] = a.titleOf(c) + " (" + a.number(c.count) + ")"
		width = max(width, utf8.RuneCountInString(titles[i]))
	}
	hidden := f.count
	for i, c := range f.causes {
		a.printf("  %s%s  %s\n", titles[i], strings.Repeat(" ", width-utf8.RuneCountInString(titles[i])), c.code)
		for _, p := range c.kept {
			a.printf("    %s\n", a.place(p))
			hidden--
		}
	}
	if hidden > 0 {
		a.printf("  %s\n", a.count("ui.check.hidden.", hidden))
	}
}

// titleOf names a cause: a rule by its id, anything else by its code's title.
func (a *app) titleOf(c *cause) string {
	if c.rule != "" {
		return a.say("ui.check.rule", "rule", clean(c.rule))
	}
	return titleOf(c.code, a.lang())
}

// place is a finding with where it stands: row 7, column C "Échéance": ….
func (a *app) place(p finding) string {
	line := strconv.Itoa(p.Line)
	text := clean(p.Message)
	switch {
	case p.Line == 0 && p.Column == "":
		return text
	case p.Line == 0:
		return a.say("ui.check.at.column", "letter", p.Letter, "column", clean(p.Column), "text", text)
	case p.Column == "" && p.Letter == "":
		return a.say("ui.check.at.row", "line", line, "text", text)
	case p.Column == "":
		return a.say("ui.check.at.letter", "line", line, "letter", p.Letter, "text", text)
	case p.Letter == "":
		return a.say("ui.check.at.title", "line", line, "column", clean(p.Column), "text", text)
	}
	return a.say("ui.check.at.cell", "line", line, "letter", p.Letter, "column", clean(p.Column), "text", text)
}

// detail is a system error without the path it repeats.
func detail(err error) string {
	for e := err; e != nil; e = errors.Unwrap(e) {
		err = e
	}
	return err.Error()
}
