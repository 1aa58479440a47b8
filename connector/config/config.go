// Package config reads navette's configuration: navette.yaml, flows.d/*.yaml and the NAVETTE_* environment, checked as
// a whole, with every error at once (contract §3).
package config

import (
	"path/filepath"
	"strings"

	"github.com/navette-connect/navette/connector/message"
)

// Config is the checked configuration of the exchanges.
type Config struct {
	Process    Process
	Retention  Retention
	Gateways   map[string]*Gateway
	Transports map[string]*Transport // "local" always exists
	Flows      map[string]*Flow
	Mappings   map[string]string // mappings/*.yaml: name -> path; presets are not among them
	Warnings   []Problem         // worth telling, nothing wrong

	places map[string]Position // by key: "flows.factures.mapping"
	shown  []shown
}

// Options are what Load is told beside the environment.
type Options struct {
	Flags      Overrides
	Gateways   []string // types that this binary has; another one is refused by name
	Transports []string // likewise; "local" is always known
	Databases  []string // likewise, by the scheme of their address; SQLite, which needs none, is always known
	Presets    []string // mappings that need no file
	Secrets    Secrets  // whether the secrets of gateways are read
}

// Load reads and checks the whole configuration. The error is an Errors (ErrInvalid) with everything that is wrong.
func Load(env Environment, opt Options) (*Config, error) {
	b := &builder{secrets: opt.Secrets, credentials: env.Credentials, databases: opt.Databases}
	dir := absolute(firstOf(opt.Flags.ConfigDir, env.ConfigDir, "/etc/navette"))
	return b.build(b.readAll(dir), b.mappings(dir), env, opt)
}

// build checks what the files say.
func (b *builder) build(t tree, mappings map[string]string, env Environment, opt Options) (*Config, error) {
	b.errors = append(b.errors, env.problems.errors...)
	c := &Config{Mappings: mappings, Process: b.process(t.root, env, opt.Flags)}
	c.Retention = b.retention(t.root)
	t.root.finish()
	c.Transports = b.transports(t.sections["transports"], opt.Transports)
	b.transport = c.Transports
	c.Gateways = b.gateways(t.sections["gateways"], opt.Gateways)
	c.Flows = b.flows(t.sections["flows"], c, opt.Presets)
	b.overlaps(c.Flows, t.sections["flows"])
	return c.kept(b)
}

// Default is a configuration without any file: for the demo, and for commands that need no flow.
func Default(env Environment, flags Overrides) (*Config, error) {
	b := &builder{credentials: env.Credentials}
	b.errors = append(b.errors, env.problems.errors...)
	c := &Config{Gateways: map[string]*Gateway{}, Flows: map[string]*Flow{}, Mappings: map[string]string{}}
	c.Process = b.process(nil, env, flags)
	c.Retention = b.retention(&object{b: b})
	c.Transports = b.transports(&object{b: b}, nil)
	return c.kept(b)
}

// kept is the configuration if nothing is wrong with it.
func (c *Config) kept(b *builder) (*Config, error) {
	if len(b.errors) > 0 {
		return nil, Errors(sorted(b.errors))
	}
	c.Warnings, c.shown, c.places = sorted(b.warnings), b.shown, map[string]Position{}
	for _, s := range b.shown {
		c.places[s.key] = s.at
	}
	return c, nil
}

// Problem makes a problem that stands where key ("flows.factures.mapping") was written, for checks that need more than
// the configuration: the mappings' own errors, a guess left in production.
func (c *Config) Problem(key string, text message.Text) Problem {
	at := c.places[key]
	return Problem{at.File, at.Line, at.Column, key, code(text.Key), text}
}

// mappings lists mappings/*.yaml by name.
func (b *builder) mappings(dir string) map[string]string {
	found := map[string]string{}
	for _, file := range b.listYAML(filepath.Join(dir, "mappings")) {
		found[strings.TrimSuffix(file, ".yaml")] = filepath.Join(dir, "mappings", file)
	}
	return found
}

// named walks the entries of a section: names with keys below.
func (b *builder) named(section *object, each func(name string, o *object)) {
	for _, name := range section.order {
		it := section.items[name]
		if !validName(name) {
			b.fail(it.key, section.key(name), "NV-4004", section.say("NV-4004.value", name, "value", name,
				"expected.fr", wantName().fr, "expected.en", wantName().en))
			continue
		}
		o := &object{b: b, name: section.key(name), at: it.key}
		if section.take(name) != nil {
			if o = section.object(name); o == nil {
				continue
			}
		}
		each(name, o)
		o.finish()
	}
}

func firstOf(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}
