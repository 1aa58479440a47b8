// Command proto is the yardstick in Go: the shape of the work with nothing kept. It reads an invoice file of gencsv,
// makes of each row the body that navette would send, posts them with bounded concurrency, and writes what became of
// each. Killed, it knows nothing any more; it measures what the work itself costs and is no model of a connector.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "proto:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	fs := flag.NewFlagSet("proto", flag.ContinueOnError)
	fs.SetOutput(stderr)
	file := fs.String("f", "", "invoice file (required)")
	url := fs.String("url", "", "address that takes payment requests (required)")
	inflight := fs.Int("c", 16, "requests in flight at most")
	answers := fs.String("status", os.DevNull, "file of answers to write")
	if err := fs.Parse(args); err != nil {
		return err
	}
	start := time.Now()
	in, err := os.Open(*file)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(*answers)
	if err != nil {
		return err
	}
	t, err := pipeline(ctx, in, *url, *inflight, out)
	if cerr := out.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(stdout, "proto: %d sent, %d rejected, %d failed in %.2f s\n", t.sent, t.rejected, t.failed, time.Since(start).Seconds())
	return err
}
