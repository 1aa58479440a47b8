package sftpbox

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

// login is who we are and whom we believe.
type login struct {
	auth       []ssh.AuthMethod
	pins       []ssh.PublicKey // none: knownHosts
	algorithms ssh.Algorithms  // legacy ones among them
	legacy     []string
}

func newLogin(o Options) (login, error) {
	l := login{legacy: o.Legacy}
	if _, _, err := net.SplitHostPort(o.Address); err != nil {
		return l, fmt.Errorf("address %q: host:port is wanted: %w", o.Address, err)
	}
	for _, line := range o.HostKeys {
		key, err := ParseHostKey(line)
		if err != nil {
			return l, err
		}
		l.pins = append(l.pins, key)
	}
	if len(l.pins) == 0 && o.KnownHosts == "" {
		return l, fmt.Errorf("no host key of %s is known: `navette hostkey show %s` shows them; compare them with what the partner gave you", o.Address, o.Address)
	}
	if err := l.allow(o.Legacy); err != nil {
		return l, err
	}
	return l, l.identify(o)
}

// identify prepares key and password.
func (l *login) identify(o Options) error {
	if o.Key != "" {
		signer, err := parseKey(o.Key, o.Passphrase)
		if err != nil {
			return fmt.Errorf("the private key: %w", err)
		}
		signers := []ssh.Signer{signer}
		if signer.PublicKey().Type() == ssh.KeyAlgoRSA { // SHA-1 signatures only where they are asked for, and last
			if signers, err = rsaSigners(signer, slices.Contains(l.legacy, ssh.KeyAlgoRSA)); err != nil {
				return fmt.Errorf("the private key: %w", err)
			}
		}
		l.auth = append(l.auth, ssh.PublicKeys(signers...))
	}
	if o.Password != "" {
		l.auth = append(l.auth, ssh.Password(o.Password), ssh.KeyboardInteractive(func(_, _ string, questions []string, echos []bool) ([]string, error) {
			answers := make([]string, len(questions))
			for i := range questions {
				if !echos[i] { // what is typed unseen is the password; nothing else is ours to answer
					answers[i] = o.Password
				}
			}
			return answers, nil
		}))
	}
	if len(l.auth) == 0 {
		return errors.New("neither key nor password is given")
	}
	return nil
}

// rsaSigners sign with SHA-2, and, if it is allowed, with SHA-1: as another key, since servers refuse single algorithms that
// they announce.
func rsaSigners(signer ssh.Signer, legacy bool) (list []ssh.Signer, err error) {
	s, ok := signer.(ssh.AlgorithmSigner)
	if !ok {
		return nil, errors.New("its kind of RSA key cannot sign with SHA-2")
	}
	ways := [][]string{{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256}}
	if legacy {
		ways = append(ways, []string{ssh.KeyAlgoRSA})
	}
	for _, algorithms := range ways {
		one, err := ssh.NewSignerWithAlgorithms(s, algorithms)
		if err != nil {
			return nil, err
		}
		list = append(list, one)
	}
	return list, nil
}

func parseKey(text, passphrase string) (ssh.Signer, error) {
	if passphrase != "" {
		return ssh.ParsePrivateKeyWithPassphrase([]byte(text), []byte(passphrase))
	}
	s, err := ssh.ParsePrivateKey([]byte(text))
	var missing *ssh.PassphraseMissingError
	if errors.As(err, &missing) {
		return nil, errors.New("it is locked: give its `passphrase`")
	}
	return s, err
}

// ParseHostKey reads a server's key: "ssh-ed25519 AAAA…", with or without a host before it.
func ParseHostKey(line string) (ssh.PublicKey, error) {
	for _, text := range []string{line, afterBlank(line)} {
		if key, _, _, rest, err := ssh.ParseAuthorizedKey([]byte(text)); err == nil && len(bytes.TrimSpace(rest)) == 0 {
			return key, nil
		}
	}
	return nil, fmt.Errorf("%q is no host key: a line such as \"ssh-ed25519 AAAA…\" is wanted", line)
}

func afterBlank(s string) string {
	_, rest, _ := strings.Cut(strings.TrimSpace(s), " ")
	return rest
}

// LegacyNames are the old algorithms that Options.Legacy may name.
func LegacyNames() []string {
	a := ssh.InsecureAlgorithms()
	all := slices.Concat(a.HostKeys, a.KeyExchanges, a.Ciphers, a.MACs, a.PublicKeyAuths)
	slices.Sort(all)
	return slices.Compact(all)
}

