package main

import (
	"errors"
	"path/filepath"

	"github.com/navette-connect/navette/connector"
	"github.com/navette-connect/navette/connector/config"
	"github.com/navette-connect/navette/connector/gateway"
	"github.com/navette-connect/navette/connector/gateway/httpgw"
	"github.com/navette-connect/navette/connector/gateway/lyra"
	"github.com/navette-connect/navette/connector/gateway/sandbox"
	"github.com/navette-connect/navette/mappings"
	"github.com/navette-connect/navette/mappings/csvfile"
	"github.com/navette-connect/navette/mappings/xlsxfile"
	"github.com/navette-connect/navette/transports"
	"github.com/navette-connect/navette/transports/local"
	"github.com/navette-connect/navette/transports/sftpbox"
)

// This is THE list of leaves: a new payment service provider, file format or transport is one new folder and one line
// here.

// gatewayTypes makes a gateway of each type.
func gatewayTypes() map[string]func(s gatewayPlace, g *config.Gateway) (connector.Gateway, error) {
	return map[string]func(gatewayPlace, *config.Gateway) (connector.Gateway, error){
		"http":    openHTTP,
		"lyra":    openLyra,
		"paybox":  openPaybox,
		"sandbox": openSandbox,
		"sips":    openSips,
	}
}

// transportTypes makes a box of each type.
func transportTypes(h hooks) map[string]func(stateDir string, t *config.Transport) (transports.Box, error) {
	return map[string]func(string, *config.Transport) (transports.Box, error){
		"local": func(string, *config.Transport) (transports.Box, error) {
			return local.New(local.Options{Fault: h.folder}), nil
		},
		"sftp": func(stateDir string, t *config.Transport) (transports.Box, error) { return openSFTP(h, stateDir, t) },
	}
}

// formats are the source formats mappings may name.
func formats() map[string]func(mappings.Source) (mappings.Format, error) {
	return map[string]func(mappings.Source) (mappings.Format, error){"csv": csvfile.New, "fixed": csvfile.New, "xlsx": xlsxfile.New}
}

// gatewayPlace is what the process gives to gateways that need a place of their own.
type gatewayPlace struct {
	stateDir  string
	lang      string                  // of what navette itself says of refusals
	unread    bool                    // secrets were not read: the gateway is only asked what it can do
	baseURL   string                  // where the listener serves, for the sandbox's pages
	sandboxes map[string]*sandbox.PSP // by gateway; they outlive a reload, since they are the PSP's memory
	spool     *connector.Spool        // outlives a reload, too: what is being written must not be cleared
}

// Close ends the sandboxes.
func (p gatewayPlace) Close() error {
	var errs []error
	for _, psp := range p.sandboxes {
		errs = append(errs, psp.Close())
	}
	return errors.Join(errs...)
}

// wire is how a gateway speaks HTTP.
func wire(g *config.Gateway) gateway.Options {
	return gateway.Options{Timeout: g.Timeout, Concurrency: g.Concurrency, CA: g.CA, ClientCert: g.ClientCert, ClientKey: g.ClientKey, Proxy: g.Proxy}
}

func openHTTP(_ gatewayPlace, g *config.Gateway) (connector.Gateway, error) {
	return httpgw.New(httpgw.Options{URL: g.URL, Token: gateway.Secret(g.Token.Reveal()), WebhookSecret: gateway.Secret(g.WebhookSecret.Reveal()), HTTP: wire(g)})
}

func openLyra(s gatewayPlace, g *config.Gateway) (connector.Gateway, error) {
	return lyra.New(lyra.Options{URL: g.URL, Shop: g.Shop, Mode: g.Mode, Password: gateway.Secret(g.Password.Reveal()), HMACKey: gateway.Secret(g.HMACKey.Reveal()),
		Name: g.Name, Lang: s.lang, HTTP: wire(g)})
}

func openSandbox(s gatewayPlace, g *config.Gateway) (connector.Gateway, error) {
	psp := s.sandboxes[g.Name]
	if psp == nil {
		o := sandbox.Options{File: filepath.Join(s.stateDir, "sandbox-"+g.Name+".jsonl"), WebhookSecret: gateway.Secret(g.WebhookSecret.Reveal())}
		if g.Idempotent {
			o.Personality = sandbox.Idempotent
		}
		var err error
		if g.Script != "" {
			if o.Script, err = readScript(g.Script); err != nil {
				return nil, err
			}
		}
		if psp, err = sandbox.New(o); err != nil {
			return nil, err
		}
		s.sandboxes[g.Name] = psp
	}
	return psp.Gateway(s.baseURL)
}

func openSFTP(h hooks, stateDir string, t *config.Transport) (*sftpbox.Box, error) {
	profile, err := sftpbox.LoadProfile(profileFile(stateDir, t.Name))
	if err != nil {
		return nil, err
	}
	claim := sftpbox.Claim(t.Claim)
	if t.Claim == "auto" {
		claim = ""
	}
	return sftpbox.New(sftpbox.Options{Address: t.Address, User: t.User, Key: t.Key.Reveal(), Passphrase: t.Passphrase.Reveal(), Password: t.Password.Reveal(),
		HostKeys: t.HostKeys, KnownHosts: t.KnownHosts, Legacy: t.Legacy, Timeout: t.Timeout, InFlight: t.Concurrency, Claim: claim, Profile: profile, Fault: h.folder})
}

// profileFile is where `doctor` keeps what it found out about a server.
func profileFile(stateDir, transport string) string {
	return filepath.Join(stateDir, "transports", transport+".json")
}
