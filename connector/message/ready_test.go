package message

import (
	"bytes"
	"encoding/json"
	"flag"
	"io/fs"
	"os"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write texts.json anew")

// TestReady holds texts.json against the YAML files: `go generate ./connector/message` makes it anew.
func TestReady(t *testing.T) {
	digest, err := digestOf(texts)
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		r := readied{Digest: digest}
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
			r.Files = append(r.Files, file)
		}
		var out bytes.Buffer
		e := json.NewEncoder(&out)
		e.SetEscapeHTML(false)
		e.SetIndent("", " ") // so that a change is a change of lines
		if err := e.Encode(r); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile("texts.json", out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		ready = out.Bytes()
	}
	got := prepared(texts, ready)
	if got == nil {
		t.Fatal("texts.json is not that of texts/*.yaml: run go generate ./connector/message")
	}
	want, err := read(texts)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(catalogue{})); diff != "" {
		t.Errorf("texts.json (-yaml +json):\n%s", diff)
	}
}

// BenchmarkPrepared is what each command pays for the catalogue.
func BenchmarkPrepared(b *testing.B) {
	for b.Loop() {
		if prepared(texts, ready) == nil {
			b.Fatal("texts.json is not that of texts/*.yaml")
		}
	}
}
