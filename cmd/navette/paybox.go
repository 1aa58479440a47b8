package main

import (
	"os"

	"github.com/navette-connect/navette/connector"
	"github.com/navette-connect/navette/connector/config"
	"github.com/navette-connect/navette/connector/gateway"
	"github.com/navette-connect/navette/connector/gateway/paybox"
)

func openPaybox(s gatewayPlace, g *config.Gateway) (connector.Gateway, error) {
	o := paybox.Options{URLs: g.URLs, PageURL: g.PaypageURL, Site: g.Site, Rank: g.Rank, Identifier: g.Identifier, HMACKey: gateway.Secret(g.HMACKey.Reveal()), Name: g.Name, Lang: s.lang, HTTP: wire(g)}
	if g.PublicKey != "" {
		var err error
		if o.PublicKey, err = os.ReadFile(g.PublicKey); err != nil {
			return nil, err
		}
	}
	return paybox.New(o)
}
