package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/navette-connect/navette/connector/message"
)

// same compares configurations without where they stand.
func same() cmp.Options {
	return cmp.Options{
		cmp.AllowUnexported(Secret{}),
		cmp.Comparer(func(a, b *time.Location) bool { return a.String() == b.String() }),
		cmp.FilterPath(func(p cmp.Path) bool {
			last := p.Last().String()
			return last == ".places" || last == ".shown" || last == ".Warnings"
		}, cmp.Ignore()),
		cmp.AllowUnexported(Config{}),
	}
}

func TestFilesAreMerged(t *testing.T) {
	part := func(name string) string {
		return "flows:\n  " + name + ": {in: /" + name + "/in, out: /" + name + "/out, mapping: own, gateway: s}\n"
	}
	c := load(t, map[string]string{
		"navette.yaml":         "\ufeff" + sandbox + "listen: off\r\n",
		"flows.d/b.yaml":       part("b"),
		"flows.d/a.yaml":       part("a") + "transports:\n  t: {type: local}\n",
		"flows.d/.hidden.yaml": "nonsense",
		"flows.d/c.yaml~":      "nonsense",
		"flows.d/d.yml":        "nonsense",
		"mappings/own.yaml":    "navette: mapping/v1\n",
	})
	if c.Flows["a"] == nil || c.Flows["b"] == nil || c.Transports["t"] == nil || c.Process.Listen != "off" {
		t.Errorf("flows %v, transports %v, listen %q, want a, b, t and off", c.Flows, c.Transports, c.Process.Listen)
	}
	if want := filepath.Join(c.Process.ConfigDir, "mappings", "own.yaml"); c.Mappings["own"] != want || len(c.Mappings) != 1 {
		t.Errorf("mappings %v, want own at %s", c.Mappings, want)
	}
	if len(c.Warnings) != 1 || !strings.Contains(c.Warnings[0].In("fr"), "d.yml n'est pas lu") {
		t.Errorf("warnings %v, want one about d.yml", c.Warnings)
	}

	env, opt := world(t, map[string]string{
		"navette.yaml":   sandbox + "listen: off\n",
		"flows.d/a.yaml": part("a") + "listen: off\n",
		"flows.d/b.yaml": part("a") + "gateways:\n  s: {type: sandbox}\n",
	})
	_, err := Load(env, opt)
	dir := opt.Flags.ConfigDir
	want := dir + "/flows.d/a.yaml:3:1: NV-4006 \"listen\" is already defined in " + dir + "/navette.yaml, line 3\n" +
		dir + "/flows.d/a.yaml:2:40: NV-4005 unknown mapping \"own\"; known: factures-excel-fr\n" +
		dir + "/flows.d/b.yaml:2:3: NV-4006 \"flows.a\" is already defined in " + dir + "/flows.d/a.yaml, line 2\n" +
		dir + "/flows.d/b.yaml:4:3: NV-4006 \"gateways.s\" is already defined in " + dir + "/navette.yaml, line 2"
	if got := sortLines(fmt.Sprint(err)); got != sortLines(want) {
		t.Errorf("Load = \n%v\nwant\n%s", err, want)
	}
}

func sortLines(s string) string { return strings.Join(slices.Sorted(strings.SplitSeq(s, "\n")), "\n") }

func TestNothingToRead(t *testing.T) {
	dir := t.TempDir()
	for path, want := range map[string]string{
		filepath.Join(dir, "none"): "the configuration directory " + dir + "/none does not exist",
		dir:                        `"navette.yaml" is missing`,
	} {
		_, err := Load(Environment{}, Options{Flags: Overrides{ConfigDir: path}})
		if !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("Load of %s = %v, want %q", path, err, want)
		}
	}
	c, err := Default(Environment{}, Overrides{StateDir: dir})
	if err != nil || c.Process.StateDir != dir || c.Process.Listen != "127.0.0.1:8730" || c.Transports["local"] == nil {
		t.Errorf("Default = %+v, %v, want the defaults and %s", c, err, dir)
	}
	if err := os.Mkdir(filepath.Join(dir, "navette.yaml"), 0o755); err != nil {
		t.Fatal(err)
	}
	_, err = Load(Environment{}, Options{Flags: Overrides{ConfigDir: dir}})
	if err == nil || !strings.Contains(err.Error(), "NV-4010 cannot read") {
		t.Errorf("Load with a folder for navette.yaml = %v, want NV-4010", err)
	}
}

