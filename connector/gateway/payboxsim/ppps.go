package payboxsim

import (
	"crypto/hmac"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/navette-connect/navette/connector/gateway/simkit"
)

// maxBody bounds the bodies that are read, in bytes.
const maxBody = 64 << 10

// pair is one field as it came: decoded, its bytes still ISO-8859-1.
type pair struct{ name, value string }

func pairs(body string) ([]pair, bool) {
	var list []pair
	for part := range strings.SplitSeq(body, "&") {
		n, v, ok := strings.Cut(part, "=")
		n, err1 := url.QueryUnescape(n)
		v, err2 := url.QueryUnescape(v)
		if !ok || err1 != nil || err2 != nil {
			return nil, false
		}
		list = append(list, pair{n, v})
	}
	return list, true
}

func get(list []pair, name string) string {
	for _, p := range list {
		if p.name == name {
			return p.value
		}
	}
	return ""
}

// signedBy checks the HMAC, which must stand last: HMAC-SHA512 over the others as received, in their order.
func (p *PSP) signedBy(list []pair, name string) bool {
	if len(list) < 2 || list[len(list)-1].name != name {
		return false
	}
	m := hmac.New(sha512.New, p.key)
	for i, f := range list[:len(list)-1] {
		if i > 0 {
			m.Write([]byte{'&'})
		}
		m.Write([]byte(f.name + "=" + f.value))
	}
	return hmac.Equal([]byte(strings.ToUpper(hex.EncodeToString(m.Sum(nil)))), []byte(list[len(list)-1].value))
}

func digits(s string, min, max int) bool {
	return len(s) >= min && len(s) <= max && strings.Trim(s, "0123456789") == ""
}

// reply is an answer: CODEREPONSE, COMMENTAIRE and what the type adds.
type reply struct {
	code, comment string
	more          []pair
	withhold      bool
}

func no(code, comment string) reply { return reply{code: code, comment: comment} }

// servePPPS answers one host's PPPS.
func (p *PSP) servePPPS(host string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		if err != nil || !strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
			http.Error(w, "a form is asked for", http.StatusBadRequest)
			return
		}
		list, ok := pairs(string(body))
		if !ok {
			http.Error(w, "no form", http.StatusBadRequest)
			return
		}
		kind := get(list, "TYPE")
		acts := kind != "00011" && kind != "00017"
		p.mu.Lock()
		p.nights()
		p.ledger.Calls[kind]++
		fault := p.pick(host, acts)
		delay := time.Duration(0)
		if acts {
			p.posts++
			p.arrived(get(list, "NUMQUESTION"), string(body))
			delay = time.Duration(p.faults.Delay)
		}
		a := p.answer(list, kind, fault)
		if a.withhold {
			p.ledger.Withheld++
		}
		key := p.o.Key
		p.mu.Unlock()
		if delay > 0 {
			select {
			case <-time.After(delay):
			case <-r.Context().Done():
			}
		}
		text := p.form(list, a)
		if fault == "echo" {
			text = p.form(list, no("00011", "Montant incorrect "+key+" "+string(body)))
		}
		send(w, r, fault, text)
	}
}

// arrived counts a question that acts.
func (p *PSP) arrived(number, body string) {
	c := p.numbers[number]
	if c == nil {
		c = &Count{}
		p.numbers[number], p.bodies[number] = c, map[string]bool{}
	}
	c.Arrivals++
	p.bodies[number][body] = true
	c.Bodies = len(p.bodies[number])
}

// answer judges a question under a fault. Called under the lock.
func (p *PSP) answer(list []pair, kind, fault string) reply {
	if code, ok := strings.CutPrefix(fault, "code-"); ok {
		return no(code, "Erreur interne")
	}
	n, effect := status(fault)
	switch {
	case fault == "cut", fault == "html", n != 0 && !effect:
		return reply{}
	case fault == "refuse", fault == "echo":
		return no("00011", "PAYBOX : Montant incorrect")
	}
	a := p.judge(list, kind)
	a.withhold = a.code == "00000" && (fault == "lost" || fault == "hang" || fault == "garbled" || fault == "strange" || effect)
	if fault == "strange" {
		a.code = "98765"
	}
	return a
}

