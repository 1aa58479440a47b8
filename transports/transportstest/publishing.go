//go:build unix

package transportstest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"testing/iotest"

	"golang.org/x/sys/unix"

	"github.com/navette-connect/navette/transports"
)

// racers is how many do the same at once.
const racers = 16

func publishing() []Check {
	return []Check{
		{"publish", "Publish writes the whole of r, with the mode asked for, and leaves no temporary name.", publish},
		{"publish/absent", "A file under its name is whole or absent; meanwhile only names beginning with a dot are seen.", publishAbsent},
		{"publish/reader", "Someone who reads the folder all the time never sees a part of a file.", publishReader},
		{"publish/exists", "Publish never overwrites: ErrExists, and what was there is unharmed.", publishExists},
		{"publish/race", "Of many publishers to one name exactly one gets nil, the others ErrExists.", publishRace},
		{"publish/source", "When r fails or the context ends, nothing is published and nothing is left.", publishSource},
		{"publish/folder", "Publish into a folder that is not there: ErrFolder.", publishFolder},
		{"makedir", "MakeDir creates a folder if it is missing; nil when it is there; ErrFolder when something else has its name.", makeDir},
	}
}

func publish(t *trial) {
	for name, text := range map[string]string{"empty.csv": "", "small.csv": "a;b\r\n", "large.csv": pattern(1_000_000)} {
		t.want("Publish "+name, t.publish(t.at(name), text), nil)
		t.holds(t.here(name), text)
	}
	for _, mode := range []uint32{0o600, 0o640, 0o664} {
		name := fmt.Sprintf("mode-%o", mode)
		// A reader that gives a byte at a time, and its last with the end.
		r := iotest.DataErrReader(iotest.OneByteReader(strings.NewReader("text")))
		t.want("Publish "+name, t.Box.Publish(t.ctx, t.at(name), r, mode), nil)
		t.holds(t.here(name), "text")
		info, err := os.Stat(t.here(name))
		t.must(err)
		if got := uint32(info.Mode().Perm()); got != mode {
			t.errorf("Publish with mode %o: the file has %o", mode, got)
		}
	}
	t.names(t.Home.Here, "empty.csv", "small.csv", "large.csv", "mode-600", "mode-640", "mode-664")
}

// spy calls look before each piece of the text it gives.
type spy struct {
	r    io.Reader
	look func()
}

func (s spy) Read(p []byte) (int, error) {
	s.look()
	return s.r.Read(p[:min(len(p), 50_000)])
}

func publishAbsent(t *trial) {
	looks := 0
	r := spy{strings.NewReader(pattern(400_000)), func() {
		looks++
		entries, err := os.ReadDir(t.Home.Here)
		t.want("reading the folder", err, nil)
		for _, e := range entries {
			if e.Name()[0] != '.' {
				t.errorf("while it is written one sees %q", e.Name())
			}
		}
		files, err := t.Box.List(t.ctx, t.Home.Box)
		t.want("List", err, nil)
		for _, f := range files {
			if !transports.Ignored(f.Name) {
				t.errorf("while it is written List gives %q", f.Name)
			}
		}
	}}
	t.want("Publish", t.Box.Publish(t.ctx, t.at("x.csv"), r, 0o640), nil)
	if looks < 2 {
		t.errorf("the source was read %d times", looks)
	}
	t.holds(t.here("x.csv"), pattern(400_000))
	t.names(t.Home.Here, "x.csv")
}

// onlooker reads every file it sees in a folder again and again until stopped, and gives the first that is not want.
func onlooker(dir, want string) (stop func() error) {
	quit, result := make(chan struct{}), make(chan error, 1)
	go func() {
		for {
			entries, _ := os.ReadDir(dir)
			for _, e := range entries {
				if transports.Ignored(e.Name()) || e.IsDir() {
					continue
				}
				got, err := os.ReadFile(dir + "/" + e.Name())
				if err == nil && string(got) != want {
					result <- fmt.Errorf("a reader of the folder saw %q with %d bytes of %d", e.Name(), len(got), len(want))
					return
				}
			}
			select {
			case <-quit:
				result <- nil
				return
			default:
			}
		}
	}()
	return func() error {
		close(quit)
		return <-result
	}
}

func publishReader(t *trial) {
	text := pattern(200_000)
	stop := onlooker(t.Home.Here, text)
	for i := range 40 {
		name := fmt.Sprintf("x%d.csv", i)
		t.want("Publish "+name, t.publish(t.at(name), text), nil)
	}
	if err := stop(); err != nil {
		t.errorf("%w", err)
	}
}

