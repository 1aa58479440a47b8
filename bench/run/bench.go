package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
)

// bench holds what the measures share: the settings, the folders and the built binaries.
type bench struct {
	settings
	report report
	source string // the project's bench folder
	bin    string // folder of the built programs
}

// newBench builds the programs of this folder, and navette unless its binary is named.
func newBench(ctx context.Context, s settings, out io.Writer) (*bench, error) {
	root, err := projectRoot()
	if err != nil {
		return nil, err
	}
	if !filepath.IsAbs(s.work) {
		s.work = filepath.Join(root, s.work)
	}
	b := &bench{settings: s, report: report{w: out}, source: filepath.Join(root, "bench"), bin: filepath.Join(s.work, "bin")}
	for _, dir := range []string{b.bin, filepath.Join(s.work, "log")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, err
		}
	}
	programs := []string{"./bench/gencsv", "./bench/sink", "./bench/proto", "./bench/sftp"}
	if s.navette == "" {
		b.navette = filepath.Join(b.bin, "navette")
		programs = append(programs, "./cmd/navette")
	} else if b.navette, err = filepath.Abs(s.navette); err != nil {
		return nil, err
	}
	// As `make build` builds them: what is measured is what is shipped.
	cmd := exec.CommandContext(ctx, "go", append([]string{"build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", b.bin + string(filepath.Separator)}, programs...)...)
	cmd.Dir, cmd.Env = root, append(os.Environ(), "CGO_ENABLED=0")
	if msg, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build: %w\n%s", err, msg)
	}
	return b, nil
}

// projectRoot is the folder of go.mod, here or above.
func projectRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", errors.New("no go.mod here or above: run it inside the project")
		}
		dir = up
	}
}

// data gives an invoice file of n rows, made at its first use.
func (b *bench) data(ctx context.Context, n int) (string, error) {
	path := filepath.Join(b.work, "inv"+strconv.Itoa(n)+".csv")
	if _, err := os.Stat(path); err == nil || !errors.Is(err, fs.ErrNotExist) {
		return path, err
	}
	u, err := b.measure(ctx, process{name: "gencsv", path: filepath.Join(b.bin, "gencsv"), args: []string{"-n", strconv.Itoa(n), "-o", path}})
	if err == nil && u.exit != 0 {
		err = fmt.Errorf("gencsv ended with %d (%s)", u.exit, u.log)
	}
	return path, err
}
