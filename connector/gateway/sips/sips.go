// Package sips is the gateway to Worldline Sips 2.0 and its white labels (Mercanet, Sherlock's, Sogenactif): Office JSON for
// operations, paymentInit and navette's own page for payment requests, since Sips has no links to send.
// docs/gateway-sips.md says what it can do, and what was never tried on a live account.
package sips

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/navette-connect/navette/connector/gateway"
	"github.com/navette-connect/navette/connector/message"
	"github.com/navette-connect/navette/connector/payment"
)

// Options of the gateway.
type Options struct {
	URL              string                    // Office server, without a path
	PaypageURL       string                    // paymentInit server, without a path; "" takes no payment requests
	Merchant         string                    // 15 digits
	Keys             map[string]gateway.Secret // by keyVersion; the highest seals what is sent
	InterfaceVersion string                    // "2.55": of every interface; "" = what each function was seen with
	Production       bool                      // answers must be sealed; no operation leaves while Sips is closed
	Lang             string                    // of messages: fr or en
	Now              func() time.Time          // nil = time.Now
	HTTP             gateway.Options
}

// Gateway speaks Sips 2.0. It may be used from many goroutines.
type Gateway struct {
	client        *gateway.Client
	office, pages string
	merchant      string
	version       string
	keys          map[string]string
	keyVersion    string
	production    bool
	lang          string
	now           func() time.Time
	paris         *time.Location
	codes         map[string]answerCode
	statuses      map[string]status
	currencies    map[string]string // numeric by alphabetic

	mu     sync.Mutex
	early  map[string]time.Time // by key: since when Sips does not know the transaction yet
	before map[string]worth     // by transactionReference: what it was worth just before an operation left
}

// worth is what a transaction was worth when an operation was about to leave.
type worth struct {
	key  string // "": two were at once
	sum  payment.Amount
	told bool // a look-up was answered by it
}

// New makes the gateway; an error says which setting cannot be used. Nothing is sent.
func New(o Options) (*Gateway, error) {
	for name, text := range map[string]string{"url": o.URL, "paypage_url": o.PaypageURL} {
		u, err := url.Parse(text)
		if name == "paypage_url" && text == "" {
			continue
		}
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
			return nil, errors.New(name + ": not an address such as https://office-server.sips-services.com")
		}
	}
	if len(o.Merchant) != 15 || !digits(o.Merchant) {
		return nil, errors.New("merchant: not 15 digits")
	}
	g := &Gateway{office: strings.TrimRight(o.URL, "/"), pages: strings.TrimRight(o.PaypageURL, "/"), merchant: o.Merchant, version: o.InterfaceVersion, keys: map[string]string{},
		production: o.Production, lang: o.Lang, now: o.Now, codes: map[string]answerCode{}, statuses: map[string]status{}, currencies: currencies(), early: map[string]time.Time{}, before: map[string]worth{}}
	if g.now == nil {
		g.now = time.Now
	}
	newest := -1
	for version, key := range o.Keys {
		n, err := strconv.Atoi(version)
		if err != nil || n < 0 || key == "" {
			return nil, fmt.Errorf("keys: %q is no version of a key, or its key is empty", version)
		}
		if n > newest {
			newest, g.keyVersion = n, version
		}
		g.keys[version] = string(key)
		o.HTTP.Secrets = append(o.HTTP.Secrets[:len(o.HTTP.Secrets):len(o.HTTP.Secrets)], key)
	}
	if newest < 0 {
		return nil, errors.New("keys: none")
	}
	var err error
	if g.paris, err = time.LoadLocation("Europe/Paris"); err != nil {
		return nil, fmt.Errorf("the hours of Sips are those of Paris: %w", err)
	}
	for _, c := range answerCodes() {
		g.codes[c.code] = c
	}
	for _, s := range statuses() {
		g.statuses[s.name] = s
	}
	g.client, err = gateway.NewClient(o.HTTP)
	return g, err
}

// Close gives idle connections up.
func (g *Gateway) Close() { g.client.Close() }

// Supports tells what Sips can do: everything, in its way; requests only where there is a page server.
func (g *Gateway) Supports(kind payment.Kind, _ payment.Operation) bool {
	return kind == payment.Operate || g.pages != ""
}

// ByReference tells that Sips finds no transaction by the merchant's reference: only by the transactionReference, ours.
func (*Gateway) ByReference() bool { return false }

func (g *Gateway) say(key string, args ...string) string { return message.New(key, args...).In(g.lang) }

// referenceOf is the transactionReference that belongs to a key: 32 letters and digits of the 35 that Sips allows.
func referenceOf(key string) string {
	if len(key) == 32 && !strings.ContainsFunc(key, func(r rune) bool { return !alphanumeric(r) }) {
		return key
	}
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:16])
}

// baseLength is the length of a request's own reference; what follows it numbers the customer's attempts from 2 on.
const baseLength = 32

// attempt is the transactionReference of a customer's nth attempt, n from 1 to maxAttempts.
func attempt(base string, n int) string {
	if n == 1 {
		return base
	}
	return base + strconv.Itoa(n)
}

// maxAttempts bounds how many refused attempts of one request are looked through.
const maxAttempts = 30

func alphanumeric(r rune) bool {
	return r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
}

func digits(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

// Hook checks an automatic response on the text that was signed and gives the id of the payment it speaks of, which is to
// be read again; paymentID is "" when it names none. The kind of every refusal is gateway.ErrForged.
func (g *Gateway) Hook(_ http.Header, body []byte, _ time.Time) (noticeID, paymentID string, err error) {
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return "", "", gateway.ErrForged
	}
	fields, err := g.openNotice(form.Get("Data"), form.Get("Seal"), form.Get("Encode"))
	if err != nil {
		return "", "", err
	}
	sum := sha256.Sum256([]byte(form.Get("Data")))
	ref := fields["transactionReference"]
	return hex.EncodeToString(sum[:16]), ref[:min(len(ref), baseLength)], nil
}