func publishExists(t *trial) {
	t.write("file.csv", "first")
	target := t.sub("elsewhere")
	t.must(os.WriteFile(target.Here+"/file", []byte("first"), 0o600))
	want := append(t.hostile(target.Here+"/file"), "file.csv", "elsewhere")
	for _, name := range want {
		t.want("Publish to "+name, t.publish(t.at(name), "second"), transports.ErrExists)
	}
	t.names(t.Home.Here, want...)
	t.holds(t.here("file.csv"), "first")
	t.holds(target.Here+"/file", "first")
	if info, err := os.Lstat(t.here("link.csv")); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.errorf("the link that was there is now %v, %v", info, err)
	}
}

// race lets racers do one thing at once and gives their errors.
func race(do func(i int) error) []error {
	errs := make([]error, racers)
	start := make(chan struct{})
	var all sync.WaitGroup
	for i := range racers {
		all.Go(func() {
			<-start
			errs[i] = do(i)
		})
	}
	close(start)
	all.Wait()
	return errs
}

// winner checks that exactly one racer has nil and the others one of the losers' errors, and gives the one.
func (t *trial) winner(errs []error, losers ...error) int {
	won := -1
	for i, err := range errs {
		if err == nil {
			if won >= 0 {
				t.errorf("racers %d and %d both won", won, i)
			}
			won = i
			continue
		}
		lost := false
		for _, l := range losers {
			lost = lost || errors.Is(err, l)
		}
		if !lost {
			t.errorf("racer %d lost with %v, want one of %v", i, err, losers)
		}
	}
	if won < 0 {
		t.fatalf("nobody won: %v", errs[0])
	}
	return won
}

func publishRace(t *trial) {
	for round := range 10 {
		name := fmt.Sprintf("r%d.csv", round)
		text := func(i int) string { return fmt.Sprintf("racer %d\n%s", i, pattern(20_000)) }
		won := t.winner(race(func(i int) error { return t.publish(t.at(name), text(i)) }), transports.ErrExists)
		t.holds(t.here(name), text(won))
	}
	t.names(t.Home.Here, "r0.csv", "r1.csv", "r2.csv", "r3.csv", "r4.csv", "r5.csv", "r6.csv", "r7.csv", "r8.csv", "r9.csv")
}

func publishSource(t *trial) {
	broken := errors.New("the source broke")
	for _, n := range []int{0, 1, 100_000, 500_000} {
		r := io.MultiReader(strings.NewReader(pattern(n)), iotest.ErrReader(broken))
		t.want(fmt.Sprintf("Publish of a source that breaks after %d bytes", n), t.Box.Publish(t.ctx, t.at("x.csv"), r, 0o640), broken)
		t.names(t.Home.Here)
	}
	ctx, cancel := context.WithCancel(t.ctx)
	defer cancel()
	looks := 0
	r := spy{strings.NewReader(pattern(1_000_000)), func() {
		if looks++; looks == 3 {
			cancel()
		}
	}}
	t.want("Publish with a context that ends", t.Box.Publish(ctx, t.at("x.csv"), r, 0o640), context.Canceled)
	t.names(t.Home.Here)
}

func publishFolder(t *trial) {
	t.want("Publish", t.publish(t.Box.Join(t.at("nofolder"), "x.csv"), "x"), transports.ErrFolder)
	t.write("file", "x")
	t.want("Publish beneath a file", t.publish(t.Box.Join(t.at("file"), "x.csv"), "x"), transports.ErrFolder)
	t.names(t.Home.Here, "file")
}

func makeDir(t *trial) {
	for range 2 {
		t.want("MakeDir", t.Box.MakeDir(t.ctx, t.at("new")), nil)
		if info, err := os.Lstat(t.here("new")); err != nil || !info.IsDir() {
			t.fatalf("MakeDir: got %v, %v, want a folder", info, err)
		}
	}
	t.want("Publish into it", t.publish(t.Box.Join(t.at("new"), "x.csv"), "x"), nil)
	t.must(unix.Mkfifo(t.here("pipe"), 0o600))
	t.write("file", "x")
	for _, name := range []string{"pipe", "file"} {
		t.want("MakeDir where there is a "+name, t.Box.MakeDir(t.ctx, t.at(name)), transports.ErrFolder)
	}
	errs := race(func(int) error { return t.Box.MakeDir(t.ctx, t.at("raced")) })
	for i, err := range errs {
		t.want(fmt.Sprintf("MakeDir of racer %d", i), err, nil)
	}
	t.names(t.Home.Here, "new", "pipe", "file", "raced")
}
