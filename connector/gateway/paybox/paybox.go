// Package paybox is the gateway `type: paybox`: Paybox by Verifone, and Crédit Agricole's Up2pay e-Transactions, which is
// the same platform. Operations go through PPPS ("Paybox Direct"), customers pay on a hosted page that their browser
// reaches by a form made at the moment of the click ("Paybox System"). docs/gateway-paybox.md describes it.
//
// The wire is known from the public modules and libraries of Verifone, Crédit Agricole and others, not from a live
// account; what none of them shows stands in tables whose comments say "unverified".
package paybox

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/navette-connect/navette/connector/gateway"
	"github.com/navette-connect/navette/connector/message"
	"github.com/navette-connect/navette/connector/payment"
)

// Options of the gateway. Site, rank and identifier are digits, as the welcome letter gives them.
type Options struct {
	URLs       []string       // full addresses of PPPS: the main host, then the second one
	PageURL    string         // full address of the hosted page; "" = operations only
	Site       string         // PBX_SITE, 7 digits
	Rank       string         // PBX_RANG, 2 or 3 digits
	Identifier string         // PBX_IDENTIFIANT, 1 to 9 digits; the hosted page asks for it
	HMACKey    gateway.Secret // in hexadecimal, as the back office shows it (64 bytes)
	PublicKey  []byte         // PEM of the keys that notifications are signed with; nil = Paybox's own
	HTTP       gateway.Options
	Name, Lang string           // the gateway's name in the configuration, and the language, of what is refused here
	Now        func() time.Time // nil = time.Now
}

// Gateway speaks to one Paybox account (site and rank). It may be used from many goroutines.
type Gateway struct {
	client           *gateway.Client
	urls             []string
	page             string
	site, rank, id   string
	name, lang       string
	key              []byte
	signers          []*rsa.PublicKey
	now              func() time.Time
	paris            *time.Location // the PSP's days: question numbers are unique within one
	timeout          time.Duration
	preferred, reads atomic.Uint32 // index in urls; count of questions that only ask
	spent            spent
}

// spent remembers operations whose number the PSP had seen on a day, and which had no effect. It may be used from many
// goroutines; what a restart forgets is found out by asking once more.
type spent struct {
	mu  sync.Mutex
	day string
	key map[string]bool
}

func (s *spent) note(key, day string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.day != day || len(s.key) > 10_000 {
		s.day, s.key = day, map[string]bool{}
	}
	s.key[key] = true
}

func (s *spent) has(key, day string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.day == day && s.key[key]
}

// today is the PSP's day, as its questions are dated.
func (g *Gateway) today() string { return g.now().In(g.paris).Format("02012006") }

// New makes the gateway; an error says which setting cannot be used. Nothing is sent.
func New(o Options) (*Gateway, error) {
	g := &Gateway{urls: o.URLs, page: o.PageURL, site: o.Site, rank: o.Rank, id: o.Identifier, name: o.Name, lang: o.Lang, now: o.Now, timeout: o.HTTP.Timeout}
	if len(o.URLs) == 0 {
		return nil, errors.New("urls: at least one address of PPPS.php")
	}
	for _, a := range append([]string{o.PageURL}, o.URLs...) {
		if u, err := url.Parse(a); a != "" && (err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http") {
			return nil, errors.New("urls, paypage_url: not an address such as https://ppps.paybox.com/PPPS.php")
		}
	}
	for _, f := range []struct {
		name, value string
		min, max    int
	}{{"site", o.Site, 7, 7}, {"rank", o.Rank, 2, 3}, {"identifier", o.Identifier, 0, 9}} {
		if n := len(f.value); n < f.min || n > f.max || strings.Trim(f.value, "0123456789") != "" {
			return nil, fmt.Errorf("%s: %d to %d digits", f.name, f.min, f.max)
		}
	}
	if o.PageURL != "" && o.Identifier == "" {
		return nil, errors.New("identifier: the hosted page (paypage_url) asks for it")
	}
	var err error
	if g.key, err = hex.DecodeString(string(o.HMACKey)); err != nil || len(g.key) < 32 {
		return nil, errors.New("hmac_key: the key in hexadecimal (128 digits), as the back office shows it")
	}
	if g.signers, err = publicKeys(o.PublicKey); err != nil {
		return nil, err
	}
	if g.paris, err = time.LoadLocation("Europe/Paris"); err != nil {
		return nil, fmt.Errorf("time zone: %w", err)
	}
	if g.now == nil {
		g.now = time.Now
	}
	if g.timeout <= 0 {
		g.timeout = 10 * time.Second
	}
	o.HTTP.Secrets = append(o.HTTP.Secrets[:len(o.HTTP.Secrets):len(o.HTTP.Secrets)], o.HMACKey)
	if g.client, err = gateway.NewClient(o.HTTP); err != nil {
		return nil, err
	}
	var start [4]byte // another process of this account, or this one before a restart, must not ask under the same numbers
	if _, err := rand.Read(start[:]); err != nil {
		return nil, err
	}
	g.reads.Store(binary.LittleEndian.Uint32(start[:]))
	return g, nil
}

