package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/navette-connect/navette/connector/gateway"
	"github.com/navette-connect/navette/connector/gateway/sandbox"
)

// sandboxCommand serves the sandbox PSP by itself, so that `type: http` can be rehearsed against it.
func (a *app) sandboxCommand() *cobra.Command {
	var listen, personality, script, state, hookURL, hookSecret string
	var seed uint64
	var lost float64
	c := command("sandbox", a.say("ui.sandbox.short"), cobra.NoArgs, func(c *cobra.Command, _ []string) (err error) {
		o := sandbox.Options{Personality: sandbox.Personality(personality), Seed: seed, File: state, WebhookURL: hookURL, WebhookSecret: gateway.Secret(hookSecret)}
		if script != "" {
			if o.Script, err = readScript(script); err != nil {
				return err
			}
		}
		if lost > 0 {
			o.Faults.Share = map[sandbox.Fault]float64{sandbox.Lost: lost}
		}
		psp, err := sandbox.New(o)
		if err != nil {
			return usage(err)
		}
		defer func() { err = errors.Join(err, psp.Close()) }()
		return a.serveSandbox(c.Context(), psp, listen)
	})
	c.Long = a.say("ui.sandbox.long")
	f := c.Flags()
	f.StringVar(&listen, "listen", "127.0.0.1:8731", a.say("ui.sandbox.flag.listen"))
	f.StringVar(&personality, "personality", "none", a.say("ui.sandbox.flag.personality"))
	f.StringVar(&script, "script", "", a.say("ui.sandbox.flag.script"))
	f.StringVar(&state, "file", "", a.say("ui.sandbox.flag.file"))
	f.Uint64Var(&seed, "seed", 1, a.say("ui.sandbox.flag.seed"))
	f.Float64Var(&lost, "lost", 0, a.say("ui.sandbox.flag.lost"))
	f.StringVar(&hookURL, "webhook-url", "", a.say("ui.sandbox.flag.webhook-url"))
	f.StringVar(&hookSecret, "webhook-secret", "", a.say("ui.sandbox.flag.webhook-secret"))
	return c
}

func (a *app) serveSandbox(ctx context.Context, psp *sandbox.PSP, listen string) error {
	at, err := net.Listen("tcp", listen)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	srv := &http.Server{Handler: psp.Handler(), ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute}
	a.printf("%s\n", a.say("ui.sandbox.listening", "url", "http://"+at.Addr().String()))
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
