package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

type call struct{ method, path, key, body string }

func request(ref, part string) string {
	return `{"reference":` + quoted(ref) + `,"part":` + quoted(part) + `,"amount":{"value":1200,"currency":"EUR"}}`
}

func do(t *testing.T, h http.Handler, c call) (int, string) {
	t.Helper()
	r := httptest.NewRequest(c.method, c.path, strings.NewReader(c.body))
	if c.key != "" {
		r.Header.Set("Idempotency-Key", c.key)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

func TestDoubles(t *testing.T) {
	post := func(key, ref, part string) call {
		return call{"POST", "/payment-requests", key, request(ref, part)}
	}
	operation := func(key, ref string) call { return call{"POST", "/operations", key, request(ref, "")} }
	tests := []struct {
		name       string
		idempotent bool
		calls      []call
		want       stats
	}{
		{"once each", false, []call{post("k1", "A", ""), post("k2", "B", "")}, stats{Requests: 2, Accepted: 2, Documents: 2}},
		{"same key, honoured", true, []call{post("k1", "A", ""), post("k1", "A", "")}, stats{Requests: 2, Accepted: 1, Documents: 1, Replayed: 1}},
		{"same key, not honoured", false, []call{post("k1", "A", ""), post("k1", "A", "")}, stats{Requests: 2, Accepted: 1, Documents: 1, Replayed: 1, Doubled: 1}},
		{"same reference, other key", true, []call{post("k1", "A", ""), post("k2", "A", "")}, stats{Requests: 2, Accepted: 2, Documents: 1, Doubled: 1}},
		{"two parts", true, []call{post("k1", "A", "1"), post("k2", "A", "2")}, stats{Requests: 2, Accepted: 2, Documents: 2}},
		{"two operations on one reference", true, []call{operation("k1", "A"), operation("k2", "A")}, stats{Requests: 2, Accepted: 2}},
		{"no key", true, []call{post("", "A", "")}, stats{Requests: 1, Refused: 1}},
		{"no JSON", true, []call{{"POST", "/payment-requests", "k1", "{"}}, stats{Requests: 1, Refused: 1}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newServer(options{idempotent: tt.idempotent})
			for _, c := range tt.calls {
				do(t, s.routes(), c)
			}
			got := s.stats()
			got.Bytes, got.MaxActive, got.PerSecond = 0, 0, 0
			if got != tt.want {
				t.Errorf("after %d calls, stats = %+v, want %+v", len(tt.calls), got, tt.want)
			}
		})
	}
}

func TestLookup(t *testing.T) {
	s := newServer(options{})
	h := s.routes()
	find := call{"GET", "/payment-requests?idempotency_key=k1", "", ""}
	if code, body := do(t, h, find); code != 200 || body != `{"data":[]}` {
		t.Errorf("look-up before the request = %d %s, want 200 and no data", code, body)
	}
	code, made := do(t, h, call{"POST", "/payment-requests", "k1", request("FA \"1\"", "")})
	if code != http.StatusCreated {
		t.Fatalf("POST = %d %s, want 201", code, made)
	}
	if code, body := do(t, h, find); code != 200 || body != `{"data":[`+made+`]}` {
		t.Errorf("look-up = %d %s, want 200 and %s", code, body, made)
	}
	var o struct {
		ID, State, Reference string
		Amount               struct {
			Value    int64
			Currency string
		}
	}
	if err := json.Unmarshal([]byte(made), &o); err != nil {
		t.Fatalf("answer %s: %v", made, err)
	}
	if o.State != "open" || o.Reference != `FA "1"` || o.Amount.Value != 1200 || o.Amount.Currency != "EUR" {
		t.Errorf("answer %s: got %+v, want the open request with its amount", made, o)
	}
	if code, body := do(t, h, call{"GET", "/payment-requests/" + o.ID, "", ""}); code != 200 || body != made {
		t.Errorf("GET by id = %d %s, want 200 %s", code, body, made)
	}
	if code, _ := do(t, h, call{"GET", "/payment-requests/pr_1", "", ""}); code != 404 {
		t.Errorf("GET of an unknown id = %d, want 404", code)
	}
	do(t, h, call{"POST", "/_reset", "", ""})
	if got := s.stats(); got != (stats{}) {
		t.Errorf("after _reset, stats = %+v, want none", got)
	}
}

// An effect without an answer is the case that look-ups exist for.
func TestLostAnswerHasEffect(t *testing.T) {
	s := newServer(options{lost: 1})
	srv := httptest.NewServer(s.routes())
	defer srv.Close()
	r, err := http.NewRequestWithContext(t.Context(), "POST", srv.URL+"/payment-requests", strings.NewReader(request("A", "")))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Idempotency-Key", "k1")
	r.GetBody = nil // or the client sends it again by itself
	if resp, err := srv.Client().Do(r); err == nil {
		resp.Body.Close()
		t.Errorf("POST with a lost answer = %d, want an error", resp.StatusCode)
	}
	if got := s.stats(); got.Accepted != 1 || got.Faults != 1 {
		t.Errorf("stats = %+v, want 1 accepted and 1 fault", got)
	}
}

func TestRunServesUntilTold(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	pr, pw := io.Pipe()
	done := make(chan error, 1)
	go func() { done <- run(ctx, nil, pw, &bytes.Buffer{}) }()
	line, err := bufio.NewReader(pr).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	url := strings.TrimSpace(strings.TrimPrefix(line, "listening "))
	resp, err := http.Get(url + "/_stats")
	if err != nil {
		t.Fatalf("GET %s/_stats: %v", url, err)
	}
	resp.Body.Close()
	cancel()
	if err := <-done; err != nil {
		t.Errorf("run after its context ended = %v, want nil", err)
	}
}
