package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/navette-connect/navette/connector/config"
	"github.com/navette-connect/navette/mappings"
	"github.com/navette-connect/navette/mappings/presets"
	"github.com/navette-connect/navette/mappings/propose"
	"github.com/navette-connect/navette/transports"
)

// scout stands at the demonstration's drop folder: it hands each file to the flow whose mapping reads it, and where
// there is none proposes a mapping and makes a flow of its own for it. Only the demonstration does this: its PSP is a
// sandbox, so a wrong guess costs nothing.
type scout struct {
	*app        // with the demonstration's configuration
	teller *app // says what happens
	dir    string
	seen   map[string]sighting
}

// sighting is what a file looked like, and since when.
type sighting struct {
	size  int64
	mtime time.Time
	since time.Time
}

// scoutQuiet is how long a file must be unchanged before it is looked at.
const scoutQuiet = 400 * time.Millisecond

// largestForeign bounds the files that are looked at: the demonstration holds them in memory.
const largestForeign = 64 << 20

// look hands on what has settled; changed tells that there is a new flow.
func (s *scout) look(ctx context.Context) (changed bool, err error) {
	entries, err := os.ReadDir(filepath.Join(s.dir, "in"))
	if err != nil {
		return false, err
	}
	for _, e := range entries {
		name := e.Name()
		info, err := e.Info()
		if err != nil || !info.Mode().IsRegular() || transports.Ignored(name) {
			continue // gone again, or none of ours
		}
		now := sighting{size: info.Size(), mtime: info.ModTime(), since: time.Now()}
		if old, ok := s.seen[name]; !ok || old.size != now.size || !old.mtime.Equal(now.mtime) {
			s.seen[name] = now
			continue
		} else if time.Since(old.since) < scoutQuiet {
			continue
		}
		delete(s.seen, name)
		made, err := s.take(ctx, name, info.Size())
		if err != nil {
			return changed, err
		}
		changed = changed || made
	}
	return changed, nil
}

// waiting tells whether files lie in the drop folder that nobody has looked at.
func (s *scout) waiting() bool { return len(s.seen) > 0 }

// take moves a file to the flow that reads it; made tells that this flow is new.
func (s *scout) take(ctx context.Context, name string, size int64) (made bool, err error) {
	cfg, err := s.load(config.SecretsSkipped)
	if err != nil {
		return false, err
	}
	from := filepath.Join(s.dir, "in", name)
	to := cfg.Flows["factures"].In // which answers also what cannot be read at all
	if size > 0 && size <= largestForeign {
		b, err := os.ReadFile(from)
		if err != nil {
			return false, err
		}
		if flow := s.reader(ctx, cfg, name, b); flow != "" {
			to = cfg.Flows[flow].In
		} else if to, made, err = s.propose(cfg, name, b, to); err != nil {
			return false, err
		}
	}
	if filepath.Dir(from) == to {
		return made, nil
	}
	if err := os.MkdirAll(to, 0o750); err != nil {
		return made, err
	}
	return made, os.Rename(from, filepath.Join(to, name))
}

// reader finds the flow whose mapping reads a file, "" for none.
func (s *scout) reader(ctx context.Context, cfg *config.Config, name string, b []byte) string {
	for _, flow := range slices.Sorted(maps.Keys(cfg.Flows)) {
		f := cfg.Flows[flow]
		m, err := s.mapping(cfg, f.Mapping)
		if err != nil {
			continue
		}
		r, err := m.Open(inMemory(name, b), mappings.Env{File: name})
		var file *mappings.FileError
		if errors.As(err, &file) && file.Incomplete { // its last line is not closed: that flow is the one to hold it
			_, err = m.Open(inMemory(name, append(bytes.Clone(b), "\r\n"...)), mappings.Env{File: name})
			if err == nil && flow == "factures" {
				return flow
			}
			continue
		}
		if err != nil {
			continue
		}
		if flow == "factures" { // its titles are there
			return flow
		}
		n := 0
		for doc, err := range r.Documents(ctx) {
			if err != nil || n > 1000 {
				break
			}
			if n++; doc.State != mappings.Rejected {
				return flow
			}
		}
	}
	return ""
}

