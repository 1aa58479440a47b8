package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// world makes a configuration directory of files and a folder of secrets ("DIR" in the files): psp holds "s3cret-token".
func world(t testing.TB, files map[string]string) (Environment, Options) {
	t.Helper()
	dir := t.TempDir()
	secrets := filepath.Join(dir, "secrets")
	for name, text := range files {
		write(t, filepath.Join(dir, "etc", name), strings.ReplaceAll(text, "DIR", secrets), 0o640)
	}
	write(t, filepath.Join(secrets, "psp"), "s3cret-token\n", 0o600)
	write(t, filepath.Join(secrets, "lyra"), "testpassword_s3cret\n", 0o600)
	write(t, filepath.Join(secrets, "psp-hook"), "whsec_s3cret-hook", 0o600)
	for _, name := range []string{"acme", "acme-passphrase", "acme-password"} {
		write(t, filepath.Join(secrets, name), "s3cret", 0o600)
	}
	return Environment{Credentials: secrets}, Options{
		Flags:    Overrides{ConfigDir: filepath.Join(dir, "etc"), StateDir: filepath.Join(dir, "state")},
		Gateways: []string{"http", "lyra", "paybox", "sandbox"}, Transports: []string{"local", "sftp"}, Databases: []string{"postgres"}, Presets: []string{"factures-excel-fr"},
	}
}

