//go:build unix

package transportstest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing/iotest"
	"time"

	"golang.org/x/sys/unix"

	"github.com/navette-connect/navette/transports"
)

// abilities are the laws of the optional interfaces. A place without one names the check in its Lacks.
func abilities() []Check {
	return []Check{
		{"watch", "Watch wakes once when it stands and after each change, and returns when its context ends.", watch},
		{"watch/lost", "Watch returns ErrFolder when its folder is removed, renamed, or was never there.", watchLost},
		{"busy", "Busy tells a file that is open for writing, is not disturbed by readers, and leaves no lease behind.", busy},
		{"mount", "Mount says the same of a missing folder as of the one above it, and tells another device from the root file system.", mountOf},
		{"place", "Place stays the same for a folder, and its folder changes when that is made anew; ErrFolder without one.", placeOf},
		{"replace", "Replace puts a whole file in place of another, or of none, leaves nothing beside it, and the former one when it fails.", replace},
		{"sweep", "Sweep removes what an interrupted Publish left, and nothing else.", sweep},
		{"sweep/live", "Sweep spares a Publish that is under way.", sweepLive},
	}
}

// ability gives the Box as an optional interface.
func ability[T any](t *trial) T {
	a, ok := t.Box.(T)
	if !ok {
		t.skipf("%T has no such ability", t.Box)
	}
	return a
}

// watching starts a Watch and waits until it stands. The channels tell of a wake, and of its end.
func (t *trial) watching(ctx context.Context, dir string) (woken <-chan struct{}, ended <-chan error) {
	w := ability[transports.Watcher](t)
	wakes, end := make(chan struct{}, 1), make(chan error, 1)
	go func() {
		end <- w.Watch(ctx, dir, func() {
			select {
			case wakes <- struct{}{}:
			default:
			}
		})
	}()
	t.wake(wakes, end, "when the watch stands")
	return wakes, end
}

// wake waits for one.
func (t *trial) wake(woken <-chan struct{}, ended <-chan error, when string) {
	select {
	case <-woken:
	case err := <-ended:
		t.fatalf("Watch ended %s: %v", when, err)
	case <-time.After(patience):
		t.fatalf("no wake %s", when)
	}
}

// end waits for the end of a Watch.
func (t *trial) end(ended <-chan error, when string, want error) {
	select {
	case err := <-ended:
		if want != nil {
			t.want("Watch "+when, err, want)
		}
	case <-time.After(patience):
		t.fatalf("Watch does not end %s", when)
	}
}

// calm lets the wakes of what was done before pass, so that the next one is of what is done then.
func calm(woken <-chan struct{}) {
	for {
		select {
		case <-woken:
		case <-time.After(100 * time.Millisecond):
			return
		}
	}
}

func watch(t *trial) {
	ctx, cancel := context.WithCancel(t.ctx)
	defer cancel()
	in, out := t.sub("in"), t.sub("out")
	woken, ended := t.watching(ctx, in.Box)
	acts := []struct {
		name string
		do   func() error
	}{
		{"a file created", func() error { return os.WriteFile(in.Here+"/x.csv", nil, 0o600) }},
		{"a file written", func() error { return os.WriteFile(in.Here+"/x.csv", []byte("x"), 0o600) }},
		{"a file renamed out", func() error { return os.Rename(in.Here+"/x.csv", out.Here+"/x.csv") }},
		{"a file renamed in", func() error { return os.Rename(out.Here+"/x.csv", in.Here+"/y.csv") }},
		{"a file removed", func() error { return os.Remove(in.Here + "/y.csv") }},
	}
	for _, a := range acts {
		calm(woken)
		t.must(a.do())
		t.wake(woken, ended, "after "+a.name)
	}
	cancel()
	t.end(ended, "when its context ends", context.Canceled)
}