func TestBoundsOfFiles(t *testing.T) {
	for name, text := range map[string]string{
		"size":     strings.Repeat("# x\n", maxFile/4+1),
		"brackets": strings.Repeat(strings.Repeat("[", 1000)+"\n", 3),
		"line":     "a: " + strings.Repeat("- ", maxLine) + "\n",
	} {
		env, opt := world(t, map[string]string{"navette.yaml": text})
		if _, err := Load(env, opt); err == nil || !strings.Contains(err.Error(), "NV-4001") {
			t.Errorf("%s: Load = %v, want NV-4001", name, err)
		}
	}
}

func TestSecrets(t *testing.T) {
	text := "gateways:\n  p:\n    type: http\n    mode: test\n    url: https://psp.example\n    token: {file: DIR/psp}\n    webhook_secret: {credential: psp-hook}\n"
	set := func(t *testing.T, content string, mode os.FileMode) (Environment, Options) {
		env, opt := world(t, map[string]string{"navette.yaml": text})
		write(t, filepath.Join(env.Credentials, "psp"), content, mode)
		return env, opt
	}
	for _, tt := range []struct{ name, content, want string }{
		{"empty", "\n", "psp is empty"},
		{"two lines", "s3cret\nmore\n", "holds a control character or a line break"},
		{"NUL", "s3cret\x00", "holds a control character"},
		{"too large", strings.Repeat("s3cret", 20000), "too large"},
	} {
		env, opt := set(t, tt.content, 0o600)
		_, err := Load(env, opt)
		if err == nil || !strings.Contains(err.Error(), "NV-4007") || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: Load = %v, want NV-4007 with %q", tt.name, err, tt.want)
		}
	}
	t.Run("readable by everybody", func(t *testing.T) {
		env, opt := set(t, "s3cret\r\n", 0o644)
		c, err := Load(env, opt)
		if err != nil || len(c.Warnings) != 1 || c.Warnings[0].Code != "NV-4007" || c.Warnings[0].Line != 6 || c.Warnings[0].Column != 12 {
			t.Fatalf("Load = %v, warnings %v, want NV-4007 at 6:12", err, c.Warnings)
		}
		if err := c.Warnings[0].Text.Check(); err != nil {
			t.Error(err)
		}
		if got := c.Gateways["p"].Token.Reveal(); got != "s3cret" {
			t.Errorf("token %q, want it without its line end", got)
		}
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			if s := fmt.Sprintf(verb, *c.Gateways["p"]); strings.Contains(s, "s3cret") || strings.Contains(s, fmt.Sprintf("%x", "s3cret")) {
				t.Errorf("%s prints %s, which gives the token away", verb, s)
			}
		}
	})
	t.Run("without systemd", func(t *testing.T) {
		env, opt := set(t, "s3cret", 0o600)
		env.Credentials = ""
		if _, err := Load(env, opt); err == nil || !strings.Contains(err.Error(), "LoadCredential=psp-hook") {
			t.Errorf("Load = %v, want NV-4007 about the credential", err)
		}
		opt.Secrets = SecretsTried
		if c, err := Load(env, opt); err != nil || len(c.Warnings) != 1 || c.Gateways["p"].Token.IsZero() {
			t.Errorf("SecretsTried: Load = %+v, %v, want one warning and the token", c, err)
		}
		opt.Secrets = SecretsSkipped
		if err := os.Remove(filepath.Join(opt.Flags.ConfigDir, "../secrets/psp")); err != nil {
			t.Fatal(err)
		}
		if c, err := Load(env, opt); err != nil || !c.Gateways["p"].Token.IsZero() {
			t.Errorf("SecretsSkipped: Load = %+v, %v, want no secret and no error", c, err)
		}
	})
}

