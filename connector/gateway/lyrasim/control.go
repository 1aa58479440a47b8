package lyrasim

import (
	"encoding/json"
	"html/template"
	"net/http"
	"time"
)

// Deed is what a customer, the back office or a bank does by hand.
type Deed struct {
	PaymentOrderID string `json:"paymentOrderId"`
	OrderID        string `json:"orderId"` // the newest order of that reference, where no id is given
	Do             string `json:"do"`      // pay, fail, refuse (fail for good), charge_back, capture_failed
	Code           string `json:"code"`    // of fail and refuse: the bank's, 51 when empty
}

// Act does a deed now; false when there is no such order, or it makes no sense where it stands.
func (p *PSP) Act(d Deed) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pass()
	o := p.orders[d.PaymentOrderID]
	for _, x := range p.list {
		if d.PaymentOrderID == "" && x.orderID == d.OrderID {
			o = x
		}
	}
	if o == nil {
		return false
	}
	code := d.Code
	if code == "" {
		code = "51"
	}
	switch running := o.status == "RUNNING"; d.Do {
	case "pay":
		if running {
			p.pay(o, p.now())
		}
		return running
	case "fail", "refuse":
		if running {
			p.fail(o, p.now(), code, d.Do == "refuse")
		}
		return running
	case "charge_back", "capture_failed":
		for _, t := range p.history {
			switch {
			case t.order != o || t.operation != "DEBIT":
			case d.Do == "charge_back" && t.detailed == "CAPTURED":
				t.chargedBack = true // no notification: reports alone tell it
				return true
			case d.Do == "capture_failed" && t.detailed == "AUTHORISED":
				t.detailed = "CAPTURE_FAILED"
				p.notify(t)
				return true
			}
		}
	}
	return false
}

func (p *PSP) serveAct(w http.ResponseWriter, r *http.Request) {
	var d Deed
	switch {
	case !readStrict(w, r, &d):
	case p.Act(d):
		w.WriteHeader(http.StatusNoContent)
	default:
		http.Error(w, "no such order, or not where it stands", http.StatusConflict)
	}
}

func (p *PSP) serveClock(w http.ResponseWriter, r *http.Request) {
	var c struct {
		Advance Duration `json:"advance"`
	}
	if !readStrict(w, r, &c) {
		return
	}
	p.Advance(time.Duration(c.Advance))
	p.mu.Lock()
	now := p.now()
	p.mu.Unlock()
	writeJSON(w, map[string]any{"now": now})
}

func (p *PSP) serveFaults(w http.ResponseWriter, r *http.Request) {
	var f Faults
	if !readStrict(w, r, &f) {
		return
	}
	if err := p.SetFaults(f); err != nil {
		http.Error(w, err.Error(), http.StatusUnprocessableEntity)
		return
	}
	writeJSON(w, f)
}

// serveResend plans the notifications of a reference again, as the Back Office does by hand; forged: "hash" or "algorithm".
func (p *PSP) serveResend(w http.ResponseWriter, r *http.Request) {
	var q struct {
		OrderID string `json:"orderId"`
		Forged  string `json:"forged"`
	}
	if !readStrict(w, r, &q) {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, t := range p.history {
		if t.orderID == q.OrderID && p.opts.Hook.URL != "" {
			p.notices = append(p.notices, &notice{answer: p.payment(t), at: p.now(), tries: 3, deliver: 1, forged: q.Forged})
		}
	}
	w.WriteHeader(http.StatusNoContent)
}

// page is the customer's side of the link.
func page() *template.Template {
	return template.Must(template.New("page").Parse(`<!doctype html><html lang="fr"><meta charset="utf-8"><title>{{.Reference}}</title>
<h1>{{.Reference}}</h1><p>{{.Amount}} {{.Currency}} ({{.Status}})</p>
{{if eq .Status "RUNNING"}}<form method="post"><button name="do" value="pay">Payer / Pay</button> <button name="do" value="fail">Échouer / Fail</button></form>{{end}}
`))
}

func (p *PSP) servePage(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	if r.Method == http.MethodPost {
		p.Act(Deed{PaymentOrderID: id, Do: r.FormValue("do")})
		http.Redirect(w, r, r.URL.Path, http.StatusSeeOther)
		return
	}
	p.mu.Lock()
	p.pass()
	o := p.orders[id]
	var v struct {
		Reference, Currency, Status string
		Amount                      int64
	}
	if o != nil {
		v.Reference, v.Currency, v.Status, v.Amount = o.orderID, o.currency, o.status, o.amount
	}
	p.mu.Unlock()
	if o == nil {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_ = page().Execute(w, v)
}

func readStrict(w http.ResponseWriter, r *http.Request, v any) bool {
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return false
	}
	return true
}

func writeJSON(w http.ResponseWriter, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Write(append(b, '\n'))
}
