//go:build unix

package transportstest

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/navette-connect/navette/transports"
)

// patience is how long an act that must not block may take before the check gives up on it.
const patience = 20 * time.Second

func reading() []Check {
	return []Check{
		{"list/plain", "List gives the plain files in name order: no folders, links, pipes or devices.", listPlain},
		{"list/facts", "List and Stat tell size, time, identity and links, and a file that was replaced is not the Same.", listFacts},
		{"list/folder", "A vanished folder is never an empty one: ErrFolder; an empty one is no error.", listFolder},
		{"list/many", "List gives every file of a large folder.", listMany},
		{"stat", "Stat: ErrGone when there is none, ErrRefused for what is no plain file, ErrFolder without its folder.", stat},
		{"open", "Open reads a plain file from its first byte.", open},
		{"open/hostile", "Open follows no links, does not block on pipes, opens no folder or socket.", openHostile},
		{"names", "Names keep their bytes in every act.", names},
		{"names/refused", "What is no base name leads nowhere: ErrRefused, and nothing outside the folder is touched.", namesRefused},
		{"context", "An ended context ends every act before it does anything.", ended},
	}
}

// hostile puts everything into the home folder that is no plain file, and gives the names. target is linked to.
func (t *trial) hostile(target string) []string {
	t.must(os.Mkdir(t.here("folder.csv"), 0o755))
	t.must(os.Symlink(target, t.here("link.csv")))
	t.must(os.Symlink(t.here("nowhere"), t.here("dangling.csv")))
	t.must(os.Symlink(t.Home.Here, t.here("loop.csv")))
	t.must(unix.Mkfifo(t.here("pipe.csv"), 0o666))
	l, err := net.Listen("unix", t.here("socket.csv"))
	t.must(err)
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	t.must(l.Close())
	made := []string{"folder.csv", "link.csv", "dangling.csv", "loop.csv", "pipe.csv", "socket.csv"}
	if makeDevice(t.here("device.csv")) == nil {
		made = append(made, "device.csv")
	}
	return made
}

func listPlain(t *trial) {
	for _, name := range []string{"b.csv", "a.csv", ".hidden", "~$a.xlsx", "B.csv"} {
		t.write(name, name)
	}
	t.hostile(t.here("a.csv"))
	want := []string{".hidden", "B.csv", "a.csv", "b.csv", "~$a.xlsx"}
	if got := t.listed(t.Home.Box); !slices.Equal(got, want) {
		t.errorf("List: got %q, want %q", got, want)
	}
}

func listFacts(t *trial) {
	t.write("x.csv", "12345")
	old := time.Date(2026, 3, 1, 12, 30, 15, 0, time.UTC)
	t.must(os.Chtimes(t.here("x.csv"), old, old))
	look := func() transports.File {
		files, err := t.Box.List(t.ctx, t.Home.Box)
		if err != nil || len(files) != 1 {
			t.fatalf("List: got %v, %v, want one file", files, err)
		}
		f, err := t.Box.Stat(t.ctx, t.at("x.csv"))
		if err != nil {
			t.fatalf("Stat: %v", err)
		}
		if !f.Same(files[0]) || f.Links != files[0].Links {
			t.errorf("Stat tells %+v, List %+v, want the same", f, files[0])
		}
		return f
	}
	first := look()
	if first.Name != "x.csv" || first.Size != 5 || !first.ModTime.Equal(old) {
		t.errorf("got %+v, want x.csv of 5 bytes changed at %v", first, old)
	}
	if again := look(); !again.Same(first) {
		t.errorf("an unchanged file: got %+v, then %+v", first, again)
	}
	// Replaced by a file of the same size and time: only an identity can tell.
	t.write("y.csv", "54321")
	t.must(os.Chtimes(t.here("y.csv"), old, old))
	t.must(os.Rename(t.here("y.csv"), t.here("x.csv")))
	if f := look(); first.Identity != "" && f.Same(first) {
		t.errorf("a replaced file is the Same: %+v, then %+v", first, f)
	}
	t.write("x.csv", "123456")
	if f := look(); f.Same(first) || f.Size != 6 {
		t.errorf("a rewritten file: got %+v after %+v, want 6 bytes", f, first)
	}
	t.must(os.Mkdir(t.here("sub"), 0o777))
	t.must(os.Link(t.here("x.csv"), t.here("sub/twin")))
	if f := look(); f.Links != 2 && f.Links != 0 {
		t.errorf("a file with a second hard link has Links %d, want 2 (0 where unknown)", f.Links)
	}
}