func write(t testing.TB, path, text string, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

func load(t *testing.T, files map[string]string) *Config {
	t.Helper()
	env, opt := world(t, files)
	c, err := Load(env, opt)
	if err != nil {
		t.Fatalf("Load:\n%v\nwant no error", err)
	}
	return c
}

func TestReferenceBlock(t *testing.T) {
	block, err := os.ReadFile("testdata/contract/navette.yaml")
	if err != nil {
		t.Fatal(err)
	}
	c := load(t, map[string]string{"navette.yaml": string(block)})
	if len(c.Warnings) > 0 {
		t.Errorf("warnings %v, want none", c.Warnings)
	}
	if got := c.Gateways["psp"].Token.Reveal(); got != "s3cret-token" {
		t.Errorf("token = %q, want the file's line", got)
	}
	if got := c.Gateways["psp"].WebhookSecret.Reveal(); got != "whsec_s3cret-hook" {
		t.Errorf("webhook secret = %q, want the credential", got)
	}
	wantFlow := &Flow{Name: "factures", Transport: "local", OutTransport: "local", In: "/srv/navette/factures/in",
		Out: "/srv/navette/factures/out", Done: "/srv/navette/factures/done", Rejected: "/srv/navette/factures/rejected",
		Match: []string{"*.csv"}, MatchCase: true, Quiet: 3 * time.Second, Poll: 5 * time.Second, Mapping: "factures-excel-fr",
		Gateway: "psp", OnError: "reject_row", OnKnown: "ignore", OnEnded: "ignore",
		Limits:  Limits{200_000_000, 1_000_000, "50000.00", "1000000.00"},
		Returns: []string{"ack", "rejects", "result", "status"}, StatusEvery: time.Minute, MaxAge: 7 * day, Patience: 30 * time.Minute,
		FirstFile: "hold", FileMode: 0o640, Order: "arrival", FourEyes: "none"}
	if diff := cmp.Diff(wantFlow, c.Flows["factures"]); diff != "" {
		t.Errorf("flow (-want +got):\n%s", diff)
	}
	wantGateway := &Gateway{Name: "psp", Type: "http", Mode: "test", Account: "http:127.0.0.1:9001:test", URL: "http://127.0.0.1:9001",
		Timeout: 10 * time.Second, Concurrency: 8, Rate: 50, Poll: 30 * time.Second, Window: day, Settle: 2 * time.Minute}
	got := *c.Gateways["psp"]
	got.Token, got.WebhookSecret = Secret{}, Secret{}
	if diff := cmp.Diff(wantGateway, &got, cmp.AllowUnexported(Secret{})); diff != "" {
		t.Errorf("gateway (-want +got):\n%s", diff)
	}
	wantProcess := Process{ConfigDir: c.Process.ConfigDir, StateDir: c.Process.StateDir, Listen: "127.0.0.1:8730", LogLevel: "info",
		Lang: "en", Timezone: "Europe/Paris", Location: c.Process.Location, DiskFloor: "500MB", FloorBytes: 500_000_000}
	if diff := cmp.Diff(wantProcess, c.Process, cmp.AllowUnexported(Secret{}), cmp.Comparer(func(a, b *time.Location) bool { return a == b })); diff != "" {
		t.Errorf("process (-want +got):\n%s", diff)
	}
	if c.Transports["local"] == nil || c.Transports["office"] == nil {
		t.Errorf("transports %v, want local and office", c.Transports)
	}
}

const sandbox = "gateways:\n  s: {type: sandbox}\n"

// flow is a whole flow with the given lines added.
func flow(lines ...string) string {
	text := sandbox + "flows:\n  f:\n    in: /x/in\n    out: /x/out\n    mapping: factures-excel-fr\n    gateway: s\n"
	for _, l := range lines {
		text += "    " + l + "\n"
	}
	return text
}

func TestDefaults(t *testing.T) {
	c := load(t, map[string]string{"navette.yaml": flow()})
	want := &Flow{Name: "f", Transport: "local", OutTransport: "local", In: "/x/in", Out: "/x/out", Done: "/x/done", Rejected: "/x/rejected",
		MatchCase: true, Quiet: 3 * time.Second, Poll: 5 * time.Second, Mapping: "factures-excel-fr", Gateway: "s",
		OnError: "reject_row", OnKnown: "ignore", OnEnded: "ignore", Limits: Limits{200_000_000, 1_000_000, "none", "none"},
		Returns: []string{"ack", "rejects", "result", "status"}, StatusEvery: time.Minute, MaxAge: 7 * day, Patience: 30 * time.Minute,
		FirstFile: "send", FileMode: 0o640, Order: "arrival", FourEyes: "none"}
	if diff := cmp.Diff(want, c.Flows["f"]); diff != "" {
		t.Errorf("flow (-want +got):\n%s", diff)
	}
	g := c.Gateways["s"]
	if g.Mode != "test" || g.Account != "sandbox:test" || g.Concurrency != 8 || g.Timeout != 10*time.Second || g.Settle != time.Second {
		t.Errorf("sandbox = %+v, want test, 8 in flight, 10s, 1s", g)
	}
}

func TestLyra(t *testing.T) {
	c := load(t, map[string]string{"navette.yaml": "gateways:\n  p: {type: lyra, mode: test, url: https://psp.example/, shop: \"01345678\", password: {file: DIR/lyra}, hmac_key: {file: DIR/psp}}\n"})
	g := c.Gateways["p"]
	if g.Account != "lyra:01345678:test" || g.URL != "https://psp.example" || g.Timeout != 45*time.Second || g.Settle != 2*time.Minute || g.Idempotent || g.Window != 0 {
		t.Errorf("lyra = %+v, want its shop as identity, 45s, 2m, not idempotent", g)
	}
	if g.Password.Reveal() != "testpassword_s3cret" || g.HMACKey.Reveal() != "s3cret-token" {
		t.Error("the keys are not those of the files")
	}
}

func TestPaybox(t *testing.T) {
	c := load(t, map[string]string{"navette.yaml": "gateways:\n  p: {type: paybox, mode: test, urls: [https://preprod-ppps.paybox.com/PPPS.php], paypage_url: https://preprod-tpeweb.paybox.com/php/, site: \"1999888\", rank: \"063\", identifier: \"3\", hmac_key: {file: DIR/psp}}\n"})
	g := c.Gateways["p"]
	if g.Account != "paybox:1999888/063:test" || len(g.URLs) != 1 || g.PaypageURL != "https://preprod-tpeweb.paybox.com/php/" || g.Identifier != "3" || g.HMACKey.IsZero() || g.Idempotent || g.Settle != 2*time.Minute {
		t.Errorf("paybox = %+v", g)
	}
}

// TestProblems holds the place and the sentence of each problem. The text is what follows the directory's name.
func TestProblems(t *testing.T) {
	http := func(lines string) string {
		return "gateways:\n  p:\n    type: http\n    mode: test\n    url: https://psp.example/v1\n    token: {file: DIR/psp}\n" + lines
	}
	lyra := func(mode, lines string) string {
		return "gateways:\n  p:\n    type: lyra\n    mode: " + mode + "\n    url: https://psp.example\n    shop: 12345678\n    password: {file: DIR/lyra}\n" + lines
	}
	paybox := func(mode, lines string) string {
		return "gateways:\n  p:\n    type: paybox\n    mode: " + mode + "\n    urls: [https://ppps.paybox.com/PPPS.php, https://ppps1.paybox.com/PPPS.php]\n    site: 1234567\n    rank: \"01\"\n    hmac_key: {file: DIR/psp}\n" + lines
	}
	production := strings.Replace(http(""), "test", "production", 1) +
		"flows:\n  f:\n    in: /x/in\n    out: /x/out\n    mapping: factures-excel-fr\n    gateway: p\n"
	tests := []struct {
		name, text string
		want       string // one a line
	}{
		{"tab", "a:\n\tb: 1\n", `navette.yaml:2:1: NV-4001 unreadable YAML: found character '\t' that cannot start any token`},
		{"unclosed list", "flows: [1\n", `navette.yaml:1:8: NV-4001 unreadable YAML: sequence end token ']' not found`},
		{"no keys", "- a\n", `navette.yaml:1:1: NV-4001 keys are expected, such as "flows:"`},
		{"two documents", "listen: off\n---\nlisten: off\n", `navette.yaml:3:1: NV-4001 one YAML document a file`},
		{"anchor", "listen: &x off\n", `navette.yaml:1:9: NV-4001 YAML anchors, aliases, tags and merges are not read here`},
		{"merge", "<<: {listen: off}\n", `navette.yaml:1:1: NV-4001 YAML anchors, aliases, tags and merges are not read here`},
		{"star without quotes", flow("match: [*.csv]"), `navette.yaml:9:13: NV-4001 a text that begins with * needs quotes, as in "*.csv"`},
		{"star without quotes alone", flow("match: *.csv"), `navette.yaml:9:12: NV-4001 a text that begins with * needs quotes, as in "*.csv"`},
		{"unknown at the top", "flow:\n  x: 1\n", `navette.yaml:1:1: NV-4002 unknown key "flow"; did you mean "flows"?`},
		{"unknown, none near", "colour: red\n", `navette.yaml:1:1: NV-4002 unknown key "colour"`},
		{"unknown in a flow", flow("quite: 3s"), `navette.yaml:9:5: NV-4002 unknown key "quite"; did you mean "quiet"?`},
		{"dash for underscore", flow("on-error: reject_row"), `navette.yaml:9:5: NV-4002 unknown key "on-error"; did you mean "on_error"?`},
		{"unknown behind an accent", flow("limits: {\"é\": 1, row: 5}"), "navette.yaml:9:14: NV-4002 unknown key \"é\"\n" +
			`navette.yaml:9:22: NV-4002 unknown key "row"; did you mean "rows"?`},
		{"key of another type", "gateways:\n  s:\n    type: sandbox\n    url: https://x\n", `navette.yaml:4:5: NV-4002 key "url" does not go with type sandbox`},
		{"script of http", http("    script: /x\n"), `navette.yaml:7:5: NV-4002 key "script" does not go with type http`},
		{"twice in a file", "listen: off\nlisten: off\n", `navette.yaml:2:1: NV-4006 "listen" is already defined in navette.yaml, line 1`},
		{"missing in a flow", sandbox + "flows:\n  f:\n    gateway: s\n", "navette.yaml:4:3: NV-4003 \"flows.f.in\" is missing\n" +
			"navette.yaml:4:3: NV-4003 \"flows.f.out\" is missing\nnavette.yaml:4:3: NV-4003 \"flows.f.mapping\" is missing"},
		{"empty flow", sandbox + "flows:\n  f:\n", "navette.yaml:4:3: NV-4003 \"flows.f.in\" is missing\nnavette.yaml:4:3: NV-4003 \"flows.f.out\" is missing\n" +
			"navette.yaml:4:3: NV-4003 \"flows.f.mapping\" is missing\nnavette.yaml:4:3: NV-4003 \"flows.f.gateway\" is missing"},
		{"empty gateway", "gateways:\n  p:\n", `navette.yaml:2:3: NV-4003 "gateways.p.type" is missing`},
		{"lyra without keys", "gateways:\n  p: {type: lyra, mode: test}\n", "navette.yaml:2:3: NV-4003 \"gateways.p.url\" is missing\nnavette.yaml:2:3: NV-4003 \"gateways.p.shop\" is missing\nnavette.yaml:2:3: NV-4003 \"gateways.p.password\" is missing"},
		{"lyra with a key of the other mode", lyra("production", ""), `navette.yaml:7:15: NV-4004 gateways.p.password: this key is not of mode production; it must begin with prodpassword_`},
		{"lyra shop", strings.Replace(lyra("test", ""), "12345678", "1234567", 1), `navette.yaml:6:11: NV-4004 gateways.p.shop: value "1234567"; expected: 8 digits`},
		{"lyra with more than a host", strings.Replace(lyra("test", ""), ".example", ".example/api-payment", 1), `navette.yaml:5:10: NV-4004 gateways.p.url: value "https://psp.example/api-payment"; expected: the host alone, such as https://api.payzen.eu`},
		{"lyra has no idempotency", lyra("test", "    idempotent: true\n"), `navette.yaml:8:5: NV-4002 key "idempotent" does not go with type lyra`},
		{"lyra has no token", lyra("test", "    token: {file: DIR/psp}\n"), `navette.yaml:8:5: NV-4002 key "token" does not go with type lyra`},
		{"paybox without keys", "gateways:\n  p: {type: paybox, mode: test}\n", "navette.yaml:2:3: NV-4003 \"gateways.p.urls\" is missing\nnavette.yaml:2:3: NV-4003 \"gateways.p.site\" is missing\nnavette.yaml:2:3: NV-4003 \"gateways.p.rank\" is missing\nnavette.yaml:2:3: NV-4003 \"gateways.p.hmac_key\" is missing"},
		{"paybox with addresses of the other mode", paybox("test", ""), "navette.yaml:5:12: NV-4004 gateways.p.urls: \"https://ppps.paybox.com/PPPS.php\" is of mode production, the gateway of mode test\nnavette.yaml:5:46: NV-4004 gateways.p.urls: \"https://ppps1.paybox.com/PPPS.php\" is of mode production, the gateway of mode test"},
		{"paybox with the page of the other mode", paybox("production", "    paypage_url: https://preprod-tpeweb.e-transactions.fr/php/\n    identifier: 3\n"), `navette.yaml:9:18: NV-4004 gateways.p.paypage_url: "https://preprod-tpeweb.e-transactions.fr/php/" is of mode test, the gateway of mode production`},
		{"paybox's test site in production", strings.Replace(paybox("production", ""), "1234567", "1999888", 1), `navette.yaml:6:11: NV-4004 gateways.p.site: "1999888" is of mode test, the gateway of mode production`},
		{"paybox with a host alone", strings.Replace(paybox("production", ""), "ppps1.paybox.com/PPPS.php", "ppps1.paybox.com", 1), `navette.yaml:5:46: NV-4004 gateways.p.urls: value "https://ppps1.paybox.com"; expected: a full address such as https://ppps.paybox.com/PPPS.php`},
		{"paybox in clear", strings.Replace(paybox("production", ""), "https://ppps1", "http://ppps1", 1), `navette.yaml:5:46: NV-4004 gateways.p.urls: http:// is refused off this machine; use https://, or ` + "`insecure: true`" + ` if you know why`},
		{"paybox site", strings.Replace(paybox("production", ""), "1234567", "12345", 1), `navette.yaml:6:11: NV-4004 gateways.p.site: value "12345"; expected: 7 digits`},
		{"paybox page without identifier", paybox("production", "    paypage_url: https://tpeweb.paybox.com/php/\n"), `navette.yaml:2:3: NV-4003 "gateways.p.identifier" is missing`},
		{"paybox has no idempotency", paybox("production", "    idempotent: true\n"), `navette.yaml:9:5: NV-4002 key "idempotent" does not go with type paybox`},
		{"hmac_key of http", http("    hmac_key: {file: DIR/psp}\n"), `navette.yaml:7:5: NV-4002 key "hmac_key" does not go with type http`},
		{"mode missing", strings.Replace(http(""), "    mode: test\n", "", 1), `navette.yaml:2:3: NV-4003 "mode" is missing: test or production`},
		{"mode wrong", strings.Replace(http(""), "mode: test", "mode: prod", 1), `navette.yaml:4:11: NV-4004 gateways.p.mode: value "prod"; expected: test, production`},
		{"sandbox in production", "gateways:\n  s: {type: sandbox, mode: production}\n", `navette.yaml:2:28: NV-4004 gateways.s.mode: value "production"; expected: test`},
		{"name of a flow", sandbox + "flows:\n  \"a b\": {}\n", `navette.yaml:4:3: NV-4004 flows.a b: value "a b"; expected: a name of plain letters, digits, - and _, at most 64 characters`},
		{"flow is a text", sandbox + "flows:\n  f: yes\n", `navette.yaml:4:6: NV-4004 flows.f: a text; expected: keys`},
		{"flows is a list", "flows: [a]\n", `navette.yaml:1:8: NV-4004 flows: a list; expected: keys`},
		{"duration", flow("quiet: 3 seconds", "poll: 5"), "navette.yaml:9:12: NV-4004 flows.f.quiet: value \"3 seconds\"; expected: a duration such as 500ms, 10s, 5m, 2h or 7d\n" +
			`navette.yaml:10:11: NV-4004 flows.f.poll: value "5"; expected: a duration such as 500ms, 10s, 5m, 2h or 7d`},
		{"duration out of bounds", flow("poll: 0s"), `navette.yaml:9:11: NV-4004 flows.f.poll: 0s is out of bounds, from 1ms to 30d`},
		{"number out of bounds", "gateways:\n  s: {type: sandbox, concurrency: 0}\n", `navette.yaml:2:35: NV-4004 gateways.s.concurrency: 0 is out of bounds, from 1 to 1000`},
		{"rate", "gateways:\n  s: {type: sandbox, rate: 50}\n", `navette.yaml:2:28: NV-4004 gateways.s.rate: value "50"; expected: a rate such as 50/s or 10/m`},
		{"boolean", flow("match_case: yes"), `navette.yaml:9:17: NV-4004 flows.f.match_case: value "yes"; expected: true or false`},
		{"word", flow("on_known: replace-unpaid"), `navette.yaml:9:15: NV-4004 flows.f.on_known: value "replace-unpaid"; did you mean "replace_unpaid"? (expected: ignore, replace_unpaid, reject)`},
		{"list for a text", flow("quiet: [3s]"), `navette.yaml:9:12: NV-4004 flows.f.quiet: a list; expected: a duration such as 500ms, 10s, 5m, 2h or 7d`},
		{"amount", flow(`limits: {amount: "50 000,00", total: 1e6}`), "navette.yaml:9:22: NV-4004 flows.f.limits.amount: value \"50 000,00\"; expected: an amount such as \"50000.00\", or none\n" +
			`navette.yaml:9:42: NV-4004 flows.f.limits.total: value "1e6"; expected: an amount such as "50000.00", or none`},
		{"size", flow(`limits: {bytes: 200MiB, rows: -1}`), "navette.yaml:9:21: NV-4004 flows.f.limits.bytes: value \"200MiB\"; expected: a size such as 500kB, 200MB or 4GB, or none\n" +
			`navette.yaml:9:35: NV-4004 flows.f.limits.rows: value "-1"; expected: a number of rows, or none`},
		{"file mode", flow("file_mode: 0666"), `navette.yaml:9:16: NV-4004 flows.f.file_mode: value "0666"; expected: an octal mode such as "0640", readable by the owner and not writable by everybody`},
		{"relative folder", flow("done: done"), `navette.yaml:9:11: NV-4004 flows.f.done: an absolute path is expected, not "done"`},
		{"pattern", flow(`match: ["[a.csv", "x/y"]`), "navette.yaml:9:13: NV-4004 flows.f.match: value \"[a.csv\"; expected: a pattern such as \"*.csv\"\n" +
			`navette.yaml:9:23: NV-4004 flows.f.match: value "x/y"; expected: a pattern such as "*.csv"`},
		{"return", flow(`returns: [ack, receipt]`), `navette.yaml:9:20: NV-4004 flows.f.returns: value "receipt"; expected: ack, rejects, result, status`},
		{"http off the loopback", strings.Replace(http(""), "https", "http", 1), `navette.yaml:5:10: NV-4004 gateways.p.url: http:// is refused off this machine; use https://, or ` + "`insecure: true` if you know why"},
		{"address", strings.Replace(http(""), "https://psp.example/v1", "psp.example", 1), `navette.yaml:5:10: NV-4004 gateways.p.url: value "psp.example"; expected: an address such as https://psp.example/v1, without ? or #`},
		{"password in the address", strings.Replace(http(""), "psp.example", "u:s3cret@psp.example", 1), `navette.yaml:5:10: NV-4007 gateways.p.url: the address holds a password; give it by file`},
		{"literal secret", strings.Replace(http(""), "{file: DIR/psp}", "s3cret-literal", 1), `navette.yaml:6:12: NV-4007 gateways.p.token: a secret is never written in clear; give {file: …} / {credential: …}`},
		{"both forms", strings.Replace(http(""), "{file: DIR/psp}", "{file: /a, credential: b}", 1), `navette.yaml:6:12: NV-4007 gateways.p.token: a secret is never written in clear; give {file: …} / {credential: …}`},
		{"no such secret", strings.Replace(http(""), "DIR/psp", "/nowhere/psp", 1), `navette.yaml:6:12: NV-4007 gateways.p.token: cannot read /nowhere/psp (no such file or directory)`},
		{"secret is a device", strings.Replace(http(""), "DIR/psp", "/dev/zero", 1), `navette.yaml:6:12: NV-4007 gateways.p.token: cannot read /dev/zero (not a plain file)`},
		{"credential's name", strings.Replace(http(""), "file: DIR/psp", "credential: ../x", 1), `navette.yaml:6:25: NV-4004 gateways.p.token.credential: value "../x"; expected: a name of plain letters, digits, - and _, at most 64 characters`},
		{"certificate without key", http("    client_cert: /dev/null\n"), "navette.yaml:7:18: NV-4010 gateways.p.client_cert: cannot read /dev/null (not a plain file)\n" +
			`navette.yaml:7:18: NV-4004 gateways.p.client_cert and gateways.p.client_key go together`},
		{"type not built", "gateways:\n  p: {type: nobody, mode: test, shop: 1}\n", `navette.yaml:2:13: NV-4005 gateway type "nobody" is not known to this version; known: http, lyra, paybox, sandbox`},
		{"transport not built", "transports:\n  p: {type: ftps, address: x}\n", `navette.yaml:2:13: NV-4005 transport type "ftps" is not known to this version; known: local, sftp`},
		{"unknown names", flow("transport: acme") + "  g: {in: /y/in, out: /y/out, mapping: factures, gateway: t}\n",
			"navette.yaml:9:16: NV-4005 unknown transport \"acme\"; known: local\n" +
				"navette.yaml:10:40: NV-4005 unknown mapping \"factures\"; known: factures-excel-fr\n" +
				`navette.yaml:10:59: NV-4005 unknown gateway "t"; known: s`},
		{"same folders", flow("done: /x/in/../in"), `navette.yaml:9:11: NV-4006 flows.f.done and flows.f.in are the same folder: /x/in`},
		{"same folders by default", strings.Replace(flow(), "/x/out", "/x/done", 1), `navette.yaml:4:3: NV-4006 flows.f.done and flows.f.out are the same folder: /x/done`},
		{"flows on one folder", flow(`match: ["F*.csv", "*.txt"]`) + "  g: {in: /x/in/, out: /y/out, match: [\"*A.csv\"], mapping: factures-excel-fr, gateway: s}\n",
			`navette.yaml:10:39: NV-4006 flows f and g would take the same file in /x/in: "F*.csv" and "*A.csv", for instance "FA.csv"`},
		{"flows on one folder, everything", flow(`match: ["F*.csv"]`) + "  g: {in: /x/in, out: /y/out, mapping: factures-excel-fr, gateway: s}\n",
			`navette.yaml:10:3: NV-4006 flows f and g would take the same file in /x/in: "F*.csv" and "*", for instance "F.csv"`},
		{"flows on one folder by two transports", flow() + "  g: {transport: t, in: /x/in, out: /y/out, mapping: factures-excel-fr, gateway: s}\ntransports:\n  t: {type: local}\n",
			`navette.yaml:9:3: NV-4006 flows f and g would take the same file in /x/in: "*" and "*", for instance "x"`},
		{"fed back", flow() + "  g: {in: /x/out, out: /y/out, done: /y/done, rejected: /y/rej, mapping: factures-excel-fr, gateway: s}\n",
			`navette.yaml:6:10: NV-4006 out of flow f is the ` + "`in` folder of flow g: /x/out"},
		{"limits in production", production, "navette.yaml:8:3: NV-4008 flow f in production: \"flows.f.limits.amount\" is missing (an amount, or none)\n" +
			`navette.yaml:8:3: NV-4008 flow f in production: "flows.f.limits.total" is missing (an amount, or none)`},
		{"one limit in production", production + "    limits: {amount: none}\n", `navette.yaml:13:5: NV-4008 flow f in production: "flows.f.limits.total" is missing (an amount, or none)`},
		{"process", "listen: 8730\nlog_level: loud\nlang: de\ntimezone: Mars/Base\npublic_url: http://pay.example\npublic_listen: x\n",
			"navette.yaml:1:9: NV-4004 listen: value \"8730\"; expected: host:port such as 127.0.0.1:8730, or off\n" +
				"navette.yaml:2:12: NV-4004 log_level: value \"loud\"; expected: trace, debug, info, warn, error\n" +
				"navette.yaml:3:7: NV-4004 lang: value \"de\"; expected: fr, en\n" +
				"navette.yaml:4:11: NV-4004 timezone: value \"Mars/Base\"; expected: a time zone such as Europe/Paris\n" +
				"navette.yaml:5:13: NV-4004 public_url: value \"http://pay.example\"; expected: an https:// address\n" +
				`navette.yaml:6:16: NV-4004 public_listen: value "x"; expected: host:port such as 127.0.0.1:8730`},
		{"database", "database: {url: \"mysql://u:s3cret@h/d\"}\n", `navette.yaml:1:17: NV-4004 database.url: value "mysql://u:***@h/d"; expected: postgres://navette@host:5432/navette`},
		{"database password", "database: {url: \"postgres://u:s3cret@h/d\"}\n", `navette.yaml:1:17: NV-4007 database.url: the address holds a password; give it by file`},
		{"database literal", "database: {url: \"postgres://u@h/d\", password: s3cret}\n", `navette.yaml:1:47: NV-4007 database.password: a secret is never written in clear; give {file: …} / {credential: …}`},
		{"control character", flow(`namespace: "a\tb"`), `navette.yaml:9:16: NV-4004 flows.f.namespace: value "a\tb"; expected: a name of plain letters, digits, - and _, at most 64 characters`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			env, opt := world(t, map[string]string{"navette.yaml": tt.text})
			_, err := Load(env, opt)
			if !errors.Is(err, ErrInvalid) {
				t.Fatalf("Load(%q) = %v, want ErrInvalid", tt.text, err)
			}
			got := strings.ReplaceAll(err.Error(), opt.Flags.ConfigDir+"/", "")
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("Load(%q) (-want +got):\n%s", tt.text, diff)
			}
			if strings.Contains(err.Error(), "s3cret") {
				t.Errorf("Load(%q) = %v, which gives a secret away", tt.text, err)
			}
			var list Errors
			if !errors.As(err, &list) {
				t.Fatalf("%T is no Errors", err)
			}
			for _, p := range list {
				if err := p.Text.Check(); err != nil {
					t.Error(err)
				}
			}
		})
	}
}
