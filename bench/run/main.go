// Command run measures navette against the goals that bench/README.md explains and prints a line for each:
//
//	name: figure (goal …) ok|short
//
// It builds what it needs, makes its data, and gives every run a fresh configuration and state directory. Rivals run in
// turn (A B C A B C), so that a busy machine is busy for all of them.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

var errShort = errors.New("a goal was not reached")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	switch {
	case errors.Is(err, flag.ErrHelp):
		os.Exit(2)
	case err != nil:
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// settings are the command line.
type settings struct {
	what     []string
	rows     []int         // sizes of rate; kill9 takes the last
	pairs    int           // rounds of rate
	big      int           // rows of the large file of memory
	kills    int           // of each kill9
	inflight int           // requests
	group    int           // rows of one commit of the journal, as far as re-sends are concerned
	settle   time.Duration // of the gateway, under kill9
	limit    time.Duration // of one process
	work     string        // scratch folder
	navette  string        // binary; "" to build it
	quick    bool
	strict   bool
}

func measures() []string { return []string{"rate", "check", "memory", "kill9", "cold", "sftp"} }

// parse reads names and flags in any order.
func parse(args []string, stderr io.Writer) (settings, error) {
	var s settings
	fs := flag.NewFlagSet("bench", flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.Usage = func() {
		fmt.Fprintf(stderr, "usage: go run ./bench/run [%s|all]... [flags]\n", strings.Join(measures(), "|"))
		fs.PrintDefaults()
	}
	rows := fs.String("rows", "20000,100000", "file sizes of rate; kill9 takes the last")
	fs.IntVar(&s.pairs, "pairs", 3, "rounds of rate; the figures are medians")
	fs.IntVar(&s.big, "big", 1000000, "rows of the large file of memory")
	fs.IntVar(&s.kills, "kills", 5, "times that navette is killed in a file")
	fs.IntVar(&s.inflight, "inflight", 16, "requests in flight")
	fs.IntVar(&s.group, "group", 500, "rows of one commit, for the bound of kill9")
	fs.DurationVar(&s.settle, "settle", 300*time.Millisecond, "the gateway's settle under kill9")
	fs.DurationVar(&s.limit, "limit", 15*time.Minute, "longest that one process may take")
	fs.StringVar(&s.work, "work", filepath.Join("bench", ".work"), "scratch folder")
	fs.StringVar(&s.navette, "navette", "", "navette's binary (default: built here)")
	fs.BoolVar(&s.quick, "quick", false, "small sizes, to see that everything runs")
	fs.BoolVar(&s.strict, "strict", false, "end with 1 if a goal is not reached")
	for rest := args; ; {
		if err := fs.Parse(rest); err != nil {
			return s, err
		}
		if fs.NArg() == 0 {
			break
		}
		s.what, rest = append(s.what, fs.Arg(0)), fs.Args()[1:]
	}
	given := map[string]bool{}
	fs.Visit(func(f *flag.Flag) { given[f.Name] = true })
	if s.quick {
		small := map[string]func(){"rows": func() { *rows = "5000" }, "pairs": func() { s.pairs = 1 }, "big": func() { s.big = 50000 }, "kills": func() { s.kills = 3 }}
		for name, set := range small {
			if !given[name] {
				set()
			}
		}
	}
	for f := range strings.SplitSeq(*rows, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(f))
		if err != nil || n < 1 {
			return s, fmt.Errorf("-rows %q: numbers separated by commas are expected", *rows)
		}
		s.rows = append(s.rows, n)
	}
	if len(s.what) == 0 || slices.Contains(s.what, "all") {
		s.what = measures()
	}
	for _, w := range s.what {
		if !slices.Contains(measures(), w) {
			return s, fmt.Errorf("nothing is called %q; there are %s and all", w, strings.Join(measures(), ", "))
		}
	}
	if s.pairs < 1 || s.kills < 1 || s.big < 1 || s.inflight < 1 {
		return s, errors.New("-pairs, -kills, -big and -inflight begin at 1")
	}
	return s, nil
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	s, err := parse(args, stderr)
	if err != nil {
		return err
	}
	b, err := newBench(ctx, s, stdout)
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "%s, %s/%s, %d processors, %d requests in flight\n", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), s.inflight)
	for _, w := range s.what {
		switch w {
		case "rate":
			err = b.rate(ctx)
		case "check":
			err = b.check(ctx)
		case "memory":
			err = b.memory(ctx)
		case "kill9":
			err = b.kill9(ctx)
		case "cold":
			err = b.cold(ctx)
		case "sftp":
			err = b.sftp(ctx)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", w, err)
		}
	}
	if s.strict && b.report.short > 0 {
		return fmt.Errorf("%w (%d lines)", errShort, b.report.short)
	}
	return nil
}
