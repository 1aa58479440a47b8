package gateway

import (
	"bufio"
	"cmp"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

const (
	// maxHead bounds an answer's status line and header, with those of the interim answers before it, in bytes.
	maxHead = 64 << 10
	// maxIdle is how long a connection is kept: below the five seconds after which common servers hang up, since a
	// request that meets a closing connection is in doubt.
	maxIdle = 4 * time.Second
)

// conn is one connection to a PSP, used by one exchange at a time and in its goroutine alone. That is what makes "no
// byte left" a proof: nobody else writes, so what has not been written when an exchange gives up never will be.
type conn struct {
	net.Conn                  // requests are written to it: the socket or TLS above it
	socket   *metered         // the socket itself
	in       io.LimitedReader // what it reads, bounded: an endless header must not fill the memory
	br       *bufio.Reader
	bw       *bufio.Writer
	layers   []*framed       // beneath each layer of TLS
	host     string          // of the header Host
	head     []byte          // of the last request
	asked    http.Request    // for the reader of answers: that to a HEAD has no body; nothing but the method matters
	raw      syscall.RawConn // the socket as the system knows it; nil: it cannot be looked at, and is not kept
	kept     time.Time       // since when it waits for the next exchange; zero: it is new
}

// metered counts the bytes that the network took, TLS handshakes included.
type metered struct {
	net.Conn
	n int64
}

func (m *metered) Write(b []byte) (int, error) {
	n, err := m.Conn.Write(b)
	m.n += int64(n)
	return n, err
}

// framed follows the records that TLS takes from the connection beneath it: TLS keeps one that has not come whole to itself.
type framed struct {
	net.Conn
	head []byte // of a record: type, version, length
	left int    // bytes of its body to come
}

func (f *framed) Read(b []byte) (int, error) {
	n, err := f.Conn.Read(b)
	for b := b[:n]; len(b) > 0; {
		if f.left > 0 {
			k := min(f.left, len(b))
			f.left, b = f.left-k, b[k:]
			continue
		}
		f.head, b = append(f.head, b[0]), b[1:]
		if len(f.head) == 5 {
			f.left, f.head = int(f.head[3])<<8|int(f.head[4]), f.head[:0]
		}
	}
	return n, err
}

// between tells whether no record has begun to come.
func (f *framed) between() bool { return f.left == 0 && len(f.head) == 0 }

func newConn(c net.Conn, m *metered) *conn {
	k := &conn{Conn: c, socket: m, in: io.LimitedReader{R: c}, bw: bufio.NewWriter(c)}
	k.br = bufio.NewReader(&k.in)
	if s, ok := m.Conn.(syscall.Conn); ok {
		k.raw, _ = s.SyscallConn()
	}
	return k
}

// interrupt ends what the connection waits for, now and for ever.
func (c *conn) interrupt() { c.SetDeadline(past) }

// drop closes the socket alone: the goodbye of TLS could wait for the other end to listen.
func (c *conn) drop() { c.socket.Close() }

// errGone is of a kept connection on which the other end has hung up, or spoken, meanwhile: nothing was written to it.
var errGone = errors.New("the connection was closed meanwhile")

// ask writes a request. A kept connection is looked at before: errGone where the other end is not there any more or does not
// wait for a request. A request written to a connection that was hung up would be in doubt, and an answer nobody asked for
// belongs to no request. Then, under the same hold of the socket's reading side, ask waits until the answer begins to come:
// to try at once to read it would be in vain. On a new connection it does not wait: the other end may have spoken before,
// and the system tells of that but once. wrote tells whether a byte may have left.
func (c *conn) ask(w *way, q *Request, proxy *url.URL) (wrote bool, err error) {
	if c.raw == nil {
		return c.send(w, q, proxy)
	}
	asked := false
	waited := c.raw.Read(func(fd uintptr) bool { // called once more when there is something to read
		if asked {
			return true
		}
		asked = true
		if !c.kept.IsZero() && !quiet(fd) {
			err = errGone
			return true
		}
		wrote, err = c.send(w, q, proxy)
		return err != nil || c.kept.IsZero()
	})
	return wrote, cmp.Or(err, waited)
}

// send writes a request. wrote tells whether a byte of it may have left.
func (c *conn) send(w *way, q *Request, proxy *url.URL) (wrote bool, err error) {
	before := c.socket.n
	c.head = appendHead(c.head[:0], w, c.host, q, proxy)
	c.bw.Write(c.head)
	c.bw.Write(q.Body)
	err = c.bw.Flush() // it keeps the first error
	return c.socket.n > before, err
}

// appendHead writes a request's first line and header, which writable has found fit. Through a proxy a request in the open
// names the whole URL; in TLS a proxy sees nothing of it.
func appendHead(b []byte, w *way, host string, q *Request, proxy *url.URL) []byte {
	b = append(append(b, q.Method...), ' ')
	open := proxy != nil && w.Scheme == "http"
	if open {
		b = append(append(b, "http://"...), host...)
	}
	b = append(append(b, w.target...), " HTTP/1.1\r\n"...)
	b = header(b, "Host", host)
	for name, values := range q.Header {
		for _, v := range values {
			b = header(b, name, v)
		}
	}
	if q.Key != "" {
		b = header(b, "Idempotency-Key", q.Key)
	}
	if who := authorization(proxy); open && who != "" {
		b = header(b, "Proxy-Authorization", who)
	}
	if q.Method != http.MethodGet || len(q.Body) > 0 {
		b = append(strconv.AppendInt(append(b, "Content-Length: "...), int64(len(q.Body)), 10), "\r\n"...)
	}
	return append(b, "\r\n"...)
}

func header(b []byte, name, value string) []byte {
	return append(append(append(append(b, name...), ": "...), value...), "\r\n"...)
}

// receive reads an answer's head; of its body nothing yet.
func (c *conn) receive(method string) (*http.Response, error) {
	c.in.N = maxHead
	c.asked.Method = method
	for {
		resp, err := http.ReadResponse(c.br, &c.asked)
		if err != nil {
			if c.in.N <= 0 {
				err = errors.New("the answer's header is too long")
			}
			return nil, err
		}
		if resp.StatusCode < 100 || resp.StatusCode >= 200 || resp.StatusCode == http.StatusSwitchingProtocols {
			c.in.N = MaxBody + maxHead // the body's reader has its own bound; this is for what surrounds it
			return resp, nil
		}
	}
}

// silent tells whether nothing waits in our buffer and in the layers of TLS: what waits in the socket is seen by ask. The
// deadline for the next exchange must stand already.
func (c *conn) silent(until time.Time) bool {
	if c.raw == nil || c.br.Buffered() > 0 {
		return false
	}
	if slices.ContainsFunc(c.layers, func(f *framed) bool { return !f.between() }) {
		return false
	}
	if c.Conn != net.Conn(c.socket) { // a whole record that TLS has taken is seen by reading without waiting alone
		if c.SetReadDeadline(past) != nil {
			return false
		}
		c.in.N = 1
		if _, err := c.br.Peek(1); !errors.Is(err, os.ErrDeadlineExceeded) || c.SetReadDeadline(until) != nil {
			return false
		}
	}
	return true
}

// past is a deadline that has passed.
var past = time.Unix(1, 0)

// place is where requests go.
type place struct{ scheme, host string }

// pool holds the connections to one place.
type pool struct {
	turns chan struct{} // one for each exchange under way
	mu    sync.Mutex
	idle  []*conn // the one used last at the end
	sweep *time.Timer
}

// enter waits for its turn, until the time is up or ctx ends.
func (p *pool) enter(ctx context.Context, until time.Time) error {
	select {
	case p.turns <- struct{}{}: // whoever has a turn leaves: nothing else may fail here
		return nil
	default:
	}
	t := time.NewTimer(time.Until(until))
	defer t.Stop()
	select {
	case p.turns <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return context.DeadlineExceeded
	}
}

func (p *pool) leave() { <-p.turns }

// take gives a kept connection with its deadline set; nil if there is none.
func (p *pool) take(until time.Time) *conn {
	for {
		p.mu.Lock()
		n := len(p.idle) - 1
		if n < 0 {
			p.mu.Unlock()
			return nil
		}
		c := p.idle[n]
		p.idle = p.idle[:n]
		p.mu.Unlock()
		if time.Since(c.kept) < maxIdle && c.SetDeadline(until) == nil && c.silent(until) {
			return c
		}
		c.drop()
	}
}

// keep holds a connection for the next exchange.
func (p *pool) keep(c *conn) {
	c.kept = time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.idle = append(p.idle, c)
	if p.sweep == nil {
		p.sweep = time.AfterFunc(maxIdle, p.clean)
	}
}

// clean closes what waits for too long, and comes back while anything waits.
func (p *pool) clean() {
	p.mu.Lock()
	defer p.mu.Unlock()
	old := 0
	for old < len(p.idle) && time.Since(p.idle[old].kept) >= maxIdle {
		p.idle[old].drop()
		old++
	}
	p.idle = append(p.idle[:0], p.idle[old:]...)
	p.sweep = nil
	if len(p.idle) > 0 {
		p.sweep = time.AfterFunc(maxIdle-time.Since(p.idle[0].kept), p.clean)
	}
}

// close gives up what waits.
func (p *pool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.idle {
		c.drop()
	}
	p.idle = nil
	if p.sweep != nil {
		p.sweep.Stop()
		p.sweep = nil
	}
}

// dialer opens connections, through a proxy if there is one.
type dialer struct {
	net   net.Dialer
	tls   *tls.Config
	proxy *url.URL // nil for none
}

// open connects to the host of u. Nothing of a request is sent, whatever comes of it.
func (d *dialer) open(ctx context.Context, u *url.URL) (*conn, error) {
	host, address, err := endpoint(u)
	if err != nil {
		return nil, err
	}
	first, proxyHost := address, ""
	if d.proxy != nil {
		if proxyHost, first, err = endpoint(d.proxy); err != nil {
			return nil, err
		}
	}
	socket, err := d.net.DialContext(ctx, "tcp", first)
	if err != nil {
		return nil, err
	}
	m := &metered{Conn: socket}
	var c net.Conn = m
	var layers []*framed
	// A context that ends closes nothing by itself while we talk to a proxy.
	stop := context.AfterFunc(ctx, func() { socket.SetDeadline(past) })
	defer stop()
	if d.proxy != nil && d.proxy.Scheme == "https" {
		c, err = d.secure(ctx, c, proxyHost, &layers)
	}
	if err == nil && d.proxy != nil && u.Scheme == "https" {
		err = connect(c, address, authorization(d.proxy))
	}
	if err == nil && u.Scheme == "https" {
		c, err = d.secure(ctx, c, host, &layers)
	}
	if err == nil && !stop() {
		err = ctx.Err()
	}
	if err != nil {
		socket.Close()
		return nil, err
	}
	k := newConn(c, m)
	k.host, k.layers = hostHeader(host, u.Port()), layers
	return k, nil
}

func (d *dialer) secure(ctx context.Context, c net.Conn, host string, layers *[]*framed) (net.Conn, error) {
	f := &framed{Conn: c}
	*layers = append(*layers, f)
	config := d.tls.Clone()
	config.ServerName = host
	t := tls.Client(f, config)
	return t, t.HandshakeContext(ctx)
}

// connect asks a proxy for a way to address.
func connect(c net.Conn, address, authorization string) error {
	req := &http.Request{Method: http.MethodConnect, URL: &url.URL{Opaque: address}, Host: address, Header: http.Header{"User-Agent": {"navette"}}}
	if authorization != "" {
		req.Header["Proxy-Authorization"] = []string{authorization}
	}
	if err := req.Write(c); err != nil {
		return err
	}
	br := bufio.NewReader(io.LimitReader(c, maxHead))
	resp, err := http.ReadResponse(br, req)
	if err != nil {
		return fmt.Errorf("proxy: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("proxy: HTTP %d", resp.StatusCode)
	}
	if br.Buffered() > 0 {
		return errors.New("proxy: it speaks before it is spoken to")
	}
	return nil
}

// authorization is the value of Proxy-Authorization, "" for none.
func authorization(proxy *url.URL) string {
	if proxy == nil || proxy.User == nil {
		return ""
	}
	password, _ := proxy.User.Password()
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(proxy.User.Username()+":"+password))
}

// hostHeader is the value of Host. The zone of an IPv6 address means nothing to the other end.
func hostHeader(host, port string) string {
	host, _, _ = strings.Cut(host, "%")
	if port != "" {
		return net.JoinHostPort(host, port)
	}
	if strings.Contains(host, ":") {
		return "[" + host + "]"
	}
	return host
}

// endpoint gives a URL's host as certificates spell it, and the address to dial.
func endpoint(u *url.URL) (host, address string, err error) {
	host = u.Hostname()
	if strings.ContainsFunc(host, func(r rune) bool { return r >= utf8.RuneSelf }) {
		if host, err = idna.Lookup.ToASCII(host); err != nil {
			return "", "", err
		}
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return host, net.JoinHostPort(host, port), nil
}
