package sandbox

import (
	"html/template"
	"net/http"
	"strings"

	"github.com/navette-connect/navette/connector/payment"
)

// pageText is the customers' page in both languages.
type pageText struct {
	Lang, Title, Sandbox, Asked, Paid, Pay, Fail, Refuse, Unknown string
	States                                                        map[payment.State]string
}

func pageIn(lang string) pageText {
	if lang == "fr" {
		return pageText{"fr", "Demande de paiement", "Bac à sable : aucun argent ne circule.", "Montant demandé", "Déjà payé",
			"Payer", "Échouer (carte refusée)", "Refuser de payer", "Cette demande de paiement n'existe pas.",
			map[payment.State]string{payment.Open: "à payer", payment.Authorised: "autorisée", payment.PartiallyPaid: "payée en partie", payment.Paid: "payée",
				payment.Settled: "remise en banque", payment.PartiallyRefunded: "remboursée en partie", payment.Refunded: "remboursée",
				payment.ChargedBack: "contestée", payment.Expired: "expirée", payment.Cancelled: "annulée", payment.Refused: "refusée"}}
	}
	return pageText{"en", "Payment request", "Sandbox: no money moves.", "Amount asked", "Paid so far",
		"Pay", "Fail (card declined)", "Refuse to pay", "There is no such payment request.",
		map[payment.State]string{payment.Open: "to be paid", payment.PartiallyPaid: "partially paid", payment.PartiallyRefunded: "partially refunded",
			payment.ChargedBack: "charged back"}}
}

const pageHTML = `<!doctype html>
<html lang="{{.T.Lang}}"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{{.T.Title}} {{.Reference}}</title>
<style>body{font:1.1em sans-serif;max-width:30em;margin:2em auto;padding:0 1em}button{font:inherit;padding:.5em 1em;margin:.2em}
.sandbox{background:#fe9;padding:.3em .6em}dt{color:#555}dd{margin:0 0 .6em}</style>
<p class="sandbox">{{.T.Sandbox}}</p>
{{if .Found}}<h1>{{.T.Title}} {{.Reference}}{{with .Part}} ({{.}}){{end}}</h1>
<p>{{.Label}}</p>
<dl><dt>{{.T.Asked}}</dt><dd>{{.Amount}}</dd><dt>{{.T.Paid}}</dt><dd>{{.PaidSoFar}}</dd></dl>
<p><strong>{{.State}}</strong></p>
{{if .Payable}}<form method="post">
<button name="do" value="pay">{{.T.Pay}}</button>
<button name="do" value="fail">{{.T.Fail}}</button>
<button name="do" value="refuse">{{.T.Refuse}}</button>
</form>{{end}}{{else}}<p>{{.T.Unknown}}</p>{{end}}
</html>
`

func language(r *http.Request) string {
	lang := r.URL.Query().Get("lang")
	if lang == "" {
		lang = r.Header.Get("Accept-Language")
	}
	if strings.HasPrefix(strings.ToLower(lang), "fr") {
		return "fr"
	}
	return "en"
}

func (p *PSP) servePage(w http.ResponseWriter, r *http.Request) {
	t, err := template.New("pay").Parse(pageHTML)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	v, _, err := p.read(r.PathValue("id"))
	if err != nil {
		http.Error(w, "the sandbox cannot keep its file", http.StatusInternalServerError)
		return
	}
	text := pageIn(language(r))
	data := map[string]any{"T": text, "Found": v != nil}
	status := http.StatusNotFound
	if v != nil {
		status = http.StatusOK
		state := text.States[v.State]
		if state == "" {
			state = string(v.State)
		}
		label := p.label(v.ID)
		data["Reference"], data["Part"], data["Label"], data["State"] = v.Reference, v.Part, label, state
		data["Amount"], data["PaidSoFar"] = v.Amount.amount().String(), v.Paid.amount().String()
		data["Payable"] = payment.Move(v.State, payment.Paid) == payment.Moved && v.Paid.Value < v.Amount.Value
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'")
	w.WriteHeader(status)
	t.Execute(w, data)
}

func (p *PSP) label(id string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if r := p.world.requests[id]; r != nil {
		return r.Label
	}
	return ""
}

func (p *PSP) serveChoice(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 1<<10)
	d := Deed{ID: r.PathValue("id")}
	switch r.FormValue("do") {
	case "pay":
		d.Pay = "full"
	case "fail":
		d.Fail = "insufficient funds"
	case "refuse":
		d.Refuse, d.Reason = "customer_refused", "the customer refuses to pay"
	default:
		http.Error(w, "do: pay, fail or refuse", http.StatusBadRequest)
		return
	}
	if _, _, err := p.Act(d); err != nil { // what makes no sense any more is simply shown as it stands
		http.Error(w, "the sandbox cannot keep its file", http.StatusInternalServerError)
		return
	}
	http.Redirect(w, r, r.URL.RequestURI(), http.StatusSeeOther)
}
