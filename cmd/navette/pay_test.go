package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/navette-connect/navette/connector"
	"github.com/navette-connect/navette/connector/journal"
	"github.com/navette-connect/navette/connector/journal/sqlite"
)

func payListener(t *testing.T) *listener {
	j, err := sqlite.Open(t.Context(), t.TempDir(), journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	l := &listener{journal: j, log: zerolog.Nop(), lang: "fr"}
	l.serve(connector.New(connector.Setup{Journal: j, Log: zerolog.Nop(), PublicURL: "https://pay.example"}))
	return l
}

func visit(l *listener, method, path string, header http.Header) *http.Response {
	mux := http.NewServeMux()
	l.public(mux)
	r := httptest.NewRequest(method, path, nil)
	r.Header = header
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, r)
	return w.Result()
}

const noToken = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

// What stands on the public address: pages and notifications, nothing else; and each page is closed to scripts, frames,
// caches and foreign forms.
func TestPublicRoutes(t *testing.T) {
	l := payListener(t)
	for _, tt := range []struct {
		method, path string
		status       int
	}{
		{"GET", "/pay/" + noToken, 404}, {"GET", "/pay/short", 404}, {"GET", "/pay/" + noToken + "/back", 404}, {"POST", "/pay/" + noToken + "/back", 404},
		{"POST", "/pay/" + noToken, 405}, {"GET", "/pay/", 404}, {"GET", "/healthz", 404}, {"GET", "/metrics", 404}, {"POST", "/hooks/none", 404}, {"GET", "/hooks/none", 405}, {"HEAD", "/hooks/none?K=x", 405}, {"GET", "/hooks/none?K=x", 404}, {"HEAD", "/pay/" + noToken, 200},
	} {
		r := visit(l, tt.method, tt.path, http.Header{})
		if r.StatusCode != tt.status {
			t.Errorf("%s %s: %d, want %d", tt.method, tt.path, r.StatusCode, tt.status)
		}
		if !strings.HasPrefix(tt.path, "/pay/"+noToken) || tt.status == 405 {
			continue
		}
		for name, want := range map[string]string{"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff"} {
			if got := r.Header.Get(name); got != want {
				t.Errorf("%s %s: %s %q, want %q", tt.method, tt.path, name, got, want)
			}
		}
		csp := r.Header.Get("Content-Security-Policy")
		for _, want := range []string{"default-src 'none'", "form-action 'none'", "frame-ancestors 'none'", "base-uri 'none'"} {
			if !strings.Contains(csp, want) || strings.Contains(csp, "unsafe") {
				t.Errorf("%s %s: policy %q, want %s", tt.method, tt.path, csp, want)
			}
		}
	}
}

func TestVisitorLanguage(t *testing.T) {
	l := &listener{lang: "en"}
	for accept, want := range map[string]string{"": "en", "fr-FR,fr;q=0.9,en;q=0.8": "fr", "en-GB,fr;q=0.5": "en", "de,fr;q=0.3,en;q=0.2": "fr", "de": "en", "fr;q=0, en;q=0.1": "en", "fr;q=x": "en", ";;,": "en"} {
		r := httptest.NewRequest("GET", "/pay/x", nil)
		r.Header.Set("Accept-Language", accept)
		if got := l.visitor(r); got != want {
			t.Errorf("%q: %s, want %s", accept, got, want)
		}
	}
}

// Who guesses tokens is slowed down; others are not.
func TestGuessesAreSlowedDown(t *testing.T) {
	l := payListener(t)
	from := func(address string) int {
		mux := http.NewServeMux()
		l.public(mux)
		r := httptest.NewRequest("GET", "/pay/"+noToken[:31]+"B", nil)
		r.RemoteAddr = address
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		return w.Code
	}
	slowed := false
	for range 200 {
		slowed = slowed || from("192.0.2.1:1") == http.StatusTooManyRequests
	}
	if !slowed {
		t.Error("200 guesses in a row were all answered")
	}
	l.visits = visits{}
	if got := from("192.0.2.2:1"); got != http.StatusNotFound {
		t.Errorf("another visitor: %d, want 404", got)
	}
}
