// Package config reads navette's configuration: navette.yaml, flows.d/*.yaml and the NAVETTE_* environment, checked as
// a whole, with every error at once (contract §3).
package config

import (
	"time"

	"github.com/navette-connect/navette/connector/payment"
)

// Process holds the settings of the process, from the environment (envconfig) over the YAML.
type Process struct {
	ConfigDir    string         `envconfig:"CONFIG_DIR" default:"/etc/navette" desc:"configuration directory"`
	StateDir     string         `envconfig:"STATE_DIR" default:"/var/lib/navette" desc:"journal, spool, archive"`
	Listen       string         `envconfig:"LISTEN" default:"127.0.0.1:8730" desc:"HTTP listener, off for none"`
	DatabaseURL  string         `envconfig:"DATABASE_URL" desc:"journal; default SQLite in the state directory"`
	LogLevel     string         `envconfig:"LOG_LEVEL" default:"info"`
	LogFormat    string         `envconfig:"LOG_FORMAT" desc:"json or console; default by terminal"`
	Lang         string         `envconfig:"LANG" desc:"fr or en; default by locale"`
	Timezone     string         `envconfig:"TIMEZONE" default:"Europe/Paris"`
	PublicURL    string         `envconfig:"PUBLIC_URL"`
	PublicListen string         `envconfig:"PUBLIC_LISTEN"`
	Location     *time.Location `ignored:"true"`
}

// Config is the checked configuration of the exchanges.
type Config struct {
	Process    Process
	Gateways   map[string]*Gateway
	Transports map[string]*Transport // "local" always exists
	Flows      map[string]*Flow
}

// Flow is one exchange: an inbound folder, a mapping, a gateway, an outbound folder.
type Flow struct {
	Name                                 string
	Transport                            string // of In, Done, Rejected
	OutTransport                         string // of Out; Transport where not given
	In, Out, Done, Rejected              string
	Match                                []string
	MatchCase                            bool
	Quiet                                time.Duration
	Marker                               string
	Poll                                 time.Duration
	Mapping                              string
	Gateway                              string
	OnError                              string // reject_row | reject_file
	OnKnown                              string // ignore | replace_unpaid | reject
	OnEnded                              string // ignore | renew
	Limits                               Limits
	Returns                              []string // ack, rejects, result, status
	StatusEvery, MaxAge, Delay, Patience time.Duration
	FirstFile                            string // hold | send; default by the gateway's mode
	Namespace                            string
	FileMode                             uint32
	Order                                string // arrival | name
	FourEyes                             string // "none" or a decimal amount in each file's currency
	Decisions                            string
}

// Limits of a flow; beyond them a file or row is held (NV-1504). Zero: no limit.
type Limits struct {
	Bytes         int64
	Rows          int
	Amount, Total string // decimals ("50000.00") compared in each currency; "" or "none": no limit
}

// Gateway is one PSP account.
type Gateway struct {
	Name                             string
	Type                             string // sandbox | http | …
	Mode                             string // test | production
	Account                          string // identity: type, shop or host and path, mode; or set by hand
	URL                              string
	Token                            Secret
	WebhookSecret                    Secret
	Timeout                          time.Duration
	Concurrency                      int
	Rate                             float64 // requests a second, 0 = no ceiling
	Poll                             time.Duration
	Idempotent                       bool
	Window                           time.Duration
	Settle                           time.Duration
	Insecure                         bool
	CA, ClientCert, ClientKey, Proxy string
	Script                           string // of the sandbox
}

// Transport is one place to exchange files.
type Transport struct {
	Name string
	Type string // local
}

// Secret is a value from a file or a systemd credential; it prints as ***.
type Secret struct{ value string }

// NewSecret wraps a value, for tests and the demo.
func NewSecret(v string) Secret { return Secret{v} }

// Reveal gives the value, to the one place that needs it.
func (s Secret) Reveal() string { return s.value }

// IsZero tells whether there is none.
func (s Secret) IsZero() bool { return s.value == "" }

func (s Secret) String() string   { return "***" }
func (s Secret) GoString() string { return "***" }

// MarshalText never gives the value away.
func (s Secret) MarshalText() ([]byte, error) { return []byte("***"), nil }

var _ = payment.Accepted
