package gateway

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/navette-connect/navette/connector/payment"
)

// script is a server whose connections each follow a function; it tells how many there were.
func script(t *testing.T, each func(c net.Conn, br *bufio.Reader)) (url string, conns *atomic.Int32) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	conns = new(atomic.Int32)
	var all sync.WaitGroup
	t.Cleanup(all.Wait)
	t.Cleanup(func() { l.Close() })
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			conns.Add(1)
			all.Go(func() {
				defer c.Close()
				defer context.AfterFunc(t.Context(), func() { c.Close() })() // a test that failed must end
				each(c, bufio.NewReader(c))
			})
		}
	})
	return "http://" + l.Addr().String(), conns
}

// hear reads one request whole, false at the connection's end.
func hear(br *bufio.Reader) bool {
	r, err := http.ReadRequest(br)
	if err == nil {
		_, err = io.Copy(io.Discard, r.Body)
	}
	return err == nil
}

const fine = "HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"

// TestHungUpMeanwhile: a kept connection that the server gave up is not written to, so nothing is in doubt.
func TestHungUpMeanwhile(t *testing.T) {
	gone := make(chan struct{}, 2)
	url, conns := script(t, func(c net.Conn, br *bufio.Reader) {
		if hear(br) {
			io.WriteString(c, fine)
		}
		c.Close()
		gone <- struct{}{}
	})
	c := client(t, Options{})
	for range 2 {
		if _, err := c.Do(t.Context(), post(url)); err != nil {
			t.Fatalf("POST: %v", err)
		}
		<-gone
	}
	if n := conns.Load(); n != 2 {
		t.Errorf("%d connections, want 2", n)
	}
}

// TestAnswerNobodyAsked: what comes beside the answer is never taken for the next one.
func TestAnswerNobodyAsked(t *testing.T) {
	for name, late := range map[string]bool{"with the answer": false, "after it": true} {
		t.Run(name, func(t *testing.T) {
			said := make(chan struct{}, 8)
			asked := make(chan struct{}, 8)
			url, _ := script(t, func(c net.Conn, br *bufio.Reader) {
				for hear(br) {
					if late {
						io.WriteString(c, fine)
						<-asked
						io.WriteString(c, strings.Replace(fine, "{}", "[]", 1))
					} else {
						io.WriteString(c, fine+strings.Replace(fine, "{}", "[]", 1))
					}
					said <- struct{}{}
				}
			})
			c := client(t, Options{})
			for range 3 {
				a, err := c.Do(t.Context(), post(url))
				if err != nil || string(a.Body) != "{}" {
					t.Fatalf("POST: answer %+v, error %v", a, err)
				}
				asked <- struct{}{}
				<-said
			}
		})
	}
}

