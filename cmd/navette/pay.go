package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"html/template"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/time/rate"

	"github.com/navette-connect/navette/connector"
	"github.com/navette-connect/navette/connector/message"
)

const payStyle = `body{font:1.1em/1.5 sans-serif;max-width:32em;margin:3em auto;padding:0 1em;color:#222}dl{margin:1.5em 0}dt{color:#555}dd{margin:0 0 .8em;font-size:1.2em}` +
	`button{font:inherit;padding:.7em 1.4em;border:0;border-radius:.3em;background:#0b5cad;color:#fff;cursor:pointer}button:focus-visible,a:focus-visible{outline:3px solid #f90}`

const payHTML = `<!doctype html>
<html lang="{{.Lang}}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><meta name="robots" content="noindex">
<title>{{.Title}}</title><style>{{.Style}}</style></head>
<body><main><h1>{{.Title}}</h1>
{{with .Text}}<p>{{.}}</p>{{end}}
{{if .Reference}}<dl><dt>{{.ReferenceTitle}}</dt><dd>{{.Reference}}</dd><dt>{{.AmountTitle}}</dt><dd>{{.Amount}}</dd></dl>{{end}}
{{if .Action}}<form method="post" action="{{.Action}}">
{{range .Fields}}<input type="hidden" name="{{.Name}}" value="{{.Value}}">
{{end}}<button>{{.Button}}</button></form>{{end}}
{{with .Again}}<p><a href="{{.}}">{{$.AgainText}}</a></p>{{end}}
</main></body></html>
`

// payView is what the template shows: what is asked and of which reference, nothing of who is asked.
type payView struct {
	Lang, Title, Text                              string
	Style                                          template.CSS
	ReferenceTitle, Reference, AmountTitle, Amount string
	Action                                         string
	Fields                                         []struct{ Name, Value string }
	Button, Again, AgainText                       string
}

// pay shows the page of a payment request whose PSP has no links of its own: one button, which takes the browser to the
// PSP. Links are opened by scanners too: opening one costs nobody anything and pays nothing.
func (l *listener) pay(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodHead {
		l.page(w, http.StatusOK, payView{Lang: l.visitor(r)})
		return
	}
	c, token, lang, ok := l.admit(w, r, strings.Contains(r.Header.Get("Sec-Purpose"), "prefetch"))
	if !ok {
		return
	}
	p, err := c.Page(r.Context(), token, lang)
	if err != nil {
		l.refused(w, r, p.Language, err)
		return
	}
	say := func(key string, args ...string) string { return message.New(key, args...).In(p.Language) }
	mark := byte('.')
	if p.Language == "fr" {
		mark = ','
	}
	v := payView{Lang: p.Language, Title: say("ui.pay.title"), ReferenceTitle: say("ui.pay.reference"), Reference: p.Reference, AmountTitle: say("ui.pay.amount"),
		Amount: p.Amount.Decimal(mark) + " " + p.Amount.Currency, Action: p.Form.Action, Text: say("ui.pay.intro")}
	if p.Again {
		v.Text += " " + say("ui.pay.twice")
	}
	v.Button = say("ui.pay.button", "amount", v.Amount)
	for _, f := range p.Form.Fields {
		v.Fields = append(v.Fields, struct{ Name, Value string }{f.Name, f.Value})
	}
	l.page(w, http.StatusOK, v)
}

// admit lets a visit with a token that may be one through, and answers any other; later: this one is to come again.
func (l *listener) admit(w http.ResponseWriter, r *http.Request, later bool) (c *connector.Connector, token, lang string, ok bool) {
	lang, token, c = l.visitor(r), r.PathValue("token"), l.connector.Load()
	switch {
	case c == nil, later:
		l.told(w, http.StatusServiceUnavailable, lang, "ui.pay.later")
	case !wellFormed(token):
		l.missed(w, r, lang)
	case !l.visits.allow("t"+token, 1, 20):
		l.told(w, http.StatusTooManyRequests, lang, "ui.pay.busy")
	default:
		ok = true
	}
	return c, token, lang, ok
}

// back thanks a customer whom the PSP sends back. What the browser says of the payment is not read.
func (l *listener) back(w http.ResponseWriter, r *http.Request) {
	c, token, lang, ok := l.admit(w, r, false)
	if !ok {
		return
	}
	p, err := c.Back(r.Context(), token, lang)
	if err != nil {
		l.refused(w, r, p.Language, err)
		return
	}
	say := func(key string) string { return message.New(key).In(p.Language) }
	l.page(w, http.StatusOK, payView{Lang: p.Language, Title: say("ui.pay.title"), Text: say("ui.pay.back"), Again: "../" + token, AgainText: say("ui.pay.again")})
}

