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

func client(t *testing.T, o Options) *Client {
	t.Helper()
	c, err := NewClient(o)
	if err != nil {
		t.Fatalf("NewClient(%+v): %v", o, err)
	}
	t.Cleanup(c.Close)
	return c
}

func post(url string) *Request {
	return &Request{Method: http.MethodPost, URL: url, Header: http.Header{"Idempotency-Key": {"k-0123456789abcdef"}}, Body: []byte(`{"reference":"FA26-1"}`)}
}

// breaker is a server that answers the first request of each connection and hangs up once it has read the second.
func breaker(t *testing.T) (url string, arrivals *atomic.Int32) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	arrivals = new(atomic.Int32)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				br := bufio.NewReader(c)
				for n := 1; ; n++ {
					r, err := http.ReadRequest(br)
					if err != nil {
						return
					}
					io.Copy(io.Discard, r.Body)
					arrivals.Add(1)
					if n == 2 {
						return
					}
					io.WriteString(c, "HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}")
				}
			}()
		}
	}()
	return "http://" + l.Addr().String(), arrivals
}

// TestNoSilentResend is the trap of net/http: it takes a POST with an Idempotency-Key for replayable.
func TestNoSilentResend(t *testing.T) {
	url, arrivals := breaker(t)
	c := client(t, Options{})
	if _, err := c.Do(t.Context(), post(url)); err != nil {
		t.Fatalf("first POST: %v", err)
	}
	_, err := c.Do(t.Context(), post(url))
	if !errors.Is(err, payment.ErrUncertain) {
		t.Errorf("second POST: error %v, want kind %v", err, payment.ErrUncertain)
	}
	if n := arrivals.Load(); n != 2 {
		t.Errorf("2 POSTs arrived %d times", n)
	}
	// An empty body must not open the trap again.
	for _, body := range [][]byte{nil, {}} {
		url, arrivals := breaker(t)
		q := post(url)
		q.Body = body
		for range 2 {
			c.Do(t.Context(), q)
		}
		if n := arrivals.Load(); n != 2 {
			t.Errorf("2 POSTs with body %#v arrived %d times", body, n)
		}
	}
}

// TestNoSilentResendControl shows that the server above catches one who falls into the trap.
func TestNoSilentResendControl(t *testing.T) {
	url, arrivals := breaker(t)
	tr := &http.Transport{}
	defer tr.CloseIdleConnections()
	for range 2 {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, bytes.NewReader([]byte("{}"))) // sets GetBody
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Idempotency-Key", "k-0123456789abcdef")
		resp, err := tr.RoundTrip(req)
		if err != nil {
			t.Fatalf("net/http no longer resends by itself (%v): this test has lost its point", err)
		}
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
	}
	if n := arrivals.Load(); n != 3 {
		t.Errorf("2 POSTs of a naive client arrived %d times, want 3: the trap is not set", n)
	}
}

func TestNotSent(t *testing.T) {
	var arrivals atomic.Int32
	count := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { arrivals.Add(1) })
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone.Close()
	untrusted := httptest.NewTLSServer(count)
	defer untrusted.Close()
	old := httptest.NewUnstartedServer(count)
	old.TLS = &tls.Config{MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10}
	old.StartTLS()
	defer old.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: old.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	mute, err := net.Listen("tcp", "127.0.0.1:0") // takes connections, says nothing: no TLS ever
	if err != nil {
		t.Fatal(err)
	}
	defer mute.Close()
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { http.Error(w, "no", http.StatusBadGateway) }))
	defer proxy.Close()

	tests := []struct {
		name string
		url  string
		o    Options
	}{
		{"refused connection", "http://" + gone.Addr().String(), Options{}},
		{"untrusted certificate", untrusted.URL, Options{}},
		{"TLS 1.1", old.URL, Options{CA: ca}},
		{"TLS handshake without end", "https://" + mute.Addr().String(), Options{Timeout: 50 * time.Millisecond}},
		{"proxy that will not connect", "https://psp.example", Options{Proxy: proxy.URL}},
		{"no such scheme", "gopher://psp.example", Options{}},
		{"no URL", "http://[::1", Options{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := client(t, tt.o).Do(t.Context(), post(tt.url))
			if !errors.Is(err, payment.ErrNotSent) || errors.Is(err, payment.ErrUncertain) {
				t.Errorf("error %v, want kind %v", err, payment.ErrNotSent)
			}
			if CodeOf(err) != CodeUnreachable {
				t.Errorf("code %q, want %q", CodeOf(err), CodeUnreachable)
			}
		})
	}
	if n := arrivals.Load(); n != 0 {
		t.Errorf("%d requests arrived, want none", n)
	}
}

