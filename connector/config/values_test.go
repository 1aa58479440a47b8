package config

import (
	"path"
	"strings"
	"testing"
	"time"

	"golang.org/x/text/unicode/norm"
)

func TestParseDuration(t *testing.T) {
	for in, want := range map[string]time.Duration{
		"0": 0, "0s": 0, "500ms": 500 * time.Millisecond, "1.5s": 1500 * time.Millisecond, "10s": 10 * time.Second, "1h30m": 90 * time.Minute,
		"7d": 7 * day, "1d12h": 36 * time.Hour, "0d": 0, "100us": 100 * time.Microsecond,
	} {
		if got, ok := parseDuration(in); !ok || got != want {
			t.Errorf("parseDuration(%q) = %v, %v, want %v", in, got, ok, want)
		}
	}
	for _, in := range []string{"", "5", "-1s", "+1s", "1d-1h", "d", "-1d", "+1d", "1.5d", "7j", "1 s", "99999d", "1h1d", "36500d1h", "7dd"} {
		if got, ok := parseDuration(in); ok {
			t.Errorf("parseDuration(%q) = %v, want a refusal", in, got)
		}
	}
	for in, want := range map[time.Duration]string{0: "0s", 7 * day: "7d", 30 * time.Minute: "30m", 90 * time.Minute: "1h30m",
		2 * time.Hour: "2h", 90 * time.Second: "1m30s", 500 * time.Millisecond: "500ms", 10 * time.Minute: "10m", 10 * time.Hour: "10h"} {
		if got := ShowDuration(in); got != want {
			t.Errorf("ShowDuration(%v) = %q, want %q", in, got, want)
		}
	}
}

func TestParseSize(t *testing.T) {
	for in, want := range map[string]int64{"200MB": 200_000_000, "4GB": 4_000_000_000, "1.5GB": 1_500_000_000, "10kB": 10_000, "10KB": 10_000,
		"7B": 7, "4096": 4096, "2 TB": 2_000_000_000_000, "0.5kB": 500, "0": 0} {
		if got, ok := parseSize(in); !ok || got != want {
			t.Errorf("parseSize(%q) = %d, %v, want %d", in, got, ok, want)
		}
	}
	for _, in := range []string{"", "MB", "-1", "1e3", "1.5", "1.5B", "0.0005kB", "200mb", "1MiB", "1,5GB", "1_000", " 1", "9999999999TB", ".5kB", "5.kB"} {
		if got, ok := parseSize(in); ok {
			t.Errorf("parseSize(%q) = %d, want a refusal", in, got)
		}
	}
}

func TestParseRateModeAmount(t *testing.T) {
	for in, want := range map[string]float64{"50/s": 50, "30/m": 0.5, "3600/h": 1, "0.5/s": 0.5} {
		if got, ok := parseRate(in); !ok || got != want {
			t.Errorf("parseRate(%q) = %v, %v, want %v", in, got, ok, want)
		}
	}
	for _, in := range []string{"", "50", "/s", "0/s", "-1/s", "50/d", "50 /s", "1e2/s", "1/s/s", "NaN/s"} {
		if got, ok := parseRate(in); ok {
			t.Errorf("parseRate(%q) = %v, want a refusal", in, got)
		}
	}
	for in, want := range map[string]uint32{"0640": 0o640, "640": 0o640, "0600": 0o600, "0664": 0o664} {
		if got, ok := parseFileMode(in); !ok || got != want {
			t.Errorf("parseFileMode(%q) = %o, %v, want %o", in, got, ok, want)
		}
	}
	for _, in := range []string{"", "0", "64", "0o640", "0666", "0680", "1640", "04755", "0200", "rw-r"} {
		if got, ok := parseFileMode(in); ok {
			t.Errorf("parseFileMode(%q) = %o, want a refusal", in, got)
		}
	}
	for in, want := range map[string]bool{"50000.00": true, "0": true, "none": true, "1": true, "": false, "-1": false, "1,00": false,
		"1e3": false, ".5": false, "5.": false, "1.00001": false, "None": false, "1 000": false} {
		if _, ok := parseAmount(in); ok != want {
			t.Errorf("parseAmount(%q) = %v, want %v", in, ok, want)
		}
	}
}

func TestNearest(t *testing.T) {
	known := []string{"quiet", "match", "match_case", "on_error", "in", "out"}
	for in, want := range map[string]string{"quite": "quiet", "mach": "match", "Match": "match", "matchcase": "match_case", "on-error": "on_error",
		"inn": "in", "uot": "out", "colour": "", "x": "", strings.Repeat("q", 5000): ""} {
		if got := nearest(in, known); got != want {
			t.Errorf("nearest(%.20q) = %q, want %q", in, got, want)
		}
	}
}

