package sandbox

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/navette-connect/navette/connector/gateway/simkit"
)

// maxBody bounds the bodies the sandbox reads, in bytes.
const maxBody = 1 << 20

// Handler serves the generic gateway's protocol, the customers' page /pay/{id}, and for tests: GET /_ledger, GET and POST
// /_faults, POST /_act. The last three ask for no token: keep the sandbox on the loopback.
func (p *PSP) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("POST /payment-requests", p.guarded(p.servePost(true)))
	mux.Handle("POST /operations", p.guarded(p.servePost(false)))
	mux.Handle("GET /payment-requests", p.guarded(p.serveLookup(true)))
	mux.Handle("GET /operations", p.guarded(p.serveLookup(false)))
	mux.Handle("GET /payment-requests/{id}", p.guarded(p.serveRead))
	mux.Handle("GET /events", p.guarded(p.serveFeed))
	mux.HandleFunc("GET /pay/{id}", p.servePage)
	mux.HandleFunc("POST /pay/{id}", p.serveChoice)
	mux.HandleFunc("GET /_ledger", p.serveLedger)
	mux.HandleFunc("GET /_faults", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, http.StatusOK, p.FaultsNow()) })
	mux.HandleFunc("POST /_faults", p.serveFaults)
	mux.HandleFunc("POST /_act", p.serveAct)
	return mux
}

// guarded asks for the bearer token.
func (p *PSP) guarded(h http.HandlerFunc) http.Handler {
	want := sha256.Sum256([]byte("Bearer " + string(p.opts.Token)))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got := sha256.Sum256([]byte(r.Header.Get("Authorization")))
		if p.opts.Token != "" && subtle.ConstantTimeCompare(got[:], want[:]) != 1 {
			writeProblem(w, problem(http.StatusUnauthorized, "token_wrong", "the bearer token is missing or wrong").problem)
			return
		}
		h(w, r)
	})
}

// wire is the body of a POST, both kinds.
type wire struct {
	Operation     string `json:"operation"`
	Reference     string `json:"reference"`
	Part          string `json:"part"`
	Amount        *money `json:"amount"`
	Label         string `json:"label"`
	PaymentID     string `json:"payment_id"`
	TransactionID string `json:"transaction_id"`
	Date          string `json:"date"`
	Capture       struct {
		Mode string `json:"mode"`
	} `json:"capture"`
	Customer struct {
		Email string `json:"email"`
	} `json:"customer"`
}

func readOrder(body []byte, key string, request bool) (order, error) {
	var b wire
	if err := json.Unmarshal(body, &b); err != nil {
		return order{}, err
	}
	sum := sha256.Sum256(body)
	o := order{Key: key, Body: hex.EncodeToString(sum[:]), Operation: b.Operation, Reference: b.Reference, Part: b.Part, Amount: b.Amount, Label: b.Label,
		Capture: b.Capture.Mode, PaymentID: b.PaymentID, TransactionID: b.TransactionID, Date: b.Date, echo: b.Customer.Email}
	if request {
		o.Operation = requestOrder
	}
	return o, nil
}

func (p *PSP) servePost(request bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		if err != nil {
			writeProblem(w, problem(http.StatusRequestEntityTooLarge, "body_unreadable", "the body did not come whole, or is too large").problem)
			return
		}
		key := r.Header.Get("Idempotency-Key")
		if len(key) < 16 || len(key) > 64 || strings.Trim(key, keyChars) != "" {
			writeProblem(w, problem(http.StatusBadRequest, "key_invalid", "Idempotency-Key must be 16 to 64 of A-Z a-z 0-9 _ -").problem)
			return
		}
		o, err := readOrder(body, key, request)
		if err != nil {
			writeProblem(w, problem(http.StatusBadRequest, "body_invalid", "the body is not the JSON that was expected").problem)
			return
		}
		o.echo = r.Header.Get("Authorization") + " " + o.echo
		reply, latency, err := p.post(o)
		if err != nil {
			writeProblem(w, problem(http.StatusInternalServerError, "sandbox_broken", "the sandbox cannot keep its file").problem)
			return
		}
		if !simkit.Sleep(r.Context(), latency) {
			return
		}
		p.deliver(w, r, reply)
	}
}

const keyChars = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"

