package config

import (
	"net"
	"slices"
	"strings"
	"time"

	"github.com/navette-connect/navette/connector/message"
)

// Transport is one place to exchange files.
type Transport struct {
	Name                      string
	Type                      string // local | sftp
	Address, User             string // host:port
	Key, Passphrase, Password Secret
	HostKeys                  []string // "ssh-ed25519 AAAA…"
	KnownHosts                string   // file, where there are no HostKeys
	Legacy                    []string // old algorithms, by name
	Timeout                   time.Duration
	Concurrency               int    // files under way at once
	Claim                     string // auto | rename | lease | read_once
}

// sftpKeys are the keys that only SFTP servers have.
var sftpKeys = [...]string{"address", "user", "key", "passphrase", "password", "host_keys", "known_hosts", "legacy", "timeout", "concurrency", "claim"}

func (b *builder) transports(section *object, types []string) map[string]*Transport {
	all := map[string]*Transport{"local": {Name: "local", Type: "local"}}
	if !slices.Contains(types, "local") {
		types = append([]string{"local"}, types...)
	}
	b.named(section, func(name string, o *object) {
		if !o.require("type") {
			o.asked = o.order
			return
		}
		t := &Transport{Name: name, Type: o.text("type", "")}
		all[name] = t
		switch {
		case !slices.Contains(types, t.Type):
			o.unknownType("NV-4005.transport_type", t.Type, types)
			return
		case name == "local" && t.Type != "local":
			o.b.fail(o.place("type"), o.key("type"), "NV-4005", message.New("NV-4005.local"))
		}
		elsewhere := sftpKeys[:]
		if t.Type == "sftp" {
			o.sftp(t)
			elsewhere = nil
		}
		o.finishType(t.Type, elsewhere)
		o.asked = o.order
	})
	return all
}

// sftp reads how a server is reached and known.
func (o *object) sftp(t *Transport) {
	o.require("address", "user")
	t.Address = parsed(o, "address", "", want{"hôte:port comme sftp.acme.example:22", "host:port such as sftp.acme.example:22"}, serverAddress)
	t.User = o.text("user", "")
	t.Key = o.secretText("key", o.b.secrets, true)
	t.Passphrase = o.secret("passphrase", o.b.secrets)
	t.Password = o.secret("password", o.b.secrets)
	if o.take("key") == nil && o.take("password") == nil {
		o.fail(o.at, "key", "NV-4003.login")
	}
	keys := want{`une clé comme "ssh-ed25519 AAAA…"`, `a key such as "ssh-ed25519 AAAA…"`}
	for _, e := range o.list("host_keys", keys) {
		if !strings.Contains(strings.TrimSpace(e.text), " ") {
			o.b.fail(e.at, o.key("host_keys"), "NV-4004", o.say("NV-4004.value", "host_keys", "value", e.text, "expected.fr", keys.fr, "expected.en", keys.en))
			continue
		}
		t.HostKeys = append(t.HostKeys, e.text)
	}
	o.noteList("host_keys", t.HostKeys)
	t.KnownHosts = o.file("known_hosts")
	if o.take("host_keys") == nil && o.take("known_hosts") == nil {
		address := []string{"address", t.Address}
		if host, _, err := net.SplitHostPort(t.Address); err != nil || host == "" { // missing or wrong, which was told
			address = []string{"address.fr", "ADRESSE", "address.en", "ADDRESS"}
		}
		o.fail(o.at, "host_keys", "NV-4003.host_keys", address...)
	}
	names := want{"des noms d'algorithmes", "names of algorithms"}
	for _, e := range o.list("legacy", names) {
		t.Legacy = append(t.Legacy, e.text)
	}
	o.noteList("legacy", t.Legacy)
	t.Timeout = o.duration("timeout", "30s", time.Second, time.Hour)
	t.Concurrency = o.integer("concurrency", "64", 1, 64)
	t.Claim = o.choice("claim", "auto", "auto", "rename", "lease", "read_once")
}

// serverAddress adds SSH's port where none is given.
func serverAddress(s string) (string, bool) {
	if _, _, err := net.SplitHostPort(s); err != nil && !strings.Contains(s, ":") {
		s = net.JoinHostPort(s, "22")
	}
	host, port, err := net.SplitHostPort(s)
	return s, err == nil && host != "" && port != "0" && validAddress(s)
}