func listFolder(t *trial) {
	empty := t.sub("empty")
	files, err := t.Box.List(t.ctx, empty.Box)
	t.want("List of an empty folder", err, nil)
	if len(files) != 0 {
		t.errorf("List of an empty folder: got %v", files)
	}
	t.must(os.Remove(empty.Here))
	_, err = t.Box.List(t.ctx, empty.Box)
	t.want("List of a removed folder", err, transports.ErrFolder)
	t.write("file", "")
	_, err = t.Box.List(t.ctx, t.at("file"))
	t.want("List of a file", err, transports.ErrFolder)
}

func listMany(t *trial) {
	want := []string{}
	for i := range 1200 {
		name := fmt.Sprintf("F%05d.csv", i)
		t.write(name, "x")
		want = append(want, name)
	}
	if got := t.listed(t.Home.Box); !slices.Equal(got, want) {
		t.errorf("List: got %d names, want %d in order", len(got), len(want))
	}
}

func stat(t *trial) {
	t.write("x.csv", "x")
	for _, name := range t.hostile(t.here("x.csv")) {
		_, err := t.Box.Stat(t.ctx, t.at(name))
		t.want("Stat of "+name, err, transports.ErrRefused)
	}
	_, err := t.Box.Stat(t.ctx, t.at("none.csv"))
	t.want("Stat of no file", err, transports.ErrGone)
	_, err = t.Box.Stat(t.ctx, t.Box.Join(t.at("nofolder"), "x.csv"))
	t.want("Stat without the folder", err, transports.ErrFolder)
}

// read opens and reads a file, without waiting for ever.
func (t *trial) read(path string) (string, error) {
	type result struct {
		text []byte
		err  error
	}
	done := make(chan result, 1)
	go func() {
		r, err := t.Box.Open(t.ctx, path)
		if err != nil {
			done <- result{err: err}
			return
		}
		text, err := io.ReadAll(r)
		if e := r.Close(); err == nil {
			err = e
		}
		done <- result{text, err}
	}()
	select {
	case r := <-done:
		return string(r.text), r.err
	case <-time.After(patience):
		t.fatalf("Open(%q) blocks", path)
		return "", nil
	}
}

func open(t *trial) {
	for name, text := range map[string]string{"empty.csv": "", "small.csv": "a;b\r\n", "large.csv": pattern(300_000)} {
		t.write(name, text)
		for range 2 { // from the first byte each time
			got, err := t.read(t.at(name))
			t.want("Open of "+name, err, nil)
			if got != text {
				t.errorf("Open of %s: read %s, want %s", name, short(got), short(text))
			}
		}
	}
	_, err := t.read(t.at("none.csv"))
	t.want("Open of no file", err, transports.ErrGone)
	_, err = t.read(t.Box.Join(t.at("nofolder"), "x.csv"))
	t.want("Open without the folder", err, transports.ErrFolder)
}

func openHostile(t *trial) {
	secret := t.sub("elsewhere")
	t.must(os.WriteFile(secret.Here+"/secret", []byte("secret"), 0o600))
	for _, name := range t.hostile(secret.Here + "/secret") {
		text, err := t.read(t.at(name))
		t.want("Open of "+name, err, transports.ErrRefused)
		if text != "" {
			t.errorf("Open of %s: read %q", name, text)
		}
	}
}

