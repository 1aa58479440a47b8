package config

import (
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/navette-connect/navette/connector/message"
)

// Process holds the settings of the process, from the environment (envconfig) over the YAML. No field has an explicit
// variable name: envconfig would then read the bare name too, and LANG or DATABASE_URL belong to others.
type Process struct {
	ConfigDir    string `split_words:"true" desc:"configuration directory (default /etc/navette)"`
	StateDir     string `split_words:"true" desc:"journal, spool, archive (default /var/lib/navette)"`
	Listen       string `split_words:"true" desc:"HTTP listener, off for none (default 127.0.0.1:8730)"`
	DatabaseURL  string `split_words:"true" desc:"journal, postgres://… (default: SQLite in the state directory)"`
	LogLevel     string `split_words:"true" desc:"trace, debug, info, warn or error (default info)"`
	LogFormat    string `split_words:"true" desc:"json or console (default: by terminal)"`
	Lang         string `split_words:"true" desc:"fr or en (default: by locale)"`
	Timezone     string `split_words:"true" desc:"of dates and file names (default Europe/Paris)"`
	PublicURL    string `split_words:"true" desc:"where customers reach /pay and PSPs /hooks"`
	PublicListen string `split_words:"true" desc:"a second address for /hooks and /pay alone"`
	DiskFloor    string `split_words:"true" desc:"free space of the state directory below which nothing is taken (default 500MB; 0: none)"`

	Location         *time.Location `ignored:"true"` // of Timezone
	DatabasePassword Secret         `ignored:"true"` // from database.password; not in DatabaseURL
	FloorBytes       int64          `ignored:"true"` // of DiskFloor
}

// Overrides are the flags of the command line; they beat everything else.
type Overrides struct {
	ConfigDir, StateDir, Lang string
}

// setting is one field of Process with its names.
type setting struct {
	yaml  string // "" for what no file says
	env   string
	flag  string // "" for none
	def   string
	value *string
}

// settings lists every setting; a test holds it against the fields of Process.
func (p *Process) settings() []setting {
	return []setting{
		{"", "NAVETTE_CONFIG_DIR", "--config", "/etc/navette", &p.ConfigDir},
		{"", "NAVETTE_STATE_DIR", "--state", "/var/lib/navette", &p.StateDir},
		{"listen", "NAVETTE_LISTEN", "", "127.0.0.1:8730", &p.Listen},
		{"database.url", "NAVETTE_DATABASE_URL", "", "", &p.DatabaseURL},
		{"log_level", "NAVETTE_LOG_LEVEL", "", "info", &p.LogLevel},
		{"log_format", "NAVETTE_LOG_FORMAT", "", "", &p.LogFormat},
		{"lang", "NAVETTE_LANG", "--lang", "", &p.Lang},
		{"timezone", "NAVETTE_TIMEZONE", "", "Europe/Paris", &p.Timezone},
		{"public_url", "NAVETTE_PUBLIC_URL", "", "", &p.PublicURL},
		{"public_listen", "NAVETTE_PUBLIC_LISTEN", "", "", &p.PublicListen},
		{"disk_floor", "NAVETTE_DISK_FLOOR", "", "500MB", &p.DiskFloor},
	}
}

// origin is where the value of a setting stands: what to call it in a message, and its place in a file.
type origin struct {
	name string
	at   Position
}

// process settles each setting: flag, else environment, else YAML, else default; and checks what came out.
func (b *builder) process(root *object, env Environment, flags Overrides) Process {
	p := env.Process
	p.DatabasePassword = Secret{}
	from := map[string]origin{}
	var database *object
	if root != nil {
		if database = root.object("database"); database != nil {
			defer database.finish()
			p.DatabasePassword = database.secret("password", SecretsRequired)
		}
	}
	given := map[string]string{"--config": flags.ConfigDir, "--state": flags.StateDir, "--lang": flags.Lang}
	for _, s := range p.settings() {
		o, key := root, s.yaml
		if rest, ok := strings.CutPrefix(key, "database."); ok {
			o, key = database, rest
		}
		var it *item
		var written string
		if o != nil && key != "" {
			mark := len(b.shown)
			if written, it, _ = o.raw(key, s.def, want{"un texte", "a text"}); it == nil {
				written = ""
			}
			b.shown = b.shown[:mark] // noted below, with the source that won
		}
		switch {
		case s.flag != "" && given[s.flag] != "":
			*s.value, from[s.env] = given[s.flag], origin{name: s.flag}
		case *s.value != "":
			from[s.env] = origin{name: s.env}
		case it != nil:
			*s.value, from[s.env] = written, origin{o.key(key), it.value}
		case s.yaml == "lang":
			*s.value, from[s.env] = env.Language(""), origin{name: "locale"}
		default:
			*s.value, from[s.env] = s.def, origin{name: "default"}
		}
		if s.yaml != "" {
			b.noteSetting(s, from[s.env])
		}
	}
	b.checkProcess(&p, from)
	if p.Lang != "fr" && p.Lang != "en" {
		p.Lang = env.Language("")
	}
	return p
}

func (b *builder) noteSetting(s setting, from origin) {
	value, by := *s.value, from.name
	if s.yaml == "database.url" {
		value = redacted(value)
	}
	if from.at.File != "" {
		by = ""
	}
	b.note(s.yaml, value, by, from.at)
}