// TestForms: answers as servers may spell them, and whether their connection serves again.
func TestForms(t *testing.T) {
	tests := []struct {
		name, answer  string
		status, conns int
		cut           bool
		bad           bool // no answer at all
	}{
		{"chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1\r\n}\r\n0\r\nTrailer: x\r\n\r\n", 200, 1, false, false},
		{"interim answers first", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + fine, 201, 1, false, false},
		{"many interim answers", strings.Repeat("HTTP/1.1 102 Processing\r\n\r\n", 99) + fine, 201, 1, false, false},
		{"nothing but interim answers", strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", 9999), 0, 2, false, true},
		{"no status at all", "HTTP/1.1 099 Odd\r\nContent-Length: 0\r\n\r\n", 99, 2, false, false},
		{"told to close", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}", 200, 2, false, false},
		{"HTTP/1.0", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}", 200, 2, false, false},
		{"no body", "HTTP/1.1 204 No Content\r\n\r\n", 204, 1, false, false},
		{"switching protocols", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", 101, 2, false, false},
		{"a length beyond all bounds", "HTTP/1.1 200 OK\r\nContent-Length: 9999999999\r\n\r\n{}", 200, 2, true, false},
		{"two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}x", 0, 2, false, true},
		{"an endless header", "HTTP/1.1 200 OK\r\n" + strings.Repeat("X-Pad: "+strings.Repeat("x", 1000)+"\r\n", 100) + "\r\n", 0, 2, false, true},
		{"an endless line", "HTTP/1.1 200 " + strings.Repeat("x", 100_000), 0, 2, false, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			url, conns := script(t, func(c net.Conn, br *bufio.Reader) {
				for hear(br) {
					io.WriteString(c, tt.answer)
				}
			})
			c := client(t, Options{})
			for range 2 {
				a, err := c.Do(t.Context(), post(url))
				if tt.bad {
					if !errors.Is(err, payment.ErrUncertain) {
						t.Errorf("answer %+v, error %v, want kind %v", a, err, payment.ErrUncertain)
					}
				} else if err != nil || a.Status != tt.status || a.Cut != tt.cut {
					t.Errorf("answer %+v, error %v; want status %d, cut %v", a, err, tt.status, tt.cut)
				}
			}
			c.Close()
			if n := int(conns.Load()); n != tt.conns {
				t.Errorf("%d connections for two requests, want %d", n, tt.conns)
			}
		})
	}
}

// TestSpokenToBeforeItSpoke: a server too busy to listen may answer as soon as it is reached. What it said then is read, and
// not waited for: the system told of it before.
func TestSpokenToBeforeItSpoke(t *testing.T) {
	spoke := make(chan struct{})
	url, _ := script(t, func(c net.Conn, br *bufio.Reader) {
		io.WriteString(c, "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")
		close(spoke)
		for hear(br) {
		}
	})
	c := client(t, Options{})
	w, ok := c.way(url)
	if !ok {
		t.Fatal("no way")
	}
	k, err := c.open(t.Context(), w.URL, time.Now().Add(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.drop)
	<-spoke
	// Whoever waits is told that there is something to read, or was told before: either way the system has told it once.
	told := false
	k.SetDeadline(time.Now().Add(200 * time.Millisecond))
	if err := k.raw.Read(func(uintptr) bool { defer func() { told = true }(); return told }); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatal(err)
	}
	k.SetDeadline(time.Now().Add(10 * time.Second))
	if a, err := c.over(t.Context(), w, k, post(url)); err != nil || a.Status != http.StatusServiceUnavailable {
		t.Errorf("answer %+v, error %v; want status 503", a, err)
	}
}

// TestWroteSome: a request that left in part is in doubt, one whose connection took nothing is not.
func TestWroteSome(t *testing.T) {
	for name, tt := range map[string]struct {
		takes int
		kind  error
	}{"nothing": {0, payment.ErrNotSent}, "one byte": {1, payment.ErrUncertain}, "the header": {4096, payment.ErrUncertain}} {
		t.Run(name, func(t *testing.T) {
			c := client(t, Options{})
			q := post("http://psp.example/")
			q.Body = bytes.Repeat([]byte("x"), 100_000)
			w, ok := c.way(q.URL)
			if !ok {
				t.Fatal("no way")
			}
			m := &metered{Conn: &narrow{left: tt.takes}}
			_, err := c.over(t.Context(), w, newConn(m, m), q)
			if !errors.Is(err, tt.kind) {
				t.Errorf("error %v, want kind %v", err, tt.kind)
			}
		})
	}
}

// narrow is a connection that takes some bytes and then fails.
type narrow struct {
	net.Conn
	left int
}

func (n *narrow) Write(b []byte) (int, error) {
	k := min(n.left, len(b))
	n.left -= k
	if k < len(b) {
		return k, errors.New("broken")
	}
	return k, nil
}

func (*narrow) SetDeadline(time.Time) error { return nil }
func (*narrow) Close() error                { return nil }

// TestProxies: in the open the proxy gets the whole URL, for TLS a way through; its password is for it alone.
func TestProxies(t *testing.T) {
	var met []string
	psp := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		met = append(met, r.Method+" psp "+r.Header.Get("Proxy-Authorization"))
		w.WriteHeader(http.StatusCreated)
	})
	open, sealed := httptest.NewServer(psp), httptest.NewTLSServer(psp)
	defer open.Close()
	defer sealed.Close()
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		met = append(met, r.Method+" "+r.RequestURI+" "+r.Header.Get("Proxy-Authorization"))
		if r.Method == http.MethodConnect {
			through(t, w, r.Host)
			return
		}
		r.Header.Del("Proxy-Authorization")
		httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: r.Host}).ServeHTTP(w, r)
	})
	proxy, proxyTLS := httptest.NewServer(handler), httptest.NewTLSServer(handler)
	defer proxy.Close()
	defer proxyTLS.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: sealed.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, p := range []*httptest.Server{proxy, proxyTLS} {
		via := strings.Replace(p.URL, "://", "://u:p%40ss@", 1)
		const who = " Basic dTpwQHNz"
		c := client(t, Options{CA: ca, Proxy: via})
		for target, want := range map[string][]string{
			open.URL + "/x":   {"POST " + open.URL + "/x" + who, "POST psp "},
			sealed.URL + "/x": {"CONNECT " + strings.TrimPrefix(sealed.URL, "https://") + who, "POST psp "},
		} {
			met = nil
			if a, err := c.Do(t.Context(), post(target)); err != nil || a.Status != http.StatusCreated {
				t.Errorf("%s by %s: answer %+v, error %v", target, p.URL, a, err)
			}
			if !slices.Equal(met, want) {
				t.Errorf("%s by %s: met %q, want %q", target, p.URL, met, want)
			}
		}
	}
}

