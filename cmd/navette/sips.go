package main

import (
	"fmt"
	"os"

	"github.com/navette-connect/navette/connector"
	"github.com/navette-connect/navette/connector/config"
	"github.com/navette-connect/navette/connector/gateway"
	"github.com/navette-connect/navette/connector/gateway/sips"
	"github.com/navette-connect/navette/connector/gateway/sipssim"
)

func openSips(s gatewayPlace, g *config.Gateway) (connector.Gateway, error) {
	keys := map[string]gateway.Secret{}
	for version, key := range g.Keys {
		if keys[version] = gateway.Secret(key.Reveal()); s.unread && key.IsZero() {
			keys[version] = "not read"
		}
	}
	return sips.New(sips.Options{URL: g.URL, PaypageURL: g.PaypageURL, Merchant: g.Merchant, Keys: keys, InterfaceVersion: g.InterfaceVersion, Production: g.Production(), Lang: s.lang,
		HTTP: wire(g)})
}

func sipsPSP(f sandboxFlags) (rehearsal, error) {
	o := sipssim.Options{Seed: f.seed, Lost: f.lost}
	if f.script != "" {
		text, err := os.ReadFile(f.script)
		if err != nil {
			return nil, err
		}
		if o.Script, err = sipssim.ParseScript(text); err != nil {
			return nil, usage(fmt.Errorf("%s: %w", f.script, err))
		}
	}
	return sipssim.New(o)
}