func TestDatabase(t *testing.T) {
	env, opt := world(t, map[string]string{"navette.yaml": "database: {url: \"postgres://navette@db.example:5432/navette?sslmode=require\", password: {file: DIR/psp}}\n"})
	opt.Secrets = SecretsSkipped // the journal's password is needed even so
	c, err := Load(env, opt)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := c.Process.DatabaseSource(), "postgres://navette:s3cret-token@db.example:5432/navette?sslmode=require"; got != want {
		t.Errorf("DatabaseSource() = %q, want %q", got, want)
	}
	env.DatabaseURL = "postgres://other:s3cret-env@db2.example/navette"
	if c, err = Load(env, opt); err != nil || len(c.Warnings) != 1 {
		t.Fatalf("Load = %v, want one warning about the password in the environment", err)
	}
	if got := c.Process.DatabaseSource(); got != env.DatabaseURL {
		t.Errorf("DatabaseSource() = %q, want the environment's %q", got, env.DatabaseURL)
	}
	for _, origin := range []bool{true, false} {
		if s := c.Show(origin); strings.Contains(s, "s3cret") {
			t.Errorf("Show(%v) = %s, which gives a password away", origin, s)
		}
	}
}

func TestAccount(t *testing.T) {
	for lines, want := range map[string]string{
		"url: https://PSP.example":                  "http:psp.example:test",
		"url: https://psp.example:443/v1/":          "http:psp.example/v1:test",
		"url: https://psp.example:8443/V1":          "http:psp.example:8443/V1:test",
		"url: http://[::1]:9001":                    "http:::1:9001:test",
		"url: https://psp.example, account: shop-1": "shop-1",
	} {
		c := load(t, map[string]string{"navette.yaml": "gateways:\n  p: {type: http, mode: test, token: {file: DIR/psp}, " + strings.Replace(lines, "url: http://[::1]:9001", `url: "http://[::1]:9001"`, 1) + "}\n"})
		if got := c.Gateways["p"].Account; got != want {
			t.Errorf("account of %s = %q, want %q", lines, got, want)
		}
	}
}

func TestFirstFileByMode(t *testing.T) {
	text := func(mode, more string) string {
		return "gateways:\n  p: {type: http, mode: " + mode + ", url: \"https://psp.example\", token: {file: DIR/psp}}\n" +
			"flows:\n  f: {in: /x/in, out: /x/out, mapping: factures-excel-fr, gateway: p, limits: {amount: none, total: \"10\"}" + more + "}\n"
	}
	for _, tt := range []struct{ mode, more, want string }{
		{"production", "", "hold"}, {"test", "", "send"}, {"production", ", first_file: send", "send"}, {"test", ", first_file: hold", "hold"},
	} {
		if got := load(t, map[string]string{"navette.yaml": text(tt.mode, tt.more)}).Flows["f"].FirstFile; got != tt.want {
			t.Errorf("first_file in %s%s = %q, want %q", tt.mode, tt.more, got, tt.want)
		}
	}
}