// odd are names that people, programs and attackers give.
func odd() []string {
	return []string{
		"Règlements été.csv", "Re\u0300glements.csv", " spaces  in it ", "new\nline.csv", "esc\x1b[31mred.csv",
		"latin-\xe9t\xe9.csv", "\xff\xfe", "back\\slash.csv", "-rf", "*?[a].csv", "$(x)`y`;&.csv", `quote'".csv`, "tab\t.csv",
		"dot.", "CON", "\u202egpj.csv", "日本.csv", "=1+1.csv",
		strings.Repeat("n", 251) + ".csv", strings.Repeat("é", 127) + "x",
	}
}

func names(t *trial) {
	out := t.sub("out")
	for _, name := range odd() {
		t.want(fmt.Sprintf("Publish %q", name), t.publish(t.at(name), name), nil)
		t.holds(t.Home.Here+"/"+name, name)
	}
	want := odd()
	slices.Sort(want)
	if got := t.listed(t.Home.Box); !slices.Equal(got, want) {
		t.errorf("List: got %q, want %q", got, want)
	}
	for _, name := range odd() {
		f, err := t.Box.Stat(t.ctx, t.at(name))
		t.want(fmt.Sprintf("Stat %q", name), err, nil)
		if f.Name != name {
			t.errorf("Stat %q: got the name %q", name, f.Name)
		}
		text, err := t.read(t.at(name))
		t.want(fmt.Sprintf("Open %q", name), err, nil)
		if text != name {
			t.errorf("Open %q: read %q, want its name", name, text)
		}
		t.want(fmt.Sprintf("Move %q", name), t.Box.Move(t.ctx, t.at(name), t.Box.Join(out.Box, name)), nil)
	}
	t.names(out.Here, odd()...)
	t.names(t.Home.Here, "out")
}

func namesRefused(t *trial) {
	in := t.sub("in")
	t.write("x.csv", "x")
	for _, name := range []string{"", ".", "..", "../x.csv", "../y.csv", "/x.csv", "a/b", "nul\x00.csv", strings.Repeat("n", 256)} {
		path := t.Box.Join(in.Box, name)
		t.want(fmt.Sprintf("Publish %q", name), t.publish(path, "y"), transports.ErrRefused)
		_, err := t.Box.Stat(t.ctx, path)
		t.want(fmt.Sprintf("Stat %q", name), err, transports.ErrRefused)
		_, err = t.read(path)
		t.want(fmt.Sprintf("Open %q", name), err, transports.ErrRefused)
		t.want(fmt.Sprintf("Move to %q", name), t.Box.Move(t.ctx, t.at("x.csv"), path), transports.ErrRefused)
		t.want(fmt.Sprintf("Move from %q", name), t.Box.Move(t.ctx, path, t.at("z.csv")), transports.ErrRefused)
	}
	t.names(in.Here)
	t.names(t.Home.Here, "in", "x.csv")
	t.holds(t.here("x.csv"), "x")
}

func ended(t *trial) {
	ctx, cancel := context.WithCancel(t.ctx)
	cancel()
	t.write("x.csv", "x")
	_, err := t.Box.List(ctx, t.Home.Box)
	t.want("List", err, context.Canceled)
	_, err = t.Box.Stat(ctx, t.at("x.csv"))
	t.want("Stat", err, context.Canceled)
	_, err = t.Box.Open(ctx, t.at("x.csv"))
	t.want("Open", err, context.Canceled)
	t.want("Publish", t.Box.Publish(ctx, t.at("y.csv"), strings.NewReader("y"), 0o640), context.Canceled)
	t.want("Move", t.Box.Move(ctx, t.at("x.csv"), t.at("z.csv")), context.Canceled)
	t.want("MakeDir", t.Box.MakeDir(ctx, t.at("new")), context.Canceled)
	t.names(t.Home.Here, "x.csv")
}

// pattern is a text of n bytes in which a lost or doubled part shows.
func pattern(n int) string {
	var b strings.Builder
	for i := 0; b.Len() < n; i++ {
		fmt.Fprintf(&b, "line %d\n", i)
	}
	return b.String()[:n]
}