// through lets bytes pass both ways.
func through(t *testing.T, w http.ResponseWriter, host string) {
	far, err := net.Dial("tcp", host)
	if err != nil {
		t.Error(err)
		return
	}
	near, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		t.Error(err)
		return
	}
	io.WriteString(near, "HTTP/1.1 200 Connection established\r\n\r\n")
	go func() { io.Copy(far, near); far.Close() }()
	go func() { io.Copy(near, far); near.Close() }()
}

// sealed is script over TLS; what a connection writes between hold and flush leaves in one piece.
func sealed(t *testing.T, each func(c *tls.Conn, wire *batch, br *bufio.Reader)) (url string, o Options, conns *atomic.Int32) {
	t.Helper()
	srv := httptest.NewTLSServer(http.NotFoundHandler())
	srv.Close()
	o.CA = filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(o.CA, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	url, conns = script(t, func(c net.Conn, _ *bufio.Reader) {
		wire := &batch{Conn: c}
		s := tls.Server(wire, &tls.Config{Certificates: srv.TLS.Certificates, DynamicRecordSizingDisabled: true})
		each(s, wire, bufio.NewReader(s))
	})
	return strings.Replace(url, "http:", "https:", 1), o, conns
}

type batch struct {
	net.Conn
	holds bool
	held  bytes.Buffer
}

func (b *batch) Write(p []byte) (int, error) {
	if b.holds {
		return b.held.Write(p)
	}
	return b.Conn.Write(p)
}

func (b *batch) hold() { b.holds = true }

// flush sends what was held, but for its last bytes, which it gives back.
func (b *batch) flush(but int) (rest []byte) {
	b.holds = false
	all := bytes.Clone(b.held.Bytes())
	b.held.Reset()
	b.Conn.Write(all[:len(all)-but])
	return all[len(all)-but:]
}

// TestAnswerNobodyAskedTLS: TLS has buffers of its own, where such an answer may wait.
func TestAnswerNobodyAskedTLS(t *testing.T) {
	const mine, other = fine, "HTTP/1.1 201 Created\r\nContent-Length: 12\r\n\r\nnobody asked"
	large := "HTTP/1.1 201 Created\r\nContent-Length: 12000\r\n\r\n" + strings.Repeat("x", 12000)
	for name, say := range map[string]func(c *tls.Conn, wire *batch){
		"a record of its own": func(c *tls.Conn, wire *batch) {
			wire.hold()
			io.WriteString(c, mine)
			io.WriteString(c, other)
			wire.flush(0)
		},
		"a record that comes in two pieces": func(c *tls.Conn, wire *batch) {
			wire.hold()
			io.WriteString(c, mine)
			io.WriteString(c, other)
			wire.Conn.Write(wire.flush(20))
		},
		"the same record": func(c *tls.Conn, _ *batch) { io.WriteString(c, large+other) },
		"a goodbye, the socket left open": func(c *tls.Conn, wire *batch) {
			wire.hold()
			io.WriteString(c, mine)
			c.CloseWrite()
			wire.Conn.SetDeadline(time.Time{})
			wire.flush(0)
		},
	} {
		t.Run(name, func(t *testing.T) {
			said := make(chan struct{}, 8)
			url, o, conns := sealed(t, func(c *tls.Conn, wire *batch, br *bufio.Reader) {
				for hear(br) {
					say(c, wire)
					said <- struct{}{}
				}
			})
			c := client(t, o)
			for range 3 {
				a, err := c.Do(t.Context(), post(url))
				if err != nil || a.Status != http.StatusCreated || strings.Contains(string(a.Body), "nobody") {
					t.Fatalf("POST: answer %+v, error %v", a, err)
				}
				<-said
			}
			if n := conns.Load(); n != 3 {
				t.Errorf("%d connections, want 3", n)
			}
		})
	}
}

// TestHalfAnAnswerNobodyAsked: a record of TLS whose end comes with the next request.
func TestHalfAnAnswerNobodyAsked(t *testing.T) {
	url, o, conns := sealed(t, func(c *tls.Conn, wire *batch, br *bufio.Reader) {
		var rest []byte
		for hear(br) {
			wire.Conn.Write(rest)
			wire.hold()
			io.WriteString(c, fine)
			io.WriteString(c, strings.Replace(fine, "{}", "[]", 1))
			rest = wire.flush(20)
		}
	})
	c := client(t, o)
	for range 3 {
		a, err := c.Do(t.Context(), post(url))
		if err != nil || string(a.Body) != "{}" {
			t.Fatalf("POST: answer %+v, error %v", a, err)
		}
	}
	if n := conns.Load(); n != 3 {
		t.Errorf("%d connections, want 3", n)
	}
}

func TestConnectionsAreKeptTLS(t *testing.T) {
	url, o, conns := sealed(t, func(c *tls.Conn, _ *batch, br *bufio.Reader) {
		for hear(br) {
			io.WriteString(c, fine)
		}
	})
	c := client(t, o)
	for range 5 {
		if _, err := c.Do(t.Context(), post(url)); err != nil {
			t.Errorf("POST: %v", err)
		}
	}
	if n := conns.Load(); n != 1 {
		t.Errorf("%d connections, want 1", n)
	}
}

// TestTurnsComeBack: exchanges that ended before they began take no turn with them, nor does the time-out of one outlive it.
func TestTurnsComeBack(t *testing.T) {
	url, conns := script(t, func(c net.Conn, br *bufio.Reader) {
		for hear(br) {
			io.WriteString(c, fine)
		}
	})
	c := client(t, Options{Concurrency: 2, Timeout: 5 * time.Second})
	short, stop := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer stop()
	if _, err := c.Do(short, post(url)); err != nil {
		t.Fatalf("POST: %v", err)
	}
	<-short.Done()
	for range 3 {
		if _, err := c.Do(short, post(url)); !errors.Is(err, payment.ErrNotSent) {
			t.Errorf("too late: error %v, want kind %v", err, payment.ErrNotSent)
		}
	}
	if _, err := c.Do(t.Context(), post(url)); err != nil {
		t.Errorf("POST: %v", err)
	}
	if n := conns.Load(); n > 2 {
		t.Errorf("%d connections", n)
	}
}

// TestHeadersAsTheyAre: what cannot be written as it is, is not sent in another form.
func TestHeadersAsTheyAre(t *testing.T) {
	var arrivals atomic.Int32
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { arrivals.Add(1) }))
	defer srv.Close()
	c := client(t, Options{})
	for _, h := range []http.Header{{"Idempotency-Key": {"a\nb"}}, {"Idempotency-Key": {"a\x01b"}}, {"Bad Name": {"x"}}, {"Host": {"x"}}, {"content-length": {"9"}}} {
		q := post(srv.URL)
		q.Header = h
		if _, err := c.Do(t.Context(), q); !errors.Is(err, payment.ErrNotSent) {
			t.Errorf("header %q: error %v, want kind %v", h, err, payment.ErrNotSent)
		}
	}
	if n := arrivals.Load(); n > 0 {
		t.Errorf("%d arrived", n)
	}
	q := post(srv.URL)
	q.Header = nil
	if _, err := c.Do(t.Context(), q); err != nil {
		t.Errorf("without a header: %v", err)
	}
}

