package config

import (
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/kelseyhightower/envconfig"
)

// clean takes every variable of ours, and the locale, out of the test's environment.
func clean(t *testing.T) {
	t.Helper()
	for _, v := range os.Environ() {
		name, _, _ := strings.Cut(v, "=")
		if strings.HasPrefix(name, "NAVETTE_") || strings.HasPrefix(name, "LC_") || name == "LANG" || name == "CREDENTIALS_DIRECTORY" {
			t.Setenv(name, "") // brings it back at the end
			if err := os.Unsetenv(name); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestReadEnvironment(t *testing.T) {
	clean(t)
	for name, value := range map[string]string{ // of others: never ours
		"LANG": "fr_FR.UTF-8", "LISTEN": "x", "DATABASE_URL": "postgres://u@h/d", "STATE_DIR": "/x", "PUBLIC_URL": "x",
	} {
		t.Setenv(name, value)
	}
	e := ReadEnvironment()
	if e.Process != (Process{}) || len(e.problems.errors) > 0 || e.Language("") != "fr" {
		t.Errorf("ReadEnvironment() = %+v, want nothing of ours and French", e)
	}
	t.Setenv("NAVETTE_LISTEN", "off")
	t.Setenv("NAVETTE_DATABASE_URL", "postgres://navette@h/d")
	t.Setenv("NAVETTE_LOG_LEVEL", "")
	t.Setenv("NAVETTE_LANG", "en")
	t.Setenv("CREDENTIALS_DIRECTORY", "/run/credentials/navette.service")
	e = ReadEnvironment()
	if e.Listen != "off" || e.DatabaseURL != "postgres://navette@h/d" || e.Language("") != "en" || e.Language("fr") != "fr" ||
		e.Credentials != "/run/credentials/navette.service" {
		t.Errorf("ReadEnvironment() = %+v, want what was set", e)
	}
	t.Setenv("NAVETTE_BIN", "/usr/bin/navette") // for the script that started us
	t.Setenv("NAVETTE_LISTN", "off")
	t.Setenv("NAVETTE_COLOUR", "red")
	_, opt := world(t, map[string]string{"navette.yaml": "quite: 1\n"})
	_, err := Load(ReadEnvironment(), opt)
	want := opt.Flags.ConfigDir + "/navette.yaml:1:1: NV-4002 unknown key \"quite\"\n" +
		"NV-4002 unknown environment variable NAVETTE_COLOUR\n" +
		"NV-4002 unknown environment variable NAVETTE_LISTN; did you mean NAVETTE_LISTEN?"
	if err == nil || err.Error() != want {
		t.Errorf("Load = \n%v\nwant\n%s", err, want)
	}
}

func TestPrecedence(t *testing.T) {
	env, opt := world(t, map[string]string{"navette.yaml": "log_level: warn\nlang: fr\nlisten: 127.0.0.1:1\n"})
	opt.Flags.Lang = ""
	env.Locale = "de_DE"
	c, err := Load(env, opt)
	if err != nil || c.Process.LogLevel != "warn" || c.Process.Lang != "fr" {
		t.Fatalf("YAML: %+v, %v, want warn and fr", c, err)
	}
	env.LogLevel, env.Lang = "error", "en"
	if c, err = Load(env, opt); err != nil || c.Process.LogLevel != "error" || c.Process.Lang != "en" {
		t.Errorf("environment: %+v, %v, want error and en", c, err)
	}
	opt.Flags.Lang = "fr"
	if c, err = Load(env, opt); err != nil || c.Process.Lang != "fr" {
		t.Errorf("flag: %+v, %v, want fr", c, err)
	}
	env.Listen = "nowhere"
	opt.Flags.Lang = "it"
	_, err = Load(env, opt)
	want := "NV-4004 --lang: value \"it\"; expected: fr, en\n" +
		"NV-4004 NAVETTE_LISTEN: value \"nowhere\"; expected: host:port such as 127.0.0.1:8730, or off"
	if err == nil || err.Error() != want {
		t.Errorf("Load = \n%v\nwant\n%s", err, want)
	}
}

func TestLanguage(t *testing.T) {
	for _, tt := range []struct{ locale, want string }{{"fr_FR.UTF-8", "fr"}, {"FR", "fr"}, {"fr", "fr"}, {"C", "en"}, {"", "en"}, {"de_DE", "en"}} {
		if got := (Environment{Locale: tt.locale}).Language(""); got != tt.want {
			t.Errorf("language of locale %q = %q, want %q", tt.locale, got, tt.want)
		}
	}
	clean(t)
	t.Setenv("LANG", "fr_FR")
	t.Setenv("LC_ALL", "C")
	if got := ReadEnvironment().Language(""); got != "en" {
		t.Errorf("LC_ALL=C over LANG=fr_FR gives %q, want en", got)
	}
}

// TestSettings holds the table of settings against the fields of Process and the names that envconfig gives them.
func TestSettings(t *testing.T) {
	var names strings.Builder
	if err := envconfig.Usagef(prefix, &Process{}, &names, "{{range .}}{{usage_key .}} {{end}}"); err != nil {
		t.Fatal(err)
	}
	var p Process
	var listed []string
	for _, s := range p.settings() {
		listed = append(listed, s.env)
		*s.value = s.env
	}
	known := strings.Fields(names.String())
	slices.Sort(known)
	slices.Sort(listed)
	if !slices.Equal(known, listed) {
		t.Errorf("settings %q, envconfig %q, want the same", listed, known)
	}
	v := reflect.ValueOf(p)
	for i := range v.NumField() {
		if f := v.Field(i); f.Kind() == reflect.String && !strings.HasPrefix(f.String(), "NAVETTE_") {
			t.Errorf("field %s is in no setting", v.Type().Field(i).Name)
		}
	}
}

// TestDocsListEveryVariable holds the page's table of variables against the settings that there are.
func TestDocsListEveryVariable(t *testing.T) {
	page, err := os.ReadFile("../../docs/commands.md")
	if err != nil {
		t.Fatal(err)
	}
	var p Process
	for _, s := range p.settings() {
		want := "| `" + s.env + "` | "
		if s.yaml != "" {
			want += "`" + s.yaml + "` | "
		}
		row := ""
		for line := range strings.Lines(string(page)) {
			if strings.HasPrefix(line, want) {
				row = line
			}
		}
		if row == "" || s.def != "" && !strings.Contains(row, "`"+s.def+"`") {
			t.Errorf("docs/commands.md: %q for %s, want its key and its default %q", row, s.env, s.def)
		}
	}
}
