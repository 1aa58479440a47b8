package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// options are the faults and habits of this PSP.
type options struct {
	idempotent  bool
	latency     time.Duration
	fault, lost float64 // shares, 0 to 1
}

// stats is what GET /_stats tells.
type stats struct {
	Requests  int64   `json:"requests"`   // POSTs read
	Accepted  int64   `json:"accepted"`   // distinct keys taken
	Documents int64   `json:"documents"`  // distinct references (with part) of payment requests
	Replayed  int64   `json:"replayed"`   // POSTs under a key seen before
	Doubled   int64   `json:"doubled"`    // effects beyond a document's first: money asked for twice
	Lookups   int64   `json:"lookups"`    // GETs by idempotency key
	Reads     int64   `json:"reads"`      // GETs by id, and of /events
	Faults    int64   `json:"faults"`     // answered 503, or not at all, on purpose
	Refused   int64   `json:"refused"`    // no key, or no JSON
	Bytes     int64   `json:"bytes"`      // of POST bodies
	MaxActive int64   `json:"max_active"` // most POSTs in flight at once
	Conns     int64   `json:"conns"`      // connections accepted
	PerSecond float64 `json:"per_second"` // accepted, from the first POST's arrival to the last one's answer
}

// server is the PSP. What _reset forgets is in run.
type server struct {
	options
	now    func() time.Time
	run    atomic.Pointer[tally]
	active atomic.Int64
}

// tally is everything known since the last reset.
type tally struct {
	*ledger
	requests, lookups, reads, faults, refused, bytes, maxActive, conns, first, last atomic.Int64 // first, last: Unix ns
}

func newServer(o options) *server {
	s := &server{options: o, now: time.Now}
	s.reset()
	return s
}

func (s *server) reset() {
	t := &tally{ledger: newLedger()}
	s.run.Store(t)
}

func (s *server) connection(_ net.Conn, state http.ConnState) {
	if state == http.StateNew {
		s.run.Load().conns.Add(1)
	}
}

func (s *server) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /payment-requests", func(w http.ResponseWriter, r *http.Request) { s.post(w, r, false) })
	mux.HandleFunc("POST /operations", func(w http.ResponseWriter, r *http.Request) { s.post(w, r, true) })
	mux.HandleFunc("GET /payment-requests", s.lookup)
	mux.HandleFunc("GET /operations", s.lookup)
	mux.HandleFunc("GET /payment-requests/{id}", s.read)
	mux.HandleFunc("GET /events", func(w http.ResponseWriter, r *http.Request) {
		s.run.Load().reads.Add(1)
		reply(w, http.StatusOK, `{"data":[],"next":"0"}`)
	})
	mux.HandleFunc("GET /_stats", func(w http.ResponseWriter, r *http.Request) {
		b, err := json.Marshal(s.stats())
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		reply(w, http.StatusOK, string(b))
	})
	mux.HandleFunc("POST /_reset", func(w http.ResponseWriter, r *http.Request) { s.reset() })
	return mux
}

