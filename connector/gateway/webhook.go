package gateway

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Kinds of webhook that must not be believed, for errors.Is; both are answered 401.
var (
	ErrForged = errors.New("the webhook's signature is missing or wrong")
	ErrOld    = errors.New("the webhook's time is not now")
)

// Tolerance is how far a webhook's time may lie from ours, either way.
const Tolerance = 5 * time.Minute

// WebhookKey gives the bytes of a Standard Webhooks secret: what follows whsec_ is base64, anything else is taken as it
// is.
func WebhookKey(secret Secret) ([]byte, error) {
	text, ok := strings.CutPrefix(string(secret), "whsec_")
	if !ok {
		return []byte(secret), nil
	}
	key, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		key, err = base64.RawStdEncoding.DecodeString(text)
	}
	if err != nil || len(key) == 0 {
		return nil, errors.New("webhook_secret: what follows whsec_ is not base64")
	}
	return key, nil
}

// SignWebhook sets the three headers of Standard Webhooks on h.
func SignWebhook(h http.Header, key []byte, id string, at time.Time, body []byte) {
	ts := strconv.FormatInt(at.Unix(), 10)
	h.Set("Webhook-Id", id)
	h.Set("Webhook-Timestamp", ts)
	h.Set("Webhook-Signature", "v1,"+base64.StdEncoding.EncodeToString(webhookMAC(key, id, ts, body)))
}

// VerifyWebhook checks a webhook over its raw body and gives its id. Several signatures, separated by blanks, are
// allowed: one must be right. The kinds are ErrForged and ErrOld; an empty key believes nothing.
func VerifyWebhook(h http.Header, key, body []byte, now time.Time) (id string, err error) {
	id = h.Get("Webhook-Id")
	ts := h.Get("Webhook-Timestamp")
	if len(key) == 0 || id == "" || !digits(ts) {
		return "", ErrForged
	}
	sec, err := strconv.ParseInt(ts, 10, 64)
	if err != nil {
		return "", ErrForged
	}
	want, right := webhookMAC(key, id, ts, body), false
	for _, sig := range strings.Fields(h.Get("Webhook-Signature")) {
		text, ok := strings.CutPrefix(sig, "v1,")
		if !ok { // another algorithm
			continue
		}
		got, err := base64.StdEncoding.DecodeString(text)
		right = err == nil && hmac.Equal(got, want) || right
	}
	if !right {
		return "", ErrForged
	}
	// Only now: the time is part of what was signed, and a stranger learns nothing of our clock.
	if d := now.Sub(time.Unix(sec, 0)); d > Tolerance || d < -Tolerance {
		return "", fmt.Errorf("%w: %s away", ErrOld, d.Round(time.Second))
	}
	return id, nil
}

func webhookMAC(key []byte, id, ts string, body []byte) []byte {
	m := hmac.New(sha256.New, key)
	m.Write([]byte(id + "." + ts + "."))
	m.Write(body)
	return m.Sum(nil)
}