func TestCommon(t *testing.T) {
	tests := []struct {
		p, q       string
		caseP, csQ bool
		want       bool
	}{
		{"*.csv", "*.txt", true, true, false},
		{"*", "*.txt", true, true, true},
		{"FACT*.csv", "AVOIR*.csv", true, true, false},
		{"FACT*.csv", "*AVOIR.csv", true, true, true},
		{"FACT*.csv", "fact*.csv", true, true, false},
		{"FACT*.csv", "fact*.csv", false, true, true},
		{"FACT*.csv", "fact*.csv", false, false, true},
		{"a?c", "ab*", true, true, true},
		{"a?", "a", true, true, false},
		{"[a-f]*", "[g-z]*", true, true, false},
		{"[a-g]*", "[g-z]*", true, true, true},
		{"[^a]x", "ax", true, true, false},
		{"[^a].csv", "a.csv", true, false, true}, // the second takes A.csv too
		{"[^a].csv", "[^b].csv", true, true, true},
		{"[A-Z]*", "[a-z]*", false, false, true},
		{"[A-z]*", "[B-z]*", false, false, true}, // small letters turn neither round
		{`\*.csv`, "a.csv", true, true, false},
		{`\*.csv`, "*.csv", true, true, true},
		{"e\u0301t\u00e9*", "\u00e9te\u0301.csv", true, true, true},
		{"a*b*c*d*e*f*g*h*x", "a*b*c*d*e*f*g*h*y", true, true, false},
	}
	for _, tt := range tests {
		name, got := common(tt.p, tt.q, tt.caseP, tt.csQ)
		if got != tt.want {
			t.Errorf("common(%q, %q, %v, %v) = %q, %v, want %v", tt.p, tt.q, tt.caseP, tt.csQ, name, got, tt.want)
		}
		if _, back := common(tt.q, tt.p, tt.csQ, tt.caseP); back != tt.want {
			t.Errorf("common(%q, %q) = %v, want %v either way", tt.q, tt.p, back, tt.want)
		}
	}
}

// FuzzCommon: what is a pattern here is one to path.Match, and the name found matches both.
func FuzzCommon(f *testing.F) {
	f.Add("FACT*.csv", "*AVOIR.csv", "FACTAVOIR.csv")
	f.Add("[^a-z]?*", `\[x`, "[x")
	f.Fuzz(func(t *testing.T, p, q, name string) {
		if _, ok := parsePattern(p, true); !ok {
			return
		}
		if _, ok := parsePattern(q, true); !ok {
			return
		}
		matches := func(p, name string) bool {
			ok, err := path.Match(norm.NFC.String(p), name)
			if err != nil {
				t.Errorf("path.Match(%q): %v, want it to be a pattern there too", p, err)
			}
			return ok
		}
		found, ok := common(p, q, true, true)
		if ok && !(matches(p, found) && matches(q, found)) {
			t.Errorf("common(%q, %q) = %q, which they do not match", p, q, found)
		}
		if !ok && matches(p, name) && matches(q, name) && !strings.ContainsRune(name, '\ufffd') {
			t.Errorf("common(%q, %q) finds nothing, but both match %q", p, q, name)
		}
	})
}

func FuzzValues(f *testing.F) {
	for _, s := range []string{"1d12h", "200MB", "50/s", "0640", "50000.00", "https://psp.example/v1", "127.0.0.1:8730", "postgres://u:p@h/d?password=x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if d, ok := parseDuration(s); ok {
			if again, ok := parseDuration(ShowDuration(d)); d < 0 || !ok || again != d {
				t.Errorf("parseDuration(%q) = %v, shown as %q, read again as %v", s, d, ShowDuration(d), again)
			}
		}
		if n, ok := parseSize(s); ok && n < 0 {
			t.Errorf("parseSize(%q) = %d, want none below zero", s, n)
		}
		if r, ok := parseRate(s); ok && !(r > 0) {
			t.Errorf("parseRate(%q) = %v, want it above zero", s, r)
		}
		if m, ok := parseFileMode(s); ok && m > 0o777 {
			t.Errorf("parseFileMode(%q) = %o, want permission bits", s, m)
		}
		if u, ok := parseURL(s); ok && u.Hostname() == "" {
			t.Errorf("parseURL(%q) has no host", s)
		}
		validAddress(s)
		redacted(s)
	})
}