// refused answers a visit that leads nowhere.
func (l *listener) refused(w http.ResponseWriter, r *http.Request, lang string, err error) {
	switch {
	case errors.Is(err, connector.ErrNoPage):
		l.missed(w, r, lang)
	case errors.Is(err, connector.ErrPageOver):
		l.told(w, http.StatusGone, lang, "ui.pay.over")
	default:
		if r.Context().Err() == nil {
			l.log.Warn().Str("event", "page.failed").Err(err).Msg("a customer's page could not be shown")
		}
		w.Header().Set("Retry-After", "30")
		l.told(w, http.StatusServiceUnavailable, lang, "ui.pay.later")
	}
}

// missed answers a token that is none; who tries many is slowed down.
func (l *listener) missed(w http.ResponseWriter, r *http.Request, lang string) {
	if !l.visits.allow("a"+visitorAddress(r), 1, 30) {
		l.told(w, http.StatusTooManyRequests, lang, "ui.pay.busy")
		return
	}
	l.told(w, http.StatusNotFound, lang, "ui.pay.unknown")
}

func (l *listener) told(w http.ResponseWriter, status int, lang, key string) {
	l.page(w, status, payView{Lang: lang, Title: message.New("ui.pay.title").In(lang), Text: message.New(key).In(lang)})
}

// page writes a page that no cache, frame, script or foreign form may use.
func (l *listener) page(w http.ResponseWriter, status int, v payView) {
	sum := sha256.Sum256([]byte(payStyle))
	to := "'none'"
	if u, err := url.Parse(v.Action); err == nil && u.Host != "" {
		to = u.Scheme + "://" + u.Host
	}
	v.Style = template.CSS(payStyle)
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'; form-action "+to+"; base-uri 'none'; frame-ancestors 'none'")
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("X-Robots-Tag", "noindex, nofollow")
	if status == http.StatusTooManyRequests {
		h.Set("Retry-After", "10")
	}
	t, err := template.New("pay").Parse(payHTML)
	var b bytes.Buffer
	if err == nil {
		err = t.Execute(&b, v)
	}
	if err != nil {
		l.log.Error().Str("event", "page.failed").Err(err).Msg("the page cannot be made")
		http.Error(w, "error", http.StatusInternalServerError)
		return
	}
	w.WriteHeader(status)
	w.Write(b.Bytes())
}

// visitor gives the language a browser asks for, as far as there are pages in it.
func (l *listener) visitor(r *http.Request) string {
	best, found := -1.0, or(l.lang, "fr")
	for part := range strings.SplitSeq(r.Header.Get("Accept-Language"), ",") {
		tag, q, _ := strings.Cut(strings.TrimSpace(part), ";")
		lang, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(tag)), "-")
		weight := 1.0
		if v, ok := strings.CutPrefix(strings.TrimSpace(q), "q="); ok {
			var err error
			if weight, err = strconv.ParseFloat(v, 64); err != nil {
				continue
			}
		}
		if (lang == "fr" || lang == "en") && weight > best && weight > 0 {
			best, found = weight, lang
		}
	}
	return found
}

// wellFormed tells whether a text may be a token at all.
func wellFormed(token string) bool {
	return len(token) == 32 && strings.Trim(token, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") == ""
}

// visitorAddress is who asks: behind a proxy on this machine, whom it names last.
func visitorAddress(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	if a, err := netip.ParseAddr(host); err != nil || !a.IsLoopback() {
		return host
	}
	list := strings.Split(r.Header.Get("X-Forwarded-For"), ",")
	if last := strings.TrimSpace(list[len(list)-1]); last != "" && len(last) < 64 {
		return last
	}
	return host
}

// visits slows down who knocks too often: one token by many clicks, one address by many guesses.
type visits struct {
	mu   sync.Mutex
	seen map[string]*rate.Limiter
}

// allow tells whether who may knock once more: perSecond in the long run, burst at once.
func (v *visits) allow(who string, perSecond rate.Limit, burst int) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.seen == nil || len(v.seen) > 20_000 { // forgotten all at once: memory stays bounded, nobody is locked out
		v.seen = map[string]*rate.Limiter{}
	}
	lim := v.seen[who]
	if lim == nil {
		lim = rate.NewLimiter(perSecond, burst)
		v.seen[who] = lim
	}
	return lim.Allow()
}