func watchLost(t *trial) {
	w := ability[transports.Watcher](t)
	t.want("Watch of no folder", w.Watch(t.ctx, t.at("none"), func() {}), transports.ErrFolder)
	for name, lose := range map[string]func(Folder) error{
		"removed": func(f Folder) error { return os.Remove(f.Here) },
		"renamed": func(f Folder) error { return os.Rename(f.Here, f.Here+"-away") },
		"made anew": func(f Folder) error {
			if err := os.Rename(f.Here, f.Here+"-away"); err != nil {
				return err
			}
			return os.Mkdir(f.Here, 0o777)
		},
	} {
		f := t.sub(name)
		_, ended := t.watching(t.ctx, f.Box)
		t.must(lose(f))
		t.end(ended, "of a folder that is "+name, transports.ErrFolder)
	}
	// The folder above is replaced: what is watched is no longer what stands at the path, and no event says so.
	above := t.sub("above")
	t.must(os.Mkdir(above.Here+"/in", 0o777))
	_, ended := t.watching(t.ctx, t.Box.Join(above.Box, "in"))
	t.must(os.Rename(above.Here, above.Here+"-away"))
	t.must(os.MkdirAll(above.Here+"/in", 0o777))
	t.end(ended, "of a folder whose parent was replaced", transports.ErrFolder)
}

func busy(t *trial) {
	l := ability[transports.Leaser](t)
	t.write("x.csv", "x")
	is := func(when string, want bool) {
		busy, known, err := l.Busy(t.ctx, t.at("x.csv"))
		if busy != want || !known || err != nil {
			t.errorf("Busy %s: got busy %v, known %v, %v, want %v, true, nil", when, busy, known, err, want)
		}
	}
	is("of a file nobody has open", false)
	f, err := os.OpenFile(t.here("x.csv"), os.O_WRONLY, 0)
	t.must(err)
	is("while a writer has it open", true)
	t.must(f.Close())
	is("after the writer closed it", false)
	f, err = os.Open(t.here("x.csv"))
	t.must(err)
	is("while a reader has it open", false)
	t.must(f.Close())
	f, err = os.OpenFile(t.here("x.csv"), os.O_WRONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		t.errorf("writing after Busy: %v, want no lease in the way", err)
	} else {
		t.must(f.Close())
	}
	_, _, err = l.Busy(t.ctx, t.at("none.csv"))
	t.want("Busy of no file", err, transports.ErrGone)
	for _, name := range t.hostile(t.here("x.csv")) {
		_, _, err = l.Busy(t.ctx, t.at(name))
		t.want("Busy of "+name, err, transports.ErrRefused)
	}
}

func mountOf(t *trial) {
	m := ability[transports.Mounter](t)
	look := func(dir string) string {
		kind, err := m.Mount(t.ctx, dir)
		if err != nil {
			t.fatalf("Mount(%q): %v", dir, err)
		}
		return kind
	}
	in := t.sub("in")
	if kind, missing := look(in.Box), look(in.Box+"/none/at/all"); kind != missing {
		t.errorf("a missing folder stands on %q, the one above it on %q", missing, kind)
	}
	if t.Other != (Folder{}) && look(in.Box) == "" && look(t.Other.Box) == "" {
		t.errorf("folders on two devices both stand on the root file system")
	}
}

func placeOf(t *trial) {
	p := ability[transports.Placer](t)
	look := func(dir string) (device, folder string) {
		device, folder, err := p.Place(t.ctx, dir)
		if err != nil || device == "" || folder == "" {
			t.fatalf("Place(%q): got %q, %q, %v", dir, device, folder, err)
		}
		return device, folder
	}
	in := t.sub("in")
	device, folder := look(in.Box)
	t.must(os.WriteFile(in.Here+"/x.csv", nil, 0o600))
	if d, f := look(in.Box); d != device || f != folder {
		t.errorf("the same folder: got %q, %q, then %q, %q", device, folder, d, f)
	}
	t.must(os.Rename(in.Here, in.Here+"-away"))
	_, _, err := p.Place(t.ctx, in.Box)
	t.want("Place of no folder", err, transports.ErrFolder)
	t.must(os.Mkdir(in.Here, 0o777))
	if d, f := look(in.Box); d != device || f == folder {
		t.errorf("a folder made anew: got %q, %q, then %q, %q, want another folder on the same device", device, folder, d, f)
	}
	if t.Other != (Folder{}) {
		if d, _ := look(t.Other.Box); d == device {
			t.errorf("a folder on another device: got %q for both", d)
		}
	}
}

