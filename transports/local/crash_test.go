//go:build unix

package local_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/navette-connect/navette/transports"
	"github.com/navette-connect/navette/transports/local"
)

// content is large enough for several writes.
var content = strings.Repeat("FA26-00412;123,45;client@example.org\r\n", 8000)

// scenario is one act on a folder with in/x.csv, and what it wants to be at the end.
type scenario struct {
	name  string
	act   func(ctx context.Context, b *local.Box, root string) error
	fault func(op, path string) error // of the file system it stands on
	from  string                      // where the content was, "" for a publication
	to    string
}

func scenarios() []scenario {
	publish := func(ctx context.Context, b *local.Box, root string) error {
		return b.Publish(ctx, root+"/out/y.csv", strings.NewReader(content), 0o640)
	}
	move := func(to string) func(context.Context, *local.Box, string) error {
		return func(ctx context.Context, b *local.Box, root string) error {
			return b.Move(ctx, root+"/in/x.csv", root+to)
		}
	}
	noReplace := func(op, _ string) error {
		if op == "rename" {
			return unix.EINVAL
		}
		return nil
	}
	device := func(op, path string) error {
		if op == "rename" && !strings.HasPrefix(filepath.Base(path), transports.TempPrefix) {
			return unix.EXDEV
		}
		return nil
	}
	return []scenario{
		{"publish", publish, nil, "", "/out/y.csv"},
		{"publish by link", publish, noReplace, "", "/out/y.csv"},
		{"claim", move("/in/.claim-x.csv"), nil, "/in/x.csv", "/in/.claim-x.csv"},
		{"move", move("/out/x.csv"), nil, "/in/x.csv", "/out/x.csv"},
		{"move by link", move("/out/x.csv"), noReplace, "/in/x.csv", "/out/x.csv"},
		{"move between devices", move("/out/x.csv"), device, "/in/x.csv", "/out/x.csv"},
	}
}

