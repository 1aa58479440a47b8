package config

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// gatewayKind is what one type of gateway reads besides the keys that all have, and its defaults.
type gatewayKind struct {
	keys            []string // its own: known words, wrong elsewhere
	read            func(o *object, g *Gateway)
	identity        func(g *Gateway) string // of the account, between type and mode; nil: host and path of the URL
	timeout, settle string                  // defaults; "" is the contract's
	keyed           bool                    // whether the PSP deduplicates by key is for the operator to say
	rehearsal       bool                    // no money: mode is test
}

// gatewayKinds is the table of types; a new payment service provider is one more line.
func gatewayKinds() map[string]gatewayKind {
	return map[string]gatewayKind{
		"sandbox": {keys: []string{"script"}, settle: "1s", keyed: true, rehearsal: true, read: func(o *object, g *Gateway) { g.Script = o.file("script") }},
		"http":    {keys: append([]string{"url", "token", "webhook_secret", "idempotent", "window"}, wireKeys()...), keyed: true, read: (*object).http},
		"lyra": {keys: append([]string{"url", "shop", "password", "hmac_key"}, wireKeys()...), timeout: "45s", read: (*object).lyra,
			identity: func(g *Gateway) string { return g.Shop }},
		"paybox": {keys: append([]string{"urls", "paypage_url", "site", "rank", "identifier", "hmac_key", "public_key"}, wireKeys()...), read: (*object).paybox,
			identity: func(g *Gateway) string { return g.Site + "/" + g.Rank }},
		"sips": {keys: append([]string{"url", "paypage_url", "merchant", "keys", "interface_version"}, wireKeys()...), timeout: "30s", settle: "5m", read: (*object).sips,
			identity: func(g *Gateway) string { return g.Merchant }},
	}
}

// keysOfKinds lists the keys that some type has: those that the type at hand did not ask for are named as another's.
func keysOfKinds() (all []string) {
	for _, k := range slices.Sorted(maps.Keys(gatewayKinds())) {
		all = append(all, gatewayKinds()[k].keys...)
	}
	return all
}

// wireKeys are the keys of every gateway that speaks HTTP.
func wireKeys() []string { return []string{"insecure", "ca", "client_cert", "client_key", "proxy"} }

// wire reads them.
func (o *object) wire(g *Gateway) {
	g.Insecure = o.boolean("insecure", "false")
	g.CA, g.ClientCert = o.file("ca"), o.file("client_cert")
	g.ClientKey = o.keyFile("client_key")
	if cert, key := o.take("client_cert"), o.take("client_key"); (cert == nil) != (key == nil) {
		has, lacks := "client_cert", "client_key"
		if cert == nil {
			has, lacks = lacks, has
		}
		o.fail(o.place(has), has, "NV-4004.together", "other", o.key(lacks))
	}
	if o.take("proxy") != nil {
		g.Proxy = o.url("proxy", true)
	}
}

// http reads the generic gateway.
func (o *object) http(g *Gateway) {
	o.require("url", "token")
	o.wire(g)
	g.URL = o.url("url", g.Insecure)
	g.Token = o.secret("token", o.b.secrets)
	g.WebhookSecret = o.secret("webhook_secret", o.b.secrets)
}

// lyra reads the bare host, the shop and the keys; the REST key's beginning tells its mode.
func (o *object) lyra(g *Gateway) {
	o.require("url", "shop", "password")
	o.wire(g)
	g.URL = o.url("url", g.Insecure)
	if u, ok := parseURL(g.URL); ok && strings.Trim(u.Path, "/")+u.RawQuery != "" {
		o.bad(o.take("url"), "url", g.URL, want{"l'hôte seul, comme https://api.payzen.eu", "the host alone, such as https://api.payzen.eu"})
	}
	g.Shop = o.digits("shop", 8)
	g.Password = o.secret("password", o.b.secrets)
	g.HMACKey = o.secret("hmac_key", o.b.secrets)
	begin := map[string]string{"test": "testpassword_", "production": "prodpassword_"}[g.Mode]
	if begin != "" && !g.Password.IsZero() && !strings.HasPrefix(g.Password.Reveal(), begin) {
		o.fail(o.place("password"), "password", "NV-4004.key_mode", "mode", g.Mode, "begin", begin)
	}
}

// digits reads a number of exactly n digits that is a name: its zeros count.
func (o *object) digits(key string, n int) string {
	if o.take(key) == nil {
		return ""
	}
	parse := func(s string) (string, bool) { return s, len(s) == n && strings.Trim(s, "0123456789") == "" }
	w := want{strconv.Itoa(n) + " chiffres", strconv.Itoa(n) + " digits"}
	return parsed(o, key, "", w, parse)
}

func or(a, b string) string {
	if a == "" {
		return b
	}
	return a
}