func TestUncertain(t *testing.T) {
	hold := make(chan struct{})
	arrived := make(chan struct{}, 8)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		arrived <- struct{}{}
		switch r.URL.Path {
		case "/hang":
			select {
			case <-hold:
			case <-r.Context().Done():
			}
		case "/cut":
			c, _, err := w.(http.Hijacker).Hijack()
			if err == nil {
				c.Close()
			}
		case "/nonsense":
			c, _, err := w.(http.Hijacker).Hijack()
			if err == nil {
				io.WriteString(c, "Bearer s3cr3t-token is not HTTP\r\n\r\n")
				c.Close()
			}
		}
	}))
	defer srv.Close()
	defer close(hold)

	t.Run("cut", func(t *testing.T) {
		if _, err := client(t, Options{}).Do(t.Context(), post(srv.URL+"/cut")); !errors.Is(err, payment.ErrUncertain) {
			t.Errorf("error %v, want kind %v", err, payment.ErrUncertain)
		}
	})
	t.Run("time-out", func(t *testing.T) {
		_, err := client(t, Options{Timeout: 500 * time.Millisecond}).Do(t.Context(), post(srv.URL+"/hang"))
		if !errors.Is(err, payment.ErrUncertain) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v, want kinds %v and %v", err, payment.ErrUncertain, context.DeadlineExceeded)
		}
	})
	for len(arrived) > 0 {
		<-arrived
	}
	t.Run("cancelled in flight, and one in the queue behind it", func(t *testing.T) {
		c := client(t, Options{Concurrency: 1})
		ctx, cancel := context.WithCancel(t.Context())
		first := make(chan error, 1)
		go func() {
			_, err := c.Do(ctx, post(srv.URL+"/hang"))
			first <- err
		}()
		<-arrived
		queued, stop := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer stop()
		if _, err := c.Do(queued, post(srv.URL+"/cut")); !errors.Is(err, payment.ErrNotSent) {
			t.Errorf("in the queue for a connection: error %v, want kind %v", err, payment.ErrNotSent)
		}
		cancel()
		if err := <-first; !errors.Is(err, payment.ErrUncertain) || !errors.Is(err, context.Canceled) {
			t.Errorf("error %v, want kinds %v and %v", err, payment.ErrUncertain, context.Canceled)
		}
	})
	t.Run("no HTTP, and a secret in it", func(t *testing.T) {
		_, err := client(t, Options{Secrets: []Secret{"s3cr3t-token"}}).Do(t.Context(), post(srv.URL+"/nonsense"))
		if !errors.Is(err, payment.ErrUncertain) || strings.Contains(err.Error(), "s3cr3t") {
			t.Errorf("error %v, want kind %v, without the secret", err, payment.ErrUncertain)
		}
		for _, e := range err.(interface{ Unwrap() []error }).Unwrap() {
			if strings.Contains(e.Error(), "s3cr3t") {
				t.Errorf("wrapped error %v holds the secret", e)
			}
		}
	})
}

