package sandbox

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/navette-connect/navette/connector/gateway"
)

// hookBody is the body of a webhook.
type hookBody struct {
	Type      string    `json:"type"`
	Timestamp time.Time `json:"timestamp"`
	Data      struct {
		ID string `json:"id"`
	} `json:"data"`
}

// tick is how often Run lets the script's time pass while nobody asks.
const tick = 100 * time.Millisecond

// Run lets scripted customers act even when nobody asks, and sends webhooks to Options.WebhookURL, in order, each until it
// is taken with 2xx; without that address it only keeps time. It returns when ctx ends, with nil, or when the store or
// the settings fail. A PSP that is never Run moves whenever it is asked something.
func (p *PSP) Run(ctx context.Context) error {
	var key []byte
	if p.opts.WebhookURL != "" {
		var err error
		if key, err = gateway.WebhookKey(p.opts.WebhookSecret); err != nil {
			return err
		}
	}
	client := &http.Client{Timeout: 10 * time.Second}
	defer client.CloseIdleConnections()
	t := time.NewTicker(tick)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		case <-p.wake:
		}
		if err := p.with(func(time.Time) {}); err != nil {
			return err
		}
		if p.opts.WebhookURL == "" {
			continue
		}
		if err := p.sendHooks(ctx, client, key); err != nil {
			return err
		}
	}
}

// sendHooks sends what is due and stops at the first that is not taken: the next tick tries it again.
func (p *PSP) sendHooks(ctx context.Context, client *http.Client, key []byte) error {
	for {
		p.mu.Lock()
		n := p.hookDone
		var e *event
		if n < len(p.world.events) {
			e = &p.world.events[n]
		}
		p.mu.Unlock()
		if e == nil || !p.sendHook(ctx, client, key, e) {
			return nil
		}
		if err := p.with(func(time.Time) { p.hookDone, p.change.Hooked = n+1, n+1 }); err != nil {
			return err
		}
	}
}

func (p *PSP) sendHook(ctx context.Context, client *http.Client, key []byte, e *event) bool {
	b := hookBody{Type: "payment_request." + e.Type, Timestamp: e.OccurredAt}
	b.Data.ID = e.Data.ID
	body, err := json.Marshal(b)
	if err != nil {
		return true // not worth an eternal repetition
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.opts.WebhookURL, bytes.NewReader(body))
	if err != nil {
		return false
	}
	req.Header.Set("Content-Type", "application/json")
	gateway.SignWebhook(req.Header, key, fmt.Sprintf("msg_%s", e.ID), p.now(), body)
	resp, err := client.Do(req)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<16))
	return resp.StatusCode >= 200 && resp.StatusCode <= 299
}