// tempName gives the temporary name that the Box uses for a Publish.
func (t *trial) tempName() string {
	var temp string
	r := spy{strings.NewReader("x"), func() {
		entries, err := os.ReadDir(t.Home.Here)
		t.want("reading the folder", err, nil)
		for _, e := range entries {
			if strings.HasPrefix(e.Name(), transports.TempPrefix) {
				temp = e.Name()
			}
		}
	}}
	t.want("Publish", t.Box.Publish(t.ctx, t.at("temp.csv"), r, 0o600), nil)
	if temp == "" {
		t.fatalf("while a file is written no name begins with %q", transports.TempPrefix)
	}
	return temp
}

func replace(t *trial) {
	r := ability[transports.Replacer](t)
	act := func(path, text string) error {
		return r.Replace(t.ctx, path, strings.NewReader(text), 0o640)
	}
	t.write("y.csv", "of another")
	for _, text := range []string{"first", pattern(100_000), "", "last"} {
		t.want("Replace", act(t.at("x.csv"), text), nil)
		t.holds(t.here("x.csv"), text)
		t.names(t.Home.Here, "x.csv", "y.csv")
	}
	t.want("Replace in no folder", act(t.Box.Join(t.at("none"), "x.csv"), "text"), transports.ErrFolder)
	t.want("Replace of a bad name", act(t.at("a/b"), "text"), transports.ErrRefused)
	broken := io.MultiReader(strings.NewReader("half"), iotest.ErrReader(errors.New("broken")))
	t.want("Replace by a broken source", r.Replace(t.ctx, t.at("x.csv"), broken, 0o640), transports.ErrRetry)
	t.holds(t.here("x.csv"), "last")
	t.must(os.Symlink(t.here("y.csv"), t.here("link.csv")))
	t.want("Replace of a link", act(t.at("link.csv"), "text"), nil)
	t.holds(t.here("link.csv"), "text")
	t.holds(t.here("y.csv"), "of another")
	t.must(os.Rename(t.here("link.csv"), transports.Former(t.here("z.csv")))) // as an interruption leaves it
	t.want("Replace after an interruption", act(t.at("z.csv"), "new"), nil)
	t.holds(t.here("z.csv"), "new")
}

func sweep(t *trial) {
	s := ability[transports.Sweeper](t)
	temp := t.tempName()
	t.write(temp, "half a fi")
	t.write(temp+"2", "")
	keep := []string{"temp.csv", "x.csv", ".other", ".navette-claim-x.csv", "x" + temp, temp + "-folder", temp + "-link"}
	for _, name := range keep[1:5] {
		t.write(name, "kept")
	}
	t.must(os.Mkdir(t.here(temp+"-folder"), 0o777))
	t.must(os.WriteFile(t.here(temp+"-folder/"+temp), nil, 0o600))
	t.must(os.Symlink(t.here("x.csv"), t.here(temp+"-link")))
	for range 2 {
		t.want("Sweep", s.Sweep(t.ctx, t.Home.Box), nil)
		t.names(t.Home.Here, keep...)
	}
	t.holds(t.here("x.csv"), "kept")
	t.names(t.here(temp+"-folder"), temp)
	t.want("Sweep of no folder", s.Sweep(t.ctx, t.at("none")), transports.ErrFolder)
}

func sweepLive(t *trial) {
	s := ability[transports.Sweeper](t)
	text := pattern(200_000)
	r := spy{strings.NewReader(text), func() { t.want("Sweep", s.Sweep(t.ctx, t.Home.Box), nil) }}
	t.want("Publish", t.Box.Publish(t.ctx, t.at("x.csv"), r, 0o600), nil)
	t.holds(t.here("x.csv"), text)
	t.names(t.Home.Here, "x.csv")
	for round := range 10 { // the short moments between the steps: there a Publish may fail, and says so
		name := func(i int) string { return fmt.Sprintf("r%d-%d.csv", round, i) }
		errs := race(func(i int) error {
			if i%2 == 0 {
				return s.Sweep(t.ctx, t.Home.Box)
			}
			return t.publish(t.at(name(i)), text)
		})
		for i, err := range errs {
			switch {
			case i%2 == 0:
				t.want(fmt.Sprintf("Sweep of racer %d", i), err, nil)
			case err == nil:
				t.holds(t.here(name(i)), text)
			default:
				t.want(fmt.Sprintf("Publish of racer %d", i), err, transports.ErrRetry)
			}
		}
	}
	entries, err := os.ReadDir(t.Home.Here)
	t.must(err)
	for _, e := range entries {
		if e.Name()[0] == '.' {
			t.errorf("%q is left", e.Name())
		}
	}
}
