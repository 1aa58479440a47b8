//go:build unix

package transportstest

import (
	"os"
	"strings"

	"github.com/navette-connect/navette/transports"
)

func adversity() []Check {
	return []Check{
		{"rights", "Without the right to a folder every act is ErrRefused and changes nothing; an unreadable folder is never empty.", rights},
		{"full", "On a full disk Publish is ErrRetry, leaves nothing behind, and works once there is room.", full},
		{"full/move", "Onto a full disk Move is ErrRetry, leaves nothing behind, and the file where it was.", fullMove},
	}
}

func rights(t *trial) {
	deprived := t.Deprived
	if deprived == nil {
		if os.Geteuid() == 0 {
			t.skipf("root has every right, and the site cannot do without it")
		}
		deprived = func(f func()) { f() }
	}
	closed, dark := t.sub("closed"), t.sub("dark")
	for _, f := range []Folder{closed, dark} {
		t.must(os.WriteFile(f.Here+"/x.csv", []byte("x"), 0o644))
		t.must(os.WriteFile(f.Here+"/secret.csv", []byte("secret"), 0))
	}
	t.write("y.csv", "y")
	t.must(os.Chmod(t.Home.Here, 0o777))
	t.must(os.Chmod(closed.Here, 0o555))
	t.must(os.Chmod(dark.Here, 0))
	defer os.Chmod(closed.Here, 0o755) // so that whoever clears the site away can
	defer os.Chmod(dark.Here, 0o755)
	in := func(f Folder, name string) string { return t.Box.Join(f.Box, name) }
	deprived(func() {
		_, err := t.Box.List(t.ctx, closed.Box)
		t.want("List of a read-only folder", err, nil)
		_, err = t.Box.List(t.ctx, dark.Box)
		t.want("List of an unreadable folder", err, transports.ErrRefused)
		_, err = t.Box.Open(t.ctx, in(closed, "secret.csv"))
		t.want("Open of an unreadable file", err, transports.ErrRefused)
		for name, f := range map[string]Folder{"read-only": closed, "unreadable": dark} {
			t.want("Publish into a "+name+" folder", t.publish(in(f, "y.csv"), "y"), transports.ErrRefused)
			t.want("Move into a "+name+" folder", t.Box.Move(t.ctx, t.at("y.csv"), in(f, "y.csv")), transports.ErrRefused)
			t.want("Move out of a "+name+" folder", t.Box.Move(t.ctx, in(f, "x.csv"), t.at("z.csv")), transports.ErrRefused)
			t.want("MakeDir in a "+name+" folder", t.Box.MakeDir(t.ctx, in(f, "new")), transports.ErrRefused)
		}
	})
	t.must(os.Chmod(dark.Here, 0o755))
	t.names(t.Home.Here, "closed", "dark", "y.csv")
	for _, f := range []Folder{closed, dark} {
		t.names(f.Here, "secret.csv", "x.csv")
	}
}

// small gives the Box of a file system that is soon full.
func (t *trial) small() transports.Box {
	if t.Full == (Folder{}) {
		t.skipf("no full file system")
	}
	if t.FullBox != nil {
		return t.FullBox
	}
	return t.Box
}

func full(t *trial) {
	box := t.small()
	large := pattern(2 << 20)
	for range 3 { // what a failed one took is given back
		err := box.Publish(t.ctx, box.Join(t.Full.Box, "x.csv"), strings.NewReader(large), 0o640)
		t.want("Publish of too much", err, transports.ErrRetry)
		t.names(t.Full.Here)
	}
	err := box.Publish(t.ctx, box.Join(t.Full.Box, "small.csv"), strings.NewReader("small"), 0o640)
	t.want("Publish of little", err, nil)
	t.holds(t.Full.Here+"/small.csv", "small")
}

func fullMove(t *trial) {
	box := t.small()
	large := pattern(2 << 20)
	t.write("large.csv", large)
	t.want("Move of too much", box.Move(t.ctx, t.at("large.csv"), box.Join(t.Full.Box, "x.csv")), transports.ErrRetry)
	t.names(t.Full.Here)
	t.holds(t.here("large.csv"), large)
}
