package main

import (
	"fmt"
	"path/filepath"

	"github.com/navette-connect/navette/connector"
	"github.com/navette-connect/navette/connector/config"
	"github.com/navette-connect/navette/connector/gateway"
	"github.com/navette-connect/navette/connector/gateway/httpgw"
	"github.com/navette-connect/navette/connector/gateway/sandbox"
	"github.com/navette-connect/navette/mappings"
	"github.com/navette-connect/navette/mappings/csvfile"
	"github.com/navette-connect/navette/mappings/presets"
	"github.com/navette-connect/navette/transports"
	"github.com/navette-connect/navette/transports/local"
)

// This is THE list of leaves: a new payment service provider, file format or transport is one new folder and one line
// here.

// gatewayTypes makes a gateway of each type.
func gatewayTypes() map[string]func(s gatewayPlace, g *config.Gateway) (connector.Gateway, error) {
	return map[string]func(gatewayPlace, *config.Gateway) (connector.Gateway, error){
		"http":    openHTTP,
		"sandbox": openSandbox,
	}
}

// transportTypes makes a box of each type.
func transportTypes() map[string]func(*config.Transport) (transports.Box, error) {
	return map[string]func(*config.Transport) (transports.Box, error){
		"local": func(*config.Transport) (transports.Box, error) { return local.New(local.Options{}), nil },
	}
}

// formats are the source formats mappings may name.
func formats() map[string]mappings.Opener {
	return map[string]mappings.Opener{"csv": csvfile.Open}
}

// gatewayPlace is what the process gives to gateways that need a place of their own.
type gatewayPlace struct {
	stateDir string
	baseURL  string // where the listener serves, for the sandbox's pages
	sandbox  *sandbox.PSP
}

func openHTTP(_ gatewayPlace, g *config.Gateway) (connector.Gateway, error) {
	return httpgw.New(httpgw.Options{URL: g.URL, Token: gateway.Secret(g.Token.Reveal()), WebhookSecret: gateway.Secret(g.WebhookSecret.Reveal()),
		HTTP: gateway.Options{Timeout: g.Timeout, Concurrency: g.Concurrency, CA: g.CA, ClientCert: g.ClientCert, ClientKey: g.ClientKey, Proxy: g.Proxy}})
}

func openSandbox(s gatewayPlace, g *config.Gateway) (connector.Gateway, error) {
	psp := s.sandbox
	if psp == nil {
		o := sandbox.Options{File: filepath.Join(s.stateDir, "sandbox-"+g.Name+".jsonl")}
		if g.Idempotent {
			o.Personality = sandbox.Idempotent
		}
		if g.Script != "" {
			script, err := readScript(g.Script)
			if err != nil {
				return nil, err
			}
			o.Script = script
		}
		var err error
		if psp, err = sandbox.New(o); err != nil {
			return nil, err
		}
	}
	gw, err := psp.Gateway(s.baseURL)
	if err != nil {
		return nil, fmt.Errorf("sandbox: %w", err)
	}
	return gw, nil
}

var _ = presets.Names
