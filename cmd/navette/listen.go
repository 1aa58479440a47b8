package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/rs/zerolog"

	"github.com/navette-connect/navette/connector"
	"github.com/navette-connect/navette/connector/journal"
)

// maxNotice bounds the body of a notification, in bytes (contract §6).
const maxNotice = 256 << 10

// listener serves health, metrics, notifications and the customers' pages. Nothing else on it shows or changes data.
type listener struct {
	journal   *journal.Journal
	gather    prometheus.Gatherer
	log       zerolog.Logger
	connector atomic.Pointer[connector.Connector]
	address   string
	extra     http.Handler // the demo's sandbox
	lang      string       // of pages, for customers whose language is not known
	visits    visits
}

// serve makes c the connector that notifications go to.
func (l *listener) serve(c *connector.Connector) { l.connector.Store(c) }

// start listens at address ("off": nowhere) until the returned function is called.
func (l *listener) start(address string) (stop func() error, err error) {
	if address == "off" {
		return func() error { return nil }, nil
	}
	l.address, stop, err = listenAt(address, "NAVETTE_LISTEN", l.handler())
	return stop, err
}

// startPublic listens at a second address for what the Internet may see alone: notifications and pages. "" is nowhere.
func (l *listener) startPublic(address string) (stop func() error, err error) {
	if address == "" {
		return func() error { return nil }, nil
	}
	mux := http.NewServeMux()
	l.public(mux)
	_, stop, err = listenAt(address, "NAVETTE_PUBLIC_LISTEN", mux)
	return stop, err
}

func listenAt(address, setting string, h http.Handler) (bound string, stop func() error, err error) {
	at, err := net.Listen("tcp", address)
	if err != nil {
		return "", nil, fmt.Errorf("listen: %w (%s sets the address)", err, setting)
	}
	srv := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 15 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10}
	done := make(chan error, 1)
	go func() { done <- srv.Serve(at) }()
	return at.Addr().String(), func() error {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		err := srv.Shutdown(ctx)
		if served := <-done; !errors.Is(served, http.ErrServerClosed) {
			err = errors.Join(err, served)
		}
		return err
	}, nil
}

func (l *listener) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok\n") })
	mux.HandleFunc("GET /readyz", l.ready)
	mux.Handle("GET /metrics", promhttp.HandlerFor(l.gather, promhttp.HandlerOpts{}))
	l.public(mux)
	if l.extra != nil {
		mux.Handle("/", l.extra)
	}
	return mux
}

// public adds what PSPs and customers reach.
func (l *listener) public(mux *http.ServeMux) {
	mux.HandleFunc("POST /hooks/{gateway}", l.hook)
	mux.HandleFunc("GET /hooks/{gateway}", l.hookByQuery)
	mux.HandleFunc("GET /pay/{token}", l.pay)
	mux.HandleFunc("GET /pay/{token}/back", l.back)
	mux.HandleFunc("POST /pay/{token}/back", l.back)
}

// ready tells whether the journal can be written. A transport or gateway that is down is told as degraded: still ready.
func (l *listener) ready(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 5*time.Second)
	defer cancel()
	answer := struct {
		Ready    bool              `json:"ready"`
		Degraded map[string]string `json:"degraded,omitempty"`
	}{Ready: true}
	w.Header().Set("Content-Type", "application/json")
	if err := l.journal.Ready(ctx); err != nil {
		answer.Ready = false
		answer.Degraded = map[string]string{"journal": err.Error()}
	} else if c := l.connector.Load(); c != nil {
		answer.Degraded = map[string]string{}
		for what := range c.Troubles() { // what, and not why: the why is for the log
			answer.Degraded[what] = "down"
		}
		if answer.Degraded["record"] != "" { // a page may fit on a full disk where answers do not
			answer.Ready = false
		}
		for _, gateway := range c.Stopped() {
			answer.Degraded["gateway:"+gateway] = "stopped"
		}
	}
	if !answer.Ready {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	if err := json.NewEncoder(w).Encode(answer); err != nil {
		l.log.Debug().Err(err).Msg("readyz")
	}
}

// hookByQuery takes a notification that came as the query of a GET, as some PSPs send theirs; without one there is nothing.
func (l *listener) hookByQuery(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet || r.URL.RawQuery == "" {
		w.Header().Set("Allow", http.MethodPost)
		http.Error(w, http.StatusText(http.StatusMethodNotAllowed), http.StatusMethodNotAllowed)
		return
	}
	r.Body = io.NopCloser(strings.NewReader(r.URL.RawQuery)) // the bytes as they came: they are signed
	l.hook(w, r)
}

// hook takes a notification: 2xx only once it is durably noted, 401 when forged or old.
func (l *listener) hook(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxNotice))
	if err != nil {
		var large *http.MaxBytesError
		if errors.As(err, &large) {
			http.Error(w, "too large", http.StatusRequestEntityTooLarge)
			return
		}
		http.Error(w, "unreadable", http.StatusBadRequest)
		return
	}
	c := l.connector.Load()
	if c == nil {
		http.Error(w, "not ready", http.StatusServiceUnavailable)
		return
	}
	switch err := c.Hook(r.Context(), r.PathValue("gateway"), r.Header, body); {
	case err == nil:
		w.WriteHeader(http.StatusNoContent)
	case errors.Is(err, connector.ErrNoHook):
		http.NotFound(w, r)
	case errors.Is(err, connector.ErrForged):
		l.log.Warn().Str("event", "hook.refused").Str("gateway", r.PathValue("gateway")).Err(err).Msg("a notification was refused")
		http.Error(w, "not authentic", http.StatusUnauthorized)
	default:
		l.log.Error().Str("event", "hook.failed").Err(err).Msg("a notification could not be noted; the PSP is to send it again")
		http.Error(w, "try again", http.StatusServiceUnavailable)
	}
}
