package gateway

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/navette-connect/navette/connector/payment"
)

func TestClassify(t *testing.T) {
	broken := errors.New("connection reset")
	tests := []struct {
		status int
		err    error
		wrote  bool
		want   Class
	}{
		{err: broken, wrote: true, want: Doubt},
		{err: broken, wrote: false, want: NotSent},
		{status: 0, want: Doubt}, {status: 100, want: Doubt}, {status: 199, want: Doubt}, {status: 600, want: Doubt}, {status: 999, want: Doubt}, {status: -1, want: Doubt},
		{status: 200, want: Taken}, {status: 201, want: Taken}, {status: 202, want: Taken}, {status: 204, want: Taken}, {status: 299, want: Taken},
		{status: 300, want: Wrong}, {status: 301, want: Wrong}, {status: 302, want: Wrong}, {status: 304, want: Wrong}, {status: 307, want: Wrong}, {status: 308, want: Wrong},
		{status: 400, want: Refusal}, {status: 404, want: Refusal}, {status: 422, want: Refusal},
		{status: 402, want: Refusal}, {status: 410, want: Refusal}, {status: 413, want: Refusal},
		{status: 401, want: Credentials}, {status: 403, want: Credentials},
		{status: 405, want: Wrong}, {status: 406, want: Wrong}, {status: 407, want: Wrong}, {status: 415, want: Wrong}, {status: 431, want: Wrong}, {status: 451, want: Wrong}, {status: 499, want: Wrong},
		{status: 408, want: Doubt}, {status: 409, want: Doubt}, {status: 425, want: Doubt},
		{status: 429, want: Later}, {status: 503, want: LaterLook},
		{status: 500, want: Doubt}, {status: 501, want: Doubt}, {status: 502, want: Doubt}, {status: 504, want: Doubt}, {status: 520, want: Doubt}, {status: 599, want: Doubt},
	}
	for _, tt := range tests {
		if got := Classify(tt.status, tt.err, tt.wrote); got != tt.want {
			t.Errorf("Classify(%d, %v, wrote %v) = %v, want %v", tt.status, tt.err, tt.wrote, got, tt.want)
		}
	}
	for status := -10; status < 700; status++ { // nothing but these ways out of doubt
		c := Classify(status, nil, true)
		if c == NotSent || c == Taken && (status < 200 || status > 299) || c == Later && status != 429 || c == LaterLook && status != 503 {
			t.Errorf("Classify(%d) = %v", status, c)
		}
		if Classify(status, broken, true) != Doubt {
			t.Errorf("Classify(%d, error, wrote) = %v, want doubt whatever the status", status, Classify(status, broken, true))
		}
	}
}

func TestReadKind(t *testing.T) {
	tests := []struct {
		status int
		want   error
		code   string
	}{
		{404, payment.ErrUnsupported, CodeUnsupported}, {400, payment.ErrUnsupported, CodeUnsupported}, {405, payment.ErrUnsupported, CodeUnsupported},
		{501, payment.ErrUnsupported, CodeUnsupported}, {401, payment.ErrStopped, CodeCredentials}, {403, payment.ErrStopped, CodeCredentials},
		{407, payment.ErrStopped, CodeAddress}, {302, payment.ErrStopped, CodeAddress}, {429, payment.ErrUncertain, CodeBusy},
		{503, payment.ErrUncertain, CodeBusy}, {500, payment.ErrUncertain, CodeLost}, {408, payment.ErrUncertain, CodeLost},
	}
	for _, tt := range tests {
		if code, kind := ReadKind(tt.status, payment.ErrUnsupported); kind != tt.want || code != tt.code {
			t.Errorf("ReadKind(%d) = %v, %v; want %v, %v", tt.status, code, kind, tt.code, tt.want)
		}
	}
	if _, kind := ReadKind(404, payment.ErrUnknown); kind != payment.ErrUnknown {
		t.Errorf("ReadKind(404) of an object = %v, want %v", kind, payment.ErrUnknown)
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	tests := []struct {
		in   string
		want time.Duration
	}{
		{"", 0}, {"0", 0}, {"7", 7 * time.Second}, {"3600", time.Hour}, {"3601", time.Hour}, {"31536000", time.Hour},
		{"99999999999999999999999", time.Hour}, {"-5", 0}, {"1.5", 0}, {"soon", 0}, {" 7", 0}, {"+7", 0},
		{"Sun, 22 Nov 2026 12:00:30 GMT", 30 * time.Second}, {"Sun, 22 Nov 2026 11:00:00 GMT", 0}, {"Mon, 22 Nov 2027 12:00:00 GMT", time.Hour},
		{"Sunday, 22-Nov-26 12:00:10 GMT", 10 * time.Second},
	}
	for _, tt := range tests {
		if got := RetryAfter(http.Header{"Retry-After": {tt.in}}, now); got != tt.want {
			t.Errorf("RetryAfter(%q) = %v, want %v", tt.in, got, tt.want)
		}
	}
}

func FuzzRetryAfter(f *testing.F) {
	for _, s := range []string{"", "7", "99999999999999999999", "Sun, 22 Nov 2026 12:00:30 GMT", "-1"} {
		f.Add(s)
	}
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, s string) {
		if got := RetryAfter(http.Header{"Retry-After": {s}}, now); got < 0 || got > MaxWait {
			t.Errorf("RetryAfter(%q) = %v, want within 0 and %v", s, got, MaxWait)
		}
	})
}
