package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// home is one installation of navette: configuration, state directory, the folders of one flow.
type home struct{ dir string }

// gatewaySettings fill the configuration's template.
type gatewaySettings struct {
	url        string
	inflight   int
	settle     time.Duration
	idempotent bool // the PSP honours keys, and navette is told so
}

// newHome makes a fresh one under its name.
func (b *bench) newHome(name string, g gatewaySettings) (home, error) {
	h := home{filepath.Join(b.work, "home-"+name)}
	if err := os.RemoveAll(h.dir); err != nil {
		return h, err
	}
	for _, d := range []string{"etc/mappings", "state", "in", "out", "done", "rejected"} {
		if err := os.MkdirAll(filepath.Join(h.dir, filepath.FromSlash(d)), 0o755); err != nil {
			return h, err
		}
	}
	mapping, err := os.ReadFile(filepath.Join(b.source, "navette", "mappings", "bench.yaml"))
	if err != nil {
		return h, err
	}
	template, err := os.ReadFile(filepath.Join(b.source, "navette", "navette.yaml.in"))
	if err != nil {
		return h, err
	}
	fill := strings.NewReplacer("@URL@", g.url, "@HOME@", h.dir, "@INFLIGHT@", strconv.Itoa(g.inflight),
		"@SETTLE@", g.settle.String(), "@IDEMPOTENT@", strconv.FormatBool(g.idempotent))
	return h, errors.Join(
		os.WriteFile(filepath.Join(h.dir, "etc", "mappings", "bench.yaml"), mapping, 0o644),
		os.WriteFile(filepath.Join(h.dir, "etc", "navette.yaml"), []byte(fill.Replace(string(template))), 0o644),
		os.WriteFile(filepath.Join(h.dir, "etc", "token"), []byte("bench\n"), 0o600))
}

// once is `navette once` in this home.
func (h home) once(binary string) process {
	return process{name: strings.TrimPrefix(filepath.Base(h.dir), "home-"), path: binary, args: []string{"once"}, env: h.env()}
}

// env is our environment without settings of navette that somebody's shell may hold.
func (h home) env() []string {
	env := slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "NAVETTE_") })
	return append(env, "NAVETTE_CONFIG_DIR="+filepath.Join(h.dir, "etc"), "NAVETTE_STATE_DIR="+filepath.Join(h.dir, "state"),
		"NAVETTE_LISTEN=off", "NAVETTE_LOG_FORMAT=json", "NAVETTE_LANG=en")
}

// drop puts a copy of src into the inbound folder, whole at once.
func (h home) drop(src string) error {
	in, err := os.Open(src)
	if err != nil {
		return err
	}
	defer in.Close()
	part := filepath.Join(h.dir, "part")
	out, err := os.Create(part)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	if err := errors.Join(err, out.Close()); err != nil {
		return err
	}
	return os.Rename(part, filepath.Join(h.dir, "in", filepath.Base(src)))
}

// taken tells whether the inbound folder is empty again.
func (h home) taken() (bool, error) {
	left, err := os.ReadDir(filepath.Join(h.dir, "in"))
	return len(left) == 0, err
}

// answered counts the rows of src's result file by nv_state; nil while there is none.
func (h home) answered(src string) (map[string]int, error) {
	stem := strings.TrimSuffix(filepath.Base(src), filepath.Ext(src))
	f, err := os.Open(filepath.Join(h.dir, "out", stem+".ret.csv"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return states(f)
}

// states counts the lines of a result file by nv_state.
func states(in io.Reader) (map[string]int, error) {
	r := csv.NewReader(in) // the title and the states are ASCII in every encoding
	r.Comma, r.ReuseRecord = ';', true
	head, err := r.Read()
	if err != nil {
		return nil, fmt.Errorf("result: titles: %w", err)
	}
	at := slices.Index(head, "nv_state")
	if at < 0 {
		return nil, fmt.Errorf("result: no column nv_state in %q", head)
	}
	n := map[string]int{}
	for {
		rec, err := r.Read()
		if err == io.EOF {
			return n, nil
		}
		if err != nil {
			return nil, fmt.Errorf("result: %w", err)
		}
		n[rec[at]]++
	}
}