func (s *server) post(w http.ResponseWriter, r *http.Request, operation bool) {
	t := s.run.Load()
	t.first.CompareAndSwap(0, s.now().UnixNano())
	n := s.active.Add(1)
	defer s.active.Add(-1)
	raise(&t.maxActive, n)
	t.requests.Add(1)
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	if err != nil {
		return // cut while it was sent: it never arrived
	}
	t.bytes.Add(int64(len(body)))
	// The wait does not mind the client's death: what has arrived takes effect, as at a real PSP.
	if s.latency > 0 {
		time.Sleep(s.latency)
	}
	defer func() { raise(&t.last, s.now().UnixNano()) }()
	if s.fault > 0 && rand.Float64() < s.fault {
		t.faults.Add(1)
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	var in struct {
		Reference string `json:"reference"`
		Part      string `json:"part"`
		Amount    struct {
			Value    int64  `json:"value"`
			Currency string `json:"currency"`
		} `json:"amount"`
	}
	key := r.Header.Get("Idempotency-Key")
	if err := json.Unmarshal(body, &in); err != nil || key == "" {
		t.refused.Add(1)
		problem(w, http.StatusBadRequest, "malformed", "an Idempotency-Key and a JSON object are needed")
		return
	}
	e, repeated := t.take(key, effect{operation: operation, reference: in.Reference, part: in.Part,
		value: in.Amount.Value, currency: in.Amount.Currency}, s.idempotent)
	if s.lost > 0 && rand.Float64() < s.lost {
		t.faults.Add(1)
		if c, _, err := http.NewResponseController(w).Hijack(); err == nil {
			c.Close() // cutting is the point
		}
		return
	}
	code := http.StatusCreated
	if operation || repeated {
		code = http.StatusOK
	}
	reply(w, code, e.json(t.id(key)))
}

func (s *server) lookup(w http.ResponseWriter, r *http.Request) {
	t := s.run.Load()
	t.lookups.Add(1)
	id := t.id(r.URL.Query().Get("idempotency_key"))
	if e, ok := t.find(id); ok {
		reply(w, http.StatusOK, `{"data":[`+e.json(id)+`]}`)
		return
	}
	reply(w, http.StatusOK, `{"data":[]}`)
}

func (s *server) read(w http.ResponseWriter, r *http.Request) {
	t := s.run.Load()
	t.reads.Add(1)
	id, err := strconv.ParseUint(strings.TrimPrefix(r.PathValue("id"), "pr_"), 16, 64)
	if e, ok := t.find(id); err == nil && ok {
		reply(w, http.StatusOK, e.json(id))
		return
	}
	problem(w, http.StatusNotFound, "unknown", "no such payment request")
}

// json is the object as the PSP shows it: a request nobody has paid yet, or an operation done.
func (e effect) json(id uint64) string {
	ref, cur, amount := quoted(e.reference), quoted(e.currency), "null"
	if e.currency != "" {
		amount = fmt.Sprintf(`{"value":%d,"currency":%s}`, e.value, cur)
	}
	if e.operation {
		return fmt.Sprintf(`{"id":"op_%016x","state":"done","reference":%s,"transaction_id":"T-%016x","transaction_state":"","amount":%s,"code":"","message":""}`,
			id, ref, id, amount)
	}
	return fmt.Sprintf(`{"id":"pr_%016x","state":"open","reference":%s,"part":%s,"link":"https://pay.example/r/%016x","amount":%s,`+
		`"paid":{"value":0,"currency":%s},"method":"","transaction_id":"","updated_at":"2026-11-22T12:00:00Z"}`,
		id, ref, quoted(e.part), id, amount, cur)
}

// quoted is s as a JSON string.
func quoted(s string) string {
	b, err := json.Marshal(s)
	if err != nil { // no string fails
		return `""`
	}
	return string(b)
}

func (s *server) stats() stats {
	t := s.run.Load()
	v := stats{Requests: t.requests.Load(), Accepted: t.keys.Load(), Documents: t.docs.Load(), Replayed: t.again.Load(),
		Doubled: t.more.Load(), Lookups: t.lookups.Load(), Reads: t.reads.Load(), Faults: t.faults.Load(),
		Refused: t.refused.Load(), Bytes: t.bytes.Load(), MaxActive: t.maxActive.Load(), Conns: t.conns.Load()}
	if d := t.last.Load() - t.first.Load(); d > 0 {
		v.PerSecond = float64(v.Accepted) / time.Duration(d).Seconds()
	}
	return v
}

// raise makes v at least n.
func raise(v *atomic.Int64, n int64) {
	for m := v.Load(); n > m && !v.CompareAndSwap(m, n); m = v.Load() {
	}
}

func reply(w http.ResponseWriter, code int, body string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	io.WriteString(w, body) // a client gone is the client's affair
}

func problem(w http.ResponseWriter, code int, name, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(code)
	fmt.Fprintf(w, `{"code":%s,"detail":%s}`, quoted(name), quoted(detail))
}
