package config

import (
	"math"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/shopspring/decimal"
)

// want says in both languages what a value should have looked like.
type want struct{ fr, en string }

const day = 24 * time.Hour

func wantDuration() want {
	return want{"une durée comme 500ms, 10s, 5m, 2h ou 7d", "a duration such as 500ms, 10s, 5m, 2h or 7d"}
}

// parseDuration reads a Go duration, or days before it ("7d", "1d12h"). Never negative; at most 100 years.
func parseDuration(s string) (time.Duration, bool) {
	var total time.Duration
	if days, rest, ok := strings.Cut(s, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 16)
		if err != nil || n > 36500 {
			return 0, false
		}
		if total, s = time.Duration(n)*day, rest; s == "" {
			return total, true
		}
	}
	if s == "" || s[0] == '+' || s[0] == '-' {
		return 0, false
	}
	d, err := time.ParseDuration(s)
	if err != nil || total+d > 36500*day {
		return 0, false
	}
	return total + d, true
}

// ShowDuration writes a duration as the configuration is written: "7d", "30m", "1m30s".
func ShowDuration(d time.Duration) string {
	if d != 0 && d%day == 0 {
		return strconv.FormatInt(int64(d/day), 10) + "d"
	}
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = s[:len(s)-2]
	}
	if strings.HasSuffix(s, "h0m") {
		s = s[:len(s)-2]
	}
	return s
}

func wantSize() want {
	return want{"une taille comme 500kB, 200MB ou 4GB", "a size such as 500kB, 200MB or 4GB"}
}

// parseSize reads a number of bytes in powers of 1000: "200MB", "1.5GB", "4096".
func parseSize(s string) (int64, bool) {
	units := []struct {
		name string
		size int64
	}{{"kB", 1e3}, {"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12}, {"B", 1}, {"", 1}}
	for _, u := range units {
		number, ok := strings.CutSuffix(s, u.name)
		number = strings.TrimRight(number, " ")
		if !ok || !plainDecimal(number, 15, 9) {
			continue
		}
		d, err := decimal.NewFromString(number)
		if err != nil {
			return 0, false
		}
		if d = d.Mul(decimal.NewFromInt(u.size)); !d.IsInteger() || d.GreaterThan(decimal.NewFromInt(math.MaxInt64)) {
			return 0, false
		}
		return d.IntPart(), true
	}
	return 0, false
}

// plainDecimal tells whether s is digits, perhaps with a point and digits behind it.
func plainDecimal(s string, maxWhole, maxFraction int) bool {
	whole, fraction, point := strings.Cut(s, ".")
	digits := func(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }
	return digits(whole) && len(whole) <= maxWhole && (!point || digits(fraction) && len(fraction) <= maxFraction)
}

func wantRate() want { return want{"un débit comme 50/s ou 10/m", "a rate such as 50/s or 10/m"} }

// parseRate reads "50/s", "10/m", "100/h" as a number a second.
func parseRate(s string) (float64, bool) {
	number, unit, ok := strings.Cut(s, "/")
	per := map[string]float64{"s": 1, "m": 60, "h": 3600}[unit]
	if !ok || per == 0 || !plainDecimal(number, 6, 3) {
		return 0, false
	}
	n, err := strconv.ParseFloat(number, 64)
	if err != nil || n <= 0 {
		return 0, false
	}
	return n / per, true
}

func wantFileMode() want {
	return want{`des droits en octal comme "0640", lisibles du propriétaire et pas modifiables par tous`,
		`an octal mode such as "0640", readable by the owner and not writable by everybody`}
}

// parseFileMode reads permission bits in octal, "0640" or "640".
func parseFileMode(s string) (uint32, bool) {
	if len(s) != 3 && (len(s) != 4 || s[0] != '0') {
		return 0, false
	}
	n, err := strconv.ParseUint(s, 8, 32)
	if err != nil || n&0o400 == 0 || n&0o002 != 0 {
		return 0, false
	}
	return uint32(n), true
}

func wantAmount() want {
	return want{`un montant comme "50000.00", ou none`, `an amount such as "50000.00", or none`}
}

// parseAmount checks a decimal string or "none"; no sign, no thousands mark, a point.
func parseAmount(s string) (string, bool) {
	return s, s == "none" || plainDecimal(s, 15, 4)
}

// below tells whether amount a is strictly below b; "" and "none" are no amounts.
func below(a, b string) bool {
	x, err1 := decimal.NewFromString(a)
	y, err2 := decimal.NewFromString(b)
	return err1 == nil && err2 == nil && x.LessThan(y)
}

func wantName() want {
	return want{"un nom de lettres sans accent, chiffres, - et _, de 64 signes au plus", "a name of plain letters, digits, - and _, at most 64 characters"}
}

// validName keeps names fit for file names, metric labels and URL paths.
func validName(s string) bool { return made(s, 64, "_-") }

func wantLabel() want {
	return want{"lettres sans accent, chiffres et . _ : / @ -, de 128 signes au plus", "plain letters, digits and . _ : / @ -, at most 128 characters"}
}

// validLabel is validName with the marks that hand-set identities use.
func validLabel(s string) bool { return made(s, 128, "._:/@-") }

// made tells whether s begins with a letter or digit and holds only such and marks, at most limit bytes.
func made(s string, limit int, marks string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		alnum := c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !alnum && (i == 0 || strings.IndexByte(marks, c) < 0) {
			return false
		}
	}
	return s != "" && len(s) <= limit
}

func wantAddress() want {
	return want{"hôte:port comme 127.0.0.1:8730", "host:port such as 127.0.0.1:8730"}
}

// validAddress checks host:port for a listener; the host may be empty (every interface).
func validAddress(s string) bool {
	host, port, err := net.SplitHostPort(s)
	if err != nil || strings.ContainsAny(host, " /\\@") {
		return false
	}
	n, err := strconv.ParseUint(port, 10, 16)
	return err == nil && n <= 65535
}

func wantURL() want {
	return want{"une adresse comme https://psp.example/v1, sans ? ni #", "an address such as https://psp.example/v1, without ? or #"}
}

// parseURL reads an absolute http or https address without query and fragment.
func parseURL(s string) (*url.URL, bool) {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.Opaque != "" ||
		strings.ContainsAny(s, "?# ") {
		return nil, false
	}
	if p := u.Port(); p != "" {
		if n, err := strconv.ParseUint(p, 10, 16); err != nil || n == 0 {
			return nil, false
		}
	}
	return u, true
}

// loopback tells whether a host is this machine: localhost, 127.0.0.0/8 or ::1.
func loopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.Unmap().IsLoopback()
}