func TestLinkedFolders(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "in"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("in", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	env, opt := world(t, map[string]string{"navette.yaml": sandbox + "flows:\n  f: {in: " + dir + "/in, out: " + dir + "/link, mapping: factures-excel-fr, gateway: s}\n"})
	if _, err := Load(env, opt); err == nil || !strings.Contains(err.Error(), "NV-4006") {
		t.Errorf("Load with out a link to in = %v, want NV-4006", err)
	}
}

func TestWarnings(t *testing.T) {
	c := load(t, map[string]string{"navette.yaml": flow(`limits: {amount: "100.00", total: "99.5"}`)})
	if len(c.Warnings) != 1 || c.Warnings[0].Key != "flows.f.limits.amount" || c.Warnings[0].Text.Check() != nil {
		t.Errorf("warnings %v, want one about an amount beyond the total", c.Warnings)
	}
}

func TestShow(t *testing.T) {
	block, err := os.ReadFile("testdata/contract/navette.yaml")
	if err != nil {
		t.Fatal(err)
	}
	env, opt := world(t, map[string]string{"navette.yaml": string(block) + "  own:\n    in: /o/in\n    out: /o/out\n    match: [\"a \\\"b\\\"*\", \"été?.csv\"]\n    mapping: factures-excel-fr\n    gateway: psp\n    four_eyes: 5000\n"})
	env.LogLevel = "debug"
	c, err := Load(env, opt)
	if err != nil {
		t.Fatal(err)
	}
	text := c.Show(false)
	write(t, filepath.Join(opt.Flags.ConfigDir, "navette.yaml"), text, 0o640)
	again, err := Load(env, opt)
	if err != nil {
		t.Fatalf("what Show wrote does not load: %v\n%s", err, text)
	}
	if diff := cmp.Diff(c, again, same()); diff != "" {
		t.Errorf("what Show wrote loads otherwise (-first +again):\n%s\n%s", diff, text)
	}
	withOrigin := c.Show(true)
	for _, want := range []string{
		"log_level: debug  # NAVETTE_LOG_LEVEL\n",
		"timezone: Europe/Paris  # default\n",
		"    four_eyes: 5000  # " + opt.Flags.ConfigDir + "/navette.yaml:53:16\n",
		"    account: \"http:127.0.0.1:9001:test\"  # derived\n",
		"      file: ",
		"    max_age: 7d  # ",
		"      bytes: 200MB  # ",
		"      amount: \"50000.00\"  # ",
	} {
		if !strings.Contains(withOrigin, want) {
			t.Errorf("Show(true) lacks %q:\n%s", want, withOrigin)
		}
	}
	if strings.Contains(text+withOrigin, "s3cret") {
		t.Errorf("Show gives a secret away:\n%s", withOrigin)
	}
}

func TestProblemAtKey(t *testing.T) {
	c := load(t, map[string]string{"navette.yaml": flow()})
	p := c.Problem("flows.f.mapping", message.New("NV-4009.left", "mapping", "m", "flow", "f", "fields", "amount"))
	if p.Line != 7 || p.Column != 14 || p.Code != "NV-4009" || filepath.Base(p.File) != "navette.yaml" {
		t.Errorf("Problem = %+v, want NV-4009 at navette.yaml:7:14", p)
	}
}

func TestPackagedConfiguration(t *testing.T) {
	src, err := os.ReadFile("../../packaging/navette.yaml")
	if err != nil {
		t.Fatal(err)
	}
	c := load(t, map[string]string{"navette.yaml": string(src)})
	if len(c.Flows)+len(c.Gateways)+len(c.Warnings) > 0 {
		t.Errorf("as packaged: flows %v, gateways %v, warnings %v, want none", c.Flows, c.Gateways, c.Warnings)
	}
	env, opt := world(t, nil)
	opt.Gateways = append(opt.Gateways, "sips")
	secrets := env.Credentials
	for _, name := range []string{"ca.pem", "client.pem", "client.key", "customers.yaml", "known_hosts", "lyra-hmac", "paybox", "paybox.pem", "sips-1"} {
		write(t, filepath.Join(secrets, name), "s3cret", 0o600)
	}
	b := &builder{credentials: secrets}
	lacks := map[string][]string{} // by object: keys that the program asks for and the file does not show
	b.asked = func(o *object) {
		if slices.Contains(o.asked, "credential") { // the two forms of a secret
			return
		}
		for _, k := range o.asked {
			section := o.name == "" && slices.Contains([]string{"transports", "gateways", "flows", "database"}, k) // read one by one; the last is refused
			if o.items[k] == nil && !section && !slices.Contains(lacks[o.name], k) {
				lacks[o.name] = append(lacks[o.name], k)
			}
		}
	}
	tree := b.newTree("etc")
	tree.merge(b.parse("navette.yaml", []byte(strings.ReplaceAll(uncommented(string(src)), "/etc/navette/secrets", secrets))))
	c, err = b.build(tree, map[string]string{}, env, opt)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Warnings) > 0 || c.Flows["factures"] == nil || len(c.Gateways) != 5 || len(c.Transports) != 3 {
		t.Errorf("uncommented: flows %v, gateways %v, transports %v, warnings %v", c.Flows, c.Gateways, c.Transports, c.Warnings)
	}
	for name, keys := range lacks {
		for _, k := range keys {
			http, own := !slices.Contains(lacks["gateways.psp"], k), gatewayKinds()[typeOf(c, name)].keys
			if shared := !slices.Contains(own, k) || slices.Contains(wireKeys(), k) || k == "idempotent" || k == "window"; strings.HasPrefix(name, "gateways.") && shared && http {
				continue // shown once, of the first one
			}
			t.Errorf("packaging/navette.yaml does not show %s.%s", name, k)
		}
	}
}

