//go:build unix

package sftpbox_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/navette-connect/navette/transports"
	"github.com/navette-connect/navette/transports/sftpbox"
	"github.com/navette-connect/navette/transports/sftpbox/partner"
	"github.com/navette-connect/navette/transports/transportstest"
)

// rehearsal is a partner that serves a folder, and a Box on it.
type rehearsal struct {
	*partner.Server
	box     *sftpbox.Box
	dir     string
	address string
}

func rehearse(t *testing.T, change func(*sftpbox.Options), faults ...string) rehearsal {
	t.Helper()
	parsed, err := partner.ParseFaults(faults)
	if err != nil {
		t.Fatal(err)
	}
	dir := folder(t, "").Here
	s, err := partner.New(partner.Options{Dir: dir, User: "erp", Password: "secret", Faults: parsed})
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, l) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	o := sftpbox.Options{Address: l.Addr().String(), User: "erp", Password: "secret", HostKeys: []string{s.HostKey()}, Timeout: 5 * time.Second}
	if change != nil {
		change(&o)
	}
	b, err := sftpbox.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return rehearsal{s, b, dir, o.Address}
}

func (r rehearsal) put(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(r.dir, name), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func (r rehearsal) names(t *testing.T) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(r.dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func read(t *testing.T, b *sftpbox.Box, path string) (string, error) {
	t.Helper()
	r, err := b.Open(t.Context(), path)
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(r)
	return string(text), errors.Join(err, r.Close())
}

// TestPartner is the suite on the rehearsal server, well behaved and with each fault that a client must not notice.
func TestPartner(t *testing.T) {
	for _, fault := range []string{"", "short_reads no_extensions", "coarse_time rename_replaces"} {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			transportstest.Test(t, func(t *testing.T) transportstest.Site {
				faults := strings.Fields(fault)
				r := rehearse(t, nil, faults...)
				site := transportstest.Site{Box: r.box, Home: transportstest.Folder{Box: "/", Here: r.dir}, Lacks: lacks()}
				site.Lacks["rights"] = "the rehearsal server has the rights of its user"
				site.Lacks["full"] = "see TestFaults"
				if strings.Contains(fault, "rename_replaces") {
					for _, race := range []string{"publish/race", "move/race/target", "move/race/same"} {
						site.Lacks[race] = "where a rename replaces, the look before it is all there is"
					}
				}
				if strings.Contains(fault, "coarse_time") {
					site.Lacks["list/facts"] = "times are even seconds"
					site.Lacks["move"] = "times are even seconds"
				}
				return site
			})
		})
	}
}

// text is n bytes in which a lost or doubled part shows.
func text(n int) string {
	var b strings.Builder
	for i := 0; b.Len() < n; i++ {
		fmt.Fprintf(&b, "line %d\n", i)
	}
	return b.String()[:n]
}

