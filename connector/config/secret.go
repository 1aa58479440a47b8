package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

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

// Format prints *** whatever the verb, so that %d or %x do not lay the value open either.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "***") }

// MarshalText never gives the value away.
func (s Secret) MarshalText() ([]byte, error) { return []byte("***"), nil }

// Secrets says what Load does about the secrets of gateways and transports. The database's password is always read.
type Secrets int

// The ways.
const (
	SecretsRequired Secrets = iota // run, once: a secret that cannot be read is an error
	SecretsTried                   // check: a credential that systemd gives to the service alone is a warning
	SecretsSkipped                 // reading commands: forms are checked, nothing is read
)

// maxSecret bounds a secret's file, in bytes.
const maxSecret = 64 << 10

// secret reads `{file: PATH}` or `{credential: NAME}`, one line. A literal is refused and never repeated.
func (o *object) secret(key string, mode Secrets) Secret { return o.secretText(key, mode, false) }

// secretText is secret; lines allows several, as a private key has.
func (o *object) secretText(key string, mode Secrets, lines bool) Secret {
	path, ok := o.secretPath(key, mode)
	if !ok {
		return Secret{}
	}
	b, err := readSmall(path, maxSecret)
	it := o.items[key]
	if err != nil {
		o.fail(it.value, key, "NV-4007.unreadable", "path", path, "detail", reason(err))
		return Secret{}
	}
	v := strings.TrimRight(string(b), "\r\n")
	switch {
	case strings.TrimSpace(v) == "":
		o.fail(it.value, key, "NV-4007.empty", "path", path)
		return Secret{}
	case strings.ContainsFunc(v, func(r rune) bool { return (r < ' ' || r == 0x7f) && !(lines && (r == '\n' || r == '\r')) }):
		o.fail(it.value, key, "NV-4007.content", "path", path)
		return Secret{}
	}
	if lines {
		v += "\n" // as some readers of keys want it
	}
	return Secret{v}
}

// secretPath checks the form of a secret and gives the file to read; false when there is none to read (now).
func (o *object) secretPath(key string, mode Secrets) (string, bool) {
	it := o.take(key)
	if it == nil {
		return "", false
	}
	forms := []string{"forms", "{file: …} / {credential: …}"}
	if it.scalar() {
		o.fail(it.value, key, "NV-4007.literal", forms...)
		return "", false
	}
	s := o.object(key)
	if s == nil {
		return "", false
	}
	defer s.finish()
	file, credential := s.take("file"), s.take("credential")
	if (file == nil) == (credential == nil) {
		o.fail(it.value, key, "NV-4007.literal", forms...)
		return "", false
	}
	if credential != nil {
		name := s.text("credential", "")
		switch {
		case name == "":
			return "", false
		case !validCredential(name):
			s.bad(credential, "credential", name, wantName())
			return "", false
		case mode == SecretsSkipped:
			return "", false
		case o.b.credentials == "" && mode == SecretsTried:
			o.b.warn(it.value, o.key(key), "NV-4007", o.say("NV-4007.no_credentials", key, "name", name))
			return "", false
		case o.b.credentials == "":
			o.fail(it.value, key, "NV-4007.no_credentials", "name", name)
			return "", false
		}
		return filepath.Join(o.b.credentials, name), true
	}
	path := s.path("file", "")
	if path == "" || mode == SecretsSkipped {
		return "", false
	}
	if info, err := os.Stat(path); err == nil && info.Mode().Perm()&0o004 != 0 {
		o.b.warn(it.value, o.key(key), "NV-4007",
			o.say("NV-4007.world", key, "path", path, "mode", fmt.Sprintf("%04o", info.Mode().Perm())))
	}
	return path, true
}

func validCredential(s string) bool {
	return len(s) <= 255 && !strings.ContainsAny(s, "/\x00") && s[0] != '.'
}

// readSmall reads a plain file of at most limit bytes; a pipe or a device would block or never end.
func readSmall(path string, limit int64) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, &fs.PathError{Op: "read", Path: path, Err: errNotPlain}
	}
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(b)) > limit {
		err = errTooLarge
	}
	return b, err
}

var (
	errNotPlain = errors.New("not a plain file")
	errTooLarge = errors.New("too large")
)

// reason is an error without the path that its text repeats.
func reason(err error) string {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err.Error()
	}
	return err.Error()
}
