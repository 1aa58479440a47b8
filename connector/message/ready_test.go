package message

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write texts.json anew")

//go:embed texts/*.yaml
var texts embed.FS

// read merges every texts/*.yaml of fsys. A code may be spread over files, but nothing may be said twice.
func read(fsys fs.FS) (*catalogue, error) {
	c := &catalogue{map[string]*entry{}, map[string]pair{}}
	names, err := fs.Glob(fsys, "texts/*.yaml")
	errs := []error{err}
	for _, name := range names {
		b, err := fs.ReadFile(fsys, name)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		var file map[string]entry
		if err := yaml.UnmarshalWithOptions(b, &file, yaml.DisallowUnknownField()); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
		}
		for _, key := range slices.Sorted(maps.Keys(file)) {
			if err := c.add(key, file[key]); err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", name, err))
			}
		}
	}
	return c, errors.Join(errs...)
}

// TestReady holds texts.json against the YAML files: `go generate ./connector/message` makes it anew.
func TestReady(t *testing.T) {
	if *update {
		var files []map[string]entry
		names, err := fs.Glob(texts, "texts/*.yaml")
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			b, err := fs.ReadFile(texts, name)
			if err != nil {
				t.Fatal(err)
			}
			var file map[string]entry
			if err := yaml.Unmarshal(b, &file); err != nil {
				t.Fatal(err)
			}
			files = append(files, file)
		}
		var out bytes.Buffer
		e := json.NewEncoder(&out)
		e.SetEscapeHTML(false)
		e.SetIndent("", " ") // so that a change is a change of lines
		if err := e.Encode(map[string]any{"files": files}); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile("texts.json", out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		ready = out.String()
	}
	got, err := prepared(ready)
	if err != nil {
		t.Fatal(err)
	}
	want, err := read(texts)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(catalogue{})); diff != "" {
		t.Errorf("texts.json is not that of texts/*.yaml: run go generate ./connector/message (-yaml +json)\n%s", diff)
	}
}

// BenchmarkPrepared is what each command pays for the catalogue.
func BenchmarkPrepared(b *testing.B) {
	for b.Loop() {
		if _, err := prepared(ready); err != nil {
			b.Fatal(err)
		}
	}
}