// deliver gives the answer, or fails to.
func (p *PSP) deliver(w http.ResponseWriter, r *http.Request, a reply) {
	switch a.fault {
	case Lost, Cut, Late:
		simkit.Hangup(w)
		return
	case Hang:
		<-r.Context().Done()
		return
	case HTML:
		writeHTML(w)
		return
	}
	var v any
	switch {
	case a.request != nil:
		x := p.linked(*a.request, baseOf(r))
		if a.fault == Strange {
			x.State = "quantum"
		}
		v = x
	case a.op != nil:
		x := *a.op
		if a.fault == Strange {
			x.State = "quantum"
		}
		v = x
	case a.problem != nil:
		writeProblem(w, a.problem)
		return
	default:
		if a.retry != "" {
			w.Header().Set("Retry-After", a.retry)
		}
		if a.status < 400 {
			w.Header().Set("Location", r.URL.Path)
		}
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(a.status)
		io.WriteString(w, "<h1>"+strconv.Itoa(a.status)+"</h1>\n")
		return
	}
	if a.fault == Garbled {
		b := encode(v)
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(a.status)
		w.Write(b[:len(b)/2])
		return
	}
	writeJSON(w, a.status, v)
}

func (p *PSP) serveLookup(requests bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		key := r.URL.Query().Get("idempotency_key")
		if key == "" {
			writeProblem(w, problem(http.StatusBadRequest, "key_missing", "look-ups are by idempotency_key").problem)
			return
		}
		list, fault, err := p.lookup(key, requests)
		if failed(w, fault, err) {
			return
		}
		for i, x := range list {
			if v, ok := x.(requestView); ok {
				list[i] = p.linked(v, baseOf(r))
			}
		}
		writeJSON(w, http.StatusOK, map[string]any{"data": list})
	}
}

func (p *PSP) serveRead(w http.ResponseWriter, r *http.Request) {
	v, fault, err := p.read(r.PathValue("id"))
	switch {
	case failed(w, fault, err):
	case v == nil:
		writeProblem(w, problem(http.StatusNotFound, "unknown", "no such payment request").problem)
	default:
		writeJSON(w, http.StatusOK, p.linked(*v, baseOf(r)))
	}
}

func (p *PSP) serveFeed(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	limit, _ := strconv.Atoi(q.Get("limit")) // unreadable = the default
	list, next, ok, fault, err := p.feed(q.Get("after"), limit)
	switch {
	case failed(w, fault, err):
	case !ok:
		writeProblem(w, problem(http.StatusBadRequest, "cursor_unknown", "this cursor is none of ours").problem)
	default:
		for i := range list {
			list[i].Data = p.linked(list[i].Data, baseOf(r))
		}
		writeJSON(w, http.StatusOK, map[string]any{"data": list, "next": next})
	}
}

func (p *PSP) serveLedger(w http.ResponseWriter, _ *http.Request) {
	l, err := p.Ledger()
	if failed(w, "", err) {
		return
	}
	writeJSON(w, http.StatusOK, l)
}

func (p *PSP) serveFaults(w http.ResponseWriter, r *http.Request) {
	var f Faults
	if !readStrict(w, r, &f) {
		return
	}
	if err := p.SetFaults(f); err != nil {
		writeProblem(w, problem(http.StatusUnprocessableEntity, "fault_unknown", err.Error()).problem)
		return
	}
	writeJSON(w, http.StatusOK, f)
}

func (p *PSP) serveAct(w http.ResponseWriter, r *http.Request) {
	var d Deed
	if !readStrict(w, r, &d) {
		return
	}
	found, done, err := p.Act(d)
	switch {
	case err != nil:
		writeProblem(w, problem(http.StatusUnprocessableEntity, "deed_invalid", err.Error()).problem)
	case !found:
		writeProblem(w, problem(http.StatusNotFound, "unknown", "no such payment request").problem)
	case !done:
		writeProblem(w, problem(http.StatusConflict, "not_now", "this makes no sense where the request stands").problem)
	default:
		w.WriteHeader(http.StatusNoContent)
	}
}

func readStrict(w http.ResponseWriter, r *http.Request, v any) bool {
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		writeProblem(w, problem(http.StatusBadRequest, "body_invalid", err.Error()).problem)
		return false
	}
	return true
}

// failed answers by a fault of the reading side, or by the store's failure.
func failed(w http.ResponseWriter, fault string, err error) bool {
	if err != nil {
		writeProblem(w, problem(http.StatusInternalServerError, "sandbox_broken", "the sandbox cannot keep its file").problem)
		return true
	}
	switch status, _ := Fault(fault).Status(); {
	case fault == "":
		return false
	case status != 0:
		w.Header().Set("Content-Type", "text/plain")
		w.WriteHeader(status)
	case fault == "html":
		writeHTML(w)
	default:
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, `{"data":[{"id":`)
	}
	return true
}

func writeHTML(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	io.WriteString(w, "<!doctype html><title>Welcome</title><p>Please log in to the network.\n")
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	w.Write(encode(v))
}

func writeProblem(w http.ResponseWriter, b *problemBody) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(b.Status)
	w.Write(encode(b))
}

// baseOf is the address the client called: good enough for links of a rehearsal.
func baseOf(r *http.Request) string {
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	return scheme + "://" + r.Host
}
