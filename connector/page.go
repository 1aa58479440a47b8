package connector

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/navette-connect/navette/connector/gateway"
	"github.com/navette-connect/navette/connector/journal"
	"github.com/navette-connect/navette/connector/payment"
)

// Kinds of refused visits to a page.
var (
	ErrNoPage   = errors.New("no such page")                            // unknown token
	ErrPageOver = errors.New("the page is over")                        // paid, cancelled, expired
	ErrPageWait = errors.New("the page cannot be shown now, try again") // the PSP is away
)

const (
	pageLife  = 180 * 24 * time.Hour // of a page whose request names no expiry
	pageGrace = 20 * time.Minute     // a customer may be typing when a page ends: "nothing paid" is told only afterwards
	tokenSize = 24                   // bytes of chance in a token
)

// closing is how long a cancelled request may take to be seen closed.
func (d *dispatch) closing() time.Duration {
	if d.pager() != nil {
		return 2*d.account.Settle + pageGrace
	}
	return 2 * d.account.Settle
}

// newToken gives an unguessable token of a link and the digest that is kept of it.
func newToken() (token, digest string) {
	b := make([]byte, tokenSize)
	rand.Read(b) // never fails: crypto/rand ends the process first
	token = base64.RawURLEncoding.EncodeToString(b)
	return token, tokenDigest(token)
}

func tokenDigest(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// pager gives the account's ability to make pages, nil when its PSP has links of its own.
func (d *dispatch) pager() Pager {
	p, _ := d.account.Gateway.(Pager)
	return p
}

// prepare does what must be durable before an exchange with a PSP whose pages are ours: a request that is being cancelled
// gives out no form any more. And it tells what the journal alone remembers: since when an operation has been sent, and
// whether its customer was on the page a short while ago.
func (d *dispatch) prepare(ctx context.Context, in *payment.Instruction) error {
	if d.pager() == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, d.account.Timeout)
	defer cancel()
	if in.Kind == payment.Request {
		if d.PublicURL == "" { // it had one when the row was taken
			return &gateway.Error{Kind: payment.ErrStopped, Code: "NV-2010", Text: "NAVETTE_PUBLIC_URL is missing"}
		}
		return nil
	}
	if in.Trace.SentAt == 0 && in.ID != 0 {
		it, err := d.j.Item(ctx, in.ID)
		if err != nil {
			return notYet(err)
		}
		in.Trace.SentAt = it.SentAt
	}
	id := or(in.PaymentID, in.Target.PaymentID)
	if in.TransactionID != "" || id == "" {
		return nil
	}
	p, err := d.j.PageOf(ctx, in.Account, id)
	if errors.Is(err, journal.ErrMissing) {
		return nil
	}
	if in.Trace.Visited = d.lately(&p); err == nil && in.Operation == payment.Cancel {
		err = d.j.Do(ctx, func(tx *journal.Tx) error {
			if err := tx.ClosePage(p.InstructionID); err != nil {
				return err
			}
			at := tx.Now
			if p.OpenedAt > 0 { // told once nobody can be typing any more
				at += pageGrace.Microseconds()
			}
			return tx.SetDue("poll", p.InstructionID, in.Account, at, 0)
		})
		d.wakeOne("follow:" + in.Account)
	}
	return notYet(err)
}

// notYet is a failure before anything was sent.
func notYet(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", payment.ErrNotSent, err)
}

// page gives an open request its link; the digest becomes durable with the answer, in one commit.
func (d *dispatch) page(it *journal.Item, a *journal.Answer) {
	if it.Kind != payment.Request || d.pager() == nil || a.State != payment.Open {
		return
	}
	token, digest := newToken()
	a.Link = d.PublicURL + "/pay/" + token
	a.Page = &journal.Page{Digest: digest, ExpiresAt: d.pageEnd(&it.Instruction).UnixMicro()}
}

// pageEnd is the end of the day a request expires on, where navette is.
func (e *engine) pageEnd(in *payment.Instruction) time.Time {
	day, err := time.ParseInLocation("2006-01-02", in.ExpiresOn, e.location)
	if err != nil {
		return e.now().Add(pageLife)
	}
	return day.AddDate(0, 0, 1)
}

// standsAt corrects what a PSP that never heard of a request says of it: whether it is still open is for its page to tell.
// asked is false when the PSP need not be asked at all, since no form of the page was ever given out.
func (w *follow) standsAt(ctx context.Context, paymentID string) (ended payment.State, asked bool, err error) {
	if w.dispatch.pager() == nil {
		return "", true, nil
	}
	p, err := w.j.PageOf(ctx, w.account.Account, paymentID)
	if errors.Is(err, journal.ErrMissing) {
		return "", true, nil
	}
	if err != nil {
		return "", false, err
	}
	now, grace := w.now().UnixMicro(), int64(0)
	if p.OpenedAt > 0 {
		grace = pageGrace.Microseconds()
	}
	switch {
	case p.ClosedAt > 0 && now >= p.ClosedAt+grace:
		ended = payment.Cancelled
	case p.ClosedAt == 0 && now >= p.ExpiresAt+grace:
		ended = payment.Expired
	}
	return ended, p.OpenedAt > 0, nil
}

