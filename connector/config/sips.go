package config

import (
	"strings"
)

// sips reads the Office server, the page server, the merchant and the keys by version.
func (o *object) sips(g *Gateway) {
	o.require("url", "merchant", "keys")
	o.wire(g)
	g.URL = o.sipsHost("url", g)
	g.PaypageURL = o.sipsHost("paypage_url", g)
	g.Merchant = o.digits("merchant", 15)
	if g.Merchant == sipsSimulation && g.Production() {
		o.fail(o.place("merchant"), "merchant", "NV-4004.other_mode", "value", g.Merchant, "other", "test", "mode", g.Mode)
	}
	g.Keys = map[string]Secret{}
	if it := o.take("keys"); it != nil {
		if keys := o.object("keys"); keys != nil {
			for _, version := range keys.order {
				if strings.Trim(version, "0123456789") != "" || len(version) > 4 {
					keys.fail(keys.items[version].key, version, "NV-4004.value", "value", version, "expected.fr", "la version de la clé, un nombre", "expected.en", "the key's version, a number")
					keys.take(version)
					continue
				}
				g.Keys[version] = keys.secret(version, o.b.secrets)
			}
			keys.finish()
		}
	}
	if o.take("interface_version") != nil {
		g.InterfaceVersion = parsed(o, "interface_version", "", want{"un nombre comme 2.55", "a number such as 2.55"}, func(s string) (string, bool) {
			major, minor, ok := strings.Cut(s, ".")
			return s, ok && major == "2" && minor != "" && len(minor) <= 3 && strings.Trim(minor, "0123456789") == ""
		})
	}
}

// sipsSimulation is the merchant of the published simulation account.
const sipsSimulation = "002001000000001"

// sipsHost reads an address that has no path, and whose name tells its mode where it is one of Sips's own.
func (o *object) sipsHost(key string, g *Gateway) string {
	address := o.url(key, g.Insecure)
	u, ok := parseURL(address)
	if !ok {
		return ""
	}
	if strings.Trim(u.Path, "/")+u.RawQuery != "" {
		o.bad(o.take(key), key, address, want{"l'hôte seul, comme https://office-server.sips-services.com", "the host alone, such as https://office-server.sips-services.com"})
	}
	host, mode := strings.ToLower(u.Hostname()), ""
	labels := strings.Split(host, ".")
	for _, known := range []string{".sips-services.com", ".secure.lcl.fr", ".sogenactif.com"} {
		if strings.HasSuffix(host, known) {
			mode = "production"
		}
	}
	for _, l := range labels {
		if mode != "" && (l == "test" || l == "simu") {
			mode = "test"
		}
	}
	if mode != "" && g.Mode != "" && mode != g.Mode {
		o.fail(o.place(key), key, "NV-4004.other_mode", "value", address, "other", mode, "mode", g.Mode)
	}
	return address
}