// Close gives idle connections up.
func (g *Gateway) Close() { g.client.Close() }

// Supports tells what Paybox can do. Duplicates need the customer's card kept as a subscriber, which navette has no hand
// in; requests need the hosted page.
func (g *Gateway) Supports(k payment.Kind, op payment.Operation) bool {
	if k == payment.Request {
		return g.page != ""
	}
	_, ok := types[op]
	return ok
}

// Submit sends an operation once, under a question number that depends on nothing but its key: within one day of
// the PSP's the same number is refused the second time (00039), whatever became of the first. A request is not
// sent at all: its customer's browser will do that, and it is open under the id that the PSP will know it by.
func (g *Gateway) Submit(ctx context.Context, in *payment.Instruction) (payment.Outcome, error) {
	if in.Key == "" { // would be a question nobody can tell from another
		return payment.Outcome{}, &gateway.Error{Kind: payment.ErrStopped, Code: gateway.CodeAddress, Text: "an instruction without a key"}
	}
	if in.Kind == payment.Request {
		return g.open(in)
	}
	kind, ok := types[in.Operation]
	if !ok {
		return g.refused(in, "operation"), nil
	}
	if in.Operation == payment.Consult {
		return g.consult(ctx, in)
	}
	a, ok := aimOf(in)
	if !ok {
		return g.refused(in, "target"), nil
	}
	t, out, err := g.target(ctx, in, a)
	if err != nil {
		return g.unasked(in, err)
	}
	if out.Verdict != payment.VerdictUnknown {
		return out, nil
	}
	q, missing := g.act(kind, in, a, t)
	if missing != "" {
		return g.refused(in, missing), nil
	}
	if in.Operation == payment.Modify {
		auth, err := g.authorisation(ctx, in, t)
		if err != nil {
			return g.unasked(in, err)
		}
		q = q.with("AUTORISATION", auth)
	}
	return g.send(ctx, in, t, q)
}

// Fits says what would be refused of an instruction, by itself and whatever its target is: a page that could not be made,
// an amount or a transaction id that is none.
func (g *Gateway) Fits(in *payment.Instruction) *message.Text {
	why := ""
	if in.Kind == payment.Request {
		_, why = g.form(in, payment.Visit{})
	} else {
		why = unfit(in)
	}
	if why == "" {
		return nil
	}
	t := g.text(in, why)
	return &t
}

// unfit is the sentence that says what an operation lacks, "" for nothing.
func unfit(in *payment.Instruction) string {
	a, ok := aimOf(in)
	if !ok || in.TransactionID == "" && in.PaymentID == "" && in.Reference == "" {
		return "target"
	}
	if in.Operation == payment.Consult {
		return ""
	}
	if _, _, why := amount(in.Amount); why != "" && (why != "amount_needed" || in.Operation == payment.Modify) {
		return why
	}
	if len(latin(a.reference)) > 250 {
		return "reference"
	}
	return ""
}

// text is a sentence of NV-2002 about an instruction.
func (g *Gateway) text(in *payment.Instruction, why string) message.Text {
	args := []string{"gateway", g.name}
	switch why {
	case "operation":
		args = append(args, "operation", string(in.Operation))
	case "currency":
		args = append(args, "currency", in.Amount.Currency)
	case "delay":
		args = append(args, "days", strconv.Itoa(in.Capture.DelayDays))
	}
	return message.New(gateway.CodeUnsupported+"."+why, args...)
}

