package main

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/navette-connect/navette/connector/config"
	"github.com/navette-connect/navette/mappings"
	"github.com/navette-connect/navette/mappings/presets"
)

// tables keeps a mapping with its lookup tables as they are in their files. The text of the mapping stays what it was when
// the configuration was read: another one comes by a reload. It may be used by several goroutines.
type tables struct {
	load func() (*mappings.Mapping, error)
	stat func(name string) (stamp, error)

	mu   sync.Mutex
	now  *mappings.Mapping
	seen map[string]stamp // of the tables' files, from before they were read
}

// stamp tells one content of a file from another.
type stamp struct {
	size    int64
	changed time.Time
	young   bool // it was changed so lately that another change may have left the same time
}

// youth is how far apart two changes must be to have different times, on the file systems there are.
const youth = 3 * time.Second

func stampOf(name string) (stamp, error) {
	info, err := os.Stat(name)
	if err != nil {
		return stamp{}, err
	}
	return stamp{info.Size(), info.ModTime(), time.Since(info.ModTime()) < youth}, nil
}

// fresh gives the mapping as its tables are now; with an error the last good one.
func (t *tables) fresh() (*mappings.Mapping, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	stamps, err := t.stamps()
	if err == nil && maps.EqualFunc(stamps, t.seen, func(a, b stamp) bool { return a == b && !a.young && !b.young }) {
		return t.now, nil
	}
	t.seen = nil
	m, loadErr := t.load()
	if loadErr != nil {
		return t.now, loadErr
	}
	if err != nil { // it came back meanwhile
		return t.now, err
	}
	t.now, t.seen = m, stamps
	return m, nil
}

func (t *tables) stamps() (map[string]stamp, error) {
	list := map[string]stamp{}
	var errs []error
	for _, name := range t.now.Lookups() {
		s, err := t.stat(name)
		errs = append(errs, err)
		list[name] = s
	}
	return list, errors.Join(errs...)
}

// mappingTexts are the YAML files of mappings as they were when the configuration was read.
type mappingTexts struct {
	cfg   *config.Config
	texts map[string][]byte
}

// read gives the text of a mapping or of a preset.
func (t *mappingTexts) read(name string) ([]byte, error) {
	if b, ok := t.texts[name]; ok {
		return b, nil
	}
	var b []byte
	var err error
	if path, ok := t.cfg.Mappings[name]; ok {
		b, err = os.ReadFile(path)
	} else {
		b, err = presets.Source(name)
	}
	if err == nil {
		t.texts[name] = b
	}
	return b, err
}

// load compiles a mapping by the name of its file in mappings/ or of a preset, with its tables as they are.
func (t *mappingTexts) load(name string) (*mappings.Mapping, error) {
	src, err := t.read(name)
	if err != nil {
		return nil, fmt.Errorf("mapping %s: %w", name, err)
	}
	beside := func(file string) ([]byte, error) { return os.ReadFile(t.table(name, file)) }
	return mappings.Load(or(t.cfg.Mappings[name], name), src, mappings.Options{Formats: formats(), Use: t.read, Lookup: beside})
}

// table is the path of a lookup table of a mapping: absolute, or beside its file.
func (t *mappingTexts) table(mapping, file string) string {
	if filepath.IsAbs(file) {
		return file
	}
	return filepath.Join(filepath.Dir(t.cfg.Mappings[mapping]), file)
}

// fresh is Flow.Fresh of a mapping that was loaded; nil where it has no tables.
func (t *mappingTexts) fresh(name string, loaded *mappings.Mapping) func() (*mappings.Mapping, error) {
	if len(loaded.Lookups()) == 0 {
		return nil
	}
	held := &tables{now: loaded, load: func() (*mappings.Mapping, error) { return t.load(name) }, stat: func(file string) (stamp, error) { return stampOf(t.table(name, file)) }}
	return held.fresh
}
