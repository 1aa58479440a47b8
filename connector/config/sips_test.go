package config

import (
	"strings"
	"testing"
	"time"
)

func sipsWorld(t *testing.T, text string) (*Config, string, error) {
	t.Helper()
	env, opt := world(t, map[string]string{"navette.yaml": text})
	opt.Gateways = append(opt.Gateways, "sips")
	c, err := Load(env, opt)
	if err == nil {
		return c, "", nil
	}
	return nil, strings.ReplaceAll(err.Error(), opt.Flags.ConfigDir+"/", ""), err
}

func TestSips(t *testing.T) {
	c, problems, err := sipsWorld(t, "gateways:\n  p: {type: sips, mode: test, url: https://office-server.test.sips-services.com/, paypage_url: https://payment-webinit.test.sips-services.com, merchant: \"002001000000001\", keys: {\"1\": {file: DIR/psp}, 2: {credential: psp-hook}}, interface_version: \"2.58\"}\n")
	if err != nil {
		t.Fatal(problems)
	}
	g := c.Gateways["p"]
	if g.Account != "sips:002001000000001:test" || g.URL != "https://office-server.test.sips-services.com" || g.PaypageURL != "https://payment-webinit.test.sips-services.com" ||
		g.InterfaceVersion != "2.58" || g.Timeout != 30*time.Second || g.Settle != 5*time.Minute || g.Idempotent {
		t.Errorf("sips = %+v, want its merchant as identity, 30s, 5m, not idempotent", g)
	}
	if len(g.Keys) != 2 || g.Keys["1"].Reveal() != "s3cret-token" || g.Keys["2"].Reveal() != "whsec_s3cret-hook" {
		t.Error("the keys are not those of the files, by version")
	}
}

func TestSipsProblems(t *testing.T) {
	sips := func(mode, url, lines string) string {
		return "gateways:\n  p:\n    type: sips\n    mode: " + mode + "\n    url: " + url + "\n    merchant: \"123456789012345\"\n    keys: {\"1\": {file: DIR/psp}}\n" + lines
	}
	const office = "https://office-server.sips-services.com"
	for _, tt := range []struct{ name, text, want string }{
		{"nothing", "gateways:\n  p: {type: sips, mode: test}\n", "navette.yaml:2:3: NV-4003 \"gateways.p.url\" is missing\nnavette.yaml:2:3: NV-4003 \"gateways.p.merchant\" is missing\nnavette.yaml:2:3: NV-4003 \"gateways.p.keys\" is missing"},
		{"test host in production", sips("production", "https://office-server.test.sips-services.com", ""), `navette.yaml:5:10: NV-4004 gateways.p.url: "https://office-server.test.sips-services.com" is of mode test, the gateway of mode production`},
		{"simulation host in production", sips("production", "https://office-server.simu.sips-services.com", ""), `navette.yaml:5:10: NV-4004 gateways.p.url: "https://office-server.simu.sips-services.com" is of mode test, the gateway of mode production`},
		{"production host in test", sips("test", office, ""), `navette.yaml:5:10: NV-4004 gateways.p.url: "` + office + `" is of mode production, the gateway of mode test`},
		{"white label in test", sips("test", "https://sherlocks-office-server.secure.lcl.fr", ""), `navette.yaml:5:10: NV-4004 gateways.p.url: "https://sherlocks-office-server.secure.lcl.fr" is of mode production, the gateway of mode test`},
		{"test page in production", sips("production", office, "    paypage_url: https://payment-webinit.test.sips-services.com\n"), `navette.yaml:8:18: NV-4004 gateways.p.paypage_url: "https://payment-webinit.test.sips-services.com" is of mode test, the gateway of mode production`},
		{"simulation merchant in production", strings.Replace(sips("production", office, ""), "123456789012345", "002001000000001", 1), `navette.yaml:6:15: NV-4004 gateways.p.merchant: "002001000000001" is of mode test, the gateway of mode production`},
		{"merchant", strings.Replace(sips("production", office, ""), "123456789012345", "12", 1), `navette.yaml:6:15: NV-4004 gateways.p.merchant: value "12"; expected: 15 digits`},
		{"path", sips("production", office+"/rs-services", ""), `navette.yaml:5:10: NV-4004 gateways.p.url: value "` + office + `/rs-services"; expected: the host alone, such as https://office-server.sips-services.com`},
		{"key in clear", strings.Replace(sips("production", office, ""), "{file: DIR/psp}", "s3cret", 1), `navette.yaml:7:17: NV-4007 gateways.p.keys.1: a secret is never written in clear; give {file: …} / {credential: …}`},
		{"version of a key", strings.Replace(sips("production", office, ""), `{"1":`, `{"v1":`, 1), `navette.yaml:7:12: NV-4004 gateways.p.keys.v1: value "v1"; expected: the key's version, a number`},
		{"interface version", sips("production", office, "    interface_version: CR_WS_2.55\n"), `navette.yaml:8:24: NV-4004 gateways.p.interface_version: value "CR_WS_2.55"; expected: a number such as 2.55`},
		{"idempotent", sips("production", office, "    idempotent: true\n"), `navette.yaml:8:5: NV-4002 key "idempotent" does not go with type sips`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, got, err := sipsWorld(t, tt.text)
			if got != tt.want {
				t.Errorf("got:\n%s\nwant:\n%s", got, tt.want)
			}
			if err != nil && strings.Contains(err.Error(), "s3cret") {
				t.Error("a secret is given away")
			}
		})
	}
}
