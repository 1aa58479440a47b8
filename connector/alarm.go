package connector

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"regexp"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/navette-connect/navette/connector/message"
	"github.com/navette-connect/navette/connector/payment"
	"github.com/navette-connect/navette/transports"
)

// Trouble is an error that people should hear of: a code of the catalogue, what it is about, and the cause.
type Trouble struct {
	Code string
	Text message.Text
	Err  error // may be nil
}

func (t *Trouble) Error() string {
	s := t.Code + ": " + t.Text.In("en")
	if t.Err != nil {
		s += ": " + t.Err.Error()
	}
	return s
}

func (t *Trouble) Unwrap() error { return t.Err }

// alarm makes a Trouble about a folder; name is the file it is about, "" where it is none.
func alarm(code, dir, name string, err error) error {
	variant := map[string]string{"NV-3001": "missing", "NV-3002": "changed", "NV-3007": "archive"}[code]
	return &Trouble{Code: code, Text: message.New(code+"."+variant, "path", dir, "name", name), Err: err}
}

// trouble is why a gateway did not take an instruction now.
func trouble(out payment.Outcome, err error) error {
	if err != nil {
		return err
	}
	return &Trouble{Code: or(out.Code, "NV-2105"), Text: message.Literal(out.Message, out.Message)}
}

// codeOf finds the code of an error, whoever made it.
func codeOf(err error, otherwise string) string {
	var t *Trouble
	if errors.As(err, &t) {
		return t.Code
	}
	var coded interface{ NVCode() string }
	if errors.As(err, &coded) {
		return or(coded.NVCode(), otherwise)
	}
	if errors.Is(err, transports.ErrFolder) { // whatever was to be done there
		return "NV-3001"
	}
	return otherwise
}

// once logs a trouble when it begins, changes and ends, and not at every try. It may be used by several goroutines.
type once struct {
	mu  sync.Mutex
	now map[string]error
}

func newOnce() *once { return &once{now: map[string]error{}} }

func (o *once) report(log zerolog.Logger, key string, err error) {
	o.mu.Lock()
	was := o.now[key]
	o.now[key] = err
	o.mu.Unlock()
	if was == nil || gist(was) != gist(err) {
		log.Error().Str("event", "trouble").Str("code", codeOf(err, "")).Str("what", key).Err(err).Msg("trouble: tried again until it ends")
	}
}

// gist is what makes two errors the same trouble: the text, but for the names that are made anew at each try.
func gist(err error) string { return passing.ReplaceAllString(err.Error(), "") }

// passing are names of files that one try alone has.
var passing = regexp.MustCompile(`\.navette-[^\s":]*|[0-9]+\.part\b`)

func (o *once) clear(log zerolog.Logger, key string) {
	o.mu.Lock()
	was := o.now[key]
	delete(o.now, key)
	o.mu.Unlock()
	if was != nil {
		log.Info().Str("event", "trouble.over").Str("what", key).Msg("the trouble is over")
	}
}

// lasting is a trouble of what is tried again later while the others go on: it stands until nothing has failed for as long as
// that takes, so that it neither ends nor changes with each try. It may be used by several goroutines.
type lasting struct {
	mu    sync.Mutex
	err   error // the first that failed since nothing did
	until time.Time
	n     int
}

// note counts a failure, whose trouble stands at least until a time.
func (l *lasting) note(err error, at, until time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err == nil || !at.Before(l.until) {
		l.err = err
	}
	l.until = until
	l.n++
}

// stands gives how many failures there were, and the trouble that stands at a time, nil for none.
func (l *lasting) stands(at time.Time) (n int, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !at.Before(l.until) {
		l.err = nil
	}
	return l.n, l.err
}

// stands tells whether there is such a trouble now.
func (o *once) stands(key string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.now[key] != nil
}

// list gives the troubles of now.
func (o *once) list() map[string]error {
	o.mu.Lock()
	defer o.mu.Unlock()
	list := make(map[string]error, len(o.now))
	for k, v := range o.now {
		list[k] = v
	}
	return list
}

func digestOf(r io.Reader) (string, error) {
	h := sha256.New()
	_, err := io.Copy(h, r)
	return hex.EncodeToString(h.Sum(nil)), err
}
