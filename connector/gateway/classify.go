package gateway

import (
	"net/http"
	"strconv"
	"time"

	"github.com/navette-connect/navette/connector/payment"
)

// Class is what one exchange means for a request that may move money. The zero value is doubt: what nobody classified
// may have taken effect.
type Class int

// The classes.
const (
	Doubt       Class = iota // it may have acted: look it up before anything is sent again
	NotSent                  // certainly nothing arrived
	Taken                    // answered with success; the body says where it stands, and if it cannot be read: Doubt
	Refusal                  // refused for good if the PSP itself says so in the body, else the address is Wrong
	Credentials              // 401, 403: the gateway stops
	Wrong                    // a proxy, a wrong URL, a redirect: the gateway stops
	Later                    // certainly not taken: wait, send again
	LaterLook                // wait, look it up, send again
)

func (c Class) String() string {
	return [...]string{"doubt", "not sent", "taken", "refusal", "credentials", "wrong", "later", "later, look first"}[c]
}

// Classify is the one classifier of lost answers (contract §6). err is the failure of the exchange before a status came,
// nil otherwise; wrote tells whether a byte of the request may have left, true when not sure.
func Classify(status int, err error, wrote bool) Class {
	if err != nil {
		if wrote {
			return Doubt
		}
		return NotSent
	}
	switch {
	case status >= 200 && status <= 299:
		return Taken
	case status >= 300 && status <= 399:
		return Wrong
	}
	switch status {
	case 400, 404, 422:
		return Refusal
	case 402, 410, 413: // a PSP may well speak of this one payment so; without its own words it is Wrong like the rest
		return Refusal
	case 401, 403:
		return Credentials
	case 408, 425:
		return Doubt
	case 409: // the same key is in flight there
		return Doubt
	case 429:
		return Later
	case 503:
		return LaterLook
	}
	if status >= 400 && status <= 499 {
		return Wrong
	}
	return Doubt // other 5xx, and whatever is no status at all
}

// ReadKind says what a status other than success means for a request that only reads: its NV code and the kind of
// error. absent is the kind of "there is no such thing" (payment.ErrUnsupported for a look-up, payment.ErrUnknown for an
// object). Kind payment.ErrUncertain: ask again later.
func ReadKind(status int, absent error) (code string, kind error) {
	if status == http.StatusProxyAuthRequired || status >= 300 && status <= 399 {
		return CodeAddress, payment.ErrStopped
	}
	switch Classify(status, nil, true) {
	case Credentials:
		return CodeCredentials, payment.ErrStopped
	case Refusal, Wrong:
		return CodeUnsupported, absent
	case Later, LaterLook:
		return CodeBusy, payment.ErrUncertain
	}
	if status == http.StatusNotImplemented {
		return CodeUnsupported, absent
	}
	return CodeLost, payment.ErrUncertain
}

// MaxWait bounds what a Retry-After may ask for: an absurd one must not stop a gateway for a year.
const MaxWait = time.Hour

// RetryAfter reads the header of that name, in seconds or as an HTTP date; 0 when it is absent, unreadable or past, at
// most MaxWait.
func RetryAfter(h http.Header, now time.Time) time.Duration {
	v := h.Get("Retry-After")
	if v == "" {
		return 0
	}
	if digits(v) {
		n, err := strconv.ParseInt(v, 10, 64)
		if err != nil || n > int64(MaxWait/time.Second) { // out of range is a large number too
			return MaxWait
		}
		return time.Duration(n) * time.Second
	}
	t, err := http.ParseTime(v)
	if err != nil {
		return 0
	}
	return min(max(t.Sub(now), 0), MaxWait)
}

func digits(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}
