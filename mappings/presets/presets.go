// Package presets holds the mappings that come with navette, as data: one YAML file each, embedded.
package presets

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"strings"
)

//go:embed *.yaml returns/*.yaml
var files embed.FS

// ErrUnknown is the kind of a preset that does not exist.
var ErrUnknown = errors.New("no such preset")

// Names lists the presets, sorted; ready returns are not among them.
func Names() []string {
	entries, err := fs.ReadDir(files, ".")
	if err != nil { // an embedded folder is always there
		return nil
	}
	var names []string
	for _, e := range entries {
		if !e.IsDir() {
			names = append(names, strings.TrimSuffix(e.Name(), ".yaml"))
		}
	}
	return names
}

// Returns lists the ready returns, sorted, as a mapping's `returns.NAME.use` names them.
func Returns() []string {
	entries, err := fs.ReadDir(files, "returns")
	if err != nil {
		return nil
	}
	var names []string
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".yaml"))
	}
	return names
}

// Source gives the YAML of a preset, or of a ready return (mappings.ReturnPrefix before its name); ErrUnknown when there
// is none of that name.
func Source(name string) ([]byte, error) {
	if name, is := strings.CutPrefix(name, "return:"); is && !strings.ContainsAny(name, "/\\.") {
		if b, err := files.ReadFile("returns/" + name + ".yaml"); err == nil {
			return b, nil
		}
		return nil, fmt.Errorf("%w: %q; ready returns: %s", ErrUnknown, name, strings.Join(Returns(), ", "))
	}
	if strings.ContainsAny(name, "/\\.") {
		return nil, fmt.Errorf("%w: %q", ErrUnknown, name)
	}
	b, err := files.ReadFile(name + ".yaml")
	if err != nil {
		return nil, fmt.Errorf("%w: %q", ErrUnknown, name)
	}
	return b, nil
}