// typeOf is the type of a gateway named by its path.
func typeOf(c *Config, path string) string {
	if g := c.Gateways[strings.TrimPrefix(path, "gateways.")]; g != nil {
		return g.Type
	}
	return ""
}

// uncommented puts every setting of the packaged configuration in force. Prose is "# Words"; a setting that waits to be
// uncommented is "#key" or "#  key".
func uncommented(src string) string {
	var live []string
	for _, line := range strings.Split(src, "\n") {
		if rest, ok := strings.CutPrefix(line, "#"); ok && rest != "" && (rest[0] != ' ' || strings.HasPrefix(rest, "  ")) {
			line = rest
		}
		live = append(live, line)
	}
	return strings.Join(live, "\n")
}

func FuzzLoad(f *testing.F) {
	block, err := os.ReadFile("testdata/contract/navette.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(block)
	f.Add([]byte(flow(`match: ["a*", "[^a-z]?.csv"]`, "limits: {bytes: 1.5GB}")))
	f.Add([]byte("a: &x [*x, !!str y, {<<: *x}]\n? b\n: |\n  c\n"))
	env, opt := world(f, nil)
	f.Fuzz(func(t *testing.T, src []byte) {
		b := &builder{credentials: env.Credentials}
		tree := b.newTree("etc")
		tree.merge(b.parse("navette.yaml", src))
		c, err := b.build(tree, map[string]string{}, env, opt)
		if err != nil {
			var list Errors
			if !errors.As(err, &list) || len(list) == 0 {
				t.Fatalf("build(%q) = %v, want Errors", src, err)
			}
			for _, p := range list {
				if err := p.Text.Check(); err != nil || p.File == "navette.yaml" && p.Line < 1 && p.Code != "NV-4001" {
					t.Errorf("build(%q): %+v (%v), want a place and a sentence", src, p, err)
				}
			}
			return
		}
		text := c.Show(false)
		b = &builder{credentials: env.Credentials}
		tree = b.newTree("etc")
		tree.merge(b.parse("navette.yaml", []byte(text)))
		again, err := b.build(tree, map[string]string{}, env, opt)
		if err != nil {
			t.Fatalf("build(%q) shows\n%s\nwhich does not load: %v", src, text, err)
		}
		if diff := cmp.Diff(c, again, same()); diff != "" {
			t.Errorf("build(%q) shows\n%s\nwhich loads otherwise:\n%s", src, text, diff)
		}
	})
}

// Where a server's address is missing or wrong, the cure of a missing host key still reads as a command.
func TestHostKeysCure(t *testing.T) {
	for address, want := range map[string]string{"": "hostkey show ADDRESS`", "address: 'a b', ": "hostkey show ADDRESS`", "address: h.example, ": "hostkey show h.example:22`"} {
		env, opt := world(t, map[string]string{"navette.yaml": "transports:\n  s: {type: sftp, " + address + "user: u, key: {file: DIR/acme}}\n"})
		_, err := Load(env, opt)
		var list Errors
		if !errors.As(err, &list) || !strings.Contains(list.In("en"), want) {
			t.Errorf("%q: %v, want %q", address, err, want)
		}
	}
}
