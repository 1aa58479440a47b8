package sipssim

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Fault is one way to misbehave on the next call of a function. What: lost (the effect, then the connection is cut), cut (no
// effect), hang (the effect, then silence), garbled (the effect, then half an answer), strange (the effect, then a code
// nobody knows), html, refuse (05), echo (refused, repeating what was sent), forged (a wrong seal), unsealed, a code such
// as "code-60" (without effect) or "done-code-60", a status such as "503" or "done-503", "slow-2s".
type Fault struct {
	Function string `json:"function"` // "" = any but getTransactionData; "notice" is an automatic response (refuse: not sent; forged; twice; slow-…: sent later)
	What     string `json:"what"`
	Always   bool   `json:"always"` // of every call, not the next one alone
}

// SetFaults plans faults; an empty list forgets them all.
func (p *PSP) SetFaults(list ...Fault) error {
	for _, f := range list {
		if !f.known() {
			return fmt.Errorf("fault %q is unknown", f.What)
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(list) == 0 {
		p.faults, p.standing = nil, nil
	}
	for _, f := range list {
		if f.Always {
			p.standing = append(p.standing, f)
		} else {
			p.faults = append(p.faults, f)
		}
	}
	return nil
}

func (f Fault) known() bool {
	switch f.What {
	case "lost", "cut", "hang", "garbled", "strange", "html", "refuse", "echo", "forged", "unsealed":
		return true
	case "twice":
		return f.Function == "notice"
	}
	if d, ok := strings.CutPrefix(f.What, "slow-"); ok {
		_, err := time.ParseDuration(d)
		return err == nil
	}
	_, _, code := f.code()
	_, _, status := f.status()
	return code || status
}

// code splits "code-60" and "done-code-60".
func (f Fault) code() (code string, effect, ok bool) {
	s, effect := strings.CutPrefix(f.What, "done-")
	code, ok = strings.CutPrefix(s, "code-")
	return code, effect, ok && len(code) == 2
}

// status splits "503" and "done-503".
func (f Fault) status() (status int, effect, ok bool) {
	s, effect := strings.CutPrefix(f.What, "done-")
	n, err := strconv.Atoi(s)
	return n, effect, err == nil && n >= 200 && n <= 599 && len(s) == 3
}

// takeFault gives the fault that a call meets. p.mu is held.
func (p *PSP) takeFault(function string) Fault {
	meets := func(f Fault) bool {
		return f.Function == function || f.Function == "" && function != "getTransactionData" && function != "notice"
	}
	for i, f := range p.faults {
		if meets(f) {
			p.faults = append(p.faults[:i:i], p.faults[i+1:]...)
			return f
		}
	}
	for _, f := range p.standing {
		if meets(f) {
			return f
		}
	}
	if function != "getTransactionData" && function != "notice" && function != "paymentInit" && p.o.Lost > 0 && p.rng.Float64() < p.o.Lost {
		return Fault{What: "lost"}
	}
	return Fault{}
}

// hides tells whether the effect's answer is kept back.
func (f Fault) hides() bool {
	_, effect, status := f.status()
	_, coded, code := f.code()
	return f.What == "lost" || f.What == "hang" || f.What == "garbled" || f.What == "strange" || f.What == "forged" || status && effect || code && coded
}

// abort cuts the connection.
func abort(w http.ResponseWriter) {
	c, b, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	b.Flush()
	c.Close()
}

// Before does what comes instead of an effect; true: the call is answered.
func (f Fault) Before(w http.ResponseWriter, r *http.Request, in fields, p *PSP) bool {
	status, effect, isStatus := f.status()
	code, coded, isCode := f.code()
	answer := func(out fields) bool {
		p.mu.Lock()
		p.seal(in, out)
		p.mu.Unlock()
		writeJSON(w, out)
		return true
	}
	switch {
	case f.What == "cut":
		abort(w)
		return true
	case strings.HasPrefix(f.What, "slow-"):
		d, _ := time.ParseDuration(strings.TrimPrefix(f.What, "slow-"))
		select {
		case <-time.After(d):
		case <-r.Context().Done():
		}
	case f.What == "html":
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, "<!doctype html><h1>Bonjour</h1>")
		return true
	case f.What == "refuse":
		return answer(fields{"responseCode": "05", "redirectionStatusCode": "05", "acquirerResponseCode": "51"})
	case f.What == "echo":
		text, _ := json.Marshal(in)
		keys := ""
		for _, k := range p.o.Keys {
			keys += " " + k
		}
		return answer(fields{"responseCode": "30", "redirectionStatusCode": "30", "errorFieldName": string(text) + keys})
	case isStatus && !effect:
		if status == http.StatusServiceUnavailable || status == http.StatusTooManyRequests {
			w.Header().Set("Retry-After", "1")
		}
		if status >= 300 && status < 400 {
			w.Header().Set("Location", "/elsewhere")
		}
		w.WriteHeader(status)
		return true
	case isCode && !coded:
		return answer(fields{"responseCode": code, "redirectionStatusCode": code})
	}
	return false
}

// After gives the answer of a call that was let through, or what comes in its place.
func (f Fault) After(w http.ResponseWriter, r *http.Request, out fields) {
	status, _, isStatus := f.status()
	code, _, isCode := f.code()
	switch {
	case f.What == "lost":
		abort(w)
	case f.What == "hang":
		<-r.Context().Done()
		abort(w)
	case f.What == "garbled":
		b, _ := json.Marshal(out)
		w.Header().Set("Content-Length", strconv.Itoa(len(b)))
		w.Write(b[:len(b)/2])
		abort(w)
	case f.What == "strange" || isCode:
		delete(out, "seal")
		if out["responseCode"] = "ZZ"; isCode {
			out["responseCode"] = code
		}
		writeJSON(w, out)
	case f.What == "forged":
		out["seal"] = strings.Repeat("0", 64)
		writeJSON(w, out)
	case f.What == "unsealed":
		delete(out, "seal")
		writeJSON(w, out)
	case isStatus:
		w.WriteHeader(status)
	default:
		writeJSON(w, out)
	}
}

func (p *PSP) serveFaults(w http.ResponseWriter, r *http.Request) {
	var list []Fault
	if err := json.NewDecoder(r.Body).Decode(&list); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if err := p.SetFaults(list...); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	writeJSON(w, list)
}

func (p *PSP) serveClock(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Advance string `json:"advance"`
	}
	err := json.NewDecoder(r.Body).Decode(&in)
	d, wrong := time.ParseDuration(in.Advance)
	if err != nil || wrong != nil || d < 0 {
		http.Error(w, `{"advance":"36h"} is expected`, http.StatusBadRequest)
		return
	}
	p.Advance(d)
	p.mu.Lock()
	defer p.mu.Unlock()
	writeJSON(w, map[string]string{"now": p.now().Format(time.RFC3339)})
}