// allow adds the old algorithms that were asked for to the usual ones.
func (l *login) allow(legacy []string) error {
	l.algorithms = ssh.SupportedAlgorithms()
	old := ssh.InsecureAlgorithms()
	for _, name := range legacy {
		known := false
		for _, list := range []struct{ to, from *[]string }{{&l.algorithms.HostKeys, &old.HostKeys}, {&l.algorithms.KeyExchanges, &old.KeyExchanges},
			{&l.algorithms.Ciphers, &old.Ciphers}, {&l.algorithms.MACs, &old.MACs}, {&l.algorithms.PublicKeyAuths, &old.PublicKeyAuths}} {
			if slices.Contains(*list.from, name) {
				*list.to = append(*list.to, name)
				known = true
			}
		}
		if !known {
			return fmt.Errorf("legacy algorithm %q is not known; there are %s", name, strings.Join(LegacyNames(), ", "))
		}
	}
	return nil
}

// keysOf gives the host keys that are believed.
func (l *login) keysOf(o Options) ([]ssh.PublicKey, error) {
	if len(l.pins) > 0 {
		return l.pins, nil
	}
	ask, err := knownhosts.New(o.KnownHosts)
	if err != nil {
		return nil, fmt.Errorf("known_hosts: %w", err)
	}
	var wrong *knownhosts.KeyError // a key that nobody has brings out those that are known
	if err := ask(o.Address, &net.TCPAddr{}, nobodysKey{}); !errors.As(err, &wrong) {
		return nil, fmt.Errorf("known_hosts: %w", err)
	}
	var keys []ssh.PublicKey
	for _, k := range wrong.Want {
		keys = append(keys, k.Key)
	}
	return keys, nil
}

type nobodysKey struct{}

func (nobodysKey) Type() string    { return "nobody" }
func (nobodysKey) Marshal() []byte { return []byte("nobody") }
func (nobodysKey) Verify([]byte, *ssh.Signature) error {
	return errors.New("nobody's key signs nothing")
}

// dsa is an algorithm that only `legacy` brings in; the library deprecates its name, as it should.
const dsa = "ssh-dss"

// hostAlgorithms are those that the believed keys can be shown with, the best first.
func hostAlgorithms(keys []ssh.PublicKey, legacy []string) (list []string) {
	for _, of := range []struct{ key, algorithm string }{{ssh.KeyAlgoED25519, ssh.KeyAlgoED25519}, {ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA256},
		{ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA384}, {ssh.KeyAlgoECDSA521, ssh.KeyAlgoECDSA521}, {ssh.KeyAlgoRSA, ssh.KeyAlgoRSASHA512},
		{ssh.KeyAlgoRSA, ssh.KeyAlgoRSASHA256}, {ssh.KeyAlgoRSA, ssh.KeyAlgoRSA}, {dsa, dsa}} {
		old := of.algorithm == ssh.KeyAlgoRSA || of.algorithm == dsa
		if slices.ContainsFunc(keys, func(k ssh.PublicKey) bool { return k.Type() == of.key }) && (!old || slices.Contains(legacy, of.algorithm)) {
			list = append(list, of.algorithm)
		}
	}
	return list
}

// config makes the settings of one connection. verdict tells afterwards what was wrong with the host key.
func (l *login) config(o Options) (cfg *ssh.ClientConfig, verdict func() error, err error) {
	keys, err := l.keysOf(o)
	if err != nil {
		return nil, nil, &coded{codeHostKey, err}
	}
	if len(keys) == 0 {
		return nil, nil, &coded{codeHostKey, fmt.Errorf("%s has no entry for %s: `navette hostkey show %s`", o.KnownHosts, o.Address, o.Address)}
	}
	var wrong error
	check := func(_ string, _ net.Addr, got ssh.PublicKey) error {
		for _, k := range keys {
			if bytes.Equal(k.Marshal(), got.Marshal()) {
				return nil
			}
		}
		wrong = mismatch(o.Address, keys, got)
		return wrong
	}
	return &ssh.ClientConfig{User: o.User, Auth: l.auth, HostKeyCallback: check, HostKeyAlgorithms: hostAlgorithms(keys, l.legacy), Timeout: o.Timeout,
		Config: ssh.Config{KeyExchanges: l.algorithms.KeyExchanges, Ciphers: l.algorithms.Ciphers, MACs: l.algorithms.MACs}}, func() error { return wrong }, nil
}

