package config

import (
	"strconv"
	"strings"

	"github.com/navette-connect/navette/connector/message"
)

// paybox reads the two hosts of PPPS, the hosted page, and what the welcome letter gives: site, rank, identifier.
func (o *object) paybox(g *Gateway) {
	o.require("urls", "site", "rank", "hmac_key")
	o.wire(g)
	g.URLs = o.payboxHosts(g)
	g.PaypageURL = o.url("paypage_url", g.Insecure)
	if o.take("paypage_url") != nil {
		o.require("identifier")
		if g.PaypageURL != "" && strings.HasSuffix(o.plain("paypage_url"), "/") {
			g.PaypageURL += "/" // /php/ is not /php
		}
		o.ofMode(g, o.place("paypage_url"), "paypage_url", g.PaypageURL)
	}
	g.Site = o.number("site", 7, 7)
	g.Rank = o.number("rank", 2, 3)
	g.Identifier = o.number("identifier", 1, 9)
	g.HMACKey = o.secret("hmac_key", o.b.secrets)
	g.PublicKey = o.file("public_key")
	if g.Site == payboxTestSite && g.Production() {
		o.fail(o.place("site"), "site", "NV-4004.other_mode", "value", g.Site, "other", "test", "mode", g.Mode)
	}
}

// payboxTestSite is the site of the published test accounts.
const payboxTestSite = "1999888"

// payboxHosts reads one or two addresses of PPPS.
func (o *object) payboxHosts(g *Gateway) (urls []string) {
	list := o.list("urls", wantURL())
	for _, e := range list {
		u, ok := parseURL(e.text)
		switch {
		case strings.Contains(e.text, "@"):
			o.fail(e.at, "urls", "NV-4007.url")
		case !ok || u.Path == "" || u.Path == "/":
			o.b.fail(e.at, o.key("urls"), "NV-4004", o.say("NV-4004.value", "urls", "value", e.text, "expected.fr", "une adresse entière comme https://ppps.paybox.com/PPPS.php", "expected.en", "a full address such as https://ppps.paybox.com/PPPS.php"))
		case u.Scheme == "http" && !g.Insecure && !loopback(u.Hostname()):
			o.fail(e.at, "urls", "NV-4004.http")
		default:
			o.ofMode(g, e.at, "urls", e.text)
		}
		urls = append(urls, e.text)
	}
	if it := o.take("urls"); it != nil && (len(list) == 0 || len(list) > 2) {
		o.b.fail(it.value, o.key("urls"), "NV-4004", message.New("NV-4004.value", "key", o.key("urls"), "value", strings.Join(urls, ", "), "expected.fr", "une ou deux adresses", "expected.en", "one or two addresses"))
	}
	o.noteList("urls", urls)
	return urls
}

// plain gives the text of a key as it is written.
func (o *object) plain(key string) string {
	text, _ := scalarText(o.take(key).node)
	return text
}

// ofMode refuses a known address of the other mode: the PSP's pre-production begins its hosts with preprod- or recette-.
func (o *object) ofMode(g *Gateway, at Position, key, address string) {
	u, ok := parseURL(address)
	if !ok || g.Mode == "" {
		return
	}
	host, mode := strings.ToLower(u.Hostname()), "production"
	if strings.HasPrefix(host, "preprod-") || strings.HasPrefix(host, "recette-") {
		mode = "test"
	}
	if known := strings.HasSuffix(host, ".paybox.com") || strings.HasSuffix(host, ".e-transactions.fr"); known && mode != g.Mode {
		o.fail(at, key, "NV-4004.other_mode", "value", address, "other", mode, "mode", g.Mode)
	}
}

// number reads a number of min to max digits that is a name: its zeros count.
func (o *object) number(key string, min, max int) string {
	if o.take(key) == nil {
		return ""
	}
	parse := func(s string) (string, bool) {
		return s, len(s) >= min && len(s) <= max && strings.Trim(s, "0123456789") == ""
	}
	n := strconv.Itoa(min)
	if max > min {
		n += "-" + strconv.Itoa(max)
	}
	return parsed(o, key, "", want{n + " chiffres", n + " digits"}, parse)
}
