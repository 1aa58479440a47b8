package gateway

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/net/http/httpguts"

	"github.com/navette-connect/navette/connector/payment"
)

// MaxBody bounds the answers that are read, in bytes.
const MaxBody = 1 << 20

// Options of a Client; the zero value is usable.
type Options struct {
	Timeout     time.Duration // of one exchange, from the queue for a connection to the answer's last byte; 0 = 10 s
	Concurrency int           // connections at most; 0 = 8
	CA          string        // file of PEM certificates to trust instead of the system's
	ClientCert  string        // files of the client's certificate and key, PEM
	ClientKey   string
	Proxy       string           // URL of a proxy; "" = none, whatever the environment says
	Secrets     []Secret         // values that must not appear in any text
	Now         func() time.Time // nil = time.Now; only to read a Retry-After that is a date
}

// Client sends each request exactly once: no redirect, no resend, no cookie. It may be used from many goroutines.
//
// It speaks HTTP/1.1 over its own connections, with the reader of net/http but without its Transport: that one writes from
// a goroutine of its own and resends what it takes for replayable, so that whether a request left can only be guessed from
// outside. Here one goroutine writes and then reads.
type Client struct {
	dialer  dialer
	conns   int
	timeout time.Duration
	redact  redactor
	now     func() time.Time
	last    atomic.Pointer[way] // most requests go where the last one went
	mu      sync.Mutex
	pools   map[place]*pool
}

// way is where a URL leads. Nobody changes what it holds.
type way struct {
	raw string
	*url.URL
	target string // what the first line of a request names
	pool   *pool
}

// NewClient makes a client; an error names the file or setting that cannot be used.
func NewClient(o Options) (*Client, error) {
	timeout, conns := o.Timeout, o.Concurrency
	if timeout <= 0 {
		timeout = 10 * time.Second
	}
	if conns <= 0 {
		conns = 8
	}
	tlsConfig, err := tlsConfig(o)
	if err != nil {
		return nil, err
	}
	secrets := o.Secrets
	var proxy *url.URL
	if o.Proxy != "" {
		proxy, err = url.Parse(o.Proxy)
		if err != nil || proxy.Host == "" || proxy.Scheme != "http" && proxy.Scheme != "https" {
			return nil, errors.New("proxy: not a URL such as http://proxy.example:3128")
		}
		if p, ok := proxy.User.Password(); ok {
			basic := base64.StdEncoding.EncodeToString([]byte(proxy.User.Username() + ":" + p))
			secrets = append(secrets[:len(secrets):len(secrets)], Secret(p), Secret(basic))
		}
	}
	c := &Client{
		dialer:  dialer{net: net.Dialer{Timeout: timeout, KeepAlive: 30 * time.Second}, tls: tlsConfig, proxy: proxy},
		conns:   conns,
		timeout: timeout,
		redact:  newRedactor(secrets),
		now:     o.Now,
		pools:   map[place]*pool{},
	}
	if c.now == nil {
		c.now = time.Now
	}
	return c, nil
}

func tlsConfig(o Options) (*tls.Config, error) {
	t := &tls.Config{MinVersion: tls.VersionTLS12}
	if o.CA != "" {
		pem, err := os.ReadFile(o.CA)
		if err != nil {
			return nil, fmt.Errorf("ca: %w", err)
		}
		t.RootCAs = x509.NewCertPool()
		if !t.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("ca: no PEM certificate in %s", o.CA)
		}
	}
	if o.ClientCert != "" || o.ClientKey != "" {
		pair, err := tls.LoadX509KeyPair(o.ClientCert, o.ClientKey)
		if err != nil {
			return nil, fmt.Errorf("client_cert, client_key: %w", err)
		}
		t.Certificates = []tls.Certificate{pair}
	}
	return t, nil
}

// Close gives idle connections up. The client may still be used.
func (c *Client) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range c.pools {
		p.close()
	}
}

