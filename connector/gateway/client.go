package gateway

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"os"
	"time"

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
type Client struct {
	transport *http.Transport
	timeout   time.Duration
	redact    redactor
	now       func() time.Time
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
	var proxy func(*http.Request) (*url.URL, error)
	if o.Proxy != "" {
		u, err := url.Parse(o.Proxy)
		if err != nil || u.Host == "" {
			return nil, errors.New("proxy: not a URL such as http://proxy.example:3128")
		}
		if p, ok := u.User.Password(); ok {
			secrets = append(secrets[:len(secrets):len(secrets)], Secret(p))
		}
		proxy = http.ProxyURL(u)
	}
	d := &dialer{net.Dialer{Timeout: timeout, KeepAlive: 30 * time.Second}}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true) // the proof of "not sent" reads HTTP/1 connections
	c := &Client{
		timeout: timeout,
		redact:  newRedactor(secrets),
		now:     o.Now,
		transport: &http.Transport{
			Proxy:               proxy,
			DialContext:         d.dial,
			TLSClientConfig:     tlsConfig,
			TLSHandshakeTimeout: timeout,
			Protocols:           protocols,
			DisableCompression:  true,
			MaxConnsPerHost:     conns,
			MaxIdleConns:        conns,
			MaxIdleConnsPerHost: conns,
			// Below the five seconds after which common servers hang up: a request that meets a closing connection is in doubt.
			IdleConnTimeout:        4 * time.Second,
			MaxResponseHeaderBytes: 64 << 10,
		},
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
func (c *Client) Close() { c.transport.CloseIdleConnections() }

// Request is one request to send. Body is nil for a GET.
type Request struct {
	Method, URL string
	Header      http.Header
	Body        []byte // not changed after the call: a slow connection may still be reading it
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
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	var w witness
	req, err := http.NewRequestWithContext(httptrace.WithClientTrace(ctx, w.trace()), q.Method, q.URL, nil)
	if err != nil { // a URL that is none, found here at the latest
		return nil, &Error{Kind: payment.ErrNotSent, Code: CodeUnreachable, Text: "the gateway's URL cannot be used"}
	}
	if q.Header != nil {
		req.Header = q.Header
	}
	if q.Method != http.MethodGet {
		// net/http takes a request with an Idempotency-Key for replayable, and resends it by itself when a kept connection
		// breaks, if it has no body or can get the body again. So: always a body, and never GetBody.
		req.Body, req.ContentLength, req.GetBody = io.NopCloser(bytes.NewReader(q.Body)), int64(len(q.Body)), nil
	}
	// RoundTrip and not http.Client: redirects are answers here, never followed.
	resp, err := c.transport.RoundTrip(req)
	if err != nil {
		return nil, c.failure(ctx, err, w.failed())
	}
	defer resp.Body.Close()
	a := &Answer{Status: resp.StatusCode, Wait: RetryAfter(resp.Header, c.now())}
	if t, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type")); err == nil {
		a.Type = t
	}
	a.Body, err = readBody(resp)
	a.Cut = err != nil
	return a, nil
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
	if errors.Is(err, context.DeadlineExceeded) {
		e.Text = "no answer in time"
	}
	if Classify(0, err, wrote) == NotSent {
		e.Kind, e.Code = payment.ErrNotSent, CodeUnreachable
	}
	return e
}