// checkProcess holds the settled values against their forms.
func (b *builder) checkProcess(p *Process, from map[string]origin) {
	bad := func(env, value string, w want) {
		o := from[env]
		b.fail(o.at, o.name, "NV-4004", message.New("NV-4004.value", "key", o.name, "value", value, "expected.fr", w.fr, "expected.en", w.en))
	}
	word := func(env, value string, values ...string) {
		if value != "" && !slices.Contains(values, value) {
			list := strings.Join(values, ", ")
			bad(env, value, want{list, list})
		}
	}
	word("NAVETTE_LANG", p.Lang, "fr", "en")
	word("NAVETTE_LOG_LEVEL", p.LogLevel, "trace", "debug", "info", "warn", "error")
	word("NAVETTE_LOG_FORMAT", p.LogFormat, "json", "console")
	if p.Listen != "off" && !validAddress(p.Listen) {
		w := wantAddress()
		bad("NAVETTE_LISTEN", p.Listen, want{w.fr + ", ou off", w.en + ", or off"})
	}
	if p.PublicListen != "" && !validAddress(p.PublicListen) {
		bad("NAVETTE_PUBLIC_LISTEN", p.PublicListen, wantAddress())
	}
	if p.PublicURL != "" {
		b.publicURL(p, from["NAVETTE_PUBLIC_URL"], bad)
	}
	floor, ok := parseSize(p.DiskFloor)
	if !ok {
		bad("NAVETTE_DISK_FLOOR", p.DiskFloor, wantSize())
	}
	p.FloorBytes = floor
	location, err := time.LoadLocation(p.Timezone)
	if err != nil || p.Timezone == "Local" {
		location = time.UTC
		bad("NAVETTE_TIMEZONE", p.Timezone, want{"un fuseau comme Europe/Paris", "a time zone such as Europe/Paris"})
	}
	p.Location = location
	b.database(p, from["NAVETTE_DATABASE_URL"], bad)
	p.ConfigDir, p.StateDir = absolute(p.ConfigDir), absolute(p.StateDir)
}

func (b *builder) publicURL(p *Process, from origin, bad func(env, value string, w want)) {
	u, ok := parseURL(p.PublicURL)
	switch {
	case !ok:
		bad("NAVETTE_PUBLIC_URL", redacted(p.PublicURL), wantURL())
	case u.User != nil:
		b.fail(from.at, from.name, "NV-4007", message.New("NV-4007.url", "key", from.name))
	case u.Scheme == "http" && !loopback(u.Hostname()):
		bad("NAVETTE_PUBLIC_URL", p.PublicURL, want{"une adresse https://", "an https:// address"})
	}
	p.PublicURL = strings.TrimRight(p.PublicURL, "/")
}

// database checks the journal's address. A password in it is a literal: refused in a file, told about in the environment.
func (b *builder) database(p *Process, from origin, bad func(env, value string, w want)) {
	if p.DatabaseURL == "" {
		return
	}
	u, err := url.Parse(p.DatabaseURL)
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" || u.Opaque != "" || u.Path == "" {
		w := "postgres://navette@host:5432/navette"
		bad("NAVETTE_DATABASE_URL", redacted(p.DatabaseURL), want{w, w})
		return
	}
	if !slices.Contains(b.databases, "postgres") { // to fall back on a journal of its own would let two machines send the same
		b.fail(from.at, from.name, "NV-4005", message.New("NV-4005.database", "key", from.name))
	}
	_, inURL := u.User.Password()
	inURL = inURL || u.Query().Has("password")
	text := message.New("NV-4007.url", "key", from.name)
	switch {
	case inURL && from.at.File != "":
		b.fail(from.at, from.name, "NV-4007", text)
	case inURL && !p.DatabasePassword.IsZero():
		p.DatabasePassword = Secret{} // the environment beats the YAML, whole
		b.warn(from.at, from.name, "NV-4007", text)
	case inURL:
		b.warn(from.at, from.name, "NV-4007", text)
	}
}

// DatabaseSource is the journal's whole address, the password in it: for the one who opens it, never to be shown.
// "" means SQLite in the state directory.
func (p Process) DatabaseSource() string {
	u, err := url.Parse(p.DatabaseURL)
	if err != nil || p.DatabaseURL == "" || p.DatabasePassword.IsZero() {
		return p.DatabaseURL
	}
	u.User = url.UserPassword(u.User.Username(), p.DatabasePassword.Reveal())
	return u.String()
}

// redacted shows an address without the secrets that may stand in it. What cannot be read is not shown at all.
func redacted(s string) string {
	u, err := url.Parse(s)
	switch {
	case s == "":
		return ""
	case err != nil || u.Opaque != "" || u.Host == "" && strings.ContainsAny(s, "@="):
		return "***"
	}
	if u.RawQuery != "" {
		q := u.Query()
		for k := range q {
			if k != "sslmode" && k != "application_name" {
				q.Set(k, "***")
			}
		}
		u.RawQuery = strings.ReplaceAll(q.Encode(), "%2A%2A%2A", "***")
	}
	if _, has := u.User.Password(); has {
		name := u.User.Username()
		u.User = nil
		return strings.Replace(u.String(), "://", "://"+url.PathEscape(name)+":***@", 1)
	}
	return u.String()
}

// absolute makes the two directories independent of the working directory.
func absolute(dir string) string {
	if abs, err := filepath.Abs(dir); err == nil {
		return abs
	}
	return dir
}