// mismatch shows both sides: a person compares them.
func mismatch(address string, want []ssh.PublicKey, got ssh.PublicKey) error {
	var known []string
	for _, k := range want {
		known = append(known, k.Type()+" "+ssh.FingerprintSHA256(k))
	}
	return &coded{codeHostKey, fmt.Errorf("the host key of %s is not the one that is known: expected %s, the server shows %s %s",
		address, strings.Join(known, " or "), got.Type(), ssh.FingerprintSHA256(got))}
}

// explain makes an error of the handshake one that says what to mend.
func (l *login) explain(ctx context.Context, o Options, wrong, err error) error {
	var none *ssh.AlgorithmNegotiationError
	switch {
	case wrong != nil:
		return wrong
	case errors.As(err, &none) && none.What == "host key":
		// The server has none of the kinds of keys that are known: show what it has.
		if keys, e := l.keysOf(o); e == nil {
			if shown, e := scan(ctx, o.Address, none.RequestedAlgorithms, o); e == nil && len(shown) > 0 {
				for _, k := range keys { // the right key, but shown by an old algorithm
					if bytes.Equal(k.Marshal(), shown[0].Marshal()) {
						return &coded{codeAlgorithm, fmt.Errorf("the server shows its key by %s alone: add the one that is meant to the transport's `legacy`", strings.Join(none.RequestedAlgorithms, ", "))}
					}
				}
				return mismatch(o.Address, keys, shown[0])
			}
		}
		return &coded{codeHostKey, err}
	case errors.As(err, &none):
		return &coded{codeAlgorithm, fmt.Errorf("%w: add the one that is meant to the transport's `legacy`", err)}
	case strings.Contains(err.Error(), "no common public key signature algorithm"):
		return &coded{codeAlgorithm, err}
	case strings.Contains(err.Error(), "unable to authenticate"):
		return &coded{codeLogin, fmt.Errorf("user %q: %w", o.User, err)}
	}
	return &coded{codeAway, err}
}

// ShowHostKeys asks a server for its host keys, one of each kind that it has. Nothing is believed and nobody logs in.
func ShowHostKeys(ctx context.Context, address string, timeout time.Duration) ([]ssh.PublicKey, error) {
	o := Options{Address: address, Timeout: timeout, Dial: func(ctx context.Context, address string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "tcp", address)
	}}
	kinds := []string{ssh.KeyAlgoED25519, ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521, ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256, ssh.KeyAlgoRSA, dsa}
	return scan(ctx, address, kinds, o)
}

var errSeen = errors.New("seen")

func scan(ctx context.Context, address string, kinds []string, o Options) (keys []ssh.PublicKey, err error) {
	for _, kind := range kinds {
		if slices.ContainsFunc(keys, func(k ssh.PublicKey) bool {
			return k.Type() == kind || k.Type() == ssh.KeyAlgoRSA && strings.HasPrefix(kind, "rsa-sha2-")
		}) {
			continue
		}
		within, cancel := context.WithTimeout(ctx, o.Timeout)
		key, e := showOne(within, address, kind, o)
		cancel()
		var none *ssh.AlgorithmNegotiationError
		switch {
		case key != nil:
			keys = append(keys, key)
		case errors.As(e, &none) && none.What == "host key":
		default:
			err = errors.Join(err, e)
			if ctx.Err() != nil || key == nil && len(keys) == 0 {
				return keys, err
			}
		}
	}
	if len(keys) > 0 {
		return keys, nil
	}
	return nil, cmpErr(err, fmt.Errorf("%s shows no host key of a kind that is known here", address))
}

func cmpErr(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

func showOne(ctx context.Context, address, kind string, o Options) (key ssh.PublicKey, err error) {
	conn, err := o.Dial(ctx, address)
	if err != nil {
		return nil, &coded{codeAway, err}
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	old, usual := ssh.InsecureAlgorithms(), ssh.SupportedAlgorithms() // only looked at: nothing secret passes
	_, _, _, err = ssh.NewClientConn(conn, address, &ssh.ClientConfig{User: "navette", HostKeyAlgorithms: []string{kind},
		Config: ssh.Config{KeyExchanges: slices.Concat(usual.KeyExchanges, old.KeyExchanges), Ciphers: slices.Concat(usual.Ciphers, old.Ciphers), MACs: slices.Concat(usual.MACs, old.MACs)},
		HostKeyCallback: func(_ string, _ net.Addr, k ssh.PublicKey) error {
			key = k
			return errSeen
		}})
	return key, err
}
