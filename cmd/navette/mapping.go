package main

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/navette-connect/navette/connector/config"
	"github.com/navette-connect/navette/mappings"
	"github.com/navette-connect/navette/mappings/presets"
)

func (a *app) mappingCommand() *cobra.Command {
	group := command("mapping", "", a.arguments(0, 0), func(c *cobra.Command, _ []string) error { return c.Help() })
	group.AddCommand(a.mappingInitCommand(), a.mappingListCommand(), a.mappingShowCommand())
	return a.localise(group)
}

// mappingView is one line of `mapping list --json`; keys are only ever added.
type mappingView struct {
	Name        string   `json:"name"`
	Origin      string   `json:"origin"` // preset, or the path of its file
	Kind        string   `json:"kind"`
	Format      string   `json:"format"`
	Description string   `json:"description"`
	Confirm     []string `json:"confirm"` // guesses nobody has confirmed yet
	Problems    int      `json:"problems"`
}

func (a *app) mappingListCommand() *cobra.Command {
	var asJSON bool
	c := command("list", "", a.arguments(0, 0), func(*cobra.Command, []string) error {
		cfg, err := a.mappingConfig()
		if err != nil {
			return err
		}
		list := a.listMappings(cfg)
		if asJSON {
			return a.encode(list)
		}
		rows := [][]string{{a.say("ui.mapping.col.name"), a.say("ui.mapping.col.kind"), a.say("ui.mapping.col.format"), a.say("ui.mapping.col.origin"), a.say("ui.mapping.col.what")}}
		for _, m := range list {
			origin := m.Origin
			if origin == "preset" {
				origin = a.say("ui.mapping.preset")
			}
			what := m.Description
			switch {
			case m.Problems > 0:
				what = a.say("ui.mapping.broken")
			case len(m.Confirm) > 0:
				what = a.say("ui.mapping.unconfirmed", "what", what)
			}
			rows = append(rows, []string{m.Name, dash(m.Kind), dash(m.Format), origin, what})
		}
		if err := a.table(rows); err != nil {
			return err
		}
		a.printf("\n%s\n", a.say("ui.mapping.list.next"))
		return nil
	})
	c.Flags().BoolVar(&asJSON, "json", false, "")
	return c
}

// mappingConfig is the configuration as far as mappings need it: they can be shown before anything else is right.
func (a *app) mappingConfig() (*config.Config, error) {
	cfg, err := a.load(config.SecretsSkipped)
	if err == nil {
		return cfg, nil
	}
	if cfg, err = config.Default(a.env, a.flags); err != nil {
		return nil, err
	}
	paths, err := filepath.Glob(filepath.Join(cfg.Process.ConfigDir, "mappings", "*.yaml"))
	for _, path := range paths {
		cfg.Mappings[strings.TrimSuffix(filepath.Base(path), ".yaml")] = path
	}
	return cfg, err
}

// listMappings gives the mappings of the configuration, then the presets that none of them hides.
func (a *app) listMappings(cfg *config.Config) []mappingView {
	list := []mappingView{}
	for _, name := range slices.Sorted(maps.Keys(cfg.Mappings)) {
		list = append(list, a.viewMapping(cfg, name, cfg.Mappings[name]))
	}
	for _, name := range presets.Names() {
		if cfg.Mappings[name] == "" {
			list = append(list, a.viewMapping(cfg, name, "preset"))
		}
	}
	return list
}

func (a *app) viewMapping(cfg *config.Config, name, origin string) mappingView {
	v := mappingView{Name: name, Origin: origin, Confirm: []string{}}
	m, err := a.mapping(cfg, name)
	if err != nil {
		v.Problems = len(configProblems(err))
		return v
	}
	v.Kind, v.Format, v.Description = string(m.Kind), m.Source().Format, m.Description
	v.Confirm = append(v.Confirm, m.Confirm()...)
	return v
}

func (a *app) mappingShowCommand() *cobra.Command {
	var resolved bool
	c := command("show NAME", "", a.arguments(1, 1), func(_ *cobra.Command, args []string) error {
		cfg, err := a.mappingConfig()
		if err != nil {
			return err
		}
		name, path := args[0], cfg.Mappings[args[0]]
		if path == "" && isPath(name) {
			path = name
		}
		if path == "" && !slices.Contains(presets.Names(), name) {
			known := slices.Concat(slices.Collect(maps.Keys(cfg.Mappings)), presets.Names())
			slices.Sort(known)
			return a.fail(exitUsage, "ui.unknown.mapping", "name", clean(name), "known", strings.Join(slices.Compact(known), ", "))
		}
		read := func(name string) ([]byte, error) {
			if p := cfg.Mappings[name]; p != "" {
				return os.ReadFile(p)
			}
			return presets.Source(name)
		}
		src, err := read(name)
		if path != "" {
			src, err = os.ReadFile(path)
		}
		if err != nil {
			return a.fail(exitUsage, "ui.check.open", "path", clean(or(path, name)), "detail", a.cause(err, detail(err)))
		}
		if resolved {
			src, err = mappings.Resolved(or(path, name), src, mappings.Options{Use: read})
			var load mappings.LoadError
			if errors.As(err, &load) {
				a.out = a.errs
				a.printProblems(configProblems(err))
				return told(exitConfig)
			}
		}
		a.printf("%s", src)
		return err
	})
	c.Flags().BoolVar(&resolved, "resolved", false, "")
	return c
}
