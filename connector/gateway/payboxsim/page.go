package payboxsim

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1" // as the real one signs
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// visit is one customer on the hosted page.
type visit struct {
	fields []pair
	at     time.Time
	over   bool
}

// notice is one notification to deliver.
type notice struct {
	url, body string
	query     bool // sent as the query of a GET
}

// Handler serves PPPS on two "hosts" (/PPPS.php, /second/PPPS.php), the hosted page (/php/), and for rehearsals, without
// any login: GET /_public_key, /_ledger, /_faults; POST /_faults, /_clock {"advance":"24h"}, /_transactions. Keep it on
// the loopback.
func (p *PSP) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /PPPS.php", p.servePPPS("main"))
	mux.HandleFunc("POST /second/PPPS.php", p.servePPPS("second"))
	mux.HandleFunc("POST /php/{$}", p.servePage)
	mux.HandleFunc("POST /php/choice", p.serveChoice)
	mux.HandleFunc("GET /_public_key", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(p.public) })
	mux.HandleFunc("GET /_ledger", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, p.Ledger()) })
	mux.HandleFunc("GET /_faults", func(w http.ResponseWriter, _ *http.Request) {
		p.mu.Lock()
		f := p.faults
		p.mu.Unlock()
		writeJSON(w, f)
	})
	mux.HandleFunc("POST /_faults", control(p, func(f Faults) error { return p.SetFaults(f) }))
	mux.HandleFunc("POST /_transactions", control(p, func(list []Transaction) (err error) {
		for _, t := range list {
			err = errors.Join(err, p.Put(t))
		}
		return err
	}))
	mux.HandleFunc("POST /_clock", control(p, func(c struct {
		Advance Duration `json:"advance"`
	}) error {
		p.Advance(time.Duration(c.Advance))
		return nil
	}))
	return mux
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

// control reads a JSON body and acts on it.
func control[T any](_ *PSP, act func(T) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var v T
		d := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20))
		d.DisallowUnknownFields()
		err := d.Decode(&v)
		if err == nil {
			err = act(v)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}
}

