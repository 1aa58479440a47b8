package config

import (
	"maps"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/navette-connect/navette/connector/message"
)

// Gateway is one PSP account.
type Gateway struct {
	Name                             string
	Type                             string // sandbox | http | …
	Mode                             string // test | production
	Account                          string // identity: type, shop or host and path, mode; or set by hand
	URL                              string // without a slash at its end
	Token                            Secret
	WebhookSecret                    Secret
	Timeout                          time.Duration
	Concurrency                      int     // requests in flight
	Rate                             float64 // requests a second, 0 = no ceiling
	Poll                             time.Duration
	Idempotent                       bool
	Window                           time.Duration
	Settle                           time.Duration
	Insecure                         bool
	CA, ClientCert, ClientKey, Proxy string // files; an address
	Script                           string // file, of the sandbox
	Shop                             string // of lyra
	Password, HMACKey                Secret
	URLs                             []string // of paybox: PPPS of the main and the second host
	PaypageURL                       string
	Site, Rank, Identifier           string
	PublicKey                        string            // file
	Merchant, InterfaceVersion       string            // of sips
	Keys                             map[string]Secret // of sips, by version
}

// Production tells whether real money moves.
func (g *Gateway) Production() bool { return g.Mode == "production" }

// unknownType refuses a type by name; its other keys are nobody's to judge.
func (o *object) unknownType(text, name string, types []string) {
	o.b.fail(o.place("type"), o.key("type"), "NV-4005", message.New(text, "name", name, "known", strings.Join(slices.Sorted(slices.Values(types)), ", ")))
	o.asked = o.order
}

func (b *builder) gateways(section *object, types []string) map[string]*Gateway {
	all := map[string]*Gateway{}
	b.named(section, func(name string, o *object) {
		g := &Gateway{Name: name}
		all[name] = g
		if !o.require("type") {
			o.asked = o.order
			return
		}
		if g.Type = o.text("type", ""); !slices.Contains(types, g.Type) {
			g.Mode = o.text("mode", "")
			o.unknownType("NV-4005.gateway_type", g.Type, types)
			return
		}
		kind := gatewayKinds()[g.Type]
		o.common(g, kind)
		kind.read(o, g)
		g.Account = o.account(g)
		o.finishType(g.Type, keysOfKinds())
		o.asked = o.order
	})
	return all
}

// common reads the keys that every gateway has.
func (o *object) common(g *Gateway, k gatewayKind) {
	mode, modes := "", []string{"test", "production"}
	if k.rehearsal {
		mode, modes = "test", modes[:1]
	} else if o.take("mode") == nil {
		o.b.fail(o.at, o.key("mode"), "NV-4003", message.New("NV-4003.mode"))
	}
	g.Mode = o.choice("mode", mode, modes...)
	g.Timeout = o.duration("timeout", or(k.timeout, "10s"), time.Millisecond, time.Hour)
	g.Concurrency = o.integer("concurrency", "8", 1, 1000)
	if o.take("rate") != nil {
		g.Rate = parsed(o, "rate", "", wantRate(), parseRate)
	}
	g.Poll = o.duration("poll", "30s", time.Millisecond, 30*day)
	if k.keyed {
		g.Idempotent = o.boolean("idempotent", "false")
		g.Window = o.duration("window", "24h", time.Second, 3650*day)
	}
	g.Settle = o.duration("settle", or(k.settle, "2m"), 0, 30*day)
}

// url reads an address; http:// only to this machine, unless insecure. A password in it is a literal and not repeated.
func (o *object) url(key string, insecure bool) string {
	it := o.take(key)
	if it == nil {
		return ""
	}
	mark := len(o.b.shown)
	text, _, ok := o.raw(key, "", wantURL())
	if !ok {
		return ""
	}
	o.b.shown = o.b.shown[:mark]
	u, ok := parseURL(text)
	switch {
	case strings.Contains(text, "@"):
		o.fail(it.value, key, "NV-4007.url")
		return ""
	case !ok:
		o.bad(it, key, text, wantURL())
		return ""
	case u.Scheme == "http" && !insecure && !loopback(u.Hostname()):
		o.fail(it.value, key, "NV-4004.http")
	}
	o.b.note(o.key(key), text, "", it.value)
	return strings.TrimRight(text, "/")
}

// file reads the absolute path of a plain file that must be there.
func (o *object) file(key string) string {
	if o.take(key) == nil {
		return ""
	}
	path := o.path(key, "")
	if path == "" {
		return ""
	}
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() {
		err = errNotPlain
	}
	if err != nil {
		o.fail(o.place(key), key, "NV-4010.file", "path", path, "detail", reason(err))
	}
	return path
}

// keyFile reads a private key's place: a path, or the forms of a secret.
func (o *object) keyFile(key string) string {
	it := o.take(key)
	if it == nil {
		return ""
	}
	if it.scalar() {
		return o.file(key)
	}
	path, _ := o.secretPath(key, o.b.secrets)
	return path
}

// account is a gateway's identity. It is part of every idempotency key: its form never changes.
func (o *object) account(g *Gateway) string {
	if o.take("account") != nil {
		return parsed(o, "account", "", wantLabel(), func(s string) (string, bool) { return s, validLabel(s) })
	}
	where := ""
	if identity := gatewayKinds()[g.Type].identity; identity != nil {
		where = identity(g) + ":"
	} else if u, err := url.Parse(g.URL); err == nil && g.URL != "" {
		where = strings.ToLower(u.Hostname())
		if p := u.Port(); p != "" && !(u.Scheme == "https" && p == "443") && !(u.Scheme == "http" && p == "80") {
			where += ":" + p
		}
		where += u.EscapedPath() + ":"
	}
	account := g.Type + ":" + where + g.Mode
	o.b.note(o.key("account"), account, "derived", Position{})
	return account
}

// known lists names for a message.
func known[V any](m map[string]V, more ...string) string {
	names := append(slices.Collect(maps.Keys(m)), more...)
	slices.Sort(names)
	if names = slices.Compact(names); len(names) == 0 {
		return "-"
	}
	return strings.Join(names, ", ")
}
