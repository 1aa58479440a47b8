package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/navette-connect/navette/connector"
	"github.com/navette-connect/navette/connector/config"
	"github.com/navette-connect/navette/connector/gateway"
	"github.com/navette-connect/navette/connector/gateway/paybox"
	"github.com/navette-connect/navette/connector/gateway/payboxsim"
)

func openPaybox(s gatewayPlace, g *config.Gateway) (connector.Gateway, error) {
	o := paybox.Options{URLs: g.URLs, PageURL: g.PaypageURL, Site: g.Site, Rank: g.Rank, Identifier: g.Identifier, HMACKey: gateway.Secret(g.HMACKey.Reveal()), Name: g.Name, Lang: s.lang, HTTP: wire(g)}
	secretless := s.unread && g.HMACKey.IsZero() // it is only asked what it can do
	if secretless {
		o.HMACKey = gateway.Secret(strings.Repeat("00", 64))
	}
	if g.PublicKey != "" && !secretless {
		var err error
		if o.PublicKey, err = os.ReadFile(g.PublicKey); err != nil {
			return nil, err
		}
	}
	return paybox.New(o)
}

// payboxPSP is Paybox to rehearse with.
func payboxPSP(f sandboxFlags) (rehearsal, error) {
	o := payboxsim.Options{Seed: f.seed}
	if f.script != "" {
		text, err := os.ReadFile(f.script)
		if err != nil {
			return nil, err
		}
		if o.Script, err = payboxsim.ParseScript(text); err != nil {
			return nil, usage(fmt.Errorf("%s: %w", f.script, err))
		}
	}
	if f.lost > 0 {
		o.Faults.Share = map[string]float64{"lost": f.lost}
	}
	return payboxsim.New(o)
}