// judge checks a question as Paybox does, then does what it asks.
func (p *PSP) judge(list []pair, kind string) reply {
	v := func(name string) string { return get(list, name) }
	if v("HASH") != "SHA512" || !p.signedBy(list, "HMAC") || v("SITE") != p.o.Site || strings.TrimLeft(v("RANG"), "0") != strings.TrimLeft(p.o.Rank, "0") {
		return no("00006", "Accès refusé ou site/rang/identifiant incorrect")
	}
	if v("VERSION") != "00103" && v("VERSION") != "00104" {
		return no("00013", "Version non supportée")
	}
	number, err := strconv.ParseInt(v("NUMQUESTION"), 10, 64)
	if err != nil || !digits(v("NUMQUESTION"), 10, 10) || number > 2147483647 {
		return no("00005", "Numéro de question incorrect")
	}
	if d := v("DATEQ"); !digits(d, 8, 14) || d[:8] != p.now().Format("02012006") && d[:8] != p.o.Now().In(paris()).Format("02012006") {
		return no("00007", "Date invalide")
	}
	day := p.now().Format("20060102") + v("NUMQUESTION")
	if p.used[day] {
		return no("00039", "Numéro de question déjà utilisé")
	}
	p.used[day] = true
	amount, _ := strconv.ParseInt(v("MONTANT"), 10, 64)
	if kind != "00017" {
		if !digits(v("MONTANT"), 1, 10) || amount <= 0 {
			return no("00011", "Montant incorrect")
		}
		if v("DEVISE") != "978" {
			return no("00010", "Devise inconnue")
		}
		if ref := v("REFERENCE"); kind != "00014" && (ref == "" || len(ref) > 250) {
			return no("00012", "Référence commande incorrecte")
		}
	}
	switch kind {
	case "00002", "00005", "00013", "00014":
		t := p.all[v("NUMTRANS")]
		if t == nil || t.Call != v("NUMAPPEL") {
			return no("00018", "Transaction non trouvée")
		}
		if kind != "00014" && t.Reference != "" && t.Reference != v("REFERENCE") {
			return no("00012", "Référence commande incorrecte")
		}
		return p.act(kind, v("NUMQUESTION"), t, amount, v("AUTORISATION"))
	case "00011":
		if t := p.find(v("REFERENCE"), amount); t != nil {
			return accepted(t)
		}
		return no("00018", "Transaction non trouvée")
	case "00017":
		if t := p.all[v("NUMTRANS")]; t != nil {
			a := accepted(t)
			remise := ""
			if t.Remitted {
				remise = "000012345"
			}
			a.more = append(a.more, pair{"STATUS", latin(string(t.Status))}, pair{"REMISE", remise})
			return a
		}
		return no("00018", "Transaction non trouvée")
	}
	return no("00009", "Type d'opération invalide")
}

// find gives the transaction of a reference and amount: the one that succeeded, else the last tried.
func (p *PSP) find(reference string, amount int64) (found *Transaction) {
	for _, id := range p.order {
		if t := p.all[id]; t.Reference == reference && t.Amount == amount && t.of == "" && (found == nil || found.Status == Declined) {
			found = t
		}
	}
	return found
}

func accepted(t *Transaction) reply {
	return reply{code: "00000", comment: "Demande traitée avec succès", more: []pair{{"NUMTRANS", t.Trans}, {"NUMAPPEL", t.Call}, {"AUTORISATION", t.Authorisation}}}
}

