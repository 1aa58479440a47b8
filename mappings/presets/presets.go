// Package presets holds the mappings that come with navette, as data: one YAML file each, embedded.
package presets

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"strings"
)

//go:embed *.yaml
var files embed.FS

// ErrUnknown is the kind of a preset that does not exist.
var ErrUnknown = errors.New("no such preset")

// Names lists the presets, sorted.
func Names() []string {
	entries, err := fs.ReadDir(files, ".")
	if err != nil { // an embedded folder is always there
		return nil
	}
	var names []string
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".yaml"))
	}
	return names
}

// Source gives a preset's YAML; ErrUnknown when there is none of that name.
func Source(name string) ([]byte, error) {
	if strings.ContainsAny(name, "/\\.") {
		return nil, fmt.Errorf("%w: %q", ErrUnknown, name)
	}
	b, err := files.ReadFile(name + ".yaml")
	if err != nil {
		return nil, fmt.Errorf("%w: %q", ErrUnknown, name)
	}
	return b, nil
}