// TestFaults: what a server does to files is found out, and nothing is seen partial.
func TestFaults(t *testing.T) {
	sizes := []int{1, 2000, 32 << 10, 100_001, 300_000}
	t.Run("X1 last write fails", func(t *testing.T) { // a client library once forgot this error
		r := rehearse(t, nil, "fail_last_write")
		for _, n := range sizes {
			err := r.box.Publish(t.Context(), "/x.csv", strings.NewReader(text(n)), 0)
			if n%(32<<10) == 0 {
				if err != nil {
					t.Errorf("%d bytes: %v", n, err)
				}
				os.Remove(r.dir + "/x.csv")
			} else if !errors.Is(err, transports.ErrRetry) {
				t.Errorf("%d bytes: got %v, want ErrRetry", n, err)
			}
			if names := r.names(t); len(names) > 0 {
				t.Errorf("%d bytes: %q is left", n, names)
			}
		}
	})
	t.Run("dropped last write", func(t *testing.T) {
		r := rehearse(t, nil, "drop_last_write")
		for _, n := range []int{1, 2000, 100_001} {
			if err := r.box.Publish(t.Context(), "/x.csv", strings.NewReader(text(n)), 0); !errors.Is(err, transports.ErrRetry) {
				t.Errorf("%d bytes: got %v, want ErrRetry", n, err)
			}
			if names := r.names(t); len(names) > 0 {
				t.Errorf("%d bytes: %q is left", n, names)
			}
		}
	})
	t.Run("X2 short reads", func(t *testing.T) {
		r := rehearse(t, nil, "short_reads")
		for _, n := range sizes {
			r.put(t, "x.csv", text(n))
			if got, err := read(t, r.box, "/x.csv"); err != nil || got != text(n) {
				t.Errorf("%d bytes: read %d, %v", n, len(got), err)
			}
		}
	})
	t.Run("X3 truncated", func(t *testing.T) {
		r := rehearse(t, nil, "truncate")
		for _, n := range sizes[1:] {
			r.put(t, "x.csv", text(n))
			if got, err := read(t, r.box, "/x.csv"); !errors.Is(err, transports.ErrRetry) {
				t.Errorf("%d bytes: read %d, %v, want ErrRetry", n, len(got), err)
			}
		}
	})
	t.Run("X3 changes while it is read", func(t *testing.T) {
		r := rehearse(t, nil)
		for name, change := range map[string]func(path string) error{
			"shrinks": func(p string) error { return os.Truncate(p, 100) },
			"grows":   func(p string) error { return os.WriteFile(p, []byte(text(400_000)), 0o600) },
			"rewritten": func(p string) error {
				return errors.Join(os.WriteFile(p, []byte(strings.ToUpper(text(300_000))), 0o600), os.Chtimes(p, time.Time{}, time.Now().Add(5*time.Second)))
			},
		} {
			r.put(t, "x.csv", text(300_000))
			f, err := r.box.Open(t.Context(), "/x.csv")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadFull(f, make([]byte, 1000)); err != nil {
				t.Fatal(err)
			}
			if err := change(filepath.Join(r.dir, "x.csv")); err != nil {
				t.Fatal(err)
			}
			if n, err := io.Copy(io.Discard, f); !errors.Is(err, transports.ErrRetry) {
				t.Errorf("a file that %s: read %d more, %v, want ErrRetry", name, n, err)
			}
			f.Close()
		}
	})
	t.Run("refusals that do not matter", func(t *testing.T) {
		r := rehearse(t, nil, "no_chmod", "no_mkdir", "no_stat", "no_extensions")
		if err := r.box.Publish(t.Context(), "/x.csv", strings.NewReader(text(100_000)), 0o640); err != nil {
			t.Error(err)
		}
		if err := r.box.MakeDir(t.Context(), "/"); err != nil {
			t.Error(err)
		}
	})
	t.Run("full", func(t *testing.T) {
		r := rehearse(t, nil, "full")
		if err := r.box.Publish(t.Context(), "/x.csv", strings.NewReader(text(200_000)), 0); !errors.Is(err, transports.ErrRetry) {
			t.Errorf("got %v, want ErrRetry", err)
		}
		if names := r.names(t); len(names) > 0 {
			t.Errorf("%q is left", names)
		}
	})
	t.Run("capitals", func(t *testing.T) {
		r := rehearse(t, nil, "upper_case")
		if err := r.box.Publish(t.Context(), "/x.csv", strings.NewReader("text"), 0); err != nil {
			t.Fatal(err)
		}
		if err := r.box.Move(t.Context(), "/x.csv", "/.navette-1-x.csv"); err != nil {
			t.Fatal(err)
		}
		if got, err := read(t, r.box, "/.navette-1-x.csv"); err != nil || got != "text" {
			t.Errorf("read %q, %v", got, err)
		}
		r.put(t, ".NAVETTE-TMP-0123", "left")
		if err := r.box.Sweep(t.Context(), "/"); err != nil || len(r.names(t)) != 1 {
			t.Errorf("after Sweep: %q, %v", r.names(t), err)
		}
	})
	t.Run("rename forbidden", func(t *testing.T) {
		r := rehearse(t, nil, "no_rename")
		r.put(t, "x.csv", "x")
		if err := r.box.Move(t.Context(), "/x.csv", "/y.csv"); !errors.Is(err, transports.ErrRefused) {
			t.Errorf("Move: %v, want ErrRefused", err)
		}
	})
}

// TestCuts: connections cut at random never leave a partial file under its name, and work goes on over the next one.
func TestCuts(t *testing.T) {
	seed := rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 1))
	t.Logf("seed %d", seed)
	r := rehearse(t, nil)
	want := text(200_000)
	r.put(t, "source.csv", want)
	published, taken := 0, 0
	for round := range 60 {
		r.Switch(partner.Faults{partner.Cut: 3 + rng.IntN(40)})
		if round%4 == 3 {
			r.Switch(nil)
		}
		name := fmt.Sprintf("/x%d.csv", round)
		if err := r.box.Publish(t.Context(), name, strings.NewReader(want), 0); err == nil {
			published++
		}
		if got, err := read(t, r.box, "/source.csv"); err == nil {
			taken++
			if got != want {
				t.Fatalf("round %d: read %d bytes of %d without an error", round, len(got), len(want))
			}
		}
		r.box.Forgive()
	}
	r.Switch(nil)
	r.box.Forgive()
	if err := r.box.Publish(t.Context(), "/last.csv", strings.NewReader(want), 0); err != nil {
		t.Fatal(err)
	}
	whole := 0
	for _, name := range r.names(t) {
		b, err := os.ReadFile(filepath.Join(r.dir, name))
		if err != nil || string(b) != want {
			t.Errorf("%s has %d bytes of %d, %v", name, len(b), len(want), err)
		}
		whole++
	}
	if whole < published || published == 0 || taken == 0 {
		t.Errorf("%d published and %d read without an error, %d files there", published, taken, whole)
	}
}