// visitedLately tells that a customer may be paying just now: the PSP is asked as often as for a new request, since it may
// notify before it knows.
func (w *follow) visitedLately(ctx context.Context, paymentID string) bool {
	if w.dispatch.pager() == nil {
		return false
	}
	p, err := w.j.PageOf(ctx, w.account.Account, paymentID)
	return err == nil && w.lately(&p)
}

// lately tells that a form of a page was given out so short a while ago that its customer may be paying, or just has.
func (e *engine) lately(p *journal.Page) bool {
	return p.OpenedAt > 0 && e.now().Sub(journal.Time(p.OpenedAt)) < 2*pageGrace
}

// Page is what a customer sees behind a link.
type Page struct {
	Form      payment.Form
	Reference string
	Amount    payment.Amount
	Language  string // fr or en
	Again     bool   // a form was given out a short while ago, and the PSP would take both
}

// Page gives what stands behind the token of a link: the form that brings this customer to the PSP. language is what the
// browser asks for; the customer's own, if known, goes before it. ErrNoPage, ErrPageOver (with the language to say it
// in) and ErrPageWait are the refusals; other errors are the journal's.
func (c *Connector) Page(ctx context.Context, token, language string) (Page, error) {
	digest := tokenDigest(token)
	p, it, d, err := c.e.visited(ctx, digest)
	if err != nil {
		return Page{Language: language}, err
	}
	v := Page{Reference: it.Reference, Amount: it.Amount, Language: language}
	if l := it.Customer.Language; l == "fr" || l == "en" {
		v.Language = l
	}
	if it.State != payment.Open || p.ClosedAt > 0 || c.e.now().UnixMicro() >= p.ExpiresAt {
		return v, ErrPageOver
	}
	_, twice := d.account.Gateway.(Doubler)
	v.Again = twice && p.OpenedAt > 0 && c.e.now().Sub(journal.Time(p.OpenedAt)) < pageGrace
	// Durable before the PSP may hear of it: from now on its word counts.
	if err := c.e.j.Do(ctx, func(tx *journal.Tx) error {
		return tx.OpenPage(&p, it.Account, tx.Now+d.account.Poll.Microseconds())
	}); err != nil {
		if errors.Is(err, journal.ErrState) {
			return v, ErrPageOver
		}
		return v, err
	}
	in := it.Instruction
	in.PaymentID = it.OwnPaymentID
	if d.halt.is() || d.gate.closed(c.e.now()) || d.limit.Wait(ctx) != nil {
		return v, ErrPageWait
	}
	ctx, cancel := context.WithTimeout(ctx, d.account.Timeout+time.Second)
	defer cancel()
	v.Form, err = d.pager().Page(ctx, &in, payment.Visit{Language: v.Language, ReturnURL: c.e.PublicURL + "/pay/" + token + "/back",
		NotifyURL: c.e.PublicURL + "/hooks/" + url.PathEscape(d.account.Name)})
	switch {
	case errors.Is(err, payment.ErrClosed):
		c.e.readSoon(ctx, d, it.ID)
		return v, ErrPageOver
	case errors.Is(err, payment.ErrStopped):
		d.stop(ctx, err)
		return v, fmt.Errorf("%w: %w", ErrPageWait, err)
	case err != nil:
		return v, fmt.Errorf("%w: %w", ErrPageWait, err)
	}
	return v, nil
}

// Back is called when a customer comes back from the PSP. What the browser brings is not believed: the PSP is asked.
func (c *Connector) Back(ctx context.Context, token, language string) (Page, error) {
	_, it, d, err := c.e.visited(ctx, tokenDigest(token))
	if err != nil {
		return Page{Language: language}, err
	}
	v := Page{Reference: it.Reference, Amount: it.Amount, Language: language}
	if l := it.Customer.Language; l == "fr" || l == "en" {
		v.Language = l
	}
	if it.State == payment.Open {
		c.e.readSoon(ctx, d, it.ID)
	}
	return v, nil
}

// visited finds the page, its request and the account it belongs to.
func (e *engine) visited(ctx context.Context, digest string) (p journal.Page, it journal.Item, d *dispatch, err error) {
	if p, err = e.j.Page(ctx, digest); err == nil {
		it, err = e.j.Item(ctx, p.InstructionID)
	}
	if errors.Is(err, journal.ErrMissing) {
		return p, it, nil, ErrNoPage
	}
	if err != nil {
		return p, it, nil, err
	}
	for _, d := range e.dispatches {
		if d.account.Account == it.Account && d.pager() != nil {
			return p, it, d, nil
		}
	}
	return p, it, nil, fmt.Errorf("%w: its gateway is not configured", ErrPageWait)
}

// readSoon lets the PSP be asked about a request at once.
func (e *engine) readSoon(ctx context.Context, d *dispatch, id int64) {
	err := e.j.Do(ctx, func(tx *journal.Tx) error { return tx.SetDue("poll", id, d.account.Account, tx.Now, 0) })
	if err != nil {
		d.log.Debug().Err(err).Msg("the payment is read at its next turn")
		return
	}
	e.wakeOne("follow:" + d.account.Account)
}