// way finds where a URL leads; false: it cannot be used.
func (c *Client) way(raw string) (*way, bool) {
	if w := c.last.Load(); w != nil && w.raw == raw {
		return w, true
	}
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || strings.Contains(u.RawQuery, " ") {
		return nil, false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	at := place{u.Scheme, u.Host}
	p := c.pools[at]
	if p == nil {
		p = &pool{turns: make(chan struct{}, c.conns)}
		c.pools[at] = p
	}
	w := &way{raw, u, u.RequestURI(), p}
	c.last.Store(w)
	return w, true
}

// Request is one request to send. Body is nil for a GET.
type Request struct {
	Method, URL string
	Header      http.Header
	Key         string // the header Idempotency-Key; "" = none. Apart, so that the others can be the same for all requests
	Body        []byte
}

// Answer is what a PSP answered: its status line came, whatever else did.
type Answer struct {
	Status int
	Type   string        // media type, lower case, without parameters; "" if none or unreadable
	Wait   time.Duration // Retry-After, see there
	Body   []byte
	Cut    bool // the body did not come whole, or exceeds MaxBody
}

// Class of an answer; the body has its say afterwards.
func (a *Answer) Class() Class { return Classify(a.Status, nil, true) }

// Do sends q once and reads its answer. An error is an *Error: of kind payment.ErrNotSent when certainly no byte of the
// request left, else of kind payment.ErrUncertain.
func (c *Client) Do(ctx context.Context, q *Request) (*Answer, error) {
	w, ok := c.way(q.URL)
	if !ok { // found here at the latest
		return nil, &Error{Kind: payment.ErrNotSent, Code: CodeUnreachable, Text: "the gateway's URL cannot be used"}
	}
	if !writable(q.Header) || !httpguts.ValidHeaderFieldValue(q.Key) { // in another form it would be an Idempotency-Key that nobody knows
		return nil, &Error{Kind: payment.ErrNotSent, Code: CodeUnreachable, Text: "a header cannot be written"}
	}
	until := deadline(ctx, c.timeout)
	if err := w.pool.enter(ctx, until); err != nil {
		return nil, c.failure(ctx, err, false)
	}
	defer w.pool.leave()
	until = deadline(ctx, c.timeout)                               // from its turn on: what waited long would else be given up before it can be answered
	if err := ctx.Err(); err != nil || !time.Now().Before(until) { // before a good connection is taken for it
		return nil, c.failure(ctx, cmp.Or(err, context.DeadlineExceeded), false)
	}
	for k := w.pool.take(until); k != nil; k = w.pool.take(until) {
		if a, err := c.over(ctx, w, k, q); err != errGone {
			return a, err
		}
	}
	k, err := c.open(ctx, w.URL, until)
	if err != nil {
		return nil, c.failure(ctx, err, false)
	}
	return c.over(ctx, w, k, q)
}

// deadline is when an exchange that begins now is given up.
func deadline(ctx context.Context, timeout time.Duration) time.Time {
	until := time.Now().Add(timeout)
	if d, ok := ctx.Deadline(); ok && d.Before(until) {
		return d
	}
	return until
}

// over does an exchange over k, which then waits for the next one or is closed. errGone: k could not be used.
func (c *Client) over(ctx context.Context, w *way, k *conn, q *Request) (*Answer, error) {
	a, wrote, again, err := c.exchange(ctx, w, k, q)
	if again {
		w.pool.keep(k)
	} else {
		k.drop()
	}
	if err != nil && err != errGone {
		err = c.failure(ctx, err, wrote)
	}
	return a, err
}

// writable tells whether a header can be sent as it is, beside what the client writes itself.
func writable(h http.Header) bool {
	for name, values := range h {
		switch http.CanonicalHeaderKey(name) {
		case "Host", "Content-Length", "Transfer-Encoding", "Connection", "Trailer", "Proxy-Authorization":
			return false
		}
		if !httpguts.ValidHeaderFieldName(name) || slices.ContainsFunc(values, func(v string) bool { return !httpguts.ValidHeaderFieldValue(v) }) {
			return false
		}
	}
	return true
}

func (c *Client) open(ctx context.Context, u *url.URL, until time.Time) (*conn, error) {
	ctx, cancel := context.WithDeadline(ctx, until)
	defer cancel()
	k, err := c.dialer.open(ctx, u)
	if err != nil {
		return nil, err
	}
	if err := k.SetDeadline(until); err != nil {
		k.drop()
		return nil, err
	}
	return k, nil
}

// exchange sends q over k and reads the answer. wrote: a byte of q may have left; again: k can serve once more.
func (c *Client) exchange(ctx context.Context, w *way, k *conn, q *Request) (a *Answer, wrote, again bool, err error) {
	if err := ctx.Err(); err != nil {
		return nil, false, false, err
	}
	stop := func() bool { return true }
	if ctx.Done() != nil {
		stop = context.AfterFunc(ctx, k.interrupt)
		defer stop()
	}
	if wrote, err = k.ask(w, q, c.dialer.proxy); err != nil {
		return nil, wrote, false, err
	}
	resp, err := k.receive(q.Method)
	if err != nil {
		return nil, true, false, err
	}
	// Its body is not closed, which would read it to its end; the connection is.
	a = &Answer{Status: resp.StatusCode, Wait: RetryAfter(resp.Header, c.now())}
	a.Type = mediaType(resp.Header.Get("Content-Type"))
	a.Body, err = readBody(resp)
	a.Cut = err != nil
	again = err == nil && !resp.Close && resp.StatusCode >= 200 && stop()
	return a, true, again, nil
}

func mediaType(s string) string {
	if s == "application/json" { // the common one as it stands
		return s
	}
	t, _, err := mime.ParseMediaType(s)
	if err != nil {
		return ""
	}
	return t
}

var errLarge = errors.New("the answer is too large")

// readBody reads to the end, so that the connection can be kept, unless the body is beyond MaxBody.
func readBody(resp *http.Response) ([]byte, error) {
	switch n := resp.ContentLength; {
	case n > MaxBody:
		return nil, errLarge
	case n > 0: // net/http ends the body there
		b := make([]byte, n)
		k, err := io.ReadFull(resp.Body, b)
		return b[:k], err
	}
	b, err := io.ReadAll(io.LimitReader(resp.Body, MaxBody+1))
	if err == nil && len(b) > MaxBody {
		err = errLarge
	}
	return b, err
}

// failure makes the error of an exchange without a status.
func (c *Client) failure(ctx context.Context, err error, wrote bool) error {
	e := &Error{Kind: payment.ErrUncertain, Code: CodeLost, Text: c.Clean(err.Error()), ctx: ctx.Err()}
	switch {
	case e.ctx != nil && !errors.Is(e.ctx, context.DeadlineExceeded): // it is what ended the exchange, by the connection's deadline
		e.Text = e.ctx.Error()
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		e.Text, e.ctx = "no answer in time", context.DeadlineExceeded
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		e.Text = "the connection was closed before an answer came"
	}
	if Classify(0, err, wrote) == NotSent {
		e.Kind, e.Code = payment.ErrNotSent, CodeUnreachable
	}
	return e
}