func TestHead(t *testing.T) {
	open, sealed := &url.URL{Scheme: "http", Host: "proxy:3128", User: url.UserPassword("u", "p")}, &url.URL{Scheme: "https", Host: "proxy:3128"}
	tests := []struct {
		url, method string
		proxy       *url.URL
		want        string
	}{
		{"https://psp.example/v1/x?a=b%20c", "GET", nil, "GET /v1/x?a=b%20c HTTP/1.1|Host: psp.example|X: y|"},
		{"https://psp.example:8443", "POST", nil, "POST / HTTP/1.1|Host: psp.example:8443|X: y|Content-Length: 2|"},
		{"https://psp.example:/", "GET", nil, "GET / HTTP/1.1|Host: psp.example|X: y|"},
		{"https://société.example/", "GET", nil, "GET / HTTP/1.1|Host: xn--socit-esab.example|X: y|"},
		{"http://[fe80::1%25eth0]:80/", "GET", nil, "GET / HTTP/1.1|Host: [fe80::1]:80|X: y|"},
		{"http://[::1]/a%2Fb", "GET", nil, "GET /a%2Fb HTTP/1.1|Host: [::1]|X: y|"},
		{"http://under_score/", "GET", nil, "GET / HTTP/1.1|Host: under_score|X: y|"},
		{"http://psp.example/x", "POST", open, "POST http://psp.example/x HTTP/1.1|Host: psp.example|X: y|Proxy-Authorization: Basic dTpw|Content-Length: 2|"},
		{"https://psp.example/x", "POST", open, "POST /x HTTP/1.1|Host: psp.example|X: y|Content-Length: 2|"},
		{"http://psp.example/x", "GET", sealed, "GET http://psp.example/x HTTP/1.1|Host: psp.example|X: y|"},
	}
	for _, tt := range tests {
		w, ok := client(t, Options{}).way(tt.url)
		if !ok {
			t.Fatal("no way")
		}
		host, _, err := endpoint(w.URL)
		if err != nil {
			t.Errorf("%s: %v", tt.url, err)
			continue
		}
		q := &Request{Method: tt.method, Header: http.Header{"X": {"y"}}}
		if tt.method == http.MethodPost {
			q.Body = []byte("{}")
		}
		head := appendHead(nil, w, hostHeader(host, w.Port()), q, tt.proxy)
		if got := strings.ReplaceAll(string(head), "\r\n", "|"); got != tt.want+"|" {
			t.Errorf("%s:\n got %s\nwant %s|", tt.url, got, tt.want)
		}
	}
}
