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
	"os"
	"path/filepath"
	"strings"
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
