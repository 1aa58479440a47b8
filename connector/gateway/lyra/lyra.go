// Package lyra is the gateway to Lyra's REST API V4 (`type: lyra`): PayZen, Systempay (formerly Cyberplus), Lyra Collect and
// the other names under which banks offer it. Payment requests are its payment orders, operations its transactions.
//
// The PSP has no idempotency key and no search: an order that nobody has paid yet cannot be found again. So whatever can be
// looked up is looked up by the order's reference, the key stamped into its metadata, and the state of the transaction; for
// the rest a person decides. docs/gateway-lyra.md describes it; tables.go holds what is fact about the PSP, and which of it
// nobody has verified.
package lyra

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/navette-connect/navette/connector/gateway"
	"github.com/navette-connect/navette/connector/payment"
)

// What the PSP promises, for the configuration and the documentation.
const (
	Idempotent  = false               // no key, no deduplication: a replay of a creation or refund is a second one
	MaxExpiry   = 90 * 24 * time.Hour // of a payment order, from its creation
	maxOrderID  = 64                  // characters of an order's reference
	Timeout     = 45 * time.Second    // what the PSP's own plug-ins wait for an answer
	testKey     = "testpassword_"     // beginnings of the REST key, by mode
	realKey     = "prodpassword_"
	servicePath = "/api-payment/V4/"
)

// Options of the gateway.
type Options struct {
	URL      string         // the host alone: https://api.payzen.eu
	Shop     string         // the shop's identifier, 8 digits
	Mode     string         // test or production; the key's family must agree
	Password gateway.Secret // REST key: testpassword_… or prodpassword_…
	HMACKey  gateway.Secret // key of returns signed with it; "" takes only notifications signed with the password
	Name     string         // of the gateway, for what navette itself says of a refusal
	Lang     string         // of what navette itself says of a refusal: fr or en
	HTTP     gateway.Options
}

// Gateway speaks Lyra's REST API V4. It may be used from many goroutines.
type Gateway struct {
	client *gateway.Client
	base   string // address of the services, with a slash at its end
	shop   string
	mode   string // as the PSP writes it: TEST or PRODUCTION
	name   string
	lang   string
	header http.Header
	keys   map[string][]byte // of notifications, by the name that kr-hash-key gives
	now    func() time.Time

	keyless bool // nothing is sent
}

// KeyMode gives the mode that a REST key belongs to, "" when its beginning does not say.
func KeyMode(password string) string {
	switch {
	case strings.HasPrefix(password, testKey):
		return "test"
	case strings.HasPrefix(password, realKey):
		return "production"
	}
	return ""
}

// New makes the gateway; an error says which setting cannot be used. Nothing is sent. Without a password it can say what
// fits, and everything else stops.
func New(o Options) (*Gateway, error) {
	u, err := url.Parse(o.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, errors.New("url: not an address such as https://api.payzen.eu")
	}
	if u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.Trim(u.Path, "/") != "" {
		return nil, errors.New("url: the host alone, such as https://api.payzen.eu")
	}
	if len(o.Shop) != 8 || strings.Trim(o.Shop, "0123456789") != "" {
		return nil, errors.New("shop: eight digits are expected")
	}
	if o.Password != "" && KeyMode(string(o.Password)) != o.Mode {
		return nil, errors.New("password: mode " + o.Mode + " needs a REST key that begins with " + testKey + " (test) or " + realKey + " (production)")
	}
	g := &Gateway{base: strings.TrimRight(o.URL, "/") + servicePath, shop: o.Shop, mode: "TEST", name: o.Name, lang: o.Lang, now: o.HTTP.Now, keys: map[string][]byte{"password": []byte(o.Password)}, keyless: o.Password == ""}
	if o.Mode == "production" {
		g.mode = "PRODUCTION"
	}
	if g.now == nil {
		g.now = time.Now
	}
	basic := base64.StdEncoding.EncodeToString([]byte(o.Shop + ":" + string(o.Password)))
	g.header = http.Header{"Content-Type": {"application/json"}, "Accept": {"application/json"}, "User-Agent": {"navette"}, "Authorization": {"Basic " + basic}}
	o.HTTP.Secrets = append(o.HTTP.Secrets[:len(o.HTTP.Secrets):len(o.HTTP.Secrets)], o.Password, o.HMACKey, gateway.Secret(basic))
	if o.HMACKey != "" {
		g.keys["sha256_hmac"] = []byte(o.HMACKey)
	}
	if g.client, err = gateway.NewClient(o.HTTP); err != nil {
		return nil, err
	}
	return g, nil
}

// Close gives idle connections up.
func (g *Gateway) Close() { g.client.Close() }