// refused is an answer given here, before anything is sent; why is a sentence of NV-2002.
func (g *Gateway) refused(in *payment.Instruction, why string) payment.Outcome {
	return payment.Outcome{Verdict: payment.VerdictRefused, State: payment.Refused, Code: gateway.CodeUnsupported, Message: g.text(in, why).In(g.lang)}
}

// failed makes the outcome beside an error.
func failed(err error) (payment.Outcome, error) {
	return payment.Outcome{Code: gateway.CodeOf(err), Message: err.Error()}, err
}

// send asks a question that moves money, at one host and, where that one certainly did nothing, at the other.
func (g *Gateway) send(ctx context.Context, in *payment.Instruction, t target, q question) (payment.Outcome, error) {
	number := askNumber(in.Key)
	var last payment.Outcome // of a host that could not do it
	for try := range g.urls {
		host := g.host(try)
		a, err := g.exchange(ctx, host, q.numbered(number), number)
		more := try+1 < len(g.urls)
		switch {
		case errors.Is(err, payment.ErrNotSent) && !errors.Is(err, payment.ErrUncertain):
			if more && g.timeFor(ctx) {
				continue
			}
			if last.Verdict != payment.VerdictUnknown {
				return last, nil
			}
			return failed(err)
		case err != nil:
			return g.outcomeOf(in, err)
		}
		out, kind := g.judge(in, t, a)
		switch kind {
		case otherHost:
			if last = out; more && g.timeFor(ctx) {
				continue
			}
			return last, nil
		case numberUsed: // it arrived before: what did it do?
			g.preferred.Store(host)
			found, err := g.Lookup(ctx, in)
			switch {
			case err == nil && found.Verdict == payment.VerdictDone:
				return found, nil
			case errors.Is(err, payment.ErrUnknown): // refused, and that answer was lost: again today would be the same
				g.spent.note(in.Key, g.today())
			}
			return g.doubt(in, a)
		case doubtful:
			return g.doubt(in, a)
		case noAccess:
			return g.stop(in, a)
		case already:
			if in.Operation == payment.Refund { // of the whole, or of this part? Only the whole shows.
				found, err := g.Lookup(ctx, in)
				switch {
				case err == nil && found.Verdict == payment.VerdictDone:
					return found, nil
				case err != nil && !errors.Is(err, payment.ErrUnknown) && !errors.Is(err, payment.ErrUnsupported):
					return g.doubt(in, a)
				}
			}
		}
		g.preferred.Store(host)
		return out, nil
	}
	return last, nil // not reached: there is at least one address
}

// host gives the try-th host to ask, the one that answered last first.
func (g *Gateway) host(try int) uint32 {
	return (g.preferred.Load() + uint32(try)) % uint32(len(g.urls))
}

// timeFor tells whether another exchange can still take its whole time: one that is cut short would be in doubt.
func (g *Gateway) timeFor(ctx context.Context) bool {
	end, ok := ctx.Deadline()
	return ctx.Err() == nil && (!ok || time.Until(end) >= g.timeout)
}

// exchange sends one question to one host and reads its answer. Errors are of the kinds of Submit; that of an HTTP status
// which asks to wait is a *later.
func (g *Gateway) exchange(ctx context.Context, host uint32, q question, number uint32) (answer, error) {
	h := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "Accept": {"application/x-www-form-urlencoded, text/plain"}, "User-Agent": {"navette"}}
	raw, err := g.client.Do(ctx, &gateway.Request{Method: http.MethodPost, URL: g.urls[host], Header: h, Body: q.signed(g.key)})
	if err != nil {
		return answer{}, err
	}
	problem := func(kind error, code, text string) error {
		return &gateway.Error{Kind: kind, Code: code, Status: raw.Status, Text: text}
	}
	switch raw.Class() {
	case gateway.Taken:
	case gateway.Credentials:
		return answer{}, problem(payment.ErrStopped, gateway.CodeCredentials, "credentials refused")
	case gateway.Refusal, gateway.Wrong:
		if raw.Cut { // perhaps not all of it was a proxy's
			return answer{}, problem(payment.ErrUncertain, gateway.CodeUnreadable, "")
		}
		return answer{}, problem(payment.ErrStopped, gateway.CodeAddress, "not PPPS: look at urls and proxies")
	case gateway.Later, gateway.LaterLook:
		return answer{}, &later{wait: raw.Wait, look: raw.Class() == gateway.LaterLook, status: raw.Status}
	default:
		return answer{}, problem(payment.ErrUncertain, gateway.CodeLost, "")
	}
	if raw.Cut {
		return answer{}, problem(payment.ErrUncertain, gateway.CodeUnreadable, "the answer is cut")
	}
	a, err := readAnswer(raw.Body)
	if stranger := a.Site+a.Rank+a.Number == "" && meaningOf(a.Code) == noAccess; err == nil && !stranger { // who is refused at the door may not be told to which question
		err = a.echoes(g.site, g.rank, number)
	}
	if err != nil {
		return answer{}, problem(payment.ErrUncertain, gateway.CodeUnreadable, err.Error())
	}
	return a, nil
}

