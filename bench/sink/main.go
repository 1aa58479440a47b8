// Command sink is the stand-in PSP of the yardsticks: the generic HTTP gateway with counters. It finds out what
// reached it twice, takes effect twice if it is told to (-idempotent=false), and answers look-ups.
//
//	POST /payment-requests, /operations                              taken; 200 for a key seen before
//	GET  /payment-requests?idempotency_key=K, /operations?idempotency_key=K
//	GET  /payment-requests/{id}, /events
//	GET  /_stats   POST /_reset                                      counters; forget everything
//
// On start it prints `listening http://HOST:PORT`.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "sink:", err)
		os.Exit(1)
	}
}

// run serves until ctx ends.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	fs := flag.NewFlagSet("sink", flag.ContinueOnError)
	fs.SetOutput(stderr)
	var o options
	addr := fs.String("addr", "127.0.0.1:0", "address to listen on")
	fs.BoolVar(&o.idempotent, "idempotent", true, "one effect per Idempotency-Key; false: each request that arrives takes effect")
	fs.DurationVar(&o.latency, "latency", 0, "wait before a request takes effect")
	fs.Float64Var(&o.fault, "fault", 0, "share of requests answered 503, without effect")
	fs.Float64Var(&o.lost, "lost", 0, "share of requests that take effect and get no answer")
	if err := fs.Parse(args); err != nil {
		return err
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", *addr)
	if err != nil {
		return err
	}
	s := newServer(o)
	h := &http.Server{Handler: s.routes(), ReadHeaderTimeout: 10 * time.Second, ConnState: s.connection}
	served := make(chan error, 1)
	go func() { served <- h.Serve(l) }()
	fmt.Fprintf(stdout, "listening http://%s\n", l.Addr())
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	if err := h.Close(); err != nil {
		return err
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
