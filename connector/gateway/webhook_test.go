package gateway

import (
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestVerifyWebhook(t *testing.T) {
	now := time.Unix(1_795_348_800, 0)
	key, body := []byte("a webhook key of ours"), []byte(`{"type":"paid","data":{"id":"pr_1"}}`)
	signed := func(k []byte, id string, at time.Time) http.Header {
		h := http.Header{}
		SignWebhook(h, k, id, at, body)
		return h
	}
	with := func(h http.Header, name, v string) http.Header {
		h = h.Clone()
		h.Set(name, v)
		return h
	}
	good := signed(key, "msg_1", now)
	sig := good.Get("Webhook-Signature")
	other := signed([]byte("another"), "msg_1", now).Get("Webhook-Signature")
	tests := []struct {
		name string
		h    http.Header
		key  []byte
		body string
		want error
	}{
		{"good", good, key, string(body), nil},
		{"just in time", signed(key, "msg_1", now.Add(-Tolerance)), key, string(body), nil},
		{"just in time, ahead", signed(key, "msg_1", now.Add(Tolerance)), key, string(body), nil},
		{"old", signed(key, "msg_1", now.Add(-Tolerance-time.Second)), key, string(body), ErrOld},
		{"ahead", signed(key, "msg_1", now.Add(Tolerance+time.Second)), key, string(body), ErrOld},
		{"new key beside the old", with(good, "Webhook-Signature", other+" "+sig), key, string(body), nil},
		{"old key beside the new", with(good, "Webhook-Signature", sig+" "+other), key, string(body), nil},
		{"another algorithm beside", with(good, "Webhook-Signature", "v1a,AAAA "+sig), key, string(body), nil},
		{"wrong key", good, []byte("another"), string(body), ErrForged},
		{"no key", good, nil, string(body), ErrForged},
		{"empty key signed with an empty key", signed(nil, "msg_1", now), nil, string(body), ErrForged},
		{"another body", good, key, string(body) + " ", ErrForged},
		{"another id", with(good, "Webhook-Id", "msg_2"), key, string(body), ErrForged},
		{"another time", with(good, "Webhook-Timestamp", "1795348801"), key, string(body), ErrForged},
		{"no signature", with(good, "Webhook-Signature", ""), key, string(body), ErrForged},
		{"no version", with(good, "Webhook-Signature", strings.TrimPrefix(sig, "v1,")), key, string(body), ErrForged},
		{"no base64", with(good, "Webhook-Signature", "v1,***"), key, string(body), ErrForged},
		{"cut short", with(good, "Webhook-Signature", sig[:len(sig)-4]), key, string(body), ErrForged},
		{"time with a sign", with(good, "Webhook-Timestamp", "+1795348800"), key, string(body), ErrForged},
		{"time beyond all", with(good, "Webhook-Timestamp", "99999999999999999999"), key, string(body), ErrForged},
		{"no headers", http.Header{}, key, string(body), ErrForged},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			id, err := VerifyWebhook(tt.h, tt.key, []byte(tt.body), now)
			if !errors.Is(err, tt.want) || (err == nil) != (tt.want == nil) {
				t.Errorf("error %v, want %v", err, tt.want)
			}
			if err == nil && id != "msg_1" || err != nil && id != "" {
				t.Errorf("id %q with error %v", id, err)
			}
		})
	}
}

// What follows whsec_ is base64, with or without padding.
func TestWebhookKey(t *testing.T) {
	raw := []byte{0, 1, 2, 250, 251, 252, 253, 254, 255}
	tests := []struct {
		in   Secret
		want string
		ok   bool
	}{
		{Secret("whsec_" + base64.StdEncoding.EncodeToString(raw)), string(raw), true},
		{"whsec_AQID+/8", "\x01\x02\x03\xfb\xff", true},
		{"plain text", "plain text", true},
		{"whsec_", "", false},
		{"whsec_not base64!", "", false},
	}
	for _, tt := range tests {
		got, err := WebhookKey(tt.in)
		if (err == nil) != tt.ok || string(got) != tt.want {
			t.Errorf("WebhookKey(%q) = %q, %v; want %q, ok %v", string(tt.in), got, err, tt.want, tt.ok)
		}
	}
}

func FuzzVerifyWebhook(f *testing.F) {
	f.Add("msg_1", "1795348800", "v1,AAAA v1,BBBB", []byte("{}"))
	f.Add("", "-1", "v1,", []byte(nil))
	key, now := []byte("key"), time.Unix(1_795_348_800, 0)
	f.Fuzz(func(t *testing.T, id, ts, sig string, body []byte) {
		h := http.Header{"Webhook-Id": {id}, "Webhook-Timestamp": {ts}, "Webhook-Signature": {sig}}
		if _, err := VerifyWebhook(h, key, body, now); err == nil {
			want := "v1," + base64.StdEncoding.EncodeToString(webhookMAC(key, id, ts, body))
			if !strings.Contains(sig, want) {
				t.Errorf("a forged webhook was believed: %q %q %q", id, ts, sig)
			}
		}
	})
}
