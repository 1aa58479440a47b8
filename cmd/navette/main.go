// Command navette turns the invoice and order files of an ERP into payment requests and operations at a payment service
// provider, and writes status files back.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	_ "time/tzdata" // for hosts without zoneinfo

	"github.com/navette-connect/navette/connector/config"
	"github.com/navette-connect/navette/connector/journal"
)

// version is set by the build (-ldflags "-X main.version=…").
var version = "dev"

// Exit codes (contract §2).
const (
	exitFine   = 0
	exitFailed = 1 // run-time failure, an unknown id, or rejected rows in a check
	exitUsage  = 2 // wrong usage, or a file that cannot be used
	exitConfig = 3
	exitLocked = 4 // another instance holds the state directory
)

func main() {
	debug.SetGCPercent(75)    // memory before speed: the ERP's host has other work
	log.SetOutput(io.Discard) // net/http may write bytes a server sent unasked: they could hold a token
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	code := run(ctx, os.Args[1:], config.ReadEnvironment(), os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run is the whole program with nothing of the process but what it is given; it returns the exit code.
func run(ctx context.Context, args []string, env config.Environment, in io.Reader, out, errs io.Writer) int {
	a := &app{env: env, in: in, out: out, errs: errs, args: args}
	a.ballast.hold()
	root := a.root()
	root.SetArgs(args)
	root.SetIn(in)
	root.SetErr(errs)
	err := root.ExecuteContext(ctx)
	if err == nil {
		err = a.misused
	}
	if err != nil && !errors.Is(err, errTold) {
		fmt.Fprintln(errs, "navette: "+a.explainError(err))
	}
	return exitCode(err)
}

// errTold is an error about which the command has already said all there is to say.
var errTold = errors.New("told")

// exitError gives an error its exit code.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }

// usage makes an error of wrong usage.
func usage(err error) error { return &exitError{exitUsage, err} }

func exitCode(err error) int {
	var coded *exitError
	switch {
	case err == nil:
		return exitFine
	case errors.As(err, &coded):
		return coded.code
	case errors.Is(err, config.ErrInvalid):
		return exitConfig
	case errors.Is(err, journal.ErrLocked):
		return exitLocked
	}
	return exitFailed
}