// servePage takes the customer's form, checks it as strictly as Paybox does, and shows a page with three buttons, or
// does at once what the script says.
func (p *PSP) servePage(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	list, ok := pairs(string(body))
	if err != nil || !ok {
		http.Error(w, "no form", http.StatusBadRequest)
		return
	}
	p.mu.Lock()
	p.ledger.Calls["page"]++
	why := p.refuses(list)
	id := hex.EncodeToString(random())
	habit := p.o.Script.habit(get(list, "PBX_CMD"))
	if why == "" {
		p.visits[id] = &visit{fields: list, at: p.now()}
	}
	p.mu.Unlock()
	if why != "" {
		http.Error(w, "Erreur : "+why, http.StatusBadRequest)
		return
	}
	if habit != "" {
		p.choose(w, r, id, habit)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	fmt.Fprintf(w, `<!doctype html><title>Paybox (simulator)</title><h1>Paybox (simulator)</h1><p>%s: %s</p><form method="post" action="/php/choice"><input type="hidden" name="visit" value="%s">
<button name="do" value="pay">pay</button> <button name="do" value="refuse">card refused</button> <button name="do" value="leave">leave</button></form>`,
		html.EscapeString(get(list, "PBX_CMD")), html.EscapeString(get(list, "PBX_TOTAL")), id)
}

func random() []byte {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // never fails
	return b
}

// refuses says what is wrong with a form, "" for nothing.
func (p *PSP) refuses(list []pair) string {
	v := func(n string) string { return get(list, n) }
	at, err := time.Parse(time.RFC3339, v("PBX_TIME"))
	age := p.now().Sub(at)
	if p.offset > time.Hour { // days were let pass: the caller's clock does not know
		age = min(age, p.o.Now().Sub(at))
	}
	switch {
	case v("PBX_SITE") != p.o.Site, strings.TrimLeft(v("PBX_RANG"), "0") != strings.TrimLeft(p.o.Rank, "0"), v("PBX_IDENTIFIANT") != p.o.Identifier:
		return "PBX_SITE, PBX_RANG, PBX_IDENTIFIANT"
	case v("PBX_HASH") != "SHA512", !p.signedBy(list, "PBX_HMAC"):
		return "PBX_HMAC"
	case err != nil, age > 15*time.Minute, age < -15*time.Minute:
		return "PBX_TIME"
	case !digits(v("PBX_TOTAL"), 3, 10):
		return "PBX_TOTAL"
	case v("PBX_DEVISE") != "978":
		return "PBX_DEVISE"
	case v("PBX_CMD") == "", len(v("PBX_CMD")) > 250:
		return "PBX_CMD"
	case !strings.Contains(v("PBX_PORTEUR"), "@"):
		return "PBX_PORTEUR"
	case !strings.Contains(v("PBX_RETOUR"), ":"):
		return "PBX_RETOUR"
	case v("PBX_DIFF") != "" && (v("PBX_DIFF") < "01" || v("PBX_DIFF") > "07"):
		return "PBX_DIFF"
	}
	return ""
}

func (p *PSP) serveChoice(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	p.choose(w, r, r.PostFormValue("visit"), r.PostFormValue("do"))
}

// choose ends a visit: a transaction, its notification, and the browser sent back.
func (p *PSP) choose(w http.ResponseWriter, r *http.Request, id, do string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	v := p.visits[id]
	if v == nil || v.over || p.now().Sub(v.at) > 15*time.Minute {
		http.Error(w, "Erreur 00030", http.StatusGone)
		return
	}
	if do == "pay" && p.o.Unique && p.paid(get(v.fields, "PBX_CMD")) {
		http.Error(w, "Erreur : PBX_CMD", http.StatusConflict)
		return
	}
	v.over = true
	to, back := p.ends(v, do)
	if !strings.HasPrefix(to, "http") {
		fmt.Fprintln(w, "OK")
		return
	}
	sep := "?"
	if strings.Contains(to, "?") {
		sep = "&"
	}
	http.Redirect(w, r, to+sep+back, http.StatusSeeOther)
}

// paid tells whether a payment stands under an order. Called under the lock.
func (p *PSP) paid(order string) bool {
	for _, t := range p.all {
		if t.Reference == order && (t.Status == Authorised || t.Status == Captured) {
			return true
		}
	}
	return false
}

// ends does what the customer chose; it gives the address the browser goes to, and what goes with it.
func (p *PSP) ends(v *visit, do string) (to, back string) {
	f := func(n string) string { return get(v.fields, n) }
	amount, _ := strconv.ParseInt(f("PBX_TOTAL"), 10, 64)
	t := &Transaction{Trans: p.number(), Call: pad(fmt.Sprint(p.serial + 219504)), Reference: f("PBX_CMD"), Currency: f("PBX_DEVISE"), Amount: amount, Authorisation: "XXXXXX", Status: Authorised}
	code, to := "00000", f("PBX_EFFECTUE")
	switch do {
	case "pay":
		if days, err := strconv.Atoi(f("PBX_DIFF")); err == nil {
			t.CaptureOn = p.now().AddDate(0, 0, days).Format("20060102")
		} else if f("PBX_AUTOSEULE") != "O" {
			t.Status, t.Captured, t.CaptureOn = Captured, amount, p.now().Format("20060102")
		}
	case "refuse":
		code, to, t.Status, t.Authorisation = "00105", f("PBX_REFUSE"), Declined, ""
	default:
		return f("PBX_ANNULE"), p.returned(f("PBX_RETOUR"), map[string]string{"M": f("PBX_TOTAL"), "R": f("PBX_CMD"), "E": "00001"})
	}
	p.all[t.Trans] = t
	p.order = append(p.order, t.Trans)
	if do == "pay" {
		p.effect("page", "", t.Reference, t.Reference, amount)
	}
	back = p.returned(f("PBX_RETOUR"), map[string]string{"M": f("PBX_TOTAL"), "R": f("PBX_CMD"), "T": t.Call, "A": t.Authorisation, "E": code, "S": t.Trans, "C": "CB"})
	if to := f("PBX_REPONDRE_A"); to != "" && p.faults.Notice != "none" {
		body := back
		if p.faults.Notice == "forged" {
			body = strings.Replace(body, "R=", "R=X", 1)
		}
		times := 1
		if p.faults.Notice == "twice" {
			times = 2
		}
		for range times {
			p.outbox = append(p.outbox, notice{to, body, p.faults.Notice == "get"})
			p.ledger.Notices++
		}
		select {
		case p.wake <- struct{}{}:
		default:
		}
	}
	return to, back
}

// returned builds what PBX_RETOUR asks for, in its order; a value that is not there is left out. K signs what stands
// before it.
func (p *PSP) returned(asked string, values map[string]string) string {
	var b strings.Builder
	for part := range strings.SplitSeq(asked, ";") {
		name, letter, _ := strings.Cut(part, ":")
		value, ok := values[letter]
		if letter == "K" {
			sum := sha1.Sum([]byte(b.String())) // as the real one signs
			sig, err := rsa.SignPKCS1v15(rand.Reader, p.signer, crypto.SHA1, sum[:])
			if err != nil {
				return ""
			}
			value, ok = base64.StdEncoding.EncodeToString(sig), true
		}
		if !ok || value == "" {
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('&')
		}
		b.WriteString(name + "=" + url.QueryEscape(value))
	}
	return b.String()
}

// Submit puts a customer's form before the hosted page and does what the customer chooses (pay, refuse, leave): the
// browser of tests. It gives the HTTP status of the answer, and where the browser is sent.
func Submit(ctx context.Context, c *http.Client, action string, fields [][2]string, do string) (status int, location string, err error) {
	form := ""
	for _, f := range fields {
		form += "&" + url.QueryEscape(f[0]) + "=" + url.QueryEscape(f[1])
	}
	post := func(to, body string) (*http.Response, []byte, error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader([]byte(body)))
		if err != nil {
			return nil, nil, err
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		resp, err := c.Do(req)
		if err != nil {
			return nil, nil, err
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		return resp, b, err
	}
	resp, page, err := post(action, strings.TrimPrefix(form, "&"))
	if err != nil || resp.StatusCode != http.StatusOK {
		if err == nil {
			return resp.StatusCode, resp.Header.Get("Location"), nil
		}
		return 0, "", err
	}
	_, rest, _ := strings.Cut(string(page), `name="visit" value="`)
	id, _, ok := strings.Cut(rest, `"`)
	if !ok {
		return resp.StatusCode, "", nil
	}
	resp, _, err = post(strings.TrimSuffix(action, "/")+"/choice", "visit="+id+"&do="+do)
	if err != nil {
		return 0, "", err
	}
	return resp.StatusCode, resp.Header.Get("Location"), nil
}

// deliver posts a notification, a few times if need be.
func (n notice) deliver(ctx context.Context) {
	for _, wait := range []time.Duration{0, 100 * time.Millisecond, time.Second} {
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		within, cancel := context.WithTimeout(ctx, 5*time.Second)
		method, to, body := http.MethodPost, n.url, n.body
		if n.query {
			method, to, body = http.MethodGet, n.url+"?"+n.body, ""
		}
		req, err := http.NewRequestWithContext(within, method, to, strings.NewReader(body))
		if err != nil {
			cancel()
			return
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		resp, err := http.DefaultClient.Do(req)
		if err == nil {
			resp.Body.Close()
		}
		cancel()
		if err == nil && resp.StatusCode < 300 {
			return
		}
	}
}