// Supports tells whether the PSP can do it at all: requests, and every operation of the contract.
func (*Gateway) Supports(kind payment.Kind, op payment.Operation) bool {
	switch op {
	case payment.Capture, payment.Cancel, payment.Refund, payment.Modify, payment.Duplicate, payment.Consult:
		return kind == payment.Operate
	case "":
		return kind == payment.Request
	}
	return false
}

// Submit sends an instruction once. A nil error means that the PSP answered: the outcome's verdict is done, refused or
// retry. Else the error's kind is payment.ErrUncertain, ErrNotSent or ErrStopped, and the outcome carries its NV code.
func (g *Gateway) Submit(ctx context.Context, in *payment.Instruction) (payment.Outcome, error) {
	if in.Key == "" { // would be a payment nobody can ask about
		return payment.Outcome{}, &gateway.Error{Kind: payment.ErrStopped, Code: gateway.CodeAddress, Text: "an instruction without a key"}
	}
	if why := g.Fits(in); why != nil {
		return g.refuse(*why), nil
	}
	if in.Kind == payment.Request {
		if end, _ := lastMoment(in); !end.IsZero() && g.now().After(end) { // it has expired since it was taken
			return g.refuse(*g.say("NV-2002.expiry", "date", in.ExpiresOn, "days", "90")), nil
		}
		return g.create(ctx, in)
	}
	return g.operate(ctx, in)
}

// Lookup asks what became of an instruction. payment.ErrUnknown: it certainly had no effect; payment.ErrUnsupported: the
// PSP cannot tell; payment.ErrStopped: as for Submit. After any other error it may be asked again.
func (g *Gateway) Lookup(ctx context.Context, in *payment.Instruction) (payment.Outcome, error) {
	if in.Kind == payment.Request {
		return g.lookOrder(ctx, in)
	}
	return g.lookOperation(ctx, in)
}

// create makes a payment order.
func (g *Gateway) create(ctx context.Context, in *payment.Instruction) (payment.Outcome, error) {
	var o order
	out, err := g.act(ctx, in, "Charge/CreatePaymentOrder", orderBody(in), &o)
	if err != nil || out.Verdict != payment.VerdictDone {
		return g.final(out, err)
	}
	state, known := orderStates()[string(o.Status)]
	switch {
	case o.ID == "":
		return g.unreadable(in, "a payment order without an id")
	case !known:
		return g.unreadable(in, "payment order status "+g.client.Clean(string(o.Status))+" is unknown")
	}
	if state == payment.Paid { // just made: whatever else it says is read by follow-up
		state = payment.Open
	}
	sum, err := o.sum()
	if err != nil {
		return g.unreadable(in, err.Error())
	}
	out.State, out.PaymentID, out.Link, out.Amount, out.Reference = state, g.id(o.ID), g.id(o.URL), sum, g.reference(in, string(o.OrderID))
	if state == payment.Refused {
		out.Verdict, out.Code = payment.VerdictRefused, gateway.CodeRefused
	}
	return out, nil
}

// reference is what an outcome says of the order's reference: ours where it is the one we gave.
func (g *Gateway) reference(in *payment.Instruction, orderID string) string {
	if orderID == "" || orderID == OrderID(in) {
		return in.Reference
	}
	return g.id(loose(orderID))
}

// lookOrder finds a payment order by the transactions made on it: before the customer acts there are none, and the PSP
// cannot be asked.
func (g *Gateway) lookOrder(ctx context.Context, in *payment.Instruction) (payment.Outcome, error) {
	list, err := g.ordered(ctx, OrderID(in), payment.ErrUnsupported)
	if err != nil {
		return payment.Outcome{Code: gateway.CodeOf(err), Message: err.Error()}, err
	}
	ours := stamped(list.Transactions, in.Key)
	if len(ours) == 0 {
		return payment.Outcome{}, gateway.Unsupported("no transaction with our stamp: an order that nobody has paid cannot be found")
	}
	out := payment.Outcome{Verdict: payment.VerdictDone, State: payment.Open, PaymentID: foundID(OrderID(in), in.Key), Reference: g.reference(in, string(list.orderID()))}
	for _, t := range ours {
		if t.PaymentOrderID != "" {
			out.PaymentID = g.id(t.PaymentOrderID)
		}
	}
	if out.Amount, err = list.asked(ours); err != nil {
		return g.unreadable(in, err.Error())
	}
	return out, nil
}

// Ping tries address, credentials and mode without any effect.
func (g *Gateway) Ping(ctx context.Context) error {
	var echo struct {
		Value loose `json:"value"`
	}
	if err := g.read(ctx, "Charge/SDKTest", []byte(`{"value":"navette"}`), &echo, payment.ErrUnsupported); err != nil {
		return err
	}
	if echo.Value != "navette" {
		return &gateway.Error{Kind: payment.ErrStopped, Code: gateway.CodeAddress, Text: "the test service does not echo what it was sent"}
	}
	return nil
}