// later is the error of a host that asks to wait.
type later struct {
	wait   time.Duration
	look   bool
	status int
}

func (l *later) Error() string { return fmt.Sprintf("HTTP %d: asked to wait", l.status) }
func (l *later) Unwrap() error { return payment.ErrUncertain }

// outcomeOf turns the error of an exchange into what Submit returns.
func (g *Gateway) outcomeOf(in *payment.Instruction, err error) (payment.Outcome, error) {
	if l, ok := errors.AsType[*later](err); ok {
		return payment.Outcome{Verdict: payment.VerdictRetry, Code: gateway.CodeBusy, Message: fmt.Sprintf("HTTP %d", l.status), Wait: l.wait, LookFirst: l.look}, nil
	}
	out, err := failed(err)
	out.Message = g.client.Message(in, out.Message)
	return out, err
}

// judge reads the answer to an operation by the table of codes.
func (g *Gateway) judge(in *payment.Instruction, t target, a answer) (payment.Outcome, meaning) {
	m := meaningOf(a.Code)
	out := payment.Outcome{Code: m.code(), Message: g.words(in, a)}
	switch m {
	case done, already:
		out.Verdict, out.State, out.Code, out.TransactionState = payment.VerdictDone, payment.Done, "", a.Status
		if m == done {
			out.Message = ""
		}
		out.TransactionID = a.transaction(t).String()
		out.PaymentID = out.TransactionID
		if to, _ := aimOf(in); m == already && (in.Operation == payment.Refund || in.Operation == payment.Capture && !in.Amount.IsZero() && !to.whole.IsZero() && in.Amount != to.whole) {
			// A part: that something was captured does not say that this was.
			out = payment.Outcome{Verdict: payment.VerdictRefused, State: payment.Refused, Code: gateway.CodeRefused, Message: out.Message}
		}
	case waiting:
		out.Verdict, out.State, out.Code, out.TransactionID = payment.VerdictDone, payment.Pending, "", a.transaction(t).String()
		out.PaymentID = out.TransactionID
	case no, absent:
		out.Verdict, out.State = payment.VerdictRefused, payment.Refused
	case otherHost:
		out.Verdict, out.LookFirst = payment.VerdictRetry, true
	}
	return out, m
}

// words are the PSP's own: its code in brackets, then its comment.
func (g *Gateway) words(in *payment.Instruction, a answer) string {
	return g.client.Message(in, strings.TrimSpace("["+a.Code+"] "+a.Comment))
}

func (g *Gateway) doubt(in *payment.Instruction, a answer) (payment.Outcome, error) {
	return failed(&gateway.Error{Kind: payment.ErrUncertain, Code: gateway.CodeLost, Text: g.words(in, a)})
}

func (g *Gateway) stop(in *payment.Instruction, a answer) (payment.Outcome, error) {
	return failed(&gateway.Error{Kind: payment.ErrStopped, Code: meaningOf(a.Code).code(), Text: g.words(in, a)})
}

// ByReference tells that Paybox cannot be asked by the ERP's own reference: an operation names NUMTRANS/NUMAPPEL, or a
// request that the journal knows.
func (*Gateway) ByReference() bool { return false }
