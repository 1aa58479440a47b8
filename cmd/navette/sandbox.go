package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/navette-connect/navette/connector/gateway"
	"github.com/navette-connect/navette/connector/gateway/lyrasim"
	"github.com/navette-connect/navette/connector/gateway/sandbox"
)

// sandboxFlags are what `navette sandbox` was told.
type sandboxFlags struct {
	personality, script, file, hookURL, hookSecret string
	seed                                           uint64
	lost                                           float64
}

// rehearsal is a PSP that is served to rehearse with.
type rehearsal interface {
	Handler() http.Handler
	Run(ctx context.Context) error // lets its time pass until ctx ends
	Close() error
}

// psp is one line of the table of PSPs to rehearse with: which flags it knows besides the common ones, and how it is made.
type psp struct {
	flags []string
	open  func(f sandboxFlags) (rehearsal, error)
	hint  string // key of what is said once it listens; "" = nothing
}

// sandboxPSPs is the table.
func sandboxPSPs() map[string]psp {
	return map[string]psp{
		"generic": {[]string{"personality", "file", "webhook-secret"}, genericPSP, ""},
		"lyra":    {nil, lyraPSP, "ui.sandbox.hint.lyra"},
		"paybox":  {nil, payboxPSP, "ui.sandbox.hint.paybox"},
		"sips":    {nil, sipsPSP, "ui.sandbox.hint.sips"},
	}
}

func genericPSP(f sandboxFlags) (rehearsal, error) {
	o := sandbox.Options{Personality: sandbox.Personality(f.personality), Seed: f.seed, File: f.file, WebhookURL: f.hookURL, WebhookSecret: gateway.Secret(f.hookSecret)}
	if f.script != "" {
		var err error
		if o.Script, err = readScript(f.script); err != nil {
			return nil, err
		}
	}
	if f.lost > 0 {
		o.Faults.Share = map[sandbox.Fault]float64{sandbox.Lost: f.lost}
	}
	p, err := sandbox.New(o)
	if err != nil {
		return nil, usage(err)
	}
	return p, nil
}

func lyraPSP(f sandboxFlags) (rehearsal, error) {
	o := lyrasim.Options{Seed: f.seed, Script: lyrasim.DefaultScript(), Hook: lyrasim.Hook{URL: f.hookURL}}
	if f.script != "" {
		text, err := os.ReadFile(f.script)
		if err != nil {
			return nil, err
		}
		if o.Script, err = lyrasim.ParseScript(text); err != nil {
			return nil, usage(fmt.Errorf("%s: %w", f.script, err))
		}
	}
	if f.lost > 0 {
		o.Faults.Share = map[lyrasim.Fault]float64{lyrasim.Lost: f.lost}
	}
	return lyrasim.New(o), nil
}

// sandboxCommand serves a PSP to rehearse with by itself: the generic one for `type: http`, or a simulator of a real one.
func (a *app) sandboxCommand() *cobra.Command {
	var listen, name string
	var to sandboxFlags
	c := command("sandbox", a.say("ui.sandbox.short"), a.arguments(0, 0), func(c *cobra.Command, _ []string) (err error) {
		kind, ok := sandboxPSPs()[name]
		if !ok {
			return a.fail(exitUsage, "ui.sandbox.unknown", "name", clean(name), "known", names(sandboxPSPs()))
		}
		for _, other := range sandboxPSPs() {
			for _, flag := range other.flags {
				if c.Flags().Changed(flag) && !slices.Contains(kind.flags, flag) {
					return a.fail(exitUsage, "ui.sandbox.flag_other", "flag", flag, "name", name)
				}
			}
		}
		psp, err := kind.open(to)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, psp.Close()) }()
		return a.serveSandbox(c.Context(), psp, listen, kind.hint)
	})
	c.Long = a.say("ui.sandbox.long")
	f := c.Flags()
	f.StringVar(&name, "psp", "generic", a.say("ui.sandbox.flag.psp", "known", names(sandboxPSPs())))
	f.Lookup("psp").Annotations = map[string][]string{knownValues: {names(sandboxPSPs())}}
	f.StringVar(&listen, "listen", "127.0.0.1:8731", a.say("ui.sandbox.flag.listen"))
	f.StringVar(&to.personality, "personality", "none", a.say("ui.sandbox.flag.personality"))
	f.StringVar(&to.script, "script", "", a.say("ui.sandbox.flag.script"))
	f.StringVar(&to.file, "file", "", a.say("ui.sandbox.flag.file"))
	f.Uint64Var(&to.seed, "seed", 1, a.say("ui.sandbox.flag.seed"))
	f.Float64Var(&to.lost, "lost", 0, a.say("ui.sandbox.flag.lost"))
	f.StringVar(&to.hookURL, "webhook-url", "", a.say("ui.sandbox.flag.webhook-url"))
	f.StringVar(&to.hookSecret, "webhook-secret", "", a.say("ui.sandbox.flag.webhook-secret"))
	return c
}

func (a *app) serveSandbox(ctx context.Context, psp rehearsal, listen, hint string) error {
	at, err := net.Listen("tcp", listen)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	srv := &http.Server{Handler: psp.Handler(), ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute}
	a.printf("%s\n", a.say("ui.sandbox.listening", "url", "http://"+at.Addr().String()))
	if hint != "" {
		a.printf("%s\n", a.say(hint))
	}
	served, acted := make(chan error, 1), make(chan error, 1)
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	go func() { served <- srv.Serve(at) }()
	go func() { acted <- psp.Run(ctx) }()
	select {
	case err = <-acted:
		acted <- nil
	case err = <-served:
		served <- http.ErrServerClosed
	case <-ctx.Done():
	}
	stop()
	end, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	err = errors.Join(err, srv.Shutdown(end), <-acted)
	if s := <-served; !errors.Is(s, http.ErrServerClosed) {
		err = errors.Join(err, s)
	}
	return err
}