// act does what an operation asks of a transaction, or says why not.
func (p *PSP) act(kind, number string, t *Transaction, amount int64, auth string) reply {
	root := t
	if t.of != "" { // the number of a capture stands for its transaction
		root = p.all[t.of]
	}
	made := *root
	switch kind {
	case "00002":
		switch {
		case root.Status == Captured:
			return no("00015", "Paiement déjà effectué")
		case root.Status != Authorised:
			return no("00014", "Trame reçue incohérente")
		case amount > root.Amount:
			return no("00011", "Montant incorrect")
		}
		root.Status, root.Captured, root.CaptureOn = Captured, amount, p.now().Format("20060102")
		made = Transaction{Trans: p.number(), Call: root.Call, Currency: root.Currency, Status: Captured, Amount: root.Amount, Authorisation: root.Authorisation, of: root.Trans}
		p.all[made.Trans] = &made
	case "00005":
		switch {
		case root.Status == Cancelled:
			return no("00015", "Annulation déjà effectuée")
		case root.Remitted:
			return no("00002", "Transaction déjà télécollectée")
		case root.Status != Authorised && root.Status != Captured || root.Refunded > 0:
			return no("00014", "Trame reçue incohérente")
		case amount != root.Amount && amount != root.Captured:
			return no("00011", "Montant incorrect")
		}
		root.Status = Cancelled
	case "00013":
		switch {
		case root.Status != Authorised || auth != root.Authorisation:
			return no("00014", "Trame reçue incohérente")
		case amount > root.Amount:
			return no("00011", "Montant incorrect")
		}
		root.Amount = amount
	case "00014":
		switch {
		case root.Status == Refunded:
			return no("00015", "Remboursement déjà effectué")
		case root.Status != Captured:
			return no("00014", "Trame reçue incohérente")
		case root.Refunded+amount > root.Captured:
			return no("00011", "Montant incorrect")
		}
		if root.Refunded += amount; root.Refunded == root.Captured {
			root.Status = Refunded
		}
		made = Transaction{Trans: p.number(), Call: root.Call, Currency: root.Currency, Status: "Crédit", Amount: amount, of: root.Trans}
		p.all[made.Trans] = &made
	}
	if made.of != "" && kind == "00002" { // inquiries by the capture's number follow the whole
		p.all[made.Trans] = root
	}
	p.effect(kind, number, root.Trans, root.Reference, amount)
	return accepted(&made)
}

// form writes an answer: account and number as they came, then the rest, in ISO-8859-1.
func (p *PSP) form(list []pair, a reply) string {
	out := []pair{{"NUMTRANS", ""}, {"NUMAPPEL", ""}, {"NUMQUESTION", get(list, "NUMQUESTION")}, {"SITE", get(list, "SITE")}, {"RANG", get(list, "RANG")},
		{"AUTORISATION", ""}, {"CODEREPONSE", a.code}, {"COMMENTAIRE", latin(a.comment)}, {"REFABONNE", ""}, {"PORTEUR", ""}}
	for _, m := range a.more {
		put := false
		for i := range out {
			if out[i].name == m.name {
				out[i].value, put = m.value, true
			}
		}
		if !put {
			out = append(out, m)
		}
	}
	var b strings.Builder
	for i, f := range out {
		if i > 0 {
			b.WriteByte('&')
		}
		b.WriteString(f.name + "=" + url.QueryEscape(f.value))
	}
	return b.String()
}

func latin(s string) string {
	var b strings.Builder
	for _, r := range s {
		if r > 0xFF {
			r = '?'
		}
		b.WriteByte(byte(r))
	}
	return b.String()
}

// send answers, as the fault has it.
func send(w http.ResponseWriter, r *http.Request, fault, text string) {
	n, _ := status(fault)
	switch {
	case fault == "lost", fault == "cut":
		simkit.Hangup(w)
		return
	case fault == "hang":
		<-r.Context().Done()
		return
	case n != 0:
		if n == http.StatusTooManyRequests || n == http.StatusServiceUnavailable {
			w.Header().Set("Retry-After", "0")
		}
		http.Error(w, "<html>"+http.StatusText(n)+"</html>", n)
		return
	case fault == "html":
		w.Header().Set("Content-Type", "text/html")
		text = "<html><body>Welcome</body></html>"
	case fault == "garbled":
		text = text[:strings.Index(text, "CODEREPONSE")+14]
	default:
		w.Header().Set("Content-Type", "application/x-www-form-urlencoded; charset=ISO-8859-1")
	}
	fmt.Fprint(w, text)
}