func inMemory(name string, b []byte) mappings.Spooled {
	return mappings.Spooled{ReaderAt: bytes.NewReader(b), Size: int64(len(b)), Name: name}
}

// propose makes a mapping and a flow for a foreign file and says what was guessed. Where it cannot, it says why, and
// the file goes to the flow `otherwise`, which refuses it with an answer.
func (s *scout) propose(cfg *config.Config, name string, b []byte, otherwise string) (to string, made bool, err error) {
	opt := propose.Options{Formats: formats(), Preset: presets.Source, Lang: s.lang()}
	p, err := propose.Propose(inMemory(name, b), opt)
	for n := 2; err == nil && (cfg.Flows[p.Name] != nil || cfg.Mappings[p.Name] != ""); n++ {
		opt.Name = fmt.Sprintf("%s-%d", p.Name, n)
		if cfg.Flows[opt.Name] == nil && cfg.Mappings[opt.Name] == "" {
			p, err = propose.Propose(inMemory(name, b), opt)
			break
		}
	}
	var file *mappings.FileError
	var why *propose.Refusal
	switch {
	case errors.As(err, &file):
		s.teller.printf("\n%s\n", s.say("ui.mapping.init.refused", "file", clean(name), "why", file.Problem.Code+" "+clean(file.Problem.Text.In(s.lang()))))
		return otherwise, false, nil
	case errors.As(err, &why):
		s.teller.printf("\n%s\n", s.say("ui.mapping.init.refused", "file", clean(name), "why", clean(why.Text.In(s.lang()))))
		return otherwise, false, nil
	case err != nil:
		return "", false, err
	}
	etc := filepath.Join(s.dir, "etc")
	path := filepath.Join(etc, "mappings", p.Name+".yaml")
	if _, err := writeNew(path, p.YAML); err != nil {
		return "", false, err
	}
	to = filepath.Join(s.dir, "flows", p.Name, "in")
	flow := fmt.Sprintf("# Made by the demonstration for %q.\nflows:\n  %s:\n    in: %s\n    out: %s\n    done: %s\n    rejected: %s\n    quiet: 500ms\n    poll: 1s\n"+
		"    status_every: 2s\n    patience: 3s\n    max_age: none\n    mapping: %s\n    gateway: psp\n", clean(name), p.Name, strconv.Quote(to), strconv.Quote(filepath.Join(s.dir, "out")),
		strconv.Quote(filepath.Join(s.dir, "done")), strconv.Quote(filepath.Join(s.dir, "rejected")), p.Name)
	if err := os.MkdirAll(filepath.Join(etc, "flows.d"), 0o750); err != nil {
		return "", false, err
	}
	if err := os.MkdirAll(to, 0o750); err != nil {
		return "", false, err
	}
	if _, err := writeNew(filepath.Join(etc, "flows.d", p.Name+".yaml"), []byte(flow)); err != nil {
		return "", false, err
	}
	s.tell(p, name, path)
	return to, true, nil
}

// tell says what was proposed and guessed.
func (s *scout) tell(p *propose.Proposal, name, path string) {
	t := s.teller
	t.printf("\n%s\n", t.say("ui.demo.foreign", "file", clean(name), "path", path))
	for _, c := range p.Columns {
		if c.Field != "" {
			t.printf("     %s  %s → %s\n", c.Letter, clean(c.Title), c.Field)
		}
	}
	for _, g := range p.Guesses {
		for i, line := range wrapped(clean(g.In(t.lang())), helpWidth-7) {
			mark := "   - "
			if i > 0 {
				mark = "     "
			}
			t.printf("%s%s\n", mark, line)
		}
	}
	t.printf("%s\n\n", t.say("ui.demo.foreign.next"))
}
