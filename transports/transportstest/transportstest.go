//go:build unix

// Package transportstest is the one suite that every transports.Box must pass. Each check states a law of the port and
// tries to break it; it makes and looks at raw files behind the Box's back, in a folder that both can see.
package transportstest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/navette-connect/navette/transports"
)

// Folder is one folder, as the Box calls it and as this process sees it.
type Folder struct {
	Box  string // a path of the Box
	Here string // a path of this machine
}

// Site is a fresh place for one check.
type Site struct {
	Box  transports.Box
	Home Folder // empty
	// Other is an empty folder on another file system, the zero Folder where there is none.
	Other Folder
	// Full is an empty folder on a file system with room for less than 1 MiB. FullBox reaches it; nil: Box does.
	Full    Folder
	FullBox transports.Box
	// Deprived runs f so that the Box has no more rights in a folder than its mode bits give. nil: that is so anyhow
	// (unless this process is root: then rights cannot be checked).
	Deprived func(f func())
	// Lacks names checks that mean nothing at this kind of place, each with the reason.
	Lacks map[string]string
}

// ErrSkipped is wrapped by the result of a check that this site gives no means for.
var ErrSkipped = errors.New("not checked")

// Check is one law.
type Check struct {
	Name string
	Law  string // the sentence of the port that is broken when the check fails
	run  func(*trial)
}

// Checks are all of them.
func Checks() []Check {
	return slices.Concat(reading(), publishing(), moving(), abilities(), adversity())
}

// Run tries to break the law at a fresh site. nil: it held; ErrSkipped: it could not be tried.
func (c Check) Run(ctx context.Context, site Site) error {
	t := &trial{ctx: ctx, Site: site}
	done := make(chan struct{})
	go func() { // one of its own, which fatalf can end
		defer close(done)
		c.run(t)
	}()
	<-done
	if more := len(t.errs) - 10; more > 0 {
		t.errs = append(t.errs[:10], fmt.Errorf("… and %d more", more))
	}
	if len(t.errs) > 0 {
		return fmt.Errorf("%w\nbroken: %s", errors.Join(t.errs...), c.Law)
	}
	return t.skipped
}

// Test runs every check as a subtest, each at a site of its own. What a site gives no means for is skipped, but not
// where CI=true: there it fails, unless the site's Lacks says why it must be so.
func Test(t *testing.T, open func(t *testing.T) Site) {
	for _, c := range Checks() {
		t.Run(c.Name, func(t *testing.T) {
			site := open(t)
			if why, ok := site.Lacks[c.Name]; ok {
				t.Skip("not of this kind of place: ", why)
			}
			err := c.Run(t.Context(), site)
			switch {
			case errors.Is(err, ErrSkipped) && os.Getenv("CI") != "true":
				t.Skip(err)
			case err != nil:
				t.Error(err)
			}
		})
	}
}

// trial is one run of one check.
type trial struct {
	Site
	ctx     context.Context
	mu      sync.Mutex // a Box may read a source elsewhere
	errs    []error
	skipped error
}

func (t *trial) errorf(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.errs = append(t.errs, fmt.Errorf(format, args...))
}

// fatalf ends the check: its further steps make no sense. Not to be called while the Box is at work.
func (t *trial) fatalf(format string, args ...any) {
	t.errorf(format, args...)
	runtime.Goexit()
}

func (t *trial) skipf(format string, args ...any) {
	t.skipped = fmt.Errorf("%w: "+format, append([]any{ErrSkipped}, args...)...)
	runtime.Goexit()
}

// must stops the check when the suite itself cannot prepare something.
func (t *trial) must(err error) {
	if err != nil {
		t.fatalf("preparing: %v", err)
	}
}

// want says what act should have given.
func (t *trial) want(act string, got, want error) {
	if want == nil && got != nil || want != nil && !errors.Is(got, want) {
		t.errorf("%s: got error %v, want %v", act, got, want)
	}
}

// at gives the Box's path of a name in the home folder, here this machine's.
func (t *trial) at(name string) string   { return t.Box.Join(t.Home.Box, name) }
func (t *trial) here(name string) string { return filepath.Join(t.Home.Here, name) }

// write makes a raw file in the home folder.
func (t *trial) write(name, content string) {
	t.must(os.WriteFile(t.here(name), []byte(content), 0o644))
}

// sub makes a folder in the home folder.
func (t *trial) sub(name string) Folder {
	f := Folder{Box: t.at(name), Here: t.here(name)}
	t.must(os.Mkdir(f.Here, 0o777))
	return f
}

// publish publishes text.
func (t *trial) publish(path, text string) error {
	return t.Box.Publish(t.ctx, path, strings.NewReader(text), 0o640)
}

// holds checks that a raw file is there with this content.
func (t *trial) holds(path, want string) {
	got, err := os.ReadFile(path)
	if err != nil {
		t.errorf("%q: %v, want %s", path, err, short(want))
	} else if string(got) != want {
		t.errorf("%q holds %s, want %s", path, short(string(got)), short(want))
	}
}

// names checks that a folder of this machine holds just these names, whatever they are.
func (t *trial) names(dir string, want ...string) {
	entries, err := os.ReadDir(dir)
	t.must(err)
	got := []string{}
	for _, e := range entries {
		got = append(got, e.Name())
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.errorf("folder %q holds %q, want %q", dir, got, want)
	}
}

// listed gives the names of a listing.
func (t *trial) listed(dir string) []string {
	files, err := t.Box.List(t.ctx, dir)
	if err != nil {
		t.fatalf("List(%q): %v", dir, err)
	}
	names := []string{}
	for _, f := range files {
		names = append(names, f.Name)
	}
	return names
}

// short keeps messages readable.
func short(s string) string {
	if len(s) > 40 {
		return fmt.Sprintf("%q… (%d bytes)", s[:40], len(s))
	}
	return fmt.Sprintf("%q", s)
}
