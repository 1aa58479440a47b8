package lyrasim

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Hook says where notifications (IPN) go, and how they are spoiled.
type Hook struct {
	URL          string // "" = none are sent
	HMACKey      bool   // signed with the key of returns, not with the password
	Escaped      bool   // kr-answer written with \/ for / on its way, signed without
	Twice        bool   // each is sent a second time
	Backwards    bool   // of those that wait, the newest goes first
	BeforeAnswer bool   // sent before the call that caused it is answered
	NoOrderID    bool   // the payment order is not named
}

// notice is one notification that waits to be delivered.
type notice struct {
	answer  string
	at      time.Time
	tries   int
	forged  string // "" or what is wrong with it
	deliver int    // how often it still goes out
}

// notify plans a notification of how things stand with a transaction's order now.
func (p *PSP) notify(t *transaction) {
	if p.opts.Hook.URL == "" {
		return
	}
	n := 1
	if p.opts.Hook.Twice {
		n = 2
	}
	p.notices = append(p.notices, &notice{answer: p.payment(t), at: p.now(), deliver: n})
}

// payment is the kr-answer: a picture of the state.
func (p *PSP) payment(t *transaction) string {
	status, c := cycle(p.ofRef(t.orderID, t.mode))
	m := map[string]any{"_type": "V4/Payment", "shopId": p.opts.Shop, "orderStatus": status, "orderCycle": c, "serverDate": stamp(p.now()),
		"orderDetails": map[string]any{"_type": "V4/OrderDetails", "orderId": text(t.orderID), "orderTotalAmount": t.total, "orderCurrency": t.currency, "mode": t.mode},
		"transactions": []any{p.showTransaction(t)}}
	if t.order != nil && !p.opts.Hook.NoOrderID {
		m["paymentOrderId"], m["paymentOrderStatus"] = t.order.id, t.order.status
	}
	b, err := json.Marshal(m)
	if err != nil {
		return "{}"
	}
	return string(b)
}

// Form signs a kr-answer as the PSP would: the fields of the POST.
func (p *PSP) Form(answer string) url.Values {
	name, key := "password", p.opts.Password
	if p.opts.Hook.HMACKey {
		name, key = "sha256_hmac", p.opts.HMACKey
	}
	m := hmac.New(sha256.New, []byte(key))
	m.Write([]byte(answer))
	if p.opts.Hook.Escaped {
		answer = strings.ReplaceAll(answer, "/", `\/`)
	}
	return url.Values{"kr-hash": {hex.EncodeToString(m.Sum(nil))}, "kr-hash-algorithm": {"sha256_hmac"}, "kr-hash-key": {name}, "kr-answer-type": {"V4/Payment"}, "kr-answer": {answer}}
}

// Pump sends the notifications that are due, and tells how many were taken. One that is not taken is tried again at the
// quarters of an hour, four times in all.
func (p *PSP) Pump(ctx context.Context) (taken int, err error) {
	for {
		n, form := p.due()
		if n == nil {
			return taken, err
		}
		ok, e := p.send(ctx, form)
		p.mu.Lock()
		n.tries++
		switch {
		case ok:
			taken++
			if n.deliver--; n.deliver > 0 {
				n.tries = 0
				p.notices = append(p.notices, n)
			}
		case n.tries < 4:
			n.at = p.now().Truncate(15 * time.Minute).Add(15 * time.Minute)
			p.notices = append(p.notices, n)
		}
		p.mu.Unlock()
		if !ok {
			err = errors.Join(err, e)
		}
	}
}

// due takes the next notification out of the queue.
func (p *PSP) due() (*notice, url.Values) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pass()
	order := slices.Clone(p.notices)
	if p.opts.Hook.Backwards {
		slices.Reverse(order)
	}
	for _, n := range order {
		if n.at.After(p.now()) {
			continue
		}
		p.notices = slices.DeleteFunc(p.notices, func(x *notice) bool { return x == n })
		form := p.Form(n.answer)
		switch n.forged {
		case "hash":
			form.Set("kr-hash", strings.Repeat("0", 64))
		case "algorithm":
			form.Set("kr-hash-algorithm", "md5")
		}
		return n, form
	}
	return nil, nil
}

// send delivers one; the PSP takes 200 to 206 and some redirections for success.
func (p *PSP) send(ctx context.Context, form url.Values) (bool, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.opts.Hook.URL, bytes.NewReader([]byte(form.Encode())))
	if err != nil {
		return false, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := p.client.Do(req)
	if err != nil {
		return false, err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, io.LimitReader(resp.Body, maxBody))
	switch s := resp.StatusCode; {
	case s >= 200 && s <= 206, s == 301, s == 302, s == 303, s == 307, s == 308:
		return true, err
	}
	return false, errors.New("the notification was answered " + resp.Status)
}

// unblock sends what waits before the answer of the call that caused it, where that is asked for.
func (p *PSP) unblock(now bool) {
	if !now {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	_, _ = p.Pump(ctx) // tried again like any other
}

// Run lets time pass and sends notifications until ctx ends.
func (p *PSP) Run(ctx context.Context) error {
	t := time.NewTicker(50 * time.Millisecond)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
			_, _ = p.Pump(ctx) // what was not taken is tried again
		}
	}
}

// Close ends nothing: the simulator keeps no file.
func (p *PSP) Close() error { return nil }
