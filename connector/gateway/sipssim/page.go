package sipssim

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// visit is one initialised payment: its redirectionData lives a quarter of an hour.
type visit struct {
	in    fields
	until time.Time
}

const visitLife = 15 * time.Minute

// init answers paymentInit. A reference that a transaction has is refused; one that was only initialised is not (the real
// one's way with it is unverified). p.mu is held.
func (p *PSP) init(in fields, r *http.Request) fields {
	if p.all[in.text("transactionReference")] != nil {
		return fields{"redirectionStatusCode": "94", "redirectionStatusMessage": "Duplicated transaction"}
	}
	for _, f := range []string{"normalReturnUrl", "automaticResponseUrl"} {
		if s := in.text(f); s != "" {
			if u, err := url.Parse(s); err != nil || u.Host == "" {
				return fields{"redirectionStatusCode": "30", "errorFieldName": f}
			}
		}
	}
	b := make([]byte, 16)
	rand.Read(b)
	token := hex.EncodeToString(b)
	p.visits[token] = &visit{in, p.now().Add(visitLife)}
	if do, after, ok := p.o.Script.customer(in.text("orderId")); ok {
		p.later(after, func(context.Context) { p.choose(token, do) })
	}
	return fields{"redirectionStatusCode": "00", "redirectionStatusMessage": "INITIALISATION REQUEST ACCEPTED", "redirectionVersion": in.text("interfaceVersion"),
		"redirectionData": token, "redirectionUrl": "http://" + r.Host + "/payment"}
}

const pageHTML = `<!doctype html><html lang="fr"><meta charset="utf-8"><title>Sips (simulation)</title>
<h1>Sips (simulation)</h1><p>Commande {{.Order}} : {{.Amount}} ({{.Currency}})</p>
<form method="post" action="/payment/choice"><input type="hidden" name="data" value="{{.Data}}">
<button name="do" value="pay">Payer</button> <button name="do" value="refuse">Carte refusée</button> <button name="do" value="challenge">À vérifier (fraude)</button></form></html>
`

func (p *PSP) servePage(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	token := r.PostFormValue("redirectionData")
	p.mu.Lock()
	v := p.visits[token]
	gone := v == nil || p.now().After(v.until) || r.PostFormValue("redirectionVersion") == ""
	p.mu.Unlock()
	if gone {
		http.Error(w, "session expirée", http.StatusGone)
		return
	}
	t, err := template.New("page").Parse(pageHTML)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	t.Execute(w, map[string]string{"Order": v.in.text("orderId"), "Amount": v.in.text("amount"), "Currency": v.in.text("currencyCode"), "Data": token})
}

func (p *PSP) serveChoice(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	back, err := p.choose(r.PostFormValue("data"), r.PostFormValue("do"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusConflict)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	fmt.Fprintf(w, "<!doctype html><form method=\"post\" action=\"%s\"><button>Retour</button></form>\n", template.HTMLEscapeString(back))
}

// choose is what a customer does on the page; the transaction comes to be, and is told of.
func (p *PSP) choose(token, do string) (back string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	v := p.visits[token]
	if v == nil || p.now().After(v.until) {
		return "", fmt.Errorf("the session has expired")
	}
	ref := v.in.text("transactionReference")
	if p.all[ref] != nil {
		return "", fmt.Errorf("94: the reference is used")
	}
	sum, _ := atoi(v.in.text("amount"))
	t := p.made(v.in, sum)
	switch do {
	case "pay":
		base := ref[:min(32, len(ref))]
		for _, other := range p.all { // a second attempt that is accepted while the first lives
			if other.From == "" && other.Code == "00" && strings.HasPrefix(other.Reference, base) {
				p.ledger.Doubles++
			}
		}
		p.ledger.Acts = append(p.ledger.Acts, Act{"payment", ref, sum, p.now()})
	case "refuse":
		t.Status, t.Code = "REFUSED", "05"
	case "challenge":
		t.Status = "TO_CHALLENGE"
	default:
		return "", fmt.Errorf("a customer does pay, refuse or challenge")
	}
	p.add(t)
	if to := v.in.text("automaticResponseUrl"); to != "" {
		p.notify(to, t, v.in.text("keyVersion"), 0)
	}
	return v.in.text("normalReturnUrl"), nil
}

// notify sends the automatic response, thrice if need be. p.mu is held.
func (p *PSP) notify(to string, t *Transaction, version string, try int) {
	key, times, late := p.o.Keys[version], 1, time.Duration(try)*time.Second
	switch f := p.takeFault("notice"); f.What {
	case "refuse":
		return
	case "forged":
		key = "a stranger's key"
	case "twice":
		times = 2
	default:
		if d, err := time.ParseDuration(strings.TrimPrefix(f.What, "slow-")); err == nil {
			late += d
		}
	}
	data := strings.Join([]string{"captureDay=" + strconv.Itoa(t.Day), "captureMode=" + t.Mode, "currencyCode=" + t.Currency, "merchantId=" + p.o.Merchant, "orderChannel=INTERNET",
		"responseCode=" + t.Code, "transactionDateTime=" + t.At.Format(time.RFC3339), "transactionReference=" + t.Reference, "keyVersion=" + version, "acquirerResponseCode=" + t.Code,
		"amount=" + strconv.FormatInt(t.Amount, 10), "authorisationId=null", "guaranteeIndicator=null", "panExpiryDate=null", "paymentMeanBrand=VISA", "scoreInfo=A=1;B=2", "orderId=" + t.Order}, "|")
	sum := sha256.Sum256([]byte(data + key))
	form := url.Values{"Data": {data}, "Seal": {hex.EncodeToString(sum[:])}, "InterfaceVersion": {"HP_2.19"}}.Encode()
	send := func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		ok := false
		if r, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader([]byte(form))); err == nil {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			if a, err := http.DefaultClient.Do(r); err == nil {
				io.Copy(io.Discard, io.LimitReader(a.Body, 64<<10))
				a.Body.Close()
				ok = a.StatusCode/100 == 2
			}
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		if ok {
			p.ledger.Notices++
		} else if try < 3 && ctx.Err() == nil {
			p.notify(to, t, version, try+1)
		}
	}
	for range times {
		p.later(late, send)
	}
}

// Customer lets the customer of a request that was initialised do something: pay, refuse, challenge.
func (p *PSP) Customer(reference, do string) error {
	p.mu.Lock()
	token := ""
	for k, v := range p.visits {
		if v.in.text("transactionReference") == reference {
			token = k
		}
	}
	p.mu.Unlock()
	_, err := p.choose(token, do)
	return err
}

// serveAct is {"reference":…,"do":"pay"}, or {"reference":…,"status":"CANCELLED"}: what happens at the back office, or to
// transactions that confirm late.
func (p *PSP) serveAct(w http.ResponseWriter, r *http.Request) {
	var in struct{ Reference, Do, Status string }
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	err := p.Customer(in.Reference, in.Do)
	if in.Status != "" {
		err = p.Force(in.Reference, in.Status)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusConflict)
		return
	}
	writeJSON(w, in)
}

// Force puts a transaction into a status.
func (p *PSP) Force(reference, status string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := p.all[reference]
	if t == nil {
		return fmt.Errorf("25: no transaction %s", reference)
	}
	t.Status = status
	return nil
}