func TestAnswers(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/large":
			w.Write(bytes.Repeat([]byte("x"), MaxBody+1))
		case "/largest":
			w.Write(bytes.Repeat([]byte("x"), MaxBody))
		case "/short":
			w.Header().Set("Content-Length", "10")
			io.WriteString(w, "{}")
		case "/redirect":
			http.Redirect(w, r, "/ok", http.StatusTemporaryRedirect)
		case "/type":
			w.Header().Set("Content-Type", `Application/Problem+JSON; charset="utf-8"`)
			w.Header().Set("Retry-After", "9")
			w.WriteHeader(http.StatusTooManyRequests)
		}
	}))
	defer srv.Close()
	tests := []struct {
		path   string
		status int
		cut    bool
		kind   string
		wait   time.Duration
	}{
		{"/large", 200, true, "text/plain", 0},
		{"/largest", 200, false, "text/plain", 0},
		{"/short", 200, true, "text/plain", 0},
		{"/redirect", 307, false, "", 0},
		{"/type", 429, false, "application/problem+json", 9 * time.Second},
	}
	c := client(t, Options{})
	for _, tt := range tests {
		a, err := c.Do(t.Context(), post(srv.URL+tt.path))
		if err != nil {
			t.Errorf("%s: %v", tt.path, err)
			continue
		}
		if a.Status != tt.status || a.Cut != tt.cut || a.Type != tt.kind || a.Wait != tt.wait {
			t.Errorf("%s: status %d, cut %v, type %q, wait %v; want %d, %v, %q, %v", tt.path, a.Status, a.Cut, a.Type, a.Wait, tt.status, tt.cut, tt.kind, tt.wait)
		}
	}
}

// TestConnectionsAreKept: a body that is read to its end keeps its connection, and there are never more than asked for.
func TestConnectionsAreKept(t *testing.T) {
	var conns atomic.Int32
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusUnprocessableEntity)
		w.Write(bytes.Repeat([]byte("x"), 100_000))
	}))
	srv.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			conns.Add(1)
		}
	}
	srv.Start()
	defer srv.Close()
	c := client(t, Options{Concurrency: 2})
	done := make(chan struct{})
	for range 4 {
		go func() {
			defer func() { done <- struct{}{} }()
			for range 25 {
				if _, err := c.Do(t.Context(), post(srv.URL)); err != nil {
					t.Errorf("POST: %v", err)
				}
			}
		}()
	}
	for range 4 {
		<-done
	}
	if n := conns.Load(); n > 2 {
		t.Errorf("100 POSTs at concurrency 2 opened %d connections, want at most 2", n)
	}
}

func TestTLSWithOwnCA(t *testing.T) {
	srv := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		if r.URL.Path == "/cut" {
			if c, _, err := w.(http.Hijacker).Hijack(); err == nil {
				c.Close()
			}
		}
		if r.ProtoMajor != 1 {
			t.Errorf("protocol %s, want HTTP/1.1", r.Proto)
		}
	}))
	defer srv.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	c := client(t, Options{CA: ca})
	if a, err := c.Do(t.Context(), post(srv.URL)); err != nil || a.Status != 200 {
		t.Fatalf("answer %+v, error %v; want 200", a, err)
	}
	// The metered connection is found beneath TLS too: what was written is in doubt.
	if _, err := c.Do(t.Context(), post(srv.URL+"/cut")); !errors.Is(err, payment.ErrUncertain) {
		t.Errorf("cut: error %v, want kind %v", err, payment.ErrUncertain)
	}
}

func TestNewClientRefuses(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, o := range []Options{{CA: "/nowhere/ca.pem"}, {CA: empty}, {ClientCert: empty, ClientKey: empty}, {ClientCert: empty}, {Proxy: "proxy.example"}, {Proxy: "http://user:pass%zz@p"}} {
		if _, err := NewClient(o); err == nil {
			t.Errorf("NewClient(%+v): no error", o)
		} else if strings.Contains(err.Error(), "pass") {
			t.Errorf("NewClient: error %v shows the proxy's password", err)
		}
	}
}

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
		{"nothing but interim answers", strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", 9), 0, 2, false, true},
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
			u, err := url.Parse(q.URL)
			if err != nil {
				t.Fatal(err)
			}
			m := &metered{Conn: &narrow{left: tt.takes}}
			_, err = c.over(t.Context(), c.pool(u), newConn(m, m), u, q, time.Now().Add(time.Second))
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