func (s scenario) setUp(t *testing.T) (root string) {
	t.Helper()
	root = t.TempDir()
	for _, dir := range []string{"/in", "/out"} {
		if err := os.Mkdir(root+dir, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	if s.from != "" {
		if err := os.WriteFile(root+s.from, []byte(content), 0o640); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// has tells whether a name is there; a name that is there must hold the whole content.
func has(t *testing.T, path string) bool {
	t.Helper()
	got, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return false
	}
	if err != nil || string(got) != content {
		t.Errorf("%s: %d bytes of %d, %v: whole or absent", filepath.Base(path), len(got), len(content), err)
	}
	return true
}

func temps(t *testing.T, root string) []string {
	t.Helper()
	found, err := filepath.Glob(root + "/*/" + transports.TempPrefix + "*")
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func kindOf(err error) error {
	for _, k := range []error{transports.ErrGone, transports.ErrExists, transports.ErrFolder, transports.ErrRefused, transports.ErrRetry} {
		if errors.Is(err, k) {
			return k
		}
	}
	return nil
}

// TestNthFault makes the first act on the file system fail, then the second, and so on until a run meets no fault.
func TestNthFault(t *testing.T) {
	for _, s := range scenarios() {
		for _, errno := range []unix.Errno{unix.EIO, unix.ENOSPC, unix.EACCES} {
			t.Run(fmt.Sprintf("%s/%v", s.name, errno), func(t *testing.T) {
				for n := 1; ; n++ {
					if n > 50 {
						t.Fatal("no end of acts")
					}
					if !s.failAt(t, n, errno) {
						if n < 4 {
							t.Errorf("only %d acts were seen", n-1)
						}
						break
					}
				}
			})
		}
	}
}

// failAt tells whether there was an nth act to fail.
func (s scenario) failAt(t *testing.T, n int, errno unix.Errno) bool {
	root := s.setUp(t)
	calls, failed := 0, ""
	fault := func(op, path string) error {
		if calls++; calls == n {
			failed = op + " " + filepath.Base(path)
			return errno
		}
		return nil
	}
	err := s.act(t.Context(), local.New(local.Options{Fault: joined(fault, s.fault)}), root)
	at := fmt.Sprintf("act %d (%s)", n, failed)
	isTo := has(t, root+s.to)
	isFrom := s.from != "" && has(t, root+s.from)
	switch {
	case err == nil:
		if !isTo || isFrom {
			t.Errorf("%s: nil, but at the source %v, at the target %v", at, isFrom, isTo)
		}
	case kindOf(err) != nil: // certainly not done
		if isTo || isFrom != (s.from != "") {
			t.Errorf("%s: %v, but at the source %v, at the target %v", at, err, isFrom, isTo)
		}
	default:
		if !isTo && !isFrom && s.from != "" {
			t.Errorf("%s: %v, and it is nowhere", at, err)
		}
	}
	if failed != "" && err == nil && !strings.HasPrefix(failed, "unlink "+transports.TempPrefix) { // tried again then
		t.Errorf("%s: the fault was swallowed", at)
	}
	if left := temps(t, root); len(left) > 0 {
		t.Errorf("%s: left %q", at, left)
	}
	s.finish(t, root, at)
	return failed != ""
}

// finish does the act again without faults, as its owner would after a look, and checks where all ends.
func (s scenario) finish(t *testing.T, root, at string) {
	t.Helper()
	box := local.New(local.Options{Fault: s.fault})
	for _, dir := range []string{root + "/in", root + "/out"} {
		if err := box.Sweep(t.Context(), dir); err != nil {
			t.Errorf("%s: Sweep: %v", at, err)
		}
	}
	if left := temps(t, root); len(left) > 0 {
		t.Errorf("%s: %q after Sweep", at, left)
	}
	err := s.act(t.Context(), box, root)
	if err != nil && !errors.Is(err, transports.ErrExists) && !errors.Is(err, transports.ErrGone) {
		t.Errorf("%s, and again: %v", at, err)
	}
	if !has(t, root+s.to) {
		t.Errorf("%s, and again (%v): nothing at the target", at, err)
	}
}

// TestKilled kills a process at each act in turn.
func TestKilled(t *testing.T) {
	if n := os.Getenv("NAVETTE_TEST_KILL_AT"); n != "" {
		killedChild(n)
		return
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for i, s := range scenarios() {
		t.Run(s.name, func(t *testing.T) {
			for n := 1; ; n++ {
				if n > 50 {
					t.Fatal("no end of acts")
				}
				root := s.setUp(t)
				child := exec.CommandContext(t.Context(), self, "-test.run=^TestKilled$")
				child.Env = append(os.Environ(), "NAVETTE_TEST_KILL_AT="+strconv.Itoa(n), "NAVETTE_TEST_SCENARIO="+strconv.Itoa(i), "NAVETTE_TEST_ROOT="+root)
				out, err := child.CombinedOutput()
				at := fmt.Sprint("killed at act ", n)
				if !has(t, root+s.to) && s.from != "" && !has(t, root+s.from) {
					t.Errorf("%s: it is nowhere", at)
				}
				s.finish(t, root, at)
				if err == nil {
					if n < 4 {
						t.Errorf("killed %d times only", n-1)
					}
					return
				}
				var exit *exec.ExitError
				if !errors.As(err, &exit) || exit.ExitCode() != -1 {
					t.Fatalf("%s: the child ended with %v:\n%s", at, err, out)
				}
			}
		})
	}
}

func killedChild(n string) {
	at, _ := strconv.Atoi(n)
	i, _ := strconv.Atoi(os.Getenv("NAVETTE_TEST_SCENARIO"))
	s := scenarios()[i]
	var calls atomic.Int64
	kill := func(string, string) error {
		if calls.Add(1) == int64(at) {
			_ = unix.Kill(os.Getpid(), unix.SIGKILL)
			select {}
		}
		return nil
	}
	if err := s.act(context.Background(), local.New(local.Options{Fault: joined(kill, s.fault)}), os.Getenv("NAVETTE_TEST_ROOT")); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

// TestOrder pins what makes names durable: the file before it gets its name, the folders after.
func TestOrder(t *testing.T) {
	for _, c := range []struct {
		scenario int
		want     string
	}{
		{0, "open out; open TEMP; write TEMP; write TEMP; write TEMP; fsync TEMP; close TEMP; rename TEMP; fsync out"},
		{2, "open in; rename x.csv; fsync in"},
		{3, "open in; open out; rename x.csv; fsync out; fsync in"},
		{4, "open in; open out; rename x.csv; link x.csv; unlink x.csv; fsync out; fsync in"},
		{5, "open in; open out; rename x.csv; open x.csv; open TEMP; write TEMP; write TEMP; write TEMP; fsync TEMP; close TEMP; rename TEMP; fsync out; unlink x.csv; fsync in"},
	} {
		s := scenarios()[c.scenario]
		t.Run(s.name, func(t *testing.T) {
			root := s.setUp(t)
			var acts []string
			note := func(op, path string) error {
				name := filepath.Base(path)
				if strings.HasPrefix(name, transports.TempPrefix) {
					name = "TEMP"
				}
				acts = append(acts, op+" "+name)
				return nil
			}
			if err := s.act(t.Context(), local.New(local.Options{Fault: joined(note, s.fault)}), root); err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(acts, "; "); got != c.want {
				t.Errorf("acts\n got %s\nwant %s", got, c.want)
			}
		})
	}
}

// TestChangedMeanwhile: between file systems a source that changes under the copy stays, and the copy goes.
func TestChangedMeanwhile(t *testing.T) {
	s := scenarios()[5]
	grow := func(path string) error {
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
		if err != nil {
			return err
		}
		_, err = f.WriteString("one more line\r\n")
		return errors.Join(err, f.Close())
	}
	for _, c := range []struct {
		name, op, on string
		meanwhile    func(from string) error
		want         error
		left         string // what the source holds then, "" for nothing
	}{
		{"grows while copied", "write", "TEMP", grow, transports.ErrRetry, "grown"},
		{"grows before the rename", "close", "TEMP", grow, transports.ErrRetry, "grown"},
		{"grows after the rename", "fsync", "out", grow, transports.ErrRetry, "grown"},
		{"goes while copied", "close", "TEMP", os.Remove, transports.ErrGone, ""},
		{"goes after the rename", "fsync", "out", os.Remove, transports.ErrGone, ""},
		{"is replaced after the rename", "fsync", "out", func(from string) error {
			if err := os.WriteFile(from+".new", []byte("other"), 0o600); err != nil {
				return err
			}
			return os.Rename(from+".new", from)
		}, transports.ErrRetry, "other"},
	} {
		t.Run(c.name, func(t *testing.T) {
			root := s.setUp(t)
			done := false
			hook := func(op, path string) error {
				name := filepath.Base(path)
				if strings.HasPrefix(name, transports.TempPrefix) {
					name = "TEMP"
				}
				if op != c.op || name != c.on || done {
					return nil
				}
				done = true
				return c.meanwhile(root + s.from)
			}
			err := s.act(t.Context(), local.New(local.Options{Fault: joined(hook, s.fault)}), root)
			if !errors.Is(err, c.want) || !done {
				t.Errorf("Move = %v, want %v; meanwhile done %v", err, c.want, done)
			}
			if has(t, root+s.to) {
				t.Error("the copy is left")
			}
			got, _ := os.ReadFile(root + s.from)
			want := map[string]string{"grown": content + "one more line\r\n", "other": "other", "": ""}[c.left]
			if string(got) != want {
				t.Errorf("the source has %d bytes, want %d", len(got), len(want))
			}
			if left := temps(t, root); len(left) > 0 {
				t.Errorf("left %q", left)
			}
		})
	}
}

// TestUnlinkUnknown: when the removal of the source fails in a way that hides whether it happened, the copy stays.
func TestUnlinkUnknown(t *testing.T) {
	s := scenarios()[5]
	root := s.setUp(t)
	lost := func(op, path string) error {
		if op == "unlink" && filepath.Base(path) == "x.csv" {
			return errors.Join(os.Remove(path), unix.EIO)
		}
		return nil
	}
	err := s.act(t.Context(), local.New(local.Options{Fault: joined(lost, s.fault)}), root)
	if err == nil || kindOf(err) != nil {
		t.Errorf("Move = %v, want an error without a kind", err)
	}
	if !has(t, root+s.to) {
		t.Error("the only copy is gone")
	}
}

// TestErrors: each errno has its kind, and what is no errno too.
func TestErrors(t *testing.T) {
	for errno, want := range map[unix.Errno][2]error{ // by a failing write, by a failing rename
		unix.ENOSPC:       {transports.ErrRetry, transports.ErrRetry},
		unix.EDQUOT:       {transports.ErrRetry, transports.ErrRetry},
		unix.EROFS:        {transports.ErrRetry, transports.ErrRetry},
		unix.EBUSY:        {transports.ErrRetry, transports.ErrRetry},
		unix.ETXTBSY:      {transports.ErrRetry, transports.ErrRetry},
		unix.EACCES:       {transports.ErrRefused, transports.ErrRefused},
		unix.EPERM:        {transports.ErrRefused, transports.ErrRefused},
		unix.ENAMETOOLONG: {transports.ErrRefused, transports.ErrRefused},
		unix.EIO:          {transports.ErrRetry, nil},
		unix.ESTALE:       {transports.ErrRetry, nil},
		unix.ETIMEDOUT:    {transports.ErrRetry, nil},
	} {
		s := scenarios()
		for i, op := range []string{"write", "rename"} {
			act := []scenario{s[0], s[3]}[i]
			fault := func(o, _ string) error {
				if o == op {
					return errno
				}
				return nil
			}
			err := act.act(t.Context(), local.New(local.Options{Fault: fault}), act.setUp(t))
			if got := kindOf(err); got != want[i] || !errors.Is(err, errno) {
				t.Errorf("%v in %s: got %v, of kind %v, want kind %v", errno, op, err, got, want[i])
			}
		}
	}
}

// TestFolderSync: a file system that cannot sync folders is no failure.
func TestFolderSync(t *testing.T) {
	for _, s := range scenarios() {
		for _, errno := range []unix.Errno{unix.EINVAL, unix.ENOTSUP} {
			root := s.setUp(t)
			fault := func(op, path string) error {
				if op == "fsync" && slices.Contains([]string{"in", "out"}, filepath.Base(path)) {
					return errno
				}
				return nil
			}
			if err := s.act(t.Context(), local.New(local.Options{Fault: joined(fault, s.fault)}), root); err != nil {
				t.Errorf("%s where a folder's fsync gives %v: %v", s.name, errno, err)
			}
		}
	}
}
